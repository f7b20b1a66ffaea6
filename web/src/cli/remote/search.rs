//! `portus search`

use clap::Args;
use clap::builder::PossibleValuesParser;
use http::Method;
use serde_json::{Value, json};

use super::ask::Ask;
use super::namespace::VISIBILITIES;
use super::show::{self, Column};
use super::{Server, ServerArgs};
use crate::cli::{Done, say, talk};

pub(super) const EXAMPLE: &str = "\
Examples:
  portus search checkout
  portus search nginx --kind repository --platform linux/arm64 --since 30d
  portus search sha256:31415926 --json | jq '.manifests.hits[]'";

/// Hits of each kind, in the order in which they are worth reading.
const KINDS: [(&str, &str); 5] = [
    ("repository", "repositories"),
    ("tag", "tags"),
    ("manifest", "manifests"),
    ("namespace", "namespaces"),
    ("team", "teams"),
];

/// What is looked for.
#[derive(Debug, Args)]
pub(in crate::cli) struct Wanted {
    /// Parts of names, a tag, or the beginning of a digest
    #[arg(required = true)]
    words: Vec<String>,
    /// Only these
    #[arg(long, value_parser = PossibleValuesParser::new(KINDS.map(|(kind, _)| kind)))]
    kind: Option<String>,
    /// Only what this namespace decides over
    #[arg(long)]
    namespace: Option<String>,
    /// Only where the namespace is so
    #[arg(long, value_parser = PossibleValuesParser::new(VISIBILITIES))]
    visibility: Option<String>,
    /// Only for this platform, such as linux/amd64
    #[arg(long)]
    platform: Option<String>,
    /// Only what was pushed within this time
    #[arg(long, value_parser = PossibleValuesParser::new(["24h", "7d", "30d", "1y"]))]
    since: Option<String>,
    /// At most so many of each kind
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
    limit: u8,
}

const COLUMNS: &[Column] = &[
    Column::text("KIND", "/kind"),
    Column::text("NAME", "/name"),
    Column::text("REGISTRY", "/registry"),
    Column::number("STARS", "/stars"),
    Column::number("PULLS", "/pulls"),
    Column::time("PUSHED", "/pushed_at"),
    Column::text("DESCRIPTION", "/description"),
];

pub(super) async fn run(args: &ServerArgs, search: &Wanted) -> Done {
    let ask = Ask::one(Method::GET, &["search"], COLUMNS)
        .with("q", Some(search.words.join(" ")))
        .with("kind", search.kind.as_ref())
        .with("namespace", search.namespace.as_ref())
        .with("visibility", search.visibility.as_ref())
        .with("platform", search.platform.as_ref())
        .with("since", search.since.as_ref())
        .with("per_page", Some(search.limit));
    let found = Server::of(args)?.send(&ask).await?;
    if args.json {
        say(found);
        return Ok(());
    }
    show::table(COLUMNS, &rows(&found));
    if found["total"] == 0 {
        talk("nothing is called so among what you may see");
        if found["unfiltered"].as_u64() > Some(0) {
            talk(format_args!("without filters there would be {}", found["unfiltered"]));
        }
        for near in found["nearest"].as_array().into_iter().flatten() {
            let name = near["name"].as_str().unwrap_or_default();
            talk(format_args!("did you mean {}?", show::plain(name)));
        }
    } else if found["forgiving"] == true {
        talk("some of these were found by forgiving typing errors");
    }
    Ok(())
}

fn rows(found: &Value) -> Vec<Value> {
    let order: Vec<_> = found["order"].as_array().into_iter().flatten().collect();
    let mut kinds = KINDS;
    // The kind that matches best first; those without hits do not matter.
    kinds.sort_by_key(|(kind, _)| order.iter().position(|known| *known == kind));
    let hits = kinds.iter().flat_map(|(kind, place)| {
        let hits = found[place]["hits"].as_array().into_iter().flatten();
        hits.map(move |hit| {
            let mut hit = hit.clone();
            hit["kind"] = json!(kind);
            hit
        })
    });
    hits.collect()
}
