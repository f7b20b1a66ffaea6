//! The address that registries send clients to.

/// What does not work with some client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It has no scheme.
    #[error("the token realm `{0}` is no address")]
    NoAddress(String),
    /// Its host is an IP address.
    #[error(
        "the token realm's host is the IP address {0}; crane refuses private and loopback addresses \
         there: use a DNS name (`localhost` works)"
    )]
    Ip(String),
    /// It is on the network without TLS.
    #[error(
        "the token realm `{0}` is not https: passwords go there in clear, and crane refuses it for a \
         registry that is https"
    )]
    NotHttps(String),
}

/// What will not work with some client when the realm is `url`; `None`: nothing known.
#[must_use]
pub fn problem(url: &str) -> Option<Problem> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Some(Problem::NoAddress(url.to_owned()));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let bare = authority.rsplit('@').next().unwrap_or_default();
    let host = match bare.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => bare.split(':').next().unwrap_or_default(),
    };
    if host.parse::<std::net::IpAddr>().is_ok() {
        return Some(Problem::Ip(host.to_owned()));
    }
    if scheme != "https" && host != "localhost" {
        return Some(Problem::NotHttps(url.to_owned()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::problem;

    /// Edge case 65 of the token endpoint.
    #[test]
    fn the_realm_is_a_dns_name_with_https() {
        assert_eq!(problem("https://auth.example.test/v2/token"), None);
        assert_eq!(problem("https://auth.example.test:8443/v2/token"), None);
        assert_eq!(problem("http://localhost:3000/v2/token"), None);
        for bad in [
            "https://10.0.0.1/v2/token",
            "http://127.0.0.1:3000/v2/token",
            "https://[fd00::1]:3000/v2/token",
            "http://auth.example.test/v2/token",
            "auth.example.test",
        ] {
            assert!(problem(bad).is_some(), "{bad}");
        }
    }
}
