use super::*;
use crate::fhir::bundle::State;
use proptest::prelude::*;
use secrecy::ExposeSecret;

const INSTANCE: &str = "D1577C69-DFBE-44AD-BA6D-3E05E953B2EA";
const STOPS: &str =
    r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"MedicationRequest"}}]}"#;

fn body(context: &str, rest: &str) -> String {
    format!(r#"{{"hook":"medication-discontinue","hookInstance":"{INSTANCE}","context":{context}{rest}}}"#)
}

fn context(patient: &str, stops: &str) -> String {
    format!(r#"{{"userId":"Practitioner/1","patientId":{patient},"toBeDiscontinued":{stops}}}"#)
}

fn plain(rest: &str) -> String {
    body(&context("\"p1\"", STOPS), rest)
}

/// The error that a body gives.
fn refusal(body: &[u8]) -> Option<RequestError> {
    match document(body) {
        Ok(document) => HookRequest::read(&document).err(),
        Err(error) => Some(error),
    }
}

/// Field of the error that a body gives.
fn wrong(body: &str) -> String {
    refusal(body.as_bytes())
        .map(|error| error.field.into_owned())
        .unwrap_or_default()
}

#[test]
fn a_whole_request_is_read() {
    let text = plain(
        r#","fhirServer":"https://ehr.example/fhir","fhirAuthorization":{"access_token":"sesame","token_type":"Bearer",
        "expires_in":300,"scope":"user/*.read","subject":"app","patient":"p1","new":[1.5]},
        "extension":{"a":{"b":1.5}},"prefetch":{"patient":null,"conditions":{"resourceType":"Bundle"},
        "observations":{"resourceType":"OperationOutcome"},"medications":{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"X"}}]},
        "odd":7.5}"#,
    );
    let document = document(text.as_bytes()).unwrap();
    let request = HookRequest::read(&document).unwrap();
    assert_eq!(request.hook, "medication-discontinue");
    assert_eq!(request.instance.to_string(), INSTANCE.to_lowercase());
    assert_eq!(request.context.patient.id(), "p1");
    assert!(request.context.to_be_discontinued.is_some() && request.context.draft_orders.is_none());
    let authorization = request.authorization.as_ref().unwrap();
    assert_eq!(authorization.access_token.expose_secret(), "sesame");
    assert_eq!(authorization.expires_in, Duration::from_secs(300));
    let state = |key: &str| request.prefetch.get(key).map(Given::state);
    assert_eq!(state("patient"), Some(State::Null));
    assert_eq!(state("conditions"), Some(State::Empty));
    assert_eq!(state("observations"), Some(State::Failed));
    assert_eq!(state("medications"), Some(State::Data));
    assert_eq!(state("odd"), Some(State::NotFhir));
    assert_eq!(state("allergies"), None);
}

#[test]
fn a_missing_or_null_prefetch_is_normal_and_another_type_is_not() {
    for rest in ["", r#","prefetch":null"#, r#","prefetch":{}"#] {
        let text = plain(rest);
        let document = document(text.as_bytes()).unwrap();
        let request = HookRequest::read(&document).unwrap();
        assert!(request.prefetch.answers.is_empty());
    }
    for rest in [
        r#","prefetch":[]"#,
        r#","prefetch":"x""#,
        r#","prefetch":1.5"#,
        r#","prefetch":true"#,
    ] {
        assert_eq!(wrong(&plain(rest)), "prefetch", "{rest}");
    }
}

#[test]
fn the_wrong_field_is_named() {
    let cases = [
        (plain("").replace(INSTANCE, "not-a-uuid"), "hookInstance"),
        (
            plain("").replace(INSTANCE, &format!("urn:uuid:{INSTANCE}")),
            "hookInstance",
        ),
        (plain("").replace("\"hookInstance\"", "\"x\""), "hookInstance"),
        (plain("").replace("\"medication-discontinue\"", "7"), "hook"),
        (plain("").replace("\"hook\":", "\"hook\":\"a\",\"hook\":"), "hook"),
        (plain(",\"context\":{}"), "context"),
        (plain(",\"prefetch\":{},\"prefetch\":{}"), "prefetch"),
        (body("null", ""), "context"),
        (body("[]", ""), "context"),
        (body(&context("null", STOPS), ""), "context.patientId"),
        (body(&context("\"\"", STOPS), ""), "context.patientId"),
        (body(&context("12", STOPS), ""), "context.patientId"),
        (body(&context("\"a b\"", STOPS), ""), "context.patientId"),
        (
            body(&context("\"p1\",\"patientId\":\"p1\"", STOPS), ""),
            "context.patientId",
        ),
        (body(&context("\"p1\"", "null"), ""), "context.toBeDiscontinued"),
        (body(&context("\"p1\"", "[]"), ""), "context.toBeDiscontinued"),
        (
            body(&context("\"p1\"", r#"{"resourceType":"Patient"}"#), ""),
            "context.toBeDiscontinued",
        ),
        (
            body(&context("\"p1\"", &format!("{STOPS},\"draftOrders\":7")), ""),
            "context.draftOrders",
        ),
        (
            body(&context("\"p1\"", &format!("{STOPS},\"selections\":7")), ""),
            "context.selections",
        ),
        (
            body(&context("\"p1\"", &format!("{STOPS},\"encounterId\":7")), ""),
            "context.encounterId",
        ),
        (
            body(&format!(r#"{{"patientId":"p1","toBeDiscontinued":{STOPS}}}"#), ""),
            "context.userId",
        ),
        (plain(r#","fhirServer":"ftp://x""#), "fhirServer"),
        (plain(r#","fhirServer":"https://u:p@x""#), "fhirServer"),
        (plain(r#","fhirServer":7"#), "fhirServer"),
        (
            plain(
                r#","fhirAuthorization":{"access_token":"t","token_type":"Bearer","expires_in":1,"scope":"s","subject":"c"}"#,
            ),
            "fhirServer",
        ),
        (
            plain(r#","fhirServer":"https://x","fhirAuthorization":[]"#),
            "fhirAuthorization",
        ),
        (
            plain(
                r#","fhirServer":"https://x","fhirAuthorization":{"token_type":"Bearer","expires_in":1,"scope":"s","subject":"c"}"#,
            ),
            "fhirAuthorization.access_token",
        ),
        (
            plain(
                r#","fhirServer":"https://x","fhirAuthorization":{"access_token":"t","token_type":"mac","expires_in":1,"scope":"s","subject":"c"}"#,
            ),
            "fhirAuthorization.token_type",
        ),
        (
            plain(
                r#","fhirServer":"https://x","fhirAuthorization":{"access_token":"t","token_type":"Bearer","expires_in":1.5}"#,
            ),
            "fhirAuthorization.expires_in",
        ),
        (
            plain("").replace("medication-discontinue", "order-sign"),
            "context.draftOrders",
        ),
        (
            plain("").replace("medication-discontinue", "encounter-discharge"),
            "context.encounterId",
        ),
    ];
    for (body, field) in cases {
        assert_eq!(wrong(&body), field, "{body}");
    }
}

#[test]
fn what_is_not_a_json_object_is_an_error_of_the_body() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let truncated = &plain("")[..100];
    for text in [
        "", " ", "<html>", "{", "nonsense", "[]", "7", "1.5", "null", "\"x\"", truncated, &deep, "{}{}",
    ] {
        let field = wrong(text);
        assert!(field == "body" || field == "hook", "{field} for {text:.20}");
    }
    assert_eq!(refusal(&[0xff, 0xfe]).unwrap().field, "body");
    let error = refusal(b"<!doctype html>").unwrap();
    assert_eq!(error.to_string(), "body is markup, not JSON");
}

#[test]
fn nesting_is_limited_where_it_is_written_back_and_survived_elsewhere() {
    let nest = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let stops = format!(r#"{{"resourceType":"Bundle","x":{}}}"#, nest(5_000));
    assert_eq!(wrong(&body(&context("\"p1\"", &stops), "")), "context");
    let prefetch = format!(
        r#","prefetch":{{"observations":{{"resourceType":"Bundle","entry":{}}}}}"#,
        nest(5_000)
    );
    assert_eq!(wrong(&plain(&prefetch)), "");
    let inside = format!(
        r#","extension":{0},"prefetch":{{"observations":{{"resourceType":"Bundle","entry":[{{"resource":{{"resourceType":"X","y":{0}}}}}]}}}}"#,
        nest(5_000)
    );
    assert_eq!(wrong(&plain(&inside)), "");
}

#[test]
fn errors_repeat_nothing_that_was_sent() {
    for text in [
        plain("").replace(INSTANCE, "secret-value"),
        body(&context("\"secret value\"", STOPS), ""),
    ] {
        let error = refusal(text.as_bytes()).unwrap();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}

proptest! {
    #[test]
    fn mutated_requests_are_survived(at in 0_usize..700, byte: u8, cut in 0_usize..800) {
        let text = plain(r#","prefetch":{"patient":{"resourceType":"Patient","id":"p1"},"observations":{"resourceType":"Bundle",
            "entry":[{"fullUrl":"urn:uuid:a","resource":{"resourceType":"Observation","status":"final"}}]}}"#);
        let mut bytes = text.into_bytes();
        let place = at % bytes.len();
        bytes[place] = byte;
        bytes.truncate(cut.max(1));
        let _ = refusal(&bytes);
    }
}
