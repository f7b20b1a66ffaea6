//! The one task of a process that writes.
//!
//! The log is one stream of the server, and each write says at which revision it expects that
//! stream. So a write that succeeds proves that nothing came in between: whatever was looked up
//! before (which keys and ids are known, where streams stand) was true when it was written. A
//! write whose outcome is unknown is settled by reading on: it is there, or whatever is written
//! next at that revision keeps it out for ever.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use commands::log::queue::{Batch, Line, Together};
use domain::event::{EventId, Position, Recorded, StreamName, Version};
use domain::log::{EncodedAppend, Expected, LogError, Outcome};
use eventstore::{EventData, ExpectedRevision};
use jiff::Timestamp;
use uuid::Uuid;

use crate::all;
use crate::connection::{Again, NotWritten, Trouble};
use crate::frame::{self, Entry, Place, Placed};
use crate::journal::Journal;

/// The most events of one write; one command alone may have more.
const MAX_EVENTS: usize = 2_000;
/// The most events that are remembered because nobody knows whether they were written.
const UNSURE: usize = 100_000;

pub(crate) struct Writer {
    journal: Arc<Journal>,
    line: Line,
    /// Tells what this process wrote from what another one did at the same time.
    name: u32,
    /// The last batch could not be written: until one is, nobody is kept waiting for tries.
    down: bool,
    /// Events of batches whose outcome was never known.
    unsure: HashSet<EventId>,
}

/// What makes a command a repetition.
enum Repeat<'a> {
    Id(EventId),
    Key(&'a str),
}

/// What a batch comes to, when the log stands at `base`.
struct Plan {
    base: u64,
    /// What the log's clock says then.
    now: Timestamp,
    outcomes: Vec<Outcome>,
    events: Vec<EventData>,
    entries: Vec<Entry>,
}

impl Writer {
    pub(crate) fn new(journal: Arc<Journal>, line: Line) -> Self {
        #[allow(clippy::cast_possible_truncation)] // the last bits are chance
        let name = Uuid::now_v7().as_u128() as u32;
        Self { journal, line, name, down: false, unsure: HashSet::new() }
    }

    /// Writes until nobody can append any more and nothing waits.
    pub(crate) async fn run(mut self) {
        let together =
            Together { bytes: self.journal.options.batch_bytes, events: MAX_EVENTS, size };
        while let Some(batch) = self.line.next(together).await {
            self.write(batch).await;
        }
    }

    async fn write(&mut self, batch: Batch) {
        self.journal.forget_versions();
        let written = Box::pin(self.persist(&batch.commands)).await;
        self.down = written.is_err();
        match written {
            Ok(outcomes) => batch.answer(outcomes),
            Err(error) => {
                let (error, appends) = (error.to_string(), batch.commands.len());
                tracing::error!(error, appends, "the log does not answer");
                batch.fail(|| LogError::Unavailable(error.clone()));
            }
        }
    }

    /// Tries until it is written, or patience is at an end.
    async fn persist(&mut self, batch: &[EncodedAppend]) -> Result<Vec<Outcome>, Trouble> {
        let mut perhaps_written = false;
        let written = self.attempt(batch, &mut perhaps_written).await;
        let ids = batch.iter().flat_map(|command| &command.events).map(|event| event.id);
        match &written {
            Ok(_) => ids.for_each(|id| {
                self.unsure.remove(&id);
            }),
            Err(_) if perhaps_written => {
                if self.unsure.len() > UNSURE {
                    self.unsure.clear(); // hours of nothing but failures; links tell by now
                }
                self.unsure.extend(ids);
            }
            Err(_) => (),
        }
        written
    }

    async fn attempt(
        &self,
        batch: &[EncodedAppend],
        perhaps_written: &mut bool,
    ) -> Result<Vec<Outcome>, Trouble> {
        let patience = if self.down { Duration::ZERO } else { self.journal.options.patience };
        self.journal.room().await.map_err(trouble)?;
        let lying = self.lay(batch).await?;
        let mut again = Again::new(patience);
        let mut tried = Vec::new();
        let mut events = batch.iter().flat_map(|command| &command.events);
        let unsure = events.any(|event| self.unsure.contains(&event.id));
        if unsure {
            self.journal.follow().await.map_err(trouble)?;
        }
        loop {
            let plan = self.plan(batch, lying.as_deref()).await.map_err(trouble)?;
            if plan.events.is_empty() {
                if self.holds(&plan).await? {
                    return self.settle(batch, plan.outcomes, &tried).await;
                }
                continue;
            }
            let (base, now, log) = (plan.base, plan.now, &self.journal.names.log);
            let last = base + plan.entries.len() as u64 - 1;
            let shared = plan.entries.iter().any(|entry| is_shared(entry.recorded.id));
            let written = self.journal.connection.append_once(log, at(base), plan.events).await;
            match written {
                // The same ids at the same place are the same write to the server: it may have found
                // our earlier try, or another process', with that one's time.
                Ok(_) if *perhaps_written || unsure || shared => {
                    *perhaps_written = true;
                    tried.push(now);
                    if tried.len() == 1 && !unsure && self.is_of(last, now).await? {
                        self.journal.take_in(plan.entries, true).map_err(trouble)?;
                        return Ok(plan.outcomes);
                    }
                    self.journal.follow().await.map_err(trouble)?;
                    return self.settle(batch, plan.outcomes, &tried).await;
                }
                Ok(_) => {
                    self.journal.take_in(plan.entries, true).map_err(trouble)?;
                    return Ok(plan.outcomes);
                }
                Err(NotWritten::Conflict(actual)) => {
                    self.journal.follow().await.map_err(trouble)?;
                    if self.journal.known().head <= base {
                        let text = format!("{log} stands at {actual:?}, before what it held");
                        return Err(Trouble::Hopeless(text));
                    }
                }
                Err(NotWritten::Trouble(trouble)) => {
                    if matches!(trouble, Trouble::Unknown(_)) {
                        *perhaps_written = true;
                        tried.push(now);
                    }
                    again.after(trouble).await?;
                    if *perhaps_written {
                        self.journal.follow().await.map_err(self::trouble)?;
                    }
                }
            }
        }
    }

    /// Whether we wrote the event at a revision, at that time.
    async fn is_of(&self, revision: u64, now: Timestamp) -> Result<bool, Trouble> {
        let entry = self.journal.entry(revision).await.map_err(trouble)?;
        Ok(entry.is_some_and(|entry| self.wrote(&entry, &[now])))
    }

    /// Whether we wrote it, at one of these times.
    fn wrote(&self, entry: &Entry, tried: &[Timestamp]) -> bool {
        entry.writer == Some(self.name) && tried.contains(&entry.recorded.recorded_at)
    }

    /// Whether what a plan says, which writes nothing, is true now: duplicates always are, and a
    /// conflict is if the log still stands where it was looked at.
    async fn holds(&self, plan: &Plan) -> Result<bool, Trouble> {
        if !plan.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Conflict { .. })) {
            return Ok(true);
        }
        self.journal.follow().await.map_err(trouble)?;
        Ok(self.journal.known().head == plan.base)
    }

    /// The events of a command that is too large for one write are written beforehand, to a
    /// stream of their own; the log then gets links to them, all at once. What is left behind by
    /// a command that comes to nothing is in nobody's way.
    async fn lay(&self, batch: &[EncodedAppend]) -> Result<Option<Vec<Place>>, Trouble> {
        let (limit, [command]) = (self.journal.options.batch_bytes, batch) else {
            return Ok(None);
        };
        if size(command) <= limit {
            return Ok(None);
        }
        let parts = self.journal.names.parts(Uuid::now_v7());
        let (mut places, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
        for (number, event) in command.events.iter().enumerate() {
            let key = command.key.as_deref().filter(|_| number == 0);
            let size = frame::size(event, &command.stream, key);
            if bytes + size > limit && !part.is_empty() {
                self.lay_part(&parts, places.len(), std::mem::take(&mut part)).await?;
                places.extend(places_of(&parts, places.len(), number));
                bytes = 0;
            }
            bytes += size;
            part.push(frame::event(event, &command.stream, key, None).map_err(hopeless)?);
        }
        self.lay_part(&parts, places.len(), part).await?;
        places.extend(places_of(&parts, places.len(), command.events.len()));
        Ok(Some(places))
    }

    async fn lay_part(
        &self,
        stream: &str,
        from: usize,
        events: Vec<EventData>,
    ) -> Result<(), Trouble> {
        let last = (from + events.len()) as u64 - 1;
        let patience = self.journal.options.patience;
        match self.journal.connection.append(stream, at(from as u64), events, patience).await {
            // An earlier try got through: nobody else writes there.
            Err(NotWritten::Conflict(Some(actual))) if actual == last => Ok(()),
            Ok(_) => Ok(()),
            Err(NotWritten::Trouble(trouble)) => Err(trouble),
            Err(NotWritten::Conflict(actual)) => {
                Err(Trouble::Refused(format!("{stream} stands at {actual:?}")))
            }
        }
    }

    /// What the batch comes to as things stand.
    async fn plan(
        &self,
        batch: &[EncodedAppend],
        lying: Option<&[Place]>,
    ) -> Result<Plan, LogError> {
        let journal = &self.journal;
        let (base, recorded_at) = {
            let known = journal.known();
            (known.head, known.recorded_at)
        };
        let known = self.known(batch).await?;
        let mut versions = self.versions(batch, &known).await?;
        let now = journal.options.clock.now();
        let now = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
        let now = recorded_at.map_or(now, |last| now.max(last));
        let mut plan =
            Plan { base, now, outcomes: Vec::new(), events: Vec::new(), entries: Vec::new() };
        for (command, known) in batch.iter().zip(known) {
            if let Some(first) = known {
                plan.outcomes.push(Outcome::Duplicate { first: Position(first) });
                continue;
            }
            let version = versions.entry(&command.stream).or_insert(None);
            let met = match command.expected {
                Expected::Any => true,
                Expected::NoStream => version.is_none(),
                Expected::Exact(expected) => *version == Some(expected),
            };
            if !met {
                plan.outcomes.push(Outcome::Conflict { actual: *version });
                continue;
            }
            let next = version.map_or(0, |last| last.0 + 1);
            let last = Version(next + command.events.len() as u64 - 1);
            *version = Some(last);
            let first = plan.add(command, next, self.name, lying, &journal.names.log)?;
            plan.outcomes.push(Outcome::Appended {
                first,
                last: Position(first.0 + command.events.len() as u64 - 1),
                version: last,
                recorded_at: now,
            });
        }
        Ok(plan)
    }

    /// For each command the first position of what it repeats, if it repeats something.
    async fn known(&self, batch: &[EncodedAppend]) -> Result<Vec<Option<u64>>, LogError> {
        let mut lookups = Vec::new();
        for (number, command) in batch.iter().enumerate() {
            let ids = command.events.iter().map(|event| self.repeats(number, Repeat::Id(event.id)));
            lookups.extend(ids);
            let key = command.key.as_deref();
            lookups.extend(key.map(|key| self.repeats(number, Repeat::Key(key))));
        }
        let found = all(lookups).await?;
        let mut known = vec![None; batch.len()];
        for (number, position) in found {
            let earliest: &mut Option<u64> = &mut known[number];
            *earliest = earliest.iter().copied().chain(position).min();
        }
        Ok(known)
    }

    /// Where the streams of the commands stand.
    async fn versions<'a>(
        &self,
        batch: &'a [EncodedAppend],
        known: &[Option<u64>],
    ) -> Result<HashMap<&'a StreamName, Option<Version>>, LogError> {
        let new = batch.iter().zip(known).filter(|(_, known)| known.is_none());
        let streams: HashSet<&StreamName> = new.map(|(command, _)| &command.stream).collect();
        let lookups = streams.into_iter().map(|stream| self.version(stream)).collect();
        Ok(all(lookups).await?.into_iter().collect())
    }

    async fn version<'a>(
        &self,
        stream: &'a StreamName,
    ) -> Result<(&'a StreamName, Option<Version>), LogError> {
        Ok((stream, self.journal.version(stream).await?))
    }

    /// Where in the log something is that a command repeats.
    async fn repeats(
        &self,
        command: usize,
        what: Repeat<'_>,
    ) -> Result<(usize, Option<u64>), LogError> {
        let position = match what {
            Repeat::Id(id) => self.journal.position_of_id(id).await?,
            Repeat::Key(key) => self.journal.position_of_key(key).await?,
        };
        Ok((command, position))
    }

    /// After writes whose outcome was unknown: what has our own event, our name, and the time of one
    /// of these tries, is what we wrote ourselves, and is said as such, so that nobody takes their
    /// own append for somebody else's. Otherwise it is another process', which had the same ids.
    async fn settle(
        &self,
        batch: &[EncodedAppend],
        mut outcomes: Vec<Outcome>,
        tried: &[Timestamp],
    ) -> Result<Vec<Outcome>, Trouble> {
        for (command, outcome) in batch.iter().zip(&mut outcomes) {
            let first = match outcome {
                Outcome::Appended { first, .. } => *first,
                Outcome::Duplicate { first } if !tried.is_empty() => *first,
                _ => continue,
            };
            let entry = self.journal.entry(first.0 - 1).await.map_err(trouble)?;
            let entry = entry.ok_or_else(|| Trouble::Unknown(format!("{} is gone", first.0)))?;
            let same = command.events.first().is_some_and(|event| event.id == entry.recorded.id);
            if same && self.wrote(&entry, tried) {
                let more = command.events.len() as u64 - 1;
                *outcome = Outcome::Appended {
                    first,
                    last: Position(first.0 + more),
                    version: Version(entry.recorded.version.0 + more),
                    recorded_at: entry.recorded.recorded_at,
                };
            } else if same {
                *outcome = Outcome::Duplicate { first };
            } else if matches!(outcome, Outcome::Appended { .. }) {
                let text = format!("{} is not what was written there", first.0);
                return Err(Trouble::Unknown(text));
            }
        }
        Ok(outcomes)
    }
}

impl Plan {
    /// Adds a command's events, from that version on, and gives the first one's position.
    fn add(
        &mut self,
        command: &EncodedAppend,
        version: u64,
        writer: u32,
        lying: Option<&[Place]>,
        log: &str,
    ) -> Result<Position, LogError> {
        let now = self.now;
        let first = self.base + self.entries.len() as u64 + 1;
        for (number, event) in command.events.iter().enumerate() {
            let key = command.key.as_deref().filter(|_| number == 0);
            let (position, version) = (first + number as u64, version + number as u64);
            let placed =
                Placed { position, version, recorded: now.as_microsecond(), writer: Some(writer) };
            let made = match lying.and_then(|places| places.get(number)) {
                Some(place) => frame::link(log, place, placed),
                None => frame::event(event, &command.stream, key, Some(placed)),
            };
            self.events.push(made.map_err(|error| LogError::Invalid(error.to_string()))?);
            let lies = lying.and_then(|places| places.get(number)).cloned();
            self.entries.push(Entry {
                recorded: Recorded {
                    position: Position(position),
                    stream: command.stream.clone(),
                    version: Version(version),
                    id: event.id,
                    kind: event.event.kind.clone(),
                    schema: event.event.schema,
                    class: event.event.class,
                    recorded_at: now,
                    occurred_at: event.occurred_at,
                    meta: event.meta.clone(),
                    data: event.event.data.clone(),
                },
                key: key.map(str::to_owned),
                lies: lies
                    .unwrap_or_else(|| Place { stream: log.to_owned(), revision: position - 1 }),
                writer: Some(writer),
            });
        }
        Ok(Position(first))
    }
}

/// Whether another process may make the same id at the same time: from a registry's words, or from
/// a key. Those with a time and chance in them are made once.
fn is_shared(id: EventId) -> bool {
    id.0.get_version_num() != 7
}

fn size(command: &EncodedAppend) -> usize {
    let key = |number: usize| command.key.as_deref().filter(|_| number == 0);
    let events = command.events.iter().enumerate();
    events.map(|(number, event)| frame::size(event, &command.stream, key(number))).sum()
}

fn places_of(stream: &str, from: usize, to: usize) -> impl Iterator<Item = Place> {
    (from..to).map(move |at| Place { stream: stream.to_owned(), revision: at as u64 })
}

/// What a stream of so many events is expected to be.
pub(crate) fn at(events: u64) -> ExpectedRevision {
    events.checked_sub(1).map_or(ExpectedRevision::NoStream, ExpectedRevision::Exact)
}

fn hopeless(error: impl ToString) -> Trouble {
    Trouble::Hopeless(error.to_string())
}

/// What the journal says already speaks of the log.
fn trouble(error: LogError) -> Trouble {
    match error {
        LogError::Unavailable(text) | LogError::Invalid(text) => Trouble::Refused(text),
        LogError::Busy => Trouble::Refused(error.to_string()),
    }
}
