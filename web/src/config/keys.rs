//! Every key of the configuration, on one page: its kind, its default, and what it is for.

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Its name: `section.key`, or a bare `key` at the top of the file.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// What it is unless somebody says otherwise, written as in an environment variable.
    pub default: &'static str,
    /// What it is for; with the unit, where the name does not have it.
    pub help: &'static str,
}

impl Key {
    /// The environment variable that sets it: `PORTUS_SECTION__KEY`.
    #[must_use]
    pub fn variable(&self) -> String {
        match self.name {
            // The name that scripts have from the command line's flag.
            "registry.address" => "PORTUS_REGISTRY".to_owned(),
            name => format!("PORTUS_{}", name.replace('.', "__").to_uppercase()),
        }
    }

    /// Whether its value must never be shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret)
    }
}

/// All keys as the table in `docs/operating.md`.
#[must_use]
pub fn table() -> String {
    let mut table = String::from("| key | default | what for |\n| --- | --- | --- |\n");
    for Key { name, kind, default, help } in KEYS {
        let default = match (kind, *default) {
            (Secret, _) => "secret".to_owned(),
            (_, "") => String::new(),
            (_, default) => format!("`{default}`"),
        };
        let values = match kind {
            Word(words) => format!(" (`{}`)", words.join("`, `")),
            Number(least, most) => format!(" ({least} to {most})"),
            _ => String::new(),
        };
        table.push_str(&format!("| `{name}` | {default} | {help}{values} |\n"));
    }
    table
}

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Switch,
    /// A whole number from the first to the second.
    Number(i64, i64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any text; empty means "not set".
    Text,
    /// Text that is never shown; also `…_FILE` and `$CREDENTIALS_DIRECTORY`.
    Secret,
    /// A path; empty means "not set".
    Path,
    /// `address:port`; empty means "not set".
    Socket,
    /// `http://…` or `https://…`, without a trailing slash; empty means "not set".
    Url,
    /// A list of addresses and ranges such as `10.0.0.0/8`; separated by commas in a variable.
    Networks,
    /// A list of account names; separated by commas in a variable.
    Names,
}

const fn key(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Key {
    Key { name, kind, default, help }
}

use Kind::{Names, Networks, Number, Path, Secret, Socket, Switch, Text, Url, Word};

/// All of them, in the order in which `portus check` prints them.
pub const KEYS: &[Key] = &[
    key(
        "data_dir",
        Path,
        "",
        "keys, search index, embedded database and registry; as root `/var/lib/portus`, else `$XDG_DATA_HOME/portus`",
    ),
    key("listen", Socket, "127.0.0.1:3000", "where Portus answers"),
    key("embedded", Switch, "false", "start a private Postgres, and a registry if one is named"),
    key("http.external_url", Url, "", "how clients reach Portus; unset: `http://` and `listen`"),
    key(
        "http.internal_listen",
        Socket,
        "",
        "a second listener, for `/metrics` and health; unset: `/metrics` answers loopback callers on `listen`",
    ),
    key("http.trusted_proxies", Networks, "", "whose `X-Forwarded-For` is believed"),
    key(
        "http.header_timeout_s",
        Number(1, 300),
        "10",
        "how long a client may take to send its headers",
    ),
    key("http.request_timeout_s", Number(1, 3600), "30", "how long one request may take"),
    key("http.drain_s", Number(0, 300), "10", "how long open requests get when the service stops"),
    key(
        "database.url",
        Secret,
        "",
        "Postgres, as the service's role: `postgres://portus_service:…@host/portus`",
    ),
    key(
        "database.owner_url",
        Secret,
        "",
        "Postgres, as the owner of the tables: for migrations and rebuilding; unset: `database.url`",
    ),
    key("database.connections", Number(2, 1000), "16", "the most connections open at once"),
    key("registry.name", Text, "main", "what the registry is called in Portus"),
    key(
        "registry.address",
        Socket,
        "",
        "the registry's `host:port`, as people type it before a repository's name",
    ),
    key(
        "registry.managed",
        Word(&["auto", "yes", "no"]),
        "auto",
        "whether Portus starts the registry itself; `auto`: when `embedded`",
    ),
    key("registry.service", Text, "", "the registry's `auth.token.service`; unset: its address"),
    key(
        "registry.url",
        Url,
        "",
        "where Portus reaches the registry; unset: `http://` and its address",
    ),
    key(
        "registry.secret",
        Secret,
        "",
        "what its notifications carry as `Authorization: Bearer …`; unset: Portus makes one",
    ),
    key(
        "registry.hosts",
        Text,
        "",
        "hosts by which clients call it, with commas between; what happened under another is rejected; unset: any",
    ),
    key(
        "notifications.robots",
        Names,
        "",
        "accounts of scanners and the like, whose pulls no count takes in; `[\"scanner\"]`, in a variable separated by commas",
    ),
    key(
        "reconcile.every_s",
        Number(1, 604_800),
        "900",
        "how often a registry is compared with what it told; also a moment after each of its starts",
    ),
    key(
        "token.issuer",
        Text,
        "",
        "the registry's `auth.token.issuer`; unset: host and port of `http.external_url`",
    ),
    key("token.lifetime_s", Number(60, 900), "300", "how long a registry token is good"),
    key(
        "token.refresh_lifetime_s",
        Number(3600, 31_536_000),
        "7776000",
        "how long a refresh token is good",
    ),
    key(
        "token.remember_password_s",
        Number(0, 3600),
        "300",
        "how long a right password is remembered in memory, unless its account changes; 0: not",
    ),
    key(
        "token.key_form",
        Word(&["chain", "key-id"]),
        "chain",
        "`chain`: certificate chain and `kid`, for `rootcertbundle`; `key-id`: `kid` alone, for registries that are given each key",
    ),
    key(
        "token.algorithm",
        Word(&["ES256", "RS256"]),
        "ES256",
        "by what tokens are signed; RS256 for registries that know nothing else",
    ),
    key(
        "session.idle_s",
        Number(60, 86_400),
        "1800",
        "how long a session of the pages lives unused",
    ),
    key(
        "session.lifetime_s",
        Number(300, 2_592_000),
        "43200",
        "how long a session of the pages lives in all",
    ),
    key(
        "signup.enabled",
        Switch,
        "false",
        "whether people make accounts for themselves, at `/sign-up`",
    ),
    key(
        "mail.host",
        Text,
        "",
        "the SMTP server that takes our mail; unset: no mail, and forgotten passwords are set by administrators",
    ),
    key(
        "mail.port",
        Number(0, 65_535),
        "0",
        "its port; 0: 587 with `starttls`, 465 with `tls`, 25 with `none`",
    ),
    key(
        "mail.tls",
        Word(&["starttls", "tls", "none"]),
        "starttls",
        "how it is talked to: encrypted after a greeting, from the beginning, or not at all",
    ),
    key("mail.user", Text, "", "the name to sign in with there; unset: without"),
    key("mail.password", Secret, "", "the password that goes with `mail.user`"),
    key("mail.from", Text, "", "whom our mail is from, such as `Portus <portus@example.org>`"),
    key(
        "mail.reset_lifetime_s",
        Number(300, 86_400),
        "1800",
        "how long the link for a new password is good",
    ),
    key(
        "audit.token_decisions",
        Word(&["all", "refused", "none"]),
        "all",
        "which answers of the token endpoint become facts",
    ),
    key(
        "api.calls_per_minute",
        Number(0, 1_000_000),
        "1200",
        "how many calls over REST a person or application token has, all at once or one by one; 0: any number",
    ),
    key(
        "api.anonymous_calls_per_minute",
        Number(0, 1_000_000),
        "300",
        "the same for an address that shows nothing",
    ),
    key(
        "access.staleness_bound_ms",
        Number(100, 600_000),
        "10000",
        "how old the access graph may be before no token is given",
    ),
    key(
        "projections.lag_bound_s",
        Number(1, 86_400),
        "60",
        "how far a projection may be behind before `/readyz` says so",
    ),
    key(
        "log.format",
        Word(&["auto", "json", "text"]),
        "auto",
        "`auto`: text on a terminal, else one JSON object a line",
    ),
    key("log.filter", Text, "info", "which log lines, as in `RUST_LOG`: `info,web=debug`"),
    key(
        "log.store",
        Word(&["postgres", "eventstore"]),
        "postgres",
        "where the event log is kept: in the database, or on an EventStoreDB or KurrentDB server",
    ),
    key(
        "log.url",
        Secret,
        "",
        "that server: `esdb://user:…@host:2113?tls=true`; nodes of a cluster separated by commas",
    ),
    key("log.name", Text, "portus", "how the names of the log's streams begin on that server"),
    key("policy.delete_enabled", Switch, "true", "whether anything may be deleted at all"),
    key("policy.delete_contributors", Switch, "false", "whether contributors delete images"),
    key(
        "policy.push",
        Word(&["allow-teams", "allow-personal", "admin-only"]),
        "allow-teams",
        "who pushes: teams too, everybody into their own namespace only, or administrators only",
    ),
    key("policy.create_team", Switch, "true", "whether everybody makes teams"),
    key("policy.manage_team", Switch, "true", "whether owners manage their teams"),
    key(
        "policy.create_namespace",
        Switch,
        "true",
        "whether contributors and owners make namespaces",
    ),
    key("policy.manage_namespace", Switch, "true", "whether owners edit and move their namespaces"),
    key("policy.change_visibility", Switch, "true", "whether owners change visibility"),
    key("policy.create_webhook", Switch, "true", "whether owners make webhooks"),
    key("policy.manage_webhook", Switch, "true", "whether owners change webhooks"),
    key(
        "policy.anonymous_browsing",
        Switch,
        "true",
        "whether public things have pages for everybody",
    ),
    key("policy.anonymous_pull", Switch, "true", "whether public images are pulled by everybody"),
];
