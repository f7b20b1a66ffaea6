//! `portus user`

use std::path::PathBuf;

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use http::Method;
use serde_json::{Value, json};

use super::ask::{Ask, DEFAULT_LIMIT, fields, text};
use super::show::Column;
use super::{certain, secret};
use crate::cli::{Done, Failure};

pub(super) const EXAMPLE: &str = "\
Examples:
  portus user list --prefix ci-
  head -c 18 /dev/urandom | base64 | tee secret | portus user create bob --password-file -
  portus user create ci-build --bot && portus token create build --for ci-build --scope push
  portus user disable bob --reason 'left the company'";

const ROLES: [&str; 2] = ["admin", "auditor"];

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// Every account, by name
    #[command(visible_alias = "ls")]
    List {
        /// Only names that begin so
        #[arg(long)]
        prefix: Option<String>,
        /// Those who are enabled, or are not
        #[arg(long, value_name = "TRUE/FALSE")]
        enabled: Option<bool>,
        /// Administrators, or all others
        #[arg(long, value_name = "TRUE/FALSE")]
        admin: Option<bool>,
        /// Bots, or people
        #[arg(long, value_name = "TRUE/FALSE")]
        bot: Option<bool>,
        /// At most so many
        #[arg(long, default_value_t = DEFAULT_LIMIT)]
        limit: usize,
    },
    /// One account
    #[command(visible_alias = "get")]
    Show { name: String },
    /// Make an account
    Create {
        name: String,
        /// Where the password is; `-` for standard input. Bots need none
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// For mail to this person; kept sealed
        #[arg(long)]
        email: Option<String>,
        /// What others read beside the name
        #[arg(long)]
        display_name: Option<String>,
        /// For machines: signs in with application tokens
        #[arg(long)]
        bot: bool,
    },
    /// Change what is known of an account, or its password
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
    Update {
        name: String,
        /// For mail to this person; kept sealed
        #[arg(long, group = "change")]
        email: Option<String>,
        /// What others read beside the name
        #[arg(long, group = "change")]
        display_name: Option<String>,
        /// Where the new password is; `-` for standard input
        #[arg(long, value_name = "FILE", group = "change")]
        password_file: Option<PathBuf>,
    },
    /// Delete an account; its name is never given to anybody else
    Delete {
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Close every door to an account, at once
    Disable {
        name: String,
        /// For the record
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Open them again
    Enable { name: String },
    /// End all sessions of an account
    SignOut { name: String },
    /// Make somebody an administrator or an auditor
    Grant {
        name: String,
        #[arg(value_parser = PossibleValuesParser::new(ROLES))]
        role: String,
    },
    /// Take that back
    Revoke {
        name: String,
        #[arg(value_parser = PossibleValuesParser::new(ROLES))]
        role: String,
    },
}

const COLUMNS: &[Column] = &[
    Column::text("NAME", "/username"),
    Column::text("ADMIN", "/admin"),
    Column::text("AUDITOR", "/auditor"),
    Column::text("ENABLED", "/enabled"),
    Column::text("BOT", "/bot"),
    Column::time("SIGNED IN", "/current_sign_in_at"),
    Column::time("CREATED", "/created_at"),
];

const FIELDS: &[Column] = &[
    Column::number("id", "/id"),
    Column::text("name", "/username"),
    Column::text("display name", "/display_name"),
    Column::text("e-mail", "/email"),
    Column::text("administrator", "/admin"),
    Column::text("auditor", "/auditor"),
    Column::text("enabled", "/enabled"),
    Column::text("bot", "/bot"),
    Column::time("signed in", "/current_sign_in_at"),
    Column::time("created", "/created_at"),
];

/// Who the server takes the caller for.
pub(super) fn whoami() -> Ask {
    Ask::one(Method::GET, &["users", "self"], FIELDS)
}

impl Verb {
    pub(super) fn confirm(&self) -> Done {
        match self {
            Self::Delete { name, yes } => certain(*yes, &format!("delete the account {name}")),
            _ => Ok(()),
        }
    }

    pub(super) fn ask(self) -> Result<Ask, Failure> {
        Ok(match self {
            Self::List { prefix, enabled, admin, bot, limit } => {
                Ask::list(&["users"], COLUMNS, limit)
                    .with("prefix", prefix)
                    .with("enabled", enabled)
                    .with("admin", admin)
                    .with("bot", bot)
            }
            Self::Show { name } => Ask::one(Method::GET, &["users", &name], FIELDS),
            Self::Create { name, password_file, email, display_name, bot } => {
                let user = fields([
                    ("username", Some(Value::String(name))),
                    ("password", password(password_file)?),
                    ("email", text(email.as_ref())),
                    ("display_name", text(display_name.as_ref())),
                    ("bot", bot.then_some(Value::Bool(true))),
                ]);
                Ask::one(Method::POST, &["users"], FIELDS).body(json!({ "user": user }))
            }
            Self::Update { name, email, display_name, password_file } => {
                let user = fields([
                    ("email", text(email.as_ref())),
                    ("display_name", text(display_name.as_ref())),
                    ("password", password(password_file)?),
                ]);
                Ask::one(Method::PUT, &["users", &name], FIELDS).body(json!({ "user": user }))
            }
            Self::Delete { name, .. } => {
                Ask::done(Method::DELETE, &["users", &name], format!("{name} is deleted"))
            }
            Self::Disable { name, reason } => {
                let words = format!("{name} is disabled");
                Ask::done(Method::POST, &["users", &name, "disable"], words)
                    .body(json!({ "reason": reason }))
            }
            Self::Enable { name } => {
                let words = format!("{name} is enabled");
                Ask::done(Method::POST, &["users", &name, "enable"], words)
            }
            Self::SignOut { name } => {
                let words = format!("all sessions of {name} are ended");
                Ask::done(Method::POST, &["users", &name, "sign_out"], words)
            }
            Self::Grant { name, role } => {
                let words = format!("{name} is {role}");
                Ask::done(Method::PUT, &["users", &name, &role], words)
            }
            Self::Revoke { name, role } => {
                let words = format!("{name} is no longer {role}");
                Ask::done(Method::DELETE, &["users", &name, &role], words)
            }
        })
    }
}

fn password(file: Option<PathBuf>) -> Result<Option<Value>, Failure> {
    let Some(file) = file else { return Ok(None) };
    Ok(Some(Value::String((*secret::read(&file, "password")?).clone())))
}
