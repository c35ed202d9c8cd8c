//! The exact JSON of every resource that this crate writes, and what it refuses to write.
#![allow(clippy::unwrap_used, reason = "a failed expectation in a test is a panic")]

use fhir_out::{
    Amount, CodeRef, DoseLine, Frequency, Issue, MedicationOrder, OutError, Severity, TestOrder,
    medication_request, operation_outcome, service_request,
};
use serde_json::Value;

const DAILY: Frequency<'_> = Frequency {
    times: 1,
    period: 1,
    unit: "d",
};

const DRUG: CodeRef<'_> = CodeRef {
    system: "urn:example:drugs",
    code: "42",
    display: "Examplol",
};

fn mg(value: &str) -> Option<Amount<'_>> {
    Some(Amount { value, unit: "mg" })
}

fn line<'a>(sequence: u32, text: &'a str, dose: &'a str) -> DoseLine<'a> {
    DoseLine {
        sequence,
        text,
        dose: mg(dose),
        frequency: Some(DAILY),
        when: None,
        bounds_days: None,
    }
}

fn order<'a>(dosage: &'a [DoseLine<'a>]) -> MedicationOrder<'a> {
    MedicationOrder {
        patient: "Patient/123",
        encounter: None,
        medication: DRUG,
        text: "Examplol 0.5 mg capsule",
        prior_prescription: None,
        note: None,
        dosage,
        authored_on: None,
    }
}

fn test_order() -> TestOrder<'static> {
    TestOrder {
        patient: "Patient/123",
        encounter: None,
        code: CodeRef {
            system: "http://loinc.org",
            code: "2160-0",
            display: "",
        },
        text: "Creatinine",
        occurrence_date: None,
        note: None,
    }
}

#[test]
fn a_taper_numbers_its_steps_and_concurrent_doses_share_a_number() {
    let steps = [
        DoseLine {
            when: Some("MORN"),
            bounds_days: Some(14),
            ..line(1, "1.5 mg in the morning for 14 days", "1.5")
        },
        DoseLine {
            when: Some("EVE"),
            bounds_days: Some(14),
            ..line(1, "1.0 mg in the evening for 14 days", "1.0")
        },
        DoseLine {
            frequency: Some(Frequency {
                times: 2,
                period: 1,
                unit: "d",
            }),
            ..line(2, "0.5 mg twice daily", "0.5")
        },
    ];
    let taper = MedicationOrder {
        encounter: Some("Encounter/9"),
        prior_prescription: Some("MedicationRequest/7"),
        note: Some("Proposed by decision support"),
        authored_on: Some("2026-11-22T09:30:00Z"),
        ..order(&steps)
    };
    let expected = concat!(
        r#"{"resourceType":"MedicationRequest","status":"draft","intent":"proposal","#,
        r#""medicationCodeableConcept":{"coding":[{"system":"urn:example:drugs","code":"42","#,
        r#""display":"Examplol"}],"text":"Examplol 0.5 mg capsule"},"#,
        r#""subject":{"reference":"Patient/123"},"encounter":{"reference":"Encounter/9"},"#,
        r#""authoredOn":"2026-11-22T09:30:00Z","#,
        r#""note":[{"text":"Proposed by decision support"}],"dosageInstruction":["#,
        r#"{"sequence":1,"text":"1.5 mg in the morning for 14 days","timing":{"repeat":{"#,
        r#""boundsDuration":{"value":14,"unit":"d","system":"http://unitsofmeasure.org","code":"d"},"#,
        r#""frequency":1,"period":1,"periodUnit":"d","when":["MORN"]}},"doseAndRate":[{"#,
        r#""doseQuantity":{"value":1.5,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}}]},"#,
        r#"{"sequence":1,"text":"1.0 mg in the evening for 14 days","timing":{"repeat":{"#,
        r#""boundsDuration":{"value":14,"unit":"d","system":"http://unitsofmeasure.org","code":"d"},"#,
        r#""frequency":1,"period":1,"periodUnit":"d","when":["EVE"]}},"doseAndRate":[{"#,
        r#""doseQuantity":{"value":1.0,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}}]},"#,
        r#"{"sequence":2,"text":"0.5 mg twice daily","timing":{"repeat":{"frequency":2,"period":1,"#,
        r#""periodUnit":"d"}},"doseAndRate":[{"doseQuantity":{"value":0.5,"unit":"mg","#,
        r#""system":"http://unitsofmeasure.org","code":"mg"}}]}],"#,
        r#""priorPrescription":{"reference":"MedicationRequest/7"}}"#,
    );
    assert_eq!(medication_request(&taper).unwrap(), expected);
}

#[test]
fn a_test_with_everything_and_a_test_with_the_least() {
    let full = TestOrder {
        encounter: Some("Encounter/9"),
        occurrence_date: Some("2026-12-06"),
        note: Some("Before the morning dose"),
        code: CodeRef {
            display: "Creatinine [Mass/volume] in Serum or Plasma",
            ..test_order().code
        },
        ..test_order()
    };
    let expected = concat!(
        r#"{"resourceType":"ServiceRequest","status":"draft","intent":"proposal","code":{"coding":["#,
        r#"{"system":"http://loinc.org","code":"2160-0","#,
        r#""display":"Creatinine [Mass/volume] in Serum or Plasma"}],"text":"Creatinine"},"#,
        r#""subject":{"reference":"Patient/123"},"encounter":{"reference":"Encounter/9"},"#,
        r#""occurrenceDateTime":"2026-12-06","#,
        r#""note":[{"text":"Before the morning dose"}]}"#,
    );
    assert_eq!(service_request(&full).unwrap(), expected);

    let least = concat!(
        r#"{"resourceType":"ServiceRequest","status":"draft","intent":"proposal","code":{"coding":["#,
        r#"{"system":"http://loinc.org","code":"2160-0"}],"text":"Creatinine"},"#,
        r#""subject":{"reference":"Patient/123"}}"#,
    );
    assert_eq!(service_request(&test_order()).unwrap(), least);
}

#[test]
fn an_outcome_tells_its_issues_or_that_something_went_wrong() {
    let issues = [
        Issue {
            severity: Severity::Error,
            code: "invalid",
            diagnostics: "context.patientId is missing",
            expression: Some("context.patientId"),
        },
        Issue {
            severity: Severity::Warning,
            code: "incomplete",
            diagnostics: "",
            expression: None,
        },
    ];
    let expected = concat!(
        r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid","#,
        r#""diagnostics":"context.patientId is missing","expression":["context.patientId"]},"#,
        r#"{"severity":"warning","code":"incomplete"}]}"#,
    );
    assert_eq!(operation_outcome(&issues), expected);
    assert_eq!(
        operation_outcome(&[]),
        r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception"}]}"#
    );
}

#[test]
fn markup_quotes_and_direction_marks_pass_as_data_and_control_characters_do_not() {
    let given = "<b>5 \"mg\"</b> \\ \u{202e}gm 5\u{2066} \u{0}\u{8}line\nnext | 剂量 😀";
    let kept = "<b>5 \"mg\"</b> \\ \u{202e}gm 5\u{2066} line\nnext | 剂量 😀";
    let json = medication_request(&MedicationOrder {
        note: Some(given),
        text: given,
        ..order(&[])
    })
    .unwrap();
    let read: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(read["note"][0]["text"], kept);
    assert_eq!(read["medicationCodeableConcept"]["text"], kept);
}

#[test]
fn empty_optional_texts_leave_nothing_behind() {
    let bare_line = DoseLine {
        dose: None,
        frequency: None,
        ..line(1, "as directed", "")
    };
    let lines = [bare_line];
    let json = medication_request(&MedicationOrder {
        note: Some(" \n"),
        authored_on: Some(""),
        ..order(&lines)
    })
    .unwrap();
    assert!(json.ends_with(
        r#""subject":{"reference":"Patient/123"},"dosageInstruction":[{"sequence":1,"text":"as directed"}]}"#
    ));
    for hole in ["null", r#":"""#, "[]", "{}"] {
        assert!(!json.contains(hole), "{hole}");
    }
}

#[test]
fn doses_keep_their_digits_and_what_is_no_decimal_is_refused() {
    for digits in ["0", "0.5", "1.0", "1.50", "10", "0.25", "12345678901234567890.10"] {
        let lines = [line(1, "a dose", digits)];
        let json = medication_request(&order(&lines)).unwrap();
        assert!(json.contains(&format!(r#""value":{digits},"#)), "{digits}");
    }
    for digits in [
        "", ".5", "5.", "05", "-1", "+1", "1e2", "1,5", " 1", "1 mg", "NaN", "١",
    ] {
        let lines = [line(1, "a dose", digits)];
        assert_eq!(
            medication_request(&order(&lines)),
            Err(OutError::Unusable("dose")),
            "{digits}"
        );
    }
}

#[test]
fn an_order_without_patient_drug_or_words_is_refused() {
    let refused = |order: MedicationOrder<'_>| medication_request(&order).unwrap_err();
    assert_eq!(
        refused(MedicationOrder {
            patient: "",
            ..order(&[])
        }),
        OutError::Missing("subject")
    );
    assert_eq!(
        refused(MedicationOrder {
            prior_prescription: Some(" "),
            ..order(&[])
        }),
        OutError::Missing("priorPrescription")
    );
    assert_eq!(
        refused(MedicationOrder {
            medication: CodeRef { code: "", ..DRUG },
            ..order(&[])
        }),
        OutError::Missing("medication")
    );
    assert_eq!(
        refused(order(&[line(1, "", "1")])),
        OutError::Missing("dosage text")
    );
}

#[test]
fn numbers_and_codes_outside_their_fhir_types_are_refused() {
    let refused = |line: DoseLine<'_>| medication_request(&order(&[line])).unwrap_err();
    let base = line(1, "a dose", "1");
    let rhythm = |times, period, unit| DoseLine {
        frequency: Some(Frequency { times, period, unit }),
        ..base
    };
    assert_eq!(refused(rhythm(0, 1, "d")), OutError::Unusable("frequency"));
    assert_eq!(refused(rhythm(1, 0, "d")), OutError::Unusable("period"));
    assert_eq!(refused(rhythm(1, 1, "day")), OutError::Unusable("periodUnit"));
    assert_eq!(
        refused(DoseLine { sequence: 0, ..base }),
        OutError::Unusable("sequence")
    );
    assert_eq!(
        refused(DoseLine {
            bounds_days: Some(0),
            ..base
        }),
        OutError::Unusable("boundsDuration")
    );
    assert_eq!(
        refused(DoseLine {
            when: Some("morning"),
            ..base
        }),
        OutError::Unusable("when")
    );
}
