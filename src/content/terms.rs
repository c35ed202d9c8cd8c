//! Analytes, groups, findings, routes and timings: the rest of the vocabulary.
//!
//! Turns `hooks/terms/` (drugs apart, see [`super::drugs`]) into maps from codes and phrases to meanings.

use super::codes::{Codes, Key, Named, Phrases, Systems, TEXT};
use super::page::{Page, Problems, Word};
use super::scalar;
use super::schema::terms as written;
use crate::clinical::vocabulary::{
    Analyte, AnalyteId, Factor, Finding, GroupId, LabCode, LevelTiming, LevelWords, Site, Told, Twin,
    Vocabulary,
};
use crate::clinical::wording::Denials;
use crate::content::files::Files;
use rust_decimal::Decimal;
use rustc_hash::FxHashMap as HashMap;

/// In place of a system in `groups.csv`: a phrase that also counts beside a known code.
const TEXT_BESIDE_CODES: &str = "text-beside-codes";

/// Names by which tables speak of analytes and groups, and the hosts that are no sources.
#[derive(Default)]
pub(super) struct TermKeys {
    /// Analyte by key.
    pub(super) analytes: HashMap<String, AnalyteId>,
    /// Group by name.
    pub(super) groups: HashMap<String, GroupId>,
    /// Parts of host names of aggregators, lower case.
    pub(super) aggregators: Vec<String>,
}

/// Reads `terms/`, drugs apart, into the vocabulary.
pub(super) fn read(
    files: &Files,
    problems: &Problems,
    systems: &Systems,
    vocabulary: &mut Vocabulary,
) -> TermKeys {
    let mut keys = TermKeys::default();
    let page = |path| Page::required(files, path, problems);
    if let Some(page) = page("terms/analytes.toml") {
        read_analytes(&page, systems, vocabulary, &mut keys);
    }
    if let Some(page) = page("terms/labs.csv") {
        vocabulary.lab_codes = read_labs(&page, systems, &keys);
    }
    if let Some(page) = page("terms/groups.csv") {
        read_groups(&page, systems, vocabulary, &mut keys);
    }
    if let Some(page) = page("terms/findings.csv") {
        read_findings(&page, systems, vocabulary);
    }
    if let Some(page) = page("terms/routes.csv") {
        read_routes(&page, systems, vocabulary);
    }
    if let Some(page) = page("terms/timings.csv") {
        read_timings(&page, systems, vocabulary);
    }
    if let Some(page) = page("terms/words.toml") {
        read_words(&page, vocabulary, &mut keys);
    }
    keys
}

fn read_analytes(page: &Page, systems: &Systems, vocabulary: &mut Vocabulary, keys: &mut TermKeys) {
    let Some(rows) = page.toml::<written::Analytes>() else {
        return;
    };
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by_key(|(key, _)| key.span().start);
    for (key, row) in &rows {
        let Ok(index) = u16::try_from(vocabulary.analytes.len()) else {
            return page.refuse(key.span(), "there are too many analytes");
        };
        keys.analytes.insert(key.get_ref().clone(), AnalyteId(index));
        vocabulary.analytes.push(analyte(page, systems, key, row));
    }
    let rows = rows.iter().map(|(_, row)| row.twin.as_ref());
    for (analyte, twin) in vocabulary.analytes.iter_mut().zip(rows) {
        analyte.twin = twin.and_then(|twin| read_twin(page, twin, keys));
    }
}

fn read_twin(page: &Page, row: &written::TwinRow, keys: &TermKeys) -> Option<Twin> {
    let found = keys.analytes.get(row.analyte.get_ref()).copied();
    if found.is_none() {
        page.refuse(
            row.analyte.span(),
            format!("there is no analyte '{}'", row.analyte.get_ref()),
        );
    }
    Some(Twin {
        analyte: found?,
        apart: row.apart.0,
        times: row.times.0,
        side: row.side.0,
    })
}

fn analyte(page: &Page, systems: &Systems, key: &Word, row: &written::AnalyteRow) -> Analyte {
    let unit = row.unit.as_ref().map_or("", |unit| unit.get_ref());
    if row.coded && (row.unit.is_some() || !row.units.is_empty()) {
        page.refuse(key.span(), "a coded result has no unit");
    }
    if !row.coded && row.unit.is_none() {
        page.refuse(key.span(), "has no unit and is not coded");
    }
    let mut units: HashMap<Box<str>, Factor> = HashMap::default();
    for (name, text) in &row.units {
        match scalar::factor(text.get_ref()) {
            Some(factor) => {
                units.insert(name.as_str().into(), factor);
            }
            None => page.refuse(
                text.span(),
                format!("'{}' is not a factor (A, / B, A / B)", text.get_ref()),
            ),
        }
    }
    if !row.coded {
        let itself = Factor {
            multiply: Decimal::ONE,
            divide: Decimal::ONE,
        };
        if units
            .insert(unit.into(), itself)
            .is_some_and(|before| before.multiply != before.divide)
        {
            page.refuse(key.span(), format!("the factor of its own unit '{unit}' is 1"));
        }
    }
    let plausible = row.plausible.as_ref().and_then(|text| {
        let range = scalar::range(text.get_ref());
        if range.is_none() {
            page.refuse(
                text.span(),
                format!("'{}' is not a range (0 to 100)", text.get_ref()),
            );
        }
        range
    });
    let order = row.order.as_ref().map(|order| {
        if systems.key(order.system.get_ref()).is_none() {
            page.refuse(
                order.system.span(),
                format!("the system '{}' is not in systems.toml", order.system.get_ref()),
            );
        }
        (
            order.system.get_ref().as_str().into(),
            order.code.get_ref().as_str().into(),
            order.display.as_str().into(),
        )
    });
    Analyte {
        key: key.get_ref().as_str().into(),
        need: row.need.as_ref().unwrap_or(key).get_ref().as_str().into(),
        name: row.name.get_ref().as_str().into(),
        unit: unit.into(),
        units,
        plausible,
        screen: row.screen,
        timed: row.timed,
        doses: row.doses,
        limits: false,
        order,
        twin: None,
    }
}

fn read_labs(page: &Page, systems: &Systems, keys: &TermKeys) -> HashMap<Key, LabCode> {
    let mut codes = Codes::default();
    for (line, row) in page.rows::<written::LabRow>() {
        let Some(&analyte) = keys.analytes.get(&row.analyte) else {
            page.refuse_line(
                line,
                format!("the analyte '{}' is not in analytes.toml", row.analyte),
            );
            continue;
        };
        let timing = match row.timing {
            Some(written::Timing::Trough) => LevelTiming::Trough,
            Some(written::Timing::NotTrough) => LevelTiming::NotTrough,
            None => LevelTiming::Unstated,
        };
        let meaning = LabCode {
            analyte,
            timing,
            assay: row.assay.as_str().into(),
        };
        match systems.code(&row.system, &row.code) {
            Ok(key) => codes.add(page, line, key, meaning),
            Err(says) => page.refuse_line(line, says),
        }
    }
    codes.into_map()
}

fn read_groups(page: &Page, systems: &Systems, vocabulary: &mut Vocabulary, keys: &mut TermKeys) {
    let mut phrases = Phrases::default();
    let mut beside_codes = Phrases::default();
    for (line, row) in page.rows::<written::GroupRow>() {
        let Some(group) = group_id(page, line, &row.group, vocabulary, keys) else {
            continue;
        };
        let beside = row.system == TEXT_BESIDE_CODES;
        let system = if beside { TEXT } else { &row.system };
        match systems.named(page, line, [system, &row.code, &row.display]) {
            Some(Named::Phrase(phrase)) => {
                if beside {
                    beside_codes.add(page, line, phrase.clone(), group);
                }
                phrases.add(page, line, phrase, group);
            }
            Some(Named::Code((system, code))) => match category_range(&code) {
                Some((from, to)) if systems.has_categories(system) => {
                    if from > to {
                        page.refuse_line(line, format!("the range '{code}' does not ascend"));
                    }
                    vocabulary
                        .group_ranges
                        .push((system, from.into(), to.into(), group));
                }
                _ => {
                    let groups = vocabulary.group_codes.entry((system, code)).or_default();
                    if !groups.contains(&group) {
                        groups.push(group);
                    }
                }
            },
            None => {}
        }
    }
    vocabulary.group_names = phrases.into_longest_first().into();
    vocabulary.group_names_beside_codes = beside_codes.into_longest_first().into();
}

fn group_id(
    page: &Page,
    line: usize,
    name: &str,
    vocabulary: &mut Vocabulary,
    keys: &mut TermKeys,
) -> Option<GroupId> {
    if name.is_empty() {
        page.refuse_line(line, "the group has no name");
        return None;
    }
    if let Some(&id) = keys.groups.get(name) {
        return Some(id);
    }
    let Ok(index) = u16::try_from(vocabulary.groups.len()) else {
        page.refuse_line(line, "there are too many groups");
        return None;
    };
    vocabulary.groups.push(name.into());
    keys.groups.insert(name.to_owned(), GroupId(index));
    Some(GroupId(index))
}

/// `C00-C96` as its two categories.
fn category_range(code: &str) -> Option<(&str, &str)> {
    let (from, to) = code.split_once('-')?;
    let category = |text: &str| {
        text.len() == 3
            && text.starts_with(|letter: char| letter.is_ascii_uppercase())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    (category(from) && category(to)).then_some((from, to))
}

fn read_findings(page: &Page, systems: &Systems, vocabulary: &mut Vocabulary) {
    let (mut codes, mut words) = (Codes::default(), Phrases::default());
    for (line, row) in page.rows::<written::FindingRow>() {
        let finding = Finding::from(row.finding);
        match systems.named(page, line, [&row.system, &row.code, &row.display]) {
            Some(Named::Code(key)) => codes.add(page, line, key, finding),
            Some(Named::Phrase(phrase)) => words.add(page, line, phrase, finding),
            None => {}
        }
    }
    vocabulary.finding_codes = codes.into_map();
    vocabulary.finding_words = words.into_map();
}

fn read_routes(page: &Page, systems: &Systems, vocabulary: &mut Vocabulary) {
    let (mut codes, mut words) = (Codes::default(), Phrases::default());
    for (line, row) in page.rows::<written::RouteRow>() {
        let site = Site::from(row.site);
        match systems.named(page, line, [&row.system, &row.code, &row.display]) {
            Some(Named::Code(key)) => codes.add(page, line, key, site),
            Some(Named::Phrase(phrase)) => words.add(page, line, phrase, site),
            None => {}
        }
    }
    vocabulary.route_codes = codes.into_map();
    vocabulary.site_words = words.into_longest_first().into();
}

fn read_timings(page: &Page, systems: &Systems, vocabulary: &mut Vocabulary) {
    let (mut codes, mut words) = (Codes::default(), Phrases::default());
    for (line, row) in page.rows::<written::TimingRow>() {
        let per_day = row.per_day.0;
        if per_day <= Decimal::ZERO {
            page.refuse_line(line, "doses per day are above zero");
        }
        match systems.named(page, line, [&row.system, &row.code, &row.display]) {
            Some(Named::Code(key)) => codes.add(page, line, key, per_day),
            Some(Named::Phrase(phrase)) => words.add(page, line, phrase, per_day),
            None => {}
        }
    }
    vocabulary.timing_codes = codes.into_map();
    vocabulary.timing_words = words.into_longest_first();
}

fn read_words(page: &Page, vocabulary: &mut Vocabulary, keys: &mut TermKeys) {
    let Some(words) = page.toml::<written::Words>() else {
        return;
    };
    let lower = |list: &[Word]| -> Vec<Box<str>> {
        list.iter()
            .map(|word| word.get_ref().to_lowercase().into())
            .collect()
    };
    let boxed = |list: &[String]| list.iter().map(|code| code.as_str().into()).collect();
    vocabulary.unit_words = lower(&words.units);
    let [restart, until] = [(&words.restart, true), (&words.until, false)]
        .map(|(list, deniable)| lower(list).into_iter().map(move |word| (word, deniable)));
    vocabulary.restart_words = restart.chain(until).collect::<Vec<_>>().into();
    vocabulary.level_words = LevelWords {
        trough: lower(&words.level.trough),
        peak: lower(&words.level.peak),
        dose: lower(&words.level.dose),
        drawn: lower(&words.level.drawn),
        after: lower(&words.level.after),
        general: lower(&words.level.general),
    };
    vocabulary.level_names = vocabulary.level_words.of_names();
    vocabulary.severe_reactions = Told {
        codes: boxed(&words.severe_reaction.codes),
        words: lower(&words.severe_reaction.words),
    };
    vocabulary.denials = Denials {
        before: lower(&words.denial.before),
        others: lower(&words.denial.others),
        behind: lower(&words.denial.behind),
        between: lower(&words.denial.between),
        alone: lower(&words.denial.alone),
        ends: lower(&words.denial.ends),
        lists: lower(&words.denial.lists),
        heads: lower(&words.denial.heads),
    };
    vocabulary.harm_codes = boxed(&words.harm);
    vocabulary.harm_words = lower(&words.harm_words);
    if words.aggregators.get_ref().is_empty() {
        page.refuse(words.aggregators.span(), "the list of aggregators is empty");
    }
    keys.aggregators = words
        .aggregators
        .into_inner()
        .iter()
        .map(|part| part.to_lowercase())
        .collect();
}
