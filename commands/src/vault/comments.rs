//! The texts of comments, each sealed with its author's key.

use std::collections::HashMap;

use domain::comment::CommentId;
use domain::event::Sealed;
use domain::name::UserName;
use jiff::Timestamp;
use uuid::Uuid;

use super::{Vault, VaultError, keys};

const WRITE: &str = "INSERT INTO vault.comments (id, author, key, box) VALUES ($1, $2, $3, $4)";
const READ: &str = "SELECT id, key, box FROM vault.comments WHERE id = ANY($1)";
const BEFORE: &str = "SELECT id FROM vault.comments
    WHERE id < $1 AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3";
const FORGET: &str = "DELETE FROM vault.comments WHERE id = $1";

impl Vault {
    /// Keeps a comment's text.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn put_comment(
        &self,
        id: CommentId,
        author: &UserName,
        text: &str,
    ) -> Result<(), VaultError> {
        let bound = id.0.as_bytes();
        let sealed = keys::seal_for(&self.0, author, "comment", bound, text.as_bytes()).await?;
        sqlx::query(WRITE)
            .bind(id.0)
            .bind(author.as_str())
            .bind(sealed.key)
            .bind(sealed.data)
            .execute(&self.0.pool)
            .await?;
        Ok(())
    }

    /// The texts of comments. Those that were deleted, or whose author was erased, are not among
    /// them.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn comments(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, String>, VaultError> {
        let rows: Vec<(Uuid, String, String)> =
            sqlx::query_as(READ).bind(ids).fetch_all(&self.0.pool).await?;
        let mut texts = HashMap::with_capacity(rows.len());
        for (id, key, data) in rows {
            let sealed = Sealed { key, data };
            if let Some(plain) = keys::open_box(&self.0, "comment", id.as_bytes(), &sealed).await? {
                let text = String::from_utf8(plain.to_vec());
                texts.insert(id, text.map_err(|_| VaultError("a comment is no text".into()))?);
            }
        }
        Ok(texts)
    }

    /// Whose texts have been kept since before that time, the oldest first, behind one of them: the
    /// time is the first part of an identity (RFC 9562, section 5.7).
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn comments_before(
        &self,
        time: Timestamp,
        after: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<Uuid>, VaultError> {
        let milliseconds = u128::try_from(time.as_millisecond()).unwrap_or(0);
        let found = sqlx::query_scalar(BEFORE)
            .bind(Uuid::from_u128(milliseconds << 80))
            .bind(after)
            .bind(i64::try_from(most).unwrap_or(i64::MAX));
        Ok(found.fetch_all(&self.0.pool).await?)
    }

    /// Forgets a comment's text.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the vault does not serve.
    pub async fn forget_comment(&self, id: CommentId) -> Result<(), VaultError> {
        sqlx::query(FORGET).bind(id.0).execute(&self.0.pool).await?;
        Ok(())
    }
}
