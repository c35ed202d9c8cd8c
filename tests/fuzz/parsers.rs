//! What must survive any bytes, as plain functions: the suite runs them on stable, cargo-fuzz runs them for long.
//!
//! Each takes bytes, hands them to one parser and everything behind it, and panics where a promise is broken.

use jiff::Timestamp;
use std::sync::LazyLock;
use stepdown::clinical::evaluate::evaluate;
use stepdown::clinical::knowledge::Knowledge;
use stepdown::content;
use stepdown::fhir::dosage_text::read_dosage_text;
use stepdown::fhir::terms::LocalCodes;
use stepdown::gather::read_given;
use stepdown::pipeline::respond;
use stepdown::protocol::feedback::Feedback;
use stepdown::protocol::request::{HookRequest, document};

static KNOWLEDGE: LazyLock<Knowledge> =
    LazyLock::new(|| content::from(None).expect("the knowledge that is built in"));

/// 2026-11-22, so that a found input stays what it is.
const NOW: i64 = 1_795_334_400;

/// A hook call through parser, FHIR readers, judgement and cards; whether it had an answer.
pub fn request(bytes: &[u8]) -> bool {
    let now = Timestamp::from_second(NOW).expect("an instant");
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
    let answer = serde_json::to_vec(&answer).expect("an answer can be written");
    assert!(answer.starts_with(b"{\"cards\":["));
    !evaluation.undecided
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
