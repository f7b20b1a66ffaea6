//! `portus user|team|…`: the real program against a real service.

mod hostile;

use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;
use tests::program::binary;
use tests::site::{ADMINISTRATOR, Site};
use tokio::io::AsyncWriteExt as _;

use super::ui::push;

/// Somebody at a terminal: the program with nothing in its environment but who they are.
struct Terminal {
    home: tempfile::TempDir,
    environment: Vec<(&'static str, String)>,
}

/// What a command said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Terminal {
    /// Of whoever has shown nothing yet.
    fn new(url: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        Self { home, environment: vec![("PORTUS_URL", url.to_owned())] }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.retain(|(known, _)| *known != name);
        self.environment.push((name, value.to_owned()));
        self
    }

    async fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, "").await
    }

    /// The same with something on standard input.
    async fn run_with(&self, arguments: &[&str], input: &str) -> Said {
        let mut command = tokio::process::Command::new(binary());
        command.args(arguments).env_clear().env("TZ", "UTC").env("HOME", self.home.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Who does not read closes the pipe.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        Said::of(child.wait_with_output().await.unwrap())
    }

    /// A command that must do what it says: its standard output.
    async fn done(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments).await;
        assert_eq!(said.code, 0, "{arguments:?}: {}{}", said.out, said.err);
        said.out
    }

    /// The same, as JSON.
    async fn json(&self, arguments: &[&str]) -> Value {
        let said = self.done(&[arguments, &["--json"]].concat()).await;
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("{arguments:?}: no JSON: {said}"))
    }

    /// A command that must fail so.
    async fn fails(&self, arguments: &[&str], code: i32, words: &str) {
        let said = self.run(arguments).await;
        assert_eq!(said.code, code, "{arguments:?}: {}{}", said.out, said.err);
        assert!(said.err.contains(words), "no {words:?} in: {}", said.err);
        assert_eq!(said.out, "", "talk goes to standard error");
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

impl Said {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The terminal of somebody who signs in with their password.
fn of(site: &Site, name: &str) -> Terminal {
    Terminal::new(&site.url).with("PORTUS_USER", name).with("PORTUS_TOKEN", &Site::password(name))
}

fn column(table: &str, at: usize) -> Vec<&str> {
    table.lines().skip(1).map(|line| line.split_whitespace().nth(at).unwrap_or("")).collect()
}

#[tokio::test]
async fn an_administrator_works_with_accounts() {
    let site = Site::start().await;
    let admin = of(&site, ADMINISTRATOR);
    assert!(admin.done(&["whoami"]).await.contains(ADMINISTRATOR));

    let secret = admin.file("secret", "a good long password for bob\n");
    let create =
        ["user", "create", "bob", "--email", "bob@example.com", "--password-file", &secret];
    let made = admin.done(&create).await;
    assert!(made.contains("name           bob") && made.contains("bob@example.com"), "{made}");
    admin.fails(&create, 1, "this user name is taken").await;
    admin.fails(&["user", "create", "eve"], 1, "password: a person needs a password").await;

    let piped = ["user", "create", "carol", "--password-file", "-"];
    assert_eq!(admin.run_with(&piped, "a good long password for carol\n").await.code, 0);
    assert_eq!(admin.run_with(&piped, "").await.code, 2, "no password is no password");
    let bot = admin.json(&["user", "create", "ci-build", "--bot"]).await;
    assert_eq!((&bot["username"], &bot["bot"]), (&"ci-build".into(), &true.into()));

    let table = admin.done(&["user", "list"]).await;
    assert!(table.starts_with("NAME"), "{table}");
    assert_eq!(column(&table, 0), [ADMINISTRATOR, "bob", "carol", "ci-build"]);
    assert_eq!(
        column(&admin.done(&["user", "ls", "--prefix", "c"]).await, 0),
        ["carol", "ci-build"]
    );
    let some = admin.run(&["user", "list", "--limit", "2"]).await;
    assert_eq!(column(&some.out, 0), [ADMINISTRATOR, "bob"]);
    assert!(some.err.contains("there are more"), "{}", some.err);

    // What was typed is what counts.
    let bob = Terminal::new(&site.url)
        .with("PORTUS_USER", "bob")
        .with("PORTUS_TOKEN", "a good long password for bob");
    assert!(bob.done(&["whoami"]).await.contains("bob@example.com"));
    bob.fails(&["user", "list"], 5, "Authorization fails").await;

    admin.done(&["user", "update", "bob", "--display-name", "Bob B."]).await;
    assert_eq!(admin.json(&["user", "show", "bob"]).await["display_name"], "Bob B.");
    admin.fails(&["user", "update", "bob"], 2, "required").await;
    admin.done(&["user", "grant", "bob", "auditor"]).await;
    assert_eq!(admin.json(&["user", "show", "bob"]).await["auditor"], true);
    admin.done(&["user", "revoke", "bob", "auditor"]).await;
    admin.done(&["user", "disable", "bob", "--reason", "left"]).await;
    bob.fails(&["whoami"], 5, "Authentication fails").await;
    admin.done(&["user", "enable", "bob"]).await;
    bob.done(&["whoami"]).await;
    admin.done(&["user", "sign-out", "bob"]).await;

    admin.fails(&["user", "delete", "bob"], 2, "--yes").await;
    admin.done(&["user", "delete", "bob", "--yes"]).await;
    admin.fails(&["user", "show", "bob"], 6, "Not found").await;
    site.stop().await;
}

#[tokio::test]
async fn a_team_its_namespace_and_its_repositories() {
    let site = Site::start().await;
    for name in ["alice", "bob", "carol"] {
        site.register(name).await;
    }
    let (alice, bob, carol) = (of(&site, "alice"), of(&site, "bob"), of(&site, "carol"));
    alice.done(&["team", "create", "payments", "--description", "Cards and invoices"]).await;
    alice.done(&["team", "add", "payments", "bob"]).await;
    alice.done(&["team", "role", "payments", "bob", "contributor"]).await;
    let members = alice.done(&["team", "members", "payments"]).await;
    assert_eq!(
        (column(&members, 0), column(&members, 1)),
        (vec!["alice", "bob"], vec!["owner", "contributor"])
    );
    alice.fails(&["team", "role", "payments", "bob", "king"], 2, "contributor").await;
    bob.fails(&["team", "update", "payments", "--description", "mine"], 5, "").await;
    carol.fails(&["team", "show", "payments"], 6, "").await;
    alice.done(&["team", "update", "payments", "--description", "Money"]).await;
    assert_eq!(alice.json(&["team", "show", "payments"]).await["description"], "Money");

    assert_eq!(alice.json(&["namespace", "validate", "Pay"]).await["valid"], false);
    let made = ["namespace", "create", "payments", "--team", "payments", "--visibility", "private"];
    alice.done(&made).await;
    assert_eq!(column(&alice.done(&["team", "namespaces", "payments"]).await, 0), ["payments"]);
    push(&site, "bob", "payments/checkout:2.4.1").await;
    push(&site, "bob", "payments/checkout:latest").await;

    assert_eq!(column(&bob.done(&["repository", "list"]).await, 0), ["payments/checkout"]);
    assert_eq!(carol.done(&["repository", "list"]).await, "", "of nothing there is no table");
    assert_eq!(carol.json(&["repository", "list"]).await, serde_json::json!([]));
    let tags = bob.done(&["repository", "tags", "payments/checkout"]).await;
    assert_eq!(column(&tags, 0), ["2.4.1", "latest"]);
    let narrow = ["repository", "tags", "payments/checkout", "--prefix", "2.4"];
    assert_eq!(bob.json(&narrow).await.as_array().unwrap().len(), 1);
    let none = ["repository", "tags", "payments/checkout", "--prefix", "3"];
    assert_eq!(bob.json(&none).await, serde_json::json!([]));
    let newest = bob.done(&["repository", "tags", "payments/checkout", "--newest"]).await;
    assert_eq!(column(&newest, 0), ["latest", "2.4.1"]);
    for (asked, found) in [
        (&["--sort", "pulls", "--reverse"][..], 1),
        (&["--namespace", "payments", "--visibility", "private", "--part", "check"], 1),
        (&["--since", "2026-01-01T00:00:00Z", "--prefix", "payments/"], 1),
        (&["--since", "2999-01-01T00:00:00Z"], 0),
        (&["--starred"], 0),
    ] {
        let list = bob.json(&[&["repository", "list"], asked].concat()).await;
        assert_eq!(list.as_array().unwrap().len(), found, "{asked:?}");
    }
    let tag = bob.json(&["repository", "tag", "payments/checkout", "2.4.1"]).await;
    let digest = tag["digest"].as_str().unwrap().to_owned();
    assert!(tags.contains(&digest["sha256:".len()..][..12]), "{tags}");
    let all = bob.json(&["repository", "manifests", "payments/checkout"]).await;
    assert_eq!(all.as_array().unwrap().len(), 2);
    let one = bob.done(&["repository", "manifest", "payments/checkout", &digest]).await;
    assert!(one.contains(&digest) && one.contains("2.4.1"), "{one}");
    let past = bob.json(&["repository", "history", "payments/checkout", "2.4.1"]).await;
    assert_eq!((&past[0]["change"], &past[0]["actor"]), (&"pushed".into(), &"bob".into()));
    alice
        .done(&["repository", "update", "payments/checkout", "--description", "Takes orders"])
        .await;
    bob.done(&["repository", "star", "payments/checkout"]).await;
    let shown = bob.done(&["repository", "show", "payments/checkout"]).await;
    assert!(shown.contains("Takes orders") && shown.contains("starred by you  yes"), "{shown}");
    bob.done(&["repository", "unstar", "payments/checkout"]).await;
    assert_eq!(bob.json(&["repository", "show", "payments/checkout"]).await["stars"], 0);
    carol.fails(&["repository", "show", "payments/checkout"], 6, "Not found").await;

    // A right for one person, in one repository, for some time.
    let grant = [
        "namespace",
        "grant",
        "payments",
        "--to",
        "carol",
        "--role",
        "viewer",
        "--repository",
        "payments/checkout",
        "--until",
        "2100-01-01T00:00:00Z",
    ];
    alice.done(&grant).await;
    carol.done(&["repository", "show", "payments/checkout"]).await;
    let admin = of(&site, ADMINISTRATOR);
    let why = ["repository", "explain", "payments/checkout", "pull", "--who", "carol"];
    let why = admin.json(&why).await;
    assert_eq!((&why["allowed"], &why["ground"]["kind"]), (&true.into(), &"grant".into()));
    let grants = alice.json(&["namespace", "grants", "payments"]).await;
    assert_eq!(grants[0]["user"], "carol");
    let id = grants[0]["id"].as_str().unwrap();
    alice.done(&["namespace", "revoke", "payments", id]).await;
    carol.fails(&["repository", "show", "payments/checkout"], 6, "").await;
    alice.fails(&["namespace", "grant", "payments", "--role", "viewer"], 2, "--to").await;

    let found = bob.done(&["search", "chekout"]).await;
    assert!(found.contains("payments/checkout"), "{found}");
    let found = bob.json(&["search", &digest[..19], "--kind", "manifest"]).await;
    assert_eq!(found["manifests"]["hits"][0]["digest"], digest.as_str());
    assert_eq!(carol.run(&["search", "checkout"]).await.out, "");
    let none = bob.run(&["search", "checkout", "--visibility", "public"]).await;
    assert!(
        none.out.is_empty() && none.err.contains("without filters there would be"),
        "{}",
        none.err
    );
    bob.done(&["search", "checkout", "--namespace", "payments", "--since", "24h"]).await;

    let feed =
        ["activity", "--repository", "payments/checkout", "--kind", "content.manifest_pushed"];
    assert_eq!(bob.json(&feed).await.as_array().unwrap().len(), 2);
    assert_eq!(carol.json(&feed).await, serde_json::json!([]));
    assert!(bob.done(&feed).await.contains("content.manifest_pushed"));

    alice.done(&["namespace", "update", "payments", "--visibility", "public"]).await;
    carol.done(&["repository", "show", "payments/checkout"]).await;
    alice.fails(&["namespace", "delete", "payments", "--yes"], 1, "").await;
    alice.fails(&["team", "delete", "payments", "--yes"], 1, "new_team").await;
    alice.done(&["team", "create", "platform"]).await;
    alice.done(&["team", "delete", "payments", "--new-team", "platform", "--yes"]).await;
    alice.fails(&["team", "remove", "platform", "alice"], 1, "at least one owner").await;
    assert_eq!(column(&alice.done(&["team", "list"]).await, 0), ["platform"]);
    site.stop().await;
}

#[tokio::test]
async fn a_token_is_made_remembered_used_and_revoked() {
    let site = Site::start().await;
    site.register("alice").await;
    let alice = of(&site, "alice");
    let made = alice
        .run(&["token", "create", "laptop", "--scope", "api_read", "--scope", "api_write"])
        .await;
    assert_eq!(made.code, 0, "{}", made.err);
    let token = made.out.trim().to_owned();
    assert_eq!(made.out.lines().count(), 1, "the token alone, for a pipe");
    assert!(made.err.contains("only time") && !made.err.contains(&token));

    // From here on the token is all there is: no name, no password.
    let desk = Terminal::new("");
    let login = ["login", &site.url, "--token-file", "-"];
    let wrong = desk.run_with(&login, "nonsense\n").await;
    assert_eq!(wrong.code, 5, "{}", wrong.err);
    assert!(!desk.home.path().join(".config/portus/client.toml").exists());
    let said = desk.run_with(&login, &format!("{token}\n")).await;
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{}", said.err);
    assert!(said.err.contains("as alice") && !said.err.contains(&token));
    let kept = desk.home.path().join(".config/portus/client.toml");
    assert_eq!(mode(&kept), 0o600);

    assert!(desk.done(&["whoami"]).await.contains("alice"));
    let list = desk.done(&["token", "list"]).await;
    assert!(list.contains("laptop") && list.contains("api_read, api_write"), "{list}");
    desk.done(&["team", "create", "payments"]).await;

    // What is kept for one server is shown to no other, and a broken file says what to do.
    desk.fails(&["whoami", "--url", "http://127.0.0.1:1"], 4, "127.0.0.1:1").await;
    let text = std::fs::read_to_string(&kept).unwrap();
    std::fs::write(&kept, format!("{text}more = ")).unwrap();
    let broken = desk.run(&["whoami"]).await;
    assert_eq!(broken.code, 2);
    assert!(broken.err.contains("portus login") && !broken.err.contains(&token), "{}", broken.err);
    // Who says everything needs no file.
    let all = ["whoami", "--url", &site.url, "--token-file", "-"];
    assert_eq!(desk.run_with(&all, &token).await.code, 0);
    std::fs::write(&kept, text).unwrap();

    let id = alice.json(&["token", "list"]).await[0]["id"].to_string();
    alice.fails(&["token", "revoke", &id], 2, "--yes").await;
    alice.done(&["token", "revoke", &id, "--yes"]).await;
    desk.fails(&["whoami"], 5, "Authentication fails").await;
    desk.done(&["logout"]).await;
    assert!(!kept.exists());
    desk.fails(&["whoami"], 2, "portus login").await;
    desk.done(&["logout"]).await;
    site.stop().await;
}

#[tokio::test]
async fn an_administrator_gives_a_bot_its_token_and_a_registry_its_secret() {
    let site = Site::start().await;
    let admin = of(&site, ADMINISTRATOR);
    admin.done(&["user", "create", "ci", "--bot"]).await;
    let create = ["token", "create", "build", "--for", "ci", "--scope", "push", "--scope", "pull"];
    let token = admin.done(&create).await;
    let answer = site.token_with("ci", token.trim(), "repository:ci/x:push,pull").await;
    assert!(answer.starts_with("200"), "{answer}");
    let bot = Terminal::new(&site.url).with("PORTUS_TOKEN", token.trim());
    bot.fails(&["repository", "list"], 5, "").await;
    assert!(admin.done(&["token", "list", "--for", "ci"]).await.contains("build"));

    let secret = admin.done(&["registry", "create", "second", "second.test:5000"]).await;
    assert!(secret.trim().len() >= 32 && secret.lines().count() == 1, "{secret}");
    assert_eq!(column(&admin.done(&["registry", "list"]).await, 0), ["main", "second"]);
    let update = ["registry", "update", "second", "--external-hostname", "images.test"];
    admin.done(&update).await;
    assert!(admin.done(&["registry", "show", "second"]).await.contains("images.test"));
    let taken = ["registry", "validate", "second", "third.test:5000", "--use-ssl", "no"];
    assert_eq!(admin.json(&taken).await["valid"], false);
    admin.fails(&["registry", "secret", "second"], 2, "--yes").await;
    let new = admin.done(&["registry", "secret", "second", "--yes"]).await;
    assert!(new != secret && new.lines().count() == 1);
    site.stop().await;
}

#[tokio::test]
async fn what_happens_is_followed_line_by_line() {
    use tokio::io::{AsyncBufReadExt as _, BufReader};

    let site = Site::start().await;
    let admin = of(&site, ADMINISTRATOR);
    let mut command = tokio::process::Command::new(binary());
    command.args(["activity", "--follow", "--json", "--kind", "user.registered"]).env_clear();
    command.envs(admin.environment.iter().map(|(name, value)| (name, value)));
    command.stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Whoever is registered after it began to look is told; it may begin late.
    let mut number = 0;
    let line = loop {
        site.register(&format!("new-{number}")).await;
        number += 1;
        let patience = std::time::Duration::from_millis(500);
        match tokio::time::timeout(patience, lines.next_line()).await {
            Ok(line) => break line.unwrap().unwrap(),
            Err(_) => assert!(number < 60, "nothing was told in half a minute"),
        }
    };
    let first: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(first["kind"], "user.registered");
    child.kill().await.unwrap();
    site.stop().await;
}

#[tokio::test]
async fn lists_of_several_pages_are_whole() {
    let site = Site::start().await;
    let admin = of(&site, ADMINISTRATOR);
    for number in 0..120 {
        let body =
            serde_json::json!({ "user": { "username": format!("bot-{number:03}"), "bot": true } });
        assert_eq!(site.as_admin().post("/api/v1/users", &body).await.0, 201);
    }
    let all = admin.json(&["user", "list", "--prefix", "bot-"]).await;
    let names: Vec<_> =
        all.as_array().unwrap().iter().map(|user| user["username"].clone()).collect();
    let expected: Vec<Value> = (0..120).map(|number| format!("bot-{number:03}").into()).collect();
    assert_eq!(names, expected);
    let some = admin.json(&["user", "list", "--prefix", "bot-", "--limit", "101"]).await;
    assert_eq!(some.as_array().unwrap().len(), 101);
    site.stop().await;
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
