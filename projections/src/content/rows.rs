//! The rows of the projection `content`, as the fold works on them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::working::table;

/// The visibility of what no namespace decides over.
pub(super) const NONE: &str = "none";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct NamespaceRow {
    pub(super) registry: String,
    pub(super) name: String,
    pub(super) id: i64,
    pub(super) visibility: String,
    pub(super) repositories: i64,
}
table!(
    NamespaceRow,
    NamespaceKey { registry: String, name: String },
    "content_namespaces",
    "registry, name",
    "id, visibility, repositories",
    "excluded.id, excluded.visibility, excluded.repositories"
);

#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RepositoryRow {
    pub(super) registry: String,
    pub(super) name: String,
    pub(super) id: Option<i64>,
    pub(super) namespace: Option<String>,
    pub(super) created_at: Option<Timestamp>,
    pub(super) pulls: i64,
    pub(super) last_pull_at: Option<Timestamp>,
    pub(super) last_pull_by: Option<String>,
    pub(super) pushes: i64,
    pub(super) last_push_at: Option<Timestamp>,
    pub(super) last_push_by: Option<String>,
    /// Of the deciding namespace; [`NONE`] where there is none.
    pub(super) visibility: String,
    pub(super) tags: i64,
    pub(super) size: i64,
    pub(super) stars: i64,
    pub(super) pull_day: Option<i32>,
    pub(super) pull_days: Vec<i64>,
    pub(super) unique_size: i64,
}
table!(
    RepositoryRow,
    RepositoryKey { registry: String, name: String },
    "repositories",
    "registry, name",
    "id, namespace, created_at, pulls, last_pull_at, last_pull_by, pushes, last_push_at,
     last_push_by, visibility, tags, size, stars, pull_day, pull_days, unique_size",
    "excluded.id, excluded.namespace, excluded.created_at, excluded.pulls, excluded.last_pull_at,
     excluded.last_pull_by, excluded.pushes, excluded.last_push_at, excluded.last_push_by,
     excluded.visibility, excluded.tags, excluded.size, excluded.stars, excluded.pull_day,
     excluded.pull_days, excluded.unique_size"
);

impl RepositoryRow {
    /// The namespace that counts it: only what is listed is counted.
    pub(super) fn counted_by(&self) -> Option<NamespaceKey> {
        let name = self.id.and(self.namespace.clone())?;
        Some(NamespaceKey { registry: self.registry.clone(), name })
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct StarRow {
    pub(super) user_name: String,
    pub(super) registry: String,
    pub(super) repository: String,
}
table!(
    StarRow,
    StarKey { user_name: String, registry: String, repository: String },
    "content_stars",
    "user_name, registry, repository",
    "user_name",
    "excluded.user_name"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TagRow {
    pub(super) registry: String,
    pub(super) repository: String,
    pub(super) name: String,
    pub(super) id: i64,
    pub(super) live: bool,
    pub(super) digest: Option<String>,
    pub(super) changed_at: Timestamp,
    pub(super) created_at: Timestamp,
    pub(super) pushed_by: Option<String>,
    pub(super) observed: bool,
    pub(super) pulls: i64,
    pub(super) last_pull_at: Option<Timestamp>,
}
table!(
    TagRow,
    TagKey { registry: String, repository: String, name: String },
    "tags",
    "registry, repository, name",
    "id, live, digest, changed_at, created_at, pushed_by, observed, pulls, last_pull_at",
    "excluded.id, excluded.live, excluded.digest, excluded.changed_at, excluded.created_at,
     excluded.pushed_by, excluded.observed, excluded.pulls, excluded.last_pull_at"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TagChangeRow {
    pub(super) registry: String,
    pub(super) repository: String,
    pub(super) tag: String,
    pub(super) position: i64,
    pub(super) change: String,
    pub(super) digest: Option<String>,
    pub(super) at: Timestamp,
    pub(super) actor: String,
}
table!(
    TagChangeRow,
    TagChangeKey { registry: String, repository: String, tag: String, position: i64 },
    "tag_history",
    "registry, repository, tag, position",
    "change, digest, at, actor",
    "excluded.change, excluded.digest, excluded.at, excluded.actor"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ManifestRow {
    pub(super) registry: String,
    pub(super) repository: String,
    pub(super) digest: String,
    pub(super) id: Option<i64>,
    pub(super) live: bool,
    pub(super) media_type: Option<String>,
    pub(super) artifact_type: Option<String>,
    pub(super) kind: String,
    pub(super) size: Option<i64>,
    pub(super) total_size: Option<i64>,
    pub(super) platforms: Vec<String>,
    pub(super) first_push_at: Option<Timestamp>,
    pub(super) last_push_at: Option<Timestamp>,
    pub(super) seen_at: Option<Timestamp>,
    pub(super) pushed_by: Option<String>,
    pub(super) deleted_at: Option<Timestamp>,
    pub(super) pulls: i64,
    pub(super) last_pull_at: Option<Timestamp>,
    pub(super) last_pull_by: Option<String>,
}
table!(
    ManifestRow,
    ManifestKey { registry: String, repository: String, digest: String },
    "manifests",
    "registry, repository, digest",
    "id, live, media_type, artifact_type, kind, size, total_size, platforms, first_push_at,
     last_push_at, pushed_by, deleted_at, pulls, last_pull_at, last_pull_by, seen_at",
    "excluded.id, excluded.live, excluded.media_type, excluded.artifact_type, excluded.kind,
     excluded.size, excluded.total_size, excluded.platforms, excluded.first_push_at,
     excluded.last_push_at, excluded.pushed_by, excluded.deleted_at, excluded.pulls,
     excluded.last_pull_at, excluded.last_pull_by, excluded.seen_at"
);

impl ManifestRow {
    /// Heard of, but never pushed.
    pub(super) fn unknown(registry: String, repository: String, digest: String) -> Self {
        Self {
            registry,
            repository,
            digest,
            id: None,
            live: false,
            media_type: None,
            artifact_type: None,
            kind: "unknown".to_owned(),
            size: None,
            total_size: None,
            platforms: Vec::new(),
            first_push_at: None,
            last_push_at: None,
            seen_at: None,
            pushed_by: None,
            deleted_at: None,
            pulls: 0,
            last_pull_at: None,
            last_pull_by: None,
        }
    }

    /// Whether the registry has it: pushed or seen there, and not deleted since.
    pub(super) fn lives(&self) -> bool {
        let there = self.last_push_at.max(self.seen_at);
        there.is_some() && self.deleted_at <= there
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ReferenceRow {
    pub(super) registry: String,
    pub(super) repository: String,
    pub(super) parent: String,
    pub(super) ordinal: i32,
    pub(super) digest: String,
    pub(super) media_type: Option<String>,
    pub(super) size: Option<i64>,
    pub(super) platform: Option<String>,
}
table!(
    ReferenceRow,
    ReferenceKey { registry: String, repository: String, parent: String, ordinal: i32 },
    "manifest_references",
    "registry, repository, parent, ordinal",
    "digest, media_type, size, platform",
    "excluded.digest, excluded.media_type, excluded.size, excluded.platform"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct BlobRow {
    pub(super) registry: String,
    pub(super) repository: String,
    pub(super) digest: String,
    pub(super) size: i64,
    pub(super) holders: i64,
}
table!(
    BlobRow,
    BlobKey { registry: String, repository: String, digest: String, size: i64 },
    "blobs",
    "registry, repository, digest, size",
    "holders",
    "excluded.holders"
);

impl BlobRow {
    /// Held by none.
    pub(super) fn of(key: &BlobKey) -> Self {
        Self {
            registry: key.registry.clone(),
            repository: key.repository.clone(),
            digest: key.digest.clone(),
            size: key.size,
            holders: 0,
        }
    }
}
