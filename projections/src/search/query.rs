//! What somebody may ask, and what comes back.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::access::Visible;
use domain::name::NamespaceName;
use domain::namespace::Visibility;
use jiff::Timestamp;
use tantivy::{DocAddress, Searcher};

use super::SearchError;
use super::columns::AllColumns;
use super::entry::Kind;
use super::gather::{Gather, Gathered, Wanted};
use super::likes::Likes;
use super::platform::Platform;
use super::question::Question;
use super::rooms::Rooms;
use super::schema::Fields;
use super::words::copied;

/// The longest question, in bytes; the rest is ignored.
pub const MAX_QUESTION_BYTES: usize = 512;
/// The most hits of one kind in one answer.
pub const MAX_LIMIT: usize = 100;
/// How far one can leaf through the hits of one kind.
pub const MAX_OFFSET: usize = 10_000;
/// The most values of one facet; those with the most hits are given.
pub const MAX_FACET: usize = 8;
/// The most names that are offered to those who found nothing.
pub const MAX_NEAREST: usize = 5;

/// When fewer hits than this are found by what was typed, typing errors are forgiven too.
const FORGIVE_BELOW: usize = 5;

/// What somebody looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// As typed; nothing: everything, the most liked and newest first.
    pub text: String,
    /// Kinds to look for.
    pub kinds: BTreeSet<Kind>,
    /// What hits must be like.
    pub filters: Filters,
    /// Whether to count by kind, namespace and so on as well.
    pub facets: bool,
    /// At most so many hits of each kind; at most [`MAX_LIMIT`].
    pub limit: usize,
    /// Leaves out so many of each kind; at most [`MAX_OFFSET`].
    pub offset: usize,
    /// From when ages are counted.
    pub now: Timestamp,
}

impl Query {
    /// The first `limit` of every kind.
    #[must_use]
    pub fn new(text: &str, limit: usize, now: Timestamp) -> Self {
        let kinds = Kind::EVERY.into();
        let filters = Filters::default();
        Self { text: text.to_owned(), kinds, filters, facets: false, limit, offset: 0, now }
    }

    /// Only of these kinds.
    #[must_use]
    pub fn only(mut self, kinds: impl IntoIterator<Item = Kind>) -> Self {
        self.kinds = kinds.into_iter().collect();
        self
    }

    /// Only what is like this, with counts of what else there is.
    #[must_use]
    pub fn filtered(mut self, filters: Filters) -> Self {
        (self.filters, self.facets) = (filters, true);
        self
    }
}

/// What hits must be like; each holds beside the others. What has no namespace, platform or push
/// of its own is not found where one is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    /// Decided by the namespace of this name.
    pub namespace: Option<NamespaceName>,
    /// The visibility of that namespace.
    pub visibility: Option<Visibility>,
    /// For this platform.
    pub platform: Option<Platform>,
    /// Pushed within this time.
    pub since: Option<Since>,
}

impl Filters {
    /// Whether there is any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How long ago a push may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Since {
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
    /// 365 days.
    Year,
}

impl Since {
    /// All of them, the shortest first.
    pub const EVERY: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Year];

    /// As in addresses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
            Self::Year => "1y",
        }
    }

    /// From [`Self::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|since| since.as_str() == text)
    }

    fn seconds(self) -> u64 {
        let days = match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 30,
            Self::Year => 365,
        };
        days * 24 * 3_600
    }

    /// The first second of 1970 and after that counts.
    pub(super) fn begins(self, now: u64) -> u64 {
        now.saturating_sub(self.seconds())
    }
}

/// How many of the hits would be left by one more filter, or by another instead of the one set:
/// each number takes account of all other filters. Counts what may be seen and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facets {
    /// By kind, whatever kind is asked for.
    pub kinds: Vec<(Kind, usize)>,
    /// Namespaces with the most hits, at most [`MAX_FACET`]; of those that may be seen themselves.
    pub namespaces: Vec<(NamespaceName, usize)>,
    /// Visibilities of such namespaces.
    pub visibilities: Vec<(Visibility, usize)>,
    /// Platforms with the most hits, at most [`MAX_FACET`].
    pub platforms: Vec<(String, usize)>,
    /// Pushed within; each holds the shorter ones.
    pub since: Vec<(Since, usize)>,
}

/// What was found, by [`Kind::number`]: how many there are, and where the best of them stand.
pub(super) struct Found {
    pub(super) kinds: [Ranked; Kind::EVERY.len()],
    /// The kinds that have hits, the one with the best match first.
    pub(super) order: Vec<Kind>,
    /// Whether typing errors were forgiven.
    pub(super) forgiving: bool,
    pub(super) facets: Facets,
    /// Hits of any kind without filters.
    pub(super) unfiltered: usize,
    /// For those who found nothing: what they may have meant.
    pub(super) nearest: Vec<DocAddress>,
}

#[derive(Default)]
pub(super) struct Ranked {
    pub(super) total: usize,
    pub(super) best: Vec<DocAddress>,
}

/// The index at one moment.
pub(super) struct View {
    pub(super) searcher: Searcher,
    pub(super) rooms: Rooms,
    pub(super) likes: Likes,
    /// Of the searcher's segments.
    pub(super) columns: AllColumns,
}

pub(super) fn find(
    view: &View,
    fields: &Fields,
    query: &Query,
    visible: &Visible,
) -> Result<Found, SearchError> {
    let mut question = Question::new(&query.text);
    let mut gather = Gather::new(view, fields, visible, question.length(), wanted(query));
    let (mut gathered, mut forgiving) = answer(view, fields, &question, &gather)?;
    if gathered.unfiltered == 0
        && let Some(bare) = copied(&query.text)
    {
        question = Question::new(bare);
        gather = Gather::new(view, fields, visible, question.length(), wanted(query));
        (gathered, forgiving) = answer(view, fields, &question, &gather)?;
    }
    let mut nearest = Vec::new();
    if gathered.unfiltered == 0
        && let Some(clause) = question.nearest(fields)
    {
        let kinds = [Kind::Repository, Kind::Namespace, Kind::Team];
        let near = Query::new("", MAX_NEAREST, query.now).only(kinds);
        gather.ask(wanted(&near));
        nearest = view.searcher.search(&*clause, &gather)?.best_of_all(MAX_NEAREST);
    }
    let facets = if query.facets { gathered.facets(&view.rooms) } else { Facets::default() };
    let (order, unfiltered) = (gathered.order(), gathered.unfiltered);
    let kinds = gathered.pages(query.offset.min(MAX_OFFSET));
    Ok(Found { kinds, order, forgiving, facets, unfiltered, nearest })
}

/// What was typed, with typing errors forgiven where that finds little; and whether they were.
fn answer(
    view: &View,
    fields: &Fields,
    question: &Question,
    gather: &Gather,
) -> Result<(Gathered, bool), SearchError> {
    let typed = view.searcher.search(&*question.strict(fields), gather)?;
    if typed.unfiltered < FORGIVE_BELOW
        && let Some(clause) = question.forgiving(fields)
    {
        let again = view.searcher.search(&*clause, gather)?;
        let forgiving = again.total() > typed.total();
        return Ok((again, forgiving));
    }
    Ok((typed, false))
}

fn wanted(query: &Query) -> Wanted {
    let filters = &query.filters;
    Wanted {
        kinds: query.kinds.iter().copied().collect(),
        filters: Arc::new(filters.clone()),
        facets: query.facets,
        keep: query.limit.min(MAX_LIMIT) + query.offset.min(MAX_OFFSET),
        now: u64::try_from(query.now.as_second()).unwrap_or(0),
    }
}
