//! Spans of calls at a collector: what it learns, what it must not, and that nobody waits for it.

use crate::helpers::app::hospital_key;
use crate::helpers::chart::grant;
use crate::helpers::program::Program;
use crate::helpers::resources::PATIENT;
use crate::helpers::{Ehr, SOON, Stop, until};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeMap;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const PATH: &str = "/cds-services/stepdown-medication-discontinue";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
const TOKEN: &str = "canary-access-token";

fn active() -> Stop {
    Stop::tacrolimus().in_lupus_nephritis().with_upcr("2.1", "g/g", 7)
}

/// A collector that takes everything.
async fn collector() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1/traces"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    server
}

fn settings(endpoint: &str) -> String {
    format!("[traces]\nendpoint = '{endpoint}/v1/traces'\nsample-ratio = 1.0\nheaders-file = 'headers'")
}

/// A service with a collector and an EHR, and settings of the hospital.
fn start(folder: &std::path::Path, ehr: &Ehr, endpoint: &str, client: &str) -> Program {
    std::fs::write(folder.join("headers"), "x-collector-key: canary-collector\n").unwrap();
    Program::tracing(folder, &ehr.base(), &settings(endpoint), client)
}

/// One call with a trace of the caller.
async fn call(program: &Program, ehr: &Ehr) -> Value {
    let request = grant(active().without_prefetch(), &ehr.base(), TOKEN);
    let token = hospital_key().token(&Program::claims(PATH));
    let call = program
        .call(Method::POST, PATH)
        .bearer_auth(token)
        .header("content-type", "application/json")
        .header("traceparent", format!("00-{TRACE}-{PARENT}-01"))
        .header("tracestate", "vendor=canary-state")
        .header("baggage", "patient=canary-baggage");
    let answer = call.body(request.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

/// Everything that came, after the service has ended.
async fn spans(server: &MockServer) -> Vec<Span> {
    let mut found = Vec::new();
    for request in server.received_requests().await.unwrap() {
        assert_eq!(request.headers["x-collector-key"], "canary-collector");
        assert_eq!(request.headers["content-type"], "application/x-protobuf");
        let sent = ExportTraceServiceRequest::decode(&*request.body).unwrap();
        let scopes = sent.resource_spans.into_iter().flat_map(|of| of.scope_spans);
        found.extend(scopes.flat_map(|scope| scope.spans));
    }
    found
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Ends the service; what waits is sent on the way.
fn end(program: Program) -> String {
    program.signal("TERM");
    let (well, log) = program.ended();
    assert!(well, "{log}");
    log
}

#[tokio::test]
async fn a_collector_learns_the_stages_of_a_call_and_nothing_about_the_patient() {
    let (folder, server) = (tempfile::tempdir().unwrap(), collector().await);
    let ehr = Ehr::holding(&active()).await.open().await;
    let program = start(folder.path(), &ehr, &server.uri(), "");
    call(&program, &ehr).await;
    end(program);
    let spans = spans(&server).await;
    let names: BTreeMap<&str, usize> = spans.iter().fold(BTreeMap::new(), |mut names, span| {
        *names.entry(span.name.as_str()).or_default() += 1;
        names
    });
    for once in [
        "hook call",
        "read request",
        "gather",
        "evaluate",
        "render",
        "journal",
    ] {
        assert_eq!(names.get(once), Some(&1), "{once} in {names:?}");
    }
    assert!(names["fhir read"] >= 6, "{names:?}");
    assert_eq!(names.len(), 7, "{names:?}");
    let of = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (root, gather) = (of("hook call"), of("gather"));
    assert!(root.parent_span_id.is_empty(), "a stranger's trace is no parent");
    assert_ne!(hex(&root.trace_id), TRACE);
    assert_eq!(
        (hex(&root.links[0].trace_id), hex(&root.links[0].span_id)),
        (TRACE.into(), PARENT.into())
    );
    assert!(spans.iter().all(|span| span.trace_id == root.trace_id));
    assert_eq!(gather.parent_span_id, root.span_id);
    let reads = || spans.iter().filter(|span| span.name == "fhir read");
    assert!(reads().all(|span| span.parent_span_id == gather.span_id));
    let attributes = |span: &Span| -> BTreeMap<String, String> {
        let text = |value: &Option<_>| format!("{value:?}");
        span.attributes
            .iter()
            .map(|one| (one.key.clone(), text(&one.value)))
            .collect()
    };
    for read in reads() {
        let told = attributes(read);
        assert!(told["http.response.status_code"].contains("200"), "{told:?}");
        assert_eq!(told.len(), 2, "{told:?}");
    }
    let told = attributes(root);
    for (name, value) in [
        ("client", "hospital"),
        ("hook", "medication-discontinue"),
        ("outcome", "cards"),
    ] {
        assert!(told[name].contains(value), "{told:?}");
    }
    let everything = format!("{spans:?}");
    for secret in [
        PATIENT,
        "prescriber-7",
        "tac-1",
        TOKEN,
        "Bearer",
        "canary",
        "/fhir",
        "127.0.0.1",
        "M32",
    ] {
        assert!(!everything.contains(secret), "{secret}");
    }
    for request in ehr.requests().await {
        assert!(
            !request.headers.contains_key("traceparent"),
            "the EHR was told of the trace"
        );
    }
}

#[tokio::test]
async fn a_trusted_trace_is_the_parent_and_goes_on_to_the_ehr_where_the_settings_say_so() {
    let (folder, server) = (tempfile::tempdir().unwrap(), collector().await);
    let ehr = Ehr::holding(&active()).await.open().await;
    let client = "trust-traceparent = true\nsend-traceparent = true";
    let program = start(folder.path(), &ehr, &server.uri(), client);
    call(&program, &ehr).await;
    end(program);
    let spans = spans(&server).await;
    let root = spans.iter().find(|span| span.name == "hook call").unwrap();
    assert_eq!(
        (hex(&root.trace_id), hex(&root.parent_span_id)),
        (TRACE.into(), PARENT.into())
    );
    let reads: Vec<String> = spans
        .iter()
        .filter(|span| span.name == "fhir read")
        .map(|span| format!("00-{TRACE}-{}-01", hex(&span.span_id)))
        .collect();
    let told = ehr.requests().await;
    assert!(!told.is_empty());
    for request in told {
        let sent = request.headers["traceparent"].to_str().unwrap();
        assert!(reads.iter().any(|read| read == sent), "{sent}");
        assert!(!request.headers.contains_key("tracestate") && !request.headers.contains_key("baggage"));
    }
}

#[tokio::test]
async fn a_collector_that_is_away_changes_no_answer_and_holds_up_no_end() {
    let ehr = Ehr::holding(&active()).await.open().await;
    let broken = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(503))
        .mount(&broken)
        .await;
    for endpoint in ["http://127.0.0.1:9".to_owned(), broken.uri()] {
        let folder = tempfile::tempdir().unwrap();
        let program = start(folder.path(), &ehr, &endpoint, "");
        for _ in 0..3 {
            assert!(!call(&program, &ehr).await["cards"].as_array().unwrap().is_empty());
        }
        let started = std::time::Instant::now();
        let log = end(program);
        assert!(started.elapsed().as_secs() < 15, "{endpoint}");
        assert_eq!(log.matches("\"event\":\"traces.failing\"").count(), 1, "{log}");
        assert!(!log.contains("canary") && !log.contains("hook call"), "{log}");
    }
}

#[tokio::test]
async fn spans_never_reach_the_log_and_a_refused_call_names_no_client() {
    let (folder, server) = (tempfile::tempdir().unwrap(), collector().await);
    let ehr = Ehr::holding(&active()).await.open().await;
    let program = start(folder.path(), &ehr, &server.uri(), "");
    let refused = program
        .call(Method::POST, PATH)
        .header("content-type", "application/json")
        .header("traceparent", format!("00-{TRACE}-{PARENT}-01"));
    assert_eq!(refused.body("{}").send().await.unwrap().status(), 401);
    let sent = async || (!spans(&server).await.is_empty()).then_some(());
    until(SOON, "a span", sent).await;
    let log = end(program);
    let spans = spans(&server).await;
    assert_eq!(spans.len(), 1);
    assert!(
        spans[0].links.is_empty(),
        "whoever has proven nothing is linked to nothing"
    );
    let told = format!("{:?}", spans[0].attributes);
    assert!(
        told.contains("unauthorized") && !told.contains("hospital"),
        "{told}"
    );
    assert!(!log.contains("\"spans\"") && !log.contains("\"span\""), "{log}");
}
