//! The alternatives side by side: what each would be, and what speaks against it in this record.

use super::Case;
use crate::clinical::agents::{Status, screen};
use crate::clinical::compose::agents_wanted;
use crate::clinical::judge::Finding;
use crate::clinical::signal::Signals;

/// One agent.
pub(super) struct AgentRow<'k> {
    /// Name.
    pub(super) name: &'k str,
    /// Code of its status.
    pub(super) status: &'static str,
    /// Its status in words.
    pub(super) word: &'static str,
    /// Why excluded, or what to check.
    pub(super) reasons: Vec<&'k str>,
    /// Notes that apply to one that is not excluded.
    pub(super) notes: Vec<&'k str>,
    /// Dose for adults; empty for one that is excluded or taken.
    pub(super) dose: &'k str,
    /// Label and address of its source.
    pub(super) source: (&'k str, &'k str),
}

/// The agents of the indication, those that may be offered first.
pub(super) fn agents<'k>(
    case: &Case<'k>,
    finding: &Finding<'k>,
    signals: &mut Signals<'_, '_>,
) -> Vec<AgentRow<'k>> {
    if !agents_wanted(finding, case.record, signals) {
        return Vec::new();
    }
    let screening = screen(
        case.record,
        case.knowledge,
        finding.indication,
        finding.rightful,
        signals,
    );
    let mut agents = screening.agents;
    agents.sort_by_key(|agent| agent.status);
    let row = |agent: crate::clinical::agents::Screened<'k>| {
        let source = case.knowledge.source(agent.of.source);
        let may = matches!(agent.status, Status::Offered | Status::CheckFirst);
        AgentRow {
            name: &agent.agent.name,
            status: agent.status.code(),
            word: match agent.status {
                Status::Offered => "possible",
                Status::CheckFirst => "check first",
                Status::Excluded => "excluded",
                Status::AlreadyTaking => "taken now",
            },
            reasons: agent.reasons,
            notes: if may { agent.notes } else { Vec::new() },
            dose: if may { &agent.of.dose } else { "" },
            source: (&source.label, &source.url),
        }
    };
    agents.into_iter().map(row).collect()
}
