//! The extractors.

use std::sync::{Arc, OnceLock};

use axum::extract::{FromRef, FromRequestParts};
use commands::desk::Origin;
use domain::access::Subject;
use domain::event::{Credential, Door};
use http::request::Parts;
use http::{HeaderValue, Method};

use super::csrf::{CSRF_HEADER, is_change};
use super::header::{Credentials, Unreadable};
use super::{Auth, Session, Shown, Viewer};
use crate::api::Meter;
use crate::client;
use crate::error::{ApiError, PageError};

/// Somebody with a live session. Whoever has none is sent to sign in.
#[derive(Clone)]
pub struct SignedIn {
    /// Who, with every right asked at one moment.
    pub viewer: Viewer,
    /// The session, for forms.
    pub session: Session,
}

/// Somebody with a live session, or nobody.
#[derive(Clone)]
pub struct MaybeSignedIn {
    /// Who; [`Subject::Anonymous`] without a session.
    pub viewer: Viewer,
    /// The session, for forms.
    pub session: Option<Session>,
}

/// Where the extractors leave whom they found, for layers that draw an answer after the handler has
/// refused: a layer puts an empty one among the request's extensions, and reads it afterwards.
#[derive(Clone, Default)]
pub(crate) struct Found(Arc<OnceLock<MaybeSignedIn>>);

impl Found {
    /// Whoever asked; nobody where nothing asked for them.
    pub(crate) fn get(&self) -> Option<&MaybeSignedIn> {
        self.0.get()
    }
}

/// Whoever asks over REST: by password, application token, session, or nobody.
#[derive(Clone)]
pub struct ApiCaller {
    /// Who, with every right asked at one moment.
    pub viewer: Viewer,
}

impl<S> FromRequestParts<S> for MaybeSignedIn
where
    S: Send + Sync,
    Auth: FromRef<S>,
{
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        let auth = Auth::from_ref(state);
        let origin = client::origin(&parts.extensions, &parts.headers, Door::Web, None);
        match session(&auth, parts, origin.clone()).await? {
            BySession::Nothing => {
                Ok(Self { viewer: auth.viewer(Subject::Anonymous, origin)?, session: None })
            }
            BySession::Over => Err(PageError::SignIn {
                return_to: return_to(parts),
                forget: Some(auth.sessions.take_back()),
            }),
            BySession::Live(live) => {
                let this = Self { viewer: live.viewer, session: Some(live.session) };
                if let Some(Found(found)) = parts.extensions.get() {
                    // A second extractor of the same request finds the same.
                    let _ = found.set(this.clone());
                }
                Ok(this)
            }
        }
    }
}

impl<S> FromRequestParts<S> for SignedIn
where
    S: Send + Sync,
    Auth: FromRef<S>,
{
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        let MaybeSignedIn { viewer, session } =
            MaybeSignedIn::from_request_parts(parts, state).await?;
        match session {
            Some(session) => Ok(Self { viewer, session }),
            None => Err(PageError::SignIn { return_to: return_to(parts), forget: None }),
        }
    }
}

impl<S> FromRequestParts<S> for ApiCaller
where
    S: Send + Sync,
    Auth: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let auth = Auth::from_ref(state);
        let origin = client::origin(&parts.extensions, &parts.headers, Door::Api, None);
        let shown = Credentials::of(&parts.headers).map_err(|why| match why {
            Unreadable::Several => ApiError::bad_request(
                "Show one credential only: one Authorization header, or one Portus-Auth header",
            ),
            Unreadable::Malformed => ApiError::unauthorized(),
        })?;
        let graph = auth.graph.fresh(auth.staleness)?;
        let known = match shown {
            Credentials::None => return by_session(&auth, parts, origin).await,
            Credentials::Basic { name, secret } => {
                auth.authenticator.verify_basic(&graph, &name, &secret, &origin, Door::Api).await
            }
            Credentials::Bearer(token) => {
                auth.authenticator.verify_token(&graph, None, &token, &origin, Door::Api).await
            }
            Credentials::PortusAuth { name, token } => {
                let name = Some(name.as_str());
                auth.authenticator.verify_token(&graph, name, &token, &origin, Door::Api).await
            }
        }?;
        charge(parts, &known.subject)?;
        let origin = Origin { credential: Some(known.credential), ..origin };
        Ok(Self { viewer: auth.viewer(known.subject, origin)? })
    }
}

/// Takes a call from the budget of whoever asks.
fn charge(parts: &Parts, subject: &Subject) -> Result<(), ApiError> {
    parts.extensions.get::<Meter>().map_or(Ok(()), |meter| meter.charge(subject))
}

/// REST with a browser's session: our own pages' scripts. A change needs the session's token too.
async fn by_session(auth: &Auth, parts: &Parts, origin: Origin) -> Result<ApiCaller, ApiError> {
    match session(auth, parts, origin.clone()).await? {
        BySession::Nothing => Ok(ApiCaller { viewer: auth.viewer(Subject::Anonymous, origin)? }),
        BySession::Over => Err(ApiError::unauthorized()),
        BySession::Live(live) => {
            let SignedIn { viewer, session } = *live;
            charge(parts, &viewer.subject)?;
            if is_change(&parts.method) {
                let shown = parts.headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
                let known = shown.is_some_and(|shown| session.is_csrf(shown));
                if !known || !auth.external.is_ours(&parts.headers) {
                    let text =
                        "A change by session needs the header X-CSRF-Token of a page of ours";
                    return Err(ApiError::new(http::StatusCode::FORBIDDEN, text));
                }
            }
            Ok(ApiCaller { viewer })
        }
    }
}

enum BySession {
    Nothing,
    Over,
    Live(Box<SignedIn>),
}

async fn session(auth: &Auth, parts: &Parts, origin: Origin) -> Result<BySession, ApiError> {
    match auth.sessions.of(&parts.headers).await? {
        Shown::Nothing => Ok(BySession::Nothing),
        Shown::Over => Ok(BySession::Over),
        Shown::Live(session) => {
            let origin = Origin { credential: Some(Credential::Session), ..origin };
            let viewer = auth.viewer(Subject::Account { name: session.user.clone() }, origin)?;
            if auth.still_good(&session, &viewer) {
                return Ok(BySession::Live(Box::new(SignedIn { viewer, session })));
            }
            auth.sessions.end(&session).await?;
            Ok(BySession::Over)
        }
    }
}

/// The path to come back to after signing in: only of what was looked at, never of a change.
fn return_to(parts: &Parts) -> Option<String> {
    if parts.method != Method::GET {
        return None;
    }
    let path = parts.uri.path_and_query()?.as_str();
    let plain = path.starts_with('/') && !path.starts_with("//") && !path.contains('\\');
    (plain && HeaderValue::from_str(path).is_ok()).then(|| path.to_owned())
}
