//! The samples as pages, under the headers of real ones.

use axum::Router;
use axum::extract::Path;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;

use super::super::layout::{Frame, page};
use super::super::{assets, headers};
use super::{reader, samples};
use crate::auth::{External, Preferences, Theme};
use crate::texts::Lang;

/// `/` lists them, one a line; `/{language}/{theme}/{number}` is one of them.
pub fn gallery() -> Router {
    Router::new()
        .route("/", get(list))
        .route("/{lang}/{theme}/{number}", get(show))
        .route("/assets/{file}", get(assets::file))
        // What the samples link to is not here; what they listen to is silent.
        .fallback(|| async { StatusCode::NO_CONTENT })
        .layer(from_fn_with_state(External::new("http://localhost"), headers::secure))
}

async fn list() -> String {
    let all = samples(Lang::En, "alice");
    all.into_iter().map(|(name, _)| format!("{name}\n")).collect()
}

async fn show(Path((lang, theme, number)): Path<(String, String, usize)>) -> Response {
    let lang = Lang::parse(&lang).unwrap_or_default();
    let Some((name, body)) = samples(lang, "alice").into_iter().nth(number) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let theme = Theme::EVERY.into_iter().find(|known| known.as_str() == theme);
    let frame = Frame {
        path: place(name).to_owned(),
        user: Some("alice".to_owned()),
        admin: true,
        csrf: Some("token".to_owned()),
        position: Some(18_204),
        flash: None,
        looking: None,
        unknown: match name {
            "repositories" => vec![("sort", "name, -name".to_owned())],
            _ => Vec::new(),
        },
        reader: reader(lang),
        look: Preferences { theme: theme.unwrap_or_default(), ..Preferences::default() },
    };
    page(&frame, name, body).into_response()
}

/// Where a page stands: two of them bring a search field of their own.
fn place(name: &str) -> &'static str {
    match name.split(',').next().unwrap_or(name) {
        "search" | "front" => "/search",
        "admin" => "/admin",
        _ => "/r/team/app",
    }
}
