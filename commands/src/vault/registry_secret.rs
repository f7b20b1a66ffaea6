//! The secrets that registries show with their notifications: two may be good at once, so that a
//! change needs no restart at the same moment on both sides.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::name::RegistryName;
use jiff::Timestamp;
use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{Inner, Vault, VaultError, seal};
use crate::bounded::Bounded;

/// The most secrets kept in memory.
const CACHED: usize = 1_000;
/// How long a secret is good from memory: a secret taken back on another node is good here that
/// much longer.
const KEPT: Duration = Duration::from_secs(10);

pub(super) struct Cache(Mutex<Bounded<[u8; 32], Kept>>);

struct Kept {
    registry: RegistryName,
    good_until: Option<Timestamp>,
    since: Instant,
}

impl Cache {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Bounded::new(CACHED)))
    }

    fn get(&self, hash: &[u8; 32]) -> Option<(RegistryName, Option<Timestamp>)> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = map.get(hash).filter(|kept| kept.since.elapsed() < KEPT)?;
        Some((kept.registry.clone(), kept.good_until))
    }

    fn put(&self, hash: [u8; 32], registry: &RegistryName, good_until: Option<Timestamp>) {
        let kept = Kept { registry: registry.clone(), good_until, since: Instant::now() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(hash, kept);
    }

    fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, _| false);
    }
}

const END_OLD: &str = "
    UPDATE vault.registry_secrets SET good_until = $2 WHERE registry = $1 AND good_until IS NULL";
const FORGET_OLD: &str =
    "DELETE FROM vault.registry_secrets WHERE registry = $1 AND good_until <= $2";
const WRITE: &str = "
    INSERT INTO vault.registry_secrets (hash, registry, sealed) VALUES ($1, $2, $3)
    ON CONFLICT (hash) DO UPDATE SET good_until = NULL
        WHERE registry_secrets.registry = excluded.registry";
const READ: &str = "SELECT registry, good_until FROM vault.registry_secrets WHERE hash = $1";
const READ_NEWEST: &str =
    "SELECT sealed FROM vault.registry_secrets WHERE registry = $1 AND good_until IS NULL";
const FORGET: &str = "DELETE FROM vault.registry_secrets WHERE registry = $1";

impl Vault {
    /// Makes a new notification secret for a registry and keeps it; the one before it stays good
    /// until `old_good_until`, and older ones whose time is over at `now` are forgotten.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn new_registry_secret(
        &self,
        registry: &RegistryName,
        now: Timestamp,
        old_good_until: Timestamp,
    ) -> Result<Zeroizing<String>, VaultError> {
        let mut bytes = Zeroizing::new([0; 32]);
        seal::fill(&mut *bytes);
        let secret = Zeroizing::new(hex::encode(*bytes));
        self.set_registry_secret(registry, &secret, now, old_good_until).await?;
        Ok(secret)
    }

    /// As [`Self::new_registry_secret`], with a secret that was made elsewhere.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve, or another registry has this secret.
    pub async fn set_registry_secret(
        &self,
        registry: &RegistryName,
        secret: &str,
        now: Timestamp,
        old_good_until: Timestamp,
    ) -> Result<(), VaultError> {
        let context: [&[u8]; 2] = [b"registry secret", registry.as_str().as_bytes()];
        let sealed = self.0.wrapping.seal(&context, secret.as_bytes());
        let mut all = self.0.pool.begin().await?;
        sqlx::query(END_OLD)
            .bind(registry.as_str())
            .bind(old_good_until.to_sqlx())
            .execute(&mut *all)
            .await?;
        sqlx::query(FORGET_OLD)
            .bind(registry.as_str())
            .bind(now.to_sqlx())
            .execute(&mut *all)
            .await?;
        let written = sqlx::query(WRITE)
            .bind(hash(secret))
            .bind(registry.as_str())
            .bind(sealed)
            .execute(&mut *all)
            .await?;
        if written.rows_affected() == 0 {
            return Err(VaultError("another registry has this notification secret".to_owned()));
        }
        all.commit().await?;
        self.0.registry_secrets.clear();
        Ok(())
    }

    /// The registry that shows this secret, if it is good at `now`.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn registry_by_secret(
        &self,
        secret: &str,
        now: Timestamp,
    ) -> Result<Option<RegistryName>, VaultError> {
        // Found by its hash: how long that takes tells nothing of another secret.
        let hash = hash(secret);
        let (registry, good_until) = match self.0.registry_secrets.get(&hash) {
            Some(known) => known,
            None => match find(&self.0, hash).await? {
                None => return Ok(None),
                Some((registry, good_until)) => {
                    self.0.registry_secrets.put(hash, &registry, good_until);
                    (registry, good_until)
                }
            },
        };
        Ok(good_until.is_none_or(|until| now < until).then_some(registry))
    }

    /// The newest notification secret of a registry, for writing that registry's configuration.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve, or the secret does not open.
    pub async fn registry_secret(
        &self,
        registry: &RegistryName,
    ) -> Result<Option<Zeroizing<String>>, VaultError> {
        let found: Option<Vec<u8>> = sqlx::query_scalar(READ_NEWEST)
            .bind(registry.as_str())
            .fetch_optional(&self.0.pool)
            .await?;
        let Some(sealed) = found else { return Ok(None) };
        let not_ours = || VaultError(format!("the secret of registry {registry} does not open"));
        let context: [&[u8]; 2] = [b"registry secret", registry.as_str().as_bytes()];
        let plain = self.0.wrapping.open(&context, &sealed).map_err(|_| not_ours())?;
        let text = std::str::from_utf8(&plain).map_err(|_| not_ours())?;
        Ok(Some(Zeroizing::new(text.to_owned())))
    }

    /// Forgets all notification secrets of a registry.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn forget_registry_secrets(&self, registry: &RegistryName) -> Result<(), VaultError> {
        sqlx::query(FORGET).bind(registry.as_str()).execute(&self.0.pool).await?;
        self.0.registry_secrets.clear();
        Ok(())
    }
}

async fn find(
    vault: &Inner,
    hash: [u8; 32],
) -> Result<Option<(RegistryName, Option<Timestamp>)>, VaultError> {
    let found: Option<(String, Option<SqlTimestamp>)> =
        sqlx::query_as(READ).bind(hash).fetch_optional(&vault.pool).await?;
    let Some((registry, good_until)) = found else { return Ok(None) };
    let registry = RegistryName::parse(&registry)
        .map_err(|error| VaultError(format!("a notification secret's registry: {error}")))?;
    Ok(Some((registry, good_until.map(SqlTimestamp::to_jiff))))
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
