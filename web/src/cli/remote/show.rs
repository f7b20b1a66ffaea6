//! What people read: tables and lists of fields. What comes from a server is text of strangers; no
//! character of it may steer the terminal.

use std::io::IsTerminal as _;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::cli::say;

/// One field of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    title: &'static str,
    /// Where it stands in the object (RFC 6901).
    pointer: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    /// In the zone of whoever reads.
    Time,
    /// In decimal units, as docker shows them.
    Bytes,
    Number,
    /// Twelve digits tell manifests apart for people.
    Digest,
}

impl Column {
    pub(super) const fn text(title: &'static str, pointer: &'static str) -> Self {
        Self { title, pointer, kind: Kind::Text }
    }

    pub(super) const fn time(title: &'static str, pointer: &'static str) -> Self {
        Self { title, pointer, kind: Kind::Time }
    }

    pub(super) const fn bytes(title: &'static str, pointer: &'static str) -> Self {
        Self { title, pointer, kind: Kind::Bytes }
    }

    pub(super) const fn number(title: &'static str, pointer: &'static str) -> Self {
        Self { title, pointer, kind: Kind::Number }
    }

    pub(super) const fn digest(title: &'static str, pointer: &'static str) -> Self {
        Self { title, pointer, kind: Kind::Digest }
    }

    fn of(&self, thing: &Value) -> String {
        let value = thing.pointer(self.pointer).unwrap_or(&Value::Null);
        match (self.kind, value) {
            (Kind::Time, Value::String(text)) => time(text, &TimeZone::system()),
            (Kind::Bytes, value) if value.is_u64() => bytes(value.as_u64().unwrap_or_default()),
            (Kind::Digest, Value::String(text)) => short(text),
            (_, value) => word(value),
        }
    }

    fn is_number(&self) -> bool {
        matches!(self.kind, Kind::Bytes | Kind::Number)
    }
}

/// Prints rows below their titles. Of no rows nothing is printed, as by `ls`.
pub(super) fn table(columns: &[Column], rows: &[Value]) {
    if rows.is_empty() {
        return;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table.set_header(columns.iter().map(|column| column.title));
    for row in rows {
        table.add_row(columns.iter().map(|column| column.of(row)));
    }
    for (at, column) in columns.iter().enumerate() {
        if let Some(drawn) = table.column_mut(at) {
            drawn.set_padding(if at == 0 { (0, 1) } else { (1, 1) });
            if column.is_number() {
                drawn.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    say(trimmed(&table.to_string()));
}

/// Prints one thing, a field a line.
pub(super) fn thing(columns: &[Column], thing: &Value) {
    let width = columns.iter().map(|column| column.title.len()).max().unwrap_or_default();
    for column in columns {
        let value = column.of(thing);
        say(format_args!("{:width$}  {value}", column.title).to_string().trim_end());
    }
}

/// Prints one row of a table that has no end.
pub(super) fn line(columns: &[Column], row: &Value) {
    let fields = columns.iter().map(|column| column.of(row)).filter(|text| text != "-");
    say(fields.collect::<Vec<_>>().join("  "));
}

fn trimmed(text: &str) -> String {
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Any value as one line.
fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => plain(text),
        Value::Array(values) if values.is_empty() => "-".to_owned(),
        Value::Array(values) => values.iter().map(word).collect::<Vec<_>>().join(", "),
        Value::Object(_) => plain(&value.to_string()),
    }
}

/// Without anything that a terminal would obey or that would break the line, and without what
/// makes text run the other way (Unicode's bidirectional controls).
pub(super) fn plain(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { ' ' } else { c }).collect()
}

fn time(text: &str, zone: &TimeZone) -> String {
    let Ok(at) = text.parse::<Timestamp>() else { return plain(text) };
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    #[allow(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
    let mut rest = number as f64;
    let mut unit = 0;
    // What would be rounded up to 1000 of a unit is one of the next.
    while rest >= 999.95 && unit + 1 < UNITS.len() {
        rest /= 1_000.0;
        unit += 1;
    }
    let unit = UNITS.get(unit).copied().unwrap_or_default();
    if unit == "B" { format!("{number} B") } else { format!("{rest:.1} {unit}") }
}

fn short(digest: &str) -> String {
    let hex = digest.split_once(':').map_or(digest, |(_, hex)| hex);
    plain(hex).chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_text_of_a_server_steers_the_terminal() {
        let text = "a\u{1b}[31mred\u{7}\r\nb\u{202e}c\u{9b}d";
        assert_eq!(plain(text), "a [31mred   b c d");
        assert_eq!(word(&json!([text, null])), "a [31mred   b c d, -");
        assert_eq!(word(&json!({ "k": "\u{1b}" })), r#"{"k":"\u001b"}"#);
    }

    #[test]
    fn sizes_are_in_the_units_of_docker() {
        let shown = [0, 999, 1_000, 999_949, 999_950, 31_415_926, 2_000_000_000_000_000];
        let expected = ["0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "31.4 MB", "2000.0 TB"];
        assert_eq!(shown.map(bytes), expected);
    }

    #[test]
    fn times_are_shown_in_the_readers_zone() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(time("2026-11-01T23:30:00.123Z", &zone), "2026-11-02 01:30:00");
        assert_eq!(time("never\n", &zone), "never ");
    }

    #[test]
    fn a_digest_is_short_for_people() {
        assert_eq!(short("sha256:0123456789abcdef0123"), "0123456789ab");
    }
}
