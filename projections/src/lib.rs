//! The read side: folds over the log that may be thrown away and made again.
//!
//! Projections never decide, never call out, and never fail on an odd past.

pub mod access;
pub mod activity;
pub mod app_tokens;
mod checkpoint;
pub mod comments;
mod content;
mod directory;
pub mod manifests;
pub mod namespaces;
mod of_repository;
pub mod origin;
mod pace;
pub mod projection;
mod read;
pub mod rebuild;
pub mod referrers;
pub mod registries;
pub mod repositories;
pub mod runner;
pub mod search;
pub mod stars;
pub mod tags;
pub mod teams;
pub mod users;
mod working;

use std::sync::Arc;

pub use read::{By, LIVE_SCHEMAS, MAX_COUNT, MAX_PAGE, Order, Paging, ReadModels};

/// Every statement that queries the read models, so that a test can hold all of them against the
/// migrated schema.
#[must_use]
pub fn statements() -> Vec<&'static str> {
    [
        activity::STATEMENTS,
        app_tokens::STATEMENTS,
        checkpoint::STATEMENTS,
        comments::STATEMENTS,
        manifests::STATEMENTS,
        namespaces::STATEMENTS,
        referrers::STATEMENTS,
        registries::STATEMENTS,
        repositories::STATEMENTS,
        stars::STATEMENTS,
        tags::STATEMENTS,
        teams::STATEMENTS,
        users::STATEMENTS,
    ]
    .into_iter()
    .chain(repositories::BROWSE_STATEMENTS)
    .flatten()
    .copied()
    .collect()
}

/// The relational projections.
#[must_use]
pub fn relational() -> Vec<Arc<dyn projection::Projection>> {
    vec![
        Arc::new(directory::Directory),
        Arc::new(content::Content),
        Arc::new(activity::fold::Activity),
    ]
}
