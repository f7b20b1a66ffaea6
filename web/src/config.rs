//! The configuration: `portus.toml`, overridden by the environment, overridden by flags.

pub mod keys;
pub mod resolve;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use domain::access::{Policy, PushPolicy};
use domain::name::{RegistryName, UserName};
use jiff::SignedDuration;
use secrecy::SecretString;

pub use self::resolve::{ConfigError, Layers, Resolved, Source};
use crate::api::Limits;
use crate::client::{Network, TrustedProxies};
use crate::registry::keys::{KeyForm, Kind};
use crate::registry::signing_key::Algorithm;

/// Where the file is looked for unless somebody says otherwise.
pub const DEFAULT_FILE: &str = "/etc/portus/portus.toml";

/// Everything that can be set, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Keys, search index, embedded database and registry.
    pub data_dir: PathBuf,
    /// Where Portus answers.
    pub listen: String,
    /// Whether a private Postgres is started.
    pub embedded: bool,
    /// See the section's type.
    pub http: Http,
    /// See the section's type.
    pub database: Database,
    /// See the section's type; `None` when no registry is named.
    pub registry: Option<Registry>,
    /// Accounts whose pulls no count takes in.
    pub robots: BTreeSet<UserName>,
    /// How often a registry is compared with what it told.
    pub compare_every: Duration,
    /// See the section's type.
    pub token: Token,
    /// See the section's type.
    pub session: Session,
    /// Whether people make accounts for themselves.
    pub sign_up: bool,
    /// See the section's type; `None` when no server is named.
    pub mail: Option<Mail>,
    /// How old the access graph may be before no token is given.
    pub staleness_bound: Duration,
    /// How many calls over REST a caller has.
    pub api: Limits,
    /// How far a projection may be behind before `/readyz` says so.
    pub lag_bound: Duration,
    /// See the section's type.
    pub log: Log,
    /// What an administrator may set about rights.
    pub policy: Policy,
}

/// How we answer.
#[derive(Debug, Clone)]
pub struct Http {
    /// How clients reach us; `None`: by the listener's own address.
    pub external_url: Option<String>,
    /// Who said so.
    pub external_url_from: Source,
    /// A second listener for metrics and health.
    pub internal_listen: Option<String>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// How long a client may take to send its headers.
    pub header_timeout: Duration,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// How long open requests get when the service stops.
    pub drain: Duration,
}

/// Which Postgres.
#[derive(Debug, Clone)]
pub struct Database {
    /// As the service's role; `None` with an embedded one.
    pub url: Option<SecretString>,
    /// As the owner.
    pub owner_url: Option<SecretString>,
    /// The most connections open at once.
    pub connections: u32,
}

/// The registry that we look after from the start. More are added by the REST interface.
#[derive(Debug, Clone)]
pub struct Registry {
    /// What it is called here.
    pub name: RegistryName,
    /// Its `host:port`.
    pub address: String,
    /// Whether we start it ourselves.
    pub managed: bool,
    /// Its `auth.token.service`.
    pub service: String,
    /// Where we reach it.
    pub url: String,
    /// What its notifications carry; `None`: we make one.
    pub secret: Option<SecretString>,
    /// Hosts by which clients call it; `None`: any.
    pub hosts: Option<BTreeSet<String>>,
}

/// What tokens look like, and which answers are kept.
#[derive(Debug, Clone)]
pub struct Token {
    /// The tokens' `iss`; `None`: host and port of the external URL.
    pub issuer: Option<String>,
    /// How long a registry token is good.
    pub lifetime: Duration,
    /// How long a refresh token is good.
    pub refresh_lifetime: Duration,
    /// How long a right password is remembered.
    pub remember_password: Duration,
    /// By what tokens are signed, and how they name their key.
    pub keys: Kind,
    /// Which answers become facts.
    pub decisions: Decisions,
}

/// How long sessions of the pages live.
#[derive(Debug, Clone)]
pub struct Session {
    /// Unused.
    pub idle: SignedDuration,
    /// In all.
    pub absolute: SignedDuration,
}

/// Who takes our mail.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The server.
    pub host: String,
    /// Its port; `None`: the usual one.
    pub port: Option<u16>,
    /// How it is talked to.
    pub tls: MailTls,
    /// The name to sign in with.
    pub user: Option<String>,
    /// What goes with it.
    pub password: Option<SecretString>,
    /// Whom mail is from.
    pub from: String,
    /// How long the link for a new password is good.
    pub reset_lifetime: SignedDuration,
}

/// How a mail server is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// Encrypted after a greeting; refused where the server cannot.
    Starttls,
    /// Encrypted from the beginning.
    Tls,
    /// In clear.
    None,
}

/// Which answers of the token endpoint become facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decisions {
    /// Each.
    All,
    /// Those that give less than was asked.
    Refused,
    /// None.
    None,
}

/// What is written while running: lines for people, and the event log.
#[derive(Debug, Clone)]
pub struct Log {
    /// How.
    pub format: LogFormat,
    /// Which lines, as in `RUST_LOG`.
    pub filter: String,
    /// Where the event log is kept.
    pub store: LogStore,
}

/// Where the event log is kept.
#[derive(Debug, Clone)]
pub enum LogStore {
    /// In the database.
    Postgres,
    /// On an EventStoreDB or KurrentDB server.
    EventStore {
        /// Its connection string.
        url: SecretString,
        /// What the log is called there.
        name: String,
    },
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    Auto,
    /// One object a line.
    Json,
    /// For people.
    Text,
}

impl Config {
    /// Checks the layers, and gives the configuration with the source of each value.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with everything that is wrong.
    pub fn load(layers: &Layers) -> Result<(Self, Resolved), ConfigError> {
        let resolved = resolve::resolve(layers)?;
        Ok((Self::from_resolved(&resolved)?, resolved))
    }

    fn from_resolved(r: &Resolved) -> Result<Self, ConfigError> {
        let embedded = on(r, "embedded");
        let config = Self {
            data_dir: set(r, "data_dir").map_or_else(default_data_dir, PathBuf::from),
            listen: r.text("listen").to_owned(),
            embedded,
            http: Http {
                external_url: set(r, "http.external_url"),
                external_url_from: r.source("http.external_url").clone(),
                internal_listen: set(r, "http.internal_listen"),
                trusted_proxies: TrustedProxies::new(networks(r.text("http.trusted_proxies"))),
                header_timeout: seconds(r, "http.header_timeout_s"),
                request_timeout: seconds(r, "http.request_timeout_s"),
                drain: seconds(r, "http.drain_s"),
            },
            database: Database {
                url: set(r, "database.url").map(SecretString::from),
                owner_url: set(r, "database.owner_url").map(SecretString::from),
                connections: u32::try_from(number(r, "database.connections")).unwrap_or(u32::MAX),
            },
            registry: registry(r, embedded)?,
            robots: names(r.text("notifications.robots")),
            compare_every: seconds(r, "reconcile.every_s"),
            token: Token {
                issuer: set(r, "token.issuer"),
                lifetime: seconds(r, "token.lifetime_s"),
                refresh_lifetime: seconds(r, "token.refresh_lifetime_s"),
                remember_password: seconds(r, "token.remember_password_s"),
                keys: Kind {
                    algorithm: match r.text("token.algorithm") {
                        "RS256" => Algorithm::Rs256,
                        _ => Algorithm::Es256,
                    },
                    form: match r.text("token.key_form") {
                        "key-id" => KeyForm::KeyId,
                        _ => KeyForm::Chain,
                    },
                },
                decisions: match r.text("audit.token_decisions") {
                    "refused" => Decisions::Refused,
                    "none" => Decisions::None,
                    _ => Decisions::All,
                },
            },
            session: Session {
                idle: signed_seconds(r, "session.idle_s"),
                absolute: signed_seconds(r, "session.lifetime_s"),
            },
            sign_up: on(r, "signup.enabled"),
            mail: mail(r)?,
            api: Limits {
                known: small(r, "api.calls_per_minute"),
                anonymous: small(r, "api.anonymous_calls_per_minute"),
            },
            staleness_bound: Duration::from_millis(number(r, "access.staleness_bound_ms")),
            lag_bound: seconds(r, "projections.lag_bound_s"),
            log: Log {
                format: match r.text("log.format") {
                    "json" => LogFormat::Json,
                    "text" => LogFormat::Text,
                    _ => LogFormat::Auto,
                },
                filter: r.text("log.filter").to_owned(),
                store: log_store(r)?,
            },
            policy: policy(r),
        };
        if config.listen.is_empty() {
            return Err(wrong("listen must be an address with a port, such as 127.0.0.1:3000"));
        }
        Ok(config)
    }
}

/// As root where a service's data belongs, else where a person's does.
fn default_data_dir() -> PathBuf {
    if nix::unistd::geteuid().is_root() {
        return PathBuf::from("/var/lib/portus");
    }
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    std::env::var_os("XDG_DATA_HOME")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .or_else(home)
        .unwrap_or_else(|| PathBuf::from("."))
        .join("portus")
}

fn registry(r: &Resolved, embedded: bool) -> Result<Option<Registry>, ConfigError> {
    let Some(address) = set(r, "registry.address") else {
        return match r.text("registry.managed") {
            "yes" => Err(wrong("registry.managed is yes, but registry.address is not set")),
            _ => Ok(None),
        };
    };
    let name = RegistryName::parse(r.text("registry.name"))
        .map_err(|error| wrong(&format!("registry.name: {error}")))?;
    Ok(Some(Registry {
        name,
        managed: match r.text("registry.managed") {
            "yes" => true,
            "no" => false,
            _ => embedded,
        },
        service: set(r, "registry.service").unwrap_or_else(|| address.clone()),
        url: set(r, "registry.url").unwrap_or_else(|| format!("http://{address}")),
        secret: set(r, "registry.secret").map(SecretString::from),
        hosts: set(r, "registry.hosts").map(|text| hosts(&text)),
        address,
    }))
}

fn log_store(r: &Resolved) -> Result<LogStore, ConfigError> {
    if r.text("log.store") == "postgres" {
        return Ok(LogStore::Postgres);
    }
    if !cfg!(feature = "eventstore") {
        return Err(wrong(
            "log.store is eventstore, but this program was built without it: build it with the \
             feature `eventstore`, which it has unless told otherwise, or leave log.store out",
        ));
    }
    let url = set(r, "log.url")
        .ok_or_else(|| wrong("log.store is eventstore, but log.url is not set: which server?"))?;
    let name = log_name("log.name", r.text("log.name"))?;
    Ok(LogStore::EventStore { url: url.into(), name })
}

/// What a log may be called on an event store; `key` is where it was said.
pub(crate) fn log_name(key: &str, name: &str) -> Result<String, ConfigError> {
    /// The longest name of a log.
    const MAX_NAME: usize = 64;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !(1..=MAX_NAME).contains(&name.len()) || !name.chars().all(plain) {
        return Err(wrong(&format!(
            "{key} must have 1 to {MAX_NAME} letters, digits, underscores and hyphens"
        )));
    }
    Ok(name.to_owned())
}

fn mail(r: &Resolved) -> Result<Option<Mail>, ConfigError> {
    let Some(host) = set(r, "mail.host") else { return Ok(None) };
    let from = set(r, "mail.from")
        .ok_or_else(|| wrong("mail.host is set, but mail.from is not: whom is our mail from?"))?;
    if let Err(error) = from.parse::<lettre::message::Mailbox>() {
        return Err(wrong(&format!("mail.from is no address: {error}")));
    }
    let (user, password) = (set(r, "mail.user"), set(r, "mail.password"));
    if user.is_some() != password.is_some() {
        return Err(wrong("mail.user and mail.password go together: set both, or none"));
    }
    Ok(Some(Mail {
        host,
        port: u16::try_from(number(r, "mail.port")).ok().filter(|port| *port != 0),
        tls: match r.text("mail.tls") {
            "tls" => MailTls::Tls,
            "none" => MailTls::None,
            _ => MailTls::Starttls,
        },
        user,
        password: password.map(SecretString::from),
        from,
        reset_lifetime: signed_seconds(r, "mail.reset_lifetime_s"),
    }))
}

fn hosts(text: &str) -> BTreeSet<String> {
    let hosts = text.split(',').map(|host| host.trim().to_ascii_lowercase());
    hosts.filter(|host| !host.is_empty()).collect()
}

fn policy(r: &Resolved) -> Policy {
    Policy {
        delete_enabled: on(r, "policy.delete_enabled"),
        delete_contributors: on(r, "policy.delete_contributors"),
        push: match r.text("policy.push") {
            "allow-personal" => PushPolicy::AllowPersonal,
            "admin-only" => PushPolicy::AdminOnly,
            _ => PushPolicy::AllowTeams,
        },
        create_team: on(r, "policy.create_team"),
        manage_team: on(r, "policy.manage_team"),
        create_namespace: on(r, "policy.create_namespace"),
        manage_namespace: on(r, "policy.manage_namespace"),
        change_visibility: on(r, "policy.change_visibility"),
        create_webhook: on(r, "policy.create_webhook"),
        manage_webhook: on(r, "policy.manage_webhook"),
        anonymous_browsing: on(r, "policy.anonymous_browsing"),
        anonymous_pull: on(r, "policy.anonymous_pull"),
    }
}

fn wrong(text: &str) -> ConfigError {
    ConfigError(vec![text.to_owned()])
}

fn set(r: &Resolved, name: &str) -> Option<String> {
    Some(r.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn on(r: &Resolved, name: &str) -> bool {
    r.text(name) == "true"
}

/// Checked when resolved, so that nothing is left to go wrong here.
fn number(r: &Resolved, name: &str) -> u64 {
    r.text(name).parse().unwrap_or_default()
}

fn small(r: &Resolved, name: &str) -> u32 {
    u32::try_from(number(r, name)).unwrap_or(u32::MAX)
}

fn seconds(r: &Resolved, name: &str) -> Duration {
    Duration::from_secs(number(r, name))
}

fn names(text: &str) -> BTreeSet<UserName> {
    text.split(',').filter_map(|name| UserName::parse(name).ok()).collect()
}

fn signed_seconds(r: &Resolved, name: &str) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(number(r, name)).unwrap_or(i64::MAX))
}

fn networks(text: &str) -> Vec<Network> {
    text.split(',').filter_map(|entry| entry.parse().ok()).collect()
}
