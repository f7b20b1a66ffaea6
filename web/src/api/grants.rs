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
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::act::{Failed, done, gone};
use super::answers::{RefusedBody, RefusedOne, RefusedWish};
use super::params::Params;
use super::strict_json::StrictJson;
use super::{ApiState, ids, members};
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// A new grant, to a team or to a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AddGrantBody)]
pub(super) struct AddBody {
    /// To this team; then to no user.
    #[serde(default)]
    team: Option<String>,
    /// To this user; then to no team.
    #[serde(default)]
    user: Option<String>,
    #[schema(value_type = members::RoleName)]
    role: String,
    /// On this repository alone, by its full name.
    #[serde(default)]
    repository: Option<String>,
    /// Until then; for ever unless given.
    #[serde(default)]
    until: Option<Timestamp>,
}

/// A right beside the owning team's.
#[derive(Serialize, ToSchema)]
#[schema(as = Grant)]
pub(super) struct GrantEntity {
    id: Uuid,
    /// To this team.
    team: Option<String>,
    /// To this user.
    user: Option<String>,
    #[schema(value_type = members::RoleName)]
    role: String,
    /// On this repository alone.
    repository: Option<String>,
    until: Option<Timestamp>,
}

/// Lists a namespace's further grants.
///
/// For whoever may change them.
#[utoipa::path(
    get, path = "/namespaces/{namespace}/grants", operation_id = "list_grants",
    tag = "Namespaces",
    params(("namespace" = String, Path, description = "Number or name.")),
    responses((status = 200, description = "All of them.", body = [GrantEntity]), RefusedOne)
)]
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Vec<GrantEntity>>, ApiError> {
    params.end()?;
    let ((registry, name), _) = super::namespaces::seen(&api, &caller, &id).await?;
    let resource = Resource::Namespace { registry: registry.clone(), name: name.clone() };
    caller.must(Action::EditNamespace, &resource)?;
    let rows = namespaces::grants(&api.read, &registry, &name).await?;
    Ok(Json(rows.iter().map(entity).collect()))
}

/// Gives a right on a namespace.
///
/// Or on one repository in it, with or without an end.
#[utoipa::path(
    post, path = "/namespaces/{namespace}/grants", operation_id = "add_grant", tag = "Namespaces",
    params(("namespace" = String, Path, description = "Number or name.")),
    request_body = AddBody,
    responses((status = 201, description = "The grant.", body = GrantEntity), RefusedBody)
)]
pub(super) async fn add(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    StrictJson(body): StrictJson<AddBody>,
) -> Result<Response, ApiError> {
    let (place, _) = super::namespaces::seen(&api, &caller, &id).await?;
    let resource = Resource::Namespace { registry: place.0.clone(), name: place.1.clone() };
    let once = caller.viewer.origin.once;
    let grant_id =
        GrantId(once.map_or_else(|| api.auth.desk.new_id().0, |once| once.id("grant", 0)));
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

/// Takes a right back.
#[utoipa::path(
    delete, path = "/namespaces/{namespace}/grants/{grant}", operation_id = "revoke_grant",
    tag = "Namespaces",
    params(
        ("namespace" = String, Path, description = "Number or name."),
        ("grant" = String, Path, description = "The grant's id."),
    ),
    responses((status = 204, description = "It is gone."), RefusedWish)
)]
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

fn entity(row: &GrantRow) -> GrantEntity {
    let to = |kind: &str| (row.grantee_kind == kind).then(|| row.grantee.clone());
    GrantEntity {
        id: row.grant_id,
        team: to("team"),
        user: to("user"),
        role: row.role.clone(),
        repository: row.repository.clone(),
        until: row.until,
    }
}
