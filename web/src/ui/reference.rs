//! `/api`: every call over REST, read from the interface's own description and written once. What it
//! says of each is English, as the description is; the words around it are the reader's.

use std::sync::LazyLock;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, PreEscaped, html};
use serde_json::{Map, Value, json};

use super::UiState;
use super::components::{command, scroll};
use super::visitor::Visitor;
use crate::api::document;
use crate::error::PageError;
use crate::texts::Lang;

/// How deep an example goes into what it is made of.
const MAX_DEPTH: usize = 6;

/// `GET /api`
pub(super) async fn show(
    State(ui): State<UiState>,
    visitor: Visitor,
) -> Result<Response, PageError> {
    let t = visitor.lang();
    Ok(visitor.show(t.reference(), body(t, ui.auth.external.origin())))
}

pub(super) fn body(t: Lang, origin: &str) -> Markup {
    let document = html! { a href="/api/v1/openapi.json" { "OpenAPI 3.1" } };
    let problems = html! { a href="/help/problems" { (t.problems()) } };
    let tokens = html! { a href="/me/tokens" { (t.application_tokens()) } };
    html! {
        h1 { (t.reference()) }
        p.lead { (t.reference_lead(&document)) }
        p { (t.reference_credentials(&tokens)) }
        (command(t, t.reference_shell(), &format!("export PORTUS={origin} USER=NAME TOKEN=…")))
        p { (t.reference_errors(&problems)) }
        (match t { Lang::En => &*ENGLISH, Lang::De => &*GERMAN })
    }
}

static ENGLISH: LazyLock<Markup> = LazyLock::new(|| written(Lang::En));
static GERMAN: LazyLock<Markup> = LazyLock::new(|| written(Lang::De));

/// What is the same for everybody who reads this language.
fn written(t: Lang) -> Markup {
    let all = Reference { t, document: &document().value };
    let html = all.contents().0 + &all.calls().0 + &all.things().0;
    PreEscaped(html)
}

struct Reference {
    t: Lang,
    document: &'static Value,
}

/// A call.
struct Call {
    method: &'static str,
    path: &'static str,
    about: &'static Value,
}

impl Reference {
    fn contents(&self) -> Markup {
        html! {
            nav aria-label=(self.t.reference_contents()) {
                ul.chips {
                    @for tag in array(&self.document["tags"]) {
                        li lang="en" { a.chip href={ "#" (slug(text(&tag["name"]))) } { (text(&tag["name"])) } }
                    }
                    li { a.chip href="#things" { (self.t.reference_things()) } }
                }
            }
        }
    }

    fn calls(&self) -> Markup {
        let all: Vec<_> = fields(&self.document["paths"])
            .flat_map(|(path, item)| {
                fields(item).map(move |(method, about)| Call { method, path, about })
            })
            .collect();
        html! {
            @for tag in array(&self.document["tags"]) {
                @let name = text(&tag["name"]);
                h2 id=(slug(name)) lang="en" { (name) }
                p lang="en" { (prose(text(&tag["description"]))) }
                @for call in all.iter().filter(|call| text(&call.about["tags"][0]) == name) {
                    (self.call(call))
                }
            }
        }
    }

    fn call(&self, call: &Call) -> Markup {
        let (t, id) = (self.t, text(&call.about["operationId"]));
        let parameters = array(&call.about["parameters"]);
        let body = &call.about["requestBody"]["content"]["application/json"]["schema"];
        html! {
            section aria-labelledby=(id) {
                h3 id=(id) {
                    a.plain href={ "#" (id) } {
                        span.badge { (call.method.to_uppercase()) } " " code { (call.path) }
                    }
                }
                p lang="en" {
                    b { (prose(text(&call.about["summary"]))) } " "
                    (prose(text(&call.about["description"])))
                }
                @if !parameters.is_empty() {
                    (scroll(&format!("{} {id}", t.reference_parameters()), html! {
                        table {
                            caption { (t.reference_parameters()) }
                            tbody { @for one in parameters {
                                tr {
                                    th scope="row" { code { (text(&one["name"])) } }
                                    td { (self.kind(&one["schema"]))
                                        @if one["required"] == true { ", " (t.reference_needed()) } }
                                    td lang="en" { (prose(text(&one["description"]))) }
                                }
                            } }
                        }
                    }))
                }
                @if !body.is_null() { p { (t.reference_body()) " " (self.kind(body)) } }
                pre.code tabindex="0" role="region" aria-label={ (t.reference_example()) " " (id) } {
                    (self.example(call))
                }
                p.small { (t.reference_answers()) " " (self.answers(call)) }
            }
        }
    }

    fn answers(&self, call: &Call) -> Markup {
        let (good, bad): (Vec<_>, Vec<_>) = fields(&call.about["responses"])
            .partition(|(status, _)| status.starts_with('2') || status.starts_with('3'));
        html! {
            @for (status, response) in good {
                b { (status) } " "
                span lang="en" { (prose(text(&response["description"]))) }
                @let schema = &response["content"]["application/json"]["schema"];
                @if !schema.is_null() { " " (self.kind(schema)) }
                " · "
            }
            (t_list(bad.iter().map(|(status, _)| *status)))
        }
    }

    /// What the schemas are made of that calls take and answer.
    fn things(&self) -> Markup {
        html! {
            h2 id="things" { (self.t.reference_things()) }
            @for (name, schema) in fields(&self.document["components"]["schemas"]) {
                h3 id={ "thing-" (name) } { code { (name) } }
                @let about = text(&schema["description"]);
                @if !about.is_empty() { p lang="en" { (prose(about)) } }
                @let (also, own) = parts(schema);
                @for one in also { p { (self.t.reference_all_of()) " " (self.kind(one)) } }
                @if own.is_empty() {
                    @if schema["allOf"].is_null() { p { (self.kind(schema)) } }
                } @else {
                    (scroll(&format!("{} {name}", self.t.reference_fields()), html! {
                        table {
                            caption { (self.t.reference_fields()) }
                            tbody { @for (field, about) in own {
                                tr {
                                    th scope="row" { code { (field) } }
                                    td { (self.kind(about)) }
                                    td lang="en" { (prose(description(about))) }
                                }
                            } }
                        }
                    }))
                }
            }
        }
    }

    /// What a value may be, in few words.
    fn kind(&self, schema: &'static Value) -> Markup {
        if let Some(name) = named(schema) {
            return html! { a href={ "#thing-" (name) } { (name) } };
        }
        if let Some(words) = schema["enum"].as_array() {
            return html! { @for (n, word) in words.iter().enumerate() {
                @if n > 0 { ", " } code { (word.as_str().unwrap_or("null")) }
            } };
        }
        for part in ["oneOf", "anyOf", "allOf"] {
            if let Some(all) = schema[part].as_array() {
                return html! { @for (n, one) in all.iter().enumerate() {
                    @if n > 0 { " " (self.t.reference_or()) " " } (self.kind(one))
                } };
            }
        }
        if !schema["items"].is_null() {
            return html! { (self.t.reference_list_of()) " " (self.kind(&schema["items"])) };
        }
        let types = match &schema["type"] {
            Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join(" | "),
            one => text(one).to_owned(),
        };
        let range = match (&schema["minimum"], &schema["maximum"]) {
            (Value::Number(least), Value::Number(most)) => format!(" {least}–{most}"),
            _ => match &schema["maxLength"] {
                Value::Number(most) => format!(" ≤ {most}"),
                _ => String::new(),
            },
        };
        let format = match &schema["format"] {
            Value::String(format) if format != "int64" && format != "int32" => {
                format!(" ({format})")
            }
            _ => String::new(),
        };
        html! { (types) (format) (range) }
    }

    /// A command that makes the call.
    fn example(&self, call: &Call) -> String {
        let mut path = call.path.to_owned();
        for (name, value) in [
            ("{user}", "alice"),
            ("{team}", "ops"),
            ("{member}", "alice"),
            ("{namespace}", "team"),
            ("{repository}", "team%2Fapp"),
            ("{tag}", "1.0"),
            ("{digest}", "sha256:…"),
            ("{registry}", "main"),
            ("{activity}", "1234%2F0"),
            ("{grant}", "ID"),
            ("{token}", "17"),
        ] {
            path = path.replace(name, value);
        }
        let needed = array(&call.about["parameters"]).iter();
        let needed = needed.filter(|one| one["in"] == "query" && one["required"] == true);
        let query: Vec<_> = needed.map(|one| format!("{}=…", text(&one["name"]))).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let method = match call.method {
            "get" => String::new(),
            other => format!(" -X {}", other.to_uppercase()),
        };
        let nobody = call.about["security"] == json!([{}]);
        let who = if nobody { "" } else { " -u \"$USER:$TOKEN\"" };
        let schema = &call.about["requestBody"]["content"]["application/json"]["schema"];
        let body = if schema.is_null() {
            String::new()
        } else {
            let sample = self.sample(schema, 0);
            format!(" \\\n  -H 'Content-Type: application/json' \\\n  -d '{sample}'")
        };
        format!("curl{method}{who} \"$PORTUS/api/v1{path}{query}\"{body}")
    }

    /// The least that a schema takes; of what needs nothing, its first field.
    fn sample(&self, schema: &'static Value, depth: usize) -> Value {
        let schema = match named(schema) {
            Some(name) => &self.document["components"]["schemas"][name],
            None => schema,
        };
        if depth > MAX_DEPTH {
            return Value::Null;
        }
        if let Some(word) = schema["enum"].get(0) {
            return word.clone();
        }
        if let Some(first) = schema["oneOf"].get(0) {
            return self.sample(first, depth + 1);
        }
        if let Some(all) = schema["properties"].as_object() {
            let needed = array(&schema["required"]);
            let mut sample = Map::new();
            for (name, about) in all {
                let needed = needed.iter().any(|needed| text(needed) == name);
                if needed || (needed_none(schema) && sample.is_empty()) {
                    sample.insert(name.clone(), self.sample(about, depth + 1));
                }
            }
            return Value::Object(sample);
        }
        match &schema["type"] {
            Value::String(kind) if kind == "integer" => json!(1),
            Value::String(kind) if kind == "boolean" => json!(true),
            Value::String(kind) if kind == "array" => json!([]),
            Value::Array(kinds) if kinds.contains(&json!("boolean")) => json!(true),
            _ => json!("…"),
        }
    }
}

fn needed_none(schema: &Value) -> bool {
    array(&schema["required"]).is_empty()
}

/// A schema's other schemas, and its own fields.
fn parts(schema: &'static Value) -> (Vec<&'static Value>, Vec<(&'static str, &'static Value)>) {
    let mut own: Vec<_> = fields(&schema["properties"]).collect();
    let mut also = Vec::new();
    for one in array(&schema["allOf"]) {
        if named(one).is_some() {
            also.push(one);
        }
        own.extend(fields(&one["properties"]));
    }
    (also, own)
}

/// A field's description, which stands inside where it may be null.
fn description(schema: &'static Value) -> &'static str {
    let inside = schema["oneOf"].get(0).map_or("", |one| text(&one["description"]));
    let own = text(&schema["description"]);
    if own.is_empty() { inside } else { own }
}

fn named(schema: &'static Value) -> Option<&'static str> {
    schema["$ref"].as_str()?.strip_prefix("#/components/schemas/")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn fields(value: &'static Value) -> impl Iterator<Item = (&'static str, &'static Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn slug(name: &str) -> String {
    format!("about-{}", name.to_lowercase().replace(' ', "-"))
}

fn t_list<'a>(statuses: impl Iterator<Item = &'a str>) -> String {
    statuses.collect::<Vec<_>>().join(" · ")
}

/// A sentence with `code` in it.
fn prose(text: &str) -> Markup {
    html! { @for (n, part) in text.split('`').enumerate() {
        @if n % 2 == 1 { code { (part) } } @else { (part) }
    } }
}
