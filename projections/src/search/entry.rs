//! What can be found, and how it lies in the index.

use domain::digest::Digest;
use domain::name::{NamespaceName, RegistryName, RepositoryName, TagName, TeamName};
use domain::namespace::Visibility;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, NumericOptions, STORED, STRING, Schema,
    TextFieldIndexing, TextOptions, Value as _,
};
use tantivy::{TantivyDocument, Term};

use super::words::{beginnings, index_words, words};

/// Goes up with every change of what is written below; an index of another version is made anew.
pub(super) const SCHEMA_VERSION: u32 = 2;

/// The kinds of things that can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A repository.
    Repository,
    /// A tag.
    Tag,
    /// A manifest, found by its digest alone.
    Manifest,
    /// A namespace.
    Namespace,
    /// A team.
    Team,
}

impl Kind {
    /// Every kind, in the order of [`Self::number`].
    pub const EVERY: [Self; 5] =
        [Self::Repository, Self::Tag, Self::Manifest, Self::Namespace, Self::Team];

    pub(super) fn number(self) -> u64 {
        match self {
            Self::Repository => 0,
            Self::Tag => 1,
            Self::Manifest => 2,
            Self::Namespace => 3,
            Self::Team => 4,
        }
    }
}

/// Something that can be found, with what a list of hits says about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum Entry {
    /// A repository. One without manifests is known for its stars or description only, and shows
    /// to nobody.
    Repository {
        registry: RegistryName,
        name: RepositoryName,
        stars: u64,
        /// Manifest downloads.
        pulls: u64,
        manifests: u64,
        pushed_at: Option<Timestamp>,
    },
    /// A tag.
    Tag {
        registry: RegistryName,
        repository: RepositoryName,
        tag: TagName,
        digest: Digest,
        pushed_at: Timestamp,
    },
    /// A manifest.
    Manifest {
        registry: RegistryName,
        repository: RepositoryName,
        digest: Digest,
        pushed_at: Timestamp,
    },
    /// A namespace.
    Namespace {
        registry: RegistryName,
        name: NamespaceName,
        visibility: Visibility,
        description: String,
        /// See [`super::rooms::Room::number`].
        number: u64,
    },
    /// A team.
    Team { name: TeamName, description: String },
}

impl Entry {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Repository { .. } => Kind::Repository,
            Self::Tag { .. } => Kind::Tag,
            Self::Manifest { .. } => Kind::Manifest,
            Self::Namespace { .. } => Kind::Namespace,
            Self::Team { .. } => Kind::Team,
        }
    }

    /// What it is called in full: `team/app`, `team/app:1.2`, `team/app@sha256:…`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Repository { name, .. } => name.to_string(),
            Self::Tag { repository, tag, .. } => format!("{repository}:{tag}"),
            Self::Manifest { repository, digest, .. } => format!("{repository}@{digest}"),
            Self::Namespace { name, .. } => name.to_string(),
            Self::Team { name, .. } => name.to_string(),
        }
    }

    pub(super) fn key(&self) -> String {
        match self {
            Self::Repository { registry, name, .. } => repository_key(registry, name),
            Self::Tag { registry, repository, tag, .. } => tag_key(registry, repository, tag),
            Self::Manifest { registry, repository, digest, .. } => {
                manifest_key(registry, repository, digest)
            }
            Self::Namespace { registry, name, .. } => namespace_key(registry, name),
            Self::Team { name, .. } => team_key(name),
        }
    }

    /// The repository that it is, or is in.
    pub(super) fn inside(&self) -> Option<(&RegistryName, &RepositoryName)> {
        match self {
            Self::Repository { registry, name: repository, .. }
            | Self::Tag { registry, repository, .. }
            | Self::Manifest { registry, repository, .. } => Some((registry, repository)),
            Self::Namespace { .. } | Self::Team { .. } => None,
        }
    }

    fn pushed_at(&self) -> Option<Timestamp> {
        match self {
            Self::Repository { pushed_at, .. } => *pushed_at,
            Self::Tag { pushed_at, .. } | Self::Manifest { pushed_at, .. } => Some(*pushed_at),
            Self::Namespace { .. } | Self::Team { .. } => None,
        }
    }

    /// How liked it is, from 0 to 1: stars count as much as a hundred downloads each, and ten times
    /// as many of either are one step more.
    fn weight(&self) -> f64 {
        const MOST: f64 = 1e9;
        let Self::Repository { stars, pulls, .. } = self else { return 0.0 };
        #[allow(clippy::cast_precision_loss)] // a rank, not an account
        let liked = *stars as f64 * 100.0 + *pulls as f64;
        (liked.min(MOST).ln_1p() / MOST.ln_1p()).clamp(0.0, 1.0)
    }
}

// Names of registries, repositories, tags and digests hold no blanks, so keys never meet.

pub(super) fn repository_key(registry: &RegistryName, repository: &RepositoryName) -> String {
    format!("repository {registry} {repository}")
}

pub(super) fn tag_key(
    registry: &RegistryName,
    repository: &RepositoryName,
    tag: &TagName,
) -> String {
    format!("tag {registry} {repository} {tag}")
}

pub(super) fn manifest_key(
    registry: &RegistryName,
    repository: &RepositoryName,
    digest: &Digest,
) -> String {
    format!("manifest {registry} {repository} {digest}")
}

pub(super) fn namespace_key(registry: &RegistryName, name: &NamespaceName) -> String {
    format!("namespace {registry} {name}")
}

pub(super) fn team_key(name: &TeamName) -> String {
    format!("team {name}")
}

/// The value of [`Fields::inside`] for everything in one repository.
pub(super) fn inside_key(registry: &RegistryName, repository: &RepositoryName) -> String {
    format!("{registry} {repository}")
}

/// The value of [`Fields::under`] for everything below one prefix, `_` for names without one.
pub(super) fn under_key(registry: &RegistryName, prefix: &str) -> String {
    format!("{registry} {prefix}")
}

/// The fields of a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    /// [`Entry::key`]: one document each.
    pub(super) key: Field,
    /// [`Kind::number`].
    pub(super) kind: Field,
    /// The number of the deciding namespace, see [`super::rooms`].
    pub(super) room: Field,
    /// The repository it is in.
    pub(super) inside: Field,
    /// Each prefix that could be its namespace.
    pub(super) under: Field,
    /// Full names in lower case.
    pub(super) exact: Field,
    /// The last part alone, in lower case.
    pub(super) last: Field,
    /// Its words.
    pub(super) word: Field,
    /// The beginnings of its words.
    pub(super) prefix: Field,
    /// The words of the repository around it, for tags.
    pub(super) around: Field,
    /// Hex digits of its digest.
    pub(super) digest: Field,
    /// [`Entry::weight`].
    pub(super) weight: Field,
    /// Seconds since 1970 of the last push.
    pub(super) fresh: Field,
    /// The first eight bytes of its name: the order among equals.
    pub(super) alpha: Field,
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
            word: schema.add_text_field("word", plain()),
            prefix: schema.add_text_field("prefix", plain()),
            around: schema.add_text_field("around", plain()),
            digest: schema.add_text_field("digest", plain()),
            weight: schema.add_f64_field("weight", fast()),
            fresh: schema.add_u64_field("fresh", fast()),
            alpha: schema.add_u64_field("alpha", fast()),
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
        let name = entry.name().to_lowercase();
        doc.add_text(self.key, entry.key());
        doc.add_u64(self.kind, entry.kind().number());
        doc.add_u64(self.room, room);
        doc.add_text(self.exact, &name);
        match entry {
            Entry::Repository { name: own, .. } => {
                self.add_words(&mut doc, own.as_str());
                doc.add_text(self.last, last_part(&name));
            }
            Entry::Namespace { name: own, .. } => {
                self.add_words(&mut doc, own.as_str());
                doc.add_text(self.last, last_part(&name));
            }
            Entry::Team { name: own, .. } => self.add_words(&mut doc, own.as_str()),
            Entry::Tag { repository, tag, digest, .. } => {
                self.add_words(&mut doc, tag.as_str());
                doc.add_text(self.last, tag.as_str().to_lowercase());
                for word in words(repository.as_str()) {
                    doc.add_text(self.around, word);
                }
                doc.add_text(
                    self.exact,
                    format!("{}:{}", last_part(repository.as_str()), tag).to_lowercase(),
                );
                doc.add_text(self.digest, hex(digest));
            }
            Entry::Manifest { repository, digest, .. } => {
                for word in words(repository.as_str()) {
                    doc.add_text(self.around, word);
                }
                doc.add_text(self.exact, digest.as_str());
                doc.add_text(self.digest, hex(digest));
            }
        }
        if let Some((registry, repository)) = entry.inside() {
            doc.add_text(self.inside, inside_key(registry, repository));
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
        doc.add_u64(self.alpha, alpha(&name));
        doc.add_text(self.entry, serde_json::to_string(entry)?);
        Ok(doc)
    }

    /// The entry of a stored document; `None` when it is not one of ours.
    pub(super) fn entry(&self, doc: &TantivyDocument) -> Option<Entry> {
        serde_json::from_str(doc.get_first(self.entry)?.as_str()?).ok()
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

pub(super) fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn hex(digest: &Digest) -> &str {
    digest.as_str().split_once(':').map_or(digest.as_str(), |(_, hex)| hex)
}

fn alpha(name: &str) -> u64 {
    let mut first = [0; 8];
    for (to, from) in first.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    u64::from_be_bytes(first)
}
