//! Token decisions: how many a second, at what cost, beside bare axum and one signature.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use nix::unistd::Pid;
use tests::program::{Person, Program};

use crate::load::{self, Run, Until};
use crate::{bare, machine, world};

/// Requests in flight at once, each on a connection that stays open.
const CONNECTIONS: usize = 32;
/// How long one round takes.
const ROUND: Duration = Duration::from_secs(4);
/// Rounds of each figure; the one in the middle counts. Bare axum has its round before each.
const ROUNDS: usize = 3;
/// How many grants the large graph has.
const GRANTS: usize = 10_000;
/// How many namespaces the large graph has.
const NAMESPACES: usize = 100_000;
/// How many accounts log in for the first time, for the figure of passwords not remembered.
const FRESH: usize = 60;

/// One line of the table.
struct Line {
    what: String,
    rate: f64,
    of_bare: f64,
    cpu: f64,
    cpu_postgres: f64,
    p50: f64,
    p99: f64,
}

pub(crate) async fn figures() {
    let mut site = Program::start_with(&[("PORTUS_LOG__FILTER", "warn")]).await;
    let alice = site.person("alice").await;
    let secret = site.app_token(&alice, "benchmark").await;
    let (team, _, namespace) = site.team("crew", &alice).await;
    site.visibility(namespace, "public").await;
    let mut bench = Bench { bare: Bare::start(), lines: Vec::new() };

    let own = format!("repository:{}/app:pull,push", alice.name);
    let token = vec![request(&site, Some((&alice.name, &secret)), &own)];
    let refused =
        vec![request(&site, Some((&alice.name, &secret)), "repository:other/app:pull,push")];
    for recorded in ["none", "refused", "all"] {
        restart(&mut site, recorded).await;
        bench
            .measure(&site, &format!("application token, granted, {recorded} recorded"), &token)
            .await;
        if recorded == "refused" {
            bench.measure(&site, "application token, refused, refused recorded", &refused).await;
        }
    }
    let password = vec![request(&site, Some((&alice.name, &alice.password)), &own)];
    bench.measure(&site, "remembered password, all recorded", &password).await;
    let public = format!("repository:{team}/app:pull");
    bench.measure(&site, "anonymous, all recorded", &[request(&site, None, &public)]).await;

    let log = world::open(&site).await;
    world::namespaces(&log, "main", &team, NAMESPACES).await;
    world::grants(&log, "main", &alice.name, GRANTS).await;
    let many: Vec<Vec<u8>> = (0..GRANTS)
        .map(|number| {
            let scope = format!("repository:{}/app:pull,push", world::namespace_name(number));
            request(&site, Some((&alice.name, &secret)), &scope)
        })
        .collect();
    for recorded in ["refused", "all"] {
        restart(&mut site, recorded).await;
        let what = format!("application token, {GRANTS} grants, {recorded} recorded");
        bench.measure(&site, &what, &many).await;
    }
    bench.print();
    fresh(&site).await;
}

/// Passwords that are not remembered: each account logs in once.
async fn fresh(site: &Program) {
    let mut requests = Vec::new();
    for _ in 0..FRESH {
        let person: Person = site.person("fresh").await;
        let scope = format!("repository:{}/app:pull", person.name);
        requests.push(request(site, Some((&person.name, &person.password)), &scope));
    }
    // Making the accounts has verified nothing yet; a restart forgets what it has.
    assert_eq!(site.stop(), 0);
    site.start_again().await;
    let pid = settled(site);
    let before = machine::cpu_ms(pid);
    let run = load::run(&address(site), 4, Arc::new(requests), 200, Until::Once).await;
    let cpu = (machine::cpu_ms(pid) - before) / run.good as f64;
    println!(
        "Passwords not remembered, 4 at once: {:.0}/s, {cpu:.1} ms CPU each, p99 {:.0} ms ({} good, {} bad)\n",
        run.rate(),
        run.percentile(0.99),
        run.good,
        run.bad
    );
}

struct Bench {
    bare: Bare,
    lines: Vec<Line>,
}

impl Bench {
    async fn measure(&mut self, site: &Program, what: &str, requests: &[Vec<u8>]) {
        let pid = settled(site);
        let postgres = postgres(pid);
        let requests = Arc::new(requests.to_vec());
        let once = |limit| {
            // The very same bytes: whatever they cost the load generator, they cost it twice.
            let requests = Arc::clone(&requests);
            load::run(&self.bare.address, CONNECTIONS, requests, 200, Until::Time(limit))
        };
        let address = address(site);
        let warm = Until::Time(Duration::from_secs(1));
        load::run(&address, CONNECTIONS, Arc::clone(&requests), 200, warm).await;
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let bare = once(ROUND).await;
            let (before, before_postgres) = (machine::cpu_ms(pid), cpu_of(&postgres));
            let run =
                load::run(&address, CONNECTIONS, Arc::clone(&requests), 200, Until::Time(ROUND));
            let run: Run = run.await;
            assert!(run.bad == 0, "{what}: {} bad answers beside {} good ones", run.bad, run.good);
            let cpu = (machine::cpu_ms(pid) - before) / run.good as f64;
            let cpu_postgres = (cpu_of(&postgres) - before_postgres) / run.good as f64;
            rounds.push((run.rate() / bare.rate(), run, bare, cpu, cpu_postgres));
        }
        rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (of_bare, run, bare, cpu, cpu_postgres) = rounds.swap_remove(ROUNDS / 2);
        if self.lines.is_empty() {
            let before = machine::cpu_ms(self.bare.pid());
            let again = once(ROUND).await;
            let cpu = (machine::cpu_ms(self.bare.pid()) - before) / again.good as f64;
            self.lines.push(Line {
                what: "bare axum, one ES256 signature".to_owned(),
                rate: bare.rate(),
                of_bare: 1.0,
                cpu,
                cpu_postgres: 0.0,
                p50: bare.percentile(0.5),
                p99: bare.percentile(0.99),
            });
        }
        self.lines.push(Line {
            what: what.to_owned(),
            rate: run.rate(),
            of_bare,
            cpu,
            cpu_postgres,
            p50: run.percentile(0.5),
            p99: run.percentile(0.99),
        });
        println!("… {what}: {:.0}/s, {:.0} % of bare", run.rate(), of_bare * 100.0);
    }

    fn print(&self) {
        println!(
            "\n## Token decisions ({CONNECTIONS} in flight, load generator on the same machine)\n"
        );
        println!(
            "| request | a second | of bare | CPU ms each | Postgres CPU ms each | p50 ms | p99 ms |"
        );
        println!("| --- | --- | --- | --- | --- | --- | --- |");
        for line in &self.lines {
            println!(
                "| {} | {:.0} | {:.0} % | {:.3} | {:.3} | {:.1} | {:.1} |",
                line.what,
                line.rate,
                line.of_bare * 100.0,
                line.cpu,
                line.cpu_postgres,
                line.p50,
                line.p99
            );
        }
        println!();
    }
}

/// The server that Portus is measured against.
struct Bare {
    process: Child,
    address: String,
}

impl Bare {
    fn start() -> Self {
        let program = std::env::current_exe().expect("this program");
        // It dies with the thread that started it: this one, which lives until the end.
        let mut process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .arg(bare::ARGUMENT)
            .stdout(Stdio::piped())
            .spawn()
            .expect("setpriv, of util-linux");
        let mut line = String::new();
        let out = process.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut line).expect("its address");
        let address = line.trim().to_owned();
        Self { process, address }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.process.id().cast_signed())
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn restart(site: &mut Program, recorded: &str) {
    site.set("PORTUS_AUDIT__TOKEN_DECISIONS", recorded);
    assert_eq!(site.stop(), 0);
    site.start_again().await;
}

/// Waits until nothing goes on in a site.
fn settled(site: &Program) -> Pid {
    let pid = site.pid().expect("a running portus");
    machine::settle(&machine::family(pid), Duration::from_secs(120));
    pid
}

fn postgres(portus: Pid) -> Vec<Pid> {
    let family = machine::family(portus);
    family.into_iter().filter(|pid| machine::name(*pid) == "postgres").collect()
}

fn cpu_of(pids: &[Pid]) -> f64 {
    pids.iter().map(|pid| machine::cpu_ms(*pid)).sum()
}

fn address(site: &Program) -> String {
    site.url().trim_start_matches("http://").to_owned()
}

/// A token request as docker sends it, on a connection that stays open.
fn request(site: &Program, credential: Option<(&str, &str)>, scope: &str) -> Vec<u8> {
    let query = format!(
        "service={}&scope={}",
        site.registry().replace(':', "%3A"),
        scope.replace(':', "%3A").replace('/', "%2F").replace(',', "%2C")
    );
    let authorization = credential.map_or_else(String::new, |(name, secret)| {
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{secret}"));
        format!("Authorization: Basic {basic}\r\n")
    });
    let host = address(site);
    let agent = "docker/20.10.24+dfsg1 go/go1.19.8 kernel/6.1.0 os/linux arch/amd64";
    format!("GET /v2/token?{query} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n{authorization}\r\n")
        .into_bytes()
}
