//! A case file, to the record of the patient that it describes.
//!
//! Cases speak of patients in plain words, so that a clinician can write them: groups instead of codes,
//! names of drugs instead of orders. What a case does not mention was looked for and not found.

mod orders;
mod results;

use super::page::{Page, Word};
use super::phrases;
use super::schema::cases::{AllergyRow, Case, ConditionEntry, ConditionRow, ConditionStatus, PatientRow};
use super::schema::signals::Sex as WrittenSex;
use crate::clinical::gap::Why;
use crate::clinical::knowledge::Knowledge;
use crate::clinical::occasion::Occasion;
use crate::clinical::record::{
    Allergy, Condition, Order, Outcome, PatientRecord, Person, Procedure, Role, SOURCES, Sex, Source,
    Sources, Unmapped,
};
use crate::clinical::vocabulary::{GroupId, IngredientId, Vocabulary};
use crate::clinical::when::When;
use jiff::Timestamp;
use jiff::ToSpan;
use toml::Spanned;

/// The day of a case that names none.
const TODAY: &str = "2026-11-22";

/// Name, among what is missing, of dispenses and statements.
const SUPPLIES: &str = "supplies";

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
            reads: Vec::new(),
            occasion: teller.occasion(case),
            context_unread: false,
            person: teller.person(&case.patient),
            orders,
            supplies: (1..)
                .zip(&case.supplies)
                .map(|(n, row)| teller.supply(n, row))
                .collect(),
            supplies_hidden: case.missing.keys().any(|name| name.get_ref() == SUPPLIES),
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
            unmapped: Unmapped::default(),
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
    /// What the hook of the case asks: the first of the listed services, unless it names one.
    fn occasion(&self, case: &Case) -> Occasion {
        let Some(word) = &case.hook else {
            return Occasion::Stop;
        };
        let hook = word.get_ref().as_str();
        if self
            .knowledge
            .services
            .iter()
            .all(|service| *service.hook != *hook)
        {
            self.page
                .refuse(word.span(), format!("no service is listed for '{hook}'"));
        }
        Occasion::of(hook)
    }

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

    /// `07:30`, in minutes of the day.
    fn clock(&self, word: &Word) -> Option<u16> {
        let text = word.get_ref();
        let time: Result<jiff::civil::Time, _> = text.parse();
        let minutes =
            |time: jiff::civil::Time| u16::try_from(i32::from(time.hour()) * 60 + i32::from(time.minute()));
        let found = time.ok().and_then(|time| minutes(time).ok());
        self.told(
            word,
            found.ok_or_else(|| format!("'{text}' is no time of the day")),
        )
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
                    recorded: None,
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
        let date = |text: Option<&str>| {
            phrases::date(text?, self.now)
                .map_err(|says| self.page.refuse(entry.span(), says))
                .ok()
        };
        let (onset, recorded) = (date(row.onset.as_deref()), date(row.recorded.as_deref()));
        Some(Condition {
            reference: Some(format!("Condition/{n}").into()),
            groups: vec![group],
            text: row.is.as_str().into(),
            active: matches!(
                row.status,
                ConditionStatus::Active | ConditionStatus::Recurrence | ConditionStatus::Relapse
            ),
            refuted: row.status == ConditionStatus::Refuted,
            when: onset.or(recorded),
            recorded: onset.and(recorded),
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

    fn sources(&self, case: &Case) -> Sources {
        let mut sources = Sources::default();
        for source in SOURCES {
            sources.of_mut(source).outcome = Outcome::Read;
        }
        let sources_missing = case.missing.iter().filter(|(name, _)| name.get_ref() != SUPPLIES);
        for (name, why) in sources_missing {
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
        match (why.get_ref().as_str(), Why::of(why.get_ref())) {
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
