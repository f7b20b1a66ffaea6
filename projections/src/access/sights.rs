//! What people may see who may see much, kept from one request to the next.
//!
//! Somebody who types asks with every letter, and for the owner of ten thousand namespaces the list
//! alone takes longer than the search. A list is kept with the position of the last decision that
//! the graph took account of: any decision of anybody after it makes it useless, so that it is never
//! behind the graph that the request holds. It ends as well with the first grant that ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::access::{Action, Graph, Policy, Subject, Visible};
use domain::event::Position;
use domain::name::UserName;
use jiff::Timestamp;

/// Shorter lists are made in no time.
const MIN_NAMES: usize = 64;
/// So many names are kept at most, of all people together, of things and once more of activities:
/// about 50 bytes each.
const MAX_NAMES: usize = 400_000;

/// The lists of this process. Clones share them.
#[derive(Clone, Default)]
pub struct Sights {
    things: Kept,
    activities: Kept,
}

type Kept = Arc<Mutex<HashMap<UserName, Sight>>>;

struct Sight {
    visible: Arc<Visible>,
    changed: Position,
    policy: Policy,
    from: Timestamp,
    until: Option<Timestamp>,
}

impl Sight {
    fn holds(&self, graph: &Graph, policy: &Policy, at: Timestamp) -> bool {
        self.changed == graph.changed()
            && self.from <= at
            && self.until.is_none_or(|until| at < until)
            && self.policy == *policy
    }

    fn names(&self) -> usize {
        names(&self.visible)
    }
}

impl Sights {
    /// What [`Graph::visible`] says. All graphs given here are snapshots of one.
    #[must_use]
    pub fn visible(
        &self,
        graph: &Graph,
        policy: &Policy,
        subject: &Subject,
        at: Timestamp,
    ) -> Arc<Visible> {
        let Subject::Account { name } = subject else {
            return Arc::new(graph.visible(policy, subject, at));
        };
        kept(&self.things, name, graph, policy, at).unwrap_or_else(|| {
            let (visible, until) = graph.visible_until(policy, subject, Action::SearchHit, at);
            found(&self.things, name, graph, policy, at, visible, until)
        })
    }

    /// What [`Graph::visible_activities`] says, likewise.
    #[must_use]
    pub fn visible_activities(
        &self,
        graph: &Graph,
        policy: &Policy,
        subject: &Subject,
        at: Timestamp,
    ) -> Arc<Visible> {
        let Subject::Account { name } = subject else {
            return Arc::new(graph.visible_activities(policy, subject, at));
        };
        kept(&self.activities, name, graph, policy, at).unwrap_or_else(|| {
            let (visible, until) = graph.visible_until(policy, subject, Action::ViewActivities, at);
            found(&self.activities, name, graph, policy, at, visible, until)
        })
    }
}

fn kept(
    all: &Kept,
    name: &UserName,
    graph: &Graph,
    policy: &Policy,
    at: Timestamp,
) -> Option<Arc<Visible>> {
    let all = all.lock().unwrap_or_else(PoisonError::into_inner);
    let sight = all.get(name).filter(|sight| sight.holds(graph, policy, at))?;
    Some(Arc::clone(&sight.visible))
}

/// Keeps what was found out, if it is worth it.
fn found(
    all: &Kept,
    name: &UserName,
    graph: &Graph,
    policy: &Policy,
    from: Timestamp,
    visible: Visible,
    until: Option<Timestamp>,
) -> Arc<Visible> {
    let visible = Arc::new(visible);
    if (MIN_NAMES..=MAX_NAMES).contains(&names(&visible)) {
        let (changed, policy) = (graph.changed(), policy.clone());
        keep(all, name, Sight { visible: Arc::clone(&visible), changed, policy, from, until });
    }
    visible
}

fn keep(all: &Kept, name: &UserName, sight: Sight) {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    // Who asks with an older graph than others is soon behind us.
    all.retain(|_, kept| kept.changed == sight.changed);
    all.remove(name);
    if all.values().map(Sight::names).sum::<usize>() + sight.names() > MAX_NAMES {
        all.clear();
    }
    all.insert(name.clone(), sight);
}

fn names(visible: &Visible) -> usize {
    visible.namespaces.len() + visible.repositories.len() + visible.teams.len()
}

#[cfg(test)]
mod tests {
    use domain::event::{Actor, Event, EventId, Fact, Meta, StreamName, Version};
    use domain::name::{NamespaceName, RegistryName, TeamName};
    use domain::namespace::{Grant, GrantId, Grantee, Holder, NamespaceEvent, Visibility};
    use domain::registry::{RegistryEvent, RegistrySettings};
    use domain::team::{Role, TeamEvent};
    use domain::user::{Account, Origin, UserEvent};

    use super::*;

    fn registry() -> RegistryName {
        RegistryName::parse("main").unwrap()
    }

    fn space(number: usize) -> NamespaceName {
        NamespaceName::parse(&format!("n{number}")).unwrap()
    }

    fn user(name: &str) -> UserName {
        UserName::parse(name).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn apply(graph: &mut Graph, event: impl Into<Event>) {
        let event = event.into();
        let position = Position(graph.position().0 + 1);
        graph.apply(&Fact {
            position,
            stream: StreamName::system(),
            version: Version(0),
            id: EventId::from_key(&position.0.to_string()),
            recorded_at: at(0),
            occurred_at: at(0),
            meta: Meta::by(Actor::Console { uid: 0 }),
            event,
        });
    }

    /// A graph in which ann owns so many namespaces through her team.
    fn graph(spaces: usize) -> Graph {
        let mut graph = Graph::default();
        let settings = RegistrySettings {
            service: "main".to_owned(),
            host: "main".to_owned(),
            url: "http://main".to_owned(),
        };
        apply(&mut graph, RegistryEvent::Added { registry: registry(), settings });
        for name in ["ann", "ben"] {
            let (user, account, origin) = (user(name), Account::Person, Origin::Administrator);
            apply(&mut graph, UserEvent::Registered { user, account, origin });
        }
        let team = TeamName::parse("crew").unwrap();
        let (owner, description) = (user("ann"), String::new());
        apply(&mut graph, TeamEvent::Created { team: team.clone(), owner, description });
        for number in 0..spaces {
            apply(
                &mut graph,
                NamespaceEvent::Created {
                    registry: registry(),
                    namespace: space(number),
                    holder: Holder::Team { team: team.clone() },
                    visibility: Visibility::Private,
                    description: String::new(),
                },
            );
        }
        graph
    }

    fn ann() -> Subject {
        Subject::Account { name: user("ann") }
    }

    #[test]
    fn a_list_is_kept_until_anybody_decides_anything() {
        let (sights, policy) = (Sights::default(), Policy::default());
        let mut graph = graph(MIN_NAMES);
        let first = sights.visible(&graph, &policy, &ann(), at(1));
        assert_eq!(first.namespaces.len(), MIN_NAMES);
        graph.advance(Position(graph.position().0 + 10));
        assert!(Arc::ptr_eq(&first, &sights.visible(&graph, &policy, &ann(), at(2))));
        let older = graph.clone();
        let team = TeamName::parse("crew").unwrap();
        apply(&mut graph, TeamEvent::MemberRemoved { team, user: user("ann") });
        assert!(sights.visible(&graph, &policy, &ann(), at(3)).namespaces.is_empty());
        assert_eq!(*sights.visible(&older, &policy, &ann(), at(3)), *first);
        assert!(sights.visible(&graph, &policy, &ann(), at(3)).namespaces.is_empty());
    }

    #[test]
    fn whose_activities_are_seen_is_kept_apart_from_what_is_found() {
        let (sights, policy) = (Sights::default(), Policy::default());
        let graph = graph(MIN_NAMES);
        let found = sights.visible(&graph, &policy, &ann(), at(1));
        let feed = |second| sights.visible_activities(&graph, &policy, &ann(), at(second));
        let first = feed(1);
        assert_eq!(*first, graph.visible_activities(&policy, &ann(), at(1)));
        assert!(first.visibilities.len() < found.visibilities.len());
        assert!(Arc::ptr_eq(&first, &feed(2)));
        assert!(Arc::ptr_eq(&found, &sights.visible(&graph, &policy, &ann(), at(2))));
    }

    #[test]
    fn a_grant_that_ends_ends_the_list() {
        let (sights, policy) = (Sights::default(), Policy::default());
        let mut graph = graph(MIN_NAMES + 1);
        let of_ben = NamespaceEvent::Created {
            registry: registry(),
            namespace: NamespaceName::parse("ben").unwrap(),
            holder: Holder::Personal { user: user("ben") },
            visibility: Visibility::Private,
            description: String::new(),
        };
        apply(&mut graph, of_ben);
        let grant = Grant {
            id: GrantId(uuid::Uuid::from_u128(1)),
            to: Grantee::User { user: user("ann") },
            role: Role::Viewer,
            repository: None,
            until: Some(at(100)),
        };
        let namespace = NamespaceName::parse("ben").unwrap();
        apply(&mut graph, NamespaceEvent::Granted { registry: registry(), namespace, grant });
        let seen = |second: i64| sights.visible(&graph, &policy, &ann(), at(second));
        assert_eq!(seen(98).namespaces.len(), MIN_NAMES + 2);
        assert!(Arc::ptr_eq(&seen(99), &seen(99)));
        assert_eq!(seen(100).namespaces.len(), MIN_NAMES + 1);
        assert_eq!(seen(99).namespaces.len(), MIN_NAMES + 2, "a clock that is set back");
    }

    #[test]
    fn little_is_not_kept_and_much_is_bounded() {
        let (sights, policy) = (Sights::default(), Policy::default());
        let few = graph(MIN_NAMES / 2);
        let (one, other) = (
            sights.visible(&few, &policy, &ann(), at(1)),
            sights.visible(&few, &policy, &ann(), at(1)),
        );
        assert!(one == other && !Arc::ptr_eq(&one, &other));
        let many: Visible = Visible {
            namespaces: (0..MAX_NAMES / 4).map(|number| (registry(), space(number))).collect(),
            ..Visible::default()
        };
        let many = Arc::new(many);
        for number in 0..9 {
            let visible = Arc::clone(&many);
            let (changed, policy) = (Position(1), policy.clone());
            let sight = Sight { visible, changed, policy, from: at(1), until: None };
            keep(&sights.things, &user(&format!("u{number}")), sight);
            let all = sights.things.lock().unwrap();
            assert!(all.values().map(Sight::names).sum::<usize>() <= MAX_NAMES);
        }
    }
}
