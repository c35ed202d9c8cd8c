//! What a page may be asked: units, and a plan of reduction.
//!
//! Turns a query into values within limits. Everything is optional, and what cannot be used is said and left
//! aside: an address that somebody typed never fails the page.

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Deserialize;

/// Longest field that is taken along into a new session.
const LONGEST_FIELD: usize = 64;

/// The query of a page, as it was sent.
#[derive(Default, Deserialize)]
pub(in crate::smart) struct Query {
    again: Option<String>,
    units: Option<String>,
    start: Option<String>,
    cut: Option<String>,
    most: Option<String>,
    every: Option<String>,
    form: Option<String>,
}

/// What was asked of a plan, as far as it can be used.
#[derive(Default)]
pub(super) struct Asked {
    /// First day.
    pub(super) start: Option<Date>,
    /// Largest cut of a step in percent of the current daily dose.
    pub(super) cut: Option<Decimal>,
    /// Largest cut of a step in mg.
    pub(super) most: Option<Decimal>,
    /// Days of a step.
    pub(super) every: Option<u32>,
    /// Key of a formulation.
    pub(super) form: Option<String>,
    /// What could not be used, in words.
    pub(super) refused: Vec<&'static str>,
}

impl Query {
    /// Whether the record is to be read anew.
    pub(in crate::smart) fn again(&self) -> bool {
        self.again.is_some()
    }

    /// Whether results are shown in the units of the laboratory.
    pub(super) fn recorded(&self) -> bool {
        self.units.as_deref() == Some("recorded")
    }

    /// What was asked of a plan.
    pub(super) fn plan(&self, today: Date) -> Asked {
        let mut asked = Asked {
            form: self.form.clone().filter(|form| !form.is_empty()),
            ..Asked::default()
        };
        let last = today.checked_add(365.days()).unwrap_or(today);
        asked.start = asked.take(
            self.start.as_deref(),
            "The first day must lie between today and a year from now.",
            |text| text.parse().ok().filter(|day| (today..=last).contains(day)),
        );
        let between = |low: u32, high: u32| {
            move |text: &str| {
                let value: Decimal = text.trim().replace(',', ".").parse().ok()?;
                (value >= Decimal::from(low) && value <= Decimal::from(high) && !value.is_zero())
                    .then_some(value)
            }
        };
        asked.cut = asked.take(
            self.cut.as_deref(),
            "The largest step must be 1 to 100 percent.",
            between(1, 100),
        );
        asked.most = asked.take(
            self.most.as_deref(),
            "The largest step must be more than 0 and at most 50 mg.",
            between(0, 50),
        );
        asked.every = asked.take(self.every.as_deref(), "A step must last 1 to 180 days.", |text| {
            text.trim().parse().ok().filter(|days| (1..=180).contains(days))
        });
        asked
    }

    /// The same page in other units: everything that was asked of the plan stays.
    pub(super) fn with_units(&self, units: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("units", units);
        query.extend_pairs(self.of_plan());
        query.finish()
    }

    /// The query that our own page wrote into a link, as far as its fields are known and short.
    pub(in crate::smart) fn resumed(text: &str) -> Self {
        let mut query = Query::default();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let field = match &*name {
                "units" => &mut query.units,
                "start" => &mut query.start,
                "cut" => &mut query.cut,
                "most" => &mut query.most,
                "every" => &mut query.every,
                "form" => &mut query.form,
                _ => continue,
            };
            *field = Some(value.into_owned()).filter(|value| value.len() <= LONGEST_FIELD);
        }
        query
    }

    /// Units and plan, to be opened again with; empty if nothing was asked.
    pub(in crate::smart) fn to_resume(&self) -> String {
        let units = self.units.as_deref().map(|units| ("units", units));
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(units)
            .extend_pairs(self.of_plan())
            .finish()
    }

    /// The plan alone.
    pub(super) fn plan_only(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.of_plan())
            .finish()
    }

    fn of_plan(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let fields = [
            ("start", &self.start),
            ("cut", &self.cut),
            ("most", &self.most),
            ("every", &self.every),
            ("form", &self.form),
        ];
        fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

impl Asked {
    fn take<T>(
        &mut self,
        text: Option<&str>,
        wrong: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = text.filter(|text| !text.trim().is_empty())?;
        let value = read(text);
        if value.is_none() {
            self.refused.push(wrong);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn only_our_own_fields_are_resumed() {
        let resumed = |text: &str| Query::resumed(text).to_resume();
        assert_eq!(resumed("every=21&units=recorded"), "units=recorded&every=21");
        let long = format!("form={}", "x".repeat(65));
        for text in ["", "again=1", "next=https://evil.example", &long, "%00=%ff"] {
            assert_eq!(resumed(text), "", "{text}");
        }
        assert_eq!(resumed("form=%22%3Cscript%3E"), "form=%22%3Cscript%3E");
    }

    #[test]
    fn what_cannot_be_used_is_said_and_left_aside() {
        let query = |pairs: &[(&str, &str)]| -> Query {
            let fields = pairs
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()));
            serde_json::from_value(serde_json::Value::Object(fields.collect())).unwrap()
        };
        let today = date(2026, 11, 22);
        let good = query(&[
            ("start", "2026-12-01"),
            ("cut", "12,5"),
            ("most", "0.5"),
            ("every", "7"),
        ])
        .plan(today);
        assert_eq!((good.start, good.every), (Some(date(2026, 12, 1)), Some(7)));
        assert!(
            good.refused.is_empty() && good.cut == "12.5".parse().ok() && good.most == "0.5".parse().ok()
        );
        let bad = query(&[
            ("start", "2020-01-01"),
            ("cut", "0"),
            ("most", "-1"),
            ("every", "x"),
        ])
        .plan(today);
        assert_eq!(bad.refused.len(), 4);
        assert!(bad.start.is_none() && bad.cut.is_none() && bad.most.is_none() && bad.every.is_none());
    }
}
