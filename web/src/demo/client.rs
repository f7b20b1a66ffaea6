//! The REST interface, the token endpoint and the registry, as the demo's people use them.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::image::{Image, digest};
use super::{ADMINISTRATOR, Site};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a push may take until its repository can be found.
const FINDABLE: Duration = Duration::from_secs(20);

/// A number in the REST interface.
pub(super) type Id = u64;

/// The demo could not be made: what was asked, and what came of it.
#[derive(Debug, thiserror::Error)]
#[error("the demo cannot be made: {0}")]
pub struct DemoError(String);

impl DemoError {
    pub(super) fn new(asked: &str, why: impl std::fmt::Display) -> Self {
        Self(format!("{asked}: {why}"))
    }
}

type Done<T = ()> = Result<T, DemoError>;

pub(super) struct Client<'a> {
    site: &'a Site,
    http: reqwest::Client,
}

impl<'a> Client<'a> {
    pub(super) fn new(site: &'a Site) -> Done<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .user_agent(concat!("portus-demo/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| DemoError::new("HTTP", error))?;
        Ok(Self { site, http })
    }

    /// The first administrator, by the one-time secret.
    pub(super) async fn bootstrap(&self, secret: &str, name: &str) -> Done {
        let user = json!({
            "username": name, "password": self.site.password, "email": format!("{name}@example.org"),
        });
        let body = json!({ "secret": secret, "user": user });
        let request = self.api("", Method::POST, "/users/bootstrap").json(&body);
        self.answer("make the first administrator", request).await?;
        Ok(())
    }

    pub(super) async fn user(&self, name: &str) -> Done<Id> {
        let user = json!({
            "username": name, "password": self.site.password, "email": format!("{name}@example.org"),
        });
        self.make("/users", "username", name, &json!({ "user": user })).await
    }

    pub(super) async fn team(&self, name: &str, owner: Option<Id>, description: &str) -> Done<Id> {
        let body = json!({ "name": name, "owner_id": owner, "description": description });
        self.make("/teams", "name", name, &body).await
    }

    pub(super) async fn member(&self, team: Id, user: &str, role: &str) -> Done {
        let path = format!("/teams/{team}/members");
        let body = json!({ "user": user, "role": role });
        let request = self.api(ADMINISTRATOR, Method::POST, &path).json(&body);
        let answer = self.send(&path, request).await?;
        if is_taken(answer.status()) { Ok(()) } else { good(&path, answer).await.map(|_| ()) }
    }

    pub(super) async fn namespace(
        &self,
        name: &str,
        team: &str,
        visibility: &str,
        description: &str,
    ) -> Done {
        let body = json!({ "name": name, "team": team, "description": description });
        let id = self.make("/namespaces", "name", name, &body).await?;
        let body = json!({ "namespace": { "visibility": visibility } });
        let path = format!("/namespaces/{id}");
        self.answer(&path, self.api(ADMINISTRATOR, Method::PUT, &path).json(&body)).await?;
        Ok(())
    }

    pub(super) async fn put(&self, person: &str, path: &str) -> Done {
        self.answer(path, self.api(person, Method::PUT, path)).await?;
        Ok(())
    }

    pub(super) async fn star(&self, person: &str, repository: &str) -> Done {
        let until = Instant::now() + FINDABLE;
        let id = loop {
            let found = self.find(person, "/repositories", "full_name", repository).await?;
            match found {
                Some(id) => break id,
                None if Instant::now() > until => {
                    return Err(DemoError::new(repository, "was pushed, but cannot be found"));
                }
                None => sleep(Duration::from_millis(100)).await,
            }
        };
        self.put(person, &format!("/repositories/{id}/star")).await
    }

    /// Makes something, or finds it when it is there.
    async fn make(&self, path: &str, field: &str, name: &str, body: &Value) -> Done<Id> {
        if let Some(id) = self.find(ADMINISTRATOR, path, field, name).await? {
            return Ok(id);
        }
        let request = self.api(ADMINISTRATOR, Method::POST, path).json(body);
        let made = self.answer(&format!("make {name} in {path}"), request).await?;
        made["id"].as_u64().ok_or_else(|| DemoError::new(path, "no number in the answer"))
    }

    async fn find(&self, person: &str, path: &str, field: &str, name: &str) -> Done<Option<Id>> {
        let request = self.api(person, Method::GET, &format!("{path}?per_page=100"));
        let all = self.answer(path, request).await?;
        let mut all = all.as_array().into_iter().flatten();
        let found = all.find(|one| one[field] == name);
        Ok(found.and_then(|one| one["id"].as_u64()))
    }

    /// Pushes as docker does: what is missing of the blobs, then manifests, then the tag.
    pub(super) async fn push(
        &self,
        person: &str,
        repository: &str,
        tag: &str,
        image: &Image,
    ) -> Done {
        let token = self.token(person, repository, "pull,push").await?;
        for blob in &image.blobs {
            self.upload(&token, repository, blob).await?;
        }
        for (media_type, manifest) in &image.manifests {
            self.put_manifest(&token, repository, &digest(manifest), media_type, manifest).await?;
        }
        let (media_type, index) = &image.index;
        self.put_manifest(&token, repository, tag, media_type, index).await
    }

    /// Pulls the tag, and the manifest for one platform, as docker does.
    pub(super) async fn pull(&self, person: &str, repository: &str, tag: &str) -> Done {
        let token = self.token(person, repository, "pull").await?;
        let index = self.manifest(&token, repository, tag).await?;
        if let Some(first) = index["manifests"][0]["digest"].as_str() {
            self.manifest(&token, repository, first).await?;
        }
        Ok(())
    }

    /// Asks for a token, whatever is granted.
    pub(super) async fn ask(&self, person: &str, repository: &str, actions: &str) -> Done {
        self.token(person, repository, actions).await.map(|_| ())
    }

    pub(super) async fn wrong_password(&self, person: &str) -> Done {
        let url = format!("{}/v2/token?service={}", self.site.portus, self.site.service);
        let request = self.http.get(url).basic_auth(person, Some("not the password"));
        self.send("sign in wrongly", request).await.map(|_| ())
    }

    async fn token(&self, person: &str, repository: &str, actions: &str) -> Done<String> {
        let asked = format!("a token for {repository}");
        // Nothing in it needs escaping: hosts, names and actions are plain.
        let request = self.http.get(format!(
            "{}/v2/token?service={}&scope=repository:{repository}:{actions}",
            self.site.portus, self.site.service
        ));
        let answer = self.answer(&asked, self.signed(request, person)).await?;
        let token = answer["token"].as_str().map(str::to_owned);
        token.ok_or_else(|| DemoError::new(&asked, "no token in the answer"))
    }

    async fn upload(&self, token: &str, repository: &str, blob: &[u8]) -> Done {
        let digest = digest(blob);
        let known = self.registry(token, Method::HEAD, &format!("{repository}/blobs/{digest}"));
        if self.send("a blob", known).await?.status().is_success() {
            return Ok(());
        }
        let path = format!("{repository}/blobs/uploads/");
        let begun = self.send(&path, self.registry(token, Method::POST, &path)).await?;
        let location = begun.headers().get(header::LOCATION).and_then(|v| v.to_str().ok());
        let Some(location) = location.map(str::to_owned) else {
            return Err(DemoError::new(&path, begun.status()));
        };
        let join = if location.contains('?') { '&' } else { '?' };
        let request = self
            .http
            .put(format!("{location}{join}digest={digest}"))
            .bearer_auth(token)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .body(blob.to_vec());
        self.answer("upload a blob", request).await.map(|_| ())
    }

    async fn put_manifest(
        &self,
        token: &str,
        repository: &str,
        reference: &str,
        media_type: &str,
        manifest: &[u8],
    ) -> Done {
        let path = format!("{repository}/manifests/{reference}");
        let request = self
            .registry(token, Method::PUT, &path)
            .header(header::CONTENT_TYPE, media_type)
            .body(manifest.to_vec());
        self.answer(&path, request).await.map(|_| ())
    }

    async fn manifest(&self, token: &str, repository: &str, reference: &str) -> Done<Value> {
        let path = format!("{repository}/manifests/{reference}");
        let accepted = "application/vnd.oci.image.index.v1+json, \
                        application/vnd.oci.image.manifest.v1+json";
        let request = self.registry(token, Method::GET, &path).header(header::ACCEPT, accepted);
        self.answer(&path, request).await
    }

    fn api(&self, person: &str, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}/api/v1{path}", self.site.portus));
        self.signed(request, person)
    }

    fn registry(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/v2/{path}", self.site.registry)).bearer_auth(token)
    }

    fn signed(&self, request: RequestBuilder, person: &str) -> RequestBuilder {
        if person.is_empty() {
            return request;
        }
        request.basic_auth(person, Some(&self.site.password))
    }

    async fn send(&self, asked: &str, request: RequestBuilder) -> Done<Response> {
        // Without the URL: an upload's holds the registry's own state.
        request.send().await.map_err(|error| DemoError::new(asked, error.without_url()))
    }

    async fn answer(&self, asked: &str, request: RequestBuilder) -> Done<Value> {
        let answer = self.send(asked, request).await?;
        good(asked, answer).await
    }
}

fn is_taken(status: StatusCode) -> bool {
    matches!(status, StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY)
}

/// The body of a good answer; null when it is no JSON.
async fn good(asked: &str, answer: Response) -> Done<Value> {
    let status = answer.status();
    let text = answer.text().await.unwrap_or_default();
    if status.is_success() {
        Ok(serde_json::from_str(&text).unwrap_or_default())
    } else {
        Err(DemoError::new(asked, format!("{status}: {}", crate::client::cut(&text, 500))))
    }
}
