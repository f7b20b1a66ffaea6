//! Edge cases 60, 61, 64 and 67; lockout, limits, remembered passwords, application tokens.

use std::io::Write;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use commands::authn::{DISTINCT_SECRETS, FAILURES_PER_ADDRESS, LOCKOUT, REMEMBER_RIGHT};
use domain::app_token::{AppTokenEvent, TokenScope};
use domain::auth::{AuthEvent, Claimed, SignInFailure};
use domain::event::{Event, Fact, Position, StreamName};
use domain::user::UserEvent;
use jiff::SignedDuration;

use super::bench::{Answer, Bench, SERVICE, basic, password, user};

fn failures(facts: &[Fact]) -> Vec<(Claimed, SignInFailure)> {
    let of = |fact: &Fact| match &fact.event {
        Event::Auth(AuthEvent::SignInFailed { claimed, reason, .. }) => {
            Some((claimed.clone(), *reason))
        }
        _ => None,
    };
    facts.iter().filter_map(of).collect()
}

/// What `containerd` and BuildKit do with a wrong password: POST, then GET.
async fn post_then_get(bench: &Bench, name: &str, secret: &str) -> [Answer; 2] {
    let form = [
        ("grant_type", "password"),
        ("service", SERVICE),
        ("username", name),
        ("password", secret),
    ];
    [bench.post(&form).await, bench.get_with(name, secret, "").await]
}

#[tokio::test]
async fn e60_one_wrong_password_sent_twice_counts_once() {
    let bench = Bench::new().await;
    for n in 0..DISTINCT_SECRETS - 1 {
        for answer in post_then_get(&bench, "alice", &format!("wrong password {n}")).await {
            answer.refuses(401);
        }
    }
    assert_eq!(bench.get("alice", "").await.status, 200, "nine different ones do not lock");
    let facts = bench.facts().await;
    let known = Claimed::Known { user: user("alice") };
    assert_eq!(
        failures(&facts),
        vec![(known, SignInFailure::WrongSecret); DISTINCT_SECRETS - 1],
        "each is one fact"
    );
}

#[tokio::test]
async fn e61_the_same_wrong_secret_again_and_again_does_not_lock() {
    let bench = Bench::new().await;
    for _ in 0..50 {
        bench.get_with("alice", "yesterday's password", "").await.refuses(401);
    }
    let ask = || bench.get_with("alice", "yesterday's password", "");
    let (a, b, c, d, e) = tokio::join!(ask(), ask(), ask(), ask(), ask());
    for answer in [a, b, c, d, e] {
        answer.refuses(401);
    }
    assert_eq!(bench.get("alice", "").await.status, 200);
}

#[tokio::test]
async fn different_wrong_secrets_lock_passwords_but_no_application_token() {
    let bench = Bench::new().await;
    let (_, token) = bench.app_token("alice", TokenScope::All).await;
    for n in 0..=DISTINCT_SECRETS {
        bench.get_with("alice", &format!("wrong password {n}"), "").await.refuses(401);
    }
    bench.get("alice", "").await.refuses(401);
    assert_eq!(bench.get_with("alice", &token, "").await.status, 200, "SR-AUT-9");
    assert_eq!(bench.get("bob", "").await.status, 200);
    bench.wait(LOCKOUT);
    assert_eq!(bench.get("alice", "").await.status, 200);
    let locked = |fact: &&Fact| matches!(fact.event, Event::Auth(AuthEvent::LockedOut { .. }));
    assert_eq!(bench.facts().await.iter().filter(locked).count(), 1);
}

#[tokio::test]
async fn a_password_of_a_moment_ago_goes_on_working_while_others_guess() {
    let bench = Bench::new().await;
    assert_eq!(bench.get("alice", "").await.status, 200);
    for n in 0..=DISTINCT_SECRETS {
        bench.get_with("alice", &format!("wrong password {n}"), "").await.refuses(401);
    }
    assert_eq!(bench.get("alice", "").await.status, 200);
}

#[tokio::test]
async fn parallel_guesses_count_each() {
    let bench = Bench::new().await;
    let secrets: Vec<_> = (0..100).map(|n| format!("wrong password {n}")).collect();
    let guesses = secrets.iter().map(|secret| bench.get_with("alice", secret, ""));
    let answers = futures_util::future::join_all(guesses).await;
    for answer in &answers {
        assert!([401, 503].contains(&answer.status.as_u16()), "{}", answer.status);
    }
    bench.get("alice", "").await.refuses(401);
    let facts = bench.facts().await;
    let looked =
        failures(&facts).iter().filter(|(_, why)| *why == SignInFailure::WrongSecret).count();
    assert!(looked <= DISTINCT_SECRETS, "{looked} guesses were compared");
}

/// SR-AUT-5: two hash, 64 wait, the rest is told to come back.
#[tokio::test]
async fn more_sign_ins_than_can_wait_are_told_to_come_back() {
    let bench = Bench::new().await;
    let names: Vec<_> = (0..300).map(|n| format!("nobody-{n}")).collect();
    let tries = names.iter().map(|name| bench.get_with(name, "some password", ""));
    let answers = futures_util::future::join_all(tries).await;
    let busy: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(!busy.is_empty());
    assert!(busy.iter().all(|answer| !answer.header("retry-after").is_empty()));
    let refused = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!(refused + busy.len(), answers.len());
    assert!(refused > 64, "{refused}");
    assert_eq!(bench.get("alice", "").await.status, 200);
}

#[tokio::test]
async fn a_burst_with_one_password_is_one_slow_hash() {
    let bench = Bench::new().await;
    let secret = password("alice");
    let burst = (0..500).map(|_| bench.get_with("alice", &secret, ""));
    for answer in futures_util::future::join_all(burst).await {
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test]
async fn whatever_is_wrong_the_answer_is_the_same() {
    let bench = Bench::new().await;
    bench.person("disabled", &password("disabled")).await;
    bench.disable("disabled").await;
    for n in 0..=DISTINCT_SECRETS {
        bench.get_with("bob", &format!("wrong password {n}"), "").await;
    }
    let (id, revoked) = bench.app_token("alice", TokenScope::All).await;
    let event = AppTokenEvent::Revoked { user: user("alice"), token: id };
    bench.tell(StreamName::app_tokens(&user("alice")), [event.into()]).await;
    let wrong = bench.get_with("alice", "wrong password!", "").await;
    for (name, secret) in [
        ("nobody", "wrong password!".to_owned()),
        ("no body:at all", "wrong password!".to_owned()),
        ("disabled", password("disabled")),
        ("disabled", "wrong password!".to_owned()),
        ("bob", password("bob")),
        ("alice", String::new()),
        ("alice", "x".repeat(5_000)),
        ("alice", "portus_0000".to_owned()),
        ("alice", revoked),
    ] {
        assert_eq!(bench.get_with(name, &secret, "").await, wrong, "{name}");
    }
}

/// SR-AUT-6. A missing slow hash would be a factor of a hundred; how busy this machine is, is not
/// what is tested, so of each the fastest answer counts.
#[tokio::test]
async fn whatever_is_wrong_the_answer_takes_as_long() {
    let bench = Bench::new().await;
    for name in ["disabled", "locked"] {
        bench.person(name, &password(name)).await;
    }
    bench.disable("disabled").await;
    for n in 0..=DISTINCT_SECRETS {
        bench.get_with("locked", &format!("wrong password {n}"), "").await;
    }
    let names = ["alice", "nobody", "disabled", "locked"];
    let mut times = names.map(|_| Vec::new());
    for n in 0..DISTINCT_SECRETS - 1 {
        for (name, times) in names.iter().zip(&mut times) {
            let begin = std::time::Instant::now();
            bench.get_with(name, &format!("another wrong password {n}"), "").await.refuses(401);
            times.push(begin.elapsed());
        }
    }
    let fastest = times.map(|times| times.into_iter().min().unwrap());
    let (least, most) = (fastest.iter().min().unwrap(), fastest.iter().max().unwrap());
    assert!(*most < *least * 5, "{fastest:?} for {names:?}");
}

/// SR-TOK-6, and bots have no pages.
#[tokio::test]
async fn the_web_takes_passwords_of_people_only() {
    use commands::desk::Origin;
    use domain::event::Door;
    use domain::user::{Account, Origin as Made};
    let bench = Bench::new().await;
    let (_, token) = bench.app_token("alice", TokenScope::All).await;
    let registered =
        UserEvent::Registered { user: user("ci"), account: Account::Bot, origin: Made::Console };
    let secret = commands::vault::Password::parse(&password("ci")).unwrap();
    bench.desk.vault.set_password(&user("ci"), secret).await.unwrap();
    bench.of_user(registered, "ci").await;
    let graph = bench.state.access.snapshot();
    let origin = Origin::default();
    for (name, secret, doors) in [
        ("alice", password("alice"), [true, true, true]),
        ("alice", token, [true, true, false]),
        ("ci", password("ci"), [true, true, false]),
    ] {
        for (door, opens) in [Door::Token, Door::Api, Door::Web].into_iter().zip(doors) {
            let who = &bench.state.authenticator;
            let known = who.verify_basic(&graph, name, &secret, &origin, door).await;
            assert_eq!(known.is_ok(), opens, "{name} at {door:?}: {known:?}");
        }
    }
    let why = failures(&bench.facts().await);
    assert_eq!(why.len(), 2);
    assert!(why.iter().all(|(_, reason)| *reason == SignInFailure::WrongDoor));
}

#[tokio::test]
async fn an_application_token_alone_says_whose_it_is() {
    use commands::desk::Origin;
    use domain::access::Subject;
    use domain::event::Door;
    let bench = Bench::new().await;
    let (id, token) = bench.app_token("alice", TokenScope::ApiRead).await;
    let (graph, origin) = (bench.state.access.snapshot(), Origin::default());
    let who = &bench.state.authenticator;
    let ask = async |name, token: &str| {
        who.verify_token(&graph, name, token, &origin, Door::Api)
            .await
            .ok()
            .map(|known| known.subject)
    };
    let alice = Subject::Token { owner: user("alice"), id };
    assert_eq!(ask(None, &token).await, Some(alice.clone()));
    assert_eq!(ask(Some("Alice"), &token).await, Some(alice));
    assert_eq!(ask(Some("bob"), &token).await, None);
    assert_eq!(ask(Some(""), &token).await, None);
    assert_eq!(ask(None, &password("alice")).await, None, "a password is no token");
    assert_eq!(ask(None, "").await, None);
}

/// SR-AUT-1: nobody else looks at a password or an application token.
#[test]
fn there_is_one_function_from_credential_to_subject() {
    fn sources(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                found.push(path);
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for floor in ["domain", "commands", "projections", "web"] {
        sources(&root.join(floor).join("src"), &mut files);
    }
    assert!(files.len() > 50);
    let mut elsewhere = Vec::new();
    for file in files {
        let name = file.strip_prefix(root).unwrap().display().to_string();
        let ours = ["commands/src/authn", "commands/src/vault"].iter().any(|o| name.starts_with(o));
        let text = std::fs::read_to_string(&file).unwrap();
        let looks = ["app_token::read(", "argon2", "verify_password", ".vault.app_token("];
        if !ours && looks.iter().any(|look| text.contains(look)) {
            elsewhere.push(name);
        }
    }
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
}

#[tokio::test]
async fn failures_say_why_in_the_log_and_names_of_nobody_are_hashed() {
    let bench = Bench::new().await;
    bench.get_with("hunter2-typed-here", "secret-canary-1", "").await.refuses(401);
    bench.get_with("alice", "portus_canary-2", "").await.refuses(401);
    bench.disable("bob").await;
    bench.get("bob", "").await.refuses(401);
    let found = failures(&bench.facts().await);
    assert_eq!(found.len(), 3);
    assert!(
        matches!(&found[0], (Claimed::Unknown { hash }, SignInFailure::UnknownUser) if hash.len() == 32)
    );
    assert_eq!(found[1].1, SignInFailure::Malformed);
    assert_eq!(found[2], (Claimed::Known { user: user("bob") }, SignInFailure::Disabled));
    let page = bench.desk.log.read_all(Position(0), 10_000, None).await.unwrap();
    for event in page.events {
        assert!(!event.data.contains("hunter2") && !event.data.contains("canary"));
    }
}

#[tokio::test]
async fn e64_too_many_failures_of_one_address_are_429_with_retry_after() {
    let bench = Bench::new().await;
    let from: IpAddr = "192.0.2.7".parse().unwrap();
    let (_, token) = bench.app_token("alice", TokenScope::All).await;
    assert_eq!(bench.get_from(from, "alice", &token).await.status, 200);
    for n in 0..FAILURES_PER_ADDRESS {
        bench.get_from(from, "alice", &format!("portus_made_up_{n}")).await.refuses(401);
    }
    let answer = bench.get_from(from, "alice", "portus_made_up").await;
    answer.refuses(429);
    assert_eq!(answer.error().0, "TOOMANYREQUESTS");
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=61).contains(&seconds));

    let elsewhere = "192.0.2.8".parse().unwrap();
    assert_eq!(bench.get_from(elsewhere, "bob", &password("bob")).await.status, 200);
    bench.get_from(from, "root", &password("root")).await.refuses(429);
    for (name, known) in [("alice", &token), ("bob", &password("bob"))] {
        assert_eq!(bench.get_from(from, name, known).await.status, 200, "known a moment ago");
    }
    bench.wait(SignedDuration::from_secs(60));
    assert_eq!(bench.get_from(from, "alice", &password("alice")).await.status, 200);
}

#[tokio::test]
async fn right_passwords_never_make_an_address_wait() {
    let bench = Bench::new().await;
    let from: IpAddr = "192.0.2.7".parse().unwrap();
    for _ in 0..FAILURES_PER_ADDRESS * 2 {
        assert_eq!(bench.get_from(from, "alice", &password("alice")).await.status, 200);
        bench.wait(SignedDuration::from_millis(1));
    }
}

#[tokio::test]
async fn a_remembered_password_needs_no_database_and_is_forgotten_on_any_change() {
    let bench = Bench::new().await;
    assert_eq!(bench.get("alice", "").await.status, 200);
    bench.database.service.close().await;
    assert_eq!(bench.get("alice", "").await.status, 200);
    bench.get("bob", "").await.refuses(503);
    bench.of_user(UserEvent::PasswordChanged { user: user("alice") }, "alice").await;
    bench.get("alice", "").await.refuses(503);
}

#[tokio::test]
async fn a_password_is_remembered_for_a_short_time_only() {
    let bench = Bench::new().await;
    assert_eq!(bench.get("alice", "").await.status, 200);
    bench.database.service.close().await;
    bench.wait(REMEMBER_RIGHT - SignedDuration::from_secs(1));
    assert_eq!(bench.get("alice", "").await.status, 200);
    bench.wait(SignedDuration::from_secs(1));
    bench.get("alice", "").await.refuses(503);
}

#[tokio::test]
async fn a_changed_password_is_the_only_one_that_works() {
    let bench = Bench::new().await;
    assert_eq!(bench.get("alice", "").await.status, 200);
    let new = commands::vault::Password::parse("quite another password").unwrap();
    bench.desk.vault.set_password(&user("alice"), new).await.unwrap();
    bench.of_user(UserEvent::PasswordChanged { user: user("alice") }, "alice").await;
    bench.get("alice", "").await.refuses(401);
    assert_eq!(bench.get_with("alice", "quite another password", "").await.status, 200);
}

#[tokio::test]
async fn an_application_token_is_its_owners_and_no_more_than_its_scopes() {
    let bench = Bench::new().await;
    let (_, pull) = bench.app_token("alice", TokenScope::Pull).await;
    let query = "scope=repository:alice/app:pull,push,delete";
    let granted = bench.get_with("alice", &pull, query).await.granted();
    assert_eq!(granted, ["repository:alice/app:pull"]);
    bench.get_with("bob", &pull, "").await.refuses(401);
    bench.get_with("root", &pull, "").await.refuses(401);
    bench.get_with("", &pull, "").await.refuses(401);
    bench.wait(SignedDuration::from_hours(24));
    bench.get_with("alice", &pull, "").await.refuses(401);
}

/// SR-TOK-2; every change and every cut is tried where tokens are read.
#[tokio::test]
async fn a_damaged_application_token_is_refused_without_a_look_into_the_database() {
    let bench = Bench::new().await;
    let (_, token) = bench.app_token("alice", TokenScope::All).await;
    bench.database.service.close().await;
    let other_digit = if token.ends_with('0') { '1' } else { '0' };
    for damaged in [
        token[..token.len() - 1].to_owned(),
        format!("{token}0"),
        token.to_uppercase().replace("PORTUS_", "portus_"),
        format!("{}{other_digit}", &token[..token.len() - 1]),
    ] {
        bench.get_with("alice", &damaged, "").await.refuses(401);
    }
    bench.get_with("alice", &token, "").await.refuses(503);
}

/// Collects everything that this thread says, at the finest level.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn e67_no_secret_is_in_any_log_line_fact_or_error() {
    let bench = Bench::new().await;
    let said = Said::default();
    let writer = said.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tests::heard::by_any_thread();
    let guard = tracing::subscriber::set_default(subscriber);

    let (_, app_token) = bench.app_token("alice", TokenScope::All).await;
    let refresh = bench.refresh_token("alice").await;
    let mut answers = vec![
        bench.get("alice", "scope=repository:alice/app:pull").await,
        bench.get_with("alice", &app_token, "").await,
        bench.post_refresh(&refresh, &[]).await,
    ];
    let bearer = answers[0].body["token"].as_str().unwrap().to_owned();
    let wrong = "canary-of-a-wrong-password";
    let refused = vec![
        bench.get_with("alice", wrong, "").await,
        bench.get_with(wrong, wrong, "").await,
        bench.post_refresh(&format!("{refresh}{wrong}"), &[]).await,
        bench.get_with("alice", &format!("{app_token}{wrong}"), "").await,
        bench.post(&[("password", wrong), ("grant_type", wrong), ("service", SERVICE)]).await,
    ];
    let secrets = [
        password("alice"),
        basic("alice", &password("alice")),
        app_token,
        refresh,
        bearer,
        wrong.to_owned(),
    ];
    let facts = bench.facts().await;
    drop(guard);
    let said = String::from_utf8_lossy(&said.0.lock().unwrap()).into_owned();
    let page = bench.desk.log.read_all(Position(0), 10_000, None).await.unwrap();
    assert_eq!(page.events.len(), facts.len());
    for secret in &secrets {
        assert!(!said.contains(secret), "{secret} in {said}");
        for event in &page.events {
            let bytes = format!("{} {} {}", event.stream, event.meta, event.data);
            assert!(!bytes.contains(secret), "{secret} in {bytes}");
        }
        for answer in &refused {
            assert!(!answer.body.to_string().contains(secret));
        }
    }
    answers.clear();
}
