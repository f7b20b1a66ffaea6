//! Application tokens: stream `tokens-<user>`, all of one person together.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::decider::Decider;
use crate::event::Actor;
use crate::name::{NamespaceName, UserName};

/// Identity of an application token: public, not the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenId(pub Uuid);

impl std::fmt::Display for TokenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What a token is cut to; several are united (security rules 6.2, rule 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenScope {
    /// Pull.
    Pull,
    /// Pull and push.
    Push,
    /// Pull and delete.
    Delete,
    /// Read over REST.
    ApiRead,
    /// Read and change over REST.
    ApiWrite,
    /// All of the above.
    All,
    /// Also what its owner may as an administrator.
    Admin,
}

impl TokenScope {
    /// Every scope, in order.
    pub const EVERY: [Self; 7] = [
        Self::Pull,
        Self::Push,
        Self::Delete,
        Self::ApiRead,
        Self::ApiWrite,
        Self::All,
        Self::Admin,
    ];

    /// The scope as people write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::ApiRead => "api_read",
            Self::ApiWrite => "api_write",
            Self::All => "all",
            Self::Admin => "admin",
        }
    }

    /// One of the words above.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// What has happened to application tokens. The secret's hash is in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum AppTokenEvent {
    /// Made, and its secret shown once.
    Created {
        user: UserName,
        token: TokenId,
        /// The owner's own words for it.
        label: String,
        scopes: BTreeSet<TokenScope>,
        /// Only inside these namespaces; `None`: wherever its owner may.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        namespaces: Option<BTreeSet<NamespaceName>>,
        expires_at: Timestamp,
    },
    /// No longer good.
    Revoked { user: UserName, token: TokenId },
}

/// One person's tokens that were not revoked.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct AppTokens {
    live: BTreeMap<TokenId, (String, Timestamp)>,
}

/// What somebody may want.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum AppTokenCommand {
    /// A new one.
    Create {
        user: UserName,
        token: TokenId,
        label: String,
        scopes: BTreeSet<TokenScope>,
        namespaces: Option<BTreeSet<NamespaceName>>,
        expires_at: Timestamp,
        now: Timestamp,
    },
    /// End one.
    Revoke { user: UserName, token: TokenId },
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum AppTokenRefusal {
    /// Enough (SR-TOK-8).
    #[error("a user has at most {max} application tokens; revoke one first")]
    TooMany { max: usize },
    /// A label tells tokens apart.
    #[error("you have a live application token of this name already")]
    LabelTaken,
    /// Label out of bounds.
    #[error("an application token's name has 1 to {max} bytes")]
    Label { max: usize },
    /// A token for nothing.
    #[error("choose at least one scope")]
    NoScope,
    /// Too many namespaces.
    #[error("an application token names 1 to {max} namespaces, or none for all")]
    Namespaces { max: usize },
    /// Already over, or too far away (SR-TOK-3).
    #[error("an application token ends between now and one year from now")]
    Expiry,
    /// No such token of this person.
    #[error("there is no such application token")]
    Unknown,
}

/// The most live tokens of one person (SR-TOK-8).
pub const MAX_LIVE: usize = 20;
/// The longest label, in bytes.
pub const MAX_LABEL_BYTES: usize = 255;
/// The most namespaces that one token names.
pub const MAX_NAMESPACES: usize = 100;
/// The longest life, in days (SR-TOK-3).
pub const MAX_LIFE_DAYS: i64 = 366;
/// The life of a token for which none was asked, in days (SR-TOK-3).
pub const DEFAULT_LIFE_DAYS: i64 = 90;

impl Decider for AppTokens {
    type Event = AppTokenEvent;
    type Command = AppTokenCommand;
    type Refusal = AppTokenRefusal;

    fn evolve(mut self, event: &AppTokenEvent) -> Self {
        match event {
            AppTokenEvent::Created { token, label, expires_at, .. } => {
                self.live.insert(*token, (label.clone(), *expires_at));
            }
            AppTokenEvent::Revoked { token, .. } => {
                self.live.remove(token);
            }
        }
        self
    }

    fn decide(
        &self,
        _by: &Actor,
        wish: AppTokenCommand,
    ) -> Result<Vec<AppTokenEvent>, AppTokenRefusal> {
        use {AppTokenCommand as C, AppTokenEvent as E, AppTokenRefusal as R};
        match wish {
            C::Create { user, token, label, scopes, namespaces, expires_at, now } => {
                if label.is_empty() || label.len() > MAX_LABEL_BYTES {
                    return Err(R::Label { max: MAX_LABEL_BYTES });
                }
                if scopes.is_empty() {
                    return Err(R::NoScope);
                }
                if let Some(names) = &namespaces
                    && !(1..=MAX_NAMESPACES).contains(&names.len())
                {
                    return Err(R::Namespaces { max: MAX_NAMESPACES });
                }
                let latest = now + (MAX_LIFE_DAYS * 24).hours();
                if expires_at <= now || expires_at > latest {
                    return Err(R::Expiry);
                }
                let mut live = self.live.values().filter(|(_, end)| *end > now);
                if live.clone().any(|(known, _)| *known == label) {
                    return Err(R::LabelTaken);
                }
                if live.nth(MAX_LIVE - 1).is_some() {
                    return Err(R::TooMany { max: MAX_LIVE });
                }
                Ok(vec![E::Created { user, token, label, scopes, namespaces, expires_at }])
            }
            C::Revoke { user, token } => {
                if !self.live.contains_key(&token) {
                    return Err(R::Unknown);
                }
                Ok(vec![E::Revoked { user, token }])
            }
        }
    }
}

#[cfg(test)]
mod tests;
