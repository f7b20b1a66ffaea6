//! A client of the Distribution API, as far as our jobs need one.
//!
//! Its tokens are signed by us directly: no loop through our own endpoint, and pulls in our own
//! name, which no count takes in. What a registry answers is not trusted: every answer has a time
//! and a size, every list an end, and a manifest is what its digest says.

mod list;

use std::sync::Arc;
use std::time::Duration;

use domain::digest::{Descriptor, Digest};
use domain::name::{RepositoryName, TagName};
use domain::registry::Omitted;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{ACCEPT, CONTENT_TYPE, DATE, WWW_AUTHENTICATE};
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde_json::Value;
use sha2::{Digest as _, Sha256, Sha512};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

pub use self::list::{MAX_PAGES, MAX_TAGS, Page};

/// The `sub` of our own tokens.
pub const SUBJECT: &str = "portus:reconcile";
/// How long one answer may take, its body included.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many times as long as it took to answer a registry is left alone that is asked without haste.
pub const PAUSE: u32 = 3;
/// And how long at most.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The longest answer that is read, in bytes.
pub const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// The longest image configuration that is read, in bytes.
pub const MAX_CONFIG_BYTES: u64 = 1024 * 1024;
/// The longest manifest or configuration that is shown to people, in bytes.
pub const MAX_SHOWN_BYTES: usize = 256 * 1024;
/// The most entries of one list of a configuration that are shown.
const MAX_SHOWN_ENTRIES: usize = 100;
/// The longest text of a configuration that is shown, in bytes.
const MAX_SHOWN_TEXT: usize = 1_024;
/// The longest media type kept, in bytes.
const MAX_MEDIA_TYPE_BYTES: usize = 255;
/// A clock is behind ours when it is so by more than this, since `Date` has whole seconds.
pub(crate) const CLOCK_GRAIN: SignedDuration = SignedDuration::from_secs(2);
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json, */*;q=0.5";
/// Signed inside: their digest is that of what was signed, not of what is sent.
const SIGNED_MANIFESTS: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
/// With which codes a registry says that something is not there.
const NOT_THERE: [&str; 2] = ["MANIFEST_UNKNOWN", "NAME_UNKNOWN"];

/// Whether a reference of a manifest of this kind is an image's configuration.
#[must_use]
pub fn is_image_config(media_type: Option<&str>) -> bool {
    media_type.is_some_and(|kind| CONFIGS.contains(&kind))
}

/// Whether something of this media type is a manifest, as the children of an index are.
#[must_use]
pub fn is_manifest(media_type: Option<&str>) -> bool {
    media_type.is_some_and(|kind| MANIFESTS.split(", ").any(|known| known == kind))
}

/// What a token must allow.
#[derive(Debug, Clone, Copy)]
pub enum Want<'a> {
    /// Reading the list of repositories.
    Catalog,
    /// Reading one repository.
    Pull(&'a RepositoryName),
}

/// Makes a token for a registry.
pub type Tokens = Arc<dyn Fn(Want<'_>) -> Result<String, String> + Send + Sync>;

/// The registry gave no answer that can be worked with.
#[derive(Debug, thiserror::Error)]
#[error("the registry's answer cannot be used: {0}")]
pub struct RegistryClientError(pub String);

impl From<reqwest::Error> for RegistryClientError {
    fn from(error: reqwest::Error) -> Self {
        Self(error.without_url().to_string())
    }
}

fn unusable(text: impl Into<String>) -> RegistryClientError {
    RegistryClientError(text.into())
}

/// A manifest as the registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its media type.
    pub media_type: Option<String>,
    /// Its size in bytes.
    pub size: u64,
    /// Configuration and layers, or children; the configuration of an image with its platform.
    pub references: Vec<Descriptor>,
    /// References beyond those, when there are more than one fact holds.
    pub omitted: Option<Omitted>,
}

/// A manifest as it is sent, and what its image's configuration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// The manifest's own text, indented if it is JSON.
    pub text: String,
    /// `None`: no image, or its configuration could not be read.
    pub config: Option<ImageConfig>,
}

/// What an image's configuration says that is no secret by habit: of variables only the names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// What runs.
    pub entrypoint: Vec<String>,
    /// With which arguments.
    pub command: Vec<String>,
    /// As whom.
    pub user: Option<String>,
    /// Where.
    pub folder: Option<String>,
    /// Names of variables.
    pub variables: Vec<String>,
    /// Ports that it listens on.
    pub ports: Vec<String>,
    /// Labels.
    pub labels: Vec<(String, String)>,
}

/// See the module. Clones share connections.
#[derive(Clone)]
pub struct RegistryClient {
    http: Client,
    base: Url,
    tokens: Tokens,
    /// When it may be asked next, where it is left time for others.
    pause: Option<Arc<Mutex<Instant>>>,
}

impl RegistryClient {
    /// A client of the registry at `url`.
    ///
    /// # Errors
    ///
    /// [`RegistryClientError`] when `url` is none, or no TLS can be set up.
    pub fn new(url: &str, tokens: Tokens) -> Result<Self, RegistryClientError> {
        let base = Url::parse(url).map_err(|error| unusable(error.to_string()))?;
        let http = Client::builder()
            .timeout(PATIENCE)
            // A token of ours goes to this registry and nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, base, tokens, pause: None })
    }

    /// Leaves the registry alone after each answer for [`PAUSE`] times as long as it took, at most
    /// [`LONGEST_PAUSE`].
    #[must_use]
    pub fn unhurried(self) -> Self {
        Self { pause: Some(Arc::new(Mutex::new(Instant::now()))), ..self }
    }

    /// How far the registry's clock is behind ours, asked at `now`; zero within the grain of what
    /// it tells, and when it is ahead.
    ///
    /// # Errors
    ///
    /// [`RegistryClientError`] when it does not answer.
    pub async fn clock_behind(
        &self,
        now: Timestamp,
    ) -> Result<SignedDuration, RegistryClientError> {
        let answer = self.ask(Method::GET, self.at("v2/")?, Want::Catalog).await?;
        let told = answer.headers().get(DATE).and_then(|date| date.to_str().ok());
        let told = told.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        let behind = told.map(|date| date.timestamp().duration_until(now)).unwrap_or_default();
        Ok(if behind > CLOCK_GRAIN { behind } else { SignedDuration::ZERO })
    }

    /// Where a tag points; `None`: the registry lists it, but has no manifest for it.
    ///
    /// # Errors
    ///
    /// [`RegistryClientError`] for every answer but 200 and 404.
    pub async fn digest(
        &self,
        repository: &RepositoryName,
        tag: &TagName,
    ) -> Result<Option<Digest>, RegistryClientError> {
        let url = self.at(&format!("v2/{repository}/manifests/{tag}"))?;
        let answer = self.ask(Method::HEAD, url, Want::Pull(repository)).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => {
                let digest = header_digest(&answer);
                digest.map(Some).ok_or_else(|| unusable("a manifest without a digest"))
            }
            status => Err(unusable(format!("{status} for a manifest"))),
        }
    }

    /// Whether a manifest may be gone: anything but a plain yes. See [`Self::is_gone`].
    ///
    /// # Errors
    ///
    /// [`RegistryClientError`] when it does not answer.
    pub async fn may_be_gone(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<bool, RegistryClientError> {
        let url = self.at(&format!("v2/{repository}/manifests/{digest}"))?;
        let answer = self.ask(Method::HEAD, url, Want::Pull(repository)).await?;
        Ok(answer.status() != StatusCode::OK)
    }

    /// Whether the registry itself says, in its own words, that it has no such tag or digest. A bare
    /// 404 may be that of a proxy in front of nothing.
    ///
    /// # Errors
    ///
    /// [`RegistryClientError`] for every answer but 200 and such a 404.
    pub async fn is_gone(
        &self,
        repository: &RepositoryName,
        reference: &str,
    ) -> Result<bool, RegistryClientError> {
        let url = self.at(&format!("v2/{repository}/manifests/{reference}"))?;
        let answer = self.ask(Method::GET, url, Want::Pull(repository)).await?;
        match answer.status() {
            StatusCode::OK => Ok(false),
            StatusCode::NOT_FOUND if says_not_there(&read(answer).await?) => Ok(true),
            status => Err(unusable(format!("{status} for a manifest, in no registry's words"))),
        }
    }

    /// A manifest by its digest; `None`: there is none.
    ///
    /// # Errors
    ///
    /// [`RegistryClientError`] for every answer but 404 and a manifest of that digest.
    pub async fn manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Manifest>, RegistryClientError> {
        let url = self.at(&format!("v2/{repository}/manifests/{digest}"))?;
        let answer = self.ask(Method::GET, url, Want::Pull(repository)).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => return Ok(None),
            StatusCode::OK => {}
            status => return Err(unusable(format!("{status} for a manifest"))),
        }
        let media_type = answer
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .map(|text| text.split(';').next().unwrap_or(text).trim().to_owned())
            .filter(|text| !text.is_empty() && text.len() <= MAX_MEDIA_TYPE_BYTES);
        let body = read(answer).await?;
        let signed = media_type.as_deref().is_some_and(|kind| SIGNED_MANIFESTS.contains(&kind));
        if !signed && is_digest_of(digest, &body) == Some(false) {
            return Err(unusable("a manifest that is not what its digest says"));
        }
        let json: Value =
            serde_json::from_slice(&body).map_err(|_| unusable("a manifest that is no JSON"))?;
        let (mut references, omitted) = references(&json);
        self.find_platform(repository, &mut references).await?;
        Ok(Some(Manifest { media_type, size: body.len() as u64, references, omitted }))
    }

    /// A manifest as it is sent, and its configuration, for people to look at; `None`: there is none.
    ///
    /// # Errors
    ///
    /// [`RegistryClientError`] for every answer but 404 and a manifest of that digest that has at
    /// most [`MAX_SHOWN_BYTES`].
    pub async fn inside(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Inside>, RegistryClientError> {
        let url = self.at(&format!("v2/{repository}/manifests/{digest}"))?;
        let answer = self.ask(Method::GET, url, Want::Pull(repository)).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => return Ok(None),
            StatusCode::OK => {}
            status => return Err(unusable(format!("{status} for a manifest"))),
        }
        let body = read_at_most(answer, MAX_SHOWN_BYTES).await?;
        let json: Option<Value> = serde_json::from_slice(&body).ok();
        let signed = json.as_ref().is_some_and(|json| json.get("signatures").is_some());
        if !signed && is_digest_of(digest, &body) == Some(false) {
            return Err(unusable("a manifest that is not what its digest says"));
        }
        let text = match &json {
            Some(json) => serde_json::to_string_pretty(json).unwrap_or_default(),
            None => String::from_utf8_lossy(&body).into_owned(),
        };
        let config = match json.as_ref().map(references) {
            Some((all, _)) => self.image_config(repository, all.first()).await,
            None => None,
        };
        Ok(Some(Inside { text, config }))
    }

    /// Whatever is wrong with a configuration, the manifest is shown without it.
    async fn image_config(
        &self,
        repository: &RepositoryName,
        config: Option<&Descriptor>,
    ) -> Option<ImageConfig> {
        let config = config.filter(|config| is_image_config(config.media_type.as_deref()))?;
        let url = self.at(&format!("v2/{repository}/blobs/{}", config.digest)).ok()?;
        let answer = self.ask(Method::GET, url, Want::Pull(repository)).await.ok()?;
        if answer.status() != StatusCode::OK {
            return None;
        }
        let body = read_at_most(answer, MAX_SHOWN_BYTES).await.ok()?;
        if is_digest_of(&config.digest, &body) == Some(false) {
            return None;
        }
        Some(image_config(&serde_json::from_slice(&body).ok()?))
    }

    /// What the registry says to somebody without a token: the status, and where it sends them.
    ///
    /// # Errors
    ///
    /// [`RegistryClientError`] when it does not answer.
    pub async fn challenge(&self) -> Result<(u16, String), RegistryClientError> {
        let answer = self.http.get(self.at("v2/")?).send().await?;
        let challenge = answer.headers().get(WWW_AUTHENTICATE);
        let challenge = challenge.and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok((answer.status().as_u16(), challenge.to_owned()))
    }

    /// Whether the registry takes a token of ours: the status of its list of repositories.
    ///
    /// # Errors
    ///
    /// [`RegistryClientError`] when it does not answer.
    pub async fn catalog_status(&self) -> Result<u16, RegistryClientError> {
        let answer = self.ask(Method::GET, self.at("v2/_catalog?n=1")?, Want::Catalog).await?;
        Ok(answer.status().as_u16())
    }

    /// An image says in its configuration for which platform it is.
    async fn find_platform(
        &self,
        repository: &RepositoryName,
        references: &mut [Descriptor],
    ) -> Result<(), RegistryClientError> {
        let Some(config) = references.first_mut().filter(|config| {
            is_image_config(config.media_type.as_deref())
                && config.size.is_some_and(|size| size <= MAX_CONFIG_BYTES)
        }) else {
            return Ok(());
        };
        let url = self.at(&format!("v2/{repository}/blobs/{}", config.digest))?;
        let answer = self.ask(Method::GET, url, Want::Pull(repository)).await?;
        // A registry may send us to its storage, which we do not follow: then it stays unknown.
        if answer.status() == StatusCode::OK {
            let body = read(answer).await?;
            if is_digest_of(&config.digest, &body) != Some(false)
                && let Ok(json) = serde_json::from_slice::<Value>(&body)
            {
                config.platform = crate::ingest::platform(&json);
            }
        }
        Ok(())
    }

    fn at(&self, path: &str) -> Result<Url, RegistryClientError> {
        let base = self.base.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}/{path}"));
        url.map_err(|error| unusable(error.to_string()))
    }

    async fn ask(
        &self,
        method: Method,
        url: Url,
        want: Want<'_>,
    ) -> Result<Response, RegistryClientError> {
        let token = (self.tokens)(want).map_err(RegistryClientError)?;
        let request = self.http.request(method, url).bearer_auth(token).header(ACCEPT, MANIFESTS);
        let Some(pause) = &self.pause else { return Ok(request.send().await?) };
        let mut next = pause.lock().await;
        sleep_until(*next).await;
        let asked = Instant::now();
        let answer = request.send().await;
        *next = Instant::now() + (asked.elapsed() * PAUSE).min(LONGEST_PAUSE);
        Ok(answer?)
    }
}

fn header_digest(answer: &Response) -> Option<Digest> {
    Digest::parse(answer.headers().get("docker-content-digest")?.to_str().ok()?).ok()
}

/// `None`: by an algorithm that we do not compute.
fn is_digest_of(digest: &Digest, body: &[u8]) -> Option<bool> {
    let (algorithm, encoded) = digest.as_str().split_once(':')?;
    match algorithm {
        "sha256" => Some(encoded == hex::encode(Sha256::digest(body))),
        "sha512" => Some(encoded == hex::encode(Sha512::digest(body))),
        _ => None,
    }
}

fn says_not_there(body: &[u8]) -> bool {
    let Ok(json) = serde_json::from_slice::<Value>(body) else { return false };
    let errors = json.get("errors").and_then(Value::as_array).into_iter().flatten();
    let mut codes = errors.filter_map(|error| error.get("code")?.as_str());
    codes.any(|code| NOT_THERE.contains(&code))
}

/// What a page shows of a configuration. Each list has an end, and so has each text.
fn image_config(json: &Value) -> ImageConfig {
    let config = json.get("config").unwrap_or(&Value::Null);
    let cut = |text: &str| crate::vault::keys::cut(text, MAX_SHOWN_TEXT).to_owned();
    let list = |name: &str| -> Vec<String> {
        let all = config.get(name).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_str).take(MAX_SHOWN_ENTRIES).map(cut).collect()
    };
    let text = |name: &str| {
        config.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(cut)
    };
    let object = |name: &str| config.get(name).and_then(Value::as_object).into_iter().flatten();
    let name_of = |variable: String| match variable.split_once('=') {
        Some((name, _)) => name.to_owned(),
        None => variable,
    };
    let labels = object("Labels").take(MAX_SHOWN_ENTRIES);
    ImageConfig {
        entrypoint: list("Entrypoint"),
        command: list("Cmd"),
        user: text("User"),
        folder: text("WorkingDir"),
        variables: list("Env").into_iter().map(name_of).collect(),
        ports: object("ExposedPorts").take(MAX_SHOWN_ENTRIES).map(|(port, _)| cut(port)).collect(),
        labels: labels
            .filter_map(|(name, value)| Some((cut(name), cut(value.as_str()?))))
            .collect(),
    }
}

async fn read(answer: Response) -> Result<Vec<u8>, RegistryClientError> {
    read_at_most(answer, MAX_ANSWER_BYTES).await
}

async fn read_at_most(mut answer: Response, most: usize) -> Result<Vec<u8>, RegistryClientError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > most {
            return Err(unusable("it is too long"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn references(manifest: &Value) -> (Vec<Descriptor>, Option<Omitted>) {
    let list = |name: &str| manifest.get(name).and_then(Value::as_array).into_iter().flatten();
    let all = manifest.get("config").into_iter().chain(list("layers")).chain(list("manifests"));
    crate::ingest::references(all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_variables_only_the_names_are_shown() {
        let config = image_config(&json!({"config": {
            "Entrypoint": ["/app", "--serve"], "Cmd": null, "User": "1000", "WorkingDir": "",
            "Env": ["PATH=/bin", "TOKEN=secret", "BARE"], "ExposedPorts": {"80/tcp": {}},
            "Labels": {"a": "b", "number": 7},
        }}));
        assert_eq!(config.entrypoint, ["/app", "--serve"]);
        assert_eq!(config.variables, ["PATH", "TOKEN", "BARE"]);
        assert_eq!((config.user.as_deref(), config.folder.as_deref()), (Some("1000"), None));
        assert_eq!(config.ports, ["80/tcp"]);
        assert_eq!(config.labels, [("a".to_owned(), "b".to_owned())]);
        assert!(!format!("{config:?}").contains("secret"));
    }

    #[test]
    fn a_configuration_that_is_none_or_has_no_end_shows_little() {
        for wrong in [json!(null), json!([]), json!({"config": 7}), json!({"config": {"Env": 7}})] {
            assert_eq!(image_config(&wrong), ImageConfig::default());
        }
        let many: Vec<_> = (0..10_000).map(|n| format!("V{n}={}", "x".repeat(10_000))).collect();
        let config = image_config(&json!({"config": {"Env": many, "User": "ä".repeat(5_000)}}));
        assert_eq!(config.variables.len(), MAX_SHOWN_ENTRIES);
        assert!(config.user.is_some_and(|user| user.len() <= MAX_SHOWN_TEXT));
    }
}
