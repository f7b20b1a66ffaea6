//! `/repositories`

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use commands::{repositories as wishes, stars as star_wishes};
use domain::access::{Action, Resource};
use domain::name::{RegistryName, RepositoryName, TagName};
use http::StatusCode;
use projections::repositories::{self, RepositoryRow};
use projections::tags::TagRow;
use projections::{Paging, registries, stars, tags};
use serde::Deserialize;
use serde_json::{Value, json};

use super::act::{Failed, done, gone};
use super::ids::Place;
use super::paging::{Page, in_turn};
use super::params::Params;
use super::strict_json::StrictJson;
use super::{ApiState, ids};
use crate::auth::ApiCaller;
use crate::error::ApiError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateBody {
    repository: UpdateRepository,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateRepository {
    description: String,
}

/// `GET /repositories`: those that may be seen.
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    mut params: Params,
) -> Result<Response, ApiError> {
    caller.must_read()?;
    let page = Page::of(&mut params)?;
    params.end()?;
    let visible = caller.viewer.visible();
    let rows = repositories::list(&api.read, &visible, &page.rows()).await?;
    let total = repositories::count(&api.read, &visible).await?;
    let all = in_turn(rows.iter().map(|row| entity(&api, &caller, row))).await?;
    Ok(page.answer(all, total, &params, &api.auth.external))
}

/// `GET /repositories/{repository}`
pub(super) async fn show(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    params.end()?;
    let (_, row) = seen(&api, &caller, &id).await?;
    Ok(Json(entity(&api, &caller, &row).await?))
}

/// `PUT /repositories/{repository}`
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

/// `GET /repositories/{repository}/tags`
pub(super) async fn tags(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, ApiError> {
    let page = Page::of(&mut params)?;
    params.end()?;
    let ((registry, name), row) = seen(&api, &caller, &id).await?;
    let rows = tags::list(&api.read, &registry, &name, &page.rows()).await?;
    let rows = rows.iter().map(tag_entity).collect();
    Ok(page.answer(rows, row.tags, &params, &api.auth.external))
}

/// `GET /repositories/{repository}/tags/grouped`: lists of tags that point at the same manifest,
/// the latest first. Of at most a thousand tags, the first by name.
pub(super) async fn grouped(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Vec<Vec<Value>>>, ApiError> {
    params.end()?;
    let ((registry, name), _) = seen(&api, &caller, &id).await?;
    let rows =
        tags::list(&api.read, &registry, &name, &Paging::first(projections::MAX_PAGE)).await?;
    let mut groups: BTreeMap<&str, Vec<&TagRow>> = BTreeMap::new();
    for row in &rows {
        groups.entry(&row.digest).or_default().push(row);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.iter().map(|tag| tag.changed_at).max()));
    let groups = groups.into_iter().map(|group| group.into_iter().map(tag_entity).collect());
    Ok(Json(groups.collect()))
}

/// `GET /repositories/{repository}/tags/{tag}`: by number or name.
pub(super) async fn tag(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path((id, tag)): Path<(String, String)>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    params.end()?;
    let ((registry, name), _) = seen(&api, &caller, &id).await?;
    // A tag may be called `7`, too: its name goes before its number.
    let mut row = match TagName::parse(&tag) {
        Ok(tag) => tags::find(&api.read, &registry, &name, &tag).await?,
        Err(_) => None,
    };
    if let (None, Some(number)) = (&row, ids::number(&tag))
        && let Some(place) = tags::place(&api.read, number).await?
        && place.registry == registry.as_str()
        && place.repository == name.as_str()
    {
        let tag = ids::stored(TagName::parse(&place.name))?;
        row = tags::find(&api.read, &registry, &name, &tag).await?;
    }
    Ok(Json(tag_entity(&row.ok_or_else(ApiError::not_found)?)))
}

/// `PUT /repositories/{repository}/star`
pub(super) async fn star(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    set_star(&api, &caller, &id, true).await
}

/// `DELETE /repositories/{repository}/star`
pub(super) async fn unstar(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
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

/// A repository. `name` is what follows the namespace, as in the original.
pub(super) async fn entity(
    api: &ApiState,
    caller: &ApiCaller,
    row: &RepositoryRow,
) -> Result<Value, ApiError> {
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
    let namespace = row
        .namespace
        .as_ref()
        .map(|name| json!({ "id": row.namespace_id, "name": name, "visibility": row.visibility }));
    Ok(json!({
        "id": row.id,
        "name": short.unwrap_or(&row.name),
        "full_name": row.name,
        "registry": row.registry,
        "registry_hostname": host,
        "description": row.description,
        "namespace": namespace,
        "stars": row.stars,
        "starred": starred,
        "tags_count": row.tags,
        "pulls": row.pulls,
        "last_pull_at": row.last_pull_at,
        "last_push_at": row.last_push_at,
        "last_push_by": row.last_push_by,
        "created_at": row.created_at,
        "updated_at": row.last_push_at.unwrap_or(row.created_at),
    }))
}

/// A tag.
pub(super) fn tag_entity(row: &TagRow) -> Value {
    json!({
        "id": row.id,
        "name": row.name,
        "author": row.pushed_by.as_ref().map(|name| json!({ "name": name })),
        "digest": row.digest,
        "media_type": row.media_type,
        "artifact_type": row.artifact_type,
        "kind": row.kind,
        "platforms": row.platforms,
        "size": row.total_size,
        "observed": row.observed,
        "pulls": row.pulls,
        "last_pull_at": row.last_pull_at,
        "created_at": row.created_at,
        "updated_at": row.changed_at,
    })
}
