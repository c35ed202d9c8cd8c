//! What the rows allow: nothing changes the audit, nothing outstays its retention, nothing but the
//! audit names the patient; and a table that is broken and repaired.

use super::*;

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
    // Feedback takes along what was recorded before it.
    assert!(
        journal
            .feedback("a", vec![accepted(Uuid::new_v4(), &[])])
            .await
            .is_err()
    );
    disk.execute("ALTER TABLE gone RENAME TO spent_token; ALTER TABLE audit_gone RENAME TO audit;")
        .await
        .unwrap();
    assert!(journal.spend_jti("i", "2", Timestamp::now()).await.unwrap());
    assert!(!journal.spend_jti("i", "1", Timestamp::now()).await.unwrap());
    assert!(journal.is_writable());
    journal.close().await.unwrap();
    assert_eq!(journal.dropped(), 0);
    let written = disk.open().await.counts().await.unwrap().evaluations;
    assert_eq!(written, 1, "what could not be written was kept");
}

#[tokio::test]
async fn a_broken_table_keeps_so_many_waiting_and_no_more() {
    let disk = OnDisk::new();
    let options = JournalOptions {
        queue: 8,
        ..JournalOptions::default()
    };
    let journal = Journal::open_at(&JournalAddress::new(&disk.url(), None), options)
        .await
        .unwrap();
    disk.execute("ALTER TABLE audit RENAME TO audit_gone")
        .await
        .unwrap();
    for _ in 0..20 {
        journal.record(evaluation("a", vec![]));
        // Feedback takes along what was recorded, and fails with it.
        assert!(
            journal
                .feedback("a", vec![accepted(Uuid::new_v4(), &[])])
                .await
                .is_err()
        );
    }
    assert_eq!(journal.dropped(), 12);
    disk.execute("ALTER TABLE audit_gone RENAME TO audit")
        .await
        .unwrap();
    journal.close().await.unwrap();
    assert_eq!(disk.open().await.counts().await.unwrap().evaluations, 8);
    assert_eq!(journal.dropped(), 12);
}

#[tokio::test]
async fn a_repaired_journal_says_so_without_a_call() {
    let disk = OnDisk::new();
    let journal = disk.open().await;
    disk.execute("ALTER TABLE spent_token RENAME TO gone")
        .await
        .unwrap();
    assert!(journal.spend_jti("i", "1", Timestamp::now()).await.is_err());
    assert!(!journal.is_writable());
    disk.execute("ALTER TABLE gone RENAME TO spent_token")
        .await
        .unwrap();
    for _ in 0..100 {
        if journal.is_writable() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the journal still says that it cannot be written");
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
         outcome, answered, reads FROM audit",
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
        .feedback("a", vec![accepted(old.uuid, &[]), accepted(young.uuid, &[])])
        .await
        .unwrap();
    journal.spend_jti("i", "old", long_ago).await.unwrap();
    journal.spend_jti("i", "young", Timestamp::now()).await.unwrap();
    journal.close().await.unwrap();
    // The writer purges once its first group is written, and takes nothing in between.
    let journal = disk.open().await;
    journal.spend_jti("i", "first", Timestamp::now()).await.unwrap();
    assert!(journal.spend_jti("i", "old", Timestamp::now()).await.unwrap());
    assert!(!journal.spend_jti("i", "young", Timestamp::now()).await.unwrap());
    let again = vec![accepted(young.uuid, &[])];
    assert_eq!(journal.feedback("a", again).await.unwrap(), summary(0, 1, 0));
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
    journal.feedback("a", vec![overridden(card.uuid)]).await.unwrap();
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
        assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o077, 0);
    }
}

fn verdict(card: Uuid, says: Verdict) -> NewVerdict {
    NewVerdict {
        key: Uuid::new_v4(),
        card,
        who: "reviewer".into(),
        verdict: says,
        note: Some("canary-note".into()),
    }
}

#[tokio::test]
async fn verdicts_and_views_can_neither_be_changed_nor_removed_early() {
    let disk = OnDisk::new();
    let journal = disk.open().await;
    let card = card();
    journal.record(evaluation("a", vec![card.clone()]));
    assert!(journal.judge(verdict(card.uuid, Verdict::Wrong)).await.unwrap());
    assert!(journal.reveal(card.uuid, "reviewer").await.unwrap().is_some());
    journal.close().await.unwrap();
    for attempt in [
        "UPDATE verdict SET says = 'right'",
        "DELETE FROM verdict",
        "DELETE FROM card",
        "UPDATE audit_view SET who = 'other'",
        "DELETE FROM audit_view",
    ] {
        let said = disk.execute(attempt).await.unwrap_err().to_string();
        assert!(
            said.contains("verdicts are") || said.contains("audit entries are"),
            "{attempt}: {said}"
        );
    }
    for attempt in [
        "REPLACE INTO verdict SELECT id, key, at_us, card, who, 'right', note FROM verdict",
        "REPLACE INTO audit_view SELECT id, key, at_us, 'other', card FROM audit_view",
    ] {
        disk.execute(attempt).await.unwrap();
    }
    let journal = disk.open().await;
    let history = journal.verdicts(card.uuid).await.unwrap();
    assert_eq!(history.len(), 1, "nothing was replaced");
    assert_eq!(history[0].verdict, Verdict::Wrong);
}

#[tokio::test]
async fn old_verdicts_and_views_go_with_what_they_are_about() {
    let disk = OnDisk::new();
    let journal = disk.open().await;
    let (old, young) = (card(), card());
    let long_ago = Timestamp::now() - jiff::SignedDuration::from_hours(24 * 500);
    journal.record(Evaluation {
        at: long_ago,
        ..evaluation("a", vec![old.clone()])
    });
    journal.record(evaluation("a", vec![young.clone()]));
    // A verdict of today on a card of long ago: it goes with the card.
    for card in [&old, &young] {
        assert!(journal.judge(verdict(card.uuid, Verdict::Right)).await.unwrap());
    }
    for at in [long_ago, Timestamp::now()] {
        let entry = review::Entry {
            key: Uuid::new_v4(),
            card: young.uuid,
            who: "reviewer".into(),
            says: review::Says::Looked,
            note: None,
        };
        let known = journal.ask(|reply| Command::Review(review::Review { entry, at, reply }));
        assert!(known.await.unwrap());
    }
    journal.close().await.unwrap();
    let journal = disk.open().await;
    journal.spend_jti("i", "first", Timestamp::now()).await.unwrap();
    journal.spend_jti("i", "second", Timestamp::now()).await.unwrap();
    let history = journal.verdict_history(Period::ALL, "").await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].card, young.uuid.to_string());
    let archive = Archive::open(&JournalAddress::new(&disk.url(), None))
        .await
        .unwrap();
    let (views, _) = archive
        .views(Timestamp::UNIX_EPOCH, After::default())
        .await
        .unwrap();
    assert_eq!(views.len(), 1);
}

#[tokio::test]
async fn a_note_is_kept_only_on_request() {
    for keep_comments in [false, true] {
        let options = JournalOptions {
            keep_comments,
            ..JournalOptions::default()
        };
        let journal = open::in_memory(options).await.unwrap();
        let card = card();
        journal.record(evaluation("a", vec![card.clone()]));
        journal.judge(verdict(card.uuid, Verdict::Right)).await.unwrap();
        let history = journal.verdicts(card.uuid).await.unwrap();
        assert_eq!(history[0].note.is_some(), keep_comments);
    }
}

#[tokio::test]
async fn an_older_program_works_beside_a_newer_one_until_the_tables_no_longer_suit_it() {
    let disk = OnDisk::new();
    disk.open().await.close().await.unwrap();
    disk.execute(
        "CREATE TABLE of_the_next_version (x INTEGER); \
         INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'of the next version', 1, x'00', 0);",
    )
    .await
    .unwrap();
    let journal = disk.open().await;
    journal.record(evaluation("a", vec![card()]));
    journal.close().await.unwrap();
    disk.execute("UPDATE program_floor SET knows = 9999")
        .await
        .unwrap();
    assert!(matches!(
        Journal::open(&disk.url()).await,
        Err(JournalError::Newer)
    ));
}

#[tokio::test]
async fn a_journal_of_the_version_before_is_brought_up_to_date_with_its_rows() {
    let disk = OnDisk::new();
    let journal = disk.open().await;
    let card = card();
    journal.record(evaluation("a", vec![card.clone()]));
    journal.close().await.unwrap();
    // What the version before left: no table of this change, and its rows as they were.
    disk.execute(
        "DROP TABLE verdict; DROP TABLE audit_view; DROP TABLE program_floor; \
         DROP TRIGGER card_with_verdict_is_kept; \
         ALTER TABLE card DROP COLUMN place; ALTER TABLE card DROP COLUMN gaps; \
         DELETE FROM _sqlx_migrations WHERE version = 3;",
    )
    .await
    .unwrap();
    let journal = disk.open().await;
    assert!(journal.judge(verdict(card.uuid, Verdict::Right)).await.unwrap());
    // The version before goes on writing beside this one, without the columns that it does not know.
    disk.execute(
        "INSERT INTO card (uuid, issued_at_us, client, service, topic, rule, indicator, content_version, \
         suggestions, withheld) VALUES ('67e55044-10b1-426f-9247-bb680e5fe0c8', 1, 'a', 's', 't', 'r', 'info', '1', '', 0)",
    )
    .await
    .unwrap();
    let sums = journal.rule_sums(Period::ALL, "").await.unwrap();
    assert_eq!(sums.iter().map(|sum| sum.shown).sum::<u64>(), 2);
}
