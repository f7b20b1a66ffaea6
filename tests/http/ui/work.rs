//! How much work each page is: how many statements, and how much of the database they touch, in a
//! world and in one that is several times as large. A page's work does not grow with what is not
//! on it.

mod world;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use sqlx::PgPool;
use tests::heard;
use tests::site::{ADMINISTRATOR, Site};
use tower::ServiceExt as _;

use super::signed_in;

/// For each route that is asked with GET, which pages are looked at. In words, why it is none.
const PAGES: &[(&str, Pages)] = &[
    ("/", Looked(&["/"])),
    ("/setup", Looked(&["/setup"])),
    ("/setup/address", Looked(&["/setup/address"])),
    ("/setup/registry", Looked(&["/setup/registry"])),
    ("/setup/keys", Looked(&["/setup/keys"])),
    ("/setup/configuration", Looked(&["/setup/configuration"])),
    ("/sign-in", Looked(&["/sign-in"])),
    ("/sign-up", Looked(&["/sign-up"])),
    ("/password", Looked(&["/password"])),
    ("/password/new", Looked(&["/password/new"])),
    ("/password/{token}", Not("leads to /password/new")),
    ("/search", Looked(&["/search", "/search?q=payments", "/search?q=app&kind=repositories"])),
    ("/search/suggest", Looked(&["/search/suggest?q=pay"])),
    ("/suggest/names", Looked(&["/suggest/names?user=u", "/suggest/names?name=t&kind=team"])),
    (
        "/repositories",
        Looked(&[
            "/repositories",
            "/repositories?sort=-name",
            "/repositories?sort=-pushed",
            "/repositories?sort=pulled",
            "/repositories?sort=-pulls",
            "/repositories?sort=-stars",
            "/repositories?sort=-tags",
            "/repositories?sort=size",
            "/repositories?name=no-such-name",
            "/repositories?name=payments/*",
            "/repositories?namespace=payments&sort=-stars",
            "/repositories?namespace=huge&sort=-stars",
            "/repositories?visibility=private",
            "/repositories?days=7&sort=-pushed",
            "/repositories?starred=yes",
        ]),
    ),
    (
        "/r/{*rest}",
        Looked(&[
            "/r/payments/checkout",
            "/r/payments/checkout?after=1795000000000000-2",
            "/r/payments/checkout?sort=name",
            "/r/payments/checkout?sort=name&after=2",
            "/r/payments/checkout?begins=1",
            "/r/payments/checkout/-/activity",
            "/r/payments/checkout/-/access",
            "/r/payments/checkout/-/access?user=bob",
            "/r/payments/checkout/-/settings",
            "/r/payments/checkout/-/comments",
            "/r/payments/checkout/-/tags/latest",
            "/r/payments/checkout/-/manifests/{digest}",
            "/r/absent/app",
        ]),
    ),
    ("/registries/{registry}/r/{*rest}", Looked(&["/registries/main/r/payments/checkout"])),
    ("/namespaces", Looked(&["/namespaces", "/namespaces?after=main+n5"])),
    ("/namespaces/new", Looked(&["/namespaces/new"])),
    (
        "/n/{*rest}",
        Looked(&[
            "/n/payments",
            "/n/huge",
            "/n/payments/-/activity",
            "/n/huge/-/activity",
            "/n/payments/-/access",
            "/n/payments/-/settings",
            "/n/payments/-/delete",
        ]),
    ),
    ("/registries/{registry}/n/{*rest}", Looked(&["/registries/main/n/payments"])),
    ("/teams", Looked(&["/teams", "/teams?after=t5"])),
    ("/teams/new", Looked(&["/teams/new"])),
    ("/teams/{team}", Looked(&["/teams/payments"])),
    ("/teams/{team}/namespaces", Looked(&["/teams/payments/namespaces", "/teams/huge/namespaces"])),
    ("/teams/{team}/activity", Looked(&["/teams/payments/activity"])),
    ("/teams/{team}/activity/live", Not("a stream that stays open")),
    ("/teams/{team}/settings", Looked(&["/teams/payments/settings"])),
    ("/teams/{team}/delete", Looked(&["/teams/payments/delete"])),
    ("/u/{user}", Looked(&["/u/bob"])),
    (
        "/activity",
        Looked(&[
            "/activity",
            "/activity?actor=u7",
            "/activity?actor=nobody",
            "/activity?kind=content",
            "/activity?kind=content.deleted",
            "/activity?kind=user",
            "/activity?outcome=refused",
            "/activity?repository=payments/checkout",
            "/activity?repository=huge/app-1",
            "/activity?namespace=payments",
            "/activity?namespace=huge&outcome=refused",
            "/activity?team=payments",
            "/activity?actor=nobody&kind=content.manifest_pushed",
            "/activity?before=50000/0",
        ]),
    ),
    ("/activity/export", Not("a file, read on as far as it goes")),
    ("/activity/live", Not("a stream that stays open")),
    ("/activity/{event}", Looked(&["/activity/{event}", "/activity/{hidden}"])),
    ("/me", Looked(&["/me"])),
    ("/me/tokens", Looked(&["/me/tokens"])),
    ("/me/security", Looked(&["/me/security"])),
    ("/me/preferences", Looked(&["/me/preferences"])),
    ("/admin", Looked(&["/admin"])),
    ("/admin/users", Looked(&["/admin/users", "/admin/users?q=u9", "/admin/users?after=u5"])),
    ("/admin/users/new", Looked(&["/admin/users/new"])),
    ("/admin/users/{user}", Looked(&["/admin/users/bob"])),
    ("/admin/registries", Looked(&["/admin/registries"])),
    ("/admin/registries/{name}", Looked(&["/admin/registries/main"])),
    ("/admin/keys", Looked(&["/admin/keys"])),
    ("/help", Looked(&["/help"])),
    ("/api", Looked(&["/api"])),
    ("/help/problems", Looked(&["/help/problems"])),
    ("/help/problems/{slug}", Looked(&["/help/problems/not-found"])),
    ("/users/sign_in", Not("the same page as /sign-in")),
    ("/users/sign_up", Not("the same page as /sign-up")),
    ("/users/password/new", Not("the same page as /password")),
    ("/assets/{file}", Not("a file")),
    // Loaded again after a form was answered there.
    ("/teams/{team}/members", Not("leads to /teams/{team}")),
    ("/teams/{team}/members/role", Not("leads to /teams/{team}")),
    ("/teams/{team}/members/remove", Not("leads to /teams/{team}")),
    ("/me/tokens/revoke", Not("leads to /me/tokens")),
    ("/me/password", Not("leads to /me/security")),
    ("/me/sessions/others", Not("leads to /me/security")),
    ("/me/sessions/end", Not("leads to /me/security")),
    ("/admin/users/{user}/{wish}", Not("leads to /admin/users/{user}")),
    ("/admin/registries/{name}/secret", Not("leads to /admin/registries/{name}")),
];

use Pages::{Looked, Not};

enum Pages {
    Looked(&'static [&'static str]),
    Not(&'static str),
}

/// The most that any page may touch, in blocks of 8 kB.
const MOST_BLOCKS: i64 = 25_000;

/// The routes in the source, so that none is forgotten here.
fn routes() -> Vec<String> {
    let source = include_str!("../../../web/src/ui.rs");
    let source = source.split_whitespace().collect::<String>();
    let routes = source.split(".route(\"").skip(1).filter_map(|rest| {
        let (path, rest) = rest.split_once('"')?;
        rest.split(".route(").next()?.contains("get(").then(|| path.to_owned())
    });
    routes.collect()
}

#[test]
fn every_route_is_looked_at_or_it_is_said_why_not() {
    let known: BTreeMap<_, _> = PAGES.iter().map(|(route, pages)| (*route, pages)).collect();
    let routes = routes();
    assert!(routes.len() > 30, "{routes:?}");
    for route in &routes {
        assert!(known.contains_key(route.as_str()), "{route} is a page whose work nobody looks at");
    }
    for (route, pages) in PAGES {
        assert!(routes.iter().any(|known| known == route), "{route} is no route");
        assert!(!matches!(pages, Not("")));
    }
}

#[tokio::test]
async fn no_page_is_more_work_in_a_larger_world() {
    let site = Site::start().await;
    let mut ground = world::lay(&site).await;
    let mut people = vec![("anonymous", String::new())];
    for (who, name) in [("member", "alice"), ("auditor", "olga"), ("administrator", ADMINISTRATOR)]
    {
        let browser = signed_in(&site, name).await;
        let cookies: Vec<_> = browser.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        people.push((who, cookies.join("; ")));
    }
    let bench = Bench {
        pages: web::ui::router(site.parts.routes.pages.clone()),
        read: site.parts.routes.pages.read.pool().clone(),
        owner: site.ground.database.owner.clone(),
    };
    ground.grow(&site, 1).await;
    let small = bench.all(&people, &ground).await;
    ground.grow(&site, 3).await;
    let large = bench.all(&people, &ground).await;

    let mut wrong = Vec::new();
    let mut table = String::new();
    for (page, few) in &small {
        let many = &large[page];
        writeln!(table, "{page}: {} {}", few.status.as_u16(), few.statements).unwrap();
        if few.statements != many.statements || few.status != many.status {
            wrong.push(format!("{page}: {few:?}, in the larger world {many:?}"));
        }
        if many.blocks > few.blocks * 3 / 2 + 200 || many.blocks > MOST_BLOCKS {
            wrong.push(format!("{page}: {few:?}, in the larger world {many:?}"));
        }
    }
    if let Ok(folder) = std::env::var("PORTUS_WORK") {
        let lines: Vec<_> =
            small.iter().map(|(page, few)| format!("{page}: {few:?} {:?}", large[page])).collect();
        std::fs::write(format!("{folder}/work.txt"), lines.join("\n")).unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    insta::assert_snapshot!("statements", table);
    site.stop().await;
}

/// Blocks from which on a page is looked at again.
const SUSPICIOUS: i64 = 100;

/// What one page was.
#[derive(Debug)]
struct Work {
    status: StatusCode,
    statements: usize,
    /// Of tables and their indexes.
    blocks: i64,
}

struct Bench {
    pages: Router,
    read: PgPool,
    owner: PgPool,
}

impl Bench {
    async fn all(
        &self,
        people: &[(&str, String)],
        ground: &world::Ground,
    ) -> BTreeMap<String, Work> {
        let mut all = BTreeMap::new();
        for (who, cookie) in people {
            for (_, pages) in PAGES {
                let Looked(pages) = pages else { continue };
                for path in *pages {
                    let path = ground.fill(path);
                    // The first time, connections read the catalogue.
                    self.ask(cookie, &path).await;
                    let mut work = self.work(cookie, &path).await;
                    // Not what the server did for itself meanwhile, such as a vacuum.
                    for _ in 0..3 {
                        if work.blocks < SUSPICIOUS {
                            break;
                        }
                        let again = self.work(cookie, &path).await;
                        work.blocks = work.blocks.min(again.blocks);
                    }
                    all.insert(format!("{who} {}", ground.blank(&path)), work);
                }
            }
        }
        all
    }

    async fn work(&self, cookie: &str, path: &str) -> Work {
        let before = self.touched().await;
        let (status, statements) = heard::statements(self.ask(cookie, path)).await;
        Work { status, statements, blocks: self.touched().await - before }
    }

    async fn ask(&self, cookie: &str, path: &str) -> StatusCode {
        let request = Request::get(path).header("accept", "text/html").header("cookie", cookie);
        let request = request.body(Body::empty()).unwrap();
        let answer = self.pages.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        status
    }

    /// Blocks of our tables and indexes that anybody has asked for so far.
    async fn touched(&self) -> i64 {
        // Each connection tells when it is asked to; a page has given all of them back. Those that
        // made the world have something to tell, too.
        for pool in [&self.owner, &self.read] {
            let mut all = Vec::new();
            while all.len() < pool.size() as usize {
                all.push(pool.acquire().await.unwrap());
            }
            for mut connection in all {
                let tell = sqlx::query("SELECT pg_stat_force_next_flush()");
                tell.execute(&mut *connection).await.unwrap();
            }
        }
        let sum = "SELECT sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read, 0)
              + coalesce(idx_blks_hit, 0))::bigint FROM pg_statio_user_tables
            WHERE schemaname LIKE 'read\\_%'";
        sqlx::query_scalar(sum).fetch_one(&self.owner).await.unwrap()
    }
}
