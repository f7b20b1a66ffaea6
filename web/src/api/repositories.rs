//! `/repositories`

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use commands::{repositories as wishes, stars as star_wishes};
use domain::access::{Action, Resource};
use domain::name::{RegistryName, RepositoryName};
use http::StatusCode;
use jiff::Timestamp;
use projections::repositories::{self, RepositoryRow};
use projections::{registries, stars};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::act::{Failed, done, gone};
use super::answers::{Refused, RefusedBody, RefusedOne, RefusedWish};
use super::ids::Place;
use super::paging::{ByName, Page, PageParams, in_turn};
use super::params::Params;
use super::strict_json::StrictJson;
use super::{ApiState, ids};
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// What is said of a repository.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateRepositoryBody)]
pub(super) struct UpdateBody {
    repository: UpdateRepository,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateRepository {
    /// In Markdown.
    #[schema(max_length = 4_096)]
    description: String,
}

/// A repository.
#[derive(Serialize, ToSchema)]
pub(super) struct Repository {
    id: i64,
    /// What follows the namespace, as in the original.
    name: String,
    full_name: String,
    registry: String,
    /// What images are called by: `registry_hostname/full_name`.
    registry_hostname: Option<String>,
    /// In Markdown.
    description: String,
    /// The namespace that decides over it; null: none does.
    namespace: Option<NamespaceOfRepository>,
    /// How many people starred it.
    stars: i64,
    /// Whether the caller did.
    starred: bool,
    tags_count: i64,
    pulls: i64,
    last_pull_at: Option<Timestamp>,
    last_push_at: Option<Timestamp>,
    last_push_by: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The namespace that decides over a repository.
#[derive(Serialize, ToSchema)]
struct NamespaceOfRepository {
    id: Option<i64>,
    name: String,
    visibility: Option<String>,
}

/// Lists repositories.
///
/// Those that the caller may see.
#[utoipa::path(
    get, path = "/repositories", operation_id = "list_repositories", tag = "Repositories",
    security(()), params(PageParams, ByName),
    responses((status = 200, description = "A page of them.", body = [Repository]), Refused)
)]
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    mut params: Params,
) -> Result<Response, ApiError> {
    caller.must_read()?;
    let page = Page::by_name(&mut params)?;
    params.end()?;
    let visible = caller.viewer.visible();
    let rows = repositories::list(&api.read, &visible, &page.rows()).await?;
    let total = repositories::count(&api.read, &visible).await?;
    let all = in_turn(rows.iter().map(|row| entity(&api, &caller, row))).await?;
    Ok(page.answer(all, total, &params, &api.auth.external))
}

/// Shows a repository.
#[utoipa::path(
    get, path = "/repositories/{repository}", operation_id = "show_repository",
    tag = "Repositories", security(()),
    params(("repository" = String, Path, description = "Number or name.")),
    responses((status = 200, description = "The repository.", body = Repository), RefusedOne)
)]
pub(super) async fn show(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Repository>, ApiError> {
    params.end()?;
    let (_, row) = seen(&api, &caller, &id).await?;
    Ok(Json(entity(&api, &caller, &row).await?))
}

/// Describes a repository.
#[utoipa::path(
    put, path = "/repositories/{repository}", operation_id = "update_repository",
    tag = "Repositories",
    params(("repository" = String, Path, description = "Number or name.")),
    request_body = UpdateBody,
    responses((status = 200, description = "The repository.", body = Repository), RefusedBody)
)]
pub(super) async fn update(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    StrictJson(body): StrictJson<UpdateBody>,
) -> Result<Response, ApiError> {
    let (place, _) = seen(&api, &caller, &id).await?;
    let resource = resource(&place);
    let (api, at, text) = (&api, &place, &body.repository.description);
    let change = move |by, _| async move {
        let desk = &api.auth.desk;
        Ok::<_, Failed>(wishes::describe(desk, &by, &at.0, &at.1, text.clone()).await?)
    };
    let written = api.act(&caller, Action::EditRepository, &resource, change).await?;
    api.settled(written).await?;
    let (_, row) = seen(api, &api.renewed(&caller)?, &id).await?;
    Ok(done(StatusCode::OK, written, entity(api, &caller, &row).await?))
}

/// Stars a repository.
#[utoipa::path(
    put, path = "/repositories/{repository}/star", operation_id = "star_repository",
    tag = "Repositories",
    params(("repository" = String, Path, description = "Number or name.")),
    responses((status = 204, description = "It is starred."), RefusedWish)
)]
pub(super) async fn star(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    params.end()?;
    set_star(&api, &caller, &id, true).await
}

/// Takes a star back.
#[utoipa::path(
    delete, path = "/repositories/{repository}/star", operation_id = "unstar_repository",
    tag = "Repositories",
    params(("repository" = String, Path, description = "Number or name.")),
    responses((status = 204, description = "It is not starred."), RefusedWish)
)]
pub(super) async fn unstar(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, ApiError> {
    params.end()?;
    set_star(&api, &caller, &id, false).await
}

async fn set_star(
    api: &ApiState,
    caller: &ApiCaller,
    id: &str,
    star: bool,
) -> Result<Response, ApiError> {
    caller.must_have_signed_in()?;
    let (place, _) = seen(api, caller, id).await?;
    let at = &place;
    let change = move |by, caller: ApiCaller| async move {
        let user = caller.viewer.user().ok_or_else(ApiError::unauthorized)?;
        let desk = &api.auth.desk;
        Ok::<_, Failed>(if star {
            star_wishes::star(desk, &by, user, &at.0, &at.1).await?
        } else {
            star_wishes::unstar(desk, &by, user, &at.0, &at.1).await?
        })
    };
    let written = api.act(caller, Action::Star, &resource(&place), change).await?;
    api.settled(written).await?;
    Ok(gone(written))
}

/// A repository that the caller may see.
pub(super) async fn seen(
    api: &ApiState,
    caller: &ApiCaller,
    id: &str,
) -> Result<(Place<RepositoryName>, RepositoryRow), ApiError> {
    let found = ids::repository(&api.read, id, &caller.viewer.owner_visible()).await;
    let (place, row) = found.map_err(|err| super::namespaces::absent(caller, err))?;
    caller.must(Action::SeeRepository, &resource(&place))?;
    Ok((place, row))
}

fn resource((registry, name): &Place<RepositoryName>) -> Resource {
    Resource::Repository { registry: registry.clone(), name: name.clone() }
}

/// A repository as the caller sees it.
pub(super) async fn entity(
    api: &ApiState,
    caller: &ApiCaller,
    row: &RepositoryRow,
) -> Result<Repository, ApiError> {
    let registry = ids::stored(RegistryName::parse(&row.registry))?;
    let full = ids::stored(RepositoryName::parse(&row.name))?;
    let host = registries::find(&api.read, &registry).await?.map(|found| found.host);
    let starred = match caller.viewer.user() {
        Some(user) => stars::is_starred(&api.read, user, &registry, &full).await?,
        None => false,
    };
    let short = row.namespace.as_deref().and_then(|namespace| {
        row.name.strip_prefix(namespace).and_then(|rest| rest.strip_prefix('/'))
    });
    let namespace = row.namespace.clone().map(|name| NamespaceOfRepository {
        id: row.namespace_id,
        name,
        visibility: row.visibility.clone(),
    });
    Ok(Repository {
        id: row.id,
        name: short.unwrap_or(&row.name).to_owned(),
        full_name: row.name.clone(),
        registry: row.registry.clone(),
        registry_hostname: host,
        description: row.description.clone(),
        namespace,
        stars: row.stars,
        starred,
        tags_count: row.tags,
        pulls: row.pulls,
        last_pull_at: row.last_pull_at,
        last_push_at: row.last_push_at,
        last_push_by: row.last_push_by.clone(),
        created_at: row.created_at,
        updated_at: row.last_push_at.unwrap_or(row.created_at),
    })
}
