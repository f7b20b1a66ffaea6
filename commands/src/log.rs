//! Adapters of the log's port; one contract test holds for all of them.

pub mod memory;
pub mod postgres;

use std::time::Duration;

use domain::event::Position;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a reader sleeps at most: notifications may be lost, the log is not.
const POLL: Duration = Duration::from_secs(1);

/// Waits until `reached` shows more than `after`, at most [`POLL`].
async fn wait_beyond(reached: &watch::Sender<Position>, after: Position) {
    let mut reached = reached.subscribe();
    // Both a lapse of time and a closed channel are reasons to look.
    let _ = timeout(POLL, reached.wait_for(|at| *at > after)).await;
}

/// Moves `reached` forward, never back.
fn publish(reached: &watch::Sender<Position>, position: Position) {
    reached.send_if_modified(|at| {
        let news = position > *at;
        *at = position.max(*at);
        news
    });
}
