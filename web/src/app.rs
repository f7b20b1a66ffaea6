//! The one place where parts are chosen and wired.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use commands::authn::{Authenticator, AuthnOptions};
use commands::bootstrap::BootstrapSecret;
use commands::desk::{Caller, Desk, Origin};
use commands::execute::CommandError;
use commands::ingest::{Accounts, Ingest};
use commands::namespaces::personal::Keeper;
use commands::users::reset::Resets;
use commands::{registries, watchman};
use domain::access::Permit;
use domain::event::{Actor, Door, Position};
use domain::log::EventLog;
use domain::name::RegistryName;
use domain::registry::{RegistryRefusal, RegistrySettings};
use jiff::SignedDuration;
use metrics_exporter_prometheus::PrometheusHandle;
use projections::ReadModels;
use projections::access::AccessGraph;
use projections::runner::Runner;
use projections::search::SearchIndex;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use zeroize::Zeroizing;

use crate::api::{ApiState, Budgets, Followers};
use crate::auth::{Auth, External, Sessions};
use crate::config::{self, Config, Decisions};
use crate::foundation::{Foundation, FoundationError, Ground, KEYS, REGISTRY, SEARCH};
use crate::health::{Health, HealthBuilder};
use crate::mail::{Mailer, Postman, ResetDesk};
use crate::registry::hints::Hints;
use crate::registry::keys::KeyStore;
use crate::registry::notifications::NotificationsState;
use crate::registry::reconciler::Reconciler;
use crate::registry::recorder::{Keep, Recorder};
use crate::registry::signer::{Signer, SignerOptions};
use crate::registry::token::{ANSWER_WITHIN, TokenState};
use crate::registry_child::{RegistryChild, Settings as RegistrySetup};
use crate::supervise::{Fatal, Stage, Supervisor};
use crate::ui::{Listeners, SignUps, SiteFacts, UiState};
use crate::{demo, router, server, sweeper, telemetry};

/// How long the registry may take to answer after its start.
const REGISTRY_PATIENCE: Duration = Duration::from_secs(30);
/// How long what is behind the answers may take to be written down at the end.
const FLUSH: Duration = Duration::from_secs(8);
/// How long the notification secret before the present one stays good.
const OLD_SECRET_HOURS: i64 = 1;

/// The file in the data folder with the password of the demo's people.
const DEMO_PASSWORD: &str = "demo-password";

/// Why the service does not start; each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What everything stands on.
    #[error(transparent)]
    Foundation(#[from] FoundationError),
    /// Something that is needed does not answer.
    #[error("{0}")]
    Unreachable(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl StartError {
    fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }

    fn unreachable(error: impl std::fmt::Display) -> Self {
        Self::Unreachable(error.to_string())
    }
}

/// The whole service, running.
pub struct App {
    /// Why it ends by itself.
    pub fatal: Fatal,
    config: Config,
    address: SocketAddr,
    parts: Parts,
    supervisor: Supervisor,
    foundation: Foundation,
}

impl App {
    /// Starts everything; when it returns, the listener answers.
    ///
    /// # Errors
    ///
    /// [`StartError`], whose text says what to do.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        // The port first: nothing is touched when somebody else has it.
        let listener =
            server::bind(&config.listen, "--listen").await.map_err(StartError::Failed)?;
        let internal = match &config.http.internal_listen {
            Some(address) => {
                let bound = server::bind(address, "http.internal_listen").await;
                Some(bound.map_err(StartError::Failed)?)
            }
            None => None,
        };
        let address = listener.local_addr().map_err(StartError::failed)?;
        let (supervisor, fatal) = Supervisor::new(config.http.drain);
        let foundation = Foundation::of_service(&config).await?;
        let started = async {
            let ground = foundation.ground();
            let parts = Parts::start(&config, &ground, address, &supervisor).await?;
            listen(&config, &parts, &supervisor, listener, internal);
            start_registry(&config, &ground, &parts, address, &supervisor).await?;
            Ok(parts)
        };
        match started.await {
            Ok(parts) => Ok(Self { fatal, config, address, parts, supervisor, foundation }),
            Err(error) => {
                supervisor.shut_down().await;
                foundation.close().await;
                Err(error)
            }
        }
    }

    /// What to say to whoever has started it: where it is, and what to try.
    pub async fn welcome(&self) -> String {
        let url = external_url(&self.config, self.address);
        let mut text = format!("\nPortus is at {url}\n");
        if let Some(secret) = self.parts.bootstrap.reveal().await {
            let _ = write!(
                text,
                "\nThere is no administrator yet. Make yourself one there, with this one-time \
                 secret:\n\n    {}\n",
                *secret
            );
        }
        if let Some(registry) = &self.config.registry {
            let host = &registry.address;
            let _ = write!(
                text,
                "\nThe registry is at {host}. With an account, try (NAME is yours):\n\n    \
                 docker login {host}\n    \
                 docker pull alpine\n    \
                 docker tag alpine {host}/NAME/alpine\n    \
                 docker push {host}/NAME/alpine\n"
            );
        }
        text.push_str("\nCtrl-C stops everything.\n");
        text
    }

    /// How the demo reaches this service; `None` without a registry.
    ///
    /// # Errors
    ///
    /// [`StartError`] when its password can be neither read nor made.
    pub async fn demo_site(&self) -> Result<Option<demo::Site>, StartError> {
        let Some(registry) = &self.config.registry else { return Ok(None) };
        let password = self
            .foundation
            .data
            .secret(DEMO_PASSWORD, || hex::encode(rand::random::<[u8; 10]>()))
            .map_err(StartError::failed)?;
        let bootstrap = self.parts.bootstrap.reveal().await.map(|secret| (*secret).clone());
        Ok(Some(demo::Site {
            portus: format!("http://{}", reachable(self.address)),
            registry: registry.url.clone(),
            service: registry.service.clone(),
            password,
            bootstrap,
            made: self.foundation.data.root().join("demo-made"),
        }))
    }

    /// Stops everything in order.
    pub async fn stop(self) {
        let Self { parts, supervisor, foundation, .. } = self;
        supervisor.shut_down().await;
        drop(parts);
        foundation.close().await;
        tracing::info!("stopped");
    }
}

/// What the routes work with. Cheap to clone.
#[derive(Clone)]
pub struct Routes {
    /// How the service is.
    pub health: Health,
    /// What was counted.
    pub metrics: PrometheusHandle,
    /// The token endpoint's.
    pub token: TokenState,
    /// The notification endpoint's.
    pub notifications: NotificationsState,
    /// For the keys' public halves.
    pub signer: Signer,
    /// The REST interface's.
    pub api: ApiState,
    /// The pages'.
    pub pages: UiState,
}

/// What runs on the ground; the same in the program and in tests.
pub struct Parts {
    /// Who may do what.
    pub graph: AccessGraph,
    /// The one-time secret for the first administrator.
    pub bootstrap: Arc<BootstrapSecret>,
    /// Signs tokens.
    pub signer: Signer,
    /// What the routes work with.
    pub routes: Routes,
}

impl Parts {
    /// Opens everything, and starts what follows the log. Answers will be given at `address`.
    ///
    /// # Errors
    ///
    /// [`StartError`], whose text says what to do.
    pub async fn start(
        config: &Config,
        ground: &Ground,
        address: SocketAddr,
        supervisor: &Supervisor,
    ) -> Result<Self, StartError> {
        let metrics = telemetry::count().map_err(StartError::Failed)?;
        let log: Arc<dyn EventLog> = ground.log.clone();

        let graph = AccessGraph::new(log.clone());
        graph.catch_up().await.map_err(StartError::failed)?;
        follow(supervisor, "access graph", {
            let graph = graph.clone();
            move |stop| {
                let graph = graph.clone();
                async move { graph.run(stop.cancelled_owned()).await.map_err(|e| e.to_string()) }
            }
        });

        supervisor.keep(Stage::Projections, "personal namespaces", {
            let desk = ground.desk.clone();
            move |stop| {
                let keeper = Keeper::new(desk.clone());
                async move {
                    tokio::select! {
                        () = keeper.run() => Err("it ended"),
                        () = stop.cancelled() => Ok(()),
                    }
                }
            }
        });

        let now = ground.desk.clock.now();
        let keys = KeyStore::open_as(&ground.data.join(KEYS), config.token.keys, now)
            .map_err(StartError::failed)?;
        let signer = Signer::open(keys, signer_options(config, address), now);
        let signer = signer.map_err(StartError::failed)?;
        supervisor.keep(Stage::Recorder, "signing keys", {
            let (signer, desk) = (signer.clone(), ground.desk.clone());
            move |stop| {
                let (signer, desk) = (signer.clone(), desk.clone());
                async move {
                    signer.watch(desk, stop.cancelled_owned()).await;
                    Ok::<_, String>(())
                }
            }
        });

        let authenticator = Authenticator::new(&ground.desk, authn_options(config));
        let recorder = Recorder::new(&ground.desk, keep(config));
        write_down_at_the_end(&authenticator, &recorder, supervisor);
        watch_pushes(config, ground, supervisor);

        let token = TokenState {
            access: graph.clone(),
            authenticator: authenticator.clone(),
            signer: signer.clone(),
            recorder,
            policy: Arc::new(config.policy.clone()),
            clock: ground.desk.clock.clone(),
            staleness: config.staleness_bound,
            patience: ANSWER_WITHIN,
        };

        let search = SearchIndex::open(&ground.data.join(SEARCH)).map_err(StartError::failed)?;
        follow(supervisor, "search index", {
            let (search, log) = (search.clone(), log.clone());
            move |stop| {
                let (search, log) = (search.clone(), log.clone());
                async move { search.run(log, stop.cancelled_owned()).await.map_err(|e| e.to_string()) }
            }
        });

        let clock = ground.desk.clock.clone();
        let now = Arc::new(move || clock.now());
        let runner = Runner::new(log.clone(), ground.database.service.clone(), now);
        follow(supervisor, "read models", {
            let runner = runner.clone();
            move |stop| {
                let runner = runner.clone();
                async move {
                    runner.run(stop.cancelled_owned()).await;
                    Ok(())
                }
            }
        });

        let bootstrap = BootstrapSecret::open(&ground.desk, &ground.data).await;
        let bootstrap = Arc::new(bootstrap.map_err(StartError::failed)?);
        let external = External::new(&external_url(config, address));
        let api = ApiState {
            auth: Auth {
                graph: graph.clone(),
                sights: projections::access::Sights::default(),
                policy: Arc::new(config.policy.clone()),
                staleness: config.staleness_bound,
                authenticator,
                sessions: Sessions::new(
                    ground.database.service.clone(),
                    ground.desk.clock.clone(),
                    external.is_secure(),
                )
                .lasting(config.session.idle, config.session.absolute),
                desk: ground.desk.clone(),
                external,
            },
            read: ReadModels::new(&ground.database.service),
            search: search.clone(),
            followers: Followers::new(vec![Arc::new(search.clone()), Arc::new(runner.clone())]),
            bootstrap: bootstrap.clone(),
            budgets: Budgets::new(config.api, ground.desk.clock.clone()),
        };
        supervisor.keep(Stage::Recorder, "clearing away what is over", {
            let (desk, sessions) = (ground.desk.clone(), api.auth.sessions.clone());
            move |stop| {
                let (desk, sessions) = (desk.clone(), sessions.clone());
                async move {
                    sweeper::run(desk, sessions, stop).await;
                    Ok::<_, String>(())
                }
            }
        });
        let resets = resets(config, ground, &api.auth, supervisor)?;
        let health = health(config, ground, &graph, &search, &runner);
        upkeep(metrics.clone(), supervisor);
        let pages = UiState {
            auth: api.auth.clone(),
            read: api.read.clone(),
            search,
            followers: api.followers.clone(),
            bootstrap: bootstrap.clone(),
            runner: runner.clone(),
            health: health.clone(),
            signer: signer.clone(),
            listeners: Listeners::new(supervisor.stop_of(Stage::Listeners)),
            sign_ups: config.sign_up.then(Arc::<SignUps>::default),
            resets,
            talk: Arc::default(),
            site: Arc::new(SiteFacts {
                external_url_from: config.http.external_url_from.clone(),
                keys: ground.data.join(KEYS),
                managed: config.registry.as_ref().filter(|r| r.managed).map(|r| r.name.clone()),
                token_uses: config.token.decisions == Decisions::All,
            }),
        };
        let notifications = NotificationsState {
            desk: ground.desk.clone(),
            ingest: Ingest::only_by(
                ground.desk.clone(),
                accounts(&graph),
                config.robots.clone(),
                hosts(config),
            ),
            hints: Hints::default(),
        };
        let reconciler = Reconciler {
            desk: ground.desk.clone(),
            read: api.read.clone(),
            runner: runner.clone(),
            signer: signer.clone(),
            hints: notifications.hints.clone(),
            silent: Arc::default(),
            period: config.compare_every,
        };
        supervisor.keep(Stage::Recorder, "reconciliation", move |stop| {
            let reconciler = reconciler.clone();
            async move {
                tokio::select! {
                    () = reconciler.run() => Err("it ended"),
                    () = reconciler.describe() => Err("it ended"),
                    () = stop.cancelled() => Ok(()),
                }
            }
        });
        let signer_route = signer.clone();
        let routes =
            Routes { health, metrics, token, notifications, signer: signer_route, api, pages };
        Ok(Self { graph, bootstrap, signer, routes })
    }
}

/// Where new passwords are asked for, if mail can be sent.
fn resets(
    config: &Config,
    ground: &Ground,
    auth: &Auth,
    supervisor: &Supervisor,
) -> Result<Option<ResetDesk>, StartError> {
    let Some(mail) = &config.mail else { return Ok(None) };
    let (resets, wishes) = ResetDesk::new();
    let postman = Arc::new(Postman {
        desk: ground.desk.clone(),
        mailer: Mailer::new(mail).map_err(StartError::failed)?,
        resets: Resets::new(mail.reset_lifetime),
        sessions: auth.sessions.clone(),
        external: auth.external.clone(),
        wishes: tokio::sync::Mutex::new(wishes),
    });
    supervisor.keep(Stage::Recorder, "mail", move |stop| {
        let postman = postman.clone();
        async move { postman.run(stop).await }
    });
    Ok(Some(resets))
}

/// Whose account a name in a notification is.
fn accounts(graph: &AccessGraph) -> Accounts {
    let graph = graph.clone();
    Arc::new(move |name| graph.snapshot().account(name).map(|facts| facts.account))
}

/// By which hosts clients call the configured registry, if that was said.
fn hosts(config: &Config) -> BTreeMap<RegistryName, BTreeSet<String>> {
    let registry = config.registry.as_ref();
    let hosts = registry.and_then(|known| Some((known.name.clone(), known.hosts.clone()?)));
    hosts.into_iter().collect()
}

/// Says when a registry tells of a push for which nobody was given a token. Only where every token
/// is recorded can that be known.
fn watch_pushes(config: &Config, ground: &Ground, supervisor: &Supervisor) {
    if config.token.decisions != Decisions::All {
        return;
    }
    let (desk, life) = (ground.desk.clone(), config.token.lifetime);
    supervisor.keep(Stage::Projections, "pushes without a token", move |stop| {
        let desk = desk.clone();
        async move {
            let life = SignedDuration::try_from(life).unwrap_or(SignedDuration::MAX);
            tokio::select! {
                () = watchman::watch(desk, life) => Err("it ended"),
                () = stop.cancelled() => Ok(()),
            }
        }
    });
}

fn signer_options(config: &Config, address: SocketAddr) -> SignerOptions {
    let issuer = config.token.issuer.clone().unwrap_or_else(|| {
        let url = external_url(config, address);
        url.split_once("://").map_or(url.as_str(), |(_, rest)| rest).to_owned()
    });
    SignerOptions {
        lifetime_s: i64::try_from(config.token.lifetime.as_secs()).unwrap_or(i64::MAX),
        ..SignerOptions::new(issuer)
    }
}

fn authn_options(config: &Config) -> AuthnOptions {
    let signed = |time: Duration| SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    AuthnOptions {
        remember: signed(config.token.remember_password),
        refresh_lifetime: signed(config.token.refresh_lifetime),
    }
}

fn keep(config: &Config) -> Keep {
    match config.token.decisions {
        Decisions::All => Keep::All,
        Decisions::Refused => Keep::Refused,
        Decisions::None => Keep::None,
    }
}

/// When the listeners have stopped, what they have answered is written down before anything else
/// stops.
fn write_down_at_the_end(
    authenticator: &Authenticator,
    recorder: &Recorder,
    supervisor: &Supervisor,
) {
    let (authenticator, recorder) = (authenticator.clone(), recorder.clone());
    let stop = supervisor.stop_of(Stage::Recorder);
    supervisor.once(Stage::Recorder, async move {
        stop.cancelled().await;
        let lost = tokio::join!(recorder.close(FLUSH), authenticator.close(FLUSH));
        if lost != (0, 0) {
            tracing::error!(
                decisions = lost.0,
                failures = lost.1,
                "could not be written to the log before the end"
            );
        }
    });
}

/// Keeps a follower of the log running. One that has met a fact it cannot read stands still, which
/// `/readyz` says: a restart in the same program would meet the same fact.
fn follow<F, R>(supervisor: &Supervisor, name: &'static str, mut start: F)
where
    F: FnMut(tokio_util::sync::CancellationToken) -> R + Send + 'static,
    R: Future<Output = Result<(), String>> + Send,
{
    supervisor.keep(Stage::Projections, name, move |stop| {
        let running = start(stop.clone());
        async move {
            if let Err(halted) = running.await {
                tracing::error!(follower = name, "{halted}");
                stop.cancelled().await;
            }
            Ok::<_, String>(())
        }
    });
}

/// What `/readyz` asks.
fn health(
    config: &Config,
    ground: &Ground,
    graph: &AccessGraph,
    search: &SearchIndex,
    runner: &Runner,
) -> Health {
    let (search, runner) = (search.clone(), runner.clone());
    let (desk, lag_bound) = (ground.desk.clone(), config.lag_bound);
    let behind = move |what: String, at: Position| {
        let desk = desk.clone();
        async move { within(&desk, lag_bound, &what, at).await }
    };
    let behind_too = behind.clone();
    let (pool, log) = (ground.database.service.clone(), ground.log.clone());
    let (graph, bound) = (graph.clone(), config.staleness_bound);
    HealthBuilder::default()
        .part("database", move || {
            let pool = pool.clone();
            async move {
                let asked = sqlx::query("SELECT 1").execute(&pool).await;
                asked.map(|_| ()).map_err(|_| "the database does not answer".to_owned())
            }
        })
        .part("log", move || {
            let log = log.clone();
            async move { log.head().await.map(|_| ()).map_err(|error| error.to_string()) }
        })
        .part("access graph", move || {
            let graph = graph.clone();
            async move { graph.fresh(bound).map(|_| ()).map_err(|stale| stale.to_string()) }
        })
        .part("search index", move || {
            let (search, behind) = (search.clone(), behind.clone());
            async move {
                match search.halted() {
                    Some(halted) => Err(halted.to_string()),
                    None => behind("the search index".to_owned(), search.position()).await,
                }
            }
        })
        .part("read models", move || {
            let (runner, behind) = (runner.clone(), behind_too.clone());
            async move {
                if let Some((name, trouble)) = runner.trouble().into_iter().next() {
                    return Err(format!("{name}: {trouble}"));
                }
                let all = runner.status().await.map_err(|_| "cannot be asked".to_owned())?;
                // One that is being built beside a live one holds nobody up.
                for at in all.into_iter().filter(|at| at.state != "building") {
                    if at.state == "halted" {
                        let why = at.error.unwrap_or_default();
                        return Err(format!("{} has halted: {why}", at.projection));
                    }
                    behind(at.projection, Position(at.position)).await?;
                }
                Ok(())
            }
        })
        .build()
}

/// Whether the first fact that a follower lacks is younger than the bound.
async fn within(desk: &Desk, bound: Duration, what: &str, at: Position) -> Result<(), String> {
    let page = desk.log.read_all(at, 1, None).await.map_err(|error| error.to_string())?;
    let Some(lacks) = page.events.first() else { return Ok(()) };
    let age = desk.clock.now().duration_since(lacks.recorded_at);
    match Duration::try_from(age) {
        Ok(age) if age > bound => Err(format!("{what} is {} s behind the log", age.as_secs())),
        _ => Ok(()),
    }
}

/// Keeps the counters small.
fn upkeep(metrics: PrometheusHandle, supervisor: &Supervisor) {
    supervisor.keep(Stage::Database, "metrics", move |stop| {
        let metrics = metrics.clone();
        async move {
            let mut tick = tokio::time::interval(telemetry::UPKEEP);
            loop {
                tokio::select! {
                    _ = tick.tick() => metrics.run_upkeep(),
                    () = stop.cancelled() => return Ok::<_, String>(()),
                }
            }
        }
    });
}

/// Starts to answer.
pub fn listen(
    config: &Config,
    parts: &Parts,
    supervisor: &Supervisor,
    public: TcpListener,
    internal: Option<TcpListener>,
) {
    let settings = router::Settings {
        trusted_proxies: config.http.trusted_proxies.clone(),
        request_timeout: config.http.request_timeout,
        metrics_on_loopback: internal.is_none(),
        external: parts.routes.api.auth.external.clone(),
    };
    let patience =
        server::Patience { headers: config.http.header_timeout, drain: config.http.drain };
    let mut listeners = vec![("listener", public, router::public(parts.routes.clone(), &settings))];
    if let Some(internal) = internal {
        let routes = router::internal(parts.routes.clone(), &settings);
        listeners.push(("internal listener", internal, routes));
    }
    for (name, listener, routes) in listeners {
        let listener = Arc::new(listener);
        supervisor.keep(Stage::Listeners, name, move |stop| {
            server::serve(listener.clone(), routes.clone(), patience, stop)
        });
    }
}

/// How clients reach us: as configured, else by the listener's own address.
fn external_url(config: &Config, address: SocketAddr) -> String {
    config.http.external_url.clone().unwrap_or_else(|| format!("http://{}", reachable(address)))
}

/// An address that can be called from this machine; a listener on all addresses is on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Has the log and the vault know the configured registry, and starts it if it is ours to start.
async fn start_registry(
    config: &Config,
    ground: &Ground,
    parts: &Parts,
    address: SocketAddr,
    supervisor: &Supervisor,
) -> Result<(), StartError> {
    let Some(registry) = &config.registry else { return Ok(()) };
    let secret = know_registry(registry, ground, parts).await?;
    if !registry.managed {
        return Ok(());
    }
    let url = external_url(config, address);
    let folder = ground.data.join(REGISTRY);
    std::fs::create_dir_all(&folder).map_err(StartError::failed)?;
    let setup = RegistrySetup {
        address: registry.address.clone(),
        realm: format!("{}/v2/token", as_realm(&url)),
        service: registry.service.clone(),
        issuer: parts.signer.issuer().to_owned(),
        bundle: parts.signer.bundle().map_err(StartError::failed)?,
        notifications: format!("http://{}/v2/webhooks/events", reachable(address)),
        secret: (*secret).clone(),
        http_secret: (*http_secret(ground)).clone(),
        folder,
    };
    let child = RegistryChild::prepare(setup).await.map_err(StartError::failed)?;
    supervisor.keep(Stage::Registry, "registry", {
        let child = child.clone();
        move |stop| {
            let child = child.clone();
            async move { child.run(stop).await }
        }
    });
    child.ready(REGISTRY_PATIENCE).await.map_err(StartError::unreachable)
}

/// Some clients refuse a realm on a loopback address, but none refuses `localhost`.
pub(crate) fn as_realm(url: &str) -> String {
    match url.strip_prefix("http://127.0.0.1:") {
        Some(port) => format!("http://localhost:{port}"),
        None => url.to_owned(),
    }
}

/// What the registry signs its upload sessions with: the same over restarts, without a file.
fn http_secret(ground: &Ground) -> Zeroizing<String> {
    Zeroizing::new(hex::encode(*ground.desk.vault.derived_key("registry http secret")))
}

/// Adds the registry at the first start, follows the configuration later, and hands out the
/// secret of its notifications.
///
/// # Errors
///
/// [`StartError`], whose text says what to do.
pub async fn know_registry(
    registry: &config::Registry,
    ground: &Ground,
    parts: &Parts,
) -> Result<Zeroizing<String>, StartError> {
    let desk = &ground.desk;
    let permit = Permit::of_the_house(Actor::System { part: "start".to_owned() });
    let caller = Caller { permit, origin: Origin { door: Some(Door::Job), ..Origin::default() } };
    let settings = RegistrySettings {
        service: registry.service.clone(),
        host: registry.address.clone(),
        url: registry.url.clone(),
    };
    let graph = parts.graph.snapshot();
    if let Some(other) = graph.registry_of(&registry.service)
        && other != registry.name
    {
        return Err(StartError::Failed(format!(
            "the registry {other} has the service {} already; set registry.name to {other}, or \
             registry.service to something else",
            registry.service
        )));
    }
    let known = match registries::add(desk, &caller, &registry.name, settings.clone()).await {
        Err(CommandError::Refused(RegistryRefusal::Taken)) => {
            registries::change(desk, &caller, &registry.name, settings).await
        }
        added => added,
    };
    let known = known.map_err(StartError::failed)?;
    parts.graph.reached(known, REGISTRY_PATIENCE).await.map_err(StartError::failed)?;

    let found =
        desk.vault.registry_secret(&registry.name).await.map_err(StartError::unreachable)?;
    let now = desk.clock.now();
    let old_good_until = now + SignedDuration::from_hours(OLD_SECRET_HOURS);
    match (found, &registry.secret) {
        (Some(found), None) => Ok(found),
        (Some(found), Some(wanted)) if *found == wanted.expose_secret() => Ok(found),
        (_, Some(wanted)) => {
            let wanted = Zeroizing::new(wanted.expose_secret().to_owned());
            desk.vault
                .set_registry_secret(&registry.name, &wanted, now, old_good_until)
                .await
                .map_err(StartError::unreachable)?;
            Ok(wanted)
        }
        (None, None) => desk
            .vault
            .new_registry_secret(&registry.name, now, old_good_until)
            .await
            .map_err(StartError::unreachable),
    }
}
