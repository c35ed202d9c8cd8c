//! The referee accepts what this crate writes and survives what fhirbolt alone does not; the fast way of writing an
//! order gives the bytes of the slow one.
#![allow(clippy::unwrap_used, reason = "a failed expectation in a test is a panic")]

use fhir_out::{
    Amount, AuditRecord, AuditedAct, AuditedCard, AuditedEnd, CodeRef, DoseLine, Frequency, Issue,
    MedicationOrder, Severity, TestOrder, audit_event, medication_request, medication_request_afresh,
    operation_outcome, read_strictly, service_request, service_request_afresh,
};

const CODE: CodeRef<'_> = CodeRef {
    system: "urn:example:codes",
    code: "42",
    display: "Example",
};

#[test]
fn it_accepts_every_resource_that_we_write() {
    let lines = [DoseLine {
        sequence: 1,
        text: "0.5 mg in the morning",
        dose: Some(Amount {
            value: "0.50",
            unit: "mg",
        }),
        frequency: Some(Frequency {
            times: 1,
            period: 1,
            unit: "d",
        }),
        when: Some("MORN"),
        bounds_days: Some(7),
    }];
    let order = MedicationOrder {
        patient: "Patient/123",
        encounter: Some("Encounter/9"),
        medication: CODE,
        text: "Example",
        prior_prescription: Some("MedicationRequest/7"),
        note: Some("note"),
        dosage: &lines,
        authored_on: Some("2026-11-22"),
    };
    let test = TestOrder {
        patient: "Patient/123",
        encounter: Some("Encounter/9"),
        code: CODE,
        text: "Example",
        occurrence_date: Some("2026-12-06"),
        note: Some("note"),
    };
    let issue = Issue {
        severity: Severity::Fatal,
        code: "not-found",
        diagnostics: "no such service",
        expression: Some("hook"),
    };
    for json in [
        medication_request(&order).unwrap(),
        service_request(&test).unwrap(),
        operation_outcome(&[issue]),
        operation_outcome(&[]),
    ] {
        assert_eq!(read_strictly(&json), Ok(()), "{json}");
    }
}

#[test]
fn it_accepts_decimals_contained_resources_and_extensions() {
    for json in [
        r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.50}}"#,
        r##"{"resourceType":"MedicationRequest","contained":[{"resourceType":"Medication","id":"m"}],"status":"active",
            "intent":"order","medicationReference":{"reference":"#m"},"subject":{"reference":"Patient/1"}}"##,
        r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient",
            "_birthDate":{"extension":[{"url":"http://example.org/e","valueBoolean":true}]}}},
            {"resource":{"resourceType":"Patient","id":"2"}}]}"#,
    ] {
        assert_eq!(read_strictly(json), Ok(()), "{json}");
    }
}

#[test]
fn it_refuses_and_returns() {
    for (json, why) in [
        (r#"{"resourceType":"Patient","name":[]}"#, "empty array"),
        (r#"{"resourceType":"Patient","maritalStatus":{}}"#, "empty object"),
        (r#"{"resourceType":"Patient","gender":""}"#, "empty string"),
        (r#"{"resourceType":"Patient","gender":null}"#, "null"),
        (r#"{"resourceType":"Patient","id":"1","id":"2"}"#, "written twice"),
        (r#"{"resourceType":"Patient"} x"#, "trailing characters"),
        (r#"{"resourceType":"Patient","colour":["red"]}"#, "unknown field"),
        (r#"{"resourceType":"Zork"}"#, "valid resourceType"),
        (r#"{"resourceType":"Observation","code":{"text":"x"}}"#, "status"),
        (
            r#"{"resourceType":"Observation","status":5,"code":{"text":"x"}}"#,
            "invalid",
        ),
        (r#"{"resourceType":"Patient""#, "EOF"),
        (r#"{"id":"1"}"#, "expected a resource"),
    ] {
        let said = read_strictly(json).unwrap_err();
        assert!(said.contains(why), "{json} was refused with {said:?}");
    }
}

/// Texts that would break out of a string that is not escaped, or that look like a placeholder.
const AWKWARD: [&str; 4] = [
    "\"},\"status\":\"active\",\"x\":{\"y\":\"",
    "back\\slash \u{202e}<b>\u{0}\n",
    "\u{e000}\"\u{e001}\" 700001 700005",
    "],\"priorPrescription\":[",
];

fn instruction(parts: u32, text: &str) -> DoseLine<'_> {
    DoseLine {
        sequence: parts + 1,
        text,
        dose: (parts & 1 != 0).then_some(Amount {
            value: "1.50",
            unit: text,
        }),
        frequency: (parts & 2 != 0).then_some(Frequency {
            times: 2,
            period: 3,
            unit: "wk",
        }),
        when: (parts & 4 != 0).then_some("EVE"),
        bounds_days: (parts & 8 != 0).then_some(14),
    }
}

#[test]
fn an_order_of_any_shape_is_written_as_fhirbolt_writes_it() {
    for text in AWKWARD {
        let lines: Vec<DoseLine<'_>> = (0..16).map(|parts| instruction(parts, text)).collect();
        for parts in 0..128_u32 {
            let part = |bit: u32| (parts & 1 << bit != 0).then_some(text);
            let order = MedicationOrder {
                patient: text,
                encounter: part(0),
                medication: CodeRef {
                    system: text,
                    code: text,
                    display: part(1).unwrap_or_default(),
                },
                text: part(2).unwrap_or_default(),
                prior_prescription: part(3),
                note: part(4),
                dosage: if part(5).is_some() { &lines } else { &[] },
                authored_on: part(6),
            };
            let afresh = medication_request_afresh(&order).unwrap();
            for _ in 0..2 {
                assert_eq!(medication_request(&order).unwrap(), afresh);
            }
        }
    }
}

#[test]
fn a_test_of_any_shape_is_written_as_fhirbolt_writes_it() {
    for text in AWKWARD.into_iter().chain([""]) {
        for parts in 0..32_u32 {
            let part = |bit: u32| (parts & 1 << bit != 0).then_some(text);
            let test = TestOrder {
                patient: "Patient/123",
                encounter: part(0).filter(|text| !text.is_empty()),
                code: CodeRef {
                    system: "urn:tests",
                    code: "1\"2",
                    display: part(1).unwrap_or_default(),
                },
                text: part(2).unwrap_or_default(),
                occurrence_date: part(3),
                note: part(4),
            };
            let afresh = service_request_afresh(&test).unwrap();
            for _ in 0..2 {
                assert_eq!(service_request(&test).unwrap(), afresh);
            }
        }
    }
}

#[test]
fn one_instruction_of_any_shape_is_written_as_fhirbolt_writes_it() {
    for parts in 0..16 {
        let lines = [instruction(parts, "text")];
        let order = MedicationOrder {
            patient: "Patient/123",
            encounter: None,
            medication: CODE,
            text: "Example",
            prior_prescription: None,
            note: None,
            dosage: &lines,
            authored_on: None,
        };
        let json = medication_request(&order).unwrap();
        assert_eq!(json, medication_request_afresh(&order).unwrap());
        assert_eq!(read_strictly(&json), Ok(()), "{json}");
    }
}

#[test]
fn an_audit_event_is_read_strictly_and_names_its_requestor() {
    let card = AuditedCard {
        uuid: "5b6f",
        topic: "taper",
        rule: "a/b/c",
        indicator: "info",
        withheld: true,
        softened: false,
    };
    let record = AuditRecord {
        act: AuditedAct::Answered,
        recorded: "2026-11-22T08:00:00Z",
        client: "hospital",
        user: Some("Practitioner/9"),
        patient: "Patient/123",
        hook: "order-sign",
        hook_instance: "3c2a",
        content_version: "2026.11.0",
        outcome: "cards",
        orders: &["MedicationRequest/1".to_owned()],
        cards: &[card],
    };
    for (user, requestors) in [(Some("Practitioner/9"), 1), (None, 1)] {
        let json = audit_event(&AuditRecord { user, ..record }).unwrap();
        assert_eq!(read_strictly(&json), Ok(()), "{json}");
        assert_eq!(json.matches("\"requestor\":true").count(), requestors, "{json}");
    }
    for (end, code) in [
        (AuditedEnd::Well, "0"),
        (AuditedEnd::Refused, "4"),
        (AuditedEnd::Unknown, "8"),
    ] {
        let act = AuditedAct::Created(end);
        let json = audit_event(&AuditRecord { act, ..record }).unwrap();
        assert_eq!(read_strictly(&json), Ok(()), "{json}");
        assert!(json.contains("\"action\":\"C\"") && json.contains(&format!("\"outcome\":\"{code}\"")));
    }
    assert!(
        audit_event(&AuditRecord {
            patient: "",
            ..record
        })
        .is_err()
    );
}
