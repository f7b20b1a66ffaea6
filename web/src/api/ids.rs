//! Things as paths name them: by the number that lists show, or by name where that is clear.

use domain::access::Visible;
use domain::name::{NameError, NamespaceName, RegistryName, RepositoryName, TeamName, UserName};
use projections::namespaces::NamespaceRow;
use projections::registries::RegistryRow;
use projections::repositories::RepositoryRow;
use projections::teams::TeamRow;
use projections::users::UserRow;
use projections::{ReadModels, namespaces, registries, repositories, teams, users};

use crate::error::ApiError;

/// A user, and the name parsed.
pub(super) async fn user(read: &ReadModels, id: &str) -> Result<(UserName, UserRow), ApiError> {
    let row = match number(id) {
        Some(id) => users::find_id(read, id).await?,
        None => match UserName::parse(id) {
            Ok(name) => users::find(read, &name).await?,
            Err(_) => None,
        },
    };
    let row = row.ok_or_else(ApiError::not_found)?;
    Ok((stored(UserName::parse(&row.name))?, row))
}

/// A team that may be seen.
pub(super) async fn team(
    read: &ReadModels,
    id: &str,
    visible: &Visible,
) -> Result<(TeamName, TeamRow), ApiError> {
    let row = match number(id) {
        Some(id) => teams::find_id(read, id, visible).await?,
        None => match TeamName::parse(id) {
            Ok(name) => teams::find(read, &name, visible).await?,
            Err(_) => None,
        },
    };
    let row = row.ok_or_else(ApiError::not_found)?;
    Ok((stored(TeamName::parse(&row.name))?, row))
}

/// Where a namespace or repository is.
pub(super) type Place<Name> = (RegistryName, Name);

/// A namespace that may be seen: `7`, `main:team/sub`, or `team/sub` where one registry has it.
pub(super) async fn namespace(
    read: &ReadModels,
    id: &str,
    visible: &Visible,
) -> Result<(Place<NamespaceName>, NamespaceRow), ApiError> {
    if let Some(id) = number(id) {
        let row = namespaces::find_id(read, id, visible).await?.ok_or_else(ApiError::not_found)?;
        let place =
            (stored(RegistryName::parse(&row.registry))?, stored(NamespaceName::parse(&row.name))?);
        return Ok((place, row));
    }
    let (within, name) = split(id);
    let Ok(name) = NamespaceName::parse(name) else { return Err(ApiError::not_found()) };
    let mut found = Vec::new();
    for registry in named(read, within).await? {
        if let Some(row) = namespaces::find(read, &registry, &name, visible).await? {
            found.push(((registry, name.clone()), row));
        }
    }
    only(found)
}

/// A repository that may be seen: `7`, `main:team/app`, or `team/app` where one registry has it.
pub(super) async fn repository(
    read: &ReadModels,
    id: &str,
    visible: &Visible,
) -> Result<(Place<RepositoryName>, RepositoryRow), ApiError> {
    if let Some(id) = number(id) {
        let row = repositories::find_id(read, id, visible).await?;
        let row = row.ok_or_else(ApiError::not_found)?;
        let place = (
            stored(RegistryName::parse(&row.registry))?,
            stored(RepositoryName::parse(&row.name))?,
        );
        return Ok((place, row));
    }
    let (within, name) = split(id);
    let Ok(name) = RepositoryName::parse(name) else { return Err(ApiError::not_found()) };
    let mut found = Vec::new();
    for registry in named(read, within).await? {
        if let Some(row) = repositories::find(read, &registry, &name, visible).await? {
            found.push(((registry, name.clone()), row));
        }
    }
    only(found)
}

/// A registry.
pub(super) async fn registry(
    read: &ReadModels,
    id: &str,
) -> Result<(RegistryName, RegistryRow), ApiError> {
    let row = match number(id) {
        Some(id) => registries::find_id(read, id).await?,
        None => match RegistryName::parse(id) {
            Ok(name) => registries::find(read, &name).await?,
            Err(_) => None,
        },
    };
    let row = row.ok_or_else(ApiError::not_found)?;
    Ok((stored(RegistryName::parse(&row.name))?, row))
}

/// The registry that a new thing is for: the named one, or the only one.
pub(super) async fn registry_for(
    read: &ReadModels,
    name: Option<&str>,
) -> Result<RegistryName, ApiError> {
    if let Some(name) = name {
        let known = registry(read, name).await;
        return known.map(|(name, _)| name).map_err(|err| {
            let absent = err.status() == http::StatusCode::NOT_FOUND;
            if absent { ApiError::field("registry", "there is no such registry") } else { err }
        });
    }
    let mut all = all_registries(read).await?;
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(ApiError::field("registry", "there is no registry yet; add one first")),
        (Some(_), false) => Err(ApiError::field("registry", "there are several; name one")),
    }
}

/// Every registry's name.
pub(super) async fn all_registries(read: &ReadModels) -> Result<Vec<RegistryName>, ApiError> {
    let rows = registries::list(read).await?;
    rows.iter().map(|row| stored(RegistryName::parse(&row.name))).collect()
}

/// A number, as paths write it. A name of digits alone is reached by its number.
pub(super) fn number(id: &str) -> Option<i64> {
    let digits = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    if digits { Some(id.parse().unwrap_or(i64::MAX)) } else { None }
}

/// A name in a body.
pub(super) fn field<T>(name: &str, parsed: Result<T, NameError>) -> Result<T, ApiError> {
    parsed.map_err(|why| ApiError::field(name, why.to_string()))
}

/// A name in the read models: it was good when it was written.
pub(super) fn stored<T>(parsed: Result<T, NameError>) -> Result<T, ApiError> {
    parsed.map_err(|why| ApiError::internal(&why))
}

fn split(id: &str) -> (Option<&str>, &str) {
    id.split_once(':').map_or((None, id), |(registry, name)| (Some(registry), name))
}

async fn named(read: &ReadModels, within: Option<&str>) -> Result<Vec<RegistryName>, ApiError> {
    match within.map(RegistryName::parse) {
        Some(Ok(name)) => Ok(vec![name]),
        Some(Err(_)) => Ok(Vec::new()),
        None => all_registries(read).await,
    }
}

fn only<T>(mut found: Vec<T>) -> Result<T, ApiError> {
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(ApiError::not_found()),
        (Some(_), false) => Err(ApiError::bad_request(
            "Several registries have this name: say which, as in `registry:name`",
        )),
    }
}
