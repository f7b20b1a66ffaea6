use serde_json::json;

use super::excerpt::{excerpt, of_value};
use super::parse::{envelope, event};
use super::*;

fn registry() -> RegistryName {
    RegistryName::parse("main").unwrap()
}

fn now() -> Timestamp {
    "2025-06-01T12:00:00Z".parse().unwrap()
}

fn push() -> Value {
    json!({
        "id": "e1", "timestamp": "2025-06-01T11:59:59.5+02:00", "action": "push",
        "target": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 500,
            "digest": format!("sha256:{:064x}", 1), "repository": "a/b", "tag": "latest",
        },
        "request": {"id": "r1", "addr": "[2001:db8::1]:4711", "method": "PUT", "useragent": "x"},
        "actor": {"name": "alice"}, "source": {"instanceID": "i1"},
    })
}

#[test]
fn an_envelope_is_an_object_with_a_list() {
    assert_eq!(envelope(br#"{"events":null}"#).unwrap().len(), 0);
    assert_eq!(envelope(br#"{"events":[1,{}]}"#).unwrap().len(), 2);
    for bad in ["", "x", "[]", "{}", r#"{"events":{}}"#, "\u{feff}{}", &"[".repeat(100_000)] {
        assert!(envelope(bad.as_bytes()).is_err(), "{}", cut(bad, 20));
    }
}

#[test]
fn addresses_come_with_a_port_without_one_and_in_brackets() {
    let of = |addr: &str| {
        let mut value = push();
        value["request"]["addr"] = addr.into();
        event(&registry(), &value, now()).unwrap().address.map(|address| address.to_string())
    };
    assert_eq!(of("10.0.0.1:80").as_deref(), Some("10.0.0.1"));
    assert_eq!(of("10.0.0.1").as_deref(), Some("10.0.0.1"));
    assert_eq!(of("[2001:db8::1]:4711").as_deref(), Some("2001:db8::1"));
    assert_eq!(of("[2001:db8::1]").as_deref(), Some("2001:db8::1"));
    assert_eq!(of("2001:db8::1").as_deref(), Some("2001:db8::1"));
    assert_eq!(of("<script>"), None);
}

#[test]
fn timestamps_have_offsets_and_any_number_of_decimals() {
    let of = |text: &str| {
        let mut value = push();
        value["timestamp"] = text.into();
        event(&registry(), &value, now()).unwrap().at.to_string()
    };
    assert_eq!(of("2025-06-01T14:00:00+02:00"), "2025-06-01T12:00:00Z");
    assert_eq!(of("2025-06-01T12:00:00.123456789Z"), "2025-06-01T12:00:00.123456789Z");
    assert_eq!(of("2099-01-01T00:00:00Z"), "2099-01-01T00:00:00Z");
    for none in ["0001-01-01T00:00:00Z", "yesterday", ""] {
        assert_eq!(of(none), now().to_string(), "{none}");
    }
}

#[test]
fn an_index_of_thousands_fits_into_one_fact() {
    let mut value = push();
    let child = |n: u64| json!({"mediaType": "m".repeat(300), "size": 10, "digest": format!("sha256:{n:064x}")});
    value["target"]["references"] = (0..5_000).map(child).collect();
    let ContentEvent::ManifestPushed { references, omitted, .. } =
        event(&registry(), &value, now()).unwrap().event
    else {
        panic!("a manifest");
    };
    let omitted = omitted.unwrap();
    assert_eq!(references.len() as u64 + omitted.count, 5_000);
    assert_eq!(omitted.bytes, omitted.count * 10);
}

#[test]
fn an_excerpt_is_short_and_says_nothing_of_people_or_secrets() {
    let secret = "s3cr3t".repeat(8);
    let text = excerpt(
        format!("<h1>Authorization: Bearer abc</h1> from 192.0.2.7 \u{1} {secret} password=x1 é")
            .repeat(50)
            .as_bytes(),
    );
    assert!(text.len() <= MAX_EXCERPT_BYTES);
    for hidden in ["abc", "192.0.2.7", &secret, "x1", "\u{1}"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
    assert!(text.contains("<h1>Authorization"), "{text}");
    let mut event = push();
    event["action"] = "explode".into();
    let text = of_value(&event);
    assert!(text.contains("explode") && text.contains("a/b"), "{text}");
    for hidden in ["2001:db8", "alice", "i1"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
}
