//! `POST /v2/webhooks/events`: what a registry tells us.
//!
//! The registry delivers one event at a time and repeats it for ever until it gets a 2xx, so a
//! refusal other than for a wrong secret would stop its queue; and it waits for us, so nothing
//! happens here but one durable append.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use commands::desk::Desk;
use commands::ingest::{Ingest, Receipt};
use domain::name::RegistryName;
use futures_util::StreamExt as _;
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode, header};
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::hints::Hints;
use super::pulse::Pulse;
use crate::client::{ClientAddress, RequestId};
use crate::error::{RegistryCode, RegistryError};

/// The largest body that is read, in bytes: an index with thousands of references fits. A larger
/// one is recorded as rejected and answered 2xx, since a refusal would block the queue behind it.
pub const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// How much of a body beyond that is taken off the wire before the connection is given up, in
/// bytes: a registry that cannot finish writing never reads the answer.
pub const MAX_DRAIN_BYTES: usize = 256 * 1024 * 1024;
/// What is recorded of a larger one.
const TOO_LARGE: &str = "the body is larger than 16 MiB";
/// The longest `Authorization` header, in bytes.
pub const MAX_AUTHORIZATION_BYTES: usize = 8 * 1024;
/// How long a body may take to come: who sends more slowly has given up long before.
const BODY_PATIENCE: Duration = Duration::from_secs(20);
/// How much of announced bodies is in memory at once, in MiB; who comes then waits.
const MAX_BODIES_MIB: usize = 256;
const MIB: usize = 1024 * 1024;
/// May carry the secret where something else needs `Authorization` for itself.
pub const SECRET_HEADER: HeaderName = HeaderName::from_static("x-portus-secret");
/// The path, which the original had too.
pub const PATH: &str = "/v2/webhooks/events";

/// What the endpoint works with. Cheap to clone.
#[derive(Clone)]
pub struct NotificationsState {
    /// Log, vault, clock.
    pub desk: Desk,
    /// Envelope to facts.
    pub ingest: Ingest,
    /// Told what is to be looked into in the registry, off this path.
    pub hints: Hints,
    /// Told that a registry has spoken.
    pub pulse: Pulse,
}

/// The route, with and without a slash at its end: a redirect would lose the event, and hand the
/// secret to whoever is at its other end.
pub fn router(state: NotificationsState) -> Router {
    let door = Door { state, memory: Arc::new(Semaphore::new(MAX_BODIES_MIB)) };
    Router::new()
        .route(PATH, post(receive))
        .route(&format!("{PATH}/"), post(receive))
        .with_state(door)
}

#[derive(Clone)]
struct Door {
    state: NotificationsState,
    memory: Arc<Semaphore>,
}

#[tracing::instrument(name = "notification", skip_all, fields(registry))]
async fn receive(State(door): State<Door>, request: Request) -> Response {
    let state = door.state;
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let registry = match authenticate(&state, &parts).await {
        Ok(registry) => registry,
        Err(refusal) => return refusal.into_response(),
    };
    tracing::Span::current().record("registry", registry.as_str());
    // Without an announced length it may be any.
    let mib = length(&parts.headers).unwrap_or(MAX_BODY_BYTES).min(MAX_BODY_BYTES).div_ceil(MIB);
    let mib = u32::try_from(mib.max(1)).unwrap_or(1);
    let Ok(_memory) = door.memory.acquire_many(mib).await else {
        return unavailable("Too many notifications at once; deliver it again.").into_response();
    };
    let body = match timeout(BODY_PATIENCE, read(body)).await {
        Ok(Ok(body)) => body,
        Ok(Err(refusal)) => return refusal.into_response(),
        Err(_) => return broken_off().into_response(),
    };
    let id = parts.extensions.get::<RequestId>().map_or("", |id| &id.0);
    let taken = match &body {
        Read::Whole(bytes) => state.ingest.take(&registry, bytes, id).await,
        Read::TooLarge(beginning) => state.ingest.reject(&registry, beginning, TOO_LARGE, id).await,
    };
    match taken {
        Ok(receipt) => {
            let now = state.desk.clock.now();
            count(&receipt, now);
            state.pulse.told(&registry, now);
            if receipt.new_instance {
                state.hints.queue_lost(&registry);
            }
            if !receipt.bare.is_empty() {
                state.hints.bare(&registry, receipt.bare);
            }
            metrics::histogram!("portus_notification_duration_seconds").record(started.elapsed());
            StatusCode::OK.into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a notification is not durable; the registry will repeat it");
            unavailable("The event is not stored yet; deliver it again.").into_response()
        }
    }
}

/// Which registry that is, by its secret alone: neither host nor address nor body say so.
async fn authenticate(
    state: &NotificationsState,
    request: &Parts,
) -> Result<RegistryName, RegistryError> {
    let found = match secret(&request.headers) {
        Some(secret) => {
            state.desk.vault.registry_by_secret(&secret, state.desk.clock.now()).await.map_err(
                |error| {
                    tracing::error!(%error, "a notification's secret cannot be checked");
                    unavailable("The secret cannot be checked now; deliver the event again.")
                },
            )?
        }
        None => None,
    };
    if let Some(registry) = found {
        return Ok(registry);
    }
    // Whoever runs the registry must see this: its queue stands still until the secret is right.
    let address = request.extensions.get::<ClientAddress>().map(|client| client.0.to_string());
    tracing::error!(
        address = address.as_deref().unwrap_or("unknown"),
        "a notification came with a wrong or missing secret; if it is from a registry of yours, \
         its queue stands still: set `Authorization` in its notification endpoint's headers"
    );
    metrics::counter!("portus_notifications_refused_total").increment(1);
    Err(RegistryError::new(
        RegistryCode::Unauthorized,
        "The notification secret is wrong or missing: set the headers of the registry's \
         notification endpoint to `Authorization: [Bearer <its secret>]`.",
    ))
}

/// The secret of `Authorization: Bearer` or, as the password, of `Authorization: Basic`.
/// [`SECRET_HEADER`] goes before both.
fn secret(headers: &HeaderMap) -> Option<Zeroizing<String>> {
    if let Some(value) = headers.get(&SECRET_HEADER) {
        let text = value.to_str().ok().filter(|text| text.len() <= MAX_AUTHORIZATION_BYTES)?;
        return Some(Zeroizing::new(text.to_owned()));
    }
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?;
    if values.next().is_some() || value.len() > MAX_AUTHORIZATION_BYTES {
        return None;
    }
    let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
    let secret = if scheme.eq_ignore_ascii_case("bearer") {
        Zeroizing::new(rest.trim().to_owned())
    } else if scheme.eq_ignore_ascii_case("basic") {
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(rest.trim()).ok()?);
        let text = std::str::from_utf8(&bytes).ok()?;
        Zeroizing::new(text.split_once(':')?.1.to_owned())
    } else {
        return None;
    };
    (!secret.is_empty()).then_some(secret)
}

enum Read {
    Whole(Vec<u8>),
    TooLarge(Vec<u8>),
}

/// The body; of one that is too large its beginning, once the rest is off the wire.
async fn read(body: Body) -> Result<Read, RegistryError> {
    let mut stream: BodyDataStream = body.into_data_stream();
    let (mut kept, mut seen) = (Vec::new(), 0_usize);
    while let Some(chunk) = stream.next().await {
        let Ok(chunk) = chunk else {
            return Err(broken_off());
        };
        seen = seen.saturating_add(chunk.len());
        if seen <= MAX_BODY_BYTES {
            kept.extend_from_slice(&chunk);
        } else {
            kept.truncate(MIB);
            kept.shrink_to_fit();
            if seen > MAX_DRAIN_BYTES {
                break;
            }
        }
    }
    if seen <= MAX_BODY_BYTES {
        return Ok(Read::Whole(kept));
    }
    kept.truncate(MIB);
    Ok(Read::TooLarge(kept))
}

fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Hardly anybody hears this: the connection is gone, or stands still.
fn broken_off() -> RegistryError {
    let text = "The body ended before its announced length, or took too long.";
    RegistryError::new(RegistryCode::Unsupported, text)
}

fn count(receipt: &Receipt, now: Timestamp) {
    for (action, fate) in &receipt.events {
        let labels = [("action", *action), ("outcome", fate.as_str())];
        metrics::counter!("portus_notifications_received_total", &labels).increment(1);
    }
    if let Some(oldest) = receipt.oldest {
        let lag = oldest.duration_until(now).as_secs_f64().max(0.0);
        metrics::histogram!("portus_notification_lag_seconds").record(lag);
    }
}

fn unavailable(text: &str) -> RegistryError {
    RegistryError { retry_after: Some(1), ..RegistryError::new(RegistryCode::Unavailable, text) }
}
