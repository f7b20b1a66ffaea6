//! The projection `content`: repositories, tags with their history, manifests, pull counts.
//!
//! Notifications come late, twice and in any order, so most of what is kept is the same in
//! whatever order facts arrive: a tag is where its latest word by the registry's clock puts it, a
//! manifest lives unless its deletion is later than its last push, counts are sums, lasts are
//! maxima. A tag dies with the manifest that it points to. Only histories and ids tell the order
//! of arrival.

mod kind;
mod rows;

use async_trait::async_trait;
use domain::digest::{Descriptor, Digest};
use domain::event::{Actor, Class, Event, Fact};
use domain::name::{RegistryName, RepositoryName, TagName};
use domain::namespace::NamespaceEvent;
use domain::registry::{ContentEvent, PullMethod};
use jiff::Timestamp;
use sqlx::PgConnection;

use self::kind::Details;
use self::rows::{
    ManifestKey, ManifestRow, NamespaceKey, NamespaceRow, ReferenceKey, ReferenceRow,
    RepositoryKey, RepositoryRow, TagChangeKey, TagChangeRow, TagKey, TagRow,
};
use crate::projection::{Projection, candidates, id, moment};
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
        2
    }

    fn tables(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("content_namespaces", "registry, name"),
            ("repositories", "registry, name"),
            ("tags", "registry, repository, name"),
            ("tag_history", "registry, repository, tag, position"),
            ("manifests", "registry, repository, digest"),
            ("manifest_references", "registry, repository, parent, ordinal"),
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

fn moves(fact: &Fact) -> bool {
    use NamespaceEvent as E;
    matches!(fact.event, Event::Namespace(E::Created { .. } | E::Deleted { .. }))
}

/// Whether any of these namespaces has repositories under it. The bounds are those of the names
/// that begin with `name/`: `0` follows `/`.
const ANY_STORED: &str = "SELECT EXISTS (
    SELECT FROM json_populate_recordset(NULL::content_namespaces, $1::json) k
    JOIN repositories r ON r.registry = k.registry AND r.name > k.name || '/'
      AND r.name < k.name || '0')";

async fn moves_stored(db: &mut PgConnection, facts: &[Fact]) -> Result<bool, sqlx::Error> {
    let mut names = Vec::new();
    for fact in facts {
        if let Event::Namespace(
            NamespaceEvent::Created { registry, namespace, .. }
            | NamespaceEvent::Deleted { registry, namespace, .. },
        ) = &fact.event
        {
            if namespace.is_global() {
                return Ok(true); // once a registry
            }
            names.push(namespace_key(registry, namespace.as_str()));
        }
    }
    if names.is_empty() {
        return Ok(false);
    }
    sqlx::query_scalar(ANY_STORED).bind(json(&names)?).fetch_one(db).await
}

const ADD_NAMESPACE: &str = "INSERT INTO content_namespaces (registry, name, id, visibility)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (registry, name) DO UPDATE SET (id, visibility) = ROW(excluded.id, excluded.visibility)";
/// The longest namespace decides, so a new one takes over from none and from shorter ones.
const TAKE_OVER: &str = "UPDATE repositories SET namespace = $2
    WHERE registry = $1 AND name > $2 || '/' AND name < $2 || '0'
      AND (namespace IS NULL OR length(namespace) < length($2))";
const TAKE_OVER_GLOBAL: &str = "UPDATE repositories SET namespace = $2
    WHERE registry = $1 AND namespace IS NULL AND strpos(name, '/') = 0";
const DROP_NAMESPACE: &str = "DELETE FROM content_namespaces WHERE registry = $1 AND name = $2";
/// What it held falls to the longest namespace above it, or to none.
const GIVE_BACK: &str = "UPDATE repositories SET namespace =
      (SELECT n.name FROM content_namespaces n WHERE n.registry = $1 AND n.name = ANY($3)
        ORDER BY length(n.name) DESC LIMIT 1)
    WHERE registry = $1 AND namespace = $2";

async fn move_stored(db: &mut PgConnection, fact: &Fact) -> Result<(), sqlx::Error> {
    match &fact.event {
        Event::Namespace(NamespaceEvent::Created { registry, namespace, visibility, .. }) => {
            sqlx::query(ADD_NAMESPACE)
                .bind(registry.as_str())
                .bind(namespace.as_str())
                .bind(id(fact.position))
                .bind(visibility.as_str())
                .execute(&mut *db)
                .await?;
            let sql = if namespace.is_global() { TAKE_OVER_GLOBAL } else { TAKE_OVER };
            sqlx::query(sql).bind(registry.as_str()).bind(namespace.as_str()).execute(db).await?;
        }
        Event::Namespace(NamespaceEvent::Deleted { registry, namespace, .. }) => {
            sqlx::query(DROP_NAMESPACE)
                .bind(registry.as_str())
                .bind(namespace.as_str())
                .execute(&mut *db)
                .await?;
            sqlx::query(GIVE_BACK)
                .bind(registry.as_str())
                .bind(namespace.as_str())
                .bind(namespace.parents().map(str::to_owned).collect::<Vec<_>>())
                .execute(db)
                .await?;
        }
        _ => {}
    }
    Ok(())
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
        for fact in facts {
            match &fact.event {
                Event::Content(event) => desk.content(fact, event),
                Event::Namespace(event) => desk.namespace(fact, event),
                _ => {}
            }
        }
        desk.namespaces.store(db).await?;
        desk.repositories.store(db).await?;
        desk.tags.store(db).await?;
        desk.history.store(db).await?;
        desk.manifests.store(db).await?;
        desk.references.store(db).await
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
        self.repositories.want(repository_key(registry, repository));
        for name in candidates(repository) {
            self.namespaces
                .want(NamespaceKey { registry: registry.to_string(), name: name.to_owned() });
        }
        if let Some(digest) = digest {
            self.manifests.want(manifest_key(registry, repository, digest));
        }
        if let Some(tag) = tag {
            self.tags.want(tag_key(registry, repository, tag));
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

    fn content(&mut self, fact: &Fact, event: &ContentEvent) {
        use ContentEvent as E;
        let mut change = Change {
            desk: self,
            position: id(fact.position),
            at: moment(fact),
            actor: fact.meta.actor.to_string(),
            counts: !matches!(fact.meta.actor, Actor::System { .. }),
        };
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

/// What a fact says of a tag.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Pushed,
    Deleted,
    Observed,
    Missed,
}

/// One fact's effect on the rows.
struct Change<'a> {
    desk: &'a mut Desk,
    position: i64,
    at: Timestamp,
    actor: String,
    /// Not by a robot of our own.
    counts: bool,
}

impl Change<'_> {
    fn repository(
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
    fn known(
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

    fn manifest(
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

    fn pushed(
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
    fn observed(
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

    fn refer(
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

    fn pulled(
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
    fn deleted(
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
    fn assign(
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

    fn remember(
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

/// The later of two; of two at one moment the greater name, so that every order ends the same.
fn last(at: &mut Option<Timestamp>, by: &mut Option<String>, now: Timestamp, actor: &str) {
    if (*at, by.as_deref()) < (Some(now), Some(actor)) {
        *at = Some(now);
        *by = Some(actor.to_owned());
    }
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
