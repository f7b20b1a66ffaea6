//! Filters, counts by what hits are like, what is near, and what decides among equals.

use domain::access::Visible;
use domain::digest::Descriptor;
use domain::event::Position;
use domain::namespace::{NamespaceEvent, Visibility};
use domain::registry::{ContentEvent, PullMethod};
use domain::repository::RepositoryEvent;
use domain::team::TeamEvent;
use jiff::SignedDuration;
use projections::search::{Entry, Filters, Kind, Query, Results, SearchIndex, Since};

use super::world::{
    World, deleted, digest, everything, names, now, public, pulled, pushed, registry, repo, space,
    starred, team, user,
};

/// An image or index for these platforms.
fn built(image: &str, content: &str, platforms: &[&str]) -> ContentEvent {
    let reference = |platform: &&str| Descriptor {
        media_type: None,
        digest: digest(platform),
        size: None,
        platform: Some((*platform).to_owned()),
    };
    match pushed(image, content) {
        ContentEvent::ManifestPushed { registry, repository, digest, tag, .. } => {
            ContentEvent::ManifestPushed {
                registry,
                repository,
                digest,
                tag,
                media_type: None,
                size: None,
                references: platforms.iter().map(reference).collect(),
                omitted: None,
            }
        }
        other => other,
    }
}

/// Read later in the registry, as platforms of single images are.
fn observed(image: &str, content: &str, platforms: &[&str]) -> ContentEvent {
    match built(image, content, platforms) {
        ContentEvent::ManifestPushed { registry, repository, digest, references, .. } => {
            ContentEvent::ManifestObserved {
                registry,
                repository,
                digest,
                media_type: None,
                size: None,
                references,
                omitted: None,
            }
        }
        other => other,
    }
}

fn ask(world: &World, text: &str, filters: Filters, visible: &Visible) -> Results {
    let query = Query::new(text, 100, now()).filtered(filters);
    world.index.find(&query, visible).unwrap()
}

fn platform(text: &str) -> Filters {
    Filters { platform: text.parse().ok(), ..Filters::default() }
}

fn member() -> Visible {
    Visible { namespaces: [(registry(), space("closed"))].into(), ..public() }
}

async fn world() -> World {
    let world = World::new();
    world.namespace("open", Visibility::Public).await;
    world.namespace("closed", Visibility::Private).await;
    world.namespace("hidden", Visibility::Private).await;
    let both = ["linux/amd64", "linux/arm64/v8", "unknown/unknown"];
    world.record(built("open/app:1", "a", &both)).await;
    world.record(built("open/web:1", "b", &["linux/amd64"])).await;
    world.record(built("closed/app:1", "c", &["linux/arm/v7"])).await;
    world.record(built("closed/app:2", "d", &[])).await;
    world.record(built("hidden/app:1", "e", &both)).await;
    world.record(built("hidden/app:2", "f", &["windows/amd64"])).await;
    world.catch_up().await;
    world
}

#[tokio::test]
async fn filters_combine_and_each_count_is_what_its_filter_would_find() {
    let world = world().await;
    let mut compared = 0;
    for visible in [public(), member(), everything(), Visible::default()] {
        for text in ["", "app", "open", "1", "closed app", "zzz"] {
            for set in every_filter() {
                let found = ask(&world, text, set.clone(), &visible);
                let kinds: usize = found.facets.kinds.iter().map(|(_, count)| count).sum();
                assert_eq!(kinds, found.total());
                let total = |filters: Filters| ask(&world, text, filters, &visible).total();
                for (name, count) in &found.facets.namespaces {
                    let set = Filters { namespace: Some(name.clone()), ..set.clone() };
                    assert_eq!(total(set), *count, "{text} {name}");
                }
                for (is, count) in &found.facets.visibilities {
                    let set = Filters { visibility: Some(*is), ..set.clone() };
                    assert_eq!(total(set), *count, "{text} {is:?}");
                }
                for (name, count) in &found.facets.platforms {
                    let set = Filters { platform: name.parse().ok(), ..set.clone() };
                    assert_eq!(total(set), *count, "{text} {name}");
                }
                for (since, count) in &found.facets.since {
                    let set = Filters { since: Some(*since), ..set.clone() };
                    assert_eq!(total(set), *count, "{text} {since:?}");
                }
                compared += found.facets.namespaces.len() + found.facets.platforms.len();
            }
        }
    }
    assert!(compared > 100, "{compared}");
}

fn every_filter() -> Vec<Filters> {
    let mut all = Vec::new();
    for namespace in [None, Some(space("open")), Some(space("closed")), Some(space("hidden"))] {
        for visibility in [None, Some(Visibility::Public), Some(Visibility::Private)] {
            for platform in [None, "linux/amd64".parse().ok(), "plan9/mips".parse().ok()] {
                for since in [None, Some(Since::Day), Some(Since::Year)] {
                    let (namespace, platform) = (namespace.clone(), platform.clone());
                    all.push(Filters { namespace, visibility, platform, since });
                }
            }
        }
    }
    all
}

#[tokio::test]
async fn counts_know_of_nothing_that_may_not_be_seen() {
    let world = world().await;
    let found = ask(&world, "app", Filters::default(), &public());
    assert_eq!(found.facets.namespaces, [(space("open"), 1)]);
    assert_eq!(found.facets.visibilities, [(Visibility::Public, 1)]);
    let platforms = [("linux/amd64".to_owned(), 1), ("linux/arm64".to_owned(), 1)];
    assert_eq!(found.facets.platforms, platforms);
    assert_eq!(found.facets.kinds, [(Kind::Repository, 1)]);
    let there = Filters { namespace: Some(space("hidden")), ..Filters::default() };
    let found = ask(&world, "app", there.clone(), &public());
    let nowhere = Filters { namespace: Some(space("no-such")), ..Filters::default() };
    assert_eq!(found, ask(&world, "app", nowhere, &public()));
    assert_eq!((found.total(), found.unfiltered), (0, 1));
    assert_eq!(ask(&world, "app", there, &everything()).repositories.total, 1);
}

#[tokio::test]
async fn who_may_see_one_repository_learns_nothing_of_its_namespace() {
    let world = world().await;
    let one = Visible { repositories: [(registry(), repo("hidden/app"))].into(), ..public() };
    let found = ask(&world, "app", Filters::default(), &one);
    assert_eq!(found.repositories.total, 2);
    assert_eq!(found.facets.namespaces, [(space("open"), 1)]);
    assert_eq!(found.facets.visibilities, [(Visibility::Public, 1)]);
    let private = Filters { visibility: Some(Visibility::Private), ..Filters::default() };
    assert_eq!(ask(&world, "app", private, &one).total(), 0);
}

#[tokio::test]
async fn platforms_are_those_of_what_is_there() {
    let world = world().await;
    let found = |world: &World, text: &str| ask(world, "", platform(text), &everything());
    let repositories = |results: &Results| names(&results.repositories).len();
    assert_eq!(repositories(&found(&world, "linux/amd64")), 3);
    assert_eq!(repositories(&found(&world, "linux/arm64")), 2);
    assert_eq!(repositories(&found(&world, "linux/arm/v7")), 1);
    assert_eq!(repositories(&found(&world, "unknown/unknown")), 0);
    assert_eq!(found(&world, "linux/amd64").tags.total, 3);
    assert_eq!(found(&world, "linux/amd64").teams.total, 0, "what has no platform is for none");

    // More is learned of a manifest later; its tags know it too, whether committed or not.
    world.record(observed("closed/app", "d", &["linux/s390x"])).await;
    world.record(built("closed/app:3", "g", &[])).await;
    world.record(observed("closed/app", "g", &["linux/s390x"])).await;
    world.catch_up().await;
    let tags = names(&found(&world, "linux/s390x").tags);
    assert_eq!(tags, ["closed/app:3", "closed/app:2"]);
    assert_eq!(repositories(&found(&world, "linux/s390x")), 1);

    // Another manifest of the same platform keeps the repository where it was.
    for content in ["d", "g"] {
        assert_eq!(repositories(&found(&world, "linux/s390x")), 1, "{content}");
        let (registry, repository) = (registry(), repo("closed/app"));
        let digest = digest(content);
        world.record(ContentEvent::Deleted { registry, repository, digest }).await;
        world.catch_up().await;
    }
    assert_eq!(found(&world, "linux/s390x").total(), 0);
}

#[tokio::test]
async fn pushed_since_counts_from_now() {
    let world = world().await;
    let ask = |later: SignedDuration, since: Since| {
        let filters = Filters { since: Some(since), ..Filters::default() };
        let query = Query::new("app", 10, now() + later).filtered(filters);
        world.index.find(&query, &everything()).unwrap()
    };
    // Everything happened within seconds, 100,000 of them before `now`.
    let ago = |hours: i64| SignedDuration::from_hours(hours) - SignedDuration::from_secs(100_000);
    assert_eq!(ask(ago(23), Since::Day).repositories.total, 3);
    assert_eq!(ask(ago(25), Since::Day).repositories.total, 0);
    assert_eq!(ask(ago(25), Since::Week).repositories.total, 3);
    assert_eq!(ask(ago(24 * 8), Since::Week).repositories.total, 0);
    assert_eq!(ask(ago(24 * 29), Since::Month).repositories.total, 3);
    assert_eq!(ask(ago(24 * 31), Since::Month).repositories.total, 0);
    assert_eq!(ask(ago(24 * 364), Since::Year).repositories.total, 3);
    let late = ask(ago(24 * 366), Since::Year);
    assert_eq!((late.total(), late.unfiltered), (0, 3));
    assert!(late.facets.since.is_empty());
}

#[tokio::test]
async fn who_finds_nothing_is_told_what_is_near_and_may_be_seen() {
    let world = World::with_images(&["team/checkout:1", "team/basket:1", "shop/web:1"]).await;
    world.namespace("closed", Visibility::Private).await;
    world.push("closed/checkpoint:1").await;
    world.catch_up().await;
    let near = |text: &str, visible: &Visible| {
        let found = world.find_as(text, visible);
        assert_eq!(found.total(), 0, "{text}");
        found.nearest.iter().map(Entry::name).collect::<Vec<_>>()
    };
    assert_eq!(near("checkout unknownword", &public()), ["team/checkout"]);
    assert_eq!(near("baskit zzzzzz", &public()), ["team/basket"]);
    assert_eq!(near("wbb zzzzzz", &public()), ["shop/web"]);
    assert!(near("checkpoint zzzzzz", &member()).contains(&"closed/checkpoint".to_owned()));
    assert!(near("checkpoint zzzzzz", &public()).iter().all(|name| !name.contains("closed")));
    assert!(near("zz", &public()).is_empty() && near("☃", &public()).is_empty());
    // Hits that only the filters hide are not replaced by what is near.
    let found = ask(&world, "basket", platform("linux/amd64"), &public());
    assert_eq!((found.total(), found.unfiltered, found.nearest.len()), (0, 1, 0));
}

#[tokio::test]
async fn descriptions_are_found_but_names_come_first() {
    let world = World::with_images(&["a/ledger:1", "b/bills:1", "b/archive:1"]).await;
    let described = |name: &str, text: &str| RepositoryEvent::Described {
        registry: registry(),
        repository: repo(name),
        description: text.to_owned(),
    };
    world.record(described("b/bills", "# Keeps the **ledger** of `Größen`")).await;
    world.record(starred("anna", "b/bills")).await;
    let (namespace, description) = (space("a"), "All about parcels".to_owned());
    let about = NamespaceEvent::Described { registry: registry(), namespace, description };
    world.record(about).await;
    let crew = TeamEvent::Created {
        team: team("crew"),
        owner: user("owner"),
        description: "They carry parcels".to_owned(),
    };
    world.record(crew).await;
    world.catch_up().await;
    assert_eq!(world.repositories("ledger"), ["a/ledger", "b/bills"]);
    for typed in ["größen", "groessen", "grossen", "grö"] {
        assert_eq!(world.repositories(typed), ["b/bills"], "{typed}");
    }
    let found = world.find_as("parcel", &everything());
    assert_eq!(
        (names(&found.namespaces), names(&found.teams)),
        (vec!["a".into()], vec!["crew".into()])
    );
    world.record(described("b/bills", "")).await;
    world.catch_up().await;
    assert_eq!(world.repositories("ledger"), ["a/ledger"]);
    // A push keeps the words.
    world.record(described("b/archive", "old things")).await;
    world.push("b/archive:2").await;
    world.catch_up().await;
    assert_eq!(world.repositories("things"), ["b/archive"]);
}

#[tokio::test]
async fn of_the_same_tag_in_two_repositories_the_liked_one_comes_first() {
    let world = World::with_images(&["a/app:1.0", "b/app:1.0"]).await;
    assert_eq!(names(&world.find("1.0").tags), ["b/app:1.0", "a/app:1.0"], "the newer first");
    for person in ["anna", "ben"] {
        world.record(starred(person, "a/app")).await;
    }
    world.catch_up().await;
    assert_eq!(names(&world.find("1.0").tags), ["a/app:1.0", "b/app:1.0"]);
    let World { log, index, dir } = world;
    drop(index);
    let index = SearchIndex::open(dir.path()).unwrap();
    index.catch_up(&*log).await.unwrap();
    let found = index.find(&Query::new("1.0", 10, now()), &public()).unwrap();
    assert_eq!(names(&found.tags), ["a/app:1.0", "b/app:1.0"], "after a restart too");
}

#[tokio::test]
async fn equals_stand_in_the_order_of_the_alphabet_however_they_came() {
    let world = World::new();
    for name in ["team-zulu-one", "team-alpha-two", "team-mike-one", "team-alpha-one"] {
        world.namespace(name, Visibility::Public).await;
        world.catch_up().await;
    }
    let found = names(&world.find("team").namespaces);
    assert_eq!(found, ["team-alpha-one", "team-alpha-two", "team-mike-one", "team-zulu-one"]);
}

#[tokio::test]
async fn kinds_come_in_the_order_of_their_best_match() {
    let world = World::with_images(&["payments/api:1", "shop/payments:1"]).await;
    let order = |text: &str| world.find(text).order;
    assert_eq!(order("payments"), [Kind::Namespace, Kind::Repository]);
    assert_eq!(order("shop/payments"), [Kind::Repository]);
    assert_eq!(order("payments:1"), [Kind::Tag]);
    assert!(order("nothing-like-it").is_empty());
}

#[tokio::test]
async fn thousands_of_downloads_are_counted_about_right_and_the_same_by_each_index() {
    let world = World::with_images(&["team/app:1"]).await;
    for _ in 0..1_500 {
        world.record(pulled("team/app", PullMethod::Get)).await;
    }
    world.catch_up().await;
    let pulls = |index: &SearchIndex| {
        let found = index.find(&Query::new("app", 1, now()), &public()).unwrap();
        let Some(Entry::Repository { pulls, .. }) = found.repositories.best.into_iter().next()
        else {
            panic!("no repository")
        };
        pulls
    };
    let counted = pulls(&world.index);
    assert!((1_100..=1_900).contains(&counted), "{counted}");
    let other = tempfile::tempdir().unwrap();
    let rebuilt = SearchIndex::open(other.path()).unwrap();
    rebuilt.catch_up(&*world.log).await.unwrap();
    assert_eq!(pulls(&rebuilt), counted);
    assert_ne!(rebuilt.position(), Position(0));
}

#[tokio::test]
async fn a_namespace_that_is_gone_is_no_value_any_more() {
    let world = world().await;
    world.record(deleted("open")).await;
    world.catch_up().await;
    let found = ask(&world, "app", Filters::default(), &everything());
    assert!(found.facets.namespaces.iter().all(|(name, _)| *name != space("open")));
}
