//! The real application on a port of its own, and the callers that knock at it.
//!
//! Each application runs in a thread with its own runtime and ends with its test.

use super::answer::Answer;
use super::keys::{self, Signer};
use super::now;
use actix_web::dev::ServerHandle;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock, mpsc};
use stepdown::clock::Clock;
use stepdown::config::Config;
use stepdown::journal::Journal;
use stepdown::startup::{self, Demonstration, Running, StartError};
use tempfile::TempDir;

/// Address under which the tests' clients know the service; a token has to name it.
pub const PUBLIC: &str = "https://cds.hospital.example/stepdown";
/// Issuer of [`TestApp::trusted_ehr`].
pub const HOSPITAL: &str = "https://ehr.hospital.example";
/// Issuer of [`TestApp::other_client`].
pub const CLINIC: &str = "https://ehr.clinic.example";
/// The only `jku` that the hospital's tokens may carry.
pub const JKU: &str = "https://ehr.hospital.example/jwks.json";
/// A FHIR base where nobody listens.
pub const NOBODY: &str = "http://127.0.0.1:9/fhir";

static HOSPITAL_KEY: LazyLock<Signer> = LazyLock::new(|| Signer::ec("hospital-1"));
static CLINIC_KEY: LazyLock<Signer> = LazyLock::new(|| Signer::ec("clinic-1"));
static STRANGER_KEY: LazyLock<Signer> = LazyLock::new(|| Signer::ec("hospital-1"));
static RSA_KEY: LazyLock<Signer> = LazyLock::new(|| Signer::rsa("hospital-rsa"));

/// The hospital's key.
pub fn hospital_key() -> &'static Signer {
    &HOSPITAL_KEY
}

/// The hospital's other key.
pub fn rsa_key() -> &'static Signer {
    &RSA_KEY
}

/// A key that nobody configured, with the id of one that somebody did.
pub fn stranger_key() -> &'static Signer {
    &STRANGER_KEY
}

/// A server that ends when this is dropped.
struct Served {
    handle: ServerHandle,
    base: String,
    journal: Arc<Journal>,
    admin: Option<SocketAddr>,
}

impl Served {
    fn start<F>(start: F) -> Self
    where
        F: AsyncFnOnce() -> Result<Running, StartError> + Send + 'static,
    {
        let (ready, started) = mpsc::channel();
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let running = start().await.expect("the application starts");
                let base = format!("{}://{}", startup::scheme(running.secure), running.address);
                let journal = Arc::clone(&running.journal);
                ready
                    .send(Served {
                        handle: running.server.handle(),
                        base,
                        journal,
                        admin: running.admin,
                    })
                    .unwrap();
                running.server.await.unwrap();
                let _ = running.journal.close().await;
            });
        });
        started.recv().expect("the application starts")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // The command is sent by the call itself; what it returns only waits.
        drop(self.handle.stop(false));
    }
}

/// Service ids by hook, as discovery lists them.
type Services = HashMap<String, String>;

async fn services(http: &Client, base: &str) -> Services {
    let list = Answer::of(http.get(format!("{base}/cds-services")).send().await.unwrap())
        .await
        .json;
    let entries = list["services"].as_array().expect("a list of services");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    entries
        .iter()
        .map(|entry| (text(&entry["hook"]), text(&entry["id"])))
        .collect()
}

/// A client that follows nothing and uses no proxy.
pub fn http() -> Client {
    let none = reqwest::redirect::Policy::none();
    Client::builder().redirect(none).no_proxy().build().unwrap()
}

/// The production service with two clients, a journal on disk, and nobody else to trust.
pub struct TestApp {
    served: Served,
    http: Client,
    services: Services,
    folder: TempDir,
}

impl TestApp {
    /// With FHIR servers that do not exist.
    pub async fn spawn() -> Self {
        Self::with(NOBODY, "", "").await
    }

    /// With a FHIR server for the hospital.
    pub async fn reading(fhir_base: &str) -> Self {
        Self::with(fhir_base, "", "").await
    }

    /// With further settings, of the whole and of the hospital.
    pub async fn with(fhir_base: &str, top: &str, client: &str) -> Self {
        Self::prepared(|_| (), fhir_base, top, client).await
    }

    /// As [`TestApp::with`], after something was put into its folder.
    pub async fn prepared(prepare: impl FnOnce(&Path), fhir_base: &str, top: &str, client: &str) -> Self {
        Self::called_by(http(), prepare, fhir_base, top, client).await
    }

    /// With TLS of its own, called by an HTTP client that knows how.
    pub async fn secured(tls: &str, by: Client) -> Self {
        Self::called_by(by, |_| (), NOBODY, tls, "").await
    }

    /// With settings that a test has written for a folder, which holds their files.
    pub async fn on(folder: TempDir, settings: &str) -> Self {
        Self::from(http(), folder, settings).await
    }

    /// With its journal at another place; the lines of `[journal]`.
    pub async fn keeping(journal: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings_keeping(folder.path(), journal, NOBODY, "", "deadline-ms = 300");
        Self::from(http(), folder, &settings).await
    }

    async fn called_by(
        http: Client,
        prepare: impl FnOnce(&Path),
        fhir_base: &str,
        top: &str,
        client: &str,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let settings = settings(folder.path(), fhir_base, top, client);
        Self::from(http, folder, &settings).await
    }

    async fn from(http: Client, folder: TempDir, settings: &str) -> Self {
        let file = folder.path().join("settings.toml");
        std::fs::write(&file, settings).unwrap();
        let config = Config::load(&file).unwrap();
        let served = Served::start(async move || startup::serve(config).await);
        let services = services(&http, &served.base).await;
        Self {
            served,
            http,
            services,
            folder,
        }
    }

    /// Address of the service.
    pub fn base(&self) -> &str {
        &self.served.base
    }

    /// The operators' address.
    pub fn admin_address(&self) -> SocketAddr {
        self.served.admin.expect("an admin address")
    }

    /// Asks on the operators' address, which `[admin]` in its settings opens.
    pub async fn admin(&self, method: Method, path: &str) -> Answer {
        let address = self.admin_address();
        let call = self.http.request(method, format!("http://{address}{path}"));
        Answer::of(call.send().await.unwrap()).await
    }

    /// What operators read.
    pub async fn metrics(&self) -> String {
        self.admin(Method::GET, "/metrics").await.text()
    }

    /// Its journal.
    pub fn journal(&self) -> &Journal {
        &self.served.journal
    }

    /// The folder of its journal.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Path of the service for a hook.
    pub fn path(&self, hook: &str) -> String {
        format!("/cds-services/{}", self.services[hook])
    }

    /// A request to be finished by the test.
    pub fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.served.base))
    }

    /// The EHR that the service knows.
    pub fn trusted_ehr(&self) -> Caller<'_> {
        Caller::new(self, HOSPITAL, hospital_key())
    }

    /// Another EHR that the service knows.
    pub fn other_client(&self) -> Caller<'_> {
        Caller::new(self, CLINIC, &CLINIC_KEY)
    }

    /// An EHR that nobody configured.
    pub fn stranger(&self) -> Caller<'_> {
        Caller::new(self, "https://ehr.stranger.example", stranger_key())
    }

    /// The known EHR with a token of yesterday.
    pub fn expired_token(&self) -> Caller<'_> {
        Caller {
            late_by: 86_400,
            ..self.trusted_ehr()
        }
    }
}

/// Settings with the keys and the journal beside them.
pub fn settings(folder: &Path, fhir_base: &str, top: &str, client: &str) -> String {
    settings_keeping(folder, "url = 'sqlite:journal.db'", fhir_base, top, client)
}

/// Settings with the keys beside them, and the lines of `[journal]`.
pub fn settings_keeping(folder: &Path, journal: &str, fhir_base: &str, top: &str, client: &str) -> String {
    let keys = [
        (
            "hospital.json",
            json!({"keys": [hospital_key().public(), rsa_key().public()]}),
        ),
        ("clinic.json", json!({"keys": [CLINIC_KEY.public()]})),
    ];
    for (name, keys) in keys {
        std::fs::write(folder.join(name), keys.to_string()).unwrap();
    }
    format!(
        "listen = '127.0.0.1:0'\npublic-url = '{PUBLIC}'\nworkers = 1\n{top}\n[journal]\n{journal}\n\
         [[client]]\nname = 'hospital'\nissuer = '{HOSPITAL}'\njwks-file = 'hospital.json'\nfhir-base = '{fhir_base}'\n\
         jku = '{JKU}'\n{client}\n\
         [[client]]\nname = 'clinic'\nissuer = '{CLINIC}'\njwks-file = 'clinic.json'\nfhir-base = '{NOBODY}'\n"
    )
}

/// Somebody who calls the service with a token of a kind.
pub struct Caller<'a> {
    app: &'a TestApp,
    issuer: &'static str,
    signer: &'static Signer,
    late_by: i64,
}

impl<'a> Caller<'a> {
    fn new(app: &'a TestApp, issuer: &'static str, signer: &'static Signer) -> Self {
        Self {
            app,
            issuer,
            signer,
            late_by: 0,
        }
    }

    /// Claims of a token for a path.
    pub fn claims(&self, path: &str) -> Value {
        let mut claims = keys::claims(self.issuer, &format!("{PUBLIC}{path}"));
        for instant in ["iat", "exp"] {
            claims[instant] = json!(claims[instant].as_i64().unwrap() - self.late_by);
        }
        claims
    }

    /// A token for a path.
    pub fn token(&self, path: &str) -> String {
        self.signer.token(&self.claims(path))
    }

    /// Posts a body with a token, as JSON.
    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let call = self.app.call(Method::POST, path).bearer_auth(self.token(path));
        let call = call.header("content-type", "application/json").body(body);
        Answer::of(call.send().await.unwrap()).await
    }

    /// Posts a hook call to the service of its hook.
    pub async fn hook(&self, request: &Value) -> Answer {
        let hook = request["hook"].as_str().expect("a hook");
        self.post(&self.app.path(hook), request.to_string()).await
    }

    /// Posts feedback to the service of a hook.
    pub async fn feedback(&self, hook: &str, body: &Value) -> Answer {
        self.post(&format!("{}/feedback", self.app.path(hook)), body.to_string())
            .await
    }
}

/// The day of which the hook's definition speaks.
const EXAMPLES: &str = "2026-11-22T08:00:00Z";

static DEMO: LazyLock<Served> = LazyLock::new(|| demonstration(Clock::Fixed(now())));
static DEFINITION: LazyLock<Served> =
    LazyLock::new(|| demonstration(Clock::Fixed(EXAMPLES.parse().unwrap())));

fn demonstration(clock: Clock) -> Served {
    let how = Demonstration {
        port: 0,
        clock,
        journal: None,
        workers: Some(1),
    };
    Served::start(async move || startup::demonstrate(how).await)
}

/// The demonstration, which takes calls without a token; one for the whole suite, but for tests that look at what
/// it keeps between calls.
pub struct Demo {
    _own: Option<Served>,
    base: String,
    http: Client,
    services: Services,
}

impl Demo {
    /// At the suite's own day.
    pub async fn spawn() -> Self {
        Self::of(None, DEMO.base.clone()).await
    }

    /// One of its own, by the machine's clock: what it lists, newest first, is what was done last.
    pub async fn alone() -> Self {
        let own = demonstration(Clock::Real);
        let base = own.base.clone();
        Self::of(Some(own), base).await
    }

    /// On the day of which the hook's definition speaks.
    pub async fn of_the_definition() -> Self {
        Self::of(None, DEFINITION.base.clone()).await
    }

    async fn of(own: Option<Served>, base: String) -> Self {
        let http = http();
        let services = services(&http, &base).await;
        Self {
            _own: own,
            base,
            http,
            services,
        }
    }

    /// Where it listens.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Posts a hook call.
    pub async fn hook(&self, request: &Value) -> Answer {
        let hook = request["hook"].as_str().and_then(|hook| self.services.get(hook));
        let id = hook.unwrap_or(&self.services["medication-discontinue"]);
        self.post(id, request.to_string()).await
    }

    /// Posts any body to a service.
    pub async fn post(&self, id: &str, body: impl Into<reqwest::Body>) -> Answer {
        let call = self
            .http
            .post(format!("{}/cds-services/{id}", self.base))
            .body(body);
        Answer::of(
            call.header("content-type", "application/json")
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    /// Posts any body as a stop.
    pub async fn stop(&self, body: impl Into<reqwest::Body>) -> Answer {
        self.post(&self.services["medication-discontinue"], body).await
    }
}
