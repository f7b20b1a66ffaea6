//! The log on an EventStoreDB or KurrentDB server.
//!
//! The whole log is one stream of the server; an event's position is its number there, plus one.
//! So positions are dense and appear in their order, one expected revision makes a batch of
//! appends to any streams atomic, and times never go back: what a row with a counter is in
//! Postgres, the end of that stream is here. The server's own `$all` order would be neither: its
//! positions are places in files, which change when a log is copied, and nothing can be expected
//! of it. Keys, ids, streams and decisions are found by links, see [`links`](self).

mod check;
mod connection;
mod frame;
mod journal;
mod links;
mod names;
mod reading;
mod settings;
mod transfer;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use commands::desk::Clock;
use commands::log::queue::{QUEUE, QUEUE_BYTES, Queue, queue};
use domain::event::{Class, Position, StreamName, Version};
use domain::log::{Append, EventLog, History, LogError, Outcome, Page};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

pub use self::check::{CheckError, Checked, check};
use self::connection::Connection;
pub use self::connection::prepare;
use self::journal::Journal;
use self::names::Names;
pub use self::settings::SettingsError;
pub use self::transfer::EventStoreTransfer;
use self::writer::Writer;

/// What a log is called on its server, unless somebody says otherwise.
pub const NAME: &str = "portus";
/// The most bytes of one write: half of what a server takes by default.
pub const BATCH_BYTES: usize = 512 * 1024;
/// The most events to which no links point yet; writers wait for links beyond.
pub const TAIL: usize = 20_000;
/// The same in bytes.
pub const TAIL_BYTES: usize = 64 * 1024 * 1024;
/// A page ends when its events have so many bytes.
pub const PAGE_BYTES: usize = 16 * 1024 * 1024;
/// The most requests of one kind at once.
const LOOKUPS: usize = 64;

/// How the log is kept. The default is for everybody but tests.
#[derive(Debug, Clone)]
pub struct EventStoreLogOptions {
    /// What the log is called: the names of all its streams begin so. See [`NAME`].
    pub name: String,
    /// What time it is.
    pub clock: Clock,
    /// See [`QUEUE`].
    pub queue: usize,
    /// See [`QUEUE_BYTES`].
    pub queue_bytes: usize,
    /// See [`BATCH_BYTES`].
    pub batch_bytes: usize,
    /// See [`TAIL`].
    pub tail: usize,
    /// See [`TAIL_BYTES`].
    pub tail_bytes: usize,
    /// How long a request is tried again: long enough for a cluster to choose a new leader.
    pub patience: Duration,
    /// How long one request may take; a server gives up on a write after 2 s by itself.
    pub request: Duration,
    /// How often this process looks for what others appended.
    pub look: Duration,
    /// How long what another process wrote may lie without links until this one makes them.
    pub foreign: Duration,
}

impl Default for EventStoreLogOptions {
    fn default() -> Self {
        Self {
            name: NAME.to_owned(),
            clock: Clock::system(),
            queue: QUEUE,
            queue_bytes: QUEUE_BYTES,
            batch_bytes: BATCH_BYTES,
            tail: TAIL,
            tail_bytes: TAIL_BYTES,
            patience: Duration::from_secs(8),
            request: Duration::from_secs(5),
            look: Duration::from_millis(200),
            foreign: Duration::from_secs(2),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct EventStoreLog {
    journal: Arc<Journal>,
    queue: Queue,
    tasks: [JoinHandle<()>; 2],
}

/// Why a log was not opened.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // each says it itself
pub enum OpenError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("{source} (asked: {hosts})")]
    Log { hosts: String, source: LogError },
    #[error("a copy into the log {0} was begun and not finished")]
    Unfinished(String),
}

impl EventStoreLog {
    /// Opens the log behind a connection string, such as `esdb://user:password@host:2113?tls=true`.
    ///
    /// Must be called within a runtime; the tasks end when the last clone is dropped.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: the connection string is not one, or the server does not answer for as long
    /// as the options' patience lasts. No text holds the connection string.
    pub async fn open(url: &str, options: EventStoreLogOptions) -> Result<Arc<Self>, OpenError> {
        prepare()?;
        let settings = settings::read(url)?;
        let hosts = settings::hosts(&settings);
        let connection = Connection::new(settings, options.request);
        let journal = Journal::new(connection, Names::new(&options.name), options);
        let opened = match transfer::is_unfinished(&journal).await {
            Ok(true) => return Err(OpenError::Unfinished(journal.options.name)),
            Ok(false) => Self::over(journal).await,
            Err(error) => Err(error),
        };
        opened.map_err(|source| OpenError::Log { hosts, source })
    }

    async fn over(journal: Journal) -> Result<Arc<Self>, LogError> {
        let look = journal.options.look;
        let indexed = links::indexed(&journal).await?.unwrap_or(0);
        if indexed == 0 {
            links::keep_short(&journal).await;
        }
        journal.begin(indexed).await?;
        let journal = Arc::new(journal);
        let linker = tokio::spawn(links::run(journal.clone()));
        let caught_up = journal.follow().await;
        let follower = tokio::spawn(follow(journal.clone(), look));
        let tasks = [linker, follower];
        let (queue, line) = queue(journal.options.queue, journal.options.queue_bytes);
        let log = Self { journal: journal.clone(), queue, tasks };
        caught_up?;
        tokio::spawn(Writer::new(journal, line).run());
        Ok(Arc::new(log))
    }

    /// How many commands wait to be written.
    #[must_use]
    pub fn queue_depth(&self) -> usize {
        self.queue.depth()
    }

    /// How many events wait for links.
    #[must_use]
    pub fn unlinked(&self) -> u64 {
        let known = self.journal.known();
        known.head - known.indexed
    }
}

impl Drop for EventStoreLog {
    fn drop(&mut self) {
        // The writer ends by itself, when it has written what waits.
        for task in &self.tasks {
            task.abort();
        }
    }
}

#[async_trait]
impl EventLog for EventStoreLog {
    async fn append(&self, commands: Vec<Append>) -> Result<Vec<Outcome>, LogError> {
        self.queue.append(commands).await
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: Option<Version>,
    ) -> Result<History, LogError> {
        self.journal.history(stream, from.map_or(0, |version| version.0)).await
    }

    async fn read_all(
        &self,
        after: Position,
        max: usize,
        class: Option<Class>,
    ) -> Result<Page, LogError> {
        self.journal.page(after.0, max, class).await
    }

    async fn head(&self) -> Result<Position, LogError> {
        self.journal.follow().await?;
        Ok(Position(self.journal.known().head))
    }

    async fn wait_beyond(&self, after: Position, class: Option<Class>) {
        self.journal.reached.wait_beyond(after, class).await;
    }
}

/// Hears of what other processes append, by looking: a subscription would be one more thing that
/// can break, and is never needed to be right.
async fn follow(journal: Arc<Journal>, look: Duration) {
    loop {
        sleep(look).await;
        if let Err(error) = journal.follow().await {
            tracing::debug!(%error, "the end of the log was not found");
        }
    }
}

/// Carries out requests, [`LOOKUPS`] at once.
async fn all<T, F>(requests: Vec<F>) -> Result<Vec<T>, LogError>
where
    F: Future<Output = Result<T, LogError>> + Send,
    T: Send,
{
    stream::iter(requests).buffer_unordered(LOOKUPS).try_collect().await
}

fn unavailable(error: impl ToString) -> LogError {
    LogError::Unavailable(error.to_string())
}
