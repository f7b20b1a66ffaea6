//! `GET /repositories`: the list, in any order, filtered.
//!
//! An order and every filter is part of the address, so what one sees can be sent to somebody else,
//! who sees of it what they may.

use axum::extract::State;
use axum::response::Response;
use domain::name::{NamespaceName, RegistryName};
use domain::namespace::Visibility;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use projections::repositories::{
    self, Cursor, Filter, MOST_WALKED, Order, RepositoryRow, Slice, Sort,
};

use super::{last_push, seen_by};
use crate::error::PageError;
use crate::texts::{Lang, Word, thousands};
use crate::ui::UiState;
use crate::ui::components::{chips, empty, pager, scroll, select};
use crate::ui::reader::Reader;
use crate::ui::visitor::{Params, Registries, Visitor, query, visibilities};

/// Rows on one page.
const ROWS: i64 = 50;
/// The longest part of a name that is looked for, in bytes: the longest name.
const MAX_PART_BYTES: usize = domain::name::RepositoryName::MAX_BYTES;
/// For how many days back one may ask for pushes.
const DAYS: [i64; 4] = [1, 7, 30, 365];
const PATH: &str = "/repositories";

/// What the address asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ui) struct Asked {
    pub(in crate::ui) order: Order,
    pub(in crate::ui) registry: Option<String>,
    pub(in crate::ui) namespace: Option<String>,
    pub(in crate::ui) visibility: Option<Visibility>,
    /// Part of the name, or its beginning where it ends with `*`.
    pub(in crate::ui) name: Option<String>,
    /// Pushed to within so many days.
    pub(in crate::ui) days: Option<i64>,
    pub(in crate::ui) starred: bool,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            order: Order::by(Sort::Name),
            registry: None,
            namespace: None,
            visibility: None,
            name: None,
            days: None,
            starred: false,
        }
    }
}

impl Asked {
    /// What is no filter of ours is none.
    fn parse(params: &Params) -> Self {
        let short = |name: &str| {
            let text = params.get(name).filter(|text| text.len() <= MAX_PART_BYTES);
            text.map(|text| text.replace('\0', ""))
        };
        Self {
            order: params.get("sort").and_then(order).unwrap_or(Order::by(Sort::Name)),
            registry: short("registry"),
            namespace: short("namespace"),
            visibility: params.get("visibility").and_then(Visibility::parse),
            name: short("name").filter(|name| name != "*"),
            days: params
                .get("days")
                .and_then(|days| days.parse().ok())
                .filter(|days| DAYS.contains(days)),
            starred: params.get("starred").is_some(),
        }
    }

    /// The same, of the read model; `None`: there can be none.
    fn filter(&self, visitor: &Visitor, registries: &Registries) -> Option<Filter> {
        let namespace = match &self.namespace {
            None => None,
            Some(name) => {
                let registry = match &self.registry {
                    Some(registry) => RegistryName::parse(registry).ok()?,
                    None => registries.default()?,
                };
                Some((registry, NamespaceName::parse(name).ok()?))
            }
        };
        let name = self.name.as_deref().map(str::to_lowercase);
        let prefix = name.as_deref().and_then(|name| name.strip_suffix('*')).map(str::to_owned);
        Some(Filter {
            namespace,
            visibility: self.visibility,
            part: name.filter(|_| prefix.is_none()),
            prefix,
            since: self.days.map(|days| days_before(visitor.viewer.at(), days)),
            starred_by: visitor.viewer.user().filter(|_| self.starred).cloned(),
        })
    }

    fn is_filtered(&self) -> bool {
        let order = self.order;
        *self != Self { order, ..Self::default() }
    }

    /// The page of this, from `after` on.
    fn path(&self, after: Option<&str>) -> String {
        let days = self.days.map(|days| days.to_string());
        let sort = (self.order != Order::by(Sort::Name)).then(|| word(self.order));
        let pairs = [
            ("sort", sort.as_deref()),
            ("name", self.name.as_deref()),
            ("registry", self.registry.as_deref()),
            ("namespace", self.namespace.as_deref()),
            ("visibility", self.visibility.map(Visibility::as_str)),
            ("days", days.as_deref()),
            ("starred", self.starred.then_some("yes")),
            ("after", after),
        ];
        format!("{PATH}{}", query(&pairs))
    }

    fn without(&self, gone: &str) -> String {
        let mut rest = self.clone();
        match gone {
            "name" => rest.name = None,
            "registry" => rest.registry = None,
            "namespace" => rest.namespace = None,
            "visibility" => rest.visibility = None,
            "days" => rest.days = None,
            _ => rest.starred = false,
        }
        rest.path(None)
    }
}

fn days_before(at: Timestamp, days: i64) -> Timestamp {
    at.checked_sub(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// `stars` for the least first, `-stars` for the most first.
fn order(word: &str) -> Option<Order> {
    let (descending, word) = match word.strip_prefix('-') {
        Some(word) => (true, word),
        None => (false, word),
    };
    Some(Order { sort: Sort::parse(word)?, descending })
}

fn word(order: Order) -> String {
    format!("{}{}", if order.descending { "-" } else { "" }, order.sort.as_str())
}

/// `GET /repositories`
pub(in crate::ui) async fn list(
    State(ui): State<UiState>,
    mut visitor: Visitor,
) -> Result<Response, PageError> {
    let words =
        Sort::EVERY.map(|sort| [false, true].map(|descending| word(Order { sort, descending })));
    visitor.knows("sort", words.as_flattened().iter().map(String::as_str));
    visitor.knows("visibility", visibilities());
    visitor.knows("days", DAYS.map(|days| days.to_string()).iter().map(String::as_str));
    let visible = visitor.viewer.visible();
    let asked = Asked::parse(&visitor.params);
    let after = visitor.params.get("after").and_then(|after| after.parse::<Cursor>().ok());
    let after = after.filter(|after| after.order == asked.order);
    let registries = ui.registries().await?;
    let slice = match asked.filter(&visitor, &registries) {
        None => Slice { rows: Vec::new(), next: None, cut: false },
        Some(filter) => {
            let (order, after) = (asked.order, after.as_ref());
            repositories::browse(&ui.read, &visible, &filter, order, after, ROWS).await?
        }
    };
    let list = List {
        slice,
        asked,
        first: after.is_none(),
        may_star: visitor.viewer.user().is_some(),
        now: visitor.viewer.at(),
        registries,
        reader: visitor.reader(),
    };
    Ok(visitor.show(visitor.lang().repositories_title(), body(&list)))
}

/// What the list shows.
pub(in crate::ui) struct List {
    pub(in crate::ui) slice: Slice,
    pub(in crate::ui) asked: Asked,
    pub(in crate::ui) first: bool,
    /// Whether the viewer can have starred anything.
    pub(in crate::ui) may_star: bool,
    pub(in crate::ui) now: Timestamp,
    pub(in crate::ui) registries: Registries,
    pub(in crate::ui) reader: Reader,
}

pub(in crate::ui) fn body(list: &List) -> Markup {
    let (t, asked, slice) = (list.reader.lang, &list.asked, &list.slice);
    let first = (!list.first).then(|| asked.path(None));
    let next = slice.next.as_ref().map(|next| asked.path(Some(&next.to_string())));
    html! {
        h1 { (t.repositories_title()) }
        (filters(list))
        (shown_chips(t, asked))
        @if !slice.rows.is_empty() {
            (scroll(t.repositories_title(), table(list)))
        } @else if !slice.cut {
            (nothing(t, asked))
        }
        @if slice.cut {
            p.notice.warn role="status" { (t.looked_at(&thousands(MOST_WALKED))) }
        }
        (pager(t, first.as_deref(), next.as_deref()))
    }
}

fn nothing(t: Lang, asked: &Asked) -> Markup {
    empty(html! {
        @if asked.is_filtered() {
            p role="status" { (t.no_repository_fits()) }
            p { a href=(PATH) { (t.all_repositories()) } }
        } @else {
            p { (t.no_repository()) }
            p { a href="/help" { (t.how_to_push()) } }
        }
    })
}

fn filters(list: &List) -> Markup {
    let (t, asked) = (list.reader.lang, &list.asked);
    let value = |value: &Option<String>| value.clone().unwrap_or_default();
    let days = asked.days.map(|days| days.to_string()).unwrap_or_default();
    let last_days = DAYS.map(|days| (days.to_string(), t.last_days(days)));
    let since: Vec<_> = std::iter::once(("", t.any()))
        .chain(last_days.iter().map(|(days, words)| (days.as_str(), words.as_str())))
        .collect();
    let seen_by = [
        ("", t.any()),
        ("public", t.visibility_word("public")),
        ("protected", t.visibility_word("protected")),
        ("private", t.visibility_word("private")),
    ];
    let places: Vec<_> = std::iter::once(("", t.any()))
        .chain(list.registries.0.iter().map(|row| (row.name.as_str(), row.host.as_str())))
        .collect();
    html! {
        form.filters action=(PATH) method="get" {
            div.field {
                label for="name" { (t.name()) }
                input id="name" name="name" type="text" value=(value(&asked.name)) placeholder=(t.part_or_beginning()) autocomplete="off" autocapitalize="none" spellcheck="false";
            }
            @if list.registries.0.len() > 1 {
                (select("registry", t.registry(), &value(&asked.registry), &places))
            }
            div.field {
                label for="namespace" { (t.namespace()) }
                input id="namespace" name="namespace" type="text" value=(value(&asked.namespace)) autocomplete="off" autocapitalize="none" spellcheck="false";
            }
            (select("visibility", t.visibility(), asked.visibility.map_or("", Visibility::as_str), &seen_by))
            (select("days", t.last_push(), &days, &since))
            (orders(t, asked.order))
            @if list.may_star {
                div.choice {
                    input id="starred" name="starred" type="checkbox" value="yes" checked[asked.starred];
                    label for="starred" { (t.only_starred()) }
                }
            }
            button type="submit" { (t.filter()) }
        }
    }
}

/// The column of each order.
const COLUMNS: [(Sort, Word); 7] = [
    (Sort::Name, Lang::name),
    (Sort::Tags, Lang::tags_title),
    (Sort::Size, Lang::size),
    (Sort::Pushed, Lang::last_push),
    (Sort::Pulled, Lang::last_pull),
    (Sort::Pulls, Lang::pulls_title),
    (Sort::Stars, Lang::stars_title),
];

/// For phones, where the table has no head to choose the order by.
fn orders(t: Lang, chosen: Order) -> Markup {
    let usual = COLUMNS.map(|(sort, words)| (word(Order::by(sort)), words(t)));
    let turned = Order { descending: !chosen.descending, ..chosen };
    let reversed = (Order::by(chosen.sort) == turned)
        .then(|| COLUMNS.iter().find(|(sort, _)| *sort == chosen.sort))
        .flatten()
        .map(|(_, words)| (word(chosen), t.reversed(words(t))));
    let mut all: Vec<(&str, &str)> =
        usual.iter().map(|(word, words)| (word.as_str(), *words)).collect();
    all.extend(reversed.as_ref().map(|(word, words)| (word.as_str(), words.as_str())));
    select("sort", t.order_by(), &word(chosen), &all)
}

fn shown_chips(t: Lang, asked: &Asked) -> Markup {
    let all = [
        ("name", t.name(), asked.name.clone()),
        ("registry", t.registry(), asked.registry.clone()),
        ("namespace", t.namespace(), asked.namespace.clone()),
        (
            "visibility",
            t.visibility(),
            asked.visibility.map(|v| t.visibility_word(v.as_str()).to_owned()),
        ),
        ("days", t.last_push(), asked.days.map(|days| t.last_days(days))),
        ("starred", t.starred(), asked.starred.then(|| t.access_yes().to_owned())),
    ];
    let clear = Asked { order: asked.order, ..Asked::default() }.path(None);
    chips(t, &all, |gone| asked.without(gone), &clear)
}

fn table(list: &List) -> Markup {
    let (t, reader) = (list.reader.lang, &list.reader);
    let head = |sort: Sort| head(t, &list.asked, sort);
    html! {
        table.stack data-rows {
            caption { (t.repositories_caption()) }
            thead { tr {
                (head(Sort::Name)) th scope="col" { (t.visibility()) }
                (head(Sort::Tags)) (head(Sort::Size)) (head(Sort::Pushed)) (head(Sort::Pulled))
                (head(Sort::Pulls)) th.number scope="col" { (t.pulls_of_days()) } (head(Sort::Stars))
            } }
            tbody { @for row in &list.slice.rows { (line(list, reader, row)) } }
        }
    }
}

fn line(list: &List, reader: &Reader, row: &RepositoryRow) -> Markup {
    let t = reader.lang;
    html! {
        tr {
            th scope="row" { a href=(list.registries.repository(&row.registry, &row.name)) { (list.registries.called(&row.registry, &row.name)) } }
            td data-label=(t.visibility()) { (seen_by(t, row)) }
            td.number data-label=(t.tags_title()) { (thousands(row.tags)) }
            td.number.nowrap data-label=(t.size()) { (reader.bytes(Some(row.size).filter(|size| *size > 0))) }
            td data-label=(t.last_push()) { (last_push(reader, row)) }
            td data-label=(t.last_pull()) { (reader.time_or_never(row.last_pull_at)) }
            td.number data-label=(t.pulls_title()) { (thousands(row.pulls)) }
            td.number data-label=(t.pulls_of_days()) { (thousands(row.recent_pulls(list.now))) }
            td.number data-label=(t.stars_title()) { (thousands(row.stars)) }
        }
    }
}

/// A column by which the list can be ordered; once more turns it round.
fn head(t: Lang, asked: &Asked, sort: Sort) -> Markup {
    let words = COLUMNS.iter().find(|(column, _)| *column == sort).map_or("", |(_, word)| word(t));
    let here = asked.order.sort == sort;
    let order = match here {
        true => Order { sort, descending: !asked.order.descending },
        false => Order::by(sort),
    };
    let aria = here.then_some(if asked.order.descending { "descending" } else { "ascending" });
    let arrow = match aria {
        Some("descending") => " ↓",
        Some(_) => " ↑",
        None => "",
    };
    let number = matches!(sort, Sort::Tags | Sort::Size | Sort::Pulls | Sort::Stars);
    let path = Asked { order, ..asked.clone() }.path(None);
    html! {
        th scope="col" class=[number.then_some("number")] aria-sort=[aria] {
            a href=(path) { (words) span aria-hidden="true" { (arrow) } }
            // On a phone the head is there to be read aloud alone, and orders nothing.
            span.aloud { (words) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_address_asks_for_is_in_every_link() {
        let address =
            "sort=-stars&name=app%2F*&namespace=team&visibility=public&days=7&starred=yes";
        let asked = Asked::parse(&Params::parse(address));
        assert_eq!(
            asked.path(None),
            format!("/repositories?{address}").replace("name=app%2F*", "name=app%2F*")
        );
        assert!(asked.path(Some("-stars 3 7")).ends_with("&after=-stars+3+7"));
        assert!(!asked.without("name").contains("app"));
        assert!(asked.is_filtered());
    }

    #[test]
    fn what_is_no_filter_of_ours_is_none() {
        let long = "x".repeat(MAX_PART_BYTES + 1);
        for address in [
            "sort=owner",
            "sort=--name",
            "visibility=secret",
            "days=2",
            "days=-7",
            "name=*",
            &format!("name={long}"),
            "page=3",
        ] {
            assert_eq!(Asked::parse(&Params::parse(address)), Asked::default(), "{address}");
        }
        let most = "x".repeat(MAX_PART_BYTES);
        assert_eq!(Asked::parse(&Params::parse(&format!("name={most}"))).name, Some(most));
    }
}
