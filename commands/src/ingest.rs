//! What registries tell us becomes facts.
//!
//! The registry has done it already, so nothing here is decided; and it sends the same thing again
//! until it hears a 2xx, so nothing here may fail for what is in a notification. What cannot be
//! made sense of is kept as [`ContentEvent::NotificationRejected`]; one bad event does not lose the
//! good ones beside it. The same event id of the same registry is the same fact, however often it
//! comes.

mod excerpt;
mod parse;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use domain::digest::Digest as ContentDigest;
use domain::event::{
    Actor, Credential, Door, Event, EventId, Meta, NewEvent, RegistrySource, StreamName,
};
use domain::log::{Append, Expected, LogError, Outcome};
use domain::name::{RegistryName, RepositoryName, UserName};
use domain::registry::ContentEvent;
use domain::user::Account;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use self::excerpt::excerpt;
use self::parse::{Notification, Rejected};
pub(crate) use self::parse::{platform, references};
use crate::bounded::Bounded;
use crate::desk::{Desk, Origin};
use crate::registry::{is_image_config, is_manifest};
use crate::vault::VaultError;

/// The most events of one envelope that are looked at. Registries send one; what lies beyond is
/// recorded as rejected together.
pub const MAX_EVENTS: usize = 10_000;
/// The most bytes of a rejected notification that are kept.
pub const MAX_EXCERPT_BYTES: usize = 1_024;
/// Appends handed to the log at once.
const CHUNK: usize = 256;
/// Registry processes that we remember to have heard of.
const INSTANCES: usize = 1_024;
/// Names in a token's `sub` that begin so are our own jobs: no user name has a colon.
pub const ROBOT_PREFIX: &str = "portus:";

/// Whether a name is an account, and of which kind; `None`: it is nobody's now.
pub type Accounts = Arc<dyn Fn(&UserName) -> Option<Account> + Send + Sync>;

/// Why a notification was not taken: the registry must keep it.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The log does not serve. What it wrote already is not written twice when this comes again.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Addresses cannot be sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// What became of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It is a fact now.
    New,
    /// It was one before.
    Duplicate,
    /// It is kept as something that we cannot make sense of.
    Rejected,
    /// We looked ourselves, which is nobody's deed and no fact.
    Own,
}

impl Fate {
    /// The word for it in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Duplicate => "duplicate",
            Self::Rejected => "invalid",
            Self::Own => "own",
        }
    }
}

/// What became of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// Each event's action (push, pull, mount, delete, other) and fate, in order.
    pub events: Vec<(&'static str, Fate)>,
    /// A registry process that nobody had heard of: whatever its predecessor had not delivered is
    /// lost, and must be looked for.
    pub new_instance: bool,
    /// The registry's clock at the oldest event.
    pub oldest: Option<Timestamp>,
    /// Images and indexes pushed just now, of which the registry does not tell for which platform
    /// they are: Distribution 2.8 never does.
    pub bare: Vec<(RepositoryName, ContentDigest)>,
}

/// Makes facts of notifications. Clones share it.
#[derive(Clone)]
pub struct Ingest(Arc<Shared>);

struct Shared {
    desk: Desk,
    accounts: Accounts,
    robots: BTreeSet<UserName>,
    /// Hosts under which clients reach a registry; one that is not in here is known by any.
    hosts: BTreeMap<RegistryName, BTreeSet<String>>,
    instances: Mutex<Bounded<(RegistryName, String), ()>>,
}

impl Ingest {
    /// `robots` are accounts of scanners and the like: what they pull is recorded, but left out of
    /// all counts.
    #[must_use]
    pub fn new(desk: Desk, accounts: Accounts, robots: BTreeSet<UserName>) -> Self {
        Self::only_by(desk, accounts, robots, BTreeMap::new())
    }

    /// As [`Self::new`]. Of a registry in `hosts` only what happened under one of its hosts (with
    /// port, as clients name it) is believed (SR-NOT-6).
    #[must_use]
    pub fn only_by(
        desk: Desk,
        accounts: Accounts,
        robots: BTreeSet<UserName>,
        hosts: BTreeMap<RegistryName, BTreeSet<String>>,
    ) -> Self {
        let instances = Mutex::new(Bounded::new(INSTANCES));
        Self(Arc::new(Shared { desk, accounts, robots, hosts, instances }))
    }

    /// Takes an envelope as `registry` sent it; when this returns, everything in it is durable.
    /// `request` is our id of the request.
    ///
    /// # Errors
    ///
    /// [`IngestError`] when the log or the vault does not serve. Never for what is in `body`.
    #[tracing::instrument(name = "ingest", skip_all, fields(%registry))]
    pub async fn take(
        &self,
        registry: &RegistryName,
        body: &[u8],
        request: &str,
    ) -> Result<Receipt, IngestError> {
        match parse::envelope(body) {
            Ok(events) => self.0.take_all(registry, events, request).await,
            Err(reason) => self.reject(registry, body, reason, request).await,
        }
    }

    /// Records a body that cannot be read, or only its beginning of one that is too long.
    ///
    /// # Errors
    ///
    /// [`IngestError`] when the log does not serve.
    pub async fn reject(
        &self,
        registry: &RegistryName,
        beginning: &[u8],
        reason: &str,
        request: &str,
    ) -> Result<Receipt, IngestError> {
        let event = self.0.rejected(registry, reason, excerpt(beginning), request);
        let key = format!("{registry}:unreadable:{}", hash(beginning));
        let outcomes = self.0.append(vec![self.0.command(registry, event, key, true)]).await?;
        let fate = if appended(&outcomes[0]) { Fate::Rejected } else { Fate::Duplicate };
        Ok(Receipt { events: vec![("other", fate)], ..Receipt::default() })
    }
}

impl Shared {
    async fn take_all(
        &self,
        registry: &RegistryName,
        events: Vec<Value>,
        request: &str,
    ) -> Result<Receipt, IngestError> {
        let mut receipt = Receipt::default();
        let beyond = events.len().saturating_sub(MAX_EVENTS);
        let mut commands = Vec::new();
        let (mut actions, mut own, mut bare) = (Vec::new(), Vec::new(), Vec::new());
        let mut instances = BTreeSet::new();
        for value in events.iter().take(MAX_EVENTS) {
            let now = self.desk.clock.now();
            let parsed = parse::event(registry, value, now);
            match parsed.and_then(|notification| self.not_foreign(registry, value, notification)) {
                Ok(notification) => {
                    receipt.oldest = receipt.oldest.into_iter().chain([notification.at]).min();
                    if let Some(instance) = notification.source.instance.clone() {
                        instances.insert(instance);
                    }
                    if is_own_look(&notification) {
                        own.push((notification.action, Fate::Own));
                        continue;
                    }
                    bare.push(bare_image(&notification.event));
                    actions.push((notification.action, Fate::New));
                    commands.push(self.notification(registry, notification, now, request).await?);
                }
                Err(Rejected { reason, action, id }) => {
                    let text = excerpt::of_value(value);
                    let key = match id {
                        Some(id) => event_key(registry, &id),
                        None => {
                            format!("{registry}:rejected:{}", hash(value.to_string().as_bytes()))
                        }
                    };
                    let event = self.rejected(registry, &reason, text, request);
                    bare.push(None);
                    actions.push((action, Fate::Rejected));
                    commands.push(self.command(registry, event, key, true));
                }
            }
        }
        if beyond > 0 {
            let all = Value::Array(events).to_string();
            let reason = format!("{beyond} events beyond the first {MAX_EVENTS} of one envelope");
            let event = self.rejected(registry, &reason, excerpt(all.as_bytes()), request);
            let key = format!("{registry}:beyond:{}", hash(all.as_bytes()));
            actions.push(("other", Fate::Rejected));
            commands.push(self.command(registry, event, key, true));
        }
        let unheard = self.unheard(registry, instances);
        for instance in &unheard {
            let event = ContentEvent::InstanceSeen {
                registry: registry.clone(),
                instance: instance.clone(),
            };
            let event = self.ours(registry, event, request);
            commands.push(self.command(registry, event, instance_key(registry, instance), true));
        }
        let mut outcomes = Vec::with_capacity(commands.len());
        while !commands.is_empty() {
            let rest = commands.split_off(commands.len().min(CHUNK));
            outcomes.extend(self.append(std::mem::replace(&mut commands, rest)).await?);
        }
        for ((action, fate), outcome) in actions.into_iter().zip(&outcomes) {
            let fate = if appended(outcome) { fate } else { Fate::Duplicate };
            receipt.events.push((action, fate));
        }
        let told = receipt.events.iter().zip(bare);
        receipt.bare =
            told.filter(|((_, fate), _)| *fate == Fate::New).filter_map(|(_, b)| b).collect();
        receipt.new_instance = outcomes.iter().skip(receipt.events.len()).any(appended);
        receipt.events.extend(own);
        let mut heard = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        for instance in unheard {
            heard.insert((registry.clone(), instance), ());
        }
        Ok(receipt)
    }

    /// Rejects what happened under a host that is not the registry's: by another's configuration
    /// with its secret, most likely.
    fn not_foreign(
        &self,
        registry: &RegistryName,
        value: &Value,
        notification: Notification,
    ) -> Result<Notification, Rejected> {
        let (Some(hosts), Some(host)) = (self.hosts.get(registry), parse::host(value)) else {
            return Ok(notification);
        };
        if hosts.contains(&host.to_ascii_lowercase()) {
            return Ok(notification);
        }
        metrics::counter!("portus_notifications_foreign_total").increment(1);
        Err(Rejected {
            reason: format!("it happened under the host {host:?}, which is not this registry's"),
            action: notification.action,
            id: Some(notification.source.event),
        })
    }

    /// Those that this process has not heard of; the log knows what others have.
    fn unheard(&self, registry: &RegistryName, instances: BTreeSet<String>) -> Vec<String> {
        let mut heard = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        instances
            .into_iter()
            .filter(|instance| heard.get(&(registry.clone(), instance.clone())).is_none())
            .collect()
    }

    async fn notification(
        &self,
        registry: &RegistryName,
        notification: Notification,
        now: Timestamp,
        request: &str,
    ) -> Result<Append, IngestError> {
        let Notification { event, actor, at, address, user_agent, source, action: _ } =
            notification;
        let key = event_key(registry, &source.event);
        let id = EventId::from_key(&key);
        let actor = self.actor(&actor);
        // Whose machine it was is for the vault's key to tell, not for whoever reads the log.
        let origin = Origin { address, user_agent, ..Origin::default() };
        let sealed = self.desk.vault.seal_origin(&actor, now, id.0.as_bytes(), &origin).await?;
        let meta = Meta {
            door: Some(Door::Notification),
            credential: Some(Credential::RegistrySecret),
            request: Some(request.to_owned()),
            source: Some(source),
            sealed,
            ..Meta::by(actor)
        };
        let pull =
            matches!(event, ContentEvent::ManifestPulled { .. } | ContentEvent::BlobPulled { .. });
        let event = NewEvent { id, occurred_at: at, meta, event: Event::Content(event) };
        Ok(self.command(registry, event, key, !pull))
    }

    /// The name in a notification is the `sub` of a token that we signed; `None` was anonymous.
    fn actor(&self, name: &Option<String>) -> Actor {
        let Some(text) = name else { return Actor::Anonymous };
        if let Some(part) = text.strip_prefix(ROBOT_PREFIX) {
            return Actor::System { part: cut(part, 64).to_owned() };
        }
        let Ok(name) = UserName::parse(text) else {
            return Actor::Unknown { text: cut(text, 255).to_owned() };
        };
        if self.robots.contains(&name) {
            return Actor::System { part: name.to_string() };
        }
        match (self.accounts)(&name) {
            Some(Account::Person) => Actor::User { name },
            Some(Account::Bot) => Actor::Bot { name },
            None => Actor::Unknown { text: name.to_string() },
        }
    }

    fn rejected(
        &self,
        registry: &RegistryName,
        reason: &str,
        excerpt: String,
        request: &str,
    ) -> NewEvent {
        let event = ContentEvent::NotificationRejected {
            registry: registry.clone(),
            reason: cut(reason, 255).to_owned(),
            excerpt,
        };
        self.ours(registry, event, request)
    }

    /// An event of which the registry itself is the actor.
    fn ours(&self, registry: &RegistryName, event: ContentEvent, request: &str) -> NewEvent {
        let meta = Meta {
            door: Some(Door::Notification),
            credential: Some(Credential::RegistrySecret),
            request: Some(request.to_owned()),
            ..Meta::by(Actor::Registry { name: registry.clone() })
        };
        NewEvent {
            id: self.desk.new_id(),
            occurred_at: self.desk.clock.now(),
            meta,
            event: Event::Content(event),
        }
    }

    /// Into the stream of this hour: by our clock, for the registry's may be anything.
    fn command(
        &self,
        registry: &RegistryName,
        mut event: NewEvent,
        key: String,
        push: bool,
    ) -> Append {
        let now = self.desk.clock.now();
        let stream =
            if push { StreamName::pushes(registry, now) } else { StreamName::pulls(registry, now) };
        event.id = EventId::from_key(&key);
        Append { stream, expected: Expected::Any, key: Some(key), events: vec![event] }
    }

    async fn append(&self, commands: Vec<Append>) -> Result<Vec<Outcome>, IngestError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let asked = commands.len();
        let outcomes = self.desk.log.append(commands).await?;
        if outcomes.len() == asked {
            Ok(outcomes)
        } else {
            Err(LogError::Unavailable("the log answered for other commands".to_owned()).into())
        }
    }
}

/// A comparison reads every manifest, every quarter of an hour: recorded, that would be most of the
/// log. What our own jobs change is recorded like anybody's.
fn is_own_look(notification: &Notification) -> bool {
    let look = matches!(
        notification.event,
        ContentEvent::ManifestPulled { .. } | ContentEvent::BlobPulled { .. }
    );
    look && notification.actor.as_deref() == Some(crate::registry::SUBJECT)
}

/// The image or index that a push tells of, if it does not tell for which platform.
fn bare_image(event: &ContentEvent) -> Option<(RepositoryName, ContentDigest)> {
    let ContentEvent::ManifestPushed { repository, digest, media_type, references, .. } = event
    else {
        return None;
    };
    let first = references.first().map(|first| first.media_type.as_deref());
    let image = first.is_none_or(|kind| is_image_config(kind) || is_manifest(kind));
    let told = references.iter().any(|reference| reference.platform.is_some());
    (is_manifest(media_type.as_deref()) && image && !told)
        .then(|| (repository.clone(), digest.clone()))
}

fn appended(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Appended { .. })
}

fn event_key(registry: &RegistryName, id: &str) -> String {
    format!("{registry}:event:{id}")
}

fn instance_key(registry: &RegistryName, instance: &str) -> String {
    format!("{registry}:instance:{instance}")
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The beginning of a text, at most `max` bytes, ending between characters.
fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// What an event that cannot be read leaves behind of the registry's own words.
fn source(id: String, request: Option<String>, instance: Option<String>) -> RegistrySource {
    RegistrySource { event: id, request, instance }
}

#[cfg(test)]
mod tests;
