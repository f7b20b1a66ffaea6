//! What people may see who may see much, kept from one request to the next.
//!
//! Somebody who types asks with every letter, and for the owner of ten thousand namespaces the list
//! alone takes longer than the search. A list is kept with the position of the last decision that
//! the graph took account of. After further decisions the graph says which of them concern it: most
//! do not, and of those that concern one namespace, that one alone is looked at again. So it is never
//! behind the graph that the request holds. It ends with the first grant that ends, and with the
//! token that was shown.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::access::{Action, Graph, Policy, Subject, Visible};
use domain::event::Position;
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

type Kept = Arc<Mutex<HashMap<Subject, Sight>>>;

#[derive(Clone)]
struct Sight {
    /// And when it ends.
    visible: (Arc<Visible>, Option<Timestamp>),
    changed: Position,
    policy: Policy,
    from: Timestamp,
}

impl Sight {
    /// Whether it holds at this moment if nothing has changed since it was found.
    fn holds(&self, policy: &Policy, at: Timestamp) -> bool {
        let (_, until) = self.visible;
        self.from <= at && until.is_none_or(|until| at < until) && self.policy == *policy
    }

    fn names(&self) -> usize {
        names(&self.visible.0)
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
        seen(&self.things, graph, policy, subject, Action::SearchHit, at)
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
        seen(&self.activities, graph, policy, subject, Action::ViewActivities, at)
    }
}

fn seen(
    all: &Kept,
    graph: &Graph,
    policy: &Policy,
    subject: &Subject,
    action: Action,
    at: Timestamp,
) -> Arc<Visible> {
    let kept = all.lock().unwrap_or_else(PoisonError::into_inner).get(subject).cloned();
    let newer = kept.as_ref().is_some_and(|kept| graph.changed() < kept.changed);
    let kept = kept.filter(|kept| !newer && kept.holds(policy, at));
    if let Some(kept) = &kept
        && kept.changed == graph.changed()
    {
        return Arc::clone(&kept.visible.0);
    }
    let brought_up =
        kept.and_then(|kept| graph.visible_since(subject, kept.changed, &kept.visible, at));
    let visible = brought_up.unwrap_or_else(|| {
        let (visible, until) = graph.visible_until(policy, subject, action, at);
        (Arc::new(visible), until)
    });
    let found = Arc::clone(&visible.0);
    // Who asks with an older graph than others is soon behind us.
    if !newer {
        keep(
            all,
            subject,
            Sight { visible, changed: graph.changed(), policy: policy.clone(), from: at },
        );
    }
    found
}

/// Keeps what was found out, if it is worth it.
fn keep(all: &Kept, subject: &Subject, sight: Sight) {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if all.get(subject).is_some_and(|kept| sight.changed < kept.changed) {
        return;
    }
    all.remove(subject);
    if !(MIN_NAMES..=MAX_NAMES).contains(&sight.names()) {
        return;
    }
    if all.values().map(Sight::names).sum::<usize>() + sight.names() > MAX_NAMES {
        all.clear();
    }
    all.insert(subject.clone(), sight);
}

fn names(visible: &Visible) -> usize {
    visible.namespaces.len() + visible.repositories.len() + visible.teams.len()
}

#[cfg(test)]
mod tests {
    use domain::event::{Actor, Event, EventId, Fact, Meta, StreamName, Version};
    use domain::name::{NamespaceName, RegistryName, TeamName, UserName};
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
    fn a_list_is_kept_until_somebody_decides_something_about_it() {
        let (sights, policy) = (Sights::default(), Policy::default());
        let mut graph = graph(MIN_NAMES);
        let first = sights.visible(&graph, &policy, &ann(), at(1));
        assert_eq!(first.namespaces.len(), MIN_NAMES);
        graph.advance(Position(graph.position().0 + 10));
        assert!(Arc::ptr_eq(&first, &sights.visible(&graph, &policy, &ann(), at(2))));
        let ben = UserEvent::Disabled { user: user("ben"), reason: String::new() };
        apply(&mut graph, ben);
        assert!(Arc::ptr_eq(&first, &sights.visible(&graph, &policy, &ann(), at(2))));
        let older = graph.clone();
        let team = TeamName::parse("crew").unwrap();
        apply(&mut graph, TeamEvent::MemberRemoved { team, user: user("ann") });
        assert!(sights.visible(&graph, &policy, &ann(), at(3)).namespaces.is_empty());
        assert_eq!(*sights.visible(&older, &policy, &ann(), at(3)), *first);
        assert!(sights.visible(&graph, &policy, &ann(), at(3)).namespaces.is_empty());
    }

    #[test]
    fn a_decision_about_one_namespace_changes_that_one_alone() {
        let (sights, policy) = (Sights::default(), Policy::default());
        let mut graph = graph(MIN_NAMES);
        let first = sights.visible(&graph, &policy, &ann(), at(1));
        let older = graph.clone();
        let (registry, namespace) = (registry(), space(7));
        apply(&mut graph, NamespaceEvent::Deleted { registry, namespace, name_free_at: at(9) });
        let second = sights.visible(&graph, &policy, &ann(), at(2));
        assert_eq!(*second, graph.visible(&policy, &ann(), at(2)));
        assert_eq!((first.namespaces.len(), second.namespaces.len()), (MIN_NAMES, MIN_NAMES - 1));
        assert_eq!(*sights.visible(&older, &policy, &ann(), at(3)), *first);
        assert!(Arc::ptr_eq(&second, &sights.visible(&graph, &policy, &ann(), at(3))));
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
            let sight = Sight { visible: (visible, None), changed, policy, from: at(1) };
            let subject = Subject::Account { name: user(&format!("u{number}")) };
            keep(&sights.things, &subject, sight);
            let all = sights.things.lock().unwrap();
            assert!(all.values().map(Sight::names).sum::<usize>() <= MAX_NAMES);
        }
    }
}
