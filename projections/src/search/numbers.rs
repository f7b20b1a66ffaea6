//! Numbers that follow from texts alone, the same in every process and for ever.

use sha2::{Digest as _, Sha256};

/// The first eight bytes of the SHA-256 of `text`.
pub(super) fn number_of(text: &str) -> u64 {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A set of keys in fixed space, which is never wrong about what it does not hold.
///
/// While an index is made from nothing, most keys are new: with this, nobody looks for them among
/// millions, and nobody deletes what was never there.
pub(super) struct Seen(Vec<u64>);

impl Seen {
    /// 2²⁷ bits, 16 MiB: of ten million keys, two in a hundred are taken for known.
    const BITS: u64 = 1 << 27;
    const PROBES: u64 = 5;

    pub(super) fn new() -> Self {
        Self(vec![0; usize::try_from(Self::BITS / 64).unwrap_or_default()])
    }

    pub(super) fn insert(&mut self, key: &str) {
        for (word, bit) in places(key) {
            if let Some(bits) = self.0.get_mut(word) {
                *bits |= 1 << bit;
            }
        }
    }

    pub(super) fn may_hold(&self, key: &str) -> bool {
        places(key).all(|(word, bit)| self.0.get(word).is_none_or(|bits| bits >> bit & 1 == 1))
    }
}

fn places(key: &str) -> impl Iterator<Item = (usize, u32)> {
    // FNV-1a, then the mixing of SplitMix64: quick, and who forces a collision gains a look-up.
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    let (first, step) = (mixed(hash), mixed(hash ^ 0x9e37_79b9_7f4a_7c15) | 1);
    (0..Seen::PROBES).map(move |probe| {
        let bit = first.wrapping_add(step.wrapping_mul(probe)) % Seen::BITS;
        (usize::try_from(bit / 64).unwrap_or(usize::MAX), (bit % 64) as u32)
    })
}

fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_never_missed_and_little_else_is_found() {
        let mut seen = Seen::new();
        (0..100_000).for_each(|number| seen.insert(&format!("tag main team/app {number}")));
        assert!((0..100_000).all(|n| seen.may_hold(&format!("tag main team/app {n}"))));
        let wrong = (0..100_000).filter(|n| seen.may_hold(&format!("tag main team/web {n}")));
        assert!(wrong.count() < 100);
    }
}
