//! Under which addresses we are reached.

use std::net::SocketAddr;

use crate::config::Config;

/// How clients reach us: as configured, else by the listener's own address.
pub(super) fn external_url(config: &Config, address: SocketAddr) -> String {
    config.http.external_url.clone().unwrap_or_else(|| format!("http://{}", reachable(address)))
}

/// An address that can be called from this machine; a listener on all addresses is on loopback.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Some clients refuse a realm on a loopback address, but none refuses `localhost`.
pub(crate) fn as_realm(url: &str) -> String {
    match url.strip_prefix("http://127.0.0.1:") {
        Some(port) => format!("http://localhost:{port}"),
        None => url.to_owned(),
    }
}
