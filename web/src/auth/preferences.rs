//! How somebody likes the pages to look. Kept with the account, and in a cookie as well, so that
//! the sign-in page and an error look the same.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::texts::Lang;

/// The cookie that carries [`Preferences`]. It holds no secret, and nothing is decided by it.
const COOKIE_NAME: &str = "portus-look";
/// How long a browser remembers, in seconds.
const MAX_AGE: u32 = 365 * 86_400;
/// The longest form that is read, in bytes.
pub const MAX_LOOK_BYTES: usize = 256;

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the device says.
    #[default]
    Auto,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// Every theme.
    pub const EVERY: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    /// Its word in forms and in `data-theme`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preferences {
    /// Light or dark.
    pub theme: Theme,
    /// `None`: as the browser asks.
    pub(crate) lang: Option<Lang>,
    /// The IANA name of a time zone; `None`: UTC.
    pub zone: Option<String>,
    /// Times of day instead of "3 hours ago".
    pub exact_times: bool,
    /// Keys without a modifier do nothing (WCAG 2.1.4).
    pub no_shortcuts: bool,
    /// Less space between rows.
    pub dense: bool,
}

impl Preferences {
    /// Reads [`Self::encode`]; what is not understood is as if it were not there.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut this = Self::default();
        if text.len() > MAX_LOOK_BYTES {
            return this;
        }
        for (name, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                "theme" => {
                    let known = Theme::EVERY.into_iter().find(|theme| theme.as_str() == value);
                    this.theme = known.unwrap_or_default();
                }
                "lang" => this.lang = Lang::parse(value),
                "zone" => this.zone = Some(value.to_owned()).filter(|zone| is_zone(zone)),
                "exact" => this.exact_times = value == "1",
                "keys" => this.no_shortcuts = value == "0",
                "dense" => this.dense = value == "1",
                _ => (),
            }
        }
        this
    }

    /// One line that a cookie can hold.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = format!("theme={}", self.theme.as_str());
        if let Some(lang) = self.lang {
            text.push_str(&format!("&lang={}", lang.tag()));
        }
        if let Some(zone) = &self.zone {
            text.push_str(&format!("&zone={zone}"));
        }
        for (set, pair) in [
            (self.exact_times, "&exact=1"),
            (self.no_shortcuts, "&keys=0"),
            (self.dense, "&dense=1"),
        ] {
            if set {
                text.push_str(pair);
            }
        }
        text
    }

    /// What a browser remembers.
    #[must_use]
    pub fn of_cookie(headers: &HeaderMap) -> Self {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let found = pairs.find(|(name, _)| *name == COOKIE_NAME);
        found.map_or_else(Self::default, |(_, look)| Self::parse(look))
    }

    /// The `Set-Cookie` that makes a browser remember.
    #[must_use]
    pub fn hand_out(&self, secure: bool) -> HeaderValue {
        let secure = if secure { "; Secure" } else { "" };
        let text = format!(
            "{COOKIE_NAME}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={MAX_AGE}{secure}",
            self.encode()
        );
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }
}

/// Whether there is such a time zone. Only names that can stand in a cookie are looked for.
#[must_use]
pub fn is_zone(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_-+".contains(&b));
    plain && name.len() <= 64 && jiff::tz::TimeZone::get(name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let all = Preferences {
            theme: Theme::Dark,
            lang: Some(Lang::De),
            zone: Some("Europe/Berlin".to_owned()),
            exact_times: true,
            no_shortcuts: true,
            dense: true,
        };
        assert_eq!(Preferences::parse(&all.encode()), all);
        let none = Preferences::default();
        assert_eq!(Preferences::parse(&none.encode()), none);
    }

    #[test]
    fn a_look_that_is_none_changes_nothing() {
        for wrong in
            ["", "theme=blue", "zone=../etc/passwd", "zone=No/Where", "lang=xx&&=&", "\u{0}"]
        {
            assert_eq!(Preferences::parse(wrong), Preferences::default(), "{wrong}");
        }
        let long = format!("theme=dark&x={}", "x".repeat(MAX_LOOK_BYTES));
        assert_eq!(Preferences::parse(&long), Preferences::default());
    }
}
