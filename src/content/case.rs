//! A case file, to the record of the patient that it describes.
//!
//! Cases speak of patients in plain words, so that a clinician can write them: groups instead of codes,
//! names of drugs instead of orders. What a case does not mention was looked for and not found.

use super::page::{Page, Word};
use super::phrases;
use super::schema::cases::{
    AllergyRow, Case, ConditionEntry, ConditionRow, ConditionStatus, LabRow, OrderRow, PatientRow,
};
use super::schema::signals::Sex as WrittenSex;
use crate::clinical::gap::Why;
use crate::clinical::knowledge::Knowledge;
use crate::clinical::record::{
    Allergy, Bound, Condition, Dose, Drug, LabResult, Number, Order, OrderStatus, Outcome, PatientRecord,
    Person, Procedure, Role, SOURCES, Sex, Source, Sources, Value,
};
use crate::clinical::vocabulary::{Analyte, AnalyteId, GroupId, IngredientId, LevelTiming, Site, Vocabulary};
use crate::clinical::when::When;
use jiff::Timestamp;
use jiff::ToSpan;
use rust_decimal::Decimal;
use toml::Spanned;

/// The day of a case that names none.
const TODAY: &str = "2026-11-22";

/// Reasons for which a source or result may be missing.
const WHYS: [Why; 10] = [
    Why::Absent,
    Why::Stale,
    Why::UnitUnknown,
    Why::TimingUnknown,
    Why::NotTrough,
    Why::Conflicting,
    Why::NotReadable,
    Why::NotPermitted,
    Why::FetchFailed,
    Why::OtherPatient,
];

/// The instant of a case and the patient's record. What cannot be built is recorded on the page.
pub(super) fn record(page: &Page, case: &Case, knowledge: &Knowledge) -> Option<(Timestamp, PatientRecord)> {
    let now = match phrases::instant(case.now.as_ref().map_or(TODAY, |now| now.get_ref())) {
        Ok(now) => now,
        Err(says) => {
            page.refuse_file(says);
            return None;
        }
    };
    let teller = Teller {
        page: *page,
        knowledge,
        now,
    };
    let mut orders: Vec<Order> = (1..)
        .zip(&case.orders)
        .map(|(n, row)| teller.order(n, row))
        .collect();
    orders.sort_by_key(|order| match order.role {
        Role::Stopping => 0,
        Role::Draft => 1,
        Role::Recorded => 2,
    });
    let conditions = (1..).zip(&case.conditions);
    let procedures = (1..).zip(&case.procedures);
    Some((
        now,
        PatientRecord {
            person: teller.person(&case.patient),
            orders,
            supplies: Vec::new(),
            results: (1..)
                .zip(&case.labs)
                .filter_map(|(n, row)| teller.result(n, row))
                .collect(),
            conditions: conditions
                .filter_map(|(n, entry)| teller.condition(n, entry))
                .collect(),
            allergies: (1..)
                .zip(&case.allergies)
                .filter_map(|(n, row)| teller.allergy(n, row))
                .collect(),
            procedures: procedures
                .filter_map(|(n, row)| {
                    Some(Procedure {
                        reference: Some(format!("Procedure/{n}").into()),
                        groups: vec![teller.group(&row.is)?],
                        text: row.is.get_ref().as_str().into(),
                        when: teller.date(row.done.as_ref()),
                    })
                })
                .collect(),
            sources: teller.sources(case),
            encounter: None,
        },
    ))
}

/// Reads the parts of one case.
struct Teller<'a> {
    page: Page<'a>,
    knowledge: &'a Knowledge,
    now: Timestamp,
}

impl Teller<'_> {
    fn vocabulary(&self) -> &Vocabulary {
        &self.knowledge.vocabulary
    }

    /// A value, or its problem on the page.
    fn told<T>(&self, word: &Word, value: Result<T, String>) -> Option<T> {
        value.map_err(|says| self.page.refuse(word.span(), says)).ok()
    }

    fn date(&self, word: Option<&Word>) -> Option<When> {
        word.and_then(|word| self.told(word, phrases::date(word.get_ref(), self.now)))
    }

    fn group_id(&self, name: &str) -> Option<GroupId> {
        let groups = &self.vocabulary().groups;
        (0u16..)
            .zip(groups)
            .find(|(_, known)| ***known == *name)
            .map(|(index, _)| GroupId(index))
    }

    fn group(&self, word: &Word) -> Option<GroupId> {
        let found = self.group_id(word.get_ref());
        self.told(
            word,
            found.ok_or_else(|| format!("there is no group '{}'", word.get_ref())),
        )
    }

    fn person(&self, row: &PatientRow) -> Person {
        // A hundred days past the birthday: old enough for the age, far from the next one.
        let born = |age: i16| {
            let today = When::date_of(self.now.as_second());
            today.checked_sub(age.years().days(100)).ok().map(When::day)
        };
        Person {
            reference: Some("Patient/1".into()),
            birth: self.date(row.birth.as_ref()).or_else(|| row.age.and_then(born)),
            sex: row.sex.map(|sex| match sex {
                WrittenSex::Female => Sex::Female,
                WrittenSex::Male => Sex::Male,
            }),
            deceased: row.deceased,
        }
    }

    fn condition(&self, n: usize, entry: &Spanned<ConditionEntry>) -> Option<Condition> {
        let plain;
        let row = match entry.get_ref() {
            ConditionEntry::Full(row) => row,
            ConditionEntry::Group(name) => {
                plain = ConditionRow {
                    is: name.clone(),
                    onset: None,
                    status: ConditionStatus::Active,
                    in_encounter: false,
                };
                &plain
            }
        };
        let Some(group) = self.group_id(&row.is) else {
            self.page
                .refuse(entry.span(), format!("there is no group '{}'", row.is));
            return None;
        };
        let onset = row.onset.as_deref().and_then(|text| {
            phrases::date(text, self.now)
                .map_err(|says| self.page.refuse(entry.span(), says))
                .ok()
        });
        Some(Condition {
            reference: Some(format!("Condition/{n}").into()),
            groups: vec![group],
            text: row.is.as_str().into(),
            active: matches!(
                row.status,
                ConditionStatus::Active | ConditionStatus::Recurrence | ConditionStatus::Relapse
            ),
            refuted: row.status == ConditionStatus::Refuted,
            when: onset,
            in_encounter: row.in_encounter,
            encounter_diagnosis: false,
        })
    }

    fn allergy(&self, n: usize, row: &AllergyRow) -> Option<Allergy> {
        let name = row.to.get_ref();
        let ingredient = self
            .ingredient(&name.to_lowercase())
            .ok_or_else(|| format!("no table speaks of '{name}'"));
        Some(Allergy {
            reference: Some(format!("AllergyIntolerance/{n}").into()),
            ingredient: self.told(&row.to, ingredient)?,
            local_product: row.local_product,
            text: name.as_str().into(),
            severe: row.severe,
            refuted: row.refuted,
            when: self.date(row.recorded.as_ref()),
        })
    }

    fn ingredient(&self, name: &str) -> Option<IngredientId> {
        phrases::drug_name(name, self.vocabulary()).map(|code| code.ingredient)
    }

    fn order(&self, n: usize, row: &OrderRow) -> Order {
        let named = phrases::drug(row.drug.get_ref(), self.knowledge);
        let stopping = row.stops || row.hold;
        if usize::from(stopping) + usize::from(row.draft) + usize::from(row.stopped.is_some()) > 1 {
            self.page.refuse(
                row.drug.span(),
                "an order is one of stops (or hold), draft, stopped",
            );
        }
        let (role, status) = match row {
            _ if row.hold => (Role::Stopping, OrderStatus::OnHold),
            _ if row.stops => (Role::Stopping, OrderStatus::Stopped),
            _ if row.draft => (Role::Draft, OrderStatus::Draft),
            _ if row.stopped.is_some() => (Role::Recorded, OrderStatus::Stopped),
            _ => (Role::Recorded, OrderStatus::Active),
        };
        let since = self.date(row.since.as_ref());
        let site = match row.site {
            Some(site) => Some(Site::from(site)),
            None if row.route_unknown => None,
            None => Some(named.site.unwrap_or(Site::Systemic)),
        };
        let dose = row
            .dose
            .as_ref()
            .and_then(|word| self.told(word, phrases::dose(word.get_ref(), self.vocabulary())));
        let reason = row.reason_text.as_deref().unwrap_or_default().to_lowercase();
        Order {
            reference: Some(format!("MedicationRequest/{n}").into()),
            role,
            status,
            drug: if row.unreadable {
                Drug::Unreadable
            } else {
                named.drug
            },
            drug_text: row.drug.get_ref().as_str().into(),
            site,
            formulation: named
                .formulation
                .filter(|_| site == Some(Site::Systemic) && !row.unreadable),
            dose: dose.unwrap_or(Dose::Unknown),
            authored: if row.draft {
                Some(When::instant(self.now))
            } else {
                since
            },
            starts: since,
            ends: None,
            stopped: self.date(row.stopped.as_ref()),
            restart: self.date(row.restart.as_ref()),
            reasons: self.reasons(&row.treats),
            status_reason_codes: row
                .reason
                .iter()
                .chain(&row.stopped_for)
                .map(|code| code.as_str().into())
                .collect(),
            status_reason_text: reason.into(),
            prior: None,
            written_taper: row.written_taper,
            received: None,
        }
    }

    fn reasons(&self, words: &[Word]) -> Vec<(GroupId, Box<str>)> {
        let reason = |word: &Word| Some((self.group(word)?, word.get_ref().as_str().into()));
        words.iter().filter_map(reason).collect()
    }

    fn result(&self, n: usize, row: &LabRow) -> Option<LabResult> {
        let analytes = &self.vocabulary().analytes;
        let found = (0u16..)
            .zip(analytes)
            .find(|(_, known)| *known.key == **row.is.get_ref());
        let (index, analyte) = self.told(
            &row.is,
            found.ok_or_else(|| format!("there is no analyte '{}'", row.is.get_ref())),
        )?;
        let value = match &row.value {
            _ if row.unreadable => Value::Unusable(Why::NotReadable),
            None => Value::Unusable(Why::NotReadable),
            Some(word) => self.told(word, value(word.get_ref(), analyte, self.vocabulary()))?,
        };
        Some(LabResult {
            analyte: AnalyteId(index),
            reference: Some(format!("Observation/{n}").into()),
            when: self.date(row.taken.as_ref()),
            preliminary: row.preliminary,
            value,
            range: (
                self.limit(row.lower.as_ref(), row, analyte),
                self.limit(row.upper.as_ref(), row, analyte),
            ),
            assay: row.assay.as_str().into(),
            timing: match row.trough {
                Some(true) => LevelTiming::Trough,
                Some(false) => LevelTiming::NotTrough,
                None => LevelTiming::Unstated,
            },
            hours_after_dose: row.hours_after_dose.map(|hours| hours.0),
        })
    }

    /// A limit of the laboratory, in the unit of the value unless it names its own.
    fn limit(&self, word: Option<&Word>, row: &LabRow, analyte: &Analyte) -> Option<Decimal> {
        let word = word?;
        let text = word.get_ref();
        let unit = row
            .value
            .as_ref()
            .and_then(|value| phrases::bounded(value.get_ref()).1.split_once(' '));
        let whole = match unit {
            Some((_, unit)) if !text.contains(' ') => format!("{text} {unit}"),
            _ => text.clone(),
        };
        self.told(word, phrases::canonical(&whole, &analyte.units))
            .flatten()
    }

    fn sources(&self, case: &Case) -> Sources {
        let mut sources = Sources::default();
        for source in SOURCES {
            sources.of_mut(source).outcome = Outcome::Read;
        }
        for (name, why) in &case.missing {
            let known = SOURCES.into_iter().find(|source| source.key() == name.get_ref());
            let known = self.told(
                name,
                known.ok_or_else(|| format!("there is no source '{}'", name.get_ref())),
            );
            if let Some(source) = known {
                self.miss(&mut sources, source, why);
            }
        }
        sources
    }

    fn miss(&self, sources: &mut Sources, source: Source, why: &Word) {
        let state = sources.of_mut(source);
        match (
            why.get_ref().as_str(),
            WHYS.into_iter().find(|known| known.code() == why.get_ref()),
        ) {
            ("not-sent", _) => state.outcome = Outcome::NotSent,
            (_, Some(Why::NotReadable)) => state.unreadable = true,
            (_, Some(Why::OtherPatient)) => state.foreign = true,
            (_, Some(known)) => state.outcome = Outcome::Failed(known),
            (other, None) => self
                .page
                .refuse(why.span(), format!("'{other}' is no reason for a gap")),
        }
    }
}

/// The value of a result.
fn value(text: &str, analyte: &Analyte, vocabulary: &Vocabulary) -> Result<Value, String> {
    if analyte.units.is_empty() {
        let finding = vocabulary.finding_words.get(text.to_lowercase().as_str());
        let finding = finding.ok_or_else(|| format!("'{text}' is not the word for a finding"))?;
        return Ok(Value::Coded(*finding, text.into()));
    }
    let (sign, quantity) = phrases::bounded(text);
    let Some(number) = phrases::canonical(quantity, &analyte.units)? else {
        return Ok(Value::Unusable(Why::UnitUnknown));
    };
    let bound = match sign {
        Some('<') => Bound::Below,
        Some(_) => Bound::Above,
        None => Bound::Exact,
    };
    let converted = quantity
        .split_once(' ')
        .is_some_and(|(_, unit)| unit.trim() != &*analyte.unit);
    Ok(Value::Number(Number {
        bound,
        value: number,
        as_recorded: converted.then(|| text.into()),
    }))
}
