//! The feed: what each way of looking back finds, against a plain reading of the whole of it.

use domain::access::Visible;
use domain::event::Position;
use domain::name::{NamespaceName, RegistryName, RepositoryName, TeamName, UserName};
use domain::namespace::Visibility;
use projections::ReadModels;
use projections::activity::{self, Cursor, Filter, LOOK_BACK, LOOK_BACK_OWN, Viewer};
use projections::runner::Runner;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sqlx::PgPool;
use tests::postgres::TestDatabase;

use crate::history::{append, history, log, now};

/// Every row that somebody may see and that is wanted, with nothing left to an index or an end.
const PLAIN: &str = "SELECT a.position, a.index FROM read_activity.activity a
    WHERE ($1 OR a.team = ANY($5) OR a.user_name = $6
        OR (a.actor = $6 AND a.actor_kind IN ('user', 'bot'))
        OR (a.namespace_id IS NOT NULL
            AND (a.registry, a.repository) IN (SELECT * FROM unnest($7::text[], $8::text[])))
        OR EXISTS (SELECT FROM read_directory.namespaces n WHERE n.id = a.namespace_id
             AND (n.visibility = ANY($2)
               OR (n.registry, n.name) IN (SELECT * FROM unnest($3::text[], $4::text[])))))
      AND ($9::text IS NULL OR a.actor = $9)
      AND ($10::text IS NULL OR a.registry = $10)
      AND ($11::text IS NULL OR a.namespace = $11)
      AND ($12::text IS NULL OR a.repository = $12)
      AND ($13::text IS NULL OR a.team = $13)
      AND ($14::text IS NULL OR a.kind = $14 OR starts_with(a.kind, $14 || '.'))
      AND ($15::text IS NULL OR a.outcome = $15)
    ORDER BY a.position DESC, a.index DESC";

fn registry(name: &str) -> RegistryName {
    RegistryName::parse(name).unwrap()
}

async fn plain(pool: &PgPool, filter: &Filter, viewer: &Viewer) -> Vec<(i64, i32)> {
    let visible = &viewer.visible;
    let pairs = |all: Vec<(String, String)>| all.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
    let namespaces = visible.namespaces.iter().map(|(r, n)| (r.to_string(), n.to_string()));
    let repositories = visible.repositories.iter().map(|(r, n)| (r.to_string(), n.to_string()));
    let (namespaces, repositories) = (pairs(namespaces.collect()), pairs(repositories.collect()));
    sqlx::query_as(PLAIN)
        .bind(visible.everything || viewer.auditor)
        .bind(visible.visibilities.iter().map(|v| v.as_str()).collect::<Vec<_>>())
        .bind(namespaces.0)
        .bind(namespaces.1)
        .bind(visible.teams.iter().map(ToString::to_string).collect::<Vec<_>>())
        .bind(viewer.user.as_ref().map(ToString::to_string))
        .bind(repositories.0)
        .bind(repositories.1)
        .bind(&filter.actor)
        .bind(filter.registry.as_ref().map(ToString::to_string))
        .bind(filter.namespace.as_ref().map(ToString::to_string))
        .bind(filter.repository.as_ref().map(ToString::to_string))
        .bind(filter.team.as_ref().map(ToString::to_string))
        .bind(&filter.kind)
        .bind(&filter.outcome)
        .fetch_all(pool)
        .await
        .unwrap()
}

/// All pages, and how many of them ended early.
async fn all_pages(
    read: &ReadModels,
    filter: &Filter,
    viewer: &Viewer,
    limit: i64,
) -> (Vec<(i64, i32)>, usize) {
    let (mut all, mut before, mut cut) = (Vec::new(), None, 0);
    loop {
        let page = activity::page(read, filter, viewer, before, limit).await.unwrap();
        assert!(page.rows.len() <= usize::try_from(limit).unwrap());
        cut += usize::from(page.cut);
        all.extend(page.rows.iter().map(|row| (row.position, row.index)));
        assert!(page.older.is_none_or(|older| before.is_none_or(|before: Cursor| older < before)));
        before = page.older.map(|older| older.to_string().parse().unwrap());
        if before.is_none() {
            return (all, cut);
        }
    }
}

struct Chance(StdRng);

impl Chance {
    fn one_in(&mut self, n: u32) -> bool {
        self.0.random_range(0..n) == 0
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.0.random_range(0..all.len())].clone()
    }

    fn viewer(&mut self) -> Viewer {
        let mut visible = Visible { everything: self.one_in(4), ..Visible::default() };
        for visibility in [Visibility::Public, Visibility::Private] {
            if self.one_in(3) {
                visible.visibilities.insert(visibility);
            }
        }
        for place in ["main", "other"] {
            for name in ["_", "a", "a/b", "d"] {
                if self.one_in(3) {
                    visible
                        .namespaces
                        .insert((registry(place), NamespaceName::parse(name).unwrap()));
                }
            }
            for name in ["x", "a/x", "d/y", "z/x"] {
                if self.one_in(6) {
                    let name = RepositoryName::parse(name).unwrap();
                    visible.repositories.insert((registry(place), name));
                }
            }
        }
        if self.one_in(3) {
            visible.teams.insert(TeamName::parse("team-1").unwrap());
        }
        let user = self.one_in(2).then(|| UserName::parse("user-3").unwrap());
        Viewer { visible: visible.into(), user, auditor: self.one_in(8) }
    }

    fn filter(&mut self) -> Filter {
        let mut filter = Filter::default();
        if self.one_in(4) {
            filter.actor = Some(self.of(&["user-3", "user-1", "anonymous", "nobody"]).to_owned());
        }
        if self.one_in(4) {
            filter.repository = Some(RepositoryName::parse(self.of(&["a/x", "x", "z/x"])).unwrap());
        }
        if self.one_in(6) {
            filter.registry = Some(registry(self.of(&["main", "other"])));
        }
        if self.one_in(6) {
            filter.namespace = Some(NamespaceName::parse(self.of(&["a", "d"])).unwrap());
        }
        if self.one_in(6) {
            filter.team = Some(TeamName::parse("team-1").unwrap());
        }
        if self.one_in(3) {
            let kinds =
                ["content", "content.manifest_pushed", "user", "auth", "auth.signed_in", "no"];
            filter.kind = Some(self.of(&kinds).to_owned());
        }
        if self.one_in(5) {
            filter.outcome = Some(self.of(&["done", "refused"]).to_owned());
        }
        filter
    }
}

#[tokio::test]
async fn every_viewer_and_filter_gets_exactly_what_may_be_seen_and_fits() {
    for seed in [41, 42] {
        let db = TestDatabase::new().await;
        let log = log(&db).await;
        append(log.as_ref(), history(seed, 2_500)).await;
        Runner::new(log.clone(), db.service.clone(), now()).catch_up().await.unwrap();
        let read = ReadModels::new(&db.service);
        let mut chance = Chance(StdRng::seed_from_u64(seed));
        let mut found = 0;
        for _ in 0..120 {
            let (viewer, filter) = (chance.viewer(), chance.filter());
            let expected = plain(&db.owner, &filter, &viewer).await;
            let limit = chance.of(&[7, 50, 1_000]);
            let (listed, cut) = all_pages(&read, &filter, &viewer, limit).await;
            assert_eq!(listed, expected, "{seed}: {viewer:?} {filter:?}");
            assert_eq!(cut, 0, "there is not so much");
            found += expected.len();
        }
        assert!(found > 3_000, "{found}");
    }
}

#[tokio::test]
async fn one_event_is_found_by_its_place_by_whoever_may_see_it() {
    let db = TestDatabase::new().await;
    let log = log(&db).await;
    let last: Position = append(log.as_ref(), history(43, 600)).await;
    Runner::new(log.clone(), db.service.clone(), now()).catch_up().await.unwrap();
    let read = ReadModels::new(&db.service);
    let mut chance = Chance(StdRng::seed_from_u64(43));
    for _ in 0..6 {
        let viewer = chance.viewer();
        let seen = plain(&db.owner, &Filter::default(), &viewer).await;
        for position in 1..=last.0.cast_signed() {
            for index in 0..2 {
                let row = activity::one(&read, &viewer, Cursor { position, index }).await.unwrap();
                assert_eq!(row.is_some(), seen.contains(&(position, index)), "{position} {index}");
            }
        }
        let newest = seen.first().map_or(0, |(position, _)| *position);
        for (after, news) in [(newest - 1, newest > 0), (newest, false)] {
            let told = activity::has_news(&read, &Filter::default(), &viewer, after).await;
            assert_eq!(told.unwrap(), news);
        }
    }
}

/// Rows as the fold would leave them: pushes in `spaces` namespaces in turn, every hundredth refused.
const WORLD: &str = "
    INSERT INTO read_activity.activity (position, index, event_id, recorded_at, occurred_at, kind,
        outcome, actor_kind, actor, registry, namespace, namespace_id, repository, detail)
      SELECT n, 0, gen_random_uuid(), '2024-01-01Z', '2024-01-01Z', 'content.manifest_pushed',
        CASE WHEN n % 100 = 0 THEN 'reduced' ELSE 'done' END, 'user', 'bob',
        'main', 's' || n % $2, n % $2 + 1, 's' || n % $2 || '/app', '{}'
      FROM generate_series(1, $1::bigint) n";
const SPACES: &str = "
    INSERT INTO read_directory.namespaces (registry, name, id, holder_kind, visibility, description,
        created_at, updated_at)
      SELECT 'main', 's' || n, n + 1, 'team', CASE WHEN n % 10 = 1 THEN 'public' ELSE 'private' END,
        '', '2024-01-01Z', '2024-01-01Z'
      FROM generate_series(0, $1::bigint - 1) n";

async fn world(db: &TestDatabase, rows: i64, spaces: i64) -> ReadModels {
    sqlx::query(WORLD).bind(rows).bind(spaces).execute(&db.owner).await.unwrap();
    sqlx::query(SPACES).bind(spaces).execute(&db.owner).await.unwrap();
    sqlx::raw_sql("VACUUM ANALYZE").execute(&db.owner).await.unwrap();
    ReadModels::new(&db.service)
}

fn member_of(spaces: impl Iterator<Item = i64>) -> Viewer {
    let namespaces =
        spaces.map(|n| (registry("main"), NamespaceName::parse(&format!("s{n}")).unwrap()));
    let visible = Visible { namespaces: namespaces.collect(), ..Visible::default() };
    Viewer {
        visible: visible.into(),
        user: Some(UserName::parse("alice").unwrap()),
        auditor: false,
    }
}

#[tokio::test]
async fn a_look_ends_and_says_where_and_all_looks_together_miss_nothing() {
    let db = TestDatabase::new().await;
    let (rows, spaces) = (LOOK_BACK_OWN + LOOK_BACK + 500, 2_000);
    let read = world(&db, rows, spaces).await;
    let kind = |kind: &str| Some(kind.to_owned());
    let reduced = Filter { outcome: kind("reduced"), ..Filter::default() };
    let rare = Filter { outcome: kind("reduced"), actor: kind("bob"), ..Filter::default() };
    let none = Filter { outcome: kind("refused"), actor: kind("bob"), ..Filter::default() };
    let everything = Visible { everything: true, ..Visible::default() };
    let admin = Viewer { visible: everything.into(), ..Viewer::default() };
    let few = member_of(0..3);
    let many = member_of(0..600);
    let cases = [
        // What is one's own is found wherever it is, and so is the one thing an index leads to.
        (&few, &Filter::default(), false),
        (&admin, &Filter::default(), false),
        (&admin, &reduced, false),
        // All else is looked for.
        (&few, &reduced, true),
        (&many, &reduced, true),
        (&admin, &none, true),
        (&admin, &rare, true),
    ];
    for (number, (viewer, filter, ends_early)) in cases.into_iter().enumerate() {
        let expected = plain(&db.owner, filter, viewer).await;
        let (listed, cut) = all_pages(&read, filter, viewer, 1_000).await;
        assert_eq!(listed, expected, "case {number}");
        assert_eq!(cut > 0, ends_early, "case {number}: {cut}");
    }
}
