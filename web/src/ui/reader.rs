//! Whoever reads a page: their language, their clock, the moment, and what they may open.

use std::sync::{Arc, OnceLock};

use domain::access::{Action, Resource, Visible};
use domain::name::{NamespaceName, RegistryName, RepositoryName, TeamName};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::auth::{Preferences, Viewer};
use crate::texts::Lang;
use crate::texts::frame::Unit;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) lang: Lang,
    pub(super) zone: TimeZone,
    pub(super) now: Timestamp,
    /// Times of day rather than "3 hours ago".
    pub(super) exact: bool,
    /// What they may open; `None`: everything.
    sees: Option<Arc<Sees>>,
}

/// Auditors read of what they may not open: it is named, and is no link.
struct Sees {
    viewer: Viewer,
    /// Gathered when it is first asked for.
    visible: OnceLock<Arc<Visible>>,
}

impl std::fmt::Debug for Sees {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sees")
    }
}

impl Sees {
    fn visible(&self) -> &Visible {
        self.visible.get_or_init(|| self.viewer.visible())
    }

    fn repository(&self, registry: &str, name: &str) -> Option<bool> {
        let registry = RegistryName::parse(registry).ok()?;
        let name = RepositoryName::parse(name).ok()?;
        let decides = self.viewer.graph().namespace_of(&registry, &name)?;
        let visible = self.visible();
        Some(visible.sees_repository(&registry, &name, &decides.name, decides.visibility))
    }

    fn namespace(&self, registry: &str, name: &str) -> Option<bool> {
        let registry = RegistryName::parse(registry).ok()?;
        let name = NamespaceName::parse(name).ok()?;
        let facts = self.viewer.graph().namespace_facts(&registry, &name)?;
        Some(self.visible().sees_namespace(&registry, &name, facts.visibility))
    }

    fn team(&self, name: &str) -> Option<bool> {
        let name = TeamName::parse(name).ok()?;
        let there = self.viewer.graph().has_team(&name);
        Some(there && self.viewer.may(Action::SeeTeam, &Resource::Team { name }))
    }
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            lang: Lang::En,
            zone: TimeZone::UTC,
            now: Timestamp::UNIX_EPOCH,
            exact: false,
            sees: None,
        }
    }
}

impl Reader {
    /// Somebody with these preferences, whose browser asks for these languages.
    pub(super) fn of(look: &Preferences, accept: &str, now: Timestamp) -> Self {
        let zone = look.zone.as_deref().and_then(|name| TimeZone::get(name).ok());
        Self {
            lang: look.lang.unwrap_or_else(|| Lang::negotiate(accept)),
            zone: zone.unwrap_or(TimeZone::UTC),
            now,
            exact: look.exact_times,
            sees: None,
        }
    }

    /// The same, who may open what this viewer may.
    pub(super) fn seeing(self, viewer: &Viewer) -> Self {
        let sees = Sees { viewer: viewer.clone(), visible: OnceLock::new() };
        Self { sees: Some(Arc::new(sees)), ..self }
    }

    /// Whether the page of a repository would open.
    pub(super) fn opens_repository(&self, registry: &str, name: &str) -> bool {
        self.sees.as_ref().is_none_or(|sees| sees.repository(registry, name) == Some(true))
    }

    /// Whether the page of a namespace would open.
    pub(super) fn opens_namespace(&self, registry: &str, name: &str) -> bool {
        self.sees.as_ref().is_none_or(|sees| sees.namespace(registry, name) == Some(true))
    }

    /// Whether the page of a team would open.
    pub(super) fn opens_team(&self, name: &str) -> bool {
        self.sees.as_ref().is_none_or(|sees| sees.team(name) == Some(true))
    }

    /// A time as they read it: how long ago, with their own time of day and UTC for those who ask.
    pub(super) fn time(&self, at: Timestamp) -> Markup {
        let utc = at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        let machine = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let own = self.local(at);
        let text = self.says(at);
        let title = if own == utc { utc } else { format!("{own} · {utc}") };
        html! { time datetime=(machine) title=(title) { (text) } }
    }

    /// A time as its text alone, as they like to read it.
    pub(super) fn says(&self, at: Timestamp) -> String {
        if self.exact { self.local(at) } else { self.ago(at) }
    }

    /// A time with its time of day, in their zone.
    pub(super) fn exactly(&self, at: Timestamp) -> Markup {
        let utc = at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        let machine = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        html! { time datetime=(machine) title=(utc) { (self.local(at)) } }
    }

    /// As [`Self::time`], where there may be none.
    pub(super) fn time_or(&self, at: Option<Timestamp>, none: &str) -> Markup {
        match at {
            Some(at) => self.time(at),
            None => html! { span.muted { (none) } },
        }
    }

    /// A time, or "never".
    pub(super) fn time_or_never(&self, at: Option<Timestamp>) -> Markup {
        self.time_or(at, self.lang.never())
    }

    /// A size in decimal units, as docker prints it.
    pub(super) fn bytes(&self, size: Option<i64>) -> Markup {
        match size {
            None => html! { span.muted { (self.lang.unknown()) } },
            Some(size) => html! { (bytes(self.lang, size)) },
        }
    }

    fn local(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    }

    fn ago(&self, at: Timestamp) -> String {
        ago(self.lang, self.now.duration_since(at))
    }
}

fn ago(t: Lang, age: SignedDuration) -> String {
    let (ahead, seconds) = (age.is_negative(), age.as_secs().unsigned_abs());
    let (number, unit) = match seconds {
        0..10 => return t.just_now().to_owned(),
        10..60 => (seconds, Unit::Second),
        60..3_600 => (seconds / 60, Unit::Minute),
        3_600..86_400 => (seconds / 3_600, Unit::Hour),
        86_400..2_592_000 => (seconds / 86_400, Unit::Day),
        2_592_000..31_536_000 => (seconds / 2_592_000, Unit::Month),
        _ => (seconds / 31_536_000, Unit::Year),
    };
    t.ago(ahead, number, unit)
}

fn bytes(t: Lang, size: i64) -> String {
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
    let text = if unit == "B" { format!("{rest:.0} B") } else { format!("{rest:.1} {unit}") };
    match t {
        Lang::En => text,
        Lang::De => text.replace('.', ","),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_said_in_words() {
        let said = |seconds| ago(Lang::En, SignedDuration::from_secs(seconds));
        assert_eq!(said(0), "just now");
        assert_eq!(said(59), "59 seconds ago");
        assert_eq!(said(60), "1 minute ago");
        assert_eq!(said(7_200), "2 hours ago");
        assert_eq!(said(86_400 * 45), "1 month ago");
        assert_eq!(said(-3_600), "in 1 hour");
        assert_eq!(said(i64::MIN), "in 292471208677 years");
        let said = |seconds| ago(Lang::De, SignedDuration::from_secs(seconds));
        assert_eq!(said(86_400), "vor 1 Tag");
        assert_eq!(said(2 * 86_400), "vor 2 Tagen");
        assert_eq!(said(-2 * 86_400), "in 2 Tagen");
    }

    #[test]
    fn sizes_are_decimal() {
        assert_eq!(bytes(Lang::En, 999), "999 B");
        assert_eq!(bytes(Lang::En, 1_000), "1.0 kB");
        assert_eq!(bytes(Lang::De, 187_340_000), "187,3 MB");
        assert_eq!(bytes(Lang::En, -1), "0 B");
        assert_eq!(bytes(Lang::En, i64::MAX), "9223.4 PB");
    }

    #[test]
    fn times_are_in_the_readers_zone_and_utc_stands_beside() {
        let look = Preferences { zone: Some("Europe/Berlin".to_owned()), ..Preferences::default() };
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let reader = Reader { exact: true, ..Reader::of(&look, "", now) };
        let said = reader.time("2026-11-22T11:30:00Z".parse().unwrap()).into_string();
        assert!(said.contains(">2026-11-22 12:30:00 CET<"), "{said}");
        assert!(said.contains("datetime=\"2026-11-22T11:30:00Z\""), "{said}");
        assert!(said.contains("2026-11-22 11:30:00 UTC"), "{said}");
        let relative = Reader { exact: false, ..reader };
        let said = relative.time("2026-11-22T11:30:00Z".parse().unwrap()).into_string();
        assert!(said.contains(">30 minutes ago<") && said.contains("12:30:00 CET"), "{said}");
    }
}
