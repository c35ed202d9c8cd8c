use super::*;
use crate::clinical::gap::Why;
use crate::clinical::knowledge::{Needs, Words};
use crate::clinical::record::{Dose, Drug, Order, OrderStatus, Outcome, Role, Source, Value};
use crate::clinical::vocabulary::{AnalyteId, GroupId};
use crate::fhir::samples::vocabulary;
use crate::protocol::request::document;
use proptest::prelude::*;
use std::time::Duration;
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn knowledge() -> Knowledge {
    Knowledge {
        released: "2026-11-22".into(),
        chart_days: 400,
        attributes: Vec::new(),
        version: "1".into(),
        vocabulary: vocabulary(),
        sources: Vec::new(),
        signals: Vec::new(),
        agents: Vec::new(),
        withdrawals: Vec::new(),
        services: Vec::new(),
        repeats: crate::clinical::knowledge::Repeats { hours: 0 },
        override_reasons: Vec::new(),
        words: Words::new(Default::default()),
        needs: Needs {
            observations: vec![AnalyteId(0), AnalyteId(1), AnalyteId(3)],
            screens: vec![AnalyteId(2)],
            observation_days: 90,
        },
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(crate::fhir::samples::NOW).unwrap()
}

fn body(hook: &str, context: &str, prefetch: &str) -> String {
    format!(
        r#"{{"hook":"{hook}","hookInstance":"d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context":{{"userId":"Practitioner/1","patientId":"p1",{context}}},"prefetch":{{{prefetch}}}}}"#
    )
}

fn stop(entries: &str, prefetch: &str) -> String {
    let context = format!(r#""encounterId":"e1","toBeDiscontinued":{}"#, bundle(entries));
    body("medication-discontinue", &context, prefetch)
}

fn bundle(entries: &str) -> String {
    format!(r#"{{"resourceType":"Bundle","entry":[{entries}]}}"#)
}

fn entry(resource: &str) -> String {
    format!(r#"{{"resource":{resource}}}"#)
}

fn order(id: &str, code: &str, rest: &str) -> String {
    format!(
        r#"{{"resourceType":"MedicationRequest","id":"{id}","subject":{{"reference":"Patient/p1"}},
        "medicationCodeableConcept":{{"coding":[{{"system":"urn:rx","code":"{code}"}}]}}{rest}}}"#
    )
}

fn result(id: &str, code: &str, patient: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","subject":{{"reference":"Patient/{patient}"}},
        "code":{{"coding":[{{"system":"urn:lab","code":"{code}"}}]}},"effectiveDateTime":"2026-11-15",
        "valueQuantity":{{"value":1,"unit":"g/g"}}}}"#
    )
}

fn given(body: &str) -> Result<PatientRecord, GatherError> {
    let document = document(body.as_bytes()).unwrap();
    let request = HookRequest::read(&document).unwrap();
    read_given(&request, None, &knowledge(), &LocalCodes::default(), now())
}

fn outcome(record: &PatientRecord, source: Source) -> Outcome {
    record.sources.of(source).outcome
}

#[test]
fn the_states_of_prefetch_become_states_of_sources() {
    let prefetch = format!(
        r#""patient":{{"resourceType":"Patient","id":"p1","birthDate":"1990"}},"conditions":null,"allergies":{},
        "procedures":{{"resourceType":"OperationOutcome"}},"observations":"none""#,
        bundle("")
    );
    let record = given(&stop("", &prefetch)).unwrap();
    assert_eq!(record.person.reference.as_deref(), Some("Patient/p1"));
    assert_eq!(outcome(&record, Source::Patient), Outcome::Read);
    assert_eq!(outcome(&record, Source::Conditions), Outcome::Read);
    assert_eq!(outcome(&record, Source::Allergies), Outcome::Read);
    assert_eq!(
        outcome(&record, Source::Procedures),
        Outcome::Failed(Why::FetchFailed)
    );
    assert_eq!(
        outcome(&record, Source::Observations),
        Outcome::Failed(Why::NotReadable)
    );
    assert_eq!(outcome(&record, Source::Medications), Outcome::NotSent);
    assert_eq!(record.encounter.as_deref(), Some("Encounter/e1"));
}

#[test]
fn resources_are_read_by_type_under_any_key_and_counted_once() {
    let ratio = entry(&result("o1", "R", "p1"));
    let prefetch = format!(
        r#""-user":{},"observations":{},"mine":{}"#,
        bundle(&format!("{ratio},{}", entry(&order("m1", "11", "")))),
        bundle(&ratio),
        bundle(&entry(&result("o2", "V", "p1"))),
    );
    let record = given(&stop("", &prefetch)).unwrap();
    assert_eq!((record.results.len(), record.orders.len()), (2, 1));
    assert_eq!(outcome(&record, Source::Medications), Outcome::Read);
    assert_eq!(outcome(&record, Source::Screens), Outcome::Read);
    assert_eq!(outcome(&record, Source::Conditions), Outcome::NotSent);
}

#[test]
fn another_patients_resource_is_dropped_and_marked() {
    let mixed = format!(
        "{},{}",
        entry(&result("o1", "R", "p1")),
        entry(&result("o2", "R", "p2"))
    );
    let prefetch = format!(
        r#""observations":{},"patient":{{"resourceType":"Patient","id":"p2","gender":"male"}}"#,
        bundle(&mixed)
    );
    let record = given(&stop("", &prefetch)).unwrap();
    assert_eq!(record.results.len(), 1);
    assert!(record.sources.of(Source::Observations).foreign && record.sources.of(Source::Patient).foreign);
    assert!(record.person.sex.is_none());
}

#[test]
fn an_order_of_another_patient_in_the_context_is_refused() {
    let foreign = order("m2", "11", "").replace("Patient/p1", "Patient/p2");
    let entries = format!("{},{}", entry(&order("m1", "11", "")), entry(&foreign));
    let error = given(&stop(&entries, "")).err().unwrap();
    assert_eq!(
        error,
        GatherError::ForeignOrder {
            field: "context.toBeDiscontinued.entry[1]".into()
        }
    );
    let draft = body(
        "order-sign",
        &format!(r#""draftOrders":{}"#, bundle(&entry(&foreign))),
        "",
    );
    assert_eq!(
        given(&draft).err().unwrap(),
        GatherError::ForeignOrder {
            field: "context.draftOrders.entry[0]".into()
        }
    );
    let urn = order("m1", "11", "").replace("Patient/p1", "urn:uuid:7");
    let known = format!(
        r#"{},{{"fullUrl":"urn:uuid:7","resource":{{"resourceType":"Patient","id":"p1"}}}}"#,
        entry(&urn)
    );
    assert_eq!(given(&stop(&known, "")).unwrap().orders.len(), 1);
    assert!(given(&stop(&entry(&urn), "")).is_err());
}

#[test]
fn the_patient_may_be_absolute_on_the_clients_server_only() {
    let text = stop("", "").replace("\"p1\"", "\"https://ehr.example/fhir/Patient/p1\"");
    let document = document(text.as_bytes()).unwrap();
    let request = HookRequest::read(&document).unwrap();
    let on = |base: &str| {
        let base = Url::parse(base).unwrap();
        read_given(&request, Some(&base), &knowledge(), &LocalCodes::default(), now()).err()
    };
    assert_eq!(on("https://ehr.example/fhir/"), None);
    assert_eq!(
        on("https://other.example/fhir"),
        Some(GatherError::ForeignPatient)
    );
}

#[test]
fn the_context_comes_first_and_beats_the_record() {
    let dosage =
        r#","status":"active","authoredOn":"2025-01-01","dosageInstruction":[{"text":"2 mg twice daily"}]"#;
    let sparse = r#"{"resourceType":"MedicationRequest","id":"m1","status":"stopped"}"#;
    let drafts = bundle(&entry(&order("d1", "12", r#","status":"draft""#)));
    let context = format!(
        r#""toBeDiscontinued":{},"draftOrders":{drafts}"#,
        bundle(&entry(sparse))
    );
    let prefetch = format!(
        r#""medications":{}"#,
        bundle(&format!(
            "{},{}",
            entry(&order("m0", "12", dosage)),
            entry(&order("m1", "11", dosage))
        ))
    );
    let record = given(&body("medication-discontinue", &context, &prefetch)).unwrap();
    let roles: Vec<Role> = record.orders.iter().map(|order| order.role).collect();
    assert_eq!(roles, [Role::Stopping, Role::Draft, Role::Recorded]);
    let stopping = &record.orders[0];
    assert_eq!(stopping.status, OrderStatus::Stopped);
    assert!(matches!(stopping.drug, Drug::Known { product: Some(_), .. }));
    assert!(matches!(&stopping.dose, Dose::PerDay(doses) if doses.len() == 2));
    assert!(stopping.authored.is_some());
    assert_eq!(stopping.received.as_deref(), Some(sparse));
}

#[test]
fn an_order_may_come_by_its_address_only_or_not_be_readable_at_all() {
    let by_url = r#"{"fullUrl":"https://ehr.example/fhir/MedicationRequest/m1"}"#;
    let prefetch = format!(r#""medications":{}"#, bundle(&entry(&order("m1", "11", ""))));
    let record = given(&stop(by_url, &prefetch)).unwrap();
    assert_eq!(record.orders.len(), 1);
    assert!(matches!(record.orders[0].drug, Drug::Known { .. }) && record.orders[0].received.is_none());
    for odd in [
        "7.5",
        "{}",
        r#"{"resource":5}"#,
        r#"{"resource":{"id":"x"}}"#,
        r#"{"fullUrl":"urn:uuid:1"}"#,
    ] {
        let record = given(&stop(odd, "")).unwrap();
        assert_eq!(record.orders.len(), 1, "{odd}");
        assert_eq!(
            (record.orders[0].role, record.orders[0].drug),
            (Role::Stopping, Drug::Unreadable)
        );
    }
    assert!(
        given(&stop(r#"{"fullUrl":"https://ehr.example/Medication/1"}"#, ""))
            .unwrap()
            .orders
            .is_empty()
    );
}

#[test]
fn stopped_orders_among_signed_drafts_are_being_stopped() {
    let drafts = format!(
        "{},{}",
        entry(&order("d1", "12", r#","status":"draft""#)),
        entry(&order("m1", "11", r#","status":"stopped""#))
    );
    let signing = body("order-sign", &format!(r#""draftOrders":{}"#, bundle(&drafts)), "");
    let roles: Vec<Role> = given(&signing)
        .unwrap()
        .orders
        .iter()
        .map(|order| order.role)
        .collect();
    assert_eq!(roles, [Role::Stopping, Role::Draft]);
}

#[test]
fn reasons_by_reference_find_the_conditions_of_the_record() {
    let reason = r#","reasonReference":[{"reference":"Condition/c1"}]"#;
    let condition = r#"{"resourceType":"Condition","id":"c1","code":{"text":"nephritis"}}"#;
    let prefetch = format!(r#""conditions":{}"#, bundle(&entry(condition)));
    let record = given(&stop(&entry(&order("m1", "11", reason)), &prefetch)).unwrap();
    assert_eq!(record.orders[0].reasons[0].0, GroupId(1));
}

#[test]
fn what_cannot_be_read_marks_its_source() {
    let prefetch = format!(
        r#""observations":{},"conditions":{},"allergies":{}"#,
        bundle(&format!(
            "{},{}",
            entry(r#"{"resourceType":"Observation"}"#),
            entry(&result("o1", "R", "p1"))
        )),
        bundle(r#"{"resource":7}"#),
        bundle(&entry(r#"{"resourceType":"Practitioner"}"#)),
    );
    let record = given(&stop("", &prefetch)).unwrap();
    assert!(record.sources.of(Source::Observations).unreadable);
    assert!(record.sources.of(Source::Conditions).unreadable);
    assert!(!record.sources.of(Source::Allergies).unreadable);
    assert!(matches!(record.results[0].value, Value::Number(_)));
}

async fn answer(server: &MockServer, at: &str, reply: ResponseTemplate) {
    Mock::given(method("GET"))
        .and(path(at))
        .respond_with(reply)
        .mount(server)
        .await;
}

fn fhir(json: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(json.to_owned(), "application/fhir+json")
}

async fn fetched(server: &MockServer, body: &str, millis: u64) -> PatientRecord {
    let document = document(body.as_bytes()).unwrap();
    let request = HookRequest::read(&document).unwrap();
    let (base, fhir) = (
        Url::parse(&format!("{}/fhir", server.uri())).unwrap(),
        FhirClient::new().unwrap(),
    );
    let token = SecretString::from("sesame");
    let deadline = Instant::now() + Duration::from_millis(millis);
    let ehr = Ehr {
        base: Some(&base),
        token: Some(&token),
        fhir: &fhir,
        deadline,
        breaker: None,
    };
    gather(&request, ehr, &knowledge(), &LocalCodes::default(), now())
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_missing_is_fetched_with_the_token_and_the_rest_is_not() {
    let server = MockServer::start().await;
    Mock::given(path("/fhir/Patient/p1"))
        .and(header("authorization", "Bearer sesame"))
        .and(header("accept", "application/fhir+json"))
        .respond_with(fhir(r#"{"resourceType":"Patient","id":"p1","gender":"female"}"#))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/fhir/Observation"))
        .and(query_param("patient", "p1"))
        .and(query_param("date", "ge2026-08-24"))
        .respond_with(fhir(&bundle(&entry(&result("o1", "R", "p1")))))
        .expect(1)
        .mount(&server)
        .await;
    answer(&server, "/fhir/AllergyIntolerance", ResponseTemplate::new(403)).await;
    answer(
        &server,
        "/fhir/Procedure",
        ResponseTemplate::new(200).set_body_string("<html>"),
    )
    .await;
    answer(
        &server,
        "/fhir/MedicationRequest",
        fhir(r#"{"resourceType":"OperationOutcome"}"#),
    )
    .await;
    let record = fetched(&server, &stop("", r#""conditions":null,"screens":null"#), 5_000).await;
    assert!(record.person.sex.is_some() && record.results.len() == 1);
    assert_eq!(outcome(&record, Source::Observations), Outcome::Read);
    assert_eq!(outcome(&record, Source::Conditions), Outcome::Read);
    assert_eq!(
        outcome(&record, Source::Allergies),
        Outcome::Failed(Why::NotPermitted)
    );
    assert_eq!(
        outcome(&record, Source::Procedures),
        Outcome::Failed(Why::NotReadable)
    );
    assert_eq!(
        outcome(&record, Source::Medications),
        Outcome::Failed(Why::FetchFailed)
    );
}

/// Prefetch with every source but those named.
fn all_but(sources: &[&str]) -> String {
    let keys = crate::clinical::record::SOURCES.iter().map(|source| source.key());
    let keys: Vec<String> = keys
        .filter(|key| !sources.contains(key))
        .map(|key| format!("\"{key}\":null"))
        .collect();
    keys.join(",")
}

#[tokio::test]
async fn nothing_is_asked_when_everything_came() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(500))
        .expect(0)
        .mount(&server)
        .await;
    let failed = all_but(&["patient"]) + r#","patient":{"resourceType":"OperationOutcome"}"#;
    let record = fetched(&server, &stop(&entry(&order("m1", "11", "")), &failed), 5_000).await;
    assert_eq!(
        outcome(&record, Source::Patient),
        Outcome::Failed(Why::FetchFailed)
    );
}

#[tokio::test]
async fn a_medication_that_did_not_come_is_read() {
    let server = MockServer::start().await;
    let medication =
        r#"{"resourceType":"Medication","id":"x","code":{"coding":[{"system":"urn:rx","code":"11"}]}}"#;
    answer(&server, "/fhir/Medication/x", fhir(medication)).await;
    let referring = |target: &str| {
        entry(&format!(
            r#"{{"resourceType":"MedicationRequest","id":"{target}","medicationReference":{{"reference":"Medication/{target}"}}}}"#
        ))
    };
    let entries = format!("{},{}", referring("x"), referring("gone"));
    let record = fetched(&server, &stop(&entries, &all_but(&[])), 5_000).await;
    let drug_of = |id: &str| {
        let is_it = |order: &&Order| order.reference.as_deref().is_some_and(|own| own.ends_with(id));
        record.orders.iter().find(is_it).unwrap().drug
    };
    assert!(matches!(drug_of("/x"), Drug::Known { .. }));
    assert_eq!(drug_of("/gone"), Drug::Unreadable);
}

#[tokio::test]
async fn pages_are_followed_on_the_base_and_what_came_before_a_failure_is_kept() {
    let server = MockServer::start().await;
    let page = |id: &str, next: &str| {
        format!(
            r#"{{"resourceType":"Bundle","entry":[{}],"link":[{{"relation":"next","url":"{next}"}}]}}"#,
            entry(&result(id, "R", "p1"))
        )
    };
    let second = Mock::given(path("/fhir/Observation")).and(query_param("page", "2"));
    second
        .respond_with(fhir(&bundle(&entry(&result("o2", "R", "p1")))))
        .with_priority(1)
        .mount(&server)
        .await;
    let third = Mock::given(path("/fhir/Observation")).and(query_param("page", "3"));
    third
        .respond_with(ResponseTemplate::new(500))
        .with_priority(1)
        .mount(&server)
        .await;
    answer(
        &server,
        "/fhir/Observation",
        fhir(&page("o1", "http://localhost:1/fhir/Observation?page=2")),
    )
    .await;
    let whole = fetched(&server, &stop("", &all_but(&["observations"])), 5_000).await;
    assert_eq!(
        (whole.results.len(), outcome(&whole, Source::Observations)),
        (2, Outcome::Read)
    );
    for next in [
        "Observation?page=3",
        "https://other.example/fhir/Observation?page=2",
    ] {
        let prefetch = format!(
            r#"{},"observations":{}"#,
            all_but(&["observations"]),
            page("o1", next)
        );
        let cut = fetched(&server, &stop("", &prefetch), 5_000).await;
        let state = outcome(&cut, Source::Observations);
        assert_eq!(
            (cut.results.len(), state),
            (1, Outcome::Failed(Why::FetchFailed)),
            "{next}"
        );
    }
    let prefetch = format!(
        r#"{},"observations":{}"#,
        all_but(&["observations"]),
        page("o1", "?page=2")
    );
    let unfollowed = given(&stop("", &prefetch)).unwrap();
    assert_eq!(
        outcome(&unfollowed, Source::Observations),
        Outcome::Failed(Why::FetchFailed)
    );
}

#[tokio::test]
async fn endless_pages_redirects_and_late_answers_end() {
    let server = MockServer::start().await;
    let endless = format!(
        r#"{{"resourceType":"Bundle","entry":[{}],"link":[{{"relation":"next","url":"Observation?again"}}]}}"#,
        entry(&result("o1", "R", "p1"))
    );
    Mock::given(path("/fhir/Observation"))
        .respond_with(fhir(&endless))
        .expect(5)
        .mount(&server)
        .await;
    let elsewhere = ResponseTemplate::new(302).insert_header("location", "/fhir/Other");
    answer(&server, "/fhir/Condition", elsewhere).await;
    answer(
        &server,
        "/fhir/Procedure",
        fhir(&bundle("")).set_delay(Duration::from_secs(5)),
    )
    .await;
    let prefetch = all_but(&["observations", "conditions", "procedures"]);
    let begun = Instant::now();
    let record = fetched(&server, &stop("", &prefetch), 700).await;
    assert!(begun.elapsed() < Duration::from_secs(3));
    for source in [Source::Observations, Source::Conditions, Source::Procedures] {
        assert_eq!(outcome(&record, source), Outcome::Failed(Why::FetchFailed));
    }
    assert_eq!(record.results.len(), 1);
}

#[tokio::test]
async fn a_server_beyond_loopback_is_not_asked_without_token_or_over_plain_http() {
    let token = SecretString::from("sesame");
    let open = |base: &str, token: Option<&SecretString>| {
        let base = Url::parse(base).unwrap();
        Server {
            base: &base,
            token,
            deadline: Instant::now(),
            breaker: None,
        }
        .is_open()
    };
    assert!(open("https://ehr.example/fhir", Some(&token)));
    assert!(!open("https://ehr.example/fhir", None));
    assert!(!open("http://ehr.example/fhir", Some(&token)));
    assert!(open("http://127.0.0.1:9/fhir", None) && open("http://[::1]/fhir", None));
    assert!(!open("http://localhost.example/fhir", None));
}

#[test]
fn links_stay_on_the_configured_base() {
    let base = Url::parse("https://ehr.example/fhir/r4").unwrap();
    let to = |link: &str| crate::fhir::client::rebased(link, &base).map(String::from);
    let page = Some("https://ehr.example/fhir/r4/Observation?p=2".to_owned());
    for link in [
        "https://ehr.example/fhir/r4/Observation?p=2#x",
        "http://ehr.example:8080/fhir/r4/Observation?p=2",
        "http://localhost:8080/Observation?p=2",
        "Observation?p=2",
    ] {
        assert_eq!(to(link), page, "{link}");
    }
    for link in [
        "https://evil.example/fhir/r4?p",
        "https://u:p@ehr.example/fhir/r4",
        "file:///etc/passwd",
        "//evil/x",
    ] {
        assert_eq!(to(link), None, "{link}");
    }
    assert_eq!(
        to("../../admin").as_deref(),
        Some("https://ehr.example/fhir/r4/admin")
    );
}

proptest! {
    #[test]
    fn mutated_records_are_survived(edits in prop::collection::vec((0_usize..3_000, prop::sample::select(
        vec![b'{', b'}', b'[', b']', b'"', b',', b':', b'0', b'-', b'e', b'.', b'n', b' ', 0xc2])), 1..4)) {
        let prefetch = format!(
            r#""patient":{{"resourceType":"Patient","id":"p1"}},"medications":{},"observations":{}"#,
            bundle(&entry(&order("m0", "10", r#","dosageInstruction":[{"sequence":1,"timing":{"repeat":{"frequency":2,"period":1.5,"periodUnit":"d"}},"doseAndRate":[{"doseQuantity":{"value":1.5,"unit":"mg"}}]}]"#))),
            bundle(&entry(&result("o1", "R", "p1"))),
        );
        let mut bytes = stop(&entry(&order("m1", "11", "")), &prefetch).into_bytes();
        for (at, byte) in edits {
            let place = at % bytes.len();
            bytes[place] = byte;
        }
        if let Ok(document) = document(&bytes)
            && let Ok(request) = HookRequest::read(&document)
        {
            let _ = read_given(&request, None, &knowledge(), &LocalCodes::default(), now());
        }
    }
}
