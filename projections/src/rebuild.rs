//! Makes a projection's tables anew beside the old, compares, and swaps: no downtime, no empty
//! answer, and the proof that the rows follow from the log.
//!
//! A copy of the live schema's tables is filled from the log's beginning. Then both are read at
//! the same position and their digests compared. The swap is a renaming in one transaction, under
//! the lock of the live checkpoint: whoever asks before it gets the old rows, after it the new.

use std::sync::Arc;

use domain::event::{Position, Recorded};
use domain::log::EventLog;
use domain::system::SystemEvent;
use futures_util::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, Row as _};

use crate::checkpoint::{self, Generation, StepError};
use crate::projection::Projection;
use crate::runner::{Now, Status, say};

/// Facts of one page of a rebuild.
const PAGE: usize = 5_000;
/// The key under which one process at a time rebuilds; the projection's name is added.
const REBUILD_KEY: i32 = 0x7072;
/// How often the last page is tried while the live generation moves on.
const SWAP_ATTEMPTS: usize = 100;

/// How far a rebuild is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Which projection.
    pub projection: &'static str,
    /// Last position applied.
    pub position: Position,
    /// Where the log ends.
    pub head: Position,
}

/// A projection that was built anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// Which.
    pub projection: &'static str,
    /// The position at which both digests were taken.
    pub at: Position,
    /// SHA-256 over the new rows, hexadecimal.
    pub digest: String,
    /// SHA-256 over the old rows; `None`: they were folded by other code, or halted.
    pub before: Option<String>,
}

impl Rebuilt {
    /// Whether the old rows were what the log says; `None`: there was nothing to compare.
    #[must_use]
    pub fn same(&self) -> Option<bool> {
        self.before.as_ref().map(|before| *before == self.digest)
    }
}

/// Why a rebuild ended without a swap. The live rows are untouched.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// No such projection.
    #[error("there is no projection `{0}`; there are: {1}")]
    Unknown(String, String),
    /// Another process is at it.
    #[error("another process is rebuilding `{0}`")]
    Running(&'static str),
    /// A fact cannot be applied.
    #[error("{0}")]
    Poisoned(String),
    /// The log or the database does not serve.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StepError> for RebuildError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Poisoned(text) => Self::Poisoned(text),
            StepError::Fenced => Self::Unavailable("the building generation was taken away".into()),
            StepError::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

impl From<sqlx::Error> for RebuildError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<domain::log::LogError> for RebuildError {
    fn from(error: domain::log::LogError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Where every relational projection stands.
///
/// # Errors
///
/// The database's.
pub async fn status(pool: &PgPool) -> Result<Vec<Status>, sqlx::Error> {
    status_of(pool, &crate::relational()).await
}

pub(crate) async fn status_of(
    pool: &PgPool,
    projections: &[Arc<dyn Projection>],
) -> Result<Vec<Status>, sqlx::Error> {
    let mut db = pool.acquire().await?;
    let mut all = Vec::new();
    for projection in projections {
        let generations = checkpoint::generations(&mut db, projection.as_ref()).await?;
        all.extend(generations.into_iter().map(|at| Status {
            projection: at.name.to_owned(),
            outdated: at.code != Some(projection.code()),
            state: at.state,
            position: at.position.0,
            error: at.error,
        }));
    }
    Ok(all)
}

/// Rebuilds one projection by name, or `all`, one after the other. Dropping the future aborts it:
/// the live rows stay as they are, and what was built is removed by the next rebuild.
///
/// # Errors
///
/// [`RebuildError`]; what was rebuilt before it stays so.
pub async fn rebuild(
    log: &Arc<dyn EventLog>,
    pool: &PgPool,
    now: &Now,
    name: &str,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Vec<Rebuilt>, RebuildError> {
    let mut rebuilt = Vec::new();
    for projection in named(name)? {
        rebuilt.push(rebuild_one(log, pool, projection.as_ref(), now, progress).await?);
    }
    Ok(rebuilt)
}

/// As [`rebuild`], but throws the new rows away when they have been compared.
///
/// # Errors
///
/// [`RebuildError`].
pub async fn compare(
    log: &Arc<dyn EventLog>,
    pool: &PgPool,
    name: &str,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Vec<Rebuilt>, RebuildError> {
    let mut compared = Vec::new();
    for projection in named(name)? {
        compared.push(compare_one(log, pool, projection.as_ref(), progress).await?);
    }
    Ok(compared)
}

fn named(name: &str) -> Result<Vec<Arc<dyn Projection>>, RebuildError> {
    let all = crate::relational();
    let names: Vec<_> = all.iter().map(|projection| projection.name()).collect();
    let unknown = || RebuildError::Unknown(name.to_owned(), names.join(", "));
    let chosen = all.into_iter().filter(|p| name == "all" || p.name() == name).collect::<Vec<_>>();
    if chosen.is_empty() { Err(unknown()) } else { Ok(chosen) }
}

/// Rebuilds one projection.
///
/// # Errors
///
/// [`RebuildError`].
pub async fn rebuild_one(
    log: &Arc<dyn EventLog>,
    pool: &PgPool,
    projection: &dyn Projection,
    now: &Now,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Rebuilt, RebuildError> {
    let name = projection.name();
    let Built { mut session, mut building, foreign, rebuilt } =
        build(log, pool, projection, progress).await?;
    swap(log, pool, projection, &mut building, foreign).await?;
    let Rebuilt { at, digest, .. } = rebuilt.clone();
    let fact = SystemEvent::ProjectionRebuilt { projection: name.to_owned(), at, digest };
    let key = format!("projection-rebuilt:{name}:{}", building.version);
    say(log.as_ref(), now, fact, key).await?;
    // Nobody names the old tables any more; who still reads them is waited for.
    drop_leftovers(&mut session, projection, None).await?;
    leave(session, projection.name()).await?;
    Ok(rebuilt)
}

/// Gives the lock back. The server does so by itself when a session ends, but some time after: a
/// rebuild that follows at once would find it taken.
async fn leave(mut session: PgConnection, name: &str) -> Result<(), RebuildError> {
    sqlx::query("SELECT pg_advisory_unlock($1, hashtext($2))")
        .bind(REBUILD_KEY)
        .bind(name)
        .execute(&mut session)
        .await?;
    session.close().await?;
    Ok(())
}

/// Builds one projection aside, compares it with the live rows, and throws it away: nothing that
/// anybody reads has changed, and the log holds nothing of it.
///
/// # Errors
///
/// [`RebuildError`].
pub async fn compare_one(
    log: &Arc<dyn EventLog>,
    pool: &PgPool,
    projection: &dyn Projection,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Rebuilt, RebuildError> {
    let Built { mut session, rebuilt, .. } = build(log, pool, projection, progress).await?;
    drop_leftovers(&mut session, projection, None).await?;
    leave(session, projection.name()).await?;
    Ok(rebuilt)
}

/// New rows beside the live ones, compared with them.
struct Built {
    /// Holds the lock under which one process at a time builds: it goes with the session.
    session: PgConnection,
    building: Generation,
    /// The live rows were made from another log: their position means nothing in this one.
    foreign: bool,
    rebuilt: Rebuilt,
}

async fn build(
    log: &Arc<dyn EventLog>,
    pool: &PgPool,
    projection: &dyn Projection,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Built, RebuildError> {
    let name = projection.name();
    let live = checkpoint::live(pool, projection).await?;
    let mut session = pool.acquire().await?.detach();
    let locked: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1, hashtext($2))")
        .bind(REBUILD_KEY)
        .bind(name)
        .fetch_one(&mut session)
        .await?;
    if !locked {
        return Err(RebuildError::Running(name));
    }
    let mut building = begin(&mut session, projection, &live).await?;
    let foreign = !checkpoint::is_of(&**log, &live).await?;
    // As far as the live rows go; what they gain meanwhile is little, and follows below.
    let until = if foreign { log.head().await? } else { live.position };
    fill(log, pool, projection, &mut building, until, progress).await?;
    let (before, at) = if foreign {
        (None, building.position)
    } else {
        digest_live(pool, projection, &mut building, log, progress).await?
    };
    let digest = digest_schema(&mut session, projection, &building.schema).await?;
    let rebuilt = Rebuilt { projection: name, at, digest, before };
    if rebuilt.same() == Some(false) {
        tracing::error!(projection = name, "the old rows were not what the log says");
    }
    Ok(Built { session, building, foreign, rebuilt })
}

/// SHA-256 over all rows of the live generation, with the position that they stand at.
///
/// # Errors
///
/// The database's.
pub async fn digest(
    pool: &PgPool,
    projection: &dyn Projection,
) -> Result<(Position, String), sqlx::Error> {
    let mut tx = pool.begin().await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut *tx)
        .await?;
    let all = checkpoint::generations(&mut tx, projection).await?;
    let live = all.into_iter().next().ok_or(sqlx::Error::RowNotFound)?;
    let digest = digest_schema(&mut tx, projection, &live.schema).await?;
    Ok((live.position, digest))
}

/// Removes what an earlier attempt left, and makes empty tables like the live ones.
async fn begin(
    db: &mut PgConnection,
    projection: &dyn Projection,
    live: &Generation,
) -> Result<Generation, RebuildError> {
    drop_leftovers(db, projection, None).await?;
    let version = live.version + 1;
    let schema = format!("{}_{version}", projection.schema());
    let mut tx = db.begin().await?;
    execute(&mut tx, format!("CREATE SCHEMA {schema}")).await?;
    for (table, _) in projection.tables() {
        let like = projection.schema();
        execute(
            &mut tx,
            format!("CREATE TABLE {schema}.{table} (LIKE {like}.{table} INCLUDING ALL)"),
        )
        .await?;
    }
    checkpoint::stamp(&mut tx, &schema, projection.code()).await?;
    checkpoint::add_building(&mut tx, projection.name(), version, &schema).await?;
    tx.commit().await?;
    Ok(Generation {
        name: projection.name(),
        version,
        schema,
        position: Position(0),
        last: None,
        state: "building".to_owned(),
        error: None,
        code: Some(projection.code()),
    })
}

/// Drops building and retired generations, but the one that is `kept`.
async fn drop_leftovers(
    db: &mut PgConnection,
    projection: &dyn Projection,
    kept: Option<&str>,
) -> Result<(), sqlx::Error> {
    let pattern = format!("^{}_([0-9]+|old_[0-9]+)$", projection.schema());
    let schemas: Vec<String> =
        sqlx::query_scalar("SELECT nspname::text FROM pg_namespace WHERE nspname ~ $1")
            .bind(pattern)
            .fetch_all(&mut *db)
            .await?;
    for schema in schemas.iter().filter(|schema| Some(schema.as_str()) != kept) {
        let mut tx = db.begin().await?;
        sqlx::query("DELETE FROM log.projection WHERE name = $1 AND schema_name = $2")
            .bind(projection.name())
            .bind(schema)
            .execute(&mut *tx)
            .await?;
        execute(&mut tx, format!("DROP SCHEMA {schema} CASCADE")).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Applies facts up to `until`, and none behind it.
async fn fill(
    log: &Arc<dyn EventLog>,
    pool: &PgPool,
    projection: &dyn Projection,
    building: &mut Generation,
    until: Position,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<(), RebuildError> {
    let class = projection.class();
    // The next page is read while this one is written.
    let read = |after: Position| {
        let log = log.clone();
        tokio::spawn(async move { log.read_all(after, PAGE, class).await })
    };
    let mut coming = (building.position < until).then(|| read(building.position));
    while let Some(page) = coming.take() {
        let mut page =
            page.await.map_err(|error| RebuildError::Unavailable(error.to_string()))??;
        if page.next > until {
            page.events.retain(|event: &Recorded| event.position <= until);
            page.next = until;
        }
        if page.next <= building.position {
            break;
        }
        coming = (page.next < until).then(|| read(page.next));
        let reading = checkpoint::decode(projection, &page.events, page.next)?;
        checkpoint::apply(pool, projection, building, &reading).await?;
        *building = building.clone().after(&reading);
        progress(Progress { projection: projection.name(), position: page.next, head: page.head });
    }
    Ok(())
}

/// Brings the building generation to exactly the position of a snapshot of the live one, and
/// digests the latter.
async fn digest_live(
    pool: &PgPool,
    projection: &dyn Projection,
    building: &mut Generation,
    log: &Arc<dyn EventLog>,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<(Option<String>, Position), RebuildError> {
    let mut tx = pool.begin().await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut *tx)
        .await?;
    let all = checkpoint::generations(&mut tx, projection).await?;
    let live = all.into_iter().find(|at| at.state != "building");
    let comparable = live.filter(|live| live.code == Some(projection.code()));
    let Some(live) = comparable.filter(|live| live.position >= building.position) else {
        return Ok((None, building.position));
    };
    fill(log, pool, projection, building, live.position, progress).await?;
    let digest = digest_schema(&mut tx, projection, &live.schema).await?;
    Ok((Some(digest), live.position))
}

/// SHA-256 over a canonical dump: each table's name, and its rows as text in the order of its key.
async fn digest_schema(
    db: &mut PgConnection,
    projection: &dyn Projection,
    schema: &str,
) -> Result<String, sqlx::Error> {
    let mut hash = Sha256::new();
    let mut tx = db.begin().await?;
    // How a moment looks as text must not depend on the server's configuration.
    sqlx::query("SELECT set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true)")
        .execute(&mut *tx)
        .await?;
    for (table, key) in projection.tables() {
        hash.update(table.as_bytes());
        hash.update([0]);
        let sql = format!("SELECT t::text FROM {schema}.{table} t ORDER BY {key}");
        let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(&mut *tx);
        while let Some(row) = rows.try_next().await? {
            let text: &str = row.try_get(0)?;
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
    }
    tx.commit().await?;
    Ok(hex::encode(hash.finalize()))
}

/// Catches up with the live generation under the lock of its checkpoint, and takes its place.
async fn swap(
    log: &Arc<dyn EventLog>,
    pool: &PgPool,
    projection: &dyn Projection,
    building: &mut Generation,
    foreign: bool,
) -> Result<(), RebuildError> {
    let name = projection.name();
    for _ in 0..SWAP_ATTEMPTS {
        let mut db = pool.acquire().await?;
        let all = checkpoint::generations(&mut db, projection).await?;
        let Some(live) = all.into_iter().find(|at| at.state != "building") else {
            return Err(RebuildError::Unavailable("the live generation is gone".to_owned()));
        };
        // All but the last page without the lock.
        if !foreign {
            fill(log, pool, projection, building, live.position, &|_| {}).await?;
        }
        let mut tx = pool.begin().await?;
        let position: i64 = sqlx::query_scalar(
            "SELECT position FROM log.projection WHERE name = $1 AND version = $2 FOR UPDATE",
        )
        .bind(name)
        .bind(live.version)
        .fetch_one(&mut *tx)
        .await?;
        let position = Position(position.cast_unsigned());
        if !foreign && position > building.position {
            let page = log.read_all(building.position, PAGE, projection.class()).await?;
            if page.next < position {
                continue; // more than a page behind: not under the lock
            }
            let mut events = page.events;
            events.retain(|event| event.position <= position);
            let reading = checkpoint::decode(projection, &events, position)?;
            checkpoint::apply_in(&mut tx, projection, building, &reading).await?;
            *building = building.clone().after(&reading);
        }
        let (schema, old) =
            (projection.schema(), format!("{}_old_{}", projection.schema(), live.version));
        sqlx::query("DELETE FROM log.projection WHERE name = $1 AND version = $2")
            .bind(name)
            .bind(live.version)
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "UPDATE log.projection SET state = 'live', schema_name = $3, updated_at = now()
             WHERE name = $1 AND version = $2",
        )
        .bind(name)
        .bind(building.version)
        .bind(&schema)
        .execute(&mut *tx)
        .await?;
        execute(&mut tx, format!("ALTER SCHEMA {schema} RENAME TO {old}")).await?;
        execute(&mut tx, format!("ALTER SCHEMA {} RENAME TO {schema}", building.schema)).await?;
        tx.commit().await?;
        return Ok(());
    }
    Err(RebuildError::Unavailable(format!("`{name}` moves faster than it can be caught up with")))
}

/// Runs a statement made of names of ours, which parameters cannot stand for.
async fn execute(db: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::query(AssertSqlSafe(sql)).execute(db).await?;
    Ok(())
}
