//! The first administrator.

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use commands::bootstrap::{BootstrapRefusal, FirstAdministrator, first_administrator};
use commands::execute::CommandError;
use commands::users::ProfileChange;
use commands::vault::Password;
use commands::vault::password::MIN_PASSWORD_BYTES;
use domain::event::{Credential, Door};
use domain::name::{RegistryName, UserName};
use http::StatusCode;
use http::header::SET_COOKIE;
use maud::{Markup, html};
use serde::Deserialize;

use super::UiState;
use super::components::Field;
use super::layout::{Flash, Frame, page};
use super::sessions::read;
use super::visitor::{Visitor, go};
use crate::api::PATIENCE;
use crate::client;
use crate::error::PageError;

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

/// `GET /setup`: for nobody but the first.
pub(super) async fn show(visitor: Visitor) -> Response {
    if visitor.viewer.graph().bootstrapped() {
        return Redirect::to("/sign-in").into_response();
    }
    visitor.show("First administrator", form("", &Wrong::default()))
}

/// `POST /setup`: makes the first administrator, and signs them in.
pub(super) async fn submit(
    State(ui): State<UiState>,
    request: Request,
) -> Result<Response, PageError> {
    let (parts, body) = request.into_parts();
    let shown = Some(Credential::Bootstrap);
    let origin = client::origin(&parts.extensions, &parts.headers, Door::Web, shown);
    let Setup { secret, name, password } = read(Request::from_parts(parts, body)).await?;

    let (user, secured) = match (UserName::parse(&name), Password::parse(&password)) {
        (Ok(user), Ok(secured)) => (user, secured),
        (user, secured) => {
            let wrong = Wrong {
                secret: None,
                name: user.err().map(|error| error.to_string()),
                password: secured.err().map(|error| error.to_string()),
            };
            return Ok(again(&name, &wrong));
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
            let text = Some(why.to_string());
            let wrong = match why {
                BootstrapRefusal::WrongSecret => Wrong { secret: text, ..Wrong::default() },
                _ => Wrong { name: text, ..Wrong::default() },
            };
            return Ok(again(&name, &wrong));
        }
        Err(other) => return Err(other.into()),
    };
    ui.auth.graph.reached(written, PATIENCE).await?;
    let entered = ui.auth.enter(&user, origin).await.map_err(|error| {
        tracing::error!(%error, "the first administrator could not be signed in");
        let text = "The administrator is made, but signing in does not work yet. Go to /sign-in.";
        PageError::new(StatusCode::SERVICE_UNAVAILABLE, text)
    })?;
    ui.followers.reached(written).await;
    let mut response = go("/", Flash::SetUp);
    response.headers_mut().append(SET_COOKIE, entered.cookie);
    Ok(response)
}

fn again(name: &str, wrong: &Wrong) -> Response {
    let frame = Frame { path: "/setup".to_owned(), ..Frame::default() };
    let body = page(&frame, "First administrator", form(name, wrong));
    (StatusCode::UNPROCESSABLE_ENTITY, body).into_response()
}

pub(super) fn form(name: &str, wrong: &Wrong) -> Markup {
    let length = format!(
        "At least {MIN_PASSWORD_BYTES} characters; a sentence is easier to remember than a riddle."
    );
    html! {
        h1 { "First administrator" }
        p { "This service has no administrator yet. Whoever started it knows the one-time secret: it was printed at the start, and lies in the data folder. It works once." }
        @if wrong.secret.is_some() || wrong.name.is_some() || wrong.password.is_some() {
            p.notice.bad role="alert" { "Please correct what is marked below." }
        }
        form method="post" action="/setup" {
            (Field { wrong: wrong.secret.as_deref(), ..Field::secret("secret", "One-time secret", "one-time-code") }.draw())
            (Field { value: name, autocomplete: "username", wrong: wrong.name.as_deref(), ..Field::text("name", "User name") }.draw())
            (Field { hint: Some(&length), wrong: wrong.password.as_deref(), ..Field::secret("password", "Password", "new-password") }.draw())
            button.primary type="submit" { "Make me the administrator" }
        }
    }
}
