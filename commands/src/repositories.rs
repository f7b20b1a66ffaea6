//! What people want of repositories. Their content belongs to the registry: what is pushed and
//! deleted there comes back as notifications.

use domain::access::Action;
use domain::event::{Position, StreamName};
use domain::name::{RegistryName, RepositoryName};
use domain::repository::{Repository, RepositoryCommand, RepositoryRefusal};

use crate::desk::{Caller, Desk};
use crate::execute::{CommandError, execute};

/// Describes a repository, in Markdown. That it exists is the caller's to know: the registry
/// decides that, not the log's decisions.
///
/// # Errors
///
/// [`CommandError`].
pub async fn describe(
    desk: &Desk,
    caller: &Caller,
    registry: &RegistryName,
    repository: &RepositoryName,
    description: String,
) -> Result<Position, CommandError<RepositoryRefusal>> {
    caller.must(&[Action::EditRepository])?;
    let stream = StreamName::repository(registry, repository);
    let (registry, repository) = (registry.clone(), repository.clone());
    let wish = RepositoryCommand::Describe { registry, repository, description };
    execute::<Repository>(desk, caller, &stream, wish).await
}
