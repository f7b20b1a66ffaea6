//! What a page costs over a hundred thousand repositories, a million tags and a million activities.

mod ground;

use std::time::{Duration, Instant};

use tests::program::{Person, Program};

use self::ground::Ground;
use crate::machine;

/// Each page is asked for so often, one request after the other.
const ASKED: usize = 200;
/// The most that the ninety-ninth of a hundred may take.
const LIMIT_MS: f64 = 20.0;
/// The most that somebody's first page may weigh on the wire, with all it loads.
const LIMIT_KB: f64 = 60.0;

/// A page for everybody.
const OPEN: &[&str] = &[
    "/",
    "/sign-in",
    "/help",
    "/repositories",
    "/repositories?sort=-pushed",
    "/repositories?sort=-stars",
    "/repositories?sort=-pulls",
    "/repositories?sort=-size",
    "/repositories?sort=-tags",
    "/repositories?sort=pulled",
    "/repositories?name=nginx-4",
    "/repositories?name=nothing-like-it&sort=-stars",
    "/repositories?name=n77*&sort=-stars",
    "/repositories?days=7&sort=-pulls",
    "/repositories?namespace=big&sort=-pulls",
    "/namespaces",
    "/n/big",
    "/n/big?after=big/nginx-web-7",
    "/r/big/tagged",
    "/r/big/tagged?after=v5",
    "/r/big/tagged/-/tags/moved",
    "/r/big/tagged/-/manifests/{digest}",
    "/search",
    "/search?q=nginx",
    "/search/suggest?q=ngi",
    "/nothing/here",
];

/// For those who are signed in.
const SIGNED_IN: &[&str] = &[
    "/repositories?starred=yes&sort=-stars",
    "/r/big/tagged/-/activity",
    "/r/big/tagged/-/access",
    "/activity",
    "/activity?kind=content.manifest_pushed",
    "/activity?kind=content.deleted",
    "/activity?repository=big/tagged",
    "/activity?actor=u7",
    "/activity?actor=nobody",
    "/activity?outcome=refused",
    "/activity?before=500000/0",
    "/activity/{event}",
    "/activity/{hidden}",
    "/teams",
    "/teams/{team}",
    "/teams/{team}/namespaces",
    "/u/u7",
    "/me",
    "/me/tokens",
    "/me/security",
    "/me/preferences",
];

/// For administrators.
const ADMINISTRATION: &[&str] = &[
    "/admin",
    "/admin/users",
    "/admin/users?q=u1",
    "/admin/users/u7",
    "/admin/registries",
    "/admin/registries/main",
    "/admin/keys",
    "/n/big/-/settings",
    "/teams/{team}/settings",
];

pub(crate) async fn figures() {
    let site = Program::start_with(&[("PORTUS_LOG__FILTER", "warn")]).await;
    let start = Instant::now();
    let ground = ground::lay(&site).await;
    println!("## Pages\n\n{}; made in {:.0} s.\n", ground.words, start.elapsed().as_secs_f64());
    let cookie = async |person: &Person| Some(site.cookie(person).await);
    let everybody = [
        ("anonymous", None, vec![OPEN]),
        ("in 4 namespaces", cookie(&ground.few).await, vec![OPEN, SIGNED_IN]),
        ("in 5,000 namespaces", cookie(&ground.many).await, vec![OPEN, SIGNED_IN]),
        ("administrator", cookie(&ground.admin).await, vec![OPEN, SIGNED_IN, ADMINISTRATION]),
    ];
    let pid = site.pid().expect("a running portus");
    machine::settle(&machine::family(pid), Duration::from_secs(60));
    println!(
        "| who | page | status | kB | p50 ms | p99 ms | |\n| --- | --- | --- | --- | --- | --- | --- |"
    );
    for (who, cookie, pages) in &everybody {
        let mut first = 0.0;
        for path in pages.iter().copied().flatten() {
            let path = ground.fill(path);
            let taken = take(&site, cookie.as_deref(), &path).await;
            if path == "/" {
                first = taken.kb;
            }
            println!("{}", taken.line(who, &path));
            if let Some(next) = taken.next {
                let further = take(&site, cookie.as_deref(), &next).await;
                println!("{}", further.line(who, &format!("{path}, next page")));
            }
        }
        let with = first + assets(&site).await;
        let over = if with > LIMIT_KB { ", too much" } else { "" };
        println!("| {who} | first page with all it loads | | {with:.1}{over} | | | |");
    }
    println!();
}

struct Taken {
    status: u16,
    kb: f64,
    p50: f64,
    p99: f64,
    next: Option<String>,
}

impl Taken {
    fn line(&self, who: &str, page: &str) -> String {
        let Self { status, kb, p50, p99, .. } = self;
        let over = if *p99 > LIMIT_MS { "over" } else { "" };
        format!("| {who} | `{page}` | {status} | {kb:.1} | {p50:.1} | {p99:.1} | {over} |")
    }
}

async fn take(site: &Program, cookie: Option<&str>, path: &str) -> Taken {
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    let url = format!("{}{path}", site.url());
    let ask = async |gzip: bool| {
        let mut request = http.get(&url).header("accept", "text/html");
        if gzip {
            request = request.header("accept-encoding", "gzip");
        }
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.bytes().await.expect("a body"))
    };
    // What is measured is a service that has been asked this before.
    let (status, page) = ask(false).await;
    let page = String::from_utf8_lossy(&page).into_owned();
    let mut times = Vec::with_capacity(ASKED);
    let mut bytes = 0;
    for _ in 0..ASKED {
        let start = Instant::now();
        bytes = ask(true).await.1.len();
        times.push(start.elapsed().as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    Taken {
        status,
        kb: bytes as f64 / 1_000.0,
        p50: machine::percentile(&times, 0.5),
        p99: machine::percentile(&times, 0.99),
        next: next(&page),
    }
}

/// Where the page says that the list goes on.
fn next(page: &str) -> Option<String> {
    let css = scraper::Selector::parse("a[rel=next]").expect("a selector");
    let page = scraper::Html::parse_document(page);
    page.select(&css).next()?.attr("href").map(str::to_owned)
}

/// What every page loads, compressed, in kB.
async fn assets(site: &Program) -> f64 {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let page = http.get(site.url()).send().await.expect("an answer");
    let page = page.text().await.expect("a page");
    let loaded = page.split('"').filter(|part| part.starts_with("/assets/"));
    let mut bytes = 0;
    for path in loaded {
        let url = format!("{}{path}", site.url());
        let answer = http.get(url).header("accept-encoding", "gzip").send().await;
        bytes += answer.expect("a file").bytes().await.expect("a body").len();
    }
    bytes as f64 / 1_000.0
}

impl Ground {
    fn fill(&self, path: &str) -> String {
        path.replace("{digest}", &self.digest)
            .replace("{event}", &self.event)
            .replace("{hidden}", &self.hidden)
            .replace("{team}", &self.team)
    }
}
