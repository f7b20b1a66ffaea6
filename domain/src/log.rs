//! The event log as a port: one order, appended to, never changed.
//!
//! Pull-based paging is the contract; a push only wakes. Adapters live in `commands::log`, and all
//! of them keep the one contract test.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::event::{Class, NewEvent, Position, Recorded, StreamName, Version};

/// What an append expects of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Whatever is there: for facts, which have happened anyway.
    Any,
    /// The stream has no events yet.
    NoStream,
    /// The stream's last event has this version.
    Exact(Version),
}

/// Events for one stream: all of them or none.
#[derive(Debug, Clone)]
pub struct Append {
    /// Where to.
    pub stream: StreamName,
    /// On which version.
    pub expected: Expected,
    /// The same key again is the same fact again, whatever else is in the command. At most
    /// [`MAX_KEY_BYTES`].
    pub key: Option<String>,
    /// At least one, at most [`MAX_EVENTS`], at most [`MAX_EVENT_BYTES`] each.
    pub events: Vec<NewEvent>,
}

/// The most events of one append.
pub const MAX_EVENTS: usize = 1_000;
/// The most bytes of one event, data and meta together: what an entry bundle of the Merkle log can
/// hold.
pub const MAX_EVENT_BYTES: usize = 60 * 1024;
/// The most bytes of an idempotency key.
pub const MAX_KEY_BYTES: usize = 512;

/// What became of one append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is durable.
    Appended {
        /// Position of its first event.
        first: Position,
        /// Position of its last event.
        last: Position,
        /// Version of its last event.
        version: Version,
        /// The log's clock.
        recorded_at: Timestamp,
    },
    /// The same id or key was appended before: nothing was written, and that is no error.
    Duplicate {
        /// Position of the first event then.
        first: Position,
    },
    /// The stream stood elsewhere; nothing was written.
    Conflict {
        /// Where it stands; `None` when it has no events.
        actual: Option<Version>,
    },
}

/// Why the log did not serve.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It cannot be reached, or answers with an error; the same call may succeed later. Whether an
    /// append was written is unknown: try again with the same ids.
    #[error("the event log does not answer: {0}")]
    Unavailable(String),
    /// More is waiting than the queue holds; nothing was written.
    #[error("the event log is busy: too many appends are waiting")]
    Busy,
    /// The command breaks a limit of this module; trying again is useless.
    #[error("not an append that the log can take: {0}")]
    Invalid(String),
}

/// One stream's past.
#[derive(Debug, Clone)]
pub struct History {
    /// The events, oldest first.
    pub events: Vec<Recorded>,
    /// Version of the last event in the stream; `None` when it has none.
    pub version: Option<Version>,
}

impl History {
    /// Position of the last event read; zero when there is none.
    #[must_use]
    pub fn position(&self) -> Position {
        self.events.last().map_or(Position(0), |event| event.position)
    }

    /// What the next append to this history expects.
    #[must_use]
    pub fn expected(&self) -> Expected {
        self.version.map_or(Expected::NoStream, Expected::Exact)
    }
}

/// Part of the global order.
#[derive(Debug, Clone)]
pub struct Page {
    /// The events, in order.
    pub events: Vec<Recorded>,
    /// Read on from here. With a class filter this may lie beyond the last event of the page.
    pub next: Position,
    /// Where the log ended when the page was read; `next < head` means that there is more.
    pub head: Position,
}

/// The event log.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Appends each command to its stream, and answers for each in order; when this returns,
    /// everything `Appended` is durable.
    ///
    /// # Errors
    ///
    /// [`LogError`] for all of them together. After `Unavailable` the outcome is unknown.
    async fn append(&self, commands: Vec<Append>) -> Result<Vec<Outcome>, LogError>;

    /// The events of one stream, from `from` on (`None`: all).
    ///
    /// # Errors
    ///
    /// [`LogError`] when the log does not serve.
    async fn read_stream(
        &self,
        stream: &StreamName,
        from: Option<Version>,
    ) -> Result<History, LogError>;

    /// At most `max` events after `after` in the global order, of one class or of both. Misses
    /// nothing: whoever has read up to `next` never needs to look back.
    ///
    /// # Errors
    ///
    /// [`LogError`] when the log does not serve.
    async fn read_all(
        &self,
        after: Position,
        max: usize,
        class: Option<Class>,
    ) -> Result<Page, LogError>;

    /// Position of the last event; zero when there is none.
    ///
    /// # Errors
    ///
    /// [`LogError`] when the log does not serve.
    async fn head(&self) -> Result<Position, LogError>;

    /// Returns when the log may reach beyond `after`, at the latest after a second: a wake-up, not
    /// a promise. May be dropped at any await point.
    async fn wait_beyond(&self, after: Position);
}
