//! What somebody may see, in a form that a query can carry.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::decide::{Asker, Who};
use super::graph::{Graph, Namespace, Place, Touched, User};
use super::reach::Grants;
use super::{Action, Policy, Resource, Subject};
use crate::event::Position;
use crate::name::{NamespaceName, RegistryName, RepositoryName, TeamName};
use crate::namespace::Visibility;

/// What somebody may see, in a form that a query can carry (search, lists, feed).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Visible {
    /// Everything: an administrator.
    pub everything: bool,
    /// Namespaces of these visibilities.
    pub visibilities: BTreeSet<Visibility>,
    /// And these namespaces.
    pub namespaces: BTreeSet<(RegistryName, NamespaceName)>,
    /// And these single repositories.
    pub repositories: BTreeSet<(RegistryName, RepositoryName)>,
    /// And these teams.
    pub teams: BTreeSet<TeamName>,
}

impl Visible {
    /// Whether a namespace of this visibility is among it.
    #[must_use]
    pub fn sees_namespace(
        &self,
        registry: &RegistryName,
        namespace: &NamespaceName,
        visibility: Visibility,
    ) -> bool {
        self.everything
            || self.visibilities.contains(&visibility)
            || self.namespaces.contains(&(registry.clone(), namespace.clone()))
    }

    /// Whether a repository is among it; `namespace` is the one that decides for it.
    #[must_use]
    pub fn sees_repository(
        &self,
        registry: &RegistryName,
        repository: &RepositoryName,
        namespace: &NamespaceName,
        visibility: Visibility,
    ) -> bool {
        self.sees_namespace(registry, namespace, visibility)
            || self.repositories.contains(&(registry.clone(), repository.clone()))
    }

    /// Whether a team is among it.
    #[must_use]
    pub fn sees_team(&self, team: &TeamName) -> bool {
        self.everything || self.teams.contains(team)
    }
}

impl Graph {
    /// What `subject` may see, for queries. Agrees with [`Self::decide`] of
    /// [`Action::SearchHit`] on every repository, namespace and team that exists.
    #[must_use]
    pub fn visible(&self, policy: &Policy, subject: &Subject, at: Timestamp) -> Visible {
        self.seen(policy, subject, Action::SearchHit, at).0
    }

    /// What [`Self::visible`] says, or for [`Action::ViewActivities`] what
    /// [`Self::visible_activities`] says, and from when on it may say something else though the
    /// graph is the same: when the first of the further grants ends that concern this account, or
    /// the token that is shown. `None`: never.
    #[must_use]
    pub fn visible_until(
        &self,
        policy: &Policy,
        subject: &Subject,
        action: Action,
        at: Timestamp,
    ) -> (Visible, Option<Timestamp>) {
        self.seen(policy, subject, action, at)
    }

    /// The same for what was found at an earlier position of this graph's log, with as little work
    /// as what has changed since then makes. `None`: it has to be found out anew.
    ///
    /// `before` was said for the same subject and action by a graph whose [`Graph::changed`] was
    /// `since`, and still holds at `at` if nothing has changed.
    #[must_use]
    pub fn visible_since(
        &self,
        subject: &Subject,
        since: Position,
        before: &(Arc<Visible>, Option<Timestamp>),
        at: Timestamp,
    ) -> Option<(Arc<Visible>, Option<Timestamp>)> {
        let Some(Who::User(asker)) = self.who(subject, at) else { return None };
        if asker.token.is_some_and(|token| token.namespaces.is_some() || !token.scopes.read) {
            return None;
        }
        let mut places = BTreeSet::new();
        for touched in self.touched_since(since)? {
            match touched {
                Touched::Everything => return None,
                Touched::Account(name) if name == asker.name => return None,
                Touched::Account(_) => {}
                Touched::Place((registry, name)) => {
                    places.insert((registry, name.as_str()));
                }
            }
        }
        let (mut seen, mut until) = before.clone();
        // Which namespace a single repository is seen in, the list does not say.
        let moved = |(registry, single): &(RegistryName, RepositoryName)| {
            let global = (!single.as_str().contains('/')).then_some(NamespaceName::GLOBAL);
            single.prefixes().chain(global).any(|name| places.contains(&(registry, name)))
        };
        if seen.repositories.iter().any(moved) {
            return None;
        }
        for (registry, name) in &places {
            let Some(namespace) = self.live_namespace(registry, name) else {
                let gone = ((*registry).clone(), NamespaceName::parse(name).ok()?);
                if seen.namespaces.contains(&gone) {
                    Arc::make_mut(&mut seen).namespaces.remove(&gone);
                }
                continue;
            };
            until = self.first_end(&asker, namespace, at).into_iter().chain(until).min();
            let place = ((*registry).clone(), namespace.name.clone());
            let whole = self.reach(asker.name, asker.user, namespace, None, at).is_some();
            if whole != seen.namespaces.contains(&place) {
                let namespaces = &mut Arc::make_mut(&mut seen).namespaces;
                if whole {
                    namespaces.insert(place.clone())
                } else {
                    namespaces.remove(&place)
                };
            }
            if !whole {
                let singles = self.seen_in_part(&asker, &place, namespace, at);
                if !singles.is_empty() {
                    Arc::make_mut(&mut seen).repositories.extend(singles);
                }
            }
        }
        Some((seen, until))
    }

    /// Whose activities `subject` may see, for the feed. Agrees with [`Self::decide`] of
    /// [`Action::ViewActivities`]; what has happened to no namespace and no team is for those who
    /// see everything.
    #[must_use]
    pub fn visible_activities(&self, policy: &Policy, subject: &Subject, at: Timestamp) -> Visible {
        self.seen(policy, subject, Action::ViewActivities, at).0
    }

    /// What may be seen, and until when at least: in one walk, because the places of some are many.
    fn seen(
        &self,
        policy: &Policy,
        subject: &Subject,
        action: Action,
        at: Timestamp,
    ) -> (Visible, Option<Timestamp>) {
        let activities = action == Action::ViewActivities;
        let asker = match self.who(subject, at) {
            None | Some(Who::Registry) => return (Visible::default(), None),
            Some(Who::Anonymous) if activities || !policy.anonymous_browsing => {
                return (Visible::default(), None);
            }
            Some(Who::Anonymous) => {
                let visibilities = [Visibility::Public].into();
                return (Visible { visibilities, ..Visible::default() }, None);
            }
            Some(Who::User(asker)) => asker,
        };
        if asker.token.is_some_and(|token| !token.scopes.read) {
            return (Visible::default(), None);
        }
        let mut seen = Visible::default();
        let mut until = asker.token.map(|token| token.expires_at);
        let called;
        let places = match asker.token.and_then(|token| token.namespaces.as_deref()) {
            // Inside its namespaces a token sees what is decided there.
            Some(names) => {
                called = self.places_called(names);
                called.iter().collect()
            }
            None => {
                seen.everything = asker.is_admin() || (activities && asker.is_auditor());
                seen.visibilities = if activities {
                    [Visibility::Public].into()
                } else {
                    [Visibility::Protected, Visibility::Public].into()
                };
                seen.teams = asker.user.teams.iter().map(|(team, _)| team.clone()).collect();
                self.places_of(asker.user)
            }
        };
        let limited = asker.token.is_some_and(|token| token.namespaces.is_some());
        let mut namespaces = Vec::new();
        for (registry, name) in places {
            let Some(namespace) = self.live_namespace(registry, name.as_str()) else { continue };
            until = self.first_end(&asker, namespace, at).into_iter().chain(until).min();
            let whole = if limited {
                let resource =
                    Resource::Namespace { registry: registry.clone(), name: name.clone() };
                self.decide(policy, subject, action, &resource, at).is_allowed()
            } else {
                self.reach(asker.name, asker.user, namespace, None, at).is_some()
            };
            let place = (registry.clone(), name.clone());
            if whole {
                namespaces.push(place);
            } else {
                seen.repositories.extend(self.seen_in_part(&asker, &place, namespace, at));
            }
        }
        seen.namespaces = namespaces.into_iter().collect();
        (seen, until)
    }

    /// The single repositories in a namespace that the asker may see who has no role in all of it.
    fn seen_in_part(
        &self,
        asker: &Asker<'_>,
        (registry, name): &Place,
        namespace: &Namespace,
        at: Timestamp,
    ) -> BTreeSet<(RegistryName, RepositoryName)> {
        let granted = self.granted_repositories(asker, namespace);
        let seen = granted.filter(|repository| {
            let deciding = self.deciding_namespace(registry, repository);
            deciding.is_some_and(|deciding| deciding.name == *name)
                && self.reach(asker.name, asker.user, namespace, Some(repository), at).is_some()
        });
        seen.map(|repository| (registry.clone(), repository.clone())).collect()
    }

    /// When the first grant ends that concerns the asker in `namespace`.
    fn first_end(
        &self,
        asker: &Asker<'_>,
        namespace: &Namespace,
        at: Timestamp,
    ) -> Option<Timestamp> {
        self.grants_to(asker, namespace).filter_map(|grants| grants.next_end(at)).min()
    }

    /// The further grants in `namespace` that concern the asker.
    fn grants_to<'a>(
        &'a self,
        asker: &'a Asker<'a>,
        namespace: &'a Namespace,
    ) -> impl Iterator<Item = &'a Grants> {
        let direct = namespace.by_user.get(asker.name).into_iter();
        let (teams, shared) = (&asker.user.teams, &namespace.by_team);
        // Looks through the smaller of the two.
        let few = shared.len() <= teams.len();
        let of_shared = few.then(|| shared.iter().filter(|(team, _)| teams.get(team).is_some()));
        let of_teams = (!few).then(|| teams.iter().filter_map(|(team, _)| shared.get(team)));
        let of_shared = of_shared.into_iter().flatten().map(|(_, grants)| grants);
        direct.chain(of_shared).chain(of_teams.into_iter().flatten())
    }

    /// Repositories in `namespace` that have grants of their own which concern the asker.
    fn granted_repositories<'a>(
        &'a self,
        asker: &'a Asker<'a>,
        namespace: &'a Namespace,
    ) -> impl Iterator<Item = &'a RepositoryName> {
        self.grants_to(asker, namespace).flat_map(|grants| grants.repositories())
    }

    /// Where somebody has any role at all, perhaps on one repository only; in order.
    fn places_of<'a>(&'a self, user: &'a User) -> Vec<&'a Place> {
        let teams = user.teams.iter().filter_map(|(team, _)| self.teams.get(team));
        let through_teams = teams.flat_map(|team| team.namespaces.iter().chain(&team.granted));
        let all = user.personal.iter().chain(&user.granted).chain(through_teams);
        let mut places: Vec<&Place> = all.collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The namespaces of these names, in whichever registry.
    fn places_called(&self, names: &BTreeSet<NamespaceName>) -> Vec<Place> {
        let in_registry = |registry: &RegistryName| {
            let registry = registry.clone();
            names.iter().map(move |name| (registry.clone(), name.clone()))
        };
        self.registries.keys().flat_map(in_registry).collect()
    }
}
