//! `portus activity`

use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use jiff::Timestamp;
use serde_json::Value;

use super::ask::Ask;
use super::show::{self, Column};
use super::{Server, ServerArgs};
use crate::cli::{Done, Failure, is_read, say, talk};

pub(super) const EXAMPLE: &str = "\
Examples:
  portus activity --repository payments/checkout
  portus activity --outcome refused --from 2026-11-01T00:00:00Z --json | jq -c '.[]'
  portus activity --follow --json";

/// How long `--follow` waits between two looks.
const PAUSE: Duration = Duration::from_secs(2);
/// Rows of one look, mostly enough.
const PAGE: usize = 100;
/// Rows that one look of `--follow` takes at most; more are told, not shown.
const FOLLOWED: usize = 1_000;

/// Which activities.
#[derive(Debug, Args)]
pub(in crate::cli) struct Which {
    /// By whom
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// In this registry
    #[arg(long)]
    registry: Option<String>,
    /// In this namespace
    #[arg(long)]
    namespace: Option<String>,
    /// In this repository
    #[arg(long)]
    repository: Option<String>,
    /// Of this team
    #[arg(long)]
    team: Option<String>,
    /// What happened, such as content.manifest_pushed
    #[arg(long)]
    kind: Option<String>,
    /// How it ended; reduced: less was given than asked for
    #[arg(long, value_parser = PossibleValuesParser::new(["done", "reduced", "refused"]))]
    outcome: Option<String>,
    /// From then on, such as 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Before then
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Go on with what happens from now on, the latest last; with --json one object a line
    #[arg(long, conflicts_with_all = ["to", "limit"])]
    follow: bool,
}

const COLUMNS: &[Column] = &[
    Column::time("TIME", "/recorded_at"),
    Column::text("WHO", "/actor/name"),
    Column::text("WHAT", "/kind"),
    Column::text("OUTCOME", "/outcome"),
    Column::text("NAMESPACE", "/namespace"),
    Column::text("REPOSITORY", "/repository"),
    Column::text("TAG", "/tag"),
    Column::text("TEAM", "/team"),
    Column::text("USER", "/user"),
];

pub(super) async fn run(args: &ServerArgs, activity: &Which) -> Done {
    if activity.follow {
        return follow(args, activity).await;
    }
    let (rows, more) = Server::of(args)?.list(&activity.ask(), activity.limit).await?;
    if args.json {
        say(Value::Array(rows));
    } else {
        show::table(COLUMNS, &rows);
    }
    if more {
        talk(format_args!("there are older ones: --limit {} was reached", activity.limit));
    }
    Ok(())
}

/// What is new, look after look, until somebody ends it.
async fn follow(args: &ServerArgs, activity: &Which) -> Done {
    let server = Server::of(args)?;
    let (rows, _) = server.list(&activity.ask(), 1).await?;
    let mut last = rows.first().and_then(place);
    loop {
        tokio::time::sleep(PAUSE).await;
        let new = match since(&server, activity, last).await {
            Ok(new) => new,
            // A server that is started again comes back; who follows stays.
            Err(Failure { code: 4, text }) => {
                talk(text);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        if new.len() == FOLLOWED {
            talk(format_args!("more than {FOLLOWED} happened at once; the oldest are not shown"));
        }
        for row in new.iter().rev() {
            if args.json {
                say(row);
            } else {
                show::line(COLUMNS, row);
            }
        }
        if !is_read() {
            return Ok(());
        }
        last = new.first().and_then(place).max(last);
    }
}

/// The rows after `last`, the latest first: one page, and all that may be where that is not enough.
async fn since(
    server: &Server,
    activity: &Which,
    last: Option<(u64, u64)>,
) -> Result<Vec<Value>, Failure> {
    for limit in [PAGE, FOLLOWED] {
        let (mut rows, more) = server.list(&activity.ask(), limit).await?;
        let new = rows.iter().take_while(|row| place(row) > last).count();
        let whole = new < rows.len() || !more;
        rows.truncate(new);
        if whole || limit == FOLLOWED {
            return Ok(rows);
        }
    }
    Ok(Vec::new())
}

/// Where a row stands: the position of its fact, and its number inside of it.
fn place(row: &Value) -> Option<(u64, u64)> {
    let id = row["id"].as_str()?;
    let (position, index) = id.split_once('/')?;
    Some((position.parse().ok()?, index.parse().ok()?))
}

impl Which {
    fn ask(&self) -> Ask {
        Ask::list(&["activities"], COLUMNS, self.limit)
            .with("actor", self.actor.as_ref())
            .with("registry", self.registry.as_ref())
            .with("namespace", self.namespace.as_ref())
            .with("repository", self.repository.as_ref())
            .with("team", self.team.as_ref())
            .with("kind", self.kind.as_ref())
            .with("outcome", self.outcome.as_ref())
            .with("from", self.from.as_ref())
            .with("to", self.to.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_told_apart_by_where_they_stand() {
        let at = |id: &str| place(&json!({ "id": id }));
        assert!(at("10/0") > at("9/12") && at("10/1") > at("10/0"));
        assert_eq!((at("ten/0"), place(&json!({}))), (None, None));
    }
}
