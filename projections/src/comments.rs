//! Comments: which there are. What they say is in the vault.

use std::collections::HashSet;

use domain::comment::CommentId;
use domain::name::{RegistryName, RepositoryName};
use jiff::Timestamp;
use uuid::Uuid;

use crate::read::{Paging, ReadModels, row};

row! {
    /// Somebody wrote under a repository.
    pub struct CommentRow {
        /// Identity.
        pub comment: Uuid,
        /// Position of the fact.
        pub id: i64,
        /// By whom.
        pub author: String,
        /// When.
        pub created_at: Timestamp,
    }
}

const OF_REPOSITORY: &str = "SELECT comment, id, author, created_at FROM comments
    WHERE registry = $1 AND repository = $2 AND ($3::bigint IS NULL OR id < $3)
    ORDER BY id DESC OFFSET $4 LIMIT $5";
const FIND: &str = "SELECT comment, id, author, created_at FROM comments
    WHERE registry = $1 AND repository = $2 AND comment = $3";

const KNOWN: &str = "SELECT comment FROM comments WHERE comment = ANY($1)";

pub(crate) const STATEMENTS: &[&str] = &[OF_REPOSITORY, FIND, KNOWN];

/// The comments under a repository, the latest first; behind an id.
///
/// # Errors
///
/// The database's.
pub async fn of_repository(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
    paging: &Paging<i64>,
) -> Result<Vec<CommentRow>, sqlx::Error> {
    sqlx::query_as(OF_REPOSITORY)
        .bind(registry.as_str())
        .bind(repository.as_str())
        .bind(paging.after)
        .bind(paging.offset())
        .bind(paging.limit())
        .fetch_all(read.pool())
        .await
}

/// One comment under a repository.
///
/// # Errors
///
/// The database's.
pub async fn find(
    read: &ReadModels,
    registry: &RegistryName,
    repository: &RepositoryName,
    comment: CommentId,
) -> Result<Option<CommentRow>, sqlx::Error> {
    sqlx::query_as(FIND)
        .bind(registry.as_str())
        .bind(repository.as_str())
        .bind(comment.0)
        .fetch_optional(read.pool())
        .await
}

/// Which of these comments there are.
///
/// # Errors
///
/// The database's.
pub async fn known(read: &ReadModels, comments: &[Uuid]) -> Result<HashSet<Uuid>, sqlx::Error> {
    let known = sqlx::query_scalar(KNOWN).bind(comments).fetch_all(read.pool()).await?;
    Ok(known.into_iter().collect())
}
