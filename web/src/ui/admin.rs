//! The administration: how the service is, and with which key it signs.

use axum::extract::State;
use axum::response::Response;
use domain::access::{Action, Resource};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use projections::registries::RegistryRow;
use projections::runner::Status;

use super::UiState;
use super::components::{command, empty, scroll, tabs};
use super::reader::Reader;
use super::visitor::Member;
use crate::error::PageError;
use crate::health::Part;
use crate::registry::keys::PublicLeaf;
use crate::registry::pulse::{Beat, Compared};
use crate::texts::{Lang, Word, thousands};

/// Title and tabs of the administration.
pub(super) fn head(t: Lang, here: &str) -> Markup {
    let entries = [
        ("overview", "/admin", t.admin_overview()),
        ("users", "/admin/users", t.admin_users()),
        ("registries", "/admin/registries", t.admin_registries()),
        ("keys", "/admin/keys", t.admin_keys()),
    ];
    let title = entries.iter().find(|(id, ..)| *id == here).map_or("", |(.., name)| *name);
    let title = if here == "overview" { t.administration() } else { title };
    let entries = entries.map(|(id, path, name)| (path.to_owned(), name, id == here));
    html! { h1 { (title) } (tabs(t.admin_parts(), &entries)) }
}

/// What the overview shows.
pub(super) struct Overview {
    /// The parts that `/readyz` asks, and what is wrong with each.
    pub(super) parts: Vec<Part>,
    /// Each registry, and what was heard of it.
    pub(super) registries: Vec<(RegistryRow, Beat)>,
    /// Since when that is listened for.
    pub(super) listening: Timestamp,
    pub(super) keys: Vec<Ending>,
    /// Whether mail can be sent.
    pub(super) mail: bool,
    pub(super) position: u64,
    pub(super) projections: Vec<Status>,
    /// The search index: it follows the log as they do, but is made anew by itself.
    pub(super) search: Status,
    pub(super) reader: Reader,
}

/// A key or certificate, and when it ends.
pub(super) struct Ending {
    pub(super) what: Word,
    pub(super) at: Timestamp,
    /// What is to be done before.
    pub(super) advice: Word,
}

impl Overview {
    /// Whether nobody has to do anything.
    fn is_well(&self) -> bool {
        let silent =
            |beat: &Beat| matches!(beat.compared, Some((_, Compared::Silent | Compared::Failed)));
        self.parts.iter().all(|(_, problem)| problem.is_none())
            && !self.registries.iter().any(|(_, beat)| silent(beat))
            && self.keys.iter().all(|key| key.at > self.reader.now)
    }
}

/// How long before its end somebody is told of a key: less than the month before it in which the
/// service itself makes another one.
const SOON: SignedDuration = SignedDuration::from_hours(24 * 28);

/// `GET /admin`
pub(super) async fn show(
    State(ui): State<UiState>,
    Member(visitor): Member,
) -> Result<Response, PageError> {
    visitor.must(Action::AdminPanel, &Resource::System)?;
    let registries = ui.registries().await?.0.into_iter();
    let page = Overview {
        parts: ui.health.parts().await,
        registries: registries
            .map(|row| (ui.pulse.of(&row.name), row))
            .map(|(b, r)| (r, b))
            .collect(),
        listening: ui.pulse.begun(),
        keys: endings(&ui)?,
        mail: ui.resets.is_some(),
        position: visitor.viewer.graph().position().0,
        projections: ui.runner.status().await?,
        search: search_status(&ui),
        reader: visitor.reader(),
    };
    Ok(visitor.show(visitor.lang().administration(), body(&page)))
}

fn search_status(ui: &UiState) -> Status {
    let halted = ui.search.halted();
    Status {
        projection: "search".to_owned(),
        state: if halted.is_some() { "halted" } else { "live" }.to_owned(),
        position: ui.search.position().0,
        error: halted.map(|halted| halted.to_string()),
        outdated: false,
    }
}

fn endings(ui: &UiState) -> Result<Vec<Ending>, PageError> {
    let authority = ui.signer.authority().map_err(|error| {
        tracing::error!(%error, "the authority's certificate cannot be read");
        PageError::new(StatusCode::INTERNAL_SERVER_ERROR, Lang::admin_authority_unread)
    })?;
    let by_itself = ui.signer.rotates_itself();
    let advice: Word = if by_itself { Lang::admin_key_itself } else { Lang::admin_key_by_hand };
    Ok(vec![
        Ending { what: Lang::admin_key, at: ui.signer.key().not_after, advice },
        Ending {
            what: Lang::admin_authority,
            at: authority.not_after,
            advice: Lang::admin_authority_advice,
        },
    ])
}

pub(super) fn body(page: &Overview) -> Markup {
    let t = page.reader.lang;
    html! {
        (head(t, "overview"))
        @if page.is_well() {
            p.notice { (t.admin_well()) }
        } @else {
            p.notice.bad { (t.admin_unwell()) }
        }
        (parts(page))
        h2 { (t.admin_registries()) }
        (heard(page))
        h2 { (t.admin_keys()) }
        (keys(page))
        h2 { (t.admin_projections()) }
        (scroll(t.admin_projections(), html! {
            table.stack {
                caption { (t.admin_projections_caption()) }
                thead { tr {
                    th scope="col" { (t.name()) } th scope="col" { (t.admin_state()) }
                    th.number scope="col" { (t.admin_position()) } th.number scope="col" { (t.admin_behind()) }
                } }
                tbody {
                    (follower(page, t.admin_search(), &page.search))
                    @for status in &page.projections { (follower(page, &status.projection, status)) }
                }
            }
        }))
        p.muted { (t.admin_rebuild_hint()) }
        (command(t, t.admin_rebuild(), "portus projections rebuild NAME"))
        dl.list {
            div { dt { (t.admin_version()) } dd { (env!("CARGO_PKG_VERSION")) } }
            div { dt { (t.admin_log()) } dd { (number(page.position)) } }
            div { dt { (t.admin_mail()) } dd { (if page.mail { t.admin_mail_yes() } else { t.admin_mail_no() }) } }
        }
        h2 { (t.wizard_title()) }
        p { (t.wizard_again()) }
        p { a.button href="/setup" { (t.wizard_title()) } }
    }
}

/// Who follows the log, and how far they are.
fn follower(page: &Overview, name: &str, status: &Status) -> Markup {
    let t = page.reader.lang;
    html! {
        tr {
            th scope="row" { (name) }
            td data-label=(t.admin_state()) { (state(t, status)) }
            td.number data-label=(t.admin_position()) { (number(status.position)) }
            td.number data-label=(t.admin_behind()) { (t.admin_events(&number(page.position.saturating_sub(status.position)))) }
        }
    }
}

fn number(value: u64) -> String {
    thousands(i64::try_from(value).unwrap_or(i64::MAX))
}

/// What everything stands on, and what is to be done where it does not stand.
fn parts(page: &Overview) -> Markup {
    let t = page.reader.lang;
    html! {
        (scroll(t.admin_parts_caption(), html! {
            table.stack {
                caption { (t.admin_parts_caption()) }
                thead { tr { th scope="col" { (t.admin_part()) } th scope="col" { (t.admin_state()) } } }
                tbody {
                    @for (part, problem) in &page.parts {
                        @let (name, advice) = known(part);
                        tr {
                            th scope="row" { @match name { Some(name) => (name(t)), None => (part) } }
                            td data-label=(t.admin_state()) {
                                @match problem {
                                    None => span.badge.ok { (t.admin_answers()) },
                                    Some(why) => { span.badge.bad { (t.admin_fails()) } " " (t.trouble(why)) " " (advice(t)) }
                                }
                            }
                        }
                    }
                }
            }
        }))
    }
}

/// A part in words, and what to do when it is bad.
fn known(part: &str) -> (Option<Word>, Word) {
    match part {
        "database" => (Some(Lang::admin_database), Lang::admin_database_advice),
        "log" => (Some(Lang::admin_events_log), Lang::admin_events_log_advice),
        "access graph" => (Some(Lang::admin_graph), Lang::admin_graph_advice),
        "search index" => (Some(Lang::admin_search), Lang::admin_search_advice),
        "read models" => (Some(Lang::admin_models), Lang::admin_models_advice),
        _ => (None, Lang::admin_any_advice),
    }
}

/// What was heard of each registry: what it told, and what comparing it came to.
fn heard(page: &Overview) -> Markup {
    let (reader, t) = (&page.reader, page.reader.lang);
    html! {
        @if page.registries.is_empty() {
            (empty(html! { p { a href="/admin/registries" { (t.registry_none()) } } }))
        } @else {
            (scroll(t.admin_heard_caption(), html! {
                table.stack {
                    caption { (t.admin_heard_caption()) }
                    thead { tr {
                        th scope="col" { (t.name()) } th scope="col" { (t.admin_told()) }
                        th scope="col" { (t.admin_compared()) } th scope="col" { (t.admin_state()) }
                    } }
                    tbody {
                        @for (row, beat) in &page.registries {
                            tr {
                                th scope="row" { a href=(format!("/admin/registries/{}", row.name)) { (row.name) } }
                                td data-label=(t.admin_told()) { (since_start(reader, beat.told_at)) }
                                td data-label=(t.admin_compared()) { (since_start(reader, beat.compared.map(|(at, _)| at))) }
                                td data-label=(t.admin_state()) { (standing(t, beat)) }
                            }
                        }
                    }
                }
            }))
            p.muted { (t.admin_heard_since(&reader.exactly(page.listening))) }
        }
    }
}

fn since_start(reader: &Reader, at: Option<Timestamp>) -> Markup {
    html! { @match at { Some(at) => (reader.time(at)), None => (reader.lang.admin_not_since_start()) } }
}

fn standing(t: Lang, beat: &Beat) -> Markup {
    html! {
        @match beat.compared.map(|(_, what)| what) {
            None => { span.badge { (t.admin_not_compared()) } " " (t.admin_not_compared_advice()) },
            Some(Compared::Whole) => span.badge.ok { (t.admin_answers()) },
            Some(Compared::Partly(left)) => {
                span.badge.warn { (t.admin_partly()) } " "
                (t.admin_partly_advice(&thousands(i64::try_from(left).unwrap_or(i64::MAX))))
            },
            Some(Compared::Silent) => { span.badge.bad { (t.admin_silent()) } " " (t.admin_silent_advice()) },
            Some(Compared::Failed) => { span.badge.bad { (t.admin_not_compared()) } " " (t.admin_failed_advice()) },
        }
    }
}

/// What ends, and when.
fn keys(page: &Overview) -> Markup {
    let (reader, t) = (&page.reader, page.reader.lang);
    html! {
        (scroll(t.admin_endings_caption(), html! {
            table.stack {
                caption { (t.admin_endings_caption()) }
                thead { tr { th scope="col" { (t.name()) } th scope="col" { (t.good_until()) } th scope="col" { (t.admin_state()) } } }
                tbody {
                    @for key in &page.keys {
                        @let left = key.at.duration_since(reader.now);
                        tr {
                            th scope="row" { a href="/admin/keys" { ((key.what)(t)) } }
                            td data-label=(t.good_until()) { (reader.exactly(key.at)) }
                            td data-label=(t.admin_state()) {
                                @if left.is_negative() { span.badge.bad { (t.admin_ended()) } " " ((key.advice)(t)) }
                                @else if left < SOON { span.badge.warn { (t.admin_ends_soon()) } " " ((key.advice)(t)) }
                                @else { span.badge.ok { (t.admin_good()) } }
                            }
                        }
                    }
                }
            }
        }))
    }
}

fn state(t: Lang, status: &Status) -> Markup {
    html! {
        @match (status.state.as_str(), &status.error) {
            ("halted", error) => { span.badge.bad { (t.admin_state_halted()) } @if let Some(error) = error { " " (error) } }
            ("live", _) => span.badge.ok { (t.admin_state_live()) },
            (other, _) => span.badge { (other) },
        }
        @if status.outdated { " " span.badge.warn { (t.admin_outdated()) } }
    }
}

/// `GET /admin/keys`
pub(super) async fn show_keys(
    State(ui): State<UiState>,
    Member(visitor): Member,
) -> Result<Response, PageError> {
    visitor.must(Action::AdminPanel, &Resource::System)?;
    let PublicLeaf { kid, thumbprint, not_before, not_after, .. } = ui.signer.key();
    let key = Key { kid, thumbprint, not_before, not_after };
    let body = keys_body(&visitor.reader(), &key);
    Ok(visitor.show(visitor.lang().admin_keys(), body))
}

/// What the page of keys shows.
pub(super) struct Key {
    pub(super) kid: String,
    pub(super) thumbprint: String,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

pub(super) fn keys_body(reader: &Reader, key: &Key) -> Markup {
    let t = reader.lang;
    html! {
        (head(t, "keys"))
        p { (t.keys_text()) }
        dl.list {
            div { dt { (t.key_id()) } dd { code { (key.kid) } } }
            div { dt { (t.key_thumbprint()) } dd { code { (key.thumbprint) } } }
            div { dt { (t.key_from()) } dd { (reader.exactly(key.not_before)) } }
            div { dt { (t.good_until()) } dd { (reader.exactly(key.not_after)) " (" (reader.time(key.not_after)) ")" } }
        }
        p.muted { (t.key_rotate_text()) }
        (command(t, t.key_rotate(), "portus keys rotate"))
    }
}

#[cfg(test)]
mod tests {
    use scraper::{Html, Selector};

    use super::*;
    use crate::health::Trouble;
    use crate::ui::samples;

    fn overview(lang: Lang) -> Overview {
        Overview {
            parts: vec![("database", None), ("log", Some(Trouble::Said("it is away".to_owned())))],
            registries: vec![],
            listening: Timestamp::UNIX_EPOCH,
            keys: vec![],
            mail: false,
            position: 1,
            projections: vec![],
            search: Status {
                projection: "search".to_owned(),
                state: "live".to_owned(),
                position: 1,
                error: None,
                outdated: false,
            },
            reader: samples::reader(lang),
        }
    }

    fn rows(page: &Overview, caption: &str) -> Vec<String> {
        let html = Html::parse_fragment(&body(page).into_string());
        let all = |css: &str| Selector::parse(css).unwrap();
        let table = html.select(&all("table")).find(|table| {
            let found = table.select(&all("caption")).next();
            found.is_some_and(|found| found.text().collect::<String>() == caption)
        });
        let words = |row: scraper::ElementRef<'_>| row.text().collect::<Vec<_>>().join(" ");
        table.unwrap().select(&all("tbody tr")).map(words).collect()
    }

    #[test]
    fn a_part_that_fails_is_named_with_what_to_do() {
        for t in Lang::EVERY {
            let rows = rows(&overview(t), t.admin_parts_caption());
            assert!(rows[0].contains(t.admin_answers()), "{rows:?}");
            assert!(rows[1].contains(&t.admin_said("it is away")), "{rows:?}");
            assert!(rows[1].contains(t.admin_events_log_advice()), "{rows:?}");
        }
    }

    #[test]
    fn a_key_that_ends_soon_is_said_with_what_to_do() {
        let t = Lang::En;
        let ending = |left: SignedDuration| Ending {
            what: Lang::admin_key,
            at: samples::reader(t).now + left,
            advice: Lang::admin_key_by_hand,
        };
        let hour = SignedDuration::from_hours(1);
        let keys = [SOON + hour, SOON - hour, -hour].map(ending).into();
        let rows = rows(&Overview { keys, ..overview(t) }, t.admin_endings_caption());
        let told = |row: &str| row.contains(t.admin_key_by_hand());
        assert!(rows[0].contains("good") && !told(&rows[0]), "{rows:?}");
        assert!(rows[1].contains("ends soon") && told(&rows[1]), "{rows:?}");
        assert!(rows[2].contains("has ended") && told(&rows[2]), "{rows:?}");
    }

    #[test]
    fn every_part_that_readiness_asks_has_words_and_advice() {
        let source = include_str!("../app/readiness.rs");
        let parts: Vec<_> = source.split(".part(\"").skip(1).collect();
        assert_eq!(parts.len(), 5);
        for part in parts {
            let name = part.split('"').next().unwrap();
            assert!(known(name).0.is_some(), "{name}");
        }
    }
}
