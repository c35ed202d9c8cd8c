//! What leaves on discovery: the services, with the prefetch that the tables need.
//!
//! Written once at start-up. CDS Hooks 2.0.1 "Discovery"; `version` is the field of 3.0, and so are the dates in
//! templates, which stand in entries of their own.

use crate::clinical::knowledge::{Knowledge, Service};
use serde::Serialize;
use std::collections::BTreeMap;

/// Version of the CDS Hooks specification that the answers follow.
const SPECIFICATION: &str = "2.0.1";

#[derive(Serialize)]
struct Services<'a> {
    services: Vec<ServiceOut<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceOut<'a> {
    hook: &'a str,
    title: &'a str,
    description: &'a str,
    id: &'a str,
    prefetch: &'a BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    usage_requirements: &'a str,
    version: &'static str,
}

/// The body of `GET /cds-services`; services whose templates may hold FHIRPath get the dated ones.
///
/// # Errors
/// If the list cannot be written as JSON.
pub fn body(
    knowledge: &Knowledge,
    plain: &BTreeMap<&str, String>,
    dated: &BTreeMap<&str, String>,
) -> Result<String, serde_json::Error> {
    let services = knowledge.services.iter().map(|s| ServiceOut {
        hook: &s.hook,
        title: &s.title,
        description: &s.description,
        id: &s.id,
        prefetch: if s.dated { dated } else { plain },
        usage_requirements: &s.usage,
        version: SPECIFICATION,
    });
    serde_json::to_string(&Services {
        services: services.collect(),
    })
}

/// The services, each followed by one with dates in its templates (CDS Hooks 3.0, "Prefetch tokens"): same hook, same
/// advice, less to send.
pub fn with_dated(services: Vec<Service>) -> Vec<Service> {
    let twice = |service: Service| {
        let dated = Service {
            id: format!("{}-dated", service.id).into(),
            hook: service.hook.clone(),
            title: service.title.clone(),
            description: service.description.clone(),
            usage: format!(
                "{} For clients that resolve today() in prefetch templates (CDS Hooks 3.0).",
                service.usage
            )
            .into(),
            stopped_within: service.stopped_within,
            dated: true,
        };
        [service, dated]
    };
    services.into_iter().flat_map(twice).collect()
}
