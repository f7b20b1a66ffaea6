//! What the last facts touched: so that whoever keeps an answer for many places need not find all of
//! it out anew when one has changed.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Graph, Place};
use crate::admin::AdminEvent;
use crate::app_token::AppTokenEvent;
use crate::event::{Event, Position};
use crate::name::{NamespaceName, RegistryName, UserName};
use crate::namespace::NamespaceEvent;
use crate::team::TeamEvent;
use crate::user::UserEvent;

/// So many are remembered.
const REMEMBERED: usize = 256;

/// How far a fact reaches, in who may see what. Rather too far than not far enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::access) enum Touched {
    /// Whoever may see something in this namespace.
    Place(Place),
    /// What one account may see, wherever it is.
    Account(UserName),
    /// Anything.
    Everything,
}

/// The last of them, the oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent {
    /// Before this position they are forgotten.
    from: Position,
    last: Arc<VecDeque<(Position, Touched)>>,
}

impl Recent {
    pub(super) fn push(&mut self, at: Position, touched: Touched) {
        let last = Arc::make_mut(&mut self.last);
        last.push_back((at, touched));
        while REMEMBERED < last.len() {
            if let Some((gone, _)) = last.pop_front() {
                self.from = gone;
            }
        }
    }

    /// What has been touched after `position`; `None`: nobody remembers.
    pub(super) fn since(&self, position: Position) -> Option<impl Iterator<Item = &Touched>> {
        let first = self.last.partition_point(|(at, _)| *at <= position);
        (self.from <= position).then(|| self.last.range(first..).map(|(_, touched)| touched))
    }
}

impl Graph {
    /// Remembers what a fact touches that is about to be applied.
    pub(super) fn touch(&mut self, event: &Event, at: Position) {
        let account = |user: &UserName| Some(Touched::Account(user.clone()));
        let touched = match event {
            Event::User(
                UserEvent::Registered { user, .. }
                | UserEvent::Removed { user, .. }
                | UserEvent::Disabled { user, .. }
                | UserEvent::Enabled { user }
                | UserEvent::AuditorGranted { user }
                | UserEvent::AuditorRevoked { user },
            )
            | Event::Admin(AdminEvent::Granted { user } | AdminEvent::Revoked { user }) => {
                account(user)
            }
            Event::User(
                UserEvent::PasswordChanged { .. }
                | UserEvent::ProfileChanged { .. }
                | UserEvent::SignedOutEverywhere { .. }
                | UserEvent::PersonalDataErased { .. },
            ) => None,
            // A team of the same name would go, with all that it has.
            Event::Team(TeamEvent::Created { team, owner, .. }) => match self.teams.get(team) {
                Some(_) => Some(Touched::Everything),
                None => account(owner),
            },
            Event::Team(
                TeamEvent::MemberAdded { user, .. }
                | TeamEvent::MemberRoleChanged { user, .. }
                | TeamEvent::MemberRemoved { user, .. },
            ) => account(user),
            Event::Team(TeamEvent::Deleted { .. }) | Event::Registry(_) => {
                Some(Touched::Everything)
            }
            Event::Team(TeamEvent::Described { .. }) => None,
            Event::Namespace(
                NamespaceEvent::Created { registry, namespace, .. }
                | NamespaceEvent::Deleted { registry, namespace, .. },
            ) => {
                self.touch_above(registry, namespace, at);
                Some(Touched::Place((registry.clone(), namespace.clone())))
            }
            Event::Namespace(
                NamespaceEvent::TeamChanged { registry, namespace, .. }
                | NamespaceEvent::Granted { registry, namespace, .. }
                | NamespaceEvent::GrantRevoked { registry, namespace, .. },
            ) => Some(Touched::Place((registry.clone(), namespace.clone()))),
            // Whoever has a role there sees it, whatever its visibility.
            Event::Namespace(
                NamespaceEvent::Described { .. } | NamespaceEvent::VisibilityChanged { .. },
            ) => None,
            Event::AppToken(
                AppTokenEvent::Created { user, .. } | AppTokenEvent::Revoked { user, .. },
            ) => account(user),
            Event::Content(_)
            | Event::Repository(_)
            | Event::Star(_)
            | Event::Comment(_)
            | Event::Auth(_)
            | Event::System(_) => None,
        };
        if let Some(touched) = touched {
            self.recent.push(at, touched);
        }
    }

    /// The namespaces around one that is made or ends: it takes repositories from them, or gives them
    /// back.
    fn touch_above(&mut self, registry: &RegistryName, namespace: &NamespaceName, at: Position) {
        let around = namespace.parents().filter_map(|parent| NamespaceName::parse(parent).ok());
        let around: Vec<_> = around.map(|parent| (registry.clone(), parent)).collect();
        around.into_iter().for_each(|place| self.recent.push(at, Touched::Place(place)));
    }

    /// What has been touched after `position`; `None`: nobody remembers.
    pub(in crate::access) fn touched_since(
        &self,
        position: Position,
    ) -> Option<impl Iterator<Item = &Touched>> {
        self.recent.since(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_long_ago_is_not_said_to_be_nothing() {
        let mut recent = Recent::default();
        let count = |recent: &Recent, position| Some(recent.since(Position(position))?.count());
        assert_eq!(count(&recent, 0), Some(0));
        for at in 1..=REMEMBERED as u64 {
            recent.push(Position(at * 2), Touched::Everything);
        }
        assert_eq!(count(&recent, 0), Some(REMEMBERED));
        assert_eq!(count(&recent, 4), Some(REMEMBERED - 2));
        let before = recent.clone();
        recent.push(Position(9_999), Touched::Everything);
        assert_eq!((count(&recent, 0), count(&recent, 1)), (None, None));
        assert_eq!((count(&recent, 2), count(&recent, 9_999)), (Some(REMEMBERED), Some(0)));
        assert_eq!(count(&before, 0), Some(REMEMBERED));
    }
}
