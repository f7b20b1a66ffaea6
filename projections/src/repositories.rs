//! Repositories: what registries told us of them, and what people said of them.

mod browse;

use std::collections::BTreeSet;

use domain::access::Visible;
use domain::name::{NamespaceName, RegistryName, RepositoryName};
use domain::namespace::Visibility;
use jiff::Timestamp;

pub use self::browse::{
    Cursor, CursorError, Filter, MOST_WALKED, Order, Slice, Sort, browse, count,
};
use crate::read::{Keys, Paging, ReadModels, row};

/// For how many days, the latest one included, pulls are told a day.
pub const PULL_DAYS: usize = 30;

row! {
    /// A repository.
    pub struct RepositoryRow {
        /// Position of the fact by which we first knew content in it.
        pub id: i64,
        /// Registry.
        pub registry: String,
        /// Full name inside the registry.
        pub name: String,
        /// The namespace that decides over it; `None`: none exists.
        pub namespace: Option<String>,
        /// That namespace's id.
        pub namespace_id: Option<i64>,
        /// That namespace's visibility.
        pub visibility: Option<String>,
        /// In Markdown; empty when nobody described it.
        pub description: String,
        /// Live tags.
        pub tags: i64,
        /// Bytes of all manifests that live, with what each references; shared layers count each
        /// time.
        pub size: i64,
        /// Bytes of the same, when each layer and configuration counts once.
        pub unique_size: i64,
        /// How many people starred it.
        pub stars: i64,
        /// Manifests that were downloaded.
        pub pulls: i64,
        /// When last.
        pub last_pull_at: Option<Timestamp>,
        /// By whom.
        pub last_pull_by: Option<String>,
        /// The day of the last one, counted from 1970 in UTC.
        pub pull_day: Option<i32>,
        /// Pulls on that day, on the day before, and so on, for at most [`PULL_DAYS`] days.
        pub pull_days: Vec<i64>,
        /// Manifests that were pushed.
        pub pushes: i64,
        /// When last.
        pub last_push_at: Option<Timestamp>,
        /// By whom.
        pub last_push_by: Option<String>,
        /// When it was first heard of.
        pub created_at: Timestamp,
    }
}

impl RepositoryRow {
    /// Whether it is among what somebody may see.
    fn is_in(&self, visible: &Visible) -> bool {
        if visible.everything {
            return true;
        }
        let (Ok(registry), Ok(name)) =
            (RegistryName::parse(&self.registry), RepositoryName::parse(&self.name))
        else {
            return false;
        };
        let namespace = self.namespace.as_deref().and_then(|name| NamespaceName::parse(name).ok());
        let visibility = self.visibility.as_deref().and_then(Visibility::parse);
        match namespace.zip(visibility) {
            Some((namespace, visibility)) => {
                visible.sees_repository(&registry, &name, &namespace, visibility)
            }
            None => visible.repositories.contains(&(registry, name)),
        }
    }

    /// Pulls on the day of `now` and on the [`PULL_DAYS`] - 1 days before it, in UTC.
    #[must_use]
    pub fn recent_pulls(&self, now: Timestamp) -> i64 {
        let Some(latest) = self.pull_day else { return 0 };
        let age = usize::try_from(day_of(now).saturating_sub(latest)).unwrap_or(0);
        self.pull_days.iter().take(PULL_DAYS.saturating_sub(age)).sum()
    }
}

/// The day of a moment, counted from 1970 in UTC.
pub(crate) fn day_of(at: Timestamp) -> i32 {
    i32::try_from(at.as_second().div_euclid(86_400)).unwrap_or(i32::MAX)
}

/// What a [`RepositoryRow`] is made of, of `repositories` as `r`.
macro_rules! columns {
    () => {
        "r.id, r.registry, r.name, r.namespace, n.id AS namespace_id, n.visibility,
            coalesce(d.description, '') AS description, r.tags, r.size, r.unique_size, r.stars,
            r.pulls, r.last_pull_at, r.last_pull_by, r.pull_day, r.pull_days,
            r.pushes, r.last_push_at, r.last_push_by, r.created_at"
    };
}
use columns;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            "
             FROM repositories r
             LEFT JOIN content_namespaces n ON n.registry = r.registry AND n.name = r.namespace
             LEFT JOIN repository_descriptions d
                ON d.registry = r.registry AND d.repository = r.name
             WHERE r.id IS NOT NULL AND ($1 OR CASE WHEN r.visibility = ANY($2) THEN true
                WHEN r.registry || '/' || r.namespace = ANY($3::text[]) THEN true
                ELSE r.registry || '/' || r.name = ANY($4::text[]) END) ",
            $rest
        )
    };
}

/// Of whoever may see it: that is asked of the row.
macro_rules! one {
    ($which:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM repositories r
             LEFT JOIN content_namespaces n ON n.registry = r.registry AND n.name = r.namespace
             LEFT JOIN repository_descriptions d
                ON d.registry = r.registry AND d.repository = r.name
             WHERE r.id IS NOT NULL AND ",
            $which
        )
    };
}

const FIND: &str = one!("r.registry = $1 AND r.name = $2");
const FIND_ID: &str = one!("r.id = $1");
const LIST: &str = select!(
    "AND ($5::text IS NULL OR (r.registry, r.name) > ($5, $6::text))
     ORDER BY r.registry, r.name OFFSET $7 LIMIT $8"
);
const OF_NAMESPACE: &str = select!(
    "AND r.registry = $5 AND r.namespace = $6
     ORDER BY r.registry, r.namespace, r.name OFFSET $7 LIMIT $8"
);
const NAMES: &str = "SELECT name FROM repositories
    WHERE registry = $1 AND name > $2 AND id IS NOT NULL ORDER BY name LIMIT 1000";

const KNOWN_OF: &str = "SELECT name FROM repositories
    WHERE registry = $1 AND name = ANY($2) AND id IS NOT NULL";

pub(crate) const STATEMENTS: &[&str] = &[FIND, FIND_ID, LIST, OF_NAMESPACE, NAMES, KNOWN_OF];
pub(crate) use self::browse::STATEMENTS as BROWSE_STATEMENTS;

/// Registry and name: what lists of repositories are sorted by.
pub type Key = (String, String);

macro_rules! bind_rights {
    ($query:expr, $visible:expr) => {{
        let keys = Keys::of($visible);
        $query
            .bind(keys.everything)
            .bind(keys.visibilities)
            .bind(keys.namespaces)
            .bind(keys.repositories)
    }};
}

/// One repository, if it may be seen.
///
/// # Errors
///
/// The database's.
pub async fn find(
    read: &ReadModels,
    registry: &RegistryName,
    name: &RepositoryName,
    visible: &Visible,
) -> Result<Option<RepositoryRow>, sqlx::Error> {
    let found: Option<RepositoryRow> = sqlx::query_as(FIND)
        .bind(registry.as_str())
        .bind(name.as_str())
        .fetch_optional(read.pool())
        .await?;
    Ok(found.filter(|row| row.is_in(visible)))
}

/// One repository by id, if it may be seen.
///
/// # Errors
///
/// The database's.
pub async fn find_id(
    read: &ReadModels,
    id: i64,
    visible: &Visible,
) -> Result<Option<RepositoryRow>, sqlx::Error> {
    let found: Option<RepositoryRow> =
        sqlx::query_as(FIND_ID).bind(id).fetch_optional(read.pool()).await?;
    Ok(found.filter(|row| row.is_in(visible)))
}

/// The repositories that may be seen, by registry and name.
///
/// # Errors
///
/// The database's.
pub async fn list(
    read: &ReadModels,
    visible: &Visible,
    paging: &Paging<Key>,
) -> Result<Vec<RepositoryRow>, sqlx::Error> {
    let (registry, name) = paging.after.clone().unzip();
    bind_rights!(sqlx::query_as(LIST), visible)
        .bind(registry)
        .bind(name)
        .bind(paging.offset())
        .bind(paging.limit())
        .fetch_all(read.pool())
        .await
}

/// The repositories over which one namespace decides, as far as they may be seen, by name: behind a
/// name, or without the first few.
///
/// # Errors
///
/// The database's.
pub async fn of_namespace(
    read: &ReadModels,
    registry: &RegistryName,
    namespace: &NamespaceName,
    visible: &Visible,
    paging: &Paging<String>,
) -> Result<Vec<RepositoryRow>, sqlx::Error> {
    if paging.offset() == 0 {
        let filter =
            Filter { namespace: Some((registry.clone(), namespace.clone())), ..Filter::default() };
        let (order, after) = (Order::by(Sort::Name), paging.after.as_deref());
        let after = after.map(Cursor::behind_name);
        let limit = paging.limit();
        return Ok(browse(read, visible, &filter, order, after.as_ref(), limit).await?.rows);
    }
    bind_rights!(sqlx::query_as(OF_NAMESPACE), visible)
        .bind(registry.as_str())
        .bind(namespace.as_str())
        .bind(paging.offset())
        .bind(paging.limit())
        .fetch_all(read.pool())
        .await
}

/// The repositories that may be seen and were pushed to last.
///
/// # Errors
///
/// The database's.
pub async fn recent(
    read: &ReadModels,
    visible: &Visible,
    limit: i64,
) -> Result<Vec<RepositoryRow>, sqlx::Error> {
    let order = Order::by(Sort::Pushed);
    Ok(browse(read, visible, &Filter::default(), order, None, limit).await?.rows)
}

/// Up to a thousand repository names of a registry behind `after`, whoever may see them: for our
/// own jobs.
///
/// # Errors
///
/// The database's.
pub async fn names(
    read: &ReadModels,
    registry: &RegistryName,
    after: &str,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(NAMES).bind(registry.as_str()).bind(after).fetch_all(read.pool()).await
}

/// Those of `names` in which we know content, whoever may see them: for our own jobs.
///
/// # Errors
///
/// The database's.
pub async fn known_of(
    read: &ReadModels,
    registry: &RegistryName,
    names: &[String],
) -> Result<BTreeSet<String>, sqlx::Error> {
    let known: Vec<String> = sqlx::query_scalar(KNOWN_OF)
        .bind(registry.as_str())
        .bind(names)
        .fetch_all(read.pool())
        .await?;
    Ok(known.into_iter().collect())
}
