//! What notifications leave to be looked into in a registry, later and off their path. Nothing here
//! is lost for good when it is dropped: the next comparison finds it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::digest::Digest;
use domain::name::{RegistryName, RepositoryName};
use tokio::sync::Notify;

/// The most images that wait to be described.
pub const MAX_BARE: usize = 1_000;

/// An image or index of which nobody told for which platform it is.
pub type Bare = (RegistryName, RepositoryName, Digest);

/// Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Hints(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    lost: Mutex<BTreeSet<RegistryName>>,
    lost_bell: Notify,
    bare: Mutex<VecDeque<Bare>>,
    bare_bell: Notify,
}

impl Hints {
    /// A registry process has shown up that nobody had heard of: what its predecessor had in its
    /// queue is lost.
    pub fn queue_lost(&self, registry: &RegistryName) {
        lock(&self.0.lost).insert(registry.clone());
        self.0.lost_bell.notify_one();
    }

    /// Waits for registries whose queue was lost. For one caller at a time.
    pub async fn lost(&self) -> BTreeSet<RegistryName> {
        loop {
            let all = std::mem::take(&mut *lock(&self.0.lost));
            if !all.is_empty() {
                return all;
            }
            self.0.lost_bell.notified().await;
        }
    }

    /// These images are to be described, as far as they find room.
    pub fn bare(&self, registry: &RegistryName, images: Vec<(RepositoryName, Digest)>) {
        let mut waiting = lock(&self.0.bare);
        let room = MAX_BARE.saturating_sub(waiting.len());
        let images = images.into_iter().take(room);
        waiting.extend(images.map(|(repository, digest)| (registry.clone(), repository, digest)));
        drop(waiting);
        self.0.bare_bell.notify_one();
    }

    /// Waits for the next image to be described. For one caller at a time.
    pub async fn next_bare(&self) -> Bare {
        loop {
            let next = lock(&self.0.bare).pop_front();
            if let Some(next) = next {
                return next;
            }
            self.0.bare_bell.notified().await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RegistryName {
        RegistryName::parse(text).unwrap()
    }

    #[tokio::test]
    async fn registries_that_lost_their_queue_are_told_once_each() {
        let hints = Hints::default();
        for registry in ["b", "a", "b"] {
            hints.queue_lost(&name(registry));
        }
        assert_eq!(hints.lost().await, [name("a"), name("b")].into());
        hints.queue_lost(&name("a"));
        assert_eq!(hints.lost().await, [name("a")].into());
    }

    #[tokio::test]
    async fn images_beyond_the_bound_are_left_to_the_comparison() {
        let hints = Hints::default();
        let image = (
            RepositoryName::parse("a/b").unwrap(),
            Digest::parse(&format!("sha256:{:064x}", 1)).unwrap(),
        );
        for _ in 0..3 {
            hints.bare(&name("a"), vec![image.clone(); MAX_BARE / 2]);
        }
        for _ in 0..MAX_BARE {
            assert_eq!(hints.next_bare().await.2, image.1);
        }
        assert!(lock(&hints.0.bare).is_empty());
    }
}
