//! Parts of pages: functions from data to markup. Everything that is text is escaped by maud.

use maud::{Markup, html};

use crate::texts::Lang;

/// A command to copy. It can be reached by keyboard, because it may be wider than the screen.
pub(super) fn command(t: Lang, label: &str, text: &str) -> Markup {
    html! {
        div.command {
            code tabindex="0" role="region" aria-label=(label) { (text) }
            (copy(t, label, text))
        }
    }
}

/// As [`command`], for the first of a page: the key `c` copies it.
pub(super) fn first_command(t: Lang, label: &str, text: &str) -> Markup {
    html! { div data-first-command { (command(t, label, text)) } }
}

/// A button that copies `text`. Only script can, so without script there is none.
pub(super) fn copy(t: Lang, label: &str, text: &str) -> Markup {
    html! {
        button.small type="button" data-copy=(text) hidden aria-label=(t.copy_of(label)) { (t.copy()) }
    }
}

/// Several lines to copy, such as a part of a file.
pub(super) fn block(t: Lang, label: &str, text: &str) -> Markup {
    html! {
        div.block {
            pre.code tabindex="0" role="region" aria-label=(label) { (text) }
            (copy(t, label, text))
        }
    }
}

/// A digest's first twelve digits; all of it for those who ask.
pub(super) fn digest(digest: &str) -> Markup {
    let hex = digest.split_once(':').map_or(digest, |(_, hex)| hex);
    let short: String = hex.chars().take(12).collect();
    html! { code title=(digest) { (short) } }
}

/// A namespace's visibility: a word, never a colour alone.
pub(super) fn visibility(t: Lang, stored: &str) -> Markup {
    let class = match stored {
        "public" => "badge ok",
        "private" => "badge warn",
        _ => "badge",
    };
    html! { span class=(class) { (t.visibility_word(stored)) } }
}

/// What became of something: a word, never a colour alone.
pub(super) fn outcome(t: Lang, stored: &str) -> Markup {
    let class = match stored {
        "granted" => "badge ok",
        "refused" => "badge bad",
        "reduced" => "badge warn",
        _ => "badge",
    };
    html! { span class=(class) { (t.outcome_word(stored)) } }
}

/// A table that scrolls by itself where it must, so that the page does not.
pub(super) fn scroll(label: &str, table: Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(label) { (table) } }
}

/// Nothing to show: what would be here, and how to change that.
pub(super) fn empty(text: Markup) -> Markup {
    html! { div.empty { (text) } }
}

/// A field of a form.
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    pub(super) label: &'a str,
    pub(super) hint: Option<&'a str>,
    pub(super) kind: &'a str,
    pub(super) value: &'a str,
    pub(super) autocomplete: &'a str,
    pub(super) required: bool,
    /// The list to choose from.
    pub(super) suggestions: Option<&'a str>,
    /// Where script asks for others while somebody types, and which other fields it sends along.
    pub(super) ask: Option<(&'a str, &'a str)>,
    pub(super) wrong: Option<&'a str>,
}

impl<'a> Field<'a> {
    /// A line of text.
    pub(super) fn text(name: &'a str, label: &'a str) -> Self {
        let (kind, autocomplete) = ("text", "off");
        Self {
            name,
            label,
            hint: None,
            kind,
            value: "",
            autocomplete,
            required: true,
            suggestions: None,
            ask: None,
            wrong: None,
        }
    }

    /// A secret: never filled in by us.
    pub(super) fn secret(name: &'a str, label: &'a str, autocomplete: &'a str) -> Self {
        Self { kind: "password", autocomplete, ..Self::text(name, label) }
    }

    pub(super) fn draw(&self) -> Markup {
        let (hint, wrong) = (format!("{}-hint", self.name), format!("{}-wrong", self.name));
        let described: Vec<&str> = [
            self.hint.is_some().then_some(hint.as_str()),
            self.wrong.is_some().then_some(wrong.as_str()),
        ]
        .into_iter()
        .flatten()
        .collect();
        let described = (!described.is_empty()).then(|| described.join(" "));
        html! {
            div.field {
                label for=(self.name) { (self.label) }
                @if let Some(text) = self.hint { span.hint id=(hint) { (text) } }
                input id=(self.name) name=(self.name) type=(self.kind) value=(self.value)
                    autocomplete=(self.autocomplete) autocapitalize="none" spellcheck="false"
                    required[self.required] list=[self.suggestions]
                    hx-get=[self.ask.map(|(path, _)| path)]
                    hx-trigger=[self.ask.map(|_| "input changed delay:150ms")]
                    hx-target=[self.ask.and(self.suggestions).map(|id| format!("#{id}"))]
                    hx-swap=[self.ask.map(|_| "innerHTML")]
                    hx-sync=[self.ask.map(|_| "this:replace")]
                    hx-include=[self.ask.map(|(_, with)| with).filter(|with| !with.is_empty())]
                    aria-describedby=[described]
                    aria-invalid=[self.wrong.map(|_| "true")];
                @if let Some(text) = self.wrong { span.wrong id=(wrong) { (text) } }
            }
        }
    }
}

/// A longer text.
pub(super) fn textarea(
    name: &str,
    label: &str,
    hint: Option<&str>,
    value: &str,
    wrong: Option<&str>,
) -> Markup {
    let (hint_id, wrong_id) = (format!("{name}-hint"), format!("{name}-wrong"));
    let described = match (hint, wrong) {
        (None, None) => None,
        (Some(_), None) => Some(hint_id.clone()),
        (None, Some(_)) => Some(wrong_id.clone()),
        (Some(_), Some(_)) => Some(format!("{hint_id} {wrong_id}")),
    };
    html! {
        div.field.wide {
            label for=(name) { (label) }
            @if let Some(text) = hint { span.hint id=(hint_id) { (text) } }
            // A line feed directly after the tag is not part of the text (HTML, 13.1.2.5).
            textarea id=(name) name=(name) rows="4" aria-describedby=[described]
                aria-invalid=[wrong.map(|_| "true")] { "\n" (value) }
            @if let Some(text) = wrong { span.wrong id=(wrong_id) { (text) } }
        }
    }
}

/// A choice among a few: value, words.
pub(super) fn select(name: &str, label: &str, chosen: &str, options: &[(&str, &str)]) -> Markup {
    html! {
        div.field {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                @for (value, words) in options { option value=(value) selected[*value == chosen] { (words) } }
            }
        }
    }
}

/// A choice among a few that need a sentence each: value, words, sentence.
pub(super) fn cards(
    name: &str,
    legend: &str,
    chosen: &str,
    options: &[(&str, &str, &str)],
) -> Markup {
    html! {
        fieldset.cards {
            legend { (legend) }
            @for (value, words, sentence) in options {
                @let id = format!("{name}-{value}");
                div.choice {
                    input id=(id) type="radio" name=(name) value=(value) checked[*value == chosen] required
                        aria-describedby=(format!("{id}-about"));
                    div { label for=(id) { (words) } span.hint id=(format!("{id}-about")) { (sentence) } }
                }
            }
        }
    }
}

/// What is wrong with a form, above it.
pub(super) fn wrong(text: Option<&str>) -> Markup {
    html! { @if let Some(text) = text { p.notice.bad role="alert" { (text) } } }
}

/// The parts of one thing, as links; the current one is marked.
pub(super) fn tabs(label: &str, entries: &[(String, &str, bool)]) -> Markup {
    html! {
        nav.tabs aria-label=(label) {
            ul {
                @for (path, name, here) in entries {
                    li { a href=(path) aria-current=[here.then_some("page")] { (name) } }
                }
            }
        }
    }
}

/// What a list is filtered by, each to take away by itself: name, words, value; `without` is the
/// list without one of them.
pub(super) fn chips(
    t: Lang,
    all: &[(&str, &str, Option<String>)],
    without: impl Fn(&str) -> String,
    clear: &str,
) -> Markup {
    html! {
        @if all.iter().any(|(.., value)| value.is_some()) {
            ul.chips {
                @for (name, words, value) in all {
                    @if let Some(value) = value {
                        li { a.chip href=(without(name)) aria-label=(t.remove_filter(&format!("{words}: {value}"))) { (words) ": " (value) " ×" } }
                    }
                }
                li { a href=(clear) { (t.clear()) } }
            }
        }
    }
}

/// The way to the first and to the next page of a list.
pub(super) fn pager(t: Lang, first: Option<&str>, next: Option<&str>) -> Markup {
    html! {
        @if first.is_some() || next.is_some() {
            nav.pages aria-label=(t.pages_of_list()) {
                @if let Some(path) = first { a.button href=(path) { (t.first_page()) } }
                @if let Some(path) = next { a.button href=(path) rel="next" { (t.next_page()) } }
            }
        }
    }
}

/// A form that is one button.
pub(super) fn button(
    token: &str,
    action: &str,
    words: &str,
    class: &str,
    label: Option<&str>,
) -> Markup {
    html! {
        form.inline method="post" action=(action) {
            (csrf(token))
            button class=(class) type="submit" aria-label=[label] { (words) }
        }
    }
}

/// The hidden field that shows that a form is from a page of this session.
pub(super) fn csrf(token: &str) -> Markup {
    html! { input type="hidden" name="csrf" value=(token); }
}

/// Where somebody is: links to what lies above.
pub(super) fn crumbs(t: Lang, above: &[(String, String)]) -> Markup {
    html! {
        nav.crumbs aria-label=(t.breadcrumb()) {
            ol { @for (name, path) in above { li { a href=(path) { (name) } } } }
        }
    }
}
