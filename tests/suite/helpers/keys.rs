//! Signing keys of the test clients, made when the tests run, and the tokens that they sign.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};
use stepdown::clock::Clock;

/// A signing key and its public half.
pub struct Signer {
    key: EncodingKey,
    algorithm: Algorithm,
    kid: &'static str,
    public: Value,
}

impl Signer {
    /// An ES384 key.
    pub fn ec(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        Self::new(
            EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
            Algorithm::ES384,
            kid,
        )
    }

    /// An ES256 key: the wrong curve for ES384.
    pub fn ec_256(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self::new(
            EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
            Algorithm::ES256,
            kid,
        )
    }

    /// An RS384 key.
    pub fn rsa(kid: &'static str) -> Self {
        Self::of_rsa(kid, Algorithm::RS384)
    }

    /// An RS256 key.
    pub fn rsa_256(kid: &'static str) -> Self {
        Self::of_rsa(kid, Algorithm::RS256)
    }

    fn of_rsa(kid: &'static str, algorithm: Algorithm) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let key = STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n");
        Self::new(EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(), algorithm, kid)
    }

    fn new(key: EncodingKey, algorithm: Algorithm, kid: &'static str) -> Self {
        let mut public = serde_json::to_value(Jwk::from_encoding_key(&key, algorithm).unwrap()).unwrap();
        public["kid"] = json!(kid);
        Self {
            key,
            algorithm,
            kid,
            public,
        }
    }

    /// The public half, as a JSON Web Key.
    pub fn public(&self) -> &Value {
        &self.public
    }

    /// The header that its tokens carry.
    pub fn header(&self) -> Value {
        json!({"alg": format!("{:?}", self.algorithm), "typ": "JWT", "kid": self.kid})
    }

    /// A token with that header.
    pub fn token(&self, claims: &Value) -> String {
        self.token_with(&self.header(), claims)
    }

    /// A token with any header.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        self.token_of(&header.to_string(), &claims.to_string())
    }

    /// A token of any two texts, as JSON allows them to be written.
    pub fn token_of(&self, header: &str, claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        self.signed(&format!("{}.{}", part(header), part(claims)))
    }

    /// Anything with a signature behind it.
    pub fn signed(&self, parts: &str) -> String {
        let signature = crypto::sign(parts.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{parts}.{signature}")
    }
}

/// The two parts of a token that are signed.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// Claims that a service at `audience` accepts, once.
pub fn claims(issuer: &str, audience: &str) -> Value {
    let at = Clock::Real.now().as_second();
    let jti = uuid::Uuid::new_v4().to_string();
    json!({"iss": issuer, "aud": audience, "iat": at, "exp": at + 300, "jti": jti})
}

/// `value` with one member replaced, or removed where the new one is null.
pub fn with(mut value: Value, name: &str, member: Value) -> Value {
    let members = value.as_object_mut().unwrap();
    match member {
        Value::Null => drop(members.remove(name)),
        member => drop(members.insert(name.to_owned(), member)),
    }
    value
}

/// A new private key on P-384, as PEM.
pub fn private_key() -> String {
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let body = STANDARD.encode(pair.to_pkcs8v1().unwrap().as_ref());
    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
}
