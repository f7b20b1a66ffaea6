//! What every request carries from the outermost layer inward: its id, and where it comes from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use commands::desk::Origin;
use commands::once::Once;
use domain::event::{Credential, Door};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue};

/// The header in which a request id comes in, goes to the registry, and goes out.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest request id that we take over from outside, in bytes.
pub const MAX_REQUEST_ID_BYTES: usize = 64;
/// The most of a client's name for itself that we keep, in bytes.
pub const MAX_USER_AGENT_BYTES: usize = 256;

/// A request's id: the caller's own when it is short and plain, else a new one. An extension of
/// every request, and a header of every answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub Arc<str>);

/// Where the request comes from: the peer, or what trusted proxies say. An extension of every
/// request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// Door, request id, address and user agent, ready for the envelope of an event.
#[must_use]
pub fn origin(
    extensions: &Extensions,
    headers: &HeaderMap,
    door: Door,
    credential: Option<Credential>,
) -> Origin {
    Origin {
        door: Some(door),
        credential,
        request: extensions.get::<RequestId>().map(|id| id.0.to_string()),
        address: extensions.get::<ClientAddress>().map(|address| address.0),
        user_agent: headers.get(http::header::USER_AGENT).map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            cut(&text, MAX_USER_AGENT_BYTES).to_owned()
        }),
        once: extensions.get::<Once>().copied(),
    }
}

/// The outermost layer: finds out id and address, and sends the id back.
pub async fn identify(
    State(proxies): State<TrustedProxies>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| is_plain(id))
        .map_or_else(|| uuid::Uuid::now_v7().simple().to_string(), str::to_owned);
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
    let address = proxies.client(peer, request.headers());
    let header = HeaderValue::from_str(&id).ok();
    request.extensions_mut().insert(RequestId(id.into()));
    request.extensions_mut().insert(ClientAddress(address));
    let mut response = next.run(request).await;
    if let Some(header) = header {
        response.headers_mut().insert(REQUEST_ID, header);
    }
    response
}

/// A path or text cut to at most `max` bytes, between characters.
#[must_use]
pub fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn is_plain(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !id.is_empty() && id.len() <= MAX_REQUEST_ID_BYTES && id.chars().all(plain)
}

/// The proxies whose `X-Forwarded-For` is believed; of everybody else it is ignored.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Arc<[Network]>);

impl TrustedProxies {
    /// These.
    #[must_use]
    pub fn new(networks: Vec<Network>) -> Self {
        Self(networks.into())
    }

    /// The client behind `peer`: read from the right, the first address that is not a trusted
    /// proxy. An entry that is no address ends the reading, for whoever wrote it may have written
    /// all that stands left of it.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lists: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
        let entries = lists
            .iter()
            .rev()
            .filter_map(|list| list.to_str().ok())
            .flat_map(|list| list.rsplit(','));
        for entry in entries {
            if !self.0.iter().any(|network| network.contains(client)) {
                break;
            }
            match address(entry.trim()) {
                Some(next) => client = next,
                None => break,
            }
        }
        client
    }
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_matches('"');
    bare.parse::<IpAddr>()
        .or_else(|_| bare.parse::<SocketAddr>().map(|socket| socket.ip()))
        .or_else(|_| bare.trim_start_matches('[').trim_end_matches(']').parse())
        .ok()
        .map(|address: IpAddr| address.to_canonical())
}

/// An address range, such as `10.0.0.0/8`, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether `address` lies in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        fn bits(address: IpAddr) -> (u128, u8) {
            match address {
                IpAddr::V4(v4) => (u128::from(u32::from(v4)) << 96, 32),
                IpAddr::V6(v6) => (u128::from(v6), 128),
            }
        }
        let ((ours, width), (theirs, their_width)) = (bits(self.address), bits(address));
        let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
        width == their_width && ours & mask == theirs & mask
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no address and no range such as `10.0.0.0/8`");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        match bits.unwrap_or(width) {
            bits if bits <= width => Ok(Self { address: address.to_canonical(), bits }),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(list: &[&str]) -> TrustedProxies {
        TrustedProxies::new(list.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn client(proxies: &TrustedProxies, peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_str(value).unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_forwarded_address_counts_only_from_a_trusted_proxy() {
        let trusted = proxies(&["10.0.0.0/8", "::1"]);
        assert_eq!(client(&trusted, "10.1.2.3", &["192.0.2.7"]), "192.0.2.7");
        assert_eq!(client(&trusted, "::1", &["192.0.2.7:4711"]), "192.0.2.7");
        assert_eq!(client(&trusted, "192.0.2.9", &["192.0.2.7"]), "192.0.2.9");
        assert_eq!(client(&proxies(&[]), "10.1.2.3", &["192.0.2.7"]), "10.1.2.3");
    }

    #[test]
    fn what_a_client_wrote_itself_left_of_its_own_address_is_not_believed() {
        let trusted = proxies(&["10.0.0.0/8"]);
        assert_eq!(client(&trusted, "10.0.0.1", &["8.8.8.8, 192.0.2.7, 10.0.0.2"]), "192.0.2.7");
        assert_eq!(client(&trusted, "10.0.0.1", &["8.8.8.8", "192.0.2.7"]), "192.0.2.7");
        assert_eq!(client(&trusted, "10.0.0.1", &["8.8.8.8, nonsense"]), "10.0.0.1");
    }

    #[test]
    fn a_range_holds_its_addresses_and_no_others() {
        let range: Network = "10.32.0.0/11".parse().unwrap();
        assert!(range.contains("10.63.255.255".parse().unwrap()));
        assert!(!range.contains("10.64.0.0".parse().unwrap()));
        let all: Network = "::/0".parse().unwrap();
        assert!(all.contains("2001:db8::1".parse().unwrap()));
        assert!(!all.contains("10.0.0.1".parse().unwrap()));
        for wrong in ["10.0.0.0/33", "::/129", "ten", "10.0.0.0/x", ""] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_user_agent_is_cut_between_characters() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        let mut headers = HeaderMap::new();
        headers.insert("user-agent", HeaderValue::from_str(&"x".repeat(300)).unwrap());
        let origin = origin(&Extensions::new(), &headers, Door::Web, None);
        assert_eq!(origin.user_agent.unwrap().len(), MAX_USER_AGENT_BYTES);
    }
}
