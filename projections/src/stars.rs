//! Stars.

use std::collections::BTreeSet;

use domain::name::{RegistryName, RepositoryName, UserName};
use jiff::Timestamp;

use crate::of_repository;
use crate::read::{Paging, ReadModels, row};

row! {
    /// Somebody likes a repository.
    pub struct StarRow {
        /// Position of the fact.
        pub id: i64,
        /// Registry.
        pub registry: String,
        /// Repository.
        pub repository: String,
        /// Since when.
        pub created_at: Timestamp,
    }
}

const OF_USER: &str = "SELECT id, registry, repository, created_at FROM stars
    WHERE user_name = $1 AND ($2::text IS NULL OR (registry, repository) > ($2, $3::text))
    ORDER BY registry, repository OFFSET $4 LIMIT $5";
const COUNT: &str = "SELECT count(*) FROM stars WHERE registry = $1 AND repository = $2";
const IS_STARRED: &str = "SELECT EXISTS (SELECT FROM stars
    WHERE user_name = $1 AND registry = $2 AND repository = $3)";

const AMONG: &str = "SELECT s.registry, s.repository
    FROM unnest($2::text[], $3::text[]) AS asked(registry, repository)
    CROSS JOIN LATERAL (SELECT s.registry, s.repository FROM stars s
      WHERE s.user_name = $1 AND s.registry = asked.registry
        AND s.repository = asked.repository OFFSET 0) AS s";

pub(crate) const STATEMENTS: &[&str] = &[OF_USER, COUNT, IS_STARRED, AMONG];

/// What one user starred. What of it they may still see is for whoever shows it.
///
/// # Errors
///
/// The database's.
pub async fn of_user(
    read: &ReadModels,
    user: &UserName,
    paging: &Paging<(String, String)>,
) -> Result<Vec<StarRow>, sqlx::Error> {
    let (registry, repository) = paging.after.clone().unzip();
    sqlx::query_as(OF_USER)
        .bind(user.as_str())
        .bind(registry)
        .bind(repository)
        .bind(paging.offset())
        .bind(paging.limit())
        .fetch_all(read.pool())
        .await
}

/// How many stars a repository has.
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

/// Whether one user starred a repository.
///
/// # Errors
///
/// The database's.
pub async fn is_starred(
    read: &ReadModels,
    user: &UserName,
    registry: &RegistryName,
    repository: &RepositoryName,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(IS_STARRED)
        .bind(user.as_str())
        .bind(registry.as_str())
        .bind(repository.as_str())
        .fetch_one(read.pool())
        .await
}

/// Those of `names`, registry and repository each, that one user starred.
///
/// # Errors
///
/// The database's.
pub async fn starred_among<'a>(
    read: &ReadModels,
    user: &UserName,
    names: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<BTreeSet<(String, String)>, sqlx::Error> {
    let (registries, repositories): (Vec<&str>, Vec<&str>) = names.unzip();
    let starred: Vec<(String, String)> = sqlx::query_as(AMONG)
        .bind(user.as_str())
        .bind(registries)
        .bind(repositories)
        .fetch_all(read.pool())
        .await?;
    Ok(starred.into_iter().collect())
}
