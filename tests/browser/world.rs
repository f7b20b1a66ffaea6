//! A small believable world in a real service.

use std::time::Duration;

use domain::digest::{Descriptor, Digest};
use domain::event::{Actor, Event, Meta, NewEvent, StreamName};
use domain::log::{Append, Expected};
use domain::name::{NamespaceName, RegistryName, RepositoryName, TagName, TeamName, UserName};
use domain::namespace::{Holder, NamespaceEvent, Visibility};
use domain::registry::{ContentEvent, PullMethod};
use domain::repository::RepositoryEvent;
use domain::team::{Role, TeamEvent};
use jiff::{SignedDuration, Timestamp};
use tests::site::{ADMINISTRATOR, Site};

use super::chromium::Chromium;

/// How long something may take to be seen.
const PATIENCE: Duration = Duration::from_secs(20);

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A service in which a few teams work.
pub(crate) async fn site() -> Site {
    let site = Site::start().await;
    for name in ["alice", "bob", "carol"] {
        site.register(name).await;
    }
    team(&site, "payments", "alice", "Everything that moves money", Visibility::Private).await;
    team(&site, "platform", "alice", "Base images for all teams", Visibility::Public).await;
    member(&site, "payments", "bob", Role::Contributor).await;
    member(&site, "payments", "carol", Role::Viewer).await;
    describe(
        &site,
        "payments/checkout",
        "Takes orders, and money for them. Owned by the payments team.",
    )
    .await;
    let pushes = [
        ("platform/base:12", "alice", 400, true),
        ("platform/base:latest", "alice", 90, true),
        ("platform/node:22", "alice", 72, true),
        ("payments/ledger:1.8.0", "bob", 60, false),
        ("payments/checkout:2.3.9", "bob", 50, true),
        ("payments/checkout:2.4.0", "bob", 26, true),
        ("payments/checkout:2.4.1", "alice", 3, true),
        ("payments/checkout:latest", "alice", 3, true),
    ];
    for (image, by, hours, index) in pushes {
        push(&site, by, image, hours, index).await;
    }
    for (image, by, hours) in [
        ("payments/checkout:2.4.1", "bob", 2),
        ("payments/checkout:latest", "carol", 1),
        ("platform/base:latest", "bob", 1),
    ] {
        let (name, tag) = parts(image);
        let pulled = ContentEvent::ManifestPulled {
            registry: registry(),
            repository: name,
            digest: digest(image),
            tag: Some(tag),
            media_type: None,
            method: PullMethod::Get,
        };
        record(&site, person(by), pulled, hours).await;
    }
    site
}

/// Signs in through the form.
pub(crate) async fn sign_in(browser: &Chromium, site: &Site, name: &str) {
    browser.open(&format!("{}/sign-in", site.url)).await;
    browser.click("#name").await;
    browser.type_text(name).await;
    browser.click("#password").await;
    browser.type_text(&Site::password(name)).await;
    browser.follow("main button.primary").await;
}

pub(crate) async fn push(site: &Site, by: &str, image: &str, hours: i64, index: bool) {
    let (name, tag) = parts(image);
    let reference = |part: &str, media_type: &str, size: u64, platform: Option<&str>| Descriptor {
        digest: digest(&format!("{image} {part}")),
        media_type: Some(media_type.to_owned()),
        size: Some(size),
        platform: platform.map(str::to_owned),
    };
    let references = if index {
        vec![
            reference("amd64", MANIFEST, 58_200_114, Some("linux/amd64")),
            reference("arm64", MANIFEST, 56_731_002, Some("linux/arm64")),
        ]
    } else {
        vec![
            reference("config", "application/vnd.oci.image.config.v1+json", 7_023, None),
            reference("layer", "application/vnd.oci.image.layer.v1.tar+gzip", 31_402_118, None),
        ]
    };
    let pushed = ContentEvent::ManifestPushed {
        registry: registry(),
        repository: name,
        digest: digest(image),
        tag: Some(tag),
        media_type: Some(if index { INDEX } else { MANIFEST }.to_owned()),
        size: Some(1_612),
        references,
        omitted: None,
    };
    record(site, person(by), pushed, hours).await;
}

async fn team(site: &Site, name: &str, owner: &str, about: &str, visibility: Visibility) {
    let team = TeamName::parse(name).unwrap();
    let owner = UserName::parse(owner).unwrap();
    let made = TeamEvent::Created { team: team.clone(), owner, description: about.to_owned() };
    record(site, person(ADMINISTRATOR), made, 900).await;
    let made = NamespaceEvent::Created {
        registry: registry(),
        namespace: NamespaceName::parse(name).unwrap(),
        holder: Holder::Team { team },
        visibility,
        description: about.to_owned(),
    };
    record(site, person(ADMINISTRATOR), made, 899).await;
}

async fn member(site: &Site, team: &str, user: &str, role: Role) {
    let (team, user) = (TeamName::parse(team).unwrap(), UserName::parse(user).unwrap());
    record(site, person("alice"), TeamEvent::MemberAdded { team, user, role }, 700).await;
}

async fn describe(site: &Site, name: &str, text: &str) {
    let described = RepositoryEvent::Described {
        registry: registry(),
        repository: RepositoryName::parse(name).unwrap(),
        description: text.to_owned(),
    };
    record(site, person("alice"), described, 600).await;
}

fn registry() -> RegistryName {
    RegistryName::parse("main").unwrap()
}

fn parts(image: &str) -> (RepositoryName, TagName) {
    let (name, tag) = image.split_once(':').unwrap();
    (RepositoryName::parse(name).unwrap(), TagName::parse(tag).unwrap())
}

fn person(name: &str) -> Actor {
    Actor::User { name: UserName::parse(name).unwrap() }
}

fn digest(content: &str) -> Digest {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(content.as_bytes());
    Digest::parse(&format!("sha256:{}", hex::encode(hash))).unwrap()
}

/// Records a fact as it is, so many hours ago, and waits until every page shows it.
async fn record(site: &Site, by: Actor, event: impl Into<Event>, hours: i64) {
    let event = event.into();
    let stream = match &event {
        Event::Namespace(NamespaceEvent::Created { registry, namespace, .. }) => {
            StreamName::namespace(registry, namespace)
        }
        Event::Team(TeamEvent::Created { team, .. } | TeamEvent::MemberAdded { team, .. }) => {
            StreamName::team(team)
        }
        _ => StreamName::stored(format!("test-{}", uuid::Uuid::now_v7())),
    };
    let desk = &site.ground.desk;
    let now: Timestamp = desk.clock.now();
    let occurred_at = now - SignedDuration::from_hours(hours);
    let events = vec![NewEvent { id: desk.new_id(), occurred_at, meta: Meta::by(by), event }];
    let append = Append { stream, expected: Expected::Any, key: None, events };
    let written = site.ground.log.append(vec![append]).await.unwrap().remove(0);
    let domain::log::Outcome::Appended { last, .. } = written else { panic!("{written:?}") };
    site.reached(last).await;
    site.parts.routes.pages.search.reached(last, PATIENCE).await.unwrap();
    site.parts.routes.pages.followers.reached(last).await;
}
