//! The daily dose of an order, from its structured instructions or else from their text.
//!
//! Turns `dosageInstruction` into the amounts of one day in mg, and says whether its steps are a taper
//! that was written already. As-needed use, ranges, rates and days of the week are no daily dose.
//! Instructions that share a sequence number are taken side by side, rising numbers one after another
//! (FHIR R4 `Dosage.sequence`), unless they only name the times of one day.

use super::dosage_text::{metric_mg, read_dosage_text, times_in, whole_times};
use super::elements::{Bounds, Concept, Quantity};
use super::json::{Flag, List, Number, Raw, Read, Text, lens};
use super::terms::Terms;
use crate::clinical::record::Dose;
use crate::clinical::when::When;
use rust_decimal::Decimal;

lens! {
    /// `Dosage`.
    struct Dosage {
        sequence: Number<'a> = "sequence",
        text: Text<'a> = "text",
        patient_text: Text<'a> = "patientInstruction",
        timing: Timing<'a> = "timing",
        as_needed: Raw<'a> = "asNeededBoolean",
        as_needed_for: Raw<'a> = "asNeededCodeableConcept",
        route: Concept<'a> = "route",
        rates: List<DoseAndRate<'a>> = "doseAndRate",
        /// The place of the dose in STU3.
        dose: Raw<'a> = "doseQuantity",
        dose_range: Raw<'a> = "doseRange",
    }

    /// `Dosage.doseAndRate`.
    struct DoseAndRate {
        dose: Raw<'a> = "doseQuantity",
        range: Raw<'a> = "doseRange",
        rate: Raw<'a> = "rateQuantity",
        ratio: Raw<'a> = "rateRatio",
    }

    /// `Timing`.
    struct Timing {
        repeat: Repeat<'a> = "repeat",
        code: Concept<'a> = "code",
    }

    /// `Timing.repeat`.
    struct Repeat {
        bounds: Bounds<'a> = "boundsPeriod",
        bounds_duration: Raw<'a> = "boundsDuration",
        frequency: Number<'a> = "frequency",
        frequency_max: Number<'a> = "frequencyMax",
        period: Number<'a> = "period",
        period_max: Number<'a> = "periodMax",
        period_unit: Text<'a> = "periodUnit",
        time_of_day: List<Text<'a>> = "timeOfDay",
        when: List<Text<'a>> = "when",
        day_of_week: List<Text<'a>> = "dayOfWeek",
    }
}

/// What the instructions of an order say.
#[derive(Default)]
pub(crate) struct Daily {
    /// Dose of one day (of the current step).
    pub(crate) dose: Dose,
    /// The steps go down.
    pub(crate) taper: bool,
    /// The dose is not known because some of what says it cannot be read.
    pub(crate) unreadable: bool,
}

/// One instruction, read.
struct Part<'d, 'a> {
    dosage: &'d Dosage<'a>,
    sequence: Decimal,
    doses: Vec<Decimal>,
}

/// Reads the instructions of an order. `strength` is what one counted unit holds, in mg; `now` is in
/// seconds since 1970.
pub(crate) fn daily(dosages: &[Dosage<'_>], strength: Option<Decimal>, terms: Terms<'_>, now: i64) -> Daily {
    if dosages.iter().any(|dosage| dosage.sequence.is_odd()) {
        return Daily {
            unreadable: true,
            ..Daily::default()
        };
    }
    let mut parts = Vec::with_capacity(dosages.len());
    for dosage in dosages {
        let Some(doses) = doses(dosage, strength, terms) else {
            return Daily {
                unreadable: dosages.iter().any(|dosage| dosage.is_odd(strength, terms)),
                ..Daily::default()
            };
        };
        parts.push(Part {
            dosage,
            sequence: dosage.sequence.value().unwrap_or_default(),
            doses,
        });
    }
    if one_day_in_parts(&parts) {
        parts.sort_by_key(|part| part.dosage.clock());
        return Daily {
            dose: together(&parts),
            ..Daily::default()
        };
    }
    parts.sort_by_key(|part| part.sequence);
    let steps: Vec<&[Part<'_, '_>]> = parts.chunk_by(|a, b| a.sequence == b.sequence).collect();
    let current = steps
        .iter()
        .find(|step| step.iter().any(|part| part.dosage.is_current(now)));
    let totals: Vec<Decimal> = steps.iter().filter_map(|step| together(step).daily()).collect();
    let falls = totals.is_sorted_by(|a, b| a >= b) && totals.first() > totals.last();
    Daily {
        dose: current
            .or(steps.first())
            .map_or(Dose::Unknown, |step| together(step)),
        taper: steps.len() > 1 && falls,
        unreadable: false,
    }
}

/// Numbered instructions that name different times of one day, and no period of their own, are one day.
fn one_day_in_parts(parts: &[Part<'_, '_>]) -> bool {
    let mut clocks: Vec<Option<u32>> = parts.iter().map(|part| part.dosage.clock()).collect();
    clocks.sort_unstable();
    let distinct = clocks.windows(2).all(|pair| pair[0] != pair[1]);
    parts.len() > 1
        && distinct
        && parts
            .iter()
            .all(|part| part.dosage.clock().is_some() && !part.dosage.is_bounded())
}

fn together(parts: &[Part<'_, '_>]) -> Dose {
    let doses: Vec<Decimal> = parts.iter().flat_map(|part| part.doses.iter().copied()).collect();
    if doses.is_empty() {
        Dose::Unknown
    } else {
        Dose::PerDay(doses)
    }
}

impl<'a> Dosage<'a> {
    fn is_bounded(&self) -> bool {
        let repeat = &self.timing.repeat;
        repeat.bounds.period.starts().is_some()
            || repeat.bounds.period.ends().is_some()
            || repeat.bounds_duration.0.is_some()
    }

    /// Whether its own period holds `now`.
    fn is_current(&self, now: i64) -> bool {
        let bounds = &self.timing.repeat.bounds.period;
        let began = |start: When| start.earliest() <= now;
        bounds.starts().is_some_and(began) && bounds.ends().is_none_or(|end| end.latest() >= now)
    }

    /// The minute of the day of its only named time.
    fn clock(&self) -> Option<u32> {
        let repeat = &self.timing.repeat;
        match (&repeat.time_of_day.0[..], &repeat.when.0[..]) {
            ([time], []) => minutes(time.get()?),
            ([], [event]) => event_minutes(event.get()?),
            _ => None,
        }
    }

    fn structured_dose(&self) -> Option<Quantity<'a>> {
        let first = self.rates.0.first().and_then(|rate| rate.dose.0);
        first.or(self.dose.0).map(Quantity::read)
    }

    /// Whether it holds an amount or a timing in a form of its own that cannot be read. A text alone may say
    /// anything; use that changes or has a range is read.
    fn is_odd(&self, strength: Option<Decimal>, terms: Terms<'_>) -> bool {
        let as_needed = self.as_needed.0.is_some() && self.as_needed.read::<Flag>().0.is_none();
        let amount = self.structured_dose();
        as_needed
            || self.timing.repeat.is_odd()
            || amount.is_some_and(|amount| amount_mg(&amount, strength, terms).is_none())
    }

    /// Whether it says anything of a dose, in whatever form.
    pub(crate) fn speaks_of_dose(&self) -> bool {
        !self.rates.0.is_empty()
            || self.structured_dose().is_some()
            || self.dose_range.0.is_some()
            || self.any_text().is_some()
    }

    /// Structure that says it is no steady dose.
    fn is_unsteady(&self) -> bool {
        let ranged = |rate: &DoseAndRate<'_>| {
            rate.range.0.is_some() || rate.rate.0.is_some() || rate.ratio.0.is_some()
        };
        let repeat = &self.timing.repeat;
        let varies = |max: &Number<'_>, least: &Number<'_>| max.0.is_some() && max.value() != least.value();
        // What is there and does not say "no" may say "yes".
        self.as_needed
            .0
            .is_some_and(|said| Flag::read(said) != Flag(Some(false)))
            || self.as_needed_for.0.is_some()
            || self.dose_range.0.is_some()
            || self.rates.0.iter().any(ranged)
            || !repeat.day_of_week.0.is_empty()
            || varies(&repeat.frequency_max, &repeat.frequency)
            || varies(&repeat.period_max, &repeat.period)
    }

    fn any_text(&self) -> Option<&str> {
        self.text.get().or_else(|| self.patient_text.get())
    }
}

/// Amounts of one day of one instruction.
fn doses(dosage: &Dosage<'_>, strength: Option<Decimal>, terms: Terms<'_>) -> Option<Vec<Decimal>> {
    if dosage.is_unsteady() || dosage.timing.repeat.is_odd() {
        return None;
    }
    match dosage.structured_dose() {
        Some(quantity) => {
            let amount = amount_mg(&quantity, strength, terms)?;
            let repeat = &dosage.timing.repeat;
            let text = dosage.any_text();
            let times_told = || times_in(text?, terms.vocabulary);
            let doses_told = || read_dosage_text(text?, strength, terms.vocabulary);
            let agree = |doses: Vec<Decimal>| doses.iter().all(|dose| *dose == amount).then_some(doses);
            // Once in a period is only assumed where nothing says how often.
            let assumed = repeat.frequency.0.is_none() && repeat.names_no_time();
            if let Some(times) = assumed.then(times_told).flatten() {
                return Some(vec![amount; times]);
            }
            if let Some(doses) = assumed.then(doses_told).flatten() {
                return agree(doses);
            }
            let times = times(&dosage.timing, terms).or_else(times_told);
            times
                .map(|times| vec![amount; times])
                .or_else(|| agree(doses_told()?))
        }
        None => read_dosage_text(dosage.any_text()?, strength, terms.vocabulary),
    }
}

/// A structured amount in mg: a mass, or counted units of known strength.
fn amount_mg(quantity: &Quantity<'_>, strength: Option<Decimal>, terms: Terms<'_>) -> Option<Decimal> {
    let value = quantity.value.value().filter(|value| *value > Decimal::ZERO)?;
    if quantity.comparator.get().is_some() {
        return None;
    }
    let factor = [&quantity.code, &quantity.unit].into_iter().find_map(|unit| {
        let unit = unit.get()?.to_lowercase();
        let counted = || {
            let bare = unit.trim_matches(['{', '}']).trim_end_matches("(s)");
            let known = |word: &str| terms.vocabulary.unit_words.iter().any(|known| **known == *word);
            if unit == "1" || known(&unit) || known(bare) {
                strength
            } else {
                None
            }
        };
        metric_mg(&unit).or_else(counted)
    })?;
    value.checked_mul(factor)
}

/// Doses per day.
fn times(timing: &Timing<'_>, terms: Terms<'_>) -> Option<usize> {
    times_of_repeat(&timing.repeat).or_else(|| {
        let coded = timing
            .code
            .coding
            .0
            .iter()
            .find_map(|coding| terms.timing(coding));
        coded.and_then(whole_times).or_else(|| {
            timing
                .code
                .texts()
                .find_map(|text| times_in(text, terms.vocabulary))
        })
    })
}

impl Repeat<'_> {
    fn names_no_time(&self) -> bool {
        self.time_of_day.0.is_empty() && self.when.0.is_empty()
    }

    /// Whether a number or the unit of the rhythm is there and cannot be read.
    fn is_odd(&self) -> bool {
        let numbers = [
            &self.frequency,
            &self.frequency_max,
            &self.period,
            &self.period_max,
        ];
        numbers.iter().any(|number| number.is_odd()) || self.period_unit.is_odd()
    }
}

fn times_of_repeat(repeat: &Repeat<'_>) -> Option<usize> {
    let named = repeat.time_of_day.0.len() + repeat.when.0.len();
    if named > 0 {
        let known = repeat
            .when
            .0
            .iter()
            .all(|event| event.get().and_then(event_minutes).is_some());
        let daily = repeat.period.value().is_none_or(|period| period == Decimal::ONE)
            && repeat.period_unit.get().is_none_or(|unit| unit == "d");
        let agrees = repeat
            .frequency
            .value()
            .is_none_or(|n| n == Decimal::from(named) || n == Decimal::ONE);
        return (known && daily && agrees).then_some(named);
    }
    let period = repeat.period.value().filter(|period| *period > Decimal::ZERO)?;
    let frequency = repeat.frequency.value().unwrap_or(Decimal::ONE);
    let hours = match repeat.period_unit.get()? {
        "h" => Decimal::ONE,
        "d" => Decimal::from(24),
        "wk" => Decimal::from(24 * 7),
        _ => return None,
    };
    let per_day = frequency
        .checked_mul(Decimal::from(24))?
        .checked_div(period.checked_mul(hours)?)?;
    whole_times(per_day.normalize())
}

/// `timeOfDay` in minutes.
fn minutes(text: &str) -> Option<u32> {
    let (hour, rest) = text.split_once(':')?;
    let minute: u32 = rest.get(..2)?.parse().ok()?;
    let hour: u32 = hour.parse().ok()?;
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// The times of day that instructions name, in minutes; none where one of them names none.
pub(crate) fn dose_times(dosages: &[Dosage<'_>]) -> Vec<u16> {
    let mut times = Vec::new();
    for dosage in dosages {
        let named = &dosage.timing.repeat.time_of_day.0;
        let read = named.iter().map(|time| u16::try_from(minutes(time.get()?)?).ok());
        let Some(read) = read.collect::<Option<Vec<u16>>>().filter(|read| !read.is_empty()) else {
            return Vec::new();
        };
        times.extend(read);
    }
    times
}

/// The usual minute of an event of the day that happens once (FHIR `event-timing`), for the order taken.
fn event_minutes(code: &str) -> Option<u32> {
    let hour = match code {
        "WAKE" => 6,
        "ACM" | "CM" | "PCM" | "MORN" | "MORN.early" | "MORN.late" => 8,
        "NOON" | "ACD" | "CD" | "PCD" => 12,
        "AFT" | "AFT.early" | "AFT.late" => 15,
        "ACV" | "CV" | "PCV" | "EVE" | "EVE.early" | "EVE.late" => 18,
        "NIGHT" => 21,
        "HS" => 22,
        _ => return None,
    };
    Some(hour * 60)
}
