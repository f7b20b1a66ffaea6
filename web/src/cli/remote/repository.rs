//! `portus repository`

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use http::Method;
use serde_json::json;

use super::ask::{Ask, DEFAULT_LIMIT};
use super::namespace::VISIBILITIES;
use super::show::Column;

pub(super) const EXAMPLE: &str = "\
Examples:
  portus repository list
  portus repository list --sort pulls --namespace payments --limit 10
  portus repository tags payments/checkout --newest --limit 5
  portus repository tag payments/checkout 2.4.1 --json | jq -r .digest
  portus repository explain payments/checkout push --who bob

Where several registries have a repository of that name, say REGISTRY:NAME.";

/// What repositories are sorted by.
const ORDERS: [&str; 7] = ["name", "pushed", "pulled", "pulls", "stars", "tags", "size"];

/// What can be done with repositories. They come and go by pushing and deleting in the registry.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// The repositories that you may see
    #[command(visible_alias = "ls")]
    List {
        /// What comes first: the latest, the most, or the first by name
        #[arg(long, value_parser = PossibleValuesParser::new(ORDERS))]
        sort: Option<String>,
        /// The other way round
        #[arg(long)]
        reverse: bool,
        /// Those over which this namespace decides
        #[arg(long)]
        namespace: Option<String>,
        /// Those seen by its team; by whoever has signed in; by everybody
        #[arg(long, value_parser = PossibleValuesParser::new(VISIBILITIES))]
        visibility: Option<String>,
        /// Whose name begins so
        #[arg(long)]
        prefix: Option<String>,
        /// Whose name holds this
        #[arg(long)]
        part: Option<String>,
        /// Pushed to at or after, such as 2026-11-01T00:00:00Z
        #[arg(long, value_name = "TIME")]
        since: Option<jiff::Timestamp>,
        /// Those that you starred
        #[arg(long)]
        starred: bool,
        /// At most so many
        #[arg(long, default_value_t = DEFAULT_LIMIT)]
        limit: usize,
    },
    /// One repository
    #[command(visible_alias = "get")]
    Show { repository: String },
    /// Say what it is for
    Update {
        repository: String,
        /// What it is for
        #[arg(long)]
        description: String,
    },
    /// Its tags
    Tags {
        repository: String,
        /// The newest first
        #[arg(long)]
        newest: bool,
        /// Whose name begins so; by name
        #[arg(long, conflicts_with = "newest")]
        prefix: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = DEFAULT_LIMIT)]
        limit: usize,
    },
    /// One tag
    Tag { repository: String, tag: String },
    /// Where a tag has pointed, the latest first
    History {
        repository: String,
        tag: String,
        /// At most so many
        #[arg(long, default_value_t = DEFAULT_LIMIT)]
        limit: usize,
    },
    /// Its manifests
    Manifests {
        repository: String,
        /// At most so many
        #[arg(long, default_value_t = DEFAULT_LIMIT)]
        limit: usize,
    },
    /// One manifest, by its digest
    Manifest { repository: String, digest: String },
    /// Remember it on your page
    Star { repository: String },
    /// No longer
    Unstar { repository: String },
    /// Whether somebody may do something there, and why
    Explain {
        repository: String,
        /// Such as pull, push, delete
        action: String,
        /// Whom it is about; nobody: whoever has not signed in
        #[arg(long, value_name = "NAME")]
        who: Option<String>,
        /// Where there are several
        #[arg(long)]
        registry: Option<String>,
    },
}

pub(super) const COLUMNS: &[Column] = &[
    Column::text("NAME", "/full_name"),
    Column::text("REGISTRY", "/registry_hostname"),
    Column::text("VISIBILITY", "/namespace/visibility"),
    Column::number("TAGS", "/tags_count"),
    Column::number("STARS", "/stars"),
    Column::number("PULLS", "/pulls"),
    Column::time("LAST PUSH", "/last_push_at"),
    Column::text("BY", "/last_push_by"),
];

const FIELDS: &[Column] = &[
    Column::number("id", "/id"),
    Column::text("name", "/full_name"),
    Column::text("registry", "/registry_hostname"),
    Column::text("namespace", "/namespace/name"),
    Column::text("visibility", "/namespace/visibility"),
    Column::text("description", "/description"),
    Column::number("tags", "/tags_count"),
    Column::number("stars", "/stars"),
    Column::text("starred by you", "/starred"),
    Column::number("pulls", "/pulls"),
    Column::time("last pull", "/last_pull_at"),
    Column::time("last push", "/last_push_at"),
    Column::text("pushed by", "/last_push_by"),
    Column::time("created", "/created_at"),
];

const TAGS: &[Column] = &[
    Column::text("TAG", "/name"),
    Column::digest("DIGEST", "/digest"),
    Column::text("PLATFORMS", "/platforms"),
    Column::bytes("SIZE", "/size"),
    Column::time("PUSHED", "/updated_at"),
    Column::text("BY", "/author/name"),
    Column::number("PULLS", "/pulls"),
    Column::time("LAST PULL", "/last_pull_at"),
];

const TAG: &[Column] = &[
    Column::number("id", "/id"),
    Column::text("tag", "/name"),
    Column::text("digest", "/digest"),
    Column::text("media type", "/media_type"),
    Column::text("artifact type", "/artifact_type"),
    Column::text("kind", "/kind"),
    Column::text("platforms", "/platforms"),
    Column::bytes("size", "/size"),
    Column::text("pushed by", "/author/name"),
    Column::time("pushed", "/updated_at"),
    Column::number("pulls", "/pulls"),
    Column::time("last pull", "/last_pull_at"),
];

const HISTORY: &[Column] = &[
    Column::time("TIME", "/at"),
    Column::text("CHANGE", "/change"),
    Column::digest("DIGEST", "/digest"),
    Column::text("BY", "/actor"),
    Column::number("EVENT", "/position"),
];

const MANIFESTS: &[Column] = &[
    Column::digest("DIGEST", "/digest"),
    Column::text("KIND", "/kind"),
    Column::text("TAGS", "/tags"),
    Column::text("PLATFORMS", "/platforms"),
    Column::bytes("SIZE", "/total_size"),
    Column::time("PUSHED", "/last_push_at"),
    Column::text("BY", "/pushed_by"),
    Column::number("PULLS", "/pulls"),
];

const MANIFEST: &[Column] = &[
    Column::text("digest", "/digest"),
    Column::text("media type", "/media_type"),
    Column::text("artifact type", "/artifact_type"),
    Column::text("kind", "/kind"),
    Column::text("tags", "/tags"),
    Column::text("platforms", "/platforms"),
    Column::bytes("size", "/total_size"),
    Column::text("pushed by", "/pushed_by"),
    Column::time("first push", "/first_push_at"),
    Column::time("last push", "/last_push_at"),
    Column::number("pulls", "/pulls"),
    Column::time("last pull", "/last_pull_at"),
];

const VERDICT: &[Column] = &[
    Column::text("who", "/user"),
    Column::text("action", "/action"),
    Column::text("allowed", "/allowed"),
    Column::text("rule", "/rule"),
    Column::text("because", "/sentence"),
    Column::text("rests on", "/ground"),
    Column::number("as of event", "/position"),
];

impl Verb {
    pub(super) fn ask(self) -> Ask {
        let of = |rest: &[&str], repository: &str| {
            let path = [&["repositories", repository], rest].concat();
            path.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let one = |path: Vec<String>, columns| {
            let path: Vec<_> = path.iter().map(String::as_str).collect();
            Ask::one(Method::GET, &path, columns)
        };
        match self {
            Self::List {
                sort,
                reverse,
                namespace,
                visibility,
                prefix,
                part,
                since,
                starred,
                limit,
            } => {
                // Names come upwards, and all else downwards.
                let by_name = sort.as_deref().is_none_or(|sort| sort == "name");
                let turned = if by_name { "desc" } else { "asc" };
                Ask::list(&["repositories"], COLUMNS, limit)
                    .with("sort_attr", sort)
                    .with("sort_order", reverse.then_some(turned))
                    .with("namespace", namespace)
                    .with("visibility", visibility)
                    .with("prefix", prefix)
                    .with("part", part)
                    .with("since", since)
                    .with("starred", starred.then_some("true"))
            }
            Self::Show { repository } => one(of(&[], &repository), FIELDS),
            Self::Update { repository, description } => {
                Ask::one(Method::PUT, &["repositories", &repository], FIELDS)
                    .body(json!({ "repository": { "description": description } }))
            }
            Self::Tags { repository, newest, prefix, limit } => {
                Ask::list(&["repositories", &repository, "tags"], TAGS, limit)
                    .with("sort_attr", newest.then_some("pushed"))
                    .with("prefix", prefix)
            }
            Self::Tag { repository, tag } => one(of(&["tags", &tag], &repository), TAG),
            Self::History { repository, tag, limit } => {
                Ask::list(&["repositories", &repository, "tags", &tag, "history"], HISTORY, limit)
            }
            Self::Manifests { repository, limit } => {
                Ask::list(&["repositories", &repository, "manifests"], MANIFESTS, limit)
            }
            Self::Manifest { repository, digest } => {
                one(of(&["manifests", &digest], &repository), MANIFEST)
            }
            Self::Star { repository } => {
                let words = format!("{repository} is starred");
                Ask::done(Method::PUT, &["repositories", &repository, "star"], words)
            }
            Self::Unstar { repository } => {
                let words = format!("{repository} is no longer starred");
                Ask::done(Method::DELETE, &["repositories", &repository, "star"], words)
            }
            Self::Explain { repository, action, who, registry } => {
                Ask::one(Method::GET, &["explain"], VERDICT)
                    .with("repository", Some(repository))
                    .with("action", Some(action))
                    .with("user", who)
                    .with("registry", registry)
            }
        }
    }
}
