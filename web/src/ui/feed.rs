//! Rows of the feed: a sentence each, and bursts of the same in one row that unfolds.

use domain::access::Rule;
use jiff::SignedDuration;
use maud::{Markup, html};
use projections::activity::{ActivityRow, Slice};

use super::clients::{Clients, quietly};
use super::components::{empty, outcome, pager};
use super::live::{fresh, listener};
use super::reader::Reader;
use super::sentence::{burst, sentence};
use super::visitor::{Registries, query};
use crate::texts::Lang;

/// From so many rows on, the same again and again is one row.
const BURST: usize = 3;
/// How far apart two of a burst may be.
const TOGETHER: SignedDuration = SignedDuration::from_mins(10);
/// What comes in bursts.
const COMING_IN_BURSTS: [&str; 4] = [
    "content.manifest_pushed",
    "content.manifest_pulled",
    "content.deleted",
    "content.tag_deleted",
];

/// Rows of the feed, the latest first.
pub(super) fn feed(
    rows: &[ActivityRow],
    clients: &Clients,
    registries: &Registries,
    reader: &Reader,
) -> Markup {
    let t = reader.lang;
    if rows.is_empty() {
        return empty(html! { p { (t.nothing_happened()) } });
    }
    html! {
        ol.feed {
            @for run in rows.chunk_by(together) {
                @if let [first, .., last] = run && run.len() >= BURST {
                    li {
                        div.sentence { (burst(reader, run, registries)) }
                        div.about {
                            span { (span(reader, first, last)) }
                            @if let Some(client) = clients.common(run) { (quietly(reader, client)) }
                        }
                        details.more {
                            summary { (t.show_each(run.len())) }
                            ol.feed { @for row in run { (one(row, clients, registries, reader)) } }
                        }
                    }
                } @else {
                    @for row in run { (one(row, clients, registries, reader)) }
                }
            }
        }
    }
}

/// From when to when a burst lasted; one time where both would read the same.
fn span(reader: &Reader, first: &ActivityRow, last: &ActivityRow) -> Markup {
    html! {
        @if reader.says(first.occurred_at) != reader.says(last.occurred_at) {
            (reader.time(last.occurred_at)) " – "
        }
        (reader.time(first.occurred_at))
    }
}

/// A part of what has happened to one thing, with the ways on and back.
pub(super) struct Part {
    pub(super) slice: Slice,
    pub(super) clients: Clients,
    /// Nothing newer stands above it.
    pub(super) first: bool,
    /// Up to where it is shown, where an open page hears of what comes after.
    pub(super) live: Option<u64>,
}

/// The same, of the page at `path`; `news` is where it hears of more.
pub(super) fn part(
    part: &Part,
    path: &str,
    news: &str,
    registries: &Registries,
    reader: &Reader,
) -> Markup {
    let Part { slice, clients, first, live } = part;
    let before = slice.older.map(|older| older.to_string());
    let next = before.map(|before| format!("{path}{}", query(&[("before", Some(&before))])));
    let rows = feed(&slice.rows, clients, registries, reader);
    html! {
        @match live.filter(|_| *first) {
            Some(since) => {
                (listener(reader.lang, news, Some(since)))
                (fresh(path, None, &rows))
            }
            None => (rows),
        }
        (pager(reader.lang, (!first).then_some(path), next.as_deref()))
    }
}

fn one(row: &ActivityRow, clients: &Clients, registries: &Registries, reader: &Reader) -> Markup {
    let t = reader.lang;
    html! {
        li {
            div.sentence { (sentence(reader, row, registries)) }
            div.about {
                (reader.time(row.occurred_at)) " "
                @if row.outcome != "done" { (outcome(t, &row.outcome)) " " }
                @if let Some(rule) = row.rule.as_deref().filter(|_| row.outcome != "done") { (because(t, rule)) " " }
                @if let Some(client) = clients.of(row) { (quietly(reader, client)) " " }
                a.event href=(path(row)) { (t.event_number(&number(row))) }
            }
        }
    }
}

/// Whether two rows that follow each other are the same deed.
fn together(a: &ActivityRow, b: &ActivityRow) -> bool {
    let alike = |row: &ActivityRow| {
        let who = (row.kind.clone(), row.actor_kind.clone(), row.actor.clone());
        (who, row.registry.clone(), row.repository.clone())
    };
    let near = a.occurred_at.duration_since(b.occurred_at).abs() <= TOGETHER;
    COMING_IN_BURSTS.contains(&a.kind.as_str())
        && (a.outcome.as_str(), b.outcome.as_str()) == ("done", "done")
        && near
        && alike(a) == alike(b)
}

pub(super) fn number(row: &ActivityRow) -> String {
    row.cursor().to_string().trim_end_matches("/0").to_owned()
}

fn path(row: &ActivityRow) -> String {
    format!("/activity/{}", number(row).replace('/', "."))
}

/// A rule as it is recorded, the role in a team that it was decided on in the reader's language.
fn in_words(t: Lang, rule: &str) -> String {
    let member = rule.strip_suffix(')').and_then(|rule| rule.split_once(" ("));
    let member = member.and_then(|(name, ground)| Some((name, ground.split_once(" of team ")?)));
    match member {
        Some((name, (role, team))) => {
            format!("{name} ({})", t.access_member(t.role_word(role), team))
        }
        None => rule.to_owned(),
    }
}

/// The rule that decided, with its sentence; behind it may stand what it was decided on, as in
/// `delete (contributor of team crew)`.
pub(super) fn because(t: Lang, rule: &str) -> Markup {
    let name = rule.split(' ').next().unwrap_or(rule);
    let known = Rule::EVERY.iter().find(|known| known.as_str() == name);
    let rule = &in_words(t, rule);
    html! {
        span { @match known { Some(known) => (t.because(&rule, &t.rule(*known))), None => code { (rule) } } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rule_stood_on_is_in_the_readers_language() {
        let said = |t, rule| because(t, rule).into_string();
        let german = said(Lang::De, "push (viewer of team platform)");
        assert!(german.contains("push (Betrachter im Team platform)"), "{german}");
        let english = said(Lang::En, "push (viewer of team platform)");
        assert!(english.contains("push (viewer of team platform)"), "{english}");
        // What is not known stays as it is recorded.
        assert!(said(Lang::De, "later (by chance)").contains("later (by chance)"));
    }
}
