//! `/repositories/{repository}/manifests`: images, indexes and artifacts by digest, those without a
//! tag as well. New beside the original.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use domain::digest::Digest;
use jiff::Timestamp;
use projections::manifests::{self, ManifestRow, ReferenceRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::answers::RefusedOne;
use super::paging::{Direction, Page, PageParams};
use super::params::Params;
use super::repositories::seen;
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// Something that a repository holds by digest.
#[derive(Serialize, ToSchema)]
pub(super) struct Manifest {
    id: i64,
    digest: String,
    media_type: Option<String>,
    artifact_type: Option<String>,
    /// image, index, artifact or unknown.
    kind: String,
    /// Bytes of the manifest itself.
    size: Option<i64>,
    /// Bytes with everything that it references directly.
    total_size: Option<i64>,
    /// `os/architecture`, where the registry tells.
    platforms: Vec<String>,
    /// The tags that name it; at most a hundred, the first by name.
    tags: Vec<String>,
    first_push_at: Option<Timestamp>,
    last_push_at: Option<Timestamp>,
    /// Who pushed it last.
    pushed_by: Option<String>,
    pulls: i64,
    last_pull_at: Option<Timestamp>,
    last_pull_by: Option<String>,
}

/// A manifest with what it references.
#[derive(Serialize, ToSchema)]
pub(super) struct WholeManifest {
    #[serde(flatten)]
    manifest: Manifest,
    /// Configuration and layers, or the children of an index, in its order.
    references: Vec<Reference>,
}

/// What a manifest points to.
#[derive(Serialize, ToSchema)]
struct Reference {
    digest: String,
    media_type: Option<String>,
    /// Bytes.
    size: Option<i64>,
    /// `os/architecture`, of an index's children.
    platform: Option<String>,
}

/// How to sort manifests.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ByDigest {
    /// What to sort by: the digest. `name` and `id` are the same here.
    #[param(inline)]
    #[allow(dead_code)] // being readable is all that is asked of it
    sort_attr: Option<Attribute>,
    /// Upwards unless given.
    #[param(inline)]
    sort_order: Option<Direction>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ManifestAttribute)]
enum Attribute {
    Digest,
    Name,
    Id,
}

/// Lists a repository's manifests.
///
/// With and without tags, sorted by digest.
#[utoipa::path(
    get, path = "/repositories/{repository}/manifests", operation_id = "list_manifests",
    tag = "Manifests", security(()),
    params(("repository" = String, Path, description = "Number or name."), PageParams, ByDigest),
    responses((status = 200, description = "A page of them.", body = [Manifest]), RefusedOne)
)]
pub(super) async fn list(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Response, ApiError> {
    let page = Page::of(&mut params)?;
    let ByDigest { sort_order, .. } = params.take()?;
    params.end()?;
    let ((registry, name), _) = seen(&api, &caller, &id).await?;
    let rows = match sort_order {
        Some(Direction::Desc) => {
            manifests::list_down(&api.read, &registry, &name, &page.rows()).await?
        }
        Some(Direction::Asc) | None => {
            manifests::list(&api.read, &registry, &name, &page.rows()).await?
        }
    };
    let total = manifests::count(&api.read, &registry, &name).await?;
    let rows: Vec<Manifest> = rows.into_iter().map(Manifest::from).collect();
    Ok(page.answer(rows, total, &params, &api.auth.external))
}

/// Shows a manifest.
///
/// With what it references, and the tags that name it.
#[utoipa::path(
    get, path = "/repositories/{repository}/manifests/{digest}", operation_id = "show_manifest",
    tag = "Manifests", security(()),
    params(
        ("repository" = String, Path, description = "Number or name."),
        ("digest" = String, Path, description = "As in `sha256:…`."),
    ),
    responses((status = 200, description = "The manifest.", body = WholeManifest), RefusedOne)
)]
pub(super) async fn show(
    State(api): State<ApiState>,
    caller: ApiCaller,
    Path((id, digest)): Path<(String, String)>,
    params: Params,
) -> Result<Json<WholeManifest>, ApiError> {
    params.end()?;
    let ((registry, name), _) = seen(&api, &caller, &id).await?;
    let digest = Digest::parse(&digest).map_err(|_| ApiError::not_found())?;
    let row = manifests::find(&api.read, &registry, &name, &digest).await?;
    let manifest = row.ok_or_else(ApiError::not_found)?.into();
    let references = manifests::references(&api.read, &registry, &name, &digest).await?;
    let references = references.into_iter().map(Reference::from).collect();
    Ok(Json(WholeManifest { manifest, references }))
}

impl From<ManifestRow> for Manifest {
    fn from(row: ManifestRow) -> Self {
        Self {
            id: row.id,
            digest: row.digest,
            media_type: row.media_type,
            artifact_type: row.artifact_type,
            kind: row.kind,
            size: row.size,
            total_size: row.total_size,
            platforms: row.platforms,
            tags: row.tags,
            first_push_at: row.first_push_at,
            last_push_at: row.last_push_at,
            pushed_by: row.pushed_by,
            pulls: row.pulls,
            last_pull_at: row.last_pull_at,
            last_pull_by: row.last_pull_by,
        }
    }
}

impl From<ReferenceRow> for Reference {
    fn from(row: ReferenceRow) -> Self {
        let ReferenceRow { digest, media_type, size, platform, .. } = row;
        Self { digest, media_type, size, platform }
    }
}
