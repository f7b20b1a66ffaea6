//! Changes by cookie come from our own pages: the browser must say so, and the form must know what
//! only its session knows (SR-WEB-3).

use axum::body::Bytes;
use axum::extract::{FromRef, FromRequest, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::unsent::Unsent;
use super::{Auth, SignedIn};
use crate::error::PageError;
use crate::texts::Lang;

/// Where scripts of our own pages put the session's token.
pub const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");

pub(super) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The most bytes of a form.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// How browsers reach us: `https://portus.example.org`, from the configuration, never from a
/// request (SR-WEB-8).
#[derive(Debug, Clone)]
pub struct External {
    origin: String,
}

impl External {
    /// From the configured address; a path behind the host does not count.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let url = url.trim();
        let end = url.find("://").and_then(|at| url[at + 3..].find('/').map(|path| at + 3 + path));
        Self { origin: url[..end.unwrap_or(url.len())].to_ascii_lowercase() }
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether browsers come by https.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.origin.starts_with("https://")
    }

    /// Whether a request comes from a page of ours, or from no browser at all: those carry no
    /// cookies that somebody else could misuse.
    #[must_use]
    pub fn is_ours(&self, headers: &HeaderMap) -> bool {
        if let Some(site) = headers.get(SEC_FETCH_SITE) {
            return site == "same-origin" || site == "none";
        }
        let Some(origin) = headers.get(ORIGIN) else { return true };
        let Ok(origin) = origin.to_str() else { return false };
        let origin = origin.to_ascii_lowercase();
        // Where people type `localhost` for the address that was configured, a browser's `Host`
        // is as good: no page can make another's browser send a wrong one.
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let same_host = origin
            .split_once("://")
            .is_some_and(|(_, from)| !host.is_empty() && from.eq_ignore_ascii_case(host));
        origin == self.origin || same_host
    }
}

/// A layer around the pages: refuses changes that another site's page has sent. Needs no session,
/// so it also holds for the sign-in form.
pub async fn guard(State(auth): State<Auth>, request: Request, next: Next) -> Response {
    if is_change(request.method()) && !auth.external.is_ours(request.headers()) {
        return PageError::new(StatusCode::FORBIDDEN, Lang::foreign_form).into_response();
    }
    next.run(request).await
}

pub(super) fn is_change(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// A form of somebody signed in, whose field `csrf` holds [`super::Session::csrf`]. The fields of
/// `T` need not name it.
pub struct SignedForm<T> {
    /// The request's headers.
    pub headers: HeaderMap,
    /// Who sent it.
    pub by: SignedIn,
    /// What it says.
    pub form: T,
}

#[derive(Deserialize)]
struct Csrf {
    csrf: String,
}

impl<S, T> FromRequest<S> for SignedForm<T>
where
    S: Send + Sync,
    Auth: FromRef<S>,
    T: DeserializeOwned,
{
    type Rejection = PageError;

    async fn from_request(request: Request, state: &S) -> Result<Self, PageError> {
        let (mut parts, body) = request.into_parts();
        let by = {
            use axum::extract::FromRequestParts as _;
            SignedIn::from_request_parts(&mut parts, state).await
        };
        let body = axum::body::to_bytes(body, MAX_FORM_BYTES)
            .await
            .map_err(|_| PageError::new(StatusCode::PAYLOAD_TOO_LARGE, Lang::form_too_big));
        // What somebody typed while their session ended is theirs to send again.
        let by = match (by, &body) {
            (Err(PageError::SignIn { return_to, forget }), Ok(body)) => {
                return Err(match Unsent::of(&parts, body) {
                    Some(unsent) => PageError::Unsent { unsent: Box::new(unsent), forget },
                    None => PageError::SignIn { return_to, forget },
                });
            }
            (by, _) => by?,
        };
        let body = body?;
        let token = read::<Csrf>(&parts.headers, &body).ok();
        if !token.is_some_and(|token| by.session.is_csrf(&token.csrf)) {
            return Err(match Unsent::of(&parts, &body) {
                Some(unsent) => PageError::Unsent { unsent: Box::new(unsent), forget: None },
                None => stale_form(),
            });
        }
        let form = read(&parts.headers, &body)
            .map_err(|_| PageError::new(StatusCode::UNPROCESSABLE_ENTITY, Lang::form_incomplete))?;
        Ok(Self { headers: parts.headers, by, form })
    }
}

fn stale_form() -> PageError {
    PageError::new(StatusCode::FORBIDDEN, Lang::form_stale)
}

fn read<T: DeserializeOwned>(_headers: &HeaderMap, body: &Bytes) -> Result<T, String> {
    serde_urlencoded::from_bytes(body).map_err(|err| err.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn ours(pairs: &[(HeaderName, &'static str)]) -> bool {
        let headers =
            pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        External::new("https://Portus.example.org/x").is_ours(&headers.collect())
    }

    #[test]
    fn only_our_own_pages_send_changes() {
        assert!(ours(&[(SEC_FETCH_SITE, "same-origin")]));
        assert!(ours(&[(ORIGIN, "https://portus.example.org")]));
        assert!(ours(&[(ORIGIN, "http://localhost:3000"), (HOST, "localhost:3000")]));
        assert!(ours(&[]));
        for foreign in ["cross-site", "same-site"] {
            assert!(!ours(&[(SEC_FETCH_SITE, foreign), (ORIGIN, "https://portus.example.org"),]));
        }
        for foreign in ["https://evil.example", "null", "https://portus.example.org.evil", ""] {
            assert!(!ours(&[(ORIGIN, foreign), (HOST, "portus.example.org")]), "{foreign}");
        }
    }
}
