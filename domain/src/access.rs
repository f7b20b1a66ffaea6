//! Who may do what: the access graph as a value (`graph`), and every permission rule on one page
//! (`decide`).
//!
//! Everything that needs a right asks [`Graph::decide`]: token endpoint, pages, REST, search
//! filter, feed, explanation, time travel. Nothing else decides.

mod decide;
mod facts;
mod grant;
mod graph;
mod permit;
mod policy;
mod reach;
mod rule;
mod visible;

use serde::{Deserialize, Serialize};

use crate::app_token::TokenId;
use crate::name::{NamespaceName, RegistryName, RepositoryName, TeamName, UserName};

pub use facts::{AccountFacts, NamespaceFacts, TokenFacts};
pub use grant::ScopeGrant;
pub use graph::Graph;
pub use permit::Permit;
pub use policy::{Policy, PushPolicy};
pub use rule::{Because, Ground, Rule};
pub use visible::Visible;

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

#[cfg(test)]
mod tests;
