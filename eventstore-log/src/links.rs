//! What is found by key, id, stream and class is found by links: small events of the server that
//! stand for events of the log. They are made after an event is written, from the log alone, and
//! always in the same way; so whoever dies in between leaves nothing that the next one cannot
//! finish, and two who do it at once do no harm. Until a link is there, the event is in the tail
//! that every process holds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::event::{Class, StreamName};
use domain::log::LogError;
use eventstore::{EventData, ExpectedRevision};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::connection::{NotWritten, Wanted};
use crate::frame::{self, Entry};
use crate::journal::Journal;
use crate::{all, unavailable, writer};

/// The events of one round.
const ROUND: usize = 500;
/// How long it takes at most until what others linked is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// The pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// The event that says how far links reach.
#[derive(Serialize, Deserialize)]
struct Indexed {
    position: u64,
}

/// Makes links of what is in the tail, for ever.
pub(crate) async fn run(journal: Arc<Journal>) {
    loop {
        let longer = journal.longer.notified();
        let Some(entries) = journal.unlinked(ROUND, journal.options.foreign) else {
            let _ = timeout(LOOK, longer).await;
            if journal.unlinked(ROUND, Duration::ZERO).is_some()
                && let Ok(Some(position)) = indexed(&journal).await
            {
                journal.indexed(position);
            }
            continue;
        };
        match round(&journal, &entries).await {
            Ok(position) => journal.indexed(position),
            Err(error) => {
                tracing::warn!(%error, "no links were made of what was written last");
                sleep(PAUSE).await;
            }
        }
    }
}

/// How far links reach, as whoever made some has said; `None` when nobody has.
pub(crate) async fn indexed(journal: &Journal) -> Result<Option<u64>, LogError> {
    let wanted = Wanted {
        stream: &journal.names.indexed,
        from: None,
        max: 1,
        bytes: usize::MAX,
        resolve: false,
    };
    let read = journal.connection.read(&wanted, journal.options.patience).await;
    let last = read.map_err(unavailable)?.into_iter().next().and_then(|read| read.event);
    let read = |data: &[u8]| serde_json::from_slice::<Indexed>(data).map_err(unavailable);
    last.map(|event| read(&event.data).map(|indexed| indexed.position)).transpose()
}

/// Makes the links of some events that follow one another, and says up to where.
pub(crate) async fn round(journal: &Journal, entries: &[Arc<Entry>]) -> Result<u64, LogError> {
    let names = &journal.names;
    let mut single = Vec::new();
    let mut streams: HashMap<&StreamName, Vec<&Entry>> = HashMap::new();
    for entry in entries {
        single.push(alone(journal, names.event(entry.recorded.id), entry));
        let key = entry.key.as_ref();
        single.extend(key.map(|key| alone(journal, names.key(key), entry)));
        streams.entry(&entry.recorded.stream).or_default().push(entry);
    }
    all(single).await?;
    let streams =
        streams.into_iter().map(|(name, entries)| in_order(journal, names.stream(name), entries));
    all(streams.collect()).await?;
    decisions(journal, entries).await?;

    let position = entries.last().map_or(0, |entry| entry.recorded.position.0);
    let said = EventData::json("indexed", &Indexed { position }).map_err(unavailable)?;
    let said = said.id(Uuid::now_v7());
    let any = ExpectedRevision::Any;
    settled(
        journal.connection.append(&names.indexed, any, vec![said], journal.options.patience).await,
    )?;
    Ok(position)
}

/// One link in a stream that has no other.
async fn alone(journal: &Journal, stream: String, entry: &Entry) -> Result<(), LogError> {
    let link = frame::link(&stream, &entry.lies, entry.placed()).map_err(unavailable)?;
    let (none, patience) = (ExpectedRevision::NoStream, journal.options.patience);
    settled(journal.connection.append(&stream, none, vec![link], patience).await).map(|_| ())
}

/// Links that follow one another, each at the revision that is the version of its event; some may
/// be there.
async fn in_order(journal: &Journal, stream: String, entries: Vec<&Entry>) -> Result<(), LogError> {
    let (stream, patience) = (stream.as_str(), journal.options.patience);
    let mut first = entries.first().map_or(0, |entry| entry.recorded.version.0);
    let mut entries = entries.as_slice();
    while !entries.is_empty() {
        let links = entries.iter().map(|entry| frame::link(stream, &entry.lies, entry.placed()));
        let links = links.collect::<Result<Vec<_>, _>>().map_err(unavailable)?;
        let written = journal.connection.append(stream, writer::at(first), links, patience).await;
        let Some(actual) = settled(written)? else { return Ok(()) };
        let standing = actual.map_or(0, |revision| revision + 1);
        if standing <= first {
            let text = format!("{stream} ends at {actual:?}, but is to go on at {first}");
            return Err(LogError::Unavailable(text));
        }
        let done = usize::try_from(standing - first).unwrap_or(usize::MAX).min(entries.len());
        entries = &entries[done..];
        first = standing;
    }
    Ok(())
}

/// Links to those that are decisions, after the last one that is there.
async fn decisions(journal: &Journal, entries: &[Arc<Entry>]) -> Result<(), LogError> {
    let decisions: Vec<&Entry> = entries
        .iter()
        .map(|entry| &**entry)
        .filter(|entry| entry.recorded.class == Class::Decision)
        .collect();
    let (stream, patience) = (&journal.names.decisions, journal.options.patience);
    loop {
        if decisions.is_empty() {
            return Ok(());
        }
        let wanted = Wanted { stream, from: None, max: 1, bytes: usize::MAX, resolve: false };
        let read = journal.connection.read(&wanted, patience).await.map_err(unavailable)?;
        let last = read.into_iter().next().and_then(|read| read.event);
        let (next, upto) = match &last {
            Some(link) => {
                let placed = frame::link_placed(link).map_err(unavailable)?;
                (link.revision + 1, placed.position)
            }
            None => (0, 0),
        };
        let new = decisions.iter().filter(|entry| entry.recorded.position.0 > upto);
        let links = new.map(|entry| frame::link(stream, &entry.lies, entry.placed()));
        let links = links.collect::<Result<Vec<_>, _>>().map_err(unavailable)?;
        if links.is_empty() {
            return Ok(());
        }
        let written = journal.connection.append(stream, writer::at(next), links, patience).await;
        if settled(written)?.is_none() {
            return Ok(());
        }
        // Somebody else was faster, perhaps ourselves: look again.
    }
}

/// `None` when it was written, else where the stream stands.
#[allow(clippy::option_option)] // "not written, and there is no such stream" is one of three
fn settled(written: Result<u64, NotWritten>) -> Result<Option<Option<u64>>, LogError> {
    match written {
        Ok(_) => Ok(None),
        Err(NotWritten::Conflict(actual)) => Ok(Some(actual)),
        Err(NotWritten::Trouble(trouble)) => Err(unavailable(trouble)),
    }
}

/// Keeps the stream of [`Indexed`] short. Only the last one is ever read, so it is no harm when
/// the server does not let us.
pub(crate) async fn keep_short(journal: &Journal) {
    const LIMIT: &[u8] = br#"{"$maxCount":16}"#;
    let stream = format!("$${}", journal.names.indexed);
    let Ok(limit) = serde_json::from_slice::<serde_json::Value>(LIMIT) else { return };
    let Ok(event) = EventData::json("$metadata", &limit) else { return };
    let event = event.id(frame_id(&stream)).metadata(Bytes::new());
    let none = ExpectedRevision::NoStream;
    let _ = journal.connection.append_once(&stream, none, vec![event]).await;
}

fn frame_id(stream: &str) -> Uuid {
    crate::names::link_id(stream, "limit")
}
