//! The write side: wishes become facts.
//!
//! A command reads one stream, lets the domain decide, and appends. What must be unique is a
//! stream's key; commands never read a read model. The right to a command is a parameter: a
//! [`domain::access::Permit`], which only the access graph makes for a person.

pub mod app_tokens;
pub mod authn;
pub mod bootstrap;
pub mod bounded;
pub mod comments;
pub mod desk;
pub mod execute;
pub mod ingest;
pub mod limit;
pub mod log;
pub mod namespaces;
pub mod once;
pub mod presence;
pub mod reconcile;
pub mod registries;
pub mod registry;
pub mod repositories;
pub mod stars;
pub mod teams;
pub mod users;
pub mod vault;
pub mod watchman;

/// How long a freed name is kept back, in hours: longer than any registry token lives, so that none
/// that names the old thing is ever good for a new one.
pub const QUARANTINE_HOURS: i64 = 24;
