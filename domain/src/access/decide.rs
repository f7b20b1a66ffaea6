//! Every permission rule on one page. Order matters: the first that decides wins.

mod case;
mod form;

use jiff::Timestamp;

pub(super) use self::case::{Asker, Who};
use self::case::{Case, Scene, of_team};
use super::graph::{Graph, Namespace, Token};
use super::reach::{Reach, cap};
use super::{Action, Because, Form, Ground, Policy, PushPolicy, Resource, Rule, Subject, Verdict};
use crate::name::{RepositoryName, TeamName};
use crate::namespace::{Holder, Visibility};
use crate::team::Role;

/// Yes or no, and why.
type Judgement = Result<Because, Because>;

fn yes(rule: Rule, ground: Ground) -> Judgement {
    Ok(Because { rule, grant: Some(ground) })
}

fn no(rule: Rule) -> Judgement {
    Err(Because { rule, grant: None })
}

/// No, although something was found.
fn not_enough(rule: Rule, found: Option<Ground>) -> Judgement {
    Err(Because { rule, grant: found })
}

impl Graph {
    /// May `subject` do that to `resource`, at this moment?
    ///
    /// Rights in a namespace are asked of the namespace or of a repository in it; what is done to
    /// a whole namespace (editing, moving, webhooks) counts rights on the whole of it only.
    ///
    /// Making a namespace takes two questions, [`Action::CreateNamespace`] of the team that shall
    /// own it, and of the new name as [`Resource::Namespace`]: inside another namespace
    /// (`team/sub` where `team` exists) only owners by holding make one, because it takes the
    /// repositories below it away from that other one.
    ///
    /// Of the team of a namespace the [`Resource::Namespace`] may be asked as well: personal and
    /// global ones have none that anybody may see.
    #[must_use]
    pub fn decide(
        &self,
        policy: &Policy,
        subject: &Subject,
        action: Action,
        resource: &Resource,
        at: Timestamp,
    ) -> Verdict {
        let Some(who) = self.who(subject, at) else {
            let because = Because { rule: Rule::BadCredential, grant: None };
            return Verdict::Denied(because, Form::Unauthorized);
        };
        let case = Case { graph: self, policy, at, scene: self.scene(action, resource) };
        let (judgement, partly) = match action {
            Action::Wildcard => case.wildcard(&who),
            _ => (case.judge(&who, action), false),
        };
        match judgement {
            Ok(because) => Verdict::Allowed(because),
            Err(because) => Verdict::Denied(because, case.form(&who, action, partly)),
        }
    }
}

impl Case<'_> {
    /// Rules 1 to 4 and 18, and then whichever rule the action belongs to.
    fn judge(&self, who: &Who<'_>, action: Action) -> Judgement {
        let asker = match who {
            Who::Registry if action == Action::PostNotification => {
                return yes(Rule::RegistrySecret, Ground::RegistrySecret);
            }
            Who::Registry => return no(Rule::RegistrySecret),
            _ if action == Action::PostNotification => return no(Rule::RegistrySecret),
            Who::Anonymous => return self.anonymous(action),
            Who::User(asker) => asker,
        };
        if let Some(token) = asker.token {
            self.token_cut(token, action)?;
        }
        match self.scene {
            Scene::System => self.system(asker, action),
            Scene::Team { team: None, .. } | Scene::Place { namespace: None, .. } => {
                no(Rule::Missing)
            }
            Scene::Team { name, team: Some(_) } => self.team(asker, action, name),
            Scene::Place { namespace: Some(namespace), .. } if of_team(action) => {
                match &namespace.holder {
                    Holder::Personal { .. } | Holder::Global => no(Rule::HiddenTeam),
                    Holder::Team { team } if namespace.held => self.team(asker, action, team),
                    Holder::Team { .. } => no(Rule::Missing),
                }
            }
            Scene::Place { namespace: Some(namespace), repository } => {
                self.place(asker, action, namespace, repository)
            }
            Scene::Inside { parent } => self.inside(asker, parent),
        }
    }

    /// `*`: everything, or else whether at least something.
    fn wildcard(&self, who: &Who<'_>) -> (Judgement, bool) {
        let parts = [Action::Pull, Action::Push, Action::Delete].map(|one| self.judge(who, one));
        let partly = parts.iter().any(Result::is_ok);
        let [pull, push, delete] = parts;
        (pull.and(push).and(delete), partly)
    }

    /// Reads public things; nothing else.
    fn anonymous(&self, action: Action) -> Judgement {
        use Action as A;
        let (open, switch) = match action {
            A::Pull => (self.policy.anonymous_pull, Rule::SettingAnonymousPull),
            A::SeeNamespace | A::SeeRepository | A::SeeTag | A::SearchHit => {
                (self.policy.anonymous_browsing, Rule::SettingAnonymousBrowsing)
            }
            _ => return no(Rule::Anonymous),
        };
        match self.scene {
            Scene::Place { namespace: None, .. } => no(Rule::Missing),
            Scene::Place { namespace: Some(namespace), .. }
                if namespace.visibility == Visibility::Public =>
            {
                if open {
                    yes(Rule::Readable, Ground::Visibility(Visibility::Public))
                } else {
                    no(switch)
                }
            }
            _ => no(Rule::Anonymous),
        }
    }

    /// A token does at most what its scopes name, where its namespaces are.
    fn token_cut(&self, token: &Token, action: Action) -> Result<(), Because> {
        use Action as A;
        let scopes = token.scopes;
        let within = match action {
            A::LoginWeb | A::IssueTokenSelf => return no(Rule::TokenIsNoPassword).map(drop),
            A::Pull => scopes.pull,
            A::Push => scopes.push,
            A::Delete => scopes.delete,
            A::SeeNamespace
            | A::SeeRepository
            | A::SeeTag
            | A::SearchHit
            | A::ViewActivities
            | A::SeeWebhooks
            | A::SeeTeam
            | A::SeeTeamMembers => scopes.read,
            A::Catalog
            | A::ViewAudit
            | A::ExportAudit
            | A::AdminPanel
            | A::ManageUsers
            | A::GrantAdmin
            | A::CreateBot
            | A::ListTokensOther
            | A::RevokeTokenOther
            | A::ListUsers => scopes.admin,
            A::Wildcard
            | A::SearchUsersForTeam
            | A::EditNamespace
            | A::RenameNamespaceWithRepositories
            | A::ChangeVisibility
            | A::ChangeTeam
            | A::ChangeTeamForeign
            | A::DeleteNamespace
            | A::CreateNamespace
            | A::EditRepository
            | A::DeleteRepository
            | A::DeleteTag
            | A::Comment
            | A::DeleteCommentOwn
            | A::DeleteCommentOther
            | A::Star
            | A::ManageWebhooks
            | A::ManageTeam
            | A::ManageTeamLastOwner
            | A::RenameTeam
            | A::DeleteTeam
            | A::CreateTeam
            | A::DisableLastAdmin
            | A::IssueTokenOther
            | A::PostNotification => scopes.write,
        };
        if !within {
            return no(Rule::TokenScope).map(drop);
        }
        let Some(names) = &token.namespaces else { return Ok(()) };
        let inside = match self.scene {
            Scene::Place { namespace: Some(namespace), .. }
            | Scene::Inside { parent: Some(namespace) } => names.contains(&namespace.name),
            Scene::Place { namespace: None, .. } => true, // gives nothing anyway
            Scene::System | Scene::Team { .. } | Scene::Inside { parent: None } => false,
        };
        if inside { Ok(()) } else { no(Rule::TokenNamespaces).map(drop) }
    }

    fn system(&self, asker: &Asker<'_>, action: Action) -> Judgement {
        use Action as A;
        let person = |rule: Rule| {
            if asker.is_bot() { no(Rule::Bot) } else { Ok(Because { rule, grant: None }) }
        };
        match action {
            A::LoginWeb | A::IssueTokenSelf => person(Rule::Account),
            A::CreateTeam => {
                let because = person(Rule::Account)?;
                self.unless_switched_off(
                    asker,
                    self.policy.create_team,
                    Rule::SettingCreateTeam,
                    Ok(because),
                )
            }
            A::ViewAudit | A::ExportAudit | A::ViewActivities if asker.is_auditor() => {
                yes(Rule::Auditor, Ground::Auditor)
            }
            A::Catalog
            | A::ViewAudit
            | A::ExportAudit
            | A::ViewActivities
            | A::AdminPanel
            | A::ManageUsers
            | A::GrantAdmin
            | A::CreateBot
            | A::ListTokensOther
            | A::RevokeTokenOther
            | A::ListUsers => administration(asker, Rule::Administration),
            A::DisableLastAdmin | A::IssueTokenOther => no(Rule::Never),
            _ => no(Rule::Default),
        }
    }

    fn team(&self, asker: &Asker<'_>, action: Action, name: &TeamName) -> Judgement {
        use Action as A;
        let policy = self.policy;
        let role = asker.user.teams.get(name).map(|role| cap(*role, asker.user));
        let member =
            role.map(|role| Reach { role, ground: Ground::Member { team: name.clone(), role } });
        let least = |least: Role| at_least(asker, member.as_ref(), least, Rule::Team);
        match action {
            A::SeeTeam | A::SeeTeamMembers | A::SearchHit => least(Role::Viewer),
            A::ViewActivities => {
                match at_least(asker, member.as_ref(), Role::Viewer, Rule::ViewActivities) {
                    Err(_) if asker.is_auditor() => yes(Rule::Auditor, Ground::Auditor),
                    judgement => judgement,
                }
            }
            _ if asker.is_bot() && of_team(action) => {
                not_enough(Rule::Bot, member.map(|m| m.ground))
            }
            A::CreateNamespace => self.unless_switched_off(
                asker,
                policy.create_namespace,
                Rule::SettingCreateNamespace,
                least(Role::Contributor),
            ),
            A::ManageTeam | A::RenameTeam => self.unless_switched_off(
                asker,
                policy.manage_team,
                Rule::SettingManageTeam,
                least(Role::Owner),
            ),
            A::SearchUsersForTeam => least(Role::Owner),
            A::DeleteTeam if !policy.delete_enabled => no(Rule::SettingDelete),
            A::DeleteTeam => least(Role::Owner),
            A::ManageTeamLastOwner => no(Rule::LastOwner),
            _ => no(Rule::Default),
        }
    }

    fn place(
        &self,
        asker: &Asker<'_>,
        action: Action,
        namespace: &Namespace,
        repository: Option<&RepositoryName>,
    ) -> Judgement {
        use Action as A;
        let policy = self.policy;
        let reach = self.graph.reach(asker.name, asker.user, namespace, repository, self.at);
        let reach = reach.as_ref();
        match action {
            A::Pull | A::SeeNamespace | A::SeeRepository | A::SeeTag | A::SearchHit => {
                readable(asker, namespace, reach)
            }
            A::Push => self.push(asker, namespace, reach),
            A::Delete | A::DeleteRepository | A::DeleteTag => {
                if !policy.delete_enabled {
                    return no(Rule::SettingDelete);
                }
                let least =
                    if policy.delete_contributors { Role::Contributor } else { Role::Owner };
                at_least(asker, reach, least, Rule::Delete)
            }
            A::ViewActivities => match (reach, namespace.visibility) {
                (Some(reach), _) => yes(Rule::ViewActivities, reach.ground.clone()),
                (None, public @ Visibility::Public) => {
                    yes(Rule::ViewActivities, Ground::Visibility(public))
                }
                (None, _) if asker.is_auditor() => yes(Rule::Auditor, Ground::Auditor),
                (None, _) => administration(asker, Rule::ViewActivities),
            },
            A::RenameNamespaceWithRepositories => no(Rule::NoRename),

            // From here on: people only.
            _ if asker.is_bot() => not_enough(Rule::Bot, reach.map(|reach| reach.ground.clone())),
            A::Comment | A::DeleteCommentOwn | A::Star => readable(asker, namespace, reach),
            A::DeleteCommentOther => administration(asker, Rule::OthersComments),
            A::SeeWebhooks | A::EditRepository => self.edit(asker, namespace, reach),
            A::EditNamespace => self.unless_switched_off(
                asker,
                policy.manage_namespace,
                Rule::SettingManageNamespace,
                self.edit(asker, namespace, reach),
            ),
            A::ChangeVisibility => self.unless_switched_off(
                asker,
                policy.change_visibility,
                Rule::SettingChangeVisibility,
                self.edit(asker, namespace, reach),
            ),
            A::ManageWebhooks => self.unless_switched_off(
                asker,
                policy.create_webhook && policy.manage_webhook,
                Rule::SettingWebhooks,
                self.edit(asker, namespace, reach),
            ),
            A::ChangeTeam => self.unless_switched_off(
                asker,
                policy.manage_namespace,
                Rule::SettingManageNamespace,
                self.move_namespace(asker, namespace),
            ),
            A::ChangeTeamForeign => match namespace.holder {
                Holder::Team { .. } => administration(asker, Rule::MoveNamespace),
                Holder::Personal { .. } | Holder::Global => no(Rule::MoveNamespace),
            },
            A::DeleteNamespace if !policy.delete_enabled => no(Rule::SettingDelete),
            A::DeleteNamespace => self.move_namespace(asker, namespace),
            _ => no(Rule::Default),
        }
    }

    fn push(&self, asker: &Asker<'_>, namespace: &Namespace, reach: Option<&Reach>) -> Judgement {
        let own = || {
            let held = self.graph.holder_reach(asker.name, asker.user, namespace);
            held.is_some_and(|held| held.ground == Ground::Personal)
        };
        let open = match self.policy.push {
            PushPolicy::AllowTeams => true,
            PushPolicy::AllowPersonal => own(),
            PushPolicy::AdminOnly => false,
        };
        let judgement = at_least(asker, reach, Role::Contributor, Rule::Push);
        self.unless_switched_off(asker, open, Rule::SettingPush, judgement)
    }

    fn edit(&self, asker: &Asker<'_>, namespace: &Namespace, reach: Option<&Reach>) -> Judgement {
        match namespace.holder {
            Holder::Global => administration(asker, Rule::Edit),
            Holder::Personal { .. } | Holder::Team { .. } => {
                at_least(asker, reach, Role::Owner, Rule::Edit)
            }
        }
    }

    /// Further grants do not count: they give rights in a namespace, not the namespace.
    fn move_namespace(&self, asker: &Asker<'_>, namespace: &Namespace) -> Judgement {
        match namespace.holder {
            Holder::Team { .. } => {
                let held = self.graph.holder_reach(asker.name, asker.user, namespace);
                at_least(asker, held.as_ref(), Role::Owner, Rule::MoveNamespace)
            }
            Holder::Personal { .. } | Holder::Global => no(Rule::MoveNamespace),
        }
    }

    fn inside(&self, asker: &Asker<'_>, parent: Option<&Namespace>) -> Judgement {
        if asker.is_bot() {
            return no(Rule::Bot);
        }
        let judgement = match parent {
            None => Ok(Because { rule: Rule::Account, grant: None }),
            Some(parent) => {
                let held = self.graph.holder_reach(asker.name, asker.user, parent);
                at_least(asker, held.as_ref(), Role::Owner, Rule::ParentNamespace)
            }
        };
        let on = self.policy.create_namespace;
        self.unless_switched_off(asker, on, Rule::SettingCreateNamespace, judgement)
    }

    /// A switch that leaves something to administrators.
    fn unless_switched_off(
        &self,
        asker: &Asker<'_>,
        on: bool,
        switch: Rule,
        judgement: Judgement,
    ) -> Judgement {
        match judgement {
            Ok(because) if on || because.is_privileged() => Ok(because),
            Ok(because) if asker.is_admin() => yes(because.rule, Ground::Administrator),
            Ok(because) => not_enough(switch, because.grant),
            Err(because) => Err(because),
        }
    }
}

/// Public, or protected and signed in, or a member, or an administrator; in the order in which the
/// reason is least surprising.
fn readable(asker: &Asker<'_>, namespace: &Namespace, reach: Option<&Reach>) -> Judgement {
    match (reach, namespace.visibility) {
        (Some(reach), _) => yes(Rule::Readable, reach.ground.clone()),
        (None, open @ (Visibility::Protected | Visibility::Public)) => {
            yes(Rule::Readable, Ground::Visibility(open))
        }
        (None, Visibility::Private) => administration(asker, Rule::Readable),
    }
}

/// That role, or an administrator.
fn at_least(asker: &Asker<'_>, reach: Option<&Reach>, least: Role, rule: Rule) -> Judgement {
    match reach {
        Some(reach) if reach.role >= least => yes(rule, reach.ground.clone()),
        _ if asker.is_admin() => yes(rule, Ground::Administrator),
        found => not_enough(rule, found.map(|reach| reach.ground.clone())),
    }
}

fn administration(asker: &Asker<'_>, rule: Rule) -> Judgement {
    if asker.is_admin() { yes(rule, Ground::Administrator) } else { no(rule) }
}
