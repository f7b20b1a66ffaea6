//! What was answered to requests that do their work once, for a day: sealed, because some answers
//! hold a secret that is shown once.

use aws_lc_rs::hmac;
use jiff::{Timestamp, ToSpan as _};
use jiff_sqlx::ToSqlx as _;

use super::{Vault, VaultError, seal};
use crate::once::Once;

/// For how many hours a request that is sent again gets the first one's answer.
pub const KEPT_HOURS: i64 = 24;
/// For how many seconds a try without an answer keeps others waiting: longer than any request may
/// take. After that it is taken for dead, and whoever asks again takes over.
pub const LEASE_SECONDS: i64 = 40;
/// The most old answers that one statement clears away.
const SWEPT: u64 = 1_000;

/// The place of one request's answer: a keyed hash of whoever asks and their key.
#[derive(Debug, Clone, Copy)]
pub struct Tag([u8; 32]);

/// Where a request stands.
pub enum Claim {
    /// It is ours to answer, and then to [`Vault::answered`] or [`Vault::unanswered`].
    Ours(Tag, Once),
    /// It was answered so.
    Answered(Vec<u8>),
    /// Another try is being answered, for so many seconds at most.
    Busy(i64),
    /// The key was used for another request.
    Other,
}

const SWEEP: &str = "
    DELETE FROM vault.answers WHERE tag IN
        (SELECT tag FROM vault.answers WHERE begun_at < $1 LIMIT $2)";
const FORGET_OLD: &str = "DELETE FROM vault.answers WHERE tag = $1 AND begun_at < $2";
const BEGIN: &str = "
    INSERT INTO vault.answers (tag, print, seed, begun_at, leased_until)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
const READ: &str = "SELECT print, seed, leased_until, sealed FROM vault.answers WHERE tag = $1";
const TAKE_OVER: &str = "
    UPDATE vault.answers SET leased_until = $3
    WHERE tag = $1 AND leased_until = $2 AND sealed IS NULL";
const ANSWER: &str = "UPDATE vault.answers SET sealed = $2 WHERE tag = $1";
const RELEASE: &str = "
    UPDATE vault.answers SET leased_until = begun_at WHERE tag = $1 AND sealed IS NULL";

impl Vault {
    /// Begins what `who` asks under their `key`, or says how far it is. `request` is all of it:
    /// another one under the same key is refused.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn claim(
        &self,
        who: &[u8],
        key: &[u8],
        request: &[&[u8]],
        now: Timestamp,
    ) -> Result<Claim, VaultError> {
        let pool = &self.0.pool;
        let (tag, print) = (self.keyed(&[who, key]), self.keyed(request));
        let over = (now - KEPT_HOURS.hours()).to_sqlx();
        let lease = (now + LEASE_SECONDS.seconds()).to_sqlx();
        loop {
            sqlx::query(FORGET_OLD).bind(tag).bind(over).execute(pool).await?;
            let mut seed = [0; 32];
            seal::fill(&mut seed);
            let begun = sqlx::query(BEGIN)
                .bind(tag)
                .bind(print)
                .bind(self.0.wrapping.seal(&[b"seed", &tag], &seed))
                .bind(now.to_sqlx())
                .bind(lease);
            if begun.execute(pool).await?.rows_affected() == 1 {
                return Ok(Claim::Ours(Tag(tag), Once::new(seed)));
            }
            type Row = (Vec<u8>, Vec<u8>, jiff_sqlx::Timestamp, Option<Vec<u8>>);
            let found: Option<Row> = sqlx::query_as(READ).bind(tag).fetch_optional(pool).await?;
            // Gone between the two: begin again.
            let Some((first_print, seed, leased_until, sealed)) = found else { continue };
            if first_print != print {
                return Ok(Claim::Other);
            }
            let broken = |_| VaultError("an answer that was kept does not open".to_owned());
            if let Some(sealed) = sealed {
                let plain = self.0.wrapping.open(&[b"answer", &tag], &sealed).map_err(broken)?;
                return Ok(Claim::Answered(plain.to_vec()));
            }
            let left = leased_until.to_jiff().duration_since(now).as_secs();
            if leased_until.to_jiff() > now {
                return Ok(Claim::Busy(left.clamp(1, LEASE_SECONDS)));
            }
            let taken = sqlx::query(TAKE_OVER).bind(tag).bind(leased_until).bind(lease);
            if taken.execute(pool).await?.rows_affected() == 1 {
                let seed = self.0.wrapping.open(&[b"seed", &tag], &seed).map_err(broken)?;
                let seed = <[u8; 32]>::try_from(&seed[..]);
                let seed = seed.map_err(|_| VaultError("a seed has 32 bytes".to_owned()))?;
                return Ok(Claim::Ours(Tag(tag), Once::new(seed)));
            }
        }
    }

    /// Keeps the answer for whoever asks again.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn answered(&self, Tag(tag): Tag, answer: &[u8]) -> Result<(), VaultError> {
        let sealed = self.0.wrapping.seal(&[b"answer", &tag], answer);
        sqlx::query(ANSWER).bind(tag).bind(sealed).execute(&self.0.pool).await?;
        Ok(())
    }

    /// Gives a try up that has no answer to keep: the next try of the same request shall find out
    /// what it did.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn unanswered(&self, Tag(tag): Tag) -> Result<(), VaultError> {
        sqlx::query(RELEASE).bind(tag).execute(&self.0.pool).await?;
        Ok(())
    }

    /// Clears away the answers that nobody gets again, and says how many they were.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve; some may be gone then.
    pub async fn sweep_answers(&self, now: Timestamp) -> Result<u64, VaultError> {
        let over = (now - KEPT_HOURS.hours()).to_sqlx();
        let mut all = 0;
        loop {
            let swept = sqlx::query(SWEEP).bind(over).bind(SWEPT.cast_signed());
            let swept = swept.execute(&self.0.pool).await?.rows_affected();
            all += swept;
            if swept < SWEPT {
                return Ok(all);
            }
        }
    }

    /// A keyed hash, so that whoever reads the table cannot guess what was asked.
    fn keyed(&self, parts: &[&[u8]]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*self.derived_key("idempotency keys"));
        let mut mac = hmac::Context::with_key(&key);
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(mac.sign().as_ref());
        hash
    }
}
