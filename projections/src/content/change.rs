//! What one fact does to the rows that were loaded for it.

use domain::digest::{Descriptor, Digest};
use domain::event::{Actor, Fact};
use domain::name::{RegistryName, RepositoryName, TagName};
use jiff::Timestamp;

use super::kind::Details;
use super::rows::{
    ManifestKey, ManifestRow, NamespaceKey, ReferenceKey, ReferenceRow, RepositoryRow,
    TagChangeKey, TagChangeRow, TagRow,
};
use super::{Desk, manifest_key, repository_key, tag_key};
use crate::projection::{candidates, id, moment};
use crate::repositories::{PULL_DAYS, day_of};

/// What a fact says of a tag.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Pushed,
    Deleted,
    Observed,
    Missed,
}

/// One fact's effect on the rows.
pub(super) struct Change<'a> {
    pub(super) desk: &'a mut Desk,
    pub(super) position: i64,
    pub(super) at: Timestamp,
    pub(super) actor: String,
    /// Not by a robot of our own.
    pub(super) counts: bool,
}

impl<'a> Change<'a> {
    pub(super) fn of(desk: &'a mut Desk, fact: &Fact) -> Self {
        Self {
            desk,
            position: id(fact.position),
            at: moment(fact),
            actor: fact.meta.actor.to_string(),
            counts: !matches!(fact.meta.actor, Actor::System { .. }),
        }
    }

    pub(super) fn repository(
        &mut self,
        registry: &RegistryName,
        repository: &RepositoryName,
    ) -> &mut RepositoryRow {
        let namespace = candidates(repository)
            .find(|name| {
                self.desk
                    .namespaces
                    .get(&NamespaceKey { registry: registry.to_string(), name: (*name).to_owned() })
                    .is_some()
            })
            .map(str::to_owned);
        self.desk.repositories.slot(repository_key(registry, repository)).get_or_insert_with(|| {
            RepositoryRow {
                registry: registry.to_string(),
                name: repository.to_string(),
                namespace,
                ..RepositoryRow::default()
            }
        })
    }

    /// As [`Self::repository`], and from now on it is listed.
    pub(super) fn known(
        &mut self,
        registry: &RegistryName,
        repository: &RepositoryName,
    ) -> &mut RepositoryRow {
        let (position, at) = (self.position, self.at);
        let row = self.repository(registry, repository);
        if row.id.is_none() {
            (row.id, row.created_at) = (Some(position), Some(at));
        }
        row
    }

    pub(super) fn manifest(
        &mut self,
        registry: &RegistryName,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> &mut ManifestRow {
        let key = manifest_key(registry, repository, digest);
        self.desk
            .manifests
            .slot(key.clone())
            .get_or_insert_with(|| ManifestRow::unknown(key.registry, key.repository, key.digest))
    }

    pub(super) fn pushed(
        &mut self,
        registry: &RegistryName,
        repository: &RepositoryName,
        digest: &Digest,
        details: Details,
        references: &[Descriptor],
    ) {
        let (at, actor, counts) = (self.at, self.actor.clone(), self.counts);
        let row = self.known(registry, repository);
        row.pushes += i64::from(counts);
        last(&mut row.last_push_at, &mut row.last_push_by, at, &actor);
        let position = self.position;
        let row = self.manifest(registry, repository, digest);
        row.id.get_or_insert(position);
        row.first_push_at = Some(row.first_push_at.map_or(at, |first| first.min(at)));
        last(&mut row.last_push_at, &mut row.pushed_by, at, &actor);
        row.live = row.lives();
        if details.merge_into(row) {
            self.refer(registry, repository, digest, references);
        }
    }

    /// Seen by us in the registry: it is there, whoever pushed it.
    pub(super) fn observed(
        &mut self,
        registry: &RegistryName,
        repository: &RepositoryName,
        digest: &Digest,
        details: Details,
        references: &[Descriptor],
    ) {
        let (position, at) = (self.position, self.at);
        self.known(registry, repository);
        let row = self.manifest(registry, repository, digest);
        row.id.get_or_insert(position);
        row.first_push_at = Some(row.first_push_at.map_or(at, |first| first.min(at)));
        row.seen_at = row.seen_at.max(Some(at));
        row.live = row.lives();
        if details.merge_into(row) {
            self.refer(registry, repository, digest, references);
        }
    }

    pub(super) fn refer(
        &mut self,
        registry: &RegistryName,
        repository: &RepositoryName,
        parent: &Digest,
        references: &[Descriptor],
    ) {
        for (ordinal, descriptor) in (0_i32..).zip(references) {
            let key = ReferenceKey {
                registry: registry.to_string(),
                repository: repository.to_string(),
                parent: parent.to_string(),
                ordinal,
            };
            // Content never changes under its digest; a later word may know more of it.
            let row = ReferenceRow {
                registry: key.registry.clone(),
                repository: key.repository.clone(),
                parent: key.parent.clone(),
                ordinal,
                digest: descriptor.digest.to_string(),
                media_type: descriptor.media_type.clone(),
                size: descriptor.size.and_then(|size| i64::try_from(size).ok()),
                platform: descriptor.platform.clone(),
            };
            self.desk.references.set(key, Some(row));
        }
    }

    pub(super) fn pulled(
        &mut self,
        registry: &RegistryName,
        repository: &RepositoryName,
        digest: &Digest,
        tag: Option<&TagName>,
    ) {
        let (at, actor) = (self.at, self.actor.clone());
        // It was there to be pulled, but as long as nobody told where from it is not listed.
        let row = self.repository(registry, repository);
        row.pulls += 1;
        count_day(row, at);
        last(&mut row.last_pull_at, &mut row.last_pull_by, at, &actor);
        let row = self.manifest(registry, repository, digest);
        row.pulls += 1;
        last(&mut row.last_pull_at, &mut row.last_pull_by, at, &actor);
        if let Some(tag) = tag
            && let Some(row) = self.desk.tags.slot(tag_key(registry, repository, tag))
        {
            row.pulls += 1;
            row.last_pull_at = row.last_pull_at.max(Some(at));
        }
    }

    /// Of a blob it changes nothing that is shown: the row is a tombstone, in case that the push of
    /// a manifest comes after its deletion.
    pub(super) fn deleted(
        &mut self,
        registry: &RegistryName,
        repository: &RepositoryName,
        digest: &Digest,
        change: &str,
    ) {
        let at = self.at;
        let row = self.manifest(registry, repository, digest);
        row.deleted_at = row.deleted_at.max(Some(at));
        row.live = row.lives();
        let key = manifest_key(registry, repository, digest);
        let mut dead = Vec::new();
        for tag in self.desk.tags.values_mut() {
            let points = tag.digest.as_deref() == Some(digest.as_str())
                && tag.registry == key.registry
                && tag.repository == key.repository;
            if points && tag.live && tag.changed_at < at {
                tag.live = false;
                dead.push(tag.name.clone());
            }
        }
        for tag in dead {
            self.remember(&key.registry, &key.repository, tag, change, None);
        }
    }

    /// A tag points to `digest`, or nowhere, since `self.at`; unless we know of something later.
    pub(super) fn assign(
        &mut self,
        registry: &RegistryName,
        repository: &RepositoryName,
        tag: &TagName,
        digest: Option<&Digest>,
        word: Word,
    ) {
        let (position, at) = (self.position, self.at);
        let digest = digest.map(ToString::to_string);
        let manifest = digest.as_ref().map(|digest| ManifestKey {
            registry: registry.to_string(),
            repository: repository.to_string(),
            digest: digest.clone(),
        });
        let live = manifest.is_some_and(|key| {
            let deleted_at = self.desk.manifests.get(&key).and_then(|row| row.deleted_at);
            deleted_at.is_none_or(|deleted_at| deleted_at <= at)
        });
        let key = tag_key(registry, repository, tag);
        let old = self.desk.tags.get(&key).cloned();
        let was = old.as_ref().filter(|old| old.live).and_then(|old| old.digest.clone());
        if word == Word::Observed && was.is_some() && was == digest {
            return; // we saw what we knew
        }
        // Of two words at one moment the greater digest counts, so that every order ends the same.
        if let Some(old) = &old
            && (at, &digest) < (old.changed_at, &old.digest)
        {
            return;
        }
        let (fresh, pulls, last_pull_at) =
            old.map_or((true, 0, None), |old| (!old.live && live, old.pulls, old.last_pull_at));
        let before = self.desk.tags.get(&key);
        let created_at = before.filter(|_| !fresh).map_or(at, |old| old.created_at);
        let id = before.filter(|_| !fresh).map_or(position, |old| old.id);
        let row = TagRow {
            registry: key.registry.clone(),
            repository: key.repository.clone(),
            name: key.name.clone(),
            id,
            live,
            digest: digest.clone(),
            changed_at: at,
            created_at,
            pushed_by: (word == Word::Pushed).then(|| self.actor.clone()),
            observed: word == Word::Observed,
            pulls,
            last_pull_at,
        };
        let change = match (&was, word) {
            (None, Word::Deleted | Word::Missed) => None,
            (Some(_), Word::Deleted) => Some("deleted"),
            (Some(_), Word::Missed) => Some("missed"),
            _ if !live || was == digest => None,
            (_, Word::Observed) => Some("observed"),
            (None, Word::Pushed) => Some("pushed"),
            (Some(_), Word::Pushed) => Some("moved"),
        };
        self.desk.tags.set(key.clone(), Some(row));
        if let Some(change) = change {
            self.remember(&key.registry, &key.repository, key.name, change, digest);
        }
    }

    pub(super) fn remember(
        &mut self,
        registry: &str,
        repository: &str,
        tag: String,
        change: &str,
        digest: Option<String>,
    ) {
        let row = TagChangeRow {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            tag,
            position: self.position,
            change: change.to_owned(),
            digest,
            at: self.at,
            actor: self.actor.clone(),
        };
        let key = TagChangeKey {
            registry: row.registry.clone(),
            repository: row.repository.clone(),
            tag: row.tag.clone(),
            position: row.position,
        };
        self.desk.history.set(key, Some(row));
    }
}

/// One more pull on the day of `at`. Only the last [`PULL_DAYS`] days up to the latest are kept, so
/// that every order of the same pulls ends the same.
fn count_day(row: &mut RepositoryRow, at: Timestamp) {
    let day = day_of(at);
    let latest = *row.pull_day.get_or_insert(day);
    let newer = usize::try_from(day.saturating_sub(latest)).unwrap_or(0).min(PULL_DAYS);
    if newer > 0 {
        row.pull_days.splice(0..0, std::iter::repeat_n(0, newer));
        row.pull_day = Some(day);
    }
    let age = usize::try_from(latest.saturating_sub(day)).unwrap_or(0);
    if age < PULL_DAYS {
        row.pull_days.resize(row.pull_days.len().max(age + 1), 0);
        row.pull_days[age] += 1;
    }
    row.pull_days.truncate(PULL_DAYS);
    let told = row.pull_days.iter().rposition(|pulls| *pulls > 0).map_or(0, |last| last + 1);
    row.pull_days.truncate(told);
}

/// The later of two; of two at one moment the greater name, so that every order ends the same.
fn last(at: &mut Option<Timestamp>, by: &mut Option<String>, now: Timestamp, actor: &str) {
    if (*at, by.as_deref()) < (Some(now), Some(actor)) {
        *at = Some(now);
        *by = Some(actor.to_owned());
    }
}
