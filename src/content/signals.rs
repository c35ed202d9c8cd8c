//! `signals.toml` of all and of each withdrawal, to the list of signals.
//!
//! Names are given out first and forms built afterwards, so that the order of the rows does not matter.
//! A signal that asks itself, by its form or by `applies`, is refused.

use super::forms;
use super::names::{Desk, Scope};
use super::page::{Page, Problems, Word};
use super::schema::signals::{SignalRow, Signals};
use crate::clinical::knowledge::{Expr, Form, Signal, SignalId};
use rustc_hash::FxHashMap as HashMap;

/// Rows of one file in their order, each with its identifier.
pub(super) struct Rows<'a> {
    page: Page<'a>,
    rows: Vec<(Word, SignalRow)>,
}

/// Reads a file and gives each signal an identifier, from `next` on.
pub(super) fn read<'a>(
    page: Page<'a>,
    next: &mut u16,
    names: &mut HashMap<String, SignalId>,
) -> Option<Rows<'a>> {
    let mut rows: Vec<_> = page.toml::<Signals>()?.into_iter().collect();
    rows.sort_by_key(|(name, _)| name.span().start);
    for (name, _) in &rows {
        let text = name.get_ref().as_str();
        let plain = text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'));
        if text == "always" || text.is_empty() || !plain {
            page.refuse(
                name.span(),
                format!("'{text}' is not a name for a signal (lower-case words, hyphens)"),
            );
        }
        if names.insert(text.to_owned(), SignalId(*next)).is_some() {
            page.refuse(
                name.span(),
                format!("the signal '{text}' stands in another file too"),
            );
        }
        let Some(more) = next.checked_add(1) else {
            page.refuse(name.span(), "there are too many signals");
            return None;
        };
        *next = more;
    }
    Some(Rows { page, rows })
}

impl<'a> Rows<'a> {
    /// Builds the signals of the file; `None` where a problem was recorded.
    pub(super) fn build(self, scope: Scope, into: &mut Vec<Built<'a>>) {
        let desk = Desk {
            page: self.page,
            scope,
        };
        for (name, row) in self.rows {
            let line = self.page.line_of(name.span().start);
            into.push(Built {
                page: self.page,
                line,
                signal: forms::signal(&desk, &name, row),
            });
        }
    }
}

/// A signal with its place.
pub(super) struct Built<'a> {
    page: Page<'a>,
    line: usize,
    signal: Option<Signal>,
}

/// The list of signals, unless one is missing or asks itself; then problems were recorded.
pub(super) fn finish(built: Vec<Built>, problems: &Problems) -> Option<Vec<Signal>> {
    if problems.is_empty() {
        for index in 0..built.len() {
            if let Some(path) = cycle(&built, index) {
                let says = format!("the signal asks itself: {}", path.join(" > "));
                built[index].page.refuse_line(built[index].line, says);
            }
        }
    }
    built.into_iter().map(|built| built.signal).collect()
}

/// The way from a signal back to itself, if there is one.
fn cycle(built: &[Built], from: usize) -> Option<Vec<String>> {
    let mut open = vec![(from, Vec::new())];
    let mut seen = vec![false; built.len()];
    while let Some((at, mut path)) = open.pop() {
        let Some(signal) = &built.get(at)?.signal else {
            continue;
        };
        path.push(signal.name.to_string());
        for next in asked(signal) {
            let next = usize::from(next.0);
            if next == from {
                path.push(built.get(from)?.signal.as_ref()?.name.to_string());
                return Some(path);
            }
            if let Some(unseen @ false) = seen.get_mut(next) {
                *unseen = true;
                open.push((next, path.clone()));
            }
        }
    }
    None
}

/// Signals that a signal asks directly.
pub(super) fn asked(signal: &Signal) -> Vec<SignalId> {
    let mut asked = Vec::new();
    if let Form::Of(expr) = &signal.form {
        named(expr, &mut asked);
    }
    if let Some(applies) = &signal.applies {
        named(applies, &mut asked);
    }
    asked
}

/// Signals that an expression names.
pub(super) fn named(expr: &Expr, into: &mut Vec<SignalId>) {
    match expr {
        Expr::Signal(id) => into.push(*id),
        Expr::Not(part) => named(part, into),
        Expr::Any(parts) | Expr::All(parts) | Expr::AtLeast(_, parts) => {
            for part in parts {
                named(part, into);
            }
        }
        Expr::Always => {}
    }
}
