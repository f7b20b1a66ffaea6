//! One key a person (or a day, for anonymous callers), wrapped with the master key; erase it, and
//! what was sealed with it is noise.

use std::collections::{BTreeMap, BTreeSet};
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

struct Kept {
    key: Looked,
    since: Instant,
}

/// What a look at a key in the vault came to.
#[derive(Clone)]
enum Looked {
    Opens(Arc<SubjectKey>),
    /// Its row was changed by other hands than ours. That is one person's loss: their address and
    /// user agent are left out of facts, and whatever was sealed for them stays shut, but nobody
    /// waits for it, and no decision goes unrecorded.
    Broken,
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

    fn get(&self, name: &str) -> Option<Looked> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = map.get(name)?;
        if kept.since.elapsed() < KEPT {
            return Some(kept.key.clone());
        }
        map.remove(name);
        None
    }

    fn put(&self, name: &str, key: &Looked) {
        let kept = Kept { key: key.clone(), since: Instant::now() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), kept);
    }

    fn forget(&self, subject: &str) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Kept under the subject itself, and under the ids of its keys.
        map.retain(|name, _| name.rsplit_once('/').map_or(&**name, |(of, _)| of) != subject);
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
    let Looked::Opens(key) = living(vault, &subject).await? else { return Ok(None) };
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

/// Opens many origins; their keys come from memory, and those that are not there in one question.
pub(super) async fn open_origins(
    vault: &Inner,
    boxes: &[(Sealed, Vec<u8>)],
) -> Result<Vec<Option<OpenOrigin>>, VaultError> {
    let named: BTreeSet<&str> = boxes.iter().map(|(sealed, _)| sealed.key.as_str()).collect();
    let mut keys: BTreeMap<&str, Looked> = BTreeMap::new();
    let (mut subjects, mut generations) = (Vec::new(), Vec::new());
    for id in named {
        if let Some(known) = vault.keys.get(id) {
            keys.insert(id, counted(known));
        } else if let Some((subject, generation)) = id.rsplit_once('/')
            && let Ok(generation) = generation.parse::<i32>()
        {
            subjects.push(subject);
            generations.push(generation);
        }
    }
    let mut found: Vec<(String, i32, Vec<u8>)> = Vec::new();
    if !subjects.is_empty() {
        found = sqlx::query_as(READ_MANY)
            .bind(&subjects)
            .bind(&generations)
            .fetch_all(&vault.pool)
            .await?;
    }
    let read: Vec<(String, Looked)> = found
        .into_iter()
        .map(|(subject, generation, wrapped)| {
            let id = format!("{subject}/{generation}");
            let looked = unwrap(vault, id.clone(), &wrapped);
            vault.keys.put(&id, &looked);
            (id, counted(looked))
        })
        .collect();
    keys.extend(read.iter().map(|(id, looked)| (id.as_str(), looked.clone())));
    let open = |(sealed, associated): &(Sealed, Vec<u8>)| {
        let Some(Looked::Opens(key)) = keys.get(sealed.key.as_str()) else { return None };
        let data = BASE64_STANDARD_NO_PAD.decode(&sealed.data).ok()?;
        let context = [b"origin".as_slice(), key.id.as_bytes(), associated];
        let plain = key.seal.open(&context, &data).ok()?;
        serde_json::from_slice(&plain).ok()
    };
    Ok(boxes.iter().map(open).collect())
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
    match living(vault, &subject_of(user)).await? {
        Looked::Opens(key) => Ok(seal_with(&key, purpose, associated, plain)),
        Looked::Broken => Err(VaultError(format!("the vault's key of {user} does not open"))),
    }
}

/// Opens any box; `None` when its key was erased, or is broken.
pub(super) async fn open_box(
    vault: &Inner,
    purpose: &str,
    associated: &[u8],
    sealed: &Sealed,
) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
    let Some(Looked::Opens(key)) = by_id(vault, &sealed.key).await? else { return Ok(None) };
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

const READ_MANY: &str = "
    SELECT subject, generation, wrapped FROM vault.subject_keys
    WHERE (subject, generation) IN (SELECT * FROM unnest($1::text[], $2::int[]))
      AND wrapped IS NOT NULL";

/// The subject's living key; made when there is none. A broken one is not replaced: what is wrong
/// must be looked at, and the right row may come back from a backup.
async fn living(vault: &Inner, subject: &str) -> Result<Looked, VaultError> {
    if let Some(known) = vault.keys.get(subject) {
        return Ok(counted(known));
    }
    // Of several nodes that make one at once, one wins, and the others read it. A second round is
    // needed only when the key is erased in between.
    for _ in 0..3 {
        let found: Option<(i32, Vec<u8>)> =
            sqlx::query_as(READ_LIVING).bind(subject).fetch_optional(&vault.pool).await?;
        if let Some((generation, wrapped)) = found {
            let id = format!("{subject}/{generation}");
            let looked = unwrap(vault, id, &wrapped);
            vault.keys.put(subject, &looked);
            return Ok(counted(looked));
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
async fn by_id(vault: &Inner, id: &str) -> Result<Option<Looked>, VaultError> {
    if let Some(known) = vault.keys.get(id) {
        return Ok(Some(counted(known)));
    }
    let Some((subject, generation)) = id.rsplit_once('/') else { return Ok(None) };
    let Ok(generation) = generation.parse::<i32>() else { return Ok(None) };
    let wrapped: Option<Option<Vec<u8>>> = sqlx::query_scalar(READ_BY_ID)
        .bind(subject)
        .bind(generation)
        .fetch_optional(&vault.pool)
        .await?;
    let Some(Some(wrapped)) = wrapped else { return Ok(None) };
    let looked = unwrap(vault, id.to_owned(), &wrapped);
    vault.keys.put(id, &looked);
    Ok(Some(counted(looked)))
}

fn unwrap(vault: &Inner, id: String, wrapped: &[u8]) -> Looked {
    let bytes = vault.wrapping.open(&[b"subject key", id.as_bytes()], wrapped).ok();
    match bytes.as_ref().and_then(|bytes| <&[u8; 32]>::try_from(bytes.as_slice()).ok()) {
        Some(bytes) => Looked::Opens(Arc::new(SubjectKey { seal: SealKey::new(bytes), id })),
        None => {
            tracing::error!(
                key = id,
                "a key in vault.subject_keys does not open with the master key: its row was \
                 changed; restore it from a backup. Facts go on without what it would seal",
            );
            Looked::Broken
        }
    }
}

/// Every box that is left out or stays shut counts, also when the log has been told before.
fn counted(looked: Looked) -> Looked {
    if matches!(looked, Looked::Broken) {
        metrics::counter!("portus_vault_broken_keys_total").increment(1);
    }
    looked
}

const ERASE_KEY: &str = "
    UPDATE vault.subject_keys SET wrapped = NULL, erased_at = now()
    WHERE subject = $1 AND erased_at IS NULL";
const ERASE_PROFILE: &str = "DELETE FROM vault.profiles WHERE user_name = $1";
const ERASE_PASSWORD: &str = "DELETE FROM vault.passwords WHERE user_name = $1";
const ERASE_TOKENS: &str = "DELETE FROM vault.app_tokens WHERE owner = $1";
const ERASE_RESETS: &str = "DELETE FROM vault.password_resets WHERE user_name = $1";
const ERASE_COMMENTS: &str = "DELETE FROM vault.comments WHERE author = $1";

pub(super) async fn erase(vault: &Inner, user: &UserName) -> Result<(), VaultError> {
    let subject = subject_of(user);
    let mut all = vault.pool.begin().await?;
    sqlx::query(ERASE_KEY).bind(&subject).execute(&mut *all).await?;
    sqlx::query(ERASE_PROFILE).bind(user.as_str()).execute(&mut *all).await?;
    sqlx::query(ERASE_PASSWORD).bind(user.as_str()).execute(&mut *all).await?;
    sqlx::query(ERASE_TOKENS).bind(user.as_str()).execute(&mut *all).await?;
    sqlx::query(ERASE_RESETS).bind(user.as_str()).execute(&mut *all).await?;
    sqlx::query(ERASE_COMMENTS).bind(user.as_str()).execute(&mut *all).await?;
    all.commit().await?;
    vault.keys.forget(&subject);
    Ok(())
}

/// The longest beginning of `text` that has at most `max` bytes.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}
