//! Pages for what cannot be shown: what happened, an id to ask about, and a way out.

use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, LINK};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use maud::{Markup, html};

use super::headers::harden;
use super::layout::{Frame, page};
use super::reader::Reader;
use super::unsent;
use super::visitor::{Visitor, accept_language};
use crate::auth::{External, Found, MaybeSignedIn, Preferences};
use crate::client::RequestId;
use crate::error::{PageError, Problem};
use crate::texts::Lang;

/// The media type of problem documents.
const PROBLEM: &str = "application/problem+json";

/// A layer that draws [`PageError`] in the pages' own frame, and sends those who want JSON to the
/// REST interface.
pub(super) async fn frame(mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let id = request.extensions().get::<RequestId>().cloned();
    if wants_json(request.headers()) && !path.starts_with("/assets/") {
        return not_json();
    }
    let look = Preferences::of_cookie(request.headers());
    let reader = Reader::of(&look, accept_language(request.headers()), Timestamp::UNIX_EPOCH);
    let language = request.headers().get_all(ACCEPT_LANGUAGE).iter().cloned();
    let headers: HeaderMap = language.map(|value| (ACCEPT_LANGUAGE, value)).collect();
    let found = Found::default();
    request.extensions_mut().insert(found.clone());
    let mut response = next.run(request).await;
    // What axum itself refuses, such as a form that is none, gets a page as well.
    let bare = !response.headers().contains_key(CONTENT_TYPE)
        || response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.to_str().is_ok_and(|kind| kind.starts_with("text/plain")));
    let mut frame = Frame { path: path.clone(), reader, look, ..Frame::default() };
    if let Some(MaybeSignedIn { viewer, session }) = found.get() {
        frame = Visitor::at(&path, &headers, viewer.clone(), session.clone()).frame;
    }
    let text = match response.extensions().get::<PageError>() {
        Some(PageError::Refused { text, .. }) => text.in_words(frame.reader.lang),
        Some(PageError::SignIn { .. }) => return response,
        Some(PageError::Unsent { .. }) => String::new(),
        None if bare && response.status().is_client_error() => {
            frame.reader.lang.bad_request().to_owned()
        }
        None => return response,
    };
    let (status, t) = (response.status(), frame.reader.lang);
    let body = match response.extensions().get::<PageError>() {
        Some(PageError::Unsent { unsent, .. }) => {
            page(&frame, t.unsent_title(), unsent::body(t, unsent, frame.csrf.as_deref()))
        }
        _ => page(&frame, title(t, status), body(t, status, &text, id.as_ref())),
    };
    let drawn = (status, body).into_response();
    let (parts, body) = drawn.into_parts();
    *response.body_mut() = body;
    response.headers_mut().remove(CONTENT_LENGTH);
    if let Some(kind) = parts.headers.get(CONTENT_TYPE) {
        response.headers_mut().insert(CONTENT_TYPE, kind.clone());
    }
    response
}

/// A layer around everything: an answer that has no words, because time was up or a handler broke,
/// gets them in the form that was asked for.
pub async fn last_resort(
    State(external): State<External>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let id = request.extensions().get::<RequestId>().cloned();
    let look = Preferences::of_cookie(request.headers());
    let reader = Reader::of(&look, accept_language(request.headers()), Timestamp::UNIX_EPOCH);
    let accept = request.headers().get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let accept = accept.collect::<Vec<_>>().join(",");
    let response = next.run(request).await;
    let mute = response.status().is_server_error()
        && response.body().size_hint().exact() == Some(0)
        && !response.headers().contains_key(CONTENT_TYPE);
    if !mute {
        return response;
    }
    let (status, t) = (response.status(), reader.lang);
    let say =
        if status == StatusCode::SERVICE_UNAVAILABLE { Lang::part_down } else { Lang::wrong_here };
    let for_people = accept.contains("text/html") && !path.starts_with("/api/");
    let mut drawn = if for_people {
        let body = body(t, status, say(t), id.as_ref());
        let frame = Frame { path, reader, look, ..Frame::default() };
        (status, page(&frame, title(t, status), body)).into_response()
    } else {
        let kind = if accept.contains(PROBLEM) { PROBLEM } else { "application/json" };
        let text = wordless(status, say(Lang::En), id.as_ref());
        (status, [(CONTENT_TYPE, kind)], text).into_response()
    };
    harden(drawn.headers_mut(), &external);
    drawn
}

/// What scripts are told where nothing else is known: a problem document (RFC 9457), which has
/// everything that a plain answer has.
fn wordless(status: StatusCode, text: &str, id: Option<&RequestId>) -> String {
    let kind = Problem::of(status);
    let mut said = serde_json::json!({
        "type": kind.address(),
        "title": kind.title,
        "status": status.as_u16(),
        "detail": text,
        "message": text,
    });
    if let Some(RequestId(id)) = id {
        said["request_id"] = serde_json::json!(id);
        said["instance"] = serde_json::json!(format!("urn:portus:request:{id}"));
    }
    said.to_string()
}

/// Another method than the page has.
pub(super) async fn method_not_allowed() -> PageError {
    PageError::new(StatusCode::METHOD_NOT_ALLOWED, Lang::method_text)
}

/// An address that no page has. Who asks is looked up for the frame's sake alone.
pub(super) async fn no_page(_: Result<Visitor, PageError>) -> PageError {
    PageError::not_found()
}

/// Another method than any page at this address has.
pub(super) async fn no_method(_: Result<Visitor, PageError>) -> PageError {
    method_not_allowed().await
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

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::middleware::{from_fn, from_fn_with_state};
    use axum::routing::get;
    use http::header::ACCEPT_LANGUAGE;
    use tower::ServiceExt as _;

    use super::*;
    use crate::client::{TrustedProxies, identify};
    use crate::telemetry::catch_panic;

    async fn ask(path: &str, accept: &str, lang: &str) -> (StatusCode, HeaderMap, String) {
        async fn broken() -> StatusCode {
            panic!("a handler that breaks")
        }
        let late = get(async || StatusCode::SERVICE_UNAVAILABLE);
        let app = Router::new()
            .route("/broken", get(broken))
            .route("/late", late)
            .route("/api/v1/broken", get(broken))
            .route("/said", get(async || (StatusCode::SERVICE_UNAVAILABLE, "words")))
            .layer(from_fn(catch_panic))
            .layer(from_fn_with_state(External::new("https://portus.example.org"), last_resort))
            .layer(from_fn_with_state(TrustedProxies::default(), identify));
        let request = Request::get(path).header(ACCEPT, accept).header(ACCEPT_LANGUAGE, lang);
        let answer = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn what_breaks_or_is_late_has_words_for_whoever_asked() {
        for (path, status, en, de) in [
            ("/broken", 500, "Something went wrong here", "Hier ist etwas schiefgegangen"),
            ("/late", 503, "Not available right now", "Gerade nicht verfügbar"),
        ] {
            for (lang, title) in [("en", en), ("de", de)] {
                let (found, headers, page) = ask(path, "text/html,*/*", lang).await;
                assert_eq!(found.as_u16(), status);
                assert!(page.contains(&format!("<h1>{title}</h1>")), "{page}");
                let id = headers["x-request-id"].to_str().unwrap();
                assert!(page.contains(id) && page.contains("href=\"/\""), "{page}");
                assert!(headers["content-security-policy"].to_str().unwrap().contains("'none'"));
                assert!(headers.contains_key("strict-transport-security"));
            }
        }
        for (path, accept, kind) in [
            ("/api/v1/broken", "application/problem+json", "application/problem+json"),
            ("/api/v1/broken", "text/html", "application/json"),
            ("/broken", "*/*", "application/json"),
        ] {
            let (status, headers, text) = ask(path, accept, "de").await;
            assert_eq!((status.as_u16(), headers[CONTENT_TYPE].to_str().unwrap()), (500, kind));
            let said: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(said["request_id"], headers["x-request-id"].to_str().unwrap());
            assert_eq!(
                (said["status"].as_u64(), &said["type"]),
                (Some(500), &"/help/problems/internal".into())
            );
            assert!(!text.contains("breaks"), "{text}");
        }
        assert_eq!(ask("/said", "text/html", "en").await.2, "words", "what has words keeps them");
    }

    #[test]
    fn every_error_has_a_title_in_every_language() {
        for code in [401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503] {
            let status = StatusCode::from_u16(code).unwrap();
            let said = Lang::EVERY.map(|t| body(t, status, "x", None).into_string());
            assert_ne!(said[0], said[1], "{code}");
            assert_ne!(title(Lang::En, status), title(Lang::En, StatusCode::IM_A_TEAPOT), "{code}");
        }
    }
}
