//! Search: what is found, in which order, and by whom; and that the index is a fold over the log.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use commands::desk::Clock;
use commands::log::memory::MemoryLog;
use domain::access::{Action, Graph, Policy, Resource, Subject, Visible};
use domain::admin::AdminEvent;
use domain::digest::Digest;
use domain::event::{Actor, Event, EventId, Meta, NewEvent, Position, StreamName};
use domain::log::{Append, EventLog, Expected, Outcome};
use domain::name::{NamespaceName, RegistryName, RepositoryName, TagName, TeamName, UserName};
use domain::namespace::{Holder, NamespaceEvent, Visibility};
use domain::registry::{ContentEvent, PullMethod, RegistryEvent, RegistrySettings};
use domain::star::StarEvent;
use domain::team::{Role, TeamEvent};
use domain::user::{Account, Origin, UserEvent};
use jiff::Timestamp;
use projections::search::{Entry, Hits, Kind, Query, Results, SearchIndex};
use proptest::prelude::*;
use tempfile::TempDir;

/// A log, and an index that follows it.
struct World {
    log: Arc<MemoryLog>,
    index: SearchIndex,
    dir: TempDir,
}

impl World {
    fn new() -> Self {
        let seconds = AtomicI64::new(1_700_000_000);
        let clock = Clock::new(move || {
            Timestamp::from_second(seconds.fetch_add(1, Ordering::Relaxed)).unwrap()
        });
        let dir = tempfile::tempdir().unwrap();
        let index = SearchIndex::open(dir.path()).unwrap();
        Self { log: MemoryLog::new(clock), index, dir }
    }

    /// A world with a public namespace for each of the names, and these images in them.
    async fn with_images(images: &[&str]) -> Self {
        let world = Self::new();
        let spaces = images.iter().map(|image| repository_and_tag(image).0);
        let spaces: BTreeSet<_> = spaces
            .map(|name| name.split_once('/').map_or("_".to_owned(), |(ns, _)| ns.to_owned()))
            .collect();
        for space in &spaces {
            world.namespace(space, Visibility::Public).await;
        }
        for image in images {
            world.push(image).await;
        }
        world.catch_up().await;
        world
    }

    async fn record(&self, event: impl Into<Event>) -> Position {
        let event = event.into();
        let stream = StreamName::stored(format!("test-{}", uuid::Uuid::now_v7()));
        // Each thing happens when it is recorded, or a moment before.
        let now = self.log.head().await.unwrap();
        let now = Timestamp::from_second(1_700_000_000).unwrap()
            + jiff::SignedDuration::from_secs(i64::try_from(now.0).unwrap());
        let meta = Meta::by(Actor::Console { uid: 0 });
        let id = EventId(uuid::Uuid::now_v7());
        let events = vec![NewEvent { id, occurred_at: now, meta, event }];
        let append = Append { stream, expected: Expected::NoStream, key: None, events };
        match self.log.append(vec![append]).await.unwrap().remove(0) {
            Outcome::Appended { last, .. } => last,
            other => panic!("{other:?}"),
        }
    }

    async fn namespace(&self, name: &str, visibility: Visibility) -> Position {
        self.record(created(name, visibility, "crew")).await
    }

    async fn push(&self, image: &str) -> Position {
        self.record(pushed(image, image)).await
    }

    async fn catch_up(&self) -> Position {
        self.index.catch_up(&*self.log).await.unwrap()
    }

    fn find_as(&self, text: &str, visible: &Visible) -> Results {
        self.index.find(&Query::new(text, 20), visible).unwrap()
    }

    /// As somebody who sees everything public.
    fn find(&self, text: &str) -> Results {
        self.find_as(text, &public())
    }

    fn repositories(&self, text: &str) -> Vec<String> {
        names(&self.find(text).repositories)
    }
}

fn names(hits: &Hits) -> Vec<String> {
    hits.best.iter().map(Entry::name).collect()
}

fn public() -> Visible {
    Visible { visibilities: [Visibility::Public].into(), ..Visible::default() }
}

fn everything() -> Visible {
    Visible { everything: true, ..Visible::default() }
}

fn registry() -> RegistryName {
    RegistryName::parse("main").unwrap()
}

fn space(name: &str) -> NamespaceName {
    NamespaceName::parse(name).unwrap()
}

fn repo(name: &str) -> RepositoryName {
    RepositoryName::parse(name).unwrap()
}

fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn team(name: &str) -> TeamName {
    TeamName::parse(name).unwrap()
}

fn digest(content: &str) -> Digest {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(content.as_bytes());
    Digest::parse(&format!("sha256:{}", hex::encode(hash))).unwrap()
}

fn repository_and_tag(image: &str) -> (&str, Option<TagName>) {
    match image.split_once(':') {
        Some((name, tag)) => (name, Some(TagName::parse(tag).unwrap())),
        None => (image, None),
    }
}

fn created(name: &str, visibility: Visibility, of: &str) -> NamespaceEvent {
    NamespaceEvent::Created {
        registry: registry(),
        namespace: space(name),
        holder: Holder::Team { team: team(of) },
        visibility,
        description: String::new(),
    }
}

fn deleted(name: &str) -> NamespaceEvent {
    let name_free_at = Timestamp::from_second(1_800_000_000).unwrap();
    NamespaceEvent::Deleted { registry: registry(), namespace: space(name), name_free_at }
}

fn became(name: &str, from: Visibility, to: Visibility) -> NamespaceEvent {
    NamespaceEvent::VisibilityChanged { registry: registry(), namespace: space(name), from, to }
}

fn pushed(image: &str, content: &str) -> ContentEvent {
    let (name, tag) = repository_and_tag(image);
    ContentEvent::ManifestPushed {
        registry: registry(),
        repository: repo(name),
        digest: digest(content),
        tag,
        media_type: None,
        size: None,
        references: vec![],
        omitted: None,
    }
}

fn pulled(name: &str, method: PullMethod) -> ContentEvent {
    ContentEvent::ManifestPulled {
        registry: registry(),
        repository: repo(name),
        digest: digest(name),
        tag: None,
        media_type: None,
        method,
    }
}

fn starred(by: &str, name: &str) -> StarEvent {
    StarEvent::Starred { user: user(by), registry: registry(), repository: repo(name) }
}

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
        let query = Query { offset, ..Query::new("app", 10).only([Kind::Repository]) };
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

#[tokio::test]
async fn a_rebuilt_index_is_the_same_index() {
    let world = busy_world().await;
    let before = world.index.digest().unwrap();
    let other = tempfile::tempdir().unwrap();
    let rebuilt = SearchIndex::open(other.path()).unwrap();
    rebuilt.catch_up(&*world.log).await.unwrap();
    assert_eq!(rebuilt.digest().unwrap(), before);
    assert_eq!(rebuilt.position(), world.index.position());
    world.push("team/one-more:1").await;
    world.catch_up().await;
    assert_ne!(world.index.digest().unwrap(), before, "the digest sees a difference");
}

#[tokio::test]
async fn an_index_goes_on_where_its_last_commit_left_it() {
    let world = busy_world().await;
    let (before, at) = (world.index.digest().unwrap(), world.index.position());
    let World { log, index, dir } = world;
    drop(index);
    let again = SearchIndex::open(dir.path()).unwrap();
    assert_eq!((again.digest().unwrap(), again.position()), (before.clone(), at));
    again.catch_up(&*log).await.unwrap();
    assert_eq!(again.digest().unwrap(), before, "nothing counts twice");
}

#[tokio::test]
async fn a_folder_in_use_is_left_alone() {
    let world = World::with_images(&["team/app:1"]).await;
    let error = SearchIndex::open(world.dir.path()).err().unwrap();
    assert!(error.to_string().contains("in use"), "{error}");
    assert_eq!(world.repositories("app"), ["team/app"]);
}

#[tokio::test]
async fn a_missing_torn_or_foreign_folder_is_made_anew() {
    let world = busy_world().await;
    let digest = world.index.digest().unwrap();
    let World { log, index, dir } = world;
    drop(index);
    let folder = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let damages: [&dyn Fn(&Path); 5] = [
        &|folder| std::fs::remove_dir_all(folder).unwrap(),
        &|folder| std::fs::write(folder.join("meta.json"), "{").unwrap(),
        &|folder| each_file(folder, "store", &|path| std::fs::remove_file(path).unwrap()),
        &|folder| {
            each_file(folder, "term", &|path| {
                let bytes = std::fs::read(path).unwrap();
                std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
            });
        },
        &|folder| {
            // Another version of ours.
            let meta = std::fs::read_to_string(folder.join("meta.json")).unwrap();
            let other = meta.replace(r#"\"schema\":"#, r#"\"schema\":9"#);
            assert_ne!(meta, other);
            std::fs::write(folder.join("meta.json"), other).unwrap();
        },
    ];
    for (number, damage) in damages.iter().enumerate() {
        damage(&folder);
        let again = SearchIndex::open(dir.path()).unwrap();
        assert_eq!(again.position(), Position(0), "damage {number}");
        again.catch_up(&*log).await.unwrap();
        assert_eq!(again.digest().unwrap(), digest, "damage {number}");
        drop(again);
    }
    std::fs::create_dir(dir.path().join("v0")).unwrap();
    damages[0](&folder);
    drop(SearchIndex::open(dir.path()).unwrap());
    assert!(!dir.path().join("v0").exists(), "an earlier version's folder is cleared away");
}

#[tokio::test]
async fn an_index_of_another_log_is_made_anew() {
    let World { index, dir, .. } = World::with_images(&["old/app:1", "old/other:2"]).await;
    drop(index);
    let other = World::with_images(&["new/app:1", "new/b:1", "new/c:1", "new/d:1"]).await;
    let index = SearchIndex::open(dir.path()).unwrap();
    assert_ne!(index.position(), Position(0));
    index.catch_up(&*other.log).await.unwrap();
    assert_eq!(index.digest().unwrap(), other.index.digest().unwrap());
    drop(index);
    let empty = World::new();
    let index = SearchIndex::open(dir.path()).unwrap();
    index.catch_up(&*empty.log).await.unwrap();
    assert_eq!(index.find(&Query::new("", 10), &everything()).unwrap().total(), 0);
}

fn each_file(folder: &Path, extension: &str, damage: &dyn Fn(&Path)) {
    let mut damaged = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|found| found == extension) {
            damage(&path);
            damaged += 1;
        }
    }
    assert!(damaged > 0);
}

/// A world in which everything that the index knows of has happened.
async fn busy_world() -> World {
    let world = World::with_images(&["team/app:1", "team/app:2", "open/web:1", "a/b/c:1"]).await;
    world.record(pulled("team/app", PullMethod::Get)).await;
    world.record(starred("alice", "open/web")).await;
    world.namespace("a/b", Visibility::Protected).await;
    world.catch_up().await;
    world.record(became("team", Visibility::Public, Visibility::Private)).await;
    let described = NamespaceEvent::Described {
        registry: registry(),
        namespace: space("open"),
        description: "for all".to_owned(),
    };
    world.record(described).await;
    let (registry, repository) = (registry(), repo("team/app"));
    let digest = digest("team/app:1");
    world.record(ContentEvent::Deleted { registry, repository, digest }).await;
    world.record(deleted("open")).await;
    world.push("open/late:1").await;
    world.catch_up().await;
    world
}

const CHILD_FOLDER: &str = "PORTUS_TEST_SEARCH_FOLDER";

/// The same facts in every process.
fn long_past() -> Vec<Event> {
    let mut past: Vec<Event> = Vec::new();
    for number in 0..600 {
        let name = format!("n{}", number % 40);
        match number % 15 {
            0 => past.push(created(&format!("{name}-{number}"), Visibility::Public, "crew").into()),
            1 => past.push(starred(&format!("u{number}"), &format!("{name}/app")).into()),
            2 => past.push(pulled(&format!("{name}/app"), PullMethod::Get).into()),
            3 => {
                let repository = repo(&format!("{name}/app"));
                let digest = digest(&format!("{}", number - 40));
                past.push(
                    ContentEvent::Deleted { registry: registry(), repository, digest }.into(),
                );
            }
            _ => past.push(pushed(&format!("{name}/app:t{number}"), &number.to_string()).into()),
        }
        if number % 97 == 0 {
            past.push(created(&format!("n{}", number / 97), Visibility::Public, "crew").into());
        }
    }
    past
}

/// Appends facts that are the same, ids included, whichever process appends them.
async fn append_again(log: &MemoryLog, from: usize, past: &[Event]) {
    let at = Timestamp::from_second(1_700_000_000).unwrap();
    for (number, event) in (from..).zip(past) {
        let meta = Meta::by(Actor::System { part: "test".to_owned() });
        let id = EventId::from_key(&number.to_string());
        let events = vec![NewEvent { id, occurred_at: at, meta, event: event.clone() }];
        let stream = StreamName::stored(format!("test-{number}"));
        let append = Append { stream, expected: Expected::NoStream, key: None, events };
        log.append(vec![append]).await.unwrap();
    }
}

fn still_log() -> Arc<MemoryLog> {
    MemoryLog::new(Clock::new(|| Timestamp::from_second(1_700_000_000).unwrap()))
}

/// Not a promise of its own: the process that the next test kills.
#[tokio::test]
async fn child_that_indexes_until_it_is_killed() {
    let Ok(folder) = std::env::var(CHILD_FOLDER) else { return };
    let (log, index) = (still_log(), SearchIndex::open(Path::new(&folder)).unwrap());
    for (number, some) in long_past().chunks(7).enumerate() {
        append_again(&log, number * 7, some).await;
        if log.head().await.unwrap() > index.position() {
            index.catch_up(&*log).await.unwrap();
        }
    }
}

#[tokio::test]
async fn killed_at_any_moment_it_ends_as_the_same_index() {
    let past = long_past();
    let log = still_log();
    append_again(&log, 0, &past).await;
    let whole = tempfile::tempdir().unwrap();
    let expected = SearchIndex::open(whole.path()).unwrap();
    expected.catch_up(&*log).await.unwrap();
    let expected = expected.digest().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let mut unfinished = 0;
    for delay in [60, 15, 120, 35, 230, 5, 90, 170] {
        let child = "search::child_that_indexes_until_it_is_killed";
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args([child, "--exact"])
            .env(CHILD_FOLDER, folder.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // Chance is the point here: whatever moment it is, what follows must hold.
        tokio::time::sleep(Duration::from_millis(delay)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let index = SearchIndex::open(folder.path()).unwrap();
        unfinished += usize::from(index.position() < log.head().await.unwrap());
    }
    assert!(unfinished > 0, "no kill came before the end");
    let index = SearchIndex::open(folder.path()).unwrap();
    index.catch_up(&*log).await.unwrap();
    assert_eq!(index.digest().unwrap(), expected);
}

// ---- rights ----------------------------------------------------------------------------------

const SPACES: [&str; 5] = ["alpha", "beta", "gamma", "alpha/sub", "_"];
const REPOSITORIES: [&str; 9] = [
    "alpha/app",
    "alpha/sub/app",
    "alpha/sub/web",
    "beta/app",
    "beta/sub/app",
    "gamma/web",
    "delta/app",
    "solo",
    "app",
];
const PEOPLE: [&str; 4] = ["root", "ann", "bob", "eve"];

/// Something that happens in a generated world.
#[derive(Debug, Clone)]
enum Step {
    Space(usize, usize, usize),
    Unspace(usize),
    Visibility(usize, usize),
    Push(usize),
    Delete(usize),
    Join(usize, usize),
    Leave(usize, usize),
    Disable(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (spaces, repositories) = (SPACES.len(), REPOSITORIES.len());
    prop_oneof![
        4 => (0..spaces, 0..3usize, 0..2usize).prop_map(|(s, v, t)| Step::Space(s, v, t)),
        1 => (0..spaces).prop_map(Step::Unspace),
        2 => (0..spaces, 0..3usize).prop_map(|(s, v)| Step::Visibility(s, v)),
        6 => (0..repositories).prop_map(Step::Push),
        1 => (0..repositories).prop_map(Step::Delete),
        2 => (1..PEOPLE.len(), 0..2usize).prop_map(|(p, t)| Step::Join(p, t)),
        1 => (1..PEOPLE.len(), 0..2usize).prop_map(|(p, t)| Step::Leave(p, t)),
        1 => (1..PEOPLE.len()).prop_map(Step::Disable),
    ]
}

const VISIBILITIES: [Visibility; 3] =
    [Visibility::Private, Visibility::Protected, Visibility::Public];
const TEAMS: [&str; 2] = ["crew", "band"];

/// What a careful keeper of the books would know: only what can happen, happens.
#[derive(Default)]
struct Books {
    spaces: std::collections::BTreeMap<usize, Visibility>,
    pushed: BTreeSet<usize>,
    members: BTreeSet<(usize, usize)>,
    disabled: BTreeSet<usize>,
}

impl Books {
    fn event(&mut self, step: &Step) -> Option<Event> {
        let member = |person: usize| user(PEOPLE[person]);
        Some(match *step {
            Step::Space(s, v, t) => {
                // The global namespace is never private.
                let v = if SPACES[s] == "_" { v.max(1) } else { v };
                if self.spaces.contains_key(&s) {
                    return None;
                }
                self.spaces.insert(s, VISIBILITIES[v]);
                let holder = match SPACES[s] {
                    "_" => Holder::Global,
                    _ => Holder::Team { team: team(TEAMS[t]) },
                };
                NamespaceEvent::Created {
                    registry: registry(),
                    namespace: space(SPACES[s]),
                    holder,
                    visibility: VISIBILITIES[v],
                    description: String::new(),
                }
                .into()
            }
            Step::Unspace(s) => {
                self.spaces.remove(&s)?;
                deleted(SPACES[s]).into()
            }
            Step::Visibility(s, v) => {
                let v = if SPACES[s] == "_" { v.max(1) } else { v };
                let from = self.spaces.insert(s, VISIBILITIES[v]);
                let Some(from) = from else {
                    self.spaces.remove(&s);
                    return None;
                };
                became(SPACES[s], from, VISIBILITIES[v]).into()
            }
            Step::Push(r) => {
                self.pushed.insert(r);
                pushed(&format!("{}:one", REPOSITORIES[r]), REPOSITORIES[r]).into()
            }
            Step::Delete(r) => {
                if !self.pushed.remove(&r) {
                    return None;
                }
                let repository = repo(REPOSITORIES[r]);
                let digest = digest(REPOSITORIES[r]);
                ContentEvent::Deleted { registry: registry(), repository, digest }.into()
            }
            Step::Join(p, t) => {
                if !self.members.insert((p, t)) {
                    return None;
                }
                let team = team(TEAMS[t]);
                TeamEvent::MemberAdded { team, user: member(p), role: Role::Viewer }.into()
            }
            Step::Leave(p, t) => {
                if !self.members.remove(&(p, t)) {
                    return None;
                }
                TeamEvent::MemberRemoved { team: team(TEAMS[t]), user: member(p) }.into()
            }
            Step::Disable(p) => {
                if !self.disabled.insert(p) {
                    return None;
                }
                UserEvent::Disabled { user: member(p), reason: String::new() }.into()
            }
        })
    }
}

fn beginnings() -> Vec<Event> {
    let settings = RegistrySettings {
        service: "main".to_owned(),
        host: "main".to_owned(),
        url: "http://main".to_owned(),
    };
    let mut events: Vec<Event> =
        vec![RegistryEvent::Added { registry: registry(), settings }.into()];
    for person in PEOPLE {
        let (user, account, origin) = (user(person), Account::Person, Origin::Administrator);
        events.push(UserEvent::Registered { user, account, origin }.into());
    }
    events.push(AdminEvent::Granted { user: user("root") }.into());
    for name in TEAMS {
        let (team, owner) = (team(name), user("root"));
        events.push(TeamEvent::Created { team, owner, description: String::new() }.into());
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// In any world: whoever searches finds exactly what `decide` lets them find, the counts say
    /// the same, and an index made at once says the same as one that was made step by step.
    #[test]
    fn search_shows_exactly_what_the_access_graph_allows(
        steps in proptest::collection::vec((step(), any::<bool>()), 1..40)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new();
            for event in beginnings() {
                world.record(event).await;
            }
            let mut books = Books::default();
            for (step, commit) in &steps {
                if let Some(event) = books.event(step) {
                    world.record(event).await;
                }
                if *commit {
                    world.catch_up().await;
                }
            }
            world.catch_up().await;
            let mut graph = Graph::default();
            let page = world.log.read_all(Position(0), 1_000, None).await.unwrap();
            for recorded in &page.events {
                graph.apply(&recorded.decode().unwrap());
            }
            let policy = Policy::default();
            let at = Timestamp::from_second(1_700_100_000).unwrap();
            let mut subjects = vec![Subject::Anonymous, Subject::Invalid];
            subjects.extend(PEOPLE.map(|name| Subject::Account { name: user(name) }));
            for subject in subjects {
                let visible = graph.visible(&policy, &subject, at);
                let may = |resource: &Resource| {
                    graph.decide(&policy, &subject, Action::SearchHit, resource, at).is_allowed()
                };
                let expected: BTreeSet<String> = books
                    .pushed
                    .iter()
                    .map(|r| REPOSITORIES[*r])
                    .filter(|name| may(&Resource::Repository { registry: registry(), name: repo(name) }))
                    .map(str::to_owned)
                    .collect();
                let spaces: BTreeSet<String> = books
                    .spaces
                    .keys()
                    .map(|s| SPACES[*s])
                    .filter(|name| may(&Resource::Namespace { registry: registry(), name: space(name) }))
                    .map(str::to_owned)
                    .collect();
                let all = world.find_as("", &visible);
                let found: BTreeSet<String> = names(&all.repositories).into_iter().collect();
                assert_eq!(found, expected, "{subject:?}");
                assert_eq!(all.repositories.total, expected.len());
                assert_eq!(all.tags.total, expected.len(), "one tag each");
                assert_eq!(all.manifests.total, expected.len(), "one manifest each");
                let found: BTreeSet<String> = names(&all.namespaces).into_iter().collect();
                assert_eq!(found, spaces, "{subject:?}");
                for name in REPOSITORIES {
                    let found = world.find_as(name, &visible).repositories;
                    let first = found.best.first().map(Entry::name);
                    if expected.contains(name) {
                        assert_eq!(first.as_deref(), Some(name), "{subject:?}");
                    }
                    assert!(names(&found).iter().all(|hit| expected.contains(hit)));
                }
            }
            let other = tempfile::tempdir().unwrap();
            let rebuilt = SearchIndex::open(other.path()).unwrap();
            rebuilt.catch_up(&*world.log).await.unwrap();
            assert_eq!(rebuilt.digest().unwrap(), world.index.digest().unwrap());
        });
    }
}
