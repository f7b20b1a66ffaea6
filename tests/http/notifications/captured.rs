//! What real registries sent, of both versions: as it came, and dropped, doubled, reordered, cut.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::bench::{Bench, V2};

type Captured = BTreeMap<String, Vec<Value>>;

fn captured() -> Vec<(&'static str, Captured)> {
    let read = |text| serde_json::from_str(text).unwrap();
    vec![
        ("2", read(include_str!("../../fixtures/notifications/registry-2.json"))),
        ("3", read(include_str!("../../fixtures/notifications/registry-3.json"))),
    ]
}

/// Tags and manifests by the last word on each, in the plainest way.
#[derive(Default)]
struct Model {
    events: BTreeMap<String, Value>,
}

impl Model {
    fn tell(&mut self, envelope: &Value) {
        for event in envelope["events"].as_array().into_iter().flatten() {
            let id = event["id"].as_str().unwrap().to_owned();
            self.events.insert(id, event.clone());
        }
    }

    /// `repository:tag=digest` of every tag.
    fn tags(&self) -> BTreeSet<String> {
        let mut events: Vec<_> = self.events.values().collect();
        // Nanoseconds of one clock, all in one form: text order is time order.
        events.sort_by_key(|event| timestamp(event));
        let mut tags = BTreeMap::new();
        for event in events {
            let target = &event["target"];
            let word = |name: &str| target[name].as_str().unwrap_or_default().to_owned();
            let (repository, tag, digest) = (word("repository"), word("tag"), word("digest"));
            let blob = word("mediaType") == "application/octet-stream";
            match event["action"].as_str().unwrap() {
                "push" if !blob && !tag.is_empty() => {
                    tags.insert((repository, tag), digest);
                }
                "delete" if !tag.is_empty() => {
                    tags.remove(&(repository, tag));
                }
                "delete" => {
                    tags.retain(|(of, _), to| *of != repository || *to != digest);
                }
                _ => {}
            }
        }
        tags.into_iter().map(|((of, tag), to)| format!("{of}:{tag}={to}")).collect()
    }

    /// Manifests downloaded.
    fn pulls(&self) -> i64 {
        let pulls = self.events.values().filter(|event| {
            event["action"] == "pull"
                && event["request"]["method"] != "HEAD"
                && event["target"]["mediaType"] != "application/octet-stream"
        });
        i64::try_from(pulls.count()).unwrap()
    }
}

fn timestamp(event: &Value) -> jiff::Timestamp {
    event["timestamp"].as_str().unwrap().parse().unwrap()
}

async fn shown(bench: &Bench) -> (BTreeSet<String>, i64) {
    let _ = bench.tags("a/b").await; // brings the read models to the end
    let tags: Vec<String> = sqlx::query_scalar(
        "SELECT repository || ':' || name || '=' || digest FROM read_content.tags WHERE live",
    )
    .fetch_all(&bench.db.owner)
    .await
    .unwrap();
    let pulls: Option<i64> =
        sqlx::query_scalar("SELECT sum(pulls)::bigint FROM read_content.repositories")
            .fetch_one(&bench.db.owner)
            .await
            .unwrap();
    (tags.into_iter().collect(), pulls.unwrap_or(0))
}

#[tokio::test]
async fn everything_that_both_registries_sent_is_understood() {
    for (version, all) in captured() {
        let bench = Bench::new().await;
        let mut model = Model::default();
        let mut envelopes: Vec<&Value> = all.values().flatten().collect();
        envelopes.sort_by_key(|envelope| timestamp(&envelope["events"][0]));
        for envelope in envelopes {
            model.tell(envelope);
            assert!(bench.post(V2, envelope.to_string()).await.is_success());
        }
        assert_eq!(bench.rejected().await, [], "registry {version}");
        assert_eq!(bench.content().await.len(), model.events.len(), "registry {version}");
        let (tags, pulls) = shown(&bench).await;
        assert_eq!(tags, model.tags(), "registry {version}");
        assert_eq!(pulls, model.pulls(), "registry {version}");
        assert!(tags.len() > 5 && pulls > 5);
    }
}

/// What may happen to one envelope on its way.
#[derive(Debug, Clone)]
enum Fate {
    Once,
    Dropped,
    Twice,
    Late,
    Cut(usize),
    Spoiled(usize, u8),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Once),
        1 => Just(Fate::Dropped),
        2 => Just(Fate::Twice),
        2 => Just(Fate::Late),
        1 => (0_usize..3_000).prop_map(Fate::Cut),
        1 => (0_usize..3_000, any::<u8>()).prop_map(|(at, byte)| Fate::Spoiled(at, byte)),
    ]
}

/// A second's decimals are cut to what a column holds; two events of one microsecond have no order
/// that both sides know of, so the model's histories are kept a second apart.
fn history() -> Vec<Value> {
    let word = |n: usize, of: &[&str]| of[n % of.len()].to_owned();
    (0..40_usize)
        .map(|n| {
            let mix = n.wrapping_mul(2_654_435_761) >> 7;
            let digest = format!("sha256:{:064x}", mix % 3);
            let tag = word(mix / 3, &["v1", "v2", "latest"]);
            let media_type = "application/vnd.oci.image.manifest.v1+json";
            let mut target =
                json!({"repository": word(mix / 9, &["a/b", "c"]), "mediaType": media_type});
            let action = word(mix / 27, &["push", "push", "pull", "delete", "delete"]);
            if action != "delete" || mix % 2 == 0 {
                target["digest"] = digest.into();
            }
            if action != "delete" || mix % 2 == 1 {
                target["tag"] = tag.into();
            }
            json!({"events": [{
                "id": format!("e{n}"), "timestamp": format!("2024-05-01T10:00:{n:02}Z"),
                "action": action, "target": target, "request": {"method": "GET"},
                "actor": {"name": "alice"}, "source": {"instanceID": "i"},
            }]})
        })
        .collect()
}

#[test]
fn whatever_happens_on_the_way_nothing_is_refused_and_the_last_word_counts() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 12, ..Config::default() });
    let history = history();
    let fates = prop::collection::vec(fate(), history.len());
    let done = runner.run(&fates, |fates| {
        runtime.block_on(async {
            let bench = Bench::new().await;
            let mut model = Model::default();
            let mut late = Vec::new();
            for (envelope, fate) in history.iter().zip(&fates) {
                let text = envelope.to_string();
                match fate {
                    Fate::Dropped => {}
                    Fate::Late => late.push(envelope),
                    Fate::Once | Fate::Twice => {
                        model.tell(envelope);
                        for _ in 0..=usize::from(matches!(fate, Fate::Twice)) {
                            prop_assert!(bench.post(V2, text.clone()).await.is_success());
                        }
                    }
                    Fate::Cut(at) => {
                        let part = text.as_bytes()[..(*at).min(text.len() - 1)].to_vec();
                        prop_assert!(bench.post(V2, part).await.is_success());
                    }
                    Fate::Spoiled(at, byte) => {
                        // Its id is another's, so that what it says is not part of the model.
                        let mut bytes = text.replace("\"e", "\"spoiled-").into_bytes();
                        let at = at % bytes.len();
                        bytes[at] = *byte;
                        bytes.truncate(bytes.len() - 1);
                        prop_assert!(bench.post(V2, bytes).await.is_success());
                    }
                }
            }
            for envelope in late.into_iter().rev() {
                model.tell(envelope);
                prop_assert!(bench.post(V2, envelope.to_string()).await.is_success());
            }
            let (tags, pulls) = shown(&bench).await;
            prop_assert_eq!(tags, model.tags());
            prop_assert_eq!(pulls, model.pulls());
            Ok(())
        })
    });
    done.unwrap();
}
