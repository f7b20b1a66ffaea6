//! A request that does its work once, however often it is sent.

use aws_lc_rs::hmac;
use uuid::Uuid;
use zeroize::Zeroizing;

/// What all tries of one request have in common: whatever they make up (ids of events, secrets)
/// they make up alike. So a try after one whose end nobody knows finds what is there already.
#[derive(Clone, Copy)]
pub struct Once([u8; 32]);

impl Once {
    /// Of a seed that nobody else knows.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self(seed)
    }

    /// The id of the `n`th thing of this kind (UUID version 8, RFC 9562 section 5.8).
    #[must_use]
    pub fn id(&self, what: &str, n: usize) -> Uuid {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.bytes(&format!("{n} {what}"))[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// 256 bits for a secret of this kind.
    #[must_use]
    pub fn bytes(&self, what: &str) -> Zeroizing<[u8; 32]> {
        let mut bytes = Zeroizing::new([0; 32]);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        bytes.copy_from_slice(hmac::sign(&key, what.as_bytes()).as_ref());
        bytes
    }
}

impl std::fmt::Debug for Once {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Once")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_of_one_request_agree_and_nothing_else_does() {
        let (one, other) = (Once::new([1; 32]), Once::new([2; 32]));
        assert_eq!(one.id("team-a", 0), one.id("team-a", 0));
        assert_ne!(one.id("team-a", 0), one.id("team-a", 1));
        assert_ne!(one.id("team-a", 0), one.id("team-b", 0));
        assert_ne!(one.id("team-a", 0), other.id("team-a", 0));
        assert_eq!(one.id("team-a", 0).get_version_num(), 8);
        assert_ne!(one.bytes("secret"), other.bytes("secret"));
        assert_eq!(format!("{one:?}"), "Once");
    }
}
