//! Layers of settings become one value a key: default, then file, then environment, then flag.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use domain::name::UserName;

use super::keys::{KEYS, Key, Kind};
use crate::client::Network;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// A file that holds a secret, named by an environment variable or in
    /// `$CREDENTIALS_DIRECTORY`.
    SecretFile(PathBuf),
    /// A flag of the command line.
    Flag(&'static str),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) | Self::SecretFile(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "${name}"),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// What was said from outside. The program fills it from its process, tests as they like.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// The configuration file, if there is one: its path and text.
    pub file: Option<(PathBuf, String)>,
    /// Environment variables, at least those that begin with `PORTUS_`.
    pub variables: BTreeMap<String, String>,
    /// Where systemd puts secrets (`$CREDENTIALS_DIRECTORY`): a file a key, named as the key.
    pub credentials: Option<PathBuf>,
    /// Flags: the flag, the key it stands for, and its value.
    pub flags: Vec<(&'static str, &'static str, String)>,
}

/// One value a key, as text, and where each comes from.
#[derive(Debug, Clone)]
pub struct Resolved(BTreeMap<&'static str, (String, Source)>);

impl Resolved {
    /// The value of a key; empty when not set.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |(text, _)| text)
    }

    /// Where it comes from.
    #[must_use]
    pub fn source(&self, name: &str) -> &Source {
        self.0.get(name).map_or(&Source::Default, |(_, source)| source)
    }

    /// Every key in order, with its value as it may be shown, and its source.
    pub fn shown(&self) -> impl Iterator<Item = (&'static Key, String, &Source)> {
        KEYS.iter().map(|key| {
            let text = self.text(key.name);
            let shown = match (text, key.is_secret()) {
                ("", _) => "(not set)".to_owned(),
                (_, true) => "(secret)".to_owned(),
                (text, false) => text.to_owned(),
            };
            (key, shown, self.source(key.name))
        })
    }

    fn set(&mut self, key: &'static Key, text: String, source: Source) {
        self.0.insert(key.name, (text, source));
    }
}

/// What is wrong with the configuration: every problem found, one a line. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

/// Lays the layers over each other.
///
/// # Errors
///
/// [`ConfigError`] with every unknown key and every impossible value, and the nearest good one.
pub fn resolve(layers: &Layers) -> Result<Resolved, ConfigError> {
    let mut resolved = Resolved(BTreeMap::new());
    let mut wrong = Vec::new();
    for key in KEYS {
        resolved.set(key, key.default.to_owned(), Source::Default);
    }
    if let Some((path, text)) = &layers.file {
        for (name, value) in leaves(path, text, &mut wrong) {
            let place = || format!("{}: {name}", path.display());
            match (known(&name), value) {
                (Some(key), value) => match from_toml(key, &value) {
                    Ok(text) => resolved.set(key, text, Source::File(path.clone())),
                    Err(why) => wrong.push(format!("{} {why}", place())),
                },
                (None, _) => wrong.push(format!("{} is no key{}", place(), nearest_key(&name))),
            }
        }
    }
    if let Some(directory) = &layers.credentials {
        for key in KEYS.iter().filter(|key| key.is_secret()) {
            let path = directory.join(key.name);
            if path.exists() {
                read_secret(key, &path, &mut resolved, &mut wrong);
            }
        }
    }
    for (variable, text) in layers.variables.iter().filter(|(name, _)| is_ours(name)) {
        let by_file = variable.strip_suffix("_FILE").and_then(of_variable);
        match (of_variable(variable), by_file) {
            (Some(key), _) => match parse(key.kind, text) {
                Ok(text) => resolved.set(key, text, Source::Variable(variable.clone())),
                Err(why) => wrong.push(format!("${variable} {why}")),
            },
            (None, Some(key)) if key.is_secret() => {
                read_secret(key, Path::new(text), &mut resolved, &mut wrong);
            }
            (None, Some(key)) => wrong.push(format!(
                "${variable} is no variable: {} is no secret, so set ${}",
                key.name,
                key.variable()
            )),
            (None, None) => {
                wrong.push(format!("${variable} is no variable{}", nearest_variable(variable)));
            }
        }
    }
    for (flag, name, text) in &layers.flags {
        if let Some(key) = known(name) {
            match parse(key.kind, text) {
                Ok(text) => resolved.set(key, text, Source::Flag(flag)),
                Err(why) => wrong.push(format!("{flag} {why}")),
            }
        }
    }
    if wrong.is_empty() { Ok(resolved) } else { Err(ConfigError(wrong)) }
}

/// What commands read that speak to a server somewhere else.
const OF_CLIENTS: [&str; 5] =
    ["PORTUS_URL", "PORTUS_USER", "PORTUS_TOKEN", "PORTUS_TOKEN_FILE", "PORTUS_CA_FILE"];

/// Variables that begin with our prefix but are none of the configuration: where the file is, what
/// clients read, what Kubernetes sets for a service called `portus`, and what the test bench sets.
fn is_ours(variable: &str) -> bool {
    let other = ["PORTUS_CONFIG", "PORTUS_BIN", "PORTUS_PORT"].contains(&variable)
        || OF_CLIENTS.contains(&variable)
        || ["PORTUS_PORT_", "PORTUS_SERVICE_", "PORTUS_TEST_"]
            .iter()
            .any(|prefix| variable.starts_with(prefix));
    variable.starts_with("PORTUS_") && !other
}

fn known(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

fn of_variable(variable: &str) -> Option<&'static Key> {
    let regular = |key: &&Key| {
        variable.strip_prefix("PORTUS_") == Some(&key.name.replace('.', "__").to_uppercase())
    };
    KEYS.iter().find(|key| key.variable() == variable).or_else(|| KEYS.iter().find(regular))
}

/// The file's values by their full names.
fn leaves(path: &Path, text: &str, wrong: &mut Vec<String>) -> Vec<(String, toml::Value)> {
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            // The parser's picture of the line could hold a secret: say where, not what.
            let line = error.span().map_or(0, |span| {
                text.get(..span.start).map_or(0, |before| before.matches('\n').count()) + 1
            });
            wrong.push(format!("{}: line {line}: {}", path.display(), error.message()));
            return Vec::new();
        }
    };
    let mut leaves = Vec::new();
    for (name, value) in table {
        match value {
            toml::Value::Table(section) => {
                leaves.extend(
                    section.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)),
                );
            }
            value => leaves.push((name, value)),
        }
    }
    leaves
}

fn from_toml(key: &Key, value: &toml::Value) -> Result<String, String> {
    let text = match (key.kind, value) {
        (Kind::Switch, toml::Value::Boolean(on)) => on.to_string(),
        (Kind::Number(..), toml::Value::Integer(number)) => number.to_string(),
        (Kind::Networks | Kind::Names, toml::Value::Array(entries)) => entries
            .iter()
            .map(|entry| entry.as_str().ok_or("must be a list of texts"))
            .collect::<Result<Vec<_>, _>>()?
            .join(","),
        (Kind::Switch | Kind::Number(..) | Kind::Networks | Kind::Names, _) => {
            return Err(format!("must be {}", describe(key.kind)));
        }
        (_, toml::Value::String(text)) => text.clone(),
        (kind, _) => return Err(format!("must be {}, in quotes", describe(kind))),
    };
    parse(key.kind, &text)
}

/// Checks a value, and gives it in its one form.
fn parse(kind: Kind, text: &str) -> Result<String, String> {
    let text = text.trim();
    let fault = |good: bool| {
        if good {
            Ok(text.to_owned())
        } else {
            Err(format!("must be {}, not `{text}`", describe(kind)))
        }
    };
    match kind {
        Kind::Switch => match text {
            "true" | "1" | "yes" | "on" => Ok("true".to_owned()),
            "false" | "0" | "no" | "off" => Ok("false".to_owned()),
            _ => fault(false),
        },
        Kind::Number(least, most) => {
            fault(text.parse::<i64>().is_ok_and(|number| (least..=most).contains(&number)))
        }
        Kind::Word(words) if words.contains(&text) => Ok(text.to_owned()),
        Kind::Word(words) => Err(format!(
            "must be {}, not `{text}`{}",
            describe(kind),
            nearest(text, words.iter().copied())
        )),
        Kind::Text | Kind::Secret | Kind::Path => Ok(text.to_owned()),
        Kind::Socket => fault(text.is_empty() || is_socket(text)),
        Kind::Url => {
            let bare = text.trim_end_matches('/');
            let good = ["http://", "https://"].iter().any(|scheme| {
                bare.strip_prefix(scheme).is_some_and(|rest| {
                    !rest.is_empty() && !rest.chars().any(|c| c.is_whitespace() || c == '@')
                })
            });
            fault(text.is_empty() || good).map(|_| bare.to_owned())
        }
        Kind::Networks => {
            let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
            for entry in entries.clone() {
                entry.parse::<Network>()?;
            }
            Ok(entries.collect::<Vec<_>>().join(","))
        }
        Kind::Names => {
            let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
            for entry in entries.clone() {
                UserName::parse(entry).map_err(|error| format!("`{entry}`: {error}"))?;
            }
            Ok(entries.collect::<Vec<_>>().join(","))
        }
    }
}

fn is_socket(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.chars().any(char::is_whitespace) && port.parse::<u16>().is_ok()
    })
}

fn describe(kind: Kind) -> String {
    match kind {
        Kind::Switch => "true or false".to_owned(),
        Kind::Number(least, most) => format!("a whole number from {least} to {most}"),
        Kind::Word(words) => format!("one of {}", words.join(", ")),
        Kind::Text | Kind::Secret => "text".to_owned(),
        Kind::Path => "a path".to_owned(),
        Kind::Socket => "an address with a port, such as 127.0.0.1:3000".to_owned(),
        Kind::Url => "a URL such as https://portus.example.org".to_owned(),
        Kind::Names => "a list of account names, such as scanner".to_owned(),
        Kind::Networks => "a list of addresses and ranges, such as 10.0.0.0/8".to_owned(),
    }
}

fn nearest_key(name: &str) -> String {
    nearest(name, KEYS.iter().map(|key| key.name))
}

fn nearest_variable(name: &str) -> String {
    let variables: Vec<String> = KEYS.iter().map(Key::variable).collect();
    nearest(name, variables.iter().map(String::as_str))
}

/// ` (did you mean …?)`, when something is near enough to be meant.
fn nearest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    candidates
        .map(|candidate| (strsim::jaro_winkler(text, candidate), candidate))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .filter(|(likeness, _)| *likeness > 0.6)
        .map(|(_, candidate)| format!(" (did you mean {candidate}?)"))
        .unwrap_or_default()
}

fn read_secret(key: &'static Key, path: &Path, resolved: &mut Resolved, wrong: &mut Vec<String>) {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let text = text.trim_end_matches(['\r', '\n']).to_owned();
            resolved.set(key, text, Source::SecretFile(path.to_owned()));
        }
        Err(error) => {
            wrong.push(format!("{}: cannot read {}: {error}", key.name, path.display()));
        }
    }
}
