//! Accounts, for administrators.

use axum::extract::{Path, State};
use axum::response::Response;
use commands::desk::Caller;
use commands::users::{self as wishes, NewUser, ProfileChange};
use commands::vault::Password;
use commands::vault::password::MIN_PASSWORD_BYTES;
use domain::access::{Action, Resource};
use domain::name::{RegistryName, UserName};
use domain::user::{Account, Origin};
use maud::{Markup, html};
use projections::Paging;
use projections::teams::{self, MemberRow};
use projections::users::{self, UserRow};
use serde::Deserialize;

use super::UiState;
use super::admin::head;
use super::components::{Field, cards, crumbs, csrf, empty, pager, scroll, wrong};
use super::forms::reason;
use super::layout::Flash;
use super::members::own_password;
use super::reader::Reader;
use super::sentence::segment;
use super::teams::path_of;
use super::visitor::{Member, Visitor, query};
use crate::auth::SignedForm;
use crate::error::PageError;
use crate::texts::{Lang, Said as _};

/// Rows on one page.
const ROWS: i64 = 100;
/// The longest reason for disabling somebody, in bytes.
const MAX_REASON_BYTES: usize = 1_024;

fn path(user: &str) -> String {
    format!("/admin/users/{}", segment(user))
}

/// What the list shows.
pub(super) struct List {
    pub(super) rows: Vec<UserRow>,
    pub(super) prefix: String,
    pub(super) next: Option<String>,
    pub(super) first: bool,
    pub(super) reader: Reader,
}

/// `GET /admin/users?prefix=`
pub(super) async fn list(
    State(ui): State<UiState>,
    Member(visitor): Member,
) -> Result<Response, PageError> {
    visitor.must(Action::ListUsers, &Resource::System)?;
    let prefix = visitor.params.get("prefix").unwrap_or_default().to_lowercase();
    let after = visitor.params.get("after").map(str::to_owned);
    let first = after.is_none();
    let paging = Paging { after, offset: 0, limit: ROWS + 1 };
    let wanted = Some(prefix.as_str()).filter(|prefix| !prefix.is_empty());
    let mut rows = users::list(&ui.read, wanted, &paging).await?;
    let most = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    let list = List {
        next: rows.last().filter(|_| more).map(|row| row.name.clone()),
        rows,
        prefix,
        first,
        reader: visitor.reader(),
    };
    Ok(visitor.show(visitor.lang().admin_users(), list_body(&list)))
}

pub(super) fn list_body(list: &List) -> Markup {
    let (reader, t) = (&list.reader, list.reader.lang);
    let prefix = Some(list.prefix.as_str()).filter(|prefix| !prefix.is_empty());
    let to = |after: Option<&str>| {
        format!("/admin/users{}", query(&[("prefix", prefix), ("after", after)]))
    };
    html! {
        (head(t, "users"))
        form.line method="get" action="/admin/users" {
            (Field { value: &list.prefix, required: false, ..Field::text("prefix", t.users_find()) }.draw())
            button type="submit" { (t.users_find_do()) }
            a.button href="/admin/users/new" { (t.new_user()) }
        }
        @if list.rows.is_empty() {
            (empty(html! { p role="status" { (t.users_none()) } }))
        } @else {
            (scroll(t.admin_users(), html! {
                table.stack data-rows {
                    caption { (t.users_caption()) }
                    thead { tr {
                        th scope="col" { (t.name()) } th scope="col" { (t.user_roles()) }
                        th scope="col" { (t.user_state()) } th scope="col" { (t.user_made()) }
                    } }
                    tbody {
                        @for row in &list.rows {
                            tr {
                                th scope="row" { a href=(path(&row.name)) { (row.name) } }
                                td data-label=(t.user_roles()) { (offices(t, row)) @if !row.admin && !row.auditor && !row.bot { "–" } }
                                td data-label=(t.user_state()) { (state(t, row)) }
                                td data-label=(t.user_made()) { (reader.time(row.created_at)) }
                            }
                        }
                    }
                }
            }))
        }
        (pager(t, (!list.first).then(|| to(None)).as_deref(), list.next.as_deref().map(|key| to(Some(key))).as_deref()))
    }
}

fn offices(t: Lang, row: &UserRow) -> Markup {
    html! {
        @if row.admin { span.badge { (t.role_admin()) } " " }
        @if row.auditor { span.badge { (t.role_auditor()) } " " }
        @if row.bot { span.badge { (t.bot()) } }
    }
}

fn state(t: Lang, row: &UserRow) -> Markup {
    html! {
        @if row.enabled { span.badge.ok { (t.user_enabled()) } } @else { span.badge.bad { (t.user_disabled()) } }
    }
}

/// What the form for a new account holds.
#[derive(Deserialize, Default)]
pub(super) struct New {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) email: String,
    #[serde(default)]
    pub(super) password: String,
}

/// `GET /admin/users/new`
pub(super) async fn show_new(Member(visitor): Member) -> Result<Response, PageError> {
    visitor.must(Action::ManageUsers, &Resource::System)?;
    let form = New { kind: "person".to_owned(), ..New::default() };
    let body = new_body(visitor.lang(), &form, None, &visitor.csrf());
    Ok(visitor.show(visitor.lang().new_user(), body))
}

pub(super) fn new_body(t: Lang, form: &New, why: Option<&str>, token: &str) -> Markup {
    let length = format!("{} {}", t.password_hint(MIN_PASSWORD_BYTES), t.user_bot_password());
    html! {
        (crumbs(t, &[(t.admin_users().to_owned(), "/admin/users".to_owned())]))
        h1 { (t.new_user()) }
        (wrong(why))
        form method="post" action="/admin/users/new" {
            (csrf(token))
            (Field { value: &form.name, ..Field::text("name", t.user_name()) }.draw())
            (cards("kind", t.user_kind(), &form.kind, &[
                ("person", t.user_person(), t.user_person_about()),
                ("bot", t.user_bot(), t.user_bot_about()),
            ]))
            (Field { kind: "email", value: &form.email, required: false, hint: Some(t.optional()), ..Field::text("email", t.email()) }.draw())
            (Field { required: false, hint: Some(&length), ..Field::secret("password", t.password(), "new-password") }.draw())
            button.primary type="submit" { (t.make_user()) }
        }
    }
}

/// `POST /admin/users/new`
pub(super) async fn create(
    State(ui): State<UiState>,
    SignedForm { by, form, headers }: SignedForm<New>,
) -> Result<Response, PageError> {
    let visitor = Visitor::of("/admin/users", by, &headers);
    let t = visitor.lang();
    let (action, account) = match form.kind.as_str() {
        "bot" => (Action::CreateBot, Account::Bot),
        _ => (Action::ManageUsers, Account::Person),
    };
    visitor.must(action, &Resource::System)?;
    let again = |why: &str| {
        let body = new_body(t, &form, Some(why), &visitor.csrf());
        visitor.again(t.new_user(), body)
    };
    let name = match UserName::parse(&form.name) {
        Ok(name) => name,
        Err(why) => return Ok(again(&why.said(t))),
    };
    if !form.password.is_empty() {
        if let Err(why) = Password::parse(&form.password) {
            return Ok(again(&why.said(t)));
        }
    } else if account == Account::Person {
        return Ok(again(t.user_needs_password()));
    }
    let registries = ui.registries().await?.0;
    let registries: Vec<_> =
        registries.iter().filter_map(|row| RegistryName::parse(&row.name).ok()).collect();
    let (desk, name_, form_, registries_) = (&ui.auth.desk, &name, &form, &registries);
    let change = |caller: Caller| async move {
        let email = form_.email.trim();
        let new = NewUser {
            name: name_.clone(),
            account,
            origin: Origin::Administrator,
            password: Password::parse(&form_.password).ok(),
            profile: ProfileChange {
                email: (!email.is_empty()).then(|| email.to_owned()),
                display_name: None,
            },
        };
        wishes::register(desk, &caller, new, registries_).await
    };
    let made = ui.act(&visitor.viewer, action, &Resource::System, change).await;
    match reason(t, made)? {
        Ok(written) => Ok(ui.done(written, &path(name.as_str()), Flash::Created).await),
        Err(why) => Ok(again(&why)),
    }
}

/// What the page of one account shows.
pub(super) struct One {
    pub(super) row: UserRow,
    pub(super) email: Option<String>,
    pub(super) display_name: Option<String>,
    pub(super) teams: Vec<MemberRow>,
    pub(super) last_sign_in: Option<jiff::Timestamp>,
    pub(super) is_self: bool,
    pub(super) wrong: Option<String>,
    pub(super) csrf: String,
    pub(super) reader: Reader,
}

/// `GET /admin/users/{user}`
pub(super) async fn show(
    State(ui): State<UiState>,
    Member(visitor): Member,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let page = one(&ui, &visitor, &name, None).await?;
    Ok(visitor.show(&visitor.lang().account_of(&page.row.name), body(&page)))
}

async fn one(
    ui: &UiState,
    visitor: &Visitor,
    name: &str,
    wrong: Option<String>,
) -> Result<One, PageError> {
    visitor.must(Action::ListUsers, &Resource::System)?;
    let name = UserName::parse(name).map_err(|_| PageError::not_found())?;
    let row = users::find(&ui.read, &name).await?.ok_or_else(PageError::not_found)?;
    let profile = ui.auth.desk.vault.profile(&name).await?;
    Ok(One {
        row,
        email: profile.email,
        display_name: profile.display_name,
        teams: teams::of_user(&ui.read, &name).await?,
        last_sign_in: users::last_sign_in(&ui.read, &name).await?,
        is_self: visitor.viewer.user() == Some(&name),
        wrong,
        csrf: visitor.csrf(),
        reader: visitor.reader(),
    })
}

pub(super) fn body(page: &One) -> Markup {
    let (reader, t, row) = (&page.reader, page.reader.lang, &page.row);
    html! {
        (crumbs(t, &[(t.admin_users().to_owned(), "/admin/users".to_owned())]))
        div.headline { h1 { (row.name) } (state(t, row)) (offices(t, row)) }
        (wrong(page.wrong.as_deref()))
        dl.list {
            @if let Some(text) = &page.display_name { div { dt { (t.display_name()) } dd { (text) } } }
            @if let Some(text) = &page.email { div { dt { (t.email()) } dd { (text) } } }
            div { dt { (t.user_origin()) } dd { (t.origin_word(&row.origin)) } }
            div { dt { (t.user_made()) } dd { (reader.time(row.created_at)) } }
            div { dt { (t.user_last_sign_in()) } dd { (reader.time_or_never(page.last_sign_in)) } }
            div { dt { (t.user_teams()) } dd {
                @for (number, team) in page.teams.iter().enumerate() {
                    @if number > 0 { ", " }
                    a href=(path_of(&team.team)) { (team.team) } " (" (t.role_word(&team.role)) ")"
                }
                @if page.teams.is_empty() { "–" }
            } }
        }
        p { a href=(format!("/activity{}", query(&[("actor", Some(&row.name))]))) { (t.user_activity()) } }
        @if !page.is_self { (standing(page)) (new_password(page)) }
        @if !row.bot { (office_forms(page)) }
    }
}

fn standing(page: &One) -> Markup {
    let (t, row, to) = (page.reader.lang, &page.row, path(&page.row.name));
    html! {
        @if row.enabled {
            h2 { (t.user_disable()) }
            p { (t.user_disable_text()) }
            form.line method="post" action=(format!("{to}/disable")) {
                (csrf(&page.csrf))
                (Field { required: false, ..Field::text("reason", t.user_reason()) }.draw())
                button.danger type="submit" { (t.user_disable()) }
            }
            (super::components::button(&page.csrf, &format!("{to}/sign-out"), t.user_sign_out(), "", None))
        } @else {
            h2 { (t.user_enable()) }
            (super::components::button(&page.csrf, &format!("{to}/enable"), t.user_enable(), "primary", None))
        }
    }
}

fn new_password(page: &One) -> Markup {
    let (t, to) = (page.reader.lang, path(&page.row.name));
    let length = t.password_hint(MIN_PASSWORD_BYTES);
    html! {
        h2 { (t.user_set_password()) }
        p { (t.user_set_password_text()) }
        form.line method="post" action=(format!("{to}/password")) {
            (csrf(&page.csrf))
            (Field { hint: Some(&length), ..Field::secret("new", t.new_password(), "new-password") }.draw())
            button type="submit" { (t.user_set_password()) }
        }
    }
}

fn office_forms(page: &One) -> Markup {
    let (t, row, to) = (page.reader.lang, &page.row, path(&page.row.name));
    let words =
        |held: bool, grant: &'static str, revoke: &'static str| if held { revoke } else { grant };
    html! {
        h2 { (t.user_offices()) }
        p { (t.user_office_text()) }
        form.line method="post" action=(format!("{to}/offices")) {
            (csrf(&page.csrf))
            (own_password(t, None))
            button.danger[!row.admin] type="submit" name="office" value=(if row.admin { "not-admin" } else { "admin" }) {
                (words(row.admin, t.user_grant_admin(), t.user_revoke_admin()))
            }
            button type="submit" name="office" value=(if row.auditor { "not-auditor" } else { "auditor" }) {
                (words(row.auditor, t.user_grant_auditor(), t.user_revoke_auditor()))
            }
        }
    }
}

/// What the forms about one account hold.
#[derive(Deserialize)]
pub(super) struct Change {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    office: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    new: String,
}

enum Wish {
    Disable,
    Enable,
    SignOut,
    Password,
    Admin(bool),
    Auditor(bool),
}

/// `POST /admin/users/{user}/{wish}`
pub(super) async fn change(
    State(ui): State<UiState>,
    Path((name, wish)): Path<(String, String)>,
    SignedForm { by, form, headers }: SignedForm<Change>,
) -> Result<Response, PageError> {
    let visitor = Visitor::of("/admin/users", by, &headers);
    let t = visitor.lang();
    let page = one(&ui, &visitor, &name, None).await?;
    let again = async |why: String| {
        let page = one(&ui, &visitor, &name, Some(why)).await?;
        Ok(visitor.again(&t.account_of(&page.row.name), body(&page)))
    };
    let (wish, flash) = match (wish.as_str(), form.office.as_str()) {
        ("disable", _) => (Wish::Disable, Flash::UserDisabled),
        ("enable", _) => (Wish::Enable, Flash::UserEnabled),
        ("sign-out", _) => (Wish::SignOut, Flash::Saved),
        ("password", _) => (Wish::Password, Flash::Saved),
        ("offices", "admin") => (Wish::Admin(true), Flash::RightsChanged),
        ("offices", "not-admin") => (Wish::Admin(false), Flash::RightsChanged),
        ("offices", "auditor") => (Wish::Auditor(true), Flash::RightsChanged),
        ("offices", "not-auditor") => (Wish::Auditor(false), Flash::RightsChanged),
        _ => return Err(PageError::not_found()),
    };
    let action = match wish {
        Wish::Admin(_) => Action::GrantAdmin,
        _ => Action::ManageUsers,
    };
    visitor.must(action, &Resource::System)?;
    let sensitive = matches!(wish, Wish::Admin(_) | Wish::Auditor(_));
    if sensitive && !ui.is_own_password(&visitor, &form.password).await? {
        return again(t.password_wrong().to_owned()).await;
    }
    if matches!(wish, Wish::Password) {
        if page.is_self {
            return Err(PageError::not_found());
        }
        if let Err(why) = Password::parse(&form.new) {
            return again(why.said(t)).await;
        }
    }
    let user = UserName::parse(&page.row.name).map_err(|_| PageError::not_found())?;
    let (desk, user_, wish_, form_) = (&ui.auth.desk, &user, &wish, &form);
    let change = |caller: Caller| async move {
        match wish_ {
            Wish::Disable => {
                let reason = form_.reason.trim().chars().take(MAX_REASON_BYTES / 4).collect();
                wishes::disable(desk, &caller, user_, reason).await
            }
            Wish::Enable => wishes::enable(desk, &caller, user_).await,
            Wish::SignOut => wishes::sign_out_everywhere(desk, &caller, user_).await,
            Wish::Password => match Password::parse(&form_.new) {
                Ok(new) => wishes::set_password(desk, &caller, user_, new).await,
                Err(_) => Err(commands::execute::CommandError::NotPermitted),
            },
            Wish::Admin(true) => wishes::grant_admin(desk, &caller, user_).await,
            Wish::Admin(false) => wishes::revoke_admin(desk, &caller, user_).await,
            Wish::Auditor(true) => wishes::grant_auditor(desk, &caller, user_).await,
            Wish::Auditor(false) => wishes::revoke_auditor(desk, &caller, user_).await,
        }
    };
    let done = ui.act(&visitor.viewer, action, &Resource::System, change).await;
    match reason(t, done)? {
        // Who has ended their own administration no longer sees this page.
        Ok(written) if page.is_self => Ok(ui.done(written, "/me", flash).await),
        Ok(written) => Ok(ui.done(written, &path(user.as_str()), flash).await),
        Err(why) => again(why).await,
    }
}
