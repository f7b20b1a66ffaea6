//! How an event of ours looks on the server: its JSON as the event's data, and all else in the
//! event's metadata.

use std::borrow::Cow;

use bytes::Bytes;
use domain::event::{Class, EventId, Position, Recorded, StreamName, Version};
use domain::log::EncodedEvent;
use eventstore::{EventData, RecordedEvent, ResolvedEvent};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::names::link_id;

/// What the server calls an event that stands for another one.
const LINK: &str = "$>";
/// What the server adds to an event of its own: more than enough.
const OVERHEAD: usize = 128;

/// The metadata of an event.
#[derive(Serialize, Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    stream: Cow<'a, str>,
    schema: i16,
    class: Kind,
    /// Microseconds since 1970.
    occurred: i64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    key: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    placed: Option<Placed>,
    #[serde(borrow)]
    meta: &'a RawValue,
}

/// What is known of an event when it takes its place in the log. Where the event itself was
/// written before, and on every link to it, this alone is the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Placed {
    pub(crate) position: u64,
    pub(crate) version: u64,
    /// Microseconds since 1970.
    pub(crate) recorded: i64,
    /// Which process wrote it: two may write the same event in the same microsecond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) writer: Option<u32>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Decision,
    Fact,
}

/// An event of the log as it was read, with what only the adapter needs.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) recorded: Recorded,
    /// On the first event of an append that came with one.
    pub(crate) key: Option<String>,
    /// Where its bytes lie: what a link to it says.
    pub(crate) lies: Place,
    /// See [`Placed::writer`]; unknown of what was copied, and by a link.
    pub(crate) writer: Option<u32>,
}

/// A place in a stream of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) stream: String,
    pub(crate) revision: u64,
}

impl Entry {
    /// What a link to it carries.
    pub(crate) fn placed(&self) -> Placed {
        Placed {
            position: self.recorded.position.0,
            version: self.recorded.version.0,
            recorded: self.recorded.recorded_at.as_microsecond(),
            writer: None,
        }
    }
}

/// Why what was read is no event of ours.
#[derive(Debug, thiserror::Error)]
#[error("{stream} holds something that this log did not write at {revision}: {why}")]
pub(crate) struct Foreign {
    stream: String,
    revision: u64,
    why: String,
}

/// An event for a stream of the server; `placed` where it takes its place at once.
///
/// # Errors
///
/// When its JSON is none.
pub(crate) fn event(
    event: &EncodedEvent,
    stream: &StreamName,
    key: Option<&str>,
    placed: Option<Placed>,
) -> Result<EventData, serde_json::Error> {
    let frame = Frame {
        stream: Cow::Borrowed(stream.as_str()),
        schema: event.event.schema,
        class: match event.event.class {
            Class::Decision => Kind::Decision,
            Class::Fact => Kind::Fact,
        },
        occurred: event.occurred_at.as_microsecond(),
        key: key.map(Cow::Borrowed),
        placed,
        meta: serde_json::from_str(&event.meta)?,
    };
    let data: &RawValue = serde_json::from_str(&event.event.data)?;
    let made = if data.get().len() == event.event.data.len() {
        EventData::json(&event.event.kind, &data)?
    } else {
        // Space around it, which the server's JSON would lose.
        EventData::binary(&event.event.kind, Bytes::from(event.event.data.clone()))
    };
    Ok(made.id(event.id.0).metadata(Bytes::from(serde_json::to_vec(&frame)?)))
}

/// At least the bytes that the server counts for an event.
pub(crate) fn size(event: &EncodedEvent, stream: &StreamName, key: Option<&str>) -> usize {
    // Escaping may double a name or key; the rest is as long as it is.
    OVERHEAD * 2
        + event.meta.len()
        + event.event.data.len()
        + 2 * (event.event.kind.len() + stream.as_str().len() + key.map_or(0, str::len))
}

/// A link in `stream` to what lies at `place`.
pub(crate) fn link(
    stream: &str,
    place: &Place,
    placed: Placed,
) -> Result<EventData, serde_json::Error> {
    let to = format!("{}@{}", place.revision, place.stream);
    let id: Uuid = link_id(stream, &to);
    let event = EventData::binary(LINK, Bytes::from(to));
    Ok(event.id(id).metadata(Bytes::from(serde_json::to_vec(&placed)?)))
}

/// What a link says of the event that it stands for, without that event.
pub(crate) fn link_placed(link: &RecordedEvent) -> Result<Placed, Foreign> {
    serde_json::from_slice(&link.custom_metadata).map_err(|error| foreign(link, error))
}

/// An event of ours, from the log or through a link.
pub(crate) fn entry(resolved: ResolvedEvent) -> Result<Entry, Foreign> {
    let ResolvedEvent { event, link, .. } = resolved;
    let Some(event) = event else {
        let (stream, revision) =
            link.map_or_else(Default::default, |link| (link.stream_id, link.revision));
        return Err(Foreign { stream, revision, why: "what it points to is gone".to_owned() });
    };
    let frame: Frame<'_> =
        serde_json::from_slice(&event.custom_metadata).map_err(|error| foreign(&event, error))?;
    let placed = match &link {
        Some(link) => link_placed(link)?,
        None => frame.placed.ok_or_else(|| foreign(&event, "it has no place in the log"))?,
    };
    let text =
        |bytes: &Bytes| String::from_utf8(bytes.to_vec()).map_err(|error| foreign(&event, error));
    let time =
        |micros: i64| Timestamp::from_microsecond(micros).map_err(|error| foreign(&event, error));
    let recorded = Recorded {
        position: Position(placed.position),
        stream: StreamName::stored(frame.stream.clone().into_owned()),
        version: Version(placed.version),
        id: EventId(event.id),
        kind: event.event_type.clone(),
        schema: frame.schema,
        class: match frame.class {
            Kind::Decision => Class::Decision,
            Kind::Fact => Class::Fact,
        },
        recorded_at: time(placed.recorded)?,
        occurred_at: time(frame.occurred)?,
        meta: frame.meta.get().to_owned(),
        data: text(&event.data)?,
    };
    let key = frame.key.map(Cow::into_owned);
    let lies = Place { stream: event.stream_id.clone(), revision: event.revision };
    Ok(Entry { recorded, key, lies, writer: placed.writer })
}

fn foreign(event: &RecordedEvent, why: impl ToString) -> Foreign {
    let (stream, revision) = (event.stream_id.clone(), event.revision);
    Foreign { stream, revision, why: why.to_string() }
}
