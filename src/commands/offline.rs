//! What the commands on saved requests share: tables, settings, and where a report goes.

use super::CommandError;
use crate::clinical::knowledge::Knowledge;
use crate::config::Config;
use crate::content::{self, Files, Problem};
use crate::replay::Sites;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};
use std::path::Path;

/// A sentence that ends a command.
pub(super) fn failed(says: String) -> CommandError {
    CommandError::Request(says)
}

/// The tables of a folder, or those built in.
pub(super) fn knowledge(folder: Option<&Path>) -> Result<Knowledge, CommandError> {
    content::from(folder).map_err(refused)
}

/// As [`knowledge`], with their files.
pub(super) fn tables(folder: Option<&Path>) -> Result<(Files, Knowledge), CommandError> {
    content::open(folder).map_err(refused)
}

fn refused(problems: Vec<Problem>) -> CommandError {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    failed(lines.join("\n"))
}

/// What settings say of their clients; nothing without settings.
pub(super) fn sites(config: Option<&Path>, client: Option<&str>) -> Result<Sites, CommandError> {
    let Some(config) = config else {
        return Ok(Sites::default());
    };
    let settings = Config::load(config)?;
    let wrong = |says| failed(format!("{}: {says}", config.display()));
    Sites::of(&settings.clients, client).map_err(wrong)
}

/// Where a report goes. A reader that has seen enough, such as `head`, is no failure.
pub(super) enum Out {
    /// Standard output.
    Terminal(BufWriter<StdoutLock<'static>>),
    /// A file that only its owner can read: reports hold values of patients.
    File(BufWriter<File>),
}

impl Out {
    pub(super) fn open(file: Option<&Path>) -> io::Result<Self> {
        let Some(path) = file else {
            return Ok(Self::Terminal(BufWriter::new(io::stdout().lock())));
        };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        options
            .open(path)
            .map(|file| Self::File(BufWriter::new(file)))
            .map_err(named)
    }

    /// Writes what waits.
    pub(super) fn finish(mut self) -> Result<(), CommandError> {
        Ok(self.flush()?)
    }
}

fn enough<T>(done: io::Result<T>, then: T) -> io::Result<T> {
    match done {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(then),
        other => other,
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Terminal(out) => enough(out.write(bytes), bytes.len()),
            Self::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Terminal(out) => enough(out.flush(), ()),
            Self::File(file) => file.flush(),
        }
    }
}
