//! The start page.

use axum::extract::State;
use axum::response::Response;
use domain::access::Visible;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use projections::app_tokens::{self, AppTokenRow};
use projections::namespaces::{self, NamespaceRow};
use projections::repositories::{self, RepositoryRow};
use projections::stars::{self, StarRow};
use projections::{Paging, activity};

use super::UiState;
use super::clients::Clients;
use super::components::{command, empty, first_command, visibility};
use super::layout::search_box;
use super::reader::Reader;
use super::repositories::entry;
use super::visitor::{Registries, Visitor};
use crate::error::PageError;

/// How much of everything the start page shows.
const SHOWN: i64 = 8;

/// In more namespaces than these somebody is told what was pushed last wherever they see it: among so
/// many, their own are no news of their own.
const MOST_OWN: usize = 500;

/// How long before its end a token is told of, in days.
const ENDS_SOON_DAYS: i64 = 14;

/// What the start page shows.
pub(super) struct Home {
    pub(super) user: Option<String>,
    /// Whether there has ever been an administrator.
    pub(super) bootstrapped: bool,
    pub(super) registries: Registries,
    pub(super) mine: Vec<NamespaceRow>,
    pub(super) starred: Vec<StarRow>,
    /// Tokens of theirs that end soon.
    pub(super) notices: Vec<AppTokenRow>,
    /// Whether what was pushed last is what was pushed in their own namespaces.
    pub(super) teams: bool,
    pub(super) recent: Vec<RepositoryRow>,
    pub(super) happened: Vec<activity::ActivityRow>,
    pub(super) clients: Clients,
    /// Up to where that is shown.
    pub(super) position: u64,
    pub(super) reader: Reader,
}

/// `GET /`
pub(super) async fn show(
    State(ui): State<UiState>,
    visitor: Visitor,
) -> Result<Response, PageError> {
    let visible = visitor.viewer.visible();
    let user = visitor.viewer.user().cloned();
    // Those that are seen by membership, not by everybody.
    let own = Visible {
        namespaces: visible.namespaces.iter().take(MOST_OWN).cloned().collect(),
        repositories: visible.repositories.iter().take(MOST_OWN).cloned().collect(),
        ..Visible::default()
    };
    let theirs = async {
        let Some(user) = &user else { return Ok(<(_, _, Vec<StarRow>, _)>::default()) };
        let (first, all) = (Paging::first(SHOWN), Paging::first(200));
        let (filter, viewer) = (activity::Filter::default(), super::activity::viewer(&visitor));
        let (tokens, mine, all, happened) = tokio::try_join!(
            app_tokens::of_user(&ui.read, user),
            namespaces::list(&ui.read, &own, &first),
            stars::of_user(&ui.read, user, &all),
            activity::page(&ui.read, &filter, &viewer, None, SHOWN),
        )?;
        // A star on what can no longer be seen would tell that it is still there.
        let starred = super::repositories::only_visible(all, &visible, visitor.viewer.graph());
        let starred = starred.take(usize::try_from(SHOWN).unwrap_or(usize::MAX)).collect();
        Ok((ending(tokens, visitor.viewer.at()), mine, starred, happened.rows))
    };
    let teams = (1..=MOST_OWN).contains(&visible.namespaces.len());
    let recent = repositories::recent(&ui.read, if teams { &own } else { &visible }, SHOWN);
    // One after the other they would take most of the time of this page.
    let ((notices, mine, starred, happened), recent) = tokio::try_join!(theirs, recent)?;
    let home = Home {
        clients: ui.clients(&visitor, &happened).await,
        position: visitor.viewer.graph().position().0,
        recent,
        teams,
        notices,
        user: user.map(|user| user.to_string()),
        bootstrapped: visitor.viewer.graph().bootstrapped(),
        registries: ui.registries().await?,
        mine,
        starred,
        happened,
        reader: visitor.reader(),
    };
    let t = visitor.lang();
    // Whoever knows several of us tells them apart by what they serve.
    let host = home.registries.0.first().map(|row| row.host.as_str());
    let title = match (&home.user, host) {
        (Some(_), Some(host)) => t.overview_of(host),
        (Some(_), None) => t.overview().to_owned(),
        (None, Some(host)) => t.images_of(host),
        (None, None) => t.hero_title().to_owned(),
    };
    Ok(visitor.show(&title, body(&home)))
}

/// Those tokens that still work, and not for long.
fn ending(tokens: Vec<AppTokenRow>, now: Timestamp) -> Vec<AppTokenRow> {
    let soon = now + SignedDuration::from_hours(24 * ENDS_SOON_DAYS);
    let ends = |row: &AppTokenRow| row.expires_at > now && row.expires_at <= soon;
    let most = usize::try_from(SHOWN).unwrap_or(usize::MAX);
    tokens.into_iter().filter(ends).take(most).collect()
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
    let t = home.reader.lang;
    html! {
        div.hero {
            h1 { (t.hero_title()) }
            p { (t.hero_text()) }
            (search_box(t, "q", ""))
            @if !home.bootstrapped {
                p.notice.warn { (t.no_administrator()) " " a href="/setup" { (t.make_first()) } "." }
            }
        }
        (recent(home))
    }
}

fn dashboard(home: &Home, user: &str) -> Markup {
    let t = home.reader.lang;
    let host = home.registries.0.first().map(|row| row.host.as_str());
    html! {
        h1 { (t.hello(user)) }
        @for token in &home.notices {
            p.notice.warn {
                (t.token_ends(&token.label, &home.reader.time(token.expires_at))) " "
                a href="/me/tokens" { (t.application_tokens()) }
            }
        }
        @if let Some(host) = host {
            (first_command(t, t.log_in_registry(), &format!("docker login {host} -u {}", quoted(user))))
        }
        div.columns {
            section {
                h2 { (t.my_namespaces()) }
                @if home.mine.is_empty() {
                    (empty(html! { p { (t.no_namespace_yet()) } }))
                } @else {
                    ul.hits {
                        @for row in &home.mine {
                            li {
                                a.name href=(home.registries.namespace(&row.registry, &row.name)) { (home.registries.called(&row.registry, &row.name)) }
                                (visibility(t, &row.visibility))
                                span.about { (t.repositories(row.repositories)) }
                            }
                        }
                    }
                }
            }
            section {
                h2 { (t.starred()) }
                @if home.starred.is_empty() {
                    (empty(html! { p { (t.nothing_starred()) } }))
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
        h2 { (t.what_happened()) }
        (super::live::listener(t, "/activity/live", Some(home.position)))
        (super::live::fresh("/", None, &super::activity::feed(&home.happened, &home.clients, &home.registries, &home.reader)))
        p { a href="/activity" { (t.all_activity()) } }
    }
}

fn recent(home: &Home) -> Markup {
    let t = home.reader.lang;
    let sign_in = html! { a href="/sign-in" { (t.sign_in()) } };
    html! {
        h2 { @if home.teams { (t.pushed_last_here()) } @else { (t.pushed_last()) } }
        @if home.recent.is_empty() {
            (empty(html! {
                @match (&home.user, home.mine.first(), home.registries.0.first()) {
                    (Some(_), Some(own), Some(registry)) => {
                        p { (t.push_first()) }
                        @let image = if own.name == "_" { "app:1.0".to_owned() } else { format!("{}/app:1.0", own.name) };
                        (command(t, t.tag_it(), &format!("docker tag app:1.0 {}/{image}", registry.host)))
                        (command(t, t.push_it(), &format!("docker push {}/{image}", registry.host)))
                    }
                    (Some(_), ..) => { p { (t.no_image_seen()) } }
                    (None, ..) => { p { (t.sign_in_to_see(&sign_in)) } }
                }
            }))
        } @else {
            ul.hits data-rows { @for row in &home.recent { (entry(row, &home.registries, &home.reader)) } }
            p { a href="/repositories" { (t.all_repositories()) } }
        }
    }
}

/// A user name as a shell takes it.
pub(super) fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "._-@+".contains(c));
    if plain { name.to_owned() } else { format!("'{}'", name.replace('\'', r"'\''")) }
}
