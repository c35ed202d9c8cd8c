//! The orders that the hook itself carries.
//!
//! Turns `context.toBeDiscontinued` and `context.draftOrders` into orders to be read, with their role and
//! the text in which they came, and finds one that belongs to another patient. Other resources of these
//! Bundles only serve to resolve references. Every order to be discontinued is being stopped or held; among
//! the drafts of a signing hook, those that are over or held are, until the record says that nothing changed.
//! Elsewhere a draft that is over is no draft.

use super::GatherError;
use crate::clinical::occasion::Occasion;
use crate::clinical::record::{OrderStatus, Role};
use crate::fhir::bundle::{RawBundle, RawEntry, hides_entries, patient_at};
use crate::fhir::json::{Node, Object, Read, Text};
use crate::fhir::order::status_named;
use crate::fhir::subject::{Subjects, is_type};
use crate::protocol::request::HookRequest;
use rust_decimal::Decimal;
use std::borrow::Cow;
use std::collections::HashMap;

/// The orders of the context, and what came beside them.
pub(super) struct ContextOrders<'a> {
    /// Orders, those being stopped first.
    pub(super) orders: Vec<ContextOrder<'a>>,
    /// Other resources.
    pub(super) beside: Vec<(Text<'a>, Object<'a>)>,
    /// A draft came that cannot be read at all.
    pub(super) unreadable: bool,
    /// The first thing in them for which the call is refused.
    pub(super) refused: Option<GatherError>,
}

/// One order of the context.
pub(super) struct ContextOrder<'a> {
    /// The order; empty if only its address came, or nothing that can be read.
    pub(super) order: Object<'a>,
    /// As it came.
    pub(super) received: Option<Node<'a>>,
    /// `MedicationRequest/id` by its address, where the order is empty or has no id.
    pub(super) address: Option<Box<str>>,
    pub(super) role: Role,
    field: &'static str,
    place: usize,
}

impl<'a> ContextOrder<'a> {
    /// Those being stopped first; then by id.
    fn rank(&self) -> (bool, Option<Cow<'a, str>>, Option<&str>, &str) {
        let text = self.received.map_or("", Node::raw);
        (
            self.role != Role::Stopping,
            self.order.id(),
            self.address.as_deref(),
            text,
        )
    }
}

const STOPS: &str = "toBeDiscontinued";
const DRAFTS: &str = "draftOrders";

impl<'a> ContextOrders<'a> {
    /// Reads the Bundles of the context.
    pub(super) fn read(request: &HookRequest<'a>) -> Self {
        let mut found = ContextOrders {
            orders: Vec::new(),
            beside: Vec::new(),
            unreadable: false,
            refused: None,
        };
        let signing = request.occasion == Occasion::Signing;
        found.bundle(STOPS, request.context.to_be_discontinued, true, |_| {
            Some(Role::Stopping)
        });
        found.bundle(DRAFTS, request.context.draft_orders, signing, |order| {
            let status = order.raw("status");
            let named = status
                .and_then(Node::text)
                .and_then(|code| status_named(code.trim()));
            Some(match named {
                // What it may be, nobody can say: a stop among the orders to be signed, or a draft.
                None if signing && status.is_some() => return None,
                Some(OrderStatus::Stopped | OrderStatus::Cancelled | OrderStatus::OnHold) if signing => {
                    Role::Stopping
                }
                Some(
                    OrderStatus::Stopped
                    | OrderStatus::Cancelled
                    | OrderStatus::OnHold
                    | OrderStatus::Completed
                    | OrderStatus::Void,
                ) => Role::Recorded,
                Some(OrderStatus::Active | OrderStatus::Draft | OrderStatus::Unknown) | None => Role::Draft,
            })
        });
        // In what order they came must not change a word of the answer.
        found.orders.sort_by(|one, other| one.rank().cmp(&other.rank()));
        found
    }

    /// Reads a Bundle; `asks` if the hook asks about what is in it, so that it must hold what it counts. An order
    /// without a role has a status that is none.
    fn bundle(
        &mut self,
        field: &'static str,
        raw: Option<Node<'a>>,
        asks: bool,
        role: impl Fn(&Object<'a>) -> Option<Role>,
    ) {
        let bundle = raw.map(RawBundle::read).unwrap_or_default();
        let entries = &bundle.entry.0;
        let counted = bundle.total.0.is_some() && bundle.total.value() != Some(Decimal::ZERO);
        if asks && entries.is_empty() && (counted || raw.is_some_and(hides_entries)) {
            let field = format!("context.{field}.entry");
            self.refused.get_or_insert(GatherError::NoEntries { field });
        }
        for (place, entry) in bundle.entry.0.into_iter().enumerate() {
            let order: Object<'a> = entry.resource.read();
            let kind = order.kind();
            match kind
                .as_deref()
                .map(str::trim)
                .filter(|name| is_type(name) || is_order(name))
            {
                Some("Bundle" | "OperationOutcome") if asks => {
                    let field = format!("context.{field}.entry[{place}].resource");
                    self.refused.get_or_insert(GatherError::NoOrder { field });
                }
                Some(name) if is_order(name) => {
                    let Some(role) = role(&order) else {
                        let field = format!("context.{field}.entry[{place}].resource.status");
                        self.refused.get_or_insert(GatherError::NoStatus { field });
                        continue;
                    };
                    let received = entry.resource.0;
                    let address = entry.full_url.get().filter(|_| order.id().is_none());
                    self.orders.push(ContextOrder {
                        order,
                        received,
                        address: address.and_then(order_address),
                        role,
                        field,
                        place,
                    });
                }
                Some("MedicationOrder") => {
                    let field = format!("context.{field}.entry[{place}]");
                    self.refused.get_or_insert(GatherError::Dstu2 { field });
                }
                Some(_) => self.beside.push((entry.full_url, order)),
                None if field == STOPS => self.orders.extend(by_address(&entry, &order, place)),
                None => self.unreadable = true,
            }
        }
    }

    /// Patients beside the orders, by their full address.
    pub(super) fn patients(&self) -> HashMap<String, Option<String>> {
        self.beside
            .iter()
            .filter_map(|(url, resource)| patient_at(url, resource))
            .collect()
    }

    /// Path of the first order that belongs to another patient.
    pub(super) fn foreign(&self, subjects: &Subjects<'_>) -> Option<String> {
        let foreign = self.orders.iter().find(|order| !subjects.owns(&order.order))?;
        Some(format!("context.{}.entry[{}]", foreign.field, foreign.place))
    }
}

/// Whether a type is that of orders, in capitals or not.
fn is_order(name: &str) -> bool {
    name.eq_ignore_ascii_case("MedicationRequest")
}

/// An entry without a resource that can be read: an address of an order, or an order of which nothing is
/// known. An address of something else is no order.
fn by_address<'a>(entry: &RawEntry<'a>, reference: &Object<'a>, place: usize) -> Option<ContextOrder<'a>> {
    let written = reference.text("reference");
    let address = written.as_deref().or(entry.full_url.get());
    let order = address.and_then(order_address);
    if order.is_none() && address.is_some_and(|address| !address.starts_with("urn:")) {
        return None;
    }
    let (role, field) = (Role::Stopping, STOPS);
    Some(ContextOrder {
        order: Object::default(),
        received: None,
        address: order,
        role,
        field,
        place,
    })
}

/// `MedicationRequest/id` at the end of an address.
fn order_address(address: &str) -> Option<Box<str>> {
    let (path, id) = address.rsplit_once('/')?;
    let is_order = path == "MedicationRequest" || path.ends_with("/MedicationRequest");
    (is_order && crate::fhir::subject::is_id(id)).then(|| format!("MedicationRequest/{id}").into())
}
