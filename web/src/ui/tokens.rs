//! One's own application tokens.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use commands::app_tokens::{self as wishes, NewAppToken};
use commands::desk::Caller;
use domain::access::{Action, Resource};
use domain::app_token::{TokenId, TokenScope};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use projections::app_tokens::{self, AppTokenRow};
use serde::Deserialize;

use super::UiState;
use super::components::{Field, command, csrf, empty, scroll, time};
use super::home::quoted;
use super::layout::{Flash, page};
use super::visitor::{Member, Registries};
use crate::auth::SignedForm;
use crate::error::PageError;

/// The scopes that the form offers, in words.
const SCOPES: [(TokenScope, &str, &str); 6] = [
    (TokenScope::Pull, "pull", "Pull images"),
    (TokenScope::Push, "push", "Pull and push images"),
    (TokenScope::Delete, "delete", "Pull and delete images"),
    (TokenScope::ApiRead, "api_read", "Read over the REST interface"),
    (TokenScope::ApiWrite, "api_write", "Read and change over the REST interface"),
    (TokenScope::All, "all", "All of these"),
];
/// The lives that the form offers, in days.
const DAYS: [i64; 4] = [7, 30, 90, 365];

/// What the form for a new token holds. Each scope is a box of its own.
#[derive(Deserialize)]
pub(super) struct Create {
    #[serde(default)]
    label: String,
    #[serde(default)]
    days: String,
    pull: Option<String>,
    push: Option<String>,
    delete: Option<String>,
    api_read: Option<String>,
    api_write: Option<String>,
    all: Option<String>,
}

impl Create {
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

/// What the page shows.
pub(super) struct Tokens {
    pub(super) user: String,
    pub(super) rows: Vec<AppTokenRow>,
    /// The secret of the one just made.
    pub(super) made: Option<String>,
    pub(super) wrong: Option<String>,
    pub(super) csrf: String,
    pub(super) registries: Registries,
    pub(super) now: Timestamp,
}

/// `GET /me/tokens`
pub(super) async fn show(
    State(ui): State<UiState>,
    Member(visitor): Member,
) -> Result<Response, PageError> {
    let body = body(&tokens(&ui, &visitor, None, None).await?);
    Ok(visitor.show("Application tokens", body))
}

/// `POST /me/tokens`: the only page that ever shows the secret. It is an answer and no redirect,
/// because a secret is in no address and in no store of ours.
pub(super) async fn create(
    State(ui): State<UiState>,
    SignedForm { by, form }: SignedForm<Create>,
) -> Result<Response, PageError> {
    let visitor = super::visitor::Visitor::of("/me/tokens", by.viewer, by.session);
    let scopes = form.scopes();
    let days = form.days.parse().ok().filter(|days| DAYS.contains(days));
    let expires_at =
        days.and_then(|days| visitor.now().checked_add(SignedDuration::from_hours(24 * days)).ok());
    if scopes.is_empty() || expires_at.is_none() {
        let text = "Choose at least one thing that the token may do, and how long it is good.";
        return again(&ui, &visitor, text).await;
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
            return again(&ui, &visitor, &text).await;
        }
        Err(other) => return Err(other),
    };
    ui.auth.graph.reached(issued.position, crate::api::PATIENCE).await?;
    ui.followers.reached(issued.position).await;
    let shown = tokens(&ui, &visitor, Some(issued.secret.to_string()), None).await?;
    Ok(visitor.show("Application tokens", body(&shown)))
}

/// `POST /me/tokens/revoke`
pub(super) async fn revoke(
    State(ui): State<UiState>,
    SignedForm { by, form }: SignedForm<Revoke>,
) -> Result<Response, PageError> {
    let token = form.token.parse().map(TokenId).map_err(|_| PageError::not_found())?;
    let user = by.viewer.user().cloned().ok_or_else(PageError::not_found)?;
    let (desk, user) = (&ui.auth.desk, &user);
    let change = |caller: Caller| async move { wishes::revoke(desk, &caller, user, token).await };
    let done = ui.act(&by.viewer, Action::IssueTokenSelf, &Resource::System, change).await?;
    Ok(ui.done(done, "/me/tokens", Flash::TokenRevoked).await)
}

async fn again(
    ui: &UiState,
    visitor: &super::visitor::Visitor,
    wrong: &str,
) -> Result<Response, PageError> {
    let shown = tokens(ui, visitor, None, Some(wrong.to_owned())).await?;
    let page = page(&visitor.frame, "Application tokens", body(&shown));
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

async fn tokens(
    ui: &UiState,
    visitor: &super::visitor::Visitor,
    made: Option<String>,
    wrong: Option<String>,
) -> Result<Tokens, PageError> {
    let user = visitor.viewer.user().ok_or_else(PageError::not_found)?;
    Ok(Tokens {
        user: user.to_string(),
        rows: app_tokens::of_user(&ui.read, user).await?,
        made,
        wrong,
        csrf: visitor.frame.csrf.clone().unwrap_or_default(),
        registries: ui.registries().await?,
        now: visitor.now(),
    })
}

pub(super) fn body(page: &Tokens) -> Markup {
    let host = page.registries.0.first().map_or("the registry", |row| row.host.as_str());
    html! {
        h1 { "Application tokens" }
        p { "A token stands in for your password where a program signs in: docker, a build, a script. It may do less than you, and can be taken back alone." }
        @if let Some(wrong) = &page.wrong { p.notice.bad role="alert" { (wrong) } }
        @if let Some(secret) = &page.made {
            div.notice role="status" {
                p { "The token is made. Copy it now: it is not shown again." }
                (command("The token", secret))
                (command("Log in with it", &format!("docker login {host} -u {}", quoted(&page.user))))
                p { "Give the token when docker asks for the password." }
            }
        }
        @if page.rows.is_empty() {
            (empty(html! { p { "You have no token yet." } }))
        } @else {
            (scroll("Application tokens", table(page)))
        }
        h2 { "A new token" }
        (new(page))
    }
}

fn table(page: &Tokens) -> Markup {
    html! {
        table.stack {
            caption { "Your tokens, oldest first" }
            thead { tr {
                th scope="col" { "What for" } th scope="col" { "May" } th scope="col" { "Made" }
                th scope="col" { "Good until" } th scope="col" { "Action" }
            } }
            tbody {
                @for row in &page.rows {
                    tr {
                        th scope="row" { (row.label) }
                        td data-label="May" { (row.scopes.join(", ").replace('_', " ")) @if let Some(inside) = &row.namespaces { ", only in " (inside.join(", ")) } }
                        td data-label="Made" { (time(row.created_at, page.now)) }
                        td data-label="Good until" {
                            (time(row.expires_at, page.now))
                            @if row.expires_at <= page.now { " " span.badge.warn { "expired" } }
                        }
                        td data-label="Action" {
                            form.inline method="post" action="/me/tokens/revoke" {
                                (csrf(&page.csrf))
                                input type="hidden" name="token" value=(row.token.to_string());
                                button.small.danger type="submit" aria-label=(format!("Revoke {}", row.label)) { "Revoke" }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn new(page: &Tokens) -> Markup {
    html! {
        form method="post" action="/me/tokens" {
            (csrf(&page.csrf))
            (Field { hint: Some("Your own words, such as “laptop” or “CI of app”."), ..Field::text("label", "What for") }.draw())
            fieldset {
                legend { "It may" }
                @for (_, name, words) in SCOPES {
                    div.choice {
                        input id=(format!("scope-{name}")) type="checkbox" name=(name) value="on" checked[name == "push"];
                        label for=(format!("scope-{name}")) { (words) }
                    }
                }
            }
            div.field {
                label for="days" { "It is good for" }
                select id="days" name="days" {
                    @for days in DAYS { option value=(days) selected[days == 90] { (days) " days" } }
                }
            }
            button.primary type="submit" { "Make the token" }
        }
    }
}
