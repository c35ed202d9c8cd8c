//! The token endpoint: a code, or a refresh token, for the right to read one chart.
//!
//! Turns a form and its answer into a [`Granted`]. Tokens go from the answer straight into values that cannot
//! be printed; an answer is never logged. The form of the answers varies: `expires_in` may be text, the type
//! may be of any case, `appContext` may be text, an object, or JSON in a text.
//! Follows SMART App Launch 2.2, "Exchange code for access token" and "Refresh access token".

use super::discovery::{Endpoints, body};
use super::refusal::Refusal;
use super::registration::Registration;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use url::form_urlencoded::Serializer;

/// What a token endpoint gave.
pub(super) struct Granted {
    /// Bearer token.
    pub(super) access: SecretString,
    /// For one more.
    pub(super) refresh: Option<SecretString>,
    /// Life of the bearer token, where it is said.
    pub(super) life: Option<Duration>,
    /// Scopes, where they are said.
    pub(super) scope: Option<String>,
    /// Patient in context.
    pub(super) patient: Option<String>,
    /// Encounter in context.
    pub(super) encounter: Option<String>,
    /// Identity token.
    pub(super) identity: Option<SecretString>,
    /// Whether the EHR shows no patient banner of its own; missing counts as so.
    pub(super) banner: bool,
    /// Handle of the card that the app was opened from.
    pub(super) handle: Option<String>,
}

#[derive(Deserialize)]
struct Written {
    access_token: String,
    token_type: String,
    expires_in: Option<Value>,
    scope: Option<String>,
    patient: Option<String>,
    encounter: Option<String>,
    id_token: Option<String>,
    refresh_token: Option<String>,
    need_patient_banner: Option<Value>,
    #[serde(rename = "appContext")]
    app_context: Option<Value>,
}

/// Exchanges a code.
pub(super) async fn exchange(
    http: &reqwest::Client,
    registration: &Registration,
    endpoints: &Endpoints,
    code: &str,
    verifier: &str,
    redirect_uri: &str,
) -> Result<Granted, Refusal> {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect_uri),
        ("code_verifier", verifier),
    ];
    ask(http, registration, endpoints, &fields).await
}

/// Uses up a refresh token. The scope is not named: it stays what was granted.
pub(super) async fn refresh(
    http: &reqwest::Client,
    registration: &Registration,
    endpoints: &Endpoints,
    token: &SecretString,
) -> Result<Granted, Refusal> {
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token.expose_secret()),
    ];
    ask(http, registration, endpoints, &fields).await
}

async fn ask(
    http: &reqwest::Client,
    registration: &Registration,
    endpoints: &Endpoints,
    fields: &[(&str, &str)],
) -> Result<Granted, Refusal> {
    let request = request(http, registration, endpoints, fields)?;
    let response = request.send().await.map_err(|_| Refusal::NoAnswer)?;
    match response.status() {
        StatusCode::OK => {}
        // Of the endpoint, or of a proxy in front of it: it says nothing about what was sent (RFC 6749, 5.2).
        status if status.is_server_error() => return Err(Refusal::NoAnswer),
        _ => return Err(Refusal::NoToken),
    }
    let body = body(response).await.ok_or(Refusal::NoToken)?;
    let written: Written = serde_json::from_slice(&body).map_err(|_| Refusal::NoToken)?;
    Granted::of(written).ok_or(Refusal::NoToken)
}

/// A form for the token endpoint, with the proof of who asks.
pub(super) fn request(
    http: &reqwest::Client,
    registration: &Registration,
    endpoints: &Endpoints,
    fields: &[(&str, &str)],
) -> Result<RequestBuilder, Refusal> {
    let proof = registration.proof(endpoints.token.as_str())?;
    let mut form = Serializer::new(String::new());
    form.extend_pairs(fields).extend_pairs(&proof.fields);
    let mut request = http
        .post(endpoints.token.clone())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json");
    if let Some(header) = &proof.header {
        request = request.header(AUTHORIZATION, header.expose_secret());
    }
    Ok(request.body(form.finish()))
}

impl Granted {
    fn of(written: Written) -> Option<Self> {
        let usable = written.token_type.eq_ignore_ascii_case("Bearer") && !written.access_token.is_empty();
        usable.then(|| Granted {
            access: written.access_token.into(),
            refresh: written
                .refresh_token
                .filter(|token| !token.is_empty())
                .map(Into::into),
            life: written
                .expires_in
                .as_ref()
                .and_then(seconds)
                .map(Duration::from_secs),
            scope: written.scope,
            patient: written.patient,
            encounter: written.encounter,
            identity: written.id_token.map(Into::into),
            banner: !written.need_patient_banner.as_ref().is_some_and(is_no),
            handle: written.app_context.as_ref().and_then(handle),
        })
    }
}

fn seconds(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn is_no(value: &Value) -> bool {
    *value == Value::Bool(false) || value.as_str() == Some("false")
}

/// Our handle: the text itself, or what stands under its name in an object, or in an object in a text.
fn handle(context: &Value) -> Option<String> {
    match context {
        Value::Object(fields) => Some(fields.get("handle")?.as_str()?.to_owned()),
        Value::String(text) => match serde_json::from_str(text) {
            Ok(inner @ (Value::Object(_) | Value::String(_))) => handle(&inner),
            _ => Some(text.clone()),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn granted(with: Value) -> Option<Granted> {
        let mut answer = json!({"access_token": "a", "token_type": "bearer"});
        for (name, value) in with.as_object().unwrap() {
            answer[name] = value.clone();
        }
        Granted::of(serde_json::from_value(answer).unwrap())
    }

    #[test]
    fn answers_are_read_as_they_are_written() {
        let life = |value: Value| {
            granted(json!({"expires_in": value}))
                .unwrap()
                .life
                .map(|life| life.as_secs())
        };
        assert_eq!(
            (life(json!(300)), life(json!("300")), life(json!(null))),
            (Some(300), Some(300), None)
        );
        let banner = |value: Value| granted(json!({"need_patient_banner": value})).unwrap().banner;
        assert!(
            banner(json!(true)) && banner(json!(null)) && !banner(json!(false)) && !banner(json!("false"))
        );
        assert!(
            granted(json!({"token_type": "mac"})).is_none() && granted(json!({"access_token": ""})).is_none()
        );
    }

    #[test]
    fn a_handle_is_found_in_each_of_its_forms() {
        for context in [
            json!("h"),
            json!({"handle": "h"}),
            json!("{\"handle\":\"h\"}"),
            json!("\"h\""),
        ] {
            let granted = granted(json!({"appContext": context})).unwrap();
            assert_eq!(granted.handle.as_deref(), Some("h"), "{context}");
        }
        assert!(granted(json!({"appContext": 7})).unwrap().handle.is_none());
    }
}
