//! What happens in registries: pushes, pulls, deletions.

use std::collections::{BTreeMap, BTreeSet};

use domain::digest::{Descriptor, Digest};
use domain::event::{Actor, EventId, Fact};
use domain::name::{RegistryName, RepositoryName, TagName};
use domain::registry::{ContentEvent, PullMethod};
use jiff::Timestamp;
use tantivy::collector::DocSetCollector;
use tantivy::query::{BooleanQuery, TermQuery};
use tantivy::schema::IndexRecordOption;

use super::super::entry::{Entry, Kind, inside_key, manifest_key, repository_key, tag_key};
use super::super::platform::Platform;
use super::super::pulls;
use super::super::schema::Fields;
use super::super::trace::Trace;
use super::{SearchError, Writer};
use crate::projection::moment;

/// The most platforms of one manifest, and of one repository: who makes up more is not believed.
const MAX_PLATFORMS: usize = 32;

impl Writer {
    /// By the rules of the relational projection `content`, so that both tell the same.
    pub(super) fn content(&mut self, fact: &Fact, event: &ContentEvent) -> Result<(), SearchError> {
        use ContentEvent as E;
        let at = moment(fact);
        match event {
            E::ManifestPushed { registry, repository, digest, tag, references, .. } => {
                self.manifest(registry, repository, digest, references, at)?;
                self.repository(registry, repository, |r| {
                    r.pushed_at = r.pushed_at.max(Some(at));
                })?;
                if let Some(tag) = tag {
                    self.assign(registry, repository, tag, Some(digest), at, false)?;
                }
            }
            E::TagObserved { registry, repository, tag, digest, references, .. } => {
                self.manifest(registry, repository, digest, references, at)?;
                self.assign(registry, repository, tag, Some(digest), at, true)?;
            }
            E::ManifestObserved { registry, repository, digest, references, .. } => {
                self.manifest(registry, repository, digest, references, at)?;
            }
            E::ManifestPulled { registry, repository, method, .. } => {
                let by_robot = matches!(fact.meta.actor, Actor::System { .. });
                if *method == PullMethod::Get && !by_robot {
                    self.pulled(registry, repository, fact.id)?;
                }
            }
            E::Deleted { registry, repository, digest }
            | E::ManifestMissed { registry, repository, digest } => {
                self.deleted(registry, repository, digest, at)?;
            }
            E::TagDeleted { registry, repository, tag }
            | E::TagMissed { registry, repository, tag } => {
                self.assign(registry, repository, tag, None, at, false)?;
            }
            // Blobs are not searched, and a repository begins with its first manifest.
            E::BlobPushed { .. }
            | E::BlobPulled { .. }
            | E::BlobMounted { .. }
            | E::InstanceSeen { .. }
            | E::NotificationRejected { .. } => (),
        }
        Ok(())
    }

    /// A download; most of those of a popular repository change nothing here.
    fn pulled(
        &mut self,
        registry: &RegistryName,
        repository: &RepositoryName,
        id: EventId,
    ) -> Result<(), SearchError> {
        let before = match self.load(&repository_key(registry, repository))? {
            Some(Entry::Repository { pulls, .. }) => pulls,
            _ => 0,
        };
        let pulls = pulls::after(before, id);
        if pulls == before {
            return Ok(());
        }
        self.repository(registry, repository, |r| r.pulls = pulls)
    }

    /// A manifest was there at `at`.
    fn manifest(
        &mut self,
        registry: &RegistryName,
        repository: &RepositoryName,
        digest: &Digest,
        references: &[Descriptor],
        at: Timestamp,
    ) -> Result<(), SearchError> {
        let key = manifest_key(registry, repository, digest);
        let known = self.live_manifest(&key)?;
        let trace = self.trace(&key)?;
        let seen_at = known.as_ref().map(|(at, _)| *at);
        let before = seen_at.or(trace.as_ref().and_then(|trace| trace.there));
        let there = before.map_or(at, |before| before.max(at));
        if let Some(trace) = trace
            && trace.since > there
        {
            self.traces.insert(key, Some(Trace { there: Some(there), ..trace }));
            return Ok(());
        }
        let told = platforms(references);
        let (is_new, before) = (known.is_none(), known.map(|(_, list)| list).unwrap_or_default());
        // One word may tell more of a manifest than another.
        let learned = told.len() > before.len();
        let now = if learned { told } else { before.clone() };
        self.put(Entry::Manifest {
            registry: registry.clone(),
            repository: repository.clone(),
            digest: digest.clone(),
            platforms: now.clone(),
            pushed_at: there,
        });
        if learned && !is_new {
            self.retell(registry, repository, digest, &now)?;
        }
        if !learned && !is_new {
            return Ok(());
        }
        self.repository(registry, repository, |r| {
            r.manifests += u64::from(is_new);
            if learned {
                r.forget(&before);
                r.count(&now);
            }
        })
    }

    /// A manifest, or a blob that is of no interest, was gone at `at`.
    fn deleted(
        &mut self,
        registry: &RegistryName,
        repository: &RepositoryName,
        digest: &Digest,
        at: Timestamp,
    ) -> Result<(), SearchError> {
        let key = manifest_key(registry, repository, digest);
        let known = self.live_manifest(&key)?;
        let trace = self.trace(&key)?;
        let since = trace.as_ref().map_or(at, |trace| trace.since.max(at));
        let seen_at = known.as_ref().map(|(at, _)| *at);
        let there = seen_at.or(trace.and_then(|trace| trace.there));
        self.traces.insert(key.clone(), Some(Trace { since, there, digest: None }));
        if let Some((there, platforms)) = known
            && there < since
        {
            self.pending.insert(key, None);
            self.repository(registry, repository, |r| {
                r.manifests = r.manifests.saturating_sub(1);
                r.forget(&platforms);
            })?;
        }
        self.untag(registry, repository, digest, at)
    }

    /// A tag points to `digest`, or nowhere, since `at`; unless we know of something later.
    fn assign(
        &mut self,
        registry: &RegistryName,
        repository: &RepositoryName,
        tag: &TagName,
        digest: Option<&Digest>,
        at: Timestamp,
        observed: bool,
    ) -> Result<(), SearchError> {
        let key = tag_key(registry, repository, tag);
        let (live, before) = match self.load(&key)? {
            Some(Entry::Tag { digest, pushed_at, .. }) => (true, Some((pushed_at, Some(digest)))),
            _ => (false, self.trace(&key)?.map(|trace| (trace.since, trace.digest))),
        };
        if let Some((since, known)) = &before {
            let same = observed && live && known.as_ref() == digest;
            if same || (at, digest) < (*since, known.as_ref()) {
                return Ok(());
            }
        }
        let there = match digest {
            Some(digest) => {
                let trace = self.trace(&manifest_key(registry, repository, digest))?;
                trace.is_none_or(|trace| trace.since <= at).then_some(digest)
            }
            None => None,
        };
        if let Some(digest) = there {
            let manifest = self.live_manifest(&manifest_key(registry, repository, digest))?;
            self.put(Entry::Tag {
                registry: registry.clone(),
                repository: repository.clone(),
                tag: tag.clone(),
                digest: digest.clone(),
                platforms: manifest.map(|(_, platforms)| platforms).unwrap_or_default(),
                pushed_at: at,
            });
            if self.trace(&key)?.is_some() {
                self.traces.insert(key, None);
            }
        } else {
            self.pending.insert(key.clone(), None);
            let trace = Trace { since: at, there: None, digest: digest.cloned() };
            self.traces.insert(key, Some(trace));
        }
        Ok(())
    }

    /// When a manifest that the registry has was last there, and its platforms.
    fn live_manifest(&self, key: &str) -> Result<Option<(Timestamp, Vec<String>)>, SearchError> {
        Ok(match self.load(key)? {
            Some(Entry::Manifest { pushed_at, platforms, .. }) => Some((pushed_at, platforms)),
            _ => None,
        })
    }

    /// Changes the numbers of a repository, which is new if need be.
    pub(super) fn repository(
        &mut self,
        registry: &RegistryName,
        repository: &RepositoryName,
        change: impl FnOnce(&mut Numbers),
    ) -> Result<(), SearchError> {
        let mut numbers = match self.load(&repository_key(registry, repository))? {
            Some(Entry::Repository {
                description,
                stars,
                pulls,
                manifests,
                platforms,
                pushed_at,
                ..
            }) => Numbers { description, stars, pulls, manifests, platforms, pushed_at },
            _ => Numbers::default(),
        };
        change(&mut numbers);
        self.put(Entry::Repository {
            registry: registry.clone(),
            name: repository.clone(),
            description: numbers.description,
            stars: numbers.stars,
            pulls: numbers.pulls,
            manifests: numbers.manifests,
            platforms: numbers.platforms,
            pushed_at: numbers.pushed_at,
        });
        Ok(())
    }

    /// Drops the tags that have pointed to a manifest since before it went at `at`.
    fn untag(
        &mut self,
        registry: &RegistryName,
        repository: &RepositoryName,
        gone: &Digest,
        at: Timestamp,
    ) -> Result<(), SearchError> {
        for (key, entry) in self.tags_of(registry, repository, gone)? {
            let Entry::Tag { pushed_at, .. } = entry else { continue };
            if pushed_at < at {
                let trace = Trace { since: pushed_at, there: None, digest: Some(gone.clone()) };
                self.traces.insert(key.clone(), Some(trace));
                self.pending.insert(key, None);
            }
        }
        Ok(())
    }

    /// Writes the tags of a manifest of which more is known now.
    fn retell(
        &mut self,
        registry: &RegistryName,
        repository: &RepositoryName,
        digest: &Digest,
        now: &[String],
    ) -> Result<(), SearchError> {
        for (_, mut entry) in self.tags_of(registry, repository, digest)? {
            if let Entry::Tag { platforms, .. } = &mut entry {
                *platforms = now.to_vec();
                self.put(entry);
            }
        }
        Ok(())
    }

    /// The tags that point to a manifest as of now, with their keys.
    fn tags_of(
        &self,
        registry: &RegistryName,
        repository: &RepositoryName,
        pointed: &Digest,
    ) -> Result<Vec<(String, Entry)>, SearchError> {
        let inside = Fields::term(self.fields.inside, &inside_key(registry, repository));
        let hex = pointed.as_str().split_once(':').map_or(pointed.as_str(), |(_, hex)| hex);
        let digest = Fields::term(self.fields.digest, hex);
        let kind = tantivy::Term::from_field_u64(self.fields.kind, Kind::Tag.number());
        let all = [inside, digest, kind].map(|term| {
            Box::new(TermQuery::new(term, IndexRecordOption::Basic))
                as Box<dyn tantivy::query::Query>
        });
        let found =
            self.searcher.search(&BooleanQuery::intersection(all.into()), &DocSetCollector)?;
        let mut tags = Vec::new();
        for address in found {
            let entry = self.stored(address)?;
            let key = entry.key();
            // What has changed since the commit is looked at below.
            if !self.pending.contains_key(&key) {
                tags.push((key, entry));
            }
        }
        let first = format!("tag {registry} {repository} ");
        let changed = self.pending.range(first.clone()..);
        for (key, entry) in changed.take_while(|(key, _)| key.starts_with(&first)) {
            if let Some(entry @ Entry::Tag { digest, .. }) = entry
                && digest == pointed
            {
                tags.push((key.clone(), entry.clone()));
            }
        }
        Ok(tags)
    }
}

/// What changes about a repository.
#[derive(Default)]
pub(super) struct Numbers {
    pub(super) description: String,
    pub(super) stars: u64,
    pub(super) pulls: u64,
    manifests: u64,
    platforms: BTreeMap<String, u64>,
    pushed_at: Option<Timestamp>,
}

impl Numbers {
    fn count(&mut self, platforms: &[String]) {
        for platform in platforms {
            if self.platforms.len() < MAX_PLATFORMS || self.platforms.contains_key(platform) {
                *self.platforms.entry(platform.clone()).or_default() += 1;
            }
        }
    }

    fn forget(&mut self, platforms: &[String]) {
        for platform in platforms {
            if let Some(count) = self.platforms.get_mut(platform) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.platforms.remove(platform);
                }
            }
        }
    }
}

/// What the references of a manifest tell of its platforms.
fn platforms(references: &[Descriptor]) -> Vec<String> {
    let told = references.iter().filter_map(|descriptor| descriptor.platform.as_deref());
    let told: BTreeSet<_> = told.filter_map(Platform::told).collect();
    told.iter().take(MAX_PLATFORMS).map(ToString::to_string).collect()
}
