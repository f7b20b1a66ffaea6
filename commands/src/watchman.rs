//! Compares what registries tell of pushes with the tokens that were given: whoever is said to have
//! pushed, and had no token for it, is a reason to look (SR-NOT-7). The push stays a fact; that it
//! is not borne out becomes one beside it.
//!
//! Tokens of every node pass through the log, so one that follows it knows them all. What was given
//! before it began to read it does not know: it says nothing of pushes from that time.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use domain::auth::{AuthEvent, TokenDecision};
use domain::event::{
    Actor, Class, Event, EventId, Fact, Meta, NewEvent, Position, Recorded, StreamName,
};
use domain::log::{Append, Expected, LogError};
use domain::name::{RegistryName, RepositoryName, UserName};
use domain::registry::{ContentEvent, RegistryEvent};
use domain::scope::ScopeAction;
use domain::system::SystemEvent;
use jiff::{SignedDuration, Timestamp};

use crate::bounded::Bounded;
use crate::desk::Desk;

/// The most pushers of one repository each whose last token is remembered.
pub const REMEMBERED: usize = 100_000;
/// What registries allow beyond a token's end.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);
/// How far a registry's clock may be from ours.
const CLOCKS: SignedDuration = SignedDuration::from_secs(60);
/// How long after a push its token's decision may be written down.
const SETTLED: SignedDuration = SignedDuration::from_secs(30);
/// The most pushes in doubt; when there are more, the oldest is judged at once.
const DOUBTS: usize = 10_000;
/// Facts of one page.
const PAGE: usize = 1_000;
/// Between two looks at the log.
const REST: Duration = Duration::from_secs(1);

/// Watches for ever, from where the log ends now. May be dropped at any moment.
pub async fn watch(desk: Desk, life: SignedDuration) {
    loop {
        match Watchman::begin(desk.clone(), life).await {
            Ok(watchman) => watchman.run().await,
            Err(error) => tracing::warn!(%error, "pushes are not compared with tokens yet"),
        }
        tokio::time::sleep(REST).await;
    }
}

/// Follows the log from where it ends now.
pub struct Watchman {
    desk: Desk,
    memory: Memory,
    read: Position,
}

impl Watchman {
    /// One that begins at the end of the log. Tokens live for `life`.
    ///
    /// # Errors
    ///
    /// [`LogError`] when the log does not serve.
    pub async fn begin(desk: Desk, life: SignedDuration) -> Result<Self, LogError> {
        // Which service is which registry stands among the decisions, which are few.
        let mut memory = Memory::new(desk.clock.now(), life);
        let (mut read, head) = (Position(0), desk.log.head().await?);
        while read < head {
            let page = desk.log.read_all(read, PAGE, Some(Class::Decision)).await?;
            for fact in page.events.iter().filter(|recorded| concerns(recorded)) {
                // One that cannot be read is the projections' concern.
                if let Ok(fact) = fact.decode() {
                    memory.see(&fact);
                }
            }
            read = page.next;
        }
        Ok(Self { desk, memory, read: head })
    }

    async fn run(mut self) {
        loop {
            match self.catch_up().await {
                Ok(()) => self.desk.log.wait_beyond(self.read, None).await,
                Err(error) => {
                    tracing::warn!(%error, "pushes are not compared with tokens for now");
                }
            }
            // Nobody waits for this: what comes in the meantime is looked at together.
            tokio::time::sleep(REST).await;
        }
    }

    /// Reads to the end of the log, and says what has not been borne out by now.
    ///
    /// # Errors
    ///
    /// [`LogError`] when the log does not serve; what was not said is said the next time.
    pub async fn catch_up(&mut self) -> Result<(), LogError> {
        loop {
            let page = self.desk.log.read_all(self.read, PAGE, None).await?;
            for fact in page.events.iter().filter(|recorded| concerns(recorded)) {
                if let Ok(fact) = fact.decode() {
                    self.memory.see(&fact);
                }
            }
            self.read = page.next;
            while let Some(unverified) = self.memory.next_due(self.desk.clock.now()) {
                self.say(&unverified).await?;
                self.memory.was_said();
            }
            if page.next >= page.head {
                return Ok(());
            }
        }
    }

    /// However many nodes say it: it is one fact.
    async fn say(&self, unverified: &Unverified) -> Result<(), LogError> {
        let Unverified { registry, repository, user, push } = unverified;
        tracing::warn!(
            %registry, %repository, %user, %push,
            "a registry tells of a push for which no token was given",
        );
        let key = format!("unverified:{push}");
        let event = NewEvent {
            id: EventId::from_key(&key),
            occurred_at: self.desk.clock.now(),
            meta: Meta::by(Actor::System { part: "watchman".to_owned() }),
            event: SystemEvent::PushUnverified {
                registry: registry.clone(),
                repository: repository.clone(),
                user: user.clone(),
                push: *push,
            }
            .into(),
        };
        let (stream, expected) = (StreamName::system(), Expected::Any);
        let append = Append { stream, expected, key: Some(key), events: vec![event] };
        self.desk.log.append(vec![append]).await?;
        metrics::counter!("portus_pushes_unverified_total").increment(1);
        Ok(())
    }
}

/// Whether a fact is worth being read: most decisions are about pulls.
fn concerns(recorded: &Recorded) -> bool {
    match recorded.kind.as_str() {
        "registry.added" | "registry.settings_changed" | "content.manifest_pushed" => true,
        "auth.tokens_decided" => recorded.data.contains("\"push\""),
        _ => false,
    }
}

/// A push for which nobody was given a token.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Unverified {
    registry: RegistryName,
    repository: RepositoryName,
    user: UserName,
    push: Position,
}

/// Who pushes where.
type Pusher = (RegistryName, RepositoryName, UserName);

struct Memory {
    /// Registries by what their tokens call them.
    services: BTreeMap<String, RegistryName>,
    /// When somebody was last given a token to push.
    tokens: Bounded<Pusher, Timestamp>,
    /// Pushes that no token bears out so far, the oldest first.
    doubts: VecDeque<Doubt>,
    /// Pushes before this may rest on tokens that we have not seen.
    knows_since: Timestamp,
    good_for: SignedDuration,
}

struct Doubt {
    pusher: Pusher,
    push: Position,
    /// By the registry's clock: it may tell us late.
    pushed_at: Timestamp,
    told_at: Timestamp,
}

impl Memory {
    fn new(now: Timestamp, life: SignedDuration) -> Self {
        let good_for = life.saturating_add(LEEWAY).saturating_add(CLOCKS);
        let knows_since = now.checked_add(good_for).unwrap_or(Timestamp::MAX);
        let (services, tokens) = (BTreeMap::new(), Bounded::new(REMEMBERED));
        Self { services, tokens, doubts: VecDeque::new(), knows_since, good_for }
    }

    fn see(&mut self, fact: &Fact) {
        match &fact.event {
            Event::Registry(
                RegistryEvent::Added { registry, settings }
                | RegistryEvent::SettingsChanged { registry, settings },
            ) => {
                self.services.retain(|_, known| known != registry);
                self.services.insert(settings.service.clone(), registry.clone());
            }
            Event::Auth(AuthEvent::TokensDecided { decisions }) => {
                for decision in decisions.iter() {
                    self.remember(decision);
                }
            }
            Event::Content(ContentEvent::ManifestPushed { registry, repository, .. }) => {
                // What our own jobs saw is said by a part of the system.
                if let Actor::User { name } | Actor::Bot { name } = &fact.meta.actor {
                    self.doubt(Doubt {
                        pusher: (registry.clone(), repository.clone(), name.clone()),
                        push: fact.position,
                        pushed_at: fact.occurred_at,
                        told_at: fact.recorded_at,
                    });
                }
            }
            _ => (),
        }
    }

    fn remember(&mut self, decision: &TokenDecision) {
        let Some(registry) = self.services.get(&decision.service) else { return };
        let Some(user) = decision.subject.name() else { return };
        for scope in &decision.scopes {
            let asked = scope.asked.strip_prefix("repository:");
            if let Some((name, _)) = asked.and_then(|rest| rest.rsplit_once(':'))
                && scope.granted.contains(&ScopeAction::Push)
                && let Ok(repository) = RepositoryName::parse(name)
            {
                self.tokens.insert((registry.clone(), repository, user.clone()), decision.at);
            }
        }
    }

    fn doubt(&mut self, doubt: Doubt) {
        if doubt.pushed_at >= self.knows_since && !self.is_borne_out(&doubt) {
            self.doubts.push_back(doubt);
        }
    }

    fn is_borne_out(&mut self, doubt: &Doubt) -> bool {
        let since = doubt.pushed_at.checked_sub(self.good_for).unwrap_or(Timestamp::MIN);
        self.tokens.get(&doubt.pusher).is_some_and(|given| *given >= since)
    }

    /// The oldest push that still nothing bears out when it is time to say so. Decisions are written
    /// down behind their answers, so they may come after the push.
    fn next_due(&mut self, now: Timestamp) -> Option<Unverified> {
        while let Some(doubt) = self.doubts.pop_front() {
            let settled = now.duration_since(doubt.told_at) >= SETTLED;
            if !settled && self.doubts.len() < DOUBTS {
                self.doubts.push_front(doubt);
                return None;
            }
            if !self.is_borne_out(&doubt) {
                let (registry, repository, user) = doubt.pusher.clone();
                let push = doubt.push;
                self.doubts.push_front(doubt); // until it was said
                return Some(Unverified { registry, repository, user, push });
            }
        }
        None
    }

    fn was_said(&mut self) {
        self.doubts.pop_front();
    }
}

#[cfg(test)]
mod tests;
