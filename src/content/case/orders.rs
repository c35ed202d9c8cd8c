//! The orders and supplies of a case.

use super::Teller;
use crate::clinical::record::{Dose, Drug, Order, OrderStatus, Role, Said, Supply, Unread};
use crate::clinical::vocabulary::{GroupId, Site};
use crate::clinical::when::When;
use crate::content::page::Word;
use crate::content::phrases;
use crate::content::schema::cases::{OrderRow, SaidRow, SupplyRow};

impl Teller<'_> {
    /// The order of a row, numbered for its reference.
    pub(super) fn order(&self, n: usize, row: &OrderRow) -> Order {
        let named = phrases::drug(row.drug.get_ref(), self.knowledge);
        let stopping = row.stops || row.hold;
        if usize::from(stopping) + usize::from(row.draft) + usize::from(row.stopped.is_some()) > 1 {
            self.page.refuse(
                row.drug.span(),
                "an order is one of stops (or hold), draft, stopped",
            );
        }
        if row.not_to_give && (stopping || row.stopped.is_some()) {
            self.page.refuse(
                row.drug.span(),
                "an order not to give a drug neither stops nor stopped",
            );
        }
        let (role, status) = match row {
            _ if row.hold => (Role::Stopping, OrderStatus::OnHold),
            _ if row.stops && row.entered_in_error => (Role::Stopping, OrderStatus::Void),
            _ if row.not_to_give && row.draft => (Role::Draft, OrderStatus::Void),
            _ if row.not_to_give => (Role::Recorded, OrderStatus::Void),
            _ if row.stops && row.completed => (Role::Stopping, OrderStatus::Completed),
            _ if row.stops => (Role::Stopping, OrderStatus::Stopped),
            _ if row.draft => (Role::Draft, OrderStatus::Draft),
            _ if row.stopped.is_some() => (Role::Recorded, OrderStatus::Stopped),
            _ => (Role::Recorded, OrderStatus::Active),
        };
        let since = self.date(row.since.as_ref());
        let site = match row.site {
            Some(site) => Some(Site::from(site)),
            None if row.route_unknown => None,
            None => Some(named.site.unwrap_or(Site::Systemic)),
        };
        let dose = row
            .dose
            .as_ref()
            .and_then(|word| self.told(word, phrases::dose(word.get_ref(), self.vocabulary())));
        let reason = row.reason_text.as_deref().unwrap_or_default();
        Order {
            reference: Some(format!("MedicationRequest/{n}").into()),
            role,
            status,
            drug: if row.unreadable {
                Drug::Unreadable
            } else {
                named.drug
            },
            drug_text: row.drug.get_ref().as_str().into(),
            site,
            formulation: named
                .formulation
                .filter(|_| site == Some(Site::Systemic) && !row.unreadable),
            dose: dose.unwrap_or(Dose::Unknown),
            dose_came: row.dose.is_some(),
            dose_times: row.at.iter().filter_map(|word| self.clock(word)).collect(),
            authored: if row.draft {
                Some(When::instant(self.now))
            } else {
                since
            },
            starts: since,
            ends: self.date(row.until.as_ref()),
            // `unknown`: stopped, and nothing says when.
            stopped: self.date(row.stopped.as_ref().filter(|word| word.get_ref() != "unknown")),
            restart: self.date(row.restart.as_ref()),
            reasons: self.reasons(&row.treats),
            status_reason_codes: row
                .reason
                .iter()
                .chain(&row.stopped_for)
                .map(|code| code.as_str().into())
                .collect(),
            status_reason_text: reason.to_lowercase().into(),
            status_reason_written: reason.into(),
            ends_with_stay: false,
            prior: None,
            written_taper: row.written_taper,
            is_stu3: false,
            unread: Unread {
                start: row.unreadable_start,
                end: row.unreadable_end,
                dose: row.unreadable_dose,
            },
            received: None,
        }
    }

    /// The dispense or statement of a row, numbered for its reference.
    pub(super) fn supply(&self, n: usize, row: &SupplyRow) -> Supply {
        Supply {
            reference: Some(format!("MedicationStatement/{n}").into()),
            drug: phrases::drug(row.drug.get_ref(), self.knowledge).drug,
            says: match row.says {
                SaidRow::Ended => Said::Ended,
                SaidRow::Taken => Said::Taken,
                SaidRow::NotTaken => Said::NotTaken,
            },
            until: self.date(row.until.as_ref()),
        }
    }

    fn reasons(&self, words: &[Word]) -> Vec<(GroupId, Box<str>)> {
        let reason = |word: &Word| Some((self.group(word)?, word.get_ref().as_str().into()));
        words.iter().filter_map(reason).collect()
    }
}
