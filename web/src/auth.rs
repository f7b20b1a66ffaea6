//! From a request to whoever asks: the one path, for pages and REST alike.
//!
//! A handler takes one of the extractors, and thereby cannot forget to ask: [`SignedIn`] and
//! [`MaybeSignedIn`] for pages, [`ApiCaller`] for REST. What was shown and is not good is refused,
//! even where nobody would have had to show anything (SR-AUT-2).

mod csrf;
mod extract;
mod header;
mod preferences;
mod sessions;
pub(crate) mod unsent;

use std::sync::Arc;
use std::time::Duration;

use commands::authn::{Authenticator, AuthnError};
use commands::desk::{Caller, Desk, Origin};
use commands::presence;
use domain::access::{Action, Because, Form, Graph, Policy, Resource, Subject, Verdict, Visible};
use domain::event::{Credential, Door};
use domain::name::UserName;
use http::HeaderValue;
use jiff::Timestamp;
use projections::access::{AccessGraph, Sights, Stale};

pub use csrf::{CSRF_HEADER, External, SignedForm, guard};
pub(crate) use extract::Found;
pub use extract::{ApiCaller, MaybeSignedIn, SignedIn};
pub(crate) use header::PORTUS_AUTH;
pub use preferences::{MAX_LOOK_BYTES, Preferences, Theme, is_zone};
pub use sessions::{
    ABSOLUTE, Begun, IDLE, MAX_AGENT_CHARS, MAX_SESSIONS, Session, Sessions, Shown,
};
pub use unsent::Unsent;

/// Everything that finding out takes. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    /// Who may do what.
    pub graph: AccessGraph,
    /// What those may see who may see much.
    pub sights: Sights,
    /// What an administrator has set.
    pub policy: Arc<Policy>,
    /// The oldest graph that may decide; with an older one the answer is 503.
    pub staleness: Duration,
    /// Passwords and tokens.
    pub authenticator: Authenticator,
    /// Web sessions.
    pub sessions: Sessions,
    /// Where sign-ins are recorded, and what time it is.
    pub desk: Desk,
    /// How browsers reach us.
    pub external: External,
}

/// Whoever asks, as the graph stood at one moment: every right of one request is asked here.
#[derive(Clone)]
pub struct Viewer {
    /// Who.
    pub subject: Subject,
    /// From where, for the envelope of what they do.
    pub origin: Origin,
    graph: Arc<Graph>,
    sights: Sights,
    policy: Arc<Policy>,
    at: Timestamp,
}

impl Viewer {
    /// The person or bot; `None`: nobody signed in.
    #[must_use]
    pub fn user(&self) -> Option<&UserName> {
        self.subject.user()
    }

    /// The answer with its reason.
    #[must_use]
    pub fn decide(&self, action: Action, resource: &Resource) -> Verdict {
        self.graph.decide(&self.policy, &self.subject, action, resource, self.at)
    }

    /// The same question for somebody else, for explanations.
    #[must_use]
    pub fn explain(&self, subject: &Subject, action: Action, resource: &Resource) -> Verdict {
        self.graph.decide(&self.policy, subject, action, resource, self.at)
    }

    /// Whether they may.
    #[must_use]
    pub fn may(&self, action: Action, resource: &Resource) -> bool {
        self.decide(action, resource).is_allowed()
    }

    /// The right as commands take it.
    ///
    /// # Errors
    ///
    /// The denial, and how it looks from outside.
    pub fn permit(&self, action: Action, resource: &Resource) -> Result<Caller, (Because, Form)> {
        let permit = self.graph.permit(&self.policy, &self.subject, action, resource, self.at)?;
        Ok(Caller { permit, origin: self.origin.clone() })
    }

    /// What they may see, for queries.
    #[must_use]
    pub fn visible(&self) -> Arc<Visible> {
        self.sights.visible(&self.graph, &self.policy, &self.subject, self.at)
    }

    /// What the person may see who stands behind the caller: for finding a thing for which a right
    /// is asked next. So a token that does not reach that far is refused as such, and what its owner
    /// may not see looks absent to it as well.
    #[must_use]
    pub fn owner_visible(&self) -> Arc<Visible> {
        match &self.subject {
            Subject::Token { owner, .. } => {
                let owner = Subject::Account { name: owner.clone() };
                self.sights.visible(&self.graph, &self.policy, &owner, self.at)
            }
            _ => self.visible(),
        }
    }

    /// Whose activities they may see, for the feed.
    #[must_use]
    pub fn visible_activities(&self) -> Arc<Visible> {
        self.sights.visible_activities(&self.graph, &self.policy, &self.subject, self.at)
    }

    /// The graph that answers.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What an administrator has set.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The moment for which all questions are answered.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

/// Somebody has come in.
pub struct Entered {
    /// Who.
    pub user: UserName,
    /// Their session, for the next form.
    pub session: Session,
    /// The `Set-Cookie` that hands it to the browser.
    pub cookie: HeaderValue,
}

/// Why somebody has not come in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// By their credential, or because too many try.
    #[error(transparent)]
    Authn(#[from] AuthnError),
    /// The graph is too old to say.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// Log or database do not serve.
    #[error("signing in does not work at the moment: {0}")]
    Unavailable(String),
}

impl Auth {
    /// The asker of a request that has shown `subject`.
    ///
    /// # Errors
    ///
    /// [`Stale`].
    pub fn viewer(&self, subject: Subject, origin: Origin) -> Result<Viewer, Stale> {
        Ok(Viewer {
            subject,
            origin,
            graph: self.graph.fresh(self.staleness)?,
            sights: self.sights.clone(),
            policy: self.policy.clone(),
            at: self.desk.clock.now(),
        })
    }

    /// Begins a session for whoever knows name and password. `origin` comes from
    /// [`crate::client::origin`] with [`Door::Web`].
    ///
    /// # Errors
    ///
    /// [`SignInError`]; the person is told the same whatever was wrong.
    pub async fn sign_in(
        &self,
        name: &str,
        password: &str,
        origin: Origin,
    ) -> Result<Entered, SignInError> {
        let graph = self.graph.fresh(self.staleness)?;
        let origin = Origin { door: Some(Door::Web), ..origin };
        let known = self.authenticator.verify_basic(&graph, name, password, &origin, Door::Web);
        let known = known.await?;
        let (Subject::Account { name: user }, Credential::Password) =
            (&known.subject, known.credential)
        else {
            return Err(AuthnError::refused().into());
        };
        let viewer = self.viewer(known.subject.clone(), origin.clone())?;
        if !viewer.may(Action::LoginWeb, &Resource::System) {
            return Err(AuthnError::refused().into());
        }
        self.enter(user, Origin { credential: Some(known.credential), ..origin }).await
    }

    /// Begins a session for somebody who has proven otherwise who they are: by the one-time
    /// secret, or by changing their own password.
    ///
    /// # Errors
    ///
    /// [`SignInError::Unavailable`].
    pub async fn enter(&self, user: &UserName, origin: Origin) -> Result<Entered, SignInError> {
        let unavailable = |err: &dyn std::fmt::Display| SignInError::Unavailable(err.to_string());
        let since = presence::signed_in(&self.desk, user, Door::Web, origin.clone()).await;
        let since = since.map_err(|err| unavailable(&err))?;
        let session =
            self.sessions.begin(user, since, &origin).await.map_err(|err| unavailable(&err))?;
        let cookie = self.sessions.hand_out(&session);
        Ok(Entered { user: user.clone(), session, cookie })
    }

    /// Ends a session, and answers the `Set-Cookie` that makes the browser forget it.
    ///
    /// # Errors
    ///
    /// [`SignInError::Unavailable`] when the session could not be ended.
    pub async fn sign_out(
        &self,
        session: &Session,
        origin: Origin,
    ) -> Result<HeaderValue, SignInError> {
        let unavailable = |err: &dyn std::fmt::Display| SignInError::Unavailable(err.to_string());
        self.sessions.end(session).await.map_err(|err| unavailable(&err))?;
        let recorded = presence::signed_out(&self.desk, &session.user, origin).await;
        recorded.map_err(|err| unavailable(&err))?;
        Ok(self.sessions.take_back())
    }

    /// Whether a live session still opens doors: its person is enabled and may use pages, and
    /// nothing has ended their sessions since.
    pub(crate) fn still_good(&self, session: &Session, viewer: &Viewer) -> bool {
        let account = viewer.graph.account(&session.user);
        account.is_some_and(|account| session.since >= account.signed_out_before)
            && viewer.may(Action::LoginWeb, &Resource::System)
    }
}
