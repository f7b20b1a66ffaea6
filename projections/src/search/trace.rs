//! What is left of tags and manifests that are gone: notifications come in any order, so a push
//! must be held against a deletion that came before it. Nobody finds a trace.

use domain::digest::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tantivy::TantivyDocument;
use tantivy::schema::Value as _;

use super::entry::Kind;
use super::rooms::NOWHERE;
use super::schema::Fields;

/// Of a tag: where it pointed, and since when it does not. Of a manifest: its last deletion, which
/// it may have survived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trace {
    /// A tag's last word; a manifest's last deletion.
    pub(super) since: Timestamp,
    /// When a manifest was last there.
    pub(super) there: Option<Timestamp>,
    /// Where a tag points, whose manifest is gone.
    pub(super) digest: Option<Digest>,
}

/// The key of the trace of whatever has this key.
pub(super) fn trace_key(key: &str) -> String {
    format!("trace {key}")
}

impl Fields {
    /// The document of a trace: of a kind that no query asks for, in no namespace.
    ///
    /// # Errors
    ///
    /// Never for traces, which are plain data.
    pub(super) fn trace(
        &self,
        key: &str,
        trace: &Trace,
    ) -> Result<TantivyDocument, serde_json::Error> {
        let mut doc = TantivyDocument::new();
        doc.add_text(self.key, key);
        doc.add_u64(self.kind, Kind::EVERY.len() as u64);
        doc.add_u64(self.room, NOWHERE);
        doc.add_text(self.entry, serde_json::to_string(&(key, trace))?);
        Ok(doc)
    }

    /// The trace of a stored document, with its key; `None` when it is not one of ours.
    pub(super) fn traced(&self, doc: &TantivyDocument) -> Option<(String, Trace)> {
        serde_json::from_str(doc.get_first(self.entry)?.as_str()?).ok()
    }
}
