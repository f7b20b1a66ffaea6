//! The access graph of this process: follows the log's decisions, and answers from memory.
//!
//! Whoever decides takes one [`AccessGraph::fresh`] snapshot a request: a pointer, no lock held, no
//! database asked. It fails closed: a graph that has not heard of the log's end for too long, or
//! that met a fact it cannot read, serves nobody.

mod sights;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use domain::access::Graph;
use domain::event::{Class, Position, Recorded};
use domain::log::{EventLog, LogError, Page};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::pace::Pace;

pub use self::sights::Sights;

/// Decisions read in one go.
const PAGE: usize = 1_000;
/// How often the snapshot is published on the way to the log's end: each time, what is folded next
/// is copied first.
const PUBLISH_EVERY: Duration = Duration::from_millis(250);
/// How long one page may take before the read is given up and tried again.
const READ_PATIENCE: Duration = Duration::from_secs(30);
/// The pauses between attempts while the log does not serve.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The access graph of this process. Clones share it.
#[derive(Clone)]
pub struct AccessGraph(Arc<Shared>);

struct Shared {
    log: Arc<dyn EventLog>,
    /// What readers see.
    snapshot: ArcSwap<Graph>,
    /// What facts are folded into: one fold at a time.
    folding: Mutex<Folding>,
    /// How far the snapshot is; moved after the snapshot itself.
    progress: watch::Sender<Progress>,
    /// When the snapshot was last known to be at the log's end.
    seen_head: Heartbeat,
    pace: Pace,
}

/// The graph being folded, and the page that comes next: read while the one before is folded.
struct Folding {
    graph: Graph,
    coming: Option<Coming>,
    published_at: Instant,
}

/// A page on its way, of what lies beyond a position. The task ends with this value.
struct Coming {
    beyond: Position,
    asked_at: Instant,
    page: JoinSet<Result<Page, LogError>>,
}

#[derive(Debug, Clone, Default)]
struct Progress {
    position: Position,
    halted: Option<Halted>,
}

/// The graph met a fact that it cannot read, and stands still before it until a program that can
/// read it is started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the access graph stopped before the fact at position {position} ({kind}): {error}")]
pub struct Halted {
    /// Where the fact stands.
    pub position: Position,
    /// Its type.
    pub kind: String,
    /// Why it cannot be read.
    pub error: String,
}

/// Why no decision may be taken now: answer 503.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stale {
    /// The log's end has not been reached since the start.
    #[error("the access graph is still being read from the log (position {0})")]
    CatchingUp(Position),
    /// The log has not been heard of for longer than allowed.
    #[error("the access graph last saw the end of the log {} ms ago", .age.as_millis())]
    Behind {
        /// How long ago.
        age: Duration,
    },
    /// It stands still.
    #[error(transparent)]
    Halted(#[from] Halted),
}

/// The graph did not get there in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the access graph has reached position {reached}, not yet {position}")]
pub struct Lagging {
    /// Where it should have got.
    pub position: Position,
    /// Where it is.
    pub reached: Position,
    /// Set when it will not get there.
    pub halted: Option<Halted>,
}

/// Why the graph could not be brought to the log's end.
#[derive(Debug, thiserror::Error)]
pub enum CatchUpError {
    /// The log does not serve.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A fact cannot be read.
    #[error(transparent)]
    Halted(#[from] Halted),
}

impl AccessGraph {
    /// An empty graph over `log`; nobody is served before [`Self::catch_up`] or [`Self::run`].
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        Self(Arc::new(Shared {
            log,
            snapshot: ArcSwap::from_pointee(Graph::default()),
            folding: Mutex::new(Folding {
                graph: Graph::default(),
                coming: None,
                published_at: Instant::now(),
            }),
            progress: watch::Sender::new(Progress::default()),
            seen_head: Heartbeat::new(),
            pace: Pace::default(),
        }))
    }

    /// Reads to the end of the log, as it is at some moment during the call.
    ///
    /// # Errors
    ///
    /// [`CatchUpError`] when the log does not serve or holds a fact that cannot be read; what was
    /// read until then counts.
    pub async fn catch_up(&self) -> Result<Position, CatchUpError> {
        loop {
            let step = self.step().await?;
            if step.at_head {
                return Ok(step.position);
            }
        }
    }

    /// Follows the log until `shutdown`; pauses and tries again while the log does not serve.
    ///
    /// # Errors
    ///
    /// [`Halted`] when a fact cannot be read. Starting again in the same program is useless.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) -> Result<(), Halted> {
        tokio::select! {
            biased;
            () = shutdown => Ok(()),
            halted = self.follow() => Err(halted),
        }
    }

    async fn follow(&self) -> Halted {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.step().await {
                Ok(step) => {
                    pause = FIRST_PAUSE;
                    if step.at_head {
                        let Shared { log, pace, .. } = &*self.0;
                        pace.news(&**log, step.position, Some(Class::Decision)).await;
                    }
                }
                Err(CatchUpError::Log(error)) => {
                    tracing::warn!(%error, "the access graph cannot read the log");
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(CatchUpError::Halted(halted)) => {
                    tracing::error!(%halted, "no access decision is taken any more");
                    return halted;
                }
            }
        }
    }

    /// Reads and folds one page.
    async fn step(&self) -> Result<Step, CatchUpError> {
        let shared = &*self.0;
        // Held over the read: two followers would fold the same page twice for nothing.
        let mut folding = shared.folding.lock().await;
        if let Some(halted) = shared.progress.borrow().halted.clone() {
            return Err(halted.into());
        }
        let before = folding.graph.position();
        let mut coming = match folding.coming.take() {
            Some(coming) if coming.beyond == before => coming,
            _ => self.read(before),
        };
        let asked_at = coming.asked_at;
        let page = match timeout(READ_PATIENCE, coming.page.join_next()).await {
            Ok(Some(Ok(page))) => page?,
            Ok(_) => return Err(LogError::Unavailable("a read was broken off".to_owned()).into()),
            Err(_) => return Err(LogError::Unavailable("a page took too long".to_owned()).into()),
        };
        let at_head = page.next >= page.head;
        if !at_head {
            folding.coming = Some(self.read(page.next));
        }

        let graph = &mut folding.graph;
        let halted = fold(graph, &page.events).err();
        if halted.is_none() {
            graph.advance(page.next);
        }
        let position = graph.position();
        let due = at_head || folding.published_at.elapsed() >= PUBLISH_EVERY;
        if (position > self.position() && due) || halted.is_some() {
            self.publish(&folding.graph, halted.clone());
            folding.published_at = Instant::now();
        }
        if let Some(halted) = halted {
            return Err(halted.into());
        }
        if at_head {
            shared.seen_head.beat(asked_at);
        }
        metrics::gauge!("portus_projection_lag_positions", "projection" => "access")
            .set(page.head.0.saturating_sub(page.next.0) as f64);
        Ok(Step { position, at_head })
    }

    /// Starts to read the page beyond a position.
    fn read(&self, beyond: Position) -> Coming {
        // Taken before the question: the answer is at least as new as this moment.
        let asked_at = Instant::now();
        let log = Arc::clone(&self.0.log);
        let mut page = JoinSet::new();
        page.spawn(async move { log.read_all(beyond, PAGE, Some(Class::Decision)).await });
        Coming { beyond, asked_at, page }
    }

    /// First the graph, then the news of it: whoever waited for a position finds it.
    fn publish(&self, graph: &Graph, halted: Option<Halted>) {
        let position = graph.position();
        self.0.snapshot.store(Arc::new(graph.clone()));
        metrics::gauge!("portus_projection_position", "projection" => "access")
            .set(position.0 as f64);
        metrics::gauge!("portus_projection_halted", "projection" => "access")
            .set(f64::from(u8::from(halted.is_some())));
        self.0.progress.send_replace(Progress { position, halted });
    }

    /// The graph as far as it was read, however old: for pages that say how old it is, and tests.
    /// Decisions take [`Self::fresh`].
    #[must_use]
    pub fn snapshot(&self) -> Arc<Graph> {
        self.0.snapshot.load_full()
    }

    /// The graph, if it was at the log's end at most `bound` ago on the monotonic clock.
    ///
    /// # Errors
    ///
    /// [`Stale`]: decide nothing, answer 503.
    pub fn fresh(&self, bound: Duration) -> Result<Arc<Graph>, Stale> {
        if let Some(halted) = &self.0.progress.borrow().halted {
            return Err(halted.clone().into());
        }
        // The age before the snapshot: a graph that is newer than its age does no harm.
        match self.0.seen_head.age() {
            None => Err(Stale::CatchingUp(self.position())),
            Some(age) if age > bound => Err(Stale::Behind { age }),
            Some(_) => Ok(self.snapshot()),
        }
    }

    /// Waits until token decisions take account of everything up to `position`.
    ///
    /// Gives up after `patience` of wall-clock time, because a client's connection waits with us.
    /// Speaks for this process alone: another instance may still be a moment behind.
    ///
    /// # Errors
    ///
    /// [`Lagging`] when time is up or the graph stands still. The fact is safe in the log and will
    /// take effect: the caller may say "accepted", but not "done".
    pub async fn reached(&self, position: Position, patience: Duration) -> Result<(), Lagging> {
        let _waiting = self.0.pace.wait();
        let mut progress = self.0.progress.subscribe();
        let over = |at: &Progress| position <= at.position || at.halted.is_some();
        let _ = timeout(patience, progress.wait_for(over)).await;
        let at = self.0.progress.borrow();
        if position <= at.position {
            return Ok(());
        }
        Err(Lagging { position, reached: at.position, halted: at.halted.clone() })
    }

    /// Everything up to here is taken into account.
    #[must_use]
    pub fn position(&self) -> Position {
        self.0.progress.borrow().position
    }

    /// Set when the graph stands still for good.
    #[must_use]
    pub fn halted(&self) -> Option<Halted> {
        self.0.progress.borrow().halted.clone()
    }
}

impl std::fmt::Debug for AccessGraph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessGraph").field("progress", &*self.0.progress.borrow()).finish()
    }
}

struct Step {
    position: Position,
    at_head: bool,
}

/// Applies each event, up to the first that cannot be read.
fn fold(graph: &mut Graph, events: &[Recorded]) -> Result<(), Halted> {
    for recorded in events {
        let fact = recorded.decode().map_err(|error| Halted {
            position: recorded.position,
            kind: recorded.kind.clone(),
            error: error.to_string(),
        })?;
        graph.apply(&fact);
    }
    Ok(())
}

/// A moment of the monotonic clock that many read and one writes. A step of the machine's wall
/// clock does not make a graph look younger than it is.
struct Heartbeat {
    zero: Instant,
    /// Microseconds after `zero`, plus one; 0: never.
    last: AtomicU64,
}

impl Heartbeat {
    fn new() -> Self {
        Self { zero: Instant::now(), last: AtomicU64::new(0) }
    }

    fn beat(&self, at: Instant) {
        let micros = at.saturating_duration_since(self.zero).as_micros();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX - 1);
        self.last.fetch_max(micros + 1, Ordering::Release);
    }

    fn age(&self) -> Option<Duration> {
        let last = self.last.load(Ordering::Acquire).checked_sub(1)?;
        Some(self.zero.elapsed().saturating_sub(Duration::from_micros(last)))
    }
}

#[cfg(test)]
mod tests;
