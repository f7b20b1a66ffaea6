//! The activity feed: what has happened, for everybody who may see what it happened to.
//!
//! Each row belongs to a namespace, a team, a person, or to the service itself. Who may see that,
//! sees the row; the right is part of the query. A namespace is meant by its id, so a new one of an
//! old name does not inherit the old one's feed.

pub(crate) mod fold;
mod look;

use std::sync::Arc;

use domain::access::Visible;
use domain::event::Sealed;
use domain::name::{NamespaceName, RegistryName, RepositoryName, TeamName, UserName};
use jiff::Timestamp;
use uuid::Uuid;

pub(crate) use self::look::STATEMENTS;
pub use self::look::{LOOK_BACK, LOOK_BACK_OWN, Slice, has_news, one, page};
use crate::read::row;

row! {
    /// Something that has happened.
    pub struct ActivityRow {
        /// Position of its fact.
        pub position: i64,
        /// Number inside its fact, for facts that hold several decisions.
        pub index: i32,
        /// Identity of its fact.
        pub event_id: Uuid,
        /// When the log took it.
        pub recorded_at: Timestamp,
        /// When it happened, by the clock of whoever saw it.
        pub occurred_at: Timestamp,
        /// The fact's type name, such as `content.manifest_pushed`.
        pub kind: String,
        /// done, reduced, refused.
        pub outcome: String,
        /// What kind of actor, such as `user`, `bot`, `anonymous`, `system`.
        pub actor_kind: String,
        /// Who did it.
        pub actor: String,
        /// Registry.
        pub registry: Option<String>,
        /// Namespace that decided over it at that time.
        pub namespace: Option<String>,
        /// Repository.
        pub repository: Option<String>,
        /// Tag.
        pub tag: Option<String>,
        /// Digest.
        pub digest: Option<String>,
        /// Team.
        pub team: Option<String>,
        /// Person that it happened to.
        pub user_name: Option<String>,
        /// The rule that decided.
        pub rule: Option<String>,
        /// The fact itself, as JSON.
        pub detail: serde_json::Value,
        /// With [`Self::seal_box`]: client address and user agent, sealed.
        pub seal_key: Option<String>,
        /// Ciphertext.
        pub seal_box: Option<String>,
        /// The box's associated data: an event id (UUID) or a token's id.
        pub seal_data: Option<String>,
    }
}

impl ActivityRow {
    /// Client address and user agent, sealed, with the associated data that opens them.
    #[must_use]
    pub fn sealed(&self) -> Option<(Sealed, Vec<u8>)> {
        let (key, data) = (self.seal_key.clone()?, self.seal_box.clone()?);
        let associated = match self.seal_data.as_deref()? {
            text if self.kind == "auth.tokens_decided" => text.as_bytes().to_vec(),
            text => text.parse::<Uuid>().ok()?.as_bytes().to_vec(),
        };
        Some((Sealed { key, data }, associated))
    }

    /// Where it stands: what [`page`] goes on from.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor { position: self.position, index: self.index }
    }
}

/// A place in the feed, written `position/index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Position of the fact.
    pub position: i64,
    /// Number inside it.
    pub index: i32,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.position, self.index)
    }
}

/// The text is no place in the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a place in the feed looks like `1234/0`")]
pub struct CursorError;

impl std::str::FromStr for Cursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (position, index) = text.split_once('/').unwrap_or((text, "0"));
        Ok(Self {
            position: position.parse().map_err(|_| CursorError)?,
            index: index.parse().map_err(|_| CursorError)?,
        })
    }
}

/// Which rows are wanted; empty: all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// By this actor.
    pub actor: Option<String>,
    /// In this registry.
    pub registry: Option<RegistryName>,
    /// Under this namespace, by name.
    pub namespace: Option<NamespaceName>,
    /// Of this repository.
    pub repository: Option<RepositoryName>,
    /// Of this team.
    pub team: Option<TeamName>,
    /// Of this type, or of this context (`content`).
    pub kind: Option<String>,
    /// done, reduced, refused.
    pub outcome: Option<String>,
    /// Recorded at or after.
    pub from: Option<Timestamp>,
    /// Recorded before.
    pub to: Option<Timestamp>,
}

impl Filter {
    /// How many of its parts are set. A repository is meant in its registry, so they count as one.
    fn parts(&self) -> usize {
        [
            self.actor.is_some(),
            self.registry.is_some() && self.repository.is_none(),
            self.namespace.is_some(),
            self.repository.is_some(),
            self.team.is_some(),
            self.kind.is_some(),
            self.outcome.is_some(),
            self.from.is_some(),
            self.to.is_some(),
        ]
        .into_iter()
        .filter(|set| *set)
        .count()
    }
}

/// Whose eyes the feed is for.
#[derive(Debug, Clone, Default)]
pub struct Viewer {
    /// What they may see.
    pub visible: Arc<Visible>,
    /// Who they are; `None`: nobody signed in. They see what they did and what happened to them.
    pub user: Option<UserName>,
    /// Auditors see everything (as administrators do by [`Visible::everything`]).
    pub auditor: bool,
}
