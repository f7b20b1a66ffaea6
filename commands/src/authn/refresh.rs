//! Refresh tokens of the token endpoint: not stored, but authenticated with a key derived from the
//! master key, so they are good over restarts and on every node.
//!
//! They never change: docker ignores a new one in an answer, so a server that rotates them locks
//! docker out.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::app_token::TokenId;
use domain::event::Position;
use domain::name::UserName;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::vault::Vault;

/// What every refresh token begins with; no application token does.
pub const PREFIX: &str = "portus-refresh-1.";
/// The longest refresh token that is looked at, in bytes: its service may have 1,024.
pub const MAX_REFRESH_BYTES: usize = 4 * 1_024;

pub(super) struct Minter {
    key: hmac::Key,
    lifetime: SignedDuration,
}

/// What a refresh token says, once its MAC is found right.
#[derive(Serialize, Deserialize)]
pub(super) struct Refresh {
    #[serde(rename = "u")]
    pub(super) user: UserName,
    /// The application token by which it was asked for: its bounds are the refresh token's.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<TokenId>,
    #[serde(rename = "s")]
    pub(super) service: String,
    /// What the access graph had seen when it was issued.
    #[serde(rename = "p")]
    pub(super) issued: Position,
    #[serde(rename = "e")]
    pub(super) expires_at: Timestamp,
    /// So that no two are the same.
    #[serde(rename = "n")]
    nonce: uuid::Uuid,
}

impl Minter {
    pub(super) fn new(vault: &Vault, lifetime: SignedDuration) -> Self {
        let key = vault.derived_key("refresh tokens");
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &*key), lifetime }
    }

    pub(super) fn mint(
        &self,
        user: &UserName,
        token: Option<TokenId>,
        service: &str,
        issued: Position,
        now: Timestamp,
    ) -> Zeroizing<String> {
        let expires_at = now.checked_add(self.lifetime).unwrap_or(Timestamp::MAX);
        let (user, service) = (user.clone(), service.to_owned());
        let nonce = uuid::Uuid::new_v4();
        let refresh = Refresh { user, token, service, issued, expires_at, nonce };
        // Plain data, which always serializes; an empty body would only ever be refused.
        let body = serde_json::to_vec(&refresh).unwrap_or_default();
        let mac = hmac::sign(&self.key, &body);
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        Zeroizing::new(format!("{PREFIX}{}.{}", encode(&body), encode(mac.as_ref())))
    }

    pub(super) fn read(&self, token: &str) -> Option<Refresh> {
        if token.len() > MAX_REFRESH_BYTES {
            return None;
        }
        let (body, mac) = token.strip_prefix(PREFIX)?.split_once('.')?;
        let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).ok();
        let (body, mac) = (decode(body)?, decode(mac)?);
        hmac::verify(&self.key, &body, &mac).ok()?;
        serde_json::from_slice(&body).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minter(key: u8) -> Minter {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[key; 32]);
        Minter { key, lifetime: SignedDuration::from_hours(1) }
    }

    fn mint(minter: &Minter) -> Zeroizing<String> {
        let alice = UserName::parse("alice").unwrap();
        minter.mint(&alice, None, "registry.example.test", Position(7), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_refresh_token_says_for_whom_and_where_it_was_issued() {
        let read = minter(1).read(&mint(&minter(1))).unwrap();
        assert_eq!(read.user.as_str(), "alice");
        assert_eq!(read.service, "registry.example.test");
        assert_eq!(read.issued, Position(7));
        assert_eq!(read.expires_at, Timestamp::from_second(3_600).unwrap());
    }

    #[test]
    fn no_change_of_a_refresh_token_goes_unnoticed() {
        let minter = minter(1);
        let token = mint(&minter);
        for at in 0..token.len() {
            let mut changed = token.to_string();
            let new = if &token[at..=at] == "A" { "B" } else { "A" };
            changed.replace_range(at..=at, new);
            assert!(minter.read(&changed).is_none(), "{changed}");
            assert!(minter.read(&token[..at]).is_none());
        }
    }

    #[test]
    fn another_installations_refresh_token_is_refused() {
        assert!(minter(2).read(&mint(&minter(1))).is_none());
    }
}
