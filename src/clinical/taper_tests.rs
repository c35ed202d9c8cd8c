//! Schedules by hand, and what holds for every schedule.

use super::knowledge::{Certainty, CutOf, Indicator, Rest, Statement, TaperPlan, Text};
use super::taper::{NoSteps, Pace, Step, schedule, units};
use proptest::prelude::*;
use rust_decimal::Decimal;

fn mg(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn plan(cut: &str, max: Option<&str>, every: u32, floor: u32) -> TaperPlan {
    let text = Text {
        key: "t".into(),
        summary: Vec::new(),
        why: Vec::new(),
        misleading: Vec::new(),
        sure: Vec::new(),
        courses: Vec::new(),
    };
    TaperPlan {
        cut_percent: mg(cut),
        cut_of: CutOf::Current,
        max_mg: max.map(mg),
        highest_mg: None,
        coarsest_mg: None,
        every,
        rest: None,
        over: None,
        floor,
        published: false,
        statement: Statement {
            indicator: Indicator::Info,
            evidence: Certainty::Opinion,
            text,
            sources: Vec::new(),
        },
    }
}

fn written(doses: &[&str], plan: &TaperPlan, strengths: &[&str]) -> Option<Vec<String>> {
    let doses: Vec<Decimal> = doses.iter().map(|d| mg(d)).collect();
    let strengths: Vec<Decimal> = strengths.iter().map(|s| mg(s)).collect();
    let day = |step: &Step| {
        step.doses
            .iter()
            .map(|d| d.normalize().to_string())
            .collect::<Vec<_>>()
            .join("+")
    };
    Some(
        schedule(&doses, &plan.into(), &strengths)
            .ok()?
            .iter()
            .map(day)
            .collect(),
    )
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
fn a_step_that_is_too_coarse_is_not_offered() {
    let mut plan = plan("100", Some("1"), 28, 28);
    plan.coarsest_mg = Some(mg("1"));
    assert_eq!(written(&["10"], &plan, &["5"]), None);
    assert_eq!(written(&["3"], &plan, &["1", "2.5"]).unwrap(), ["2", "1"]);
}

#[test]
fn why_there_are_no_steps_is_said() {
    let why = |doses: &[&str], plan: &TaperPlan, strengths: &[&str]| {
        let of = |list: &[&str]| list.iter().map(|text| mg(text)).collect::<Vec<Decimal>>();
        schedule(&of(doses), &plan.into(), &of(strengths)).unwrap_err()
    };
    let usual = plan("25", Some("1"), 14, 28);
    assert_eq!(why(&["0.5"], &usual, &["0.5", "1"]), NoSteps::Lowest);
    assert_eq!(why(&["22", "22"], &usual, &["0.5", "1", "5"]), NoSteps::TooMany);
    let mut fine = plan("100", Some("1"), 28, 28);
    fine.coarsest_mg = Some(mg("1"));
    assert_eq!(why(&["10"], &fine, &["5"]), NoSteps::TooCoarse);
}

#[test]
fn the_lowest_dose_cannot_be_reduced() {
    assert_eq!(written(&["0.5"], &plan("25", None, 14, 28), &["0.5", "1"]), None);
    assert_eq!(written(&[], &plan("25", None, 14, 28), &["0.5"]), None);
}

#[test]
fn the_whole_is_never_shorter_than_the_floor() {
    let steps = schedule(
        &[mg("0.5"), mg("0.5")],
        &(&plan("25", None, 14, 60)).into(),
        &[mg("0.5")],
    )
    .unwrap();
    assert_eq!(steps.iter().map(|s| s.days).sum::<u32>(), 60);
}

fn days_of(doses: &[&str], plan: &TaperPlan) -> Vec<(String, u32)> {
    let doses: Vec<Decimal> = doses.iter().map(|d| mg(d)).collect();
    let steps = schedule(&doses, &plan.into(), &[mg("0.5"), mg("1"), mg("5")]).unwrap();
    let told = |step: &Step| (step.daily().normalize().to_string(), step.days);
    steps.iter().map(told).collect()
}

fn pairs(expected: &[(&str, u32)]) -> Vec<(String, u32)> {
    expected
        .iter()
        .map(|(dose, days)| ((*dose).into(), *days))
        .collect()
}

#[test]
fn a_share_of_the_start_cuts_evenly() {
    let of_start = TaperPlan {
        cut_of: CutOf::Start,
        ..plan("20", None, 7, 28)
    };
    let even = [("4", 7), ("3", 7), ("2", 7), ("1", 7), ("0.5", 7)];
    assert_eq!(days_of(&["2.5", "2.5"], &of_start), pairs(&even));
    let of_current = plan("20", None, 7, 28);
    let falling = days_of(&["2.5", "2.5"], &of_current);
    assert!(falling.len() > even.len(), "{falling:?}");
}

#[test]
fn a_plan_that_rests_at_half_goes_on_to_the_lowest_dose_afterwards() {
    let resting = TaperPlan {
        rest: Some(Rest {
            until_percent: mg("50"),
            days: 366,
        }),
        ..plan("25", Some("1"), 56, 366)
    };
    let steps = days_of(&["2", "2"], &resting);
    let expected = [
        ("3", 56),
        ("2.5", 56),
        ("2", 366),
        ("1.5", 56),
        ("1", 56),
        ("0.5", 56),
    ];
    assert_eq!(steps, pairs(&expected));
    // Half of 3 mg is met exactly, half of 2.5 mg from above; a first cut that passes the half is held.
    assert_eq!(days_of(&["1.5", "1.5"], &resting)[2], ("1.5".into(), 366));
    assert_eq!(days_of(&["1.5", "1"], &resting)[1], ("1.5".into(), 366));
    assert_eq!(days_of(&["0.5", "0.5"], &resting), pairs(&[("0.5", 366)]));
    let large = TaperPlan {
        cut_percent: mg("60"),
        max_mg: None,
        ..resting
    };
    assert_eq!(days_of(&["2", "2"], &large)[0], ("2".into(), 366));
    assert_eq!(days_of(&["1", "0.5"], &large)[0], ("1".into(), 366));
}

#[test]
fn a_spread_plan_lasts_as_long_as_it_says_and_no_step_is_shorter_than_one() {
    let spread = TaperPlan {
        over: Some(126),
        ..plan("25", None, 14, 28)
    };
    let steps = days_of(&["1.5", "1.5"], &spread);
    let expected = [("2.5", 21), ("2", 21), ("1.5", 28), ("1", 28), ("0.5", 28)];
    assert_eq!(steps, pairs(&expected));
    assert_eq!(days_of(&["0.5", "0.5"], &spread), pairs(&[("0.5", 126)]));
    let long = days_of(&["10", "10"], &spread);
    assert!(long.iter().all(|(_, days)| *days >= 14));
    assert!(long.iter().map(|(_, days)| days).sum::<u32>() >= 126);
}

#[test]
fn at_most_a_milligram_is_cut_where_the_plan_says_so() {
    let slow = plan("100", Some("1"), 92, 92);
    let expected = [("2", 92), ("1", 92), ("0.5", 92)];
    assert_eq!(days_of(&["1.5", "1.5"], &slow), pairs(&expected));
}

/// A plan as drawn at random.
#[derive(Clone, Debug)]
struct Drawn {
    cut: u32,
    of_start: bool,
    max_halves: Option<u32>,
    every: u32,
    floor: u32,
    rest: Option<(u32, u32)>,
    over: Option<u32>,
}

impl Drawn {
    fn plan(&self) -> TaperPlan {
        let of_start = if self.of_start {
            CutOf::Start
        } else {
            CutOf::Current
        };
        TaperPlan {
            cut_of: of_start,
            max_mg: self.max_halves.map(|halves| Decimal::from(halves) / Decimal::TWO),
            over: self.over.filter(|_| self.rest.is_none()),
            rest: self.rest.map(|(percent, days)| Rest {
                until_percent: percent.into(),
                days,
            }),
            ..plan(&self.cut.to_string(), None, self.every, self.floor)
        }
    }
}

prop_compose! {
    fn any_plan()(
        cut in 10_u32..=100,
        of_start in any::<bool>(),
        max_halves in prop::option::of(1_u32..4),
        every in 1_u32..100,
        floor in 1_u32..400,
        rest in prop::option::of((1_u32..=100, 1_u32..400)),
        over in prop::option::of(1_u32..400),
    ) -> Drawn {
        Drawn { cut, of_start, max_halves, every, floor, rest, over }
    }
}

proptest! {
    #[test]
    fn every_plan_keeps_the_rules_of_a_reduction(
        halves in prop::collection::vec(1_u32..12, 1..4),
        drawn in any_plan(),
    ) {
        let plan = drawn.plan();
        let doses: Vec<Decimal> = halves.iter().map(|n| Decimal::from(*n) / Decimal::TWO).collect();
        let strengths = [mg("0.5"), mg("1"), mg("5")];
        let start: Decimal = doses.iter().sum();
        let steps = schedule(&doses, &Pace::from(&plan), &strengths).unwrap_or_default();
        let mut before = start;
        for step in &steps {
            let whole = if plan.cut_of == CutOf::Start { start } else { before };
            let share = whole * plan.cut_percent / Decimal::ONE_HUNDRED;
            let allowed = plan.max_mg.map_or(share, |max| share.min(max));
            prop_assert!(step.daily() > Decimal::ZERO && step.daily() < before);
            // Half a milligram is the smallest cut that whole units make.
            prop_assert!(before - step.daily() <= allowed.max(mg("0.5")));
            prop_assert!(step.doses.windows(2).all(|w| w[0] >= w[1]));
            prop_assert!(step.doses.iter().all(|dose| (*dose * Decimal::TWO).fract().is_zero()));
            prop_assert!(step.doses.len() <= doses.len());
            prop_assert!(step.days >= plan.every);
            before = step.daily();
        }
        if let Some(last) = steps.last() {
            prop_assert_eq!(last.daily(), mg("0.5"));
            prop_assert!(steps.iter().map(|step| step.days).sum::<u32>() >= plan.floor);
            let longest = steps.iter().map(|step| step.days).max().unwrap_or_default();
            prop_assert!(plan.rest.is_none_or(|rest| longest >= rest.days));
        }
    }

    #[test]
    fn a_tablet_that_may_not_be_split_is_never_split(
        units in (0_u32..4, 0_u32..4, 1_u32..3),
        drawn in any_plan(),
    ) {
        let plan = drawn.plan();
        // Tablets of 0.75, 1 and 4 mg once a day: every dose is a sum of whole ones.
        let strengths = [mg("0.75"), mg("1"), mg("4")];
        let counts = [units.0, units.1, units.2].map(Decimal::from);
        let start: Decimal = strengths.iter().zip(counts).map(|(mg, count)| *mg * count).sum();
        for step in schedule(&[start], &Pace::from(&plan), &strengths).unwrap_or_default() {
            prop_assert_eq!(step.doses.len(), 1);
            let dose = step.doses[0];
            let whole = (0..=8_u32).any(|small| {
                let rest = dose - strengths[0] * Decimal::from(small);
                rest >= Decimal::ZERO && rest.fract().is_zero()
            });
            prop_assert!(whole, "{dose}");
        }
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
