//! Read, fold, decide, append; whoever loses a race thinks again.

use domain::decider::Decider;
use domain::event::{DecodeError, Event, EventId, Meta, NewEvent, Position, StreamName};
use domain::log::{Append, History, LogError, Outcome};

use crate::desk::{Caller, Desk};
use crate::once::Once;
use crate::vault::VaultError;

/// How often a command is thought over again before the caller is told to come back.
pub const ATTEMPTS: usize = 8;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError<R: std::error::Error> {
    /// A rule of the domain stands against it.
    #[error(transparent)]
    Refused(R),
    /// The right was granted on an older state of this stream: wait until the access graph has
    /// reached the position, and ask for the right again (SR-AUZ-18).
    #[error("the rights changed in the meantime")]
    Outdated(Position),
    /// The caller's permit is for something else. A slip of whoever calls, never of a client.
    #[error("this permit is for something else")]
    NotPermitted,
    /// Others wrote first, [`ATTEMPTS`] times in a row.
    #[error("too many changes at once; try again")]
    Contended,
    /// The log does not serve.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log holds what this program cannot read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The vault does not serve.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl<R: std::error::Error> CommandError<R> {
    /// The same error of a command that has refusals of several nouns.
    pub fn map<S: std::error::Error>(self, refused: impl FnOnce(R) -> S) -> CommandError<S> {
        match self {
            Self::Refused(why) => CommandError::Refused(refused(why)),
            Self::Outdated(position) => CommandError::Outdated(position),
            Self::NotPermitted => CommandError::NotPermitted,
            Self::Contended => CommandError::Contended,
            Self::Log(err) => CommandError::Log(err),
            Self::Decode(err) => CommandError::Decode(err),
            Self::Vault(err) => CommandError::Vault(err),
        }
    }
}

/// Carries out `wish` on one stream, and says up to where the log must be read to see it done.
///
/// # Errors
///
/// [`CommandError::Refused`] by a rule of the domain; [`CommandError::Outdated`] when the caller's
/// right is older than the stream; [`CommandError::Contended`] when others wrote first
/// [`ATTEMPTS`] times in a row; [`CommandError::Log`] when the log does not serve.
#[tracing::instrument(name = "command", skip_all, fields(%stream, by = %caller.permit.actor()))]
pub async fn execute<D: Decider>(
    desk: &Desk,
    caller: &Caller,
    stream: &StreamName,
    wish: D::Command,
) -> Result<Position, CommandError<D::Refusal>> {
    for _ in 0..ATTEMPTS {
        let past = desk.log.read_stream(stream, None).await?;
        let once = caller.origin.once;
        if let Some(done) = once.and_then(|once| done_before(&past, stream, once)) {
            return Ok(done);
        }
        if let Some(seen) = caller.permit.position()
            && seen < past.position()
        {
            return Err(CommandError::Outdated(past.position()));
        }
        let state = fold::<D>(&past)?;
        let news =
            state.decide(caller.permit.actor(), wish.clone()).map_err(CommandError::Refused)?;
        if news.is_empty() {
            return Ok(past.position());
        }
        let mut events = Vec::with_capacity(news.len());
        for (n, event) in news.into_iter().enumerate() {
            let id =
                once.map_or_else(|| desk.new_id(), |once| EventId(once.id(stream.as_str(), n)));
            events.push(enclose(desk, caller, id, event.into()).await?);
        }
        let command =
            Append { stream: stream.clone(), expected: past.expected(), key: None, events };
        match desk.log.append(vec![command]).await?.pop() {
            Some(Outcome::Appended { last, .. }) => return Ok(last),
            Some(Outcome::Duplicate { first }) => return Ok(first),
            Some(Outcome::Conflict { .. }) | None => (), // decided on an old past: read it again
        }
    }
    Err(CommandError::Contended)
}

/// Where one stream stands, for commands whose wish depends on another stream too.
///
/// # Errors
///
/// [`CommandError::Log`] when the log does not serve, [`CommandError::Decode`] when it holds what
/// this program cannot read.
pub async fn state<D: Decider, R: std::error::Error>(
    desk: &Desk,
    stream: &StreamName,
) -> Result<D, CommandError<R>> {
    Ok(fold(&desk.log.read_stream(stream, None).await?)?)
}

/// Where an earlier try of the same request has ended on this stream, if it has written there.
fn done_before(past: &History, stream: &StreamName, once: Once) -> Option<Position> {
    let ours = |n| EventId(once.id(stream.as_str(), n));
    let first = past.events.iter().position(|event| event.id == ours(0))?;
    let written = past.events[first..].iter().enumerate();
    written.take_while(|(n, event)| event.id == ours(*n)).last().map(|(_, event)| event.position)
}

fn fold<D: Decider>(past: &History) -> Result<D, DecodeError> {
    let mut state = D::default();
    for recorded in &past.events {
        // A stream holds the events of its own decider only; another kind is none of ours.
        if let Ok(event) = D::Event::try_from(recorded.decode()?.event) {
            state = state.evolve(&event);
        }
    }
    Ok(state)
}

/// Puts an event into its envelope: id, time, who, by which rule, and the sealed origin.
///
/// # Errors
///
/// [`VaultError`] when the key to seal with can be neither read nor made.
pub async fn envelope(desk: &Desk, caller: &Caller, event: Event) -> Result<NewEvent, VaultError> {
    enclose(desk, caller, desk.new_id(), event).await
}

async fn enclose(
    desk: &Desk,
    caller: &Caller,
    id: EventId,
    event: Event,
) -> Result<NewEvent, VaultError> {
    let now = desk.clock.now();
    let origin = &caller.origin;
    let actor = caller.permit.actor().clone();
    let sealed = desk.vault.seal_origin(&actor, now, id.0.as_bytes(), origin).await?;
    let meta = Meta {
        door: origin.door,
        credential: origin.credential,
        request: origin.request.clone(),
        rule: caller.permit.rule().map(|rule| rule.as_str().to_owned()),
        sealed,
        ..Meta::by(actor)
    };
    Ok(NewEvent { id, occurred_at: now, meta, event })
}
