//! The feed: what has happened to what the viewer may see.

use axum::extract::State;
use axum::response::Response;
use domain::access::{Action, Resource, Rule};
use domain::name::RepositoryName;
use jiff::Timestamp;
use maud::{Markup, html};
use projections::activity::{self, ActivityRow, Cursor, Filter, Viewer};

use super::UiState;
use super::components::{empty, outcome, time};
use super::sentence::sentence;
use super::visitor::{Member, Registries, Visitor, query};
use crate::error::PageError;

/// Rows on one page.
const ROWS: i64 = 50;
/// How many places one can go back by "Newer".
const MAX_TRAIL: usize = 100;
/// The longest actor's name that is looked for, in bytes.
const MAX_ACTOR_BYTES: usize = 255;

/// Kinds to choose from: what stands in the address, and its words.
const KINDS: [(&str, &str); 14] = [
    ("content", "Everything in registries"),
    ("content.manifest_pushed", "Pushes"),
    ("content.manifest_pulled", "Pulls"),
    ("content.deleted", "Deleted images"),
    ("content.tag_deleted", "Deleted tags"),
    ("auth", "Everything at the doors"),
    ("auth.tokens_decided", "Token decisions"),
    ("auth.sign_in_failed", "Failed sign-ins"),
    ("user", "Users"),
    ("admin", "Administrators"),
    ("team", "Teams"),
    ("namespace", "Namespaces"),
    ("app_token", "Application tokens"),
    ("system", "The service itself"),
];
/// Outcomes to choose from.
const OUTCOMES: [&str; 3] = ["done", "reduced", "refused"];

/// What the viewer asks for, as it stands in the address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) actor: Option<String>,
    pub(super) repository: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) outcome: Option<String>,
    pub(super) before: Option<String>,
    /// The pages above this one, the latest last.
    pub(super) trail: Vec<String>,
}

/// What the page shows.
pub(super) struct Feed {
    pub(super) asked: Asked,
    /// What is wrong with what was asked for.
    pub(super) wrong: Option<String>,
    pub(super) rows: Vec<ActivityRow>,
    pub(super) older: bool,
    pub(super) registries: Registries,
    pub(super) now: Timestamp,
}

/// `GET /activity`
pub(super) async fn show(
    State(ui): State<UiState>,
    Member(visitor): Member,
) -> Result<Response, PageError> {
    let param = |name: &str| visitor.params.get(name).map(str::to_owned);
    let asked = Asked {
        actor: param("actor"),
        repository: param("repository"),
        kind: param("kind").filter(|kind| KINDS.iter().any(|(known, _)| known == kind)),
        outcome: param("outcome").filter(|word| OUTCOMES.contains(&word.as_str())),
        before: param("before"),
        trail: param("trail")
            .map(|trail| trail.split(' ').take(MAX_TRAIL).map(str::to_owned).collect())
            .unwrap_or_default(),
    };
    let (mut rows, mut wrong) = (Vec::new(), None);
    match filter(&asked) {
        Ok((filter, before)) => {
            rows = activity::page(&ui.read, &filter, &viewer(&visitor), before, ROWS + 1).await?;
        }
        Err(text) => wrong = Some(text),
    }
    let most = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let older = rows.len() > most;
    rows.truncate(most);
    let registries = ui.registries().await?;
    let feed = Feed { asked, wrong, rows, older, registries, now: visitor.now() };
    Ok(visitor.show("Activity", body(&feed)))
}

/// Whose eyes the feed is for: what they may see the activities of.
pub(super) fn viewer(visitor: &Visitor) -> Viewer {
    Viewer {
        visible: visitor.viewer.visible_activities(),
        user: visitor.viewer.user().cloned(),
        auditor: visitor.viewer.may(Action::ViewAudit, &Resource::System),
    }
}

fn filter(asked: &Asked) -> Result<(Filter, Option<Cursor>), String> {
    let repository = asked.repository.as_deref().map(RepositoryName::parse).transpose();
    let before = asked.before.as_deref().map(str::parse::<Cursor>).transpose();
    if asked.actor.as_ref().is_some_and(|actor| actor.len() > MAX_ACTOR_BYTES) {
        return Err(format!("An actor's name has at most {MAX_ACTOR_BYTES} bytes."));
    }
    let filter = Filter {
        actor: asked.actor.as_ref().map(|actor| actor.to_lowercase()),
        repository: repository.map_err(|error| format!("{error}."))?,
        kind: asked.kind.clone(),
        outcome: asked.outcome.clone(),
        ..Filter::default()
    };
    Ok((filter, before.map_err(|error| format!("{error}."))?))
}

pub(super) fn body(feed: &Feed) -> Markup {
    html! {
        h1 { "Activity" }
        (filters(&feed.asked))
        @if let Some(wrong) = &feed.wrong { p.notice.bad role="alert" { (wrong) } }
        @if feed.rows.is_empty() && feed.wrong.is_none() {
            (empty(html! {
                p role="status" { "Nothing that you may see fits." }
                p { "The feed shows what happens to your namespaces, teams and account, and to public namespaces. " a href="/activity" { "Show everything" } }
            }))
        } @else {
            (self::feed(&feed.rows, &feed.registries, feed.now))
        }
        (pages(feed))
    }
}

fn filters(asked: &Asked) -> Markup {
    let value = |value: &Option<String>| value.clone().unwrap_or_default();
    html! {
        form.filters action="/activity" method="get" {
            div.field {
                label for="actor" { "Who" }
                input id="actor" name="actor" type="text" value=(value(&asked.actor)) autocomplete="off" autocapitalize="none" spellcheck="false";
            }
            div.field {
                label for="repository" { "Repository" }
                input id="repository" name="repository" type="text" value=(value(&asked.repository)) autocomplete="off" autocapitalize="none" spellcheck="false";
            }
            div.field {
                label for="kind" { "What" }
                select id="kind" name="kind" {
                    option value="" { "Everything" }
                    @for (kind, words) in KINDS { option value=(kind) selected[asked.kind.as_deref() == Some(kind)] { (words) } }
                }
            }
            div.field {
                label for="outcome" { "Outcome" }
                select id="outcome" name="outcome" {
                    option value="" { "Any" }
                    @for word in OUTCOMES { option value=(word) selected[asked.outcome.as_deref() == Some(word)] { (word) } }
                }
            }
            button type="submit" { "Filter" }
            @if *asked != Asked::default() { a.button href="/activity" { "Clear" } }
        }
    }
}

fn pages(feed: &Feed) -> Markup {
    let asked = &feed.asked;
    let link = |before: Option<&str>, trail: &[String]| {
        let trail = (!trail.is_empty()).then(|| trail.join(" "));
        let pairs = [
            ("actor", asked.actor.as_deref()),
            ("repository", asked.repository.as_deref()),
            ("kind", asked.kind.as_deref()),
            ("outcome", asked.outcome.as_deref()),
            ("before", before),
            ("trail", trail.as_deref()),
        ];
        format!("/activity{}", query(&pairs))
    };
    let newer = asked.before.as_ref().map(|_| match asked.trail.split_last() {
        Some((last, rest)) => link(Some(last), rest),
        None => link(None, &[]),
    });
    let older = feed.rows.last().filter(|_| feed.older).map(|row| {
        let mut trail = asked.trail.clone();
        trail.extend(asked.before.clone());
        let from = trail.len().saturating_sub(MAX_TRAIL);
        link(Some(&row.cursor().to_string()), trail.get(from..).unwrap_or_default())
    });
    html! {
        nav.pages aria-label="Pages" {
            @if let Some(newer) = newer { a.button href=(newer) { "Newer" } }
            @if let Some(older) = older { a.button href=(older) { "Older" } }
        }
    }
}

/// Rows of the feed, the latest first.
pub(super) fn feed(rows: &[ActivityRow], registries: &Registries, now: Timestamp) -> Markup {
    if rows.is_empty() {
        return empty(html! { p { "Nothing has happened yet that you may see." } });
    }
    html! {
        ol.feed {
            @for row in rows {
                li {
                    div.sentence { (sentence(row, registries)) }
                    div.about {
                        (time(row.occurred_at, now)) " "
                        (outcome(&row.outcome)) " "
                        @if let Some(rule) = row.rule.as_deref().filter(|_| row.outcome != "done") { (because(rule)) " " }
                        span.event { "event " (row.cursor().to_string().trim_end_matches("/0")) }
                    }
                }
            }
        }
    }
}

/// The rule that decided, with its sentence; behind it may stand what it was decided on, as in
/// `delete (contributor of team crew)`.
fn because(rule: &str) -> Markup {
    let name = rule.split(' ').next().unwrap_or(rule);
    let known = Rule::EVERY.iter().find(|known| known.as_str() == name);
    html! {
        span { "Rule " code { (rule) } @if let Some(known) = known { ": " (known.sentence()) } }
    }
}
