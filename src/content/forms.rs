//! A row of `signals.toml`, to one of the closed list of forms.
//!
//! Each form takes the keys that it knows; a key that is left over belongs to another form and is refused.

mod watched;

use super::expressions::{expr, optional};
use super::names::Desk;
use super::page::Word;
use super::schema::signals::{self as written, CountOrQuantity, SignalRow};
use super::schema::{Certainty, Logic};
use super::tapers::milligrams;
use crate::clinical::knowledge::{self as model, Expr, Form, Ratio, Shift, Signal, Test};
use crate::clinical::record::Sex;
use crate::clinical::vocabulary::{AnalyteId, Finding};
use rust_decimal::Decimal;
use toml::Spanned;

/// A signal; `None` where a problem was recorded.
pub(super) fn signal(desk: &Desk, name: &Word, mut row: SignalRow) -> Option<Signal> {
    let applies = optional(desk, row.applies.as_ref());
    let sure = row.sure.unwrap_or(Certainty::Opinion);
    let source = row.source.as_ref().and_then(|source| desk.source(source));
    if row.source.is_none() && sure != Certainty::Opinion {
        desk.page.refuse(
            name.span(),
            format!("'{}' is surer than opinion and names no source", name.get_ref()),
        );
    }
    let form = form(desk, name, &mut row);
    let left_over = row.left_over();
    if !left_over.is_empty() && form.is_some() {
        let keys = left_over.join(", ");
        desk.page.refuse(
            name.span(),
            format!("'{}' has keys of another form: {keys}", name.get_ref()),
        );
    }
    Some(Signal {
        name: name.get_ref().as_str().into(),
        says: row.says.get_ref().as_str().into(),
        form: form?,
        applies: applies?,
        source,
        sure: sure.into(),
    })
}

fn form(desk: &Desk, name: &Word, row: &mut SignalRow) -> Option<Form> {
    if let Some(form) = logic(desk, name, row) {
        return form.map(Form::Of);
    }
    if let Some(form) = measured(desk, name, row) {
        return form;
    }
    if let Some(form) = about_drugs(desk, row) {
        return form;
    }
    let form = about_patient(desk, row);
    if form.is_none() {
        desk.page
            .refuse(name.span(), format!("'{}' has no form", name.get_ref()));
    }
    form
}

/// `any`, `all`, `not`, `at-least` with `of`. The outer `None`: another form.
fn logic(desk: &Desk, name: &Word, row: &mut SignalRow) -> Option<Option<Expr>> {
    let written = if let Some(list) = row.any.take() {
        Logic::Any(list)
    } else if let Some(list) = row.all.take() {
        Logic::All(list)
    } else if let Some(part) = row.not.take() {
        Logic::Not(Box::new(part))
    } else {
        let list = row.of.take()?;
        let Some(CountOrQuantity::Count(count)) = row.at_least.take() else {
            desk.page
                .refuse(name.span(), "'of' needs 'at-least' with a count");
            return Some(None);
        };
        Logic::AtLeast(count, list)
    };
    Some(expr(desk, &Spanned::new(name.span(), written)))
}

/// `latest`, `change`, `stayed`. The outer `None`: another form.
fn measured(desk: &Desk, name: &Word, row: &mut SignalRow) -> Option<Option<Form>> {
    if let Some(word) = row.latest.take() {
        return Some(latest(desk, name, &word, row));
    }
    if let Some(word) = row.change.take() {
        return Some(change(desk, name, &word, row));
    }
    if let Some(word) = row.watch.take() {
        return Some(watched::form(desk, name, &word, row));
    }
    let word = row.stayed.take()?;
    let analyte = desk.analyte(&word);
    let test = analyte.and_then(|analyte| test(desk, name, analyte, row));
    let over = needed(desk, name, "over", row.over.take());
    let results = needed(desk, name, "results", row.results.take());
    let (Some(analyte), Some(test), Some(over), Some(results)) = (analyte, test, over, results) else {
        return Some(None);
    };
    Some(Some(Form::Stayed {
        analyte,
        test,
        over: over.0,
        results,
    }))
}

fn latest(desk: &Desk, name: &Word, word: &Word, row: &mut SignalRow) -> Option<Form> {
    let within = needed(desk, name, "within", row.within.take());
    let trough = row.trough.take().is_some();
    let analyte = desk.analyte(word)?;
    if trough && !desk.scope.vocabulary.analyte(analyte).timed {
        desk.page.refuse(
            word.span(),
            format!("'{}' is not timed and has no trough", word.get_ref()),
        );
    }
    let test = test(desk, name, analyte, row)?;
    Some(Form::Latest {
        analyte,
        test,
        within: within?.0,
        trough,
    })
}

fn change(desk: &Desk, name: &Word, word: &Word, row: &mut SignalRow) -> Option<Form> {
    let within = needed(desk, name, "within", row.within.take());
    let against = needed(desk, name, "against", row.against.take());
    let analyte = desk.analyte(word)?;
    let by = match shifts(desk, analyte, row)?.as_mut_slice() {
        [by] => by.clone(),
        _ => {
            desk.page.refuse(
                name.span(),
                format!("'{}' needs one of rise, fall, times", name.get_ref()),
            );
            return None;
        }
    };
    Some(Form::Change {
        analyte,
        by,
        within: within?.0,
        against: against?.0,
    })
}

/// Every change that the row asks for.
fn shifts(desk: &Desk, analyte: AnalyteId, row: &mut SignalRow) -> Option<Vec<Shift>> {
    let amount = |word: &Word| desk.quantity(analyte, word.get_ref(), word.span());
    let mut shifts = Vec::new();
    if let Some(rise) = row.rise.take() {
        shifts.push(match percent(rise.get_ref()) {
            Some(percent) => Shift::RisePercent(percent),
            None => Shift::RiseBy(amount(&rise)?),
        });
    }
    if let Some(rise) = row.rise_above.take() {
        shifts.push(Shift::RiseAbove(amount(&rise)?));
    }
    if let Some(fall) = row.fall.take() {
        shifts.push(match percent(fall.get_ref()) {
            Some(percent) => Shift::FallPercent(percent),
            None => Shift::FallBy(amount(&fall)?),
        });
    }
    shifts.extend(row.times.take().map(|times| Shift::Times(times.0)));
    Some(shifts)
}

/// `30 %` as 30.
pub(super) fn percent(text: &str) -> Option<Decimal> {
    text.trim().strip_suffix('%')?.trim().parse().ok()
}

fn needed<T>(desk: &Desk, name: &Word, key: &str, value: Option<T>) -> Option<T> {
    if value.is_none() {
        desk.page
            .refuse(name.span(), format!("'{}' needs '{key}'", name.get_ref()));
    }
    value
}

/// Exactly one test on results of the analyte.
fn test(desk: &Desk, name: &Word, analyte: AnalyteId, row: &mut SignalRow) -> Option<Test> {
    match one_test(desk, name, analyte, row)? {
        Some(test) => Some(test),
        None => {
            desk.page.refuse(
                name.span(),
                format!("'{}' needs exactly one test", name.get_ref()),
            );
            None
        }
    }
}

/// The one test on results of the analyte, if there is any; the outer `None` is a problem that was recorded.
fn one_test(desk: &Desk, name: &Word, analyte: AnalyteId, row: &mut SignalRow) -> Option<Option<Test>> {
    let mut tests: Vec<Option<Test>> = Vec::new();
    let quantity = |text: &str, place| desk.quantity(analyte, text, place);
    let number = |word: Word| quantity(word.get_ref(), word.span());
    match row.at_least.take() {
        Some(CountOrQuantity::Quantity(text)) => tests.push(quantity(&text, name.span()).map(Test::AtLeast)),
        Some(CountOrQuantity::Count(count)) => {
            desk.page.refuse(name.span(), format!("'{count}' has no unit"));
            tests.push(None);
        }
        None => {}
    }
    tests.extend(row.above.take().map(|word| number(word).map(Test::Above)));
    tests.extend(row.at_most.take().map(|word| number(word).map(Test::AtMost)));
    tests.extend(row.below.take().map(|word| number(word).map(Test::Below)));
    tests.extend(
        row.at_least_upper_limit
            .take()
            .map(|times| Some(Test::AtLeastUpperLimit(times.0))),
    );
    tests.extend(
        row.above_upper_limit
            .take()
            .map(|times| Some(Test::AboveUpperLimit(times.0))),
    );
    tests.extend(
        row.within_upper_limit
            .take()
            .map(|times| Some(Test::WithinUpperLimit(times.0))),
    );
    tests.extend(row.below_lower_limit.take().map(|_| Some(Test::BelowLowerLimit)));
    tests.extend(
        row.within_lower_limit
            .take()
            .map(|_| Some(Test::WithinLowerLimit)),
    );
    tests.extend(
        row.is
            .take()
            .map(|list| Some(Test::Is(list.into_iter().map(Finding::from).collect()))),
    );
    if tests.is_empty() {
        return Some(None);
    }
    let coded = desk.scope.vocabulary.analyte(analyte).units.is_empty();
    match <[Option<Test>; 1]>::try_from(tests) {
        Ok([test]) => {
            if test
                .as_ref()
                .is_some_and(|test| coded != matches!(test, Test::Is(_)))
            {
                desk.page.refuse(
                    name.span(),
                    format!(
                        "'{}' tests a coded result as a number, or a number as a coded result",
                        name.get_ref()
                    ),
                );
            }
            test.map(Some)
        }
        Err(_) => {
            desk.page.refuse(
                name.span(),
                format!("'{}' needs exactly one test", name.get_ref()),
            );
            None
        }
    }
}

/// Forms about other drugs. The outer `None`: another form.
fn about_drugs(desk: &Desk, row: &mut SignalRow) -> Option<Option<Form>> {
    let set = |words: &[Word]| desk.drug_set(words);
    Some(Some(if let Some(words) = row.also_stops.take() {
        Form::AlsoStops(set(&words))
    } else if let Some(words) = row.continues.take() {
        Form::Continues(set(&words))
    } else if let Some(starts) = row.starts.take() {
        Form::Starts {
            set: set(&starts.set),
            before: starts.before.0,
            after: starts.after.0,
        }
    } else if let Some(words) = row.stopped_for_harm.take() {
        Form::StoppedForHarm(set(&words))
    } else if let Some(taken) = row.taken_within.take() {
        Form::TakenWithin {
            set: set(&taken.set),
            days: taken.days,
        }
    } else if let Some(exposure) = row.exposure.take() {
        return Some(exposed(desk, &exposure));
    } else if let Some(allergy) = row.allergy.take() {
        Form::Allergy {
            set: set(&allergy.set),
            severe: allergy.severe,
            after_start: allergy.after_start,
        }
    } else {
        let replacement = row.replacement.take()?;
        return Some(replaced(desk, &replacement));
    }))
}

fn exposed(desk: &Desk, row: &written::Exposure) -> Option<Form> {
    let daily = milligrams(desk, &row.daily)?;
    if row.days.0 == 0 || row.days.0 > row.within.0 {
        desk.page
            .refuse(row.daily.span(), "'for' is at least a day and at most 'within'");
    }
    Some(Form::Exposure {
        daily,
        days: row.days.0,
        within: row.within.0,
    })
}

fn replaced(desk: &Desk, row: &written::Replacement) -> Option<Form> {
    let text = row.ratio.get_ref().as_str();
    let number = |after: &str| {
        text.strip_prefix(after)
            .and_then(|number| number.trim().parse().ok())
    };
    let ratio = match text {
        "any" => Some(Ratio::Any),
        "inside" => Some(Ratio::Inside),
        "outside" => Some(Ratio::Outside),
        "unknown" => Some(Ratio::Unknown),
        "unreadable" => Some(Ratio::Unreadable),
        _ => number("below ")
            .map(Ratio::Below)
            .or_else(|| number("above ").map(Ratio::Above)),
    };
    if ratio.is_none() {
        desk.page
            .refuse(row.ratio.span(), format!("'{text}' is not a test on a ratio"));
    }
    Some(Form::Replacement {
        formulation: match row.formulation {
            written::FormulationMatch::Same => model::FormulationMatch::Same,
            written::FormulationMatch::Other => model::FormulationMatch::Other,
            written::FormulationMatch::Either => model::FormulationMatch::Either,
        },
        ratio: ratio?,
        which: match row.which {
            written::Which::Any => model::Which::Any,
            written::Which::New => model::Which::New,
            written::Which::Old => model::Which::Old,
            written::Which::Several => model::Which::Several,
            written::Which::WrittenTaper => model::Which::WrittenTaper,
        },
    })
}

/// Forms about the patient and the stop.
fn about_patient(desk: &Desk, row: &mut SignalRow) -> Option<Form> {
    Some(if let Some(words) = row.condition.take() {
        Form::Condition {
            groups: desk.groups(&words),
            recent: row.recent.take().map(|days| days.0),
            history: row.history.take().is_some(),
            since_stop: row.since_stop.take().is_some(),
        }
    } else if let Some(words) = row.procedure.take() {
        Form::Procedure {
            groups: desk.groups(&words),
            within: row.within.take().map(|days| days.0),
        }
    } else if let Some(age) = row.age.take() {
        Form::Age {
            at_least: age.at_least,
            below: age.below,
        }
    } else if let Some(days) = row.supply_ended.take() {
        Form::SupplyEnded(days.0)
    } else if row.said_not_taken.take().is_some() {
        Form::SaidNotTaken
    } else if let Some(months) = row.since_start.take() {
        Form::SinceStart {
            at_least: months.at_least,
            below: months.below,
        }
    } else if let Some(sex) = row.sex.take() {
        Form::Sex(match sex {
            written::Sex::Female => Sex::Female,
            written::Sex::Male => Sex::Male,
        })
    } else if row.deceased.take().is_some() {
        Form::Deceased
    } else if let Some(reason) = row.stop_reason.take() {
        let lower = |list: Vec<String>| list.iter().map(|word| word.to_lowercase().into()).collect();
        Form::StopReason {
            codes: reason.codes.iter().map(|code| code.as_str().into()).collect(),
            words: lower(reason.words),
            own: reason.itself,
        }
    } else if row.local_use.take().is_some() {
        Form::LocalUse
    } else if row.restart_date.take().is_some() {
        Form::RestartDate
    } else {
        Form::Hold {
            restart: row.hold.take()? == written::Hold::WithDate,
        }
    })
}
