//! What people type, and what they mean by it: `tests/fixtures/search/relevance.csv`, over a
//! company of 20,000 repositories, of which `world.csv` beside it names those that matter here.
//!
//! A new line in the table is a new promise. What stands first there is what a person would want.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use commands::desk::Clock;
use commands::log::memory::MemoryLog;
use domain::access::Visible;
use domain::event::{Actor, Event, EventId, Meta, NewEvent, StreamName};
use domain::log::{Append, EventLog as _, Expected};
use domain::namespace::Visibility;
use domain::registry::PullMethod;
use domain::repository::RepositoryEvent;
use domain::team::TeamEvent;
use jiff::{SignedDuration, Timestamp};
use projections::search::{Entry, Kind, Query, Results, SearchIndex};

use super::world::{created, pulled, pushed, registry, repo, space, starred, team, user};

const REPOSITORIES: usize = 20_000;
const TEAMS: [&str; 5] =
    ["site reliability", "qualitaetssicherung", "equipe paris", "payments", "filialen nord"];
/// Departments whose repositories nobody asks for here, and that people must get past.
const DEPARTMENTS: [&str; 48] = [
    "returns",
    "pricing",
    "promo",
    "stores",
    "pos",
    "fleet",
    "customs",
    "invoicing",
    "sourcing",
    "vendors",
    "hr",
    "payroll",
    "travel",
    "legal",
    "audit",
    "treasury",
    "controlling",
    "insurance",
    "callcenter",
    "chat",
    "email",
    "sms",
    "seo",
    "ads",
    "affiliate",
    "content",
    "media",
    "video",
    "translation",
    "quality",
    "testing",
    "devices",
    "printing",
    "labels",
    "packaging",
    "cooling",
    "energy",
    "facility",
    "parking",
    "canteen",
    "academy",
    "research",
    "press",
    "events",
    "sustainability",
    "pharmacy",
    "garden",
    "toys",
];
const NOUNS: [&str; 40] = [
    "account",
    "address",
    "article",
    "assortment",
    "availability",
    "batch",
    "booking",
    "calendar",
    "campaign",
    "claim",
    "contract",
    "coupon",
    "currency",
    "delivery",
    "document",
    "employee",
    "feed",
    "file",
    "form",
    "item",
    "label",
    "ledger",
    "list",
    "location",
    "log",
    "message",
    "metric",
    "note",
    "offer",
    "parcel",
    "partner",
    "permission",
    "plan",
    "profile",
    "receipt",
    "region",
    "report",
    "schedule",
    "shift",
    "supplier",
];
const ROLES: [&str; 20] = [
    "api",
    "worker",
    "job",
    "web",
    "admin",
    "proxy",
    "importer",
    "sync",
    "service",
    "backend",
    "frontend",
    "gateway",
    "consumer",
    "producer",
    "migrator",
    "cli",
    "tests",
    "mock",
    "cache",
    "scheduler",
];
/// What people try out in their own namespaces.
const COPIED: [&str; 8] =
    ["nginx", "postgres", "redis", "python", "node", "grafana", "ubuntu", "webshop"];

fn now() -> Timestamp {
    "2024-12-01T12:00:00Z".parse().unwrap()
}

/// The company's past, as a log.
#[derive(Default)]
struct Past {
    facts: Vec<(Timestamp, Event)>,
    namespaces: BTreeSet<String>,
    repositories: BTreeSet<String>,
}

impl Past {
    fn record(&mut self, days: u32, event: impl Into<Event>) {
        // Within a day, in the order told.
        let moment = i64::try_from(self.facts.len()).unwrap() % 80_000;
        let at = now() - SignedDuration::from_hours(24 * (i64::from(days) + 1));
        self.facts.push((at + SignedDuration::from_secs(moment), event.into()));
    }

    fn image(&mut self, name: &str, tags: &[&str], days: u32, visibility: Visibility) {
        let namespace = name.rsplit_once('/').unwrap().0;
        if self.namespaces.insert(namespace.to_owned()) {
            self.record(2_000, created(namespace, visibility, "payments"));
        }
        if self.repositories.insert(name.to_owned()) {
            for tag in tags {
                let image = format!("{name}:{tag}");
                self.record(days, pushed(&image, &image));
            }
        }
    }

    fn liked(&mut self, name: &str, stars: u32, pulls: u32) {
        (0..stars).for_each(|n| self.record(1, starred(&format!("fan{n}"), name)));
        (0..pulls).for_each(|_| self.record(1, pulled(name, PullMethod::Get)));
    }
}

#[derive(serde::Deserialize)]
struct Named {
    repository: String,
    tags: String,
    stars: u32,
    pulls: u32,
    days: u32,
    description: String,
}

fn past() -> Past {
    let mut past = Past::default();
    for name in TEAMS {
        let (team, owner) = (team(name), user("owner"));
        past.record(2_000, TeamEvent::Created { team, owner, description: String::new() });
    }
    let table = include_str!("../../fixtures/search/world.csv");
    for named in csv::Reader::from_reader(table.as_bytes()).deserialize::<Named>() {
        let named = named.unwrap();
        let open = ["library/", "base/"].iter().any(|open| named.repository.starts_with(open));
        let visibility = if open { Visibility::Public } else { Visibility::Protected };
        let tags: Vec<_> = named.tags.split(';').collect();
        past.image(&named.repository, &tags, named.days, visibility);
        past.liked(&named.repository, named.stars, named.pulls);
        if !named.description.is_empty() {
            let (registry, repository) = (registry(), repo(&named.repository));
            let description = named.description;
            past.record(1, RepositoryEvent::Described { registry, repository, description });
        }
    }
    // What the asker may not see, however tempting.
    for name in ["nginx", "checkout-api", "auth", "runner", "redis"] {
        past.image(&format!("confidential/{name}"), &["2.4.1", "1.27"], 0, Visibility::Private);
        past.liked(&format!("confidential/{name}"), 150, 100);
    }
    let people = (0..150).map(|number| format!("u-{number:03}"));
    let departments = DEPARTMENTS.map(str::to_owned);
    for (number, person) in people.clone().enumerate() {
        for copied in COPIED.iter().skip(number % COPIED.len()) {
            past.image(&format!("{person}/{copied}"), &["latest"], 90, Visibility::Protected);
        }
    }
    let places: Vec<_> = departments.into_iter().chain(people).collect();
    let mut number = 0_usize;
    while past.repositories.len() < REPOSITORIES {
        // A step that has no divisor in common with the number of names visits them all.
        number += 7_919;
        let place = &places[number % places.len()];
        let noun = NOUNS[number / places.len() % NOUNS.len()];
        let role = ROLES[number / places.len() / NOUNS.len() % ROLES.len()];
        let name = format!("{place}/{noun}-{role}");
        let days = u32::try_from(number % 900).unwrap();
        let version = format!("1.{}.{}", number % 9, number % 7);
        past.image(&name, &[&version], days, Visibility::Protected);
        // Few are liked at all.
        if number.is_multiple_of(17) {
            past.liked(&name, u32::try_from(number % 5).unwrap(), 2);
        }
    }
    past
}

struct Company {
    index: SearchIndex,
    /// Somebody who works there.
    visible: Visible,
    _folder: tempfile::TempDir,
}

async fn company() -> Company {
    let mut past = past().facts;
    past.sort_by_key(|(at, _)| *at);
    let log = MemoryLog::new(Clock::new(now));
    let facts = past.into_iter().enumerate().map(|(number, (at, event))| Append {
        stream: StreamName::stored(format!("test-{number}")),
        expected: Expected::NoStream,
        key: None,
        events: vec![NewEvent {
            id: EventId::from_key(&number.to_string()),
            occurred_at: at,
            meta: Meta::by(Actor::Console { uid: 0 }),
            event,
        }],
    });
    let facts: Vec<Append> = facts.collect();
    for some in facts.chunks(1_000) {
        log.append(some.to_vec()).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let index = SearchIndex::open(folder.path()).unwrap();
    index.catch_up(&*Arc::clone(&log)).await.unwrap();
    let visible = Visible {
        visibilities: [Visibility::Public, Visibility::Protected].into(),
        namespaces: [(registry(), space("u-007"))].into(),
        teams: TEAMS.map(team).into(),
        ..Visible::default()
    };
    Company { index, visible, _folder: folder }
}

#[derive(serde::Deserialize)]
struct Line {
    query: String,
    first: String,
    why: String,
}

/// What a person sees first: the best hit of the kind that is shown first.
fn first(found: &Results) -> String {
    let Some(kind) = found.order.first() else { return "nothing".to_owned() };
    let (word, hits) = match kind {
        Kind::Repository => ("repository", &found.repositories),
        Kind::Tag => ("tag", &found.tags),
        Kind::Manifest => ("manifest", &found.manifests),
        Kind::Namespace => ("namespace", &found.namespaces),
        Kind::Team => ("team", &found.teams),
    };
    format!("{word} {}", hits.best.first().map(Entry::name).unwrap())
}

#[tokio::test]
async fn people_find_first_what_they_mean() {
    let company = company().await;
    let all = company.index.find(&Query::new("", 1, now()), &company.visible).unwrap();
    assert!(all.repositories.total > REPOSITORIES - 10, "{}", all.repositories.total);
    let table = include_str!("../../fixtures/search/relevance.csv");
    let lines = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(table.as_bytes());
    let lines: Vec<Line> = lines.into_deserialize().collect::<Result<_, _>>().unwrap();
    assert!(lines.len() >= 60, "{}", lines.len());
    let mut wrong = String::new();
    for line in &lines {
        let query = Query::new(&line.query, 3, now());
        let found = company.index.find(&query, &company.visible).unwrap();
        if first(&found) != line.first {
            let hits: Vec<_> = found.repositories.best.iter().map(Entry::name).collect();
            let Line { query, first: expected, why } = line;
            writeln!(wrong, "`{query}`: {}, not {expected} ({why}); {hits:?}", first(&found))
                .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");

    // While it is typed, each of these shows within its first letters, and stays.
    for (typed, name, letters) in [
        ("nginx", "library/nginx", 2),
        ("grafana", "observability/grafana", 3),
        ("payments/checkout-api", "payments/checkout-api", 11),
        ("inventory", "warehouse/inventory-management-service", 4),
        ("webshop", "frontend/webshop", 4),
    ] {
        for end in letters..=typed.len() {
            let query = Query::new(&typed[..end], 4, now());
            let found = company.index.find(&query, &company.visible).unwrap();
            let names: Vec<_> = found.repositories.best.iter().map(Entry::name).collect();
            assert!(names.iter().any(|hit| hit == name), "{}: {names:?}", &typed[..end]);
        }
    }
}
