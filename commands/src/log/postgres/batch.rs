//! What is written in one transaction: which commands, and as which arrays.

use std::collections::{HashMap, HashSet, VecDeque};

use domain::event::{EventId, Position, Version};
use domain::log::{EncodedAppend, Expected, LogError, MAX_COMMANDS, Outcome};
use sqlx::{FromRow, PgConnection};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{number, position};

/// The most bytes of events in one transaction; one command alone may have more.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The most events in one transaction; one command alone may have more.
const MAX_EVENTS: usize = 8_192;

/// A command that waits, and who waits for it.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) command: EncodedAppend,
    pub(super) answer: oneshot::Sender<Result<Outcome, LogError>>,
}

/// Takes from the front what may be written together: bounded in number and bytes, and ended
/// before a command that repeats a key or an id of this batch. The next batch finds that one's
/// twin in the database, and only so is it known whether the twin was written.
pub(super) fn take(waiting: &mut VecDeque<Waiting>) -> Vec<Waiting> {
    let (mut bytes, mut events) = (0, 0);
    let mut keys: HashSet<&str> = HashSet::new();
    let mut ids: HashSet<EventId> = HashSet::new();
    let mut count = 0;
    for Waiting { command, .. } in waiting.iter().take(MAX_COMMANDS) {
        bytes += command.bytes();
        events += command.events.len();
        let fits = count == 0 || (bytes <= MAX_BYTES && events <= MAX_EVENTS);
        let repeats = command.key.as_ref().is_some_and(|key| !keys.insert(key))
            || command.events.iter().any(|event| !ids.insert(event.id));
        if !fits || repeats {
            break;
        }
        count += 1;
    }
    waiting.drain(..count).collect()
}

/// What the database says of a batch.
#[derive(FromRow)]
pub(super) struct Answer {
    status: Vec<i16>,
    first_position: Vec<Option<i64>>,
    version: Vec<i64>,
    at: jiff_sqlx::Timestamp,
    pub(super) head: i64,
    pub(super) tight: bool,
}

const APPEND: &str = "SELECT status, first_position, version, at, head, tight
    FROM log.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::text[]::json[],
                    $13::text[]::json[])";

/// Writes a batch: one statement, one transaction, one flush.
pub(super) async fn write(
    connection: &mut PgConnection,
    batch: &[Waiting],
) -> Result<Answer, sqlx::Error> {
    let mut names: Vec<&str> = Vec::new();
    let mut index: HashMap<&str, i32> = HashMap::new();
    let (mut stream, mut expected, mut count, mut key) = (vec![], vec![], vec![], vec![]);
    let (mut command, mut id, mut kind) = (vec![], vec![], vec![]);
    let (mut schema, mut class, mut occurred) = (vec![], vec![], vec![]);
    let (mut meta, mut data) = (vec![], vec![]);
    for (place, Waiting { command: append, .. }) in (1_i32..).zip(batch) {
        let name = append.stream.as_str();
        stream.push(*index.entry(name).or_insert_with(|| {
            names.push(name);
            i32::try_from(names.len()).unwrap_or(i32::MAX) // at most MAX_COMMANDS
        }));
        expected.push(match append.expected {
            Expected::Any => -2,
            Expected::NoStream => -1,
            Expected::Exact(version) => number(version.0),
        });
        count.push(i32::try_from(append.events.len()).unwrap_or(i32::MAX)); // at most MAX_EVENTS
        key.push(append.key.as_deref());
        for new in &append.events {
            command.push(place);
            id.push(new.id.0);
            kind.push(new.event.kind.as_str());
            schema.push(new.event.schema);
            class.push(new.event.class as i16);
            occurred.push(jiff_sqlx::Timestamp::from(new.occurred_at));
            meta.push(new.meta.as_str());
            data.push(new.event.data.as_str());
        }
    }
    sqlx::query_as(APPEND)
        .bind(stream)
        .bind(expected)
        .bind(count)
        .bind(key)
        .bind(names)
        .bind(command)
        .bind(id)
        .bind(kind)
        .bind(schema)
        .bind(class)
        .bind(occurred)
        .bind(meta)
        .bind(data)
        .fetch_one(connection)
        .await
}

/// Each command's outcome, in order.
pub(super) fn outcomes(batch: &[Waiting], answer: &Answer) -> Vec<Outcome> {
    let places = answer.status.iter().zip(&answer.first_position).zip(&answer.version);
    let outcome = |(((status, first), version), waiting): (_, &Waiting)| {
        let (status, first, version): (&i16, &Option<i64>, &i64) = (status, first, version);
        let first = position(first.unwrap_or_default());
        let version = u64::try_from(*version).ok().map(Version);
        match status {
            0 => Outcome::Appended {
                first,
                last: last(first, &waiting.command),
                version: version.unwrap_or(Version(0)),
                recorded_at: answer.at.to_jiff(),
            },
            1 => Outcome::Conflict { actual: version },
            _ => Outcome::Duplicate { first },
        }
    };
    places.zip(batch).map(outcome).collect()
}

const WRITTEN: &str =
    "SELECT position, id, version, recorded_at FROM log.event WHERE position = ANY($1)";

/// After a connection was lost it is unknown whether a batch was written. What the next try calls
/// a duplicate, and which begins with our own event, is what we wrote ourselves: said as such, so
/// that nobody takes their own append for somebody else's.
pub(super) async fn recognise(
    connection: &mut PgConnection,
    batch: &[Waiting],
    outcomes: &mut [Outcome],
) -> Result<(), sqlx::Error> {
    let duplicates: Vec<i64> = outcomes.iter().filter_map(duplicate).collect();
    if duplicates.is_empty() {
        return Ok(());
    }
    let rows: Vec<(i64, Uuid, i64, jiff_sqlx::Timestamp)> =
        sqlx::query_as(WRITTEN).bind(duplicates).fetch_all(connection).await?;
    let rows: HashMap<_, _> = rows.into_iter().map(|row| (row.0, row)).collect();
    for (outcome, Waiting { command, .. }) in outcomes.iter_mut().zip(batch) {
        let Some((at, id, version, recorded_at)) = duplicate(outcome).and_then(|at| rows.get(&at))
        else {
            continue;
        };
        if command.events.first().is_some_and(|event| event.id.0 == *id) {
            let first = position(*at);
            *outcome = Outcome::Appended {
                first,
                last: last(first, command),
                version: Version(version.cast_unsigned() + command.events.len() as u64 - 1),
                recorded_at: recorded_at.to_jiff(),
            };
        }
    }
    Ok(())
}

fn duplicate(outcome: &Outcome) -> Option<i64> {
    match outcome {
        Outcome::Duplicate { first } => Some(number(first.0)),
        Outcome::Appended { .. } | Outcome::Conflict { .. } => None,
    }
}

fn last(first: Position, command: &EncodedAppend) -> Position {
    Position(first.0 + command.events.len() as u64 - 1)
}

#[cfg(test)]
mod tests {
    use domain::event::{Actor, Event, Meta, NewEvent, StreamName};
    use domain::log::{Append, encode};
    use domain::system::SystemEvent;
    use jiff::Timestamp;

    use super::*;

    /// A command of one event, or of as many.
    fn command(number: usize, events: usize, text: &str) -> Append {
        let event = |event: usize| NewEvent {
            id: EventId::from_key(&format!("{number} {event}")),
            occurred_at: Timestamp::UNIX_EPOCH,
            meta: Meta::by(Actor::Anonymous),
            event: Event::System(SystemEvent::Started { version: text.to_owned() }),
        };
        Append {
            stream: StreamName::system(),
            expected: Expected::Any,
            key: None,
            events: (0..events).map(event).collect(),
        }
    }

    /// How many commands each batch takes.
    fn batches(commands: Vec<Append>) -> Vec<usize> {
        let mut waiting = VecDeque::new();
        for command in commands {
            let command = encode(vec![command]).unwrap().remove(0);
            waiting.push_back(Waiting { command, answer: oneshot::channel().0 });
        }
        std::iter::from_fn(|| (!waiting.is_empty()).then(|| take(&mut waiting).len())).collect()
    }

    #[test]
    fn a_batch_holds_a_thousand_commands() {
        let commands = (0..2_001).map(|number| command(number, 1, "x")).collect();
        assert_eq!(batches(commands), [1_000, 1_000, 1]);
    }

    #[test]
    fn a_batch_holds_four_mebibytes() {
        let text = "x".repeat(50_000);
        let commands: Vec<_> = (0..200).map(|number| command(number, 1, &text)).collect();
        let bytes = encode(vec![commands[0].clone()]).unwrap()[0].bytes();
        let full = MAX_BYTES / bytes;
        assert_eq!(batches(commands), [full, full, 200 - 2 * full]);
    }

    #[test]
    fn a_batch_holds_so_many_events() {
        let commands = (0..20).map(|number| command(number, 1_000, "x")).collect();
        assert_eq!(batches(commands), [8, 8, 4]);
    }

    #[test]
    fn a_command_that_is_too_big_for_a_batch_has_its_own() {
        let text = "x".repeat(50_000);
        let commands = vec![command(0, 1, "x"), command(1, 100, &text), command(2, 1, "x")];
        assert_eq!(batches(commands), [1, 1, 1]);
    }

    #[test]
    fn a_batch_ends_before_a_repeated_key_or_id() {
        let keyed = |number| Append { key: Some("k".to_owned()), ..command(number, 1, "x") };
        assert_eq!(batches(vec![keyed(0), command(1, 1, "x"), keyed(2), keyed(3)]), [2, 1, 1]);
        let again = || command(7, 1, "x");
        assert_eq!(batches(vec![again(), command(1, 1, "x"), again(), again()]), [2, 1, 1]);
    }
}
