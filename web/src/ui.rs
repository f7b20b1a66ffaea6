//! The pages: forms and links that work without script, with a keyboard and on a phone.
//!
//! One file a noun. A handler asks ([`visitor::Visitor`]), reads, and hands plain data to a page
//! function; what may not be seen is answered as what is not there. Whatever changes something is
//! a form that answers with a redirect, once everything that pages are read from has followed.

mod access;
mod activity;
mod admin;
mod admin_registries;
mod admin_users;
mod agent;
mod assets;
mod clients;
mod comments;
mod components;
mod described;
mod errors;
mod export;
mod feed;
mod forms;
mod grants;
mod headers;
mod help;
mod home;
mod layout;
mod live;
mod manifests;
mod markdown;
mod me;
mod meanwhile;
mod members;
mod names;
mod namespace_settings;
mod namespaces;
mod packed;
mod password;
mod past;
mod people;
mod preferences;
mod problems;
mod reader;
mod reference;
mod referrers;
mod registry_test;
mod repositories;
mod scopes;
mod search;
mod security;
mod sentence;
mod sessions;
mod settings;
mod setup;
mod sign_up;
mod tags;
mod teams;
mod tokens;
mod unsent;
mod visitor;
mod wizard;

#[cfg(any(test, feature = "testing"))]
#[allow(clippy::unwrap_used)] // made-up data
mod samples;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Redirect;
use axum::routing::{get, post};
use commands::bootstrap::BootstrapSecret;
use domain::name::RegistryName;
use http::Uri;
use projections::ReadModels;
use projections::runner::Runner;
use projections::search::SearchIndex;
use tower_http::compression::CompressionLayer;

use crate::api::Followers;
use crate::auth::{Auth, guard};
use crate::config::Source;
use crate::health::Health;
use crate::mail::ResetDesk;
use crate::registry::pulse::Pulse;
use crate::registry::signer::Signer;

pub use comments::{COMMENTS_PER_PERSON, Talk};
pub use errors::last_resort;
pub use headers::secure;
pub use live::Listeners;
#[cfg(any(test, feature = "testing"))]
pub use samples::gallery;
pub use sign_up::{ACCOUNTS_PER_ADDRESS, SignUps, TRIES_PER_ADDRESS};

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
    /// What the read models are made by.
    pub runner: Runner,
    /// How the service is.
    pub health: Health,
    /// What was heard of each registry.
    pub pulse: Pulse,
    /// With which key tokens are signed.
    pub signer: Signer,
    /// Whose pages are open and wait for news.
    pub listeners: Listeners,
    /// How many accounts people make for themselves; `None`: only administrators make accounts.
    pub sign_ups: Option<Arc<SignUps>>,
    /// Where new passwords are asked for; `None`: no mail can be sent.
    pub resets: Option<ResetDesk>,
    /// How much people comment.
    pub talk: Arc<Talk>,
    /// What the configuration says that pages repeat.
    pub site: Arc<SiteFacts>,
}

/// What the configuration says that pages repeat: it is changed there, not here.
#[derive(Debug)]
pub struct SiteFacts {
    /// Who said how clients reach us.
    pub external_url_from: Source,
    /// The folder with the signing keys.
    pub keys: PathBuf,
    /// The registry that we start ourselves.
    pub managed: Option<RegistryName>,
    /// Each answer of the token endpoint becomes a fact.
    pub token_uses: bool,
}

/// Every page, on one page. Answers everything that no other router does: it belongs last.
pub fn router(state: UiState) -> Router {
    Router::new()
        .route("/", get(home::show))
        .route("/setup", get(setup::show).post(setup::submit))
        .route("/setup/address", get(wizard::show_address))
        .route("/setup/registry", get(wizard::show_registry).post(wizard::try_registry))
        .route("/setup/keys", get(wizard::show_keys))
        .route("/setup/configuration", get(wizard::show_configuration))
        .route("/sign-in", get(sessions::show).post(sessions::submit))
        .route("/sign-out", post(sessions::leave))
        .route("/sign-up", get(sign_up::show).post(sign_up::submit))
        .route("/password", get(password::show).post(password::submit))
        .route("/password/new", get(password::show_new).post(password::submit_new))
        .route("/password/{token}", get(password::follow))
        .route("/search", get(search::show))
        .route("/search/suggest", get(search::suggest))
        .route("/suggest/names", get(names::suggest))
        .route("/repositories", get(repositories::list::list))
        .route("/r/{*rest}", get(repositories::show).post(repositories::act))
        .route(
            "/registries/{registry}/r/{*rest}",
            get(repositories::show_in).post(repositories::act_in),
        )
        .route("/namespaces", get(namespaces::list))
        .route("/namespaces/new", get(namespaces::show_new).post(namespaces::create))
        .route("/n/{*rest}", get(namespaces::show).post(namespaces::act))
        .route(
            "/registries/{registry}/n/{*rest}",
            get(namespaces::show_in).post(namespaces::act_in),
        )
        .route("/teams", get(teams::list))
        .route("/teams/new", get(teams::show_new).post(teams::create))
        .route("/teams/{team}", get(teams::show))
        .route("/teams/{team}/namespaces", get(teams::show_namespaces))
        .route("/teams/{team}/activity", get(teams::show_activity))
        .route("/teams/{team}/activity/live", get(live::team))
        .route("/teams/{team}/settings", get(members::show_settings).post(members::describe))
        .route("/teams/{team}/delete", get(members::show_delete).post(members::delete))
        .route("/teams/{team}/members", get(up::<2>).post(members::add))
        .route("/teams/{team}/members/role", get(up::<2>).post(members::change))
        .route("/teams/{team}/members/remove", get(up::<2>).post(members::remove))
        .route("/u/{user}", get(people::show))
        .route("/activity", get(activity::show))
        .route("/activity/live", get(live::feed))
        .route("/activity/export", get(export::download))
        .route("/activity/{event}", get(activity::show_one))
        .route("/me", get(me::show).post(me::submit))
        .route("/me/tokens", get(tokens::show).post(tokens::create))
        .route("/me/tokens/revoke", get(up::<2>).post(tokens::revoke))
        .route("/me/security", get(security::show))
        .route("/me/password", get(to_security).post(security::change_password))
        .route("/me/sessions/others", get(to_security).post(security::end_others))
        .route("/me/sessions/end", get(to_security).post(security::end_one))
        .route("/me/preferences", get(preferences::show).post(preferences::submit))
        .route("/admin", get(admin::show))
        .route("/admin/users", get(admin_users::list))
        .route("/admin/users/new", get(admin_users::show_new).post(admin_users::create))
        .route("/admin/users/{user}", get(admin_users::show))
        .route("/admin/users/{user}/{wish}", get(up::<3>).post(admin_users::change))
        .route("/admin/registries", get(admin_registries::list).post(admin_registries::create))
        .route(
            "/admin/registries/{name}",
            get(admin_registries::show).post(admin_registries::change),
        )
        .route("/admin/registries/{name}/secret", get(up::<3>).post(admin_registries::rotate))
        .route("/admin/registries/{name}/test", post(admin_registries::test))
        .route("/admin/keys", get(admin::show_keys))
        .route("/help", get(help::show))
        .route("/help/problems", get(problems::list))
        .route("/help/problems/{slug}", get(problems::show))
        // It is long, and says the same to everybody.
        .route("/api", get(reference::show).layer(CompressionLayer::new()))
        // The original's addresses, which people have in their bookmarks.
        .route("/users/sign_in", get(sessions::show).post(sessions::submit))
        .route("/users/sign_up", get(sign_up::show))
        .route("/users/password/new", get(password::show))
        .route("/assets/{file}", get(assets::file))
        .fallback(errors::no_page)
        .method_not_allowed_fallback(errors::no_method)
        .layer(from_fn_with_state(state.auth.clone(), guard))
        .layer(from_fn(errors::frame))
        .layer(from_fn_with_state(state.auth.external.clone(), headers::secure))
        .layer(from_fn(packed::mark))
        .layer(packed::compress())
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .with_state(state)
}

/// Where a form goes that is answered with a page, that page's address may be opened again: it leads
/// to what has the form, the first so many parts of its path.
async fn up<const PARTS: usize>(uri: Uri) -> Redirect {
    let parts = uri.path().split('/').take(PARTS + 1);
    Redirect::to(&parts.collect::<Vec<_>>().join("/"))
}

async fn to_security() -> Redirect {
    Redirect::to("/me/security")
}
