//! The commands that work against a server, by its address and a token: what the pages do, for
//! scripts and for people who like terminals.
//!
//! Each noun is a file that says which requests its verbs are ([`Ask`]) and what is worth a
//! column; [`server`] sends them, [`show`] prints what comes back. Nothing here needs the server's
//! configuration, its data or its rights.

mod activity;
mod ask;
mod login;
mod namespace;
mod registry;
mod repository;
mod search;
mod server;
mod show;
mod team;
mod token;
mod user;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use self::ask::{Answer, Ask};
use self::server::Server;
use super::{Done, Failure, say, secret, talk};

/// Of every command that speaks to a server.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The server")]
pub(super) struct ServerArgs {
    /// Where it is, such as https://portus.example.com [default: as of `portus login`]
    #[arg(long, global = true, value_name = "URL", env = "PORTUS_URL")]
    url: Option<String>,
    /// Whose token or password it is; an application token alone is enough
    #[arg(long, global = true, value_name = "NAME", env = "PORTUS_USER")]
    user: Option<String>,
    /// Where the token is; `-` for standard input. Or set $PORTUS_TOKEN
    #[arg(long, global = true, value_name = "FILE", env = "PORTUS_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Trust this certificate authority too (PEM)
    #[arg(long, global = true, value_name = "FILE", env = "PORTUS_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// Send the token to another machine without TLS
    #[arg(long, global = true)]
    plain_http: bool,
    /// How long one request may take, in seconds
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=3_600))]
    timeout: u64,
    /// For machines: what the server answered, as JSON
    #[arg(long, global = true)]
    json: bool,
}

/// What can be asked of a server.
#[derive(Debug, Subcommand)]
pub(super) enum Remote {
    /// Remember a server and a token, for the commands that need them
    #[command(after_help = login::EXAMPLE)]
    Login(login::Login),
    /// Forget what `portus login` remembered
    Logout,
    /// Who the server takes you for
    Whoami {
        #[command(flatten)]
        server: ServerArgs,
    },
    /// People and bots
    #[command(visible_alias = "u", after_help = user::EXAMPLE)]
    User {
        #[command(flatten)]
        server: ServerArgs,
        #[command(subcommand)]
        verb: user::Verb,
    },
    /// Teams and their members
    #[command(visible_alias = "t", after_help = team::EXAMPLE)]
    Team {
        #[command(flatten)]
        server: ServerArgs,
        #[command(subcommand)]
        verb: team::Verb,
    },
    /// Namespaces, and who has rights in them
    #[command(visible_alias = "n", after_help = namespace::EXAMPLE)]
    Namespace {
        #[command(flatten)]
        server: ServerArgs,
        #[command(subcommand)]
        verb: namespace::Verb,
    },
    /// Repositories, their tags and manifests
    #[command(visible_alias = "r", after_help = repository::EXAMPLE)]
    Repository {
        #[command(flatten)]
        server: ServerArgs,
        #[command(subcommand)]
        verb: repository::Verb,
    },
    /// Application tokens: your own, and those of bots
    #[command(visible_alias = "at", after_help = token::EXAMPLE)]
    Token {
        #[command(flatten)]
        server: ServerArgs,
        #[command(subcommand)]
        verb: token::Verb,
    },
    /// The registries that this server decides for
    #[command(visible_alias = "re", after_help = registry::EXAMPLE)]
    Registry {
        #[command(flatten)]
        server: ServerArgs,
        #[command(subcommand)]
        verb: registry::Verb,
    },
    /// Find repositories, tags, manifests, namespaces and teams
    #[command(after_help = search::EXAMPLE)]
    Search {
        #[command(flatten)]
        search: search::Wanted,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// What has happened to what you may see, the latest first
    #[command(after_help = activity::EXAMPLE)]
    Activity {
        #[command(flatten)]
        activity: activity::Which,
        #[command(flatten)]
        server: ServerArgs,
    },
}

impl Remote {
    /// Whether a machine reads what is said, also of what goes wrong.
    pub(super) fn for_machines(&self) -> bool {
        match self {
            Self::Login(_) | Self::Logout => false,
            Self::Whoami { server }
            | Self::User { server, .. }
            | Self::Team { server, .. }
            | Self::Namespace { server, .. }
            | Self::Repository { server, .. }
            | Self::Token { server, .. }
            | Self::Registry { server, .. }
            | Self::Search { server, .. }
            | Self::Activity { server, .. } => server.json,
        }
    }
}

pub(super) async fn run(remote: Remote) -> Done {
    match remote {
        Remote::Login(login) => login.run().await,
        Remote::Logout => login::forget(),
        Remote::Whoami { server } => carry_out(&server, user::whoami()).await,
        Remote::User { server, verb } => {
            verb.confirm()?;
            carry_out(&server, verb.ask()?).await
        }
        Remote::Team { server, verb } => {
            verb.confirm()?;
            carry_out(&server, verb.ask()).await
        }
        Remote::Namespace { server, verb } => {
            verb.confirm()?;
            carry_out(&server, verb.ask()).await
        }
        Remote::Repository { server, verb } => carry_out(&server, verb.ask()).await,
        Remote::Token { server, verb } => token::run(&server, verb).await,
        Remote::Registry { server, verb } => registry::run(&server, verb).await,
        Remote::Search { server, search } => search::run(&server, &search).await,
        Remote::Activity { server, activity } => activity::run(&server, &activity).await,
    }
}

/// Sends a request and prints its answer.
async fn carry_out(args: &ServerArgs, ask: Ask) -> Done {
    let server = Server::of(args)?;
    match &ask.answer {
        Answer::List { columns, limit } => {
            let (rows, more) = server.list(&ask, *limit).await?;
            if args.json {
                say(serde_json::Value::Array(rows));
            } else {
                show::table(columns, &rows);
            }
            if more {
                talk(format_args!("there are more: --limit {limit} was reached"));
            }
        }
        Answer::All { columns } => {
            let answer = server.send(&ask).await?;
            if args.json {
                say(answer);
            } else {
                show::table(columns, answer.as_array().map_or(&[], Vec::as_slice));
            }
        }
        Answer::One { columns } => {
            let thing = server.send(&ask).await?;
            if args.json {
                say(thing);
            } else {
                show::thing(columns, &thing);
            }
        }
        Answer::Done(words) => {
            let answer = server.send(&ask).await?;
            match (args.json, answer.is_null()) {
                (true, false) => say(answer),
                (true, true) => (),
                (false, _) => talk(words),
            }
        }
    }
    Ok(())
}

/// Asks before what cannot be taken back. Where nobody can be asked, `--yes` must have been said.
fn certain(yes: bool, what: &str) -> Done {
    use std::io::{IsTerminal as _, Write as _};
    if yes {
        return Ok(());
    }
    let (mut out, input) = (std::io::stderr(), std::io::stdin());
    if !input.is_terminal() {
        return Err(Failure::usage(format!("{what}: say --yes if that is meant")));
    }
    let _ = write!(out, "{what}? [y/N] ");
    let mut line = String::new();
    let read = input.read_line(&mut line).map_err(Failure::failed)?;
    match line.trim() {
        "y" | "Y" | "yes" if read > 0 => Ok(()),
        _ => Err(Failure::failed("nothing was changed")),
    }
}
