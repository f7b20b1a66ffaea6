//! What others may ask the graph about things, beside decisions.

use std::collections::BTreeSet;
use std::ops::Bound;

use jiff::Timestamp;

use super::graph::{Namespace, Standing};
use super::{Action, Graph, Subject};
use crate::app_token::TokenId;
use crate::event::{Actor, Position};
use crate::name::{NamespaceName, RegistryName, RepositoryName, TeamName, UserName};
use crate::namespace::{Holder, Visibility};
use crate::team::Role;
use crate::user::Account;

/// What is known of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)]
pub struct AccountFacts {
    /// Person or bot.
    pub account: Account,
    /// Not disabled, not removed.
    pub enabled: bool,
    /// Administrator (an enabled one only counts).
    pub admin: bool,
    /// Auditor.
    pub auditor: bool,
    /// Refresh tokens and sessions from before this position are over.
    pub signed_out_before: Position,
    /// Verified passwords from before this position must not be remembered.
    pub changed_at: Position,
}

/// What is known of an application token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFacts {
    /// Whose.
    pub owner: UserName,
    /// Until when.
    pub expires_at: Timestamp,
    /// Taken back.
    pub revoked: bool,
}

/// What is known of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceFacts {
    /// Registry.
    pub registry: RegistryName,
    /// Name.
    pub name: NamespaceName,
    /// Whose.
    pub holder: Holder,
    /// For whom.
    pub visibility: Visibility,
}

impl Graph {
    /// Who that is in a fact.
    #[must_use]
    pub fn actor(&self, subject: &Subject) -> Actor {
        match subject {
            Subject::Anonymous | Subject::Invalid => Actor::Anonymous,
            Subject::Registry { name } => Actor::Registry { name: name.clone() },
            Subject::Account { name } | Subject::Token { owner: name, .. } => {
                let name = name.clone();
                match self.users.get(&name).map(|user| user.account) {
                    Some(Account::Bot) => Actor::Bot { name },
                    Some(Account::Person) | None => Actor::User { name },
                }
            }
        }
    }

    /// What is known of an account; `None`: never registered, or removed.
    #[must_use]
    pub fn account(&self, name: &UserName) -> Option<AccountFacts> {
        let user = self.users.get(name)?;
        let enabled = match user.standing {
            Standing::Active => true,
            Standing::Disabled => false,
            Standing::Expected | Standing::Removed => return None,
        };
        Some(AccountFacts {
            account: user.account,
            enabled,
            admin: user.admin,
            auditor: user.auditor,
            signed_out_before: user.signed_out_before,
            changed_at: user.changed_at,
        })
    }

    /// What is known of an application token; those of removed accounts are not.
    #[must_use]
    pub fn token(&self, id: TokenId) -> Option<TokenFacts> {
        self.tokens.get(&id).map(|token| TokenFacts {
            owner: token.owner.clone(),
            expires_at: token.expires_at,
            revoked: token.revoked,
        })
    }

    /// The namespace that decides for a repository: the longest that exists; for a name without
    /// `/` the global one. `None` as well where the registry is not ours.
    #[must_use]
    pub fn namespace_of(
        &self,
        registry: &RegistryName,
        repository: &RepositoryName,
    ) -> Option<NamespaceFacts> {
        self.deciding_namespace(registry, repository).map(|namespace| facts(registry, namespace))
    }

    /// What is known of a namespace that exists.
    #[must_use]
    pub fn namespace_facts(
        &self,
        registry: &RegistryName,
        name: &NamespaceName,
    ) -> Option<NamespaceFacts> {
        self.live_namespace(registry, name.as_str()).map(|namespace| facts(registry, namespace))
    }

    /// The registry whose tokens carry this `service`; of several the one that came first.
    #[must_use]
    pub fn registry_of(&self, service: &str) -> Option<RegistryName> {
        self.services.get(service)?.first().cloned()
    }

    /// Whether there has ever been an administrator.
    #[must_use]
    pub fn bootstrapped(&self) -> bool {
        self.bootstrapped
    }

    /// Whether somebody enabled owns this team. Disabling its last owner is not refused, because an
    /// account may have to be closed at once; until it has another one, administrators manage it.
    #[must_use]
    pub fn has_enabled_owner(&self, team: &TeamName) -> bool {
        let enabled =
            |user| self.users.get(user).is_some_and(|user| user.standing == Standing::Active);
        self.teams.get(team).is_some_and(|team| {
            team.members.iter().any(|(user, role)| *role == Role::Owner && enabled(user))
        })
    }

    /// The teams of which this account is owner and nobody enabled is.
    #[must_use]
    pub fn teams_without_owner(&self, user: &UserName) -> Vec<TeamName> {
        let Some(user) = self.users.get(user) else { return Vec::new() };
        let owned = user.teams.iter().filter(|(_, role)| **role == Role::Owner);
        let mut left: Vec<_> = owned
            .map(|(team, _)| team.clone())
            .filter(|team| !self.has_enabled_owner(team))
            .collect();
        left.sort_unstable();
        left
    }

    /// Whether there is such a team.
    #[must_use]
    pub fn has_team(&self, team: &TeamName) -> bool {
        self.teams.contains_key(team)
    }

    /// Somebody's role in a team, as the log says; bots count as contributors at most.
    #[must_use]
    pub fn role_in(&self, user: &UserName, team: &TeamName) -> Option<Role> {
        self.teams.get(team)?.members.get(user).copied()
    }

    /// The enabled accounts that share a team with `user`, or are it: those whose names begin with
    /// `begins` and are `meant`, by name, the first `most`. Their names are nothing new to this user,
    /// who sees the members of these teams anyway.
    #[must_use]
    pub fn colleagues(
        &self,
        user: &UserName,
        begins: &str,
        most: usize,
        meant: impl Fn(&UserName) -> bool,
    ) -> BTreeSet<UserName> {
        let Some(own) = self.users.get(user) else { return BTreeSet::new() };
        let enabled =
            |name: &UserName| self.users.get(name).is_some_and(|u| u.standing == Standing::Active);
        let mut found = BTreeSet::new();
        for team in own.teams.iter().filter_map(|(team, _)| self.teams.get(team)) {
            let from = team.members.range::<str, _>((Bound::Included(begins), Bound::Unbounded));
            let names = from.map(|(name, _)| name);
            let names = names.take_while(|name| name.as_str().starts_with(begins));
            found.extend(names.filter(|name| enabled(name) && meant(name)).take(most).cloned());
        }
        found.into_iter().take(most).collect()
    }

    /// The teams that `user` is in and whose names begin with `begins`, by name, the first `most`.
    #[must_use]
    pub fn teams_of(&self, user: &UserName, begins: &str, most: usize) -> BTreeSet<TeamName> {
        let Some(user) = self.users.get(user) else { return BTreeSet::new() };
        let teams = user.teams.iter().map(|(team, _)| team);
        let found: BTreeSet<_> = teams.filter(|team| team.as_str().starts_with(begins)).collect();
        found.into_iter().take(most).cloned().collect()
    }

    /// The namespaces that a team owns: none must be left when it ends.
    #[must_use]
    pub fn namespaces_of(&self, team: &TeamName) -> Vec<(RegistryName, NamespaceName)> {
        self.teams.get(team).map_or_else(Vec::new, |team| team.namespaces.iter().cloned().collect())
    }

    /// Which question giving a namespace to `team` is: the receiving end belongs to it.
    #[must_use]
    pub fn change_team_action(&self, subject: &Subject, team: &TeamName) -> Action {
        match subject.user().and_then(|user| self.role_in(user, team)) {
            Some(Role::Owner) => Action::ChangeTeam,
            _ => Action::ChangeTeamForeign,
        }
    }
}

fn facts(registry: &RegistryName, namespace: &Namespace) -> NamespaceFacts {
    NamespaceFacts {
        registry: registry.clone(),
        name: namespace.name.clone(),
        holder: namespace.holder.clone(),
        visibility: namespace.visibility,
    }
}
