//! Fires a CDS Hooks request as an EHR would, and takes the answer.
//!
//! In: a patient, a change and a choice of door. Out: the request as it was sent and the answer with its
//! status and time. It finds the service by its hook in discovery, fills the prefetch templates from the
//! demo's own records, and calls over HTTP on the loopback interface, so that what is seen is what any
//! client would see (CDS Hooks 2.0.1, "Discovery", "Calling a CDS Service", "Feedback"). It never calls the
//! service's code directly.

use super::change::Change;
use super::search::Query;
use super::stories::DemoPatient;
use super::{DemoState, resource};
use crate::config::{DEMO_APP, DEMO_LAUNCH, DEMO_STOP, DEMO_TRIGGER};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Hooks that the page can fire, with the words of the form.
pub(super) const DOORS: [(&str, &str); 7] = [
    (
        "medication-discontinue",
        "medication-discontinue: the change is about to be signed",
    ),
    (
        "order-discontinue",
        "order-discontinue: the same under the name of the open HL7 draft",
    ),
    (
        "order-sign",
        "order-sign: the changed orders are signed together with drafts",
    ),
    ("order-select", "order-select: the changed orders were selected"),
    (
        "encounter-discharge",
        "encounter-discharge: the patient goes home with the record as it is",
    ),
    (
        "patient-view",
        "patient-view: the chart is opened, nothing is changed",
    ),
    (
        AFTER_STOP,
        "patient-view, from the EHR's own trigger: orders on record were stopped",
    ),
];

/// The door of an EHR that has no hook for a stop.
const AFTER_STOP: &str = "patient-view-after-stop";

/// The hook that is fired at a door.
pub(super) fn hook_of(door: &str) -> &str {
    if door == AFTER_STOP { "patient-view" } else { door }
}

/// Whether a door takes the record as it is, without the change of the form.
pub(super) fn takes_the_record(door: &str) -> bool {
    matches!(hook_of(door), "encounter-discharge" | "patient-view")
}

/// One entry of discovery.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Service {
    /// Service id.
    pub(super) id: String,
    hook: String,
    #[serde(default)]
    prefetch: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Discovery {
    services: Vec<Service>,
}

/// What came back.
pub(super) struct Answer {
    /// HTTP status.
    pub(super) status: u16,
    /// Milliseconds until the whole body was there.
    pub(super) millis: u128,
    /// Body, where it is JSON.
    pub(super) body: Value,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// Nobody listens, or the connection broke.
    #[error("The service could not be reached.")]
    NotReached(#[from] reqwest::Error),
    /// Discovery is not what the standard says.
    #[error("The discovery answer could not be read.")]
    BadDiscovery(#[from] serde_json::Error),
    /// No service for the hook.
    #[error("No service is listed for this hook.")]
    NoService,
}

/// Finds the service for a door's hook in discovery.
pub(super) async fn service(state: &DemoState, door: &str) -> Result<Service, NoAnswer> {
    let hook = hook_of(door);
    let address = format!("{}/cds-services", state.base);
    let body = state
        .client
        .get(address)
        .timeout(TIMEOUT)
        .send()
        .await?
        .error_for_status()?
        .bytes()
        .await?;
    let listed: Discovery = serde_json::from_slice(&body)?;
    listed
        .services
        .into_iter()
        .find(|service| service.hook == hook)
        .ok_or(NoAnswer::NoService)
}

const TIMEOUT: Duration = Duration::from_secs(20);

/// Posts JSON to a path below `/cds-services/`.
pub(super) async fn post(state: &DemoState, path: &str, body: &Value) -> Result<Answer, NoAnswer> {
    let start = Instant::now();
    let address = format!("{}/cds-services/{path}", state.base);
    let request = state
        .client
        .post(address)
        .header("content-type", "application/json")
        .timeout(TIMEOUT);
    let response = request.body(body.to_string()).send().await?;
    let status = response.status().as_u16();
    let bytes = response.bytes().await?;
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Ok(Answer {
        status,
        millis: start.elapsed().as_millis(),
        body,
    })
}

/// Builds the request. With prefetch the record travels along; without it the service gets the address of
/// the demo's FHIR server and its token.
pub(super) fn request(
    state: &DemoState,
    patient: &DemoPatient,
    change: &Change,
    service: &Service,
    (door, prefetch): (&str, bool),
) -> Value {
    let mut request = json!({
        "hook": service.hook,
        "hookInstance": uuid::Uuid::new_v4().to_string(),
        "context": context(&service.hook, patient, change),
        "extension": {DEMO_APP: DEMO_LAUNCH},
    });
    if door == AFTER_STOP {
        request["extension"][DEMO_TRIGGER] = DEMO_STOP.into();
    }
    if prefetch {
        request["prefetch"] = filled(state, &request["context"], service);
    } else {
        request["fhirServer"] = state.fhir_base().into();
        request["fhirAuthorization"] = json!({
            "access_token": state.token.expose_secret(),
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "patient/*.rs",
            "subject": "stepdown-demo",
            "patient": patient.id,
        });
    }
    request
}

fn context(hook: &str, patient: &DemoPatient, change: &Change) -> Value {
    let mut context = json!({"userId": "Practitioner/demo-prescriber", "patientId": patient.id});
    match hook {
        "order-sign" | "order-select" => {
            let all = change
                .orders
                .iter()
                .chain(&change.drafts)
                .chain(&change.medications);
            context["draftOrders"] = collection(all);
            if hook == "order-select" {
                let reference = |order| format!("MedicationRequest/{}", resource::id(order));
                context["selections"] = change
                    .orders
                    .iter()
                    .chain(&change.drafts)
                    .map(reference)
                    .collect();
            }
        }
        "medication-discontinue" | "order-discontinue" => {
            context["toBeDiscontinued"] = collection(change.orders.iter().chain(&change.medications));
            if !change.drafts.is_empty() {
                context["draftOrders"] = collection(change.drafts.iter());
            }
        }
        "encounter-discharge" => context["encounterId"] = "demo-stay".into(),
        _ => {}
    }
    context
}

fn collection<'a>(resources: impl Iterator<Item = &'a Value>) -> Value {
    let entries: Vec<_> = resources.map(|found| json!({"resource": found})).collect();
    json!({"resourceType": "Bundle", "type": "collection", "entry": entries})
}

/// Runs the service's prefetch templates; one that cannot be filled or run is left out, as clients do.
fn filled(state: &DemoState, context: &Value, service: &Service) -> Value {
    let records = state.records();
    let run = |(key, template): (&String, &String)| {
        Some((key.clone(), prefetched(state, context, template, &records)?))
    };
    Value::Object(service.prefetch.iter().filter_map(run).collect())
}

fn prefetched(state: &DemoState, context: &Value, template: &str, records: &[Arc<Value>]) -> Option<Value> {
    let address = substituted(template, context)?;
    let Some((kind, parameters)) = address.split_once('?') else {
        let (kind, id) = address.split_once('/')?;
        let wanted = |found: &&Arc<Value>| resource::kind(found) == kind && resource::id(found) == id;
        return records.iter().find(wanted).map(|found| (**found).clone());
    };
    let parameters: Vec<_> = url::form_urlencoded::parse(parameters.as_bytes())
        .into_owned()
        .collect();
    let (matches, included) = Query::read(kind, &parameters).ok()?.run(records);
    let base = state.fhir_base();
    let entry = |found: &Arc<Value>| json!({"fullUrl": format!("{base}/{}/{}", resource::kind(found), resource::id(found)), "resource": **found});
    let entries: Vec<_> = matches.iter().chain(&included).map(entry).collect();
    let mut bundle = json!({"resourceType": "Bundle", "type": "searchset", "total": matches.len()});
    if !entries.is_empty() {
        bundle["entry"] = Value::Array(entries);
    }
    Some(bundle)
}

/// Puts the context into a template; nothing if a token cannot be filled.
fn substituted(template: &str, context: &Value) -> Option<String> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (token, after) = after.split_once("}}")?;
        let value = context.get(token.trim().strip_prefix("context.")?)?.as_str()?;
        filled.push_str(before);
        filled.push_str(value);
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_take_the_context_and_nothing_else() {
        let context = json!({"patientId": "alma"});
        let filled = |template| substituted(template, &context);
        assert_eq!(
            filled("Condition?patient={{context.patientId}}&_count=5").as_deref(),
            Some("Condition?patient=alma&_count=5")
        );
        assert_eq!(
            filled("Patient/{{ context.patientId }}").as_deref(),
            Some("Patient/alma")
        );
        assert_eq!(filled("Encounter/{{context.encounterId}}"), None);
        assert_eq!(filled("X?date=ge{{today()}}"), None);
        assert_eq!(filled("X?a={{context.patientId"), None);
    }

    #[test]
    fn each_door_carries_the_change_in_its_own_field() {
        let patients = crate::demo::stories::patients("2026-11-22T08:00:00Z".parse().unwrap()).unwrap();
        let change = Change {
            orders: vec![json!({"resourceType": "MedicationRequest", "id": "a"})],
            drafts: vec![json!({"resourceType": "MedicationRequest", "id": "b"})],
            medications: Vec::new(),
        };
        let fields = |hook| context(hook, &patients[0], &change);
        assert_eq!(
            fields("medication-discontinue")["toBeDiscontinued"]["entry"][0]["resource"]["id"],
            "a"
        );
        assert_eq!(
            fields("order-discontinue")["draftOrders"]["entry"][0]["resource"]["id"],
            "b"
        );
        assert_eq!(
            fields("order-sign")["draftOrders"]["entry"]
                .as_array()
                .map(Vec::len),
            Some(2)
        );
        assert_eq!(
            fields("order-select")["selections"],
            json!(["MedicationRequest/a", "MedicationRequest/b"])
        );
        assert_eq!(
            fields("patient-view").as_object().map(serde_json::Map::len),
            Some(2)
        );
        assert!(fields("encounter-discharge")["encounterId"].is_string());
        let ids: Vec<&str> = DOORS
            .iter()
            .map(|(door, _)| *door)
            .filter(|door| takes_the_record(door))
            .collect();
        assert_eq!(ids, ["encounter-discharge", "patient-view", AFTER_STOP]);
    }
}
