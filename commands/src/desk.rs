//! What commands work with, and for whom.

use std::net::IpAddr;
use std::sync::Arc;

use domain::access::{Action, Permit};
use domain::event::{Credential, Door, EventId};
use domain::log::EventLog;
use jiff::Timestamp;

use crate::execute::CommandError;
use crate::once::Once;
use crate::vault::Vault;

/// The service's clock. Tests set it; the program asks the machine.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    #[allow(clippy::disallowed_methods)] // the one place
    pub fn system() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    /// Any other.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

/// What every command works with. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    /// Where facts go.
    pub log: Arc<dyn EventLog>,
    /// Where secrets and personal data go.
    pub vault: Vault,
    /// What time it is.
    pub clock: Clock,
}

impl Desk {
    /// A fresh, time-ordered event id (UUID version 7).
    #[must_use]
    pub fn new_id(&self) -> EventId {
        EventId(uuid::Uuid::now_v7())
    }
}

/// Through which door a request came and from where: the personal part of an envelope in clear,
/// on its way to be sealed.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// Which door.
    pub door: Option<Door>,
    /// What was shown.
    pub credential: Option<Credential>,
    /// Our request id.
    pub request: Option<String>,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The client's name for itself, cut to 256 bytes; never trusted.
    pub user_agent: Option<String>,
    /// What this request has in common with other tries of it.
    pub once: Option<Once>,
}

/// On whose behalf a command runs, by which right, and from where.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The proven right.
    pub permit: Permit,
    /// Door, credential, address.
    pub origin: Origin,
}

impl Caller {
    /// Checks that the permit is for one of `actions`; the house's own is for everything.
    ///
    /// # Errors
    ///
    /// [`CommandError::NotPermitted`] when it is for something else.
    pub fn must<R: std::error::Error>(&self, actions: &[Action]) -> Result<(), CommandError<R>> {
        match self.permit.action() {
            Some(action) if !actions.contains(&action) => Err(CommandError::NotPermitted),
            Some(_) | None => Ok(()),
        }
    }

    /// The same caller for a further step on a stream that this command itself has just written:
    /// the right was proven for the first step, and the step's own event must not outdate it. Only
    /// the first step is found again by [`Origin::once`]: the others are made so that they may be
    /// done again.
    #[must_use]
    pub fn continued(&self) -> Self {
        Self {
            permit: Permit::of_the_house(self.permit.actor().clone()),
            origin: Origin { once: None, ..self.origin.clone() },
        }
    }
}
