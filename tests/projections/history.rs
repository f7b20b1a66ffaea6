//! Long and odd pasts, made from a number: the same number, the same past.

use std::sync::Arc;

use commands::log::postgres::{PostgresLog, PostgresLogOptions};
use domain::admin::AdminEvent;
use domain::app_token::{AppTokenEvent, TokenId, TokenScope};
use domain::auth::{AuthEvent, ScopeDecision, TokenDecision};
use domain::digest::{Descriptor, Digest};
use domain::event::{
    Actor, Credential, Door, Event, EventId, Meta, NewEvent, Position, Sealed, StreamName,
};
use domain::log::{Append, EventLog, Expected, LogError, Outcome};
use domain::name::{NamespaceName, RegistryName, RepositoryName, TagName, TeamName, UserName};
use domain::namespace::{Grant, GrantId, Grantee, Holder, NamespaceEvent, Visibility};
use domain::registry::{ContentEvent, Omitted, PullMethod, RegistryEvent, RegistrySettings};
use domain::repository::RepositoryEvent;
use domain::scope::ScopeAction;
use domain::star::StarEvent;
use domain::team::{Role, TeamEvent};
use domain::user::{Account, Origin, UserEvent};
use jiff::{Timestamp, ToSpan as _};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tests::postgres::TestDatabase;
use uuid::Uuid;

/// The log of a test's database.
pub(crate) async fn log(db: &TestDatabase) -> Arc<dyn EventLog> {
    PostgresLog::open(db.service.clone(), PostgresLogOptions::default()).await.unwrap()
}

/// A clock that stands.
pub(crate) fn now() -> projections::runner::Now {
    Arc::new(|| "2025-01-01T00:00:00Z".parse().unwrap())
}

/// Appends events to a stream, whatever is there; answers the last position.
pub(crate) async fn append(log: &dyn EventLog, events: Vec<NewEvent>) -> Position {
    let mut last = Position(0);
    for some in events.chunks(500) {
        let command = Append {
            stream: StreamName::system(),
            expected: Expected::Any,
            key: None,
            events: some.to_vec(),
        };
        // On a busy machine the log may give up, and whether it wrote is unknown: the same ids
        // again are the same facts.
        let outcome = loop {
            match log.append(vec![command.clone()]).await {
                Err(LogError::Unavailable(_) | LogError::Busy) => {}
                done => break done.unwrap().pop(),
            }
        };
        match outcome {
            Some(Outcome::Appended { last: at, .. }) => last = at,
            Some(Outcome::Duplicate { first }) => last = Position(first.0 + some.len() as u64 - 1),
            other => panic!("{other:?}"),
        }
    }
    last
}

/// One event by `actor` at `at`.
pub(crate) fn event(actor: Actor, at: Timestamp, event: impl Into<Event>) -> NewEvent {
    NewEvent {
        id: EventId(Uuid::now_v7()),
        occurred_at: at,
        meta: Meta::by(actor),
        event: event.into(),
    }
}

/// `count` events, with everything that can happen to a small world, in orders that rules would
/// often not allow: a projection never fails on an odd past.
pub(crate) fn history(seed: u64, count: usize) -> Vec<NewEvent> {
    let mut world = World { random: StdRng::seed_from_u64(seed), at: Timestamp::UNIX_EPOCH };
    world.at = "2024-05-01T00:00:00Z".parse().unwrap();
    (0..count).map(|_| world.next()).collect()
}

struct World {
    random: StdRng,
    at: Timestamp,
}

impl World {
    fn n(&mut self, below: usize) -> usize {
        self.random.random_range(0..below)
    }

    fn user(&mut self) -> UserName {
        UserName::parse(&format!("user-{}", self.n(7))).unwrap()
    }

    fn team(&mut self) -> TeamName {
        TeamName::parse(&format!("team-{}", self.n(4))).unwrap()
    }

    fn registry(&mut self) -> RegistryName {
        RegistryName::parse(["main", "other"][self.n(2)]).unwrap()
    }

    fn namespace(&mut self) -> NamespaceName {
        NamespaceName::parse(["_", "a", "a/b", "a/b/c", "d", "e"][self.n(6)]).unwrap()
    }

    fn repository(&mut self) -> RepositoryName {
        let names = ["x", "a/x", "a/b/x", "a/b/c/x", "a/b-c/x", "a0/x", "d/x", "d/y", "z/x"];
        RepositoryName::parse(names[self.n(names.len())]).unwrap()
    }

    fn digest(&mut self) -> Digest {
        Digest::parse(&format!("sha256:{:064x}", self.n(6))).unwrap()
    }

    fn tag(&mut self) -> TagName {
        TagName::parse(["latest", "v1", "v2"][self.n(3)]).unwrap()
    }

    fn actor(&mut self) -> Actor {
        match self.n(6) {
            0 => Actor::Anonymous,
            1 => Actor::Bot { name: self.user() },
            2 => Actor::Unknown { text: "gone <b>\u{0}".to_owned() },
            3 => Actor::System { part: "reconcile".to_owned() },
            _ => Actor::User { name: self.user() },
        }
    }

    fn next(&mut self) -> NewEvent {
        self.at += 1_370_137.microseconds();
        let kind = self.n(30);
        let what: Event = match kind {
            0 => self.user_event().into(),
            1 => {
                let user = self.user();
                if self.n(2) == 0 {
                    AdminEvent::Granted { user }.into()
                } else {
                    AdminEvent::Revoked { user }.into()
                }
            }
            2 | 3 => self.team_event().into(),
            4..=6 => self.namespace_event().into(),
            7 => self.registry_event().into(),
            8 => RepositoryEvent::Described {
                registry: self.registry(),
                repository: self.repository(),
                description: "words \u{0} and \\u0000".to_owned(),
            }
            .into(),
            9 => self.token_event().into(),
            10 => {
                let (user, registry, repository) =
                    (self.user(), self.registry(), self.repository());
                if self.n(3) == 0 {
                    StarEvent::Unstarred { user, registry, repository }.into()
                } else {
                    StarEvent::Starred { user, registry, repository }.into()
                }
            }
            11 => self.auth_event().into(),
            _ => self.content_event().into(),
        };
        // Notifications come late and early.
        let late = i64::try_from(self.n(40)).unwrap();
        let at = self.at - late.seconds();
        let mut event = event(self.actor(), at, what);
        if self.n(3) == 0 {
            event.meta.door = Some(Door::Notification);
            event.meta.sealed = Some(Sealed { key: "k".to_owned(), data: "AAAA".to_owned() });
        }
        event
    }

    fn user_event(&mut self) -> UserEvent {
        let user = self.user();
        match self.n(6) {
            0 | 1 => UserEvent::Registered {
                user,
                account: Account::Person,
                origin: Origin::Administrator,
            },
            2 => UserEvent::Disabled { user, reason: "left".to_owned() },
            3 => UserEvent::Enabled { user },
            4 => UserEvent::AuditorGranted { user },
            _ => UserEvent::Removed { user, name_free_at: self.at },
        }
    }

    fn team_event(&mut self) -> TeamEvent {
        let (team, user) = (self.team(), self.user());
        match self.n(6) {
            0 | 1 => TeamEvent::Created { team, owner: user, description: "t".to_owned() },
            2 => TeamEvent::MemberAdded { team, user, role: Role::Viewer },
            3 => TeamEvent::MemberRoleChanged {
                team,
                user,
                from: Role::Viewer,
                to: Role::Contributor,
            },
            4 => TeamEvent::MemberRemoved { team, user },
            _ => TeamEvent::Deleted { team, name_free_at: self.at },
        }
    }

    fn namespace_event(&mut self) -> NamespaceEvent {
        let (registry, namespace) = (self.registry(), self.namespace());
        let visibilities = [Visibility::Private, Visibility::Protected, Visibility::Public];
        match self.n(7) {
            0..=2 => NamespaceEvent::Created {
                registry,
                namespace,
                holder: Holder::Team { team: self.team() },
                visibility: visibilities[self.n(3)],
                description: String::new(),
            },
            3 => NamespaceEvent::VisibilityChanged {
                registry,
                namespace,
                from: Visibility::Private,
                to: visibilities[self.n(3)],
            },
            4 => NamespaceEvent::Granted {
                registry,
                namespace,
                grant: Grant {
                    id: GrantId(Uuid::from_u128(self.n(5) as u128)),
                    to: Grantee::User { user: self.user() },
                    role: Role::Contributor,
                    repository: None,
                    until: None,
                },
            },
            5 => NamespaceEvent::GrantRevoked {
                registry,
                namespace,
                grant: GrantId(Uuid::from_u128(self.n(5) as u128)),
            },
            _ => NamespaceEvent::Deleted { registry, namespace, name_free_at: self.at },
        }
    }

    fn registry_event(&mut self) -> RegistryEvent {
        let registry = self.registry();
        let settings = RegistrySettings {
            service: format!("{registry}.example"),
            host: format!("{registry}.example"),
            url: "http://127.0.0.1:5000".to_owned(),
        };
        match self.n(4) {
            0 | 1 => RegistryEvent::Added { registry, settings },
            2 => RegistryEvent::SecretRotated { registry, old_good_until: self.at },
            _ => RegistryEvent::Removed { registry },
        }
    }

    fn token_event(&mut self) -> AppTokenEvent {
        let (user, token) = (self.user(), TokenId(Uuid::from_u128(self.n(9) as u128)));
        if self.n(3) == 0 {
            return AppTokenEvent::Revoked { user, token };
        }
        AppTokenEvent::Created {
            user,
            token,
            label: "ci".to_owned(),
            scopes: [TokenScope::Pull].into(),
            namespaces: None,
            expires_at: self.at + 90.hours(),
        }
    }

    fn auth_event(&mut self) -> AuthEvent {
        if self.n(2) == 0 {
            return AuthEvent::SignedIn { user: self.user(), door: Door::Web };
        }
        let token = TokenId(Uuid::from_u128(self.n(9) as u128));
        let credential = (self.n(3) > 0).then_some(Credential::AppToken { id: token });
        let decision = |refused: Option<&str>, user: UserName, at| TokenDecision {
            at,
            subject: Actor::User { name: user },
            credential,
            service: "main.example".to_owned(),
            scopes: vec![ScopeDecision {
                asked: "repository:a/x:pull,push".to_owned(),
                granted: if refused.is_some() { vec![] } else { vec![ScopeAction::Pull] },
                allowed: None,
                refused: refused.map(str::to_owned),
            }],
            jti: "jti".to_owned(),
            decided_at: Position(1),
            request: "r".to_owned(),
            client: None,
            sealed: None,
        };
        let (one, other, at) = (self.user(), self.user(), self.at);
        AuthEvent::TokensDecided {
            decisions: [decision(None, one, at), decision(Some("default"), other, at)].into(),
        }
    }

    fn content_event(&mut self) -> ContentEvent {
        let (registry, repository) = (self.registry(), self.repository());
        let (digest, tag) = (self.digest(), self.tag());
        match self.n(14) {
            0..=3 => ContentEvent::ManifestPushed {
                registry,
                repository,
                references: references(&digest),
                digest,
                tag: (self.n(4) > 0).then_some(tag),
                media_type: Some("application/vnd.oci.image.manifest.v1+json".to_owned()),
                size: Some(500),
                omitted: None,
            },
            4..=6 => ContentEvent::ManifestPulled {
                registry,
                repository,
                digest,
                tag: (self.n(2) > 0).then_some(tag),
                media_type: None,
                method: if self.n(2) == 0 { PullMethod::Get } else { PullMethod::Head },
            },
            7 => ContentEvent::Deleted { registry, repository, digest },
            8 => ContentEvent::TagDeleted { registry, repository, tag },
            9 => ContentEvent::TagObserved {
                registry,
                repository,
                tag,
                references: references(&digest),
                digest,
                media_type: Some("application/x-unheard-of\u{0}".to_owned()),
                size: None,
                omitted: None,
            },
            10 => ContentEvent::TagMissed { registry, repository, tag },
            11 => ContentEvent::ManifestObserved {
                registry,
                repository,
                references: references(&digest),
                digest,
                media_type: Some("application/vnd.oci.image.manifest.v1+json".to_owned()),
                size: Some(500),
                omitted: Some(Omitted { count: 2, bytes: 20 }),
            },
            12 => ContentEvent::ManifestMissed { registry, repository, digest },
            _ => ContentEvent::BlobMounted { registry, repository, digest, from: None },
        }
    }
}

/// Content never changes under its digest, so these follow from it.
fn references(parent: &Digest) -> Vec<Descriptor> {
    let last = parent.as_str().chars().next_back().and_then(|c| c.to_digit(16)).unwrap_or(0);
    (0..last)
        .map(|n| Descriptor {
            media_type: Some("application/vnd.oci.image.config.v1+json".to_owned()),
            digest: Digest::parse(&format!("sha256:{:064x}", 1_000 + n)).unwrap(),
            size: Some(u64::from(n) * 100),
            platform: (n % 2 == 0).then(|| "linux/amd64".to_owned()),
        })
        .collect()
}
