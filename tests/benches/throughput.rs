//! Throughput of the whole service against a named floor, in one run.
//!
//! The floor is an actix-web server that parses the same body into `serde_json::Value` and returns a
//! fixed card. Beside them runs what no service can do without: the same server that only takes the body from the
//! socket, and one that also looks where each value of it begins and ends. Each runs in a child process with one worker; the parent drives them over loopback with a
//! few connections in a closed loop. Prints requests per second and their ratio, and the processor time of a
//! request, which other work on the machine hardly changes: of the threads that answer, of those of the
//! journal, and what a token with its `jti` adds to both. The second service is the production one, with an
//! ES384 token for each request. Needs Linux. Run it with `cargo bench --bench throughput`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark speaks to the terminal and may panic"
)]

#[path = "../suite/helpers/keys.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod keys;
#[path = "machine.rs"]
#[allow(dead_code, reason = "the load program uses more of it")]
mod machine;
#[path = "request.rs"]
mod request;
#[path = "wire.rs"]
#[allow(dead_code, reason = "the load program uses more of it")]
mod wire;

use actix_web::{App, HttpResponse, HttpServer, web};
use keys::{Signer, claims};
use machine::processor_time;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use stepdown::clock::Clock;
use stepdown::config::Config;
use stepdown::startup::{self, Demonstration};

const CONNECTIONS: usize = 4;
const ROUNDS: usize = 5;
const WARM_UP: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(2);
/// Tokens of one connection in one run; a run ends when they are used up.
const TOKENS: usize = 800;
const ISSUER: &str = "https://ehr.example.org";
const PUBLIC: &str = "https://cds.example.org";
const SERVICE: &str = "/cds-services/stepdown-medication-discontinue";

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("serve-floor") => floor(|body| {
            let value: serde_json::Value = serde_json::from_slice(body).unwrap();
            assert!(value.get("context").is_some());
        }),
        Some("serve-bytes") => floor(|body| assert!(body.ends_with(b"}"))),
        Some("serve-scan") => floor(|body| {
            let _: serde::de::IgnoredAny = serde_json::from_slice(body).unwrap();
        }),
        Some("serve-service") => service(),
        Some("serve-trusted") => trusted(&std::env::args().nth(2).unwrap()),
        _ => compare(),
    }
}

/// A server that reads a body so, and returns a fixed card.
fn floor(read: fn(&[u8])) {
    actix_web::rt::System::new().block_on(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        println!("listening on http://{}", listener.local_addr().unwrap());
        let card = r#"{"cards":[{"summary":"fixed","indicator":"info","source":{"label":"floor"}}]}"#;
        let answer = move |body: web::Bytes| async move {
            read(&body);
            HttpResponse::Ok().content_type("application/json").body(card)
        };
        let app = move || {
            App::new()
                .app_data(web::PayloadConfig::new(8 << 20))
                .route("/cds-services/{id}", web::post().to(answer))
        };
        HttpServer::new(app)
            .workers(1)
            .listen(listener)
            .unwrap()
            .run()
            .await
            .unwrap();
    });
}

fn service() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Some(format!("sqlite:{}", folder.path().join("journal.db").display()));
    actix_web::rt::System::new().block_on(async {
        let clock = Clock::Fixed(request::NOW.parse().unwrap());
        let how = Demonstration {
            port: 0,
            clock,
            journal,
            workers: Some(1),
        };
        let running = startup::demonstrate(how).await.unwrap();
        println!("listening on http://{}", running.address);
        running.server.await.unwrap();
    });
}

/// The production service, which asks for a token; settings and keys lie in `folder`.
fn trusted(folder: &str) {
    let config = Config::load(&Path::new(folder).join("stepdown.toml")).unwrap();
    actix_web::rt::System::new().block_on(async {
        let running = startup::serve(config).await.unwrap();
        println!("listening on http://{}", running.address);
        running.server.await.unwrap();
    });
}

/// What one server did.
#[derive(Clone, Copy)]
struct Measured {
    /// Requests per second.
    rate: f64,
    /// Processor time of a request in microseconds, without the journal's threads.
    answering: f64,
    /// Processor time of a request in microseconds on the journal's threads.
    journal: f64,
}

fn compare() {
    let body = request::body(50, 10);
    println!(
        "body: {} bytes, 50 Observations and 10 MedicationRequests in prefetch",
        body.len()
    );
    let signer = Signer::ec("bench");
    let (mut floors, mut services, mut trusteds) = (Vec::new(), Vec::new(), Vec::new());
    let (mut bytes, mut scans) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let floor = measure(&["serve-floor"], &body, None);
        bytes.push(measure(&["serve-bytes"], &body, None));
        scans.push(measure(&["serve-scan"], &body, None));
        let service = measure(&["serve-service"], &body, None);
        let folder = tempfile::tempdir().unwrap();
        settings(folder.path(), &signer);
        let place = folder.path().to_str().unwrap();
        let trusted = measure(&["serve-trusted", place], &body, Some(&signer));
        println!(
            "round {round}: floor {:.0}/s, service {:.0}/s, with token {:.0}/s; CPU of a request in us: \
             floor {:.0}, service {:.0} and journal {:.0}, with token {:.0} and {:.0}",
            floor.rate,
            service.rate,
            trusted.rate,
            floor.answering,
            service.answering,
            service.journal,
            trusted.answering,
            trusted.journal
        );
        floors.push(floor);
        services.push(service);
        trusteds.push(trusted);
    }
    let limits = [
        ("that only takes the body", &bytes),
        ("that also scans it", &scans),
    ];
    for (what, limit) in limits {
        spread(
            &format!("requests/s, a server {what} to floor"),
            floors.iter().zip(limit).map(|(f, l)| l.rate / f.rate),
        );
        spread(
            &format!("CPU of a request in us, a server {what}"),
            limit.iter().map(|l| l.answering),
        );
    }
    let pairs = || floors.iter().zip(&services);
    spread(
        "requests/s, service to floor",
        pairs().map(|(f, s)| s.rate / f.rate),
    );
    spread(
        "CPU of a request, floor to service without journal",
        pairs().map(|(f, s)| f.answering / s.answering),
    );
    spread(
        "CPU of a request, floor to service with journal",
        pairs().map(|(f, s)| f.answering / (s.answering + s.journal)),
    );
    let added = |of: fn(&Measured) -> f64| {
        let both = services.iter().zip(&trusteds);
        both.map(move |(open, trusted)| of(trusted) - of(open))
    };
    spread("a token adds, us of CPU while answering", added(|m| m.answering));
    spread("its jti adds, us of CPU in the journal", added(|m| m.journal));
}

fn spread(what: &str, values: impl Iterator<Item = f64>) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    println!(
        "{what}: median {:.2} (min {:.2}, max {:.2})",
        values[values.len() / 2],
        values[0],
        values[values.len() - 1]
    );
}

/// Settings with one client, whose public key is the signer's.
fn settings(folder: &Path, signer: &Signer) {
    let keys = serde_json::json!({"keys": [signer.public()]});
    std::fs::write(folder.join("jwks.json"), keys.to_string()).unwrap();
    let text = format!(
        "listen = \"127.0.0.1:0\"\npublic-url = \"{PUBLIC}\"\nworkers = 1\n[[client]]\nname = \"bench\"\n\
         issuer = \"{ISSUER}\"\njwks-file = \"jwks.json\"\nfhir-base = \"https://ehr.example.org/fhir\"\n\
         [journal]\nurl = \"sqlite:journal.db\"\n"
    );
    std::fs::write(folder.join("stepdown.toml"), text).unwrap();
}

/// Lets one server answer for a while. With a signer every request carries a token of its own; they are
/// signed beforehand.
fn measure(which: &[&str], body: &str, signer: Option<&Signer>) -> Measured {
    let (mut child, address) = start(which);
    let request = |token: Option<&str>| wire::head(SERVICE, token, body.len());
    let heads = || match signer {
        None => vec![request(None)],
        Some(signer) => (0..TOKENS)
            .map(|_| {
                request(Some(
                    &signer.token(&claims(ISSUER, &format!("{PUBLIC}{SERVICE}"))),
                ))
            })
            .collect(),
    };
    let run = |time: Duration| -> (usize, f64) {
        let heads: Vec<Vec<String>> = (0..CONNECTIONS).map(|_| heads()).collect();
        let before = Instant::now();
        let done = std::thread::scope(|scope| {
            let clients: Vec<_> = heads
                .iter()
                .map(|heads| scope.spawn(|| client(&address, heads, body, time)))
                .collect();
            clients.into_iter().map(|c| c.join().unwrap()).sum()
        });
        (done, before.elapsed().as_secs_f64())
    };
    run(WARM_UP);
    let before = processor_time(child.id());
    let (done, seconds) = run(MEASURED);
    let after = processor_time(child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    Measured {
        rate: done as f64 / seconds,
        answering: (after.0 - before.0) / done as f64,
        journal: (after.1 - before.1) / done as f64,
    }
}

fn start(which: &[&str]) -> (Child, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(which)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines
        .find_map(|line| {
            line.unwrap()
                .strip_prefix("listening on http://")
                .map(str::to_owned)
        })
        .unwrap();
    (child, address)
}

/// Sends requests one after the other, each with the next of the heads, until the time or the heads are used up.
/// A single head is sent again and again.
fn client(address: &str, heads: &[String], body: &str, time: Duration) -> usize {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let (started, mut done, mut buffer) = (Instant::now(), 0, vec![0_u8; 1 << 18]);
    let mut heads = heads
        .iter()
        .cycle()
        .take(if heads.len() == 1 { usize::MAX } else { heads.len() });
    let mut request = Vec::with_capacity(body.len() + 2_048);
    while started.elapsed() < time {
        let Some(head) = heads.next() else { break };
        request.clear();
        request.extend_from_slice(head.as_bytes());
        request.extend_from_slice(body.as_bytes());
        stream.write_all(&request).unwrap();
        read_answer(&mut stream, &mut buffer);
        done += 1;
    }
    done
}

/// Reads one answer; it must be 200 with a card.
fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).unwrap();
        assert!(read > 0, "the server hung up");
        filled += read;
        let Some(answer) = wire::answer(&buffer[..filled]) else {
            continue;
        };
        assert!(answer.has_card(), "status {}, or no card", answer.status);
        return;
    }
}
