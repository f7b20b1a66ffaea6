//! The rows that one page of facts touches: loaded at once, folded in memory, written at once.
//!
//! Rows travel as JSON both ways, so a table's statements are two lines and its row is a struct. A
//! fold over ten thousand facts is then a handful of statements, whatever the facts are.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgConnection;

/// A table that a projection folds into.
pub(crate) trait Row:
    Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync
{
    /// The primary key: a struct with the columns' names.
    type Key: Ord + Clone + Serialize + Send + Sync;
    /// Answers the rows of the keys in `$1` (a JSON array of objects), each as JSON.
    const LOAD: &'static str;
    /// Writes the rows in `$1` (a JSON array of objects).
    const STORE: &'static str;
    /// Deletes the rows of the keys in `$1`.
    const DELETE: &'static str;

    fn key(&self) -> Self::Key;
}

/// The statements of a table: its name, its key, its other columns.
macro_rules! table {
    ($row:ty, $key:ident { $($column:ident: $ty:ty),* }, $table:literal,
     $keys:literal, $values:literal, $excluded:literal) => {
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
        pub(crate) struct $key { $(pub(crate) $column: $ty),* }

        impl $crate::working::Row for $row {
            type Key = $key;
            const LOAD: &'static str = concat!(
                "SELECT row_to_json(t)::text FROM ", $table, " t
                 JOIN json_populate_recordset(NULL::", $table, ", $1::json) k USING (", $keys, ")"
            );
            const STORE: &'static str = concat!(
                "INSERT INTO ", $table, "
                 SELECT * FROM json_populate_recordset(NULL::", $table, ", $1::json)
                 ON CONFLICT (", $keys, ") DO UPDATE SET (", $values, ") = ROW(", $excluded, ")"
            );
            const DELETE: &'static str = concat!(
                "DELETE FROM ", $table, " WHERE (", $keys, ") IN
                 (SELECT ", $keys, " FROM json_populate_recordset(NULL::", $table, ", $1::json))"
            );

            fn key(&self) -> $key {
                $key { $($column: self.$column.clone()),* }
            }
        }
    };
}
pub(crate) use table;

/// Rows of one table, by key. A key must be wanted before the load to be read or changed after it.
pub(crate) struct Working<T: Row> {
    rows: BTreeMap<T::Key, Slot<T>>,
}

struct Slot<T> {
    /// As the database has it; `None`: it has none.
    stored: Option<T>,
    now: Option<T>,
}

impl<T: Row> Default for Working<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new() }
    }
}

impl<T: Row> Working<T> {
    /// Says that this row will be needed.
    pub(crate) fn want(&mut self, key: T::Key) {
        self.rows.entry(key).or_insert(Slot { stored: None, now: None });
    }

    /// Reads what was wanted.
    pub(crate) async fn load(&mut self, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let keys = json(self.rows.keys())?;
        let rows: Vec<String> = sqlx::query_scalar(T::LOAD).bind(keys).fetch_all(db).await?;
        self.take(&rows)
    }

    /// Takes rows that another query found, as [`Row::LOAD`] answers them.
    pub(crate) fn take(&mut self, rows: &[String]) -> Result<(), sqlx::Error> {
        for row in rows {
            let row: T = serde_json::from_str(row).map_err(decode)?;
            self.rows.insert(row.key(), Slot { stored: Some(row.clone()), now: Some(row) });
        }
        Ok(())
    }

    /// The row as it stands now.
    pub(crate) fn get(&self, key: &T::Key) -> Option<&T> {
        self.rows.get(key)?.now.as_ref()
    }

    /// The row as it stands now, to be changed, made or taken away.
    pub(crate) fn slot(&mut self, key: T::Key) -> &mut Option<T> {
        &mut self.rows.entry(key).or_insert(Slot { stored: None, now: None }).now
    }

    /// Makes the row what it should be.
    pub(crate) fn set(&mut self, key: T::Key, row: Option<T>) {
        *self.slot(key) = row;
    }

    /// All rows as they stand now, to be changed.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.rows.values_mut().filter_map(|slot| slot.now.as_mut())
    }

    /// Every row as the database has it and as it stands now.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (Option<&T>, Option<&T>)> {
        self.rows.values().map(|slot| (slot.stored.as_ref(), slot.now.as_ref()))
    }

    /// Writes what changed, and forgets everything.
    pub(crate) async fn store(&mut self, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        let rows = std::mem::take(&mut self.rows);
        let changed = || rows.iter().filter(|(_, slot)| slot.now != slot.stored);
        let gone: Vec<_> = changed().filter(|(_, s)| s.now.is_none()).map(|(k, _)| k).collect();
        let new: Vec<_> = changed().filter_map(|(_, slot)| slot.now.as_ref()).collect();
        if !gone.is_empty() {
            sqlx::query(T::DELETE).bind(json(gone)?).execute(&mut *db).await?;
        }
        if !new.is_empty() {
            sqlx::query(T::STORE).bind(json(new)?).execute(&mut *db).await?;
        }
        Ok(())
    }
}

/// Rows or keys as one JSON array.
pub(crate) fn json<'a, T: Serialize + 'a>(
    rows: impl IntoIterator<Item = &'a T>,
) -> Result<String, sqlx::Error> {
    let rows: Vec<&T> = rows.into_iter().collect();
    let text = serde_json::to_string(&rows).map_err(|error| sqlx::Error::Encode(error.into()))?;
    Ok(without_nul(text))
}

/// Postgres has no NUL in text, but anybody may put one into a media type: such a fact must not
/// stop its projection.
fn without_nul(json: String) -> String {
    if !json.contains("\\u0000") {
        return json;
    }
    let mut clean = String::with_capacity(json.len());
    let mut rest = json.as_str();
    while let Some(at) = rest.find('\\') {
        clean.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("\\u0000") {
            clean.push_str("\\ufffd");
            rest = after;
        } else {
            // An escape is a backslash and one ASCII character, at least.
            clean.push_str(&rest[..2]);
            rest = &rest[2..];
        }
    }
    clean + rest
}

fn decode(error: serde_json::Error) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_becomes_a_replacement_character_and_nothing_else_changes() {
        let text = "a\0b\\u0000 \"\\\0";
        let clean: Vec<String> = serde_json::from_str(&json([&text]).unwrap()).unwrap();
        assert_eq!(clean, ["a\u{fffd}b\\u0000 \"\\\u{fffd}"]);
    }
}
