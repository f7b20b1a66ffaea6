//! What runs on the ground: made, wired and kept running.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use commands::authn::{Authenticator, AuthnOptions};
use commands::bootstrap::BootstrapSecret;
use commands::ingest::{Accounts, Ingest};
use commands::namespaces::personal::Keeper;
use commands::users::reset::Resets;
use commands::watchman;
use domain::log::EventLog;
use domain::name::RegistryName;
use jiff::SignedDuration;
use metrics_exporter_prometheus::PrometheusHandle;
use projections::ReadModels;
use projections::access::AccessGraph;
use projections::runner::Runner;
use projections::search::SearchIndex;

use super::StartError;
use super::address::external_url;
use super::readiness::health;
use crate::api::{ApiState, Budgets, Followers};
use crate::auth::{Auth, External, Sessions};
use crate::config::{Config, Decisions};
use crate::foundation::{Ground, KEYS, SEARCH};
use crate::health::Health;
use crate::mail::{Mailer, Postman, ResetDesk};
use crate::registry::hints::Hints;
use crate::registry::keys::KeyStore;
use crate::registry::notifications::NotificationsState;
use crate::registry::pulse::Pulse;
use crate::registry::reconciler::Reconciler;
use crate::registry::recorder::{Keep, Recorder};
use crate::registry::signer::{Signer, SignerOptions};
use crate::registry::token::{ANSWER_WITHIN, TokenState};
use crate::supervise::{Stage, Supervisor};
use crate::sweeper::Sweeper;
use crate::telemetry;
use crate::ui::{Listeners, SignUps, SiteFacts, UiState};

/// How long what is behind the answers may take to be written down at the end.
const FLUSH: Duration = Duration::from_secs(8);

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
        let sweeper = Sweeper {
            desk: ground.desk.clone(),
            sessions: api.auth.sessions.clone(),
            read: api.read.clone(),
            runner: runner.clone(),
        };
        supervisor.keep(Stage::Recorder, "clearing away what is over", move |stop| {
            let sweeper = sweeper.clone();
            async move {
                sweeper.run(stop).await;
                Ok::<_, String>(())
            }
        });
        let resets = resets(config, ground, &api.auth, supervisor)?;
        let health = health(config, ground, &graph, &search, &runner);
        upkeep(metrics.clone(), supervisor);
        let pulse = Pulse::since(ground.desk.clock.now());
        let pages = UiState {
            pulse: pulse.clone(),
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
            pulse: pulse.clone(),
        };
        let reconciler = Reconciler {
            desk: ground.desk.clone(),
            read: api.read.clone(),
            runner: runner.clone(),
            signer: signer.clone(),
            hints: notifications.hints.clone(),
            pulse,
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
