//! `[journal]` and `[operator]`: where answers are kept, and who may read their sums.
//!
//! Turns an address and the files with secrets into what the journal opens. No error and no `Debug` of
//! what it makes repeats an address with a password, or a secret.

use secrecy::SecretString;
use toml::Spanned;

use super::check::Source;
use super::{ConfigError, JournalConfig, file};
use crate::journal::{JournalAddress, is_postgres};

const DEFAULT_RETENTION_DAYS: u32 = 400;
/// Fewest characters of the operator's token.
const TOKEN_LENGTH: usize = 32;

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

/// The token of `[operator]`: long enough that nobody guesses it, in characters that a header can carry.
pub(super) fn operator_token(
    source: &Source<'_>,
    written: &file::Operator,
) -> Result<SecretString, ConfigError> {
    use secrecy::ExposeSecret;
    let token = secret(source, &written.token_file, "token-file")?;
    let text = token.expose_secret();
    if text.len() < TOKEN_LENGTH || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!(
            "{}: must hold one token of at least {TOKEN_LENGTH} visible ASCII characters",
            written.token_file.get_ref()
        );
        return Err(source.invalid(&written.token_file.span(), "token-file", message));
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
