use super::super::samples::{NOW, dec, object, with_terms};
use super::*;
use crate::clinical::record::{Bound, Number};
use crate::clinical::vocabulary::{AnalyteId, Finding, LevelTiming};

fn all(json: &str) -> (Vec<LabResult>, About) {
    with_terms(|terms| {
        let mut results = Vec::new();
        let about = observation(&object(json), terms, NOW, &mut results);
        (results, about)
    })
}

fn coded(code: &str, fields: &str) -> Option<LabResult> {
    let json = format!(
        r#"{{"resourceType":"Observation","id":"o","code":{{"coding":[{{"system":"urn:lab","code":"{code}"}}]}},{fields}}}"#
    );
    all(&json).0.pop()
}

fn quantity(code: &str, quantity: &str) -> Value {
    coded(code, &format!(r#""status":"final","valueQuantity":{quantity}"#))
        .unwrap()
        .value
}

fn number(value: Value) -> Option<(Bound, String, Option<String>)> {
    let Value::Number(Number {
        bound,
        value,
        as_recorded,
    }) = value
    else {
        return None;
    };
    Some((bound, value.normalize().to_string(), as_recorded.map(Into::into)))
}

fn why(value: Value) -> Option<Why> {
    let Value::Unusable(why) = value else { return None };
    Some(why)
}

#[test]
fn numbers_are_read_in_canonical_units_and_keep_their_recorded_form() {
    let read = |json: &str| number(quantity("R", json));
    let exact = |value: &str, form: Option<&str>| Some((Bound::Exact, value.into(), form.map(Into::into)));
    assert_eq!(read(r#"{"value":2.10,"unit":"g/g"}"#), exact("2.1", None));
    assert_eq!(
        read(r#"{"value":2100,"unit":"mg/g"}"#),
        exact("2.1", Some("2100 mg/g"))
    );
    assert_eq!(
        read(r#"{"value":"2100","unit":"mg/g"}"#),
        exact("2.1", Some("2100 mg/g"))
    );
    assert_eq!(
        read(r#"{"value":2100,"unit":"mg per g","code":"mg/g"}"#),
        exact("2.1", Some("2100 mg per g"))
    );
    assert_eq!(
        read(r#"{"value":2100,"code":"mg/g"}"#),
        exact("2.1", Some("2100 mg/g"))
    );
    let ucum = r#"{"value":2,"unit":"mg/g","system":"http://unitsofmeasure.org","code":"g/g"}"#;
    assert_eq!(read(ucum), exact("2", None));
    assert_eq!(
        read(r#"{"value":0.2,"comparator":"<","unit":"g/g"}"#),
        Some((Bound::Below, "0.2".into(), None))
    );
    assert_eq!(
        read(r#"{"value":">0.2","unit":"g/g"}"#),
        Some((Bound::Above, "0.2".into(), None))
    );
    assert_eq!(
        number(quantity("L", "{\"value\":6,\"unit\":\"\u{3bc}g/L\"}")),
        exact("6", None)
    );
}

#[test]
fn what_cannot_be_compared_says_why() {
    let read = |json: &str| why(quantity("R", json));
    assert_eq!(read(r#"{"value":2.1}"#), Some(Why::UnitUnknown));
    assert_eq!(read(r#"{"value":2.1,"unit":"G/G"}"#), Some(Why::UnitUnknown));
    assert_eq!(read(r#"{"value":2.1,"unit":""}"#), Some(Why::UnitUnknown));
    assert_eq!(read(r#"{"value":"high","unit":"g/g"}"#), Some(Why::NotReadable));
    assert_eq!(read(r#"{"unit":"g/g"}"#), Some(Why::NotReadable));
    assert_eq!(read(r#"{"value":101,"unit":"g/g"}"#), Some(Why::NotReadable));
    assert_eq!(read(r#"{"value":-1,"unit":"g/g"}"#), Some(Why::NotReadable));
    assert_eq!(
        read(r#"{"value":1,"comparator":"ad","unit":"g/g"}"#),
        Some(Why::NotReadable)
    );
    assert_eq!(read("7"), Some(Why::NotReadable));
    let value = |fields: &str| why(coded("R", fields).unwrap().value);
    assert_eq!(value(r#""valueInteger":2"#), Some(Why::UnitUnknown));
    assert_eq!(value(r#""valueString":"2.1""#), Some(Why::UnitUnknown));
    assert_eq!(value(r#""valueString":"see note""#), Some(Why::NotReadable));
    assert_eq!(value(r#""status":"final""#), Some(Why::NotReadable));
    let absent = r#""valueQuantity":{"value":1,"unit":"g/g"},"dataAbsentReason":{"text":"haemolysed"}"#;
    assert_eq!(value(absent), Some(Why::NotReadable));
}

#[test]
fn text_may_hold_a_number_with_its_unit() {
    let value = |text: &str| number(coded("R", &format!(r#""valueString":"{text}""#)).unwrap().value);
    assert_eq!(value("2.1 g/g"), Some((Bound::Exact, "2.1".into(), None)));
    assert_eq!(
        value("<= 100 mg/g"),
        Some((Bound::Below, "0.1".into(), Some("100 mg/g".into())))
    );
    assert_eq!(value("1e-1 g/g"), Some((Bound::Exact, "0.1".into(), None)));
}

#[test]
fn coded_results_are_read_from_code_text_boolean_or_interpretation() {
    let finding = |fields: &str| match coded("V", fields).unwrap().value {
        Value::Coded(finding, _) => Some(finding),
        _ => None,
    };
    let positive = Some(Finding::Positive);
    assert_eq!(
        finding(r#""valueCodeableConcept":{"coding":[{"system":"urn:dx","code":"POS"}]}"#),
        positive
    );
    assert_eq!(finding(r#""valueCodeableConcept":{"text":"Positive"}"#), positive);
    assert_eq!(finding(r#""valueString":"POSITIVE.""#), positive);
    assert_eq!(finding(r#""valueBoolean":true"#), positive);
    let numbered =
        r#""valueQuantity":{"value":12},"interpretation":[{"coding":[{"system":"urn:dx","code":"POS"}]}]"#;
    assert_eq!(finding(numbered), positive);
    assert_eq!(
        finding(r#""valueString":"Non-Reactive""#),
        Some(Finding::Negative)
    );
    assert_eq!(finding(r#""valueString":"not positive""#), None);
    assert_eq!(finding(r#""valueQuantity":{"value":12}"#), None);
}

#[test]
fn the_status_decides_whether_a_result_counts() {
    let value = r#""valueQuantity":{"value":1,"unit":"g/g"}"#;
    for gone in ["entered-in-error", "cancelled", "CANCELLED"] {
        assert!(
            coded("R", &format!(r#""status":"{gone}",{value}"#)).is_none(),
            "{gone}"
        );
    }
    assert!(coded("R", r#""status":"registered""#).is_none());
    assert!(
        coded("R", &format!(r#""status":"preliminary",{value}"#))
            .unwrap()
            .preliminary
    );
    assert!(!coded("R", value).unwrap().preliminary);
    let unsure = coded("R", &format!(r#""status":"unknown",{value}"#)).unwrap();
    assert!(matches!(unsure.value, Value::Unusable(Why::NotReadable)));
}

#[test]
fn a_code_whose_system_is_missing_or_unknown_leaves_a_result_that_cannot_be_used() {
    let read = |coding: &str| {
        let json = format!(
            r#"{{"resourceType":"Observation","id":"o","code":{{"coding":[{coding}]}},"valueQuantity":{{"value":1,"unit":"g/g"}}}}"#
        );
        let (mut results, about) = all(&json);
        (results.pop().map(|result| result.value), about)
    };
    let known = read(r#"{"system":"URN:LAB/","code":"R"}"#);
    assert!(matches!(known, (Some(Value::Number(_)), About::Something)));
    for coding in [
        r#"{"code":"R"}"#,
        r#"{"system":"urn:other","code":"R"}"#,
        r#"{"system":7,"code":"R"}"#,
    ] {
        let lost = read(coding);
        assert!(
            matches!(lost, (Some(Value::Unusable(Why::NotReadable)), About::Something)),
            "{coding}"
        );
    }
    assert!(matches!(
        read(r#"{"system":"urn:other","code":"zz"}"#),
        (None, About::Something)
    ));
    assert!(matches!(
        read(r#"{"system":"urn:lab","code":null,"display":"R"}"#),
        (None, About::Nothing)
    ));
}

#[test]
fn the_date_is_that_of_the_sample() {
    let when = |fields: &str| {
        coded("R", fields)
            .unwrap()
            .when
            .map(|when| when.dated().to_string())
    };
    let issued = r#""issued":"2026-11-18T08:00:00Z""#;
    assert_eq!(
        when(&format!(
            r#""effectiveDateTime":"2026-11","issued":"2026-11-18"{}"#,
            ""
        ))
        .as_deref(),
        Some("2026-11")
    );
    assert_eq!(
        when(r#""effectiveInstant":"2026-11-15T08:00:00Z""#).as_deref(),
        Some("2026-11-15")
    );
    assert_eq!(
        when(r#""effectivePeriod":{"start":"2026-11-01","end":"2026-11-03"}"#).as_deref(),
        Some("2026-11-03")
    );
    assert_eq!(when(issued).as_deref(), Some("2026-11-18"));
    assert_eq!(when(&format!(r#""effectiveDateTime":"recently",{issued}"#)), None);
    assert_eq!(when(r#""effectiveDateTime":"2026-12-24""#), None);
    assert_eq!(
        when(r#""effectiveDateTime":"2026-11-23""#).as_deref(),
        Some("2026-11-23")
    );
    assert_eq!(when(r#""status":"final""#), None);
}

#[test]
fn limits_of_the_laboratory_are_converted() {
    let range = |range: &str| {
        coded(
            "R",
            &format!(r#""valueQuantity":{{"value":1,"unit":"mg/g"}},"referenceRange":{range}"#),
        )
        .unwrap()
        .range
    };
    assert_eq!(
        range(r#"[{"low":{"value":10},"high":{"value":0.2,"unit":"g/g"}}]"#),
        (Some(dec("0.01")), Some(dec("0.2")))
    );
    assert_eq!(
        range(r#"[{"high":{"value":1,"unit":"g/g"}},{"high":{"value":2,"unit":"g/g"}}]"#),
        (None, None)
    );
    assert_eq!(range(r#"{"text":"low"}"#), (None, None));
}

#[test]
fn panels_give_a_result_for_each_known_component() {
    let json = r#"{"resourceType":"Observation","id":"bp","code":{"coding":[{"system":"urn:lab","code":"PANEL"}]},
        "component":[{"code":{"coding":[{"system":"urn:lab","code":"SYS"}]},"valueQuantity":{"value":150,"unit":"mm[Hg]"}},
        {"code":{"coding":[{"system":"urn:lab","code":"DIA"}]},"valueQuantity":{"value":90,"unit":"mm[Hg]"}},7.5]}"#;
    let (results, about) = all(json);
    assert_eq!((results.len(), about), (1, About::Something));
    assert_eq!(
        (results[0].analyte, results[0].reference.as_deref()),
        (AnalyteId(3), Some("Observation/bp"))
    );
}

#[test]
fn a_level_carries_timing_assay_and_hours_after_the_dose() {
    let level = coded("LT", r#""valueQuantity":{"value":6,"unit":"ng/mL"}"#).unwrap();
    assert_eq!((level.timing, &*level.assay), (LevelTiming::Trough, "lcms"));
    let value = r#""valueQuantity":{"value":6,"unit":"ng/mL"},"effectiveDateTime":"2026-11-20T08:00:00Z""#;
    let hours = |fields: &str| coded("L", &format!("{value},{fields}")).unwrap().hours_after_dose;
    let component =
        r#""component":[{"code":{"text":"Hours since last dose"},"valueQuantity":{"value":12,"unit":"h"}}]"#;
    assert_eq!(hours(component), Some(dec("12")));
    let time = r#""component":[{"code":{"text":"Last dose time"},"valueDateTime":"2026-11-19T20:30:00Z"}]"#;
    assert_eq!(hours(time), Some(dec("11.5")));
    let extension =
        r#""extension":[{"url":"https://lab.example/last-dose","valueDateTime":"2026-11-19T20:00:00Z"}]"#;
    assert_eq!(hours(extension), Some(dec("12")));
    let later =
        r#""extension":[{"url":"https://lab.example/last-dose","valueDateTime":"2026-11-20T20:00:00Z"}]"#;
    assert_eq!(hours(later), None);
    assert_eq!(hours(r#""method":{"text":"CMIA"}"#), None);
}

#[test]
fn local_codes_and_the_more_telling_code_count() {
    let code = |codings: &str| {
        let json = format!(r#"{{"resourceType":"Observation","code":{{"coding":{codings}}}}}"#);
        all(&json).0.pop().map(|result| (result.analyte, result.timing))
    };
    let site = r#"{"system":"urn:site","code":"TACRO"}"#;
    assert_eq!(
        code(&format!("[{site}]")),
        Some((AnalyteId(1), LevelTiming::Unstated))
    );
    assert_eq!(code(site), Some((AnalyteId(1), LevelTiming::Unstated)));
    let both = format!(r#"[{site},{{"system":"urn:oid:9.9","code":"LT"}}]"#);
    assert_eq!(code(&both), Some((AnalyteId(1), LevelTiming::Trough)));
    assert_eq!(code(r#"[{"system":"urn:other","code":"TACRO"}]"#), None);
}

#[test]
fn an_observation_without_a_code_is_about_nothing() {
    for code in ["7", "[]", "null", "{}", r#"{"coding":[{"system":"urn:lab"}]}"#] {
        let json = format!(r#"{{"resourceType":"Observation","code":{code},"valueQuantity":{{"value":1}}}}"#);
        assert_eq!(all(&json).1, About::Nothing, "{code}");
    }
    assert_eq!(all(r#"{"status":"entered-in-error"}"#).1, About::Something);
    assert_eq!(all(r#"{"code":{"text":"weight"}}"#).1, About::Something);
}

#[test]
fn the_name_of_a_test_tells_when_a_level_was_drawn_where_its_code_does_not() {
    let level = |name: &str| {
        let json = format!(
            r#"{{"resourceType":"Observation","id":"o","code":{{"coding":[{{"system":"urn:lab","code":"L"}}],"text":"{name}"}},
            "valueQuantity":{{"value":6,"unit":"ng/mL"}}}}"#
        );
        all(&json).0.pop().unwrap().timing
    };
    assert_eq!(level("Solvane trough"), LevelTiming::Trough);
    assert_eq!(level("SOLVANE (PEAK)"), LevelTiming::NotTrough);
    for open in [
        "Solvane",
        "Solvane peak and trough",
        "Solvane, trough range 5 to 15",
        "Peaked",
    ] {
        assert_eq!(level(open), LevelTiming::Unstated, "{open}");
    }
}

#[test]
fn a_note_tells_when_this_level_was_drawn_and_not_how_levels_are_drawn() {
    let level = |time: &str, note: &str| {
        let fields = format!(
            r#""valueQuantity":{{"value":6,"unit":"ng/mL"}},"effectiveDateTime":"{time}","note":[{{"text":"{note}"}}]"#
        );
        let level = coded("L", &fields).unwrap();
        (level.timing, level.hours_after_dose, level.drawn_at)
    };
    let (early, zoned) = ("2026-11-20T08:00:00Z", "2026-11-20T07:30:00-05:00");
    let unstated = LevelTiming::Unstated;
    assert_eq!(level(early, "Trough."), (LevelTiming::Trough, None, None));
    assert_eq!(level(early, "Peak"), (LevelTiming::NotTrough, None, None));
    let two = Some(dec("2"));
    assert_eq!(
        level(early, "Drawn 2 hours after the dose"),
        (unstated, two, None)
    );
    assert_eq!(level(early, "drawn 2h post dose"), (unstated, two, None));
    assert_eq!(level(early, "last dose 2 hrs ago"), (unstated, two, None));
    assert_eq!(
        level(early, "Last dose: 2026-11-20T06:00:00Z"),
        (unstated, two, None)
    );
    assert_eq!(
        level(zoned, "last dose 20:00"),
        (unstated, Some(dec("11.5")), Some(450))
    );
    assert_eq!(level(early, "last dose 20:00"), (unstated, None, None));
    for general in [
        "trough range 5 to 15",
        "should be drawn 12 h after the dose",
        "hemolysed",
        "drawn 2",
    ] {
        assert_eq!(level(early, general), (unstated, None, None), "{general}");
    }
}
