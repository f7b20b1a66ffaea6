//! `/repositories`

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use commands::{repositories as wishes, stars as star_wishes};
use domain::access::{Action, Resource};
use domain::name::RepositoryName;
use domain::namespace::Visibility;
use http::StatusCode;
use jiff::Timestamp;
use projections::repositories::{self, Cursor, Filter, Order, RepositoryRow, Sort};
use projections::{registries, stars};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::act::{Failed, done, gone};
use super::answers::{RefusedBody, RefusedOne, RefusedWish};
use super::ids::Place;
use super::namespaces::VisibilityName;
use super::paging::{Direction, Page, PageParams, onward};
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

/// Which repositories, and in which order.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RepositoryParams {
    /// What to sort by: by name unless given.
    #[param(inline)]
    sort_attr: Option<Attribute>,
    /// Names upwards and all else downwards unless given.
    #[param(inline)]
    sort_order: Option<Direction>,
    /// Those over which this namespace decides, by name or number.
    namespace: Option<String>,
    #[param(inline)]
    visibility: Option<VisibilityName>,
    /// Whose full name begins so.
    #[param(max_length = 255)]
    prefix: Option<String>,
    /// Whose full name holds this.
    #[param(max_length = 255)]
    part: Option<String>,
    /// Pushed to at or after.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// `true`: those that the caller starred.
    starred: Option<bool>,
    /// Where a sorted or filtered list goes on: as its Link header has it.
    #[param(max_length = 1024)]
    after: Option<String>,
}

/// What repositories are sorted by.
#[derive(Deserialize, ToSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Attribute {
    Name,
    /// As name, for old scripts' sake.
    Id,
    /// Last push.
    Pushed,
    /// Last pull.
    Pulled,
    Pulls,
    Stars,
    Tags,
    /// Bytes.
    Size,
}

/// Lists repositories.
///
/// Those that the caller may see. Sorted by name and not filtered, the list has page numbers and
/// totals; in any other order, or filtered, it has neither, and the Link header leads on.
#[utoipa::path(
    get, path = "/repositories", operation_id = "list_repositories", tag = "Repositories",
    security(()), params(RepositoryParams, PageParams),
    responses((status = 200, description = "A page of them.", body = [Repository]), RefusedOne)
)]
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    mut params: Params,
) -> Result<Response, ApiError> {
    caller.must_read()?;
    let asked: RepositoryParams = params.take()?;
    let page = Page::of(&mut params)?;
    params.end()?;
    let visible = caller.viewer.visible();
    if let Some(browse) = asked.browse(&api, &caller).await? {
        let Browse { filter, order, after } = browse;
        let limit = page.first("sorted or filtered, this list")?;
        let slice =
            repositories::browse(&api.read, &visible, &filter, order, after.as_ref(), limit);
        let slice = slice.await?;
        let next = slice.next.as_ref().map(ToString::to_string);
        let all = entities(&api, &caller, &slice.rows).await?;
        return Ok(onward(all, 0, ("after", next), &params, &api.auth.external));
    }
    let (rows, total) = (page.rows(), repositories::count(&api.read, &visible));
    let (rows, total) = tokio::try_join!(repositories::list(&api.read, &visible, &rows), total)?;
    let all = entities(&api, &caller, &rows).await?;
    Ok(page.answer(all, total, &params, &api.auth.external))
}

/// A list that goes on behind its last row.
struct Browse {
    filter: Filter,
    order: Order,
    after: Option<Cursor>,
}

impl RepositoryParams {
    /// `None`: all of them, by name.
    async fn browse(self, api: &ApiState, caller: &ApiCaller) -> Result<Option<Browse>, ApiError> {
        let sort = match self.sort_attr.unwrap_or(Attribute::Name) {
            Attribute::Name | Attribute::Id => Sort::Name,
            Attribute::Pushed => Sort::Pushed,
            Attribute::Pulled => Sort::Pulled,
            Attribute::Pulls => Sort::Pulls,
            Attribute::Stars => Sort::Stars,
            Attribute::Tags => Sort::Tags,
            Attribute::Size => Sort::Size,
        };
        let mut order = Order::by(sort);
        if let Some(direction) = self.sort_order {
            order.descending = direction == Direction::Desc;
        }
        let after = self.after.map(|text| {
            let cursor = text.parse::<Cursor>().ok().filter(|cursor| cursor.order == order);
            cursor.ok_or_else(|| {
                ApiError::bad_request("The parameter `after` is no place in a list of this order")
            })
        });
        let plain = order == Order::by(Sort::Name)
            && self.namespace.is_none()
            && self.visibility.is_none()
            && self.prefix.is_none()
            && self.part.is_none()
            && self.since.is_none()
            && self.starred != Some(true)
            && after.is_none();
        if plain {
            return Ok(None);
        }
        for (name, text) in [("prefix", &self.prefix), ("part", &self.part)] {
            if text.as_ref().is_some_and(|text| text.len() > RepositoryName::MAX_BYTES) {
                let text = format!("`{name}` has at most {} bytes", RepositoryName::MAX_BYTES);
                return Err(ApiError::bad_request(text));
            }
        }
        let namespace = match &self.namespace {
            Some(id) => Some(super::namespaces::seen(api, caller, id).await?.0),
            None => None,
        };
        let starred_by = match self.starred {
            Some(true) => Some(caller.viewer.user().cloned().ok_or_else(ApiError::unauthorized)?),
            _ => None,
        };
        let filter = Filter {
            namespace,
            visibility: self.visibility.map(Visibility::from),
            part: self.part,
            prefix: self.prefix,
            since: self.since,
            starred_by,
        };
        Ok(Some(Browse { filter, order, after: after.transpose()? }))
    }
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
    let one = entities(api, caller, std::slice::from_ref(row)).await?;
    one.into_iter().next().ok_or_else(ApiError::not_found)
}

/// Repositories as the caller sees them: what they are drawn with is read once for all of them.
pub(super) async fn entities(
    api: &ApiState,
    caller: &ApiCaller,
    rows: &[RepositoryRow],
) -> Result<Vec<Repository>, ApiError> {
    let registries = registries::list(&api.read).await?;
    let starred = match caller.viewer.user() {
        Some(user) => {
            let names = rows.iter().map(|row| (&*row.registry, &*row.name));
            stars::starred_among(&api.read, user, names).await?
        }
        None => BTreeSet::new(),
    };
    let draw = |row: &RepositoryRow| {
        let host = registries.iter().find(|known| known.name == row.registry);
        let starred = starred.contains(&(row.registry.clone(), row.name.clone()));
        drawn(row, host.map(|known| known.host.clone()), starred)
    };
    Ok(rows.iter().map(draw).collect())
}

fn drawn(row: &RepositoryRow, host: Option<String>, starred: bool) -> Repository {
    let short = row.namespace.as_deref().and_then(|namespace| {
        row.name.strip_prefix(namespace).and_then(|rest| rest.strip_prefix('/'))
    });
    let namespace = row.namespace.clone().map(|name| NamespaceOfRepository {
        id: row.namespace_id,
        name,
        visibility: row.visibility.clone(),
    });
    Repository {
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
    }
}
