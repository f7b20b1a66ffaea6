//! One's own account: profile, security, preferences.

use axum::extract::State;
use axum::response::Response;
use commands::desk::Caller;
use commands::users::{self as wishes, ProfileChange};
use commands::vault::Profile;
use domain::access::{Action, Resource};
use http::StatusCode;
use maud::{Markup, html};
use projections::teams::{self, MemberRow};
use serde::Deserialize;

use super::UiState;
use super::components::{Field, csrf, tabs, wrong};
use super::forms::reason;
use super::layout::Flash;
use super::meanwhile::Fields;
use super::reader::Reader;
use super::teams::path_of;
use super::visitor::{Member, Visitor};
use crate::auth::SignedForm;
use crate::error::PageError;
use crate::texts::Lang;

/// Title and tabs of one's own pages.
pub(super) fn head(t: Lang, here: &str) -> Markup {
    let entries = [
        ("profile", "/me", t.profile()),
        ("tokens", "/me/tokens", t.application_tokens()),
        ("security", "/me/security", t.security()),
        ("preferences", "/me/preferences", t.preferences()),
    ];
    let title = entries.iter().find(|(id, ..)| *id == here).map_or("", |(.., name)| *name);
    let entries = entries.map(|(id, path, name)| (path.to_owned(), name, id == here));
    html! { h1 { (title) } (tabs(t.account_parts(), &entries)) }
}

/// What the form holds.
#[derive(Deserialize)]
pub(super) struct Change {
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    was: String,
}

impl Change {
    /// What is saved together.
    fn values(&self) -> [&str; 2] {
        [self.display_name.trim(), self.email.trim()]
    }
}

/// What the page shows.
pub(super) struct Me {
    pub(super) user: String,
    pub(super) display_name: String,
    pub(super) email: String,
    pub(super) admin: bool,
    pub(super) auditor: bool,
    pub(super) teams: Vec<MemberRow>,
    pub(super) fields: Fields,
    pub(super) wrong: Option<String>,
    pub(super) csrf: String,
    pub(super) reader: Reader,
}

/// `GET /me`
pub(super) async fn show(
    State(ui): State<UiState>,
    Member(visitor): Member,
) -> Result<Response, PageError> {
    let page = me(&ui, &visitor, None, None).await?;
    Ok(visitor.show(visitor.lang().profile(), body(&page)))
}

async fn me(
    ui: &UiState,
    visitor: &Visitor,
    typed: Option<Change>,
    wrong: Option<String>,
) -> Result<Me, PageError> {
    let own = visitor.user()?;
    let Profile { email, display_name } = ui.auth.desk.vault.profile(own).await?;
    let now = Change {
        display_name: display_name.unwrap_or_default(),
        email: email.unwrap_or_default(),
        was: String::new(),
    };
    let fields = Fields::of(&now.values());
    let typed = typed.unwrap_or(now);
    let account = visitor.viewer.graph().account(own);
    Ok(Me {
        user: own.to_string(),
        display_name: typed.display_name,
        email: typed.email,
        admin: account.as_ref().is_some_and(|account| account.admin),
        auditor: account.as_ref().is_some_and(|account| account.auditor),
        teams: teams::of_user(&ui.read, own).await?,
        fields,
        wrong,
        csrf: visitor.csrf(),
        reader: visitor.reader(),
    })
}

/// `POST /me`
pub(super) async fn submit(
    State(ui): State<UiState>,
    SignedForm { by, form, headers }: SignedForm<Change>,
) -> Result<Response, PageError> {
    let visitor = Visitor::of("/me", by, &headers);
    let own = visitor.user()?;
    let t = visitor.lang();
    let Profile { email, display_name } = ui.auth.desk.vault.profile(own).await?;
    let now = [display_name.as_deref().unwrap_or_default(), email.as_deref().unwrap_or_default()];
    let labels = [t.display_name(), t.email()];
    if let Some(fields) = Fields::clash(&form.values(), &form.was, &now, &labels) {
        let page = Me { fields, ..me(&ui, &visitor, Some(form), None).await? };
        return Ok(visitor.again_as(StatusCode::CONFLICT, t.profile(), body(&page)));
    }
    let (desk, form_) = (&ui.auth.desk, &form);
    let change = |caller: Caller| async move {
        let change = ProfileChange {
            email: Some(form_.email.trim().to_owned()),
            display_name: Some(form_.display_name.trim().to_owned()),
        };
        wishes::change_profile(desk, &caller, own, change).await
    };
    let done = ui.act(&visitor.viewer, Action::LoginWeb, &Resource::System, change).await;
    match reason(visitor.lang(), done)? {
        Ok(written) => Ok(ui.done(written, "/me", Flash::Saved).await),
        Err(why) => {
            let page = me(&ui, &visitor, Some(form), Some(why)).await?;
            Ok(visitor.again(visitor.lang().profile(), body(&page)))
        }
    }
}

pub(super) fn body(page: &Me) -> Markup {
    let t = page.reader.lang;
    html! {
        (head(t, "profile"))
        p.muted { (t.profile_text()) }
        dl.list {
            div { dt { (t.user_name()) } dd { (page.user) } }
            div { dt { (t.roles()) } dd {
                @if page.admin { span.badge { (t.role_admin()) } " " }
                @if page.auditor { span.badge { (t.role_auditor()) } }
                @if !page.admin && !page.auditor { (t.role_none()) }
            } }
        }
        (wrong(page.wrong.as_deref()))
        form method="post" action="/me" data-guard {
            (csrf(&page.csrf))
            (page.fields.draw(t))
            (Field { value: &page.display_name, autocomplete: "name", required: false, hint: Some(t.optional()), ..Field::text("display_name", t.display_name()) }.draw())
            (Field { kind: "email", value: &page.email, autocomplete: "email", required: false, hint: Some(t.optional()), ..Field::text("email", t.email()) }.draw())
            button.primary type="submit" { (t.save()) }
        }
        h2 { (t.own_teams()) }
        @if page.teams.is_empty() { p.muted { (t.no_team()) } }
        ul.hits {
            @for row in &page.teams {
                li { a.name href=(path_of(&row.team)) { (row.team) } span.about { (t.role_word(&row.role)) } }
            }
        }
    }
}
