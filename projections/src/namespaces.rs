//! Namespaces and their further grants.

use domain::access::Visible;
use domain::name::{NamespaceName, RegistryName, RepositoryName, TeamName};
use domain::namespace::Visibility;
use jiff::Timestamp;
use uuid::Uuid;

use crate::read::{Keys, Order, Paging, ReadModels, row};

row! {
    /// A namespace.
    pub struct NamespaceRow {
        /// Position of the fact that made it.
        pub id: i64,
        /// Registry.
        pub registry: String,
        /// Name; `_` is the global one.
        pub name: String,
        /// personal, team, global.
        pub holder_kind: String,
        /// User or team; `None` for the global one.
        pub holder: Option<String>,
        /// Id of that user or team.
        pub holder_id: Option<i64>,
        /// private, protected, public.
        pub visibility: String,
        /// Free text.
        pub description: String,
        /// Repositories whose deciding namespace this is.
        pub repositories: i64,
        /// When it was made.
        pub created_at: Timestamp,
        /// When anything of it last changed.
        pub updated_at: Timestamp,
    }
}

impl NamespaceRow {
    /// Whether it is among what somebody may see.
    fn is_in(&self, visible: &Visible) -> bool {
        if visible.everything {
            return true;
        }
        let registry = RegistryName::parse(&self.registry).ok();
        let name = NamespaceName::parse(&self.name).ok();
        let visibility = Visibility::parse(&self.visibility);
        match (registry, name, visibility) {
            (Some(registry), Some(name), Some(visibility)) => {
                visible.sees_namespace(&registry, &name, visibility)
            }
            _ => false,
        }
    }
}

row! {
    /// A right beside the holder's.
    pub struct GrantRow {
        /// Which.
        pub grant_id: Uuid,
        /// Position of the fact that gave it.
        pub id: i64,
        /// team or user.
        pub grantee_kind: String,
        /// Whom.
        pub grantee: String,
        /// viewer, contributor, owner.
        pub role: String,
        /// On this repository only.
        pub repository: Option<String>,
        /// Until then.
        pub until: Option<Timestamp>,
    }
}

macro_rules! columns {
    () => {
        "n.id, n.registry, n.name, n.holder_kind, n.holder, n.visibility,
                n.description, n.created_at, n.updated_at,
                CASE n.holder_kind
                  WHEN 'team' THEN (SELECT t.id FROM teams t WHERE t.name = n.holder)
                  WHEN 'personal' THEN (SELECT u.id FROM users u WHERE u.name = n.holder)
                END AS holder_id,
                coalesce((SELECT c.repositories FROM content_namespaces c
                   WHERE c.registry = n.registry AND c.name = n.name), 0) AS repositories"
    };
}

/// `Keys` are bound to `$1` to `$3`.
macro_rules! may_see {
    () => {
        "($1 OR CASE WHEN n.visibility = ANY($2) THEN true
            ELSE n.registry || '/' || n.name = ANY($3::text[]) END) "
    };
}

macro_rules! select {
    ($($rest:expr),+) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM namespaces n
             WHERE ",
            may_see!(),
            $($rest),+
        )
    };
}

macro_rules! wanted {
    () => {
        "AND ($4::text IS NULL OR n.visibility = $4)
         AND ($5::text IS NULL OR (n.holder_kind = 'team' AND n.holder = $5))
         AND ($6::text IS NULL OR n.registry = $6)
         AND ($7::text IS NULL OR starts_with(n.name, $7)) "
    };
}

/// Of whoever may see them: that is asked of the row.
const FIND: &str =
    concat!("SELECT ", columns!(), " FROM namespaces n WHERE n.registry = $1 AND n.name = $2");
const FIND_ID: &str = concat!("SELECT ", columns!(), " FROM namespaces n WHERE n.id = $1");
const LIST: &str = select!(
    "AND ($4::text IS NULL OR (n.registry, n.name) > ($4, $5::text))
     ORDER BY n.registry, n.name OFFSET $6 LIMIT $7"
);
/// Of each visibility that is seen as many as a page needs, and of the others `$2`, `$3`, which lie
/// behind `$4`, `$5` already.
const SEEN: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM (
        SELECT seen.registry, seen.name FROM unnest($1::text[]) AS class(visibility)
          CROSS JOIN LATERAL (SELECT n.registry, n.name FROM namespaces n
            WHERE n.visibility = class.visibility
              AND ($4::text IS NULL OR (n.registry, n.name) > ($4, $5::text))
            ORDER BY n.registry, n.name LIMIT $6) AS seen
        UNION
        SELECT * FROM unnest($2::text[], $3::text[]) AS own(registry, name)
    ) AS place
    CROSS JOIN LATERAL (SELECT * FROM namespaces n
      WHERE n.registry = place.registry AND n.name = place.name OFFSET 0) AS n
    ORDER BY n.registry, n.name LIMIT $6"
);
const OF_TEAM: &str = select!(
    "AND n.holder_kind = 'team' AND n.holder = $4
     AND ($5::text IS NULL OR (n.registry, n.name) > ($5, $6::text))
     ORDER BY n.registry, n.name OFFSET $7 LIMIT $8"
);
const PAGES: [&str; 4] = [
    select!(wanted!(), "ORDER BY n.registry, n.name OFFSET $8 LIMIT $9"),
    select!(wanted!(), "ORDER BY n.registry DESC, n.name DESC OFFSET $8 LIMIT $9"),
    select!(wanted!(), "ORDER BY n.id OFFSET $8 LIMIT $9"),
    select!(wanted!(), "ORDER BY n.id DESC OFFSET $8 LIMIT $9"),
];
const COUNT: &str = concat!(
    "SELECT count(*) FROM (SELECT FROM namespaces n WHERE ",
    may_see!(),
    wanted!(),
    "LIMIT 10000) counted"
);
const GRANTS: &str = "SELECT grant_id, id, grantee_kind, grantee, role, repository, until
    FROM namespace_grants WHERE registry = $1 AND namespace = $2 ORDER BY id LIMIT 10000";
// Ids are given in the order of time, so the oldest comes first.
const SOME_GRANTS: &str = "SELECT grant_id, id, grantee_kind, grantee, role, repository, until
    FROM namespace_grants
    WHERE registry = $1 AND namespace = $2 AND ($3::uuid IS NULL OR grant_id > $3)
      AND ($4::text IS NULL OR repository IS NULL OR repository = $4)
    ORDER BY grant_id LIMIT $5";

pub(crate) const STATEMENTS: &[&str] = &[
    FIND,
    FIND_ID,
    LIST,
    SEEN,
    OF_TEAM,
    COUNT,
    GRANTS,
    SOME_GRANTS,
    PAGES[0],
    PAGES[1],
    PAGES[2],
    PAGES[3],
];

/// Which namespaces are wanted; empty: all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this visibility.
    pub visibility: Option<Visibility>,
    /// Held by this team, which whoever asks must see.
    pub team: Option<TeamName>,
    /// In this registry.
    pub registry: Option<RegistryName>,
    /// Whose name begins so.
    pub prefix: Option<String>,
}

/// Registry and name: what lists of namespaces are sorted by.
pub type Key = (String, String);

macro_rules! bind_rights {
    ($query:expr, $rights:expr) => {
        $query.bind($rights.everything).bind($rights.visibilities).bind($rights.namespaces)
    };
}

/// One namespace, if it may be seen.
///
/// # Errors
///
/// The database's.
pub async fn find(
    read: &ReadModels,
    registry: &RegistryName,
    name: &NamespaceName,
    visible: &Visible,
) -> Result<Option<NamespaceRow>, sqlx::Error> {
    let found: Option<NamespaceRow> = sqlx::query_as(FIND)
        .bind(registry.as_str())
        .bind(name.as_str())
        .fetch_optional(read.pool())
        .await?;
    Ok(found.filter(|row| row.is_in(visible)))
}

/// One namespace by id, if it may be seen.
///
/// # Errors
///
/// The database's.
pub async fn find_id(
    read: &ReadModels,
    id: i64,
    visible: &Visible,
) -> Result<Option<NamespaceRow>, sqlx::Error> {
    let found: Option<NamespaceRow> =
        sqlx::query_as(FIND_ID).bind(id).fetch_optional(read.pool()).await?;
    Ok(found.filter(|row| row.is_in(visible)))
}

/// The namespaces that may be seen.
///
/// # Errors
///
/// The database's.
pub async fn list(
    read: &ReadModels,
    visible: &Visible,
    paging: &Paging<Key>,
) -> Result<Vec<NamespaceRow>, sqlx::Error> {
    if !visible.everything && paging.offset() == 0 {
        return seen(read, visible, paging).await;
    }
    let rights = Keys::of(visible);
    let (registry, name) = paging.after.clone().unzip();
    bind_rights!(sqlx::query_as(LIST), rights)
        .bind(registry)
        .bind(name)
        .bind(paging.offset())
        .bind(paging.limit())
        .fetch_all(read.pool())
        .await
}

async fn seen(
    read: &ReadModels,
    visible: &Visible,
    paging: &Paging<Key>,
) -> Result<Vec<NamespaceRow>, sqlx::Error> {
    let own = visible.namespaces.iter().map(|(registry, name)| (registry.as_str(), name.as_str()));
    let after = paging.after.as_ref().map(|(registry, name)| (registry.as_str(), name.as_str()));
    let own = own
        .filter(|key| after.is_none_or(|after| after < *key))
        .take(usize::try_from(paging.limit()).unwrap_or(usize::MAX));
    let (registries, names): (Vec<&str>, Vec<&str>) = own.unzip();
    let visibilities: Vec<&str> = visible.visibilities.iter().map(|v| v.as_str()).collect();
    let (registry, name) = after.unzip();
    sqlx::query_as(SEEN)
        .bind(visibilities)
        .bind(registries)
        .bind(names)
        .bind(registry)
        .bind(name)
        .bind(paging.limit())
        .fetch_all(read.pool())
        .await
}

/// The namespaces of one team that may be seen.
///
/// # Errors
///
/// The database's.
pub async fn of_team(
    read: &ReadModels,
    team: &TeamName,
    visible: &Visible,
    paging: &Paging<Key>,
) -> Result<Vec<NamespaceRow>, sqlx::Error> {
    let rights = Keys::of(visible);
    let (registry, name) = paging.after.clone().unzip();
    bind_rights!(sqlx::query_as(OF_TEAM), rights)
        .bind(team.as_str())
        .bind(registry)
        .bind(name)
        .bind(paging.offset())
        .bind(paging.limit())
        .fetch_all(read.pool())
        .await
}

/// The namespaces that may be seen and are wanted, in this order.
///
/// # Errors
///
/// The database's.
pub async fn page(
    read: &ReadModels,
    visible: &Visible,
    filter: &Filter,
    order: Order,
    paging: &Paging<()>,
) -> Result<Vec<NamespaceRow>, sqlx::Error> {
    let rights = Keys::of(visible);
    bind_rights!(sqlx::query_as(order.of(PAGES)), rights)
        .bind(filter.visibility.map(Visibility::as_str))
        .bind(filter.team.as_ref().map(TeamName::as_str))
        .bind(filter.registry.as_ref().map(RegistryName::as_str))
        .bind(&filter.prefix)
        .bind(paging.offset())
        .bind(paging.limit())
        .fetch_all(read.pool())
        .await
}

/// How many [`page`] has in all, but no more than [`crate::MAX_COUNT`].
///
/// # Errors
///
/// The database's.
pub async fn count(
    read: &ReadModels,
    visible: &Visible,
    filter: &Filter,
) -> Result<i64, sqlx::Error> {
    let rights = Keys::of(visible);
    bind_rights!(sqlx::query_scalar(COUNT), rights)
        .bind(filter.visibility.map(Visibility::as_str))
        .bind(filter.team.as_ref().map(TeamName::as_str))
        .bind(filter.registry.as_ref().map(RegistryName::as_str))
        .bind(&filter.prefix)
        .fetch_one(read.pool())
        .await
}

/// The further grants of a namespace. Who may see them is asked before.
///
/// # Errors
///
/// The database's.
pub async fn grants(
    read: &ReadModels,
    registry: &RegistryName,
    name: &NamespaceName,
) -> Result<Vec<GrantRow>, sqlx::Error> {
    sqlx::query_as(GRANTS).bind(registry.as_str()).bind(name.as_str()).fetch_all(read.pool()).await
}

/// Some of the further grants of a namespace, those behind `after`, the oldest first; those that
/// reach one repository, if one is given. Who may see them is asked before.
///
/// # Errors
///
/// The database's.
pub async fn some_grants(
    read: &ReadModels,
    registry: &RegistryName,
    name: &NamespaceName,
    repository: Option<&RepositoryName>,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<GrantRow>, sqlx::Error> {
    sqlx::query_as(SOME_GRANTS)
        .bind(registry.as_str())
        .bind(name.as_str())
        .bind(after)
        .bind(repository.map(RepositoryName::as_str))
        .bind(limit)
        .fetch_all(read.pool())
        .await
}
