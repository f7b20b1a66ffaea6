//! What people want of namespaces.

pub mod personal;

use domain::access::{Action, Permit};
use domain::event::{Position, StreamName};
use domain::name::{NamespaceName, RegistryName, TeamName};
use domain::namespace::{
    Grant, GrantId, Grantee, Holder, Namespace, NamespaceCommand, NamespaceRefusal, NamespaceWish,
    Visibility,
};
use domain::registry::Registry;
use domain::team::{Role, Team};
use domain::user::Account;
use jiff::{Timestamp, ToSpan};

use crate::desk::{Caller, Desk};
use crate::execute::{CommandError, execute, state};
use crate::users;

type Done = Result<Position, CommandError<NamespaceRefusal>>;

/// A team's namespace to be made.
#[derive(Debug, Clone)]
pub struct NewNamespace {
    /// In which registry.
    pub registry: RegistryName,
    /// Its name; a longer prefix such as `team/sub` lies inside the namespace `team`, if that
    /// exists.
    pub name: NamespaceName,
    /// Whose.
    pub team: TeamName,
    /// For whom.
    pub visibility: Visibility,
    /// Free text.
    pub description: String,
}

/// Makes a team's namespace.
///
/// `above` is the right to make one of this name ([`Action::CreateNamespace`] asked of the
/// namespace itself), which counts when a namespace holds the name already: without it, a longer
/// name would take repositories away from their owners.
///
/// # Errors
///
/// [`CommandError`].
pub async fn create(
    desk: &Desk,
    caller: &Caller,
    new: NewNamespace,
    above: Option<&Permit>,
) -> Done {
    caller.must(&[Action::CreateNamespace])?;
    if registry_is_unknown(desk, &new.registry).await? {
        return Err(CommandError::Refused(NamespaceRefusal::UnknownRegistry));
    }
    team_must_exist(desk, &new.team).await?;
    if let Some(parent) = existing_parent(desk, &new.registry, &new.name).await? {
        let may = caller.permit.action().is_none()
            || above.is_some_and(|permit| permit.action() == Some(Action::CreateNamespace));
        if !may {
            return Err(CommandError::Refused(NamespaceRefusal::Inside(parent)));
        }
    }
    let wish = NamespaceWish::Create {
        holder: Holder::Team { team: new.team },
        visibility: new.visibility,
        description: new.description,
        now: desk.clock.now(),
    };
    on(desk, caller, &new.registry, &new.name, wish).await
}

/// Describes it anew.
///
/// # Errors
///
/// [`CommandError`].
pub async fn describe(
    desk: &Desk,
    caller: &Caller,
    registry: &RegistryName,
    name: &NamespaceName,
    description: String,
) -> Done {
    caller.must(&[Action::EditNamespace])?;
    on(desk, caller, registry, name, NamespaceWish::Describe { description }).await
}

/// Shows it to more or fewer.
///
/// # Errors
///
/// [`CommandError`].
pub async fn change_visibility(
    desk: &Desk,
    caller: &Caller,
    registry: &RegistryName,
    name: &NamespaceName,
    to: Visibility,
) -> Done {
    caller.must(&[Action::ChangeVisibility])?;
    on(desk, caller, registry, name, NamespaceWish::ChangeVisibility { to }).await
}

/// Gives it to another team. [`Action::ChangeTeam`] is the right for a team that the caller owns
/// too, [`Action::ChangeTeamForeign`] for any other: which of the two it takes is the caller's to
/// know.
///
/// # Errors
///
/// [`CommandError`].
pub async fn change_team(
    desk: &Desk,
    caller: &Caller,
    registry: &RegistryName,
    name: &NamespaceName,
    to: TeamName,
) -> Done {
    caller.must(&[Action::ChangeTeam, Action::ChangeTeamForeign])?;
    team_must_exist(desk, &to).await?;
    on(desk, caller, registry, name, NamespaceWish::ChangeTeam { to }).await
}

/// Grants a right beside the holder's. The same grant again changes nothing.
///
/// # Errors
///
/// [`CommandError`].
pub async fn grant(
    desk: &Desk,
    caller: &Caller,
    registry: &RegistryName,
    name: &NamespaceName,
    grant: Grant,
) -> Done {
    caller.must(&[Action::EditNamespace])?;
    if grant.until.is_some_and(|until| until <= desk.clock.now()) {
        return Err(CommandError::Refused(NamespaceRefusal::GrantOver));
    }
    match &grant.to {
        Grantee::Team { team } => {
            if !team_exists(desk, team).await? {
                return Err(CommandError::Refused(NamespaceRefusal::UnknownGrantee));
            }
        }
        Grantee::User { user } => match users::enabled_account(desk, user).await? {
            None => return Err(CommandError::Refused(NamespaceRefusal::UnknownGrantee)),
            Some(Account::Bot) if grant.role == Role::Owner => {
                return Err(CommandError::Refused(NamespaceRefusal::BotOwner));
            }
            Some(Account::Bot | Account::Person) => (),
        },
    }
    on(desk, caller, registry, name, NamespaceWish::Grant { grant }).await
}

/// Takes a further grant back.
///
/// # Errors
///
/// [`CommandError`].
pub async fn revoke_grant(
    desk: &Desk,
    caller: &Caller,
    registry: &RegistryName,
    name: &NamespaceName,
    grant: GrantId,
) -> Done {
    caller.must(&[Action::EditNamespace])?;
    on(desk, caller, registry, name, NamespaceWish::RevokeGrant { grant }).await
}

/// Ends a team's namespace, and keeps its name back for [`crate::QUARANTINE_HOURS`].
///
/// It must hold no repositories, which only the caller can know: commands read no read models.
/// What is pushed between that look and this act lies in no namespace, which gives nobody
/// anything (rule 4), and whoever makes the name again after the quarantine finds it.
///
/// # Errors
///
/// [`CommandError`].
pub async fn delete(
    desk: &Desk,
    caller: &Caller,
    registry: &RegistryName,
    name: &NamespaceName,
) -> Done {
    caller.must(&[Action::DeleteNamespace])?;
    let name_free_at = name_free_at(desk);
    on(desk, caller, registry, name, NamespaceWish::Delete { name_free_at }).await
}

/// Makes the registry's namespace of repositories without a `/`: public, as people expect of
/// `docker pull registry.example.org/alpine`. An administrator may make it protected, and nobody
/// private.
pub(crate) async fn create_global(desk: &Desk, caller: &Caller, registry: &RegistryName) -> Done {
    let name = NamespaceName::global();
    let wish = NamespaceWish::Create {
        holder: Holder::Global,
        visibility: Visibility::Public,
        description: String::new(),
        now: desk.clock.now(),
    };
    match on(desk, &caller.continued(), registry, &name, wish).await {
        // There from an earlier try, or from before the registry was removed and added again.
        Err(CommandError::Refused(NamespaceRefusal::Taken)) => Ok(Position(0)),
        done => done,
    }
}

async fn on(
    desk: &Desk,
    caller: &Caller,
    registry: &RegistryName,
    name: &NamespaceName,
    wish: NamespaceWish,
) -> Done {
    let stream = StreamName::namespace(registry, name);
    let (registry, namespace) = (registry.clone(), name.clone());
    execute::<Namespace>(desk, caller, &stream, NamespaceCommand { registry, namespace, wish })
        .await
}

fn name_free_at(desk: &Desk) -> Timestamp {
    desk.clock.now() + crate::QUARANTINE_HOURS.hours()
}

async fn team_must_exist(
    desk: &Desk,
    team: &TeamName,
) -> Result<(), CommandError<NamespaceRefusal>> {
    if team_exists(desk, team).await? {
        Ok(())
    } else {
        Err(CommandError::Refused(NamespaceRefusal::UnknownTeam))
    }
}

async fn team_exists(desk: &Desk, team: &TeamName) -> Result<bool, CommandError<NamespaceRefusal>> {
    Ok(matches!(state(desk, &StreamName::team(team)).await?, Team::Active { .. }))
}

async fn registry_is_unknown(
    desk: &Desk,
    registry: &RegistryName,
) -> Result<bool, CommandError<NamespaceRefusal>> {
    Ok(state::<Registry, _>(desk, &StreamName::registry(registry)).await? == Registry::Unknown)
}

async fn existing_parent(
    desk: &Desk,
    registry: &RegistryName,
    name: &NamespaceName,
) -> Result<Option<NamespaceName>, CommandError<NamespaceRefusal>> {
    for parent in name.parents() {
        // A prefix of a good name at a `/` is a good name.
        let Ok(parent) = NamespaceName::parse(parent) else { continue };
        let stream = StreamName::namespace(registry, &parent);
        if let Namespace::Active { .. } = state(desk, &stream).await? {
            return Ok(Some(parent));
        }
    }
    Ok(None)
}
