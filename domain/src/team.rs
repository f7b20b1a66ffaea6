//! Teams: stream `team-<name>`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decider::Decider;
use crate::event::Actor;
use crate::name::{TeamName, UserName};
use crate::user::Account;

/// What a member may do; each role holds everything of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Pull.
    Viewer,
    /// Pull and push.
    Contributor,
    /// Everything, members included.
    Owner,
}

impl Role {
    /// The role as people write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Contributor => "contributor",
            Self::Owner => "owner",
        }
    }

    /// One of the three words.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Viewer, Self::Contributor, Self::Owner].into_iter().find(|r| r.as_str() == text)
    }
}

/// What has happened to a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum TeamEvent {
    /// Made, with its first owner.
    Created { team: TeamName, owner: UserName, description: String },
    /// Described anew.
    Described { team: TeamName, description: String },
    /// Somebody joined.
    MemberAdded { team: TeamName, user: UserName, role: Role },
    /// Somebody's role changed.
    MemberRoleChanged { team: TeamName, user: UserName, from: Role, to: Role },
    /// Somebody left.
    MemberRemoved { team: TeamName, user: UserName },
    /// Gone; the name is not given again before `name_free_at`.
    Deleted { team: TeamName, name_free_at: Timestamp },
}

/// Where a team stands.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Team {
    /// Never heard of.
    #[default]
    Unknown,
    /// In use.
    Active {
        /// Who, as what.
        members: BTreeMap<UserName, Role>,
        /// Free text.
        description: String,
    },
    /// Gone.
    Deleted {
        /// When the name may be given again.
        name_free_at: Timestamp,
    },
}

/// What somebody may want of a team.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum TeamCommand {
    /// Make it.
    Create { team: TeamName, owner: UserName, description: String, now: Timestamp },
    /// Describe it.
    Describe { team: TeamName, description: String },
    /// Add somebody.
    AddMember { team: TeamName, user: UserName, account: Account, role: Role },
    /// Change a role.
    ChangeRole { team: TeamName, user: UserName, account: Account, role: Role },
    /// Let somebody go.
    RemoveMember { team: TeamName, user: UserName },
    /// End it. Its namespaces must have gone elsewhere before.
    Delete { team: TeamName, name_free_at: Timestamp },
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum TeamRefusal {
    /// No such team.
    #[error("there is no such team")]
    Unknown,
    /// Taken.
    #[error("this team name is taken")]
    Taken,
    /// Freed a moment ago.
    #[error("this team name belonged to a deleted team; it is free again at {0}")]
    Quarantined(Timestamp),
    /// Too long.
    #[error("a description has at most {max} bytes; this one has {bytes}")]
    DescriptionTooLong { bytes: usize, max: usize },
    /// Already in.
    #[error("this user is a member already; change the role instead")]
    AlreadyMember,
    /// Not in.
    #[error("this user is not a member of the team")]
    NotMember,
    /// Nobody would be left.
    #[error("a team keeps at least one owner; make somebody else owner first")]
    LastOwner,
    /// Bots are at most contributors (SR-AUZ-12).
    #[error("a bot can be viewer or contributor, but not owner")]
    BotOwner,
    /// Whoever is to own or join it does not exist or is disabled.
    #[error("there is no enabled user of this name")]
    UnknownUser,
}

/// The longest description of anything, in bytes.
pub const MAX_DESCRIPTION_BYTES: usize = 4_096;

impl Decider for Team {
    type Event = TeamEvent;
    type Command = TeamCommand;
    type Refusal = TeamRefusal;

    fn evolve(self, event: &TeamEvent) -> Self {
        match (self, event) {
            (_, TeamEvent::Created { owner, description, .. }) => Self::Active {
                members: [(owner.clone(), Role::Owner)].into(),
                description: description.clone(),
            },
            (_, TeamEvent::Deleted { name_free_at, .. }) => {
                Self::Deleted { name_free_at: *name_free_at }
            }
            (Self::Active { members, .. }, TeamEvent::Described { description, .. }) => {
                Self::Active { members, description: description.clone() }
            }
            (
                Self::Active { mut members, description },
                TeamEvent::MemberAdded { user, role, .. }
                | TeamEvent::MemberRoleChanged { user, to: role, .. },
            ) => {
                members.insert(user.clone(), *role);
                Self::Active { members, description }
            }
            (Self::Active { mut members, description }, TeamEvent::MemberRemoved { user, .. }) => {
                members.remove(user);
                Self::Active { members, description }
            }
            (state @ (Self::Unknown | Self::Deleted { .. }), _) => state,
        }
    }

    fn decide(&self, _by: &Actor, wish: TeamCommand) -> Result<Vec<TeamEvent>, TeamRefusal> {
        use {TeamCommand as C, TeamEvent as E, TeamRefusal as R};
        if let C::Create { description, .. } | C::Describe { description, .. } = &wish {
            let (bytes, max) = (description.len(), MAX_DESCRIPTION_BYTES);
            if bytes > max {
                return Err(R::DescriptionTooLong { bytes, max });
            }
        }
        match (self, wish) {
            (Self::Active { .. }, C::Create { .. }) => Err(R::Taken),
            (Self::Deleted { name_free_at }, C::Create { now, .. }) if now < *name_free_at => {
                Err(R::Quarantined(*name_free_at))
            }
            (_, C::Create { team, owner, description, .. }) => {
                Ok(vec![E::Created { team, owner, description }])
            }
            (Self::Unknown | Self::Deleted { .. }, _) => Err(R::Unknown),
            (Self::Active { description: old, .. }, C::Describe { team, description }) => {
                if *old == description {
                    Ok(vec![])
                } else {
                    Ok(vec![E::Described { team, description }])
                }
            }
            (
                Self::Active { .. },
                C::AddMember { account, role, .. } | C::ChangeRole { account, role, .. },
            ) if account == Account::Bot && role == Role::Owner => Err(R::BotOwner),
            (Self::Active { members, .. }, C::AddMember { team, user, role, .. }) => {
                match members.get(&user) {
                    None => Ok(vec![E::MemberAdded { team, user, role }]),
                    Some(same) if *same == role => Ok(vec![]),
                    Some(_) => Err(R::AlreadyMember),
                }
            }
            (Self::Active { members, .. }, C::ChangeRole { team, user, role: to, .. }) => {
                match members.get(&user).copied() {
                    None => Err(R::NotMember),
                    Some(from) if from == to => Ok(vec![]),
                    Some(Role::Owner) if owners(members) == 1 => Err(R::LastOwner),
                    Some(from) => Ok(vec![E::MemberRoleChanged { team, user, from, to }]),
                }
            }
            (Self::Active { members, .. }, C::RemoveMember { team, user }) => {
                match members.get(&user) {
                    None => Err(R::NotMember),
                    Some(Role::Owner) if owners(members) == 1 => Err(R::LastOwner),
                    Some(_) => Ok(vec![E::MemberRemoved { team, user }]),
                }
            }
            (Self::Active { .. }, C::Delete { team, name_free_at }) => {
                Ok(vec![E::Deleted { team, name_free_at }])
            }
        }
    }
}

fn owners(members: &BTreeMap<UserName, Role>) -> usize {
    members.values().filter(|role| **role == Role::Owner).count()
}

#[cfg(test)]
mod tests;
