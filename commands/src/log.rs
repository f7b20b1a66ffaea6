//! Adapters of the log's port; one contract test holds for all of them.

pub mod copy;
pub mod memory;
pub mod postgres;
pub mod queue;
pub mod transfer;

use std::time::Duration;

use domain::event::{Class, Position};
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a reader sleeps at most: notifications may be lost, the log is not.
const POLL: Duration = Duration::from_secs(1);

/// How far the log reaches, as this process heard: what followers are woken by.
#[derive(Debug, Clone)]
pub struct Reached {
    any: watch::Sender<Position>,
    /// The same, as of the last append that held a decision.
    decisions: watch::Sender<Position>,
}

impl Reached {
    /// Of a log that reaches so far.
    #[must_use]
    pub fn new(head: Position) -> Self {
        Self { any: watch::Sender::new(head), decisions: watch::Sender::new(head) }
    }

    /// Moves forward, never back; `decisions`: whether decisions are among what is new.
    pub fn publish(&self, head: Position, decisions: bool) {
        let forward = |at: &mut Position| {
            let news = head > *at;
            *at = head.max(*at);
            news
        };
        self.any.send_if_modified(forward);
        if decisions {
            self.decisions.send_if_modified(forward);
        }
    }

    /// Waits until there is more than `after`, at most a second.
    pub async fn wait_beyond(&self, after: Position, class: Option<Class>) {
        let reached = match class {
            Some(Class::Decision) => &self.decisions,
            Some(Class::Fact) | None => &self.any,
        };
        // Both a lapse of time and a closed channel are reasons to look.
        let _ = timeout(POLL, reached.subscribe().wait_for(|at| *at > after)).await;
    }
}
