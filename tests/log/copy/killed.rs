//! A copy that ends in the middle goes on where it was. The real program is killed in
//! `tests/e2e/copied.rs`.

use std::time::Duration;

use async_trait::async_trait;
use commands::log::copy::{CopyError, copy};
use commands::log::transfer::{Kept, Standing, Transfer, TransferError};
use domain::event::Position;
use eventstore_log::{EventStoreLog, EventStoreLogOptions, EventStoreTransfer};
use tests::eventstore::{Double, Server};

use super::{Home, KINDS, Kind, alike, kept, move_to, nobody_listens, options};
use crate::facts::{Refine as _, append, decision, fact, put};

/// A log whose owner dies at some step: before it, or when it is done.
struct Dying {
    log: Box<dyn Transfer>,
    steps: usize,
    after: bool,
}

impl Dying {
    /// Whether this is the step.
    fn dies(&mut self) -> bool {
        let last = self.steps == 0;
        self.steps = self.steps.saturating_sub(1);
        last
    }
}

fn dead<T>() -> Result<T, TransferError> {
    Err(TransferError::Unreachable("dead".to_owned()))
}

/// Dies here, or does it.
macro_rules! step {
    ($self:ident, $done:expr) => {{
        let dies = $self.dies();
        if dies && !$self.after {
            return dead();
        }
        let done = $done.await;
        if dies { dead() } else { done }
    }};
}

#[async_trait]
impl Transfer for Dying {
    fn place(&self) -> String {
        self.log.place()
    }

    async fn identity(&mut self) -> Result<Option<String>, TransferError> {
        self.log.identity().await
    }

    async fn standing(&mut self) -> Result<Standing, TransferError> {
        self.log.standing().await
    }

    async fn read(&mut self, after: Position, upto: Position) -> Result<Vec<Kept>, TransferError> {
        self.log.read(after, upto).await
    }

    async fn begin(&mut self) -> Result<(), TransferError> {
        step!(self, self.log.begin())
    }

    async fn write(&mut self, events: &[Kept]) -> Result<(), TransferError> {
        step!(self, self.log.write(events))
    }

    async fn settle(&mut self) -> Result<(), TransferError> {
        step!(self, self.log.settle())
    }

    async fn end(&mut self) -> Result<(), TransferError> {
        step!(self, self.log.end())
    }
}

/// A log that gives few events at once.
struct Slow(Box<dyn Transfer>);

#[async_trait]
impl Transfer for Slow {
    fn place(&self) -> String {
        self.0.place()
    }

    async fn identity(&mut self) -> Result<Option<String>, TransferError> {
        self.0.identity().await
    }

    async fn standing(&mut self) -> Result<Standing, TransferError> {
        self.0.standing().await
    }

    async fn read(&mut self, after: Position, upto: Position) -> Result<Vec<Kept>, TransferError> {
        let mut page = self.0.read(after, upto).await?;
        page.truncate(7);
        Ok(page)
    }

    async fn begin(&mut self) -> Result<(), TransferError> {
        self.0.begin().await
    }

    async fn write(&mut self, events: &[Kept]) -> Result<(), TransferError> {
        self.0.write(events).await
    }

    async fn settle(&mut self) -> Result<(), TransferError> {
        self.0.settle().await
    }

    async fn end(&mut self) -> Result<(), TransferError> {
        self.0.end().await
    }
}

/// A few streams, keys, decisions, and appends of several events.
async fn fill(store: &Home, appends: usize) {
    let log = store.log().await;
    for number in 0..appends {
        let events = match number % 3 {
            0 => vec![fact("a"), decision("b")],
            1 => vec![decision("c")],
            _ => vec![fact("d")],
        };
        let command = append(&format!("s{}", number % 4), events);
        let command = if number % 2 == 0 { command.key(&format!("k{number}")) } else { command };
        put(&*log, command).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_dies_at_any_step_is_finished_by_the_next() {
    let server = Server::start().await;
    for (from, to) in [
        (Kind::Memory, Kind::Memory),
        (Kind::Memory, Kind::Postgres),
        (Kind::Postgres, Kind::EventStore),
    ] {
        let source = Home::empty(from, &server).await;
        fill(&source, 30).await;
        nobody_listens(&source).await;
        let all = kept(&source).await;
        let mut died = 0;
        for (steps, after) in (0..).flat_map(|steps| [(steps, false), (steps, true)]) {
            let target = Home::empty(to, &server).await;
            let mut from = Slow(source.whole().await);
            let mut dying = Dying { log: target.whole().await, steps, after };
            let first = copy(&mut from, &mut dying, &|_| ()).await;
            if first.is_ok() {
                break;
            }
            died += 1;
            let standing = target.whole().await.standing().await.unwrap();
            let there = kept(&target).await;
            assert_eq!(there, all[..there.len()], "a beginning, whole");
            let second = copy(&mut from, &mut *target.whole().await, &|_| ()).await.unwrap();
            assert_eq!(second.found, standing.head.0);
            assert_eq!((second.found + second.written) as usize, all.len());
            assert_eq!(kept(&target).await, all);
            assert!(!target.whole().await.standing().await.unwrap().unfinished);
            alike(&*source.log().await, &*target.log().await).await;
            nobody_listens(&source).await;
        }
        assert!(died > 10, "{died}");
    }
}

/// All links of a log are there, and lead where they should: asked of the streams themselves.
fn all_linked(double: &Double, name: &str, all: &[Kept]) {
    let server = double.kept();
    let single = |kind: &str| server.names(&format!("{name}.{kind}-")).len();
    assert_eq!(single("event"), all.len());
    assert_eq!(single("key"), all.iter().filter(|kept| kept.key.is_some()).count());
    let links: usize =
        server.names(&format!("{name}.stream-")).iter().map(|s| server.stream(s).len()).sum();
    assert_eq!(links, all.len());
    let decisions = all.iter().filter(|kept| kept.event.class as i16 == 0).count();
    assert_eq!(server.stream(&format!("{name}.decisions")).len(), decisions);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_to_an_event_store_that_ends_at_any_write_is_finished_by_the_next() {
    let double = Double::start().await;
    let source = Home::empty(Kind::Memory, &Server::start().await).await;
    fill(&source, 9).await;
    let all = kept(&source).await;
    let mut ended = 0;
    for write in 0.. {
        let name = format!("log{write}");
        let target = Home::EventStore { url: double.url(), name: name.clone() };
        {
            let mut faults = double.faults();
            (faults.refused, faults.refused_after) = (Some(format!("{name}.")), write);
        }
        // What is refused is tried again for as long as patience lasts.
        let hasty = EventStoreLogOptions { patience: Duration::from_millis(60), ..options(&name) };
        let mut onto = EventStoreTransfer::open(&double.url(), hasty).await.unwrap();
        let first = copy(&mut *source.whole().await, &mut onto, &|_| ()).await;
        double.faults().refused = None;
        if first.is_ok() {
            break;
        }
        ended += 1;
        assert!(matches!(first, Err(CopyError::Store { .. })), "{first:?}");
        move_to(&source, &target).await.unwrap();
        assert_eq!(kept(&target).await, all);
        all_linked(&double, &name, &all);
        let log = target.log().await;
        alike(&*source.log().await, &*log).await;
    }
    // Each event, its link, that of its stream, keys, and what keeps the books.
    assert!(ended > 2 * all.len(), "{ended}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_gives_up_or_never_answers_costs_time_and_nothing_else() {
    for fault in 0..3 {
        let double = Double::start().await;
        let source = Home::empty(Kind::Memory, &Server::start().await).await;
        fill(&source, 30).await;
        {
            let mut faults = double.faults();
            match fault {
                0 => faults.abort_after = 12,
                1 => faults.abort_before = 12,
                _ => faults.silent_after = 2,
            }
        }
        let hasty = EventStoreLogOptions {
            request: Duration::from_secs(2),
            patience: Duration::from_secs(60),
            ..Default::default()
        };
        let mut target = EventStoreTransfer::open(&double.url(), hasty.clone()).await.unwrap();
        copy(&mut *source.whole().await, &mut target, &|_| ()).await.unwrap();
        let there = Home::EventStore { url: double.url(), name: hasty.name.clone() };
        assert_eq!(kept(&there).await, kept(&source).await);
        let log = EventStoreLog::open(&double.url(), hasty).await.unwrap();
        alike(&*source.log().await, &*log).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_service_opens_a_log_that_is_half_copied() {
    let server = Server::start().await;
    for to in [Kind::Postgres, Kind::EventStore] {
        let source = Home::empty(Kind::Memory, &server).await;
        fill(&source, 9).await;
        let target = Home::empty(to, &server).await;
        let mut dying = Dying { log: target.whole().await, steps: 2, after: false };
        copy(&mut *source.whole().await, &mut dying, &|_| ()).await.unwrap_err();
        match &target {
            Home::Postgres(db) => {
                assert!(commands::log::postgres::is_unfinished(&db.service).await.unwrap());
            }
            Home::EventStore { url, name } => {
                let refused = EventStoreLog::open(url, options(name)).await.unwrap_err();
                assert!(refused.to_string().contains("not finished"), "{refused}");
            }
            Home::Memory(_) => unreachable!(),
        }
        // Nor is it copied on.
        let onto = Home::empty(Kind::Memory, &server).await;
        let refused = move_to(&target, &onto).await.unwrap_err();
        assert!(matches!(refused, CopyError::HalfSource(_)), "{refused}");
        move_to(&source, &target).await.unwrap();
        target.log().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_copies_at_once_make_one_log() {
    let server = Server::start().await;
    for to in KINDS {
        let source = Home::empty(Kind::Memory, &server).await;
        fill(&source, 60).await;
        let target = Home::empty(to, &server).await;
        let (mut one, mut other) = (Slow(source.whole().await), Slow(source.whole().await));
        let (mut here, mut there) = (target.whole().await, target.whole().await);
        // Either may lose; what is there is true in every case.
        let _ = tokio::join!(
            copy(&mut one, &mut *here, &|_| ()),
            copy(&mut other, &mut *there, &|_| ())
        );
        let copied = move_to(&source, &target).await.unwrap();
        assert_eq!(copied.compared.head.0 as usize, kept(&source).await.len());
        alike(&*source.log().await, &*target.log().await).await;
    }
}
