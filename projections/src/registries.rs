//! Registries that we look after.

use domain::name::RegistryName;
use jiff::Timestamp;

use crate::read::{ReadModels, row};

row! {
    /// A registry.
    pub struct RegistryRow {
        /// Position of the fact that added it.
        pub id: i64,
        /// Our short name of it.
        pub name: String,
        /// Its `auth.token.service`.
        pub service: String,
        /// What people type before a repository's name.
        pub host: String,
        /// Where we reach its API.
        pub url: String,
        /// When its notification secret was last changed.
        pub secret_rotated_at: Option<Timestamp>,
        /// When it was added.
        pub created_at: Timestamp,
        /// When anything of it last changed.
        pub updated_at: Timestamp,
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, service, host, url, secret_rotated_at, created_at, updated_at
             FROM registries ",
            $rest
        )
    };
}

const FIND: &str = select!("WHERE name = $1");
const FIND_ID: &str = select!("WHERE id = $1");
const LIST: &str = select!("ORDER BY name");

pub(crate) const STATEMENTS: &[&str] = &[FIND, FIND_ID, LIST];

/// One registry by name.
///
/// # Errors
///
/// The database's.
pub async fn find(
    read: &ReadModels,
    name: &RegistryName,
) -> Result<Option<RegistryRow>, sqlx::Error> {
    sqlx::query_as(FIND).bind(name.as_str()).fetch_optional(read.pool()).await
}

/// One registry by id.
///
/// # Errors
///
/// The database's.
pub async fn find_id(read: &ReadModels, id: i64) -> Result<Option<RegistryRow>, sqlx::Error> {
    sqlx::query_as(FIND_ID).bind(id).fetch_optional(read.pool()).await
}

/// All registries, by name. There are few of them.
///
/// # Errors
///
/// The database's.
pub async fn list(read: &ReadModels) -> Result<Vec<RegistryRow>, sqlx::Error> {
    sqlx::query_as(LIST).fetch_all(read.pool()).await
}
