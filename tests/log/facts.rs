//! Commands for a log, short to write.

use domain::event::{Actor, Class, Event, EventId, Meta, NewEvent, Position, Recorded, StreamName};
use domain::log::{Append, EventLog, Expected, Outcome};
use domain::name::UserName;
use domain::system::SystemEvent;
use domain::user::UserEvent;
use jiff::Timestamp;
use uuid::Uuid;

/// A stream of that name.
pub(crate) fn stream(name: &str) -> StreamName {
    StreamName::stored(name.to_owned())
}

/// A fact with a text and a fresh id.
pub(crate) fn fact(text: &str) -> NewEvent {
    new(Event::System(SystemEvent::Started { version: text.to_owned() }))
}

/// A decision with a text and a fresh id.
pub(crate) fn decision(text: &str) -> NewEvent {
    let user = UserName::parse("bob").unwrap();
    new(Event::User(UserEvent::Disabled { user, reason: text.to_owned() }))
}

fn new(event: Event) -> NewEvent {
    NewEvent {
        id: EventId(Uuid::now_v7()),
        occurred_at: "2026-05-04T03:02:01.123456Z".parse::<Timestamp>().unwrap(),
        meta: Meta::by(Actor::Anonymous),
        event,
    }
}

/// The events to a stream, whatever is there.
pub(crate) fn append(to: &str, events: Vec<NewEvent>) -> Append {
    Append { stream: stream(to), expected: Expected::Any, key: None, events }
}

/// One fact to a stream, whatever is there.
pub(crate) fn one(to: &str) -> Append {
    append(to, vec![fact("x")])
}

/// With an expectation or a key.
pub(crate) trait Refine: Sized {
    fn expect(self, expected: Expected) -> Self;
    fn key(self, key: &str) -> Self;
}

impl Refine for Append {
    fn expect(self, expected: Expected) -> Self {
        Self { expected, ..self }
    }

    fn key(self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self }
    }
}

/// Appends one command, and says what became of it.
pub(crate) async fn put(log: &dyn EventLog, command: Append) -> Outcome {
    let mut outcomes = log.append(vec![command]).await.unwrap();
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

/// The position of the first event; the command must have been appended.
pub(crate) fn first(outcome: &Outcome) -> Position {
    match outcome {
        Outcome::Appended { first, .. } => *first,
        other => panic!("not appended: {other:?}"),
    }
}

/// Everything in the log, page by page.
pub(crate) async fn everything(log: &dyn EventLog) -> Vec<Recorded> {
    pages(log, Position(0), 1_000, None).await
}

/// Everything after a position, in pages of a size.
pub(crate) async fn pages(
    log: &dyn EventLog,
    mut after: Position,
    size: usize,
    class: Option<Class>,
) -> Vec<Recorded> {
    let mut all = Vec::new();
    loop {
        let page = log.read_all(after, size, class).await.unwrap();
        assert!(page.events.len() <= size);
        assert!(page.events.last().is_none_or(|last| last.position <= page.next));
        assert!(page.next >= after, "a page goes forward");
        all.extend(page.events);
        if page.next >= page.head {
            return all;
        }
        assert!(page.next > after, "a page that is not the last one goes forward");
        after = page.next;
    }
}
