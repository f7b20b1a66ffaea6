//! The tags of one repository: the newest first, or by name, from wherever a page begins.

use domain::name::{RegistryName, RepositoryName};
use jiff::Timestamp;
use maud::{Markup, html};
use projections::tags::{self, TagRow};
use projections::{Paging, ReadModels};

use super::{ROWS, Repository};
use crate::texts::Lang;
use crate::ui::components::select;
use crate::ui::visitor::{Params, query};

/// With fewer tags nobody needs to look for one.
const WORTH_SORTING: i64 = 6;
/// The longest beginning of a name that is looked for, in bytes: the longest name.
const MAX_BEGINS: usize = 128;

/// Orders to choose from.
pub(in crate::ui) const ORDERS: [&str; 2] = ["newest", "name"];

/// Which tags, in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::ui) struct Asked {
    /// By name, and not the newest first.
    by_name: bool,
    /// Whose names begin so; these come by name.
    begins: String,
    after: Option<String>,
}

impl Asked {
    /// What does not fit is left out: such a link is old, or typed by hand.
    pub(super) fn of(params: &Params) -> Self {
        let begins = params.get("begins").unwrap_or_default();
        let begins = if begins.len() <= MAX_BEGINS { begins.to_owned() } else { String::new() };
        Self {
            by_name: params.get("sort") == Some("name") || !begins.is_empty(),
            begins,
            after: params.get("after").map(str::to_owned),
        }
    }

    /// Whether this is the first page.
    pub(super) fn is_first(&self) -> bool {
        self.after.is_none()
    }

    /// The page's address behind `path`, from its beginning or from behind a tag on.
    pub(super) fn link(&self, path: &str, after: Option<&str>) -> String {
        let sort = (self.by_name && self.begins.is_empty()).then_some("name");
        let begins = Some(self.begins.as_str()).filter(|begins| !begins.is_empty());
        format!("{path}{}", query(&[("sort", sort), ("begins", begins), ("after", after)]))
    }

    /// The tags of this page, and what stands behind the last one where there are more.
    pub(super) async fn rows(
        &self,
        read: &ReadModels,
        registry: &RegistryName,
        repository: &RepositoryName,
    ) -> Result<(Vec<TagRow>, Option<String>), sqlx::Error> {
        let mut rows = if self.by_name {
            let paging = Paging { after: self.after.clone(), offset: 0, limit: ROWS + 1 };
            tags::list(read, registry, repository, &self.begins, &paging).await?
        } else {
            let after = self.after.as_deref().and_then(behind);
            let paging = Paging { after, offset: 0, limit: ROWS + 1 };
            tags::newest(read, registry, repository, &paging).await?
        };
        let most = usize::try_from(ROWS).unwrap_or(usize::MAX);
        let more = rows.len() > most;
        rows.truncate(most);
        let next = rows.last().filter(|_| more).map(|tag| match self.by_name {
            true => tag.name.clone(),
            false => format!("{}-{}", tag.changed_at.as_microsecond(), tag.name),
        });
        Ok((rows, next))
    }
}

/// What a link says of the tag that the page before ended with: `<microseconds>-<name>`.
fn behind(text: &str) -> Option<(Timestamp, String)> {
    let (at, name) = text.split_once('-')?;
    Some((Timestamp::from_microsecond(at.parse().ok()?).ok()?, name.to_owned()))
}

/// How to find a tag among many.
pub(super) fn filters(t: Lang, page: &Repository, path: &str) -> Markup {
    let Asked { by_name, begins, .. } = &page.asked;
    let worth = page.head.row.tags >= WORTH_SORTING || !begins.is_empty();
    let sort = if *by_name { "name" } else { "newest" };
    html! {
        @if worth {
            form.filters action=(path) method="get" {
                div.field {
                    label for="begins" { (t.tag_begins()) }
                    input id="begins" name="begins" type="text" value=(begins) maxlength=(MAX_BEGINS) autocomplete="off" autocapitalize="none" spellcheck="false";
                }
                (select("sort", t.order_by(), sort, &[("newest", t.newest_first()), ("name", t.name())]))
                button type="submit" { (t.filter()) }
                @if !begins.is_empty() { a href=(path) { (t.all_tags()) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_says_what_was_asked_and_nothing_else() {
        let asked = |text: &str| Asked::of(&Params::parse(text));
        for (text, link) in [
            ("", "/r/a"),
            ("sort=newest", "/r/a"),
            ("sort=name", "/r/a?sort=name"),
            ("sort=other&other=1", "/r/a"),
            ("begins=1.2", "/r/a?begins=1.2"),
            ("begins=1.2&sort=newest", "/r/a?begins=1.2"),
        ] {
            assert_eq!(asked(text).link("/r/a", None), link, "{text}");
        }
        assert_eq!(asked("").link("/r/a", Some("17-v1")), "/r/a?after=17-v1");
        assert_eq!(asked(&format!("begins={}", "a".repeat(MAX_BEGINS))).begins.len(), MAX_BEGINS);
        assert_eq!(asked(&format!("begins={}", "a".repeat(MAX_BEGINS + 1))).begins, "");
    }

    #[test]
    fn a_place_that_is_none_is_the_beginning() {
        let at = Timestamp::from_microsecond(17).unwrap();
        assert_eq!(behind("17-v1-rc"), Some((at, "v1-rc".to_owned())));
        for text in ["", "17", "-", "x-v1", "99999999999999999999-v1", "9223372036854775807-v1"] {
            assert_eq!(behind(text), None, "{text}");
        }
    }
}
