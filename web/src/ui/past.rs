//! Looking back: a repository, a tag and a manifest as they were at a moment (`?at=`).
//!
//! The moment is a place in the log, named as such or by a time; what is shown is folded from what
//! had been recorded by then. Rights are those of today: what one may not see now, one may not see
//! then either. Nothing can be done to the past, so no page of it has a button.

use axum::response::Response;
use domain::digest::Digest;
use domain::event::Position;
use domain::log::{EventLog, LogError};
use domain::name::{RepositoryName, TagName};
use http::StatusCode;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use projections::Paging;
use projections::manifests::{self, PastManifestRow, ReferenceRow};
use projections::tags::{self, PastTagRow, TagChangeRow};

use super::UiState;
use super::clients::Clients;
use super::components::{command, copy, crumbs, digest, empty, pager, scroll, tabs};
use super::layout::Looking;
use super::manifests::holds;
use super::reader::Reader;
use super::repositories::{Head, One, platforms};
use super::visitor::{Visitor, query};
use crate::error::PageError;
use crate::texts::Lang;

/// Tags on one page.
const ROWS: i64 = 100;
/// Rows of a tag's history on one page.
const CHANGES: i64 = 50;

/// A moment in the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Past {
    /// Everything up to here had been recorded.
    pub(super) position: Position,
    /// When that was.
    pub(super) at: Timestamp,
}

/// What `at=` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Event(u64),
    Time(Timestamp),
}

/// `event:18204`, `18204`, `2026-11-01T12:00:00Z`, or a date, with or without a time of day, in the
/// reader's zone.
fn parse(text: &str, zone: &TimeZone) -> Option<Named> {
    let number = text.strip_prefix("event:").unwrap_or(text);
    if number.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(number) = number.parse()
    {
        return Some(Named::Event(number));
    }
    if let Ok(at) = text.parse() {
        return Some(Named::Time(at));
    }
    let local: DateTime = text.parse().ok()?;
    local.to_zoned(zone.clone()).ok().map(|zoned| Named::Time(zoned.timestamp()))
}

/// The moment that a page was asked for; `None`: now. The page's frame says so.
pub(super) async fn asked(ui: &UiState, visitor: &mut Visitor) -> Result<Option<Past>, PageError> {
    let Some(text) = visitor.params.as_sent("at") else { return Ok(None) };
    let wrong =
        |say: fn(Lang) -> &'static str| PageError::new(StatusCode::UNPROCESSABLE_ENTITY, say);
    let named = parse(text, &visitor.frame.reader.zone).ok_or_else(|| wrong(Lang::no_moment))?;
    let log = &*ui.auth.desk.log;
    let head = log.head().await.map_err(unreadable)?;
    let position = match named {
        Named::Event(number) if number > head.0 => return Err(wrong(Lang::moment_ahead)),
        Named::Time(at) if at > visitor.frame.reader.now => return Err(wrong(Lang::moment_ahead)),
        Named::Event(number) => Position(number),
        Named::Time(at) => last_until(log, head, at).await.map_err(unreadable)?,
    };
    let at = match position {
        Position(0) => None,
        Position(number) => recorded(log, Position(number - 1)).await.map_err(unreadable)?,
    };
    let (position, at) = at.ok_or_else(|| wrong(Lang::moment_before))?;
    let past = Past { position, at };
    visitor.frame.looking = Some(Looking::Back { event: position.0, at });
    Ok(Some(past))
}

fn unreadable(error: LogError) -> PageError {
    tracing::error!(%error, "a moment in the log could not be found");
    PageError::new(StatusCode::SERVICE_UNAVAILABLE, Lang::part_down)
}

/// The first event behind a place: where it stands, and when it was recorded.
async fn recorded(
    log: &dyn EventLog,
    after: Position,
) -> Result<Option<(Position, Timestamp)>, LogError> {
    let page = log.read_all(after, 1, None).await?;
    Ok(page.events.first().map(|event| (event.position, event.recorded_at)))
}

/// The last event recorded until `at`; zero: none was. Times never go back along the log, so few
/// looks find it: twenty among a million.
async fn last_until(
    log: &dyn EventLog,
    head: Position,
    at: Timestamp,
) -> Result<Position, LogError> {
    let (mut low, mut high) = (0, head.0);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        match recorded(log, Position(middle - 1)).await? {
            Some((found, when)) if found.0 <= high && when <= at => low = found.0,
            _ => high = middle - 1,
        }
    }
    Ok(Position(low))
}

impl Past {
    /// As a parameter of a link.
    pub(super) fn param(self) -> String {
        format!("event:{}", self.position)
    }

    /// The place before which lists begin.
    pub(super) fn before(self) -> i64 {
        self.position.0.cast_signed().saturating_add(1)
    }

    /// A link to a page as it was then.
    pub(super) fn link(self, path: &str) -> String {
        format!("{path}{}", query(&[("at", Some(&self.param()))]))
    }
}

/// The form that leads to another moment.
pub(super) fn form(reader: &Reader, path: &str, past: Option<Past>) -> Markup {
    let t = reader.lang;
    let zoned = past.map_or(reader.now, |past| past.at).to_zoned(reader.zone.clone());
    let shown = zoned.strftime("%Y-%m-%dT%H:%M").to_string();
    let zone = zoned.strftime("%Z").to_string();
    html! {
        details.more.then {
            summary { (t.another_moment()) }
            form.line action=(path) method="get" {
                div.field {
                    label for="at" { (t.moment()) }
                    span.hint id="at-hint" { (t.moment_hint(&zone)) }
                    input id="at" name="at" type="datetime-local" value=(shown) required aria-describedby="at-hint";
                }
                button type="submit" { (t.look_back()) }
            }
        }
    }
}

/// What the head of each page shows: nothing that is of today.
fn head_of(head: &Head, here: &str, past: Past) -> Markup {
    let (t, path) = (head.reader.lang, head.path());
    let mut entries = vec![(past.link(&path), t.tags_title(), here == "tags")];
    if head.may_see_activity {
        let activity = past.link(&format!("{path}/-/activity"));
        entries.push((activity, t.activity_title(), here == "activity"));
    }
    html! {
        (crumbs(t, &[(t.repositories_title().to_owned(), "/repositories".to_owned())]))
        h1 { (head.row.name) }
        (tabs(t.repository_parts(), &entries))
    }
}

/// The page of a repository then.
pub(super) struct Repository {
    pub(super) head: Head,
    pub(super) past: Past,
    pub(super) tags: Vec<PastTagRow>,
    /// The tag behind which the next page begins.
    pub(super) next: Option<String>,
    pub(super) first: bool,
}

pub(super) async fn show_tags(
    ui: &UiState,
    visitor: Visitor,
    one: One,
    name: RepositoryName,
    past: Past,
) -> Result<Response, PageError> {
    let after = visitor.params.get("after").map(str::to_owned);
    let first = after.is_none();
    let paging = Paging { after, offset: 0, limit: ROWS + 1 };
    let mut rows = tags::as_of(&ui.read, &one.registry, &name, past.position, &paging).await?;
    let most = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    let page = Repository {
        head: Head::of(&visitor, one, &name),
        past,
        next: rows.last().filter(|_| more).map(|row| row.name.clone()),
        tags: rows,
        first,
    };
    Ok(visitor.show(name.as_str(), body(&page)))
}

pub(super) fn body(page: &Repository) -> Markup {
    let (head, past) = (&page.head, page.past);
    let (reader, t, path) = (&head.reader, head.reader.lang, head.path());
    let param = past.param();
    let next = page
        .next
        .as_ref()
        .map(|tag| format!("{path}{}", query(&[("at", Some(&param)), ("after", Some(tag))])));
    let first = past.link(&path);
    html! {
        (head_of(head, "tags", past))
        @if page.tags.is_empty() {
            (empty(html! { p { (t.no_tag_then()) } }))
        } @else {
            (scroll(t.tags_title(), html! {
                table.stack data-rows {
                    caption { (t.tags_then()) }
                    thead { tr {
                        th scope="col" { (t.tag_title()) } th scope="col" { (t.digest_title()) } th scope="col" { (t.platforms()) }
                        th.number scope="col" { (t.size()) } th scope="col" { (t.points_there_since()) } th scope="col" { (t.event()) }
                    } }
                    tbody {
                        @for tag in &page.tags {
                            tr {
                                th scope="row" { a href=(past.link(&format!("{path}/-/tags/{}", tag.name))) { (tag.name) } }
                                td data-label=(t.digest_title()) { a.plain href=(past.link(&format!("{path}/-/manifests/{}", tag.digest))) { (digest(&tag.digest)) } }
                                td data-label=(t.platforms()) { (platforms(t, &tag.platforms)) }
                                td.number.nowrap data-label=(t.size()) { (reader.bytes(tag.total_size)) }
                                td data-label=(t.points_there_since()) { (reader.time(tag.at)) (t.by(&tag.actor)) }
                                td data-label=(t.event()) { (event(head, tag.position)) }
                            }
                        }
                    }
                }
            }))
        }
        (pager(t, (!page.first).then_some(first.as_str()), next.as_deref()))
        (form(reader, &path, Some(past)))
    }
}

/// The event's number, as a link for those who may see it.
fn event(head: &Head, position: i64) -> Markup {
    html! { @if head.may_see_activity { a href=(format!("/activity/{position}")) { (position) } } @else { (position) } }
}

/// The page of a tag then.
pub(super) struct Tag {
    pub(super) head: Head,
    pub(super) past: Past,
    pub(super) name: String,
    /// `None`: it pointed nowhere.
    pub(super) then_at: Option<PastTagRow>,
    pub(super) references: Vec<ReferenceRow>,
    pub(super) history: Vec<TagChangeRow>,
    pub(super) next: Option<i64>,
    pub(super) first: bool,
}

pub(super) async fn show_tag(
    ui: &UiState,
    visitor: Visitor,
    one: One,
    repository: RepositoryName,
    tag: TagName,
    past: Past,
) -> Result<Response, PageError> {
    let read = &ui.read;
    let then_at = tags::find_as_of(read, &one.registry, &repository, &tag, past.position).await?;
    let after: Option<i64> = visitor.params.get("after").and_then(|at| at.parse().ok());
    let before = after.map_or(past.before(), |after| after.min(past.before()));
    let paging = Paging { after: Some(before), offset: 0, limit: CHANGES + 1 };
    let mut history = tags::history(read, &one.registry, &repository, &tag, &paging).await?;
    let most = usize::try_from(CHANGES).unwrap_or(usize::MAX);
    let more = history.len() > most;
    history.truncate(most);
    let references = match then_at.as_ref().and_then(|row| Digest::parse(&row.digest).ok()) {
        Some(digest) => manifests::references(read, &one.registry, &repository, &digest).await?,
        None => Vec::new(),
    };
    let page = Tag {
        head: Head::of(&visitor, one, &repository),
        past,
        name: tag.to_string(),
        then_at,
        references,
        next: history.last().filter(|_| more).map(|change| change.position),
        history,
        first: after.is_none(),
    };
    Ok(visitor.show(&format!("{repository}:{tag}"), tag_body(&page)))
}

pub(super) fn tag_body(page: &Tag) -> Markup {
    let (head, past) = (&page.head, page.past);
    let (reader, t, path) = (&head.reader, head.reader.lang, head.path());
    let here = format!("{path}/-/tags/{}", page.name);
    let (param, first) = (past.param(), past.link(&here));
    let next = page.next.map(|at| {
        format!("{here}{}", query(&[("at", Some(&param)), ("after", Some(&at.to_string()))]))
    });
    html! {
        (crumbs(t, &[
            (t.repositories_title().to_owned(), "/repositories".to_owned()),
            (head.row.name.clone(), past.link(&path)),
        ]))
        h1 { (head.row.name) ":" (page.name) }
        @match &page.then_at {
            None => p.notice.warn { (t.no_such_tag_then()) },
            Some(row) => {
                dl.list {
                    div { dt { (t.digest_title()) } dd { a.plain href=(past.link(&format!("{path}/-/manifests/{}", row.digest))) { (digest(&row.digest)) } " " (copy(t, t.digest_title(), &row.digest)) } }
                    @if let Some(kind) = &row.kind { div { dt { (t.kind()) } dd { (kind) } } }
                    div { dt { (t.size()) } dd { (reader.bytes(row.total_size)) } }
                    div { dt { (t.platforms()) } dd { (platforms(t, &row.platforms)) } }
                    div { dt { (t.points_there_since()) } dd { (reader.time(row.at)) (t.by(&row.actor)) } }
                }
                (holds(reader, &path, &page.references))
            }
        }
        @if !page.history.is_empty() {
            h2 { (t.history()) }
            (scroll(t.history(), html! {
                table.stack {
                    caption { (t.history_caption()) }
                    thead { tr { th scope="col" { (t.change()) } th scope="col" { (t.digest_title()) } th scope="col" { (t.when()) } th scope="col" { (t.who()) } th scope="col" { (t.event()) } } }
                    tbody {
                        @for change in &page.history {
                            tr {
                                th scope="row" { (t.tag_change(&change.change)) }
                                td data-label=(t.digest_title()) { @match &change.digest { Some(to) => (digest(to)), None => "–" } }
                                td data-label=(t.when()) { (reader.time(change.at)) }
                                td data-label=(t.who()) { (change.actor) }
                                td data-label=(t.event()) { (event(head, change.position)) }
                            }
                        }
                    }
                }
            }))
        }
        (pager(t, (!page.first).then_some(first.as_str()), next.as_deref()))
    }
}

/// The page of a manifest then.
pub(super) struct Manifest {
    pub(super) head: Head,
    pub(super) past: Past,
    pub(super) row: PastManifestRow,
    pub(super) tags: Vec<String>,
    pub(super) references: Vec<ReferenceRow>,
}

pub(super) async fn show_manifest(
    ui: &UiState,
    visitor: Visitor,
    one: One,
    repository: RepositoryName,
    digest: Digest,
    past: Past,
) -> Result<Response, PageError> {
    let (read, registry) = (&ui.read, &one.registry);
    let row = manifests::find_as_of(read, registry, &repository, &digest, past.position).await?;
    let row = row.ok_or_else(|| PageError::new(StatusCode::NOT_FOUND, Lang::no_manifest_then))?;
    let tags = tags::of_digest_as_of(read, registry, &repository, &digest, past.position).await?;
    let references = manifests::references(read, registry, &repository, &digest).await?;
    let page = Manifest { head: Head::of(&visitor, one, &repository), past, row, tags, references };
    Ok(visitor.show(&format!("{repository}@{digest}"), manifest_body(&page)))
}

pub(super) fn manifest_body(page: &Manifest) -> Markup {
    let (head, row, past) = (&page.head, &page.row, page.past);
    let (reader, t, path) = (&head.reader, head.reader.lang, head.path());
    html! {
        (crumbs(t, &[
            (t.repositories_title().to_owned(), "/repositories".to_owned()),
            (head.row.name.clone(), past.link(&path)),
        ]))
        div.headline { h1 { (t.manifest()) " " (digest(&row.digest)) } (copy(t, t.digest_title(), &row.digest)) }
        @match row.deleted_at {
            // The registry's clock says when; ours, when it told us.
            Some(at) if at <= past.at => p.notice.warn { (t.manifest_gone_then()) " " (reader.time(at)) },
            _ => (command(t, t.pull_exactly(), &format!("docker pull {}@{}", head.image(), row.digest))),
        }
        dl.list {
            div { dt { (t.kind()) } dd { (row.kind) } }
            @if let Some(text) = &row.media_type { div { dt { (t.media_type()) } dd { code { (text) } } } }
            @if let Some(text) = &row.artifact_type { div { dt { (t.artifact_type()) } dd { code { (text) } } } }
            div { dt { (t.size()) } dd { (reader.bytes(row.total_size)) } }
            div { dt { (t.platforms()) } dd { (platforms(t, &row.platforms)) } }
            div { dt { (t.first_pushed()) } dd { (reader.time_or_never(row.first_push_at)) } }
        }
        h2 { (t.pointing_tags_then()) }
        @if page.tags.is_empty() {
            p.muted { (t.no_pointing_tag_then()) }
        } @else {
            ul.chips { @for tag in &page.tags { li { a.chip href=(past.link(&format!("{path}/-/tags/{tag}"))) { (tag) } } } }
        }
        (holds(reader, &path, &page.references))
    }
}

/// The feed of a repository until then.
pub(super) fn activity_body(
    head: &Head,
    rows: &[projections::activity::ActivityRow],
    clients: &Clients,
    past: Past,
) -> Markup {
    let param = past.param();
    let all = query(&[("repository", Some(&head.row.name)), ("at", Some(&param))]);
    html! {
        (head_of(head, "activity", past))
        (super::activity::feed(rows, clients, &head.registries, &head.reader))
        p { a href=(format!("/activity{all}")) { (head.reader.lang.filter_further()) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_an_event_or_a_time() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let time = |text: &str| Some(Named::Time(text.parse().unwrap()));
        assert_eq!(parse("event:18204", &berlin), Some(Named::Event(18_204)));
        assert_eq!(parse("18204", &berlin), Some(Named::Event(18_204)));
        assert_eq!(parse("2026-11-01T12:00:00Z", &berlin), time("2026-11-01T12:00:00Z"));
        assert_eq!(parse("2026-11-01T12:00:00+02:00", &berlin), time("2026-11-01T10:00:00Z"));
        assert_eq!(parse("2026-11-01T12:00", &berlin), time("2026-11-01T11:00:00Z"));
        assert_eq!(parse("2026-07-01", &berlin), time("2026-06-30T22:00:00Z"));
        // An hour that the clocks left out is the one after it.
        assert_eq!(parse("2026-03-29T02:30", &berlin), time("2026-03-29T01:30:00Z"));
        for wrong in [
            "",
            "event:",
            "event:-1",
            "-5",
            "yesterday",
            "event:99999999999999999999",
            "2026-13-01",
            "2026-11-01T25:00",
            "' OR 1=1",
            "+1",
        ] {
            assert_eq!(parse(wrong, &berlin), None, "{wrong}");
        }
    }
}
