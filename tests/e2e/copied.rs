//! `portus log copy` as an administrator runs it: a site moves to an event store and back, and the
//! program is killed on the way.

use std::process::{Output, Stdio};
use std::time::Duration;

use commands::log::postgres::{PostgresLog, PostgresLogOptions};
use domain::event::{Actor, Event, EventId, Meta, NewEvent, Position, StreamName};
use domain::log::{Append, EventLog, Expected};
use domain::system::SystemEvent;
use eventstore_log::{EventStoreLog, EventStoreLogOptions};
use serde_json::{Value, json};
use tests::eventstore::{Double, Server};
use tests::postgres::TestDatabase;
use tests::program::{Program, binary};
use tests::registry::KeptRegistry;
use tests::watched::{eventually, have};
use tokio::process::{Child, Command};

/// How long read models may take to catch up.
const RECOVERY: Duration = Duration::from_secs(60);
/// The events of a log that is killed on its way.
const EVENTS: usize = 3_000;
/// How often it is.
const KILLS: usize = 8;

/// Tells the site of pushes, as a registry does.
async fn push(site: &Program, space: &str, names: std::ops::Range<usize>) {
    let event = |number: usize| {
        json!({
            "id": format!("event-{number}"), "action": "push",
            "timestamp": format!("2026-01-01T00:{:02}:{:02}Z", number / 60 % 60, number % 60),
            "target": {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": format!("sha256:{number:064x}"), "tag": format!("v{}", number % 7),
                "repository": format!("{space}/app{}", number % 5),
            },
            "request": {"method": "PUT", "addr": "192.0.2.1:1"}, "actor": {"name": space},
            "source": {"instanceID": "one"},
        })
    };
    let events: Vec<Value> = names.map(event).collect();
    let client = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
    let request = client.post(format!("{}/v2/webhooks/events", site.url()));
    let request = request.bearer_auth(KeptRegistry::SECRET).json(&json!({ "events": events }));
    assert_eq!(request.send().await.expect("an answer").status(), 200);
}

/// The read models, once they have all of the log: name, version, schema, and digest of each.
async fn read_models(site: &Program) -> Vec<Value> {
    let caught_up = eventually(RECOVERY, || async {
        let status = site.cli(&["projections", "status", "--json"]).await;
        let status: Value = serde_json::from_str(&status).expect("JSON");
        let all = status["projections"].as_array().expect("a list").clone();
        let done = |one: &Value| one["state"] == "live" && one["position"] == status["head"];
        all.iter().all(done).then_some(())
    });
    assert!(caught_up.await.is_some(), "the read models caught up: {}", site.log_tail());
    let compared = site.cli(&["replay", "--dry-run", "--json"]).await;
    let compared: Value = serde_json::from_str(&compared).expect("JSON");
    let all = compared.as_array().expect("a list").clone();
    for one in &all {
        assert_eq!(one["same"], true, "{one}");
    }
    all.into_iter().map(|one| json!([one["projection"], one["digest"]])).collect()
}

/// What people see: accounts and repositories with their numbers, and a search.
async fn seen(site: &Program) -> Vec<Value> {
    let admin = site.admin();
    let mut seen = Vec::new();
    for path in ["/api/v1/users", "/api/v1/repositories", "/api/v1/search?q=app3"] {
        seen.push(admin.get(path).await.json());
    }
    seen
}

/// The facts of the log as auditors read them, up to a position.
async fn facts(site: &Program, upto: usize) -> Vec<String> {
    let facts = site.facts(0).await;
    facts.into_iter().take(upto).map(|fact| format!("{fact:?}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_moves_to_an_event_store_and_back_and_goes_on_where_it_was() {
    if !have(&["initdb"]) {
        return;
    }
    let server = Server::start().await;
    let mut site = Program::start_with(&[
        ("PORTUS_REGISTRY__MANAGED", "no"),
        ("PORTUS_REGISTRY__SECRET", KeptRegistry::SECRET),
        ("PORTUS_RECONCILE__EVERY_S", "604800"),
        ("PORTUS_LOG__URL", &server.url),
        ("PORTUS_LOG__NAME", &server.name),
    ])
    .await;
    let alice = site.person("alice").await;
    push(&site, &alice.name, 0..60).await;
    let (models, pages, head) = (read_models(&site).await, seen(&site).await, site.head().await);
    let before = facts(&site, usize::MAX).await;

    // While the service runs, its log is copied too; that is said, and what came after is not in it.
    let said = log(&site, &["copy", "--from", "postgres", "--to", "eventstore"]).await;
    assert!(text(&said.stderr).contains("a service is running on the source"), "{said:?}");
    assert_eq!(site.stop(), 0);
    let said = log(&site, &["copy", "--from", "postgres", "--to", "eventstore", "--json"]).await;
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    let there: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    assert_eq!(there["same"], true);
    assert!(there["head"].as_i64() >= Some(head), "{there}");

    site.set("PORTUS_LOG__STORE", "eventstore");
    site.start_again().await;
    assert_eq!(facts(&site, before.len()).await, before);
    assert_eq!(seen(&site).await, pages);
    assert!(!site.log().contains("rebuil"), "{}", site.log());
    let now = read_models(&site).await;
    let content = |models: &[Value]| models.iter().find(|one| one[0] == "content").cloned();
    assert_eq!(content(&now), content(&models), "what registries told is as it was");
    push(&site, &alice.name, 60..90).await;
    push(&site, &alice.name, 0..60).await; // known: no new facts
    let (models, pages) = (read_models(&site).await, seen(&site).await);
    let before = facts(&site, usize::MAX).await;
    assert_eq!(site.stop(), 0);

    // And back, on what was there before.
    let said = log(&site, &["copy", "--from", "eventstore", "--to", "postgres", "--json"]).await;
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    let back: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    assert_eq!(back["found"], there["head"]);
    let said = log(&site, &["verify", "--from", "postgres", "--to", "eventstore"]).await;
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    assert!(text(&said.stdout).contains(back["digest"].as_str().expect("a digest")), "{said:?}");
    site.set("PORTUS_LOG__STORE", "postgres");
    site.start_again().await;
    assert_eq!(facts(&site, before.len()).await, before);
    assert_eq!(seen(&site).await, pages);
    assert_eq!(content(&read_models(&site).await), content(&models));
    push(&site, &alice.name, 90..120).await;
    read_models(&site).await;

    // The one that was left behind is not the beginning of everything any more, but still is one.
    assert_eq!(site.stop(), 0);
    let said = log(&site, &["verify", "--from", "postgres", "--to", "eventstore"]).await;
    assert_eq!(said.status.code(), Some(3), "{said:?}");
    let said = log(&site, &["copy", "--from", "eventstore", "--to", "postgres"]).await;
    assert_eq!(said.status.code(), Some(3), "{said:?}");
    assert!(text(&said.stderr).contains("Nothing was changed"), "{said:?}");
}

/// `portus log …` on a site's data.
async fn log(site: &Program, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.arg("log").args(arguments).arg("--data-dir").arg(site.data());
    command.envs(site.environment().iter().map(|(name, value)| (name, value)));
    command.kill_on_drop(true).output().await.expect("portus runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The address of a database, as its owner.
fn address(db: &TestDatabase) -> String {
    let options = db.owner_options();
    let socket = options.get_socket().expect("a socket").display().to_string();
    let (port, user) = (options.get_port(), options.get_username());
    let database = options.get_database().expect("a database");
    format!("postgres:///{database}?host={socket}&port={port}&user={user}")
}

/// `portus log copy` between two addresses.
fn copying(from: &str, to: &str) -> Child {
    Command::new(binary())
        .args(["log", "copy", "--from", "env:FROM", "--to", "env:TO", "--json"])
        .envs([("FROM", from), ("TO", to)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("portus runs")
}

async fn fill(log: &dyn EventLog) {
    let command = |number: usize| Append {
        stream: StreamName::stored(format!("s{}", number % 50)),
        expected: Expected::Any,
        key: number.is_multiple_of(2).then(|| format!("k{number}")),
        events: vec![NewEvent {
            id: EventId::from_key(&number.to_string()),
            occurred_at: jiff::Timestamp::UNIX_EPOCH,
            meta: Meta::by(Actor::Anonymous),
            event: Event::System(SystemEvent::Started { version: "x".repeat(number % 800) }),
        }],
    };
    for from in (0..EVENTS).step_by(500) {
        log.append((from..from + 500).map(command).collect()).await.expect("a log");
    }
}

/// Copies, killed each time when the target holds some more, and then once to the end.
async fn killed<F: Future<Output = usize>>(from: &str, to: &str, length: impl Fn() -> F) {
    let mut hit = 0;
    for kill in 1..=KILLS {
        let mut child = copying(from, to);
        let enough = EVENTS * kill / (KILLS + 1);
        while length().await < enough && child.try_wait().expect("a process").is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        child.kill().await.expect("it ends");
        hit += usize::from((1..EVENTS).contains(&length().await));
    }
    assert!(hit > 0, "it was never killed in the middle");
    let done = copying(from, to).wait_with_output().await.expect("an end");
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let said: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!((&said["same"], &said["head"]), (&true.into(), &EVENTS.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_it_goes_on_and_both_logs_are_the_same() {
    let (here, there) = (TestDatabase::new().await, TestDatabase::new().await);
    let double = Double::start().await;
    let open = async |db: &TestDatabase| {
        let options = PostgresLogOptions::default();
        PostgresLog::open(db.service.clone(), options).await.expect("a log")
    };
    let first = open(&here).await;
    fill(&*first).await;
    killed(&address(&here), &double.url(), async || double.kept().stream("portus.log").len()).await;
    // Pages come slowly, or it would be done before anybody looks.
    double.faults().delay = Some(Duration::from_millis(250));
    killed(&double.url(), &address(&there), async || {
        let head = sqlx::query_scalar::<_, i64>("SELECT position FROM log.head");
        usize::try_from(head.fetch_one(&there.owner).await.expect("a head")).expect("a number")
    })
    .await;
    double.faults().delay = None;
    let url = double.url();
    let middle = EventStoreLog::open(&url, EventStoreLogOptions::default());
    let (middle, last) = (middle.await.expect("a log"), open(&there).await);
    for stream in (0..50).map(|number| StreamName::stored(format!("s{number}"))) {
        let events = first.read_stream(&stream, None).await.expect("a stream").events;
        assert_eq!(middle.read_stream(&stream, None).await.expect("a stream").events, events);
        assert_eq!(last.read_stream(&stream, None).await.expect("a stream").events, events);
    }
    assert_eq!(last.head().await.expect("a head"), Position(EVENTS as u64));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_said_with_what_to_do_and_no_password() {
    const PASSWORD: &str = "hunter2";
    let db = TestDatabase::new().await;
    let mut double = Double::start().await;
    let (url, good) = (double.url(), address(&db));
    let signed = url.replace("esdb://", &format!("esdb://somebody:{PASSWORD}@"));
    let nowhere = format!("postgres://portus:{PASSWORD}@127.0.0.1:1/portus");
    let missing = good.replace("/test_", "/no_test_");
    let run = async |from: &str, to: &str, code: i32, words: &str| {
        let said = copying(from, to).wait_with_output().await.expect("an end");
        let err = text(&said.stderr);
        assert_eq!(said.status.code(), Some(code), "{said:?}");
        assert!(err.contains(words), "no {words:?} in {err}");
        assert!(!err.contains(PASSWORD) && !text(&said.stdout).contains(PASSWORD), "{said:?}");
    };
    run(&nowhere, &url, 4, "--from: the database: it does not answer").await;
    run(&url, &nowhere, 4, "--to: the database: it does not answer").await;
    run(&missing, &url, 1, "does not exist").await;
    run(&good, &good, 2, "the same log").await;
    run(
        &good,
        &format!("esdb://somebody:{PASSWORD}@nowhere.invalid:2113?tls=false"),
        4,
        "nowhere.invalid",
    )
    .await;
    run(&good, &url.replace("tls=false", "tls=true"), 1, "not talked to over TLS").await;
    run(&good, &format!("esdb://somebody:{PASSWORD}@["), 2, "--to: the address cannot be read")
        .await;
    run(&good, PASSWORD, 2, "a log is named as").await;
    double.faults().credentials = Some(("admin".to_owned(), PASSWORD.to_owned()));
    run(&good, &signed, 1, "access denied").await;
    double.faults().credentials = None;
    double.kill(0);
    run(&good, &url, 4, "nothing answers at").await;
}
