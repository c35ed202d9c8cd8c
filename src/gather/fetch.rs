//! What has to be asked of the FHIR server, and the asking, side by side.
//!
//! Turns the prefetch into the list of what is missing (absent keys, keys with something that is not FHIR,
//! further pages) and into answers. What was answered with null, with an empty Bundle or with a failure is
//! not asked again (CDS Hooks 2.0.1, "Prefetch query response").

use super::Material;
use crate::clinical::gap::Why;
use crate::clinical::knowledge::Needs;
use crate::clinical::record::{SOURCES, Source};
use crate::fhir::bundle::{Given, Shape, State};
use crate::fhir::client::{Fetched, FhirClient, Server, rebased};
use crate::fhir::query::{Asking, address, below, kind};
use crate::fhir::subject::is_id;
use crate::protocol::request::Prefetch;
use crate::traces;
use futures_util::future::join_all;
use std::time::Instant;
use tracing::Instrument;
use url::Url;

/// Most Medications that are read one by one.
const MOST_MEDICATIONS: usize = 50;

/// What the server gave for one source, or for a reference.
pub struct Answer {
    /// The source; `None` for a Medication that an order refers to.
    pub(crate) source: Option<Source>,
    pub(crate) fetched: Fetched,
}

/// Whether a prefetch answer settles its source: it came, whatever it said.
pub(super) fn settles(source: Source, given: &Given<'_>) -> bool {
    match (&given.0, given.state()) {
        (_, State::NotFhir) => false,
        (Shape::Resource(resource), State::Data) => {
            source == Source::Patient && resource.kind().as_deref() == Some("Patient")
        }
        _ => true,
    }
}

/// What to ask for one source.
enum Ask {
    Whole,
    Rest(String),
}

fn ask(source: Source, prefetch: &Prefetch<'_>) -> Option<Ask> {
    match prefetch.get(source.key()) {
        Some(given) if settles(source, given) => given.next().map(Ask::Rest),
        _ => Some(Ask::Whole),
    }
}

/// Reads everything that is missing.
pub(super) async fn missing(
    material: &Material<'_>,
    needs: &Needs,
    fhir: &FhirClient,
    server: Server<'_>,
) -> Vec<Answer> {
    let asking = Asking {
        patient: material.request.context.patient.id(),
        needs,
        vocabulary: material.terms.vocabulary,
        local: material.terms.local,
        now: material.now,
    };
    let prefetch = &material.request.prefetch;
    let asks = SOURCES
        .into_iter()
        .filter_map(|source| Some((source, ask(source, prefetch)?)));
    let reads = asks.map(|(source, ask)| {
        let url = match ask {
            Ask::Whole => address(source, &asking, server.base),
            Ask::Rest(link) => rebased(&link, server.base),
        };
        read(Some(source), url, fhir, server)
    });
    join_all(reads).await
}

/// Reads Medications that orders refer to and that did not come. Only references on the server's own base.
pub(super) async fn medications(
    references: &[Box<str>],
    fhir: &FhirClient,
    server: Server<'_>,
) -> Vec<Answer> {
    let urls = references.iter().take(MOST_MEDICATIONS).filter_map(|reference| {
        let (kind, id) = reference.split_once('/')?;
        if kind != "Medication" || !is_id(id) {
            None
        } else {
            below(server.base, &[kind, id])
        }
    });
    join_all(urls.map(|url| read(None, Some(url), fhir, server))).await
}

/// What was asked, for the audit: each type of resource once for each way in which it went.
pub(super) fn reads(answers: &[Answer]) -> Vec<(&'static str, Option<Why>)> {
    let mut reads: Vec<(&'static str, Option<Why>)> = Vec::new();
    for answer in answers {
        let kind = answer.source.map_or("Medication", kind);
        note_read(&mut reads, (kind, answer.fetched.missing));
    }
    reads
}

/// Adds a read, unless one of its type that went the same way is there.
pub(crate) fn note_read(reads: &mut Vec<(&'static str, Option<Why>)>, read: (&'static str, Option<Why>)) {
    if !reads.contains(&read) {
        reads.push(read);
    }
}

async fn read(source: Option<Source>, url: Option<Url>, fhir: &FhirClient, server: Server<'_>) -> Answer {
    let fetched = match url {
        Some(url) => {
            let started = Instant::now();
            let span = traces::fhir_read(source.map_or("medication", Source::key));
            let fetched = fhir.pages(url, server).instrument(span).await;
            fhir.meters().read(source, fetched.missing, started.elapsed());
            fetched
        }
        None => Fetched {
            pages: Vec::new(),
            missing: Some(Why::FetchFailed),
        },
    };
    Answer { source, fetched }
}
