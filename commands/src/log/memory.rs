//! The log in memory: for tests of what stands on a log, and as the plainest reading of the
//! contract.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Reached;
use super::transfer::{self, Standing, Transfer, TransferError};
use crate::desk::Clock;
use async_trait::async_trait;
use domain::event::{Class, EventId, Position, Recorded, StreamName, Version};
use domain::log::{
    Append, EncodedAppend, EventLog, Expected, History, LogError, MAX_PAGE, Outcome, Page, encode,
};
use jiff::Timestamp;

/// See the module.
#[derive(Debug)]
pub struct MemoryLog {
    clock: Clock,
    kept: Mutex<Kept>,
    reached: Reached,
}

#[derive(Debug, Default)]
struct Kept {
    /// Position 1 lies at index 0.
    events: Vec<Recorded>,
    streams: HashMap<StreamName, Vec<usize>>,
    ids: HashMap<EventId, Position>,
    keys: HashMap<String, Position>,
    /// A copy into it was begun, and not finished.
    unfinished: bool,
}

impl MemoryLog {
    /// An empty log that records times of `clock`.
    #[must_use]
    pub fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self { clock, kept: Mutex::default(), reached: Reached::new(Position(0)) })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing in here panics halfway through an append.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    async fn append(&self, commands: Vec<Append>) -> Result<Vec<Outcome>, LogError> {
        let commands = encode(commands)?;
        let decisions = commands.iter().any(EncodedAppend::decides);
        let now = self.clock.now();
        let (outcomes, head) = {
            let mut kept = self.kept();
            let outcomes = commands.into_iter().map(|command| kept.append(command, now)).collect();
            (outcomes, kept.head())
        };
        self.reached.publish(head, decisions);
        Ok(outcomes)
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: Option<Version>,
    ) -> Result<History, LogError> {
        let kept = self.kept();
        let Some(places) = kept.streams.get(stream) else {
            return Ok(History { events: Vec::new(), version: None });
        };
        let from = from.map_or(0, |version| index(version.0)).min(places.len());
        let events = places[from..].iter().map(|place| kept.events[*place].clone()).collect();
        Ok(History {
            events,
            version: places.len().checked_sub(1).map(|last| Version(last as u64)),
        })
    }

    async fn read_all(
        &self,
        after: Position,
        max: usize,
        class: Option<Class>,
    ) -> Result<Page, LogError> {
        let (kept, max) = (self.kept(), max.min(MAX_PAGE));
        let head = kept.head();
        let rest = kept.events.get(index(after.0)..).unwrap_or_default();
        let wanted = rest.iter().filter(|event| class.is_none_or(|class| event.class == class));
        let events: Vec<_> = wanted.take(max).cloned().collect();
        let next = match events.last() {
            Some(last) if events.len() == max => last.position,
            None if max == 0 => after,
            _ => head.max(after),
        };
        Ok(Page { events, next, head })
    }

    async fn head(&self) -> Result<Position, LogError> {
        Ok(self.kept().head())
    }

    async fn wait_beyond(&self, after: Position, class: Option<Class>) {
        self.reached.wait_beyond(after, class).await;
    }
}

/// The log as a whole, see [`Transfer`].
#[async_trait]
impl Transfer for Arc<MemoryLog> {
    fn place(&self) -> String {
        "memory".to_owned()
    }

    async fn identity(&mut self) -> Result<Option<String>, TransferError> {
        Ok(Some(format!("memory {:p}", Arc::as_ptr(self))))
    }

    async fn standing(&mut self) -> Result<Standing, TransferError> {
        let kept = self.kept();
        Ok(Standing { head: kept.head(), unfinished: kept.unfinished, served: false })
    }

    async fn read(
        &mut self,
        after: Position,
        upto: Position,
    ) -> Result<Vec<transfer::Kept>, TransferError> {
        let kept = self.kept();
        let keys: HashMap<Position, &String> =
            kept.keys.iter().map(|(key, at)| (*at, key)).collect();
        let end = index(upto.0).min(kept.events.len());
        let rest = kept.events.get(index(after.0)..end).unwrap_or_default();
        let page = rest.iter().take(MAX_PAGE).map(|event| transfer::Kept {
            event: event.clone(),
            key: keys.get(&event.position).map(|key| (*key).clone()),
        });
        Ok(page.collect())
    }

    async fn begin(&mut self) -> Result<(), TransferError> {
        self.kept().unfinished = true;
        Ok(())
    }

    async fn write(&mut self, events: &[transfer::Kept]) -> Result<(), TransferError> {
        let mut kept = self.kept();
        for transfer::Kept { event, key } in events {
            if event.position.0 != kept.head().0 + 1 {
                return Err(TransferError::Moved(event.position.0));
            }
            let place = kept.events.len();
            kept.streams.entry(event.stream.clone()).or_default().push(place);
            kept.ids.insert(event.id, event.position);
            if let Some(key) = key {
                kept.keys.insert(key.clone(), event.position);
            }
            kept.events.push(event.clone());
        }
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), TransferError> {
        let head = self.kept().head();
        self.reached.publish(head, true);
        Ok(())
    }

    async fn end(&mut self) -> Result<(), TransferError> {
        self.kept().unfinished = false;
        Ok(())
    }
}

impl Kept {
    fn head(&self) -> Position {
        Position(self.events.len() as u64)
    }

    fn append(&mut self, command: EncodedAppend, now: Timestamp) -> Outcome {
        let key = command.key.as_ref().and_then(|key| self.keys.get(key));
        let ids = command.events.iter().filter_map(|event| self.ids.get(&event.id));
        if let Some(first) = key.into_iter().chain(ids).min() {
            return Outcome::Duplicate { first: *first };
        }
        let count = self.streams.get(&command.stream).map_or(0, Vec::len) as u64;
        let actual = count.checked_sub(1).map(Version);
        let met = match command.expected {
            Expected::Any => true,
            Expected::NoStream => actual.is_none(),
            Expected::Exact(version) => actual == Some(version),
        };
        if !met {
            return Outcome::Conflict { actual };
        }
        let recorded_at = self.recorded_at(now);
        let first = Position(self.head().0 + 1);
        let stream = self.streams.entry(command.stream.clone()).or_default();
        for (version, new) in (count..).zip(command.events) {
            stream.push(self.events.len());
            let position = Position(self.events.len() as u64 + 1);
            self.ids.insert(new.id, position);
            self.events.push(Recorded {
                position,
                stream: command.stream.clone(),
                version: Version(version),
                id: new.id,
                kind: new.event.kind,
                schema: new.event.schema,
                class: new.event.class,
                recorded_at,
                occurred_at: new.occurred_at,
                meta: new.meta,
                data: new.event.data,
            });
        }
        let version = Version(stream.len() as u64 - 1);
        if let Some(key) = command.key {
            self.keys.insert(key, first);
        }
        Outcome::Appended { first, last: self.head(), version, recorded_at }
    }

    /// The clock in microseconds, but never before what was recorded last.
    fn recorded_at(&self, now: Timestamp) -> Timestamp {
        let now = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
        self.events.last().map_or(now, |last| now.max(last.recorded_at))
    }
}

/// Where a position or version lies in memory; beyond the end when it does not fit.
fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
