//! Agents that could replace a drug, and what must be known of the patient first.

use super::{AgentId, Coding, Expr, SourceId};
use crate::clinical::vocabulary::IngredientId;

/// Use of an agent for an indication.
pub struct AgentUse {
    /// Which.
    pub agent: AgentId,
    /// Dose range for adults, as the source gives it.
    pub dose: Box<str>,
    /// The situation it is meant for, if another than this one: then at most `check-first`.
    pub situation: Option<Box<str>>,
    /// The dose of this use depends on body weight, whatever other uses do.
    pub weight_based: bool,
    /// Source of the use.
    pub source: SourceId,
}

/// An alternative.
pub struct Agent {
    /// Key.
    pub key: Box<str>,
    /// Name on cards.
    pub name: Box<str>,
    /// Ingredient (one of its family); `None` where no code was verified.
    pub ingredient: Option<IngredientId>,
    /// Code and system for the basis and the suggested order.
    pub code: Coding,
    /// The dose depends on body weight.
    pub weight_based: bool,
    /// True: excluded.
    pub excludes: Vec<Exclusion>,
    /// Not known: check first; false: excluded.
    pub requires: Vec<Requirement>,
    /// Notes that are added when true.
    pub notes: Vec<Note>,
    /// Sources, its own first.
    pub sources: Vec<SourceId>,
}

/// A reason against an agent.
pub struct Exclusion {
    /// When.
    pub when: Expr,
    /// Because.
    pub because: Box<str>,
}

/// What must be known before an agent.
pub struct Requirement {
    /// Must be true.
    pub know: Expr,
    /// For whom; `None`: for everybody.
    pub applies: Option<Expr>,
    /// What to check, as printed among the reasons.
    pub ask: Box<str>,
    /// Why it is excluded if `know` is false; `None`: it stays `check-first`.
    pub otherwise: Option<Box<str>>,
    /// Name of the gap, where the contract has one.
    pub need: Option<Box<str>>,
}

/// A note on an agent.
pub struct Note {
    /// When.
    pub when: Expr,
    /// The note.
    pub says: Box<str>,
}
