//! What a request shows to prove who asks, read from its headers.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

/// The original's header, `user:token`.
pub(crate) const PORTUS_AUTH: HeaderName = HeaderName::from_static("portus-auth");

/// The longest credential that is looked at, in bytes (SR-AUT-11).
pub(super) const MAX_CREDENTIAL_BYTES: usize = 8 * 1024;

/// What was shown.
pub(super) enum Credentials {
    /// Nothing.
    None,
    /// A name with a password or a token.
    Basic { name: String, secret: Zeroizing<String> },
    /// A token.
    Bearer(Zeroizing<String>),
    /// A name with a token.
    PortusAuth { name: String, token: Zeroizing<String> },
}

/// Why nothing can be made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Several at once: nobody can say which one counts. 400.
    Several,
    /// One that has no readable form. 401.
    Malformed,
}

impl Credentials {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Unreadable> {
        let mut shown =
            headers.get_all(AUTHORIZATION).iter().chain(headers.get_all(PORTUS_AUTH).iter());
        let Some(_) = shown.next() else { return Ok(Self::None) };
        if shown.next().is_some() {
            return Err(Unreadable::Several);
        }
        match (headers.get(AUTHORIZATION), headers.get(PORTUS_AUTH)) {
            (Some(value), _) => authorization(value),
            (None, Some(value)) => {
                let (name, token) = pair(text(value)?)?;
                Ok(Self::PortusAuth { name, token })
            }
            (None, None) => Ok(Self::None),
        }
    }
}

fn authorization(value: &HeaderValue) -> Result<Credentials, Unreadable> {
    let (scheme, rest) = text(value)?.split_once(' ').ok_or(Unreadable::Malformed)?;
    let rest = rest.trim_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") && !rest.is_empty() {
        return Ok(Credentials::Bearer(Zeroizing::new(rest.to_owned())));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Unreadable::Malformed);
    }
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(rest).map_err(|_| Unreadable::Malformed)?);
    let (name, secret) = pair(str::from_utf8(&bytes).map_err(|_| Unreadable::Malformed)?)?;
    Ok(Credentials::Basic { name, secret })
}

fn text(value: &HeaderValue) -> Result<&str, Unreadable> {
    if value.len() > MAX_CREDENTIAL_BYTES {
        return Err(Unreadable::Malformed);
    }
    str::from_utf8(value.as_bytes()).map_err(|_| Unreadable::Malformed)
}

/// Only the first `:` splits: passwords may hold more of them, names none.
fn pair(text: &str) -> Result<(String, Zeroizing<String>), Unreadable> {
    let (name, secret) = text.split_once(':').ok_or(Unreadable::Malformed)?;
    Ok((name.to_owned(), Zeroizing::new(secret.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(HeaderName, &[u8])]) -> Result<Credentials, Unreadable> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        Credentials::of(&headers)
    }

    fn basic(text: &[u8]) -> Vec<u8> {
        format!("Basic {}", BASE64_STANDARD.encode(text)).into_bytes()
    }

    #[test]
    fn only_the_first_colon_splits() {
        match of(&[(AUTHORIZATION, &basic(b"alice:a:b:"))]) {
            Ok(Credentials::Basic { name, secret }) => {
                assert_eq!((name.as_str(), secret.as_str()), ("alice", "a:b:"));
            }
            _ => panic!("not read"),
        }
    }

    #[test]
    fn what_has_no_readable_form_is_malformed() {
        let long = basic(&[b'x'; MAX_CREDENTIAL_BYTES]);
        let cases: [&[u8]; 10] = [
            b"",
            b"Basic",
            b"Basic ",
            b"Basic !!!",
            b"Basic YWxpY2U=",
            b"Digest x",
            b"Bearer ",
            b"Basic \xff\xfe",
            &basic(b"alice:\xff"),
            &long,
        ];
        for case in cases {
            assert_eq!(of(&[(AUTHORIZATION, case)]).err(), Some(Unreadable::Malformed), "{case:?}");
        }
        assert_eq!(of(&[(PORTUS_AUTH, b"alice")]).err(), Some(Unreadable::Malformed));
    }

    #[test]
    fn two_credentials_are_one_too_many() {
        let good = basic(b"alice:x");
        let two: [&[(HeaderName, &[u8])]; 3] = [
            &[(AUTHORIZATION, &good), (AUTHORIZATION, &good)],
            &[(AUTHORIZATION, &good), (PORTUS_AUTH, b"alice:x")],
            &[(PORTUS_AUTH, b"alice:x"), (PORTUS_AUTH, b"alice:x")],
        ];
        for pairs in two {
            assert_eq!(of(pairs).err(), Some(Unreadable::Several));
        }
    }
}
