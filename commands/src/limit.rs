//! How often somebody may do what costs others something: mails, accounts, comments.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Groups in which keys count. Each key is in one that nobody outside can work out, so that memory
/// has an end and no flood of keys resets anybody's count; it may meet another in its group, and then
/// both count together.
pub const GROUPS: u64 = 65_536;

/// At most so many acts a key within a window of time.
pub struct Limit {
    most: u32,
    window: SignedDuration,
    counts: Mutex<HashMap<u64, Count>>,
    grouping: RandomState,
}

#[derive(Clone, Copy)]
struct Count {
    since: Timestamp,
    acts: u32,
}

impl Limit {
    /// At most `most` acts within `window`, counted from the first of them.
    #[must_use]
    pub fn new(most: u32, window: SignedDuration) -> Self {
        Self { most, window, counts: Mutex::default(), grouping: RandomState::new() }
    }

    /// Counts one act of `key`.
    ///
    /// # Errors
    ///
    /// How long to wait, when it would be one too many; it is not counted then.
    pub fn take(&self, key: impl Hash, now: Timestamp) -> Result<(), Duration> {
        let group = self.grouping.hash_one(key) % GROUPS;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Count { since: now, acts: 0 };
        let count = counts.entry(group).or_insert(fresh);
        let passed = now.duration_since(count.since);
        if passed >= self.window {
            *count = fresh;
        }
        if count.acts >= self.most {
            let left = self.window - passed.max(SignedDuration::ZERO);
            return Err(Duration::try_from(left).unwrap_or_default() + Duration::from_secs(1));
        }
        count.acts += 1;
        Ok(())
    }

    /// Takes one act of `key` back that came to nothing.
    pub fn give_back(&self, key: impl Hash) {
        let group = self.grouping.hash_one(key) % GROUPS;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&group) {
            count.acts = count.acts.saturating_sub(1);
        }
    }
}

impl std::fmt::Debug for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limit").field("most", &self.most).field("window", &self.window).finish()
    }
}

/// What counts as one client: an IPv4 address, or the /64 that one IPv6 customer has.
#[must_use]
pub fn network(address: IpAddr) -> [u8; 8] {
    let mut key = [0; 8];
    match address.to_canonical() {
        IpAddr::V4(v4) => key[4..].copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => key.copy_from_slice(&v6.octets()[..8]),
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn one_act_too_many_waits_for_the_window_to_end() {
        let limit = Limit::new(3, SignedDuration::from_mins(1));
        for second in [0, 10, 20] {
            assert_eq!(limit.take("alice", at(second)), Ok(()));
        }
        assert_eq!(limit.take("alice", at(21)), Err(Duration::from_secs(40)));
        assert_eq!(limit.take("bob", at(21)), Ok(()), "others go on");
        assert!(limit.take("alice", at(59)).is_err());
        assert_eq!(limit.take("alice", at(60)), Ok(()));
    }

    #[test]
    fn what_came_to_nothing_does_not_count() {
        let limit = Limit::new(1, SignedDuration::from_mins(1));
        limit.give_back("alice");
        for _ in 0..10 {
            assert_eq!(limit.take("alice", at(0)), Ok(()));
            limit.give_back("alice");
        }
        assert_eq!(limit.take("alice", at(0)), Ok(()));
        assert!(limit.take("alice", at(0)).is_err());
    }

    #[test]
    fn a_clock_that_goes_back_opens_nothing() {
        let limit = Limit::new(1, SignedDuration::from_mins(1));
        limit.take("alice", at(0)).unwrap();
        assert_eq!(limit.take("alice", at(-3_600)), Err(Duration::from_secs(61)));
    }

    #[test]
    fn a_flood_of_keys_neither_grows_memory_nor_resets_a_count() {
        let limit = Limit::new(2, SignedDuration::from_mins(1));
        for _ in 0..2 {
            limit.take("victim", at(0)).unwrap();
        }
        for n in 0..200_000_u32 {
            let _ = limit.take(n, at(1));
        }
        assert!(limit.take("victim", at(2)).is_err());
        assert!(limit.counts.lock().unwrap().len() <= usize::try_from(GROUPS).unwrap());
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_count_as_one() {
        let host = |text: &str| network(text.parse().unwrap());
        assert_eq!(host("2001:db8:0:1::1"), host("2001:db8:0:1:ffff::2"));
        assert_ne!(host("2001:db8:0:1::1"), host("2001:db8:0:2::1"));
        assert_eq!(host("192.0.2.1"), host("::ffff:192.0.2.1"));
        assert_ne!(host("192.0.2.1"), host("192.0.2.2"));
    }
}
