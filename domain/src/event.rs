//! What can happen, who did it, and where it stands in the log.

#[cfg(any(test, feature = "testing"))]
pub mod catalogue;
pub mod upcast;

use jiff::Timestamp;
use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{DeserializeSeed, MapAccess};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::admin::AdminEvent;
use crate::app_token::{AppTokenEvent, TokenId};
use crate::auth::AuthEvent;
use crate::comment::{CommentEvent, CommentId};
use crate::name::{NamespaceName, RegistryName, RepositoryName, TeamName, UserName};
use crate::namespace::NamespaceEvent;
use crate::registry::{ContentEvent, RegistryEvent};
use crate::repository::RepositoryEvent;
use crate::star::StarEvent;
use crate::system::SystemEvent;
use crate::team::TeamEvent;
use crate::user::UserEvent;

/// Everything that can happen. Each kind lives in the file of its noun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// To a person or bot.
    User(UserEvent),
    /// To the set of administrators.
    Admin(AdminEvent),
    /// To a team.
    Team(TeamEvent),
    /// To a namespace.
    Namespace(NamespaceEvent),
    /// To a registry as a thing that we look after.
    Registry(RegistryEvent),
    /// Inside a registry, as its notifications tell.
    Content(ContentEvent),
    /// To a repository by an act in Portus.
    Repository(RepositoryEvent),
    /// To an application token.
    AppToken(AppTokenEvent),
    /// To a person's stars.
    Star(StarEvent),
    /// To a comment under a repository.
    Comment(CommentEvent),
    /// At the doors: token decisions, sign-ins.
    Auth(AuthEvent),
    /// To the service itself.
    System(SystemEvent),
}

/// Whether a rule decided it, or it simply happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i16)]
pub enum Class {
    /// Decided on a stream with its expected version; the access graph reads these alone.
    Decision = 0,
    /// Happened: pushes, pulls, token decisions, sign-ins.
    Fact = 1,
}

/// Lists the contexts once: the first part of a type's name, its variant, its class.
macro_rules! contexts {
    ($($variant:ident($inner:ty) = $context:literal, $class:ident;)*) => {
        impl Event {
            /// The first part of this event's type name, such as `user`.
            #[must_use]
            pub fn context(&self) -> &'static str {
                match self { $(Self::$variant(_) => $context,)* }
            }

            /// Decision or fact.
            #[must_use]
            pub fn class(&self) -> Class {
                match self { $(Self::$variant(_) => Class::$class,)* }
            }

            /// `{"type":…,"data":…}` as serde writes an adjacently tagged enum.
            fn tagged(&self) -> Result<String, serde_json::Error> {
                match self { $(Self::$variant(event) => serde_json::to_string(event),)* }
            }

            fn untag(context: &str, tagged: Tagged<'_>) -> Result<Self, DecodeError> {
                match context {
                    $($context => {
                        let name = tagged.name;
                        let read = <$inner>::deserialize(MapAccessDeserializer::new(tagged));
                        read.map(Self::$variant).map_err(|error| DecodeError::of(name, error))
                    })*
                    _ => Err(DecodeError::UnknownType),
                }
            }
        }
        $(
            impl From<$inner> for Event {
                fn from(event: $inner) -> Self { Self::$variant(event) }
            }
            impl TryFrom<Event> for $inner {
                type Error = Event;
                fn try_from(event: Event) -> Result<Self, Event> {
                    match event { Event::$variant(event) => Ok(event), other => Err(other) }
                }
            }
        )*
    };
}

contexts! {
    User(UserEvent) = "user", Decision;
    Admin(AdminEvent) = "admin", Decision;
    Team(TeamEvent) = "team", Decision;
    Namespace(NamespaceEvent) = "namespace", Decision;
    Registry(RegistryEvent) = "registry", Decision;
    Content(ContentEvent) = "content", Fact;
    Repository(RepositoryEvent) = "repository", Decision;
    AppToken(AppTokenEvent) = "app_token", Decision;
    Star(StarEvent) = "star", Decision;
    Comment(CommentEvent) = "comment", Decision;
    Auth(AuthEvent) = "auth", Fact;
    System(SystemEvent) = "system", Fact;
}

/// A stored event that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// No code of this version knows the type.
    #[error("unknown event type; a newer version of Portus wrote it")]
    UnknownType,
    /// The schema version is newer than this program.
    #[error("schema version {found} of this event type is newer than the {known} known here")]
    NewerSchema {
        /// The version stored.
        found: i16,
        /// The newest version known.
        known: i16,
    },
    /// No version before the known ones had this number.
    #[error("schema version {found} of this event type never was; known are 1 to {known}")]
    NoSuchSchema {
        /// The version stored.
        found: i16,
        /// The newest version known.
        known: i16,
    },
    /// The JSON is not what its version wrote.
    #[error("the stored JSON is not what schema version {found} wrote: {reason}")]
    OldShape {
        /// The version stored.
        found: i16,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The JSON does not fit the type.
    #[error("the stored JSON does not fit its type: {0}")]
    Json(#[from] serde_json::Error),
}

impl DecodeError {
    fn of(name: &str, error: serde_json::Error) -> Self {
        // serde says of an enum's unknown tag what it says of any other; only the text differs.
        let unknown = error.to_string().starts_with(&format!("unknown variant `{name}`"));
        if unknown { Self::UnknownType } else { Self::Json(error) }
    }
}

/// `{"type":name,"data":data}`, read without being put together: whatever stands in either part,
/// it cannot leak into the other.
struct Tagged<'a> {
    name: &'a str,
    data: &'a str,
    next: Part,
}

#[derive(Clone, Copy)]
enum Part {
    Name,
    Data,
    End,
}

impl<'a> Tagged<'a> {
    fn new(name: &'a str, data: &'a str) -> Self {
        Self { name, data, next: Part::Name }
    }
}

impl<'de> MapAccess<'de> for Tagged<'de> {
    type Error = serde_json::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, serde_json::Error> {
        let key = match self.next {
            Part::Name => "type",
            Part::Data => "data",
            Part::End => return Ok(None),
        };
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, serde_json::Error> {
        match self.next {
            Part::Name => {
                self.next = Part::Data;
                seed.deserialize(BorrowedStrDeserializer::new(self.name))
            }
            Part::Data | Part::End => {
                self.next = Part::End;
                let mut data = serde_json::Deserializer::from_str(self.data);
                let value = seed.deserialize(&mut data)?;
                data.end()?;
                Ok(value)
            }
        }
    }
}

/// An event in the form in which the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// `<context>.<what happened>`, such as `user.registered`.
    pub kind: String,
    /// See [`upcast`].
    pub schema: i16,
    /// Decision or fact.
    pub class: Class,
    /// The JSON object; these exact bytes are stored, and hashed.
    pub data: String,
}

impl Event {
    /// The event as type name and JSON.
    ///
    /// # Panics
    ///
    /// Never for events of this crate: all their fields are plain data, which a test over every
    /// variant shows.
    #[must_use]
    #[allow(clippy::expect_used)]
    pub fn encode(&self) -> Encoded {
        // serde writes {"type":"x","data":{…}} in this order: both parts are cut out of it.
        let tagged = self.tagged().expect("events are plain data");
        let (kind, data) = tagged
            .strip_prefix(r#"{"type":""#)
            .and_then(|rest| rest.split_once(r#"","data":"#))
            .and_then(|(kind, data)| Some((kind, data.strip_suffix('}')?)))
            .expect("events are adjacently tagged and have fields");
        let kind = format!("{}.{kind}", self.context());
        let (schema, class) = (upcast::current(&kind), self.class());
        Encoded { kind, schema, class, data: data.to_owned() }
    }

    /// Reads an event as any released version wrote it.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when a newer version wrote it, or the JSON does not fit.
    pub fn decode(kind: &str, schema: i16, data: &str) -> Result<Self, DecodeError> {
        let known = upcast::current(kind);
        if schema > known {
            return Err(DecodeError::NewerSchema { found: schema, known });
        }
        let (context, name) = kind.split_once('.').ok_or(DecodeError::UnknownType)?;
        let raised = if schema < known { Some(upcast::raise(kind, schema, data)?) } else { None };
        let data = raised.as_deref().unwrap_or(data);
        Self::untag(context, Tagged::new(name, data))
    }
}

/// An event's identity: made once by whoever appends, and kept over every retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub Uuid);

impl EventId {
    /// An identity that follows from a key, such as a registry's own event id: who appends the
    /// same thing again makes the same identity again. UUID version 8 over SHA-256.
    #[must_use]
    pub fn from_key(key: &str) -> Self {
        let hash = Sha256::digest(key.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A place in the global order. Ordered, and otherwise opaque: only the Postgres adapter's are
/// dense. Zero lies before the first event.
#[derive(
    Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Position(pub u64);

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of an event inside its stream, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u64);

/// The name of a stream: the facts of one thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamName(String);

impl StreamName {
    /// A name as the log gave it.
    #[must_use]
    pub fn stored(name: String) -> Self {
        Self(name)
    }

    /// `user-<name>`
    #[must_use]
    pub fn user(name: &UserName) -> Self {
        Self(format!("user-{name}"))
    }

    /// The one stream on which administrators are decided.
    #[must_use]
    pub fn administrators() -> Self {
        Self("administrators".to_owned())
    }

    /// `team-<name>`
    #[must_use]
    pub fn team(name: &TeamName) -> Self {
        Self(format!("team-{name}"))
    }

    /// `namespace-<registry>:<name>`
    #[must_use]
    pub fn namespace(registry: &RegistryName, name: &NamespaceName) -> Self {
        Self(format!("namespace-{registry}:{name}"))
    }

    /// `registry-<name>`
    #[must_use]
    pub fn registry(name: &RegistryName) -> Self {
        Self(format!("registry-{name}"))
    }

    /// `repository-<registry>:<name>`
    #[must_use]
    pub fn repository(registry: &RegistryName, name: &RepositoryName) -> Self {
        Self(format!("repository-{registry}:{name}"))
    }

    /// `tokens-<user>`: all application tokens of one person, so that their number is decided.
    #[must_use]
    pub fn app_tokens(user: &UserName) -> Self {
        Self(format!("tokens-{user}"))
    }

    /// `stars-<user>`
    #[must_use]
    pub fn stars(user: &UserName) -> Self {
        Self(format!("stars-{user}"))
    }

    /// `comment-<id>`
    #[must_use]
    pub fn comment(id: CommentId) -> Self {
        Self(format!("comment-{id}"))
    }

    /// `pulls-<registry>-<yyyymmddhh>`: bounded, so that no stream grows hot.
    #[must_use]
    pub fn pulls(registry: &RegistryName, at: Timestamp) -> Self {
        Self(format!("pulls-{registry}-{}", at.strftime("%Y%m%d%H")))
    }

    /// `pushes-<registry>-<yyyymmddhh>`: pushes, mounts, deletes, and what could not be read.
    #[must_use]
    pub fn pushes(registry: &RegistryName, at: Timestamp) -> Self {
        Self(format!("pushes-{registry}-{}", at.strftime("%Y%m%d%H")))
    }

    /// `auth-<yyyymmddhh>`
    #[must_use]
    pub fn auth(at: Timestamp) -> Self {
        Self(format!("auth-{}", at.strftime("%Y%m%d%H")))
    }

    /// What the service says of itself.
    #[must_use]
    pub fn system() -> Self {
        Self("system".to_owned())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for StreamName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who did it, as authentication says; never as the client claims (SR-AUD-3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// Nobody signed in.
    Anonymous,
    /// A person.
    User {
        /// Their name.
        name: UserName,
    },
    /// A bot.
    Bot {
        /// Its name.
        name: UserName,
    },
    /// A name in a notification that is no user name of ours; kept as text, cut to 255 bytes.
    Unknown {
        /// The text.
        text: String,
    },
    /// A registry.
    Registry {
        /// Our name of it.
        name: RegistryName,
    },
    /// A person at the machine, through `portus admin`.
    Console {
        /// Their numeric user id there.
        uid: u32,
    },
    /// Portus itself.
    System {
        /// Which part.
        part: String,
    },
}

impl Actor {
    /// Whether this is the person or bot of that name.
    #[must_use]
    pub fn is(&self, user: &UserName) -> bool {
        self.name() == Some(user)
    }

    /// The person's or bot's name.
    #[must_use]
    pub fn name(&self) -> Option<&UserName> {
        match self {
            Self::User { name } | Self::Bot { name } => Some(name),
            _ => None,
        }
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::User { name } | Self::Bot { name } => name.fmt(f),
            Self::Unknown { text } => f.write_str(text),
            Self::Registry { name } => write!(f, "registry {name}"),
            Self::Console { uid } => write!(f, "console (uid {uid})"),
            Self::System { part } => write!(f, "system ({part})"),
        }
    }
}

/// Through which door somebody came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// A page.
    Web,
    /// The REST interface.
    Api,
    /// The token endpoint.
    Token,
    /// A registry's notification.
    Notification,
    /// `portus admin` on the machine.
    Console,
    /// A job of our own.
    Job,
}

/// What somebody showed to prove who they are. Never the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Credential {
    /// A password.
    Password,
    /// A web session.
    Session,
    /// An application token.
    AppToken {
        /// Which.
        id: TokenId,
    },
    /// A refresh token of the token endpoint.
    RefreshToken,
    /// A registry's notification secret.
    RegistrySecret,
    /// The one-time secret for the first administrator.
    Bootstrap,
    /// The one-time link of a mail for a new password.
    ResetLink,
}

/// Where a notification came from, in the registry's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrySource {
    /// The registry's event id.
    pub event: String,
    /// The registry's request id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The registry process; a new one means that its queue was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

/// Personal data, sealed with a key of the vault: erase the key, and the person is forgotten.
///
/// What is sealed is a JSON object (`address`, `user_agent`); the event's id is its associated
/// data, so that a copied box does not open elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Which key: a user, or a day for anonymous callers.
    pub key: String,
    /// Nonce and ciphertext, base64 without padding.
    #[serde(rename = "box")]
    pub data: String,
}

/// The envelope of an event: who, through which door, for which request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Who did it.
    pub actor: Actor,
    /// Through which door.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<Door>,
    /// What they showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Credential>,
    /// Our request id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// By which rule the actor was allowed to do it (see [`crate::access::Rule`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Where a notification came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<RegistrySource>,
    /// Client address and user agent, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Sealed>,
}

impl Meta {
    /// An envelope that only says who.
    #[must_use]
    pub fn by(actor: Actor) -> Self {
        Self {
            actor,
            door: None,
            credential: None,
            request: None,
            rule: None,
            source: None,
            sealed: None,
        }
    }
}

/// An event on its way into the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Made once by the caller.
    pub id: EventId,
    /// When it happened, by the clock of whoever saw it.
    pub occurred_at: Timestamp,
    /// Who, through which door.
    pub meta: Meta,
    /// What.
    pub event: Event,
}

/// An event as the log keeps it: the bytes are exactly those that were appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Place in the global order.
    pub position: Position,
    /// Stream.
    pub stream: StreamName,
    /// Number in the stream.
    pub version: Version,
    /// Identity.
    pub id: EventId,
    /// Type name, such as `user.registered`.
    pub kind: String,
    /// Schema version of the type.
    pub schema: i16,
    /// Decision or fact.
    pub class: Class,
    /// When the log took it; never earlier than its predecessor. Microseconds.
    pub recorded_at: Timestamp,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// [`Meta`] as JSON.
    pub meta: String,
    /// The event as JSON.
    pub data: String,
}

impl Recorded {
    /// Reads the stored JSON.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when a newer version wrote it, or it does not fit.
    pub fn decode(&self) -> Result<Fact, DecodeError> {
        Ok(Fact {
            position: self.position,
            stream: self.stream.clone(),
            version: self.version,
            id: self.id,
            recorded_at: self.recorded_at,
            occurred_at: self.occurred_at,
            meta: serde_json::from_str(&self.meta)?,
            event: Event::decode(&self.kind, self.schema, &self.data)?,
        })
    }
}

/// A recorded event, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Place in the global order.
    pub position: Position,
    /// Stream.
    pub stream: StreamName,
    /// Number in the stream.
    pub version: Version,
    /// Identity.
    pub id: EventId,
    /// When the log took it.
    pub recorded_at: Timestamp,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Who, through which door.
    pub meta: Meta,
    /// What.
    pub event: Event,
}
