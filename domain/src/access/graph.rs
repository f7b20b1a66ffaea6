//! The access graph as a value: what it holds, and how each fact changes it.
//!
//! Nothing in here refers to what is gone: when a user, team or namespace ends, everything that
//! points at it is taken out at once, so that whoever gets the name later starts anew.

use rpds::{HashTrieMapSync, RedBlackTreeMapSync, RedBlackTreeSetSync};

use super::reach::Grants;
use crate::admin::AdminEvent;
use crate::app_token::{AppTokenEvent, TokenId, TokenScope};
use crate::event::{Event, Fact, Position};
use crate::name::{NamespaceName, RegistryName, RepositoryName, TeamName, UserName};
use crate::namespace::{Grant, GrantId, Grantee, Holder, NamespaceEvent, Visibility};
use crate::registry::{RegistryEvent, RegistrySettings};
use crate::team::{Role, TeamEvent};
use crate::user::{Account, UserEvent};

use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The access graph: everything that decisions need, folded from the log's decisions.
///
/// A clone is cheap (persistent maps), so a snapshot is taken once a request and no lock is held.
/// While nobody holds a snapshot, facts are folded in place.
#[derive(Debug, Clone)]
pub struct Graph {
    position: Position,
    pub(super) users: HashTrieMapSync<UserName, User>,
    pub(super) teams: HashTrieMapSync<TeamName, Team>,
    pub(super) registries: HashTrieMapSync<RegistryName, Registry>,
    pub(super) tokens: HashTrieMapSync<TokenId, Token>,
    /// Registries by the service that their tokens carry; the first that came has it.
    pub(super) services: RedBlackTreeMapSync<String, Vec<RegistryName>>,
    pub(super) bootstrapped: bool,
}

impl Default for Graph {
    fn default() -> Self {
        Self {
            position: Position(0),
            users: HashTrieMapSync::new_sync(),
            teams: HashTrieMapSync::new_sync(),
            registries: HashTrieMapSync::new_sync(),
            tokens: HashTrieMapSync::new_sync(),
            services: RedBlackTreeMapSync::new_sync(),
            bootstrapped: false,
        }
    }
}

/// Where a namespace is.
pub(super) type Place = (RegistryName, NamespaceName);

#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) standing: Standing,
    pub(super) account: Account,
    pub(super) admin: bool,
    pub(super) auditor: bool,
    pub(super) signed_out_before: Position,
    pub(super) changed_at: Position,
    pub(super) teams: Few<TeamName, Role>,
    /// Namespaces that are this person's own.
    pub(super) personal: RedBlackTreeSetSync<Place>,
    /// Namespaces with further grants to this very account.
    pub(super) granted: RedBlackTreeSetSync<Place>,
    pub(super) tokens: RedBlackTreeSetSync<TokenId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Spoken of, but never registered: the first administrator is chosen before the account is
    /// made. Opens nothing.
    Expected,
    Active,
    Disabled,
    /// What is said of the name now is not meant for whoever gets it next.
    Removed,
}

impl User {
    fn new(standing: Standing, account: Account, at: Position) -> Self {
        Self {
            standing,
            account,
            admin: false,
            auditor: false,
            signed_out_before: at,
            changed_at: at,
            teams: Few::default(),
            personal: RedBlackTreeSetSync::new_sync(),
            granted: RedBlackTreeSetSync::new_sync(),
            tokens: RedBlackTreeSetSync::new_sync(),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Team {
    pub(super) members: RedBlackTreeMapSync<UserName, Role>,
    /// Namespaces that it owns.
    pub(super) namespaces: RedBlackTreeSetSync<Place>,
    /// Namespaces with further grants to it.
    pub(super) granted: RedBlackTreeSetSync<Place>,
}

#[derive(Debug, Clone)]
pub(super) struct Registry {
    /// `None`: not ours, or no longer. Then its namespaces give nobody anything, and wait.
    pub(super) settings: Option<Arc<RegistrySettings>>,
    pub(super) namespaces: HashTrieMapSync<NamespaceName, Namespace>,
    /// How many of them have one component, two, and so on; no zero at the end. Names deeper than
    /// all of them need not be looked for.
    depths: Vec<usize>,
}

impl Registry {
    fn insert(&mut self, node: Namespace) {
        let depth = node.name.parents().count();
        if self.depths.len() <= depth {
            self.depths.resize(depth + 1, 0);
        }
        self.depths[depth] += 1;
        self.namespaces.insert_mut(node.name.clone(), node);
    }

    fn remove(&mut self, name: &NamespaceName) {
        if self.namespaces.remove_mut(name) {
            self.depths[name.parents().count()] -= 1;
            while self.depths.last() == Some(&0) {
                self.depths.pop();
            }
        }
    }

    fn longest(&self, repository: &RepositoryName) -> Option<&Namespace> {
        let components = repository.as_str().matches('/').count();
        let too_deep = components.saturating_sub(self.depths.len());
        repository.prefixes().skip(too_deep).find_map(|prefix| self.namespaces.get(prefix))
    }
}

#[derive(Debug, Clone)]
pub(super) struct Namespace {
    pub(super) name: NamespaceName,
    /// As the log says.
    pub(super) holder: Holder,
    /// The holder still exists; else only administrators act here.
    pub(super) held: bool,
    pub(super) visibility: Visibility,
    grants: RedBlackTreeMapSync<GrantId, Grant>,
    /// The same grants, compiled.
    pub(super) by_user: Few<UserName, Grants>,
    pub(super) by_team: Few<TeamName, Grants>,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) owner: UserName,
    pub(super) scopes: TokenScopes,
    /// `None`: wherever its owner may.
    pub(super) namespaces: Option<Arc<BTreeSet<NamespaceName>>>,
    pub(super) expires_at: Timestamp,
    pub(super) revoked: bool,
}

/// What a token's scopes come to, united.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::struct_excessive_bools)] // they are switches
pub(super) struct TokenScopes {
    pub(super) pull: bool,
    pub(super) push: bool,
    pub(super) delete: bool,
    pub(super) read: bool,
    pub(super) write: bool,
    pub(super) admin: bool,
}

impl TokenScopes {
    fn new(scopes: &BTreeSet<TokenScope>) -> Self {
        let any = |wanted: &[TokenScope]| wanted.iter().any(|scope| scopes.contains(scope));
        use TokenScope::{Admin, All, ApiRead, ApiWrite, Delete, Pull, Push};
        Self {
            pull: any(&[Pull, Push, Delete, All, Admin]),
            push: any(&[Push, All, Admin]),
            delete: any(&[Delete, All, Admin]),
            read: any(&[ApiRead, ApiWrite, All, Admin]),
            write: any(&[ApiWrite, All, Admin]),
            admin: any(&[Admin]),
        }
    }
}

impl Graph {
    /// Takes one more fact into account. Facts at or before [`Self::position`] change nothing.
    pub fn apply(&mut self, fact: &Fact) {
        let at = fact.position;
        if at <= self.position {
            return;
        }
        self.position = at;
        // No `_` arm: a new kind of event must not slip past the graph unseen.
        match &fact.event {
            Event::User(event) => self.apply_user(event, at),
            Event::Admin(event) => self.apply_admin(event, at),
            Event::Team(event) => self.apply_team(event),
            Event::Namespace(event) => self.apply_namespace(event),
            Event::Registry(event) => self.apply_registry(event),
            Event::AppToken(event) => self.apply_token(event, at),
            Event::Content(_)
            | Event::Repository(_)
            | Event::Star(_)
            | Event::Auth(_)
            | Event::System(_) => {}
        }
    }

    /// The last position applied.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Says that the log holds no decision up to `position` that is not applied here.
    pub fn advance(&mut self, position: Position) {
        self.position = self.position.max(position);
    }

    fn apply_user(&mut self, event: &UserEvent, at: Position) {
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

    fn apply_admin(&mut self, event: &AdminEvent, at: Position) {
        self.bootstrapped = true;
        let (user, admin) = match event {
            AdminEvent::Granted { user } => (user, true),
            AdminEvent::Revoked { user } => (user, false),
        };
        if let Some(known) = self.expect_user(user, at) {
            (known.admin, known.changed_at) = (admin, at);
        }
    }

    fn apply_team(&mut self, event: &TeamEvent) {
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

    fn apply_registry(&mut self, event: &RegistryEvent) {
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

    fn apply_token(&mut self, event: &AppTokenEvent, at: Position) {
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

    fn apply_namespace(&mut self, event: &NamespaceEvent) {
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

    /// Makes `holder` the one whose namespace this is; an absent one leaves it to administrators.
    fn hold(&mut self, registry: &RegistryName, namespace: &NamespaceName, holder: &Holder) {
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
    fn let_go(&mut self, registry: &RegistryName, namespace: &NamespaceName) {
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

    fn give(&mut self, registry: &RegistryName, namespace: &NamespaceName, grant: &Grant) {
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

    fn revoke(&mut self, registry: &RegistryName, namespace: &NamespaceName, grant: GrantId) {
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

    fn forget_namespace(&mut self, registry: &RegistryName, namespace: &NamespaceName) {
        let Some(node) = self.namespace(registry, namespace).cloned() else { return };
        self.let_go(registry, namespace);
        let place = (registry.clone(), namespace.clone());
        for grant in node.grants.values() {
            self.unlink(&grant.to, &place);
        }
        self.registry_mut(registry).remove(namespace);
    }

    fn forget_team(&mut self, team: &TeamName) {
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

    fn forget_user(&mut self, user: &UserName) {
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

    /// The user of this name; one that was never heard of is expected from now on, one that was
    /// removed is not.
    fn expect_user(&mut self, name: &UserName, at: Position) -> Option<&mut User> {
        if !self.users.contains_key(name) {
            let expected = User::new(Standing::Expected, Account::Person, at);
            self.users.insert_mut(name.clone(), expected);
        }
        self.users.get_mut(name).filter(|user| user.standing != Standing::Removed)
    }

    fn registry_mut(&mut self, name: &RegistryName) -> &mut Registry {
        if !self.registries.contains_key(name) {
            let namespaces = HashTrieMapSync::new_sync();
            let registry = Registry { settings: None, namespaces, depths: Vec::new() };
            self.registries.insert_mut(name.clone(), registry);
        }
        // It was put there a line above.
        #[allow(clippy::expect_used)]
        self.registries.get_mut(name).expect("a registry that was inserted")
    }

    fn namespace_mut(
        &mut self,
        registry: &RegistryName,
        namespace: &NamespaceName,
    ) -> Option<&mut Namespace> {
        self.namespace(registry, namespace)?;
        self.registries.get_mut(registry)?.namespaces.get_mut(namespace)
    }

    /// The node, whether its registry is ours or not.
    fn namespace(&self, registry: &RegistryName, namespace: &NamespaceName) -> Option<&Namespace> {
        self.registries.get(registry)?.namespaces.get(namespace)
    }

    /// The namespace in a registry of ours.
    pub(super) fn live_namespace(&self, registry: &RegistryName, name: &str) -> Option<&Namespace> {
        let registry = self.registries.get(registry)?;
        registry.settings.as_ref()?;
        registry.namespaces.get(name)
    }

    /// The namespace that decides for a repository: the longest that exists, in a registry of
    /// ours.
    pub(super) fn deciding_namespace(
        &self,
        registry: &RegistryName,
        repository: &RepositoryName,
    ) -> Option<&Namespace> {
        let registry = self.registries.get(registry)?;
        registry.settings.as_ref()?;
        if !repository.as_str().contains('/') {
            return registry.namespaces.get(NamespaceName::GLOBAL);
        }
        registry.longest(repository)
    }
}

/// A persistent map that allocates nothing while it is empty, as most are.
#[derive(Debug, Clone)]
pub(super) struct Few<K: Eq + std::hash::Hash, V>(Option<HashTrieMapSync<K, V>>);

impl<K: Eq + std::hash::Hash, V> Default for Few<K, V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: Eq + std::hash::Hash + Clone, V: Clone> Few<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.0.as_ref()?.get(key)
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, HashTrieMapSync::size)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().flat_map(HashTrieMapSync::iter)
    }

    fn insert(&mut self, key: K, value: V) {
        self.0.get_or_insert_with(HashTrieMapSync::new_sync).insert_mut(key, value);
    }

    fn remove(&mut self, key: &K) {
        if let Some(map) = &mut self.0 {
            map.remove_mut(key);
            if map.is_empty() {
                self.0 = None;
            }
        }
    }
}

impl<K: Eq + std::hash::Hash + Clone> Few<K, Grants> {
    fn entry(&mut self, key: &K) -> &mut Grants {
        if self.get(key).is_none() {
            self.insert(key.clone(), Grants::default());
        }
        let map = self.0.get_or_insert_with(HashTrieMapSync::new_sync);
        // It was put there three lines above.
        #[allow(clippy::expect_used)]
        map.get_mut(key).expect("grants that were inserted")
    }

    /// Takes a grant out; says whether its grantee has none left here.
    fn drop_grant(&mut self, key: &K, grant: &Grant) -> bool {
        let Some(grants) = self.0.as_mut().and_then(|map| map.get_mut(key)) else { return true };
        grants.remove(grant);
        let none_left = grants.is_empty();
        if none_left {
            self.remove(key);
        }
        none_left
    }
}
