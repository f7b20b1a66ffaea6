//! The whole service in this process, on a free port, over a real database: what a person would
//! do, and exactly what comes back.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a failing bench fails its test

use std::net::SocketAddr;
use std::time::Duration;

use commands::desk::{Caller, Clock, Desk, Origin};
use commands::log::postgres::{PostgresLog, PostgresLogOptions};
use commands::users::{self, NewUser, ProfileChange};
use commands::vault::{MasterKey, Password, Vault};
use domain::access::Permit;
use domain::event::{Actor, Position};
use domain::name::{RegistryName, UserName};
use domain::user::{Account, Origin as AccountOrigin};
use serde_json::{Value, json};
use web::app::{self, Parts};
use web::config::{Config, Layers};
use web::database::Database;
use web::foundation::Ground;
use web::supervise::{Fatal, Supervisor};

use crate::postgres::TestDatabase;

/// The service of the site's registry, which nobody runs.
pub const SERVICE: &str = "registry.test";
/// The administrator of every site.
pub const ADMINISTRATOR: &str = "ada";

/// How long something may take to be seen.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running service.
pub struct Site {
    /// Where it answers.
    pub url: String,
    /// What it runs on.
    pub ground: Ground,
    /// What it is made of.
    pub parts: Parts,
    /// Its registry's notification secret.
    pub registry_secret: String,
    http: reqwest::Client,
    supervisor: Supervisor,
    fatal: Fatal,
    _folder: tempfile::TempDir,
    _database: TestDatabase,
}

/// Somebody who talks to the REST interface.
pub struct Person<'a> {
    site: &'a Site,
    name: String,
}

impl Site {
    /// A service with one registry and one administrator.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same, with settings by their names, such as `("policy.push", "admin-only")`.
    pub async fn start_with(settings: &[(&'static str, &str)]) -> Self {
        let site = Self::raise(settings).await;
        site.register(ADMINISTRATOR).await;
        let name = UserName::parse(ADMINISTRATOR).unwrap();
        let done = users::grant_admin(&site.ground.desk, &site.house(), &name).await.unwrap();
        site.reached(done).await;
        site
    }

    /// A service with one registry, and nobody yet.
    pub async fn start_unclaimed() -> Self {
        Self::raise(&[]).await
    }

    /// The same, with settings by their names.
    pub async fn start_unclaimed_with(settings: &[(&'static str, &str)]) -> Self {
        Self::raise(settings).await
    }

    async fn raise(settings: &[(&'static str, &str)]) -> Self {
        let database = TestDatabase::new().await;
        let folder = tempfile::tempdir().unwrap();
        let mut flags = vec![
            ("test", "data_dir", folder.path().display().to_string()),
            ("test", "registry.address", SERVICE.to_owned() + ":443"),
            ("test", "registry.service", SERVICE.to_owned()),
        ];
        // Tests ask more in a second than people in a minute.
        flags.push(("test", "api.calls_per_minute", "0".to_owned()));
        flags.push(("test", "api.anonymous_calls_per_minute", "0".to_owned()));
        flags.extend(settings.iter().map(|(name, value)| ("test", *name, (*value).to_owned())));
        let (config, _) = Config::load(&Layers { flags, ..Layers::default() }).unwrap();

        let pools = Database { owner: database.owner.clone(), service: database.service.clone() };
        let log =
            PostgresLog::open(pools.service.clone(), PostgresLogOptions::default()).await.unwrap();
        let master = MasterKey::from_bytes([7; 32]);
        let vault = Vault::open(pools.service.clone(), master).await.unwrap();
        let desk = Desk { log: log.clone(), vault, clock: Clock::system() };
        let ground = Ground { data: folder.path().to_owned(), database: pools, log, desk };

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let (supervisor, fatal) = Supervisor::new(Duration::from_secs(5));
        let parts = Parts::start(&config, &ground, address, &supervisor).await.unwrap();
        app::listen(&config, &parts, &supervisor, listener, None);
        let registry = config.registry.as_ref().unwrap();
        let secret = app::know_registry(registry, &ground, &parts).await.unwrap();

        Self {
            url: format!("http://{address}"),
            ground,
            parts,
            registry_secret: (*secret).clone(),
            http: reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .timeout(Duration::from_secs(30))
                .build()
                .unwrap(),
            supervisor,
            fatal,
            _folder: folder,
            _database: database,
        }
    }

    /// Everybody's password.
    #[must_use]
    pub fn password(name: &str) -> String {
        format!("a long password of {name}")
    }

    /// Makes an account.
    pub async fn register(&self, name: &str) {
        let new = NewUser {
            name: UserName::parse(name).unwrap(),
            account: Account::Person,
            origin: AccountOrigin::Console,
            password: Some(Password::parse(&Self::password(name)).unwrap()),
            profile: ProfileChange::default(),
        };
        let registries = [RegistryName::parse("main").unwrap()];
        let made = users::register(&self.ground.desk, &self.house(), new, &registries).await;
        self.reached(made.unwrap()).await;
    }

    /// The administrator at the REST interface.
    #[must_use]
    pub fn as_admin(&self) -> Person<'_> {
        self.person(ADMINISTRATOR)
    }

    /// Somebody at the REST interface.
    #[must_use]
    pub fn person(&self, name: &str) -> Person<'_> {
        Person { site: self, name: name.to_owned() }
    }

    /// What the token endpoint answers `name` (`""`: anonymous): status, and what the token holds
    /// or the error says.
    pub async fn token(&self, name: &str, scope: &str) -> String {
        self.token_with(name, &Self::password(name), scope).await
    }

    /// The same with another secret than the password.
    pub async fn token_with(&self, name: &str, secret: &str, scope: &str) -> String {
        let url = format!("{}/v2/token?service={SERVICE}&scope={scope}", self.url);
        let mut request = self.http.get(url);
        if !name.is_empty() {
            request = request.basic_auth(name, Some(secret));
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        match body["token"].as_str() {
            Some(token) => format!("{status} {}", claims(token)["access"]),
            None => format!("{status} {}", body["errors"][0]["code"].as_str().unwrap_or("?")),
        }
    }

    /// A page or probe, as nobody: status and body.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Waits until decisions and read models take account of `position`.
    pub async fn reached(&self, position: Position) {
        self.parts.graph.reached(position, PATIENCE).await.unwrap();
        self.parts.routes.api.followers.reached(position).await;
    }

    /// Why the service ended by itself.
    pub async fn fatal(&mut self) -> String {
        self.fatal.reason().await
    }

    /// Stops everything in order.
    pub async fn stop(self) {
        self.supervisor.shut_down().await;
    }

    /// Whoever runs the service, with every right.
    #[must_use]
    pub fn house(&self) -> Caller {
        let permit = Permit::of_the_house(Actor::Console { uid: 0 });
        Caller { permit, origin: Origin::default() }
    }
}

impl Person<'_> {
    /// `GET`
    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.send(reqwest::Method::GET, path, None).await
    }

    /// `POST` with JSON.
    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(reqwest::Method::POST, path, Some(body)).await
    }

    /// `PUT` with JSON.
    pub async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(reqwest::Method::PUT, path, Some(body)).await
    }

    /// Disables an account.
    pub async fn disable(&self, name: &str, reason: &str) -> (u16, Value) {
        let (_, users) = self.get("/api/v1/users?per_page=100").await;
        let mut users = users.as_array().into_iter().flatten();
        let id = users.find(|user| user["username"] == name).unwrap()["id"].clone();
        self.post(&format!("/api/v1/users/{id}/disable"), &json!({ "reason": reason })).await
    }

    async fn send(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let mut request = self
            .site
            .http
            .request(method, format!("{}{path}", self.site.url))
            .basic_auth(&self.name, Some(Site::password(&self.name)));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }
}

/// What a token says, unverified.
///
/// # Panics
///
/// When it is no token.
#[must_use]
pub fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let part = token.split('.').nth(1).unwrap();
    let bytes = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}
