//! Signing in and out.

use axum::Form;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use domain::event::Door;
use http::StatusCode;
use http::header::SET_COOKIE;
use maud::{Markup, html};
use serde::Deserialize;

use super::UiState;
use super::components::{Field, wrong};
use super::layout::{Flash, Frame, page};
use super::reader::Reader;
use super::visitor::{Button, Visitor, accept_language, go, return_to};
use crate::auth::{Preferences, SignInError, SignedForm};
use crate::client;
use crate::error::{PageError, SESSION_ENDED};
use crate::texts::Lang;

/// What the form holds.
#[derive(Deserialize)]
pub(super) struct SignIn {
    name: String,
    password: String,
    #[serde(default)]
    return_to: String,
}

/// `GET /sign-in`
pub(super) async fn show(State(ui): State<UiState>, visitor: Visitor) -> Response {
    let to = return_to(visitor.params.get("return_to")).to_owned();
    if visitor.session.is_some() {
        return Redirect::to(&to).into_response();
    }
    // A closed list: an address puts no words of its own on this page.
    let reason = match (visitor.params.get("why"), visitor.params.get("return_to")) {
        (Some(SESSION_ENDED), _) => Some(Reason::Ended),
        (_, Some(_)) if to != "/" => Some(Reason::Needed),
        _ => None,
    };
    let first = !visitor.viewer.graph().bootstrapped();
    let ways = Ways { first, sign_up: ui.sign_ups.is_some(), reason };
    visitor.show(visitor.lang().sign_in(), form(visitor.lang(), "", &to, None, ways))
}

/// `POST /sign-in`: on success to where the person wanted to go. A failure does not say which part
/// was wrong.
pub(super) async fn submit(
    State(ui): State<UiState>,
    request: Request,
) -> Result<Response, PageError> {
    let (parts, body) = request.into_parts();
    let origin = client::origin(&parts.extensions, &parts.headers, Door::Web, None);
    let look = Preferences::of_cookie(&parts.headers);
    let reader = Reader::of(&look, accept_language(&parts.headers), ui.auth.desk.clock.now());
    let request = Request::from_parts(parts, body);
    let SignIn { name, password, return_to: wanted } = read(request).await?;
    let (to, t) = (return_to(Some(&wanted)), reader.lang);
    match ui.auth.sign_in(&name, &password, origin).await {
        Ok(entered) => {
            let mut response = go(to, Flash::SignedIn);
            let headers = response.headers_mut();
            // This browser looks as its person likes it, on pages without a session too.
            let look = entered.session.preferences.hand_out(ui.auth.external.is_secure());
            headers.append(SET_COOKIE, entered.cookie);
            headers.append(SET_COOKIE, look);
            Ok(response)
        }
        Err(SignInError::Authn(error)) => match PageError::from(error) {
            PageError::Refused { status, text } => {
                let frame = Frame { path: "/sign-in".to_owned(), reader, look, ..Frame::default() };
                let ways = Ways { first: false, sign_up: ui.sign_ups.is_some(), reason: None };
                let body = form(t, &name, to, Some(&text.in_words(t)), ways);
                Ok((status, page(&frame, t.sign_in(), body)).into_response())
            }
            other @ (PageError::SignIn { .. } | PageError::Unsent { .. }) => Err(other),
        },
        Err(SignInError::Stale(stale)) => Err(stale.into()),
        Err(SignInError::Unavailable(error)) => {
            tracing::error!(%error, "signing in does not work");
            Err(PageError::new(StatusCode::SERVICE_UNAVAILABLE, Lang::sign_in_down))
        }
    }
}

/// `POST /sign-out`
pub(super) async fn leave(
    State(ui): State<UiState>,
    SignedForm { by, form: Button {}, .. }: SignedForm<Button>,
) -> Result<Response, PageError> {
    let ended = ui.auth.sign_out(&by.session, by.viewer.origin.clone()).await;
    let cookie = ended.map_err(|error| {
        tracing::error!(%error, "signing out does not work");
        PageError::new(StatusCode::SERVICE_UNAVAILABLE, Lang::sign_out_down)
    })?;
    let mut response = go("/", Flash::SignedOut);
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

/// A form of somebody without a session.
pub(super) async fn read<T>(request: Request) -> Result<T, PageError>
where
    T: serde::de::DeserializeOwned + 'static,
{
    use axum::RequestExt as _;
    let Form(form) = request.extract::<Form<T>, _>().await.map_err(|rejection| {
        let status = rejection.into_response().status();
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => PageError::new(status, Lang::form_too_big),
            _ => PageError::new(status, Lang::form_incomplete),
        }
    })?;
    Ok(form)
}

/// Why somebody was sent here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// Their session is over.
    Ended,
    /// The page that they asked for is not there for strangers, or is not there.
    Needed,
}

/// What stands beside the form: why one is here, and which other ways to come in are open.
#[derive(Clone, Copy)]
pub(super) struct Ways {
    /// There is no administrator yet.
    pub(super) first: bool,
    /// People make accounts for themselves.
    pub(super) sign_up: bool,
    pub(super) reason: Option<Reason>,
}

pub(super) fn form(t: Lang, name: &str, to: &str, why: Option<&str>, ways: Ways) -> Markup {
    html! {
        div.narrow {
            h1 { (t.sign_in()) }
            @if ways.first {
                p.notice { (t.no_administrator_yet()) " " a href="/setup" { (t.make_first()) } "." }
            }
            @match ways.reason {
                Some(Reason::Ended) => p.notice role="status" { (t.session_has_ended()) },
                Some(Reason::Needed) => p.notice role="status" { (t.sign_in_needed()) },
                None => {},
            }
            (wrong(why))
            form method="post" action="/sign-in" {
                (Field { value: name, autocomplete: "username", ..Field::text("name", t.user_name()) }.draw())
                (Field::secret("password", t.password(), "current-password").draw())
                input type="hidden" name="return_to" value=(to);
                button.primary type="submit" { (t.sign_in()) }
            }
            p {
                a href="/password" { (t.forgotten_password()) }
                @if ways.sign_up { " · " a href="/sign-up" { (t.sign_up()) } }
            }
            p.muted.small { (t.tokens_do_not_open()) }
        }
    }
}
