//! What this process knows of the log: how far it reaches, and the newest events, to which no
//! links point yet.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use commands::log::Reached;
use domain::event::{Class, EventId, Position, StreamName, Version};
use domain::log::LogError;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::connection::{Connection, Wanted};
use crate::frame::{self, Entry};
use crate::names::Names;
use crate::{EventStoreLogOptions, unavailable};

/// The events that one request asks for while following.
const STRIDE: usize = 1_000;
/// The most streams whose last version is remembered.
const VERSIONS: usize = 50_000;
/// The most readers of decisions whose place is remembered.
const STOPPED: usize = 16;

/// See the module.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) connection: Connection,
    pub(crate) names: Names,
    pub(crate) options: EventStoreLogOptions,
    pub(crate) reached: Reached,
    known: Mutex<Known>,
    /// Only one task reads on at a time; what it learns is everybody's.
    following: tokio::sync::Mutex<()>,
    begun: AtomicU64,
    done: AtomicU64,
    /// Told when the tail became longer.
    pub(crate) longer: Notify,
    /// Told when the tail became shorter.
    pub(crate) shorter: Notify,
}

/// What is known.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Position of the last event.
    pub(crate) head: u64,
    /// When that was recorded.
    pub(crate) recorded_at: Option<Timestamp>,
    /// To all up to here there are links.
    pub(crate) indexed: u64,
    /// The events after `indexed`, in order.
    tail: VecDeque<Fresh>,
    bytes: usize,
    ids: HashMap<EventId, u64>,
    keys: HashMap<String, u64>,
    streams: HashMap<StreamName, VecDeque<u64>>,
    versions: HashMap<StreamName, u64>,
    /// Where readers of decisions stopped: position, and revision of the next link.
    stopped: VecDeque<(u64, u64)>,
}

/// An event to which no link may point yet.
#[derive(Debug)]
struct Fresh {
    entry: Arc<Entry>,
    /// Whether this process wrote it.
    own: bool,
    since: Instant,
}

/// A moment of the log.
pub(crate) struct Moment {
    pub(crate) head: u64,
    pub(crate) indexed: u64,
    /// What was asked of the tail, whose first event is the one after `indexed`.
    pub(crate) tail: Vec<Arc<Entry>>,
    /// Whether the tail holds more of it.
    pub(crate) cut: bool,
}

impl Journal {
    pub(crate) fn new(connection: Connection, names: Names, options: EventStoreLogOptions) -> Self {
        Self {
            connection,
            names,
            options,
            reached: Reached::new(Position(0)),
            known: Mutex::default(),
            following: tokio::sync::Mutex::default(),
            begun: AtomicU64::new(0),
            done: AtomicU64::new(0),
            longer: Notify::new(),
            shorter: Notify::new(),
        }
    }

    /// What is known; no lock is held over a request.
    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing in here panics halfway through a change.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins behind what links point to.
    ///
    /// # Errors
    ///
    /// [`LogError::Unavailable`], also when the log is shorter than its links say.
    pub(crate) async fn begin(&self, indexed: u64) -> Result<(), LogError> {
        let Some(revision) = indexed.checked_sub(1) else { return Ok(()) };
        let last = self.entry(revision).await?.ok_or_else(|| {
            let text = format!("{} is shorter than its links say, {indexed}", self.names.log);
            LogError::Unavailable(text)
        })?;
        {
            let mut known = self.known();
            (known.head, known.indexed) = (indexed, indexed);
            known.recorded_at = Some(last.recorded.recorded_at);
        }
        self.reached.publish(Position(indexed), true);
        Ok(())
    }

    /// The event at a revision of the log.
    pub(crate) async fn entry(&self, revision: u64) -> Result<Option<Entry>, LogError> {
        let wanted = Wanted {
            stream: &self.names.log,
            from: Some(revision),
            max: 1,
            bytes: usize::MAX,
            resolve: true,
        };
        let read = self.connection.read(&wanted, self.options.patience).await;
        let read = read.map_err(unavailable)?.into_iter().next();
        read.map(|read| frame::entry(read).map_err(unavailable)).transpose()
    }

    /// Reads on to the end of the log: whatever was acknowledged to anybody before this was
    /// called is known when it returns.
    ///
    /// # Errors
    ///
    /// [`LogError::Unavailable`].
    pub(crate) async fn follow(&self) -> Result<(), LogError> {
        let asked = self.begun.load(Ordering::SeqCst);
        let _turn = self.following.lock().await;
        if self.done.load(Ordering::SeqCst) > asked {
            return Ok(()); // somebody began after we asked, and is through
        }
        let mine = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        while self.stride().await? == STRIDE {
            self.room().await?;
        }
        self.done.store(mine, Ordering::SeqCst);
        Ok(())
    }

    /// Reads what comes next, and says how much it was.
    async fn stride(&self) -> Result<usize, LogError> {
        let head = self.known().head;
        let wanted = Wanted {
            stream: &self.names.log,
            from: Some(head),
            max: STRIDE,
            bytes: self.options.tail_bytes,
            resolve: true,
        };
        let read = self.connection.read(&wanted, self.options.patience).await;
        let read = read.map_err(unavailable)?;
        let count = if read.len() < STRIDE && !read.is_empty() && self.is_heavy(&read) {
            STRIDE // ended for its bytes, not because there is no more
        } else {
            read.len()
        };
        let entries = read
            .into_iter()
            .map(frame::entry)
            .collect::<Result<Vec<_>, _>>()
            .map_err(unavailable)?;
        self.take_in(entries, false)?;
        Ok(count)
    }

    fn is_heavy(&self, read: &[eventstore::ResolvedEvent]) -> bool {
        let bytes = |event: &eventstore::ResolvedEvent| {
            event.event.as_ref().map_or(0, |event| event.data.len() + event.custom_metadata.len())
        };
        read.iter().map(bytes).sum::<usize>() >= self.options.tail_bytes
    }

    /// Waits until the tail may grow. Links are made of what is in it, meanwhile.
    ///
    /// # Errors
    ///
    /// [`LogError::Unavailable`] when they are not.
    pub(crate) async fn room(&self) -> Result<(), LogError> {
        let room = async {
            loop {
                let shorter = self.shorter.notified();
                if self.known().has_room(&self.options) {
                    return;
                }
                shorter.await;
            }
        };
        timeout(self.options.patience, room)
            .await
            .map_err(|_| unavailable("no links are made of what was written last"))
    }

    /// Takes in what follows, as far as it is new.
    ///
    /// # Errors
    ///
    /// [`LogError::Unavailable`] when an event is missing in between, which means that the log's
    /// stream was cut or written to by somebody else.
    pub(crate) fn take_in(&self, entries: Vec<Entry>, own: bool) -> Result<(), LogError> {
        let (mut decisions, now) = (false, Instant::now());
        let head = {
            let mut known = self.known();
            for entry in entries {
                let position = entry.recorded.position.0;
                if position <= known.head {
                    if own {
                        known.claim(position);
                    }
                    continue;
                }
                if position != known.head + 1 {
                    let text = format!(
                        "{} has a gap between {} and {position}",
                        self.names.log, known.head
                    );
                    return Err(LogError::Unavailable(text));
                }
                decisions |= entry.recorded.class == Class::Decision;
                known.push(Fresh { entry: Arc::new(entry), own, since: now });
            }
            known.head
        };
        self.longer.notify_one();
        // A conflict with what is waited for is no reason to sleep: `publish` goes forward only.
        self.reached.publish(Position(head), decisions);
        metrics::gauge!("portus_log_position").set(head as f64);
        Ok(())
    }

    /// To all up to `position` there are links.
    pub(crate) fn indexed(&self, position: u64) {
        self.known().drop_upto(position);
        self.shorter.notify_waiters();
    }

    /// What of the tail is of one stream.
    pub(crate) fn tail_of(&self, stream: &StreamName) -> Moment {
        let known = self.known();
        let tail = known.streams.get(stream).into_iter().flatten();
        let tail = tail.filter_map(|position| known.at(*position)).collect();
        Moment { head: known.head, indexed: known.indexed, tail, cut: false }
    }

    /// At most `max` events of the tail that lie after a position, of one class or of both, of
    /// about so many bytes.
    pub(crate) fn tail_after(
        &self,
        after: u64,
        max: usize,
        bytes: usize,
        class: Option<Class>,
    ) -> Moment {
        let known = self.known();
        let (head, indexed) = (known.head, known.indexed);
        let from = usize::try_from(after.saturating_sub(indexed)).unwrap_or(usize::MAX);
        let (mut tail, mut held, mut cut) = (Vec::new(), 0, false);
        for fresh in known.tail.range(from.min(known.tail.len())..) {
            if class.is_some_and(|class| fresh.entry.recorded.class != class) {
                continue;
            }
            if tail.len() == max || held >= bytes {
                cut = true;
                break;
            }
            held += weight(&fresh.entry);
            tail.push(fresh.entry.clone());
        }
        Moment { head, indexed, tail, cut }
    }

    /// The version of a stream's last event, as of the head.
    pub(crate) async fn version(&self, stream: &StreamName) -> Result<Option<Version>, LogError> {
        let in_tail = {
            let known = self.known();
            if let Some(version) = known.versions.get(stream) {
                return Ok(Some(Version(*version)));
            }
            let last = known.streams.get(stream).and_then(|positions| positions.back());
            last.and_then(|position| known.at(*position)).map(|entry| entry.recorded.version.0)
        };
        // Looked at after the tail: what left it meanwhile is linked.
        let linked = self.last_link(&self.names.stream(stream)).await?.map(|link| link.version);
        let version = in_tail.max(linked);
        if let Some(version) = version {
            // Whoever took in more meanwhile knows better.
            self.known().versions.entry(stream.clone()).or_insert(version);
        }
        Ok(version.map(Version))
    }

    /// Forgets versions when there are too many. Only between two looks at them, by the one task
    /// that writes by them: an old answer must not come after.
    pub(crate) fn forget_versions(&self) {
        let mut known = self.known();
        if known.versions.len() > VERSIONS {
            known.versions.clear();
        }
    }

    /// Where a stream of links ends.
    pub(crate) async fn last_link(&self, stream: &str) -> Result<Option<frame::Placed>, LogError> {
        let wanted = Wanted { stream, from: None, max: 1, bytes: usize::MAX, resolve: false };
        let read = self.connection.read(&wanted, self.options.patience).await;
        let link = read.map_err(unavailable)?.into_iter().next().and_then(|read| read.event);
        link.map(|link| frame::link_placed(&link).map_err(unavailable)).transpose()
    }

    /// Position of the event of that id, when it is in the log.
    pub(crate) async fn position_of_id(&self, id: EventId) -> Result<Option<u64>, LogError> {
        if let Some(position) = self.known().ids.get(&id) {
            return Ok(Some(*position));
        }
        Ok(self.last_link(&self.names.event(id)).await?.map(|link| link.position))
    }

    /// Position of the first event that came with that key, when one did.
    pub(crate) async fn position_of_key(&self, key: &str) -> Result<Option<u64>, LogError> {
        if let Some(position) = self.known().keys.get(key) {
            return Ok(Some(*position));
        }
        Ok(self.last_link(&self.names.key(key)).await?.map(|link| link.position))
    }

    /// What links are to be made of next: the oldest of the tail, at most `max`, once they are
    /// ours, or `patience` old.
    pub(crate) fn unlinked(
        &self,
        max: usize,
        patience: std::time::Duration,
    ) -> Option<Vec<Arc<Entry>>> {
        let known = self.known();
        let first = known.tail.front()?;
        // What somebody else wrote, somebody else links, if they live.
        if !first.own && first.since.elapsed() < patience && known.tail.len() < max {
            return None;
        }
        Some(known.tail.iter().take(max).map(|fresh| fresh.entry.clone()).collect())
    }
}

impl Known {
    fn push(&mut self, fresh: Fresh) {
        let recorded = &fresh.entry.recorded;
        let position = recorded.position.0;
        self.head = position;
        self.recorded_at = Some(recorded.recorded_at);
        self.bytes += weight(&fresh.entry);
        self.ids.insert(recorded.id, position);
        if let Some(key) = &fresh.entry.key {
            self.keys.insert(key.clone(), position);
        }
        self.streams.entry(recorded.stream.clone()).or_default().push_back(position);
        self.versions.insert(recorded.stream.clone(), recorded.version.0);
        self.tail.push_back(fresh);
    }

    fn has_room(&self, options: &EventStoreLogOptions) -> bool {
        self.tail.len() < options.tail && self.bytes < options.tail_bytes
    }

    /// Where a reader of decisions stopped who read up to a position.
    pub(crate) fn stopped(&self, position: u64) -> Option<u64> {
        self.stopped.iter().find(|(at, _)| *at == position).map(|(_, revision)| *revision)
    }

    /// Remembers where a reader of decisions stopped.
    pub(crate) fn stop(&mut self, position: u64, revision: u64) {
        self.stopped.retain(|(at, _)| *at != position);
        self.stopped.push_front((position, revision));
        self.stopped.truncate(STOPPED);
    }

    /// Marks as ours what a reader of this process saw first.
    fn claim(&mut self, position: u64) {
        if let Some(place) = position.checked_sub(self.indexed + 1)
            && let Ok(place) = usize::try_from(place)
            && let Some(fresh) = self.tail.get_mut(place)
        {
            fresh.own = true;
        }
    }

    fn at(&self, position: u64) -> Option<Arc<Entry>> {
        let place = usize::try_from(position.checked_sub(self.indexed + 1)?).ok()?;
        self.tail.get(place).map(|fresh| fresh.entry.clone())
    }

    fn drop_upto(&mut self, position: u64) {
        while let Some(fresh) = self.tail.pop_front_if(|f| f.entry.recorded.position.0 <= position)
        {
            let recorded = &fresh.entry.recorded;
            self.indexed = recorded.position.0;
            self.bytes -= weight(&fresh.entry);
            self.ids.remove(&recorded.id);
            if let Some(key) = &fresh.entry.key {
                self.keys.remove(key);
            }
            if let Some(positions) = self.streams.get_mut(&recorded.stream) {
                positions.pop_front();
                if positions.is_empty() {
                    self.streams.remove(&recorded.stream);
                }
            }
        }
    }
}

/// The bytes of an event that is held.
fn weight(entry: &Entry) -> usize {
    entry.recorded.meta.len() + entry.recorded.data.len() + 512
}
