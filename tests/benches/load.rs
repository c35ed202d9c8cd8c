//! The installed program under load: what a hospital would see of it, as lines for the table in `deploy/README.md`.
//!
//! Starts `stepdown serve` on a core of its own, calls it from the others over loopback with a request that needs no
//! FHIR server, an ES384 token for each, and prints Markdown. Nothing is asserted on time: that is told. A status
//! that is not promised, something acknowledged that is lost, or a spent token that is accepted ends it with an error.
//! Needs Linux with `taskset`; where a scenario needs PostgreSQL it is installed as the tests do.
//!
//! ```sh
//! cargo bench --bench load -- overload --seconds 300   # twice of what one core serves
//! cargo bench --bench load -- replicas --seconds 60    # one and two replicas
//! cargo bench --bench load -- recovery                 # a replica is killed, the database is killed
//! cargo bench --bench load -- soak --seconds 900       # memory at a steady rate
//! cargo bench --bench load -- start                    # until ready; size of the program
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark speaks to the terminal and may panic"
)]

#[path = "load/calls.rs"]
mod calls;
#[path = "../suite/helpers/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use more of it")]
mod helpers;
#[path = "machine.rs"]
mod machine;
#[path = "load/overload.rs"]
mod overload;
#[path = "load/recovery.rs"]
mod recovery;
#[path = "load/replicas.rs"]
mod replicas;
#[path = "request.rs"]
#[allow(dead_code, reason = "the program goes by the machine's clock")]
mod request;
#[path = "load/soak.rs"]
mod soak;
#[path = "load/start.rs"]
mod start;
#[path = "load/table.rs"]
mod table;
#[path = "wire.rs"]
mod wire;

use helpers::app::{NOBODY, settings_keeping};
use helpers::program::Program;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The journal of a service that runs alone.
const EMBEDDED: &str = "url = 'sqlite:journal.db'";
/// The deadline of a client that has set none.
const DEADLINE: Duration = Duration::from_secs(2);

const USAGE: &str = "cargo bench --bench load -- SCENARIO [--seconds N] [--rate CALLS_PER_SECOND]\n\
                     scenarios: overload, replicas, recovery, soak, start";

/// What was asked for.
struct Arguments {
    scenario: Option<String>,
    seconds: Option<u64>,
    rate: Option<f64>,
}

impl Arguments {
    fn read() -> Result<Self, String> {
        let mut read = Self {
            scenario: None,
            seconds: None,
            rate: None,
        };
        // Cargo adds --bench.
        let mut given = std::env::args().skip(1).filter(|argument| argument != "--bench");
        while let Some(argument) = given.next() {
            let mut number = || given.next().ok_or(format!("{argument} needs a number"));
            match argument.as_str() {
                "--seconds" => {
                    read.seconds = Some(number()?.parse().map_err(|_| "--seconds: a whole number")?)
                }
                "--rate" => read.rate = Some(number()?.parse().map_err(|_| "--rate: a number")?),
                _ if read.scenario.is_none() => read.scenario = Some(argument),
                _ => return Err(format!("{argument} is one too many")),
            }
        }
        Ok(read)
    }

    fn time(&self, usual: u64) -> Duration {
        Duration::from_secs(self.seconds.unwrap_or(usual))
    }
}

fn main() {
    let arguments = Arguments::read().unwrap_or_else(|why| {
        println!("{why}\n{USAGE}");
        std::process::exit(2);
    });
    match arguments.scenario.as_deref() {
        Some("overload") => overload::run(arguments.time(300)),
        Some("replicas") => replicas::run(arguments.time(60)),
        Some("recovery") => recovery::run(),
        Some("soak") => soak::run(arguments.time(900), arguments.rate),
        Some("start") => start::run(),
        // With all benchmarks, which nobody wants to wait minutes for.
        None => println!("{USAGE}"),
        Some(other) => {
            println!("there is no scenario {other}\n{USAGE}");
            std::process::exit(2);
        }
    }
}

/// The program in production, with one worker, on one core.
fn pinned(folder: &Path, journal: &str, core: usize) -> Program {
    let settings = settings_keeping(folder, journal, NOBODY, "", "");
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &core.to_string(), env!("CARGO_BIN_EXE_stepdown")]);
    Program::run(command, folder, "off", &settings)
}
