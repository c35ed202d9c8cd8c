//! The door of a service, and what opens it.

use super::app::{HOSPITAL, PUBLIC};
use super::keys::claims;
use super::{Answer, Stop, TestApp};
use reqwest::Method;
use serde_json::Value;

const HOOK: &str = "medication-discontinue";

/// One application, called with any `Authorization`.
pub struct Entrance {
    /// The application.
    pub app: TestApp,
    /// Path of the service.
    pub path: String,
    /// A call.
    pub body: String,
}

impl Entrance {
    /// With FHIR servers that do not exist.
    pub async fn new() -> Self {
        Self::of(TestApp::spawn().await)
    }

    /// Of an application.
    pub fn of(app: TestApp) -> Self {
        let path = app.path(HOOK);
        Self {
            path,
            body: Stop::tacrolimus().request().to_string(),
            app,
        }
    }

    /// Claims of a good token.
    pub fn claims(&self) -> Value {
        claims(HOSPITAL, &format!("{PUBLIC}{}", self.path))
    }

    /// What an `Authorization` gets.
    pub async fn knock(&self, authorization: Option<String>) -> Answer {
        let mut call = self
            .app
            .call(Method::POST, &self.path)
            .header("content-type", "application/json");
        if let Some(value) = authorization {
            call = call.header("authorization", value);
        }
        Answer::of(call.body(self.body.clone()).send().await.unwrap()).await
    }

    /// A token that is let in.
    pub async fn opens(&self, token: String, why: &str) {
        let answer = self.knock(Some(format!("Bearer {token}"))).await;
        assert_eq!(answer.status, 200, "{why}");
    }

    /// A token that is not.
    pub async fn stays_shut(&self, token: String, why: &str) {
        let answer = self.knock(Some(format!("Bearer {token}"))).await;
        assert_eq!((answer.status, answer.bytes.len()), (401, 0), "{why}");
    }
}
