//! `portus check`: each setting with its source, and whether everything that the service needs
//! can be had.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use comfy_table::{Table, presets};
use commands::desk::Clock;
use jiff::Timestamp;
#[cfg(feature = "eventstore")]
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde_json::json;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use super::{Done, Failure, say};
use crate::config::{Config, LogStore, Mail, MailTls, Resolved};
use crate::data_dir::{DataDir, DataDirError};
use crate::database;
use crate::foundation::{KEYS, MASTER_KEY, Reach, running_postgres};
use crate::mail::{MailError, Mailer};
use crate::registry::keys::{KeyForm, KeyStore};

/// How long one attempt to reach something may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How far the database's clock may be from ours: tokens allow for a minute.
const CLOCK_WARN: f64 = 2.0;
const CLOCK_FAIL: f64 = 60.0;

/// How good something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    Warn,
    Fail,
    /// It does not answer at all.
    Unreachable,
}

/// One thing that was tried.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    level: Level,
    /// How it is, and what to do about it.
    text: String,
}

fn finding(what: &'static str, level: Level, text: impl Into<String>) -> Finding {
    Finding { what, level, text: text.into() }
}

pub(super) async fn run(config: &Config, resolved: &Resolved, as_json: bool) -> Done {
    let mut findings = Vec::new();
    let data = data_folder(config, &mut findings);
    database(config, data.as_ref(), &mut findings).await;
    findings.extend(event_log(config).await);
    registry(config, &mut findings).await;
    findings.extend(realm(config));
    findings.extend(mail(config).await);
    print(config, resolved, &findings, as_json);
    if findings.iter().any(|finding| finding.level == Level::Unreachable) {
        return Err(Failure::unreachable("something that is needed could not be reached"));
    }
    if findings.iter().any(|finding| finding.level == Level::Fail) {
        return Err(Failure::failed("something is wrong, see above"));
    }
    Ok(())
}

fn print(config: &Config, resolved: &Resolved, findings: &[Finding], as_json: bool) {
    // The folder that is used, where nobody named one.
    let effective = |name: &str, shown: String| match name {
        "data_dir" => config.data_dir.display().to_string(),
        _ => shown,
    };
    let settings =
        resolved.shown().map(|(key, value, source)| (key.name, effective(key.name, value), source));
    if as_json {
        let settings: Vec<_> = settings
            .map(|(key, value, source)| {
                json!({ "key": key, "value": value, "source": source.to_string() })
            })
            .collect();
        say(json!({ "settings": settings, "findings": findings }));
        return;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (key, value, source) in settings {
        table.add_row([key.to_owned(), value, source.to_string()]);
    }
    say(table);
    say("");
    for Finding { what, level, text } in findings {
        let level = match level {
            Level::Ok => "ok  ",
            Level::Warn => "warn",
            Level::Fail | Level::Unreachable => "FAIL",
        };
        say(format_args!("{level}  {what}: {text}"));
    }
}

/// Whether the server of the event log takes a scratch event from us, and gives it back.
async fn event_log(config: &Config) -> Option<Finding> {
    match &config.log.store {
        LogStore::Postgres => None,
        #[cfg(feature = "eventstore")]
        LogStore::EventStore { url, name } => Some(event_store(url, name).await),
        #[cfg(not(feature = "eventstore"))]
        LogStore::EventStore { .. } => None,
    }
}

#[cfg(feature = "eventstore")]
async fn event_store(url: &secrecy::SecretString, name: &str) -> Finding {
    const WHAT: &str = "event log";
    match eventstore_log::check(url.expose_secret(), name, PATIENCE).await {
        Ok(found) => {
            let version = found.version.map_or_else(
                || "of an unknown version".to_owned(),
                |version| format!("of version {version}"),
            );
            let hosts = found.hosts;
            let text = format!("a server {version} at {hosts} keeps what we append for {name}");
            if found.encrypted {
                finding(WHAT, Level::Ok, text)
            } else {
                finding(WHAT, Level::Warn, format!("{text}; it is not talked to encrypted"))
            }
        }
        Err(error) if error.is_unreachable() => {
            finding(WHAT, Level::Unreachable, error.to_string())
        }
        Err(error) => finding(WHAT, Level::Fail, error.to_string()),
    }
}

/// Whether clients can use the address that registries send them to. On one machine nobody sets
/// one, and there is nothing to say.
fn realm(config: &Config) -> Option<Finding> {
    let url = config.http.external_url.as_ref()?;
    Some(match crate::registry::realm::problem(url) {
        Some(problem) => finding("token realm", Level::Warn, problem.to_string()),
        None => finding("token realm", Level::Ok, url.clone()),
    })
}

/// Whether the mail server takes us; nothing is sent.
async fn mail(config: &Config) -> Option<Finding> {
    const WHAT: &str = "mail";
    let mail = config.mail.as_ref()?;
    let checked = match Mailer::new(mail) {
        Ok(mailer) => tokio::time::timeout(PATIENCE, mailer.check()).await,
        Err(error) => return Some(finding(WHAT, Level::Fail, error.to_string())),
    };
    Some(match checked {
        Ok(Ok(())) if in_clear(mail) => {
            let text = format!(
                "{} takes mail from us, in clear: links for new passwords, and mail.password, can be \
                 read on the way; set mail.tls to starttls or tls",
                mail.host
            );
            finding(WHAT, Level::Warn, text)
        }
        Ok(Ok(())) => finding(WHAT, Level::Ok, format!("{} takes mail from us", mail.host)),
        Ok(Err(error @ MailError::Refused(_))) => {
            let text = format!("{}: {error}; see mail.user and mail.password", mail.host);
            finding(WHAT, Level::Fail, text)
        }
        Ok(Err(error)) => {
            let text = format!("{}: {error}; {}", mail.host, what_to_do(&error));
            finding(WHAT, Level::Unreachable, text)
        }
        Err(_) => {
            let text = format!("{}: no answer within {} s", mail.host, PATIENCE.as_secs());
            finding(WHAT, Level::Unreachable, text)
        }
    })
}

/// Whether mail travels in clear over more than this machine.
fn in_clear(mail: &Mail) -> bool {
    let here = mail.host == "localhost"
        || mail.host.parse::<std::net::IpAddr>().is_ok_and(|host| host.is_loopback());
    mail.tls == MailTls::None && !here
}

/// What is most likely wrong, by what the library says of it.
fn what_to_do(error: &MailError) -> &'static str {
    let text = error.to_string();
    if text.contains("certificate") {
        "mail.host must be the name in the server's certificate, and an authority that this system \
         trusts must vouch for it"
    } else if text.contains("STARTTLS") {
        "the server offers no encryption there: set mail.tls to tls and mail.port to the port for \
         it, or have the server offer it"
    } else {
        "see mail.host, mail.port and mail.tls"
    }
}

fn data_folder(config: &Config, findings: &mut Vec<Finding>) -> Option<DataDir> {
    const WHAT: &str = "data folder";
    let data = match DataDir::open_beside(&config.data_dir) {
        Ok(data) => data,
        Err(DataDirError::Missing(path)) => {
            let text = format!("{} is made at the first start", path.display());
            findings.push(finding(WHAT, Level::Warn, text));
            return None;
        }
        Err(error) => {
            findings.push(finding(WHAT, Level::Fail, error.to_string()));
            return None;
        }
    };
    let state = if data.is_served() { "in use by a running service" } else { "not in use" };
    findings.push(finding(WHAT, Level::Ok, format!("{}, {state}", data.root().display())));
    for name in [MASTER_KEY, KEYS] {
        if let Some(finding) = private(&data.root().join(name)) {
            findings.push(finding);
        }
    }
    findings.extend(signing_key(config, &data.root().join(KEYS)));
    Some(data)
}

/// Whether what signs is what was set; before the first start there is nothing.
fn signing_key(config: &Config, folder: &Path) -> Option<Finding> {
    const WHAT: &str = "signing key";
    if !folder.join("ca.pem").exists() {
        return None;
    }
    let (wanted, now) = (config.token.keys, Clock::system().now());
    let looked = KeyStore::open_as(folder, wanted, now)
        .and_then(|store| Ok((store.leaf()?, store.next()?.is_some())));
    let (leaf, announced) = match looked {
        Ok(looked) => looked,
        Err(error) => return Some(finding(WHAT, Level::Fail, error.to_string())),
    };
    let has = leaf.public.key.algorithm();
    let text = format!("{has}, {}", leaf.public.thumbprint);
    let by_id = wanted.form == KeyForm::KeyId;
    Some(if has != wanted.algorithm && by_id {
        let text = format!(
            "{text}; token.algorithm is {}: run `portus keys rotate`, give registries the new \
             key, and run it again",
            wanted.algorithm
        );
        finding(WHAT, Level::Warn, text)
    } else if has != wanted.algorithm {
        let text = format!("{text}; changes to {} when the service starts", wanted.algorithm);
        finding(WHAT, Level::Ok, text)
    } else if announced {
        let text = format!("{text}; another one is announced: `portus keys rotate` lets it sign");
        finding(WHAT, Level::Warn, text)
    } else {
        finding(WHAT, Level::Ok, text)
    })
}

/// A file or folder with keys is for its owner alone; one that is not there yet says nothing.
fn private(path: &Path) -> Option<Finding> {
    const WHAT: &str = "keys";
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let shown = path.display();
    Some(if mode & 0o077 == 0 {
        finding(WHAT, Level::Ok, format!("{shown} is readable by its owner alone"))
    } else {
        let text = format!("{shown} can be read by others (mode {mode:o}); chmod go= {shown}");
        finding(WHAT, Level::Fail, text)
    })
}

async fn database(config: &Config, data: Option<&DataDir>, findings: &mut Vec<Finding>) {
    const WHAT: &str = "database";
    let options = match (config.database.url.is_some(), data) {
        (false, None) if config.embedded => {
            findings.push(finding(WHAT, Level::Ok, "embedded, made at the first start"));
            return;
        }
        (false, Some(data)) => match (Reach::beside(config, data), running_postgres(data)) {
            (Ok(_), Some(options)) => options,
            (Ok(_), None) => {
                let text = "embedded, not running: it starts with the service";
                findings.push(finding(WHAT, Level::Ok, text));
                return;
            }
            (Err(error), _) => {
                findings.push(finding(WHAT, Level::Fail, error.to_string()));
                return;
            }
        },
        _ => match crate::foundation::external_options(config) {
            Ok(Some(options)) => options,
            Ok(None) => {
                let text = "database.url is not set; set it, or start with --embedded";
                findings.push(finding(WHAT, Level::Fail, text));
                return;
            }
            Err(error) => {
                findings.push(finding(WHAT, Level::Fail, error.to_string()));
                return;
            }
        },
    };
    match tokio::time::timeout(PATIENCE, connect(options)).await {
        Ok(Ok(mut connection)) => {
            if let Err(error) = ask_database(&mut connection, findings).await {
                findings.push(finding(WHAT, Level::Unreachable, error.to_string()));
            }
            let _ = connection.close().await;
        }
        Ok(Err(error)) => findings.push(finding(
            WHAT,
            Level::Unreachable,
            format!("{error}; see that it runs, and that database.url is right"),
        )),
        Err(_) => findings.push(finding(
            WHAT,
            Level::Unreachable,
            format!("no answer within {} s; see that it runs", PATIENCE.as_secs()),
        )),
    }
}

async fn connect(options: PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    options.application_name("portus check").connect().await
}

async fn ask_database(
    connection: &mut PgConnection,
    findings: &mut Vec<Finding>,
) -> Result<(), sqlx::Error> {
    let (version, role): (String, String) =
        sqlx::query_as("SELECT current_setting('server_version'), current_user::text")
            .fetch_one(&mut *connection)
            .await?;
    findings.push(finding("database", Level::Ok, format!("PostgreSQL {version}, as {role}")));

    for (setting, bad) in
        [("fsync", "off"), ("full_page_writes", "off"), ("synchronous_commit", "off")]
    {
        let value: String = sqlx::query_scalar("SELECT current_setting($1)")
            .bind(setting)
            .fetch_one(&mut *connection)
            .await?;
        findings.push(if value == bad {
            let text = format!(
                "{setting} = {value}: acknowledged facts are lost in a power cut; switch it on"
            );
            finding("durability", Level::Fail, text)
        } else {
            finding("durability", Level::Ok, format!("{setting} = {value}"))
        });
    }

    for (set, newest) in database::newest_migrations() {
        let found = database::migrated(connection, set).await?;
        findings.push(match found {
            None => finding("schema", Level::Warn, format!("`{set}` is made at the next start")),
            Some(found) if found > newest => finding(
                "schema",
                Level::Fail,
                format!("`{set}` stands at {found}, which a newer Portus made; upgrade this one"),
            ),
            Some(found) if found < newest => finding(
                "schema",
                Level::Warn,
                format!("`{set}` stands at {found}; the next start brings it to {newest}"),
            ),
            Some(found) => finding("schema", Level::Ok, format!("`{set}` stands at {found}")),
        });
    }

    let now: f64 = sqlx::query_scalar("SELECT extract(epoch FROM clock_timestamp())::float8")
        .fetch_one(&mut *connection)
        .await?;
    findings.push(clock(Clock::system().now(), now));
    Ok(())
}

fn clock(ours: Timestamp, theirs: f64) -> Finding {
    const WHAT: &str = "clock";
    let apart = (ours.as_duration().as_secs_f64() - theirs).abs();
    let text = format!("{apart:.1} s from the database's");
    match apart {
        apart if apart > CLOCK_FAIL => {
            finding(WHAT, Level::Fail, format!("{text}; tokens would be refused, set the clocks"))
        }
        apart if apart > CLOCK_WARN => {
            finding(WHAT, Level::Warn, format!("{text}; set the clocks"))
        }
        _ => finding(WHAT, Level::Ok, text),
    }
}

async fn registry(config: &Config, findings: &mut Vec<Finding>) {
    const WHAT: &str = "registry";
    let Some(registry) = &config.registry else {
        let text = "none in the configuration; more are added by the REST interface";
        findings.push(finding(WHAT, Level::Ok, text));
        return;
    };
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
    let url = format!("{}/v2/", registry.url);
    let answer = match client {
        Ok(client) => client.get(&url).send().await,
        Err(error) => Err(error),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(_) if registry.managed => {
            let text = format!("not running at {url}: it starts with the service");
            findings.push(finding(WHAT, Level::Ok, text));
            return;
        }
        Err(_) => {
            let text = format!(
                "nothing answers at {url}; see that it runs, and that registry.url is right"
            );
            findings.push(finding(WHAT, Level::Unreachable, text));
            return;
        }
    };
    let challenge = answer
        .headers()
        .get(http::header::WWW_AUTHENTICATE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let external = config.http.external_url.clone();
    let external = external.unwrap_or_else(|| format!("http://{}", config.listen));
    findings.push(challenge_finding(
        answer.status().as_u16(),
        challenge,
        &external,
        &registry.service,
    ));
}

/// Whether the registry sends clients to us, for tokens that it will take.
fn challenge_finding(status: u16, challenge: &str, external: &str, service: &str) -> Finding {
    const WHAT: &str = "registry";
    if status != 401 || !challenge.starts_with("Bearer ") {
        let text = format!(
            "answers {status} without asking for a token; set its auth.token, see docs/operating.md"
        );
        return finding(WHAT, Level::Fail, text);
    }
    let named = crate::app::as_realm(external);
    let realms = [named.as_str(), external].map(|url| format!("{url}/v2/token"));
    let realm = parameter(challenge, "realm").unwrap_or_default();
    if !realms.iter().any(|ours| ours == realm) {
        let text = format!(
            "sends clients to {realm}, not to {}; set its auth.token.realm, or http.external_url",
            realms[0]
        );
        return finding(WHAT, Level::Fail, text);
    }
    match parameter(challenge, "service").unwrap_or_default() {
        found if found == service => {
            finding(WHAT, Level::Ok, format!("asks us for tokens, as service {service}"))
        }
        found => {
            let text = format!(
                "calls itself {found}, not {service}; set its auth.token.service, or registry.service"
            );
            finding(WHAT, Level::Fail, text)
        }
    }
}

fn parameter<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    challenge.split_once(&format!("{name}=\""))?.1.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(status: u16, challenge: &str) -> Level {
        challenge_finding(status, challenge, "http://127.0.0.1:3000", "127.0.0.1:5000").level
    }

    #[test]
    fn a_registry_that_sends_people_elsewhere_is_found() {
        let good = r#"Bearer realm="http://127.0.0.1:3000/v2/token",service="127.0.0.1:5000""#;
        assert_eq!(level(401, good), Level::Ok);
        assert_eq!(level(401, &good.replace("3000", "3001")), Level::Fail);
        assert_eq!(level(401, &good.replace("5000", "5001")), Level::Fail);
        assert_eq!(level(200, ""), Level::Fail);
        assert_eq!(level(401, "Basic realm=\"registry\""), Level::Fail);
    }

    #[test]
    fn mail_in_clear_over_the_network_is_found() {
        let mail = |host: &str, tls| Mail {
            host: host.to_owned(),
            port: None,
            tls,
            user: None,
            password: None,
            from: String::new(),
            reset_lifetime: jiff::SignedDuration::from_mins(30),
        };
        assert!(in_clear(&mail("mail.example.org", MailTls::None)));
        assert!(in_clear(&mail("192.0.2.7", MailTls::None)));
        for (host, tls) in [
            ("localhost", MailTls::None),
            ("127.0.0.1", MailTls::None),
            ("::1", MailTls::None),
            ("mail.example.org", MailTls::Starttls),
            ("mail.example.org", MailTls::Tls),
        ] {
            assert!(!in_clear(&mail(host, tls)), "{host}");
        }
    }

    #[test]
    fn a_clock_that_is_off_is_found() {
        let at = Timestamp::from_second(1_000_000).unwrap();
        assert_eq!(clock(at, 1_000_001.0).level, Level::Ok);
        assert_eq!(clock(at, 1_000_010.0).level, Level::Warn);
        assert_eq!(clock(at, 999_900.0).level, Level::Fail);
    }

    #[test]
    fn a_key_that_others_can_read_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        std::fs::write(&key, "").unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(private(&key).unwrap().level, Level::Ok);
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(private(&key).unwrap().level, Level::Fail);
        assert!(private(&folder.path().join("none")).is_none());
    }
}
