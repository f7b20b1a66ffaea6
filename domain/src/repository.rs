//! Repositories, as far as people decide about them in Portus: stream
//! `repository-<registry>:<name>`. What is pushed and pulled is [`crate::registry::ContentEvent`].

use serde::{Deserialize, Serialize};

use crate::decider::Decider;
use crate::event::Actor;
use crate::name::{RegistryName, RepositoryName};
use crate::team::MAX_DESCRIPTION_BYTES;

/// What was decided about a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum RepositoryEvent {
    /// Described anew, in Markdown.
    Described { registry: RegistryName, repository: RepositoryName, description: String },
}

/// The decided part of a repository.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Repository {
    description: String,
}

/// What somebody may want of a repository.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum RepositoryCommand {
    /// Describe it.
    Describe { registry: RegistryName, repository: RepositoryName, description: String },
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum RepositoryRefusal {
    /// Too long.
    #[error("a description has at most {max} bytes; this one has {bytes}")]
    DescriptionTooLong { bytes: usize, max: usize },
}

impl Decider for Repository {
    type Event = RepositoryEvent;
    type Command = RepositoryCommand;
    type Refusal = RepositoryRefusal;

    fn evolve(self, event: &RepositoryEvent) -> Self {
        match event {
            RepositoryEvent::Described { description, .. } => {
                Self { description: description.clone() }
            }
        }
    }

    fn decide(
        &self,
        _by: &Actor,
        wish: RepositoryCommand,
    ) -> Result<Vec<RepositoryEvent>, RepositoryRefusal> {
        let RepositoryCommand::Describe { registry, repository, description } = wish;
        let (bytes, max) = (description.len(), MAX_DESCRIPTION_BYTES);
        if bytes > max {
            return Err(RepositoryRefusal::DescriptionTooLong { bytes, max });
        }
        if description == self.description {
            return Ok(vec![]);
        }
        Ok(vec![RepositoryEvent::Described { registry, repository, description }])
    }
}
