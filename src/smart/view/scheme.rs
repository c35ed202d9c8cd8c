//! A plan held against the published scheme of its indication, in words.
//!
//! Turns a scheme, the asked pace and the steps into sentences: what the scheme is, which of its limits the pace
//! breaks, and where whole units force a larger cut than was asked. It changes no step.

use super::planner::StepRow;
use crate::clinical::compose::text;
use crate::clinical::knowledge::{CutOf, TaperPlan};
use crate::clinical::taper::{Pace, Step};
use rust_decimal::Decimal;

/// The scheme in words.
pub(super) fn scheme(plan: &TaperPlan) -> String {
    let whole = match plan.cut_of {
        CutOf::Current => "current",
        CutOf::Start => "first",
    };
    let most = plan
        .max_mg
        .map(|mg| format!(" and at most {} mg", text::number(mg)))
        .unwrap_or_default();
    let rest = plan.rest.map(|rest| {
        let share = text::number(rest.until_percent);
        format!(
            ", resting at least {} days at {share} % of the first dose",
            rest.days
        )
    });
    format!(
        "Steps of at most {} % of the {whole} daily dose{most}, every {} days{}, over at least {} days.",
        text::number(plan.cut_percent),
        plan.every,
        rest.unwrap_or_default(),
        least(plan)
    )
}

/// Fewest days of the whole.
fn least(plan: &TaperPlan) -> u32 {
    plan.floor.max(plan.over.unwrap_or_default())
}

/// Limits of the scheme that the asked pace breaks.
pub(super) fn broken(plan: &TaperPlan, pace: &Pace, steps: &[Step]) -> Vec<String> {
    let mut broken = Vec::new();
    if pace.cut_percent > plan.cut_percent {
        let (asked, limit) = (text::number(pace.cut_percent), text::number(plan.cut_percent));
        broken.push(format!(
            "Steps of up to {asked} % are larger than the {limit} % of the scheme."
        ));
    }
    if let (Some(asked), Some(limit)) = (pace.max_mg, plan.max_mg)
        && asked > limit
    {
        let (asked, limit) = (text::number(asked), text::number(limit));
        broken.push(format!(
            "Steps of up to {asked} mg are larger than the {limit} mg of the scheme."
        ));
    }
    if pace.every < plan.every {
        broken.push(format!(
            "Steps of {} days are shorter than the {} days of the scheme.",
            pace.every, plan.every
        ));
    }
    let whole: u32 = steps.iter().map(|step| step.days).sum();
    if whole < least(plan) {
        broken.push(format!(
            "The whole takes {whole} days; the scheme takes at least {}.",
            least(plan)
        ));
    }
    broken
}

/// Steps that are larger than asked, because no smaller one can be made of whole units.
pub(super) fn forced(pace: &Pace, rows: &[StepRow], start: Decimal) -> Vec<String> {
    let mut before = start;
    let mut forced = Vec::new();
    for row in rows {
        let whole = match pace.cut_of {
            CutOf::Current => before,
            CutOf::Start => start,
        };
        let share = whole
            .checked_mul(pace.cut_percent)
            .and_then(|part| part.checked_div(Decimal::ONE_HUNDRED));
        let allowed = share.map(|share| pace.max_mg.map_or(share, |most| most.min(share)));
        if allowed.is_some_and(|allowed| before - row.amount > allowed) {
            forced.push(format!(
                "Step {} cuts {}: no smaller cut can be made in whole units.",
                row.number, row.cut
            ));
        }
        before = row.amount;
    }
    forced
}
