//! What goes wrong, as callers see it: one type for each kind of caller. The text is for them, the
//! source for our log; no answer tells how we are built.

mod accept;
mod page;
mod problems;
mod refusals;
mod registry;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use commands::authn::AuthnError;
use commands::execute::CommandError;
use domain::access::Form;
use domain::log::LogError;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use projections::access::{Lagging, Stale};
use serde_json::{Value, json};

use accept::Accepted;
pub(crate) use page::SESSION_ENDED;
pub use page::{PageError, SIGN_IN};
pub use problems::Problem;
pub use refusals::Refusal;
pub use registry::{RegistryCode, RegistryError};

use crate::client::RequestId;

/// A refusal of the REST interface: `{"message":…}`, or a problem document (RFC 9457) for whoever
/// accepts that. The message is a sentence, or one list of sentences a field.
#[derive(Debug, Clone)]
pub struct ApiError {
    status: StatusCode,
    message: Message,
    retry_after: Option<u32>,
}

#[derive(Debug, Clone)]
enum Message {
    Text(String),
    Fields(BTreeMap<String, Vec<String>>),
}

impl ApiError {
    /// Any refusal with a sentence.
    #[must_use]
    pub fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, message: Message::Text(text.into()), retry_after: None }
    }

    /// 400: the request cannot be understood.
    #[must_use]
    pub fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    /// 401, the same whatever is wrong with the credential (SR-AUT-6).
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Authentication fails: show a user name with its password or an application token",
        )
    }

    /// 403: the thing may be seen, but this may not be done with it.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Authorization fails: you may not do this")
    }

    /// 404: absent, or hidden; nobody can tell which (SR-AUZ-7).
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found, or not for you")
    }

    /// 405. The router says in `Allow` which methods there are.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        let text = "This method is not allowed here; see the Allow header";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, text)
    }

    /// 406: answers are JSON. Said in JSON, for want of anything better.
    #[must_use]
    pub fn not_acceptable() -> Self {
        let text = "Answers are JSON: accept `application/json` or `*/*`";
        Self::new(StatusCode::NOT_ACCEPTABLE, text)
    }

    /// 409: in the way of another request; come back after that many seconds, if that helps.
    #[must_use]
    pub fn conflict(text: impl Into<String>, seconds: Option<u32>) -> Self {
        Self { retry_after: seconds, ..Self::new(StatusCode::CONFLICT, text) }
    }

    /// 422: understood, but one field cannot be so.
    #[must_use]
    pub fn field(field: &str, text: impl Into<String>) -> Self {
        let fields = [(field.to_owned(), vec![text.into()])].into();
        Self {
            message: Message::Fields(fields),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, String::new())
        }
    }

    /// 503: come back in a moment.
    #[must_use]
    pub fn unavailable(text: impl Into<String>) -> Self {
        let base = Self::new(StatusCode::SERVICE_UNAVAILABLE, text);
        Self { retry_after: Some(RETRY_SECONDS), ..base }
    }

    /// 429: too much at once; come back after that many seconds.
    #[must_use]
    pub fn too_many(text: impl Into<String>, seconds: u32) -> Self {
        let base = Self::new(StatusCode::TOO_MANY_REQUESTS, text);
        Self { retry_after: Some(seconds.max(1)), ..base }
    }

    /// 500. The cause goes into our log, and only its request id to the caller.
    #[must_use]
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(error = %cause, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Something is wrong here, not with you")
    }

    /// How a denial of the access graph looks from outside.
    #[must_use]
    pub fn denied(form: Form) -> Self {
        match form {
            Form::Unauthorized | Form::SignIn => Self::unauthorized(),
            Form::Forbidden | Form::Omit | Form::Partial => Self::forbidden(),
            Form::NotFound => Self::not_found(),
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    fn text(&self) -> String {
        match &self.message {
            Message::Text(text) => text.clone(),
            Message::Fields(fields) => fields
                .iter()
                .flat_map(|(field, texts)| texts.iter().map(move |text| format!("{field}: {text}")))
                .collect::<Vec<_>>()
                .join("; "),
        }
    }

    fn plain(&self, request: Option<&str>) -> Value {
        let message = match &self.message {
            Message::Text(text) => json!(text),
            Message::Fields(fields) => json!(fields),
        };
        match request {
            Some(id) => json!({ "message": message, "request_id": id }),
            None => json!({ "message": message }),
        }
    }

    /// As a problem document. `place` says where in the request a field is.
    fn problem(&self, request: Option<&str>, place: &dyn Fn(&str) -> Place) -> Value {
        let kind = Problem::of(self.status);
        let mut problem = self.plain(request);
        problem["type"] = json!(kind.address());
        problem["title"] = json!(kind.title);
        problem["status"] = json!(self.status.as_u16());
        problem["detail"] = json!(self.text());
        if let Some(id) = request {
            problem["instance"] = json!(format!("urn:portus:request:{id}"));
        }
        if let Message::Fields(fields) = &self.message {
            let faults = fields.iter().flat_map(|(field, texts)| {
                let place = place(field);
                texts.iter().map(move |text| match &place {
                    Place::Body(pointer) => json!({ "detail": text, "pointer": pointer }),
                    Place::Query => json!({ "detail": text, "parameter": field }),
                })
            });
            problem["errors"] = faults.collect();
        }
        problem
    }
}

/// How long whoever met 503 should wait, in seconds.
const RETRY_SECONDS: u32 = 1;

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.plain(None))).into_response();
        decorate(response.headers_mut(), &self);
        response.extensions_mut().insert(self);
        response
    }
}

fn decorate(headers: &mut HeaderMap, error: &ApiError) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if error.status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static(r#"Basic realm="Portus", charset="UTF-8""#);
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some(seconds) = error.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// Where in a request a field is that cannot be so.
pub(crate) enum Place {
    /// In the body, there (RFC 6901).
    Body(String),
    /// A parameter of the query.
    Query,
}

/// A layer around the REST interface: writes refusals in the form that the caller accepts, with the
/// request's id.
pub async fn negotiate(request: Request, next: Next) -> Response {
    let accepted = Accepted::of(request.headers());
    let id = request.extensions().get::<RequestId>().cloned();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = match accepted {
        // What is answered with nothing can be read by everybody.
        Accepted::Nothing if !request.uri().path().ends_with("/_ping") => {
            ApiError::not_acceptable().into_response()
        }
        _ => next.run(request).await,
    };
    let error = response.extensions_mut().remove::<ApiError>();
    let Some(error) = error.or_else(|| of_the_router(&response)) else { return response };
    let id = id.as_ref().map(|id| id.0.as_ref());
    let mut written = if accepted == Accepted::Problem {
        let route = route.as_ref().map_or("", MatchedPath::as_str);
        let place = |field: &str| crate::api::place(&method, route, field);
        let mut written = (error.status, Json(error.problem(id, &place))).into_response();
        let media_type = HeaderValue::from_static("application/problem+json");
        written.headers_mut().insert(CONTENT_TYPE, media_type);
        written
    } else {
        (error.status, Json(error.plain(id))).into_response()
    };
    for (name, value) in response.headers() {
        if ![CONTENT_TYPE, CONTENT_LENGTH].contains(name) {
            written.headers_mut().insert(name, value.clone());
        }
    }
    decorate(written.headers_mut(), &error);
    written
}

/// What the router refuses before a handler is asked: a wrong method, a path that is no text.
fn of_the_router(response: &Response) -> Option<ApiError> {
    let status = response.status();
    if status == StatusCode::METHOD_NOT_ALLOWED {
        return Some(ApiError::method_not_allowed());
    }
    let text = "The request is not readable: check its path";
    status.is_client_error().then(|| ApiError::new(status, text))
}

impl<R: Refusal> From<CommandError<R>> for ApiError {
    fn from(err: CommandError<R>) -> Self {
        match err {
            CommandError::Refused(why) => match why.field() {
                Some(field) if why.status() == StatusCode::UNPROCESSABLE_ENTITY => {
                    Self::field(field, why.to_string())
                }
                _ => Self::new(why.status(), why.to_string()),
            },
            CommandError::Outdated(_) | CommandError::Contended => {
                Self::unavailable("Too many changes at once; try again in a moment")
            }
            CommandError::Log(err @ LogError::Invalid(_)) => Self::internal(&err),
            CommandError::Log(err) => down("log", &err),
            CommandError::Vault(err) => down("vault", &err),
            CommandError::NotPermitted => Self::internal(&"a command was given a wrong permit"),
            CommandError::Decode(err) => Self::internal(&err),
        }
    }
}

impl From<Stale> for ApiError {
    fn from(err: Stale) -> Self {
        down("access graph", &err)
    }
}

impl From<Lagging> for ApiError {
    /// The fact is safe in the log and will take effect; but "done" would not be true yet.
    fn from(err: Lagging) -> Self {
        tracing::warn!(error = %err, "accepted, but not yet in effect");
        Self::unavailable("Accepted and recorded, but not yet in effect; look again in a moment")
    }
}

impl From<AuthnError> for ApiError {
    fn from(err: AuthnError) -> Self {
        let wait = |after: std::time::Duration| u32::try_from(after.as_secs()).unwrap_or(u32::MAX);
        match err {
            AuthnError::Refused(_) => Self::unauthorized(),
            AuthnError::TooMany { retry_after } => {
                Self::too_many("Too many failed sign-ins; try again later", wait(retry_after))
            }
            AuthnError::Busy { retry_after } => {
                let base = Self::unavailable("Too many sign-ins at once; try again in a moment");
                Self { retry_after: Some(wait(retry_after).max(1)), ..base }
            }
            AuthnError::Vault(err) => down("vault", &err),
        }
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(err: sqlx::Error) -> Self {
        down("read models", &err)
    }
}

fn down(part: &'static str, err: &dyn std::fmt::Display) -> ApiError {
    tracing::error!(part, error = %err, "a part does not serve");
    ApiError::unavailable("A part of this service does not answer; try again in a moment")
}
