//! One condition of a FHIR search.
//!
//! In: the value of a search parameter. Out: a filter that takes a resource or does not (FHIR R4 section
//! 3.1.1.4: token and date parameters). Dates are compared by day.

use super::resource;
use super::search::BadQuery;
use serde_json::Value;

/// A condition on a resource.
#[derive(Debug, PartialEq)]
pub(super) enum Filter {
    /// One of these ids.
    Id(Vec<String>),
    /// One of these codes, each with its system if that was given.
    Token(Field, Vec<(Option<String>, String)>),
    /// A day, or the beginning of one such as `2026-11`.
    Date(Compare, String),
}

/// What a token is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Field {
    Code,
    Category,
    Status,
    ClinicalStatus,
}

/// How a date is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Compare {
    Equal,
    Before,
    After,
    From,
    UpTo,
}

impl Filter {
    /// Whether the resource fulfils it.
    pub(super) fn takes(&self, found: &Value) -> bool {
        match self {
            Filter::Id(ids) => ids.iter().any(|id| id == resource::id(found)),
            Filter::Token(field, wanted) => field.has(found, wanted),
            Filter::Date(compare, day) => {
                let when = resource::day(resource::when(found));
                let part = when.get(..day.len()).unwrap_or(when);
                !when.is_empty() && compare.holds(part.cmp(day))
            }
        }
    }
}

impl Field {
    fn has(self, found: &Value, wanted: &[(Option<String>, String)]) -> bool {
        let codings: Vec<(&str, &str)> = match self {
            Field::Status => vec![("", resource::text(found, "/status"))],
            Field::ClinicalStatus => resource::codings(found.get("clinicalStatus")).collect(),
            Field::Code => {
                resource::codings(found.get("code").or(found.get("medicationCodeableConcept"))).collect()
            }
            Field::Category => {
                let categories = resource::items(found, "/category");
                categories
                    .iter()
                    .flat_map(|category| resource::codings(Some(category)))
                    .collect()
            }
        };
        wanted.iter().any(|(system, code)| {
            codings.iter().any(|(its_system, its_code)| {
                (code.is_empty() || code == its_code)
                    && (self == Field::Status || system.as_deref().is_none_or(|system| system == *its_system))
            })
        })
    }
}

impl Compare {
    fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Compare::Equal => order.is_eq(),
            Compare::Before => order.is_lt(),
            Compare::After => order.is_gt(),
            Compare::From => order.is_ge(),
            Compare::UpTo => order.is_le(),
        }
    }
}

/// `system|code,code,…`
pub(super) fn tokens(value: &str) -> Vec<(Option<String>, String)> {
    let token = |token: &str| match token.split_once('|') {
        Some((system, code)) => (Some(system.to_owned()), code.to_owned()),
        None => (None, token.to_owned()),
    };
    value.split(',').map(token).collect()
}

/// `ge2026-01-01`, down to the day.
pub(super) fn date(value: &str) -> Result<Filter, BadQuery> {
    let (compare, rest) = match value.get(..2) {
        Some("eq") => (Compare::Equal, &value[2..]),
        Some("lt" | "eb") => (Compare::Before, &value[2..]),
        Some("gt" | "sa") => (Compare::After, &value[2..]),
        Some("ge") => (Compare::From, &value[2..]),
        Some("le") => (Compare::UpTo, &value[2..]),
        _ => (Compare::Equal, value),
    };
    let day = resource::day(rest);
    let readable = day.len() >= 4 && day.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if readable {
        Ok(Filter::Date(compare, day.to_owned()))
    } else {
        Err(BadQuery::BadValue("date"))
    }
}
