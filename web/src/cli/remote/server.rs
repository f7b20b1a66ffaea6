//! Requests to a server, and what its refusals mean for a script.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Method, StatusCode};
use reqwest::Url;
use serde_json::Value;
use zeroize::Zeroizing;

use super::ask::Ask;
use super::{ServerArgs, login, secret, show};
use crate::cli::Failure;

/// Rows of one page of a list: the most that a server gives.
const PER_PAGE: usize = 100;
/// The largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// How often a request that the server put off is sent again.
const ATTEMPTS: u32 = 3;
/// How long it waits before it asks again whoever hung up.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest that a server's wish to wait is followed, in seconds.
const LONGEST_WAIT: u64 = 30;

/// The server's words for who asks were not accepted.
pub(super) const NOT_ALLOWED: u8 = 5;
/// The thing is not there, or not for whoever asks.
pub(super) const NOT_THERE: u8 = 6;

/// A server, and how to show who asks.
pub(super) struct Server {
    http: reqwest::Client,
    url: Url,
    user: Option<String>,
    token: Option<Zeroizing<String>>,
}

impl Server {
    /// The server that flags, environment or `portus login` name, in this order.
    pub(super) fn of(args: &ServerArgs) -> Result<Self, Failure> {
        let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let named = said(&args.url).or_else(|| variable("PORTUSCTL_API_SERVER"));
        let mut user = said(&args.user).or_else(|| variable("PORTUSCTL_API_USER"));
        let mut token = match &args.token_file {
            Some(file) => Some(secret::read(file, "token")?),
            None => variable("PORTUS_TOKEN")
                .or_else(|| variable("PORTUSCTL_API_TOKEN"))
                .map(Zeroizing::new),
        };
        // Who says everything does not stumble over what was remembered.
        let kept = if named.is_some() && token.is_some() { None } else { login::kept()? };
        let url = match (&named, &kept) {
            (Some(url), _) => parse(url)?,
            (None, Some(kept)) => parse(&kept.url)?,
            (None, None) => {
                let text = "which server? Say --url https://…, set $PORTUS_URL, or `portus login`";
                return Err(Failure::usage(text));
            }
        };
        // What was remembered for one server is shown to no other.
        if let (None, Some(kept)) = (&token, kept)
            && parse(&kept.url).ok().as_ref().map(Url::origin) == Some(url.origin())
            && user.as_ref().is_none_or(|user| Some(user) == kept.user.as_ref())
        {
            user = kept.user;
            token = Some(Zeroizing::new(kept.token));
        }
        Self::new(args, url, user, token)
    }

    pub(super) fn new(
        args: &ServerArgs,
        url: Url,
        user: Option<String>,
        token: Option<Zeroizing<String>>,
    ) -> Result<Self, Failure> {
        if url.scheme() == "http" && token.is_some() && !is_here(&url) && !args.plain_http {
            return Err(Failure::usage(format!(
                "{url} has no TLS: everybody on the way could read the token. Use https://, or \
                 say --plain-http"
            )));
        }
        let mut http = reqwest::Client::builder()
            // A token goes where it was meant to go, and nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(args.timeout))
            .user_agent(concat!("portus/", env!("CARGO_PKG_VERSION")));
        if let Some(file) = &args.ca_file {
            let shown = file.display();
            let pem = std::fs::read(file)
                .map_err(|error| Failure::usage(format!("cannot read {shown}: {error}")))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem).ok();
            let certificates = certificates.filter(|certificates| !certificates.is_empty());
            let none = || Failure::usage(format!("{shown} holds no certificate in PEM"));
            for certificate in certificates.ok_or_else(none)? {
                http = http.add_root_certificate(certificate);
            }
        }
        if is_here(&url) {
            http = http.no_proxy();
        }
        Ok(Self { http: http.build().map_err(Failure::failed)?, url, user, token })
    }

    /// Who asks, where a name was given beside the token.
    pub(super) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Where it is.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// One request and its answer; nothing where the server had nothing to say.
    pub(super) async fn send(&self, ask: &Ask) -> Result<Value, Failure> {
        let (value, _) = self.exchange(&ask.method, self.address(ask)?, ask.body.as_ref()).await?;
        Ok(value)
    }

    /// Rows of a list, page after page until `limit`, and whether there are more.
    pub(super) async fn list(
        &self,
        ask: &Ask,
        limit: usize,
    ) -> Result<(Vec<Value>, bool), Failure> {
        let mut address = self.address(ask)?;
        address.query_pairs_mut().append_pair("per_page", &limit.clamp(1, PER_PAGE).to_string());
        let mut rows = Vec::new();
        loop {
            let (value, next) = self.exchange(&Method::GET, address.clone(), None).await?;
            let Value::Array(page) = value else {
                return Err(Failure::failed("the server answered something that is no list"));
            };
            rows.extend(page);
            let over = rows.len() > limit;
            rows.truncate(limit);
            let Some(next) = next else { return Ok((rows, over)) };
            if rows.len() == limit {
                return Ok((rows, true));
            }
            // Only what comes after the question mark is believed.
            address.set_query(Some(&next));
        }
    }

    fn address(&self, ask: &Ask) -> Result<Url, Failure> {
        let mut address = self.url.clone();
        if let Some(name) = ask.path.iter().find(|name| matches!(name.as_str(), "" | "." | "..")) {
            return Err(Failure::usage(format!("`{name}` is no name")));
        }
        if let Ok(mut path) = address.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1"]).extend(&ask.path);
        }
        for (name, value) in &ask.query {
            address.query_pairs_mut().append_pair(name, value);
        }
        Ok(address)
    }

    /// The answer, and the query of the next page if the server says that there is one.
    async fn exchange(
        &self,
        method: &Method,
        address: Url,
        body: Option<&Value>,
    ) -> Result<(Value, Option<String>), Failure> {
        // What is made is made once, however often it is asked for: so it may be asked for again.
        let once = (*method == Method::POST).then(|| uuid::Uuid::new_v4().to_string());
        let repeatable = *method == Method::GET || once.is_some();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut request = self.http.request(method.clone(), address.clone());
            request = match (&self.user, &self.token) {
                (Some(user), Some(token)) => request.basic_auth(user, Some(token.as_str())),
                (None, Some(token)) => request.bearer_auth(token.as_str()),
                (_, None) => request,
            };
            if let Some(body) = body {
                request = request.json(body);
            }
            if let Some(key) = &once {
                request = request.header("Idempotency-Key", key);
            }
            let response = match request.send().await {
                Ok(response) => response,
                Err(error) if lost(&error) && repeatable && attempt < ATTEMPTS => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                Err(error) => return Err(self.unreachable(&error)),
            };
            let status = response.status();
            // Too many requests: this one was not carried out, whatever it was. Of one that met a
            // server in trouble nobody knows.
            let in_trouble =
                matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT);
            let busy = status == StatusCode::TOO_MANY_REQUESTS || (in_trouble && repeatable);
            let wait = response.headers().get(RETRY_AFTER);
            let wait = wait.and_then(|wait| wait.to_str().ok()?.parse::<u64>().ok());
            if let (true, true, Some(wait)) = (busy, attempt < ATTEMPTS, wait)
                && wait <= LONGEST_WAIT
            {
                tokio::time::sleep(Duration::from_secs(wait)).await;
                continue;
            }
            let next = next_query(response.headers());
            let text = self.read(response).await?;
            if !status.is_success() {
                return Err(refused(status, &text, &self.url).about(&address));
            }
            let value = match text.is_empty() {
                true => Value::Null,
                false => serde_json::from_slice(&text)
                    .map_err(|_| Failure::failed(format!("{} is no Portus", self.url)))?,
            };
            return Ok((value, next));
        }
    }

    async fn read(&self, mut response: reqwest::Response) -> Result<Vec<u8>, Failure> {
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if text.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(Failure::failed("the server's answer is too long"));
            }
            text.extend_from_slice(&chunk);
        }
        Ok(text)
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let url = &self.url;
        let why = if error.is_timeout() {
            "it did not answer in time; see --timeout".to_owned()
        } else {
            // The innermost cause says what people need: refused, no such host, bad certificate.
            let mut cause: &dyn std::error::Error = error;
            while let Some(inner) = cause.source() {
                cause = inner;
            }
            told(&cause.to_string())
        };
        Failure::unreachable(format!("{url} cannot be reached: {why}"))
    }
}

/// What a broken connection means, with what helps.
fn told(cause: &str) -> String {
    if cause.contains("InvalidContentType") || cause.contains("InvalidMessage") {
        return "it does not speak TLS there; if that is right, write http://".to_owned();
    }
    if cause.contains("UnknownIssuer") {
        let help = "--ca-file names a certificate authority that you trust";
        return format!("its certificate is of nobody whom this machine trusts; {help}");
    }
    if cause.contains("refused") {
        return format!("{cause}; is it running, and is this its port?");
    }
    cause.to_owned()
}

impl Failure {
    /// With what was asked for, and what helps whoever was refused.
    fn about(self, address: &Url) -> Self {
        let segments = address.path_segments().into_iter().flatten();
        let segments: Vec<_> = segments.skip_while(|part| *part != "v1").skip(1).collect();
        let help = match self.code {
            NOT_ALLOWED => Some(
                "`portus whoami` says whether you are known, and who you are; `portus login` keeps \
                 another token"
                    .to_owned(),
            ),
            NOT_THERE => {
                let named = segments.iter().map(|part| part.replace("%2F", "/").replace("%3A", ":"));
                let named = named.collect::<Vec<_>>().join(" ");
                let noun = NOUNS.iter().find(|(part, _)| segments.first() == Some(part));
                noun.map(|(_, noun)| {
                    format!("asked for: {named}; `portus {noun} list` shows what there is for you")
                })
            }
            _ => None,
        };
        let Some(help) = help else { return self };
        Self { text: format!("{}\n        {help}", self.text), ..self }
    }
}

/// What commands call the things of the interface.
const NOUNS: &[(&str, &str)] = &[
    ("users", "user"),
    ("teams", "team"),
    ("namespaces", "namespace"),
    ("repositories", "repository"),
    ("registries", "registry"),
];

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// An address as people write it.
pub(super) fn parse(text: &str) -> Result<Url, Failure> {
    let named = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&named).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none()
    });
    let url = url.ok_or_else(|| Failure::usage(format!("`{text}` is no address of a server")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Failure::usage("the server's address holds no user name and no password"));
    }
    Ok(url)
}

/// Whether it is this machine, so that nobody is on the way.
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether the server was there and the connection broke, so that nobody knows what it has done.
fn lost(error: &reqwest::Error) -> bool {
    error.is_request() && !error.is_connect() && !error.is_timeout()
}

/// The query of `rel="next"` (RFC 8288).
fn next_query(headers: &http::HeaderMap) -> Option<String> {
    let links = headers.get(http::header::LINK)?.to_str().ok()?;
    let next = links.split(", ").find(|link| link.ends_with("rel=\"next\""))?;
    let address = next.strip_prefix('<')?.split_once('>')?.0;
    Some(address.split_once('?')?.1.to_owned())
}

/// A refusal in the server's own words, one problem a line.
fn refused(status: StatusCode, text: &[u8], url: &Url) -> Failure {
    let answer: Value = serde_json::from_slice(text).unwrap_or_default();
    let said = match answer.get("message") {
        Some(Value::String(text)) => show::plain(text),
        Some(Value::Object(fields)) => {
            let lines = fields.iter().flat_map(|(field, texts)| {
                let texts = texts.as_array().into_iter().flatten().filter_map(Value::as_str);
                texts.map(move |text| show::plain(&format!("{field}: {text}")))
            });
            lines.collect::<Vec<_>>().join("\n        ")
        }
        _ if status.is_redirection() => {
            format!("{url} sends elsewhere ({status}); name the server itself")
        }
        _ => format!("{url} answered {status}; is it a Portus?"),
    };
    let id = answer.get("request_id").and_then(Value::as_str).map(show::plain);
    let said = match id.filter(|_| status.is_server_error()) {
        Some(id) => format!("{said} (request {id})"),
        None => said,
    };
    let code = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => NOT_ALLOWED,
        StatusCode::NOT_FOUND => NOT_THERE,
        StatusCode::TOO_MANY_REQUESTS => 4,
        status if status.is_server_error() => 4,
        _ => 1,
    };
    Failure { code, text: said }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::LINK;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_without_a_scheme_gets_the_safe_one() {
        assert_eq!(
            parse("portus.example.com").ok().unwrap().as_str(),
            "https://portus.example.com/"
        );
        for bad in ["ftp://x", "https://", "http://u:p@h", "https://h?x=1", "a b"] {
            assert_eq!(parse(bad).err().unwrap().code, 2, "{bad}");
        }
    }

    #[test]
    fn only_this_machine_gets_tokens_without_tls() {
        let here = ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:3000"];
        assert!(here.iter().all(|url| is_here(&parse(url).ok().unwrap())));
        let there = ["http://localhost.example.com", "http://10.0.0.1", "http://128.0.0.1"];
        assert!(there.iter().all(|url| !is_here(&parse(url).ok().unwrap())));
    }

    #[test]
    fn of_the_next_page_only_the_query_is_believed() {
        let mut headers = HeaderMap::new();
        assert_eq!(next_query(&headers), None);
        let link = "<http://evil/api/v1/x?page=1>; rel=\"first\", <http://evil/x?page=3&per_page=2>; rel=\"next\"";
        headers.insert(LINK, link.parse().unwrap());
        assert_eq!(next_query(&headers).as_deref(), Some("page=3&per_page=2"));
    }

    #[test]
    fn whoever_is_refused_is_told_what_helps() {
        let about = |code: u8, path: &str| {
            let address = parse(&format!("http://localhost/base/api/v1/{path}")).ok().unwrap();
            Failure { code, text: "No".to_owned() }.about(&address).text
        };
        let absent = about(NOT_THERE, "repositories/shop%2Fapi/tags/v1");
        assert!(absent.starts_with("No\n"), "{absent}");
        assert!(absent.contains("asked for: repositories shop/api tags v1"), "{absent}");
        assert!(absent.contains("`portus repository list`"), "{absent}");
        assert!(about(NOT_ALLOWED, "users").contains("portus whoami"));
        assert_eq!(about(1, "users"), "No");
        assert_eq!(about(NOT_THERE, "version"), "No");
        assert!(told("received corrupt message of type InvalidContentType").contains("http://"));
        assert!(told("invalid peer certificate: UnknownIssuer").contains("--ca-file"));
    }

    #[test]
    fn refusals_are_told_in_the_servers_words_with_a_code_for_scripts() {
        let url = parse("http://localhost").ok().unwrap();
        let say = |status: u16, body: Value| {
            let status = StatusCode::from_u16(status).unwrap();
            let Failure { code, text } = refused(status, body.to_string().as_bytes(), &url);
            (code, text)
        };
        assert_eq!(say(404, json!({ "message": "Not found" })), (6, "Not found".to_owned()));
        assert_eq!(say(403, json!({ "message": "No" })).0, 5);
        assert_eq!(say(401, json!({ "message": "No" })).0, 5);
        assert_eq!(
            say(503, json!({ "message": "Later", "request_id": "r" })),
            (4, "Later (request r)".to_owned())
        );
        let fields = json!({ "message": { "name": ["too long", "bad"], "team": ["unknown"] } });
        let text = "name: too long\n        name: bad\n        team: unknown";
        assert_eq!(say(422, fields), (1, text.to_owned()));
        assert!(say(502, json!("<html>")).1.contains("is it a Portus?"));
        assert!([500, 502, 504].iter().all(|status| say(*status, json!({})).0 == 4));
        assert_eq!(say(429, json!({ "message": "Later" })).0, 4);
        assert!(say(302, json!(null)).1.contains("sends elsewhere"));
    }
}
