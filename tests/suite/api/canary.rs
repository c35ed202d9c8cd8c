//! A patient whose every trait is a word that stands nowhere else, sent through everything that the program does.
//!
//! The program runs at its most talkative. Afterwards what it has printed, and the bytes of its journal, are
//! searched for those words. The journal may name who was treated by whom in the table `audit` only (CDS Hooks asks for
//! an audit, and there it says `Patient/id`, `userId` and the orders' references); names, numbers, addresses, texts
//! of the chart, comments and tokens are nowhere at all.

use crate::helpers::answer::basis;
use crate::helpers::app::{PUBLIC, hospital_key, http, stranger_key};
use crate::helpers::chart::grant;
use crate::helpers::keys::with;
use crate::helpers::program::Program;
use crate::helpers::{Answer, Ehr, Fault, Stop, now};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Row;
use std::collections::BTreeSet;
use std::path::Path;

const PATH: &str = "/cds-services/stepdown-medication-discontinue";
/// What the audit may hold.
const IDENTIFIERS: [&str; 3] = ["canary-patient-51", "canary-user-52", "canary-order-53"];
/// What nothing may hold.
const SECRETS: [&str; 12] = [
    "Canaryfamily",
    "Canarygiven",
    "CANARY-MRN-61",
    "Canary Street 62",
    "+1-555-canary-63",
    "canary note 64",
    "canary reason 65",
    "canary problem 66",
    "canary-access-token-67",
    "canary comment 68",
    "canary diagnostics 69",
    "canary-claim-70",
];

/// The call of a stop, and what the EHR holds, of that patient.
fn canary() -> (Value, Vec<Value>) {
    let stop = Stop::tacrolimus()
        .in_lupus_nephritis()
        .with_upcr("2.1", "g/g", 7)
        .with_condition("problem-1", "M32.14", "canary problem 66", 900)
        .with_stopped(|order| {
            order["note"] = json!([{"text": "canary note 64"}]);
            order["statusReason"] = json!({"text": "canary reason 65"});
        });
    let mut records = Value::Array(stop.records());
    records[0]["address"] = json!([{"line": ["Canary Street 62"]}]);
    records[0]["telecom"] = json!([{"system": "phone", "value": "+1-555-canary-63"}]);
    let mut request = stop.request();
    request["prefetch"]["patient"] = records[0].clone();
    let named = |value: &Value| {
        let names = [
            ("synthetic-1", IDENTIFIERS[0]),
            ("prescriber-7", IDENTIFIERS[1]),
            ("tac-1", IDENTIFIERS[2]),
            ("Quux", "Canaryfamily"),
            ("Synthia", "Canarygiven"),
            ("MRN-481516", "CANARY-MRN-61"),
        ];
        let text = names
            .iter()
            .fold(value.to_string(), |text, (of, name)| text.replace(of, name));
        serde_json::from_str::<Value>(&text).unwrap()
    };
    (named(&request), named(&records).as_array().unwrap().clone())
}

/// The program, and what it answered with.
struct Run {
    program: Program,
    ehr: Ehr,
    request: Value,
    records: Vec<Value>,
    statuses: BTreeSet<u16>,
}

impl Run {
    async fn start(folder: &Path) -> Self {
        let ehr = Ehr::holding(&Stop::tacrolimus()).await.open().await;
        let (request, records) = canary();
        let top = "max-body-bytes = 200000";
        let program = Program::reading(folder, "trace", &ehr.base(), top);
        Self {
            program,
            ehr,
            request,
            records,
            statuses: BTreeSet::new(),
        }
    }

    /// Sends a body with a fresh token, and notes the status; a refusal repeats nothing.
    async fn send(&mut self, method: Method, path: &str, kind: &str, body: String) -> Answer {
        let token = hospital_key().token(&with(Program::claims(path), "sub", json!("canary-claim-70")));
        let call = self
            .program
            .call(method, path)
            .bearer_auth(token)
            .header("content-type", kind);
        self.note(Answer::of(call.body(body).send().await.unwrap()).await)
    }

    async fn hook(&mut self, request: &Value) -> Answer {
        self.send(Method::POST, PATH, "application/json", request.to_string())
            .await
    }

    fn note(&mut self, answer: Answer) -> Answer {
        self.statuses.insert(answer.status);
        if answer.status != 200 {
            let text = answer.text();
            let told = IDENTIFIERS
                .iter()
                .chain(&SECRETS)
                .find(|word| text.contains(**word));
            assert_eq!(told, None, "{}: {text}", answer.status);
        }
        answer
    }

    fn granted(&self) -> Value {
        let mut request = grant(self.request.clone(), &self.ehr.base(), "canary-access-token-67");
        request["fhirAuthorization"]["patient"] = json!(IDENTIFIERS[0]);
        request.as_object_mut().unwrap().remove("prefetch");
        request
    }

    /// Advice from prefetch, and from a server that answers, and that fails in its words.
    async fn advise(&mut self) {
        let answer = self.hook(&self.request.clone()).await;
        assert!(!answer.cards().is_empty());
        assert!(basis(&answer.cards()[0])["inputs"].is_array());
        let faults = [
            None,
            Some(Fault::Status(500)),
            Some(Fault::Status(403)),
            Some(Fault::Truncated),
            Some(Fault::OtherPatient),
            Some(Fault::Html),
            Some(Fault::Slow),
        ];
        for fault in faults {
            let fault = fault.map(|fault| ("Condition", fault));
            self.ehr
                .show("canary-access-token-67", self.records.clone(), fault);
            assert!(!self.hook(&self.granted()).await.cards().is_empty(), "{fault:?}");
        }
        let card = answer.cards()[0]["uuid"].clone();
        let at = now().to_string();
        let said = |reason: Value| json!({"card": card, "outcome": "overridden", "outcomeTimestamp": at, "overrideReason": reason});
        let entry = said(
            json!({"reason": {"system": "urn:x", "code": "y", "display": "canary comment 68"}, "userComment": "canary comment 68"}),
        );
        let words = said(json!({"reason": {"system": "canary comment 68", "code": "canary comment 68"}}));
        let wrong = json!({"card": card, "outcome": "canary comment 68"});
        for entries in [
            json!([entry, words]),
            json!([entry, wrong]),
            json!({"canary comment 68": 1}),
        ] {
            let body = json!({"feedback": entries}).to_string();
            self.send(
                Method::POST,
                &format!("{PATH}/feedback"),
                "application/json",
                body,
            )
            .await;
        }
    }

    /// One call for every status that a caller can bring about.
    async fn be_refused(&mut self) {
        let good = self.request.clone();
        let whole = good.to_string();
        let json = "application/json";
        self.send(Method::POST, PATH, json, whole[..whole.len() - 9].to_owned())
            .await;
        self.send(
            Method::POST,
            PATH,
            json,
            "x".repeat(100_000) + &whole + &" ".repeat(100_001),
        )
        .await;
        self.send(Method::POST, PATH, "text/canary", whole.clone()).await;
        self.send(Method::PUT, PATH, json, whole.clone()).await;
        self.send(Method::POST, "/cds-services/Canaryfamily", json, whole.clone())
            .await;
        let wrongs = [
            ("/hookInstance", json!("Canaryfamily")),
            ("/context/userId", json!(["Canaryfamily"])),
            ("/context/patientId", json!("Canaryfamily canary note 64")),
            (
                "/fhirServer",
                json!("https://Canaryfamily.example/canary-access-token-67"),
            ),
            (
                "/context/toBeDiscontinued/entry/0/resource/subject/reference",
                json!("Patient/Canaryfamily"),
            ),
        ];
        for (place, wrong) in wrongs {
            let mut request = good.clone();
            match request.pointer_mut(place) {
                Some(value) => *value = wrong,
                None => drop(
                    request
                        .as_object_mut()
                        .unwrap()
                        .insert(place[1..].to_owned(), wrong),
                ),
            }
            self.hook(&request).await;
        }
        let mut unreadable = self.request.clone();
        unreadable.as_object_mut().unwrap().remove("prefetch");
        unreadable["context"]["toBeDiscontinued"]["entry"][0]["resource"]["medicationCodeableConcept"] =
            json!({"text": ""});
        self.hook(&unreadable).await;
        let mut other = self.granted();
        other["fhirAuthorization"]["patient"] = json!("Canaryfamily");
        self.hook(&other).await;
        let claims = with(Program::claims(PATH), "jti", json!("canary-claim-70"));
        let claims = with(claims, "aud", json!(format!("{PUBLIC}/canary-claim-70")));
        for token in [
            stranger_key().token(&claims),
            hospital_key().token(&claims),
            "canary-claim-70".to_owned(),
        ] {
            let answer = self.program.post_with(PATH, &token, &good).await;
            self.note(answer);
        }
    }
}

/// Every value of every table, each under the name of its table.
async fn tables(folder: &Path) -> Vec<(String, String)> {
    let file = folder.join("journal.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let names = sqlx::query("SELECT name FROM sqlite_master WHERE type = 'table'");
    let names = names.fetch_all(&pool).await.unwrap();
    let mut found = Vec::new();
    for name in names.iter().map(|row| row.get::<String, _>(0)) {
        let columns = sqlx::query("SELECT name FROM pragma_table_info(?1)").bind(&name);
        for column in columns.fetch_all(&pool).await.unwrap() {
            let column: String = column.get(0);
            let values = format!("SELECT CAST(\"{column}\" AS BLOB) FROM \"{name}\"");
            let values = sqlx::query_scalar::<_, Option<Vec<u8>>>(sqlx::AssertSqlSafe(values));
            let values = values.fetch_all(&pool).await.unwrap().into_iter().flatten();
            found.extend(values.map(|value| (name.clone(), String::from_utf8_lossy(&value).into_owned())));
        }
    }
    pool.close().await;
    found
}

fn find<'w>(words: &[&'w str], text: &str) -> Vec<&'w str> {
    words.iter().copied().filter(|word| text.contains(word)).collect()
}

#[tokio::test]
async fn a_patient_leaves_no_trace_but_in_the_audit() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(folder.path()).await;
    run.advise().await;
    run.be_refused().await;
    let seen: Vec<u16> = run.statuses.iter().copied().collect();
    assert_eq!(seen, [200, 400, 401, 403, 404, 405, 412, 413, 415, 422]);
    // Feedback is on disk before it is answered, and with it all that was recorded before.
    run.advise().await;

    let log = run.program.kill();
    assert!(
        log.contains("token.refused") && log.contains("TRACE"),
        "it was to say much"
    );
    for line in log.lines() {
        let told = [find(&SECRETS, line), find(&IDENTIFIERS, line)].concat();
        assert!(told.is_empty(), "the log tells {told:?}: {line}");
    }
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let bytes = std::fs::read(file.path()).unwrap();
        let told = find(&SECRETS, &String::from_utf8_lossy(&bytes));
        assert!(told.is_empty(), "{:?} holds {told:?}", file.file_name());
    }
    let values = tables(folder.path()).await;
    let mut audited = BTreeSet::new();
    for (table, value) in &values {
        let told = find(&IDENTIFIERS, value);
        assert!(
            table == "audit" || told.is_empty(),
            "{table} holds {told:?}: {value}"
        );
        audited.extend(told);
    }
    assert_eq!(
        audited.len(),
        IDENTIFIERS.len(),
        "the audit says who and what: {audited:?}"
    );
}

/// At its limits it says no less carefully what it refuses; and what operators read tells of nobody.
#[tokio::test]
async fn a_service_at_its_limits_and_its_metrics_tell_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let ehr = Ehr::holding(&Stop::tacrolimus())
        .await
        .failing("*", Fault::Slow)
        .open()
        .await;
    let top = format!("max-calls = 1\n[admin]\nlisten = '127.0.0.1:{port}'");
    let client = "rate = { per-second = 1, burst = 2 }\ndeadline-ms = 2000";
    let program = Program::limited(folder.path(), "trace", &ehr.base(), &top, client);
    let (request, _) = canary();
    let mut granted = grant(request.clone(), &ehr.base(), "canary-access-token-67");
    granted["fhirAuthorization"]["patient"] = json!(IDENTIFIERS[0]);
    granted.as_object_mut().unwrap().remove("prefetch");
    let token = || hospital_key().token(&with(Program::claims(PATH), "sub", json!("canary-claim-70")));
    let mut statuses = BTreeSet::new();
    for _ in 0..40 {
        let (one, other) = (token(), token());
        let (one, other) = tokio::join!(
            program.post_with(PATH, &one, &granted),
            program.post_with(PATH, &other, &request)
        );
        for answer in [one, other] {
            if answer.status != 200 {
                let text = answer.text();
                assert!(
                    [find(&IDENTIFIERS, &text), find(&SECRETS, &text)]
                        .concat()
                        .is_empty(),
                    "{text}"
                );
            }
            statuses.insert(answer.status);
        }
        if statuses.is_superset(&BTreeSet::from([200, 429, 503])) {
            break;
        }
    }
    assert_eq!(statuses.into_iter().collect::<Vec<_>>(), [200, 429, 503]);
    let metrics = http()
        .get(format!("http://127.0.0.1:{port}/metrics"))
        .send()
        .await
        .unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("cds_hook_requests_total"), "{metrics}");
    for text in [metrics, program.kill()] {
        for line in text.lines() {
            let told = [find(&SECRETS, line), find(&IDENTIFIERS, line)].concat();
            assert!(told.is_empty(), "tells {told:?}: {line}");
        }
    }
}
