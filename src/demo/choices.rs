//! What the order form offers: reasons for a stop and products to switch to.
//!
//! In: `fixtures/patients/choices.toml`. Out: [`Choices`]. Codes live in the file, not here.

use super::stories::{self, DemoError};
use serde::Deserialize;

/// What the order form offers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Choices {
    /// What all products have in common.
    pub(super) product: ProductCoding,
    /// Reasons for a stop.
    pub(super) reason: Vec<Reason>,
    /// Products to switch to.
    pub(super) switch: Vec<Switch>,
}

/// Code system and route of the products.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ProductCoding {
    /// Code system of the products.
    pub(super) system: String,
    /// Code system of the route.
    pub(super) route_system: String,
    /// Code of the route.
    pub(super) route_code: String,
    /// Words of the route.
    pub(super) route_display: String,
}

/// A reason for a stop or hold, of FHIR R4's `medicationrequest-status-reason`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    /// Code.
    pub(super) code: String,
    /// Words of the code system.
    pub(super) display: String,
}

/// A product, or several that are taken together, in place of an order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    /// Its name in the form.
    pub(super) id: String,
    /// What the prescriber reads.
    pub(super) label: String,
    /// Product codes of the orders to which it is offered.
    pub(super) from: Vec<String>,
    /// The orders that it drafts.
    pub(super) draft: Vec<Draft>,
}

/// One drafted order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Draft {
    /// Product.
    pub(super) code: String,
    /// Name in the code system.
    pub(super) display: String,
    /// Milligrams per dose.
    pub(super) dose: f64,
    /// Doses per day.
    pub(super) frequency: u8,
}

/// Loads what the order form offers.
pub(super) fn load() -> Result<Choices, DemoError> {
    stories::table("choices.toml")
}
