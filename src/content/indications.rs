//! `indications/*.toml` of a withdrawal, in the order of their rank.

use super::agents::Agents;
use super::expressions::{optional, row_expr};
use super::names::Desk;
use super::page::{Page, Word};
use super::schema::Indicator;
use super::schema::tables::{self as written, HazardRow, IndicationFile, StatementRow};
use super::tables::{Earlier, check_courses, monitors, name, statement};
use super::tapers;
use super::texts::Texts;
use crate::clinical::knowledge::{self as model, AgentUse, Check, Expr, Hazard, Indication, Kind, Statement};

/// Names of tables that an indication cannot have, because rules are named after them.
const RESERVED: [&str; 3] = ["gates", "right-to-stop", "watch"];

/// Reads the file of one indication.
pub(super) fn indication(
    desk: &Desk,
    texts: &Texts,
    agents: &Agents,
    key: &str,
    rank: &[Word],
) -> Option<Indication> {
    let file: IndicationFile = desk.page.toml()?;
    if RESERVED.contains(&key) {
        desk.page
            .refuse_file(format!("'{key}' is the name of another table"));
    }
    for other in &file.yields_to {
        if other.get_ref() == key || rank.iter().all(|known| known.get_ref() != other.get_ref()) {
            desk.page.refuse(
                other.span(),
                format!("there is no other indication '{}'", other.get_ref()),
            );
        }
    }
    let kind = match file.kind.get_ref() {
        written::Kind::Transplant => Kind::Transplant,
        written::Kind::Disease => Kind::Disease,
        written::Kind::Unknown => Kind::Unknown,
    };
    if kind != Kind::Unknown && file.evidence.is_empty() && file.procedures.is_empty() {
        desk.page.refuse(
            file.kind.span(),
            "needs evidence: groups of conditions or of procedures",
        );
    }
    let hazards = hazards(desk, texts, &file);
    let checks = file.check.iter().filter_map(|row| check(desk, row)).collect();
    let (taper, taper_instead) = tapers::of(desk, texts, &file);
    if kind == Kind::Transplant && (taper.is_some() || !file.agent.is_empty()) {
        desk.page
            .refuse(file.kind.span(), "a transplant has no taper and no agents");
    }
    if !file.agent.is_empty() && file.alternatives.is_none() {
        desk.page.refuse_file("agents need [alternatives] with a text");
    }
    if !file.monitor.is_empty() && file.monitoring.is_none() {
        desk.page.refuse_file("monitors need [monitoring] with a text");
    }
    Some(Indication {
        key: key.into(),
        name: name(&file.name),
        kind,
        evidence: desk.groups(&file.evidence),
        procedures: desk.groups(&file.procedures),
        yields_to: file.yields_to.iter().map(name).collect(),
        anywhere: file.anywhere,
        hazards,
        checks,
        taper,
        taper_instead,
        no_taper: file.no_taper.as_ref().map(name),
        monitoring: monitors(desk, &file.monitor),
        monitoring_text: information(desk, texts, file.monitoring.as_ref()),
        agents: file
            .agent
            .iter()
            .filter_map(|row| agent_use(desk, agents, row))
            .collect(),
        agents_text: information(desk, texts, file.alternatives.as_ref()),
    })
}

fn hazards(desk: &Desk, texts: &Texts, file: &IndicationFile) -> Vec<Hazard> {
    let mut earlier = Earlier::default();
    let mut hazards = Vec::new();
    let mut ended = false;
    for row in &file.hazard {
        earlier.check(&desk.page, &row.row, &row.when);
        let when = row_expr(desk, &row.when);
        if ended {
            desk.page.refuse(
                row.row.span(),
                format!("the row '{}' comes after the one for always", row.row.get_ref()),
            );
        }
        if matches!(when, Some(Expr::Always)) {
            ended = true;
            if *row.indicator.get_ref() == Indicator::Info {
                desk.page
                    .refuse(row.indicator.span(), "the row for always is at least a warning");
            }
        }
        let statement = hazard_statement(desk, texts, row);
        if let (Some(when), Some(statement)) = (when, statement) {
            hazards.push(Hazard {
                row: name(&row.row),
                when,
                statement,
            });
        }
    }
    if !ended {
        desk.page
            .refuse_file("the table of hazards has no last row with when = \"always\"");
    }
    hazards
}

fn hazard_statement(desk: &Desk, texts: &Texts, row: &HazardRow) -> Option<Statement> {
    let urgency = (*row.indicator.get_ref(), row.evidence);
    let statement = statement(desk, texts, urgency, &row.text, &row.sources);
    check_courses(desk, &row.text, statement.as_ref());
    statement
}

/// Text and sources of a card that informs.
fn information(desk: &Desk, texts: &Texts, row: Option<&StatementRow>) -> Option<Statement> {
    let row = row?;
    statement(
        desk,
        texts,
        (Indicator::Info, row.evidence),
        &row.text,
        &row.sources,
    )
}

fn check(desk: &Desk, row: &written::CheckRow) -> Option<Check> {
    let applies = optional(desk, row.applies.as_ref());
    Some(Check {
        analyte: desk.analyte(&row.need)?,
        within: row.within.0,
        applies: applies?,
    })
}

fn agent_use(desk: &Desk, agents: &Agents, row: &written::AgentRow) -> Option<AgentUse> {
    let agent = agents.keys.get(row.key.get_ref()).copied();
    if agent.is_none() {
        desk.page.refuse(
            row.key.span(),
            format!("there is no agent '{}'", row.key.get_ref()),
        );
    }
    let source = desk.source(&row.source);
    Some(AgentUse {
        agent: agent?,
        dose: name(&row.dose),
        situation: row.situation.as_ref().map(name),
        weight_based: row.weight_based,
        source: source?,
    })
}

/// Holds the rank to its form: each once, the one without evidence last.
pub(super) fn check_rank(page: &Page, rank: &toml::Spanned<Vec<Word>>, read: &[Indication]) {
    for (index, word) in rank.get_ref().iter().enumerate() {
        if rank.get_ref()[..index]
            .iter()
            .any(|before| before.get_ref() == word.get_ref())
        {
            page.refuse(
                word.span(),
                format!("the indication '{}' is listed twice", word.get_ref()),
            );
        }
    }
    let complete = read.len() == rank.get_ref().len();
    let unknown = |indication: &Indication| indication.kind == model::Kind::Unknown;
    let last = read.last().is_some_and(unknown) && read.iter().filter(|one| unknown(one)).count() == 1;
    if complete && !last {
        page.refuse(
            rank.span(),
            "the last indication, and no other, is of kind unknown",
        );
    }
}
