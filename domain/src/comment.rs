//! What people write under a repository: stream `comment-<id>`, one a comment, so that it costs the
//! same to write the first one and the ten-thousandth. The text is personal: it lies in the vault,
//! sealed, and is gone once the comment is deleted.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::decider::Decider;
use crate::event::Actor;
use crate::name::{RegistryName, RepositoryName, UserName};

/// The longest text of a comment, in bytes.
pub const MAX_COMMENT_BYTES: usize = 8 * 1_024;

/// A comment's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommentId(pub Uuid);

impl std::fmt::Display for CommentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What has happened to a comment. Its text is in the vault, and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum CommentEvent {
    /// Somebody wrote under a repository.
    Added {
        registry: RegistryName,
        repository: RepositoryName,
        comment: CommentId,
        author: UserName,
    },
    /// It was taken away, with its text.
    Deleted {
        registry: RegistryName,
        repository: RepositoryName,
        comment: CommentId,
        author: UserName,
    },
}

/// Where a comment stands.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Comment {
    /// Never heard of.
    #[default]
    Unknown,
    /// To be read.
    Live {
        /// Where.
        registry: RegistryName,
        /// Under which repository.
        repository: RepositoryName,
        /// By whom.
        author: UserName,
    },
    /// Gone.
    Deleted,
}

/// What somebody may want of a comment.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum CommentCommand {
    /// Write it.
    Add { registry: RegistryName, repository: RepositoryName, comment: CommentId, author: UserName },
    /// Take it away. The place is that for which the right was proven. `others`: the right reaches
    /// to what other people wrote.
    Delete { registry: RegistryName, repository: RepositoryName, comment: CommentId, others: bool },
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommentRefusal {
    /// Not there, or not under this repository.
    #[error("there is no such comment")]
    Unknown,
    /// Nothing in it.
    #[error("a comment must say something")]
    Empty,
    /// Too long.
    #[error("a comment has at most {max} bytes; this one has {bytes}")]
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// The most bytes.
        max: usize,
    },
    /// It is somebody else's.
    #[error("only its author and administrators delete a comment")]
    NotYours,
}

impl CommentRefusal {
    /// Checks a comment's text.
    ///
    /// # Errors
    ///
    /// [`CommentRefusal::Empty`] or [`CommentRefusal::TooLong`].
    pub fn check(text: &str) -> Result<(), Self> {
        let (bytes, max) = (text.len(), MAX_COMMENT_BYTES);
        match bytes {
            _ if text.trim().is_empty() => Err(Self::Empty),
            bytes if bytes > max => Err(Self::TooLong { bytes, max }),
            _ => Ok(()),
        }
    }
}

impl Decider for Comment {
    type Event = CommentEvent;
    type Command = CommentCommand;
    type Refusal = CommentRefusal;

    fn evolve(self, event: &CommentEvent) -> Self {
        match event.clone() {
            CommentEvent::Added { registry, repository, author, .. } => {
                Self::Live { registry, repository, author }
            }
            CommentEvent::Deleted { .. } => Self::Deleted,
        }
    }

    fn decide(
        &self,
        by: &Actor,
        wish: CommentCommand,
    ) -> Result<Vec<CommentEvent>, CommentRefusal> {
        use {CommentCommand as C, CommentEvent as E, CommentRefusal as R};
        match (self, wish) {
            (Self::Unknown, C::Add { registry, repository, comment, author }) => {
                Ok(vec![E::Added { registry, repository, comment, author }])
            }
            (Self::Live { .. }, C::Add { .. }) | (Self::Deleted, C::Delete { .. }) => Ok(vec![]),
            (Self::Deleted, C::Add { .. }) | (Self::Unknown, C::Delete { .. }) => Err(R::Unknown),
            (
                Self::Live { registry: at, repository: under, author },
                C::Delete { registry, repository, comment, others },
            ) => {
                if (at, under) != (&registry, &repository) {
                    return Err(R::Unknown);
                }
                if !others && !by.is(author) {
                    return Err(R::NotYours);
                }
                let author = author.clone();
                Ok(vec![E::Deleted { registry, repository, comment, author }])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::given;

    const ID: CommentId = CommentId(Uuid::from_u128(7));

    fn registry() -> RegistryName {
        RegistryName::parse("main").unwrap()
    }

    fn repository(name: &str) -> RepositoryName {
        RepositoryName::parse(name).unwrap()
    }

    fn user(name: &str) -> UserName {
        UserName::parse(name).unwrap()
    }

    fn added() -> CommentEvent {
        let (registry, repository, author) = (registry(), repository("team/app"), user("alice"));
        CommentEvent::Added { registry, repository, comment: ID, author }
    }

    fn deleted() -> CommentEvent {
        let (registry, repository, author) = (registry(), repository("team/app"), user("alice"));
        CommentEvent::Deleted { registry, repository, comment: ID, author }
    }

    fn delete(under: &str, others: bool) -> CommentCommand {
        let (registry, repository) = (registry(), repository(under));
        CommentCommand::Delete { registry, repository, comment: ID, others }
    }

    #[test]
    fn an_author_deletes_their_own_comment() {
        given::<Comment>([added()]).when("alice", delete("team/app", false)).then([deleted()]);
    }

    #[test]
    fn nobody_else_does_without_the_right_to_others_comments() {
        let refused = CommentRefusal::NotYours;
        given::<Comment>([added()]).when("bob", delete("team/app", false)).refuses(refused);
        given::<Comment>([added()]).when("ada", delete("team/app", true)).then([deleted()]);
    }

    #[test]
    fn a_right_on_one_repository_deletes_nothing_under_another() {
        let refused = CommentRefusal::Unknown;
        given::<Comment>([added()]).when("ada", delete("team/other", true)).refuses(refused);
    }

    #[test]
    fn deleting_twice_changes_nothing() {
        given::<Comment>([added(), deleted()]).when("alice", delete("team/app", false)).then([]);
    }

    #[test]
    fn a_comment_says_something_within_8_kib() {
        assert_eq!(CommentRefusal::check(" \n\t"), Err(CommentRefusal::Empty));
        assert_eq!(CommentRefusal::check(&"x".repeat(MAX_COMMENT_BYTES)), Ok(()));
        let (bytes, max) = (MAX_COMMENT_BYTES + 1, MAX_COMMENT_BYTES);
        let long = CommentRefusal::check(&"x".repeat(bytes));
        assert_eq!(long, Err(CommentRefusal::TooLong { bytes, max }));
    }
}
