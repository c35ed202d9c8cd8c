//! Two real processes on one server, under load: one is killed, the server is killed and comes back, a newer
//! program changes the tables, and one replica is replaced by another. Nothing acknowledged is lost, nothing counts
//! twice, no spent token is accepted.

use super::upgrade::change_tables;
use crate::helpers::installed;
use crate::helpers::postgres::Postgres;
use crate::helpers::program::Program;
use crate::helpers::replicas::{Replicas, call, verdict};
use std::sync::Arc;
use std::time::{Duration, Instant};

const CALLERS: usize = 3;
/// The deadline of a client that has set none.
const DEADLINE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn what_is_acknowledged_holds_while_everything_fails() {
    if installed::skipped() {
        return;
    }
    let server = Postgres::start();
    let url = server.database("journal");
    let (journal, folders) = (
        format!("url = '{url}'"),
        [(); 4].map(|()| tempfile::tempdir().unwrap()),
    );
    let start = |number: usize| Program::keeping(folders[number].path(), &journal, "off");
    let (first, second) = (start(0), start(1));
    let replicas = Replicas::new(&[first.base(), second.base()]);
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| tokio::spawn(call(Arc::clone(&replicas))))
        .collect();
    let pause = || tokio::time::sleep(Duration::from_secs(2));

    pause().await;
    let killed = [(first.base().to_owned(), Instant::now())];
    first.kill();
    pause().await;
    let third = start(2);
    replicas.replace(0, &third);
    pause().await;
    server.kill();
    pause().await;
    server.up();
    tokio::time::sleep(Duration::from_secs(4)).await;

    // The roll-out of a newer version: its first replica changes the tables, then one after the other is replaced.
    change_tables(&url).await;
    pause().await;
    let fourth = start(3);
    replicas.replace(1, &fourth);
    second.signal("TERM");
    let (ended_well, said) = second.ended();
    assert!(ended_well, "{said}");
    pause().await;
    replicas.end();
    let mut seen = Vec::new();
    for caller in callers {
        seen.push(caller.await.unwrap());
    }
    drop((third, fourth));

    let verdict = verdict(&seen, &url, &killed).await;
    assert!(
        verdict.answered > 20 && verdict.refused > 0,
        "there was load and trouble: {verdict:?}"
    );
    assert!(verdict.p99 < DEADLINE, "{verdict:?}");
}
