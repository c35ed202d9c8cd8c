//! FHIR R4 resources as EHRs write them.

use serde_json::{Value, json};

/// Code systems.
pub mod system {
    pub const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
    pub const SNOMED: &str = "http://snomed.info/sct";
    pub const ATC: &str = "http://www.whocc.no/atc";
    pub const NDC: &str = "http://hl7.org/fhir/sid/ndc";
    pub const LOINC: &str = "http://loinc.org";
    pub const ICD_10_CM: &str = "http://hl7.org/fhir/sid/icd-10-cm";
    pub const UCUM: &str = "http://unitsofmeasure.org";
    pub const INTERPRETATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
}

/// The patient of every chart.
pub const PATIENT: &str = "synthetic-1";

/// A product on the market: RxNorm code and name.
#[derive(Clone, Copy)]
pub struct Product(pub &'static str, pub &'static str);

pub const TACROLIMUS_1_MG: Product = Product("198377", "tacrolimus 1 MG Oral Capsule");
pub const ENVARSUS_1_MG: Product = Product("1664461", "24 HR tacrolimus 1 MG Extended Release Oral Tablet");
pub const MYCOPHENOLATE_500_MG: Product = Product("200060", "mycophenolate mofetil 500 MG Oral Tablet");
pub const PREDNISONE_10_MG: Product = Product("198145", "prednisone 10 MG Oral Tablet");
pub const AZATHIOPRINE_50_MG: Product = Product("197388", "Azathioprine 50 MG Oral Tablet");
pub const HYDROXYCHLOROQUINE_200_MG: Product =
    Product("979092", "hydroxychloroquine sulfate 200 MG Oral Tablet");

/// A concept with one coding, whose display is also its text.
pub fn concept(system: &str, code: &str, text: &str) -> Value {
    json!({"coding": [{"system": system, "code": code, "display": text}], "text": text})
}

fn subject() -> Value {
    json!({"reference": format!("Patient/{PATIENT}"), "display": "Synthetic, Person"})
}

/// A Patient; `years` old.
pub fn patient(gender: &str, birth: &str) -> Value {
    json!({
        "resourceType": "Patient", "id": PATIENT, "active": true, "gender": gender, "birthDate": birth,
        "identifier": [{"system": "urn:oid:2.16.840.1.113883.19.5", "value": "MRN-481516"}],
        "name": [{"use": "official", "family": "Quux", "given": ["Synthia"]}]
    })
}

/// A MedicationRequest with structured dosage: `mg` by mouth, `per_day` times a day.
pub fn order(id: &str, status: &str, product: Product, (mg, per_day): (f64, u32), since: &str) -> Value {
    let Product(code, name) = product;
    json!({
        "resourceType": "MedicationRequest", "id": id, "status": status, "intent": "order",
        "medicationCodeableConcept": concept(system::RXNORM, code, name),
        "subject": subject(), "authoredOn": since,
        "requester": {"reference": "Practitioner/prescriber-7"},
        "dosageInstruction": [{
            "text": format!("Take {mg} mg by mouth {per_day} times daily"),
            "timing": {"repeat": {"boundsPeriod": {"start": since}, "frequency": per_day, "period": 1, "periodUnit": "d"}},
            "route": concept(system::SNOMED, "26643006", "Oral route"),
            "doseAndRate": [{"doseQuantity": {"value": mg, "unit": "mg", "system": system::UCUM, "code": "mg"}}]
        }],
        "dispenseRequest": {"numberOfRepeatsAllowed": 11}
    })
}

/// A laboratory result with a number; `value` as it is to be written.
pub fn lab(id: &str, loinc: &str, value: &str, unit: &str, at: &str) -> Value {
    let number: Value = serde_json::from_str(value).unwrap();
    let mut lab = observation(id, loinc, at);
    lab["valueQuantity"] = json!({"value": number, "unit": unit, "system": system::UCUM, "code": unit});
    lab
}

/// A laboratory result with a number and the laboratory's own limits.
pub fn lab_between(id: &str, loinc: &str, value: &str, unit: &str, at: &str, limits: [f64; 2]) -> Value {
    let mut lab = lab(id, loinc, value, unit, at);
    let limit = |value: f64| json!({"value": value, "unit": unit, "system": system::UCUM, "code": unit});
    lab["referenceRange"] = json!([{"low": limit(limits[0]), "high": limit(limits[1])}]);
    lab
}

/// A result that is positive (`POS`) or negative (`NEG`).
pub fn finding(id: &str, loinc: &str, code: &str, at: &str) -> Value {
    let mut result = observation(id, loinc, at);
    let words = if code == "POS" { "Positive" } else { "Negative" };
    result["valueCodeableConcept"] = concept(system::INTERPRETATION, code, words);
    result
}

fn observation(id: &str, loinc: &str, at: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}],
        "code": {"coding": [{"system": system::LOINC, "code": loinc}]},
        "subject": subject(), "effectiveDateTime": at, "issued": at
    })
}

/// A confirmed, active problem.
pub fn condition(id: &str, icd: &str, text: &str, since: &str) -> Value {
    let status = |kind: &str, code: &str| json!({"coding": [{"system": format!("http://terminology.hl7.org/CodeSystem/condition-{kind}"), "code": code}]});
    json!({
        "resourceType": "Condition", "id": id, "subject": subject(),
        "clinicalStatus": status("clinical", "active"), "verificationStatus": status("ver-status", "confirmed"),
        "category": [status("category", "problem-list-item")],
        "code": concept(system::ICD_10_CM, icd, text), "onsetDateTime": since, "recordedDate": since
    })
}

/// A procedure that was done.
pub fn procedure(id: &str, snomed: &str, text: &str, at: &str) -> Value {
    json!({
        "resourceType": "Procedure", "id": id, "status": "completed", "subject": subject(),
        "code": concept(system::SNOMED, snomed, text), "performedDateTime": at
    })
}

/// A Bundle of any type.
pub fn bundle(kind: &str, resources: &[Value]) -> Value {
    let entry = |resource: &Value| {
        let (kind, id) = (
            resource["resourceType"].as_str().unwrap_or("Basic"),
            resource["id"].as_str().unwrap_or("none"),
        );
        json!({"fullUrl": format!("https://fhir.hospital.example/r4/{kind}/{id}"), "resource": resource})
    };
    let mut bundle = json!({"resourceType": "Bundle", "type": kind});
    if !resources.is_empty() {
        bundle["entry"] = resources.iter().map(entry).collect();
    }
    bundle
}

/// What a search answers.
pub fn searchset(resources: &[Value]) -> Value {
    let mut found = bundle("searchset", resources);
    found["total"] = json!(resources.len());
    found
}

/// A query that failed.
pub fn failure() -> Value {
    json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception", "diagnostics": "query failed"}]})
}
