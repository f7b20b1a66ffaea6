//! A forgotten password: asking for a mail, and setting a new one by the link in it.
//!
//! The link's secret is in the address of one page only. That page puts it into a cookie of its own
//! and goes on to an address without it, so that it is in no `Referer`, no history behind the form,
//! and in no request that the form sends.

use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use commands::execute::CommandError;
use commands::users::reset::{ResetRefusal, finish};
use commands::vault::Password;
use commands::vault::password::MIN_PASSWORD_BYTES;
use domain::event::Door;
use http::header::{COOKIE, REFERRER_POLICY, RETRY_AFTER, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::{Markup, html};
use serde::Deserialize;

use super::UiState;
use super::components::{Field, wrong};
use super::layout::{Flash, Frame, page};
use super::reader::Reader;
use super::sessions::read;
use super::sign_up::minutes;
use super::visitor::{Visitor, accept_language, go};
use crate::api::PATIENCE;
use crate::auth::{External, Preferences};
use crate::client;
use crate::error::PageError;
use crate::mail::NotTaken;
use crate::texts::{Lang, Said as _};

/// The cookie that carries the link's secret to the form. Sent to pages below `/password` alone.
const COOKIE_NAME: &str = "portus-reset";
/// How long somebody may think about a new password, in seconds; the link may end before.
const COOKIE_AGE: u32 = 1_800;
/// The longest name or address that is looked at, in bytes.
const MAX_TYPED_BYTES: usize = 1_024;

/// What the first form holds.
#[derive(Deserialize)]
pub(super) struct Ask {
    who: String,
}

/// What the second form holds.
#[derive(Deserialize)]
pub(super) struct Set {
    password: String,
}

/// `GET /password`
pub(super) async fn show(State(ui): State<UiState>, visitor: Visitor) -> Response {
    let t = visitor.lang();
    let body = match ui.resets {
        Some(_) => ask(t, "", None),
        None => ask_administrator(t),
    };
    visitor.show(t.forgotten_password(), body)
}

/// `POST /password`: the answer is the same for everybody, and given before anything is looked up.
pub(super) async fn submit(
    State(ui): State<UiState>,
    request: Request,
) -> Result<Response, PageError> {
    let (parts, body) = request.into_parts();
    let origin = client::origin(&parts.extensions, &parts.headers, Door::Web, None);
    let frame = frame(&ui, "/password", &parts.headers);
    let t = frame.reader.lang;
    let Ask { who } = read(Request::from_parts(parts, body)).await?;
    let Some(resets) = &ui.resets else {
        let body = page(&frame, t.forgotten_password(), ask_administrator(t));
        return Ok((StatusCode::SERVICE_UNAVAILABLE, body).into_response());
    };
    let who = who.trim();
    if who.is_empty() || who.len() > MAX_TYPED_BYTES {
        let body = ask(t, "", Some(t.who_forgot()));
        let body = page(&frame, t.forgotten_password(), body);
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, body).into_response());
    }
    match resets.take(who, origin, t, ui.auth.desk.clock.now()) {
        Ok(()) => Ok(go("/password", Flash::ResetAsked)),
        Err(NotTaken::TooMany(wait)) => Ok(too_many(&frame, who, wait)),
        Err(NotTaken::Full) => {
            Err(PageError::new(StatusCode::SERVICE_UNAVAILABLE, Lang::resets_busy))
        }
    }
}

fn too_many(frame: &Frame, who: &str, wait: Duration) -> Response {
    let t = frame.reader.lang;
    let text = t.too_many_resets(minutes(wait));
    let body = page(frame, t.forgotten_password(), ask(t, who, Some(&text)));
    let mut response = (StatusCode::TOO_MANY_REQUESTS, body).into_response();
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    response
}

/// `GET /password/{token}`: from a mail. Uses nothing up, because programs look at links before
/// people do.
pub(super) async fn follow(State(ui): State<UiState>, Path(secret): Path<String>) -> Response {
    let mut response = Redirect::to("/password/new").into_response();
    let headers = response.headers_mut();
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Some(cookie) = cookie(&ui.auth.external, &secret, COOKIE_AGE) {
        headers.append(SET_COOKIE, cookie);
    }
    response
}

/// `GET /password/new`
pub(super) async fn show_new(
    State(ui): State<UiState>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let t = visitor.lang();
    let known = match secret_of(&headers) {
        Some(secret) => {
            let found = ui.auth.desk.vault.reset_of(&secret, ui.auth.desk.clock.now()).await;
            found.map_err(PageError::from)?
        }
        None => None,
    };
    let Some(user) = known else {
        let body = page(&visitor.frame, t.new_password(), over(t, ui.resets.is_some()));
        return Ok((StatusCode::NOT_FOUND, body).into_response());
    };
    Ok(visitor.show(t.new_password(), set(t, user.as_str(), None)))
}

/// `POST /password/new`: sets the password, uses the link up, and ends all sessions.
pub(super) async fn submit_new(
    State(ui): State<UiState>,
    request: Request,
) -> Result<Response, PageError> {
    let (parts, body) = request.into_parts();
    let origin = client::origin(&parts.extensions, &parts.headers, Door::Web, None);
    let frame = frame(&ui, "/password/new", &parts.headers);
    let t = frame.reader.lang;
    let secret = secret_of(&parts.headers).unwrap_or_default();
    let Set { password } = read(Request::from_parts(parts, body)).await?;
    let desk = &ui.auth.desk;
    let known = desk.vault.reset_of(&secret, desk.clock.now()).await.map_err(PageError::from)?;
    let gone = || {
        let body = page(&frame, t.new_password(), over(t, ui.resets.is_some()));
        (StatusCode::NOT_FOUND, body).into_response()
    };
    let Some(user) = known else { return Ok(gone()) };
    let new = match Password::parse(&password) {
        Ok(new) => new,
        Err(why) => {
            let body = set(t, user.as_str(), Some(&why.said(t)));
            let body = page(&frame, t.new_password(), body);
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, body).into_response());
        }
    };
    let written = match finish(desk, &secret, new, origin).await {
        Ok((_, written)) => written,
        Err(CommandError::Refused(ResetRefusal::Used)) => return Ok(gone()),
        Err(other) => return Err(other.into()),
    };
    ui.auth.graph.reached(written, PATIENCE).await?;
    let mut response = go("/sign-in", Flash::PasswordSet);
    if let Some(cookie) = cookie(&ui.auth.external, "", 0) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

fn frame(ui: &UiState, path: &str, headers: &HeaderMap) -> Frame {
    let look = Preferences::of_cookie(headers);
    let reader = Reader::of(&look, accept_language(headers), ui.auth.desk.clock.now());
    Frame { path: path.to_owned(), reader, look, ..Frame::default() }
}

/// `None`: no link of ours holds what a cookie cannot.
fn cookie(external: &External, secret: &str, age: u32) -> Option<HeaderValue> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !secret.chars().all(plain) {
        return None;
    }
    let secure = if external.is_secure() { "; Secure" } else { "" };
    let text = format!(
        "{COOKIE_NAME}={secret}; Path=/password; HttpOnly; SameSite=Lax; Max-Age={age}{secure}"
    );
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn secret_of(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, secret)| (name == COOKIE_NAME).then(|| secret.to_owned()))
}

pub(super) fn ask(t: Lang, who: &str, why: Option<&str>) -> Markup {
    html! {
        div.narrow {
            h1 { (t.forgotten_password()) }
            p { (t.forgotten_text()) }
            (wrong(why))
            form method="post" action="/password" {
                (Field { value: who, autocomplete: "username", ..Field::text("who", t.name_or_email()) }.draw())
                button.primary type="submit" { (t.send_link()) }
            }
            p.muted.small { (t.no_address_text()) }
        }
    }
}

pub(super) fn ask_administrator(t: Lang) -> Markup {
    html! {
        div.narrow {
            h1 { (t.forgotten_password()) }
            p { (t.no_mail_here()) }
            p { a href="/sign-in" { (t.sign_in()) } }
        }
    }
}

pub(super) fn set(t: Lang, user: &str, why: Option<&str>) -> Markup {
    let length = t.password_hint(MIN_PASSWORD_BYTES);
    html! {
        div.narrow {
            h1 { (t.new_password()) }
            p { (t.new_password_for(&html! { b { (user) } })) }
            form method="post" action="/password/new" {
                // For whom a password manager keeps it.
                input type="hidden" name="username" value=(user) autocomplete="username";
                (Field { hint: Some(&length), wrong: why, ..Field::secret("password", t.new_password(), "new-password") }.draw())
                button.primary type="submit" { (t.set_password()) }
            }
        }
    }
}

pub(super) fn over(t: Lang, mail: bool) -> Markup {
    html! {
        div.narrow {
            h1 { (t.new_password()) }
            p.notice.warn { (t.link_over()) }
            p {
                @if mail { a.button href="/password" { (t.ask_again()) } }
                @else { (t.no_mail_here()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_link_can_hold_becomes_a_cookie() {
        let external = External::new("https://portus.example.org");
        let cookie_of = |secret| cookie(&external, secret, 60);
        let good = cookie_of("abc-_09").unwrap();
        assert!(good.is_sensitive());
        let text = good.to_str().unwrap();
        assert!(text.starts_with("portus-reset=abc-_09; Path=/password; HttpOnly;"), "{text}");
        assert!(text.ends_with("; Secure"), "{text}");
        for bad in ["a;b", "a b", "a=b", "a\r\nb", "ä", "a,b"] {
            assert_eq!(cookie_of(bad), None, "{bad}");
        }
    }
}
