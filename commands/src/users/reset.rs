//! A new password by a link in a mail.
//!
//! Asking proves nothing, so whoever asks learns nothing: the answer is given before anything is
//! looked up, and what becomes of the wish is in the log and in a mailbox.

use std::convert::Infallible;

use aws_lc_rs::hmac;
use domain::access::Permit;
use domain::auth::{AuthEvent, Claimed, ResetAnswer};
use domain::event::{Actor, Credential, Position, StreamName};
use domain::log::{Append, Expected};
use domain::name::UserName;
use domain::user::{Account, User};
use jiff::SignedDuration;
use zeroize::Zeroizing;

use super::{AccountRefusal, set_password};
use crate::desk::{self, Caller, Desk};
use crate::execute::{CommandError, envelope, state};
use crate::limit::Limit;
use crate::vault::Password;

/// The most mails to one account within [`ACCOUNT_WINDOW`].
pub const MAILS_PER_ACCOUNT: u32 = 3;
/// See [`MAILS_PER_ACCOUNT`].
pub const ACCOUNT_WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// The most accounts of one e-mail address that a single wish sends mail for.
pub const ACCOUNTS_OF_AN_ADDRESS: i64 = 5;

/// Who gets mail, and how long its link is good.
#[derive(Debug)]
pub struct Resets {
    accounts: Limit,
    life: SignedDuration,
}

/// A mail that is to be sent.
pub struct ResetMail {
    /// For which account.
    pub user: UserName,
    /// To where.
    pub address: String,
    /// What the link ends with. Known to nobody else, and good once.
    pub secret: Zeroizing<String>,
}

/// Why a link sets no password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResetRefusal {
    /// Used, too old, or none of ours.
    #[error("this link is used up or too old; ask for a new one")]
    Used,
    /// The account's own reason.
    #[error(transparent)]
    Account(#[from] AccountRefusal),
}

impl Resets {
    /// Links that are good for `life`.
    #[must_use]
    pub fn new(life: SignedDuration) -> Self {
        Self { accounts: Limit::new(MAILS_PER_ACCOUNT, ACCOUNT_WINDOW), life }
    }

    /// How long a link is good.
    #[must_use]
    pub fn life(&self) -> SignedDuration {
        self.life
    }

    /// Records that somebody asked for a new password for a name or an e-mail address, and makes
    /// the links.
    ///
    /// # Errors
    ///
    /// [`CommandError`]; then no mail may be sent.
    pub async fn ask(
        &self,
        desk: &Desk,
        typed: &str,
        origin: &desk::Origin,
    ) -> Result<Vec<ResetMail>, CommandError<Infallible>> {
        let mut mails = Vec::new();
        let users = accounts(desk, typed).await?;
        if users.is_empty() {
            let claimed = Claimed::Unknown { hash: unknown(desk, typed) };
            record(desk, claimed, ResetAnswer::UnknownUser, origin).await?;
        }
        for user in users {
            let (answer, address) = self.answer(desk, &user).await?;
            record(desk, Claimed::Known { user: user.clone() }, answer, origin).await?;
            if let (ResetAnswer::Mail, Some(address)) = (answer, address) {
                let now = desk.clock.now();
                let good_until = now + self.life;
                let secret = desk.vault.new_reset(&user, good_until).await?;
                mails.push(ResetMail { user, address, secret });
            }
        }
        Ok(mails)
    }

    async fn answer(
        &self,
        desk: &Desk,
        user: &UserName,
    ) -> Result<(ResetAnswer, Option<String>), CommandError<Infallible>> {
        match super::enabled_account(desk, user).await? {
            Some(Account::Person) => (),
            Some(Account::Bot) | None => return Ok((ResetAnswer::Closed, None)),
        }
        let Some(address) = desk.vault.profile(user).await?.email else {
            return Ok((ResetAnswer::NoAddress, None));
        };
        match self.accounts.take(user.as_str(), desk.clock.now()) {
            Ok(()) => Ok((ResetAnswer::Mail, Some(address))),
            Err(_) => Ok((ResetAnswer::TooMany, None)),
        }
    }
}

/// Sets the password of the account that a link is for, uses the link up, and ends all sessions and
/// refresh tokens from before.
///
/// # Errors
///
/// [`CommandError`]; a link is used up even if the password could not be set then.
pub async fn finish(
    desk: &Desk,
    secret: &str,
    new: Password,
    origin: desk::Origin,
) -> Result<(UserName, Position), CommandError<ResetRefusal>> {
    let used = || CommandError::Refused(ResetRefusal::Used);
    let now = desk.clock.now();
    let user = desk.vault.take_reset(secret, now).await?.ok_or_else(used)?;
    // Disabled since, or gone, or given to somebody else: a link opens nothing that is closed.
    if super::enabled_account::<ResetRefusal>(desk, &user).await? != Some(Account::Person) {
        return Err(used());
    }
    let permit = Permit::of_the_house(Actor::User { name: user.clone() });
    let origin = desk::Origin { credential: Some(Credential::ResetLink), ..origin };
    let done = set_password(desk, &Caller { permit, origin }, &user, new).await;
    Ok((user, done.map_err(|err| err.map(ResetRefusal::Account))?))
}

/// The account of this name, or else those with this e-mail address.
async fn accounts(desk: &Desk, typed: &str) -> Result<Vec<UserName>, CommandError<Infallible>> {
    if let Ok(name) = UserName::parse(typed)
        && let User::Active(_) | User::Disabled(_) = state(desk, &StreamName::user(&name)).await?
    {
        return Ok(vec![name]);
    }
    Ok(desk.vault.users_with_address(typed, ACCOUNTS_OF_AN_ADDRESS).await?)
}

/// People type passwords into name fields: of a name that is nobody's only this is kept, the same as
/// of a failed sign-in.
fn unknown(desk: &Desk, typed: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &*desk.vault.derived_key("names of nobody"));
    hex::encode(&hmac::sign(&key, typed.as_bytes()).as_ref()[..16])
}

async fn record(
    desk: &Desk,
    claimed: Claimed,
    answer: ResetAnswer,
    origin: &desk::Origin,
) -> Result<(), CommandError<Infallible>> {
    let permit = Permit::of_the_house(Actor::Anonymous);
    let caller = Caller { permit, origin: origin.clone() };
    let event = AuthEvent::PasswordResetRequested { claimed, answer };
    let event = envelope(desk, &caller, event.into()).await?;
    let stream = StreamName::auth(event.occurred_at);
    let append = Append { stream, expected: Expected::Any, key: None, events: vec![event] };
    desk.log.append(vec![append]).await?;
    Ok(())
}
