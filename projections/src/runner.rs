//! Keeps the relational read models up with the log.
//!
//! One node leads, by a session lock of the database; the others wait for it to go. Each
//! projection follows the log in a task of its own: a fact that one cannot take halts that one
//! alone, visibly, and the others go on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::event::{Actor, Event, EventId, Meta, NewEvent, Position, StreamName};
use domain::log::{Append, EventLog, Expected, LogError};
use domain::system::SystemEvent;
use jiff::Timestamp;
use serde::Serialize;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, PgPool};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::checkpoint::{self, Generation, StepError};
use crate::pace::Pace;
use crate::projection::Projection;
use crate::rebuild;

/// The most facts of one page.
const MAX_PAGE: usize = 5_000;
/// The facts of the first page, and of the first after trouble.
const FIRST_PAGE: usize = 256;
/// How often a node that does not lead asks whether it may, and a leader whether it still does.
const LEADER_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause while the log or the database does not serve.
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// How often a waiting request asks the database how far another node has come.
const ASK_PAUSE: Duration = Duration::from_millis(20);
/// How often a fact about a projection is tried to be written, and the pause between.
const SAY_ATTEMPTS: usize = 20;
const SAY_PAUSE: Duration = Duration::from_millis(100);
/// Pages of what is new are at least so far apart, while nobody waits for them: a page costs much
/// the same whether it holds one fact or fifty.
const PACE: Duration = Duration::from_millis(50);
/// The key of the leader's lock.
const LEADER_KEY: i64 = 0x706f_7274_7573_0001;

/// Tells the time. Facts about projections carry it.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Where a projection stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Its name.
    pub projection: String,
    /// live, halted, building.
    pub state: String,
    /// Last position applied.
    pub position: u64,
    /// Why it halted.
    pub error: Option<String>,
    /// Its rows were folded by other code than this: a rebuild is due.
    pub outdated: bool,
}

/// A read model did not get there in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the read model `{projection}` has not reached position {position} yet")]
pub struct Lagging {
    /// Which.
    pub projection: &'static str,
    /// Where it should have got.
    pub position: Position,
    /// It will not get there by itself.
    pub halted: bool,
}

/// The relational projections of this node. Clones share it.
#[derive(Clone)]
pub struct Runner(Arc<Shared>);

struct Shared {
    log: Arc<dyn EventLog>,
    pool: PgPool,
    projections: Vec<Arc<dyn Projection>>,
    now: Now,
    max_page: usize,
    /// As far as this node knows: it leads, or it asked.
    progress: watch::Sender<BTreeMap<&'static str, Progress>>,
    leads: watch::Sender<bool>,
    pace: Pace,
    /// The last error of each projection that is in trouble, until it goes on.
    trouble: Mutex<BTreeMap<&'static str, String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Progress {
    position: Position,
    halted: bool,
}

impl Runner {
    /// All relational projections over `log`, in the database of `pool`, which works as the role
    /// that owns the read models.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, pool: PgPool, now: Now) -> Self {
        Self::of(log, pool, now, crate::relational(), MAX_PAGE)
    }

    /// These projections, in pages of at most `max_page` facts.
    #[must_use]
    pub fn of(
        log: Arc<dyn EventLog>,
        pool: PgPool,
        now: Now,
        projections: Vec<Arc<dyn Projection>>,
        max_page: usize,
    ) -> Self {
        Self(Arc::new(Shared {
            log,
            pool,
            projections,
            now,
            max_page: max_page.clamp(1, MAX_PAGE),
            progress: watch::Sender::default(),
            leads: watch::Sender::default(),
            pace: Pace::default(),
            trouble: Mutex::default(),
        }))
    }

    /// Leads while nobody else does, until `shutdown`. Outlives every trouble of database and log.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) {
        tokio::select! {
            biased;
            () = shutdown => {}
            () = self.stand_for_leader() => {}
        }
        self.0.leads.send_replace(false);
    }

    /// Whether this node leads.
    #[must_use]
    pub fn leads(&self) -> bool {
        *self.0.leads.borrow()
    }

    /// Applies what the log holds now, without leading and without waiting for more: for tools and
    /// tests.
    ///
    /// # Errors
    ///
    /// The first projection's trouble, as text.
    pub async fn catch_up(&self) -> Result<(), String> {
        let head = self.0.log.head().await.map_err(|error| error.to_string())?;
        for projection in &self.0.projections {
            let mut follower = Follower::new(self.0.clone(), projection.clone());
            let mut fenced = 0;
            loop {
                if follower.at.as_ref().is_some_and(|at| at.position >= head) {
                    break;
                }
                match follower.step().await {
                    Ok(_) => fenced = 0,
                    // Somebody else does our work: look where it stands.
                    Err(StepError::Fenced) if fenced < 100 => fenced += 1,
                    Err(error) => return Err(format!("{}: {error}", projection.name())),
                }
            }
        }
        Ok(())
    }

    /// Where each projection stands, from the database.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn status(&self) -> Result<Vec<Status>, sqlx::Error> {
        rebuild::status_of(&self.0.pool, &self.0.projections).await
    }

    /// What keeps a projection from going on, by name; empty: all is well. For readiness.
    #[must_use]
    pub fn trouble(&self) -> BTreeMap<&'static str, String> {
        self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until all read models show everything up to `position`.
    ///
    /// Gives up after `patience` of wall-clock time, because a client's connection waits with us.
    ///
    /// # Errors
    ///
    /// [`Lagging`] when time is up, or at once when a projection stands still. The fact is safe in
    /// the log and will show: the caller may say "accepted", but not "done".
    pub async fn reached(&self, position: Position, patience: Duration) -> Result<(), Lagging> {
        let until = Instant::now() + patience;
        for projection in &self.0.projections {
            self.reached_by(projection.as_ref(), position, until).await?;
        }
        Ok(())
    }

    /// As [`Self::reached`], for one projection: `directory`, `content` or `activity`.
    ///
    /// # Errors
    ///
    /// As [`Self::reached`].
    pub async fn reached_in(
        &self,
        name: &str,
        position: Position,
        patience: Duration,
    ) -> Result<(), Lagging> {
        let until = Instant::now() + patience;
        match self.0.projections.iter().find(|projection| projection.name() == name) {
            Some(projection) => self.reached_by(projection.as_ref(), position, until).await,
            None => Ok(()),
        }
    }

    async fn reached_by(
        &self,
        projection: &dyn Projection,
        position: Position,
        until: Instant,
    ) -> Result<(), Lagging> {
        let _waiting = self.0.pace.wait();
        let name = projection.name();
        let lagging = |halted| Lagging { projection: name, position, halted };
        let mut progress = self.0.progress.subscribe();
        loop {
            let now = progress.borrow_and_update().get(name).copied().unwrap_or_default();
            if now.position >= position {
                return Ok(());
            }
            // What another node said last may be mended by now: that one is asked below.
            if now.halted && self.leads() {
                return Err(lagging(true));
            }
            if Instant::now() >= until {
                return Err(lagging(false));
            }
            if self.leads() {
                // This node's own task will say so.
                let _ = timeout(until - Instant::now(), progress.changed()).await;
            } else {
                let ask = async {
                    let mut db = self.0.pool.acquire().await?;
                    checkpoint::generations(&mut db, projection).await
                };
                if let Ok(Ok(all)) = tokio::time::timeout_at(until, ask).await
                    && let Some(live) = all.iter().find(|at| at.state != "building")
                {
                    self.0.publish(live, live.state == "halted");
                    if live.position >= position {
                        continue;
                    }
                    if live.state == "halted" {
                        return Err(lagging(true));
                    }
                }
                sleep_until(until.min(Instant::now() + ASK_PAUSE)).await;
            }
        }
    }

    async fn stand_for_leader(&self) {
        loop {
            match self.0.lead().await {
                Ok(()) => {}
                Err(error) => tracing::warn!(%error, "cannot lead the projections"),
            }
            self.0.leads.send_replace(false);
            metrics::gauge!("portus_projection_leader").set(0.0);
            sleep(LEADER_PAUSE).await;
        }
    }
}

impl Shared {
    /// Leads as long as the lock is held. `Ok`: somebody else has it.
    async fn lead(self: &Arc<Self>) -> Result<(), sqlx::Error> {
        // A session of its own: the lock lives exactly as long as the connection.
        let mut lock = self.pool.connect_options().connect().await?;
        let won: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(LEADER_KEY)
            .fetch_one(&mut lock)
            .await?;
        if !won {
            return lock.close().await;
        }
        tracing::info!("leads the projections");
        metrics::gauge!("portus_projection_leader").set(1.0);
        // What stood still is tried again from here on: what the last leader said of it is over.
        self.progress.send_modify(|all| all.values_mut().for_each(|one| one.halted = false));
        self.leads.send_replace(true);
        let mut followers = JoinSet::new();
        for projection in &self.projections {
            followers.spawn(Follower::new(self.clone(), projection.clone()).follow());
        }
        // The set is dropped with us, and ends its tasks; a page half done is rolled back.
        loop {
            sleep(LEADER_PAUSE).await;
            heartbeat(&mut lock).await?;
        }
    }

    fn publish(&self, at: &Generation, halted: bool) {
        let now = Progress { position: at.position, halted };
        self.progress.send_if_modified(|all| all.insert(at.name, now) != Some(now));
    }

    fn set_trouble(&self, name: &'static str, error: Option<String>) {
        let mut all = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match error {
            Some(error) => all.insert(name, error),
            None => all.remove(name),
        };
    }
}

async fn heartbeat(lock: &mut PgConnection) -> Result<(), sqlx::Error> {
    match timeout(Duration::from_secs(5), sqlx::query("SELECT 1").execute(lock)).await {
        Ok(answer) => answer.map(drop),
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}

/// One projection's way through the log.
struct Follower {
    shared: Arc<Shared>,
    projection: Arc<dyn Projection>,
    at: Option<Generation>,
    /// Facts of the next page: grows while pages succeed, halves where one fails, so that a fact
    /// that cannot be taken is found.
    page: usize,
}

impl Follower {
    fn new(shared: Arc<Shared>, projection: Arc<dyn Projection>) -> Self {
        let page = FIRST_PAGE.min(shared.max_page);
        Self { shared, projection, at: None, page }
    }

    async fn follow(mut self) {
        let name = self.projection.name();
        let mut pause = Duration::from_millis(20);
        loop {
            match self.step().await {
                Ok(Step::Moved) => {
                    pause = Duration::from_millis(20);
                }
                Ok(Step::AtEnd(position)) => {
                    pause = Duration::from_millis(20);
                    let paged = Instant::now();
                    let Shared { log, pace, .. } = &*self.shared;
                    pace.news(&**log, position, self.projection.class()).await;
                    pace.rest(PACE.saturating_sub(paged.elapsed())).await;
                }
                Ok(Step::Halted) => sleep(LEADER_PAUSE).await,
                Ok(Step::Outdated) => {
                    tracing::warn!(projection = name, "folded by other code: rebuilding");
                    let built = rebuild::rebuild_one(
                        &self.shared.log,
                        &self.shared.pool,
                        self.projection.as_ref(),
                        &self.shared.now,
                        &|_| {},
                    )
                    .await;
                    self.at = None;
                    if let Err(error) = built {
                        tracing::error!(projection = name, %error, "rebuild failed");
                        self.shared.set_trouble(name, Some(error.to_string()));
                        sleep(MAX_PAUSE).await;
                    }
                }
                Err(StepError::Fenced) => sleep(Duration::from_millis(5)).await,
                Err(error) => {
                    tracing::warn!(projection = name, %error, "projection pauses");
                    metrics::counter!("portus_projection_errors_total", "projection" => name)
                        .increment(1);
                    self.shared.set_trouble(name, Some(error.to_string()));
                    sleep(pause).await;
                    pause = (pause * 2).min(MAX_PAUSE);
                }
            }
        }
    }

    /// One page further.
    async fn step(&mut self) -> Result<Step, StepError> {
        let name = self.projection.name();
        let at = match self.at.clone() {
            Some(at) => at,
            None => {
                let mut at = checkpoint::live(&self.shared.pool, self.projection.as_ref()).await?;
                if !checkpoint::is_of(&*self.shared.log, &at).await? {
                    return Err(StepError::Unavailable(format!(
                        "{name} was made from another log than this one; see `portus replay`"
                    )));
                }
                if at.code != Some(self.projection.code()) {
                    return Ok(Step::Outdated);
                }
                // It halted under an older program, perhaps, or what it tripped over was mended.
                if at.state == "halted"
                    && checkpoint::set_state(&self.shared.pool, &at, "live", None).await?
                {
                    "live".clone_into(&mut at.state);
                    at.error = None;
                }
                self.shared.publish(&at, false);
                self.at.insert(at).clone()
            }
        };
        if at.state == "halted" {
            return self.still_halted(&at).await;
        }
        let class = self.projection.class();
        let page = self.shared.log.read_all(at.position, self.page, class).await?;
        let behind = page.head.0.saturating_sub(at.position.0);
        gauge("portus_projection_lag_events", name, behind);
        if page.next <= at.position {
            let now = (self.shared.now)();
            self.measure(&at, behind, now);
            self.shared.set_trouble(name, None);
            return Ok(Step::AtEnd(at.position));
        }
        let applied = async {
            let projection = self.projection.as_ref();
            let reading = checkpoint::decode(projection, &page.events, page.next)?;
            checkpoint::apply(&self.shared.pool, projection, &at, &reading).await?;
            Ok(reading)
        };
        let reading = match applied.await {
            Ok(reading) => reading,
            Err(StepError::Fenced) => {
                self.at = None;
                return Err(StepError::Fenced);
            }
            Err(StepError::Poisoned(_)) if page.events.len() > 1 => {
                self.page = (page.events.len() / 2).max(1);
                return Ok(Step::Moved); // not really, but the next step is smaller
            }
            Err(StepError::Poisoned(error)) => {
                let position = page.events.first().map_or(page.next, |event| event.position);
                return self.halt(at, position, error).await;
            }
            Err(error) => return Err(error),
        };
        if page.events.len() == self.page {
            self.page = (self.page * 2).min(self.shared.max_page);
        }
        let at = at.after(&reading);
        let behind = page.head.0.saturating_sub(page.next.0);
        let last = page.events.last().map_or_else(|| (self.shared.now)(), |e| e.recorded_at);
        self.measure(&at, behind, last);
        self.shared.publish(&at, false);
        self.shared.set_trouble(name, None);
        let step = if behind == 0 { Step::AtEnd(at.position) } else { Step::Moved };
        self.at = Some(at);
        Ok(step)
    }

    fn measure(&self, at: &Generation, behind: u64, last: Timestamp) {
        gauge("portus_projection_position", at.name, at.position.0);
        gauge("portus_projection_lag_events", at.name, behind);
        let age = (self.shared.now)().duration_since(last).as_secs_f64().max(0.0);
        metrics::gauge!("portus_projection_lag_seconds", "projection" => at.name)
            .set(if behind == 0 { 0.0 } else { age });
        metrics::gauge!("portus_projection_halted", "projection" => at.name).set(0.0);
    }

    /// The fact at `position` cannot be taken: stand still before it, and say so everywhere.
    async fn halt(
        &mut self,
        at: Generation,
        position: Position,
        error: String,
    ) -> Result<Step, StepError> {
        let name = self.projection.name();
        let error: String = error.chars().take(1_000).collect();
        tracing::error!(projection = name, %position, %error, "projection halted");
        metrics::counter!("portus_projection_errors_total", "projection" => name).increment(1);
        metrics::gauge!("portus_projection_halted", "projection" => name).set(1.0);
        let text = format!("at position {position}: {error}");
        if !checkpoint::set_state(&self.shared.pool, &at, "halted", Some(&text)).await? {
            self.at = None;
            return Err(StepError::Fenced);
        }
        self.shared.set_trouble(name, Some(format!("halted {text}")));
        let at = Generation { state: "halted".to_owned(), error: Some(text), ..at };
        self.shared.publish(&at, true);
        self.at = Some(at);
        let fact = SystemEvent::ProjectionHalted {
            projection: name.to_owned(),
            at: position,
            error: error.clone(),
        };
        let key = format!("projection-halted:{name}:{position}:{}", self.projection.code());
        say(self.shared.log.as_ref(), &self.shared.now, fact, key).await?;
        Ok(Step::Halted)
    }

    /// Goes on when somebody says so: `live` again in `log.projection`, or another generation.
    async fn still_halted(&mut self, at: &Generation) -> Result<Step, StepError> {
        let mut db = self.shared.pool.acquire().await?;
        let all = checkpoint::generations(&mut db, self.projection.as_ref()).await?;
        if all.first() != Some(at) {
            self.at = None;
            return Ok(Step::Moved);
        }
        Ok(Step::Halted)
    }
}

enum Step {
    /// Further on, or about to.
    Moved,
    /// Nothing more to read for now.
    AtEnd(Position),
    /// Standing still.
    Halted,
    /// The rows are of other code.
    Outdated,
}

#[allow(clippy::cast_precision_loss)] // a gauge
fn gauge(metric: &'static str, projection: &'static str, value: u64) {
    metrics::gauge!(metric, "projection" => projection).set(value as f64);
}

/// Writes a fact about a projection into the log, once for each key.
pub(crate) async fn say(
    log: &dyn EventLog,
    now: &Now,
    event: SystemEvent,
    key: String,
) -> Result<(), LogError> {
    let actor = Actor::System { part: "projections".to_owned() };
    let event = NewEvent {
        id: EventId::from_key(&key),
        occurred_at: now(),
        meta: Meta::by(actor),
        event: Event::System(event),
    };
    let append = Append {
        stream: StreamName::system(),
        expected: Expected::Any,
        key: Some(key),
        events: vec![event],
    };
    // The key makes every further attempt harmless, and a busy log is no reason to keep silent.
    for _ in 1..SAY_ATTEMPTS {
        match log.append(vec![append.clone()]).await {
            Err(LogError::Unavailable(_) | LogError::Busy) => sleep(SAY_PAUSE).await,
            done => return done.map(drop),
        }
    }
    log.append(vec![append]).await.map(drop)
}
