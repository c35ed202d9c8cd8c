//! A set-up as the doctor finds it: every server that the settings name, each answering as it should until a test
//! says otherwise.

use crate::helpers::keys::Signer;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use stepdown::clinical::knowledge::Knowledge;
use stepdown::config::Config;
use stepdown::doctor::{Finding, Grade, examine};
use tempfile::TempDir;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// The key of the EHR.
pub static KEY: LazyLock<Signer> = LazyLock::new(|| Signer::ec("ehr-1"));

/// Read once: the tests change servers, not tables.
pub static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(|| stepdown::content::from(None).ok().unwrap());

/// Servers and settings.
pub struct Site {
    server: MockServer,
    answers: Arc<Mutex<HashMap<String, ResponseTemplate>>>,
    folder: TempDir,
}

impl Site {
    /// With everything in order.
    pub async fn new() -> Self {
        let server = MockServer::builder().start().await;
        let answers = Arc::new(Mutex::new(HashMap::new()));
        let inside = Arc::clone(&answers);
        let answer = move |request: &Request| {
            let known: Option<ResponseTemplate> = inside.lock().unwrap().get(request.url.path()).cloned();
            known.unwrap_or_else(|| ResponseTemplate::new(404))
        };
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "canary-secret").unwrap();
        let site = Self {
            server,
            answers,
            folder,
        };
        let origin = site.origin();
        site.says("/fhir/metadata", &statement());
        site.says("/fhir/.well-known/smart-configuration", &discovery(&origin));
        site.says("/.well-known/openid-configuration", &json!({"issuer": origin}));
        site.says("/keys", &json!({"keys": []}));
        site.says("/jwks.json", &json!({"keys": [KEY.public()]}));
        site.answers("/token", refusal(400, "invalid_grant"));
        site.says("/cds-services", &services());
        site
    }

    /// Where everything is.
    pub fn origin(&self) -> String {
        self.server.uri()
    }

    /// The folder of the settings and of the journal.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Changes what a path answers.
    pub fn answers(&self, path: &str, answer: ResponseTemplate) {
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// Changes what a path answers; returns what it answered before.
    pub fn replace(&self, path: &str, answer: ResponseTemplate) -> ResponseTemplate {
        let before = self.answers.lock().unwrap().insert(path.to_owned(), answer);
        before.unwrap_or_else(|| ResponseTemplate::new(404))
    }

    /// The same, with JSON.
    pub fn says(&self, path: &str, body: &Value) {
        self.answers(path, ResponseTemplate::new(200).set_body_json(body));
    }

    /// Requests to a path.
    pub async fn asked(&self, path: &str) -> Vec<Request> {
        let all = self.server.received_requests().await.unwrap();
        all.into_iter().filter(|of| of.url.path() == path).collect()
    }

    /// Settings with further lines of the whole, of the client and of its app.
    pub fn settings(&self, top: &str, client: &str, app: &str) -> String {
        let origin = self.origin();
        format!(
            "public-url = '{origin}'\n{top}\n[journal]\nurl = 'sqlite:journal.db'\n[[client]]\nname = 'hospital'\n\
             issuer = 'https://ehr.hospital.example'\njwks-url = '{origin}/jwks.json'\nfhir-base = '{origin}/fhir'\n{client}\n\
             [client.smart]\nclient-id = 'stepdown-1'\nsecret-file = 'secret'\n{app}\n"
        )
    }

    /// What the doctor finds with the plain settings.
    pub async fn found(&self) -> Vec<Finding> {
        self.found_with(&self.settings("", "", "")).await
    }

    /// What the doctor finds.
    pub async fn found_with(&self, settings: &str) -> Vec<Finding> {
        let config = Config::from_toml(settings, self.folder.path()).unwrap();
        examine(&config, Ok(&*KNOWLEDGE), None).await
    }
}

/// Everything that is worse than ok, as `grade check`.
pub fn worse(findings: &[Finding]) -> Vec<String> {
    let bad = findings.iter().filter(|of| of.grade != Grade::Ok);
    bad.map(|of| format!("{:?} {}", of.grade, of.check)).collect()
}

/// A token endpoint's refusal.
pub fn refusal(status: u16, error: &str) -> ResponseTemplate {
    let body = json!({"error": error, "error_description": "canary-body"});
    ResponseTemplate::new(status).set_body_json(body)
}

/// A capability statement with everything that is used.
pub fn statement() -> Value {
    let types = [
        "Patient",
        "Medication",
        "MedicationRequest",
        "Observation",
        "Condition",
        "AllergyIntolerance",
        "Procedure",
    ];
    let resource = |kind: &str| {
        json!({
            "type": kind, "interaction": [{"code": "read"}, {"code": "search-type"}],
            "searchParam": [{"name": "patient"}, {"name": "code"}, {"name": "date"}],
            "searchInclude": ["MedicationRequest:medication"],
        })
    };
    json!({
        "resourceType": "CapabilityStatement", "fhirVersion": "4.0.1",
        "rest": [{"mode": "server", "resource": types.map(resource)}],
    })
}

/// A SMART configuration with everything that is used.
pub fn discovery(origin: &str) -> Value {
    json!({
        "issuer": origin, "jwks_uri": format!("{origin}/keys"),
        "authorization_endpoint": format!("{origin}/authorize"), "token_endpoint": format!("{origin}/token"),
        "capabilities": ["launch-ehr", "context-ehr-patient", "sso-openid-connect", "permission-v2",
            "client-confidential-symmetric"],
        "scopes_supported": ["launch", "openid", "fhirUser", "patient/*.rs"],
        "code_challenge_methods_supported": ["S256"],
    })
}

/// Our list of services.
pub fn services() -> Value {
    let ids = KNOWLEDGE
        .services
        .iter()
        .map(|service| json!({"id": &*service.id}));
    json!({"services": ids.collect::<Vec<_>>()})
}
