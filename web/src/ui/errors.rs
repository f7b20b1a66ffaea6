//! Pages for what cannot be shown: what happened, an id to ask about, and a way out.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, LINK};
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::{Markup, html};

use super::layout::{Frame, page};
use crate::client::RequestId;
use crate::error::PageError;

/// A layer that draws [`PageError`] in the pages' own frame, and sends those who want JSON to the
/// REST interface.
pub(super) async fn frame(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let id = request.extensions().get::<RequestId>().cloned();
    if wants_json(request.headers()) && !path.starts_with("/assets/") {
        return not_json();
    }
    let mut response = next.run(request).await;
    // What axum itself refuses, such as a form that is none, gets a page as well.
    let bare = !response.headers().contains_key(CONTENT_TYPE)
        || response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.to_str().is_ok_and(|kind| kind.starts_with("text/plain")));
    let text = match response.extensions().get::<PageError>() {
        Some(PageError::Refused { text, .. }) => text.clone(),
        Some(PageError::SignIn { .. }) => return response,
        None if bare && response.status().is_client_error() => {
            "Something about this request is not right. Go back, and try it anew.".to_owned()
        }
        None => return response,
    };
    let frame = Frame { path, ..Frame::default() };
    let status = response.status();
    let body = page(&frame, title(status), body(status, &text, id.as_ref()));
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
    let text =
        "This address does not take this kind of request. Open it with a link or from a form.";
    PageError::new(StatusCode::METHOD_NOT_ALLOWED, text)
}

fn title(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "Not signed in",
        403 => "Not allowed",
        404 => "Not found",
        405 => "Not this way",
        413 => "Too much",
        422 => "Not possible like this",
        429 => "Too many requests",
        503 => "Not available right now",
        500..=599 => "Something went wrong here",
        _ => "This did not work",
    }
}

fn body(status: StatusCode, text: &str, id: Option<&RequestId>) -> Markup {
    html! {
        h1 { (title(status)) }
        p { (text) }
        p { a href="/" { "To the start page" } " · " a href="/search" { "Search" } " · " a href="/help" { "Help" } }
        @if let Some(RequestId(id)) = id {
            p.muted.small { "Status " (status.as_u16()) ". If you ask somebody about this, tell them the request id " code { (id) } "." }
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
