//! The world that pages are measured over: facts written into the log, which the service itself
//! folds.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use commands::log::postgres::PostgresLog;
use domain::digest::{Descriptor, Digest};
use domain::event::{Actor, Event, EventId, Meta, NewEvent, StreamName};
use domain::log::{Append, EventLog as _, Expected};
use domain::name::{NamespaceName, RegistryName, RepositoryName, TagName, TeamName, UserName};
use domain::namespace::{Holder, NamespaceEvent, Visibility};
use domain::registry::{ContentEvent, PullMethod};
use domain::star::StarEvent;
use domain::team::{Role, TeamEvent};
use domain::user::{Account, Origin, UserEvent};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tests::program::{Person, Program};

use crate::{machine, world};

const USERS: usize = 2_000;
const TEAMS: usize = 2_000;
const MEMBERS: usize = 5;
const NAMESPACES: usize = 20_000;
/// Of the person who is in many.
const MANY: usize = 5_000;
/// Of the person who is in few.
const FEW: usize = 4;
const REPOSITORIES: usize = 100_000;
/// In one namespace.
const BIG: usize = 10_000;
const TAGS: usize = 1_000_000;
/// In one repository.
const TAGGED: usize = 10_000;
/// Of one tag.
const MOVES: usize = 1_000;
const PULLS: usize = 60_000;
const STARS: usize = 20_000;
/// Facts in one append.
const TOGETHER: usize = 500;

const WORDS: [&str; 24] = [
    "api", "web", "shop", "billing", "cache", "nginx", "proxy", "postgres", "worker", "batch",
    "report", "frontend", "backend", "auth", "mail", "search", "index", "build", "deploy", "agent",
    "metrics", "gateway", "stream", "ledger",
];

/// Where the world is kept between two runs, so that only the first has to make it.
const KEPT: &str = "BENCH_WORLD";

/// What was made.
#[derive(Serialize, Deserialize)]
pub(super) struct Ground {
    /// In no team, with no namespace but their own.
    pub(super) stranger: Person,
    pub(super) few: Person,
    pub(super) many: Person,
    pub(super) auditor: Person,
    pub(super) admin: Person,
    /// A manifest of `big/tagged`.
    pub(super) digest: String,
    /// An event that everybody may see who is signed in, and one that only administrators may.
    pub(super) event: String,
    pub(super) hidden: String,
    pub(super) team: String,
    /// A repository that only few see.
    #[serde(default = "private")]
    pub(super) private: String,
    pub(super) words: String,
}

/// A site with this world: the one kept in the folder that `BENCH_WORLD` names, or a new one,
/// which is kept there if it names one.
pub(super) async fn site() -> (Program, Ground) {
    let environment = [("PORTUS_LOG__FILTER", "warn"), ("PORTUS_API__CALLS_PER_MINUTE", "0")];
    let Some(kept) = std::env::var_os(KEPT).map(PathBuf::from) else {
        eprintln!("making the world takes some minutes; {KEPT}=FOLDER keeps it for the next run");
        let site = Program::start_with(&environment).await;
        let ground = lay(&site).await;
        return (site, ground);
    };
    let (data, words) = (kept.join("data"), kept.join("ground.json"));
    if let Ok(ground) = std::fs::read(&words) {
        eprintln!("the world of {} as it was left", kept.display());
        let site = Program::start_kept(&data, &environment).await;
        followed(&site).await;
        quiet(&site);
        return (site, serde_json::from_slice(&ground).expect("what a former run has written"));
    }
    eprintln!("making the world in {} takes some minutes", kept.display());
    // Half a world of a run that was ended.
    let _ = std::fs::remove_dir_all(&data);
    let site = Program::start_kept(&data, &environment).await;
    let ground = lay(&site).await;
    std::fs::write(&words, serde_json::to_vec(&ground).expect("plain data")).expect("the words");
    (site, ground)
}

async fn lay(site: &Program) -> Ground {
    let start = Instant::now();
    let (few, many) = (site.person("few").await, site.person("many").await);
    let (stranger, auditor) = (site.person("stranger").await, site.person("auditor").await);
    let path = format!("/api/v1/users/{}/auditor", auditor.id);
    site.admin().put(&path, &serde_json::json!({})).await.expect_status(204);
    let (crew, ..) = site.team("crew", &many).await;
    let (band, ..) = site.team("band", &few).await;
    let log = world::open(site).await;
    let pen = Pen { log, begin: commands::desk::Clock::system().now() };

    pen.streams((0..USERS).map(|n| {
        let user = UserName::parse(&format!("u{n}")).expect("a name");
        let (account, origin) = (Account::Person, Origin::Administrator);
        let made = UserEvent::Registered { user: user.clone(), account, origin };
        (StreamName::user(&user), vec![made.into()])
    }))
    .await;
    pen.streams((0..TEAMS).map(|n| {
        let team = TeamName::parse(&format!("t{n}")).expect("a name");
        let user = |k: usize| UserName::parse(&format!("u{}", (n + k) % USERS)).expect("a name");
        let (owner, description) = (user(0), String::new());
        let made = TeamEvent::Created { team: team.clone(), owner, description };
        let added = (1..=MEMBERS).map(|k| {
            let (team, user, role) = (team.clone(), user(k * 7), Role::Contributor);
            TeamEvent::MemberAdded { team, user, role }.into()
        });
        (StreamName::team(&team), std::iter::once(made.into()).chain(added).collect())
    }))
    .await;
    let holder = |n: usize| match n {
        n if n % (NAMESPACES / MANY) == 1 => crew.clone(),
        n if n < FEW * 4 && n % 4 == 2 => band.clone(),
        n => format!("t{}", n % TEAMS),
    };
    let spaces = (0..NAMESPACES).map(|n| (format!("n{n}"), holder(n), seen(n)));
    let all = std::iter::once(("big".to_owned(), "t1".to_owned(), Visibility::Public));
    pen.streams(all.chain(spaces).map(|(name, team, visibility)| {
        let namespace = NamespaceName::parse(&name).expect("a name");
        let team = TeamName::parse(&team).expect("a name");
        let (holder, description) = (Holder::Team { team }, String::new());
        let stream = StreamName::namespace(&registry(), &namespace);
        let registry = registry();
        let made = NamespaceEvent::Created { registry, namespace, holder, visibility, description };
        (stream, vec![made.into()])
    }))
    .await;

    let decided = site.head().await;
    let pushes = (0..TAGS).map(|n| {
        let repository = n % REPOSITORIES;
        let tag = format!("v{}", n / REPOSITORIES);
        (pushed(&name(repository), &tag, n), Some(format!("u{}", repository % USERS)))
    });
    pen.stream(pushes).await;
    let tagged = (0..TAGGED).map(|n| (pushed("big/tagged", &format!("v{n}"), TAGS + n), None));
    let moves = (0..MOVES).map(|n| (pushed("big/tagged", "moved", TAGS + TAGGED + n), None));
    pen.stream(tagged.chain(moves)).await;
    pen.stream((0..PULLS).map(|n| {
        let repository = n * n % REPOSITORIES;
        (pulled(repository, n), Some(format!("u{}", n % USERS)))
    }))
    .await;
    let fan =
        |n: usize| if n.is_multiple_of(20) { many.name.clone() } else { format!("u{}", n % USERS) };
    pen.streams((0..STARS).map(|n| {
        let user = UserName::parse(&fan(n)).expect("a name");
        let repository = RepositoryName::parse(&name(n * 31 % REPOSITORIES)).expect("a name");
        let stream = StreamName::stars(&user);
        let starred = StarEvent::Starred { user, registry: registry(), repository };
        (stream, vec![starred.into()])
    }))
    .await;

    followed(site).await;
    quiet(site);
    let hidden = decided + 1 + i64::try_from(BIG + 5).expect("a place");
    Ground {
        stranger,
        few,
        many,
        auditor,
        admin: site.boss(),
        digest: digest(TAGS + TAGGED + MOVES - 1).to_string(),
        event: (decided + 1).to_string(),
        hidden: hidden.to_string(),
        team: crew,
        private: private(),
        words: format!(
            "{REPOSITORIES} repositories in {NAMESPACES} namespaces, {} tags, {} facts in the log, \
             {} of them in the feed; made in {:.0} s",
            TAGS + TAGGED,
            site.head().await,
            activities(site).await,
            start.elapsed().as_secs_f64(),
        ),
    }
}

/// Of ten, one is for everybody, and one for everybody who is signed in.
fn seen(n: usize) -> Visibility {
    match n % 10 {
        0 => Visibility::Public,
        1 => Visibility::Protected,
        _ => Visibility::Private,
    }
}

fn name(number: usize) -> String {
    let word = |at: usize| WORDS[at % WORDS.len()];
    let (first, second) = (word(number), word(number / 24));
    match number {
        number if number < BIG => format!("big/{first}-{second}-{number}"),
        _ => format!("n{}/{first}-{second}-{number}", number % NAMESPACES),
    }
}

fn private() -> String {
    name(BIG + 5)
}

fn registry() -> RegistryName {
    RegistryName::parse("main").expect("a name")
}

fn digest(number: usize) -> Digest {
    Digest::parse(&tests::image::digest(&number.to_be_bytes())).expect("a digest")
}

fn pushed(repository: &str, tag: &str, number: usize) -> ContentEvent {
    let part = |offset: usize, media_type: &str, size: u64| Descriptor {
        digest: digest(usize::MAX - number * 2 - offset),
        media_type: Some(media_type.to_owned()),
        size: Some(size),
        platform: None,
    };
    ContentEvent::ManifestPushed {
        registry: registry(),
        repository: RepositoryName::parse(repository).expect("a name"),
        digest: digest(number),
        tag: TagName::parse(tag).ok(),
        media_type: Some(tests::image::MANIFEST.to_owned()),
        size: Some(1_000),
        references: vec![
            part(0, "application/vnd.oci.image.config.v1+json", 7_000),
            part(1, "application/vnd.oci.image.layer.v1.tar+gzip", 31_000 + number as u64),
        ],
        omitted: None,
    }
}

fn pulled(repository: usize, number: usize) -> ContentEvent {
    ContentEvent::ManifestPulled {
        registry: registry(),
        repository: RepositoryName::parse(&name(repository)).expect("a name"),
        digest: digest(repository),
        tag: TagName::parse(&format!("v{}", number % 3)).ok(),
        media_type: None,
        method: PullMethod::Get,
    }
}

/// Writes facts, each a few seconds after the one before, up to now.
struct Pen {
    log: std::sync::Arc<PostgresLog>,
    begin: Timestamp,
}

impl Pen {
    /// Facts each on a stream of its own kind.
    async fn streams(&self, all: impl Iterator<Item = (StreamName, Vec<Event>)>) {
        let appends: Vec<Append> = all
            .map(|(stream, events)| {
                let by = Actor::System { part: "benchmark".to_owned() };
                let events = events.into_iter().map(|event| fact(by.clone(), self.begin, event));
                Append { stream, expected: Expected::Any, key: None, events: events.collect() }
            })
            .collect();
        for some in appends.chunks(TOGETHER) {
            self.log.append(some.to_vec()).await.expect("the world's facts");
        }
    }

    /// What registries tell, by these people, or by a part of our own.
    async fn stream(&self, all: impl Iterator<Item = (ContentEvent, Option<String>)>) {
        let stream = StreamName::pushes(&registry(), self.begin);
        let mut all = all.enumerate().peekable();
        while all.peek().is_some() {
            let events = all.by_ref().take(TOGETHER).map(|(number, (event, by))| {
                let by = by.map_or(Actor::Anonymous, |by| Actor::User {
                    name: UserName::parse(&by).expect("a name"),
                });
                let seconds = i64::try_from((TAGS - number.min(TAGS)) * 25).unwrap_or(0);
                fact(by, self.begin - SignedDuration::from_secs(seconds), event.into())
            });
            let events = events.collect();
            let append =
                Append { stream: stream.clone(), expected: Expected::Any, key: None, events };
            self.log.append(vec![append]).await.expect("the world's facts");
        }
    }
}

fn fact(by: Actor, occurred_at: Timestamp, event: Event) -> NewEvent {
    NewEvent { id: EventId(uuid::Uuid::now_v7()), occurred_at, meta: Meta::by(by), event }
}

/// Waits until everything is folded, the search index included, and leaves the tables as the
/// database's own housekeeping does.
async fn followed(site: &Program) {
    let pid = site.pid().expect("a running portus");
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    loop {
        machine::settle(&machine::family(pid), Duration::from_secs(60));
        let metrics = http.get(format!("{}/metrics", site.url())).send().await.expect("metrics");
        let metrics = metrics.text().await.expect("metrics");
        let head = site.head().await;
        let mut positions = metrics
            .lines()
            .filter(|line| line.starts_with("portus_projection_position"))
            // The graph follows decisions alone.
            .filter(|line| !line.contains("\"access\""))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<i64>().ok())
            .peekable();
        if positions.peek().is_some() && positions.all(|position| head <= position) {
            break;
        }
    }
    let mut database = site.database().await;
    sqlx::raw_sql("VACUUM ANALYZE").execute(&mut database).await.expect("the housekeeping");
}

/// Has the registry sleep: the facts of this world are made up, and the service would ask it for each
/// of a million tags all the while.
fn quiet(site: &Program) {
    site.signal_children("docker-registry", nix::sys::signal::Signal::SIGSTOP);
}

async fn activities(site: &Program) -> i64 {
    let count = "SELECT count(*) FROM read_activity.activity";
    let mut database = site.database().await;
    sqlx::query_scalar(count).fetch_one(&mut database).await.expect("the feed")
}
