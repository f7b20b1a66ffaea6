//! A request, and what is worth showing of its answer.

use http::Method;
use serde_json::{Map, Value};

use super::show::Column;

/// Rows of a list unless `--limit` says otherwise.
pub(super) const DEFAULT_LIMIT: usize = 1_000;

/// One request below `/api/v1`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ask {
    pub(super) method: Method,
    /// Unescaped: a segment may hold a slash.
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
    pub(super) answer: Answer,
}

/// What to do with an answer that is good.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// Rows, of which at most so many are fetched.
    List {
        columns: &'static [Column],
        limit: usize,
    },
    /// Rows of a list that comes in one piece.
    All {
        columns: &'static [Column],
    },
    One {
        columns: &'static [Column],
    },
    /// Nothing worth showing; the words are for people.
    Done(String),
}

impl Ask {
    pub(super) fn list(path: &[&str], columns: &'static [Column], limit: usize) -> Self {
        Self::new(Method::GET, path, Answer::List { columns, limit })
    }

    pub(super) fn all(path: &[&str], columns: &'static [Column]) -> Self {
        Self::new(Method::GET, path, Answer::All { columns })
    }

    pub(super) fn one(method: Method, path: &[&str], columns: &'static [Column]) -> Self {
        Self::new(method, path, Answer::One { columns })
    }

    pub(super) fn done(method: Method, path: &[&str], words: impl Into<String>) -> Self {
        Self::new(method, path, Answer::Done(words.into()))
    }

    fn new(method: Method, path: &[&str], answer: Answer) -> Self {
        let path = path.iter().map(|&segment| segment.to_owned()).collect();
        Self { method, path, query: Vec::new(), body: None, answer }
    }

    /// A parameter, where there is something to say.
    pub(super) fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    pub(super) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
}

/// An object of those fields about which something was said.
pub(super) fn fields<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let said = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(said.collect::<Map<_, _>>())
}

/// `value` as JSON, if there is one.
pub(super) fn text(value: Option<&String>) -> Option<Value> {
    value.map(|text| Value::String(text.clone()))
}
