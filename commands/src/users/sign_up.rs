//! People make accounts for themselves, where an administrator allows it.

use domain::access::Permit;
use domain::event::Actor;
use domain::name::{RegistryName, UserName};
use domain::user::{Account, Origin};

use super::credentials::MAX_EMAIL_BYTES;
use super::{AccountRefusal, Done, NewUser, ProfileChange, register};
use crate::desk::{self, Caller, Desk};
use crate::execute::CommandError;
use crate::vault::Password;

/// Somebody who makes an account for themselves.
pub struct SignUp {
    /// Its name.
    pub name: UserName,
    /// Where a link for a new password goes. Whether another account has the same is told to nobody.
    pub email: String,
    /// To sign in with.
    pub password: Password,
}

/// Makes an ordinary account. That accounts are made in this way at all, and how often, is the
/// caller's to ask.
///
/// # Errors
///
/// [`CommandError`]; that a name is taken is told, because names are public.
pub async fn sign_up(
    desk: &Desk,
    origin: desk::Origin,
    new: SignUp,
    registries: &[RegistryName],
) -> Done {
    let SignUp { name, email, password } = new;
    if email.trim().is_empty() {
        return Err(CommandError::Refused(AccountRefusal::Email { max: MAX_EMAIL_BYTES }));
    }
    let permit = Permit::of_the_house(Actor::User { name: name.clone() });
    let new = NewUser {
        name,
        account: Account::Person,
        origin: Origin::SignUp,
        password: Some(password),
        profile: ProfileChange { email: Some(email), display_name: None },
    };
    register(desk, &Caller { permit, origin }, new, registries).await
}
