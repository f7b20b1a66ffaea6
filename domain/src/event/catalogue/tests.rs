//! What is released is read for ever; what is documented is what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::event::{Class, DecodeError, upcast};

/// Set to 1 to write the document anew and to add what is missing among the fixtures; those that
/// are there are never touched.
const BLESS: &str = "PORTUS_BLESS";

fn blessed() -> bool {
    std::env::var(BLESS).is_ok_and(|value| value == "1")
}

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn fixtures() -> PathBuf {
    in_repository("tests/fixtures/events")
}

/// Every sample by the name of its fixture, without the ending.
fn samples() -> BTreeMap<String, Event> {
    let mut all = BTreeMap::new();
    for entry in entries() {
        for (number, sample) in (1..).zip(entry.samples) {
            let encoded = sample.encode();
            let number = if number == 1 { String::new() } else { format!("-{number}") };
            let name = format!("{}{number}.v{}", encoded.kind, encoded.schema);
            assert!(all.insert(name.clone(), sample).is_none(), "{name} twice");
        }
    }
    all
}

#[test]
fn every_entry_has_samples_of_its_own_type() {
    let names = variants();
    assert_eq!(names.len(), entries().len());
    let mut kinds = BTreeSet::new();
    for (name, entry) in names.iter().zip(entries()) {
        assert!(!entry.samples.is_empty(), "{name}");
        for sample in &entry.samples {
            assert_eq!(variant(sample), *name);
        }
        assert!(kinds.insert(entry.samples[0].encode().kind), "{name} twice");
        assert!(entry.meaning.ends_with('.'), "{name}");
    }
}

#[test]
fn every_sample_is_read_back_as_it_was() {
    for (name, sample) in samples() {
        let encoded = sample.encode();
        let read = Event::decode(&encoded.kind, encoded.schema, &encoded.data);
        assert_eq!(read.unwrap(), sample, "{name}");
        assert_eq!(encoded.class, sample.class());
    }
}

/// Released shapes: each fixture is read as the event that it was, whichever version wrote it, and
/// what the current version writes is what it wrote from the beginning, byte for byte.
#[test]
fn every_released_shape_is_read_for_ever() {
    let samples = samples();
    if blessed() {
        std::fs::create_dir_all(fixtures()).unwrap();
        for (name, sample) in &samples {
            let path = fixtures().join(format!("{name}.json"));
            if !path.exists() {
                std::fs::write(path, sample.encode().data + "\n").unwrap();
            }
        }
    }
    let mut missing: BTreeSet<&String> = samples.keys().collect();
    for file in std::fs::read_dir(fixtures()).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("envelope.") {
            continue;
        }
        let stored = std::fs::read_to_string(&path).unwrap();
        let stored = stored.trim_end();
        let (title, schema) = name.rsplit_once(".v").unwrap();
        let schema: i16 = schema.parse().unwrap();
        let kind = title.split('-').next().unwrap();
        let read =
            Event::decode(kind, schema, stored).unwrap_or_else(|error| panic!("{name}: {error}"));
        let now = format!("{title}.v{}", upcast::current(kind));
        let sample = samples.get(&now).unwrap_or_else(|| panic!("no sample for {now}"));
        assert_eq!(read, *sample, "{name}");
        if schema == upcast::current(kind) {
            assert_eq!(read.encode().data, stored, "{name}");
            missing.remove(&name);
        }
    }
    assert!(missing.is_empty(), "no fixtures for {missing:?}; {BLESS}=1 writes them");
}

#[test]
fn every_envelope_is_read_for_ever() {
    let path = fixtures().join("envelope.v1.json");
    let lines = |metas: &[Meta]| {
        let each = metas.iter().map(|meta| serde_json::to_string(meta).unwrap() + "\n");
        each.collect::<String>()
    };
    if blessed() && !path.exists() {
        std::fs::write(&path, lines(&envelopes())).unwrap();
    }
    let stored = std::fs::read_to_string(path).unwrap();
    let read: Vec<Meta> = stored.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, envelopes());
    assert_eq!(lines(&read), stored);
}

#[test]
fn the_document_shows_what_is_there() {
    let (path, text) = (in_repository("docs/events.md"), document());
    if blessed() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == text,
        "docs/events.md is not up to date; {BLESS}=1 cargo test -p domain writes it"
    );
}

fn document() -> String {
    let mut text = INTRODUCTION.to_owned();
    let mut context = "";
    let entries = entries();
    for entry in &entries {
        let sample = &entry.samples[0];
        let encoded = sample.encode();
        if context != sample.context() {
            context = sample.context();
            write!(text, "\n## `{context}`\n\n").unwrap();
            text.push_str("| type | class | stream | meaning |\n| --- | --- | --- | --- |\n");
            for entry in entries.iter().filter(|entry| entry.samples[0].context() == context) {
                let encoded = entry.samples[0].encode();
                let class = match encoded.class {
                    Class::Decision => "decision",
                    Class::Fact => "fact",
                };
                let (stream, meaning) = (entry.stream, entry.meaning);
                writeln!(text, "| `{}` | {class} | `{stream}` | {meaning} |", encoded.kind)
                    .unwrap();
            }
            text.push('\n');
        }
        let pretty = indented(&encoded.data);
        let title = format!("`{}`, schema {}", encoded.kind, encoded.schema);
        write!(text, "{title}:\n\n```json\n{pretty}\n```\n\n").unwrap();
    }
    text.push_str("## The envelope\n\nBeside its data, each event carries who did it, through which door, and why they might:\n\n");
    let meta = indented(&serde_json::to_string(&envelopes()[0]).unwrap());
    write!(text, "```json\n{meta}\n```\n").unwrap();
    text
}

/// Compact JSON over several lines, its members in the order in which they are stored.
fn indented(json: &str) -> String {
    let (mut text, mut depth, mut quoted, mut escaped) = (String::new(), 0, false, false);
    let line = |depth: usize| "\n".to_owned() + &"  ".repeat(depth);
    let mut before = ' ';
    for c in json.chars() {
        if quoted {
            text.push(c);
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else {
            match c {
                '{' | '[' => {
                    depth += 1;
                    text.push(c);
                    text += &line(depth);
                }
                '}' | ']' => {
                    depth -= 1;
                    if matches!(before, '{' | '[') {
                        text.truncate(text.trim_end().len());
                    } else {
                        text += &line(depth);
                    }
                    text.push(c);
                }
                ',' => text += &(",".to_owned() + &line(depth)),
                ':' => text += ": ",
                _ => text.push(c),
            }
            quoted = c == '"';
        }
        before = c;
    }
    text
}

const INTRODUCTION: &str = "\
# Events

Everything that the log can hold. This page is made from the event types themselves
(`domain/src/event/catalogue.rs`): `PORTUS_BLESS=1 cargo test -p domain catalogue` writes it anew,
and a test fails when it is out of date.

A *decision* was made by a rule on the state of its stream, with that stream's expected version;
the access graph is made of decisions alone. A *fact* has simply happened. No event holds a secret
or personal data in clear: these live in the vault, or are sealed with a key that can be destroyed.

A released event is never changed. A new field has a default; anything else is a new schema version
with a step in `domain/src/event/upcast.rs`. Every shape that was ever written is kept in
`tests/fixtures/events`, and a test reads all of them.
";

/// Texts that would break whoever puts JSON together or takes it apart by hand.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\"".to_owned()),
        Just("\\".to_owned()),
        Just("\",\"data\":".to_owned()),
        Just("{\"type\":\"".to_owned()),
        Just("\"}}".to_owned()),
        Just("}".to_owned()),
        Just("\u{0}".to_owned()),
        Just("\u{1f}\u{7f}\r\n\t".to_owned()),
        Just("\u{2028}\u{feff}\u{202e}\u{10ffff}".to_owned()),
        Just("\\u0022".to_owned()),
        ".{0,8}",
        proptest::collection::vec(any::<char>(), 0..8).prop_map(|it| it.into_iter().collect()),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn arbitrary() -> impl Strategy<Value = Event> {
    let text = hostile;
    let decision = (text(), text(), text(), text()).prop_map(|(a, b, c, d)| TokenDecision {
        subject: Actor::Unknown { text: a.clone() },
        service: b.clone(),
        scopes: vec![ScopeDecision {
            asked: c.clone(),
            granted: vec![],
            allowed: Some(d.clone()),
            refused: Some(a),
        }],
        jti: b,
        request: c,
        client: Some(d),
        ..bare_decision()
    });
    prop_oneof![
        text().prop_map(|reason| UserEvent::Disabled { user: name("alice"), reason }.into()),
        text().prop_map(|provider| {
            let (user, account) = (name("alice"), Account::Person);
            UserEvent::Registered { user, account, origin: Origin::Directory { provider } }.into()
        }),
        text().prop_map(|description| TeamEvent::Described { team: name("a"), description }.into()),
        text().prop_map(|description| {
            let (registry, namespace) = (name("main"), name("a"));
            NamespaceEvent::Described { registry, namespace, description }.into()
        }),
        text().prop_map(|description| {
            let (registry, repository) = (name("main"), name("a/b"));
            RepositoryEvent::Described { registry, repository, description }.into()
        }),
        (text(), text(), text()).prop_map(|(service, host, url)| {
            let settings = RegistrySettings { service, host, url };
            RegistryEvent::Added { registry: name("main"), settings }.into()
        }),
        (text(), text()).prop_map(|(reason, excerpt)| {
            ContentEvent::NotificationRejected { registry: name("main"), reason, excerpt }.into()
        }),
        text().prop_map(|media_type| ContentEvent::ManifestPulled {
            registry: name("main"),
            repository: name("a/b"),
            digest: digest('a'),
            tag: None,
            media_type: Some(media_type),
            method: PullMethod::Get,
        }
        .into()),
        text().prop_map(|label| AppTokenEvent::Created {
            user: name("alice"),
            token: TokenId(id(1)),
            label,
            scopes: [TokenScope::Pull].into(),
            namespaces: None,
            expires_at: moment(),
        }
        .into()),
        proptest::collection::vec(decision, 0..3)
            .prop_map(|decisions| AuthEvent::TokensDecided { decisions: decisions.into() }.into()),
        text().prop_map(|hash| AuthEvent::LockedOut {
            claimed: Claimed::Unknown { hash },
            until: moment()
        }
        .into()),
        (text(), text()).prop_map(|(projection, error)| {
            SystemEvent::ProjectionHalted { projection, at: Position(u64::MAX), error }.into()
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_text_holds_an_event_is_read_back_as_it_was(event in arbitrary()) {
        let encoded = event.encode();
        let kinds = encoded.kind.clone();
        prop_assert!(kinds.bytes().all(|b| matches!(b, b'a'..=b'z' | b'_' | b'.')), "{}", kinds);
        // The data is one JSON object, and nothing else.
        let data: serde_json::Map<String, Value> = serde_json::from_str(&encoded.data).unwrap();
        prop_assert!(!data.is_empty());
        prop_assert_eq!(Event::decode(&encoded.kind, encoded.schema, &encoded.data).unwrap(), event);
    }

    #[test]
    fn no_stored_text_makes_reading_stumble(kind in hostile(), schema in any::<i16>(), data in hostile()) {
        prop_assert!(Event::decode(&kind, schema, &data).is_err());
        prop_assert!(Event::decode("user.disabled", schema, &data).is_err());
        let kind = format!("user.{kind}");
        let read = Event::decode(&kind, 1, r#"{"user":"alice"}"#);
        prop_assert!(read.is_err(), "{}", kind);
    }
}

fn error(kind: &str, schema: i16, data: &str) -> DecodeError {
    Event::decode(kind, schema, data).unwrap_err()
}

#[test]
fn an_event_that_cannot_be_read_says_why() {
    let alice = r#"{"user":"alice"}"#;
    for kind in ["user.promoted", "dog.barked", "user", "", ".", "user.", "user.enabled.x"] {
        assert!(matches!(error(kind, 1, alice), DecodeError::UnknownType), "{kind}");
    }
    let newer = error("user.enabled", 2, alice);
    assert!(matches!(newer, DecodeError::NewerSchema { found: 2, known: 1 }));
    let never = error("user.enabled", 0, alice);
    assert!(matches!(never, DecodeError::NoSuchSchema { found: 0, known: 1 }));
    let text = error("user.enabled", 1, r#"{"user":7}"#).to_string();
    assert!(text.contains("invalid type: integer `7`"), "{text}");
    let text = error("user.enabled", 1, "{}").to_string();
    assert!(text.contains("missing field `user`"), "{text}");
    let text = error("user.enabled", 1, r#"{"user":"-"}"#).to_string();
    assert!(text.contains("not allowed in a user name"), "{text}");
}

#[test]
fn neither_part_of_an_event_leaks_into_the_other() {
    let smuggled = r#"{"user":"alice"},"type":"removed""#;
    assert!(matches!(error("user.enabled", 1, smuggled), DecodeError::Json(_)));
    let smuggled = r#"enabled","data":{"user":"alice"},"x":""#;
    assert!(Event::decode(&format!("user.{smuggled}"), 1, r#"{"user":"bob"}"#).is_err());
}
