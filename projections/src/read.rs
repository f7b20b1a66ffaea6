//! What every query on the read models shares: the pool, rights as parameters, paging, rows.

use domain::access::Visible;
use domain::name::{NamespaceName, RegistryName, TeamName};
use jiff::Timestamp;
use sqlx::PgPool;
use sqlx::postgres::{PgPoolOptions, PgRow};

/// The schemas of the live generation, in the order in which names are looked up.
pub const LIVE_SCHEMAS: &str = "read_directory, read_content, read_activity";

/// The most rows of one page.
pub const MAX_PAGE: i64 = 1_000;

/// The most connections that queries hold: for each core as many as keep it busy while others wait
/// for the disk. They take turns, so each further one is asked less often, and has less at hand.
fn max_connections() -> u32 {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    u32::try_from(3 * cores).unwrap_or(u32::MAX).clamp(6, 48)
}

/// Each connection remembers all of our statements, once it was asked them; see
/// [`crate::statements`].
const STATEMENTS_KEPT: usize = 512;

/// The most rows that are counted: a total beyond it is said as this.
pub const MAX_COUNT: i64 = 10_000;

/// How a list is sorted that people go through by page numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Order {
    /// By what.
    pub by: By,
    /// The last first.
    pub descending: bool,
}

/// What such a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum By {
    /// Name.
    #[default]
    Name,
    /// Number, and thereby age.
    Id,
}

impl Order {
    /// One of a list's statements: by name, down, by number, down.
    pub(crate) fn of(self, statements: [&'static str; 4]) -> &'static str {
        let [name, name_down, id, id_down] = statements;
        match (self.by, self.descending) {
            (By::Name, false) => name,
            (By::Name, true) => name_down,
            (By::Id, false) => id,
            (By::Id, true) => id_down,
        }
    }
}

/// The read models of the live generation. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ReadModels {
    pool: PgPool,
}

impl ReadModels {
    /// Read models in the database that `pool` leads to. Connects when first asked, with a pool of
    /// its own, because its statements look names up in the read models' schemas.
    #[must_use]
    pub fn new(pool: &PgPool) -> Self {
        // Filters that are not wanted are parameters that are null: only a plan made for these very
        // parameters leaves them out, and none of these queries runs long enough for a compiler. What
        // a page shows is found by an index, in order and a few rows at a time: collecting all that
        // might be shown, to sort it, is never a good plan, even where statistics speak for it.
        let options = pool.connect_options().as_ref().clone();
        let options = options.statement_cache_capacity(STATEMENTS_KEPT).options([
            ("search_path", LIVE_SCHEMAS),
            ("plan_cache_mode", "force_custom_plan"),
            ("jit", "off"),
            ("enable_seqscan", "off"),
            ("enable_bitmapscan", "off"),
            ("random_page_cost", "1.1"),
            ("max_parallel_workers_per_gather", "0"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(max_connections())
            .acquire_timeout(std::time::Duration::from_secs(5))
            .connect_lazy_with(options);
        Self { pool }
    }

    /// Connections whose unqualified names mean the live generation.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }
}

/// Which part of a list. Lists are sorted by their key, and `after` is the key of the last row
/// seen.
#[derive(Debug, Clone)]
pub struct Paging<Key> {
    /// Begin behind this key; `None`: at the beginning.
    pub after: Option<Key>,
    /// Then leave out this many. For page numbers; keys cost less.
    pub offset: i64,
    /// At most this many, at most [`MAX_PAGE`].
    pub limit: i64,
}

impl<Key> Paging<Key> {
    /// The first `limit` rows.
    #[must_use]
    pub fn first(limit: i64) -> Self {
        Self { after: None, offset: 0, limit }
    }

    /// `limit` rows behind `key`.
    #[must_use]
    pub fn after(key: Key, limit: i64) -> Self {
        Self { after: Some(key), offset: 0, limit }
    }

    pub(crate) fn limit(&self) -> i64 {
        self.limit.clamp(0, MAX_PAGE)
    }

    pub(crate) fn offset(&self) -> i64 {
        self.offset.max(0)
    }
}

/// Registries and names, as two parameters of a query.
pub(crate) type Pairs<'a> = (Vec<&'a str>, Vec<&'a str>);

/// The namespaces that are seen one by one.
pub(crate) fn own_namespaces(visible: &Visible) -> Pairs<'_> {
    visible.namespaces.iter().map(|(registry, name)| (registry.as_str(), name.as_str())).unzip()
}

/// The repositories that are seen one by one.
pub(crate) fn own_repositories(visible: &Visible) -> Pairs<'_> {
    visible.repositories.iter().map(|(registry, name)| (registry.as_str(), name.as_str())).unzip()
}

/// The teams that are seen.
pub(crate) fn own_teams(visible: &Visible) -> Vec<&str> {
    visible.teams.iter().map(TeamName::as_str).collect()
}

/// [`Visible`] as the parameters of a query over much: each namespace and repository one text,
/// `registry/name`, which no two things share, as a registry's name has no `/`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) everything: bool,
    pub(crate) visibilities: Vec<&'static str>,
    pub(crate) namespaces: Vec<String>,
    pub(crate) repositories: Vec<String>,
}

impl Keys {
    pub(crate) fn of(visible: &Visible) -> Self {
        Self::of_some(visible, |_, _| true)
    }

    /// The same for a query that finds something in those namespaces alone that are `asked`. Of five
    /// thousand it would take longer to say them all than to find what is wanted.
    pub(crate) fn of_some(
        visible: &Visible,
        asked: impl Fn(&RegistryName, &NamespaceName) -> bool,
    ) -> Self {
        let key = |registry: &RegistryName, name: &str| {
            let registry = registry.as_str();
            let mut key = String::with_capacity(registry.len() + 1 + name.len());
            key.push_str(registry);
            key.push('/');
            key.push_str(name);
            key
        };
        let namespaces = visible.namespaces.iter().filter(|(at, name)| asked(at, name));
        let repositories = visible.repositories.iter();
        Self {
            everything: visible.everything,
            visibilities: visible.visibilities.iter().map(|v| v.as_str()).collect(),
            namespaces: namespaces.map(|(at, name)| key(at, name.as_str())).collect(),
            repositories: repositories.map(|(at, name)| key(at, name.as_str())).collect(),
        }
    }
}

/// A column's type in a row struct.
pub(crate) trait Column: Sized {
    fn get(row: &PgRow, name: &str) -> Result<Self, sqlx::Error>;
}

macro_rules! plain_columns {
    ($($ty:ty),*) => {$(
        impl Column for $ty {
            fn get(row: &PgRow, name: &str) -> Result<Self, sqlx::Error> {
                sqlx::Row::try_get(row, name)
            }
        }
    )*};
}
plain_columns!(
    bool,
    i32,
    i64,
    Option<i32>,
    Option<i64>,
    Vec<i64>,
    String,
    Option<String>,
    Vec<String>,
    Option<Vec<String>>,
    uuid::Uuid,
    Option<uuid::Uuid>,
    serde_json::Value
);

impl Column for Timestamp {
    fn get(row: &PgRow, name: &str) -> Result<Self, sqlx::Error> {
        sqlx::Row::try_get::<jiff_sqlx::Timestamp, _>(row, name).map(jiff_sqlx::Timestamp::to_jiff)
    }
}

impl Column for Option<Timestamp> {
    fn get(row: &PgRow, name: &str) -> Result<Self, sqlx::Error> {
        let at = sqlx::Row::try_get::<Option<jiff_sqlx::Timestamp>, _>(row, name)?;
        Ok(at.map(jiff_sqlx::Timestamp::to_jiff))
    }
}

/// A struct whose fields are the columns of a query's answer.
macro_rules! row {
    ($(#[$meta:meta])* pub struct $name:ident {
        $($(#[$field_meta:meta])* pub $field:ident: $ty:ty,)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize)]
        pub struct $name { $($(#[$field_meta])* pub $field: $ty,)* }

        impl<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> for $name {
            fn from_row(row: &'r sqlx::postgres::PgRow) -> Result<Self, sqlx::Error> {
                Ok(Self { $($field: <$ty as $crate::read::Column>::get(row, stringify!($field))?,)* })
            }
        }
    };
}
pub(crate) use row;
