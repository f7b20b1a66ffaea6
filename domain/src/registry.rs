//! Registries: what we decide about them (stream `registry-<name>`), and what happens inside them
//! (streams `pulls-…` and `pushes-…`, by the hour).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decider::Decider;
use crate::digest::{Descriptor, Digest};
use crate::event::Actor;
use crate::name::{RegistryName, RepositoryName, TagName};

/// How a registry is reached and what it calls itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrySettings {
    /// The registry's `auth.token.service`, byte for byte the `aud` of its tokens.
    pub service: String,
    /// What people type before the repository's name, such as `registry.example.org`.
    pub host: String,
    /// Where we reach its API, such as `http://127.0.0.1:5000`.
    pub url: String,
}

/// What has happened to a registry. Its notification secret is in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum RegistryEvent {
    /// We look after it from now on.
    Added { registry: RegistryName, settings: RegistrySettings },
    /// It is reached or called otherwise.
    SettingsChanged { registry: RegistryName, settings: RegistrySettings },
    /// Its notifications come with a new secret; the old one is good until `old_good_until`.
    SecretRotated { registry: RegistryName, old_good_until: Timestamp },
    /// No longer ours.
    Removed { registry: RegistryName },
}

/// Where a registry stands.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Registry {
    /// Never heard of, or removed.
    #[default]
    Unknown,
    /// In use.
    Active(RegistrySettings),
}

/// What somebody may want of a registry.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum RegistryCommand {
    /// Look after it.
    Add { registry: RegistryName, settings: RegistrySettings },
    /// Reach or call it otherwise.
    Change { registry: RegistryName, settings: RegistrySettings },
    /// Say that the vault holds a new secret.
    RecordSecret { registry: RegistryName, old_good_until: Timestamp },
    /// Let go of it.
    Remove { registry: RegistryName },
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum RegistryRefusal {
    /// No such registry.
    #[error("there is no such registry")]
    Unknown,
    /// Taken.
    #[error("a registry of this name exists already")]
    Taken,
    /// A setting that cannot work.
    #[error("the registry's {field} has 1 to {max} bytes without blanks")]
    Setting { field: &'static str, max: usize },
    /// A URL that is none.
    #[error("the registry's url must begin with http:// or https://")]
    Url,
}

/// The longest service, host or URL, in bytes.
pub const MAX_SETTING_BYTES: usize = 1_024;

impl Decider for Registry {
    type Event = RegistryEvent;
    type Command = RegistryCommand;
    type Refusal = RegistryRefusal;

    fn evolve(self, event: &RegistryEvent) -> Self {
        match event {
            RegistryEvent::Added { settings, .. }
            | RegistryEvent::SettingsChanged { settings, .. } => Self::Active(settings.clone()),
            RegistryEvent::SecretRotated { .. } => self,
            RegistryEvent::Removed { .. } => Self::Unknown,
        }
    }

    fn decide(
        &self,
        _by: &Actor,
        wish: RegistryCommand,
    ) -> Result<Vec<RegistryEvent>, RegistryRefusal> {
        use {RegistryCommand as C, RegistryEvent as E, RegistryRefusal as R};
        if let C::Add { settings, .. } | C::Change { settings, .. } = &wish {
            let fields =
                [("service", &settings.service), ("host", &settings.host), ("url", &settings.url)];
            for (field, text) in fields {
                let blank = text.chars().any(|c| c.is_whitespace() || c.is_control());
                if text.is_empty() || text.len() > MAX_SETTING_BYTES || blank {
                    return Err(R::Setting { field, max: MAX_SETTING_BYTES });
                }
            }
            if !["http://", "https://"].iter().any(|scheme| settings.url.starts_with(scheme)) {
                return Err(R::Url);
            }
        }
        match (self, wish) {
            (Self::Unknown, C::Add { registry, settings }) => {
                Ok(vec![E::Added { registry, settings }])
            }
            (Self::Active(same), C::Add { settings, .. }) if *same == settings => Ok(vec![]),
            (Self::Active(_), C::Add { .. }) => Err(R::Taken),
            (Self::Unknown, _) => Err(R::Unknown),
            (Self::Active(same), C::Change { settings, .. }) if *same == settings => Ok(vec![]),
            (Self::Active(_), C::Change { registry, settings }) => {
                Ok(vec![E::SettingsChanged { registry, settings }])
            }
            (Self::Active(_), C::RecordSecret { registry, old_good_until }) => {
                Ok(vec![E::SecretRotated { registry, old_good_until }])
            }
            (Self::Active(_), C::Remove { registry }) => Ok(vec![E::Removed { registry }]),
        }
    }
}

/// How content was asked for; a HEAD is an up-to-date check, not a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullMethod {
    /// Content was sent.
    Get,
    /// Only asked whether it is there.
    Head,
}

/// References of a manifest that are counted, but not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Omitted {
    /// How many.
    pub count: u64,
    /// The sum of their sizes, in bytes.
    pub bytes: u64,
}

/// What a registry said has happened inside it, or what we saw there ourselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum ContentEvent {
    /// A manifest was put, by tag or by digest.
    ManifestPushed {
        registry: RegistryName,
        repository: RepositoryName,
        digest: Digest,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tag: Option<TagName>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
        /// Bytes of the manifest itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
        /// Configuration and layers, or the children of an index; empty when the registry does
        /// not tell.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        references: Vec<Descriptor>,
        /// References beyond those, when there are more than one event holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        omitted: Option<Omitted>,
    },
    /// A manifest was asked for.
    ManifestPulled {
        registry: RegistryName,
        repository: RepositoryName,
        digest: Digest,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tag: Option<TagName>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
        method: PullMethod,
    },
    /// A blob was uploaded.
    BlobPushed {
        registry: RegistryName,
        repository: RepositoryName,
        digest: Digest,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
    },
    /// A blob was asked for.
    BlobPulled {
        registry: RegistryName,
        repository: RepositoryName,
        digest: Digest,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
        method: PullMethod,
    },
    /// A blob of one repository was made known in another.
    BlobMounted {
        registry: RegistryName,
        repository: RepositoryName,
        digest: Digest,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<RepositoryName>,
    },
    /// Content was deleted by digest: a manifest if we know one of that digest there, else a blob.
    Deleted { registry: RegistryName, repository: RepositoryName, digest: Digest },
    /// A tag was deleted; its manifest stays.
    TagDeleted { registry: RegistryName, repository: RepositoryName, tag: TagName },
    /// Not told, but seen by us in the registry: this tag points there.
    TagObserved {
        registry: RegistryName,
        repository: RepositoryName,
        tag: TagName,
        digest: Digest,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        references: Vec<Descriptor>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        omitted: Option<Omitted>,
    },
    /// Not told, but seen by us: the registry no longer has this tag.
    TagMissed { registry: RegistryName, repository: RepositoryName, tag: TagName },
    /// Not told, or not all of it, but read by us in the registry: a manifest of an index, or the
    /// platform of an image.
    ManifestObserved {
        registry: RegistryName,
        repository: RepositoryName,
        digest: Digest,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
        /// As in a push; the configuration of an image with its platform.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        references: Vec<Descriptor>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        omitted: Option<Omitted>,
    },
    /// Not told, but seen by us: the registry no longer has this manifest.
    ManifestMissed { registry: RegistryName, repository: RepositoryName, digest: Digest },
    /// A registry process that we had not heard of: its predecessor's queue is lost.
    InstanceSeen { registry: RegistryName, instance: String },
    /// A notification that we cannot make sense of; kept so that nothing is lost silently.
    NotificationRejected {
        registry: RegistryName,
        /// What is wrong with it.
        reason: String,
        /// The beginning of it, at most 1 KiB.
        excerpt: String,
    },
}
