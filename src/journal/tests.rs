//! The journal on a file: order, idempotence, what survives, and what happens when writing fails.

use sqlx::{ConnectOptions, Connection};

use super::*;
use uuid::Uuid;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn card() -> IssuedCard {
    IssuedCard {
        uuid: Uuid::new_v4(),
        topic: "taper".into(),
        rule: "drug/table/row".into(),
        indicator: "info".into(),
        suggestions: vec![Uuid::new_v4(), Uuid::new_v4()],
        orders: vec!["MedicationRequest/canary-order".into()],
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
        outcome: "answered".into(),
        duration_us: 1_234,
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
        let mut connection = open::file(&self.url()).unwrap().connect().await?;
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
    assert_eq!(
        journal.feedback("a", batch).await.unwrap(),
        summary(0, 3, 0)
    );
    let other_set = vec![accepted(card.uuid, &[one])];
    assert_eq!(
        journal.feedback("a", other_set).await.unwrap(),
        summary(1, 0, 0)
    );
    assert_eq!(
        journal.feedback("a", Vec::new()).await.unwrap(),
        summary(0, 0, 0)
    );
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
    assert_eq!(
        journal.feedback("a", batch).await.unwrap(),
        summary(1, 0, 1)
    );
}

#[tokio::test]
async fn the_list_joins_feedback_to_its_rule_and_keeps_comments_only_on_request() {
    for keep_comments in [false, true] {
        let options = JournalOptions {
            keep_comments,
            ..JournalOptions::default()
        };
        let journal = Journal::in_memory_with(options).await.unwrap();
        let card = card();
        journal.record(evaluation("a", vec![card.clone()]));
        let batch = vec![
            accepted(card.uuid, &card.suggestions),
            overridden(card.uuid),
        ];
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
        assert_eq!((list[1].accepted, list[1].suggestions), (true, 2));
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
    left_open
        .spend_jti("i", "1", Timestamp::now())
        .await
        .unwrap();
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
    let journal = Journal::open_with(&disk.url(), options).await.unwrap();
    let mut blocker = open::file(&disk.url()).unwrap().connect().await.unwrap();
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
async fn a_broken_table_is_an_error_and_a_repaired_one_works_again() {
    let disk = OnDisk::new();
    let journal = disk.open().await;
    assert!(journal.spend_jti("i", "1", Timestamp::now()).await.unwrap());
    disk.execute("ALTER TABLE spent_token RENAME TO gone; ALTER TABLE audit RENAME TO audit_gone;")
        .await
        .unwrap();
    assert!(matches!(
        journal.spend_jti("i", "2", Timestamp::now()).await,
        Err(JournalError::Write(_))
    ));
    assert!(!journal.is_writable());
    journal.record(evaluation("a", vec![]));
    assert!(journal.spend_jti("i", "3", Timestamp::now()).await.is_err());
    assert_eq!(journal.dropped(), 1);
    disk.execute("ALTER TABLE gone RENAME TO spent_token; ALTER TABLE audit_gone RENAME TO audit;")
        .await
        .unwrap();
    assert!(journal.spend_jti("i", "2", Timestamp::now()).await.unwrap());
    assert!(!journal.spend_jti("i", "1", Timestamp::now()).await.unwrap());
    assert!(journal.is_writable());
}

#[tokio::test]
async fn audit_entries_can_neither_be_changed_nor_removed_early() {
    let disk = OnDisk::new();
    let journal = disk.open().await;
    journal.record(evaluation("a", vec![card()]));
    journal.close().await.unwrap();
    for attempt in [
        "UPDATE audit SET patient = 'Patient/other'",
        "DELETE FROM audit",
        "REPLACE INTO audit SELECT id, at_us, 'x', user, patient, service, hook, hook_instance, content_version, \
         outcome, answered FROM audit",
    ] {
        let said = disk.execute(attempt).await.unwrap_err().to_string();
        assert!(said.contains("audit entries are"), "{said}");
    }
}

#[tokio::test]
async fn old_rows_go_and_young_ones_stay() {
    let disk = OnDisk::new();
    let journal = disk.open().await;
    let (old, young) = (card(), card());
    let long_ago = Timestamp::now() - jiff::SignedDuration::from_hours(24 * 500);
    journal.record(Evaluation {
        at: long_ago,
        ..evaluation("a", vec![old.clone()])
    });
    journal.record(evaluation("a", vec![young.clone()]));
    journal
        .feedback(
            "a",
            vec![accepted(old.uuid, &[]), accepted(young.uuid, &[])],
        )
        .await
        .unwrap();
    journal.spend_jti("i", "old", long_ago).await.unwrap();
    journal
        .spend_jti("i", "young", Timestamp::now())
        .await
        .unwrap();
    journal.close().await.unwrap();
    // The writer purges once its first group is written, and takes nothing in between.
    let journal = disk.open().await;
    journal
        .spend_jti("i", "first", Timestamp::now())
        .await
        .unwrap();
    assert!(
        journal
            .spend_jti("i", "old", Timestamp::now())
            .await
            .unwrap()
    );
    assert!(
        !journal
            .spend_jti("i", "young", Timestamp::now())
            .await
            .unwrap()
    );
    let again = vec![accepted(young.uuid, &[])];
    assert_eq!(
        journal.feedback("a", again).await.unwrap(),
        summary(0, 1, 0)
    );
    let left = Counts {
        evaluations: 1,
        cards: 1,
        accepted: 1,
        overridden: 0,
    };
    assert_eq!(journal.counts().await.unwrap(), left);
}

#[tokio::test]
async fn the_patient_stands_in_the_audit_table_and_nowhere_else() {
    let disk = OnDisk::new();
    let journal = disk.open().await;
    let card = card();
    journal.record(evaluation("a", vec![card.clone()]));
    journal
        .feedback("a", vec![overridden(card.uuid)])
        .await
        .unwrap();
    journal.close().await.unwrap();
    disk.execute("DROP TABLE audit; VACUUM;").await.unwrap();
    for file in std::fs::read_dir(disk.folder.path().join("new/folder")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("canary"));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let disk = OnDisk::new();
    let journal = disk.open().await;
    journal.spend_jti("i", "1", Timestamp::now()).await.unwrap();
    for file in std::fs::read_dir(disk.folder.path().join("new/folder")).unwrap() {
        assert_eq!(
            file.unwrap().metadata().unwrap().permissions().mode() & 0o077,
            0
        );
    }
}

#[tokio::test]
async fn what_is_no_journal_is_refused() {
    for address in [
        "postgres://host/db",
        "sqlite:",
        "sqlite::memory:",
        "journal.db",
    ] {
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
