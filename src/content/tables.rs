//! The tables of a withdrawal that come before its indications: drug, gates, right to stop, approval.

use super::drugs::FormulationKeys;
use super::expressions::expr;
use super::names::Desk;
use super::page::{Page, Word};
use super::schema::tables::{
    self as written, ApprovalFile, DrugFile, GateRow, Gates, LineRow, RightToStop, RightfulRow,
};
use super::schema::{Certainty, Indicator, Logic};
use super::texts::{Texts, template};
use crate::clinical::knowledge::{
    self as model, Approval, Conversion, Gate, Line, Monitor, Partial, Rightful, Statement, Then, Topic,
};
use rustc_hash::FxHashMap as HashMap;
use toml::Spanned;

/// Finds a row whose name or condition an earlier row of the table has already.
#[derive(Default)]
pub(super) struct Earlier {
    names: HashMap<String, ()>,
    conditions: HashMap<String, String>,
}

impl Earlier {
    /// Refuses the row if it repeats a name, or can never be reached.
    pub(super) fn check(&mut self, page: &Page, row: &Word, when: &Spanned<Logic>) {
        self.check_for(page, row, when, &[""]);
    }

    /// As [`Earlier::check`], for a row that is only asked for some: it can be reached for one of them if no
    /// earlier row of the same condition is asked for that one.
    pub(super) fn check_for(&mut self, page: &Page, row: &Word, when: &Spanned<Logic>, whom: &[&str]) {
        let name = row.get_ref();
        if self.names.insert(name.clone(), ()).is_some() {
            page.refuse(row.span(), format!("the row '{name}' is listed twice"));
        }
        if name.is_empty() || name.contains('/') {
            page.refuse(row.span(), format!("'{name}' is not a name for a row"));
        }
        let shape = when.get_ref().shape();
        let before: Vec<Option<String>> = whom
            .iter()
            .map(|one| self.conditions.insert(format!("{one} {shape}"), name.clone()))
            .collect();
        if let Some(Some(before)) = before.iter().min() {
            page.refuse(
                when.span(),
                format!("the row '{name}' is never reached: '{before}' has the same condition"),
            );
        }
    }
}

/// What a row says.
pub(super) fn statement(
    desk: &Desk,
    texts: &Texts,
    (indicator, evidence): (Indicator, Certainty),
    text: &Word,
    sources: &Spanned<Vec<Word>>,
) -> Option<Statement> {
    let sources = desk.sources(sources);
    let text = texts.text(desk, text)?;
    Some(Statement {
        indicator: indicator.into(),
        evidence: evidence.into(),
        text,
        sources,
    })
}

/// A warning names at least two courses that are reasonable now.
pub(super) fn check_courses(desk: &Desk, text: &Word, statement: Option<&Statement>) {
    let too_few =
        |said: &Statement| said.indicator >= model::Indicator::Warning && said.text.courses.len() < 2;
    if statement.is_some_and(too_few) {
        let key = text.get_ref();
        desk.page.refuse(
            text.span(),
            format!("the text '{key}' of a warning needs at least two courses"),
        );
    }
}

/// Conversions between formulations.
pub(super) fn conversions(desk: &Desk, file: &DrugFile, keys: &FormulationKeys) -> Vec<Conversion> {
    let formulation = |word: &Word| {
        let found = keys.get(word.get_ref()).copied();
        if found.is_none() {
            desk.page.refuse(
                word.span(),
                format!("there is no formulation '{}'", word.get_ref()),
            );
        }
        found
    };
    let conversion = |row: &written::ConversionRow| {
        let (low, high) = (row.low.get_ref().0, row.high.0);
        if low > high || low.is_sign_negative() {
            desk.page.refuse(row.low.span(), "the range does not ascend");
        }
        desk.source(&row.source);
        let (from, to) = (formulation(&row.from), formulation(&row.to));
        Some(Conversion {
            from: from?,
            to: to?,
            country: row.country.map(Into::into),
            low,
            high,
        })
    };
    let read: Vec<Option<Conversion>> = file.conversion.iter().map(conversion).collect();
    for (row, own) in file.conversion.iter().zip(&read) {
        let Some(own) = own.as_ref().filter(|own| own.country.is_some()) else {
            continue;
        };
        let any = |c: &&Conversion| (c.from, c.to, c.country) == (own.from, own.to, None);
        let within = |c: &Conversion| c.low <= own.low && own.high <= c.high;
        if !read.iter().flatten().find(any).is_some_and(within) {
            let says =
                "a country needs a range inside the one that is given for the same pair without a country";
            desk.page.refuse(row.low.span(), says);
        }
    }
    read.into_iter().flatten().collect()
}

/// Reads `gates.toml`.
pub(super) fn gates(desk: &Desk, texts: &Texts) -> Vec<Gate> {
    let Some(file) = desk.page.toml::<Gates>() else {
        return Vec::new();
    };
    let mut earlier = Earlier::default();
    let mut gates = Vec::new();
    for row in &file.gate {
        earlier.check(&desk.page, &row.row, &row.when);
        let (when, then) = (expr(desk, &row.when), then(desk, texts, row));
        let unsure = unsure(desk, texts, row);
        if let (Some(when), Some(then)) = (when, then) {
            gates.push(Gate {
                row: name(&row.row),
                when,
                then,
                right_first: row.right_first,
                unsure,
            });
        }
    }
    gates
}

/// What a card says where its row cannot be excluded.
fn unsure(desk: &Desk, texts: &Texts, row: &GateRow) -> Option<(Topic, Statement)> {
    let text = row.unsure.as_ref()?;
    let (Some(topic), Some(indicator), Some(evidence), Some(sources)) =
        (row.topic, row.indicator, row.evidence, &row.sources)
    else {
        desk.page
            .refuse(text.span(), "'unsure' stands beside 'topic' and 'indicator'");
        return None;
    };
    let statement = statement(desk, texts, (indicator, evidence), text, sources)?;
    Some((topic.into(), statement))
}

fn then(desk: &Desk, texts: &Texts, row: &GateRow) -> Option<Then> {
    let said = match (&row.text, row.evidence, &row.sources) {
        (Some(text), Some(evidence), Some(sources)) => Some((text, evidence, sources)),
        _ => None,
    };
    let no_words = row.text.is_none() && row.evidence.is_none() && row.sources.is_none();
    match (&row.silent, row.topic, row.indicator, row.warn, said) {
        (Some(why), None, None, None, None) if no_words => Some(Then::Silent(name(why))),
        (None, Some(topic), Some(indicator), None, Some((text, evidence, sources))) => {
            let statement = statement(desk, texts, (indicator, evidence), text, sources)?;
            Some(Then::Card(topic.into(), statement))
        }
        (None, None, None, Some(indicator), Some((text, evidence, sources))) => {
            let statement = statement(desk, texts, (indicator, evidence), text, sources);
            check_courses(desk, text, statement.as_ref());
            statement.map(Then::Warn)
        }
        _ => {
            let says = "a gate has 'silent'; or 'topic' and 'indicator', or 'warn', each with text, evidence and sources";
            desk.page.refuse(row.row.span(), says);
            None
        }
    }
}

impl From<written::Topic> for Topic {
    fn from(word: written::Topic) -> Self {
        match word {
            written::Topic::AbruptWithdrawal => Topic::AbruptWithdrawal,
            written::Topic::StopMayBeRight => Topic::StopMayBeRight,
            written::Topic::Rebound => Topic::Rebound,
            written::Topic::HoldAndRestart => Topic::HoldAndRestart,
            written::Topic::ConversionCheck => Topic::ConversionCheck,
            written::Topic::Taper => Topic::Taper,
            written::Topic::AlternativeAgents => Topic::AlternativeAgents,
            written::Topic::Monitoring => Topic::Monitoring,
        }
    }
}

/// Reads `right-to-stop.toml`.
pub(super) fn rightful(desk: &Desk, texts: &Texts) -> (Vec<Rightful>, Vec<Line>) {
    let Some(file) = desk.page.toml::<RightToStop>() else {
        return (Vec::new(), Vec::new());
    };
    let lines = file.line.iter().filter_map(|row| line(desk, row)).collect();
    let mut earlier = Earlier::default();
    let mut rows = Vec::new();
    for row in &file.row {
        earlier.check(&desk.page, &row.row, &row.when);
        rows.extend(rightful_row(desk, texts, row));
    }
    (rows, lines)
}

fn line(desk: &Desk, row: &LineRow) -> Option<Line> {
    let when = expr(desk, &row.when);
    let sources = row.sources.get_ref().iter().filter_map(|word| desk.source(word));
    Some(Line {
        says: name(&row.says),
        sources: sources.collect(),
        when: when?,
    })
}

fn rightful_row(desk: &Desk, texts: &Texts, row: &RightfulRow) -> Option<Rightful> {
    let indicator = *row.indicator.get_ref();
    if indicator == Indicator::Critical {
        desk.page
            .refuse(row.indicator.span(), "a reason to stop is never critical");
    }
    if !row.excludes.is_empty() && row.because.is_empty() {
        desk.page.refuse(row.row.span(), "'excludes' needs 'because'");
    }
    let when = expr(desk, &row.when);
    let statement = statement(desk, texts, (indicator, row.evidence), &row.text, &row.sources);
    let partial = row.partial.as_ref().map(|partial| self::partial(desk, partial));
    let monitoring = monitors(desk, &row.monitor);
    let excludes = desk.drug_set(&row.excludes);
    Some(Rightful {
        row: name(&row.row),
        when: when?,
        partial: match partial {
            None => None,
            Some(partial) => Some(partial?),
        },
        statement: statement?,
        excludes,
        because: row.because.as_str().into(),
        alternatives: row.alternatives.unwrap_or(true),
        monitoring,
    })
}

fn partial(desk: &Desk, row: &written::PartialRow) -> Option<Partial> {
    let (certain, open) = (expr(desk, &row.certain), expr(desk, &row.open));
    let opens = template(&desk.page, desk.scope.vocabulary, &row.opens);
    let (tests, sources) = (desk.analytes(&row.tests), desk.sources(&row.sources));
    Some(Partial {
        certain: certain?,
        open: open?,
        cap: row.cap.into(),
        opens: opens?,
        tests,
        sources,
    })
}

/// Tests to repeat.
pub(super) fn monitors(desk: &Desk, rows: &[written::MonitorRow]) -> Vec<Monitor> {
    let monitor = |row: &written::MonitorRow| {
        Some(Monitor {
            analyte: desk.analyte(&row.need)?,
            first: row.first.0,
            says: name(&row.says),
        })
    };
    rows.iter().filter_map(monitor).collect()
}

/// Reads `approval.toml`.
pub(super) fn approval(page: &Page) -> Option<Approval> {
    let file: ApprovalFile = page.toml()?;
    if file.next_review.get_ref().parse::<jiff::civil::Date>().is_err() {
        page.refuse(file.next_review.span(), "next-review is a date (2027-05-01)");
    }
    Some(Approval {
        reviewers: file
            .reviewers
            .iter()
            .map(|reviewer| reviewer.as_str().into())
            .collect(),
        next_review: name(&file.next_review),
    })
}

/// A word as the model holds it.
pub(super) fn name(word: &Word) -> Box<str> {
    word.get_ref().as_str().into()
}
