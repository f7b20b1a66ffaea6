//! The asking side: one pass over the index, in which rights, ranking and counting are one.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;

use domain::access::Visible;
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::Column;
use tantivy::query::{
    AllQuery, BooleanQuery, ConstScoreQuery, EmptyQuery, FuzzyTermQuery, InvertedIndexRangeQuery,
    Occur, Query as Clause, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocAddress, DocId, DocSet as _, Score, Searcher, SegmentReader, TERMINATED, Term};

use super::SearchError;
use super::entry::{Fields, Kind, inside_key, team_key};
use super::rooms::{NOWHERE, Numbers, Rooms};
use super::words::{MAX_WORDS, digest_prefix, squeeze, words};

/// The longest question, in bytes; the rest is ignored.
pub const MAX_QUESTION_BYTES: usize = 512;
/// The most hits of one kind in one answer.
pub const MAX_LIMIT: usize = 100;
/// How far one can leaf through the hits of one kind.
pub const MAX_OFFSET: usize = 10_000;

/// When fewer hits than this are found by what was typed, typing errors are forgiven too.
const FORGIVE_BELOW: usize = 5;

// Each step outweighs all lesser ones together, so that the order is lexicographic: whole name,
// last part, beginning of it, all words whole, all words begun. Likes and age decide among equals
// and stay below 1.
const WHOLE_NAME: Score = 32.0;
const LAST_PART: Score = 16.0;
const NAME_BEGUN: Score = 8.0;
const WORDS_WHOLE: Score = 4.0;
const WORDS_BEGUN: Score = 2.0;

/// What somebody looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// As typed; nothing: everything, the most liked and newest first.
    pub text: String,
    /// Kinds to look for.
    pub kinds: BTreeSet<Kind>,
    /// At most so many hits of each kind; at most [`MAX_LIMIT`].
    pub limit: usize,
    /// Leaves out so many of each kind; at most [`MAX_OFFSET`].
    pub offset: usize,
}

impl Query {
    /// The first `limit` of every kind.
    #[must_use]
    pub fn new(text: &str, limit: usize) -> Self {
        Self { text: text.to_owned(), kinds: Kind::EVERY.into(), limit, offset: 0 }
    }

    /// Only of these kinds.
    #[must_use]
    pub fn only(mut self, kinds: impl IntoIterator<Item = Kind>) -> Self {
        self.kinds = kinds.into_iter().collect();
        self
    }
}

/// What was found, by [`Kind::number`]: how many there are, and where the best of them stand.
pub(super) struct Found {
    pub(super) kinds: [Ranked; Kind::EVERY.len()],
    /// Whether typing errors were forgiven.
    pub(super) forgiving: bool,
}

#[derive(Default)]
pub(super) struct Ranked {
    pub(super) total: usize,
    pub(super) best: Vec<DocAddress>,
}

pub(super) fn find(
    searcher: &Searcher,
    rooms: &Rooms,
    fields: &Fields,
    query: &Query,
    visible: &Visible,
) -> Result<Found, SearchError> {
    let rights = Arc::new(Rights::new(rooms, fields, visible));
    let gather = Gather {
        rights,
        kinds: query.kinds.iter().map(|kind| kind.number()).collect(),
        keep: query.limit.min(MAX_LIMIT) + query.offset.min(MAX_OFFSET),
        newest: newest(searcher)?,
    };
    let question = Question::new(&query.text);
    let mut gathered = searcher.search(&*question.strict(fields), &gather)?;
    let mut forgiving = false;
    let total = gathered.iter().map(|group| group.total).sum::<usize>();
    if total < FORGIVE_BELOW
        && let Some(clause) = question.forgiving(fields)
    {
        let again = searcher.search(&*clause, &gather)?;
        forgiving = again.iter().map(|group| group.total).sum::<usize>() > total;
        gathered = again;
    }
    let kinds = gathered.map(|group| {
        let sorted = group.best.into_sorted_vec();
        let page = sorted.into_iter().skip(query.offset.min(MAX_OFFSET));
        Ranked { total: group.total, best: page.map(|Reverse(hit)| hit.address.0).collect() }
    });
    Ok(Found { kinds, forgiving })
}

/// A question, cut up.
struct Question {
    /// In lower case, without blanks around.
    text: String,
    words: Vec<String>,
    /// Hex digits that may begin a digest.
    digest: Option<String>,
    /// Whether they must.
    names_digest: bool,
}

impl Question {
    fn new(text: &str) -> Self {
        let mut end = text.len().min(MAX_QUESTION_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = text.get(..end).unwrap_or_default().trim();
        let digest = digest_prefix(text);
        // In `team/app@sha256:0f…` the words stand before the digest.
        let before = text.split_once("sha256:").or_else(|| text.split_once("sha512:"));
        let mut words = words(before.map_or(text, |(before, _)| before));
        words.truncate(MAX_WORDS);
        let names_digest = before.is_some() && digest.is_some();
        Self { text: text.to_lowercase(), words, digest, names_digest }
    }

    /// What was typed, to the letter.
    fn strict(&self, fields: &Fields) -> Box<dyn Clause> {
        if self.text.is_empty() {
            return worth(0.0, boxed(AllQuery));
        }
        let found = self.found(fields, |word| term(fields.prefix, word));
        lifted(found, self.lifts(fields))
    }

    /// Typing errors forgiven; `None` when there is nothing to forgive.
    fn forgiving(&self, fields: &Fields) -> Option<Box<dyn Clause>> {
        if self.words.iter().all(|word| mistakes(word) == 0) {
            return None;
        }
        let strict = self.found(fields, |word| term(fields.prefix, word));
        let near = self.found(fields, |word| {
            let begun = term(fields.prefix, word);
            match mistakes(word) {
                0 => begun,
                most => {
                    let word = Fields::term(fields.word, word);
                    any(vec![begun, boxed(FuzzyTermQuery::new_prefix(word, most, true))])
                }
            }
        });
        let mut lifts = self.lifts(fields);
        lifts.push(worth(WORDS_BEGUN, strict));
        Some(lifted(near, lifts))
    }

    /// Every word is found, and one of them in the thing's own name; or the digest is.
    fn found(&self, fields: &Fields, own: impl Fn(&str) -> Box<dyn Clause>) -> Box<dyn Clause> {
        let mut every = self
            .words
            .iter()
            .map(|word| any(vec![own(word), term(fields.around, word)]))
            .collect::<Vec<_>>();
        let digest = self.digest.as_deref().map(|hex| starting(fields.digest, hex));
        match digest {
            Some(digest) if self.names_digest => {
                every.push(digest);
                boxed(BooleanQuery::intersection(every))
            }
            Some(digest) if every.is_empty() => digest,
            None if every.is_empty() => boxed(EmptyQuery),
            digest => {
                every.push(any(self.words.iter().map(|word| own(word)).collect()));
                let named = boxed(BooleanQuery::intersection(every));
                any([Some(named), digest].into_iter().flatten().collect())
            }
        }
    }

    /// What lifts one hit above another.
    fn lifts(&self, fields: &Fields) -> Vec<Box<dyn Clause>> {
        let mut lifts = vec![
            worth(WHOLE_NAME, term(fields.exact, &self.text)),
            worth(LAST_PART, term(fields.last, &self.text)),
        ];
        // The beginning of a name in one piece: separators, and the lack of them, do not matter.
        let begun = squeeze(&self.text);
        if !begun.is_empty() {
            lifts.push(worth(NAME_BEGUN, term(fields.prefix, &begun)));
        }
        if !self.words.is_empty() {
            let whole = self.words.iter().map(|word| term(fields.word, word)).collect();
            lifts.push(worth(WORDS_WHOLE, boxed(BooleanQuery::intersection(whole))));
        }
        lifts
    }
}

/// How many mistakes a word may hold: short words have too many neighbours.
fn mistakes(word: &str) -> u8 {
    match word.chars().count() {
        0..=2 => 0,
        3..=7 => 1,
        _ => 2,
    }
}

fn boxed(clause: impl Clause) -> Box<dyn Clause> {
    Box::new(clause)
}

fn worth(score: Score, clause: Box<dyn Clause>) -> Box<dyn Clause> {
    Box::new(ConstScoreQuery::new(clause, score))
}

/// Exactly what `found` finds, with higher scores for what the others find too.
fn lifted(found: Box<dyn Clause>, lifts: Vec<Box<dyn Clause>>) -> Box<dyn Clause> {
    let mut clauses = vec![(Occur::Must, worth(0.0, found))];
    clauses.extend(lifts.into_iter().map(|lift| (Occur::Should, lift)));
    Box::new(BooleanQuery::new(clauses))
}

fn any(mut clauses: Vec<Box<dyn Clause>>) -> Box<dyn Clause> {
    match clauses.pop() {
        Some(only) if clauses.is_empty() => only,
        Some(last) => {
            clauses.push(last);
            let clauses = clauses.into_iter().map(|clause| (Occur::Should, clause)).collect();
            Box::new(BooleanQuery::new(clauses))
        }
        None => Box::new(EmptyQuery),
    }
}

fn term(field: Field, text: &str) -> Box<dyn Clause> {
    Box::new(TermQuery::new(Fields::term(field, text), IndexRecordOption::Basic))
}

/// Values that begin with `text`.
fn starting(field: Field, text: &str) -> Box<dyn Clause> {
    use std::ops::Bound::{Excluded, Included};
    let end = format!("{text}{}", char::MAX);
    let (from, to) = (Fields::term(field, text), Fields::term(field, &end));
    Box::new(InvertedIndexRangeQuery::new(Included(from), Excluded(to)))
}

/// What somebody may see, in numbers.
struct Rights {
    everything: bool,
    rooms: Numbers,
    /// Single repositories with everything in them, and teams.
    singles: Vec<Term>,
}

impl Rights {
    fn new(rooms: &Rooms, fields: &Fields, visible: &Visible) -> Self {
        let inside = visible.repositories.iter().map(|(registry, repository)| {
            // A grant on one repository is a grant in its namespace, and falls with it.
            Fields::term(fields.inside, &inside_key(registry, repository))
        });
        let teams = visible.teams.iter().map(|team| Fields::term(fields.key, &team_key(team)));
        Self {
            everything: visible.everything,
            rooms: rooms.readable(visible.everything, &visible.visibilities, &visible.namespaces),
            singles: inside.chain(teams).collect(),
        }
    }

    /// Those documents of a segment that are allowed one by one.
    fn singles(&self, segment: &SegmentReader) -> tantivy::Result<Vec<DocId>> {
        let mut docs = Vec::new();
        for term in &self.singles {
            let inverted = segment.inverted_index(term.field())?;
            if let Some(mut postings) = inverted.read_postings(term, IndexRecordOption::Basic)? {
                let mut doc = postings.doc();
                while doc != TERMINATED {
                    docs.push(doc);
                    doc = postings.advance();
                }
            }
        }
        docs.sort_unstable();
        docs.dedup();
        Ok(docs)
    }
}

/// The latest push anywhere: ages are counted from it, so that an answer depends on the index
/// alone and not on a clock.
fn newest(searcher: &Searcher) -> tantivy::Result<u64> {
    let mut newest = 0;
    for segment in searcher.segment_readers() {
        newest = newest.max(segment.fast_fields().u64("fresh")?.max_value());
    }
    Ok(newest)
}

/// Looks at every match once: may it be seen, of which kind is it, is it among the best.
struct Gather {
    rights: Arc<Rights>,
    kinds: Vec<u64>,
    keep: usize,
    newest: u64,
}

/// One kind's matches so far. The heap holds its worst hit on top.
#[derive(Default, Clone)]
struct Group {
    total: usize,
    best: BinaryHeap<Reverse<Candidate>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    /// Bits of a positive float: they sort as the float does.
    rank: u64,
    /// The earlier in the alphabet the better.
    alpha: Reverse<u64>,
    address: Reverse<DocAddress>,
}

impl Collector for Gather {
    type Fruit = [Group; Kind::EVERY.len()];
    type Child = GatherSegment;

    fn for_segment(&self, ordinal: u32, segment: &SegmentReader) -> tantivy::Result<GatherSegment> {
        let fast = segment.fast_fields();
        Ok(GatherSegment {
            ordinal,
            rights: Arc::clone(&self.rights),
            singles: self.rights.singles(segment)?,
            kinds: self.kinds.clone(),
            keep: self.keep,
            newest: self.newest,
            kind: fast.u64("kind")?,
            room: fast.u64("room")?,
            weight: fast.f64("weight")?,
            fresh: fast.u64("fresh")?,
            alpha: fast.u64("alpha")?,
            groups: Default::default(),
        })
    }

    fn requires_scoring(&self) -> bool {
        true
    }

    fn merge_fruits(&self, fruits: Vec<Self::Fruit>) -> tantivy::Result<Self::Fruit> {
        let mut all: Self::Fruit = Default::default();
        for fruit in fruits {
            for (group, part) in all.iter_mut().zip(fruit) {
                group.total += part.total;
                for hit in part.best {
                    group.keep(hit, self.keep);
                }
            }
        }
        Ok(all)
    }
}

struct GatherSegment {
    ordinal: u32,
    rights: Arc<Rights>,
    singles: Vec<DocId>,
    kinds: Vec<u64>,
    keep: usize,
    newest: u64,
    kind: Column<u64>,
    room: Column<u64>,
    weight: Column<f64>,
    fresh: Column<u64>,
    alpha: Column<u64>,
    groups: [Group; Kind::EVERY.len()],
}

impl GatherSegment {
    fn may_be_seen(&self, doc: DocId, kind: u64) -> bool {
        if kind == Kind::Team.number() {
            return self.rights.everything || self.singles.binary_search(&doc).is_ok();
        }
        let room = self.room.first(doc).unwrap_or(NOWHERE);
        room != NOWHERE
            && (self.rights.rooms.contains(room) || self.singles.binary_search(&doc).is_ok())
    }

    /// From 0 to below 1: likes count a little more than age.
    fn among_equals(&self, doc: DocId) -> f64 {
        const MONTH: f64 = 30.0 * 24.0 * 3_600.0;
        let fresh = self.fresh.first(doc).unwrap_or(0);
        #[allow(clippy::cast_precision_loss)] // a rank, not an account
        let age = self.newest.saturating_sub(fresh) as f64 / MONTH;
        0.6 * self.weight.first(doc).unwrap_or(0.0) + 0.39 / (1.0 + age)
    }
}

impl SegmentCollector for GatherSegment {
    type Fruit = [Group; Kind::EVERY.len()];

    fn collect(&mut self, doc: DocId, score: Score) {
        let Some(kind) = self.kind.first(doc) else { return };
        if !self.kinds.contains(&kind) || !self.may_be_seen(doc, kind) {
            return;
        }
        let candidate = Candidate {
            rank: (f64::from(score) + self.among_equals(doc)).to_bits(),
            alpha: Reverse(self.alpha.first(doc).unwrap_or(0)),
            address: Reverse(DocAddress::new(self.ordinal, doc)),
        };
        let group = usize::try_from(kind).ok().and_then(|kind| self.groups.get_mut(kind));
        if let Some(group) = group {
            group.total += 1;
            group.keep(Reverse(candidate), self.keep);
        }
    }

    fn harvest(self) -> Self::Fruit {
        self.groups
    }
}

impl Group {
    /// Keeps the best `most` hits.
    fn keep(&mut self, hit: Reverse<Candidate>, most: usize) {
        if self.best.len() < most {
            self.best.push(hit);
        } else if let Some(mut worst) = self.best.peek_mut()
            && hit < *worst
        {
            *worst = hit;
        }
    }
}
