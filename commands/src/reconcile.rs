//! Notifications get lost: a registry keeps them in memory. So what we know is compared with what
//! the registry has, and what differs is appended as something that *we* observed.
//!
//! Nothing is ever taken away on a failed or partial answer: a tag or manifest is missed only when
//! the registry, asked for it by name, says in its own words that there is none, while it still has
//! other repositories. Nothing is believed at the first look either: what differs is looked at again
//! after a while, so that a notification on its way tells it first. And every observation carries
//! the moment before its question, by the registry's clock, so that a push in between stays the
//! last word.

mod confirm;
mod look;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::digest::Digest;
use domain::event::{Actor, Door, Event, EventId, Meta, NewEvent, StreamName};
use domain::log::{Append, EventLog, Expected, LogError, Outcome};
use domain::name::{RegistryName, RepositoryName, TagName};
use domain::registry::ContentEvent;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use self::look::Doubt;
use crate::bounded::Bounded;
use crate::desk::Clock;
use crate::registry::{MAX_PAGES, Manifest, Page, RegistryClient, RegistryClientError};

/// Differences that are looked at again together.
pub const DOUBTS_AT_ONCE: usize = 1_000;
/// So many repositories in a row without a good answer: the registry is away.
pub const MAX_FAILURES: usize = 5;
/// Appends handed to the log at once.
const CHUNK: usize = 100;
/// Manifests of which we remember that reading them again is useless.
const SILENT: usize = 100_000;

/// What we know of a registry so far.
#[async_trait]
pub trait Known: Send + Sync {
    /// Returns once the questions below take account of everything that is in the log now.
    ///
    /// # Errors
    ///
    /// Why they will not, soon: then nothing must be compared.
    async fn settle(&self) -> Result<(), String>;

    /// Some of the repositories in which we know content, by name, behind `after`; none: that was
    /// all.
    ///
    /// # Errors
    ///
    /// Why that cannot be said now.
    async fn repositories(
        &self,
        registry: &RegistryName,
        after: Option<&RepositoryName>,
    ) -> Result<Vec<RepositoryName>, String>;

    /// Those of `names` in which we know no content.
    ///
    /// # Errors
    ///
    /// Why that cannot be said now.
    async fn unheard_of(
        &self,
        registry: &RegistryName,
        names: Vec<RepositoryName>,
    ) -> Result<Vec<RepositoryName>, String>;

    /// What we know of one repository.
    ///
    /// # Errors
    ///
    /// Why that cannot be said now.
    async fn content(
        &self,
        registry: &RegistryName,
        repository: &RepositoryName,
    ) -> Result<Content, String>;
}

/// What we know of one repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// Its tags, those included that are gone.
    pub tags: BTreeMap<TagName, KnownTag>,
    /// Its manifests, those included that are gone.
    pub manifests: BTreeMap<Digest, KnownManifest>,
    /// Children of its indexes that nobody told of.
    pub orphans: Vec<Digest>,
}

/// What we know of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownTag {
    /// Where it points; `None`: it is gone.
    pub digest: Option<Digest>,
    /// When it came to that, by the registry's clock.
    pub since: Timestamp,
}

/// What we know of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownManifest {
    /// Whether the registry has it, as far as we heard.
    pub there: bool,
    /// The last we heard of it, by the registry's clock.
    pub since: Timestamp,
    /// An image or index of which nobody told for which platform it is.
    pub bare: bool,
}

/// What a comparison found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Repositories compared.
    pub repositories: usize,
    /// Tags and manifests that we had not heard of, or that point elsewhere.
    pub observed: usize,
    /// Tags and manifests that are gone.
    pub missed: usize,
    /// Images of which we read the platform.
    pub described: usize,
    /// Repositories left as they are, because the registry gave no good answer.
    pub failed: usize,
}

/// Why nothing, or not everything, was compared.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The registry gives no good answers.
    #[error(transparent)]
    Registry(#[from] RegistryClientError),
    /// The log does not serve.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What we know could not be read.
    #[error("what is known cannot be read: {0}")]
    Known(String),
}

/// Manifests that do not say for which platform they are, so that nobody asks them again. Forgets
/// when it is full.
#[derive(Debug)]
pub struct Silent(Mutex<Bounded<(RegistryName, Digest), ()>>);

impl Default for Silent {
    fn default() -> Self {
        Self(Mutex::new(Bounded::new(SILENT)))
    }
}

impl Silent {
    fn holds(&self, registry: &RegistryName, digest: &Digest) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&(registry.clone(), digest.clone())).is_some()
    }

    fn add(&self, registry: &RegistryName, digest: &Digest) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert((registry.clone(), digest.clone()), ());
    }
}

/// One registry, to be compared with what is known of it.
pub struct Comparison<'a> {
    /// Where observations go.
    pub log: &'a dyn EventLog,
    /// What time it is.
    pub clock: &'a Clock,
    /// Which registry.
    pub registry: &'a RegistryName,
    /// The registry itself.
    pub client: &'a RegistryClient,
    /// What we know.
    pub known: &'a dyn Known,
    /// What was read in vain before.
    pub silent: &'a Silent,
    /// How long what differs is left alone before it is looked at again.
    pub grace: Duration,
}

impl Comparison<'_> {
    /// Compares everything, and appends what differs.
    ///
    /// # Errors
    ///
    /// [`ReconcileError`]; what was appended before stays.
    #[tracing::instrument(name = "reconcile", skip_all, fields(registry = %self.registry))]
    pub async fn run(&self) -> Result<Reconciled, ReconcileError> {
        let behind = self.client.clock_behind(self.clock.now()).await?;
        let first = self.client.catalog(None).await?;
        self.known.settle().await.map_err(ReconcileError::Known)?;
        let mut run = Run {
            of: self,
            behind,
            // A registry whose disk is not there lists nothing, and has nothing.
            believe_absence: !first.names.is_empty(),
            doubts: Vec::new(),
            done: Reconciled::default(),
            failures: 0,
        };
        let looked = run.look_at_all(first).await;
        // Also when the list broke off: what was seen before was seen.
        run.look_again().await?;
        looked?;
        Ok(run.done)
    }

    /// Reads what nobody told of one image or index, its platform above all; `false`: it does not
    /// say, or is gone.
    ///
    /// # Errors
    ///
    /// [`ReconcileError`].
    pub async fn describe(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<bool, ReconcileError> {
        self.describe_at(repository, digest, SignedDuration::ZERO).await
    }

    async fn describe_at(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        behind: SignedDuration,
    ) -> Result<bool, ReconcileError> {
        if self.silent.holds(self.registry, digest) {
            return Ok(false);
        }
        let at = moment(self.clock.now(), behind, None);
        let Some(manifest) = self.client.manifest(repository, digest).await? else {
            return Ok(false);
        };
        if manifest.references.iter().all(|reference| reference.platform.is_none()) {
            self.silent.add(self.registry, digest);
            return Ok(false);
        }
        let key = self.key("described", &[repository.as_str(), digest.as_str()]);
        let event = self.manifest_event(repository, digest, manifest);
        Ok(self.append(vec![(key, at, event)]).await? == 1)
    }

    fn manifest_event(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        manifest: Manifest,
    ) -> ContentEvent {
        ContentEvent::ManifestObserved {
            registry: self.registry.clone(),
            repository: repository.clone(),
            digest: digest.clone(),
            media_type: manifest.media_type,
            size: Some(manifest.size),
            references: manifest.references,
            omitted: manifest.omitted,
        }
    }

    /// The same observation on top of the same knowledge is the same fact, whoever makes it and
    /// however often.
    fn key(&self, what: &str, parts: &[&str]) -> String {
        let hash = Sha256::digest(parts.join(" ").as_bytes());
        format!("{}:{what}:{}", self.registry, hex::encode(hash))
    }

    /// Appends observations; answers how many of them are new.
    async fn append(
        &self,
        observations: Vec<(String, Timestamp, ContentEvent)>,
    ) -> Result<usize, ReconcileError> {
        let stream = StreamName::pushes(self.registry, self.clock.now());
        let mut commands: Vec<_> = observations
            .into_iter()
            .map(|(key, at, event)| {
                let actor = Actor::System { part: "reconcile".to_owned() };
                let event = NewEvent {
                    id: EventId::from_key(&key),
                    occurred_at: at,
                    meta: Meta { door: Some(Door::Job), ..Meta::by(actor) },
                    event: Event::Content(event),
                };
                let expected = Expected::Any;
                Append { stream: stream.clone(), expected, key: Some(key), events: vec![event] }
            })
            .collect();
        let mut new = 0;
        while !commands.is_empty() {
            let rest = commands.split_off(commands.len().min(CHUNK));
            let outcomes = self.log.append(std::mem::replace(&mut commands, rest)).await?;
            new += outcomes.iter().filter(|one| matches!(one, Outcome::Appended { .. })).count();
        }
        Ok(new)
    }
}

/// One comparison under way.
struct Run<'a> {
    of: &'a Comparison<'a>,
    /// How far the registry's clock is behind ours.
    behind: SignedDuration,
    believe_absence: bool,
    doubts: Vec<(RepositoryName, Vec<Doubt>)>,
    done: Reconciled,
    /// In a row.
    failures: usize,
}

impl Run<'_> {
    /// What we know, and then what we do not know.
    async fn look_at_all(&mut self, first: Page<RepositoryName>) -> Result<(), ReconcileError> {
        let (known, registry) = (self.of.known, self.of.registry);
        let mut after = None;
        loop {
            let names = known.repositories(registry, after.as_ref()).await;
            let names = names.map_err(ReconcileError::Known)?;
            let Some(last) = names.last().cloned() else { break };
            for name in &names {
                self.visit(name).await?;
            }
            after = Some(last);
        }
        let mut page = first;
        for _ in 0..MAX_PAGES {
            let names = known.unheard_of(registry, page.names).await;
            for name in &names.map_err(ReconcileError::Known)? {
                self.visit(name).await?;
            }
            let Some(next) = page.next else { return Ok(()) };
            page = self.of.client.catalog(Some(next)).await?;
        }
        Err(RegistryClientError("a catalog without an end".to_owned()).into())
    }

    async fn visit(&mut self, repository: &RepositoryName) -> Result<(), ReconcileError> {
        match self.look(repository).await {
            Ok(doubts) => {
                self.failures = 0;
                self.done.repositories += 1;
                if !doubts.is_empty() {
                    self.doubts.push((repository.clone(), doubts));
                }
            }
            Err(error) => self.left_alone(repository, error)?,
        }
        let doubts: usize = self.doubts.iter().map(|(_, doubts)| doubts.len()).sum();
        if doubts >= DOUBTS_AT_ONCE { self.look_again().await } else { Ok(()) }
    }

    /// One repository's bad answers do not keep us from the others; but when none answers, it is
    /// the registry.
    fn left_alone(
        &mut self,
        repository: &RepositoryName,
        error: ReconcileError,
    ) -> Result<(), ReconcileError> {
        let ReconcileError::Registry(error) = error else { return Err(error) };
        tracing::warn!(%repository, %error, "left as it is");
        self.done.failed += 1;
        self.failures += 1;
        if self.failures < MAX_FAILURES { Ok(()) } else { Err(error.into()) }
    }
}

/// The moment of an observation by the registry's clock: before the question, but after what it
/// corrects.
fn moment(asked: Timestamp, behind: SignedDuration, since: Option<Timestamp>) -> Timestamp {
    let by_its_clock = if behind.is_zero() {
        asked
    } else {
        asked.saturating_sub(behind + crate::registry::CLOCK_GRAIN).unwrap_or(asked)
    };
    let after = since.and_then(|since| since.checked_add(SignedDuration::from_micros(1)).ok());
    after.map_or(by_its_clock, |after| by_its_clock.max(after))
}

#[cfg(test)]
mod double;
#[cfg(test)]
mod tests;
