//! A client of the Distribution API, as far as our jobs need one.
//!
//! Its tokens are signed by us directly: no loop through our own endpoint, and pulls in our own
//! name, which no count takes in.

use std::sync::Arc;
use std::time::Duration;

use domain::digest::{Descriptor, Digest};
use domain::name::{RepositoryName, TagName};
use reqwest::header::{ACCEPT, CONTENT_TYPE, LINK};
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The `sub` of our own tokens.
pub const SUBJECT: &str = "portus:reconcile";
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// The longest image configuration that is read, in bytes.
const MAX_CONFIG_BYTES: u64 = 1024 * 1024;
/// The most pages of one list.
const MAX_PAGES: usize = 100_000;
const PAGE: usize = 1_000;
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json, */*;q=0.5";
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

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

/// A manifest as the registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: Option<String>,
    /// Its size in bytes.
    pub size: u64,
    /// Configuration and layers, or children; the configuration of an image with its platform.
    pub references: Vec<Descriptor>,
}

/// See the module. Clones share connections.
#[derive(Clone)]
pub struct RegistryClient {
    http: Client,
    base: Url,
    tokens: Tokens,
}

impl RegistryClient {
    /// A client of the registry at `url`.
    ///
    /// # Errors
    ///
    /// [`RegistryClientError`] when `url` is none, or no TLS can be set up.
    pub fn new(url: &str, tokens: Tokens) -> Result<Self, RegistryClientError> {
        let base = Url::parse(url).map_err(|error| RegistryClientError(error.to_string()))?;
        let http = Client::builder()
            .timeout(PATIENCE)
            // A token of ours goes to this registry and nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, base, tokens })
    }

    /// All repositories. Names that no registry could have are left out.
    ///
    /// # Errors
    ///
    /// [`RegistryClientError`] when any page is missing.
    pub async fn catalog(&self) -> Result<Vec<RepositoryName>, RegistryClientError> {
        let names = self.list(Want::Catalog, "v2/_catalog", "repositories").await?;
        let names = names.ok_or_else(|| RegistryClientError("no catalog".to_owned()))?;
        Ok(names.iter().filter_map(|name| RepositoryName::parse(name).ok()).collect())
    }

    /// The tags of a repository; none of one that the registry does not know.
    ///
    /// # Errors
    ///
    /// [`RegistryClientError`] when any page is missing.
    pub async fn tags(
        &self,
        repository: &RepositoryName,
    ) -> Result<Vec<TagName>, RegistryClientError> {
        let path = format!("v2/{repository}/tags/list");
        let tags = self.list(Want::Pull(repository), &path, "tags").await?.unwrap_or_default();
        Ok(tags.iter().filter_map(|tag| TagName::parse(tag).ok()).collect())
    }

    /// Where a tag points; `None`: the registry says that there is no such tag.
    ///
    /// # Errors
    ///
    /// [`RegistryClientError`] for every answer but 200 and 404.
    pub async fn digest(
        &self,
        repository: &RepositoryName,
        tag: &TagName,
    ) -> Result<Option<Digest>, RegistryClientError> {
        let path = format!("v2/{repository}/manifests/{tag}");
        let url = self.at(&path)?;
        let answer = self.ask(Method::HEAD, url, Want::Pull(repository)).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => match header_digest(&answer) {
                Some(digest) => Ok(Some(digest)),
                None => Ok(self.manifest(repository, tag).await?.map(|manifest| manifest.digest)),
            },
            status => Err(RegistryClientError(format!("{status} for a manifest"))),
        }
    }

    /// The manifest that a tag points to; `None`: there is no such tag.
    ///
    /// # Errors
    ///
    /// [`RegistryClientError`] for every answer but a manifest and 404.
    pub async fn manifest(
        &self,
        repository: &RepositoryName,
        tag: &TagName,
    ) -> Result<Option<Manifest>, RegistryClientError> {
        let url = self.at(&format!("v2/{repository}/manifests/{tag}"))?;
        let answer = self.ask(Method::GET, url, Want::Pull(repository)).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => return Ok(None),
            StatusCode::OK => {}
            status => return Err(RegistryClientError(format!("{status} for a manifest"))),
        }
        let named = header_digest(&answer);
        let media_type = answer
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .map(|text| text.split(';').next().unwrap_or(text).trim().to_owned())
            .filter(|text| text.len() <= 255);
        let body = read(answer).await?;
        let computed = format!("sha256:{}", hex::encode(Sha256::digest(&body)));
        let digest = named.or_else(|| Digest::parse(&computed).ok());
        let digest = digest.ok_or_else(|| RegistryClientError("no digest".to_owned()))?;
        let json: Value = serde_json::from_slice(&body)
            .map_err(|_| RegistryClientError("a manifest that is no JSON".to_owned()))?;
        let mut references = references(&json);
        self.find_platform(repository, &mut references).await?;
        Ok(Some(Manifest { digest, media_type, size: body.len() as u64, references }))
    }

    /// An image says in its configuration for which platform it is.
    async fn find_platform(
        &self,
        repository: &RepositoryName,
        references: &mut [Descriptor],
    ) -> Result<(), RegistryClientError> {
        let Some(config) = references.first_mut().filter(|config| {
            config.media_type.as_deref().is_some_and(|kind| CONFIGS.contains(&kind))
                && config.size.is_some_and(|size| size <= MAX_CONFIG_BYTES)
        }) else {
            return Ok(());
        };
        let url = self.at(&format!("v2/{repository}/blobs/{}", config.digest))?;
        let answer = self.ask(Method::GET, url, Want::Pull(repository)).await?;
        // A registry may send us to its storage, which we do not follow: then it stays unknown.
        if answer.status() == StatusCode::OK
            && let Ok(json) = serde_json::from_slice::<Value>(&read(answer).await?)
        {
            config.platform = crate::ingest::platform(&json);
        }
        Ok(())
    }

    /// All pages of a list; `None` when the first is 404.
    async fn list(
        &self,
        want: Want<'_>,
        path: &str,
        field: &str,
    ) -> Result<Option<Vec<String>>, RegistryClientError> {
        let mut all = Vec::new();
        let mut url = self.at(path)?;
        url.query_pairs_mut().append_pair("n", &PAGE.to_string());
        for page in 0..MAX_PAGES {
            let answer = self.ask(Method::GET, url.clone(), want).await?;
            match answer.status() {
                StatusCode::NOT_FOUND if page == 0 => return Ok(None),
                StatusCode::OK => {}
                status => return Err(RegistryClientError(format!("{status} for a list"))),
            }
            let next = next_page(&answer, &url);
            let json: Value = serde_json::from_slice(&read(answer).await?)
                .map_err(|_| RegistryClientError("a list that is no JSON".to_owned()))?;
            match json.get(field) {
                Some(Value::Array(names)) => {
                    all.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                Some(Value::Null) => {}
                _ => return Err(RegistryClientError(format!("a list without `{field}`"))),
            }
            match next {
                Some(next) if next.origin() == self.base.origin() && next != url => url = next,
                Some(_) => return Err(RegistryClientError("a list that leads elsewhere".into())),
                None => return Ok(Some(all)),
            }
        }
        Err(RegistryClientError("a list without an end".to_owned()))
    }

    fn at(&self, path: &str) -> Result<Url, RegistryClientError> {
        let base = self.base.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}/{path}"));
        url.map_err(|error| RegistryClientError(error.to_string()))
    }

    async fn ask(
        &self,
        method: Method,
        url: Url,
        want: Want<'_>,
    ) -> Result<Response, RegistryClientError> {
        let token = (self.tokens)(want).map_err(RegistryClientError)?;
        let request = self.http.request(method, url).bearer_auth(token).header(ACCEPT, MANIFESTS);
        Ok(request.send().await?)
    }
}

fn header_digest(answer: &Response) -> Option<Digest> {
    Digest::parse(answer.headers().get("docker-content-digest")?.to_str().ok()?).ok()
}

/// `Link: </v2/…?last=x&n=5>; rel="next"`
fn next_page(answer: &Response, here: &Url) -> Option<Url> {
    let link = answer.headers().get(LINK)?.to_str().ok()?;
    let (path, rest) = link.strip_prefix('<')?.split_once('>')?;
    if rest.contains("next") { here.join(path).ok() } else { None }
}

async fn read(mut answer: Response) -> Result<Vec<u8>, RegistryClientError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(RegistryClientError("an answer that is too long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn references(manifest: &Value) -> Vec<Descriptor> {
    let list = |name: &str| manifest.get(name).and_then(Value::as_array).into_iter().flatten();
    let all = manifest.get("config").into_iter().chain(list("layers")).chain(list("manifests"));
    all.filter_map(crate::ingest::descriptor).collect()
}
