//! `/livez`: the process answers. `/readyz`: it can do its work, or what is wrong.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::future::join_all;
use http::StatusCode;
use projections::{access, search};
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// How long one part may take to say how it is.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How old an answer may be: however often we are asked, the parts are not asked more often.
pub const MEMORY: Duration = Duration::from_millis(250);

type Answer = Pin<Box<dyn Future<Output = Result<(), Trouble>> + Send>>;
type Ask = Box<dyn Fn() -> Answer + Send + Sync>;

/// The parts that must be well. Cheap to clone.
#[derive(Clone, Default)]
pub struct Health(Arc<Inner>);

#[derive(Default)]
struct Inner {
    patience: Duration,
    memory: Duration,
    parts: Vec<(&'static str, Ask)>,
    last: Mutex<Option<(Instant, Vec<Part>)>>,
}

/// A part, and what is wrong with it.
pub type Part = (&'static str, Option<Trouble>);

/// What is wrong with a part. Anybody may read it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// It gave no answer in time, or none that is good.
    #[error("does not answer")]
    Silent,
    /// Rights are not fit to decide by.
    #[error(transparent)]
    Rights(#[from] access::Stale),
    /// The search index stands still.
    #[error(transparent)]
    Search(#[from] search::Halted),
    /// A read model stands still.
    #[error("{model} has halted: {why}")]
    Halted {
        /// Which.
        model: String,
        /// Before what.
        why: String,
    },
    /// It does not keep up.
    #[error("{} is {} s behind the log", .model.as_deref().unwrap_or("it"), .by.as_secs())]
    Behind {
        /// Which of several.
        model: Option<String>,
        /// The age of the first fact that it lacks.
        by: Duration,
    },
    /// In the words of what failed.
    #[error("{0}")]
    Said(String),
}

/// Collects parts.
#[derive(Default)]
pub struct HealthBuilder(Vec<(&'static str, Ask)>);

impl HealthBuilder {
    /// One more part, and how to ask it.
    #[must_use]
    pub fn part<F, R>(mut self, name: &'static str, ask: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), Trouble>> + Send + 'static,
    {
        self.0.push((name, Box::new(move || Box::pin(ask()))));
        self
    }

    /// No more parts.
    #[must_use]
    pub fn build(self) -> Health {
        self.build_with(CHECK_TIMEOUT, MEMORY)
    }

    fn build_with(self, patience: Duration, memory: Duration) -> Health {
        Health(Arc::new(Inner { patience, memory, parts: self.0, last: Mutex::default() }))
    }
}

impl Health {
    /// Each part, in the order in which they stand on each other.
    pub async fn parts(&self) -> Vec<Part> {
        let mut last = self.0.last.lock().await;
        if let Some((at, parts)) = &*last
            && at.elapsed() < self.0.memory
        {
            return parts.clone();
        }
        let asked = self.0.parts.iter().map(|(name, ask)| async move {
            match timeout(self.0.patience, ask()).await {
                Ok(Ok(())) => (*name, None),
                Ok(Err(why)) => (*name, Some(why)),
                Err(_) => (*name, Some(Trouble::Silent)),
            }
        });
        let parts = join_all(asked).await;
        *last = Some((Instant::now(), parts.clone()));
        parts
    }

    /// `/livez`, `/readyz`, and `/healthz` for old probes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/livez", get(async || Json(json!({ "status": "ok" }))))
            .route("/readyz", get(ready))
            .route("/healthz", get(ready))
            .with_state(self)
    }
}

async fn ready(State(health): State<Health>) -> Response {
    let parts = health.parts().await.into_iter();
    let problems: serde_json::Map<_, _> =
        parts.filter_map(|(name, why)| Some((name.to_owned(), why?.to_string().into()))).collect();
    if problems.is_empty() {
        return Json(json!({ "status": "ok" })).into_response();
    }
    let body = json!({ "status": "unavailable", "problems": problems });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tower::ServiceExt as _;

    use super::*;

    async fn readyz(health: &Health) -> (u16, String) {
        let request = http::Request::get("/readyz").body(axum::body::Body::empty()).unwrap();
        let answer = health.clone().router().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn what_is_wrong_is_listed() {
        let health = HealthBuilder::default()
            .part("good", async || Ok(()))
            .part("database", async || Err(Trouble::Said("is away".to_owned())))
            .build();
        let (status, body) = readyz(&health).await;
        assert_eq!(status, 503);
        assert_eq!(body, r#"{"problems":{"database":"is away"},"status":"unavailable"}"#);
    }

    #[tokio::test]
    async fn a_part_that_hangs_is_wrong_and_the_parts_are_not_asked_for_every_request() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let health = HealthBuilder::default()
            .part("slow", move || {
                count.fetch_add(1, Ordering::SeqCst);
                std::future::pending()
            })
            .build_with(Duration::from_millis(5), Duration::from_secs(60));
        for _ in 0..5 {
            let (status, body) = readyz(&health).await;
            assert_eq!(status, 503);
            assert!(body.contains("does not answer"));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}
