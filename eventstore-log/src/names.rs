//! What the log's streams are called on the server.
//!
//! All begin with the log's own name and a dot, so that one server can hold several logs, and so
//! that one rule of its access list covers a whole log.

use domain::event::{EventId, StreamName};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The longest name of ours that stands readable in a name of the server; longer ones are hashed.
const READABLE: usize = 200;

/// Makes the names of one log.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    name: String,
    /// Every event, in order: the log itself. All other streams can be made again from it.
    pub(crate) log: String,
    /// Links to the decisions in it, in order.
    pub(crate) decisions: String,
    /// How far the links reach.
    pub(crate) indexed: String,
    /// Whether a copy into the log is under way.
    pub(crate) copy: String,
}

impl Names {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            log: format!("{name}.log"),
            decisions: format!("{name}.decisions"),
            indexed: format!("{name}.indexed"),
            copy: format!("{name}.copy"),
        }
    }

    /// Links to one stream's events, at their versions.
    pub(crate) fn stream(&self, stream: &StreamName) -> String {
        match stream.as_str() {
            name if name.len() <= READABLE => format!("{}.stream-{name}", self.name),
            name => format!("{}.long-{}", self.name, digest(name)),
        }
    }

    /// One link, to the event of that id.
    pub(crate) fn event(&self, id: EventId) -> String {
        format!("{}.event-{}", self.name, id.0)
    }

    /// One link, to the first event that came with that key.
    pub(crate) fn key(&self, key: &str) -> String {
        format!("{}.key-{}", self.name, digest(key))
    }

    /// The events of an append that is too large for one write.
    pub(crate) fn parts(&self, of: Uuid) -> String {
        format!("{}.parts-{of}", self.name)
    }

    /// Where a check tries to write.
    pub(crate) fn scratch(&self) -> String {
        format!("{}.check-{}", self.name, Uuid::now_v7())
    }
}

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// The id of a link: always the same for the same place in the same stream, so that whoever
/// writes it again writes nothing.
pub(crate) fn link_id(stream: &str, to: &str) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(stream.as_bytes());
    hash.update([0]);
    hash.update(to.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_hashed_and_meets_no_other() {
        let names = Names::new("portus");
        let stream = |length: usize| names.stream(&StreamName::stored("s".repeat(length)));
        assert_eq!(stream(READABLE), format!("portus.stream-{}", "s".repeat(READABLE)));
        assert_eq!(stream(READABLE + 1).len(), "portus.long-".len() + 64);
        assert_ne!(stream(READABLE + 1), stream(READABLE + 2));
    }

    #[test]
    fn a_link_has_the_same_id_each_time() {
        assert_eq!(link_id("a", "0@b"), link_id("a", "0@b"));
        assert_ne!(link_id("a", "0@b"), link_id("a", "1@b"));
        assert_ne!(link_id("a", "0@b"), link_id("b", "0@b"));
    }
}
