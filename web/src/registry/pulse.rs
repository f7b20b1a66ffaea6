//! What this process has heard of each registry since it started, for the people who look after them.
//! Nothing decides by it, and it is not kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::name::RegistryName;
use jiff::Timestamp;

/// Clones share it.
#[derive(Debug, Clone)]
pub struct Pulse {
    since: Timestamp,
    beats: Arc<Mutex<BTreeMap<RegistryName, Beat>>>,
}

/// The last of one registry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Beat {
    /// When a notification of it was last stored.
    pub told_at: Option<Timestamp>,
    /// When it was last compared with what we know, and what that came to.
    pub compared: Option<(Timestamp, Compared)>,
}

/// What a comparison came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// All of it.
    Whole,
    /// All but so many repositories, of which the registry gave no good answer.
    Partly(usize),
    /// The registry gave no good answer.
    Silent,
    /// We could not: our own log or read models did not serve.
    Failed,
}

impl Pulse {
    /// Nothing heard yet.
    #[must_use]
    pub fn since(now: Timestamp) -> Self {
        Self { since: now, beats: Arc::default() }
    }

    /// Since when it is listened for.
    #[must_use]
    pub fn begun(&self) -> Timestamp {
        self.since
    }

    /// A notification was stored.
    pub fn told(&self, registry: &RegistryName, now: Timestamp) {
        self.lock().entry(registry.clone()).or_default().told_at = Some(now);
    }

    /// It was compared.
    pub fn compared(&self, registry: &RegistryName, now: Timestamp, what: Compared) {
        self.lock().entry(registry.clone()).or_default().compared = Some((now, what));
    }

    /// The last of one registry.
    #[must_use]
    pub fn of(&self, registry: &str) -> Beat {
        self.lock().get(registry).copied().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RegistryName, Beat>> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
