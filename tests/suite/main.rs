//! The suite: one binary that tries the service from outside, and the rules that its sources keep.
//!
//! `helpers` starts the real application and writes charts as EHRs hold them; `conformance` proves the
//! sentences of CDS Hooks that `requirements.csv` lists; `api` is everything that can go wrong on the way; `smart`
//! opens the companion app as an EHR and a browser do; `operations` is what those who run the service rely on:
//! metrics, traces, kept requests, reload, certificates, the end, and the files of deploy/; `commands` replays saved
//! requests and compares tables; `doctor` holds the doctor's findings against servers that are in order and servers
//! that are not; `journal` tries both engines of the journal against a model,
//! several replicas on one, and one that goes away; `properties` says what must not change an answer, and what
//! holds whatever is stopped together; `content` runs the cases of the tables and looks up what their pages point
//! at; `definitions` sends
//! the examples of the hook's own definition; `referee` lets FHIR R4 validators judge every resource that any case
//! suggests; `browser` walks Chromium through the pages; `fuzz_smoke` throws broken bytes at every parser;
//! `architecture` reads the sources.
//! Nothing here leaves the machine, and no test waits for another test, or for a fixed time, but the one of
//! `journal::processes`, which lets its replicas fail for a while.
#![allow(clippy::unwrap_used, reason = "a failed expectation in a test is a panic")]

mod helpers;

mod conformance {
    mod answers;
    mod callers;
    mod cards;
    mod coverage;
    mod discovery;
    mod feedback;
    mod fhir_access;
    mod forged_tokens;
    mod key_sets;
    mod peers;
    mod prefetch;
    mod releases;
    mod request;
    mod token_log;
    mod tokens;
    mod transport;
}

mod api {
    mod basis;
    mod bad_input;
    mod canary;
    mod clients;
    mod contract;
    mod doors;
    mod fatigue;
    mod fault_matrix;
    mod faults;
    mod journal;
    mod limits;
    mod rebound;
    mod shapes;
    mod statuses;
}

mod operations {
    mod capture;
    mod certificates;
    mod ending;
    mod files;
    mod metrics;
    mod proxy;
    mod reload;
    mod traces;
}

mod commands {
    mod diff;
    mod replay;
}

mod doctor {
    mod around;
    mod servers;
    mod site;
}

mod smart {
    mod authority;
    mod arrival;
    mod audit;
    mod handoff;
    mod launching;
    mod pages;
    mod sessions;
    mod writing;
}

mod architecture;
mod browser;
mod content;
mod definitions;
mod fuzz_smoke;
mod referee;

mod journal {
    mod export;
    mod model;
    mod operator;
    mod outage;
    mod processes;
    mod replicas;
    mod review;
    mod upgrade;
}

mod properties {
    mod arrangement;
    mod degraded;
    mod fields;
    mod doors;
    mod foreign;
    mod together;
    mod units;
}
