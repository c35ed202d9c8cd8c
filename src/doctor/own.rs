//! Our own public address, as an EHR and a browser reach it.
//!
//! Turns `public-url` into findings: does it lead to this service, over TLS, with our keys, for the pages that may
//! call? The machine that runs the doctor may see less than the EHR; the findings say what was seen from here.

use super::ask::{Answer, Asker, days_left, judge_days};
use super::{Finding, Findings, public_url};
use crate::clinical::knowledge::Knowledge;
use crate::config::Config;
use crate::outbound::is_loopback;
use crate::smart::survey::Survey;
use serde_json::Value;
use url::Url;

/// Looks at the address under which callers reach the service.
pub(super) async fn examine(config: &Config, knowledge: Option<&Knowledge>) -> Vec<Finding> {
    let mut findings = Findings::about("service");
    let own = config.tls.as_ref().and_then(|tls| tls.identity.cert.first());
    if let Some(days) = own.and_then(|certificate| days_left(certificate)) {
        judge_days("service.own-certificate", days, &mut findings);
    }
    let public = public_url(config);
    secure(&public, &mut findings);
    let services = Url::parse(&format!("{public}/cds-services"));
    let (Ok(services), Ok(asker)) = (services, Asker::new(None)) else {
        return findings.list;
    };
    match asker.get(&services, "application/json").await {
        Ok(answer) => {
            answer.judge_certificate("service.certificate", &mut findings);
            discovery(&answer, &services, knowledge, &mut findings);
            own_keys(config, &public, &asker, &mut findings).await;
            browsers(config, &services, &asker, &mut findings).await;
        }
        Err(_) if config.tls.as_ref().is_some_and(|tls| tls.clients.is_some()) => {
            let says =
                "client-ca lets nobody in without a certificate: the address was not looked at from here.";
            findings.warning(
                "service.reachable",
                says,
                "ask for it with a certificate of the EHR, say with curl.",
            );
        }
        Err(why) => {
            let says = format!("{services} does not answer: {why}.");
            let remedy = "start the service and the proxy, then run the doctor again; also try it from the EHR's network.";
            findings.problem("service.reachable", says, remedy);
        }
    }
    findings.list
}

fn secure(public: &str, findings: &mut Findings<'_>) {
    let url = Url::parse(public).ok();
    if url.as_ref().is_some_and(|url| url.scheme() == "https") {
        findings.ok("service.secure", format!("{public} is https."));
    } else if url.as_ref().is_some_and(is_loopback) {
        let says = format!(
            "{public} is this machine only: no EHR can call it, and cards carry no link to their basis."
        );
        findings.warning(
            "service.secure",
            says,
            "set public-url to the address of the proxy.",
        );
    } else {
        let says = format!("{public} is not https: tokens and records would travel in plain text.");
        findings.problem(
            "service.secure",
            says,
            "put TLS in front ([tls] or the proxy) and correct public-url.",
        );
    }
}

fn discovery(answer: &Answer, address: &Url, knowledge: Option<&Knowledge>, findings: &mut Findings<'_>) {
    let remedy =
        "let the proxy pass the whole path to the service; public-url has no part of it too many or too few.";
    let list = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    let Some(services) = list["services"].as_array().filter(|_| answer.status == 200) else {
        let says = format!("{address}: {}, and not our list of services.", answer.told());
        findings.problem("service.reachable", says, remedy);
        return;
    };
    let listed = |id: &str| services.iter().any(|service| service["id"] == id);
    let missing = knowledge
        .iter()
        .flat_map(|of| &of.services)
        .any(|service| !listed(&service.id));
    if missing {
        let says = format!("{address} lists other services than these settings would.");
        findings.warning(
            "service.reachable",
            says,
            "reload the service, or look which one answers there.",
        );
    } else {
        findings.ok(
            "service.reachable",
            format!("{address} lists our {} services.", services.len()),
        );
    }
}

/// Whether the public halves of our keys stand where authorization servers look for them.
async fn own_keys(config: &Config, public: &str, asker: &Asker, findings: &mut Findings<'_>) {
    let ours = config
        .clients
        .iter()
        .filter_map(|client| Survey::of(client).ok().flatten()?.public_key());
    let ours: Vec<Value> = ours.collect();
    let Some(address) = Url::parse(&format!("{public}/smart/jwks.json"))
        .ok()
        .filter(|_| !ours.is_empty())
    else {
        return;
    };
    let remedy = "let the proxy pass /smart/jwks.json; after a change of key-file, reload.";
    let published = match asker.get(&address, "application/json").await {
        Ok(answer) if answer.status == 200 => answer.body,
        Ok(answer) => {
            findings.problem("service.keys", format!("{address}: {}.", answer.told()), remedy);
            return;
        }
        Err(why) => {
            findings.problem(
                "service.keys",
                format!("{address} does not answer: {why}."),
                remedy,
            );
            return;
        }
    };
    let set = serde_json::from_slice::<Value>(&published).unwrap_or_default();
    let none = Vec::new();
    let keys = set["keys"].as_array().unwrap_or(&none);
    let whole = |key: &Value| key["use"] == "sig" && key["alg"].is_string() && key.get("d").is_none();
    let found = |ours: &Value| keys.iter().any(|key| key["kid"] == ours["kid"] && whole(key));
    if ours.iter().all(found) {
        let says = format!(
            "{address} publishes our {} keys with kid, use and alg.",
            ours.len()
        );
        findings.ok("service.keys", says);
    } else {
        let says =
            format!("{address} does not publish the key of every key-file: token requests will be refused.");
        findings.problem("service.keys", says, remedy);
    }
}

/// Whether pages of the listed origins may call, through whatever stands in front.
async fn browsers(config: &Config, services: &Url, asker: &Asker, findings: &mut Findings<'_>) {
    for origin in &config.cors_origins {
        let allowed = asker.preflight(services, origin).await.is_ok_and(|answer| {
            let header = answer.headers.get("access-control-allow-origin");
            answer.status < 300 && header.is_some_and(|value| value.as_bytes() == origin.as_bytes())
        });
        if allowed {
            findings.ok("service.cors", format!("pages of {origin} may call."));
        } else {
            let says = format!("a browser would not let a page of {origin} call.");
            findings.problem("service.cors", says, "let the proxy pass OPTIONS and the headers access-control-*; restart after a change of cors-origins.");
        }
    }
}
