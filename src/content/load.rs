//! The whole folder, to [`Knowledge`], or to the list of everything that is wrong with it.
//!
//! Order matters only between names and their use: codes and drugs first, then sources and the names of
//! signals, then what speaks of them. A folder with any problem is refused as a whole.

use super::agents;
use super::codes::Systems;
use super::drugs::{DrugKeys, Drugs};
use super::files::Files;
use super::names::{Desk, Listed, Scope};
use super::needs;
use super::page::{Page, Problem, Problems};
use super::repeats;
use super::schema::{
    AttributeFrom, Content, OverrideReasons, Services, SourceAttributeRow, SourceAttributes,
};
use super::terms::{self, TermKeys};
use super::texts;
use super::withdrawal::{Folder, path};
use super::{signals, sources};
use crate::clinical::knowledge::{
    AttributeValue, Citation, Coding, Knowledge, Service, Signal, SourceAttribute, Withdrawal,
};
use crate::clinical::occasion::Occasion;
use crate::clinical::vocabulary::Vocabulary;
use std::path::Path;

/// Loads the folder that is built into the binary.
///
/// # Errors
/// All problems of the folder.
pub fn embedded() -> Result<Knowledge, Vec<Problem>> {
    load(&Files::embedded_tables())
}

/// Loads a directory, or without one the folder that is built into the binary.
///
/// # Errors
/// All problems of the folder; that it cannot be read is one.
pub fn from(directory: Option<&Path>) -> Result<Knowledge, Vec<Problem>> {
    match directory {
        Some(_) => load(&files(directory)?),
        None => embedded(),
    }
}

/// As [`from`], with the files that were loaded.
///
/// # Errors
/// As [`from`].
pub fn open(directory: Option<&Path>) -> Result<(Files, Knowledge), Vec<Problem>> {
    let files = files(directory)?;
    let knowledge = load(&files)?;
    Ok((files, knowledge))
}

/// The files of a directory, or without one those that are built in.
pub(super) fn files(directory: Option<&Path>) -> Result<Files, Vec<Problem>> {
    let Some(directory) = directory else {
        return Ok(Files::embedded());
    };
    Files::read(directory).map_err(|error| {
        vec![Problem {
            file: directory.display().to_string(),
            line: None,
            says: error.to_string(),
        }]
    })
}

/// Loads a folder.
///
/// # Errors
/// All problems of the folder, by file and line.
pub fn load(files: &Files) -> Result<Knowledge, Vec<Problem>> {
    let problems = Problems::default();
    let knowledge = assemble(files, &problems);
    let sound = problems.is_empty();
    match knowledge {
        Some(knowledge) if sound => Ok(knowledge),
        _ => {
            if sound {
                problems.add(files.root().to_owned(), None, "could not be loaded".to_owned());
            }
            Err(problems.into_list())
        }
    }
}

fn assemble(files: &Files, problems: &Problems) -> Option<Knowledge> {
    refuse_strangers(files, problems);
    let systems = Systems::read(&Page::required(files, "terms/systems.toml", problems)?)?;
    let mut vocabulary = Vocabulary::default();
    let mut drugs = Drugs::default();
    if let Some(page) = Page::required(files, "terms/ingredients.toml", problems) {
        drugs.read_ingredients(&page, &systems);
    }
    if let Some(page) = Page::required(files, "terms/drugs.csv", problems) {
        drugs.read_drugs(&page, &systems);
    }
    let folders = Folder::read_all(files, problems, &systems, &mut drugs);
    let drug_keys = drugs.finish(&mut vocabulary);
    let term_keys = terms::read(files, problems, &systems, &mut vocabulary);
    systems.into_vocabulary(&mut vocabulary);
    vocabulary.prepare();
    let mut terms = Terms {
        vocabulary,
        term_keys,
        drug_keys,
    };

    let mut citations = Vec::new();
    let (lists, rows) = Lists::read(files, problems, &terms, &folders, &mut citations);
    let signals = lists.signals(rows, &terms, problems);
    let agents = agents::read(files, problems, lists.scope(&terms, None));
    let mut withdrawals = folders
        .iter()
        .zip(&lists.own)
        .filter_map(|(folder, own)| {
            folder.withdrawal(files, problems, lists.scope(&terms, Some(own)), &agents)
        })
        .collect::<Vec<_>>();
    withdrawals.sort_by_key(|withdrawal| withdrawal.rank);
    refuse_rivals(files, problems, &withdrawals, &terms.vocabulary);

    let released = released(&Page::required(files, "content.toml", problems)?);
    let attributes = source_attributes(&Page::required(files, "source-attributes.toml", problems)?);
    let services = services(&Page::required(files, "services.toml", problems)?);
    let override_reasons = override_reasons(&Page::required(files, "override-reasons.toml", problems)?);
    let repeats = repeats::read(Desk {
        page: Page::required(files, "repeats.toml", problems)?,
        scope: lists.scope(&terms, None),
    });
    let words = texts::read_words(&Page::required(files, "texts/en.toml", problems)?);
    let (signals, words) = (signals?, words?);
    needs::mark_limits(&signals, &mut terms.vocabulary);
    let windows = needs::windows(&withdrawals, &agents.list, &signals);
    let analytes = Page::required(files, "terms/analytes.toml", problems)?;
    needs::refuse_unnamed(&analytes, &windows, &terms.vocabulary, &words);
    let needs = needs::derive(windows, &terms.vocabulary);
    let (version, released, chart_days) = released?;
    Some(Knowledge {
        version,
        released,
        chart_days,
        attributes: attributes?,
        vocabulary: terms.vocabulary,
        sources: citations,
        signals,
        agents: agents.list,
        withdrawals,
        services: services?,
        override_reasons: override_reasons?,
        repeats: repeats?,
        words,
        needs,
    })
}

/// The vocabulary with the names by which tables speak of it.
struct Terms {
    vocabulary: Vocabulary,
    term_keys: TermKeys,
    drug_keys: DrugKeys,
}

/// Names of signals and sources, of all and of each withdrawal.
struct Lists {
    shared: Listed,
    own: Vec<Listed>,
}

/// Rows of signals, with the withdrawal (by its place among the folders) that they belong to.
type SignalRows<'a> = Vec<(Option<usize>, signals::Rows<'a>)>;

impl Lists {
    fn read<'a>(
        files: &'a Files,
        problems: &'a Problems,
        terms: &Terms,
        folders: &[Folder],
        citations: &mut Vec<Citation>,
    ) -> (Self, SignalRows<'a>) {
        let aggregators = &terms.term_keys.aggregators;
        let mut lists = Lists {
            shared: Listed::default(),
            own: Vec::new(),
        };
        let (mut rows, mut next) = (Vec::new(), 0);
        if let Some(page) = Page::required(files, "sources.toml", problems) {
            sources::read(&page, aggregators, None, &mut lists.shared.sources, citations);
        }
        if let Some(page) = Page::required(files, "signals.toml", problems) {
            rows.extend(signals::read(page, &mut next, &mut lists.shared.signals).map(|rows| (None, rows)));
        }
        for (index, folder) in folders.iter().enumerate() {
            let mut own = Listed::default();
            if let Some(page) = Page::optional(files, &path(folder.key, "sources.toml"), problems) {
                sources::read(
                    &page,
                    aggregators,
                    Some(&lists.shared.sources),
                    &mut own.sources,
                    citations,
                );
            }
            let split = path(folder.key, "signals");
            let pages = Page::optional(files, &format!("{split}.toml"), problems).into_iter();
            let split = files.below(&split);
            for page in pages.chain(split.filter_map(|(path, _)| Page::required(files, path, problems))) {
                rows.extend(signals::read(page, &mut next, &mut own.signals).map(|rows| (Some(index), rows)));
            }
            lists.own.push(own);
        }
        (lists, rows)
    }

    fn scope<'a>(&'a self, terms: &'a Terms, own: Option<&'a Listed>) -> Scope<'a> {
        Scope {
            vocabulary: &terms.vocabulary,
            terms: &terms.term_keys,
            drugs: &terms.drug_keys,
            shared: &self.shared,
            own,
        }
    }

    fn signals(&self, rows: SignalRows, terms: &Terms, problems: &Problems) -> Option<Vec<Signal>> {
        let mut built = Vec::new();
        for (owner, rows) in rows {
            let scope = self.scope(terms, owner.and_then(|index| self.own.get(index)));
            rows.build(scope, &mut built);
        }
        signals::finish(built, problems)
    }
}

/// Tables whose name no part of the loader knows: a misspelt name must not switch a table off.
fn refuse_strangers(files: &Files, problems: &Problems) {
    for (path, _) in files.iter() {
        if !is_expected(&path.split('/').collect::<Vec<_>>()) {
            problems.add(
                format!("{}/{path}", files.root()),
                None,
                "no table has this name".to_owned(),
            );
        }
    }
}

fn is_expected(parts: &[&str]) -> bool {
    let toml = |name: &str| name.ends_with(".toml");
    match parts {
        ["content.toml" | "source-attributes.toml" | "sources.toml" | "signals.toml"] => true,
        ["services.toml" | "override-reasons.toml" | "repeats.toml"] => true,
        ["texts", "en.toml"] => true,
        [
            "terms",
            "systems.toml" | "ingredients.toml" | "analytes.toml" | "words.toml",
        ] => true,
        [
            "terms",
            "drugs.csv" | "labs.csv" | "groups.csv" | "findings.csv" | "routes.csv" | "timings.csv",
        ] => true,
        ["agents", name] => toml(name),
        ["withdrawals", _, "products.csv"] => true,
        [
            "withdrawals",
            _,
            "drug.toml" | "gates.toml" | "right-to-stop.toml" | "watch.toml" | "approval.toml",
        ] => true,
        ["withdrawals", _, "sources.toml" | "signals.toml"] => true,
        ["withdrawals", _, "texts", "en", name] | ["withdrawals", _, "signals", name] => toml(name),
        ["withdrawals", _, "indications", name] | ["withdrawals", _, "cases", _, name] => toml(name),
        _ => false,
    }
}

/// Two withdrawals of one family would compete for the same stop, two of one rank for the lead.
fn refuse_rivals(files: &Files, problems: &Problems, withdrawals: &[Withdrawal], vocabulary: &Vocabulary) {
    for (index, one) in withdrawals.iter().enumerate() {
        for other in &withdrawals[..index] {
            if one.rank == other.rank {
                let file = format!("{}/{}", files.root(), path(&one.key, "drug.toml"));
                problems.add(
                    file,
                    None,
                    format!("its rank is that of the withdrawal '{}'", other.key),
                );
            }
            if vocabulary.same_family(one.ingredient, other.ingredient) {
                let file = format!("{}/{}", files.root(), path(&one.key, "drug.toml"));
                problems.add(
                    file,
                    None,
                    format!("its ingredient is that of the withdrawal '{}'", other.key),
                );
            }
        }
    }
}

/// Longest course that may be drawn, in days.
const LONGEST_CHART: u32 = 3_650;

/// Version, date, and how far back charts reach in days.
fn released(page: &Page) -> Option<(Box<str>, Box<str>, u32)> {
    let content: Content = page.toml()?;
    if content.released.get_ref().parse::<jiff::civil::Date>().is_err() {
        page.refuse(content.released.span(), "released is a date (2026-11-22)");
    }
    let chart = content.chart_days;
    if let Some(days) = chart.as_ref().filter(|days| *days.get_ref() > LONGEST_CHART) {
        page.refuse(days.span(), "chart-days is at most 3650");
    }
    Some((
        content.version.into_inner().into(),
        content.released.into_inner().into(),
        chart.map_or(0, toml::Spanned::into_inner),
    ))
}

/// The attributes that the regulation names; each once.
const ATTRIBUTES: [&str; 13] = [
    "citation",
    "developer",
    "funding",
    "dates",
    "race",
    "ethnicity",
    "language",
    "sexual-orientation",
    "gender-identity",
    "sex",
    "date-of-birth",
    "social-determinants",
    "health-status",
];

fn source_attributes(page: &Page) -> Option<Vec<SourceAttribute>> {
    let rows = page.toml::<SourceAttributes>()?.attribute;
    for code in ATTRIBUTES {
        if rows.iter().filter(|row| row.code.get_ref() == code).count() != 1 {
            page.refuse_file(format!("the attribute '{code}' has to stand here once"));
        }
    }
    let attribute = |row: SourceAttributeRow| {
        let is = match (row.says, row.from) {
            (Some(says), None) => AttributeValue::Says(says.into()),
            (None, Some(AttributeFrom::Citations)) => AttributeValue::Citations,
            (None, Some(AttributeFrom::Dates)) => AttributeValue::Dates,
            (Some(_), Some(_)) | (None, None) => {
                page.refuse(row.code.span(), "an attribute has either 'says' or 'from'");
                return None;
            }
        };
        Some(SourceAttribute {
            code: row.code.into_inner().into(),
            name: row.name.into(),
            is,
        })
    };
    rows.into_iter().map(attribute).collect()
}

fn services(page: &Page) -> Option<Vec<Service>> {
    let rows = page.toml::<Services>()?.service;
    for (index, row) in rows.iter().enumerate() {
        if rows[..index]
            .iter()
            .any(|before| before.id.get_ref() == row.id.get_ref())
        {
            page.refuse(
                row.id.span(),
                format!("the service '{}' is listed twice", row.id.get_ref()),
            );
        }
        let hook = row.hook.get_ref();
        match (Occasion::of(hook).carries_ids_only(), row.stopped_within) {
            (true, None) => page.refuse(
                row.hook.span(),
                format!("{hook} names no order: stopped-within is needed"),
            ),
            (false, Some(_)) => page.refuse(
                row.hook.span(),
                format!("{hook} names its orders: stopped-within has no meaning"),
            ),
            (true, Some(_)) | (false, None) => {}
        }
    }
    let service = |row: super::schema::ServiceRow| Service {
        id: row.id.into_inner().into(),
        hook: row.hook.into_inner().into(),
        title: row.title.into(),
        description: row.description.into(),
        usage: row.usage.into(),
        stopped_within: row.stopped_within.map(|days| days.0),
        dated: false,
    };
    Some(rows.into_iter().map(service).collect())
}

fn override_reasons(page: &Page) -> Option<Vec<Coding>> {
    let rows = page.toml::<OverrideReasons>()?.reason;
    let coding = |row: super::schema::CodingRow| Coding {
        system: row.system.into_inner().into(),
        code: row.code.into_inner().into(),
        display: row.display.into(),
    };
    Some(rows.into_iter().map(coding).collect())
}
