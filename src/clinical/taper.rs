//! A stepwise reduction in whole units of strengths on the market.
//!
//! Turns a dose of the day, a plan from the tables and the strengths of a formulation into steps. It
//! never rises, never cuts more than the plan allows where a smaller cut can be made, never splits a
//! unit, and never ends before the plan's floor. The last step is the lowest dose that can be made.

use super::knowledge::TaperPlan;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// Longest schedule that is offered; a longer one is a plan for a clinic, not for a card.
const MOST_STEPS: usize = 40;
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
    /// Largest cut of a step, in percent of the current daily dose.
    pub cut_percent: Decimal,
    /// Largest cut of a step in mg.
    pub max_mg: Option<Decimal>,
    /// Days of a step.
    pub every: u32,
    /// The whole never takes fewer days.
    pub floor: u32,
}

impl From<&TaperPlan> for Pace {
    fn from(plan: &TaperPlan) -> Self {
        Pace {
            cut_percent: plan.cut_percent,
            max_mg: plan.max_mg,
            every: plan.every,
            floor: plan.floor,
        }
    }
}

/// Computes the steps. `None` if the dose cannot be reduced in whole units.
pub fn schedule(doses: &[Decimal], plan: &Pace, strengths_mg: &[Decimal]) -> Option<Vec<Step>> {
    let often = doses.len();
    let start: Decimal = doses.iter().sum();
    let largest = doses.iter().max().copied()?;
    if often == 0 || often > 6 || start <= Decimal::ZERO {
        return None;
    }
    let single = single_doses(strengths_mg, largest);
    let days = totals(&single, often, start);
    let mut steps: Vec<Step> = Vec::new();
    let mut current = start;
    while let Some(next) = next_below(&days, current, plan) {
        if steps.len() == MOST_STEPS {
            return None;
        }
        current = next.iter().sum();
        steps.push(Step {
            days: plan.every,
            doses: next,
        });
    }
    stretch(&mut steps, plan.floor);
    (!steps.is_empty()).then_some(steps)
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

/// For every total below the start the most even split over at most so many doses, larger ones first.
fn totals(single: &[Decimal], often: usize, start: Decimal) -> Vec<Vec<Decimal>> {
    let mut best: BTreeMap<Decimal, Vec<Decimal>> = BTreeMap::new();
    let mut days: Vec<Vec<Decimal>> = single.iter().map(|d| vec![*d]).collect();
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

/// The lowest total that the plan allows next; where no total is that near, the highest one below.
fn next_below(days: &[Vec<Decimal>], current: Decimal, plan: &Pace) -> Option<Vec<Decimal>> {
    let by_percent = current * plan.cut_percent / Decimal::ONE_HUNDRED;
    let cut = plan.max_mg.map_or(by_percent, |max| by_percent.min(max));
    let target = current - cut;
    let total = |day: &&Vec<Decimal>| day.iter().sum::<Decimal>();
    let below: Vec<&Vec<Decimal>> = days.iter().filter(|d| total(d) < current).collect();
    below
        .iter()
        .find(|d| total(d) >= target)
        .or(below.last())
        .map(|d| (*d).clone())
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mg(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn plan(cut: &str, max: Option<&str>, every: u32, floor: u32) -> Pace {
        Pace {
            cut_percent: mg(cut),
            max_mg: max.map(mg),
            every,
            floor,
        }
    }

    #[test]
    fn a_dose_is_made_of_the_fewest_units() {
        let of = |dose: &str| units(mg(dose), &[mg("0.5"), mg("1"), mg("5")]);
        assert_eq!(of("6.5"), Some(vec![(mg("5"), 1), (mg("1"), 1), (mg("0.5"), 1)]));
        assert_eq!(
            (of("2"), of("0.3"), of("0")),
            (Some(vec![(mg("1"), 2)]), None, Some(Vec::new()))
        );
    }

    fn written(doses: &[&str], plan: &Pace, strengths: &[&str]) -> Option<Vec<String>> {
        let doses: Vec<Decimal> = doses.iter().map(|d| mg(d)).collect();
        let strengths: Vec<Decimal> = strengths.iter().map(|s| mg(s)).collect();
        let day = |step: &Step| {
            step.doses
                .iter()
                .map(|d| d.normalize().to_string())
                .collect::<Vec<_>>()
                .join("+")
        };
        Some(schedule(&doses, plan, &strengths)?.iter().map(day).collect())
    }

    #[test]
    fn a_twice_daily_dose_goes_down_in_whole_units_with_the_larger_dose_first() {
        let steps = written(
            &["1.5", "1.5"],
            &plan("25", Some("1"), 14, 28),
            &["0.5", "1", "5"],
        );
        assert_eq!(steps.unwrap(), ["1.5+1", "1+1", "1+0.5", "0.5+0.5", "0.5"]);
    }

    #[test]
    fn once_daily_units_are_never_split() {
        let steps = written(&["4.75"], &plan("25", Some("1"), 14, 28), &["0.75", "1", "4"]);
        assert_eq!(steps.unwrap().last().unwrap(), "0.75");
    }

    #[test]
    fn the_lowest_dose_cannot_be_reduced() {
        assert_eq!(written(&["0.5"], &plan("25", None, 14, 28), &["0.5", "1"]), None);
        assert_eq!(written(&[], &plan("25", None, 14, 28), &["0.5"]), None);
    }

    #[test]
    fn the_whole_is_never_shorter_than_the_floor() {
        let steps = schedule(&[mg("0.5"), mg("0.5")], &plan("25", None, 14, 60), &[mg("0.5")]).unwrap();
        assert_eq!(steps.iter().map(|s| s.days).sum::<u32>(), 60);
    }

    proptest! {
        #[test]
        fn it_never_rises_and_never_cuts_more_than_it_must(
            halves in prop::collection::vec(1_u32..12, 1..4),
            cut in 10_u32..50,
        ) {
            let doses: Vec<Decimal> = halves.iter().map(|n| Decimal::from(*n) / Decimal::TWO).collect();
            let strengths = [mg("0.5"), mg("1"), mg("5")];
            let plan = plan(&cut.to_string(), Some("1"), 14, 28);
            let mut before: Decimal = doses.iter().sum();
            for step in schedule(&doses, &plan, &strengths).unwrap_or_default() {
                let allowed = (before * plan.cut_percent / Decimal::ONE_HUNDRED).min(mg("1"));
                prop_assert!(step.daily() < before);
                // Half a milligram is the smallest cut that whole units make.
                prop_assert!(before - step.daily() <= allowed.max(mg("0.5")));
                prop_assert!(step.doses.windows(2).all(|w| w[0] >= w[1]));
                prop_assert!(step.doses.len() <= doses.len());
                before = step.daily();
            }
        }
    }
}
