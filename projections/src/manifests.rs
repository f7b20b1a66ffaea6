//! Manifests: images, indexes, artifacts, whatever a repository holds by digest.
//!
//! Who may see a manifest may see its repository, so whoever asks here has found the repository
//! before ([`crate::repositories::find`]).

use domain::digest::Digest;
use domain::event::Position;
use domain::name::{RegistryName, RepositoryName};
use jiff::Timestamp;

use crate::of_repository;
use crate::read::{Paging, ReadModels, row};

row! {
    /// A manifest that the registry has, as far as we heard.
    pub struct ManifestRow {
        /// Position of the fact by which we first knew it.
        pub id: i64,
        /// Its digest.
        pub digest: String,
        /// Its media type as sent.
        pub media_type: Option<String>,
        /// Media type of an artifact's configuration.
        pub artifact_type: Option<String>,
        /// image, index, artifact, unknown.
        pub kind: String,
        /// Bytes of the manifest itself.
        pub size: Option<i64>,
        /// Bytes with everything that it references directly.
        pub total_size: Option<i64>,
        /// `os/architecture` of an index's children, where the registry tells.
        pub platforms: Vec<String>,
        /// First push, by the registry's clock.
        pub first_push_at: Option<Timestamp>,
        /// Last push, by the registry's clock.
        pub last_push_at: Option<Timestamp>,
        /// Who pushed it last.
        pub pushed_by: Option<String>,
        /// Downloads.
        pub pulls: i64,
        /// The last one.
        pub last_pull_at: Option<Timestamp>,
        /// By whom.
        pub last_pull_by: Option<String>,
        /// Tags that point to it.
        pub tags: Vec<String>,
    }
}

row! {
    /// A manifest that a registry had at a moment, or had had.
    pub struct PastManifestRow {
        /// Position of the fact by which we first knew it.
        pub id: i64,
        /// Its digest.
        pub digest: String,
        /// Its media type as sent.
        pub media_type: Option<String>,
        /// Media type of an artifact's configuration.
        pub artifact_type: Option<String>,
        /// image, index, artifact, unknown.
        pub kind: String,
        /// Bytes with everything that it references directly.
        pub total_size: Option<i64>,
        /// `os/architecture` of an index's children, where the registry tells.
        pub platforms: Vec<String>,
        /// First push, by the registry's clock.
        pub first_push_at: Option<Timestamp>,
        /// Its last deletion, by the registry's clock.
        pub deleted_at: Option<Timestamp>,
    }
}

row! {
    /// What a manifest references: configuration and layers, or the children of an index.
    pub struct ReferenceRow {
        /// Place in the manifest, from 0.
        pub ordinal: i32,
        /// What it points to.
        pub digest: String,
        /// Media type as sent.
        pub media_type: Option<String>,
        /// Bytes.
        pub size: Option<i64>,
        /// `os/architecture`.
        pub platform: Option<String>,
        /// Live manifests of the repository that reference it, or are it.
        pub holders: i64,
    }
}

row! {
    /// Where a manifest stands, also one that is gone: for our own jobs.
    pub struct StandingManifest {
        /// Its digest.
        pub digest: String,
        /// Whether the registry has it.
        pub live: bool,
        /// The last that was heard of it, by the registry's clock.
        pub since: Timestamp,
        /// An image or index of which nobody told for which platform it is.
        pub bare: bool,
    }
}

/// How many platforms of one index [`platforms`] tells of.
pub const MOST_PLATFORMS: i64 = 16;

row! {
    /// The image of one platform.
    pub struct PlatformRow {
        /// The index that it is in.
        pub parent: String,
        /// Its digest.
        pub digest: String,
        /// `os/architecture`.
        pub platform: String,
        /// Bytes of all of it, where its manifest is known; else of the manifest alone.
        pub size: Option<i64>,
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT m.id, m.digest, m.media_type, m.artifact_type, m.kind, m.size, m.total_size,
                m.platforms, m.first_push_at, m.last_push_at, m.pushed_by, m.pulls,
                m.last_pull_at, m.last_pull_by,
                ARRAY(SELECT t.name FROM tags t WHERE t.live AND t.registry = m.registry
                   AND t.repository = m.repository AND t.digest = m.digest
                   ORDER BY t.name LIMIT 100) AS tags
             FROM manifests m
             WHERE m.live AND m.registry = $1 AND m.repository = $2 ",
            $rest
        )
    };
}

const FIND: &str = select!("AND m.digest = $3");
const FIND_AS_OF: &str =
    "SELECT id, digest, media_type, artifact_type, kind, total_size, platforms,
      first_push_at, deleted_at
    FROM manifests WHERE registry = $1 AND repository = $2 AND digest = $3 AND id <= $4";
const LIST: &str =
    select!("AND ($3::text IS NULL OR m.digest > $3) ORDER BY m.digest OFFSET $4 LIMIT $5");
const LIST_DOWN: &str = select!("ORDER BY m.digest DESC OFFSET $3 LIMIT $4");
const COUNT: &str = "SELECT count(*) FROM (SELECT FROM manifests m
    WHERE m.live AND m.registry = $1 AND m.repository = $2 LIMIT 10000) counted";
const REFERENCES: &str = "SELECT r.ordinal, r.digest, r.media_type, r.size, r.platform,
      coalesce(b.holders, 0) AS holders
    FROM manifest_references r
    LEFT JOIN blobs b USING (registry, repository, digest, size)
    WHERE r.registry = $1 AND r.repository = $2 AND r.parent = $3 ORDER BY r.ordinal";

const PLATFORMS: &str = "SELECT wanted.parent, r.digest, r.platform,
      coalesce(m.total_size, r.size) AS size
    FROM unnest($3::text[]) AS wanted(parent)
      CROSS JOIN LATERAL (SELECT r.ordinal, r.digest, r.platform, r.size
        FROM manifest_references r
        WHERE r.registry = $1 AND r.repository = $2 AND r.parent = wanted.parent
          AND r.platform IS NOT NULL
        ORDER BY r.ordinal LIMIT $4) AS r
      LEFT JOIN manifests m
        ON m.registry = $1 AND m.repository = $2 AND m.digest = r.digest AND m.live
    ORDER BY wanted.parent, r.ordinal";

const COUNT_UNTAGGED: &str = "SELECT count(*) FROM manifests m
    WHERE m.live AND m.registry = $1 AND m.repository = $2 AND NOT EXISTS (SELECT FROM tags t
      WHERE t.live AND t.registry = m.registry AND t.repository = m.repository
        AND t.digest = m.digest)";
const STANDING: &str = "SELECT digest, live,
      greatest(last_push_at, seen_at, deleted_at) AS since,
      kind <> 'artifact' AND platforms = '{}' AS bare
    FROM manifests WHERE registry = $1 AND repository = $2 AND digest > $3
      AND greatest(last_push_at, seen_at, deleted_at) IS NOT NULL
    ORDER BY digest LIMIT 10000";
const ORPHANS: &str = "SELECT DISTINCT r.digest FROM manifest_references r
    JOIN manifests p ON p.registry = r.registry AND p.repository = r.repository
      AND p.digest = r.parent AND p.live AND p.kind = 'index'
    WHERE r.registry = $1 AND r.repository = $2 AND NOT EXISTS (SELECT FROM manifests m
      WHERE m.live AND m.registry = r.registry AND m.repository = r.repository
        AND m.digest = r.digest)
    ORDER BY r.digest LIMIT 1000";

pub(crate) const STATEMENTS: &[&str] = &[
    FIND,
    LIST,
    LIST_DOWN,
    COUNT,
    COUNT_UNTAGGED,
    REFERENCES,
    PLATFORMS,
    STANDING,
    ORPHANS,
    FIND_AS_OF,
];

/// One manifest.
///
/// # Errors
///
/// The database's.
pub async fn find(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Option<ManifestRow>, sqlx::Error> {
    of_repository::find(read, FIND, (registry, repository), digest.as_str()).await
}

/// A repository's manifests, tagged and untagged, by digest.
///
/// # Errors
///
/// The database's.
pub async fn list(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
    paging: &Paging<String>,
) -> Result<Vec<ManifestRow>, sqlx::Error> {
    of_repository::list(read, LIST, (registry, repository), paging).await
}

/// The same, the last digest first.
///
/// # Errors
///
/// The database's.
pub async fn list_down(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
    paging: &Paging<()>,
) -> Result<Vec<ManifestRow>, sqlx::Error> {
    sqlx::query_as(LIST_DOWN)
        .bind(registry.as_str())
        .bind(repository.as_str())
        .bind(paging.offset())
        .bind(paging.limit())
        .fetch_all(read.pool())
        .await
}

/// How many [`list`] has in all, but no more than [`crate::MAX_COUNT`].
///
/// # Errors
///
/// The database's.
pub async fn count(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
) -> Result<i64, sqlx::Error> {
    of_repository::count(read, COUNT, (registry, repository)).await
}

/// What one manifest references, in its order; as many as its fact held.
///
/// # Errors
///
/// The database's.
pub async fn references(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Vec<ReferenceRow>, sqlx::Error> {
    of_repository::all(read, REFERENCES, (registry, repository), digest.as_str()).await
}

/// The images of the platforms of several indexes, at most [`MOST_PLATFORMS`] of each. Indexes that
/// are asked for twice, are answered twice.
///
/// # Errors
///
/// The database's.
pub async fn platforms(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
    indexes: &[String],
) -> Result<Vec<PlatformRow>, sqlx::Error> {
    sqlx::query_as(PLATFORMS)
        .bind(registry.as_str())
        .bind(repository.as_str())
        .bind(indexes)
        .bind(MOST_PLATFORMS)
        .fetch_all(read.pool())
        .await
}

/// How many of [`list`] no tag points to.
///
/// # Errors
///
/// The database's.
pub async fn count_untagged(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
) -> Result<i64, sqlx::Error> {
    of_repository::count(read, COUNT_UNTAGGED, (registry, repository)).await
}

/// Where manifests stand, those included that are gone; some of them, by digest, behind `after`.
///
/// # Errors
///
/// The database's.
pub async fn standing(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
    after: &str,
) -> Result<Vec<StandingManifest>, sqlx::Error> {
    of_repository::all(read, STANDING, (registry, repository), after).await
}

/// Children of indexes that nobody told of; at most a thousand.
///
/// # Errors
///
/// The database's.
pub async fn orphans(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(ORPHANS)
        .bind(registry.as_str())
        .bind(repository.as_str())
        .fetch_all(read.pool())
        .await
}

/// One manifest, if it was known when everything up to `until` had been recorded; also one that is
/// gone.
///
/// # Errors
///
/// The database's.
pub async fn find_as_of(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
    digest: &Digest,
    until: Position,
) -> Result<Option<PastManifestRow>, sqlx::Error> {
    sqlx::query_as(FIND_AS_OF)
        .bind(registry.as_str())
        .bind(repository.as_str())
        .bind(digest.as_str())
        .bind(until.0.cast_signed())
        .fetch_optional(read.pool())
        .await
}
