//! Users: people and bots that were not removed.

use std::collections::BTreeMap;

use domain::name::UserName;
use jiff::Timestamp;

use crate::read::{Order, Paging, ReadModels, row};

row! {
    /// A person or bot. Display name and e-mail are in the vault.
    pub struct UserRow {
        /// Position of the fact that registered it.
        pub id: i64,
        /// Canonical name.
        pub name: String,
        /// Bot, or person.
        pub bot: bool,
        /// Not disabled.
        pub enabled: bool,
        /// Administrator.
        pub admin: bool,
        /// Auditor.
        pub auditor: bool,
        /// How it came about, such as `administrator`.
        pub origin: String,
        /// When it was registered.
        pub created_at: Timestamp,
        /// When anything of it last changed.
        pub updated_at: Timestamp,
    }
}

macro_rules! select {
    ($($rest:expr),+) => {
        concat!(
            "SELECT id, name, bot, enabled, admin, auditor, origin, created_at, updated_at
             FROM users ",
            $($rest),+
        )
    };
}

macro_rules! wanted {
    () => {
        "WHERE ($1::text IS NULL OR starts_with(name, $1)) AND ($2::bool IS NULL OR enabled = $2)
           AND ($3::bool IS NULL OR admin = $3) AND ($4::bool IS NULL OR bot = $4) "
    };
}

const FIND: &str = select!("WHERE name = $1");
const FIND_ID: &str = select!("WHERE id = $1");
const LIST: &str = select!(
    "WHERE ($1::text IS NULL OR name > $1) AND ($2::text IS NULL OR (name >= $2 AND name < $2 || U&'\\+10FFFF'))
     ORDER BY name OFFSET $3 LIMIT $4"
);
const PAGES: [&str; 4] = [
    select!(wanted!(), "ORDER BY name OFFSET $5 LIMIT $6"),
    select!(wanted!(), "ORDER BY name DESC OFFSET $5 LIMIT $6"),
    select!(wanted!(), "ORDER BY id OFFSET $5 LIMIT $6"),
    select!(wanted!(), "ORDER BY id DESC OFFSET $5 LIMIT $6"),
];
const COUNT: &str =
    concat!("SELECT count(*) FROM (SELECT FROM users ", wanted!(), "LIMIT 10000) counted");
const LAST_SIGN_IN: &str = "SELECT recorded_at AS at FROM activity
    WHERE kind = 'auth.signed_in' AND actor = $1 ORDER BY position DESC, index DESC LIMIT 1";
const BESIDE: &str = "SELECT wanted.name, coalesce(ins.times, '{}') AS sign_ins,
      (SELECT min(n.id) FROM namespaces n
        WHERE n.holder_kind = 'personal' AND n.holder = u.name AND n.id > u.id) AS namespace
    FROM unnest($1::text[]) AS wanted(name)
      JOIN users u ON u.name = wanted.name
      CROSS JOIN LATERAL (SELECT array_agg(a.recorded_at ORDER BY a.position DESC, a.index DESC)
        AS times FROM (SELECT recorded_at, position, index FROM activity
          WHERE kind = 'auth.signed_in' AND actor = wanted.name
          ORDER BY position DESC, index DESC LIMIT 2) a) ins";

pub(crate) const STATEMENTS: &[&str] =
    &[FIND, FIND_ID, LIST, COUNT, LAST_SIGN_IN, BESIDE, PAGES[0], PAGES[1], PAGES[2], PAGES[3]];

/// Which users are wanted; empty: all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Whose name begins so.
    pub prefix: Option<String>,
    /// Those who are, or are not.
    pub enabled: Option<bool>,
    /// Those who are administrators, or are not.
    pub admin: Option<bool>,
    /// Bots, or people.
    pub bot: Option<bool>,
}

/// One user by name.
///
/// # Errors
///
/// The database's.
pub async fn find(read: &ReadModels, name: &UserName) -> Result<Option<UserRow>, sqlx::Error> {
    sqlx::query_as(FIND).bind(name.as_str()).fetch_optional(read.pool()).await
}

/// One user by id.
///
/// # Errors
///
/// The database's.
pub async fn find_id(read: &ReadModels, id: i64) -> Result<Option<UserRow>, sqlx::Error> {
    sqlx::query_as(FIND_ID).bind(id).fetch_optional(read.pool()).await
}

/// Users by name, those whose name begins with `prefix`. Who may list users is asked before
/// ([`domain::access::Action::ListUsers`], [`domain::access::Action::SearchUsersForTeam`]).
///
/// # Errors
///
/// The database's.
pub async fn list(
    read: &ReadModels,
    prefix: Option<&str>,
    paging: &Paging<String>,
) -> Result<Vec<UserRow>, sqlx::Error> {
    sqlx::query_as(LIST)
        .bind(&paging.after)
        .bind(prefix)
        .bind(paging.offset())
        .bind(paging.limit())
        .fetch_all(read.pool())
        .await
}

/// The users that are wanted, in this order. Who may list users is asked before.
///
/// # Errors
///
/// The database's.
pub async fn page(
    read: &ReadModels,
    filter: &Filter,
    order: Order,
    paging: &Paging<()>,
) -> Result<Vec<UserRow>, sqlx::Error> {
    sqlx::query_as(order.of(PAGES))
        .bind(&filter.prefix)
        .bind(filter.enabled)
        .bind(filter.admin)
        .bind(filter.bot)
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
pub async fn count(read: &ReadModels, filter: &Filter) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(COUNT)
        .bind(&filter.prefix)
        .bind(filter.enabled)
        .bind(filter.admin)
        .bind(filter.bot)
        .fetch_one(read.pool())
        .await
}

/// When somebody last signed in at a page, as far as the feed knows.
///
/// # Errors
///
/// The database's.
pub async fn last_sign_in(
    read: &ReadModels,
    name: &UserName,
) -> Result<Option<Timestamp>, sqlx::Error> {
    let at: Option<jiff_sqlx::Timestamp> =
        sqlx::query_scalar(LAST_SIGN_IN).bind(name.as_str()).fetch_optional(read.pool()).await?;
    Ok(at.map(jiff_sqlx::Timestamp::to_jiff))
}

/// What is known of an account beside its row.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// When they signed in at a page, as far as the feed knows: the last time, and the time before.
    pub sign_ins: [Option<Timestamp>; 2],
    /// The id of their own namespace; of the oldest, where there are several registries.
    pub namespace: Option<i64>,
}

/// What is known of these accounts beside their rows, by name.
///
/// # Errors
///
/// The database's.
pub async fn beside(
    read: &ReadModels,
    names: &[&str],
) -> Result<BTreeMap<String, Beside>, sqlx::Error> {
    type Row = (String, Vec<jiff_sqlx::Timestamp>, Option<i64>);
    let rows: Vec<Row> = sqlx::query_as(BESIDE).bind(names).fetch_all(read.pool()).await?;
    let beside = |(name, times, namespace): Row| {
        let mut times = times.into_iter().map(jiff_sqlx::Timestamp::to_jiff);
        (name, Beside { sign_ins: [times.next(), times.next()], namespace })
    };
    Ok(rows.into_iter().map(beside).collect())
}
