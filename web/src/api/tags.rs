//! `/tags`: by number, wherever they are. `/repositories/{repository}/tags` is in
//! [`super::repository_tags`].

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use domain::access::{Action, Resource};
use domain::name::{RegistryName, RepositoryName, TagName};
use jiff::Timestamp;
use projections::tags::{self, PlacedTagRow, TagPlaceRow, TagRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::{Refused, RefusedOne};
use super::paging::{ByName, Page, PageParams};
use super::params::Params;
use super::repositories::seen;
use super::{ApiState, ids};
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// A name of a manifest.
#[derive(Serialize, ToSchema)]
pub(super) struct Tag {
    id: i64,
    name: String,
    /// Who pushed it last, where that is known.
    author: Option<Author>,
    /// The manifest that it names.
    digest: String,
    media_type: Option<String>,
    artifact_type: Option<String>,
    /// image, index, artifact or unknown.
    kind: Option<String>,
    /// `os/architecture`, where the registry tells.
    platforms: Vec<String>,
    /// Bytes, with everything that the manifest references directly.
    size: Option<i64>,
    /// Found in the registry, which had not told of it.
    observed: bool,
    pulls: i64,
    last_pull_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Whoever pushed a tag.
#[derive(Serialize, ToSchema)]
pub(super) struct Author {
    name: String,
}

/// A tag, and where it is.
#[derive(Serialize, ToSchema)]
pub(super) struct PlacedTag {
    #[serde(flatten)]
    tag: Tag,
    registry: String,
    /// The repository's full name.
    repository: String,
}

/// Lists all tags.
#[utoipa::path(
    get, path = "/tags", operation_id = "list_tags", tag = "Tags",
    params(PageParams, ByName),
    responses((status = 200, description = "A page of them.", body = [PlacedTag]), Refused)
)]
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    mut params: Params,
) -> Result<Response, ApiError> {
    caller.must(Action::AdminPanel, &Resource::System)?;
    let page = Page::by_name(&mut params)?;
    params.end()?;
    let places = tags::places(&api.read, &page.rows()).await?;
    let total = tags::places_count(&api.read).await?;
    let placed = |place: PlacedTagRow| PlacedTag {
        tag: place.tag.into(),
        registry: place.registry,
        repository: place.repository,
    };
    let all: Vec<PlacedTag> = places.into_iter().map(placed).collect();
    Ok(page.answer(all, total, &params, &api.auth.external))
}

/// Shows a tag.
///
/// Of a repository that the caller may see.
#[utoipa::path(
    get, path = "/tags/{tag}", operation_id = "show_tag", tag = "Tags", security(()),
    params(("tag" = String, Path, description = "Its number.")),
    responses((status = 200, description = "The tag.", body = PlacedTag), RefusedOne)
)]
pub(super) async fn show(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<PlacedTag>, ApiError> {
    params.end()?;
    let absent = || super::namespaces::absent(&caller, ApiError::not_found());
    let number = ids::number(&id).ok_or_else(absent)?;
    let place = tags::place(&api.read, number).await?.ok_or_else(absent)?;
    seen(&api, &caller, &format!("{}:{}", place.registry, place.repository)).await?;
    entity(&api, &place).await?.map(Json).ok_or_else(absent)
}

async fn entity(api: &ApiState, place: &TagPlaceRow) -> Result<Option<PlacedTag>, ApiError> {
    let registry = ids::stored(RegistryName::parse(&place.registry))?;
    let repository = ids::stored(RepositoryName::parse(&place.repository))?;
    let tag = ids::stored(TagName::parse(&place.name))?;
    let row = tags::find(&api.read, &registry, &repository, &tag).await?;
    Ok(row.map(|row| PlacedTag {
        tag: row.into(),
        registry: place.registry.clone(),
        repository: place.repository.clone(),
    }))
}

impl From<TagRow> for Tag {
    fn from(row: TagRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            author: row.pushed_by.map(|name| Author { name }),
            digest: row.digest,
            media_type: row.media_type,
            artifact_type: row.artifact_type,
            kind: row.kind,
            platforms: row.platforms,
            size: row.total_size,
            observed: row.observed,
            pulls: row.pulls,
            last_pull_at: row.last_pull_at,
            created_at: row.created_at,
            updated_at: row.changed_at,
        }
    }
}
