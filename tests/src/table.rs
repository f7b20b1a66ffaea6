//! The decision table, `fixtures/authorization.csv`, as rows.
#![allow(clippy::unwrap_used, clippy::panic)] // a table that cannot be read fails its test

use domain::access::{Action, Form};

const TABLE: &str = include_str!("../fixtures/authorization.csv");
/// How many rows the table has; a cut file must not pass.
pub const ROWS: usize = 8_291;

/// Who asks for what in which situation, and what the answer is.
#[derive(Debug, Clone)]
pub struct Row {
    /// Who asks, such as `user` or `app_token[pull]`.
    pub who: String,
    /// What kind of namespace it is about, `missing` or `none`.
    pub kind: String,
    /// The namespace's visibility, or `-`.
    pub visibility: String,
    /// The asker's role in the owning team, or `-`.
    pub role: String,
    /// What is asked for.
    pub action: Action,
    /// How the refusal looks; `None`: allowed.
    pub refusal: Option<Form>,
}

/// Who, kind of namespace, visibility, role.
pub type Situation = (String, String, String, String);

impl Row {
    /// The rows that differ in nothing but the action.
    #[must_use]
    pub fn situation(&self) -> Situation {
        (self.who.clone(), self.kind.clone(), self.visibility.clone(), self.role.clone())
    }

    /// Who acts with an administrator's power.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        matches!(self.who.as_str(), "admin" | "admin_app_token[admin]")
    }
}

/// Every row, in the table's order.
#[must_use]
pub fn rows() -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(TABLE.as_bytes());
    let rows: Vec<_> = reader.records().map(|record| row(&record.unwrap())).collect();
    assert_eq!(rows.len(), ROWS);
    rows
}

fn row(record: &csv::StringRecord) -> Row {
    let [who, kind, visibility, role, action, expected, note] =
        [0, 1, 2, 3, 4, 5, 6].map(|column| record.get(column).unwrap().to_owned());
    let form = note.split("; ").find_map(|part| part.strip_prefix("form=")).map(form);
    assert_eq!(expected == "deny", form.is_some(), "{record:?}");
    let action = serde_json::from_value(action.into()).unwrap();
    Row { who, kind, visibility, role, action, refusal: form }
}

fn form(text: &str) -> Form {
    match text {
        "omit" => Form::Omit,
        "partial" => Form::Partial,
        "401" => Form::Unauthorized,
        "403" => Form::Forbidden,
        "404" => Form::NotFound,
        "signin" => Form::SignIn,
        other => panic!("no such form: {other}"),
    }
}
