//! `agents/*.toml`, to the list of agents.

use super::expressions::{expr, optional, row_expr};
use super::names::{Desk, Scope};
use super::page::{Page, Problems, Word};
use super::schema::agents::{AgentFile, ExcludeRow, RequireRow};
use crate::clinical::knowledge::{Agent, AgentId, Coding, Exclusion, Note, Requirement};
use crate::clinical::record::SOURCES;
use crate::content::files::Files;
use rustc_hash::FxHashMap as HashMap;

/// Names of gaps in the contract that are neither an analyte nor a source.
const GAPS: [&str; 24] = [
    "hepatitis-b",
    "hepatitis-c",
    "hiv",
    "tuberculosis",
    "pregnancy-test",
    "pregnancy",
    "contraception",
    "tpmt",
    "nudt15",
    "urine-sediment",
    "birth-date",
    "age",
    "sex",
    "drug",
    "dose",
    "formulation",
    "route",
    "stop-date",
    "restart-date",
    "stop-reason",
    "therapy-start",
    "indication",
    "transplant",
    "co-medication",
];

/// Agents with their keys.
#[derive(Default)]
pub(super) struct Agents {
    /// In the order of the files.
    pub(super) list: Vec<Agent>,
    /// By key.
    pub(super) keys: HashMap<String, AgentId>,
}

/// Reads the folder; an agent with a problem is missing from the list, but its key is known.
pub(super) fn read(files: &Files, problems: &Problems, scope: Scope) -> Agents {
    let mut agents = Agents::default();
    for (index, (path, _)) in (0u16..).zip(files.below("agents")) {
        let Some(page) = Page::optional(files, path, problems) else {
            continue;
        };
        let key = path.trim_start_matches("agents/").trim_end_matches(".toml");
        agents.keys.insert(key.to_owned(), AgentId(index));
        let desk = Desk { page, scope };
        agents
            .list
            .extend(page.toml().and_then(|file| agent(&desk, key, file)));
    }
    agents
}

fn agent(desk: &Desk, key: &str, file: AgentFile) -> Option<Agent> {
    if file.exclude.is_empty() {
        desk.page.refuse_file("an agent has at least one exclusion");
    }
    let excludes: Option<Vec<_>> = file.exclude.iter().map(|row| exclusion(desk, row)).collect();
    let requires: Option<Vec<_>> = file.require.iter().map(|row| requirement(desk, row)).collect();
    let notes: Option<Vec<_>> = file
        .note
        .iter()
        .map(|row| {
            Some(Note {
                when: row_expr(desk, &row.when)?,
                says: text(&row.says),
            })
        })
        .collect();
    let sources = desk.sources(&file.sources);
    let ingredient = file.ingredient.as_ref().and_then(|word| desk.ingredient(word));
    let code = match (ingredient, &file.code) {
        (Some(id), None) => {
            let known = desk.scope.vocabulary.ingredient(id);
            Coding {
                system: known.system.clone(),
                code: known.code.clone(),
                display: known.name.clone(),
            }
        }
        (None, Some(code)) if file.ingredient.is_none() => {
            if desk.scope.vocabulary.system(code.system.get_ref()).is_none() {
                desk.page.refuse(
                    code.system.span(),
                    format!("the system '{}' is not in systems.toml", code.system.get_ref()),
                );
            }
            Coding {
                system: text(&code.system),
                code: text(&code.code),
                display: code.display.as_str().into(),
            }
        }
        _ if file.ingredient.is_some() && file.code.is_none() => return None,
        _ => {
            desk.page
                .refuse(file.name.span(), "an agent has either an ingredient or a code");
            return None;
        }
    };
    Some(Agent {
        key: key.into(),
        name: text(&file.name),
        ingredient,
        code,
        weight_based: file.weight_based,
        excludes: excludes?,
        requires: requires?,
        notes: notes?,
        sources,
    })
}

fn exclusion(desk: &Desk, row: &ExcludeRow) -> Option<Exclusion> {
    Some(Exclusion {
        when: expr(desk, &row.when)?,
        because: text(&row.because),
    })
}

fn requirement(desk: &Desk, row: &RequireRow) -> Option<Requirement> {
    if let Some(need) = &row.need {
        let name = need.get_ref().as_str();
        let known = GAPS.contains(&name)
            || SOURCES.iter().any(|source| source.key() == name)
            || desk
                .scope
                .vocabulary
                .analytes
                .iter()
                .any(|analyte| *analyte.need == *name);
        if !known {
            desk.page
                .refuse(need.span(), format!("'{name}' is not the name of a gap"));
        }
    }
    let know = expr(desk, &row.know);
    let applies = optional(desk, row.applies.as_ref());
    Some(Requirement {
        know: know?,
        applies: applies?,
        ask: text(&row.ask),
        otherwise: row.otherwise.as_ref().map(text),
        need: row.need.as_ref().map(text),
    })
}

fn text(word: &Word) -> Box<str> {
    word.get_ref().as_str().into()
}
