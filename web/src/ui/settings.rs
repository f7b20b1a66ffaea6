//! What people say of a repository.

use axum::extract::{FromRequest as _, Request};
use axum::response::Response;
use commands::desk::Caller;
use commands::repositories as wishes;
use domain::access::Action;
use domain::name::{RegistryName, RepositoryName};
use maud::{Markup, html};
use projections::repositories;
use serde::Deserialize;

use super::UiState;
use super::components::csrf;
use super::described::{Described, typed};
use super::forms::reason;
use super::layout::Flash;
use super::repositories::{Head, One, resource};
use super::visitor::{Registries, Visitor};
use crate::auth::SignedForm;
use crate::error::PageError;

/// What the form holds.
#[derive(Deserialize)]
struct Describe {
    description: String,
    #[serde(default)]
    was: String,
}

/// `GET /r/{name}/-/settings`
pub(super) fn show(
    visitor: Visitor,
    one: &One,
    name: &RepositoryName,
) -> Result<Response, PageError> {
    visitor.must(Action::EditRepository, &resource(&one.registry, name))?;
    let One { registry, row, registries } = one;
    let one = One { registry: registry.clone(), row: row.clone(), registries: registries.clone() };
    let page = Settings {
        described: Described::of(&row.description),
        csrf: visitor.csrf(),
        head: Head::of(&visitor, one, name),
    };
    Ok(visitor.show(&visitor.lang().settings_of(name.as_str()), body(&page)))
}

/// `POST /r/{name}/-/settings`
pub(super) async fn submit(
    ui: &UiState,
    registries: Registries,
    registry: RegistryName,
    name: RepositoryName,
    request: Request,
) -> Result<Response, PageError> {
    let SignedForm { by, form, headers } =
        SignedForm::<Describe>::from_request(request, ui).await?;
    // As everybody left it.
    ui.followers.reached(by.viewer.graph().position()).await;
    let visible = by.viewer.visible();
    let row = repositories::find(&ui.read, &registry, &name, &visible).await?;
    let row = row.ok_or_else(PageError::not_found)?;
    let path = registries.repository(registry.as_str(), name.as_str());
    let visitor = Visitor::of(&format!("{path}/-/settings"), by, &headers);
    let text = typed(&form.description);
    let resource = resource(&registry, &name);
    let again = |described: Described, row| {
        let (status, one) =
            (described.status(), One { registry: registry.clone(), row, registries });
        let head = Head::of(&visitor, one, &name);
        let page = Settings { described, csrf: visitor.csrf(), head };
        visitor.again_as(status, &visitor.lang().settings_of(name.as_str()), body(&page))
    };
    visitor.must(Action::EditRepository, &resource)?;
    if let Some(clash) = Described::clash(&text, &form.was, &row.description) {
        return Ok(again(clash, row));
    }
    let (desk, registry_, name_, text_) = (&ui.auth.desk, &registry, &name, &text);
    let change = |caller: Caller| async move {
        wishes::describe(desk, &caller, registry_, name_, text_.clone()).await
    };
    let done = ui.act(&visitor.viewer, Action::EditRepository, &resource, change).await;
    match reason(visitor.lang(), done)? {
        Ok(written) => Ok(ui.done(written, &path, Flash::Saved).await),
        Err(why) => Ok(again(Described::refused(&text, &row.description, why), row)),
    }
}

/// What the page shows.
pub(super) struct Settings {
    pub(super) head: Head,
    pub(super) described: Described,
    pub(super) csrf: String,
}

pub(super) fn body(page: &Settings) -> Markup {
    let t = page.head.reader.lang;
    html! {
        (page.head.draw("settings", &html! {}))
        form method="post" action=(format!("{}/-/settings", page.head.path())) data-guard {
            (csrf(&page.csrf))
            (page.described.draw(t, Some(t.description_hint())))
            button.primary type="submit" { (t.save()) }
        }
    }
}
