//! The list of repositories: every order and filter against a plain reading of the same rows, what
//! is counted beside what it counts, and the two ways to make a page.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use domain::access::Visible;
use domain::event::{Actor, Event, NewEvent};
use domain::name::{NamespaceName, RegistryName, RepositoryName, UserName};
use domain::namespace::Visibility;
use domain::registry::{ContentEvent, PullMethod};
use jiff::{Timestamp, ToSpan as _};
use projections::ReadModels;
use projections::repositories::{
    self, Filter, MOST_WALKED, Order, PULL_DAYS, RepositoryRow, Slice, Sort, browse,
};
use projections::runner::Runner;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sqlx::PgPool;
use tests::postgres::TestDatabase;

use crate::history::{append, event, history, log, now};

fn registry(name: &str) -> RegistryName {
    RegistryName::parse(name).unwrap()
}

fn namespace(name: &str) -> NamespaceName {
    NamespaceName::parse(name).unwrap()
}

fn everything() -> Visible {
    Visible { everything: true, ..Visible::default() }
}

/// All pages, the rows of each at most `limit`.
async fn all_pages(
    read: &ReadModels,
    visible: &Visible,
    filter: &Filter,
    order: Order,
    limit: i64,
) -> Vec<RepositoryRow> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = browse(read, visible, filter, order, after.as_ref(), limit).await.unwrap();
        assert!(page.rows.len() <= usize::try_from(limit).unwrap());
        all.extend(page.rows);
        // The place survives its way through a link.
        after = page.next.map(|place| place.to_string().parse().unwrap());
        if after.is_none() {
            return all;
        }
    }
}

fn by(order: Order) -> impl Fn(&RepositoryRow, &RepositoryRow) -> Ordering {
    move |a, b| {
        let up = match order.sort {
            Sort::Name => a.name.cmp(&b.name),
            Sort::Pushed => a.last_push_at.cmp(&b.last_push_at),
            Sort::Pulled => a.last_pull_at.cmp(&b.last_pull_at),
            Sort::Pulls => a.pulls.cmp(&b.pulls),
            Sort::Stars => a.stars.cmp(&b.stars),
            Sort::Tags => a.tags.cmp(&b.tags),
            Sort::Size => a.size.cmp(&b.size),
        };
        let up = up.then(a.id.cmp(&b.id));
        if order.descending { up.reverse() } else { up }
    }
}

fn sees(visible: &Visible, row: &RepositoryRow) -> bool {
    let repository = (registry(&row.registry), RepositoryName::parse(&row.name).unwrap());
    let by_namespace = row.namespace.as_deref().zip(row.visibility.as_deref()).is_some_and(
        |(name, visibility)| {
            let visibility = Visibility::parse(visibility).unwrap();
            visible.sees_namespace(&repository.0, &namespace(name), visibility)
        },
    );
    visible.everything || by_namespace || visible.repositories.contains(&repository)
}

fn fits(filter: &Filter, starred: &BTreeSet<(String, String)>, row: &RepositoryRow) -> bool {
    let inside = |(registry, name): &(RegistryName, NamespaceName)| {
        registry.as_str() == row.registry && Some(name.as_str()) == row.namespace.as_deref()
    };
    filter.namespace.as_ref().is_none_or(inside)
        && filter.visibility.is_none_or(|v| Some(v.as_str()) == row.visibility.as_deref())
        && filter.part.as_ref().is_none_or(|part| row.name.contains(part))
        && filter.prefix.as_ref().is_none_or(|prefix| row.name.starts_with(prefix))
        && filter.since.is_none_or(|since| row.last_push_at.is_some_and(|at| at >= since))
        && (filter.starred_by.is_none()
            || starred.contains(&(row.registry.clone(), row.name.clone())))
}

struct Chance(StdRng);

impl Chance {
    fn one_in(&mut self, n: u32) -> bool {
        self.0.random_range(0..n) == 0
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.0.random_range(0..all.len())].clone()
    }

    fn visible(&mut self) -> Visible {
        let mut visible = Visible { everything: self.one_in(5), ..Visible::default() };
        for visibility in [Visibility::Public, Visibility::Protected, Visibility::Private] {
            if self.one_in(3) {
                visible.visibilities.insert(visibility);
            }
        }
        for place in ["main", "other"] {
            for name in ["_", "a", "a/b", "a/b/c", "d", "e"] {
                if self.one_in(4) {
                    visible.namespaces.insert((registry(place), namespace(name)));
                }
            }
            for name in ["x", "a/x", "a/b/x", "d/y", "z/x"] {
                if self.one_in(6) {
                    let name = RepositoryName::parse(name).unwrap();
                    visible.repositories.insert((registry(place), name));
                }
            }
        }
        visible
    }

    fn filter(&mut self, since: &[Timestamp]) -> Filter {
        let mut filter = Filter::default();
        if self.one_in(3) {
            let place = registry(self.of(&["main", "other"]));
            filter.namespace = Some((place, namespace(self.of(&["_", "a", "a/b", "d", "gone"]))));
        }
        if self.one_in(4) {
            let all = [Visibility::Public, Visibility::Protected, Visibility::Private];
            filter.visibility = Some(self.of(&all));
        }
        if self.one_in(4) {
            filter.part = Some(self.of(&["x", "b/", "%", "_", "nothing"]).to_owned());
        }
        if self.one_in(4) {
            filter.prefix = Some(self.of(&["a", "a/b", "d/", "\u{10FFFF}"]).to_owned());
        }
        if self.one_in(4) {
            filter.since = Some(self.of(since));
        }
        if self.one_in(4) {
            filter.starred_by = Some(UserName::parse("user-2").unwrap());
        }
        filter
    }
}

#[tokio::test]
async fn every_order_and_filter_lists_exactly_what_may_be_seen_and_fits() {
    let (mut liked, mut starred_by_rights) = (0, 0);
    for seed in [21, 22, 23, 24] {
        let db = TestDatabase::new().await;
        let log = log(&db).await;
        append(log.as_ref(), history(seed, 3_000)).await;
        Runner::new(log.clone(), db.service.clone(), now()).catch_up().await.unwrap();
        let read = ReadModels::new(&db.service);
        let order = Order::by(Sort::Name);
        let rows = all_pages(&read, &everything(), &Filter::default(), order, 1_000).await;
        let listed: i64 =
            count(&db.owner, "SELECT count(*) FROM read_content.repositories WHERE id IS NOT NULL")
                .await;
        assert_eq!(i64::try_from(rows.len()).unwrap(), listed);
        assert!(listed > 12, "{listed}");
        let starred: Vec<(String, String)> = sqlx::query_as(
            "SELECT registry, repository FROM read_directory.stars WHERE user_name = 'user-2'",
        )
        .fetch_all(&db.owner)
        .await
        .unwrap();
        let starred: BTreeSet<_> = starred.into_iter().collect();
        liked += starred.len();
        let since: Vec<_> = rows.iter().filter_map(|row| row.last_push_at).collect();
        let mut chance = Chance(StdRng::seed_from_u64(seed));
        let mut found = 0;
        for _ in 0..160 {
            let (mut visible, filter) = (chance.visible(), chance.filter(&since));
            // So much that of it that alone is looked at that could hold a star.
            if filter.starred_by.is_some() && chance.one_in(2) {
                let many = (0..600).map(|n| (registry("main"), namespace(&format!("nothing-{n}"))));
                visible.namespaces.extend(many);
            }
            let order = Order { sort: chance.of(&Sort::EVERY), descending: chance.one_in(2) };
            let mut expected: Vec<_> = rows
                .iter()
                .filter(|row| sees(&visible, row) && fits(&filter, &starred, row))
                .cloned()
                .collect();
            expected.sort_by(by(order));
            let limit = chance.of(&[1, 2, 3, 100]);
            let listed = all_pages(&read, &visible, &filter, order, limit).await;
            assert_eq!(listed, expected, "{seed}: {visible:?} {filter:?} {order:?}");
            found += expected.len();
            if filter.starred_by.is_some() && visible.namespaces.len() > 500 {
                starred_by_rights += expected.len();
            }
        }
        assert!(found > 200, "{found}");
    }
    assert!(liked > 3 && starred_by_rights > 3, "{liked} {starred_by_rights}");
}

async fn count(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

/// What is told beside a repository or namespace but is not what the rows say.
const WRONG_SUMS: [&str; 7] = [
    "SELECT count(*) FROM read_content.repositories r WHERE tags <>
       (SELECT count(*) FROM read_content.tags t WHERE t.live AND t.registry = r.registry
          AND t.repository = r.name)",
    "SELECT count(*) FROM read_content.repositories r WHERE size <>
       (SELECT coalesce(sum(m.total_size), 0) FROM read_content.manifests m WHERE m.live
          AND m.registry = r.registry AND m.repository = r.name)",
    "WITH held AS (SELECT m.registry, m.repository, m.digest AS holder, m.digest, m.size
           FROM read_content.manifests m WHERE m.live AND m.size IS NOT NULL
         UNION SELECT m.registry, m.repository, m.digest, f.digest, f.size
           FROM read_content.manifests m JOIN read_content.manifest_references f
             ON f.registry = m.registry AND f.repository = m.repository AND f.parent = m.digest
           WHERE m.live AND f.size IS NOT NULL),
       blob AS (SELECT registry, repository, digest, size, count(*) AS holders FROM held
         GROUP BY registry, repository, digest, size)
     SELECT (SELECT count(*) FROM blob NATURAL FULL JOIN read_content.blobs b
          WHERE b.holders IS NULL OR blob.holders IS NULL)
       + (SELECT count(*) FROM read_content.repositories r WHERE unique_size <>
          (SELECT coalesce(sum(size), 0) FROM blob
            WHERE blob.registry = r.registry AND blob.repository = r.name))",
    "SELECT count(*) FROM read_content.repositories r WHERE stars <>
       (SELECT count(*) FROM read_directory.stars s WHERE s.registry = r.registry
          AND s.repository = r.name)",
    "SELECT count(*) FROM read_content.repositories r WHERE visibility <>
       coalesce((SELECT n.visibility FROM read_content.content_namespaces n
          WHERE n.registry = r.registry AND n.name = r.namespace), 'none')",
    "SELECT count(*) FROM read_content.content_namespaces n WHERE repositories <>
       (SELECT count(*) FROM read_content.repositories r WHERE r.registry = n.registry
          AND r.namespace = n.name AND r.id IS NOT NULL)",
    "SELECT count(*) FROM read_directory.teams t WHERE (members, namespaces) <>
       ((SELECT count(*) FROM read_directory.team_members m JOIN read_directory.users u
           ON u.name = m.user_name WHERE m.team = t.name),
        (SELECT count(*) FROM read_directory.namespaces n WHERE n.holder_kind = 'team'
           AND n.holder = t.name))",
];

#[tokio::test]
async fn what_is_summed_agrees_with_what_is_there_wherever_pages_of_facts_end() {
    for (seed, page) in [(31, 1), (31, 17), (32, 100), (33, 10_000)] {
        let db = TestDatabase::new().await;
        let log = log(&db).await;
        append(log.as_ref(), history(seed, 2_500)).await;
        let runner =
            Runner::of(log.clone(), db.service.clone(), now(), projections::relational(), page);
        runner.catch_up().await.unwrap();
        for sql in WRONG_SUMS {
            assert_eq!(count(&db.owner, sql).await, 0, "{seed} {page}: {sql}");
        }
        // It is not for want of anything to sum.
        let sums = "SELECT least(sum(tags), sum(size), sum(stars), sum(unique_size))::bigint
             FROM read_content.repositories";
        assert!(count(&db.owner, sums).await > 3);
        let shared = "SELECT count(*) FROM read_content.blobs WHERE holders > 1";
        assert!(count(&db.owner, shared).await > 3);
    }
}

/// Pulls in one repository, at any of these hours, in that order.
fn pulls(hours: &[i64]) -> Vec<NewEvent> {
    let begin: Timestamp = "2024-03-01T12:00:00Z".parse().unwrap();
    let digest = domain::digest::Digest::parse(&format!("sha256:{:064x}", 1)).unwrap();
    let (main, name) = (registry("main"), RepositoryName::parse("a/x").unwrap());
    let pushed = ContentEvent::ManifestPushed {
        registry: main.clone(),
        repository: name.clone(),
        digest: digest.clone(),
        tag: None,
        media_type: None,
        size: None,
        references: Vec::new(),
        omitted: None,
    };
    let alice = || Actor::User { name: UserName::parse("alice").unwrap() };
    let mut all = vec![event(alice(), begin, Event::Content(pushed))];
    all.extend(hours.iter().map(|hour| {
        let pulled = ContentEvent::ManifestPulled {
            registry: main.clone(),
            repository: name.clone(),
            digest: digest.clone(),
            tag: None,
            media_type: None,
            method: PullMethod::Get,
        };
        event(alice(), begin + hour.hours(), Event::Content(pulled))
    }));
    all
}

#[tokio::test]
async fn pulls_of_thirty_days_are_the_same_in_whatever_order_they_were_told() {
    let days = i64::try_from(PULL_DAYS).unwrap();
    let hours: Vec<i64> =
        [0, 1, 20, 24, 25, 24 * 3, 24 * 29, 24 * 30, 24 * 31 + 5, 24 * 45, 24 * 45 + 1].to_vec();
    let mut told = BTreeMap::new();
    for seed in 0..4 {
        let mut order = hours.clone();
        let mut random = StdRng::seed_from_u64(seed);
        for at in (1..order.len()).rev() {
            order.swap(at, random.random_range(0..=at));
        }
        let db = TestDatabase::new().await;
        let log = log(&db).await;
        append(log.as_ref(), pulls(&order)).await;
        Runner::new(log.clone(), db.service.clone(), now()).catch_up().await.unwrap();
        let name = RepositoryName::parse("a/x").unwrap();
        let row = repositories::find(
            &ReadModels::new(&db.service),
            &registry("main"),
            &name,
            &everything(),
        )
        .await
        .unwrap()
        .unwrap();
        assert_eq!(row.pulls, 11);
        let noon: Timestamp = "2024-03-01T12:00:00Z".parse().unwrap();
        let first_day: Timestamp = "2024-03-01T00:00:00Z".parse().unwrap();
        for later in [45, 46, 60, 74, 75, 200] {
            let now = noon + (24 * later).hours();
            let since = first_day + (24 * (later - days + 1)).hours();
            let expected = hours.iter().filter(|hour| noon + hour.hours() >= since).count();
            assert_eq!(
                row.recent_pulls(now),
                i64::try_from(expected).unwrap(),
                "{later} {order:?}"
            );
        }
        told.insert(format!("{:?} {:?}", row.pull_day, row.pull_days), order);
    }
    assert_eq!(told.len(), 1, "{told:?}");
}

/// Repositories as the fold would leave them, straight into the tables: `each` in each namespace
/// `spaces-0001`, …, every fifth of which is public.
const WORLD: &str = "
    INSERT INTO read_content.content_namespaces (registry, name, id, visibility, repositories)
      SELECT 'main', 'space-' || lpad(n::text, 5, '0'), n,
        CASE n % 5 WHEN 0 THEN 'public' ELSE 'private' END, $2
      FROM generate_series(1, $1::bigint) n;";
const REPOSITORIES: &str = "
    INSERT INTO read_content.repositories (registry, name, id, namespace, created_at, pulls, pushes,
        visibility, stars, tags, size, last_push_at)
      SELECT 'main', n.name || '/app-' || k, n.id * 1000000 + k, n.name, '2024-01-01Z', (n.id * 7919 + k) % 10007,
        1, n.visibility, (n.id * 31 + k) % 13, k, k * 1000, '2024-01-01Z'::timestamptz + (n.id * 7919 + k) % 86413 * interval '1 s'
      FROM read_content.content_namespaces n, generate_series(1, $1::bigint) k";

async fn world(db: &TestDatabase, namespaces: i64, each: i64) -> ReadModels {
    sqlx::query(WORLD).bind(namespaces).bind(each).execute(&db.owner).await.unwrap();
    sqlx::query(REPOSITORIES).bind(each).execute(&db.owner).await.unwrap();
    sqlx::raw_sql("VACUUM ANALYZE").execute(&db.owner).await.unwrap();
    ReadModels::new(&db.service)
}

fn member_of(namespaces: impl Iterator<Item = i64>) -> Visible {
    let namespaces =
        namespaces.map(|n| (registry("main"), namespace(&format!("space-{n:05}")))).collect();
    Visible { namespaces, ..Visible::default() }
}

/// Some people see little enough to gather it, and some so much that it is walked through: both see
/// what a plain reading of the rows says.
#[tokio::test]
async fn what_is_gathered_and_what_is_walked_is_the_same_list() {
    let db = TestDatabase::new().await;
    let read = world(&db, 1_000, 10).await;
    let order = Order::by(Sort::Name);
    let rows = all_pages(&read, &everything(), &Filter::default(), order, 1_000).await;
    assert_eq!(rows.len(), 10_000);
    let public = Visible { visibilities: [Visibility::Public].into(), ..Visible::default() };
    let few = Visible { visibilities: public.visibilities.clone(), ..member_of(1..=9) };
    let many = Visible { visibilities: public.visibilities.clone(), ..member_of(300..=900) };
    let nothing = Visible::default();
    for visible in [everything(), public, few, many, nothing] {
        for (sort, part) in [(Sort::Stars, None), (Sort::Pushed, Some("app-7")), (Sort::Name, None)]
        {
            let filter = Filter { part: part.map(str::to_owned), ..Filter::default() };
            let order = Order::by(sort);
            let mut expected: Vec<_> = rows
                .iter()
                .filter(|row| sees(&visible, row) && fits(&filter, &BTreeSet::new(), row))
                .cloned()
                .collect();
            expected.sort_by(by(order));
            let listed = all_pages(&read, &visible, &filter, order, 1_000).await;
            assert_eq!(listed.len(), expected.len());
            assert!(listed == expected, "{sort:?} {part:?}");
        }
    }
}

#[tokio::test]
async fn a_page_looks_at_so_many_repositories_and_says_where_to_look_further() {
    let db = TestDatabase::new().await;
    let most = usize::try_from(MOST_WALKED).unwrap();
    let read = world(&db, 30, MOST_WALKED / 10).await;
    let order = Order::by(Sort::Stars);
    // In one namespace, far behind in this order.
    let rare = Filter { part: Some("space-00030/app-7".to_owned()), ..Filter::default() };
    let (mut pages, mut found, mut after) = (0, Vec::new(), None);
    loop {
        let page = browse(&read, &everything(), &rare, order, after.as_ref(), 100).await.unwrap();
        pages += 1;
        assert!(!page.cut || page.next.is_some());
        found.extend(page.rows);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let all = 30 * most / 10;
    assert!(pages > 2 && pages < all, "{pages}");
    let mut names: Vec<_> = found.iter().map(|row| row.name.clone()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), found.len());
    let expected = (1..=most / 10).filter(|k| k.to_string().starts_with('7')).count();
    assert_eq!(found.len(), expected);
    // What is hidden does not count: who sees a hundred of these gets them at once.
    let one = Visible { namespaces: member_of(30..=30).namespaces, ..Visible::default() };
    let Slice { rows, cut, .. } = browse(&read, &one, &rare, order, None, 100).await.unwrap();
    assert_eq!((rows.len(), cut), (expected.min(100), false));
}
