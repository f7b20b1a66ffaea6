//! What the program says while it works, heard by the test that asked and by no other.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tracing::instrument::WithSubscriber as _;
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// What `work` came to, and how many statements it sent to a database.
pub async fn statements<T>(work: impl Future<Output = T>) -> (T, usize) {
    by_any_thread();
    let count = Arc::new(AtomicUsize::new(0));
    let counting = tracing_subscriber::registry().with(Statements(count.clone()));
    let done = work.with_subscriber(counting).await;
    (done, count.load(Ordering::SeqCst))
}

/// From here on, no line of the program is silent because another test's thread, to which nobody
/// listens, came by it first.
///
/// With one listener in the process, `tracing` asks only the thread that comes by a line for the
/// first time whether anybody listens, and remembers a no for all threads. With several it asks
/// them all; so there are always two that want to hear everything.
pub fn by_any_thread() {
    static LISTENERS: OnceLock<[Dispatch; 2]> = OnceLock::new();
    LISTENERS.get_or_init(|| [(); 2].map(|()| Dispatch::new(tracing_subscriber::registry())));
}

/// Counts statements as they are told by the library that sends them.
struct Statements(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}
