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
use serde::Deserialize;
use serde_json::{Value, json};

use super::act::{Failed, done, gone};
use super::params::Params;
use super::strict_json::StrictJson;
use super::{ApiState, ids};
use crate::auth::ApiCaller;
use crate::error::ApiError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateBody {
    application: String,
    #[serde(default)]
    scopes: Option<Vec<String>>,
    #[serde(default)]
    namespaces: Option<Vec<String>>,
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// `GET /users/{user}/application_tokens`
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Vec<Value>>, ApiError> {
    params.end()?;
    let (name, _) = own_or(&api, &caller, &id, Action::ListTokensOther).await?;
    let rows = app_tokens::of_user(&api.read, &name).await?;
    Ok(Json(rows.iter().map(entity).collect()))
}

/// `POST /users/{user}/application_tokens`: the only answer that shows the token. Without `scopes`
/// it is good for everything but administration, as in the original.
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
    let mut body = entity(&row);
    body["plain_token"] = json!(*issued.secret);
    Ok(done(StatusCode::CREATED, issued.position, body))
}

/// `DELETE /users/application_tokens/{token}`: one's own, or by an administrator. Somebody else's
/// looks like none (SR-TOK-7).
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

/// The account in the path, for itself or for whoever has `action`; for others it is not there.
async fn own_or(
    api: &ApiState,
    caller: &ApiCaller,
    id: &str,
    action: Action,
) -> Result<(UserName, UserRow), ApiError> {
    caller.must_be_somebody()?;
    let found = ids::user(&api.read, id).await;
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

fn entity(row: &AppTokenRow) -> Value {
    json!({
        "id": row.id,
        "application": row.label,
        "scopes": row.scopes,
        "namespaces": row.namespaces,
        "expires_at": row.expires_at,
        "created_at": row.created_at,
    })
}
