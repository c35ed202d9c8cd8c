use super::super::samples::{NOW, dec, read_order, read_order_as};
use super::*;
use crate::clinical::record::Dose;
use crate::clinical::vocabulary::{FormulationId, IngredientId, ProductId};

fn with(fields: &str) -> Order {
    let json = format!(r#"{{"resourceType":"MedicationRequest","id":"m1",{fields}}}"#);
    read_order(&json, &[]).order
}

fn rx(code: &str) -> String {
    format!(r#""medicationCodeableConcept":{{"coding":[{{"system":"urn:rx","code":"{code}"}}]}}"#)
}

fn known(product: Option<u16>) -> Drug {
    Drug::Known {
        ingredient: IngredientId(0),
        product: product.map(ProductId),
    }
}

#[test]
fn a_drug_is_found_in_every_shape_in_which_it_is_sent() {
    let contained = r##""contained":[{"resourceType":"Medication","id":"c","code":{"coding":[{"system":"urn:rx","code":"11"}]}}],
        "medicationReference":{"reference":"#c"}"##;
    for fields in [
        rx("11").as_str(),
        r#""medicationCodeableConcept":{"coding":{"system":"urn:rx","code":"11"}}"#,
        r#""medication":{"concept":{"coding":[{"system":"urn:rx","code":"11"}]}}"#,
        r#""medicationCodeableConcept":{"coding":[{"system":"urn:ndc","code":"123-456-1"}]}"#,
        r#""medicationCodeableConcept":{"coding":[{"system":"urn:ndc","code":"00123-0456-01"}]}"#,
        r#""medicationCodeableConcept":{"coding":[{"code":"loose"}]}"#,
        r#""medicationCodeableConcept":{"coding":[{"system":"urn:rx","code":"10"},{"system":"urn:rx","code":"11"}]}"#,
        contained,
    ] {
        assert_eq!(with(fields).drug, known(Some(0)), "{fields}");
    }
    for fields in [
        r#""medicationCodeableConcept":{"text":"SOLVANE 3 mg"}"#,
        r#""medicationReference":{"display":"Solvane"}"#,
        r#""medication":"solvane""#,
        r#""medicationCodeableConcept":"solvane""#,
    ] {
        assert_eq!(with(fields).drug, known(None), "{fields}");
    }
}

#[test]
fn a_drug_that_came_as_a_code_is_called_by_its_name() {
    assert_eq!(&*with(&rx("11")).drug_text, "solvane 1 MG");
    assert_eq!(&*with(&rx("10")).drug_text, "solvane");
    assert_eq!(&*with(&rx("999")).drug_text, "999");
}

#[test]
fn another_drug_is_told_from_an_unreadable_one() {
    for fields in [
        r#""medicationCodeableConcept":{"text":"water"}"#,
        r#""medicationCodeableConcept":{"coding":[{"system":"urn:rx","code":"999"}]}"#,
        r#""medicationReference":{"reference":"Medication/x","display":"water"}"#,
    ] {
        assert_eq!(with(fields).drug, Drug::Other, "{fields}");
    }
    for fields in [
        r#""status":"active""#,
        r#""medicationCodeableConcept":7.5"#,
        r#""medicationCodeableConcept":{"coding":[{"system":"urn:site","code":"A7"}]}"#,
        // Of packages and the like the lists hold a part only.
        r#""medicationCodeableConcept":{"coding":[{"system":"urn:ndc","code":"00999999901"}]}"#,
        r#""medicationCodeableConcept":{"coding":[{"system":"urn:dx","code":"999"}]}"#,
        r##""medicationReference":{"reference":"#gone"}"##,
    ] {
        assert_eq!(with(fields).drug, Drug::Unreadable, "{fields}");
    }
}

#[test]
fn a_reference_is_resolved_among_what_came_or_is_listed() {
    let medication = r#"{"resourceType":"Medication","id":"x","code":{"text":"?"},
        "form":{"text":"Ointment"},"ingredient":[{"itemCodeableConcept":{"coding":[{"system":"urn:rx","code":"10"}]}}]}"#;
    let order = |reference: &str| {
        let json = format!(
            r#"{{"resourceType":"MedicationRequest","medicationReference":{{"reference":"{reference}"}}}}"#
        );
        read_order(&json, &[("urn:uuid:1", medication)])
    };
    for reference in ["urn:uuid:1", "Medication/x", "Medication/x/_history/2"] {
        let read = order(reference);
        assert_eq!(read.order.drug, known(None), "{reference}");
        assert_eq!(read.order.site, Some(Site::Local));
        assert!(read.unresolved.is_none());
    }
    let missing = order("Medication/y");
    assert_eq!(missing.order.drug, Drug::Unreadable);
    assert_eq!(missing.unresolved.as_deref(), Some("Medication/y"));
}

#[test]
fn the_site_comes_from_product_route_form_text_or_brand() {
    let site = |fields: String| with(&fields).site;
    let dosage = |dosage: &str| format!(r#"{},"dosageInstruction":[{dosage}]"#, rx("10"));
    assert_eq!(site(rx("11")), Some(Site::Systemic));
    assert_eq!(site(rx("10")), None);
    assert_eq!(
        site(rx("10").replace("[{", r#"[{"system":"urn:rx","code":"19"},{"#)),
        Some(Site::Local)
    );
    assert_eq!(
        site(dosage(
            r#"{"route":{"coding":[{"system":"urn:dx","code":"skin"}]}}"#
        )),
        Some(Site::Local)
    );
    assert_eq!(site(dosage(r#"{"route":{"text":"PO"}}"#)), Some(Site::Systemic));
    assert_eq!(site(dosage(r#"{"text":"Apply thinly"}"#)), Some(Site::Local));
    assert_eq!(site(dosage(r#"{"text":"apply, not by mouth"}"#)), None);
    assert_eq!(
        site(r#""medicationCodeableConcept":{"text":"Longvane"}"#.into()),
        Some(Site::Systemic)
    );
    assert_eq!(
        site(r#""medicationCodeableConcept":{"text":"Solvane ointment"}"#.into()),
        Some(Site::Local)
    );
}

#[test]
fn the_formulation_is_named_or_unknown() {
    assert_eq!(with(&rx("11")).formulation, Some(FormulationId(0)));
    assert_eq!(with(&rx("10")).formulation, None);
    let text = r#""medicationCodeableConcept":{"coding":[{"system":"urn:rx","code":"10","display":"Solvane [Longvane]"}]}"#;
    assert_eq!(with(text).formulation, Some(FormulationId(1)));
    assert_eq!(with(text).drug_text.as_ref(), "Solvane [Longvane]");
}

fn dose(dosages: &str) -> Dose {
    with(&format!(r#"{},"dosageInstruction":{dosages}"#, rx("11"))).dose
}

fn per_day(doses: &[&str]) -> Dose {
    Dose::PerDay(doses.iter().map(|dose| dec(dose)).collect())
}

const TWICE: &str = r#""timing":{"repeat":{"frequency":2,"period":1,"periodUnit":"d"}}"#;

#[test]
fn a_structured_dose_is_read() {
    let quantity = |quantity: &str| {
        dose(&format!(
            r#"[{{{TWICE},"doseAndRate":[{{"doseQuantity":{quantity}}}]}}]"#
        ))
    };
    for one_mg in [
        r#"{"value":1,"unit":"mg"}"#,
        r#"{"value":"1.0","code":"mg"}"#,
        r#"{"value":0.001,"unit":"g"}"#,
        r#"{"value":1000,"unit":"mcg"}"#,
        r#"{"value":1,"unit":"capsule"}"#,
        r#"{"value":1,"unit":"Capsule(s)"}"#,
        r#"{"value":1,"code":"{tablet}"}"#,
        r#"{"value":1,"code":"1"}"#,
        r#"{"value":1,"code":"CAP"}"#,
    ] {
        assert_eq!(quantity(one_mg), per_day(&["1", "1"]), "{one_mg}");
    }
    for unknown in [
        r#"{"value":1}"#,
        r#"{"value":1,"unit":"mL"}"#,
        r#"{"value":0,"unit":"mg"}"#,
        r#"{"unit":"mg"}"#,
    ] {
        assert_eq!(quantity(unknown), Dose::Unknown, "{unknown}");
    }
    let timed = |timing: &str| {
        dose(&format!(
            r#"[{{"timing":{timing},"doseAndRate":[{{"doseQuantity":{{"value":1,"unit":"mg"}}}}]}}]"#
        ))
    };
    for twice in [
        r#"{"repeat":{"frequency":1,"period":12,"periodUnit":"h"}}"#,
        r#"{"repeat":{"period":"12","periodUnit":"h"}}"#,
        r#"{"repeat":{"timeOfDay":["08:00","20:00:00"]}}"#,
        r#"{"repeat":{"when":["MORN","EVE"],"frequency":2,"period":1,"periodUnit":"d"}}"#,
        r#"{"code":{"coding":[{"system":"urn:dx","code":"BID"}]}}"#,
        r#"{"code":{"text":"Twice daily"}}"#,
    ] {
        assert_eq!(timed(twice), per_day(&["1", "1"]), "{twice}");
    }
    for unknown in [
        "{}",
        r#"{"repeat":{"frequency":1,"period":2,"periodUnit":"d"}}"#,
        r#"{"repeat":{"frequency":1,"frequencyMax":2,"period":1,"periodUnit":"d"}}"#,
        r#"{"repeat":{"frequency":1,"period":1,"periodUnit":"d","dayOfWeek":["mon"]}}"#,
        r#"{"repeat":{"frequency":1,"period":0,"periodUnit":"d"}}"#,
        r#"{"code":{"coding":[{"system":"urn:dx","code":"QOD"}]}}"#,
        r#"{"repeat":{"when":["C"]}}"#,
    ] {
        assert_eq!(timed(unknown), Dose::Unknown, "{unknown}");
    }
}

#[test]
fn a_part_of_a_dose_that_cannot_be_read_makes_it_unknown_and_is_told_from_none() {
    let read = |timing: &str, quantity: &str, more: &str| {
        let dosages = format!(
            r#"[{{"timing":{{"repeat":{timing}}},"doseAndRate":[{{"doseQuantity":{quantity}}}]{more}}}]"#
        );
        let order = with(&format!(r#"{},"dosageInstruction":{dosages}"#, rx("11")));
        (order.dose, order.unread.dose)
    };
    let (twice, mg) = (
        r#"{"frequency":2,"period":1,"periodUnit":"d"}"#,
        r#"{"value":1,"unit":"mg"}"#,
    );
    assert_eq!(read(twice, mg, ""), (per_day(&["1", "1"]), false));
    for odd in [
        r#"{"frequency":"see comment","period":1,"periodUnit":"d"}"#,
        r#"{"frequency":{},"period":1,"periodUnit":"d"}"#,
        r#"{"frequency":2,"frequencyMax":"x","period":1,"periodUnit":"d"}"#,
        r#"{"frequency":2,"period":"x","periodUnit":"d"}"#,
        r#"{"frequency":2,"period":1,"periodUnit":7}"#,
    ] {
        assert_eq!(read(odd, mg, ""), (Dose::Unknown, true), "{odd}");
    }
    for odd in [
        "5",
        "{}",
        r#"{"value":"see comment","unit":"mg"}"#,
        r#"{"value":1}"#,
        r#"{"value":{},"unit":"mg"}"#,
    ] {
        assert_eq!(read(twice, odd, ""), (Dose::Unknown, true), "{odd}");
    }
    assert_eq!(
        read(twice, mg, r#","asNeededBoolean":"perhaps""#),
        (Dose::Unknown, true)
    );
    assert_eq!(
        read(twice, mg, r#","asNeededBoolean":true"#),
        (Dose::Unknown, false)
    );
    assert_eq!(
        read(twice, mg, r#","asNeededBoolean":"false""#),
        (per_day(&["1", "1"]), false)
    );
    // What is not said is taken from the text before once in a period is assumed.
    let daily = r#"{"period":1,"periodUnit":"d"}"#;
    assert_eq!(read(daily, mg, "").0, per_day(&["1"]));
    assert_eq!(
        read(daily, mg, r#","text":"twice daily""#).0,
        per_day(&["1", "1"])
    );
    assert_eq!(
        read(daily, mg, r#","text":"Take 1 mg twice daily""#).0,
        per_day(&["1", "1"])
    );
    assert_eq!(
        read(daily, mg, r#","text":"Take 2 mg twice daily""#),
        (Dose::Unknown, false)
    );
    let told = with(&format!(
        r#"{},"dosageInstruction":[{{"text":"as told"}}]"#,
        rx("11")
    ));
    assert!(!told.unread.dose);
}

#[test]
fn what_varies_is_no_daily_dose() {
    let mg = r#""doseAndRate":[{"doseQuantity":{"value":1,"unit":"mg"}}]"#;
    assert_eq!(
        dose(&format!(r#"[{{{TWICE},{mg},"asNeededBoolean":true}}]"#)),
        Dose::Unknown
    );
    assert_eq!(
        dose(&format!(
            r#"[{{{TWICE},"doseAndRate":[{{"doseRange":{{"low":{{"value":1}}}}}}]}}]"#
        )),
        Dose::Unknown
    );
    assert_eq!(
        dose(&format!(r#"[{{{TWICE},{mg}}},{{"text":"as directed"}}]"#)),
        Dose::Unknown
    );
    assert_eq!(dose("[]"), Dose::Unknown);
    assert_eq!(
        dose(r#"[{"text":"Take 2 capsules by mouth every 12 hours"}]"#),
        per_day(&["2", "2"])
    );
    assert_eq!(
        dose(&format!(r#"[{{{mg},"text":"1 mg twice daily"}}]"#)),
        per_day(&["1", "1"])
    );
    assert_eq!(
        dose(&format!(r#"[{{{mg},"text":"2 mg twice daily"}}]"#)),
        Dose::Unknown
    );
}

fn step(sequence: &str, value: u8, repeat: &str) -> String {
    format!(
        r#"{{"sequence":{sequence},"timing":{{"repeat":{{"frequency":1,"period":1,"periodUnit":"d"{repeat}}}}},
        "doseAndRate":[{{"doseQuantity":{{"value":{value},"unit":"mg"}}}}]}}"#
    )
}

#[test]
fn concurrent_instructions_add_up_and_sequential_ones_are_steps() {
    let order = |steps: &[String]| {
        with(&format!(
            r#"{},"dosageInstruction":[{}]"#,
            rx("11"),
            steps.join(",")
        ))
    };
    let same = order(&[step("1", 2, ""), step("1", 1, "")]);
    assert_eq!((same.dose, same.written_taper), (per_day(&["2", "1"]), false));
    let evening_first = order(&[
        step("1", 1, r#","when":["EVE"]"#),
        step("2", 2, r#","when":["MORN"]"#),
    ]);
    assert_eq!(
        (evening_first.dose, evening_first.written_taper),
        (per_day(&["2", "1"]), false)
    );
    let falling = order(&[step("2", 1, ""), step("1", 2, "")]);
    assert_eq!((falling.dose, falling.written_taper), (per_day(&["2"]), true));
    let rising = order(&[step("1", 1, ""), step("2", 2, "")]);
    assert!(!rising.written_taper);
    let dated = order(&[
        step(
            "1",
            3,
            r#","boundsPeriod":{"start":"2026-10-01","end":"2026-10-31"}"#,
        ),
        step(
            "2",
            2,
            r#","boundsPeriod":{"start":"2026-11-01","end":"2026-11-30"}"#,
        ),
        step("3", 1, r#","boundsPeriod":{"start":"2026-12-01"}"#),
    ]);
    assert_eq!((dated.dose, dated.written_taper), (per_day(&["2"]), true));
    assert_eq!(
        dated.starts.map(|when| when.dated().to_string()).as_deref(),
        Some("2026-10-01")
    );
}

#[test]
fn looking_back_the_first_date_of_a_stop_counts_that_is_not_in_the_future() {
    let meta = r#""meta":{"lastUpdated":"2026-11-20T10:00:00Z"}"#;
    let bounds = |end: &str| {
        format!(
            r#""dosageInstruction":[{{"timing":{{"repeat":{{"boundsPeriod":{{"end":"{end}"}}}}}}}}],{meta}"#
        )
    };
    let extension = r#""extension":[{"url":"http://hl7.org/fhir/5.0/StructureDefinition/extension-MedicationRequest.statusChanged","valueDateTime":"2026-11-10"}]"#;
    let stopped = |fields: &str| {
        with(&format!(r#""status":"stopped",{},{fields}"#, rx("11")))
            .stopped
            .map(|when| when.dated().to_string())
    };
    assert_eq!(stopped(meta).as_deref(), Some("2026-11-20"));
    assert_eq!(stopped(&bounds("2026-11-15")).as_deref(), Some("2026-11-15"));
    assert_eq!(stopped(&bounds("2027-01-01")).as_deref(), Some("2026-11-20"));
    assert_eq!(
        stopped(&format!(r#"{extension},{}"#, bounds("2026-11-15"))).as_deref(),
        Some("2026-11-10")
    );
    assert_eq!(
        stopped(&format!(r#""statusChanged":"2026-11-01",{extension}"#)).as_deref(),
        Some("2026-11-01")
    );
    let validity = format!(r#""dispenseRequest":{{"validityPeriod":{{"end":"2026-11-12"}}}},{meta}"#);
    assert_eq!(stopped(&validity).as_deref(), Some("2026-11-12"));
    assert_eq!(stopped(r#""id":"x""#), None);
    let active = with(&format!(r#""status":"active",{},{meta}"#, rx("11")));
    assert_eq!(active.stopped, None);
    let over = |status: &str| with(&format!(r#""status":"{status}",{},{meta}"#, rx("11"))).stopped;
    assert_eq!(
        over("cancelled").map(|when| when.dated().to_string()).as_deref(),
        Some("2026-11-20")
    );
    // Whatever else is over was perhaps only edited on that day.
    assert_eq!((over("completed"), over("on-hold")), (None, None));
}

#[test]
fn a_restart_date_is_a_future_start_or_a_date_after_its_word() {
    let restart = |fields: &str| {
        with(&format!(r#""status":"on-hold",{},{fields}"#, rx("11")))
            .restart
            .map(|when| when.dated().to_string())
    };
    for fields in [
        r#""dosageInstruction":[{"timing":{"repeat":{"boundsPeriod":{"start":"2026-12-01"}}}}]"#,
        r#""note":[{"text":"Hold. Restart on 2026-12-01 if well"}]"#,
        r#""note":[{"text":"to resume Dec 1, 2026"}]"#,
        r#""statusReason":{"text":"surgery; RESTART 12/01/2026"}"#,
        r#""dosageInstruction":[{"text":"resume 01.12.2026"}]"#,
        r#""note":[{"text":"do not restart until 2026-12-01"}]"#,
        r#""note":[{"text":"No restart yet. Restart 2026-12-01"}]"#,
    ] {
        assert_eq!(restart(fields).as_deref(), Some("2026-12-01"), "{fields}");
    }
    for fields in [
        r#""note":[{"text":"held since 2026-11-20"}]"#,
        r#""note":[{"text":"restart soon"}]"#,
        r#""note":[{"text":"do not restart; biopsy 2026-12-01"}]"#,
        r#""note":[{"text":"Do not restart, biopsy 2026-12-01"}]"#,
        r#""note":[{"text":"restart when well. Biopsy on 2026-12-01"}]"#,
        r#""note":[{"text":"restart 2026-11-01"}]"#,
        r#""dosageInstruction":[{"timing":{"repeat":{"boundsPeriod":{"start":"2026-10-01"}}}}]"#,
    ] {
        assert_eq!(restart(fields), None, "{fields}");
    }
}

#[test]
fn reasons_are_groups_by_code_text_or_condition() {
    let fields = format!(
        r##"{},"reasonCode":[{{"coding":[{{"system":"urn:dx","code":"G1"}}],"text":"graft"}}],
        "contained":[{{"resourceType":"Condition","id":"c","code":{{"text":"Nephritis"}}}}],
        "reasonReference":[{{"reference":"#c"}},{{"reference":"Condition/9"}}],"priorPrescription":{{"reference":"MedicationRequest/0"}},
        "statusReason":[{{"coding":[{{"system":"x","code":"S1","display":"Side Effect"}}],"text":"Tremor"}}]"##,
        rx("11")
    );
    let json = format!(r#"{{"resourceType":"MedicationRequest","status":"stopped",{fields}}}"#);
    let read = read_order_as(Role::Stopping, &json, &[]);
    let groups: Vec<u16> = read.order.reasons.iter().map(|(group, _)| group.0).collect();
    assert_eq!(groups, [0, 1]);
    assert_eq!(&*read.reasons[0], "Condition/9");
    assert_eq!(read.order.prior.as_deref(), Some("MedicationRequest/0"));
    assert_eq!(&*read.order.status_reason_codes[0], "S1");
    assert_eq!(&*read.order.status_reason_text, "tremor; side effect");
    assert_eq!(&*read.order.status_reason_written, "Tremor; Side Effect");
    assert_eq!(read.order.status, OrderStatus::Stopped);
    assert!(When::parse("2026-11-22T12:00:00Z").is_some_and(|when| when.latest() == NOW));
}

#[test]
fn times_of_the_doses_are_those_that_every_instruction_names() {
    let times = |dosages: &str| {
        let fields = format!(r#"{},"dosageInstruction":[{dosages}]"#, rx("11"));
        with(&fields).dose_times
    };
    let at = |times: &str| format!(r#"{{"timing":{{"repeat":{{"timeOfDay":[{times}]}}}}}}"#);
    assert_eq!(times(&at(r#""08:00:00","20:00:00""#)), [480, 1200]);
    let two = format!("{},{}", at(r#""08:00""#), at(r#""20:00""#));
    assert_eq!(times(&two), [480, 1200]);
    assert!(times(&format!(r#"{},{{"text":"1 mg at night"}}"#, at(r#""08:00""#))).is_empty());
    assert!(times(&at(r#""25:00""#)).is_empty());
}

#[test]
fn a_status_that_r4_does_not_know_still_counts_as_a_stop() {
    // `ended` is R6 for what R4 calls `stopped` or `completed`: which of the two is not said.
    for status in ["ended", "superseded"] {
        let order = with(&format!(r#""status":"{status}",{}"#, rx("11")));
        assert_eq!(order.status, OrderStatus::Unknown, "{status}");
        assert!(order.status.counts_as_stop(), "{status}");
    }
    let capitals = with(&format!(r#""status":"STOPPED",{}"#, rx("11")));
    assert_eq!(capitals.status, OrderStatus::Stopped);
}

#[test]
fn what_could_be_ordered_is_no_sign_of_its_use() {
    let read = |intent: &str, role: Role| {
        let json = format!(
            r#"{{"resourceType":"MedicationRequest","id":"m1","status":"active","intent":"{intent}",{}}}"#,
            rx("11")
        );
        read_order_as(role, &json, &[]).order.status
    };
    for offered in ["proposal", "option"] {
        assert_eq!(read(offered, Role::Recorded), OrderStatus::Void, "{offered}");
        assert_eq!(read(offered, Role::Draft), OrderStatus::Active, "{offered}");
        assert_eq!(read(offered, Role::Stopping), OrderStatus::Active, "{offered}");
    }
    for taken in ["order", "plan", "original-order", "instance-order", "", "x"] {
        assert_eq!(read(taken, Role::Recorded), OrderStatus::Active, "{taken}");
    }
}

#[test]
fn an_order_not_to_give_a_drug_is_no_sign_of_its_use() {
    let read = |said: &str, role: Role| {
        let json = format!(
            r#"{{"resourceType":"MedicationRequest","id":"m1","status":"active",{said}{}}}"#,
            rx("11")
        );
        read_order_as(role, &json, &[]).order.status
    };
    for given in [
        "",
        r#""doNotPerform":false,"#,
        r#""doNotPerform":"false","#,
        r#""doNotPerform":null,"#,
    ] {
        assert_eq!(read(given, Role::Recorded), OrderStatus::Active, "{given}");
    }
    for forbidden in [
        r#""doNotPerform":true,"#,
        r#""doNotPerform":"true","#,
        r#""doNotPerform":[1],"#,
    ] {
        assert_eq!(read(forbidden, Role::Recorded), OrderStatus::Void, "{forbidden}");
        assert_eq!(read(forbidden, Role::Draft), OrderStatus::Void, "{forbidden}");
        assert_eq!(
            read(forbidden, Role::Stopping),
            OrderStatus::Active,
            "{forbidden}"
        );
    }
}
