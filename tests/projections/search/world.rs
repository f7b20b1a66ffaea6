//! A log with an index that follows it, and what happens in it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use commands::desk::Clock;
use commands::log::memory::MemoryLog;
use domain::access::Visible;
use domain::digest::Digest;
use domain::event::{Actor, Event, EventId, Meta, NewEvent, Position, StreamName};
use domain::log::{Append, EventLog as _, Expected, Outcome};
use domain::name::{NamespaceName, RegistryName, RepositoryName, TagName, TeamName, UserName};
use domain::namespace::{Holder, NamespaceEvent, Visibility};
use domain::registry::{ContentEvent, PullMethod};
use domain::star::StarEvent;
use jiff::Timestamp;
use projections::search::{Entry, Hits, Query, Results, SearchIndex};
use tempfile::TempDir;

/// A log, and an index that follows it.
pub(super) struct World {
    pub(super) log: Arc<MemoryLog>,
    pub(super) index: SearchIndex,
    pub(super) dir: TempDir,
}

impl World {
    pub(super) fn new() -> Self {
        let seconds = AtomicI64::new(1_700_000_000);
        let clock = Clock::new(move || {
            Timestamp::from_second(seconds.fetch_add(1, Ordering::Relaxed)).unwrap()
        });
        Self::with_clock(clock)
    }

    /// An empty world whose log tells the time by this clock.
    pub(super) fn with_clock(clock: Clock) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let index = SearchIndex::open(dir.path()).unwrap();
        Self { log: MemoryLog::new(clock), index, dir }
    }

    /// A world with a public namespace for each of the names, and these images in them.
    pub(super) async fn with_images(images: &[&str]) -> Self {
        let world = Self::new();
        let spaces = images.iter().map(|image| repository_and_tag(image).0);
        let spaces: BTreeSet<_> = spaces
            .map(|name| name.split_once('/').map_or("_".to_owned(), |(ns, _)| ns.to_owned()))
            .collect();
        for space in &spaces {
            world.namespace(space, Visibility::Public).await;
        }
        for image in images {
            world.push(image).await;
        }
        world.catch_up().await;
        world
    }

    pub(super) async fn record(&self, event: impl Into<Event>) -> Position {
        let event = event.into();
        let stream = StreamName::stored(format!("test-{}", uuid::Uuid::now_v7()));
        // Each thing happens when it is recorded, or a moment before.
        let now = self.log.head().await.unwrap();
        let now = Timestamp::from_second(1_700_000_000).unwrap()
            + jiff::SignedDuration::from_secs(i64::try_from(now.0).unwrap());
        let meta = Meta::by(Actor::Console { uid: 0 });
        let id = EventId(uuid::Uuid::now_v7());
        let events = vec![NewEvent { id, occurred_at: now, meta, event }];
        let append = Append { stream, expected: Expected::NoStream, key: None, events };
        match self.log.append(vec![append]).await.unwrap().remove(0) {
            Outcome::Appended { last, .. } => last,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn namespace(&self, name: &str, visibility: Visibility) -> Position {
        self.record(created(name, visibility, "crew")).await
    }

    pub(super) async fn push(&self, image: &str) -> Position {
        self.record(pushed(image, image)).await
    }

    pub(super) async fn catch_up(&self) -> Position {
        self.index.catch_up(&*self.log).await.unwrap()
    }

    pub(super) fn find_as(&self, text: &str, visible: &Visible) -> Results {
        self.index.find(&Query::new(text, 20, now()), visible).unwrap()
    }

    /// As somebody who sees everything public.
    pub(super) fn find(&self, text: &str) -> Results {
        self.find_as(text, &public())
    }

    pub(super) fn repositories(&self, text: &str) -> Vec<String> {
        names(&self.find(text).repositories)
    }
}

/// When all questions are asked: some time after everything has happened.
pub(super) fn now() -> Timestamp {
    Timestamp::from_second(1_700_100_000).unwrap()
}

pub(super) fn names(hits: &Hits) -> Vec<String> {
    hits.best.iter().map(Entry::name).collect()
}

pub(super) fn public() -> Visible {
    Visible { visibilities: [Visibility::Public].into(), ..Visible::default() }
}

pub(super) fn everything() -> Visible {
    Visible { everything: true, ..Visible::default() }
}

pub(super) fn registry() -> RegistryName {
    RegistryName::parse("main").unwrap()
}

pub(super) fn space(name: &str) -> NamespaceName {
    NamespaceName::parse(name).unwrap()
}

pub(super) fn repo(name: &str) -> RepositoryName {
    RepositoryName::parse(name).unwrap()
}

pub(super) fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

pub(super) fn team(name: &str) -> TeamName {
    TeamName::parse(name).unwrap()
}

pub(super) fn digest(content: &str) -> Digest {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(content.as_bytes());
    Digest::parse(&format!("sha256:{}", hex::encode(hash))).unwrap()
}

pub(super) fn repository_and_tag(image: &str) -> (&str, Option<TagName>) {
    match image.split_once(':') {
        Some((name, tag)) => (name, Some(TagName::parse(tag).unwrap())),
        None => (image, None),
    }
}

pub(super) fn created(name: &str, visibility: Visibility, of: &str) -> NamespaceEvent {
    NamespaceEvent::Created {
        registry: registry(),
        namespace: space(name),
        holder: Holder::Team { team: team(of) },
        visibility,
        description: String::new(),
    }
}

pub(super) fn deleted(name: &str) -> NamespaceEvent {
    let name_free_at = Timestamp::from_second(1_800_000_000).unwrap();
    NamespaceEvent::Deleted { registry: registry(), namespace: space(name), name_free_at }
}

pub(super) fn became(name: &str, from: Visibility, to: Visibility) -> NamespaceEvent {
    NamespaceEvent::VisibilityChanged { registry: registry(), namespace: space(name), from, to }
}

pub(super) fn pushed(image: &str, content: &str) -> ContentEvent {
    let (name, tag) = repository_and_tag(image);
    ContentEvent::ManifestPushed {
        registry: registry(),
        repository: repo(name),
        digest: digest(content),
        tag,
        media_type: None,
        size: None,
        references: vec![],
        omitted: None,
    }
}

pub(super) fn pulled(name: &str, method: PullMethod) -> ContentEvent {
    ContentEvent::ManifestPulled {
        registry: registry(),
        repository: repo(name),
        digest: digest(name),
        tag: None,
        media_type: None,
        method,
    }
}

pub(super) fn starred(by: &str, name: &str) -> StarEvent {
    StarEvent::Starred { user: user(by), registry: registry(), repository: repo(name) }
}
