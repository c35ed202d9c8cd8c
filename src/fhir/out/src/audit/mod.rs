//! What all our AuditEvents have in common: FHIR R4 AuditEvents in the manner of IHE BALP.
//!
//! `call` writes an answered call or a write into a chart, `read` a search or read of an EHR's server. Each decides
//! who takes part and what it was about; the parts are made here, once. An event holds identifiers and codes, never a
//! finding of the record, a card's text, an address or a parameter.
//! Follows FHIR R4, section 6.4 (AuditEvent), and IHE BALP 1.1 (RESTful activity).

mod call;
mod read;

pub use call::{AuditRecord, AuditedAct, AuditedCard, AuditedEnd, audit_event};
pub use read::{ReadRecord, audit_read};

use fhirbolt::model::r4::resources::{
    AuditEvent, AuditEventAgent, AuditEventEntity, AuditEventEntityDetail, AuditEventEntityDetailValue,
    AuditEventSource,
};
use fhirbolt::model::r4::types::{Coding, Identifier, Reference};

use crate::OutError;
use crate::elements::{CodeRef, concept, reference, required, words};

const EVENT_TYPE: CodeRef<'_> = CodeRef {
    system: "http://terminology.hl7.org/CodeSystem/audit-event-type",
    code: "rest",
    display: "RESTful Operation",
};
const CLIENT: CodeRef<'_> = CodeRef {
    system: "http://dicom.nema.org/resources/ontology/DCM",
    code: "110153",
    display: "Source Role ID",
};
const SERVER: CodeRef<'_> = CodeRef {
    system: "http://dicom.nema.org/resources/ontology/DCM",
    code: "110152",
    display: "Destination Role ID",
};
const USER: CodeRef<'_> = CodeRef {
    system: "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
    code: "IRCP",
    display: "information recipient",
};
const APPLICATION_SERVER: CodeRef<'_> = CodeRef {
    system: "http://terminology.hl7.org/CodeSystem/security-source-type",
    code: "4",
    display: "Application Server",
};
const PERSON: CodeRef<'_> = CodeRef {
    system: "http://terminology.hl7.org/CodeSystem/audit-entity-type",
    code: "1",
    display: "Person",
};
const SYSTEM_OBJECT: CodeRef<'_> = CodeRef {
    system: "http://terminology.hl7.org/CodeSystem/audit-entity-type",
    code: "2",
    display: "System Object",
};
const TRANSACTION: CodeRef<'_> = CodeRef {
    system: "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType",
    code: "XrequestId",
    display: "",
};
const PATIENT: CodeRef<'_> = object_role("1", "Patient");

/// What was done over the wire.
const fn interaction(code: &'static str) -> CodeRef<'static> {
    CodeRef {
        system: "http://hl7.org/fhir/restful-interaction",
        code,
        display: code,
    }
}

/// What an entity is in the event.
const fn object_role(code: &'static str, display: &'static str) -> CodeRef<'static> {
    CodeRef {
        system: "http://terminology.hl7.org/CodeSystem/object-role",
        code,
        display,
    }
}

/// One event, as far as our events differ.
struct Event<'a> {
    recorded: &'a str,
    interaction: CodeRef<'static>,
    /// `C`, `R` or `E`.
    action: &'static str,
    /// `0`, `4` or `8`.
    outcome: &'static str,
    /// The outcome in a word of ours.
    says: &'a str,
    agents: Vec<AuditEventAgent>,
    entities: Vec<AuditEventEntity>,
}

impl Event<'_> {
    /// The event as JSON; this service is its source.
    fn write(self) -> Result<String, OutError> {
        let resource = AuditEvent {
            r#type: coding(EVENT_TYPE),
            subtype: vec![*coding(self.interaction)],
            action: Some(self.action.into()),
            recorded: required(self.recorded, "recorded")?.into(),
            outcome: Some(self.outcome.into()),
            outcome_desc: words(self.says).map(Into::into),
            agent: self.agents,
            source: AuditEventSource {
                observer: service(),
                r#type: vec![*coding(APPLICATION_SERVER)],
                ..Default::default()
            },
            entity: self.entities,
            ..Default::default()
        };
        fhirbolt::json::to_string(&resource, None).map_err(|_| OutError::Refused)
    }
}

/// Somebody who took part.
fn agent(role: CodeRef<'_>, who: Box<Reference>, requestor: bool) -> Result<AuditEventAgent, OutError> {
    Ok(AuditEventAgent {
        r#type: Some(concept(role, "", "role")?),
        who: Some(who),
        requestor: requestor.into(),
        ..Default::default()
    })
}

/// The person for whom it was done.
fn user(user: &str, requestor: bool) -> Result<AuditEventAgent, OutError> {
    agent(USER, reference(user, "user")?, requestor)
}

/// The patient of the event.
fn patient(patient: &str) -> Result<AuditEventEntity, OutError> {
    Ok(AuditEventEntity {
        what: Some(reference(patient, "patient")?),
        r#type: Some(coding(PERSON)),
        role: Some(coding(PATIENT)),
        ..Default::default()
    })
}

/// The call that it belongs to.
fn transaction(id: &str, detail: Vec<AuditEventEntityDetail>) -> Result<AuditEventEntity, OutError> {
    Ok(AuditEventEntity {
        what: Some(identified(id, "hookInstance")?),
        r#type: Some(coding(TRANSACTION)),
        detail,
        ..Default::default()
    })
}

/// Something in a system, by what it is in the event.
fn object(role: Option<CodeRef<'_>>) -> AuditEventEntity {
    AuditEventEntity {
        r#type: Some(coding(SYSTEM_OBJECT)),
        role: role.map(coding),
        ..Default::default()
    }
}

fn detail(name: &'static str, value: &str) -> Result<AuditEventEntityDetail, OutError> {
    Ok(AuditEventEntityDetail {
        r#type: name.into(),
        value: AuditEventEntityDetailValue::String(required(value, name)?.into()),
        ..Default::default()
    })
}

fn coding(code: CodeRef<'_>) -> Box<Coding> {
    Box::new(Coding {
        system: Some(code.system.into()),
        code: Some(code.code.into()),
        display: words(code.display).map(Into::into),
        ..Default::default()
    })
}

/// A reference by identifier: what is meant is no FHIR resource.
fn identified(value: &str, element: &'static str) -> Result<Box<Reference>, OutError> {
    Ok(Box::new(Reference {
        identifier: Some(Box::new(Identifier {
            value: Some(required(value, element)?.into()),
            ..Default::default()
        })),
        ..Default::default()
    }))
}

/// This service.
fn service() -> Box<Reference> {
    Box::new(Reference {
        display: Some("stepdown".into()),
        ..Default::default()
    })
}
