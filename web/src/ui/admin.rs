//! The administration: how the service is, and with which key it signs.

use axum::extract::State;
use axum::response::Response;
use domain::access::{Action, Resource};
use jiff::Timestamp;
use maud::{Markup, html};
use projections::runner::Status;

use super::UiState;
use super::components::{command, scroll, tabs};
use super::reader::Reader;
use super::visitor::Member;
use crate::error::PageError;
use crate::registry::keys::PublicLeaf;
use crate::texts::{Lang, thousands};

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
    /// Parts that do not answer, and why.
    pub(super) problems: Vec<(String, String)>,
    pub(super) position: u64,
    pub(super) projections: Vec<Status>,
    pub(super) reader: Reader,
}

/// `GET /admin`
pub(super) async fn show(
    State(ui): State<UiState>,
    Member(visitor): Member,
) -> Result<Response, PageError> {
    visitor.must(Action::AdminPanel, &Resource::System)?;
    let problems = ui.health.problems().await.into_iter();
    let page = Overview {
        problems: problems.map(|(part, why)| (part.to_owned(), why)).collect(),
        position: visitor.viewer.graph().position().0,
        projections: ui.runner.status().await?,
        reader: visitor.reader(),
    };
    Ok(visitor.show(visitor.lang().administration(), body(&page)))
}

pub(super) fn body(page: &Overview) -> Markup {
    let t = page.reader.lang;
    let number = |value: u64| thousands(i64::try_from(value).unwrap_or(i64::MAX));
    html! {
        (head(t, "overview"))
        @if page.problems.is_empty() {
            p.notice { (t.admin_well()) }
        } @else {
            p.notice.bad { (t.admin_unwell()) }
            (scroll(t.admin_problems_caption(), html! {
                table {
                    caption { (t.admin_problems_caption()) }
                    thead { tr { th scope="col" { (t.admin_part()) } th scope="col" { (t.admin_problem()) } } }
                    tbody { @for (part, why) in &page.problems { tr { th scope="row" { (part) } td { (why) } } } }
                }
            }))
        }
        dl.list {
            div { dt { (t.admin_version()) } dd { (env!("CARGO_PKG_VERSION")) } }
            div { dt { (t.admin_log()) } dd { (number(page.position)) } }
        }
        h2 { (t.admin_projections()) }
        (scroll(t.admin_projections(), html! {
            table.stack {
                caption { (t.admin_projections_caption()) }
                thead { tr {
                    th scope="col" { (t.name()) } th scope="col" { (t.admin_state()) }
                    th.number scope="col" { (t.admin_position()) } th.number scope="col" { (t.admin_behind()) }
                } }
                tbody {
                    @for status in &page.projections {
                        tr {
                            th scope="row" { (status.projection) }
                            td data-label=(t.admin_state()) { (state(t, status)) }
                            td.number data-label=(t.admin_position()) { (number(status.position)) }
                            td.number data-label=(t.admin_behind()) { (t.admin_events(&number(page.position.saturating_sub(status.position)))) }
                        }
                    }
                }
            }
        }))
        p.muted { (t.admin_rebuild_hint()) }
        (command(t, t.admin_rebuild(), "portus projections rebuild NAME"))
        h2 { (t.wizard_title()) }
        p { (t.wizard_again()) }
        p { a.button href="/setup" { (t.wizard_title()) } }
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
