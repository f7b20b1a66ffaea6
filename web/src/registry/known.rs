//! What the read models know of a registry, as a comparison with it asks.

use std::time::Duration;

use async_trait::async_trait;
use commands::reconcile::{Content, Known, KnownManifest, KnownTag};
use domain::digest::Digest;
use domain::log::EventLog;
use domain::name::{RegistryName, RepositoryName, TagName};
use projections::runner::Runner;
use projections::{ReadModels, manifests, repositories, tags};

/// How long the read models may take to catch up before nothing is compared.
const PATIENCE: Duration = Duration::from_secs(60);
/// The most tags, and the most manifests, of one repository, those included that are gone. One that
/// has more is not compared.
pub(super) const MAX_KNOWN: usize = 200_000;

pub(super) struct FromReadModels<'a> {
    pub(super) log: &'a dyn EventLog,
    pub(super) read: &'a ReadModels,
    pub(super) runner: &'a Runner,
}

#[async_trait]
impl Known for FromReadModels<'_> {
    async fn settle(&self) -> Result<(), String> {
        let head = self.log.head().await.map_err(|error| error.to_string())?;
        let reached = self.runner.reached_in("content", head, PATIENCE).await;
        reached.map_err(|lagging| lagging.to_string())
    }

    async fn repositories(
        &self,
        registry: &RegistryName,
        after: Option<&RepositoryName>,
    ) -> Result<Vec<RepositoryName>, String> {
        let mut after = after.map(ToString::to_string).unwrap_or_default();
        loop {
            let names = repositories::names(self.read, registry, &after).await;
            let names = names.map_err(|error| error.to_string())?;
            let good: Vec<_> =
                names.iter().filter_map(|name| RepositoryName::parse(name).ok()).collect();
            match names.into_iter().next_back() {
                Some(last) if good.is_empty() => after = last,
                _ => return Ok(good),
            }
        }
    }

    async fn unheard_of(
        &self,
        registry: &RegistryName,
        names: Vec<RepositoryName>,
    ) -> Result<Vec<RepositoryName>, String> {
        let asked: Vec<String> = names.iter().map(ToString::to_string).collect();
        let known = repositories::known_of(self.read, registry, &asked).await;
        let known = known.map_err(|error| error.to_string())?;
        Ok(names.into_iter().filter(|name| !known.contains(name.as_str())).collect())
    }

    async fn content(
        &self,
        registry: &RegistryName,
        repository: &RepositoryName,
    ) -> Result<Content, String> {
        let mut content = Content::default();
        let mut after = String::new();
        loop {
            let rows = tags::standing(self.read, registry, repository, &after).await;
            let rows = rows.map_err(|error| error.to_string())?;
            let Some(last) = rows.last() else { break };
            after.clone_from(&last.name);
            for row in rows {
                let Ok(tag) = TagName::parse(&row.name) else { continue };
                let digest = row.digest.filter(|_| row.live);
                let digest = digest.and_then(|digest| Digest::parse(&digest).ok());
                content.tags.insert(tag, KnownTag { digest, since: row.changed_at });
            }
            within_bounds(content.tags.len(), repository)?;
        }
        let mut after = String::new();
        loop {
            let rows = manifests::standing(self.read, registry, repository, &after).await;
            let rows = rows.map_err(|error| error.to_string())?;
            let Some(last) = rows.last() else { break };
            after.clone_from(&last.digest);
            for row in rows {
                let Ok(digest) = Digest::parse(&row.digest) else { continue };
                let known = KnownManifest { there: row.live, since: row.since, bare: row.bare };
                content.manifests.insert(digest, known);
            }
            within_bounds(content.manifests.len(), repository)?;
        }
        let orphans = manifests::orphans(self.read, registry, repository).await;
        let orphans = orphans.map_err(|error| error.to_string())?;
        content.orphans = orphans.iter().filter_map(|text| Digest::parse(text).ok()).collect();
        Ok(content)
    }
}

fn within_bounds(known: usize, repository: &RepositoryName) -> Result<(), String> {
    if known <= MAX_KNOWN {
        return Ok(());
    }
    Err(format!("{repository} has more than {MAX_KNOWN} tags or manifests"))
}
