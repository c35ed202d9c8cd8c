//! How reading each source went.
//!
//! Turns what was sent under a source's key, and what the FHIR server answered in its place, into one
//! [`Outcome`] for each source. A search that found nothing tells nothing where the grant does not reach.
//! It reads no resource.

use super::fetch::{Answer, settles};
use crate::clinical::gap::Why;
use crate::clinical::record::{Outcome, SOURCES, Source};
use crate::fhir::bundle::{Given, Shape, State};
use crate::fhir::query::kind;
use crate::fhir::scope::allows;
use crate::protocol::request::HookRequest;

/// How each source went: by what was sent, and by what was fetched in its place. A search beyond the scopes
/// of the grant that found nothing was not permitted: servers filter by scope without a word.
pub(super) fn outcomes(
    request: &HookRequest<'_>,
    fetched: &[(Option<Source>, Given<'_>)],
    answers: &[Answer],
) -> Vec<(Source, Outcome)> {
    let prefetch = &request.prefetch;
    let scopes = request.authorization.as_ref().map(|grant| &*grant.scope);
    let outcome = |source: Source| {
        let sent = match prefetch.get(source.key()) {
            None => Outcome::NotSent,
            Some(given) => read_of(source, given),
        };
        let Some(answer) = answers.iter().find(|answer| answer.source == Some(source)) else {
            return sent;
        };
        if is_partial(prefetch.get(source.key())) {
            return sent;
        }
        let pages = || {
            let of = fetched.iter().filter(|(of, _)| *of == Some(source));
            of.map(|(_, given)| given)
        };
        let found_nothing = || pages().all(|page| page.state() == State::Empty);
        match answer.fetched.missing {
            Some(why) => Outcome::Failed(why),
            None if !pages().all(|page| settles(source, page)) => Outcome::Failed(Why::NotReadable),
            None if scopes.is_some_and(|scopes| !allows(scopes, kind(source))) && found_nothing() => {
                Outcome::Failed(Why::NotPermitted)
            }
            None => Outcome::Read,
        }
    };
    SOURCES
        .into_iter()
        .map(|source| (source, outcome(source)))
        .collect()
}

/// Whether a Bundle came of which a part is said to have failed.
fn is_partial(given: Option<&Given<'_>>) -> bool {
    matches!(given, Some(Given(Shape::Bundle(bundle))) if bundle.is_partial())
}

/// How a prefetch answer went, without anything that follows it.
fn read_of(source: Source, given: &Given<'_>) -> Outcome {
    match (given.state(), &given.0) {
        (State::Failed, _) => Outcome::Failed(given.why_failed()),
        _ if !settles(source, given) => Outcome::Failed(Why::NotReadable),
        (_, Shape::Bundle(bundle)) if is_partial(Some(given)) || bundle.next().is_some() => {
            Outcome::Failed(given.why_failed())
        }
        _ => Outcome::Read,
    }
}
