//! The traps of keeping the log on an event store, and of the client that speaks to it. What each
//! adapter keeps is in [`crate::contract`].

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use commands::desk::Clock;
use domain::event::{Class, EventId, Position, Version};
use domain::log::{Append, EventLog, Expected, LogError, Outcome};
use eventstore_log::{EventStoreLog, EventStoreLogOptions, SettingsError, prepare};
use tests::eventstore::{Double, MAX_APPEND_SIZE, Server};
use tokio::task::JoinHandle;

use crate::facts::{
    Refine as _, append, decision, everything, fact, first, one, pages, put, stream,
};

/// Waits for nothing longer than a test should.
fn options() -> EventStoreLogOptions {
    EventStoreLogOptions { request: Duration::from_secs(3), ..Default::default() }
}

async fn open(double: &Double) -> Arc<EventStoreLog> {
    EventStoreLog::open(&double.url(), options()).await.unwrap()
}

/// Until links point to everything.
async fn linked(log: &EventStoreLog) {
    while log.unlinked() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Everything is there once, in order, and at the same places however it is read.
async fn sound(log: &dyn EventLog, events: usize) {
    let all = everything(log).await;
    let positions: Vec<_> = all.iter().map(|event| event.position.0).collect();
    assert_eq!(positions, (1..=events as u64).collect::<Vec<_>>());
    assert!(all.is_sorted_by_key(|event| event.recorded_at));
    let ids: std::collections::HashSet<_> = all.iter().map(|event| event.id).collect();
    assert_eq!(ids.len(), events, "an event is there twice");
    let mut streams: Vec<_> = all.iter().map(|event| event.stream.clone()).collect();
    streams.sort_by_key(ToString::to_string);
    streams.dedup();
    for stream in streams {
        let of: Vec<_> = all.iter().filter(|event| event.stream == stream).cloned().collect();
        let history = log.read_stream(&stream, None).await.unwrap();
        assert_eq!(history.events, of);
        assert_eq!(history.version, Some(Version(of.len() as u64 - 1)));
        assert!((0..).zip(&of).all(|(version, event)| event.version == Version(version)));
    }
    for class in [Class::Decision, Class::Fact] {
        let of: Vec<_> = all.iter().filter(|event| event.class == class).cloned().collect();
        for size in [3, 1_000] {
            assert_eq!(pages(log, Position(0), size, Some(class)).await, of);
        }
    }
}

/// Appends one after the other in the background, each until it is there; says how many.
fn writing(log: Arc<EventStoreLog>, writers: usize, each: usize) -> Vec<JoinHandle<()>> {
    let writer = |writer: usize| {
        let log = log.clone();
        tokio::spawn(async move {
            for number in 0..each {
                let event = if number % 3 == 0 { decision("x") } else { fact("x") };
                until_there(&*log, append(&format!("s{}", writer % 3), vec![event])).await;
            }
        })
    };
    (0..writers).map(writer).collect()
}

/// As callers do: the same ids again, until an answer comes.
async fn until_there(log: &dyn EventLog, command: Append) {
    loop {
        match log.append(vec![command.clone()]).await {
            Ok(outcomes) => match &outcomes[0] {
                Outcome::Appended { .. } | Outcome::Duplicate { .. } => return,
                Outcome::Conflict { .. } => panic!("nothing was expected"),
            },
            Err(LogError::Unavailable(_) | LogError::Busy) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

async fn joined(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        task.await.unwrap();
    }
}

const INSTALLED: &str = "PORTUS_TEST_PROVIDER_INSTALLED";

#[test]
fn somebody_elses_tls_provider_is_said_and_kills_nothing() {
    // A process of its own: the provider is the process'.
    if std::env::var_os(INSTALLED).is_some() {
        rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
        assert_eq!(prepare(), Err(SettingsError::Provider));
        return;
    }
    let name = "eventstore::somebody_elses_tls_provider_is_said_and_kills_nothing";
    let mut again = Command::new(std::env::current_exe().unwrap());
    let output = again.args([name, "--exact"]).env(INSTALLED, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_installs_a_provider_after_us_disturbs_nothing() {
    prepare().unwrap();
    // What the service does next.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let double = Double::start().await;
    for _ in 0..3 {
        put(&*open(&double).await, one("s")).await;
    }
    sound(&*open(&double).await, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_up_yet_is_waited_for() {
    let mut double = Double::start().await;
    let url = double.url();
    double.kill(0);
    let impatient = EventStoreLogOptions { patience: Duration::from_millis(200), ..options() };
    let refused = EventStoreLog::open(&url, impatient).await;
    assert!(refused.is_err_and(|error| !error.to_string().is_empty()));
    let patient = EventStoreLogOptions { patience: Duration::from_secs(60), ..options() };
    let opening = tokio::spawn(async move { EventStoreLog::open(&url, patient).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(700)).await; // some tries fail
    double.revive(0).await;
    let log = opening.await.unwrap();
    first(&put(&*log, one("s")).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_restarts_under_writers_loses_and_doubles_nothing() {
    let mut double = Double::start().await;
    let log = open(&double).await;
    let writers = writing(log.clone(), 8, 30);
    for _ in 0..3 {
        let head = log.head().await.unwrap();
        log.wait_beyond(head, None).await;
        double.kill(0);
        double.revive(0).await;
    }
    joined(writers).await;
    sound(&*log, 8 * 30).await;
    linked(&log).await;
    sound(&*open(&double).await, 8 * 30).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_dies_in_a_cluster_is_left_for_the_new_leader() {
    let mut double = Double::cluster(3).await;
    let log = open(&double).await;
    let writers = writing(log.clone(), 8, 30);
    for (dead, leader) in [(0, 1), (1, 2)] {
        let head = log.head().await.unwrap();
        log.wait_beyond(head, None).await;
        double.kill(dead);
        {
            let mut faults = double.faults();
            faults.leader = Some(leader);
            faults.dead.push(dead);
        }
    }
    joined(writers).await;
    sound(&*log, 8 * 30).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_no_longer_leads_sends_us_on() {
    let double = Double::cluster(3).await;
    let log = open(&double).await;
    for leader in [1, 2, 0, 2] {
        double.elect(leader);
        first(&put(&*log, one("s")).await);
    }
    sound(&*log, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_election_is_waited_for() {
    let double = Double::cluster(3).await;
    let log = open(&double).await;
    double.faults().leader = None;
    let waiting = tokio::spawn({
        let log = log.clone();
        async move { put(&*log, one("s")).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await; // some tries fail
    assert!(!waiting.is_finished());
    double.elect(2);
    first(&waiting.await.unwrap());
    sound(&*log, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_was_carried_out_but_called_aborted_is_there_once_and_is_ours() {
    let double = Double::start().await;
    let log = open(&double).await;
    for round in 1..=5 {
        linked(&log).await;
        double.faults().abort_after = 2;
        let outcome = put(&*log, one("s").key(&format!("k{round}"))).await;
        assert_eq!(first(&outcome), Position(round));
    }
    sound(&*log, 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_is_carried_out_after_it_was_called_aborted_is_there_once() {
    let double = Double::start().await;
    let log = open(&double).await;
    for round in 1..=5 {
        linked(&log).await;
        double.faults().abort_before = 1;
        let outcome = put(&*log, one("s").key(&format!("k{round}"))).await;
        assert_eq!(first(&outcome), Position(round));
    }
    sound(&*log, 5).await;
    linked(&log).await;
    // What was said to be recorded is what is recorded.
    assert_eq!(everything(&*log).await, everything(&*open(&double).await).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_is_never_answered_is_there_once() {
    let double = Double::start().await;
    let quick = EventStoreLogOptions { request: Duration::from_secs(1), ..options() };
    let log = EventStoreLog::open(&double.url(), quick).await.unwrap();
    double.faults().silent_after = 1;
    first(&put(&*log, one("s").key("k")).await);
    double.faults().delay = Some(Duration::from_millis(50));
    first(&put(&*log, one("s")).await);
    sound(&*log, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_answer_that_never_came_the_same_ids_are_the_same_fact() {
    let double = Double::start().await;
    let impatient = EventStoreLogOptions { patience: Duration::ZERO, ..options() };
    let log = EventStoreLog::open(&double.url(), impatient).await.unwrap();
    let command = one("s").key("k").expect(Expected::NoStream);
    double.faults().abort_after = 1;
    let unknown = log.append(vec![command.clone()]).await;
    assert!(matches!(unknown, Err(LogError::Unavailable(_))), "{unknown:?}");
    // Again by whoever asked, and by another process.
    let duplicate = Outcome::Duplicate { first: Position(1) };
    assert_eq!(put(&*log, command.clone()).await, duplicate);
    assert_eq!(put(&*open(&double).await, command).await, duplicate);
    sound(&*log, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_at_any_write_loses_and_doubles_nothing() {
    let double = Double::start().await;
    // The event, its id, its key, its stream, the decisions, how far links reach: one write each.
    for writes in 0..8 {
        let name = format!("log{writes}");
        let mortal = EventStoreLogOptions {
            name: name.clone(),
            patience: Duration::ZERO,
            foreign: Duration::ZERO,
            ..options()
        };
        let command = append("s", vec![decision("x")]).key("k").expect(Expected::NoStream);
        let log = EventStoreLog::open(&double.url(), mortal).await.unwrap();
        {
            let mut faults = double.faults();
            faults.refused = Some(format!("{name}."));
            faults.refused_after = writes;
        }
        let answer = log.append(vec![command.clone()]).await;
        assert_eq!(answer.is_ok(), writes > 0, "{answer:?}");
        if writes > 0 && writes < 6 {
            // It gets no further.
            while double.faults().refused_after > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        drop(log);
        double.faults().refused = None;
        let heir = EventStoreLogOptions { name, foreign: Duration::ZERO, ..options() };
        let log = EventStoreLog::open(&double.url(), heir.clone()).await.unwrap();
        let again = put(&*log, command.clone()).await;
        match writes {
            0 => assert_eq!(first(&again), Position(1)),
            _ => assert_eq!(again, Outcome::Duplicate { first: Position(1) }),
        }
        let other = one("t").key("k");
        assert_eq!(put(&*log, other.clone()).await, Outcome::Duplicate { first: Position(1) });
        linked(&log).await;
        // By the links alone.
        let log = EventStoreLog::open(&double.url(), heir).await.unwrap();
        for command in [command, other] {
            assert_eq!(put(&*log, command).await, Outcome::Duplicate { first: Position(1) });
        }
        sound(&*log, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_by_links_is_what_was_read_without() {
    let server = Server::start().await;
    let options = EventStoreLogOptions { name: server.name.clone(), ..options() };
    let log = EventStoreLog::open(&server.url, options.clone()).await.unwrap();
    let mut commands = Vec::new();
    for number in 0..60 {
        let mut events = vec![fact("x"), fact("y")];
        if number % 4 == 0 {
            events.push(decision("z"));
        }
        let command = append(&format!("s{}", number % 7), events);
        commands.push(if number % 5 == 0 { command.key(&format!("k{number}")) } else { command });
    }
    commands.push(one(&"long".repeat(200)));
    let outcomes = log.append(commands.clone()).await.unwrap();
    let events = commands.iter().map(|command| command.events.len()).sum();
    sound(&*log, events).await;
    linked(&log).await;
    let log = EventStoreLog::open(&server.url, options).await.unwrap();
    sound(&*log, events).await;
    let again = log.append(commands).await.unwrap();
    for (outcome, again) in outcomes.iter().zip(again) {
        assert_eq!(again, Outcome::Duplicate { first: first(outcome) });
    }
    sound(&*log, events).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_that_write_at_once_make_one_order() {
    let server = Server::start().await;
    let options = EventStoreLogOptions { name: server.name.clone(), ..options() };
    let here = EventStoreLog::open(&server.url, options.clone()).await.unwrap();
    let there = EventStoreLog::open(&server.url, options).await.unwrap();
    let mut writers = writing(here.clone(), 8, 25);
    writers.extend(writing(there.clone(), 8, 25));
    joined(writers).await;
    sound(&*here, 16 * 25).await;
    sound(&*there, 16 * 25).await;
    // What one has acknowledged, the other has at once.
    put(&*here, one("new")).await;
    assert_eq!(there.read_stream(&stream("new"), None).await.unwrap().events.len(), 1);
    let stale = put(&*there, one("new").expect(Expected::NoStream)).await;
    assert_eq!(stale, Outcome::Conflict { actual: Some(Version(0)) });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_with_the_same_ids_one_has_appended_whatever_becomes_of_their_writes() {
    // With clocks that tell the same time, too: two may write in the same microsecond.
    let stopped = Clock::system().now();
    for clock in [Clock::system(), Clock::new(move || stopped)] {
        let double = Double::start().await;
        let options = EventStoreLogOptions { clock, ..options() };
        let here = EventStoreLog::open(&double.url(), options.clone()).await.unwrap();
        let there = EventStoreLog::open(&double.url(), options).await.unwrap();
        for round in 0..40 {
            let mut event = fact("x");
            event.id = EventId::from_key(&format!("told by two {round}"));
            let command = append("s", vec![event]);
            // One of the two hears that nobody knows, and nothing was written.
            double.faults().lost = round % 2;
            let (one, other) = tokio::join!(put(&*here, command.clone()), put(&*there, command));
            let appended = [&one, &other].map(|one| matches!(one, Outcome::Appended { .. }));
            assert_ne!(appended[0], appended[1], "{one:?} {other:?}");
            double.faults().lost = 0;
        }
        sound(&*here, 40).await;
        // Each remembers what is there, with the time that it was written at.
        let there_now = everything(&*open(&double).await).await;
        assert_eq!(everything(&*here).await, there_now);
        assert_eq!(everything(&*there).await, there_now);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_is_woken_by_another_process() {
    let double = Double::start().await;
    let (here, there) = (open(&double).await, open(&double).await);
    let waiting = tokio::spawn(async move {
        while here.head().await.unwrap() == Position(0) {
            here.wait_beyond(Position(0), Some(Class::Decision)).await;
        }
    });
    put(&*there, append("s", vec![decision("x")])).await;
    waiting.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_pages_through_a_restart_misses_and_repeats_nothing() {
    let mut double = Double::start().await;
    let log = open(&double).await;
    for _ in 0..4 {
        put(&*log, append("s", (0..100).map(|_| fact("x")).collect())).await;
    }
    linked(&log).await;
    let (mut after, mut seen) = (Position(0), Vec::new());
    while seen.len() < 400 {
        if seen.len() % 100 == 50 {
            double.kill(0);
            double.revive(0).await;
        }
        let page = log.read_all(after, 50, None).await.unwrap();
        seen.extend(page.events.iter().map(|event| event.position.0));
        after = page.next;
    }
    assert_eq!(seen, (1..=400).collect::<Vec<_>>());
    // No subscription, no `$all`, no batch: what those do wrong cannot happen.
    assert_eq!(double.faults().odd, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_larger_than_a_server_takes_goes_in_whole_or_not_at_all() {
    let double = Double::start().await;
    let log = open(&double).await;
    let text = "x".repeat(40_000);
    let large = || append("s", (0..60).map(|_| fact(&text)).collect());
    const { assert!(60 * 40_000 > 2 * MAX_APPEND_SIZE) };
    put(&*log, one("s")).await;
    {
        let mut faults = double.faults();
        faults.refused = Some(".parts-".to_owned());
        faults.refused_after = 1;
    }
    let quick = EventStoreLogOptions { patience: Duration::ZERO, ..options() };
    let impatient = EventStoreLog::open(&double.url(), quick).await.unwrap();
    let refused = impatient.append(vec![large()]).await;
    assert!(matches!(refused, Err(LogError::Unavailable(_))), "{refused:?}");
    sound(&*log, 1).await;
    double.faults().refused = None;
    let command = large().expect(Expected::Exact(Version(0))).key("k");
    assert_eq!(first(&put(&*log, command.clone()).await), Position(2));
    assert_eq!(put(&*log, command.clone()).await, Outcome::Duplicate { first: Position(2) });
    linked(&log).await;
    let log = open(&double).await;
    sound(&*log, 61).await;
    assert_eq!(put(&*log, command).await, Outcome::Duplicate { first: Position(2) });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_wait_for_links_and_are_told_when_none_are_made() {
    let double = Double::start().await;
    let narrow =
        EventStoreLogOptions { tail: 10, patience: Duration::from_millis(300), ..options() };
    let log = EventStoreLog::open(&double.url(), narrow).await.unwrap();
    for _ in 0..30 {
        put(&*log, one("s")).await;
    }
    linked(&log).await;
    double.faults().refused = Some(".event-".to_owned());
    let mut written = 30;
    let refused = loop {
        match log.append(vec![one("s")]).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written <= 40, "more is written than is held");
    };
    assert!(matches!(refused, LogError::Unavailable(_)), "{refused:?}");
    double.faults().refused = None;
    linked(&log).await;
    put(&*log, one("s")).await;
    sound(&*log, written + 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_file_of_certificates_is_named_and_kills_nothing() {
    let url = "esdb://admin:hunter2@127.0.0.1:2113?tls=true&tlsCAFile=/nowhere/ca.pem";
    let error = EventStoreLog::open(url, options()).await.unwrap_err().to_string();
    assert!(error.contains("/nowhere/ca.pem") && !error.contains("hunter2"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_somebody_else_wrote_to_is_refused() {
    let double = Double::start().await;
    put(&*open(&double).await, one("s")).await;
    let raw: eventstore::ClientSettings = double.url().parse().unwrap();
    let raw = eventstore::Client::new(raw).unwrap();
    let event = eventstore::EventData::binary("odd", bytes::Bytes::new()).id(uuid::Uuid::now_v7());
    raw.append_to_stream("portus.log", &Default::default(), event).await.unwrap();
    let refused = EventStoreLog::open(&double.url(), options()).await.unwrap_err().to_string();
    assert!(refused.contains("portus.log") && refused.contains("did not write"), "{refused}");
}
