//! A body is what it says it is, and holds nothing that nobody asked for (SR-API-1, SR-API-4).

mod objects;

use axum::extract::{FromRequest, Request};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use self::objects::Objects;
use crate::error::ApiError;

/// The most bytes of a body.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

const NUL: &[u8] = br"\u0000";

/// A JSON body. `T` refuses unknown fields; fields given twice are refused by serde.
pub(super) struct StrictJson<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for StrictJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        no_parameters(&request)?;
        let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Send the body as JSON, with `Content-Type: application/json`",
            ));
        }
        let body = axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES).await;
        let body = body.map_err(|_| too_large())?;
        // In JSON it can only be written like this.
        if body.windows(NUL.len()).any(|part| part.eq_ignore_ascii_case(NUL)) {
            return Err(ApiError::bad_request("A body holds no NUL characters"));
        }
        read(&body).map(Self).map_err(|err| {
            let text: String = without_value(&err.to_string()).chars().take(256).collect();
            ApiError::bad_request(format!("The body is not as expected: {text}"))
        })
    }
}

/// What is answered instead of reading on.
pub(super) fn too_large() -> ApiError {
    let text = format!("A body has at most {MAX_BODY_BYTES} bytes, and arrives whole");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, text)
}

/// One JSON value and nothing behind it, in which what has named fields is written with them.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    let mut from = serde_json::Deserializer::from_slice(body);
    let value = T::deserialize(Objects(&mut from))?;
    from.end()?;
    Ok(value)
}

/// What is wished is in the body: a parameter beside it would be overlooked (SR-API-4).
fn no_parameters(request: &Request) -> Result<(), ApiError> {
    match request.uri().query() {
        None | Some("") => Ok(()),
        Some(_) => Err(ApiError::bad_request("There are no parameters here: fill in the body")),
    }
}

/// What serde says, without the value that was sent: it may be a secret in the wrong place, and
/// answers get into the logs of whoever asks.
fn without_value(text: &str) -> String {
    for what in ["invalid type: ", "invalid value: ", "unknown variant "] {
        let Some(rest) = text.strip_prefix(what) else { continue };
        let (found, expected) = rest.rsplit_once(", expected ").unwrap_or((rest, "something else"));
        let kind = found.split(['"', '`']).next().unwrap_or_default().trim_end();
        return format!("{what}{kind}, expected {expected}").replace(" ,", ",");
    }
    text.to_owned()
}

/// A body that may be missing, or null: then it is `T::default()`.
pub(super) struct OptionalJson<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        no_parameters(&request)?;
        if request.headers().get(CONTENT_TYPE).is_none() {
            return Ok(Self(T::default()));
        }
        let StrictJson(body) = StrictJson::<Option<T>>::from_request(request, state).await?;
        Ok(Self(body.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)] // only refused
    struct Body {
        number: u8,
        word: Word,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        Good,
    }

    fn says(body: &str) -> String {
        without_value(&read::<Body>(body.as_bytes()).unwrap_err().to_string())
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Outer {
        inner: Option<Inner>,
        words: Vec<String>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Inner {
        number: Option<i64>,
        text: Option<String>,
    }

    #[test]
    fn what_has_named_fields_is_no_list_at_any_depth() {
        let good = br#"{"inner": {"number": -1, "text": "x"}, "words": ["a", "b"]}"#;
        let inner = Some(Inner { number: Some(-1), text: Some("x".to_owned()) });
        let words = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(read::<Outer>(good).unwrap(), Outer { inner, words });
        for bad in [
            r#"[null, []]"#,
            r#"{"inner": [1, "x"], "words": []}"#,
            r#"{"inner": [null, null], "words": []}"#,
            r#"{"inner": null, "words": []} {}"#,
        ] {
            assert!(read::<Outer>(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_body_is_said_without_what_was_in_it() {
        for body in [
            r#"{"number": "hunter2"}"#,
            r#"{"number": "a \"hunter2\", expected `x`, expected y"}"#,
            r#"{"number": 1, "word": "hunter2"}"#,
            r#"{"number": ["hunter2"]}"#,
            r#""hunter2""#,
        ] {
            let text = says(body);
            assert!(!text.contains("hunter2") && text.contains("expected"), "{text}");
        }
        assert_eq!(
            says(r#"{"number": "hunter2"}"#),
            "invalid type: string, expected u8 at line 1 column 20"
        );
        assert!(says(r#"{"numbr": 1}"#).starts_with("unknown field `numbr`, expected `number`"));
        assert!(says(r#"{"number": 1"#).starts_with("EOF while parsing"));
    }
}
