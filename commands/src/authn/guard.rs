//! Counts failures: different wrong secrets an account, and failures an address. Bounded, and
//! nobody's count is reset by others' attempts.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::name::UserName;
use jiff::{SignedDuration, Timestamp};

use super::remembered::Mark;
use super::{
    ADDRESS_WINDOW, AuthnError, COUNTED, CROWDS, DISTINCT_SECRETS, FAILURES_PER_ADDRESS, LOCKOUT,
    LOCKOUT_WINDOW,
};
use crate::limit::network;

pub(super) struct Guard(Mutex<Counts>);

struct Counts {
    accounts: Table<UserName, Tries>,
    addresses: Table<[u8; 8], Window>,
    /// Accounts and addresses that came when the tables were full: each is in one of [`CROWDS`]
    /// groups that nobody outside can work out, and counts together with it.
    crowds: Table<u64, Tries>,
    neighbourhoods: Table<u64, Window>,
    grouping: RandomState,
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
            crowds: Table::new(),
            grouping: RandomState::new(),
            addresses: Table::new(),
            neighbourhoods: Table::new(),
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
        let tries = counts.tries(user, now);
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
        let crowd = counts.crowd(user);
        counts.accounts.forgive(user, secret);
        counts.crowds.forgive(&crowd, secret);
    }
}

impl Counts {
    /// The account's own count, or when there are too many accounts under attack that of its group.
    /// So a flood of known names locks those it guesses at, and nobody else: to fill every group
    /// takes more guesses within [`LOCKOUT_WINDOW`] than the slow hashes let through.
    fn tries(&mut self, user: &UserName, now: Timestamp) -> &mut Tries {
        if self.accounts.has_room_for(user, now) {
            return self.accounts.row(user, now);
        }
        let crowd = self.crowd(user);
        self.crowds.row(&crowd, now)
    }

    fn crowd(&self, user: &UserName) -> u64 {
        self.grouping.hash_one(user) % CROWDS
    }

    fn window(&mut self, from: [u8; 8], now: Timestamp) -> &mut Window {
        let window = if self.addresses.has_room_for(&from, now) {
            self.addresses.row(&from, now)
        } else {
            let neighbourhood = self.grouping.hash_one(from) % CROWDS;
            self.neighbourhoods.row(&neighbourhood, now)
        };
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

/// At most [`COUNTED`] rows, or as many as there are groups; rows whose time is over make room, others
/// never do.
struct Table<K, R> {
    rows: HashMap<K, R>,
    swept: Timestamp,
}

impl<K: Hash + Eq + Clone, R: Row> Table<K, R> {
    fn new() -> Self {
        Self { rows: HashMap::new(), swept: Timestamp::MIN }
    }

    /// The row, or a new one: where keys are not groups, ask for room first.
    fn row(&mut self, key: &K, now: Timestamp) -> &mut R {
        self.rows.entry(key.clone()).or_insert_with(|| R::fresh(now))
    }

    /// Whether there is a row for this key, or can be one.
    fn has_room_for(&mut self, key: &K, now: Timestamp) -> bool {
        if self.rows.len() < COUNTED || self.rows.contains_key(key) {
            return true;
        }
        if now.duration_since(self.swept) >= SWEEP {
            self.rows.retain(|_, row| !row.is_over(now));
            self.swept = now;
        }
        self.rows.len() < COUNTED
    }
}

impl<K: Hash + Eq> Table<K, Tries> {
    fn forgive(&mut self, key: &K, secret: Mark) {
        if let Some(tries) = self.rows.get_mut(key) {
            tries.wrong.retain(|(known, _)| *known != secret);
            if tries.wrong.is_empty() && tries.locked_until.is_none() {
                self.rows.remove(key);
            }
        }
    }
}

/// How often a full table is searched for rows whose time is over.
const SWEEP: SignedDuration = SignedDuration::from_secs(1);

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
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
        assert!(guard.counts().neighbourhoods.rows.len() <= usize::try_from(CROWDS).unwrap());
        assert!(guard.may_try(victim, at(1)).is_err());
        // Those for whom there is no room may go on, and are counted as well.
        let late = Some(IpAddr::V4(Ipv4Addr::from(149_999)));
        assert!(guard.may_try(late, at(1)).is_ok());
        let more = (0..FAILURES_PER_ADDRESS).take_while(|_| guard.count(late, at(1)).is_ok());
        assert!(more.count() < usize::try_from(FAILURES_PER_ADDRESS).unwrap());
        assert!(guard.may_try(late, at(1)).is_err());
        // A minute later there is room again.
        assert!(guard.count(late, at(120)).is_ok());
    }

    /// One wrong secret for each of so many accounts that no more are counted by name.
    fn flooded() -> Guard {
        let guard = Guard::new();
        for n in 0..COUNTED {
            let name = user(&format!("known-{n}"));
            assert_eq!(guard.try_secret(&name, secret(n), at(0)), Try::Go);
        }
        assert_eq!(guard.counts().accounts.rows.len(), COUNTED);
        guard
    }

    #[test]
    fn a_flood_of_known_names_locks_nobody_else_out() {
        let guard = flooded();
        // Twice as many again: all of them may try, and be right.
        for n in 0..2 * COUNTED {
            let name = user(&format!("later-{n}"));
            assert_eq!(guard.try_secret(&name, secret(n), at(1)), Try::Go, "{n}");
            guard.was_right(&name, secret(n));
        }
        let counts = guard.counts();
        assert_eq!((counts.accounts.rows.len(), counts.crowds.rows.len()), (COUNTED, 0));
    }

    #[test]
    fn beyond_the_table_an_account_is_still_locked_by_guesses_and_few_others_with_it() {
        let guard = flooded();
        for n in 0..DISTINCT_SECRETS {
            assert_eq!(guard.try_secret(&user("victim"), secret(n), at(1)), Try::Go);
        }
        let locked = guard.try_secret(&user("victim"), secret(99), at(1));
        assert!(matches!(locked, Try::LockedNow { .. }), "{locked:?}");
        assert_eq!(guard.try_secret(&user("victim"), secret(1), at(2)), Try::Locked);
        let others = (0..1_000).map(|n| user(&format!("other-{n}")));
        let hit = others.filter(|name| guard.try_secret(name, secret(7), at(2)) != Try::Go).count();
        assert!(hit <= 5, "{hit} of 1,000 share a group of {CROWDS}");
        // Nobody's own count was reset by all that.
        for n in 1..DISTINCT_SECRETS {
            assert_eq!(guard.try_secret(&user("known-0"), secret(n), at(3)), Try::Go);
        }
        let locked = guard.try_secret(&user("known-0"), secret(99), at(3));
        assert!(matches!(locked, Try::LockedNow { .. }), "{locked:?}");
    }

    #[test]
    fn memory_stays_bounded_however_many_known_names_are_guessed_at() {
        let guard = flooded();
        for n in 0..3 * COUNTED {
            guard.try_secret(&user(&format!("more-{n}")), secret(n), at(1));
        }
        let counts = guard.counts();
        let crowds = counts.crowds.rows.len();
        assert!(crowds <= usize::try_from(CROWDS).unwrap() && COUNTED + crowds <= 100_000);
        let longest = counts.crowds.rows.values().map(|tries| tries.wrong.len()).max();
        assert!(longest <= Some(DISTINCT_SECRETS));
    }
}
