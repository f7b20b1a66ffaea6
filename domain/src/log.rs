//! The event log as a port: one order, appended to, never changed.
//!
//! Pull-based paging is the contract; a push only wakes. Adapters live in `commands::log`, and all
//! of them keep the one contract test.

use std::collections::HashSet;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::event::{Class, Encoded, EventId, NewEvent, Position, Recorded, StreamName, Version};

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
/// The most bytes of a stream's name.
pub const MAX_STREAM_BYTES: usize = 1024;
/// The most commands of one call.
pub const MAX_COMMANDS: usize = 1_000;
/// The most events of one page; whoever asks for more gets so many.
pub const MAX_PAGE: usize = 5_000;

/// An append in the form in which a log keeps it, and within all limits.
#[derive(Debug, Clone)]
pub struct EncodedAppend {
    /// Where to.
    pub stream: StreamName,
    /// On which version.
    pub expected: Expected,
    /// Idempotency key.
    pub key: Option<String>,
    /// The events, in order.
    pub events: Vec<EncodedEvent>,
}

/// An event in the form in which a log keeps it.
#[derive(Debug, Clone)]
pub struct EncodedEvent {
    /// Identity.
    pub id: EventId,
    /// When it happened; cut to microseconds.
    pub occurred_at: Timestamp,
    /// Type, schema version, class, and the event as JSON.
    pub event: Encoded,
    /// The envelope as JSON.
    pub meta: String,
}

impl EncodedAppend {
    /// Whether a decision is among its events.
    #[must_use]
    pub fn decides(&self) -> bool {
        self.events.iter().any(|event| event.event.class == Class::Decision)
    }

    /// The bytes of its events.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.events.iter().map(|event| event.meta.len() + event.event.data.len()).sum()
    }
}

/// Encodes the commands of one call and holds them against the limits of this module, before
/// anything is written.
///
/// # Errors
///
/// [`LogError::Invalid`], whose text names the limit.
pub fn encode(commands: Vec<Append>) -> Result<Vec<EncodedAppend>, LogError> {
    if commands.len() > MAX_COMMANDS {
        return Err(LogError::Invalid(format!(
            "{} commands at once are more than {MAX_COMMANDS}",
            commands.len()
        )));
    }
    commands.into_iter().map(encode_one).collect()
}

fn encode_one(command: Append) -> Result<EncodedAppend, LogError> {
    let Append { stream, expected, key, events } = command;
    let invalid = |why: String| Err(LogError::Invalid(why));
    if events.is_empty() || events.len() > MAX_EVENTS {
        return invalid(format!("{} events are not between 1 and {MAX_EVENTS}", events.len()));
    }
    // Postgres keeps no zero bytes in text; a memory that did would not be the same log.
    let text = |text: &str, max: usize| (1..=max).contains(&text.len()) && !text.contains('\0');
    if !text(stream.as_str(), MAX_STREAM_BYTES) {
        return invalid(format!("a stream's name has 1 to {MAX_STREAM_BYTES} bytes, none zero"));
    }
    if key.as_ref().is_some_and(|key| !text(key, MAX_KEY_BYTES)) {
        return invalid(format!("an idempotency key has 1 to {MAX_KEY_BYTES} bytes, none zero"));
    }
    let mut ids = HashSet::with_capacity(events.len());
    if !events.iter().all(|event| ids.insert(event.id)) {
        return invalid("two events of one append have the same id".to_owned());
    }
    let events = events.into_iter().map(encode_event).collect::<Result<_, _>>()?;
    Ok(EncodedAppend { stream, expected, key, events })
}

fn encode_event(new: NewEvent) -> Result<EncodedEvent, LogError> {
    let event = new.event.encode();
    let meta = serde_json::to_string(&new.meta)
        .map_err(|error| LogError::Invalid(format!("an envelope is no JSON: {error}")))?;
    let bytes = event.data.len() + meta.len();
    if bytes > MAX_EVENT_BYTES {
        return Err(LogError::Invalid(format!(
            "an event of type {} has {bytes} bytes, more than {MAX_EVENT_BYTES}",
            event.kind
        )));
    }
    // The log's clocks tick in microseconds, and Postgres knows no time before 4713 BC.
    let micros = new.occurred_at.as_nanosecond().div_euclid(1_000);
    let occurred_at = i64::try_from(micros)
        .ok()
        .and_then(|micros| Timestamp::from_microsecond(micros).ok())
        .filter(|at| at.as_second() >= YEAR_ONE)
        .ok_or_else(|| LogError::Invalid("an event happened before the year 1".to_owned()))?;
    Ok(EncodedEvent { id: new.id, occurred_at, event, meta })
}

/// 0001-01-01T00:00:00Z in Unix seconds.
const YEAR_ONE: i64 = -62_135_596_800;

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
    /// The same key, or the id of one of its events, was appended before: nothing was written,
    /// and that is no error.
    Duplicate {
        /// Position of the first event then; of the earliest, when several are known.
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

    /// At most `max` events after `after` in the global order, of one class or of both; fewer when
    /// they are large. Misses nothing: whoever has read up to `next` never needs to look back.
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

    /// Returns when the log may hold an event of a class, or of any, beyond `after`; at the latest
    /// after a second: a wake-up, not a promise. May be dropped at any await point.
    async fn wait_beyond(&self, after: Position, class: Option<Class>);
}
