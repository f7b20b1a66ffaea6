//! What each kind of fact does to the graph.

use std::sync::Arc;

use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync};

use super::{Few, Graph, Namespace, Standing, Team, Token, TokenScopes, User};
use crate::admin::AdminEvent;
use crate::app_token::AppTokenEvent;
use crate::event::Position;
use crate::name::{RegistryName, TeamName, UserName};
use crate::namespace::{Holder, NamespaceEvent};
use crate::registry::{RegistryEvent, RegistrySettings};
use crate::team::{Role, TeamEvent};
use crate::user::{Account, UserEvent};

impl Graph {
    pub(super) fn apply_user(&mut self, event: &UserEvent, at: Position) {
        use UserEvent as E;
        match event {
            E::Registered { user, account, .. } => {
                let expected =
                    self.users.get(user).is_some_and(|known| known.standing == Standing::Expected);
                if !expected {
                    self.forget_user(user);
                    self.users.insert_mut(user.clone(), User::new(Standing::Active, *account, at));
                }
                if let Some(known) = self.users.get_mut(user) {
                    known.standing = Standing::Active;
                    known.account = *account;
                    (known.changed_at, known.signed_out_before) = (at, at);
                }
            }
            E::Removed { user, .. } => {
                self.forget_user(user);
                let gone = User::new(Standing::Removed, Account::Person, at);
                self.users.insert_mut(user.clone(), gone);
            }
            E::Disabled { user, .. }
            | E::Enabled { user }
            | E::AuditorGranted { user }
            | E::AuditorRevoked { user }
            | E::PasswordChanged { user }
            | E::ProfileChanged { user, .. }
            | E::SignedOutEverywhere { user }
            | E::PersonalDataErased { user } => {
                let Some(known) = self.users.get_mut(user) else { return };
                if !matches!(known.standing, Standing::Active | Standing::Disabled) {
                    return;
                }
                known.changed_at = at;
                match event {
                    E::Disabled { .. } => {
                        known.standing = Standing::Disabled;
                        known.signed_out_before = at;
                    }
                    E::Enabled { .. } => known.standing = Standing::Active,
                    E::AuditorGranted { .. } => known.auditor = true,
                    E::AuditorRevoked { .. } => known.auditor = false,
                    E::PasswordChanged { .. } | E::SignedOutEverywhere { .. } => {
                        known.signed_out_before = at;
                    }
                    E::Registered { .. }
                    | E::Removed { .. }
                    | E::ProfileChanged { .. }
                    | E::PersonalDataErased { .. } => {}
                }
            }
        }
    }

    pub(super) fn apply_admin(&mut self, event: &AdminEvent, at: Position) {
        self.bootstrapped = true;
        let (user, admin) = match event {
            AdminEvent::Granted { user } => (user, true),
            AdminEvent::Revoked { user } => (user, false),
        };
        if let Some(known) = self.expect_user(user, at) {
            (known.admin, known.changed_at) = (admin, at);
        }
    }

    pub(super) fn apply_team(&mut self, event: &TeamEvent) {
        match event {
            TeamEvent::Created { team, owner, .. } => {
                self.forget_team(team);
                let empty = Team {
                    members: RedBlackTreeMapSync::new_sync(),
                    namespaces: RedBlackTreeSetSync::new_sync(),
                    granted: RedBlackTreeSetSync::new_sync(),
                };
                self.teams.insert_mut(team.clone(), empty);
                self.set_member(team, owner, Role::Owner);
            }
            TeamEvent::Described { .. } => {}
            TeamEvent::MemberAdded { team, user, role }
            | TeamEvent::MemberRoleChanged { team, user, to: role, .. } => {
                self.set_member(team, user, *role);
            }
            TeamEvent::MemberRemoved { team, user } => {
                if let Some(known) = self.teams.get_mut(team) {
                    known.members.remove_mut(user);
                }
                if let Some(known) = self.users.get_mut(user) {
                    known.teams.remove(team);
                }
            }
            TeamEvent::Deleted { team, .. } => self.forget_team(team),
        }
    }

    fn set_member(&mut self, team: &TeamName, user: &UserName, role: Role) {
        if !self.teams.contains_key(team) || self.expect_user(user, self.position).is_none() {
            return;
        }
        if let Some(known) = self.users.get_mut(user) {
            known.teams.insert(team.clone(), role);
        }
        if let Some(known) = self.teams.get_mut(team) {
            known.members.insert_mut(user.clone(), role);
        }
    }

    pub(super) fn apply_registry(&mut self, event: &RegistryEvent) {
        match event {
            RegistryEvent::Added { registry, settings }
            | RegistryEvent::SettingsChanged { registry, settings } => {
                let known = self.registry_mut(registry);
                let before = known.settings.replace(Arc::new(settings.clone()));
                if before.as_ref().is_none_or(|before| before.service != settings.service) {
                    self.forget_service(before.as_deref(), registry);
                    let service = settings.service.clone();
                    let mut names = self.services.get(&service).cloned().unwrap_or_default();
                    names.push(registry.clone());
                    self.services.insert_mut(service, names);
                }
            }
            RegistryEvent::SecretRotated { .. } => {}
            RegistryEvent::Removed { registry } => {
                let Some(known) = self.registries.get_mut(registry) else { return };
                let before = known.settings.take();
                self.forget_service(before.as_deref(), registry);
            }
        }
    }

    fn forget_service(&mut self, settings: Option<&RegistrySettings>, registry: &RegistryName) {
        let Some(service) = settings.map(|settings| &settings.service) else { return };
        let mut names = self.services.get(service).cloned().unwrap_or_default();
        names.retain(|name| name != registry);
        if names.is_empty() {
            self.services.remove_mut(service);
        } else {
            self.services.insert_mut(service.clone(), names);
        }
    }

    pub(super) fn apply_token(&mut self, event: &AppTokenEvent, at: Position) {
        match event {
            AppTokenEvent::Created { user, token, scopes, namespaces, expires_at, .. } => {
                let Some(owner) = self.expect_user(user, at) else { return };
                owner.tokens.insert_mut(*token);
                let node = Token {
                    owner: user.clone(),
                    scopes: TokenScopes::new(scopes),
                    namespaces: namespaces.clone().map(Arc::new),
                    expires_at: *expires_at,
                    revoked: false,
                };
                self.tokens.insert_mut(*token, node);
            }
            AppTokenEvent::Revoked { user, token } => {
                if let Some(known) = self.tokens.get_mut(token)
                    && known.owner == *user
                {
                    known.revoked = true;
                }
            }
        }
    }

    pub(super) fn apply_namespace(&mut self, event: &NamespaceEvent) {
        match event {
            NamespaceEvent::Created { registry, namespace, holder, visibility, .. } => {
                self.forget_namespace(registry, namespace);
                let node = Namespace {
                    name: namespace.clone(),
                    holder: holder.clone(),
                    held: false,
                    visibility: *visibility,
                    grants: RedBlackTreeMapSync::new_sync(),
                    by_user: Few::default(),
                    by_team: Few::default(),
                };
                self.registry_mut(registry).insert(node);
                self.hold(registry, namespace, holder);
            }
            NamespaceEvent::Described { .. } => {}
            NamespaceEvent::VisibilityChanged { registry, namespace, to, .. } => {
                if let Some(node) = self.namespace_mut(registry, namespace) {
                    node.visibility = *to;
                }
            }
            NamespaceEvent::TeamChanged { registry, namespace, to, .. } => {
                self.let_go(registry, namespace);
                self.hold(registry, namespace, &Holder::Team { team: to.clone() });
            }
            NamespaceEvent::Granted { registry, namespace, grant } => {
                self.revoke(registry, namespace, grant.id);
                self.give(registry, namespace, grant);
            }
            NamespaceEvent::GrantRevoked { registry, namespace, grant } => {
                self.revoke(registry, namespace, *grant);
            }
            NamespaceEvent::Deleted { registry, namespace, .. } => {
                self.forget_namespace(registry, namespace);
            }
        }
    }
}
