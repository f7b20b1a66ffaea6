//! What a registry never told, or what happened behind its back: a comparison brings log, page,
//! search and feed to the truth, and takes nothing away that it is not sure of.

use std::time::Duration;

use nix::sys::signal::Signal;
use tests::oci::Oci;
use tests::program::{PATIENCE, Program};
use tests::registry::{KeptRegistry, OpenRegistry};
use tests::watched::{eventually, have};
use tests::witness::{MISSED, OBSERVED, PUSHED, Witness, fact};

/// How often the sites of these tests are compared without a reason, as often as can be.
const OFTEN: (&str, &str) = ("PORTUS_RECONCILE__EVERY_S", "1");
/// How long comparisons may take to come.
const COMPARED: Duration = Duration::from_secs(60);

fn have_registry() -> bool {
    have(&["docker-registry", "initdb"])
}

#[tokio::test]
async fn what_a_killed_registry_had_not_told_is_observed_once() {
    if !have_registry() {
        return;
    }
    let site = Program::start().await;
    let alice = site.person("alice").await;
    let oci = Oci::new(site.registry(), Some((&alice.name, &alice.password)));
    let repository = format!("{}/lost", alice.name);
    let token = oci.push_token(&repository).await.expect("a token");
    let since = site.head().await;

    // The registry checks tokens by itself, so it goes on; what it has to tell waits in its memory.
    site.signal(Signal::SIGSTOP);
    let mut tags = Vec::new();
    for number in 1..=6 {
        let tag = format!("v{number}");
        let digest = oci.push_image_with(&token, &repository, &tag).await.expect("a push");
        tags.push((tag, digest));
    }
    site.kill_child("docker-registry");
    site.signal(Signal::SIGCONT);
    tags.push(("after".to_owned(), push(&oci, &repository, "after").await));

    let told = Witness { site: &site, since, person: &alice, repository: &repository };
    told.tells_of_each_once(&borrowed(&tags)).await;
    let (tag, digest) = &tags[5];
    told.tells_of_observation(tag, digest).await;
    told.page_says("linux/amd64").await;

    // The next registry process makes Portus compare again: there is nothing left to say.
    site.kill_child("docker-registry");
    let again = compared(&site).await;
    push(&oci, &repository, "again").await;
    compared_since(&site, again).await;
    told.tells_of_each_once(&borrowed(&tags)).await;
    let observed = site.facts(since).await.into_iter().filter(|fact| fact.kind == OBSERVED).count();
    assert!((1..=6).contains(&observed), "{observed}");
}

#[tokio::test]
async fn tags_that_moved_came_or_went_behind_our_back_are_seen() {
    if !have_registry() {
        return;
    }
    let site = Program::start_with(&[OFTEN]).await;
    let alice = site.person("alice").await;
    let oci = Oci::new(site.registry(), Some((&alice.name, &alice.password)));
    let repository = format!("{}/app", alice.name);
    let (mut gone, mut kept) = (String::new(), String::new());
    for tag in ["moved", "gone", "kept"] {
        let digest = push(&oci, &repository, tag).await;
        match tag {
            "gone" => gone = digest,
            "kept" => kept = digest,
            _ => {}
        }
    }
    let told = Witness { site: &site, since: 0, person: &alice, repository: &repository };
    told.tells_of_push("kept").await;
    let since = site.head().await;

    let storage = site.data().join("registry/storage");
    let back_door = OpenRegistry::behind_the_back_of(&storage);
    let behind = Oci::new(back_door.address(), None);
    let path = format!("/v2/{repository}/manifests/{gone}");
    let deleted = behind.request(reqwest::Method::DELETE, &path, "").send().await;
    assert_eq!(deleted.expect("an answer").status(), 202);
    let push_behind = |repository: String, tag: &'static str| {
        let behind = behind.clone();
        async move { behind.push_image_with("", &repository, tag).await.expect("a push") }
    };
    let moved = push_behind(repository.clone(), "moved").await;
    let came = push_behind(repository.clone(), "came").await;
    let other = format!("{}/new", alice.name);
    let unheard = push_behind(other.clone(), "v1").await;

    let told = Witness { since, ..told };
    told.tells_of_observation("moved", &moved).await;
    told.tells_of_observation("came", &came).await;
    Witness { repository: &other, ..told }.tells_of_observation("v1", &unheard).await;
    fact(&site, since, MISSED, |fact| fact.data["tag"] == "gone").await;
    told.page_says_no_more("gone").await;
    told.search_points("gone", None).await;
    told.feed_says(MISSED, "done").await;
    told.search_points("kept", Some(&kept)).await;

    // Everything is said: comparisons that follow append nothing.
    let until = content_facts(&site, since).await;
    let mut done = compared(&site).await;
    for _ in 0..2 {
        done = compared_since(&site, done).await;
    }
    assert_eq!(content_facts(&site, since).await, until);
}

#[tokio::test]
async fn a_registry_whose_disk_is_away_or_that_is_down_takes_nothing_away() {
    if !have_registry() {
        return;
    }
    let site = Program::start_with(&[OFTEN]).await;
    let alice = site.person("alice").await;
    let oci = Oci::new(site.registry(), Some((&alice.name, &alice.password)));
    let repository = format!("{}/app", alice.name);
    let digest = push(&oci, &repository, "v1").await;
    let told = Witness { site: &site, since: 0, person: &alice, repository: &repository };
    told.tells_of_push("v1").await;
    let since = site.head().await;

    let storage = site.data().join("registry/storage");
    let aside = site.data().join("registry/aside");
    std::fs::rename(&storage, &aside).expect("the disk goes");
    let mut done = compared(&site).await;
    for _ in 0..3 {
        done = compared_since(&site, done).await;
    }
    let registry = site.child("docker-registry").expect("a registry");
    nix::sys::signal::kill(registry, Signal::SIGKILL).expect("a kill");
    done = compared_since(&site, done).await;
    let _ = std::fs::remove_dir_all(&storage);
    std::fs::rename(&aside, &storage).expect("the disk comes back");
    for _ in 0..2 {
        done = compared_since(&site, done).await;
    }
    assert_eq!(content_facts(&site, since).await, [""; 0]);
    told.search_points("v1", Some(&digest)).await;
    told.page_says("/-/tags/v1").await;
}

/// A registry that somebody else keeps goes on while Portus is away, and tells it afterwards; what
/// it cannot tell any more is observed.
#[tokio::test]
async fn a_registry_that_goes_on_while_portus_is_away_is_told_and_observed_of_once() {
    if !have_registry() {
        return;
    }
    let kept = ("PORTUS_REGISTRY__MANAGED", "no");
    let secret = ("PORTUS_REGISTRY__SECRET", KeptRegistry::SECRET);
    let site = Program::start_with(&[OFTEN, kept, secret]).await;
    let portus = site.url().trim_start_matches("http://").to_owned();
    let bundle = site.data().join("keys/token-bundle.pem");
    let registry = KeptRegistry::new(site.registry(), &portus, &bundle);
    registry.start();
    let alice = site.person("alice").await;
    let oci = Oci::new(site.registry(), Some((&alice.name, &alice.password)));
    let repository = format!("{}/app", alice.name);
    let mut tags = vec![("first".to_owned(), push(&oci, &repository, "first").await)];
    let told = Witness { site: &site, since: 0, person: &alice, repository: &repository };
    told.tells_of_push("first").await;
    let token = oci.push_token(&repository).await.expect("a token");

    site.kill();
    for number in 1..=4 {
        let tag = format!("queued{number}");
        let digest = oci.push_image_with(&token, &repository, &tag).await.expect("a push");
        tags.push((tag, digest));
    }
    site.start_again().await;
    told.tells_of_each_once(&borrowed(&tags)).await;
    let observed = site.facts(0).await.into_iter().filter(|fact| fact.kind == OBSERVED).count();
    assert_eq!(observed, 0, "the registry told everything itself");

    site.kill();
    for number in 1..=4 {
        let tag = format!("lost{number}");
        let digest = oci.push_image_with(&token, &repository, &tag).await.expect("a push");
        tags.push((tag, digest));
    }
    registry.kill();
    registry.start();
    site.start_again().await;
    told.tells_of_each_once(&borrowed(&tags)).await;
    let observed = site.facts(0).await.into_iter().filter(|fact| fact.kind == OBSERVED).count();
    assert_eq!(observed, 4);
}

#[tokio::test]
async fn comparisons_in_the_middle_of_pushes_leave_each_push_the_last_word() {
    if !have_registry() {
        return;
    }
    let site = Program::start_with(&[OFTEN]).await;
    let alice = site.person("alice").await;
    let since = site.head().await;
    let oci = Oci::new(site.registry(), Some((&alice.name, &alice.password)));
    let repository = format!("{}/busy", alice.name);
    let mut acknowledged = Vec::new();
    let begun = compared(&site).await;
    while compared(&site).await < begun + 4.0 {
        for tag in ["latest", "edge"] {
            acknowledged.push((tag, push(&oci, &repository, tag).await));
        }
    }
    let told = Witness { site: &site, since, person: &alice, repository: &repository };
    for tag in ["latest", "edge"] {
        let last = acknowledged.iter().rev().find(|(one, _)| *one == tag).expect("a push");
        told.search_points(tag, Some(&last.1)).await;
        let short = last.1.split_once(':').expect("a digest").1;
        told.page_says(&short[..12]).await;
    }
    let pushed = eventually(PATIENCE, || async {
        let facts = site.facts(since).await;
        let pushed = facts.iter().filter(|fact| fact.kind == PUSHED);
        let pushed: Vec<_> = pushed.filter_map(|fact| fact.data["digest"].as_str()).collect();
        (pushed == acknowledged.iter().map(|(_, digest)| digest).collect::<Vec<_>>()).then_some(())
    });
    assert!(pushed.await.is_some(), "each push is a fact, once, in order");
    let facts = site.facts(since).await;
    assert!(facts.iter().all(|fact| fact.kind != OBSERVED && fact.kind != MISSED));
}

/// Distribution 2.8 tells of no platform; nobody waits for a comparison to see it.
#[tokio::test]
async fn the_platform_of_an_image_is_on_its_page_right_after_the_push() {
    if !have_registry() {
        return;
    }
    let site = Program::start().await;
    let alice = site.person("alice").await;
    let oci = Oci::new(site.registry(), Some((&alice.name, &alice.password)));
    let repository = format!("{}/app", alice.name);
    push(&oci, &repository, "v1").await;
    let told = Witness { site: &site, since: 0, person: &alice, repository: &repository };
    told.page_says("linux/amd64").await;
    let read = site.facts(0).await;
    assert!(read.iter().all(|fact| fact.kind != PUSHED || fact.data["tag"] == "v1"));
    assert!(
        read.iter().all(|fact| fact.kind != "content.manifest_pulled"),
        "that we looked ourselves is no fact"
    );
}

async fn push(oci: &Oci, repository: &str, tag: &str) -> String {
    let pushed = eventually(COMPARED, || async { oci.push_image(repository, tag).await.ok() });
    pushed.await.expect("a push")
}

fn borrowed(tags: &[(String, String)]) -> Vec<(&str, &str)> {
    tags.iter().map(|(tag, digest)| (tag.as_str(), digest.as_str())).collect()
}

/// What the log says of content after a position, in few words.
async fn content_facts(site: &Program, since: i64) -> Vec<String> {
    let facts = site.facts(since).await.into_iter();
    let content = facts
        .filter(|fact| fact.kind.starts_with("content.") && fact.kind != "content.instance_seen");
    content.map(|fact| format!("{} {}", fact.kind, fact.data)).collect()
}

/// How many comparisons have ended, well or not.
async fn compared(site: &Program) -> f64 {
    let metrics = site.api_of_nobody().get("/metrics").await.text;
    let runs = metrics.lines().filter(|line| {
        line.starts_with("portus_job_runs_total{") && line.contains("job=\"reconcile\"")
    });
    runs.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Waits for one more, begun after this was called or nearly so.
async fn compared_since(site: &Program, before: f64) -> f64 {
    let more = eventually(COMPARED, || async {
        let now = compared(site).await;
        (now >= before + 1.0).then_some(now)
    });
    more.await.expect("a comparison")
}
