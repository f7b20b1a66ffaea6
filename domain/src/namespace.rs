//! Namespaces: stream `namespace-<registry>:<name>`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::decider::Decider;
use crate::event::Actor;
use crate::name::{NamespaceName, RegistryName, RepositoryName, TeamName, UserName};
use crate::team::{MAX_DESCRIPTION_BYTES, Role};

/// Who sees what is inside without being a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Members only.
    Private,
    /// Everybody who is signed in.
    Protected,
    /// Everybody.
    Public,
}

impl Visibility {
    /// The visibility as people write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Protected => "protected",
            Self::Public => "public",
        }
    }

    /// One of the three words.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Private, Self::Protected, Self::Public].into_iter().find(|v| v.as_str() == text)
    }
}

/// Whose a namespace is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Holder {
    /// One person's own.
    Personal {
        /// Whose.
        user: UserName,
    },
    /// A team's: the first grant, so to speak.
    Team {
        /// Which.
        team: TeamName,
    },
    /// The registry's own: repositories without a `/`. Only administrators act in it.
    Global,
}

/// Identity of a further grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GrantId(pub Uuid);

impl std::fmt::Display for GrantId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Who gets a further grant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Grantee {
    /// A team: each member up to their own role in it.
    Team {
        /// Which.
        team: TeamName,
    },
    /// A person or a bot (a bot at most as contributor).
    User {
        /// Who.
        user: UserName,
    },
}

/// A right beside the holder's: more teams on one namespace, a right on one repository, an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Which.
    pub id: GrantId,
    /// To whom.
    pub to: Grantee,
    /// What. For a team it caps each member's own role.
    pub role: Role,
    /// On this one repository; `None`: on the whole namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<RepositoryName>,
    /// Ends at this moment; `None`: until revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What has happened to a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum NamespaceEvent {
    /// Made.
    Created {
        registry: RegistryName,
        namespace: NamespaceName,
        holder: Holder,
        visibility: Visibility,
        description: String,
    },
    /// Described anew.
    Described { registry: RegistryName, namespace: NamespaceName, description: String },
    /// Seen by others now.
    VisibilityChanged {
        registry: RegistryName,
        namespace: NamespaceName,
        from: Visibility,
        to: Visibility,
    },
    /// Given to another team.
    TeamChanged { registry: RegistryName, namespace: NamespaceName, from: TeamName, to: TeamName },
    /// A further grant.
    Granted { registry: RegistryName, namespace: NamespaceName, grant: Grant },
    /// A further grant taken back.
    GrantRevoked { registry: RegistryName, namespace: NamespaceName, grant: GrantId },
    /// Gone; the name is not given again before `name_free_at`.
    Deleted { registry: RegistryName, namespace: NamespaceName, name_free_at: Timestamp },
}

/// Where a namespace stands.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Namespace {
    /// Never heard of.
    #[default]
    Unknown,
    /// In use.
    Active {
        /// Whose.
        holder: Holder,
        /// For whom.
        visibility: Visibility,
        /// Free text.
        description: String,
        /// Further grants.
        grants: BTreeMap<GrantId, Grant>,
    },
    /// Gone.
    Deleted {
        /// When the name may be given again.
        name_free_at: Timestamp,
    },
}

/// What somebody may want of a namespace; `on` is the stream's own.
#[derive(Debug, Clone)]
pub struct NamespaceCommand {
    /// Registry.
    pub registry: RegistryName,
    /// Namespace.
    pub namespace: NamespaceName,
    /// What.
    pub wish: NamespaceWish,
}

/// See [`NamespaceCommand`].
#[derive(Debug, Clone)]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum NamespaceWish {
    /// Make it.
    Create { holder: Holder, visibility: Visibility, description: String, now: Timestamp },
    /// Describe it.
    Describe { description: String },
    /// Show it to more or fewer.
    ChangeVisibility { to: Visibility },
    /// Give it to another team.
    ChangeTeam { to: TeamName },
    /// Grant a right.
    Grant { grant: Grant },
    /// Take it back.
    RevokeGrant { grant: GrantId },
    /// End it. Must be empty.
    Delete { name_free_at: Timestamp },
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum NamespaceRefusal {
    /// No such namespace.
    #[error("there is no such namespace")]
    Unknown,
    /// Taken.
    #[error("this namespace name is taken")]
    Taken,
    /// Freed a moment ago.
    #[error("this name belonged to a deleted namespace; it is free again at {0}")]
    Quarantined(Timestamp),
    /// Too long.
    #[error("a description has at most {max} bytes; this one has {bytes}")]
    DescriptionTooLong { bytes: usize, max: usize },
    /// (global, private) cannot be.
    #[error("the global namespace is protected or public, never private")]
    GlobalPrivate,
    /// `_` and nothing else is global.
    #[error("only the namespace `_` is the global one, and it is nothing else")]
    GlobalName,
    /// Personal and global ones stay where they are.
    #[error("a personal or global namespace stays with its holder")]
    Fixed,
    /// Not inside.
    #[error("the repository of a grant must lie in its namespace")]
    GrantOutside,
    /// Enough.
    #[error("a namespace has at most {max} further grants; put people into a team instead")]
    TooManyGrants { max: usize },
    /// No such grant.
    #[error("there is no such grant")]
    UnknownGrant,
    /// Whoever is to hold it does not exist.
    #[error("there is no such team")]
    UnknownTeam,
    /// Whoever is to get a right does not exist or is disabled.
    #[error("there is no such team or enabled user to grant this to")]
    UnknownGrantee,
    /// Bots are at most contributors (SR-AUZ-12).
    #[error("a bot can be viewer or contributor, but not owner")]
    BotOwner,
    /// A grant that is over before it begins.
    #[error("a grant must end in the future")]
    GrantOver,
    /// No such registry.
    #[error("there is no such registry")]
    UnknownRegistry,
    /// Somebody else's namespace holds this name already.
    #[error("the name lies inside the namespace `{0}`; only its owners make namespaces there")]
    Inside(NamespaceName),
}

/// The most further grants of one namespace.
pub const MAX_GRANTS: usize = 10_000;

impl Decider for Namespace {
    type Event = NamespaceEvent;
    type Command = NamespaceCommand;
    type Refusal = NamespaceRefusal;

    fn evolve(self, event: &NamespaceEvent) -> Self {
        use NamespaceEvent as E;
        match (self, event) {
            (_, E::Created { holder, visibility, description, .. }) => Self::Active {
                holder: holder.clone(),
                visibility: *visibility,
                description: description.clone(),
                grants: BTreeMap::new(),
            },
            (_, E::Deleted { name_free_at, .. }) => Self::Deleted { name_free_at: *name_free_at },
            (state @ (Self::Unknown | Self::Deleted { .. }), _) => state,
            (Self::Active { mut holder, mut visibility, mut description, mut grants }, event) => {
                match event {
                    E::Described { description: text, .. } => description.clone_from(text),
                    E::VisibilityChanged { to, .. } => visibility = *to,
                    E::TeamChanged { to, .. } => holder = Holder::Team { team: to.clone() },
                    E::Granted { grant, .. } => {
                        grants.insert(grant.id, grant.clone());
                    }
                    E::GrantRevoked { grant, .. } => {
                        grants.remove(grant);
                    }
                    E::Created { .. } | E::Deleted { .. } => {}
                }
                Self::Active { holder, visibility, description, grants }
            }
        }
    }

    fn decide(
        &self,
        _by: &Actor,
        command: NamespaceCommand,
    ) -> Result<Vec<NamespaceEvent>, NamespaceRefusal> {
        use {NamespaceEvent as E, NamespaceRefusal as R, NamespaceWish as W};
        let NamespaceCommand { registry, namespace, wish } = command;
        if let W::Create { description, .. } | W::Describe { description } = &wish {
            let (bytes, max) = (description.len(), MAX_DESCRIPTION_BYTES);
            if bytes > max {
                return Err(R::DescriptionTooLong { bytes, max });
            }
        }
        match (self, wish) {
            (Self::Active { .. }, W::Create { .. }) => Err(R::Taken),
            (Self::Deleted { name_free_at }, W::Create { now, .. }) if now < *name_free_at => {
                Err(R::Quarantined(*name_free_at))
            }
            (_, W::Create { holder, visibility, description, .. }) => {
                if (holder == Holder::Global) != namespace.is_global() {
                    return Err(R::GlobalName);
                }
                if holder == Holder::Global && visibility == Visibility::Private {
                    return Err(R::GlobalPrivate);
                }
                Ok(vec![E::Created { registry, namespace, holder, visibility, description }])
            }
            (Self::Unknown | Self::Deleted { .. }, _) => Err(R::Unknown),
            (Self::Active { description: old, .. }, W::Describe { description }) => {
                if *old == description {
                    return Ok(vec![]);
                }
                Ok(vec![E::Described { registry, namespace, description }])
            }
            (Self::Active { holder, visibility: from, .. }, W::ChangeVisibility { to }) => {
                if *holder == Holder::Global && to == Visibility::Private {
                    return Err(R::GlobalPrivate);
                }
                if *from == to {
                    return Ok(vec![]);
                }
                Ok(vec![E::VisibilityChanged { registry, namespace, from: *from, to }])
            }
            (Self::Active { holder, .. }, W::ChangeTeam { to }) => match holder {
                Holder::Team { team } if *team == to => Ok(vec![]),
                Holder::Team { team } => {
                    Ok(vec![E::TeamChanged { registry, namespace, from: team.clone(), to }])
                }
                Holder::Personal { .. } | Holder::Global => Err(R::Fixed),
            },
            (Self::Active { grants, .. }, W::Grant { grant }) => {
                if let Some(repository) = &grant.repository {
                    let inside = repository.prefixes().any(|prefix| prefix == namespace.as_str())
                        || (namespace.is_global() && repository.prefixes().next().is_none());
                    if !inside {
                        return Err(R::GrantOutside);
                    }
                }
                match grants.get(&grant.id) {
                    Some(same) if *same == grant => return Ok(vec![]),
                    None if grants.len() >= MAX_GRANTS => {
                        return Err(R::TooManyGrants { max: MAX_GRANTS });
                    }
                    _ => {}
                }
                Ok(vec![E::Granted { registry, namespace, grant }])
            }
            (Self::Active { grants, .. }, W::RevokeGrant { grant }) => {
                if !grants.contains_key(&grant) {
                    return Err(R::UnknownGrant);
                }
                Ok(vec![E::GrantRevoked { registry, namespace, grant }])
            }
            (Self::Active { holder, .. }, W::Delete { name_free_at }) => match holder {
                Holder::Team { .. } => Ok(vec![E::Deleted { registry, namespace, name_free_at }]),
                Holder::Personal { .. } | Holder::Global => Err(R::Fixed),
            },
        }
    }
}

#[cfg(test)]
mod tests;
