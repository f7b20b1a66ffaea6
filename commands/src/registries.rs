//! What administrators want of registries.

use domain::access::Action;
use domain::event::{Position, StreamName};
use domain::name::RegistryName;
use domain::registry::{Registry, RegistryCommand, RegistryRefusal, RegistrySettings};

use jiff::ToSpan;
use zeroize::Zeroizing;

use crate::desk::{Caller, Desk};
use crate::execute::{CommandError, execute, state};
use crate::namespaces;

/// How long a registry's old notification secret stays good, in hours: time enough to change its
/// configuration and to start it anew.
pub const OLD_SECRET_HOURS: i64 = 24;

type Done = Result<Position, CommandError<RegistryRefusal>>;

/// Looks after a registry from now on, and makes its global namespace. The same again completes
/// what was interrupted. Everybody's own namespaces follow ([`namespaces::personal::Keeper`]).
///
/// That no other registry has the same service is the caller's to see: tokens are made for a
/// service, and two of one name could not be told apart.
///
/// # Errors
///
/// [`CommandError`].
pub async fn add(
    desk: &Desk,
    caller: &Caller,
    registry: &RegistryName,
    settings: RegistrySettings,
) -> Done {
    caller.must(&[Action::AdminPanel])?;
    let wish = RegistryCommand::Add { registry: registry.clone(), settings };
    let added = execute::<Registry>(desk, caller, &StreamName::registry(registry), wish).await?;
    let global = namespaces::create_global(desk, caller, registry).await;
    let global = global.map_err(|err| err.map(|_| RegistryRefusal::Taken))?;
    Ok(added.max(global))
}

/// Reaches or calls it otherwise.
///
/// # Errors
///
/// [`CommandError`].
pub async fn change(
    desk: &Desk,
    caller: &Caller,
    registry: &RegistryName,
    settings: RegistrySettings,
) -> Done {
    caller.must(&[Action::AdminPanel])?;
    let wish = RegistryCommand::Change { registry: registry.clone(), settings };
    execute::<Registry>(desk, caller, &StreamName::registry(registry), wish).await
}

/// Makes a new secret for its notifications. The one before it stays good for
/// [`OLD_SECRET_HOURS`].
///
/// The vault comes first: a stop before the fact leaves a secret that nobody was told, and the
/// next try makes another one.
///
/// # Errors
///
/// [`CommandError`].
pub async fn rotate_secret(
    desk: &Desk,
    caller: &Caller,
    registry: &RegistryName,
) -> Result<(Zeroizing<String>, Position), CommandError<RegistryRefusal>> {
    caller.must(&[Action::AdminPanel])?;
    let stream = StreamName::registry(registry);
    if state::<Registry, RegistryRefusal>(desk, &stream).await? == Registry::Unknown {
        return Err(CommandError::Refused(RegistryRefusal::Unknown));
    }
    let now = desk.clock.now();
    let old_good_until = now + OLD_SECRET_HOURS.hours();
    let secret = desk.vault.new_registry_secret(registry, now, old_good_until).await?;
    let wish = RegistryCommand::RecordSecret { registry: registry.clone(), old_good_until };
    let written = execute::<Registry>(desk, &caller.continued(), &stream, wish).await?;
    Ok((secret, written))
}

/// Lets go of it: it gets no more tokens. Its namespaces stay, for the day it is added again.
///
/// # Errors
///
/// [`CommandError`].
pub async fn remove(desk: &Desk, caller: &Caller, registry: &RegistryName) -> Done {
    caller.must(&[Action::AdminPanel])?;
    let wish = RegistryCommand::Remove { registry: registry.clone() };
    execute::<Registry>(desk, caller, &StreamName::registry(registry), wish).await
}
