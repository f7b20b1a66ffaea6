//! `portus namespace`

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use http::Method;
use serde_json::json;

use super::ask::{Ask, DEFAULT_LIMIT, fields, text};
use super::certain;
use super::show::Column;
use super::team::ROLES;
use crate::cli::Done;

pub(super) const EXAMPLE: &str = "\
Examples:
  portus namespace create payments --team payments --visibility private
  portus namespace grant payments --to carol --role viewer --until 2027-01-01T00:00:00Z
  portus namespace grants payments
  portus namespace repositories payments

Where several registries have a namespace of that name, say REGISTRY:NAME.";

/// Who sees what is in a namespace.
pub(super) const VISIBILITIES: [&str; 3] = ["private", "protected", "public"];

/// What can be done with namespaces.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// The namespaces that you may see
    #[command(visible_alias = "ls")]
    List {
        /// Whose name begins so
        #[arg(long)]
        prefix: Option<String>,
        /// Those that this team holds
        #[arg(long)]
        team: Option<String>,
        /// Those seen by their team; by whoever has signed in; by everybody
        #[arg(long, value_parser = PossibleValuesParser::new(VISIBILITIES))]
        visibility: Option<String>,
        /// Those of this registry
        #[arg(long)]
        registry: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = DEFAULT_LIMIT)]
        limit: usize,
    },
    /// One namespace
    #[command(visible_alias = "get")]
    Show { namespace: String },
    /// Make a namespace that a team holds
    Create {
        name: String,
        /// Whose it is
        #[arg(long)]
        team: String,
        /// Who may pull: its team; whoever has signed in; everybody [default: private]
        #[arg(long, value_parser = PossibleValuesParser::new(VISIBILITIES))]
        visibility: Option<String>,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
        /// Where there are several
        #[arg(long)]
        registry: Option<String>,
    },
    /// Whether a namespace may be called so
    Validate {
        name: String,
        /// Where there are several
        #[arg(long)]
        registry: Option<String>,
    },
    /// Change who sees it, who holds it, or what it is for
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
    Update {
        namespace: String,
        /// Who may pull: its team; whoever has signed in; everybody
        #[arg(long, group = "change", value_parser = PossibleValuesParser::new(VISIBILITIES))]
        visibility: Option<String>,
        /// Whose it is
        #[arg(long, group = "change")]
        team: Option<String>,
        /// What it is for
        #[arg(long, group = "change")]
        description: Option<String>,
    },
    /// Delete a namespace; it must be empty
    Delete {
        namespace: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// What is in it
    Repositories {
        namespace: String,
        /// At most so many
        #[arg(long, default_value_t = DEFAULT_LIMIT)]
        limit: usize,
    },
    /// Who has rights in it beyond its team
    Grants { namespace: String },
    /// Give a team or a person a right in it
    #[command(group = clap::ArgGroup::new("whom").required(true))]
    Grant {
        namespace: String,
        /// All members of this team
        #[arg(long, group = "whom")]
        team: Option<String>,
        /// This person or bot
        #[arg(long, group = "whom", value_name = "NAME")]
        to: Option<String>,
        /// What they may: pull; push too; manage too
        #[arg(long, value_parser = PossibleValuesParser::new(ROLES))]
        role: String,
        /// In this repository alone
        #[arg(long)]
        repository: Option<String>,
        /// Until then, such as 2027-01-01T00:00:00Z
        #[arg(long, value_name = "TIME")]
        until: Option<jiff::Timestamp>,
    },
    /// Take a right back, by the id that `grants` shows
    Revoke { namespace: String, grant: String },
}

pub(super) const COLUMNS: &[Column] = &[
    Column::text("NAME", "/full_name"),
    Column::text("REGISTRY", "/registry"),
    Column::text("VISIBILITY", "/visibility"),
    Column::text("TEAM", "/team/name"),
    Column::number("REPOSITORIES", "/repositories_count"),
    Column::text("DESCRIPTION", "/description"),
];

const FIELDS: &[Column] = &[
    Column::number("id", "/id"),
    Column::text("name", "/full_name"),
    Column::text("registry", "/registry"),
    Column::text("visibility", "/visibility"),
    Column::text("team", "/team/name"),
    Column::text("owner", "/owner"),
    Column::number("repositories", "/repositories_count"),
    Column::text("description", "/description"),
    Column::time("created", "/created_at"),
];

const GRANTS: &[Column] = &[
    Column::text("ID", "/id"),
    Column::text("TEAM", "/team"),
    Column::text("USER", "/user"),
    Column::text("ROLE", "/role"),
    Column::text("REPOSITORY", "/repository"),
    Column::time("UNTIL", "/until"),
];

const VALIDITY: &[Column] =
    &[Column::text("valid", "/valid"), Column::text("why not", "/messages/name")];

impl Verb {
    pub(super) fn confirm(&self) -> Done {
        match self {
            Self::Delete { namespace, yes } => {
                certain(*yes, &format!("delete the namespace {namespace}"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn ask(self) -> Ask {
        match self {
            Self::List { prefix, team, visibility, registry, limit } => {
                Ask::list(&["namespaces"], COLUMNS, limit)
                    .with("prefix", prefix)
                    .with("team", team)
                    .with("visibility", visibility)
                    .with("registry", registry)
            }
            Self::Show { namespace } => Ask::one(Method::GET, &["namespaces", &namespace], FIELDS),
            Self::Create { name, team, visibility, description, registry } => {
                let body = fields([
                    ("name", text(Some(&name))),
                    ("team", text(Some(&team))),
                    ("visibility", text(visibility.as_ref())),
                    ("description", text(description.as_ref())),
                    ("registry", text(registry.as_ref())),
                ]);
                Ask::one(Method::POST, &["namespaces"], FIELDS).body(body)
            }
            Self::Validate { name, registry } => {
                Ask::one(Method::GET, &["namespaces", "validate"], VALIDITY)
                    .with("name", Some(name))
                    .with("registry", registry)
            }
            Self::Update { namespace, visibility, team, description } => {
                let change = fields([
                    ("visibility", text(visibility.as_ref())),
                    ("team", text(team.as_ref())),
                    ("description", text(description.as_ref())),
                ]);
                Ask::one(Method::PUT, &["namespaces", &namespace], FIELDS)
                    .body(json!({ "namespace": change }))
            }
            Self::Delete { namespace, .. } => {
                let words = format!("{namespace} is deleted");
                Ask::done(Method::DELETE, &["namespaces", &namespace], words)
            }
            Self::Repositories { namespace, limit } => {
                let columns = super::repository::COLUMNS;
                Ask::list(&["namespaces", &namespace, "repositories"], columns, limit)
            }
            Self::Grants { namespace } => Ask::all(&["namespaces", &namespace, "grants"], GRANTS),
            Self::Grant { namespace, team, to, role, repository, until } => {
                let body = fields([
                    ("team", text(team.as_ref())),
                    ("user", text(to.as_ref())),
                    ("role", text(Some(&role))),
                    ("repository", text(repository.as_ref())),
                    ("until", until.map(|until| until.to_string().into())),
                ]);
                Ask::one(Method::POST, &["namespaces", &namespace, "grants"], GRANTS).body(body)
            }
            Self::Revoke { namespace, grant } => Ask::done(
                Method::DELETE,
                &["namespaces", &namespace, "grants", &grant],
                "the right is taken back",
            ),
        }
    }
}
