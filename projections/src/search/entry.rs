//! What can be found.

use std::collections::BTreeMap;

use domain::digest::Digest;
use domain::name::{NamespaceName, RegistryName, RepositoryName, TagName, TeamName};
use domain::namespace::Visibility;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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

    /// The order in which kinds are shown that match as well as each other.
    pub(super) fn shown(self) -> u8 {
        match self {
            Self::Repository => 0,
            Self::Tag => 1,
            Self::Namespace => 2,
            Self::Team => 3,
            Self::Manifest => 4,
        }
    }

    pub(super) fn of_number(number: u64) -> Option<Self> {
        Self::EVERY.into_iter().find(|kind| kind.number() == number)
    }

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
        /// As plain text, cut.
        description: String,
        stars: u64,
        /// Manifest downloads: exact up to [`super::EXACT_PULLS`], beyond within some percent.
        pulls: u64,
        manifests: u64,
        /// How many of its manifests are for which platform.
        platforms: BTreeMap<String, u64>,
        pushed_at: Option<Timestamp>,
    },
    /// A tag.
    Tag {
        registry: RegistryName,
        repository: RepositoryName,
        tag: TagName,
        digest: Digest,
        /// Those of its manifest.
        platforms: Vec<String>,
        pushed_at: Timestamp,
    },
    /// A manifest.
    Manifest {
        registry: RegistryName,
        repository: RepositoryName,
        digest: Digest,
        platforms: Vec<String>,
        pushed_at: Timestamp,
    },
    /// A namespace.
    Namespace {
        registry: RegistryName,
        name: NamespaceName,
        visibility: Visibility,
        description: String,
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

    /// When it was last pushed.
    #[must_use]
    pub fn pushed_at(&self) -> Option<Timestamp> {
        match self {
            Self::Repository { pushed_at, .. } => *pushed_at,
            Self::Tag { pushed_at, .. } | Self::Manifest { pushed_at, .. } => Some(*pushed_at),
            Self::Namespace { .. } | Self::Team { .. } => None,
        }
    }

    /// What is said about it.
    #[must_use]
    pub fn description(&self) -> &str {
        match self {
            Self::Repository { description, .. }
            | Self::Namespace { description, .. }
            | Self::Team { description, .. } => description,
            Self::Tag { .. } | Self::Manifest { .. } => "",
        }
    }

    /// For which platforms it is.
    pub(super) fn platforms(&self) -> impl Iterator<Item = &String> {
        let (counted, listed) = match self {
            Self::Repository { platforms, .. } => (Some(platforms), None),
            Self::Tag { platforms, .. } | Self::Manifest { platforms, .. } => {
                (None, Some(platforms))
            }
            Self::Namespace { .. } | Self::Team { .. } => (None, None),
        };
        counted.into_iter().flat_map(BTreeMap::keys).chain(listed.into_iter().flatten())
    }

    /// How liked it is, from 0 to 1: stars count as much as a hundred downloads each, and ten times
    /// as many of either are one step more.
    pub(super) fn weight(&self) -> f64 {
        const MOST: f64 = 1e8;
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

pub(super) fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
