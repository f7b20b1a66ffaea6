//! Who may do what: the access graph as a value, and every permission rule on one page.
//!
//! Everything that needs a right asks [`Graph::decide`]: token endpoint, pages, REST, search
//! filter, feed, explanation, time travel. Nothing else decides.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app_token::TokenId;
use crate::event::{Actor, Fact, Position};
use crate::name::{NamespaceName, RegistryName, RepositoryName, TeamName, UserName};
use crate::namespace::{GrantId, Holder, Visibility};
use crate::scope::{Scope, ScopeAction};
use crate::team::Role;
use crate::user::Account;

/// Who asks, as authentication found out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Nobody showed anything.
    Anonymous,
    /// A person or bot by password, session or refresh token.
    Account {
        /// Who.
        name: UserName,
    },
    /// An application token: its owner's rights, cut to its scopes and namespaces.
    Token {
        /// Whose.
        owner: UserName,
        /// Which.
        id: TokenId,
    },
    /// A registry, by its own notification secret.
    Registry {
        /// Which.
        name: RegistryName,
    },
    /// Something was shown that is not good. Allows nothing, public things neither.
    Invalid,
}

impl Subject {
    /// The person or bot behind it.
    #[must_use]
    pub fn user(&self) -> Option<&UserName> {
        match self {
            Self::Account { name } | Self::Token { owner: name, .. } => Some(name),
            Self::Anonymous | Self::Registry { .. } | Self::Invalid => None,
        }
    }
}

/// What somebody wants to do. A closed set (security rules 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the names are the security paper's own
pub enum Action {
    Pull,
    Push,
    Delete,
    Wildcard,
    Catalog,
    SeeNamespace,
    SeeRepository,
    SeeTag,
    SearchHit,
    ViewActivities,
    SeeWebhooks,
    SeeTeam,
    SeeTeamMembers,
    SearchUsersForTeam,
    EditNamespace,
    RenameNamespaceWithRepositories,
    ChangeVisibility,
    ChangeTeam,
    ChangeTeamForeign,
    DeleteNamespace,
    CreateNamespace,
    EditRepository,
    DeleteRepository,
    DeleteTag,
    Comment,
    DeleteCommentOwn,
    DeleteCommentOther,
    Star,
    ManageWebhooks,
    ManageTeam,
    ManageTeamLastOwner,
    RenameTeam,
    DeleteTeam,
    LoginWeb,
    CreateTeam,
    ViewAudit,
    ExportAudit,
    AdminPanel,
    ManageUsers,
    GrantAdmin,
    DisableLastAdmin,
    CreateBot,
    IssueTokenSelf,
    IssueTokenOther,
    ListTokensOther,
    RevokeTokenOther,
    ListUsers,
    PostNotification,
}

/// What it is done to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Resource {
    /// Nothing in particular: the actions without a namespace.
    System,
    /// A repository, whether it exists or not: its namespace decides.
    Repository { registry: RegistryName, name: RepositoryName },
    /// A namespace.
    Namespace { registry: RegistryName, name: NamespaceName },
    /// A team.
    Team { name: TeamName },
}

/// The answer, with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Allowed(Because),
    /// No, and how the refusal looks from outside.
    Denied(Because, Form),
}

impl Verdict {
    /// Whether it is a yes.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

/// Why: the rule that decided, and the grant that it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Because {
    /// The first rule that decided.
    pub rule: Rule,
    /// What it stood on.
    pub grant: Option<Ground>,
}

/// What a rule stood on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Ground {
    /// The account is an administrator.
    Administrator,
    /// The namespace is the subject's own.
    Personal,
    /// Membership in the team that owns the namespace, or that the question is about.
    Member { team: TeamName, role: Role },
    /// A further grant, directly or through a team, and the role that comes of it.
    Grant { id: GrantId, role: Role },
    /// The namespace's visibility.
    Visibility(Visibility),
    /// The registry's own secret.
    RegistrySecret,
}

/// How a refusal looks (security rules 6.1, `form`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// The token is answered without the action.
    Omit,
    /// A wildcard is reduced to what is allowed.
    Partial,
    /// 401.
    Unauthorized,
    /// 403: may see it, but not do this.
    Forbidden,
    /// 404: may not know that it exists.
    NotFound,
    /// Sign in first; the same for hidden and absent.
    SignIn,
}

/// What an administrator may set (security rules 6.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)] // they are switches
pub struct Policy {
    /// Whether anything may be deleted at all.
    pub delete_enabled: bool,
    /// Whether contributors delete images.
    pub delete_contributors: bool,
    /// Who pushes.
    pub push: PushPolicy,
    /// Whether everybody makes teams.
    pub create_team: bool,
    /// Whether owners manage their teams.
    pub manage_team: bool,
    /// Whether contributors and owners make namespaces.
    pub create_namespace: bool,
    /// Whether owners edit and move their namespaces.
    pub manage_namespace: bool,
    /// Whether owners change visibility.
    pub change_visibility: bool,
    /// Whether owners make webhooks.
    pub create_webhook: bool,
    /// Whether owners change webhooks.
    pub manage_webhook: bool,
    /// Whether public things have pages for everybody.
    pub anonymous_browsing: bool,
    /// Whether public images are pulled by everybody.
    pub anonymous_pull: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            delete_enabled: true,
            delete_contributors: false,
            push: PushPolicy::AllowTeams,
            create_team: true,
            manage_team: true,
            create_namespace: true,
            manage_namespace: true,
            change_visibility: true,
            create_webhook: true,
            manage_webhook: true,
            anonymous_browsing: true,
            anonymous_pull: true,
        }
    }
}

/// Who pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PushPolicy {
    /// Contributors and owners of teams, and everybody into their own namespace.
    AllowTeams,
    /// Everybody into their own namespace; administrators anywhere.
    AllowPersonal,
    /// Administrators.
    AdminOnly,
}

/// One scope's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeGrant {
    /// What was asked.
    pub scope: Scope,
    /// What is granted; never `*` for a repository.
    pub granted: BTreeSet<ScopeAction>,
    /// Why that much; `None` when nothing was granted.
    pub allowed: Option<Because>,
    /// Why not more; `None` when everything asked was granted.
    pub refused: Option<Because>,
}

/// A right, proven: only [`Graph::permit`] makes one for a person, so a command that takes one
/// cannot be called without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    actor: Actor,
    action: Option<Action>,
    rule: Option<Rule>,
    position: Option<Position>,
}

impl Permit {
    /// The machine's own authority: the console, the one-time secret, our jobs.
    #[must_use]
    pub fn of_the_house(actor: Actor) -> Self {
        Self { actor, action: None, rule: None, position: None }
    }

    /// Who acts.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// What was permitted; `None`: anything.
    #[must_use]
    pub fn action(&self) -> Option<Action> {
        self.action
    }

    /// The rule that permitted it.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        self.rule
    }

    /// Last position that the graph had seen when it permitted; a command that finds newer
    /// decisions on its stream must ask again (SR-AUZ-18). `None`: does not depend on the graph.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.position
    }
}

/// The rules, named as in the security paper (6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Rule {
    BadCredential,
    Default,
}

impl Rule {
    /// The rule's name in facts, metrics and explanations.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadCredential => "bad_credential",
            Self::Default => "default",
        }
    }
}

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

/// The access graph: everything that decisions need, folded from the log's decisions.
///
/// A clone is cheap (persistent maps), so a snapshot is taken once a request and no lock is held.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    position: Position,
}

impl Graph {
    /// Takes one more fact into account. Facts at or before [`Self::position`] change nothing.
    pub fn apply(&mut self, fact: &Fact) {
        self.position = self.position.max(fact.position);
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

    /// May `subject` do that to `resource`, at this moment?
    #[must_use]
    pub fn decide(
        &self,
        _policy: &Policy,
        _subject: &Subject,
        _action: Action,
        _resource: &Resource,
        _at: Timestamp,
    ) -> Verdict {
        Verdict::Denied(Because { rule: Rule::Default, grant: None }, Form::NotFound)
    }

    /// As [`Self::decide`], and the yes is a proof that commands take.
    ///
    /// # Errors
    ///
    /// The denial.
    pub fn permit(
        &self,
        policy: &Policy,
        subject: &Subject,
        action: Action,
        resource: &Resource,
        at: Timestamp,
    ) -> Result<Permit, (Because, Form)> {
        match self.decide(policy, subject, action, resource, at) {
            Verdict::Allowed(because) => Ok(Permit {
                actor: self.actor(subject),
                action: Some(action),
                rule: Some(because.rule),
                position: Some(self.position),
            }),
            Verdict::Denied(because, form) => Err((because, form)),
        }
    }

    /// The token endpoint's answer for each scope, in order.
    #[must_use]
    pub fn grant(
        &self,
        _policy: &Policy,
        _subject: &Subject,
        _registry: &RegistryName,
        _scopes: &[Scope],
        _at: Timestamp,
    ) -> Vec<ScopeGrant> {
        Vec::new()
    }

    /// What `subject` may see, for queries. Agrees with [`Self::decide`] of
    /// [`Action::SearchHit`] on every repository and namespace.
    #[must_use]
    pub fn visible(&self, _policy: &Policy, _subject: &Subject, _at: Timestamp) -> Visible {
        Visible::default()
    }

    /// Who that is in a fact.
    #[must_use]
    pub fn actor(&self, subject: &Subject) -> Actor {
        match subject {
            Subject::Anonymous | Subject::Invalid => Actor::Anonymous,
            Subject::Registry { name } => Actor::Registry { name: name.clone() },
            Subject::Account { name } | Subject::Token { owner: name, .. } => {
                Actor::User { name: name.clone() }
            }
        }
    }

    /// What is known of an account; `None`: never registered, or removed.
    #[must_use]
    pub fn account(&self, _name: &UserName) -> Option<AccountFacts> {
        None
    }

    /// What is known of an application token.
    #[must_use]
    pub fn token(&self, _id: TokenId) -> Option<TokenFacts> {
        None
    }

    /// The namespace that decides for a repository: the longest that exists.
    #[must_use]
    pub fn namespace_of(
        &self,
        _registry: &RegistryName,
        _repository: &RepositoryName,
    ) -> Option<NamespaceFacts> {
        None
    }

    /// The registry whose tokens carry this `service`.
    #[must_use]
    pub fn registry_of(&self, _service: &str) -> Option<RegistryName> {
        None
    }

    /// Whether there has ever been an administrator.
    #[must_use]
    pub fn bootstrapped(&self) -> bool {
        false
    }
}
