//! A stepwise reduction in whole units of strengths on the market.
//!
//! Turns a dose of the day, a plan from the tables and the strengths of a formulation into steps. It
//! never rises, never cuts more than the plan allows where a smaller cut can be made, never splits a
//! unit, and never ends before the plan's floor. The last step is the lowest dose that can be made, also
//! where the plan rests for long at a higher one.

use super::knowledge::{CutOf, Rest, TaperPlan};
use rust_decimal::Decimal;
use smallvec::{SmallVec, smallvec};
use std::collections::BTreeMap;

/// Longest schedule that is offered; a longer one is a plan for a clinic, not for a card.
const MOST_STEPS: usize = 40;
/// Most doses in one day.
const MOST_DOSES: usize = 6;
/// Most units in one dose.
const MOST_UNITS: usize = 8;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Days that it lasts.
    pub days: u32,
    /// Doses of a day in mg, in the order taken.
    pub doses: Vec<Decimal>,
}

impl Step {
    /// Total of a day in mg.
    pub fn daily(&self) -> Decimal {
        self.doses.iter().sum()
    }
}

/// How fast a dose goes down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Largest cut of a step, in percent.
    pub cut_percent: Decimal,
    /// Of which daily dose.
    pub cut_of: CutOf,
    /// Largest cut of a step in mg.
    pub max_mg: Option<Decimal>,
    /// Largest cut in mg that whole units may force; without a schedule of such steps there is none.
    pub coarsest_mg: Option<Decimal>,
    /// Fewest days of a step.
    pub every: u32,
    /// A dose at which the reduction rests for long.
    pub rest: Option<Rest>,
    /// Days over which the steps are spread, where they would take less.
    pub over: Option<u32>,
    /// The whole never takes fewer days.
    pub floor: u32,
}

impl From<&TaperPlan> for Pace {
    fn from(plan: &TaperPlan) -> Self {
        Pace {
            cut_percent: plan.cut_percent,
            cut_of: plan.cut_of,
            max_mg: plan.max_mg,
            coarsest_mg: plan.coarsest_mg,
            every: plan.every,
            rest: plan.rest,
            over: plan.over,
            floor: plan.floor,
        }
    }
}

/// Why there are no steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSteps {
    /// No lower dose can be made in whole units.
    Lowest,
    /// Whole units force coarser steps than the plan bears.
    TooCoarse,
    /// There would be more steps, or more doses in a day, than one order should hold.
    TooMany,
}

/// Computes the steps.
///
/// # Errors
/// If the dose cannot be reduced in whole units as the plan wants it.
pub fn schedule(doses: &[Decimal], plan: &Pace, strengths_mg: &[Decimal]) -> Result<Vec<Step>, NoSteps> {
    let often = doses.len();
    let start: Decimal = doses.iter().sum();
    let largest = doses.iter().max().copied().unwrap_or_default();
    if start <= Decimal::ZERO {
        return Err(NoSteps::Lowest);
    }
    if often > MOST_DOSES {
        return Err(NoSteps::TooMany);
    }
    let single = single_doses(strengths_mg, largest);
    let days = totals(&single, often, start);
    let mut steps: Vec<Step> = Vec::new();
    let mut current = start;
    while let Some(next) = next_below(&days, (start, current), plan) {
        if steps.len() == MOST_STEPS {
            return Err(NoSteps::TooMany);
        }
        let total: Decimal = next.iter().sum();
        if plan
            .coarsest_mg
            .is_some_and(|coarsest| current - total > coarsest)
        {
            return Err(NoSteps::TooCoarse);
        }
        current = total;
        steps.push(Step {
            days: plan.every,
            doses: next,
        });
    }
    if let Some(over) = plan.over {
        spread(&mut steps, over);
    }
    if let Some(rest) = &plan.rest {
        hold(&mut steps, mark(start, rest), rest.days);
    }
    stretch(&mut steps, plan.floor);
    if steps.is_empty() {
        return Err(NoSteps::Lowest);
    }
    Ok(steps)
}

/// The fewest whole units that make a dose: strength and count, the strongest first. `None` if none do.
pub fn units(dose: Decimal, strengths_mg: &[Decimal]) -> Option<Vec<(Decimal, u32)>> {
    let mut reached: BTreeMap<Decimal, Vec<Decimal>> = BTreeMap::from([(Decimal::ZERO, Vec::new())]);
    for _ in 0..=MOST_UNITS {
        if let Some(made) = reached.get(&dose) {
            let mut counted: BTreeMap<Decimal, u32> = BTreeMap::new();
            for strength in made {
                *counted.entry(*strength).or_default() += 1;
            }
            return Some(counted.into_iter().rev().collect());
        }
        let mut next = BTreeMap::new();
        for (sum, made) in &reached {
            for strength in strengths_mg.iter().filter(|strength| sum + **strength <= dose) {
                let more = made.iter().copied().chain([*strength]).collect();
                next.entry(sum + strength).or_insert(more);
            }
        }
        reached = next;
    }
    None
}

/// Every dose that whole units make, up to the largest dose of today; ascending, without zero.
fn single_doses(strengths: &[Decimal], largest: Decimal) -> Vec<Decimal> {
    let mut reachable = vec![Decimal::ZERO];
    let mut frontier = reachable.clone();
    for _ in 0..MOST_UNITS {
        let mut next: Vec<Decimal> = frontier
            .iter()
            .flat_map(|sum| strengths.iter().map(move |s| sum + s))
            .filter(|sum| *sum <= largest && !reachable.contains(sum))
            .collect();
        next.sort_unstable();
        next.dedup();
        reachable.extend(&next);
        frontier = next;
    }
    reachable.retain(|sum| *sum > Decimal::ZERO);
    reachable.sort_unstable();
    reachable
}

/// The doses of a day; most days have one or two.
type Day = SmallVec<[Decimal; 2]>;

/// For every total below the start, ascending, the most even split over at most so many doses, larger ones first.
fn totals(single: &[Decimal], often: usize, start: Decimal) -> Vec<Day> {
    let mut best: BTreeMap<Decimal, Day> = BTreeMap::new();
    let mut days: Vec<Day> = single.iter().map(|dose| smallvec![*dose]).collect();
    for count in 1..=often {
        for day in &days {
            let total: Decimal = day.iter().sum();
            if total < start && best.get(&total).is_none_or(|known| evener(day, known)) {
                best.insert(total, day.clone());
            }
        }
        if count < often {
            days = days
                .iter()
                .flat_map(|day| {
                    let last = day.last().copied().unwrap_or_default();
                    single
                        .iter()
                        .filter(move |d| **d <= last)
                        .map(move |d| day.iter().copied().chain([*d]).collect())
                })
                .collect();
        }
    }
    best.into_values().collect()
}

/// More doses are evener; at equal count the smaller difference between first and last.
fn evener(a: &[Decimal], b: &[Decimal]) -> bool {
    let spread =
        |day: &[Decimal]| day.first().copied().unwrap_or_default() - day.last().copied().unwrap_or_default();
    (a.len(), std::cmp::Reverse(spread(a))) > (b.len(), std::cmp::Reverse(spread(b)))
}

/// The lowest total that the plan allows next; where no total is that near, the highest one below. A step
/// does not pass the dose at which the plan rests.
fn next_below(days: &[Day], (start, current): (Decimal, Decimal), plan: &Pace) -> Option<Vec<Decimal>> {
    let whole = match plan.cut_of {
        CutOf::Current => current,
        CutOf::Start => start,
    };
    let by_percent = whole * plan.cut_percent / Decimal::ONE_HUNDRED;
    let cut = plan.max_mg.map_or(by_percent, |max| by_percent.min(max));
    let allowed = current - cut;
    let resting = plan.rest.as_ref().map(|rest| mark(start, rest));
    let target = match resting.filter(|mark| current > *mark) {
        Some(mark) => allowed.max(mark),
        None => allowed,
    };
    let total = |day: &Day| day.iter().sum::<Decimal>();
    let below = &days[..days.partition_point(|day| total(day) < current)];
    let near = below.iter().find(|day| total(day) >= target);
    near.or(below.last()).map(|day| day.to_vec())
}

/// The daily dose at which a plan rests, before rounding to whole units.
fn mark(start: Decimal, rest: &Rest) -> Decimal {
    start * rest.until_percent / Decimal::ONE_HUNDRED
}

/// Spreads the steps over so many days in whole weeks, the longer steps last; none becomes shorter.
fn spread(steps: &mut [Step], over: u32) {
    let Some(count) = u32::try_from(steps.len()).ok().filter(|count| *count > 0) else {
        return;
    };
    let weeks = over / 7;
    let longer = steps.len() - (weeks % count) as usize;
    for (index, step) in steps.iter_mut().enumerate() {
        let weeks = weeks / count + u32::from(index >= longer);
        step.days = step.days.max(weeks * 7);
    }
}

/// Lengthens the last step that is not below the mark; if the first cut passes it, that one.
fn hold(steps: &mut [Step], mark: Decimal, days: u32) {
    let kept = steps.iter().rposition(|step| step.daily() >= mark).unwrap_or(0);
    if let Some(step) = steps.get_mut(kept) {
        step.days = step.days.max(days);
    }
}

/// Lengthens the last step so that the whole lasts at least as long as the floor.
fn stretch(steps: &mut [Step], floor: u32) {
    let whole: u32 = steps.iter().map(|s| s.days).sum();
    if let Some(last) = steps.last_mut()
        && whole < floor
    {
        last.days += floor - whole;
    }
}
