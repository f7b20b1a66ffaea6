mod hostile;

use std::sync::Arc;

use super::double::{IMAGE, Say, World, digest_of};
use super::*;

#[tokio::test]
async fn what_nobody_told_is_observed_once_and_a_second_run_appends_nothing() {
    let world = World::new().await;
    let (one, two) = (
        world.registry.image("a/b", "v1", "linux/arm64"),
        world.registry.image("c", "v2", "linux/amd64"),
    );
    let done = world.reconcile().await.unwrap();
    assert_eq!((done.repositories, done.observed, done.missed, done.failed), (2, 2, 0, 0));
    let expected = [format!("a/b:v1 is {}", one.short()), format!("c:v2 is {}", two.short())];
    assert_eq!(world.observed().await, expected);
    for fact in world.facts().await {
        assert_eq!(fact.meta.actor.to_string(), "system (reconcile)");
    }

    let again = world.reconcile().await.unwrap();
    assert_eq!(again, Reconciled { repositories: 2, ..Reconciled::default() });
    assert_eq!(world.observed().await.len(), 2);
}

#[tokio::test]
async fn what_was_told_is_no_news() {
    let world = World::new().await;
    let digest = world.registry.image("a/b", "v1", "linux/arm64");
    world.told("a/b", Some("v1"), &digest).await;
    world.reconcile().await.unwrap();
    assert_eq!(world.observed().await, [""; 0]);
}

#[tokio::test]
async fn a_tag_that_moved_or_went_behind_our_back_is_seen() {
    let world = World::new().await;
    let old = world.registry.image("a/b", "moved", "linux/arm64");
    let gone = world.registry.image("a/b", "gone", "linux/s390x");
    world.told("a/b", Some("moved"), &old).await;
    world.told("a/b", Some("gone"), &gone).await;
    let new = world.registry.image("a/b", "moved", "linux/amd64");
    world.registry.untag("a/b", "gone");
    world.registry.delete("a/b", &gone);

    let done = world.reconcile().await.unwrap();
    assert_eq!((done.observed, done.missed), (1, 2));
    assert_eq!(world.points("a/b", "moved").await, Some(new));
    assert_eq!(world.points("a/b", "gone").await, None);
    let seen = world.observed().await;
    assert!(seen.contains(&format!("a/b@{} is gone", gone.short())), "{seen:?}");
    assert!(!seen.contains(&format!("a/b@{} is gone", old.short())), "it is untagged, not gone");
    assert_eq!(world.reconcile().await.unwrap().missed, 0);
}

#[tokio::test]
async fn what_comes_back_is_observed_again() {
    let world = World::new().await;
    world.registry.image("other", "x", "linux/amd64");
    let digest = world.registry.image("a/b", "v1", "linux/arm64");
    world.reconcile().await.unwrap();
    for _ in 0..2 {
        world.registry.delete("a/b", &digest);
        assert_eq!(world.reconcile().await.unwrap().missed, 2);
        assert_eq!(world.points("a/b", "v1").await, None);
        world.registry.image("a/b", "v1", "linux/arm64");
        assert_eq!(world.reconcile().await.unwrap().observed, 1);
        assert_eq!(world.points("a/b", "v1").await, Some(digest.clone()));
    }
}

#[tokio::test]
async fn a_notification_on_its_way_tells_it_first() {
    let world = World::new().await;
    let digest = world.registry.image("a/b", "v1", "linux/arm64");
    let push = world.push("a/b", Some("v1"), &digest);
    world.meanwhile.lock().unwrap().push(push);
    let done = world.reconcile().await.unwrap();
    assert_eq!(done.observed, 0);
    assert_eq!(world.observed().await, [""; 0]);
    assert!(world.meanwhile.lock().unwrap().is_empty(), "it was told");
}

#[tokio::test]
async fn a_tag_that_is_being_moved_is_left_to_whoever_moves_it() {
    let world = World::new().await;
    world.registry.image("a/b", "v1", "linux/arm64");
    let registry = world.registry.clone();
    registry.says({
        let registry = registry.clone();
        move |asked, number| {
            if asked.starts_with("HEAD /v2/a/b/manifests/v1") && number == 2 {
                registry.image("a/b", "v1", "linux/amd64");
            }
            None
        }
    });
    assert_eq!(world.reconcile().await.unwrap().observed, 0);
    assert_eq!(world.observed().await, [""; 0]);
}

/// Between our question and what we append lies a push, which the registry tells late: it is the
/// last word all the same, because it is later by the clock.
#[tokio::test]
async fn a_push_in_between_stays_the_last_word() {
    let world = World::new().await;
    let old = world.registry.image("a/b", "v1", "linux/arm64");
    let new = world.registry.untagged_image("a/b", "linux/amd64");
    let (registry, moved) = (world.registry.clone(), new.clone());
    world.registry.says(move |asked, number| {
        // The last question before the append.
        if asked.starts_with("GET /v2/a/b/manifests/sha256") && number == 1 {
            registry.tag("a/b", "v1", &moved);
        }
        None
    });
    assert_eq!(world.reconcile().await.unwrap().observed, 1);
    assert_eq!(world.points("a/b", "v1").await, Some(old));
    // Told only now.
    let mut push = world.push("a/b", Some("v1"), &new);
    let observed_at = world.facts().await[0].occurred_at;
    push.occurred_at = observed_at.checked_add(SignedDuration::from_millis(1)).unwrap();
    world.append(push).await;
    assert_eq!(world.points("a/b", "v1").await, Some(new));
}

#[tokio::test]
async fn an_observation_is_dated_by_a_registry_clock_that_is_behind() {
    let world = World::new().await;
    world.registry.image("a/b", "v1", "linux/arm64");
    let date = "Sun, 01 Mar 2026 11:50:00 GMT".to_owned();
    world.registry.says(move |asked, _| {
        (asked == "GET /v2/").then(|| Say::This(200, vec![("Date", date.clone())], b"{}".to_vec()))
    });
    world.reconcile().await.unwrap();
    let at = world.facts().await[0].occurred_at;
    let (early, late) = ("2026-03-01T11:49:00Z", "2026-03-01T11:50:01Z");
    assert!(at > early.parse().unwrap() && at < late.parse().unwrap(), "{at}");

    // And still it corrects what it was made to correct.
    let digest = world.registry.image("a/b", "v1", "linux/amd64");
    world.reconcile().await.unwrap();
    assert_eq!(world.points("a/b", "v1").await, Some(digest));
}

#[tokio::test]
async fn an_index_is_observed_with_its_children() {
    let world = World::new().await;
    let child = world.registry.untagged_image("a/b", "linux/arm64");
    let absent = digest_of(b"sparse");
    let index = world.registry.index("a/b", "v1", &[child.clone(), absent]);
    assert_eq!(world.reconcile().await.unwrap().observed, 2);
    let expected =
        [format!("a/b:v1 is {}", index.short()), format!("a/b@{} linux/arm64", child.short())];
    assert_eq!(world.observed().await, expected);
    assert_eq!(world.reconcile().await.unwrap().observed, 0);
}

#[tokio::test]
async fn the_platform_of_an_image_is_read_once_and_one_that_does_not_say_is_not_asked_again() {
    let world = World::new().await;
    let says = world.registry.image("a/b", "says", "linux/riscv64");
    let silent = world.registry.image("a/b", "silent", "nothing");
    for (tag, digest) in [("says", &says), ("silent", &silent)] {
        let mut push = world.push("a/b", Some(tag), digest);
        let Event::Content(ContentEvent::ManifestPushed { media_type, .. }) = &mut push.event
        else {
            panic!("a push");
        };
        *media_type = Some(IMAGE.to_owned());
        world.append(push).await;
    }
    assert_eq!(world.reconcile().await.unwrap().described, 1);
    assert_eq!(world.observed().await, [format!("a/b@{} linux/riscv64", says.short())]);
    let asked = world.registry.asked("GET /v2/a/b/manifests/");
    assert_eq!(world.reconcile().await.unwrap().described, 0);
    assert_eq!(world.registry.asked("GET /v2/a/b/manifests/"), asked);
}

#[tokio::test]
async fn a_registry_asked_without_haste_has_time_for_others() {
    const ANSWERING: Duration = Duration::from_millis(10);
    let world = World::new().await;
    world.registry.image("a/b", "v1", "linux/arm64");
    let answered = Arc::new(Mutex::new(Vec::new()));
    let answers = answered.clone();
    world.registry.says(move |_, _| {
        let arrived = std::time::Instant::now();
        std::thread::sleep(ANSWERING);
        answers.lock().unwrap().push((arrived, std::time::Instant::now()));
        None
    });
    let client = world.client().unhurried();
    let (repository, tag) = (RepositoryName::parse("a/b").unwrap(), TagName::parse("v1").unwrap());
    for _ in 0..4 {
        assert!(client.digest(&repository, &tag).await.unwrap().is_some());
    }
    let answered = answered.lock().unwrap();
    assert_eq!(answered.len(), 4);
    for pair in answered.windows(2) {
        let between = pair[1].0 - pair[0].1;
        assert!(between >= ANSWERING * crate::registry::PAUSE, "{between:?}");
    }
}
