//! `stepdown doctor`: is this set-up, with the servers that it names, one that will work?
//!
//! Turns settings into [`Finding`]s, each of which says what was seen, what it means and what to do. It asks what
//! the service itself would ask, by the same code, and changes nothing: no row in the journal, no launch, no
//! resource. The only thing it sends beyond reads is one request to each token endpoint with a code that does not
//! exist. It prints no secret, no token and no body; what comes from elsewhere is cut and cleaned before it is
//! shown. Follows CDS Hooks 2.0.1, SMART App Launch 2.2 and FHIR R4, "capabilities".

mod app;
mod ask;
mod fhir;
mod journal;
mod keys;
mod own;
mod sheet;

pub use sheet::sheet;

use crate::clinical::knowledge::Knowledge;
use crate::config::{ClientConfig, Config};
use crate::content;
use crate::startup::scheme;
use ask::Asker;
use serde::Serialize;
use std::fmt;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// As it should be.
    Ok,
    /// It works, and something should be looked at.
    Warning,
    /// Something will not work, or is not safe.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How grave it is.
    pub grade: Grade,
    /// `settings`, `knowledge`, `service`, `journal`, or the name of a client.
    pub about: String,
    /// What was looked at, by a name that stays the same.
    pub check: &'static str,
    /// What was seen, and what it means.
    pub says: String,
    /// What to do about it.
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grade = match self.grade {
            Grade::Ok => "ok",
            Grade::Warning => "warning",
            Grade::Problem => "problem",
        };
        write!(f, "{grade:<8} {}: {}: {}", self.about, self.check, self.says)?;
        match &self.remedy {
            Some(remedy) => write!(f, " Do: {remedy}"),
            None => Ok(()),
        }
    }
}

/// Findings about one thing.
struct Findings<'a> {
    about: &'a str,
    list: Vec<Finding>,
}

impl<'a> Findings<'a> {
    fn about(about: &'a str) -> Self {
        let list = Vec::new();
        Self { about, list }
    }

    fn add(&mut self, grade: Grade, check: &'static str, says: String, remedy: Option<String>) {
        self.list.push(Finding {
            grade,
            about: self.about.to_owned(),
            check,
            says,
            remedy,
        });
    }

    fn ok(&mut self, check: &'static str, says: impl Into<String>) {
        self.add(Grade::Ok, check, says.into(), None);
    }

    fn warning(&mut self, check: &'static str, says: impl Into<String>, remedy: impl Into<String>) {
        self.add(Grade::Warning, check, says.into(), Some(remedy.into()));
    }

    fn problem(&mut self, check: &'static str, says: impl Into<String>, remedy: impl Into<String>) {
        self.add(Grade::Problem, check, says.into(), Some(remedy.into()));
    }
}

/// The address under which callers reach the service, without a trailing slash.
fn public_url(config: &Config) -> String {
    let written = config.public_url.clone();
    written.unwrap_or_else(|| format!("{}://{}", scheme(config.tls.is_some()), config.listen))
}

/// The knowledge that the settings name.
///
/// # Errors
/// Everything that is wrong with it, one to a line.
pub fn knowledge(config: &Config) -> Result<Knowledge, String> {
    content::from(config.knowledge.as_deref()).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        lines.join("; ")
    })
}

/// A finding that the settings cannot be used.
#[must_use]
pub fn refused(error: &impl fmt::Display) -> Vec<Finding> {
    let mut findings = Findings::about("settings");
    let remedy = "correct the line; deploy/settings.default.toml explains every key.";
    findings.problem("settings.read", format!("{error}."), remedy);
    findings.list
}

/// Looks at everything, and at one client or all of them; `knowledge` as [`knowledge()`] has read it.
pub async fn examine(
    config: &Config,
    knowledge: Result<&Knowledge, &String>,
    only: Option<&str>,
) -> Vec<Finding> {
    let mut settings = Findings::about("settings");
    let clients: Vec<&ClientConfig> = config
        .clients
        .iter()
        .filter(|client| only.is_none_or(|name| client.name == name))
        .collect();
    let count = config.clients.len();
    settings.ok(
        "settings.read",
        format!("the file can be used; clients: {count}."),
    );
    let knowledge = match knowledge {
        Ok(knowledge) => {
            let version = &knowledge.version;
            settings.ok(
                "knowledge.read",
                format!("the knowledge is whole: version {version}."),
            );
            Some(knowledge)
        }
        Err(problems) => {
            let remedy = "run `stepdown check` on the folder and correct what it names.";
            settings.problem(
                "knowledge.read",
                format!("the knowledge is refused: {problems}."),
                remedy,
            );
            None
        }
    };
    let mut found = settings.list;
    found.extend(journal::examine(config).await);
    found.extend(own::examine(config, knowledge).await);
    for client in clients {
        found.extend(one(client, &public_url(config), knowledge).await);
    }
    found
}

/// Looks at one client.
async fn one(client: &ClientConfig, public_url: &str, knowledge: Option<&Knowledge>) -> Vec<Finding> {
    let mut findings = Findings::about(&client.name);
    let Ok(asker) = Asker::new(client.tls.as_deref()) else {
        let remedy = "look at [client.tls] and at the certificates that this machine trusts.";
        findings.problem("tls.set-up", "connections cannot be set up.", remedy);
        return findings.list;
    };
    if let Some(knowledge) = knowledge {
        fhir::examine(client, knowledge, &asker, &mut findings).await;
    }
    keys::examine(client, &asker, &mut findings).await;
    app::examine(client, public_url, &asker, &mut findings).await;
    findings.list
}
