//! A body is what it says it is, and holds nothing that nobody asked for (SR-API-1, SR-API-4).

mod objects;

use axum::extract::{FromRequest, Request};
use http::HeaderMap;
use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
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
        readable(request.headers())?;
        let body = axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES).await;
        let body = body.map_err(|_| too_large())?;
        // In JSON it can only be written like this.
        if body.windows(NUL.len()).any(|part| part.eq_ignore_ascii_case(NUL)) {
            return Err(ApiError::bad_request("A body holds no NUL characters"));
        }
        read(&body).map(Self).map_err(|err| {
            let text: String =
                in_words(&without_value(&err.to_string())).chars().take(256).collect();
            ApiError::bad_request(format!("The body is not as expected: {text}"))
        })
    }
}

/// Whether a body is JSON in UTF-8, as it is.
fn readable(headers: &HeaderMap) -> Result<(), ApiError> {
    let not = |text| Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut parts = media_type.unwrap_or_default().split(';').map(str::trim);
    if !parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return not("Send the body as JSON, with `Content-Type: application/json`");
    }
    let charset = parts.filter_map(|part| part.split_once('=')).find_map(|(name, value)| {
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    if charset.is_some_and(|charset| !charset.eq_ignore_ascii_case("utf-8")) {
        return not("Send the body in UTF-8: JSON has no other character set");
    }
    let encoded = headers.get_all(CONTENT_ENCODING).iter();
    if encoded.into_iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return not("Send the body as it is, without `Content-Encoding`");
    }
    Ok(())
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

/// What serde says in the words of JSON, not in those of our source.
fn in_words(text: &str) -> String {
    if text.starts_with("EOF while parsing a value at line 1 column 0") {
        return "it is empty".to_owned();
    }
    let mut words = Vec::new();
    let mut all = text.split(' ').peekable();
    while let Some(word) = all.next() {
        let bare = word.trim_end_matches(',');
        let said = match bare {
            "struct" if all.next().is_some() => "an object",
            "map" => "an object",
            "sequence" | "seq" => "a list",
            "i64" | "u64" | "i32" | "u32" | "u16" | "u8" | "usize" => "a whole number",
            "bool" => "a boolean",
            _ => bare,
        };
        words.push(format!("{said}{}", &word[bare.len()..]));
        // What follows are names of fields and of places.
        if word.starts_with('`') {
            words.extend(all.by_ref().map(str::to_owned));
        }
    }
    words.join(" ")
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
        in_words(&without_value(&read::<Body>(body.as_bytes()).unwrap_err().to_string()))
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
            "invalid type: string, expected a whole number at line 1 column 20"
        );
        assert!(says(r#"{"numbr": 1}"#).starts_with("unknown field `numbr`, expected `number`"));
        assert!(says(r#"{"number": 1"#).starts_with("EOF while parsing"));
        assert_eq!(says(""), "it is empty");
        assert_eq!(says("null"), "invalid type: null, expected an object at line 1 column 4");
        assert!(says("[]").starts_with("invalid type: a list, expected an object at line 1"));
        assert!(says(r#"{"struct map i64": 1}"#).starts_with("unknown field `struct map i64`"));
    }
}
