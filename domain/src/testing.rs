//! Given/when/then for the rules' tests.

use std::fmt::Debug;

use crate::decider::Decider;
use crate::event::Actor;
use crate::name::UserName;

/// The past of one stream.
#[must_use]
pub fn given<D: Decider>(past: impl IntoIterator<Item = D::Event>) -> Given<D> {
    Given(past.into_iter().fold(D::default(), |state, event| state.evolve(&event)))
}

/// See [`given`].
#[derive(Debug)]
pub struct Given<D>(D);

impl<D: Decider> Given<D> {
    /// What somebody then wants.
    #[must_use]
    #[allow(clippy::expect_used)]
    pub fn when(self, by: &str, wish: D::Command) -> When<D> {
        let by = Actor::User { name: UserName::parse(by).expect("a user name") };
        When(self.0.decide(&by, wish))
    }
}

/// See [`Given::when`].
#[derive(Debug)]
pub struct When<D: Decider>(Result<Vec<D::Event>, D::Refusal>);

impl<D: Decider> When<D>
where
    D::Event: Debug + PartialEq,
    D::Refusal: Debug + PartialEq,
{
    /// Exactly these events follow.
    #[track_caller]
    pub fn then(self, events: impl IntoIterator<Item = D::Event>) {
        assert_eq!(self.0, Ok(events.into_iter().collect()));
    }

    /// Exactly this refusal follows.
    #[track_caller]
    pub fn refuses(self, why: D::Refusal) {
        assert_eq!(self.0, Err(why));
    }
}
