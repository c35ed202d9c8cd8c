//! Everything that is known about the patient of one hook call.
//!
//! Turns a [`HookRequest`] into a [`PatientRecord`]: the orders of the context first, then what came as
//! prefetch, then what is missing from the client's FHIR server, side by side under one deadline. What came
//! is not asked for again: `null` and empty mean "none", an OperationOutcome means "failed". Where nothing
//! has to be fetched, nothing waits. Another patient's resource is dropped and leaves a mark; an order of
//! another patient in the context is refused. A failed read is a state of its source, never an error.
//! Follows CDS Hooks 2.0.1 "Providing FHIR Resources to a CDS Service" and the contract, sections 1 and 3.

mod assemble;
mod changes;
mod context;
mod course;
mod fetch;
mod outcomes;

pub use fetch::Answer;
pub(crate) use fetch::note_read;

use crate::clinical::knowledge::Knowledge;
use crate::clinical::record::PatientRecord;
use crate::fhir::breaker::Breaker;
use crate::fhir::client::{FhirClient, Server};
use crate::fhir::subject::Subjects;
use crate::fhir::terms::{LocalCodes, Terms};
use crate::protocol::request::HookRequest;
use assemble::assemble;
use context::ContextOrders;
pub use course::{Course, course};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::time::Instant;
use url::Url;

/// The client whose hook it is: where its records are, and how to read them.
#[derive(Clone, Copy)]
pub struct Ehr<'e> {
    /// FHIR base from the settings; the only server that is ever asked.
    pub base: Option<&'e Url>,
    /// Bearer token of the request.
    pub token: Option<&'e SecretString>,
    /// The shared client.
    pub fhir: &'e FhirClient,
    /// When everything must be there.
    pub deadline: Instant,
    /// Whether the server is left alone for now.
    pub breaker: Option<&'e Breaker>,
}

/// Why there is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatherError {
    /// An order in the context belongs to another patient.
    #[error("{field} is an order of another patient")]
    ForeignOrder {
        /// Path of the entry, for example `context.toBeDiscontinued.entry[0]`.
        field: String,
    },
    /// An order in the context is one of FHIR DSTU2.
    #[error("{field} is an order of FHIR DSTU2")]
    Dstu2 {
        /// Path of the entry.
        field: String,
    },
    /// The entries of a Bundle of the context cannot be read as such.
    #[error("{field} is no list of orders")]
    NoEntries {
        /// Path of the entries.
        field: String,
    },
    /// An entry of a Bundle of the context is a Bundle or an outcome in the place of an order.
    #[error("{field} is no order")]
    NoOrder {
        /// Path of the resource.
        field: String,
    },
    /// An order of a signing hook has a status that is none.
    #[error("{field} is no status of an order")]
    NoStatus {
        /// Path of the status.
        field: String,
    },
    /// `context.patientId` is an address on another FHIR server than the client's.
    #[error("context.patientId is not on the client's FHIR server")]
    ForeignPatient,
}

/// What one evaluation reads, and by which words.
struct Material<'m> {
    request: &'m HookRequest<'m>,
    /// The client's FHIR base, else the one that the request names.
    base: Option<&'m Url>,
    knowledge: &'m Knowledge,
    terms: Terms<'m>,
    /// Seconds since 1970.
    now: i64,
}

/// Gathers the record of a hook call, with what the FHIR server adds.
///
/// # Errors
/// Only when the request is about more than one patient; a source that cannot be read is part of the record.
pub async fn gather(
    request: &HookRequest<'_>,
    ehr: Ehr<'_>,
    knowledge: &Knowledge,
    local: &LocalCodes,
    now: Timestamp,
) -> Result<PatientRecord, GatherError> {
    let gathered = gather_with_answers(request, ehr, knowledge, local, now).await;
    gathered.map(|(record, _)| record)
}

/// As [`gather`], with what the FHIR server answered.
pub(crate) async fn gather_with_answers(
    request: &HookRequest<'_>,
    ehr: Ehr<'_>,
    knowledge: &Knowledge,
    local: &LocalCodes,
    now: Timestamp,
) -> Result<(PatientRecord, Vec<Answer>), GatherError> {
    let material = Material::new(request, ehr.base, knowledge, local, now);
    let orders = ContextOrders::read(request);
    let subjects = material.subjects(&orders)?;
    let Some(server) = ehr.server(request) else {
        let record = assemble(&material, &orders, &subjects, &[]).record;
        return Ok((record, Vec::new()));
    };
    let mut answers = fetch::missing(&material, &knowledge.needs, ehr.fhir, server).await;
    let mut gathered = assemble(&material, &orders, &subjects, &answers);
    if !gathered.unresolved.is_empty() {
        answers.extend(fetch::medications(&gathered.unresolved, ehr.fhir, server).await);
        gathered = assemble(&material, &orders, &subjects, &answers);
    }
    gathered.record.reads = fetch::reads(&answers);
    Ok((gathered.record, answers))
}

/// Gathers the record from the request alone.
///
/// # Errors
/// As [`gather`].
pub fn read_given(
    request: &HookRequest<'_>,
    base: Option<&Url>,
    knowledge: &Knowledge,
    local: &LocalCodes,
    now: Timestamp,
) -> Result<PatientRecord, GatherError> {
    read_saved(request, base, knowledge, local, now, &[])
}

/// Gathers the record from the request and from what a FHIR server answered then.
///
/// # Errors
/// As [`gather`].
pub(crate) fn read_saved(
    request: &HookRequest<'_>,
    base: Option<&Url>,
    knowledge: &Knowledge,
    local: &LocalCodes,
    now: Timestamp,
    answers: &[Answer],
) -> Result<PatientRecord, GatherError> {
    let material = Material::new(request, base, knowledge, local, now);
    let orders = ContextOrders::read(request);
    let subjects = material.subjects(&orders)?;
    Ok(assemble(&material, &orders, &subjects, answers).record)
}

impl<'e> Ehr<'e> {
    /// The server, if there is one that may be asked for this request: not beyond the life of the token.
    fn server(&self, request: &HookRequest<'_>) -> Option<Server<'e>> {
        let life = request
            .authorization
            .as_ref()
            .map(|authorization| authorization.expires_in);
        let end = life
            .and_then(|life| Instant::now().checked_add(life))
            .unwrap_or(self.deadline);
        let server = Server {
            base: self.base?,
            token: self.token,
            deadline: self.deadline.min(end),
            breaker: self.breaker,
        };
        server.is_open().then_some(server)
    }
}

impl<'m> Material<'m> {
    fn new(
        request: &'m HookRequest<'m>,
        base: Option<&'m Url>,
        knowledge: &'m Knowledge,
        local: &'m LocalCodes,
        now: Timestamp,
    ) -> Self {
        Material {
            request,
            base: base.or(request.fhir_server.as_ref()),
            knowledge,
            terms: Terms {
                vocabulary: &knowledge.vocabulary,
                local,
            },
            now: now.as_second(),
        }
    }

    /// The patient to whom everything must belong; an error if the context speaks of another one.
    fn subjects(&self, orders: &ContextOrders<'_>) -> Result<Subjects<'_>, GatherError> {
        if let Some(refused) = orders.refused.clone() {
            return Err(refused);
        }
        let patient = &self.request.context.patient;
        if self.base.is_some_and(|base| !patient.is_on(base)) {
            return Err(GatherError::ForeignPatient);
        }
        let mut addresses = orders.patients();
        for (_, given) in &self.request.prefetch.answers {
            addresses.extend(given.patients());
        }
        let subjects = Subjects::new(patient, self.base, addresses);
        match orders.foreign(&subjects) {
            Some(field) => Err(GatherError::ForeignOrder { field }),
            None => Ok(subjects),
        }
    }
}

#[cfg(test)]
mod tests;
