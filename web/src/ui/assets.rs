//! The files beside the pages, named by their content, so that browsers may keep them for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use sha2::{Digest as _, Sha256};

use crate::error::PageError;

pub(super) const CSS: &str = include_str!("assets/app.css");
pub(super) const JS: &str = include_str!("assets/app.js");
/// htmx 4.0.1, as its authors publish it (0BSD; see `assets/htmx.LICENSE`).
pub(super) const HTMX: &str = include_str!("assets/htmx.min.js");

/// The stylesheet's path.
pub(super) static CSS_PATH: LazyLock<String> = LazyLock::new(|| path("app", CSS, "css"));
/// The script's path.
pub(super) static JS_PATH: LazyLock<String> = LazyLock::new(|| path("app", JS, "js"));
/// The path of htmx.
pub(super) static HTMX_PATH: LazyLock<String> = LazyLock::new(|| path("htmx", HTMX, "js"));

/// `GET /assets/{file}`
pub(super) async fn file(Path(file): Path<String>) -> Result<Response, PageError> {
    let path = format!("/assets/{file}");
    let (body, kind) = if path == *CSS_PATH {
        (CSS, "text/css; charset=utf-8")
    } else if path == *HTMX_PATH {
        (HTMX, "text/javascript; charset=utf-8")
    } else if path == *JS_PATH {
        (JS, "text/javascript; charset=utf-8")
    } else {
        return Err(PageError::not_found());
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    Ok(response)
}

fn path(name: &str, content: &str, extension: &str) -> String {
    let hash = hex::encode(Sha256::digest(content.as_bytes()));
    format!("/assets/{name}.{}.{extension}", hash.get(..16).unwrap_or(&hash))
}
