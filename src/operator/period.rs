//! What a page is about: days, a client, a rule, shown or withheld, a verdict.
//!
//! Turns the query of an address into a filter of the journal, and a filter back into the query of a link. Days
//! are those of UTC; the last one is included. Without a query it is the last four weeks.

use crate::journal::{Before, FindingFilter, Period, Verdict};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;

/// Days that are looked at unless asked otherwise, beside today.
const DAYS: i64 = 27;

/// The query as it is written.
#[derive(Deserialize, Default)]
struct Written {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    client: String,
    #[serde(default)]
    rule: String,
    #[serde(default)]
    cards: String,
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    before: String,
}

/// What a page is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) first: Date,
    pub(super) last: Date,
    /// Name of a client; empty for all.
    pub(super) client: String,
    /// A rule; empty for all.
    pub(super) rule: String,
    pub(super) withheld: Option<bool>,
    /// Code of a verdict, `none` for cards without one, empty for all.
    pub(super) verdict: String,
    /// Where a list goes on.
    pub(super) before: Option<Before>,
}

impl Filter {
    /// What the query asks for; `None` if it cannot be read.
    pub(super) fn read(query: &str, now: Timestamp) -> Option<Self> {
        let written = actix_web::web::Query::<Written>::from_query(query)
            .ok()?
            .into_inner();
        let today = now.to_zoned(TimeZone::UTC).date();
        let day = |text: &str, otherwise: Date| match text {
            "" => Some(otherwise),
            text => text.parse().ok(),
        };
        let last = day(&written.to, today)?;
        let first = day(&written.from, last.checked_sub(DAYS.days()).ok()?)?;
        let withheld = match written.cards.as_str() {
            "" => None,
            "withheld" => Some(true),
            "shown" => Some(false),
            _ => return None,
        };
        let known =
            matches!(written.verdict.as_str(), "" | "none") || Verdict::of(&written.verdict).is_some();
        if first > last || !known {
            return None;
        }
        Some(Self {
            first,
            last,
            client: written.client,
            rule: written.rule,
            withheld,
            verdict: written.verdict,
            before: before(&written.before)?,
        })
    }

    /// From the first day to the end of the last.
    pub(super) fn period(&self) -> Period {
        let start = |day: Date| day.to_zoned(TimeZone::UTC).map(|at| at.timestamp()).ok();
        let after = self.last.tomorrow().ok().and_then(start);
        Period {
            from: start(self.first).unwrap_or(Timestamp::MIN),
            to: after.unwrap_or(Timestamp::MAX),
        }
    }

    pub(super) fn findings(&self) -> FindingFilter {
        FindingFilter {
            period: self.period(),
            client: self.client.clone(),
            rule: self.rule.clone(),
            withheld: self.withheld,
            verdict: self.verdict.clone(),
        }
    }

    /// The value of `cards` in a form.
    pub(super) fn cards(&self) -> &'static str {
        match self.withheld {
            None => "",
            Some(true) => "withheld",
            Some(false) => "shown",
        }
    }

    /// The same for one rule, from its newest card on.
    pub(super) fn of_rule(&self, rule: &str) -> Self {
        Self {
            rule: rule.to_owned(),
            before: None,
            ..self.clone()
        }
    }

    /// The query of a link, without its question mark.
    pub(super) fn query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("from", &self.first.to_string());
        query.append_pair("to", &self.last.to_string());
        let before = self.before.map(written).unwrap_or_default();
        for (name, value) in [
            ("client", &*self.client),
            ("rule", &*self.rule),
            ("cards", self.cards()),
            ("verdict", &*self.verdict),
            ("before", &*before),
        ] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }
}

fn written(before: Before) -> String {
    format!("{}_{}", before.at.as_microsecond(), before.card)
}

/// Where a list goes on; `None` if it cannot be read.
fn before(text: &str) -> Option<Option<Before>> {
    if text.is_empty() {
        return Some(None);
    }
    let (at, card) = text.split_once('_')?;
    Some(Some(Before {
        at: Timestamp::from_microsecond(at.parse().ok()?).ok()?,
        card: card.parse().ok()?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Option<Filter> {
        Filter::read(query, "2026-11-22T23:30:00Z".parse().unwrap())
    }

    #[test]
    fn a_query_is_read_and_written() {
        let four_weeks = read("").unwrap();
        assert_eq!(four_weeks.query(), "from=2026-10-26&to=2026-11-22");
        let period = four_weeks.period();
        assert_eq!(
            (period.from.to_string(), period.to.to_string()),
            ("2026-10-26T00:00:00Z".into(), "2026-11-23T00:00:00Z".into())
        );
        let all = "from=2026-11-01&to=2026-11-02&client=a+%26+b&rule=d%2Ft%2Fr&cards=withheld&verdict=none\
                   &before=1800000000000000_67e55044-10b1-426f-9247-bb680e5fe0c8";
        let filter = read(all).unwrap();
        assert_eq!(
            (filter.query(), read(&filter.query())),
            (all.into(), Some(filter))
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for query in [
            "from=yesterday",
            "from=2026-11-03&to=2026-11-02",
            "cards=some",
            "verdict=perhaps",
            "before=1",
            "before=x_67e55044-10b1-426f-9247-bb680e5fe0c8",
            "from=2026-11-01&from=2026-11-02",
        ] {
            assert_eq!(read(query), None, "{query}");
        }
    }
}
