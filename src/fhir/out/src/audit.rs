//! Turns one entry of the journal's audit into a FHIR R4 AuditEvent in the manner of IHE BALP.
//!
//! One hook call: the client and the user as agents, this service as source, the patient, the call itself,
//! the orders that it was about and the cards that were given as entities. It holds identifiers and codes,
//! never a finding of the record or a card's text.
//! Follows FHIR R4, section 6.4 (AuditEvent), and IHE BALP 1.1 (RESTful activity).

use fhirbolt::model::r4::resources::{
    AuditEvent, AuditEventAgent, AuditEventEntity, AuditEventEntityDetail, AuditEventEntityDetailValue,
    AuditEventSource,
};
use fhirbolt::model::r4::types::{CodeableConcept, Coding, Identifier, Reference};

use crate::OutError;
use crate::elements::{CodeRef, concept, reference, required, words};

pub(crate) const EVENT_TYPE: CodeRef<'_> = CodeRef {
    system: "http://terminology.hl7.org/CodeSystem/audit-event-type",
    code: "rest",
    display: "RESTful Operation",
};
const OPERATION: CodeRef<'_> = CodeRef {
    system: "http://hl7.org/fhir/restful-interaction",
    code: "operation",
    display: "operation",
};
const CREATE: CodeRef<'_> = CodeRef {
    system: "http://hl7.org/fhir/restful-interaction",
    code: "create",
    display: "create",
};
pub(crate) const CLIENT: CodeRef<'_> = CodeRef {
    system: "http://dicom.nema.org/resources/ontology/DCM",
    code: "110153",
    display: "Source Role ID",
};
pub(crate) const SERVER: CodeRef<'_> = CodeRef {
    system: "http://dicom.nema.org/resources/ontology/DCM",
    code: "110152",
    display: "Destination Role ID",
};
pub(crate) const USER: CodeRef<'_> = CodeRef {
    system: "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
    code: "IRCP",
    display: "information recipient",
};
pub(crate) const APPLICATION_SERVER: CodeRef<'_> = CodeRef {
    system: "http://terminology.hl7.org/CodeSystem/security-source-type",
    code: "4",
    display: "Application Server",
};
pub(crate) const PERSON: CodeRef<'_> = CodeRef {
    system: "http://terminology.hl7.org/CodeSystem/audit-entity-type",
    code: "1",
    display: "Person",
};
pub(crate) const SYSTEM_OBJECT: CodeRef<'_> = CodeRef {
    system: "http://terminology.hl7.org/CodeSystem/audit-entity-type",
    code: "2",
    display: "System Object",
};
pub(crate) const TRANSACTION: CodeRef<'_> = CodeRef {
    system: "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType",
    code: "XrequestId",
    display: "",
};
pub(crate) const PATIENT: CodeRef<'_> = CodeRef {
    system: "http://terminology.hl7.org/CodeSystem/object-role",
    code: "1",
    display: "Patient",
};
const DOMAIN_RESOURCE: CodeRef<'_> = CodeRef {
    system: "http://terminology.hl7.org/CodeSystem/object-role",
    code: "4",
    display: "Domain Resource",
};
const REPORT: CodeRef<'_> = CodeRef {
    system: "http://terminology.hl7.org/CodeSystem/object-role",
    code: "3",
    display: "Report",
};

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AuditedAct {
    /// A call of the client was answered.
    Answered,
    /// An order was, or was to be, created on the client's FHIR server.
    Created(AuditedEnd),
}

/// How a creation ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AuditedEnd {
    /// As intended, or not yet.
    Well,
    /// The server refused it: nothing was written.
    Refused,
    /// Nobody knows: no answer came.
    Unknown,
}

/// One answered hook call, or one step of a write into a chart.
#[derive(Clone, Copy)]
pub struct AuditRecord<'a> {
    /// What was done.
    pub act: AuditedAct,
    /// FHIR instant, with zone, of the call.
    pub recorded: &'a str,
    /// Name of the client that called.
    pub client: &'a str,
    /// Reference to the user, such as `Practitioner/9`, where the call named one.
    pub user: Option<&'a str>,
    /// Reference to the patient, such as `Patient/123`.
    pub patient: &'a str,
    /// The hook.
    pub hook: &'a str,
    /// The `hookInstance` of the call.
    pub hook_instance: &'a str,
    /// Version of the clinical knowledge that answered.
    pub content_version: &'a str,
    /// What became of the call.
    pub outcome: &'a str,
    /// References of the orders that it was about.
    pub orders: &'a [String],
    /// What was found.
    pub cards: &'a [AuditedCard<'a>],
}

/// One card of an answer.
#[derive(Clone, Copy)]
pub struct AuditedCard<'a> {
    /// Its `uuid`.
    pub uuid: &'a str,
    /// Code of its topic.
    pub topic: &'a str,
    /// Rule that fired.
    pub rule: &'a str,
    /// `info`, `warning` or `critical`.
    pub indicator: &'a str,
    /// Evaluated in silence: it was not sent.
    pub withheld: bool,
    /// Sent with less force, because it was overridden a moment ago.
    pub softened: bool,
}

/// Writes the call as AuditEvent JSON.
///
/// # Errors
/// [`OutError`] if a required text is empty.
pub fn audit_event(record: &AuditRecord<'_>) -> Result<String, OutError> {
    let (subtype, action, outcome) = match record.act {
        AuditedAct::Answered => (OPERATION, "E", "0"),
        AuditedAct::Created(AuditedEnd::Well) => (CREATE, "C", "0"),
        AuditedAct::Created(AuditedEnd::Refused) => (CREATE, "C", "4"),
        AuditedAct::Created(AuditedEnd::Unknown) => (CREATE, "C", "8"),
    };
    let resource = AuditEvent {
        r#type: coding(EVENT_TYPE),
        subtype: vec![*coding(subtype)],
        action: Some(action.into()),
        recorded: required(record.recorded, "recorded")?.into(),
        outcome: Some(outcome.into()),
        outcome_desc: words(record.outcome).map(Into::into),
        agent: agents(record)?,
        source: AuditEventSource {
            observer: service(),
            r#type: vec![*coding(APPLICATION_SERVER)],
            ..Default::default()
        },
        entity: entities(record)?,
        ..Default::default()
    };
    fhirbolt::json::to_string(&resource, None).map_err(|_| OutError::Refused)
}

/// Who asked, for whom, and who answered: a call comes from the client, a write goes to it. The person is the
/// requestor where there is one.
fn agents(record: &AuditRecord<'_>) -> Result<Vec<AuditEventAgent>, OutError> {
    let (theirs, ours) = match record.act {
        AuditedAct::Answered => (CLIENT, SERVER),
        AuditedAct::Created(_) => (SERVER, CLIENT),
    };
    let client = AuditEventAgent {
        r#type: role(theirs)?,
        who: Some(identified(record.client, "client")?),
        requestor: record.user.is_none().into(),
        ..Default::default()
    };
    let server = AuditEventAgent {
        r#type: role(ours)?,
        who: Some(service()),
        requestor: false.into(),
        ..Default::default()
    };
    let mut agents = vec![client, server];
    if let Some(user) = record.user {
        agents.push(AuditEventAgent {
            r#type: role(USER)?,
            who: Some(reference(user, "user")?),
            requestor: true.into(),
            ..Default::default()
        });
    }
    Ok(agents)
}

fn entities(record: &AuditRecord<'_>) -> Result<Vec<AuditEventEntity>, OutError> {
    let patient = AuditEventEntity {
        what: Some(reference(record.patient, "patient")?),
        r#type: Some(coding(PERSON)),
        role: Some(coding(PATIENT)),
        ..Default::default()
    };
    let call = AuditEventEntity {
        what: Some(identified(record.hook_instance, "hookInstance")?),
        r#type: Some(coding(TRANSACTION)),
        detail: vec![
            detail("hook", record.hook)?,
            detail("content", record.content_version)?,
        ],
        ..Default::default()
    };
    let mut entities = vec![patient, call];
    for order in record.orders {
        entities.push(AuditEventEntity {
            what: Some(reference(order, "order")?),
            r#type: Some(coding(SYSTEM_OBJECT)),
            role: Some(coding(DOMAIN_RESOURCE)),
            ..Default::default()
        });
    }
    for card in record.cards {
        entities.push(card_entity(card)?);
    }
    Ok(entities)
}

fn card_entity(card: &AuditedCard<'_>) -> Result<AuditEventEntity, OutError> {
    let sent = match (card.withheld, card.softened) {
        (true, _) => "withheld",
        (false, true) => "softened",
        (false, false) => "sent",
    };
    Ok(AuditEventEntity {
        what: Some(identified(card.uuid, "card")?),
        r#type: Some(coding(SYSTEM_OBJECT)),
        role: Some(coding(REPORT)),
        detail: vec![
            detail("topic", card.topic)?,
            detail("rule", card.rule)?,
            detail("indicator", card.indicator)?,
            detail("card", sent)?,
        ],
        ..Default::default()
    })
}

pub(crate) fn detail(name: &'static str, value: &str) -> Result<AuditEventEntityDetail, OutError> {
    Ok(AuditEventEntityDetail {
        r#type: name.into(),
        value: AuditEventEntityDetailValue::String(required(value, name)?.into()),
        ..Default::default()
    })
}

pub(crate) fn coding(code: CodeRef<'_>) -> Box<Coding> {
    Box::new(Coding {
        system: Some(code.system.into()),
        code: Some(code.code.into()),
        display: words(code.display).map(Into::into),
        ..Default::default()
    })
}

pub(crate) fn role(code: CodeRef<'_>) -> Result<Option<Box<CodeableConcept>>, OutError> {
    concept(code, "", "role").map(Some)
}

/// A reference by identifier: what is meant is no FHIR resource.
pub(crate) fn identified(value: &str, element: &'static str) -> Result<Box<Reference>, OutError> {
    Ok(Box::new(Reference {
        identifier: Some(Box::new(Identifier {
            value: Some(required(value, element)?.into()),
            ..Default::default()
        })),
        ..Default::default()
    }))
}

/// This service.
pub(crate) fn service() -> Box<Reference> {
    Box::new(Reference {
        display: Some("stepdown".into()),
        ..Default::default()
    })
}
