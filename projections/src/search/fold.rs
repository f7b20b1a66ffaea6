//! The writing side: facts are folded into changed entries, and these into commits.

use std::collections::BTreeMap;

use domain::digest::Digest;
use domain::event::{Actor, Event, EventId, Fact, Position};
use domain::name::{RegistryName, RepositoryName, TagName};
use domain::namespace::NamespaceEvent;
use domain::registry::{ContentEvent, PullMethod};
use domain::star::StarEvent;
use domain::team::TeamEvent;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tantivy::collector::DocSetCollector;
use tantivy::query::{BooleanQuery, TermQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, DocSet as _, Index, IndexReader, IndexWriter, ReloadPolicy, Searcher};

use super::SearchError;
use super::entry::{
    Entry, Fields, Kind, SCHEMA_VERSION, inside_key, manifest_key, namespace_key, repository_key,
    tag_key, team_key, under_key,
};
use super::rooms::{NOWHERE, Room, Rooms};
use super::trace::{Trace, trace_key};
use crate::projection::moment;

/// What the one writer thread may hold before it writes a segment, in bytes.
const WRITER_BYTES: usize = 30_000_000;
/// The most changed entries that wait for one commit.
pub(super) const MAX_PENDING: usize = 5_000;

/// What a commit says about itself: index and position never part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Payload {
    pub(super) schema: u32,
    pub(super) position: Position,
    /// The fact at `position`: another one there means another log.
    pub(super) last: Option<EventId>,
    /// The next namespace's number.
    pub(super) next_number: u64,
}

/// The index of one folder, written to by this value alone.
pub(super) struct Writer {
    writer: IndexWriter,
    reader: IndexReader,
    fields: Fields,
    /// As of the last commit.
    searcher: Searcher,
    /// What the last commit said.
    pub(super) committed: Payload,
    /// As of the last fact applied.
    pub(super) now: Payload,
    rooms: Rooms,
    /// Changed since the last commit, by key; `None`: gone.
    pending: BTreeMap<String, Option<Entry>>,
    /// What is left of what is gone, changed since the last commit, by the key of what it was.
    traces: BTreeMap<String, Option<Trace>>,
    /// Prefixes below which another namespace decides since the last commit.
    moved: Vec<String>,
}

impl Writer {
    /// Opens an index for writing, as its last commit left it.
    pub(super) fn open(index: &Index, fields: Fields) -> Result<Self, SearchError> {
        let writer = index.writer_with_num_threads(1, WRITER_BYTES)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let mut this = Self {
            writer,
            searcher: reader.searcher(),
            reader,
            fields,
            committed: Payload::default(),
            now: Payload::default(),
            rooms: Rooms::default(),
            pending: BTreeMap::new(),
            traces: BTreeMap::new(),
            moved: Vec::new(),
        };
        this.recall(index.load_metas()?.payload.as_deref())?;
        Ok(this)
    }

    /// What a reader needs to see the last commit.
    pub(super) fn view(&self) -> (Searcher, Rooms) {
        (self.searcher.clone(), self.rooms.clone())
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.len() + self.traces.len()
    }

    /// Whether a commit would change anything that can be seen.
    pub(super) fn is_dirty(&self) -> bool {
        !self.pending.is_empty() || !self.traces.is_empty() || !self.moved.is_empty()
    }

    /// Takes one more fact into account; nothing is visible before [`Self::commit`].
    pub(super) fn apply(&mut self, fact: &Fact) -> Result<(), SearchError> {
        match &fact.event {
            Event::Namespace(event) => self.namespace(event)?,
            Event::Team(event) => self.team(event)?,
            Event::Content(event) => self.content(fact, event)?,
            Event::Star(event) => self.star(event)?,
            // Rights of people are asked of the access graph at each search, never kept here; and
            // descriptions of repositories are not searched.
            Event::User(_)
            | Event::Admin(_)
            | Event::Registry(_)
            | Event::Repository(_)
            | Event::AppToken(_)
            | Event::Comment(_)
            | Event::Auth(_)
            | Event::System(_) => (),
        }
        self.passed(fact.position, fact.id);
        Ok(())
    }

    /// Says that the fact at `position` is dealt with.
    pub(super) fn passed(&mut self, position: Position, id: EventId) {
        self.now.position = position;
        self.now.last = Some(id);
    }

    /// Makes everything applied visible and durable, all of it or nothing.
    pub(super) fn commit(&mut self) -> Result<(), SearchError> {
        for prefix in std::mem::take(&mut self.moved) {
            self.rewrite_below(&prefix)?;
        }
        for (key, entry) in std::mem::take(&mut self.pending) {
            self.writer.delete_term(Fields::term(self.fields.key, &key));
            if let Some(entry) = entry {
                let document = self.fields.document(&entry, self.room(&entry))?;
                self.writer.add_document(document)?;
            }
        }
        for (key, trace) in std::mem::take(&mut self.traces) {
            let key = trace_key(&key);
            self.writer.delete_term(Fields::term(self.fields.key, &key));
            if let Some(trace) = trace {
                self.writer.add_document(self.fields.trace(&key, &trace)?)?;
            }
        }
        self.now.schema = SCHEMA_VERSION;
        let mut commit = self.writer.prepare_commit()?;
        commit.set_payload(&serde_json::to_string(&self.now)?);
        commit.commit()?;
        self.reader.reload()?;
        self.searcher = self.reader.searcher();
        self.committed = self.now.clone();
        Ok(())
    }

    /// Back to the last commit.
    pub(super) fn roll_back(&mut self) -> Result<(), SearchError> {
        self.writer.rollback()?;
        let payload = self.writer.index().load_metas()?.payload;
        self.recall(payload.as_deref())
    }

    /// Forgets everything, to begin at the log's first fact again.
    pub(super) fn reset(&mut self) -> Result<(), SearchError> {
        self.writer.delete_all_documents()?;
        (self.pending, self.traces, self.moved) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        (self.rooms, self.now) =
            (Rooms::default(), Payload { next_number: 1, ..Payload::default() });
        self.commit()
    }

    fn recall(&mut self, payload: Option<&str>) -> Result<(), SearchError> {
        (self.pending, self.traces, self.moved) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        self.committed = match payload {
            Some(payload) => serde_json::from_str(payload)?,
            None => Payload { schema: SCHEMA_VERSION, next_number: 1, ..Payload::default() },
        };
        self.now = self.committed.clone();
        self.reader.reload()?;
        self.searcher = self.reader.searcher();
        self.rooms = Rooms::default();
        let kind = tantivy::Term::from_field_u64(self.fields.kind, Kind::Namespace.number());
        let namespaces = TermQuery::new(kind, IndexRecordOption::Basic);
        for address in self.searcher.search(&namespaces, &DocSetCollector)? {
            if let Entry::Namespace { registry, name, visibility, number, .. } =
                self.stored(address)?
            {
                self.rooms.insert(&registry, &name, Room { number, visibility });
            }
        }
        Ok(())
    }

    fn namespace(&mut self, event: &NamespaceEvent) -> Result<(), SearchError> {
        match event {
            NamespaceEvent::Created { registry, namespace, visibility, description, .. } => {
                let room = Room { number: self.now.next_number, visibility: *visibility };
                self.now.next_number += 1;
                self.rooms.insert(registry, namespace, room);
                self.put(Entry::Namespace {
                    registry: registry.clone(),
                    name: namespace.clone(),
                    visibility: room.visibility,
                    description: description.clone(),
                    number: room.number,
                });
                self.moved.push(under_key(registry, namespace.as_str()));
            }
            NamespaceEvent::Described { registry, namespace, description: new } => {
                let entry = self.load(&namespace_key(registry, namespace))?;
                if let Some(Entry::Namespace { registry, name, visibility, number, .. }) = entry {
                    let description = new.clone();
                    self.put(Entry::Namespace { registry, name, visibility, description, number });
                }
            }
            NamespaceEvent::VisibilityChanged { registry, namespace, to, .. } => {
                let entry = self.load(&namespace_key(registry, namespace))?;
                if let Some(Entry::Namespace { registry, name, description, number, .. }) = entry {
                    let visibility = *to;
                    self.rooms.insert(&registry, &name, Room { number, visibility });
                    self.put(Entry::Namespace { registry, name, visibility, description, number });
                }
            }
            NamespaceEvent::Deleted { registry, namespace, .. } => {
                self.rooms.remove(registry, namespace);
                self.pending.insert(namespace_key(registry, namespace), None);
                self.moved.push(under_key(registry, namespace.as_str()));
            }
            // Who is a member is the access graph's business.
            NamespaceEvent::TeamChanged { .. }
            | NamespaceEvent::Granted { .. }
            | NamespaceEvent::GrantRevoked { .. } => (),
        }
        Ok(())
    }

    fn team(&mut self, event: &TeamEvent) -> Result<(), SearchError> {
        match event {
            TeamEvent::Created { team, description, .. } => {
                self.put(Entry::Team { name: team.clone(), description: description.clone() });
            }
            TeamEvent::Described { team, description } => {
                if self.load(&team_key(team))?.is_some() {
                    self.put(Entry::Team { name: team.clone(), description: description.clone() });
                }
            }
            TeamEvent::Deleted { team, .. } => {
                self.pending.insert(team_key(team), None);
            }
            TeamEvent::MemberAdded { .. }
            | TeamEvent::MemberRoleChanged { .. }
            | TeamEvent::MemberRemoved { .. } => (),
        }
        Ok(())
    }

    /// By the rules of the relational projection `content`, so that both tell the same.
    fn content(&mut self, fact: &Fact, event: &ContentEvent) -> Result<(), SearchError> {
        use ContentEvent as E;
        let at = moment(fact);
        match event {
            E::ManifestPushed { registry, repository, digest, tag, .. } => {
                self.manifest(registry, repository, digest, at)?;
                self.repository(registry, repository, |r| {
                    r.pushed_at = r.pushed_at.max(Some(at));
                })?;
                if let Some(tag) = tag {
                    self.assign(registry, repository, tag, Some(digest), at, false)?;
                }
            }
            E::TagObserved { registry, repository, tag, digest, .. } => {
                self.manifest(registry, repository, digest, at)?;
                self.assign(registry, repository, tag, Some(digest), at, true)?;
            }
            E::ManifestObserved { registry, repository, digest, .. } => {
                self.manifest(registry, repository, digest, at)?;
            }
            E::ManifestPulled { registry, repository, method, .. } => {
                let by_robot = matches!(fact.meta.actor, Actor::System { .. });
                if *method == PullMethod::Get && !by_robot {
                    self.repository(registry, repository, |r| r.pulls += 1)?;
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

    fn star(&mut self, event: &StarEvent) -> Result<(), SearchError> {
        match event {
            StarEvent::Starred { registry, repository, .. } => {
                self.repository(registry, repository, |r| r.stars += 1)
            }
            StarEvent::Unstarred { registry, repository, .. } => {
                self.repository(registry, repository, |r| r.stars = r.stars.saturating_sub(1))
            }
        }
    }

    /// A manifest was there at `at`.
    fn manifest(
        &mut self,
        registry: &RegistryName,
        repository: &RepositoryName,
        digest: &Digest,
        at: Timestamp,
    ) -> Result<(), SearchError> {
        let key = manifest_key(registry, repository, digest);
        let known = self.live_manifest(&key)?;
        let trace = self.trace(&key)?;
        let before = known.or(trace.as_ref().and_then(|trace| trace.there));
        let there = before.map_or(at, |before| before.max(at));
        if let Some(trace) = trace
            && trace.since > there
        {
            self.traces.insert(key, Some(Trace { there: Some(there), ..trace }));
            return Ok(());
        }
        self.put(Entry::Manifest {
            registry: registry.clone(),
            repository: repository.clone(),
            digest: digest.clone(),
            pushed_at: there,
        });
        if known.is_some() {
            return Ok(());
        }
        self.repository(registry, repository, |r| r.manifests += 1)
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
        let there = known.or(trace.and_then(|trace| trace.there));
        self.traces.insert(key.clone(), Some(Trace { since, there, digest: None }));
        if known.is_some_and(|there| there < since) {
            self.pending.insert(key, None);
            self.repository(registry, repository, |r| {
                r.manifests = r.manifests.saturating_sub(1);
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
            self.put(Entry::Tag {
                registry: registry.clone(),
                repository: repository.clone(),
                tag: tag.clone(),
                digest: digest.clone(),
                pushed_at: at,
            });
            self.traces.insert(key, None);
        } else {
            self.pending.insert(key.clone(), None);
            let trace = Trace { since: at, there: None, digest: digest.cloned() };
            self.traces.insert(key, Some(trace));
        }
        Ok(())
    }

    /// When a manifest that the registry has was last there.
    fn live_manifest(&self, key: &str) -> Result<Option<Timestamp>, SearchError> {
        Ok(match self.load(key)? {
            Some(Entry::Manifest { pushed_at, .. }) => Some(pushed_at),
            _ => None,
        })
    }

    /// Changes the numbers of a repository, which is new if need be.
    fn repository(
        &mut self,
        registry: &RegistryName,
        repository: &RepositoryName,
        change: impl FnOnce(&mut Numbers),
    ) -> Result<(), SearchError> {
        let mut numbers = match self.load(&repository_key(registry, repository))? {
            Some(Entry::Repository { stars, pulls, manifests, pushed_at, .. }) => {
                Numbers { stars, pulls, manifests, pushed_at }
            }
            _ => Numbers::default(),
        };
        change(&mut numbers);
        self.put(Entry::Repository {
            registry: registry.clone(),
            name: repository.clone(),
            stars: numbers.stars,
            pulls: numbers.pulls,
            manifests: numbers.manifests,
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
        let inside = Fields::term(self.fields.inside, &inside_key(registry, repository));
        let hex = gone.as_str().split_once(':').map_or(gone.as_str(), |(_, hex)| hex);
        let digest = Fields::term(self.fields.digest, hex);
        let kind = tantivy::Term::from_field_u64(self.fields.kind, Kind::Tag.number());
        let all = [inside, digest, kind].map(|term| {
            Box::new(TermQuery::new(term, IndexRecordOption::Basic))
                as Box<dyn tantivy::query::Query>
        });
        let found =
            self.searcher.search(&BooleanQuery::intersection(all.into()), &DocSetCollector)?;
        for address in found {
            let entry = self.stored(address)?;
            // What has changed since the commit stands in `pending`, and is looked at below.
            self.pending.entry(entry.key()).or_insert(Some(entry));
        }
        let first = format!("tag {registry} {repository} ");
        for (key, entry) in self.pending.range_mut(first.clone()..) {
            if !key.starts_with(&first) {
                break;
            }
            if let Some(Entry::Tag { digest, pushed_at, .. }) = entry
                && digest == gone
                && *pushed_at < at
            {
                let trace = Trace { since: *pushed_at, there: None, digest: Some(gone.clone()) };
                self.traces.insert(key.clone(), Some(trace));
                *entry = None;
            }
        }
        Ok(())
    }

    /// Writes what lies below a prefix again where another namespace decides now.
    fn rewrite_below(&mut self, prefix: &str) -> Result<(), SearchError> {
        let below = Fields::term(self.fields.under, prefix);
        let below = TermQuery::new(below, IndexRecordOption::Basic);
        for address in self.searcher.search(&below, &DocSetCollector)? {
            let entry = self.stored(address)?;
            let key = entry.key();
            if self.pending.contains_key(&key) {
                continue; // will be written anyway
            }
            self.writer.delete_term(Fields::term(self.fields.key, &key));
            let document = self.fields.document(&entry, self.room(&entry))?;
            self.writer.add_document(document)?;
        }
        Ok(())
    }

    /// The number of the namespace that decides for an entry, as of now.
    fn room(&self, entry: &Entry) -> u64 {
        match entry {
            Entry::Namespace { number, .. } => *number,
            Entry::Repository { manifests: 0, .. } | Entry::Team { .. } => NOWHERE,
            Entry::Repository { .. } | Entry::Tag { .. } | Entry::Manifest { .. } => entry
                .inside()
                .map_or(NOWHERE, |(registry, name)| self.rooms.deciding(registry, name)),
        }
    }

    fn put(&mut self, entry: Entry) {
        self.pending.insert(entry.key(), Some(entry));
    }

    /// What is left of something that is gone, or of a deletion that something survived.
    fn trace(&self, key: &str) -> Result<Option<Trace>, SearchError> {
        if let Some(trace) = self.traces.get(key) {
            return Ok(trace.clone());
        }
        let Some(address) = self.find(&trace_key(key))? else { return Ok(None) };
        let doc = self.searcher.doc(address)?;
        self.fields.traced(&doc).map(|(_, trace)| Some(trace)).ok_or(SearchError::Torn)
    }

    /// An entry as of now.
    fn load(&self, key: &str) -> Result<Option<Entry>, SearchError> {
        if let Some(entry) = self.pending.get(key) {
            return Ok(entry.clone());
        }
        self.find(key)?.map(|address| self.stored(address)).transpose()
    }

    /// The document of this key, as of the last commit.
    fn find(&self, key: &str) -> Result<Option<DocAddress>, SearchError> {
        let term = Fields::term(self.fields.key, key);
        for (ordinal, segment) in (0..).zip(self.searcher.segment_readers()) {
            let inverted = segment.inverted_index(self.fields.key)?;
            let Some(mut postings) = inverted.read_postings(&term, IndexRecordOption::Basic)?
            else {
                continue;
            };
            let mut doc = postings.doc();
            while doc != tantivy::TERMINATED {
                if segment.alive_bitset().is_none_or(|alive| alive.is_alive(doc)) {
                    return Ok(Some(DocAddress::new(ordinal, doc)));
                }
                doc = postings.advance();
            }
        }
        Ok(None)
    }

    fn stored(&self, address: DocAddress) -> Result<Entry, SearchError> {
        self.fields.entry(&self.searcher.doc(address)?).ok_or(SearchError::Torn)
    }
}

#[derive(Default)]
struct Numbers {
    stars: u64,
    pulls: u64,
    manifests: u64,
    pushed_at: Option<Timestamp>,
}
