//! `[journal]` and `[operator]`: where answers are kept, and who may look at what they hold.
//!
//! Turns an address and the files with secrets into what the journal opens. No error and no `Debug` of
//! what it makes repeats an address with a password, or a secret.

use secrecy::{ExposeSecret, SecretString};
use toml::Spanned;

use super::check::Source;
use super::{ConfigError, JournalConfig, OperatorConfig, file};
use crate::journal::{JournalAddress, is_postgres};

const DEFAULT_RETENTION_DAYS: u32 = 400;
/// Fewest characters of an operator's token.
const TOKEN_LENGTH: usize = 32;
/// Most characters of an operator's name.
const LONGEST_NAME: usize = 64;
/// Name of whoever bears the one token of `[operator]`.
const UNNAMED: &str = "operator";

/// Reads `[journal]`.
pub(super) fn journal(source: &Source<'_>, written: &file::Journal) -> Result<JournalConfig, ConfigError> {
    Ok(JournalConfig {
        address: address(source, written)?,
        retention_days: source.number(
            written.retention_days.as_ref(),
            "retention-days",
            DEFAULT_RETENTION_DAYS,
            1..=36_500,
        )?,
        keep_comments: written.keep_comments,
        when_unavailable: written.when_unavailable,
    })
}

fn address(source: &Source<'_>, written: &file::Journal) -> Result<JournalAddress, ConfigError> {
    let url = written.url.get_ref();
    let refuse = |message: &str| source.invalid(&written.url.span(), "url", message);
    if is_postgres(url) {
        let password = written
            .password_file
            .as_ref()
            .map(|file| secret(source, file, "password-file"));
        if url.parse::<url::Url>().is_err() {
            return Err(refuse("must be postgres://USER@HOST/DATABASE"));
        }
        return Ok(JournalAddress::new(url, password.transpose()?));
    }
    if let Some(file) = &written.password_file {
        return Err(source.invalid(&file.span(), "password-file", "is for postgres only"));
    }
    let path = url
        .strip_prefix("sqlite://")
        .or_else(|| url.strip_prefix("sqlite:"));
    let path = path.ok_or_else(|| refuse("must be sqlite:PATH or postgres://USER@HOST/DATABASE"))?;
    if path.is_empty() || path.starts_with(":memory:") {
        return Err(refuse(
            "must name a file: what is acknowledged has to outlive the process",
        ));
    }
    let absolute = source.folder.join(path);
    let path = absolute
        .to_str()
        .ok_or_else(|| refuse("the path must be UTF-8"))?;
    Ok(JournalAddress::new(&format!("sqlite:{path}"), None))
}

/// Everybody of `[operator]`: the bearer of its own token, and each person.
pub(super) fn operators(
    source: &Source<'_>,
    written: Option<&file::Operator>,
) -> Result<Vec<OperatorConfig>, ConfigError> {
    let Some(written) = written else {
        return Ok(Vec::new());
    };
    let mut all: Vec<OperatorConfig> = Vec::new();
    if let Some(file) = &written.token_file {
        let (name, token) = (UNNAMED.to_owned(), token(source, file)?);
        all.push(OperatorConfig { name, token });
    }
    for person in &written.person {
        let person = person.get_ref();
        let (name, refuse) = (person.name.get_ref(), |message: &str| {
            source.invalid(&person.name.span(), "name", message)
        });
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
        if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(plain) {
            return Err(refuse("must be letters, digits and . _ @ - only, at most 64"));
        }
        if all.iter().any(|other| other.name == *name) {
            return Err(refuse("another operator has this name"));
        }
        let token = token(source, &person.token_file)?;
        if all
            .iter()
            .any(|other| other.token.expose_secret() == token.expose_secret())
        {
            let message = "another operator has this token: nobody could tell who said what";
            return Err(source.invalid(&person.token_file.span(), "token-file", message));
        }
        let name = name.clone();
        all.push(OperatorConfig { name, token });
    }
    Ok(all)
}

/// A token: long enough that nobody guesses it, in characters that a header can carry.
fn token(source: &Source<'_>, file: &Spanned<String>) -> Result<SecretString, ConfigError> {
    let token = secret(source, file, "token-file")?;
    let text = token.expose_secret();
    if text.len() < TOKEN_LENGTH || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!(
            "{}: must hold one token of at least {TOKEN_LENGTH} visible ASCII characters",
            file.get_ref()
        );
        return Err(source.invalid(&file.span(), "token-file", message));
    }
    Ok(token)
}

/// The content of a file, without the end of its last line.
fn secret(source: &Source<'_>, value: &Spanned<String>, key: &str) -> Result<SecretString, ConfigError> {
    let path = source.path(value, key)?;
    let text = std::fs::read_to_string(&path).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        source.invalid(&value.span(), key, message)
    })?;
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
}
