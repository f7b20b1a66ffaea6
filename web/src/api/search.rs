//! `/search?q=…`: repositories, tags, manifests by digest, namespaces and teams that may be seen.

use axum::Json;
use axum::extract::State;
use domain::event::Position;
use jiff::Timestamp;
use projections::search::{self, Entry, Kind, MAX_QUESTION_BYTES, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::answers::Refused;
use super::namespaces::VisibilityName;
use super::paging::{ByName, Page, PageParams};
use super::params::Params;
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// What is looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Question {
    /// Words, or parts of them; nothing finds everything.
    #[param(max_length = 512)]
    q: Option<String>,
    /// Of this kind alone.
    #[param(inline)]
    kind: Option<KindName>,
}

/// What there is to find.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Kind)]
enum KindName {
    Repository,
    Tag,
    Manifest,
    Namespace,
    Team,
}

/// What was found, the best first.
#[derive(Serialize, ToSchema)]
pub(super) struct Found {
    /// Of all kinds together.
    total: usize,
    /// Nothing was written so; this is what is written nearly so.
    forgiving: bool,
    /// Up to where in the log this takes account.
    #[schema(value_type = i64)]
    position: Position,
    repositories: Hits<RepositoryHit>,
    tags: Hits<TagHit>,
    manifests: Hits<ManifestHit>,
    namespaces: Hits<NamespaceHit>,
    teams: Hits<TeamHit>,
}

/// Hits of one kind.
#[derive(Serialize, ToSchema)]
struct Hits<T> {
    /// How many there are in all.
    total: usize,
    hits: Vec<T>,
}

/// A repository.
#[derive(Serialize, ToSchema)]
struct RepositoryHit {
    name: String,
    registry: String,
    stars: u64,
    pulls: u64,
    pushed_at: Option<Timestamp>,
}

/// A tag.
#[derive(Serialize, ToSchema)]
struct TagHit {
    name: String,
    registry: String,
    repository: String,
    tag: String,
    digest: String,
    pushed_at: Timestamp,
}

/// A manifest.
#[derive(Serialize, ToSchema)]
struct ManifestHit {
    name: String,
    registry: String,
    repository: String,
    digest: String,
    pushed_at: Timestamp,
}

/// A namespace.
#[derive(Serialize, ToSchema)]
struct NamespaceHit {
    name: String,
    registry: String,
    #[schema(value_type = VisibilityName)]
    visibility: &'static str,
    description: String,
}

/// A team.
#[derive(Serialize, ToSchema)]
struct TeamHit {
    name: String,
    description: String,
}

/// Searches.
///
/// Repositories, tags, manifests by digest, namespaces and teams that the caller may see; hits of
/// each kind, the best first, with how many there are.
#[utoipa::path(
    get, path = "/search", operation_id = "search", tag = "Search", security(()),
    params(Question, PageParams, ByName),
    responses((status = 200, description = "What was found.", body = Found), Refused)
)]
pub(super) async fn search(
    State(api): State<ApiState>,
    caller: ApiCaller,
    mut params: Params,
) -> Result<Json<Found>, ApiError> {
    caller.must_read()?;
    let page = Page::by_name(&mut params)?.rows::<()>();
    let Question { q, kind } = params.take()?;
    let question = q.unwrap_or_default();
    params.end()?;
    if question.len() > MAX_QUESTION_BYTES {
        let text = format!("A question has at most {MAX_QUESTION_BYTES} bytes");
        return Err(ApiError::bad_request(text));
    }
    let mut query = Query::new(&question, usize::try_from(page.limit).unwrap_or_default());
    query.offset = usize::try_from(page.offset).unwrap_or_default();
    if let Some(kind) = kind {
        query = query.only([kind.into()]);
    }
    let (index, visible) = (api.search.clone(), caller.viewer.visible());
    let found = tokio::task::spawn_blocking(move || index.find(&query, &visible)).await;
    let found = found.map_err(|err| ApiError::internal(&err))?;
    let found = found.map_err(|err| ApiError::internal(&err))?;
    Ok(Json(Found {
        total: found.total(),
        forgiving: found.forgiving,
        position: found.position,
        repositories: hits(&found.repositories, repository),
        tags: hits(&found.tags, tag),
        manifests: hits(&found.manifests, manifest),
        namespaces: hits(&found.namespaces, namespace),
        teams: hits(&found.teams, team),
    }))
}

fn hits<T>(found: &search::Hits, one: fn(&Entry) -> Option<T>) -> Hits<T> {
    Hits { total: found.total, hits: found.best.iter().filter_map(one).collect() }
}

fn repository(entry: &Entry) -> Option<RepositoryHit> {
    let Entry::Repository { registry, stars, pulls, pushed_at, .. } = entry else { return None };
    let (name, registry) = (entry.name(), registry.to_string());
    Some(RepositoryHit { name, registry, stars: *stars, pulls: *pulls, pushed_at: *pushed_at })
}

fn tag(entry: &Entry) -> Option<TagHit> {
    let Entry::Tag { registry, repository, tag, digest, pushed_at } = entry else { return None };
    Some(TagHit {
        name: entry.name(),
        registry: registry.to_string(),
        repository: repository.to_string(),
        tag: tag.to_string(),
        digest: digest.to_string(),
        pushed_at: *pushed_at,
    })
}

fn manifest(entry: &Entry) -> Option<ManifestHit> {
    let Entry::Manifest { registry, repository, digest, pushed_at } = entry else { return None };
    Some(ManifestHit {
        name: entry.name(),
        registry: registry.to_string(),
        repository: repository.to_string(),
        digest: digest.to_string(),
        pushed_at: *pushed_at,
    })
}

fn namespace(entry: &Entry) -> Option<NamespaceHit> {
    let Entry::Namespace { registry, visibility, description, .. } = entry else { return None };
    Some(NamespaceHit {
        name: entry.name(),
        registry: registry.to_string(),
        visibility: visibility.as_str(),
        description: description.clone(),
    })
}

fn team(entry: &Entry) -> Option<TeamHit> {
    let Entry::Team { description, .. } = entry else { return None };
    Some(TeamHit { name: entry.name(), description: description.clone() })
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Repository => Self::Repository,
            KindName::Tag => Self::Tag,
            KindName::Manifest => Self::Manifest,
            KindName::Namespace => Self::Namespace,
            KindName::Team => Self::Team,
        }
    }
}
