//! The connection string: read, held against what the client would stumble over, and never shown.

use std::path::Path;

use eventstore::ClientSettings;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a connection string is not taken. No text quotes it: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // each names what is wrong
pub enum SettingsError {
    #[error(
        "log.url cannot be read; it looks like esdb://user:password@host:2113?tls=true, and \
         several hosts are separated by commas"
    )]
    Unreadable,
    #[error("log.url: {name} names {path}, which {why}")]
    File { name: &'static str, path: String, why: String },
    #[error("log.url: the certificates of this machine cannot be read, {0}; name a tlsCAFile")]
    Roots(String),
    #[error(
        "another TLS provider was installed before the client of the event log; \
         eventstore_log::prepare must be called first"
    )]
    Provider,
}

/// A connection that the client can work with.
///
/// The client reads certificates when it connects, in a task that panics where it cannot; so they
/// are looked at here. It also reads those of the machine when it does not encrypt at all.
pub(crate) fn read(url: &str) -> Result<ClientSettings, SettingsError> {
    // The client waits so long before its first attempt, too, and its own half a second is long.
    let url = &with(url, "discoveryInterval", "50");
    let url = &with(url, "maxDiscoverAttempts", "20");
    // The parser's own words quote the whole string.
    let settings: ClientSettings = url.parse().map_err(|_| SettingsError::Unreadable)?;
    if settings.hosts().iter().any(|host| host.host.is_empty()) || settings.hosts().is_empty() {
        return Err(SettingsError::Unreadable);
    }
    if !settings.is_secure_mode_enabled() {
        return without_roots(url);
    }
    match settings.tls_ca_file() {
        Some(path) => certificates("tlsCAFile", path)?,
        None => roots()?,
    }
    if let Some((certificate, key)) = settings.user_certificate() {
        certificates("userCertFile", certificate)?;
        PrivateKeyDer::from_pem_file(key)
            .map_err(|error| file("userKeyFile", key, format!("holds no key: {error}")))?;
    }
    Ok(settings)
}

/// The hosts, for people.
pub(crate) fn hosts(settings: &ClientSettings) -> String {
    let hosts = settings.hosts().iter().map(|host| format!("{}:{}", host.host, host.port));
    hosts.collect::<Vec<_>>().join(", ")
}

fn certificates(
    name: &'static str,
    path: &(impl AsRef<Path> + ?Sized),
) -> Result<(), SettingsError> {
    let path = path.as_ref();
    let read = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<CertificateDer<'_>>, _>>)
        .map_err(|error| file(name, path, format!("cannot be read: {error}")))?;
    if read.is_empty() {
        return Err(file(name, path, "holds no certificate".to_owned()));
    }
    let mut store = rustls::RootCertStore::empty();
    for certificate in read {
        store
            .add(certificate)
            .map_err(|error| file(name, path, format!("holds a bad certificate: {error}")))?;
    }
    Ok(())
}

fn file(name: &'static str, path: impl AsRef<Path>, why: String) -> SettingsError {
    SettingsError::File { name, path: path.as_ref().display().to_string(), why }
}

fn roots() -> Result<(), SettingsError> {
    let read = rustls_native_certs::load_native_certs();
    if let Some(error) = read.errors.first() {
        return Err(SettingsError::Roots(error.to_string()));
    }
    let mut store = rustls::RootCertStore::empty();
    for certificate in read.certs {
        store.add(certificate).map_err(|error| SettingsError::Roots(error.to_string()))?;
    }
    Ok(())
}

/// The same, with an empty file of certificates.
fn without_roots(url: &str) -> Result<ClientSettings, SettingsError> {
    let url = with(url, "tlsCAFile", "/dev/null");
    // Nobody needs to be told that this file is not used.
    let silence = tracing::subscriber::NoSubscriber::default();
    tracing::subscriber::with_default(silence, || url.parse())
        .map_err(|_| SettingsError::Unreadable)
}

/// With a parameter, unless it has that one.
fn with(url: &str, name: &str, value: &str) -> String {
    let parameters = url.split_once('?').map(|(_, parameters)| parameters);
    let names = parameters.into_iter().flat_map(|text| text.split('&'));
    let mut names = names.filter_map(|text| text.split('=').next());
    if names.any(|named| named.eq_ignore_ascii_case(name)) && name != "tlsCAFile" {
        return url.to_owned();
    }
    let joint = if parameters.is_some() { '&' } else { '?' };
    format!("{url}{joint}{name}={value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_not_quoted() {
        for url in ["", "esdb://admin:hunter2@[::", "http//:hunter2", "esdb://u:hunter2@h:x"] {
            let error = read(url).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_missing_or_empty_file_of_certificates_is_named() {
        let folder = std::env::temp_dir();
        for path in ["/nowhere/ca.pem", "/dev/null", &folder.display().to_string()] {
            let error = read(&format!("esdb://h:2113?tlsCAFile={path}")).unwrap_err();
            assert!(error.to_string().contains("tlsCAFile"), "{error}");
            assert!(error.to_string().contains(path), "{error}");
        }
    }

    #[test]
    fn without_encryption_no_certificates_are_read_and_all_else_stays() {
        let url = "esdb://admin:changeit@a:2113,b:2114?tls=false&nodePreference=leader";
        let (plain, read) = (url.parse::<ClientSettings>().unwrap(), read(url).unwrap());
        assert_eq!(read.tls_ca_file(), Some(&"/dev/null".to_owned()));
        assert_eq!(read.hosts(), plain.hosts());
        assert_eq!(read.default_authenticated_user(), plain.default_authenticated_user());
        assert_eq!(hosts(&read), "a:2113, b:2114");
    }
}
