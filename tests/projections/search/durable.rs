//! The index on disk: made anew, torn, killed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use commands::desk::Clock;
use commands::log::memory::MemoryLog;
use domain::event::{Actor, Event, EventId, Meta, NewEvent, Position, StreamName};
use domain::log::{Append, EventLog as _, Expected};
use domain::namespace::{NamespaceEvent, Visibility};
use domain::registry::{ContentEvent, PullMethod};
use jiff::Timestamp;
use projections::search::{Query, SearchIndex};

use super::world::{
    World, became, created, deleted, digest, everything, now, pulled, pushed, registry, repo,
    space, starred,
};

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
    assert_eq!(index.find(&Query::new("", 10, now()), &everything()).unwrap().total(), 0);
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
        let child = "search::durable::child_that_indexes_until_it_is_killed";
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
