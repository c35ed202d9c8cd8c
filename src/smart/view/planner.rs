//! A stepwise reduction that the reader can change, held against the scheme of the indication.
//!
//! Turns what was asked into steps by the same function as the card's, then says which limit of the scheme the
//! asked pace would break and where whole units force a larger cut. Where no reduction is offered on the card,
//! none is planned here, for the same reason. It orders nothing.

use super::draft::{self, Undraftable};
use super::query::{Asked, Query};
use super::scheme::{broken, forced, scheme};
use super::{Case, shown};
use crate::clinical::compose::{Proposal, TaperBasis, taper_basis, text};
use crate::clinical::judge::Finding;
use crate::clinical::knowledge::TaperPlan;
use crate::clinical::record::Dose;
use crate::clinical::signal::Signals;
use crate::clinical::taper::{Pace, Step, schedule, units};
use crate::clinical::vocabulary::Formulation;
use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// The plan with everything around it.
pub(super) struct Planner {
    /// The steps.
    pub(super) plan: Plan,
    /// What the form shows: first day, percent, mg, days.
    pub(super) fields: [String; 4],
    /// Earliest first day, for the form.
    pub(super) today: String,
    /// Formulations: key, name, whether it is chosen.
    pub(super) forms: Vec<(String, String, bool)>,
    /// Strengths of the chosen one.
    pub(super) strengths: String,
    /// What could not be used.
    pub(super) refused: Vec<&'static str>,
    /// Limits of the scheme that the asked pace breaks.
    pub(super) broken: Vec<String>,
    /// Steps in which whole units force a larger cut than the scheme's.
    pub(super) forced: Vec<String>,
    /// The scheme in words.
    pub(super) scheme: String,
    /// How sure it is.
    pub(super) evidence: &'static str,
    /// Whether a published scheme exists.
    pub(super) published: bool,
    /// Sources of the scheme: label and address.
    pub(super) sources: Vec<(String, String)>,
    /// What to check and when: day and words.
    pub(super) checks: Vec<(String, String)>,
    /// The query of this plan, for a link to its page.
    pub(super) link: String,
    /// The draft order that the plan makes, or why it makes none.
    pub(super) draft: Result<Proposal<'static>, Undraftable>,
    /// Rule of the finding.
    pub(super) rule: String,
}

/// The steps.
pub(super) struct Plan {
    pub(super) steps: Vec<StepRow>,
    /// First day.
    pub(super) start: Date,
    /// Last day.
    pub(super) end: Date,
    /// Days in all.
    pub(super) days: u32,
}

/// One step.
pub(super) struct StepRow {
    pub(super) number: usize,
    pub(super) from: Date,
    pub(super) to: Date,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) days: u32,
    /// Doses of one day.
    pub(super) doses: String,
    pub(super) amount: Decimal,
    /// Dose of one day.
    pub(super) daily: String,
    /// Cut in percent of the dose before.
    pub(super) cut: String,
    /// Units for the whole step.
    pub(super) units: String,
}

/// The plan that was asked for; the reason in words where none is offered, empty beside a finding that is no
/// warning.
pub(super) fn planner(
    case: &Case<'_>,
    finding: &Finding<'_>,
    signals: &mut Signals<'_, '_>,
    query: &Query,
) -> Result<Planner, String> {
    let basis = taper_basis(finding, case.record, case.knowledge, signals).map_err(str::to_owned)?;
    let asked = query.plan(case.today);
    let pace = pace(basis.plan, &asked);
    let form = chosen(case, &basis, &asked);
    let steps = schedule(basis.doses, &pace, &form.strengths_mg);
    let steps = steps.map_err(|why| basis.no_steps(why, case.knowledge).to_owned())?;
    let start = asked.start.unwrap_or(case.today);
    let rows = rows(&steps, basis.doses.iter().sum(), start, &form.strengths_mg);
    let broken = broken(basis.plan, &pace, &steps);
    let asks_well = asked.refused.is_empty() && broken.is_empty();
    let present = std::ptr::eq(form, case.knowledge.vocabulary.formulation(basis.formulation));
    let statement = &basis.plan.statement;
    let sources = statement.sources.iter().map(|id| case.knowledge.source(*id));
    Ok(Planner {
        fields: [
            start.to_string(),
            pace.cut_percent.normalize().to_string(),
            pace.max_mg
                .map(|mg| mg.normalize().to_string())
                .unwrap_or_default(),
            pace.every.to_string(),
        ],
        today: case.today.to_string(),
        forms: forms(case, &basis)
            .map(|of| (of.key.to_string(), of.name.to_string(), std::ptr::eq(of, form)))
            .collect(),
        strengths: listed(&form.strengths_mg),
        refused: asked.refused,
        draft: draft::proposal(case, &steps, asks_well, present),
        rule: finding.rule.clone(),
        broken,
        forced: forced(&pace, &rows, basis.doses.iter().sum()),
        scheme: scheme(basis.plan),
        evidence: statement.evidence.code(),
        published: basis.plan.published,
        sources: sources
            .map(|source| (source.label.to_string(), source.url.to_string()))
            .collect(),
        checks: checks(finding, start),
        link: query.plan_only(),
        plan: Plan {
            start,
            end: rows.last().map_or(start, |row| row.to),
            days: steps.iter().map(|step| step.days).sum(),
            steps: rows,
        },
    })
}

/// The scheme's pace, where nothing else was asked. Another pace is not stretched to the scheme's length: that
/// it is too short is said.
fn pace(plan: &TaperPlan, asked: &Asked) -> Pace {
    let scheme = Pace::from(plan);
    let pace = Pace {
        cut_percent: asked.cut.unwrap_or(scheme.cut_percent),
        max_mg: asked.most.or(scheme.max_mg),
        every: asked.every.unwrap_or(scheme.every),
        ..scheme.clone()
    };
    if pace == scheme {
        return scheme;
    }
    Pace {
        over: None,
        floor: 0,
        ..pace
    }
}

/// Forms of the drug that are taken as often as the present one: to these no conversion is needed.
fn forms<'k>(case: &Case<'k>, basis: &TaperBasis<'_, '_>) -> impl Iterator<Item = &'k Formulation> {
    let vocabulary = &case.knowledge.vocabulary;
    let present = vocabulary.formulation(basis.formulation);
    let ingredient = case.withdrawal.ingredient;
    vocabulary.formulations.iter().filter(move |of| {
        let same =
            vocabulary.same_family(of.ingredient, ingredient) && of.doses_per_day == present.doses_per_day;
        same && of.countable && !of.strengths_mg.is_empty()
    })
}

fn chosen<'k>(case: &Case<'k>, basis: &TaperBasis<'_, '_>, asked: &Asked) -> &'k Formulation {
    let named = forms(case, basis).find(|of| asked.form.as_deref() == Some(&of.key));
    named.unwrap_or_else(|| case.knowledge.vocabulary.formulation(basis.formulation))
}

fn rows(steps: &[Step], before: Decimal, start: Date, strengths: &[Decimal]) -> Vec<StepRow> {
    let (mut from, mut before) = (start, before);
    let mut rows = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let to = later(from, step.days.saturating_sub(1));
        let daily = step.daily();
        rows.push(StepRow {
            number: at + 1,
            from,
            to,
            first: shown(from),
            last: shown(to),
            days: step.days,
            doses: super::stop::day(&Dose::PerDay(step.doses.clone())),
            amount: daily,
            daily: text::number(daily),
            cut: percent(before, daily)
                .map(|cut| format!("{cut} %"))
                .unwrap_or_default(),
            units: dispensed(step, strengths),
        });
        (from, before) = (later(to, 1), daily);
    }
    rows
}

fn later(day: Date, days: u32) -> Date {
    day.checked_add(i64::from(days).days()).unwrap_or(day)
}

fn percent(before: Decimal, after: Decimal) -> Option<Decimal> {
    (before - after)
        .checked_mul(Decimal::ONE_HUNDRED)?
        .checked_div(before)
        .map(|cut| cut.round())
}

/// Units of each strength for the whole step: `28 × 1 mg, 14 × 0.5 mg`.
fn dispensed(step: &Step, strengths: &[Decimal]) -> String {
    let mut counts: BTreeMap<Decimal, u32> = BTreeMap::new();
    for dose in &step.doses {
        for (strength, count) in units(*dose, strengths).unwrap_or_default() {
            *counts.entry(strength).or_default() += count * step.days;
        }
    }
    let each = counts
        .iter()
        .rev()
        .map(|(strength, count)| format!("{count} × {} mg", text::number(*strength)));
    each.collect::<Vec<_>>().join(", ")
}

fn listed(strengths: &[Decimal]) -> String {
    let each: Vec<String> = strengths.iter().map(|strength| text::number(*strength)).collect();
    format!("{} mg", each.join(", "))
}

fn checks(finding: &Finding<'_>, start: Date) -> Vec<(String, String)> {
    let mut checks: Vec<(Date, String)> = finding
        .indication
        .monitoring
        .iter()
        .map(|check| (later(start, check.first), check.says.to_string()))
        .collect();
    checks.sort_by_key(|(day, _)| *day);
    checks.into_iter().map(|(day, says)| (shown(day), says)).collect()
}
