//! The REST interface under `/api/v1`: the original's paths and fields, and what is new beside them.
//!
//! Every handler asks the access graph for the right, hands the proof to a command, and answers
//! when graph and read models have seen what was written. What may not be seen is answered as what
//! is not there. `docs/api.md` is for those who call it.

mod act;
mod activities;
mod answers;
mod app_tokens;
mod bootstrap;
mod budget;
mod document;
mod explain;
mod grants;
mod ids;
mod manifests;
mod members;
mod namespaces;
mod once;
mod paging;
mod params;
mod registries;
mod repositories;
mod repository_tags;
mod search;
mod strict_json;
mod system;
mod tags;
mod teams;
mod user_switches;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, get};
use commands::bootstrap::BootstrapSecret;
use projections::ReadModels;
use projections::search::SearchIndex;
use tower_http::compression::CompressionLayer;
use utoipa::OpenApi as _;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use crate::auth::Auth;
use crate::error::{ApiError, negotiate};

pub use act::{Follower, Followers, PATIENCE, POSITION};
pub(crate) use budget::Meter;
pub use budget::{Budgets, Limits, MAX_CALLERS, WINDOW_SECONDS};
pub(crate) use document::place;
pub use document::{Document, document};
pub use once::{IDEMPOTENCY_KEY, MAX_KEY_BYTES, REPLAYED};
pub use paging::{DEFAULT_PER_PAGE, MAX_OFFSET, MAX_PER_PAGE};
pub use strict_json::MAX_BODY_BYTES;

/// What the REST interface works with. Cheap to clone.
#[derive(Clone, FromRef)]
pub struct ApiState {
    /// Who asks, and what they may.
    pub auth: Auth,
    /// What there is to read.
    pub read: ReadModels,
    /// What there is to find.
    pub search: SearchIndex,
    /// Who must have seen a fact before its change is called done.
    pub followers: Followers,
    /// The one-time secret for the first administrator.
    pub bootstrap: Arc<BootstrapSecret>,
    /// How many calls everybody has left.
    pub budgets: Budgets,
}

/// The interface, and what the original had outside of it.
pub fn router(state: ApiState) -> Router {
    let (v1, _) = routes().split_for_parts();
    Router::new()
        .nest(document::BASE, v1.fallback(nothing_here))
        // What is below `/api` is for scripts: none of them is told "not found" by a page.
        .route("/api/", any(nothing_here))
        .route("/api/{*rest}", any(nothing_here))
        .route("/api/v1/", any(nothing_here))
        .route("/api/version", get(system::version))
        .route("/api/openapi-spec", get(document::moved))
        .layer(from_fn_with_state(state.clone(), once::once))
        .layer(from_fn_with_state(state.budgets.clone(), budget::limit))
        .layer(from_fn(negotiate))
        .with_state(state)
}

/// Every route, on one page. Each brings its description: there is no other way in.
fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(document::ApiDoc::openapi())
        .routes(routes!(system::ping))
        .routes(routes!(system::health))
        .routes(routes!(system::version))
        .routes(routes!(document::describe).layer(CompressionLayer::new()))
        .routes(routes!(search::search))
        .routes(routes!(activities::list))
        .routes(routes!(activities::show))
        .routes(routes!(explain::explain))
        .routes(routes!(users::list, users::create))
        .routes(routes!(bootstrap::bootstrap))
        .routes(routes!(users::oneself))
        .routes(routes!(users::show, users::update, users::remove))
        .routes(routes!(user_switches::enable_user))
        .routes(routes!(user_switches::disable_user))
        .routes(routes!(user_switches::sign_out_user))
        .routes(routes!(user_switches::grant_admin, user_switches::revoke_admin))
        .routes(routes!(user_switches::grant_auditor, user_switches::revoke_auditor))
        .routes(routes!(app_tokens::list, app_tokens::create))
        .routes(routes!(app_tokens::revoke))
        .routes(routes!(teams::list, teams::create))
        .routes(routes!(teams::show, teams::update, teams::remove))
        .routes(routes!(teams::namespaces))
        .routes(routes!(members::list, members::add))
        .routes(routes!(members::change, members::remove))
        .routes(routes!(namespaces::list, namespaces::create))
        .routes(routes!(namespaces::validate))
        .routes(routes!(namespaces::show, namespaces::update, namespaces::remove))
        .routes(routes!(namespaces::repositories))
        .routes(routes!(grants::list, grants::add))
        .routes(routes!(grants::revoke))
        .routes(routes!(repositories::list))
        .routes(routes!(repositories::show, repositories::update))
        .routes(routes!(repositories::star, repositories::unstar))
        .routes(routes!(repository_tags::list))
        .routes(routes!(repository_tags::grouped))
        .routes(routes!(repository_tags::show))
        .routes(routes!(repository_tags::history))
        .routes(routes!(manifests::list))
        .routes(routes!(manifests::show))
        .routes(routes!(tags::list))
        .routes(routes!(tags::show))
        .routes(routes!(registries::list, registries::create))
        .routes(routes!(registries::validate))
        .routes(routes!(registries::show, registries::update))
        .routes(routes!(registries::rotate_secret))
}

async fn nothing_here() -> ApiError {
    ApiError::not_found()
}
