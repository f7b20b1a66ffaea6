//! Nothing found: what was looked for, what may have been meant, and what helps.

use maud::{Markup, html};
use projections::search::Results;

use super::super::components::{command, empty};
use super::{Search, facets, group, hit, number};

pub(super) fn nothing(search: &Search, found: &Results) -> Markup {
    let (t, wish) = (search.reader.lang, &search.wish);
    let drawn = hit::Drawn::new(&wish.question, &search.registries, &search.reader);
    let filters = facets::set(t, wish);
    let kind = wish.kind.map(|(_, kind)| group(t, kind, found).title);
    let limits: Vec<_> = kind
        .map(str::to_owned)
        .into_iter()
        .chain(filters.into_iter().map(|(name, value, _)| format!("{name}: {value}")))
        .collect();
    let host = search.registries.0.first().map(|registry| registry.host.as_str());
    empty(html! {
        p role="status" {
            @if wish.question.trim().is_empty() { (t.nothing_filtered()) } @else { (t.nothing_matches(&wish.question)) }
        }
        p.muted {
            (t.searched_all())
            @if !limits.is_empty() { " " (t.searched_only(&limits.join(", "))) }
        }
        @if !limits.is_empty() {
            p {
                a.button href=(wish.unfiltered().path()) {
                    @if found.unfiltered > 0 { (t.without_filters(&t.hits(number(found.unfiltered)))) } @else { (t.remove_filters()) }
                }
            }
        }
        @if !found.nearest.is_empty() {
            h2 { (t.did_you_mean()) }
            ul.hits { @for near in &found.nearest { (drawn.short(near)) } }
        }
        h2 { (t.search_try()) }
        ul {
            li { (t.search_fewer()) }
            li { (t.search_tag()) }
            li { (t.search_others()) }
        }
        @if let Some(host) = host {
            p { (t.search_push()) " " a href="/help" { (t.search_help()) } }
            (command(t, t.push_it(), &format!("docker push {host}/NAMESPACE/app:1.0")))
        }
    })
}
