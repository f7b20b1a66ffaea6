//! What the nodes of a double keep together, and the rules by which a server keeps it.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tonic::Status;

use super::wire::event_store::client::streams::append_req::ProposedMessage;
use super::wire::event_store::client::streams::append_req::options::ExpectedStreamRevision;
use super::wire::event_store::client::streams::read_resp::ReadEvent;
use super::wire::event_store::client::streams::read_resp::read_event::{Position, RecordedEvent};
use super::wire::event_store::client::{StreamIdentifier, Uuid, uuid::Value};

/// What a server takes at once by default.
pub const MAX_APPEND_SIZE: usize = 1024 * 1024;

/// An event as it was written.
#[derive(Debug, Clone)]
pub struct Record {
    /// Stream.
    pub stream: String,
    /// Number in the stream.
    pub revision: u64,
    /// Identity.
    pub id: String,
    /// Type.
    pub kind: String,
    /// What stands for it in the order of all.
    position: u64,
    content_type: String,
    created: String,
    /// The client's metadata.
    pub metadata: Bytes,
    /// The event itself.
    pub data: Bytes,
}

/// The streams.
#[derive(Debug, Default)]
pub struct Kept {
    streams: HashMap<String, Vec<Record>>,
    written: u64,
}

/// What became of an append.
pub(super) enum Written {
    Success { revision: u64, position: u64 },
    WrongExpectedVersion { current: Option<u64> },
}

impl Kept {
    /// All streams whose names begin so.
    #[must_use]
    pub fn names(&self, prefix: &str) -> Vec<String> {
        let names = self.streams.keys().filter(|name| name.starts_with(prefix));
        names.cloned().collect()
    }

    /// The events of one stream.
    #[must_use]
    pub fn stream(&self, name: &str) -> &[Record] {
        self.streams.get(name).map_or(&[], Vec::as_slice)
    }

    /// As if a stream had never been.
    pub fn forget(&mut self, name: &str) {
        self.streams.remove(name);
    }

    pub(super) fn append(
        &mut self,
        stream: &str,
        expected: ExpectedStreamRevision,
        events: Vec<ProposedMessage>,
    ) -> Result<Written, Status> {
        let size: usize = events.iter().map(size).sum();
        if size > MAX_APPEND_SIZE {
            let mut status = Status::invalid_argument(format!(
                "Maximum Append Size of {MAX_APPEND_SIZE} Exceeded."
            ));
            let name = "maximum-append-size-exceeded".parse().expect("a word");
            status.metadata_mut().insert("exception", name);
            return Err(status);
        }
        let current = self.stream(stream).len().checked_sub(1).map(|last| last as u64);
        let wanted = match expected {
            // No server promises to know an event again by its id alone: this one never does.
            ExpectedStreamRevision::Any(_) => None,
            ExpectedStreamRevision::StreamExists(_) if current.is_some() => None,
            ExpectedStreamRevision::StreamExists(_) => {
                return Ok(Written::WrongExpectedVersion { current });
            }
            ExpectedStreamRevision::NoStream(_) => Some(None),
            ExpectedStreamRevision::Revision(revision) => Some(Some(revision)),
        };
        if let Some(wanted) = wanted
            && wanted != current
        {
            let from = wanted.map_or(0, |revision| revision + 1);
            return Ok(match self.again(stream, from, &events) {
                Some(last) => last,
                None => Written::WrongExpectedVersion { current },
            });
        }
        let first = current.map_or(0, |last| last + 1);
        for (revision, event) in (first..).zip(events) {
            self.written += 1;
            let record = record(stream, revision, self.written * 1_000, event)?;
            self.streams.entry(stream.to_owned()).or_default().push(record);
        }
        let revision = self.stream(stream).len() as u64 - 1;
        Ok(Written::Success { revision, position: self.written * 1_000 })
    }

    /// The same events at the place where they are expected to go are the same write again.
    fn again(&self, stream: &str, from: u64, events: &[ProposedMessage]) -> Option<Written> {
        let there = self.stream(stream).get(usize::try_from(from).ok()?..)?;
        let there = there.get(..events.len()).filter(|there| !there.is_empty())?;
        let same =
            there.iter().zip(events).all(|(record, event)| Some(&record.id) == id(event).as_ref());
        let last = there.last()?;
        same.then_some(Written::Success { revision: last.revision, position: last.position })
    }

    /// At most so many events from a revision on; `None`: from the end. `None` when there is no
    /// such stream.
    pub(super) fn read(
        &self,
        stream: &str,
        from: Option<u64>,
        backwards: bool,
        count: u64,
        resolve: bool,
    ) -> Option<Vec<ReadEvent>> {
        let all = self.streams.get(stream)?;
        let oldest = self.limit(stream).map_or(0, |limit| all.len().saturating_sub(limit));
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let from = from.map(|from| usize::try_from(from).unwrap_or(usize::MAX));
        let records: Vec<&Record> = if backwards {
            let upto = from.map_or(all.len(), |from| from.saturating_add(1).min(all.len()));
            all[oldest..upto.max(oldest)].iter().rev().take(count).collect()
        } else {
            let from = from.unwrap_or(all.len()).clamp(oldest, all.len().max(oldest));
            all[from..].iter().take(count).collect()
        };
        Some(records.into_iter().map(|record| self.resolved(record, resolve)).collect())
    }

    fn resolved(&self, record: &Record, resolve: bool) -> ReadEvent {
        let position = Some(Position::CommitPosition(record.position));
        if !resolve || record.kind != "$>" {
            return ReadEvent { event: Some(record.wire()), link: None, position };
        }
        let to = String::from_utf8_lossy(&record.data).into_owned();
        // One step, as servers do: a link to a link gives that link.
        let event = to.split_once('@').and_then(|(revision, stream)| {
            self.stream(stream).get(revision.parse::<usize>().ok()?).map(Record::wire)
        });
        ReadEvent { event, link: Some(record.wire()), position }
    }

    /// `$maxCount` of a stream.
    fn limit(&self, stream: &str) -> Option<usize> {
        let metadata = self.stream(&format!("$${stream}")).last()?;
        let metadata: serde_json::Value = serde_json::from_slice(&metadata.data).ok()?;
        usize::try_from(metadata.get("$maxCount")?.as_u64()?).ok()
    }
}

impl Record {
    fn wire(&self) -> RecordedEvent {
        let metadata = [
            ("type", &self.kind),
            ("content-type", &self.content_type),
            ("created", &self.created),
        ];
        let metadata = metadata.map(|(name, value)| (name.to_owned(), value.clone()));
        RecordedEvent {
            id: Some(Uuid { value: Some(Value::String(self.id.clone())) }),
            stream_identifier: Some(StreamIdentifier {
                stream_name: Bytes::from(self.stream.clone()),
            }),
            stream_revision: self.revision,
            prepare_position: self.position,
            commit_position: self.position,
            metadata: metadata.into(),
            custom_metadata: self.metadata.clone(),
            data: self.data.clone(),
        }
    }
}

fn record(
    stream: &str,
    revision: u64,
    position: u64,
    event: ProposedMessage,
) -> Result<Record, Status> {
    let named = |name: &str| {
        let missing = || Status::invalid_argument(format!("{name} is missing"));
        event.metadata.get(name).cloned().ok_or_else(missing)
    };
    let (kind, content_type) = (named("type")?, named("content-type")?);
    let id = id(&event).ok_or_else(|| Status::invalid_argument("an event has no id"))?;
    // In 100 ns since 1970, as servers count.
    let created =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |past| past.as_nanos() / 100);
    Ok(Record {
        stream: stream.to_owned(),
        revision,
        id,
        kind,
        position,
        content_type,
        created: created.to_string(),
        metadata: event.custom_metadata,
        data: event.data,
    })
}

fn id(event: &ProposedMessage) -> Option<String> {
    match event.id.as_ref()?.value.as_ref()? {
        Value::String(text) => Some(text.clone()),
        Value::Structured(parts) => {
            let (high, low) = (parts.most_significant_bits, parts.least_significant_bits);
            let id = uuid::Uuid::from_u64_pair(high.cast_unsigned(), low.cast_unsigned());
            Some(id.to_string())
        }
    }
}

fn size(event: &ProposedMessage) -> usize {
    let kind = event.metadata.get("type").map_or(0, String::len);
    event.data.len() + event.custom_metadata.len() + 2 * kind
}
