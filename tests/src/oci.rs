//! A client of the registry's interface that does one step at a time: for steps that no command
//! line has, and for crashes between two of them.
#![allow(
    clippy::expect_used,
    reason = "a bench that cannot be set up fails the test that needs it"
)]

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::image::{MANIFEST, digest, noise};

/// The type of the configuration of an artifact that has none.
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// One person, or nobody, at one registry.
#[derive(Debug, Clone)]
pub struct Oci {
    http: reqwest::Client,
    registry: String,
    credential: Option<(String, String)>,
}

/// What the token endpoint answered.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

impl Grant {
    /// The token itself.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn token(&self) -> String {
        self.body["token"].as_str().expect("a token").to_owned()
    }

    /// The claims inside, unverified.
    ///
    /// # Panics
    ///
    /// When there is no token.
    #[must_use]
    pub fn claims(&self) -> Value {
        use base64::Engine as _;
        let token = self.token();
        let claims = token.split('.').nth(1).expect("three parts");
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims);
        serde_json::from_slice(&bytes.expect("base64")).expect("JSON")
    }
}

impl Oci {
    /// With a name and a secret, or as nobody.
    ///
    /// # Panics
    ///
    /// When no HTTP client can be made.
    #[must_use]
    pub fn new(registry: &str, credential: Option<(&str, &str)>) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build();
        let credential = credential.map(|(name, secret)| (name.to_owned(), secret.to_owned()));
        Self { http: http.expect("an HTTP client"), registry: registry.to_owned(), credential }
    }

    /// Asks for a token the way the registry's challenge says.
    ///
    /// # Errors
    ///
    /// When a server does not answer, or the registry does not challenge.
    pub async fn grant(&self, scopes: &[&str]) -> anyhow::Result<Grant> {
        let challenge = self.http.get(self.url("/v2/")).send().await?;
        let header = challenge.headers().get("www-authenticate").context("no challenge")?;
        let header = header.to_str()?;
        let field = |name: &str| {
            let start = header.split_once(&format!("{name}=\""))?.1;
            Some(start.split_once('"')?.0.to_owned())
        };
        let realm = field("realm").context("no realm")?;
        let mut query = vec![("service", field("service").context("no service")?)];
        query.extend(scopes.iter().map(|scope| ("scope", (*scope).to_owned())));
        let mut url = reqwest::Url::parse(&realm)?;
        url.query_pairs_mut().extend_pairs(query);
        let mut request = self.http.get(url);
        if let Some((name, secret)) = &self.credential {
            request = request.basic_auth(name, Some(secret));
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        Ok(Grant { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }

    /// A token for pushing to a repository.
    ///
    /// # Errors
    ///
    /// When none is given.
    pub async fn push_token(&self, repository: &str) -> anyhow::Result<String> {
        let scope = format!("repository:{repository}:pull,push");
        let grant = self.grant(&[&scope]).await?;
        if grant.status != 200 {
            bail!("the token endpoint says {}: {}", grant.status, grant.body);
        }
        Ok(grant.token())
    }

    /// A request to the registry with a token.
    pub fn request(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        self.http.request(method, self.url(path)).bearer_auth(token)
    }

    /// Uploads a blob in one piece. Answers its digest.
    ///
    /// # Errors
    ///
    /// When the registry does not take it.
    pub async fn push_blob(
        &self,
        repository: &str,
        token: &str,
        bytes: Vec<u8>,
    ) -> anyhow::Result<String> {
        let digest = digest(&bytes);
        let start = format!("/v2/{repository}/blobs/uploads/");
        let started = good(self.request(Method::POST, &start, token).send().await?, 202).await?;
        let place = started.headers().get("location").context("no location")?.to_str()?.to_owned();
        let mut place = reqwest::Url::parse(&self.url("/"))?.join(&place)?;
        place.query_pairs_mut().append_pair("digest", &digest);
        let put = self.http.put(place).bearer_auth(token).body(bytes).send().await?;
        good(put, 201).await?;
        Ok(digest)
    }

    /// Puts a manifest under a tag or digest. Answers its digest.
    ///
    /// # Errors
    ///
    /// When the registry does not take it.
    pub async fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        token: &str,
        manifest: &Value,
    ) -> anyhow::Result<String> {
        let bytes = manifest.to_string();
        let digest = digest(bytes.as_bytes());
        let path = format!("/v2/{repository}/manifests/{reference}");
        let media_type = manifest["mediaType"].as_str().unwrap_or(MANIFEST);
        let put = self.request(Method::PUT, &path, token).header("content-type", media_type);
        good(put.body(bytes).send().await?, 201).await?;
        Ok(digest)
    }

    /// Pushes a small image that nobody has seen before. Answers the digest of its manifest: from
    /// then on the registry has acknowledged it.
    ///
    /// # Errors
    ///
    /// When a server does not answer, or not well.
    pub async fn push_image(&self, repository: &str, tag: &str) -> anyhow::Result<String> {
        let token = self.push_token(repository).await?;
        self.push_image_with(&token, repository, tag).await
    }

    /// The same with a token that was given before.
    ///
    /// # Errors
    ///
    /// When the registry does not answer, or not well.
    pub async fn push_image_with(
        &self,
        token: &str,
        repository: &str,
        tag: &str,
    ) -> anyhow::Result<String> {
        let layer = noise(500);
        let config = json!({"architecture": "amd64", "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]}});
        let config = config.to_string().into_bytes();
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                       "digest": digest(&config), "size": config.len()},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar",
                        "digest": digest(&layer), "size": layer.len()}]});
        self.push_blob(repository, token, layer).await?;
        self.push_blob(repository, token, config).await?;
        self.put_manifest(repository, tag, token, &manifest).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.registry)
    }
}

/// The answer if it has this status, else an error that carries what it says.
///
/// # Errors
///
/// When the status is another.
pub async fn good(answer: Response, status: u16) -> anyhow::Result<Response> {
    if answer.status().as_u16() == status {
        return Ok(answer);
    }
    let (path, status) = (answer.url().path().to_owned(), answer.status());
    bail!("{path} {status}: {}", answer.text().await?)
}
