//! What must survive any bytes, as plain functions: the suite runs them on stable, cargo-fuzz runs them for long.
//!
//! Each takes bytes, hands them to one parser and everything behind it, and panics where a promise is broken.

#[allow(
    dead_code,
    clippy::duplicate_mod,
    reason = "the tests use more of it, and have it as well"
)]
#[path = "../suite/helpers/keys.rs"]
mod keys;

use jiff::Timestamp;
use keys::Signer;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use stepdown::clinical::compose::text::plain;
use stepdown::clinical::evaluate::evaluate;
use stepdown::clinical::knowledge::Knowledge;
use stepdown::config::Config;
use stepdown::content;
use stepdown::fhir::bundle::Given;
use stepdown::fhir::client::rebased;
use stepdown::fhir::dosage_text::read_dosage_text;
use stepdown::fhir::json::Document;
use stepdown::fhir::terms::LocalCodes;
use stepdown::gather::read_given;
use stepdown::journal::Journal;
use stepdown::markdown;
use stepdown::pipeline::respond;
use stepdown::protocol::feedback::Feedback;
use stepdown::protocol::request::{HookRequest, document};
use stepdown::trust::Trust;
use tokio::runtime::{Builder, Runtime};
use url::Url;

static KNOWLEDGE: LazyLock<Knowledge> =
    LazyLock::new(|| content::from(None).expect("the knowledge that is built in"));

/// 2026-11-22, so that a found input stays what it is.
const NOW: i64 = 1_795_334_400;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).expect("an instant")
}

/// A hook call through parser, FHIR readers, judgement and cards; whether it had an answer.
pub fn request(bytes: &[u8]) -> bool {
    let now = now();
    let body = match document(bytes) {
        Ok(body) => body,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let request = match HookRequest::read(&body) {
        Ok(request) => request,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let Ok(record) = read_given(&request, None, &KNOWLEDGE, &LocalCodes::default(), now) else {
        return false;
    };
    let evaluation = evaluate(&record, &KNOWLEDGE, now);
    let answer = respond(&record, &KNOWLEDGE, &evaluation, &request, now);
    let answer = answer.to_json().expect("an answer can be written");
    // Resources are copied into it as they are: it must still be JSON, whatever they hold.
    let read: Value = serde_json::from_slice(&answer).expect("an answer is JSON");
    assert!(read["cards"].is_array());
    !evaluation.undecided
}

/// Any text: what we take for JSON is what another reader takes for it.
pub fn json(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let theirs = serde_json::from_str::<&RawValue>(text).is_ok();
        assert_eq!(Document::parse(text).is_ok(), theirs, "{text:?}");
    }
}

/// A sound stop, up to what an EHR holds about the patient, who is `Patient/p`.
const STOP: &str = r#"{"hook":"medication-discontinue","hookInstance":"6f2b9c1e-3d54-4a7b-9a10-5c0e8f1d2b11",
"context":{"userId":"Practitioner/1","patientId":"p","toBeDiscontinued":{"resourceType":"Bundle","entry":[{"resource":
{"resourceType":"MedicationRequest","id":"t","status":"stopped","intent":"order","subject":{"reference":"Patient/p"},
"medicationCodeableConcept":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"198377"}]}}}]}},
"prefetch":{"patient":{"resourceType":"Patient","id":"p","gender":"female","birthDate":"1992-03-01"},"medications":"#;

/// Any resource or Bundle of the patient's record, beside a sound stop; whether that had an answer.
pub fn record(bytes: &[u8]) -> bool {
    match serde_json::from_slice::<&RawValue>(bytes) {
        Ok(value) => request(format!("{STOP}{value}}}}}").as_bytes()),
        Err(_) => false,
    }
}

/// A page of a search, or an address alone: where the next page is read from.
pub fn next_page(bytes: &[u8]) {
    static BASES: LazyLock<Vec<Url>> = LazyLock::new(|| {
        let bases = [
            "https://ehr.example/fhir/R4/",
            "https://ehr.example:8443/",
            "http://127.0.0.1:8080/fhir",
            "https://[2001:db8::1]/a%20b/",
        ];
        bases
            .iter()
            .map(|base| base.parse().expect("an address"))
            .collect()
    });
    let text = String::from_utf8_lossy(bytes);
    let page = Document::parse(&text).ok();
    let named = page.as_ref().and_then(|page| {
        let given = Given::of(page.root());
        let _ = given.state();
        given.next()
    });
    for link in named.iter().map(String::as_str).chain([&*text]) {
        for base in &*BASES {
            let Some(url) = rebased(link, base) else { continue };
            let root = base.path().trim_end_matches('/');
            let below = url.path().strip_prefix(root);
            let sound = url.origin() == base.origin()
                && url.username().is_empty()
                && url.password().is_none()
                && url.fragment().is_none()
                && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            assert!(sound, "{link} on {base} became {url}");
        }
    }
}

/// The text of a dosage instruction, with and without the strength of a unit.
pub fn dosage_text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for strength in [None, Some(1.into()), Some(0.into())] {
        if let Some(doses) = read_dosage_text(&text, strength, &KNOWLEDGE.vocabulary) {
            let sound = !doses.is_empty() && doses.iter().all(|dose| dose.is_sign_positive());
            assert!(sound, "{text}: {doses:?}");
        }
    }
}

/// The body of a feedback call.
pub fn feedback(bytes: &[u8]) {
    if let Ok(feedback) = Feedback::parse(bytes) {
        let named = |field: &String| field.starts_with("feedback[");
        assert!(feedback.malformed.iter().all(named));
    }
}

/// Text of a chart as it stands on a card, and text of a card as the demonstration shows it.
pub fn markup(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let shown = markdown::html(&text);
    assert!(shown.split('<').skip(1).all(is_harmless), "{text:?}: {shown:?}");
    let plain = plain(&text);
    let is_bare = !plain.contains("://") && !plain.contains("www.") && !plain.chars().any(char::is_control);
    assert!(is_bare, "{text:?}: {plain:?}");
    let shown = markdown::html(&format!("Stopped ({plain}) today"));
    let inside = shown
        .strip_prefix("<p>")
        .and_then(|rest| rest.strip_suffix("</p>\n"));
    assert!(
        inside.is_some_and(|inside| !inside.contains('<')),
        "{text:?}: {shown:?}"
    );
}

/// Whether what follows a `<` is one of the tags that cards need, without an attribute that could act.
fn is_harmless(piece: &str) -> bool {
    let Some((tag, _)) = piece.split_once('>') else {
        return false;
    };
    let tag = tag.trim_end_matches(" /");
    let (name, attribute) = tag.split_once(' ').unwrap_or((tag, ""));
    let quoted = |name: &str| {
        attribute
            .strip_prefix(name)?
            .strip_prefix("=\"")?
            .strip_suffix('"')
    };
    let sound = match name {
        "a" => quoted("href").is_some_and(|to| to == "#" || to.to_ascii_lowercase().starts_with("http")),
        "ol" => attribute.is_empty() || quoted("start").is_some_and(|at| at.parse::<u64>().is_ok()),
        "code" => attribute.is_empty() || quoted("class").is_some_and(|of| of.starts_with("language-")),
        "td" | "th" => {
            attribute.is_empty() || quoted("style").is_some_and(|style| style.starts_with("text-align: "))
        }
        _ => {
            let name = name.trim_start_matches('/');
            attribute.is_empty() && TAGS.contains(&name)
        }
    };
    sound && attribute.matches('"').count() <= 2
}

const TAGS: [&str; 22] = [
    "p",
    "br",
    "hr",
    "em",
    "strong",
    "del",
    "a",
    "ul",
    "ol",
    "li",
    "blockquote",
    "pre",
    "code",
    "h4",
    "h5",
    "h6",
    "table",
    "thead",
    "tbody",
    "tr",
    "td",
    "th",
];

/// The issuer that the token path knows.
const ISSUER: &str = "https://ehr.example";
/// When tokens are shown, in seconds since 1970: so late that their `jti` is not purged, which the journal does by
/// the real time, while a run lasts.
const SHOWN: i64 = 4_102_444_400;
/// What its tokens are for.
const AUDIENCE: &str = "https://cds.example/cds-services/x";
/// The client of the token path, whose key is made anew for each process.
struct Door {
    trust: Trust,
    journal: Journal,
    signer: Signer,
    runtime: Runtime,
}

static DOOR: LazyLock<Door> = LazyLock::new(|| {
    let (signer, folder) = (Signer::ec_256("k"), tempfile::tempdir().expect("a folder"));
    let keys = serde_json::json!({"keys": [signer.public()]});
    std::fs::write(folder.path().join("keys.json"), keys.to_string()).expect("a file");
    let settings = format!(
        "listen = '127.0.0.1:0'\n[journal]\nurl = 'sqlite:unused.db'\n[[client]]\nname = 'fuzz'\nissuer = '{ISSUER}'\n\
         jwks-file = 'keys.json'\nalgorithms = ['ES256']\nfhir-base = 'https://ehr.example/fhir'\n"
    );
    let config = Config::from_toml(&settings, folder.path()).expect("settings");
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    Door {
        trust: Trust::new(&config).expect("keys"),
        journal: runtime.block_on(Journal::in_memory()).expect("a journal"),
        signer,
        runtime,
    }
});

impl Door {
    fn opens_to(&self, authorization: &str) -> bool {
        let audiences = [AUDIENCE.to_owned()];
        let mut claimed = stepdown::trust::Claimed::default();
        let entry = self.trust.authenticate(
            Some(authorization),
            &audiences,
            Timestamp::from_second(SHOWN).expect("an instant"),
            &self.journal,
            &mut claimed,
        );
        self.runtime.block_on(entry).is_ok()
    }
}

/// An `Authorization` header; or, in two lines, a header and claims that the client's own key signs. Whether it
/// opened the door.
pub fn token(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let Some((header, claims)) = text.split_once('\n') else {
        assert!(!DOOR.opens_to(text), "nobody else has the key");
        return false;
    };
    let authorization = format!("Bearer {}", DOOR.signer.token_of(header, claims));
    let opened = DOOR.opens_to(&authorization);
    if opened {
        assert!(!DOOR.opens_to(&authorization), "a token is good for one call");
        assert_eq!(member(header, "alg"), "ES256");
        assert_eq!(member(claims, "iss"), ISSUER);
        assert!(member(claims, "aud").to_string().contains(AUDIENCE));
        let seconds = |name| member(claims, name).as_f64().expect("a number");
        let (issued, expires) = (seconds("iat"), seconds("exp"));
        assert!(issued < expires && issued <= SHOWN as f64 + 61.0 && expires >= SHOWN as f64 - 61.0);
    }
    opened
}

/// The value of a member of a JSON object.
fn member(object: &str, name: &str) -> Value {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(object).expect("an object");
    serde_json::from_str(members[name].get()).expect("a value")
}
