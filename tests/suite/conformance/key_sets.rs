//! Whose keys are believed, and when they are fetched.

use crate::helpers::TestApp;
use crate::helpers::app::{CLINIC, JKU, NOBODY, PUBLIC, hospital_key, stranger_key};
use crate::helpers::entrance::Entrance;
use crate::helpers::keys::{Signer, claims, with};
use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// A server that gives this key as a key set, whatever it is asked for; and the address of that set.
async fn publishing(key: &Signer) -> (MockServer, String) {
    let server = MockServer::builder().start().await;
    let keys = ResponseTemplate::new(200).set_body_json(json!({"keys": [key.public()]}));
    Mock::given(any()).respond_with(keys).mount(&server).await;
    let address = format!("{}/jwks.json", server.uri());
    (server, address)
}

async fn fetches(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

/// cds-58a, cds-58b, cds-58c
#[tokio::test]
async fn trusts_only_listed_issuers_and_key_sets() {
    let door = Entrance::new().await;
    let (evil, address) = publishing(stranger_key()).await;
    let (ours, theirs) = (hospital_key(), stranger_key());
    let good = || door.claims();
    let from = |issuer: &str| with(door.claims(), "iss", json!(issuer));
    let naming = |signer: &Signer, member, value| with(signer.header(), member, value);
    let shut = [
        (
            "an issuer that is not listed",
            ours.token(&from("https://ehr.stranger.example")),
        ),
        ("a key that is not listed", theirs.token(&good())),
        ("the key of another issuer", ours.token(&from(CLINIC))),
        (
            "a key set of the caller's",
            theirs.token_with(&naming(theirs, "jku", json!(address)), &good()),
        ),
        (
            "a key inside the token",
            theirs.token_with(&naming(theirs, "jwk", theirs.public().clone()), &good()),
        ),
        (
            "a jku that is not the client's",
            ours.token_with(&naming(ours, "jku", json!(address)), &good()),
        ),
    ];
    for (why, token) in shut {
        door.stays_shut(token, why).await;
    }
    assert_eq!(fetches(&evil).await, 0, "nothing is fetched on a token's word");
    let own = ours.token_with(&naming(ours, "jku", json!(JKU)), &good());
    door.opens(own, "the configured jku").await;
}

/// cds-58d
#[tokio::test]
async fn a_storm_of_unknown_keys_fetches_the_key_set_once() {
    let (server, address) = publishing(hospital_key()).await;
    let issuer = "https://ehr.remote.example";
    let remote = format!(
        "[[client]]\nname = 'remote'\nissuer = '{issuer}'\njwks-url = '{address}'\nfhir-base = '{NOBODY}'"
    );
    let door = Entrance::of(TestApp::with(NOBODY, "", &remote).await);
    let claims = || claims(issuer, &format!("{PUBLIC}{}", door.path));
    door.opens(hospital_key().token(&claims()), "a key of the set")
        .await;
    for n in 0..25 {
        let header = with(stranger_key().header(), "kid", json!(format!("key-{n}")));
        door.stays_shut(stranger_key().token_with(&header, &claims()), "an unknown key")
            .await;
    }
    door.opens(hospital_key().token(&claims()), "still a key of the set")
        .await;
    assert_eq!(fetches(&server).await, 1);
}
