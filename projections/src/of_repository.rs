//! Queries about one repository: `$1` is its registry, `$2` its name.

use domain::name::{RegistryName, RepositoryName};
use sqlx::FromRow;
use sqlx::postgres::PgRow;

use crate::read::{Paging, ReadModels};

/// What a query answers.
type Answer<T> = Result<T, sqlx::Error>;

/// The one with the key `$3`.
pub(crate) async fn find<T>(
    read: &ReadModels,
    sql: &'static str,
    (registry, repository): (&RegistryName, &RepositoryName),
    key: &str,
) -> Answer<Option<T>>
where
    T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    sqlx::query_as(sql)
        .bind(registry.as_str())
        .bind(repository.as_str())
        .bind(key)
        .fetch_optional(read.pool())
        .await
}

/// A page: after `$3`, without the first `$4`, at most `$5`.
pub(crate) async fn list<T>(
    read: &ReadModels,
    sql: &'static str,
    (registry, repository): (&RegistryName, &RepositoryName),
    paging: &Paging<String>,
) -> Answer<Vec<T>>
where
    T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    sqlx::query_as(sql)
        .bind(registry.as_str())
        .bind(repository.as_str())
        .bind(&paging.after)
        .bind(paging.offset())
        .bind(paging.limit())
        .fetch_all(read.pool())
        .await
}

/// All of them, of which the query itself takes a bounded number; `$3` is what they have in common.
pub(crate) async fn all<T>(
    read: &ReadModels,
    sql: &'static str,
    (registry, repository): (&RegistryName, &RepositoryName),
    common: &str,
) -> Answer<Vec<T>>
where
    T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    sqlx::query_as(sql)
        .bind(registry.as_str())
        .bind(repository.as_str())
        .bind(common)
        .fetch_all(read.pool())
        .await
}

/// How many.
pub(crate) async fn count(
    read: &ReadModels,
    sql: &'static str,
    (registry, repository): (&RegistryName, &RepositoryName),
) -> Answer<i64> {
    sqlx::query_scalar(sql)
        .bind(registry.as_str())
        .bind(repository.as_str())
        .fetch_one(read.pool())
        .await
}
