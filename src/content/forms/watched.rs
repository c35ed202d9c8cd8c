//! The form `watch`: the latest result since a stop, beside its baseline.

use super::{Desk, SignalRow, Word, one_test, shifts};
use crate::clinical::knowledge::{Form, Test, Watched};
use crate::clinical::vocabulary::AnalyteId;
use crate::content::schema::signals::Baseline;

/// The form; `None` where a problem was recorded.
pub(super) fn form(desk: &Desk, name: &Word, word: &Word, row: &mut SignalRow) -> Option<Form> {
    let analyte = desk.analyte(word)?;
    let refuse = |says: &str| {
        desk.page
            .refuse(name.span(), format!("'{}' {says}", name.get_ref()))
    };
    let test = one_test(desk, name, analyte, row)?;
    let mut shifts = shifts(desk, analyte, row)?;
    if shifts.len() > 1 {
        refuse("has more than one of rise, rise-above, fall, times");
        return None;
    }
    let by = shifts.pop();
    let written = row.baseline.take();
    let baseline = match &written {
        Some(written) => tests(desk, analyte, written)?,
        None => Vec::new(),
    };
    let (none, or_none) = written.map_or((false, false), |written| (written.none, written.or_none));
    if none && (or_none || by.is_some() || !baseline.is_empty()) {
        refuse("asks something of a baseline that must not be there");
    }
    let new = row.new.take().is_some();
    if test.is_none() && by.is_none() {
        refuse("needs a test, or one of rise, rise-above, fall, times");
    }
    if new && test.is_none() {
        refuse("is 'new' without a test");
    }
    let (results, apart) = (row.results.take(), row.apart.take());
    if results.is_some() != apart.is_some() || results == Some(1) {
        refuse("needs 'results' of two or more with 'apart', or neither");
    }
    Some(Form::Watched(Watched {
        analyte,
        test,
        by,
        baseline,
        or_none,
        none,
        new,
        results: results.unwrap_or(1),
        apart: apart.map_or(0, |days| days.0),
        from: row.from.take().map_or(0, |days| days.0),
        until: row.until.take().map(|days| days.0),
    }))
}

fn tests(desk: &Desk, analyte: AnalyteId, written: &Baseline) -> Option<Vec<Test>> {
    let amount = |word: &Word| desk.quantity(analyte, word.get_ref(), word.span());
    let mut tests = Vec::new();
    tests.extend(
        written
            .at_least
            .as_ref()
            .map(|word| amount(word).map(Test::AtLeast)),
    );
    tests.extend(written.above.as_ref().map(|word| amount(word).map(Test::Above)));
    tests.extend(
        written
            .at_most
            .as_ref()
            .map(|word| amount(word).map(Test::AtMost)),
    );
    tests.extend(written.below.as_ref().map(|word| amount(word).map(Test::Below)));
    tests.into_iter().collect()
}
