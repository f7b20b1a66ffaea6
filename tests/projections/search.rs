//! Search: what is found, in which order, and by whom; and that the index is a fold over the log.

mod durable;
mod facets;
mod relevance;
mod rights;
mod silence;
mod world;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::access::Visible;
use domain::event::Position;
use domain::log::EventLog;
use domain::name::TagName;
use domain::namespace::Visibility;
use domain::registry::{ContentEvent, PullMethod};
use domain::star::StarEvent;
use domain::team::TeamEvent;
use domain::user::{Account, Origin, UserEvent};
use jiff::Timestamp;
use projections::search::{Entry, Kind, Query};

use self::world::{
    World, became, deleted, digest, everything, names, now, public, pulled, pushed, registry, repo,
    space, starred, team, user,
};

#[tokio::test]
async fn names_are_found_while_they_are_typed() {
    let world = World::with_images(&["library/nginx:1", "library/postgres:16"]).await;
    for typed in ["n", "ng", "ngi", "ngin", "nginx", "NGINX", "library/ngi", "lib ngi", " nginx "] {
        assert_eq!(world.repositories(typed), ["library/nginx"], "{typed}");
    }
    assert_eq!(world.repositories("library").len(), 2);
    assert_eq!(world.find("zzz").total(), 0);
}

#[tokio::test]
async fn every_part_of_a_name_is_a_word() {
    let world = World::with_images(&["team/my-app_core.web:v1.2-RC1"]).await;
    for typed in ["my", "app", "core", "web", "myapp", "my-app", "my_app", "app core", "teammy"] {
        assert_eq!(world.repositories(typed), ["team/my-app_core.web"], "{typed}");
    }
    for typed in ["v1.2", "rc1", "RC1", "v12", "my-app_core.web:v1.2", "web:v1"] {
        assert_eq!(names(&world.find(typed).tags), ["team/my-app_core.web:v1.2-RC1"], "{typed}");
    }
}

#[tokio::test]
async fn tags_are_split_at_case() {
    let world = World::with_images(&["team/app:NightlyBuild"]).await;
    for typed in ["nightly", "build", "nightlybuild", "NightlyBuild", "Build"] {
        assert_eq!(names(&world.find(typed).tags), ["team/app:NightlyBuild"], "{typed}");
    }
}

#[tokio::test]
async fn a_repositorys_name_alone_does_not_list_its_tags() {
    let world = World::with_images(&["team/app:1", "team/app:2"]).await;
    let found = world.find("app");
    assert_eq!((found.repositories.total, found.tags.total), (1, 0));
    assert_eq!(world.find("app:2").tags.total, 1);
}

#[tokio::test]
async fn typing_errors_are_forgiven() {
    let world = World::with_images(&["library/nginx:1", "library/postgres:16"]).await;
    for typed in ["ngnix", "nginz", "mginx", "ngix"] {
        let found = world.find(typed);
        assert_eq!(names(&found.repositories), ["library/nginx"], "{typed}");
        assert!(found.forgiving);
    }
    assert_eq!(world.repositories("postgers"), ["library/postgres"]);
    assert!(!world.find("nginx").forgiving);
    assert_eq!(world.find("nz").total(), 0, "short words have too many neighbours");
}

#[tokio::test]
async fn the_exact_name_comes_first_whatever_is_liked_more() {
    let world =
        World::with_images(&["a/app:1", "a/apps:1", "a/app-store:1", "b/xapp:1", "app/x:1"]).await;
    for liked in ["a/apps", "a/app-store", "app/x", "b/xapp"] {
        for person in 0..20 {
            world.record(starred(&format!("user{person}"), liked)).await;
        }
        for _ in 0..20 {
            world.record(pulled(liked, PullMethod::Get)).await;
        }
    }
    world.catch_up().await;
    assert_eq!(world.repositories("a/app")[0], "a/app");
    assert_eq!(world.repositories("app")[0], "a/app");
    let found = world.find("apps");
    assert_eq!(found.repositories.best[0].name(), "a/apps");
}

#[tokio::test]
async fn a_forgiven_hit_never_stands_above_an_exact_one() {
    let world = World::with_images(&["x/ngnix:1", "x/nginx:1", "x/nginy:1"]).await;
    for _ in 0..50 {
        world.record(pulled("x/nginx", PullMethod::Get)).await;
    }
    world.catch_up().await;
    let found = world.repositories("ngnix");
    assert_eq!(found[0], "x/ngnix");
    assert!(found.contains(&"x/nginx".to_owned()), "and the liked neighbour is not lost");
}

#[tokio::test]
async fn among_equals_stars_pulls_and_freshness_decide() {
    let world = World::with_images(&["a/web-one:1", "a/web-two:1", "a/web-three:1"]).await;
    assert_eq!(world.repositories("web")[0], "a/web-three", "the latest push");
    world.record(pulled("a/web-two", PullMethod::Head)).await;
    for _ in 0..9 {
        world.record(pulled("a/web-two", PullMethod::Get)).await;
    }
    world.catch_up().await;
    let found = world.find("web").repositories.best;
    let Entry::Repository { name, pulls, .. } = &found[0] else { panic!("{found:?}") };
    assert_eq!((name.as_str(), *pulls), ("a/web-two", 9), "an up-to-date check is no download");
    for person in 0..3 {
        world.record(starred(&format!("user{person}"), "a/web-one")).await;
    }
    world.catch_up().await;
    assert_eq!(world.repositories("web")[0], "a/web-one");
    let back = StarEvent::Unstarred {
        user: user("user0"),
        registry: registry(),
        repository: repo("a/web-one"),
    };
    world.record(back).await;
    world.catch_up().await;
    let found = world.find("web-one").repositories.best;
    assert!(matches!(found[0], Entry::Repository { stars: 2, .. }), "{found:?}");
}

#[tokio::test]
async fn digests_are_found_by_their_beginning() {
    let world = World::with_images(&["team/app:1"]).await;
    world.record(pushed("team/app", "untagged")).await;
    world.catch_up().await;
    let (tagged, untagged) = (digest("team/app:1"), digest("untagged"));
    for typed in [tagged.as_str(), &tagged.as_str()[..20], tagged.short()] {
        let found = world.find(typed);
        assert_eq!(names(&found.tags), ["team/app:1"], "{typed}");
        assert_eq!(found.manifests.total, 1, "{typed}");
    }
    let found = world.find(untagged.short());
    assert_eq!((found.tags.total, found.manifests.total), (0, 1));
    assert_eq!(world.find(&format!("team/app@{untagged}")).manifests.total, 1);
    assert_eq!(world.find(&format!("other/app@{untagged}")).manifests.total, 0);
}

#[tokio::test]
async fn namespaces_and_teams_are_found() {
    let world = World::with_images(&["platform/app:1"]).await;
    for name in ["platform crew", "other"] {
        let owner = user("owner");
        world
            .record(TeamEvent::Created { team: team(name), owner, description: String::new() })
            .await;
    }
    world.catch_up().await;
    let mine = Visible { teams: [team("platform crew")].into(), ..public() };
    let found = world.find_as("platform", &mine);
    assert_eq!(names(&found.namespaces), ["platform"]);
    assert_eq!(names(&found.teams), ["platform crew"]);
    assert_eq!(world.find_as("other", &mine).teams.total, 0, "teams of others are hidden");
    assert_eq!(world.find_as("other", &everything()).teams.total, 1);
    let gone = TeamEvent::Deleted {
        team: team("other"),
        name_free_at: Timestamp::from_second(1_800_000_000).unwrap(),
    };
    world.record(gone).await;
    world.catch_up().await;
    assert_eq!(world.find_as("other", &everything()).teams.total, 0);
}

#[tokio::test]
async fn deleted_tags_and_manifests_vanish() {
    let world = World::with_images(&["team/app:1", "team/app:2"]).await;
    world.record(pushed("team/app:latest", "team/app:2")).await;
    let name = || (registry(), repo("team/app"));
    let (registry, repository) = name();
    let tag = TagName::parse("1").unwrap();
    world.record(ContentEvent::TagDeleted { registry, repository, tag }).await;
    world.catch_up().await;
    assert_eq!(world.find("app:1").tags.total, 0);
    assert_eq!(world.find("app:latest").tags.total, 1);
    let (registry, repository) = name();
    let blob = ContentEvent::Deleted { registry, repository, digest: digest("a blob") };
    world.record(blob).await;
    let (registry, repository) = name();
    let gone = digest("team/app:2");
    world.record(ContentEvent::Deleted { registry, repository, digest: gone }).await;
    world.catch_up().await;
    assert_eq!(world.find("app:2").tags.total, 0);
    assert_eq!(world.find("app:latest").tags.total, 0, "all tags of the manifest go with it");
    assert_eq!(world.repositories("app"), ["team/app"], "one manifest is left");
    let (registry, repository) = name();
    let last = digest("team/app:1");
    world.record(ContentEvent::Deleted { registry, repository, digest: last }).await;
    world.catch_up().await;
    assert_eq!(world.find("app").repositories.total, 0);
    assert_eq!(world.find_as("", &everything()).repositories.total, 0);
}

#[tokio::test]
async fn a_tag_that_moved_points_to_its_new_digest() {
    let world = World::with_images(&["team/app:latest"]).await;
    world.record(pushed("team/app:latest", "newer")).await;
    world.catch_up().await;
    let found = world.find("app:latest").tags;
    assert!(
        matches!(&found.best[..], [Entry::Tag { digest: now, .. }] if *now == digest("newer")),
        "{found:?}"
    );
}

#[tokio::test]
async fn another_visibility_is_in_force_with_the_next_commit() {
    let world = World::with_images(&["team/app:1", "open/app:1"]).await;
    assert_eq!(world.find("app").repositories.total, 2);
    world.record(became("team", Visibility::Public, Visibility::Private)).await;
    world.catch_up().await;
    assert_eq!(world.repositories("app"), ["open/app"]);
    assert_eq!(world.find("team").total(), 0);
    let member = Visible { namespaces: [(registry(), space("team"))].into(), ..public() };
    assert_eq!(world.find_as("app", &member).repositories.total, 2);
    world.record(became("team", Visibility::Private, Visibility::Public)).await;
    world.catch_up().await;
    assert_eq!(world.find("app").repositories.total, 2);
    assert_eq!(world.find("app:1").tags.total, 2);
}

#[tokio::test]
async fn what_lies_below_follows_the_namespace_that_decides() {
    let world = World::with_images(&["team/sub/app:1", "team/app:1"]).await;
    world.namespace("team/sub", Visibility::Private).await;
    world.catch_up().await;
    assert_eq!(world.repositories("app"), ["team/app"]);
    assert_eq!(world.find("app:1").tags.total, 1);
    world.record(deleted("team/sub")).await;
    world.catch_up().await;
    assert_eq!(world.find("app").repositories.total, 2, "the longer prefix is gone");
    world.record(deleted("team")).await;
    world.catch_up().await;
    assert_eq!(world.find_as("app", &everything()).total(), 0, "no namespace, nobody sees it");
    world.namespace("team", Visibility::Public).await;
    world.catch_up().await;
    assert_eq!(world.find("app").repositories.total, 2);
}

#[tokio::test]
async fn a_push_into_no_namespace_shows_to_nobody_until_there_is_one() {
    let world = World::new();
    world.push("later/app:1").await;
    world.push("solo:1").await;
    world.catch_up().await;
    assert_eq!(world.find_as("app", &everything()).total(), 0);
    world.namespace("later", Visibility::Public).await;
    world.namespace("_", Visibility::Public).await;
    world.catch_up().await;
    assert_eq!(world.repositories("app"), ["later/app"]);
    assert_eq!(world.repositories("solo"), ["solo"]);
}

#[tokio::test]
async fn a_right_on_one_repository_shows_that_repository_alone() {
    let world = World::new();
    world.namespace("team", Visibility::Private).await;
    world.push("team/app:1").await;
    world.push("team/other-app:1").await;
    world.catch_up().await;
    let one = Visible { repositories: [(registry(), repo("team/app"))].into(), ..public() };
    let found = world.find_as("app", &one);
    assert_eq!(
        (names(&found.repositories), found.repositories.total),
        (vec!["team/app".into()], 1)
    );
    assert_eq!(world.find_as("app:1", &one).tags.total, 1);
    assert_eq!(world.find_as("team", &one).namespaces.total, 0);
}

#[tokio::test]
async fn typing_errors_are_forgiven_by_what_is_visible_alone() {
    // Five hidden exact matches must not keep the visible neighbour from being found.
    let world = World::new();
    world.namespace("open", Visibility::Public).await;
    world.namespace("closed", Visibility::Private).await;
    world.push("open/nginx:1").await;
    for number in 0..10 {
        world.push(&format!("closed/ngnix-{number}:1")).await;
    }
    world.catch_up().await;
    let found = world.find("ngnix");
    assert_eq!(names(&found.repositories), ["open/nginx"]);
    assert_eq!(found.total(), 1);
}

#[tokio::test]
async fn hits_are_paged_without_gaps() {
    let images: Vec<_> = (0..25).map(|number| format!("team/app-{number:02}:1")).collect();
    let world = World::with_images(&images.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut seen = BTreeSet::new();
    for offset in [0, 10, 20] {
        let query = Query { offset, ..Query::new("app", 10, now()).only([Kind::Repository]) };
        let found = world.index.find(&query, &public()).unwrap();
        assert_eq!((found.repositories.total, found.tags.total), (25, 0));
        seen.extend(names(&found.repositories));
    }
    assert_eq!(seen.len(), 25);
}

#[tokio::test]
async fn hostile_questions_are_only_questions() {
    let world = World::with_images(&["team/app:1"]).await;
    let long = "a".repeat(100_000);
    let many = "app ".repeat(10_000);
    for typed in [
        "\"",
        "*",
        "app AND",
        "(",
        "name:app",
        "\\",
        "[a TO b]",
        "app^1000",
        "~",
        "\0",
        "🦀",
        "İ",
        "sha256:",
        "sha256:\u{10ffff}",
        "a@sha256:zz",
        "/",
        "//",
        ":",
        "@",
        "' OR 1=1 --",
        &long,
    ] {
        world.find(typed);
    }
    assert_eq!(world.find(&many).repositories.total, 1);
    assert!(world.find("*").total() == 0);
}

#[tokio::test]
async fn whoever_waits_for_a_position_finds_what_stands_there() {
    let world = World::new();
    let index = world.index.clone();
    let log: Arc<dyn EventLog> = world.log.clone();
    let follower = tokio::spawn(async move { index.run(log, std::future::pending()).await });
    world.namespace("team", Visibility::Public).await;
    let at = world.push("team/app:1").await;
    world.index.reached(at, Duration::from_secs(30)).await.unwrap();
    assert_eq!(world.repositories("app"), ["team/app"]);
    let never = Position(at.0 + 1_000);
    assert!(world.index.reached(never, Duration::from_millis(20)).await.is_err());
    follower.abort();
}

#[tokio::test]
async fn facts_that_cannot_be_found_move_the_position_too() {
    let world = World::with_images(&["team/app:1"]).await;
    let account = Account::Person;
    let registered =
        UserEvent::Registered { user: user("alice"), account, origin: Origin::Administrator };
    let at = world.record(registered).await;
    assert_eq!(world.catch_up().await, at);
    world.index.reached(at, Duration::from_secs(1)).await.unwrap();
}
