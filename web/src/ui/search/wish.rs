//! What a search page is asked for: its address is all of its state.

use domain::name::NamespaceName;
use domain::namespace::Visibility;
use projections::search::{Filters, Kind, Platform, Since};

use super::super::visitor::{Params, query};
use super::KINDS;

/// A question with filters.
#[derive(Debug, Clone, Default)]
pub(in crate::ui) struct Wish {
    pub(in crate::ui) question: String,
    /// One kind alone, with its word in addresses.
    pub(in crate::ui) kind: Option<(&'static str, Kind)>,
    pub(in crate::ui) filters: Filters,
    /// Of the hits of one kind; from 0.
    pub(in crate::ui) page: usize,
}

impl Wish {
    /// As an address says; what it cannot mean counts as not said, and shows in no chip.
    pub(super) fn of(params: &Params) -> Self {
        let kind = params.get("kind");
        let kind = kind.and_then(|word| KINDS.into_iter().find(|(name, _)| *name == word));
        let page = params.get("page").and_then(|page| page.parse().ok());
        Self {
            question: params.get("q").unwrap_or_default().to_owned(),
            kind,
            filters: Filters {
                namespace: params.get("namespace").and_then(|name| NamespaceName::parse(name).ok()),
                visibility: params.get("visibility").and_then(visibility),
                platform: params.get("platform").and_then(|text| text.parse::<Platform>().ok()),
                since: params.get("since").and_then(Since::parse),
            },
            page: page.filter(|_| kind.is_some()).unwrap_or(0),
        }
    }

    /// Whether there is anything to look for.
    pub(super) fn asks(&self) -> bool {
        !self.question.trim().is_empty() || self.kind.is_some() || !self.filters.is_empty()
    }

    /// The address, from its first page on unless it says otherwise.
    pub(super) fn path(&self) -> String {
        let mut pairs = self.pairs();
        if self.page > 0 {
            pairs.push(("page", Some(self.page.to_string())));
        }
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_deref())).collect();
        format!("/search{}", query(&pairs))
    }

    /// The question first, then the rest, without the page.
    pub(super) fn pairs(&self) -> Vec<(&'static str, Option<String>)> {
        let Filters { namespace, visibility, platform, since } = &self.filters;
        let question = Some(self.question.clone()).filter(|text| !text.is_empty());
        vec![
            ("q", question),
            ("kind", self.kind.map(|(word, _)| word.to_owned())),
            ("namespace", namespace.as_ref().map(ToString::to_string)),
            ("visibility", visibility.map(|is| is.as_str().to_owned())),
            ("platform", platform.as_ref().map(ToString::to_string)),
            ("since", since.map(|since| since.as_str().to_owned())),
        ]
    }

    /// The same without filters.
    pub(super) fn unfiltered(&self) -> Self {
        Self { question: self.question.clone(), ..Self::default() }
    }

    /// The same with other filters, from the first page on.
    pub(super) fn with(&self, filters: Filters) -> Self {
        Self { filters, page: 0, ..self.clone() }
    }
}

fn visibility(word: &str) -> Option<Visibility> {
    let all = [Visibility::Private, Visibility::Protected, Visibility::Public];
    all.into_iter().find(|visibility| visibility.as_str() == word)
}
