//! The order of checks (contract, section 3): a call that is wrong in two ways gets the earlier status.

use crate::helpers::app::{NOBODY, http};
use crate::helpers::chart::grant;
use crate::helpers::{Answer, Stop, TestApp};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;

const LIMIT: usize = 65_536;
const ADMIN: &str = "[admin]\nlisten = '127.0.0.1:0'";

/// What is wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Size,
    MediaType,
    Token,
    Service,
    Method,
    Form,
    Server,
    Order,
    Drug,
}

/// In the order of the contract, with the status of each.
const ORDER: [(Wrong, u16); 9] = [
    (Wrong::Size, 413),
    (Wrong::MediaType, 415),
    (Wrong::Token, 401),
    (Wrong::Service, 404),
    (Wrong::Method, 405),
    (Wrong::Form, 400),
    (Wrong::Server, 403),
    (Wrong::Order, 422),
    (Wrong::Drug, 412),
];

fn body(wrong: &[Wrong]) -> Value {
    let mut request = Stop::tacrolimus().without_prefetch();
    let order = |request: &mut Value| {
        request
            .pointer_mut("/context/toBeDiscontinued/entry/0/resource")
            .unwrap()
            .take()
    };
    let mut stopped = order(&mut request);
    if wrong.contains(&Wrong::Order) {
        stopped["subject"]["reference"] = json!("Patient/somebody-else");
    }
    if wrong.contains(&Wrong::Drug) {
        stopped["medicationCodeableConcept"] = json!({"text": ""});
    }
    request["context"]["toBeDiscontinued"]["entry"][0]["resource"] = stopped;
    if wrong.contains(&Wrong::Server) {
        request = grant(request, "https://fhir.somebody-else.example/r4", "t");
    }
    if wrong.contains(&Wrong::Form) {
        request["hookInstance"] = json!("no uuid");
    }
    if wrong.contains(&Wrong::Size) {
        request["padding"] = json!("x".repeat(LIMIT));
    }
    request
}

async fn call(app: &TestApp, wrong: &[Wrong]) -> Answer {
    let path = if wrong.contains(&Wrong::Service) {
        "/cds-services/nobody".to_owned()
    } else {
        app.path("medication-discontinue")
    };
    let method = if wrong.contains(&Wrong::Method) {
        Method::PUT
    } else {
        Method::POST
    };
    let kind = if wrong.contains(&Wrong::MediaType) {
        "text/html"
    } else {
        "application/json"
    };
    let caller = if wrong.contains(&Wrong::Token) {
        app.stranger()
    } else {
        app.trusted_ehr()
    };
    let call = app
        .call(method, &path)
        .bearer_auth(caller.token(&path))
        .header("content-type", kind);
    Answer::of(call.body(body(wrong).to_string()).send().await.unwrap()).await
}

#[tokio::test]
async fn the_earlier_check_decides() {
    let app = TestApp::with(
        "http://127.0.0.1:9/fhir",
        &format!("max-body-bytes = {LIMIT}"),
        "",
    )
    .await;
    assert_eq!(call(&app, &[]).await.status, 200);
    for (at, (wrong, status)) in ORDER.into_iter().enumerate() {
        assert_eq!(call(&app, &[wrong]).await.status, status, "{wrong:?} alone");
        for (later, _) in &ORDER[at + 1..] {
            assert_eq!(
                call(&app, &[wrong, *later]).await.status,
                status,
                "{wrong:?} with {later:?}"
            );
        }
        let rest: Vec<Wrong> = ORDER[at..].iter().map(|(wrong, _)| *wrong).collect();
        let answer = call(&app, &rest).await;
        assert_eq!(answer.status, status, "everything from {wrong:?} on");
        check_body(&answer);
    }
}

fn check_body(answer: &Answer) {
    if answer.status == 401 {
        return assert!(answer.bytes.is_empty());
    }
    assert_eq!(
        answer.json["resourceType"],
        "OperationOutcome",
        "{}",
        answer.text()
    );
    fhir_out::read_strictly(&answer.text()).unwrap_or_else(|why| panic!("{}: {why}", answer.status));
}

#[tokio::test]
async fn the_limit_counts_what_arrives_and_not_what_was_announced() {
    let app = TestApp::with(
        "http://127.0.0.1:9/fhir",
        &format!("max-body-bytes = {LIMIT}"),
        "",
    )
    .await;
    let path = app.path("medication-discontinue");
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n",
        app.trusted_ehr().token(&path)
    );
    head.push_str("content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
    let mut line = TcpStream::connect(app.base().trim_start_matches("http://")).unwrap();
    line.write_all(head.as_bytes()).unwrap();
    for _ in 0..=LIMIT / 4096 {
        line.write_all(format!("1000\r\n{}\r\n", " ".repeat(4096)).as_bytes())
            .unwrap();
    }
    let mut answer = [0; 12];
    line.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    let mut exact = Stop::tacrolimus().without_prefetch().to_string();
    exact.push_str(&" ".repeat(LIMIT - exact.len()));
    assert_eq!(
        app.trusted_ehr().post(&path, exact.clone()).await.status,
        200,
        "exactly the limit"
    );
    exact.push(' ');
    assert_eq!(
        app.trusted_ehr().post(&path, exact).await.status,
        413,
        "one byte more"
    );
}

#[tokio::test]
async fn the_process_says_that_it_lives_and_can_work() {
    let app = TestApp::spawn().await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(
            app.call(Method::GET, path)
                .send()
                .await
                .unwrap()
                .status()
                .as_u16(),
            200,
            "{path}"
        );
    }
}

#[tokio::test]
async fn whatever_is_read_with_get_answers_head_with_the_same_head_and_no_body() {
    let app = TestApp::with(NOBODY, ADMIN, "").await;
    let basis = format!("{}/basis", app.path("medication-discontinue"));
    let own = [
        "/",
        "/about",
        "/cds-services",
        "/cds-services/basis.css",
        &basis,
        "/livez",
        "/readyz",
        "/smart",
        "/smart/jwks.json",
        "/smart/app.css",
        "/operator",
        "/operator/style.css",
        "/operator/icon.svg",
        "/operator/sign-in",
    ];
    for path in own {
        let [get, head] = [Method::GET, Method::HEAD].map(|method| app.call(method, path).send());
        same_head(path, get.await.unwrap(), head.await.unwrap()).await;
    }
    for path in ["/cds-services", &basis] {
        let call = app.call(Method::DELETE, path).send().await.unwrap();
        let other = Answer::of(call).await;
        other.refuses(405, "method");
        assert_eq!(other.header("allow"), "GET, HEAD", "{path}");
    }
    let http = http();
    for path in ["/metrics", "/livez", "/readyz"] {
        let address = format!("http://{}{path}", app.admin_address());
        let (get, head) = (http.get(&address).send(), http.head(&address).send());
        same_head(path, get.await.unwrap(), head.await.unwrap()).await;
    }
    let call = app.call(Method::HEAD, &app.path("medication-discontinue"));
    assert_eq!(call.send().await.unwrap().status(), 401, "a hook is not read");
}

async fn same_head(path: &str, get: reqwest::Response, head: reqwest::Response) {
    let told = |answer: &reqwest::Response| {
        let names = ["content-type", "etag", "cache-control", "location"];
        let values = names.map(|name| answer.headers().get(name).cloned());
        (answer.status(), values)
    };
    assert_eq!(told(&head), told(&get), "{path}");
    assert!(head.bytes().await.unwrap().is_empty(), "{path}");
}
