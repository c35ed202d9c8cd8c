//! What came under one prefetch key, or as one answer of a FHIR server.
//!
//! Turns a JSON value into [`Given`]: the entries of a Bundle become objects, so that one bad resource is one
//! bad resource. It does not look into resources.
//! Follows FHIR R4 section 2.36 (Bundle) and CDS Hooks 2.0.1, "Prefetch query response"; a Bundle whose
//! only entry is an outcome of the search is empty, as some EHRs write it.

use crate::clinical::gap::Why;

use super::json::{List, Node, Number, Object, Raw, Read, Text, lens};

/// One answer, in the states that the protocol tells apart; a key that is absent has none.
pub struct Given<'a>(pub(crate) Shape<'a>);

/// Which state an answer is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// `null`: looked for, none there.
    Null,
    /// A Bundle without resources: looked for, none there.
    Empty,
    /// An OperationOutcome: the query failed.
    Failed,
    /// Neither a resource nor a Bundle.
    NotFhir,
    /// Something to read.
    Data,
}

pub(crate) enum Shape<'a> {
    Null,
    NotFhir,
    Bundle(Bundle<'a>),
    Resource(Object<'a>),
}

/// A Bundle with its entries.
pub(crate) struct Bundle<'a> {
    pub(crate) entries: Vec<Entry<'a>>,
    fields: Object<'a>,
}

lens! {
    /// `Bundle.entry`.
    struct Entry {
        full_url: Text<'a> = "fullUrl",
        search: Search<'a> = "search",
        resource: Object<'a> = "resource",
    }

    /// `Bundle.entry` with the resource as it came.
    struct RawEntry {
        full_url: Text<'a> = "fullUrl",
        resource: Raw<'a> = "resource",
    }

    /// `Bundle` with its entries as they came.
    struct RawBundle {
        kind: Text<'a> = "resourceType",
        entry: List<RawEntry<'a>> = "entry",
        total: Number<'a> = "total",
    }

    /// `Bundle.entry.search`.
    struct Search {
        mode: Text<'a> = "mode",
    }

    /// `Bundle.link`.
    struct Link {
        relation: Text<'a> = "relation",
        url: Text<'a> = "url",
    }

    /// `OperationOutcome.issue`.
    struct Issue {
        severity: Text<'a> = "severity",
        code: Text<'a> = "code",
    }
}

/// Whether something stands in the place of the entries of a Bundle that is no list of them.
pub(crate) fn hides_entries(bundle: Node<'_>) -> bool {
    let entry = Object::read(bundle).raw("entry");
    entry.is_some_and(|entry| !entry.is_list() && !entry.is_object())
}

impl<'a> Given<'a> {
    /// Sorts a value.
    pub fn of(node: Node<'a>) -> Self {
        let fields = Object::read(node);
        Given(match fields.kind().as_deref() {
            _ if node.is_null() => Shape::Null,
            Some("Bundle") => Shape::Bundle(Bundle {
                entries: fields.get::<List<Entry<'a>>>("entry").0,
                fields,
            }),
            Some(_) => Shape::Resource(fields),
            None => Shape::NotFhir,
        })
    }

    /// Full address and id of the Patients in it, for subjects like `urn:uuid:…`.
    pub(crate) fn patients(&self) -> impl Iterator<Item = (String, Option<String>)> {
        let entries = match &self.0 {
            Shape::Bundle(bundle) => &bundle.entries[..],
            _ => &[],
        };
        entries
            .iter()
            .filter_map(|entry| patient_at(&entry.full_url, &entry.resource))
    }

    /// Address of the next page, if it is a Bundle that has one.
    pub fn next(&self) -> Option<String> {
        match &self.0 {
            Shape::Bundle(bundle) => bundle.next(),
            _ => None,
        }
    }

    /// Why the query failed, where its outcome says so: what may not be read is no failure of the server.
    pub fn why_failed(&self) -> Why {
        let refused = match &self.0 {
            Shape::Null | Shape::NotFhir => false,
            Shape::Resource(resource) => is_refusal(resource),
            Shape::Bundle(bundle) => {
                let mut outcomes = bundle.entries.iter().filter(|entry| entry.is_outcome());
                outcomes.any(|entry| is_refusal(&entry.resource))
            }
        };
        if refused {
            Why::NotPermitted
        } else {
            Why::FetchFailed
        }
    }

    /// Its state.
    pub fn state(&self) -> State {
        match &self.0 {
            Shape::Null => State::Null,
            Shape::NotFhir => State::NotFhir,
            Shape::Resource(resource) => match resource.kind().as_deref() {
                Some("OperationOutcome") if only_informs(resource) => State::Empty,
                Some("OperationOutcome") => State::Failed,
                Some(_) => State::Data,
                None => State::NotFhir,
            },
            Shape::Bundle(bundle) => bundle.state(),
        }
    }
}

/// Full address and id of an entry that is a Patient.
pub(crate) fn patient_at(full_url: &Text<'_>, resource: &Object<'_>) -> Option<(String, Option<String>)> {
    let is_urn = full_url.get().is_some_and(|url| url.starts_with("urn:"));
    if !is_urn || resource.kind().as_deref() != Some("Patient") {
        return None;
    }
    Some((full_url.or_empty().to_owned(), resource.id().map(Into::into)))
}

/// Whether every issue of an outcome is mere information.
fn only_informs(outcome: &Object<'_>) -> bool {
    let issues: List<Issue<'_>> = outcome.get("issue");
    let informs = |issue: &Issue<'_>| issue.severity.is("information") || issue.severity.is("success");
    !issues.0.is_empty() && issues.0.iter().all(informs)
}

/// Whether an issue of an outcome says that reading is not permitted (FHIR `issue-type`, below `security`).
fn is_refusal(outcome: &Object<'_>) -> bool {
    let issues: List<Issue<'_>> = outcome.get("issue");
    let codes = ["forbidden", "security", "login", "expired"];
    issues
        .0
        .iter()
        .any(|issue| codes.iter().any(|code| issue.code.is(code)))
}

impl Bundle<'_> {
    fn state(&self) -> State {
        let outcomes = || self.entries.iter().filter(|entry| entry.is_outcome());
        if self.entries.iter().any(|entry| !entry.is_outcome()) {
            State::Data
        } else if outcomes().any(|entry| entry.tells_of_failure()) || self.counts_more_than_it_holds() {
            State::Failed
        } else {
            State::Empty
        }
    }

    /// Whether a part of the search failed although resources came.
    pub(crate) fn is_partial(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.is_outcome() && entry.tells_of_failure())
    }

    /// An empty page that counts matches was not sent whole (a summary, or a filter on the way).
    fn counts_more_than_it_holds(&self) -> bool {
        let total: Number<'_> = self.fields.get("total");
        total.value().is_some_and(|total| !total.is_zero()) && self.next().is_none()
    }

    /// Address of the next page.
    pub(crate) fn next(&self) -> Option<String> {
        let links: List<Link<'_>> = self.fields.get("link");
        let next = links.0.iter().find(|link| link.relation.is("next"))?;
        next.url.get().map(str::to_owned)
    }
}

impl Entry<'_> {
    fn is_outcome(&self) -> bool {
        self.resource.kind().as_deref() == Some("OperationOutcome")
    }

    /// An outcome that is an error; without a severity, one that is not marked as a mere remark.
    fn tells_of_failure(&self) -> bool {
        let issues: List<Issue<'_>> = self.resource.get("issue");
        let severe = issues
            .0
            .iter()
            .any(|issue| issue.severity.is("error") || issue.severity.is("fatal"));
        severe || (issues.0.is_empty() && !self.search.mode.is("outcome"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::Document;
    use super::*;

    fn state(json: &str) -> State {
        Given::of(Document::parse(json).unwrap().root()).state()
    }

    #[test]
    fn the_states_of_an_answer_are_told_apart() {
        assert_eq!(state("null"), State::Null);
        assert_eq!(state(r#"{"resourceType":"Bundle"}"#), State::Empty);
        assert_eq!(state(r#"{"resourceType":"Bundle","entry":[]}"#), State::Empty);
        assert_eq!(
            state(r#"{"resourceType":"OperationOutcome","issue":[]}"#),
            State::Failed
        );
        assert_eq!(
            state(r#"{"entry":[{"resource":{"resourceType":"X"}}],"resourceType":"Bundle"}"#),
            State::Data
        );
        assert_eq!(state(r#"{"resourceType":"Patient"}"#), State::Data);
        let outcome = |severity: &str| {
            let json =
                format!(r#"{{"resourceType":"OperationOutcome","issue":[{{"severity":"{severity}"}}]}}"#);
            state(&json)
        };
        assert_eq!(outcome("information"), State::Empty);
        assert_eq!(outcome("warning"), State::Failed);
        assert_eq!(outcome("error"), State::Failed);
        for other in ["5", "1.5", "\"x\"", "[]", "{}", "true", r#"{"resourceType":7}"#] {
            assert_eq!(state(other), State::NotFhir, "{other}");
        }
    }

    #[test]
    fn an_outcome_entry_is_a_remark_or_a_failure() {
        let with = |search: &str, issue: &str| {
            state(&format!(
                r#"{{"resourceType":"Bundle","entry":[{{{search}"resource":{{"resourceType":"OperationOutcome","issue":{issue}}}}}]}}"#
            ))
        };
        assert_eq!(
            with(r#""search":{"mode":"outcome"},"#, r#"[{"severity":"warning"}]"#),
            State::Empty
        );
        assert_eq!(
            with(r#""search":{"mode":"outcome"},"#, r#"[{"severity":"error"}]"#),
            State::Failed
        );
        assert_eq!(with(r#""search":{"mode":"outcome"},"#, "[]"), State::Empty);
        assert_eq!(with("", "[]"), State::Failed);
    }

    #[test]
    fn what_may_not_be_read_is_told_from_what_failed() {
        let why = |code: &str| {
            let outcome = format!(
                r#"{{"resourceType":"OperationOutcome","issue":[{{"severity":"error","code":"{code}"}}]}}"#
            );
            let bundle = format!(r#"{{"resourceType":"Bundle","entry":[{{"resource":{outcome}}}]}}"#);
            let of = |json: &str| Given::of(Document::parse(json).unwrap().root()).why_failed();
            assert_eq!(of(&outcome), of(&bundle));
            of(&outcome)
        };
        for code in ["forbidden", "security", "login"] {
            assert_eq!(why(code), Why::NotPermitted, "{code}");
        }
        assert_eq!(why("exception"), Why::FetchFailed);
        assert_eq!(why("suppressed"), Why::FetchFailed);
    }

    #[test]
    fn a_count_without_entries_is_not_an_empty_answer() {
        assert_eq!(state(r#"{"resourceType":"Bundle","total":12}"#), State::Failed);
        assert_eq!(state(r#"{"resourceType":"Bundle","total":0}"#), State::Empty);
    }

    #[test]
    fn one_bad_entry_does_not_lose_its_neighbours() {
        let json = r#"{"resourceType":"Bundle","entry":[5,{"resource":1.5},{"resource":{"resourceType":"X","id":"a"}}],
            "link":{"relation":"next","url":"https://ehr.example/fhir?page=2"}}"#;
        let document = Document::parse(json).unwrap();
        let Given(Shape::Bundle(bundle)) = Given::of(document.root()) else {
            panic!("a bundle")
        };
        assert_eq!(bundle.entries.len(), 3);
        assert_eq!(bundle.entries[2].resource.id().as_deref(), Some("a"));
        assert_eq!(bundle.next().as_deref(), Some("https://ehr.example/fhir?page=2"));
    }
}
