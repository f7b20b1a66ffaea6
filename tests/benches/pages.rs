//! What a page costs over a hundred thousand repositories, a million tags and a million activities.

mod ground;

use std::time::{Duration, Instant};

use base64::Engine as _;
use tests::program::{Person, Program};

use self::ground::Ground;
use crate::machine;

/// Each page is asked for so often, one request after the other; `BENCH_ASKED` says otherwise.
const ASKED: usize = 200;
/// Before that so often, in which each connection to the database has been asked all of it: what is
/// measured is a service that has been running for a while.
const BEFORE: usize = 30;
/// A page that is over the limit is measured again so often, for others use the machine as well: what
/// belongs to the page is there each time. The least counts, and the line says that it did.
const AGAIN: usize = 2;
/// Only pages whose address holds what this variable says.
const ONLY: &str = "BENCH_PAGES";
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
    "/repositories?visibility=private&sort=-pushed",
    "/namespaces",
    "/namespaces?after=main%2Bn5",
    "/n/big",
    "/n/big?after=big/nginx-web-7",
    "/r/big/tagged",
    "/r/big/tagged?after=v5",
    "/r/big/tagged/-/tags/moved",
    "/r/big/tagged/-/comments",
    "/r/big/tagged/-/manifests/{digest}",
    "/search",
    "/search?q=nginx",
    "/search?q=nginx+proxy&kind=repositories",
    "/search/suggest?q=n",
    "/search/suggest?q=ngi",
    "/search/suggest?q=ngnix",
    "/api",
    "/help/problems",
    "/nothing/here",
];

/// For those who are signed in.
const SIGNED_IN: &[&str] = &[
    "/repositories?starred=yes&sort=-stars",
    "/r/big/tagged/-/activity",
    "/n/{own}",
    "/n/{own}/-/settings",
    "/r/big/tagged/-/access",
    "/activity",
    "/activity?kind=content.manifest_pushed",
    "/activity?kind=content.deleted",
    "/activity?kind=content",
    "/activity?repository=big/tagged",
    "/activity?repository={private}",
    "/activity?actor=u7",
    "/activity?actor=u7&kind=content.manifest_pulled",
    "/activity?actor=nobody",
    "/activity?outcome=refused",
    "/activity?before=500000/0",
    "/activity/{event}",
    "/activity/{hidden}",
    "/teams",
    "/teams/{team}",
    "/teams/{team}/namespaces",
    "/teams/new",
    "/namespaces/new",
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
    "/admin/users?q=nobody-like-it",
    "/admin/users?after=u5",
    "/admin/users/u7",
    "/admin/registries",
    "/admin/registries/main",
    "/admin/keys",
    "/n/big/-/settings",
    "/n/big/-/delete",
    "/teams/{team}/settings",
    "/teams/{team}/delete",
];

/// The lists of the REST interface.
const REST: &[&str] = &[
    "/api/v1/repositories",
    "/api/v1/repositories?part=nothing-like-it",
    "/api/v1/repositories?sort_attr=pulls",
    "/api/v1/namespaces",
    "/api/v1/teams",
    "/api/v1/tags",
    "/api/v1/activities",
    "/api/v1/activities?kind=content.manifest_pulled",
    "/api/v1/search?q=nginx",
];

/// Makes the world alone, so that a later run finds it.
pub(crate) async fn world() {
    let (site, ground) = ground::site().await;
    println!("{}", ground.words);
    let _ = site.stop();
}

pub(crate) async fn figures() {
    let (site, ground) = ground::site().await;
    println!("## Pages\n\n{}.\n", ground.words);
    let session = async |person: &Person| Some(("cookie", site.cookie(person).await));
    let basic = |person: &Person| {
        let pair = format!("{}:{}", person.name, person.password);
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        Some(("authorization", format!("Basic {encoded}")))
    };
    let everybody = [
        ("anonymous", None, vec![OPEN]),
        ("stranger", session(&ground.stranger).await, vec![OPEN, SIGNED_IN]),
        ("in 4 namespaces", session(&ground.few).await, vec![OPEN, SIGNED_IN]),
        ("in 5,000 namespaces", session(&ground.many).await, vec![OPEN, SIGNED_IN]),
        ("auditor", session(&ground.auditor).await, vec![OPEN, SIGNED_IN]),
        ("administrator", session(&ground.admin).await, vec![OPEN, SIGNED_IN, ADMINISTRATION]),
        ("in 4 namespaces", basic(&ground.few), vec![REST]),
        ("in 5,000 namespaces", basic(&ground.many), vec![REST]),
        ("administrator", basic(&ground.admin), vec![REST]),
    ];
    let asked = std::env::var("BENCH_ASKED").ok().and_then(|asked| asked.parse().ok());
    let asked = asked.unwrap_or(ASKED);
    let only = std::env::var(ONLY).unwrap_or_default();
    let pid = site.pid().expect("a running portus");
    machine::settle(&machine::family(pid), Duration::from_secs(60));
    println!(
        "| who | page | status | kB | p50 ms | p99 ms | |\n| --- | --- | --- | --- | --- | --- | --- |"
    );
    for (who, proof, pages) in &everybody {
        let mut first = 0.0;
        for path in pages.iter().copied().flatten().filter(|path| path.contains(&only)) {
            let path = ground.fill(path);
            let taken = take(&site, proof.as_ref(), &path, asked).await;
            if path == "/" {
                first = taken.kb;
            }
            println!("{}", taken.line(who, &path));
            if let Some(next) = taken.next {
                let further = take(&site, proof.as_ref(), &next, asked).await;
                println!("{}", further.line(who, &format!("{path}, next page")));
            }
        }
        if first == 0.0 {
            continue;
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
    /// How often it was measured again.
    again: usize,
    next: Option<String>,
}

impl Taken {
    fn line(&self, who: &str, page: &str) -> String {
        let Self { status, kb, p50, p99, again, .. } = self;
        let said = match again {
            _ if *p99 > LIMIT_MS => "over".to_owned(),
            0 => String::new(),
            again => format!("again {again}"),
        };
        format!("| {who} | `{page}` | {status} | {kb:.1} | {p50:.1} | {p99:.1} | {said} |")
    }
}

/// A header with which somebody proves who they are.
type Proof = (&'static str, String);

async fn take(site: &Program, proof: Option<&Proof>, path: &str, asked: usize) -> Taken {
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    let url = format!("{}{path}", site.url());
    let ask = async |gzip: bool| {
        let accept = if path.starts_with("/api/v1") { "application/json" } else { "text/html" };
        let mut request = http.get(&url).header("accept", accept);
        if gzip {
            request = request.header("accept-encoding", "gzip");
        }
        if let Some((name, value)) = proof {
            request = request.header(*name, value);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.bytes().await.expect("a body"))
    };
    let (status, page) = ask(false).await;
    let page = String::from_utf8_lossy(&page).into_owned();
    for _ in 0..BEFORE {
        ask(true).await;
    }
    let pid = site.pid().expect("a running portus");
    let mut least: Option<Taken> = None;
    for again in 0..=AGAIN {
        let mut times = Vec::with_capacity(asked);
        let mut bytes = 0;
        for _ in 0..asked {
            let start = Instant::now();
            bytes = ask(true).await.1.len();
            times.push(start.elapsed().as_secs_f64() * 1_000.0);
        }
        times.sort_by(f64::total_cmp);
        let (p50, p99) = (machine::percentile(&times, 0.5), machine::percentile(&times, 0.99));
        let kb = bytes as f64 / 1_000.0;
        let taken = Taken { status, kb, p50, p99, again, next: None };
        let best = match least.take() {
            Some(before) if before.p99 <= taken.p99 => Taken { again, ..before },
            _ => taken,
        };
        let over = best.p99 > LIMIT_MS;
        least = Some(best);
        if !over {
            break;
        }
        machine::settle(&machine::family(pid), Duration::from_secs(10));
    }
    Taken { next: next(&page), ..least.expect("a measurement") }
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
            .replace("{own}", &self.team)
            .replace("{private}", &self.private)
    }
}
