//! Which role somebody holds somewhere: as holder, as member, by further grants.

use jiff::Timestamp;
use rpds::RedBlackTreeMapSync;

use super::Ground;
use super::graph::{Graph, Namespace, User};
use crate::name::{RepositoryName, UserName};
use crate::namespace::{Grant, GrantId, Holder};
use crate::team::Role;
use crate::user::Account;

/// A role, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) role: Role,
    pub(super) ground: Ground,
}

impl Graph {
    /// The strongest role of `user` in `namespace`, or on one `repository` in it.
    ///
    /// Costs the same however many namespaces, teams and grants there are; only somebody in many
    /// teams at a namespace that is shared with many teams costs the smaller of the two numbers.
    pub(super) fn reach(
        &self,
        name: &UserName,
        user: &User,
        namespace: &Namespace,
        repository: Option<&RepositoryName>,
        at: Timestamp,
    ) -> Option<Reach> {
        let best = self.holder_reach(name, user, namespace);
        if best.as_ref().is_some_and(|reach| reach.role == Role::Owner) {
            return best;
        }
        let direct = namespace.by_user.get(name).and_then(|grants| grants.best(repository, at));
        let (teams, shared) = (&user.teams, &namespace.by_team);
        let through_teams = if shared.len() <= teams.len() {
            best_of(shared.iter().filter_map(|(team, grants)| {
                Some(grants.best(repository, at)?.cap(*teams.get(team)?))
            }))
        } else {
            best_of(teams.iter().filter_map(|(team, role)| {
                Some(shared.get(team)?.best(repository, at)?.cap(*role))
            }))
        };
        let granted = best_of(direct.into_iter().chain(through_teams)).map(|live| Reach {
            role: cap(live.role, user),
            ground: Ground::Grant { id: live.id, role: cap(live.role, user) },
        });
        // What comes from the holder names the reason better where both are as strong.
        match (best, granted) {
            (Some(held), Some(granted)) if granted.role > held.role => Some(granted),
            (Some(held), _) => Some(held),
            (None, granted) => granted,
        }
    }

    /// The role that comes of the namespace's holder alone: what gives it away or ends it.
    pub(super) fn holder_reach(
        &self,
        name: &UserName,
        user: &User,
        namespace: &Namespace,
    ) -> Option<Reach> {
        if !namespace.held {
            return None;
        }
        match &namespace.holder {
            Holder::Personal { user: owner } if owner == name => {
                Some(Reach { role: cap(Role::Owner, user), ground: Ground::Personal })
            }
            Holder::Team { team } => {
                let role = cap(*user.teams.get(team)?, user);
                Some(Reach { role, ground: Ground::Member { team: team.clone(), role } })
            }
            Holder::Personal { .. } | Holder::Global => None,
        }
    }
}

/// Bots are at most contributors, whatever the log says of them.
pub(super) fn cap(role: Role, user: &User) -> Role {
    match user.account {
        Account::Person => role,
        Account::Bot => role.min(Role::Contributor),
    }
}

/// The further grants of one namespace to one grantee, in a form that answers at once.
#[derive(Debug, Clone, Default)]
pub(super) struct Grants {
    whole: Slot,
    repositories: RedBlackTreeMapSync<RepositoryName, Slot>,
}

impl Grants {
    pub(super) fn add(&mut self, grant: &Grant) {
        match &grant.repository {
            None => self.whole.add(grant),
            Some(repository) => match self.repositories.get_mut(repository) {
                Some(slot) => slot.add(grant),
                None => {
                    let mut slot = Slot::default();
                    slot.add(grant);
                    self.repositories.insert_mut(repository.clone(), slot);
                }
            },
        }
    }

    pub(super) fn remove(&mut self, grant: &Grant) {
        match &grant.repository {
            None => self.whole.remove(grant),
            Some(repository) => {
                if let Some(slot) = self.repositories.get_mut(repository) {
                    slot.remove(grant);
                    if slot.is_empty() {
                        self.repositories.remove_mut(repository);
                    }
                }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.repositories.is_empty()
    }

    /// The strongest grant that is live at `at`; those on one repository count for that one only.
    pub(super) fn best(&self, repository: Option<&RepositoryName>, at: Timestamp) -> Option<Live> {
        let whole = self.whole.best(at);
        let single = repository.and_then(|name| self.repositories.get(name)?.best(at));
        best_of(whole.into_iter().chain(single))
    }

    /// When the first of those ends that are live at `at`, if any ends at all.
    pub(super) fn next_end(&self, at: Timestamp) -> Option<Timestamp> {
        let slots = std::iter::once(&self.whole).chain(self.repositories.values());
        slots.filter_map(|slot| slot.next_end(at)).min()
    }

    /// The repositories that have grants of their own.
    pub(super) fn repositories(&self) -> impl Iterator<Item = &RepositoryName> {
        self.repositories.keys()
    }
}

/// A grant that holds now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Live {
    role: Role,
    id: GrantId,
}

impl Live {
    fn cap(self, role: Role) -> Self {
        Self { role: self.role.min(role), id: self.id }
    }
}

/// The strongest; of two as strong, the one with the smaller id, so that the same world always
/// gives the same reason.
fn best_of(live: impl Iterator<Item = Live>) -> Option<Live> {
    live.max_by(|a, b| a.role.cmp(&b.role).then(b.id.cmp(&a.id)))
}

/// Grants of the same extent: by role, those that last longest first.
#[derive(Debug, Clone, Default)]
struct Slot([Vec<Entry>; 3]);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// `None`: no end.
    until: Option<Timestamp>,
    id: GrantId,
}

impl Slot {
    fn add(&mut self, grant: &Grant) {
        let entries = &mut self.0[grant.role as usize];
        let entry = Entry { until: grant.until, id: grant.id };
        let place = entries.partition_point(|other| other.order() <= entry.order());
        entries.insert(place, entry);
    }

    fn remove(&mut self, grant: &Grant) {
        self.0[grant.role as usize].retain(|entry| entry.id != grant.id);
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }

    fn next_end(&self, at: Timestamp) -> Option<Timestamp> {
        self.0.iter().flatten().filter_map(|entry| entry.until).filter(|until| at < *until).min()
    }

    fn best(&self, at: Timestamp) -> Option<Live> {
        [Role::Owner, Role::Contributor, Role::Viewer].into_iter().find_map(|role| {
            // The first lasts longest: if it is over, all are.
            let first = self.0[role as usize].first()?;
            first.until.is_none_or(|until| at < until).then_some(Live { role, id: first.id })
        })
    }
}

impl Entry {
    /// Endless ones first, then by their end, the latest first.
    fn order(&self) -> (std::cmp::Reverse<Timestamp>, GrantId) {
        (std::cmp::Reverse(self.until.unwrap_or(Timestamp::MAX)), self.id)
    }
}
