//! One field of a chart that cannot be read never makes the advice milder.
//!
//! `degraded` harms whole resources; these are the single fields whose loss once silenced or softened a card: a
//! test for each kind, with what an EHR that is not in order writes there. A question that is refused or cannot be
//! decided is no silence.

use crate::helpers::answer::{advice, urgency, verdict};
use crate::helpers::pure::{Judged, answer, judge};
use crate::helpers::resources::*;
use crate::helpers::stories::story;
use crate::helpers::{Stop, days_ago};
use serde_json::{Value, json};

/// The order that stops, in the context and in the record.
const STOPPED: [&str; 2] = [
    "/context/toBeDiscontinued/entry/0/resource",
    "/prefetch/medications/entry/0/resource",
];

/// The request with other values at some places; what is not there yet is added.
fn with(request: &Value, changes: &[(&str, Value)]) -> Value {
    let mut changed = request.clone();
    for (address, value) in changes {
        let (parent, name) = address.rsplit_once('/').unwrap();
        match changed.pointer_mut(parent).unwrap() {
            Value::Array(items) if name == "-" => items.push(value.clone()),
            parent => match parent.get_mut(name) {
                Some(old) => *old = value.clone(),
                None => drop(
                    parent
                        .as_object_mut()
                        .unwrap()
                        .insert(name.to_owned(), value.clone()),
                ),
            },
        }
    }
    changed
}

/// Urgency of the most urgent card; a refusal counts as the highest.
fn weight(request: &Value) -> usize {
    match judge(request.to_string().as_bytes()) {
        Judged::Answer(answer) => urgency(&answer),
        Judged::Undecided | Judged::Refused(_) => usize::MAX,
    }
}

/// Fails if the request is answered more mildly with any one of the changes.
fn never_milder<'a>(request: &Value, changes: impl IntoIterator<Item = Vec<(&'a str, Value)>>) {
    let before = weight(request);
    assert!(before > 0, "nothing to lose");
    for change in changes {
        let after = weight(&with(request, &change));
        assert!(after >= before, "{change:?}: from {before} to {after}");
    }
}

fn states_gap(request: &Value, need: &str, why: &str) {
    let gaps = crate::helpers::answer::gaps(&answer(request));
    assert!(
        gaps.contains(&(need.to_owned(), why.to_owned())),
        "{need}/{why}: {gaps:?}"
    );
}

#[test]
fn a_date_of_death_that_cannot_be_one_silences_nothing() {
    let request = story("active lupus nephritis").request();
    let died = "/prefetch/patient/deceasedDateTime";
    let odd = ["garbage", "2099-01-01", "9999-12-31", "0001-01-01", "1950"].map(|on| json!(on));
    for on in odd.into_iter().chain([json!(5), json!({})]) {
        never_milder(&request, [vec![(died, on.clone())]]);
        states_gap(&with(&request, &[(died, on)]), "patient", "not-readable");
    }
    let dead = with(&request, &[(died, json!("2026-11-01"))]);
    assert_eq!(weight(&dead), 0);
}

/// The last day of the calendar is how many an EHR writes "open"; the first one, how it writes "not known".
#[test]
fn a_date_that_only_stands_for_open_or_unknown_is_no_date() {
    let request = story("active lupus nephritis").request();
    let open = ["9999-12-31", "9999-12-31T23:59:59Z", "9999"].map(|end| json!(end));
    let end = "/dosageInstruction/0/timing/repeat/boundsPeriod/end";
    let ends = STOPPED.map(|order| format!("{order}{end}"));
    for day in open {
        never_milder(&request, [ends.iter().map(|at| (&**at, day.clone())).collect()]);
        for field in ["effectiveDateTime", "issued"] {
            let result = request["prefetch"]["observations"]["entry"]
                .as_array()
                .unwrap()
                .len()
                - 1;
            let at = format!("/prefetch/observations/entry/{result}/resource/{field}");
            never_milder(&request, [vec![(&*at, day.clone())]]);
        }
    }
    let born = with(&request, &[("/prefetch/patient/birthDate", json!("9999-12-31"))]);
    states_gap(&born, "birth-date", "absent");
    // Two orders are left beside the one that stops, one of them for ever.
    let request = two_left().request();
    let end = "/prefetch/medications/entry/3/resource/dosageInstruction/0/timing/repeat/boundsPeriod/end";
    never_milder(&request, [vec![(end, json!("9999-12-31"))]]);
}

/// A dose that is garbled may be the deep cut that the same dose, well written, would be.
#[test]
fn a_dose_that_cannot_be_read_is_no_mild_dose() {
    let draft = order("tac-2", "draft", TACROLIMUS_1_MG, (0.25, 2), &days_ago(0));
    let dosage = "/dosageInstruction/0";
    let garbled = [
        ("/timing/repeat/frequency", json!("see comment")),
        ("/timing/repeat/frequency", json!({})),
        ("/timing/repeat/period", json!("x")),
        ("/asNeededBoolean", json!("perhaps")),
        ("/doseAndRate/0/doseQuantity/value", json!("see comment")),
        ("/doseAndRate/0/doseQuantity/unit", Value::Null),
    ];
    for name in ["stable lupus nephritis", "kidney transplant, one problem says so"] {
        let request = story(name).drafting(draft.clone()).request();
        let new = format!("/context/draftOrders/entry/0/resource{dosage}");
        for (field, value) in &garbled {
            let code = format!("{new}/doseAndRate/0/doseQuantity/code");
            let unit = if field.ends_with("unit") {
                vec![(&*code, Value::Null)]
            } else {
                Vec::new()
            };
            let at = format!("{new}{field}");
            never_milder(&request, [[vec![(&*at, value.clone())], unit].concat()]);
            let old = STOPPED.map(|order| format!("{order}{dosage}{field}"));
            never_milder(&request, [vec![(&*old[0], value.clone())]]);
            never_milder(&request, [old.iter().map(|at| (&**at, value.clone())).collect()]);
        }
    }
}

/// An order that was never closed, ended long ago or is the stopped one's own copy silences a stop only if its dates
/// and its id say what it is.
#[test]
fn an_order_that_only_perhaps_goes_on_silences_nothing() {
    let repeat = "/prefetch/medications/entry/3/resource/dosageInstruction/0/timing/repeat/boundsPeriod";
    let authored = "/prefetch/medications/entry/3/resource/authoredOn";
    let (start, end) = (format!("{repeat}/start"), format!("{repeat}/end"));
    let story = || story("active lupus nephritis");
    let request = story().request();
    never_milder(
        &request,
        [vec![("/prefetch/medications/entry/0/resource/id", Value::Null)]],
    );
    let bare = vec![
        ("/prefetch/medications/entry/0/resource/id", Value::Null),
        ("/prefetch/medications/entry/0/fullUrl", Value::Null),
    ];
    never_milder(&request, [bare]);
    let unclosed = story().taking(order(
        "tac-0",
        "active",
        TACROLIMUS_1_MG,
        (1.5, 2),
        &days_ago(900),
    ));
    let request = unclosed.request();
    let lost = |day: Value| vec![(authored, day.clone()), (&*start, day)];
    never_milder(
        &request,
        [
            lost(Value::Null),
            lost(json!("x")),
            lost(json!("2024")),
            lost(json!("0001-01-01")),
        ],
    );
    never_milder(
        &request,
        [vec![(authored, Value::Null), (repeat, json!("for ever"))]],
    );
    let stopped = STOPPED.map(|order| format!("{order}/authoredOn"));
    let starts = STOPPED.map(|order| format!("{order}/dosageInstruction/0/timing/repeat/boundsPeriod/start"));
    for day in [Value::Null, json!("x"), json!("2025")] {
        let all = stopped.iter().chain(&starts).map(|at| (&**at, day.clone()));
        never_milder(&request, [all.collect()]);
    }
    let ended = with(
        &story()
            .taking(order(
                "tac-0",
                "active",
                TACROLIMUS_1_MG,
                (1.5, 2),
                &days_ago(400),
            ))
            .request(),
        &[(&*end, json!(days_ago(200)[..10]))],
    );
    never_milder(
        &ended,
        [
            vec![(&*end, json!("see note"))],
            vec![(&*end, json!("2026"))],
            vec![(repeat, json!(5))],
        ],
    );
    // A second order left that cannot be told from none is asked about all the same.
    let two = two_left().request();
    never_milder(&two, [vec![(&*end, json!("see note"))], lost(json!("x"))]);
    never_milder(&two, [vec![("/prefetch/medications", failure())]]);
}

/// Dispenses and statements soften; what of them cannot be read may speak against it.
#[test]
fn a_supply_that_cannot_be_read_softens_nothing() {
    let entry = |resource: Value| json!({"resource": resource});
    let drug = json!({"text": "tacrolimus 1 mg capsule"});
    let subject = json!({"reference": format!("Patient/{PATIENT}")});
    let denied = json!({"resourceType": "MedicationStatement", "id": "st", "status": "not-taken", "subject": subject,
        "medicationCodeableConcept": drug, "dateAsserted": days_ago(20)});
    let handed = |id: &str, days: i64| {
        entry(
            json!({"resourceType": "MedicationDispense", "id": id, "status": "completed", "subject": subject,
            "medicationCodeableConcept": drug, "whenHandedOver": days_ago(days), "daysSupply": {"value": 30}}),
        )
    };
    let list = |entries: Vec<Value>| json!({"resourceType": "Bundle", "type": "searchset", "entry": entries});
    let request = story("active lupus nephritis").request();
    let broken = [
        failure(),
        json!("<html>"),
        json!({"resourceType": "Bundle", "total": 3}),
    ];
    for key in ["statements", "dispenses"] {
        let all = with(
            &request,
            &[
                ("/prefetch/statements", list(vec![entry(denied.clone())])),
                ("/prefetch/dispenses", list(vec![handed("d1", 12)])),
            ],
        );
        let at = format!("/prefetch/{key}");
        never_milder(&all, broken.iter().map(|broken| vec![(&*at, broken.clone())]));
    }
    let two = [(
        "/prefetch/dispenses",
        list(vec![handed("d0", 200), handed("d1", 12)]),
    )];
    let two = with(&request, &two);
    for odd in [Value::Null, json!(7), json!({})] {
        never_milder(&two, [vec![("/prefetch/dispenses/entry/1/resource", odd)]]);
    }
    // The order began after the supply had run out; without a date it perhaps did.
    let young = Stop::tacrolimus_for(30)
        .in_lupus_nephritis()
        .with_upcr("2.1", "g/g", 7)
        .request();
    let young = with(&young, &[("/prefetch/dispenses", list(vec![handed("d0", 200)]))]);
    let dates = [
        "authoredOn",
        "dosageInstruction/0/timing/repeat/boundsPeriod/start",
    ];
    let all = STOPPED
        .iter()
        .flat_map(|order| dates.map(|date| format!("{order}/{date}")));
    let all: Vec<String> = all.collect();
    for day in [Value::Null, json!("x")] {
        never_milder(&young, [all.iter().map(|at| (&**at, day.clone())).collect()]);
    }
}

/// A status in capitals is the same status; one that is none may be that of an order that is over.
#[test]
fn a_status_that_cannot_be_read_hides_no_stop() {
    let over = story("active lupus nephritis")
        .dated(&days_ago(3))
        .after_the_change();
    let prefetch = over.prefetch();
    let status = "/prefetch/medications/entry/0/resource/status";
    let odd = ["STOPPED", "Stopped", "so-so", "unknown"].map(|status| json!(status));
    let odd = || odd.iter().cloned().chain([Value::Null, json!(7), json!({})]);
    let mut left = over.without_prefetch();
    left["hook"] = json!("encounter-discharge");
    left["prefetch"] = prefetch.clone();
    never_milder(&left, odd().map(|odd| vec![(status, odd)]));
    let nothing = json!({"resourceType": "MedicationRequest"});
    never_milder(&left, [vec![("/prefetch/medications/entry/0/resource", nothing)]]);
    let mut signed = over.without_prefetch();
    signed["hook"] = json!("order-sign");
    signed["prefetch"] = story("active lupus nephritis").prefetch();
    signed["context"]["draftOrders"] = signed["context"]["toBeDiscontinued"].take();
    signed["context"]
        .as_object_mut()
        .unwrap()
        .remove("toBeDiscontinued");
    let draft = "/context/draftOrders/entry/0/resource";
    let status = format!("{draft}/status");
    for odd in [json!("STOPPED"), json!("so-so"), json!(7), json!({})] {
        never_milder(&signed, [vec![(&*status, odd)]]);
    }
    never_milder(&signed, [vec![(draft, Value::Null)], vec![(draft, json!(5))]]);
    let odd = with(&signed, &[(&status, json!("so-so"))]);
    refused(&odd, "context.draftOrders.entry[0].resource.status");
}

/// An empty Bundle stops nothing; one whose entries cannot be read is no empty one.
#[test]
fn a_bundle_whose_orders_cannot_be_read_is_no_empty_one() {
    let request = story("active lupus nephritis").request();
    let bundle = "/context/toBeDiscontinued";
    let entry = format!("{bundle}/entry");
    for odd in [json!(5), json!(true)] {
        refused(
            &with(&request, &[(&entry, odd)]),
            "context.toBeDiscontinued.entry",
        );
    }
    let counts = json!({"resourceType": "Bundle", "total": 1});
    refused(
        &with(&request, &[(bundle, counts)]),
        "context.toBeDiscontinued.entry",
    );
    let resource = format!("{bundle}/entry/0/resource");
    for odd in [request["context"]["toBeDiscontinued"].clone(), failure()] {
        refused(
            &with(&request, &[(&resource, odd)]),
            "context.toBeDiscontinued.entry[0].resource",
        );
    }
    let kind = format!("{resource}/resourceType");
    never_milder(
        &request,
        [
            vec![(&*kind, json!("medicationRequest"))],
            vec![(&*resource, Value::Null)],
        ],
    );
    let nothing = json!({"resourceType": "Bundle", "type": "collection"});
    assert_eq!(weight(&with(&request, &[(bundle, nothing)])), 0);
}

fn refused(request: &Value, field: &str) {
    match judge(request.to_string().as_bytes()) {
        Judged::Refused(says) => assert!(says.starts_with(field), "{says}"),
        other => panic!("{field} is not refused: {other:?}"),
    }
}

/// The address of a code system is written in many ways; a code whose system is missing may be the one that decides.
#[test]
fn another_spelling_of_a_code_system_loses_no_result() {
    let request = story("active lupus nephritis").request();
    let last = request["prefetch"]["observations"]["entry"]
        .as_array()
        .unwrap()
        .len()
        - 1;
    let coding = format!("/prefetch/observations/entry/{last}/resource/code/coding/0");
    let (system, code) = (format!("{coding}/system"), format!("{coding}/code"));
    for other in [
        "https://loinc.org",
        "http://loinc.org/",
        "http://www.loinc.org",
        "HTTP://LOINC.ORG",
        "LOINC",
        "2.16.840.1.113883.6.1",
    ] {
        let same = with(&request, &[(&system, json!(other))]);
        assert_eq!(verdict(&answer(&same)), verdict(&answer(&request)), "{other}");
    }
    let lost = [json!("urn:local"), Value::Null, json!(7)];
    never_milder(&request, lost.map(|lost| vec![(&*system, lost)]));
    never_milder(&request, [vec![(&*code, Value::Null)], vec![(&*code, json!({}))]]);
    let condition = "/prefetch/conditions/entry/0/resource/code/coding/0/system";
    never_milder(
        &request,
        [vec![(condition, json!("https://hl7.org/fhir/sid/icd-10-cm/"))]],
    );
}

/// What is not known to hold may hold.
#[test]
fn a_status_that_says_unknown_hides_no_result_procedure_or_condition() {
    let request = story("active lupus nephritis").request();
    let last = request["prefetch"]["observations"]["entry"]
        .as_array()
        .unwrap()
        .len()
        - 1;
    let status = format!("/prefetch/observations/entry/{last}/resource/status");
    let odd = ["unknown", "FINAL", "so-so"].map(|status| json!(status));
    never_milder(&request, odd.iter().map(|odd| vec![(&*status, odd.clone())]));
    let request = story("liver transplant, one procedure says so").request();
    let status = "/prefetch/procedures/entry/0/resource/status";
    never_milder(&request, odd.iter().map(|odd| vec![(status, odd.clone())]));
    for name in [
        "pregnant with lupus nephritis",
        "kidney transplant, one problem says so",
    ] {
        let request = story(name).request();
        let conditions = request["prefetch"]["conditions"]["entry"]
            .as_array()
            .unwrap()
            .len();
        for place in 0..conditions {
            let status = format!("/prefetch/conditions/entry/{place}/resource/clinicalStatus");
            let snomed =
                json!({"coding": [{"system": system::SNOMED, "code": "55561003", "display": "Active"}]});
            let odd = [
                json!({"text": "Active"}),
                json!({"coding": [{"code": "ACTIVE"}]}),
                snomed,
                json!(7),
            ];
            never_milder(&request, odd.map(|odd| vec![(&*status, odd)]));
        }
    }
}

/// Two copies of one result: the later one counts, else the fuller one, whichever came first. A list where one thing
/// is meant is not its first element.
#[test]
fn copies_and_lists_depend_on_no_order() {
    let request = story("active lupus nephritis").request();
    let entries = "/prefetch/observations/entry";
    let last = request
        .pointer(entries)
        .unwrap()
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    let mut low = last.clone();
    low["resource"]["valueQuantity"]["value"] = json!(0.3);
    let both = |one: &Value, other: &Value| {
        let mut request = request.clone();
        let list = request.pointer_mut(entries).unwrap().as_array_mut().unwrap();
        list.pop();
        list.extend([one.clone(), other.clone()]);
        request
    };
    let same = |one: &Value, other: &Value| {
        let (first, second) = (answer(&both(one, other)), answer(&both(other, one)));
        assert_eq!(advice(&first), advice(&second));
        urgency(&first)
    };
    same(&last, &low);
    for (field, of_low, of_last) in [
        ("versionId", "9", "10"),
        ("lastUpdated", "2026-11-20T08:00:00Z", "2026-11-20T09:00:00Z"),
    ] {
        let (mut earlier, mut later) = (low.clone(), last.clone());
        earlier["resource"]["meta"] = json!({ field: of_low });
        later["resource"]["meta"] = json!({ field: of_last });
        assert_eq!(same(&earlier, &later), 3, "{field}");
    }
    let list = with(&request, &[(entries, json!([request.pointer(entries).unwrap()]))]);
    assert!(weight(&list) >= weight(&request));
    // Neither does it matter in which order stops and drafts came.
    let mut turned =
        story("two drugs at once").drafting(order("p-1", "draft", PREDNISONE_10_MG, (10.0, 1), &days_ago(0)));
    turned = turned.drafting(order("a-1", "draft", AZATHIOPRINE_50_MG, (50.0, 1), &days_ago(0)));
    let plain = turned.request();
    let mut turned = plain.clone();
    for bundle in ["toBeDiscontinued", "draftOrders"] {
        turned["context"][bundle]["entry"]
            .as_array_mut()
            .unwrap()
            .reverse();
    }
    assert_eq!(advice(&answer(&turned)), advice(&answer(&plain)));
}

/// Of two stops one cannot be read: what stands in the record may be that one, and is no cover.
#[test]
fn a_stop_that_cannot_be_read_may_be_of_any_order_of_the_record() {
    let request = story("two drugs at once").request();
    let (resource, url) = ["resource", "fullUrl"]
        .map(|part| format!("/context/toBeDiscontinued/entry/1/{part}"))
        .into();
    for odd in [Value::Null, json!(7), json!([1, 2])] {
        never_milder(&request, [vec![(&*resource, odd), (&*url, Value::Null)]]);
    }
}

/// A resource whose subject nothing resolves may be the patient's.
#[test]
fn a_subject_that_nothing_resolves_is_not_another_patient() {
    let request = story("active lupus nephritis").request();
    let last = request["prefetch"]["observations"]["entry"]
        .as_array()
        .unwrap()
        .len()
        - 1;
    let at = format!("/prefetch/observations/entry/{last}/resource");
    let subject = [(
        &*format!("{at}/subject/reference"),
        json!("urn:uuid:6f2b9c1e-3d54-4a7b-9a10-5c0e8f1d2a01"),
    )];
    never_milder(&request, [subject.to_vec()]);
    states_gap(&with(&request, &subject), "observations", "not-readable");
    never_milder(
        &request,
        [vec![(&*format!("{at}/resourceType"), json!("observation"))]],
    );
}

/// Two other orders of the drug, of two formulations, are left.
fn two_left() -> Stop {
    story("stable lupus nephritis")
        .taking(order("tac-2", "active", ENVARSUS_1_MG, (3.0, 1), &days_ago(100)))
        .taking(order("tac-3", "active", TACROLIMUS_1_MG, (1.5, 2), &days_ago(50)))
}
