//! What is being stopped: drug, dose, since when, and in which sense.

use super::Case;
use crate::clinical::compose::text;
use crate::clinical::record::{Dose, Order};
use crate::clinical::therapy::Start;
use crate::smart::reading::Sense;

/// What is being stopped.
pub(super) struct StopView {
    /// Name of the drug.
    pub(super) drug: String,
    /// Each order: what it orders, its dose, and since when.
    pub(super) orders: Vec<OrderLine>,
    /// Dose of a day of all of them.
    pub(super) daily: String,
    /// Since when the drug is taken.
    pub(super) since: String,
    /// When it was stopped, looking back.
    pub(super) stopped: String,
    /// Formulation.
    pub(super) formulation: String,
}

/// One order.
pub(super) struct OrderLine {
    pub(super) text: String,
    pub(super) dose: String,
    pub(super) since: String,
}

/// What is being stopped.
pub(super) fn view(case: &Case<'_>, sense: Sense) -> StopView {
    let vocabulary = &case.knowledge.vocabulary;
    let orders = || case.therapy.stopping.iter().map(|&at| &case.record.orders[at]);
    let stopped = orders().filter_map(|order| order.stopped).max();
    StopView {
        drug: vocabulary.ingredient(case.withdrawal.ingredient).name.to_string(),
        orders: orders().map(line).collect(),
        daily: case
            .therapy
            .dose
            .daily()
            .map(|dose| format!("{} mg a day", text::number(dose)))
            .unwrap_or_default(),
        since: match (case.therapy.start, case.therapy.start_cut) {
            (Start::On(when), false) => when.human(),
            (Start::On(when), true) => format!("{} or earlier", when.human()),
            (Start::Unknown | Start::Hidden, _) => String::new(),
        },
        stopped: stopped
            .filter(|_| sense == Sense::Lately)
            .map(|when| when.human())
            .unwrap_or_default(),
        formulation: case
            .therapy
            .formulation
            .map(|formulation| vocabulary.formulation(formulation).name.to_string())
            .unwrap_or_default(),
    }
}

fn line(order: &Order) -> OrderLine {
    OrderLine {
        text: text::plain(&order.drug_text).into_owned(),
        dose: day(&order.dose),
        since: order
            .starts
            .or(order.authored)
            .map(|when| when.human())
            .unwrap_or_default(),
    }
}

/// The doses of one day: `1.5 + 1 mg`.
pub(super) fn day(dose: &Dose) -> String {
    match dose {
        Dose::PerDay(doses) => {
            let shown: Vec<String> = doses.iter().map(|dose| text::number(*dose)).collect();
            format!("{} mg", shown.join(" + "))
        }
        Dose::Unknown => String::new(),
    }
}
