//! The rules of access as plain as words: lists are scanned, rules are read out in order.
//!
//! Nothing here is shared with `domain::access` but the names of questions and answers. Slow on
//! purpose: this is what the compiled graph must agree with.

use domain::access::{Action, Form, Policy, PushPolicy, Resource, Subject};
use domain::admin::AdminEvent;
use domain::app_token::{AppTokenEvent, TokenScope};
use domain::event::Event;
use domain::name::{NamespaceName, RegistryName, RepositoryName, TeamName, UserName};
use domain::namespace::{Grant, Grantee, Holder, NamespaceEvent, Visibility};
use domain::registry::RegistryEvent;
use domain::team::{Role, TeamEvent};
use domain::user::{Account, UserEvent};
use jiff::Timestamp;

#[derive(Debug, Default, Clone)]
pub(crate) struct Oracle {
    users: Vec<User>,
    /// Names that were taken away and not given again.
    removed: Vec<UserName>,
    admins: Vec<UserName>,
    teams: Vec<TeamName>,
    members: Vec<(TeamName, UserName, Role)>,
    pub(crate) namespaces: Vec<Namespace>,
    registries: Vec<RegistryName>,
    tokens: Vec<Token>,
}

#[derive(Debug, Clone)]
struct User {
    name: UserName,
    account: Account,
    enabled: bool,
    auditor: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Namespace {
    pub(crate) registry: RegistryName,
    pub(crate) name: NamespaceName,
    pub(crate) holder: Holder,
    /// The holder was there when it got the namespace, and has not gone since.
    held: bool,
    pub(crate) visibility: Visibility,
    grants: Vec<Grant>,
}

#[derive(Debug, Clone)]
struct Token {
    owner: UserName,
    created: AppTokenEvent,
    revoked: bool,
}

impl Oracle {
    pub(crate) fn after(events: &[Event]) -> Self {
        let mut oracle = Self::default();
        for event in events {
            oracle.hear(event);
        }
        oracle
    }

    pub(crate) fn hear(&mut self, event: &Event) {
        match event {
            Event::User(event) => self.hear_of_user(event),
            Event::Admin(AdminEvent::Granted { user }) => {
                self.admins.retain(|name| name != user);
                if !self.removed.contains(user) {
                    self.admins.push(user.clone());
                }
            }
            Event::Admin(AdminEvent::Revoked { user }) => self.admins.retain(|name| name != user),
            Event::Team(event) => self.hear_of_team(event),
            Event::Namespace(event) => self.hear_of_namespace(event),
            Event::Registry(RegistryEvent::Added { registry, .. }) => {
                self.registries.push(registry.clone());
            }
            Event::Registry(RegistryEvent::Removed { registry }) => {
                self.registries.retain(|name| name != registry);
            }
            Event::AppToken(created @ AppTokenEvent::Created { user, token, .. })
                if !self.removed.contains(user) =>
            {
                self.tokens.retain(|known| known.id() != *token);
                let (owner, created) = (user.clone(), created.clone());
                self.tokens.push(Token { owner, created, revoked: false });
            }
            Event::AppToken(AppTokenEvent::Revoked { user, token }) => {
                for known in &mut self.tokens {
                    known.revoked |= known.id() == *token && known.owner == *user;
                }
            }
            _ => {}
        }
    }

    fn hear_of_user(&mut self, event: &UserEvent) {
        match event {
            UserEvent::Registered { user, account, .. } => {
                let (name, account) = (user.clone(), *account);
                self.removed.retain(|name| name != user);
                self.users.push(User { name, account, enabled: true, auditor: false });
            }
            UserEvent::Removed { user, .. } => {
                self.users.retain(|known| known.name != *user);
                self.admins.retain(|name| name != user);
                self.members.retain(|(_, member, _)| member != user);
                self.tokens.retain(|token| token.owner != *user);
                for namespace in &mut self.namespaces {
                    if (namespace.holder == Holder::Personal { user: user.clone() }) {
                        namespace.held = false;
                    }
                    let to = Grantee::User { user: user.clone() };
                    namespace.grants.retain(|grant| grant.to != to);
                }
                self.removed.push(user.clone());
            }
            UserEvent::Disabled { user, .. } => self.change(user, |known| known.enabled = false),
            UserEvent::Enabled { user } => self.change(user, |known| known.enabled = true),
            UserEvent::AuditorGranted { user } => self.change(user, |known| known.auditor = true),
            UserEvent::AuditorRevoked { user } => self.change(user, |known| known.auditor = false),
            _ => {}
        }
    }

    /// Whether a decider would have let this happen now: worlds are made of such events alone.
    pub(crate) fn could_happen(&self, event: &Event) -> bool {
        let user = |name: &UserName| self.users.iter().any(|known| known.name == *name);
        let team = |name: &TeamName| self.teams.contains(name);
        let namespace = |registry: &RegistryName, name: &NamespaceName| {
            self.namespaces.iter().find(|it| it.registry == *registry && it.name == *name)
        };
        match event {
            Event::User(UserEvent::Registered { user: name, .. }) => !user(name),
            Event::Team(TeamEvent::Created { team: name, .. }) => !team(name),
            Event::Registry(RegistryEvent::Added { registry, .. }) => {
                !self.registries.contains(registry)
            }
            Event::Namespace(NamespaceEvent::Created {
                registry, namespace: name, holder, ..
            }) => {
                let global = *holder == Holder::Global;
                namespace(registry, name).is_none() && global == name.is_global()
            }
            Event::Namespace(NamespaceEvent::TeamChanged { registry, namespace: name, .. }) => {
                namespace(registry, name).is_none_or(|it| matches!(it.holder, Holder::Team { .. }))
            }
            Event::AppToken(AppTokenEvent::Created { token, .. }) => {
                self.tokens.iter().all(|known| known.id() != *token)
            }
            // The rest may speak of what is gone: other streams do not know that it is.
            _ => true,
        }
    }

    fn change(&mut self, user: &UserName, change: impl Fn(&mut User)) {
        self.users.iter_mut().filter(|known| known.name == *user).for_each(change);
    }

    fn hear_of_team(&mut self, event: &TeamEvent) {
        match event {
            TeamEvent::Created { team, owner, .. } => {
                self.teams.push(team.clone());
                self.join(team, owner, Role::Owner);
            }
            TeamEvent::MemberAdded { team, user, role } => self.join(team, user, *role),
            TeamEvent::MemberRoleChanged { team, user, to, .. } => self.join(team, user, *to),
            TeamEvent::MemberRemoved { team, user } => {
                self.members.retain(|(of, member, _)| !(of == team && member == user));
            }
            TeamEvent::Deleted { team, .. } => {
                self.teams.retain(|known| known != team);
                self.members.retain(|(of, _, _)| of != team);
                for namespace in &mut self.namespaces {
                    if (namespace.holder == Holder::Team { team: team.clone() }) {
                        namespace.held = false;
                    }
                    let to = Grantee::Team { team: team.clone() };
                    namespace.grants.retain(|grant| grant.to != to);
                }
            }
            TeamEvent::Described { .. } => {}
        }
    }

    fn join(&mut self, team: &TeamName, user: &UserName, role: Role) {
        self.members.retain(|(of, member, _)| !(of == team && member == user));
        if self.teams.contains(team) && !self.removed.contains(user) {
            self.members.push((team.clone(), user.clone(), role));
        }
    }

    fn hear_of_namespace(&mut self, event: &NamespaceEvent) {
        use NamespaceEvent as E;
        match event {
            E::Created { registry, namespace, holder, visibility, .. } => {
                self.namespaces.push(Namespace {
                    registry: registry.clone(),
                    name: namespace.clone(),
                    held: self.is_there(holder),
                    holder: holder.clone(),
                    visibility: *visibility,
                    grants: vec![],
                });
            }
            E::Deleted { registry, namespace, .. } => {
                self.namespaces.retain(|it| !(it.registry == *registry && it.name == *namespace));
            }
            E::VisibilityChanged { registry, namespace, to, .. } => {
                self.of(registry, namespace, |it| it.visibility = *to);
            }
            E::TeamChanged { registry, namespace, to, .. } => {
                let holder = Holder::Team { team: to.clone() };
                let held = self.is_there(&holder);
                self.of(registry, namespace, |it| {
                    (it.holder, it.held) = (holder.clone(), held);
                });
            }
            E::Granted { registry, namespace, grant } => {
                let there = match &grant.to {
                    Grantee::Team { team } => self.teams.contains(team),
                    Grantee::User { user } => !self.removed.contains(user),
                };
                self.of(registry, namespace, |it| {
                    it.grants.retain(|known| known.id != grant.id);
                    if there {
                        it.grants.push(grant.clone());
                    }
                });
            }
            E::GrantRevoked { registry, namespace, grant } => {
                self.of(registry, namespace, |it| it.grants.retain(|known| known.id != *grant));
            }
            E::Described { .. } => {}
        }
    }

    fn is_there(&self, holder: &Holder) -> bool {
        match holder {
            Holder::Global => true,
            Holder::Team { team } => self.teams.contains(team),
            Holder::Personal { user } => !self.removed.contains(user),
        }
    }

    fn of(&mut self, registry: &RegistryName, name: &NamespaceName, f: impl Fn(&mut Namespace)) {
        let ours = |it: &&mut Namespace| it.registry == *registry && it.name == *name;
        self.namespaces.iter_mut().filter(ours).for_each(f);
    }
}

impl Token {
    fn parts(
        &self,
    ) -> (&std::collections::BTreeSet<TokenScope>, Option<Vec<&NamespaceName>>, Timestamp) {
        match &self.created {
            AppTokenEvent::Created { scopes, namespaces, expires_at, .. } => {
                (scopes, namespaces.as_ref().map(|names| names.iter().collect()), *expires_at)
            }
            AppTokenEvent::Revoked { .. } => unreachable!("tokens are kept by their making"),
        }
    }

    fn id(&self) -> domain::app_token::TokenId {
        match &self.created {
            AppTokenEvent::Created { token, .. } | AppTokenEvent::Revoked { token, .. } => *token,
        }
    }
}

/// Somebody who asks.
struct Person<'a> {
    user: &'a User,
    token: Option<&'a Token>,
    /// Is administrator, and may act as one.
    admin: bool,
    /// Is auditor, and may act as one.
    auditor: bool,
    /// Is administrator, by whichever credential.
    born_admin: bool,
}

impl Oracle {
    /// `None`: allowed.
    pub(crate) fn refusal(
        &self,
        policy: &Policy,
        subject: &Subject,
        action: Action,
        resource: &Resource,
        at: Timestamp,
    ) -> Option<Form> {
        // 1. A credential that is not good: 401 for everything.
        if !self.is_good(subject, at) {
            return Some(Form::Unauthorized);
        }
        // 2. Notifications are for the registry's own secret, which opens nothing else.
        match (subject, action) {
            (Subject::Registry { .. }, Action::PostNotification) => return None,
            (Subject::Registry { .. }, _) | (_, Action::PostNotification) => {
                return Some(Form::Unauthorized);
            }
            _ => {}
        }
        let registry_action = matches!(
            action,
            Action::Pull | Action::Push | Action::Delete | Action::Wildcard | Action::Catalog
        );
        let allowed = |action| self.is_allowed(policy, subject, action, resource, at);
        if action == Action::Wildcard {
            let held = [Action::Pull, Action::Push, Action::Delete].map(allowed);
            return match held.iter().filter(|held| **held).count() {
                3 => None,
                0 => Some(Form::Omit),
                _ => Some(Form::Partial),
            };
        }
        if allowed(action) {
            return None;
        }
        Some(match subject {
            _ if registry_action => Form::Omit,
            Subject::Anonymous => Form::SignIn,
            _ if action == Action::LoginWeb => Form::Unauthorized,
            _ if self.may_know_of(subject, action, resource, at) => Form::Forbidden,
            _ => Form::NotFound,
        })
    }

    fn is_good(&self, subject: &Subject, at: Timestamp) -> bool {
        let enabled =
            |name: &UserName| self.users.iter().any(|user| user.name == *name && user.enabled);
        match subject {
            Subject::Anonymous => true,
            Subject::Invalid => false,
            Subject::Registry { name } => self.registries.contains(name),
            Subject::Account { name } => enabled(name),
            Subject::Token { owner, id } => {
                let token = self.tokens.iter().find(|token| token.id() == *id);
                token.is_some_and(|token| {
                    token.owner == *owner && !token.revoked && at < token.parts().2
                }) && enabled(owner)
            }
        }
    }

    fn person(&self, subject: &Subject) -> Option<Person<'_>> {
        let name = subject.user()?;
        let user = self.users.iter().find(|user| user.name == *name)?;
        let token = match subject {
            Subject::Token { id, .. } => self.tokens.iter().find(|token| token.id() == *id),
            _ => None,
        };
        // An administrator's token counts memberships only, unless it has the admin scope; a bot
        // is never one.
        let person = user.account == Account::Person;
        let scope = token.is_none_or(|token| token.parts().0.contains(&TokenScope::Admin));
        let born_admin = person && self.admins.contains(name);
        let (admin, auditor) = (born_admin && scope, person && user.auditor && scope);
        Some(Person { user, token, admin, auditor, born_admin })
    }

    /// Rules 3 to 18, where the credential is good and is no registry's.
    fn is_allowed(
        &self,
        policy: &Policy,
        subject: &Subject,
        action: Action,
        resource: &Resource,
        at: Timestamp,
    ) -> bool {
        use Action as A;
        let Some(person) = self.person(subject) else {
            // 18. Anonymous: readable public things only.
            let public = self
                .namespace_of(resource)
                .is_some_and(|namespace| namespace.visibility == Visibility::Public);
            return match action {
                A::Pull => public && policy.anonymous_pull,
                A::SeeNamespace | A::SeeRepository | A::SeeTag | A::SearchHit => {
                    public && policy.anonymous_browsing
                }
                _ => false,
            };
        };
        // 3. A token first cuts to its scopes, and to its namespaces.
        if let Some(token) = person.token
            && !self.token_reaches(token, action, resource)
        {
            return false;
        }
        let admin = person.admin;
        let bot = person.user.account == Account::Bot;
        match resource {
            Resource::System => match action {
                A::LoginWeb | A::IssueTokenSelf => !bot,
                A::CreateTeam => !bot && (policy.create_team || admin),
                A::ViewAudit | A::ExportAudit | A::ViewActivities => admin || person.auditor,
                // 16. Admin rows.
                A::Catalog | A::AdminPanel | A::ManageUsers | A::GrantAdmin | A::CreateBot => admin,
                A::ListTokensOther | A::RevokeTokenOther | A::ListUsers => admin,
                _ => false,
            },
            Resource::Team { name } => self.is_allowed_to_team(policy, &person, action, name),
            Resource::Namespace { .. } if team_action(action) && action != A::CreateNamespace => {
                // 13. Hidden teams: nobody.
                match self.namespace_of(resource) {
                    Some(Namespace { holder: Holder::Team { team }, held: true, .. }) => {
                        self.is_allowed_to_team(policy, &person, action, team)
                    }
                    _ => false,
                }
            }
            Resource::Namespace { registry, name } if action == A::CreateNamespace => {
                // Inside another namespace: its owners by holding.
                let parent = self.longest(registry, &mut |known| {
                    name.as_str().starts_with(&format!("{known}/"))
                });
                let owns = parent
                    .is_none_or(|parent| self.holders_role(&person, parent) == Some(Role::Owner));
                !bot && (admin || (policy.create_namespace && owns))
            }
            Resource::Repository { .. } if team_action(action) => false,
            Resource::Namespace { .. } | Resource::Repository { .. } => {
                // 4. A missing namespace gives nobody anything.
                let Some(namespace) = self.namespace_of(resource) else { return false };
                self.is_allowed_in(policy, &person, action, namespace, resource, at)
            }
        }
    }

    fn token_reaches(&self, token: &Token, action: Action, resource: &Resource) -> bool {
        use Action as A;
        use TokenScope as S;
        let (scopes, namespaces, _) = token.parts();
        let one_of = |wanted: &[S]| wanted.iter().any(|scope| scopes.contains(scope));
        let in_scope = match action {
            // No token logs in to the web or makes tokens.
            A::LoginWeb | A::IssueTokenSelf => false,
            A::Pull => one_of(&[S::Pull, S::Push, S::Delete, S::All, S::Admin]),
            A::Push => one_of(&[S::Push, S::All, S::Admin]),
            A::Delete => one_of(&[S::Delete, S::All, S::Admin]),
            A::SeeNamespace | A::SeeRepository | A::SeeTag | A::SearchHit => {
                one_of(&[S::ApiRead, S::ApiWrite, S::All, S::Admin])
            }
            A::ViewActivities | A::SeeWebhooks | A::SeeTeam | A::SeeTeamMembers => {
                one_of(&[S::ApiRead, S::ApiWrite, S::All, S::Admin])
            }
            A::Catalog | A::ViewAudit | A::ExportAudit | A::AdminPanel | A::ManageUsers => {
                one_of(&[S::Admin])
            }
            A::GrantAdmin | A::CreateBot | A::ListTokensOther | A::RevokeTokenOther => {
                one_of(&[S::Admin])
            }
            A::ListUsers => one_of(&[S::Admin]),
            _ => one_of(&[S::ApiWrite, S::All, S::Admin]),
        };
        let Some(names) = namespaces else { return in_scope };
        let decider = match resource {
            Resource::Namespace { registry, name } if action == A::CreateNamespace => {
                self.longest(registry, &mut |known| name.as_str().starts_with(&format!("{known}/")))
            }
            _ => self.namespace_of(resource),
        };
        in_scope && decider.is_some_and(|decider| names.contains(&&decider.name))
    }

    /// 12. Team rows.
    fn is_allowed_to_team(
        &self,
        policy: &Policy,
        person: &Person<'_>,
        action: Action,
        team: &TeamName,
    ) -> bool {
        use Action as A;
        if !self.teams.contains(team) {
            return false;
        }
        let admin = person.admin;
        let role = self.members_role(person, team);
        let bot = person.user.account == Account::Bot;
        match action {
            A::SeeTeam | A::SeeTeamMembers | A::SearchHit => admin || role.is_some(),
            A::ViewActivities => admin || person.auditor || role.is_some(),
            // 14. Bots: nothing else.
            _ if bot => false,
            A::CreateNamespace => {
                admin || (policy.create_namespace && role >= Some(Role::Contributor))
            }
            A::ManageTeam | A::RenameTeam => {
                admin || (policy.manage_team && role == Some(Role::Owner))
            }
            A::SearchUsersForTeam => admin || role == Some(Role::Owner),
            A::DeleteTeam => policy.delete_enabled && (admin || role == Some(Role::Owner)),
            _ => false,
        }
    }

    fn is_allowed_in(
        &self,
        policy: &Policy,
        person: &Person<'_>,
        action: Action,
        namespace: &Namespace,
        resource: &Resource,
        at: Timestamp,
    ) -> bool {
        use Action as A;
        let admin = person.admin;
        let bot = person.user.account == Account::Bot;
        let global = namespace.holder == Holder::Global;
        let of_team = matches!(namespace.holder, Holder::Team { .. });
        let own = namespace.held
            && namespace.holder == Holder::Personal { user: person.user.name.clone() };
        let repository = match resource {
            Resource::Repository { name, .. } if !whole_namespace_action(action) => Some(name),
            _ => None,
        };
        let role = self.role(person, namespace, repository, at);
        let member = role.is_some();
        let owner = role == Some(Role::Owner);
        let contributor = role >= Some(Role::Contributor);
        let holding_owner = self.holders_role(person, namespace) == Some(Role::Owner);
        // 5. Admin, or public, or protected and authenticated, or a member.
        let readable = admin || member || namespace.visibility != Visibility::Private;
        match action {
            A::Pull | A::SeeNamespace | A::SeeRepository | A::SeeTag | A::SearchHit => readable,
            // 6. Push.
            A::Push => {
                let by_role = match policy.push {
                    PushPolicy::AllowTeams => contributor,
                    PushPolicy::AllowPersonal => contributor && own,
                    PushPolicy::AdminOnly => false,
                };
                admin || by_role
            }
            // 7. Delete.
            A::Delete | A::DeleteRepository | A::DeleteTag => {
                policy.delete_enabled
                    && (admin || owner || (policy.delete_contributors && contributor))
            }
            // 11. Activities.
            A::ViewActivities => {
                admin || person.auditor || member || namespace.visibility == Visibility::Public
            }
            // 14. Bots: nothing else.
            _ if bot => false,
            A::Comment | A::DeleteCommentOwn | A::Star => readable,
            A::DeleteCommentOther => admin,
            // 8. Edit.
            A::SeeWebhooks | A::EditRepository => admin || (owner && !global),
            A::EditNamespace => admin || (policy.manage_namespace && owner && !global),
            A::ChangeVisibility => admin || (policy.change_visibility && owner && !global),
            A::ManageWebhooks => {
                let on = policy.create_webhook && policy.manage_webhook;
                admin || (on && owner && !global)
            }
            // 9. Moves and ends.
            A::ChangeTeam => of_team && (admin || (policy.manage_namespace && holding_owner)),
            A::ChangeTeamForeign => of_team && admin,
            A::DeleteNamespace => policy.delete_enabled && of_team && (admin || holding_owner),
            // 10, 17. Nobody renames; whatever else is asked of a namespace is no right at all.
            _ => false,
        }
    }

    /// The strongest of: holder, member of the holding team, further grants that have not ended.
    fn role(
        &self,
        person: &Person<'_>,
        namespace: &Namespace,
        repository: Option<&RepositoryName>,
        at: Timestamp,
    ) -> Option<Role> {
        let mut roles = vec![self.holders_role(person, namespace)];
        for grant in &namespace.grants {
            let live = grant.until.is_none_or(|until| at < until);
            let here = grant.repository.is_none() || grant.repository.as_ref() == repository;
            if !live || !here {
                continue;
            }
            roles.push(match &grant.to {
                Grantee::User { user } => {
                    (*user == person.user.name).then(|| bots_at_most(person, grant.role))
                }
                Grantee::Team { team } => self
                    .members_role(person, team)
                    .map(|role| role.min(bots_at_most(person, grant.role))),
            });
        }
        roles.into_iter().max().flatten()
    }

    fn holders_role(&self, person: &Person<'_>, namespace: &Namespace) -> Option<Role> {
        if !namespace.held {
            return None;
        }
        match &namespace.holder {
            Holder::Personal { user } if *user == person.user.name => {
                Some(bots_at_most(person, Role::Owner))
            }
            Holder::Team { team } => self.members_role(person, team),
            Holder::Personal { .. } | Holder::Global => None,
        }
    }

    fn members_role(&self, person: &Person<'_>, team: &TeamName) -> Option<Role> {
        let mut of_team = self.members.iter().filter(|(of, _, _)| of == team);
        let (_, _, role) = of_team.find(|(_, member, _)| *member == person.user.name)?;
        Some(bots_at_most(person, *role))
    }

    fn namespace_of(&self, resource: &Resource) -> Option<&Namespace> {
        match resource {
            Resource::System | Resource::Team { .. } => None,
            Resource::Namespace { registry, name } => {
                self.longest(registry, &mut |known| known == name.as_str())
            }
            Resource::Repository { registry, name } if name.as_str().contains('/') => {
                self.longest(registry, &mut |known| name.as_str().starts_with(&format!("{known}/")))
            }
            Resource::Repository { registry, .. } => {
                self.longest(registry, &mut |known| known == "_")
            }
        }
    }

    fn longest(
        &self,
        registry: &RegistryName,
        fits: &mut dyn FnMut(&str) -> bool,
    ) -> Option<&Namespace> {
        if !self.registries.contains(registry) {
            return None;
        }
        let here = self.namespaces.iter().filter(|it| it.registry == *registry);
        here.filter(|it| fits(it.name.as_str())).max_by_key(|it| it.name.as_str().len())
    }

    /// Whether the person behind the credential could see the thing, so that 403 tells no secret.
    fn may_know_of(
        &self,
        subject: &Subject,
        action: Action,
        resource: &Resource,
        at: Timestamp,
    ) -> bool {
        let Some(person) = self.person(subject) else { return false };
        let member_of = |team: &TeamName| {
            self.teams.contains(team)
                && (person.born_admin || self.members_role(&person, team).is_some())
        };
        let sees = |namespace: &Namespace, repository| {
            person.born_admin
                || namespace.visibility != Visibility::Private
                || self.role(&person, namespace, repository, at).is_some()
        };
        match resource {
            Resource::System => true,
            Resource::Team { name } => member_of(name),
            Resource::Namespace { registry, name } if action == Action::CreateNamespace => {
                let parent = self.longest(registry, &mut |known| {
                    name.as_str().starts_with(&format!("{known}/"))
                });
                parent.is_none_or(|parent| sees(parent, None))
            }
            Resource::Repository { .. } if team_action(action) => false,
            Resource::Namespace { .. } if team_action(action) => {
                match self.namespace_of(resource) {
                    Some(Namespace { holder: Holder::Team { team }, held: true, .. }) => {
                        member_of(team)
                    }
                    _ => false,
                }
            }
            Resource::Namespace { .. } => {
                self.namespace_of(resource).is_some_and(|namespace| sees(namespace, None))
            }
            Resource::Repository { name, .. } => {
                let repository = (!whole_namespace_action(action)).then_some(name);
                self.namespace_of(resource).is_some_and(|namespace| sees(namespace, repository))
            }
        }
    }
}

fn bots_at_most(person: &Person<'_>, role: Role) -> Role {
    match (person.user.account, role) {
        (Account::Bot, Role::Owner) => Role::Contributor,
        _ => role,
    }
}

fn team_action(action: Action) -> bool {
    [
        Action::SeeTeam,
        Action::SeeTeamMembers,
        Action::SearchUsersForTeam,
        Action::ManageTeam,
        Action::ManageTeamLastOwner,
        Action::RenameTeam,
        Action::DeleteTeam,
        Action::CreateNamespace,
    ]
    .contains(&action)
}

fn whole_namespace_action(action: Action) -> bool {
    [
        Action::SeeNamespace,
        Action::SeeWebhooks,
        Action::EditNamespace,
        Action::RenameNamespaceWithRepositories,
        Action::ChangeVisibility,
        Action::ChangeTeam,
        Action::ChangeTeamForeign,
        Action::DeleteNamespace,
        Action::ManageWebhooks,
    ]
    .contains(&action)
}
