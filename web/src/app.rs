//! The one place where parts are chosen and wired.

mod address;
mod parts;
mod readiness;
mod registry;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use self::address::{external_url, reachable};
use crate::config::Config;
use crate::foundation::{Foundation, FoundationError};
use crate::supervise::{Fatal, Stage, Supervisor};
use crate::{demo, router, server};

pub(crate) use self::address::as_realm;
pub use self::parts::{Parts, Routes};
pub use self::registry::know_registry;

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
            registry::start(&config, &ground, &parts, address, &supervisor).await?;
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
