//! What a registry may answer that is partial, wrong or meant to harm.

use serde_json::{Value, json};

use super::super::double::{IMAGE, Say, World, digest_of};
use super::super::*;
use crate::registry::{MAX_ANSWER_BYTES, MAX_CONFIG_BYTES, MAX_TAGS};

fn not_found(code: &str) -> Say {
    Say::json(404, &json!({"errors": [{ "code": code }]}))
}

fn list(field: &str, names: &[String], next: Option<&str>) -> Say {
    let headers = next.map(|next| ("Link", format!("<{next}>; rel=\"next\"")));
    let body = json!({ field: names }).to_string().into_bytes();
    Say::This(200, headers.into_iter().collect(), body)
}

/// Each of these is what a registry says that has lost nothing.
#[tokio::test]
async fn no_bad_answer_takes_anything_away() {
    let html = |status| Say::This(status, vec![], b"<html>not here</html>".to_vec());
    let answers: Vec<(&str, &str, Say)> = vec![
        ("the registry is down", "GET /v2/_catalog", Say::Nothing),
        ("the catalog is empty", "GET /v2/_catalog", list("repositories", &[], None)),
        ("the catalog is null", "GET /v2/_catalog", Say::json(200, &json!({"repositories": null}))),
        ("the catalog is refused", "GET /v2/_catalog", Say::json(401, &json!({}))),
        ("the catalog is not there", "GET /v2/_catalog", not_found("NAME_UNKNOWN")),
        ("the catalog is torn", "GET /v2/_catalog", Say::Torn(b"{\"repositories\":[]".to_vec())),
        ("the catalog is no JSON", "GET /v2/_catalog", html(200)),
        ("the catalog is something else", "GET /v2/_catalog", Say::json(200, &json!([]))),
        ("the tags fail", "GET /v2/a/b/tags", Say::json(500, &json!({}))),
        ("the tags are torn", "GET /v2/a/b/tags", Say::Torn(b"{\"tags\":[]}".to_vec())),
        ("the tags are a proxy's 404", "GET /v2/a/b/tags", html(404)),
        (
            "the tags lead elsewhere",
            "GET /v2/a/b/tags",
            list("tags", &["x".to_owned()], Some("http://192.0.2.1/v2/a/b/tags/list?last=x")),
        ),
        ("manifests fail", "GET /v2/a/b/manifests/", Say::json(503, &json!({}))),
        ("manifests are a proxy's 404", "GET /v2/a/b/manifests/", html(404)),
        ("manifests are denied", "GET /v2/a/b/manifests/", Say::json(403, &json!({}))),
        (
            "manifests lead elsewhere",
            "GET /v2/a/b/manifests/",
            Say::This(307, vec![("Location", "http://192.0.2.1/".to_owned())], vec![]),
        ),
    ];
    for (what, asked_for, say) in answers {
        let world = World::new().await;
        world.registry.image("other", "x", "linux/amd64");
        let digest = world.registry.image("a/b", "v1", "linux/arm64");
        world.reconcile().await.unwrap();
        let before = world.facts().await.len();
        // Even if it seems to be gone altogether.
        world.registry.says(move |asked, _| {
            if asked.starts_with(asked_for) {
                return Some(say.clone());
            }
            match asked {
                _ if asked.starts_with("GET /v2/a/b/tags") => Some(list("tags", &[], None)),
                _ if asked.starts_with("HEAD /v2/a/b/") => Some(not_found("MANIFEST_UNKNOWN")),
                _ if asked.starts_with("GET /v2/a/b/manifests/") => {
                    Some(not_found("MANIFEST_UNKNOWN"))
                }
                _ => None,
            }
        });
        let done = world.reconcile().await;
        let taken = matches!(&done, Ok(done) if done.missed > 0);
        assert!(!taken && world.points("a/b", "v1").await == Some(digest), "{what}: {done:?}");
        assert_eq!(world.facts().await.len(), before, "{what}");
        let all_well = matches!(&done, Ok(done) if done.failed == 0);
        let empty = what.contains("empty") || what.contains("null");
        assert!(empty || !all_well, "{what}: somebody must hear of it");
        world.registry.honest();
        assert_eq!(world.reconcile().await.unwrap().failed, 0, "{what}");
    }
}

/// The same script without a bad answer: the test above can fail.
#[tokio::test]
async fn but_a_registry_that_says_so_in_its_own_words_is_believed() {
    let world = World::new().await;
    world.registry.image("other", "x", "linux/amd64");
    world.registry.image("a/b", "v1", "linux/arm64");
    world.reconcile().await.unwrap();
    world.registry.says(|asked, _| match asked {
        _ if asked.starts_with("GET /v2/a/b/tags") => Some(list("tags", &[], None)),
        _ if asked.starts_with("HEAD /v2/a/b/") => Some(not_found("MANIFEST_UNKNOWN")),
        _ if asked.starts_with("GET /v2/a/b/manifests/") => Some(not_found("MANIFEST_UNKNOWN")),
        _ => None,
    });
    assert_eq!(world.reconcile().await.unwrap().missed, 2);
    assert_eq!(world.points("a/b", "v1").await, None);
}

#[tokio::test]
async fn a_disk_that_goes_away_in_the_middle_takes_nothing_with_it() {
    let world = World::new().await;
    world.registry.image("other", "x", "linux/amd64");
    let digest = world.registry.image("a/b", "v1", "linux/arm64");
    world.reconcile().await.unwrap();
    let registry = world.registry.clone();
    world.registry.says(move |asked, _| {
        if asked.starts_with("GET /v2/a/b/tags") {
            registry.wipe();
        }
        None
    });
    let done = world.reconcile().await.unwrap();
    assert_eq!(done.missed, 0);
    assert!(done.failed > 0);
    assert_eq!(world.points("a/b", "v1").await, Some(digest));
}

#[tokio::test]
async fn a_deleted_repository_is_missed_when_others_are_there() {
    let world = World::new().await;
    world.registry.image("a/b", "v1", "linux/arm64");
    world.reconcile().await.unwrap();
    world.registry.wipe();
    assert_eq!(world.reconcile().await.unwrap().missed, 0, "its disk may be away");
    world.registry.image("other", "x", "linux/amd64");
    assert_eq!(world.reconcile().await.unwrap().missed, 2);
    assert_eq!(world.points("a/b", "v1").await, None);
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let world = World::new().await;
    let digest = world.registry.image("a/b", "v1", "linux/arm64");
    for name in ["a/c", "a/d"] {
        world.registry.manifest(name, IMAGE, b"{}".to_vec());
    }
    world.registry.tag("a/b", "v2", &digest);
    let name = |text: &str| vec![text.to_owned()];
    world.registry.says(move |asked, _| match asked {
        "GET /v2/_catalog?n=1000" => {
            Some(list("repositories", &name("a/c"), Some("/v2/_catalog?last=a/c&n=1")))
        }
        "GET /v2/_catalog?last=a/c&n=1" => Some(list("repositories", &name("a/b"), None)),
        "GET /v2/a/b/tags/list?n=1000" => {
            Some(list("tags", &name("v1"), Some("/v2/a/b/tags/list?last=v1")))
        }
        "GET /v2/a/b/tags/list?last=v1" => Some(list("tags", &name("v2"), None)),
        _ => None,
    });
    assert_eq!(world.reconcile().await.unwrap().observed, 2);
    assert_eq!(world.points("a/b", "v2").await, Some(digest));
}

#[tokio::test]
async fn a_page_that_is_missing_spoils_a_list_but_not_what_was_seen_before() {
    let world = World::new().await;
    world.registry.image("a/b", "v1", "linux/arm64");
    world.registry.says(|asked, _| match asked {
        "GET /v2/_catalog?n=1000" => {
            Some(list("repositories", &["a/b".to_owned()], Some("/v2/_catalog?last=a/b")))
        }
        "GET /v2/_catalog?last=a/b" => Some(Say::Nothing),
        _ => None,
    });
    assert!(matches!(world.reconcile().await, Err(ReconcileError::Registry(_))));
    assert_eq!(world.observed().await.len(), 1);
}

#[tokio::test]
async fn a_registry_that_went_away_is_not_asked_a_thousand_times() {
    let world = World::new().await;
    for n in 0..50 {
        world.registry.image(&format!("r{n}"), "v1", "linux/arm64");
    }
    world.reconcile().await.unwrap();
    let before = world.registry.asked("GET");
    world.registry.says(|asked, _| asked.contains("/tags/list").then_some(Say::Nothing));
    assert!(world.reconcile().await.is_err());
    assert!(world.registry.asked("GET") - before < 3 * MAX_FAILURES + 3);
}

#[tokio::test]
async fn lists_that_never_end_do() {
    for endless in ["the same page", "nothing, on and on"] {
        let world = World::new().await;
        world.registry.image("a/b", "v1", "linux/arm64");
        let mut page = 0;
        world.registry.says(move |asked, _| {
            page += 1;
            let same = endless == "the same page";
            let names = if same { vec!["v1".to_owned()] } else { vec![] };
            let next = format!("/v2/a/b/tags/list?n={}", if same { 1000 } else { page });
            asked.starts_with("GET /v2/a/b/tags").then(|| list("tags", &names, Some(&next)))
        });
        assert_eq!(world.reconcile().await.unwrap().failed, 1, "{endless}");
        assert_eq!(world.registry.asked("GET /v2/a/b/tags"), 1, "{endless}");
    }
}

#[tokio::test]
async fn a_repository_has_so_many_tags_and_no_more() {
    for (tags, failed) in [(MAX_TAGS, 0), (MAX_TAGS + 1, 1)] {
        let world = World::new().await;
        world.registry.image("a/b", "v1", "linux/arm64");
        // Names that no tag can have: only their number matters.
        let names: Vec<String> = (0..tags).map(|n| format!("!{n}")).collect();
        let say = list("tags", &names, None);
        world
            .registry
            .says(move |asked, _| asked.starts_with("GET /v2/a/b/tags").then(|| say.clone()));
        assert_eq!(world.reconcile().await.unwrap().failed, failed, "{tags}");
    }
}

#[tokio::test]
async fn an_answer_has_so_many_bytes_and_no_more() {
    for (bytes, failed) in [(MAX_ANSWER_BYTES, 0), (MAX_ANSWER_BYTES + 1, 1)] {
        let world = World::new().await;
        world.registry.image("a/b", "v1", "linux/arm64");
        let mut body = b"{\"tags\":null}".to_vec();
        body.resize(bytes, b' ');
        let say = Say::This(200, vec![], body);
        world
            .registry
            .says(move |asked, _| asked.starts_with("GET /v2/a/b/tags").then(|| say.clone()));
        assert_eq!(world.reconcile().await.unwrap().failed, failed, "{bytes}");
    }
}

#[tokio::test]
async fn a_manifest_that_is_not_what_its_digest_says_is_no_manifest() {
    let world = World::new().await;
    world.registry.image("a/b", "v1", "linux/arm64");
    world.registry.says(|asked, _| {
        asked
            .starts_with("GET /v2/a/b/manifests/sha256")
            .then(|| Say::This(200, vec![("Content-Type", IMAGE.to_owned())], b"{}".to_vec()))
    });
    assert_eq!(world.reconcile().await.unwrap().failed, 1);
    assert_eq!(world.observed().await, [""; 0]);
}

/// Names that break every grammar, and manifests of the worst kind: nothing of it becomes a path, a
/// failure of ours, or a fact that cannot be read.
#[tokio::test]
async fn hostile_content_is_taken_as_far_as_it_makes_sense() {
    let world = World::new().await;
    let deep: Value = serde_json::from_str(&("[".repeat(100) + &"]".repeat(100))).unwrap();
    let worst = json!({
        "mediaType": 7, "config": {"digest": "../../etc", "mediaType": deep},
        "layers": {"x": 1},
        "manifests": [null, 1, {"digest": digest_of(b"x"), "size": -1, "platform": {
            "os": "<script>\u{0}", "architecture": "\u{202e}"}, "mediaType": "\u{0}".repeat(999)}],
    });
    let digest = world.registry.manifest("a/b", IMAGE, worst.to_string().into_bytes());
    world.registry.tag("a/b", "v1", &digest);
    world.registry.image("many", "v1", "linux/amd64");
    world.registry.says(|asked, _| match asked {
        "GET /v2/_catalog?n=1000" => Some(Say::json(
            200,
            &json!({"repositories": ["../..", "a/b", "A", "", 7, null, "a//b", "x\u{0}", "a/b"]}),
        )),
        _ => None,
    });
    let done = world.reconcile().await.unwrap();
    assert_eq!((done.observed, done.failed), (1, 0), "{done:?}");
    assert_eq!(world.points("a/b", "v1").await, Some(digest));
    assert!(world.registry.asked("GET /v2/..") == 0);
}

#[tokio::test]
async fn an_index_of_thousands_fits_into_one_fact_and_is_not_read_to_its_end() {
    let world = World::new().await;
    let children: Vec<_> = (0..2_000_u32).map(|n| digest_of(&n.to_le_bytes())).collect();
    let digest = world.registry.index("a/b", "v1", &children);
    world.reconcile().await.unwrap();
    assert_eq!(world.points("a/b", "v1").await, Some(digest));
    let Event::Content(ContentEvent::TagObserved { references, omitted, .. }) =
        &world.facts().await[0].event
    else {
        panic!("an observation");
    };
    assert_eq!(references.len() as u64 + omitted.unwrap().count, 2_000);
    assert!(world.registry.asked("GET /v2/a/b/manifests/") <= 1 + confirm::MAX_CHILDREN);
}

#[tokio::test]
async fn a_configuration_is_read_up_to_its_bound_and_no_further() {
    for (bytes, platform) in [(MAX_CONFIG_BYTES, "linux/arm64"), (MAX_CONFIG_BYTES + 1, "")] {
        let world = World::new().await;
        let mut config = br#"{"os": "linux", "architecture": "arm64"}"#.to_vec();
        config.resize(usize::try_from(bytes).unwrap(), b' ');
        let config = world.registry.blob(config);
        let child = json!({"schemaVersion": 2, "mediaType": IMAGE, "layers": [], "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config,
            "size": bytes}});
        let child = world.registry.manifest("a/b", IMAGE, child.to_string().into_bytes());
        world.registry.index("a/b", "v1", std::slice::from_ref(&child));
        world.reconcile().await.unwrap();
        let expected = format!("a/b@{} {platform}", child.short());
        assert_eq!(world.observed().await[1], expected);
    }
}

#[tokio::test]
async fn more_doubts_than_are_looked_at_together_are_looked_at_in_turn() {
    let world = World::new().await;
    let digest = world.registry.image("a/b", "v1", "linux/arm64");
    for n in 1..DOUBTS_AT_ONCE {
        world.registry.tag("a/b", &format!("t{n}"), &digest);
    }
    world.registry.image("c", "v1", "linux/amd64");
    assert_eq!(world.reconcile().await.unwrap().observed, DOUBTS_AT_ONCE + 1);
    assert_eq!(world.reconcile().await.unwrap().observed, 0);
}
