//! Where a page of the list looks: which visibilities it walks through, and what it gathers.

use std::collections::HashSet;

use domain::access::Visible;
use domain::name::{NamespaceName, RegistryName, RepositoryName, UserName};
use domain::namespace::Visibility;

use super::Filter;
use crate::read::{Keys, Pairs, ReadModels, own_namespaces, own_repositories};

/// As many repositories as are gathered and sorted rather than looked for on a walk: among a
/// hundred thousand every fiftieth, so that a walk for more than these fills a page soon.
const MOST_GATHERED: i64 = 2_000;
/// In as many namespaces at most.
const MOST_ROOMS: usize = 500;

/// See the module.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan<'a> {
    /// Visibilities, and whether all of each may be seen.
    pub(super) walk: Vec<(&'static str, bool)>,
    pub(super) gather: Gather<'a>,
    /// Instead of both: what this person starred, which is at most [`domain::star::MAX_STARS`], as far
    /// as it is of these visibilities.
    pub(super) starred: Option<(&'a UserName, Vec<&'static str>)>,
    /// Rights on all that may be found there.
    pub(super) keys: Keys,
}

/// What is looked up one by one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Gather<'a> {
    /// Everything in these, by registry and name,
    pub(super) namespaces: Pairs<'a>,
    /// and these,
    pub(super) repositories: Pairs<'a>,
    /// as far as they are of these visibilities.
    pub(super) visibilities: Vec<&'static str>,
}

/// Visibilities of repositories; the last is of those over which no namespace decides.
const CLASSES: [&str; 4] = ["public", "protected", "private", "none"];

const NAMESPACE: &str = "SELECT visibility, repositories FROM content_namespaces
    WHERE registry = $1 AND name = $2";
/// Each is looked up by its key: fewer than all namespaces are wanted.
const OWN: &str = "SELECT coalesce(sum(n.repositories), 0)::bigint
    FROM unnest($1::text[], $2::text[]) AS own(registry, name)
    CROSS JOIN LATERAL (SELECT n.repositories FROM content_namespaces n
      WHERE n.registry = own.registry AND n.name = own.name AND n.visibility = ANY($3)
      OFFSET 0) AS n";

const STARRED: &str = "SELECT registry, repository FROM stars WHERE user_name = $1";

pub(super) const STATEMENTS: &[&str] = &[NAMESPACE, OWN, STARRED];

/// Where to look; `None`: nowhere.
pub(super) async fn plan<'a>(
    read: &ReadModels,
    visible: &'a Visible,
    filter: &'a Filter,
) -> Result<Option<Plan<'a>>, sqlx::Error> {
    let wanted: Vec<&'static str> = match filter.visibility {
        Some(only) => vec![only.as_str()],
        None => CLASSES.to_vec(),
    };
    let whole = |class: &str| {
        visible.everything
            || Visibility::parse(class).is_some_and(|class| visible.visibilities.contains(&class))
    };
    if let Some(user) = &filter.starred_by {
        let keys = if visible.namespaces.len() <= MOST_ROOMS {
            Keys::of(visible)
        } else {
            rights_on_starred(read, visible, user).await?
        };
        return Ok(Some(Plan { starred: Some((user, wanted)), keys, ..Plan::default() }));
    }
    if let Some(namespace) = &filter.namespace {
        return in_namespace(read, visible, namespace, &wanted, whole).await;
    }
    let (all, rest): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|class| whole(class));
    let mut walk: Vec<_> = all.into_iter().map(|class| (class, true)).collect();
    if rest.is_empty() || (visible.namespaces.is_empty() && visible.repositories.is_empty()) {
        let keys = Keys::of_some(visible, |_, _| false);
        return Ok(Some(Plan { walk, keys, ..Plan::default() }));
    }
    let keys = Keys::of(visible);
    let few = visible.namespaces.len() <= MOST_ROOMS
        && i64::try_from(visible.repositories.len()).is_ok_and(|own| own <= MOST_GATHERED);
    if few {
        let namespaces = own_namespaces(visible);
        if held(read, &namespaces, &rest).await? <= MOST_GATHERED {
            let repositories = own_repositories(visible);
            let gather = Gather { namespaces, repositories, visibilities: rest };
            return Ok(Some(Plan { walk, gather, keys, starred: None }));
        }
    }
    // Where no namespace decides, nobody has a right of their own.
    walk.extend(rest.into_iter().filter(|class| *class != "none").map(|class| (class, false)));
    Ok(Some(Plan { walk, keys, ..Plan::default() }))
}

/// Rights on whatever could hold what this person starred: the database takes longer to read all of
/// many than to find these.
async fn rights_on_starred(
    read: &ReadModels,
    visible: &Visible,
    user: &UserName,
) -> Result<Keys, sqlx::Error> {
    let starred: Vec<(String, String)> =
        sqlx::query_as(STARRED).bind(user.as_str()).fetch_all(read.pool()).await?;
    let starred: Vec<_> = starred
        .iter()
        .filter_map(|(registry, name)| Some((registry, RepositoryName::parse(name).ok()?)))
        .collect();
    let rooms: HashSet<(&str, &str)> = starred
        .iter()
        .flat_map(|(at, name)| name.prefixes().map(move |prefix| (at.as_str(), prefix)))
        .collect();
    Ok(Keys::of_some(visible, |at, name| {
        name.is_global() || rooms.contains(&(at.as_str(), name.as_str()))
    }))
}

/// How many repositories there are in these namespaces, of these visibilities.
async fn held(read: &ReadModels, own: &Pairs<'_>, rest: &[&str]) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(OWN).bind(&own.0).bind(&own.1).bind(rest).fetch_one(read.pool()).await
}

async fn in_namespace<'a>(
    read: &ReadModels,
    visible: &'a Visible,
    namespace: &'a (RegistryName, NamespaceName),
    wanted: &[&'static str],
    whole: impl Fn(&str) -> bool,
) -> Result<Option<Plan<'a>>, sqlx::Error> {
    let (registry, name) = (namespace.0.as_str(), namespace.1.as_str());
    let known: Option<(String, i64)> =
        sqlx::query_as(NAMESPACE).bind(registry).bind(name).fetch_optional(read.pool()).await?;
    let Some((visibility, holds)) = known else { return Ok(None) };
    let Some(class) = wanted.iter().copied().find(|class| **class == visibility) else {
        return Ok(None);
    };
    let keys = Keys::of_some(visible, |at, name| (at, name) == (&namespace.0, &namespace.1));
    let visibilities = vec![class];
    if !whole(class) && !visible.namespaces.contains(namespace) {
        let repositories = own_repositories(visible);
        let gather = Gather { repositories, visibilities, ..Gather::default() };
        return Ok(Some(Plan { gather, keys, ..Plan::default() }));
    }
    if holds <= MOST_GATHERED {
        let namespaces = (vec![registry], vec![name]);
        let gather = Gather { namespaces, visibilities, ..Gather::default() };
        return Ok(Some(Plan { gather, keys, ..Plan::default() }));
    }
    // What else may be seen ends the walk as well.
    let keys = Keys::of(visible);
    Ok(Some(Plan { walk: vec![(class, whole(class))], keys, ..Plan::default() }))
}
