//! `portus team`

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use http::Method;
use serde_json::json;

use super::ask::{Ask, DEFAULT_LIMIT, fields, text};
use super::certain;
use super::show::Column;
use crate::cli::Done;

pub(super) const EXAMPLE: &str = "\
Examples:
  portus team create payments --description 'Cards and invoices'
  portus team add payments bob --role contributor
  portus team members payments --json | jq -r '.[].username'
  portus team delete payments --new-team platform";

/// The roles in a team.
pub(super) const ROLES: [&str; 3] = ["viewer", "contributor", "owner"];

/// What can be done with teams.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// The teams that you may see
    #[command(visible_alias = "ls")]
    List {
        /// Whose name begins so
        #[arg(long)]
        prefix: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = DEFAULT_LIMIT)]
        limit: usize,
    },
    /// One team
    #[command(visible_alias = "get")]
    Show { team: String },
    /// Make a team; you are its owner
    Create {
        name: String,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
        /// By an administrator: the number of the account whose it is to be
        #[arg(long, value_name = "ID")]
        owner: Option<i64>,
    },
    /// Say what it is for
    Update {
        team: String,
        /// What it is for
        #[arg(long)]
        description: String,
    },
    /// Delete a team
    Delete {
        team: String,
        /// Which team gets its namespaces
        #[arg(long, value_name = "TEAM")]
        new_team: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Who is in it
    Members {
        team: String,
        /// At most so many
        #[arg(long, default_value_t = DEFAULT_LIMIT)]
        limit: usize,
    },
    /// Take somebody in
    Add {
        team: String,
        #[arg(value_name = "USER")]
        member: String,
        /// What members may: pull; push too; manage too
        #[arg(long, default_value = "viewer", value_parser = PossibleValuesParser::new(ROLES))]
        role: String,
    },
    /// Give a member another role
    Role {
        team: String,
        #[arg(value_name = "USER")]
        member: String,
        /// What members may: pull; push too; manage too
        #[arg(value_parser = PossibleValuesParser::new(ROLES))]
        role: String,
    },
    /// Take a member out
    Remove {
        team: String,
        #[arg(value_name = "USER")]
        member: String,
    },
    /// What it holds
    Namespaces {
        team: String,
        /// At most so many
        #[arg(long, default_value_t = DEFAULT_LIMIT)]
        limit: usize,
    },
}

const COLUMNS: &[Column] = &[
    Column::text("NAME", "/name"),
    Column::text("YOU ARE", "/role"),
    Column::number("MEMBERS", "/users_count"),
    Column::number("NAMESPACES", "/namespaces_count"),
    Column::text("DESCRIPTION", "/description"),
];

const FIELDS: &[Column] = &[
    Column::number("id", "/id"),
    Column::text("name", "/name"),
    Column::text("description", "/description"),
    Column::text("you are", "/role"),
    Column::number("members", "/users_count"),
    Column::number("namespaces", "/namespaces_count"),
    Column::text("has an enabled owner", "/has_enabled_owner"),
    Column::time("created", "/created_at"),
];

const MEMBERS: &[Column] = &[
    Column::text("USER", "/username"),
    Column::text("ROLE", "/role"),
    Column::text("BOT", "/bot"),
    Column::time("SINCE", "/created_at"),
];

impl Verb {
    pub(super) fn confirm(&self) -> Done {
        match self {
            Self::Delete { team, yes, .. } => certain(*yes, &format!("delete the team {team}")),
            _ => Ok(()),
        }
    }

    pub(super) fn ask(self) -> Ask {
        match self {
            Self::List { prefix, limit } => {
                Ask::list(&["teams"], COLUMNS, limit).with("prefix", prefix)
            }
            Self::Show { team } => Ask::one(Method::GET, &["teams", &team], FIELDS),
            Self::Create { name, description, owner } => {
                let body = fields([
                    ("name", text(Some(&name))),
                    ("description", text(description.as_ref())),
                    ("owner_id", owner.map(Into::into)),
                ]);
                Ask::one(Method::POST, &["teams"], FIELDS).body(body)
            }
            Self::Update { team, description } => Ask::one(Method::PUT, &["teams", &team], FIELDS)
                .body(json!({ "team": { "description": description } })),
            Self::Delete { team, new_team, .. } => {
                Ask::done(Method::DELETE, &["teams", &team], format!("{team} is deleted"))
                    .with("new_team", new_team)
            }
            Self::Members { team, limit } => {
                Ask::list(&["teams", &team, "members"], MEMBERS, limit)
            }
            Self::Add { team, member, role } => Ask::done(
                Method::POST,
                &["teams", &team, "members"],
                format!("{member} is {role} of {team}"),
            )
            .body(json!({ "user": member, "role": role })),
            Self::Role { team, member, role } => Ask::done(
                Method::PUT,
                &["teams", &team, "members", &member],
                format!("{member} is {role} of {team}"),
            )
            .body(json!({ "role": role })),
            Self::Remove { team, member } => Ask::done(
                Method::DELETE,
                &["teams", &team, "members", &member],
                format!("{member} is no longer in {team}"),
            ),
            Self::Namespaces { team, limit } => {
                let columns = super::namespace::COLUMNS;
                Ask::list(&["teams", &team, "namespaces"], columns, limit)
            }
        }
    }
}
