//! A body is what it says it is, and holds nothing that nobody asked for (SR-API-1, SR-API-4).

use axum::extract::{FromRequest, Request};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// The most bytes of a body.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

const NUL: &[u8] = br"\u0000";

/// A JSON body. `T` refuses unknown fields; fields given twice are refused by serde.
pub(super) struct StrictJson<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for StrictJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Send the body as JSON, with `Content-Type: application/json`",
            ));
        }
        let body = axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES).await;
        let body = body.map_err(|_| {
            let text = format!("A body has at most {MAX_BODY_BYTES} bytes, and arrives whole");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, text)
        })?;
        // In JSON it can only be written like this.
        if body.windows(NUL.len()).any(|part| part.eq_ignore_ascii_case(NUL)) {
            return Err(ApiError::bad_request("A body holds no NUL characters"));
        }
        serde_json::from_slice(&body).map(Self).map_err(|err| {
            let text: String = err.to_string().chars().take(256).collect();
            ApiError::bad_request(format!("The body is not as expected: {text}"))
        })
    }
}

/// A body that may be missing: then it is `T::default()`.
pub(super) struct OptionalJson<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if request.headers().get(CONTENT_TYPE).is_none() {
            return Ok(Self(T::default()));
        }
        StrictJson::from_request(request, state).await.map(|StrictJson(body)| Self(body))
    }
}
