//! What people want of stars.

use domain::access::Action;
use domain::event::{Position, StreamName};
use domain::name::{RegistryName, RepositoryName, UserName};
use domain::star::{StarCommand, StarRefusal, Stars};

use crate::desk::{Caller, Desk};
use crate::execute::{CommandError, execute};

/// Stars a repository. Twice changes nothing.
///
/// # Errors
///
/// [`CommandError`]; [`CommandError::NotPermitted`] when `user` is not the caller.
pub async fn star(
    desk: &Desk,
    caller: &Caller,
    user: &UserName,
    registry: &RegistryName,
    repository: &RepositoryName,
) -> Result<Position, CommandError<StarRefusal>> {
    own(caller, user)?;
    caller.must(&[Action::Star])?;
    let (registry, repository) = (registry.clone(), repository.clone());
    let wish = StarCommand::Star { user: user.clone(), registry, repository };
    execute::<Stars>(desk, caller, &StreamName::stars(user), wish).await
}

/// Takes a star back, also from a repository that the person can no longer see: the right to sign
/// in is enough.
///
/// # Errors
///
/// [`CommandError`]; [`CommandError::NotPermitted`] when `user` is not the caller.
pub async fn unstar(
    desk: &Desk,
    caller: &Caller,
    user: &UserName,
    registry: &RegistryName,
    repository: &RepositoryName,
) -> Result<Position, CommandError<StarRefusal>> {
    own(caller, user)?;
    caller.must(&[Action::Star, Action::LoginWeb])?;
    let (registry, repository) = (registry.clone(), repository.clone());
    let wish = StarCommand::Unstar { user: user.clone(), registry, repository };
    execute::<Stars>(desk, caller, &StreamName::stars(user), wish).await
}

fn own(caller: &Caller, user: &UserName) -> Result<(), CommandError<StarRefusal>> {
    let theirs = caller.permit.actor().is(user) || caller.permit.action().is_none();
    if theirs { Ok(()) } else { Err(CommandError::NotPermitted) }
}
