//! Who is this? The one way from a credential to a subject, for every door.
//!
//! Application and refresh tokens cost nothing: a hash or a MAC, and a look into memory. Passwords
//! cost a slow hash, so they are remembered for a moment, wrong ones too, and the number of slow
//! hashes at once is bounded. Whatever is wrong, the person is told the same; the log is told why.

pub mod app_token;
mod failures;
mod guard;
pub mod outbox;
mod password;
pub mod refresh;
mod remembered;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use domain::access::{AccountFacts, Graph, Subject};
use domain::app_token::TokenId;
use domain::auth::{Claimed, SignInFailure};
use domain::event::{Credential, Door};
use domain::name::UserName;
use domain::user::Account;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use self::guard::Guard;
use self::remembered::Remembered;
use crate::bounded::Bounded;
use crate::desk::{Clock, Desk, Origin};
use crate::vault::{Vault, VaultError};

/// Slow hashes at once.
pub const HASHES_AT_ONCE: usize = 2;
/// Slow hashes that wait for their turn; whoever comes later is told to come back.
pub const HASHES_WAITING: usize = 64;
/// Requests that wait for a password to be verified, those with the same password included.
pub const VERIFYING: usize = 1_024;
/// Different wrong secrets for one account within [`LOCKOUT_WINDOW`] before it is locked.
pub const DISTINCT_SECRETS: usize = 10;
/// How long a wrong secret counts.
pub const LOCKOUT_WINDOW: SignedDuration = SignedDuration::from_mins(15);
/// How long a locked account takes no new password.
pub const LOCKOUT: SignedDuration = SignedDuration::from_mins(15);
/// Different wrong credentials of one address (IPv4 address, IPv6 /64) within
/// [`ADDRESS_WINDOW`] before it has to wait.
pub const FAILURES_PER_ADDRESS: u32 = 60;
/// See [`FAILURES_PER_ADDRESS`].
pub const ADDRESS_WINDOW: SignedDuration = SignedDuration::from_mins(1);
/// The most accounts and addresses, each, whose failures are counted one by one. Who comes beyond
/// that counts with a group ([`CROWDS`]); nobody's count is ever reset by others.
pub const COUNTED: usize = 50_000;
/// Groups in which accounts, and addresses, beyond [`COUNTED`] count together: ten wrong secrets lock
/// one group. To lock all takes 327,680 different guesses in a quarter of an hour, each a slow hash.
pub const CROWDS: u64 = 32_768;
/// The most passwords remembered, right and wrong ones each.
pub const REMEMBERED: usize = 50_000;
/// How long a right password is remembered, unless its account changes before.
pub const REMEMBER_RIGHT: SignedDuration = SignedDuration::from_mins(5);
/// The most application tokens whose hash is kept in memory.
pub const CACHED_TOKENS: usize = 100_000;
/// The longest secret that is looked at, in bytes.
pub const MAX_SECRET_BYTES: usize = 4 * 1_024;
/// The longest name that is looked at, in bytes.
pub const MAX_NAME_BYTES: usize = 1_024;
/// Failures on their way into the log; when more wait, nobody is refused unrecorded: the answer is
/// "come back".
pub const FAILURES_WAITING: usize = 4_096;

/// How long the vault may take to answer one question: a database that hangs is away, and whoever
/// signs in hears so while they still listen.
pub const VAULT_PATIENCE: Duration = Duration::from_secs(2);

/// What may be set.
#[derive(Debug, Clone)]
pub struct AuthnOptions {
    /// How long a right password is remembered. Zero: not at all.
    pub remember: SignedDuration,
    /// How long a refresh token is good.
    pub refresh_lifetime: SignedDuration,
}

impl Default for AuthnOptions {
    fn default() -> Self {
        Self { remember: REMEMBER_RIGHT, refresh_lifetime: SignedDuration::from_hours(90 * 24) }
    }
}

/// Somebody whose credential was good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// Who.
    pub subject: Subject,
    /// By what.
    pub credential: Credential,
}

/// Why nobody was let in.
#[derive(Debug, thiserror::Error)]
pub enum AuthnError {
    /// The credential is not good: 401. The text is the same for every reason; the reason itself is
    /// for the log and for metrics.
    #[error("the user name, password or token is not right")]
    Refused(SignInFailure),
    /// Too many wrong credentials came from this address: 429.
    #[error("too many failed sign-ins; try again in {} s", .retry_after.as_secs())]
    TooMany {
        /// When to come back.
        retry_after: Duration,
    },
    /// More is waiting than can be worked off soon: 503.
    #[error("too many sign-ins at once; try again in {} s", .retry_after.as_secs())]
    Busy {
        /// When to come back.
        retry_after: Duration,
    },
    /// The vault does not serve: 503.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl AuthnError {
    /// A plain refusal, for doors that find a further reason of their own.
    #[must_use]
    pub fn refused() -> Self {
        Self::Refused(SignInFailure::WrongSecret)
    }

    fn busy() -> Self {
        Self::Busy { retry_after: Duration::from_secs(2) }
    }
}

/// Whatever turns credentials into subjects. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator(Arc<Inner>);

struct Inner {
    vault: Vault,
    clock: Clock,
    options: AuthnOptions,
    guard: Guard,
    remembered: Remembered,
    slow: password::SlowHashes,
    tokens: Mutex<Bounded<[u8; 32], (TokenId, UserName)>>,
    refresh: refresh::Minter,
    failures: failures::Failures,
    /// Names that are nobody's, in facts.
    unknown_names: hmac::Key,
}

/// One attempt, on its way through.
struct Attempt<'a> {
    graph: &'a Graph,
    name: Option<UserName>,
    account: Option<AccountFacts>,
    claimed: Claimed,
    secret: &'a str,
    origin: &'a Origin,
    door: Door,
    /// Name and secret under this process's key.
    mark: remembered::Mark,
    now: Timestamp,
}

impl Authenticator {
    /// Starts the task that records failures; call it inside a runtime.
    #[must_use]
    pub fn new(desk: &Desk, options: AuthnOptions) -> Self {
        let names = desk.vault.derived_key("names of nobody");
        Self(Arc::new(Inner {
            vault: desk.vault.clone(),
            clock: desk.clock.clone(),
            guard: Guard::new(),
            remembered: Remembered::new(options.remember),
            slow: password::SlowHashes::new(),
            tokens: Mutex::new(Bounded::new(CACHED_TOKENS)),
            refresh: refresh::Minter::new(&desk.vault, options.refresh_lifetime),
            failures: failures::Failures::new(desk),
            unknown_names: hmac::Key::new(hmac::HMAC_SHA256, &*names),
            options,
        }))
    }

    /// A user name and a secret, which is a password or an application token of that user. (The
    /// web takes no application tokens, and no bots.)
    ///
    /// `graph` must be fresh: it says who is disabled and which tokens were revoked.
    ///
    /// # Errors
    ///
    /// [`AuthnError`]. Every refusal becomes a fact.
    pub async fn verify_basic(
        &self,
        graph: &Graph,
        name: &str,
        secret: &str,
        origin: &Origin,
        door: Door,
    ) -> Result<Authenticated, AuthnError> {
        let attempt = self.attempt(graph, name, secret, origin, door);
        if name.is_empty() || secret.is_empty() || attempt.is_too_long(name) {
            return Err(self.refuse(&attempt, SignInFailure::Malformed));
        }
        if app_token::looks_like_one(secret) {
            return self.app_token(attempt, true).await;
        }
        self.password(attempt).await
    }

    /// An application token alone, or with the name of its owner (`Authorization: Bearer`,
    /// `Portus-Auth`).
    ///
    /// # Errors
    ///
    /// [`AuthnError`]. Every refusal becomes a fact.
    pub async fn verify_token(
        &self,
        graph: &Graph,
        name: Option<&str>,
        secret: &str,
        origin: &Origin,
        door: Door,
    ) -> Result<Authenticated, AuthnError> {
        let attempt = self.attempt(graph, name.unwrap_or_default(), secret, origin, door);
        if attempt.is_too_long(name.unwrap_or_default()) {
            return Err(self.refuse(&attempt, SignInFailure::Malformed));
        }
        self.app_token(attempt, name.is_some()).await
    }

    /// A refresh token of the token endpoint, for one service. What comes back is the password's
    /// or application token's subject for which it was issued: never more.
    ///
    /// # Errors
    ///
    /// [`AuthnError`]. Every refusal becomes a fact.
    pub fn verify_refresh(
        &self,
        graph: &Graph,
        token: &str,
        service: &str,
        origin: &Origin,
    ) -> Result<Authenticated, AuthnError> {
        let Some(read) = self.0.refresh.read(token) else {
            let attempt = self.attempt(graph, "", token, origin, Door::Token);
            return Err(self.refuse(&attempt, SignInFailure::Malformed));
        };
        let attempt = self.attempt(graph, read.user.as_str(), token, origin, Door::Token);
        let reason = if read.service != service {
            Some(SignInFailure::WrongDoor)
        } else if attempt.now >= read.expires_at {
            Some(SignInFailure::Expired)
        } else {
            match &attempt.account {
                Some(account) if !account.enabled => Some(SignInFailure::Disabled),
                None => Some(SignInFailure::Disabled),
                Some(account) if read.issued < account.signed_out_before => {
                    Some(SignInFailure::Revoked)
                }
                Some(_) => read.token.and_then(|id| attempt.token_is_over(id, &read.user)),
            }
        };
        if let Some(reason) = reason {
            return Err(self.refuse(&attempt, reason));
        }
        let subject = match read.token {
            Some(id) => Subject::Token { owner: read.user, id },
            None => Subject::Account { name: read.user },
        };
        Ok(Authenticated { subject, credential: Credential::RefreshToken })
    }

    /// A refresh token for whoever has just been authenticated; `None` for anonymous ones.
    ///
    /// It is not stored: it carries its user, service and log position under a MAC, and ends when
    /// the user is disabled or signed out everywhere, or the application token behind it ends.
    #[must_use]
    pub fn issue_refresh(
        &self,
        graph: &Graph,
        subject: &Subject,
        service: &str,
    ) -> Option<Zeroizing<String>> {
        let (user, token) = match subject {
            Subject::Account { name } => (name, None),
            Subject::Token { owner, id } => (owner, Some(*id)),
            Subject::Anonymous | Subject::Registry { .. } | Subject::Invalid => return None,
        };
        Some(self.0.refresh.mint(user, token, service, graph.position(), self.0.clock.now()))
    }

    /// Writes down what waits, and takes nothing more. Says how many failures could not be
    /// recorded within `patience`.
    pub async fn close(&self, patience: Duration) -> usize {
        self.0.failures.close(patience).await
    }

    fn attempt<'a>(
        &self,
        graph: &'a Graph,
        name: &str,
        secret: &'a str,
        origin: &'a Origin,
        door: Door,
    ) -> Attempt<'a> {
        let typed = name;
        let name = UserName::parse(name).ok();
        let account = name.as_ref().and_then(|name| graph.account(name));
        let claimed = match (&name, &account) {
            (Some(user), Some(_)) => Claimed::Known { user: user.clone() },
            _ => {
                let tag = hmac::sign(&self.0.unknown_names, typed.as_bytes());
                Claimed::Unknown { hash: hex::encode(&tag.as_ref()[..16]) }
            }
        };
        let canonical = name.as_ref().map_or(typed, UserName::as_str);
        let mark = self.0.remembered.mark(canonical, secret);
        let now = self.0.clock.now();
        Attempt { graph, name, account, claimed, secret, origin, door, mark, now }
    }

    async fn app_token(
        &self,
        attempt: Attempt<'_>,
        named: bool,
    ) -> Result<Authenticated, AuthnError> {
        let Some(hash) = app_token::read(attempt.secret) else {
            return Err(self.refuse(&attempt, SignInFailure::Malformed));
        };
        let known =
            self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned();
        let (id, owner) = match known {
            Some(known) => known,
            None => {
                // Only what is in memory already is looked at for an address that has to wait.
                self.0.guard.may_try(attempt.origin.address, attempt.now)?;
                let Some(found) = in_time(self.0.vault.app_token(hash)).await? else {
                    return Err(self.refuse(&attempt, SignInFailure::WrongSecret));
                };
                let mut tokens = self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner);
                tokens.insert(hash, found.clone());
                found
            }
        };
        if named && attempt.name.as_ref() != Some(&owner) {
            return Err(self.refuse(&attempt, SignInFailure::WrongSecret));
        }
        let over = match attempt.graph.account(&owner) {
            Some(account) if account.enabled => attempt.token_is_over(id, &owner),
            Some(_) | None => Some(SignInFailure::Disabled),
        };
        let over = over.or((attempt.door == Door::Web).then_some(SignInFailure::WrongDoor));
        match over {
            Some(reason) => Err(self.refuse(&attempt, reason)),
            None => Ok(Authenticated {
                subject: Subject::Token { owner, id },
                credential: Credential::AppToken { id },
            }),
        }
    }

    /// Counts and records a failure; the first of its kind is a fact, and what is the very same
    /// attempt again only counts in the metrics: clients repeat a stale secret by the dozen.
    fn refuse(&self, attempt: &Attempt<'_>, reason: SignInFailure) -> AuthnError {
        let again = self.0.remembered.is_repeated(attempt, reason);
        metrics::counter!("portus_auth_failures_total", "reason" => failures::word(reason))
            .increment(1);
        if again {
            return AuthnError::Refused(reason);
        }
        if let Err(wait) = self.0.guard.count(attempt.origin.address, attempt.now) {
            return wait;
        }
        self.record(attempt, reason)
    }

    fn record(&self, attempt: &Attempt<'_>, reason: SignInFailure) -> AuthnError {
        match self.0.failures.record(attempt, reason) {
            Ok(()) => {
                self.0.remembered.was_recorded(attempt, reason);
                AuthnError::Refused(reason)
            }
            Err(outbox::Full) => AuthnError::busy(),
        }
    }
}

/// The vault's answer, if it comes soon.
async fn in_time<T>(asked: impl Future<Output = Result<T, VaultError>>) -> Result<T, VaultError> {
    match tokio::time::timeout(VAULT_PATIENCE, asked).await {
        Ok(answer) => answer,
        Err(_) => {
            let waited = VAULT_PATIENCE.as_secs();
            Err(VaultError(format!("no answer from the database within {waited} s")))
        }
    }
}

impl Attempt<'_> {
    fn is_too_long(&self, name: &str) -> bool {
        name.len() > MAX_NAME_BYTES || self.secret.len() > MAX_SECRET_BYTES
    }

    /// Why an application token of an enabled account opens nothing; `None`: it does.
    fn token_is_over(&self, id: TokenId, owner: &UserName) -> Option<SignInFailure> {
        match self.graph.token(id) {
            Some(token) if token.owner != *owner => Some(SignInFailure::WrongSecret),
            Some(token) if token.revoked => Some(SignInFailure::Revoked),
            Some(token) if token.expires_at <= self.now => Some(SignInFailure::Expired),
            Some(_) => None,
            None => Some(SignInFailure::Revoked),
        }
    }

    fn is_bot(&self) -> bool {
        self.account.as_ref().is_some_and(|account| account.account == Account::Bot)
    }
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").field("options", &self.0.options).finish_non_exhaustive()
    }
}
