//! The request of the benchmarks: a stopped order in lupus nephritis with results and orders in prefetch.

/// The instant to judge at.
pub const NOW: &str = "2026-11-22T08:00:00Z";

/// A hook request with so many Observations and MedicationRequests in prefetch, of the size that EHRs send.
pub fn body(observations: usize, orders: usize) -> String {
    let observations: Vec<String> = (0..observations).map(observation).collect();
    let orders: Vec<String> = (0..orders).map(order).collect();
    format!(
        r#"{{"hook":"medication-discontinue","hookInstance":"d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
"context":{{"userId":"Practitioner/example","patientId":"bench","encounterId":"e1","toBeDiscontinued":{stopped}}},
"prefetch":{{"patient":{{"resourceType":"Patient","id":"bench","gender":"female","birthDate":"1992-03-01"}},
"observations":{observations},"screens":{{"resourceType":"Bundle","type":"searchset","total":0}},
"medications":{orders},
"conditions":{{"resourceType":"Bundle","type":"searchset","entry":[{{"resource":{{"resourceType":"Condition","id":"ln","subject":{{"reference":"Patient/bench"}},"code":{{"coding":[{{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"M32.14"}}],"text":"Lupus nephritis"}},"onsetDateTime":"2024-02-01"}}}}]}},
"allergies":{{"resourceType":"Bundle","type":"searchset","total":0}},"procedures":null}}}}"#,
        stopped = bundle("collection", &[stopped_order()]),
        observations = bundle("searchset", &observations),
        orders = bundle("searchset", &orders),
    )
}

fn bundle(kind: &str, resources: &[String]) -> String {
    let entries: Vec<String> = resources
        .iter()
        .map(|r| format!(r#"{{"resource":{r}}}"#))
        .collect();
    format!(
        r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{}]}}"#,
        entries.join(",")
    )
}

fn stopped_order() -> String {
    medication(0, "stopped", "198377", "tacrolimus 1 MG Oral Capsule", "1.5")
}

fn order(n: usize) -> String {
    let (code, name) = [
        ("200060", "mycophenolate mofetil 500 MG Oral Tablet"),
        ("314076", "lisinopril 10 MG Oral Tablet"),
    ][n % 2];
    medication(n + 1, "active", code, name, "500")
}

fn medication(id: usize, status: &str, code: &str, name: &str, dose: &str) -> String {
    format!(
        r#"{{"resourceType":"MedicationRequest","id":"mr-{id}","meta":{{"versionId":"1","lastUpdated":"2026-10-01T08:00:00.000+00:00","profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-medicationrequest"]}},"identifier":[{{"use":"usual","system":"urn:oid:1.2.840.114350.1.13.0.1.7.2.798268","value":"10{id}"}}],"status":"{status}","intent":"order","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/medicationrequest-category","code":"outpatient","display":"Outpatient"}}],"text":"Outpatient"}}],"medicationCodeableConcept":{{"coding":[{{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"{code}","display":"{name}"}}],"text":"{name}"}},"subject":{{"reference":"Patient/bench","display":"Bench, Synthetic"}},"encounter":{{"reference":"Encounter/e1","display":"Office visit"}},"authoredOn":"2025-09-20T08:00:00Z","requester":{{"reference":"Practitioner/example","type":"Practitioner","display":"Example, Practitioner"}},"dosageInstruction":[{{"text":"Take {dose} mg by mouth twice daily","patientInstruction":"Take as told","timing":{{"repeat":{{"boundsPeriod":{{"start":"2025-09-20T00:00:00Z"}},"frequency":2,"period":1,"periodUnit":"d"}},"code":{{"text":"2 times daily"}}}},"asNeededBoolean":false,"route":{{"coding":[{{"system":"http://snomed.info/sct","code":"26643006","display":"Oral route"}}],"text":"Oral"}},"doseAndRate":[{{"type":{{"text":"ordered"}},"doseQuantity":{{"value":{dose},"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}}}}]}}],"dispenseRequest":{{"validityPeriod":{{"start":"2025-09-20T00:00:00Z"}},"numberOfRepeatsAllowed":11,"quantity":{{"value":180,"unit":"capsule"}},"expectedSupplyDuration":{{"value":30,"unit":"Day","system":"http://unitsofmeasure.org","code":"d"}}}}}}"#
    )
}

fn observation(n: usize) -> String {
    let kinds = [
        ("11253-2", "Tacrolimus [Mass/volume] in Blood", "6.1", "ng/mL"),
        (
            "2160-0",
            "Creatinine [Mass/volume] in Serum or Plasma",
            "0.9",
            "mg/dL",
        ),
        (
            "2823-3",
            "Potassium [Moles/volume] in Serum or Plasma",
            "4.4",
            "mmol/L",
        ),
        (
            "2890-2",
            "Protein/Creatinine [Mass Ratio] in Urine",
            "2100",
            "mg/g",
        ),
        (
            "4485-9",
            "Complement C3 [Mass/volume] in Serum or Plasma",
            "55",
            "mg/dL",
        ),
    ];
    let (code, name, value, unit) = kinds[n % 5];
    let (month, day) = (1 + (n / 5) % 11, 1 + n % 28);
    format!(
        r#"{{"resourceType":"Observation","id":"ob-{n}","meta":{{"versionId":"1","lastUpdated":"2026-{month:02}-{day:02}T08:00:00.000+00:00","profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"]}},"identifier":[{{"use":"official","system":"urn:oid:1.2.840.114350.1.13.0.1.7.2.798268","value":"2{n}"}}],"basedOn":[{{"reference":"ServiceRequest/sr-{n}","display":"Laboratory panel"}}],"status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory","display":"Laboratory"}}],"text":"Laboratory"}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"{code}","display":"{name}"}},{{"system":"urn:oid:1.2.840.114350.1.13.0.1.7.5.737384.5","code":"L{n}","display":"LAB"}}],"text":"{name}"}},"subject":{{"reference":"Patient/bench","display":"Bench, Synthetic"}},"encounter":{{"reference":"Encounter/e1","display":"Office visit"}},"effectiveDateTime":"2026-{month:02}-{day:02}T08:00:00Z","issued":"2026-{month:02}-{day:02}T12:00:00Z","performer":[{{"reference":"Organization/lab","display":"Synthetic laboratory"}}],"valueQuantity":{{"value":{value},"unit":"{unit}","system":"http://unitsofmeasure.org","code":"{unit}"}},"interpretation":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation","code":"N","display":"Normal"}}]}}],"referenceRange":[{{"low":{{"value":1,"unit":"{unit}","system":"http://unitsofmeasure.org","code":"{unit}"}},"high":{{"value":1000,"unit":"{unit}","system":"http://unitsofmeasure.org","code":"{unit}"}},"text":"1 to 1000 {unit}"}}]}}"#
    )
}
