//! What the service says of itself: stream `system`.

use serde::{Deserialize, Serialize};

use crate::event::Position;
use crate::name::{RegistryName, RepositoryName, UserName};

/// What has happened to the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum SystemEvent {
    /// A node started.
    Started { version: String },
    /// A node stopped in good order.
    Stopped { version: String },
    /// The signing key changed; identified by the RFC 7638 thumbprint of its public half.
    KeyRotated { key: String },
    /// A projection was built anew beside the old, and swapped in.
    ProjectionRebuilt { projection: String, at: Position, digest: String },
    /// A projection stopped at an event that it cannot take.
    ProjectionHalted { projection: String, at: Position, error: String },
    /// A registry tells of a push for which its user was given no token in the time before.
    PushUnverified {
        registry: RegistryName,
        repository: RepositoryName,
        user: UserName,
        push: Position,
    },
}
