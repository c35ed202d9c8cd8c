//! One saved request, judged without asking anybody.
//!
//! Turns the bytes of a hook request, or of a kept call, into its evaluation: as of its own instant where that is
//! known, with what the settings say of its client where they are at hand. The way is that of a live call from
//! `protocol` to `clinical`, without trust, journal and network.

use super::envelope::{KeptRead, begins_with_mark};
use super::told::Told;
use crate::clinical::evaluate::{Evaluation, evaluate_for};
use crate::clinical::knowledge::Knowledge;
use crate::clinical::occasion::Occasion;
use crate::clinical::practice::Practice;
use crate::clinical::record::PatientRecord;
use crate::config::{ClientConfig, StopTriggers};
use crate::fhir::json::Document;
use crate::fhir::terms::LocalCodes;
use crate::gather::{Answer, read_saved};
use crate::pipeline::announces;
use crate::protocol::request::{HookRequest, document};
use crate::startup::local_codes;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;
use url::Url;

/// The bytes of a request, and what they are called.
pub struct Saved {
    /// File, and line in NDJSON.
    pub name: String,
    /// A hook request, or a kept call.
    pub body: Vec<u8>,
}

/// What the settings say of a client, as far as a judgement depends on it.
#[derive(Default)]
pub struct Site {
    /// Country, and rules in silence.
    pub practice: Practice,
    /// Local codes.
    pub local: LocalCodes,
    prefetch: Vec<(String, &'static str)>,
    stop_triggers: Option<StopTriggers>,
    base: Option<Url>,
}

/// The clients whose settings are at hand.
#[derive(Default)]
pub struct Sites {
    by_name: BTreeMap<String, Site>,
    /// That of a request which names no client.
    usual: Site,
}

impl Site {
    /// That of a client.
    #[must_use]
    pub fn of(client: &ClientConfig) -> Self {
        Site {
            practice: client.practice.clone(),
            local: local_codes(client),
            prefetch: client.prefetch.clone(),
            stop_triggers: client.stop_triggers.clone(),
            base: Some(client.fhir_base.clone()),
        }
    }
}

impl Sites {
    /// Those of settings; a request that names no client counts as one of `usual`, if that is given.
    ///
    /// # Errors
    /// When no client has that name.
    pub fn of(clients: &[ClientConfig], usual: Option<&str>) -> Result<Self, String> {
        let named = |name: &str| clients.iter().find(|client| client.name == name);
        let usual = match usual {
            None => Site::default(),
            Some(name) => Site::of(named(name).ok_or_else(|| format!("there is no client '{name}'"))?),
        };
        Ok(Sites {
            by_name: clients.iter().map(|c| (c.name.clone(), Site::of(c))).collect(),
            usual,
        })
    }

    /// One for every request.
    #[must_use]
    pub fn always(site: Site) -> Self {
        Sites {
            usual: site,
            ..Sites::default()
        }
    }

    fn site(&self, client: Option<&str>) -> &Site {
        client
            .and_then(|name| self.by_name.get(name))
            .unwrap_or(&self.usual)
    }

    /// Whether there are settings of that client.
    #[must_use]
    pub fn knows(&self, client: &str) -> bool {
        self.by_name.contains_key(client)
    }
}

/// How requests are judged.
pub struct Judging<'a> {
    /// What the settings say.
    pub sites: &'a Sites,
    /// The instant of a request that has none of its own.
    pub now: Timestamp,
    /// Whether it is also that of requests that have one.
    pub always_now: bool,
    /// Whether every patient-view counts as one that was fired because orders were stopped.
    pub announced: bool,
}

/// A request as JSON, before anything is made of it.
pub struct Readable<'a> {
    document: Document<'a>,
    client: Option<String>,
    /// Its own instant, and how that is known.
    at: Option<(Timestamp, &'static str)>,
    answers: Vec<Answer>,
}

/// A request that was opened.
pub struct Opened<'a> {
    /// The request.
    pub request: HookRequest<'a>,
    /// The client that sent it, where that is known.
    pub client: Option<&'a str>,
    /// As of when it is judged.
    pub at: Timestamp,
    /// How that is known: `kept`, `name` (of its file) or `now`.
    pub at_by: &'static str,
    answers: &'a [Answer],
}

impl Saved {
    /// Reads it as JSON.
    ///
    /// # Errors
    /// What is wrong with the whole, or with a field of a kept call; never a value of it.
    pub fn read(&self) -> Result<Readable<'_>, String> {
        let (body, client, at, answers) = match begins_with_mark(&self.body) {
            true => {
                let kept = KeptRead::of(&self.body)?;
                (
                    kept.request,
                    Some(kept.client),
                    Some((kept.at, "kept")),
                    kept.answers,
                )
            }
            false => {
                let at = instant_of(&self.name).map(|at| (at, "name"));
                (&*self.body, None, at, Vec::new())
            }
        };
        Ok(Readable {
            document: document(body).map_err(|error| error.to_string())?,
            client,
            at,
            answers,
        })
    }

    /// Judges it.
    ///
    /// # Errors
    /// As [`Saved::read`], [`Readable::open`] and [`Opened::record`].
    pub fn judge(&self, knowledge: &Knowledge, judging: &Judging<'_>) -> Result<Told, String> {
        let read = self.read()?;
        let opened = read.open(knowledge, judging)?;
        let record = opened.record(knowledge, judging)?;
        let evaluation = opened.evaluate(&record, knowledge, judging);
        Ok(Told::of_request(&opened, &record, &evaluation, knowledge))
    }
}

impl Readable<'_> {
    /// Opens it for the hooks that some tables are listed for.
    ///
    /// # Errors
    /// The field that is wrong, and how; never a value of it.
    pub fn open(&self, knowledge: &Knowledge, judging: &Judging<'_>) -> Result<Opened<'_>, String> {
        let listed = |hook: &str| knowledge.services.iter().any(|service| *service.hook == *hook);
        let request = HookRequest::read_for(&self.document, listed);
        let mut request = request.map_err(|error| error.to_string())?;
        let client = self.client.as_deref();
        let site = judging.sites.site(client);
        request.prefetch.rename(&site.prefetch);
        let triggers = site.stop_triggers.as_ref();
        let viewed = request.occasion == Occasion::View;
        if viewed && (judging.announced || triggers.is_some_and(|t| announces(&request, t))) {
            request.occasion = Occasion::Announced;
        }
        let own = self.at.filter(|_| !judging.always_now);
        let (at, at_by) = own.unwrap_or((judging.now, "now"));
        Ok(Opened {
            request,
            client,
            at,
            at_by,
            answers: &self.answers,
        })
    }
}

impl Opened<'_> {
    /// What is known of the patient.
    ///
    /// # Errors
    /// When the request speaks of more than one patient.
    pub fn record(&self, knowledge: &Knowledge, judging: &Judging<'_>) -> Result<PatientRecord, String> {
        let site = judging.sites.site(self.client);
        let base = self.request.fhir_server.as_ref().and(site.base.as_ref());
        read_saved(&self.request, base, knowledge, &site.local, self.at, self.answers)
            .map_err(|error| error.to_string())
    }

    /// The judgement.
    pub fn evaluate<'k>(
        &self,
        record: &'k PatientRecord,
        knowledge: &'k Knowledge,
        judging: &Judging<'_>,
    ) -> Evaluation<'k> {
        let site = judging.sites.site(self.client);
        evaluate_for(&site.practice, record, knowledge, self.at)
    }
}

/// The instant with which the name of a file begins, as `2026-11-22T08:00:00Z` or `20261122T080000Z`. When a file
/// was written says nothing: a copy has another time.
fn instant_of(name: &str) -> Option<Timestamp> {
    let file = Path::new(name).file_name()?.to_str()?;
    let (instant, _) = file.split_once('Z')?;
    format!("{instant}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_may_tell_the_instant() {
        let expected: Timestamp = "2026-11-22T08:00:00Z".parse().unwrap();
        for name in [
            "a/2026-11-22T08:00:00Z.json",
            "20261122T080000Z-0b.json",
            "x/20261122T080000Z.json",
        ] {
            assert_eq!(instant_of(name), Some(expected), "{name}");
        }
        for name in [
            "stop.json",
            "Zebra.json",
            "2026-11-22.json",
            "20261322T080000Z.json",
        ] {
            assert_eq!(instant_of(name), None, "{name}");
        }
    }
}
