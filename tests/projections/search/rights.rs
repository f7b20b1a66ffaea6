//! Nobody finds what they may not see, in any world.

use std::collections::BTreeSet;

use domain::access::{Action, Graph, Policy, Resource, Subject};
use domain::admin::AdminEvent;
use domain::event::{Event, Position};
use domain::log::EventLog as _;
use domain::namespace::{Holder, NamespaceEvent, Visibility};
use domain::registry::{ContentEvent, RegistryEvent, RegistrySettings};
use domain::team::{Role, TeamEvent};
use domain::user::{Account, Origin, UserEvent};
use jiff::Timestamp;
use projections::search::{Entry, SearchIndex};
use proptest::prelude::*;

use super::world::{
    World, became, deleted, digest, names, pushed, registry, repo, space, team, user,
};

const SPACES: [&str; 5] = ["alpha", "beta", "gamma", "alpha/sub", "_"];
const REPOSITORIES: [&str; 9] = [
    "alpha/app",
    "alpha/sub/app",
    "alpha/sub/web",
    "beta/app",
    "beta/sub/app",
    "gamma/web",
    "delta/app",
    "solo",
    "app",
];
const PEOPLE: [&str; 4] = ["root", "ann", "bob", "eve"];

/// Something that happens in a generated world.
#[derive(Debug, Clone)]
enum Step {
    Space(usize, usize, usize),
    Unspace(usize),
    Visibility(usize, usize),
    Push(usize),
    Delete(usize),
    Join(usize, usize),
    Leave(usize, usize),
    Disable(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (spaces, repositories) = (SPACES.len(), REPOSITORIES.len());
    prop_oneof![
        4 => (0..spaces, 0..3usize, 0..2usize).prop_map(|(s, v, t)| Step::Space(s, v, t)),
        1 => (0..spaces).prop_map(Step::Unspace),
        2 => (0..spaces, 0..3usize).prop_map(|(s, v)| Step::Visibility(s, v)),
        6 => (0..repositories).prop_map(Step::Push),
        1 => (0..repositories).prop_map(Step::Delete),
        2 => (1..PEOPLE.len(), 0..2usize).prop_map(|(p, t)| Step::Join(p, t)),
        1 => (1..PEOPLE.len(), 0..2usize).prop_map(|(p, t)| Step::Leave(p, t)),
        1 => (1..PEOPLE.len()).prop_map(Step::Disable),
    ]
}

const VISIBILITIES: [Visibility; 3] =
    [Visibility::Private, Visibility::Protected, Visibility::Public];
const TEAMS: [&str; 2] = ["crew", "band"];

/// What a careful keeper of the books would know: only what can happen, happens.
#[derive(Default)]
struct Books {
    spaces: std::collections::BTreeMap<usize, Visibility>,
    pushed: BTreeSet<usize>,
    members: BTreeSet<(usize, usize)>,
    disabled: BTreeSet<usize>,
}

impl Books {
    fn event(&mut self, step: &Step) -> Option<Event> {
        let member = |person: usize| user(PEOPLE[person]);
        Some(match *step {
            Step::Space(s, v, t) => {
                // The global namespace is never private.
                let v = if SPACES[s] == "_" { v.max(1) } else { v };
                if self.spaces.contains_key(&s) {
                    return None;
                }
                self.spaces.insert(s, VISIBILITIES[v]);
                let holder = match SPACES[s] {
                    "_" => Holder::Global,
                    _ => Holder::Team { team: team(TEAMS[t]) },
                };
                NamespaceEvent::Created {
                    registry: registry(),
                    namespace: space(SPACES[s]),
                    holder,
                    visibility: VISIBILITIES[v],
                    description: String::new(),
                }
                .into()
            }
            Step::Unspace(s) => {
                self.spaces.remove(&s)?;
                deleted(SPACES[s]).into()
            }
            Step::Visibility(s, v) => {
                let v = if SPACES[s] == "_" { v.max(1) } else { v };
                let from = self.spaces.insert(s, VISIBILITIES[v]);
                let Some(from) = from else {
                    self.spaces.remove(&s);
                    return None;
                };
                became(SPACES[s], from, VISIBILITIES[v]).into()
            }
            Step::Push(r) => {
                self.pushed.insert(r);
                pushed(&format!("{}:one", REPOSITORIES[r]), REPOSITORIES[r]).into()
            }
            Step::Delete(r) => {
                if !self.pushed.remove(&r) {
                    return None;
                }
                let repository = repo(REPOSITORIES[r]);
                let digest = digest(REPOSITORIES[r]);
                ContentEvent::Deleted { registry: registry(), repository, digest }.into()
            }
            Step::Join(p, t) => {
                if !self.members.insert((p, t)) {
                    return None;
                }
                let team = team(TEAMS[t]);
                TeamEvent::MemberAdded { team, user: member(p), role: Role::Viewer }.into()
            }
            Step::Leave(p, t) => {
                if !self.members.remove(&(p, t)) {
                    return None;
                }
                TeamEvent::MemberRemoved { team: team(TEAMS[t]), user: member(p) }.into()
            }
            Step::Disable(p) => {
                if !self.disabled.insert(p) {
                    return None;
                }
                UserEvent::Disabled { user: member(p), reason: String::new() }.into()
            }
        })
    }
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
    for name in TEAMS {
        let (team, owner) = (team(name), user("root"));
        events.push(TeamEvent::Created { team, owner, description: String::new() }.into());
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// In any world: whoever searches finds exactly what `decide` lets them find, the counts say
    /// the same, and an index made at once says the same as one that was made step by step.
    #[test]
    fn search_shows_exactly_what_the_access_graph_allows(
        steps in proptest::collection::vec((step(), any::<bool>()), 1..40)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new();
            for event in beginnings() {
                world.record(event).await;
            }
            let mut books = Books::default();
            for (step, commit) in &steps {
                if let Some(event) = books.event(step) {
                    world.record(event).await;
                }
                if *commit {
                    world.catch_up().await;
                }
            }
            world.catch_up().await;
            let mut graph = Graph::default();
            let page = world.log.read_all(Position(0), 1_000, None).await.unwrap();
            for recorded in &page.events {
                graph.apply(&recorded.decode().unwrap());
            }
            let policy = Policy::default();
            let at = Timestamp::from_second(1_700_100_000).unwrap();
            let mut subjects = vec![Subject::Anonymous, Subject::Invalid];
            subjects.extend(PEOPLE.map(|name| Subject::Account { name: user(name) }));
            for subject in subjects {
                let visible = graph.visible(&policy, &subject, at);
                let may = |resource: &Resource| {
                    graph.decide(&policy, &subject, Action::SearchHit, resource, at).is_allowed()
                };
                let expected: BTreeSet<String> = books
                    .pushed
                    .iter()
                    .map(|r| REPOSITORIES[*r])
                    .filter(|name| may(&Resource::Repository { registry: registry(), name: repo(name) }))
                    .map(str::to_owned)
                    .collect();
                let spaces: BTreeSet<String> = books
                    .spaces
                    .keys()
                    .map(|s| SPACES[*s])
                    .filter(|name| may(&Resource::Namespace { registry: registry(), name: space(name) }))
                    .map(str::to_owned)
                    .collect();
                let all = world.find_as("", &visible);
                let found: BTreeSet<String> = names(&all.repositories).into_iter().collect();
                assert_eq!(found, expected, "{subject:?}");
                assert_eq!(all.repositories.total, expected.len());
                assert_eq!(all.tags.total, expected.len(), "one tag each");
                assert_eq!(all.manifests.total, expected.len(), "one manifest each");
                let found: BTreeSet<String> = names(&all.namespaces).into_iter().collect();
                assert_eq!(found, spaces, "{subject:?}");
                for name in REPOSITORIES {
                    let found = world.find_as(name, &visible).repositories;
                    let first = found.best.first().map(Entry::name);
                    if expected.contains(name) {
                        assert_eq!(first.as_deref(), Some(name), "{subject:?}");
                    }
                    assert!(names(&found).iter().all(|hit| expected.contains(hit)));
                }
            }
            let other = tempfile::tempdir().unwrap();
            let rebuilt = SearchIndex::open(other.path()).unwrap();
            rebuilt.catch_up(&*world.log).await.unwrap();
            assert_eq!(rebuilt.digest().unwrap(), world.index.digest().unwrap());
        });
    }
}
