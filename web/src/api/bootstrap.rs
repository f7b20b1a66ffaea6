//! `/users/bootstrap`: the first administrator, by script.

use axum::extract::State;
use axum::response::Response;
use axum::{Extension, http::HeaderMap};
use commands::app_tokens::{self, NewAppToken};
use commands::bootstrap::{FirstAdministrator, first_administrator};
use commands::desk::Caller;
use domain::access::Permit;
use domain::app_token::TokenScope;
use domain::event::{Actor, Credential, Door};
use domain::name::UserName;
use http::StatusCode;
use projections::app_tokens as tokens;
use serde::Deserialize;
use serde_json::json;

use super::act::done;
use super::strict_json::StrictJson;
use super::{ApiState, ids, users};
use crate::client::{self, ClientAddress, RequestId};
use crate::error::ApiError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    /// The one-time secret that the service printed at its first start.
    secret: String,
    user: User,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    username: String,
    password: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    display_name: Option<String>,
}

/// The label of the token that a script gets for its further calls.
const LABEL: &str = "bootstrap";

/// `POST /users/bootstrap`: as in the original, but with the one-time secret: otherwise whoever
/// comes first would own the service. Answers an application token that may do everything.
pub(super) async fn bootstrap(
    State(api): State<ApiState>,
    id: Option<Extension<RequestId>>,
    address: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    StrictJson(body): StrictJson<Body>,
) -> Result<Response, ApiError> {
    let mut extensions = http::Extensions::new();
    id.map(|Extension(id)| extensions.insert(id));
    address.map(|Extension(address)| extensions.insert(address));
    let shown = Some(Credential::Bootstrap);
    let origin = client::origin(&extensions, &headers, Door::Api, shown);

    let user = body.user;
    let name = ids::field("username", UserName::parse(&user.username))?;
    let new = FirstAdministrator {
        name: name.clone(),
        password: users::password(&user.password)?,
        profile: users::profile(user.email.as_ref(), user.display_name.as_ref()),
    };
    let registries = ids::all_registries(&api.read).await?;
    let desk = &api.auth.desk;
    let made =
        first_administrator(desk, &api.bootstrap, &body.secret, new, origin.clone(), &registries);
    made.await?;

    let permit = Permit::of_the_house(Actor::User { name: name.clone() });
    let token = NewAppToken {
        label: LABEL.to_owned(),
        scopes: [TokenScope::All, TokenScope::Admin].into(),
        namespaces: None,
        expires_at: None,
    };
    let issued = app_tokens::create(desk, &Caller { permit, origin }, &name, token).await?;
    api.settled(issued.position).await?;
    let row = tokens::find(&api.read, issued.id).await?.ok_or_else(ApiError::not_found)?;
    let body = json!({
        "id": row.id,
        "application": LABEL,
        "plain_token": *issued.secret,
        "expires_at": issued.expires_at,
    });
    Ok(done(StatusCode::CREATED, issued.position, body))
}
