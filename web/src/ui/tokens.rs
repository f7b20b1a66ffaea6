//! One's own application tokens.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use commands::app_tokens::{self as wishes, NewAppToken};
use commands::desk::Caller;
use domain::access::{Action, Resource};
use domain::app_token::{TokenId, TokenScope};
use http::StatusCode;
use jiff::SignedDuration;
use maud::{Markup, html};
use projections::app_tokens::{self, AppTokenRow};
use serde::Deserialize;

use super::UiState;
use super::components::{Field, command, csrf, empty, scroll, wrong};
use super::home::quoted;
use super::layout::Flash;
use super::members::own_password;
use super::reader::Reader;
use super::visitor::{Member, Registries, Visitor};
use crate::auth::SignedForm;
use crate::error::PageError;
use crate::texts::{Lang, Word};

/// The scopes that the form offers, in words.
const SCOPES: [(TokenScope, &str, Word); 6] = [
    (TokenScope::Pull, "pull", Lang::scope_pull),
    (TokenScope::Push, "push", Lang::scope_push),
    (TokenScope::Delete, "delete", Lang::scope_delete),
    (TokenScope::ApiRead, "api_read", Lang::scope_api_read),
    (TokenScope::ApiWrite, "api_write", Lang::scope_api_write),
    (TokenScope::All, "all", Lang::scope_all),
];
/// The lives that the form offers, in days.
const DAYS: [i64; 4] = [7, 30, 90, 365];

/// What the form for a new token holds. Each scope is a box of its own.
#[derive(Clone, Deserialize)]
pub(super) struct Create {
    #[serde(default)]
    label: String,
    #[serde(default)]
    days: String,
    #[serde(default)]
    password: String,
    pull: Option<String>,
    push: Option<String>,
    delete: Option<String>,
    api_read: Option<String>,
    api_write: Option<String>,
    all: Option<String>,
}

impl Create {
    /// As the form is at first, but for the label.
    pub(super) fn called(label: String) -> Self {
        Self {
            label,
            days: "90".to_owned(),
            password: String::new(),
            pull: None,
            push: Some("on".to_owned()),
            delete: None,
            api_read: None,
            api_write: None,
            all: None,
        }
    }

    fn scopes(&self) -> BTreeSet<TokenScope> {
        let ticked =
            [&self.pull, &self.push, &self.delete, &self.api_read, &self.api_write, &self.all];
        let all = SCOPES.iter().zip(ticked).filter(|(_, ticked)| ticked.is_some());
        all.map(|((scope, ..), _)| *scope).collect()
    }
}

/// What the form for revoking holds.
#[derive(Deserialize)]
pub(super) struct Revoke {
    token: String,
}

/// A token, and from where it was last used with which program.
pub(super) struct Shown {
    pub(super) row: AppTokenRow,
    pub(super) address: Option<String>,
    pub(super) program: Option<String>,
}

/// What the page shows.
pub(super) struct Tokens {
    pub(super) user: String,
    pub(super) rows: Vec<Shown>,
    /// Uses become facts.
    pub(super) recorded: bool,
    /// The secret of the one just made.
    pub(super) made: Option<String>,
    pub(super) wrong: Option<String>,
    pub(super) wrong_password: Option<&'static str>,
    /// What the form for a new one says. The password in it is not shown.
    pub(super) form: Create,
    pub(super) csrf: String,
    pub(super) registries: Registries,
    pub(super) reader: Reader,
}

/// `GET /me/tokens`
pub(super) async fn show(
    State(ui): State<UiState>,
    Member(visitor): Member,
) -> Result<Response, PageError> {
    let body = body(&tokens(&ui, &visitor).await?);
    Ok(visitor.show(visitor.lang().application_tokens(), body))
}

/// `POST /me/tokens`: the only page that ever shows the secret. It is an answer and no redirect,
/// because a secret is in no address and in no store of ours.
pub(super) async fn create(
    State(ui): State<UiState>,
    SignedForm { by, form, headers }: SignedForm<Create>,
) -> Result<Response, PageError> {
    let visitor = Visitor::of("/me/tokens", by, &headers);
    let scopes = form.scopes();
    let days = form.days.parse().ok().filter(|days| DAYS.contains(days));
    let expires_at = days.and_then(|days| {
        visitor.viewer.at().checked_add(SignedDuration::from_hours(24 * days)).ok()
    });
    if scopes.is_empty() || expires_at.is_none() {
        let wrong = Some(visitor.lang().token_incomplete().to_owned());
        return again(&visitor, Tokens { wrong, form, ..tokens(&ui, &visitor).await? });
    }
    // It outlives the session, so a session alone does not make one.
    if !ui.is_own_password(&visitor, &form.password).await? {
        let wrong_password = Some(visitor.lang().password_wrong());
        let shown = tokens(&ui, &visitor).await?;
        return again(&visitor, Tokens { wrong_password, form, ..shown });
    }
    let user = visitor.viewer.user().cloned().ok_or_else(PageError::not_found)?;
    let (desk, label) = (&ui.auth.desk, form.label.trim());
    let change = |caller: Caller| {
        let new = NewAppToken {
            label: label.to_owned(),
            scopes: scopes.clone(),
            namespaces: None,
            expires_at,
        };
        let user = &user;
        async move { wishes::create(desk, &caller, user, new).await }
    };
    let made = ui.act(&visitor.viewer, Action::IssueTokenSelf, &Resource::System, change).await;
    let issued = match made {
        Ok(issued) => issued,
        Err(PageError::Refused { status: StatusCode::UNPROCESSABLE_ENTITY, text }) => {
            let wrong = Some(text.in_words(visitor.lang()));
            return again(&visitor, Tokens { wrong, form, ..tokens(&ui, &visitor).await? });
        }
        Err(other) => return Err(other),
    };
    ui.auth.graph.reached(issued.position, crate::api::PATIENCE).await?;
    ui.followers.reached(issued.position).await;
    let made = Some(issued.secret.to_string());
    let shown = Tokens { made, ..tokens(&ui, &visitor).await? };
    Ok(visitor.show(visitor.lang().application_tokens(), body(&shown)))
}

/// `POST /me/tokens/revoke`
pub(super) async fn revoke(
    State(ui): State<UiState>,
    SignedForm { by, form, .. }: SignedForm<Revoke>,
) -> Result<Response, PageError> {
    let token = form.token.parse().map(TokenId).map_err(|_| PageError::not_found())?;
    let user = by.viewer.user().cloned().ok_or_else(PageError::not_found)?;
    let (desk, user) = (&ui.auth.desk, &user);
    let change = |caller: Caller| async move { wishes::revoke(desk, &caller, user, token).await };
    let done = ui.act(&by.viewer, Action::IssueTokenSelf, &Resource::System, change).await?;
    Ok(ui.done(done, "/me/tokens", Flash::TokenRevoked).await)
}

fn again(visitor: &Visitor, shown: Tokens) -> Result<Response, PageError> {
    Ok(visitor.again(visitor.lang().application_tokens(), body(&shown)))
}

async fn tokens(ui: &UiState, visitor: &Visitor) -> Result<Tokens, PageError> {
    let user = visitor.viewer.user().ok_or_else(PageError::not_found)?;
    let mut rows = Vec::new();
    for row in app_tokens::of_user(&ui.read, user).await? {
        let opened = match row.sealed() {
            Some((sealed, data)) => ui.auth.desk.vault.open_origin(&sealed, &data).await,
            None => Ok(None),
        };
        // A box that does not open is an odd fact, not a reason to hide the tokens.
        let opened = opened.ok().flatten();
        let address = opened.as_ref().and_then(|client| client.address).map(|it| it.to_string());
        rows.push(Shown { row, address, program: opened.and_then(|client| client.user_agent) });
    }
    Ok(Tokens {
        user: user.to_string(),
        rows,
        recorded: ui.site.token_uses,
        made: None,
        wrong: None,
        wrong_password: None,
        form: Create::called(String::new()),
        csrf: visitor.csrf(),
        registries: ui.registries().await?,
        reader: visitor.reader(),
    })
}

pub(super) fn body(page: &Tokens) -> Markup {
    let t = page.reader.lang;
    let host = page.registries.0.first().map_or("registry.example.org", |row| row.host.as_str());
    html! {
        (super::me::head(t, "tokens"))
        p { (t.tokens_text()) }
        (wrong(page.wrong.as_deref()))
        @if let Some(secret) = &page.made {
            div.notice role="status" {
                p { (t.token_made()) }
                (command(t, t.the_token(), secret))
                (command(t, t.log_in_with_it(), &format!("docker login {host} -u {}", quoted(&page.user))))
                p { (t.token_as_password()) }
            }
        }
        @if page.rows.is_empty() {
            (empty(html! { p { (t.no_token()) } }))
        } @else {
            (scroll(t.application_tokens(), table(page)))
            p.muted { @if page.recorded { (t.last_used_text()) } @else { (t.last_used_unrecorded()) } }
        }
        h2 { (t.new_token()) }
        (new(page))
    }
}

fn table(page: &Tokens) -> Markup {
    let (reader, t) = (&page.reader, page.reader.lang);
    html! {
        table.stack {
            caption { (t.tokens_caption()) }
            thead { tr {
                th scope="col" { (t.what_for()) } th scope="col" { (t.token_may()) } th scope="col" { (t.made()) }
                th scope="col" { (t.last_used()) } th scope="col" { (t.good_until()) } th scope="col" { (t.action()) }
            } }
            tbody {
                @for Shown { row, address, program } in &page.rows {
                    @let scopes: Vec<_> = row.scopes.iter().map(|scope| t.scope(scope)).collect();
                    tr {
                        th scope="row" { (row.label) }
                        td data-label=(t.token_may()) { (scopes.join(", ")) @if let Some(inside) = &row.namespaces { (t.token_inside(&inside.join(", "))) } }
                        td data-label=(t.made()) { (reader.time(row.created_at)) }
                        td data-label=(t.last_used()) {
                            @match row.used_at {
                                Some(at) => {
                                    (reader.time(at))
                                    @if let Some(address) = address { br; span.muted { (address) } }
                                    @if let Some(program) = program { br; span.muted { (program) } }
                                }
                                None => { "–" }
                            }
                        }
                        td data-label=(t.good_until()) {
                            (reader.time(row.expires_at))
                            @if row.expires_at <= reader.now { " " span.badge.warn { (t.expired()) } }
                        }
                        td data-label=(t.action()) {
                            form.inline method="post" action="/me/tokens/revoke" {
                                (csrf(&page.csrf))
                                input type="hidden" name="token" value=(row.token.to_string());
                                button.small.danger type="submit" aria-label=(t.revoke_token(&row.label)) { (t.revoke()) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn new(page: &Tokens) -> Markup {
    let (t, form) = (page.reader.lang, &page.form);
    let scopes = form.scopes();
    let label = Field { hint: Some(t.what_for_hint()), ..Field::text("label", t.what_for()) };
    html! {
        form method="post" action="/me/tokens" {
            (csrf(&page.csrf))
            (Field { value: &form.label, ..label }.draw())
            fieldset {
                legend { (t.it_may()) }
                @for (scope, name, words) in SCOPES {
                    div.choice {
                        input id=(format!("scope-{name}")) type="checkbox" name=(name) value="on" checked[scopes.contains(&scope)];
                        label for=(format!("scope-{name}")) { (words(t)) }
                    }
                }
            }
            div.field {
                label for="days" { (t.good_for()) }
                select id="days" name="days" {
                    @for days in DAYS { option value=(days) selected[form.days == days.to_string()] { (t.days(days)) } }
                }
            }
            (own_password(t, page.wrong_password))
            button.primary type="submit" { (t.make_token()) }
        }
    }
}
