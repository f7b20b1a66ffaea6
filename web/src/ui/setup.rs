//! The first administrator: the first step of setting up.

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use commands::bootstrap::{BootstrapRefusal, FirstAdministrator, first_administrator};
use commands::execute::CommandError;
use commands::users::ProfileChange;
use commands::vault::Password;
use commands::vault::password::MIN_PASSWORD_BYTES;
use domain::event::{Credential, Door};
use domain::name::{RegistryName, UserName};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use serde::Deserialize;

use super::UiState;
use super::components::Field;
use super::layout::{Flash, Frame, page};
use super::reader::Reader;
use super::sessions::read;
use super::visitor::{Visitor, accept_language, go};
use super::wizard;
use crate::api::PATIENCE;
use crate::auth::Preferences;
use crate::client;
use crate::error::PageError;
use crate::texts::{Lang, Said as _};

/// What the form holds.
#[derive(Deserialize)]
pub(super) struct Setup {
    secret: String,
    name: String,
    password: String,
}

/// What is wrong with which field.
#[derive(Default)]
pub(super) struct Wrong {
    pub(super) secret: Option<String>,
    pub(super) name: Option<String>,
    pub(super) password: Option<String>,
}

/// `GET /setup`: for the first; then for administrators, the steps after it.
pub(super) async fn show(
    State(ui): State<UiState>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    if visitor.viewer.graph().bootstrapped() {
        return wizard::show(&ui, &visitor, &headers).await;
    }
    let t = visitor.lang();
    Ok(visitor.show(t.first_administrator(), form(t, "", &Wrong::default())))
}

/// `POST /setup`: makes the first administrator, and signs them in.
pub(super) async fn submit(
    State(ui): State<UiState>,
    request: Request,
) -> Result<Response, PageError> {
    let (parts, body) = request.into_parts();
    let shown = Some(Credential::Bootstrap);
    let origin = client::origin(&parts.extensions, &parts.headers, Door::Web, shown);
    let look = Preferences::of_cookie(&parts.headers);
    let reader = Reader::of(&look, accept_language(&parts.headers), ui.auth.desk.clock.now());
    let frame = Frame { path: "/setup".to_owned(), reader, look, ..Frame::default() };
    let t = frame.reader.lang;
    let Setup { secret, name, password } = read(Request::from_parts(parts, body)).await?;

    let (user, secured) = match (UserName::parse(&name), Password::parse(&password)) {
        (Ok(user), Ok(secured)) => (user, secured),
        (user, secured) => {
            let wrong = Wrong {
                secret: None,
                name: user.err().map(|why| why.said(t)),
                password: secured.err().map(|why| why.said(t)),
            };
            return Ok(again(&frame, &name, &wrong));
        }
    };
    let registries = ui.registries().await?.0;
    let registries: Vec<_> =
        registries.iter().filter_map(|row| RegistryName::parse(&row.name).ok()).collect();
    let new = FirstAdministrator {
        name: user.clone(),
        password: secured,
        profile: ProfileChange::default(),
    };
    let desk = &ui.auth.desk;
    let secret = secret.trim();
    let made =
        first_administrator(desk, &ui.bootstrap, secret, new, origin.clone(), &registries).await;
    let written = match made {
        Ok(written) => written,
        Err(CommandError::Refused(BootstrapRefusal::Done(_))) => {
            return Ok(Redirect::to("/sign-in").into_response());
        }
        Err(CommandError::Refused(why)) => {
            let text = Some(why.said(t));
            let wrong = match why {
                BootstrapRefusal::WrongSecret => Wrong { secret: text, ..Wrong::default() },
                _ => Wrong { name: text, ..Wrong::default() },
            };
            return Ok(again(&frame, &name, &wrong));
        }
        Err(other) => return Err(other.into()),
    };
    ui.auth.graph.reached(written, PATIENCE).await?;
    let entered = ui.auth.enter(&user, origin).await.map_err(|error| {
        tracing::error!(%error, "the first administrator could not be signed in");
        PageError::new(StatusCode::SERVICE_UNAVAILABLE, Lang::made_but_no_sign_in)
    })?;
    ui.followers.reached(written).await;
    let mut response = go("/setup", Flash::SetUp);
    response.headers_mut().append(SET_COOKIE, entered.cookie);
    Ok(response)
}

fn again(frame: &Frame, name: &str, wrong: &Wrong) -> Response {
    let t = frame.reader.lang;
    let body = page(frame, t.first_administrator(), form(t, name, wrong));
    (StatusCode::UNPROCESSABLE_ENTITY, body).into_response()
}

pub(super) fn form(t: Lang, name: &str, wrong: &Wrong) -> Markup {
    let length = t.password_hint(MIN_PASSWORD_BYTES);
    html! {
        div.narrow {
            h1 { (t.first_administrator()) }
            p { (t.setup_text()) }
            @if wrong.secret.is_some() || wrong.name.is_some() || wrong.password.is_some() {
                p.notice.bad role="alert" { (t.correct_below()) }
            }
            form method="post" action="/setup" {
                (Field { wrong: wrong.secret.as_deref(), autocomplete: "one-time-code", ..Field::text("secret", t.one_time_secret()) }.draw())
                (Field { value: name, autocomplete: "username", wrong: wrong.name.as_deref(), ..Field::text("name", t.user_name()) }.draw())
                (Field { hint: Some(&length), wrong: wrong.password.as_deref(), ..Field::secret("password", t.password(), "new-password") }.draw())
                button.primary type="submit" { (t.make_me_administrator()) }
            }
        }
    }
}
