//! A comparison for the terminal.

use super::{Asked, Comparison};
use crate::replay::{Difference, Kind};
use std::io::{self, Write};

/// Writes all of it: the summary first, then each difference with what was and what would be.
pub(super) fn write(out: &mut impl Write, of: &Comparison) -> io::Result<()> {
    writeln!(out, "OLD {} (content {})", of.old.name, of.old.content)?;
    writeln!(out, "NEW {} (content {})", of.new.name, of.new.content)?;
    writeln!(out)?;
    writeln!(out, "{:<12} {:>8} {:>8}", "", "cases", "requests")?;
    let (cases, requests) = (&of.cases, &of.requests);
    let mut row =
        |name: &str, cases: u64, requests: u64| writeln!(out, "{name:<12} {cases:>8} {requests:>8}");
    row("same", cases.same, requests.same)?;
    row("differ", cases.different, requests.different)?;
    for kind in Kind::ALL {
        if cases.of(kind) + requests.of(kind) > 0 {
            row(&format!("  {}", kind.name()), cases.of(kind), requests.of(kind))?;
        }
    }
    row("unreadable", cases.unreadable, requests.unreadable)?;
    for (name, paths) in [
        ("only in OLD", &of.only_in_old),
        ("only in NEW", &of.only_in_new),
        ("left out", &of.left_out),
        ("note", &of.notes),
    ] {
        for path in paths {
            writeln!(out, "{name}: {path}")?;
        }
    }
    for asked in of.different_cases.iter().chain(&of.different_requests) {
        entry(out, asked)?;
    }
    Ok(())
}

fn entry(out: &mut impl Write, asked: &Asked) -> io::Result<()> {
    writeln!(out, "\n{}", asked.name)?;
    if let Some(says) = &asked.unreadable {
        writeln!(out, "  UNREADABLE {says}")?;
    }
    for Difference {
        kind,
        topic,
        before,
        after,
    } in &asked.differences
    {
        match topic {
            Some(topic) => writeln!(out, "  {} of {topic}", kind.name())?,
            None => writeln!(out, "  {}", kind.name())?,
        }
        for line in before {
            writeln!(out, "    - {line}")?;
        }
        for line in after {
            writeln!(out, "    + {line}")?;
        }
    }
    Ok(())
}
