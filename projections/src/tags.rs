//! Tags: where each points now, and where it has pointed.
//!
//! Who may see a tag may see its repository, so whoever asks here has found the repository before
//! ([`crate::repositories::find`]).

use domain::digest::Digest;
use domain::event::Position;
use domain::name::{RegistryName, RepositoryName, TagName};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row as _};

use crate::of_repository;
use crate::read::{Paging, ReadModels, row};

row! {
    /// A tag, with what is known of its manifest.
    pub struct TagRow {
        /// Position of the fact that made it.
        pub id: i64,
        /// The tag.
        pub name: String,
        /// Where it points.
        pub digest: String,
        /// The manifest's media type.
        pub media_type: Option<String>,
        /// Media type of an artifact's configuration.
        pub artifact_type: Option<String>,
        /// image, index, artifact, unknown.
        pub kind: Option<String>,
        /// Bytes of the manifest and of everything that it references directly.
        pub total_size: Option<i64>,
        /// `os/architecture` of an index's children, where the registry tells.
        pub platforms: Vec<String>,
        /// When it was last moved, by the registry's clock.
        pub changed_at: Timestamp,
        /// When it was first made.
        pub created_at: Timestamp,
        /// Who moved it; `None`: seen by us in the registry.
        pub pushed_by: Option<String>,
        /// Seen by us rather than told by the registry.
        pub observed: bool,
        /// Downloads by this tag. Docker downloads by digest: see the manifest's count.
        pub pulls: i64,
        /// The last one.
        pub last_pull_at: Option<Timestamp>,
        /// Downloads of the manifest by any name.
        pub manifest_pulls: i64,
    }
}

row! {
    /// What has happened to a tag.
    pub struct TagChangeRow {
        /// Position of the fact.
        pub position: i64,
        /// pushed, moved, deleted, observed, missed.
        pub change: String,
        /// Where it points since; `None`: nowhere.
        pub digest: Option<String>,
        /// When, by the registry's clock.
        pub at: Timestamp,
        /// By whom.
        pub actor: String,
    }
}

row! {
    /// A tag as it was at a moment, with what is known of its manifest.
    pub struct PastTagRow {
        /// The tag.
        pub name: String,
        /// Where it pointed.
        pub digest: String,
        /// Position of the fact since which it did.
        pub position: i64,
        /// Since when, by the registry's clock.
        pub at: Timestamp,
        /// Who moved it there.
        pub actor: String,
        /// image, index, artifact, unknown.
        pub kind: Option<String>,
        /// Bytes of the manifest and of everything that it references directly.
        pub total_size: Option<i64>,
        /// `os/architecture` of an index's children, where the registry tells.
        pub platforms: Vec<String>,
    }
}

row! {
    /// Where a tag is.
    pub struct TagPlaceRow {
        /// The tag's id.
        pub id: i64,
        /// Registry.
        pub registry: String,
        /// Repository.
        pub repository: String,
        /// The tag.
        pub name: String,
    }
}

/// A tag and where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedTagRow {
    /// Registry.
    pub registry: String,
    /// Repository.
    pub repository: String,
    /// The tag.
    pub tag: TagRow,
}

impl<'r> FromRow<'r, PgRow> for PlacedTagRow {
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        let (registry, repository) = (row.try_get("registry")?, row.try_get("repository")?);
        Ok(Self { registry, repository, tag: TagRow::from_row(row)? })
    }
}

row! {
    /// Where a tag stands, also one that is gone: for our own jobs.
    pub struct StandingTag {
        /// The tag.
        pub name: String,
        /// Whether it points anywhere.
        pub live: bool,
        /// Where it points, or has pointed.
        pub digest: Option<String>,
        /// Since when, by the registry's clock.
        pub changed_at: Timestamp,
    }
}

macro_rules! columns {
    () => {
        "t.id, t.name, t.digest, m.media_type, m.artifact_type, m.kind, m.total_size,
                coalesce(m.platforms, '{}') AS platforms, t.changed_at, t.created_at,
                t.pushed_by, t.observed, t.pulls, t.last_pull_at,
                coalesce(m.pulls, 0) AS manifest_pulls"
    };
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM tags t
             LEFT JOIN manifests m ON m.registry = t.registry AND m.repository = t.repository
                AND m.digest = t.digest
             WHERE t.live AND t.registry = $1 AND t.repository = $2 ",
            $rest
        )
    };
}

const FIND: &str = select!("AND t.name = $3");
// No name of a tag holds what comes after `~`.
const LIST: &str = select!(
    "AND t.name > coalesce($3::text, '') AND t.name >= $6 AND t.name < $6 || chr(127)
     ORDER BY t.name OFFSET $4 LIMIT $5"
);
const NEWEST: &str = select!(
    "AND (t.changed_at, t.name) < (coalesce($3::timestamptz, 'infinity'), coalesce($4::text, ''))
     ORDER BY t.changed_at DESC, t.name DESC OFFSET $5 LIMIT $6"
);
const OF_DIGEST: &str = select!("AND t.digest = $3 ORDER BY t.name LIMIT 1000");
const COUNT: &str = "SELECT count(*) FROM (SELECT FROM tags t
    WHERE t.live AND t.registry = $1 AND t.repository = $2 AND t.name >= $3
      AND t.name < $3 || chr(127) LIMIT 10000) counted";
const HISTORY: &str = "SELECT position, change, digest, at, actor FROM tag_history
    WHERE registry = $1 AND repository = $2 AND tag = $3 AND ($4::bigint IS NULL OR position < $4)
    ORDER BY position DESC OFFSET $5 LIMIT $6";

/// The last change until then says where a tag pointed. Every tag that there ever was has its row in
/// `tags`, in the order of names.
macro_rules! as_of {
    ($rest:literal) => {
        concat!(
            "SELECT t.name, h.digest, h.position, h.at, h.actor, m.kind, m.total_size,
                coalesce(m.platforms, '{}') AS platforms
             FROM tags t
             CROSS JOIN LATERAL (SELECT position, digest, at, actor FROM tag_history c
                WHERE c.registry = t.registry AND c.repository = t.repository AND c.tag = t.name
                  AND c.position <= $3
                ORDER BY c.position DESC LIMIT 1) h
             LEFT JOIN manifests m ON m.registry = t.registry AND m.repository = t.repository
                AND m.digest = h.digest
             WHERE t.registry = $1 AND t.repository = $2 AND h.digest IS NOT NULL ",
            $rest
        )
    };
}
const AS_OF: &str =
    as_of!("AND ($4::text IS NULL OR t.name > $4) ORDER BY t.name OFFSET $5 LIMIT $6");
const FIND_AS_OF: &str = as_of!("AND t.name = $4");
const OF_DIGEST_AS_OF: &str = "SELECT h.tag FROM tag_history h
    WHERE h.registry = $1 AND h.repository = $2 AND h.digest = $3 AND h.position <= $4
      AND NOT EXISTS (SELECT FROM tag_history l WHERE l.registry = h.registry
        AND l.repository = h.repository AND l.tag = h.tag AND l.position > h.position
        AND l.position <= $4)
    ORDER BY h.tag LIMIT 100";

const PLACE: &str = "SELECT id, registry, repository, name FROM tags WHERE live AND id = $1
    ORDER BY registry, repository, name LIMIT 1";
const PLACES: &str = concat!(
    "SELECT t.registry, t.repository, ",
    columns!(),
    " FROM (SELECT * FROM tags WHERE live
        ORDER BY registry, repository, name OFFSET $1 LIMIT $2) AS t
    LEFT JOIN manifests m ON m.registry = t.registry AND m.repository = t.repository
      AND m.digest = t.digest
    ORDER BY t.registry, t.repository, t.name"
);
const PLACES_COUNT: &str = "SELECT count(*) FROM (SELECT FROM tags WHERE live LIMIT 10000) counted";

const STANDING: &str = "SELECT name, live, digest, changed_at FROM tags
    WHERE registry = $1 AND repository = $2 AND name > $3 ORDER BY name LIMIT 10000";

pub(crate) const STATEMENTS: &[&str] = &[
    FIND,
    LIST,
    NEWEST,
    OF_DIGEST,
    COUNT,
    HISTORY,
    PLACE,
    PLACES,
    PLACES_COUNT,
    STANDING,
    AS_OF,
    FIND_AS_OF,
    OF_DIGEST_AS_OF,
];

/// One tag.
///
/// # Errors
///
/// The database's.
pub async fn find(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
    tag: &TagName,
) -> Result<Option<TagRow>, sqlx::Error> {
    of_repository::find(read, FIND, (registry, repository), tag.as_str()).await
}

/// A repository's tags whose names begin with `begins`, by name.
///
/// # Errors
///
/// The database's.
pub async fn list(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
    begins: &str,
    paging: &Paging<String>,
) -> Result<Vec<TagRow>, sqlx::Error> {
    sqlx::query_as(LIST)
        .bind(registry.as_str())
        .bind(repository.as_str())
        .bind(&paging.after)
        .bind(paging.offset())
        .bind(paging.limit())
        .bind(begins)
        .fetch_all(read.pool())
        .await
}

/// A repository's tags, the one moved last first; `paging.after` is when the last row seen moved,
/// and its name.
///
/// # Errors
///
/// The database's.
pub async fn newest(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
    paging: &Paging<(Timestamp, String)>,
) -> Result<Vec<TagRow>, sqlx::Error> {
    let (at, name) = paging.after.as_ref().map(|(at, name)| (at.to_sqlx(), name)).unzip();
    sqlx::query_as(NEWEST)
        .bind(registry.as_str())
        .bind(repository.as_str())
        .bind(at)
        .bind(name)
        .bind(paging.offset())
        .bind(paging.limit())
        .fetch_all(read.pool())
        .await
}

/// The tags that point to one manifest; at most a thousand.
///
/// # Errors
///
/// The database's.
pub async fn of_digest(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
    digest: &str,
) -> Result<Vec<TagRow>, sqlx::Error> {
    of_repository::all(read, OF_DIGEST, (registry, repository), digest).await
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
    begins: &str,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(COUNT)
        .bind(registry.as_str())
        .bind(repository.as_str())
        .bind(begins)
        .fetch_one(read.pool())
        .await
}

/// What has happened to a tag, the latest first; `paging.after` is the position of the last row
/// seen.
///
/// # Errors
///
/// The database's.
pub async fn history(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
    tag: &TagName,
    paging: &Paging<i64>,
) -> Result<Vec<TagChangeRow>, sqlx::Error> {
    sqlx::query_as(HISTORY)
        .bind(registry.as_str())
        .bind(repository.as_str())
        .bind(tag.as_str())
        .bind(paging.after)
        .bind(paging.offset())
        .bind(paging.limit())
        .fetch_all(read.pool())
        .await
}

/// Where the tag of this id is, whoever may see it.
///
/// # Errors
///
/// The database's.
pub async fn place(read: &ReadModels, id: i64) -> Result<Option<TagPlaceRow>, sqlx::Error> {
    sqlx::query_as(PLACE).bind(id).fetch_optional(read.pool()).await
}

/// All tags of all repositories, whoever may see them: for administrators.
///
/// # Errors
///
/// The database's.
pub async fn places(
    read: &ReadModels,
    paging: &Paging<String>,
) -> Result<Vec<PlacedTagRow>, sqlx::Error> {
    sqlx::query_as(PLACES).bind(paging.offset()).bind(paging.limit()).fetch_all(read.pool()).await
}

/// How many [`places`] has in all, but no more than [`crate::MAX_COUNT`].
///
/// # Errors
///
/// The database's.
pub async fn places_count(read: &ReadModels) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(PLACES_COUNT).fetch_one(read.pool()).await
}

/// Where tags stand, those included that are gone; some of them, by name, behind `after`.
///
/// # Errors
///
/// The database's.
pub async fn standing(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
    after: &str,
) -> Result<Vec<StandingTag>, sqlx::Error> {
    of_repository::all(read, STANDING, (registry, repository), after).await
}

/// A repository's tags as they were when everything up to `until` had been recorded, by name.
///
/// # Errors
///
/// The database's.
pub async fn as_of(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
    until: Position,
    paging: &Paging<String>,
) -> Result<Vec<PastTagRow>, sqlx::Error> {
    sqlx::query_as(AS_OF)
        .bind(registry.as_str())
        .bind(repository.as_str())
        .bind(until.0.cast_signed())
        .bind(&paging.after)
        .bind(paging.offset())
        .bind(paging.limit())
        .fetch_all(read.pool())
        .await
}

/// One of [`as_of`].
///
/// # Errors
///
/// The database's.
pub async fn find_as_of(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
    tag: &TagName,
    until: Position,
) -> Result<Option<PastTagRow>, sqlx::Error> {
    sqlx::query_as(FIND_AS_OF)
        .bind(registry.as_str())
        .bind(repository.as_str())
        .bind(until.0.cast_signed())
        .bind(tag.as_str())
        .fetch_optional(read.pool())
        .await
}

/// The tags that pointed to a manifest when everything up to `until` had been recorded; at most a
/// hundred.
///
/// # Errors
///
/// The database's.
pub async fn of_digest_as_of(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
    digest: &Digest,
    until: Position,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(OF_DIGEST_AS_OF)
        .bind(registry.as_str())
        .bind(repository.as_str())
        .bind(digest.as_str())
        .bind(until.0.cast_signed())
        .fetch_all(read.pool())
        .await
}
