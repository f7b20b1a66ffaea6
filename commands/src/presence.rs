//! People come and go: facts, not decisions.

use domain::access::Permit;
use domain::auth::AuthEvent;
use domain::event::{Actor, Door, Position, StreamName};
use domain::log::{Append, Expected, LogError, Outcome};
use domain::name::UserName;
use std::convert::Infallible;

use crate::desk::{Caller, Desk, Origin};
use crate::execute::{CommandError, envelope};

/// Records that somebody signed in. A session is good from this position on.
///
/// # Errors
///
/// [`CommandError::Log`] or [`CommandError::Vault`]: then nobody is signed in.
pub async fn signed_in(
    desk: &Desk,
    user: &UserName,
    door: Door,
    origin: Origin,
) -> Result<Position, CommandError<Infallible>> {
    record(desk, user, AuthEvent::SignedIn { user: user.clone(), door }, origin).await
}

/// Records that somebody signed out.
///
/// # Errors
///
/// [`CommandError::Log`] or [`CommandError::Vault`].
pub async fn signed_out(
    desk: &Desk,
    user: &UserName,
    origin: Origin,
) -> Result<Position, CommandError<Infallible>> {
    record(desk, user, AuthEvent::SignedOut { user: user.clone() }, origin).await
}

async fn record(
    desk: &Desk,
    user: &UserName,
    event: AuthEvent,
    origin: Origin,
) -> Result<Position, CommandError<Infallible>> {
    let permit = Permit::of_the_house(Actor::User { name: user.clone() });
    let event = envelope(desk, &Caller { permit, origin }, event.into()).await?;
    let stream = StreamName::auth(event.occurred_at);
    let append = Append { stream, expected: Expected::Any, key: None, events: vec![event] };
    match desk.log.append(vec![append]).await?.pop() {
        Some(Outcome::Appended { last, .. }) => Ok(last),
        Some(Outcome::Duplicate { first }) => Ok(first),
        Some(Outcome::Conflict { .. }) | None => {
            Err(LogError::Unavailable("an append without expectation was refused".to_owned())
                .into())
        }
    }
}
