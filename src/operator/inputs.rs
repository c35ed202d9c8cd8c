//! What a card rested on, for a reviewer who was shown whom it was about.
//!
//! Turns a card of the journal and the folder of kept requests into the card's inputs: value, unit, date, resource.
//! **The journal keeps no clinical value, on purpose.** It holds who asked about whom and which rule answered, for
//! 400 days unless set otherwise, and it goes into backups and exports; with results and diagnoses beside the
//! references of its audit it would be a second, smaller record of every patient whose drug was ever stopped, and the
//! names of rules and gaps that reviewers see without a patient would carry their findings. So inputs are not stored
//! for this page: where the site keeps requests for a while (`[capture]`, off unless set, a folder of its own), the
//! call is judged again as it was; where it does not, the page says so, and how to see them.
//! Values of a patient are shown only after it is on disk who asked for the patient, as the reference is; they are
//! in no log, no export and no address.

use crate::app::App;
use crate::journal::{AuditEntry, Finding};
use crate::replay::{InputTold, Rested, Site, Wanted};
use actix_web::web;

/// What the page says of a card's inputs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inputs {
    /// The service keeps no requests of this client.
    NotKept,
    /// It does, and this one is not in its folder.
    Gone,
    /// It is there and cannot be judged again.
    Unreadable,
    /// Judged again with the tables of this version, the call has no such card.
    NoLonger {
        /// Version of the tables in use.
        content: String,
    },
    /// The call was judged again.
    Found {
        /// The inputs.
        rows: Vec<InputTold>,
        /// Version of the tables in use, where it is another than that of the card; else empty.
        content: String,
    },
}

/// Whether inputs of this client's cards can be found at all: its requests are kept.
pub(super) fn are_kept(app: &App, client: &str) -> bool {
    let client = app.client(client);
    app.capture.is_some() && client.is_some_and(|client| client.is_captured())
}

/// The inputs of a card, of which it was written down that somebody looked. It reads files: on a thread for that.
pub(super) async fn of(app: &App, finding: &Finding, entry: &AuditEntry) -> Inputs {
    let (Some(capture), Some(client)) = (app.capture.clone(), app.client(&finding.client)) else {
        return Inputs::NotKept;
    };
    let (knowledge, finding, call) = (
        app.knowledge.clone(),
        finding.clone(),
        entry.hook_instance.clone(),
    );
    let judged = web::block(move || {
        let wanted = Wanted {
            call: &call,
            client: &finding.client,
            topic: &finding.topic,
            rule: &finding.rule,
        };
        let content = knowledge.version.to_string();
        for kept in capture.of_instant(finding.at).ok()? {
            match kept.rested(&wanted, Site::of(client.settings()), &knowledge) {
                Ok(Rested::Elsewhere) => {}
                Ok(Rested::NoLonger) => return Some(Inputs::NoLonger { content }),
                Ok(Rested::On(rows)) => {
                    let same = content == finding.content_version;
                    let content = if same { String::new() } else { content };
                    return Some(Inputs::Found { rows, content });
                }
                Err(_) => return None,
            }
        }
        Some(match client.is_captured() {
            true => Inputs::Gone,
            false => Inputs::NotKept,
        })
    });
    judged.await.ok().flatten().unwrap_or(Inputs::Unreadable)
}
