//! Holds answers of the REST interface against its own description: what a call may answer, with
//! which headers, and what the body looks like.
//!
//! The part of JSON Schema that our document uses, and no more: a word that is not known here fails
//! the test that meets it, so that nothing is taken for checked which is not.

use http::{HeaderMap, Method};
use serde_json::Value;

/// The description of an interface.
#[derive(Debug, Clone, Copy)]
pub struct Described(&'static Value);

/// A call that was answered as described.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Known {
    /// The operation.
    pub operation: String,
    /// Its answer's status.
    pub status: u16,
}

/// An answer.
#[derive(Debug)]
pub struct Answered<'a> {
    /// To this method.
    pub method: &'a Method,
    /// At this path, without what all paths begin with.
    pub path: &'a str,
    /// With this status.
    pub status: u16,
    /// With these headers.
    pub headers: &'a HeaderMap,
    /// And this body.
    pub body: &'a [u8],
}

impl Described {
    /// This one.
    #[must_use]
    pub fn by(document: &'static Value) -> Self {
        Self(document)
    }

    /// Every operation, by its name.
    #[must_use]
    pub fn operations(self) -> Vec<String> {
        let paths = self.0["paths"].as_object().into_iter().flatten();
        let operations = paths.flat_map(|(_, item)| item.as_object().into_iter().flatten());
        let mut names: Vec<_> = operations
            .filter_map(|(_, operation)| operation["operationId"].as_str().map(str::to_owned))
            .collect();
        names.sort();
        names
    }

    /// Which call this was, and that its answer is one of those described; `None` for a path or
    /// method that there is not, which is answered as such.
    ///
    /// # Errors
    ///
    /// What is not as described, in a sentence.
    pub fn check(self, answered: &Answered<'_>) -> Result<Option<Known>, String> {
        let Answered { method, path, status, headers, body } = *answered;
        let Some(item) = self.item(path) else {
            return (status == 404).then_some(None).ok_or(format!("{path} is in no document"));
        };
        let read = if *method == Method::HEAD { &Method::GET } else { method };
        let Some(operation) = item.get(read.as_str().to_lowercase()) else {
            let allowed = status == 405 && headers.contains_key("allow");
            return allowed.then_some(None).ok_or(format!("{method} {path} is in no document"));
        };
        let name = operation["operationId"].as_str().unwrap_or_default();
        let said = |why: String| format!("{name} ({method} {path}) answered {status}: {why}");
        // A path that is no text never reaches an operation.
        if status == 400 && operation["responses"].get("400").is_none() {
            return Err(said("is not described".to_owned()));
        }
        let response = operation["responses"].get(status.to_string());
        let response = self.resolve(response.ok_or_else(|| said("is not described".to_owned()))?);
        for (header, about) in response["headers"].as_object().into_iter().flatten() {
            let about = self.resolve(about);
            let Some(value) = headers.get(header) else {
                if about["required"] == Value::Bool(true) {
                    return Err(said(format!("has no header {header}")));
                }
                continue;
            };
            let text = value.to_str().map_err(|_| said(format!("{header} is no text")))?;
            let value = match about["schema"]["type"].as_str() {
                Some("integer") => text.parse::<i64>().map(Value::from).ok(),
                _ => Some(Value::from(text)),
            };
            let value = value.ok_or_else(|| said(format!("{header} is no number: {text}")))?;
            self.fits(&about["schema"], &value, header).map_err(said)?;
        }
        let Some(content) = response["content"].as_object() else {
            let empty = body.is_empty() || *method == Method::HEAD;
            return if empty { Ok(()) } else { Err(said("has a body".to_owned())) }
                .map(|()| Some(Known { operation: name.to_owned(), status }));
        };
        let media_type = headers.get("content-type").and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or_default().split(';').next().unwrap_or_default();
        let schema = content.get(media_type);
        let schema = &schema.ok_or_else(|| said(format!("is {media_type:?}")))?["schema"];
        if *method != Method::HEAD {
            let value = serde_json::from_slice(body).map_err(|err| said(err.to_string()))?;
            self.fits(schema, &value, "").map_err(said)?;
        }
        Ok(Some(Known { operation: name.to_owned(), status }))
    }

    /// The paths are few: one without a parameter goes before one with.
    fn item(self, path: &str) -> Option<&'static Value> {
        let asked: Vec<_> = path.split('?').next().unwrap_or_default().split('/').collect();
        let paths = self.0["paths"].as_object().into_iter().flatten();
        let mut fitting: Vec<_> = paths
            .filter(|(template, _)| {
                let parts: Vec<_> = template.split('/').collect();
                parts.len() == asked.len()
                    && parts.iter().zip(&asked).all(|(part, asked)| {
                        (part.starts_with('{') && !asked.is_empty()) || part == asked
                    })
            })
            .collect();
        fitting.sort_by_key(|(template, _)| template.matches('{').count());
        fitting.first().map(|(_, item)| *item)
    }

    fn resolve(self, value: &'static Value) -> &'static Value {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return value };
        let pointer = reference.strip_prefix('#').unwrap_or_default();
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// Whether a value fits a schema; objects hold no more than the schema names.
    fn fits(self, schema: &'static Value, value: &Value, at: &str) -> Result<(), String> {
        self.fits_loosely(schema, value, at)?;
        let Some(fields) = value.as_object() else { return Ok(()) };
        let Some(known) = self.names(schema, value) else { return Ok(()) };
        match fields.keys().find(|name| !known.contains(name)) {
            Some(name) => Err(format!("{at}/{name} is not described")),
            None => Ok(()),
        }
    }

    /// The fields that a schema has names for; `None`: any.
    fn names(self, schema: &'static Value, value: &Value) -> Option<Vec<&'static String>> {
        let schema = self.resolve(schema);
        let mut known = Vec::new();
        for part in ["allOf", "oneOf", "anyOf"] {
            for one in schema[part].as_array().into_iter().flatten() {
                if part == "allOf" || self.fits(one, value, "").is_ok() {
                    known.extend(self.names(one, value)?);
                }
            }
        }
        let free = schema["properties"].is_null() && known.is_empty();
        if free || schema["additionalProperties"].is_object() {
            return None;
        }
        known.extend(schema["properties"].as_object().into_iter().flat_map(|all| all.keys()));
        Some(known)
    }

    fn fits_loosely(self, schema: &'static Value, value: &Value, at: &str) -> Result<(), String> {
        let schema = self.resolve(schema);
        if schema.is_null() {
            return Err(format!("{at}: the document points nowhere"));
        }
        for (word, rule) in schema.as_object().into_iter().flatten() {
            self.obeys(word, rule, schema, value, at)?;
        }
        Ok(())
    }

    fn obeys(
        self,
        word: &str,
        rule: &'static Value,
        schema: &'static Value,
        value: &Value,
        at: &str,
    ) -> Result<(), String> {
        let wrong = || Err(format!("{at}: {value} is not of {word} {rule}"));
        let must = |good: bool| if good { Ok(()) } else { wrong() };
        match word {
            "description" | "title" | "default" | "example" | "propertyNames" => Ok(()),
            "type" => {
                let types = rule.as_array().cloned().unwrap_or_else(|| vec![rule.clone()]);
                must(types.iter().any(|one| is_of_type(value, one.as_str().unwrap_or_default())))
            }
            "enum" => must(rule.as_array().is_some_and(|all| all.contains(value))),
            "const" => must(rule == value),
            "minimum" => must(value.as_f64().is_none_or(|n| rule.as_f64().is_some_and(|m| n >= m))),
            "maximum" => must(value.as_f64().is_none_or(|n| rule.as_f64().is_some_and(|m| n <= m))),
            "pattern" => match (rule.as_str(), value.as_str()) {
                (Some("^[0-9]*$"), Some(text)) => must(text.bytes().all(|b| b.is_ascii_digit())),
                (_, None) => Ok(()),
                _ => Err(format!("{at}: the pattern {rule} is not known here")),
            },
            "format" => must(is_of_format(value, rule.as_str().unwrap_or_default())),
            "required" => {
                let names = rule.as_array().into_iter().flatten().filter_map(Value::as_str);
                let missing = names.filter(|name| value.is_object() && value.get(name).is_none());
                match missing.collect::<Vec<_>>().as_slice() {
                    [] => Ok(()),
                    missing => Err(format!("{at}: {missing:?} are missing")),
                }
            }
            "properties" => {
                rule.as_object().into_iter().flatten().try_for_each(|(name, schema)| {
                    let field = value.get(name);
                    field.map_or(Ok(()), |field| self.fits(schema, field, &format!("{at}/{name}")))
                })
            }
            "additionalProperties" if rule.is_boolean() => {
                let known = schema["properties"].as_object();
                let more = value.as_object().into_iter().flatten();
                let more =
                    more.filter(|(name, _)| known.is_none_or(|all| !all.contains_key(*name)));
                must(rule == true || more.count() == 0)
            }
            "additionalProperties" => {
                let known = schema["properties"].as_object();
                value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter(|(name, _)| known.is_none_or(|all| !all.contains_key(*name)))
                    .try_for_each(|(name, field)| self.fits(rule, field, &format!("{at}/{name}")))
            }
            "items" => {
                let all = value.as_array().into_iter().flatten().enumerate();
                all.into_iter().try_for_each(|(n, one)| self.fits(rule, one, &format!("{at}/{n}")))
            }
            "allOf" => {
                let all = rule.as_array().into_iter().flatten();
                all.into_iter().try_for_each(|one| self.fits_loosely(one, value, at))
            }
            "oneOf" | "anyOf" => {
                let all: Vec<_> = rule.as_array().into_iter().flatten().collect();
                let fitting: Vec<_> = all.iter().map(|one| self.fits(one, value, at)).collect();
                match fitting.iter().filter(|fit| fit.is_ok()).count() {
                    1 => Ok(()),
                    0 => Err(format!("{at}: fits none of {fitting:?}")),
                    _ => Err(format!("{at}: fits several")),
                }
            }
            _ => Err(format!("{at}: the word {word} is not known here")),
        }
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        _ => false,
    }
}

/// A format says something of values of its own type alone.
fn is_of_format(value: &Value, name: &str) -> bool {
    match (name, value) {
        ("date-time", Value::String(text)) => text.parse::<jiff::Timestamp>().is_ok(),
        ("uuid", Value::String(text)) => uuid::Uuid::parse_str(text).is_ok(),
        ("int32", Value::Number(number)) => {
            number.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
        }
        ("int64", Value::Number(number)) => number.is_i64() || number.is_u64(),
        ("date-time" | "uuid" | "int32" | "int64", _) => true,
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a failing test
mod tests {
    use std::sync::LazyLock;

    use serde_json::json;

    use super::*;

    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        json!({
            "paths": { "/things/{thing}": { "get": {
                "operationId": "show",
                "responses": { "200": {
                    "headers": { "X-Count": { "schema": { "type": "integer", "minimum": 1 } } },
                    "content": { "application/json": {
                        "schema": { "$ref": "#/components/schemas/Whole" },
                    } },
                } },
            } } },
            "components": { "schemas": {
                "Thing": {
                    "type": "object",
                    "required": ["id", "word"],
                    "properties": {
                        "id": { "type": "integer", "format": "int64" },
                        "word": { "type": ["string", "null"], "enum": ["a", null] },
                        "at": { "type": "string", "format": "date-time" },
                    },
                },
                "Whole": { "allOf": [
                    { "$ref": "#/components/schemas/Thing" },
                    { "type": "object", "properties": { "extra": { "oneOf": [
                        { "type": "null" },
                        { "type": "object", "properties": { "kind": { "type": "string" } } },
                    ] } } },
                ] },
            } },
        })
    });

    fn says(path: &str, status: u16, count: &str, body: &Value) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/json; charset=utf-8".parse().unwrap());
        headers.insert("x-count", count.parse().unwrap());
        let body = body.to_string();
        let method = &Method::GET;
        let answered = Answered { method, path, status, headers: &headers, body: body.as_bytes() };
        match Described::by(&DOCUMENT).check(&answered) {
            Ok(known) => known.map_or_else(|| "nothing".to_owned(), |known| known.operation),
            Err(why) => why,
        }
    }

    #[test]
    fn what_is_described_passes() {
        let good = json!({ "id": 1, "word": null, "extra": { "kind": "x" } });
        assert_eq!(says("/things/7?x=1", 200, "1", &good), "show");
        assert_eq!(says("/things/7", 200, "1", &json!({ "id": 1, "word": "a" })), "show");
        assert_eq!(says("/nothing", 404, "1", &json!({})), "nothing");
    }

    #[test]
    fn what_is_not_described_is_found() {
        let good = json!({ "id": 1, "word": "a" });
        let with = |name: &str, value: Value| {
            let mut body = good.clone();
            body[name] = value;
            says("/things/7", 200, "1", &body)
        };
        assert!(with("word", json!("b")).contains("enum"), "a word that is not in the list");
        assert!(with("id", json!("1")).contains("type"), "text for a number");
        assert!(with("at", json!("yesterday")).contains("format"), "a time that is none");
        assert!(with("more", json!(1)).contains("/more is not described"), "a field too many");
        assert!(with("extra", json!({ "sort": 1 })).contains("none of"), "one inside");
        assert!(says("/things/7", 200, "1", &json!({ "id": 1 })).contains("missing"));
        assert!(says("/things/7", 201, "1", &good).contains("is not described"));
        assert!(says("/things/7", 200, "0", &good).contains("minimum"));
        assert!(says("/things/7", 200, "x", &good).contains("no number"));
        assert!(says("/nothing", 200, "1", &good).contains("no document"));
    }
}
