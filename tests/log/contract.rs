//! What every log keeps: in memory, in Postgres, and on an event store. Whoever adds an adapter
//! adds it here.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use commands::desk::Clock;
use commands::log::memory::MemoryLog;
use commands::log::postgres::{PostgresLog, PostgresLogOptions};
use domain::event::{Class, Event, Position, Version};
use domain::log::{
    Append, EventLog, Expected, LogError, MAX_COMMANDS, MAX_EVENT_BYTES, MAX_EVENTS, MAX_KEY_BYTES,
    MAX_PAGE, MAX_STREAM_BYTES, Outcome,
};
use domain::system::SystemEvent;
use eventstore_log::{EventStoreLog, EventStoreLogOptions};
use tests::eventstore::Server;
use tests::postgres::TestDatabase;

use crate::facts::{
    Refine as _, append, decision, everything, fact, first, one, pages, put, stream,
};

type Log = Arc<dyn EventLog>;

pub(crate) async fn in_memory<F: Future>(test: impl FnOnce(Log) -> F) {
    test(MemoryLog::new(Clock::system())).await;
}

pub(crate) async fn in_postgres<F: Future>(test: impl FnOnce(Log) -> F) {
    let db = TestDatabase::new().await;
    test(PostgresLog::open(db.service.clone(), PostgresLogOptions::default()).await.unwrap()).await;
}

/// On the double, or on the server of `EVENTSTORE_URL`.
pub(crate) async fn in_eventstore<F: Future>(test: impl FnOnce(Log) -> F) {
    let server = Server::start().await;
    let options = EventStoreLogOptions { name: server.name.clone(), ..Default::default() };
    test(EventStoreLog::open(&server.url, options).await.unwrap()).await;
}

/// Makes a test of each function for each adapter.
macro_rules! contract {
    ($($test:ident)*) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() { super::in_memory(super::$test).await })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() { super::in_postgres(super::$test).await })*
        }
        mod eventstore {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() { super::in_eventstore(super::$test).await })*
        }
    };
}

contract! {
    an_empty_log_has_nothing
    events_of_one_append_lie_together_in_order
    a_refused_append_leaves_nothing_behind
    any_takes_every_version
    no_stream_takes_only_the_first
    exact_takes_only_that_version_and_a_conflict_says_the_actual_one
    one_of_many_racing_appends_on_the_same_version_wins
    a_conflict_disturbs_no_other_command_of_its_call
    commands_of_one_call_build_on_each_other
    the_same_id_again_is_the_same_fact
    the_same_id_on_another_stream_is_the_same_fact
    one_known_id_makes_the_whole_append_a_duplicate
    the_same_key_again_is_the_same_append
    a_retry_is_a_duplicate_also_when_its_version_has_passed
    the_same_id_twice_in_one_call_is_written_once
    the_same_key_twice_in_one_call_is_written_once
    a_key_whose_append_met_a_conflict_is_still_free
    thirty_two_at_once_with_the_same_id_write_one_fact
    thirty_two_at_once_with_the_same_key_write_one_fact
    every_page_size_from_every_position_gives_the_same_order
    a_page_of_nothing_goes_nowhere
    a_page_beyond_the_end_is_empty
    a_class_is_read_alone_and_next_passes_the_others
    a_stream_is_read_from_any_version
    streams_do_not_mix
    the_recorded_time_never_goes_back
    what_is_appended_comes_back_byte_for_byte
    whoever_waits_is_woken_by_an_append
    whoever_waits_in_vain_looks_again_after_a_second
    whoever_waits_for_decisions_sleeps_through_facts
    who_is_behind_does_not_wait
    an_event_of_the_most_bytes_goes_in_and_one_byte_more_does_not
    the_most_events_go_in_and_one_more_does_not
    the_longest_key_goes_in_and_a_longer_one_does_not
    the_longest_stream_name_goes_in_and_a_longer_one_does_not
    the_most_commands_go_in_and_one_more_does_not
    the_same_id_twice_in_one_append_is_invalid
    an_invalid_command_keeps_the_whole_call_out
    no_command_is_no_work
    a_page_holds_at_most_so_many_events
}

async fn an_empty_log_has_nothing(log: Log) {
    assert_eq!(log.head().await.unwrap(), Position(0));
    let page = log.read_all(Position(0), 10, None).await.unwrap();
    assert_eq!((page.events.len(), page.next, page.head), (0, Position(0), Position(0)));
    let history = log.read_stream(&stream("nobody"), None).await.unwrap();
    assert_eq!((history.events.len(), history.version), (0, None));
}

async fn events_of_one_append_lie_together_in_order(log: Log) {
    put(&*log, one("other")).await;
    let events = vec![fact("a"), decision("b"), fact("c")];
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    let outcome = put(&*log, append("s", events)).await;
    let Outcome::Appended { first, last, version, recorded_at } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((last, version), (Position(first.0 + 2), Version(2)));
    let read = log.read_stream(&stream("s"), None).await.unwrap();
    assert_eq!(read.version, Some(Version(2)));
    assert_eq!(read.events.iter().map(|event| event.id).collect::<Vec<_>>(), ids);
    for (number, event) in (0..).zip(&read.events) {
        assert_eq!(event.version, Version(number));
        assert_eq!(event.position, Position(first.0 + number));
        assert_eq!(event.recorded_at, recorded_at);
        assert_eq!(event.stream, stream("s"));
    }
    assert_eq!(log.head().await.unwrap(), last);
}

async fn a_refused_append_leaves_nothing_behind(log: Log) {
    let (a, b) = (fact("a"), fact("b"));
    let wish = append("s", vec![a, b]).key("k").expect(Expected::Exact(Version(7)));
    assert_eq!(put(&*log, wish.clone()).await, Outcome::Conflict { actual: None });
    assert!(everything(&*log).await.is_empty());
    assert_eq!(log.read_stream(&stream("s"), None).await.unwrap().version, None);
    // Neither ids nor key were taken.
    first(&put(&*log, wish.expect(Expected::NoStream)).await);
}

async fn any_takes_every_version(log: Log) {
    for version in 0..3 {
        match put(&*log, one("s")).await {
            Outcome::Appended { version: at, .. } => assert_eq!(at, Version(version)),
            other => panic!("{other:?}"),
        }
    }
}

async fn no_stream_takes_only_the_first(log: Log) {
    first(&put(&*log, append("s", vec![fact("a"), fact("b")]).expect(Expected::NoStream)).await);
    assert_eq!(
        put(&*log, one("s").expect(Expected::NoStream)).await,
        Outcome::Conflict { actual: Some(Version(1)) }
    );
    assert_eq!(log.head().await.unwrap(), Position(2));
}

async fn exact_takes_only_that_version_and_a_conflict_says_the_actual_one(log: Log) {
    put(&*log, append("s", vec![fact("a"), fact("b"), fact("c")])).await;
    for wrong in [0, 1, 3, u64::MAX] {
        assert_eq!(
            put(&*log, one("s").expect(Expected::Exact(Version(wrong)))).await,
            Outcome::Conflict { actual: Some(Version(2)) }
        );
    }
    first(&put(&*log, one("s").expect(Expected::Exact(Version(2)))).await);
    assert_eq!(
        put(&*log, one("new").expect(Expected::Exact(Version(0)))).await,
        Outcome::Conflict { actual: None }
    );
}

async fn one_of_many_racing_appends_on_the_same_version_wins(log: Log) {
    put(&*log, one("s")).await;
    let racers = (0..32).map(|_| {
        let log = log.clone();
        tokio::spawn(async move { put(&*log, one("s").expect(Expected::Exact(Version(0)))).await })
    });
    let mut won = 0;
    for racer in racers.collect::<Vec<_>>() {
        match racer.await.unwrap() {
            Outcome::Appended { version, .. } => {
                assert_eq!(version, Version(1));
                won += 1;
            }
            Outcome::Conflict { actual } => assert_eq!(actual, Some(Version(1))),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(won, 1);
}

async fn a_conflict_disturbs_no_other_command_of_its_call(log: Log) {
    let outcomes = log
        .append(vec![
            one("a"),
            one("b").expect(Expected::Exact(Version(3))),
            one("a").expect(Expected::Exact(Version(0))),
            one("c").expect(Expected::NoStream),
        ])
        .await
        .unwrap();
    assert_eq!(outcomes[1], Outcome::Conflict { actual: None });
    let positions = [0, 2, 3].map(|place: usize| first(&outcomes[place]));
    assert_eq!(positions, [Position(1), Position(2), Position(3)]);
    assert_eq!(everything(&*log).await.len(), 3);
}

async fn commands_of_one_call_build_on_each_other(log: Log) {
    let outcomes = log
        .append(vec![
            one("s").expect(Expected::NoStream),
            one("s").expect(Expected::Exact(Version(0))),
            one("s").expect(Expected::Exact(Version(0))),
        ])
        .await
        .unwrap();
    assert_eq!(outcomes[2], Outcome::Conflict { actual: Some(Version(1)) });
}

async fn the_same_id_again_is_the_same_fact(log: Log) {
    let command = append("s", vec![fact("a"), fact("b")]);
    let at = first(&put(&*log, command.clone()).await);
    put(&*log, one("s")).await;
    assert_eq!(put(&*log, command).await, Outcome::Duplicate { first: at });
    assert_eq!(log.head().await.unwrap(), Position(3));
}

async fn the_same_id_on_another_stream_is_the_same_fact(log: Log) {
    let event = fact("a");
    let at = first(&put(&*log, append("s", vec![event.clone()])).await);
    let again = put(&*log, append("t", vec![event])).await;
    assert_eq!(again, Outcome::Duplicate { first: at });
    assert_eq!(log.read_stream(&stream("t"), None).await.unwrap().version, None);
}

async fn one_known_id_makes_the_whole_append_a_duplicate(log: Log) {
    let (a, b, c) = (fact("a"), fact("b"), fact("c"));
    put(&*log, append("s", vec![a, b.clone()])).await;
    let again = put(&*log, append("s", vec![c, b])).await;
    assert_eq!(again, Outcome::Duplicate { first: Position(2) });
    assert_eq!(log.head().await.unwrap(), Position(2));
}

async fn the_same_key_again_is_the_same_append(log: Log) {
    let at = first(&put(&*log, one("s").key("registry-1:é")).await);
    assert_eq!(put(&*log, one("t").key("registry-1:é")).await, Outcome::Duplicate { first: at });
    first(&put(&*log, one("t").key("registry-1:e")).await);
}

async fn a_retry_is_a_duplicate_also_when_its_version_has_passed(log: Log) {
    let command = one("s").expect(Expected::NoStream);
    let at = first(&put(&*log, command.clone()).await);
    assert_eq!(put(&*log, command).await, Outcome::Duplicate { first: at });
}

async fn the_same_id_twice_in_one_call_is_written_once(log: Log) {
    let command = one("s");
    let calls = vec![command.clone(), one("t"), command.clone(), one("t"), command];
    let outcomes = log.append(calls).await.unwrap();
    let at = first(&outcomes[0]);
    assert_eq!(outcomes[2], Outcome::Duplicate { first: at });
    assert_eq!(outcomes[4], Outcome::Duplicate { first: at });
    assert_eq!(everything(&*log).await.len(), 3);
}

async fn the_same_key_twice_in_one_call_is_written_once(log: Log) {
    let outcomes = log.append(vec![one("s").key("k"), one("t").key("k")]).await.unwrap();
    assert_eq!(outcomes[1], Outcome::Duplicate { first: first(&outcomes[0]) });
    assert_eq!(everything(&*log).await.len(), 1);
}

async fn a_key_whose_append_met_a_conflict_is_still_free(log: Log) {
    let outcomes = log
        .append(vec![one("s").key("k").expect(Expected::Exact(Version(4))), one("s").key("k")])
        .await
        .unwrap();
    assert_eq!(outcomes[0], Outcome::Conflict { actual: None });
    first(&outcomes[1]);
}

async fn thirty_two_at_once_with_the_same_id_write_one_fact(log: Log) {
    let command = one("s");
    race_for_one_fact(log, |_| command.clone()).await;
}

async fn thirty_two_at_once_with_the_same_key_write_one_fact(log: Log) {
    race_for_one_fact(log, |racer| one(&format!("s{racer}")).key("k")).await;
}

async fn race_for_one_fact(log: Log, command: impl Fn(usize) -> Append) {
    let racers = (0..32).map(|racer| {
        let (log, command) = (log.clone(), command(racer));
        tokio::spawn(async move { put(&*log, command).await })
    });
    let mut appended = 0;
    for racer in racers.collect::<Vec<_>>() {
        match racer.await.unwrap() {
            Outcome::Appended { first, .. } => {
                assert_eq!(first, Position(1));
                appended += 1;
            }
            other => assert_eq!(other, Outcome::Duplicate { first: Position(1) }),
        }
    }
    assert_eq!(appended, 1);
    assert_eq!(everything(&*log).await.len(), 1);
}

async fn every_page_size_from_every_position_gives_the_same_order(log: Log) {
    for number in 0..9 {
        let events = (0..3).map(|text| fact(&format!("{number}.{text}"))).collect();
        put(&*log, append(&format!("s{}", number % 4), events)).await;
    }
    let all = everything(&*log).await;
    let positions: Vec<_> = all.iter().map(|event| event.position).collect();
    assert!(positions.is_sorted() && positions.len() == 27);
    for size in [1, 2, 5, 26, 27, 28, 1_000] {
        for (read, after) in [Position(0)].iter().chain(&positions).enumerate() {
            assert_eq!(pages(&*log, *after, size, None).await, all[read..], "{size} after {after}");
        }
    }
}

async fn a_page_of_nothing_goes_nowhere(log: Log) {
    put(&*log, one("s")).await;
    let page = log.read_all(Position(0), 0, None).await.unwrap();
    assert_eq!((page.events.len(), page.next, page.head), (0, Position(0), Position(1)));
}

async fn a_page_beyond_the_end_is_empty(log: Log) {
    put(&*log, one("s")).await;
    for after in [1, 2, 1_000, u64::MAX] {
        let page = log.read_all(Position(after), 10, None).await.unwrap();
        assert_eq!((page.events.len(), page.next), (0, Position(after)));
        assert_eq!(page.head, Position(1));
    }
}

async fn a_class_is_read_alone_and_next_passes_the_others(log: Log) {
    for _ in 0..5 {
        let events = vec![fact("1"), fact("2"), decision("3"), fact("4"), decision("5")];
        put(&*log, append("s", events)).await;
    }
    put(&*log, append("s", vec![fact("6"), fact("7")])).await;
    let all = everything(&*log).await;
    for class in [Class::Decision, Class::Fact] {
        let wanted: Vec<_> = all.iter().filter(|event| event.class == class).cloned().collect();
        for size in [1, 2, 3, 10, 17, 100] {
            assert_eq!(pages(&*log, Position(0), size, Some(class)).await, wanted);
        }
    }
    // Behind the last decision there are only facts: the page is empty, and the reader is through.
    let page = log.read_all(Position(25), 10, Some(Class::Decision)).await.unwrap();
    assert_eq!((page.events.len(), page.next, page.head), (0, Position(27), Position(27)));
}

async fn a_stream_is_read_from_any_version(log: Log) {
    for text in 0..6 {
        put(&*log, append("s", vec![fact(&text.to_string())])).await;
        put(&*log, one("other")).await;
    }
    for from in 0..8 {
        let history = log.read_stream(&stream("s"), Some(Version(from))).await.unwrap();
        let versions: Vec<_> = history.events.iter().map(|event| event.version.0).collect();
        assert_eq!(versions, (from..6).collect::<Vec<_>>());
        assert_eq!(history.version, Some(Version(5)));
    }
    let beyond = log.read_stream(&stream("s"), Some(Version(u64::MAX))).await.unwrap();
    assert!(beyond.events.is_empty());
}

async fn streams_do_not_mix(log: Log) {
    let names = ["s", "S", "s ", "ß", "s-1", "s%", "s_", "日本"];
    for (count, name) in (1..).zip(names) {
        put(&*log, append(name, (0..count).map(|_| fact(name)).collect())).await;
    }
    for (count, name) in (1..).zip(names) {
        let history = log.read_stream(&stream(name), None).await.unwrap();
        assert_eq!(history.events.len(), count, "{name}");
        assert!(history.events.iter().all(|event| event.stream == stream(name)));
    }
}

async fn the_recorded_time_never_goes_back(log: Log) {
    for _ in 0..50 {
        put(&*log, one("s")).await;
    }
    let all = everything(&*log).await;
    assert!(all.is_sorted_by_key(|event| event.recorded_at));
    assert!(all.iter().all(|event| event.recorded_at.subsec_nanosecond() % 1_000 == 0));
}

async fn what_is_appended_comes_back_byte_for_byte(log: Log) {
    for text in [
        "",
        " ",
        "\"",
        "\\",
        "\u{0}",
        "\u{1f}\n\r\t",
        "é日本🦀",
        "\u{2028}",
        "{\"a\":1,\"a\":2}",
        "</x>",
    ] {
        let mut event = fact(text);
        event.occurred_at = "2026-01-02T03:04:05.123456789Z".parse().unwrap();
        let at = first(&put(&*log, append("s", vec![event.clone()])).await);
        let page = log.read_all(Position(at.0 - 1), 1, None).await.unwrap();
        let (read, encoded) = (&page.events[0], event.event.encode());
        assert_eq!((&read.data, &read.kind), (&encoded.data, &encoded.kind));
        assert_eq!((read.schema, read.class, read.id), (encoded.schema, encoded.class, event.id));
        assert_eq!(read.meta, serde_json::to_string(&event.meta).unwrap());
        assert_eq!(read.occurred_at.to_string(), "2026-01-02T03:04:05.123456Z"); // microseconds
        assert_eq!(read.decode().unwrap().event, event.event);
        assert_eq!(read.decode().unwrap().meta, event.meta);
    }
}

async fn whoever_waits_is_woken_by_an_append(log: Log) {
    const ROUNDS: u32 = 20;
    let started = Instant::now();
    for _ in 0..ROUNDS {
        let head = log.head().await.unwrap();
        let waiting = tokio::spawn({
            let log = log.clone();
            async move { log.wait_beyond(head, None).await }
        });
        tokio::task::yield_now().await;
        put(&*log, one("s")).await;
        waiting.await.unwrap();
    }
    // Had it not been woken, each round would have taken a second.
    assert!(started.elapsed() < Duration::from_secs(u64::from(ROUNDS)) * 3 / 4);
}

async fn whoever_waits_in_vain_looks_again_after_a_second(log: Log) {
    let started = Instant::now();
    log.wait_beyond(Position(5), None).await;
    assert!(started.elapsed() >= Duration::from_millis(900));
}

async fn whoever_waits_for_decisions_sleeps_through_facts(log: Log) {
    const ROUNDS: u32 = 3;
    let asleep = async |command: Append| {
        let head = log.head().await.unwrap();
        let began = Instant::now();
        let waiting = tokio::spawn({
            let log = log.clone();
            async move { log.wait_beyond(head, Some(Class::Decision)).await }
        });
        tokio::task::yield_now().await;
        put(&*log, command).await;
        waiting.await.unwrap();
        began.elapsed()
    };
    for _ in 0..ROUNDS {
        assert!(asleep(one("s")).await >= Duration::from_millis(900));
    }
    let mut woken = Duration::ZERO;
    for _ in 0..ROUNDS {
        woken += asleep(append("s", vec![fact("x"), decision("y")])).await;
    }
    assert!(woken < Duration::from_secs(u64::from(ROUNDS)) * 3 / 4, "{woken:?}");
}

async fn who_is_behind_does_not_wait(log: Log) {
    let started = Instant::now();
    put(&*log, one("s")).await;
    for _ in 0..100 {
        log.wait_beyond(Position(0), None).await;
    }
    assert!(started.elapsed() < Duration::from_secs(50));
}

/// A fact whose stored bytes are as many.
fn fact_of(bytes: usize) -> domain::event::NewEvent {
    let mut event = fact("");
    let meta = serde_json::to_string(&event.meta).unwrap().len();
    let text = "x".repeat(bytes - meta - event.event.encode().data.len());
    event.event = Event::System(SystemEvent::Started { version: text });
    assert_eq!(event.event.encode().data.len() + meta, bytes);
    event
}

async fn an_event_of_the_most_bytes_goes_in_and_one_byte_more_does_not(log: Log) {
    let at = first(&put(&*log, append("s", vec![fact_of(MAX_EVENT_BYTES)])).await);
    let read = log.read_all(Position(at.0 - 1), 1, None).await.unwrap();
    assert_eq!(read.events[0].data.len() + read.events[0].meta.len(), MAX_EVENT_BYTES);
    assert_invalid(&log, append("s", vec![fact_of(MAX_EVENT_BYTES + 1)])).await;
}

async fn the_most_events_go_in_and_one_more_does_not(log: Log) {
    let events = |count| (0..count).map(|_| fact("x")).collect::<Vec<_>>();
    put(&*log, append("s", events(MAX_EVENTS))).await;
    assert_eq!(everything(&*log).await.len(), MAX_EVENTS);
    assert_invalid(&log, append("s", events(MAX_EVENTS + 1))).await;
    assert_invalid(&log, append("s", events(0))).await;
}

async fn the_longest_key_goes_in_and_a_longer_one_does_not(log: Log) {
    let key = "k".repeat(MAX_KEY_BYTES);
    first(&put(&*log, one("s").key(&key)).await);
    assert_eq!(put(&*log, one("s").key(&key)).await, Outcome::Duplicate { first: Position(1) });
    for key in ["k".repeat(MAX_KEY_BYTES + 1), String::new(), "a\0b".to_owned()] {
        assert_invalid(&log, one("s").key(&key)).await;
    }
}

async fn the_longest_stream_name_goes_in_and_a_longer_one_does_not(log: Log) {
    first(&put(&*log, one(&"s".repeat(MAX_STREAM_BYTES))).await);
    for name in ["s".repeat(MAX_STREAM_BYTES + 1), String::new(), "a\0b".to_owned()] {
        assert_invalid(&log, one(&name)).await;
    }
}

async fn the_most_commands_go_in_and_one_more_does_not(log: Log) {
    let commands = |count| (0..count).map(|_| one("s")).collect::<Vec<_>>();
    let outcomes = log.append(commands(MAX_COMMANDS)).await.unwrap();
    assert_eq!(outcomes.iter().map(first).collect::<HashSet<_>>().len(), MAX_COMMANDS);
    let refused = log.append(commands(MAX_COMMANDS + 1)).await;
    assert!(matches!(refused, Err(LogError::Invalid(_))), "{refused:?}");
    assert_eq!(everything(&*log).await.len(), MAX_COMMANDS);
}

async fn the_same_id_twice_in_one_append_is_invalid(log: Log) {
    let event = fact("a");
    assert_invalid(&log, append("s", vec![event.clone(), event])).await;
}

async fn an_invalid_command_keeps_the_whole_call_out(log: Log) {
    let refused = log.append(vec![one("s"), append("s", vec![])]).await;
    assert!(matches!(refused, Err(LogError::Invalid(_))), "{refused:?}");
    assert!(everything(&*log).await.is_empty());
}

async fn no_command_is_no_work(log: Log) {
    assert_eq!(log.append(vec![]).await.unwrap(), []);
}

async fn a_page_holds_at_most_so_many_events(log: Log) {
    for _ in 0..=MAX_PAGE / MAX_EVENTS {
        put(&*log, append("s", (0..MAX_EVENTS).map(|_| fact("x")).collect())).await;
    }
    let page = log.read_all(Position(0), usize::MAX, None).await.unwrap();
    assert_eq!((page.events.len(), page.next), (MAX_PAGE, Position(MAX_PAGE as u64)));
    assert!(page.next < page.head);
}

async fn assert_invalid(log: &Log, command: Append) {
    let before = log.head().await.unwrap();
    let refused = log.append(vec![command]).await;
    assert!(matches!(refused, Err(LogError::Invalid(_))), "{refused:?}");
    assert_eq!(log.head().await.unwrap(), before);
}
