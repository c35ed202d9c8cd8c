//! Turns one search or read of an EHR's FHIR server into a FHIR R4 AuditEvent in the manner of IHE BALP.
//!
//! This service is the client, the EHR the server. The patient, the hook call or reading that it belongs to, and the type
//! of resource that was asked for are the entities. It holds no address, no parameter and nothing that was read.
//! Follows FHIR R4, section 6.4 (AuditEvent), and IHE BALP 1.1 (PatientRead, PatientQuery).

use fhirbolt::model::r4::resources::{AuditEvent, AuditEventAgent, AuditEventEntity, AuditEventSource};

use crate::OutError;
use crate::audit::{
    APPLICATION_SERVER, CLIENT, EVENT_TYPE, PATIENT, PERSON, SERVER, SYSTEM_OBJECT, TRANSACTION, USER,
    coding, detail, identified, role, service,
};
use crate::elements::{CodeRef, reference, required};

const READ: CodeRef<'_> = CodeRef {
    system: "http://hl7.org/fhir/restful-interaction",
    code: "read",
    display: "read",
};
const SEARCH: CodeRef<'_> = CodeRef {
    system: "http://hl7.org/fhir/restful-interaction",
    code: "search-type",
    display: "search-type",
};
const QUERY: CodeRef<'_> = CodeRef {
    system: "http://terminology.hl7.org/CodeSystem/object-role",
    code: "24",
    display: "Query",
};

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
    let (subtype, action) = if is_read { (READ, "R") } else { (SEARCH, "E") };
    let resource = AuditEvent {
        r#type: coding(EVENT_TYPE),
        subtype: vec![*coding(subtype)],
        action: Some(action.into()),
        recorded: required(record.recorded, "recorded")?.into(),
        outcome: Some(if record.outcome == "ok" { "0" } else { "4" }.into()),
        outcome_desc: Some(required(record.outcome, "outcome")?.into()),
        agent: agents(record)?,
        source: AuditEventSource {
            observer: service(),
            r#type: vec![*coding(APPLICATION_SERVER)],
            ..Default::default()
        },
        entity: entities(record, is_read)?,
        ..Default::default()
    };
    fhirbolt::json::to_string(&resource, None).map_err(|_| OutError::Refused)
}

fn agents(record: &ReadRecord<'_>) -> Result<Vec<AuditEventAgent>, OutError> {
    let agent = |of, who, requestor: bool| {
        Ok(AuditEventAgent {
            r#type: role(of)?,
            who: Some(who),
            requestor: requestor.into(),
            ..Default::default()
        })
    };
    let mut agents = vec![
        agent(CLIENT, service(), true)?,
        agent(SERVER, identified(record.client, "client")?, false)?,
    ];
    if let Some(user) = record.user {
        agents.push(agent(USER, reference(user, "user")?, false)?);
    }
    Ok(agents)
}

fn entities(record: &ReadRecord<'_>, is_read: bool) -> Result<Vec<AuditEventEntity>, OutError> {
    let patient = AuditEventEntity {
        what: Some(reference(record.patient, "patient")?),
        r#type: Some(coding(PERSON)),
        role: Some(coding(PATIENT)),
        ..Default::default()
    };
    let call = AuditEventEntity {
        what: Some(identified(record.hook_instance, "hookInstance")?),
        r#type: Some(coding(TRANSACTION)),
        ..Default::default()
    };
    let asked = AuditEventEntity {
        r#type: Some(coding(SYSTEM_OBJECT)),
        role: (!is_read).then(|| coding(QUERY)),
        detail: vec![detail("resource", record.kind)?],
        ..Default::default()
    };
    Ok(vec![patient, call, asked])
}
