//! Starts, watches and stops what the service is made of, in one order.
//!
//! The registry stops first, while we still take its notifications and give tokens: what it has
//! acknowledged to a client it can then still tell us. After it go our own listeners, the recorder
//! of token decisions, the projections, and last the database under all of them.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Parts of the service, in the order in which they stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The registry that we started.
    Registry,
    /// Our listeners: no new connections, and open requests are answered.
    Listeners,
    /// What is behind an answer: token decisions on their way to the log.
    Recorder,
    /// Followers of the log.
    Projections,
    /// The Postgres that we started.
    Database,
}

impl Stage {
    const ALL: [Self; 5] =
        [Self::Registry, Self::Listeners, Self::Recorder, Self::Projections, Self::Database];

    fn name(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Listeners => "listeners",
            Self::Recorder => "recorder",
            Self::Projections => "projections",
            Self::Database => "database",
        }
    }
}

/// A part gives up when it ends this often …
pub const MAX_RESTARTS: usize = 10;
/// … within so long.
pub const RESTART_WINDOW: Duration = Duration::from_secs(120);

/// How long things take.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// What open requests get when the service stops.
    drain: Duration,
    /// What each other part gets; the database three times as much.
    stop: Duration,
    /// Before the first restart of a part; doubled up to the longest.
    first_pause: Duration,
    longest_pause: Duration,
}

impl Times {
    /// How long this part may take to stop before the next is stopped all the same.
    fn patience(self, stage: Stage) -> Duration {
        match stage {
            Stage::Listeners => self.drain + Duration::from_secs(2),
            Stage::Registry | Stage::Recorder | Stage::Projections => self.stop,
            Stage::Database => self.stop * 3,
        }
    }
}

/// The parts, and what ends them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Supervisor {
    stages: Vec<(CancellationToken, TaskTracker)>,
    times: Times,
    fatal: mpsc::Sender<String>,
}

/// Why the service ends by itself; to be awaited in one place.
#[derive(Debug)]
pub struct Fatal(mpsc::Receiver<String>);

impl Supervisor {
    /// Nothing runs yet. Open requests get `drain` when the service stops.
    #[must_use]
    pub fn new(drain: Duration) -> (Self, Fatal) {
        Self::with_times(Times {
            drain,
            stop: Duration::from_secs(10),
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(10),
        })
    }

    fn with_times(times: Times) -> (Self, Fatal) {
        let (fatal, why) = mpsc::channel(1);
        let stages = Stage::ALL.iter().map(|_| (CancellationToken::new(), TaskTracker::new()));
        (Self { stages: stages.collect(), times, fatal }, Fatal(why))
    }

    /// What a part of this stage watches to know that it should stop.
    #[must_use]
    pub fn stop_of(&self, stage: Stage) -> CancellationToken {
        self.stages[stage as usize].0.clone()
    }

    /// Runs a part until its stage stops. One that ends before, or panics, is started again after
    /// a pause that grows; one that does so [`MAX_RESTARTS`] times within [`RESTART_WINDOW`] ends
    /// the service.
    pub fn keep<F, R, E>(&self, stage: Stage, name: &'static str, mut start: F)
    where
        F: FnMut(CancellationToken) -> R + Send + 'static,
        R: Future<Output = Result<(), E>> + Send,
        E: std::fmt::Display + Send,
    {
        let (stop, tasks) = &self.stages[stage as usize];
        let (stop, fatal, times) = (stop.clone(), self.fatal.clone(), self.times);
        tasks.spawn(async move {
            let mut ends: Vec<Instant> = Vec::new();
            let mut pause = times.first_pause;
            loop {
                let started = Instant::now();
                let ended = AssertUnwindSafe(start(stop.clone())).catch_unwind().await;
                if stop.is_cancelled() {
                    return;
                }
                let why = match ended {
                    Ok(Ok(())) => "it ended".to_owned(),
                    Ok(Err(error)) => error.to_string(),
                    Err(_) => "it panicked".to_owned(),
                };
                metrics::counter!("portus_task_restarts_total", "task" => name).increment(1);
                ends.push(Instant::now());
                ends.retain(|end| end.elapsed() < RESTART_WINDOW);
                if ends.len() >= MAX_RESTARTS {
                    let line = format!("{name} does not stay up: {why}");
                    let _ = fatal.try_send(line);
                    return;
                }
                if started.elapsed() > times.longest_pause {
                    pause = times.first_pause;
                }
                tracing::error!(
                    task = name,
                    pause_ms = pause.as_millis(),
                    "{why}; starting it again"
                );
                tokio::select! {
                    () = sleep(pause) => pause = (pause * 2).min(times.longest_pause),
                    () = stop.cancelled() => return,
                }
            }
        });
    }

    /// Runs something once, to be waited for when its stage stops.
    pub fn once<R>(&self, stage: Stage, task: R)
    where
        R: Future<Output = ()> + Send + 'static,
    {
        self.stages[stage as usize].1.spawn(task);
    }

    /// Stops everything in order. Returns when all has stopped, or had its time.
    pub async fn shut_down(&self) {
        for stage in Stage::ALL {
            let (stop, tasks) = &self.stages[stage as usize];
            stop.cancel();
            tasks.close();
            let patience = self.times.patience(stage);
            if timeout(patience, tasks.wait()).await.is_err() {
                tracing::warn!(part = stage.name(), "did not stop within {} s", patience.as_secs());
            } else {
                tracing::debug!(part = stage.name(), "stopped");
            }
        }
    }
}

impl Fatal {
    /// Waits for a part that cannot be kept up, and says which and why.
    pub async fn reason(&mut self) -> String {
        match self.0.recv().await {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }
}

/// Ctrl-C and SIGTERM, from the moment this is made: none is lost.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// When the system gives no signals to us.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits until somebody asks to stop, and says how. May be dropped and called again.
    pub async fn asked_to_stop(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }

    /// From now on, another one ends the process at once.
    pub fn end_at_once_on_another(mut self) {
        tokio::spawn(async move {
            let code = match self.asked_to_stop().await {
                "SIGINT" => 130,
                _ => 143,
            };
            tracing::warn!("asked twice to stop: ending at once");
            std::process::exit(code);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;

    fn supervisor() -> (Supervisor, Fatal) {
        let moment = Duration::from_millis(1);
        Supervisor::with_times(Times {
            drain: moment,
            stop: Duration::from_millis(50),
            first_pause: moment,
            longest_pause: moment,
        })
    }

    #[tokio::test]
    async fn parts_stop_in_order_each_after_the_one_before_has_ended() {
        let (supervisor, _fatal) = supervisor();
        let order = Arc::new(Mutex::new(Vec::new()));
        for stage in Stage::ALL.into_iter().rev() {
            let order = order.clone();
            supervisor.keep(stage, "part", move |stop| {
                let order = order.clone();
                async move {
                    stop.cancelled().await;
                    order.lock().unwrap().push(format!("{} stops", stage.name()));
                    tokio::task::yield_now().await;
                    order.lock().unwrap().push(format!("{} ended", stage.name()));
                    Ok::<_, String>(())
                }
            });
        }
        supervisor.shut_down().await;
        let expected: Vec<_> = ["registry", "listeners", "recorder", "projections", "database"]
            .iter()
            .flat_map(|part| [format!("{part} stops"), format!("{part} ended")])
            .collect();
        assert_eq!(*order.lock().unwrap(), expected);
    }

    #[tokio::test]
    async fn a_part_that_dies_is_started_again() {
        let (supervisor, _fatal) = supervisor();
        let starts = Arc::new(AtomicUsize::new(0));
        let up = CancellationToken::new();
        let (count, third) = (starts.clone(), up.clone());
        supervisor.keep(Stage::Projections, "part", move |stop| {
            let (count, third) = (count.clone(), third.clone());
            async move {
                match count.fetch_add(1, Ordering::SeqCst) {
                    0 => Err("broken".to_owned()),
                    1 => panic!("worse"),
                    _ => {
                        third.cancel();
                        stop.cancelled().await;
                        Ok(())
                    }
                }
            }
        });
        up.cancelled().await;
        supervisor.shut_down().await;
        assert_eq!(starts.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_part_that_keeps_dying_ends_the_service_with_its_reason() {
        let (supervisor, mut fatal) = supervisor();
        supervisor.keep(Stage::Recorder, "clerk", |_| async { Err("no paper") });
        assert_eq!(fatal.reason().await, "clerk does not stay up: no paper");
    }

    #[tokio::test]
    async fn a_part_that_does_not_stop_holds_up_the_others_for_a_while_only() {
        let (supervisor, _fatal) = supervisor();
        supervisor.once(Stage::Registry, std::future::pending());
        let last = supervisor.stop_of(Stage::Database);
        supervisor.shut_down().await;
        assert!(last.is_cancelled());
    }
}
