//! What is written in one transaction: which commands, and as which arrays.

use std::collections::HashMap;

use domain::event::{Position, Version};
use domain::log::{EncodedAppend, Expected, Outcome};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{number, position};
use crate::log::queue::Together;

/// What is written in one transaction.
pub(super) const TOGETHER: Together =
    Together { bytes: 4 * 1024 * 1024, events: 8_192, size: EncodedAppend::bytes };

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
    batch: &[EncodedAppend],
) -> Result<Answer, sqlx::Error> {
    let mut names: Vec<&str> = Vec::new();
    let mut index: HashMap<&str, i32> = HashMap::new();
    let (mut stream, mut expected, mut count, mut key) = (vec![], vec![], vec![], vec![]);
    let (mut command, mut id, mut kind) = (vec![], vec![], vec![]);
    let (mut schema, mut class, mut occurred) = (vec![], vec![], vec![]);
    let (mut meta, mut data) = (vec![], vec![]);
    for (place, append) in (1_i32..).zip(batch) {
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
pub(super) fn outcomes(batch: &[EncodedAppend], answer: &Answer) -> Vec<Outcome> {
    let places = answer.status.iter().zip(&answer.first_position).zip(&answer.version);
    let outcome = |(((status, first), version), command): (_, &EncodedAppend)| {
        let (status, first, version): (&i16, &Option<i64>, &i64) = (status, first, version);
        let first = position(first.unwrap_or_default());
        let version = u64::try_from(*version).ok().map(Version);
        match status {
            0 => Outcome::Appended {
                first,
                last: last(first, command),
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
    batch: &[EncodedAppend],
    outcomes: &mut [Outcome],
) -> Result<(), sqlx::Error> {
    let duplicates: Vec<i64> = outcomes.iter().filter_map(duplicate).collect();
    if duplicates.is_empty() {
        return Ok(());
    }
    let rows: Vec<(i64, Uuid, i64, jiff_sqlx::Timestamp)> =
        sqlx::query_as(WRITTEN).bind(duplicates).fetch_all(connection).await?;
    let rows: HashMap<_, _> = rows.into_iter().map(|row| (row.0, row)).collect();
    for (outcome, command) in outcomes.iter_mut().zip(batch) {
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
