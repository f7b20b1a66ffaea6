//! Any sequence of appends does what the plainest model says; any interleaving of concurrent ones
//! could have happened one after the other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::event::{EventId, Position, Version};
use domain::log::{Append, EventLog, Expected, Outcome};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::contract::{in_eventstore, in_memory, in_postgres};
use crate::facts::{fact, pages, stream};

type Log = Arc<dyn EventLog>;

/// One command; names, keys and ids come from small pools, so that they meet.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    stream: u8,
    expected: Expected,
    key: Option<u8>,
    ids: Vec<u16>,
}

fn wish() -> impl Strategy<Value = Wish> {
    let expected = prop_oneof![
        3 => Just(Expected::Any),
        1 => Just(Expected::NoStream),
        2 => (0_u64..8).prop_map(|version| Expected::Exact(Version(version))),
    ];
    // Mostly new ids; sometimes ones that were used before.
    let id = prop_oneof![1 => 0_u16..12, 4 => 12_u16..=u16::MAX];
    let ids = prop::collection::hash_set(id, 1..4).prop_map(|ids| ids.into_iter().collect());
    (0_u8..3, expected, prop::option::weighted(0.3, 0_u8..6), ids)
        .prop_map(|(stream, expected, key, ids)| Wish { stream, expected, key, ids })
}

pub(crate) fn calls() -> impl Strategy<Value = Vec<Vec<Wish>>> {
    prop::collection::vec(prop::collection::vec(wish(), 1..5), 1..12)
}

/// Names of one case: the cases of a run share a log.
pub(crate) fn command(case: u32, wish: &Wish) -> Append {
    let event = |id: &u16| {
        let mut event = fact("x");
        event.id = EventId::from_key(&format!("{case} {id}"));
        event
    };
    Append {
        stream: stream(&format!("{case}-{}", wish.stream)),
        expected: wish.expected,
        key: wish.key.map(|key| format!("{case} {key}")),
        events: wish.ids.iter().map(event).collect(),
    }
}

/// The plainest log: a list.
#[derive(Default)]
struct Model {
    events: Vec<(u8, u16)>,
    keys: HashMap<u8, usize>,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Told {
    Appended { first: usize, version: usize },
    Conflict { actual: Option<usize> },
    Duplicate { first: usize },
}

impl Model {
    fn known(&self, wish: &Wish) -> Option<usize> {
        let by_key = wish.key.and_then(|key| self.keys.get(&key).copied());
        let by_id = self.events.iter().position(|(_, id)| wish.ids.contains(id));
        by_key.into_iter().chain(by_id).min()
    }

    fn version(&self, stream: u8) -> Option<usize> {
        self.events.iter().filter(|(of, _)| *of == stream).count().checked_sub(1)
    }

    fn append(&mut self, wish: &Wish) -> Told {
        if let Some(first) = self.known(wish) {
            return Told::Duplicate { first };
        }
        let actual = self.version(wish.stream);
        let met = match wish.expected {
            Expected::Any => true,
            Expected::NoStream => actual.is_none(),
            Expected::Exact(Version(version)) => actual == Some(version as usize),
        };
        if !met {
            return Told::Conflict { actual };
        }
        let first = self.events.len();
        self.events.extend(wish.ids.iter().map(|id| (wish.stream, *id)));
        if let Some(key) = wish.key {
            self.keys.insert(key, first);
        }
        Told::Appended { first, version: self.version(wish.stream).unwrap() }
    }
}

/// As the model counts: from this case's beginning.
fn told(outcome: &Outcome, base: Position) -> Told {
    let place = |position: &Position| (position.0 - base.0 - 1) as usize;
    match outcome {
        Outcome::Appended { first, version, .. } => {
            Told::Appended { first: place(first), version: version.0 as usize }
        }
        Outcome::Conflict { actual } => {
            Told::Conflict { actual: actual.map(|version| version.0 as usize) }
        }
        Outcome::Duplicate { first } => Told::Duplicate { first: place(first) },
    }
}

async fn one_after_the_other(log: Log, cases: u32) {
    let (handle, case) = (Handle::current(), std::cell::Cell::new(0));
    let mut runner = TestRunner::new(Config::with_cases(cases));
    let judged = block_in_place(|| {
        runner.run(&calls(), |calls| {
            case.set(case.get() + 1);
            handle.block_on(check_sequence(&log, case.get(), &calls));
            Ok(())
        })
    });
    judged.unwrap();
}

async fn check_sequence(log: &Log, case: u32, calls: &[Vec<Wish>]) {
    let (base, mut model) = (log.head().await.unwrap(), Model::default());
    for call in calls {
        let commands = call.iter().map(|wish| command(case, wish)).collect();
        let outcomes = log.append(commands).await.unwrap();
        let outcomes: Vec<_> = outcomes.iter().map(|outcome| told(outcome, base)).collect();
        let expected: Vec<_> = call.iter().map(|wish| model.append(wish)).collect();
        assert_eq!(outcomes, expected);
    }
    check_events(log, case, base, &model).await;
}

async fn check_events(log: &Log, case: u32, base: Position, model: &Model) {
    let events = pages(&**log, base, 7, None).await;
    let expected = model.events.iter().map(|(of, id)| {
        (stream(&format!("{case}-{of}")), EventId::from_key(&format!("{case} {id}")))
    });
    let read: Vec<_> = events.iter().map(|event| (event.stream.clone(), event.id)).collect();
    assert_eq!(read, expected.collect::<Vec<_>>());
    for of in 0..3 {
        let history = log.read_stream(&stream(&format!("{case}-{of}")), None).await.unwrap();
        assert_eq!(history.version.map(|version| version.0 as usize), model.version(of));
        let versions: Vec<_> = history.events.iter().map(|event| event.version.0).collect();
        assert_eq!(versions, (0..versions.len() as u64).collect::<Vec<_>>());
    }
}

async fn at_once(log: Log, cases: u32) {
    let (handle, case) = (Handle::current(), std::cell::Cell::new(0));
    let mut runner = TestRunner::new(Config { max_shrink_iters: 50, ..Config::with_cases(cases) });
    let judged = block_in_place(|| {
        runner.run(&calls(), |calls| {
            case.set(case.get() + 1);
            handle.block_on(check_interleaving(&log, case.get(), &calls));
            Ok(())
        })
    });
    judged.unwrap();
}

/// All calls at once. What was appended, taken in the order of the log, must be what the model
/// does in that order; what was refused must have had its reason at some moment.
async fn check_interleaving(log: &Log, case: u32, calls: &[Vec<Wish>]) {
    let base = log.head().await.unwrap();
    let running = calls.iter().map(|call| {
        let commands: Vec<_> = call.iter().map(|wish| command(case, wish)).collect();
        let log = log.clone();
        tokio::spawn(async move { log.append(commands).await.unwrap() })
    });
    let mut all = Vec::new();
    for (call, running) in calls.iter().zip(running.collect::<Vec<_>>()) {
        let outcomes = running.await.unwrap();
        all.extend(call.iter().zip(outcomes).map(|(wish, outcome)| (wish, told(&outcome, base))));
    }
    let mut appended: Vec<_> =
        all.iter().filter(|(_, told)| matches!(told, Told::Appended { .. })).collect();
    appended.sort_by_key(|(_, told)| match told {
        Told::Appended { first, .. } => *first,
        _ => usize::MAX,
    });
    let mut model = Model::default();
    let mut seen: HashSet<(u8, Option<usize>)> = (0..3).map(|of| (of, None)).collect();
    for (wish, told) in appended {
        assert_eq!(model.append(wish), *told);
        seen.insert((wish.stream, model.version(wish.stream)));
    }
    for (wish, told) in &all {
        match told {
            Told::Appended { .. } => (),
            Told::Duplicate { first } => assert_eq!(model.known(wish), Some(*first)),
            Told::Conflict { actual } => {
                assert!(seen.contains(&(wish.stream, *actual)), "{actual:?} never was");
                let met = match wish.expected {
                    Expected::Any => true,
                    Expected::NoStream => actual.is_none(),
                    Expected::Exact(Version(version)) => *actual == Some(version as usize),
                };
                assert!(!met, "a conflict with what was expected");
            }
        }
    }
    check_events(log, case, base, &model).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_sequence_does_in_memory_what_the_model_says() {
    in_memory(|log| one_after_the_other(log, 256)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_sequence_does_in_postgres_what_the_model_says() {
    in_postgres(|log| one_after_the_other(log, 64)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_interleaving_in_memory_could_have_been_a_sequence() {
    in_memory(|log| at_once(log, 128)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_interleaving_in_postgres_could_have_been_a_sequence() {
    in_postgres(|log| at_once(log, 64)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_sequence_does_on_an_event_store_what_the_model_says() {
    in_eventstore(|log| one_after_the_other(log, 48)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_interleaving_on_an_event_store_could_have_been_a_sequence() {
    in_eventstore(|log| at_once(log, 48)).await;
}
