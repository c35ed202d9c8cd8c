//! The judgement alone, how it grows with the record, and what a start costs.
//!
//! Prints medians in this run: reading, judging and writing for 50, 500 and 5,000 results, as a ratio to
//! parsing the same bytes into `serde_json::Value`; then the time from start to the first answer and the
//! resident memory of the service. Run it with `cargo bench --bench judgement`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark speaks to the terminal and may panic"
)]

#[path = "machine.rs"]
#[allow(dead_code, reason = "the load program uses more of it")]
mod machine;
#[path = "request.rs"]
mod request;

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use stepdown::clinical::evaluate::evaluate;
use stepdown::content;
use stepdown::fhir::terms::LocalCodes;
use stepdown::gather::read_given;
use stepdown::pipeline::respond;
use stepdown::protocol::request::{HookRequest, document};

fn main() {
    let now = request::NOW.parse().unwrap();
    let knowledge = content::embedded().unwrap_or_else(|_| panic!("the embedded knowledge is refused"));
    let local = LocalCodes::default();
    println!(
        "{:>8} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>12}",
        "results", "parse us", "read us", "judge us", "write us", "whole us", "Value us", "us / result"
    );
    for count in [50, 500, 5_000] {
        let body = request::body(count, 10);
        let rounds = 20_000 / count + 5;
        let parse = median(rounds, || {
            let document = document(body.as_bytes()).unwrap();
            black_box(HookRequest::read(&document).unwrap());
        });
        let parsed = document(body.as_bytes()).unwrap();
        let request = HookRequest::read(&parsed).unwrap();
        let read = median(rounds, || {
            drop(black_box(
                read_given(&request, None, &knowledge, &local, now).unwrap(),
            ))
        });
        let record = read_given(&request, None, &knowledge, &local, now).unwrap();
        let judge = median(rounds, || drop(black_box(evaluate(&record, &knowledge, now))));
        let evaluation = evaluate(&record, &knowledge, now);
        let write = median(rounds, || {
            let answer = respond(&record, &knowledge, &evaluation, &request, now);
            black_box(answer.to_json().unwrap());
        });
        // One after the other, as in an answer: each step finds in the caches what the one before left there.
        let whole = median(rounds, || {
            let document = document(body.as_bytes()).unwrap();
            let request = HookRequest::read(&document).unwrap();
            let record = read_given(&request, None, &knowledge, &local, now).unwrap();
            let evaluation = evaluate(&record, &knowledge, now);
            let answer = respond(&record, &knowledge, &evaluation, &request, now);
            black_box(answer.to_json().unwrap());
        });
        let value = median(rounds, || {
            drop(black_box(
                serde_json::from_str::<serde_json::Value>(&body).unwrap(),
            ))
        });
        let per = (parse + read + judge).as_secs_f64() * 1e6 / count as f64;
        println!(
            "{count:>8} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {per:>12.2}",
            us(parse),
            us(read),
            us(judge),
            us(write),
            us(whole),
            us(value)
        );
    }
    start();
}

fn us(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e6)
}

fn median(rounds: usize, mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[rounds / 2]
}

/// Time from the start of the process to its first answer, and its resident memory then.
fn start() {
    let body = request::body(50, 10);
    let mut times = Vec::new();
    let mut memory = 0.0;
    for _ in 0..9 {
        let started = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_stepdown"))
            .args(["demo", "--port", "0", "--now", request::NOW])
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
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "POST /cds-services/stepdown-medication-discontinue HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"));
        times.push(started.elapsed());
        memory = machine::resident(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    times.sort_unstable();
    println!(
        "start to first answer: median {:.1} ms of {}; resident {memory:.1} MiB",
        times[4].as_secs_f64() * 1e3,
        times.len()
    );
}
