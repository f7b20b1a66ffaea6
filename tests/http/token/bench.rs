//! The real router over a world built from events: real vault in Postgres, real keys, real graph;
//! the log in memory.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use commands::authn::{Authenticator, AuthnOptions, app_token};
use commands::desk::{Clock, Desk};
use commands::log::memory::MemoryLog;
use commands::vault::{MasterKey, Password, Vault};
use domain::access::Policy;
use domain::admin::AdminEvent;
use domain::app_token::{AppTokenEvent, TokenId, TokenScope};
use domain::auth::{AuthEvent, TokenDecision};
use domain::event::{Actor, Event, EventId, Fact, Meta, NewEvent, Position, StreamName};
use domain::log::{Append, EventLog, Expected};
use domain::name::{NamespaceName, RegistryName, TeamName, UserName};
use domain::namespace::{Holder, NamespaceEvent, Visibility};
use domain::registry::{RegistryEvent, RegistrySettings};
use domain::team::{Role, TeamEvent};
use domain::user::{Account, Origin, UserEvent};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use projections::access::AccessGraph;
use serde_json::Value;
use tests::postgres::TestDatabase;
use tower::ServiceExt as _;
use web::client::ClientAddress;
use web::registry::keys::KeyStore;
use web::registry::recorder::{Keep, Recorder};
use web::registry::signer::{self, Signer, SignerOptions};
use web::registry::token::{self, ANSWER_WITHIN, TokenState};

pub(crate) const SERVICE: &str = "registry.example.test";
pub(crate) const ISSUER: &str = "auth.example.test";
/// Long enough that the tests' slow machine is never stale.
const STALENESS: Duration = Duration::from_secs(3_600);

pub(crate) struct Bench {
    pub(crate) now: Arc<Mutex<Timestamp>>,
    pub(crate) desk: Desk,
    pub(crate) state: TokenState,
    pub(crate) keys: KeyStore,
    router: Router,
    _folder: tempfile::TempDir,
    /// Dropped last.
    pub(crate) database: TestDatabase,
}

/// A user name as text, parsed.
pub(crate) fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn team(name: &str) -> TeamName {
    TeamName::parse(name).unwrap()
}

fn namespace(name: &str) -> NamespaceName {
    NamespaceName::parse(name).unwrap()
}

pub(crate) fn main() -> RegistryName {
    RegistryName::parse("main").unwrap()
}

/// Everybody's password; hard ones are in their own test.
pub(crate) fn password(name: &str) -> String {
    format!("the password of {name}")
}

impl Bench {
    /// alice, bob and root (an administrator), each with a private namespace of their name; the
    /// team crew with alice as owner and bob as viewer, which has the private namespaces `crew`
    /// and `crew/deep`, the protected `inner` and the public `open`; the global namespace, public.
    pub(crate) async fn new() -> Self {
        Self::with(Policy::default(), Keep::All).await
    }

    pub(crate) async fn with(policy: Policy, keep: Keep) -> Self {
        let now = Arc::new(Mutex::new(Clock::system().now()));
        let told = Arc::clone(&now);
        let clock = Clock::new(move || *told.lock().unwrap());
        Self::over(MemoryLog::new(clock.clone()), clock, now, policy, keep).await
    }

    pub(crate) async fn over(
        log: Arc<dyn EventLog>,
        clock: Clock,
        now: Arc<Mutex<Timestamp>>,
        policy: Policy,
        keep: Keep,
    ) -> Self {
        let database = TestDatabase::new().await;
        let master = MasterKey::from_bytes([7; 32]);
        let vault = Vault::open(database.service.clone(), master).await.unwrap();
        let desk = Desk { log, vault, clock: clock.clone() };
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyStore::open(&folder.path().join("keys"), clock.now()).unwrap();
        let signer = Signer::open(keys.clone(), SignerOptions::new(ISSUER), clock.now()).unwrap();
        let state = TokenState {
            access: AccessGraph::new(desk.log.clone()),
            authenticator: Authenticator::new(&desk, AuthnOptions::default()),
            signer: signer.clone(),
            recorder: Recorder::new(&desk, keep),
            policy: Arc::new(policy),
            clock,
            staleness: STALENESS,
            patience: ANSWER_WITHIN,
        };
        let router = token::router(state.clone()).merge(signer::router(signer));
        let bench = Self { now, desk, state, keys, router, _folder: folder, database };
        bench.populate().await;
        bench
    }

    /// The same world with another setting.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut TokenState)) {
        change(&mut self.state);
        self.router = token::router(self.state.clone());
    }

    async fn populate(&self) {
        let url = "http://127.0.0.1:5000".to_owned();
        let settings = RegistrySettings {
            service: SERVICE.to_owned(),
            host: "127.0.0.1:5000".to_owned(),
            url,
        };
        let added = RegistryEvent::Added { registry: main(), settings };
        self.tell(StreamName::registry(&main()), [added.into()]).await;
        for name in ["alice", "bob", "root"] {
            self.person(name, &password(name)).await;
        }
        let granted = AdminEvent::Granted { user: user("root") };
        self.tell(StreamName::administrators(), [granted.into()]).await;
        let made = TeamEvent::Created {
            team: team("crew"),
            owner: user("alice"),
            description: String::new(),
        };
        let joined =
            TeamEvent::MemberAdded { team: team("crew"), user: user("bob"), role: Role::Viewer };
        self.tell(StreamName::team(&team("crew")), [made.into(), joined.into()]).await;
        let crew = || Holder::Team { team: team("crew") };
        self.namespace("crew", crew(), Visibility::Private).await;
        self.namespace("crew/deep", Holder::Personal { user: user("root") }, Visibility::Private)
            .await;
        self.namespace("inner", crew(), Visibility::Protected).await;
        self.namespace("open", crew(), Visibility::Public).await;
        self.namespace("_", Holder::Global, Visibility::Public).await;
    }

    pub(crate) async fn person(&self, name: &str, password: &str) {
        let origin = Origin::Administrator;
        let account = Account::Person;
        self.desk
            .vault
            .set_password(&user(name), Password::parse(password).unwrap())
            .await
            .unwrap();
        let registered = UserEvent::Registered { user: user(name), account, origin };
        self.tell(StreamName::user(&user(name)), [registered.into()]).await;
        let own = user(name).personal_namespace().unwrap();
        let holder = Holder::Personal { user: user(name) };
        self.namespace(own.as_str(), holder, Visibility::Private).await;
    }

    async fn namespace(&self, name: &str, holder: Holder, visibility: Visibility) {
        let (registry, namespace) = (main(), namespace(name));
        let stream = StreamName::namespace(&registry, &namespace);
        let description = String::new();
        let made = NamespaceEvent::Created { registry, namespace, holder, visibility, description };
        self.tell(stream, [made.into()]).await;
    }

    /// Makes it a fact, and waits until the graph knows.
    pub(crate) async fn tell(&self, stream: StreamName, events: impl IntoIterator<Item = Event>) {
        let event = |event| NewEvent {
            id: self.desk.new_id(),
            occurred_at: self.desk.clock.now(),
            meta: Meta::by(Actor::Console { uid: 0 }),
            event,
        };
        let events = events.into_iter().map(event).collect();
        let append = Append { stream, expected: Expected::Any, key: None, events };
        self.desk.log.append(vec![append]).await.unwrap();
        self.state.access.catch_up().await.unwrap();
    }

    pub(crate) async fn of_user(&self, event: UserEvent, name: &str) {
        self.tell(StreamName::user(&user(name)), [event.into()]).await;
    }

    pub(crate) async fn disable(&self, name: &str) {
        let event = UserEvent::Disabled { user: user(name), reason: "left".to_owned() };
        self.of_user(event, name).await;
    }

    /// An application token of somebody, good for a day.
    pub(crate) async fn app_token(&self, owner: &str, scope: TokenScope) -> (TokenId, String) {
        let (secret, hash) = app_token::mint();
        let id = TokenId(EventId::from_key(&secret).0);
        self.desk.vault.put_app_token(id, &user(owner), hash).await.unwrap();
        let created = AppTokenEvent::Created {
            user: user(owner),
            token: id,
            label: id.to_string(),
            scopes: BTreeSet::from([scope]),
            namespaces: None,
            expires_at: self.desk.clock.now() + SignedDuration::from_hours(24),
        };
        self.tell(StreamName::app_tokens(&user(owner)), [created.into()]).await;
        (id, secret.to_string())
    }

    pub(crate) fn wait(&self, time: SignedDuration) {
        let mut now = self.now.lock().unwrap();
        *now += time;
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, body, bytes: bytes.len() }
    }

    /// `GET /v2/token?service=…&<query>` without credentials.
    pub(crate) async fn anonymous(&self, query: &str) -> Answer {
        self.send(get(query).body(Body::empty()).unwrap()).await
    }

    /// As somebody with their password.
    pub(crate) async fn get(&self, name: &str, query: &str) -> Answer {
        self.get_with(name, &password(name), query).await
    }

    pub(crate) async fn get_with(&self, name: &str, secret: &str, query: &str) -> Answer {
        let request = get(query).header("authorization", basic(name, secret));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get_from(&self, address: IpAddr, name: &str, secret: &str) -> Answer {
        let request = get("").header("authorization", basic(name, secret));
        let request = request.extension(ClientAddress(address));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, form: &[(&str, &str)]) -> Answer {
        self.post_as("application/x-www-form-urlencoded", &encoded(form)).await
    }

    pub(crate) async fn post_as(&self, media_type: &str, body: &str) -> Answer {
        let request = Request::post("/v2/token").header("content-type", media_type);
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// `grant_type=password` with further fields.
    pub(crate) async fn post_password(&self, name: &str, more: &[(&str, &str)]) -> Answer {
        let secret = password(name);
        let mut form = vec![
            ("grant_type", "password"),
            ("service", SERVICE),
            ("username", name),
            ("password", &secret),
        ];
        form.extend_from_slice(more);
        self.post(&form).await
    }

    pub(crate) async fn post_refresh(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        let mut form =
            vec![("grant_type", "refresh_token"), ("service", SERVICE), ("refresh_token", token)];
        form.extend_from_slice(more);
        self.post(&form).await
    }

    /// A refresh token, as `docker login` gets it.
    pub(crate) async fn refresh_token(&self, name: &str) -> String {
        let answer = self.get(name, "offline_token=true&client_id=docker").await;
        answer.body["refresh_token"].as_str().expect("a refresh token").to_owned()
    }

    /// Ends the tasks that record, and reads the whole log.
    pub(crate) async fn facts(&self) -> Vec<Fact> {
        let patience = Duration::from_secs(30);
        assert_eq!(self.state.recorder.close(patience).await, 0);
        assert_eq!(self.state.authenticator.close(patience).await, 0);
        let page = self.desk.log.read_all(Position(0), 1_000_000, None).await.unwrap();
        page.events.iter().map(|event| event.decode().unwrap()).collect()
    }

    pub(crate) async fn decisions(&self) -> Vec<TokenDecision> {
        let of = |fact: Fact| match fact.event {
            Event::Auth(AuthEvent::TokensDecided { decisions }) => decisions.to_vec(),
            _ => Vec::new(),
        };
        self.facts().await.into_iter().flat_map(of).collect()
    }
}

pub(crate) fn get(query: &str) -> http::request::Builder {
    Request::get(format!("/v2/token?service={SERVICE}&{query}"))
}

pub(crate) fn basic(name: &str, secret: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{secret}")))
}

/// As Go clients encode forms and queries.
pub(crate) fn encoded(form: &[(&str, &str)]) -> String {
    let encode = |text: &str| {
        let byte = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            b' ' => "+".to_owned(),
            byte => format!("%{byte:02X}"),
        };
        text.bytes().map(byte).collect::<String>()
    };
    let pair = |(key, value): &(&str, &str)| format!("{}={}", encode(key), encode(value));
    form.iter().map(pair).collect::<Vec<_>>().join("&")
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) bytes: usize,
}

/// A token, verified as a registry does.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The token, after its signature was verified with the certificate in its header.
    #[track_caller]
    pub(crate) fn token(&self) -> Token {
        assert_eq!(self.status, 200, "{}", self.body);
        let text = self.body["token"].as_str().unwrap();
        assert_eq!(self.body["access_token"].as_str(), Some(text));
        verify(text)
    }

    /// The granted rights as scopes.
    #[track_caller]
    pub(crate) fn granted(&self) -> Vec<String> {
        let claims = self.token().claims;
        let one = |access: &Value| {
            let actions: Vec<_> =
                access["actions"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
            let (kind, name) = (access["type"].as_str().unwrap(), access["name"].as_str().unwrap());
            format!("{kind}:{name}:{}", actions.join(","))
        };
        claims["access"].as_array().unwrap().iter().map(one).collect()
    }

    /// The first error's code and message.
    #[track_caller]
    pub(crate) fn error(&self) -> (&str, &str) {
        let error = &self.body["errors"][0];
        (error["code"].as_str().expect("a code"), error["message"].as_str().expect("a message"))
    }

    #[track_caller]
    pub(crate) fn refuses(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.body);
        let (_, message) = self.error();
        assert!(message.len() > 20, "{message}");
        assert!(self.body.get("token").is_none());
    }
}

#[track_caller]
pub(crate) fn verify(token: &str) -> Token {
    let part = |n: usize| {
        let text = token.split('.').nth(n).unwrap();
        serde_json::from_slice::<Value>(&BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    let header = part(0);
    let certificate = BASE64_STANDARD.decode(header["x5c"][0].as_str().unwrap()).unwrap();
    let (_, certificate) = x509_parser::parse_x509_certificate(&certificate).unwrap();
    let point = &certificate.public_key().subject_public_key.data;
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let (x, y) = (encode(&point[1..33]), encode(&point[33..65]));
    let key = DecodingKey::from_ec_components(&x, &y).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[SERVICE]);
    validation.set_issuer(&[ISSUER]);
    validation.validate_exp = false; // by the tests' clock, not the machine's
    let claims = jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap().claims;
    Token { header, claims }
}
