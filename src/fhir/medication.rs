//! What an order, a dispense or a statement is for.
//!
//! Turns `medication[x]`, and the Medication that it refers to, into a known drug, another drug or an
//! unreadable one. Codes come first, texts are the last resort, and a code of a local product beats a
//! code of the ingredient. Strength and formulation come from the product or from words, never by guess.
//! Follows FHIR R4 Medication and `medication[x]`, and the CodeableReference of R5.

use super::dosage_text::strength_in;
use super::elements::{Coding, Concept, Reference};
use super::json::{Few, List, Object, Text, lens};
use super::terms::{Terms, Words};
use crate::clinical::record::Drug;
use crate::clinical::vocabulary::{DrugCode, FormulationId, Site};
use rust_decimal::Decimal;
use std::borrow::Cow;
use std::collections::HashMap;
use url::Url;

lens! {
    /// `medication[x]` of R5, or a concept or reference written in its place.
    struct Medicine {
        concept: Concept<'a> = "concept",
        reference: Reference<'a> = "reference",
        coding: Few<Coding<'a>> = "coding",
        text: Text<'a> = "text",
        display: Text<'a> = "display",
    } else medicine_of_text;

    /// `Medication.ingredient`.
    struct Ingredient {
        concept: Concept<'a> = "itemCodeableConcept",
        item: Medicine<'a> = "item",
    }
}

fn medicine_of_text(text: Cow<'_, str>) -> Medicine<'_> {
    Medicine {
        text: Text(Some(text)),
        ..Medicine::default()
    }
}

/// Resources that others refer to, by `Type/id` and by the full address of their entry.
#[derive(Default)]
pub(crate) struct Shelf<'a> {
    places: HashMap<String, &'a Object<'a>>,
}

impl<'a> Shelf<'a> {
    /// Puts a resource on it; the first of the same address stays.
    pub(crate) fn put(&mut self, kind: &str, full_url: Option<&str>, resource: &'a Object<'a>) {
        if let Some(id) = resource.id() {
            self.places.entry(format!("{kind}/{id}")).or_insert(resource);
        }
        if let Some(url) = full_url {
            self.places.entry(url.to_owned()).or_insert(resource);
        }
    }

    /// The resource that a reference names; an absolute one also by its end, on the client's own base.
    pub(crate) fn find(&self, reference: &str, base: Option<&Url>) -> Option<&'a Object<'a>> {
        let exact = self.places.get(reference);
        exact
            .or_else(|| self.places.get(relative(reference, base)?))
            .copied()
    }
}

/// `Type/id` of a reference: as it is, or an absolute one on this base.
pub(crate) fn relative<'r>(reference: &'r str, base: Option<&Url>) -> Option<&'r str> {
    let reference = reference
        .split_once("/_history/")
        .map_or(reference, |(current, _)| current);
    if !reference.contains(':') {
        return Some(reference);
    }
    let own = base?.as_str().trim_end_matches('/');
    reference.strip_prefix(own)?.strip_prefix('/')
}

/// What was found out about a drug.
pub(crate) struct Identified {
    /// The drug.
    pub(crate) drug: Drug,
    /// As the record writes it.
    pub(crate) label: Box<str>,
    /// Systemic or local by code.
    pub(crate) coded_site: Option<Site>,
    /// Formulation of the product, or that words name.
    pub(crate) formulation: Option<FormulationId>,
    /// What one counted unit holds, in mg.
    pub(crate) strength: Option<Decimal>,
    /// Systemic or local by the codes of the dose form.
    pub(crate) form_site: Option<Site>,
    /// Everything that it is called, lower case.
    pub(crate) words: String,
    /// A reference that nothing in the data resolves.
    pub(crate) unresolved: Option<Box<str>>,
    /// Told by its text alone although it carries codes: whether one of them is of a system that the vocabulary
    /// speaks.
    pub(crate) unmapped: Option<bool>,
}

/// Everything that names the drug of one resource.
#[derive(Default)]
struct Names<'a> {
    concepts: Vec<Concept<'a>>,
    ingredients: Vec<Concept<'a>>,
    forms: Vec<Concept<'a>>,
    display: Text<'a>,
    unresolved: Option<Box<str>>,
}

/// Reads what a resource is for.
pub(crate) fn identify(
    of: &Object<'_>,
    shelf: &Shelf<'_>,
    base: Option<&Url>,
    terms: Terms<'_>,
) -> Identified {
    let mut names = Names::default();
    names.read(of, shelf, base);
    let known = names.coded(terms);
    let called = names.words();
    let words = || Words::of(&called);
    let named = match known {
        Some(_) => None,
        None => terms.drug_named(&words()),
    };
    let code = known.or(named);
    let product = code
        .and_then(|code| code.product)
        .map(|id| terms.vocabulary.product(id));
    let formulation = product.and_then(|product| product.formulation);
    Identified {
        drug: match code {
            Some(DrugCode {
                ingredient, product, ..
            }) => Drug::Known { ingredient, product },
            None if names.name_something(terms) => Drug::Other,
            None => Drug::Unreadable,
        },
        label: match code.filter(|_| !names.has_text()) {
            Some(code) => terms.name_of(code).into(),
            None => names.label().into(),
        },
        coded_site: known.and_then(|code| code.site),
        formulation: formulation.or_else(|| terms.formulation_in(&words(), code?)),
        strength: product
            .and_then(|product| product.strength_mg)
            .or_else(|| code.and_then(|_| names.strength())),
        form_site: names.forms.iter().find_map(|form| terms.route(form)),
        unmapped: named.and_then(|_| names.unmapped(terms)),
        words: called,
        unresolved: names.unresolved,
    }
}

impl<'a> Names<'a> {
    fn read(&mut self, of: &Object<'a>, shelf: &Shelf<'a>, base: Option<&Url>) {
        self.concepts.push(of.get("medicationCodeableConcept"));
        let reference: Reference<'a> = of.get("medicationReference");
        let either: Medicine<'a> = of.get("medication");
        self.concepts.push(either.concept);
        self.concepts.push(Concept {
            coding: either.coding,
            text: either.text,
        });
        for reference in [reference, either.reference] {
            self.follow(&reference, of, shelf, base);
            if self.display.get().is_none() {
                self.display = reference.display;
            }
        }
        if self.display.get().is_none() {
            self.display = either.display;
        }
        self.concepts.retain(|concept| !concept.is_empty());
    }

    /// Reads the Medication that a reference names: contained, or among what came.
    fn follow(&mut self, reference: &Reference<'a>, of: &Object<'a>, shelf: &Shelf<'a>, base: Option<&Url>) {
        let Some(target) = reference.reference.get() else {
            return;
        };
        if let Some(inside) = target.strip_prefix('#') {
            let contained: List<Object<'a>> = of.get("contained");
            let is_it = |id: &str| id.trim_start_matches('#') == inside;
            let found = contained
                .0
                .iter()
                .find(|inner| inner.id().is_some_and(|id| is_it(&id)));
            match found {
                Some(medication) => self.medication(medication),
                None => self.unresolved = Some(target.into()),
            }
        } else {
            match shelf.find(target, base) {
                Some(medication) => self.medication(medication),
                None => self.unresolved = Some(target.into()),
            }
        }
    }

    fn medication(&mut self, medication: &Object<'a>) {
        self.concepts.push(medication.get("code"));
        self.forms.push(medication.get("form"));
        self.forms.push(medication.get("doseForm"));
        let ingredients: List<Ingredient<'a>> = medication.get("ingredient");
        for ingredient in ingredients.0 {
            self.ingredients.push(ingredient.concept);
            self.ingredients.push(ingredient.item.concept);
        }
    }

    /// The drug by code: of a local product, else of a product, else the first known.
    fn coded(&self, terms: Terms<'_>) -> Option<DrugCode> {
        let of = |concepts: &[Concept<'a>]| {
            let codings = concepts.iter().flat_map(|concept| &concept.coding.0);
            let known: Vec<DrugCode> = codings.filter_map(|coding| terms.drug(coding)).collect();
            let local = known.iter().find(|code| code.site == Some(Site::Local));
            let product = || known.iter().find(|code| code.product.is_some());
            local.or_else(product).or_else(|| known.first()).copied()
        };
        let local = |code: &DrugCode| code.site == Some(Site::Local);
        let (whole, parts) = (of(&self.concepts), of(&self.ingredients));
        parts
            .filter(local)
            .filter(|_| whole.is_none_or(|code| code.product.is_none()))
            .or(whole)
            .or(parts)
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let concepts = self.concepts.iter().chain(&self.forms).chain(&self.ingredients);
        concepts.flat_map(Concept::texts).chain(self.display.get())
    }

    fn words(&self) -> String {
        let mut words = String::with_capacity(self.texts().map(|text| text.len() + 3).sum());
        for text in self.texts() {
            words.push_str(text);
            words.push_str(" \n ");
        }
        words.make_ascii_lowercase();
        words
    }

    /// Whether words name it, not codes alone.
    fn has_text(&self) -> bool {
        let mut concepts = self.concepts.iter().chain(&self.ingredients);
        self.display.get().is_some() || concepts.any(|concept| concept.texts().next().is_some())
    }

    fn label(&self) -> &str {
        let concepts = self.concepts.iter().chain(&self.ingredients);
        let mut labels = concepts.map(Concept::label).filter(|label| !label.is_empty());
        labels.next().or_else(|| self.display.get()).unwrap_or_default()
    }

    /// A text, or an unknown code of a system of which we know every drug: a drug that no table speaks of.
    fn name_something(&self, terms: Terms<'_>) -> bool {
        let concepts = self.concepts.iter().chain(&self.ingredients);
        let mut codings = concepts.flat_map(|concept| &concept.coding.0);
        self.has_text() || codings.any(|coding| terms.knows_every_drug(coding))
    }

    /// Of codes that no table knows: whether one is of a system that the vocabulary speaks; `None` without codes.
    fn unmapped(&self, terms: Terms<'_>) -> Option<bool> {
        let concepts = self.concepts.iter().chain(&self.ingredients);
        let coded = concepts.flat_map(|concept| &concept.coding.0);
        let spoken = coded.filter(|coding| coding.code.get().is_some());
        spoken
            .map(|coding| terms.speaks(coding))
            .reduce(|one, other| one || other)
    }

    /// Strength that the texts agree on.
    fn strength(&self) -> Option<Decimal> {
        let concepts = self
            .concepts
            .iter()
            .flat_map(Concept::texts)
            .chain(self.display.get());
        let mut strengths = concepts.filter_map(strength_in);
        let first = strengths.next()?;
        strengths.all(|other| other == first).then_some(first)
    }
}
