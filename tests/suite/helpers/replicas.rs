//! Replicas behind a load balancer, callers that remember what they were told, and whether the journal says the
//! same afterwards: nothing acknowledged is lost, nothing counts twice, no spent token is accepted.

use super::app::{hospital_key, http};
use super::program::Program;
use super::{Stop, now};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use stepdown::journal::{After, Archive, JournalAddress};

/// The service that is called.
pub const PATH: &str = "/cds-services/stepdown-medication-discontinue";
/// What an evaluation that a killed process answered just before may have waited for the journal.
const MAY_BE_LOST: Duration = Duration::from_millis(500);
/// Used tokens that each caller tries again at the end.
const REMEMBERED: usize = 20;

/// The load balancer: the replicas in turn.
pub struct Replicas {
    bases: Mutex<Vec<String>>,
    turn: AtomicUsize,
    http: reqwest::Client,
    over: AtomicBool,
}

impl Replicas {
    /// In front of these addresses.
    pub fn new(bases: &[&str]) -> Arc<Self> {
        Arc::new(Self {
            bases: Mutex::new(bases.iter().map(|base| (*base).to_owned()).collect()),
            turn: AtomicUsize::new(0),
            http: http(),
            over: AtomicBool::new(false),
        })
    }

    /// Puts another replica in the place of one.
    pub fn replace(&self, number: usize, by: &Program) {
        by.base().clone_into(&mut self.bases.lock().unwrap()[number]);
    }

    /// Tells the callers to end.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Posts to the next replica, and to the one after it where nobody listens: the status, 0 where nobody
    /// answered; who answered, and what.
    async fn post(&self, path: &str, token: &str, body: &Value) -> (u16, String, Value) {
        let (bases, first) = (
            self.bases.lock().unwrap().clone(),
            self.turn.fetch_add(1, Ordering::Relaxed),
        );
        for turn in 0..bases.len() {
            let base = &bases[(first + turn) % bases.len()];
            let call = self.http.post(format!("{base}{path}")).bearer_auth(token);
            let call = call
                .header("content-type", "application/json")
                .body(body.to_string());
            match call.send().await {
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    let body = answer.bytes().await.unwrap_or_default();
                    let body = serde_json::from_slice(&body).unwrap_or_default();
                    return (status, base.clone(), body);
                }
                // Nothing was sent, so that another may be asked; anything else may have been heard.
                Err(why) if why.is_connect() => {}
                Err(_) => break,
            }
        }
        (0, String::new(), Value::Null)
    }
}

/// One hook call, as its caller saw it.
pub struct Call {
    /// When it was sent.
    pub at: Instant,
    /// 0 where nobody answered.
    pub status: u16,
    /// Until the answer was there.
    pub took: Duration,
}

/// A card whose feedback was acknowledged.
struct Acknowledged {
    card: String,
    /// The replica that issued it.
    issuer: String,
    issued: Instant,
    /// When its feedback was acknowledged.
    at: Instant,
}

/// What one caller saw.
#[derive(Default)]
pub struct History {
    /// Its hook calls, in order.
    pub calls: Vec<Call>,
    acknowledged: Vec<Acknowledged>,
    spent_twice: usize,
    /// Feedback that was refused, to be sent again.
    put_off: usize,
    unexpected: Vec<u16>,
}

fn fresh(path: &str) -> String {
    hospital_key().token(&Program::claims(path))
}

/// Calls and gives feedback until it is told to end; tries every token that was good a second time at the next
/// replica, and some of them once more at the end.
pub async fn call(replicas: Arc<Replicas>) -> History {
    let (mut seen, mut spent) = (History::default(), Vec::new());
    let request = Stop::tacrolimus().with_kidney_transplant().request();
    while !replicas.over.load(Ordering::Relaxed) {
        let (token, at) = (fresh(PATH), Instant::now());
        let (status, issuer, answer) = replicas.post(PATH, &token, &request).await;
        let took = at.elapsed();
        seen.calls.push(Call { at, status, took });
        if status != 200 {
            seen.expect(status, &[0, 503]);
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        let issued = Instant::now();
        seen.again(&replicas, &token, &request).await;
        let card = answer["cards"][0]["uuid"].as_str().unwrap().to_owned();
        if seen.give_feedback(&replicas, &card).await {
            let at = Instant::now();
            seen.acknowledged.push(Acknowledged {
                card,
                issuer,
                issued,
                at,
            });
        }
        spent.push(token);
    }
    for token in spent.iter().rev().take(REMEMBERED) {
        seen.again(&replicas, token, &request).await;
    }
    seen
}

impl History {
    fn expect(&mut self, status: u16, statuses: &[u16]) {
        self.unexpected
            .extend(Some(status).filter(|status| !statuses.contains(status)));
    }

    /// A token that has been used, at the next replica.
    async fn again(&mut self, replicas: &Replicas, token: &str, request: &Value) {
        let (status, ..) = replicas.post(PATH, token, request).await;
        self.spent_twice += usize::from(status == 200);
        self.expect(status, &[0, 200, 401, 503]);
    }

    /// A client that is not told 200 sends again, to whom the turn is. Whether it was told in the end.
    async fn give_feedback(&mut self, replicas: &Replicas, card: &str) -> bool {
        let path = format!("{PATH}/feedback");
        let body = json!({"feedback": [{"card": card, "outcome": "overridden", "outcomeTimestamp": now().to_string()}]});
        for _ in 0..100 {
            let (status, ..) = replicas.post(&path, &fresh(&path), &body).await;
            self.expect(status, &[0, 200, 503]);
            if status == 200 {
                return true;
            }
            self.put_off += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    }
}

/// What all callers saw, and what the journal holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Calls with an answer.
    pub answered: usize,
    /// Calls and feedback that were refused, or that nobody took.
    pub refused: usize,
    /// The slowest of a hundred answered calls.
    pub p99: Duration,
    /// The longest time without a good answer.
    pub silence: Duration,
    /// Cards whose feedback was acknowledged.
    pub acknowledged: usize,
}

/// Holds what the callers were told against the journal; panics if something acknowledged is lost or counted twice,
/// if a spent token was accepted, or if a status was none of those that are promised. `killed`: replicas that were
/// killed, and when.
pub async fn verdict(seen: &[History], url: &str, killed: &[(String, Instant)]) -> Verdict {
    let spent_twice: usize = seen.iter().map(|one| one.spent_twice).sum();
    assert_eq!(spent_twice, 0, "a spent token was accepted");
    let unexpected: Vec<u16> = seen.iter().flat_map(|one| one.unexpected.clone()).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    let (feedback, cards) = read(url).await;
    let begun = seen.iter().filter_map(|one| Some(one.calls.first()?.at)).min();
    let since = |at: Instant| begun.map(|begun| at.saturating_duration_since(begun));
    for told in seen.iter().flat_map(|one| &one.acknowledged) {
        let may_be_unknown = killed.iter().any(|(replica, at)| {
            *replica == told.issuer && at.saturating_duration_since(told.issued) < MAY_BE_LOST
        });
        match cards.get(&told.card) {
            Some(1) => assert_eq!(
                feedback.get(&told.card),
                Some(&1),
                "acknowledged feedback is kept once; issued after {:?}, acknowledged after {:?}, by {}",
                since(told.issued),
                since(told.at),
                told.issuer
            ),
            None => assert!(
                may_be_unknown,
                "a card that was answered is kept; issued after {:?} by {}",
                since(told.issued),
                told.issuer
            ),
            Some(more) => panic!("an evaluation was written {more} times"),
        }
    }
    let calls = || seen.iter().flat_map(|one| &one.calls);
    let mut good: Vec<Duration> = calls()
        .filter(|call| call.status == 200)
        .map(|call| call.took)
        .collect();
    good.sort_unstable();
    let mut answers: Vec<Instant> = calls()
        .filter(|call| call.status == 200)
        .map(|call| call.at + call.took)
        .collect();
    answers.sort_unstable();
    let silences = answers.windows(2).map(|pair| pair[1] - pair[0]);
    Verdict {
        silence: silences.max().unwrap_or_default(),
        answered: good.len(),
        refused: calls().count() - good.len() + seen.iter().map(|one| one.put_off).sum::<usize>(),
        p99: good.get(good.len() * 99 / 100).copied().unwrap_or_default(),
        acknowledged: seen.iter().map(|one| one.acknowledged.len()).sum(),
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
