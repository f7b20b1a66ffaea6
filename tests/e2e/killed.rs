//! The whole program killed at any moment, while it folds the log into its read models, while it
//! starts, and while it makes them again: in the end they are what the log says.

use std::path::Path;
use std::time::Duration;

use commands::log::postgres::{PostgresLog, PostgresLogOptions};
use projections::search::SearchIndex;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tests::program::Program;
use tests::registry::KeptRegistry;
use tests::watched::{eventually, have};

/// How often the service is killed while it works.
const KILLS: usize = 8;
/// Notifications between two kills.
const BURST: usize = 400;
/// How long everything may take to catch up.
const RECOVERY: Duration = Duration::from_secs(60);

#[tokio::test]
async fn killed_while_it_folds_starts_and_rebuilds_it_ends_with_the_same_read_models() {
    if !have(&["docker-registry", "initdb"]) {
        return;
    }
    // Nobody runs its registry, so nobody asks it whether any of this is true.
    let environment = [
        ("PORTUS_REGISTRY__MANAGED", "no"),
        ("PORTUS_REGISTRY__SECRET", KeptRegistry::SECRET),
        ("PORTUS_RECONCILE__EVERY_S", "604800"),
    ];
    let site = Program::start_with(&environment).await;
    let person = site.person("alice").await;
    let mut random = StdRng::seed_from_u64(7);
    let mut told = 0;
    for round in 0..KILLS {
        for _ in 0..3 {
            tell(&site, &person.name, &mut random, &mut told).await;
        }
        // The passing of time is what is tested here: any moment will do.
        tokio::time::sleep(Duration::from_millis(random.random_range(0..120))).await;
        site.kill();
        if round % 2 == 1 {
            site.launch();
            tokio::time::sleep(Duration::from_millis(random.random_range(100..2_500))).await;
            site.kill();
        }
        site.start_again().await;
        if round % 4 == 0 {
            rebuild_killed(&site, Duration::from_millis(random.random_range(50..900))).await;
        }
    }
    tell(&site, &person.name, &mut random, &mut told).await;
    let facts = site.facts(0).await;
    let content = facts.iter().filter(|fact| !fact.meta["source"].is_null()).count();
    assert_eq!(content, told, "each notification is a fact, once");

    let caught_up = eventually(RECOVERY, || async {
        let status = site.cli(&["projections", "status", "--json"]).await;
        let status: Value = serde_json::from_str(&status).expect("JSON");
        let head = &status["head"];
        let all = status["projections"].as_array().expect("a list").iter();
        // A killed rebuild leaves its half behind; the next one tidies it up.
        let mut used = all.filter(|one| one["state"] != "building");
        used.all(|one| one["state"] == "live" && one["position"] == *head).then_some(())
    });
    if caught_up.await.is_none() {
        let status = site.cli(&["projections", "status", "--json"]).await;
        panic!("it stands at {status}\n{}", site.log_tail());
    }
    // Compares each with an untouched rebuild, and fails where they differ.
    let compared = site.cli(&["projections", "rebuild", "--json"]).await;
    let compared: Value = serde_json::from_str(&compared).expect("JSON");
    let compared = compared.as_array().expect("a list");
    assert_eq!(compared.len(), 3);
    for one in compared {
        assert_eq!(one["same"], true, "{one}");
    }
    assert_eq!(site.stop(), 0);
    // A copy: the program holds its own.
    let folder = tempfile::tempdir().expect("a folder");
    copy(&site.data().join("search"), folder.path());
    site.start_again().await;
    same_search_index(&site, &SearchIndex::open(folder.path()).expect("the index")).await;
}

/// A burst of what may happen to a few images, in no sensible order.
async fn tell(site: &Program, space: &str, random: &mut StdRng, told: &mut usize) {
    let events: Vec<Value> = (0..BURST)
        .map(|_| {
            *told += 1;
            let mut n = |below: u64| random.random_range(0..below);
            let digest = format!("sha256:{:064x}", n(40));
            let (repository, tag) = (format!("{space}/app{}", n(5)), format!("v{}", n(6)));
            let second = n(3_000);
            let (action, target) = match n(10) {
                0..5 => ("push", json!({"digest": digest, "tag": tag})),
                5 => ("push", json!({"digest": digest})),
                6 => ("pull", json!({"digest": digest, "tag": tag})),
                7 => ("delete", json!({"digest": digest})),
                _ => ("delete", json!({"tag": tag})),
            };
            let mut target = target;
            target["repository"] = repository.into();
            if action != "delete" {
                target["mediaType"] = "application/vnd.oci.image.manifest.v1+json".into();
            }
            json!({
                "id": format!("event-{told}"), "action": action, "target": target,
                "timestamp": format!("2026-01-01T{:02}:{:02}:00Z", second / 60 % 24, second % 60),
                "request": {"method": "GET", "addr": "192.0.2.1:1"}, "actor": {"name": space},
                "source": {"instanceID": "one"},
            })
        })
        .collect();
    let client = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
    let request = client.post(format!("{}/v2/webhooks/events", site.url()));
    let request = request.bearer_auth(KeptRegistry::SECRET).json(&json!({ "events": events }));
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
}

/// Begins to make the read models again, and is killed.
async fn rebuild_killed(site: &Program, after: Duration) {
    let mut rebuild = tokio::process::Command::new(tests::program::binary())
        .args(["projections", "rebuild", "--data-dir"])
        .arg(site.data())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("portus runs");
    tokio::time::sleep(after).await;
    let _ = rebuild.kill().await;
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            std::fs::create_dir_all(&to).expect("a folder");
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).expect("a copy");
        }
    }
}

/// The index that was killed so often is that of somebody who reads the log from its beginning, up
/// to where it stood.
async fn same_search_index(site: &Program, kept: &SearchIndex) {
    let options = site.connect_options("portus_service").expect("a running database");
    let pool = sqlx::postgres::PgPoolOptions::new().connect_lazy_with(options);
    let log = PostgresLog::open(pool, PostgresLogOptions::default()).await.expect("the log");
    let folder = tempfile::tempdir().expect("a folder");
    let fresh = SearchIndex::open(folder.path()).expect("an index");
    fresh.catch_up(&*log).await.expect("a whole log");
    kept.catch_up(&*log).await.expect("a whole log");
    assert_eq!(kept.digest().expect("a digest"), fresh.digest().expect("a digest"));
}
