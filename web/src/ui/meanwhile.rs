//! Two people who change the same thing at once. A form says what was there when it was drawn; when
//! something else is there by now, nothing is changed, and it is answered with 409 and both. For
//! longer texts: [`super::described`].

use maud::{Markup, html};

use super::described::print;
use crate::texts::Lang;

/// A choice among a few, as its form shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Chosen {
    /// What is marked.
    pub(super) mark: String,
    /// What is there, as far as whoever sends the form has seen; empty: it is not for them to see.
    was: String,
    /// What somebody else has chosen since the form was drawn.
    meanwhile: Option<String>,
}

impl Chosen {
    /// To be changed.
    pub(super) fn of(now: &str) -> Self {
        Self { mark: now.to_owned(), was: now.to_owned(), meanwhile: None }
    }

    /// Wished over something else than what is there.
    pub(super) fn over(wish: &str, now: &str) -> Self {
        let (mark, now) = (wish.to_owned(), now.to_owned());
        Self { mark, was: now.clone(), meanwhile: Some(now) }
    }

    /// The hidden field, and below a clash what is there now, in the reader's words.
    pub(super) fn draw(&self, t: Lang, word: impl Fn(&str) -> String) -> Markup {
        html! {
            @if let Some(now) = &self.meanwhile {
                div.notice.bad role="alert" {
                    p { (t.chosen_meanwhile(&word(now))) }
                    p { (t.choosing_replaces()) }
                }
            }
            input type="hidden" name="was" value=(self.was);
        }
    }
}

/// Whether `wish` would replace what whoever made it has not seen. Not when both want the same, and
/// not for programs, whose form does not tell.
pub(super) fn clashes(wish: &str, was: &str, now: &str) -> bool {
    !was.is_empty() && was != now && wish != now
}

/// Several short fields that are saved together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields {
    /// Which values are there, as far as whoever sends the form has seen.
    was: String,
    /// What is there now, if somebody else has changed it since the form was drawn: label and value.
    meanwhile: Vec<(&'static str, String)>,
}

impl Fields {
    /// To be changed.
    pub(super) fn of(now: &[&str]) -> Self {
        Self { was: print(&now.join("\n")), meanwhile: Vec::new() }
    }

    /// Typed over values that are no longer there; as [`clashes`], field by field.
    pub(super) fn clash(
        typed: &[&str],
        was: &str,
        now: &[&str],
        labels: &[&'static str],
    ) -> Option<Self> {
        let Self { was: seen, .. } = Self::of(now);
        let clash = !was.is_empty() && was != seen && typed != now;
        let values = now.iter().map(|value| (*value).to_owned());
        clash.then(|| Self { was: seen, meanwhile: labels.iter().copied().zip(values).collect() })
    }

    /// Whether somebody else was first.
    pub(super) fn is_clash(&self) -> bool {
        !self.meanwhile.is_empty()
    }

    /// The hidden field, and after a clash what is there now.
    pub(super) fn draw(&self, t: Lang) -> Markup {
        html! {
            @if self.is_clash() {
                div.notice.bad role="alert" {
                    p { (t.changed_meanwhile()) }
                    dl.list {
                        @for (label, value) in &self.meanwhile {
                            div { dt { (label) } dd { @if value.is_empty() { (t.says_nothing_now()) } @else { (value) } } }
                        }
                    }
                    p { (t.saving_replaces()) }
                }
            }
            input type="hidden" name="was" value=(self.was);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_choice_that_nobody_saw_is_in_the_way() {
        assert!(!clashes("owner", "viewer", "viewer"));
        assert!(clashes("owner", "viewer", "contributor"));
        assert!(!clashes("owner", "viewer", "owner"), "both want the same");
        assert!(!clashes("owner", "", "contributor"), "a program does not tell");
        let over = Chosen::over("owner", "contributor");
        assert_eq!((over.mark.as_str(), over.was.as_str()), ("owner", "contributor"));
        assert!(!clashes(&over.mark, &over.was, "contributor"), "whoever has seen it may");
    }

    #[test]
    fn only_fields_that_nobody_saw_are_in_the_way() {
        let drawn = Fields::of(&["a", "b"]);
        let labels = ["A", "B"];
        assert_eq!(Fields::clash(&["x", "b"], &drawn.was, &["a", "b"], &labels), None);
        assert_eq!(Fields::clash(&["a", "y"], &drawn.was, &["a", "y"], &labels), None);
        assert_eq!(Fields::clash(&["x", "b"], "", &["a", "y"], &labels), None);
        let clash = Fields::clash(&["x", "b"], &drawn.was, &["a", "y"], &labels).unwrap();
        assert!(clash.is_clash() && !drawn.is_clash());
        assert_eq!(clash.meanwhile, [("A", "a".to_owned()), ("B", "y".to_owned())]);
        assert_eq!(Fields::clash(&["x", "b"], &clash.was, &["a", "y"], &labels), None);
    }
}
