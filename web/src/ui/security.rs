//! One's password and sessions.

use axum::extract::State;
use axum::response::Response;
use commands::desk::Caller;
use commands::users as wishes;
use commands::vault::Password;
use commands::vault::password::MIN_PASSWORD_BYTES;
use domain::access::{Action, Resource};
use http::StatusCode;
use http::header::SET_COOKIE;
use maud::{Markup, html};
use serde::Deserialize;

use super::UiState;
use super::agent::in_words;
use super::components::{Field, button, csrf, scroll};
use super::forms::reason;
use super::layout::Flash;
use super::me::head;
use super::reader::Reader;
use super::visitor::{Button, Member, Visitor, go};
use crate::auth::{Begun, SignedForm};
use crate::error::PageError;
use crate::texts::{Lang, Said as _};

/// What is wrong with which field.
#[derive(Default)]
pub(super) struct Wrong {
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
}

/// What the page shows.
pub(super) struct Security {
    pub(super) sessions: Vec<Begun>,
    /// Which of them is this one.
    pub(super) this: String,
    pub(super) wrong: Wrong,
    pub(super) csrf: String,
    pub(super) reader: Reader,
}

/// `GET /me/security`
pub(super) async fn show(
    State(ui): State<UiState>,
    Member(visitor): Member,
) -> Result<Response, PageError> {
    let page = security(&ui, &visitor, Wrong::default()).await?;
    Ok(visitor.show(visitor.lang().security(), body(&page)))
}

async fn security(ui: &UiState, visitor: &Visitor, wrong: Wrong) -> Result<Security, PageError> {
    let own = visitor.user()?;
    let account = visitor.viewer.graph().account(own).ok_or_else(PageError::not_found)?;
    let this = visitor.session.as_ref().map(crate::auth::Session::id).unwrap_or_default();
    Ok(Security {
        sessions: ui.auth.sessions.of_user(own, account.signed_out_before).await?,
        this,
        wrong,
        csrf: visitor.csrf(),
        reader: visitor.reader(),
    })
}

pub(super) fn body(page: &Security) -> Markup {
    let (reader, t) = (&page.reader, page.reader.lang);
    let length = t.password_hint(MIN_PASSWORD_BYTES);
    html! {
        (head(t, "security"))
        h2 { (t.change_password()) }
        form method="post" action="/me/password" {
            (csrf(&page.csrf))
            (Field { wrong: page.wrong.old.as_deref(), ..Field::secret("old", t.old_password(), "current-password") }.draw())
            (Field { wrong: page.wrong.new.as_deref(), hint: Some(&length), ..Field::secret("new", t.new_password(), "new-password") }.draw())
            button.primary type="submit" { (t.change_password()) }
        }
        h2 { (t.sessions()) }
        (scroll(t.sessions(), html! {
            table.stack {
                caption { (t.sessions_caption()) }
                thead { tr {
                    th scope="col" { (t.session_program()) } th scope="col" { (t.session_address()) }
                    th scope="col" { (t.session_begun()) } th scope="col" { (t.session_seen()) } th scope="col" { (t.action()) }
                } }
                tbody {
                    @for session in &page.sessions {
                        tr {
                            th scope="row" {
                                @match session.agent.as_deref() {
                                    Some(agent) => span title=(agent) { (in_words(reader, agent)) },
                                    None => (t.unknown()),
                                }
                            }
                            td data-label=(t.session_address()) { (session.address.as_deref().unwrap_or(t.unknown())) }
                            td data-label=(t.session_begun()) { (reader.time(session.created_at)) }
                            td data-label=(t.session_seen()) { (reader.time(session.seen_at)) }
                            td data-label=(t.action()) {
                                @if session.id == page.this {
                                    span.badge.ok { (t.this_session()) }
                                } @else {
                                    form.inline method="post" action="/me/sessions/end" {
                                        (csrf(&page.csrf))
                                        input type="hidden" name="session" value=(session.id);
                                        button.small.danger type="submit" { (t.end_session()) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }))
        p.muted { (t.end_others_text()) }
        (button(&page.csrf, "/me/sessions/others", t.end_others(), "", None))
    }
}

/// What the form for a new password holds.
#[derive(Deserialize)]
pub(super) struct NewPassword {
    old: String,
    new: String,
}

/// `POST /me/password`: needs the old one, and ends all other sessions (SR-AUT-12).
pub(super) async fn change_password(
    State(ui): State<UiState>,
    SignedForm { by, form, headers }: SignedForm<NewPassword>,
) -> Result<Response, PageError> {
    let visitor = Visitor::of("/me/security", by, &headers);
    let t = visitor.lang();
    let wrong = match Password::parse(&form.new) {
        Err(why) => Wrong { new: Some(why.said(t)), ..Wrong::default() },
        Ok(_) if !ui.is_own_password(&visitor, &form.old).await? => {
            Wrong { old: Some(t.password_wrong().to_owned()), ..Wrong::default() }
        }
        Ok(_) => Wrong::default(),
    };
    if wrong.old.is_some() || wrong.new.is_some() {
        let page = security(&ui, &visitor, wrong).await?;
        return Ok(visitor.again(t.security(), body(&page)));
    }
    let (own, desk, new) = (visitor.user()?, &ui.auth.desk, form.new.as_str());
    let change = |caller: Caller| async move {
        // It has been one above; the vault takes it by value, and a lost race asks again.
        let Ok(new) = Password::parse(new) else {
            return Err(commands::execute::CommandError::NotPermitted);
        };
        wishes::set_password(desk, &caller, own, new).await
    };
    let done = ui.act(&visitor.viewer, Action::LoginWeb, &Resource::System, change).await;
    match reason(t, done)? {
        Ok(written) => renewed(&ui, &visitor, written, Flash::PasswordChanged).await,
        Err(why) => {
            let wrong = Wrong { new: Some(why), ..Wrong::default() };
            let page = security(&ui, &visitor, wrong).await?;
            Ok(visitor.again(t.security(), body(&page)))
        }
    }
}

/// All sessions have ended, this one too: its person goes on in a new one.
async fn renewed(
    ui: &UiState,
    visitor: &Visitor,
    written: domain::event::Position,
    flash: Flash,
) -> Result<Response, PageError> {
    let own = visitor.user()?;
    ui.auth.graph.reached(written, crate::api::PATIENCE).await?;
    let entered = ui.auth.enter(own, visitor.viewer.origin.clone()).await.map_err(|error| {
        tracing::error!(%error, "a session could not be renewed");
        PageError::new(StatusCode::SERVICE_UNAVAILABLE, Lang::sign_in_down)
    })?;
    ui.followers.reached(written).await;
    let mut response = go("/me/security", flash);
    response.headers_mut().append(SET_COOKIE, entered.cookie);
    Ok(response)
}

/// `POST /me/sessions/others`: ends everything but this.
pub(super) async fn end_others(
    State(ui): State<UiState>,
    SignedForm { by, form: Button {}, headers }: SignedForm<Button>,
) -> Result<Response, PageError> {
    let visitor = Visitor::of("/me/security", by, &headers);
    let (own, desk) = (visitor.user()?, &ui.auth.desk);
    let change =
        |caller: Caller| async move { wishes::sign_out_everywhere(desk, &caller, own).await };
    let written = ui.act(&visitor.viewer, Action::LoginWeb, &Resource::System, change).await?;
    renewed(&ui, &visitor, written, Flash::OthersSignedOut).await
}

/// What the form for ending one session holds.
#[derive(Deserialize)]
pub(super) struct EndOne {
    session: String,
}

/// `POST /me/sessions/end`
pub(super) async fn end_one(
    State(ui): State<UiState>,
    SignedForm { by, form, .. }: SignedForm<EndOne>,
) -> Result<Response, PageError> {
    ui.auth.sessions.end_one(&by.session.user, &form.session).await?;
    Ok(go("/me/security", Flash::Saved))
}
