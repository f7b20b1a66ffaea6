//! Suggestions over HTTP while somebody types, letter by letter.

use std::time::Instant;

use domain::digest::{Descriptor, Digest};
use domain::event::{Actor, Event, EventId, Meta, NewEvent, StreamName};
use domain::log::{Append, EventLog as _, Expected};
use domain::name::TeamName;
use domain::name::{NamespaceName, RegistryName, RepositoryName, TagName};
use domain::namespace::{Holder, NamespaceEvent, Visibility};
use domain::registry::ContentEvent;
use jiff::{SignedDuration, Timestamp};
use tests::program::Program;

use crate::{machine, world};

/// Namespaces, all of them of one team and private; every tenth is public.
const NAMESPACES: usize = 10_000;
/// Repositories at the first and at the second taking.
const REPOSITORIES: [usize; 2] = [20_000, 100_000];
/// How often each word is typed.
const TYPED: usize = 5;
/// Searches right after somebody's decision, when what may be seen is found out anew.
const AFTER_DECISIONS: usize = 25;

/// Words as people type them: right, wrong, of several parts, and of nothing.
const WORDS: [&str; 12] = [
    "nginx",
    "payments api",
    "checkout-gateway",
    "postgers",
    "billing",
    "warehouse worker",
    "v1.2",
    "frontend",
    "sha256:0f3a",
    "prometeus",
    "geschäftskunden",
    "zzyzx",
];
const NOUNS: [&str; 24] = [
    "api",
    "web",
    "shop",
    "billing",
    "cache",
    "nginx",
    "proxy",
    "postgres",
    "worker",
    "batch",
    "report",
    "frontend",
    "backend",
    "auth",
    "mail",
    "search",
    "checkout",
    "build",
    "payments",
    "agent",
    "prometheus",
    "gateway",
    "warehouse",
    "ledger",
];

pub(crate) async fn figures() {
    let site = Program::start_with(&[("PORTUS_LOG__FILTER", "warn")]).await;
    let alice = site.person("alice").await;
    let bob = site.person("bob").await;
    let (team, _, _) = site.team("crew", &alice).await;
    let log = world::open(&site).await;
    let team = TeamName::parse(&team).expect("a team's name");
    let spaces: Vec<Event> = (0..NAMESPACES).map(|number| space(number, &team).into()).collect();
    write(&log, spaces).await;
    println!("## Suggestions as somebody types\n");
    println!("| repositories | who | letters typed | p50 ms | p95 ms | p99 ms | most |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let everybody = [
        ("nobody signed in", None),
        ("owner of 1,000 public and 9,000 private namespaces", Some(site.cookie(&alice).await)),
        ("member of nothing", Some(site.cookie(&bob).await)),
    ];
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let ask = async |cookie: Option<&str>, text: &str| {
        let query = serde_urlencoded::to_string([("q", text)]).expect("plain text");
        let mut request = http.get(format!("{}/search/suggest?{query}", site.url()));
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        let start = Instant::now();
        let answer = request.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
        answer.bytes().await.expect("a body");
        start.elapsed().as_secs_f64() * 1e3
    };
    let mut there = 0;
    for count in REPOSITORIES {
        write(&log, (there..count).map(|number| push(number).into()).collect()).await;
        there = count;
        let pid = site.pid().expect("a running portus");
        machine::settle(&machine::family(pid), std::time::Duration::from_secs(120));
        for (who, cookie) in &everybody {
            let mut times = Vec::new();
            for _ in 0..TYPED {
                for word in WORDS {
                    let ends = word.char_indices().map(|(at, c)| at + c.len_utf8());
                    for end in ends {
                        times.push(ask(cookie.as_deref(), &word[..end]).await);
                    }
                }
            }
            line(count, who, times);
        }
    }
    let (who, cookie) = &everybody[1];
    let mut times = Vec::new();
    for number in 0..AFTER_DECISIONS {
        let made = space(NAMESPACES + number, &team);
        write(&log, vec![made.into()]).await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        times.push(ask(cookie.as_deref(), "nginx").await);
    }
    line(there, &format!("{who}, first letter after a decision"), times);
    println!();
}

fn line(count: usize, who: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let at = |part: f64| machine::percentile(&times, part);
    println!(
        "| {count} | {who} | {} | {:.1} | {:.1} | {:.1} | {:.1} |",
        times.len(),
        at(0.5),
        at(0.95),
        at(0.99),
        times.last().copied().unwrap_or_default()
    );
}

async fn write(log: &commands::log::postgres::PostgresLog, events: Vec<Event>) {
    let mut appends = Vec::new();
    for event in events {
        let stream = match &event {
            Event::Namespace(NamespaceEvent::Created { registry, namespace, .. }) => {
                StreamName::namespace(registry, namespace)
            }
            _ => StreamName::pushes(&registry(), now()),
        };
        let meta = Meta::by(Actor::System { part: "bench".to_owned() });
        let id = EventId(uuid::Uuid::now_v7());
        let events = vec![NewEvent { id, occurred_at: now(), meta, event }];
        appends.push(Append { stream, expected: Expected::Any, key: None, events });
        if appends.len() == 500 {
            log.append(std::mem::take(&mut appends)).await.expect("appended");
        }
    }
    log.append(appends).await.expect("appended");
}

fn space(number: usize, team: &TeamName) -> NamespaceEvent {
    NamespaceEvent::Created {
        registry: registry(),
        namespace: namespace(number),
        holder: Holder::Team { team: team.clone() },
        visibility: if number.is_multiple_of(10) {
            Visibility::Public
        } else {
            Visibility::Private
        },
        description: String::new(),
    }
}

fn push(number: usize) -> ContentEvent {
    let noun = |number: usize| NOUNS[number % NOUNS.len()];
    let (first, second) = (noun(number), noun(number / NOUNS.len() + 5));
    let name = format!("{}/{first}-{second}-{number}", namespace(number % NAMESPACES));
    let digest = |text: String| Digest::parse(&tests::image::digest(text.as_bytes()));
    let reference = |platform: &str| Descriptor {
        media_type: Some(tests::image::MANIFEST.to_owned()),
        digest: digest(format!("{number} {platform}")).expect("a digest"),
        size: Some(10_000_000),
        platform: Some(platform.to_owned()),
    };
    ContentEvent::ManifestPushed {
        registry: registry(),
        repository: RepositoryName::parse(&name).expect("a name"),
        digest: digest(number.to_string()).expect("a digest"),
        tag: Some(TagName::parse(&format!("v1.{}", number % 30)).expect("a tag")),
        media_type: None,
        size: Some(1_000),
        references: vec![reference("linux/amd64"), reference("linux/arm64")],
        omitted: None,
    }
}

fn namespace(number: usize) -> NamespaceName {
    let name = format!("{}-{number}", NOUNS[number % NOUNS.len()]);
    NamespaceName::parse(&name).expect("a name")
}

fn registry() -> RegistryName {
    RegistryName::parse("main").expect("a name")
}

fn now() -> Timestamp {
    commands::desk::Clock::system().now() - SignedDuration::from_hours(1)
}
