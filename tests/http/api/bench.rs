//! The REST interface in process: real database, real followers, a clock that tests turn.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::middleware::from_fn_with_state;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use commands::authn::{Authenticator, AuthnOptions};
use commands::bootstrap::BootstrapSecret;
use commands::desk::{Caller, Clock, Desk, Origin};
use commands::log::postgres::{PostgresLog, PostgresLogOptions};
use commands::registries;
use commands::vault::{MasterKey, Vault};
use domain::access::{Permit, Policy};
use domain::digest::Digest;
use domain::event::{Actor, Event, Meta, NewEvent, Position, StreamName};
use domain::log::{Append, EventLog, Expected, Outcome};
use domain::name::{RegistryName, RepositoryName, TagName};
use domain::registry::{ContentEvent, RegistrySettings};
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use projections::ReadModels;
use projections::access::AccessGraph;
use projections::runner::Runner;
use projections::search::SearchIndex;
use serde_json::{Value, json};
use tests::described::{Answered, Described, Known};
use tests::postgres::TestDatabase;
use tokio::task::JoinSet;
use tower::ServiceExt as _;
use web::api::{ApiState, Budgets, Followers, Limits};
use web::auth::{Auth, External, Sessions};
use web::client::{self, TrustedProxies};
use web::sweeper::Sweeper;

/// Where browsers think they are.
pub(super) const EXTERNAL: &str = "https://portus.example.org";
/// Everybody's password.
pub(super) const PASSWORD: &str = "correct horse battery";

pub(super) struct Bench {
    pub(super) state: ApiState,
    pub(super) sweeper: Sweeper,
    pub(super) secret: String,
    router: Router,
    now: Arc<Mutex<Timestamp>>,
    known: Mutex<BTreeSet<Known>>,
    _followers: JoinSet<()>,
    _folder: tempfile::TempDir,
    pub(super) database: TestDatabase,
}

/// What somebody shows.
#[derive(Clone, Debug)]
pub(super) enum Shows {
    Nothing,
    Basic(String, String),
    PortusAuth(String, String),
    Bearer(String),
    Session { cookie: String, csrf: String },
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
    pub(super) body: Value,
}

impl Answer {
    #[track_caller]
    pub(super) fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    #[track_caller]
    pub(super) fn id(&self) -> i64 {
        self.body["id"].as_i64().expect("an id")
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The texts of one field of a list's entries.
    pub(super) fn all(&self, field: &str) -> Vec<String> {
        let entries = self.body.as_array().expect("a list").iter();
        entries.map(|entry| entry[field].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl Bench {
    /// A service with one registry and nobody in it.
    pub(super) async fn empty() -> Self {
        Self::with(Policy::default()).await
    }

    pub(super) async fn with(policy: Policy) -> Self {
        Self::raise(policy, Limits { known: 0, anonymous: 0 }).await
    }

    /// With this many calls for everybody, and an administrator.
    pub(super) async fn with_limits(limits: Limits) -> Self {
        let bench = Self::raise(Policy::default(), limits).await;
        bench.bootstrap("root-admin").await.is(201);
        bench
    }

    async fn raise(policy: Policy, limits: Limits) -> Self {
        let database = TestDatabase::new().await;
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(Mutex::new("2026-11-22T12:00:00Z".parse().unwrap()));
        let shown = now.clone();
        let clock = Clock::new(move || *shown.lock().unwrap());
        let pool = database.service.clone();
        let log: Arc<dyn EventLog> =
            PostgresLog::open(pool.clone(), PostgresLogOptions::default()).await.unwrap();
        let vault = Vault::open(pool.clone(), MasterKey::from_bytes([7; 32])).await.unwrap();
        let desk = Desk { log: log.clone(), vault, clock: clock.clone() };

        let graph = AccessGraph::new(log.clone());
        graph.catch_up().await.unwrap();
        let tell = clock.clone();
        let runner = Runner::new(log.clone(), pool.clone(), Arc::new(move || tell.now()));
        let search = SearchIndex::open(folder.path()).unwrap();
        let mut followers = JoinSet::new();
        followers.spawn({
            let graph = graph.clone();
            async move { graph.run(std::future::pending()).await.unwrap() }
        });
        followers.spawn({
            let runner = runner.clone();
            async move { runner.run(std::future::pending()).await }
        });
        followers.spawn({
            let (search, log) = (search.clone(), log.clone());
            async move { search.run(log, std::future::pending()).await.unwrap() }
        });

        let external = External::new(EXTERNAL);
        let auth = Auth {
            graph,
            sights: projections::access::Sights::default(),
            policy: Arc::new(policy),
            staleness: Duration::from_secs(10),
            authenticator: Authenticator::new(&desk, AuthnOptions::default()),
            sessions: Sessions::new(pool.clone(), clock.clone(), external.is_secure()),
            desk: desk.clone(),
            external,
        };
        let bootstrap = BootstrapSecret::open(&desk, folder.path()).await.unwrap();
        let secret = bootstrap.reveal().await.unwrap().to_string();
        let read = ReadModels::new(&pool);
        let sweeper = Sweeper {
            desk: desk.clone(),
            sessions: auth.sessions.clone(),
            read: read.clone(),
            runner: runner.clone(),
        };
        let state = ApiState {
            auth,
            read,
            search: search.clone(),
            followers: Followers::new(vec![Arc::new(runner), Arc::new(search)]),
            bootstrap: Arc::new(bootstrap),
            budgets: Budgets::new(limits, clock),
        };
        let bench = Self {
            router: web::api::router(state.clone())
                .layer(from_fn_with_state(TrustedProxies::default(), client::identify)),
            state,
            sweeper,
            secret,
            now,
            known: Mutex::default(),
            _followers: followers,
            _folder: folder,
            database,
        };
        let permit = Permit::of_the_house(Actor::Console { uid: 0 });
        let by = Caller { permit, origin: Origin::default() };
        let settings = RegistrySettings {
            service: "r.example.org".into(),
            host: "r.example.org".into(),
            url: "https://r.example.org".into(),
        };
        let added = registries::add(&bench.state.auth.desk, &by, &main(), settings).await.unwrap();
        bench.caught_up(added).await;
        bench
    }

    /// With an administrator: `root-admin`, by password.
    pub(super) async fn new() -> Self {
        let bench = Self::empty().await;
        bench.bootstrap("root-admin").await.is(201);
        bench
    }

    pub(super) async fn bootstrap(&self, name: &str) -> Answer {
        let body = json!({
            "secret": self.secret,
            "user": { "username": name, "password": PASSWORD, "email": "root@example.org" },
        });
        self.post(&Shows::Nothing, "/users/bootstrap", body).await
    }

    pub(super) fn admin(&self) -> Shows {
        by_password("root-admin")
    }

    /// Makes a person, who shows their password.
    pub(super) async fn person(&self, name: &str) -> Shows {
        let body = json!({ "user": { "username": name, "password": PASSWORD } });
        self.post(&self.admin(), "/users", body).await.is(201);
        by_password(name)
    }

    /// Makes a team of this person's.
    pub(super) async fn team(&self, owner: &Shows, name: &str) -> i64 {
        self.post(owner, "/teams", json!({ "name": name })).await.is(201).id()
    }

    /// Makes a namespace of this team's.
    pub(super) async fn namespace(&self, owner: &Shows, name: &str, team: &str, seen: &str) -> i64 {
        let body = json!({ "name": name, "team": team, "visibility": seen });
        self.post(owner, "/namespaces", body).await.is(201).id()
    }

    /// Makes an application token for whoever shows their password.
    pub(super) async fn token(&self, owner: &Shows, scopes: &[&str]) -> (String, i64) {
        let Shows::Basic(name, _) = owner else { panic!("tokens are made by password") };
        let label = format!("for {scopes:?}");
        let body = json!({ "application": label, "scopes": scopes });
        let made = self.post(owner, &format!("/users/{name}/application_tokens"), body).await;
        let made = made.is(201);
        (made.body["plain_token"].as_str().unwrap().to_owned(), made.id())
    }

    /// Signs in at the web.
    pub(super) async fn session(&self, name: &str) -> Shows {
        let entered = self.state.auth.sign_in(name, PASSWORD, Origin::default()).await;
        let entered = entered.unwrap_or_else(|err| panic!("{name}: {err}"));
        let cookie = entered.cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        Shows::Session { cookie, csrf: entered.session.csrf() }
    }

    /// What a registry would tell of a push.
    pub(super) async fn pushed(&self, repository: &str, tag: &str) -> i64 {
        let name = RepositoryName::parse(repository).unwrap();
        let digest = format!("sha256:{:064x}", tag.len());
        let event = ContentEvent::ManifestPushed {
            registry: main(),
            repository: name,
            digest: Digest::parse(&digest).unwrap(),
            tag: Some(TagName::parse(tag).unwrap()),
            media_type: Some("application/vnd.oci.image.manifest.v1+json".into()),
            size: Some(500),
            references: Vec::new(),
            omitted: Default::default(),
        };
        let desk = &self.state.auth.desk;
        let now = desk.clock.now();
        let append = Append {
            stream: StreamName::pushes(&main(), now),
            expected: Expected::Any,
            key: None,
            events: vec![NewEvent {
                id: desk.new_id(),
                occurred_at: now,
                meta: Meta::by(Actor::Registry { name: main() }),
                event: event.into(),
            }],
        };
        let done = desk.log.append(vec![append]).await.unwrap();
        let [Outcome::Appended { last, .. }] = done.as_slice() else { panic!("{done:?}") };
        self.caught_up(*last).await;
        i64::try_from(last.0).unwrap()
    }

    /// Which calls were answered, and with which status.
    pub(super) fn known(&self) -> BTreeSet<Known> {
        self.known.lock().unwrap().clone()
    }

    pub(super) async fn caught_up(&self, position: Position) {
        self.state.auth.graph.reached(position, Duration::from_secs(20)).await.unwrap();
        self.state.followers.reached(position).await;
    }

    pub(super) fn pass(&self, time: SignedDuration) {
        *self.now.lock().unwrap() += time;
    }

    pub(super) async fn head(&self) -> Position {
        self.state.auth.desk.log.head().await.unwrap()
    }

    pub(super) async fn events_after(&self, position: Position) -> Vec<Event> {
        let page = self.state.auth.desk.log.read_all(position, 1_000, None).await.unwrap();
        page.events.iter().map(|recorded| recorded.decode().unwrap().event).collect()
    }

    /// Everything that the log holds, as stored.
    pub(super) async fn everything(&self) -> String {
        let page = self.state.auth.desk.log.read_all(Position(0), 1_000, None).await.unwrap();
        page.events.iter().map(|event| format!("{}{}\n", event.meta, event.data)).collect()
    }

    pub(super) async fn get(&self, who: &Shows, path: &str) -> Answer {
        self.call(who, Method::GET, path, None).await
    }

    pub(super) async fn post(&self, who: &Shows, path: &str, body: Value) -> Answer {
        self.call(who, Method::POST, path, Some(body)).await
    }

    pub(super) async fn put(&self, who: &Shows, path: &str, body: Value) -> Answer {
        self.call(who, Method::PUT, path, Some(body)).await
    }

    pub(super) async fn delete(&self, who: &Shows, path: &str) -> Answer {
        self.call(who, Method::DELETE, path, None).await
    }

    pub(super) async fn call(
        &self,
        who: &Shows,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        self.send(Self::request(who, method, path, body)).await
    }

    pub(super) fn request(
        who: &Shows,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Request<Body> {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        match who {
            Shows::Nothing => (),
            Shows::Basic(name, secret) => {
                let pair = BASE64_STANDARD.encode(format!("{name}:{secret}"));
                request = request.header(AUTHORIZATION, format!("Basic {pair}"));
            }
            Shows::PortusAuth(name, token) => {
                request = request.header("Portus-Auth", format!("{name}:{token}"));
            }
            Shows::Bearer(token) => {
                request = request.header(AUTHORIZATION, format!("Bearer {token}"));
            }
            Shows::Session { cookie, csrf } => {
                request = request.header(COOKIE, cookie).header("X-CSRF-Token", csrf);
            }
        }
        let body = match body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        request.body(body).unwrap()
    }

    /// Whatever a test asks, the answer is one that the document describes.
    pub(super) async fn send(&self, mut request: Request<Body>) -> Answer {
        // The same for all, so that answers that should be the same are so to the letter.
        let id = HeaderValue::from_static("of-a-test");
        request.headers_mut().entry(client::REQUEST_ID).or_insert(id);
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 10_000_000).await.unwrap();
        if let Some(path) = uri.path().strip_prefix("/api/v1") {
            let (status, headers) = (parts.status.as_u16(), &parts.headers);
            let answered = Answered { method: &method, path, status, headers, body: &bytes };
            match Described::by(&web::api::document().value).check(&answered) {
                Ok(known) => self.known.lock().unwrap().extend(known),
                Err(why) => panic!("{why}\n{}", String::from_utf8_lossy(&bytes)),
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, text, body }
    }
}

pub(super) fn main() -> RegistryName {
    RegistryName::parse("main").unwrap()
}

pub(super) fn by_password(name: &str) -> Shows {
    Shows::Basic(name.to_owned(), PASSWORD.to_owned())
}
