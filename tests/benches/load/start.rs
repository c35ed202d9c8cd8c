//! How long a start takes, and how large the program is.

use crate::helpers::replicas::PATH;
use crate::machine::{Cores, resident};
use crate::table::{Table, ms, percentile};
use crate::{EMBEDDED, calls, pinned};
use std::time::{Duration, Instant};

const STARTS: usize = 9;

/// Starts it a few times, each on an empty journal.
pub fn run() {
    let cores = Cores::of_this_machine();
    let own = cores.keep_off(1);
    let core = cores.replica(0);
    let mut table = Table::new("start", &format!("service on core {core}, caller on {own}"));
    let (mut listening, mut answered, mut memory) = (Vec::new(), Vec::new(), 0.0);
    for _ in 0..STARTS {
        let (folder, begun) = (tempfile::tempdir().unwrap(), Instant::now());
        let program = pinned(folder.path(), EMBEDDED, core);
        listening.push(begun.elapsed());
        memory = resident(program.id());
        let first = calls::closed(&[program.base()], 1, Duration::ZERO);
        answered.push(begun.elapsed());
        first.expect(&[200]);
    }
    let size = std::fs::metadata(env!("CARGO_BIN_EXE_stepdown")).unwrap().len();
    table.line(
        "start until it listens",
        format!("{} (median of {STARTS})", ms(percentile(&listening, 50))),
    );
    table.line(
        format!("start until the first answer of {PATH}"),
        ms(percentile(&answered, 50)),
    );
    table.line("memory after the start", format!("{memory:.1} MiB"));
    table.line(
        "size of the program",
        format!("{:.1} MiB", size as f64 / 1_048_576.0),
    );
    table.print();
}
