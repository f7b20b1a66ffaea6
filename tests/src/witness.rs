//! What log, search, page and feed say of what a client did.
#![allow(clippy::expect_used, reason = "whatever is not as it must be fails the test")]

use std::collections::BTreeMap;
use std::time::Duration;

use crate::program::{Api, Fact, PATIENCE, Person, Program};
use crate::watched::{eventually, fail};
use serde_json::Value;

/// How long it may take until what was lost is observed.
const RECONCILED: Duration = Duration::from_secs(60);

/// A manifest was put.
pub const PUSHED: &str = "content.manifest_pushed";
/// A manifest was asked for.
pub const PULLED: &str = "content.manifest_pulled";
/// Portus saw a tag in the registry that nobody had told of.
pub const OBSERVED: &str = "content.tag_observed";
/// Portus no longer sees a tag in the registry.
pub const MISSED: &str = "content.tag_missed";
/// Token requests were answered.
pub const DECIDED: &str = "auth.tokens_decided";

/// Waits for a fact of one type after a position that fits.
///
/// # Panics
///
/// When that is not so.
pub async fn fact(site: &Program, since: i64, kind: &str, fits: impl Fn(&Fact) -> bool) -> Fact {
    let found = eventually(PATIENCE, || async {
        site.facts(since).await.into_iter().find(|fact| fact.kind == kind && fits(fact))
    });
    match found.await {
        Some(fact) => fact,
        None => {
            let facts = site.facts(since).await;
            fail(&format!("no such {kind} in the log after {since}, but {facts:#?}"))
        }
    }
}

/// The token requests that one fact tells of.
pub fn decisions(fact: &Fact) -> impl Iterator<Item = &Value> {
    fact.data["decisions"].as_array().into_iter().flatten()
}

/// Waits until the log tells that `subject` was refused something on `repository`, and answers
/// the rule that refused.
///
/// # Panics
///
/// When that is not so.
pub async fn refusal(site: &Program, since: i64, subject: &str, repository: &str) -> String {
    let refused = |fact: &Fact| -> Option<String> {
        decisions(fact)
            .filter(|one| {
                let who = &one["subject"];
                who["name"] == *subject || who["kind"] == *subject
            })
            .flat_map(|one| one["scopes"].as_array().into_iter().flatten())
            .filter(|scope| {
                let asked = scope["asked"].as_str().unwrap_or_default();
                asked.starts_with(&format!("repository:{repository}:"))
            })
            .find_map(|scope| Some(scope["refused"].as_str()?.to_owned()))
    };
    let told = fact(site, since, DECIDED, |fact| refused(fact).is_some()).await;
    refused(&told).expect("just found")
}

/// No fact after a position holds these words.
///
/// # Panics
///
/// When that is not so.
pub async fn never_in_log(site: &Program, since: i64, words: &str) {
    for fact in site.facts(since).await {
        let text = format!("{}{}", fact.data, fact.meta);
        assert!(!text.contains(words), "a secret stands in the log at {}", fact.position);
    }
}

/// One repository, through the eyes of one person.
#[derive(Debug, Clone, Copy)]
pub struct Witness<'a> {
    /// The site.
    pub site: &'a Program,
    /// The log's head before the deed.
    pub since: i64,
    /// Who looks.
    pub person: &'a Person,
    /// The repository's full name.
    pub repository: &'a str,
}

impl Witness<'_> {
    /// Log, search, page and feed tell of this person's push of a tag. Answers the digest.
    ///
    /// # Panics
    ///
    /// When that is not so.
    pub async fn tells_of_push(self, tag: &str) -> String {
        let pushed = fact(self.site, self.since, PUSHED, |fact| {
            fact.data["repository"] == *self.repository && fact.data["tag"] == *tag
        });
        let pushed = pushed.await;
        assert_eq!(pushed.meta["actor"]["name"], *self.person.name, "{pushed:?}");
        let digest = pushed.data["digest"].as_str().expect("a digest").to_owned();
        self.search_finds().await;
        self.page_says(tag).await;
        self.feed_says(PUSHED, "done").await;
        digest
    }

    /// Log, search, page and feed tell of a tag that was seen in the registry, with this digest.
    ///
    /// # Panics
    ///
    /// When that is not so.
    pub async fn tells_of_observation(self, tag: &str, digest: &str) {
        fact(self.site, self.since, OBSERVED, |fact| {
            let data = &fact.data;
            data["repository"] == *self.repository
                && data["tag"] == *tag
                && data["digest"] == *digest
        })
        .await;
        self.search_points(tag, Some(digest)).await;
        self.page_says(&format!("/-/tags/{tag}")).await;
        self.feed_says(OBSERVED, "done").await;
    }

    /// Log, search, page and feed tell of each of these tags with its digest: the log once, as pushed
    /// or as observed.
    ///
    /// # Panics
    ///
    /// When that is not so.
    pub async fn tells_of_each_once(self, tags: &[(&str, &str)]) {
        self.tells_of_each_once_as(tags, &[PUSHED, OBSERVED]).await;
    }

    /// The same, with one fact of these kinds.
    ///
    /// # Panics
    ///
    /// When that is not so.
    pub async fn tells_of_each_once_as(self, tags: &[(&str, &str)], kinds: &[&str]) {
        let told = || async {
            let mut told: BTreeMap<String, Vec<Fact>> = BTreeMap::new();
            for fact in self.site.facts(self.since).await {
                let tag = fact.data["tag"].as_str().map(str::to_owned);
                let ours = fact.data["repository"] == *self.repository;
                if let Some(tag) = tag.filter(|_| ours && kinds.contains(&&*fact.kind)) {
                    told.entry(tag).or_default().push(fact);
                }
            }
            told
        };
        let complete = eventually(RECONCILED, || async {
            let told = told().await;
            tags.iter().all(|(tag, _)| told.contains_key(*tag)).then_some(())
        });
        complete.await;
        let told = told().await;
        for (tag, digest) in tags {
            let facts = told.get(*tag).map_or(&[][..], Vec::as_slice);
            if facts.len() != 1 || facts[0].data["digest"] != **digest {
                let (all, log) = (tags.len(), self.site.log_tail());
                fail(&format!("of {all} pushes, {tag} is in the log as {facts:#?}\n{log}"));
            }
            self.search_points(tag, Some(digest)).await;
        }
        let (_, digest) = tags.last().expect("a push");
        let short = digest.split_once(':').map_or(*digest, |(_, hex)| hex);
        self.page_says(&short[..12]).await;
        self.feed_has(&self.site.api_of(self.person), "the last push", |row| {
            row["digest"] == **digest && (row["kind"] == *PUSHED || row["kind"] == *OBSERVED)
        })
        .await;
    }

    /// Search, in the end, finds this tag pointing there, or nowhere.
    ///
    /// # Panics
    ///
    /// When that is not so.
    pub async fn search_points(self, tag: &str, digest: Option<&str>) {
        let points = || async {
            let name = format!("{}:{tag}", self.repository);
            let query = name.replace('/', "%2F").replace(':', "%3A");
            let api = self.site.api_of(self.person);
            let path = format!("/api/v1/search?kind=tag&per_page=100&q={query}");
            let found = api.get(&path).await.expect_status(200);
            let mut hits =
                found["tags"]["hits"].as_array().cloned().unwrap_or_default().into_iter();
            let hit = hits.find(|hit| hit["name"] == *name);
            hit.and_then(|hit| hit["digest"].as_str().map(str::to_owned))
        };
        let found =
            eventually(PATIENCE, || async { (points().await.as_deref() == digest).then_some(()) });
        if found.await.is_none() {
            let found = points().await;
            fail(&format!("search says that {tag} points to {found:?}, not {digest:?}"));
        }
    }

    /// Neither search nor page nor feed tell this person that the repository exists.
    ///
    /// # Panics
    ///
    /// When that is not so.
    pub async fn tells_nothing(self) {
        let found = self.search().await;
        assert!(!found.contains(self.repository), "{found}");
        let page = self.site.page(self.person, &format!("/r/{}", self.repository)).await;
        assert!(page.status != 200, "the page shows what is hidden: {}", page.text);
        for row in self.feed(&self.site.api_of(self.person)).await {
            let by = &row["actor"]["name"];
            assert!(*by == *self.person.name || row["repository"] != *self.repository, "{row}");
        }
    }

    /// The feed has a row of this type and outcome for the repository.
    ///
    /// # Panics
    ///
    /// When that is not so.
    pub async fn feed_says(self, kind: &str, outcome: &str) {
        let api = self.site.api_of(self.person);
        self.feed_has(&api, &format!("{kind} {outcome}"), |row| {
            row["kind"] == *kind && row["outcome"] == *outcome
        })
        .await;
    }

    /// The feed tells that `subject` was refused by `rule`: an administrator, for whom the feed
    /// holds everything.
    ///
    /// # Panics
    ///
    /// When that is not so.
    pub async fn feed_tells_of_refusal(self, subject: &str, rule: &str) {
        let api = self.site.admin();
        self.feed_has(&api, &format!("a refusal of {subject} by {rule}"), |row| {
            let actor = row["actor"]["name"] == *subject || row["actor"]["kind"] == *subject;
            // `reduced`: something else of the same request was granted.
            let refused = row["outcome"] == "refused" || row["outcome"] == "reduced";
            actor && refused && row["rule"] == *rule
        })
        .await;
    }

    /// The repository's page, in the end, holds these words.
    ///
    /// # Panics
    ///
    /// When that is not so.
    pub async fn page_says(self, words: &str) {
        let path = format!("/r/{}", self.repository);
        let found = eventually(PATIENCE, || async {
            let page = self.site.page(self.person, &path).await;
            (page.status == 200 && page.text.contains(words)).then_some(())
        });
        if found.await.is_none() {
            let page = self.site.page(self.person, &path).await;
            fail(&format!("{path} does not say {words:?}: {} {}", page.status, page.text));
        }
    }

    /// The repository's page, in the end, no longer has this tag.
    ///
    /// # Panics
    ///
    /// When that is not so.
    pub async fn page_says_no_more(self, tag: &str) {
        let path = format!("/r/{}", self.repository);
        let needle = format!("/-/tags/{tag}");
        let gone = eventually(PATIENCE, || async {
            let page = self.site.page(self.person, &path).await;
            (!page.text.contains(&needle)).then_some(())
        });
        assert!(gone.await.is_some(), "{path} still shows {tag}");
    }

    async fn search_finds(self) {
        let found = eventually(PATIENCE, || async {
            self.search().await.contains(self.repository).then_some(())
        });
        if found.await.is_none() {
            fail(&format!("search does not find {}: {}", self.repository, self.search().await));
        }
    }

    async fn search(self) -> String {
        let query = self.repository.replace('/', "%2F");
        let api = self.site.api_of(self.person);
        let answer = api.get(&format!("/api/v1/search?q={query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.text
    }

    async fn feed_has(self, api: &Api, what: &str, fits: impl Fn(&Value) -> bool) {
        let found = eventually(PATIENCE, || async {
            let mut rows = self.feed(api).await.into_iter();
            rows.any(|row| row["repository"] == *self.repository && fits(&row)).then_some(())
        });
        if found.await.is_none() {
            fail(&format!(
                "{what} of {} is not in the feed: {:#?}",
                self.repository,
                self.feed(api).await
            ));
        }
    }

    async fn feed(self, api: &Api) -> Vec<Value> {
        let query = self.repository.replace('/', "%2F");
        let answer = api.get(&format!("/api/v1/activities?repository={query}&per_page=100")).await;
        answer.expect_status(200).as_array().cloned().unwrap_or_default()
    }
}
