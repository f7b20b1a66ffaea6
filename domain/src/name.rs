//! Names from outside: each is parsed once, and then its type is trusted.

use serde::{Deserialize, Serialize};

/// Why a text is not a name. The text may be shown to whoever typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a {what} must not be empty")]
    Empty {
        /// The kind of name.
        what: &'static str,
    },
    /// More bytes than allowed.
    #[error("a {what} has at most {max} bytes; this one has {bytes}")]
    TooLong {
        /// The kind of name.
        what: &'static str,
        /// Bytes given.
        bytes: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// A part that breaks the grammar.
    #[error("`{part}` is not allowed in a {what}: {rule}")]
    Grammar {
        /// The kind of name.
        what: &'static str,
        /// The offending part, cut to 64 characters.
        part: String,
        /// The rule in words.
        rule: &'static str,
    },
}

/// Cuts foreign text before it is repeated in a message.
fn cut(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}

/// The conversions that every name has: serde through `parse`, `Display`, `as_str`, `FromStr`.
macro_rules! name {
    ($name:ident) => {
        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }
        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        /// So that a map keyed by names can be asked with a `&str`.
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

type Text = std::sync::Arc<str>;

/// The rule of [`RepositoryName`] and [`NamespaceName`] in words.
const PATH_RULE: &str = "parts are lower-case letters and digits, joined by one `.`, one or two `_`, or any number of `-`, and separated by `/`";

/// A repository's full name inside one registry, such as `library/nginx`.
///
/// At most 255 bytes: components joined by `/`, each of lower-case letters and digits, with one
/// `.`, one or two `_`, or any number of `-` between them. The grammar is the registry's own
/// (distribution `reference`), so that whatever we accept here, it accepts there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryName(Text);
name!(RepositoryName);

impl RepositoryName {
    /// The longest name a registry takes, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Checks `text` against the grammar above.
    ///
    /// # Errors
    ///
    /// [`NameError`], whose text may be shown to whoever typed the name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        parse_path("repository name", text).map(Self)
    }

    /// Every namespace that could hold this repository, the longest first: `a/b` and `a` for
    /// `a/b/c`. Empty for a name without `/`: that lives in the global namespace.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        let text = self.as_str();
        let mut end = text.len();
        std::iter::from_fn(move || {
            end = text[..end].rfind('/')?;
            Some(&text[..end])
        })
    }
}

/// A namespace: the first component of repository names, or a longer prefix such as `team/sub`.
///
/// The global namespace, which holds the repositories without a `/`, is written `_`; that can
/// never be a component, so the two never meet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamespaceName(Text);
name!(NamespaceName);

impl NamespaceName {
    /// The global namespace as text.
    pub const GLOBAL: &str = "_";

    /// Checks `text` against the grammar of repository names, or takes [`Self::GLOBAL`].
    ///
    /// # Errors
    ///
    /// [`NameError`], whose text may be shown to whoever typed the name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text == Self::GLOBAL {
            return Ok(Self(text.into()));
        }
        parse_path("namespace name", text).map(Self)
    }

    /// The namespace of repositories without a `/`.
    #[must_use]
    pub fn global() -> Self {
        Self(Self::GLOBAL.into())
    }

    /// Whether this is the global namespace.
    #[must_use]
    pub fn is_global(&self) -> bool {
        self.as_str() == Self::GLOBAL
    }

    /// The namespaces above this one, the nearest first: `a` for `a/b`.
    pub fn parents(&self) -> impl Iterator<Item = &str> {
        let text = self.as_str();
        let mut end = text.len();
        std::iter::from_fn(move || {
            end = text[..end].rfind('/')?;
            Some(&text[..end])
        })
    }
}

fn parse_path(what: &'static str, text: &str) -> Result<Text, NameError> {
    if text.is_empty() {
        return Err(NameError::Empty { what });
    }
    if text.len() > RepositoryName::MAX_BYTES {
        let (bytes, max) = (text.len(), RepositoryName::MAX_BYTES);
        return Err(NameError::TooLong { what, bytes, max });
    }
    match text.split('/').find(|part| !is_component(part)) {
        Some(part) => Err(NameError::Grammar { what, part: cut(part), rule: PATH_RULE }),
        None => Ok(text.into()),
    }
}

fn is_component(text: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let joint = |gap: &str| {
        gap.is_empty() || matches!(gap, "." | "_" | "__") || gap.chars().all(|c| c == '-')
    };
    text.starts_with(word) && text.ends_with(word) && text.split(word).all(joint)
}

/// The canonical form of people's and teams' names: trimmed, ASCII lower case.
///
/// Non-ASCII is refused rather than folded: then no two names that look alike are two accounts.
fn parse_account(what: &'static str, text: &str, max: usize) -> Result<Text, NameError> {
    const RULE: &str = "letters, digits and `. _ - @ $ + ~` or blanks between them, beginning with a letter or digit";
    let text = text.trim_matches(' ');
    if text.is_empty() {
        return Err(NameError::Empty { what });
    }
    if text.len() > max {
        return Err(NameError::TooLong { what, bytes: text.len(), max });
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-@$+~ ".contains(c);
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || !text.chars().all(allowed) {
        return Err(NameError::Grammar { what, part: cut(text), rule: RULE });
    }
    Ok(text.to_ascii_lowercase().into())
}

/// A person's or bot's name, canonical: `Alice `, `ALICE` and `alice` are one (SR-AUT-10).
///
/// 1 to 128 bytes of ASCII: letters, digits, `. _ - @ $ + ~` and inner blanks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(Text);
name!(UserName);

impl UserName {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Trims, lower-cases and checks.
    ///
    /// # Errors
    ///
    /// [`NameError`], whose text may be shown to whoever typed the name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        parse_account("user name", text, Self::MAX_BYTES).map(Self)
    }

    /// The name that this person's own namespace would have: the user name where that is a
    /// component of a repository name, else the nearest one. `None` when nothing is left of it.
    #[must_use]
    pub fn personal_namespace(&self) -> Option<NamespaceName> {
        if let Ok(name) = NamespaceName::parse(self.as_str()) {
            return Some(name);
        }
        let words = self.as_str().split(|c: char| !c.is_ascii_alphanumeric());
        let slug = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
        NamespaceName::parse(&slug).ok()
    }
}

/// A team's name, canonical like a [`UserName`]; 1 to 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TeamName(Text);
name!(TeamName);

impl TeamName {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Trims, lower-cases and checks.
    ///
    /// # Errors
    ///
    /// [`NameError`], whose text may be shown to whoever typed the name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        parse_account("team name", text, Self::MAX_BYTES).map(Self)
    }
}

/// Our own short name of a registry, such as `main`: what streams are keyed by.
///
/// 1 to 63 bytes: lower-case letters and digits, with single `-` between them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RegistryName(Text);
name!(RegistryName);

impl RegistryName {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 63;

    /// Checks `text` against the grammar above.
    ///
    /// # Errors
    ///
    /// [`NameError`], whose text may be shown to whoever typed the name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        const RULE: &str = "lower-case letters and digits, with single `-` between them";
        let what = "registry name";
        if text.is_empty() {
            return Err(NameError::Empty { what });
        }
        if text.len() > Self::MAX_BYTES {
            return Err(NameError::TooLong { what, bytes: text.len(), max: Self::MAX_BYTES });
        }
        let word = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        if text.split('-').all(word) {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Grammar { what, part: cut(text), rule: RULE })
        }
    }
}

/// A tag, such as `v1.2` (distribution `reference`: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TagName(Text);
name!(TagName);

impl TagName {
    /// The longest tag, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Checks `text` against the grammar above.
    ///
    /// # Errors
    ///
    /// [`NameError`], whose text may be shown to whoever typed the tag.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        const RULE: &str =
            "letters, digits, `_`, `.` and `-`, beginning with a letter, a digit or `_`";
        let what = "tag";
        if text.is_empty() {
            return Err(NameError::Empty { what });
        }
        if text.len() > Self::MAX_BYTES {
            return Err(NameError::TooLong { what, bytes: text.len(), max: Self::MAX_BYTES });
        }
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if text.starts_with(word) && text.chars().all(|c| word(c) || c == '.' || c == '-') {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Grammar { what, part: cut(text), rule: RULE })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_names_follow_the_registrys_grammar() {
        for good in ["a", "solo", "a/b/c_d/e-f.g", "a__b/c---d", "0/1", &"a".repeat(255)] {
            assert!(RepositoryName::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "A/b",
            "a//b",
            "/a",
            "a/",
            "a/../b",
            "a..b",
            "a___b",
            "a._b",
            "-a",
            "a-",
            "a b",
            "a:b",
            "ä",
            "a\\b",
            "a\nb",
            &"a".repeat(256),
        ] {
            assert!(RepositoryName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn prefixes_come_longest_first() {
        let name = RepositoryName::parse("a/b/c").unwrap();
        assert_eq!(name.prefixes().collect::<Vec<_>>(), ["a/b", "a"]);
        assert_eq!(RepositoryName::parse("solo").unwrap().prefixes().count(), 0);
    }

    #[test]
    fn spellings_of_one_user_name_are_one_name_or_refused() {
        for same in ["alice", "Alice", "ALICE", " alice ", "alice "] {
            assert_eq!(UserName::parse(same).unwrap().as_str(), "alice");
        }
        for bad in ["ａdmin", "al\u{200d}ice", "a:b", "a/b", "a\tb", "", " ", "-x", "@x", "a\u{0}"]
        {
            assert!(UserName::parse(bad).is_err(), "{bad:?}");
        }
        for good in ["robot$ci", "a@b.example", "robot+x", "x~1", "two words"] {
            assert!(UserName::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn every_user_name_has_a_personal_namespace() {
        let of = |name| UserName::parse(name).unwrap().personal_namespace().unwrap().to_string();
        assert_eq!(of("alice"), "alice");
        assert_eq!(of("a@b.example"), "a-b-example");
        assert_eq!(of("robot$ci"), "robot-ci");
    }

    #[test]
    fn the_global_namespace_is_no_component() {
        assert!(NamespaceName::parse("_").unwrap().is_global());
        assert!(RepositoryName::parse("_/x").is_err());
    }

    #[test]
    fn tags_are_limited_to_128_bytes() {
        assert!(TagName::parse(&"t".repeat(128)).is_ok());
        assert!(TagName::parse(&"t".repeat(129)).is_err());
        assert!(TagName::parse(".x").is_err());
    }
}
