//! Forged tokens: everything that can be wrong with one, by claim, header, algorithm, key and form.

use super::app::{CLINIC, HOSPITAL, JKU, PUBLIC, hospital_key, rsa_key, stranger_key};
use super::keys::{Signer, claims, unsigned, with};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

/// What is wrong, and the token.
pub type Forged = (String, String);

/// Forgeries of a token for one address.
pub struct Forger {
    /// Claims of the good token that all of them were made of.
    pub claims: Value,
    audience: String,
    at: i64,
    /// A server with key sets that nobody configured.
    evil: String,
}

impl Forger {
    /// For an address of the service, with a key set that a forger may name.
    pub fn new(path: &str, evil: &str) -> Self {
        let audience = format!("{PUBLIC}{path}");
        let claims = claims(HOSPITAL, &audience);
        Self {
            at: claims["iat"].as_i64().unwrap(),
            claims,
            audience,
            evil: evil.to_owned(),
        }
    }

    /// All of them.
    pub fn all(&self) -> Vec<Forged> {
        [
            self.claims(),
            self.instants(),
            self.headers(),
            self.algorithms(),
            self.keys(),
            self.forms(),
        ]
        .concat()
    }

    fn signed_with(&self, name: &str, claim: &Value) -> Forged {
        let token = hospital_key().token(&with(self.claims.clone(), name, claim.clone()));
        (format!("{name}: {claim}"), token)
    }

    /// Each claim missing, null, of another type, and wrong.
    fn claims(&self) -> Vec<Forged> {
        let mut forged = Vec::new();
        for name in ["iss", "aud", "exp", "iat", "jti"] {
            forged.push(self.signed_with(name, &Value::Null));
            let null = with(self.claims.clone(), name, json!("null-here")).to_string();
            let null = null.replace("\"null-here\"", "null");
            forged.push((
                format!("{name}: null"),
                hospital_key().token_of(&hospital_key().header().to_string(), &null),
            ));
            for mistyped in [
                json!({}),
                json!({"x": 1}),
                json!([]),
                json!([[]]),
                json!(true),
                json!([1]),
            ] {
                forged.push(self.signed_with(name, &mistyped));
            }
        }
        let wrong = [
            (
                "iss",
                vec![
                    json!(7),
                    json!(""),
                    json!([HOSPITAL]),
                    json!(CLINIC),
                    json!("https://ehr.stranger.example"),
                    json!(format!("{HOSPITAL}/")),
                    json!(HOSPITAL.to_uppercase()),
                    json!(format!("{HOSPITAL} ")),
                ],
            ),
            (
                "aud",
                vec![
                    json!(7),
                    json!(""),
                    json!([self.audience, 7]),
                    json!(PUBLIC),
                    json!(format!("{}x", self.audience)),
                    json!(format!("{}//", self.audience)),
                    json!(self.audience.replace("https", "http")),
                    json!(self.audience.to_uppercase()),
                    json!("*"),
                    json!(["https://other.example"]),
                ],
            ),
            ("jti", vec![json!(7), json!(""), json!("x".repeat(513))]),
            (
                "sub",
                vec![json!(7), json!(true), json!([]), json!({}), json!(["a"])],
            ),
        ];
        for (name, values) in wrong {
            forged.extend(values.iter().map(|value| self.signed_with(name, value)));
        }
        forged
    }

    /// Instants that are past, to come, too far apart, or no instants.
    fn instants(&self) -> Vec<Forged> {
        let mut forged = Vec::new();
        for name in ["exp", "iat", "nbf"] {
            let text = (self.at + 100).to_string();
            for wrong in [
                json!(text),
                json!("soon"),
                json!("9"),
                json!(true),
                json!([]),
                json!({"$serde_json::private::Number": text}),
                json!(1e300),
                json!(-1e300),
            ] {
                forged.push(self.signed_with(name, &wrong));
            }
        }
        let spans = [
            (-600, -300, "expired"),
            (600, 900, "issued in the future"),
            (0, 86_400, "a day long"),
            (0, 315_360_000, "ten years long"),
            (0, 0, "no life"),
            (10, -10, "ends before it begins"),
            (-1_000_000, 300, "old"),
        ];
        for (iat, exp, what) in spans {
            let claims = with(self.claims.clone(), "iat", json!(self.at + iat));
            forged.push((
                what.to_owned(),
                hospital_key().token(&with(claims, "exp", json!(self.at + exp))),
            ));
        }
        forged.push(self.signed_with("nbf", &json!(self.at + 600)));
        forged
    }

    /// Headers that a good key has signed.
    fn headers(&self) -> Vec<Forged> {
        let members = [
            (
                "alg",
                vec![Value::Null, json!(7), json!(["ES384"]), json!(""), json!("es384")],
            ),
            (
                "kid",
                vec![
                    Value::Null,
                    json!(7),
                    json!(""),
                    json!("unknown"),
                    json!("Hospital-1"),
                    json!("hospital-1 "),
                    json!("../../etc/passwd"),
                    json!("file:///dev/null"),
                    json!(format!("{}/jwks.json", self.evil)),
                    json!("hospital-1' OR '1'='1"),
                    json!("hospital-1\u{0}"),
                    json!("x".repeat(1_000)),
                    json!(["hospital-1"]),
                ],
            ),
            ("typ", vec![json!("at+jwt"), json!("JWE"), json!(7)]),
            ("crit", vec![json!([]), json!(["exp"]), json!(["b64"])]),
            ("b64", vec![json!(false), json!(true)]),
            (
                "jku",
                vec![
                    json!(7),
                    json!([JKU]),
                    json!(""),
                    json!(format!("{}/jwks.json", self.evil)),
                    json!(format!("{JKU}/")),
                    json!(format!("{JKU}?x")),
                    json!(format!("{JKU}#x")),
                    json!(JKU.to_uppercase()),
                    json!(JKU.replace("https", "http")),
                    json!(JKU.replace(".example/", ".example.evil.example/")),
                    json!(JKU.replace("https://", "https://x@")),
                ],
            ),
            ("jwk", vec![json!({}), hospital_key().public().clone()]),
            ("x5u", vec![json!(format!("{}/chain.pem", self.evil))]),
            ("x5c", vec![json!([])]),
        ];
        let mut forged = Vec::new();
        for (name, values) in members {
            for value in values {
                let header = with(hospital_key().header(), name, value.clone());
                forged.push((
                    format!("{name}: {value}"),
                    hospital_key().token_with(&header, &self.claims),
                ));
            }
        }
        forged
    }

    /// No signature, a symmetric one, and a good one under another name.
    fn algorithms(&self) -> Vec<Forged> {
        let header = |name: &str| with(hospital_key().header(), "alg", json!(name));
        let good = hospital_key().token(&self.claims);
        let signature = good.rsplit('.').next().unwrap();
        let mut forged = Vec::new();
        for name in ["none", "None", "NONE", "nOnE"] {
            let parts = unsigned(&header(name), &self.claims);
            forged.push((name.to_owned(), format!("{parts}.")));
            forged.push((format!("{name} with a signature"), format!("{parts}.{signature}")));
        }
        let point = ["x", "y"].map(|of| {
            URL_SAFE_NO_PAD
                .decode(hospital_key().public()[of].as_str().unwrap())
                .unwrap()
        });
        let secrets = [
            hospital_key().public().to_string().into_bytes(),
            rsa_key().public()["n"].as_str().unwrap().into(),
            point.concat(),
            Vec::new(),
        ];
        for (name, algorithm) in [
            ("HS256", Algorithm::HS256),
            ("HS384", Algorithm::HS384),
            ("HS512", Algorithm::HS512),
        ] {
            for (at, secret) in secrets.iter().enumerate() {
                for named in [name, "ES384"] {
                    let parts = unsigned(&header(named), &self.claims);
                    let signature =
                        crypto::sign(parts.as_bytes(), &EncodingKey::from_secret(secret), algorithm).unwrap();
                    forged.push((
                        format!("{name} under {named} with public key {at}"),
                        format!("{parts}.{signature}"),
                    ));
                }
            }
        }
        for name in [
            "ES256", "ES512", "RS256", "RS384", "PS384", "EdDSA", "HS384", "dir",
        ] {
            forged.push((
                format!("ES384 under {name}"),
                hospital_key().token_with(&header(name), &self.claims),
            ));
        }
        forged
    }

    /// Keys that are not the ones of the header.
    fn keys(&self) -> Vec<Forged> {
        let (ec, rsa, short) = (hospital_key(), rsa_key(), Signer::ec_256("hospital-1"));
        let jku = with(
            stranger_key().header(),
            "jku",
            json!(format!("{}/jwks.json", self.evil)),
        );
        let own = with(stranger_key().header(), "jwk", stranger_key().public().clone());
        let named = |signer: &Signer, algorithm: &str| with(signer.header(), "alg", json!(algorithm));
        let forged = [
            ("a stranger's key", stranger_key().token(&self.claims)),
            (
                "a stranger's key with its own key set",
                stranger_key().token_with(&jku, &self.claims),
            ),
            (
                "a stranger's key in the token",
                stranger_key().token_with(&own, &self.claims),
            ),
            (
                "EC key, id and name of the RSA key",
                ec.token_with(&rsa.header(), &self.claims),
            ),
            (
                "EC key, id of the RSA key",
                ec.token_with(
                    &with(ec.header(), "kid", rsa.header()["kid"].clone()),
                    &self.claims,
                ),
            ),
            (
                "RSA key, id and name of the EC key",
                rsa.token_with(&ec.header(), &self.claims),
            ),
            (
                "RSA key under an EC name",
                rsa.token_with(&named(rsa, "ES384"), &self.claims),
            ),
            (
                "RSA key, id of the EC key",
                rsa.token_with(
                    &with(rsa.header(), "kid", ec.header()["kid"].clone()),
                    &self.claims,
                ),
            ),
            ("another curve", short.token(&self.claims)),
            (
                "another curve under the name of this one",
                short.token_with(&named(&short, "ES384"), &self.claims),
            ),
        ];
        forged.map(|(what, token)| (what.to_owned(), token)).to_vec()
    }

    /// Tokens that are not written as tokens are.
    fn forms(&self) -> Vec<Forged> {
        let (header, claims) = (hospital_key().header().to_string(), self.claims.to_string());
        let good = hospital_key().token(&self.claims);
        let (parts, signature) = good.rsplit_once('.').unwrap();
        let other = hospital_key().token(&with(self.claims.clone(), "jti", json!("another")));
        let twice = |json: &str, member: &str| json.replacen('{', &format!("{{{member},"), 1);
        let after = |json: &str, member: &str| format!("{},{member}}}", json.strip_suffix('}').unwrap());
        let of = |header: &str, claims: &str| hospital_key().token_of(header, claims);
        let large = with(self.claims.clone(), "more", json!("x".repeat(17_000)));
        let forged = [
            ("alg twice", of(&twice(&header, r#""alg":"none""#), &claims)),
            (
                "alg twice, escaped",
                of(&twice(&header, r#""\u0061lg":"none""#), &claims),
            ),
            (
                "alg twice, last",
                of(&after(&header, r#""alg":"ES384""#), &claims),
            ),
            ("kid twice", of(&after(&header, r#""kid":"hospital-1""#), &claims)),
            ("exp twice", of(&header, &twice(&claims, r#""exp":1"#))),
            (
                "exp twice, last",
                of(&header, &after(&claims, r#""exp":9999999999"#)),
            ),
            ("iss twice", of(&header, &twice(&claims, r#""iss":"x""#))),
            (
                "aud twice, escaped",
                of(&header, &after(&claims, r#""au\u0064":"x""#)),
            ),
            (
                "an unknown claim twice",
                of(&header, &twice(&claims, r#""x":1,"x":2"#)),
            ),
            ("a list as header", of(&format!("[{header}]"), &claims)),
            ("a list as claims", of(&header, &format!("[{claims}]"))),
            (
                "claims inside claims",
                of(&header, &format!("{{\"claims\":{claims}}}")),
            ),
            ("text as claims", of(&header, "\"claims\"")),
            ("claims cut off", of(&header, &claims[..claims.len() - 1])),
            ("claims and more", of(&header, &format!("{claims}{{}}"))),
            (
                "a deep aud",
                of(
                    &header,
                    &claims.replacen(
                        &json!(self.audience).to_string(),
                        &format!("{}{}", "[".repeat(3_000), "]".repeat(3_000)),
                        1,
                    ),
                ),
            ),
            (
                "not UTF-8",
                hospital_key().signed(&format!(
                    "{}.{}",
                    URL_SAFE_NO_PAD.encode(&header),
                    URL_SAFE_NO_PAD.encode([0xff, 0xfe])
                )),
            ),
            ("too large", hospital_key().token(&large)),
            ("too large and nothing else", "x".repeat(20_000)),
            ("no signature", format!("{parts}.")),
            (
                "a signature of nothing",
                format!("{parts}.{}", URL_SAFE_NO_PAD.encode([0; 96])),
            ),
            (
                "the signature of another token",
                format!("{parts}.{}", other.rsplit('.').next().unwrap()),
            ),
            ("half a signature", format!("{parts}.{}", &signature[..64])),
            ("a signature twice", format!("{parts}.{signature}{signature}")),
            ("padded", format!("{parts}.{signature}=")),
            (
                "base64 of the other kind",
                hospital_key().signed(&format!(
                    "{}.{}",
                    STANDARD.encode(&header),
                    STANDARD.encode(&claims)
                )),
            ),
            ("two parts", parts.to_owned()),
            ("four parts", format!("{good}.x")),
            ("five parts", format!("{good}.x.y")),
            ("two tokens", format!("{good} {good}")),
            ("a comma behind", format!("{good},")),
            ("a quoted token", format!("\"{good}\"")),
            ("dots", "..".to_owned()),
            ("nothing", String::new()),
        ];
        forged.map(|(what, token)| (what.to_owned(), token)).to_vec()
    }
}
