//! Every decision is a part of a fact, whatever happens to the log meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use commands::desk::{Clock, Origin};
use commands::log::memory::MemoryLog;
use domain::access::Policy;
use domain::auth::{AuthEvent, ScopeDecision, TokenDecision};
use domain::event::{Actor, Class, Credential, Event, Position, StreamName, Version};
use domain::log::{Append, EventLog, History, LogError, MAX_EVENT_BYTES, Outcome, Page};
use domain::scope::ScopeAction;
use web::registry::recorder::{DECISIONS_WAITING, Keep};

use super::bench::{Bench, get, user};

#[tokio::test]
async fn a_decision_says_who_what_by_which_rule_and_from_where() {
    let bench = Bench::new().await;
    let request = get("scope=repository:crew/app:push,pull&scope=repository:alice/x:pull")
        .header("authorization", super::bench::basic("bob", &super::bench::password("bob")))
        .header("user-agent", "docker/20.10.24 go/go1.19.8 UpstreamClient(Docker-Client)")
        .extension(web::client::ClientAddress("192.0.2.9".parse().unwrap()))
        .extension(web::client::RequestId("request-1".into()));
    let answer = bench.send(request.body(axum::body::Body::empty()).unwrap()).await;
    let claims = answer.token().claims;

    let decisions = bench.decisions().await;
    let [decision] = decisions.as_slice() else { panic!("one decision") };
    assert_eq!(decision.subject, Actor::User { name: user("bob") });
    assert_eq!(decision.credential, Some(Credential::Password));
    assert_eq!(decision.jti, claims["jti"].as_str().unwrap());
    assert_eq!(decision.request, "request-1");
    assert_eq!(decision.client.as_deref(), Some("docker/20.10.24"));
    assert_eq!(decision.decided_at, bench.state.access.position());
    let [viewed, foreign] = decision.scopes.as_slice() else { panic!("two scopes") };
    assert_eq!(viewed.asked, "repository:crew/app:pull,push");
    assert_eq!(viewed.granted, [ScopeAction::Pull]);
    assert!(viewed.allowed.is_some() && viewed.refused.is_some());
    assert!(foreign.granted.is_empty() && foreign.allowed.is_none() && foreign.refused.is_some());

    let sealed = decision.sealed.clone().unwrap();
    let vault = &bench.desk.vault;
    let open = vault.open_origin(&sealed, decision.jti.as_bytes()).await.unwrap().unwrap();
    assert_eq!(open.address, Some("192.0.2.9".parse().unwrap()));
    assert!(open.user_agent.unwrap().starts_with("docker/20.10.24 go/"));
    assert!(vault.open_origin(&sealed, b"another decision").await.is_err());
    vault.erase(&user("bob")).await.unwrap();
    assert_eq!(vault.open_origin(&sealed, decision.jti.as_bytes()).await.unwrap(), None);
}

#[tokio::test]
async fn a_refresh_token_that_is_handed_out_is_a_fact() {
    let bench = Bench::new().await;
    let refresh = bench.refresh_token("alice").await;
    bench.post_refresh(&refresh, &[("access_type", "offline")]).await.token();
    let issued = |event: &Event| matches!(event, Event::Auth(AuthEvent::RefreshTokenIssued { user: name, .. }) if *name == user("alice"));
    let facts = bench.facts().await;
    assert_eq!(facts.iter().filter(|fact| issued(&fact.event)).count(), 1, "once");
}

#[tokio::test]
async fn what_is_kept_is_a_setting() {
    for (keep, expected) in [(Keep::All, 3), (Keep::Refused, 1), (Keep::None, 0)] {
        let bench = Bench::with(Policy::default(), keep).await;
        bench.get("alice", "").await.token();
        bench.get("alice", "scope=repository:alice/app:pull").await.token();
        bench.get("alice", "scope=repository:bob/app:pull").await.token();
        assert_eq!(bench.decisions().await.len(), expected, "{keep:?}");
    }
}

/// A log that can be switched off.
struct Switched {
    log: Arc<MemoryLog>,
    off: AtomicBool,
}

#[async_trait]
impl EventLog for Switched {
    async fn append(&self, commands: Vec<Append>) -> Result<Vec<Outcome>, LogError> {
        if self.off.load(Ordering::SeqCst) {
            return Err(LogError::Unavailable("switched off".to_owned()));
        }
        for event in commands.iter().flat_map(|command| &command.events) {
            assert!(event.event.encode().data.len() <= MAX_EVENT_BYTES, "too large for the log");
        }
        self.log.append(commands).await
    }
    async fn read_stream(
        &self,
        stream: &StreamName,
        from: Option<Version>,
    ) -> Result<History, LogError> {
        self.log.read_stream(stream, from).await
    }
    async fn read_all(
        &self,
        after: Position,
        max: usize,
        class: Option<Class>,
    ) -> Result<Page, LogError> {
        self.log.read_all(after, max, class).await
    }
    async fn head(&self) -> Result<Position, LogError> {
        self.log.head().await
    }
    async fn wait_beyond(&self, after: Position, class: Option<Class>) {
        self.log.wait_beyond(after, class).await;
    }
}

async fn switched() -> (Bench, Arc<Switched>) {
    let now = Arc::new(Mutex::new(Clock::system().now()));
    let told = Arc::clone(&now);
    let clock = Clock::new(move || *told.lock().unwrap());
    let log =
        Arc::new(Switched { log: MemoryLog::new(clock.clone()), off: AtomicBool::new(false) });
    let bench = Bench::over(log.clone(), clock, now, Policy::default(), Keep::All).await;
    (bench, log)
}

#[tokio::test]
async fn nothing_is_lost_while_the_log_is_away_and_no_token_given_beyond_the_queue() {
    let (bench, log) = switched().await;
    assert_eq!(bench.get("alice", "").await.status, 200);
    log.off.store(true, Ordering::SeqCst);
    let mut given = 1;
    loop {
        let answer = bench.anonymous("scope=repository:open/x:pull").await;
        if answer.status == 503 {
            assert!(!answer.header("retry-after").is_empty());
            assert!(answer.body.get("token").is_none());
            break;
        }
        assert_eq!(answer.status, 200);
        given += 1;
        assert!(given < 3 * DECISIONS_WAITING, "the queue has no bound");
    }
    assert!(given >= DECISIONS_WAITING, "{given}");
    log.off.store(false, Ordering::SeqCst);
    let decisions = bench.decisions().await;
    assert_eq!(decisions.len(), given);
    let ids: std::collections::HashSet<_> = decisions.iter().map(|d| &d.jti).collect();
    assert_eq!(ids.len(), given, "each once");
}

#[tokio::test]
async fn closing_says_what_could_not_be_written_down() {
    let (bench, log) = switched().await;
    log.off.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        bench.anonymous("").await.token();
    }
    assert_eq!(bench.state.recorder.close(Duration::from_millis(50)).await, 3);
    bench.anonymous("").await.refuses(503);
    log.off.store(false, Ordering::SeqCst);
    assert_eq!(bench.state.recorder.close(Duration::from_secs(30)).await, 0);
}

#[tokio::test]
async fn decisions_of_the_largest_kind_fit_into_facts() {
    let (bench, log) = switched().await;
    log.off.store(true, Ordering::SeqCst);
    let scope = ScopeDecision {
        asked: format!("{}:pull,push,delete,*", "x".repeat(300)),
        granted: vec![ScopeAction::Pull, ScopeAction::Push, ScopeAction::Delete, ScopeAction::All],
        allowed: Some("r".repeat(120)),
        refused: None,
    };
    let decision = |n: usize| TokenDecision {
        at: bench.desk.clock.now(),
        subject: Actor::User { name: user(&"n".repeat(128)) },
        credential: Some(Credential::RefreshToken),
        service: "s".repeat(1_024),
        scopes: vec![scope.clone(); 100],
        jti: n.to_string(),
        decided_at: Position(u64::MAX),
        request: "q".repeat(64),
        client: Some("c".repeat(64)),
        sealed: None,
    };
    let origin = Origin {
        address: Some("2001:db8::1".parse().unwrap()),
        user_agent: Some("\"".repeat(256)),
        ..Origin::default()
    };
    for n in 0..40 {
        bench.state.recorder.slot().unwrap().record(decision(n), origin.clone());
    }
    log.off.store(false, Ordering::SeqCst);
    let ids: Vec<_> = bench.decisions().await.into_iter().map(|d| d.jti).collect();
    assert_eq!(ids, (0..40).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_most_a_request_may_ask_still_fits_into_a_fact() {
    let (bench, _) = switched().await;
    let hostile = "%01%22%5C%7F%C3%A4".repeat(12);
    let scopes: Vec<_> =
        (0..100).map(|n| format!("scope=t{n}{hostile}:{hostile}:pull,push,delete,*")).collect();
    let query = scopes.join("&");
    assert!(query.len() < 64 * 1_024);
    bench.get("alice", &query).await.token();
    let decisions = bench.decisions().await;
    assert_eq!(decisions[0].scopes.len(), 100);
    assert!(decisions[0].scopes.iter().all(|scope| scope.asked.len() <= 320));
}
