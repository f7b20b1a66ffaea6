//! What is asked of every match, at hand. Opening a segment's columns and unpacking them value by
//! value would cost a search more than the search; both are done once for each segment.

use std::collections::HashMap;
use std::sync::Arc;

use tantivy::columnar::{Column, StrColumn};
use tantivy::index::SegmentId;
use tantivy::{DocId, Searcher, SegmentReader};

use super::entry::Kind;
use super::rooms::NOWHERE;

/// In the place of a kind: none of those that can be found.
const NOTHING: u8 = u8::MAX;

/// One segment's.
pub(super) struct Columns {
    /// Of each document: [`Kind::number`] in a byte.
    kinds: Vec<u8>,
    /// And the number of the namespace that decides.
    rooms: Vec<u32>,
    pub(super) home: Column<u64>,
    pub(super) weight: Column<f64>,
    pub(super) fresh: Column<u64>,
    pub(super) length: Column<u64>,
    pub(super) alpha: Column<u64>,
    pub(super) beta: Column<u64>,
    pub(super) tie: Column<u64>,
    pub(super) platform: Option<StrColumn>,
}

impl Columns {
    fn of(segment: &SegmentReader) -> tantivy::Result<Self> {
        let fast = segment.fast_fields();
        let (kind, room) = (fast.u64("kind")?, fast.u64("room")?);
        let kind = |doc| kind.first(doc).and_then(|kind| u8::try_from(kind).ok());
        let room = |doc| room.first(doc).and_then(|room| u32::try_from(room).ok());
        Ok(Self {
            kinds: (0..segment.max_doc()).map(|doc| kind(doc).unwrap_or(NOTHING)).collect(),
            rooms: (0..segment.max_doc()).map(|doc| room(doc).unwrap_or(0)).collect(),
            home: fast.u64("home")?,
            weight: fast.f64("weight")?,
            fresh: fast.u64("fresh")?,
            length: fast.u64("length")?,
            alpha: fast.u64("alpha")?,
            beta: fast.u64("beta")?,
            tie: fast.u64("tie")?,
            platform: fast.str("platform")?,
        })
    }

    /// What a document is, if it is something that can be found.
    pub(super) fn kind(&self, doc: DocId) -> Option<Kind> {
        Kind::of_number(u64::from(*self.kinds.get(place(doc))?))
    }

    /// The number of the namespace that decides for it, if one does.
    pub(super) fn room(&self, doc: DocId) -> Option<u64> {
        let room = u64::from(*self.rooms.get(place(doc))?);
        (room != NOWHERE).then_some(room)
    }
}

fn place(doc: DocId) -> usize {
    usize::try_from(doc).unwrap_or(usize::MAX)
}

/// Those of all segments, in the order of these. A clone is cheap.
#[derive(Clone, Default)]
pub(super) struct AllColumns(Vec<(SegmentId, Arc<Columns>)>);

impl AllColumns {
    /// Those of this searcher; what is known of its segments is taken over, as segments do not
    /// change.
    pub(super) fn of(&self, searcher: &Searcher) -> tantivy::Result<Self> {
        let known: HashMap<_, _> = self.0.iter().map(|(id, columns)| (*id, columns)).collect();
        let each = searcher.segment_readers().iter().map(|segment| {
            let id = segment.segment_id();
            let columns = match known.get(&id) {
                Some(columns) => Arc::clone(columns),
                None => Arc::new(Columns::of(segment)?),
            };
            Ok((id, columns))
        });
        Ok(Self(each.collect::<tantivy::Result<_>>()?))
    }

    /// Those of one segment.
    pub(super) fn at(&self, ordinal: u32) -> Option<&Arc<Columns>> {
        Some(&self.0.get(usize::try_from(ordinal).ok()?)?.1)
    }
}
