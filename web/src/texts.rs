//! Every text that people read, in every language: one typed function a text.
//!
//! The languages stand beside each other, so that a text that lacks one of them does not compile,
//! and whoever changes a sentence sees its translation. What people write themselves, names and
//! digests are arguments; what machines read (REST, log lines) is English and is not here.

mod account;
mod activity;
mod administration;
mod browse;
mod errors;
pub(crate) mod frame;
mod mail;
mod reference;
mod refusals;
mod rules;
mod search;
mod setup;
mod spaces;

pub(crate) use refusals::Said;

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub(crate) enum Lang {
    /// English; also for those who ask for what we do not speak.
    #[default]
    En,
    /// German.
    De,
}

impl Lang {
    /// Every language.
    pub(crate) const EVERY: [Self; 2] = [Self::En, Self::De];

    /// The tag in `lang="…"` and `Accept-Language`.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }

    /// What the language calls itself.
    pub(crate) fn own_name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::De => "Deutsch",
        }
    }

    /// The language of a tag such as `de`.
    pub(crate) fn parse(tag: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|lang| lang.tag() == tag)
    }

    /// The language of an `Accept-Language` header: the best that we speak, by its weight and then
    /// its place (RFC 9110, 12.5.4). Of a long header only the beginning counts.
    pub(crate) fn negotiate(accept: &str) -> Self {
        let mut best = (0, Self::En);
        for range in accept.split(',').take(MAX_RANGES) {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let weight = parts.find_map(|part| weight(part.trim())).unwrap_or(1_000);
            let primary = tag.split('-').next().unwrap_or_default();
            let lang = if primary == "*" { Some(Self::En) } else { Self::parse(primary) };
            if let Some(lang) = lang
                && weight > best.0
            {
                best = (weight, lang);
            }
        }
        best.1
    }
}

/// A text that is chosen before it is known who reads it.
pub(crate) type Word = fn(Lang) -> &'static str;

/// How many entries of an `Accept-Language` are looked at.
const MAX_RANGES: usize = 32;

/// `q=0.8` in thousandths.
fn weight(part: &str) -> Option<u16> {
    let value: f32 = part.strip_prefix("q=")?.parse().ok()?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // from 0 to 1000
    Some((value.clamp(0.0, 1.0) * 1_000.0) as u16)
}

/// Texts without arguments.
macro_rules! words {
    ($($name:ident: $en:literal | $de:literal;)*) => {
        impl $crate::texts::Lang {
            $(pub(crate) fn $name(self) -> &'static str {
                match self {
                    Self::En => $en,
                    Self::De => $de,
                }
            })*
        }
    };
}

/// Texts with arguments.
macro_rules! phrases {
    ($($name:ident($($arg:ident: $kind:ty),*): $en:literal | $de:literal;)*) => {
        impl $crate::texts::Lang {
            $(pub(crate) fn $name(self, $($arg: $kind),*) -> String {
                match self {
                    Self::En => format!($en),
                    Self::De => format!($de),
                }
            })*
        }
    };
}

/// Texts in which links, names or codes stand.
macro_rules! sentences {
    ($($name:ident($($arg:ident),*): { $($en:tt)* } | { $($de:tt)* };)*) => {
        impl $crate::texts::Lang {
            $(pub(crate) fn $name(self, $($arg: &dyn maud::Render),*) -> maud::Markup {
                match self {
                    Self::En => maud::html! { $($en)* },
                    Self::De => maud::html! { $($de)* },
                }
            })*
        }
    };
}

/// A number with its noun.
macro_rules! nouns {
    ($($name:ident: $en_one:literal $en_many:literal | $de_one:literal $de_many:literal;)*) => {
        impl $crate::texts::Lang {
            $(pub(crate) fn $name(self, number: i64) -> String {
                let noun = match (self, number) {
                    (Self::En, 1) => $en_one,
                    (Self::En, _) => $en_many,
                    (Self::De, 1) => $de_one,
                    (Self::De, _) => $de_many,
                };
                format!("{} {noun}", $crate::texts::thousands(number))
            })*
        }
    };
}

use {phrases, sentences, words};

/// `12 345`: with narrow blanks that do not break, as both languages read it.
pub(crate) fn thousands(number: i64) -> String {
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

nouns! {
    repositories: "repository" "repositories" | "Repository" "Repositories";
    tags: "tag" "tags" | "Tag" "Tags";
    manifests: "manifest" "manifests" | "Manifest" "Manifeste";
    namespaces: "namespace" "namespaces" | "Namespace" "Namespaces";
    teams: "team" "teams" | "Team" "Teams";
    registries: "registry" "registries" | "Registry" "Registries";
    pulls: "pull" "pulls" | "Pull" "Pulls";
    stars: "star" "stars" | "Stern" "Sterne";
    hits: "hit" "hits" | "Treffer" "Treffer";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_language_that_we_speak_is_chosen() {
        let cases = [
            ("", Lang::En),
            ("de", Lang::De),
            ("de-AT", Lang::De),
            ("DE-at;q=0.5", Lang::De),
            ("en-GB,en;q=0.9,de;q=0.8", Lang::En),
            ("en;q=0.8, de", Lang::De),
            ("fr, nl;q=0.9", Lang::En),
            ("fr, de;q=0.1", Lang::De),
            ("*", Lang::En),
            ("de;q=0", Lang::En),
            ("de;q=x", Lang::De),
            (";;;,,,q=1,\u{0}", Lang::En),
        ];
        for (accept, expected) in cases {
            assert_eq!(Lang::negotiate(accept), expected, "{accept}");
        }
        let late = format!("{}de", "fr,".repeat(MAX_RANGES));
        assert_eq!(Lang::negotiate(&late), Lang::En, "a header has an end");
    }

    #[test]
    fn numbers_agree_with_their_noun() {
        assert_eq!(Lang::En.repositories(1), "1 repository");
        assert_eq!(Lang::En.repositories(0), "0 repositories");
        assert_eq!(Lang::En.tags(12_345), "12\u{202f}345 tags");
        assert_eq!(Lang::De.stars(2), "2 Sterne");
    }
}
