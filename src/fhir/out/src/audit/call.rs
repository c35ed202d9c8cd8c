//! Turns one entry of the journal's audit into an AuditEvent: an answered hook call, or a write into a chart.
//!
//! The client and the user are agents, this service is the source; the patient, the call itself, the orders that it
//! was about and the cards that were given are entities.

use fhirbolt::model::r4::resources::{AuditEventAgent, AuditEventEntity};

use super::{
    CLIENT, Event, SERVER, agent, detail, identified, interaction, object, object_role, patient, service,
    transaction, user,
};
use crate::OutError;
use crate::elements::{CodeRef, reference};

const OPERATION: CodeRef<'_> = interaction("operation");
const CREATE: CodeRef<'_> = interaction("create");
const REPORT: CodeRef<'_> = object_role("3", "Report");
const DOMAIN_RESOURCE: CodeRef<'_> = object_role("4", "Domain Resource");

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
    let (interaction, action, outcome) = match record.act {
        AuditedAct::Answered => (OPERATION, "E", "0"),
        AuditedAct::Created(AuditedEnd::Well) => (CREATE, "C", "0"),
        AuditedAct::Created(AuditedEnd::Refused) => (CREATE, "C", "4"),
        AuditedAct::Created(AuditedEnd::Unknown) => (CREATE, "C", "8"),
    };
    let event = Event {
        recorded: record.recorded,
        interaction,
        action,
        outcome,
        says: record.outcome,
        agents: agents(record)?,
        entities: entities(record)?,
    };
    event.write()
}

/// Who asked, for whom, and who answered: a call comes from the client, a write goes to it. The person is the
/// requestor where there is one.
fn agents(record: &AuditRecord<'_>) -> Result<Vec<AuditEventAgent>, OutError> {
    let (theirs, ours) = match record.act {
        AuditedAct::Answered => (CLIENT, SERVER),
        AuditedAct::Created(_) => (SERVER, CLIENT),
    };
    let client = identified(record.client, "client")?;
    let mut agents = vec![
        agent(theirs, client, record.user.is_none())?,
        agent(ours, service(), false)?,
    ];
    if let Some(person) = record.user {
        agents.push(user(person, true)?);
    }
    Ok(agents)
}

fn entities(record: &AuditRecord<'_>) -> Result<Vec<AuditEventEntity>, OutError> {
    let about = vec![
        detail("hook", record.hook)?,
        detail("content", record.content_version)?,
    ];
    let mut entities = vec![
        patient(record.patient)?,
        transaction(record.hook_instance, about)?,
    ];
    for order in record.orders {
        entities.push(AuditEventEntity {
            what: Some(reference(order, "order")?),
            ..object(Some(DOMAIN_RESOURCE))
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
        detail: vec![
            detail("topic", card.topic)?,
            detail("rule", card.rule)?,
            detail("indicator", card.indicator)?,
            detail("card", sent)?,
        ],
        ..object(Some(REPORT))
    })
}
