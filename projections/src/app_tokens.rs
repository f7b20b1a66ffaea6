//! Application tokens. Their secrets' hashes are in the vault.

use domain::app_token::TokenId;
use domain::event::Sealed;
use domain::name::UserName;
use jiff::Timestamp;
use uuid::Uuid;

use crate::read::{ReadModels, row};

row! {
    /// An application token.
    pub struct AppTokenRow {
        /// Position of the fact that made it.
        pub id: i64,
        /// Its public identity.
        pub token: Uuid,
        /// Whose.
        pub user_name: String,
        /// The owner's own words for it.
        pub label: String,
        /// What it is cut to.
        pub scopes: Vec<String>,
        /// Inside these namespaces only; `None`: wherever its owner may.
        pub namespaces: Option<Vec<String>>,
        /// When it ends.
        pub expires_at: Timestamp,
        /// When it was taken back.
        pub revoked_at: Option<Timestamp>,
        /// When it was made.
        pub created_at: Timestamp,
        /// When it was last used, as far as facts tell: reading over REST leaves none.
        pub used_at: Option<Timestamp>,
        /// With [`Self::seal_box`]: client address and user agent of the last use, sealed.
        pub seal_key: Option<String>,
        /// Ciphertext.
        pub seal_box: Option<String>,
        /// The fact that tells of the last use.
        pub event_id: Option<Uuid>,
        /// Id of the registry's token that was made of it, when it was used for one.
        pub jti: Option<String>,
    }
}

impl AppTokenRow {
    /// Client address and user agent of the last use, sealed, with the associated data that opens
    /// them.
    #[must_use]
    pub fn sealed(&self) -> Option<(Sealed, Vec<u8>)> {
        let (key, data) = (self.seal_key.clone()?, self.seal_box.clone()?);
        let associated = match &self.jti {
            Some(jti) => jti.as_bytes().to_vec(),
            None => self.event_id?.as_bytes().to_vec(),
        };
        Some((Sealed { key, data }, associated))
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, token, user_name, label, scopes, namespaces, expires_at, revoked_at,
                created_at, used_at, seal_key, seal_box, event_id, jti
             FROM app_tokens LEFT JOIN token_uses USING (token) ",
            $rest
        )
    };
}

const FIND: &str = select!("WHERE token = $1");
const FIND_ID: &str = select!("WHERE id = $1");
const OF_USER: &str = select!("WHERE user_name = $1 AND revoked_at IS NULL ORDER BY id LIMIT 1000");

pub(crate) const STATEMENTS: &[&str] = &[FIND, FIND_ID, OF_USER];

/// One token.
///
/// # Errors
///
/// The database's.
pub async fn find(read: &ReadModels, token: TokenId) -> Result<Option<AppTokenRow>, sqlx::Error> {
    sqlx::query_as(FIND).bind(token.0).fetch_optional(read.pool()).await
}

/// One token by id.
///
/// # Errors
///
/// The database's.
pub async fn find_id(read: &ReadModels, id: i64) -> Result<Option<AppTokenRow>, sqlx::Error> {
    sqlx::query_as(FIND_ID).bind(id).fetch_optional(read.pool()).await
}

/// The tokens of one user that were not revoked, expired ones included, oldest first.
///
/// # Errors
///
/// The database's.
pub async fn of_user(read: &ReadModels, user: &UserName) -> Result<Vec<AppTokenRow>, sqlx::Error> {
    sqlx::query_as(OF_USER).bind(user.as_str()).fetch_all(read.pool()).await
}
