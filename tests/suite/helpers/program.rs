//! The program itself, as an operator starts it, and killed without warning.

use super::answer::Answer;
use super::app::{HOSPITAL, NOBODY, PUBLIC, hospital_key, http, settings, settings_keeping};
use super::keys::claims;
use super::{SOON, until};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// `stepdown serve`, with its log.
pub struct Program {
    child: Child,
    base: String,
    log: Arc<Mutex<String>>,
    output: Vec<JoinHandle<()>>,
}

impl Program {
    /// Starts it on settings in a folder, which also holds its journal; `level` is how much it logs.
    pub fn serve(folder: &Path, level: &str) -> Self {
        Self::reading(folder, level, NOBODY, "")
    }

    /// The same with a FHIR server, and further settings of the whole.
    pub fn reading(folder: &Path, level: &str, fhir_base: &str, top: &str) -> Self {
        let settings = settings(folder, fhir_base, top, "deadline-ms = 300");
        Self::start(folder, level, &settings)
    }

    /// With a FHIR server, further settings of the whole and of the hospital; logs as much as there is.
    pub fn tracing(folder: &Path, fhir_base: &str, top: &str, client: &str) -> Self {
        let client = format!("deadline-ms = 5000\n{client}");
        Self::start(folder, "trace", &settings(folder, fhir_base, top, &client))
    }

    /// The same, with further settings of the hospital.
    pub fn limited(folder: &Path, level: &str, fhir_base: &str, top: &str, client: &str) -> Self {
        let settings = settings(folder, fhir_base, top, client);
        Self::start(folder, level, &settings)
    }

    /// As [`Program::serve`], with the lines of `[journal]`.
    pub fn keeping(folder: &Path, journal: &str, level: &str) -> Self {
        let settings = settings_keeping(folder, journal, NOBODY, "", "deadline-ms = 300");
        Self::start(folder, level, &settings)
    }

    fn start(folder: &Path, level: &str, settings: &str) -> Self {
        let program = Command::new(env!("CARGO_BIN_EXE_stepdown"));
        Self::run(program, folder, level, settings)
    }

    /// Starts it by a command of one's own, which is given the arguments.
    pub fn run(mut program: Command, folder: &Path, level: &str, settings: &str) -> Self {
        let file = folder.join("settings.toml");
        std::fs::write(&file, settings).unwrap();
        let program = program
            .args(["serve", "--config"])
            .arg(&file)
            .env("RUST_LOG", level);
        let mut child = program
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::default();
        let errors = rest_of(child.stderr.take().unwrap(), &log);
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let base = line.trim().strip_prefix("listening on ");
        let base = base
            .unwrap_or_else(|| panic!("not the line that says where: {line:?}"))
            .to_owned();
        Self {
            child,
            base,
            output: vec![errors, rest_of(stdout, &log)],
            log,
        }
    }

    /// Address of the service.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Claims of a good token for a path.
    pub fn claims(path: &str) -> Value {
        claims(HOSPITAL, &format!("{PUBLIC}{path}"))
    }

    /// Posts JSON with a fresh token of the hospital.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, &hospital_key().token(&Self::claims(path)), body)
            .await
    }

    /// Posts JSON with any token.
    pub async fn post_with(&self, path: &str, token: &str, body: &Value) -> Answer {
        let call = http()
            .post(format!("{}{path}", self.base))
            .bearer_auth(token)
            .header("content-type", "application/json");
        Answer::of(call.body(body.to_string()).send().await.unwrap()).await
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits until it has logged an event.
    pub async fn logged(&self, event: &str) {
        let line = format!("\"event\":\"{event}\"");
        let logged = async || self.log.lock().unwrap().contains(&line).then_some(());
        until(SOON, event, logged).await;
    }

    /// Waits for its end; returns whether it ended well, and what it has logged.
    pub fn ended(mut self) -> (bool, String) {
        let ended = self.child.wait().unwrap();
        (ended.success(), self.said())
    }

    /// A request to be finished by the test.
    pub fn call(&self, method: Method, path: &str) -> RequestBuilder {
        http().request(method, format!("{}{path}", self.base))
    }

    /// `kill -9`; returns what it has logged and printed.
    pub fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.said()
    }

    /// What it has logged and printed, to its end.
    fn said(&mut self) -> String {
        for part in self.output.drain(..) {
            part.join().unwrap();
        }
        std::mem::take(&mut self.log.lock().unwrap())
    }
}

/// Reads to the end, line by line, beside the test.
fn rest_of(from: impl Read + Send + 'static, log: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let log = Arc::clone(log);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let line = line.unwrap();
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    })
}

impl Drop for Program {
    fn drop(&mut self) {
        // After a failed test; a program that has ended already cannot be killed again.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
