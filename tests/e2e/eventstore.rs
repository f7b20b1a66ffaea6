//! The whole service with its log on an event store: the double, or the server of
//! `EVENTSTORE_URL`.

use std::process::Command;
use std::time::Duration;

use tests::clients::Machine;
use tests::docker::Engine;
use tests::eventstore::{Double, Server};
use tests::image;
use tests::oci::Oci;
use tests::program::{Program, binary};
use tests::watched::{eventually, have};
use tests::witness::{self, Witness};
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use crate::{faults, have_docker};

/// How long everything may take to come back.
const RECOVERY: Duration = Duration::from_secs(60);

async fn site(server: &Server) -> Program {
    site_at(&server.url, &server.name).await
}

async fn site_at(url: &str, name: &str) -> Program {
    Program::start_with(&[
        ("PORTUS_LOG__STORE", "eventstore"),
        ("PORTUS_LOG__URL", url),
        ("PORTUS_LOG__NAME", name),
    ])
    .await
}

/// Until the service says so: it can work, or why it cannot.
async fn ready(site: &Program, wanted: bool) {
    let said = eventually(RECOVERY, || async {
        let answer = site.api_of_nobody().get("/readyz").await;
        ((answer.status == 200) == wanted).then_some(answer.text)
    });
    let said = said.await.unwrap_or_else(|| panic!("not ready = {wanted}: {}", site.log_tail()));
    assert!(wanted || said.contains("log"), "{said}");
}

/// What a command of the program prints, and its exit code.
fn portus(site: &Program, log: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(binary())
        .args(arguments)
        .arg("--data-dir")
        .arg(site.data())
        .envs(log.iter().copied())
        .output()
        .expect("portus runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_by_docker_is_found_and_a_refusal_is_a_fact_with_the_log_on_an_event_store() {
    if !have_docker() {
        return;
    }
    let server = Server::start().await;
    let site = site(&server).await;
    let (alice, mallory) = (site.person("alice").await, site.person("mallory").await);
    let since = site.head().await;
    let machine = Machine::new(Some(Engine::shared()));
    machine.docker_login(site.registry(), &alice.name, &alice.password).await.succeeds();
    let repository = format!("{}/app", alice.name);
    let name = format!("{}/{repository}:v1", site.registry());
    image::build(&machine, &name, 2, 1_000).await;
    machine.docker(&["push", &name]).await.succeeds();
    let told = || Witness { site: &site, since, person: &alice, repository: &repository };
    let digest = told().tells_of_push("v1").await;

    let stranger = Machine::new(Some(Engine::shared()));
    stranger.docker_login(site.registry(), &mallory.name, &mallory.password).await.succeeds();
    let refused = site.head().await;
    let said = stranger.docker(&["push", &name]).await.fails();
    assert!(said.contains("denied: requested access to the resource is denied"), "{said}");
    let rule = witness::refusal(&site, refused, &mallory.name, &repository).await;
    told().feed_tells_of_refusal(&mallory.name, &rule).await;

    // The service goes on where it was, and forgets nothing.
    let before = site.facts(0).await.len();
    assert_eq!(site.stop(), 0);
    site.start_again().await;
    assert_eq!(told().tells_of_push("v1").await, digest);
    assert!(site.facts(0).await.len() >= before);
    let mut database = site.database().await;
    let there: i64 =
        sqlx::query_scalar("SELECT position FROM log.head").fetch_one(&mut database).await.unwrap();
    assert_eq!(there, 0, "nothing of the log is in Postgres");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_store_that_restarts_under_pushes_loses_nothing_that_was_acknowledged() {
    if !have(&["docker-registry", "initdb"]) {
        return;
    }
    let mut double = Double::start().await;
    let site = site_at(&double.url(), "portus").await;
    let here = Handle::current();
    faults::pushes_survive_at(site, &[witness::PUSHED], move |site| {
        double.kill(0);
        here.block_on(ready(site, false));
        here.block_on(double.revive(0));
        here.block_on(ready(site, true));
        let figures = here.block_on(site.api_of_nobody().get("/metrics")).text;
        assert!(figures.contains("portus_eventstore_connections_lost_total"), "{figures}");
        // It lives as long as the test.
        std::mem::forget(double);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_waits_for_an_event_store_that_comes_up_later_and_says_so_when_none_does() {
    if !have(&["docker-registry", "initdb"]) {
        return;
    }
    let mut double = Double::start().await;
    let url = double.url().replace("esdb://", "esdb://portus:hunter2@");
    let mut site = site_at(&url, "portus").await;
    let alice = site.person("alice").await;
    assert_eq!(site.stop(), 0);
    double.kill(0);

    let listen = site.url().trim_start_matches("http://").to_owned();
    let log = [("PORTUS_LOG__STORE", "eventstore"), ("PORTUS_LOG__URL", url.as_str())];
    let serve = ["serve", "--embedded", "--listen", &listen, "--registry", site.registry()];
    let (code, said) = portus(&site, &log, &serve);
    assert_eq!(code, Some(4), "{said}");
    let port = double.ports()[0].to_string();
    assert!(said.contains("event log does not answer") && said.contains(&port), "{said}");
    assert!(said.contains("portus check") && !said.contains("hunter2"), "{said}");

    site.set("PORTUS_LOG__FILTER", "info,eventstore_log=debug");
    site.launch();
    let tried = eventually(RECOVERY, || async { site.log().contains("asked again").then_some(()) });
    tried.await.expect("a first try that failed");
    double.revive(0).await;
    ready(&site, true).await;
    // The registry that it starts may be up a moment later.
    let reached = || async { TcpStream::connect(site.registry()).await.ok() };
    eventually(RECOVERY, reached).await.expect("a registry");
    let oci = Oci::new(site.registry(), Some((&alice.name, &alice.password)));
    let since = site.head().await;
    let repository = format!("{}/late", alice.name);
    oci.push_image(&repository, "v1").await.expect("the same people");
    Witness { site: &site, since, person: &alice, repository: &repository }
        .tells_of_push("v1")
        .await;
    assert_eq!(site.stop(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_pointed_to_another_log_refuses_to_mix_the_two() {
    if !have(&["docker-registry", "initdb"]) {
        return;
    }
    let server = Server::start().await;
    let site = Program::start().await;
    assert_eq!(site.stop(), 0);

    let file = site.data().join("log-url");
    std::fs::write(&file, &server.url).expect("a file for the connection string");
    let file = file.display().to_string();
    let listen = site.url().trim_start_matches("http://").to_owned();
    let there = [
        ("PORTUS_LOG__STORE", "eventstore"),
        ("PORTUS_LOG__URL_FILE", file.as_str()),
        ("PORTUS_LOG__NAME", server.name.as_str()),
    ];
    let serve = ["serve", "--embedded", "--listen", &listen, "--registry", site.registry()];
    let password = site.data().join("password");
    std::fs::write(&password, "a long password of carol").expect("a password file");
    let password = password.display().to_string();
    let create = ["admin", "create", "carol", "--password-file", &password];
    for (arguments, code) in [(&serve[..], 1), (&create, 1), (&["projections", "status"], 3)] {
        let (ended, said) = portus(&site, &there, arguments);
        assert_eq!(ended, Some(code), "{said}");
        for words in ["another event log", "log.store", "portus replay", "portus log copy"] {
            assert!(said.contains(words), "no {words:?} in: {said}");
        }
    }
    // Nothing was changed: the old log is still the one.
    site.start_again().await;
    site.person("alice").await;
    assert_eq!(site.stop(), 0);

    // Whoever means it makes the read models again.
    let (code, said) = portus(&site, &there, &["replay"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = portus(&site, &there, &["projections", "status"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = portus(&site, &[], &["projections", "status"]);
    assert_eq!(code, Some(3), "{said}");
}

/// Everything that reads or writes the log from a console or a browser.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_pages_and_figures_work_as_they_do_with_the_log_in_the_database() {
    if !have(&["docker-registry", "initdb"]) {
        return;
    }
    let server = Server::start().await;
    let site = site(&server).await;
    let alice = site.person("alice").await;
    let oci = Oci::new(site.registry(), Some((&alice.name, &alice.password)));
    let since = site.head().await;
    let repository = format!("{}/app", alice.name);
    oci.push_image(&repository, "v1").await.expect("a push");
    let told = Witness { site: &site, since, person: &alice, repository: &repository };
    told.tells_of_push("v1").await;

    let stands = site.cli(&["projections", "status", "--json"]).await;
    let stands: serde_json::Value = serde_json::from_str(&stands).expect("JSON");
    let all = stands["projections"].as_array().expect("a list");
    assert!(all.iter().all(|one| one["state"] == "live"), "{stands}");
    let replayed = site.cli(&["replay", "--json"]).await;
    let replayed: serde_json::Value = serde_json::from_str(&replayed).expect("JSON");
    assert!(
        replayed.as_array().expect("a list").iter().all(|one| one["same"] == true),
        "{replayed}"
    );
    let present = site.cli(&["keys", "show"]).await;
    site.cli(&["keys", "rotate"]).await;
    assert_ne!(site.cli(&["keys", "show"]).await, present);
    let health = site.api_of_nobody().get("/readyz").await;
    assert_eq!(health.status, 200, "{}", health.text);
    let figures = site.api_of_nobody().get("/metrics").await.text;
    for name in [
        "portus_log_position",
        "portus_events_appended_total",
        "portus_append_duration_seconds",
        "portus_projection_lag_events",
    ] {
        assert!(figures.contains(name), "no {name} in:\n{figures}");
    }
    told.tells_of_push("v1").await;
    assert_eq!(site.stop(), 0);
}
