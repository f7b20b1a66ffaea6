//! Application tokens' secrets: a readable prefix, 256 random bits, and a checksum that sorts out
//! what was cut, mistyped or made up before anything is looked up.

use aws_lc_rs::digest::{SHA256, digest};
use zeroize::Zeroizing;

/// What every application token begins with, so that people and scanners know one when they see it.
pub const PREFIX: &str = "portus_";
/// Bytes of randomness.
const RANDOM_BYTES: usize = 32;
/// Bytes of checksum.
const CHECK_BYTES: usize = 4;
/// Length of a whole token, in bytes.
pub const TOKEN_BYTES: usize = PREFIX.len() + 2 * (RANDOM_BYTES + CHECK_BYTES);

/// A new secret, to be shown once, and the hash by which it will be found
/// ([`crate::vault::Vault::put_app_token`]).
#[must_use]
pub fn mint() -> (Zeroizing<String>, [u8; 32]) {
    let mut random = Zeroizing::new([0; RANDOM_BYTES]);
    crate::vault::seal::fill(&mut *random);
    mint_of(&random)
}

/// As [`mint`], of bytes that nobody else knows.
#[must_use]
pub fn mint_of(random: &[u8; RANDOM_BYTES]) -> (Zeroizing<String>, [u8; 32]) {
    let body = Zeroizing::new(hex::encode(random));
    let check = hex::encode(checksum(&body));
    let secret = Zeroizing::new(format!("{PREFIX}{}{check}", &*body));
    let hash = hash(&secret);
    (secret, hash)
}

/// Whether somebody meant to show an application token.
#[must_use]
pub fn looks_like_one(secret: &str) -> bool {
    secret.starts_with(PREFIX)
}

/// The hash of a token of the right form; `None` for anything that no [`mint`] made.
#[must_use]
pub fn read(secret: &str) -> Option<[u8; 32]> {
    let rest = secret.strip_prefix(PREFIX)?;
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if secret.len() != TOKEN_BYTES || !rest.bytes().all(lower) {
        return None;
    }
    let (body, check) = rest.split_at(2 * RANDOM_BYTES);
    (hex::encode(checksum(body)) == check).then(|| hash(secret))
}

/// Not a secret, only a check: four bytes miss one random slip in four thousand million.
fn checksum(body: &str) -> [u8; CHECK_BYTES] {
    let digest = digest(&SHA256, format!("portus application token {body}").as_bytes());
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&digest.as_ref()[..CHECK_BYTES]);
    check
}

fn hash(secret: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_is_readable_and_unlike_every_other() {
        let (one, hash) = mint();
        let (other, _) = mint();
        assert_eq!(one.len(), TOKEN_BYTES);
        assert_eq!(read(&one), Some(hash));
        assert_ne!(*one, *other);
    }

    #[test]
    fn every_proper_prefix_and_suffix_is_refused() {
        let (token, _) = mint();
        for at in 1..token.len() {
            assert_eq!(read(&token[..at]), None);
            assert_eq!(read(&token[at..]), None);
        }
        assert_eq!(read(""), None);
        for longer in [format!("{}0", &*token), format!(" {}", &*token), format!("{}\n", &*token)] {
            assert_eq!(read(&longer), None);
        }
    }

    #[test]
    fn every_change_of_one_character_is_refused() {
        let (token, _) = mint();
        for at in 0..token.len() {
            for new in (b' '..=b'~').map(char::from) {
                let mut changed = token.to_string();
                changed.replace_range(at..=at, &new.to_string());
                if *changed != **token {
                    assert_eq!(read(&changed), None, "{changed}");
                }
            }
            let mut shorter = token.to_string();
            shorter.remove(at);
            assert_eq!(read(&shorter), None);
        }
    }

    #[test]
    fn another_case_is_refused() {
        let (token, _) = mint();
        assert_eq!(read(&token.to_uppercase()), None);
        assert_eq!(read(&token.replace("portus_", "PORTUS_")), None);
    }
}
