//! The pages: forms and links that work without script, with a keyboard and on a phone.
//!
//! One file a noun. A handler asks ([`visitor::Visitor`]), reads, and hands plain data to a page
//! function; what may not be seen is answered as what is not there. Whatever changes something is
//! a form that answers with a redirect, once everything that pages are read from has followed.

mod activity;
mod assets;
mod components;
mod errors;
mod headers;
mod help;
mod home;
mod layout;
mod namespaces;
mod repositories;
mod search;
mod sentence;
mod sessions;
mod setup;
mod tags;
mod tokens;
mod visitor;

#[cfg(test)]
mod samples;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use commands::bootstrap::BootstrapSecret;
use projections::ReadModels;
use projections::search::SearchIndex;

use crate::api::Followers;
use crate::auth::{Auth, guard};
use crate::error::PageError;

/// The most bytes of a form.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// What the pages work with. Cheap to clone.
#[derive(Clone, FromRef)]
pub struct UiState {
    /// Who asks, and what they may.
    pub auth: Auth,
    /// What there is to read.
    pub read: ReadModels,
    /// What there is to find.
    pub search: SearchIndex,
    /// Who must have seen a fact before its page is shown.
    pub followers: Followers,
    /// The one-time secret for the first administrator.
    pub bootstrap: Arc<BootstrapSecret>,
}

/// Every page, on one page. Answers everything that no other router does: it belongs last.
pub fn router(state: UiState) -> Router {
    Router::new()
        .route("/", get(home::show))
        .route("/setup", get(setup::show).post(setup::submit))
        .route("/sign-in", get(sessions::show).post(sessions::submit))
        .route("/sign-out", post(sessions::leave))
        .route("/search", get(search::show))
        .route("/repositories", get(repositories::list))
        .route("/r/{*rest}", get(repositories::show).post(repositories::act))
        .route(
            "/registries/{registry}/r/{*rest}",
            get(repositories::show_in).post(repositories::act_in),
        )
        .route("/namespaces", get(namespaces::list))
        .route("/n/{*rest}", get(namespaces::show))
        .route("/registries/{registry}/n/{*rest}", get(namespaces::show_in))
        .route("/activity", get(activity::show))
        .route("/me/tokens", get(tokens::show).post(tokens::create))
        .route("/me/tokens/revoke", post(tokens::revoke))
        .route("/help", get(help::show))
        // The original's address, which people have in their bookmarks.
        .route("/users/sign_in", get(sessions::show).post(sessions::submit))
        .route("/assets/{file}", get(assets::file))
        .fallback(|| async { PageError::not_found() })
        .method_not_allowed_fallback(errors::method_not_allowed)
        .layer(from_fn_with_state(state.auth.clone(), guard))
        .layer(from_fn(errors::frame))
        .layer(from_fn_with_state(state.auth.external.clone(), headers::secure))
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .with_state(state)
}
