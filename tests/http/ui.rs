//! The pages, as somebody with a browser without script goes through them.

mod account;
mod administration;
mod browser;
mod comments;
mod crawl;
mod errors;
mod feed;
mod grants;
mod hostile;
mod inside;
mod journeys;
mod languages;
mod live;
mod meanwhile;
mod names;
mod packed;
mod password;
mod past;
mod reference;
mod referrers;
mod rights;
mod search;
mod setup;
mod sign_up;
mod spaces;
mod tags;
mod work;

use std::time::Duration;

use domain::digest::Digest;
use domain::event::{Actor, Event, Fact, Meta, NewEvent, Position, StreamName};
use domain::log::{Append, Expected, Outcome};
use domain::name::{NamespaceName, RegistryName, RepositoryName, TagName, TeamName, UserName};
use domain::namespace::{Holder, NamespaceEvent, Visibility};
use domain::registry::{ContentEvent, PullMethod};
use domain::team::TeamEvent;
use tests::site::Site;

use self::browser::Browser;

/// How long something may take to be seen.
const PATIENCE: Duration = Duration::from_secs(20);

fn browser(site: &Site) -> Browser {
    Browser::new(&site.url)
}

/// The browser of somebody who has signed in.
async fn signed_in(site: &Site, name: &str) -> Browser {
    let mut browser = browser(site);
    let page = browser.sign_in(name, &Site::password(name)).await;
    assert_eq!(page.status, 200, "{}", page.text);
    browser
}

fn registry() -> RegistryName {
    RegistryName::parse("main").unwrap()
}

fn repo(name: &str) -> RepositoryName {
    RepositoryName::parse(name).unwrap()
}

fn digest(content: &str) -> Digest {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(content.as_bytes());
    Digest::parse(&format!("sha256:{}", hex::encode(hash))).unwrap()
}

/// Records a fact as it is, and waits until every page shows it.
async fn record(site: &Site, by: Actor, event: impl Into<Event>) -> Position {
    let event = event.into();
    let stream = match &event {
        Event::Namespace(NamespaceEvent::Created { registry, namespace, .. }) => {
            StreamName::namespace(registry, namespace)
        }
        Event::Team(TeamEvent::Created { team, .. }) => StreamName::team(team),
        _ => StreamName::stored(format!("test-{}", uuid::Uuid::now_v7())),
    };
    let desk = &site.ground.desk;
    let occurred_at = desk.clock.now();
    let events = vec![NewEvent { id: desk.new_id(), occurred_at, meta: Meta::by(by), event }];
    let append = Append { stream, expected: Expected::Any, key: None, events };
    let position = match site.ground.log.append(vec![append]).await.unwrap().remove(0) {
        Outcome::Appended { last, .. } => last,
        other => panic!("{other:?}"),
    };
    settled(site, position).await;
    position
}

/// Everything in the log.
async fn facts(site: &Site) -> Vec<Fact> {
    let (mut all, mut after) = (Vec::new(), Position(0));
    loop {
        let page = site.ground.log.read_all(after, 1_000, None).await.unwrap();
        all.extend(page.events.iter().map(|event| event.decode().unwrap()));
        if page.next >= page.head {
            return all;
        }
        after = page.next;
    }
}

async fn settled(site: &Site, position: Position) {
    site.reached(position).await;
    site.parts.routes.pages.search.reached(position, PATIENCE).await.unwrap();
    site.parts.routes.pages.followers.reached(position).await;
}

fn person(name: &str) -> Actor {
    Actor::User { name: UserName::parse(name).unwrap() }
}

/// A team with one owner, and its namespace of the same name.
async fn team(site: &Site, name: &str, owner: &str, visibility: Visibility) {
    let team = TeamName::parse(name).unwrap();
    let owner = UserName::parse(owner).unwrap();
    let made = TeamEvent::Created { team: team.clone(), owner, description: String::new() };
    record(site, person(tests::site::ADMINISTRATOR), made).await;
    let made = NamespaceEvent::Created {
        registry: registry(),
        namespace: NamespaceName::parse(name).unwrap(),
        holder: Holder::Team { team },
        visibility,
        description: format!("images of {name}"),
    };
    record(site, person(tests::site::ADMINISTRATOR), made).await;
}

fn pushed(image: &str) -> ContentEvent {
    let (name, tag) = image.split_once(':').unwrap();
    ContentEvent::ManifestPushed {
        registry: registry(),
        repository: repo(name),
        digest: digest(image),
        tag: Some(TagName::parse(tag).unwrap()),
        media_type: Some("application/vnd.oci.image.manifest.v1+json".to_owned()),
        size: Some(1_234),
        references: vec![],
        omitted: None,
    }
}

fn pulled(image: &str) -> ContentEvent {
    let (name, tag) = image.split_once(':').unwrap();
    ContentEvent::ManifestPulled {
        registry: registry(),
        repository: repo(name),
        digest: digest(image),
        tag: Some(TagName::parse(tag).unwrap()),
        media_type: None,
        method: PullMethod::Get,
    }
}

pub(crate) async fn push(site: &Site, by: &str, image: &str) -> Position {
    record(site, person(by), pushed(image)).await
}
