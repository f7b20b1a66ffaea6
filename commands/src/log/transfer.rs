//! A log as its owner sees it: all that it holds, to be moved to another store as it is.
//!
//! Beside the port, not in it: whoever has this writes with positions, times and keys of another
//! log's making, which the service must never do. Only `portus log` has it.

use async_trait::async_trait;
use domain::event::{Position, Recorded};
use sha2::{Digest as _, Sha256};

/// An event with all that its log keeps of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What readers of the log see.
    pub event: Recorded,
    /// The idempotency key, on the first event of an append that came with one.
    pub key: Option<String>,
}

impl Kept {
    /// The bytes that move.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let Recorded { stream, kind, meta, data, .. } = &self.event;
        let key = self.key.as_ref().map_or(0, String::len);
        meta.len() + data.len() + stream.as_str().len() + kind.len() + key
    }

    /// The first thing in which two events differ, by its name.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        // Every field is named: a new one must not slip past.
        let Self { event, key } = self;
        let Recorded {
            position,
            stream,
            version,
            id,
            kind,
            schema,
            class,
            recorded_at,
            occurred_at,
            meta,
            data,
        } = event;
        let Self { event: that, key: their_key } = other;
        [
            ("position", *position == that.position),
            ("id", *id == that.id),
            ("stream", *stream == that.stream),
            ("version", *version == that.version),
            ("type", *kind == that.kind),
            ("schema version", *schema == that.schema),
            ("class", *class == that.class),
            ("recorded time", *recorded_at == that.recorded_at),
            ("occurred time", *occurred_at == that.occurred_at),
            ("data", *data == that.data),
            ("envelope", *meta == that.meta),
            ("idempotency key", key == their_key),
        ]
        .into_iter()
        .find_map(|(name, same)| (!same).then_some(name))
    }
}

/// SHA-256 over everything in a log, from its beginning: each event as its fields in a fixed
/// order, those of variable length after their length.
#[derive(Debug, Clone, Default)]
pub struct Digest(Sha256);

impl Digest {
    /// Takes in the next event.
    pub fn add(&mut self, kept: &Kept) {
        let Kept { event, key } = kept;
        self.0.update(event.position.0.to_be_bytes());
        self.0.update(event.id.0.as_bytes());
        self.0.update(event.version.0.to_be_bytes());
        self.0.update(event.schema.to_be_bytes());
        self.0.update((event.class as i16).to_be_bytes());
        self.0.update(event.recorded_at.as_microsecond().to_be_bytes());
        self.0.update(event.occurred_at.as_microsecond().to_be_bytes());
        for text in [event.stream.as_str(), &event.kind, &event.meta, &event.data] {
            self.text(text);
        }
        self.0.update([u8::from(key.is_some())]);
        self.text(key.as_deref().unwrap_or_default());
    }

    fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }

    /// `sha256:` and 64 hexadecimal digits.
    #[must_use]
    pub fn shown(self) -> String {
        format!("sha256:{}", hex::encode(self.0.finalize()))
    }
}

/// How a log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Position of the last event; zero when there is none.
    pub head: Position,
    /// A copy into it was begun, and not finished.
    pub unfinished: bool,
    /// A service has it open, as far as the store tells.
    pub served: bool,
}

/// Why a store did not serve. No text holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// It does not answer; the same may go well later.
    #[error("it does not answer: {0}")]
    Unreachable(String),
    /// Whoever we are there may not do it.
    #[error("it refuses: {0}")]
    Denied(String),
    /// What is there is no log of ours, or not a whole one.
    #[error("it holds no whole log: {0}")]
    Damaged(String),
    /// Somebody else appended meanwhile.
    #[error(
        "somebody else appends to it, from position {0} on; stop the service that does, and see \
         which of the two logs is to be kept"
    )]
    Moved(u64),
}

/// A log, whole.
#[async_trait]
pub trait Transfer: Send {
    /// What and where it is, for people. Holds no secret.
    fn place(&self) -> String;

    /// The same for the same log, by whatever way it is reached; `None` while nobody can tell.
    ///
    /// # Errors
    ///
    /// [`TransferError`].
    async fn identity(&mut self) -> Result<Option<String>, TransferError>;

    /// How it stands now. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`TransferError`].
    async fn standing(&mut self) -> Result<Standing, TransferError>;

    /// The events that follow, none beyond `upto`, which the log must have reached: at least one
    /// when there are any between, at most a page.
    ///
    /// # Errors
    ///
    /// [`TransferError`]; [`Damaged`](TransferError::Damaged) when the next one is missing.
    async fn read(&mut self, after: Position, upto: Position) -> Result<Vec<Kept>, TransferError>;

    /// Marks the log, so that no service opens it before [`Self::end`], and completes what a copy
    /// that was killed has left half done.
    ///
    /// # Errors
    ///
    /// [`TransferError`].
    async fn begin(&mut self) -> Result<(), TransferError>;

    /// Writes what follows on the last event. Killed at any moment it leaves whole events, in
    /// order, without a gap.
    ///
    /// # Errors
    ///
    /// [`TransferError`]; [`Moved`](TransferError::Moved) when the log ends elsewhere than before
    /// the first of these.
    async fn write(&mut self, events: &[Kept]) -> Result<(), TransferError>;

    /// Returns when everything written is durable, and found in every way the log has.
    ///
    /// # Errors
    ///
    /// [`TransferError`].
    async fn settle(&mut self) -> Result<(), TransferError>;

    /// Takes the mark of [`Self::begin`] away.
    ///
    /// # Errors
    ///
    /// [`TransferError`].
    async fn end(&mut self) -> Result<(), TransferError>;
}
