//! What a client sends to the token endpoint, read once: query or form, and one credential.

use axum::body::Body;
use axum::extract::Request;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use domain::scope::Scope;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, Method};
use zeroize::Zeroizing;

use super::answer::Refusal;
use super::{MAX_CLIENT_BYTES, plain};
use crate::client::cut;

/// The longest query or form, in bytes.
pub const MAX_REQUEST_BYTES: usize = 64 * 1_024;
/// The most scopes of one request, before equal ones are united.
pub const MAX_SCOPES: usize = 100;
/// The longest `Authorization` header, in bytes.
pub const MAX_AUTHORIZATION_BYTES: usize = 8 * 1_024;

/// A token request.
pub(super) struct Asked {
    /// For which registry.
    pub(super) service: String,
    /// For what; equal resources united.
    pub(super) scopes: Vec<Scope>,
    /// Whether a refresh token is wanted as well.
    pub(super) offline: bool,
    /// The client's name for itself: plain characters, cut.
    pub(super) client: Option<String>,
    /// The credential.
    pub(super) shown: Shown,
    /// Answers to a POST say what was granted.
    pub(super) is_post: bool,
}

/// What a client shows.
pub(super) enum Shown {
    /// Nothing: anonymous.
    Nothing,
    /// A name, and a password or application token.
    Basic { name: String, secret: Zeroizing<String> },
    /// A refresh token.
    Refresh { token: Zeroizing<String> },
}

/// Reads a request.
///
/// # Errors
///
/// [`Refusal`]: 400, 401, 405 or 415.
pub(super) async fn read(request: Request) -> Result<Asked, Refusal> {
    match *request.method() {
        Method::GET => get(&request),
        Method::POST => post(request).await,
        _ => Err(Refusal::method()),
    }
}

fn get(request: &Request) -> Result<Asked, Refusal> {
    let query = request.uri().query().unwrap_or_default();
    let pairs = Pairs::read(query.as_bytes())?;
    // `account` is not even read: who asks is who the credential says.
    let shown = basic(request.headers())?;
    asked(&pairs, request.headers(), shown, false)
}

async fn post(request: Request) -> Result<Asked, Refusal> {
    let (parts, body) = request.into_parts();
    let form = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let form = form.and_then(|value| value.split(';').next()).map(str::trim);
    if !form.is_some_and(|form| form.eq_ignore_ascii_case("application/x-www-form-urlencoded")) {
        return Err(Refusal::media_type());
    }
    if parts.headers.contains_key(AUTHORIZATION) {
        return Err(Refusal::bad_request(
            "send the credential either in the form or in the Authorization header, not in both",
        ));
    }
    let body = bytes(body).await?;
    let pairs = Pairs::read(&body)?;
    let one = |name| pairs.one(name);
    let shown = match one("grant_type")? {
        Some("refresh_token") => match one("refresh_token")? {
            Some(token) => Shown::Refresh { token: Zeroizing::new(token.to_owned()) },
            None => return Err(Refusal::bad_request("refresh_token is missing from the form")),
        },
        Some("password") => match (one("username")?, one("password")?) {
            (Some(name), Some(secret)) => {
                Shown::Basic { name: name.to_owned(), secret: Zeroizing::new(secret.to_owned()) }
            }
            _ => {
                return Err(Refusal::bad_request("username or password is missing from the form"));
            }
        },
        Some(_) | None => return Err(Refusal::grant_type()),
    };
    asked(&pairs, &parts.headers, shown, true)
}

async fn bytes(body: Body) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    match axum::body::to_bytes(body, MAX_REQUEST_BYTES).await {
        Ok(bytes) => Ok(Zeroizing::new(bytes.to_vec())),
        Err(_) => Err(Refusal::too_long()),
    }
}

fn asked(
    pairs: &Pairs,
    headers: &HeaderMap,
    shown: Shown,
    is_post: bool,
) -> Result<Asked, Refusal> {
    let service = match pairs.one("service")? {
        Some(service) if !service.is_empty() => service.to_owned(),
        _ => return Err(Refusal::bad_request("service is missing: say for which registry")),
    };
    let values: Vec<&str> = pairs.all("scope").collect();
    let parts = values.iter().flat_map(|value| value.split_ascii_whitespace());
    if parts.count() > MAX_SCOPES {
        return Err(Refusal::bad_request(format!("a request has at most {MAX_SCOPES} scopes")));
    }
    let offline = pairs.all("offline_token").any(|value| value == "true")
        || pairs.all("access_type").any(|value| value == "offline");
    let named = pairs.all("client_id").next().filter(|name| !name.is_empty());
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    let client = named.or(agent.and_then(|agent| agent.split(' ').next()));
    Ok(Asked {
        service,
        scopes: Scope::parse_all(values),
        offline,
        client: client.map(|name| {
            cut(&name.chars().map(plain).collect::<String>(), MAX_CLIENT_BYTES).to_owned()
        }),
        shown,
        is_post,
    })
}

/// Parameters of a query or form, decoded.
struct Pairs(Vec<(String, Zeroizing<String>)>);

impl Pairs {
    fn read(encoded: &[u8]) -> Result<Self, Refusal> {
        if encoded.len() > MAX_REQUEST_BYTES {
            return Err(Refusal::too_long());
        }
        let pairs = form_urlencoded::parse(encoded);
        Ok(Self(
            pairs
                .map(|(key, text)| (key.into_owned(), Zeroizing::new(text.into_owned())))
                .collect(),
        ))
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that is there at most once.
    fn one(&self, name: &'static str) -> Result<Option<&str>, Refusal> {
        let mut all = self.all(name);
        match (all.next(), all.next()) {
            (first, None) => Ok(first),
            (_, Some(_)) => Err(Refusal::bad_request(format!("{name} is there more than once"))),
        }
    }
}

/// Padding is optional, as clients are.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads the `Authorization` header. Whoever sends one is never anonymous.
fn basic(headers: &HeaderMap) -> Result<Shown, Refusal> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let header = match (all.next(), all.next()) {
        (None, _) => return Ok(Shown::Nothing),
        (Some(header), None) if header.len() <= MAX_AUTHORIZATION_BYTES => header,
        (Some(_), _) => return Err(Refusal::unreadable_credential()),
    };
    let read = || {
        let (scheme, encoded) = header.to_str().ok()?.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = Zeroizing::new(BASE64.decode(encoded.trim_start()).ok()?);
        let text = std::str::from_utf8(&decoded).ok()?;
        let (name, secret) = text.split_once(':')?;
        let secret = Zeroizing::new(secret.to_owned());
        if !name.is_empty() {
            return Some(Shown::Basic { name: name.to_owned(), secret });
        }
        // BuildKit shows a refresh token as the password of nobody.
        (!secret.is_empty()).then_some(Shown::Refresh { token: secret })
    };
    read().ok_or_else(Refusal::unreadable_credential)
}
