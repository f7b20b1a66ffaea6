//! Every route, on one page, grouped by who calls it.

use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{StatusCode, header};
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::timeout::TimeoutLayer;

use crate::api;
use crate::app::Routes;
use crate::auth::External;
use crate::client::{self, TrustedProxies};
use crate::registry::{notifications, signer, token};
use crate::{telemetry, ui};

/// The routes of the public listener.
///
/// | who | routes | where |
/// | --- | --- | --- |
/// | docker and every other client | `/v2/token` `/auth/token` | [`token`] |
/// | registries | `/v2/webhooks/events` | [`notifications`] |
/// | registries | `/.well-known/jwks.json` | [`signer`] |
/// | scripts | `/api/v1/…` `/api/version` | [`api`] |
/// | people | everything else | [`ui`] |
/// | probes | `/livez` `/readyz` `/healthz` | [`crate::health`] |
/// | Prometheus, from this machine | `/metrics` | here |
pub fn public(routes: Routes, settings: &Settings) -> Router {
    let Routes { health, metrics, token, notifications, signer, api, pages } = routes;
    let mut all = Router::new()
        .merge(health.router())
        .merge(token::router(token))
        .merge(notifications::router(notifications))
        .merge(signer::router(signer))
        .merge(api::router(api));
    if settings.metrics_on_loopback {
        all = all.merge(metrics_on_loopback(metrics));
    }
    // The pages last: they answer what nobody else does.
    around(all.merge(ui::router(pages)), settings)
}

/// The routes of the internal listener.
pub fn internal(routes: Routes, settings: &Settings) -> Router {
    let Routes { health, metrics, .. } = routes;
    let all = Router::new()
        .merge(health.router())
        .route("/metrics", get(async move || prometheus(&metrics)));
    around(all, settings)
}

/// What lies around the routes.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// How long one request may take until its answer begins.
    pub request_timeout: Duration,
    /// Whether `/metrics` answers callers from this machine.
    pub metrics_on_loopback: bool,
    /// How browsers reach us.
    pub external: External,
}

/// From the outside in: id and address, access line, what browsers may do with the answer, words
/// for what has none, panics, time.
fn around(routes: Router, settings: &Settings) -> Router {
    routes
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            settings.request_timeout,
        ))
        .layer(from_fn(telemetry::catch_panic))
        .layer(from_fn_with_state(settings.external.clone(), ui::last_resort))
        .layer(from_fn_with_state(settings.external.clone(), ui::secure))
        .layer(from_fn(telemetry::access_line))
        .layer(from_fn_with_state(settings.trusted_proxies.clone(), client::identify))
}

/// `/metrics` for whoever asks from this machine itself; a proxy's request is not that.
fn metrics_on_loopback(metrics: PrometheusHandle) -> Router {
    async fn answer(State(metrics): State<PrometheusHandle>, request: Request) -> Response {
        let local = request
            .extensions()
            .get::<ConnectInfo<std::net::SocketAddr>>()
            .is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback());
        let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip", "via"]
            .iter()
            .any(|name| request.headers().contains_key(*name));
        if local && !forwarded {
            prometheus(&metrics)
        } else {
            StatusCode::NOT_FOUND.into_response()
        }
    }
    Router::new().route("/metrics", get(answer)).with_state(metrics)
}

fn prometheus(metrics: &PrometheusHandle) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render()).into_response()
}
