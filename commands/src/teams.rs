//! What people want of teams.

use domain::access::Action;
use domain::event::{Position, StreamName};
use domain::name::{TeamName, UserName};
use domain::team::{Role, Team, TeamCommand, TeamRefusal};
use domain::user::Account;
use jiff::ToSpan;

use crate::desk::{Caller, Desk};
use crate::execute::{CommandError, execute};
use crate::users;

type Done = Result<Position, CommandError<TeamRefusal>>;

/// Makes a team; `owner` must be an enabled person.
///
/// # Errors
///
/// [`CommandError`]; [`CommandError::NotPermitted`] when somebody else than the caller is to own
/// it and the permit is not an administrator's [`Action::ManageUsers`].
pub async fn create(
    desk: &Desk,
    caller: &Caller,
    team: &TeamName,
    owner: &UserName,
    description: String,
) -> Done {
    if caller.permit.actor().is(owner) {
        caller.must(&[Action::CreateTeam, Action::ManageUsers])?;
    } else {
        caller.must(&[Action::ManageUsers])?;
    }
    match users::enabled_account(desk, owner).await? {
        Some(Account::Person) => (),
        Some(Account::Bot) => return Err(CommandError::Refused(TeamRefusal::BotOwner)),
        None => return Err(CommandError::Refused(TeamRefusal::UnknownUser)),
    }
    let (team, owner, now) = (team.clone(), owner.clone(), desk.clock.now());
    let stream = StreamName::team(&team);
    let wish = TeamCommand::Create { team, owner, description, now };
    execute::<Team>(desk, caller, &stream, wish).await
}

/// Describes it anew.
///
/// # Errors
///
/// [`CommandError`].
pub async fn describe(desk: &Desk, caller: &Caller, team: &TeamName, description: String) -> Done {
    caller.must(&[Action::ManageTeam])?;
    let wish = TeamCommand::Describe { team: team.clone(), description };
    execute::<Team>(desk, caller, &StreamName::team(team), wish).await
}

/// Adds an enabled person or bot.
///
/// # Errors
///
/// [`CommandError`].
pub async fn add_member(
    desk: &Desk,
    caller: &Caller,
    team: &TeamName,
    user: &UserName,
    role: Role,
) -> Done {
    caller.must(&[Action::ManageTeam])?;
    let Some(account) = users::enabled_account(desk, user).await? else {
        return Err(CommandError::Refused(TeamRefusal::UnknownUser));
    };
    let wish = TeamCommand::AddMember { team: team.clone(), user: user.clone(), account, role };
    execute::<Team>(desk, caller, &StreamName::team(team), wish).await
}

/// Changes a member's role; the last owner stays one.
///
/// # Errors
///
/// [`CommandError`].
pub async fn change_role(
    desk: &Desk,
    caller: &Caller,
    team: &TeamName,
    user: &UserName,
    role: Role,
) -> Done {
    caller.must(&[Action::ManageTeam])?;
    let Some(account) = users::account(desk, user).await? else {
        return Err(CommandError::Refused(TeamRefusal::NotMember));
    };
    let wish = TeamCommand::ChangeRole { team: team.clone(), user: user.clone(), account, role };
    execute::<Team>(desk, caller, &StreamName::team(team), wish).await
}

/// Lets a member go; the last owner stays.
///
/// # Errors
///
/// [`CommandError`].
pub async fn remove_member(desk: &Desk, caller: &Caller, team: &TeamName, user: &UserName) -> Done {
    caller.must(&[Action::ManageTeam])?;
    let wish = TeamCommand::RemoveMember { team: team.clone(), user: user.clone() };
    execute::<Team>(desk, caller, &StreamName::team(team), wish).await
}

/// Ends a team, and keeps its name back for [`crate::QUARANTINE_HOURS`].
///
/// Its namespaces must have gone elsewhere before, which only the caller can know: commands read
/// no read models. Each has its own right to ask for ([`crate::namespaces::change_team`]).
///
/// # Errors
///
/// [`CommandError`].
pub async fn delete(desk: &Desk, caller: &Caller, team: &TeamName) -> Done {
    caller.must(&[Action::DeleteTeam])?;
    let name_free_at = desk.clock.now() + crate::QUARANTINE_HOURS.hours();
    let wish = TeamCommand::Delete { team: team.clone(), name_free_at };
    execute::<Team>(desk, caller, &StreamName::team(team), wish).await
}
