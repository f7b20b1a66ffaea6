//! `/teams`

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use commands::{namespaces as namespace_wishes, teams as wishes};
use domain::access::{Action, Resource};
use domain::event::Position;
use domain::name::{TeamName, UserName};
use domain::team::Role;
use http::StatusCode;
use jiff::Timestamp;
use projections::namespaces;
use projections::teams::{self, TeamRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::act::{Failed, done, gone};
use super::answers::{Refused, RefusedBody, RefusedOne, RefusedWish};
use super::members::RoleName;
use super::namespaces::Namespace;
use super::paging::{ByName, Page, PageParams, Sorted, in_turn};
use super::params::Params;
use super::strict_json::StrictJson;
use super::{ApiState, ids};
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// A new team.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateTeamBody)]
pub(super) struct CreateBody {
    /// For ever.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    #[serde(default)]
    #[schema(max_length = 4_096)]
    description: Option<String>,
    /// By an administrator: whose it is to be; their own otherwise.
    #[serde(default)]
    owner_id: Option<i64>,
}

/// What changes of a team.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateTeamBody)]
pub(super) struct UpdateBody {
    team: UpdateTeam,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateTeam {
    /// Taken only as it is: a name is for ever.
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    #[schema(max_length = 4_096)]
    description: Option<String>,
}

/// People who work together.
#[derive(Serialize, ToSchema)]
pub(super) struct Team {
    id: i64,
    name: String,
    description: String,
    /// The original hides everybody's own team. There are none here.
    hidden: bool,
    /// The caller's; null: they are not in it.
    #[schema(value_type = Option<RoleName>)]
    role: Option<&'static str>,
    /// Without one, administrators look after it.
    has_enabled_owner: bool,
    users_count: i64,
    namespaces_count: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A team made for somebody else: the maker may not be in it.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ChangedTeam)]
enum Answer {
    Seen(Team),
    Foreign(super::namespaces::NameAlone),
}

/// What becomes of what a team holds.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RemoveParams {
    /// The team that gets its namespaces, by name or number. Needed where it holds any.
    new_team: Option<String>,
}

/// Which teams.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TeamParams {
    /// Whose name begins so.
    prefix: Option<String>,
}

/// Lists teams.
///
/// Those that the caller may see.
#[utoipa::path(
    get, path = "/teams", operation_id = "list_teams", tag = "Teams",
    params(TeamParams, PageParams, Sorted),
    responses((status = 200, description = "A page of them.", body = [Team]), Refused)
)]
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    mut params: Params,
) -> Result<Response, ApiError> {
    caller.must_be_somebody()?;
    let page = Page::of(&mut params)?;
    let order = params.take::<Sorted>()?.into();
    let TeamParams { prefix } = params.take()?;
    params.end()?;
    let (visible, prefix) = (caller.viewer.visible(), prefix.as_deref());
    let rows = teams::page(&api.read, &visible, prefix, order, &page.rows()).await?;
    let total = teams::count(&api.read, &visible, prefix).await?;
    let rows = rows.iter().map(|row| entity(&caller, row)).collect::<Result<Vec<_>, _>>()?;
    Ok(page.answer(rows, total, &params, &api.auth.external))
}

/// Shows a team.
#[utoipa::path(
    get, path = "/teams/{team}", operation_id = "show_team", tag = "Teams",
    params(("team" = String, Path, description = "Number or name.")),
    responses((status = 200, description = "The team.", body = Team), RefusedOne)
)]
pub(super) async fn show(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Team>, ApiError> {
    params.end()?;
    let (_, row) = seen(&api, &caller, &id).await?;
    Ok(Json(entity(&caller, &row)?))
}

/// Makes a team.
///
/// Whoever makes it owns it. Administrators may make one for somebody else, and see its name alone
/// where they are not to see more.
#[utoipa::path(
    post, path = "/teams", operation_id = "create_team", tag = "Teams",
    request_body = CreateBody,
    responses((status = 201, description = "The team.", body = Answer), RefusedBody)
)]
pub(super) async fn create(
    State(api): State<ApiState>,
    caller: ApiCaller,
    StrictJson(body): StrictJson<CreateBody>,
) -> Result<Response, ApiError> {
    let foreign = body.owner_id.is_some();
    let action = if foreign { Action::ManageUsers } else { Action::CreateTeam };
    let (api, body) = (&api, &body);
    let change = move |by, caller: ApiCaller| async move {
        let team = ids::field("name", TeamName::parse(&body.name))?;
        let owner: UserName = match (body.owner_id, caller.viewer.user()) {
            (Some(id), _) => {
                let found = ids::user(&api.read, &id.to_string()).await;
                found.map_err(|_| ApiError::field("owner_id", "there is no such user"))?.0
            }
            (None, Some(own)) => own.clone(),
            (None, None) => return Err(ApiError::unauthorized().into()),
        };
        let description = body.description.clone().unwrap_or_default();
        let written = wishes::create(&api.auth.desk, &by, &team, &owner, description).await?;
        Ok::<_, Failed>((team, written))
    };
    let (team, written) = api.act(&caller, action, &Resource::System, change).await?;
    api.settled(written).await?;
    answer(api, &caller, StatusCode::CREATED, &team, written).await
}

/// Describes a team.
///
/// Its name is for ever.
#[utoipa::path(
    put, path = "/teams/{team}", operation_id = "update_team", tag = "Teams",
    params(("team" = String, Path, description = "Number or name.")),
    request_body = UpdateBody,
    responses((status = 200, description = "The team.", body = Answer), RefusedBody)
)]
pub(super) async fn update(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    StrictJson(body): StrictJson<UpdateBody>,
) -> Result<Response, ApiError> {
    let (name, _) = seen(&api, &caller, &id).await?;
    let (api, team, body) = (&api, &name, &body.team);
    let change = move |by, _| async move {
        if let Some(text) = &body.name
            && ids::field("name", TeamName::parse(text))? != *team
        {
            let text = "a team's name cannot be changed; make a new team and move its namespaces";
            return Err(ApiError::field("name", text).into());
        }
        let Some(description) = body.description.clone() else { return Ok(Position(0)) };
        Ok::<_, Failed>(wishes::describe(&api.auth.desk, &by, team, description).await?)
    };
    let resource = Resource::Team { name: name.clone() };
    let written = api.act(&caller, Action::ManageTeam, &resource, change).await?;
    api.settled(written).await?;
    answer(api, &caller, StatusCode::OK, team, written).await
}

/// Deletes a team.
///
/// Its namespaces go to the other team first. Nothing is deleted with it.
#[utoipa::path(
    delete, path = "/teams/{team}", operation_id = "remove_team", tag = "Teams",
    params(("team" = String, Path, description = "Number or name."), RemoveParams),
    responses((status = 204, description = "It is gone."), RefusedWish)
)]
pub(super) async fn remove(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    let RemoveParams { new_team: heir } = params.only()?;
    let (name, _) = seen(&api, &caller, &id).await?;
    let resource = Resource::Team { name: name.clone() };
    caller.must(Action::DeleteTeam, &resource)?;
    let mut moved = Position(0);
    let held = caller.viewer.graph().namespaces_of(&name).len();
    if held > 0 {
        let Some(heir) = heir else {
            let text = format!("the team holds {held} namespaces; `new_team` must get them");
            return Err(ApiError::field("new_team", text));
        };
        let (heir, _) = ids::team(&api.read, &heir, &caller.viewer.visible()).await?;
        if heir == name {
            return Err(ApiError::field("new_team", "this is the team that is to be deleted"));
        }
        moved = move_all(&api, &caller, &name, &heir).await?;
        api.settled(moved).await?;
    }
    let caller = api.renewed(&caller)?;
    let (api, team) = (&api, &name);
    let change = move |by, caller: ApiCaller| async move {
        if !caller.viewer.graph().namespaces_of(team).is_empty() {
            let text = "the team was given a namespace just now; try again";
            return Err(ApiError::field("new_team", text).into());
        }
        Ok::<_, Failed>(wishes::delete(&api.auth.desk, &by, team).await?)
    };
    let written = api.act(&caller, Action::DeleteTeam, &resource, change).await?.max(moved);
    api.settled(written).await?;
    Ok(gone(written))
}

/// Lists a team's namespaces.
#[utoipa::path(
    get, path = "/teams/{team}/namespaces", operation_id = "list_team_namespaces", tag = "Teams",
    params(("team" = String, Path, description = "Number or name."), PageParams, ByName),
    responses((status = 200, description = "A page of them.", body = [Namespace]), RefusedOne)
)]
pub(super) async fn namespaces(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, ApiError> {
    let page = Page::by_name(&mut params)?;
    params.end()?;
    let (name, row) = seen(&api, &caller, &id).await?;
    let visible = caller.viewer.visible();
    let rows = namespaces::of_team(&api.read, &name, &visible, &page.rows()).await?;
    let all = in_turn(rows.iter().map(|row| super::namespaces::entity(&api, &caller, row))).await?;
    Ok(page.answer(all, row.namespaces, &params, &api.auth.external))
}

/// A team whose page the caller may see.
pub(super) async fn seen(
    api: &ApiState,
    caller: &ApiCaller,
    id: &str,
) -> Result<(TeamName, TeamRow), ApiError> {
    caller.must_have_signed_in()?;
    let found = ids::team(&api.read, id, &caller.viewer.owner_visible()).await?;
    caller.must(Action::SeeTeam, &Resource::Team { name: found.0.clone() })?;
    Ok(found)
}

fn role(caller: &ApiCaller, team: &TeamName) -> Option<Role> {
    caller.viewer.graph().role_in(caller.viewer.user()?, team)
}

async fn move_all(
    api: &ApiState,
    caller: &ApiCaller,
    from: &TeamName,
    to: &TeamName,
) -> Result<Position, ApiError> {
    let mut moved = Position(0);
    for (registry, name) in caller.viewer.graph().namespaces_of(from) {
        let resource = Resource::Namespace { registry: registry.clone(), name: name.clone() };
        let (registry, name) = (&registry, &name);
        let change = move |by, _| async move {
            let (desk, to) = (&api.auth.desk, to.clone());
            Ok::<_, Failed>(namespace_wishes::change_team(desk, &by, registry, name, to).await?)
        };
        let action = change_team(caller, to);
        moved = moved.max(api.act(caller, action, &resource, change).await?);
    }
    Ok(moved)
}

/// The right that giving a namespace to `team` takes.
pub(super) fn change_team(caller: &ApiCaller, team: &TeamName) -> Action {
    caller.viewer.graph().change_team_action(&caller.viewer.subject, team)
}

async fn answer(
    api: &ApiState,
    caller: &ApiCaller,
    status: StatusCode,
    team: &TeamName,
    written: Position,
) -> Result<Response, ApiError> {
    let caller = api.renewed(caller)?;
    let row = teams::find(&api.read, team, &caller.viewer.visible()).await?;
    let body = match row {
        Some(row) => Answer::Seen(entity(&caller, &row)?),
        None => Answer::Foreign(super::namespaces::NameAlone { name: team.to_string() }),
    };
    Ok(done(status, written, body))
}

fn entity(caller: &ApiCaller, row: &TeamRow) -> Result<Team, ApiError> {
    let name = ids::stored(TeamName::parse(&row.name))?;
    Ok(Team {
        id: row.id,
        name: row.name.clone(),
        description: row.description.clone(),
        hidden: false,
        role: role(caller, &name).map(Role::as_str),
        has_enabled_owner: caller.viewer.graph().has_enabled_owner(&name),
        users_count: row.members,
        namespaces_count: row.namespaces,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
