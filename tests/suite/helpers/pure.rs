//! The judgement without the wire: what `stepdown explain --json` does.

use super::doors::TRIGGER;
use super::now;
use serde_json::Value;
use std::sync::LazyLock;
use stepdown::clinical::evaluate::evaluate;
use stepdown::clinical::knowledge::Knowledge;
use stepdown::clinical::occasion::Occasion;
use stepdown::content;
use stepdown::fhir::terms::LocalCodes;
use stepdown::gather::read_given;
use stepdown::pipeline::respond;
use stepdown::protocol::request::{HookRequest, document};

static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(|| {
    let found = |problems: Vec<content::Problem>| {
        problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    content::from(None)
        .map_err(found)
        .expect("the knowledge that is built in")
});

/// The tables that are built in.
pub fn knowledge() -> &'static Knowledge {
    &KNOWLEDGE
}

/// How a call ends.
#[derive(Debug)]
pub enum Judged {
    /// With an answer.
    Answer(Value),
    /// As a 412.
    Undecided,
    /// As a 4xx; the text names the field.
    Refused(String),
}

impl Judged {
    /// The answer; anything else fails the test.
    pub fn answer(self) -> Value {
        match self {
            Judged::Answer(answer) => answer,
            other => panic!("{other:?}"),
        }
    }
}

/// Judges a request as it is, without asking any server. A patient-view with the demonstration's trigger is
/// taken as the demonstration takes it.
pub fn judge(body: &[u8]) -> Judged {
    let body = match document(body) {
        Ok(body) => body,
        Err(error) => return Judged::Refused(error.to_string()),
    };
    let mut request = match HookRequest::read(&body) {
        Ok(request) => request,
        Err(error) => return Judged::Refused(error.to_string()),
    };
    if request.extension(TRIGGER).as_deref() == Some("discontinue") {
        request.occasion = Occasion::Announced;
    }
    let record = match read_given(&request, None, knowledge(), &LocalCodes::default(), now()) {
        Ok(record) => record,
        Err(error) => return Judged::Refused(error.to_string()),
    };
    let evaluation = evaluate(&record, knowledge(), now());
    if evaluation.undecided {
        return Judged::Undecided;
    }
    let answer = respond(&record, knowledge(), &evaluation, &request, now());
    Judged::Answer(serde_json::from_slice(&answer.to_json().unwrap()).unwrap())
}

/// The answer to a request that has one.
pub fn answer(request: &Value) -> Value {
    judge(request.to_string().as_bytes()).answer()
}
