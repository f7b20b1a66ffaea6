//! Notifications get lost: a registry keeps them in memory. So what we know is compared with what
//! the registry has, and what differs is appended as something that *we* observed.
//!
//! Nothing is ever taken away on a failed or partial answer: a tag is missed only when the
//! registry's list lacks it and the registry, asked for it by name, says 404. Every observation
//! carries the moment before its question, so that a push in between stays the last word.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use domain::digest::Digest;
use domain::event::{Actor, Door, Event, Meta, NewEvent, StreamName};
use domain::log::{Append, Expected, LogError};
use domain::name::{RegistryName, RepositoryName, TagName};
use domain::registry::ContentEvent;
use jiff::Timestamp;

use crate::desk::Desk;
use crate::registry::{RegistryClient, RegistryClientError};

/// What we know of a registry so far.
#[async_trait]
pub trait Known: Send + Sync {
    /// The repositories in which we know content.
    ///
    /// # Errors
    ///
    /// Why that cannot be said now.
    async fn repositories(&self, registry: &RegistryName) -> Result<Vec<RepositoryName>, String>;

    /// Where each tag of a repository points.
    ///
    /// # Errors
    ///
    /// Why that cannot be said now.
    async fn tags(
        &self,
        registry: &RegistryName,
        repository: &RepositoryName,
    ) -> Result<BTreeMap<TagName, Digest>, String>;
}

/// What a comparison found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Repositories compared.
    pub repositories: usize,
    /// Tags that we had not heard of, or that point elsewhere.
    pub observed: usize,
    /// Tags that are gone.
    pub missed: usize,
    /// Repositories left as they are, because the registry gave no good answer.
    pub failed: usize,
}

/// Why nothing, or not everything, was compared.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The registry's catalog could not be read.
    #[error(transparent)]
    Registry(#[from] RegistryClientError),
    /// The log does not serve.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What we know could not be read.
    #[error("what is known cannot be read: {0}")]
    Known(String),
}

/// Compares a registry's tags with what is known, and appends the differences.
///
/// # Errors
///
/// [`ReconcileError`]; what was appended before stays.
#[tracing::instrument(name = "reconcile", skip_all, fields(%registry))]
pub async fn reconcile(
    desk: &Desk,
    registry: &RegistryName,
    client: &RegistryClient,
    known: &dyn Known,
) -> Result<Reconciled, ReconcileError> {
    let listed: BTreeSet<_> = client.catalog().await?.into_iter().collect();
    // A registry whose disk is not there answers an empty catalog, and 404 to everything.
    let believe_absence = !listed.is_empty();
    let ours = known.repositories(registry).await.map_err(ReconcileError::Known)?;
    let mut done = Reconciled::default();
    for repository in listed.union(&ours.into_iter().collect()) {
        let tags = known.tags(registry, repository).await.map_err(ReconcileError::Known)?;
        match compare(desk, registry, client, repository, &tags, believe_absence).await {
            Ok(events) => {
                done.repositories += 1;
                for event in &events {
                    match event.event {
                        Event::Content(ContentEvent::TagMissed { .. }) => done.missed += 1,
                        _ => done.observed += 1,
                    }
                }
                append(desk, registry, events).await?;
            }
            Err(error) => {
                tracing::warn!(%repository, %error, "left as it is");
                done.failed += 1;
            }
        }
    }
    Ok(done)
}

async fn compare(
    desk: &Desk,
    registry: &RegistryName,
    client: &RegistryClient,
    repository: &RepositoryName,
    known: &BTreeMap<TagName, Digest>,
    believe_absence: bool,
) -> Result<Vec<NewEvent>, RegistryClientError> {
    let mut events = Vec::new();
    let asked = desk.clock.now();
    let there: BTreeSet<_> = client.tags(repository).await?.into_iter().collect();
    for tag in &there {
        let asked = desk.clock.now();
        let Some(digest) = client.digest(repository, tag).await? else { continue };
        if known.get(tag) == Some(&digest) {
            continue;
        }
        let Some(manifest) = client.manifest(repository, tag).await? else { continue };
        // As many references as a fact holds; the registry has the rest.
        let mut references = manifest.references;
        references.truncate(MAX_REFERENCES);
        let event = ContentEvent::TagObserved {
            registry: registry.clone(),
            repository: repository.clone(),
            tag: tag.clone(),
            digest: manifest.digest,
            media_type: manifest.media_type,
            size: Some(manifest.size),
            references,
        };
        events.push(envelope(desk, event, asked));
    }
    for tag in known.keys().filter(|tag| believe_absence && !there.contains(*tag)) {
        if client.digest(repository, tag).await?.is_none() {
            let event = ContentEvent::TagMissed {
                registry: registry.clone(),
                repository: repository.clone(),
                tag: tag.clone(),
            };
            events.push(envelope(desk, event, asked));
        }
    }
    Ok(events)
}

/// References of one observation that fit into a fact.
const MAX_REFERENCES: usize = 100;

fn envelope(desk: &Desk, event: ContentEvent, at: Timestamp) -> NewEvent {
    let actor = Actor::System { part: "reconcile".to_owned() };
    NewEvent {
        id: desk.new_id(),
        occurred_at: at,
        meta: Meta { door: Some(Door::Job), ..Meta::by(actor) },
        event: Event::Content(event),
    }
}

async fn append(
    desk: &Desk,
    registry: &RegistryName,
    events: Vec<NewEvent>,
) -> Result<(), ReconcileError> {
    let stream = StreamName::pushes(registry, desk.clock.now());
    for some in events.chunks(100) {
        let command = Append {
            stream: stream.clone(),
            expected: Expected::Any,
            key: None,
            events: some.to_vec(),
        };
        desk.log.append(vec![command]).await?;
    }
    Ok(())
}
