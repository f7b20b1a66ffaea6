//! The first look at a repository: where do the registry and what we know differ?

use std::collections::BTreeSet;

use domain::digest::Digest;
use domain::name::{RepositoryName, TagName};

use super::{ReconcileError, Run};

/// Something that differs, to be looked at again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Doubt {
    /// This tag points there.
    Points { tag: TagName, digest: Digest },
    /// We know this tag, and the registry does not list it.
    NoTag { tag: TagName },
    /// We know this manifest, and the registry does not have it.
    NoManifest { digest: Digest },
    /// An index names this manifest, and nobody told us of it.
    Orphan { digest: Digest },
}

impl Run<'_> {
    pub(super) async fn look(
        &mut self,
        repository: &RepositoryName,
    ) -> Result<Vec<Doubt>, ReconcileError> {
        let (client, registry) = (self.of.client, self.of.registry);
        let known = self.of.known.content(registry, repository).await;
        let known = known.map_err(ReconcileError::Known)?;
        let listed: BTreeSet<_> = client.tags(repository).await?.into_iter().collect();
        let (mut doubts, mut there) = (Vec::new(), BTreeSet::new());
        for tag in &listed {
            let Some(digest) = client.digest(repository, tag).await? else { continue };
            if known.tags.get(tag).and_then(|known| known.digest.as_ref()) != Some(&digest) {
                doubts.push(Doubt::Points { tag: tag.clone(), digest: digest.clone() });
            }
            there.insert(digest);
        }
        if self.believe_absence {
            let gone = known
                .tags
                .iter()
                .filter(|(tag, known)| known.digest.is_some() && !listed.contains(*tag));
            doubts.extend(gone.map(|(tag, _)| Doubt::NoTag { tag: tag.clone() }));
        }
        for (digest, manifest) in known.manifests.iter().filter(|(_, known)| known.there) {
            if self.believe_absence
                && !there.contains(digest)
                && client.may_be_gone(repository, digest).await?
            {
                doubts.push(Doubt::NoManifest { digest: digest.clone() });
            } else if manifest.bare && self.of.describe_at(repository, digest, self.behind).await? {
                self.done.described += 1;
            }
        }
        for digest in &known.orphans {
            if !self.of.silent.holds(registry, digest) {
                doubts.push(Doubt::Orphan { digest: digest.clone() });
            }
        }
        Ok(doubts)
    }
}
