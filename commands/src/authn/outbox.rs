//! Facts on their way into the log behind an answer: a bounded queue, and one task that appends
//! what has gathered and tries again until the log has it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::log::{Append, EventLog, LogError};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::vault::VaultError;

/// The most things written down in one go.
pub const BATCH: usize = 1_024;
/// How long things gather for one append: under load, writing down a hundred decisions costs
/// little more than writing down one.
const GATHERING: Duration = Duration::from_millis(20);
/// The pauses between attempts while the log or the vault does not serve.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Turns what has gathered into appends. Their event ids must be made here, once: they are kept
/// over every retry.
#[async_trait]
pub trait Pack: Send + Sync + 'static {
    /// What is gathered.
    type Item: Send + Sync + 'static;

    /// The appends that hold all of `items`, which are taken out.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when something cannot be sealed now. All `items` are left, and tried again.
    async fn pack(&self, items: &mut Vec<Self::Item>) -> Result<Vec<Append>, VaultError>;
}

/// Nothing more fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much is waiting to be written down")]
pub struct Full;

/// The queue. Clones share it.
#[derive(Debug)]
pub struct Outbox<T> {
    sender: mpsc::Sender<T>,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    /// Taken out of the queue, but not yet in the log.
    in_hand: AtomicUsize,
    closing: watch::Sender<bool>,
    done: watch::Receiver<bool>,
}

impl<T> Clone for Outbox<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), state: Arc::clone(&self.state) }
    }
}

/// A place in the queue, held before the thing that will take it is made.
#[derive(Debug)]
pub struct Place<T>(mpsc::OwnedPermit<T>);

impl<T> Place<T> {
    /// Takes the place.
    pub fn fill(self, item: T) {
        self.0.send(item);
    }
}

impl<T: Send + Sync + 'static> Outbox<T> {
    /// A queue of `capacity` things, and the task that works it off; call it inside a runtime.
    /// `gauge` is the metric that says how many wait.
    pub fn start(
        log: Arc<dyn EventLog>,
        capacity: usize,
        gauge: &'static str,
        pack: impl Pack<Item = T>,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(capacity);
        let (closing, closes) = watch::channel(false);
        let (finished, done) = watch::channel(false);
        let state = Arc::new(State { in_hand: AtomicUsize::new(0), closing, done });
        let worker = Arc::downgrade(&state);
        tokio::spawn(async move {
            let in_hand = move |n| {
                if let Some(state) = worker.upgrade() {
                    state.in_hand.store(n, Ordering::Relaxed);
                }
            };
            work(&*log, receiver, closes, &pack, gauge, in_hand).await;
            let _ = finished.send(true);
        });
        Self { sender, state }
    }

    /// Holds a place.
    ///
    /// # Errors
    ///
    /// [`Full`]; also when the outbox was closed.
    pub fn place(&self) -> Result<Place<T>, Full> {
        if *self.state.closing.borrow() {
            return Err(Full);
        }
        self.sender.clone().try_reserve_owned().map(Place).map_err(|_| Full)
    }

    /// How many things wait or are just being appended.
    #[must_use]
    pub fn depth(&self) -> usize {
        let waiting = self.sender.max_capacity() - self.sender.capacity();
        waiting + self.state.in_hand.load(Ordering::Relaxed)
    }

    /// Takes nothing more, and waits until all is in the log. Says how much is not when `patience`
    /// is over.
    pub async fn close(&self, patience: Duration) -> usize {
        self.state.closing.send_replace(true);
        let mut done = self.state.done.clone();
        match timeout(patience, done.wait_for(|done| *done)).await {
            Ok(_) => 0,
            Err(_) => self.depth(),
        }
    }
}

async fn work<P: Pack>(
    log: &dyn EventLog,
    mut receiver: mpsc::Receiver<P::Item>,
    mut closes: watch::Receiver<bool>,
    pack: &P,
    gauge: &'static str,
    in_hand: impl Fn(usize),
) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let taken = tokio::select! {
            biased;
            taken = receiver.recv_many(&mut batch, BATCH) => taken,
            // Either way the queue closes: what is in it is still worked off by the loop.
            _ = closes.wait_for(|closes| *closes), if !receiver.is_closed() => {
                receiver.close();
                continue;
            }
        };
        if taken == 0 {
            return;
        }
        in_hand(taken);
        gather(&mut receiver, &mut closes, &mut batch, &in_hand).await;
        waiting(gauge, receiver.len() + batch.len());
        deliver(log, pack, &mut batch).await;
        in_hand(0);
        waiting(gauge, receiver.len());
    }
}

/// Waits for company, unless the batch is full or everybody waits for the end.
async fn gather<T>(
    receiver: &mut mpsc::Receiver<T>,
    closes: &mut watch::Receiver<bool>,
    batch: &mut Vec<T>,
    in_hand: impl Fn(usize),
) {
    if batch.len() < BATCH {
        tokio::select! {
            biased;
            _ = closes.wait_for(|closes| *closes) => {}
            () = sleep(GATHERING) => {}
        }
    }
    while batch.len() < BATCH
        && let Ok(next) = receiver.try_recv()
    {
        batch.push(next);
    }
    in_hand(batch.len());
}

#[allow(clippy::cast_precision_loss)] // a queue is short
fn waiting(gauge: &'static str, things: usize) {
    metrics::gauge!(gauge).set(things as f64);
}

async fn deliver<P: Pack>(log: &dyn EventLog, pack: &P, batch: &mut Vec<P::Item>) {
    let (mut pause, things) = (FIRST_PAUSE, batch.len());
    let appends = loop {
        match pack.pack(batch).await {
            Ok(appends) => break appends,
            Err(error) => tracing::warn!(%error, "facts wait for the vault"),
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    };
    if appends.is_empty() {
        return;
    }
    pause = FIRST_PAUSE;
    loop {
        match log.append(appends.clone()).await {
            Ok(_) => return,
            Err(LogError::Invalid(error)) => {
                tracing::error!(%error, things, "facts that the log cannot take");
                metrics::counter!("portus_facts_lost_total").increment(things as u64);
                return;
            }
            Err(error @ (LogError::Unavailable(_) | LogError::Busy)) => {
                tracing::warn!(%error, things, "facts wait for the log");
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::Clock;
    use crate::log::memory::MemoryLog;

    struct Swallow;

    #[async_trait]
    impl Pack for Swallow {
        type Item = u32;

        async fn pack(&self, items: &mut Vec<u32>) -> Result<Vec<Append>, VaultError> {
            items.clear();
            Ok(Vec::new())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_gathers_still_waits() {
        let log = MemoryLog::new(Clock::system());
        let outbox = Outbox::start(log, 8, "portus_test_queue_depth", Swallow);
        outbox.place().unwrap().fill(1);
        // The clock stands still while anybody has work, so it has been taken, and gathers.
        for _ in 0..100 {
            tokio::task::yield_now().await;
            assert_eq!(outbox.depth(), 1);
        }
        sleep(GATHERING * 2).await;
        assert_eq!(outbox.depth(), 0);
    }
}
