//! Reading: the tail from memory, what lies before it from the server.

use domain::event::{Class, Position, Recorded, StreamName};
use domain::log::{History, LogError, MAX_PAGE, Page};

use crate::connection::Wanted;
use crate::frame;
use crate::journal::{Journal, Moment};
use crate::{PAGE_BYTES, unavailable};

/// The events that one request looks through for facts.
const WINDOW: usize = 1_000;
/// The most requests of one page of facts; after that the page is given back as it is.
const WINDOWS: usize = 16;

impl Journal {
    /// See [`EventLog::read_all`](domain::log::EventLog::read_all).
    pub(crate) async fn page(
        &self,
        after: u64,
        max: usize,
        class: Option<Class>,
    ) -> Result<Page, LogError> {
        self.follow().await?;
        let max = max.min(MAX_PAGE);
        let moment = self.tail_after(after, max, PAGE_BYTES, class);
        let (head, indexed) = (moment.head, moment.indexed);
        if max == 0 || after >= head {
            return Ok(page(Vec::new(), after, head));
        }
        if after >= indexed {
            let events: Vec<_> = of(&moment);
            let next = if moment.cut { last(&events, after) } else { head };
            return Ok(page(events, next, head));
        }
        match class {
            None => {
                let events = self.read_log(after, max, head).await?;
                let next = last(&events, after);
                Ok(page(events, next, head))
            }
            Some(Class::Fact) => self.facts(after, max, head).await,
            Some(Class::Decision) => self.decisions(after, max).await,
        }
    }

    /// Events of the log itself, none beyond `head`.
    async fn read_log(&self, after: u64, max: usize, head: u64) -> Result<Vec<Recorded>, LogError> {
        let left = usize::try_from(head - after).unwrap_or(usize::MAX);
        let wanted = Wanted {
            stream: &self.names.log,
            from: Some(after),
            max: max.min(left),
            bytes: PAGE_BYTES,
            resolve: true,
        };
        let events = self.events(&wanted).await?;
        if events.first().map(|event| event.position.0) != Some(after + 1) {
            let text = format!("{} does not hold what comes after {after}", self.names.log);
            return Err(LogError::Unavailable(text));
        }
        Ok(events)
    }

    /// Facts are the many: looked for among all.
    async fn facts(&self, after: u64, max: usize, head: u64) -> Result<Page, LogError> {
        let (mut facts, mut next) = (Vec::new(), after);
        for _ in 0..WINDOWS {
            if next >= head || is_full(&facts, max) {
                break;
            }
            for event in self.read_log(next, WINDOW, head).await? {
                if is_full(&facts, max) {
                    break;
                }
                next = event.position.0;
                if event.class == Class::Fact {
                    facts.push(event);
                }
            }
        }
        Ok(page(facts, next, head))
    }

    /// Decisions are the few, among any number of facts: by their links, then from the tail.
    async fn decisions(&self, after: u64, max: usize) -> Result<Page, LogError> {
        // Taken before links are read: what leaves the tail meanwhile is linked.
        let moment = self.tail_after(0, max, PAGE_BYTES, Some(Class::Decision));
        let (head, indexed) = (moment.head, moment.indexed);
        let from = self.decision_after(after).await?;
        let wanted = Wanted {
            stream: &self.names.decisions,
            from: Some(from),
            max,
            bytes: PAGE_BYTES,
            resolve: true,
        };
        let mut events = self.events(&wanted).await?;
        let read = events.len();
        // The tail is the better source of what both have.
        events.retain(|event| event.position.0 <= indexed);
        if events.len() == max || (events.len() == read && is_heavy(&events)) {
            let next = last(&events, after);
            self.known().stop(next, from + read as u64);
            return Ok(page(events, next, head));
        }
        let room = max - events.len();
        let more = of(&moment).into_iter().filter(|event| event.position.0 > after);
        let more: Vec<_> = more.collect();
        let cut = moment.cut || more.len() > room;
        events.extend(more.into_iter().take(room));
        let next = if cut { last(&events, indexed) } else { head };
        Ok(page(events, next, head))
    }

    /// The revision of the first link to a decision after a position: by halving, or where the
    /// last reader stopped.
    async fn decision_after(&self, after: u64) -> Result<u64, LogError> {
        if after == 0 {
            return Ok(0);
        }
        if let Some(revision) = self.known().stopped(after) {
            return Ok(revision);
        }
        let stream = &self.names.decisions;
        let wanted = Wanted { stream, from: None, max: 1, bytes: usize::MAX, resolve: false };
        let Some((mut high, position)) = self.link(&wanted).await? else { return Ok(0) };
        if position <= after {
            return Ok(high + 1);
        }
        // The link at `high` lies beyond; all before `low` do not.
        let mut low = 0;
        while low < high {
            let middle = low + (high - low) / 2;
            let wanted = Wanted { from: Some(middle), ..wanted };
            match self.link(&wanted).await? {
                Some((_, position)) if position <= after => low = middle + 1,
                _ => high = middle,
            }
        }
        self.known().stop(after, low);
        Ok(low)
    }

    async fn link(&self, wanted: &Wanted<'_>) -> Result<Option<(u64, u64)>, LogError> {
        let read =
            self.connection.read(wanted, self.options.patience).await.map_err(unavailable)?;
        let link = read.into_iter().next().and_then(|read| read.event);
        link.map(|link| {
            let placed = frame::link_placed(&link).map_err(unavailable)?;
            Ok((link.revision, placed.position))
        })
        .transpose()
    }

    /// See [`EventLog::read_stream`](domain::log::EventLog::read_stream).
    pub(crate) async fn history(
        &self,
        stream: &StreamName,
        from: u64,
    ) -> Result<History, LogError> {
        self.follow().await?;
        let version = self.version(stream).await?;
        // Looked at after the version: up to there, what is not in the tail is linked.
        let Moment { tail, .. } = self.tail_of(stream);
        let version = version.max(tail.last().map(|entry| entry.recorded.version));
        let Some(last) = version.filter(|version| version.0 >= from) else {
            return Ok(History { events: Vec::new(), version });
        };
        let (mut events, mut next) = (Vec::new(), from);
        let in_tail = tail.first().map_or(last.0 + 1, |entry| entry.recorded.version.0);
        while next < in_tail {
            let left = usize::try_from(in_tail - next).unwrap_or(usize::MAX);
            let wanted = Wanted {
                stream: &self.names.stream(stream),
                from: Some(next),
                max: left.min(MAX_PAGE),
                bytes: PAGE_BYTES,
                resolve: true,
            };
            let read = self.events(&wanted).await?;
            if read.first().map(|event| event.version.0) != Some(next) {
                let text = format!("no link leads to {stream} at {next}");
                return Err(LogError::Unavailable(text));
            }
            next += read.len() as u64;
            events.extend(read);
        }
        let more = tail.iter().filter(|entry| entry.recorded.version.0 >= next);
        events.extend(more.map(|entry| entry.recorded.clone()));
        Ok(History { events, version })
    }

    async fn events(&self, wanted: &Wanted<'_>) -> Result<Vec<Recorded>, LogError> {
        let read =
            self.connection.read(wanted, self.options.patience).await.map_err(unavailable)?;
        let entries = read.into_iter().map(frame::entry);
        entries.map(|entry| entry.map(|entry| entry.recorded).map_err(unavailable)).collect()
    }
}

fn page(events: Vec<Recorded>, next: u64, head: u64) -> Page {
    Page { events, next: Position(next), head: Position(head) }
}

fn of(moment: &Moment) -> Vec<Recorded> {
    moment.tail.iter().map(|entry| entry.recorded.clone()).collect()
}

fn last(events: &[Recorded], after: u64) -> u64 {
    events.last().map_or(after, |event| event.position.0)
}

fn is_full(events: &[Recorded], max: usize) -> bool {
    events.len() == max || is_heavy(events)
}

/// Whether a request may have ended for its bytes, of which the events here are not all.
fn is_heavy(events: &[Recorded]) -> bool {
    let bytes: usize = events.iter().map(|event| event.meta.len() + event.data.len()).sum();
    bytes >= PAGE_BYTES / 2
}
