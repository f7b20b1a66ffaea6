//! A registry that answers as Distribution does, unless a test says otherwise; and a memory of what
//! was told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::digest::Digest;
use domain::event::{Actor, Event, EventId, Fact, Meta, NewEvent, Position, StreamName};
use domain::log::{Append, EventLog, Expected};
use domain::name::{RegistryName, RepositoryName, TagName};
use domain::registry::ContentEvent;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{
    Comparison, Content, Known, KnownManifest, KnownTag, ReconcileError, Reconciled, Silent,
};
use crate::desk::Clock;
use crate::log::memory::MemoryLog;
use crate::registry::{RegistryClient, Want};

pub(super) const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// Method and path with query.
pub(super) type Asked = String;

/// What the double says instead of the truth.
#[derive(Debug, Clone)]
pub(super) enum Say {
    /// Status, headers, body.
    This(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Announces more than it sends.
    Torn(Vec<u8>),
    /// Nothing: the connection ends.
    Nothing,
}

impl Say {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::This(status, vec![], body.to_string().into_bytes())
    }
}

type Script = Box<dyn FnMut(&str, usize) -> Option<Say> + Send>;

#[derive(Default)]
struct Held {
    /// Tags by repository.
    tags: BTreeMap<String, BTreeMap<String, String>>,
    /// Manifests by repository and digest, with their media types.
    manifests: BTreeMap<(String, String), (&'static str, Vec<u8>)>,
    blobs: BTreeMap<String, Vec<u8>>,
}

/// The double. Clones share it.
#[derive(Clone)]
pub(super) struct Registry {
    pub(super) url: String,
    held: Arc<Mutex<Held>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    script: Arc<Mutex<Option<Script>>>,
}

impl Registry {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let this =
            Self { url, held: Arc::default(), asked: Arc::default(), script: Arc::default() };
        let served = this.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(served.clone().answer(stream));
            }
        });
        this
    }

    /// From now on `script` is asked first: with method and path, and how often that was asked.
    pub(super) fn says(&self, script: impl FnMut(&str, usize) -> Option<Say> + Send + 'static) {
        *self.script.lock().unwrap() = Some(Box::new(script));
    }

    pub(super) fn honest(&self) {
        *self.script.lock().unwrap() = None;
    }

    /// How often something was asked whose method and path begin so.
    pub(super) fn asked(&self, beginning: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.starts_with(beginning)).count()
    }

    /// An image of this platform is there under this tag. Answers its digest.
    pub(super) fn image(&self, repository: &str, tag: &str, platform: &str) -> Digest {
        let digest = self.untagged_image(repository, platform);
        self.tag(repository, tag, &digest);
        digest
    }

    pub(super) fn untagged_image(&self, repository: &str, platform: &str) -> Digest {
        let config = match platform.split_once('/') {
            Some((os, architecture)) => json!({"os": os, "architecture": architecture}),
            None => json!({}),
        };
        let config = config.to_string().into_bytes();
        let digest = digest_of(&config);
        let manifest = json!({"schemaVersion": 2, "mediaType": IMAGE,
            "config": {"mediaType": CONFIG, "digest": digest, "size": config.len()},
            "layers": [], "annotations": {"made": platform}});
        self.held.lock().unwrap().blobs.insert(digest.to_string(), config);
        self.manifest(repository, IMAGE, manifest.to_string().into_bytes())
    }

    pub(super) fn index(&self, repository: &str, tag: &str, children: &[Digest]) -> Digest {
        let children: Vec<_> = children
            .iter()
            .map(|digest| {
                json!({"mediaType": IMAGE, "digest": digest, "size": 1,
                    "platform": {"os": "linux", "architecture": "amd64"}})
            })
            .collect();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children});
        let digest = self.manifest(repository, INDEX, index.to_string().into_bytes());
        self.tag(repository, tag, &digest);
        digest
    }

    pub(super) fn manifest(&self, repository: &str, kind: &'static str, body: Vec<u8>) -> Digest {
        let digest = digest_of(&body);
        let mut held = self.held.lock().unwrap();
        held.tags.entry(repository.to_owned()).or_default();
        held.manifests.insert((repository.to_owned(), digest.to_string()), (kind, body));
        digest
    }

    pub(super) fn blob(&self, bytes: Vec<u8>) -> Digest {
        let digest = digest_of(&bytes);
        self.held.lock().unwrap().blobs.insert(digest.to_string(), bytes);
        digest
    }

    pub(super) fn tag(&self, repository: &str, tag: &str, digest: &Digest) {
        let mut held = self.held.lock().unwrap();
        let tags = held.tags.entry(repository.to_owned()).or_default();
        tags.insert(tag.to_owned(), digest.to_string());
    }

    pub(super) fn untag(&self, repository: &str, tag: &str) {
        self.held.lock().unwrap().tags.get_mut(repository).unwrap().remove(tag);
    }

    pub(super) fn delete(&self, repository: &str, digest: &Digest) {
        let mut held = self.held.lock().unwrap();
        held.manifests.remove(&(repository.to_owned(), digest.to_string()));
        held.tags.get_mut(repository).unwrap().retain(|_, points| points != digest.as_str());
    }

    /// Its disk is gone.
    pub(super) fn wipe(&self) {
        *self.held.lock().unwrap() = Held::default();
    }

    async fn answer(self, mut stream: TcpStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let asked = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
        assert!(head.to_lowercase().contains("authorization: bearer token-for-"), "{head}");
        let number = {
            let mut all = self.asked.lock().unwrap();
            all.push(asked.clone());
            all.iter().filter(|one| **one == asked).count()
        };
        let scripted = self.script.lock().unwrap().as_mut().and_then(|say| say(&asked, number));
        let say = scripted.unwrap_or_else(|| self.truth(&asked));
        let (status, headers, body, len) = match say {
            Say::This(status, headers, body) => {
                let len = body.len();
                (status, headers, body, len)
            }
            Say::Torn(body) => {
                let len = body.len() + 100;
                (200, vec![], body, len)
            }
            Say::Nothing => return,
        };
        let mut text =
            format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {len}\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        let _ = stream.write_all(text.as_bytes()).await;
        if !asked.starts_with("HEAD") {
            let _ = stream.write_all(&body).await;
        }
    }

    fn truth(&self, asked: &str) -> Say {
        let held = self.held.lock().unwrap();
        let path = asked.split_once(' ').unwrap().1;
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        let unknown = |code: &str| Say::json(404, &json!({"errors": [{"code": code}]}));
        if path == "/v2/" {
            return Say::json(200, &json!({}));
        }
        if path == "/v2/_catalog" {
            let names: Vec<_> = held.tags.keys().collect();
            return Say::json(200, &json!({ "repositories": names }));
        }
        let path = path.strip_prefix("/v2/").unwrap();
        if let Some(repository) = path.strip_suffix("/tags/list") {
            return match held.tags.get(repository) {
                Some(tags) if tags.is_empty() => Say::json(200, &json!({ "tags": null })),
                Some(tags) => Say::json(200, &json!({"tags": tags.keys().collect::<Vec<_>>()})),
                None => unknown("NAME_UNKNOWN"),
            };
        }
        if let Some((_, digest)) = path.split_once("/blobs/") {
            return match held.blobs.get(digest) {
                Some(blob) => Say::This(200, vec![], blob.clone()),
                None => unknown("BLOB_UNKNOWN"),
            };
        }
        let (repository, reference) = path.split_once("/manifests/").unwrap();
        let tags = held.tags.get(repository);
        let digest = tags.and_then(|tags| tags.get(reference)).map_or(reference, String::as_str);
        match held.manifests.get(&(repository.to_owned(), digest.to_owned())) {
            Some((kind, body)) => {
                let headers = vec![
                    ("Content-Type", (*kind).to_owned()),
                    ("Docker-Content-Digest", digest.to_owned()),
                ];
                Say::This(200, headers, body.clone())
            }
            None => unknown("MANIFEST_UNKNOWN"),
        }
    }
}

pub(super) fn digest_of(bytes: &[u8]) -> Digest {
    Digest::parse(&format!("sha256:{}", hex::encode(Sha256::digest(bytes)))).unwrap()
}

/// A log, a registry, and what follows from the log.
pub(super) struct World {
    pub(super) log: Arc<MemoryLog>,
    pub(super) registry: Registry,
    pub(super) clock: Clock,
    /// Happens when notifications on their way have had time to come; once.
    pub(super) meanwhile: Mutex<Vec<NewEvent>>,
    silent: Silent,
}

impl World {
    pub(super) async fn new() -> Self {
        let start: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let ticks = Arc::new(std::sync::atomic::AtomicI64::new(0));
        // A millisecond a look, so that everything has its own moment.
        let clock = Clock::new(move || {
            let ticks = ticks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Timestamp::from_millisecond(start.as_millisecond() + ticks).unwrap()
        });
        Self {
            log: MemoryLog::new(clock.clone()),
            registry: Registry::start().await,
            clock,
            meanwhile: Mutex::default(),
            silent: Silent::default(),
        }
    }

    pub(super) fn client(&self) -> RegistryClient {
        let tokens = Arc::new(|want: Want<'_>| Ok(format!("token-for-{want:?}").replace(' ', "")));
        RegistryClient::new(&self.registry.url, tokens).unwrap()
    }

    pub(super) async fn reconcile(&self) -> Result<Reconciled, ReconcileError> {
        let client = self.client();
        let comparison = Comparison {
            log: &*self.log,
            clock: &self.clock,
            registry: &main(),
            client: &client,
            known: self,
            silent: &self.silent,
            grace: Duration::ZERO,
        };
        comparison.run().await
    }

    /// The registry told of a push.
    pub(super) async fn told(&self, repository: &str, tag: Option<&str>, digest: &Digest) {
        self.append(self.push(repository, tag, digest)).await;
    }

    pub(super) fn push(&self, repository: &str, tag: Option<&str>, digest: &Digest) -> NewEvent {
        self.event(ContentEvent::ManifestPushed {
            registry: main(),
            repository: RepositoryName::parse(repository).unwrap(),
            digest: digest.clone(),
            tag: tag.map(|tag| TagName::parse(tag).unwrap()),
            media_type: Some("application/x-unheard-of".to_owned()),
            size: Some(1),
            references: vec![],
            omitted: None,
        })
    }

    fn event(&self, event: ContentEvent) -> NewEvent {
        let meta = Meta::by(Actor::Registry { name: main() });
        let id = EventId(uuid::Uuid::now_v7());
        NewEvent { id, occurred_at: self.clock.now(), meta, event: Event::Content(event) }
    }

    pub(super) async fn append(&self, event: NewEvent) {
        let stream = StreamName::pushes(&main(), self.clock.now());
        let append = Append { stream, expected: Expected::Any, key: None, events: vec![event] };
        self.log.append(vec![append]).await.unwrap();
    }

    pub(super) async fn facts(&self) -> Vec<Fact> {
        let page = self.log.read_all(Position(0), 100_000, None).await.unwrap();
        page.events.iter().map(|recorded| recorded.decode().unwrap()).collect()
    }

    /// What was appended by comparisons, in few words.
    pub(super) async fn observed(&self) -> Vec<String> {
        let mut all = Vec::new();
        for fact in self.facts().await {
            let Event::Content(event) = fact.event else { continue };
            all.push(match event {
                ContentEvent::TagObserved { repository, tag, digest, .. } => {
                    format!("{repository}:{tag} is {}", digest.short())
                }
                ContentEvent::TagMissed { repository, tag, .. } => {
                    format!("{repository}:{tag} is gone")
                }
                ContentEvent::ManifestObserved { repository, digest, references, .. } => {
                    let platform = references.iter().find_map(|one| one.platform.clone());
                    let platform = platform.unwrap_or_default();
                    format!("{repository}@{} {platform}", digest.short())
                }
                ContentEvent::ManifestMissed { repository, digest, .. } => {
                    format!("{repository}@{} is gone", digest.short())
                }
                _ => continue,
            });
        }
        all
    }

    /// What follows from the log: the latest word on each tag and manifest counts.
    pub(super) async fn known(&self) -> BTreeMap<RepositoryName, Content> {
        let mut all: BTreeMap<RepositoryName, Content> = BTreeMap::new();
        for fact in self.facts().await {
            let at = fact.occurred_at.min(fact.recorded_at);
            let Event::Content(event) = fact.event else { continue };
            match event {
                ContentEvent::ManifestPushed { repository, tag, digest, media_type, .. } => {
                    let content = all.entry(repository).or_default();
                    let bare = media_type.as_deref() == Some(IMAGE);
                    content.manifest(&digest, true, at, bare);
                    if let Some(tag) = tag {
                        content.tag(tag, Some(digest), at);
                    }
                }
                ContentEvent::TagObserved { repository, tag, digest, .. } => {
                    let content = all.entry(repository).or_default();
                    content.manifest(&digest, true, at, false);
                    content.tag(tag, Some(digest), at);
                }
                ContentEvent::ManifestObserved { repository, digest, .. } => {
                    all.entry(repository).or_default().manifest(&digest, true, at, false);
                }
                ContentEvent::TagMissed { repository, tag, .. } => {
                    all.entry(repository).or_default().tag(tag, None, at);
                }
                ContentEvent::ManifestMissed { repository, digest, .. } => {
                    all.entry(repository).or_default().manifest(&digest, false, at, false);
                }
                _ => {}
            }
        }
        all
    }

    /// Where a tag points, as far as we know.
    pub(super) async fn points(&self, repository: &str, tag: &str) -> Option<Digest> {
        let all = self.known().await;
        let content = all.get(&RepositoryName::parse(repository).unwrap())?;
        content.tags.get(&TagName::parse(tag).unwrap())?.digest.clone()
    }
}

impl Content {
    fn tag(&mut self, tag: TagName, digest: Option<Digest>, at: Timestamp) {
        if self.tags.get(&tag).is_none_or(|known| known.since < at) {
            self.tags.insert(tag, KnownTag { digest, since: at });
        }
    }

    fn manifest(&mut self, digest: &Digest, there: bool, at: Timestamp, bare: bool) {
        let known = self.manifests.get(digest);
        let bare = bare && known.is_none_or(|known| known.bare);
        if known.is_none_or(|known| known.since < at) {
            self.manifests.insert(digest.clone(), KnownManifest { there, since: at, bare });
        }
    }
}

#[async_trait]
impl Known for World {
    async fn settle(&self) -> Result<(), String> {
        // The first time is before the first look.
        let news = std::mem::take(&mut *self.meanwhile.lock().unwrap());
        let looked = self.registry.asked("GET /v2/_catalog") > 0
            && (self.registry.asked("HEAD") > 0 || self.registry.asked("GET") > 3);
        if looked {
            for event in news {
                self.append(event).await;
            }
        } else {
            *self.meanwhile.lock().unwrap() = news;
        }
        Ok(())
    }

    async fn repositories(
        &self,
        _: &RegistryName,
        after: Option<&RepositoryName>,
    ) -> Result<Vec<RepositoryName>, String> {
        let all = self.known().await.into_keys();
        Ok(all.filter(|name| after.is_none_or(|after| name > after)).take(2).collect())
    }

    async fn unheard_of(
        &self,
        _: &RegistryName,
        names: Vec<RepositoryName>,
    ) -> Result<Vec<RepositoryName>, String> {
        let known = self.known().await;
        Ok(names.into_iter().filter(|name| !known.contains_key(name)).collect())
    }

    async fn content(
        &self,
        _: &RegistryName,
        repository: &RepositoryName,
    ) -> Result<Content, String> {
        Ok(self.known().await.remove(repository).unwrap_or_default())
    }
}

pub(super) fn main() -> RegistryName {
    RegistryName::parse("main").unwrap()
}
