//! The start page.

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};
use projections::namespaces::{self, NamespaceRow};
use projections::repositories::{self, RepositoryRow};
use projections::stars::{self, StarRow};
use projections::{Paging, activity};

use super::UiState;
use super::components::{command, empty, visibility};
use super::repositories::entry;
use super::visitor::{Registries, Visitor};
use crate::error::PageError;

/// How much of everything the start page shows.
const SHOWN: i64 = 8;

/// What the start page shows.
pub(super) struct Home {
    pub(super) user: Option<String>,
    /// Whether there has ever been an administrator.
    pub(super) bootstrapped: bool,
    pub(super) registries: Registries,
    pub(super) mine: Vec<NamespaceRow>,
    pub(super) starred: Vec<StarRow>,
    pub(super) recent: Vec<RepositoryRow>,
    pub(super) happened: Vec<activity::ActivityRow>,
    pub(super) now: Timestamp,
}

/// `GET /`
pub(super) async fn show(
    State(ui): State<UiState>,
    visitor: Visitor,
) -> Result<Response, PageError> {
    let visible = visitor.viewer.visible();
    let user = visitor.viewer.user().cloned();
    let (mut mine, mut starred, mut happened) = (Vec::new(), Vec::new(), Vec::new());
    if let Some(user) = &user {
        // Those that are seen by membership, not by everybody.
        let own = domain::access::Visible {
            namespaces: visible.namespaces.clone(),
            ..domain::access::Visible::default()
        };
        mine = namespaces::list(&ui.read, &own, &Paging::first(SHOWN)).await?;
        // A star on what can no longer be seen would tell that it is still there.
        let all = stars::of_user(&ui.read, user, &Paging::first(200)).await?;
        starred = super::repositories::only_visible(all, &visible, visitor.viewer.graph());
        starred.truncate(usize::try_from(SHOWN).unwrap_or(usize::MAX));
        let viewer = super::activity::viewer(&visitor);
        happened =
            activity::page(&ui.read, &activity::Filter::default(), &viewer, None, SHOWN).await?;
    }
    let home = Home {
        user: user.map(|user| user.to_string()),
        bootstrapped: visitor.viewer.graph().bootstrapped(),
        registries: ui.registries().await?,
        mine,
        starred,
        recent: repositories::recent(&ui.read, &visible, SHOWN).await?,
        happened,
        now: visitor.now(),
    };
    Ok(visitor.show("Start", body(&home)))
}

pub(super) fn body(home: &Home) -> Markup {
    html! {
        @match &home.user {
            Some(user) => (dashboard(home, user)),
            None => (front(home)),
        }
    }
}

fn front(home: &Home) -> Markup {
    html! {
        div.hero {
            h1 { "Container images, and who may do what with them" }
            p { "Search the images that are open to everybody, or sign in to see your own." }
            form.find action="/search" method="get" {
                label.visually-hidden for="hero-find" { "Search images" }
                input id="hero-find" type="search" name="q" maxlength="512" placeholder="nginx, team/app:1.2, sha256:…"
                    autocomplete="off" autocapitalize="none" spellcheck="false";
                button.primary type="submit" { "Search" }
            }
            @if !home.bootstrapped {
                p.notice.warn { "This service has no administrator yet. " a href="/setup" { "Make the first one" } "." }
            }
        }
        (recent(home))
    }
}

fn dashboard(home: &Home, user: &str) -> Markup {
    let host = home.registries.0.first().map(|row| row.host.as_str());
    html! {
        h1 { "Hello, " (user) }
        @if let Some(host) = host {
            (command("Log in to the registry", &format!("docker login {host} -u {}", quoted(user))))
        }
        div.columns {
            section {
                h2 { "My namespaces" }
                @if home.mine.is_empty() {
                    (empty(html! { p { "You are in no team and have no namespace of your own yet. An owner of a team can add you." } }))
                } @else {
                    ul.hits {
                        @for row in &home.mine {
                            li {
                                a.name href=(home.registries.namespace(&row.registry, &row.name)) { (home.registries.called(&row.registry, &row.name)) }
                                (visibility(&row.visibility))
                                span.about { (super::components::count(row.repositories, "repository")) }
                            }
                        }
                    }
                }
            }
            section {
                h2 { "Starred" }
                @if home.starred.is_empty() {
                    (empty(html! { p { "Nothing starred yet. The star is on each repository's page." } }))
                } @else {
                    ul.hits {
                        @for row in &home.starred {
                            li { a.name href=(home.registries.repository(&row.registry, &row.repository)) { (home.registries.called(&row.registry, &row.repository)) } }
                        }
                    }
                }
            }
        }
        (recent(home))
        h2 { "What has happened" }
        (super::activity::feed(&home.happened, &home.registries, home.now))
        p { a href="/activity" { "All activity" } }
    }
}

fn recent(home: &Home) -> Markup {
    html! {
        h2 { "Pushed last" }
        @if home.recent.is_empty() {
            (empty(html! {
                @match (&home.user, home.mine.first(), home.registries.0.first()) {
                    (Some(_), Some(own), Some(registry)) => {
                        p { "No image here yet. Push the first one:" }
                        @let image = if own.name == "_" { "app:1.0".to_owned() } else { format!("{}/app:1.0", own.name) };
                        (command("Tag an image", &format!("docker tag app:1.0 {}/{image}", registry.host)))
                        (command("Push it", &format!("docker push {}/{image}", registry.host)))
                    }
                    (Some(_), ..) => { p { "No image that you may see yet." } }
                    (None, ..) => { p { "No image is open to everybody. " a href="/sign-in" { "Sign in" } " to see yours." } }
                }
            }))
        } @else {
            ul.hits { @for row in &home.recent { (entry(row, &home.registries, home.now)) } }
            p { a href="/repositories" { "All repositories" } }
        }
    }
}

/// A user name as a shell takes it.
pub(super) fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "._-@+".contains(c));
    if plain { name.to_owned() } else { format!("'{}'", name.replace('\'', r"'\''")) }
}
