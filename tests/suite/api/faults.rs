//! An EHR whose FHIR server fails in every way that servers fail.
//!
//! Whatever happens: a stop in a transplant recipient is never answered by silence, never later than the
//! client's deadline and a margin, and the token goes nowhere else.

use crate::helpers::answer::urgency;
use crate::helpers::stories::story;
use crate::helpers::{Answer, Ehr, Fault, Stop, TestApp};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_millis(800);
/// What an answer may take beyond the deadline, on a machine that runs all tests at once.
const MARGIN: Duration = Duration::from_millis(900);
const SECRET: &str = "secret-access-token-c7d2";

const FAULTS: [Fault; 16] = [
    Fault::Slow,
    Fault::Status(401),
    Fault::Status(403),
    Fault::Status(404),
    Fault::Status(410),
    Fault::Status(429),
    Fault::Status(500),
    Fault::Status(503),
    Fault::Html,
    Fault::Truncated,
    Fault::WrongType,
    Fault::OtherPatient,
    Fault::Redirect,
    Fault::ForeignNext,
    Fault::GzipBomb,
    Fault::Empty,
];

/// A service whose client's server can be made to fail, and another server beside it.
struct Hospital {
    ehr: Ehr,
    elsewhere: Ehr,
    app: TestApp,
}

impl Hospital {
    async fn open() -> Self {
        let stop = Stop::tacrolimus();
        let elsewhere = Ehr::holding(&stop).await.open().await;
        let ehr = Ehr::holding(&stop)
            .await
            .with_elsewhere(&elsewhere.origin())
            .open()
            .await;
        let app = TestApp::with(
            &ehr.base(),
            "",
            // The breaker has tests of its own; here every call is to reach the server.
            &format!(
                "deadline-ms = {}\n[client.breaker]\nfailures = 10000",
                DEADLINE.as_millis()
            ),
        )
        .await;
        Self { ehr, elsewhere, app }
    }

    /// Calls the service for a chart whose server fails for one type of resource, or for all (`*`).
    async fn call(&self, stop: &Stop, kind: &'static str, fault: Fault) -> Answer {
        self.ehr.turn(stop, &[(kind, fault)]);
        let before = self.ehr.requests().await.len();
        let request = stop.granting(&self.ehr.base(), SECRET);
        let started = Instant::now();
        let answer = self.app.trusted_ehr().hook(&request).await;
        let took = started.elapsed();
        assert!(took < DEADLINE + MARGIN, "{kind} {fault:?} took {took:?}");
        assert_eq!(
            self.elsewhere.requests().await.len(),
            0,
            "{kind} {fault:?}: the token went elsewhere"
        );
        assert!(
            self.ehr.requests().await.len() > before,
            "{kind} {fault:?}: the server was not asked"
        );
        assert!(!answer.text().contains(SECRET), "{kind} {fault:?}");
        answer
    }
}

#[tokio::test]
async fn a_server_that_fails_at_everything_is_never_silence() {
    let hospital = Hospital::open().await;
    for fault in FAULTS {
        let answer = hospital
            .call(&Stop::tacrolimus().with_kidney_transplant(), "*", fault)
            .await;
        assert!(!answer.cards().is_empty(), "{fault:?}: {}", answer.text());
        assert!(
            !answer.gaps().is_empty(),
            "{fault:?}: nothing is said to be unknown"
        );
    }
}

#[tokio::test]
async fn a_transplant_stays_critical_whatever_else_fails() {
    let (hospital, stop) = (
        Hospital::open().await,
        Stop::tacrolimus().with_kidney_transplant(),
    );
    for (kind, need) in [
        ("Observation", "observations"),
        ("Procedure", ""),
        ("AllergyIntolerance", ""),
    ] {
        for fault in [
            Fault::Slow,
            Fault::Status(500),
            Fault::Truncated,
            Fault::Html,
            Fault::Empty,
            Fault::GzipBomb,
        ] {
            let answer = hospital.call(&stop, kind, fault).await;
            assert_eq!(
                answer.card("abrupt-withdrawal")["indicator"],
                "critical",
                "{kind} {fault:?}"
            );
            let told = need.is_empty() || answer.gaps().iter().any(|(of, _)| of == need);
            assert!(told, "{kind} {fault:?}: {:?}", answer.gaps());
        }
    }
}

/// The one source that says "transplant" fails: no milder answer than with it.
#[tokio::test]
async fn a_transplant_that_could_not_be_read_is_no_reassurance() {
    let hospital = Hospital::open().await;
    let by_problem = (
        story("kidney transplant, one problem says so"),
        "Condition",
        "conditions",
    );
    let by_procedure = (
        story("liver transplant, one procedure says so"),
        "Procedure",
        "procedures",
    );
    for (stop, kind, source) in [by_problem, by_procedure] {
        for fault in FAULTS {
            let answer = hospital.call(&stop, kind, fault).await;
            assert!(!answer.cards().is_empty(), "{kind} {fault:?}");
            // A list whose entries are of somebody else was read: what is left is an empty list.
            if fault != Fault::OtherPatient {
                assert_eq!(urgency(&answer.json), 3, "{kind} {fault:?}: {}", answer.text());
            }
            assert!(
                answer.gaps().iter().any(|(need, _)| need == source),
                "{kind} {fault:?}: {:?}",
                answer.gaps()
            );
        }
    }
}

#[tokio::test]
async fn the_reason_of_a_failure_is_told() {
    let hospital = Hospital::open().await;
    let stop = Stop::tacrolimus().in_lupus_nephritis().with_upcr("0.3", "g/g", 7);
    let reasons = [
        (Fault::Status(401), "not-permitted"),
        (Fault::Status(403), "not-permitted"),
        (Fault::Status(500), "fetch-failed"),
        (Fault::Status(429), "fetch-failed"),
        (Fault::Slow, "fetch-failed"),
        (Fault::Redirect, "fetch-failed"),
        (Fault::OtherPatient, "other-patient"),
    ];
    for (fault, why) in reasons {
        hospital
            .call(&stop, "Observation", fault)
            .await
            .states_gap("observations", why);
    }
    for fault in [
        Fault::Html,
        Fault::Truncated,
        Fault::Empty,
        Fault::WrongType,
        Fault::GzipBomb,
    ] {
        let answer = hospital.call(&stop, "Observation", fault).await;
        let told = ["not-readable", "fetch-failed"]
            .into_iter()
            .any(|why| answer.has_gap("observations", why));
        assert!(told, "{fault:?}: {:?}", answer.gaps());
    }
}
