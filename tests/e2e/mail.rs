//! Mail by a real server, in each way of encryption, and what is refused.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;
use tests::program::{Program, binary};
use tests::watched::{Watched, absent, eventually, scratch, within};
use tests::witness;

/// Debian's own interpreter, which has Debian's modules.
const PYTHON: &str = "/usr/bin/python3";
/// How long the server may take to start, and a mail to come.
const PATIENCE: Duration = Duration::from_secs(60);
const ACCOUNT: &str = "portus";
const PASSWORD: &str = "the real mail server's password";

/// A mail server of this machine.
struct Server {
    watched: Watched,
    folder: PathBuf,
    port: u16,
}

impl Server {
    /// One that talks in `mode`, with a certificate for `host`; `None` where there is no such program.
    fn start(mode: &str, host: &str) -> Option<Self> {
        let here = Command::new(PYTHON).args(["-c", "import aiosmtpd"]).output();
        if !here.is_ok_and(|output| output.status.success()) {
            absent("this test needs the Debian package python3-aiosmtpd");
            return None;
        }
        let folder = scratch("pm");
        let path = |name: &str| folder.join(name).display().to_string();
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new([host.to_owned()]).expect("a name");
        let certificate = certificate.self_signed(&key).expect("a certificate");
        std::fs::write(path("certificate.pem"), certificate.pem()).expect("written");
        std::fs::write(path("key.pem"), key.serialize_pem()).expect("written");
        std::fs::write(path("password"), PASSWORD).expect("written");
        std::fs::write(path("server.py"), include_str!("mail_server.py")).expect("written");
        let (certificate, key) = (path("certificate.pem"), path("key.pem"));
        let program = path("server.py");
        let arguments = [&program, mode, &certificate, &key, ACCOUNT, PASSWORD];
        let tidy = format!("rm -rf {}", folder.display());
        let state = folder.join("state");
        let watched = Watched::start(&state, &tidy, Path::new(PYTHON), &arguments, &[]);
        let port = within(PATIENCE, || watched.log().lines().next()?.parse().ok());
        let port = port.unwrap_or_else(|| panic!("no mail server: {}", watched.log_tail()));
        Some(Self { watched, folder, port })
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Which commands it has been given.
    fn told(&self) -> Vec<Value> {
        let log = self.watched.log();
        let lines = log.lines().skip(1);
        lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The settings by which the program talks to it, with the password in a file.
    fn settings(&self, tls: &str) -> Vec<(String, String)> {
        [
            ("PORTUS_MAIL__HOST", "localhost".to_owned()),
            ("PORTUS_MAIL__PORT", self.port.to_string()),
            ("PORTUS_MAIL__TLS", tls.to_owned()),
            ("PORTUS_MAIL__FROM", "Portus <portus@example.org>".to_owned()),
            ("PORTUS_MAIL__USER", ACCOUNT.to_owned()),
            ("PORTUS_MAIL__PASSWORD_FILE", self.file("password")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// That its certificate is to be trusted.
    fn trusted(&self) -> (String, String) {
        ("SSL_CERT_FILE".to_owned(), self.file("certificate.pem"))
    }
}

/// What `portus check` says of mail: how it is, and its words.
fn check(settings: &[(String, String)]) -> (String, String) {
    let folder = scratch("pc");
    let output = Command::new(binary())
        .args(["check", "--json", "--data-dir"])
        .arg(folder.join("data"))
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .output()
        .expect("portus runs");
    let _ = std::fs::remove_dir_all(&folder);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!said.contains(PASSWORD), "{said}");
    let said: Value = serde_json::from_str(&said).unwrap_or_else(|err| panic!("{err}: {said}"));
    let findings = said["findings"].as_array().expect("a list");
    let mail = findings.iter().find(|finding| finding["what"] == "mail");
    let mail = mail.unwrap_or_else(|| panic!("nothing of mail: {said}"));
    let text = |name: &str| mail[name].as_str().unwrap_or_default().to_owned();
    (text("level"), text("text"))
}

#[tokio::test]
async fn each_way_of_encryption_is_talked_and_the_check_says_so() {
    for (mode, tls) in [("starttls", "starttls"), ("tls", "tls"), ("clear", "none")] {
        let Some(server) = Server::start(mode, "localhost") else { return };
        let mut settings = server.settings(tls);
        settings.push(server.trusted());
        let (level, text) = check(&settings);
        assert_eq!(
            (level.as_str(), text.as_str()),
            ("ok", "localhost takes mail from us"),
            "{mode}"
        );
        let told = server.told();
        assert_eq!(told.len(), 1, "{mode}: {told:?}");
        assert_eq!(told[0]["command"], "AUTH");
        assert_eq!(told[0]["encrypted"], mode != "clear", "{mode}");
    }
}

#[tokio::test]
async fn whatever_is_not_safe_is_refused_before_a_secret_is_said() {
    for (mode, tls, host, trusted, said) in [
        // Nobody vouches for it, or it is another's.
        ("starttls", "starttls", "localhost", false, "certificate"),
        ("tls", "tls", "localhost", false, "certificate"),
        ("starttls", "starttls", "elsewhere.example", true, "certificate"),
        ("tls", "tls", "elsewhere.example", true, "certificate"),
        // It does not offer what was asked for: nothing goes in clear instead.
        ("clear", "starttls", "localhost", true, "STARTTLS"),
    ] {
        let Some(server) = Server::start(mode, host) else { return };
        let mut settings = server.settings(tls);
        if trusted {
            settings.push(server.trusted());
        }
        let (level, text) = check(&settings);
        assert_eq!(level, "unreachable", "{mode}: {text}");
        assert!(text.contains(said), "{mode}, {host}: {text}");
        assert_eq!(server.told(), Vec::<Value>::new(), "{mode}: a secret was said");
    }
}

#[tokio::test]
async fn a_wrong_password_and_a_silent_port_are_named() {
    let Some(server) = Server::start("starttls", "localhost") else { return };
    let mut settings = server.settings("starttls");
    settings.push(server.trusted());
    std::fs::write(server.file("password"), "another one").expect("written");
    let (level, text) = check(&settings);
    assert_eq!(level, "fail", "{text}");
    assert!(text.contains("535") && text.contains("mail.password"), "{text}");

    let port = settings.iter_mut().find(|(name, _)| name == "PORTUS_MAIL__PORT");
    port.expect("a port").1 = tests::watched::free_port().to_string();
    let (level, text) = check(&settings);
    assert_eq!(level, "unreachable", "{text}");
    assert!(text.contains("mail.port"), "{text}");
}

#[tokio::test]
async fn a_link_comes_by_starttls_and_stands_nowhere_else() {
    let Some(server) = Server::start("starttls", "localhost") else { return };
    if !tests::watched::have(&["docker-registry", "initdb"]) {
        return;
    }
    let mut settings = server.settings("starttls");
    settings.push(server.trusted());
    let settings: Vec<_> = settings.iter().map(|(name, value)| (&**name, &**value)).collect();
    let site = Program::start_with(&settings).await;
    let alice = site.person("alice").await;
    let address = format!("{}@example.test", alice.name);

    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let ask = async |who: &str| {
        let form = [("who", who)];
        let asked = http.post(format!("{}/password", site.url())).form(&form).send().await;
        let answer = asked.expect("an answer");
        (answer.status(), answer.text().await.expect("a page"))
    };
    let (status, page) = ask(&alice.name).await;
    assert!(status.is_success(), "{page}");
    let mail = eventually(PATIENCE, async || {
        server.told().into_iter().find(|told| told["command"] == "DATA")
    });
    let mail = mail.await.unwrap_or_else(|| panic!("no mail: {}", site.log_tail()));
    assert_eq!(mail["to"], serde_json::json!([address]));
    assert_eq!(mail["signed_in"], true);
    let all = server.told();
    assert!(all.iter().all(|told| told.get("encrypted") != Some(&Value::Bool(false))), "{all:?}");
    let text = mail["text"].as_str().unwrap_or_default().replace("=\r\n", "").replace("=3D", "=");
    let link = text.split_whitespace().find(|word| word.contains("/password/")).expect("a link");
    let secret = link.rsplit('/').next().expect("a secret");
    assert!(secret.len() >= 20, "{link}");

    witness::never_in_log(&site, 0, secret).await;
    let log = site.log();
    for hidden in [secret, PASSWORD, &address] {
        assert!(!log.contains(hidden), "{hidden} stands in the lines of the log");
    }

    // Without the server nobody waits, and nobody learns who is there.
    drop(server);
    let (known, there) = ask(&alice.name).await;
    let (unknown, absent) = ask("nobody-here").await;
    assert_eq!((known, &there), (unknown, &absent));
    let told =
        eventually(PATIENCE, async || site.log().contains("could not be sent").then_some(()));
    assert!(told.await.is_some(), "{}", site.log_tail());
    assert!(!site.log().contains(&address));
}
