//! `/users/{user}/application_tokens`: one's own; administrators look after those of bots, and
//! revoke any.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use commands::app_tokens::{self as wishes, NewAppToken};
use domain::access::{Action, Resource};
use domain::app_token::{TokenId, TokenScope};
use domain::name::{NamespaceName, UserName};
use http::StatusCode;
use jiff::Timestamp;
use projections::app_tokens::{self, AppTokenRow};
use projections::users::UserRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::act::{Failed, done, gone};
use super::answers::{RefusedBody, RefusedOne, RefusedWish};
use super::params::Params;
use super::strict_json::StrictJson;
use super::{ApiState, ids};
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// What an application token is good for.
#[derive(ToSchema)]
#[schema(as = Scope, rename_all = "snake_case")]
#[allow(dead_code)] // the description of `TokenScope`, which describes nothing
enum ScopeName {
    Pull,
    Push,
    Delete,
    ApiRead,
    ApiWrite,
    Admin,
    All,
}

/// A new application token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateTokenBody)]
pub(super) struct CreateBody {
    /// What it is for.
    #[schema(min_length = 1, max_length = 255)]
    application: String,
    /// What it is good for; everything but administration unless given.
    #[serde(default)]
    #[schema(value_type = Option<Vec<ScopeName>>)]
    scopes: Option<Vec<String>>,
    /// Good in these namespaces alone.
    #[serde(default)]
    #[schema(max_items = 100)]
    namespaces: Option<Vec<String>>,
    /// At most a year from now; in 90 days unless given.
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// An application token. The token itself is shown when it is made, and never again.
#[derive(Serialize, ToSchema)]
#[schema(as = ApplicationToken)]
pub(super) struct TokenEntity {
    id: i64,
    /// What it is for.
    application: String,
    /// What it is good for.
    #[schema(value_type = Vec<ScopeName>)]
    scopes: Vec<String>,
    /// Good in these namespaces alone; null: wherever its owner is.
    namespaces: Option<Vec<String>>,
    expires_at: Timestamp,
    created_at: Timestamp,
    /// When it was last used, as far as facts tell: for a token of the registry, or for a change.
    last_used_at: Option<Timestamp>,
}

/// A new application token.
#[derive(Serialize, ToSchema)]
#[schema(as = NewApplicationToken)]
pub(super) struct NewToken {
    #[serde(flatten)]
    pub(super) token: TokenEntity,
    /// The token. Not shown again.
    pub(super) plain_token: String,
}

/// Lists somebody's application tokens.
///
/// One's own; administrators see all.
#[utoipa::path(
    get, path = "/users/{user}/application_tokens", operation_id = "list_application_tokens",
    tag = "Application tokens",
    params(("user" = String, Path, description = "Number or name, or `self`.")),
    responses((status = 200, description = "All of them.", body = [TokenEntity]), RefusedOne)
)]
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Vec<TokenEntity>>, ApiError> {
    params.end()?;
    let (name, _) = own_or(&api, &caller, &id, Action::ListTokensOther).await?;
    let rows = app_tokens::of_user(&api.read, &name).await?;
    Ok(Json(rows.iter().map(entity).collect()))
}

/// Makes an application token.
///
/// The only answer that shows the token. For oneself; administrators make those of bots. No token
/// makes tokens.
#[utoipa::path(
    post, path = "/users/{user}/application_tokens", operation_id = "create_application_token",
    tag = "Application tokens",
    params(("user" = String, Path, description = "Number or name, or `self`.")),
    request_body = CreateBody,
    responses((status = 201, description = "The token.", body = NewToken), RefusedBody)
)]
pub(super) async fn create(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    StrictJson(body): StrictJson<CreateBody>,
) -> Result<Response, ApiError> {
    let (name, row) = own_or(&api, &caller, &id, Action::CreateBot).await?;
    let action = if row.bot { Action::CreateBot } else { Action::IssueTokenSelf };
    if !row.bot && caller.viewer.user() != Some(&name) {
        // Nobody makes a token of another person, administrators neither (rule 17).
        caller.must(Action::IssueTokenOther, &Resource::System)?;
    }
    let (api, name, body) = (&api, &name, &body);
    let change = move |by, _| async move {
        let new = NewAppToken {
            label: body.application.clone(),
            scopes: scopes(body.scopes.as_deref())?,
            namespaces: namespaces(body.namespaces.as_deref())?,
            expires_at: body.expires_at,
        };
        Ok::<_, Failed>(wishes::create(&api.auth.desk, &by, name, new).await?)
    };
    let issued = api.act(&caller, action, &Resource::System, change).await?;
    api.settled(issued.position).await?;
    let row = app_tokens::find(&api.read, issued.id).await?.ok_or_else(ApiError::not_found)?;
    let body = NewToken { token: entity(&row), plain_token: issued.secret.to_string() };
    Ok(done(StatusCode::CREATED, issued.position, body))
}

/// Revokes an application token.
///
/// One's own; administrators revoke any. Somebody else's looks like none.
#[utoipa::path(
    delete, path = "/users/application_tokens/{token}", operation_id = "revoke_application_token",
    tag = "Application tokens",
    params(("token" = String, Path, description = "Its number.")),
    responses((status = 204, description = "It is good for nothing."), RefusedWish)
)]
pub(super) async fn revoke(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    params.end()?;
    caller.must_be_somebody()?;
    let number = ids::number(&id).ok_or_else(ApiError::not_found)?;
    let row = app_tokens::find_id(&api.read, number).await?;
    let row = row.filter(|row| row.revoked_at.is_none()).ok_or_else(ApiError::not_found)?;
    let owner = ids::stored(UserName::parse(&row.user_name))?;
    let own = caller.viewer.user() == Some(&owner);
    let action = if own { Action::IssueTokenSelf } else { Action::RevokeTokenOther };
    if !own && !caller.viewer.may(action, &Resource::System) {
        return Err(ApiError::not_found());
    }
    let (api, owner, token) = (&api, &owner, TokenId(row.token));
    let change = move |by, _| async move {
        Ok::<_, Failed>(wishes::revoke(&api.auth.desk, &by, owner, token).await?)
    };
    let written = api.act(&caller, action, &Resource::System, change).await?;
    api.settled(written).await?;
    Ok(gone(written))
}

/// In a path, whoever asks.
const SELF: &str = "self";

/// The account in the path, for itself or for whoever has `action`; for others it is not there.
async fn own_or(
    api: &ApiState,
    caller: &ApiCaller,
    id: &str,
    action: Action,
) -> Result<(UserName, UserRow), ApiError> {
    caller.must_be_somebody()?;
    let own = caller.viewer.user().filter(|_| id == SELF).map(UserName::as_str);
    let found = ids::user(&api.read, own.unwrap_or(id)).await;
    if let Ok((name, _)) = &found
        && caller.viewer.user() == Some(name)
    {
        return found;
    }
    if caller.viewer.may(action, &Resource::System) { found } else { Err(ApiError::not_found()) }
}

fn scopes(words: Option<&[String]>) -> Result<BTreeSet<TokenScope>, ApiError> {
    let Some(words) = words else { return Ok([TokenScope::All].into()) };
    let known = || TokenScope::EVERY.map(TokenScope::as_str).join(", ");
    words
        .iter()
        .map(|word| {
            TokenScope::parse(word)
                .ok_or_else(|| ApiError::field("scopes", format!("a scope is one of {}", known())))
        })
        .collect()
}

fn namespaces(names: Option<&[String]>) -> Result<Option<BTreeSet<NamespaceName>>, ApiError> {
    let Some(names) = names else { return Ok(None) };
    let names = names.iter().map(|name| ids::field("namespaces", NamespaceName::parse(name)));
    names.collect::<Result<_, _>>().map(Some)
}

pub(super) fn entity(row: &AppTokenRow) -> TokenEntity {
    TokenEntity {
        id: row.id,
        application: row.label.clone(),
        scopes: row.scopes.clone(),
        namespaces: row.namespaces.clone(),
        expires_at: row.expires_at,
        created_at: row.created_at,
        last_used_at: row.used_at,
    }
}
