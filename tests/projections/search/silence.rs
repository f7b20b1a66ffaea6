//! No answer tells of what may not be seen: whatever somebody asks, they get the very answer that
//! they would get if the hidden things had never existed. Counts, order, facets, what is near,
//! whether typing errors were forgiven, every page: all of it is compared.

use std::collections::{BTreeMap, BTreeSet};

use commands::desk::Clock;
use domain::access::{Action, Graph, Policy, Resource, Subject};
use domain::admin::AdminEvent;
use domain::digest::Descriptor;
use domain::event::{Actor, Event, EventId, Fact, Meta, NewEvent, StreamName};
use domain::log::{Append, EventLog as _, Expected};
use domain::namespace::{Grant, GrantId, Grantee, Holder, NamespaceEvent, Visibility};
use domain::registry::{ContentEvent, PullMethod, RegistryEvent, RegistrySettings};
use domain::repository::RepositoryEvent;
use domain::star::StarEvent;
use domain::team::{Role, TeamEvent};
use domain::user::{Account, Origin, UserEvent};
use jiff::{SignedDuration, Timestamp};
use projections::search::{Filters, Kind, Query, SearchIndex, Since};
use proptest::prelude::*;

use super::world::{
    World, became, deleted, digest, pulled, pushed, registry, repo, space, starred, team, user,
};

const SPACES: [&str; 6] = ["alpha", "beta", "gamma", "alpha/sub", "betamax", "_"];
const REPOSITORIES: [&str; 12] = [
    "alpha/app",
    "alpha/sub/app",
    "alpha/sub/web",
    "alpha/apps",
    "beta/app",
    "beta/sub/apq",
    "gamma/web",
    "betamax/app-web",
    "delta/app",
    "solo",
    "app",
    "gamma/ledger",
];
const TAGS: [&str; 3] = ["latest", "1.0", "1.0.1"];
const PLATFORMS: [&str; 3] = ["linux/amd64", "linux/arm64", "windows/amd64"];
const TEXTS: [&str; 4] = ["", "the ledger of alpha", "apps for the web", "Größen"];
const PEOPLE: [&str; 4] = ["root", "ann", "bob", "eve"];
const TEAMS: [&str; 3] = ["crew", "band", "alphas"];
const VISIBILITIES: [Visibility; 3] =
    [Visibility::Private, Visibility::Protected, Visibility::Public];

const QUESTIONS: [&str; 23] = [
    "",
    "a",
    "app",
    "apps",
    "apq",
    "appp",
    "aps",
    "web",
    "alpha",
    "alpah",
    "beta",
    "bteamax",
    "gamma web",
    "alpha/sub/app",
    "app:1.0",
    "1.0",
    "ledger",
    "groessen",
    "crew",
    "alphas zzz",
    "ledgre nowhere",
    "docker pull registry.example.org/alpha/app:1.0",
    "localhost:5000/beta/wbe",
];

/// Something that happens; numbers choose from the lists above.
#[derive(Debug, Clone, Copy)]
struct Step {
    what: u8,
    one: usize,
    two: usize,
    three: usize,
    /// How many days before the questions.
    days: u16,
    /// Whether an index that follows commits afterwards.
    commit: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let numbers = (0..64_usize, 0..64_usize, 0..64_usize);
    (0..24_u8, numbers, 0..400_u16, proptest::bool::weighted(0.2)).prop_map(
        |(what, (one, two, three), days, commit)| Step { what, one, two, three, days, commit },
    )
}

/// What is there, so that only what can happen does.
#[derive(Default)]
struct Books {
    spaces: BTreeMap<&'static str, Visibility>,
    grants: BTreeMap<GrantId, &'static str>,
    members: BTreeSet<(&'static str, &'static str)>,
    teams: BTreeSet<&'static str>,
}

fn pick<T: Copy>(from: &[T], number: usize) -> T {
    from[number % from.len()]
}

impl Books {
    fn event(&mut self, step: &Step, number: usize) -> Option<Event> {
        let Step { one, two, three, .. } = *step;
        let (place, name) = (pick(&SPACES, one), pick(&REPOSITORIES, one));
        let image = format!("{name}:{}", pick(&TAGS, two));
        let content = format!("{name} {}", three % 3);
        let (registry, repository) = (registry(), repo(name));
        Some(match step.what {
            0..=3 => {
                if self.spaces.contains_key(place) {
                    return None;
                }
                let visibility = visibility(place, two);
                self.spaces.insert(place, visibility);
                let holder = match place {
                    "_" => Holder::Global,
                    "gamma" => Holder::Personal { user: user(pick(&PEOPLE, three)) },
                    _ => Holder::Team { team: team(pick(&TEAMS, three)) },
                };
                let (namespace, description) = (space(place), pick(&TEXTS, two).to_owned());
                NamespaceEvent::Created { registry, namespace, holder, visibility, description }
                    .into()
            }
            4 => {
                self.spaces.remove(place)?;
                self.grants.retain(|_, at| *at != place);
                deleted(place).into()
            }
            5 | 6 => {
                let to = visibility(place, two);
                let now = self.spaces.get_mut(place)?;
                let from = std::mem::replace(now, to);
                became(place, from, to).into()
            }
            7..=11 => {
                let told = three % 4;
                let platform = (told < PLATFORMS.len()).then(|| PLATFORMS[told].to_owned());
                let mut event = pushed(&image, &content);
                if let ContentEvent::ManifestPushed { references, .. } = &mut event {
                    let (media_type, size) = (None, None);
                    let digest = digest("configuration");
                    references.push(Descriptor { media_type, digest, size, platform });
                }
                event.into()
            }
            12 => {
                let digest = digest(&content);
                ContentEvent::Deleted { registry, repository, digest }.into()
            }
            13..=15 => starred(&format!("fan{}", number), name).into(),
            16 => {
                let user = user("fan13");
                StarEvent::Unstarred { user, registry, repository }.into()
            }
            17 => pulled(name, PullMethod::Get).into(),
            18 => {
                let description = pick(&TEXTS, two).to_owned();
                RepositoryEvent::Described { registry, repository, description }.into()
            }
            19 | 20 => {
                self.spaces.get(place)?;
                let id = GrantId(uuid::Uuid::from_u128(number as u128 + 1));
                self.grants.insert(id, place);
                let to = match two % 3 {
                    0 => Grantee::Team { team: team(pick(&TEAMS, three)) },
                    _ => Grantee::User { user: user(pick(&PEOPLE, three)) },
                };
                let inside: Vec<_> =
                    REPOSITORIES.into_iter().filter(|name| name.starts_with(place)).collect();
                let single = !inside.is_empty() && two % 2 == 0;
                let repository = single.then(|| repo(pick(&inside, three)));
                let until = (three % 5 == 0).then(|| now() - SignedDuration::from_hours(1));
                let grant = Grant { id, to, role: Role::Viewer, repository, until };
                NamespaceEvent::Granted { registry, namespace: space(place), grant }.into()
            }
            21 => {
                let (grant, place) = self.grants.iter().nth(one).map(|(id, at)| (*id, *at))?;
                self.grants.remove(&grant);
                NamespaceEvent::GrantRevoked { registry, namespace: space(place), grant }.into()
            }
            22 => {
                let (name, person) = (pick(&TEAMS, one), pick(&PEOPLE[1..], two));
                if !self.teams.contains(name) || !self.members.insert((name, person)) {
                    return None;
                }
                let (team, user) = (team(name), user(person));
                TeamEvent::MemberAdded { team, user, role: Role::Viewer }.into()
            }
            _ => {
                let name = pick(&TEAMS, one);
                let (team, owner) = (team(name), user("root"));
                if !self.teams.insert(name) {
                    let description = pick(&TEXTS, two).to_owned();
                    return Some(TeamEvent::Described { team, description }.into());
                }
                let description = pick(&TEXTS, three).to_owned();
                TeamEvent::Created { team, owner, description }.into()
            }
        })
    }
}

/// The global namespace is never private.
fn visibility(place: &str, number: usize) -> Visibility {
    if place == "_" { pick(&VISIBILITIES[1..], number) } else { pick(&VISIBILITIES, number) }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_760_000_000).unwrap()
}

fn beginnings() -> Vec<Event> {
    let settings = RegistrySettings {
        service: "main".to_owned(),
        host: "main".to_owned(),
        url: "http://main".to_owned(),
    };
    let mut events: Vec<Event> =
        vec![RegistryEvent::Added { registry: registry(), settings }.into()];
    for person in PEOPLE {
        let (user, account, origin) = (user(person), Account::Person, Origin::Administrator);
        events.push(UserEvent::Registered { user, account, origin }.into());
    }
    events.push(AdminEvent::Granted { user: user("root") }.into());
    events
}

/// A fact of the world, the same wherever it is told: its id and time are its own.
#[derive(Debug, Clone)]
struct Told {
    number: usize,
    at: Timestamp,
    event: Event,
    commit: bool,
}

fn told(steps: &[Step]) -> Vec<Told> {
    let mut books = Books::default();
    let first = now() - SignedDuration::from_hours(24 * 500);
    let mut all: Vec<Told> = beginnings()
        .into_iter()
        .enumerate()
        .map(|(number, event)| Told { number, at: first, event, commit: false })
        .collect();
    for (number, step) in (all.len()..).zip(steps) {
        if let Some(event) = books.event(step, number) {
            let at = now() - SignedDuration::from_hours(24 * i64::from(step.days));
            all.push(Told { number, at, event, commit: step.commit });
        }
    }
    all
}

/// An index that follows, and a graph.
async fn tell(facts: &[Told], commits: bool) -> (World, Graph) {
    let (world, mut graph) = (World::with_clock(Clock::new(now)), Graph::default());
    for fact in facts {
        let append = Append {
            stream: StreamName::stored(format!("test-{}", fact.number)),
            expected: Expected::NoStream,
            key: None,
            events: vec![NewEvent {
                id: EventId::from_key(&fact.number.to_string()),
                occurred_at: fact.at,
                meta: Meta::by(Actor::Console { uid: 0 }),
                event: fact.event.clone(),
            }],
        };
        world.log.append(vec![append]).await.unwrap();
        if commits && fact.commit {
            world.catch_up().await;
        }
    }
    world.catch_up().await;
    let page = world.log.read_all(domain::event::Position(0), 1_000, None).await.unwrap();
    let facts: Vec<Fact> = page.events.iter().map(|recorded| recorded.decode().unwrap()).collect();
    facts.iter().for_each(|fact| graph.apply(fact));
    (world, graph)
}

/// What somebody may see, by name.
struct Seen {
    spaces: BTreeSet<String>,
    repositories: BTreeSet<String>,
    teams: BTreeSet<String>,
}

impl Seen {
    fn by(graph: &Graph, subject: &Subject) -> Self {
        let policy = Policy::default();
        let may = |resource: Resource| {
            graph.decide(&policy, subject, Action::SearchHit, &resource, now()).is_allowed()
        };
        let repositories: BTreeSet<String> = REPOSITORIES
            .iter()
            .filter(|name| may(Resource::Repository { registry: registry(), name: repo(name) }))
            .map(|name| (*name).to_owned())
            .collect();
        let mut spaces: BTreeSet<String> = SPACES
            .iter()
            .filter(|name| may(Resource::Namespace { registry: registry(), name: space(name) }))
            .map(|name| (*name).to_owned())
            .collect();
        // What decides for something visible is there, though it may not show itself.
        for name in &repositories {
            spaces
                .extend(graph.namespace_of(&registry(), &repo(name)).map(|is| is.name.to_string()));
        }
        let visible = graph.visible(&policy, subject, now());
        let teams = TEAMS.iter().filter(|name| visible.sees_team(&team(name)));
        Self { spaces, repositories, teams: teams.map(|name| (*name).to_owned()).collect() }
    }

    /// Whether a fact is about something that is seen.
    fn holds(&self, event: &Event, me: &Subject) -> bool {
        let team = |name: &domain::name::TeamName| self.teams.contains(name.as_str());
        let space = |name: &domain::name::NamespaceName| self.spaces.contains(name.as_str());
        let repository =
            |name: &domain::name::RepositoryName| self.repositories.contains(name.as_str());
        match event {
            Event::Namespace(NamespaceEvent::Granted { namespace, grant, .. }) => {
                let mine = match &grant.to {
                    Grantee::Team { team: to } => team(to),
                    Grantee::User { user } => me.user() == Some(user),
                };
                space(namespace) && mine && grant.repository.as_ref().is_none_or(repository)
            }
            Event::Namespace(
                NamespaceEvent::Created { namespace, .. }
                | NamespaceEvent::Described { namespace, .. }
                | NamespaceEvent::VisibilityChanged { namespace, .. }
                | NamespaceEvent::TeamChanged { namespace, .. }
                | NamespaceEvent::GrantRevoked { namespace, .. }
                | NamespaceEvent::Deleted { namespace, .. },
            ) => space(namespace),
            Event::Team(
                TeamEvent::Created { team: name, .. }
                | TeamEvent::Described { team: name, .. }
                | TeamEvent::MemberAdded { team: name, .. }
                | TeamEvent::MemberRoleChanged { team: name, .. }
                | TeamEvent::MemberRemoved { team: name, .. }
                | TeamEvent::Deleted { team: name, .. },
            ) => team(name),
            Event::Content(
                ContentEvent::ManifestPushed { repository: name, .. }
                | ContentEvent::ManifestPulled { repository: name, .. }
                | ContentEvent::Deleted { repository: name, .. },
            ) => repository(name),
            Event::Star(
                StarEvent::Starred { repository: name, .. }
                | StarEvent::Unstarred { repository: name, .. },
            ) => repository(name),
            Event::Repository(RepositoryEvent::Described { repository: name, .. }) => {
                repository(name)
            }
            _ => true,
        }
    }
}

/// Everything that is asked: questions, then each with some filters, kinds and pages.
fn queries() -> Vec<Query> {
    let mut all = Vec::new();
    let digests = [digest("alpha/app 0"), digest("beta/app 1")];
    let digests =
        digests.iter().flat_map(|digest| [digest.as_str().to_owned(), digest.short().to_owned()]);
    let questions = QUESTIONS.map(str::to_owned).into_iter().chain(digests);
    for (number, text) in questions.enumerate() {
        let plain = Query::new(&text, 20, now());
        all.push(plain.clone().filtered(Filters::default()));
        let since = Some(pick(&Since::EVERY, number));
        all.push(plain.clone().filtered(Filters { since, ..Filters::default() }));
        let namespace = Some(space(pick(&SPACES, number)));
        all.push(plain.clone().filtered(Filters { namespace, ..Filters::default() }));
        let visibility = Some(pick(&VISIBILITIES, number));
        let platform = pick(&PLATFORMS, number).parse().ok();
        let both = Filters { visibility, platform, ..Filters::default() };
        all.push(plain.clone().filtered(both).only([pick(&Kind::EVERY, number)]));
        all.push(Query { limit: 2, offset: 1, ..plain.clone() });
        all.push(Query { limit: 1, offset: 3, ..plain });
    }
    all
}

fn compare(steps: &[Step]) -> (usize, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let facts = told(steps);
        let (world, graph) = tell(&facts, true).await;
        let (mut hidden, mut found) = (0, 0);
        let mut subjects = vec![Subject::Anonymous];
        subjects.extend(PEOPLE.map(|name| Subject::Account { name: user(name) }));
        for subject in subjects {
            let seen = Seen::by(&graph, &subject);
            let kept: Vec<Told> =
                facts.iter().filter(|fact| seen.holds(&fact.event, &subject)).cloned().collect();
            hidden += facts.len() - kept.len();
            let (other, less) = tell(&kept, false).await;
            let policy = Policy::default();
            let (visible, same) =
                (graph.visible(&policy, &subject, now()), less.visible(&policy, &subject, now()));
            for query in queries() {
                let answer = world.index.find(&query, &visible).unwrap();
                let as_if = other.index.find(&query, &same).unwrap();
                found += answer.total();
                assert_eq!(answer, as_if, "{subject:?} asks {query:?}");
            }
        }
        let other = tempfile::tempdir().unwrap();
        let rebuilt = SearchIndex::open(other.path()).unwrap();
        rebuilt.catch_up(&*world.log).await.unwrap();
        assert_eq!(rebuilt.digest().unwrap(), world.index.digest().unwrap());
        (hidden, found)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_as_if_what_is_hidden_had_never_existed(
        steps in proptest::collection::vec(step(), 1..80)
    ) {
        compare(&steps);
    }
}

/// The property above compares something: in a world of many steps much is hidden and much found.
#[test]
fn the_worlds_that_are_compared_hide_much_and_show_much() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let steps = proptest::collection::vec(step(), 150).new_tree(&mut runner).unwrap().current();
    let (hidden, found) = compare(&steps);
    assert!(hidden > 50 && found > 500, "{hidden} hidden, {found} found");
}
