//! Whether a server can keep a log for us, tried step by step, so that the first thing that is
//! wrong has a name.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use eventstore::{ClientSettings, EventData, ExpectedRevision};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use uuid::Uuid;

use crate::connection::{Connection, NotWritten, Trouble, Wanted};
use crate::names::Names;
use crate::prepare;
use crate::settings::{self, SettingsError};

/// The oldest server that speaks what the client speaks.
const OLDEST: (usize, usize) = (20, 6);

/// What was found when all is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The hosts.
    pub hosts: String,
    /// What the server calls its version, when it tells.
    pub version: Option<String>,
    /// Whether it is talked to encrypted.
    pub encrypted: bool,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // each names what it is, and what to do
pub enum CheckError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("the name {host} is not known: {why}; see log.url")]
    Name { host: String, why: String },
    #[error("nothing answers at {host}: {why}; see that the server runs, and the port in log.url")]
    Port { host: String, why: String },
    #[error("{host} is not talked to over TLS: {why}; see tls and tlsCAFile in log.url")]
    Tls { host: String, why: String },
    #[error("{hosts} answer, but not as an event store: {why}; see tls in log.url")]
    Protocol { hosts: String, why: String },
    #[error("the server does not take user and password; see log.url")]
    Credentials,
    #[error(
        "the user may not {what} streams whose names begin with {name}.; see the server's access list"
    )]
    Rights { what: &'static str, name: String },
    #[error("the server's version {found} is older than {}.{}; upgrade it", OLDEST.0, OLDEST.1)]
    Version { found: String },
    #[error("what was appended to a scratch stream was not read back from it: {0}")]
    Lost(String),
}

impl CheckError {
    /// Whether something could not be reached, rather than being wrong.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Name { .. } | Self::Port { .. } | Self::Lost(_))
    }
}

/// Connects, appends to a scratch stream of the log of that name, and reads it back.
///
/// # Errors
///
/// [`CheckError`], whose text names what is wrong, and holds no secret.
pub async fn check(url: &str, name: &str, patience: Duration) -> Result<Checked, CheckError> {
    prepare()?;
    let settings = settings::read(url)?;
    reach(&settings, patience).await?;
    let (hosts, encrypted) = (settings::hosts(&settings), settings.is_secure_mode_enabled());
    let connection = Connection::new(settings, patience);
    let protocol =
        |trouble: Trouble| CheckError::Protocol { hosts: hosts.clone(), why: trouble.to_string() };
    let version = connection.version().await.map_err(protocol)?;
    if let Some(found) = version.as_deref().filter(|version| is_too_old(version)) {
        return Err(CheckError::Version { found: found.to_owned() });
    }
    let names = Names::new(name);
    let scratch = names.scratch();
    let rights = |what| CheckError::Rights { what, name: name.to_owned() };
    // Nothing is there yet; whoever may not even ask is not who they say they are.
    let wanted =
        Wanted { stream: &scratch, from: Some(0), max: 1, bytes: usize::MAX, resolve: false };
    connection.read(&wanted, patience).await.map_err(|trouble| match trouble {
        Trouble::Hopeless(_) => CheckError::Credentials,
        trouble => protocol(trouble),
    })?;
    let id = Uuid::now_v7();
    let event = EventData::binary("scratch", Bytes::from_static(b"written by a check")).id(id);
    let none = ExpectedRevision::NoStream;
    match connection.append(&scratch, none, vec![event], patience).await {
        Ok(_) | Err(NotWritten::Conflict(Some(0))) => (),
        Err(NotWritten::Conflict(actual)) => return Err(CheckError::Lost(format!("{actual:?}"))),
        Err(NotWritten::Trouble(Trouble::Hopeless(_))) => return Err(rights("write")),
        Err(NotWritten::Trouble(trouble)) => return Err(protocol(trouble)),
    }
    let read = connection.read(&wanted, patience).await.map_err(|trouble| match trouble {
        Trouble::Hopeless(_) => rights("read"),
        trouble => protocol(trouble),
    })?;
    match read.into_iter().next().and_then(|read| read.event) {
        Some(event) if event.id == id => Ok(Checked { hosts, version, encrypted }),
        Some(event) => Err(CheckError::Lost(format!("another event is there, {}", event.id))),
        None => Err(CheckError::Lost("it is empty".to_owned())),
    }
}

/// Name, port and TLS of one host after the other; one that answers is enough, as it is for the
/// client.
pub(crate) async fn reach(settings: &ClientSettings, patience: Duration) -> Result<(), CheckError> {
    let mut first = None;
    for host in settings.hosts() {
        let shown = format!("{}:{}", host.host, host.port);
        match reach_one(settings, &host.host, &shown, patience).await {
            Ok(()) => return Ok(()),
            Err(error) => first = first.or(Some(error)),
        }
    }
    first.map_or(Ok(()), Err)
}

async fn reach_one(
    settings: &ClientSettings,
    name: &str,
    shown: &str,
    patience: Duration,
) -> Result<(), CheckError> {
    let why = |error: Result<io::Error, tokio::time::error::Elapsed>| match error {
        Ok(error) => error.to_string(),
        Err(_) => format!("no answer within {} s", patience.as_secs_f32()),
    };
    let unknown = |error| CheckError::Name { host: name.to_owned(), why: why(error) };
    let found = match timeout(patience, tokio::net::lookup_host(shown)).await {
        Ok(Ok(found)) => found.collect::<Vec<_>>(),
        Ok(Err(error)) => return Err(unknown(Ok(error))),
        Err(elapsed) => return Err(unknown(Err(elapsed))),
    };
    let silent = |error| CheckError::Port { host: shown.to_owned(), why: why(error) };
    let stream = match timeout(patience, TcpStream::connect(found.as_slice())).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(silent(Ok(error))),
        Err(elapsed) => return Err(silent(Err(elapsed))),
    };
    if !settings.is_secure_mode_enabled() || !settings.is_tls_certificate_verification_enabled() {
        return Ok(());
    }
    let failed = |why: String| CheckError::Tls { host: shown.to_owned(), why };
    let server =
        ServerName::try_from(name.to_owned()).map_err(|error| failed(error.to_string()))?;
    let connector = TlsConnector::from(Arc::new(tls(settings).map_err(failed)?));
    match timeout(patience, connector.connect(server, stream)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(elapsed) => Err(failed(why(Err(elapsed)))),
    }
}

fn tls(settings: &ClientSettings) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    match settings.tls_ca_file() {
        Some(path) => {
            let read = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
            for certificate in read.flatten() {
                roots.add(certificate).map_err(|error| error.to_string())?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let mut tls =
        rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    Ok(tls)
}

fn is_too_old(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|number| number.parse::<usize>().ok());
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    found < OLDEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_before_the_protocol_are_too_old() {
        let old = ["5.0.11", "20.5.9", "", "x"];
        let good = ["20.6.1", "21.10.0", "23.10.6", "26.2.0"];
        assert!(old.iter().all(|version| is_too_old(version)));
        assert!(!good.iter().any(|version| is_too_old(version)));
    }
}
