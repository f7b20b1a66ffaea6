//! The access graph as a value: what it holds, and where to find it. How each fact changes it is in
//! `apply`.
//!
//! Nothing in here refers to what is gone: when a user, team or namespace ends, everything that
//! points at it is taken out at once, so that whoever gets the name later starts anew.

mod apply;
mod few;
mod ties;
mod touched;

use rpds::{HashTrieMapSync, RedBlackTreeMapSync, RedBlackTreeSetSync};

use super::reach::Grants;
use crate::app_token::{TokenId, TokenScope};
use crate::event::{Event, Fact, Position};
use crate::name::{NamespaceName, RegistryName, RepositoryName, TeamName, UserName};
use crate::namespace::{Grant, GrantId, Holder, Visibility};
use crate::registry::RegistrySettings;
use crate::team::Role;
use crate::user::Account;

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
    changed: Position,
    pub(super) users: HashTrieMapSync<UserName, User>,
    pub(super) teams: HashTrieMapSync<TeamName, Team>,
    pub(super) registries: HashTrieMapSync<RegistryName, Registry>,
    pub(super) tokens: HashTrieMapSync<TokenId, Token>,
    /// Registries by the service that their tokens carry; the first that came has it.
    pub(super) services: RedBlackTreeMapSync<String, Vec<RegistryName>>,
    pub(super) bootstrapped: bool,
    recent: Recent,
}

impl Default for Graph {
    fn default() -> Self {
        Self {
            position: Position(0),
            changed: Position(0),
            users: HashTrieMapSync::new_sync(),
            teams: HashTrieMapSync::new_sync(),
            registries: HashTrieMapSync::new_sync(),
            tokens: HashTrieMapSync::new_sync(),
            services: RedBlackTreeMapSync::new_sync(),
            bootstrapped: false,
            recent: Recent::default(),
        }
    }
}

pub(super) use self::few::Few;
use self::touched::Recent;
pub(super) use self::touched::Touched;

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
        let before = std::mem::replace(&mut self.changed, at);
        self.touch(&fact.event, at);
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
            | Event::Comment(_)
            | Event::Auth(_)
            | Event::System(_) => self.changed = before,
        }
    }

    /// The last fact that changed anything here. Two graphs of one log that say the same position
    /// answer the same questions alike, at the same moment.
    #[must_use]
    pub fn changed(&self) -> Position {
        self.changed
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
