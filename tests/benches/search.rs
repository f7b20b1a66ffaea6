//! Search over a million repositories: how long it takes to find, and to build the index.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::access::Visible;
use domain::digest::Digest;
use domain::event::{Actor, Class, Event, EventId, Meta, Position, Recorded, StreamName, Version};
use domain::log::{Append, EventLog, History, LogError, Outcome, Page};
use domain::name::{NamespaceName, RegistryName, RepositoryName, TagName, TeamName};
use domain::namespace::{Holder, NamespaceEvent, Visibility};
use domain::registry::ContentEvent;
use jiff::Timestamp;
use projections::search::{Query, SearchIndex};

/// Namespaces, every tenth of them public.
const NAMESPACES: u64 = 20_000;
/// Repositories, with one tag each.
const REPOSITORIES: u64 = 1_000_000;
/// Namespaces of the person who is in many teams.
const MEMBER_OF: u64 = 5_000;
/// Each question is asked so often.
const ASKED: usize = 200;

const WORDS: [&str; 24] = [
    "api", "web", "shop", "billing", "cache", "nginx", "proxy", "postgres", "worker", "batch",
    "report", "frontend", "backend", "auth", "mail", "search", "index", "build", "deploy", "agent",
    "metrics", "gateway", "stream", "ledger",
];

pub(crate) async fn figures() {
    let folder = tempfile::tempdir().expect("a folder");
    // An index that is kept is soon caught up.
    let kept = std::env::var_os("BENCH_WORLD").map(|kept| PathBuf::from(kept).join("search"));
    let folder = kept.as_deref().unwrap_or(folder.path());
    let index = SearchIndex::open(folder).expect("an index");
    let start = Instant::now();
    index.catch_up(&Made).await.expect("the log's end");
    let time = start.elapsed().as_secs_f64();
    let facts = NAMESPACES + REPOSITORIES;
    println!("## Search\n");
    println!(
        "{REPOSITORIES} repositories with a tag each in {NAMESPACES} namespaces: {facts} facts in \
         {time:.0} s ({:.0}/s), {:.0} MB on disk.\n",
        facts as f64 / time,
        size(folder) as f64 / 1e6,
    );
    println!("| who | question | found | p50 ms | p99 ms |\n| --- | --- | --- | --- | --- |");
    let member = Visible {
        visibilities: [Visibility::Public].into(),
        namespaces: (0..MEMBER_OF).map(|n| (registry(), namespace(n * 3))).collect(),
        ..Visible::default()
    };
    let public = Visible { visibilities: [Visibility::Public].into(), ..Visible::default() };
    let admin = Visible { everything: true, ..Visible::default() };
    let digest = digest(4_711);
    let now = Timestamp::from_second(1_711_000_000).expect("a time");
    let questions = [
        "n",
        "ngi",
        "nginx",
        "nginx proxy",
        "ngnix",
        "n123/nginx-4711",
        "team zzz",
        digest.short(),
    ];
    for (who, visible) in
        [("everybody", &public), ("member of 5,000", &member), ("administrator", &admin)]
    {
        for question in questions {
            let query = Query::new(question, 10, now);
            let mut times = Vec::with_capacity(ASKED);
            let mut found = 0;
            for _ in 0..ASKED {
                let start = Instant::now();
                found = index.find(&query, visible).expect("an answer").total();
                times.push(start.elapsed());
            }
            times.sort_unstable();
            let ms = |at: usize| times.get(at).map_or(0.0, Duration::as_secs_f64) * 1e3;
            println!(
                "| {who} | `{question}` | {found} | {:.2} | {:.2} |",
                ms(ASKED / 2),
                ms(ASKED * 99 / 100)
            );
        }
    }
    println!();
}

/// A log that makes its facts as they are read.
struct Made;

#[async_trait]
impl EventLog for Made {
    async fn append(&self, _: Vec<Append>) -> Result<Vec<Outcome>, LogError> {
        Err(LogError::Invalid("made up".to_owned()))
    }

    async fn read_stream(&self, _: &StreamName, _: Option<Version>) -> Result<History, LogError> {
        Ok(History { events: vec![], version: None })
    }

    async fn read_all(
        &self,
        after: Position,
        max: usize,
        _: Option<Class>,
    ) -> Result<Page, LogError> {
        let head = NAMESPACES + REPOSITORIES;
        let last = head.min(after.0 + max as u64);
        let events = (after.0 + 1..=last).map(recorded).collect();
        Ok(Page { events, next: Position(last), head: Position(head) })
    }

    async fn head(&self) -> Result<Position, LogError> {
        Ok(Position(NAMESPACES + REPOSITORIES))
    }

    async fn wait_beyond(&self, _: Position, _: Option<Class>) {
        std::future::pending().await
    }
}

fn recorded(position: u64) -> Recorded {
    let number = position - 1;
    let event: Event = match number.checked_sub(NAMESPACES) {
        None => NamespaceEvent::Created {
            registry: registry(),
            namespace: namespace(number),
            holder: Holder::Team { team: TeamName::parse("crew").expect("a name") },
            visibility: if number.is_multiple_of(10) {
                Visibility::Public
            } else {
                Visibility::Private
            },
            description: String::new(),
        }
        .into(),
        Some(number) => ContentEvent::ManifestPushed {
            registry: registry(),
            repository: repository(number),
            digest: digest(number),
            tag: Some(TagName::parse(&format!("v1.{}", number % 50)).expect("a tag")),
            media_type: None,
            size: None,
            references: vec![],
            omitted: None,
        }
        .into(),
    };
    let encoded = event.encode();
    let at = Timestamp::from_second(1_700_000_000 + (number as i64) * 10).expect("a time");
    let meta = Meta::by(Actor::System { part: "bench".to_owned() });
    Recorded {
        position: Position(position),
        stream: StreamName::system(),
        version: Version(number),
        id: EventId::from_key(&position.to_string()),
        kind: encoded.kind,
        schema: encoded.schema,
        class: encoded.class,
        recorded_at: at,
        occurred_at: at,
        meta: serde_json::to_string(&meta).expect("plain data"),
        data: encoded.data,
    }
}

fn registry() -> RegistryName {
    RegistryName::parse("main").expect("a name")
}

fn namespace(number: u64) -> NamespaceName {
    NamespaceName::parse(&format!("n{number}")).expect("a name")
}

fn repository(number: u64) -> RepositoryName {
    let word = |at: u64| WORDS[(at % WORDS.len() as u64) as usize];
    let name = format!("n{}/{}-{}-{number}", number % NAMESPACES, word(number), word(number / 24));
    RepositoryName::parse(&name).expect("a name")
}

fn digest(number: u64) -> Digest {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(number.to_be_bytes());
    Digest::parse(&format!("sha256:{}", hex::encode(hash))).expect("a digest")
}

fn size(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let entries = entries.filter_map(Result::ok);
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => size(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}
