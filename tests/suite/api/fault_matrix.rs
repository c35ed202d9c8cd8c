//! Every read of the FHIR server, failing in every way, behind every door.
//!
//! One server plays all parts at once: what it shows, and where it fails, depends on the token of the grant, so
//! that all cells run side by side. Where the server answers at once, the call brings no prefetch and
//! everything is read; where it does not, only the read that fails is left to be made, under a short
//! deadline. What every cell says is written down in `deploy/fault-matrix.md`, and compared with it.

use crate::helpers::answer::topic_of;
use crate::helpers::chart::grant;
use crate::helpers::doors::{TRIGGER, WITH_IDS, WITH_ORDERS, through};
use crate::helpers::resources::{finding, procedure};
use crate::helpers::{Answer, Ehr, Fault, Stop, TestApp, days_ago, hours_ago};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Deadline of the client whose server is late.
const DEADLINE: Duration = Duration::from_millis(300);
/// Deadline of the client whose server answers at once, so that a busy machine changes no cell.
const PATIENCE: Duration = Duration::from_secs(20);
/// What an answer may take beyond the deadline, in a development build on a machine that runs all tests at
/// once. It is less than what a slow server takes, so an answer that waited for it fails.
const RESERVE: Duration = Duration::from_millis(2_000);
/// Cells under way at one time.
const ABREAST: usize = 6;

/// What is read: name for a reader, type of resource or search, prefetch key, and name in a gap.
const CALLS: [(&str, &str, &str); 7] = [
    ("Patient", "Patient", "patient"),
    ("MedicationRequest", "MedicationRequest", "medications"),
    ("Observation", "observations", "observations"),
    ("Observation (screens)", "screens", "screens"),
    ("Condition", "Condition", "conditions"),
    ("AllergyIntolerance", "AllergyIntolerance", "allergies"),
    ("Procedure", "Procedure", "procedures"),
];

/// The ways to fail, with the reason that a gap must give.
const FAULTS: [(&str, Fault, &str); 16] = [
    ("answers late", Fault::Slow, "fetch-failed"),
    ("never answers", Fault::Silent, "fetch-failed"),
    ("401", Fault::Status(401), "not-permitted"),
    ("403", Fault::Status(403), "not-permitted"),
    ("404", Fault::Status(404), "fetch-failed"),
    ("429", Fault::Status(429), "fetch-failed"),
    ("500", Fault::Status(500), "fetch-failed"),
    ("a login page", Fault::Html, "not-readable"),
    ("JSON cut off", Fault::Truncated, "not-readable"),
    ("no body", Fault::Empty, "not-readable"),
    ("another type of resource", Fault::WrongType, "not-readable"),
    ("another patient's", Fault::OtherPatient, "other-patient"),
    ("a redirect elsewhere", Fault::Redirect, "fetch-failed"),
    ("a next page elsewhere", Fault::ForeignNext, "fetch-failed"),
    ("a gzip bomb", Fault::GzipBomb, "fetch-failed"),
    ("nothing, beyond the scope", Fault::Filtered, "not-permitted"),
];

/// Active lupus nephritis, with something to be read in every source.
fn chart() -> Stop {
    let allergy = json!({
        "resourceType": "AllergyIntolerance", "id": "allergy-1",
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]},
        "code": {"text": "penicillin"}, "patient": {"reference": "Patient/synthetic-1"}
    });
    Stop::tacrolimus()
        .in_lupus_nephritis()
        .with_upcr("2.1", "g/g", 7)
        .with_screen(finding("hbsag-1", "5196-1", "NEG", &days_ago(300)))
        .with_procedure(procedure("biopsy-1", "7246002", "Kidney biopsy", &days_ago(800)))
        .with_resource(allergy)
        .dated(&hours_ago(2))
}

/// Whether the server keeps the caller waiting.
fn keeps_waiting(fault: Fault) -> bool {
    matches!(fault, Fault::Slow | Fault::Silent | Fault::GzipBomb)
}

/// The service for a client who waits and for one who does not, the server, and one that nobody may ask.
struct Hospital {
    patient: TestApp,
    hasty: TestApp,
    ehr: Ehr,
    elsewhere: Ehr,
}

/// One door, one read, one way to fail.
#[derive(Clone, Copy)]
struct Cell {
    door: &'static str,
    call: (&'static str, &'static str, &'static str),
    fault: (&'static str, Fault, &'static str),
}

impl Hospital {
    async fn open() -> Self {
        let elsewhere = Ehr::holding(&chart()).await.open().await;
        let ehr = Ehr::holding(&chart())
            .await
            .with_elsewhere(&elsewhere.origin())
            .open()
            .await;
        let triggers = format!("stop-triggers = {{ extension = '{TRIGGER}', codes = ['discontinue'] }}");
        let client = |deadline: Duration| format!("{triggers}\ndeadline-ms = {}", deadline.as_millis());
        Self {
            patient: TestApp::with(&ehr.base(), "", &client(PATIENCE)).await,
            hasty: TestApp::with(&ehr.base(), "", &client(DEADLINE)).await,
            ehr,
            elsewhere,
        }
    }

    /// What one cell of the table says.
    async fn say(&self, cell: Cell) -> String {
        let (named, fault, why) = cell.fault;
        let (of, call, key) = cell.call;
        let token = format!("grant-{}-{key}-{named}", cell.door)
            .replace([' ', ','], "-")
            .replace('\'', "");
        let mut request = through(&chart(), cell.door);
        let records = match WITH_IDS.contains(&cell.door) {
            true => resources_of(&request["prefetch"]),
            false => chart().records(),
        };
        self.ehr.show(&token, records, Some((call, fault)));
        let waits = keeps_waiting(fault);
        let sent = request["prefetch"].as_object_mut().unwrap();
        sent.retain(|sent, _| waits && sent != key);
        let mut request = grant(request, &self.ehr.base(), &token);
        if fault == Fault::Filtered {
            request["fhirAuthorization"]["scope"] = json!(all_scopes_but(of));
        }
        let (app, deadline) = if waits {
            (&self.hasty, DEADLINE)
        } else {
            (&self.patient, PATIENCE)
        };
        let started = Instant::now();
        let answer = app.trusted_ehr().hook(&request).await;
        let (took, at) = (started.elapsed(), format!("{}, {of}, {named}", cell.door));
        assert!(took < deadline + RESERVE, "{at}: took {took:?}");
        assert!(
            !answer.text().contains(&token),
            "{at}: the token is in the answer"
        );
        judge(&answer, cell.door, key, why, &at)
    }

    /// Nobody but the client's own server was asked, and nothing of it without the grant.
    async fn kept_every_token(&self) {
        assert_eq!(self.elsewhere.requests().await.len(), 0, "a token went elsewhere");
        for request in self.ehr.requests().await {
            let token = request
                .headers
                .get("authorization")
                .map(|value| value.to_str().unwrap());
            assert!(
                token.is_some_and(|token| token.starts_with("Bearer grant-")),
                "{token:?}"
            );
        }
    }
}

/// Never silence: a warning with the gap, or 412 where a door with ids has no medication list.
fn judge(answer: &Answer, door: &str, key: &str, why: &str, at: &str) -> String {
    if answer.status == 412 {
        assert!(
            WITH_IDS.contains(&door) && key == "medications",
            "{at}: {}",
            answer.text()
        );
        answer.refuses(412, "prefetch.medications");
        return "412".to_owned();
    }
    let Some(main) = answer.cards().first() else {
        panic!("{at}: silence");
    };
    // The contract has no name for the search for screens: what it would have found is a gap of its own, and
    // what it found of another patient is an Observation.
    let need = match (key, why) {
        ("screens", "other-patient") => "observations",
        ("screens", _) => "hepatitis-b",
        _ => key,
    };
    assert!(
        answer.has_gap(need, why),
        "{at}: no gap {need}/{why} among {:?}",
        answer.gaps()
    );
    assert_eq!(topic_of(main), "abrupt-withdrawal", "{at}");
    format!("{}: {need} {why}", main["indicator"].as_str().unwrap())
}

fn resources_of(prefetch: &Value) -> Vec<Value> {
    let of = |answer: &Value| match answer["entry"].as_array() {
        Some(entries) => entries.iter().map(|entry| entry["resource"].clone()).collect(),
        None if answer["resourceType"] == "Bundle" => Vec::new(),
        None => vec![answer.clone()],
    };
    prefetch.as_object().unwrap().values().flat_map(of).collect()
}

/// Scopes for all that is read but one type; the name of a call begins with its type.
fn all_scopes_but(call: &str) -> String {
    let withheld = call.split(' ').next().unwrap();
    let kinds = CALLS.iter().map(|(name, _, _)| *name);
    let granted = kinds.filter(|name| !name.contains(' ') && *name != withheld);
    granted
        .map(|name| format!("patient/{name}.rs"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn cells() -> Vec<Cell> {
    let doors = || WITH_ORDERS.into_iter().chain(WITH_IDS);
    let mut cells = Vec::new();
    for fault in FAULTS {
        for call in CALLS {
            cells.extend(doors().map(|door| Cell { door, call, fault }));
        }
    }
    // Those that take long begin first.
    cells.sort_by_key(|cell| !keeps_waiting(cell.fault.1));
    cells
}

#[tokio::test]
async fn no_failure_of_any_read_is_silence_at_any_door() {
    let hospital = Hospital::open().await;
    let said: Vec<(Cell, String)> = stream::iter(cells())
        .map(|cell| {
            let hospital = &hospital;
            async move { (cell, hospital.say(cell).await) }
        })
        .buffer_unordered(ABREAST)
        .collect()
        .await;
    hospital.kept_every_token().await;
    let table = Table(
        said.into_iter()
            .map(|(cell, said)| (cell.place(), said))
            .collect(),
    );
    compare(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/fault-matrix.md"),
        &table.page(),
    );
}

impl Cell {
    fn place(&self) -> (&'static str, &'static str, &'static str) {
        (self.door, self.fault.0, self.call.0)
    }
}

/// What was said, by door, way to fail and read.
struct Table(BTreeMap<(&'static str, &'static str, &'static str), String>);

impl Table {
    /// The rows of one door.
    fn rows(&self, door: &str) -> String {
        let mut rows = String::from("| the server |");
        CALLS
            .iter()
            .for_each(|(call, ..)| write!(rows, " {call} |").unwrap());
        rows.push_str("\n|---|");
        rows.push_str(&"---|".repeat(CALLS.len()));
        for (named, ..) in FAULTS {
            write!(rows, "\n| {named} |").unwrap();
            for (call, ..) in CALLS {
                let said = self
                    .0
                    .iter()
                    .find(|((of, fault, read), _)| (*of, *fault, *read) == (door, named, call));
                write!(rows, " {} |", said.map_or("", |(_, said)| said)).unwrap();
            }
        }
        rows
    }

    /// The whole page; doors that say the same stand together.
    fn page(&self) -> String {
        let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
        for door in WITH_ORDERS.into_iter().chain(WITH_IDS) {
            let rows = self.rows(door);
            match groups.iter_mut().find(|(of, _)| *of == rows) {
                Some((_, doors)) => doors.push(door),
                None => groups.push((rows, vec![door])),
            }
        }
        let mut page = INTRODUCTION.replace("{cells}", &self.0.len().to_string());
        for (rows, doors) in groups {
            write!(page, "\n## {}\n\n{rows}\n", doors.join(", ")).unwrap();
        }
        page
    }
}

const INTRODUCTION: &str = "# When the FHIR server of an EHR fails

Written by the test `api::fault_matrix`, which also compares it: to write it anew, run
`STEPDOWN_WRITE_TABLES=1 cargo test --test suite fault_matrix`.

Each cell is one hook call about a patient with active lupus nephritis whose tacrolimus is stopped: the row is how
the FHIR server fails, the column is the one read for which it fails. The cell is the indicator of the
`abrupt-withdrawal` card with the gap that it states, or the status where there is no card. `patient-view` is called with the
client's own trigger.

In all {cells} cells the test also checks that
- the answer is never an empty list of cards;
- it comes within the client's deadline and a reserve;
- the access token is seen by the client's own FHIR server only, and is not in the answer: the server to which redirects
  and next pages point was never called.

A search that is answered with an empty Bundle is believed, unless the scopes of the grant leave its type of
resource out.
";

/// Fails the test, with the page as it should be, unless the file holds it; or writes the file.
fn compare(file: PathBuf, page: &str) {
    if std::env::var_os("STEPDOWN_WRITE_TABLES").is_some_and(|set| set == "1") {
        return std::fs::write(file, page).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page,
        "{} is not what the service does, which is:\n{page}",
        file.display()
    );
}
