//! Administrators: one stream for all of them, so that "at least one" can be decided.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::decider::Decider;
use crate::event::Actor;
use crate::name::UserName;

/// What has happened to the set of administrators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum AdminEvent {
    /// This person is an administrator.
    Granted { user: UserName },
    /// This person is one no longer; explicit memberships remain.
    Revoked { user: UserName },
}

/// The administrators.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Administrators {
    now: BTreeSet<UserName>,
    ever: bool,
}

/// What somebody may want.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum AdminCommand {
    /// The very first one.
    Bootstrap { user: UserName },
    /// One more.
    Grant { user: UserName },
    /// One less. Also the first step of disabling or removing an administrator, so that the last
    /// one stays.
    Revoke { user: UserName },
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum AdminRefusal {
    /// There has been an administrator already.
    #[error("there is an administrator already; sign in, or ask them")]
    AlreadyBootstrapped,
    /// Nobody would be left.
    #[error("this is the last administrator; make somebody else one first")]
    Last,
}

impl Decider for Administrators {
    type Event = AdminEvent;
    type Command = AdminCommand;
    type Refusal = AdminRefusal;

    fn evolve(mut self, event: &AdminEvent) -> Self {
        self.ever = true;
        match event {
            AdminEvent::Granted { user } => self.now.insert(user.clone()),
            AdminEvent::Revoked { user } => self.now.remove(user),
        };
        self
    }

    fn decide(&self, _by: &Actor, wish: AdminCommand) -> Result<Vec<AdminEvent>, AdminRefusal> {
        match wish {
            AdminCommand::Bootstrap { .. } if self.ever => Err(AdminRefusal::AlreadyBootstrapped),
            AdminCommand::Bootstrap { user } => Ok(vec![AdminEvent::Granted { user }]),
            AdminCommand::Grant { user } if self.now.contains(&user) => Ok(vec![]),
            AdminCommand::Grant { user } => Ok(vec![AdminEvent::Granted { user }]),
            AdminCommand::Revoke { user } if !self.now.contains(&user) => Ok(vec![]),
            AdminCommand::Revoke { .. } if self.now.len() == 1 => Err(AdminRefusal::Last),
            AdminCommand::Revoke { user } => Ok(vec![AdminEvent::Revoked { user }]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AdminCommand as C, AdminEvent as E, *};
    use crate::testing::given;

    fn user(name: &str) -> UserName {
        UserName::parse(name).unwrap()
    }

    #[test]
    fn the_first_administrator_comes_once() {
        let bootstrap = || C::Bootstrap { user: user("alice") };
        given::<Administrators>([])
            .when("x", bootstrap())
            .then([E::Granted { user: user("alice") }]);
        given::<Administrators>([
            E::Granted { user: user("bob") },
            E::Revoked { user: user("bob") },
        ])
        .when("x", bootstrap())
        .refuses(AdminRefusal::AlreadyBootstrapped);
    }

    #[test]
    fn the_last_administrator_stays() {
        given::<Administrators>([E::Granted { user: user("alice") }])
            .when("alice", C::Revoke { user: user("alice") })
            .refuses(AdminRefusal::Last);
    }

    #[test]
    fn one_of_two_may_go() {
        given::<Administrators>([
            E::Granted { user: user("alice") },
            E::Granted { user: user("bob") },
        ])
        .when("alice", C::Revoke { user: user("alice") })
        .then([E::Revoked { user: user("alice") }]);
    }
}
