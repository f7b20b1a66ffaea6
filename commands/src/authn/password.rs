//! A password on its way: remembered, counted, and only then hashed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use domain::access::Subject;
use domain::auth::SignInFailure;
use domain::event::{Credential, Door};
use tokio::sync::{OwnedMutexGuard, Semaphore};
use zeroize::Zeroizing;

use super::guard::Try;
use super::remembered::Mark;
use super::{
    Attempt, Authenticated, Authenticator, AuthnError, HASHES_AT_ONCE, HASHES_WAITING, VERIFYING,
};
use crate::vault::password::{Verified, verify};

impl Authenticator {
    pub(super) async fn password(&self, attempt: Attempt<'_>) -> Result<Authenticated, AuthnError> {
        if let Some(known) = self.remembered(&attempt) {
            return known;
        }
        // Of several requests with the same secret one hashes, and the others hear of it.
        let flight = self.0.slow.board(attempt.mark)?;
        let _alone = flight.alone().await;
        if let Some(known) = self.remembered(&attempt) {
            return known;
        }
        self.0.guard.count(attempt.origin.address, attempt.now)?;
        let verified = self.counted(&attempt).await;
        if !matches!(verified, Err(AuthnError::Refused(_))) {
            self.0.guard.uncount(attempt.origin.address, attempt.now);
        }
        verified
    }

    fn remembered(&self, attempt: &Attempt<'_>) -> Option<Result<Authenticated, AuthnError>> {
        if self.0.remembered.is_right(attempt) {
            return Some(self.entered(attempt));
        }
        // The same wrong secret again counts once, however often a client repeats it.
        let why = self.0.remembered.is_wrong(attempt)?;
        Some(Err(self.refuse(attempt, why)))
    }

    /// Verifies a password that is counted for its address already.
    async fn counted(&self, attempt: &Attempt<'_>) -> Result<Authenticated, AuthnError> {
        let known = attempt.name.as_ref().filter(|_| attempt.account.is_some());
        let allowed = known.map(|user| self.0.guard.try_secret(user, attempt.mark, attempt.now));
        if let Some(Try::LockedNow { until }) = allowed
            && self.0.failures.record_lockout(attempt, attempt.claimed.clone(), until).is_err()
        {
            return Err(AuthnError::busy());
        }
        let locked = matches!(allowed, Some(Try::Locked | Try::LockedNow { .. }));

        // Whoever it is and whatever stands against it: one row is read, one slow hash made.
        let verified = match self.slow_hash(attempt, locked).await {
            Ok(verified) => verified,
            Err(error) => {
                self.not_wrong(attempt);
                return Err(error);
            }
        };
        let why = match (&attempt.account, verified) {
            _ if locked => SignInFailure::LockedOut,
            (None, _) => SignInFailure::UnknownUser,
            (Some(_), Verified::Wrong) => SignInFailure::WrongSecret,
            (Some(account), Verified::Right) => {
                self.not_wrong(attempt);
                if account.enabled {
                    self.0.remembered.was_right(attempt);
                    return self.entered(attempt);
                }
                SignInFailure::Disabled
            }
        };
        metrics::counter!("portus_auth_failures_total", "reason" => super::failures::word(why))
            .increment(1);
        if !locked {
            // A locked account's secrets are not looked at, so nothing is known of them.
            self.0.remembered.was_wrong(attempt, why);
        }
        Err(self.record(attempt, why))
    }

    async fn slow_hash(&self, attempt: &Attempt<'_>, locked: bool) -> Result<Verified, AuthnError> {
        let phc = match &attempt.name {
            Some(user) => super::in_time(self.0.vault.password(user)).await?,
            None => None,
        };
        let phc = phc.filter(|_| !locked && attempt.account.is_some());
        self.0.slow.verify(phc, attempt.secret).await
    }

    fn not_wrong(&self, attempt: &Attempt<'_>) {
        if let Some(user) = &attempt.name {
            self.0.guard.was_right(user, attempt.mark);
        }
    }

    /// The password is right: does this door open for passwords of this account?
    fn entered(&self, attempt: &Attempt<'_>) -> Result<Authenticated, AuthnError> {
        match &attempt.name {
            Some(name) if !(attempt.door == Door::Web && attempt.is_bot()) => Ok(Authenticated {
                subject: Subject::Account { name: name.clone() },
                credential: Credential::Password,
            }),
            _ => Err(self.refuse(attempt, SignInFailure::WrongDoor)),
        }
    }
}

/// The slow hashes: few at once, some waiting, the rest told to come back.
pub(super) struct SlowHashes {
    running: Arc<Semaphore>,
    waiting: AtomicUsize,
    flights: Mutex<HashMap<Mark, Flight>>,
    aboard: AtomicUsize,
}

#[derive(Clone, Default)]
struct Flight {
    alone: Arc<tokio::sync::Mutex<()>>,
    aboard: usize,
}

/// One of those who wait for the same secret.
struct Passenger<'a> {
    hashes: &'a SlowHashes,
    mark: Mark,
    alone: Arc<tokio::sync::Mutex<()>>,
}

impl Passenger<'_> {
    async fn alone(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.alone).lock_owned().await
    }
}

impl Drop for Passenger<'_> {
    fn drop(&mut self) {
        self.hashes.aboard.fetch_sub(1, Ordering::Relaxed);
        let mut flights = self.hashes.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get_mut(&self.mark) {
            flight.aboard -= 1;
            if flight.aboard == 0 {
                flights.remove(&self.mark);
            }
        }
    }
}

impl SlowHashes {
    pub(super) fn new() -> Self {
        Self {
            running: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            waiting: AtomicUsize::new(0),
            flights: Mutex::new(HashMap::new()),
            aboard: AtomicUsize::new(0),
        }
    }

    fn board(&self, mark: Mark) -> Result<Passenger<'_>, AuthnError> {
        if self.aboard.fetch_add(1, Ordering::Relaxed) >= VERIFYING {
            self.aboard.fetch_sub(1, Ordering::Relaxed);
            return Err(AuthnError::busy());
        }
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let flight = flights.entry(mark).or_default();
        flight.aboard += 1;
        Ok(Passenger { hashes: self, mark, alone: Arc::clone(&flight.alone) })
    }

    /// Hashes on a thread of its own.
    async fn verify(
        &self,
        phc: Option<Zeroizing<String>>,
        secret: &str,
    ) -> Result<Verified, AuthnError> {
        let turn = self.turn().await?;
        let secret = Zeroizing::new(secret.to_owned());
        let verified = tokio::task::spawn_blocking(move || {
            let verified = verify(phc.as_ref().map(|phc| phc.as_str()), &secret);
            drop(turn); // also when whoever asked has gone: the thread was busy that long
            verified
        });
        verified.await.map_err(|_| AuthnError::busy())
    }

    async fn turn(&self) -> Result<tokio::sync::OwnedSemaphorePermit, AuthnError> {
        let waiting = Waiting::new(&self.waiting)?;
        let turn = Arc::clone(&self.running).acquire_owned().await;
        drop(waiting);
        turn.map_err(|_| AuthnError::busy())
    }
}

/// Counts one who waits, and stops counting however the waiting ends.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Result<Self, AuthnError> {
        // The running ones pass through here too, without waiting.
        let before = count.fetch_add(1, Ordering::Relaxed);
        let waiting = Self(count);
        if before >= HASHES_WAITING { Err(AuthnError::busy()) } else { Ok(waiting) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
