//! A replica is killed, the database is killed, both come back: how long until calls are answered again, and whether
//! anything acknowledged was lost meanwhile.

use crate::helpers::app::http;
use crate::helpers::installed;
use crate::helpers::postgres::Postgres;
use crate::helpers::program::Program;
use crate::helpers::replicas::{History, Replicas, call, verdict};
use crate::machine::Cores;
use crate::pinned;
use crate::table::{Table, ms};
use futures_util::future::join_all;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

const CALLERS: usize = 4;
/// Between two events.
const PAUSE: Duration = Duration::from_secs(5);
/// How long something may take to come back before this gives up.
const PATIENCE: Duration = Duration::from_secs(60);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Waits until a replica says that it is ready.
fn until_ready(runtime: &Runtime, program: &Program) {
    let (http, begun) = (http(), Instant::now());
    let ready = || async {
        let answer = http.get(format!("{}/readyz", program.base())).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    };
    while !runtime.block_on(ready()) {
        assert!(begun.elapsed() < PATIENCE, "a replica does not become ready");
        sleep(Duration::from_millis(5));
    }
}

/// From an event to the first good answer to a call that was sent after it.
fn good_after(seen: &[History], event: Instant) -> Duration {
    let calls = seen.iter().flat_map(|one| &one.calls);
    let good = calls.filter(|call| call.status == 200 && call.at >= event);
    let first = good.map(|call| call.at + call.took).min();
    first.expect("calls were answered again") - event
}

/// Hook calls sent between two instants that got no good answer.
fn failed_between(seen: &[History], from: Instant, to: Instant) -> usize {
    let calls = seen.iter().flat_map(|one| &one.calls);
    calls
        .filter(|call| call.status != 200 && call.at + call.took >= from && call.at < to)
        .count()
}

/// Kills and restarts under load; ends with an error if anything acknowledged was lost.
pub fn run() {
    assert!(!installed::skipped(), "this needs PostgreSQL");
    let cores = Cores::of_this_machine();
    let own = cores.keep_off(2);
    let pinning = format!(
        "replicas on cores {} and {}, callers and database on {own}",
        cores.replica(0),
        cores.replica(1)
    );
    let mut table = Table::new("recovery", &pinning);
    let server = Postgres::start();
    let url = server.database("journal");
    let journal = format!("url = '{url}'");
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let start = |number: usize| pinned(folders[number].path(), &journal, cores.replica(number));
    let (first, second) = (start(0), start(1));
    let replicas = Replicas::new(&[first.base(), second.base()]);
    let callers = {
        let replicas = Arc::clone(&replicas);
        std::thread::spawn(move || {
            let callers = (0..CALLERS).map(|_| call(Arc::clone(&replicas)));
            runtime().block_on(join_all(callers))
        })
    };
    let runtime = runtime();
    sleep(PAUSE);

    let killed = [(first.base().to_owned(), Instant::now())];
    first.kill();
    sleep(PAUSE);
    let restarted = Instant::now();
    let third = start(2);
    until_ready(&runtime, &third);
    let replica_ready = restarted.elapsed();
    replicas.replace(0, &third);
    sleep(PAUSE);

    let database_killed = Instant::now();
    server.kill();
    sleep(PAUSE);
    let starting = Instant::now();
    server.up();
    let database_up = Instant::now();
    until_ready(&runtime, &second);
    until_ready(&runtime, &third);
    let both_ready = database_up.elapsed();
    sleep(PAUSE);
    replicas.end();
    let seen = callers.join().unwrap();
    let verdict = runtime.block_on(verdict(&seen, &url, &killed));

    let event = killed[0].1;
    table.line(
        "one of two replicas killed: until the next good answer",
        format!(
            "{}; {} calls had none",
            ms(good_after(&seen, event)),
            failed_between(&seen, event, restarted)
        ),
    );
    table.line("a replica started again: until ready", ms(replica_ready));
    table.line(
        "PostgreSQL killed and started again: until the next good answer",
        format!(
            "{} after it took connections ({} after its start); {} calls had none meanwhile",
            ms(good_after(&seen, database_up)),
            ms(good_after(&seen, starting)),
            failed_between(&seen, database_killed, database_up)
        ),
    );
    table.line("the same: until both replicas were ready", ms(both_ready));
    table.print();
    println!("nothing acknowledged was lost, nothing counted twice, no spent token accepted: {verdict:?}");
}
