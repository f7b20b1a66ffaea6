//! A site with many namespaces and grants, written straight into its log.

use std::sync::Arc;

use commands::log::postgres::{PostgresLog, PostgresLogOptions};
use domain::digest::Digest;
use domain::event::{Actor, Event, EventId, Meta, NewEvent, StreamName};
use domain::log::{Append, EventLog, Expected};
use domain::name::{NamespaceName, RegistryName, RepositoryName, TagName, TeamName, UserName};
use domain::namespace::{Grant, GrantId, Grantee, Holder, NamespaceEvent, Visibility};
use domain::registry::{ContentEvent, PullMethod};
use domain::team::Role;
use jiff::Timestamp;
use tests::program::Program;

/// How many appends go to the log at once.
const BATCH: usize = 500;

/// Opens a site's log from outside, as the service's role.
pub(crate) async fn open(site: &Program) -> Arc<PostgresLog> {
    let options = site.connect_options("portus_service").expect("the embedded database");
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(4).connect_with(options).await;
    let log = PostgresLog::open(pool.expect("a pool"), PostgresLogOptions::default()).await;
    log.expect("the site's log")
}

/// Makes `count` namespaces of one team, called `w<number>`.
pub(crate) async fn namespaces(log: &PostgresLog, registry: &str, team: &str, count: usize) {
    let registry = registry_name(registry);
    let team = TeamName::parse(team).expect("a team's name");
    let appends = (0..count).map(|number| {
        let namespace = namespace_name(number);
        Append {
            stream: StreamName::namespace(&registry, &namespace),
            expected: Expected::NoStream,
            key: None,
            events: vec![new(NamespaceEvent::Created {
                registry: registry.clone(),
                namespace,
                holder: Holder::Team { team: team.clone() },
                visibility: Visibility::Private,
                description: String::new(),
            })],
        }
    });
    write(log, appends).await;
}

/// Gives `user` a contributor's right on each of the first `count` namespaces.
pub(crate) async fn grants(log: &PostgresLog, registry: &str, user: &str, count: usize) {
    let registry = registry_name(registry);
    let user = UserName::parse(user).expect("a user's name");
    let appends = (0..count).map(|number| {
        let namespace = namespace_name(number);
        let grant = Grant {
            id: GrantId(uuid::Uuid::new_v4()),
            to: Grantee::User { user: user.clone() },
            role: Role::Contributor,
            repository: None,
            until: None,
        };
        Append {
            stream: StreamName::namespace(&registry, &namespace),
            expected: Expected::Any,
            key: None,
            events: vec![new(NamespaceEvent::Granted {
                registry: registry.clone(),
                namespace,
                grant,
            })],
        }
    });
    write(log, appends).await;
}

/// Adds `count` facts as a registry tells them: a push, then three pulls of it, and so on, over a
/// thousand repositories of the first namespaces.
pub(crate) async fn traffic(log: &PostgresLog, registry: &str, count: usize) {
    let registry = registry_name(registry);
    let stream = StreamName::pushes(&registry, now());
    let appends = (0..count).map(|number| told(&registry, &stream, number));
    write(log, appends).await;
}

/// One of these facts.
pub(crate) fn told(registry: &RegistryName, stream: &StreamName, number: usize) -> Append {
    let name = format!("{}/app", namespace_name(number / 4 % 1_000));
    let repository = RepositoryName::parse(&name).expect("a repository's name");
    let digest = Digest::parse(&tests::image::digest(&(number / 4).to_be_bytes()));
    let digest = digest.expect("a digest");
    let tag = TagName::parse(&format!("v{}", number / 4_000)).ok();
    let media_type = Some(tests::image::MANIFEST.to_owned());
    let (registry, size, references) = (registry.clone(), Some(1_000), Vec::new());
    let event = if number.is_multiple_of(4) {
        ContentEvent::ManifestPushed {
            registry,
            repository,
            digest,
            tag,
            media_type,
            size,
            references,
            omitted: None,
        }
    } else {
        let method = PullMethod::Get;
        ContentEvent::ManifestPulled { registry, repository, digest, tag, media_type, method }
    };
    Append { stream: stream.clone(), expected: Expected::Any, key: None, events: vec![new(event)] }
}

/// The name of a namespace of this world.
pub(crate) fn namespace_name(number: usize) -> NamespaceName {
    NamespaceName::parse(&format!("w{number}")).expect("a namespace's name")
}

pub(crate) fn registry_name(name: &str) -> RegistryName {
    RegistryName::parse(name).expect("a registry's name")
}

fn new(event: impl Into<Event>) -> NewEvent {
    let by = Actor::System { part: "benchmark".to_owned() };
    let id = EventId(uuid::Uuid::now_v7());
    NewEvent { id, occurred_at: now(), meta: Meta::by(by), event: event.into() }
}

pub(crate) fn now() -> Timestamp {
    commands::desk::Clock::system().now()
}

async fn write(log: &PostgresLog, appends: impl Iterator<Item = Append>) {
    let mut appends = appends.peekable();
    while appends.peek().is_some() {
        let batch: Vec<Append> = appends.by_ref().take(BATCH).collect();
        log.append(batch).await.expect("the world's facts");
    }
}
