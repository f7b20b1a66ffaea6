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
use jiff::Timestamp;
use projections::app_tokens as tokens;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::act::done;
use super::answers::RefusedSecret;
use super::strict_json::StrictJson;
use super::{ApiState, ids, users};
use crate::client::{self, ClientAddress, RequestId};
use crate::error::ApiError;

/// The first administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BootstrapBody)]
pub(super) struct Body {
    /// The one-time secret that the service printed at its first start.
    secret: String,
    user: User,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FirstUser)]
struct User {
    #[schema(min_length = 1, max_length = 128)]
    username: String,
    #[schema(min_length = 12, max_length = 1_024)]
    password: String,
    #[serde(default)]
    #[schema(max_length = 254)]
    email: Option<String>,
    #[serde(default)]
    #[schema(max_length = 255)]
    display_name: Option<String>,
}

/// A token for the script's further calls. Good for everything.
#[derive(Serialize, ToSchema)]
struct BootstrapToken {
    id: i64,
    application: &'static str,
    /// Not shown again.
    plain_token: String,
    expires_at: Timestamp,
}

/// The label of the token that a script gets for its further calls.
const LABEL: &str = "bootstrap";

/// Makes the first administrator.
///
/// With the one-time secret that the service printed at its first start: otherwise whoever comes
/// first would own it. Answers an application token that may do everything; 400 when there is
/// somebody already.
#[utoipa::path(
    post, path = "/users/bootstrap", operation_id = "bootstrap", tag = "Users", security(()),
    request_body = Body,
    responses((status = 201, description = "A token.", body = BootstrapToken), RefusedSecret)
)]
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
    let body = BootstrapToken {
        id: row.id,
        application: LABEL,
        plain_token: issued.secret.to_string(),
        expires_at: issued.expires_at,
    };
    Ok(done(StatusCode::CREATED, issued.position, body))
}
