//! The command line.

use clap::Parser;
use std::process::ExitCode;
use stepdown::commands::{self, Command};

/// Reviews the stop of a maintenance drug before it is committed: a CDS Hooks service.
#[derive(Parser)]
#[command(name = "stepdown", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    commands::run(Arguments::parse().command)
}
