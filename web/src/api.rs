//! The REST interface under `/api/v1`: the original's paths and fields, and what is new beside them.
//!
//! Every handler asks the access graph for the right, hands the proof to a command, and answers
//! when graph and read models have seen what was written. What may not be seen is answered as what
//! is not there. `docs/api.md` is for those who call it.

mod act;
mod activities;
mod app_tokens;
mod bootstrap;
mod explain;
mod grants;
mod ids;
mod members;
mod namespaces;
mod paging;
mod params;
mod registries;
mod repositories;
mod search;
mod strict_json;
mod system;
mod tags;
mod teams;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn;
use axum::routing::{delete, get, post, put};
use commands::bootstrap::BootstrapSecret;
use projections::ReadModels;
use projections::search::SearchIndex;

use crate::auth::Auth;
use crate::error::{ApiError, negotiate};

pub use act::{Follower, Followers, PATIENCE, POSITION};
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
}

/// Every route, on one page.
pub fn router(state: ApiState) -> Router {
    let v1 = Router::new()
        .route("/_ping", get(system::ping))
        .route("/health", get(system::health))
        .route("/version", get(system::version))
        .route("/search", get(search::search))
        .route("/activities", get(activities::list))
        .route("/explain", get(explain::explain))
        .route("/users", get(users::list).post(users::create))
        .route("/users/bootstrap", post(bootstrap::bootstrap))
        .route("/users/self", get(users::oneself))
        .route("/users/application_tokens/{token}", delete(app_tokens::revoke))
        .route("/users/{user}", get(users::show).put(users::update).delete(users::remove))
        .route("/users/{user}/enable", post(users::enable))
        .route("/users/{user}/disable", post(users::disable))
        .route("/users/{user}/sign_out", post(users::sign_out_everywhere))
        .route("/users/{user}/admin", put(users::grant_admin).delete(users::revoke_admin))
        .route("/users/{user}/auditor", put(users::grant_auditor).delete(users::revoke_auditor))
        .route("/users/{user}/application_tokens", get(app_tokens::list).post(app_tokens::create))
        .route("/teams", get(teams::list).post(teams::create))
        .route("/teams/{team}", get(teams::show).put(teams::update).delete(teams::remove))
        .route("/teams/{team}/namespaces", get(teams::namespaces))
        .route("/teams/{team}/members", get(members::list).post(members::add))
        .route("/teams/{team}/members/{member}", put(members::change).delete(members::remove))
        .route("/namespaces", get(namespaces::list).post(namespaces::create))
        .route("/namespaces/validate", get(namespaces::validate))
        .route(
            "/namespaces/{namespace}",
            get(namespaces::show).put(namespaces::update).delete(namespaces::remove),
        )
        .route("/namespaces/{namespace}/repositories", get(namespaces::repositories))
        .route("/namespaces/{namespace}/grants", get(grants::list).post(grants::add))
        .route("/namespaces/{namespace}/grants/{grant}", delete(grants::revoke))
        .route("/repositories", get(repositories::list))
        .route("/repositories/{repository}", get(repositories::show).put(repositories::update))
        .route("/repositories/{repository}/tags", get(repositories::tags))
        .route("/repositories/{repository}/tags/grouped", get(repositories::grouped))
        .route("/repositories/{repository}/tags/{tag}", get(repositories::tag))
        .route(
            "/repositories/{repository}/star",
            put(repositories::star).delete(repositories::unstar),
        )
        .route("/tags", get(tags::list))
        .route("/tags/{tag}", get(tags::show))
        .route("/registries", get(registries::list).post(registries::create))
        .route("/registries/validate", get(registries::validate))
        .route("/registries/{registry}", get(registries::show).put(registries::update))
        .route("/registries/{registry}/secret", post(registries::rotate_secret))
        .fallback(nothing_here);
    Router::new()
        .nest("/api/v1", v1)
        .route("/api/version", get(system::version))
        .layer(from_fn(negotiate))
        .with_state(state)
}

async fn nothing_here() -> ApiError {
    ApiError::not_found()
}
