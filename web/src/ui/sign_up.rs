//! Making an account for oneself, where an administrator allows it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use commands::execute::CommandError;
use commands::limit::{Limit, network};
use commands::users::{AccountRefusal, SignUp, sign_up};
use commands::vault::Password;
use commands::vault::password::MIN_PASSWORD_BYTES;
use domain::event::{Credential, Door};
use domain::name::{RegistryName, UserName};
use http::header::{RETRY_AFTER, SET_COOKIE};
use http::{HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;

use super::UiState;
use super::components::{Field, wrong};
use super::layout::{Flash, Frame, page};
use super::reader::Reader;
use super::sessions::read;
use super::visitor::{Visitor, accept_language, go};
use crate::api::PATIENCE;
use crate::auth::Preferences;
use crate::client;
use crate::error::PageError;
use crate::texts::{Lang, Said as _};

/// Forms from one address within [`TRY_WINDOW`]: more than a person sends who looks for a free name.
pub const TRIES_PER_ADDRESS: u32 = 30;
/// See [`TRIES_PER_ADDRESS`].
const TRY_WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// Accounts from one address within [`ACCOUNT_WINDOW`].
pub const ACCOUNTS_PER_ADDRESS: u32 = 5;
/// Accounts in all within [`ACCOUNT_WINDOW`]: each stays in the log for ever.
const ACCOUNTS_IN_ALL: u32 = 200;
/// See [`ACCOUNTS_PER_ADDRESS`].
const ACCOUNT_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// How many accounts people make for themselves.
#[derive(Debug)]
pub struct SignUps {
    tries: Limit,
    addresses: Limit,
    all: Limit,
}

impl Default for SignUps {
    fn default() -> Self {
        Self {
            tries: Limit::new(TRIES_PER_ADDRESS, TRY_WINDOW),
            addresses: Limit::new(ACCOUNTS_PER_ADDRESS, ACCOUNT_WINDOW),
            all: Limit::new(ACCOUNTS_IN_ALL, ACCOUNT_WINDOW),
        }
    }
}

impl SignUps {
    fn begin(&self, from: Option<IpAddr>, now: Timestamp) -> Result<(), Duration> {
        let from = from.map(network);
        self.addresses.take(from, now)?;
        self.all.take((), now).inspect_err(|_| self.addresses.give_back(from))
    }

    fn give_back(&self, from: Option<IpAddr>) {
        self.addresses.give_back(from.map(network));
        self.all.give_back(());
    }
}

/// What the form holds.
#[derive(Deserialize)]
pub(super) struct Form {
    name: String,
    email: String,
    password: String,
}

/// What was typed, but for the password, and what is wrong with which field.
#[derive(Default)]
pub(super) struct Typed {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) wrong_name: Option<String>,
    pub(super) wrong_email: Option<String>,
    pub(super) wrong_password: Option<String>,
    pub(super) wrong: Option<String>,
}

impl Typed {
    fn is_good(&self) -> bool {
        let wrong = [&self.wrong_name, &self.wrong_email, &self.wrong_password, &self.wrong];
        wrong.iter().all(|wrong| wrong.is_none())
    }
}

/// `GET /sign-up`
pub(super) async fn show(
    State(ui): State<UiState>,
    visitor: Visitor,
) -> Result<Response, PageError> {
    allowed(&ui)?;
    if visitor.session.is_some() {
        return Ok(Redirect::to("/").into_response());
    }
    if !visitor.viewer.graph().bootstrapped() {
        return Ok(Redirect::to("/setup").into_response());
    }
    Ok(visitor.show(visitor.lang().sign_up(), form(visitor.lang(), &Typed::default())))
}

/// `POST /sign-up`: makes the account, and signs its person in.
pub(super) async fn submit(
    State(ui): State<UiState>,
    request: Request,
) -> Result<Response, PageError> {
    let sign_ups = allowed(&ui)?;
    if !ui.auth.graph.fresh(ui.auth.staleness)?.bootstrapped() {
        return Ok(Redirect::to("/setup").into_response());
    }
    let (parts, body) = request.into_parts();
    let shown = Some(Credential::Password);
    let origin = client::origin(&parts.extensions, &parts.headers, Door::Web, shown);
    let look = Preferences::of_cookie(&parts.headers);
    let now = ui.auth.desk.clock.now();
    let reader = Reader::of(&look, accept_language(&parts.headers), now);
    let frame = Frame { path: "/sign-up".to_owned(), reader, look, ..Frame::default() };
    let t = frame.reader.lang;
    let Form { name, email, password } = read(Request::from_parts(parts, body)).await?;
    let typed = Typed { name, email: email.clone(), ..Typed::default() };
    if let Err(wait) = sign_ups.tries.take(origin.address.map(network), now) {
        return Ok(too_many(&frame, typed, wait));
    }
    let (name, password) = match (UserName::parse(&typed.name), Password::parse(&password)) {
        (Ok(name), Ok(password)) => (name, password),
        (name, password) => {
            let typed = Typed {
                wrong_name: name.err().map(|why| why.said(t)),
                wrong_password: password.err().map(|why| why.said(t)),
                ..typed
            };
            return Ok(again(&frame, StatusCode::UNPROCESSABLE_ENTITY, &typed));
        }
    };
    if let Err(wait) = sign_ups.begin(origin.address, now) {
        return Ok(too_many(&frame, typed, wait));
    }
    let registries = ui.registries().await?.0;
    let registries: Vec<_> =
        registries.iter().filter_map(|row| RegistryName::parse(&row.name).ok()).collect();
    let new = SignUp { name: name.clone(), email, password };
    let written = match sign_up(&ui.auth.desk, origin.clone(), new, &registries).await {
        Ok(written) => written,
        Err(CommandError::Refused(why)) => {
            sign_ups.give_back(origin.address);
            let said = Some(why.said(t));
            let typed = match why {
                AccountRefusal::Email { .. } => Typed { wrong_email: said, ..typed },
                _ => Typed { wrong_name: said, ..typed },
            };
            return Ok(again(&frame, StatusCode::UNPROCESSABLE_ENTITY, &typed));
        }
        Err(other) => return Err(other.into()),
    };
    ui.auth.graph.reached(written, PATIENCE).await?;
    let entered = ui.auth.enter(&name, origin).await.map_err(|error| {
        tracing::error!(%error, "somebody who has signed up could not be signed in");
        PageError::new(StatusCode::SERVICE_UNAVAILABLE, Lang::made_but_no_sign_in)
    })?;
    ui.followers.reached(written).await;
    let mut response = go("/", Flash::SignedUp);
    response.headers_mut().append(SET_COOKIE, entered.cookie);
    Ok(response)
}

fn allowed(ui: &UiState) -> Result<&Arc<SignUps>, PageError> {
    ui.sign_ups.as_ref().ok_or_else(|| PageError::new(StatusCode::NOT_FOUND, Lang::sign_up_off))
}

fn again(frame: &Frame, status: StatusCode, typed: &Typed) -> Response {
    let t = frame.reader.lang;
    (status, page(frame, t.sign_up(), form(t, typed))).into_response()
}

/// The form again, with how long to wait.
fn too_many(frame: &Frame, typed: Typed, wait: Duration) -> Response {
    let text = frame.reader.lang.too_many_accounts(minutes(wait));
    let typed = Typed { wrong: Some(text), ..typed };
    let mut response = again(frame, StatusCode::TOO_MANY_REQUESTS, &typed);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    response
}

/// Whole minutes, at least one.
pub(super) fn minutes(wait: Duration) -> u64 {
    wait.as_secs().div_ceil(60).max(1)
}

pub(super) fn form(t: Lang, typed: &Typed) -> Markup {
    let length = t.password_hint(MIN_PASSWORD_BYTES);
    html! {
        div.narrow {
            h1 { (t.sign_up()) }
            p { (t.sign_up_text()) }
            (wrong(typed.wrong.as_deref()))
            @if typed.wrong.is_none() && !typed.is_good() {
                p.notice.bad role="alert" { (t.correct_below()) }
            }
            form method="post" action="/sign-up" data-guard {
                (Field { value: &typed.name, autocomplete: "username", hint: Some(t.user_name_hint()), wrong: typed.wrong_name.as_deref(), ..Field::text("name", t.user_name()) }.draw())
                (Field { value: &typed.email, kind: "email", autocomplete: "email", hint: Some(t.sign_up_email_hint()), wrong: typed.wrong_email.as_deref(), ..Field::text("email", t.email()) }.draw())
                (Field { hint: Some(&length), wrong: typed.wrong_password.as_deref(), ..Field::secret("password", t.password(), "new-password") }.draw())
                button.primary type="submit" { (t.sign_up()) }
            }
            p.muted.small { (t.have_account()) " " a href="/sign-in" { (t.sign_in()) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn address(n: u32) -> Option<IpAddr> {
        Some(IpAddr::V4(n.into()))
    }

    #[test]
    fn one_address_makes_few_accounts_and_what_is_refused_does_not_count() {
        let sign_ups = SignUps::default();
        for _ in 0..100 {
            sign_ups.begin(address(1), at(0)).unwrap();
            sign_ups.give_back(address(1));
        }
        for _ in 0..ACCOUNTS_PER_ADDRESS {
            sign_ups.begin(address(1), at(0)).unwrap();
        }
        assert!(sign_ups.begin(address(1), at(1)).is_err());
        assert!(sign_ups.begin(address(2), at(1)).is_ok());
        assert!(sign_ups.begin(address(1), at(3_600)).is_ok());
    }

    #[test]
    fn all_addresses_together_have_an_end_too() {
        let sign_ups = SignUps::default();
        let made = (0..10 * ACCOUNTS_IN_ALL).filter(|n| sign_ups.begin(address(*n), at(0)).is_ok());
        let made = made.count();
        assert!(made <= usize::try_from(ACCOUNTS_IN_ALL).unwrap(), "{made}");
        // Who was refused for others' sake has not used up their own.
        assert!(sign_ups.begin(address(u32::MAX), at(3_600)).is_ok());
    }

    #[test]
    fn a_wait_is_told_in_whole_minutes() {
        for (seconds, told) in [(0, 1), (1, 1), (60, 1), (61, 2), (3_600, 60)] {
            assert_eq!(minutes(Duration::from_secs(seconds)), told);
        }
    }
}
