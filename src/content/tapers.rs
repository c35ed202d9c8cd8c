//! `[taper]` and `[[taper-instead]]` of an indication.
//!
//! Turns shares, amounts and durations into plans of a reduction, and refuses what contradicts itself: a
//! share beyond the whole, a hold without a dose to hold, a spread beside a hold.

use super::expressions::expr;
use super::forms::percent;
use super::names::Desk;
use super::page::Word;
use super::scalar;
use super::schema::Indicator;
use super::schema::tables::{CutOf, IndicationFile, TaperRow};
use super::tables::statement;
use super::texts::Texts;
use crate::clinical::knowledge::{self as model, Expr, Rest, TaperPlan};
use rust_decimal::Decimal;

/// The plan of an indication, and those that take its place under a condition.
pub(super) fn of(
    desk: &Desk,
    texts: &Texts,
    file: &IndicationFile,
) -> (Option<TaperPlan>, Vec<(Expr, TaperPlan)>) {
    let usual = match (&file.taper, &file.no_taper) {
        (Some(row), None) => {
            if let Some(when) = &row.when {
                desk.page.refuse(
                    when.span(),
                    "[taper] is the usual one: 'when' stands in [[taper-instead]]",
                );
            }
            plan(desk, texts, row)
        }
        (None, Some(_)) => None,
        _ => {
            desk.page
                .refuse_file("needs either [taper] or no-taper = \"why\"");
            None
        }
    };
    if file.taper.is_none() && !file.taper_instead.is_empty() {
        desk.page
            .refuse_file("[[taper-instead]] needs a [taper] that it replaces");
    }
    let instead = file.taper_instead.iter();
    (
        usual,
        instead.filter_map(|row| one_instead(desk, texts, row)).collect(),
    )
}

fn one_instead(desk: &Desk, texts: &Texts, row: &TaperRow) -> Option<(Expr, TaperPlan)> {
    let Some(when) = &row.when else {
        desk.page.refuse(row.cut.span(), "[[taper-instead]] needs 'when'");
        return None;
    };
    let when = expr(desk, when);
    let plan = plan(desk, texts, row);
    Some((when?, plan?))
}

fn plan(desk: &Desk, texts: &Texts, row: &TaperRow) -> Option<TaperPlan> {
    let cut = share(desk, &row.cut);
    if row.every.get_ref().0 == 0 {
        desk.page.refuse(row.every.span(), "a step takes at least a day");
    }
    let [max_mg, highest_mg, coarsest_mg] =
        [&row.max, &row.highest, &row.coarsest].map(|word| word.as_ref().map(|word| milligrams(desk, word)));
    let rest = rest(desk, row);
    let urgency = (Indicator::Info, row.evidence);
    let statement = statement(desk, texts, urgency, &row.text, &row.sources);
    Some(TaperPlan {
        cut_percent: cut?,
        cut_of: match row.of {
            CutOf::Current => model::CutOf::Current,
            CutOf::Start => model::CutOf::Start,
        },
        max_mg: all_or_none(max_mg)?,
        highest_mg: all_or_none(highest_mg)?,
        coarsest_mg: all_or_none(coarsest_mg)?,
        every: row.every.get_ref().0,
        rest: rest?,
        over: row.over.as_ref().map(|over| over.get_ref().0),
        floor: row.floor.0,
        published: row.published,
        statement: statement?,
    })
}

/// Where the reduction rests; the outer `None` is a problem that was recorded.
fn rest(desk: &Desk, row: &TaperRow) -> Option<Option<Rest>> {
    match (&row.until, row.hold) {
        (None, None) => Some(None),
        (Some(until), Some(hold)) => {
            if let Some(over) = &row.over {
                desk.page
                    .refuse(over.span(), "'over' and 'hold' do not go together");
            }
            let until_percent = share(desk, until)?;
            Some(Some(Rest {
                until_percent,
                days: hold.0,
            }))
        }
        _ => {
            desk.page.refuse(
                row.cut.span(),
                "'until' (a share of the dose at the start) and 'hold' (how long) need each other",
            );
            None
        }
    }
}

fn share(desk: &Desk, word: &Word) -> Option<Decimal> {
    let share =
        percent(word.get_ref()).filter(|share| *share > Decimal::ZERO && *share <= Decimal::ONE_HUNDRED);
    if share.is_none() {
        desk.page.refuse(
            word.span(),
            format!("'{}' is not a part of the dose (25 %)", word.get_ref()),
        );
    }
    share
}

/// What is not written is no amount; what is written wrongly was recorded as a problem.
fn all_or_none(written: Option<Option<Decimal>>) -> Option<Option<Decimal>> {
    written.map_or(Some(None), |amount| amount.map(Some))
}

/// An amount above zero in mg.
pub(super) fn milligrams(desk: &Desk, word: &Word) -> Option<Decimal> {
    let amount =
        scalar::quantity(word.get_ref()).filter(|(amount, unit)| *unit == "mg" && *amount > Decimal::ZERO);
    if amount.is_none() {
        desk.page.refuse(
            word.span(),
            format!("'{}' is not an amount in mg", word.get_ref()),
        );
    }
    amount.map(|(amount, _)| amount)
}
