//! How an entry lies in the index.

use domain::digest::Digest;
use domain::name::NamespaceName;
use jiff::Timestamp;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, NumericOptions, STORED, STRING, Schema,
    TextFieldIndexing, TextOptions, Value as _,
};
use tantivy::{TantivyDocument, Term};

use super::entry::{Entry, inside_key, last_part, under_key};
use super::numbers::number_of;
use super::words::{beginnings, index_words, initials, squeeze, text_words, words};

/// Goes up with every change of what is written below; an index of another version is made anew.
pub(super) const SCHEMA_VERSION: u32 = 3;

/// The fields of a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    /// [`Entry::key`]: one document each.
    pub(super) key: Field,
    /// [`Kind::number`](super::entry::Kind::number).
    pub(super) kind: Field,
    /// The number of the deciding namespace, see [`super::rooms`]; a namespace's own.
    pub(super) room: Field,
    /// The repository it is in.
    pub(super) inside: Field,
    /// Each prefix that could be its namespace.
    pub(super) under: Field,
    /// Full names in lower case.
    pub(super) exact: Field,
    /// The last part alone, in lower case.
    pub(super) last: Field,
    /// Full name and last part without separators.
    pub(super) joined: Field,
    /// The beginnings of those of a repository, namespace or team.
    pub(super) start: Field,
    /// Its words.
    pub(super) word: Field,
    /// The beginnings of its words.
    pub(super) prefix: Field,
    /// The first letters of its words.
    pub(super) initials: Field,
    /// The words of the repository around it, for tags.
    pub(super) around: Field,
    /// The words of its description.
    pub(super) about: Field,
    /// Hex digits of its digest.
    pub(super) digest: Field,
    /// Its platforms.
    pub(super) platform: Field,
    /// The number of the repository that it is or is in, see [`super::likes`].
    pub(super) home: Field,
    /// [`Entry::weight`].
    pub(super) weight: Field,
    /// Seconds since 1970 of the last push.
    pub(super) fresh: Field,
    /// How many words its name has.
    pub(super) length: Field,
    /// The first and the second eight bytes of its name: the order among equals.
    pub(super) alpha: Field,
    pub(super) beta: Field,
    /// Follows from the key alone: the order among what is equal even so. Where a document happens
    /// to lie must not decide, for that tells of documents that one may not see.
    pub(super) tie: Field,
    /// The entry as JSON.
    pub(super) entry: Field,
}

impl Fields {
    pub(super) fn schema() -> (Schema, Self) {
        let mut schema = Schema::builder();
        // Neither frequencies nor lengths: the ranking here does not count words.
        let plain = || {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer("raw")
                .set_index_option(IndexRecordOption::Basic)
                .set_fieldnorms(false);
            TextOptions::default().set_indexing_options(indexing)
        };
        let fast = || NumericOptions::default() | FAST;
        let fields = Self {
            key: schema.add_text_field("key", STRING),
            kind: schema.add_u64_field("kind", fast() | INDEXED),
            room: schema.add_u64_field("room", fast()),
            inside: schema.add_text_field("inside", plain()),
            under: schema.add_text_field("under", plain()),
            exact: schema.add_text_field("exact", plain()),
            last: schema.add_text_field("last", plain()),
            joined: schema.add_text_field("joined", plain()),
            start: schema.add_text_field("start", plain()),
            word: schema.add_text_field("word", plain()),
            prefix: schema.add_text_field("prefix", plain()),
            initials: schema.add_text_field("initials", plain()),
            around: schema.add_text_field("around", plain()),
            about: schema.add_text_field("about", plain()),
            digest: schema.add_text_field("digest", plain()),
            platform: schema.add_text_field("platform", TextOptions::default().set_fast("raw")),
            home: schema.add_u64_field("home", fast()),
            weight: schema.add_f64_field("weight", fast()),
            fresh: schema.add_u64_field("fresh", fast()),
            length: schema.add_u64_field("length", fast()),
            alpha: schema.add_u64_field("alpha", fast()),
            beta: schema.add_u64_field("beta", fast()),
            tie: schema.add_u64_field("tie", fast()),
            entry: schema.add_text_field("entry", STORED),
        };
        (schema.build(), fields)
    }

    pub(super) fn term(field: Field, text: &str) -> Term {
        Term::from_field_text(field, text)
    }

    /// The document of `entry`, decided by the namespace numbered `room`.
    ///
    /// # Errors
    ///
    /// Never for entries, which are plain data.
    pub(super) fn document(
        &self,
        entry: &Entry,
        room: u64,
    ) -> Result<TantivyDocument, serde_json::Error> {
        let mut doc = TantivyDocument::new();
        let (key, name) = (entry.key(), entry.name().to_lowercase());
        doc.add_u64(self.tie, number_of(&key));
        doc.add_text(self.key, key);
        doc.add_u64(self.kind, entry.kind().number());
        doc.add_u64(self.room, room);
        doc.add_text(self.exact, &name);
        match entry {
            Entry::Repository { name: own, .. } => self.add_name(&mut doc, own.as_str()),
            Entry::Namespace { name: own, .. } => self.add_name(&mut doc, own.as_str()),
            Entry::Team { name: own, .. } => self.add_name(&mut doc, own.as_str()),
            Entry::Tag { repository, tag, digest, .. } => {
                self.add_words(&mut doc, tag.as_str());
                self.add_around(&mut doc, repository.as_str());
                let (tag, last) = (tag.as_str().to_lowercase(), last_part(repository.as_str()));
                doc.add_text(self.exact, format!("{last}:{tag}"));
                for joined in [squeeze(&tag), squeeze(&format!("{last}{tag}")), squeeze(&name)] {
                    doc.add_text(self.joined, joined);
                }
                doc.add_text(self.last, tag);
                doc.add_text(self.digest, hex(digest));
            }
            Entry::Manifest { repository, digest, .. } => {
                self.add_around(&mut doc, repository.as_str());
                doc.add_text(self.exact, digest.as_str());
                doc.add_text(self.digest, hex(digest));
            }
        }
        for word in text_words(entry.description()) {
            doc.add_text(self.about, word);
        }
        entry.platforms().for_each(|platform| doc.add_text(self.platform, platform));
        if let Some((registry, repository)) = entry.inside() {
            let inside = inside_key(registry, repository);
            doc.add_u64(self.home, number_of(&inside));
            doc.add_text(self.inside, inside);
            let mut prefixes = repository.prefixes().peekable();
            if prefixes.peek().is_none() {
                doc.add_text(self.under, under_key(registry, NamespaceName::GLOBAL));
            }
            for prefix in prefixes {
                doc.add_text(self.under, under_key(registry, prefix));
            }
        }
        doc.add_f64(self.weight, entry.weight());
        let fresh = entry.pushed_at().map_or(0, Timestamp::as_second);
        doc.add_u64(self.fresh, u64::try_from(fresh).unwrap_or(0));
        let length = words(&name).len();
        doc.add_u64(self.length, length as u64);
        doc.add_u64(self.alpha, eight(&name, 0));
        doc.add_u64(self.beta, eight(&name, 8));
        doc.add_text(self.entry, serde_json::to_string(entry)?);
        Ok(doc)
    }

    /// The entry of a stored document; `None` when it is not one of ours.
    pub(super) fn entry(&self, doc: &TantivyDocument) -> Option<Entry> {
        serde_json::from_str(doc.get_first(self.entry)?.as_str()?).ok()
    }

    fn add_name(&self, doc: &mut TantivyDocument, name: &str) {
        self.add_words(doc, name);
        let (whole, last) = (squeeze(name), squeeze(last_part(name)));
        doc.add_text(self.last, last_part(name).to_lowercase());
        // Who has typed no more than the namespace means the namespace.
        let above = squeeze(&name[..name.len() - last_part(name).len()]).len();
        let mut starts: std::collections::BTreeSet<_> = beginnings(&last).collect();
        starts.extend(beginnings(&whole).filter(|begun| begun.len() > above));
        starts.into_iter().for_each(|start| doc.add_text(self.start, start));
        if let Some(initials) = initials(name) {
            doc.add_text(self.initials, initials);
        }
        if last != whole {
            doc.add_text(self.joined, &last);
        }
        doc.add_text(self.joined, &whole);
    }

    fn add_around(&self, doc: &mut TantivyDocument, repository: &str) {
        index_words(repository).iter().for_each(|word| doc.add_text(self.around, word));
    }

    fn add_words(&self, doc: &mut TantivyDocument, name: &str) {
        let words = index_words(name);
        let mut starts = std::collections::BTreeSet::new();
        for word in &words {
            doc.add_text(self.word, word);
            starts.extend(beginnings(word));
        }
        for start in starts {
            doc.add_text(self.prefix, start);
        }
    }
}

fn hex(digest: &Digest) -> &str {
    digest.as_str().split_once(':').map_or(digest.as_str(), |(_, hex)| hex)
}

/// Eight bytes of a name from `at` on, as a number that sorts as they do.
fn eight(name: &str, at: usize) -> u64 {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(name.bytes().skip(at)) {
        *to = from;
    }
    u64::from_be_bytes(bytes)
}
