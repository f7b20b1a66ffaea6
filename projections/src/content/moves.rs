//! Namespaces that come and go move repositories that are stored already: in the database, because no
//! page can know which.

use domain::event::{Event, Fact};
use domain::name::{NamespaceName, RegistryName};
use domain::namespace::NamespaceEvent;
use domain::user::UserEvent;
use sqlx::PgConnection;

use super::namespace_key;
use crate::projection::id;
use crate::working::json;

pub(super) fn moves(fact: &Fact) -> bool {
    use NamespaceEvent as E;
    matches!(
        fact.event,
        Event::Namespace(E::Created { .. } | E::Deleted { .. } | E::VisibilityChanged { .. })
            | Event::User(UserEvent::Removed { .. })
    )
}

/// Whether any of these namespaces has repositories under it. The bounds are those of the names
/// that begin with `name/`: `0` follows `/`.
const ANY_STORED: &str = "SELECT EXISTS (
    SELECT FROM json_populate_recordset(NULL::content_namespaces, $1::json) k
    JOIN repositories r ON r.registry = k.registry AND r.name > k.name || '/'
      AND r.name < k.name || '0')";

pub(super) async fn moves_stored(
    db: &mut PgConnection,
    facts: &[Fact],
) -> Result<bool, sqlx::Error> {
    let mut names = Vec::new();
    for fact in facts {
        if matches!(fact.event, Event::User(UserEvent::Removed { .. })) {
            return Ok(true);
        }
        if let Event::Namespace(
            NamespaceEvent::Created { registry, namespace, .. }
            | NamespaceEvent::Deleted { registry, namespace, .. }
            | NamespaceEvent::VisibilityChanged { registry, namespace, .. },
        ) = &fact.event
        {
            if namespace.is_global() {
                return Ok(true); // once a registry
            }
            names.push(namespace_key(registry, namespace.as_str()));
        }
    }
    if names.is_empty() {
        return Ok(false);
    }
    sqlx::query_scalar(ANY_STORED).bind(json(&names)?).fetch_one(db).await
}

const ADD_NAMESPACE: &str = "INSERT INTO content_namespaces (registry, name, id, visibility)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (registry, name) DO UPDATE SET (id, visibility) = ROW(excluded.id, excluded.visibility)";
/// The longest namespace decides, so a new one takes over from none and from shorter ones.
const TAKE_OVER: &str = "UPDATE repositories SET namespace = $2
    WHERE registry = $1 AND name > $2 || '/' AND name < $2 || '0'
      AND (namespace IS NULL OR length(namespace) < length($2))";
const TAKE_OVER_GLOBAL: &str = "UPDATE repositories SET namespace = $2
    WHERE registry = $1 AND namespace IS NULL AND strpos(name, '/') = 0";
const DROP_NAMESPACE: &str = "DELETE FROM content_namespaces WHERE registry = $1 AND name = $2";
/// What it held falls to the longest namespace above it, or to none.
const GIVE_BACK: &str = "UPDATE repositories SET (namespace, visibility) =
      (SELECT heir.name, coalesce(heir.visibility, 'none') FROM (VALUES (1)) AS always
        LEFT JOIN (SELECT n.name, n.visibility FROM content_namespaces n
          WHERE n.registry = $1 AND n.name = ANY($3)
          ORDER BY length(n.name) DESC LIMIT 1) AS heir ON true)
    WHERE registry = $1 AND namespace = $2";
const SHOW: &str = "UPDATE content_namespaces SET visibility = $3
    WHERE registry = $1 AND name = $2";
const SHOW_REPOSITORIES: &str = "UPDATE repositories r SET visibility = n.visibility
    FROM content_namespaces n
    WHERE n.registry = $1 AND n.name = $2 AND r.registry = $1 AND r.namespace = $2
      AND r.visibility <> n.visibility";
/// What came or went, and what it took from or gave to.
const COUNT_AGAIN: &str = "UPDATE content_namespaces n SET repositories =
      (SELECT count(*) FROM repositories r
        WHERE r.registry = n.registry AND r.namespace = n.name AND r.id IS NOT NULL)
    WHERE n.registry = $1 AND (n.name = $2 OR n.name = ANY($3))";
const FORGET_STARS: &str = "WITH gone AS
      (DELETE FROM content_stars WHERE user_name = $1 RETURNING registry, repository)
    UPDATE repositories r SET stars = r.stars - 1 FROM gone
    WHERE r.registry = gone.registry AND r.name = gone.repository";

pub(super) async fn move_stored(db: &mut PgConnection, fact: &Fact) -> Result<(), sqlx::Error> {
    use NamespaceEvent as E;
    match &fact.event {
        Event::Namespace(E::Created { registry, namespace, visibility, .. }) => {
            sqlx::query(ADD_NAMESPACE)
                .bind(registry.as_str())
                .bind(namespace.as_str())
                .bind(id(fact.position))
                .bind(visibility.as_str())
                .execute(&mut *db)
                .await?;
            let sql = if namespace.is_global() { TAKE_OVER_GLOBAL } else { TAKE_OVER };
            for sql in [sql, SHOW_REPOSITORIES] {
                let query = sqlx::query(sql).bind(registry.as_str()).bind(namespace.as_str());
                query.execute(&mut *db).await?;
            }
            count_again(db, registry, namespace).await?;
        }
        Event::Namespace(E::Deleted { registry, namespace, .. }) => {
            sqlx::query(DROP_NAMESPACE)
                .bind(registry.as_str())
                .bind(namespace.as_str())
                .execute(&mut *db)
                .await?;
            sqlx::query(GIVE_BACK)
                .bind(registry.as_str())
                .bind(namespace.as_str())
                .bind(above(namespace))
                .execute(&mut *db)
                .await?;
            count_again(db, registry, namespace).await?;
        }
        Event::Namespace(E::VisibilityChanged { registry, namespace, to, .. }) => {
            sqlx::query(SHOW)
                .bind(registry.as_str())
                .bind(namespace.as_str())
                .bind(to.as_str())
                .execute(&mut *db)
                .await?;
            sqlx::query(SHOW_REPOSITORIES)
                .bind(registry.as_str())
                .bind(namespace.as_str())
                .execute(db)
                .await?;
        }
        Event::User(UserEvent::Removed { user, .. }) => {
            sqlx::query(FORGET_STARS).bind(user.as_str()).execute(db).await?;
        }
        _ => {}
    }
    Ok(())
}

async fn count_again(
    db: &mut PgConnection,
    registry: &RegistryName,
    namespace: &NamespaceName,
) -> Result<(), sqlx::Error> {
    sqlx::query(COUNT_AGAIN)
        .bind(registry.as_str())
        .bind(namespace.as_str())
        .bind(above(namespace))
        .execute(db)
        .await?;
    Ok(())
}

fn above(namespace: &NamespaceName) -> Vec<String> {
    namespace.parents().map(str::to_owned).collect()
}
