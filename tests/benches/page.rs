//! What a page of the companion app costs.
//!
//! Opens a chart with 2,000 results as a browser does, against an authorization and FHIR server in this process,
//! and prints the median and the slowest of the page's answers once the record has been read: judging, drawing,
//! writing and sending. The bound that we hold is 50 ms. Run it with `cargo bench --bench page`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark speaks to the terminal and may panic"
)]

#[path = "request.rs"]
#[expect(dead_code, reason = "the page is judged at the time of the machine")]
mod request;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use reqwest::Client;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use stepdown::config::Config;
use stepdown::startup;
use url::Url;

const RESULTS: usize = 2_000;
const ROUNDS: usize = 40;

fn main() {
    actix_web::rt::System::new().block_on(async {
        let ehr = ehr().await;
        let folder = tempfile::tempdir().unwrap();
        let settings = format!(
            "listen='127.0.0.1:0'\nworkers=1\n[journal]\nurl='sqlite:j.db'\n[[client]]\nname='bench'\nissuer='bench'\n\
             jwks-url='{ehr}/keys'\nfhir-base='{ehr}/fhir'\n[client.smart]\nclient-id='bench'\n"
        );
        let config = Config::from_toml(&settings, folder.path()).unwrap();
        let running = startup::serve(config).await.unwrap();
        let base = format!("http://{}", running.address);
        let handle = running.server.handle();
        actix_web::rt::spawn(running.server);
        measure(&base, &ehr).await;
        handle.stop(false).await;
    });
}

async fn measure(base: &str, ehr: &str) {
    let http = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    let begun = http
        .get(format!("{base}/smart/launch?launch=x&iss={ehr}/fhir"))
        .send()
        .await
        .unwrap();
    let cookie = cookie(&begun);
    let asked: Url = begun.headers()["location"].to_str().unwrap().parse().unwrap();
    let state = asked
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned();
    let back = format!("{base}/smart/callback?code=c&state={state}");
    let opened = http.get(back).header("cookie", cookie).send().await.unwrap();
    let (path, own) = (
        opened.headers()["location"].to_str().unwrap(),
        self::cookie(&opened),
    );
    let (mut times, mut size) = (Vec::new(), 0);
    for _ in 0..=ROUNDS {
        let start = Instant::now();
        let page = http
            .get(format!("{base}{path}"))
            .header("cookie", &own)
            .send()
            .await
            .unwrap();
        assert_eq!(page.status(), 200);
        size = page.bytes().await.unwrap().len();
        times.push(start.elapsed());
    }
    // The first one read the record.
    let first = times.remove(0);
    times.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{RESULTS} results: first page with reading {:.0} ms; then median {:.1} ms, slowest {:.1} ms, {} kB",
        ms(first),
        ms(times[ROUNDS / 2]),
        ms(times[ROUNDS - 1]),
        size / 1024
    );
}

fn cookie(answer: &reqwest::Response) -> String {
    let header = answer.headers()["set-cookie"].to_str().unwrap();
    header.split(';').next().unwrap().to_owned()
}

/// The servers of an EHR, on a port of their own.
async fn ehr() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let body: Value = serde_json::from_str(&request::body(RESULTS, 10)).unwrap();
    let state = web::Data::new((origin.clone(), body));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .default_service(web::to(answer))
    });
    actix_web::rt::spawn(server.workers(1).listen(listener).unwrap().run());
    origin
}

async fn answer(state: web::Data<(String, Value)>, request: HttpRequest) -> HttpResponse {
    let (origin, body) = &**state;
    let prefetch = &body["prefetch"];
    let none = json!({"resourceType": "Bundle", "type": "searchset"});
    let value = match request.path() {
        "/fhir/.well-known/smart-configuration" => json!({
            "authorization_endpoint": format!("{origin}/authorize"), "token_endpoint": format!("{origin}/token"),
            "capabilities": ["permission-v2"],
        }),
        "/token" => json!({"access_token": "t", "token_type": "Bearer", "patient": "bench"}),
        "/fhir/Patient/bench" => prefetch["patient"].clone(),
        "/fhir/Observation" => prefetch["observations"].clone(),
        "/fhir/Condition" => prefetch["conditions"].clone(),
        "/fhir/MedicationRequest" => medications(body),
        _ => none,
    };
    HttpResponse::Ok()
        .insert_header(("content-type", "application/json"))
        .body(value.to_string())
}

/// The orders on record, with the one that the request would stop.
fn medications(body: &Value) -> Value {
    let mut list = body["prefetch"]["medications"].clone();
    let mut taken = body["context"]["toBeDiscontinued"]["entry"][0].clone();
    taken["resource"]["status"] = json!("active");
    list["entry"].as_array_mut().unwrap().push(taken);
    list
}
