//! `/tags`: by number, wherever they are.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use domain::access::{Action, Resource};
use domain::name::{RegistryName, RepositoryName, TagName};
use projections::tags::{self, TagPlaceRow};
use serde_json::{Value, json};

use super::paging::Page;
use super::params::Params;
use super::repositories::{seen, tag_entity};
use super::{ApiState, ids};
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// `GET /tags`: all of them, for administrators.
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    mut params: Params,
) -> Result<Response, ApiError> {
    caller.must(Action::AdminPanel, &Resource::System)?;
    let page = Page::of(&mut params)?;
    params.end()?;
    let places = tags::places(&api.read, &page.rows()).await?;
    let total = tags::places_count(&api.read).await?;
    let mut all = Vec::with_capacity(places.len());
    for place in &places {
        all.extend(entity(&api, place).await?);
    }
    Ok(page.answer(all, total, &params, &api.auth.external))
}

/// `GET /tags/{tag}`: of a repository that may be seen.
pub(super) async fn show(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    params.end()?;
    let absent = || super::namespaces::absent(&caller, ApiError::not_found());
    let number = ids::number(&id).ok_or_else(absent)?;
    let place = tags::place(&api.read, number).await?.ok_or_else(absent)?;
    seen(&api, &caller, &format!("{}:{}", place.registry, place.repository)).await?;
    entity(&api, &place).await?.map(Json).ok_or_else(absent)
}

async fn entity(api: &ApiState, place: &TagPlaceRow) -> Result<Option<Value>, ApiError> {
    let registry = ids::stored(RegistryName::parse(&place.registry))?;
    let repository = ids::stored(RepositoryName::parse(&place.repository))?;
    let tag = ids::stored(TagName::parse(&place.name))?;
    let row = tags::find(&api.read, &registry, &repository, &tag).await?;
    Ok(row.map(|row| {
        let mut tag = tag_entity(&row);
        tag["registry"] = json!(place.registry);
        tag["repository"] = json!(place.repository);
        tag
    }))
}
