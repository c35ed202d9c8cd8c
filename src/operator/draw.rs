//! Draws how many answers of each urgency there were on each day: three rows of bars on one time axis.
//!
//! Turns sums by day into positions: across in percent, so that one drawing fits a desk and a telephone, up in
//! pixels. What was withheld stands hollow on what was shown, so that it reads without colour. Long periods are
//! drawn by week or month.

use crate::journal::DaySum;
use jiff::ToSpan;
use jiff::civil::Date;

/// The urgencies, the gravest first.
const LANES: [&str; 3] = ["critical", "warning", "info"];
/// Height of a row with its label.
const ROW: u32 = 74;
/// Height of the highest bar.
const BAR: f64 = 44.0;
/// Where the floor of a row lies in it.
const FLOOR: u32 = 68;
/// Labels of the axis.
const TICKS: usize = 4;
/// Days in a bar: for so many days at most, so many.
const BINS: [(i64, i64, &str); 3] = [(92, 1, "day"), (730, 7, "week"), (i64::MAX, 30, "30 days")];

/// The drawing.
pub(super) struct Days {
    /// What a bar stands for.
    pub(super) unit: &'static str,
    pub(super) height: u32,
    /// What the highest bar stands for.
    pub(super) highest: u64,
    pub(super) lanes: Vec<Lane>,
    pub(super) ticks: Vec<Tick>,
}

/// One urgency.
pub(super) struct Lane {
    pub(super) name: &'static str,
    pub(super) shown: u64,
    pub(super) withheld: u64,
    pub(super) label: u32,
    pub(super) floor: u32,
    pub(super) bars: Vec<Bar>,
}

/// One bin with something in it.
pub(super) struct Bar {
    pub(super) x: f64,
    pub(super) width: f64,
    /// Top and height of what was shown.
    pub(super) shown: (f64, f64),
    /// Top and height of what was withheld.
    pub(super) withheld: (f64, f64),
    pub(super) says: String,
}

/// A label of the axis.
pub(super) struct Tick {
    pub(super) x: f64,
    pub(super) text: String,
}

/// The day of a sum.
pub(super) fn date(day: i64) -> Date {
    Date::new(1970, 1, 1)
        .and_then(|first| first.checked_add(day.days()))
        .unwrap_or(Date::MAX)
}

/// Days from one to another.
fn between(first: Date, day: Date) -> i64 {
    first.until(day).map_or(0, |span| i64::from(span.get_days()))
}

impl Days {
    /// Draws the sums of a period.
    pub(super) fn of(sums: &[DaySum], first: Date, last: Date) -> Self {
        let days = between(first, last) + 1;
        let (_, step, unit) = BINS
            .into_iter()
            .find(|(most, ..)| days <= *most)
            .unwrap_or(BINS[2]);
        let bins = usize::try_from((days + step - 1) / step).unwrap_or(1).max(1);
        let mut counts = vec![[[0_u64; 2]; LANES.len()]; bins];
        for sum in sums {
            let bin = usize::try_from(between(first, date(sum.day)) / step).ok();
            let lane = LANES.iter().position(|name| *name == sum.indicator);
            if let (Some(bin), Some(lane)) = (bin.filter(|bin| *bin < bins), lane) {
                counts[bin][lane][usize::from(sum.withheld)] += sum.count;
            }
        }
        let highest = counts.iter().flatten().map(|[shown, withheld]| shown + withheld);
        let scale = Scale {
            first,
            step,
            bins,
            highest: highest.max().unwrap_or_default().max(1),
        };
        let lanes = LANES.iter().zip(0..);
        Self {
            unit,
            height: ROW * LANES.len() as u32 + 20,
            highest: scale.highest,
            lanes: lanes.map(|(name, row)| scale.lane(name, row, &counts)).collect(),
            ticks: scale.ticks(),
        }
    }
}

/// Maps bins and counts to positions.
struct Scale {
    first: Date,
    step: i64,
    bins: usize,
    highest: u64,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "positions in a drawing need four digits"
)]
impl Scale {
    fn lane(&self, name: &'static str, row: u32, counts: &[[[u64; 2]; LANES.len()]]) -> Lane {
        let floor = row * ROW + FLOOR;
        let of = |bin: usize| counts[bin][row as usize];
        let filled = (0..self.bins).filter(|bin| of(*bin) != [0, 0]);
        let bars = filled.map(|bin| self.bar(bin, of(bin), floor)).collect();
        Lane {
            name,
            shown: (0..self.bins).map(|bin| of(bin)[0]).sum(),
            withheld: (0..self.bins).map(|bin| of(bin)[1]).sum(),
            label: row * ROW + 15,
            floor,
            bars,
        }
    }

    fn bar(&self, bin: usize, [shown, withheld]: [u64; 2], floor: u32) -> Bar {
        let high = |count: u64| hundredth(count as f64 / self.highest as f64 * BAR);
        let (low, up) = (high(shown), high(withheld));
        let top = f64::from(floor) - low;
        let day = self.day(bin);
        let also = if withheld > 0 {
            format!(", {withheld} withheld")
        } else {
            String::new()
        };
        Bar {
            x: self.x(bin),
            width: hundredth(80.0 / self.bins as f64).min(3.0),
            shown: (top, low),
            withheld: (top - up, up),
            says: format!("{}: {shown} shown{also}", day.strftime("%-d %B %Y")),
        }
    }

    fn ticks(&self) -> Vec<Tick> {
        let every = self.bins.div_ceil(TICKS);
        let tick = |bin: usize| Tick {
            x: self.x(bin),
            text: self.day(bin).strftime("%-d %b").to_string(),
        };
        (0..self.bins).step_by(every).map(tick).collect()
    }

    fn day(&self, bin: usize) -> Date {
        let after = i64::try_from(bin).unwrap_or_default() * self.step;
        self.first.checked_add(after.days()).unwrap_or(self.first)
    }

    fn x(&self, bin: usize) -> f64 {
        hundredth(bin as f64 / self.bins as f64 * 100.0)
    }
}

fn hundredth(position: f64) -> f64 {
    (position * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(day: i64, indicator: &str, withheld: bool, count: u64) -> DaySum {
        DaySum {
            day,
            indicator: indicator.into(),
            withheld,
            count,
        }
    }

    #[test]
    fn what_was_withheld_stands_on_what_was_shown() {
        let sums = [
            sum(1, "critical", false, 3),
            sum(1, "critical", true, 1),
            sum(0, "info", true, 2),
            sum(9, "info", true, 2),
        ];
        let days = Days::of(&sums, date(0), date(3));
        let lane = &days.lanes[0];
        assert_eq!((lane.name, lane.shown, lane.withheld), ("critical", 3, 1));
        let bar = &lane.bars[0];
        assert_eq!(
            (bar.x, bar.shown, bar.withheld),
            (25.0, (35.0, 33.0), (24.0, 11.0))
        );
        assert_eq!(bar.says, "2 January 1970: 3 shown, 1 withheld");
        assert_eq!(
            (days.lanes[2].withheld, days.lanes[2].bars.len()),
            (2, 1),
            "a day of another period"
        );
        assert_eq!(days.ticks.len(), 4);
    }

    #[test]
    fn long_periods_are_drawn_by_week_and_month() {
        for (last, unit, bins) in [(91, "day", 92), (92, "week", 14), (9_000, "30 days", 301)] {
            let all: Vec<_> = (0..=last).map(|day| sum(day, "info", false, 1)).collect();
            let days = Days::of(&all, date(0), date(last));
            assert_eq!((days.unit, days.lanes[2].bars.len()), (unit, bins));
            assert_eq!(
                days.lanes[2].shown,
                u64::try_from(last).unwrap() + 1,
                "every day counts"
            );
            assert!(days.ticks.len() <= TICKS);
        }
    }
}
