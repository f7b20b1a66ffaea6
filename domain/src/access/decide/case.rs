//! One question, as the graph knows its parts: who asks, and about what.

use jiff::Timestamp;

use crate::access::graph::{Graph, Namespace, Standing, Team, Token, User};
use crate::access::{Action, Policy, Resource, Subject};
use crate::name::{RepositoryName, TeamName, UserName};
use crate::user::Account;

/// Who asks, as the graph knows them.
pub(in crate::access) enum Who<'a> {
    Anonymous,
    Registry,
    User(Asker<'a>),
}

/// A person or bot, perhaps by a token.
pub(in crate::access) struct Asker<'a> {
    pub(in crate::access) name: &'a UserName,
    pub(in crate::access) user: &'a User,
    pub(in crate::access) token: Option<&'a Token>,
}

impl Asker<'_> {
    /// A token counts as an administrator's or auditor's with the admin scope only.
    fn elevated(&self) -> bool {
        self.user.account == Account::Person && self.token.is_none_or(|token| token.scopes.admin)
    }

    pub(in crate::access) fn is_admin(&self) -> bool {
        self.user.admin && self.elevated()
    }

    pub(in crate::access) fn is_auditor(&self) -> bool {
        self.user.auditor && self.elevated()
    }

    pub(super) fn is_bot(&self) -> bool {
        self.user.account == Account::Bot
    }
}

/// What the question is about, as the graph knows it.
#[derive(Clone, Copy)]
pub(super) enum Scene<'a> {
    System,
    Team {
        name: &'a TeamName,
        team: Option<&'a Team>,
    },
    Place {
        namespace: Option<&'a Namespace>,
        repository: Option<&'a RepositoryName>,
    },
    /// A namespace to be made; perhaps inside another one.
    Inside {
        parent: Option<&'a Namespace>,
    },
}

/// One question.
pub(super) struct Case<'a> {
    pub(super) graph: &'a Graph,
    pub(super) policy: &'a Policy,
    pub(super) at: Timestamp,
    pub(super) scene: Scene<'a>,
}

impl Graph {
    /// Who that is. `None`: what was shown is not good.
    pub(in crate::access) fn who(&self, subject: &Subject, at: Timestamp) -> Option<Who<'_>> {
        let active = |name: &UserName| {
            let (name, user) = self.users.get_key_value(name)?;
            (user.standing == Standing::Active).then_some((name, user))
        };
        match subject {
            Subject::Anonymous => Some(Who::Anonymous),
            Subject::Invalid => None,
            Subject::Registry { name } => {
                self.registries.get(name)?.settings.as_ref()?;
                Some(Who::Registry)
            }
            Subject::Account { name } => {
                let (name, user) = active(name)?;
                Some(Who::User(Asker { name, user, token: None }))
            }
            Subject::Token { owner, id } => {
                let token = self.tokens.get(id)?;
                if token.owner != *owner || token.revoked || at >= token.expires_at {
                    return None;
                }
                let (name, user) = active(owner)?;
                Some(Who::User(Asker { name, user, token: Some(token) }))
            }
        }
    }

    pub(super) fn scene<'a>(&'a self, action: Action, resource: &'a Resource) -> Scene<'a> {
        let place = |namespace, repository| Scene::Place { namespace, repository };
        match resource {
            Resource::System => Scene::System,
            Resource::Team { name } => Scene::Team { name, team: self.teams.get(name) },
            // A question about a team asked of a repository is none.
            Resource::Repository { .. } if of_team(action) => place(None, None),
            Resource::Repository { registry, name } => {
                let repository = (!of_whole_namespace(action)).then_some(name);
                place(self.deciding_namespace(registry, name), repository)
            }
            Resource::Namespace { registry, name } if action == Action::CreateNamespace => {
                let mut parents = name.parents();
                let parent = parents.find_map(|parent| self.live_namespace(registry, parent));
                Scene::Inside { parent }
            }
            Resource::Namespace { registry, name } => {
                place(self.live_namespace(registry, name.as_str()), None)
            }
        }
    }
}

/// Actions that need rights on the whole namespace, asked of a repository or not.
fn of_whole_namespace(action: Action) -> bool {
    use Action as A;
    matches!(
        action,
        A::SeeNamespace
            | A::SeeWebhooks
            | A::EditNamespace
            | A::RenameNamespaceWithRepositories
            | A::ChangeVisibility
            | A::ChangeTeam
            | A::ChangeTeamForeign
            | A::DeleteNamespace
            | A::ManageWebhooks
    )
}

/// Actions on a team.
pub(super) fn of_team(action: Action) -> bool {
    use Action as A;
    matches!(
        action,
        A::SeeTeam
            | A::SeeTeamMembers
            | A::SearchUsersForTeam
            | A::ManageTeam
            | A::ManageTeamLastOwner
            | A::RenameTeam
            | A::DeleteTeam
            | A::CreateNamespace
    )
}
