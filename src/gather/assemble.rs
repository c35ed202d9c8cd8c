//! One record from everything that came.
//!
//! Turns the context's orders, the prefetch and the answers of the FHIR server into a [`PatientRecord`]:
//! every resource is read by its own type, whatever key it came under, counted once by its id, and dropped
//! if it is another patient's. It says of each source how it went, and which Medications are still needed.

use super::Material;
use super::changes::{changes, complete, is_signed_again, may_be_stopped, replaced_by_drafts};
use super::context::ContextOrders;
use super::fetch::Answer;
use super::outcomes::outcomes;
use crate::clinical::knowledge::Knowledge;
use crate::clinical::occasion::Occasion;
use crate::clinical::record::{Condition, Outcome, PatientRecord, Role, SOURCES, Source, SourceState};
use crate::clinical::stops;
use crate::clinical::when::When;
use crate::fhir::bundle::{Given, Shape, State};
use crate::fhir::elements::date;
use crate::fhir::json::{Document, Node, Object, Text, lens};
use crate::fhir::medication::{Shelf, relative};
use crate::fhir::observation::{About, observation};
use crate::fhir::order::{ReadOrder, Scope, as_it_came, ends_with, order};
use crate::fhir::subject::{Subjects, is_id, is_type};
use crate::fhir::{allergy, condition, patient, supply};
use std::borrow::Cow;
use std::collections::HashMap;

/// The record, and the references to Medications that nothing resolved.
pub(super) struct Assembled {
    pub(super) record: PatientRecord,
    pub(super) unresolved: Vec<Box<str>>,
}

/// The types that are read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Patient,
    Order,
    Observation,
    Condition,
    Allergy,
    Procedure,
    Statement,
    Dispense,
}

/// Every type that is read.
const KINDS: [(&str, Kind); 8] = [
    ("Observation", Kind::Observation),
    ("Condition", Kind::Condition),
    ("MedicationRequest", Kind::Order),
    ("Procedure", Kind::Procedure),
    ("AllergyIntolerance", Kind::Allergy),
    ("MedicationDispense", Kind::Dispense),
    ("MedicationStatement", Kind::Statement),
    ("Patient", Kind::Patient),
];

impl Kind {
    /// The kind of a type's name, in capitals or not.
    fn of(name: &str) -> Option<Self> {
        let known = KINDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map(|(_, kind)| *kind)
    }

    /// The source that it is a part of.
    fn source(self) -> Source {
        match self {
            Kind::Patient => Source::Patient,
            Kind::Order | Kind::Statement | Kind::Dispense => Source::Medications,
            Kind::Observation => Source::Observations,
            Kind::Condition => Source::Conditions,
            Kind::Allergy => Source::Allergies,
            Kind::Procedure => Source::Procedures,
        }
    }
}

/// Builds the record.
pub(super) fn assemble(
    material: &Material<'_>,
    orders: &ContextOrders<'_>,
    subjects: &Subjects<'_>,
    answers: &[Answer],
) -> Assembled {
    let pages = answers
        .iter()
        .flat_map(|answer| answer.fetched.pages.iter().map(|page| (answer.source, page)));
    let documents: Vec<(Option<Source>, Document<'_>)> = pages
        .filter_map(|(source, page)| Some((source, Document::parse(page).ok()?)))
        .collect();
    let fetched: Vec<(Option<Source>, Given<'_>)> = documents
        .iter()
        .map(|(source, page)| (*source, Given::of(page.root())))
        .collect();
    let given = material.request.prefetch.answers.iter();
    let given = given.map(|(key, given)| (SOURCES.into_iter().find(|source| source.key() == key), given));
    let mut pool = Pool::default();
    for (source, given) in given.chain(fetched.iter().map(|(source, given)| (*source, given))) {
        pool.add(source, given);
    }
    for key in SUPPLIES {
        let given = material.request.prefetch.get(key);
        pool.supplies_hidden |= given.is_some_and(hides_something);
    }
    for (url, resource) in &orders.beside {
        match resource.kind().as_deref() {
            Some("Medication") => pool.shelf.put("Medication", url.get(), resource),
            Some("Condition") if subjects.owns(resource) => pool.shelf.put("Condition", url.get(), resource),
            _ => {}
        }
    }
    // In what order, and under which key, resources came must not change a word of the answer.
    pool.items
        .sort_by(|one, other| (one.kind, &one.id).cmp(&(other.kind, &other.id)));
    let mut reader = Reader::new(material, &pool, subjects);
    reader.context(orders);
    for copies in pool.items.chunk_by(|one, other| one.is_copy_of(other)) {
        reader.item(copies);
    }
    let how = outcomes(material.request, &fetched, answers);
    reader.finish(material.knowledge, &pool, orders, &how)
}

/// Prefetch keys of dispenses and statements, which nobody has to send.
const SUPPLIES: [&str; 2] = ["statements", "dispenses"];

/// Whether an answer failed, is not whole, or holds an entry that cannot be read.
fn hides_something(given: &Given<'_>) -> bool {
    let of_no_type = |resource: &Object<'_>| matches!(resource.kind().as_deref(), None | Some("Bundle"));
    match (given.state(), &given.0) {
        (State::Failed | State::NotFhir, _) => true,
        (_, Shape::Bundle(bundle)) => {
            let mut entries = bundle.entries.iter();
            bundle.is_partial() || bundle.next().is_some() || entries.any(|entry| of_no_type(&entry.resource))
        }
        (State::Null | State::Empty | State::Data, _) => false,
    }
}

/// A resource of a type that is read.
struct Item<'p> {
    kind: Kind,
    /// Its id, or else the end of its full address.
    id: Option<Cow<'p, str>>,
    resource: &'p Object<'p>,
    source: Option<Source>,
}

/// Everything that came, sorted by use.
#[derive(Default)]
struct Pool<'p> {
    items: Vec<Item<'p>>,
    shelf: Shelf<'p>,
    /// A dispense or a statement may be missing.
    supplies_hidden: bool,
    /// Sources under whose key something came of which not even the type can be read.
    unreadable: Vec<Source>,
}

impl<'p> Pool<'p> {
    fn add(&mut self, source: Option<Source>, given: &'p Given<'p>) {
        match &given.0 {
            Shape::Bundle(bundle) => {
                for entry in &bundle.entries {
                    self.resource(source, &entry.full_url, &entry.resource);
                }
            }
            Shape::Resource(resource) => self.resource(source, &Text::default(), resource),
            Shape::Null | Shape::NotFhir => {}
        }
    }

    fn resource(&mut self, source: Option<Source>, url: &Text<'p>, resource: &'p Object<'p>) {
        let name = resource.kind();
        match name.as_deref() {
            Some("Medication") => self.shelf.put("Medication", url.get(), resource),
            None | Some("Bundle") => self.unreadable.extend(source),
            // Orders of DSTU2: there is a list, and it cannot be read.
            Some("MedicationOrder") => self.unreadable.push(Source::Medications),
            Some(name) => {
                let kind = Kind::of(name.trim());
                if kind.is_none() && !is_type(name) {
                    self.unreadable.extend(source);
                }
                let id = || resource.id().or_else(|| id_at_end(url.get()?, name));
                self.items.extend(kind.map(|kind| Item {
                    id: id(),
                    kind,
                    resource,
                    source,
                }));
            }
        }
    }
}

impl Item<'_> {
    /// Whether both are the same resource.
    fn is_copy_of(&self, other: &Self) -> bool {
        self.id.is_some() && self.kind == other.kind && self.id == other.id
    }

    /// What makes one of several copies count: the later change, the later version, the fuller text.
    fn rank(&self) -> (Option<i64>, Option<u64>, usize, &str) {
        let meta: Meta<'_> = self.resource.get("meta");
        let text = self.resource.node().map_or("", Node::raw);
        (
            date(&meta.last_updated).map(When::latest),
            meta.version.get().and_then(|version| version.parse().ok()),
            text.len(),
            text,
        )
    }
}

lens! {
    /// `Meta`.
    struct Meta {
        version: Text<'a> = "versionId",
        last_updated: Text<'a> = "lastUpdated",
    }
}

/// The id at the end of a full address of a type.
fn id_at_end<'a>(url: &str, kind: &str) -> Option<Cow<'a, str>> {
    let (path, id) = url.rsplit_once('/')?;
    let fits = path.rsplit('/').next() == Some(kind) && is_id(id);
    fits.then(|| Cow::Owned(id.to_owned()))
}

/// Reads resources into the record.
struct Reader<'r> {
    scope: Scope<'r>,
    shelf: &'r Shelf<'r>,
    subjects: &'r Subjects<'r>,
    encounter: Option<&'r str>,
    record: PatientRecord,
    /// Place of an order, and the conditions that are its reasons.
    reasons: Vec<(usize, Vec<Box<str>>)>,
    unresolved: Vec<Box<str>>,
    /// Orders of the context by reference, with their place.
    sent: HashMap<Box<str>, usize>,
    came: [bool; SOURCES.len()],
    /// Orders of the record, by place, where one of them may turn out to be what stops.
    copies: Vec<(usize, &'r Object<'r>)>,
}

impl<'r> Reader<'r> {
    fn new(material: &'r Material<'_>, pool: &'r Pool<'r>, subjects: &'r Subjects<'r>) -> Self {
        let encounter = material.request.context.encounter.as_deref();
        let record = PatientRecord {
            occasion: material.request.occasion,
            encounter: encounter.map(|id| format!("Encounter/{id}").into()),
            ..PatientRecord::default()
        };
        Reader {
            scope: Scope {
                terms: material.terms,
                base: material.base,
                now: material.now,
            },
            shelf: &pool.shelf,
            subjects,
            encounter,
            record,
            reasons: Vec::new(),
            unresolved: Vec::new(),
            sent: HashMap::new(),
            came: [false; SOURCES.len()],
            copies: Vec::new(),
        }
    }

    /// The orders of the context, counted once.
    fn context(&mut self, orders: &'r ContextOrders<'r>) {
        for sent in &orders.orders {
            let mut read = order(&sent.order, sent.role, self.shelf, self.scope);
            read.order.received = sent.received.map(|node| node.raw().into());
            if let Some(address) = &sent.address {
                read.order.reference = Some(address.clone());
            }
            if let Some(reference) = &read.order.reference {
                if self.sent.contains_key(reference) {
                    continue;
                }
                self.sent.insert(reference.clone(), self.record.orders.len());
            }
            self.order(read);
        }
    }

    fn order(&mut self, read: ReadOrder) {
        match read.unmapped {
            Some(true) => self.record.unmapped.standard += 1,
            Some(false) => self.record.unmapped.local += 1,
            None => {}
        }
        if !read.reasons.is_empty() {
            self.reasons.push((self.record.orders.len(), read.reasons));
        }
        let wanted = read
            .unresolved
            .as_deref()
            .and_then(|reference| relative(reference, self.scope.base));
        if let Some(wanted) = wanted.filter(|wanted| wanted.starts_with("Medication/"))
            && !self.unresolved.iter().any(|known| **known == *wanted)
        {
            self.unresolved.push(wanted.into());
        }
        self.record.orders.push(read.order);
    }

    /// Notes that something is of another patient, or of somebody whom nothing tells.
    fn dropped(&mut self, item: &Item<'r>) {
        let unknown = item.kind != Kind::Patient && self.subjects.does_not_tell(item.resource);
        let state = self.state(item.kind.source());
        state.unreadable |= unknown;
        state.foreign |= !unknown;
    }

    fn is_own(&self, item: &Item<'_>) -> bool {
        match item.kind {
            Kind::Patient => self.subjects.is(item.resource),
            _ => self.subjects.owns(item.resource),
        }
    }

    fn state(&mut self, source: Source) -> &mut SourceState {
        self.record.sources.of_mut(source)
    }

    /// Reads a resource of which one or more copies came; one of the patient.
    fn item(&mut self, copies: &[Item<'r>]) {
        let mut best: Option<&Item<'r>> = None;
        for item in copies {
            if !self.is_own(item) {
                self.dropped(item);
            } else if best.is_none_or(|best| item.rank() > best.rank()) {
                best = Some(item);
            }
        }
        let Some(item) = best else { return };
        let source = item.source.unwrap_or(item.kind.source());
        self.came[item.kind.source() as usize] = true;
        if self.read(item) == About::Nothing {
            self.state(source).unreadable = true;
        }
    }

    fn read(&mut self, item: &Item<'r>) -> About {
        let (terms, of, record) = (self.scope.terms, item.resource, &mut self.record);
        match item.kind {
            Kind::Patient => {
                let (person, about) = patient::patient(of, self.scope.now);
                record.person = person;
                return about;
            }
            Kind::Order => self.recorded(of, item.id.as_deref()),
            Kind::Observation => return self.observation(of),
            Kind::Condition => {
                return condition::condition(of, terms, self.encounter, &mut record.conditions);
            }
            Kind::Allergy => return allergy::allergy(of, terms, &mut record.allergies),
            Kind::Procedure => return condition::procedure(of, terms, &mut record.procedures),
            Kind::Statement => record
                .supplies
                .extend(supply::statement(of, self.shelf, self.scope)),
            Kind::Dispense => record
                .supplies
                .extend(supply::dispense(of, self.shelf, self.scope)),
        }
        About::Something
    }

    fn observation(&mut self, of: &Object<'_>) -> About {
        let before = self.record.results.len();
        let about = observation(of, self.scope.terms, self.scope.now, &mut self.record.results);
        let screens = self.record.results[before..].iter();
        let screen = |id| self.scope.terms.vocabulary.analyte(id).screen;
        self.came[Source::Screens as usize] |= screens.into_iter().any(|result| screen(result.analyte));
        about
    }

    /// An order of the record; of one that the context carries too, only what the context's copy lacks.
    fn recorded(&mut self, of: &'r Object<'r>, id: Option<&str>) {
        let mut read = order(of, Role::Recorded, self.shelf, self.scope);
        if read.order.reference.is_none() {
            read.order.reference = id.map(|id| ["MedicationRequest/", id].concat().into());
        }
        let sent = read
            .order
            .reference
            .as_ref()
            .and_then(|reference| self.sent.get(reference).copied());
        let signing = self.record.occasion == Occasion::Signing;
        match sent {
            None => self.copy(of, read),
            Some(place) if signing && changes(&self.record.orders[place], &read.order) => {
                // What the order was is what ends; what it becomes stands among the drafts.
                read.order.role = Role::Stopping;
                self.copy(of, read);
            }
            Some(place) => {
                let order = &mut self.record.orders[place];
                if signing && may_be_stopped(order, &read.order) {
                    order.role = Role::Stopping;
                }
                if signing && is_signed_again(order, &read.order) {
                    order.role = Role::Recorded;
                    order.stopped = read.order.stopped;
                }
                complete(order, read.order);
                if !self.reasons.iter().any(|(of, _)| *of == place) {
                    self.reasons.push((place, read.reasons));
                }
            }
        }
    }

    /// An order that only the record holds.
    fn copy(&mut self, of: &'r Object<'r>, mut read: ReadOrder) {
        let occasion = self.record.occasion;
        if occasion.looks_for_ended() {
            read.order.ends_with_stay = ends_with(of, self.encounter);
        }
        if occasion.looks_for_ended() || occasion == Occasion::Signing {
            self.copies.push((self.record.orders.len(), of));
        }
        self.order(read);
    }

    /// Marks what ends without being named as ended, with the order as it came.
    fn mark_stops(&mut self, knowledge: &Knowledge) {
        if self.copies.is_empty() {
            return;
        }
        if self.record.occasion == Occasion::Signing {
            replaced_by_drafts(&mut self.record);
        }
        stops::mark(&mut self.record, knowledge, self.scope.now);
        for (place, of) in &self.copies {
            let order = &mut self.record.orders[*place];
            if order.role == Role::Stopping {
                order.received = Some(as_it_came(of));
            }
        }
        self.record.orders.sort_by_key(|order| match order.role {
            Role::Stopping => 0,
            Role::Draft => 1,
            Role::Recorded => 2,
        });
    }

    fn finish(
        mut self,
        knowledge: &Knowledge,
        pool: &Pool<'_>,
        orders: &ContextOrders<'_>,
        how: &[(Source, Outcome)],
    ) -> Assembled {
        for (place, references) in std::mem::take(&mut self.reasons) {
            for reference in references {
                let is_it = |condition: &&Condition| condition.reference.as_deref() == Some(&*reference);
                let Some(condition) = self.record.conditions.iter().find(is_it) else {
                    continue;
                };
                let groups = condition
                    .groups
                    .iter()
                    .map(|group| (*group, condition.text.clone()));
                self.record.orders[place].reasons.extend(groups);
            }
        }
        self.mark_stops(knowledge);
        self.record.supplies_hidden = pool.supplies_hidden;
        for source in &pool.unreadable {
            self.state(*source).unreadable = true;
        }
        self.state(Source::Medications).unreadable |= orders.unreadable;
        self.record.context_unread = orders.unreadable;
        for (source, outcome) in how {
            let came = *outcome == Outcome::NotSent && self.came[*source as usize];
            self.state(*source).outcome = if came { Outcome::Read } else { *outcome };
        }
        Assembled {
            record: self.record,
            unresolved: self.unresolved,
        }
    }
}
