//! What of an account lies in the vault: password and profile.

use domain::access::Action;
use domain::name::UserName;
use domain::user::{ProfileField, UserCommand};

use super::{AccountRefusal, Done, on_user, own_or_managed};
use crate::desk::{Caller, Desk};
use crate::execute::CommandError;
use crate::vault::{Password, Profile, VaultError};

/// The longest e-mail address, in bytes (RFC 5321).
pub const MAX_EMAIL_BYTES: usize = 254;
/// The longest display name, in bytes.
pub const MAX_DISPLAY_NAME_BYTES: usize = 255;

/// Sets a new password: one's own, or by an administrator. That somebody knows their old one is
/// the caller's to ask. Ends all sessions and refresh tokens from before.
///
/// The vault comes first: were it the fact, a stop in between would end sessions, and leave the
/// old password good.
///
/// # Errors
///
/// [`CommandError`].
pub async fn set_password(desk: &Desk, caller: &Caller, user: &UserName, new: Password) -> Done {
    own_or_managed(caller, user)?;
    if super::account::<AccountRefusal>(desk, user).await?.is_none() {
        return Err(CommandError::Refused(domain::user::UserRefusal::Unknown.into()));
    }
    desk.vault.set_password(user, new).await?;
    on_user(desk, &caller.continued(), user, UserCommand::RecordPassword { user: user.clone() })
        .await
}

/// What of a profile is to change; `None` leaves a field as it is, an empty text clears it.
#[derive(Clone, Default)]
pub struct ProfileChange {
    /// Where mail goes.
    pub email: Option<String>,
    /// How the person is called on pages.
    pub display_name: Option<String>,
}

/// Changes display name or e-mail: one's own, or by an administrator.
///
/// # Errors
///
/// [`CommandError`].
pub async fn change_profile(
    desk: &Desk,
    caller: &Caller,
    user: &UserName,
    change: ProfileChange,
) -> Done {
    own_or_managed(caller, user)?;
    change.check()?;
    if super::account::<AccountRefusal>(desk, user).await?.is_none() {
        return Err(CommandError::Refused(domain::user::UserRefusal::Unknown.into()));
    }
    let fields = apply(desk, user, change).await?;
    let wish = UserCommand::RecordProfile { user: user.clone(), fields };
    on_user(desk, &caller.continued(), user, wish).await
}

/// Writes what differs, and says what that was.
pub(super) async fn apply(
    desk: &Desk,
    user: &UserName,
    change: ProfileChange,
) -> Result<Vec<ProfileField>, VaultError> {
    let old = desk.vault.profile(user).await?;
    let merge = |old: &Option<String>, new: Option<String>| match new {
        None => old.clone(),
        Some(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
    };
    let new = Profile {
        email: merge(&old.email, change.email),
        display_name: merge(&old.display_name, change.display_name),
    };
    let mut fields = Vec::new();
    if new.email != old.email {
        fields.push(ProfileField::Email);
    }
    if new.display_name != old.display_name {
        fields.push(ProfileField::DisplayName);
    }
    if !fields.is_empty() {
        desk.vault.set_profile(user, &new).await?;
    }
    Ok(fields)
}

impl ProfileChange {
    pub(crate) fn check(&self) -> Result<(), CommandError<AccountRefusal>> {
        if let Some(email) = self.email.as_deref().map(str::trim)
            && !email.is_empty()
            && !is_email(email)
        {
            let max = MAX_EMAIL_BYTES;
            return Err(CommandError::Refused(AccountRefusal::Email { max }));
        }
        if let Some(name) = &self.display_name
            && (name.len() > MAX_DISPLAY_NAME_BYTES || name.chars().any(char::is_control))
        {
            let max = MAX_DISPLAY_NAME_BYTES;
            return Err(CommandError::Refused(AccountRefusal::DisplayName { max }));
        }
        Ok(())
    }
}

/// Only what certainly cannot be an address is refused; whether it is one, a mail shows.
fn is_email(text: &str) -> bool {
    let plain = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    let sides = text
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    plain && sides && text.len() <= MAX_EMAIL_BYTES
}

const FORGET: [&str; 7] = [
    "DELETE FROM vault.passwords WHERE user_name = $1",
    "DELETE FROM vault.app_tokens WHERE owner = $1",
    "DELETE FROM vault.profiles WHERE user_name = $1",
    "DELETE FROM vault.sessions WHERE user_name = $1",
    "DELETE FROM vault.preferences WHERE user_name = $1",
    "DELETE FROM vault.password_resets WHERE user_name = $1",
    "DELETE FROM vault.comments WHERE author = $1",
];

/// Throws away every secret and the profile of a name, so that whoever gets the name next inherits
/// nothing.
pub(super) async fn forget(desk: &Desk, user: &UserName) -> Result<(), VaultError> {
    for statement in FORGET {
        sqlx::query(statement).bind(user.as_str()).execute(desk.vault.pool()).await?;
    }
    Ok(())
}

/// Erases a person: the key of everything personal that facts hold of them, and their profile.
/// What they did stays recorded, under their name.
///
/// # Errors
///
/// [`CommandError`].
pub async fn erase_personal_data(desk: &Desk, caller: &Caller, user: &UserName) -> Done {
    caller.must(&[Action::ManageUsers])?;
    if super::account::<AccountRefusal>(desk, user).await?.is_none() {
        return Err(CommandError::Refused(domain::user::UserRefusal::Unknown.into()));
    }
    desk.vault.erase(user).await?;
    on_user(desk, &caller.continued(), user, UserCommand::RecordErasure { user: user.clone() })
        .await
}
