//! The log on its server, whole: read with its keys, and written as it was elsewhere, with the
//! links that find it.
//!
//! What is written to the log's stream is written at the revision that is its position, so that
//! nothing that somebody else writes meanwhile can get in between unseen.

use std::sync::Arc;

use async_trait::async_trait;
use commands::log::transfer::{Kept, Standing, Transfer, TransferError};
use domain::event::{Encoded, Position, Recorded};
use domain::log::{EncodedEvent, LogError};
use eventstore::EventData;
use serde::{Deserialize, Serialize};

use crate::check::{CheckError, reach};
use crate::connection::{Connection, NotWritten, Trouble, Wanted};
use crate::frame::{self, Entry, Place, Placed};
use crate::journal::Journal;
use crate::names::{Names, link_id};
use crate::{EventStoreLogOptions, links, prepare, settings, unavailable, writer};

/// The most events of one page.
const PAGE: usize = 500;
/// A page ends when its events have so many bytes.
const PAGE_BYTES: usize = 8 * 1024 * 1024;
/// The most events of one write, and of one round of links.
const BATCH: usize = 500;

/// See the module.
#[derive(Debug)]
pub struct EventStoreTransfer {
    journal: Journal,
    place: String,
    /// What was written, and has no links yet.
    pending: Vec<Arc<Entry>>,
}

/// The event that says whether a copy into the log is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
enum Mark {
    Begun,
    Done,
}

impl EventStoreTransfer {
    /// Finds the server behind a connection string.
    ///
    /// # Errors
    ///
    /// [`CheckError`]: the connection string is not one, or nobody answers there. No text holds
    /// the connection string.
    pub async fn open(url: &str, options: EventStoreLogOptions) -> Result<Self, CheckError> {
        prepare()?;
        let settings = settings::read(url)?;
        reach(&settings, options.request).await?;
        let place = format!("event store log {} at {}", options.name, settings::hosts(&settings));
        let connection = Connection::new(settings, options.request);
        let journal = Journal::new(connection, Names::new(&options.name), options);
        Ok(Self { journal, place, pending: Vec::new() })
    }

    async fn read_entries(&self, after: u64, max: usize) -> Result<Vec<Entry>, TransferError> {
        let wanted = Wanted {
            stream: &self.journal.names.log,
            from: Some(after),
            max,
            bytes: PAGE_BYTES,
            resolve: true,
        };
        let read = self.journal.connection.read(&wanted, self.journal.options.patience).await;
        let entries = read.map_err(troubled)?.into_iter().map(frame::entry);
        entries
            .collect::<Result<_, _>>()
            .map_err(|foreign| TransferError::Damaged(foreign.to_string()))
    }

    /// How many events there are, by the last one's number.
    async fn head(&self) -> Result<u64, TransferError> {
        let wanted = last(&self.journal.names.log);
        let read = self.journal.connection.read(&wanted, self.journal.options.patience).await;
        let event = read.map_err(troubled)?.into_iter().next();
        // The place of the link, where the last event is one.
        let event = event.and_then(|read| read.link.or(read.event));
        Ok(event.map_or(0, |event| event.revision + 1))
    }

    async fn mark(&self, wanted: Mark) -> Result<(), TransferError> {
        let (found, next) = marked(&self.journal).await.map_err(failed)?;
        if found == wanted {
            return Ok(());
        }
        let stream = &self.journal.names.copy;
        let event = EventData::json("copy", &wanted).map_err(damaged)?;
        // The same however often it is written, and at one place: a late one changes nothing.
        let event = event.id(link_id(stream, &format!("{next} {wanted:?}")));
        let (at, patience) = (writer::at(next), self.journal.options.patience);
        match self.journal.connection.append(stream, at, vec![event], patience).await {
            Ok(_) => Ok(()),
            Err(NotWritten::Trouble(trouble)) => Err(troubled(trouble)),
            Err(NotWritten::Conflict(_)) => {
                let (found, _) = marked(&self.journal).await.map_err(failed)?;
                if found == wanted {
                    return Ok(());
                }
                let text = "somebody else copies to it".to_owned();
                Err(TransferError::Denied(text))
            }
        }
    }

    /// Makes the links that a copy which was killed has not made.
    async fn link_rest(&self) -> Result<(), TransferError> {
        let indexed = links::indexed(&self.journal).await.map_err(failed)?;
        if indexed.is_none() {
            links::keep_short(&self.journal).await;
        }
        let (mut at, head) = (indexed.unwrap_or(0), self.head().await?);
        while at < head {
            let entries = self.read_entries(at, BATCH).await?;
            if entries.is_empty() {
                return Err(TransferError::Damaged(format!("position {} is missing", at + 1)));
            }
            let entries: Vec<_> = entries.into_iter().map(Arc::new).collect();
            self.link(&entries).await?;
            at += entries.len() as u64;
        }
        Ok(())
    }

    async fn link(&self, entries: &[Arc<Entry>]) -> Result<(), TransferError> {
        for some in entries.chunks(BATCH) {
            links::round(&self.journal, some).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Writes to the log's stream.
    async fn put(&self, events: &[Kept]) -> Result<(), TransferError> {
        let Some(first) = events.first() else { return Ok(()) };
        let base = first.event.position.0 - 1;
        let made = events.iter().map(made).collect::<Result<Vec<_>, _>>()?;
        let (log, patience) = (&self.journal.names.log, self.journal.options.patience);
        match self.journal.connection.append(log, writer::at(base), made, patience).await {
            Ok(revision) if revision + 1 == base + events.len() as u64 => Ok(()),
            Ok(_) => {
                let text = "its stream was deleted or cut once; choose another name".to_owned();
                Err(TransferError::Damaged(text))
            }
            Err(NotWritten::Trouble(trouble)) => Err(troubled(trouble)),
            // An earlier try got through, or somebody else copies the same.
            Err(NotWritten::Conflict(_)) => {
                let there = self.read_entries(base, events.len()).await?;
                let there = there.into_iter().map(kept).collect::<Vec<_>>();
                match there == events {
                    true => Ok(()),
                    false => Err(TransferError::Moved(base + 1)),
                }
            }
        }
    }
}

#[async_trait]
impl Transfer for EventStoreTransfer {
    fn place(&self) -> String {
        self.place.clone()
    }

    /// The log's first event as this server took it: when, and where among all that it has.
    async fn identity(&mut self) -> Result<Option<String>, TransferError> {
        let log = &self.journal.names.log;
        let wanted = Wanted { from: Some(0), ..last(log) };
        let read = self.journal.connection.read(&wanted, self.journal.options.patience).await;
        let first = read.map_err(troubled)?.into_iter().next();
        let first = first.and_then(|read| read.link.or(read.event));
        Ok(first.map(|event| {
            let at = (event.created.timestamp_micros(), event.position.commit);
            format!("event store {log} {at:?}")
        }))
    }

    async fn standing(&mut self) -> Result<Standing, TransferError> {
        let head = self.head().await?;
        let indexed = links::indexed(&self.journal).await.map_err(failed)?.unwrap_or(0);
        if indexed > head {
            return Err(TransferError::Damaged(format!(
                "{} ends at {head}, but links lead to {indexed}; choose another name, or restore it",
                self.journal.names.log
            )));
        }
        let (mark, _) = marked(&self.journal).await.map_err(failed)?;
        Ok(Standing { head: Position(head), unfinished: mark == Mark::Begun, served: false })
    }

    async fn read(&mut self, after: Position, upto: Position) -> Result<Vec<Kept>, TransferError> {
        let left = usize::try_from(upto.0.saturating_sub(after.0)).unwrap_or(usize::MAX);
        let entries = self.read_entries(after.0, left.min(PAGE)).await?;
        Ok(entries.into_iter().map(kept).collect())
    }

    async fn begin(&mut self) -> Result<(), TransferError> {
        self.mark(Mark::Begun).await?;
        self.link_rest().await
    }

    async fn write(&mut self, events: &[Kept]) -> Result<(), TransferError> {
        for batch in batches(events, self.journal.options.batch_bytes) {
            let before = std::mem::take(&mut self.pending);
            // Links are made of what was written last, while the next is written.
            let (written, linked) = tokio::join!(self.put(batch), self.link(&before));
            written?;
            linked?;
            let log = &self.journal.names.log;
            self.pending = batch.iter().map(|kept| Arc::new(entry(kept, log))).collect();
        }
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), TransferError> {
        let rest = std::mem::take(&mut self.pending);
        self.link(&rest).await
    }

    async fn end(&mut self) -> Result<(), TransferError> {
        self.mark(Mark::Done).await
    }
}

/// Whether a copy into the log was begun and not finished.
///
/// # Errors
///
/// [`LogError::Unavailable`].
pub(crate) async fn is_unfinished(journal: &Journal) -> Result<bool, LogError> {
    Ok(marked(journal).await?.0 == Mark::Begun)
}

/// The mark, and the revision of the next one.
async fn marked(journal: &Journal) -> Result<(Mark, u64), LogError> {
    let wanted = last(&journal.names.copy);
    let read = journal.connection.read(&wanted, journal.options.patience).await;
    let Some(event) = read.map_err(unavailable)?.into_iter().next().and_then(|read| read.event)
    else {
        return Ok((Mark::Done, 0));
    };
    let mark = serde_json::from_slice(&event.data).map_err(unavailable)?;
    Ok((mark, event.revision + 1))
}

fn last(stream: &str) -> Wanted<'_> {
    Wanted { stream, from: None, max: 1, bytes: usize::MAX, resolve: false }
}

/// What fits into one write each.
fn batches(events: &[Kept], max_bytes: usize) -> impl Iterator<Item = &[Kept]> {
    let mut rest = events;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = rest.iter().take(BATCH).take_while(|kept| {
            let first = bytes == 0;
            bytes += size(kept);
            first || bytes <= max_bytes
        });
        let (batch, more) = rest.split_at(fits.count());
        rest = more;
        (!batch.is_empty()).then_some(batch)
    })
}

fn size(kept: &Kept) -> usize {
    // As `frame::size`, without a copy of the event.
    512 + kept.bytes()
        + kept.event.kind.len()
        + kept.event.stream.as_str().len()
        + kept.key.as_ref().map_or(0, String::len)
}

fn made(kept: &Kept) -> Result<EventData, TransferError> {
    let Kept { event, key } = kept;
    if event.meta.trim().len() != event.meta.len() {
        // It is JSON within JSON there, and nothing of ours ever wrote such a one.
        let text = format!("the envelope at position {} has space around it", event.position);
        return Err(TransferError::Damaged(text));
    }
    let encoded = EncodedEvent {
        id: event.id,
        occurred_at: event.occurred_at,
        event: Encoded {
            kind: event.kind.clone(),
            schema: event.schema,
            class: event.class,
            data: event.data.clone(),
        },
        meta: event.meta.clone(),
    };
    frame::event(&encoded, &event.stream, key.as_deref(), Some(placed(event))).map_err(damaged)
}

fn placed(event: &Recorded) -> Placed {
    Placed {
        position: event.position.0,
        version: event.version.0,
        recorded: event.recorded_at.as_microsecond(),
        writer: None,
    }
}

fn entry(kept: &Kept, log: &str) -> Entry {
    let lies = Place { stream: log.to_owned(), revision: kept.event.position.0 - 1 };
    Entry { recorded: kept.event.clone(), key: kept.key.clone(), lies, writer: None }
}

fn kept(entry: Entry) -> Kept {
    Kept { event: entry.recorded, key: entry.key }
}

fn troubled(trouble: Trouble) -> TransferError {
    match trouble {
        Trouble::Hopeless(text) => TransferError::Denied(text),
        Trouble::Refused(text) | Trouble::Unknown(text) => TransferError::Unreachable(text),
    }
}

fn failed(error: LogError) -> TransferError {
    match error {
        LogError::Unavailable(text) => TransferError::Unreachable(text),
        error => TransferError::Damaged(error.to_string()),
    }
}

fn damaged(error: impl ToString) -> TransferError {
    TransferError::Damaged(error.to_string())
}
