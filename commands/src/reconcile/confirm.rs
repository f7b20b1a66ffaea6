//! The second look: what still differs once every notification on its way had time to come.

use domain::digest::Digest;
use domain::name::{RepositoryName, TagName};
use domain::registry::ContentEvent;
use jiff::Timestamp;

use super::look::Doubt;
use super::{Content, KnownManifest, ReconcileError, Run, moment};
use crate::registry::is_manifest;

/// The most manifests read below one index, however deep.
pub(super) const MAX_CHILDREN: usize = 100;

/// An observation: its key, when, what.
type Observation = (String, Timestamp, ContentEvent);

impl Run<'_> {
    pub(super) async fn look_again(&mut self) -> Result<(), ReconcileError> {
        let doubts = std::mem::take(&mut self.doubts);
        if doubts.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(self.of.grace).await;
        self.of.known.settle().await.map_err(ReconcileError::Known)?;
        for (repository, doubts) in doubts {
            match self.confirm(&repository, doubts).await {
                Ok(()) => self.failures = 0,
                Err(error) => self.left_alone(&repository, error)?,
            }
        }
        Ok(())
    }

    async fn confirm(
        &mut self,
        repository: &RepositoryName,
        doubts: Vec<Doubt>,
    ) -> Result<(), ReconcileError> {
        let known = self.of.known.content(self.of.registry, repository).await;
        let mut known = known.map_err(ReconcileError::Known)?;
        let (mut seen, mut missed) = (Vec::new(), Vec::new());
        for doubt in doubts {
            match doubt {
                Doubt::Points { tag, digest } => {
                    self.points(repository, &mut known, tag, digest, &mut seen).await?;
                }
                Doubt::Orphan { digest } => {
                    let found = self.child(repository, &mut known, digest.clone(), &mut seen);
                    if !found.await? {
                        self.of.silent.add(self.of.registry, &digest);
                    }
                }
                Doubt::NoTag { tag } => {
                    missed.extend(self.no_tag(repository, &known, tag).await?);
                }
                Doubt::NoManifest { digest } => {
                    missed.extend(self.no_manifest(repository, &known, digest).await?);
                }
            }
        }
        self.done.observed += self.of.append(seen).await?;
        if missed.is_empty() {
            return Ok(());
        }
        // Did its disk go away since we began?
        if self.of.client.catalog(None).await?.names.is_empty() {
            self.believe_absence = false;
            let text = "it has no repository any more, so nothing is believed to be gone";
            return Err(crate::registry::RegistryClientError(text.to_owned()).into());
        }
        self.done.missed += self.of.append(missed).await?;
        Ok(())
    }

    /// A tag that points elsewhere than we know, if it still does.
    async fn points(
        &self,
        repository: &RepositoryName,
        known: &mut Content,
        tag: TagName,
        digest: Digest,
        seen: &mut Vec<Observation>,
    ) -> Result<(), ReconcileError> {
        let of = self.of;
        let before = known.tags.get(&tag).cloned();
        if before.as_ref().and_then(|tag| tag.digest.as_ref()) == Some(&digest) {
            return Ok(()); // told meanwhile
        }
        let asked = of.clock.now();
        if of.client.digest(repository, &tag).await?.as_ref() != Some(&digest) {
            return Ok(()); // it is being moved: whoever does it will tell
        }
        let Some(manifest) = of.client.manifest(repository, &digest).await? else { return Ok(()) };
        let children: Vec<_> = manifest
            .references
            .iter()
            .filter(|reference| is_manifest(reference.media_type.as_deref()))
            .map(|reference| reference.digest.clone())
            .collect();
        let manifest_since = known.manifests.get(&digest).map(|manifest| manifest.since);
        let since = before.as_ref().map(|tag| tag.since).max(manifest_since);
        let at = moment(asked, self.behind, since);
        let parts = [
            repository.as_str(),
            tag.as_str(),
            &told(since),
            before.as_ref().and_then(|tag| tag.digest.as_ref()).map_or("-", Digest::as_str),
            digest.as_str(),
        ];
        let event = ContentEvent::TagObserved {
            registry: of.registry.clone(),
            repository: repository.clone(),
            tag: tag.clone(),
            digest: digest.clone(),
            media_type: manifest.media_type,
            size: Some(manifest.size),
            references: manifest.references,
            omitted: manifest.omitted,
        };
        seen.push((of.key("tag_observed", &parts), at, event));
        known.manifests.insert(digest, KnownManifest { there: true, since: at, bare: false });
        for child in children.into_iter().take(MAX_CHILDREN) {
            self.child(repository, known, child, seen).await?;
        }
        Ok(())
    }

    /// A manifest below an index, and what is below that; `false`: the registry does not have it.
    async fn child(
        &self,
        repository: &RepositoryName,
        known: &mut Content,
        digest: Digest,
        seen: &mut Vec<Observation>,
    ) -> Result<bool, ReconcileError> {
        let (of, mut found) = (self.of, false);
        let mut waiting = vec![digest];
        for _ in 0..MAX_CHILDREN {
            let Some(digest) = waiting.pop() else { break };
            let before = known.manifests.get(&digest).copied();
            if before.is_some_and(|manifest| manifest.there) {
                found = true;
                continue;
            }
            let asked = of.clock.now();
            let Some(manifest) = of.client.manifest(repository, &digest).await? else { continue };
            found = true;
            let below = manifest.references.iter();
            let below = below.filter(|reference| is_manifest(reference.media_type.as_deref()));
            waiting.extend(below.map(|reference| reference.digest.clone()));
            let since = before.map(|manifest| manifest.since);
            let at = moment(asked, self.behind, since);
            let parts = [repository.as_str(), digest.as_str(), &told(since)];
            let event = of.manifest_event(repository, &digest, manifest);
            seen.push((of.key("manifest_observed", &parts), at, event));
            known.manifests.insert(digest, KnownManifest { there: true, since: at, bare: false });
        }
        Ok(found)
    }

    async fn no_tag(
        &self,
        repository: &RepositoryName,
        known: &Content,
        tag: TagName,
    ) -> Result<Option<Observation>, ReconcileError> {
        let of = self.of;
        let Some(before) = known.tags.get(&tag) else { return Ok(None) };
        let Some(digest) = &before.digest else { return Ok(None) };
        let asked = of.clock.now();
        if !of.client.is_gone(repository, tag.as_str()).await? {
            return Ok(None);
        }
        let since = Some(before.since);
        let parts = [repository.as_str(), tag.as_str(), &told(since), digest.as_str()];
        let key = of.key("tag_missed", &parts);
        let event = ContentEvent::TagMissed {
            registry: of.registry.clone(),
            repository: repository.clone(),
            tag,
        };
        Ok(Some((key, moment(asked, self.behind, since), event)))
    }

    async fn no_manifest(
        &self,
        repository: &RepositoryName,
        known: &Content,
        digest: Digest,
    ) -> Result<Option<Observation>, ReconcileError> {
        let of = self.of;
        let Some(before) = known.manifests.get(&digest).filter(|known| known.there) else {
            return Ok(None);
        };
        let asked = of.clock.now();
        if !of.client.is_gone(repository, digest.as_str()).await? {
            return Ok(None);
        }
        let since = Some(before.since);
        let parts = [repository.as_str(), digest.as_str(), &told(since)];
        let key = of.key("manifest_missed", &parts);
        let event = ContentEvent::ManifestMissed {
            registry: of.registry.clone(),
            repository: repository.clone(),
            digest,
        };
        Ok(Some((key, moment(asked, self.behind, since), event)))
    }
}

fn told(since: Option<Timestamp>) -> String {
    since.map_or_else(|| "never".to_owned(), |since| since.as_microsecond().to_string())
}
