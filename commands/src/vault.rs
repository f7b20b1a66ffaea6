//! Secrets and personal data that must be forgettable: hashes of passwords and tokens, e-mail
//! addresses, and the keys with which personal data in facts is sealed. Events hold only what is
//! sealed with it.

use domain::event::{Actor, Sealed};
use jiff::Timestamp;

use crate::desk::Origin;

/// The vault does not serve. Never carries a secret.
#[derive(Debug, thiserror::Error)]
#[error("the vault does not serve: {0}")]
pub struct VaultError(pub String);

/// The vault: a Postgres schema, and a master key that is not in it. Cheap to clone.
#[derive(Clone)]
pub struct Vault {}

impl Vault {
    /// Seals address and user agent with the key of whoever acts (of the day, for anonymous ones).
    /// `None` when the origin holds neither.
    ///
    /// # Errors
    ///
    /// [`VaultError`] when the key can be neither read nor made.
    pub async fn seal_origin(
        &self,
        _actor: &Actor,
        _at: Timestamp,
        _associated: &[u8],
        _origin: &Origin,
    ) -> Result<Option<Sealed>, VaultError> {
        Err(VaultError("not open".to_owned()))
    }
}
