//! Turns one search or read of an EHR's FHIR server into an AuditEvent.
//!
//! This service is the client, the EHR the server. The patient, the hook call or reading that it belongs to, and the
//! type of resource that was asked for are the entities; nothing that was read is one. BALP: PatientRead, PatientQuery.

use fhirbolt::model::r4::resources::{AuditEventAgent, AuditEventEntity};

use super::{
    CLIENT, Event, SERVER, agent, detail, identified, interaction, object, object_role, patient, service,
    transaction, user,
};
use crate::OutError;
use crate::elements::CodeRef;

const READ: CodeRef<'_> = interaction("read");
const SEARCH: CodeRef<'_> = interaction("search-type");
const QUERY: CodeRef<'_> = object_role("24", "Query");

/// One read of an EHR's server.
#[derive(Clone, Copy)]
pub struct ReadRecord<'a> {
    /// FHIR instant, with zone, of the hook call or reading.
    pub recorded: &'a str,
    /// Name of the client whose server was asked.
    pub client: &'a str,
    /// Reference to the user for whom, where the call named one.
    pub user: Option<&'a str>,
    /// Reference to the patient.
    pub patient: &'a str,
    /// The `hookInstance` of the call; of a reading of the companion app its own identifier.
    pub hook_instance: &'a str,
    /// Type of resource that was asked for.
    pub kind: &'a str,
    /// `ok`, or why not all of it came.
    pub outcome: &'a str,
}

/// Writes the read as AuditEvent JSON: an instance read of a Patient or Medication, else a search.
///
/// # Errors
/// [`OutError`] if a required text is empty.
pub fn audit_read(record: &ReadRecord<'_>) -> Result<String, OutError> {
    let is_read = matches!(record.kind, "Patient" | "Medication");
    let (interaction, action) = if is_read { (READ, "R") } else { (SEARCH, "E") };
    let asked = AuditEventEntity {
        detail: vec![detail("resource", record.kind)?],
        ..object((!is_read).then_some(QUERY))
    };
    let event = Event {
        recorded: record.recorded,
        interaction,
        action,
        outcome: if record.outcome == "ok" { "0" } else { "4" },
        says: record.outcome,
        agents: agents(record)?,
        entities: vec![
            patient(record.patient)?,
            transaction(record.hook_instance, Vec::new())?,
            asked,
        ],
    };
    event.write()
}

/// This service asked, the EHR answered, and a person may see what came.
fn agents(record: &ReadRecord<'_>) -> Result<Vec<AuditEventAgent>, OutError> {
    let mut agents = vec![
        agent(CLIENT, service(), true)?,
        agent(SERVER, identified(record.client, "client")?, false)?,
    ];
    if let Some(person) = record.user {
        agents.push(user(person, false)?);
    }
    Ok(agents)
}
