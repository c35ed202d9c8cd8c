//! Results from before what the tables look at: they are drawn, and never judged.
//!
//! Turns a patient into the older part of the course, by the searches and readers of the record itself. It is kept
//! apart from the record, so that no rule can see it: a page judges as the hook does. Another patient's result is
//! dropped. Pages and time are limited as everywhere; where they end the course early, that is said.

use super::{Ehr, Material};
use crate::clinical::gap::Why;
use crate::clinical::knowledge::Knowledge;
use crate::clinical::record::{LabResult, PatientRecord, Source};
use crate::clinical::when::When;
use crate::fhir::bundle::{Given, Shape};
use crate::fhir::json::Document;
use crate::fhir::observation::observation;
use crate::fhir::query::{Asking, earlier};
use crate::fhir::subject::Subjects;
use crate::fhir::terms::{LocalCodes, Terms};
use crate::protocol::request::HookRequest;
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::HashSet;
use std::time::Instant;

/// The older part of a course.
#[derive(Default)]
pub struct Course {
    /// Results from before the look-back of the tables, in no order.
    pub results: Vec<LabResult>,
    /// Why it is not all, if so.
    pub missing: Option<Why>,
    /// Whether the server was asked for it.
    pub asked: bool,
}

impl Course {
    /// What the record does not hold already: a server that does not know dates gives everything twice.
    #[must_use]
    pub fn beside(mut self, record: &PatientRecord) -> Self {
        let held: HashSet<_> = record.results.iter().map(of).collect();
        self.results.retain(|result| !held.contains(&of(result)));
        self
    }
}

/// What tells a result from others: resource and analyte, and the instant where it has no id.
fn of(result: &LabResult) -> (Option<&str>, u16, Option<i64>) {
    let reference = result.reference.as_deref();
    let instant = result.when.map(When::latest).filter(|_| reference.is_none());
    (reference, result.analyte.0, instant)
}

/// Reads what lies between the look-back of the tables and `chart-days`.
pub async fn course(
    request: &HookRequest<'_>,
    ehr: Ehr<'_>,
    knowledge: &Knowledge,
    local: &LocalCodes,
    now: Timestamp,
) -> Course {
    let material = Material::new(request, ehr.base, knowledge, local, now);
    let asking = Asking {
        patient: request.context.patient.id(),
        needs: &knowledge.needs,
        vocabulary: &knowledge.vocabulary,
        local,
        now: material.now,
    };
    let server = ehr.server(request);
    let address = server.and_then(|server| earlier(knowledge.chart_days, &asking, server.base));
    let (Some(server), Some(address)) = (server, address) else {
        return Course::default();
    };
    let started = Instant::now();
    let fetched = ehr.fhir.pages(address, server).await;
    let meters = ehr.fhir.meters();
    meters.read(Some(Source::Observations), fetched.missing, started.elapsed());
    let pages: Vec<Document<'_>> = fetched
        .pages
        .iter()
        .filter_map(|page| Document::parse(page).ok())
        .collect();
    let bundles: Vec<Given<'_>> = pages.iter().map(|page| Given::of(page.root())).collect();
    let mut results = read(&material, &bundles);
    let before = now.as_second() - i64::from(knowledge.needs.observation_days) * 86_400;
    let before = When::date_of(before);
    results.retain(|result| day(result).is_some_and(|day| day < before));
    Course {
        results,
        missing: fetched.missing,
        asked: true,
    }
}

/// Every result of this patient.
fn read(material: &Material<'_>, bundles: &[Given<'_>]) -> Vec<LabResult> {
    let addresses = bundles.iter().flat_map(Given::patients).collect();
    let subjects = Subjects::new(&material.request.context.patient, material.base, addresses);
    let terms = Terms {
        vocabulary: material.terms.vocabulary,
        local: material.terms.local,
    };
    let mut results = Vec::new();
    for bundle in bundles {
        let Shape::Bundle(bundle) = &bundle.0 else {
            continue;
        };
        let resources = bundle.entries.iter().map(|entry| &entry.resource);
        for resource in resources.filter(|of| of.kind().as_deref() == Some("Observation")) {
            if subjects.owns(resource) {
                observation(resource, terms, material.now, &mut results);
            }
        }
    }
    results
}

fn day(result: &LabResult) -> Option<Date> {
    Some(When::date_of(result.when?.earliest()))
}
