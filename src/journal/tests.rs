//! The journal on a file: order, idempotence, what survives, and what happens when writing fails.

#![expect(
    clippy::disallowed_methods,
    reason = "the journal itself goes by the machine's clock"
)]

mod rows;

use sqlx::{ConnectOptions, Connection};

use super::*;
use uuid::Uuid;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn card() -> IssuedCard {
    IssuedCard {
        uuid: Uuid::new_v4(),
        topic: "taper",
        rule: "drug/table/row".into(),
        indicator: "info",
        suggestions: vec![Uuid::new_v4(), Uuid::new_v4()],
        gaps: String::new(),
        withheld: false,
        softened: false,
        digest: None,
    }
}

fn evaluation(client: &str, findings: Vec<IssuedCard>) -> Evaluation {
    Evaluation {
        at: Timestamp::now(),
        client: client.into(),
        service: "service".into(),
        hook: "hook".into(),
        hook_instance: Uuid::new_v4(),
        content_version: "2026.11.0".into(),
        patient: "Patient/canary-patient".into(),
        user: Some("Practitioner/canary-user".into()),
        outcome: "answered",
        orders: vec!["MedicationRequest/canary-order".into()],
        duration_us: 1_234,
        reads: Vec::new(),
        findings,
    }
}

fn accepted(card: Uuid, suggestions: &[Uuid]) -> FeedbackEntry {
    let outcome = FeedbackOutcome::Accepted {
        suggestions: suggestions.to_vec(),
    };
    FeedbackEntry {
        card,
        outcome,
        at: at("2026-11-22T08:00:00Z"),
    }
}

fn overridden(card: Uuid) -> FeedbackEntry {
    let reason = OverrideReason {
        system: Some("urn:reasons".into()),
        code: "known".into(),
        display: None,
    };
    let outcome = FeedbackOutcome::Overridden {
        reason: Some(reason),
        comment: Some("canary-comment".into()),
    };
    FeedbackEntry {
        card,
        outcome,
        at: at("2026-11-22T08:00:01Z"),
    }
}

struct OnDisk {
    folder: tempfile::TempDir,
}

impl OnDisk {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn url(&self) -> String {
        format!(
            "sqlite:{}",
            self.folder.path().join("new/folder/journal.db").display()
        )
    }

    async fn open(&self) -> Journal {
        Journal::open(&self.url()).await.unwrap()
    }

    /// A second connection, as an operator's or a broken disk's hand.
    async fn execute(&self, statement: &'static str) -> Result<(), sqlx::Error> {
        let mut connection = sqlite::file(&self.url()).unwrap().connect().await?;
        sqlx::raw_sql(statement).execute(&mut connection).await?;
        connection.close().await
    }
}

fn summary(kept: usize, repeated: usize, unknown: usize) -> FeedbackSummary {
    FeedbackSummary {
        kept,
        repeated,
        unknown,
    }
}

#[tokio::test]
async fn feedback_finds_the_card_that_was_recorded_just_before() {
    let disk = OnDisk::new();
    let journal = disk.open().await;
    for _ in 0..50 {
        let card = card();
        journal.record(evaluation("a", vec![card.clone()]));
        let got = journal
            .feedback("a", vec![accepted(card.uuid, &card.suggestions)])
            .await
            .unwrap();
        assert_eq!(got, summary(1, 0, 0));
    }
    let counts = journal.counts().await.unwrap();
    assert_eq!(
        counts,
        Counts {
            evaluations: 50,
            cards: 50,
            accepted: 50,
            overridden: 0
        }
    );
    assert_eq!(journal.dropped(), 0);
}

#[tokio::test]
async fn a_journal_in_memory_is_read_while_it_is_written() {
    let journal = Arc::new(Journal::in_memory().await.unwrap());
    let reader = Arc::clone(&journal);
    let reading = tokio::spawn(async move {
        for _ in 0..100 {
            reader.counts().await.unwrap();
            reader.feedback_list(5).await.unwrap();
        }
    });
    for _ in 0..100 {
        let card = card();
        journal.record(evaluation("a", vec![card.clone()]));
        journal
            .feedback("a", vec![accepted(card.uuid, &[])])
            .await
            .unwrap();
    }
    reading.await.unwrap();
    assert_eq!(journal.counts().await.unwrap().accepted, 100);
}

#[tokio::test]
async fn a_repeated_entry_counts_once() {
    let journal = Journal::in_memory().await.unwrap();
    let card = card();
    journal.record(evaluation("a", vec![card.clone()]));
    let [one, two] = [card.suggestions[0], card.suggestions[1]];
    let batch = vec![
        accepted(card.uuid, &[one, two]),
        accepted(card.uuid, &[two, one]),
        overridden(card.uuid),
    ];
    assert_eq!(
        journal.feedback("a", batch.clone()).await.unwrap(),
        summary(2, 1, 0)
    );
    assert_eq!(journal.feedback("a", batch).await.unwrap(), summary(0, 3, 0));
    let other_set = vec![accepted(card.uuid, &[one])];
    assert_eq!(journal.feedback("a", other_set).await.unwrap(), summary(1, 0, 0));
    assert_eq!(journal.feedback("a", Vec::new()).await.unwrap(), summary(0, 0, 0));
}

#[tokio::test]
async fn a_card_of_another_client_is_unknown() {
    let journal = Journal::in_memory().await.unwrap();
    let card = card();
    journal.record(evaluation("a", vec![card.clone()]));
    let batch = vec![accepted(card.uuid, &[]), accepted(Uuid::new_v4(), &[])];
    assert_eq!(
        journal.feedback("b", batch.clone()).await.unwrap(),
        summary(0, 0, 2)
    );
    assert_eq!(journal.feedback("a", batch).await.unwrap(), summary(1, 0, 1));
}

#[tokio::test]
async fn where_nobody_else_issues_cards_one_look_is_enough_for_a_card_that_is_unknown() {
    let journal = Journal::in_memory().await.unwrap();
    let mut shortest = Duration::MAX;
    for _ in 0..5 {
        let begun = std::time::Instant::now();
        let young = vec![accepted(Uuid::now_v7(), &[])];
        assert_eq!(journal.feedback("a", young).await.unwrap(), summary(0, 0, 1));
        shortest = shortest.min(begun.elapsed());
    }
    assert!(shortest < ANOTHER_LOOK[0], "{shortest:?}");
}

#[tokio::test]
async fn the_list_joins_feedback_to_its_rule_and_keeps_comments_only_on_request() {
    for keep_comments in [false, true] {
        let options = JournalOptions {
            keep_comments,
            ..JournalOptions::default()
        };
        let journal = open::in_memory(options).await.unwrap();
        let card = card();
        journal.record(evaluation("a", vec![card.clone()]));
        let batch = vec![accepted(card.uuid, &card.suggestions), overridden(card.uuid)];
        journal.feedback("a", batch).await.unwrap();
        let list = journal.feedback_list(10).await.unwrap();
        assert_eq!(list.len(), 2);
        assert_eq!(
            (list[0].accepted, list[0].rule.as_str()),
            (false, "drug/table/row")
        );
        assert_eq!(list[0].reason.as_ref().unwrap().code, "known");
        assert!(list[0].had_comment);
        assert_eq!(list[0].comment.is_some(), keep_comments);
        assert_eq!((list[1].accepted, list[1].suggestions.len()), (true, 2));
        assert_eq!(list[1].at, at("2026-11-22T08:00:00Z"));
        assert_eq!(journal.feedback_list(1).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_token_is_fresh_once_for_each_issuer() {
    let disk = OnDisk::new();
    let journal = Arc::new(disk.open().await);
    let expires = Timestamp::now();
    assert!(journal.spend_jti("i", "1", expires).await.unwrap());
    assert!(!journal.spend_jti("i", "1", expires).await.unwrap());
    assert!(journal.spend_jti("other", "1", expires).await.unwrap());
    let attempts = (0..64).map(|_| {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move { journal.spend_jti("i", "contended", expires).await.unwrap() })
    });
    let fresh = futures_util::future::join_all(attempts)
        .await
        .into_iter()
        .filter(|fresh| *fresh.as_ref().unwrap());
    assert_eq!(fresh.count(), 1);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_crash() {
    let disk = OnDisk::new();
    let card = card();
    let left_open = disk.open().await;
    left_open.record(evaluation("a", vec![card.clone()]));
    left_open
        .feedback("a", vec![accepted(card.uuid, &[])])
        .await
        .unwrap();
    left_open.spend_jti("i", "1", Timestamp::now()).await.unwrap();
    // The first journal is still open: what the second sees came from the disk, not from a goodbye.
    let journal = disk.open().await;
    assert_eq!(
        journal
            .feedback("a", vec![accepted(card.uuid, &[])])
            .await
            .unwrap(),
        summary(0, 1, 0)
    );
    assert!(!journal.spend_jti("i", "1", Timestamp::now()).await.unwrap());
    drop(left_open);
    drop(journal);
    assert_eq!(disk.open().await.counts().await.unwrap().cards, 1);
}

#[tokio::test]
async fn closing_writes_what_is_queued_and_refuses_the_rest() {
    let disk = OnDisk::new();
    let journal = disk.open().await;
    for _ in 0..500 {
        journal.record(evaluation("a", vec![card()]));
    }
    journal.close().await.unwrap();
    assert_eq!(journal.dropped(), 0);
    journal.record(evaluation("a", vec![]));
    assert_eq!(journal.dropped(), 1);
    assert!(!journal.is_writable());
    assert!(matches!(
        journal.spend_jti("i", "1", Timestamp::now()).await,
        Err(JournalError::Closed)
    ));
    assert_eq!(disk.open().await.counts().await.unwrap().evaluations, 500);
}

#[tokio::test]
async fn a_full_queue_drops_evaluations_and_counts_them() {
    let disk = OnDisk::new();
    let options = JournalOptions {
        queue: 4,
        ..JournalOptions::default()
    };
    let journal = Journal::open_at(&JournalAddress::new(&disk.url(), None), options)
        .await
        .unwrap();
    let mut blocker = sqlite::file(&disk.url()).unwrap().connect().await.unwrap();
    let lock = blocker.begin_with("BEGIN IMMEDIATE").await.unwrap();
    for _ in 0..1_000 {
        journal.record(evaluation("a", vec![]));
    }
    lock.rollback().await.unwrap();
    journal.close().await.unwrap();
    let written = disk.open().await.counts().await.unwrap().evaluations;
    assert!(journal.dropped() > 0);
    assert_eq!(written + journal.dropped(), 1_000);
}

#[tokio::test]
async fn what_is_no_journal_is_refused() {
    for address in ["mysql://host/db", "sqlite:", "sqlite::memory:", "journal.db"] {
        assert!(
            matches!(Journal::open(address).await, Err(JournalError::Address)),
            "{address}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text");
    std::fs::write(
        &path,
        "this is not a database, it only looks long enough to be one".repeat(20),
    )
    .unwrap();
    assert!(
        Journal::open(&format!("sqlite:{}", path.display()))
            .await
            .is_err()
    );
    let below_a_file = format!("sqlite:{}", path.join("j.db").display());
    assert!(matches!(
        Journal::open(&below_a_file).await,
        Err(JournalError::Place { .. })
    ));
}
