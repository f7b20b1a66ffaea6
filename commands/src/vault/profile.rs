//! What a person tells of themselves, sealed with their own key.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use domain::event::Sealed;
use domain::name::UserName;
use serde::{Deserialize, Serialize};

use super::{Inner, VaultError, keys};

/// Personal data of an account.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Where mail goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// How the person is called on pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

/// Says only what is there, so that personal data never gets into a log line.
impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profile")
            .field("email", &self.email.is_some())
            .field("display_name", &self.display_name.is_some())
            .finish()
    }
}

const WRITE: &str = "
    INSERT INTO vault.profiles (user_name, key, box, address_tag) VALUES ($1, $2, $3, $4)
    ON CONFLICT (user_name) DO UPDATE
    SET key = excluded.key, box = excluded.box, address_tag = excluded.address_tag";
const END_RESETS: &str = "
    DELETE FROM vault.password_resets AS r WHERE r.user_name = $1 AND NOT EXISTS (
        SELECT FROM vault.profiles AS p WHERE p.user_name = $1 AND p.address_tag = $2)";
const WITH_ADDRESS: &str = "
    SELECT user_name FROM vault.profiles WHERE address_tag = $1 ORDER BY user_name LIMIT $2";
const READ: &str = "SELECT user_name, key, box FROM vault.profiles WHERE user_name = ANY($1)";

pub(super) async fn set(vault: &Inner, user: &UserName, new: &Profile) -> Result<(), VaultError> {
    let plain = serde_json::to_vec(new).map_err(|error| VaultError(error.to_string()))?;
    let name = user.as_str();
    let sealed = keys::seal_for(vault, user, "profile", name.as_bytes(), &plain).await?;
    let tag = new.email.as_deref().map(|address| tag(vault, address));
    let mut both = vault.pool.begin().await?;
    sqlx::query(END_RESETS).bind(name).bind(&tag).execute(&mut *both).await?;
    sqlx::query(WRITE)
        .bind(name)
        .bind(sealed.key)
        .bind(sealed.data)
        .bind(tag)
        .execute(&mut *both)
        .await?;
    both.commit().await?;
    Ok(())
}

pub(super) async fn users_with_address(
    vault: &Inner,
    address: &str,
    limit: i64,
) -> Result<Vec<UserName>, VaultError> {
    let found: Vec<String> = sqlx::query_scalar(WITH_ADDRESS)
        .bind(tag(vault, address))
        .bind(limit)
        .fetch_all(&vault.pool)
        .await?;
    Ok(found.iter().filter_map(|name| UserName::parse(name).ok()).collect())
}

/// By this an account is found by its address, and nobody without the master key learns any.
fn tag(vault: &Inner, address: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &*vault.master.derive("e-mail addresses"));
    hmac::sign(&key, address.trim().to_lowercase().as_bytes()).as_ref().to_vec()
}

/// The profiles of these accounts, by name; whoever has said nothing is missing.
pub(super) async fn of(
    vault: &Inner,
    users: &[&str],
) -> Result<BTreeMap<String, Profile>, VaultError> {
    let found: Vec<(String, String, String)> =
        sqlx::query_as(READ).bind(users).fetch_all(&vault.pool).await?;
    let mut profiles = BTreeMap::new();
    for (name, key, data) in found {
        let sealed = Sealed { key, data };
        if let Some(plain) = keys::open_box(vault, "profile", name.as_bytes(), &sealed).await? {
            let profile = serde_json::from_slice(&plain);
            let profile = profile.map_err(|_| VaultError("a profile is no profile".into()))?;
            profiles.insert(name, profile);
        }
    }
    Ok(profiles)
}
