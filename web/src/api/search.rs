//! `/search?q=…`: repositories, tags, manifests by digest, namespaces and teams that may be seen.

use axum::Json;
use axum::extract::State;
use domain::name::NamespaceName;
use domain::namespace::Visibility;
use jiff::Timestamp;
use projections::search::{self, Entry, Filters, Kind, MAX_QUESTION_BYTES, Platform, Query, Since};
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
    /// Decided by the namespace of this name.
    #[param(max_length = 255)]
    namespace: Option<String>,
    /// Where the namespace is of this visibility.
    #[param(inline)]
    visibility: Option<VisibilityName>,
    /// For this platform, such as `linux/amd64` or `linux/arm/v7`.
    #[param(max_length = 64)]
    platform: Option<String>,
    /// Pushed within this time.
    #[param(inline)]
    since: Option<SinceName>,
}

/// How long ago a push may be.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[schema(as = Since)]
enum SinceName {
    #[serde(rename = "24h")]
    Day,
    #[serde(rename = "7d")]
    Week,
    #[serde(rename = "30d")]
    Month,
    #[serde(rename = "1y")]
    Year,
}

/// What there is to find.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
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
    /// How many there would be without filters, of any kind.
    unfiltered: usize,
    /// The kinds that have hits, the one that matches best first.
    order: Vec<KindName>,
    facets: Facets,
    /// Where nothing was found, with or without filters: what may have been meant.
    nearest: Vec<Near>,
    repositories: Hits<RepositoryHit>,
    tags: Hits<TagHit>,
    manifests: Hits<ManifestHit>,
    namespaces: Hits<NamespaceHit>,
    teams: Hits<TeamHit>,
}

/// How many hits would be left by one more filter, or by another in the place of the one set.
#[derive(Serialize, ToSchema)]
struct Facets {
    kind: Vec<Value<KindName>>,
    /// Those with the most hits.
    namespace: Vec<Value<String>>,
    visibility: Vec<Value<VisibilityName>>,
    /// Those with the most hits.
    platform: Vec<Value<String>>,
    since: Vec<Value<SinceName>>,
}

/// A filter's value, and how many hits it would leave.
#[derive(Serialize, ToSchema)]
struct Value<T> {
    value: T,
    hits: usize,
}

/// Something whose name is near.
#[derive(Serialize, ToSchema)]
struct Near {
    kind: KindName,
    name: String,
    /// A team has none.
    registry: Option<String>,
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
    /// The beginning of its description, as plain text.
    description: String,
    stars: u64,
    /// Exact up to 256; beyond that within some percent.
    pulls: u64,
    platforms: Vec<String>,
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
    platforms: Vec<String>,
    pushed_at: Timestamp,
}

/// A manifest.
#[derive(Serialize, ToSchema)]
struct ManifestHit {
    name: String,
    registry: String,
    repository: String,
    digest: String,
    platforms: Vec<String>,
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
    let Question { q, kind, namespace, visibility, platform, since } = params.take()?;
    let question = q.unwrap_or_default();
    params.end()?;
    let filters = Filters {
        namespace: parsed::<NamespaceName>("namespace", namespace)?,
        visibility: visibility.map(Into::into),
        platform: parsed::<Platform>("platform", platform)?,
        since: since.map(Into::into),
    };
    if question.len() > MAX_QUESTION_BYTES {
        let text = format!("A question has at most {MAX_QUESTION_BYTES} bytes");
        return Err(ApiError::bad_request(text));
    }
    let limit = usize::try_from(page.limit).unwrap_or_default();
    let mut query = Query::new(&question, limit, caller.viewer.at()).filtered(filters);
    query.offset = usize::try_from(page.offset).unwrap_or_default();
    if let Some(kind) = kind {
        query = query.only([kind.into()]);
    }
    let (index, viewer) = (api.search.clone(), caller.viewer.clone());
    // What somebody may see may take a while to find out as well.
    let found = tokio::task::spawn_blocking(move || index.find(&query, &viewer.visible())).await;
    let found = found.map_err(|err| ApiError::internal(&err))?;
    let found = found.map_err(|err| ApiError::internal(&err))?;
    Ok(Json(Found {
        total: found.total(),
        forgiving: found.forgiving,
        unfiltered: found.unfiltered,
        order: found.order.iter().copied().map(Into::into).collect(),
        facets: facets(&found.facets),
        nearest: found.nearest.iter().map(near).collect(),
        repositories: hits(&found.repositories, repository),
        tags: hits(&found.tags, tag),
        manifests: hits(&found.manifests, manifest),
        namespaces: hits(&found.namespaces, self::namespace),
        teams: hits(&found.teams, team),
    }))
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    name: &str,
    text: Option<String>,
) -> Result<Option<T>, ApiError> {
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| text.parse())
        .transpose()
        .map_err(|why| ApiError::bad_request(format!("The parameter `{name}` cannot be so: {why}")))
}

fn facets(facets: &search::Facets) -> Facets {
    fn values<T, N>(counted: &[(T, usize)], name: impl Fn(&T) -> N) -> Vec<Value<N>> {
        counted.iter().map(|(value, hits)| Value { value: name(value), hits: *hits }).collect()
    }
    Facets {
        kind: values(&facets.kinds, |kind| (*kind).into()),
        namespace: values(&facets.namespaces, ToString::to_string),
        visibility: values(&facets.visibilities, |is| (*is).into()),
        platform: values(&facets.platforms, Clone::clone),
        since: values(&facets.since, |since| (*since).into()),
    }
}

fn near(entry: &Entry) -> Near {
    let registry = match entry {
        Entry::Repository { registry, .. }
        | Entry::Tag { registry, .. }
        | Entry::Manifest { registry, .. }
        | Entry::Namespace { registry, .. } => Some(registry.to_string()),
        Entry::Team { .. } => None,
    };
    Near { kind: entry.kind().into(), name: entry.name(), registry }
}

fn hits<T>(found: &search::Hits, one: fn(&Entry) -> Option<T>) -> Hits<T> {
    Hits { total: found.total, hits: found.best.iter().filter_map(one).collect() }
}

fn repository(entry: &Entry) -> Option<RepositoryHit> {
    let Entry::Repository { registry, description, stars, pulls, platforms, pushed_at, .. } = entry
    else {
        return None;
    };
    Some(RepositoryHit {
        name: entry.name(),
        registry: registry.to_string(),
        description: description.clone(),
        stars: *stars,
        pulls: *pulls,
        platforms: platforms.keys().cloned().collect(),
        pushed_at: *pushed_at,
    })
}

fn tag(entry: &Entry) -> Option<TagHit> {
    let Entry::Tag { registry, repository, tag, digest, platforms, pushed_at } = entry else {
        return None;
    };
    Some(TagHit {
        name: entry.name(),
        registry: registry.to_string(),
        repository: repository.to_string(),
        tag: tag.to_string(),
        digest: digest.to_string(),
        platforms: platforms.clone(),
        pushed_at: *pushed_at,
    })
}

fn manifest(entry: &Entry) -> Option<ManifestHit> {
    let Entry::Manifest { registry, repository, digest, platforms, pushed_at } = entry else {
        return None;
    };
    Some(ManifestHit {
        name: entry.name(),
        registry: registry.to_string(),
        repository: repository.to_string(),
        digest: digest.to_string(),
        platforms: platforms.clone(),
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

impl From<Kind> for KindName {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Repository => Self::Repository,
            Kind::Tag => Self::Tag,
            Kind::Manifest => Self::Manifest,
            Kind::Namespace => Self::Namespace,
            Kind::Team => Self::Team,
        }
    }
}

impl From<SinceName> for Since {
    fn from(name: SinceName) -> Self {
        match name {
            SinceName::Day => Self::Day,
            SinceName::Week => Self::Week,
            SinceName::Month => Self::Month,
            SinceName::Year => Self::Year,
        }
    }
}

impl From<Since> for SinceName {
    fn from(since: Since) -> Self {
        match since {
            Since::Day => Self::Day,
            Since::Week => Self::Week,
            Since::Month => Self::Month,
            Since::Year => Self::Year,
        }
    }
}

impl From<Visibility> for VisibilityName {
    fn from(visibility: Visibility) -> Self {
        match visibility {
            Visibility::Private => Self::Private,
            Visibility::Protected => Self::Protected,
            Visibility::Public => Self::Public,
        }
    }
}
