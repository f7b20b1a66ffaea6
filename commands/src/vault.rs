//! Secrets and personal data that must be forgettable: hashes of passwords and tokens, e-mail
//! addresses, and the keys with which personal data in facts is sealed. Events hold only what is
//! sealed with it.

pub mod answers;
mod comments;
pub mod keys;
pub mod master;
pub mod password;
mod profile;
mod registry_secret;
pub mod resets;
pub(crate) mod seal;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::app_token::TokenId;
use domain::event::{Actor, Sealed};
use domain::name::UserName;
use jiff::Timestamp;
use sqlx::PgPool;
use zeroize::Zeroizing;

pub use self::keys::OpenOrigin;
pub use self::master::{MasterKey, MasterKeyError};
pub use self::password::{Password, PasswordError, Verified};
pub use self::profile::Profile;
use self::seal::SealKey;
use crate::desk::Origin;

/// The vault does not serve. Never carries a secret.
#[derive(Debug, thiserror::Error)]
#[error("the vault does not serve: {0}")]
pub struct VaultError(pub String);

impl From<sqlx::Error> for VaultError {
    fn from(error: sqlx::Error) -> Self {
        Self(error.to_string())
    }
}

/// The vault: a Postgres schema, and a master key that is not in it. Cheap to clone.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    pool: PgPool,
    master: MasterKey,
    /// Wraps what lies in the vault under no subject's key.
    wrapping: SealKey,
    keys: keys::Keys,
    registry_secrets: registry_secret::Cache,
}

const READ_CHECK: &str = "SELECT sealed FROM vault.master_check WHERE id = 1";
const WRITE_CHECK: &str =
    "INSERT INTO vault.master_check (id, sealed) VALUES (1, $1) ON CONFLICT DO NOTHING";

impl Vault {
    /// Opens the vault in the database of `pool`, whose schema `vault` is migrated.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the database does not serve, or was used with another master key.
    pub async fn open(pool: PgPool, master: MasterKey) -> Result<Self, VaultError> {
        let vault = Self::unchecked(pool, master);
        let check = vault.0.wrapping.seal(&[b"master check"], b"portus");
        sqlx::query(WRITE_CHECK).bind(check).execute(&vault.0.pool).await?;
        let found: Vec<u8> = sqlx::query_scalar(READ_CHECK).fetch_one(&vault.0.pool).await?;
        match vault.0.wrapping.open(&[b"master check"], &found) {
            Ok(_) => Ok(vault),
            Err(_) => Err(VaultError(
                "this database was used with another master key; restore the key file that belongs \
                 to it"
                    .to_owned(),
            )),
        }
    }

    fn unchecked(pool: PgPool, master: MasterKey) -> Self {
        let wrapping = SealKey::new(&master.derive("wrap vault entries"));
        let (keys, registry_secrets) = (keys::Keys::new(), registry_secret::Cache::new());
        Self(Arc::new(Inner { pool, master, wrapping, keys, registry_secrets }))
    }

    /// The database, for what keeps its own tables in the schema `vault`, such as web sessions.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.0.pool
    }

    /// A key for one purpose, derived from the master key: the same after every restart.
    #[must_use]
    pub fn derived_key(&self, purpose: &'static str) -> Zeroizing<[u8; 32]> {
        self.0.master.derive(purpose)
    }

    /// Seals address and user agent with the key of whoever acts (of the day, for anonymous ones).
    /// `None` when the origin holds neither, or the key was changed by other hands than ours: that
    /// is said loudly, and stops neither the fact nor anybody else.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the key can be neither read nor made.
    pub async fn seal_origin(
        &self,
        actor: &Actor,
        at: Timestamp,
        associated: &[u8],
        origin: &Origin,
    ) -> Result<Option<Sealed>, VaultError> {
        keys::seal_origin(&self.0, actor, at, associated, origin).await
    }

    /// Opens what [`Self::seal_origin`] sealed. `None` when its key was erased, or is broken.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve, or the box was changed or moved: it is sealed
    /// for one `associated` text.
    pub async fn open_origin(
        &self,
        sealed: &Sealed,
        associated: &[u8],
    ) -> Result<Option<OpenOrigin>, VaultError> {
        keys::open_origin(&self.0, sealed, associated).await
    }

    /// As [`Self::open_origin`] for many at once, in their order, with at most one question to the
    /// database. What does not open is `None`: one odd box is no reason to hide the others.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn open_origins(
        &self,
        boxes: &[(Sealed, Vec<u8>)],
    ) -> Result<Vec<Option<OpenOrigin>>, VaultError> {
        keys::open_origins(&self.0, boxes).await
    }

    /// Forgets a person: destroys the key of all that was sealed for them, their profile, password,
    /// application tokens' hashes and the texts of their comments. Their name in facts stays.
    ///
    /// Other nodes may still open boxes for [`keys::KEPT`] from memory.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve; then nothing was forgotten.
    pub async fn erase(&self, user: &UserName) -> Result<(), VaultError> {
        keys::erase(&self.0, user).await
    }

    /// Sets a password, and ends all links for a new one. Takes the time of one slow hash, on a
    /// thread of its own, of which few run at once.
    ///
    /// Say so in the log afterwards (`UserEvent::PasswordChanged`): the fact is what ends
    /// remembered passwords, sessions and refresh tokens.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn set_password(&self, user: &UserName, new: Password) -> Result<(), VaultError> {
        let phc = password::hash(new).await?;
        let mut both = self.0.pool.begin().await?;
        sqlx::query(WRITE_PASSWORD).bind(user.as_str()).bind(&*phc).execute(&mut *both).await?;
        sqlx::query(END_RESETS).bind(user.as_str()).execute(&mut *both).await?;
        both.commit().await?;
        Ok(())
    }

    /// The argon2id hash of a user's password in PHC form; `None`: has no password.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn password(&self, user: &UserName) -> Result<Option<Zeroizing<String>>, VaultError> {
        let found: Option<String> = sqlx::query_scalar(READ_PASSWORD)
            .bind(user.as_str())
            .fetch_optional(&self.0.pool)
            .await?;
        Ok(found.map(Zeroizing::new))
    }

    /// Sets e-mail address and display name, sealed with the user's own key. Links for a new
    /// password end when the address is another: they went to the old one.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn set_profile(&self, user: &UserName, new: &Profile) -> Result<(), VaultError> {
        profile::set(&self.0, user, new).await
    }

    /// E-mail address and display name; empty when none were set, they were erased, or the user's
    /// key is broken.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn profile(&self, user: &UserName) -> Result<Profile, VaultError> {
        let mut found = profile::of(&self.0, &[user.as_str()]).await?;
        Ok(found.remove(user.as_str()).unwrap_or_default())
    }

    /// The profiles of several accounts, by name: asked for at once. Who has none is missing.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn profiles(&self, users: &[&str]) -> Result<BTreeMap<String, Profile>, VaultError> {
        profile::of(&self.0, users).await
    }

    /// Up to `limit` accounts with this e-mail address, in whatever case it is written.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn users_with_address(
        &self,
        address: &str,
        limit: i64,
    ) -> Result<Vec<UserName>, VaultError> {
        profile::users_with_address(&self.0, address, limit).await
    }

    /// Keeps an application token's hash (see [`crate::authn::app_token`]). The fact that the token
    /// exists is `AppTokenEvent::Created`: without it, the hash opens nothing.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn put_app_token(
        &self,
        id: TokenId,
        owner: &UserName,
        hash: [u8; 32],
    ) -> Result<(), VaultError> {
        sqlx::query(WRITE_TOKEN)
            .bind(hash)
            .bind(id.0)
            .bind(owner.as_str())
            .execute(&self.0.pool)
            .await?;
        Ok(())
    }

    /// The application token whose secret has this SHA-256, and its owner.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn app_token(
        &self,
        hash: [u8; 32],
    ) -> Result<Option<(TokenId, UserName)>, VaultError> {
        let found: Option<(uuid::Uuid, String)> =
            sqlx::query_as(READ_TOKEN).bind(hash).fetch_optional(&self.0.pool).await?;
        match found {
            None => Ok(None),
            Some((id, owner)) => match UserName::parse(&owner) {
                Ok(owner) => Ok(Some((TokenId(id), owner))),
                Err(error) => Err(VaultError(format!("an application token's owner: {error}"))),
            },
        }
    }

    /// Forgets an application token's hash.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn forget_app_token(&self, id: TokenId) -> Result<(), VaultError> {
        sqlx::query(FORGET_TOKEN).bind(id.0).execute(&self.0.pool).await?;
        Ok(())
    }
}

const WRITE_PASSWORD: &str = "
    INSERT INTO vault.passwords (user_name, phc) VALUES ($1, $2)
    ON CONFLICT (user_name) DO UPDATE SET phc = excluded.phc";
const END_RESETS: &str = "DELETE FROM vault.password_resets WHERE user_name = $1";
const READ_PASSWORD: &str = "SELECT phc FROM vault.passwords WHERE user_name = $1";
const WRITE_TOKEN: &str = "
    INSERT INTO vault.app_tokens (hash, id, owner) VALUES ($1, $2, $3)
    ON CONFLICT (hash) DO NOTHING";
const READ_TOKEN: &str = "SELECT id, owner FROM vault.app_tokens WHERE hash = $1";
const FORGET_TOKEN: &str = "DELETE FROM vault.app_tokens WHERE id = $1";

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}
