//! What people want of accounts.
//!
//! An act on several streams is ordered so that a stop between two steps leaves nothing open, and
//! the same act again completes it.

mod credentials;
pub mod reset;
mod sign_up;

use domain::access::Action;
use domain::admin::{AdminCommand, AdminRefusal, Administrators};
use domain::event::{Position, StreamName};
use domain::name::{RegistryName, TeamName, UserName};
use domain::team::{Role, Team, TeamCommand, TeamRefusal};
use domain::user::{Account, Origin, User, UserCommand, UserRefusal};
use jiff::ToSpan;

use crate::desk::{Caller, Desk};
use crate::execute::{CommandError, execute, state};
use crate::namespaces::personal;
use crate::vault::Password;

pub use credentials::{
    MAX_DISPLAY_NAME_BYTES, MAX_EMAIL_BYTES, ProfileChange, change_profile, erase_personal_data,
    set_password,
};
pub use sign_up::{SignUp, sign_up};

/// Why an account is not made or changed: by a rule of one of the nouns that an account touches.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountRefusal {
    /// By the account's own.
    #[error(transparent)]
    User(#[from] UserRefusal),
    /// By the administrators'.
    #[error(transparent)]
    Admin(#[from] AdminRefusal),
    /// By a team's: they would leave it without an owner.
    #[error("{user} is the last owner of the team {team}; make somebody else owner first")]
    LastOwner {
        /// Who.
        user: UserName,
        /// Of which.
        team: TeamName,
    },
    /// Not an e-mail address, or too long for one.
    #[error("an e-mail address has one @ with something on both sides, and at most {max} bytes")]
    Email {
        /// The most bytes.
        max: usize,
    },
    /// Not a good display name.
    #[error("a display name has at most {max} bytes and no control characters")]
    DisplayName {
        /// The most bytes.
        max: usize,
    },
}

type Done = Result<Position, CommandError<AccountRefusal>>;

/// An account to be made.
pub struct NewUser {
    /// Its name.
    pub name: UserName,
    /// Person or bot.
    pub account: Account,
    /// How it comes about.
    pub origin: Origin,
    /// To sign in with; `None` for bots with tokens only, and for those whose password comes later.
    pub password: Option<Password>,
    /// Display name and e-mail.
    pub profile: ProfileChange,
}

/// Makes an account, and a person's own namespace in each of `registries`.
///
/// The account comes first, because its stream decides whose the name is: a password is never
/// written for somebody else's account. A stop in between leaves an account that nobody can
/// enter until an administrator sets its password. Namespaces that are missing then are made by the
/// [`personal::Keeper`].
///
/// # Errors
///
/// [`CommandError`].
pub async fn register(
    desk: &Desk,
    caller: &Caller,
    new: NewUser,
    registries: &[RegistryName],
) -> Done {
    caller.must(match new.account {
        Account::Person => &[Action::ManageUsers],
        Account::Bot => &[Action::CreateBot],
    })?;
    let NewUser { name, account, origin, password, profile } = new;
    profile.check()?;
    if let User::Removed { .. } = state(desk, &StreamName::user(&name)).await? {
        // A stop while the last account of this name was removed may have left its secrets.
        credentials::forget(desk, &name).await?;
    }
    let now = desk.clock.now();
    let wish = UserCommand::Register { user: name.clone(), account, origin, now };
    let mut done = on_user(desk, caller, &name, wish).await?;
    if let Some(password) = password {
        desk.vault.set_password(&name, password).await?;
    }
    let fields = credentials::apply(desk, &name, profile).await?;
    if !fields.is_empty() {
        let wish = UserCommand::RecordProfile { user: name.clone(), fields };
        done = done.max(on_user(desk, &caller.continued(), &name, wish).await?);
    }
    for registry in registries {
        match personal::ensure(desk, caller, registry, &name).await {
            Ok(made) => done = done.max(made),
            Err(CommandError::Refused(why)) => {
                tracing::error!(%registry, user = %name, %why, "no personal namespace can be made");
            }
            Err(err) => return Err(err.map(|_| UserRefusal::Unknown.into())),
        }
    }
    Ok(done)
}

/// Closes every door to an account. Of an administrator first the administration is taken, so
/// that the last one stays; enabling the account does not give it back.
///
/// # Errors
///
/// [`CommandError`].
pub async fn disable(desk: &Desk, caller: &Caller, user: &UserName, reason: String) -> Done {
    caller.must(&[Action::ManageUsers])?;
    must_not_be_oneself(caller, user)?;
    let first = take_administration(desk, caller, user).await?;
    let wish = UserCommand::Disable { user: user.clone(), reason };
    let done = on_user(desk, caller, user, wish).await?;
    // Somebody may have made them administrator between the two steps.
    let last = take_administration(desk, &caller.continued(), user).await?;
    Ok(done.max(first).max(last))
}

/// Opens the doors again.
///
/// # Errors
///
/// [`CommandError`].
pub async fn enable(desk: &Desk, caller: &Caller, user: &UserName) -> Done {
    caller.must(&[Action::ManageUsers])?;
    on_user(desk, caller, user, UserCommand::Enable { user: user.clone() }).await
}

/// Ends an account for ever, and keeps its name back for [`crate::QUARANTINE_HOURS`].
///
/// `teams` are those that it is a member of, which only the caller can know: commands read no read
/// models. Their own namespace stays, for administrators only.
///
/// # Errors
///
/// [`CommandError`]; [`AccountRefusal::LastOwner`] before anything is done when a team would be
/// left without an owner.
pub async fn remove(desk: &Desk, caller: &Caller, user: &UserName, teams: &[TeamName]) -> Done {
    caller.must(&[Action::ManageUsers])?;
    must_not_be_oneself(caller, user)?;
    for team in teams {
        let stream = StreamName::team(team);
        if let Team::Active { members, .. } = state(desk, &stream).await?
            && members.get(user) == Some(&Role::Owner)
            && !members.iter().any(|(other, role)| other != user && *role == Role::Owner)
        {
            return Err(last_owner(user, team));
        }
    }
    let mut done = take_administration(desk, caller, user).await?;
    for team in teams {
        let wish = TeamCommand::RemoveMember { team: team.clone(), user: user.clone() };
        match execute::<Team>(desk, caller, &StreamName::team(team), wish).await {
            Ok(left) => done = done.max(left),
            Err(CommandError::Refused(TeamRefusal::LastOwner)) => {
                return Err(last_owner(user, team));
            }
            // Not in it any more: that is what was wanted.
            Err(CommandError::Refused(_)) => (),
            Err(err) => return Err(err.map(|_| UserRefusal::Unknown.into())),
        }
    }
    let name_free_at = desk.clock.now() + crate::QUARANTINE_HOURS.hours();
    let wish = UserCommand::Remove { user: user.clone(), name_free_at };
    let removed = on_user(desk, caller, user, wish).await?;
    credentials::forget(desk, user).await?;
    let last = take_administration(desk, &caller.continued(), user).await?;
    Ok(done.max(removed).max(last))
}

/// Makes an enabled person administrator.
///
/// # Errors
///
/// [`CommandError`].
pub async fn grant_admin(desk: &Desk, caller: &Caller, user: &UserName) -> Done {
    caller.must(&[Action::GrantAdmin])?;
    must_be_enabled_person(desk, user).await?;
    let wish = AdminCommand::Grant { user: user.clone() };
    let done = on_admins(desk, caller, wish).await?;
    // Disabled between the look and the act: see `disable`, which looks again in the same way.
    if let Err(gone) = must_be_enabled_person(desk, user).await {
        take_administration(desk, &caller.continued(), user).await?;
        return Err(gone);
    }
    Ok(done)
}

/// Makes an administrator an ordinary person; memberships remain, and the last one stays.
///
/// # Errors
///
/// [`CommandError`].
pub async fn revoke_admin(desk: &Desk, caller: &Caller, user: &UserName) -> Done {
    caller.must(&[Action::GrantAdmin])?;
    take_administration(desk, caller, user).await
}

/// Lets a person read the audit record.
///
/// # Errors
///
/// [`CommandError`].
pub async fn grant_auditor(desk: &Desk, caller: &Caller, user: &UserName) -> Done {
    caller.must(&[Action::ManageUsers])?;
    on_user(desk, caller, user, UserCommand::GrantAuditor { user: user.clone() }).await
}

/// No longer.
///
/// # Errors
///
/// [`CommandError`].
pub async fn revoke_auditor(desk: &Desk, caller: &Caller, user: &UserName) -> Done {
    caller.must(&[Action::ManageUsers])?;
    on_user(desk, caller, user, UserCommand::RevokeAuditor { user: user.clone() }).await
}

/// Ends all refresh tokens and sessions: one's own, or by an administrator.
///
/// # Errors
///
/// [`CommandError`].
pub async fn sign_out_everywhere(desk: &Desk, caller: &Caller, user: &UserName) -> Done {
    own_or_managed(caller, user)?;
    on_user(desk, caller, user, UserCommand::SignOutEverywhere { user: user.clone() }).await
}

/// The kind of an account that exists, disabled or not.
///
/// # Errors
///
/// [`CommandError::Log`] or [`CommandError::Decode`].
pub async fn account<R: std::error::Error>(
    desk: &Desk,
    user: &UserName,
) -> Result<Option<Account>, CommandError<R>> {
    Ok(match state(desk, &StreamName::user(user)).await? {
        User::Active(facts) | User::Disabled(facts) => Some(facts.account),
        User::Unknown | User::Removed { .. } => None,
    })
}

/// The kind of an account that exists and is not disabled.
///
/// # Errors
///
/// [`CommandError::Log`] or [`CommandError::Decode`].
pub async fn enabled_account<R: std::error::Error>(
    desk: &Desk,
    user: &UserName,
) -> Result<Option<Account>, CommandError<R>> {
    Ok(match state(desk, &StreamName::user(user)).await? {
        User::Active(facts) => Some(facts.account),
        User::Disabled(_) | User::Unknown | User::Removed { .. } => None,
    })
}

async fn on_user(desk: &Desk, caller: &Caller, user: &UserName, wish: UserCommand) -> Done {
    let done = execute::<User>(desk, caller, &StreamName::user(user), wish).await;
    done.map_err(|err| err.map(AccountRefusal::User))
}

async fn on_admins(desk: &Desk, caller: &Caller, wish: AdminCommand) -> Done {
    let done = execute::<Administrators>(desk, caller, &StreamName::administrators(), wish).await;
    done.map_err(|err| err.map(AccountRefusal::Admin))
}

/// Nothing happens to those who are none.
async fn take_administration(desk: &Desk, caller: &Caller, user: &UserName) -> Done {
    on_admins(desk, caller, AdminCommand::Revoke { user: user.clone() }).await
}

/// Before the first step: otherwise administrators would lose their administration by trying.
fn must_not_be_oneself(
    caller: &Caller,
    user: &UserName,
) -> Result<(), CommandError<AccountRefusal>> {
    if caller.permit.actor().is(user) {
        return Err(CommandError::Refused(UserRefusal::OwnAccount.into()));
    }
    Ok(())
}

async fn must_be_enabled_person(
    desk: &Desk,
    user: &UserName,
) -> Result<(), CommandError<AccountRefusal>> {
    let why = match state(desk, &StreamName::user(user)).await? {
        User::Active(facts) if facts.account == Account::Person => return Ok(()),
        User::Active(_) => UserRefusal::Bot,
        User::Disabled(_) => UserRefusal::Disabled,
        User::Unknown | User::Removed { .. } => UserRefusal::Unknown,
    };
    Err(CommandError::Refused(why.into()))
}

fn own_or_managed(caller: &Caller, user: &UserName) -> Result<(), CommandError<AccountRefusal>> {
    if caller.permit.actor().is(user) {
        caller.must(&[Action::LoginWeb, Action::ManageUsers])
    } else {
        caller.must(&[Action::ManageUsers])
    }
}

fn last_owner(user: &UserName, team: &TeamName) -> CommandError<AccountRefusal> {
    let (user, team) = (user.clone(), team.clone());
    CommandError::Refused(AccountRefusal::LastOwner { user, team })
}
