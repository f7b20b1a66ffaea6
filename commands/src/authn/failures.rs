//! Who was not let in, as facts: in clear only who exists, never what was typed.

use std::time::Duration;

use async_trait::async_trait;
use domain::auth::{AuthEvent, Claimed, SignInFailure};
use domain::event::{Actor, Meta, NewEvent, StreamName};
use domain::log::{Append, Expected};
use jiff::Timestamp;

use super::outbox::{Full, Outbox, Pack};
use super::{Attempt, FAILURES_WAITING};
use crate::desk::{Desk, Origin};
use crate::vault::VaultError;

pub(super) struct Failures(Outbox<Failure>);

struct Failure {
    at: Timestamp,
    event: AuthEvent,
    origin: Origin,
}

impl Failures {
    pub(super) fn new(desk: &Desk) -> Self {
        let packer = Packer(desk.clone());
        let gauge = "portus_auth_failures_queue_depth";
        Self(Outbox::start(desk.log.clone(), FAILURES_WAITING, gauge, packer))
    }

    pub(super) fn record(&self, attempt: &Attempt<'_>, reason: SignInFailure) -> Result<(), Full> {
        let (claimed, door) = (attempt.claimed.clone(), attempt.door);
        self.put(attempt, AuthEvent::SignInFailed { claimed, door, reason })
    }

    pub(super) fn record_lockout(
        &self,
        attempt: &Attempt<'_>,
        claimed: Claimed,
        until: Timestamp,
    ) -> Result<(), Full> {
        self.put(attempt, AuthEvent::LockedOut { claimed, until })
    }

    fn put(&self, attempt: &Attempt<'_>, event: AuthEvent) -> Result<(), Full> {
        let place = self.0.place()?;
        let origin = Origin { door: Some(attempt.door), ..attempt.origin.clone() };
        place.fill(Failure { at: attempt.now, event, origin });
        Ok(())
    }

    pub(super) async fn close(&self, patience: Duration) -> usize {
        self.0.close(patience).await
    }
}

struct Packer(Desk);

#[async_trait]
impl Pack for Packer {
    type Item = Failure;

    async fn pack(&self, items: &mut Vec<Failure>) -> Result<Vec<Append>, VaultError> {
        let mut events = Vec::with_capacity(items.len());
        for failure in items.iter() {
            let id = self.0.new_id();
            // Nobody has proven who they are: the address belongs to nobody's record but the day's.
            let actor = Actor::Anonymous;
            let sealed = self
                .0
                .vault
                .seal_origin(&actor, failure.at, id.0.as_bytes(), &failure.origin)
                .await?;
            let meta = Meta {
                door: failure.origin.door,
                request: failure.origin.request.clone(),
                sealed,
                ..Meta::by(actor)
            };
            let event = failure.event.clone().into();
            events.push(NewEvent { id, occurred_at: failure.at, meta, event });
        }
        items.clear();
        let stream = StreamName::auth(self.0.clock.now());
        let append = |events: &[NewEvent]| Append {
            stream: stream.clone(),
            expected: Expected::Any,
            key: None,
            events: events.to_vec(),
        };
        Ok(events.chunks(domain::log::MAX_EVENTS).map(append).collect())
    }
}

/// The reason as a metric's label.
pub(super) fn word(reason: SignInFailure) -> &'static str {
    match reason {
        SignInFailure::UnknownUser => "unknown_user",
        SignInFailure::WrongSecret => "wrong_secret",
        SignInFailure::Disabled => "disabled",
        SignInFailure::Expired => "expired",
        SignInFailure::Revoked => "revoked",
        SignInFailure::LockedOut => "locked_out",
        SignInFailure::Malformed => "malformed",
        SignInFailure::WrongDoor => "wrong_door",
    }
}
