//! The plain words of a case: dates, doses and drugs.
//!
//! Turns `14 mo ago`, `1.5 mg twice daily` and the name of a product into the values of a record, by
//! the same vocabulary that reads orders. A phrase that is none of them is an error with its words.

use super::scalar;
use crate::clinical::knowledge::Knowledge;
use crate::clinical::record::{Dose, Drug};
use crate::clinical::vocabulary::{DrugCode, FormulationId, IngredientId, ProductId, Site, Vocabulary};
use crate::clinical::when::When;
use crate::clinical::wording::has_words;
use jiff::Timestamp;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// The instant of a case: a date means its noon (UTC).
pub(super) fn instant(text: &str) -> Result<Timestamp, String> {
    let wrong = |_| format!("'{text}' is not a date or an instant");
    if text.contains('T') {
        return text.parse().map_err(wrong);
    }
    format!("{text}T12:00:00Z").parse().map_err(wrong)
}

/// A date: `14 mo ago`, `in 5 d` (whole days, as windows count them), or as FHIR writes it.
pub(super) fn date(text: &str, now: Timestamp) -> Result<When, String> {
    let wrong = || format!("'{text}' is not a date (14 mo ago, in 5 d, 2026-11-15)");
    let (span, sign) = match (text.strip_suffix(" ago"), text.strip_prefix("in ")) {
        (Some(span), None) => (span, -1),
        (None, Some(span)) => (span, 1),
        _ => return When::parse(text).ok_or_else(wrong),
    };
    let days = scalar::days(span).ok_or_else(wrong)?;
    let at = now.as_second() + sign * i64::from(days) * 86_400;
    Timestamp::from_second(at).map(When::instant).map_err(|_| wrong())
}

/// A dose: `1.5 mg twice daily`, or `2 mg morning and 1 mg evening`.
pub(super) fn dose(text: &str, vocabulary: &Vocabulary) -> Result<Dose, String> {
    let wrong = || format!("'{text}' is not a dose (1.5 mg twice daily, 2 mg morning and 1 mg evening)");
    let parts: Vec<&str> = text.split(" and ").collect();
    let mut day = Vec::new();
    for part in &parts {
        let (amount, often) = amount(part).ok_or_else(wrong)?;
        let times = match often {
            "morning" | "noon" | "evening" | "night" => 1,
            _ if parts.len() > 1 => return Err(wrong()),
            _ => {
                let known = vocabulary
                    .timing_words
                    .iter()
                    .find(|(words, _)| **words == *often);
                let per_day = known.map(|(_, per_day)| *per_day).filter(Decimal::is_integer);
                per_day.and_then(|per_day| per_day.to_usize()).ok_or_else(wrong)?
            }
        };
        day.extend(std::iter::repeat_n(amount, times));
    }
    Ok(Dose::PerDay(day))
}

/// `1.5 mg twice daily` as 1.5 and `twice daily`; in mg.
fn amount(text: &str) -> Option<(Decimal, &str)> {
    let (number, rest) = text.trim().split_once(' ')?;
    let (unit, often) = rest.trim().split_once(' ')?;
    let number: Decimal = number.parse().ok()?;
    let mg = match unit {
        "mg" => number,
        "g" => number.checked_mul(Decimal::ONE_THOUSAND)?,
        "ug" => number.checked_div(Decimal::ONE_THOUSAND)?,
        _ => return None,
    };
    Some((mg, often.trim()))
}

/// The doses of a day in an expected schedule: `1.5 + 1`.
pub(super) fn day(text: &str) -> Option<Vec<Decimal>> {
    text.split('+').map(|amount| amount.trim().parse().ok()).collect()
}

/// A result's number with its bound's sign taken off: `< 0.1 g/g`.
pub(super) fn bounded(text: &str) -> (Option<char>, &str) {
    let text = text.trim();
    match text.chars().next() {
        Some(sign @ ('<' | '>')) => (Some(sign), text[1..].trim_start_matches('=').trim()),
        _ => (None, text),
    }
}

/// What a phrase names as a drug.
pub(super) struct Named {
    /// The drug.
    pub(super) drug: Drug,
    /// Formulation: named, or the first of a reviewed drug.
    pub(super) formulation: Option<FormulationId>,
    /// Site by the name or the words of the form.
    pub(super) site: Option<Site>,
}

/// Reads a drug's phrase.
pub(super) fn drug(text: &str, knowledge: &Knowledge) -> Named {
    let vocabulary = &knowledge.vocabulary;
    let text = text.to_lowercase();
    let Some(code) = drug_name(&text, vocabulary) else {
        return Named {
            drug: Drug::Other,
            formulation: None,
            site: None,
        };
    };
    let by_word = vocabulary
        .site_words
        .iter()
        .find(|(words, _)| has_words(&text, words));
    let site = by_word.map(|(_, site)| *site).or(code.site);
    let ingredient = code.ingredient;
    let formulation = if site == Some(Site::Local) {
        None
    } else {
        formulation(&text, code, vocabulary).or_else(|| usual_formulation(ingredient, knowledge))
    };
    let strength = strength(&text);
    let product = (0u16..)
        .map(ProductId)
        .zip(&vocabulary.products)
        .find(|(_, product)| {
            product.ingredient == ingredient
                && product.strength_mg.is_some()
                && product.strength_mg == strength
                && product.formulation == formulation
        });
    Named {
        drug: Drug::Known {
            ingredient,
            product: product.map(|(id, _)| id),
        },
        formulation,
        site,
    }
}

/// What a name in a text means; the longest name wins.
pub(super) fn drug_name(text: &str, vocabulary: &Vocabulary) -> Option<DrugCode> {
    vocabulary
        .drug_names
        .iter()
        .find(|(name, _)| has_words(text, name))
        .map(|(_, code)| *code)
}

fn formulation(text: &str, code: DrugCode, vocabulary: &Vocabulary) -> Option<FormulationId> {
    let by_word = vocabulary.formulation_words.iter().find(|(words, id)| {
        vocabulary.formulation(*id).ingredient == code.ingredient && has_words(text, words)
    });
    let by_name = || vocabulary.product(code.product?).formulation;
    by_word.map(|(_, id)| *id).or_else(by_name)
}

/// The first formulation of a reviewed drug.
fn usual_formulation(ingredient: IngredientId, knowledge: &Knowledge) -> Option<FormulationId> {
    knowledge.withdrawals.iter().find(|withdrawal| {
        knowledge
            .vocabulary
            .same_family(withdrawal.ingredient, ingredient)
    })?;
    let formulations = &knowledge.vocabulary.formulations;
    (0u16..)
        .zip(formulations)
        .find(|(_, known)| known.ingredient == ingredient)
        .map(|(id, _)| FormulationId(id))
}

/// The number before ` mg`.
fn strength(text: &str) -> Option<Decimal> {
    let (before, _) = text.split_once(" mg")?;
    before.rsplit(' ').next()?.parse().ok()
}

/// A quantity of an analyte in its canonical unit; `None` where the unit is missing or unknown.
pub(super) fn canonical(
    text: &str,
    units: &rustc_hash::FxHashMap<Box<str>, crate::clinical::vocabulary::Factor>,
) -> Result<Option<Decimal>, String> {
    let (number, unit) =
        scalar::quantity(text).ok_or_else(|| format!("'{text}' is not a number with a unit"))?;
    Ok(units
        .get(unit)
        .and_then(|factor| scalar::convert(number, *factor)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary() -> Vocabulary {
        let words = [("once daily", 1), ("twice daily", 2)];
        Vocabulary {
            timing_words: words
                .map(|(words, often)| (words.into(), Decimal::from(often)))
                .into(),
            ..Vocabulary::default()
        }
    }

    #[test]
    fn dates_are_instants_before_or_after_the_case() {
        let now = instant("2026-11-22").unwrap();
        assert_eq!(date("7 d ago", now).unwrap().dated().to_string(), "2026-11-15");
        assert_eq!(date("in 5 d", now).unwrap().dated().to_string(), "2026-11-27");
        assert_eq!(date("8 mo ago", now).unwrap().dated().to_string(), "2026-03-23");
        assert_eq!(date("2024-02", now).unwrap().dated().to_string(), "2024-02");
        assert!(date("last week", now).is_err());
    }

    #[test]
    fn doses_are_amounts_of_a_day_in_the_order_taken() {
        let read = |text| dose(text, &vocabulary()).ok();
        let day = |amounts: &[&str]| {
            Some(Dose::PerDay(
                amounts.iter().map(|amount| amount.parse().unwrap()).collect(),
            ))
        };
        assert_eq!(read("1.5 mg twice daily"), day(&["1.5", "1.5"]));
        assert_eq!(read("1 g twice daily"), day(&["1000", "1000"]));
        assert_eq!(read("4.75 mg once daily"), day(&["4.75"]));
        assert_eq!(read("2 mg morning and 1 mg evening"), day(&["2", "1"]));
        for wrong in [
            "1.5 mg",
            "1 tablet twice daily",
            "2 mg now and then",
            "twice daily",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
