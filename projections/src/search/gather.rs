//! One pass over the matches, in which rights, filters, ranking and counting are one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use domain::access::Visible;
use domain::namespace::Visibility;
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::schema::IndexRecordOption;
use tantivy::{
    DocAddress, DocId, DocSet as _, Score, SegmentReader, TERMINATED, TantivyError, Term,
};

use super::columns::{AllColumns, Columns};
use super::entry::{Kind, inside_key, team_key};
use super::likes::Likes;
use super::query::{Facets, Filters, MAX_FACET, Ranked, Since, View};
use super::rooms::{Numbers, Rooms};
use super::schema::Fields;

const KINDS: usize = Kind::EVERY.len();
/// In their order.
const VISIBILITIES: [Visibility; 3] =
    [Visibility::Private, Visibility::Protected, Visibility::Public];

/// What is asked of each match.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) kinds: Vec<Kind>,
    pub(super) filters: Arc<Filters>,
    pub(super) facets: bool,
    /// So many of each kind are kept.
    pub(super) keep: usize,
    /// Seconds since 1970.
    pub(super) now: u64,
}

/// Looks at every match once: may it be seen, of which kind is it, what would hide it, is it among
/// the best.
pub(super) struct Gather {
    common: Arc<Common>,
}

#[derive(Clone)]
struct Common {
    rights: Arc<Rights>,
    wanted: Wanted,
    likes: Likes,
    words: f64,
    /// The rooms that the filter names, among those that may be seen.
    chosen: Option<Numbers>,
    rooms: Rooms,
    columns: AllColumns,
}

impl Gather {
    pub(super) fn new(
        view: &View,
        fields: &Fields,
        visible: &Visible,
        words: usize,
        wanted: Wanted,
    ) -> Self {
        let rights = Arc::new(Rights::new(&view.rooms, fields, visible));
        let (likes, rooms, columns) =
            (view.likes.clone(), view.rooms.clone(), view.columns.clone());
        #[allow(clippy::cast_precision_loss)] // few
        let words = words as f64;
        let common = Common { rights, wanted, likes, words, chosen: None, rooms, columns };
        let mut this = Self { common: Arc::new(common) };
        this.ask(this.common.wanted.clone());
        this
    }

    /// Asks something else, for the same person.
    pub(super) fn ask(&mut self, wanted: Wanted) {
        let mut common = Common::clone(&self.common);
        common.chosen = wanted.filters.namespace.as_ref().map(|name| {
            let numbers = common.rooms.called(name).into_iter();
            numbers.filter(|number| common.rights.rooms.contains(*number)).collect()
        });
        common.wanted = wanted;
        self.common = Arc::new(common);
    }
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

/// What came together.
#[derive(Default)]
pub(super) struct Gathered {
    groups: [Group; KINDS],
    /// Visible matches of any kind, whatever the filters.
    pub(super) unfiltered: usize,
    counts: Counts,
}

/// Hits by what they are like.
#[derive(Default)]
struct Counts {
    kinds: [usize; KINDS],
    /// By the number of the namespace.
    rooms: Vec<usize>,
    /// In the order of [`VISIBILITIES`].
    visibilities: [usize; VISIBILITIES.len()],
    platforms: BTreeMap<String, usize>,
    since: [usize; Since::EVERY.len()],
}

/// One kind's matches so far. The heap holds its worst hit on top.
#[derive(Default)]
struct Group {
    total: usize,
    best: BinaryHeap<Reverse<Candidate>>,
}

/// Everything that it is compared by follows from the thing itself and from the question: the
/// address is only where to find it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    /// Bits of a positive float: they sort as the float does.
    rank: u64,
    /// The earlier in the alphabet the better.
    alpha: Reverse<(u64, u64)>,
    tie: u64,
    /// [`Kind::number`].
    kind: u64,
    address: DocAddress,
}

impl Gathered {
    /// Hits of all kinds asked for.
    pub(super) fn total(&self) -> usize {
        self.groups.iter().map(|group| group.total).sum()
    }

    /// The kinds that have hits: where somebody typed what one thing is called, that comes first.
    pub(super) fn order(&self) -> Vec<Kind> {
        let best = |kind: Kind| {
            let group = self.groups.get(place(kind.number()))?;
            let best = group
                .best
                .iter()
                .map(|Reverse(hit)| f64::from_bits(hit.rank))
                .max_by(f64::total_cmp)?;
            // Steps of a match are whole and even numbers; what decides among equals stays below.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // small, positive
            Some((Reverse(best as u64 / 2), kind.shown(), kind))
        };
        let mut kinds: Vec<_> = Kind::EVERY.into_iter().filter_map(best).collect();
        kinds.sort_unstable_by_key(|(best, shown, _)| (*best, *shown));
        kinds.into_iter().map(|(.., kind)| kind).collect()
    }

    /// The best hits, whatever their kind.
    pub(super) fn best_of_all(self, most: usize) -> Vec<DocAddress> {
        let mut all: Vec<_> = self.groups.into_iter().flat_map(|group| group.best).collect();
        all.sort_unstable();
        all.into_iter().take(most).map(|Reverse(hit)| hit.address).collect()
    }

    pub(super) fn pages(self, offset: usize) -> [Ranked; KINDS] {
        self.groups.map(|group| {
            let page = group.best.into_sorted_vec().into_iter().skip(offset);
            Ranked { total: group.total, best: page.map(|Reverse(hit)| hit.address).collect() }
        })
    }

    pub(super) fn facets(&self, rooms: &Rooms) -> Facets {
        let counts = &self.counts;
        let kinds = Kind::EVERY.into_iter().zip(counts.kinds);
        let numbered = (0..).zip(counts.rooms.iter().copied()).filter(|(_, count)| *count > 0);
        let visibilities = VISIBILITIES.into_iter().zip(counts.visibilities);
        let platforms = counts.platforms.iter().map(|(name, count)| (name.clone(), *count));
        Facets {
            kinds: kinds.filter(|(_, count)| *count > 0).collect(),
            namespaces: rooms.counted(numbered, MAX_FACET),
            visibilities: visibilities.filter(|(_, count)| *count > 0).collect(),
            platforms: most(platforms),
            since: Since::EVERY.into_iter().zip(counts.since).filter(|(_, n)| *n > 0).collect(),
        }
    }

    fn add(&mut self, other: Self, keep: usize) {
        for (group, part) in self.groups.iter_mut().zip(other.groups) {
            group.total += part.total;
            for hit in part.best {
                group.keep(hit, keep);
            }
        }
        self.unfiltered += other.unfiltered;
        let (mine, theirs) = (&mut self.counts, other.counts);
        let lists = mine.kinds.iter_mut().zip(theirs.kinds);
        lists.chain(mine.since.iter_mut().zip(theirs.since)).for_each(|(mine, more)| *mine += more);
        if mine.rooms.len() < theirs.rooms.len() {
            mine.rooms.resize(theirs.rooms.len(), 0);
        }
        mine.rooms.iter_mut().zip(theirs.rooms).for_each(|(mine, more)| *mine += more);
        let lists = mine.visibilities.iter_mut().zip(theirs.visibilities);
        lists.for_each(|(mine, more)| *mine += more);
        for (name, count) in theirs.platforms {
            *mine.platforms.entry(name).or_default() += count;
        }
    }
}

/// Those with the most hits; of those with as many, the first in the alphabet.
fn most<T: Ord>(counted: impl IntoIterator<Item = (T, usize)>) -> Vec<(T, usize)> {
    let mut all: Vec<_> = counted.into_iter().collect();
    all.sort_unstable_by(|(a, many), (b, more)| more.cmp(many).then_with(|| a.cmp(b)));
    all.truncate(MAX_FACET);
    all
}

fn place(kind: u64) -> usize {
    usize::try_from(kind).unwrap_or(usize::MAX)
}

impl Collector for Gather {
    type Fruit = Gathered;
    type Child = GatherSegment;

    fn for_segment(&self, ordinal: u32, segment: &SegmentReader) -> tantivy::Result<GatherSegment> {
        let columns = self.common.columns.at(ordinal).map(Arc::clone);
        let columns = columns.ok_or_else(|| {
            TantivyError::InternalError("a segment whose columns were not opened".to_owned())
        })?;
        let wanted = &self.common.wanted;
        let platform = columns.platform.as_ref();
        let chosen_platform = match (&wanted.filters.platform, platform) {
            (Some(chosen), Some(column)) => column.dictionary().term_ord(chosen.as_str())?,
            _ => None,
        };
        let ords = platform.map_or(0, |column| column.num_terms());
        Ok(GatherSegment {
            ordinal,
            singles: self.common.rights.singles(segment)?,
            chosen_platform,
            platforms: vec![0; if wanted.facets { ords } else { 0 }],
            columns,
            common: Arc::clone(&self.common),
            gathered: Gathered::default(),
        })
    }

    fn requires_scoring(&self) -> bool {
        true
    }

    fn merge_fruits(&self, fruits: Vec<Gathered>) -> tantivy::Result<Gathered> {
        let mut all = Gathered::default();
        for fruit in fruits {
            all.add(fruit, self.common.wanted.keep);
        }
        Ok(all)
    }
}

pub(super) struct GatherSegment {
    ordinal: u32,
    common: Arc<Common>,
    singles: Vec<DocId>,
    columns: Arc<Columns>,
    /// How many are for each platform of this segment.
    platforms: Vec<usize>,
    chosen_platform: Option<u64>,
    gathered: Gathered,
}

/// Which filters a match does not meet: one bit each.
mod miss {
    pub(super) const KIND: u8 = 1;
    pub(super) const NAMESPACE: u8 = 2;
    pub(super) const VISIBILITY: u8 = 4;
    pub(super) const PLATFORM: u8 = 8;
    pub(super) const SINCE: u8 = 16;
}

/// What a match is like.
struct Like {
    kind: Kind,
    /// Its namespace, if that may be seen itself: somebody with a right on one repository alone
    /// learns nothing of what is around it.
    room: Option<u64>,
    visibility: Option<Visibility>,
}

impl GatherSegment {
    /// What the match is like, if it may be seen at all.
    fn seen(&self, doc: DocId) -> Option<Like> {
        let kind = self.columns.kind(doc)?;
        let rights = &self.common.rights;
        let single = || self.singles.binary_search(&doc).is_ok();
        let mut like = Like { kind, room: None, visibility: None };
        if kind == Kind::Team {
            return (rights.everything || single()).then_some(like);
        }
        let room = self.columns.room(doc)?;
        if rights.rooms.contains(room) {
            like.room = Some(room);
            like.visibility = self.common.rooms.visibility(room);
        } else if !single() {
            return None;
        }
        Some(like)
    }

    /// When it was pushed last, in seconds since 1970; what is never pushed: 0.
    fn fresh(&self, doc: DocId) -> u64 {
        self.columns.fresh.first(doc).unwrap_or(0)
    }

    fn misses(&self, doc: DocId, like: &Like) -> u8 {
        let Common { wanted, chosen, .. } = &*self.common;
        let filters = &wanted.filters;
        let mut misses = 0;
        if !wanted.kinds.contains(&like.kind) {
            misses |= miss::KIND;
        }
        if let Some(chosen) = chosen
            && !like.room.is_some_and(|room| chosen.contains(room))
        {
            misses |= miss::NAMESPACE;
        }
        if filters.visibility.is_some() && filters.visibility != like.visibility {
            misses |= miss::VISIBILITY;
        }
        if filters.platform.is_some() {
            let mut ords = self.columns.platform.iter().flat_map(|column| column.term_ords(doc));
            if !self.chosen_platform.is_some_and(|chosen| ords.any(|ord| ord == chosen)) {
                misses |= miss::PLATFORM;
            }
        }
        if let Some(since) = filters.since {
            let fresh = self.fresh(doc);
            if fresh == 0 || fresh < since.begins(wanted.now) {
                misses |= miss::SINCE;
            }
        }
        misses
    }

    /// Counts a match in each facet whose own filter alone may hide it.
    fn count(&mut self, doc: DocId, like: &Like, misses: u8) {
        let counts = &mut self.gathered.counts;
        let but = |own: u8| misses & !own == 0;
        if but(miss::KIND)
            && let Some(count) = counts.kinds.get_mut(place(like.kind.number()))
        {
            *count += 1;
        }
        if but(miss::NAMESPACE)
            && let Some(room) = like.room
        {
            let room = place(room);
            if counts.rooms.len() <= room {
                counts.rooms.resize(room + 1, 0);
            }
            if let Some(count) = counts.rooms.get_mut(room) {
                *count += 1;
            }
        }
        if but(miss::VISIBILITY)
            && let Some(visibility) = like.visibility
        {
            let counts = VISIBILITIES.into_iter().zip(&mut counts.visibilities);
            counts.filter(|(is, _)| *is == visibility).for_each(|(_, count)| *count += 1);
        }
        if but(miss::PLATFORM)
            && let Some(column) = &self.columns.platform
        {
            for ord in column.term_ords(doc) {
                if let Some(count) = self.platforms.get_mut(place(ord)) {
                    *count += 1;
                }
            }
        }
        let fresh = if but(miss::SINCE) { self.columns.fresh.first(doc).unwrap_or(0) } else { 0 };
        if fresh > 0 {
            for (since, count) in Since::EVERY.into_iter().zip(&mut counts.since) {
                *count += usize::from(fresh >= since.begins(self.common.wanted.now));
            }
        }
    }

    /// From 0 to below 1: how liked it or its repository is, how much of its name was typed, and
    /// how new it is, in this order.
    fn among_equals(&self, doc: DocId, like: &Like) -> f64 {
        const MONTH: f64 = 30.0 * 24.0 * 3_600.0;
        let common = &self.common;
        #[allow(clippy::cast_precision_loss)] // a rank, not an account
        let (age, length) = (
            common.wanted.now.saturating_sub(self.fresh(doc)) as f64 / MONTH,
            self.columns.length.first(doc).unwrap_or(1).max(1) as f64,
        );
        let liked = match like.kind {
            Kind::Tag | Kind::Manifest => {
                self.columns.home.first(doc).map_or(0.0, |home| common.likes.of(home))
            }
            Kind::Repository | Kind::Namespace | Kind::Team => {
                self.columns.weight.first(doc).unwrap_or(0.0)
            }
        };
        0.6 * liked + 0.2 * (common.words / length).min(1.0) + 0.19 / (1.0 + age)
    }
}

impl SegmentCollector for GatherSegment {
    type Fruit = Gathered;

    fn collect(&mut self, doc: DocId, score: Score) {
        let Some(like) = self.seen(doc) else { return };
        self.gathered.unfiltered += 1;
        let misses = self.misses(doc, &like);
        if self.common.wanted.facets && misses.count_ones() <= 1 {
            self.count(doc, &like, misses);
        }
        if misses > 0 {
            return;
        }
        let number = like.kind.number();
        let Some(group) = self.gathered.groups.get(place(number)) else { return };
        let full = group.best.len() >= self.common.wanted.keep;
        let worst = group.best.peek().filter(|_| full).map(|Reverse(worst)| worst.rank);
        let hopeless = |rank: f64| worst.is_some_and(|worst| rank < f64::from_bits(worst));
        // Most need not be looked at more closely: whatever decides among equals, they would not be
        // among the best.
        let candidate = (!hopeless(f64::from(score) + 1.0))
            .then(|| f64::from(score) + self.among_equals(doc, &like))
            .filter(|rank| !hopeless(*rank))
            .map(|rank| Candidate {
                rank: rank.to_bits(),
                alpha: Reverse((
                    self.columns.alpha.first(doc).unwrap_or(0),
                    self.columns.beta.first(doc).unwrap_or(0),
                )),
                tie: self.columns.tie.first(doc).unwrap_or(0),
                kind: number,
                address: DocAddress::new(self.ordinal, doc),
            });
        if let Some(group) = self.gathered.groups.get_mut(place(number)) {
            group.total += 1;
            if let Some(candidate) = candidate {
                group.keep(Reverse(candidate), self.common.wanted.keep);
            }
        }
    }

    fn harvest(mut self) -> Gathered {
        if let Some(column) = &self.columns.platform {
            for (ord, count) in (0..).zip(&self.platforms).filter(|(_, count)| **count > 0) {
                let mut name = String::new();
                if column.ord_to_str(ord, &mut name).unwrap_or(false) {
                    self.gathered.counts.platforms.insert(name, *count);
                }
            }
        }
        self.gathered
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
