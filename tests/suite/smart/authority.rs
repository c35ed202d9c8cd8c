//! An EHR that launches the app: its authorization server, its FHIR server, and the browser between them.

use crate::helpers::keys::Signer;
use crate::helpers::resources::{PATIENT, searchset};
use crate::helpers::{Answer, Stop, TestApp};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use stepdown::clock::Clock;
use tokio::net::{TcpListener, TcpStream};
use url::Url;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// Path of the public address that the tests' proxy takes off.
pub const PREFIX: &str = "/stepdown";
/// Our client id.
pub const CLIENT_ID: &str = "stepdown-at-hospital";

static KEY: LazyLock<Signer> = LazyLock::new(|| Signer::ec("authority-1"));
static OTHER_KEY: LazyLock<Signer> = LazyLock::new(|| Signer::ec("authority-1"));

static RSA_KEY: LazyLock<Signer> = LazyLock::new(|| Signer::rsa_256("authority-rsa"));

/// What the servers do; a test changes what it tries.
#[derive(Clone)]
pub struct Script {
    /// Everything on record.
    pub records: Vec<Value>,
    /// Added to the discovery document; null takes a member out.
    pub discovery: Value,
    /// Added to the token answer; null takes a member out.
    pub token: Value,
    /// Added to the claims of the identity token; null takes a claim out.
    pub claims: Value,
    /// Signs identity tokens with a key that nobody publishes.
    pub forge: bool,
    /// Signs identity tokens with RS256.
    pub rs256: bool,
    /// Status of the token endpoint.
    pub token_status: u16,
    /// Bearer tokens that the FHIR server does not take any more.
    pub ended: Vec<String>,
    /// Types that the token may not read.
    pub forbidden: Vec<&'static str>,
    /// What becomes of an order that is to be created.
    pub creating: Creating,
    /// Whether a search keeps to its codes and dates.
    pub dated: bool,
    /// Whether a search for what lies before a day fails.
    pub older_fails: bool,
    /// Given with every search of their type, whoever is asked for.
    pub strangers: Vec<Value>,
    /// How long the FHIR server takes for each answer.
    pub slow: Duration,
}

/// How the FHIR server answers a create.
#[derive(Clone)]
pub struct Creating {
    /// Its status; 201 honours `If-None-Exist`.
    pub status: u16,
    /// Its body.
    pub body: Value,
    /// Whether it takes the order in, whatever it answers.
    pub keeps: bool,
}

struct State {
    script: Script,
    /// Code to challenge and nonce.
    codes: HashMap<String, (String, Option<String>)>,
    issued: usize,
}

/// The servers.
pub struct Authority {
    server: MockServer,
    state: Arc<Mutex<State>>,
}

impl Authority {
    /// With the chart of a stop.
    pub async fn with(stop: &Stop) -> Self {
        let server = MockServer::builder().start().await;
        let script = Script {
            records: stop.records(),
            discovery: json!({}),
            token: json!({}),
            claims: json!({}),
            forge: false,
            rs256: false,
            token_status: 200,
            ended: Vec::new(),
            forbidden: Vec::new(),
            creating: Creating {
                status: 201,
                body: json!({}),
                keeps: true,
            },
            dated: false,
            older_fails: false,
            strangers: Vec::new(),
            slow: Duration::ZERO,
        };
        let state = Arc::new(Mutex::new(State {
            script,
            codes: HashMap::new(),
            issued: 0,
        }));
        let (inside, origin) = (Arc::clone(&state), server.uri());
        let answer = move |request: &Request| inside.lock().unwrap().answer(request, &origin);
        Mock::given(any()).respond_with(answer).mount(&server).await;
        Self { server, state }
    }

    /// Changes what the servers do.
    pub fn script(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.state.lock().unwrap().script);
    }

    /// FHIR base.
    pub fn base(&self) -> String {
        format!("{}/fhir", self.server.uri())
    }

    /// Origin of everything.
    pub fn origin(&self) -> String {
        self.server.uri()
    }

    /// The service with the app set up for this EHR.
    pub async fn app(&self) -> TestApp {
        self.app_with("").await
    }

    /// The same with further settings of `[client.smart]`.
    pub async fn app_with(&self, settings: &str) -> TestApp {
        let client = format!("[client.smart]\nclient-id = '{CLIENT_ID}'\n{settings}\n");
        TestApp::with(&self.base(), "", &client).await
    }

    /// Requests to a path.
    pub async fn asked(&self, path: &str) -> Vec<Request> {
        let all = self.server.received_requests().await.unwrap_or_default();
        all.into_iter()
            .filter(|request| request.url.path().starts_with(path))
            .collect()
    }

    /// What a user does at the authorization endpoint: consents. The path of our callback, with a new code.
    pub fn consent(&self, to: &Url) -> String {
        let asked = query(to);
        let mut state = self.state.lock().unwrap();
        let code = format!("code-{}", state.codes.len());
        state.codes.insert(
            code.clone(),
            (asked["code_challenge"].clone(), asked.get("nonce").cloned()),
        );
        let mut back = Url::parse(&asked["redirect_uri"]).unwrap();
        back.query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("state", &asked["state"]);
        format!("{}?{}", back.path(), back.query().unwrap())
    }
}

/// A line to a server that can be cut: what connects then is hung up on at once.
pub struct Line {
    /// Where it begins.
    pub address: String,
    cut: Arc<AtomicBool>,
}

impl Line {
    /// To the server of that origin.
    pub fn to(origin: &str) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        listener.set_nonblocking(true).unwrap();
        let (listener, cut) = (
            TcpListener::from_std(listener).unwrap(),
            Arc::<AtomicBool>::default(),
        );
        let (to, is_cut) = (origin.trim_start_matches("http://").to_owned(), Arc::clone(&cut));
        tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                if is_cut.load(Ordering::Relaxed) {
                    continue;
                }
                let mut to = TcpStream::connect(&to).await.unwrap();
                tokio::spawn(async move { tokio::io::copy_bidirectional(&mut from, &mut to).await });
            }
        });
        Self { address, cut }
    }

    /// Cuts it, or mends it.
    pub fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::Relaxed);
    }
}

/// The query of an address.
pub fn query(of: &Url) -> HashMap<String, String> {
    of.query_pairs().into_owned().collect()
}

/// The fields of a form.
pub fn form(request: &Request) -> HashMap<String, String> {
    url::form_urlencoded::parse(&request.body).into_owned().collect()
}

impl State {
    fn answer(&mut self, request: &Request, origin: &str) -> ResponseTemplate {
        match request.url.path() {
            "/fhir/.well-known/smart-configuration" => ok(&merged(discovery(origin), &self.script.discovery)),
            "/keys" => ok(&json!({"keys": [{"kty": "strange"}, KEY.public(), RSA_KEY.public()]})),
            "/token" => self.token(request, origin),
            path => self.fhir(request, path).set_delay(self.script.slow),
        }
    }

    fn token(&mut self, request: &Request, origin: &str) -> ResponseTemplate {
        let sent = form(request);
        if self.script.token_status != 200 {
            let error = json!({"error": "invalid_grant", "error_description": "<script>no</script>"});
            return ResponseTemplate::new(self.script.token_status).set_body_json(error);
        }
        let nonce = match sent["grant_type"].as_str() {
            "authorization_code" => {
                let Some((challenge, nonce)) = self.codes.remove(&sent["code"]) else {
                    return ResponseTemplate::new(400);
                };
                let digest =
                    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, sent["code_verifier"].as_bytes());
                if URL_SAFE_NO_PAD.encode(digest) != challenge {
                    return ResponseTemplate::new(400);
                }
                nonce
            }
            "refresh_token" if sent["refresh_token"].starts_with("refresh-secret-") => None,
            _ => return ResponseTemplate::new(400),
        };
        self.issued += 1;
        let at = Clock::Real.now().as_second();
        let mut answer = json!({
            "access_token": format!("access-secret-{}", self.issued), "token_type": "bearer", "expires_in": 3600,
            "refresh_token": format!("refresh-secret-{}", self.issued), "patient": PATIENT,
            "scope": "launch openid fhirUser online_access patient/*.rs",
        });
        if let Some(nonce) = nonce {
            let claims = json!({
                "iss": origin, "aud": CLIENT_ID, "sub": "user-7", "iat": at, "exp": at + 300, "nonce": nonce,
                "fhirUser": "Practitioner/prescriber-7",
            });
            let key = match (self.script.forge, self.script.rs256) {
                (true, _) => &OTHER_KEY,
                (false, true) => &RSA_KEY,
                (false, false) => &KEY,
            };
            answer["id_token"] = json!(key.token(&merged(claims, &self.script.claims)));
        }
        ok(&merged(answer, &self.script.token))
    }

    /// A create, with the place that a real server gives.
    fn create(&mut self, request: &Request, kind: &str) -> ResponseTemplate {
        let mut order: Value = serde_json::from_slice(&request.body).unwrap();
        let wanted = request.headers["if-none-exist"].to_str().unwrap();
        let value = wanted.rsplit('|').next().unwrap();
        let known = self
            .script
            .records
            .iter()
            .find(|record| record["identifier"][0]["value"] == value);
        let place = |id: &str| format!("https://ehr.example/fhir/{kind}/{id}/_history/1");
        if let (Some(known), 201) = (known, self.script.creating.status) {
            return ResponseTemplate::new(200)
                .insert_header("location", place(known["id"].as_str().unwrap()));
        }
        let id = format!("new-{}", self.script.records.len());
        order["id"] = json!(id);
        if self.script.creating.keeps {
            self.script.records.push(order);
        }
        let answer =
            ResponseTemplate::new(self.script.creating.status).set_body_json(&self.script.creating.body);
        match self.script.creating.status {
            201 => answer.insert_header("location", place(&id)),
            _ => answer,
        }
    }

    fn fhir(&mut self, request: &Request, path: &str) -> ResponseTemplate {
        let token = request
            .headers
            .get("authorization")
            .map(|value| value.to_str().unwrap_or_default());
        let Some(token) = token.and_then(|value| value.strip_prefix("Bearer ")) else {
            return ResponseTemplate::new(401);
        };
        if !token.starts_with("access-secret-") || self.script.ended.iter().any(|ended| ended == token) {
            return ResponseTemplate::new(401);
        }
        let path = path.trim_start_matches("/fhir/");
        let (kind, id) = path
            .split_once('/')
            .map_or((path, None), |(kind, id)| (kind, Some(id)));
        if self.script.forbidden.contains(&kind) {
            return ResponseTemplate::new(403);
        }
        if request.method == wiremock::http::Method::POST {
            return self.create(request, kind);
        }
        let of_kind = || {
            self.script
                .records
                .iter()
                .filter(|record| record["resourceType"] == kind)
        };
        match id {
            Some(id) => match of_kind().find(|record| record["id"] == id) {
                Some(record) => ok(record),
                None => ResponseTemplate::new(404),
            },
            None => {
                let patient = query(&request.url).get("patient").cloned().unwrap_or_default();
                let reference = format!("Patient/{patient}");
                let of_patient = |record: &&Value| {
                    let subject = &record["subject"]["reference"];
                    *subject == json!(reference) || record["patient"]["reference"] == json!(reference)
                };
                let identifier = query(&request.url).get("identifier").cloned();
                let value = identifier.as_deref().and_then(|token| token.rsplit('|').next());
                let pairs = request.url.query_pairs();
                let dates: Vec<String> = pairs
                    .filter(|(name, _)| name == "date")
                    .map(|(_, value)| value.into_owned())
                    .collect();
                if self.script.older_fails && dates.iter().any(|date| date.starts_with("lt")) {
                    return ResponseTemplate::new(500);
                }
                let codes = query(&request.url).get("code").cloned();
                let in_time = |record: &&Value| {
                    let at = record["effectiveDateTime"].as_str().unwrap_or_default();
                    let code = record["code"]["coding"][0]["code"].as_str().unwrap_or_default();
                    let coded = |codes: &String| codes.split([',', '|']).any(|of| of == code);
                    !self.script.dated
                        || codes.as_ref().is_none_or(coded)
                            && dates.iter().all(|date| match date.split_at(2) {
                                ("lt", day) => at < day,
                                (_, day) => at >= day,
                            })
                };
                let strangers = self.script.strangers.iter();
                let strangers = strangers.filter(|record| record["resourceType"] == kind);
                let asked =
                    |record: &&Value| value.is_none_or(|value| record["identifier"][0]["value"] == value);
                ok(&searchset(
                    &of_kind()
                        .filter(of_patient)
                        .filter(asked)
                        .chain(strangers)
                        .filter(in_time)
                        .cloned()
                        .collect::<Vec<_>>(),
                ))
            }
        }
    }
}

fn discovery(origin: &str) -> Value {
    json!({
        "issuer": origin, "jwks_uri": format!("{origin}/keys"),
        "authorization_endpoint": format!("{origin}/authorize?flavour=own"), "token_endpoint": format!("{origin}/token"),
        "capabilities": ["launch-ehr", "launch-standalone", "client-public", "sso-openid-connect",
            "context-ehr-patient", "permission-patient", "permission-online", "permission-v2"],
        "code_challenge_methods_supported": ["S256"],
    })
}

fn merged(mut value: Value, with: &Value) -> Value {
    for (name, member) in with.as_object().unwrap() {
        value = crate::helpers::keys::with(value, name, member.clone());
    }
    value
}

fn ok(value: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(value.to_string(), "application/json")
}

/// A browser: it keeps cookies by name and path, and follows nothing by itself.
pub struct Browser<'a> {
    app: &'a TestApp,
    cookies: Mutex<HashMap<(String, String), String>>,
}

impl<'a> Browser<'a> {
    pub fn new(app: &'a TestApp) -> Self {
        Self {
            app,
            cookies: Mutex::default(),
        }
    }

    /// Opens an address of ours, as the proxy passes it on.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, None).await
    }

    /// Sends an empty form to an address of ours.
    pub async fn post(&self, path: &str, origin: Option<&str>) -> Answer {
        self.send(Method::POST, path, origin, None).await
    }

    /// Sends a form to an address of ours.
    pub async fn submit(&self, path: &str, origin: Option<&str>, fields: &[(&str, &str)]) -> Answer {
        self.send(Method::POST, path, origin, Some(fields)).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        origin: Option<&str>,
        fields: Option<&[(&str, &str)]>,
    ) -> Answer {
        let inside = path.strip_prefix(PREFIX).unwrap_or(path);
        let outside = format!("{PREFIX}{inside}");
        let bare = outside.split('?').next().unwrap();
        let fits = |at: &str| bare == at || bare.starts_with(&format!("{at}/"));
        let sent: Vec<String> = self
            .cookies
            .lock()
            .unwrap()
            .iter()
            .filter(|((_, at), _)| fits(at))
            .map(|((name, _), value)| format!("{name}={value}"))
            .collect();
        let mut call = self.app.call(method, inside);
        if !sent.is_empty() {
            call = call.header("cookie", sent.join("; "));
        }
        if let Some(origin) = origin {
            call = call.header("origin", origin);
        }
        if let Some(fields) = fields {
            let body = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(fields)
                .finish();
            call = call
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body);
        }
        let answer = Answer::of(call.send().await.unwrap()).await;
        for header in answer.headers.get_all("set-cookie") {
            self.keep(header.to_str().unwrap());
        }
        answer
    }

    fn keep(&self, header: &str) {
        let mut parts = header.split("; ");
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let rest: HashMap<&str, &str> = parts
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .collect();
        for flag in ["HttpOnly", "Secure", "Partitioned"] {
            assert!(rest.contains_key(flag), "{header}");
        }
        let key = (name.to_owned(), rest["Path"].to_owned());
        let mut cookies = self.cookies.lock().unwrap();
        match rest["Max-Age"] {
            "0" => drop(cookies.remove(&key)),
            _ => drop(cookies.insert(key, value.to_owned())),
        }
    }

    /// Every cookie that it holds.
    pub fn cookies(&self) -> Vec<String> {
        self.cookies.lock().unwrap().values().cloned().collect()
    }

    /// Begins a launch from within the EHR; where it is sent.
    pub async fn begin(&self, authority: &Authority) -> Url {
        let iss: String = url::form_urlencoded::byte_serialize(authority.base().as_bytes()).collect();
        location(
            &self
                .get(&format!("/smart/launch?iss={iss}&launch=chart-42"))
                .await,
        )
    }

    /// A whole launch; the path of the opened chart.
    pub async fn open(&self, authority: &Authority) -> String {
        let arrived = self.get(&authority.consent(&self.begin(authority).await)).await;
        path(&arrived)
    }

    /// A launch that is refused at the end.
    pub async fn refused(&self, authority: &Authority) -> Answer {
        let answer = self.get(&authority.consent(&self.begin(authority).await)).await;
        assert!(
            answer.status >= 400 && !answer.headers.contains_key("location"),
            "{}",
            answer.status
        );
        answer
    }
}

/// Where an answer sends the browser.
pub fn location(answer: &Answer) -> Url {
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.headers["location"].to_str().unwrap().parse().unwrap()
}

/// Where an answer sends the browser within our pages.
pub fn path(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text());
    let path = answer.headers["location"].to_str().unwrap().to_owned();
    assert!(path.starts_with("/stepdown/smart/s/"), "{path}");
    path
}
