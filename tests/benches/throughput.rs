//! Throughput of the whole service against a named floor, in one run.
//!
//! The floor is an actix-web server that parses the same body into `serde_json::Value` and returns a
//! fixed card. Both run in a child process with one worker; the parent drives them over loopback with a
//! few connections in a closed loop. Prints requests per second and the ratio. Run it with
//! `cargo bench --bench throughput`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark speaks to the terminal and may panic"
)]

#[path = "request.rs"]
mod request;

use actix_web::{App, HttpResponse, HttpServer, web};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use stepdown::startup::{self, Clock, Demonstration};

const CONNECTIONS: usize = 4;
const ROUNDS: usize = 5;
const WARM_UP: Duration = Duration::from_millis(700);
const MEASURED: Duration = Duration::from_secs(3);

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("serve-floor") => floor(),
        Some("serve-service") => service(),
        _ => compare(),
    }
}

fn floor() {
    actix_web::rt::System::new().block_on(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        println!("listening on http://{}", listener.local_addr().unwrap());
        let card = r#"{"cards":[{"summary":"fixed","indicator":"info","source":{"label":"floor"}}]}"#;
        let answer = move |body: web::Bytes| async move {
            let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert!(value.get("context").is_some());
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

fn compare() {
    let body = request::body(50, 10);
    println!(
        "body: {} bytes, 50 Observations and 10 MedicationRequests in prefetch",
        body.len()
    );
    let mut ratios = Vec::new();
    for round in 1..=ROUNDS {
        let floor = rate("serve-floor", &body);
        let service = rate("serve-service", &body);
        println!(
            "round {round}: floor {floor:.0}/s, service {service:.0}/s, ratio {:.2}",
            service / floor
        );
        ratios.push(service / floor);
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "ratio, median of {ROUNDS}: {:.2} (min {:.2}, max {:.2})",
        ratios[ROUNDS / 2],
        ratios[0],
        ratios[ROUNDS - 1]
    );
}

/// Requests per second of one server.
fn rate(which: &str, body: &str) -> f64 {
    let (mut child, address) = start(which);
    let head = format!(
        "POST /cds-services/stepdown-medication-discontinue HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let bytes = [head.as_bytes(), body.as_bytes()].concat();
    let run = |time: Duration| -> usize {
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CONNECTIONS)
                .map(|_| scope.spawn(|| client(&address, &bytes, time)))
                .collect();
            clients.into_iter().map(|c| c.join().unwrap()).sum()
        })
    };
    run(WARM_UP);
    let started = Instant::now();
    let done = run(MEASURED);
    let rate = done as f64 / started.elapsed().as_secs_f64();
    child.kill().unwrap();
    child.wait().unwrap();
    rate
}

fn start(which: &str) -> (Child, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg(which)
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

fn client(address: &str, request: &[u8], time: Duration) -> usize {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let (started, mut done, mut buffer) = (Instant::now(), 0, vec![0_u8; 1 << 18]);
    while started.elapsed() < time {
        stream.write_all(request).unwrap();
        read_answer(&mut stream, &mut buffer);
        done += 1;
    }
    done
}

/// Reads one answer with Content-Length; it must be 200 with a card.
fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).unwrap();
        assert!(read > 0, "the server hung up");
        filled += read;
        let Some(head) = buffer[..filled].windows(4).position(|w| w == b"\r\n\r\n") else {
            continue;
        };
        let text = std::str::from_utf8(&buffer[..head]).unwrap().to_ascii_lowercase();
        assert!(text.starts_with("http/1.1 200"), "{text}");
        let length: usize = text
            .lines()
            .find_map(|l| l.strip_prefix("content-length: "))
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        if filled >= head + 4 + length {
            assert!(
                buffer[head..filled].windows(9).any(|w| w == b"\"summary\""),
                "an answer without a card"
            );
            return;
        }
    }
}
