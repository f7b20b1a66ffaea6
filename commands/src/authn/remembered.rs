//! Passwords of a moment ago, right and wrong, under a key of this process: never the password.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::hmac;
use domain::access::AccountFacts;
use domain::auth::SignInFailure;
use domain::event::{Door, Position};
use jiff::{SignedDuration, Timestamp};

use super::{Attempt, LOCKOUT_WINDOW, REMEMBERED};
use crate::bounded::Bounded;

/// A name and a secret under this process's key.
pub(super) type Mark = [u8; 16];

pub(super) struct Remembered {
    key: hmac::Key,
    keep_right: SignedDuration,
    right: Mutex<Bounded<Mark, Entry<()>>>,
    wrong: Mutex<Bounded<Mark, Entry<SignInFailure>>>,
    /// Failures that are facts already.
    recorded: Mutex<Bounded<Failed, Timestamp>>,
}

type Failed = (Mark, SignInFailure, Door, Option<IpAddr>);

/// How long the same failure from the same place is not written down again.
const RECORDED_FOR: SignedDuration = SignedDuration::from_mins(1);

#[derive(Clone, Copy)]
struct Entry<T> {
    what: T,
    standing: Standing,
    at: Timestamp,
}

/// What an answer about a password depends on beside the password.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Standing {
    changed_at: Option<Position>,
    enabled: bool,
}

impl Standing {
    fn of(account: Option<&AccountFacts>) -> Self {
        Self {
            changed_at: account.map(|account| account.changed_at),
            enabled: account.is_some_and(|account| account.enabled),
        }
    }
}

impl Remembered {
    pub(super) fn new(keep_right: SignedDuration) -> Self {
        let mut bytes = zeroize::Zeroizing::new([0; 32]);
        crate::vault::seal::fill(&mut *bytes);
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &*bytes),
            keep_right,
            right: Mutex::new(Bounded::new(REMEMBERED)),
            wrong: Mutex::new(Bounded::new(REMEMBERED)),
            recorded: Mutex::new(Bounded::new(REMEMBERED)),
        }
    }

    pub(super) fn mark(&self, name: &str, secret: &str) -> Mark {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&(name.len() as u64).to_be_bytes());
        context.update(name.as_bytes());
        context.update(secret.as_bytes());
        let mut mark = Mark::default();
        mark.copy_from_slice(&context.sign().as_ref()[..16]);
        mark
    }

    /// Whether this password was right a moment ago, and nothing has changed since.
    pub(super) fn is_right(&self, attempt: &Attempt<'_>) -> bool {
        find(&self.right, attempt, self.keep_right).is_some()
    }

    pub(super) fn was_right(&self, attempt: &Attempt<'_>) {
        if !self.keep_right.is_zero() {
            put(&self.right, attempt, ());
        }
    }

    /// Why this password was wrong, if it was and nothing has changed since.
    pub(super) fn is_wrong(&self, attempt: &Attempt<'_>) -> Option<SignInFailure> {
        find(&self.wrong, attempt, LOCKOUT_WINDOW)
    }

    pub(super) fn was_wrong(&self, attempt: &Attempt<'_>, why: SignInFailure) {
        put(&self.wrong, attempt, why);
    }

    /// Whether the very same failure is a fact already.
    pub(super) fn is_repeated(&self, attempt: &Attempt<'_>, why: SignInFailure) -> bool {
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        recorded
            .get(&failed(attempt, why))
            .is_some_and(|at| attempt.now.duration_since(*at) < RECORDED_FOR)
    }

    pub(super) fn was_recorded(&self, attempt: &Attempt<'_>, why: SignInFailure) {
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.insert(failed(attempt, why), attempt.now);
    }
}

fn failed(attempt: &Attempt<'_>, why: SignInFailure) -> Failed {
    (attempt.mark, why, attempt.door, attempt.origin.address)
}

fn find<T: Copy>(
    map: &Mutex<Bounded<Mark, Entry<T>>>,
    attempt: &Attempt<'_>,
    keep: SignedDuration,
) -> Option<T> {
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = *map.get(&attempt.mark)?;
    let age = attempt.now.duration_since(entry.at);
    let good = entry.standing == Standing::of(attempt.account.as_ref())
        && age < keep
        && age >= SignedDuration::ZERO; // a clock set back does not prolong
    if !good {
        map.remove(&attempt.mark);
    }
    good.then_some(entry.what)
}

fn put<T>(map: &Mutex<Bounded<Mark, Entry<T>>>, attempt: &Attempt<'_>, what: T) {
    let entry = Entry { what, standing: Standing::of(attempt.account.as_ref()), at: attempt.now };
    map.lock().unwrap_or_else(PoisonError::into_inner).insert(attempt.mark, entry);
}
