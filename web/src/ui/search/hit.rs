//! One hit, with what was meant marked in it.

use domain::name::TeamName;
use maud::{Markup, html};
use projections::search::{EXACT_PULLS, Entry, Highlighter, Piece};

use super::super::components::{digest, visibility};
use super::super::reader::Reader;
use super::super::sentence::segment;
use super::super::visitor::Registries;
use crate::texts::Lang;

/// How hits of one question are drawn.
pub(super) struct Drawn<'a> {
    highlighter: Highlighter,
    registries: &'a Registries,
    reader: &'a Reader,
}

impl<'a> Drawn<'a> {
    pub(super) fn new(question: &str, registries: &'a Registries, reader: &'a Reader) -> Self {
        Self { highlighter: Highlighter::new(question), registries, reader }
    }

    /// Without its description, unless that is where the question was found.
    pub(super) fn short(&self, hit: &Entry) -> Markup {
        let snippet = self.highlighter.snippet(hit.description());
        self.draw(hit, snippet)
    }

    /// With its description.
    pub(super) fn full(&self, hit: &Entry) -> Markup {
        let text = hit.description();
        let snippet = self.highlighter.snippet(text);
        let beginning = || (!text.is_empty()).then(|| self.highlighter.beginning(text));
        self.draw(hit, snippet.or_else(beginning))
    }

    fn draw(&self, hit: &Entry, text: Option<Vec<Piece>>) -> Markup {
        let t = self.reader.lang;
        html! {
            li {
                a.name href=(self.path(hit)) { (marked(&self.highlighter.name(&self.called(hit)))) }
                @match hit {
                    Entry::Repository { stars, pulls: downloads, pushed_at, .. } => {
                        span.about {
                            (pulls(t, *downloads)) ", " (t.stars(big(*stars))) ", "
                            (t.pushed_ago(&self.reader.time_or_never(*pushed_at)))
                        }
                    }
                    Entry::Tag { digest: points, pushed_at, .. } => {
                        span.about { (digest(points.as_str())) ", " (t.pushed_ago(&self.reader.time(*pushed_at))) }
                    }
                    Entry::Manifest { digest: is, pushed_at, .. } => {
                        span.about { (self.begun(is.as_str())) ", " (t.pushed_ago(&self.reader.time(*pushed_at))) }
                    }
                    Entry::Namespace { visibility: seen, .. } => { (visibility(t, seen.as_str())) }
                    Entry::Team { .. } => { span.badge { (t.team()) } }
                }
                @if let Some(text) = text { span.snippet { (marked(&text)) } }
            }
        }
    }

    /// A digest whose beginning was looked for: longer than elsewhere, so that one sees it.
    fn begun(&self, digest: &str) -> Markup {
        let shown: String = digest.chars().take("sha256:".len() + 24).collect();
        html! { code title=(digest) { (marked(&self.highlighter.name(&shown))) "…" } }
    }

    /// As people call it: with the host of another registry than the first.
    fn called(&self, hit: &Entry) -> String {
        let called = |registry: &str, name: &str| self.registries.called(registry, name);
        match hit {
            Entry::Repository { registry, name, .. } => called(registry.as_str(), name.as_str()),
            Entry::Tag { registry, repository, tag, .. } => {
                format!("{}:{tag}", called(registry.as_str(), repository.as_str()))
            }
            Entry::Manifest { registry, repository, .. } => {
                called(registry.as_str(), repository.as_str())
            }
            Entry::Namespace { registry, name, .. } => called(registry.as_str(), name.as_str()),
            Entry::Team { name, .. } => name.to_string(),
        }
    }

    fn path(&self, hit: &Entry) -> String {
        let repository = |registry: &str, name: &str| self.registries.repository(registry, name);
        match hit {
            Entry::Repository { registry, name, .. } => {
                repository(registry.as_str(), name.as_str())
            }
            Entry::Tag { registry, repository: name, tag, .. } => {
                format!("{}/-/tags/{tag}", repository(registry.as_str(), name.as_str()))
            }
            Entry::Manifest { registry, repository: name, digest, .. } => {
                format!("{}/-/manifests/{digest}", repository(registry.as_str(), name.as_str()))
            }
            Entry::Namespace { registry, name, .. } => {
                self.registries.namespace(registry.as_str(), name.as_str())
            }
            Entry::Team { name, .. } => team(name),
        }
    }
}

/// Downloads: the index counts large numbers roughly, so they are not shown to the last digit.
fn pulls(t: Lang, pulls: u64) -> String {
    if pulls <= EXACT_PULLS {
        return t.pulls(big(pulls));
    }
    let step = 10_u64.pow(pulls.ilog10().saturating_sub(1));
    t.about_number(&t.pulls(big(pulls / step * step)))
}

fn big(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn marked(pieces: &[Piece]) -> Markup {
    html! {
        @for piece in pieces {
            @if piece.marked { mark { (piece.text) } } @else { (piece.text) }
        }
    }
}

fn team(name: &TeamName) -> String {
    format!("/teams/{}", segment(name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_of_downloads_are_rounded() {
        assert_eq!(pulls(Lang::En, 1), "1 pull");
        assert_eq!(pulls(Lang::En, 256), "256 pulls");
        assert_eq!(pulls(Lang::En, 257), "about 250 pulls");
        assert_eq!(pulls(Lang::En, 15_873), "about 15\u{202f}000 pulls");
        assert_eq!(pulls(Lang::De, 1_999_999), "etwa 1\u{202f}900\u{202f}000 Pulls");
        assert!(!pulls(Lang::En, u64::MAX).is_empty());
    }

    #[test]
    fn nothing_that_somebody_wrote_becomes_markup() {
        let pieces = Highlighter::new("b").snippet("a <b>bold</b> word").unwrap();
        let drawn = marked(&pieces).into_string();
        assert_eq!(drawn, "a &lt;<mark>b</mark>&gt;<mark>b</mark>old&lt;/<mark>b</mark>&gt; word");
    }
}
