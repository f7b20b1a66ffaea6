//! What happens at the doors: token decisions, sign-ins. Facts, in streams `auth-<yyyymmddhh>`.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{Actor, Credential, Door, Position, Sealed};
use crate::name::UserName;

/// What has happened at a door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum AuthEvent {
    /// Token requests were answered. One fact carries a batch, so that writing them down costs
    /// less than signing them; each is addressed as `position/index`. Shared, because a batch that
    /// waits for the log is handed to it again and again.
    TokensDecided {
        #[serde(with = "shared")]
        decisions: Arc<[TokenDecision]>,
    },
    /// Somebody came in. The envelope says who, by what and from where.
    SignedIn { user: UserName, door: Door },
    /// Somebody left.
    SignedOut { user: UserName },
    /// Somebody was not let in.
    SignInFailed { claimed: Claimed, door: Door, reason: SignInFailure },
    /// Too many different secrets were tried for one account.
    LockedOut { claimed: Claimed, until: Timestamp },
    /// A refresh token was handed out.
    RefreshTokenIssued { user: UserName, service: String },
    /// Somebody asked for a mail with a one-time link for a new password; nobody has proven
    /// anything yet. The mail goes out after this, if it does.
    PasswordResetRequested { claimed: Claimed, answer: ResetAnswer },
}

/// What becomes of a wish for a new password. Whoever asks is told the same every time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetAnswer {
    /// A mail with a one-time link goes to the account's address.
    Mail,
    /// No such account.
    UnknownUser,
    /// The account has no e-mail address.
    NoAddress,
    /// The account is disabled, or a bot's.
    Closed,
    /// Enough mails went to this account for the moment.
    TooMany,
}

/// Who somebody claimed to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Claimed {
    /// An account that exists.
    Known { user: UserName },
    /// Nobody of ours: a keyed hash, because people type passwords into name fields (SR-AUT-16).
    Unknown { hash: String },
}

/// Why somebody was not let in. The person is told less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInFailure {
    /// No such account.
    UnknownUser,
    /// Wrong secret.
    WrongSecret,
    /// The account is disabled or removed.
    Disabled,
    /// The application or refresh token is over.
    Expired,
    /// The application or refresh token was revoked.
    Revoked,
    /// Too many tries before.
    LockedOut,
    /// The credential has no readable form.
    Malformed,
    /// A good credential at the wrong door (a token at the web, a bot at the web, another service).
    WrongDoor,
}

/// One answered token request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenDecision {
    /// When.
    pub at: Timestamp,
    /// To whom: the token's `sub`.
    pub subject: Actor,
    /// What they showed; `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Credential>,
    /// For which registry (`aud`).
    pub service: String,
    /// One entry for each scope asked, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<ScopeDecision>,
    /// The token's own id.
    pub jti: String,
    /// Last position that the deciding access graph had seen.
    pub decided_at: Position,
    /// Our request id.
    pub request: String,
    /// The client's name for itself, cut to 64 bytes; never trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Client address and user agent, sealed; the `jti` is its associated data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Sealed>,
}

impl TokenDecision {
    /// Whether everything that was asked for was granted.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.scopes.iter().all(|scope| scope.refused.is_none())
    }
}

/// What became of one scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeDecision {
    /// As asked, canonical: `repository:a/b:pull,push`; unreadable ones cut to 256 bytes.
    pub asked: String,
    /// Actions granted, such as `pull`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub granted: Vec<crate::scope::ScopeAction>,
    /// The rule, and the grant, that allowed; `None` when nothing was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
    /// The rule that refused the rest; `None` when everything was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A shared list is written as any list.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::TokenDecision;

    pub(super) fn serialize<S: Serializer>(
        list: &Arc<[TokenDecision]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        list.as_ref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<[TokenDecision]>, D::Error> {
        Vec::deserialize(deserializer).map(Arc::from)
    }
}
