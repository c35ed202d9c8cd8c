//! What the log says of a token: enough to find it, and nothing of it.

use crate::helpers::app::{NOBODY, hospital_key, stranger_key};
use crate::helpers::keys::with;
use crate::helpers::program::Program;
use crate::helpers::resources::PATIENT;
use crate::helpers::{Stop, now};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

/// cds-59d: the real program at its most talkative.
#[tokio::test]
async fn never_logs_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::serve(folder.path(), "trace");
    let path = "/cds-services/stepdown-medication-discontinue";
    let claims = Program::claims(path);
    let (good, bad) = (hospital_key().token(&claims), stranger_key().token(&claims));
    let request = Stop::tacrolimus()
        .with_kidney_transplant()
        .granting(NOBODY, "secret-access-token-5ea1");
    assert_eq!(program.post_with(path, &bad, &request).await.status, 401);
    let answer = program.post_with(path, &good, &request).await;
    assert_eq!(program.post_with(path, &good, &request).await.status, 401);
    let feedback = json!({"feedback": [{"card": answer.cards()[0]["uuid"], "outcome": "overridden",
        "outcomeTimestamp": now().to_string(), "overrideReason": {"userComment": "she asked for it"}}]});
    let kept = program.post(&format!("{path}/feedback"), &feedback).await;
    assert_eq!(kept.status, 200);

    let log = program.kill();
    let signature = |token: &str| token.rsplit('.').next().unwrap().to_owned();
    let secrets = [
        signature(&good),
        signature(&bad),
        URL_SAFE_NO_PAD.encode(claims.to_string()),
        "secret-access-token-5ea1".to_owned(),
        "asked for it".to_owned(),
        PATIENT.to_owned(),
    ];
    for secret in secrets {
        assert!(!log.contains(&secret), "the log holds {secret}:\n{log}");
    }
    assert!(log.contains("token.refused"), "a refusal is logged:\n{log}");
}

/// cds-59c: the client as configured stands for issuer and tenant, a mark for the `jti`.
#[tokio::test]
async fn the_log_names_the_client_and_a_mark_of_each_token() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::serve(folder.path(), "debug");
    let path = "/cds-services/stepdown-medication-discontinue";
    let claims = with(Program::claims(path), "tenant", json!("tenant-of-theirs"));
    let token = hospital_key().token(&claims);
    let request = Stop::tacrolimus().with_kidney_transplant().request();
    assert_eq!(program.post_with(path, &token, &request).await.status, 200);
    assert_eq!(program.post_with(path, &token, &request).await.status, 401);
    let (issuer, jti) = (claims["iss"].as_str().unwrap(), claims["jti"].as_str().unwrap());
    let asked = std::process::Command::new(env!("CARGO_BIN_EXE_stepdown"))
        .args(["mark", "--issuer", issuer, "--config"])
        .arg(folder.path().join("settings.toml"))
        .arg(jti)
        .output()
        .unwrap();
    assert!(
        asked.status.success(),
        "{}",
        String::from_utf8_lossy(&asked.stderr)
    );
    let mark = String::from_utf8(asked.stdout).unwrap().trim().to_owned();
    assert_eq!(mark.len(), 16, "{mark}");

    let log = program.kill();
    for event in ["token.accepted", "token.refused"] {
        let line = log
            .lines()
            .find(|line| line.contains(event))
            .unwrap_or_else(|| panic!("no {event}:\n{log}"));
        assert!(line.contains("hospital") && line.contains(&mark), "{line}");
    }
    for claim in [issuer, jti, "tenant-of-theirs"] {
        assert!(!log.contains(claim), "the log holds {claim}:\n{log}");
    }
}
