//! The journal against a model of it in a few maps: whatever is done in whatever order, both engines say
//! what the model says.

use crate::helpers::installed;
use crate::helpers::postgres::Postgres;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::{BTreeMap, BTreeSet};
use stepdown::clock::Clock;
use stepdown::journal::{
    After, Archive, Counts, Evaluation, FeedbackEntry, FeedbackOutcome, FeedbackSummary, IssuedCard, Journal,
    JournalAddress, NewVerdict, Period, Verdict,
};
use uuid::Uuid;

const CLIENTS: [&str; 2] = ["a", "b"];

#[derive(Clone, Debug)]
enum Step {
    /// An answered call with so many cards.
    Record { client: usize, cards: usize, old: bool },
    /// Feedback about the n-th card that was ever issued, or about none of ours.
    Feedback {
        client: usize,
        about: Vec<(usize, bool, i64)>,
    },
    /// A token.
    Spend { issuer: usize, jti: u8, expired: bool },
    /// A verdict about the n-th card, with the key of a form that may have been sent before.
    Judge { about: usize, key: u8, verdict: usize },
    /// A look at whom the n-th card was about.
    Reveal { about: usize },
    /// A restart; what is old goes.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let about = prop::collection::vec((0..12_usize, any::<bool>(), 0..2_i64), 0..5);
    prop_oneof![
        4 => (0..2_usize, 0..4_usize, prop::bool::weighted(0.2))
            .prop_map(|(client, cards, old)| Step::Record { client, cards, old }),
        4 => (0..2_usize, about).prop_map(|(client, about)| Step::Feedback { client, about }),
        4 => (0..2_usize, 0..4_u8, any::<bool>())
            .prop_map(|(issuer, jti, expired)| Step::Spend { issuer, jti, expired }),
        3 => (0..12_usize, 0..4_u8, 0..3_usize)
            .prop_map(|(about, key, verdict)| Step::Judge { about, key, verdict }),
        1 => (0..12_usize).prop_map(|about| Step::Reveal { about }),
        1 => Just(Step::Restart),
    ]
}

/// What the journal should hold.
#[derive(Default)]
struct Model {
    evaluations: Vec<bool>,
    /// Card to client and age; those that went stay in `issued`.
    cards: BTreeMap<Uuid, (usize, bool)>,
    issued: Vec<Uuid>,
    feedback: BTreeSet<(Uuid, bool, i64)>,
    spent: BTreeMap<(usize, u8), bool>,
    /// In their order: key, card, verdict.
    verdicts: Vec<(u8, Uuid, usize)>,
    views: Vec<Uuid>,
}

impl Model {
    fn forget_what_is_old(&mut self) {
        self.evaluations.retain(|old| !old);
        self.cards.retain(|_, (_, old)| !*old);
        self.feedback.retain(|(card, ..)| self.cards.contains_key(card));
        self.verdicts.retain(|(_, card, _)| self.cards.contains_key(card));
        self.spent.retain(|_, expired| !*expired);
    }

    fn feedback(&mut self, client: usize, entries: &[(Uuid, bool, i64)]) -> FeedbackSummary {
        let mut summary = FeedbackSummary::default();
        for entry in entries {
            let ours = self.cards.get(&entry.0).is_some_and(|(of, _)| *of == client);
            match ours {
                false => summary.unknown += 1,
                true if self.feedback.insert(*entry) => summary.kept += 1,
                true => summary.repeated += 1,
            }
        }
        summary
    }

    /// A form that was sent before changes nothing; so says its key, as long as its verdict is there.
    fn judge(&mut self, key: u8, card: Uuid, verdict: usize) -> bool {
        let known = self.cards.contains_key(&card);
        if known && self.verdicts.iter().all(|(other, ..)| *other != key) {
            self.verdicts.push((key, card, verdict));
        }
        known
    }

    /// How many cards of each client were said last to be right, wrong, not useful.
    fn said(&self) -> BTreeMap<usize, [u64; 3]> {
        let mut said = BTreeMap::new();
        for (card, (client, _)) in &self.cards {
            let of: &mut [u64; 3] = said.entry(*client).or_default();
            let last = self.verdicts.iter().rev().find(|(_, about, _)| about == card);
            if let Some((.., verdict)) = last {
                of[*verdict] += 1;
            }
        }
        said
    }

    fn counts(&self) -> Counts {
        let of = |accepted| self.feedback.iter().filter(|entry| entry.1 == accepted).count() as u64;
        Counts {
            evaluations: self.evaluations.len() as u64,
            cards: self.cards.len() as u64,
            accepted: of(true),
            overridden: of(false),
        }
    }
}

fn long_ago() -> Timestamp {
    Clock::Real.now() - SignedDuration::from_hours(24 * 500)
}

/// The identifier of a card, which begins with its instant.
fn issued(old: bool) -> Uuid {
    let at = if old { long_ago() } else { Clock::Real.now() };
    Uuid::new_v7(uuid::Timestamp::from_unix(
        uuid::NoContext,
        at.as_second().unsigned_abs(),
        0,
    ))
}

fn evaluation(client: usize, old: bool, cards: &[Uuid]) -> Evaluation {
    let card = |uuid: &Uuid| IssuedCard {
        uuid: *uuid,
        topic: "topic",
        rule: "drug/table/row".into(),
        indicator: "info",
        suggestions: vec![],
        gaps: String::new(),
        withheld: false,
        softened: false,
        digest: None,
    };
    Evaluation {
        at: if old { long_ago() } else { Clock::Real.now() },
        client: CLIENTS[client].into(),
        service: "service".into(),
        hook: "hook".into(),
        hook_instance: Uuid::new_v4(),
        content_version: "1".into(),
        patient: "Patient/\0".into(),
        user: None,
        outcome: "cards",
        orders: vec!["MedicationRequest/\0".into()],
        duration_us: 1,
        findings: cards.iter().map(card).collect(),
        reads: Vec::new(),
    }
}

fn entry(&(card, accepted, minute): &(Uuid, bool, i64)) -> FeedbackEntry {
    let outcome = match accepted {
        true => FeedbackOutcome::Accepted {
            suggestions: vec![card, Uuid::nil()],
        },
        false => FeedbackOutcome::Overridden {
            reason: None,
            comment: Some("with \0 in it".into()),
        },
    };
    FeedbackEntry {
        card,
        outcome,
        at: Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap(),
    }
}

/// Opens the journal and lets its first purge pass.
async fn open(url: &str) -> Journal {
    let journal = Journal::open(url).await.unwrap();
    for _ in 0..2 {
        let jti = Uuid::new_v4().to_string();
        assert!(
            journal
                .spend_jti("settle", &jti, Clock::Real.now())
                .await
                .unwrap()
        );
    }
    journal
}

/// What the journal says about verdicts and looks is what the model says.
async fn compare(url: &str, journal: &Journal, model: &Model) {
    assert_eq!(journal.counts().await.unwrap(), model.counts());
    let sums = journal.rule_sums(Period::ALL, "").await.unwrap();
    for (client, said) in model.said() {
        let of = sums.iter().filter(|sum| sum.client == CLIENTS[client]);
        let got = of.fold([0; 3], |all, sum| {
            [all[0] + sum.right, all[1] + sum.wrong, all[2] + sum.not_useful]
        });
        assert_eq!(got, said);
    }
    let history = journal.verdict_history(Period::ALL, "").await.unwrap();
    let history: Vec<_> = history
        .into_iter()
        .map(|line| (line.card, line.verdict))
        .collect();
    let model_history = model.verdicts.iter();
    let wanted: Vec<_> = model_history
        .map(|(_, card, verdict)| (card.to_string(), Verdict::ALL[*verdict]))
        .collect();
    assert_eq!(history, wanted);
    let archive = Archive::open(&JournalAddress::new(url, None)).await.unwrap();
    let (views, _) = archive
        .views(Timestamp::UNIX_EPOCH, After::default())
        .await
        .unwrap();
    let cards: Vec<String> = views.into_iter().map(|view| view.card).collect();
    let wanted: Vec<String> = model.views.iter().map(Uuid::to_string).collect();
    assert_eq!(cards, wanted);
}

fn key(number: u8) -> Uuid {
    Uuid::from_u128(u128::from(number) + 1)
}

async fn try_steps(url: &str, steps: &[Step]) {
    let (mut journal, mut model) = (open(url).await, Model::default());
    for step in steps {
        match step {
            Step::Record { client, cards, old } => {
                let cards: Vec<Uuid> = (0..*cards).map(|_| issued(*old)).collect();
                journal.record(evaluation(*client, *old, &cards));
                model.evaluations.push(*old);
                model
                    .cards
                    .extend(cards.iter().map(|card| (*card, (*client, *old))));
                model.issued.extend(cards);
            }
            Step::Feedback { client, about } => {
                let card = |number: usize| model.issued.get(number).copied().unwrap_or(Uuid::nil());
                let entries: Vec<_> = about
                    .iter()
                    .map(|(n, accepted, at)| (card(*n), *accepted, *at))
                    .collect();
                let sent = entries.iter().map(entry).collect();
                let got = journal.feedback(CLIENTS[*client], sent).await.unwrap();
                assert_eq!(got, model.feedback(*client, &entries), "{step:?}");
            }
            Step::Spend { issuer, jti, expired } => {
                let expires = if *expired { long_ago() } else { Clock::Real.now() };
                let got = journal
                    .spend_jti(CLIENTS[*issuer], &format!("\0{jti}"), expires)
                    .await
                    .unwrap();
                let fresh = !model.spent.contains_key(&(*issuer, *jti));
                model.spent.entry((*issuer, *jti)).or_insert(*expired);
                assert_eq!(got, fresh, "{step:?}");
            }
            Step::Judge {
                about,
                key: form,
                verdict,
            } => {
                let card = model.issued.get(*about).copied().unwrap_or(Uuid::nil());
                let new = NewVerdict {
                    key: key(*form),
                    card,
                    who: "reviewer \0".into(),
                    verdict: Verdict::ALL[*verdict],
                    note: Some("with \0 in it".into()),
                };
                let known = journal.judge(new).await.unwrap();
                assert_eq!(known, model.judge(*form, card, *verdict), "{step:?}");
            }
            Step::Reveal { about } => {
                let card = model.issued.get(*about).copied().unwrap_or(Uuid::nil());
                let entry = journal.reveal(card, "reviewer").await.unwrap();
                let known = model.cards.contains_key(&card);
                assert_eq!(entry.is_some(), known, "{step:?}");
                if let Some(entry) = entry {
                    assert!(entry.cards.iter().any(|one| one.card == card.to_string()));
                    model.views.push(card);
                }
            }
            Step::Restart => {
                journal.close().await.unwrap();
                journal = open(url).await;
                model.forget_what_is_old();
                compare(url, &journal, &model).await;
            }
        }
    }
    journal.close().await.unwrap();
    assert_eq!(journal.dropped(), 0);
    let journal = open(url).await;
    model.forget_what_is_old();
    compare(url, &journal, &model).await;
    journal.close().await.unwrap();
}

/// Runs random steps, each time on the empty journal that `fresh` gives.
fn try_engine(cases: u32, fresh: impl Fn() -> String) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 50,
        ..Config::default()
    };
    let run = TestRunner::new(config).run(&prop::collection::vec(step(), 1..40), |steps| {
        runtime.block_on(try_steps(&fresh(), &steps));
        Ok(())
    });
    run.unwrap();
}

#[test]
fn sqlite_does_what_the_model_does() {
    let folder = tempfile::tempdir().unwrap();
    try_engine(8, || {
        format!(
            "sqlite:{}",
            folder.path().join(Uuid::new_v4().to_string()).display()
        )
    });
}

#[test]
fn postgresql_does_what_the_model_does() {
    if installed::skipped() {
        return;
    }
    let server = Postgres::start();
    try_engine(6, || server.database(&format!("j{}", Uuid::new_v4().simple())));
}
