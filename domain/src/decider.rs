//! How everything that needs a rule is decided: past facts in, new facts or a refusal out.

use crate::event::Actor;

/// The state of one stream, made of its events, with the rules that decide on it.
///
/// `Default` is the state before the first event.
pub trait Decider: Default + Send + Sync {
    /// What has happened to it.
    type Event: Clone + Into<crate::event::Event> + TryFrom<crate::event::Event>;
    /// What somebody wants to happen.
    type Command: Clone + Send + Sync;
    /// Why it may not happen. Its text is for the person who asked.
    type Refusal: std::error::Error + Send + Sync + 'static;

    /// The state after `event`. Never fails: what the log holds has happened.
    #[must_use]
    fn evolve(self, event: &Self::Event) -> Self;

    /// What follows from `wish` in this state. No events: the wish is true already.
    ///
    /// # Errors
    ///
    /// The rule that stands against it.
    fn decide(&self, by: &Actor, wish: Self::Command) -> Result<Vec<Self::Event>, Self::Refusal>;
}
