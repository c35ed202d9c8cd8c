//! `repeats.toml`: for how long a card that was overridden comes back with less force.
//!
//! The bound is part of the format: no table can silence a card, or soften one for longer than a day.

use super::names::Desk;
use super::schema::{Certainty, Repeats as File};
use crate::clinical::knowledge::Repeats;

/// Most hours.
const MOST: u32 = 24;

/// Reads the file.
pub(super) fn read(desk: Desk<'_>) -> Option<Repeats> {
    let row = desk.page.toml::<File>()?.after_override;
    if *row.hours.get_ref() > MOST {
        desk.page
            .refuse(row.hours.span(), format!("from 0 to {MOST} hours"));
    }
    match &row.source {
        None if *row.sure.get_ref() != Certainty::Opinion => desk
            .page
            .refuse(row.sure.span(), "what is more than an opinion names its source"),
        Some(source) => drop(desk.source(source)),
        None => {}
    }
    Some(Repeats {
        hours: row.hours.into_inner(),
    })
}
