//! What people want of application tokens.

use std::collections::BTreeSet;

use domain::access::Action;
use domain::app_token::{
    AppTokenCommand, AppTokenRefusal, AppTokens, DEFAULT_LIFE_DAYS, TokenId, TokenScope,
};
use domain::event::{Position, StreamName};
use domain::name::{NamespaceName, UserName};
use domain::user::Account;
use jiff::{Timestamp, ToSpan};
use zeroize::Zeroizing;

use crate::authn::app_token;
use crate::desk::{Caller, Desk};
use crate::execute::{CommandError, execute};
use crate::users;

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewAppToken {
    /// Its owner's own words for it.
    pub label: String,
    /// What it is cut to.
    pub scopes: BTreeSet<TokenScope>,
    /// Only inside these namespaces; `None`: wherever its owner may.
    pub namespaces: Option<BTreeSet<NamespaceName>>,
    /// `None`: [`DEFAULT_LIFE_DAYS`] from now.
    pub expires_at: Option<Timestamp>,
}

/// A token that was made.
pub struct Issued {
    /// Which.
    pub id: TokenId,
    /// To be shown once, and never again.
    pub secret: Zeroizing<String>,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// Where in the log it begins.
    pub position: Position,
}

/// Makes a token: a person for themself, or an administrator for a bot. Nobody makes one for
/// another person (rule 17).
///
/// The secret's hash goes into the vault first: a stop before the fact leaves a hash that opens
/// nothing, because only the fact makes a token of it.
///
/// # Errors
///
/// [`CommandError`]; [`CommandError::NotPermitted`] for another person's.
pub async fn create(
    desk: &Desk,
    caller: &Caller,
    user: &UserName,
    new: NewAppToken,
) -> Result<Issued, CommandError<AppTokenRefusal>> {
    let right = match users::enabled_account(desk, user).await? {
        None => return Err(CommandError::Refused(AppTokenRefusal::Unknown)),
        Some(Account::Bot) => Action::CreateBot,
        Some(Account::Person) => Action::IssueTokenSelf,
    };
    caller.must(&[right])?;
    if caller.permit.action() == Some(Action::IssueTokenSelf) && !caller.permit.actor().is(user) {
        return Err(CommandError::NotPermitted);
    }
    let (once, now) = (caller.origin.once, desk.clock.now());
    let id = TokenId(once.map_or_else(|| desk.new_id().0, |once| once.id(ID, 0)));
    let expires_at = new.expires_at.unwrap_or_else(|| now + (DEFAULT_LIFE_DAYS * 24).hours());
    let wish = AppTokenCommand::Create {
        user: user.clone(),
        token: id,
        label: new.label,
        scopes: new.scopes,
        namespaces: new.namespaces,
        expires_at,
        now,
    };
    let (secret, hash) = match once {
        Some(once) => app_token::mint_of(&once.bytes(SECRET)),
        None => app_token::mint(),
    };
    desk.vault.put_app_token(id, user, hash).await?;
    match execute::<AppTokens>(desk, caller, &StreamName::app_tokens(user), wish).await {
        Ok(position) => Ok(Issued { id, secret, expires_at, position }),
        Err(refused @ CommandError::Refused(_)) => {
            desk.vault.forget_app_token(id).await?;
            Err(refused)
        }
        // Written or not: unknown. The hash stays, and means nothing without the fact.
        Err(err) => Err(err),
    }
}

/// What tries of one request make up alike.
const ID: &str = "application token";
const SECRET: &str = "application token's secret";

/// Ends a token: its owner, or an administrator ([`Action::RevokeTokenOther`]).
///
/// The fact closes the doors; the hash in the vault stays, so that showing the token again can be
/// told from showing nonsense.
///
/// # Errors
///
/// [`CommandError`]; [`CommandError::NotPermitted`] for another's without the right to that.
pub async fn revoke(
    desk: &Desk,
    caller: &Caller,
    user: &UserName,
    token: TokenId,
) -> Result<Position, CommandError<AppTokenRefusal>> {
    if caller.permit.actor().is(user) {
        caller.must(&[Action::IssueTokenSelf, Action::LoginWeb, Action::RevokeTokenOther])?;
    } else {
        caller.must(&[Action::RevokeTokenOther])?;
    }
    let wish = AppTokenCommand::Revoke { user: user.clone(), token };
    execute::<AppTokens>(desk, caller, &StreamName::app_tokens(user), wish).await
}
