//! What leaves on discovery: the services, with the prefetch that the tables need.
//!
//! Written once at start-up. CDS Hooks 2.0.1 "Discovery"; `version` is the field of 3.0.

use crate::clinical::knowledge::Knowledge;
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

/// The body of `GET /cds-services`.
///
/// # Errors
/// If the list cannot be written as JSON.
pub fn body(knowledge: &Knowledge, prefetch: &BTreeMap<&str, String>) -> Result<String, serde_json::Error> {
    let services = knowledge.services.iter().map(|s| ServiceOut {
        hook: &s.hook,
        title: &s.title,
        description: &s.description,
        id: &s.id,
        prefetch,
        usage_requirements: &s.usage,
        version: SPECIFICATION,
    });
    serde_json::to_string(&Services {
        services: services.collect(),
    })
}
