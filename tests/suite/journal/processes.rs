//! Two real processes on one server, under load, while one is killed and the server goes away and comes
//! back: nothing acknowledged is lost, nothing counts twice, no spent token is accepted.

use crate::helpers::app::{hospital_key, http};
use crate::helpers::postgres::Postgres;
use crate::helpers::program::Program;
use crate::helpers::{Stop, installed, now};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use stepdown::journal::{After, Archive, JournalAddress};

const PATH: &str = "/cds-services/stepdown-medication-discontinue";
const CALLERS: usize = 3;

/// The load balancer: the replicas in turn.
struct Replicas {
    bases: Mutex<Vec<String>>,
    turn: AtomicUsize,
    http: reqwest::Client,
    over: AtomicBool,
}

impl Replicas {
    /// Posts to the next replica; 0 where nobody answered.
    async fn post(&self, path: &str, token: &str, body: &Value) -> (u16, String, Value) {
        let base = {
            let bases = self.bases.lock().unwrap();
            bases[self.turn.fetch_add(1, Ordering::Relaxed) % bases.len()].clone()
        };
        let call = self.http.post(format!("{base}{path}")).bearer_auth(token);
        let call = call
            .header("content-type", "application/json")
            .body(body.to_string());
        match call.send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                let body = answer.bytes().await.unwrap_or_default();
                (status, base, serde_json::from_slice(&body).unwrap_or_default())
            }
            Err(_) => (0, base, Value::Null),
        }
    }
}

/// What one caller saw.
#[derive(Default)]
struct History {
    /// Card, replica that issued it, and when.
    acknowledged: Vec<(String, String, Instant)>,
    answered: usize,
    refused: usize,
    spent_twice: usize,
}

fn fresh(path: &str) -> String {
    hospital_key().token(&Program::claims(path))
}

async fn call(replicas: &Replicas) -> History {
    let (mut seen, feedback_path) = (History::default(), format!("{PATH}/feedback"));
    let request = Stop::tacrolimus().with_kidney_transplant().request();
    while !replicas.over.load(Ordering::Relaxed) {
        let token = fresh(PATH);
        let (status, issuer, answer) = replicas.post(PATH, &token, &request).await;
        if status != 200 {
            seen.refused += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        let issued = Instant::now();
        seen.answered += 1;
        // The same token at the next replica.
        if replicas.post(PATH, &token, &request).await.0 == 200 {
            seen.spent_twice += 1;
        }
        let card = answer["cards"][0]["uuid"].as_str().unwrap().to_owned();
        let body = json!({"feedback": [{"card": card, "outcome": "overridden", "outcomeTimestamp": now().to_string()}]});
        // A client that is not told 200 sends again, to whom the turn is.
        for _ in 0..100 {
            let (status, ..) = replicas.post(&feedback_path, &fresh(&feedback_path), &body).await;
            if status == 200 {
                seen.acknowledged.push((card, issuer, issued));
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    seen
}

#[tokio::test]
async fn what_is_acknowledged_holds_while_everything_fails() {
    if installed::skipped() {
        return;
    }
    let server = Postgres::start();
    let url = server.database("journal");
    let (journal, folders) = (
        format!("url = '{url}'"),
        [(); 3].map(|()| tempfile::tempdir().unwrap()),
    );
    let start = |number: usize| Program::keeping(folders[number].path(), &journal, "off");
    let (first, second) = (start(0), start(1));
    let replicas = Arc::new(Replicas {
        bases: Mutex::new(vec![first.base().to_owned(), second.base().to_owned()]),
        turn: AtomicUsize::new(0),
        http: http(),
        over: AtomicBool::new(false),
    });
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let replicas = Arc::clone(&replicas);
            tokio::spawn(async move { call(&replicas).await })
        })
        .collect();
    let pause = || tokio::time::sleep(Duration::from_secs(2));

    pause().await;
    let (killed, killed_at) = (first.base().to_owned(), Instant::now());
    first.kill();
    pause().await;
    let third = start(2);
    replicas.bases.lock().unwrap()[0] = third.base().to_owned();
    pause().await;
    server.down();
    pause().await;
    server.up();
    tokio::time::sleep(Duration::from_secs(4)).await;
    replicas.over.store(true, Ordering::Relaxed);
    let mut seen = Vec::new();
    for caller in callers {
        seen.push(caller.await.unwrap());
    }
    drop((second, third));

    let sum = |of: fn(&History) -> usize| seen.iter().map(of).sum::<usize>();
    assert!(
        sum(|one| one.answered) > 20 && sum(|one| one.refused) > 0,
        "there was load and trouble"
    );
    assert_eq!(sum(|one| one.spent_twice), 0);
    let (feedback, cards) = read(&url).await;
    for (card, issuer, issued) in seen.iter().flat_map(|one| &one.acknowledged) {
        // Evaluations gather for 50 ms: what a killed process answered just before may be unknown.
        let may_be_unknown =
            *issuer == killed && killed_at.saturating_duration_since(*issued) < Duration::from_millis(500);
        match cards.get(card) {
            Some(1) => assert_eq!(feedback.get(card), Some(&1), "acknowledged feedback is kept once"),
            None => assert!(may_be_unknown, "a card that was answered is kept"),
            Some(more) => panic!("an evaluation was written {more} times"),
        }
    }
}

/// How often each card stands in the feedback and, as the first of an answer, in the audit.
async fn read(url: &str) -> (BTreeMap<String, usize>, BTreeMap<String, usize>) {
    let archive = Archive::open(&JournalAddress::new(url, None)).await.unwrap();
    let (mut feedback, mut cards) = (BTreeMap::new(), BTreeMap::new());
    let since = jiff::Timestamp::UNIX_EPOCH;
    let mut after = After::default();
    loop {
        let (page, last) = archive.feedback(since, after).await.unwrap();
        after = last;
        if page.is_empty() {
            break;
        }
        for line in page {
            *feedback.entry(line.card).or_default() += 1;
        }
    }
    after = After::default();
    loop {
        let (page, last) = archive.audit(since, after).await.unwrap();
        after = last;
        if page.is_empty() {
            break;
        }
        for first in page
            .into_iter()
            .filter_map(|entry| entry.cards.into_iter().next())
        {
            *cards.entry(first.card).or_default() += 1;
        }
    }
    (feedback, cards)
}
