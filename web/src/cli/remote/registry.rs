//! `portus registry`

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::ask::{Ask, fields, text};
use super::show::Column;
use super::{Server, ServerArgs, carry_out, certain};
use crate::cli::{Done, Failure, say, talk};

pub(super) const EXAMPLE: &str = "\
Examples:
  portus registry list
  portus registry create main registry.internal:5000 --external-hostname registry.example.com
  portus registry secret main --yes > notification-secret";

/// What can be done with registries.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// Those that this server decides for
    #[command(visible_alias = "ls")]
    List,
    /// One registry
    #[command(visible_alias = "get")]
    Show { name: String },
    /// Make one known. Its notification secret is printed once
    Create {
        name: String,
        /// Where it is reached from here: host or host:port
        hostname: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// Change where it is, or what it is called
    Update {
        name: String,
        /// Where it is reached from here: host or host:port
        #[arg(long)]
        hostname: Option<String>,
        #[command(flatten)]
        settings: Settings,
    },
    /// Make a new notification secret. The old one is refused from then on
    Secret {
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Whether a registry could be made so
    Validate {
        name: String,
        hostname: String,
        #[command(flatten)]
        settings: Settings,
    },
}

/// How a registry is reached.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Settings {
    /// Whether it is reached by TLS
    #[arg(long, value_name = "YES/NO", value_parser = clap::builder::BoolishValueParser::new())]
    use_ssl: Option<bool>,
    /// What people type before an image's name, if it is another
    #[arg(long, value_name = "HOST")]
    external_hostname: Option<String>,
    /// What the registry calls itself in `auth.token.service` [default: the host name]
    #[arg(long)]
    service: Option<String>,
}

const COLUMNS: &[Column] = &[
    Column::text("NAME", "/name"),
    Column::text("HOST", "/hostname"),
    Column::text("EXTERNAL", "/external_hostname"),
    Column::text("TLS", "/use_ssl"),
    Column::text("SERVICE", "/service"),
    Column::time("SECRET SINCE", "/secret_rotated_at"),
];

const FIELDS: &[Column] = &[
    Column::number("id", "/id"),
    Column::text("name", "/name"),
    Column::text("host", "/hostname"),
    Column::text("external host", "/external_hostname"),
    Column::text("tls", "/use_ssl"),
    Column::text("service", "/service"),
    Column::time("secret since", "/secret_rotated_at"),
    Column::time("created", "/created_at"),
];

const VALIDITY: &[Column] =
    &[Column::text("valid", "/valid"), Column::text("why not", "/messages")];

pub(super) async fn run(args: &ServerArgs, verb: Verb) -> Done {
    match verb {
        Verb::List => carry_out(args, Ask::all(&["registries"], COLUMNS)).await,
        Verb::Show { name } => {
            carry_out(args, Ask::one(Method::GET, &["registries", &name], FIELDS)).await
        }
        Verb::Create { name, hostname, settings } => {
            let body = settings.body(Some(&name), Some(&hostname));
            secret(args, &Ask::one(Method::POST, &["registries"], &[]).body(body)).await
        }
        Verb::Update { name, hostname, settings } => {
            let body = settings.body(None, hostname.as_ref());
            carry_out(args, Ask::one(Method::PUT, &["registries", &name], FIELDS).body(body)).await
        }
        Verb::Secret { name, yes } => {
            certain(yes, &format!("replace the notification secret of {name}"))?;
            secret(args, &Ask::one(Method::POST, &["registries", &name, "secret"], &[])).await
        }
        Verb::Validate { name, hostname, settings } => {
            let ask = Ask::one(Method::GET, &["registries", "validate"], VALIDITY)
                .with("name", Some(name))
                .with("hostname", Some(hostname))
                .with("use_ssl", settings.use_ssl)
                .with("external_hostname", settings.external_hostname)
                .with("service", settings.service);
            carry_out(args, ask).await
        }
    }
}

/// A request whose answer holds a secret: that alone goes to standard output.
async fn secret(args: &ServerArgs, ask: &Ask) -> Done {
    let answer = Server::of(args)?.send(ask).await?;
    if args.json {
        say(answer);
        return Ok(());
    }
    let secret = answer["notification_secret"].as_str();
    say(secret.ok_or_else(|| Failure::failed("the server showed no secret"))?);
    talk("this is the only time that the notification secret is shown; the registry needs it");
    Ok(())
}

impl Settings {
    fn body(&self, name: Option<&String>, hostname: Option<&String>) -> Value {
        let registry = fields([
            ("name", text(name)),
            ("hostname", text(hostname)),
            ("use_ssl", self.use_ssl.map(Value::Bool)),
            ("external_hostname", text(self.external_hostname.as_ref())),
            ("service", text(self.service.as_ref())),
        ]);
        json!({ "registry": registry })
    }
}
