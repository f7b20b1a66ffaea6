//! The REST interface of a site.
#![allow(
    clippy::expect_used,
    reason = "a bench that cannot be set up fails the test that needs it"
)]

use std::time::Duration;

use serde_json::Value;

use crate::watched::fail;

/// Requests over HTTP as one person.
#[derive(Debug, Clone)]
pub struct Api {
    pub(super) http: reqwest::Client,
    pub(super) url: String,
    pub(super) credential: Option<(String, String)>,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was asked.
    pub asked: String,
    /// The status.
    pub status: u16,
    /// The body.
    pub text: String,
}

impl Answer {
    /// The body as JSON, `null` when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The body as JSON after a look at the status.
    ///
    /// # Panics
    ///
    /// When the status is another.
    #[track_caller]
    pub fn expect_status(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.text);
        self.json()
    }
}

impl Api {
    /// `GET`
    pub async fn get(&self, path: &str) -> Answer {
        self.send(reqwest::Method::GET, path, None).await
    }

    /// `POST` with JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(reqwest::Method::POST, path, Some(body)).await
    }

    /// `PUT` with JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(reqwest::Method::PUT, path, Some(body)).await
    }

    /// `DELETE`
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(reqwest::Method::DELETE, path, None).await
    }

    async fn send(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Answer {
        let asked = format!("{method} {path}");
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some((name, secret)) = &self.credential {
            request = request.basic_auth(name, Some(secret));
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap_or_else(|err| fail(&format!("{asked}: {err}")));
        let status = answer.status().as_u16();
        Answer { asked, status, text: answer.text().await.expect("a body in UTF-8") }
    }
}

/// A client of its own for each use: a connection pool must not outlive a test's runtime.
pub(super) fn http() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30));
    builder.redirect(reqwest::redirect::Policy::none()).build().expect("an HTTP client")
}
