//! A past made of events, and the graph that comes of it.

use std::fmt::Debug;
use std::str::FromStr;

use domain::access::Graph;
use domain::event::{Actor, Event, EventId, Fact, Meta, Position, StreamName, Version};
use jiff::Timestamp;

/// A name of any kind from a literal.
pub(crate) fn name<N: FromStr<Err: Debug>>(text: &str) -> N {
    text.parse().unwrap()
}

/// Second `seconds` of the tests' time.
pub(crate) fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// `event` as the log would give it back at `position`: encoded, stored and decoded.
pub(crate) fn fact(position: u64, event: &Event) -> Fact {
    let encoded = event.encode();
    Fact {
        position: Position(position),
        stream: StreamName::stored("any".to_owned()),
        version: Version(position),
        id: EventId::from_key(&position.to_string()),
        recorded_at: moment(0),
        occurred_at: moment(0),
        meta: Meta::by(Actor::Anonymous),
        event: Event::decode(&encoded.kind, encoded.schema, &encoded.data).unwrap(),
    }
}

pub(crate) fn graph_of(events: &[Event]) -> Graph {
    let mut graph = Graph::default();
    for (position, event) in (1..).zip(events) {
        graph.apply(&fact(position, event));
    }
    graph
}
