//! Registries, for administrators.

use axum::extract::{Path, State};
use axum::response::Response;
use commands::desk::Caller;
use commands::registries as wishes;
use domain::access::{Action, Resource};
use domain::name::RegistryName;
use domain::registry::RegistrySettings;
use http::StatusCode;
use maud::{Markup, html};
use projections::registries::{self, RegistryRow};
use serde::Deserialize;

use super::UiState;
use super::admin::head;
use super::components::{Field, block, button, command, crumbs, csrf, empty, scroll, wrong};
use super::forms::reason;
use super::layout::Flash;
use super::meanwhile::Fields;
use super::members::own_password;
use super::reader::Reader;
use super::registry_test::{self, Step};
use super::visitor::{Button, Member, Visitor};
use crate::auth::SignedForm;
use crate::error::PageError;
use crate::texts::{Lang, Said as _};

/// What the forms hold.
#[derive(Deserialize, Default)]
pub(super) struct Form {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) host: String,
    #[serde(default)]
    pub(super) service: String,
    #[serde(default)]
    pub(super) url: String,
    #[serde(default)]
    pub(super) password: String,
    #[serde(default)]
    pub(super) was: String,
}

impl Form {
    fn of(row: &RegistryRow) -> Self {
        Self {
            name: row.name.clone(),
            host: row.host.clone(),
            service: row.service.clone(),
            url: row.url.clone(),
            ..Self::default()
        }
    }

    /// What is saved together.
    fn values(&self) -> [&str; 3] {
        [self.host.trim(), self.service.trim(), self.url.trim()]
    }

    fn settings(&self) -> RegistrySettings {
        RegistrySettings {
            service: self.service.trim().to_owned(),
            host: self.host.trim().to_owned(),
            url: self.url.trim().to_owned(),
        }
    }
}

/// What the list shows.
pub(super) struct List {
    pub(super) rows: Vec<RegistryRow>,
    pub(super) form: Form,
    pub(super) wrong: Option<String>,
    pub(super) csrf: String,
    pub(super) reader: Reader,
}

/// `GET /admin/registries`
pub(super) async fn list(
    State(ui): State<UiState>,
    Member(visitor): Member,
) -> Result<Response, PageError> {
    visitor.must(Action::AdminPanel, &Resource::System)?;
    let list = all(&ui, &visitor, Form::default(), None).await?;
    Ok(visitor.show(visitor.lang().admin_registries(), list_body(&list)))
}

async fn all(
    ui: &UiState,
    visitor: &Visitor,
    form: Form,
    wrong: Option<String>,
) -> Result<List, PageError> {
    let rows = registries::list(&ui.read).await?;
    Ok(List { rows, form, wrong, csrf: visitor.csrf(), reader: visitor.reader() })
}

pub(super) fn list_body(list: &List) -> Markup {
    let (reader, t) = (&list.reader, list.reader.lang);
    html! {
        (head(t, "registries"))
        @if list.rows.is_empty() {
            (empty(html! { p { (t.registry_none()) } }))
        } @else {
            (scroll(t.admin_registries(), html! {
                table.stack data-rows {
                    caption { (t.registries_caption()) }
                    thead { tr {
                        th scope="col" { (t.name()) } th scope="col" { (t.registry_host()) }
                        th scope="col" { (t.registry_url()) } th scope="col" { (t.registry_rotated()) }
                    } }
                    tbody {
                        @for row in &list.rows {
                            tr {
                                th scope="row" { a href=(format!("/admin/registries/{}", row.name)) { (row.name) } }
                                td data-label=(t.registry_host()) { (row.host) }
                                td data-label=(t.registry_url()) { (row.url) }
                                td data-label=(t.registry_rotated()) { (reader.time_or_never(row.secret_rotated_at)) }
                            }
                        }
                    }
                }
            }))
        }
        h2 { (t.registry_new()) }
        (wrong(list.wrong.as_deref()))
        form method="post" action="/admin/registries" {
            (csrf(&list.csrf))
            (Field { value: &list.form.name, hint: Some(t.registry_name_hint()), ..Field::text("name", t.name()) }.draw())
            (fields(t, &list.form))
            button.primary type="submit" { (t.registry_add()) }
        }
    }
}

fn fields(t: Lang, form: &Form) -> Markup {
    html! {
        (Field { value: &form.host, hint: Some(t.registry_host_hint()), ..Field::text("host", t.registry_host()) }.draw())
        (Field { value: &form.service, hint: Some(t.registry_service_hint()), ..Field::text("service", t.registry_service()) }.draw())
        (Field { value: &form.url, kind: "url", hint: Some(t.registry_url_hint()), ..Field::text("url", t.registry_url()) }.draw())
    }
}

/// `POST /admin/registries`: adds one, and shows its secret.
pub(super) async fn create(
    State(ui): State<UiState>,
    SignedForm { by, form, headers }: SignedForm<Form>,
) -> Result<Response, PageError> {
    let visitor = Visitor::of("/admin/registries", by, &headers);
    let t = visitor.lang();
    visitor.must(Action::AdminPanel, &Resource::System)?;
    let name = match RegistryName::parse(form.name.trim()) {
        Ok(name) if is_free(&visitor, &name, form.service.trim()) => Ok(name),
        Ok(_) => Err(t.registry_service_taken().to_owned()),
        Err(why) => Err(why.said(t)),
    };
    let name = match name {
        Ok(name) => name,
        Err(why) => {
            let list = all(&ui, &visitor, form, Some(why)).await?;
            return Ok(visitor.again(t.admin_registries(), list_body(&list)));
        }
    };
    let (desk, name_, form_) = (&ui.auth.desk, &name, &form);
    let change = |caller: Caller| async move {
        let added = wishes::add(desk, &caller, name_, form_.settings()).await?;
        let (secret, written) = wishes::rotate_secret(desk, &caller, name_).await?;
        Ok((secret, written.max(added)))
    };
    let made = ui.act(&visitor.viewer, Action::AdminPanel, &Resource::System, change).await;
    match reason(t, made)? {
        Ok((secret, written)) => {
            ui.auth.graph.reached(written, crate::api::PATIENCE).await?;
            ui.followers.reached(written).await;
            let page = one(&ui, &visitor, name.as_str(), None, None).await?;
            let page = One { secret: Some(secret.to_string()), ..page };
            Ok(visitor.show(name.as_str(), body(&page)))
        }
        Err(why) => {
            let list = all(&ui, &visitor, form, Some(why)).await?;
            Ok(visitor.again(t.admin_registries(), list_body(&list)))
        }
    }
}

/// Whether no other registry has this service: tokens are told apart by it.
fn is_free(visitor: &Visitor, name: &RegistryName, service: &str) -> bool {
    visitor.viewer.graph().registry_of(service).is_none_or(|other| other == *name)
}

/// What the page of one registry shows.
pub(super) struct One {
    pub(super) row: RegistryRow,
    pub(super) form: Form,
    pub(super) fields: Fields,
    /// The secret that was just made.
    pub(super) secret: Option<String>,
    pub(super) wrong: Option<String>,
    pub(super) wrong_password: Option<&'static str>,
    /// What came of trying it out.
    pub(super) tested: Vec<Step>,
    /// Our own address, as registries reach it.
    pub(super) origin: String,
    /// Who we say that signs.
    pub(super) issuer: String,
    /// By which certificates the registry knows our key, PEM.
    pub(super) bundle: String,
    pub(super) csrf: String,
    pub(super) reader: Reader,
}

/// `GET /admin/registries/{name}`
pub(super) async fn show(
    State(ui): State<UiState>,
    Member(visitor): Member,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let page = one(&ui, &visitor, &name, None, None).await?;
    Ok(visitor.show(&page.row.name, body(&page)))
}

async fn one(
    ui: &UiState,
    visitor: &Visitor,
    name: &str,
    form: Option<Form>,
    wrong: Option<String>,
) -> Result<One, PageError> {
    visitor.must(Action::AdminPanel, &Resource::System)?;
    let name = RegistryName::parse(name).map_err(|_| PageError::not_found())?;
    let row = registries::find(&ui.read, &name).await?.ok_or_else(PageError::not_found)?;
    Ok(One {
        fields: Fields::of(&Form::of(&row).values()),
        form: form.unwrap_or_else(|| Form::of(&row)),
        row,
        secret: None,
        wrong,
        wrong_password: None,
        tested: vec![],
        origin: ui.auth.external.origin().to_owned(),
        issuer: ui.signer.issuer().to_owned(),
        bundle: ui.signer.bundle().unwrap_or_default(),
        csrf: visitor.csrf(),
        reader: visitor.reader(),
    })
}

pub(super) fn body(page: &One) -> Markup {
    let (t, row) = (page.reader.lang, &page.row);
    let to = format!("/admin/registries/{}", row.name);
    html! {
        (crumbs(t, &[(t.admin_registries().to_owned(), "/admin/registries".to_owned())]))
        h1 { (t.registry_title(&row.name)) }
        @if let Some(secret) = &page.secret {
            div.notice role="status" {
                p { (t.registry_secret_made()) }
                (command(t, t.registry_secret(), secret))
            }
        }
        @if !page.tested.is_empty() { (registry_test::table(&page.reader, &page.tested)) }
        (button(&page.csrf, &format!("{to}/test"), t.test_it(), "", None))
        (wrong(page.wrong.as_deref()))
        form method="post" action=(to) data-guard {
            (csrf(&page.csrf))
            (page.fields.draw(t))
            (fields(t, &page.form))
            button.primary type="submit" { (t.save()) }
        }
        h2 { (t.registry_secret()) }
        p { (t.registry_rotate_text()) }
        form.line method="post" action=(format!("{to}/secret")) {
            (csrf(&page.csrf))
            (own_password(t, page.wrong_password))
            button type="submit" { (t.registry_rotate()) }
        }
        h2 { (t.registry_config()) }
        (block(t, t.registry_config(), &config(&page.origin, &page.issuer, &row.service, page.secret.as_deref())))
        h2 { (t.registry_bundle()) }
        (block(t, t.registry_bundle(), &page.bundle))
    }
}

/// What a registry's own configuration must say of us.
pub(super) fn config(origin: &str, issuer: &str, service: &str, secret: Option<&str>) -> String {
    let secret = secret.unwrap_or("…");
    format!(
        "auth:\n  token:\n    realm: {origin}/v2/token\n    service: {service}\n    issuer: {issuer}\n    \
         rootcertbundle: /etc/distribution/portus.pem\n\
         notifications:\n  endpoints:\n    - name: portus\n      url: {origin}/v2/webhooks/events\n      \
         headers:\n        Authorization: [Bearer {secret}]\n      timeout: 5s\n      threshold: 5\n      backoff: 5s\n",
    )
}

/// `POST /admin/registries/{name}`
pub(super) async fn change(
    State(ui): State<UiState>,
    Path(name): Path<String>,
    SignedForm { by, form, headers }: SignedForm<Form>,
) -> Result<Response, PageError> {
    let visitor = Visitor::of("/admin/registries", by, &headers);
    let t = visitor.lang();
    visitor.must(Action::AdminPanel, &Resource::System)?;
    let registry = RegistryName::parse(&name).map_err(|_| PageError::not_found())?;
    let settings = form.settings();
    // As everybody left it.
    ui.followers.reached(visitor.viewer.graph().position()).await;
    let row = registries::find(&ui.read, &registry).await?.ok_or_else(PageError::not_found)?;
    let labels = [t.registry_host(), t.registry_service(), t.registry_url()];
    let now = Form::of(&row);
    if let Some(fields) = Fields::clash(&form.values(), &form.was, &now.values(), &labels) {
        let page = One { fields, ..one(&ui, &visitor, &name, Some(form), None).await? };
        return Ok(visitor.again_as(StatusCode::CONFLICT, &page.row.name, body(&page)));
    }
    let done = if is_free(&visitor, &registry, &settings.service) {
        let (desk, registry_, settings_) = (&ui.auth.desk, &registry, &settings);
        let change = |caller: Caller| async move {
            wishes::change(desk, &caller, registry_, settings_.clone()).await
        };
        let done = ui.act(&visitor.viewer, Action::AdminPanel, &Resource::System, change).await;
        reason(t, done)?
    } else {
        Err(t.registry_service_taken().to_owned())
    };
    match done {
        Ok(written) => {
            let to = format!("/admin/registries/{registry}");
            Ok(ui.done(written, &to, Flash::Saved).await)
        }
        Err(why) => {
            let page = one(&ui, &visitor, &name, Some(form), Some(why)).await?;
            Ok(visitor.again(&page.row.name, body(&page)))
        }
    }
}

/// `POST /admin/registries/{name}/test`: tries it out, and shows each step. Changes nothing, but costs
/// others something, so it takes a form.
pub(super) async fn test(
    State(ui): State<UiState>,
    Path(name): Path<String>,
    SignedForm { by, form: Button {}, headers }: SignedForm<Button>,
) -> Result<Response, PageError> {
    let visitor = Visitor::of("/admin/registries", by, &headers);
    let page = one(&ui, &visitor, &name, None, None).await?;
    let tested = registry_test::run(&ui, &page.row).await?;
    let page = One { tested, ..page };
    Ok(visitor.show(&page.row.name, body(&page)))
}

/// `POST /admin/registries/{name}/secret`: the only page that ever shows it; an answer and no
/// redirect, because a secret is in no address.
pub(super) async fn rotate(
    State(ui): State<UiState>,
    Path(name): Path<String>,
    SignedForm { by, form, headers }: SignedForm<Form>,
) -> Result<Response, PageError> {
    let visitor = Visitor::of("/admin/registries", by, &headers);
    let page = one(&ui, &visitor, &name, None, None).await?;
    if !ui.is_own_password(&visitor, &form.password).await? {
        let page = One { wrong_password: Some(visitor.lang().password_wrong()), ..page };
        return Ok(visitor.again(&page.row.name, body(&page)));
    }
    let registry = RegistryName::parse(&page.row.name).map_err(|_| PageError::not_found())?;
    let (desk, registry) = (&ui.auth.desk, &registry);
    let change =
        |caller: Caller| async move { wishes::rotate_secret(desk, &caller, registry).await };
    let (secret, written) =
        ui.act(&visitor.viewer, Action::AdminPanel, &Resource::System, change).await?;
    ui.auth.graph.reached(written, crate::api::PATIENCE).await?;
    ui.followers.reached(written).await;
    let page = One { secret: Some(secret.to_string()), ..page };
    Ok(visitor.show(&page.row.name, body(&page)))
}
