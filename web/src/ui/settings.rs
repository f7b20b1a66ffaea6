//! What people say of a repository.

use axum::extract::{FromRequest as _, Request};
use axum::response::Response;
use commands::desk::Caller;
use commands::repositories as wishes;
use domain::access::Action;
use domain::name::{RegistryName, RepositoryName};
use http::StatusCode;
use maud::{Markup, html};
use projections::repositories;
use serde::Deserialize;

use super::UiState;
use super::components::{csrf, textarea};
use super::layout::Flash;
use super::repositories::{Head, One, resource};
use super::visitor::{Registries, Visitor};
use crate::auth::SignedForm;
use crate::error::PageError;

/// What the form holds.
#[derive(Deserialize)]
struct Describe {
    description: String,
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
        description: row.description.clone(),
        wrong: None,
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
    let visible = by.viewer.visible();
    let row = repositories::find(&ui.read, &registry, &name, &visible).await?;
    let row = row.ok_or_else(PageError::not_found)?;
    let path = registries.repository(registry.as_str(), name.as_str());
    let visitor = Visitor::of(&format!("{path}/-/settings"), by, &headers);
    let text = form.description.trim().replace("\r\n", "\n");
    let (desk, registry_, name_, text_) = (&ui.auth.desk, &registry, &name, &text);
    let change = |caller: Caller| async move {
        wishes::describe(desk, &caller, registry_, name_, text_.clone()).await
    };
    let resource = resource(&registry, &name);
    match ui.act(&visitor.viewer, Action::EditRepository, &resource, change).await {
        Ok(written) => Ok(ui.done(written, &path, Flash::Saved).await),
        Err(PageError::Refused { status: StatusCode::UNPROCESSABLE_ENTITY, text: why }) => {
            let one = One { registry, row, registries };
            let page = Settings {
                description: text,
                wrong: Some(why.in_words(visitor.lang())),
                csrf: visitor.csrf(),
                head: Head::of(&visitor, one, &name),
            };
            Ok(visitor.again(&visitor.lang().settings_of(name.as_str()), body(&page)))
        }
        Err(other) => Err(other),
    }
}

/// What the page shows.
pub(super) struct Settings {
    pub(super) head: Head,
    pub(super) description: String,
    pub(super) wrong: Option<String>,
    pub(super) csrf: String,
}

pub(super) fn body(page: &Settings) -> Markup {
    let t = page.head.reader.lang;
    html! {
        (page.head.draw("settings", &html! {}))
        form method="post" action=(format!("{}/-/settings", page.head.path())) data-guard {
            (csrf(&page.csrf))
            (textarea("description", t.description(), Some(t.description_hint()), &page.description, page.wrong.as_deref()))
            button.primary type="submit" { (t.save()) }
        }
    }
}
