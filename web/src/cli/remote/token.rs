//! `portus token`: application tokens, for docker and for scripts.

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use domain::app_token::TokenScope;
use http::Method;
use serde_json::json;

use super::ask::{Ask, fields, text};
use super::show::Column;
use super::{Server, ServerArgs, carry_out, certain, user};
use crate::cli::{Done, Failure, say, talk};

pub(super) const EXAMPLE: &str = "\
Examples:
  portus token list
  portus token create build --for ci-build --scope push --namespace payments > token
  docker login registry.example.com -u ci-build --password-stdin < token
  portus token revoke 18204

An application token makes no tokens: `create` needs a password (--user and --token-file).";

/// What can be done with application tokens.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// Those that are good
    #[command(visible_alias = "ls")]
    List {
        /// By an administrator: whose
        #[arg(long = "for", value_name = "NAME")]
        owner: Option<String>,
    },
    /// Make one. It is printed once, alone on standard output
    Create {
        /// What it is for
        label: String,
        /// By an administrator: for this bot
        #[arg(long = "for", value_name = "BOT")]
        owner: Option<String>,
        /// What it may do; may be said several times [default: all]
        #[arg(long = "scope", value_parser = PossibleValuesParser::new(TokenScope::EVERY.map(TokenScope::as_str)))]
        scopes: Vec<String>,
        /// In these namespaces alone; may be said several times
        #[arg(long = "namespace", value_name = "NAMESPACE")]
        namespaces: Vec<String>,
        /// When it ends, such as 2027-01-01T00:00:00Z [default: in 90 days]
        #[arg(long, value_name = "TIME")]
        expires_at: Option<jiff::Timestamp>,
    },
    /// End one, by the id that `list` shows
    #[command(visible_alias = "delete")]
    Revoke {
        id: u64,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

const COLUMNS: &[Column] = &[
    Column::number("ID", "/id"),
    Column::text("LABEL", "/application"),
    Column::text("MAY", "/scopes"),
    Column::text("IN", "/namespaces"),
    Column::time("ENDS", "/expires_at"),
    Column::time("CREATED", "/created_at"),
    Column::time("USED", "/last_used_at"),
];

pub(super) async fn run(args: &ServerArgs, verb: Verb) -> Done {
    match verb {
        Verb::List { owner } => {
            let owner = owner_of(args, owner).await?;
            let ask = Ask::all(&["users", &owner, "application_tokens"], COLUMNS);
            carry_out(args, ask).await
        }
        Verb::Create { label, owner, scopes, namespaces, expires_at } => {
            let owner = owner_of(args, owner).await?;
            let body = fields([
                ("application", text(Some(&label))),
                ("scopes", (!scopes.is_empty()).then(|| json!(scopes))),
                ("namespaces", (!namespaces.is_empty()).then(|| json!(namespaces))),
                ("expires_at", expires_at.map(|at| at.to_string().into())),
            ]);
            let path = ["users", &owner, "application_tokens"];
            let made =
                Server::of(args)?.send(&Ask::one(Method::POST, &path, &[]).body(body)).await?;
            if args.json {
                say(made);
                return Ok(());
            }
            let token = made["plain_token"].as_str();
            say(token.ok_or_else(|| Failure::failed("the server showed no token"))?);
            talk("this is the only time that the token is shown");
            Ok(())
        }
        Verb::Revoke { id, yes } => {
            certain(yes, &format!("end the token {id}"))?;
            let id = id.to_string();
            let words = format!("the token {id} is revoked");
            let path = ["users", "application_tokens", &id];
            carry_out(args, Ask::done(Method::DELETE, &path, words)).await
        }
    }
}

/// Whose tokens: those of whoever was named, or one's own.
async fn owner_of(args: &ServerArgs, named: Option<String>) -> Result<String, Failure> {
    if let Some(name) = named {
        return Ok(name);
    }
    let server = Server::of(args)?;
    if let Some(user) = server.user() {
        return Ok(user.to_owned());
    }
    let account = server.send(&user::whoami()).await?;
    let name = account["username"].as_str().map(str::to_owned);
    name.ok_or_else(|| Failure::failed(format!("{} does not say who you are", server.url())))
}
