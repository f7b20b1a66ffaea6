//! What is not copied, and what is said then.

use async_trait::async_trait;
use commands::desk::Clock;
use commands::log::copy::{CopyError, Difference, copy, verify};
use commands::log::memory::MemoryLog;
use commands::log::postgres::PostgresTransfer;
use commands::log::transfer::{Kept, Standing, Transfer, TransferError};
use domain::event::{Class, EventId, Position, Recorded, StreamName, Version};
use eventstore_log::EventStoreTransfer;
use jiff::Timestamp;
use tests::eventstore::{Double, Server};
use tests::postgres::TestDatabase;
use uuid::Uuid;

use super::{Home, KINDS, Kind, grow, kept, move_to, nobody_listens, options, owner};
use crate::facts::{Refine as _, append, decision, fact, one, put};

/// A log in memory that holds these.
async fn holding(events: &[Kept]) -> Home {
    let mut log = MemoryLog::new(Clock::system());
    log.write(events).await.unwrap();
    Home::Memory(log)
}

async fn some(server: &Server) -> Home {
    let source = Home::empty(Kind::Memory, server).await;
    for number in 0..5 {
        grow(&source, one("s").key(&format!("k{number}"))).await;
    }
    source
}

/// A way to make another event of one, and what is said of it.
type Change = (&'static str, fn(&mut Kept));

const CHANGES: [Change; 11] = [
    ("id", |kept| kept.event.id = EventId(Uuid::nil())),
    ("stream", |kept| kept.event.stream = StreamName::stored("t".to_owned())),
    ("version", |kept| kept.event.version = Version(9)),
    ("type", |kept| kept.event.kind = "system.stopped".to_owned()),
    ("schema version", |kept| kept.event.schema += 1),
    ("class", |kept| kept.event.class = Class::Decision),
    ("recorded time", |kept| kept.event.recorded_at = Timestamp::UNIX_EPOCH),
    ("occurred time", |kept| kept.event.occurred_at = Timestamp::UNIX_EPOCH),
    ("data", |kept| kept.event.data.push(' ')),
    ("envelope", |kept| kept.event.meta.push(' ')),
    ("idempotency key", |kept| kept.key = None),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_differs_in_anything_is_refused_by_its_first_position_and_left_alone() {
    let server = Server::start().await;
    let source = some(&server).await;
    let all = kept(&source).await;
    for (field, change) in CHANGES {
        for at in [0, 2] {
            let mut other = all[..4].to_vec();
            change(&mut other[at]);
            let target = holding(&other).await;
            let difference = Difference { position: Position(at as u64 + 1), field: Some(field) };
            let refused = move_to(&source, &target).await.unwrap_err();
            assert_eq!(refused, CopyError::Foreign { place: "memory".to_owned(), difference });
            assert!(refused.to_string().contains(&format!("position {}", at + 1)), "{refused}");
            assert!(refused.to_string().contains(field), "{refused}");
            assert_eq!(kept(&target).await, other);
            assert!(!target.whole().await.standing().await.unwrap().unfinished);
            let told =
                verify(&mut *source.whole().await, &mut *target.whole().await, &|_| ()).await;
            assert_eq!(told, Err(CopyError::Different(difference)));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_with_another_log_or_with_more_is_refused_in_every_store() {
    let server = Server::start().await;
    for to in KINDS {
        let source = some(&server).await;
        let other = Home::empty(to, &server).await;
        grow(&other, one("s")).await;
        let before = kept(&other).await;
        let refused = move_to(&source, &other).await.unwrap_err();
        let difference = Difference { position: Position(1), field: Some("id") };
        assert!(
            matches!(&refused, CopyError::Foreign { difference: d, .. } if *d == difference),
            "{refused}"
        );
        assert_eq!(kept(&other).await, before);

        let target = Home::empty(to, &server).await;
        move_to(&source, &target).await.unwrap();
        grow(&target, one("s")).await;
        let before = kept(&target).await;
        let refused = move_to(&source, &target).await.unwrap_err();
        let difference = Difference { position: Position(6), field: None };
        assert!(
            matches!(&refused, CopyError::Foreign { difference: d, .. } if *d == difference),
            "{refused}"
        );
        assert_eq!(kept(&target).await, before);
        target.log().await;
        let told = verify(&mut *source.whole().await, &mut *target.whole().await, &|_| ()).await;
        assert_eq!(told, Err(CopyError::Different(difference)));
        // Nothing but the end is missing.
        let told = verify(&mut *target.whole().await, &mut *source.whole().await, &|_| ()).await;
        assert_eq!(told, Err(CopyError::Different(difference)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_log_is_not_copied_onto_itself() {
    let server = Server::start().await;
    for kind in KINDS {
        let store = Home::empty(kind, &server).await;
        grow(&store, one("s")).await;
        nobody_listens(&store).await;
        let refused = move_to(&store, &store).await.unwrap_err();
        assert!(matches!(refused, CopyError::Same(_)), "{refused}");
    }
    // Under another address it is the same one.
    let double = Double::start().await;
    let here = Home::EventStore { url: double.url(), name: "log".to_owned() };
    grow(&here, one("s")).await;
    let url = double.url().replace("127.0.0.1", "localhost");
    let there = Home::EventStore { url, name: "log".to_owned() };
    let refused = move_to(&here, &there).await.unwrap_err();
    assert!(matches!(refused, CopyError::Same(_)), "{refused}");
    let other = Home::EventStore { url: double.url(), name: "other".to_owned() };
    move_to(&here, &other).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_a_service_has_open_is_refused() {
    let server = Server::start().await;
    let source = some(&server).await;
    let target = Home::empty(Kind::Postgres, &server).await;
    let service = target.log().await;
    let mut whole = target.whole().await;
    // It listens as soon as it can.
    while !whole.standing().await.unwrap().served {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let refused = copy(&mut *source.whole().await, &mut *whole, &|_| ()).await.unwrap_err();
    assert!(matches!(refused, CopyError::Served(_)), "{refused}");
    drop(service);
    move_to(&source, &target).await.unwrap();
}

/// A log: when it is first read from, somebody appends to a store.
struct Busy<'a> {
    log: Box<dyn Transfer>,
    store: &'a Home,
    done: bool,
}

#[async_trait]
impl Transfer for Busy<'_> {
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
        let page = self.log.read(after, upto).await?;
        if !std::mem::replace(&mut self.done, true) {
            let mut store = self.store.whole().await;
            let position = Position(store.standing().await?.head.0 + 1);
            let (id, version) = (EventId(Uuid::now_v7()), Version(0));
            let stream = StreamName::stored("new".to_owned());
            let like = page.last().expect("events").event.clone();
            let event = Recorded { position, id, stream, version, ..like };
            store.write(&[Kept { event, key: None }]).await?;
        }
        Ok(page)
    }

    async fn begin(&mut self) -> Result<(), TransferError> {
        self.log.begin().await
    }

    async fn write(&mut self, events: &[Kept]) -> Result<(), TransferError> {
        self.log.write(events).await
    }

    async fn settle(&mut self) -> Result<(), TransferError> {
        self.log.settle().await
    }

    async fn end(&mut self) -> Result<(), TransferError> {
        self.log.end().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_grows_meanwhile_is_said_and_the_target_is_kept_shut_until_it_has_all() {
    let server = Server::start().await;
    for to in [Kind::Postgres, Kind::EventStore] {
        let source = some(&server).await;
        let target = Home::empty(to, &server).await;
        let mut busy = Busy { log: source.whole().await, store: &source, done: false };
        let copied = copy(&mut busy, &mut *target.whole().await, &|_| ()).await.unwrap();
        assert_eq!((copied.written, copied.grown), (5, 1));
        assert!(target.whole().await.standing().await.unwrap().unfinished);
        let copied = move_to(&source, &target).await.unwrap();
        assert_eq!((copied.found, copied.written, copied.grown), (5, 1, 0));
        assert_eq!(target.log().await.head().await.unwrap(), Position(6));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_appends_to_the_target_is_noticed_and_keeps_what_they_have() {
    let server = Server::start().await;
    for to in [Kind::Postgres, Kind::EventStore] {
        let source = some(&server).await;
        let target = Home::empty(to, &server).await;
        // Appended when the source is first read: after the target was found empty.
        let mut busy = Busy { log: source.whole().await, store: &target, done: false };
        let refused = copy(&mut busy, &mut *target.whole().await, &|_| ()).await.unwrap_err();
        assert!(
            matches!(&refused, CopyError::Store { error: TransferError::Moved(1), .. }),
            "{refused}"
        );
        assert_eq!(kept(&target).await.len(), 1);
        assert!(!target.whole().await.standing().await.unwrap().unfinished);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_a_log_is_not_written_to_postgres() {
    let server = Server::start().await;
    let all = kept(&some(&server).await).await;
    /// What is broken, and what is said of it.
    type Broken = (&'static str, fn(&mut Vec<Kept>));
    let changes: [Broken; 4] = [
        ("time goes back", |all| all[3].event.recorded_at = Timestamp::UNIX_EPOCH),
        ("does not go on at version 9", |all| all[3].event.version = Version(9)),
        ("goes on at version 1, not 0", |all| all.iter_mut().for_each(|k| k.event.version.0 += 1)),
        ("duplicate key", |all| all[3].event.id = all[1].event.id),
    ];
    for (words, change) in changes {
        let mut broken = all.clone();
        change(&mut broken);
        let (source, target) = (holding(&broken).await, Home::empty(Kind::Postgres, &server).await);
        let refused = move_to(&source, &target).await.unwrap_err();
        assert!(refused.to_string().contains(words), "{refused}");
        assert_eq!(kept(&target).await, []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_event_store_cannot_keep_is_not_written_there() {
    let server = Server::start().await;
    let mut all = kept(&some(&server).await).await;
    all[2].event.meta.insert(0, ' ');
    let source = holding(&all).await;
    let target = Home::empty(Kind::EventStore, &server).await;
    let refused = move_to(&source, &target).await.unwrap_err();
    assert!(refused.to_string().contains("position 3 has space around it"), "{refused}");
    // Postgres keeps it as it is.
    let target = Home::empty(Kind::Postgres, &server).await;
    move_to(&source, &target).await.unwrap();
    assert_eq!(kept(&target).await, all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_that_lead_to_more_than_there_is_are_not_written_over() {
    let double = Double::start().await;
    let source = some(&Server::start().await).await;
    let target = Home::EventStore { url: double.url(), name: "log".to_owned() };
    move_to(&source, &target).await.unwrap();
    double.kept().forget("log.log");
    let refused = move_to(&source, &target).await.unwrap_err();
    assert!(refused.to_string().contains("links lead to 5"), "{refused}");
    assert!(double.kept().stream("log.log").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_not_the_owners_copies_nothing() {
    let server = Server::start().await;
    let source = some(&server).await;
    let db = TestDatabase::new().await;
    put(&*Home::Memory(MemoryLog::new(Clock::system())).log().await, one("s")).await;
    let mut service = PostgresTransfer::open(&db.service_options(), None).await.unwrap();
    let refused = copy(&mut *source.whole().await, &mut service, &|_| ()).await.unwrap_err();
    assert!(
        matches!(refused, CopyError::Store { error: TransferError::Denied(_), .. }),
        "{refused}"
    );
    // Nor does it read what only the owner may.
    move_to(&source, &Home::Postgres(Box::new(db))).await.unwrap();
    let db = TestDatabase::new().await;
    let mut whole = owner(&db).await;
    copy(&mut *source.whole().await, &mut whole, &|_| ()).await.unwrap();
    let mut service = PostgresTransfer::open(&db.service_options(), None).await.unwrap();
    let mut onto = MemoryLog::new(Clock::system());
    let refused = copy(&mut service, &mut onto, &|_| ()).await.unwrap_err();
    assert!(refused.to_string().contains("database.owner_url"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_may_only_read_copies_from_a_server_and_not_to_it() {
    const PASSWORD: &str = "hunter2";
    let double = Double::start().await;
    let source = Home::EventStore { url: double.url(), name: "log".to_owned() };
    let log = source.log().await;
    put(&*log, append("s", vec![fact("a"), decision("b")])).await;
    drop(log);
    double.faults().credentials = Some(("reader".to_owned(), PASSWORD.to_owned()));
    double.faults().read_only = true;
    let url = double.url().replace("esdb://", &format!("esdb://reader:{PASSWORD}@"));
    let mut reader = EventStoreTransfer::open(&url, options("log")).await.unwrap();
    let mut onto = MemoryLog::new(Clock::system());
    copy(&mut reader, &mut onto, &|_| ()).await.unwrap();
    let mut writer = EventStoreTransfer::open(&url, options("other")).await.unwrap();
    let refused = copy(&mut onto, &mut writer, &|_| ()).await.unwrap_err();
    assert!(
        matches!(refused, CopyError::Store { error: TransferError::Denied(_), .. }),
        "{refused}"
    );
    assert!(!refused.to_string().contains(PASSWORD), "{refused}");
    let mut nobody = EventStoreTransfer::open(&double.url(), options("log")).await.unwrap();
    let refused = copy(&mut nobody, &mut onto, &|_| ()).await.unwrap_err();
    assert!(refused.to_string().contains("access denied"), "{refused}");
}
