//! What is asked of an EHR, as prefetch templates and as searches of our own.
//!
//! Turns the needs of the tables into one query for each source. Templates stay in the subset that clients
//! of CDS Hooks 2.0.1 resolve: `{{context.patientId}}`, equality of tokens, `_count`, `_sort`, `_include`.
//! A search of our own adds the earliest date, which a template cannot carry.
//!
//! Observations are asked for by code. Long lists break the address limits of servers and proxies, so the
//! codes are written with their system while they fit, without it when they do not, and left out when even
//! that is too long: more results then come than are needed, newest first, and none is lost. POST `_search`
//! would carry more, but fewer servers and fewer of the scopes in use allow it.
//! Medications are never filtered by code: an order that refers to a Medication would be lost.

use super::terms::LocalCodes;
use crate::clinical::knowledge::Needs;
use crate::clinical::record::{SOURCES, Source};
use crate::clinical::vocabulary::{AnalyteId, Vocabulary};
use crate::clinical::when::When;
use std::collections::BTreeMap;
use url::Url;

/// Longest value of `code` that is sent.
const LONGEST_CODES: usize = 1_800;

/// The type of resource that a source is searched for.
pub(crate) fn kind(source: Source) -> &'static str {
    match source {
        Source::Patient => "Patient",
        Source::Medications => "MedicationRequest",
        Source::Observations | Source::Screens => "Observation",
        Source::Conditions => "Condition",
        Source::Allergies => "AllergyIntolerance",
        Source::Procedures => "Procedure",
    }
}

/// Resources on a page.
const PAGE: &str = "200";

/// The patient's place in a template.
const TOKEN: &str = "{{context.patientId}}";

/// Type and parameters of a query.
struct Query {
    kind: &'static str,
    parameters: Vec<(&'static str, String)>,
}

/// Prefetch templates by key, one for each source.
pub fn templates(needs: &Needs, vocabulary: &Vocabulary) -> BTreeMap<&'static str, String> {
    let no_codes = LocalCodes::default();
    let template = |source: Source| match query(source, TOKEN, needs, vocabulary, &no_codes) {
        None => format!("Patient/{TOKEN}"),
        Some(query) => {
            let pairs: Vec<String> = query
                .parameters
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!("{}?{}", query.kind, pairs.join("&"))
        }
    };
    SOURCES
        .into_iter()
        .map(|source| (source.key(), template(source)))
        .collect()
}

/// The same templates with the earliest date of results, for clients that resolve `today()` (CDS Hooks 3.0).
pub fn dated_templates(needs: &Needs, vocabulary: &Vocabulary) -> BTreeMap<&'static str, String> {
    let mut all = templates(needs, vocabulary);
    if let Some(observations) = all.get_mut(Source::Observations.key())
        && needs.observation_days > 0
    {
        let days = needs.observation_days;
        observations.push_str(&format!("&date=ge{{{{today() - {days} days}}}}"));
    }
    all
}

/// What decides the searches of one evaluation.
pub(crate) struct Asking<'a> {
    pub(crate) patient: &'a str,
    pub(crate) needs: &'a Needs,
    pub(crate) vocabulary: &'a Vocabulary,
    pub(crate) local: &'a LocalCodes,
    /// Seconds since 1970.
    pub(crate) now: i64,
}

/// Address of the read or search for a source, on a FHIR base.
pub(crate) fn address(source: Source, asking: &Asking<'_>, base: &Url) -> Option<Url> {
    match query(
        source,
        asking.patient,
        asking.needs,
        asking.vocabulary,
        asking.local,
    ) {
        None => below(base, &["Patient", asking.patient]),
        Some(query) => {
            let mut url = below(base, &[query.kind])?;
            let mut pairs = url.query_pairs_mut();
            for (name, value) in &query.parameters {
                pairs.append_pair(name, value);
            }
            if source == Source::Observations && asking.needs.observation_days > 0 {
                let first = asking.now - i64::from(asking.needs.observation_days) * 86_400;
                pairs.append_pair("date", &format!("ge{}", When::date_of(first)));
            }
            drop(pairs);
            Some(url)
        }
    }
}

/// Address of the search for results from before those that decide, back to a number of days: the same codes.
/// `None` where nothing lies between.
pub(crate) fn earlier(days: u32, asking: &Asking<'_>, base: &Url) -> Option<Url> {
    let needs = asking.needs;
    if needs.observation_days == 0 || days <= needs.observation_days {
        return None;
    }
    let source = Source::Observations;
    let query = query(source, asking.patient, needs, asking.vocabulary, asking.local)?;
    let mut url = below(base, &[query.kind])?;
    let day = |back: u32| When::date_of(asking.now - i64::from(back) * 86_400);
    url.query_pairs_mut()
        .extend_pairs(&query.parameters)
        .append_pair("date", &format!("ge{}", day(days)))
        .append_pair("date", &format!("lt{}", day(needs.observation_days)));
    Some(url)
}

/// A path below a FHIR base.
pub(crate) fn below(base: &Url, segments: &[&str]) -> Option<Url> {
    let mut url = base.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.path_segments_mut().ok()?.pop_if_empty().extend(segments);
    Some(url)
}

/// The search for a source; `None` for the patient, who is read.
fn query(
    source: Source,
    patient: &str,
    needs: &Needs,
    vocabulary: &Vocabulary,
    local: &LocalCodes,
) -> Option<Query> {
    let mut parameters = vec![("patient", patient.to_owned())];
    match source {
        Source::Patient => return None,
        Source::Medications => {
            parameters.push(("_include", "MedicationRequest:medication".to_owned()));
        }
        Source::Observations | Source::Screens => {
            let analytes = if source == Source::Screens {
                &needs.screens
            } else {
                &needs.observations
            };
            parameters.extend(codes(analytes, vocabulary, local).map(|codes| ("code", codes)));
            parameters.push(("_sort", "-date".to_owned()));
        }
        Source::Conditions | Source::Allergies | Source::Procedures => {}
    }
    parameters.push(("_count", PAGE.to_owned()));
    let kind = kind(source);
    Some(Query { kind, parameters })
}

/// The codes of the analytes, sorted, in the longest form that fits; `None` if none does.
fn codes(analytes: &[AnalyteId], vocabulary: &Vocabulary, local: &LocalCodes) -> Option<String> {
    let wanted = |system: &str, code: &str| {
        vocabulary
            .lab_code(system, code)
            .is_some_and(|lab| analytes.contains(&lab.analyte))
    };
    let standard = vocabulary
        .lab_codes
        .iter()
        .filter(|(_, lab)| analytes.contains(&lab.analyte));
    let standard = standard.map(|((system, code), _)| (preferred(*system, vocabulary), &**code));
    let own = local.iter().filter(|(_, _, (system, code))| wanted(system, code));
    let own = own.map(|(system, code, _)| (system, code));
    let mut codes: Vec<(&str, &str)> = standard.chain(own).collect();
    codes.sort_unstable();
    codes.dedup();
    let qualified = |(system, code): &(&str, &str)| match system.is_empty() {
        true => (*code).to_owned(),
        false => format!("{system}|{code}"),
    };
    let full = codes.iter().map(qualified).collect::<Vec<String>>().join(",");
    let bare = || {
        codes
            .iter()
            .map(|(_, code)| *code)
            .collect::<Vec<&str>>()
            .join(",")
    };
    let fits = |list: &String| !list.is_empty() && list.len() <= LONGEST_CODES;
    Some(full).filter(fits).or_else(|| Some(bare()).filter(fits))
}

/// The address of a code system that servers know best: http before the rest, then the shortest.
fn preferred(key: u8, vocabulary: &Vocabulary) -> &str {
    let addresses = vocabulary
        .systems
        .iter()
        .filter(|(_, of)| **of == key)
        .map(|(address, _)| &**address);
    addresses
        .min_by_key(|address| (!address.starts_with("http"), address.len(), *address))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::samples::vocabulary;
    use super::*;
    use crate::clinical::vocabulary::{LabCode, LevelTiming};

    fn needs() -> Needs {
        Needs {
            observations: vec![AnalyteId(0), AnalyteId(1)],
            screens: vec![AnalyteId(2)],
            observation_days: 30,
        }
    }

    #[test]
    fn there_is_a_portable_template_for_each_source() {
        let all = templates(&needs(), &vocabulary());
        assert_eq!(all.len(), 7);
        assert_eq!(all["patient"], "Patient/{{context.patientId}}");
        assert_eq!(
            all["observations"],
            "Observation?patient={{context.patientId}}&code=urn:lab|L,urn:lab|LT,urn:lab|R&_sort=-date&_count=200"
        );
        assert!(all["medications"].contains("_include=MedicationRequest:medication"));
        assert!(all.values().all(|template| !template.contains("today()")));
    }

    #[test]
    fn a_long_list_of_codes_loses_its_systems_then_itself() {
        let mut vocabulary = vocabulary();
        let lab = || LabCode {
            analyte: AnalyteId(0),
            timing: LevelTiming::Unstated,
            assay: "".into(),
        };
        for n in 0..150 {
            vocabulary
                .lab_codes
                .insert((1, format!("{n:05}-0").into()), lab());
        }
        let template = &templates(&needs(), &vocabulary)["observations"];
        assert!(template.contains("code=00000-0,00001-0,") && template.len() < 2_000);
        for n in 0..400 {
            vocabulary
                .lab_codes
                .insert((1, format!("{n:06}-0").into()), lab());
        }
        assert!(!templates(&needs(), &vocabulary)["observations"].contains("code="));
    }

    #[test]
    fn a_search_has_a_first_date_and_the_clients_own_codes() {
        let (needs, vocabulary, mut local) = (needs(), vocabulary(), LocalCodes::default());
        local.insert("urn:site", "TACRO", ("urn:lab", "L"));
        local.insert("urn:site", "OTHER", ("urn:lab", "V"));
        let asking = Asking {
            patient: "p1",
            needs: &needs,
            vocabulary: &vocabulary,
            local: &local,
            now: super::super::samples::NOW,
        };
        let base = Url::parse("https://ehr.example/fhir/").unwrap();
        let url = address(Source::Observations, &asking, &base).unwrap();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        assert_eq!(url.path(), "/fhir/Observation");
        assert!(pairs.contains(&("date".into(), "ge2026-10-23".into())));
        assert!(
            pairs
                .iter()
                .any(|(name, value)| name == "code" && value.contains("urn:site|TACRO"))
        );
        assert!(!url.as_str().contains("OTHER"));
        assert_eq!(
            address(Source::Patient, &asking, &base).unwrap().path(),
            "/fhir/Patient/p1"
        );
    }
}
