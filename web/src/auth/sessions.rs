//! Web sessions: 256 random bits in a cookie, their SHA-256 in the vault's schema, nothing else.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use commands::desk::{Clock, Origin};
use domain::event::Position;
use domain::name::UserName;
use http::header::COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx as _;
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::Preferences;

/// A session that nobody used for this long is over, unless configured otherwise.
pub const IDLE: SignedDuration = SignedDuration::from_mins(30);
/// A session is over this long after sign-in, used or not, unless configured otherwise.
pub const ABSOLUTE: SignedDuration = SignedDuration::from_hours(12);
/// The most sessions of one person; the oldest ends when one more begins.
pub const MAX_SESSIONS: i64 = 50;

/// The longest name of a browser that is kept, in characters.
pub const MAX_AGENT_CHARS: usize = 512;

/// That a session was used is written at most this often, or ten times in the time after which it
/// would be over.
pub(super) const TOUCH_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// A request with this header was made by a page on its own: it does not count as use, so that a
/// screen that somebody has left is signed out in time.
pub(crate) const UNATTENDED: HeaderName = HeaderName::from_static("x-portus-unattended");

/// Bytes of a session's secret.
const SECRET_BYTES: usize = 32;

/// Bytes of the token of a session's forms, and of what it is crossed with.
const CSRF_BYTES: usize = 32;

/// Where sessions are kept. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    pool: PgPool,
    clock: Clock,
    secure: bool,
    idle: SignedDuration,
    absolute: SignedDuration,
}

/// A live session. Its secret never leaves this module but as a cookie.
#[derive(Clone)]
pub struct Session {
    /// Whose.
    pub user: UserName,
    /// Position of the sign-in in the log.
    pub since: Position,
    /// How they like the pages.
    pub preferences: Preferences,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

const BEGIN: &str = "
    INSERT INTO vault.sessions (hash, user_name, since, created_at, seen_at, agent, address)
    VALUES ($1, $2, $3, $4, $4, $5, $6)";
/// Of a request a row is read; written is it only where it was not for some time.
const USE: &str = "
    WITH used AS (
        UPDATE vault.sessions SET seen_at = $2
        WHERE hash = $1 AND seen_at > $3 AND created_at > $4 AND seen_at < $5)
    SELECT user_name, since,
        (SELECT look FROM vault.preferences AS p WHERE p.user_name = s.user_name)
    FROM vault.sessions AS s
    WHERE hash = $1 AND seen_at > $3 AND created_at > $4";
const PREFER: &str = "
    INSERT INTO vault.preferences (user_name, look) VALUES ($1, $2)
    ON CONFLICT (user_name) DO UPDATE SET look = excluded.look";
const PREFERRED: &str = "SELECT look FROM vault.preferences WHERE user_name = $1";
const OF_USER: &str = "
    SELECT hash, created_at, seen_at, agent, address FROM vault.sessions
    WHERE user_name = $1 AND since >= $2 AND seen_at > $3 AND created_at > $4
    ORDER BY seen_at DESC, hash LIMIT $5";
const IS_LIVE: &str = "
    SELECT EXISTS (SELECT FROM vault.sessions
        WHERE hash = $1 AND seen_at > $2 AND created_at > $3)";
const END_ONE: &str = "DELETE FROM vault.sessions WHERE user_name = $1 AND hash = $2";
const END: &str = "DELETE FROM vault.sessions WHERE hash = $1";
const END_ALL: &str = "DELETE FROM vault.sessions WHERE user_name = $1";
const SWEEP: &str = "DELETE FROM vault.sessions WHERE seen_at <= $1 OR created_at <= $2";
const TRIM: &str = "
    DELETE FROM vault.sessions WHERE hash IN (
        SELECT hash FROM vault.sessions WHERE user_name = $1
        ORDER BY created_at DESC, hash OFFSET $2)";

impl Sessions {
    /// Sessions in the database of `pool`. `secure` says that browsers reach us by https: then the
    /// cookie is `__Host-portus`, and goes over nothing else.
    #[must_use]
    pub fn new(pool: PgPool, clock: Clock, secure: bool) -> Self {
        Self { pool, clock, secure, idle: IDLE, absolute: ABSOLUTE }
    }

    /// With other life times: unused, and in all. They hold for sessions that live already, too.
    #[must_use]
    pub fn lasting(self, idle: SignedDuration, absolute: SignedDuration) -> Self {
        Self { idle, absolute, ..self }
    }

    /// Clears away the sessions whose time is over, and says how many they were.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn sweep(&self) -> Result<u64, sqlx::Error> {
        let now = self.clock.now();
        let swept = sqlx::query(SWEEP)
            .bind((now - self.idle).to_sqlx())
            .bind((now - self.absolute).to_sqlx())
            .execute(&self.pool)
            .await?;
        Ok(swept.rows_affected())
    }

    /// Begins a session. Always a new secret: a cookie from before sign-in is good for nothing.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn begin(
        &self,
        user: &UserName,
        since: Position,
        origin: &Origin,
    ) -> Result<Session, sqlx::Error> {
        let now = self.clock.now();
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        rand::fill(&mut *secret);
        let preferences = self.preferences(user).await?;
        let session = Session { user: user.clone(), since, preferences, secret };
        let agent = origin.user_agent.as_deref();
        let agent = agent.map(|agent| agent.chars().take(MAX_AGENT_CHARS).collect::<String>());
        sqlx::query(BEGIN)
            .bind(session.hash())
            .bind(user.as_str())
            .bind(since.0.cast_signed())
            .bind(now.to_sqlx())
            .bind(agent)
            .bind(origin.address.map(|address| address.to_string()))
            .execute(&self.pool)
            .await?;
        sqlx::query(TRIM).bind(user.as_str()).bind(MAX_SESSIONS).execute(&self.pool).await?;
        Ok(session)
    }

    /// The live session that a request's cookie belongs to, which is thereby used.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn of(&self, headers: &HeaderMap) -> Result<Shown, sqlx::Error> {
        let secret = match self.cookie(headers) {
            Cookie::None => return Ok(Shown::Nothing),
            Cookie::Garbage => return Ok(Shown::Over),
            Cookie::Secret(secret) => secret,
        };
        let now: Timestamp = self.clock.now();
        // A page that brings itself up to date keeps nobody signed in.
        let used_before = match headers.contains_key(&UNATTENDED) {
            true => Timestamp::UNIX_EPOCH,
            false => now - TOUCH_EVERY.min(self.idle / 10),
        };
        let found: Option<(String, i64, Option<String>)> = sqlx::query_as(USE)
            .bind(Sha256::digest(*secret).as_slice())
            .bind(now.to_sqlx())
            .bind((now - self.idle).to_sqlx())
            .bind((now - self.absolute).to_sqlx())
            .bind(used_before.to_sqlx())
            .fetch_optional(&self.pool)
            .await?;
        let session = found.and_then(|(user, since, look)| {
            let user = UserName::parse(&user).ok()?;
            let preferences = look.as_deref().map(Preferences::parse).unwrap_or_default();
            Some(Session { user, since: Position(since.cast_unsigned()), preferences, secret })
        });
        Ok(session.map_or(Shown::Over, Shown::Live))
    }

    /// Ends one session.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn end(&self, session: &Session) -> Result<(), sqlx::Error> {
        sqlx::query(END).bind(session.hash()).execute(&self.pool).await.map(|_| ())
    }

    /// The live sessions of a person that began after `after`, the one used last first.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn of_user(
        &self,
        user: &UserName,
        after: Position,
    ) -> Result<Vec<Begun>, sqlx::Error> {
        let now = self.clock.now();
        sqlx::query_as(OF_USER)
            .bind(user.as_str())
            .bind(after.0.cast_signed())
            .bind((now - self.idle).to_sqlx())
            .bind((now - self.absolute).to_sqlx())
            .bind(MAX_SESSIONS)
            .fetch_all(&self.pool)
            .await
            .map(|rows: Vec<BegunRow>| rows.into_iter().map(Begun::of).collect())
    }

    /// Whether a session still lives; being asked does not use it.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn is_live(&self, session: &Session) -> Result<bool, sqlx::Error> {
        let now = self.clock.now();
        sqlx::query_scalar(IS_LIVE)
            .bind(session.hash())
            .bind((now - self.idle).to_sqlx())
            .bind((now - self.absolute).to_sqlx())
            .fetch_one(&self.pool)
            .await
    }

    /// Ends one session of a person, named by [`Begun::id`]. Another's, or none, changes nothing.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn end_one(&self, user: &UserName, id: &str) -> Result<(), sqlx::Error> {
        let Ok(hash) = hex::decode(id) else { return Ok(()) };
        sqlx::query(END_ONE).bind(user.as_str()).bind(hash).execute(&self.pool).await.map(|_| ())
    }

    /// How a person likes the pages.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn preferences(&self, user: &UserName) -> Result<Preferences, sqlx::Error> {
        let look: Option<String> =
            sqlx::query_scalar(PREFERRED).bind(user.as_str()).fetch_optional(&self.pool).await?;
        Ok(look.as_deref().map(Preferences::parse).unwrap_or_default())
    }

    /// Remembers how a person likes the pages.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn prefer(&self, user: &UserName, look: &Preferences) -> Result<(), sqlx::Error> {
        let query = sqlx::query(PREFER).bind(user.as_str()).bind(look.encode());
        query.execute(&self.pool).await.map(|_| ())
    }

    /// Ends all sessions of a person.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn end_all(&self, user: &UserName) -> Result<(), sqlx::Error> {
        sqlx::query(END_ALL).bind(user.as_str()).execute(&self.pool).await.map(|_| ())
    }

    /// The `Set-Cookie` that hands a session to its browser.
    #[must_use]
    pub fn hand_out(&self, session: &Session) -> HeaderValue {
        let secret = BASE64_URL_SAFE_NO_PAD.encode(*session.secret);
        self.set_cookie(&secret, self.absolute.as_secs())
    }

    /// The `Set-Cookie` that makes a browser forget its session.
    #[must_use]
    pub fn take_back(&self) -> HeaderValue {
        self.set_cookie("", 0)
    }

    fn set_cookie(&self, secret: &str, max_age: i64) -> HeaderValue {
        let (name, secure) = (self.name(), if self.secure { "; Secure" } else { "" });
        let text =
            format!("{name}={secret}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}");
        let mut value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }

    /// A browser takes `__Host-` cookies from https only.
    fn name(&self) -> &'static str {
        if self.secure { "__Host-portus" } else { "portus" }
    }

    fn cookie(&self, headers: &HeaderMap) -> Cookie {
        let mut found = Cookie::None;
        for header in headers.get_all(COOKIE) {
            for pair in header.as_bytes().split(|byte| *byte == b';') {
                let Some((name, value)) = split_pair(pair) else { continue };
                if name != self.name().as_bytes() || value.is_empty() {
                    continue;
                }
                // Two of them, and nobody knows which is ours.
                if !matches!(found, Cookie::None) {
                    return Cookie::Garbage;
                }
                let mut secret = Zeroizing::new([0; SECRET_BYTES]);
                found = match BASE64_URL_SAFE_NO_PAD.decode_slice(value, &mut *secret) {
                    Ok(SECRET_BYTES) => Cookie::Secret(secret),
                    _ => Cookie::Garbage,
                };
            }
        }
        found
    }
}

type BegunRow =
    (Vec<u8>, jiff_sqlx::Timestamp, jiff_sqlx::Timestamp, Option<String>, Option<String>);

/// A session as its person recognises it.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Names it among its person's; opens nothing.
    pub id: String,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When it was used last.
    pub seen_at: Timestamp,
    /// What their browser called itself.
    pub agent: Option<String>,
    /// From where they signed in.
    pub address: Option<String>,
}

impl Begun {
    fn of((hash, created_at, seen_at, agent, address): BegunRow) -> Self {
        Self {
            id: hex::encode(hash),
            created_at: created_at.to_jiff(),
            seen_at: seen_at.to_jiff(),
            agent,
            address,
        }
    }
}

/// What a request's cookie shows.
pub enum Shown {
    /// There is none.
    Nothing,
    /// A session that is over, or never was.
    Over,
    /// A live one. Whether its person may still come in, the access graph says.
    Live(Session),
}

enum Cookie {
    None,
    Garbage,
    Secret(Zeroizing<[u8; SECRET_BYTES]>),
}

fn split_pair(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = pair.iter().position(|byte| *byte == b'=')?;
    Some((pair[..at].trim_ascii(), pair[at + 1..].trim_ascii()))
}

impl Session {
    /// Names it among its person's sessions; opens nothing.
    #[must_use]
    pub fn id(&self) -> String {
        hex::encode(self.hash())
    }

    fn hash(&self) -> Vec<u8> {
        Sha256::digest(*self.secret).to_vec()
    }

    /// What forms of this session carry in their field `csrf`, and scripts in `X-CSRF-Token`. Of
    /// no use without the cookie, and the cookie's secret cannot be had from it. Looks different
    /// each time, so that the length of a compressed page says nothing of it (BREACH).
    #[must_use]
    pub fn csrf(&self) -> String {
        let mut shown = [0; 2 * CSRF_BYTES];
        let (mask, masked) = shown.split_at_mut(CSRF_BYTES);
        rand::fill(mask);
        masked.copy_from_slice(&crossed(&self.csrf_bytes(), mask));
        BASE64_URL_SAFE_NO_PAD.encode(shown)
    }

    /// Whether `shown` is one of those that [`Self::csrf`] gives, in constant time.
    #[must_use]
    pub fn is_csrf(&self, shown: &str) -> bool {
        let Ok(shown) = BASE64_URL_SAFE_NO_PAD.decode(shown) else { return false };
        let Some((mask, masked)) = shown.split_at_checked(CSRF_BYTES) else { return false };
        crossed(&self.csrf_bytes(), mask).as_slice().ct_eq(masked).into()
    }

    fn csrf_bytes(&self) -> [u8; CSRF_BYTES] {
        let mut hash = Sha256::new();
        hash.update(b"portus csrf\0");
        hash.update(*self.secret);
        hash.finalize().into()
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Bit by bit, one or the other.
fn crossed(token: &[u8; CSRF_BYTES], mask: &[u8]) -> [u8; CSRF_BYTES] {
    let mut crossed = *token;
    crossed.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    crossed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(secret: u8) -> Session {
        Session {
            user: UserName::parse("alice").unwrap(),
            since: Position(1),
            preferences: Preferences::default(),
            secret: Zeroizing::new([secret; SECRET_BYTES]),
        }
    }

    #[test]
    fn a_token_of_forms_looks_different_each_time_and_opens_its_own_session_alone() {
        let (ours, theirs) = (session(1), session(2));
        let shown: Vec<String> = (0..100).map(|_| ours.csrf()).collect();
        let bytes = |text: &String| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
        for (number, token) in shown.iter().enumerate() {
            assert!(ours.is_csrf(token), "{token}");
            assert!(!theirs.is_csrf(token), "{token}");
            // Neither half of it comes twice.
            for other in shown.iter().skip(number + 1) {
                let (one, other) = (bytes(token), bytes(other));
                assert_ne!(one[..CSRF_BYTES], other[..CSRF_BYTES]);
                assert_ne!(one[CSRF_BYTES..], other[CSRF_BYTES..]);
            }
        }
    }

    #[test]
    fn nothing_but_a_whole_token_is_one() {
        let session = session(1);
        let token = session.csrf();
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&token).unwrap();
        for length in 0..bytes.len() {
            let begun = BASE64_URL_SAFE_NO_PAD.encode(&bytes[..length]);
            assert!(!session.is_csrf(&begun), "{length}");
        }
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(!session.is_csrf(&BASE64_URL_SAFE_NO_PAD.encode(changed)), "{place}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(!session.is_csrf(&BASE64_URL_SAFE_NO_PAD.encode(longer)));
        let zeros = BASE64_URL_SAFE_NO_PAD.encode([0; 2 * CSRF_BYTES]);
        for wrong in ["", "x", "=", &format!("{token}="), &format!(" {token}"), &zeros] {
            assert!(!session.is_csrf(wrong), "{wrong}");
        }
    }
}
