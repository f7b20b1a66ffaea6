//! What registries tell us, sentence by sentence.

mod bench;
mod captured;
mod delivery;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use commands::desk::{Clock, Desk};
use commands::log::memory::MemoryLog;
use commands::watchman::Watchman;
use domain::auth::AuthEvent;
use domain::event::{Actor, Event};
use domain::registry::{ContentEvent, PullMethod};
use domain::system::SystemEvent;
use http::StatusCode;
use jiff::SignedDuration;
use projections::activity::{self, Filter, Viewer};
use serde_json::{Value, json};
use tests::postgres::TestDatabase;
use tests::site::Site;
use tests::watched::eventually;
use web::registry::notifications::{MAX_BODY_BYTES, PATH, SECRET_HEADER};

use self::bench::{
    Bench, INDEX, OCI, SECRET, V2, delete, delete_tag, digest, event, main, pull, push, target,
};

#[tokio::test]
async fn all_media_types_of_envelopes_are_read() {
    let bench = Bench::new().await;
    let kinds = [
        "application/vnd.docker.distribution.events.v1+json",
        V2,
        "application/json",
        "text/plain; charset=utf-8",
    ];
    for (n, media_type) in kinds.iter().enumerate() {
        let event = push(1, n as u64 + 1, &format!("t{n}"));
        let body = json!({ "events": [event] }).to_string();
        assert!(bench.post(media_type, body).await.is_success());
    }
    assert_eq!(bench.tags("a/b").await, ["t0=1", "t1=2", "t2=3", "t3=4"]);
}

#[tokio::test]
async fn a_wrong_or_missing_secret_is_401_and_stores_nothing() {
    let bench = Bench::new().await;
    let body = || json!({ "events": [push(1, 1, "latest")] }).to_string();
    for headers in [
        vec![],
        vec![("authorization", "Bearer wrong")],
        vec![("authorization", "Bearer ")],
        vec![("authorization", "hook-secret")],
        vec![("authorization", "Basic !!!")],
        vec![("authorization", "Basic cG9ydHVzOndyb25n")],
        vec![(SECRET_HEADER.as_str(), "wrong")],
    ] {
        let status = bench.send(PATH, &headers, body()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{headers:?}");
    }
    assert!(bench.facts().await.is_empty());
    for headers in [
        [("authorization", "bearer hook-secret")],
        [("authorization", "Basic cG9ydHVzOmhvb2stc2VjcmV0")],
        [(SECRET_HEADER.as_str(), SECRET)],
    ] {
        assert!(bench.send(PATH, &headers, body()).await.is_success(), "{headers:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_envelope_is_2xx_and_kept_as_unreadable() {
    let bench = Bench::new().await;
    let deep = "[".repeat(200_000);
    let bodies = ["", "x", "[]", "{}", "\"events\"", "{\"events\":7}", "\u{0}\u{1}", &deep];
    for body in bodies {
        assert!(bench.post(V2, body.to_owned()).await.is_success());
        assert!(bench.post(V2, body.to_owned()).await.is_success(), "again");
    }
    assert!(bench.post(V2, b"\xff\xfe\x00\x1f\x8b".to_vec()).await.is_success());
    let rejected = bench.rejected().await;
    assert_eq!(rejected.len(), bodies.len() + 1, "each once");
    assert!(rejected.iter().all(|(_, excerpt)| excerpt.len() <= 1_024));
}

#[tokio::test]
async fn no_events_several_events_and_unknown_actions_are_2xx() {
    let bench = Bench::new().await;
    for body in [r#"{"events":null}"#, r#"{"events":[]}"#] {
        assert!(bench.post(V2, body).await.is_success());
    }
    assert!(bench.facts().await.is_empty());
    let mut targetless = push(3, 3, "c");
    targetless.as_object_mut().unwrap().remove("target");
    bench
        .tell(&[push(1, 1, "a"), push(2, 2, "b"), event("explode", 1, target(1, None)), targetless])
        .await;
    assert_eq!(bench.tags("a/b").await, ["a=1", "b=2"]);
    assert_eq!(bench.rejected().await.len(), 2);
}

#[tokio::test]
async fn one_bad_event_does_not_lose_the_good_ones() {
    let bench = Bench::new().await;
    let bad = [json!(null), json!(7), json!([]), json!({}), json!({"id": {}, "target": "x"})];
    let mut events = vec![push(1, 1, "before")];
    events.extend(bad.clone());
    events.push(push(2, 2, "after"));
    bench.tell(&events).await;
    assert_eq!(bench.tags("a/b").await, ["after=2", "before=1"]);
    assert_eq!(bench.rejected().await.len(), bad.len());
}

#[tokio::test]
async fn without_the_log_the_answer_is_503_and_nothing_is_acknowledged() {
    let bench = Bench::new().await;
    bench.tell(&[push(1, 1, "a")]).await; // the secret is in memory now
    sqlx::query("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA log FROM portus_service")
        .execute(&bench.db.owner)
        .await
        .unwrap();
    let body = json!({ "events": [push(2, 2, "b")] }).to_string();
    let status = tokio::time::timeout(Duration::from_secs(20), bench.post(V2, body.clone())).await;
    assert_eq!(status.unwrap(), StatusCode::SERVICE_UNAVAILABLE);
    sqlx::query("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA log TO portus_service")
        .execute(&bench.db.owner)
        .await
        .unwrap();
    assert!(bench.post(V2, body).await.is_success());
    assert_eq!(bench.tags("a/b").await, ["a=1", "b=2"]);
}

#[tokio::test]
async fn the_same_event_id_again_changes_nothing_also_while_the_first_is_on_its_way() {
    let bench = Bench::new().await;
    let body = json!({ "events": [push(1, 1, "latest")] }).to_string();
    let posts = (0..32).map(|_| bench.post(V2, body.clone()));
    for status in futures_util::future::join_all(posts).await {
        assert!(status.is_success());
    }
    assert_eq!(bench.content().await.len(), 1);
    // Of another registry it is another event.
    let now = bench.desk.clock.now();
    let other = domain::name::RegistryName::parse("other").unwrap();
    bench.desk.vault.set_registry_secret(&other, "other-secret", now, now).await.unwrap();
    bench.send(PATH, &[("authorization", "Bearer other-secret")], body).await;
    assert_eq!(bench.content().await.len(), 2);
}

#[tokio::test]
async fn the_answer_comes_before_any_work_is_done() {
    let bench = Bench::new().await;
    bench.tell(&[push(1, 1, "latest")]).await;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM read_content.repositories")
        .fetch_one(&bench.db.owner)
        .await
        .unwrap();
    assert_eq!(rows, 0, "no read model is written in the request");
    assert_eq!(bench.tags("a/b").await, ["latest=1"]);
}

#[tokio::test]
async fn there_is_never_a_redirect_from_that_url() {
    let bench = Bench::new().await;
    let bearer = format!("Bearer {SECRET}");
    for path in [PATH.to_owned(), format!("{PATH}/"), format!("{PATH}?x=1")] {
        let body = json!({ "events": [push(1, 1, "latest")] }).to_string();
        let status = bench.send(&path, &[("authorization", &bearer)], body).await;
        assert!(status.is_success(), "{path}");
        let status = bench.send(&path, &[], "").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn a_notification_of_several_megabytes_is_taken_and_a_longer_one_is_2xx_too() {
    let bench = Bench::new().await;
    let child = |n: u64| json!({"mediaType": OCI, "size": 10, "digest": digest(n)});
    let mut index = target(1, Some("huge"));
    index["mediaType"] = INDEX.into();
    index["references"] = (0..30_000).map(child).collect();
    bench.tell(&[event("push", 1, index)]).await;
    assert_eq!(bench.tags("a/b").await, ["huge=1"]);
    assert_eq!(bench.rows("a/b").await[0].total_size, Some(500 + 300_000));
    assert!(bench.post(V2, vec![b'x'; MAX_BODY_BYTES]).await.is_success());
    assert!(bench.post(V2, vec![b'x'; MAX_BODY_BYTES + 1]).await.is_success());
    let reasons: Vec<_> = bench.rejected().await.into_iter().map(|(reason, _)| reason).collect();
    assert_eq!(reasons, ["the body is no JSON", "the body is larger than 16 MiB"]);
}

#[tokio::test]
async fn an_empty_text_and_a_zero_mean_the_same_as_absent() {
    let bench = Bench::new().await;
    let empty = json!({"mediaType": "", "size": 0, "length": 0, "digest": "", "repository": "a/b",
        "tag": "v1", "url": "", "fromRepository": "", "references": null});
    bench.tell(&[push(1, 1, "v1"), push(2, 1, "v2"), event("delete", 3, empty)]).await;
    assert_eq!(bench.tags("a/b").await, ["v2=1"]);
    let no_tag = json!({"mediaType": "", "size": 0, "digest": digest(1), "repository": "a/b",
        "tag": ""});
    bench.tell(&[event("delete", 4, no_tag)]).await;
    assert!(bench.tags("a/b").await.is_empty());
    assert!(bench.rejected().await.is_empty());
}

#[tokio::test]
async fn a_deletion_by_digest_of_what_is_no_manifest_there_has_no_effect() {
    let bench = Bench::new().await;
    let mut elsewhere = delete(3, 1);
    elsewhere["target"]["repository"] = "a/c".into();
    bench.tell(&[push(1, 1, "v1"), delete(2, 99), elsewhere]).await;
    assert_eq!(bench.tags("a/b").await, ["v1=1"]);
    assert_eq!(bench.manifests("a/b").await, ["1"]);
    assert!(bench.repository("a/c").await.is_none());
    bench.tell(&[delete(4, 1)]).await;
    assert!(bench.manifests("a/b").await.is_empty());
}

#[tokio::test]
async fn a_deletion_of_a_tag_takes_that_tag_only() {
    let bench = Bench::new().await;
    bench.tell(&[push(1, 1, "v1"), push(2, 1, "v2"), delete_tag(3, "v1")]).await;
    assert_eq!(bench.tags("a/b").await, ["v2=1"]);
    bench.tell(&[delete_tag(4, "v2"), delete_tag(5, "never")]).await;
    assert!(bench.tags("a/b").await.is_empty());
    assert_eq!(bench.manifests("a/b").await, ["1"], "the manifest stays");
    assert_eq!(bench.history("a/b", "v1").await, ["pushed", "deleted"]);
}

#[tokio::test]
async fn deletions_of_a_digest_and_its_tags_in_any_order_end_in_the_same_state() {
    let deletions = [delete(5, 1), delete_tag(6, "v1"), delete_tag(7, "v2")];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
        let bench = Bench::new().await;
        bench.tell(&[push(1, 1, "v1"), push(2, 1, "v2"), push(3, 2, "keep")]).await;
        for n in order.into_iter().chain(order) {
            bench.tell(std::slice::from_ref(&deletions[n])).await;
        }
        assert_eq!(bench.tags("a/b").await, ["keep=2"], "{order:?}");
        assert_eq!(bench.manifests("a/b").await, ["2"], "{order:?}");
    }
}

#[tokio::test]
async fn a_push_of_a_known_tag_with_another_digest_moves_the_tag() {
    let bench = Bench::new().await;
    bench.tell(&[push(1, 1, "latest"), push(2, 2, "latest")]).await;
    assert_eq!(bench.tags("a/b").await, ["latest=2"]);
    assert_eq!(bench.manifests("a/b").await, ["1", "2"], "the old one stays, untagged");
    assert_eq!(bench.history("a/b", "latest").await, ["pushed", "moved"]);
}

#[tokio::test]
async fn a_push_of_the_same_again_is_no_second_tag_and_no_second_version() {
    let bench = Bench::new().await;
    bench.tell(&[push(1, 1, "latest"), push(2, 1, "latest")]).await;
    assert_eq!(bench.tags("a/b").await, ["latest=1"]);
    assert_eq!(bench.history("a/b", "latest").await, ["pushed"]);
    assert_eq!(bench.repository("a/b").await.unwrap().pushes, 2);
}

#[tokio::test]
async fn a_push_without_a_tag_makes_the_manifest_known_and_no_tag() {
    let bench = Bench::new().await;
    bench.tell(&[event("push", 1, target(1, None))]).await;
    assert!(bench.tags("a/b").await.is_empty());
    assert_eq!(bench.manifests("a/b").await, ["1"]);
}

#[tokio::test]
async fn an_older_timestamp_does_not_move_a_tag_back() {
    let bench = Bench::new().await;
    bench.tell(&[push(10, 2, "latest")]).await;
    bench.tell(&[push(5, 1, "latest"), delete_tag(7, "latest")]).await;
    assert_eq!(bench.tags("a/b").await, ["latest=2"]);
    bench.tell(&[delete_tag(20, "latest"), push(15, 3, "latest")]).await;
    assert!(bench.tags("a/b").await.is_empty());
}

#[tokio::test]
async fn manifests_of_all_media_types_are_kept_unknown_ones_too() {
    let bench = Bench::new().await;
    let config = |kind: &str| json!([{"mediaType": kind, "size": 7, "digest": digest(90)}]);
    let kinds = [
        (
            "application/vnd.docker.distribution.manifest.v2+json",
            config("application/vnd.docker.container.image.v1+json"),
            "image",
        ),
        ("application/vnd.docker.distribution.manifest.list.v2+json", json!([]), "index"),
        (OCI, config("application/vnd.oci.image.config.v1+json"), "image"),
        (INDEX, json!([]), "index"),
        (OCI, config("application/vnd.cncf.helm.config.v1+json"), "artifact"),
        ("application/x-of-tomorrow", json!([]), "unknown"),
    ];
    for (n, (media_type, references, _)) in kinds.iter().enumerate() {
        let mut target = target(n as u64 + 1, None);
        target["mediaType"] = (*media_type).into();
        target["references"] = references.clone();
        bench.tell(&[event("push", 1, target)]).await;
    }
    let rows = bench.rows("a/b").await;
    let found: Vec<_> =
        rows.iter().map(|r| (r.media_type.as_deref().unwrap(), r.kind.as_str())).collect();
    assert_eq!(found, kinds.each_ref().map(|(media_type, _, kind)| (*media_type, *kind)));
    let helm = "application/vnd.cncf.helm.config.v1+json";
    assert_eq!(rows[4].artifact_type.as_deref(), Some(helm));
}

#[tokio::test]
async fn an_index_inside_an_index_is_an_index() {
    let bench = Bench::new().await;
    let index = |n: u64, child: Value| {
        let mut target = target(n, None);
        target["mediaType"] = INDEX.into();
        target["references"] = json!([child]);
        target
    };
    let platform = json!({"os": "linux", "architecture": "arm64", "variant": "v8"});
    let leaf = json!({"mediaType": OCI, "size": 5, "digest": digest(1), "platform": platform});
    let inner = json!({"mediaType": INDEX, "size": 6, "digest": digest(2)});
    let events = [
        event("push", 1, target(1, None)),
        event("push", 2, index(2, leaf)),
        event("push", 3, index(3, inner)),
    ];
    bench.tell(&events).await;
    let rows = bench.rows("a/b").await;
    let found: Vec<_> = rows.iter().map(|row| (row.kind.as_str(), row.total_size)).collect();
    assert_eq!(found, [("unknown", None), ("index", Some(505)), ("index", Some(506))]);
    assert_eq!(rows[1].platforms, ["linux/arm64/v8"]);
}

#[tokio::test]
async fn without_references_all_works_and_size_and_kind_are_unknown() {
    let bench = Bench::new().await;
    bench.tell(&[push(1, 1, "latest")]).await;
    let row = bench.rows("a/b").await.remove(0);
    assert_eq!((row.size, row.total_size, row.kind.as_str()), (Some(500), None, "unknown"));
    assert_eq!(row.tags, ["latest"]);
}

#[tokio::test]
async fn a_mount_from_an_unknown_repository_is_fine() {
    let bench = Bench::new().await;
    let mut mount = json!({"mediaType": "application/octet-stream", "size": 3,
        "digest": digest(1), "repository": "a/b", "fromRepository": "never/heard"});
    bench.tell(&[event("mount", 1, mount.clone())]).await;
    mount["fromRepository"] = "NOT A NAME".into();
    bench.tell(&[event("mount", 2, mount)]).await;
    let from: Vec<_> = bench
        .content()
        .await
        .into_iter()
        .map(|event| match event {
            ContentEvent::BlobMounted { from, .. } => from.map(|name| name.to_string()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(from, [Some("never/heard".to_owned()), None]);
}

#[tokio::test]
async fn up_to_date_checks_are_no_downloads() {
    let bench = Bench::new().await;
    let blob = json!({"mediaType": "application/octet-stream", "digest": digest(9),
        "repository": "a/b", "size": 1});
    bench
        .tell(&[
            push(1, 1, "latest"),
            pull(2, 1, Some("latest"), "HEAD"),
            pull(3, 1, None, "GET"),
            pull(4, 1, Some("latest"), "GET"),
            event("pull", 5, blob),
        ])
        .await;
    assert_eq!(bench.repository("a/b").await.unwrap().pulls, 2);
    assert_eq!(bench.rows("a/b").await[0].pulls, 2);
    let heads = bench.content().await.into_iter().filter(|event| {
        matches!(event, ContentEvent::ManifestPulled { method: PullMethod::Head, .. })
    });
    assert_eq!(heads.count(), 1, "they are facts all the same");
}

#[tokio::test]
async fn a_pull_of_what_was_never_pushed_is_no_error() {
    let bench = Bench::new().await;
    bench.tell(&[pull(5, 1, Some("latest"), "GET")]).await;
    assert!(bench.repository("a/b").await.is_none(), "nobody said so far that it is there");
    bench.tell(&[push(1, 1, "latest")]).await;
    assert_eq!(bench.repository("a/b").await.unwrap().pulls, 1, "and it was counted");
    assert_eq!(bench.tags("a/b").await, ["latest=1"]);
}

#[tokio::test]
async fn actors_are_anonymous_known_or_kept_as_text() {
    let bench = Bench::new().await;
    let names = [
        json!({}),
        json!({"name": ""}),
        json!(null),
        json!({"name": "alice"}),
        json!({"name": "ci"}),
        json!({"name": "gone"}),
        json!({"name": "<b>\n"}),
    ];
    for (n, name) in (0..).zip(names) {
        let mut event = push(n, 1, "latest");
        event["actor"] = name;
        bench.tell(&[event]).await;
    }
    let actors: Vec<_> = bench
        .facts()
        .await
        .into_iter()
        .filter(|fact| matches!(fact.event, Event::Content(ContentEvent::ManifestPushed { .. })))
        .map(|fact| match fact.meta.actor {
            Actor::User { name } => format!("user {name}"),
            Actor::Bot { name } => format!("bot {name}"),
            Actor::Unknown { text } => format!("text {text}"),
            other => other.to_string(),
        })
        .collect();
    let anonymous = "anonymous";
    assert_eq!(
        actors,
        [anonymous, anonymous, anonymous, "user alice", "bot ci", "text gone", "text <b>\n"]
    );
}

#[tokio::test]
async fn our_own_robots_and_scanners_are_left_out_of_the_counts() {
    let bench = Bench::new().await;
    bench.tell(&[push(1, 1, "latest")]).await;
    for (n, name) in (2..).zip(["portus:reconcile", "scanner", "ci"]) {
        let mut event = pull(n, 1, None, "GET");
        event["actor"]["name"] = name.into();
        bench.tell(&[event]).await;
    }
    let row = bench.repository("a/b").await.unwrap();
    assert_eq!((row.pulls, row.last_pull_by.as_deref()), (1, Some("ci")));
}

#[tokio::test]
async fn manifests_without_a_tag_are_counted_however_many_there_are() {
    let bench = Bench::new().await;
    let mut events: Vec<_> =
        (1..=1_200).map(|n| event("push", n, target(u64::try_from(n).unwrap(), None))).collect();
    for event in &mut events {
        event["id"] = event["target"]["digest"].clone();
    }
    events.push(push(2_000, 7, "latest"));
    bench.tell(&events).await;
    bench.repository("a/b").await.unwrap();
    let name = bench::repository("a/b");
    let untagged = projections::manifests::count_untagged(&bench.read, &main(), &name).await;
    assert_eq!(untagged.unwrap(), 1_199);
}

/// A comparison reads every manifest, again and again: as facts, that would be most of the log.
#[tokio::test]
async fn that_we_looked_ourselves_is_no_fact() {
    let bench = Bench::new().await;
    bench.tell(&[push(1, 1, "latest")]).await;
    let before = bench.facts().await.len();
    for (n, method) in [(2, "GET"), (3, "HEAD")] {
        let mut event = pull(n, 1, None, method);
        event["actor"]["name"] = "portus:reconcile".into();
        bench.tell(&[event.clone(), event]).await;
    }
    assert_eq!(bench.facts().await.len(), before);
    // What a part of ours does is a fact, and so is what calls itself nearly so.
    let mut deleted = delete(4, 1);
    deleted["actor"]["name"] = "portus:reconcile".into();
    let mut pulled = pull(5, 1, None, "GET");
    pulled["actor"]["name"] = "portus:reconciles".into();
    bench.tell(&[deleted, pulled]).await;
    assert_eq!(bench.facts().await.len(), before + 2);
}

#[tokio::test]
async fn an_image_without_a_platform_is_to_be_described() {
    let bench = Bench::new().await;
    let config = |kind: &str| json!([{"mediaType": kind, "digest": digest(9), "size": 3}]);
    let with = |n: i64, references: Value| {
        let mut event = push(n, u64::try_from(n).unwrap(), "latest");
        event["target"]["references"] = references;
        event
    };
    let mut told = config(OCI);
    told[0]["platform"] = json!({"os": "linux", "architecture": "amd64"});
    let events = [
        with(1, config("application/vnd.oci.image.config.v1+json")),
        with(2, config("application/vnd.cncf.helm.config.v1+json")),
        with(3, told),
        with(4, json!([])),
        with(5, config(OCI)),
    ];
    bench.tell(&events).await;
    bench.tell(&events).await; // told again, it is no news
    let last = with(6, config("application/vnd.oci.image.config.v1+json"));
    bench.tell(&[last]).await;
    for n in [1, 4, 5, 6] {
        let next = tokio::time::timeout(Duration::from_secs(5), bench.hints.next_bare());
        let (registry, repository, digest_of) = next.await.unwrap();
        assert_eq!((registry, repository.as_str()), (main(), "a/b"));
        assert_eq!(digest_of.as_str(), digest(n));
    }
}

#[tokio::test]
async fn addresses_of_every_form_are_sealed_and_none_is_in_clear() {
    let bench = Bench::new().await;
    let forms = ["192.0.2.7:4711", "192.0.2.7", "[2001:db8::7]:1", "2001:db8::7", "", "<x>"];
    for (n, form) in (0..).zip(forms) {
        let mut event = push(n, 1, "latest");
        event["request"]["addr"] = form.into();
        bench.tell(&[event]).await;
    }
    let page = bench.desk.log.read_all(domain::event::Position(0), 100, None).await.unwrap();
    for recorded in &page.events {
        let text = format!("{}{}", recorded.meta, recorded.data);
        assert!(
            !text.contains("192.0.2") && !text.contains("2001:db8") && !text.contains("docker/1")
        );
    }
    let mut opened = Vec::new();
    for fact in bench.facts().await {
        let Some(sealed) = fact.meta.sealed else { continue };
        let origin = bench.desk.vault.open_origin(&sealed, fact.id.0.as_bytes()).await.unwrap();
        opened.push(format!("{:?}", origin.unwrap()));
    }
    assert_eq!(opened.len(), forms.len());
    assert!(opened[0].contains("192.0.2.7") && opened[3].contains("2001:db8::7"), "{opened:?}");
}

#[tokio::test]
async fn the_secret_names_the_registry_not_host_or_url() {
    let bench = Bench::new().await;
    let mut event = push(1, 1, "latest");
    event["request"]["host"] = "evil.example".into();
    event["target"]["url"] = "https://other.example/v2/x/manifests/y".into();
    event["source"]["addr"] = "other:1".into();
    bench.tell(&[event]).await;
    let found = bench.content().await;
    assert!(
        matches!(&found[..], [ContentEvent::ManifestPushed { registry, .. }] if registry.as_str() == "main")
    );
}

#[tokio::test]
async fn hostile_texts_are_data_and_come_back_as_they_were() {
    let bench = Bench::new().await;
    let hostile = "<script>alert(1)</script>\r\n=1+1\u{0}\u{202e}";
    let mut event = push(1, 1, "latest");
    event["actor"]["name"] = hostile.into();
    event["request"]["useragent"] = hostile.into();
    event["target"]["mediaType"] = hostile.into();
    bench.tell(&[event]).await;
    assert_eq!(bench.tags("a/b").await, ["latest=1"], "no read model stops");
    let viewer = Viewer { auditor: true, ..Viewer::default() };
    let page =
        activity::page(&bench.read, &Filter::default(), &viewer, None, 10).await.unwrap().rows;
    let shown = page.iter().find(|row| row.kind == "content.manifest_pushed").unwrap();
    assert_eq!(shown.actor, hostile.replace('\0', "\u{fffd}"));
}

#[tokio::test]
async fn a_new_registry_process_asks_for_a_reconciliation_once() {
    let bench = Bench::new().await;
    bench.tell(&[push(1, 1, "a"), push(2, 1, "b")]).await;
    let asked = tokio::time::timeout(Duration::from_secs(5), bench.hints.lost());
    assert_eq!(asked.await.unwrap(), [main()].into());
    bench.tell(&[push(3, 1, "c")]).await;
    let mut restarted = push(4, 1, "d");
    restarted["source"]["instanceID"] = "i2".into();
    bench.tell(&[restarted]).await;
    let seen: Vec<_> = bench
        .facts()
        .await
        .into_iter()
        .filter_map(|fact| match fact.event {
            Event::Content(ContentEvent::InstanceSeen { instance, .. }) => Some(instance),
            _ => None,
        })
        .collect();
    assert_eq!(seen, ["i1", "i2"]);
}

#[tokio::test]
async fn names_that_break_the_grammar_are_2xx_and_stored_nowhere() {
    let bench = Bench::new().await;
    let bad = |field: &str, text: &str| {
        let mut event = push(1, 1, "latest");
        event["id"] = format!("bad-{field}-{}", text.len()).into();
        event["target"][field] = text.into();
        event
    };
    let long = "x".repeat(300);
    let events = [
        bad("repository", "../../etc/passwd"),
        bad("repository", "UPPER/case"),
        bad("repository", &long),
        bad("tag", "../x"),
        bad("tag", &"y".repeat(129)),
        bad("digest", "sha256:../../x"),
        bad("digest", "md5"),
    ];
    bench.tell(&events).await;
    assert_eq!(bench.rejected().await.len(), events.len());
    assert!(bench.repository("a/b").await.is_none());
}

#[tokio::test]
async fn timestamps_of_every_form_are_taken_and_the_future_does_not_hold_a_tag() {
    let bench = Bench::new().await;
    let forms = [
        "2024-05-01T10:00:00+02:00",
        "2024-05-01T08:00:01.1Z",
        "2024-05-01T08:00:02.123456789Z",
        "nonsense",
        "0001-01-01T00:00:00Z",
    ];
    for (n, form) in (1..).zip(forms) {
        let mut event = push(n, 1, &format!("t{n}"));
        event["timestamp"] = form.into();
        bench.tell(&[event]).await;
    }
    assert_eq!(bench.tags("a/b").await.len(), forms.len());
    let mut future = push(50, 2, "latest");
    future["timestamp"] = "2999-01-01T00:00:00Z".into();
    let mut later = push(51, 3, "latest");
    later["timestamp"] = "2999-01-01T00:00:00Z".into();
    bench.tell(&[future]).await;
    bench.tell(&[later]).await;
    assert!(bench.tags("a/b").await.contains(&"latest=3".to_owned()), "a later word still counts");
}

#[tokio::test]
async fn a_hundred_events_on_new_connections_all_arrive() {
    let bench = Bench::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}{PATH}", listener.local_addr().unwrap());
    let router = bench.router.clone();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    for n in 0..100 {
        // A client a request: no connection is used twice, as registries do.
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let body = json!({ "events": [push(n, 1, &format!("t{n}"))] }).to_string();
        let answer = client.post(&url).bearer_auth(SECRET).body(body).send().await.unwrap();
        assert!(answer.status().is_success());
    }
    assert_eq!(bench.tags("a/b").await.len(), 100);
    server.abort();
}

#[tokio::test]
async fn a_log_in_memory_does_as_well() {
    let db = TestDatabase::new().await;
    let log = MemoryLog::new(commands::desk::Clock::system());
    let bench = Bench::over(db, log).await;
    bench.tell(&[push(1, 1, "latest"), push(1, 1, "latest")]).await;
    assert_eq!(bench.tags("a/b").await, ["latest=1"]);
}

#[tokio::test]
async fn what_happened_under_another_registrys_host_is_rejected_where_hosts_were_named() {
    let under = |host: &str, at: i64, tag: &str| {
        let mut event = push(at, 1, tag);
        event["request"]["host"] = host.into();
        event
    };
    let events = [
        under("registry.example.org", 1, "one"),
        under("REGISTRY.example.org:443", 2, "two"),
        under("evil.example", 3, "three"),
        under("registry.example.org:5000", 4, "four"),
        under("", 5, "five"),
        push(6, 1, "six"),
    ];
    let bench = Bench::only_by(&["registry.example.org", "registry.example.org:443"]).await;
    bench.tell(&events).await;
    bench.tell(&events).await;
    assert_eq!(bench.tags("a/b").await, ["five=1", "one=1", "six=1", "two=1"]);
    let rejected = bench.rejected().await;
    let reasons: Vec<_> = rejected.iter().map(|(reason, _)| reason.as_str()).collect();
    assert_eq!(reasons.len(), 2, "each once: {reasons:?}");
    assert!(reasons[0].contains("evil.example") && reasons[1].contains(":5000"), "{reasons:?}");

    // Where none were named, any will do.
    let bench = Bench::new().await;
    bench.tell(&events).await;
    assert_eq!(bench.tags("a/b").await.len(), events.len());
}

#[tokio::test]
async fn a_push_for_which_nobody_was_given_a_token_is_said_once_by_however_many_nodes() {
    let site = Site::start().await;
    for name in ["alice", "bob"] {
        site.register(name).await;
    }
    let scope = "repository:alice/app:pull,push";
    assert!(site.token("alice", scope).await.contains("push"));
    let refused = site.token("bob", scope).await;
    assert_eq!(refused, "200 []");
    // Two that have watched for an hour, and look at it all a minute later.
    let desk = &site.ground.desk;
    let turned = Arc::new(AtomicI64::new(-3_600));
    let shown = turned.clone();
    let shift = move || SignedDuration::from_secs(shown.load(Ordering::Relaxed));
    let clock = Clock::system();
    let earlier = Desk { clock: Clock::new(move || clock.now() + shift()), ..desk.clone() };
    let before = desk.log.head().await.unwrap();
    let life = SignedDuration::from_mins(5);
    let mut watchmen = Vec::new();
    for _ in 0..2 {
        watchmen.push(Watchman::begin(earlier.clone(), life).await.unwrap());
    }
    assert!(site.token("alice", scope).await.contains("push"));
    for (n, name) in [(1, "alice"), (2, "bob")] {
        let mut event = push(1, n, name);
        event["timestamp"] = desk.clock.now().to_string().into();
        event["target"]["repository"] = "alice/app".into();
        event["actor"]["name"] = name.into();
        let body = json!({ "events": [event] }).to_string();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let posted = client.post(format!("{}{PATH}", site.url)).bearer_auth(&site.registry_secret);
        assert!(posted.body(body).send().await.unwrap().status().is_success());
    }
    // Decisions are written behind their answers.
    let facts = || async {
        let page = site.ground.log.read_all(before, 1_000, None).await.unwrap();
        let facts = page.events.iter().map(|recorded| recorded.decode().unwrap().event);
        facts.collect::<Vec<_>>()
    };
    let decided = || async {
        let decided = |event: &Event| matches!(event, Event::Auth(AuthEvent::TokensDecided { .. }));
        facts().await.iter().any(decided).then_some(())
    };
    eventually(Duration::from_secs(20), decided).await.unwrap();
    turned.store(60, Ordering::Relaxed);
    for watchman in &mut watchmen {
        watchman.catch_up().await.unwrap();
        watchman.catch_up().await.unwrap();
    }
    let said: Vec<_> = facts()
        .await
        .into_iter()
        .filter_map(|event| match event {
            Event::System(SystemEvent::PushUnverified { repository, user, .. }) => {
                Some(format!("{user} {repository}"))
            }
            _ => None,
        })
        .collect();
    assert_eq!(said, ["bob alice/app"]);
    site.stop().await;
}
