//! What hits are like, how many of each, and links that narrow down to them: without script.

use domain::namespace::Visibility;
use maud::{Markup, html};
use projections::search::{Filters, Results, Since};

use super::{KINDS, Search, Wish, group, number};
use crate::texts::{Lang, thousands};

/// All kinds, and each that has hits.
pub(super) fn kinds(search: &Search, found: &Results) -> Markup {
    let (t, wish) = (search.reader.lang, &search.wish);
    let all: usize = found.facets.kinds.iter().map(|(_, count)| count).sum();
    let tab = |kind, title: &str, count: usize| {
        let current = wish.kind.map(|(word, _)| word) == kind;
        let kind = KINDS.into_iter().find(|(word, _)| Some(*word) == kind);
        let path = Wish { kind, page: 0, ..wish.clone() }.path();
        html! {
            li { a href=(path) aria-current=[current.then_some("page")] {
                (title) " " span.count { (thousands(number(count))) }
            } }
        }
    };
    html! {
        @if all > 0 || wish.kind.is_some() {
            nav.tabs aria-label=(t.kinds_of_hits()) {
                ul {
                    (tab(None, t.all_kinds_short(), all))
                    @for (word, kind) in KINDS {
                        @let count = found.facets.kinds.iter().find(|(is, _)| *is == kind).map_or(0, |(_, n)| *n);
                        @if count > 0 || wish.kind.is_some_and(|(is, _)| is == word) {
                            (tab(Some(word), group(t, kind, found).title, count))
                        }
                    }
                }
            }
        }
    }
}

/// The filters in force, each to take away by itself.
pub(super) fn chips(search: &Search) -> Markup {
    let (t, wish) = (search.reader.lang, &search.wish);
    let chips = set(t, wish);
    html! {
        @if !chips.is_empty() {
            ul.chips aria-label=(t.filters_set()) {
                @for (name, value, without) in &chips {
                    li {
                        a.chip href=(wish.with(without.clone()).path()) aria-label=(t.remove_filter(&format!("{name}: {value}"))) {
                            (name) ": " (value) " ×"
                        }
                    }
                }
                li { a href=(wish.with(Filters::default()).path()) { (t.remove_filters()) } }
            }
        }
    }
}

/// Each filter in force: what it is called, its value, and the filters without it.
pub(super) fn set(t: Lang, wish: &Wish) -> Vec<(&'static str, String, Filters)> {
    let mut chips = Vec::new();
    let filters = &wish.filters;
    if let Some(name) = &filters.namespace {
        let without = Filters { namespace: None, ..filters.clone() };
        chips.push((t.facet_namespace(), name.to_string(), without));
    }
    if let Some(is) = filters.visibility {
        let without = Filters { visibility: None, ..filters.clone() };
        chips.push((t.facet_visibility(), t.visibility_word(is.as_str()).to_owned(), without));
    }
    if let Some(platform) = &filters.platform {
        let without = Filters { platform: None, ..filters.clone() };
        chips.push((t.facet_platform(), platform.to_string(), without));
    }
    if let Some(since) = filters.since {
        let without = Filters { since: None, ..filters.clone() };
        chips.push((t.facet_since(), since_word(t, since).to_owned(), without));
    }
    chips
}

/// One value of a facet.
struct Value {
    shown: String,
    count: usize,
    chosen: bool,
    /// Where a click leads: to the hits of this value, or of all again.
    filters: Filters,
}

/// All facets, with numbers.
pub(super) fn sidebar(search: &Search, found: &Results) -> Markup {
    let (t, wish, facets) = (search.reader.lang, &search.wish, &found.facets);
    let filters = &wish.filters;
    let namespaces = facets.namespaces.iter().map(|(name, count)| {
        let chosen = filters.namespace.as_ref() == Some(name);
        let namespace = (!chosen).then(|| name.clone());
        let filters = Filters { namespace, ..filters.clone() };
        Value { shown: name.to_string(), count: *count, chosen, filters }
    });
    let visibilities = facets.visibilities.iter().map(|(is, count)| {
        let chosen = filters.visibility == Some(*is);
        let filters = Filters { visibility: (!chosen).then_some(*is), ..filters.clone() };
        Value { shown: visibility(t, *is), count: *count, chosen, filters }
    });
    let platforms = facets.platforms.iter().map(|(name, count)| {
        let chosen = filters.platform.as_ref().is_some_and(|platform| platform.as_str() == name);
        let platform = if chosen { None } else { name.parse().ok() };
        let filters = Filters { platform, ..filters.clone() };
        Value { shown: name.clone(), count: *count, chosen, filters }
    });
    let since = facets.since.iter().map(|(since, count)| {
        let chosen = filters.since == Some(*since);
        let filters = Filters { since: (!chosen).then_some(*since), ..filters.clone() };
        Value { shown: since_word(t, *since).to_owned(), count: *count, chosen, filters }
    });
    let groups: [(&str, Vec<Value>); 4] = [
        (t.facet_namespace(), namespaces.collect()),
        (t.facet_visibility(), visibilities.collect()),
        (t.facet_platform(), platforms.collect()),
        (t.facet_since(), since.collect()),
    ];
    html! {
        @if groups.iter().any(|(_, values)| !values.is_empty()) {
            aside.facets id="narrow" aria-label=(t.narrow_down()) {
                @for (title, values) in &groups {
                    @if !values.is_empty() {
                        h2 { (title) }
                        ul {
                            @for value in values {
                                li {
                                    a href=(wish.with(value.filters.clone()).path()) aria-current=[value.chosen.then_some("true")] {
                                        span { (value.shown) } " "
                                        span.count { (thousands(number(value.count))) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn visibility(t: Lang, is: Visibility) -> String {
    t.visibility_word(is.as_str()).to_owned()
}

fn since_word(t: Lang, since: Since) -> &'static str {
    match since {
        Since::Day => t.since_day(),
        Since::Week => t.since_week(),
        Since::Month => t.since_month(),
        Since::Year => t.since_year(),
    }
}
