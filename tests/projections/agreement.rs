//! Search and the relational read models are two folds of one log: they tell the same of tags,
//! manifests and downloads, in whatever order registries told.

use std::collections::BTreeSet;

use domain::access::Visible;
use domain::event::{Actor, Event, NewEvent};
use domain::name::{NamespaceName, RegistryName, TeamName};
use domain::namespace::{Holder, NamespaceEvent, Visibility};
use jiff::{Timestamp, ToSpan as _};
use projections::runner::Runner;
use projections::search::{Entry, Kind, Query, SearchIndex};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sqlx::PgPool;
use tests::postgres::TestDatabase;

use crate::history::{append, event, history, log, now};

/// Everything in it has a namespace that decides over it, so that search shows all of it.
fn namespaces() -> Vec<NewEvent> {
    let names = ["_", "a", "a0", "d", "z"].map(|name| NamespaceName::parse(name).unwrap());
    let all = ["main", "other"].into_iter().flat_map(|registry| {
        let registry = RegistryName::parse(registry).unwrap();
        names.clone().map(move |namespace| NamespaceEvent::Created {
            registry: registry.clone(),
            namespace,
            holder: Holder::Team { team: TeamName::parse("crew").unwrap() },
            visibility: Visibility::Public,
            description: String::new(),
        })
    });
    let at: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
    all.map(|created| event(Actor::Console { uid: 0 }, at, created)).collect()
}

/// What happened to content, each thing at any moment of a few: late, early, and at once.
fn content(seed: u64) -> Vec<NewEvent> {
    let mut random = StdRng::seed_from_u64(seed);
    let begin: Timestamp = "2024-05-01T00:00:00Z".parse().unwrap();
    let mut all: Vec<_> = history(seed, 2_500)
        .into_iter()
        .filter(|event| matches!(event.event, Event::Content(_)))
        .collect();
    for event in &mut all {
        event.occurred_at = begin + random.random_range(0..200_i64).seconds();
    }
    all
}

async fn rows(pool: &PgPool, sql: &'static str) -> BTreeSet<String> {
    sqlx::query_scalar::<_, String>(sql).fetch_all(pool).await.unwrap().into_iter().collect()
}

const TAGS: &str = "SELECT concat_ws(' ', registry, repository, name, digest,
    extract(epoch FROM changed_at)::bigint) FROM read_content.tags WHERE live";
const MANIFESTS: &str = "SELECT concat_ws(' ', registry, repository, digest,
    extract(epoch FROM greatest(last_push_at, seen_at))::bigint)
    FROM read_content.manifests WHERE live";
const REPOSITORIES: &str = "SELECT concat_ws(' ', registry, name, pulls,
    coalesce(extract(epoch FROM last_push_at)::bigint::text, '-')) FROM read_content.repositories r
    WHERE EXISTS (SELECT FROM read_content.manifests m WHERE m.live AND m.registry = r.registry
      AND m.repository = r.name)";

fn found(index: &SearchIndex, words: &[String], kind: Kind) -> BTreeSet<String> {
    let everything = Visible { everything: true, ..Visible::default() };
    let mut all = BTreeSet::new();
    for word in words {
        let found = index
            .find(&Query::new(word, 100, Timestamp::UNIX_EPOCH).only([kind]), &everything)
            .unwrap();
        for hits in [found.tags, found.manifests, found.repositories] {
            assert_eq!(hits.total, hits.best.len(), "all of them on one page");
            all.extend(hits.best.iter().map(line));
        }
    }
    all
}

fn line(entry: &Entry) -> String {
    match entry {
        Entry::Tag { registry, repository, tag, digest, pushed_at, .. } => {
            format!("{registry} {repository} {tag} {digest} {}", pushed_at.as_second())
        }
        Entry::Manifest { registry, repository, digest, pushed_at, .. } => {
            format!("{registry} {repository} {digest} {}", pushed_at.as_second())
        }
        Entry::Repository { registry, name, pulls, pushed_at, .. } => {
            let pushed_at = pushed_at.map_or("-".to_owned(), |at| at.as_second().to_string());
            format!("{registry} {name} {pulls} {pushed_at}")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn search_and_read_models_tell_the_same_in_whatever_order_they_were_told() {
    for seed in [11, 12, 13] {
        let db = TestDatabase::new().await;
        let log = log(&db).await;
        append(log.as_ref(), namespaces()).await;
        append(log.as_ref(), content(seed)).await;
        Runner::new(log.clone(), db.service.clone(), now()).catch_up().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let index = SearchIndex::open(folder.path()).unwrap();
        index.catch_up(&*log).await.unwrap();

        let words = |all: &[&str]| all.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let tags = rows(&db.owner, TAGS).await;
        assert!(tags.len() > 15, "{}", tags.len());
        assert_eq!(found(&index, &words(&["latest", "v1", "v2"]), Kind::Tag), tags, "{seed}");
        let manifests = rows(&db.owner, MANIFESTS).await;
        assert!(manifests.len() > 15, "{}", manifests.len());
        let digests: Vec<_> = (0..6).map(|n| format!("sha256:{n:064x}")).collect();
        assert_eq!(found(&index, &digests, Kind::Manifest), manifests, "{seed}");
        let repositories = rows(&db.owner, REPOSITORIES).await;
        assert_eq!(found(&index, &words(&["x", "y"]), Kind::Repository), repositories, "{seed}");
    }
}
