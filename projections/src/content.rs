//! The projection `content`: repositories, tags with their history, manifests, pull counts.
//!
//! Notifications come late, twice and in any order, so most of what is kept is the same in
//! whatever order facts arrive: a tag is where its latest word by the registry's clock puts it, a
//! manifest lives unless its deletion is later than its last push, counts are sums, lasts are
//! maxima. A tag dies with the manifest that it points to. Only histories and ids tell the order
//! of arrival.

mod blobs;
mod change;
mod kind;
mod moves;
mod rows;
mod sums;

use async_trait::async_trait;
use domain::digest::Digest;
use domain::event::{Class, Event, Fact};
use domain::name::{RegistryName, RepositoryName, TagName};
use domain::namespace::NamespaceEvent;
use domain::registry::{ContentEvent, PullMethod};
use domain::star::StarEvent;
use sqlx::PgConnection;

use self::change::{Change, Word};
use self::kind::Details;
use self::moves::{move_stored, moves, moves_stored};
use self::rows::{
    BlobRow, ManifestKey, ManifestRow, NamespaceKey, NamespaceRow, ReferenceRow, RepositoryKey,
    RepositoryRow, StarKey, StarRow, TagChangeRow, TagKey, TagRow,
};
use crate::projection::{Projection, candidates, id};
use crate::working::{Working, json};

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content;

#[async_trait]
impl Projection for Content {
    fn name(&self) -> &'static str {
        "content"
    }

    fn code(&self) -> i32 {
        4
    }

    fn tables(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("content_namespaces", "registry, name"),
            ("content_stars", "user_name, registry, repository"),
            ("repositories", "registry, name"),
            ("tags", "registry, repository, name"),
            ("tag_history", "registry, repository, tag, position"),
            ("manifests", "registry, repository, digest"),
            ("manifest_references", "registry, repository, parent, ordinal"),
            ("blobs", "registry, repository, digest, size"),
        ]
    }

    fn class(&self) -> Option<Class> {
        None
    }

    fn reads(&self, kind: &str) -> bool {
        // Most facts of a busy service are token decisions.
        !kind.starts_with("auth.")
    }

    async fn apply(&self, db: &mut PgConnection, facts: &[Fact]) -> Result<(), sqlx::Error> {
        // A namespace that comes or goes takes repositories over. When none of them was there
        // before this page, as is usual for a new namespace, memory holds them all; else it is done
        // in the database, between what came before it and what comes after.
        if !moves_stored(db, facts).await? {
            return Desk::fold(db, facts).await;
        }
        for run in facts.chunk_by(|before, after| !moves(before) && !moves(after)) {
            match run {
                [fact] if moves(fact) => move_stored(db, fact).await?,
                run => Desk::fold(db, run).await?,
            }
        }
        Ok(())
    }
}

/// The rows that one run of facts touches.
#[derive(Default)]
struct Desk {
    namespaces: Working<NamespaceRow>,
    repositories: Working<RepositoryRow>,
    tags: Working<TagRow>,
    history: Working<TagChangeRow>,
    manifests: Working<ManifestRow>,
    references: Working<ReferenceRow>,
    blobs: Working<BlobRow>,
    stars: Working<StarRow>,
}

const TAGS_OF_DIGESTS: &str = "SELECT row_to_json(t)::text FROM tags t
    JOIN json_populate_recordset(NULL::manifests, $1::json) k
      ON k.registry = t.registry AND k.repository = t.repository AND k.digest = t.digest";

impl Desk {
    async fn fold(db: &mut PgConnection, facts: &[Fact]) -> Result<(), sqlx::Error> {
        let mut desk = Self::default();
        let mut deleted = Vec::new();
        for fact in facts {
            match &fact.event {
                Event::Content(event) => desk.want(event, &mut deleted),
                Event::Star(event) => {
                    let (key, registry, repository) = star(event);
                    desk.stars.want(key);
                    desk.want_repository(registry, repository);
                }
                Event::Namespace(
                    NamespaceEvent::Created { registry, namespace, .. }
                    | NamespaceEvent::Deleted { registry, namespace, .. }
                    | NamespaceEvent::VisibilityChanged { registry, namespace, .. },
                ) => {
                    desk.namespaces.want(namespace_key(registry, namespace.as_str()));
                    for parent in namespace.parents() {
                        desk.namespaces.want(namespace_key(registry, parent));
                    }
                }
                _ => {}
            }
        }
        desk.namespaces.load(db).await?;
        desk.repositories.load(db).await?;
        desk.tags.load(db).await?;
        if !deleted.is_empty() {
            let rows: Vec<String> = sqlx::query_scalar(TAGS_OF_DIGESTS)
                .bind(json(&deleted)?)
                .fetch_all(&mut *db)
                .await?;
            desk.tags.take(&rows)?;
        }
        // A tag lives or dies with the manifest that it points to, also when it moves there later.
        desk.manifests.load(db).await?;
        desk.stars.load(db).await?;
        for fact in facts {
            match &fact.event {
                Event::Content(event) => desk.content(fact, event),
                Event::Namespace(event) => desk.namespace(fact, event),
                Event::Star(event) => desk.star(fact, event),
                _ => {}
            }
        }
        desk.hold(db).await?;
        desk.sum();
        desk.namespaces.store(db).await?;
        desk.repositories.store(db).await?;
        desk.tags.store(db).await?;
        desk.history.store(db).await?;
        desk.manifests.store(db).await?;
        desk.references.store(db).await?;
        desk.blobs.store(db).await?;
        desk.stars.store(db).await
    }

    fn want(&mut self, event: &ContentEvent, deleted: &mut Vec<ManifestKey>) {
        use ContentEvent as E;
        let (registry, repository, digest, tag) = match event {
            E::ManifestPushed { registry, repository, digest, tag, .. }
            | E::ManifestPulled { registry, repository, digest, tag, .. } => {
                (registry, repository, Some(digest), tag.as_ref())
            }
            E::TagObserved { registry, repository, digest, tag, .. } => {
                (registry, repository, Some(digest), Some(tag))
            }
            E::Deleted { registry, repository, digest }
            | E::ManifestMissed { registry, repository, digest } => {
                deleted.push(manifest_key(registry, repository, digest));
                (registry, repository, Some(digest), None)
            }
            E::ManifestObserved { registry, repository, digest, .. } => {
                (registry, repository, Some(digest), None)
            }
            E::TagDeleted { registry, repository, tag }
            | E::TagMissed { registry, repository, tag } => (registry, repository, None, Some(tag)),
            E::BlobPushed { .. }
            | E::BlobPulled { .. }
            | E::BlobMounted { .. }
            | E::InstanceSeen { .. }
            | E::NotificationRejected { .. } => return,
        };
        self.want_repository(registry, repository);
        if let Some(digest) = digest {
            self.manifests.want(manifest_key(registry, repository, digest));
        }
        if let Some(tag) = tag {
            self.tags.want(tag_key(registry, repository, tag));
        }
    }

    fn want_repository(&mut self, registry: &RegistryName, repository: &RepositoryName) {
        self.repositories.want(repository_key(registry, repository));
        for name in candidates(repository) {
            self.namespaces
                .want(NamespaceKey { registry: registry.to_string(), name: name.to_owned() });
        }
    }

    /// Comes and goes here only when all repositories under it are in memory.
    fn namespace(&mut self, fact: &Fact, event: &NamespaceEvent) {
        use NamespaceEvent as E;
        match event {
            E::Created { registry, namespace, visibility, .. } => {
                let key = namespace_key(registry, namespace.as_str());
                let row = NamespaceRow {
                    registry: key.registry.clone(),
                    name: key.name.clone(),
                    id: id(fact.position),
                    visibility: visibility.as_str().to_owned(),
                    repositories: 0, // counted at the end
                };
                for repository in self.repositories.values_mut() {
                    let under = repository.registry == row.registry
                        && repository
                            .name
                            .strip_prefix(&row.name)
                            .is_some_and(|r| r.starts_with('/'));
                    let shorter =
                        repository.namespace.as_ref().is_none_or(|n| n.len() < row.name.len());
                    if under && shorter {
                        repository.namespace = Some(row.name.clone());
                    }
                }
                self.namespaces.set(key, Some(row));
            }
            E::Deleted { registry, namespace, .. } => {
                let key = namespace_key(registry, namespace.as_str());
                let heir = namespace
                    .parents()
                    .find(|name| self.namespaces.get(&namespace_key(registry, name)).is_some());
                for repository in self.repositories.values_mut() {
                    if repository.registry == key.registry
                        && repository.namespace.as_ref() == Some(&key.name)
                    {
                        repository.namespace = heir.map(str::to_owned);
                    }
                }
                self.namespaces.set(key, None);
            }
            E::VisibilityChanged { registry, namespace, to, .. } => {
                let key = namespace_key(registry, namespace.as_str());
                if let Some(row) = self.namespaces.slot(key) {
                    to.as_str().clone_into(&mut row.visibility);
                }
            }
            E::Described { .. }
            | E::TeamChanged { .. }
            | E::Granted { .. }
            | E::GrantRevoked { .. } => {}
        }
    }

    fn star(&mut self, fact: &Fact, event: &StarEvent) {
        let (key, registry, repository) = star(event);
        // What was starred may not have been heard of yet.
        Change::of(self, fact).repository(registry, repository);
        let row = StarRow {
            user_name: key.user_name.clone(),
            registry: key.registry.clone(),
            repository: key.repository.clone(),
        };
        self.stars.set(key, matches!(event, StarEvent::Starred { .. }).then_some(row));
    }

    fn content(&mut self, fact: &Fact, event: &ContentEvent) {
        use ContentEvent as E;
        let mut change = Change::of(self, fact);
        match event {
            E::ManifestPushed {
                registry,
                repository,
                digest,
                tag,
                media_type,
                size,
                references,
                omitted,
            } => {
                let details = Details::of(media_type.as_deref(), *size, references, *omitted);
                change.pushed(registry, repository, digest, details, references);
                if let Some(tag) = tag {
                    change.assign(registry, repository, tag, Some(digest), Word::Pushed);
                }
            }
            E::ManifestPulled { registry, repository, digest, tag, method, .. } => {
                // A HEAD asks whether something is new; it downloads nothing.
                if *method == PullMethod::Get && change.counts {
                    change.pulled(registry, repository, digest, tag.as_ref());
                }
            }
            E::TagObserved {
                registry,
                repository,
                tag,
                digest,
                media_type,
                size,
                references,
                omitted,
            } => {
                let details = Details::of(media_type.as_deref(), *size, references, *omitted);
                change.observed(registry, repository, digest, details, references);
                change.assign(registry, repository, tag, Some(digest), Word::Observed);
            }
            E::ManifestObserved {
                registry,
                repository,
                digest,
                media_type,
                size,
                references,
                omitted,
            } => {
                let details = Details::of(media_type.as_deref(), *size, references, *omitted);
                change.observed(registry, repository, digest, details, references);
            }
            E::Deleted { registry, repository, digest } => {
                change.deleted(registry, repository, digest, "deleted");
            }
            E::ManifestMissed { registry, repository, digest } => {
                change.deleted(registry, repository, digest, "missed");
            }
            E::TagDeleted { registry, repository, tag } => {
                change.assign(registry, repository, tag, None, Word::Deleted);
            }
            E::TagMissed { registry, repository, tag } => {
                change.assign(registry, repository, tag, None, Word::Missed);
            }
            E::BlobPushed { .. }
            | E::BlobPulled { .. }
            | E::BlobMounted { .. }
            | E::InstanceSeen { .. }
            | E::NotificationRejected { .. } => {}
        }
    }
}

fn star(event: &StarEvent) -> (StarKey, &RegistryName, &RepositoryName) {
    let (StarEvent::Starred { user, registry, repository }
    | StarEvent::Unstarred { user, registry, repository }) = event;
    let key = StarKey {
        user_name: user.to_string(),
        registry: registry.to_string(),
        repository: repository.to_string(),
    };
    (key, registry, repository)
}

fn namespace_key(registry: &RegistryName, name: &str) -> NamespaceKey {
    NamespaceKey { registry: registry.to_string(), name: name.to_owned() }
}

fn repository_key(registry: &RegistryName, repository: &RepositoryName) -> RepositoryKey {
    RepositoryKey { registry: registry.to_string(), name: repository.to_string() }
}

fn manifest_key(
    registry: &RegistryName,
    repository: &RepositoryName,
    digest: &Digest,
) -> ManifestKey {
    ManifestKey {
        registry: registry.to_string(),
        repository: repository.to_string(),
        digest: digest.to_string(),
    }
}

fn tag_key(registry: &RegistryName, repository: &RepositoryName, tag: &TagName) -> TagKey {
    TagKey {
        registry: registry.to_string(),
        repository: repository.to_string(),
        name: tag.to_string(),
    }
}
