//! What holds things together: who holds a namespace, who has been granted what; and what goes with
//! a thing when it ends.

use rpds::RedBlackTreeSetSync;

use super::{Graph, Place};
use crate::name::{NamespaceName, RegistryName, TeamName, UserName};
use crate::namespace::{Grant, GrantId, Grantee, Holder};

impl Graph {
    /// Makes `holder` the one whose namespace this is; an absent one leaves it to administrators.
    pub(super) fn hold(
        &mut self,
        registry: &RegistryName,
        namespace: &NamespaceName,
        holder: &Holder,
    ) {
        let place = (registry.clone(), namespace.clone());
        if self.namespace(registry, namespace).is_none() {
            return;
        }
        let held = match holder {
            Holder::Global => true,
            Holder::Personal { user } => match self.expect_user(user, self.position) {
                Some(known) => {
                    known.personal.insert_mut(place);
                    true
                }
                None => false,
            },
            Holder::Team { team } => match self.teams.get_mut(team) {
                Some(known) => {
                    known.namespaces.insert_mut(place);
                    true
                }
                None => false,
            },
        };
        if let Some(node) = self.namespace_mut(registry, namespace) {
            node.holder = holder.clone();
            node.held = held;
        }
    }

    /// Takes the namespace from its holder.
    pub(super) fn let_go(&mut self, registry: &RegistryName, namespace: &NamespaceName) {
        let Some(node) = self.namespace_mut(registry, namespace) else { return };
        node.held = false;
        let (holder, place) = (node.holder.clone(), (registry.clone(), namespace.clone()));
        match &holder {
            Holder::Global => {}
            Holder::Personal { user } => {
                if let Some(known) = self.users.get_mut(user) {
                    known.personal.remove_mut(&place);
                }
            }
            Holder::Team { team } => {
                if let Some(known) = self.teams.get_mut(team) {
                    known.namespaces.remove_mut(&place);
                }
            }
        }
    }

    pub(super) fn give(
        &mut self,
        registry: &RegistryName,
        namespace: &NamespaceName,
        grant: &Grant,
    ) {
        if self.namespace(registry, namespace).is_none() {
            return;
        }
        let place = (registry.clone(), namespace.clone());
        match &grant.to {
            Grantee::User { user } => match self.expect_user(user, self.position) {
                Some(known) => known.granted.insert_mut(place),
                None => return,
            },
            Grantee::Team { team } => match self.teams.get_mut(team) {
                Some(known) => known.granted.insert_mut(place),
                None => return,
            },
        }
        let Some(node) = self.namespace_mut(registry, namespace) else { return };
        node.grants.insert_mut(grant.id, grant.clone());
        match &grant.to {
            Grantee::User { user } => node.by_user.entry(user).add(grant),
            Grantee::Team { team } => node.by_team.entry(team).add(grant),
        }
    }

    pub(super) fn revoke(
        &mut self,
        registry: &RegistryName,
        namespace: &NamespaceName,
        grant: GrantId,
    ) {
        let Some(node) = self.namespace_mut(registry, namespace) else { return };
        let Some(grant) = node.grants.get(&grant).cloned() else { return };
        node.grants.remove_mut(&grant.id);
        let none_left = match &grant.to {
            Grantee::User { user } => node.by_user.drop_grant(user, &grant),
            Grantee::Team { team } => node.by_team.drop_grant(team, &grant),
        };
        if none_left {
            self.unlink(&grant.to, &(registry.clone(), namespace.clone()));
        }
    }

    fn unlink(&mut self, grantee: &Grantee, place: &Place) {
        match grantee {
            Grantee::User { user } => {
                if let Some(known) = self.users.get_mut(user) {
                    known.granted.remove_mut(place);
                }
            }
            Grantee::Team { team } => {
                if let Some(known) = self.teams.get_mut(team) {
                    known.granted.remove_mut(place);
                }
            }
        }
    }

    pub(super) fn forget_namespace(&mut self, registry: &RegistryName, namespace: &NamespaceName) {
        let Some(node) = self.namespace(registry, namespace).cloned() else { return };
        self.let_go(registry, namespace);
        let place = (registry.clone(), namespace.clone());
        for grant in node.grants.values() {
            self.unlink(&grant.to, &place);
        }
        self.registry_mut(registry).remove(namespace);
    }

    pub(super) fn forget_team(&mut self, team: &TeamName) {
        let Some(known) = self.teams.get(team).cloned() else { return };
        for (user, _) in &known.members {
            if let Some(member) = self.users.get_mut(user) {
                member.teams.remove(team);
            }
        }
        for (registry, namespace) in &known.namespaces {
            self.let_go(registry, namespace);
        }
        self.forget_grants(&known.granted, &Grantee::Team { team: team.clone() });
        self.teams.remove_mut(team);
    }

    pub(super) fn forget_user(&mut self, user: &UserName) {
        let Some(known) = self.users.get(user).cloned() else { return };
        for (team, _) in known.teams.iter() {
            if let Some(team) = self.teams.get_mut(team) {
                team.members.remove_mut(user);
            }
        }
        for (registry, namespace) in &known.personal {
            self.let_go(registry, namespace);
        }
        self.forget_grants(&known.granted, &Grantee::User { user: user.clone() });
        for token in &known.tokens {
            self.tokens.remove_mut(token);
        }
        self.users.remove_mut(user);
    }

    fn forget_grants(&mut self, places: &RedBlackTreeSetSync<Place>, to: &Grantee) {
        for (registry, namespace) in places {
            let Some(node) = self.namespace(registry, namespace) else { continue };
            let of_this = node.grants.values().filter(|grant| grant.to == *to);
            let ids: Vec<_> = of_this.map(|grant| grant.id).collect();
            for id in ids {
                self.revoke(registry, namespace, id);
            }
        }
    }
}
