//! Where a projection stands: its row in `log.projection`, and how a page of facts moves it.
//!
//! Rows and checkpoint move in one transaction, and the checkpoint moves first: whoever else works
//! on the same generation finds it moved, and takes its own page back. That is the fence; the
//! leader's lock is politeness.

use domain::event::{DecodeError, EventId, Fact, Position, Recorded};
use domain::log::{EventLog, LogError};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::projection::{Projection, id};

/// One generation of a projection: the live one, or one being built beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Generation {
    /// The projection.
    pub(crate) name: &'static str,
    /// Number of the generation; the live one has the lowest.
    pub(crate) version: i32,
    /// Where its tables are.
    pub(crate) schema: String,
    /// Last position applied.
    pub(crate) position: Position,
    /// The last fact that was read, with its position: another one there means another log.
    pub(crate) last: Option<(Position, EventId)>,
    /// live, halted, building.
    pub(crate) state: String,
    /// Why it halted.
    pub(crate) error: Option<String>,
    /// Number of the code that folded it; `None`: nobody did so far, or its schema is gone.
    pub(crate) code: Option<i32>,
}

/// A page as a projection reads it.
pub(crate) struct Reading {
    /// What it reads of it.
    pub(crate) facts: Vec<Fact>,
    /// Up to where the log is read then.
    pub(crate) next: Position,
    /// The page's last fact, read or not.
    last: Option<(Position, EventId)>,
}

impl Generation {
    /// The same, after that page.
    pub(crate) fn after(self, page: &Reading) -> Self {
        Self { position: page.next, last: page.last.or(self.last), ..self }
    }
}

/// Why a page was not applied. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// Another process moved the checkpoint, or the generation is another now.
    #[error("another process moved the checkpoint")]
    Fenced,
    /// The log or the database does not serve; the same page may do later.
    #[error("{0}")]
    Unavailable(String),
    /// The page cannot be applied, now or later.
    #[error("{0}")]
    Poisoned(String),
}

impl From<LogError> for StepError {
    fn from(error: LogError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<DecodeError> for StepError {
    fn from(error: DecodeError) -> Self {
        Self::Poisoned(error.to_string())
    }
}

impl From<sqlx::Error> for StepError {
    fn from(error: sqlx::Error) -> Self {
        let lasting = match &error {
            // Connection, rollback, resources, object in use, operator, system, internal.
            sqlx::Error::Database(error) => !error.code().is_some_and(|code| {
                ["08", "40", "53", "55", "57", "58", "XX"].iter().any(|c| code.starts_with(c))
            }),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => false,
            _ => true,
        };
        let text = error.to_string();
        if lasting { Self::Poisoned(text) } else { Self::Unavailable(text) }
    }
}

const ADD: &str = "INSERT INTO log.projection (name, version, schema_name, position, state)
    VALUES ($1, $2, $3, 0, $4) ON CONFLICT DO NOTHING";
const READ: &str = "SELECT version, schema_name, position, state, error, last_position, last_event,
        substring(obj_description(to_regnamespace(schema_name), 'pg_namespace')
          FROM '^portus ([0-9]+)$')::int AS code
    FROM log.projection WHERE name = $1 AND state <> 'retired' ORDER BY version";
const MOVE: &str = "UPDATE log.projection SET position = $4, updated_at = now(),
      last_position = coalesce($6, last_position), last_event = coalesce($7, last_event)
    WHERE name = $1 AND version = $2 AND schema_name = $3 AND position = $5
      AND state IN ('live', 'building')";
const STATE: &str = "UPDATE log.projection SET state = $3, error = $4, updated_at = now()
    WHERE name = $1 AND version = $2 AND position = $5";
/// Rows are a copy of the log, so they need not reach the disk before the answer; the planner must
/// not trust what a table was like before a million rows came.
const SETTINGS: &str = "SELECT set_config('search_path', $1, true),
    set_config('synchronous_commit', 'off', true), set_config('enable_seqscan', 'off', true),
    set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
    set_config('plan_cache_mode', 'force_generic_plan', true), set_config('jit', 'off', true)";

/// The statements above, for the test that holds them against the schema.
pub(crate) const STATEMENTS: &[&str] = &[ADD, READ, MOVE, STATE, SETTINGS];

type Row = (i32, String, i64, String, Option<String>, Option<i64>, Option<Uuid>, Option<i32>);

/// All generations of a projection that are in use, the live one first.
pub(crate) async fn generations(
    db: &mut PgConnection,
    projection: &dyn Projection,
) -> Result<Vec<Generation>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(READ).bind(projection.name()).fetch_all(db).await?;
    let last = |position: Option<i64>, event: Option<Uuid>| {
        Some((Position(position?.cast_unsigned()), EventId(event?)))
    };
    let generation = |(version, schema, position, state, error, at, event, code): Row| Generation {
        name: projection.name(),
        version,
        schema,
        position: Position(position.cast_unsigned()),
        last: last(at, event),
        state,
        error,
        code,
    };
    Ok(rows.into_iter().map(generation).collect())
}

/// The live generation; its checkpoint is made at the first start.
pub(crate) async fn live(
    pool: &PgPool,
    projection: &dyn Projection,
) -> Result<Generation, sqlx::Error> {
    let mut tx = pool.begin().await?;
    let find = |all: Vec<Generation>| all.into_iter().find(|g| g.state != "building");
    if let Some(live) = find(generations(&mut tx, projection).await?) {
        return Ok(live);
    }
    let added = sqlx::query(ADD)
        .bind(projection.name())
        .bind(1)
        .bind(projection.schema())
        .bind("live")
        .execute(&mut *tx)
        .await?;
    if added.rows_affected() == 1 {
        stamp(&mut tx, &projection.schema(), projection.code()).await?;
    }
    tx.commit().await?;
    let mut db = pool.acquire().await?;
    find(generations(&mut db, projection).await?).ok_or(sqlx::Error::RowNotFound)
}

/// Says which code folds a schema; the word travels with the schema when it is renamed.
pub(crate) async fn stamp(
    db: &mut PgConnection,
    schema: &str,
    code: i32,
) -> Result<(), sqlx::Error> {
    // The name is one of ours, not a parameter that COMMENT could take.
    let sql = format!("COMMENT ON SCHEMA {schema} IS 'portus {code}'");
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(db).await?;
    Ok(())
}

/// Adds a generation that is being built.
pub(crate) async fn add_building(
    db: &mut PgConnection,
    name: &str,
    version: i32,
    schema: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(ADD).bind(name).bind(version).bind(schema).bind("building").execute(db).await?;
    Ok(())
}

/// Applies a page to one generation and moves its checkpoint: both or none.
pub(crate) async fn apply(
    pool: &PgPool,
    projection: &dyn Projection,
    at: &Generation,
    page: &Reading,
) -> Result<(), StepError> {
    let mut tx = pool.begin().await?;
    apply_in(&mut tx, projection, at, page).await?;
    tx.commit().await?;
    Ok(())
}

/// As [`apply`], inside a transaction of the caller's.
pub(crate) async fn apply_in(
    db: &mut PgConnection,
    projection: &dyn Projection,
    at: &Generation,
    page: &Reading,
) -> Result<(), StepError> {
    let moved = sqlx::query(MOVE)
        .bind(at.name)
        .bind(at.version)
        .bind(&at.schema)
        .bind(id(page.next))
        .bind(id(at.position))
        .bind(page.last.map(|(position, _)| id(position)))
        .bind(page.last.map(|(_, event)| event.0))
        .execute(&mut *db)
        .await?;
    if moved.rows_affected() != 1 {
        return Err(StepError::Fenced);
    }
    if !page.facts.is_empty() {
        sqlx::query(SETTINGS).bind(&at.schema).execute(&mut *db).await?;
        projection.apply(db, &page.facts).await?;
    }
    Ok(())
}

/// Writes down that a generation halted, or that it goes on. `false`: it has moved meanwhile.
pub(crate) async fn set_state(
    pool: &PgPool,
    at: &Generation,
    state: &str,
    error: Option<&str>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(STATE)
        .bind(at.name)
        .bind(at.version)
        .bind(state)
        .bind(error.map(|text| text.replace('\0', "\u{fffd}")))
        .bind(id(at.position))
        .execute(pool)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Reads the facts of a page that the projection reads; then the log is read up to `next`.
pub(crate) fn decode(
    projection: &dyn Projection,
    page: &[Recorded],
    next: Position,
) -> Result<Reading, StepError> {
    let facts = page
        .iter()
        .filter(|recorded| projection.reads(&recorded.kind))
        .map(|recorded| {
            recorded.decode().map_err(|error| {
                StepError::Poisoned(format!("{} ({}): {error}", recorded.position, recorded.kind))
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(Reading { facts, next, last: page.last().map(|last| (last.position, last.id)) })
}

/// Whether a generation was made from this log, as far as its last fact can tell.
pub(crate) async fn is_of(log: &dyn EventLog, at: &Generation) -> Result<bool, LogError> {
    if at.position == Position(0) {
        return Ok(true);
    }
    let Some((position, event)) = at.last else { return Ok(log.head().await? >= at.position) };
    let page = log.read_all(Position(position.0.saturating_sub(1)), 1, None).await?;
    let same = |found: &Recorded| found.position == position && found.id == event;
    Ok(page.head >= at.position && page.events.first().is_some_and(same))
}
