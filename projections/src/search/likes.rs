//! How liked each repository is, at hand for ranking what lies in it: a tag of a repository that
//! everybody uses is more likely meant than the same tag elsewhere, and its document need not be
//! written again with every star.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

const SHARDS: usize = 256;

/// From the number of a repository to how liked it is; what nobody likes is left out. A clone is
/// cheap, and a change afterwards copies one of 256 parts.
#[derive(Clone, Default)]
pub(super) struct Likes(Vec<Arc<HashMap<u64, u8, BuildHasherDefault<Same>>>>);

impl Likes {
    /// `weight` is from 0 to 1.
    pub(super) fn set(&mut self, home: u64, weight: f64) {
        if self.0.is_empty() {
            self.0.resize_with(SHARDS, Arc::default);
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // within 0 to 255
        let step = (weight.clamp(0.0, 1.0) * 255.0).round() as u8;
        let Some(shard) = self.0.get_mut(shard(home)) else { return };
        match (step, shard.get(&home)) {
            (0, None) => (),
            (0, Some(_)) => {
                Arc::make_mut(shard).remove(&home);
            }
            (step, Some(same)) if step == *same => (),
            (step, _) => {
                Arc::make_mut(shard).insert(home, step);
            }
        }
    }

    pub(super) fn of(&self, home: u64) -> f64 {
        let step = self.0.get(shard(home)).and_then(|shard| shard.get(&home));
        f64::from(step.copied().unwrap_or(0)) / 255.0
    }
}

fn shard(home: u64) -> usize {
    usize::try_from(home >> 56).unwrap_or(0) % SHARDS
}

/// The keys are hashes already.
#[derive(Default)]
pub(super) struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0 << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_what_it_knew() {
        let mut likes = Likes::default();
        assert!(likes.of(7) < 1e-9);
        likes.set(7, 0.5);
        let before = likes.clone();
        likes.set(7, 0.0);
        likes.set(8, 1.0);
        assert!((before.of(7) - 0.5).abs() < 0.01 && before.of(8) < 1e-9);
        assert!(likes.of(7) < 1e-9 && likes.of(8) > 0.99);
    }
}
