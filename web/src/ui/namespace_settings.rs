//! What owners change of a namespace: its description, who sees it, to whom it belongs, whether it
//! is.

use axum::response::Response;
use commands::desk::Caller;
use commands::namespaces as wishes;
use domain::access::{Action, Resource};
use domain::name::{NamespaceName, TeamName};
use domain::namespace::{Holder, Visibility};
use http::StatusCode;
use maud::{Markup, html};
use projections::{Paging, namespaces, teams};
use serde::Deserialize;

use super::UiState;
use super::components::{Field, csrf, select, wrong};
use super::described::{Described, typed};
use super::forms::reason;
use super::layout::Flash;
use super::meanwhile::{Chosen, clashes};
use super::namespaces::{Head, OFFERED_TEAMS, Place, visibilities};
use super::visitor::Visitor;
use crate::error::PageError;

/// What one of the forms holds.
#[derive(Deserialize, Default)]
pub(super) struct Change {
    #[serde(default)]
    description: String,
    #[serde(default)]
    was: String,
    #[serde(default)]
    visibility: String,
    #[serde(default)]
    team: String,
    #[serde(default)]
    name: String,
}

/// What the page of settings shows.
pub(super) struct Settings {
    pub(super) head: Head,
    pub(super) described: Described,
    pub(super) wrong: Option<String>,
    pub(super) may_describe: bool,
    pub(super) may_show: bool,
    /// Who sees it.
    pub(super) shown: Chosen,
    /// To which team it belongs; empty where the viewer does not see that.
    pub(super) holder: Chosen,
    /// To which teams the viewer may give it.
    pub(super) teams: Vec<String>,
    pub(super) may_delete: bool,
    pub(super) csrf: String,
}

/// `GET /n/{name}/-/settings`
pub(super) async fn show(
    ui: &UiState,
    visitor: &Visitor,
    head: Head,
) -> Result<Response, PageError> {
    let title = visitor.lang().settings_of(&head.row.name);
    let page = page(ui, visitor, head, None).await?;
    Ok(visitor.show(&title, body(&page)))
}

async fn page(
    ui: &UiState,
    visitor: &Visitor,
    head: Head,
    wrong: Option<String>,
) -> Result<Settings, PageError> {
    let place = head.resource().ok_or_else(PageError::not_found)?;
    if !head.may_edit {
        visitor.must(Action::EditNamespace, &place)?;
    }
    let mut teams = Vec::new();
    if head.row.holder_kind == "team" {
        let visible = visitor.viewer.visible();
        let all = teams::list(&ui.read, &visible, &Paging::first(OFFERED_TEAMS)).await?;
        let graph = visitor.viewer.graph();
        for row in all {
            let Ok(team) = TeamName::parse(&row.name) else { continue };
            let action = graph.change_team_action(&visitor.viewer.subject, &team);
            if head.row.holder.as_deref() != Some(row.name.as_str()) && visitor.may(action, &place)
            {
                teams.push(row.name);
            }
        }
    }
    Ok(Settings {
        described: Described::of(&head.row.description),
        wrong,
        may_describe: visitor.may(Action::EditNamespace, &place),
        may_show: visitor.may(Action::ChangeVisibility, &place),
        shown: Chosen::of(&head.row.visibility),
        holder: Chosen::of(head.row.holder.as_deref().filter(|_| head.sees_holder).unwrap_or("")),
        teams,
        may_delete: visitor.may(Action::DeleteNamespace, &place),
        csrf: visitor.csrf(),
        head,
    })
}

pub(super) fn body(page: &Settings) -> Markup {
    let (head, t) = (&page.head, page.head.reader.lang);
    let path = head.path();
    let teams: Vec<_> = page.teams.iter().map(|team| (team.as_str(), team.as_str())).collect();
    html! {
        (head.draw("settings"))
        (wrong(page.wrong.as_deref()))
        @if page.may_describe {
            form method="post" action=(format!("{path}/-/settings")) data-guard {
                (csrf(&page.csrf))
                (page.described.draw(t, Some(t.space_description_hint())))
                button.primary type="submit" { (t.save()) }
            }
        }
        @if page.may_show {
            h2 { (t.change_visibility()) }
            form method="post" action=(format!("{path}/-/visibility")) {
                (csrf(&page.csrf))
                (page.shown.draw(t, |word| t.visibility_word(word).to_owned()))
                (visibilities(t, &page.shown.mark))
                button type="submit" { (t.change_visibility()) }
            }
        }
        @if !teams.is_empty() {
            h2 { (t.change_team()) }
            p.muted { (t.change_team_hint()) }
            form.line method="post" action=(format!("{path}/-/team")) {
                (csrf(&page.csrf))
                (page.holder.draw(t, str::to_owned))
                (select("team", t.new_team_field(), &page.holder.mark, &teams))
                button type="submit" { (t.give_it()) }
            }
        }
        @if page.may_delete {
            h2 { (t.delete_namespace()) }
            @if head.row.repositories > 0 {
                p.muted { (t.delete_namespace_full()) }
            } @else {
                p { a.button.danger href=(format!("{path}/-/delete")) { (t.delete_namespace()) } }
            }
        }
    }
}

/// `GET /n/{name}/-/delete`: what it means, before it is done.
pub(super) fn show_delete(visitor: &Visitor, head: &Head) -> Result<Response, PageError> {
    let place = head.resource().ok_or_else(PageError::not_found)?;
    visitor.must(Action::DeleteNamespace, &place)?;
    let title = visitor.lang().delete_question(&head.row.name);
    Ok(visitor.show(&title, delete_body(head, &visitor.csrf(), None)))
}

pub(super) fn delete_body(head: &Head, token: &str, why: Option<&str>) -> Markup {
    let (t, path) = (head.reader.lang, head.path());
    html! {
        h1 { (t.delete_question(&head.row.name)) }
        p { (t.delete_namespace_text()) }
        form method="post" action=(format!("{path}/-/delete")) {
            (csrf(token))
            (Field { wrong: why, ..Field::text("name", t.type_name()) }.draw())
            button.danger type="submit" { (t.delete_it()) }
            " " a.button href=(format!("{path}/-/settings")) { (t.cancel()) }
        }
    }
}

/// `POST /n/{name}/-/…`
pub(super) async fn submit(
    ui: &UiState,
    visitor: &Visitor,
    head: Head,
    place: Place,
    form: Change,
) -> Result<Response, PageError> {
    let (t, path) = (visitor.lang(), head.path());
    let resource = head.resource().ok_or_else(PageError::not_found)?;
    let (desk, registry) = (&ui.auth.desk, &head.registry);
    let viewer = &visitor.viewer;
    // Never older than the right: what is written after it asks for the right again.
    let (graph, was) = (&ui.auth.graph, form.was.as_str());
    let done = match &place {
        Place::Settings(name) => {
            let text = &typed(&form.description);
            visitor.must(Action::EditNamespace, &resource)?;
            if let Some(clash) = Described::clash(text, &form.was, &head.row.description) {
                return again(ui, visitor, head, None, Some(clash)).await;
            }
            let change = |caller: Caller| async move {
                wishes::describe(desk, &caller, registry, name, text.clone()).await.map(Ok)
            };
            ui.act(viewer, Action::EditNamespace, &resource, change).await
        }
        Place::Visibility(name) => match Visibility::parse(&form.visibility) {
            Some(to) => {
                let change = |caller: Caller| async move {
                    let facts = graph.snapshot().namespace_facts(registry, name);
                    match facts.map(|facts| facts.visibility.as_str()) {
                        Some(now) if clashes(to.as_str(), was, now) => Ok(Err(now.to_owned())),
                        _ => wishes::change_visibility(desk, &caller, registry, name, to)
                            .await
                            .map(Ok),
                    }
                };
                ui.act(viewer, Action::ChangeVisibility, &resource, change).await
            }
            None => {
                Err(PageError::new(StatusCode::UNPROCESSABLE_ENTITY, |t| t.no_such_visibility()))
            }
        },
        Place::Team(name) => match seen_team(visitor, &form.team) {
            Some(team) => {
                let action = viewer.graph().change_team_action(&viewer.subject, &team);
                let team = &team;
                let change = |caller: Caller| async move {
                    let facts = graph.snapshot().namespace_facts(registry, name);
                    match facts.map(|facts| facts.holder) {
                        Some(Holder::Team { team: now })
                            if clashes(team.as_str(), was, now.as_str()) =>
                        {
                            Ok(Err(now.to_string()))
                        }
                        _ => wishes::change_team(desk, &caller, registry, name, team.clone())
                            .await
                            .map(Ok),
                    }
                };
                ui.act(viewer, action, &resource, change).await
            }
            None => {
                // Whether they may at all, comes before whether the team is good.
                visitor.must(Action::EditNamespace, &resource)?;
                Err(PageError::new(StatusCode::UNPROCESSABLE_ENTITY, |t| t.no_such_team()))
            }
        },
        Place::Delete(name) => return delete(ui, visitor, &head, &resource, name, &form).await,
        Place::Repositories(_)
        | Place::Access(_)
        | Place::Revoke(_)
        | Place::Activity(_)
        | Place::Live(_) => {
            return Err(super::errors::method_not_allowed().await);
        }
    };
    match reason(t, done)? {
        Ok(Err(now)) => {
            let title = t.settings_of(&head.row.name);
            let mut page = page(ui, visitor, head, None).await?;
            match place {
                Place::Team(_) => page.holder = Chosen::over(&form.team, &now),
                _ => page.shown = Chosen::over(&form.visibility, &now),
            }
            Ok(visitor.again_as(StatusCode::CONFLICT, &title, body(&page)))
        }
        Ok(Ok(written)) => {
            // After it was given away, the giver may no longer see it.
            let to = if matches!(place, Place::Team(_)) { "/namespaces".to_owned() } else { path };
            Ok(ui.done(written, &to, Flash::Saved).await)
        }
        Err(why) if matches!(place, Place::Settings(_)) => {
            let text = typed(&form.description);
            let described = Described::refused(&text, &head.row.description, why);
            again(ui, visitor, head, None, Some(described)).await
        }
        Err(why) => again(ui, visitor, head, Some(why), None).await,
    }
}

async fn again(
    ui: &UiState,
    visitor: &Visitor,
    head: Head,
    wrong: Option<String>,
    described: Option<Described>,
) -> Result<Response, PageError> {
    let title = visitor.lang().settings_of(&head.row.name);
    let mut page = page(ui, visitor, head, wrong).await?;
    let status = described.as_ref().map_or(StatusCode::UNPROCESSABLE_ENTITY, Described::status);
    page.described = described.unwrap_or(page.described);
    Ok(visitor.again_as(status, &title, body(&page)))
}

fn seen_team(visitor: &Visitor, name: &str) -> Option<TeamName> {
    let team = TeamName::parse(name).ok()?;
    let seen = visitor.viewer.visible().sees_team(&team) && visitor.viewer.graph().has_team(&team);
    seen.then_some(team)
}

async fn delete(
    ui: &UiState,
    visitor: &Visitor,
    head: &Head,
    resource: &Resource,
    name: &NamespaceName,
    form: &Change,
) -> Result<Response, PageError> {
    let t = visitor.lang();
    visitor.must(Action::DeleteNamespace, resource)?;
    let again = |why: &str| {
        let body = delete_body(head, &visitor.csrf(), Some(why));
        visitor.again(&t.delete_question(&head.row.name), body)
    };
    if form.name.trim() != head.row.name {
        return Ok(again(t.type_name_wrong()));
    }
    let visible = visitor.viewer.visible();
    let row = namespaces::find(&ui.read, &head.registry, name, &visible).await?;
    if row.ok_or_else(PageError::not_found)?.repositories > 0 {
        return Ok(again(t.delete_namespace_full()));
    }
    let (desk, registry) = (&ui.auth.desk, &head.registry);
    let change =
        |caller: Caller| async move { wishes::delete(desk, &caller, registry, name).await };
    let done = ui.act(&visitor.viewer, Action::DeleteNamespace, resource, change).await;
    match reason(t, done)? {
        Ok(written) => Ok(ui.done(written, "/namespaces", Flash::Deleted).await),
        Err(why) => Ok(again(&why)),
    }
}
