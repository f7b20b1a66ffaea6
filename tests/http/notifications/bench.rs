//! A notification endpoint with everything behind it, asked in process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use commands::desk::{Clock, Desk};
use commands::ingest::{Accounts, Ingest};
use commands::log::postgres::{PostgresLog, PostgresLogOptions};
use commands::vault::{MasterKey, Vault};
use domain::access::Visible;
use domain::event::{Event, Fact, Position};
use domain::log::EventLog;
use domain::name::{RegistryName, RepositoryName, TagName, UserName};
use domain::registry::ContentEvent;
use domain::user::Account;
use http::{Request, StatusCode, header};
use jiff::Timestamp;
use projections::repositories::RepositoryRow;
use projections::runner::Runner;
use projections::{Paging, ReadModels, manifests, repositories, tags};
use serde_json::{Value, json};
use tests::postgres::TestDatabase;
use tower::ServiceExt as _;
use web::registry::hints::Hints;
use web::registry::notifications::{self, NotificationsState, PATH};
use web::registry::pulse::Pulse;

pub(super) const SECRET: &str = "hook-secret";
pub(super) const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const V2: &str = "application/vnd.docker.distribution.events.v2+json";

pub(super) struct Bench {
    pub(super) db: TestDatabase,
    pub(super) desk: Desk,
    pub(super) read: ReadModels,
    pub(super) hints: Hints,
    pub(super) router: Router,
    runner: Runner,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let db = TestDatabase::new().await;
        let log =
            PostgresLog::open(db.service.clone(), PostgresLogOptions::default()).await.unwrap();
        Self::over(db, log).await
    }

    pub(super) async fn over(db: TestDatabase, log: Arc<dyn EventLog>) -> Self {
        Self::build(db, log, BTreeMap::new()).await
    }

    /// Of the registry only what happens under these hosts is believed.
    pub(super) async fn only_by(hosts: &[&str]) -> Self {
        let db = TestDatabase::new().await;
        let log =
            PostgresLog::open(db.service.clone(), PostgresLogOptions::default()).await.unwrap();
        let hosts = hosts.iter().map(ToString::to_string).collect();
        Self::build(db, log, BTreeMap::from([(main(), hosts)])).await
    }

    async fn build(
        db: TestDatabase,
        log: Arc<dyn EventLog>,
        hosts: BTreeMap<RegistryName, BTreeSet<String>>,
    ) -> Self {
        let vault = Vault::open(db.service.clone(), MasterKey::from_bytes([7; 32])).await.unwrap();
        let now: Timestamp = "2025-06-01T12:00:00Z".parse().unwrap();
        let clock = Clock::new(move || now);
        vault.set_registry_secret(&main(), SECRET, now, now).await.unwrap();
        let desk = Desk { log: log.clone(), vault, clock };
        let accounts: Accounts = Arc::new(|name: &UserName| match name.as_str() {
            "alice" | "bob" => Some(Account::Person),
            "ci" => Some(Account::Bot),
            _ => None,
        });
        let robots = BTreeSet::from([UserName::parse("scanner").unwrap()]);
        let hints = Hints::default();
        let router = notifications::router(NotificationsState {
            desk: desk.clone(),
            ingest: Ingest::only_by(desk.clone(), accounts, robots, hosts),
            hints: hints.clone(),
            pulse: Pulse::since(now),
        });
        let runner = Runner::new(log, db.service.clone(), Arc::new(move || now));
        let read = ReadModels::new(&db.service);
        Self { db, desk, read, hints, router, runner }
    }

    /// Posts an envelope around `events`, which must be taken.
    pub(super) async fn tell(&self, events: &[Value]) {
        let body = json!({ "events": events }).to_string();
        let status = self.post(V2, body.into_bytes()).await;
        assert!(status.is_success(), "{status}");
    }

    pub(super) async fn post(&self, media_type: &str, body: impl Into<Body>) -> StatusCode {
        let bearer = format!("Bearer {SECRET}");
        self.send(PATH, &[("content-type", media_type), ("authorization", &bearer)], body).await
    }

    pub(super) async fn send(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> StatusCode {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.router.clone().oneshot(request.body(body.into()).unwrap()).await;
        let answer = answer.unwrap();
        assert!(answer.headers().get(header::LOCATION).is_none(), "a redirect loses the event");
        answer.status()
    }

    pub(super) async fn facts(&self) -> Vec<Fact> {
        let page = self.desk.log.read_all(Position(0), 100_000, None).await.unwrap();
        page.events.iter().map(|recorded| recorded.decode().unwrap()).collect()
    }

    /// What was said of content, without the registry processes.
    pub(super) async fn content(&self) -> Vec<ContentEvent> {
        let of = |fact: Fact| match fact.event {
            Event::Content(ContentEvent::InstanceSeen { .. }) => None,
            Event::Content(event) => Some(event),
            _ => None,
        };
        self.facts().await.into_iter().filter_map(of).collect()
    }

    pub(super) async fn rejected(&self) -> Vec<(String, String)> {
        let of = |event| match event {
            ContentEvent::NotificationRejected { reason, excerpt, .. } => Some((reason, excerpt)),
            _ => None,
        };
        self.content().await.into_iter().filter_map(of).collect()
    }

    pub(super) async fn repository(&self, name: &str) -> Option<RepositoryRow> {
        self.runner.catch_up().await.unwrap();
        let everything = Visible { everything: true, ..Visible::default() };
        repositories::find(&self.read, &main(), &repository(name), &everything).await.unwrap()
    }

    /// Each tag and the last four digits of where it points.
    pub(super) async fn tags(&self, name: &str) -> Vec<String> {
        self.runner.catch_up().await.unwrap();
        let all =
            tags::list(&self.read, &main(), &repository(name), "", &Paging::first(1_000)).await;
        all.unwrap().iter().map(|t| format!("{}={}", t.name, short(&t.digest))).collect()
    }

    /// The last four digits of each live manifest.
    pub(super) async fn manifests(&self, name: &str) -> Vec<String> {
        self.rows(name).await.iter().map(|row| short(&row.digest)).collect()
    }

    pub(super) async fn rows(&self, name: &str) -> Vec<manifests::ManifestRow> {
        self.runner.catch_up().await.unwrap();
        manifests::list(&self.read, &main(), &repository(name), &Paging::first(1_000))
            .await
            .unwrap()
    }

    pub(super) async fn history(&self, name: &str, tag: &str) -> Vec<String> {
        self.runner.catch_up().await.unwrap();
        let tag = TagName::parse(tag).unwrap();
        let all =
            tags::history(&self.read, &main(), &repository(name), &tag, &Paging::first(99)).await;
        all.unwrap().into_iter().map(|change| change.change).rev().collect()
    }
}

pub(super) fn main() -> RegistryName {
    RegistryName::parse("main").unwrap()
}

pub(super) fn repository(name: &str) -> RepositoryName {
    RepositoryName::parse(name).unwrap()
}

pub(super) fn digest(n: u64) -> String {
    format!("sha256:{n:064x}")
}

fn short(digest: &str) -> String {
    digest[digest.len() - 4..].trim_start_matches('0').to_owned()
}

/// An event at second `at` of a day in the past; its id follows from all that is in it.
pub(super) fn event(action: &str, at: i64, target: Value) -> Value {
    let timestamp = Timestamp::from_second(1_714_500_000 + at).unwrap().to_string();
    let id = format!("{action}-{at}-{target}");
    let id: String = id.chars().filter(char::is_ascii_alphanumeric).take(200).collect();
    json!({
        "id": id, "timestamp": timestamp, "action": action, "target": target,
        "request": {"id": "r", "addr": "192.0.2.7:4711", "method": "GET", "useragent": "docker/1"},
        "actor": {"name": "alice"}, "source": {"addr": "host:1", "instanceID": "i1"},
    })
}

/// A manifest of `a/b`.
pub(super) fn target(n: u64, tag: Option<&str>) -> Value {
    let mut target = json!({
        "mediaType": OCI, "size": 500, "length": 500, "digest": digest(n), "repository": "a/b",
    });
    if let Some(tag) = tag {
        target["tag"] = tag.into();
    }
    target
}

pub(super) fn push(at: i64, n: u64, tag: &str) -> Value {
    event("push", at, target(n, Some(tag)))
}

pub(super) fn pull(at: i64, n: u64, tag: Option<&str>, method: &str) -> Value {
    let mut event = event("pull", at, target(n, tag));
    event["request"]["method"] = method.into();
    event["id"] = format!("pull-{at}-{n}-{method}").into();
    event
}

pub(super) fn delete(at: i64, n: u64) -> Value {
    event("delete", at, json!({"digest": digest(n), "repository": "a/b"}))
}

pub(super) fn delete_tag(at: i64, tag: &str) -> Value {
    event("delete", at, json!({"tag": tag, "repository": "a/b"}))
}
