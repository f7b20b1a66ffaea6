use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use async_trait::async_trait;
use domain::event::{Actor, Event, EventId, Meta, StreamName, Version};
use domain::log::{Append, Expected, History, Outcome, Page};
use domain::name::UserName;
use domain::user::{Account, Origin, UserEvent};
use jiff::Timestamp;
use tokio::sync::Notify;

use super::*;

/// Just enough of a log: events in a list, a switch that breaks it, and a wake-up.
#[derive(Default)]
struct List {
    events: StdMutex<Vec<Recorded>>,
    broken: AtomicBool,
    reads: AtomicUsize,
    woken: Notify,
}

impl List {
    fn push(&self, kind: &str, class: Class, data: &str) -> Position {
        let mut events = self.events.lock().unwrap();
        let position = Position(events.len() as u64 + 1);
        events.push(Recorded {
            position,
            stream: StreamName::stored("user-x".to_owned()),
            version: Version(0),
            id: EventId::from_key(&position.to_string()),
            kind: kind.to_owned(),
            schema: 1,
            class,
            recorded_at: Timestamp::UNIX_EPOCH,
            occurred_at: Timestamp::UNIX_EPOCH,
            meta: serde_json::to_string(&Meta::by(Actor::Anonymous)).unwrap(),
            data: data.to_owned(),
        });
        drop(events);
        self.woken.notify_waiters();
        position
    }

    fn register(&self, name: &str) -> Position {
        let event = Event::from(UserEvent::Registered {
            user: UserName::parse(name).unwrap(),
            account: Account::Person,
            origin: Origin::SignUp,
        });
        let encoded = event.encode();
        self.push(&encoded.kind, encoded.class, &encoded.data)
    }
}

#[async_trait]
impl EventLog for List {
    async fn append(&self, _: Vec<Append>) -> Result<Vec<Outcome>, LogError> {
        unreachable!("projections only read: {:?}", Expected::Any)
    }

    async fn read_stream(&self, _: &StreamName, _: Option<Version>) -> Result<History, LogError> {
        unreachable!("projections read the global order")
    }

    async fn read_all(
        &self,
        after: Position,
        max: usize,
        class: Option<Class>,
    ) -> Result<Page, LogError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.broken.load(Ordering::SeqCst) {
            return Err(LogError::Unavailable("unplugged".to_owned()));
        }
        let events = self.events.lock().unwrap();
        let head = Position(events.len() as u64);
        let wanted = |event: &&Recorded| {
            event.position > after && class.is_none_or(|class| event.class == class)
        };
        let page: Vec<_> = events.iter().filter(wanted).take(max).cloned().collect();
        let next = match page.last() {
            Some(last) if page.len() == max => last.position,
            _ => head,
        };
        Ok(Page { events: page, next, head })
    }

    async fn head(&self) -> Result<Position, LogError> {
        Ok(Position(self.events.lock().unwrap().len() as u64))
    }

    async fn wait_beyond(&self, after: Position, _: Option<Class>) {
        let woken = self.woken.notified();
        if self.events.lock().unwrap().len() as u64 > after.0 {
            return;
        }
        let _ = timeout(Duration::from_secs(1), woken).await;
    }
}

const BOUND: Duration = Duration::from_secs(5);

fn knows(graph: &Graph, name: &str) -> bool {
    graph.account(&UserName::parse(name).unwrap()).is_some()
}

#[tokio::test]
async fn nobody_is_served_before_the_logs_end_was_seen() {
    let log = Arc::new(List::default());
    log.register("alice");
    let graph = AccessGraph::new(log);
    assert_eq!(graph.fresh(BOUND).unwrap_err(), Stale::CatchingUp(Position(0)));
    assert_eq!(graph.catch_up().await.unwrap(), Position(1));
    assert!(graph.fresh(BOUND).is_ok());
}

#[tokio::test]
async fn every_page_up_to_the_end_counts() {
    let log = Arc::new(List::default());
    for n in 0..2 * PAGE + 7 {
        log.register(&format!("user{n}"));
    }
    let graph = AccessGraph::new(Arc::clone(&log) as _);
    let end = graph.catch_up().await.unwrap();
    assert_eq!(end, Position(2 * PAGE as u64 + 7));
    assert!(log.reads.load(Ordering::SeqCst) >= 3);
    assert!(knows(&graph.snapshot(), &format!("user{}", 2 * PAGE + 6)));
}

#[tokio::test]
async fn facts_that_are_no_decisions_move_the_position_all_the_same() {
    let log = Arc::new(List::default());
    let last = log.push("content.no_such_thing", Class::Fact, "{}");
    let graph = AccessGraph::new(log);
    assert_eq!(graph.catch_up().await.unwrap(), last);
    assert_eq!(graph.position(), last);
}

#[tokio::test(start_paused = true)]
async fn a_graph_that_has_not_heard_of_the_log_for_too_long_serves_nobody() {
    let log = Arc::new(List::default());
    let graph = AccessGraph::new(Arc::clone(&log) as _);
    let follower = tokio::spawn({
        let graph = graph.clone();
        async move { graph.run(std::future::pending()).await }
    });
    // An idle log still says every second that nothing has happened.
    tokio::time::sleep(BOUND * 20).await;
    assert!(graph.fresh(BOUND).is_ok());

    log.broken.store(true, Ordering::SeqCst);
    tokio::time::sleep(BOUND * 2).await;
    assert!(matches!(graph.fresh(BOUND), Err(Stale::Behind { age }) if age > BOUND));

    log.broken.store(false, Ordering::SeqCst);
    tokio::time::sleep(LONGEST_PAUSE * 2).await;
    assert!(graph.fresh(BOUND).is_ok());
    follower.abort();
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_position_then_finds_it_in_the_snapshot() {
    let log = Arc::new(List::default());
    let graph = AccessGraph::new(Arc::clone(&log) as _);
    let follower = tokio::spawn({
        let graph = graph.clone();
        async move { graph.run(std::future::pending()).await }
    });
    for n in 0..100 {
        let name = format!("user{n}");
        let position = log.register(&name);
        graph.reached(position, BOUND).await.unwrap();
        assert!(knows(&graph.snapshot(), &name));
    }
    let nowhere = Position(1_000);
    let lagging = graph.reached(nowhere, BOUND).await.unwrap_err();
    assert_eq!(lagging, Lagging { position: nowhere, reached: Position(100), halted: None });
    follower.abort();
}

#[tokio::test]
async fn a_fact_that_cannot_be_read_halts_the_graph_visibly_and_nobody_is_served() {
    let log = Arc::new(List::default());
    log.register("alice");
    let bad = log.push("user.promoted_to_emperor", Class::Decision, "{}");
    log.register("bob");
    let graph = AccessGraph::new(log);
    let halted = graph.run(std::future::pending()).await.unwrap_err();
    assert_eq!(halted.position, bad);
    assert_eq!(halted.kind, "user.promoted_to_emperor");
    assert!(!halted.error.is_empty());
    assert_eq!(graph.halted(), Some(halted.clone()));
    assert_eq!(graph.fresh(BOUND).unwrap_err(), Stale::Halted(halted.clone()));
    assert!(matches!(graph.catch_up().await, Err(CatchUpError::Halted(_))));
    // What stood before it was applied, what stands after it was not.
    let snapshot = graph.snapshot();
    assert!(knows(&snapshot, "alice") && !knows(&snapshot, "bob"));
    // Whoever waits is told at once, not after their patience.
    let lagging = graph.reached(Position(3), Duration::MAX).await.unwrap_err();
    assert_eq!(lagging.halted, Some(halted));
}

#[tokio::test]
async fn shutdown_ends_the_follower() {
    let graph = AccessGraph::new(Arc::new(List::default()));
    assert_eq!(graph.run(std::future::ready(())).await, Ok(()));
}
