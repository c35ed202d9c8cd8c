//! The body of a hook call.
//!
//! Turns bytes into a [`Document`] and that into a [`HookRequest`], borrowed from them, or says which field is
//! wrong. Fields and extensions that are not known are ignored. It reads no resource: what stands under
//! `context` stays as it is, what stands under `prefetch` is split into objects only. Errors never repeat
//! what was sent. Follows CDS Hooks 2.0.1 "Calling a CDS Service" and the contexts of the hook library.

use super::fields::{Fields, fields};
use crate::clinical::occasion::Occasion;
use crate::fhir::bundle::Given;
use crate::fhir::json::{Document, Node, NotJson, Number, Object, Read};
use crate::fhir::subject::{PatientRef, is_reference};
use secrecy::SecretString;
use std::borrow::Cow;
use std::time::Duration;
use url::Url;
use uuid::Uuid;

/// Deepest nesting that is read in `context`; what is written back may not be deeper.
const DEEPEST: usize = 100;

/// A hook call. It has no `Debug`: it holds a patient.
pub struct HookRequest<'a> {
    /// Name of the hook.
    pub hook: Cow<'a, str>,
    /// What it asks.
    pub occasion: Occasion,
    /// `hookInstance`.
    pub instance: Uuid,
    /// `fhirServer`, to be compared with the client's; nothing is ever fetched from it.
    pub fhir_server: Option<Url>,
    /// `fhirAuthorization`.
    pub authorization: Option<Authorization>,
    /// `context`.
    pub context: Context<'a>,
    /// `prefetch`.
    pub prefetch: Prefetch<'a>,
    /// `extension`, as it came.
    extension: Option<Node<'a>>,
}

/// `fhirAuthorization`.
pub struct Authorization {
    /// The bearer token; it cannot be printed.
    pub access_token: SecretString,
    /// Life of the token from now on.
    pub expires_in: Duration,
    /// Scopes as written; some EHRs list names of their own.
    pub scope: Box<str>,
    /// The client that the token was issued to.
    pub subject: Box<str>,
    /// The patient that the token is limited to.
    pub patient: Option<PatientRef>,
}

/// `context`, as far as any of our hooks has it.
pub struct Context<'a> {
    /// `userId`.
    pub user: Cow<'a, str>,
    /// `patientId`.
    pub patient: PatientRef,
    /// `encounterId`, without `Encounter/`.
    pub encounter: Option<Cow<'a, str>>,
    /// `toBeDiscontinued`: a Bundle, as it came.
    pub to_be_discontinued: Option<Node<'a>>,
    /// `draftOrders`: a Bundle, as it came.
    pub draft_orders: Option<Node<'a>>,
}

/// `prefetch`: what came under each key, in the order sent. A key that is absent is not in it.
#[derive(Default)]
pub struct Prefetch<'a> {
    /// Key and answer.
    pub answers: Vec<(Cow<'a, str>, Given<'a>)>,
}

impl<'a> Prefetch<'a> {
    /// Takes what came under a client's own names for what came under ours.
    pub fn rename(&mut self, names: &[(String, &'static str)]) {
        for (key, _) in &mut self.answers {
            if let Some((_, ours)) = names.iter().find(|(theirs, _)| *theirs == **key) {
                *key = Cow::Borrowed(ours);
            }
        }
    }

    /// What came under a key.
    pub fn get(&self, key: &str) -> Option<&Given<'a>> {
        self.answers
            .iter()
            .find_map(|(name, given)| (name == key).then_some(given))
    }
}

/// A field of the request that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {says}")]
pub struct RequestError {
    /// Path of the field, for example `context.patientId`; `body` for the whole.
    pub field: Cow<'static, str>,
    /// What is wrong with it; never a value that was sent.
    pub says: &'static str,
}

impl RequestError {
    /// A field with what is wrong.
    pub(crate) fn new(field: impl Into<Cow<'static, str>>, says: &'static str) -> Self {
        RequestError {
            field: field.into(),
            says,
        }
    }
}

impl<'a> HookRequest<'a> {
    /// A call that nobody sent, for what `gather` reads on behalf of the companion app.
    pub fn made(
        hook: Cow<'a, str>,
        occasion: Occasion,
        context: Context<'a>,
        prefetch: Prefetch<'a>,
    ) -> Self {
        HookRequest {
            hook,
            occasion,
            instance: Uuid::new_v4(),
            fhir_server: None,
            authorization: None,
            context,
            prefetch,
            extension: None,
        }
    }

    /// Reads a body for any hook.
    ///
    /// # Errors
    /// The first field that is missing, of another type or without meaning.
    pub fn read(body: &'a Document<'a>) -> Result<Self, RequestError> {
        Self::read_for(body, |_| true)
    }

    /// Reads a body for the hooks that a service is listed for; another hook is refused before its context is
    /// read, because contexts differ.
    ///
    /// # Errors
    /// As [`HookRequest::read`].
    pub fn read_for(body: &'a Document<'a>, listed: impl Fn(&str) -> bool) -> Result<Self, RequestError> {
        if !body.root().is_object() {
            return Err(RequestError::new("body", "must be a JSON object"));
        }
        let top = fields("", body.root(), &TOP)?;
        let prefetch = prefetch(&top)?;
        let hook = top.required_text("hook")?;
        if !listed(&hook) {
            return Err(RequestError::new(
                "hook",
                "is not one that this service is listed for",
            ));
        }
        let fhir_server = top
            .optional_text("fhirServer")?
            .map(|text| server(&text))
            .transpose()?;
        let granted = top.optional("fhirAuthorization");
        if granted.is_some() && fhir_server.is_none() {
            return Err(RequestError::new(
                "fhirServer",
                "is required with fhirAuthorization",
            ));
        }
        let authorization = granted.map(authorization).transpose()?;
        Ok(HookRequest {
            instance: instance(&top.required_text("hookInstance")?)?,
            context: context(&hook, top.required("context")?)?,
            occasion: Occasion::of(&hook),
            hook,
            fhir_server,
            authorization,
            prefetch,
            extension: top.optional("extension"),
        })
    }

    /// A member of `extension` that is text or a number, as text. Extensions are agreed with one client, so
    /// one of another form is no error.
    pub fn extension(&self, name: &str) -> Option<Cow<'a, str>> {
        let value = Object::read(self.extension?).get::<Number<'a>>(name);
        value.0.filter(|value| !value.is_empty())
    }
}

/// Takes the bytes of a body apart.
///
/// # Errors
/// If they are not JSON.
pub fn document(body: &[u8]) -> Result<Document<'_>, RequestError> {
    let wrong = |says| RequestError::new("body", says);
    let text = std::str::from_utf8(body).map_err(|_| wrong("is not UTF-8"))?;
    Document::parse(text).map_err(|why| {
        wrong(match text.trim_start().as_bytes().first() {
            None => "is empty",
            Some(b'<') => "is markup, not JSON",
            Some(_) if why == NotJson::Short => "ends too early to be JSON",
            Some(_) => "is not JSON",
        })
    })
}

/// What came under each key; none for `null`, as for a field that was not sent.
fn prefetch<'a>(top: &Fields<'a>) -> Result<Prefetch<'a>, RequestError> {
    let Some(sent) = top.optional("prefetch") else {
        return Ok(Prefetch::default());
    };
    if !sent.is_object() {
        return Err(top.wrong("prefetch", "must be an object"));
    }
    let answers = sent
        .members()
        .map(|(key, answer)| (key.text(), Given::of(answer)));
    Ok(Prefetch {
        answers: answers.collect(),
    })
}

fn instance(text: &str) -> Result<Uuid, RequestError> {
    let bare = text.len() == 36;
    let uuid = Uuid::try_parse(text).ok().filter(|_| bare);
    uuid.ok_or_else(|| RequestError::new("hookInstance", "must be a UUID"))
}

fn server(text: &str) -> Result<Url, RequestError> {
    let wrong = || RequestError::new("fhirServer", "must be an absolute http or https address");
    let url = Url::parse(text).map_err(|_| wrong())?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    plain.then_some(url).ok_or_else(wrong)
}

fn authorization(raw: Node<'_>) -> Result<Authorization, RequestError> {
    let known = [
        "access_token",
        "token_type",
        "expires_in",
        "scope",
        "subject",
        "patient",
    ];
    let of = fields("fhirAuthorization.", raw, &known)?;
    let token_type = of.required_text("token_type")?;
    if !token_type.eq_ignore_ascii_case("Bearer") {
        return Err(of.wrong("token_type", "must be Bearer"));
    }
    let seconds: u32 = (of.required("expires_in")?.raw().parse())
        .map_err(|_| of.wrong("expires_in", "must be a whole number of seconds"))?;
    let patient = match of.optional_text("patient")? {
        Some(text) => {
            Some(PatientRef::parse(&text).ok_or_else(|| of.wrong("patient", "must be a Patient id"))?)
        }
        None => None,
    };
    Ok(Authorization {
        access_token: SecretString::from(of.required_text("access_token")?.into_owned()),
        expires_in: Duration::from_secs(u64::from(seconds)),
        scope: of.required_text("scope")?.as_ref().into(),
        subject: of.required_text("subject")?.as_ref().into(),
        patient,
    })
}

/// What a hook's context must hold beside `userId` and `patientId`.
fn also_required(hook: &str) -> &'static [&'static str] {
    match hook {
        "medication-discontinue" | "order-discontinue" => &["toBeDiscontinued"],
        "order-sign" => &["draftOrders"],
        "order-select" => &["draftOrders", "selections"],
        "encounter-discharge" => &["encounterId"],
        _ => &[],
    }
}

fn context<'a>(hook: &str, raw: Node<'a>) -> Result<Context<'a>, RequestError> {
    let known = [
        "userId",
        "patientId",
        "encounterId",
        "toBeDiscontinued",
        "draftOrders",
        "selections",
    ];
    let of = fields("context.", raw, &known)?;
    if raw.depth() > DEEPEST {
        return Err(RequestError::new("context", "is nested too deeply"));
    }
    let patient = PatientRef::parse(&of.required_text("patientId")?)
        .ok_or_else(|| of.wrong("patientId", "must be the id of a Patient"))?;
    let context = Context {
        user: user(&of)?,
        patient,
        encounter: of.optional_text("encounterId")?.map(bare_encounter),
        to_be_discontinued: of.optional_bundle("toBeDiscontinued")?,
        draft_orders: of.optional_bundle("draftOrders")?,
    };
    if of.optional("selections").is_some_and(|raw| !are_references(raw)) {
        return Err(of.wrong("selections", "must be an array of resource types and ids"));
    }
    for field in also_required(hook) {
        of.required(field)?;
    }
    Ok(context)
}

/// `userId`: a type and an id, also as an absolute address.
fn user<'a>(of: &Fields<'a>) -> Result<Cow<'a, str>, RequestError> {
    let user = of.required_text("userId")?;
    if is_reference(&user) {
        Ok(user)
    } else {
        Err(of.wrong("userId", "must be a resource type and an id"))
    }
}

/// `selections`: every one a type and an id. What is selected is not looked at: an order that the session
/// stops is stopped whether or not it is the one on screen.
fn are_references(raw: Node<'_>) -> bool {
    raw.is_list() && (raw.items()).all(|one| one.text().is_some_and(|one| is_reference(&one)))
}

fn bare_encounter(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.rsplit_once('/') {
        Some((_, id)) => Cow::Owned(id.to_owned()),
        None => text,
    }
}

/// The fields of the body.
const TOP: [&str; 7] = [
    "hook",
    "hookInstance",
    "fhirServer",
    "fhirAuthorization",
    "context",
    "prefetch",
    "extension",
];

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
