//! Parts of pages: functions from data to markup. Everything that is text is escaped by maud.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

/// A command to copy. It can be reached by keyboard, because it may be wider than the screen.
pub(super) fn command(label: &str, text: &str) -> Markup {
    html! {
        div.command {
            code tabindex="0" role="region" aria-label=(label) { (text) }
            (copy(label, text))
        }
    }
}

/// As [`command`], inside a table, where it breaks into lines.
pub(super) fn slim_command(label: &str, text: &str) -> Markup {
    html! { div.command.slim { code { (text) } (copy(label, text)) } }
}

fn copy(label: &str, text: &str) -> Markup {
    html! {
        button.small type="button" data-copy=(text) hidden aria-label=(format!("Copy: {label}")) { "Copy" }
    }
}

/// A digest's first twelve digits; all of it for those who ask.
pub(super) fn digest(digest: &str) -> Markup {
    let hex = digest.split_once(':').map_or(digest, |(_, hex)| hex);
    let short: String = hex.chars().take(12).collect();
    html! { code title=(digest) { (short) } }
}

/// How long ago, with the exact time for those who ask.
pub(super) fn time(at: Timestamp, now: Timestamp) -> Markup {
    let exact = at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let machine = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    html! { time datetime=(machine) title=(exact) { (ago(now.duration_since(at))) } }
}

/// As [`time`], where there may be none.
pub(super) fn time_or(at: Option<Timestamp>, now: Timestamp, none: &str) -> Markup {
    match at {
        Some(at) => time(at, now),
        None => html! { span.muted { (none) } },
    }
}

fn ago(age: SignedDuration) -> String {
    let (ahead, seconds) = (age.is_negative(), age.as_secs().unsigned_abs());
    let (number, unit) = match seconds {
        0..10 => return "just now".to_owned(),
        10..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        86_400..2_592_000 => (seconds / 86_400, "day"),
        2_592_000..31_536_000 => (seconds / 2_592_000, "month"),
        _ => (seconds / 31_536_000, "year"),
    };
    let plural = if number == 1 { "" } else { "s" };
    if ahead {
        format!("in {number} {unit}{plural}")
    } else {
        format!("{number} {unit}{plural} ago")
    }
}

/// A size in decimal units, as docker prints it.
pub(super) fn bytes(size: Option<i64>) -> Markup {
    let Some(size) = size else { return html! { span.muted { "unknown" } } };
    html! { (bytes_text(size)) }
}

fn bytes_text(size: i64) -> String {
    #[allow(clippy::cast_precision_loss)] // for people
    let mut rest = size.max(0) as f64;
    let mut units = ["B", "kB", "MB", "GB", "TB", "PB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for larger in units {
        if rest < 1_000.0 {
            break;
        }
        rest /= 1_000.0;
        unit = larger;
    }
    if unit == "B" { format!("{rest:.0} B") } else { format!("{rest:.1} {unit}") }
}

/// A number with its noun in the right form.
pub(super) fn count(number: i64, noun: &str) -> String {
    let plural = match (number, noun.strip_suffix('y')) {
        (1, _) => noun.to_owned(),
        (_, Some(stem)) => format!("{stem}ies"),
        (_, None) => format!("{noun}s"),
    };
    format!("{} {plural}", thousands(number))
}

/// `12 345`: with narrow blanks that do not break.
pub(super) fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    if number < 0 { format!("−{text}") } else { text }
}

/// A namespace's visibility: a word, never a colour alone.
pub(super) fn visibility(word: &str) -> Markup {
    let class = match word {
        "public" => "badge ok",
        "private" => "badge warn",
        _ => "badge",
    };
    html! { span class=(class) { (word) } }
}

/// What became of something: a word, never a colour alone.
pub(super) fn outcome(word: &str) -> Markup {
    let class = match word {
        "granted" => "badge ok",
        "refused" => "badge bad",
        "reduced" => "badge warn",
        _ => "badge",
    };
    html! { span class=(class) { (word) } }
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
    pub(super) wrong: Option<&'a str>,
}

impl<'a> Field<'a> {
    /// A line of text.
    pub(super) fn text(name: &'a str, label: &'a str) -> Self {
        let (kind, autocomplete) = ("text", "off");
        Self { name, label, hint: None, kind, value: "", autocomplete, required: true, wrong: None }
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
                    required[self.required] aria-describedby=[described]
                    aria-invalid=[self.wrong.map(|_| "true")];
                @if let Some(text) = self.wrong { span.wrong id=(wrong) { (text) } }
            }
        }
    }
}

/// The hidden field that shows that a form is from a page of this session.
pub(super) fn csrf(token: &str) -> Markup {
    html! { input type="hidden" name="csrf" value=(token); }
}

/// Where somebody is: links to what lies above.
pub(super) fn crumbs(above: &[(String, String)]) -> Markup {
    html! {
        nav.crumbs aria-label="Breadcrumb" {
            ol { @for (name, path) in above { li { a href=(path) { (name) } } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_said_in_words() {
        let said = |seconds| ago(SignedDuration::from_secs(seconds));
        assert_eq!(said(0), "just now");
        assert_eq!(said(59), "59 seconds ago");
        assert_eq!(said(60), "1 minute ago");
        assert_eq!(said(7_200), "2 hours ago");
        assert_eq!(said(86_400 * 45), "1 month ago");
        assert_eq!(said(-3_600), "in 1 hour");
        assert_eq!(said(i64::MIN), "in 292471208677 years");
    }

    #[test]
    fn sizes_are_decimal() {
        assert_eq!(bytes_text(999), "999 B");
        assert_eq!(bytes_text(1_000), "1.0 kB");
        assert_eq!(bytes_text(187_340_000), "187.3 MB");
        assert_eq!(bytes_text(-1), "0 B");
        assert_eq!(bytes_text(i64::MAX), "9223.4 PB");
    }

    #[test]
    fn numbers_agree_with_their_noun() {
        assert_eq!(count(1, "repository"), "1 repository");
        assert_eq!(count(0, "repository"), "0 repositories");
        assert_eq!(count(12_345, "tag"), "12\u{202f}345 tags");
    }
}
