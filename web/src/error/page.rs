//! Errors as people read them in a browser.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use commands::authn::AuthnError;
use commands::execute::CommandError;
use commands::vault::VaultError;
use domain::access::Form;
use http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use http::{HeaderValue, StatusCode};
use maud::{DOCTYPE, html};
use projections::access::{Lagging, Stale};

use super::{ApiError, Refusal};
use crate::auth::Unsent;
use crate::texts::Lang;

/// Where people sign in.
pub const SIGN_IN: &str = "/sign-in";

/// What the address of that page says to whoever comes there because their session is over.
pub(crate) const SESSION_ENDED: &str = "ended";

/// A page that cannot be shown. It is also an extension of its answer, so that a layer of the
/// pages can draw it with their own frame.
#[derive(Debug, Clone)]
pub enum PageError {
    /// Sign in first, and come back to this path. Hidden and absent look the same.
    SignIn {
        /// A path of ours.
        return_to: Option<String>,
        /// A `Set-Cookie` that ends a session which is over.
        forget: Option<HeaderValue>,
    },
    /// A form came when its session was over, or from an older one: nothing was done, and what
    /// was typed is still there.
    Unsent {
        /// What it held.
        unsent: Box<Unsent>,
        /// A `Set-Cookie` that ends a session which is over.
        forget: Option<HeaderValue>,
    },
    /// Anything else.
    Refused {
        /// The status.
        status: StatusCode,
        /// A sentence that helps.
        text: Sentence,
    },
}

/// A sentence that is put into words when it is known who reads it.
#[derive(Clone)]
pub struct Sentence(Arc<dyn Fn(Lang) -> String + Send + Sync>);

impl Sentence {
    /// The sentence in a language.
    pub(crate) fn in_words(&self, t: Lang) -> String {
        (self.0)(t)
    }
}

impl std::fmt::Debug for Sentence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.in_words(Lang::En))
    }
}

impl PageError {
    /// Any refusal with a sentence.
    pub(crate) fn new<S: Into<String>>(
        status: StatusCode,
        say: impl Fn(Lang) -> S + Send + Sync + 'static,
    ) -> Self {
        Self::Refused { status, text: Sentence(Arc::new(move |t| say(t).into())) }
    }

    /// What there is to say of a failure that the reader cannot help.
    fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::SERVICE_UNAVAILABLE => Self::new(status, Lang::part_down),
            status if status.is_client_error() => Self::new(status, Lang::bad_request),
            status => Self::new(status, Lang::wrong_here),
        }
    }

    /// 404: absent, or hidden.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, Lang::nothing_here)
    }

    /// How a denial of the access graph looks on a page.
    #[must_use]
    pub fn denied(form: Form) -> Self {
        match form {
            Form::SignIn | Form::Unauthorized => Self::SignIn { return_to: None, forget: None },
            Form::NotFound => Self::not_found(),
            Form::Forbidden | Form::Omit | Form::Partial => {
                Self::new(StatusCode::FORBIDDEN, Lang::may_not)
            }
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::SignIn { .. } => StatusCode::SEE_OTHER,
            Self::Unsent { .. } => StatusCode::FORBIDDEN,
            Self::Refused { status, .. } => *status,
        }
    }
}

impl From<ApiError> for PageError {
    /// Of what REST says only the status: its words are English.
    fn from(err: ApiError) -> Self {
        Self::of_status(err.status())
    }
}

impl<R: Refusal> From<CommandError<R>> for PageError {
    fn from(err: CommandError<R>) -> Self {
        match err {
            CommandError::Refused(why) => Self::new(why.status(), move |t| why.said(t)),
            CommandError::Outdated(_) | CommandError::Contended => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, Lang::too_many_changes)
            }
            // The cause goes into our log there.
            other => Self::of_status(ApiError::from(other).status()),
        }
    }
}

impl From<AuthnError> for PageError {
    fn from(err: AuthnError) -> Self {
        match err {
            AuthnError::Refused(_) => Self::new(StatusCode::UNAUTHORIZED, Lang::sign_in_wrong),
            AuthnError::TooMany { .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, Lang::too_many_sign_ins)
            }
            AuthnError::Busy { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, Lang::sign_ins_busy)
            }
            other @ AuthnError::Vault(_) => Self::of_status(ApiError::from(other).status()),
        }
    }
}

impl From<Stale> for PageError {
    fn from(err: Stale) -> Self {
        Self::of_status(ApiError::from(err).status())
    }
}

impl From<Lagging> for PageError {
    fn from(err: Lagging) -> Self {
        Self::new(ApiError::from(err).status(), Lang::not_in_force)
    }
}

impl From<VaultError> for PageError {
    fn from(err: VaultError) -> Self {
        Self::of_status(ApiError::from(AuthnError::Vault(err)).status())
    }
}

impl From<sqlx::Error> for PageError {
    fn from(err: sqlx::Error) -> Self {
        Self::of_status(ApiError::from(err).status())
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let mut response = match &self {
            Self::SignIn { return_to, forget } => {
                let mut response = StatusCode::SEE_OTHER.into_response();
                let to = return_to.as_deref().map(encode);
                let to = to.map(|path| format!("return_to={path}"));
                let why = forget.as_ref().map(|_| format!("why={SESSION_ENDED}"));
                let said: Vec<_> = to.into_iter().chain(why).collect();
                let to = match said.is_empty() {
                    true => SIGN_IN.to_owned(),
                    false => format!("{SIGN_IN}?{}", said.join("&")),
                };
                if let Ok(to) = HeaderValue::from_str(&to) {
                    response.headers_mut().insert(LOCATION, to);
                }
                if let Some(cookie) = forget {
                    response.headers_mut().insert(SET_COOKIE, cookie.clone());
                }
                response
            }
            // Drawn by a layer of the pages, which knows who looks.
            Self::Unsent { forget, .. } => {
                let mut response = StatusCode::FORBIDDEN.into_response();
                if let Some(cookie) = forget {
                    response.headers_mut().insert(SET_COOKIE, cookie.clone());
                }
                response
            }
            Self::Refused { status, text } => {
                let title = status.canonical_reason().unwrap_or("Error");
                let page = html! {
                    (DOCTYPE)
                    html lang="en" {
                        head { meta charset="utf-8"; title { (title) " · Portus" } }
                        body { main { h1 { (title) } p { (text.in_words(Lang::En)) } p { a href="/" { "Portus" } } } }
                    }
                };
                (*status, page).into_response()
            }
        };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.extensions_mut().insert(self);
        response
    }
}

/// Percent-encodes everything that is not plainly part of a path.
fn encode(path: &str) -> String {
    path.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}
