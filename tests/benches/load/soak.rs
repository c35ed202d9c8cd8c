//! A steady rate that the service carries with ease, for long: its memory stays what it is.

use crate::calls;
use crate::machine::{Cores, resident};
use crate::overload::{capacity, times};
use crate::table::Table;
use crate::{EMBEDDED, pinned};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(10);
/// Part of what one core serves that is offered unless a rate is given.
const MODERATE: f64 = 0.3;

/// Looks at the memory of a process every ten seconds.
pub struct Watch {
    end: Sender<()>,
    seen: JoinHandle<Vec<f64>>,
}

impl Watch {
    /// From now on.
    pub fn start(process: u32) -> Self {
        let (end, ended) = channel();
        let seen = std::thread::spawn(move || {
            let mut seen = vec![resident(process)];
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                seen.push(resident(process));
            }
            seen.push(resident(process));
            seen
        });
        Self { end, seen }
    }

    /// What it saw.
    pub fn end(self) -> Memory {
        self.end.send(()).unwrap();
        Memory(self.seen.join().unwrap())
    }
}

/// Resident memory in MiB, in the order of time.
pub struct Memory(Vec<f64>);

impl Memory {
    /// First, highest and last.
    pub fn summary(&self) -> String {
        let highest = self.0.iter().copied().fold(0.0, f64::max);
        format!(
            "{:.1} MiB at first, {highest:.1} at most, {:.1} at the end",
            self.0[0],
            self.0[self.0.len() - 1]
        )
    }

    /// All of it.
    pub fn listed(&self) -> String {
        let each: Vec<String> = self.0.iter().map(|value| format!("{value:.1}")).collect();
        each.join(" ")
    }

    /// By how many percent the last third lies above the second, each on average: the first is warming up.
    fn growth(&self) -> f64 {
        let third = (self.0.len() / 3).max(1);
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        let (earlier, later) = (&self.0[..self.0.len() - third], &self.0[self.0.len() - third..]);
        let middle = &earlier[earlier.len().saturating_sub(third)..];
        100.0 * (mean(later) / mean(middle) - 1.0)
    }
}

/// Calls at a steady rate for so long.
pub fn run(time: Duration, rate: Option<f64>) {
    let cores = Cores::of_this_machine();
    let own = cores.keep_off(1);
    let core = cores.replica(0);
    let pinning = format!("service on core {core}, caller on {own}");
    let mut table = Table::new(&format!("soak --seconds {}", time.as_secs()), &pinning);
    let folder = tempfile::tempdir().unwrap();
    let program = pinned(folder.path(), EMBEDDED, core);
    let at_rest = resident(program.id());
    let rate = rate.unwrap_or_else(|| MODERATE * capacity(&[program.base()], program.id()).0.rate());
    let watch = Watch::start(program.id());
    let tally = calls::open(&[program.base()], rate, time);
    let memory = watch.end();
    let soaked = format!("{:.0} min at {:.0}/s", time.as_secs_f64() / 60.0, tally.rate());
    table.line("memory at rest", format!("{at_rest:.1} MiB"));
    table.line(format!("memory over {soaked}"), memory.summary());
    table.line(format!("p50 / p99 over {soaked}"), times(&tally.served));
    table.print();
    println!("memory each 10 s in MiB: {}", memory.listed());
    println!(
        "the last third lies {:+.1} % above the second; answers by status: {:?}",
        memory.growth(),
        tally.statuses
    );
    tally.expect(&[200]);
}
