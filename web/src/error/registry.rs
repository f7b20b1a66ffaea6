//! Errors as docker clients read them.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

/// The code of an error in the distribution specification's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryCode {
    /// 401.
    Unauthorized,
    /// 403.
    Denied,
    /// 400.
    Unsupported,
    /// 429.
    TooManyRequests,
    /// 503.
    Unavailable,
    /// 500.
    Unknown,
}

impl RegistryCode {
    /// As clients know it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Denied => "DENIED",
            Self::Unsupported => "UNSUPPORTED",
            Self::TooManyRequests => "TOOMANYREQUESTS",
            Self::Unavailable => "UNAVAILABLE",
            Self::Unknown => "UNKNOWN",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Denied => StatusCode::FORBIDDEN,
            Self::Unsupported => StatusCode::BAD_REQUEST,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// A refusal that docker shows to its user: `{"errors":[{"code","message"}]}`.
#[derive(Debug, Clone)]
pub struct RegistryError {
    /// Which.
    pub code: RegistryCode,
    /// A sentence that says what to do. Shown to the person at the terminal.
    pub message: String,
    /// Come back after that many seconds.
    pub retry_after: Option<u32>,
    /// What to answer a 401 with.
    pub challenge: Option<String>,
}

impl RegistryError {
    /// With a sentence and nothing else.
    #[must_use]
    pub fn new(code: RegistryCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None, challenge: None }
    }
}

impl IntoResponse for RegistryError {
    fn into_response(self) -> Response {
        let error = json!({ "code": self.code.as_str(), "message": self.message, "detail": null });
        let body = Json(json!({ "errors": [error] }));
        let mut response = (self.code.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = self.challenge.and_then(|c| HeaderValue::from_str(&c).ok()) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
