//! What can be seen of the running service: log lines, one access line a request, metrics.

use std::io::IsTerminal as _;
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use http::StatusCode;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::client::{ClientAddress, RequestId, cut};
use crate::config::{Log, LogFormat};

/// The most of a path that goes into a log line, in bytes.
pub const MAX_LOGGED_PATH_BYTES: usize = 512;

/// How often metrics that are kept in buffers are folded; a matter of memory alone.
pub const UPKEEP: Duration = Duration::from_secs(5);

/// Starts writing log lines to standard error. `RUST_LOG` beats the configuration.
///
/// # Errors
///
/// A sentence when the filter cannot be read, or lines are being written already.
pub fn write_logs(log: &Log) -> Result<(), String> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => filter,
        _ => log.filter.clone(),
    };
    let filter = EnvFilter::try_new(&filter)
        .map_err(|error| format!("log.filter `{filter}` cannot be read: {error}"))?;
    let terminal = std::io::stderr().is_terminal();
    let json = match log.format {
        LogFormat::Auto => !terminal,
        LogFormat::Json => true,
        LogFormat::Text => false,
    };
    let started = if json {
        json_lines(filter, std::io::stderr).try_init()
    } else {
        let colour = terminal && std::env::var_os("NO_COLOR").is_none();
        let lines = tracing_subscriber::fmt().with_env_filter(filter);
        lines.with_writer(std::io::stderr).with_ansi(colour).finish().try_init()
    };
    started.map_err(|error| error.to_string())
}

/// One JSON object a line, as services write them.
pub fn json_lines<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .finish()
}

/// Starts counting, once a process; later calls hand out the same counters.
///
/// # Errors
///
/// A sentence when somebody else counts already.
pub fn count() -> Result<PrometheusHandle, String> {
    static HANDLE: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let buckets = [
                0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                0.5, 1.0, 2.5, 5.0, 10.0,
            ];
            let handle = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &buckets)
                .and_then(PrometheusBuilder::install_recorder)
                .map_err(|error| error.to_string())?;
            describe();
            Ok(handle)
        })
        .clone()
}

/// Every metric of this crate's outer layers; the others are described where they are counted.
fn describe() {
    metrics::describe_counter!("portus_http_requests_total", "requests answered");
    metrics::describe_histogram!("portus_http_request_duration_seconds", "time to an answer");
    metrics::describe_counter!("portus_http_panics_total", "requests whose handler panicked");
    metrics::describe_gauge!("portus_http_connections", "connections open now");
    metrics::describe_counter!("portus_task_restarts_total", "parts that died and were restarted");
    metrics::describe_gauge!("portus_log_position", "position of the log's last fact");
    metrics::describe_gauge!("portus_append_queue_depth", "appends that wait to be written");
    metrics::describe_histogram!("portus_append_duration_seconds", "time of one append");
    metrics::describe_counter!("portus_events_appended_total", "facts written");
    metrics::describe_counter!(
        "portus_eventstore_connections_lost_total",
        "connections to the event store that failed and were made again"
    );
    metrics::describe_gauge!("portus_projection_position", "position that a follower has reached");
    metrics::describe_gauge!("portus_projection_lag_seconds", "age of what a follower lacks");
    metrics::describe_gauge!("portus_projection_halted", "1: it met a fact that it cannot take");
    metrics::describe_counter!("portus_tokens_issued_total", "answers of the token endpoint");
    metrics::describe_histogram!("portus_token_duration_seconds", "time to such an answer");
    metrics::describe_counter!("portus_token_refusals_total", "scopes refused, by rule");
    metrics::describe_counter!("portus_auth_failures_total", "credentials that were not good");
    metrics::describe_gauge!("portus_recorder_queue_depth", "decisions that wait for the log");
    metrics::describe_counter!("portus_facts_lost_total", "facts that could not be written");
    metrics::describe_gauge!("portus_build_info", "always 1; the label is the version");
    metrics::gauge!("portus_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// One access line and two metrics a request. Never the query, which may hold a secret, and no
/// header but the request id.
pub async fn access_line(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = method_label(request.method());
    let path = shown(request.uri().path()).to_owned();
    let id = request.extensions().get::<RequestId>().cloned();
    let address = request.extensions().get::<ClientAddress>().map(|address| address.0);
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let response = next.run(request).await;
    let took = begun.elapsed();
    let status = response.status();
    // A fixed set of labels: unknown paths and methods share one each.
    let route = route.unwrap_or_else(|| "unmatched".to_owned());
    let class = ["1xx", "2xx", "3xx", "4xx", "5xx"]
        .get(usize::from(status.as_u16() / 100).saturating_sub(1))
        .copied()
        .unwrap_or("other");
    metrics::counter!(
        "portus_http_requests_total",
        "route" => route.clone(), "method" => method, "status" => class
    )
    .increment(1);
    metrics::histogram!(
        "portus_http_request_duration_seconds",
        "route" => route, "method" => method
    )
    .record(took.as_secs_f64());
    tracing::info!(
        target: "access",
        request_id = id.as_ref().map(|id| &*id.0),
        remote = address.map(tracing::field::display),
        method,
        path,
        status = status.as_u16(),
        duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "request"
    );
    response
}

/// A path as log lines show it: not all of a long one, and no more than the beginning of one that
/// ends with a secret.
fn shown(path: &str) -> &str {
    const ONE_TIME_LINK: &str = "/password/";
    if path.starts_with(ONE_TIME_LINK) {
        return ONE_TIME_LINK;
    }
    cut(path, MAX_LOGGED_PATH_BYTES)
}

fn method_label(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// A handler that panics costs its own request an answer of 500, and nobody else anything.
pub async fn catch_panic(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned();
    let path = shown(request.uri().path()).to_owned();
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            let id = id.map_or_else(String::new, |id| id.0.to_string());
            metrics::counter!("portus_http_panics_total").increment(1);
            tracing::error!(request_id = id, path, "a handler panicked");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
