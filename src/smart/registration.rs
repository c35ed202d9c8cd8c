//! The app at one EHR: its settings made usable.
//!
//! Turns `[client.smart]` into the scopes that it asks for and the proof that it gives to a token endpoint:
//! nothing, a shared secret, or an assertion signed with our own key, whose public half is published.
//! Follows SMART App Launch 2.2, "Scopes and Launch Context" and "Asymmetric (Private Key JWT)".

use super::discovery::{Discovered, Endpoints, http};
use super::random;
use super::refusal::Refusal;
use crate::clinical::record::Source;
use crate::clock::Clock;
use crate::config::{ClientConfig, ClientTls, KeySource, SmartConfig, SmartLogin};
use crate::outbound::Outbound;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{Jwk, KeyOperations, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use std::sync::{Arc, PoisonError, RwLock};
use url::Url;

/// Life of an assertion in seconds; SMART allows five minutes.
const ASSERTION_LIFE: i64 = 240;
/// What the tables read, by FHIR type; a Medication is what an order refers to.
const READ: [(&str, Option<Source>); 7] = [
    ("Patient", Some(Source::Patient)),
    ("MedicationRequest", Some(Source::Medications)),
    ("Medication", None),
    ("Observation", Some(Source::Observations)),
    ("Condition", Some(Source::Conditions)),
    ("AllergyIntolerance", Some(Source::Allergies)),
    ("Procedure", Some(Source::Procedures)),
];

/// Why the app cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The private key cannot sign.
    #[error("client {client}: the key file of [client.smart] must hold a private key as PEM, P-384 or RSA")]
    Key {
        /// Name of the client.
        client: String,
    },
    /// TLS cannot be initialised.
    #[error("the client for authorization servers cannot be set up")]
    Http(#[from] reqwest::Error),
}

/// The app at one EHR.
pub(super) struct Registration {
    /// Name of the client.
    pub(super) name: String,
    /// FHIR base from the settings, with a final slash.
    pub(super) base: Url,
    /// `fhir-base` as it was written.
    pub(super) issuer: String,
    /// Stands for this EHR in the names of its sessions, so that a lost one can be opened again there.
    pub(super) tag: String,
    /// Our client id there.
    pub(super) client_id: String,
    /// Whether it is the demonstration.
    pub(super) demo: bool,
    /// Origins that may frame the app.
    pub(super) frame_ancestors: Vec<String>,
    /// Whether draft orders may be written there, where the granted scopes allow it.
    pub(super) drafts: bool,
    /// Where to sign in.
    pub(super) discovered: Discovered,
    scopes: Option<Vec<String>>,
    access: RwLock<Arc<Access>>,
}

/// What a reload may renew: the proof of who we are, and how the EHR's servers are reached.
struct Access {
    login: Login,
    http: reqwest::Client,
    tls: Option<Arc<ClientTls>>,
}

enum Login {
    Public,
    Secret(SecretString),
    Key(Box<Key>),
}

struct Key {
    key: EncodingKey,
    algorithm: Algorithm,
    public: Jwk,
    id: String,
}

#[derive(Serialize)]
struct Assertion<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
}

/// What goes along with a token request to say who asks.
#[derive(Default)]
pub(super) struct Proof {
    /// `Authorization` header.
    pub(super) header: Option<SecretString>,
    /// Form fields.
    pub(super) fields: Vec<(&'static str, String)>,
}

impl Registration {
    /// From the settings; `None` for a client without the app.
    pub(super) fn new(client: &ClientConfig, outbound: Outbound) -> Result<Option<Self>, SetupError> {
        let Some(smart) = &client.smart else {
            return Ok(None);
        };
        Ok(Some(Registration {
            name: client.name.clone(),
            base: client.fhir_base.clone(),
            issuer: smart.issuer.clone(),
            tag: random::challenge(&smart.issuer).chars().take(8).collect(),
            client_id: smart.client_id.clone(),
            demo: matches!(client.keys, KeySource::None),
            frame_ancestors: smart.frame_ancestors.clone(),
            drafts: smart.write_drafts,
            discovered: Discovered::default(),
            scopes: smart.scopes.clone(),
            access: RwLock::new(Arc::new(Access {
                login: Login::new(smart).ok_or_else(|| SetupError::Key {
                    client: client.name.clone(),
                })?,
                http: http(outbound, client.tls.as_deref())?,
                tls: client.tls.clone(),
            })),
        }))
    }

    /// Whether it is the app of this client, registered as it was.
    pub(super) fn is_for(&self, client: &ClientConfig) -> bool {
        let same = |smart: &SmartConfig| smart.client_id == self.client_id && smart.issuer == self.issuer;
        self.name == client.name && client.smart.as_ref().is_some_and(same)
    }

    /// Proves itself as that one from now on.
    pub(super) fn take_from(&self, new: Registration) {
        let new = new.access.into_inner().unwrap_or_else(PoisonError::into_inner);
        *self.access.write().unwrap_or_else(PoisonError::into_inner) = new;
    }

    fn access(&self) -> Arc<Access> {
        Arc::clone(&self.access.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The client for its authorization server.
    pub(super) fn http(&self) -> reqwest::Client {
        self.access().http.clone()
    }

    /// What its servers are shown and believed by.
    pub(super) fn tls(&self) -> Option<Arc<ClientTls>> {
        self.access().tls.clone()
    }

    /// Whether a launch from this `iss` is one of this EHR; a final slash makes no difference.
    pub(super) fn is_at(&self, issuer: &str) -> bool {
        Url::parse(issuer).is_ok_and(|mut url| {
            let path = format!("{}/", url.path().trim_end_matches('/'));
            url.set_path(&path);
            url == self.base
        })
    }

    /// The scopes to ask for, from within an EHR or from our own page.
    pub(super) fn scopes(&self, endpoints: &Endpoints, from_ehr: bool) -> Vec<String> {
        let launch = if from_ehr { "launch" } else { "launch/patient" };
        let mut asked = vec![launch.to_owned()];
        if let Some(own) = &self.scopes {
            asked.extend(own.iter().filter(|scope| !scope.starts_with("launch")).cloned());
            return asked;
        }
        if endpoints.signs_in() {
            asked.extend(["openid", "fhirUser"].map(str::to_owned));
        }
        if endpoints.offers("permission-online") {
            asked.push("online_access".to_owned());
        }
        let old = endpoints.speaks_version_1();
        asked.extend(types_read().map(|(kind, _)| scope(kind, old)));
        if self.drafts {
            let create = if old { "write" } else { "c" };
            asked.push(format!("patient/MedicationRequest.{create}"));
        }
        asked
    }

    /// The proof for one request to a token endpoint.
    pub(super) fn proof(&self, token_endpoint: &str) -> Result<Proof, Refusal> {
        match &self.access().login {
            Login::Public => Ok(Proof {
                header: None,
                fields: vec![("client_id", self.client_id.clone())],
            }),
            Login::Secret(secret) => {
                let encoded =
                    |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", encoded(&self.client_id), encoded(secret.expose_secret()));
                Ok(Proof {
                    header: Some(format!("Basic {}", STANDARD.encode(pair)).into()),
                    fields: Vec::new(),
                })
            }
            Login::Key(key) => {
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned();
                let assertion = key.assertion(&self.client_id, token_endpoint)?;
                Ok(Proof {
                    header: None,
                    fields: vec![("client_assertion_type", kind), ("client_assertion", assertion)],
                })
            }
        }
    }

    /// Our public key at this EHR, if it has one.
    pub(super) fn public_key(&self) -> Option<Jwk> {
        match &self.access().login {
            Login::Key(key) => Some(key.public.clone()),
            Login::Public | Login::Secret(_) => None,
        }
    }
}

impl Login {
    fn new(smart: &SmartConfig) -> Option<Self> {
        Some(match &smart.login {
            SmartLogin::Public => Login::Public,
            SmartLogin::Secret(secret) => Login::Secret(secret.clone()),
            SmartLogin::Key(pem) => Login::Key(Box::new(Key::read(pem)?)),
        })
    }
}

impl Key {
    fn read(pem: &SecretString) -> Option<Self> {
        let pem = pem.expose_secret().as_bytes();
        let (key, algorithm) = match EncodingKey::from_ec_pem(pem) {
            Ok(key) => (key, Algorithm::ES384),
            Err(_) => (EncodingKey::from_rsa_pem(pem).ok()?, Algorithm::RS384),
        };
        let mut public = Jwk::from_encoding_key(&key, algorithm).ok()?;
        let id = public.thumbprint(ThumbprintHash::SHA256).ok()?;
        public.common.key_id = Some(id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        public.common.key_operations = Some(vec![KeyOperations::Verify]);
        let made = Key {
            key,
            algorithm,
            public,
            id,
        };
        // A key on another curve is found out here, not at the first launch.
        made.assertion("self", "self").ok()?;
        Some(made)
    }

    fn assertion(&self, client_id: &str, audience: &str) -> Result<String, Refusal> {
        let header = Header {
            kid: Some(self.id.clone()),
            ..Header::new(self.algorithm)
        };
        let iat = Clock::Real.now().as_second();
        let claims = Assertion {
            iss: client_id,
            sub: client_id,
            aud: audience,
            iat,
            exp: iat + ASSERTION_LIFE,
            jti: random::secret()?,
        };
        jsonwebtoken::encode(&header, &claims, &self.key).map_err(|_| Refusal::Internal)
    }
}

/// What the tables read, by FHIR type.
pub(super) fn types_read() -> impl Iterator<Item = (&'static str, Option<Source>)> {
    READ.into_iter()
}

/// The scope that lets a type be read, in the form of version 1 or 2.
pub(super) fn scope(kind: &str, old: bool) -> String {
    match (old, kind) {
        (true, kind) => format!("patient/{kind}.read"),
        (false, "Patient" | "Medication") => format!("patient/{kind}.r"),
        (false, kind) => format!("patient/{kind}.rs"),
    }
}

/// What of the record a list of scopes lets us read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scopes(Vec<String>);

impl Scopes {
    /// As a token answer writes them.
    pub(super) fn read(text: &str) -> Self {
        Scopes(text.split_whitespace().map(str::to_owned).collect())
    }

    /// As they were asked for.
    pub(super) fn asked(list: &[String]) -> Self {
        Scopes(list.to_vec())
    }

    /// Whether it is among them.
    pub(super) fn has(&self, scope: &str) -> bool {
        self.0.iter().any(|given| given == scope)
    }

    /// Whether orders may be created. Unlike reading it must be said: a scope of a form that we do not know
    /// allows nothing.
    pub(super) fn may_create_orders(&self) -> bool {
        let scopes = self.0.iter().filter(|scope| !scope.starts_with("system/"));
        scopes
            .filter_map(|scope| clinical(scope))
            .any(|(kind, access)| matches!(kind, "MedicationRequest" | "*") && creates(access))
    }

    /// The sources that may not be read. Scopes of a form that we do not know count as allowing: the FHIR
    /// server then decides.
    pub(super) fn withheld(&self) -> Vec<Source> {
        let mut known = self.0.iter().filter_map(|scope| clinical(scope)).peekable();
        if known.peek().is_none() {
            return Vec::new();
        }
        let known: Vec<_> = known.collect();
        let may = |kind: &str| {
            let given = |(of, access): &(&str, &str)| (*of == kind || *of == "*") && reads(access);
            known.iter().any(given)
        };
        let mut withheld: Vec<Source> = READ
            .iter()
            .filter(|(kind, _)| !may(kind))
            .filter_map(|(_, source)| *source)
            .collect();
        if withheld.contains(&Source::Observations) {
            withheld.push(Source::Screens);
        }
        withheld
    }
}

/// Type and access of `patient/Type.access`, `user/…` or `system/…`.
fn clinical(scope: &str) -> Option<(&str, &str)> {
    let (whose, rest) = scope.split_once('/')?;
    if !matches!(whose, "patient" | "user" | "system") {
        return None;
    }
    let (kind, access) = rest.split_once('.')?;
    Some((kind, access))
}

/// Whether a scope lets a type be read.
pub(super) fn lets_read(scope: &str, kind: &str) -> bool {
    clinical(scope).is_some_and(|(of, access)| (of == kind || of == "*") && reads(access))
}

/// `read`, `*`, or letters of version 2 with `r`. A scope that is limited by a query gives only a part.
fn reads(access: &str) -> bool {
    matches!(access, "read" | "*") || access.bytes().all(|b| b"cruds".contains(&b)) && access.contains('r')
}

/// `write`, `*`, or letters of version 2 with `c`.
fn creates(access: &str) -> bool {
    matches!(access, "write" | "*") || access.bytes().all(|b| b"cruds".contains(&b)) && access.contains('c')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_may_be_created_only_where_a_scope_says_so() {
        let may = |text: &str| Scopes::read(text).may_create_orders();
        for scope in [
            "patient/MedicationRequest.c",
            "patient/MedicationRequest.cruds",
            "patient/*.cu",
            "user/MedicationRequest.write",
            "patient/*.*",
        ] {
            assert!(may(&format!("launch {scope}")), "{scope}");
        }
        for scope in [
            "",
            "hospital-chart-writer",
            "patient/MedicationRequest.rs",
            "patient/MedicationRequest.read",
            "patient/ServiceRequest.c",
            "patient/MedicationRequest.u",
            "system/MedicationRequest.c",
            "patient/MedicationRequest.c?category=community",
        ] {
            assert!(!may(scope), "{scope}");
        }
    }

    #[test]
    fn what_was_not_granted_is_withheld() {
        let withheld = |text: &str| Scopes::read(text).withheld();
        assert!(withheld("launch patient/*.rs").is_empty() && withheld("user/*.read").is_empty());
        assert!(withheld("launch hospital-chart-reader").is_empty());
        assert_eq!(
            withheld(
                "patient/Patient.r patient/MedicationRequest.read patient/Condition.rs patient/Procedure.cruds patient/AllergyIntolerance.s"
            ),
            [Source::Observations, Source::Allergies, Source::Screens]
        );
        assert!(withheld("patient/Observation.rs?category=vital-signs").contains(&Source::Observations));
    }
}
