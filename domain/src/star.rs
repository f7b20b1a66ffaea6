//! Stars: stream `stars-<user>`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::decider::Decider;
use crate::event::Actor;
use crate::name::{RegistryName, RepositoryName, UserName};

/// What has happened to somebody's stars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum StarEvent {
    /// They like it.
    Starred { user: UserName, registry: RegistryName, repository: RepositoryName },
    /// No longer.
    Unstarred { user: UserName, registry: RegistryName, repository: RepositoryName },
}

/// One person's stars.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Stars(BTreeSet<(RegistryName, RepositoryName)>);

/// What somebody may want.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum StarCommand {
    /// Star it.
    Star { user: UserName, registry: RegistryName, repository: RepositoryName },
    /// Take it back.
    Unstar { user: UserName, registry: RegistryName, repository: RepositoryName },
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum StarRefusal {
    /// Enough.
    #[error("a user stars at most {max} repositories")]
    TooMany { max: usize },
}

/// The most stars of one person.
pub const MAX_STARS: usize = 10_000;

impl Decider for Stars {
    type Event = StarEvent;
    type Command = StarCommand;
    type Refusal = StarRefusal;

    fn evolve(mut self, event: &StarEvent) -> Self {
        match event.clone() {
            StarEvent::Starred { registry, repository, .. } => {
                self.0.insert((registry, repository));
            }
            StarEvent::Unstarred { registry, repository, .. } => {
                self.0.remove(&(registry, repository));
            }
        }
        self
    }

    fn decide(&self, _by: &Actor, wish: StarCommand) -> Result<Vec<StarEvent>, StarRefusal> {
        match wish {
            StarCommand::Star { user, registry, repository } => {
                if self.0.contains(&(registry.clone(), repository.clone())) {
                    return Ok(vec![]);
                }
                if self.0.len() >= MAX_STARS {
                    return Err(StarRefusal::TooMany { max: MAX_STARS });
                }
                Ok(vec![StarEvent::Starred { user, registry, repository }])
            }
            StarCommand::Unstar { user, registry, repository } => {
                if !self.0.contains(&(registry.clone(), repository.clone())) {
                    return Ok(vec![]);
                }
                Ok(vec![StarEvent::Unstarred { user, registry, repository }])
            }
        }
    }
}
