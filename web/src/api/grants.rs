//! `/namespaces/{namespace}/grants`: rights beside the owning team's, on the namespace or on one
//! repository in it, with or without an end. New beside the original.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use commands::namespaces as wishes;
use domain::access::{Action, Resource};
use domain::name::{RepositoryName, TeamName, UserName};
use domain::namespace::{Grant, GrantId, Grantee};
use http::StatusCode;
use jiff::Timestamp;
use projections::namespaces::{self, GrantRow};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::act::{Failed, done, gone};
use super::params::Params;
use super::strict_json::StrictJson;
use super::{ApiState, ids, members};
use crate::auth::ApiCaller;
use crate::error::ApiError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddBody {
    #[serde(default)]
    team: Option<String>,
    #[serde(default)]
    user: Option<String>,
    role: String,
    #[serde(default)]
    repository: Option<String>,
    #[serde(default)]
    until: Option<Timestamp>,
}

/// `GET /namespaces/{namespace}/grants`: for whoever may change them.
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Vec<Value>>, ApiError> {
    params.end()?;
    let ((registry, name), _) = super::namespaces::seen(&api, &caller, &id).await?;
    let resource = Resource::Namespace { registry: registry.clone(), name: name.clone() };
    caller.must(Action::EditNamespace, &resource)?;
    let rows = namespaces::grants(&api.read, &registry, &name).await?;
    Ok(Json(rows.iter().map(entity).collect()))
}

/// `POST /namespaces/{namespace}/grants`
pub(super) async fn add(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    StrictJson(body): StrictJson<AddBody>,
) -> Result<Response, ApiError> {
    let (place, _) = super::namespaces::seen(&api, &caller, &id).await?;
    let resource = Resource::Namespace { registry: place.0.clone(), name: place.1.clone() };
    let grant_id = GrantId(api.auth.desk.new_id().0);
    let (api, at, body) = (&api, &place, &body);
    let change = move |by, _| async move {
        let to = match (&body.team, &body.user) {
            (Some(team), None) => {
                Grantee::Team { team: ids::field("team", TeamName::parse(team))? }
            }
            (None, Some(user)) => {
                Grantee::User { user: ids::field("user", UserName::parse(user))? }
            }
            _ => {
                let text = "a grant goes to one `team` or to one `user`";
                return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, text).into());
            }
        };
        let repository = body.repository.as_deref();
        let repository =
            repository.map(|text| ids::field("repository", RepositoryName::parse(text)));
        let grant = Grant {
            id: grant_id,
            to,
            role: members::role(&body.role)?,
            repository: repository.transpose()?,
            until: body.until,
        };
        Ok::<_, Failed>(wishes::grant(&api.auth.desk, &by, &at.0, &at.1, grant).await?)
    };
    let written = api.act(&caller, Action::EditNamespace, &resource, change).await?;
    api.settled(written).await?;
    let rows = namespaces::grants(&api.read, &at.0, &at.1).await?;
    let row = rows.iter().find(|row| row.grant_id == grant_id.0).ok_or_else(ApiError::not_found)?;
    Ok(done(StatusCode::CREATED, written, entity(row)))
}

/// `DELETE /namespaces/{namespace}/grants/{grant}`
pub(super) async fn revoke(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path((id, grant)): Path<(String, String)>,
    params: Params,
) -> Result<Response, ApiError> {
    params.end()?;
    let (place, _) = super::namespaces::seen(&api, &caller, &id).await?;
    let resource = Resource::Namespace { registry: place.0.clone(), name: place.1.clone() };
    let (api, at, grant) = (&api, &place, &grant);
    let change = move |by, _| async move {
        let grant = GrantId(grant.parse::<Uuid>().map_err(|_| ApiError::not_found())?);
        Ok::<_, Failed>(wishes::revoke_grant(&api.auth.desk, &by, &at.0, &at.1, grant).await?)
    };
    let written = api.act(&caller, Action::EditNamespace, &resource, change).await?;
    api.settled(written).await?;
    Ok(gone(written))
}

fn entity(row: &GrantRow) -> Value {
    json!({
        "id": row.grant_id,
        "team": (row.grantee_kind == "team").then_some(&row.grantee),
        "user": (row.grantee_kind == "user").then_some(&row.grantee),
        "role": row.role,
        "repository": row.repository,
        "until": row.until,
    })
}
