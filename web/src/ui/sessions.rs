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
use super::components::Field;
use super::layout::{Flash, Frame, page};
use super::visitor::{Button, Visitor, go, return_to};
use crate::auth::{SignInError, SignedForm};
use crate::client;
use crate::error::PageError;

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
    let first = !visitor.viewer.graph().bootstrapped();
    let _ = ui;
    visitor.show("Sign in", form("", &to, None, first))
}

/// `POST /sign-in`: on success to where the person wanted to go. A failure does not say which part
/// was wrong.
pub(super) async fn submit(
    State(ui): State<UiState>,
    request: Request,
) -> Result<Response, PageError> {
    let (parts, body) = request.into_parts();
    let origin = client::origin(&parts.extensions, &parts.headers, Door::Web, None);
    let request = Request::from_parts(parts, body);
    let SignIn { name, password, return_to: wanted } = read(request).await?;
    let to = return_to(Some(&wanted));
    match ui.auth.sign_in(&name, &password, origin).await {
        Ok(entered) => {
            let mut response = go(to, Flash::SignedIn);
            response.headers_mut().append(SET_COOKIE, entered.cookie);
            Ok(response)
        }
        Err(SignInError::Authn(error)) => {
            let refused = PageError::from(crate::error::ApiError::from(error));
            let frame = Frame { path: "/sign-in".to_owned(), ..Frame::default() };
            let (status, text) = match refused {
                PageError::Refused { status: StatusCode::UNAUTHORIZED, .. } => {
                    (StatusCode::UNAUTHORIZED, "That did not work: name or password is wrong, or this account may not sign in here.".to_owned())
                }
                PageError::Refused { status, text } => (status, text),
                sign_in @ PageError::SignIn { .. } => return Err(sign_in),
            };
            let body = form(&name, to, Some(&text), false);
            Ok((status, page(&frame, "Sign in", body)).into_response())
        }
        Err(SignInError::Stale(stale)) => Err(stale.into()),
        Err(SignInError::Unavailable(error)) => {
            tracing::error!(%error, "signing in does not work");
            let text = "Signing in does not work at the moment. Try again shortly.";
            Err(PageError::new(StatusCode::SERVICE_UNAVAILABLE, text))
        }
    }
}

/// `POST /sign-out`
pub(super) async fn leave(
    State(ui): State<UiState>,
    SignedForm { by, form: Button {} }: SignedForm<Button>,
) -> Result<Response, PageError> {
    let ended = ui.auth.sign_out(&by.session, by.viewer.origin.clone()).await;
    let cookie = ended.map_err(|error| {
        tracing::error!(%error, "signing out does not work");
        let text = "Signing out does not work at the moment. Try again shortly.";
        PageError::new(StatusCode::SERVICE_UNAVAILABLE, text)
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
        let text = match status {
            StatusCode::PAYLOAD_TOO_LARGE => "This form holds too much.",
            _ => "The form is incomplete. Open the page again and fill it in.",
        };
        PageError::new(status, text)
    })?;
    Ok(form)
}

pub(super) fn form(name: &str, to: &str, wrong: Option<&str>, first: bool) -> Markup {
    html! {
        h1 { "Sign in" }
        @if first {
            p.notice { "There is no administrator yet. " a href="/setup" { "Make the first one" } "." }
        }
        @if let Some(wrong) = wrong { p.notice.bad role="alert" { (wrong) } }
        form method="post" action="/sign-in" {
            (Field { value: name, autocomplete: "username", ..Field::text("name", "User name") }.draw())
            (Field::secret("password", "Password", "current-password").draw())
            input type="hidden" name="return_to" value=(to);
            button.primary type="submit" { "Sign in" }
        }
        p.muted.small { "Application tokens are for docker and scripts; they do not open these pages." }
    }
}
