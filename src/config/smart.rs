//! `[client.smart]`: how the companion app is registered with an EHR's authorization server.
//!
//! Turns the table as written into a [`SmartConfig`]. It reads the file that holds the secret or the private
//! key, and never prints either; whether the key can sign is found out by `smart` at start.

use super::check::Source;
use super::{ConfigError, file};
use crate::outbound::is_loopback;
use secrecy::SecretString;
use toml::Spanned;
use url::Url;

/// The companion app at one EHR.
#[derive(Debug, Clone)]
pub struct SmartConfig {
    /// Identifier that the EHR's authorization server has given to the app.
    pub client_id: String,
    /// `fhir-base` as it was written: what a launch from our own page names as `aud`.
    pub issuer: String,
    /// How the app proves itself when it asks for a token.
    pub login: SmartLogin,
    /// Scopes to ask for instead of those that the tables need.
    pub scopes: Option<Vec<String>>,
    /// Whether the app asks for the right to write draft orders, and writes them where a user confirms it.
    pub write_drafts: bool,
    /// Origins that may show the app in a frame; that of `fhir-base` unless set.
    pub frame_ancestors: Vec<String>,
}

/// How the app proves itself to a token endpoint.
#[derive(Debug, Clone)]
pub enum SmartLogin {
    /// It does not: a public client, protected by PKCE alone.
    Public,
    /// With a shared secret (`client_secret_basic`).
    Secret(SecretString),
    /// With a signed assertion (`private_key_jwt`); the private key as PEM.
    Key(SecretString),
}

impl SmartConfig {
    /// The app of the demonstration: a public client of the server on this machine.
    pub(super) fn for_demo(fhir_base: &Url) -> Self {
        Self {
            client_id: "stepdown-demo".to_owned(),
            issuer: fhir_base.as_str().trim_end_matches('/').to_owned(),
            login: SmartLogin::Public,
            scopes: None,
            write_drafts: true,
            frame_ancestors: origin(fhir_base.as_str()).into_iter().collect(),
        }
    }
}

/// Checks one table.
pub(super) fn read(
    source: &Source<'_>,
    written: &file::Smart,
    fhir_base: &str,
) -> Result<SmartConfig, ConfigError> {
    let id = &written.client_id;
    if id.get_ref().trim().is_empty() {
        return Err(source.invalid(&id.span(), "client-id", "is empty"));
    }
    Ok(SmartConfig {
        client_id: id.get_ref().clone(),
        issuer: fhir_base.to_owned(),
        login: login(source, written)?,
        scopes: scopes(source, written.scopes.as_ref())?,
        write_drafts: written.write_drafts,
        frame_ancestors: frame_ancestors(source, written, fhir_base)?,
    })
}

fn login(source: &Source<'_>, written: &file::Smart) -> Result<SmartLogin, ConfigError> {
    match (&written.secret_file, &written.key_file) {
        (None, None) => Ok(SmartLogin::Public),
        (Some(file), None) => Ok(SmartLogin::Secret(content(source, file, "secret-file")?)),
        (None, Some(file)) => Ok(SmartLogin::Key(content(source, file, "key-file")?)),
        (Some(_), Some(file)) => {
            Err(source.invalid(&file.span(), "key-file", "stands beside secret-file: keep one"))
        }
    }
}

fn content(source: &Source<'_>, file: &Spanned<String>, key: &str) -> Result<SecretString, ConfigError> {
    let path = source.path(file, key)?;
    let refuse = |error| source.invalid(&file.span(), key, format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(refuse)?;
    if text.trim().is_empty() {
        return Err(source.invalid(&file.span(), key, format!("{} is empty", path.display())));
    }
    Ok(SecretString::from(text.trim()))
}

fn scopes(
    source: &Source<'_>,
    written: Option<&Spanned<Vec<String>>>,
) -> Result<Option<Vec<String>>, ConfigError> {
    let Some(list) = written else { return Ok(None) };
    let is_scope = |scope: &String| !scope.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic());
    if list.get_ref().is_empty() || !list.get_ref().iter().all(is_scope) {
        return Err(source.invalid(&list.span(), "scopes", "must be a list of scopes without spaces"));
    }
    Ok(Some(list.get_ref().clone()))
}

fn frame_ancestors(
    source: &Source<'_>,
    written: &file::Smart,
    fhir_base: &str,
) -> Result<Vec<String>, ConfigError> {
    let Some(list) = &written.frame_ancestors else {
        return Ok(origin(fhir_base).into_iter().collect());
    };
    let checked = list.get_ref().iter().map(|text| origin(text));
    checked.collect::<Option<Vec<_>>>().ok_or_else(|| {
        let message = "must be a list of https origins, such as https://ehr.hospital.example";
        source.invalid(&list.span(), "frame-ancestors", message)
    })
}

/// The origin of an address, if it is one that may hold a frame.
fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let may = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    may.then(|| url.origin().ascii_serialization())
}
