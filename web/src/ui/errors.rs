//! Pages for what cannot be shown: what happened, an id to ask about, and a way out.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, LINK};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use maud::{Markup, html};

use super::layout::{Frame, page};
use super::reader::Reader;
use super::visitor::accept_language;
use crate::auth::Preferences;
use crate::client::RequestId;
use crate::error::PageError;
use crate::texts::Lang;

/// A layer that draws [`PageError`] in the pages' own frame, and sends those who want JSON to the
/// REST interface.
pub(super) async fn frame(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let id = request.extensions().get::<RequestId>().cloned();
    if wants_json(request.headers()) && !path.starts_with("/assets/") {
        return not_json();
    }
    let look = Preferences::of_cookie(request.headers());
    let reader = Reader::of(&look, accept_language(request.headers()), Timestamp::UNIX_EPOCH);
    let mut response = next.run(request).await;
    // What axum itself refuses, such as a form that is none, gets a page as well.
    let bare = !response.headers().contains_key(CONTENT_TYPE)
        || response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.to_str().is_ok_and(|kind| kind.starts_with("text/plain")));
    let text = match response.extensions().get::<PageError>() {
        Some(PageError::Refused { text, .. }) => text.in_words(reader.lang),
        Some(PageError::SignIn { .. }) => return response,
        None if bare && response.status().is_client_error() => reader.lang.bad_request().to_owned(),
        None => return response,
    };
    let frame = Frame { path, reader, look, ..Frame::default() };
    let (status, t) = (response.status(), frame.reader.lang);
    let body = page(&frame, title(t, status), body(t, status, &text, id.as_ref()));
    let drawn = (status, body).into_response();
    let (parts, body) = drawn.into_parts();
    *response.body_mut() = body;
    response.headers_mut().remove(CONTENT_LENGTH);
    if let Some(kind) = parts.headers.get(CONTENT_TYPE) {
        response.headers_mut().insert(CONTENT_TYPE, kind.clone());
    }
    response
}

/// Another method than the page has.
pub(super) async fn method_not_allowed() -> PageError {
    PageError::new(StatusCode::METHOD_NOT_ALLOWED, Lang::method_text)
}

fn title(t: Lang, status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => t.error_not_signed_in(),
        403 => t.error_not_allowed(),
        404 => t.error_not_found(),
        405 => t.error_method(),
        413 => t.error_too_much(),
        409 | 415 | 422 => t.error_not_possible(),
        429 => t.error_too_many(),
        503 => t.error_unavailable(),
        500..=599 => t.error_internal(),
        _ => t.error_other(),
    }
}

pub(super) fn body(t: Lang, status: StatusCode, text: &str, id: Option<&RequestId>) -> Markup {
    html! {
        h1 { (title(t, status)) }
        p { (text) }
        p { a href="/" { (t.to_start()) } " · " a href="/search" { (t.search()) } " · " a href="/help" { (t.help()) } }
        @if let Some(RequestId(id)) = id {
            p.muted.small { (t.request_id(&status.as_u16(), &id.as_ref())) }
        }
    }
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("application/json") && !accept.contains("text/html") && !accept.contains("*/*")
}

fn not_json() -> Response {
    let text = "{\"message\":\"This is a page for people; programs ask /api/v1\"}";
    let mut response = (StatusCode::NOT_ACCEPTABLE, text).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(LINK, HeaderValue::from_static("</api/v1>; rel=\"alternate\""));
    response
}
