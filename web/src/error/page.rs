//! Errors as people read them in a browser.

use axum::response::{IntoResponse, Response};
use commands::execute::CommandError;
use domain::access::Form;
use http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use http::{HeaderValue, StatusCode};
use maud::{DOCTYPE, html};
use projections::access::{Lagging, Stale};

use super::{ApiError, Refusal};

/// Where people sign in.
pub const SIGN_IN: &str = "/sign-in";

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
    /// Anything else.
    Refused {
        /// The status.
        status: StatusCode,
        /// A sentence that helps.
        text: String,
    },
}

impl PageError {
    /// Any refusal with a sentence.
    #[must_use]
    pub fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self::Refused { status, text: text.into() }
    }

    /// 404: absent, or hidden.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is nothing here, or it is not for you.")
    }

    /// How a denial of the access graph looks on a page.
    #[must_use]
    pub fn denied(form: Form) -> Self {
        match form {
            Form::SignIn | Form::Unauthorized => Self::SignIn { return_to: None, forget: None },
            Form::NotFound => Self::not_found(),
            Form::Forbidden | Form::Omit | Form::Partial => {
                Self::new(StatusCode::FORBIDDEN, "You may see this, but not change it.")
            }
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::SignIn { .. } => StatusCode::SEE_OTHER,
            Self::Refused { status, .. } => *status,
        }
    }
}

impl From<ApiError> for PageError {
    fn from(err: ApiError) -> Self {
        Self::new(err.status(), err.text())
    }
}

impl<R: Refusal> From<CommandError<R>> for PageError {
    fn from(err: CommandError<R>) -> Self {
        ApiError::from(err).into()
    }
}

impl From<Stale> for PageError {
    fn from(err: Stale) -> Self {
        ApiError::from(err).into()
    }
}

impl From<Lagging> for PageError {
    fn from(err: Lagging) -> Self {
        ApiError::from(err).into()
    }
}

impl From<sqlx::Error> for PageError {
    fn from(err: sqlx::Error) -> Self {
        ApiError::from(err).into()
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let mut response = match &self {
            Self::SignIn { return_to, forget } => {
                let mut response = StatusCode::SEE_OTHER.into_response();
                let to = return_to.as_deref().map(encode);
                let to =
                    to.map_or(SIGN_IN.to_owned(), |path| format!("{SIGN_IN}?return_to={path}"));
                if let Ok(to) = HeaderValue::from_str(&to) {
                    response.headers_mut().insert(LOCATION, to);
                }
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
                        body { main { h1 { (title) } p { (text) } p { a href="/" { "Portus" } } } }
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
