//! The log in Postgres, whole: read and written as the owner, in plain statements. The service's
//! role may do none of this.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use domain::event::{Position, Recorded};
use domain::log::LogError;
use jiff_sqlx::ToSqlx as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool};
use tokio::time::timeout;

use super::{Row, number, position, unavailable};
use crate::log::transfer::{Kept, Standing, Transfer, TransferError};

/// The most events of one page.
const PAGE: u64 = 1_000;
/// A page has as many events as would have so many bytes, by what those before were like.
const PAGE_BYTES: u64 = 4 * 1024 * 1024;
/// The keys that are fetched at once.
const KEYS: &str = "FETCH FORWARD 2000 FROM copied_keys";
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// Makes the database ready for a log, when something is to be written to it.
pub type Prepare =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// See the module.
pub struct PostgresTransfer {
    connection: PgConnection,
    place: String,
    prepare: Option<Prepare>,
    keys: Option<Keys>,
    /// How many events the next page asks for.
    rows: u64,
}

/// The keys of what comes next: an index by position would cost every append, so they are sorted
/// once, and read beside the events.
struct Keys {
    /// All up to here were there when they were sorted.
    upto: Position,
    /// Up to here they were used.
    at: Position,
    fetched: VecDeque<(i64, String)>,
    done: bool,
}

impl std::fmt::Debug for PostgresTransfer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresTransfer").field("place", &self.place).finish_non_exhaustive()
    }
}

/// Whether a copy into this log was begun and not finished: nobody should append then.
///
/// # Errors
///
/// [`LogError::Unavailable`].
pub async fn is_unfinished(pool: &PgPool) -> Result<bool, LogError> {
    sqlx::query_scalar(UNFINISHED).fetch_one(pool).await.map_err(unavailable)
}

impl PostgresTransfer {
    /// Connects, as the owner. `prepare` is needed where something is to be written.
    ///
    /// # Errors
    ///
    /// [`TransferError`].
    pub async fn open(
        options: &PgConnectOptions,
        prepare: Option<Prepare>,
    ) -> Result<Self, TransferError> {
        let database = options.get_database().unwrap_or(options.get_username());
        let place = match options.get_socket() {
            Some(socket) => format!("Postgres database {database} at {}", socket.display()),
            None => {
                let (host, port) = (options.get_host(), options.get_port());
                format!("Postgres database {database} at {host}:{port}")
            }
        };
        // A large log's keys take their time to be sorted; who holds the head does so for long
        // only when something is wrong.
        let options = options.clone().application_name("portus log").options([
            ("statement_timeout", "0"),
            ("lock_timeout", "10000"),
            ("work_mem", "65536"),
        ]);
        let connection = match timeout(CONNECT, options.connect()).await {
            Ok(connected) => connected.map_err(failed)?,
            Err(_) => {
                let text = format!("no connection within {} s", CONNECT.as_secs());
                return Err(TransferError::Unreachable(text));
            }
        };
        Ok(Self { connection, place, prepare, keys: None, rows: 128 })
    }

    /// Whether there is a schema of a log at all.
    async fn is_there(&mut self, table: &'static str) -> Result<bool, TransferError> {
        let there = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(table);
        there.fetch_one(&mut self.connection).await.map_err(failed)
    }

    /// Sorts the keys of all that follows.
    async fn sort_keys(&mut self, after: Position) -> Result<Keys, TransferError> {
        let sorted = async {
            sqlx::raw_sql("CLOSE ALL").execute(&mut self.connection).await?;
            let mut work = self.connection.begin().await?;
            // The head first: what it counts is then in what is sorted.
            let head: i64 = sqlx::query_scalar(super::HEAD).fetch_one(&mut *work).await?;
            sqlx::query(
                "DECLARE copied_keys NO SCROLL CURSOR WITH HOLD FOR
                 SELECT position, key FROM log.dedup WHERE position > $1 ORDER BY position",
            )
            .bind(number(after.0))
            .execute(&mut *work)
            .await?;
            work.commit().await?;
            Ok(head)
        };
        let head = sorted.await.map_err(failed)?;
        Ok(Keys { upto: position(head), at: after, fetched: VecDeque::new(), done: false })
    }

    /// The key of the append that begins at this position.
    async fn key_at(&mut self, keys: &mut Keys, at: i64) -> Result<Option<String>, TransferError> {
        if keys.fetched.is_empty() && !keys.done {
            let more = sqlx::query_as(KEYS).persistent(false);
            let more: Vec<(i64, String)> =
                more.fetch_all(&mut self.connection).await.map_err(failed)?;
            keys.done = more.is_empty();
            keys.fetched.extend(more);
        }
        match keys.fetched.front() {
            Some((position, _)) if *position < at => {
                let text =
                    format!("an idempotency key belongs to position {position}, but no event");
                Err(TransferError::Damaged(text))
            }
            Some((position, _)) if *position == at => {
                Ok(keys.fetched.pop_front().map(|(_, key)| key))
            }
            _ => Ok(None),
        }
    }

    async fn write_batch(&mut self, events: &[Kept]) -> Result<(), TransferError> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
        let mut work = self.connection.begin().await.map_err(failed)?;
        let (head, in_time): (i64, bool) = sqlx::query_as(LOCK)
            .bind(first.event.recorded_at.to_sqlx())
            .fetch_one(&mut *work)
            .await
            .map_err(failed)?;
        if position(head).0 + 1 != first.event.position.0 {
            return Err(TransferError::Moved(first.event.position.0));
        }
        if !in_time || !events.is_sorted_by_key(|kept| kept.event.recorded_at) {
            let text = format!("time goes back after position {head}");
            return Err(TransferError::Damaged(text));
        }
        let ids = streams(&mut work, events).await?;
        make_room(&mut work, last.event.position).await.map_err(failed)?;
        insert(&mut work, events, &ids).await.map_err(failed)?;
        sqlx::query("UPDATE log.head SET position = $1, recorded_at = $2 WHERE one")
            .bind(number(last.event.position.0))
            .bind(last.event.recorded_at.to_sqlx())
            .execute(&mut *work)
            .await
            .map_err(failed)?;
        work.commit().await.map_err(failed)
    }
}

#[async_trait]
impl Transfer for PostgresTransfer {
    fn place(&self) -> String {
        self.place.clone()
    }

    async fn identity(&mut self) -> Result<Option<String>, TransferError> {
        let one = sqlx::query_scalar(IDENTITY).fetch_one(&mut self.connection);
        Ok(Some(one.await.map_err(failed)?))
    }

    async fn standing(&mut self) -> Result<Standing, TransferError> {
        if !self.is_there("log.head").await? {
            if self.prepare.is_none() {
                return Err(TransferError::Damaged("its database has no schema `log`".to_owned()));
            }
            return Ok(Standing { head: Position(0), unfinished: false, served: false });
        }
        // An older version's log has no such table, and no copy into it.
        let unfinished = self.is_there("log.copy").await? && {
            let asked = sqlx::query_scalar(UNFINISHED).fetch_one(&mut self.connection);
            asked.await.map_err(failed)?
        };
        let (head, served): (i64, bool) =
            sqlx::query_as(STANDING).fetch_one(&mut self.connection).await.map_err(failed)?;
        Ok(Standing { head: position(head), unfinished, served })
    }

    async fn read(&mut self, after: Position, upto: Position) -> Result<Vec<Kept>, TransferError> {
        let fresh = |keys: &Keys| keys.at == after && upto <= keys.upto;
        let mut keys = match self.keys.take().filter(fresh) {
            Some(keys) => keys,
            None => self.sort_keys(after).await?,
        };
        let end = upto.min(Position(after.0.saturating_add(self.rows)));
        let rows: Vec<Row> = sqlx::query_as(super::ALL)
            .bind(number(after.0))
            .bind(number(end.0))
            .bind(number(PAGE))
            .fetch_all(&mut self.connection)
            .await
            .map_err(failed)?;
        let mut page = Vec::with_capacity(rows.len());
        for row in rows {
            let key = self.key_at(&mut keys, row.position).await?;
            let event = Recorded::try_from(row);
            let event = event.map_err(|error| TransferError::Damaged(error.to_string()))?;
            page.push(Kept { event, key });
        }
        let bytes: usize = page.iter().map(Kept::bytes).sum();
        let each = (bytes / page.len().max(1)).max(1) as u64;
        self.rows = (PAGE_BYTES / each).clamp(1, PAGE);
        keys.at = page.last().map_or(after, |last| last.event.position);
        self.keys = Some(keys);
        Ok(page)
    }

    async fn begin(&mut self) -> Result<(), TransferError> {
        let Some(prepare) = &self.prepare else {
            return Err(TransferError::Denied("it was opened to be read".to_owned()));
        };
        prepare().await.map_err(TransferError::Denied)?;
        let mark = sqlx::query("INSERT INTO log.copy DEFAULT VALUES ON CONFLICT DO NOTHING");
        mark.execute(&mut self.connection).await.map(|_| ()).map_err(failed)
    }

    async fn write(&mut self, events: &[Kept]) -> Result<(), TransferError> {
        // A page is at most a transaction.
        self.keys = None;
        self.write_batch(events).await
    }

    async fn settle(&mut self) -> Result<(), TransferError> {
        // Everything is written by one transaction with its event. Queries want to know how much
        // there is now.
        let analyze = sqlx::raw_sql("ANALYZE log.event, log.stream, log.event_id, log.dedup");
        analyze.execute(&mut self.connection).await.map(|_| ()).map_err(failed)
    }

    async fn end(&mut self) -> Result<(), TransferError> {
        let done = sqlx::query("DELETE FROM log.copy").execute(&mut self.connection);
        done.await.map(|_| ()).map_err(failed)
    }
}

const UNFINISHED: &str = "SELECT EXISTS (SELECT FROM log.copy)";

/// The server since its start, and the database in it.
const IDENTITY: &str =
    "SELECT format('postgres %s %s', extract(epoch FROM pg_postmaster_start_time()),
                (SELECT oid FROM pg_database WHERE datname = current_database()))";

/// Each process that has the log open listens.
const STANDING: &str = "SELECT h.position, EXISTS (
         SELECT FROM pg_stat_activity
          WHERE datname = current_database() AND application_name = 'portus listener')
       FROM log.head h WHERE h.one";

const LOCK: &str = "SELECT position, recorded_at <= $1 FROM log.head WHERE one FOR UPDATE";

/// The ids of the streams of a batch, made where they are new, with their ends moved on.
async fn streams<'a>(
    work: &mut PgConnection,
    events: &'a [Kept],
) -> Result<HashMap<&'a str, i64>, TransferError> {
    struct End {
        first: u64,
        last: u64,
        first_position: i64,
        last_position: i64,
    }
    let mut ends: HashMap<&str, End> = HashMap::new();
    for Kept { event, .. } in events {
        let (name, version, at) =
            (event.stream.as_str(), event.version.0, number(event.position.0));
        match ends.get_mut(name) {
            None => {
                let end =
                    End { first: version, last: version, first_position: at, last_position: at };
                ends.insert(name, end);
            }
            Some(end) if version == end.last + 1 => {
                (end.last, end.last_position) = (version, at);
            }
            Some(_) => {
                let text = format!("{name} does not go on at version {version}");
                return Err(TransferError::Damaged(text));
            }
        }
    }
    let names: Vec<&str> = ends.keys().copied().collect();
    sqlx::query(
        "INSERT INTO log.stream (name, version) SELECT x, -1 FROM unnest($1::text[]) x
         ON CONFLICT (name) DO NOTHING",
    )
    .bind(&names)
    .execute(&mut *work)
    .await
    .map_err(failed)?;
    let rows: Vec<(String, i64, i64)> =
        sqlx::query_as("SELECT name, id, version FROM log.stream WHERE name = ANY($1)")
            .bind(&names)
            .fetch_all(&mut *work)
            .await
            .map_err(failed)?;
    let mut ids = HashMap::new();
    let (mut id, mut last, mut from, mut upto) = (vec![], vec![], vec![], vec![]);
    for (name, stream, version) in rows {
        let Some((name, end)) = ends.get_key_value(name.as_str()) else { continue };
        if number(end.first) != version + 1 {
            let text = format!("{name} goes on at version {}, not {}", end.first, version + 1);
            return Err(TransferError::Damaged(text));
        }
        ids.insert(*name, stream);
        id.push(stream);
        last.push(number(end.last));
        from.push(end.first_position);
        upto.push(end.last_position);
    }
    sqlx::query(
        "UPDATE log.stream t SET version = x.version, last_position = x.upto,
                first_position = coalesce(t.first_position, x.first)
           FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
                x(id, version, first, upto)
          WHERE t.id = x.id",
    )
    .bind(id)
    .bind(last)
    .bind(from)
    .bind(upto)
    .execute(&mut *work)
    .await
    .map_err(failed)?;
    Ok(ids)
}

/// Adds segments until one holds `last`.
async fn make_room(work: &mut PgConnection, last: Position) -> Result<(), sqlx::Error> {
    let room = "SELECT coalesce(max(last_position), 0) FROM log.segment";
    let mut upto: i64 = sqlx::query_scalar(room).fetch_one(&mut *work).await?;
    while upto < number(last.0) {
        upto = sqlx::query_scalar("SELECT log.add_segment()").fetch_one(&mut *work).await?;
    }
    Ok(())
}

async fn insert(
    work: &mut PgConnection,
    events: &[Kept],
    ids: &HashMap<&str, i64>,
) -> Result<(), sqlx::Error> {
    fn column<T>(events: &[Kept], of: impl Fn(&Recorded) -> T) -> Vec<T> {
        events.iter().map(|kept| of(&kept.event)).collect()
    }
    let positions = column(events, |event| number(event.position.0));
    let id = column(events, |event| event.id.0);
    sqlx::query(
        "INSERT INTO log.event
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::uuid[], $5::text[],
                $6::smallint[], $7::smallint[], $8::timestamptz[], $9::timestamptz[],
                $10::text[]::json[], $11::text[]::json[])",
    )
    .bind(&positions)
    .bind(column(events, |event| ids.get(event.stream.as_str()).copied().unwrap_or_default()))
    .bind(column(events, |event| number(event.version.0)))
    .bind(&id)
    .bind(column(events, |event| event.kind.clone()))
    .bind(column(events, |event| event.schema))
    .bind(column(events, |event| event.class as i16))
    .bind(column(events, |event| event.recorded_at.to_sqlx()))
    .bind(column(events, |event| event.occurred_at.to_sqlx()))
    .bind(column(events, |event| event.meta.clone()))
    .bind(column(events, |event| event.data.clone()))
    .execute(&mut *work)
    .await?;
    sqlx::query("INSERT INTO log.event_id SELECT * FROM unnest($1::uuid[], $2::bigint[])")
        .bind(&id)
        .bind(&positions)
        .execute(&mut *work)
        .await?;
    let (mut key, mut first, mut at) = (vec![], vec![], vec![]);
    for Kept { event, key: named } in events {
        if let Some(named) = named {
            key.push(named.as_str());
            first.push(number(event.position.0));
            at.push(event.recorded_at.to_sqlx());
        }
    }
    sqlx::query(
        "INSERT INTO log.dedup
         SELECT * FROM unnest($1::text[], $2::bigint[], $3::timestamptz[])",
    )
    .bind(key)
    .bind(first)
    .bind(at)
    .execute(work)
    .await
    .map(|_| ())
}

/// What an error of the database means. Its words name tables and roles, never what is in them.
fn failed(error: sqlx::Error) -> TransferError {
    let text = error.to_string();
    let code = error.as_database_error().and_then(|error| error.code());
    match code.as_deref() {
        // Rights, and credentials that are not taken.
        Some("42501") => TransferError::Denied(format!(
            "{text}; the account must be the owner's, see database.owner_url"
        )),
        Some(code) if code.starts_with("28") => TransferError::Denied(text),
        // There is no such database.
        Some("3D000") => TransferError::Denied(text),
        // Tables or columns are not as they should be, or hold what cannot be.
        Some(code) if matches!(code.get(..2), Some("42" | "22" | "23")) => {
            TransferError::Damaged(text)
        }
        _ => TransferError::Unreachable(text),
    }
}
