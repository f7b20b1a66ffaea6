//! One-time links for a new password: of each only its SHA-256, so that a copy of the table opens
//! nothing.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::name::UserName;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{Vault, VaultError, seal};

/// The most links of one account that are good at once; the oldest ends when one more is made.
pub const MAX_RESETS: i64 = 3;

/// Bytes of a link's secret.
const SECRET_BYTES: usize = 32;

const SWEEP: &str = "DELETE FROM vault.password_resets WHERE good_until <= $1";
const WRITE: &str = "
    INSERT INTO vault.password_resets (hash, user_name, good_until) VALUES ($1, $2, $3)";
const TRIM: &str = "
    DELETE FROM vault.password_resets WHERE hash IN (
        SELECT hash FROM vault.password_resets WHERE user_name = $1
        ORDER BY good_until DESC, hash OFFSET $2)";
const READ: &str =
    "SELECT user_name FROM vault.password_resets WHERE hash = $1 AND good_until > $2";
// Of many who show the same link at once the first deletes the row, and the others find none.
const TAKE: &str = "
    DELETE FROM vault.password_resets WHERE hash = $1 AND good_until > $2 RETURNING user_name";

impl Vault {
    /// Makes a link's secret for an account, good until then. It is kept nowhere but in the answer.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn new_reset(
        &self,
        user: &UserName,
        good_until: Timestamp,
    ) -> Result<Zeroizing<String>, VaultError> {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        seal::fill(&mut *secret);
        sqlx::query(WRITE)
            .bind(Sha256::digest(*secret).as_slice())
            .bind(user.as_str())
            .bind(good_until.to_sqlx())
            .execute(&self.0.pool)
            .await?;
        sqlx::query(TRIM).bind(user.as_str()).bind(MAX_RESETS).execute(&self.0.pool).await?;
        Ok(Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(*secret)))
    }

    /// Whose new password a link is for; it stays good. `None`: it is not, or no longer.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn reset_of(
        &self,
        secret: &str,
        now: Timestamp,
    ) -> Result<Option<UserName>, VaultError> {
        self.look(READ, secret, now).await
    }

    /// Uses a link up. Once a new password is set, the account's other links end as well.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn take_reset(
        &self,
        secret: &str,
        now: Timestamp,
    ) -> Result<Option<UserName>, VaultError> {
        self.look(TAKE, secret, now).await
    }

    /// Clears away the links whose time is over, and says how many they were.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn sweep_resets(&self, now: Timestamp) -> Result<u64, VaultError> {
        let swept = sqlx::query(SWEEP).bind(now.to_sqlx()).execute(&self.0.pool).await?;
        Ok(swept.rows_affected())
    }

    async fn look(
        &self,
        sql: &'static str,
        secret: &str,
        now: Timestamp,
    ) -> Result<Option<UserName>, VaultError> {
        let Some(hash) = hash(secret) else { return Ok(None) };
        let found: Option<String> = sqlx::query_scalar(sql)
            .bind(hash.as_slice())
            .bind(now.to_sqlx())
            .fetch_optional(&self.0.pool)
            .await?;
        Ok(found.and_then(|name| UserName::parse(&name).ok()))
    }
}

/// `None`: no link of ours looks like this.
fn hash(secret: &str) -> Option<[u8; 32]> {
    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    match BASE64_URL_SAFE_NO_PAD.decode_slice(secret, &mut *bytes) {
        Ok(SECRET_BYTES) => Some(Sha256::digest(*bytes).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_form_of_our_own_links_is_looked_for() {
        let good = BASE64_URL_SAFE_NO_PAD.encode([7; SECRET_BYTES]);
        assert_eq!(hash(&good), Some(Sha256::digest([7; SECRET_BYTES]).into()));
        let long = "A".repeat(100_000);
        for bad in ["", "new", &good[1..], &format!("{good}A"), &format!("{good}="), "ä", &long] {
            assert_eq!(hash(bad), None, "{bad:.50}");
        }
    }
}
