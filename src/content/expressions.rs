//! Logic as written, to logic over signals.

use super::names::Desk;
use super::schema::Logic;
use crate::clinical::knowledge::Expr;
use std::ops::Range;
use toml::Spanned;

/// Logic in which `always` may not stand.
pub(super) fn expr(desk: &Desk, logic: &Spanned<Logic>) -> Option<Expr> {
    build(desk, logic.get_ref(), logic.span())
}

/// Logic of a row of hazards or of a note: `always`, or anything else.
pub(super) fn row_expr(desk: &Desk, logic: &Spanned<Logic>) -> Option<Expr> {
    match logic.get_ref() {
        Logic::Always => Some(Expr::Always),
        _ => expr(desk, logic),
    }
}

/// Optional logic: the outer `None` is a problem that was recorded.
pub(super) fn optional(desk: &Desk, logic: Option<&Spanned<Logic>>) -> Option<Option<Expr>> {
    logic.map_or(Some(None), |logic| expr(desk, logic).map(Some))
}

fn build(desk: &Desk, logic: &Logic, place: Range<usize>) -> Option<Expr> {
    Some(match logic {
        Logic::Always => {
            desk.page.refuse(
                place,
                "'always' stands only in the last row of a table of hazards, and in notes",
            );
            return None;
        }
        Logic::Signal(name) => Expr::Signal(desk.signal(name, place)?),
        Logic::Not(part) => Expr::Not(Box::new(build(desk, part.get_ref(), inner(part, &place))?)),
        Logic::Any(list) => Expr::Any(parts(desk, list, &place)?),
        Logic::All(list) => Expr::All(parts(desk, list, &place)?),
        Logic::AtLeast(count, list) => {
            if *count == 0 || *count > list.len() {
                desk.page.refuse(
                    place,
                    format!("'at-least = {count}' of {} says nothing", list.len()),
                );
                return None;
            }
            Expr::AtLeast(*count, parts(desk, list, &place)?)
        }
    })
}

fn parts(desk: &Desk, list: &[Spanned<Logic>], place: &Range<usize>) -> Option<Vec<Expr>> {
    if list.is_empty() {
        desk.page.refuse(place.clone(), "the list is empty");
        return None;
    }
    let built: Vec<_> = list
        .iter()
        .map(|part| build(desk, part.get_ref(), inner(part, place)))
        .collect();
    built.into_iter().collect()
}

/// The part's own place; a part without one (of `"not NAME"`) stands where the whole does.
fn inner(part: &Spanned<Logic>, whole: &Range<usize>) -> Range<usize> {
    if part.span().is_empty() {
        whole.clone()
    } else {
        part.span()
    }
}
