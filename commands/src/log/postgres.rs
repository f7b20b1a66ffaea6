//! The log in Postgres.
//!
//! Appends of this process wait in one queue; one task, the [`sequencer`], writes what waits in
//! one transaction. In the database a single row (`log.head`) is lock, counter and clock, so that
//! several processes may write without a leader, and positions become visible in their order:
//! a reader that goes forward page by page misses nothing, whatever writers do.

mod batch;
mod sequencer;
mod transfer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::event::{Class, EventId, Position, Recorded, StreamName, Version};
use domain::log::{Append, EventLog, History, LogError, MAX_PAGE, Outcome, Page};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{FromRow, PgPool, Postgres};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

use super::Reached;
use super::queue::{QUEUE, QUEUE_BYTES, Queue, queue};
use sequencer::Sequencer;
pub use transfer::{PostgresTransfer, Prepare, is_unfinished};

/// The most positions that one query looks through for events of one class.
pub const WINDOW: u64 = 1 << 20;
/// The most queries of one page; after that the page is given back as it is, with its `next`.
const WINDOWS: usize = 16;
/// A page ends when its events have so many bytes: a thousand batches of token decisions are more
/// than a reader should hold at once.
pub const PAGE_BYTES: usize = 16 * 1024 * 1024;
/// The events that the first query of a page asks for, before it is known how large they are.
const FIRST_ROWS: usize = 128;
/// How long a reader waits for a connection.
const READ_PATIENCE: Duration = Duration::from_secs(5);

/// How the log writes. The default is for everybody but tests.
#[derive(Debug, Clone)]
pub struct PostgresLogOptions {
    /// See [`QUEUE`].
    pub queue: usize,
    /// See [`QUEUE_BYTES`].
    pub queue_bytes: usize,
    /// See [`WINDOW`].
    pub window: u64,
    /// How long one transaction waits for another process's.
    pub lock_timeout: Duration,
    /// How long one transaction may take.
    pub statement_timeout: Duration,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long a batch is tried again after its connection broke, before its appends are told
    /// [`LogError::Unavailable`].
    pub patience: Duration,
}

impl Default for PostgresLogOptions {
    fn default() -> Self {
        Self {
            queue: QUEUE,
            queue_bytes: QUEUE_BYTES,
            window: WINDOW,
            lock_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_millis(900),
            patience: Duration::from_millis(600),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct PostgresLog {
    pool: PgPool,
    queue: Queue,
    window: u64,
    reached: Reached,
    listener: JoinHandle<()>,
}

impl PostgresLog {
    /// Opens the log in a migrated database. `pool` signs in as the service's role; the writer
    /// and the listener get connections of their own with the same options, so that nobody who
    /// holds the pool's can keep them waiting.
    ///
    /// Must be called within a runtime; the tasks end when the last clone is dropped.
    ///
    /// # Errors
    ///
    /// [`LogError::Unavailable`] when the database does not answer or is not migrated.
    pub async fn open(pool: PgPool, options: PostgresLogOptions) -> Result<Arc<Self>, LogError> {
        let head: i64 = sqlx::query_scalar(HEAD).fetch_one(&pool).await.map_err(unavailable)?;
        let _: i32 = sqlx::query_scalar("SELECT log.ensure_segments()")
            .fetch_one(&pool)
            .await
            .map_err(unavailable)?;
        let reached = Reached::new(position(head));
        let (queue, line) = queue(options.queue, options.queue_bytes);
        let connect = pool.connect_options().as_ref().clone();
        let window = options.window;
        let listener = tokio::spawn(listen(connect.clone(), reached.clone()));
        tokio::spawn(Sequencer::new(connect, options, line, reached.clone()).run());
        Ok(Arc::new(Self { pool, queue, window, reached, listener }))
    }

    /// How many commands wait to be written.
    #[must_use]
    pub fn queue_depth(&self) -> usize {
        self.queue.depth()
    }

    async fn connection(&self) -> Result<PoolConnection<Postgres>, LogError> {
        match timeout(READ_PATIENCE, self.pool.acquire()).await {
            Ok(connection) => connection.map_err(unavailable),
            Err(_) => Err(LogError::Unavailable("no connection is free".to_owned())),
        }
    }
}

impl Drop for PostgresLog {
    fn drop(&mut self) {
        // The sequencer ends by itself, when it has written what waits.
        self.listener.abort();
    }
}

#[async_trait]
impl EventLog for PostgresLog {
    async fn append(&self, commands: Vec<Append>) -> Result<Vec<Outcome>, LogError> {
        self.queue.append(commands).await
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: Option<Version>,
    ) -> Result<History, LogError> {
        let mut connection = self.connection().await?;
        let found: Option<(i64, i64, i64, i64)> = sqlx::query_as(STREAM)
            .bind(stream.as_str())
            .fetch_optional(&mut *connection)
            .await
            .map_err(unavailable)?;
        let Some((id, version, first, last)) = found else {
            return Ok(History { events: Vec::new(), version: None });
        };
        // Read after the stream's row, and not beyond it: both are of one moment.
        let rows: Vec<Row> = sqlx::query_as(STREAM_EVENTS)
            .bind(id)
            .bind(from.map_or(0, |version| number(version.0)))
            .bind(version)
            .bind(first)
            .bind(last)
            .fetch_all(&mut *connection)
            .await
            .map_err(unavailable)?;
        let events = rows.into_iter().map(Recorded::try_from).collect::<Result<_, _>>()?;
        Ok(History { events, version: Some(Version(version.cast_unsigned())) })
    }

    async fn read_all(
        &self,
        after: Position,
        max: usize,
        class: Option<Class>,
    ) -> Result<Page, LogError> {
        let mut connection = self.connection().await?;
        let head: i64 =
            sqlx::query_scalar(HEAD).fetch_one(&mut *connection).await.map_err(unavailable)?;
        let head = position(head);
        let (max, mut next, mut rows) = (max.min(MAX_PAGE), after, Vec::<Row>::new());
        let (mut queries, mut bytes) = (0, 0);
        while next < head && queries < WINDOWS {
            // As many as fit by what those before were like.
            let fit = match rows.len() {
                0 => FIRST_ROWS,
                known => (PAGE_BYTES.saturating_sub(bytes)) / (bytes / known).max(1),
            };
            let wanted = fit.min(max - rows.len());
            if wanted == 0 {
                break;
            }
            queries += 1;
            // Positions are dense, so a range bounds the work: few segments, few rows.
            let span = if class.is_some() { self.window } else { wanted as u64 };
            let upto = Position(next.0.saturating_add(span)).min(head);
            let query = match class {
                None => sqlx::query_as(ALL),
                Some(Class::Decision) => sqlx::query_as(DECISIONS),
                Some(Class::Fact) => sqlx::query_as(FACTS),
            };
            let more: Vec<Row> = query
                .bind(number(next.0))
                .bind(number(upto.0))
                .bind(wanted as i64)
                .fetch_all(&mut *connection)
                .await
                .map_err(unavailable)?;
            next = match more.last() {
                Some(last) if more.len() == wanted => position(last.position),
                _ => upto,
            };
            bytes += more.iter().map(|row| row.meta.len() + row.data.len()).sum::<usize>();
            rows.extend(more);
        }
        let events = rows.into_iter().map(Recorded::try_from).collect::<Result<_, _>>()?;
        Ok(Page { events, next, head })
    }

    async fn head(&self) -> Result<Position, LogError> {
        let mut connection = self.connection().await?;
        let head = sqlx::query_scalar(HEAD).fetch_one(&mut *connection).await;
        Ok(position(head.map_err(unavailable)?))
    }

    async fn wait_beyond(&self, after: Position, class: Option<Class>) {
        self.reached.wait_beyond(after, class).await;
    }
}

const HEAD: &str = "SELECT position FROM log.head";

const STREAM: &str =
    "SELECT id, version, first_position, last_position FROM log.stream WHERE name = $1";

/// The columns of a [`Row`], of `log.event e` and `log.stream s`.
macro_rules! events {
    ($rest:literal) => {
        concat!(
            "SELECT e.position, s.name AS stream, e.version, e.id, e.type AS kind,
                    e.schema_version AS schema, e.class, e.recorded_at, e.occurred_at,
                    e.meta::text AS meta, e.data::text AS data
               FROM log.event e JOIN log.stream s ON s.id = e.stream_id ",
            $rest
        )
    };
}

const STREAM_EVENTS: &str = events!(
    "WHERE e.stream_id = $1 AND e.version >= $2 AND e.version <= $3
       AND e.position >= $4 AND e.position <= $5 ORDER BY e.version"
);

const ALL: &str =
    events!("WHERE e.position > $1 AND e.position <= $2 ORDER BY e.position LIMIT $3");

// The class is written out: only so is the partial index taken.
const DECISIONS: &str = events!(
    "WHERE e.class = 0 AND e.position > $1 AND e.position <= $2 ORDER BY e.position LIMIT $3"
);
const FACTS: &str = events!(
    "WHERE e.class = 1 AND e.position > $1 AND e.position <= $2 ORDER BY e.position LIMIT $3"
);

#[derive(FromRow)]
struct Row {
    position: i64,
    stream: String,
    version: i64,
    id: Uuid,
    kind: String,
    schema: i16,
    class: i16,
    recorded_at: jiff_sqlx::Timestamp,
    occurred_at: jiff_sqlx::Timestamp,
    meta: String,
    data: String,
}

impl TryFrom<Row> for Recorded {
    type Error = LogError;

    fn try_from(row: Row) -> Result<Self, LogError> {
        let class = match row.class {
            0 => Class::Decision,
            1 => Class::Fact,
            other => {
                let text = format!("event {} is of the unknown class {other}", row.position);
                return Err(LogError::Unavailable(text));
            }
        };
        Ok(Self {
            position: position(row.position),
            stream: StreamName::stored(row.stream),
            version: Version(row.version.cast_unsigned()),
            id: EventId(row.id),
            kind: row.kind,
            schema: row.schema,
            class,
            recorded_at: row.recorded_at.to_jiff(),
            occurred_at: row.occurred_at.to_jiff(),
            meta: row.meta,
            data: row.data,
        })
    }
}

/// Hears of what other processes append. Only a wake-up: what is missed here is found by looking.
async fn listen(options: PgConnectOptions, reached: Reached) {
    const PAUSE: Duration = Duration::from_secs(1);
    let options = options.application_name("portus listener");
    loop {
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options.clone());
        if let Ok(mut listener) = PgListener::connect_with(&pool).await
            && listener.listen("log").await.is_ok()
        {
            while let Ok(notification) = listener.recv().await {
                // The head, and a word when decisions are among what is new.
                let (head, decisions) = match notification.payload().split_once(' ') {
                    Some((head, _)) => (head, true),
                    None => (notification.payload(), false),
                };
                if let Ok(head) = head.parse() {
                    reached.publish(Position(head), decisions);
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A position of the database, where none is below zero.
fn position(number: i64) -> Position {
    Position(number.cast_unsigned())
}

/// For the database, which counts to 2^63.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unavailable(error: sqlx::Error) -> LogError {
    LogError::Unavailable(error.to_string())
}
