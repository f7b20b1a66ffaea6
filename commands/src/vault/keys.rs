//! One key a person (or a day, for anonymous callers), wrapped with the master key; erase it, and
//! what was sealed with it is noise.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use domain::event::{Actor, Sealed};
use domain::name::UserName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::seal::{self, SealKey};
use super::{Inner, VaultError};
use crate::bounded::Bounded;
use crate::desk::Origin;

/// The most keys kept in memory: a few hundred bytes each.
pub const CACHED_KEYS: usize = 20_000;
/// How long a key is kept in memory before the database is asked again whether it still lives.
pub const KEPT: Duration = Duration::from_secs(300);
/// The longest user agent that is kept, in bytes.
pub const MAX_USER_AGENT_BYTES: usize = 256;

/// What was sealed: where somebody came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrigin {
    /// The client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The client's name for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// Keys in memory: by subject the living one, by id any that a box names.
pub(super) struct Keys(Mutex<Bounded<String, Kept>>);

#[derive(Clone)]
struct Kept {
    key: Arc<SubjectKey>,
    since: Instant,
}

/// A key and its id, `<subject>/<generation>`.
struct SubjectKey {
    id: String,
    seal: SealKey,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Bounded::new(CACHED_KEYS)))
    }

    fn get(&self, name: &str) -> Option<Arc<SubjectKey>> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = map.get(name)?;
        if kept.since.elapsed() < KEPT {
            return Some(Arc::clone(&kept.key));
        }
        map.remove(name);
        None
    }

    fn put(&self, name: &str, key: &Arc<SubjectKey>) {
        let kept = Kept { key: Arc::clone(key), since: Instant::now() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), kept);
    }

    fn forget(&self, subject: &str) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.retain(|_, kept| kept.key.id.rsplit_once('/').is_none_or(|(of, _)| of != subject));
    }
}

pub(super) async fn seal_origin(
    vault: &Inner,
    actor: &Actor,
    at: Timestamp,
    associated: &[u8],
    origin: &Origin,
) -> Result<Option<Sealed>, VaultError> {
    let user_agent = origin.user_agent.as_deref().map(|text| cut(text, MAX_USER_AGENT_BYTES));
    if origin.address.is_none() && user_agent.is_none() {
        return Ok(None);
    }
    let open = OpenOrigin { address: origin.address, user_agent: user_agent.map(str::to_owned) };
    let plain = serde_json::to_vec(&open).map_err(|error| VaultError(error.to_string()))?;
    let subject = match actor.name() {
        Some(user) => subject_of(user),
        None => format!("day-{}", at.strftime("%Y-%m-%d")),
    };
    let key = living(vault, &subject).await?;
    Ok(Some(seal_with(&key, "origin", associated, &plain)))
}

pub(super) async fn open_origin(
    vault: &Inner,
    sealed: &Sealed,
    associated: &[u8],
) -> Result<Option<OpenOrigin>, VaultError> {
    let Some(plain) = open_box(vault, "origin", associated, sealed).await? else {
        return Ok(None);
    };
    let open = serde_json::from_slice(&plain).map_err(|_| VaultError(NOT_OURS.to_owned()))?;
    Ok(Some(open))
}

const NOT_OURS: &str = "a sealed box does not open: it was changed or copied from elsewhere";

/// Seals something of a user's.
pub(super) async fn seal_for(
    vault: &Inner,
    user: &UserName,
    purpose: &str,
    associated: &[u8],
    plain: &[u8],
) -> Result<Sealed, VaultError> {
    let key = living(vault, &subject_of(user)).await?;
    Ok(seal_with(&key, purpose, associated, plain))
}

/// Opens any box; `None` when its key was erased.
pub(super) async fn open_box(
    vault: &Inner,
    purpose: &str,
    associated: &[u8],
    sealed: &Sealed,
) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
    let Some(key) = by_id(vault, &sealed.key).await? else { return Ok(None) };
    let not_ours = |()| VaultError(NOT_OURS.to_owned());
    let data = BASE64_STANDARD_NO_PAD.decode(&sealed.data).map_err(|_| not_ours(()))?;
    let context = [purpose.as_bytes(), key.id.as_bytes(), associated];
    let plain = key.seal.open(&context, &data).map_err(|_| not_ours(()))?;
    Ok(Some(plain))
}

fn seal_with(key: &SubjectKey, purpose: &str, associated: &[u8], plain: &[u8]) -> Sealed {
    let context = [purpose.as_bytes(), key.id.as_bytes(), associated];
    let data = BASE64_STANDARD_NO_PAD.encode(key.seal.seal(&context, plain));
    Sealed { key: key.id.clone(), data }
}

fn subject_of(user: &UserName) -> String {
    format!("user-{user}")
}

const READ_LIVING: &str = "
    SELECT generation, wrapped FROM vault.subject_keys WHERE subject = $1 AND erased_at IS NULL";
const WRITE_KEY: &str = "
    INSERT INTO vault.subject_keys (subject, generation, wrapped) VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING";
const NEXT_GENERATION: &str =
    "SELECT coalesce(max(generation), 0) + 1 FROM vault.subject_keys WHERE subject = $1";
const READ_BY_ID: &str =
    "SELECT wrapped FROM vault.subject_keys WHERE subject = $1 AND generation = $2";

/// The subject's living key; made when there is none.
async fn living(vault: &Inner, subject: &str) -> Result<Arc<SubjectKey>, VaultError> {
    if let Some(key) = vault.keys.get(subject) {
        return Ok(key);
    }
    // Of several nodes that make one at once, one wins, and the others read it. A second round is
    // needed only when the key is erased in between.
    for _ in 0..3 {
        let found: Option<(i32, Vec<u8>)> =
            sqlx::query_as(READ_LIVING).bind(subject).fetch_optional(&vault.pool).await?;
        if let Some((generation, wrapped)) = found {
            let id = format!("{subject}/{generation}");
            let key = unwrap(vault, id, &wrapped)?;
            vault.keys.put(subject, &key);
            return Ok(key);
        }
        let generation: i32 =
            sqlx::query_scalar(NEXT_GENERATION).bind(subject).fetch_one(&vault.pool).await?;
        let mut bytes = Zeroizing::new([0; 32]);
        seal::fill(&mut *bytes);
        let id = format!("{subject}/{generation}");
        let wrapped = vault.wrapping.seal(&[b"subject key", id.as_bytes()], &*bytes);
        sqlx::query(WRITE_KEY)
            .bind(subject)
            .bind(generation)
            .bind(wrapped)
            .execute(&vault.pool)
            .await?;
    }
    Err(VaultError("a key is made and erased again and again".to_owned()))
}

/// The key that a box names; `None` when it was erased or never was.
async fn by_id(vault: &Inner, id: &str) -> Result<Option<Arc<SubjectKey>>, VaultError> {
    if let Some(key) = vault.keys.get(id) {
        return Ok(Some(key));
    }
    let Some((subject, generation)) = id.rsplit_once('/') else { return Ok(None) };
    let Ok(generation) = generation.parse::<i32>() else { return Ok(None) };
    let wrapped: Option<Option<Vec<u8>>> = sqlx::query_scalar(READ_BY_ID)
        .bind(subject)
        .bind(generation)
        .fetch_optional(&vault.pool)
        .await?;
    let Some(Some(wrapped)) = wrapped else { return Ok(None) };
    let key = unwrap(vault, id.to_owned(), &wrapped)?;
    vault.keys.put(id, &key);
    Ok(Some(key))
}

fn unwrap(vault: &Inner, id: String, wrapped: &[u8]) -> Result<Arc<SubjectKey>, VaultError> {
    let failed = || VaultError(format!("the key {id} does not open with this master key"));
    let bytes =
        vault.wrapping.open(&[b"subject key", id.as_bytes()], wrapped).map_err(|_| failed())?;
    let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| failed())?;
    Ok(Arc::new(SubjectKey { seal: SealKey::new(bytes), id }))
}

const ERASE_KEY: &str = "
    UPDATE vault.subject_keys SET wrapped = NULL, erased_at = now()
    WHERE subject = $1 AND erased_at IS NULL";
const ERASE_PROFILE: &str = "DELETE FROM vault.profiles WHERE user_name = $1";
const ERASE_PASSWORD: &str = "DELETE FROM vault.passwords WHERE user_name = $1";
const ERASE_TOKENS: &str = "DELETE FROM vault.app_tokens WHERE owner = $1";

pub(super) async fn erase(vault: &Inner, user: &UserName) -> Result<(), VaultError> {
    let subject = subject_of(user);
    let mut all = vault.pool.begin().await?;
    sqlx::query(ERASE_KEY).bind(&subject).execute(&mut *all).await?;
    sqlx::query(ERASE_PROFILE).bind(user.as_str()).execute(&mut *all).await?;
    sqlx::query(ERASE_PASSWORD).bind(user.as_str()).execute(&mut *all).await?;
    sqlx::query(ERASE_TOKENS).bind(user.as_str()).execute(&mut *all).await?;
    all.commit().await?;
    vault.keys.forget(&subject);
    Ok(())
}

/// The longest beginning of `text` that has at most `max` bytes.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}
