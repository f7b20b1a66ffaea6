//! `/repositories/{repository}/tags`: the tags of one repository, and what each has named.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use domain::name::TagName;
use jiff::Timestamp;
use projections::Paging;
use projections::tags::{self, TagChangeRow, TagRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::RefusedOne;
use super::paging::{Direction, Page, PageParams, onward, rows};
use super::params::Params;
use super::repositories::seen;
use super::tags::Tag;
use super::{ApiState, ids};
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// A change of what a tag names.
#[derive(Serialize, ToSchema)]
pub(super) struct TagChange {
    /// Position of the fact in the log.
    position: i64,
    /// pushed, moved, deleted, observed or missed.
    change: String,
    /// What it names since; null: nothing.
    digest: Option<String>,
    at: Timestamp,
    /// Who did it, or what found it.
    actor: String,
}

/// Which tags.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TagParams {
    /// Whose name begins so; only by name.
    prefix: Option<String>,
}

/// How to sort tags.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SortedTags {
    /// What to sort by: by name unless given. `id` is taken for old scripts' sake, and means `name`.
    #[param(inline)]
    sort_attr: Option<TagAttribute>,
    /// Names upwards, and what was pushed downwards: the newest first.
    #[param(inline)]
    sort_order: Option<Direction>,
}

#[derive(Deserialize, ToSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum TagAttribute {
    Name,
    Id,
    Pushed,
}

impl SortedTags {
    /// Whether the newest come first; else they come by name.
    fn newest(&self) -> Result<bool, ApiError> {
        let newest = self.sort_attr == Some(TagAttribute::Pushed);
        let only = if newest { Direction::Desc } else { Direction::Asc };
        if self.sort_order.is_some_and(|order| order != only) {
            let text = "tags are sorted by `name` with `asc`, or by `pushed` with `desc`";
            return Err(ApiError::bad_request(text));
        }
        Ok(newest)
    }
}

/// Lists a repository's tags.
#[utoipa::path(
    get, path = "/repositories/{repository}/tags", operation_id = "list_repository_tags",
    tag = "Tags", security(()),
    params(
        ("repository" = String, Path, description = "Number or name."),
        PageParams, TagParams, SortedTags,
    ),
    responses((status = 200, description = "A page of them.", body = [Tag]), RefusedOne)
)]
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, ApiError> {
    let page = Page::of(&mut params)?;
    let TagParams { prefix } = params.take()?;
    let newest = params.take::<SortedTags>()?.newest()?;
    params.end()?;
    let ((registry, name), row) = seen(&api, &caller, &id).await?;
    let (rows, total) = match prefix {
        Some(_) if newest => {
            let text = "`prefix` narrows a list by name: leave `sort_attr` out";
            return Err(ApiError::bad_request(text));
        }
        Some(prefix) => {
            let rows = tags::list(&api.read, &registry, &name, &prefix, &page.rows()).await?;
            (rows, tags::count(&api.read, &registry, &name, &prefix).await?)
        }
        None if newest => {
            (tags::newest(&api.read, &registry, &name, &page.rows()).await?, row.tags)
        }
        None => (tags::list(&api.read, &registry, &name, "", &page.rows()).await?, row.tags),
    };
    let rows: Vec<Tag> = rows.into_iter().map(Tag::from).collect();
    Ok(page.answer(rows, total, &params, &api.auth.external))
}

/// Lists a repository's tags by what they name.
///
/// Lists of tags that name the same manifest, the latest first. Of at most a thousand tags, the
/// first by name.
#[utoipa::path(
    get, path = "/repositories/{repository}/tags/grouped", operation_id = "group_repository_tags",
    tag = "Tags", security(()),
    params(("repository" = String, Path, description = "Number or name.")),
    responses((status = 200, description = "The lists.", body = Vec<Vec<Tag>>), RefusedOne)
)]
pub(super) async fn grouped(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Vec<Vec<Tag>>>, ApiError> {
    params.end()?;
    let ((registry, name), _) = seen(&api, &caller, &id).await?;
    let first = Paging::first(projections::MAX_PAGE);
    let rows = tags::list(&api.read, &registry, &name, "", &first).await?;
    let mut groups: BTreeMap<String, Vec<TagRow>> = BTreeMap::new();
    for row in rows {
        groups.entry(row.digest.clone()).or_default().push(row);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.iter().map(|tag| tag.changed_at).max()));
    let groups = groups.into_iter().map(|group| group.into_iter().map(Tag::from).collect());
    Ok(Json(groups.collect()))
}

/// Shows a tag of a repository.
#[utoipa::path(
    get, path = "/repositories/{repository}/tags/{tag}", operation_id = "show_repository_tag",
    tag = "Tags", security(()),
    params(
        ("repository" = String, Path, description = "Number or name."),
        ("tag" = String, Path, description = "Name or number. A name of digits goes before a number."),
    ),
    responses((status = 200, description = "The tag.", body = Tag), RefusedOne)
)]
pub(super) async fn show(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path((id, tag)): Path<(String, String)>,
    params: Params,
) -> Result<Json<Tag>, ApiError> {
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
    Ok(Json(row.ok_or_else(ApiError::not_found)?.into()))
}

/// Lists what a tag has named.
///
/// The latest change first. The past stays when the tag is gone.
#[utoipa::path(
    get, path = "/repositories/{repository}/tags/{tag}/history", operation_id = "tag_history",
    tag = "Tags", security(()),
    params(
        ("repository" = String, Path, description = "Number or name."),
        ("tag" = String, Path, description = "Name."),
        HistoryParams,
    ),
    responses((status = 200, description = "Changes.", body = [TagChange]), RefusedOne)
)]
pub(super) async fn history(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path((id, tag)): Path<(String, String)>,
    mut params: Params,
) -> Result<Response, ApiError> {
    let asked: HistoryParams = params.take()?;
    let limit = rows(asked.per_page)?;
    params.end()?;
    let ((registry, name), _) = seen(&api, &caller, &id).await?;
    let tag = TagName::parse(&tag).map_err(|_| ApiError::not_found())?;
    let paging = Paging { after: asked.before, offset: 0, limit };
    let rows = tags::history(&api.read, &registry, &name, &tag, &paging).await?;
    if rows.is_empty() && asked.before.is_none() {
        return Err(ApiError::not_found());
    }
    let next = rows.last().map(|row| row.position.to_string());
    let rows = rows.into_iter().map(TagChange::from).collect();
    Ok(onward(rows, limit, ("before", next), &params, &api.auth.external))
}

/// Where in a tag's past to go on.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryParams {
    /// Only changes at positions below this one: that of the last that was seen.
    before: Option<i64>,
    /// At most so many rows.
    #[param(minimum = 1, maximum = 100, default = 15)]
    per_page: Option<i64>,
}

impl From<TagChangeRow> for TagChange {
    fn from(row: TagChangeRow) -> Self {
        let TagChangeRow { position, change, digest, at, actor } = row;
        Self { position, change, digest, at, actor }
    }
}
