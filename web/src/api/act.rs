//! A change: ask for the right, run the command, wait until it can be seen.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Json;
use axum::response::{IntoResponse, Response};
use commands::desk::Caller;
use commands::execute::CommandError;
use domain::access::{Action, Resource, Rule, Verdict};
use domain::event::Position;
use http::{HeaderName, HeaderValue, StatusCode};
use projections::runner::Runner;
use projections::search::SearchIndex;
use serde::Serialize;

use super::ApiState;
use crate::auth::{ApiCaller, Viewer};
use crate::error::{ApiError, Refusal};

/// The header of an answered change: up to where the log must be read to see it.
pub const POSITION: HeaderName = HeaderName::from_static("x-portus-position");

/// How long an answer waits for graph and read models, because a client waits with us.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How often a right is asked for again when it changed under our hands.
const TRIES: usize = 16;

/// Something that follows the log, and that answers are read from.
#[async_trait]
pub trait Follower: Send + Sync {
    /// Waits until it has seen `position`; `false` when `patience` was over first.
    async fn reached(&self, position: Position, patience: Duration) -> bool;
}

#[async_trait]
impl Follower for SearchIndex {
    async fn reached(&self, position: Position, patience: Duration) -> bool {
        SearchIndex::reached(self, position, patience).await.is_ok()
    }
}

#[async_trait]
impl Follower for Runner {
    async fn reached(&self, position: Position, patience: Duration) -> bool {
        Runner::reached(self, position, patience).await.is_ok()
    }
}

/// All of them.
#[derive(Clone, Default)]
pub struct Followers(Arc<[Arc<dyn Follower>]>);

impl Followers {
    /// These.
    #[must_use]
    pub fn new(all: Vec<Arc<dyn Follower>>) -> Self {
        Self(all.into())
    }

    /// Waits for them, one after the other. Who lags makes an answer late, never wrong: rights are
    /// decided by the graph alone.
    pub async fn reached(&self, position: Position) {
        for follower in self.0.iter() {
            if !follower.reached(position, PATIENCE).await {
                tracing::warn!(%position, "answered before all read models have followed");
            }
        }
    }
}

/// Why a change was not made.
pub(super) enum Failed {
    /// The right is older than what it is used on: ask again from there.
    Outdated(Position),
    /// For good.
    Answer(ApiError),
}

impl<R: Refusal> From<CommandError<R>> for Failed {
    fn from(err: CommandError<R>) -> Self {
        match err {
            CommandError::Outdated(position) => Self::Outdated(position),
            other => Self::Answer(other.into()),
        }
    }
}

impl From<ApiError> for Failed {
    fn from(err: ApiError) -> Self {
        Self::Answer(err)
    }
}

impl From<sqlx::Error> for Failed {
    fn from(err: sqlx::Error) -> Self {
        Self::Answer(err.into())
    }
}

impl ApiCaller {
    /// The right to do this, or the refusal as it looks from outside.
    pub(super) fn must(&self, action: Action, resource: &Resource) -> Result<Caller, ApiError> {
        let permit = self.viewer.permit(action, resource);
        permit.map_err(|(_, form)| ApiError::denied(form))
    }

    /// Refuses those who have not said who they are.
    pub(super) fn must_have_signed_in(&self) -> Result<(), ApiError> {
        if self.viewer.user().is_some() { Ok(()) } else { Err(ApiError::unauthorized()) }
    }

    /// Refuses those who have not said who they are, and tokens that do not read everything that
    /// their owner reads.
    pub(super) fn must_be_somebody(&self) -> Result<(), ApiError> {
        match self.viewer.user() {
            None => Err(ApiError::unauthorized()),
            Some(_) if !self.is_whole() => Err(ApiError::forbidden()),
            Some(_) => Ok(()),
        }
    }

    /// Refuses tokens that do not read over REST. Lists hold what may be seen anyway: this says why
    /// they would be empty.
    pub(super) fn must_read(&self) -> Result<(), ApiError> {
        if self.cut() == Some(Rule::TokenScope) { Err(ApiError::forbidden()) } else { Ok(()) }
    }

    /// Whether no token's scopes or namespaces stand between the caller and what they may read.
    pub(super) fn is_whole(&self) -> bool {
        !matches!(self.cut(), Some(Rule::TokenScope | Rule::TokenNamespaces))
    }

    /// The rule that stands first against reading whatever there is.
    fn cut(&self) -> Option<Rule> {
        match self.viewer.decide(Action::ViewActivities, &Resource::System) {
            Verdict::Denied(because, _) => Some(because.rule),
            Verdict::Allowed(_) => None,
        }
    }
}

impl ApiState {
    /// Runs `change` with the right to `action`; where the right changed between asking and
    /// writing, waits for the graph and asks again.
    pub(super) async fn act<T, F, Fut>(
        &self,
        caller: &ApiCaller,
        action: Action,
        resource: &Resource,
        change: F,
    ) -> Result<T, ApiError>
    where
        F: Fn(Caller, ApiCaller) -> Fut,
        Fut: Future<Output = Result<T, Failed>>,
    {
        let mut caller = caller.clone();
        for _ in 0..TRIES {
            let permit = caller.must(action, resource)?;
            match change(permit, caller.clone()).await {
                Ok(done) => return Ok(done),
                Err(Failed::Answer(err)) => return Err(err),
                Err(Failed::Outdated(position)) => {
                    self.auth.graph.reached(position, PATIENCE).await?;
                    let Viewer { subject, origin, .. } = caller.viewer;
                    caller.viewer = self.auth.viewer(subject, origin)?;
                }
            }
        }
        Err(ApiError::unavailable("Too many changes at once; try again in a moment"))
    }

    /// Waits until what was written is in force, and can be read.
    pub(super) async fn settled(&self, position: Position) -> Result<(), ApiError> {
        self.auth.graph.reached(position, PATIENCE).await?;
        self.followers.reached(position).await;
        Ok(())
    }

    /// The caller as the graph stands now, to look at what they have changed.
    pub(super) fn renewed(&self, caller: &ApiCaller) -> Result<ApiCaller, ApiError> {
        let Viewer { subject, origin, .. } = caller.viewer.clone();
        Ok(ApiCaller { viewer: self.auth.viewer(subject, origin)? })
    }
}

/// An answered change.
pub(super) fn done(status: StatusCode, position: Position, body: impl Serialize) -> Response {
    at((status, Json(body)).into_response(), position)
}

/// An answered change with nothing to tell.
pub(super) fn gone(position: Position) -> Response {
    at(StatusCode::NO_CONTENT.into_response(), position)
}

fn at(mut response: Response, position: Position) -> Response {
    response.headers_mut().insert(POSITION, HeaderValue::from(position.0));
    response
}
