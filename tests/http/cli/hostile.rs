//! Servers that are none, are not to be trusted, or are not there; and people who mistype.

use axum::Router;
use axum::http::header::{LINK, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::{any, get};
use serde_json::{Value, json};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tests::program::binary;
use tests::site::{ADMINISTRATOR, Site};

use super::{Said, Terminal, of};

/// A server of the test's own, for as long as the test runs.
async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn a_token_follows_no_redirect_and_no_foreign_link() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let thief = serve(Router::new().fallback(any(move || async move {
        count.fetch_add(1, Ordering::SeqCst);
        "[]"
    })))
    .await;
    let to = thief.clone();
    let redirecting = serve(Router::new().fallback(any(move || async move {
        (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, format!("{to}/api/v1/teams"))])
    })))
    .await;
    let terminal = Terminal::new(&redirecting).with("PORTUS_TOKEN", "secret");
    terminal.fails(&["team", "list"], 1, "sends elsewhere").await;

    let next = format!("<{thief}/api/v1/teams?page=2>; rel=\"next\"");
    let pages = Router::new().route(
        "/api/v1/teams",
        get(move |uri: axum::http::Uri| async move {
            let second = uri.query().unwrap_or_default().contains("page=2");
            let name = if second { "second" } else { "first" };
            let mut headers = HeaderMap::new();
            if !second {
                headers.insert(LINK, next.parse().unwrap());
            }
            (headers, axum::Json(json!([{ "name": name }])))
        }),
    );
    let terminal = Terminal::new(&serve(pages).await).with("PORTUS_TOKEN", "secret");
    let teams = terminal.json(&["team", "list"]).await;
    assert_eq!(teams, json!([{ "name": "first" }, { "name": "second" }]));
    assert_eq!(asked.load(Ordering::SeqCst), 0, "the token went to a stranger");
}

#[tokio::test]
async fn a_token_is_not_sent_to_another_machine_without_tls() {
    let terminal = Terminal::new("http://portus.example.com").with("PORTUS_TOKEN", "secret");
    terminal.fails(&["team", "list"], 2, "--plain-http").await;
}

#[tokio::test]
async fn text_of_strangers_does_not_steer_the_terminal() {
    let team = json!([{ "name": "a\u{1b}]0;owned\u{7}\nb", "description": "\u{202e}x\u{9b}31m" }]);
    let url = serve(Router::new().fallback(any(move || async move { axum::Json(team) }))).await;
    let said = Terminal::new(&url).done(&["team", "list"]).await;
    let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!said.contains(bad), "{said:?}");
    assert_eq!(said.lines().count(), 2, "{said:?}");

    let refusal = json!({ "message": "no\u{1b}[2J" });
    let refuse = any(move || async move { (StatusCode::FORBIDDEN, axum::Json(refusal)) });
    let said =
        Terminal::new(&serve(Router::new().fallback(refuse)).await).run(&["team", "list"]).await;
    assert_eq!(said.code, 5);
    assert!(!said.err.contains('\u{1b}'), "{:?}", said.err);
}

#[tokio::test]
async fn what_is_no_portus_says_so() {
    let url = serve(Router::new().fallback(any(|| async { "<html>hello</html>" }))).await;
    Terminal::new(&url).fails(&["team", "list"], 1, "is no Portus").await;
    let url = serve(Router::new()).await;
    Terminal::new(&url).fails(&["team", "list"], 6, "is it a Portus?").await;
    Terminal::new("http://127.0.0.1:1").fails(&["team", "list"], 4, "cannot be reached").await;
    let never = "http://portus.invalid";
    Terminal::new(never).fails(&["team", "list"], 4, "cannot be reached").await;
    Terminal::new("ftp://x").fails(&["team", "list"], 2, "no address of a server").await;
}

#[tokio::test]
async fn who_is_told_to_wait_waits_but_changes_nothing_twice() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let busy = any(move |method: axum::http::Method| async move {
        let status = match count.fetch_add(1, Ordering::SeqCst) {
            0 => StatusCode::TOO_MANY_REQUESTS,
            1 if method == axum::http::Method::GET => StatusCode::SERVICE_UNAVAILABLE,
            _ if method == axum::http::Method::GET => return axum::Json(json!([])).into_response(),
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, [(RETRY_AFTER, "0")], axum::Json(json!({ "message": "Later" }))).into_response()
    });
    let terminal = Terminal::new(&serve(Router::new().fallback(busy)).await);
    terminal.done(&["team", "list"]).await;
    assert_eq!(asked.swap(0, Ordering::SeqCst), 3);
    // Too many requests: it was not carried out. A server in trouble: nobody knows.
    terminal.fails(&["team", "update", "x", "--description", "y"], 4, "Later").await;
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_is_made_is_asked_for_again_under_the_same_key() {
    let keys = Arc::new(Mutex::new(Vec::new()));
    let seen = keys.clone();
    let flaky = any(move |headers: axum::http::HeaderMap| async move {
        let key = headers.get("idempotency-key").map(|key| key.to_str().unwrap().to_owned());
        let mut seen = seen.lock().unwrap();
        seen.push(key);
        let status = match seen.len() {
            1 => StatusCode::SERVICE_UNAVAILABLE,
            2 => StatusCode::CONFLICT,
            _ => return axum::Json(json!({ "id": 1, "name": "x" })).into_response(),
        };
        (status, [(RETRY_AFTER, "0")], axum::Json(json!({ "message": "Later" }))).into_response()
    });
    let terminal = Terminal::new(&serve(Router::new().fallback(flaky)).await);
    terminal.done(&["team", "create", "x"]).await;
    let first: Vec<_> = std::mem::take(&mut keys.lock().unwrap());
    assert!(first.len() == 3 && first[0].is_some(), "{first:?}");
    assert!(first.iter().all(|key| *key == first[0]), "{first:?}");
    terminal.done(&["team", "create", "x"]).await;
    assert_ne!(keys.lock().unwrap()[0], first[0]);
}

#[tokio::test]
async fn whoever_hangs_up_is_asked_again_for_what_is_made_but_not_to_change_anything() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut some = [0; 1_024];
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut some).await;
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let terminal = Terminal::new(&url);
    terminal.fails(&["team", "create", "x"], 4, "cannot be reached").await;
    assert_eq!(asked.swap(0, Ordering::SeqCst), 3);
    terminal.fails(&["team", "update", "x", "--description", "y"], 4, "cannot be reached").await;
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn names_that_would_be_another_address_are_refused() {
    let url = serve(Router::new().fallback(any(|| async { "{}" }))).await;
    for name in ["..", ".", ""] {
        Terminal::new(&url).fails(&["user", "delete", name, "--yes"], 2, "is no name").await;
    }
}

#[tokio::test]
async fn wrong_usage_says_what_there_is() {
    let terminal = Terminal::new("http://127.0.0.1:1");
    for (arguments, words) in [
        (&["team", "lst"][..], "list"),
        (&["team", "list", "--limt", "3"], "--limit"),
        (&["activity", "--from", "yesterday"], "--from"),
        (&["search"], "<WORDS>"),
        (&["search", "x", "--kind", "thing"], "repository"),
        (&["token", "create", "x", "--scope", "everything"], "api_read"),
        (&["login", "http://127.0.0.1:1"], "--token-file"),
    ] {
        terminal.fails(arguments, 2, words).await;
    }
    let elsewhere = Terminal::new("").with("PORTUS_URL", "");
    elsewhere.fails(&["team", "list"], 2, "--url").await;
}

/// What a server of this machine is told does not matter for another one, and the other way round.
#[tokio::test]
async fn neither_side_stumbles_over_the_others_settings() {
    let url = serve(Router::new().fallback(any(|| async { "[]" }))).await;
    let terminal = Terminal::new(&url).with("PORTUS_LISTN", "nonsense");
    terminal.done(&["team", "list"]).await;
    let both = Terminal::new(&url).with("PORTUS_TOKEN", "x").with("PORTUS_USER", "y");
    let folder = both.home.path().join("data").display().to_string();
    let said = both.run(&["check", "--data-dir", &folder]).await;
    assert!(!said.err.contains("is no variable"), "{}", said.err);
}

#[tokio::test]
async fn shells_and_man_learn_every_command() {
    let terminal = Terminal::new("");
    for shell in ["bash", "zsh", "fish"] {
        let script = terminal.done(&["completions", shell]).await;
        for word in ["namespace", "password-file", "api_read"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    let folder = terminal.home.path().join("man");
    terminal.done(&["man", &folder.display().to_string()]).await;
    let page = std::fs::read_to_string(folder.join("portus-user-create.1")).unwrap();
    assert!(page.contains("Make an account") && page.contains("password\\-file"), "{page}");
    let main = std::fs::read_to_string(folder.join("portus.1")).unwrap();
    assert!(main.contains("SH EXIT STATUS") && main.contains("130  ended"), "{main}");
    for part in
        ["SH EXAMPLES", "portus user create bob", "SH ENVIRONMENT", "PORTUS_URL", "SEE ALSO"]
    {
        assert!(page.contains(part), "no {part} in {page}");
    }
    for (tool, arguments) in
        [("mandoc", &["-Tlint", "-W", "warning"][..]), ("man", &["--warnings", "-l", "-Tutf8"][..])]
    {
        for page in std::fs::read_dir(&folder).unwrap() {
            let mut command = tokio::process::Command::new(tool);
            command.args(arguments).arg(page.unwrap().path());
            // A machine without it has no manual pages to read either.
            let Ok(said) = command.stdin(Stdio::null()).output().await else { break };
            let complaints = if tool == "mandoc" { said.stdout } else { said.stderr };
            assert_eq!(String::from_utf8_lossy(&complaints), "", "{command:?}");
        }
    }
    // Whoever packs the pages gets the same ones again.
    let dated = terminal.with("SOURCE_DATE_EPOCH", "86400");
    dated.done(&["man", &folder.display().to_string()]).await;
    let page = std::fs::read_to_string(folder.join("portus-user-create.1")).unwrap();
    assert!(page.contains("1970\\-01\\-02") || page.contains("1970-01-02"), "{page}");
}

/// What each shell offers behind these words, by the script that it is given.
#[tokio::test]
async fn shells_complete_what_is_begun() {
    let terminal = Terminal::new("");
    let mut scripts = Vec::new();
    for (shell, file) in [("bash", "portus.bash"), ("zsh", "_portus"), ("fish", "portus.fish")] {
        scripts.push(terminal.file(file, &terminal.done(&["completions", shell]).await));
    }
    let [bash, zsh, fish] = &scripts[..] else { panic!() };
    let bash = format!(
        "source {bash}; COMP_WORDS=(portus search --kind ''); COMP_CWORD=3; \
         _portus portus '' --kind; echo ${{COMPREPLY[@]}}"
    );
    let folder = std::path::Path::new(zsh).parent().unwrap().display().to_string();
    let zsh = format!(
        "fpath=({folder} $fpath); autoload -Uz compinit; compinit -D -u; echo $_comps[portus]"
    );
    let fish = format!("source {fish}; complete -C 'portus search --kind '");
    for (shell, arguments, words) in [
        ("bash", ["--norc", "-c", &bash], &["repository", "namespace", "team"][..]),
        ("zsh", ["-f", "-c", &zsh], &["_portus"][..]),
        ("fish", ["--no-config", "-c", &fish], &["repository", "namespace", "team"][..]),
    ] {
        let mut command = tokio::process::Command::new(shell);
        command.args(arguments).env("HOME", terminal.home.path()).stdin(Stdio::null());
        // Of a shell that is not here, nothing can be learned.
        let Ok(said) = command.output().await else { continue };
        let out = String::from_utf8_lossy(&said.stdout).into_owned();
        let err = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(words.iter().all(|word| out.contains(word)), "{shell}: {out}{err}");
        assert_eq!(err, "", "{shell}");
    }
}

/// A pipe whose reader has seen enough is no failure; data that was lost is one.
#[tokio::test]
async fn what_could_not_be_written_is_not_called_done() {
    let site = Site::start().await;
    let admin = of(&site, ADMINISTRATOR);
    let run = async |line: &str| {
        let mut command = tokio::process::Command::new("bash");
        let line =
            format!("set -o pipefail; {line}").replace("portus", &binary().display().to_string());
        command.args(["-c", &line]).env_clear().env("HOME", admin.home.path());
        command.env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command.envs(admin.environment.iter().map(|(name, value)| (name, value)));
        Said::of(command.output().await.unwrap())
    };
    for line in ["portus user list > /dev/full", "portus completions zsh > /dev/full"] {
        let said = run(line).await;
        assert_eq!(said.code, 1, "{line}");
        assert!(said.err.contains("cannot write to standard output"), "{}", said.err);
    }
    for line in ["portus user list | true", "portus completions zsh | head -1 > /dev/null"] {
        let said = run(line).await;
        assert_eq!((said.code, &*said.err), (0, ""), "{line}");
    }
    site.stop().await;
}

#[tokio::test]
async fn machines_are_told_in_json_what_went_wrong() {
    let site = Site::start().await;
    let admin = of(&site, ADMINISTRATOR);
    let said = admin.run(&["team", "show", "nothing", "--json"]).await;
    assert_eq!((said.code, &*said.out), (6, ""));
    let told: Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(told["error"]["exit_code"], 6);
    let message = told["error"]["message"].as_str().unwrap();
    assert!(message.contains("asked for: teams nothing") && !message.contains('\n'), "{message}");
    admin.fails(&["team", "show", "nothing"], 6, "`portus team list` shows").await;
    site.stop().await;
}
