//! One replica and two, on one PostgreSQL, called in turn.

use crate::calls;
use crate::helpers::installed;
use crate::helpers::postgres::Postgres;
use crate::helpers::program::Program;
use crate::machine::{Cores, processor_time};
use crate::overload::times;
use crate::table::Table;
use crate::{EMBEDDED, pinned};
use std::time::Duration;

/// Connections to each replica.
const CALLERS: usize = 16;
const WARM_UP: Duration = Duration::from_secs(3);

/// Measures each arrangement for so long.
pub fn run(time: Duration) {
    assert!(!installed::skipped(), "this needs PostgreSQL");
    let cores = Cores::of_this_machine();
    let own = cores.keep_off(2);
    let pinning = format!(
        "replicas on cores {} and {}, caller and database on {own}",
        cores.replica(0),
        cores.replica(1)
    );
    let mut table = Table::new(&format!("replicas --seconds {}", time.as_secs()), &pinning);
    let server = Postgres::start();
    let database = |name: &str| format!("url = '{}'", server.database(name));
    let arrangements = [
        ("one replica, SQLite", 1, EMBEDDED.to_owned()),
        ("one replica, PostgreSQL", 1, database("one")),
        ("two replicas, PostgreSQL", 2, database("two")),
    ];
    for (name, number, journal) in arrangements {
        let folders: Vec<_> = (0..number).map(|_| tempfile::tempdir().unwrap()).collect();
        let start = |(number, folder): (usize, &tempfile::TempDir)| {
            pinned(folder.path(), &journal, cores.replica(number))
        };
        let programs: Vec<Program> = folders.iter().enumerate().map(start).collect();
        measure(&mut table, name, &programs, time);
    }
    table.print();
}

fn measure(table: &mut Table, name: &str, programs: &[Program], time: Duration) {
    let bases: Vec<&str> = programs.iter().map(Program::base).collect();
    let callers = CALLERS * programs.len();
    calls::closed(&bases, callers, WARM_UP);
    let spent = || programs.iter().map(|program| processor_time(program.id()));
    let total = || {
        spent()
            .map(|(answering, journal)| answering + journal)
            .sum::<f64>()
    };
    let before = total();
    let tally = calls::closed(&bases, callers, time);
    let each = (total() - before) / tally.served.len().max(1) as f64;
    table.line(
        format!("calls per second, {name}"),
        format!("{:.0}; {each:.0} us of processor time each", tally.rate()),
    );
    table.line(format!("p50 / p99, {name}"), times(&tally.served));
    tally.expect(&[200]);
}
