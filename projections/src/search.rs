//! Search over repositories, tags, namespaces and teams: a tantivy index that follows the log.
//!
//! **Rights are part of the one pass that finds, counts and ranks.** Each document carries the
//! number of the namespace that decides for it, and nothing about people. What somebody may see
//! ([`Visible`], asked of the access graph for each search) becomes a set of such numbers at query
//! time; a match outside of it is neither counted nor ranked, and typing errors are forgiven by
//! the number of visible hits alone. So rights of people are never stale here; a namespace's own
//! visibility takes effect with the next commit, at the cost of one bit, whatever the namespace
//! holds. Only where *another* namespace begins to decide (one made or deleted above existing
//! repositories), the documents below are written again, in the commit that also moves the
//! namespace.
//!
//! **Index and position never part**: the position is the payload of the commit. A process killed
//! at any moment goes on from the last commit. A folder that is missing, torn, of another schema
//! version, or of another log is made anew from the log's first fact.

mod about;
mod columns;
mod entry;
mod fold;
mod gather;
mod highlight;
mod likes;
mod numbers;
mod platform;
mod pulls;
mod query;
mod question;
mod rooms;
mod schema;
mod trace;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use domain::access::Visible;
use domain::event::{Position, Recorded};
use domain::log::{EventLog, LogError, Page};
use sha2::{Digest as _, Sha256};
use tantivy::directory::error::LockError;
use tantivy::{DocAddress, Index, TantivyDocument, TantivyError};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout};

use self::fold::Writer;
use self::query::View;
use self::schema::{Fields, SCHEMA_VERSION};
use crate::pace::Pace;

pub use self::entry::{Entry, Kind};
pub use self::highlight::{Highlighter, Piece};
pub use self::platform::{NoPlatform, Platform};
pub use self::pulls::EXACT as EXACT_PULLS;
pub use self::query::{
    Facets, Filters, MAX_FACET, MAX_LIMIT, MAX_NEAREST, MAX_OFFSET, MAX_QUESTION_BYTES, Query,
    Since,
};

/// Facts read in one go.
const PAGE: usize = 1_000;
/// How long one page may take before the read is given up and tried again.
const READ_PATIENCE: Duration = Duration::from_secs(30);
/// While catching up, changes are committed at least so often.
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// The same while an index is made from nothing: what it lacks counts more than what is new.
const FIRST_COMMIT_EVERY: Duration = Duration::from_secs(10);
/// When live, commits are at least so far apart: a burst of pushes shares one.
const COMMIT_PAUSE: Duration = Duration::from_millis(40);
/// The same, after a commit of more than [`BUSY`] entries: where much is pushed, merging what many
/// small commits leave behind would cost more than all the rest.
const BUSY_PAUSE: Duration = Duration::from_millis(300);
/// So many changed entries in one commit are a burst.
const BUSY: usize = 16;
/// Facts that change nothing here may pass without a commit, but no more than these: they would
/// be read again after a restart.
const MAX_PASSED: u64 = 100_000;
/// The pauses between attempts while log or index do not serve.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Why a search, or the index itself, failed.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Somebody else writes into this folder.
    #[error("the search index in {0} is in use by another process")]
    InUse(PathBuf),
    /// What was read is not what was written; starting again makes the index anew.
    #[error("the search index is damaged")]
    Torn,
    /// The folder cannot be used.
    #[error("the folder of the search index: {0}")]
    Folder(#[from] std::io::Error),
    /// Any other trouble of the index.
    #[error("the search index: {0}")]
    Index(#[from] TantivyError),
    /// An entry that is no JSON.
    #[error("the search index holds an entry that cannot be read: {0}")]
    Entry(#[from] serde_json::Error),
    /// The log does not serve.
    #[error(transparent)]
    Log(#[from] LogError),
    /// It stands still.
    #[error(transparent)]
    Halted(#[from] Halted),
}

/// The index met a fact that it cannot read, and stands still before it until a program that can
/// read it is started. What is in it can still be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the search index stopped before the fact at position {position} ({kind}): {error}")]
pub struct Halted {
    /// Where the fact stands.
    pub position: Position,
    /// Its type.
    pub kind: String,
    /// Why it cannot be read.
    pub error: String,
}

/// The index did not get there in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the search index has reached position {reached}, not yet {position}")]
pub struct Lagging {
    /// Where it should have got.
    pub position: Position,
    /// Where it is.
    pub reached: Position,
}

/// What was found. All of it follows from what may be seen, from the question and from the time: an
/// answer is the same as if nothing else existed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Results {
    /// Repositories.
    pub repositories: Hits,
    /// Tags.
    pub tags: Hits,
    /// Manifests, by digest.
    pub manifests: Hits,
    /// Namespaces.
    pub namespaces: Hits,
    /// Teams.
    pub teams: Hits,
    /// The kinds that have hits, the one that matches best first.
    pub order: Vec<Kind>,
    /// Whether some hits were found only by forgiving typing errors.
    pub forgiving: bool,
    /// Counts by what hits are like, if they were asked for.
    pub facets: Facets,
    /// How many hits of any kind there would be without filters.
    pub unfiltered: usize,
    /// When nothing was found, with or without filters: what may have been meant, the best first.
    pub nearest: Vec<Hit>,
}

impl Results {
    /// How many hits there are, of all kinds.
    #[must_use]
    pub fn total(&self) -> usize {
        [&self.repositories, &self.tags, &self.manifests, &self.namespaces, &self.teams]
            .iter()
            .map(|hits| hits.total)
            .sum()
    }
}

/// Hits of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hits {
    /// How many there are.
    pub total: usize,
    /// Those asked for, the best first.
    pub best: Vec<Hit>,
}

/// One hit.
pub type Hit = Entry;

/// The search index of this process. Clones share it.
#[derive(Clone)]
pub struct SearchIndex(Arc<Shared>);

struct Shared {
    fields: Fields,
    /// What is searched.
    view: ArcSwap<View>,
    /// One fold at a time.
    writer: Arc<Mutex<Folding>>,
    progress: watch::Sender<Progress>,
    pace: Pace,
}

#[derive(Debug, Clone, Default)]
struct Progress {
    position: Position,
    halted: Option<Halted>,
}

struct Folding {
    writer: Writer,
    /// Whether the log was found to be the one that the index was made from.
    recognised: bool,
    committed_at: Instant,
    /// How long the next commit waits after that.
    pause: Duration,
}

impl SearchIndex {
    /// Opens the index below `dir`, or begins a new one when there is none that can be used.
    ///
    /// Reads the whole index once, to know that it is whole: call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`SearchError::InUse`] when another process writes to it, [`SearchError::Folder`] when the
    /// folder cannot be written.
    pub fn open(dir: &Path) -> Result<Self, SearchError> {
        std::fs::create_dir_all(dir)?;
        let path = dir.join(format!("v{SCHEMA_VERSION}"));
        let (index, fields) = match usable(&path) {
            Ok(usable) => usable,
            Err(reason) => {
                tracing::info!(%reason, path = %path.display(), "beginning a new search index");
                begin(dir, &path)?
            }
        };
        let writer = Writer::open(&index, fields).map_err(|error| match error {
            SearchError::Index(TantivyError::LockFailure(LockError::LockBusy, _)) => {
                SearchError::InUse(path.clone())
            }
            other => other,
        })?;
        let view = writer.view();
        let progress = Progress { position: writer.committed.position, halted: None };
        let folding = Folding {
            writer,
            recognised: false,
            committed_at: Instant::now(),
            pause: COMMIT_PAUSE,
        };
        Ok(Self(Arc::new(Shared {
            fields,
            view: ArcSwap::from_pointee(view),
            writer: Arc::new(Mutex::new(folding)),
            progress: watch::Sender::new(progress),
            pace: Pace::default(),
        })))
    }

    /// Finds what `visible` allows to be seen, and nothing else, in hits and in counts.
    ///
    /// Takes some milliseconds of the thread that calls it.
    ///
    /// # Errors
    ///
    /// [`SearchError`] when the index cannot be read.
    pub fn find(&self, query: &Query, visible: &Visible) -> Result<Results, SearchError> {
        let view = self.0.view.load_full();
        let found = query::find(&view, &self.0.fields, query, visible)?;
        let entry = |address: DocAddress| {
            let document = view.searcher.doc::<TantivyDocument>(address)?;
            self.0.fields.entry(&document).ok_or(SearchError::Torn)
        };
        let hits = |ranked: query::Ranked| {
            let best = ranked.best.into_iter().map(entry);
            let best = best.collect::<Result<_, SearchError>>()?;
            Ok::<_, SearchError>(Hits { total: ranked.total, best })
        };
        let [repositories, tags, manifests, namespaces, teams] = found.kinds;
        Ok(Results {
            repositories: hits(repositories)?,
            tags: hits(tags)?,
            manifests: hits(manifests)?,
            namespaces: hits(namespaces)?,
            teams: hits(teams)?,
            order: found.order,
            forgiving: found.forgiving,
            facets: found.facets,
            unfiltered: found.unfiltered,
            nearest: found.nearest.into_iter().map(entry).collect::<Result<_, _>>()?,
        })
    }

    /// Up to where the log is taken account of.
    #[must_use]
    pub fn position(&self) -> Position {
        self.0.progress.borrow().position
    }

    /// Set when the index stands still before a fact that it cannot read.
    #[must_use]
    pub fn halted(&self) -> Option<Halted> {
        self.0.progress.borrow().halted.clone()
    }

    /// Waits until everything up to `position` can be found.
    ///
    /// Gives up after `patience`, because a person waits with us.
    ///
    /// # Errors
    ///
    /// [`Lagging`] when time is up.
    pub async fn reached(&self, position: Position, patience: Duration) -> Result<(), Lagging> {
        let _waiting = self.0.pace.wait();
        let mut progress = self.0.progress.subscribe();
        let there = progress.wait_for(|progress| position <= progress.position);
        match timeout(patience, there).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Lagging { position, reached: self.position() }),
        }
    }

    /// Reads to the end of the log, as it is at some moment during the call, and commits.
    ///
    /// # Errors
    ///
    /// [`SearchError`] when log or index do not serve; what was committed until then stays.
    pub async fn catch_up(&self, log: &dyn EventLog) -> Result<Position, SearchError> {
        while !self.step(log).await? {}
        Ok(self.position())
    }

    /// Follows the log until `shutdown`; pauses and tries again while log or index do not serve.
    ///
    /// # Errors
    ///
    /// [`Halted`] when a fact cannot be read. Starting again in the same program is useless.
    pub async fn run(
        &self,
        log: Arc<dyn EventLog>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), Halted> {
        tokio::select! {
            biased;
            () = shutdown => Ok(()),
            halted = self.follow(&*log) => Err(halted),
        }
    }

    /// SHA-256 over every entry with the namespace that decides for it, in the order of their keys:
    /// the same for every index made from the same facts.
    ///
    /// # Errors
    ///
    /// [`SearchError`] when the index cannot be read.
    pub fn digest(&self) -> Result<String, SearchError> {
        let view = self.0.view.load_full();
        let mut lines = Vec::new();
        for (ordinal, segment) in (0..).zip(view.searcher.segment_readers()) {
            let room = segment.fast_fields().u64("room")?;
            for doc in segment.doc_ids_alive() {
                let stored = view.searcher.doc(tantivy::DocAddress::new(ordinal, doc))?;
                let (key, json) = match self.0.fields.entry(&stored) {
                    Some(entry) => (entry.key(), serde_json::to_string(&entry)?),
                    None => match self.0.fields.traced(&stored) {
                        Some((key, trace)) => (key, serde_json::to_string(&trace)?),
                        None => return Err(SearchError::Torn),
                    },
                };
                lines.push(format!("{key}\t{}\t{json}\n", room.first(doc).unwrap_or(0)));
            }
        }
        lines.sort_unstable();
        let mut hash = Sha256::new();
        lines.iter().for_each(|line| hash.update(line));
        Ok(hex::encode(hash.finalize()))
    }

    async fn follow(&self, log: &dyn EventLog) -> Halted {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.step(log).await {
                Ok(true) => {
                    pause = FIRST_PAUSE;
                    log.wait_beyond(self.position(), None).await;
                    let (last, pause) = {
                        let folding = self.0.writer.lock().await;
                        (folding.committed_at, folding.pause)
                    };
                    self.0.pace.rest(pause.saturating_sub(last.elapsed())).await;
                }
                Ok(false) => pause = FIRST_PAUSE,
                Err(SearchError::Halted(halted)) => {
                    tracing::error!(%halted, "search takes account of nothing new any more");
                    return halted;
                }
                Err(error) => {
                    tracing::warn!(%error, "the search index cannot follow the log");
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Reads and folds one page; says whether the end of the log is reached and visible.
    async fn step(&self, log: &dyn EventLog) -> Result<bool, SearchError> {
        // Held over the read: two followers would fold the same page twice for nothing.
        let mut folding = Arc::clone(&self.0.writer).lock_owned().await;
        if let Some(halted) = self.halted() {
            return Err(halted.into());
        }
        if !folding.recognised {
            if !recognises(log, &folding.writer).await? {
                tracing::warn!("the search index was made from another log; it is made anew");
                let shared = Arc::clone(&self.0);
                folding = blocking(folding, move |folding| {
                    folding.writer.reset()?;
                    publish(folding, &shared);
                    Ok(())
                })
                .await?;
            }
            folding.recognised = true;
        }
        let page = read(log, folding.writer.now.position).await?;
        let at_head = page.next >= page.head;
        let shared = Arc::clone(&self.0);
        let folding = blocking(folding, move |folding| {
            let folded = fold(folding, &page, at_head, &shared);
            if let Err(error) = &folded
                && !matches!(error, SearchError::Halted(_))
            {
                folding.writer.roll_back()?;
            }
            folded
        })
        .await?;
        drop(folding);
        Ok(at_head)
    }
}

/// Folds a page, commits when it is time, and publishes what was committed.
fn fold(
    folding: &mut Folding,
    page: &Page,
    at_head: bool,
    shared: &Shared,
) -> Result<(), SearchError> {
    for recorded in &page.events {
        if let Err(halted) = take(&mut folding.writer, recorded)? {
            commit(folding, shared)?;
            shared.progress.send_modify(|progress| progress.halted = Some(halted.clone()));
            return Err(halted.into());
        }
        if folding.writer.is_full() {
            commit(folding, shared)?;
        }
    }
    let passed = folding.writer.now.position.0 - folding.writer.committed.position.0;
    let every = if folding.writer.is_first() { FIRST_COMMIT_EVERY } else { COMMIT_EVERY };
    let due = at_head || folding.committed_at.elapsed() >= every;
    if (folding.writer.is_dirty() && due) || passed >= MAX_PASSED {
        commit(folding, shared)?;
    } else if !folding.writer.is_dirty() {
        publish_position(shared, folding.writer.now.position);
    }
    if at_head {
        folding.writer.caught_up();
    }
    Ok(())
}

/// One fact; the inner error says that it cannot be read.
fn take(writer: &mut Writer, recorded: &Recorded) -> Result<Result<(), Halted>, SearchError> {
    // Most facts of a busy service say nothing that could be found: they are not even parsed.
    if ["auth.", "user.", "admin.", "system.", "app_token."]
        .iter()
        .any(|skip| recorded.kind.starts_with(skip))
    {
        writer.passed(recorded.position, recorded.id);
        return Ok(Ok(()));
    }
    match recorded.decode() {
        Ok(fact) => writer.apply(&fact).map(Ok),
        Err(error) => Ok(Err(Halted {
            position: recorded.position,
            kind: recorded.kind.clone(),
            error: error.to_string(),
        })),
    }
}

fn commit(folding: &mut Folding, shared: &Shared) -> Result<(), SearchError> {
    let started = Instant::now();
    folding.pause = if folding.writer.pending() > BUSY { BUSY_PAUSE } else { COMMIT_PAUSE };
    folding.writer.commit()?;
    publish(folding, shared);
    metrics::histogram!("portus_search_commit_seconds").record(started.elapsed().as_secs_f64());
    Ok(())
}

/// Shows what was committed; the position last, so that who waits for it finds it.
fn publish(folding: &mut Folding, shared: &Shared) {
    folding.committed_at = Instant::now();
    shared.view.store(Arc::new(folding.writer.view()));
    publish_position(shared, folding.writer.committed.position);
}

fn publish_position(shared: &Shared, position: Position) {
    shared.progress.send_if_modified(|progress| {
        let moved = progress.position != position;
        progress.position = position;
        moved
    });
}

async fn read(log: &dyn EventLog, after: Position) -> Result<Page, SearchError> {
    let page = timeout(READ_PATIENCE, log.read_all(after, PAGE, None)).await;
    Ok(page.unwrap_or_else(|_| Err(LogError::Unavailable("a page took too long".to_owned())))?)
}

/// Whether the fact that the index ends with stands in this log too.
async fn recognises(log: &dyn EventLog, writer: &Writer) -> Result<bool, SearchError> {
    let Some(last) = writer.committed.last else { return Ok(true) };
    let before = Position(writer.committed.position.0.saturating_sub(1));
    let page = log.read_all(before, 1, None).await?;
    Ok(page.events.first().is_some_and(|found| found.id == last))
}

/// Runs `work` where it may block, with the guard that it needs.
async fn blocking(
    mut folding: tokio::sync::OwnedMutexGuard<Folding>,
    work: impl FnOnce(&mut Folding) -> Result<(), SearchError> + Send + 'static,
) -> Result<tokio::sync::OwnedMutexGuard<Folding>, SearchError> {
    let done = tokio::task::spawn_blocking(move || work(&mut folding).map(|()| folding));
    done.await.map_err(|error| SearchError::Folder(std::io::Error::other(error)))?
}

/// The index at `path` if it is there, whole, and of this schema; else the reason in words.
fn usable(path: &Path) -> Result<(Index, Fields), String> {
    if !path.is_dir() {
        return Err("there is none yet".to_owned());
    }
    let (schema, fields) = Fields::schema();
    let index = Index::open_in_dir(path).map_err(|error| error.to_string())?;
    if index.schema() != schema {
        return Err("it is of another schema".to_owned());
    }
    let damaged = index.validate_checksum().map_err(|error| error.to_string())?;
    if !damaged.is_empty() {
        return Err(format!("{} of its files are damaged", damaged.len()));
    }
    index.reader().map_err(|error| error.to_string())?;
    let payload = index.load_metas().map_err(|error| error.to_string())?.payload;
    if let Some(payload) = payload {
        let payload = serde_json::from_str::<fold::Payload>(&payload).map_err(|e| e.to_string())?;
        if payload.schema != SCHEMA_VERSION {
            return Err("it is of another version".to_owned());
        }
    }
    Ok((index, fields))
}

/// Clears away what earlier versions or accidents left, and begins with an empty index.
fn begin(dir: &Path, path: &Path) -> Result<(Index, Fields), SearchError> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let ours = name.to_str().and_then(|name| name.strip_prefix('v'));
        if ours.is_some_and(|number| number.parse::<u32>().is_ok()) {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    std::fs::create_dir_all(path)?;
    let (schema, fields) = Fields::schema();
    Ok((Index::create_in_dir(path, schema)?, fields))
}
