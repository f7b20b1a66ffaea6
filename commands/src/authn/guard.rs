//! Counts failures: different wrong secrets an account, and failures an address. Bounded, and
//! nobody's count is reset by others' attempts.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::name::UserName;
use jiff::{SignedDuration, Timestamp};

use super::remembered::Mark;
use super::{
    ADDRESS_WINDOW, AuthnError, COUNTED, DISTINCT_SECRETS, FAILURES_PER_ADDRESS, LOCKOUT,
    LOCKOUT_WINDOW,
};

pub(super) struct Guard(Mutex<Counts>);

struct Counts {
    accounts: Table<UserName, Tries>,
    addresses: Table<[u8; 8], Window>,
    /// All addresses that came when the table was full.
    others: Window,
}

/// Whether a password may be tried for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Try {
    /// It counts as wrong until [`Guard::was_right`].
    Go,
    /// The account is locked, and has been before.
    Locked,
    /// This try was the one too many.
    LockedNow { until: Timestamp },
}

/// Wrong secrets of one account, each once.
#[derive(Default)]
struct Tries {
    wrong: Vec<(Mark, Timestamp)>,
    locked_until: Option<Timestamp>,
}

/// A count that starts again when its time is over.
#[derive(Clone, Copy)]
struct Window {
    start: Timestamp,
    count: u32,
}

impl Guard {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Counts {
            accounts: Table::new(),
            addresses: Table::new(),
            others: Window { start: Timestamp::MIN, count: 0 },
        }))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this address may try at all, without counting.
    pub(super) fn may_try(&self, from: Option<IpAddr>, now: Timestamp) -> Result<(), AuthnError> {
        let Some(from) = from.map(network) else { return Ok(()) };
        self.counts().window(from, now).check(now)
    }

    /// Counts a failure of this address.
    pub(super) fn count(&self, from: Option<IpAddr>, now: Timestamp) -> Result<(), AuthnError> {
        let Some(from) = from.map(network) else { return Ok(()) };
        let mut counts = self.counts();
        let window = counts.window(from, now);
        window.check(now)?;
        window.count += 1;
        Ok(())
    }

    /// Takes one failure back that turned out to be none.
    pub(super) fn uncount(&self, from: Option<IpAddr>, now: Timestamp) {
        let Some(from) = from.map(network) else { return };
        let mut counts = self.counts();
        let window = counts.window(from, now);
        window.count = window.count.saturating_sub(1);
    }

    /// Counts a secret as wrong for an account before it is known whether it is, so that parallel
    /// guesses count as well.
    pub(super) fn try_secret(&self, user: &UserName, secret: Mark, now: Timestamp) -> Try {
        let mut counts = self.counts();
        let Some(tries) = counts.accounts.entry(user, now) else {
            return Try::Locked; // more accounts under attack than we count: take no guesses
        };
        if let Some(until) = tries.locked_until {
            if now < until {
                return Try::Locked;
            }
            *tries = Tries::default();
        }
        tries.wrong.retain(|(_, at)| now.duration_since(*at) < LOCKOUT_WINDOW);
        if tries.wrong.iter().any(|(known, _)| *known == secret) {
            return Try::Go;
        }
        if tries.wrong.len() >= DISTINCT_SECRETS {
            let until = later(now, LOCKOUT);
            *tries = Tries { wrong: Vec::new(), locked_until: Some(until) };
            return Try::LockedNow { until };
        }
        tries.wrong.push((secret, now));
        Try::Go
    }

    /// That secret is not wrong, or nobody looked.
    pub(super) fn was_right(&self, user: &UserName, secret: Mark) {
        let mut counts = self.counts();
        if let Some(tries) = counts.accounts.rows.get_mut(user) {
            tries.wrong.retain(|(known, _)| *known != secret);
            if tries.wrong.is_empty() && tries.locked_until.is_none() {
                counts.accounts.rows.remove(user);
            }
        }
    }
}

impl Counts {
    fn window(&mut self, from: [u8; 8], now: Timestamp) -> &mut Window {
        let window = self.addresses.entry(&from, now).unwrap_or(&mut self.others);
        if window.is_over(now) {
            *window = Window { start: now, count: 0 };
        }
        window
    }
}

impl Window {
    fn check(&self, now: Timestamp) -> Result<(), AuthnError> {
        if self.count < FAILURES_PER_ADDRESS {
            return Ok(());
        }
        let left = later(self.start, ADDRESS_WINDOW).duration_since(now);
        let seconds = u64::try_from(left.as_secs()).unwrap_or(0) + 1;
        Err(AuthnError::TooMany { retry_after: Duration::from_secs(seconds) })
    }
}

/// What a row needs to be forgotten in time.
trait Row {
    fn fresh(now: Timestamp) -> Self;
    fn is_over(&self, now: Timestamp) -> bool;
}

impl Row for Window {
    fn fresh(now: Timestamp) -> Self {
        Self { start: now, count: 0 }
    }
    fn is_over(&self, now: Timestamp) -> bool {
        now.duration_since(self.start) >= ADDRESS_WINDOW
    }
}

impl Row for Tries {
    fn fresh(_: Timestamp) -> Self {
        Self::default()
    }
    fn is_over(&self, now: Timestamp) -> bool {
        let old = |at: &Timestamp| now.duration_since(*at) >= LOCKOUT_WINDOW;
        self.locked_until.is_none_or(|until| until <= now)
            && self.wrong.iter().all(|(_, at)| old(at))
    }
}

/// At most [`COUNTED`] rows; those whose time is over make room, others never do.
struct Table<K, R> {
    rows: HashMap<K, R>,
    swept: Timestamp,
}

impl<K: Hash + Eq + Clone, R: Row> Table<K, R> {
    fn new() -> Self {
        Self { rows: HashMap::new(), swept: Timestamp::MIN }
    }

    /// The row; a new one if there is room, else `None`.
    fn entry(&mut self, key: &K, now: Timestamp) -> Option<&mut R> {
        if !self.rows.contains_key(key) {
            if self.rows.len() >= COUNTED && now.duration_since(self.swept) >= SWEEP {
                self.rows.retain(|_, row| !row.is_over(now));
                self.swept = now;
            }
            if self.rows.len() >= COUNTED {
                return None;
            }
            self.rows.insert(key.clone(), R::fresh(now));
        }
        self.rows.get_mut(key)
    }
}

/// How often a full table is searched for rows whose time is over.
const SWEEP: SignedDuration = SignedDuration::from_secs(1);

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// An IPv4 address, or the /64 that one IPv6 customer has.
fn network(address: IpAddr) -> [u8; 8] {
    let mut key = [0; 8];
    match address.to_canonical() {
        IpAddr::V4(v4) => key[4..].copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => key.copy_from_slice(&v6.octets()[..8]),
    }
    key
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn user(name: &str) -> UserName {
        UserName::parse(name).unwrap()
    }

    fn secret(n: usize) -> Mark {
        let mut mark = [0; 16];
        mark[..8].copy_from_slice(&n.to_le_bytes());
        mark
    }

    #[test]
    fn only_different_secrets_lock_an_account() {
        let guard = Guard::new();
        for _ in 0..1_000 {
            assert_eq!(guard.try_secret(&user("alice"), secret(1), at(0)), Try::Go);
        }
        for n in 2..=DISTINCT_SECRETS {
            assert_eq!(guard.try_secret(&user("alice"), secret(n), at(0)), Try::Go);
        }
        let until = at(0) + LOCKOUT;
        assert_eq!(guard.try_secret(&user("alice"), secret(99), at(0)), Try::LockedNow { until });
        assert_eq!(guard.try_secret(&user("alice"), secret(1), at(1)), Try::Locked);
        assert_eq!(guard.try_secret(&user("bob"), secret(1), at(1)), Try::Go);
        let after = at(LOCKOUT.as_secs());
        assert_eq!(guard.try_secret(&user("alice"), secret(1), after), Try::Go);
    }

    #[test]
    fn a_wrong_secret_counts_for_a_quarter_of_an_hour() {
        let guard = Guard::new();
        for n in 0..10_000 {
            let now = at(i64::try_from(n).unwrap() * 100);
            assert_eq!(guard.try_secret(&user("alice"), secret(n), now), Try::Go, "{n}");
        }
    }

    #[test]
    fn a_right_secret_does_not_count() {
        let guard = Guard::new();
        for n in 0..100 {
            assert_eq!(guard.try_secret(&user("alice"), secret(n), at(0)), Try::Go);
            guard.was_right(&user("alice"), secret(n));
        }
        assert!(guard.counts().accounts.rows.is_empty());
    }

    #[test]
    fn an_address_waits_after_60_failures_in_a_minute() {
        let guard = Guard::new();
        let from = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
        for _ in 0..FAILURES_PER_ADDRESS {
            guard.count(from, at(0)).unwrap();
        }
        let Err(AuthnError::TooMany { retry_after }) = guard.count(from, at(20)) else { panic!() };
        assert_eq!(retry_after.as_secs(), 41);
        assert!(guard.may_try(from, at(59)).is_err());
        assert!(guard.may_try(from, at(60)).is_ok());
        let neighbour = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)));
        assert!(guard.count(neighbour, at(20)).is_ok());
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_count_as_one() {
        let guard = Guard::new();
        let host = |n| Some(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, n)));
        for n in 0..60 {
            guard.count(host(n), at(0)).unwrap();
        }
        assert!(guard.count(host(999), at(0)).is_err());
    }

    #[test]
    fn a_flood_of_addresses_neither_grows_memory_nor_resets_a_count() {
        let guard = Guard::new();
        let victim = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
        for _ in 0..FAILURES_PER_ADDRESS {
            guard.count(victim, at(0)).unwrap();
        }
        for n in 0..150_000_u32 {
            let _ = guard.count(Some(IpAddr::V4(Ipv4Addr::from(n))), at(1));
        }
        assert_eq!(guard.counts().addresses.rows.len(), COUNTED);
        assert!(guard.may_try(victim, at(1)).is_err());
        // Those for whom there is no room share one count.
        assert!(guard.may_try(Some(IpAddr::V4(Ipv4Addr::from(149_999))), at(1)).is_err());
        // A minute later there is room again.
        assert!(guard.count(Some(IpAddr::V4(Ipv4Addr::from(149_999))), at(120)).is_ok());
    }
}
