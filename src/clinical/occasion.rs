//! What a hook asks.
//!
//! Turns the name of a hook into an [`Occasion`]. Two hooks of one occasion get the same answer; a card
//! never tells by which of them it came. Follows section 1 of the outside contract.

/// What a hook asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Occasion {
    /// The hook names the orders that are being stopped.
    #[default]
    Stop,
    /// Orders are signed or selected: those that were changed are found by comparison with the record.
    Signing,
    /// The patient leaves: what was stopped lately, or ends with the stay, and is not continued.
    Discharge,
    /// The client's own trigger says that orders were stopped, without naming them.
    Announced,
    /// A chart is opened: nothing is being stopped.
    View,
}

impl Occasion {
    /// The occasion of a hook. A name that is not known is one of a hook that names its orders.
    pub fn of(hook: &str) -> Self {
        match hook {
            "order-sign" | "order-select" => Occasion::Signing,
            "encounter-discharge" => Occasion::Discharge,
            "patient-view" => Occasion::View,
            _ => Occasion::Stop,
        }
    }

    /// Whether everything rests on the medication list, because the hook carries ids only.
    pub fn carries_ids_only(self) -> bool {
        matches!(self, Occasion::Discharge | Occasion::Announced | Occasion::View)
    }

    /// Whether orders that ended before now are reviewed as if they were being stopped.
    pub fn looks_for_ended(self) -> bool {
        matches!(self, Occasion::Discharge | Occasion::Announced)
    }
}
