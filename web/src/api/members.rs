//! `/teams/{team}/members`

use axum::extract::{Path, State};
use axum::response::Response;
use commands::teams as wishes;
use domain::access::{Action, Resource};
use domain::event::Position;
use domain::name::{TeamName, UserName};
use domain::team::Role;
use http::StatusCode;
use jiff::Timestamp;
use projections::teams::{self, MemberRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::act::{Failed, done, gone};
use super::answers::{RefusedBody, RefusedOne, RefusedWish};
use super::paging::{Page, PageParams, Sorted};
use super::params::Params;
use super::strict_json::StrictJson;
use super::{ApiState, ids};
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// What somebody may do in a team or namespace.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Role)]
pub(super) enum RoleName {
    Viewer,
    Contributor,
    Owner,
}

/// A new member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AddMemberBody)]
pub(super) struct AddBody {
    /// Whom, by name.
    user: String,
    #[schema(value_type = RoleName)]
    role: String,
}

/// A member's new role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeMemberBody)]
pub(super) struct ChangeBody {
    #[schema(value_type = RoleName)]
    role: String,
}

/// Somebody in a team.
#[derive(Serialize, ToSchema)]
pub(super) struct Member {
    id: i64,
    team_id: i64,
    user_id: i64,
    username: String,
    display_name: Option<String>,
    bot: bool,
    #[schema(value_type = RoleName)]
    role: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Lists a team's members.
#[utoipa::path(
    get, path = "/teams/{team}/members", operation_id = "list_members", tag = "Teams",
    params(("team" = String, Path, description = "Number or name."), PageParams, Sorted),
    responses((status = 200, description = "A page of them.", body = [Member]), RefusedOne)
)]
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, ApiError> {
    let page = Page::of(&mut params)?;
    let order = params.take::<Sorted>()?.into();
    params.end()?;
    let (team, row) = super::teams::seen(&api, &caller, &id).await?;
    caller.must(Action::SeeTeamMembers, &Resource::Team { name: team.clone() })?;
    let members = teams::members_page(&api.read, &team, order, &page.rows()).await?;
    let total = teams::members_count(&api.read, &team).await?;
    let rows = entities(&api, row.id, &members).await?;
    Ok(page.answer(rows, total, &params, &api.auth.external))
}

/// Takes somebody into a team.
#[utoipa::path(
    post, path = "/teams/{team}/members", operation_id = "add_member", tag = "Teams",
    params(("team" = String, Path, description = "Number or name.")),
    request_body = AddBody,
    responses((status = 201, description = "The member.", body = Member), RefusedBody)
)]
pub(super) async fn add(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    StrictJson(body): StrictJson<AddBody>,
) -> Result<Response, ApiError> {
    let (team, row) = super::teams::seen(&api, &caller, &id).await?;
    let (api, name, body) = (&api, &team, &body);
    let change = move |by, _| async move {
        let user = ids::field("user", UserName::parse(&body.user))?;
        let role = role(&body.role)?;
        let written = wishes::add_member(&api.auth.desk, &by, name, &user, role).await?;
        Ok::<_, Failed>((user, written))
    };
    let resource = Resource::Team { name: team.clone() };
    let (user, written) = api.act(&caller, Action::ManageTeam, &resource, change).await?;
    api.settled(written).await?;
    answer(api, StatusCode::CREATED, (row.id, &team), &user, written).await
}

/// Changes a member's role.
///
/// The last enabled owner stays one.
#[utoipa::path(
    put, path = "/teams/{team}/members/{member}", operation_id = "change_member", tag = "Teams",
    params(
        ("team" = String, Path, description = "Number or name."),
        ("member" = String, Path, description = "The membership's number, or the user's name."),
    ),
    request_body = ChangeBody,
    responses((status = 200, description = "The member.", body = Member), RefusedBody)
)]
pub(super) async fn change(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path((id, member)): Path<(String, String)>,
    StrictJson(body): StrictJson<ChangeBody>,
) -> Result<Response, ApiError> {
    let (team, row) = super::teams::seen(&api, &caller, &id).await?;
    let (api, name, body, member) = (&api, &team, &body, &member);
    let change = move |by, _| async move {
        let user = find(api, name, member).await?;
        let role = role(&body.role)?;
        let written = wishes::change_role(&api.auth.desk, &by, name, &user, role).await?;
        Ok::<_, Failed>((user, written))
    };
    let resource = Resource::Team { name: team.clone() };
    let (user, written) = api.act(&caller, Action::ManageTeam, &resource, change).await?;
    api.settled(written).await?;
    answer(api, StatusCode::OK, (row.id, &team), &user, written).await
}

/// Takes somebody out of a team.
#[utoipa::path(
    delete, path = "/teams/{team}/members/{member}", operation_id = "remove_member", tag = "Teams",
    params(
        ("team" = String, Path, description = "Number or name."),
        ("member" = String, Path, description = "The membership's number, or the user's name."),
    ),
    responses((status = 204, description = "They are out."), RefusedWish)
)]
pub(super) async fn remove(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path((id, member)): Path<(String, String)>,
    params: Params,
) -> Result<Response, ApiError> {
    params.end()?;
    let (team, _) = super::teams::seen(&api, &caller, &id).await?;
    let (api, name, member) = (&api, &team, &member);
    let change = move |by, _| async move {
        let user = find(api, name, member).await?;
        Ok::<_, Failed>(wishes::remove_member(&api.auth.desk, &by, name, &user).await?)
    };
    let resource = Resource::Team { name: team.clone() };
    let written = api.act(&caller, Action::ManageTeam, &resource, change).await?;
    api.settled(written).await?;
    Ok(gone(written))
}

/// A member by the membership's number, or by name.
async fn find(api: &ApiState, team: &TeamName, id: &str) -> Result<UserName, ApiError> {
    let (name, id) = match ids::number(id) {
        Some(number) => (None, Some(number)),
        None => (UserName::parse(id).ok(), None),
    };
    let row = teams::member(&api.read, team, name.as_ref(), id).await?;
    let row = row.ok_or_else(ApiError::not_found)?;
    ids::stored(UserName::parse(&row.user_name))
}

async fn answer(
    api: &ApiState,
    status: StatusCode,
    (team_id, team): (i64, &TeamName),
    user: &UserName,
    written: Position,
) -> Result<Response, ApiError> {
    let row = teams::member(&api.read, team, Some(user), None).await?;
    let row = row.ok_or_else(ApiError::not_found)?;
    let member = entities(api, team_id, std::slice::from_ref(&row)).await?.into_iter().next();
    Ok(done(status, written, member.ok_or_else(ApiError::not_found)?))
}

pub(super) fn role(text: &str) -> Result<Role, ApiError> {
    Role::parse(text)
        .ok_or_else(|| ApiError::field("role", "a role is one of viewer, contributor, owner"))
}

/// Members with what they are called: read once for all of them.
async fn entities(
    api: &ApiState,
    team_id: i64,
    rows: &[MemberRow],
) -> Result<Vec<Member>, ApiError> {
    let names: Vec<&str> = rows.iter().map(|row| &*row.user_name).collect();
    let profiles = api.auth.desk.vault.profiles(&names).await;
    let mut profiles = profiles.map_err(|err| ApiError::internal(&err))?;
    let draw = |row: &MemberRow| Member {
        id: row.id,
        team_id,
        user_id: row.user_id,
        username: row.user_name.clone(),
        display_name: profiles.remove(&row.user_name).unwrap_or_default().display_name,
        bot: row.bot,
        role: row.role.clone(),
        created_at: row.created_at,
        updated_at: row.updated_at,
    };
    Ok(rows.iter().map(draw).collect())
}
