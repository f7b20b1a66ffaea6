//! The writing side: facts are folded into changed entries, and these into commits.

mod content;
mod decided;

use std::collections::BTreeMap;

use domain::event::{Event, EventId, Fact, Position};
use serde::{Deserialize, Serialize};
use tantivy::collector::DocSetCollector;
use tantivy::query::TermQuery;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, DocSet as _, Index, IndexReader, IndexWriter, ReloadPolicy, Searcher};

use super::SearchError;
use super::columns::AllColumns;
use super::entry::{Entry, Kind, inside_key};
use super::likes::Likes;
use super::numbers::{Seen, number_of};
use super::query::View;
use super::rooms::{NOWHERE, Room, Rooms};
use super::schema::{Fields, SCHEMA_VERSION};
use super::trace::{Trace, trace_key};

/// What the one writer thread may hold before it writes a segment, in bytes.
const WRITER_BYTES: usize = 30_000_000;
/// The most changed entries that wait for one commit.
const MAX_PENDING: usize = 5_000;
/// The same while an index is made from nothing: nobody waits for a single fact then.
const MAX_PENDING_AT_FIRST: usize = 30_000;

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
    columns: AllColumns,
    /// What the last commit said.
    pub(super) committed: Payload,
    /// As of the last fact applied.
    pub(super) now: Payload,
    rooms: Rooms,
    likes: Likes,
    /// Every key that was written since the index was empty; `None`: any may have been.
    written: Option<Seen>,
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
            columns: AllColumns::default(),
            fields,
            committed: Payload::default(),
            now: Payload::default(),
            rooms: Rooms::default(),
            likes: Likes::default(),
            written: None,
            pending: BTreeMap::new(),
            traces: BTreeMap::new(),
            moved: Vec::new(),
        };
        this.recall(index.load_metas()?.payload.as_deref())?;
        Ok(this)
    }

    /// What a reader needs to see the last commit.
    pub(super) fn view(&self) -> View {
        let (searcher, rooms) = (self.searcher.clone(), self.rooms.clone());
        View { searcher, rooms, likes: self.likes.clone(), columns: self.columns.clone() }
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.len() + self.traces.len()
    }

    /// Whether no more should wait for one commit.
    pub(super) fn is_full(&self) -> bool {
        let most = if self.is_first() { MAX_PENDING_AT_FIRST } else { MAX_PENDING };
        self.pending() >= most
    }

    /// Whether the index is being made from nothing.
    pub(super) fn is_first(&self) -> bool {
        self.written.is_some()
    }

    /// The log's end is reached: from now on little comes at a time.
    pub(super) fn caught_up(&mut self) {
        self.written = None;
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
            Event::Repository(event) => self.described(event)?,
            // Rights of people are asked of the access graph at each search, never kept here.
            Event::User(_)
            | Event::Admin(_)
            | Event::Registry(_)
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
            self.overwrite(&key);
            if let Some(entry) = entry {
                if let (Entry::Repository { .. }, Some((registry, name))) = (&entry, entry.inside())
                {
                    self.likes.set(number_of(&inside_key(registry, name)), entry.weight());
                }
                let document = self.fields.document(&entry, self.room(&entry))?;
                self.writer.add_document(document)?;
            }
        }
        for (key, trace) in std::mem::take(&mut self.traces) {
            let key = trace_key(&key);
            self.overwrite(&key);
            if let Some(trace) = trace {
                self.writer.add_document(self.fields.trace(&key, &trace)?)?;
            }
        }
        self.now.schema = SCHEMA_VERSION;
        let mut commit = self.writer.prepare_commit()?;
        commit.set_payload(&serde_json::to_string(&self.now)?);
        commit.commit()?;
        self.reload()?;
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
        (self.likes, self.written) = (Likes::default(), Some(Seen::new()));
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
        self.reload()?;
        if payload.is_none() {
            self.written = Some(Seen::new());
        }
        self.likes = self.liked()?;
        self.rooms = Rooms::default();
        let kind = tantivy::Term::from_field_u64(self.fields.kind, Kind::Namespace.number());
        let namespaces = TermQuery::new(kind, IndexRecordOption::Basic);
        for address in self.searcher.search(&namespaces, &DocSetCollector)? {
            let segment = self.searcher.segment_reader(address.segment_ord);
            let number = segment.fast_fields().u64("room")?.first(address.doc_id);
            if let Entry::Namespace { registry, name, visibility, .. } = self.stored(address)? {
                let number = number.ok_or(SearchError::Torn)?;
                self.rooms.insert(&registry, &name, Room { number, visibility });
            }
        }
        Ok(())
    }

    /// Reads what was committed last.
    fn reload(&mut self) -> Result<(), SearchError> {
        self.reader.reload()?;
        self.searcher = self.reader.searcher();
        self.columns = self.columns.of(&self.searcher)?;
        Ok(())
    }

    /// How liked each repository is, as the documents say.
    fn liked(&self) -> Result<Likes, SearchError> {
        let mut likes = Likes::default();
        for segment in self.searcher.segment_readers() {
            let fast = segment.fast_fields();
            let (kind, home, weight) = (fast.u64("kind")?, fast.u64("home")?, fast.f64("weight")?);
            for doc in segment.doc_ids_alive() {
                if kind.first(doc) == Some(Kind::Repository.number())
                    && let (Some(home), Some(weight)) = (home.first(doc), weight.first(doc))
                {
                    likes.set(home, weight);
                }
            }
        }
        Ok(likes)
    }

    /// Takes out what was written under this key before.
    fn overwrite(&mut self, key: &str) {
        let key_field = self.fields.key;
        if let Some(written) = &mut self.written
            && !written.may_hold(key)
        {
            return written.insert(key);
        }
        self.writer.delete_term(Fields::term(key_field, key));
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
            Entry::Namespace { registry, name, .. } => {
                self.rooms.get(registry, name).map_or(NOWHERE, |room| room.number)
            }
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
        if self.written.as_ref().is_some_and(|written| !written.may_hold(key)) {
            return Ok(None);
        }
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
