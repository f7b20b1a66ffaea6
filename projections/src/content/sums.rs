//! What is counted and copied from one row to another: worked out once, after a run of facts, from
//! what the rows were and what they are.

use std::collections::BTreeMap;

use super::rows::{NONE, NamespaceKey, RepositoryKey};
use super::{Desk, RepositoryRow};

/// How the sums of one repository change.
#[derive(Default)]
struct Sums {
    tags: i64,
    size: i64,
    unique: i64,
    stars: i64,
}

impl Desk {
    /// Brings every sum up to date with the rows in memory. Every repository of a tag, a manifest or
    /// a star that changed is among them, and so is every namespace of such a repository.
    pub(super) fn sum(&mut self) {
        let mut sums: BTreeMap<RepositoryKey, Sums> = BTreeMap::new();
        for (old, new) in self.tags.pairs() {
            let live = |row: Option<&_>| i64::from(row.is_some_and(|tag: &super::TagRow| tag.live));
            if let Some(tag) = new.or(old) {
                sums.entry(key(&tag.registry, &tag.repository)).or_default().tags +=
                    live(new) - live(old);
            }
        }
        for (old, new) in self.manifests.pairs() {
            let weight = |row: Option<&super::ManifestRow>| {
                row.filter(|manifest| manifest.live).and_then(|m| m.total_size).unwrap_or(0)
            };
            if let Some(manifest) = new.or(old) {
                let sums = sums.entry(key(&manifest.registry, &manifest.repository)).or_default();
                sums.size = sums.size.saturating_add(weight(new).saturating_sub(weight(old)));
            }
        }
        for (old, new) in self.blobs.pairs() {
            if let Some(blob) = new.or(old) {
                let sums = sums.entry(key(&blob.registry, &blob.repository)).or_default();
                let change = i64::from(new.is_some()) - i64::from(old.is_some());
                sums.unique = sums.unique.saturating_add(change.saturating_mul(blob.size));
            }
        }
        for (old, new) in self.stars.pairs() {
            if let Some(star) = new.or(old) {
                sums.entry(key(&star.registry, &star.repository)).or_default().stars +=
                    i64::from(new.is_some()) - i64::from(old.is_some());
            }
        }
        for row in self.repositories.values_mut() {
            if let Some(sums) = sums.get(&key(&row.registry, &row.name)) {
                row.tags += sums.tags;
                row.size = row.size.saturating_add(sums.size);
                row.unique_size = row.unique_size.saturating_add(sums.unique);
                row.stars += sums.stars;
            }
        }
        self.show();
        self.count();
    }

    /// A repository is as visible as the namespace that decides over it.
    fn show(&mut self) {
        let namespaces = &self.namespaces;
        for row in self.repositories.values_mut() {
            let namespace = row.namespace.as_ref().and_then(|name| {
                namespaces.get(&NamespaceKey { registry: row.registry.clone(), name: name.clone() })
            });
            let visibility = namespace.map_or(NONE, |namespace| namespace.visibility.as_str());
            if row.visibility != visibility {
                visibility.clone_into(&mut row.visibility);
            }
        }
    }

    /// How many repositories each namespace decides over.
    fn count(&mut self) {
        let mut counts: BTreeMap<NamespaceKey, i64> = BTreeMap::new();
        let mut add = |row: Option<&RepositoryRow>, n: i64| {
            if let Some(key) = row.and_then(RepositoryRow::counted_by) {
                *counts.entry(key).or_default() += n;
            }
        };
        for (old, new) in self.repositories.pairs() {
            add(old, -1);
            add(new, 1);
        }
        // One that went and came again is a new row, but what it holds is as before.
        for (old, new) in self.namespaces.pairs() {
            if let (Some(old), Some(new)) = (old, new) {
                let key = NamespaceKey { registry: new.registry.clone(), name: new.name.clone() };
                *counts.entry(key).or_default() += old.repositories - new.repositories;
            }
        }
        for row in self.namespaces.values_mut() {
            let key = NamespaceKey { registry: row.registry.clone(), name: row.name.clone() };
            row.repositories += counts.get(&key).unwrap_or(&0);
        }
    }
}

fn key(registry: &str, repository: &str) -> RepositoryKey {
    RepositoryKey { registry: registry.to_owned(), name: repository.to_owned() }
}
