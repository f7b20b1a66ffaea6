//! `Idempotency-Key`: a change that does its work once, however often it is sent.
//!
//! The first answer is kept for [`commands::vault::answers::KEPT_HOURS`] and given to whoever sends the same request with the
//! same key again. A try that ended without an answer, even by the end of the process, is taken up
//! by the next one: what it wrote is found by the ids of its events.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use commands::vault::VaultError;
use commands::vault::answers::Claim;
use domain::access::Subject;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};
use tracing::Instrument as _;

use super::act::POSITION;
use super::strict_json::{MAX_BODY_BYTES, too_large};
use super::{ApiState, Meter};
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// What a client sends with a change, to be able to send it again
/// (draft-ietf-httpapi-idempotency-key-header-07).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that this is the answer to an earlier try.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 255;

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    media_type: Option<String>,
    position: Option<String>,
    /// Base64.
    body: String,
}

/// A layer around the REST interface: answers a request that was answered before as then.
pub(super) async fn once(State(api): State<ApiState>, request: Request, next: Next) -> Response {
    if *request.method() != Method::POST || !request.headers().contains_key(&IDEMPOTENCY_KEY) {
        return next.run(request).await;
    }
    run(api, request, next).await.unwrap_or_else(ApiError::into_response)
}

async fn run(api: ApiState, request: Request, next: Next) -> Result<Response, ApiError> {
    let key = key(request.headers())?;
    let (mut parts, body) = request.into_parts();
    let caller = ApiCaller::from_request_parts(&mut parts, &api).await?;
    // Charged here, and not again by the handler.
    parts.extensions.remove::<Meter>();
    let body = axum::body::to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| too_large())?;
    let Some(who) = name(&caller.viewer.subject) else {
        return Ok(next.run(Request::from_parts(parts, Body::from(body))).await);
    };
    let auth = &api.auth;
    let at = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let (asked, now) = ([at.as_bytes(), &body], auth.desk.clock.now());
    let claim = auth.desk.vault.claim(&who, &key, &asked, now).await;
    let (tag, once) = match claim.map_err(unavailable)? {
        Claim::Ours(tag, once) => (tag, once),
        Claim::Answered(kept) => return again(&kept),
        Claim::Busy(seconds) => {
            let text = "A request with this Idempotency-Key is still being answered; ask again in \
                        a moment";
            return Err(ApiError::conflict(text, u32::try_from(seconds).ok()));
        }
        Claim::Other => {
            let text = "This Idempotency-Key was used for another request; take a new one";
            return Err(ApiError::conflict(text, None));
        }
    };
    parts.extensions.insert(once);
    let request = Request::from_parts(parts, Body::from(body));
    // Whoever hangs up shall find the answer when they come back.
    let vault = auth.desk.vault.clone();
    let work = async move {
        let response = next.run(request).await;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, MAX_ANSWER_BYTES).await;
        let body = body.map_err(|err| ApiError::internal(&err))?;
        let written = if parts.status.is_success() {
            let kept = Kept::of(parts.status, &parts.headers, &body);
            let kept = serde_json::to_vec(&kept).map_err(|err| ApiError::internal(&err))?;
            vault.answered(tag, &kept).await
        } else {
            vault.unanswered(tag).await
        };
        if let Err(err) = written {
            // What was done is done: the next try finds it, once this one's lease is over.
            tracing::warn!(error = %err, "an answer is not kept for whoever asks again");
        }
        Ok(Response::from_parts(parts, Body::from(body)))
    };
    let done = tokio::spawn(work.in_current_span()).await;
    done.unwrap_or_else(|err| Err(ApiError::internal(&err)))
}

/// More than any change answers.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

impl Kept {
    fn of(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Self {
        let text = |name| headers.get(name)?.to_str().ok().map(str::to_owned);
        Self {
            status: status.as_u16(),
            media_type: text(CONTENT_TYPE),
            position: text(POSITION),
            body: BASE64_STANDARD.encode(body),
        }
    }
}

fn again(kept: &[u8]) -> Result<Response, ApiError> {
    let kept: Kept = serde_json::from_slice(kept).map_err(|err| ApiError::internal(&err))?;
    let body = BASE64_STANDARD.decode(kept.body).map_err(|err| ApiError::internal(&err))?;
    let status = StatusCode::from_u16(kept.status).map_err(|err| ApiError::internal(&err))?;
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.remove(CONTENT_TYPE);
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    for (name, value) in [(CONTENT_TYPE, kept.media_type), (POSITION, kept.position)] {
        if let Some(value) = value {
            let value = HeaderValue::from_str(&value).map_err(|err| ApiError::internal(&err))?;
            headers.insert(name, value);
        }
    }
    Ok(response)
}

/// The key, with or without the quotation marks of a structured field.
fn key(headers: &HeaderMap) -> Result<Vec<u8>, ApiError> {
    let wrong = || {
        ApiError::bad_request(format!(
            "An Idempotency-Key is sent once, and has 1 to {MAX_KEY_BYTES} visible ASCII characters"
        ))
    };
    let mut all = headers.get_all(&IDEMPOTENCY_KEY).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return Err(wrong()) };
    let text = value.to_str().map_err(|_| wrong())?;
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let plain = (1..=MAX_KEY_BYTES).contains(&inner.len())
        && inner.bytes().all(|byte| byte.is_ascii_graphic());
    if plain { Ok(inner.as_bytes().to_vec()) } else { Err(wrong()) }
}

/// Whose key it is: what one token was answered is not for another, which may do less.
fn name(subject: &Subject) -> Option<Vec<u8>> {
    match subject {
        Subject::Account { name } => Some(format!("account {name}").into_bytes()),
        Subject::Token { id, .. } => Some(format!("token {}", id.0).into_bytes()),
        Subject::Anonymous | Subject::Registry { .. } | Subject::Invalid => None,
    }
}

fn unavailable(err: VaultError) -> ApiError {
    tracing::error!(error = %err, "no request that does its work once can be begun");
    ApiError::unavailable("The service cannot keep its answers at the moment; try again")
}
