//! A comparison as Markdown, for the file of an approval: what changes, for whom, and room for the reviewer.

use super::summary::Summary;
use super::{Asked, Comparison};
use crate::replay::{Difference, Kind};
use std::io::{self, Write};

/// Writes all of it.
pub(super) fn write(out: &mut impl Write, of: &Comparison) -> io::Result<()> {
    writeln!(
        out,
        "# What changes from {} to {}\n",
        of.old.content, of.new.content
    )?;
    writeln!(out, "| | folder | content |\n|---|---|---|")?;
    writeln!(
        out,
        "| old | {} | {} |",
        code(&of.old.name),
        code(&of.old.content)
    )?;
    writeln!(
        out,
        "| new | {} | {} |\n",
        code(&of.new.name),
        code(&of.new.content)
    )?;
    table(out, &of.cases, &of.requests)?;
    for (title, names) in [
        ("Cases only in the old folder", &of.only_in_old),
        ("Cases only in the new folder", &of.only_in_new),
        ("Files left out", &of.left_out),
    ] {
        if !names.is_empty() {
            writeln!(out, "\n**{title}**\n")?;
        }
        for name in names {
            writeln!(out, "- {}", code(name))?;
        }
    }
    for note in &of.notes {
        writeln!(out, "\n{}", plain(note))?;
    }
    part(out, "Cases", &of.different_cases)?;
    part(out, "Saved requests", &of.different_requests)?;
    writeln!(out, "\n## Review\n")?;
    writeln!(out, "| | name | date | signature |\n|---|---|---|---|")?;
    writeln!(out, "| pharmacist | | | |\n| physician | | | |")
}

fn table(out: &mut impl Write, cases: &Summary, requests: &Summary) -> io::Result<()> {
    writeln!(out, "| | cases | saved requests |\n|---|---:|---:|")?;
    let mut row = |name: &str, cases: u64, requests: u64| writeln!(out, "| {name} | {cases} | {requests} |");
    row("compared", cases.all(), requests.all())?;
    row("the same", cases.same, requests.same)?;
    row("different", cases.different, requests.different)?;
    for kind in Kind::ALL {
        if cases.of(kind) + requests.of(kind) > 0 {
            row(
                &format!("different in: {}", kind.name()),
                cases.of(kind),
                requests.of(kind),
            )?;
        }
    }
    row("unreadable", cases.unreadable, requests.unreadable)
}

fn part(out: &mut impl Write, title: &str, all: &[Asked]) -> io::Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## {title}")?;
    for asked in all {
        writeln!(out, "\n### {}\n", plain(&asked.name))?;
        if let Some(says) = &asked.unreadable {
            writeln!(out, "Could not be read: {}\n", plain(says))?;
        }
        for Difference {
            kind,
            topic,
            before,
            after,
        } in &asked.differences
        {
            let of = topic.map_or(String::new(), |topic| format!(" of `{topic}`"));
            writeln!(out, "- **{}**{of}", kind.name())?;
            for (name, lines) in [("before", before), ("after", after)] {
                for line in lines {
                    writeln!(out, "  - {name}: {}", plain(line))?;
                }
            }
        }
    }
    Ok(())
}

/// A text of ours or of the tables as it stands: nothing in it becomes markup, a cell or another line.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\r' => safe.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' => safe.extend(['\\', letter]),
            other => safe.push(other),
        }
    }
    safe
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace(['`', '|', '\n'], " "))
}
