//! Whoever looks at a page, and the page as it is for them.

use std::collections::BTreeMap;

use axum::extract::{FromRef, FromRequestParts};
use axum::response::{IntoResponse, Redirect, Response};
use commands::desk::Caller;
use commands::execute::CommandError;
use domain::access::{Action, Resource};
use domain::event::Position;
use domain::name::{RegistryName, UserName};
use domain::namespace::Visibility;
use http::header::{ACCEPT_LANGUAGE, COOKIE, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::Markup;
use projections::registries::{self, RegistryRow};

use super::UiState;
use super::layout::{Flash, Frame, Looking, page};
use super::reader::Reader;
use crate::api::PATIENCE;
use crate::auth::{Auth, MaybeSignedIn, Preferences, Session, SignedIn, Viewer};
use crate::error::{PageError, Refusal};
use crate::texts::Lang;

/// The cookie of [`Flash`].
const FLASH: &str = "portus-flash";
/// How often a right is asked for again when it changed under our hands.
const TRIES: usize = 8;

/// Somebody or nobody, with the parameters of the page that they look at.
pub(super) struct Visitor {
    pub(super) viewer: Viewer,
    pub(super) session: Option<Session>,
    pub(super) params: Params,
    pub(super) frame: Frame,
}

impl<S> FromRequestParts<S> for Visitor
where
    S: Send + Sync,
    Auth: FromRef<S>,
{
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        let MaybeSignedIn { viewer, session } =
            MaybeSignedIn::from_request_parts(parts, state).await?;
        Ok(Self::new(parts, viewer, session))
    }
}

/// As [`Visitor`], but signed in.
pub(super) struct Member(pub(super) Visitor);

impl<S> FromRequestParts<S> for Member
where
    S: Send + Sync,
    Auth: FromRef<S>,
{
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        let SignedIn { viewer, session } = SignedIn::from_request_parts(parts, state).await?;
        Ok(Self(Visitor::new(parts, viewer, Some(session))))
    }
}

impl Visitor {
    fn new(parts: &Parts, viewer: Viewer, session: Option<Session>) -> Self {
        let mut this = Self::at(parts.uri.path(), &parts.headers, viewer, session);
        this.params = Params::parse(parts.uri.query().unwrap_or_default());
        this.frame.flash = flash(&parts.headers);
        // Pages that can look back say so themselves.
        this.frame.looking = this.params.get("at").map(|_| Looking::NotHere);
        this
    }

    /// Somebody who has sent a form, for the page that answers it.
    pub(super) fn of(path: &str, by: SignedIn, headers: &HeaderMap) -> Self {
        Self::at(path, headers, by.viewer, Some(by.session))
    }

    /// Whoever asked for `path`, for a page that is drawn for them.
    pub(super) fn at(
        path: &str,
        headers: &HeaderMap,
        viewer: Viewer,
        session: Option<Session>,
    ) -> Self {
        let look = match &session {
            Some(session) => session.preferences.clone(),
            None => Preferences::of_cookie(headers),
        };
        let frame = Frame {
            path: path.to_owned(),
            user: viewer.user().map(ToString::to_string),
            admin: viewer.may(Action::AdminPanel, &Resource::System),
            csrf: session.as_ref().map(Session::csrf),
            position: Some(viewer.graph().position().0),
            flash: None,
            looking: None,
            unknown: Vec::new(),
            reader: Reader::of(&look, accept_language(headers), viewer.at()).seeing(&viewer),
            look,
        };
        Self { viewer, session, params: Params::default(), frame }
    }

    /// In which words and whose time the page is.
    pub(super) fn reader(&self) -> Reader {
        self.frame.reader.clone()
    }

    /// The language of the page.
    pub(super) fn lang(&self) -> Lang {
        self.frame.reader.lang
    }

    /// The form token; empty for those who have no session, whose forms are refused.
    pub(super) fn csrf(&self) -> String {
        self.frame.csrf.clone().unwrap_or_default()
    }

    /// Who is signed in; a page for people only.
    pub(super) fn user(&self) -> Result<&UserName, PageError> {
        self.viewer.user().ok_or_else(PageError::not_found)
    }

    /// The page again, with what is wrong in it.
    pub(super) fn again(&self, title: &str, body: Markup) -> Response {
        self.again_as(StatusCode::UNPROCESSABLE_ENTITY, title, body)
    }

    /// As [`Self::again`], under another status.
    pub(super) fn again_as(&self, status: StatusCode, title: &str, body: Markup) -> Response {
        (status, page(&self.frame, title, body)).into_response()
    }

    /// Says on the page what a parameter knows, where the address has another word for it.
    pub(super) fn knows<'a>(
        &mut self,
        name: &'static str,
        words: impl IntoIterator<Item = &'a str>,
    ) {
        let Some(word) = self.params.get(name) else { return };
        let words: Vec<_> = words.into_iter().collect();
        if !words.contains(&word) {
            self.frame.unknown.push((name, words.join(", ")));
        }
    }

    /// Whether the viewer may do something.
    pub(super) fn may(&self, action: Action, resource: &Resource) -> bool {
        self.viewer.may(action, resource)
    }

    /// The page in its frame. A message is shown once.
    pub(super) fn show(&self, title: &str, body: Markup) -> Response {
        let mut response = page(&self.frame, title, body).into_response();
        if self.frame.flash.is_some() {
            let gone = format!("{FLASH}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
            if let Ok(gone) = HeaderValue::from_str(&gone) {
                response.headers_mut().append(SET_COOKIE, gone);
            }
        }
        response
    }

    /// What is not there, or is not to be seen: whoever has not signed in is asked to, because it may
    /// well be there for them.
    pub(super) fn missing(&self) -> PageError {
        match self.viewer.user() {
            None => PageError::SignIn { return_to: Some(self.frame.path.clone()), forget: None },
            Some(_) => PageError::not_found(),
        }
    }

    /// Refuses a page to those who may not see it.
    pub(super) fn must(&self, action: Action, resource: &Resource) -> Result<(), PageError> {
        match self.viewer.permit(action, resource) {
            Ok(_) => Ok(()),
            Err((_, form)) => Err(PageError::denied(form)),
        }
    }
}

impl UiState {
    /// Runs `change` with the right to `action`; where the right changed between asking and
    /// writing, waits for the graph and asks again.
    pub(super) async fn act<R, T, F, Fut>(
        &self,
        viewer: &Viewer,
        action: Action,
        resource: &Resource,
        change: F,
    ) -> Result<T, PageError>
    where
        R: Refusal,
        F: Fn(Caller) -> Fut,
        Fut: Future<Output = Result<T, CommandError<R>>>,
    {
        let mut viewer = viewer.clone();
        for _ in 0..TRIES {
            let permit = viewer.permit(action, resource);
            let caller = permit.map_err(|(_, form)| PageError::denied(form))?;
            match change(caller).await {
                Err(CommandError::Outdated(position)) => {
                    self.auth.graph.reached(position, PATIENCE).await?;
                    viewer = self.auth.viewer(viewer.subject, viewer.origin)?;
                }
                done => return Ok(done?),
            }
        }
        Err(PageError::new(StatusCode::SERVICE_UNAVAILABLE, Lang::too_many_changes))
    }

    /// Waits until what was written can be seen, and goes to `path` with a message.
    pub(super) async fn done(&self, position: Position, path: &str, flash: Flash) -> Response {
        let in_force = self.auth.graph.reached(position, PATIENCE).await.is_ok();
        self.followers.reached(position).await;
        go(path, if in_force { flash } else { Flash::NotYetVisible })
    }

    /// The registries, the one first that paths without a registry mean.
    pub(super) async fn registries(&self) -> Result<Registries, PageError> {
        let mut all = registries::list(&self.read).await?;
        all.sort_by_key(|row| row.id);
        Ok(Registries(all))
    }
}

/// A form that is only a button.
#[derive(serde::Deserialize)]
pub(super) struct Button {}

/// A redirect after a form, with a message for the next page.
pub(super) fn go(path: &str, flash: Flash) -> Response {
    let mut response = Redirect::to(path).into_response();
    let cookie = format!("{FLASH}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age=60", flash.code());
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// What a browser says of its languages.
pub(super) fn accept_language(headers: &HeaderMap) -> &str {
    headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn flash(headers: &HeaderMap) -> Option<Flash> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, code)| if name == FLASH { Flash::parse(code) } else { None })
}

/// All registries.
#[derive(Clone)]
pub(super) struct Registries(pub(super) Vec<RegistryRow>);

impl Registries {
    /// The one that paths without a registry mean.
    pub(super) fn default(&self) -> Option<RegistryName> {
        RegistryName::parse(&self.0.first()?.name).ok()
    }

    /// What people type before a repository's name.
    pub(super) fn host(&self, registry: &str) -> Option<&str> {
        self.0.iter().find(|row| row.name == registry).map(|row| row.host.as_str())
    }

    /// The page of a repository.
    pub(super) fn repository(&self, registry: &str, name: &str) -> String {
        format!("{}/r/{name}", self.before(registry))
    }

    /// The page of a namespace.
    pub(super) fn namespace(&self, registry: &str, name: &str) -> String {
        format!("{}/n/{name}", self.before(registry))
    }

    /// What a repository is called where there may be several registries.
    pub(super) fn called(&self, registry: &str, name: &str) -> String {
        match (self.0.len(), self.host(registry)) {
            (0 | 1, _) | (_, None) => name.to_owned(),
            (_, Some(host)) => format!("{host}/{name}"),
        }
    }

    fn before(&self, registry: &str) -> String {
        match self.0.first() {
            Some(first) if first.name == registry => String::new(),
            _ => format!("/registries/{registry}"),
        }
    }
}

/// The parameters of a page: the first of each name, and never an error.
#[derive(Debug, Clone, Default)]
pub(super) struct Params(BTreeMap<String, String>);

impl Params {
    pub(super) fn parse(query: &str) -> Self {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
        Self(pairs.into_iter().rev().collect())
    }

    /// A parameter's value, without blanks around; `None` also when it is empty, or has a zero
    /// byte: Postgres takes none, so nothing is called so.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.as_sent(name).filter(|value| !value.contains('\0'))
    }

    /// As [`get`](Self::get), for what must be refused when it is wrong: zero bytes stay.
    pub(super) fn as_sent(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

/// Every word for who sees something.
pub(super) fn visibilities() -> [&'static str; 3] {
    [Visibility::Private, Visibility::Protected, Visibility::Public].map(Visibility::as_str)
}

/// A query for a link: the pairs that have a value.
pub(super) fn query(pairs: &[(&str, Option<&str>)]) -> String {
    let pairs: Vec<_> =
        pairs.iter().filter_map(|(name, value)| value.map(|value| (*name, value))).collect();
    match serde_urlencoded::to_string(pairs) {
        Ok(query) if !query.is_empty() => format!("?{query}"),
        _ => String::new(),
    }
}

/// A path of ours to go to, whatever a request says (SR-WEB-7).
pub(super) fn return_to(path: Option<&str>) -> &str {
    const MAX_BYTES: usize = 2_048;
    let plain = |path: &&str| {
        path.starts_with('/')
            && !path.starts_with("//")
            && path.len() <= MAX_BYTES
            && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
    };
    path.filter(plain).unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_ours_are_returned_to() {
        for good in ["/", "/r/a/b?x=1", "/search?q=%2F%2F", "/a//b"] {
            assert_eq!(return_to(Some(good)), good);
        }
        for bad in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/x",
            " /x",
            "",
            "evil.example",
            "/ä",
            "/\u{0}",
            "///evil.example",
            "http:/x",
            "data:text/html,x",
        ] {
            assert_eq!(return_to(Some(bad)), "/", "{bad:?}");
        }
        assert_eq!(return_to(Some(&format!("/{}", "a".repeat(2_048)))), "/");
        assert_eq!(return_to(None), "/");
    }

    #[test]
    fn parameters_never_fail() {
        let params = Params::parse("q=a+b&q=c&empty=&bad=%ff%zz&=x&y&zero=a%00b");
        assert_eq!((params.get("zero"), params.as_sent("zero")), (None, Some("a\0b")));
        assert_eq!(params.get("q"), Some("a b"));
        assert_eq!(params.get("empty"), None);
        assert_eq!(params.get("none"), None);
    }

    #[test]
    fn links_carry_what_has_a_value() {
        assert_eq!(query(&[("a", Some("x y&z")), ("b", None)]), "?a=x+y%26z");
        assert_eq!(query(&[("b", None)]), "");
    }
}
