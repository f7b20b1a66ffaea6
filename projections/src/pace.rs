//! How often followers work: at once when it is quiet, together for what comes in bursts, and at
//! once again when somebody waits for it.

use std::time::Duration;

use domain::event::{Class, Position};
use domain::log::EventLog;
use tokio::sync::watch;
use tokio::time::timeout;

/// Who waits for a follower, as that follower sees it.
#[derive(Debug, Default)]
pub(crate) struct Pace(watch::Sender<usize>);

/// Somebody waits as long as this lives.
#[derive(Debug)]
pub(crate) struct Waiting<'a>(&'a Pace);

impl Pace {
    /// Says that somebody waits.
    pub(crate) fn wait(&self) -> Waiting<'_> {
        self.0.send_modify(|waiting| *waiting += 1);
        Waiting(self)
    }

    /// Returns when the log may hold something of a class beyond `after`. Other things are news only
    /// to somebody who waits for the position of one.
    pub(crate) async fn news(&self, log: &dyn EventLog, after: Position, class: Option<Class>) {
        tokio::select! {
            () = log.wait_beyond(after, class) => {}
            () = self.hurried() => log.wait_beyond(after, None).await,
        }
    }

    /// Returns when somebody waits, or waits already.
    async fn hurried(&self) {
        // The sender lives in ourselves, so the channel is never closed.
        let _ = self.0.subscribe().wait_for(|waiting| *waiting > 0).await;
    }

    /// Lets `pause` pass, unless somebody waits.
    pub(crate) async fn rest(&self, pause: Duration) {
        if !pause.is_zero() {
            let _ = timeout(pause, self.hurried()).await;
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|waiting| *waiting -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn a_rest_ends_when_somebody_waits_or_waited_already() {
        let pace = Pace::default();
        let began = Instant::now();
        let early = pace.wait();
        pace.rest(LONG).await;
        drop(early);
        let (_late, ()) = tokio::join!(async { pace.wait() }, pace.rest(LONG));
        assert!(began.elapsed() < LONG);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_lasts_when_nobody_waits_any_more() {
        let pace = Pace::default();
        drop(pace.wait());
        let began = tokio::time::Instant::now();
        pace.rest(LONG).await;
        assert!(began.elapsed() >= LONG);
    }
}
