//! Every answer of the token endpoint becomes part of a fact, behind the answer: a place in a
//! bounded queue is taken before a token is signed, so that no token is out that will not be
//! written down.

use std::time::Duration;

use async_trait::async_trait;
use commands::authn::outbox::{Full, Outbox, Pack, Place};
use commands::desk::{Desk, Origin};
use commands::vault::VaultError;
use domain::auth::{AuthEvent, TokenDecision};
use domain::event::{Actor, Door, Meta, NewEvent, StreamName};
use domain::log::{Append, Expected, MAX_EVENT_BYTES, MAX_EVENTS};
use domain::name::UserName;
use jiff::Timestamp;

/// The most decisions that wait for the log; beyond it the answer is 503.
pub const DECISIONS_WAITING: usize = 8_192;
/// The most decisions in one fact.
pub const DECISIONS_A_FACT: usize = 250;

/// Which decisions are kept (`audit.token_decisions`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keep {
    /// Each.
    #[default]
    All,
    /// Those that gave less than was asked.
    Refused,
    /// None.
    None,
}

/// Where decisions go. Clones share it.
#[derive(Clone)]
pub struct Recorder {
    outbox: Outbox<Entry>,
    keep: Keep,
}

enum Entry {
    /// Sealed already when there is no `origin`.
    Decision {
        decision: Box<TokenDecision>,
        origin: Option<Origin>,
    },
    Refresh {
        at: Timestamp,
        actor: Actor,
        user: UserName,
        service: String,
        origin: Origin,
    },
}

/// A place for one decision.
pub struct Slot {
    place: Option<Place<Entry>>,
    keep: Keep,
}

impl Slot {
    /// Hands the decision over; its address and user agent are sealed on the way.
    pub fn record(self, decision: TokenDecision, origin: Origin) {
        let wanted = match self.keep {
            Keep::All => true,
            Keep::Refused => !decision.is_full(),
            Keep::None => false,
        };
        if let Some(place) = self.place
            && wanted
        {
            place.fill(Entry::Decision { decision: Box::new(decision), origin: Some(origin) });
        }
    }
}

impl Recorder {
    /// Starts the task that appends; call it inside a runtime.
    #[must_use]
    pub fn new(desk: &Desk, keep: Keep) -> Self {
        let packer = Packer(desk.clone());
        let gauge = "portus_recorder_queue_depth";
        Self { outbox: Outbox::start(desk.log.clone(), DECISIONS_WAITING, gauge, packer), keep }
    }

    /// Holds a place for a decision.
    ///
    /// # Errors
    ///
    /// [`Full`]: no token may be given now.
    pub fn slot(&self) -> Result<Slot, Full> {
        let place = match self.keep {
            Keep::None => None,
            Keep::All | Keep::Refused => Some(self.outbox.place()?),
        };
        Ok(Slot { place, keep: self.keep })
    }

    /// Records that a refresh token is handed out; `actor` is `user` as facts call them.
    ///
    /// # Errors
    ///
    /// [`Full`]: it may not be handed out now.
    pub fn refresh_issued(
        &self,
        at: Timestamp,
        actor: Actor,
        user: &UserName,
        service: &str,
        origin: Origin,
    ) -> Result<(), Full> {
        let (user, service) = (user.clone(), service.to_owned());
        self.outbox.place()?.fill(Entry::Refresh { at, actor, user, service, origin });
        Ok(())
    }

    /// How many decisions wait for the log.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.outbox.depth()
    }

    /// Takes nothing more, and waits until all is written down. Says how many decisions were not
    /// when `patience` was over.
    pub async fn close(&self, patience: Duration) -> usize {
        self.outbox.close(patience).await
    }
}

struct Packer(Desk);

#[async_trait]
impl Pack for Packer {
    type Item = Entry;

    async fn pack(&self, items: &mut Vec<Entry>) -> Result<Vec<Append>, VaultError> {
        let mut events = Vec::new();
        for item in items.iter_mut() {
            match item {
                Entry::Decision { decision, origin } => self.seal(decision, origin).await?,
                Entry::Refresh { at, actor, user, service, origin } => {
                    events.push(self.refresh(*at, actor, user, service, origin).await?);
                }
            }
        }
        let now = self.0.clock.now();
        let mut batch = Batch::default();
        for item in items.drain(..) {
            if let Entry::Decision { decision, .. } = item
                && let Some(full) = batch.push(*decision)
            {
                events.push(self.event(full, now));
            }
        }
        if !batch.decisions.is_empty() {
            events.push(self.event(batch.decisions, now));
        }
        let append = |events: &[NewEvent]| Append {
            stream: StreamName::auth(now),
            expected: Expected::Any,
            key: None,
            events: events.to_vec(),
        };
        Ok(events.chunks(MAX_EVENTS).map(append).collect())
    }
}

impl Packer {
    /// Seals where the asker came from, if that was not done in an attempt before.
    async fn seal(
        &self,
        decision: &mut TokenDecision,
        origin: &mut Option<Origin>,
    ) -> Result<(), VaultError> {
        if let Some(open) = origin {
            let (subject, at) = (&decision.subject, decision.at);
            let jti = decision.jti.as_bytes();
            decision.sealed = self.0.vault.seal_origin(subject, at, jti, open).await?;
            *origin = None;
        }
        Ok(())
    }

    fn event(&self, decisions: Vec<TokenDecision>, now: Timestamp) -> NewEvent {
        let occurred_at = decisions.last().map_or(now, |decision| decision.at);
        let actor = Actor::System { part: "token endpoint".to_owned() };
        NewEvent {
            id: self.0.new_id(),
            occurred_at,
            meta: Meta { door: Some(Door::Token), ..Meta::by(actor) },
            event: AuthEvent::TokensDecided { decisions: decisions.into() }.into(),
        }
    }

    async fn refresh(
        &self,
        at: Timestamp,
        actor: &Actor,
        user: &UserName,
        service: &str,
        origin: &Origin,
    ) -> Result<NewEvent, VaultError> {
        let id = self.0.new_id();
        let sealed = self.0.vault.seal_origin(actor, at, id.0.as_bytes(), origin).await?;
        let meta = Meta {
            door: Some(Door::Token),
            credential: origin.credential,
            request: origin.request.clone(),
            sealed,
            ..Meta::by(actor.clone())
        };
        let (user, service) = (user.clone(), service.to_owned());
        let event = AuthEvent::RefreshTokenIssued { user, service }.into();
        Ok(NewEvent { id, occurred_at: at, meta, event })
    }
}

/// Decisions for one fact, within what a fact may hold.
#[derive(Default)]
struct Batch {
    decisions: Vec<TokenDecision>,
    bytes: usize,
}

/// Left for the envelope, in bytes.
const ENVELOPE_BYTES: usize = 2 * 1_024;

impl Batch {
    /// Takes one more; hands out those before it when they fill a fact.
    fn push(&mut self, decision: TokenDecision) -> Option<Vec<TokenDecision>> {
        let bytes = size(&decision);
        let too_large = self.bytes + bytes > MAX_EVENT_BYTES - ENVELOPE_BYTES;
        let full = self.decisions.len() >= DECISIONS_A_FACT;
        let before = ((too_large || full) && !self.decisions.is_empty()).then(|| {
            self.bytes = 0;
            std::mem::take(&mut self.decisions)
        });
        self.decisions.push(decision);
        self.bytes += bytes;
        before
    }
}

/// No less than the JSON of it: whatever is counted here needs no escapes, or was cut.
fn size(decision: &TokenDecision) -> usize {
    let scope = |scope: &domain::auth::ScopeDecision| {
        let reasons = [&scope.allowed, &scope.refused];
        let reasons: usize = reasons.into_iter().flatten().map(String::len).sum();
        scope.asked.len() + reasons + 100
    };
    let sealed = decision.sealed.as_ref().map_or(0, |sealed| sealed.key.len() + sealed.data.len());
    let name = decision.subject.name().map_or(0, |name| name.as_str().len());
    let client = decision.client.as_ref().map_or(0, String::len);
    let scopes: usize = decision.scopes.iter().map(scope).sum();
    500 + scopes + sealed + name + client + decision.service.len() + decision.request.len()
}
