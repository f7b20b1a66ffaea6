//! What people want of comments. The text goes into the vault, and leaves it when the comment is
//! deleted; facts say only that there was one.

use domain::access::Action;
use domain::comment::{Comment, CommentCommand, CommentId, CommentRefusal};
use domain::event::{Position, StreamName};
use domain::name::{RegistryName, RepositoryName};

use crate::desk::{Caller, Desk};
use crate::execute::{CommandError, execute};

/// Writes a comment, in Markdown, under a repository that the caller may see.
///
/// The vault comes first: a text without its fact is never shown, a fact without its text would
/// be.
///
/// # Errors
///
/// [`CommandError`].
pub async fn add(
    desk: &Desk,
    caller: &Caller,
    registry: &RegistryName,
    repository: &RepositoryName,
    text: &str,
) -> Result<(CommentId, Position), CommandError<CommentRefusal>> {
    caller.must(&[Action::Comment])?;
    CommentRefusal::check(text).map_err(CommandError::Refused)?;
    let Some(author) = caller.permit.actor().name().cloned() else {
        return Err(CommandError::NotPermitted);
    };
    let comment = CommentId(desk.new_id().0);
    desk.vault.put_comment(comment, &author, text).await?;
    let (registry, repository) = (registry.clone(), repository.clone());
    let wish = CommentCommand::Add { registry, repository, comment, author };
    let done = execute::<Comment>(desk, caller, &StreamName::comment(comment), wish).await?;
    Ok((comment, done))
}

/// Deletes a comment under the repository for which the right was proven, and then its text. If
/// the vault fails in between, the same wish again completes it.
///
/// # Errors
///
/// [`CommandError`].
pub async fn delete(
    desk: &Desk,
    caller: &Caller,
    registry: &RegistryName,
    repository: &RepositoryName,
    comment: CommentId,
) -> Result<Position, CommandError<CommentRefusal>> {
    caller.must(&[Action::DeleteCommentOwn, Action::DeleteCommentOther])?;
    let others = caller.permit.action() != Some(Action::DeleteCommentOwn);
    let (registry, repository) = (registry.clone(), repository.clone());
    let wish = CommentCommand::Delete { registry, repository, comment, others };
    let done = execute::<Comment>(desk, caller, &StreamName::comment(comment), wish).await?;
    desk.vault.forget_comment(comment).await?;
    Ok(done)
}
