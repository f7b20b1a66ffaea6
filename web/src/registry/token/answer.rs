//! Answers as docker, containers/image and containerd read them.
//!
//! The messages are never the registry's own ("authentication required", "requested access to the
//! resource is denied"): docker hides those from its user, and tries again for a minute.

use std::fmt::Write as _;
use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use commands::authn::AuthnError;
use commands::authn::outbox::Full;
use domain::auth::SignInFailure;
use http::header::{ALLOW, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use projections::access::Stale;
use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::super::signer::{Access, SignError};
use super::request::{MAX_REQUEST_BYTES, Shown};
use crate::client::cut;

/// A token, given.
pub(super) struct Granted {
    pub(super) token: String,
    pub(super) expires_in: i64,
    pub(super) refresh: Option<Zeroizing<String>>,
    /// What was granted, for answers to a POST.
    pub(super) scope: Option<String>,
}

/// `issued_at` is absent on purpose: a client whose clock is an hour fast would ask for a token
/// with every request.
#[derive(Serialize)]
struct Body<'a> {
    token: &'a str,
    access_token: &'a str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
}

impl IntoResponse for Granted {
    fn into_response(self) -> Response {
        let body = Json(Body {
            token: &self.token,
            access_token: &self.token,
            expires_in: self.expires_in,
            refresh_token: self.refresh.as_ref().map(|token| token.as_str()),
            scope: self.scope.as_deref(),
        });
        ([(CACHE_CONTROL, "no-store")], body).into_response()
    }
}

/// Granted rights as scopes, separated by blanks.
pub(super) fn scope_text(access: &[Access]) -> String {
    let mut text = String::new();
    for one in access {
        let blank = if text.is_empty() { "" } else { " " };
        let actions: Vec<_> = one.actions.iter().map(|action| action.0.as_str()).collect();
        let _ = write!(text, "{blank}{}:{}:{}", one.kind, one.name, actions.join(","));
    }
    text
}

/// No token.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    /// The code that docker knows.
    code: &'static str,
    message: String,
    /// The error of RFC 6749, where a client asked that way.
    oauth: Option<&'static str>,
    extra: Extra,
}

/// A header that belongs to a refusal.
#[derive(Debug)]
enum Extra {
    Nothing,
    Challenge,
    Allow,
    /// Seconds.
    RetryAfter(u64),
}

const CHALLENGE: &str = "Basic realm=\"Portus\", charset=\"UTF-8\"";
const WRONG: &str = "the user name, password or token is not right: sign in again (docker login), \
                     with an application token if your account has one";

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), oauth: None, extra: Extra::Nothing }
    }

    fn unauthorized(message: &str) -> Self {
        Self {
            extra: Extra::Challenge,
            ..Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
        }
    }

    fn later(status: StatusCode, code: &'static str, message: String, after: Duration) -> Self {
        let extra = Extra::RetryAfter(after.as_secs().max(1));
        Self { extra, ..Self::new(status, code, message) }
    }

    fn unavailable(message: &str) -> Self {
        let (status, after) = (StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(2));
        Self::later(status, "UNAVAILABLE", message.to_owned(), after)
    }

    pub(super) fn slow() -> Self {
        Self::unavailable("the authorization service takes too long; try again")
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self {
            oauth: Some("invalid_request"),
            ..Self::new(StatusCode::BAD_REQUEST, "UNSUPPORTED", message)
        }
    }

    pub(super) fn too_long() -> Self {
        Self::bad_request(format!("a token request has at most {MAX_REQUEST_BYTES} bytes"))
    }

    pub(super) fn grant_type() -> Self {
        let message = "grant_type must be password or refresh_token";
        Self { oauth: Some("unsupported_grant_type"), ..Self::bad_request(message) }
    }

    pub(super) fn media_type() -> Self {
        let message = "send the request as application/x-www-form-urlencoded";
        Self { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, ..Self::bad_request(message) }
    }

    pub(super) fn method() -> Self {
        let message = "a token is asked for with GET or POST";
        let refusal = Self::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", message);
        Self { extra: Extra::Allow, ..refusal }
    }

    pub(super) fn unknown_service(service: &str) -> Self {
        let shown: String = cut(service, 100).escape_debug().collect();
        Self::bad_request(format!(
            "no registry here has the service `{shown}`: compare auth.token.service in the \
             registry's configuration with the registry's settings in Portus"
        ))
    }

    pub(super) fn unreadable_credential() -> Self {
        metrics::counter!("portus_auth_failures_total", "reason" => "malformed").increment(1);
        Self::unauthorized("the Authorization header cannot be read: sign in with docker login")
    }

    pub(super) fn sign_in_first() -> Self {
        Self::unauthorized("this registry is for people with an account: sign in with docker login")
    }

    pub(super) fn authn(error: AuthnError, shown: &Shown) -> Self {
        match error {
            AuthnError::Refused(reason) => Self::refused(reason, shown),
            AuthnError::TooMany { retry_after } => Self::later(
                StatusCode::TOO_MANY_REQUESTS,
                "TOOMANYREQUESTS",
                error.to_string(),
                retry_after,
            ),
            AuthnError::Busy { retry_after } => Self::later(
                StatusCode::SERVICE_UNAVAILABLE,
                "UNAVAILABLE",
                error.to_string(),
                retry_after,
            ),
            AuthnError::Vault(error) => {
                tracing::error!(%error, "a credential cannot be checked");
                Self::unavailable("credentials cannot be checked at the moment; try again")
            }
        }
    }

    /// The same words for every reason: nobody learns which names exist.
    fn refused(_: SignInFailure, shown: &Shown) -> Self {
        let oauth = match shown {
            Shown::Refresh { .. } => Some("invalid_grant"),
            Shown::Basic { .. } | Shown::Nothing => None,
        };
        Self { oauth, ..Self::unauthorized(WRONG) }
    }

    /// As a metric's label.
    pub(super) fn outcome(&self) -> &'static str {
        match self.status {
            StatusCode::UNAUTHORIZED => "unauthorized",
            StatusCode::TOO_MANY_REQUESTS => "too_many",
            StatusCode::SERVICE_UNAVAILABLE => "unavailable",
            _ => "bad_request",
        }
    }
}

impl From<Stale> for Refusal {
    fn from(stale: Stale) -> Self {
        tracing::warn!(%stale, "no token is given on old rights");
        Self::unavailable("the authorization service is still reading its log; try again")
    }
}

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        tracing::warn!(%full, "no token is given that cannot be recorded");
        Self::unavailable("the authorization service cannot write its record; try again")
    }
}

impl From<SignError> for Refusal {
    fn from(error: SignError) -> Self {
        tracing::error!(%error, "no token is given");
        Self::unavailable("the authorization service cannot sign; tell its administrator")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let errors = json!([{ "code": self.code, "message": self.message, "detail": null }]);
        let body = match self.oauth {
            None => json!({ "errors": errors }),
            Some(error) => json!({
                "errors": errors, "error": error, "error_description": self.message
            }),
        };
        let mut response = (self.status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response();
        let (name, value) = match self.extra {
            Extra::Nothing => return response,
            Extra::Challenge => (WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE)),
            Extra::Allow => (ALLOW, HeaderValue::from_static("GET, POST")),
            Extra::RetryAfter(seconds) => (RETRY_AFTER, HeaderValue::from(seconds)),
        };
        response.headers_mut().insert(name, value);
        response
    }
}
