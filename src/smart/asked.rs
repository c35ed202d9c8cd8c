//! What was asked of an EHR's FHIR server for a chart, on its way to the audit.
//!
//! Turns the reads of one page into one entry of the journal, whatever became of the page: it is handed over when this
//! is dropped. Nobody waits for it; the journal writes it with others, as it does the reads of a hook call. A page that
//! shows what was read before asks nothing and leaves nothing. Follows IHE BALP 1.1 (PatientRead, PatientQuery).

use super::session::Session;
use crate::app::App;
use crate::clinical::gap::Why;
use crate::gather::note_read;
use crate::journal::{ChartReading, ServerRead};

/// The reads of one page so far.
pub(super) struct Asked<'a> {
    app: &'a App,
    session: &'a Session,
    reads: Vec<(&'static str, Option<Why>)>,
}

impl<'a> Asked<'a> {
    /// None yet.
    pub(super) fn nothing(app: &'a App, session: &'a Session) -> Self {
        let reads = Vec::new();
        Self { app, session, reads }
    }

    /// Notes a read of a type of resource, and why not all of it came, if so.
    pub(super) fn note(&mut self, kind: &'static str, missing: Option<Why>) {
        note_read(&mut self.reads, (kind, missing));
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if self.reads.is_empty() {
            return;
        }
        let (app, session) = (self.app, self.session);
        let reads = self.reads.iter();
        app.journal.record_reading(ChartReading {
            at: app.clock.now(),
            client: session.registration.name.clone(),
            patient: format!("Patient/{}", session.patient.id()),
            user: session.user.clone(),
            content_version: app.knowledge.version.to_string(),
            reads: reads
                .map(|(kind, missing)| ServerRead::new(kind, *missing))
                .collect(),
        });
    }
}
