//! Secrets are put in at every door, the wrong ones too, and looked for wherever the service
//! writes: log lines down to the finest, facts and read models as rows, error bodies, redirects,
//! metrics.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tests::heard;
use tests::site::{SERVICE, Site};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use web::telemetry::json_lines;

/// What the service's own libraries say counts, too; the tests' own client does not.
const FINEST: &str = "trace,reqwest=off,hyper_util::client=off";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// Somebody who tries every door, and keeps what must not be found and where to look.
struct Visitor<'a> {
    site: &'a Site,
    http: reqwest::Client,
    /// Name and text.
    secrets: Vec<(String, String)>,
    /// Error bodies, and where answers lead.
    answers: String,
}

impl Visitor<'_> {
    /// A secret of this name, unlike every other.
    fn canary(&mut self, name: &str) -> String {
        let text = format!("Canary-{name}-{}", uuid::Uuid::new_v4().simple());
        self.keep(name, &text);
        text
    }

    fn keep(&mut self, name: &str, text: &str) {
        self.secrets.push((name.to_owned(), text.to_owned()));
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.site.url))
    }

    /// Sends; keeps what an answer says aloud.
    async fn send(&mut self, request: RequestBuilder) -> (u16, reqwest::header::HeaderMap, Value) {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        for name in ["location", "www-authenticate", "link"] {
            for value in headers.get_all(name) {
                let _ = writeln!(self.answers, "{name}: {}", value.to_str().unwrap());
            }
        }
        if status >= 400 {
            let _ = writeln!(self.answers, "{status} {text}");
        }
        (status, headers, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn form(&mut self, path: &str, fields: &[(&str, &str)]) -> (u16, String, String) {
        let (status, headers, body) = self.send(self.ask(Method::POST, path).form(fields)).await;
        let cookies = headers.get_all("set-cookie").iter().filter_map(|set| set.to_str().ok());
        let cookies: Vec<_> = cookies.filter_map(|set| set.split(';').next()).collect();
        (status, cookies.join("; "), body.to_string())
    }

    /// Every text that would give a secret away.
    fn needles(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for (name, secret) in &self.secrets {
            all.push((name.clone(), secret.clone()));
            // However it lies in a header: alone, or after a name of any length.
            for skip in 0..3 {
                let rest = &secret.as_bytes()[skip..];
                let whole = &rest[..rest.len() - rest.len() % 3];
                all.push((format!("{name}, in base64"), BASE64_STANDARD_NO_PAD.encode(whole)));
                all.push((format!("{name}, in base64"), BASE64_URL_SAFE_NO_PAD.encode(whole)));
            }
            all.push((format!("{name}, in hexadecimal"), hex::encode(secret)));
        }
        all
    }
}

#[tokio::test]
async fn no_secret_gets_into_logs_facts_errors_redirects_or_metrics() {
    let lines = Lines::default();
    let filter = EnvFilter::try_new(FINEST).unwrap();
    heard::by_any_thread();
    let guard = tracing::subscriber::set_default(json_lines(filter, lines.clone()));
    let site = Site::start_unclaimed().await;
    site.get("/api/v1/users").await;
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let http = http.build().unwrap();
    let mut all = Visitor { site: &site, http, secrets: Vec::new(), answers: String::new() };

    first_administrator(&mut all).await;
    let root = all.secrets.iter().find(|(name, _)| name == "password").unwrap().1.clone();
    sign_in(&mut all, &root).await;
    tokens(&mut all, &root).await;
    rest(&mut all, &root).await;
    notifications(&mut all, &root).await;

    let head = site.ground.desk.log.head().await.unwrap();
    site.reached(head).await;
    let metrics = site.get("/metrics").await.1;
    let rows = rows(&site).await;
    let answers = all.answers.clone();
    let needles = all.needles();
    site.stop().await;
    drop(guard);

    // That something is looked through, and that what should be there is found.
    let lines = lines.text();
    let finest = [r#""level":"DEBUG""#, r#""path":"/api/v1/users""#];
    let start = &lines[..lines.floor_char_boundary(2_000.min(lines.len()))];
    assert!(finest.iter().all(|part| lines.contains(part)), "{} bytes: {start}", lines.len());
    for kind in ["auth.signed_in", "auth.sign_in_failed", "auth.tokens_decided", "user.registered"]
    {
        assert!(rows.contains(kind), "no fact {kind}");
    }
    assert!(metrics.contains("portus_auth_failures_total"));
    assert!(answers.contains("location: /") && answers.contains("401 "), "{answers}");
    assert!(needles.len() > 100);
    for (place, text) in
        [("log lines", &lines), ("rows", &rows), ("answers", &answers), ("metrics", &metrics)]
    {
        for (name, needle) in &needles {
            if let Some(at) = text.find(needle.as_str()) {
                let start = text.floor_char_boundary(at.saturating_sub(300));
                let end = text.floor_char_boundary((at + 300).min(text.len()));
                panic!("{name} is in the {place}: {}", &text[start..end]);
            }
        }
    }
}

async fn first_administrator(all: &mut Visitor<'_>) {
    let secret = all.site.parts.bootstrap.reveal().await.unwrap().to_string();
    all.keep("first administrator's secret", &secret);
    let (password, wrong) = (all.canary("password"), all.canary("wrong first secret"));
    let (email, shown) = (all.canary("e-mail"), all.canary("display name"));
    let email = format!("{email}@example.org");
    let fields = [("secret", wrong.as_str()), ("name", "erna"), ("password", password.as_str())];
    assert!(all.form("/setup", &fields).await.0 >= 400);
    for secret in [&wrong, &secret] {
        let user = json!({
            "username": "erna", "password": password, "email": email, "display_name": shown,
        });
        let body = json!({ "secret": secret, "user": user });
        let request = all.ask(Method::POST, "/api/v1/users/bootstrap").json(&body);
        let (status, _, body) = all.send(request).await;
        if status == 201 {
            all.keep("first token", body["plain_token"].as_str().unwrap());
        } else {
            assert_eq!(status, 403, "{body}");
        }
    }
    assert!(all.site.parts.graph.snapshot().bootstrapped());
}

async fn sign_in(all: &mut Visitor<'_>, password: &str) {
    let (wrong, as_name) = (all.canary("wrong password"), all.canary("password typed as name"));
    for (name, password, good) in [
        ("erna", wrong.as_str(), false),
        ("nobody", wrong.as_str(), false),
        (as_name.as_str(), "", false),
        (as_name.as_str(), as_name.as_str(), false),
        ("erna", password, true),
    ] {
        let fields = [("name", name), ("password", password), ("return_to", "/repositories")];
        let (status, cookies, _) = all.form("/sign-in", &fields).await;
        assert_eq!(status, if good { 303 } else { 401 });
        // The form gives what was typed as a name back to whoever typed it, there and nowhere else.
        all.answers = all.answers.replace(&format!("value=\"{as_name}\""), "");
        if !good {
            continue;
        }
        let session = cookies.split(['=', ';']).nth(1).unwrap().to_owned();
        all.keep("session", &session);
        // With the session: a page, a form without its token, a sign-out with it.
        let page = all.ask(Method::GET, "/me/tokens").header("cookie", &cookies);
        let (status, _, page) = all.send(page).await;
        assert_eq!(status, 200);
        let page = page.as_str().unwrap().to_owned();
        let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap();
        let csrf = csrf.split('"').next().unwrap().to_owned();
        all.keep("form's token", &csrf);
        for (token, expected) in [("wrong", 403), (csrf.as_str(), 303)] {
            let request = all.ask(Method::POST, "/sign-out").header("cookie", &cookies);
            let (status, ..) = all.send(request.form(&[("csrf", token)])).await;
            assert_eq!(status, expected);
        }
        let over = all.ask(Method::GET, "/me/tokens").header("cookie", &cookies);
        assert_eq!(all.send(over).await.0, 303);
    }
}

async fn tokens(all: &mut Visitor<'_>, password: &str) {
    let wrong = all.canary("wrong password for a token");
    let query = format!("/v2/token?service={SERVICE}&scope=repository:erna/app:pull,push");
    let offline = format!("{query}&offline_token=true&account=erna");
    let mut refresh = String::new();
    for (secret, good) in [(wrong.as_str(), false), (password, true)] {
        let request = all.ask(Method::GET, &offline).basic_auth("erna", Some(secret));
        let (status, _, body) = all.send(request).await;
        assert_eq!(status, if good { 200 } else { 401 });
        if good {
            let token = body["token"].as_str().unwrap();
            all.keep("registry token's signature", token.rsplit('.').next().unwrap());
            refresh = body["refresh_token"].as_str().unwrap().to_owned();
            all.keep("refresh token", &refresh);
        }
        let form = [
            ("grant_type", "password"),
            ("service", SERVICE),
            ("client_id", "docker"),
            ("username", "erna"),
            ("password", secret),
        ];
        assert_eq!(all.form("/v2/token", &form).await.0, if good { 200 } else { 401 });
    }
    let wrong_refresh = all.canary("wrong refresh token");
    for (token, good) in [(refresh.as_str(), true), (wrong_refresh.as_str(), false)] {
        let form = [
            ("grant_type", "refresh_token"),
            ("service", SERVICE),
            ("client_id", "docker"),
            ("refresh_token", token),
        ];
        let (status, ..) = all.form("/v2/token", &form).await;
        assert_eq!(status == 200, good, "{status}");
    }
    // In places where no secret belongs.
    let lost = all.canary("misplaced");
    for path in [
        format!("{query}&password={lost}&access_token={lost}"),
        format!("/?code={lost}&state={lost}"),
        format!("/sign-in?password={lost}"),
        format!("/api/v1/users?token={lost}"),
    ] {
        all.send(all.ask(Method::GET, &path)).await;
    }
    for header in [
        lost.clone(),
        format!("Basic {lost}"),
        format!("Bearer {lost}"),
        format!("Digest username=\"erna\", response=\"{lost}\""),
        format!("Basic {}", BASE64_STANDARD.encode(&lost)),
    ] {
        for path in [query.as_str(), "/api/v1/users", "/v2/webhooks/events"] {
            let method = if path.ends_with("events") { Method::POST } else { Method::GET };
            let request = all.ask(method, path).header("authorization", &header).body("{}");
            let (status, ..) = all.send(request).await;
            assert!((400..500).contains(&status), "{path} {header}: {status}");
        }
    }
    let request =
        all.ask(Method::GET, "/api/v1/users").header("portus-auth", format!("erna:{lost}"));
    assert_eq!(all.send(request).await.0, 401);
    let request = all.ask(Method::GET, "/repositories").header("cookie", format!("portus={lost}"));
    all.send(request).await;
}

async fn rest(all: &mut Visitor<'_>, password: &str) {
    let (first, second) = (all.canary("alice's password"), all.canary("alice's next password"));
    let short = all.canary("short")[..9].to_owned();
    all.keep("a password that is too short", &short);
    let misplaced = all.canary("password in the wrong place");
    let long = "x".repeat(2_000) + &all.canary("a password that is too long");
    let user = |user: Value| json!({ "user": user });
    let bodies = [
        (user(json!({ "username": "alice", "password": first })), 201),
        (user(json!({ "username": "bob", "password": short })), 422),
        (user(json!({ "username": "bob", "password": long })), 422),
        (user(json!({ "username": "bob", "password": [misplaced] })), 400),
        (user(json!({ "username": "bob", "password": { "is": misplaced } })), 400),
        (user(json!(misplaced)), 400),
        (json!(misplaced), 400),
        (user(json!({ "username": "bob", "bot": misplaced })), 400),
    ];
    for (body, expected) in bodies {
        let request = all.ask(Method::POST, "/api/v1/users").basic_auth("erna", Some(password));
        let (status, _, answer) = all.send(request.json(&body)).await;
        assert_eq!(status, expected, "{answer}");
    }
    let request = all.ask(Method::PUT, "/api/v1/users/alice").basic_auth("erna", Some(password));
    let (status, ..) = all.send(request.json(&user(json!({ "password": second })))).await;
    assert_eq!(status, 200);

    let path = "/api/v1/users/alice/application_tokens";
    let request = all.ask(Method::POST, path).basic_auth("alice", Some(&second));
    let (status, _, body) = all.send(request.json(&json!({ "application": "ci" }))).await;
    assert_eq!(status, 201, "{body}");
    let token = body["plain_token"].as_str().unwrap().to_owned();
    all.keep("application token", &token);
    let nearly =
        format!("{}{}", &token[..token.len() - 1], if token.ends_with('0') { 1 } else { 0 });
    for (token, expected) in [(&token, 200), (&nearly, 401)] {
        let at = "/api/v1/namespaces";
        for request in [
            all.ask(Method::GET, at).basic_auth("alice", Some(token)),
            all.ask(Method::GET, at).bearer_auth(token),
            all.ask(Method::GET, at).header("portus-auth", format!("alice:{token}")),
        ] {
            assert_eq!(all.send(request).await.0, expected);
        }
    }
    all.keep("nearly the application token", &nearly);
    let id = body["id"].clone();
    let path = format!("/api/v1/users/application_tokens/{id}");
    let request = all.ask(Method::DELETE, &path).basic_auth("alice", Some(&second));
    assert_eq!(all.send(request).await.0, 204);
    let request = all.ask(Method::GET, "/api/v1/namespaces").bearer_auth(&token);
    assert_eq!(all.send(request).await.0, 401);
}

async fn notifications(all: &mut Visitor<'_>, password: &str) {
    let (secret, wrong) = (all.site.registry_secret.clone(), all.canary("wrong registry secret"));
    all.keep("registry's secret", &secret);
    let path = "/api/v1/registries/main/secret";
    let request = all.ask(Method::POST, path).basic_auth("erna", Some(password));
    let (status, _, body) = all.send(request).await;
    assert!((200..300).contains(&status), "{body}");
    let renewed = body["notification_secret"].as_str().unwrap().to_owned();
    all.keep("registry's new secret", &renewed);
    for (secret, good) in [(&secret, true), (&renewed, true), (&wrong, false)] {
        for body in ["{\"events\": []}", "nonsense", ""] {
            let events = all.ask(Method::POST, "/v2/webhooks/events").bearer_auth(secret);
            let (status, ..) = all.send(events.body(body)).await;
            assert_eq!((200..300).contains(&status), good, "{status}");
        }
    }
}

/// Every row that the service has written: log, keys of appends, read models, and the vault, which
/// holds secrets as hashes or sealed.
async fn rows(site: &Site) -> String {
    let owner = &site.ground.database.owner;
    let tables: Vec<(String, String)> = sqlx::query_as(
        "SELECT schemaname::text, tablename::text FROM pg_tables
         WHERE schemaname = 'log' OR schemaname LIKE 'read%' OR schemaname = 'vault' ORDER BY 1, 2",
    )
    .fetch_all(owner)
    .await
    .unwrap();
    assert!(tables.len() > 20, "{tables:?}");
    let mut all = String::new();
    for (schema, table) in tables {
        let sql = format!("SELECT t::text FROM {schema}.{table} t");
        let rows: Vec<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(owner).await.unwrap();
        for row in rows {
            let _ = writeln!(all, "{schema}.{table} {row}");
        }
    }
    all
}
