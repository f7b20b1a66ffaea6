//! Where a page of the list looks: which visibilities it walks through, and what it gathers.

use domain::access::Visible;
use domain::name::{NamespaceName, RegistryName};
use domain::namespace::Visibility;

use super::Filter;
use crate::read::{ReadModels, Rights};
use crate::stars;

/// As many repositories as are gathered and sorted rather than looked for on a walk: among a
/// hundred thousand every fiftieth, so that a walk for more than these fills a page soon.
const MOST_GATHERED: i64 = 2_000;
/// In as many namespaces at most.
const MOST_ROOMS: usize = 500;

/// See the module.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Visibilities, and whether all of each may be seen.
    pub(super) walk: Vec<(&'static str, bool)>,
    pub(super) gather: Gather,
}

/// What is looked up one by one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Gather {
    /// Everything in these, by registry and name,
    pub(super) namespaces: (Vec<String>, Vec<String>),
    /// and these,
    pub(super) repositories: (Vec<String>, Vec<String>),
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

pub(super) const STATEMENTS: &[&str] = &[NAMESPACE, OWN];

/// Where to look; `None`: nowhere.
pub(super) async fn plan(
    read: &ReadModels,
    visible: &Visible,
    filter: &Filter,
) -> Result<Option<Plan>, sqlx::Error> {
    let wanted: Vec<&'static str> = match filter.visibility {
        Some(only) => vec![only.as_str()],
        None => CLASSES.to_vec(),
    };
    let whole = |class: &str| {
        visible.everything
            || Visibility::parse(class).is_some_and(|class| visible.visibilities.contains(&class))
    };
    if let Some(user) = &filter.starred_by {
        let most = i64::try_from(domain::star::MAX_STARS).unwrap_or(i64::MAX);
        let repositories = stars::names_of_user(read, user, most).await?;
        let gather = Gather { repositories, visibilities: wanted, ..Gather::default() };
        return Ok(Some(Plan { walk: Vec::new(), gather }));
    }
    if let Some(namespace) = &filter.namespace {
        return in_namespace(read, visible, namespace, &wanted, whole).await;
    }
    let (all, rest): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|class| whole(class));
    let mut walk: Vec<_> = all.into_iter().map(|class| (class, true)).collect();
    let own = Rights::of(visible);
    if rest.is_empty() || (own.namespaces.0.is_empty() && own.repositories.0.is_empty()) {
        return Ok(Some(Plan { walk, gather: Gather::default() }));
    }
    let few = own.namespaces.0.len() <= MOST_ROOMS
        && i64::try_from(own.repositories.0.len()).is_ok_and(|own| own <= MOST_GATHERED)
        && held(read, &own, &rest).await? <= MOST_GATHERED;
    if few {
        let (namespaces, repositories) = (own.namespaces, own.repositories);
        let gather = Gather { namespaces, repositories, visibilities: rest };
        return Ok(Some(Plan { walk, gather }));
    }
    // Where no namespace decides, nobody has a right of their own.
    walk.extend(rest.into_iter().filter(|class| *class != "none").map(|class| (class, false)));
    Ok(Some(Plan { walk, gather: Gather::default() }))
}

/// How many repositories there are in these namespaces, of these visibilities.
async fn held(read: &ReadModels, own: &Rights, rest: &[&str]) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(OWN)
        .bind(&own.namespaces.0)
        .bind(&own.namespaces.1)
        .bind(rest)
        .fetch_one(read.pool())
        .await
}

async fn in_namespace(
    read: &ReadModels,
    visible: &Visible,
    namespace: &(RegistryName, NamespaceName),
    wanted: &[&'static str],
    whole: impl Fn(&str) -> bool,
) -> Result<Option<Plan>, sqlx::Error> {
    let (registry, name) = (namespace.0.to_string(), namespace.1.to_string());
    let known: Option<(String, i64)> =
        sqlx::query_as(NAMESPACE).bind(&registry).bind(&name).fetch_optional(read.pool()).await?;
    let Some((visibility, holds)) = known else { return Ok(None) };
    let Some(class) = wanted.iter().copied().find(|class| **class == visibility) else {
        return Ok(None);
    };
    let visibilities = vec![class];
    if !whole(class) && !visible.namespaces.contains(namespace) {
        let repositories = Rights::of(visible).repositories;
        let gather = Gather { repositories, visibilities, ..Gather::default() };
        return Ok(Some(Plan { walk: Vec::new(), gather }));
    }
    if holds <= MOST_GATHERED {
        let namespaces = (vec![registry], vec![name]);
        let gather = Gather { namespaces, visibilities, ..Gather::default() };
        return Ok(Some(Plan { walk: Vec::new(), gather }));
    }
    Ok(Some(Plan { walk: vec![(class, whole(class))], gather: Gather::default() }))
}
