//! The form in which a description is changed, wherever there is one. What was typed is not lost
//! when it is refused, and nobody's words are replaced unseen: the form knows which text it was drawn
//! from, and when that is no longer the one that is there, it is answered with 409 and both.

use http::StatusCode;
use maud::{Markup, html};
use sha2::{Digest as _, Sha256};

use super::components::textarea;
use crate::texts::Lang;

/// What the form shows.
#[derive(Default)]
pub(super) struct Described {
    /// What is in the field.
    text: String,
    /// Which text is there, as far as whoever sends the form has seen.
    was: String,
    /// Why what was typed was refused.
    wrong: Option<String>,
    /// What somebody else has written since the form was drawn.
    meanwhile: Option<String>,
}

impl Described {
    /// To be changed.
    pub(super) fn of(now: &str) -> Self {
        Self { text: now.to_owned(), was: print(now), ..Self::default() }
    }

    /// Refused as it was typed.
    pub(super) fn refused(typed: &str, now: &str, why: String) -> Self {
        Self { text: typed.to_owned(), was: print(now), wrong: Some(why), meanwhile: None }
    }

    /// Typed over a text, known by `was`, that is no longer the one that is there. `None` when it is,
    /// when both say the same, and for those whose form does not tell.
    pub(super) fn clash(typed: &str, was: &str, now: &str) -> Option<Self> {
        let clash = !was.is_empty() && was != print(now) && typed != now;
        clash.then(|| Self {
            text: typed.to_owned(),
            was: print(now),
            wrong: None,
            meanwhile: Some(now.to_owned()),
        })
    }

    /// As what an answer with this form goes.
    pub(super) fn status(&self) -> StatusCode {
        match self.meanwhile {
            Some(_) => StatusCode::CONFLICT,
            None => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    /// The fields, inside of a form.
    pub(super) fn draw(&self, t: Lang, hint: Option<&str>) -> Markup {
        html! {
            @if let Some(now) = &self.meanwhile {
                div.notice.bad role="alert" {
                    p { (t.changed_meanwhile()) }
                    @if now.is_empty() { p { (t.says_nothing_now()) } } @else { blockquote.asis { (now) } }
                    p { (t.saving_replaces()) }
                }
            }
            input type="hidden" name="was" value=(self.was);
            (textarea("description", t.description(), hint, &self.text, self.wrong.as_deref()))
        }
    }
}

/// A typed text as it is kept: without blanks around, lines ended as on Unix.
pub(super) fn typed(text: &str) -> String {
    text.trim().replace("\r\n", "\n")
}

/// Enough of a text's SHA-256 to know it again.
pub(super) fn print(text: &str) -> String {
    let mut print = hex::encode(Sha256::digest(text));
    print.truncate(16);
    print
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_that_nobody_saw_are_in_the_way() {
        let drawn = Described::of("before");
        assert!(Described::clash("typed", &drawn.was, "before").is_none());
        assert!(Described::clash("after", &drawn.was, "after").is_none(), "both say the same");
        assert!(Described::clash("typed", "", "after").is_none(), "a program sends no print");
        let clash = Described::clash("typed", &drawn.was, "after").unwrap();
        assert_eq!((clash.status(), clash.text.as_str()), (StatusCode::CONFLICT, "typed"));
        // Whoever has seen the other's words may replace them.
        assert!(Described::clash("typed", &clash.was, "after").is_none());
        assert!(Described::clash("typed", &clash.was, "again another").is_some());
    }
}
