//! The FHIR server of a client: is it there, does it speak R4, does it offer the reads and searches that we use?
//!
//! Turns its capability statement into findings, beside the very queries that a hook call would send. A statement
//! says less than many servers can; what it leaves out is at most a warning. No record is read.

use super::Findings;
use super::ask::{Answer, Asker, shown};
use crate::clinical::knowledge::Knowledge;
use crate::clinical::record::{SOURCES, Source};
use crate::clock::Clock;
use crate::config::ClientConfig;
use crate::fhir::query::{Asking, address, kind};
use crate::fhir::terms::LocalCodes;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

/// Parameters that a statement does not list with the others.
const OF_RESULTS: [&str; 3] = ["_count", "_sort", "_include"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    resource_type: String,
    fhir_version: String,
    #[serde(default)]
    rest: Vec<Rest>,
}

#[derive(Deserialize)]
struct Rest {
    #[serde(default)]
    resource: Vec<Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    r#type: String,
    #[serde(default)]
    interaction: Vec<Value>,
    #[serde(default)]
    search_param: Vec<Value>,
    #[serde(default)]
    search_include: Vec<String>,
}

/// Looks at the server of a client.
pub(super) async fn examine(
    client: &ClientConfig,
    knowledge: &Knowledge,
    asker: &Asker,
    findings: &mut Findings<'_>,
) {
    let base = &client.fhir_base;
    let Ok(metadata) = base.join("metadata") else {
        return;
    };
    let answer = match asker.get(&metadata, "application/fhir+json").await {
        Ok(answer) => answer,
        Err(why) => {
            let says = format!("{base} does not answer: {why}. What prefetch does not bring will be a gap.");
            let remedy = "check fhir-base, name service and firewall; where the server asks for a certificate or has one \
                          of the hospital's own authority, set [client.tls].";
            findings.problem("fhir.reachable", says, remedy);
            return;
        }
    };
    answer.judge_clock(findings);
    answer.judge_certificate("fhir.certificate", findings);
    if let Some(statement) = statement(&answer, base, findings) {
        version(&statement, findings);
        capabilities(&statement, client, knowledge, findings);
    }
}

fn statement(answer: &Answer, base: &Url, findings: &mut Findings<'_>) -> Option<Statement> {
    let remedy = "compare fhir-base with the address that the EHR's team names; it ends before `/metadata`.";
    match answer.status {
        200 => {}
        401 | 403 => {
            let says = "the server answers and shows its capability statement to nobody without a token.";
            findings.warning(
                "fhir.reachable",
                says,
                "ask the EHR's team for the statement and compare it by hand.",
            );
            return None;
        }
        _ => {
            findings.problem(
                "fhir.reachable",
                format!("{base}metadata: {}.", answer.told()),
                remedy,
            );
            return None;
        }
    }
    let read = serde_json::from_slice::<Statement>(&answer.body).ok();
    let read = read.filter(|statement| statement.resource_type == "CapabilityStatement");
    match &read {
        Some(_) => findings.ok("fhir.reachable", format!("{base} answers.")),
        None => findings.problem(
            "fhir.reachable",
            format!("{base}metadata is no capability statement in JSON."),
            remedy,
        ),
    }
    read
}

fn version(statement: &Statement, findings: &mut Findings<'_>) {
    let version = shown(&statement.fhir_version);
    if statement.fhir_version.starts_with("4.0") {
        findings.ok("fhir.version", format!("FHIR {version}."));
    } else {
        let says = format!("FHIR {version}; the service reads R4 (4.0).");
        findings.problem(
            "fhir.version",
            says,
            "ask the EHR's team for the R4 base address.",
        );
    }
}

/// What is asked of a type: the parameters of all its searches; none for one that is only read.
fn asked(client: &ClientConfig, knowledge: &Knowledge) -> BTreeMap<&'static str, BTreeSet<String>> {
    let local = LocalCodes::default();
    let asking = Asking {
        patient: "1",
        needs: &knowledge.needs,
        vocabulary: &knowledge.vocabulary,
        local: &local,
        now: Clock::Real.now().as_second(),
    };
    let mut asked: BTreeMap<&'static str, BTreeSet<String>> =
        BTreeMap::from([("Medication", BTreeSet::new())]);
    for source in SOURCES {
        let url = address(source, &asking, &client.fhir_base);
        let names = url.iter().flat_map(|url| {
            url.query_pairs()
                .map(|(name, _)| name.into_owned())
                .collect::<Vec<_>>()
        });
        asked.entry(kind(source)).or_default().extend(names);
    }
    asked
}

fn capabilities(
    statement: &Statement,
    client: &ClientConfig,
    knowledge: &Knowledge,
    findings: &mut Findings<'_>,
) {
    let listed: Vec<&Resource> = statement.rest.iter().flat_map(|rest| &rest.resource).collect();
    for (kind, parameters) in asked(client, knowledge) {
        let Some(resource) = listed.iter().find(|resource| resource.r#type == kind) else {
            missing(kind, findings);
            continue;
        };
        let lacks = lacks(resource, &parameters);
        let searched = match parameters.is_empty() {
            true => "read".to_owned(),
            false => format!("search by {}", Vec::from_iter(parameters).join(", ")),
        };
        if lacks.is_empty() {
            findings.ok("fhir.capabilities", format!("{kind}: {searched}."));
        } else {
            let says = format!(
                "{kind}: the statement does not list {}; used: {searched}.",
                lacks.join(", ")
            );
            let remedy =
                "try the search by hand; what fails will be a gap on the cards unless prefetch brings it.";
            findings.warning("fhir.capabilities", says, remedy);
        }
    }
}

/// A type that is not there at all.
fn missing(kind: &str, findings: &mut Findings<'_>) {
    let needed = kind == crate::fhir::query::kind(Source::Medications);
    let says = format!("{kind}: the statement does not list it.");
    if needed {
        let remedy = "without a medication list the hooks that carry ids only answer 412: let prefetch bring it, or ask \
                      the EHR's team to open it.";
        findings.problem("fhir.capabilities", says, remedy);
    } else {
        let remedy =
            "let prefetch bring it, or ask the EHR's team to open it; until then the cards name it as a gap.";
        findings.warning("fhir.capabilities", says, remedy);
    }
}

fn lacks(resource: &Resource, parameters: &BTreeSet<String>) -> Vec<String> {
    let mut lacks = Vec::new();
    let needed = if parameters.is_empty() {
        "read"
    } else {
        "search-type"
    };
    if !resource
        .interaction
        .iter()
        .any(|interaction| interaction["code"] == needed)
    {
        lacks.push(format!("the interaction {needed}"));
    }
    // Many statements leave the list out altogether; that says nothing.
    let has = |name: &str| {
        resource
            .search_param
            .iter()
            .any(|parameter| parameter["name"] == name)
    };
    if !resource.search_param.is_empty() {
        let missing = parameters
            .iter()
            .filter(|name| !OF_RESULTS.contains(&name.as_str()) && !has(name));
        lacks.extend(missing.map(|name| format!("the parameter {name}")));
    }
    let include = "MedicationRequest:medication";
    let includes = &resource.search_include;
    if parameters.contains("_include")
        && !includes.is_empty()
        && !includes.iter().any(|of| of == include || of == "*")
    {
        lacks.push(format!("_include={include}"));
    }
    lacks
}
