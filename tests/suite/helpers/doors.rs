//! One stop as each of the hooks carries it.

use super::Stop;
use super::resources::*;
use serde_json::{Value, json};

/// Request extension by which the demonstration's EHR says what made it open a chart.
pub const TRIGGER: &str = "org.stepdown.demo.trigger";

/// Hooks that carry orders.
pub const WITH_ORDERS: [&str; 4] = [
    "medication-discontinue",
    "order-discontinue",
    "order-sign",
    "order-select",
];

/// Hooks that carry ids only.
pub const WITH_IDS: [&str; 2] = ["encounter-discharge", "patient-view"];

/// The call of a hook about a stop. At a hook with ids the stop is on record; `patient-view` is announced.
pub fn through(stop: &Stop, hook: &str) -> Value {
    let mut request = stop.request();
    request["hook"] = json!(hook);
    let (stopping, drafts) = stop.changes();
    let context = request["context"].as_object_mut().unwrap();
    match hook {
        "medication-discontinue" | "order-discontinue" => {}
        "order-sign" | "order-select" => {
            context.remove("toBeDiscontinued");
            let session = [drafts, stopping].concat();
            context.insert("draftOrders".to_owned(), bundle("collection", &session));
            if hook == "order-select" {
                let id = stopping[0]["id"].as_str().unwrap();
                context.insert(
                    "selections".to_owned(),
                    json!([format!("MedicationRequest/{id}")]),
                );
            }
        }
        "encounter-discharge" | "patient-view" => {
            context.remove("toBeDiscontinued");
            context.remove("draftOrders");
            request["prefetch"] = stop.afterwards();
        }
        other => panic!("no door {other}"),
    }
    if hook == "patient-view" {
        request["extension"] = json!({TRIGGER: "discontinue"});
    }
    request
}
