//! The program itself, as an operator starts it, and killed without warning.

use super::answer::Answer;
use super::app::{HOSPITAL, NOBODY, PUBLIC, hospital_key, http, settings};
use super::keys::claims;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

/// `stepdown serve`, with its log.
pub struct Program {
    child: Child,
    base: String,
    log: Option<JoinHandle<String>>,
}

impl Program {
    /// Starts it on settings in a folder, which also holds its journal; `level` is how much it logs.
    pub fn serve(folder: &Path, level: &str) -> Self {
        Self::serve_with(folder, level, "")
    }

    /// As [`Program::serve`], with further settings of the whole.
    pub fn serve_with(folder: &Path, level: &str, top: &str) -> Self {
        let file = folder.join("settings.toml");
        std::fs::write(&file, settings(folder, NOBODY, top, "deadline-ms = 300")).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_stepdown"));
        let program = program
            .args(["serve", "--config"])
            .arg(&file)
            .env("RUST_LOG", level);
        let mut child = program
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            stderr.read_to_string(&mut log).map(|_| log).unwrap()
        });
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let base = line.trim().strip_prefix("listening on ");
        let base = base
            .unwrap_or_else(|| panic!("not the line that says where: {line:?}"))
            .to_owned();
        Self {
            child,
            base,
            log: Some(log),
        }
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

    /// Address of the service.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end; returns whether it ended well, and what it has logged.
    pub fn ended(mut self) -> (bool, String) {
        let ended = self.child.wait().unwrap();
        (ended.success(), self.log.take().unwrap().join().unwrap())
    }

    /// `kill -9`; returns what it has logged.
    pub fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.log.take().unwrap().join().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // After a failed test; a program that has ended already cannot be killed again.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
