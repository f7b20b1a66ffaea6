//! The feed: what has happened to what the viewer may see.

use axum::extract::{Path, State};
use axum::response::Response;
use domain::access::{Action, Resource};
use domain::name::{NamespaceName, RepositoryName, TeamName};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use maud::{Markup, html};
use projections::activity::{self, ActivityRow, Cursor, Filter, Viewer};

use super::clients::{Client, Clients};
use super::components::{chips, copy, crumbs, empty, outcome};
pub(super) use super::feed::feed;
use super::feed::{because, number};
use super::past::{self, Past};
use super::reader::Reader;
use super::scopes::asked;
use super::sentence::sentence;
use super::visitor::{Member, Params, Registries, Visitor, query};
use super::{UiState, export};
use crate::error::PageError;
use crate::texts::{Lang, Word, thousands};

/// Rows on one page.
const ROWS: i64 = 50;
/// How many places one can go back by "Newer".
const MAX_TRAIL: usize = 100;
/// The longest actor's name that is looked for, in bytes.
const MAX_ACTOR_BYTES: usize = 255;

/// Kinds to choose from: what stands in the address, and its words.
const KINDS: [(&str, Word); 15] = [
    ("content", Lang::kind_content),
    ("content.manifest_pushed", Lang::kind_pushes),
    ("content.manifest_pulled", Lang::kind_pulls),
    ("content.deleted", Lang::kind_deleted),
    ("content.tag_deleted", Lang::kind_deleted_tags),
    ("auth", Lang::kind_auth),
    ("auth.tokens_decided", Lang::kind_decisions),
    ("auth.sign_in_failed", Lang::kind_failures),
    ("user", Lang::kind_users),
    ("admin", Lang::kind_admins),
    ("team", Lang::kind_teams),
    ("namespace", Lang::kind_namespaces),
    ("comment", Lang::kind_comments),
    ("app_token", Lang::kind_tokens),
    ("system", Lang::kind_system),
];
/// Outcomes to choose from.
const OUTCOMES: [&str; 3] = ["done", "reduced", "refused"];

/// What the viewer asks for, as it stands in the address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) actor: Option<String>,
    pub(super) repository: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) team: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) outcome: Option<String>,
    /// The first day, in the reader's zone.
    pub(super) from: Option<String>,
    /// The last day.
    pub(super) to: Option<String>,
    /// Not after this moment.
    pub(super) at: Option<String>,
    pub(super) before: Option<String>,
    /// The pages above this one, the latest last.
    pub(super) trail: Vec<String>,
}

impl Asked {
    pub(super) fn of(params: &Params) -> Self {
        let param = |name: &str| params.get(name).map(str::to_owned);
        Self {
            actor: param("actor"),
            repository: param("repository"),
            namespace: param("namespace"),
            team: param("team"),
            kind: param("kind").filter(|kind| KINDS.iter().any(|(known, _)| known == kind)),
            outcome: param("outcome").filter(|word| OUTCOMES.contains(&word.as_str())),
            from: param("from"),
            to: param("to"),
            at: param("at"),
            before: param("before"),
            trail: param("trail")
                .map(|trail| trail.split(' ').take(MAX_TRAIL).map(str::to_owned).collect())
                .unwrap_or_default(),
        }
    }

    /// What it is filtered by, as parameters of a link.
    fn pairs(&self) -> [(&'static str, Option<&str>); 9] {
        [
            ("actor", self.actor.as_deref()),
            ("repository", self.repository.as_deref()),
            ("namespace", self.namespace.as_deref()),
            ("team", self.team.as_deref()),
            ("kind", self.kind.as_deref()),
            ("outcome", self.outcome.as_deref()),
            ("from", self.from.as_deref()),
            ("to", self.to.as_deref()),
            ("at", self.at.as_deref()),
        ]
    }
}

/// What the page shows.
pub(super) struct Feed {
    pub(super) asked: Asked,
    /// What is wrong with what was asked for.
    pub(super) wrong: Option<String>,
    pub(super) rows: Vec<ActivityRow>,
    pub(super) clients: Clients,
    /// Before which the feed goes on.
    pub(super) older: Option<Cursor>,
    /// It has been looked so far, and more may fit.
    pub(super) cut: bool,
    /// Up to where it is shown.
    pub(super) position: u64,
    pub(super) registries: Registries,
    pub(super) reader: Reader,
}

/// `GET /activity`
pub(super) async fn show(
    State(ui): State<UiState>,
    Member(mut visitor): Member,
) -> Result<Response, PageError> {
    let past = past::asked(&ui, &mut visitor).await?;
    visitor.knows("kind", KINDS.iter().map(|(kind, _)| *kind));
    visitor.knows("outcome", OUTCOMES);
    let asked = Asked::of(&visitor.params);
    let mut slice = activity::Slice { rows: Vec::new(), older: None, cut: false };
    let mut wrong = None;
    match filter(&visitor.frame.reader, &asked) {
        Ok((filter, before)) => {
            let before = until(past, before);
            slice = activity::page(&ui.read, &filter, &viewer(&visitor), before, ROWS).await?;
        }
        Err(text) => wrong = Some(text),
    }
    let activity::Slice { rows, older, cut } = slice;
    let clients = ui.clients(&visitor, &rows).await;
    let (registries, reader) = (ui.registries().await?, visitor.reader());
    let position = visitor.viewer.graph().position().0;
    let feed = Feed { asked, wrong, rows, clients, older, cut, position, registries, reader };
    Ok(visitor.show(visitor.lang().activity_title(), body(&feed)))
}

/// Whose eyes the feed is for: what they may see the activities of.
pub(super) fn viewer(visitor: &Visitor) -> Viewer {
    Viewer {
        visible: visitor.viewer.visible_activities(),
        user: visitor.viewer.user().cloned(),
        auditor: visitor.viewer.may(Action::ViewAudit, &Resource::System),
    }
}

/// Where the list begins: behind what one has seen, and not after the moment that one looks at.
pub(super) fn until(past: Option<Past>, before: Option<Cursor>) -> Option<Cursor> {
    let then = past.map(|past| Cursor { position: past.before(), index: 0 });
    match (then, before) {
        (Some(then), Some(before)) => Some(then.min(before)),
        (then, before) => then.or(before),
    }
}

pub(super) fn filter(reader: &Reader, asked: &Asked) -> Result<(Filter, Option<Cursor>), String> {
    use crate::texts::Said as _;
    let t = reader.lang;
    let repository = asked.repository.as_deref().map(RepositoryName::parse).transpose();
    let namespace = asked.namespace.as_deref().map(NamespaceName::parse).transpose();
    let team = asked.team.as_deref().map(TeamName::parse).transpose();
    let before = asked.before.as_deref().map(str::parse::<Cursor>).transpose();
    if asked.actor.as_ref().is_some_and(|actor| actor.len() > MAX_ACTOR_BYTES) {
        return Err(t.actor_too_long(MAX_ACTOR_BYTES));
    }
    let day = |text: &Option<String>, later: i64| {
        let Some(text) = text else { return Ok(None) };
        begin_of(text, &reader.zone, later).map(Some).ok_or_else(|| t.no_day().to_owned())
    };
    let filter = Filter {
        actor: asked.actor.as_ref().map(|actor| actor.to_lowercase()),
        repository: repository.map_err(|error| error.said(t))?,
        namespace: namespace.map_err(|error| error.said(t))?,
        team: team.map_err(|error| error.said(t))?,
        kind: asked.kind.clone(),
        outcome: asked.outcome.clone(),
        from: day(&asked.from, 0)?,
        to: day(&asked.to, 1)?,
        ..Filter::default()
    };
    Ok((filter, before.map_err(|_| t.bad_cursor().to_owned())?))
}

/// When a day begins in a zone, or the one so many days later.
pub(super) fn begin_of(day: &str, zone: &TimeZone, later: i64) -> Option<Timestamp> {
    let date: Date = day.parse().ok()?;
    let date = date.checked_add(later.days()).ok()?;
    Some(date.to_zoned(zone.clone()).ok()?.timestamp())
}

pub(super) fn body(feed: &Feed) -> Markup {
    let t = feed.reader.lang;
    html! {
        h1 { (t.activity_title()) }
        @if feed.asked == Asked::default() { (super::live::listener(t, "/activity/live", Some(feed.position))) }
        (filters(t, &feed.asked))
        (shown_chips(t, &feed.asked))
        @if let Some(wrong) = &feed.wrong { p.notice.bad role="alert" { (wrong) } }
        @if feed.rows.is_empty() && feed.wrong.is_none() && !feed.cut {
            (empty(html! {
                p role="status" { (t.nothing_fits()) }
                p { (t.feed_shows()) a href="/activity" { (t.show_everything()) } }
            }))
        } @else if feed.asked == Asked::default() {
            (super::live::fresh("/activity", None, &self::feed(&feed.rows, &feed.clients, &feed.registries, &feed.reader)))
        } @else if !feed.rows.is_empty() {
            (self::feed(&feed.rows, &feed.clients, &feed.registries, &feed.reader))
        }
        @if let Some(older) = feed.older.filter(|_| feed.cut) {
            p.notice.warn role="status" { (t.looked_back(&older.position.to_string())) }
        }
        (pages(feed))
        @if feed.wrong.is_none() && !feed.rows.is_empty() {
            p.small {
                a href=(format!("/activity/export{}", query(&feed.asked.pairs()))) download { (t.export_csv()) }
                " " span.muted { (t.export_text(&thousands(export::MAX_ROWS))) }
            }
        }
    }
}

fn filters(t: Lang, asked: &Asked) -> Markup {
    let value = |value: &Option<String>| value.clone().unwrap_or_default();
    // A browser complains of a day that is none, and shows nothing.
    let day = |text: &Option<String>| {
        text.clone().filter(|text| text.parse::<Date>().is_ok()).unwrap_or_default()
    };
    let texts = [
        ("actor", t.who(), &asked.actor),
        ("repository", t.repository(), &asked.repository),
        ("namespace", t.namespace(), &asked.namespace),
        ("team", t.of_team(), &asked.team),
    ];
    html! {
        form.filters action="/activity" method="get" {
            @for (name, label, typed) in texts {
                div.field {
                    label for=(name) { (label) }
                    input id=(name) name=(name) type="text" value=(value(typed)) autocomplete="off" autocapitalize="none" spellcheck="false";
                }
            }
            div.field {
                label for="kind" { (t.what()) }
                select id="kind" name="kind" {
                    option value="" { (t.everything()) }
                    @for (kind, words) in KINDS { option value=(kind) selected[asked.kind.as_deref() == Some(kind)] { (words(t)) } }
                }
            }
            div.field {
                label for="outcome" { (t.outcome()) }
                select id="outcome" name="outcome" {
                    option value="" { (t.any()) }
                    @for word in OUTCOMES { option value=(word) selected[asked.outcome.as_deref() == Some(word)] { (t.outcome_word(word)) } }
                }
            }
            div.field {
                label for="from" { (t.first_day()) }
                input id="from" name="from" type="date" value=(day(&asked.from));
            }
            div.field {
                label for="to" { (t.last_day()) }
                input id="to" name="to" type="date" value=(day(&asked.to));
            }
            @if let Some(at) = &asked.at { input type="hidden" name="at" value=(at); }
            button type="submit" { (t.filter()) }
        }
    }
}

fn shown_chips(t: Lang, asked: &Asked) -> Markup {
    let kind = asked.kind.as_deref().and_then(|kind| {
        KINDS.into_iter().find(|(known, _)| *known == kind).map(|(_, words)| words(t))
    });
    let all = [
        ("actor", t.who(), asked.actor.clone()),
        ("repository", t.repository(), asked.repository.clone()),
        ("namespace", t.namespace(), asked.namespace.clone()),
        ("team", t.of_team(), asked.team.clone()),
        ("kind", t.what(), kind.map(str::to_owned)),
        (
            "outcome",
            t.outcome(),
            asked.outcome.as_deref().map(|word| t.outcome_word(word).to_owned()),
        ),
        ("from", t.first_day(), asked.from.clone()),
        ("to", t.last_day(), asked.to.clone()),
    ];
    let without = |gone: &str| {
        let rest = asked.pairs().map(|(name, value)| (name, value.filter(|_| name != gone)));
        format!("/activity{}", query(&rest))
    };
    chips(t, &all, without, "/activity")
}

fn pages(feed: &Feed) -> Markup {
    let (asked, t) = (&feed.asked, feed.reader.lang);
    let link = |before: Option<&str>, trail: &[String]| {
        let trail = (!trail.is_empty()).then(|| trail.join(" "));
        let mut pairs = asked.pairs().to_vec();
        pairs.extend([("before", before), ("trail", trail.as_deref())]);
        format!("/activity{}", query(&pairs))
    };
    let newer = asked.before.as_ref().map(|_| match asked.trail.split_last() {
        Some((last, rest)) => link(Some(last), rest),
        None => link(None, &[]),
    });
    let older = feed.older.map(|older| {
        let mut trail = asked.trail.clone();
        trail.extend(asked.before.clone());
        let from = trail.len().saturating_sub(MAX_TRAIL);
        link(Some(&older.to_string()), trail.get(from..).unwrap_or_default())
    });
    html! {
        @if newer.is_some() || older.is_some() {
            nav.pages aria-label=(t.pages_of_list()) {
                @if let Some(newer) = newer { a.button href=(newer) { (t.newer()) } }
                @if let Some(older) = older { a.button href=(older) { (t.older()) } }
            }
        }
    }
}

/// `GET /activity/{event}`: one row, for those who see it in the feed.
pub(super) async fn show_one(
    State(ui): State<UiState>,
    Member(visitor): Member,
    Path(event): Path<String>,
) -> Result<Response, PageError> {
    let cursor = event_of(&event).ok_or_else(PageError::not_found)?;
    let row = activity::one(&ui.read, &viewer(&visitor), cursor).await?;
    let row = row.ok_or_else(PageError::not_found)?;
    let client = ui.clients(&visitor, std::slice::from_ref(&row)).await.of(&row).cloned();
    let page = One { row, client, registries: ui.registries().await?, reader: visitor.reader() };
    Ok(visitor.show(&visitor.lang().event_number(&event), one(&page)))
}

/// `18204` or `18204.3`.
fn event_of(text: &str) -> Option<Cursor> {
    let (position, index) = match text.split_once('.') {
        Some((position, index)) => (position, index.parse().ok()?),
        None => (text, 0),
    };
    let position = position.parse().ok().filter(|position| *position > 0)?;
    (index >= 0).then_some(Cursor { position, index })
}

/// What the page of one row shows.
pub(super) struct One {
    pub(super) row: ActivityRow,
    /// Address and program, where the viewer may know them.
    pub(super) client: Option<Client>,
    pub(super) registries: Registries,
    pub(super) reader: Reader,
}

pub(super) fn one(page: &One) -> Markup {
    let (row, t, reader) = (&page.row, page.reader.lang, &page.reader);
    let raw = serde_json::to_string_pretty(&row.detail).unwrap_or_default();
    html! {
        (crumbs(t, &[(t.activity_title().to_owned(), "/activity".to_owned())]))
        h1 { (t.event_number(&number(row))) }
        p.lead { (sentence(reader, row, &page.registries)) }
        dl.list {
            div { dt { (t.outcome()) } dd { (outcome(t, &row.outcome)) @if let Some(rule) = &row.rule { " " (because(t, rule)) } } }
            div { dt { (t.event_actor()) } dd { (row.actor) } }
            div { dt { (t.event_occurred()) } dd { (reader.exactly(row.occurred_at)) } }
            div { dt { (t.event_recorded()) } dd { (reader.exactly(row.recorded_at)) } }
            div { dt { (t.event_kind()) } dd { code { (row.kind) } } }
            div { dt { (t.event_position()) } dd { (number(row)) " " (copy(t, t.event_position(), &number(row))) } }
            div { dt { (t.event_id()) } dd { code { (row.event_id) } " " (copy(t, t.event_id(), &row.event_id.to_string())) } }
            @let asked = asked(row);
            @if !asked.is_empty() { div { dt { (t.event_asked()) } dd { @for scope in asked { code { (scope) } " " } } } }
            @if let Some(Client { address, program }) = &page.client {
                @if let Some(address) = address { div { dt { (t.event_client()) } dd { (address) } } }
                @if let Some(program) = program { div { dt { (t.event_program()) } dd { (program) } } }
            }
        }
        ul.plain {
            li { a href=(format!("/activity{}", query(&[("actor", Some(&row.actor))]))) { (t.event_same_actor()) } }
            @if let Some(name) = &row.repository {
                li { a href=(format!("/activity{}", query(&[("repository", Some(name))]))) { (t.event_same_repository()) } }
            }
        }
        h2 { (t.event_details()) }
        p { (copy(t, t.event_details(), &raw)) }
        pre.code tabindex="0" role="region" aria-label=(t.event_details()) { (raw) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_and_ends_in_the_readers_zone() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let at = |text: &str| Some(text.parse().unwrap());
        assert_eq!(begin_of("2026-11-01", &berlin, 0), at("2026-10-31T23:00:00Z"));
        assert_eq!(begin_of("2026-11-01", &berlin, 1), at("2026-11-01T23:00:00Z"));
        assert_eq!(begin_of("2026-03-29", &berlin, 1), at("2026-03-29T22:00:00Z"));
        for wrong in ["", "today", "2026-02-30", "9999-12-31", "1.1.2026"] {
            assert_eq!(begin_of(wrong, &berlin, 1), None, "{wrong}");
        }
    }

    #[test]
    fn an_event_has_a_number_and_perhaps_a_place_in_it() {
        assert_eq!(event_of("18204"), Some(Cursor { position: 18_204, index: 0 }));
        assert_eq!(event_of("18204.3"), Some(Cursor { position: 18_204, index: 3 }));
        for wrong in ["", "0", "-1", "1.-1", "x", "1.x", "1.2.3", "99999999999999999999"] {
            assert_eq!(event_of(wrong), None, "{wrong}");
        }
    }
}
