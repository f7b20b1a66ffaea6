//! Passwords: what is one, and the slow hash.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::VaultError;
use crate::authn::{HASHES_AT_ONCE, app_token};

/// The shortest password, in bytes.
pub const MIN_PASSWORD_BYTES: usize = 12;
/// The longest password, in bytes. Longer ones are refused, never cut.
pub const MAX_PASSWORD_BYTES: usize = 1_024;

/// Why a text cannot become a password. May be shown to whoever typed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short.
    #[error("a password has at least {MIN_PASSWORD_BYTES} characters")]
    TooShort,
    /// Too long.
    #[error("a password has at most {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
    /// Would be taken for an application token at every door.
    #[error("a password does not begin with `{}`", app_token::PREFIX)]
    LooksLikeToken,
}

/// A new password in Unicode normal form C. Neither shown nor serialized, wiped when dropped.
pub struct Password(Zeroizing<String>);

impl Password {
    /// Checks the limits above.
    ///
    /// # Errors
    ///
    /// [`PasswordError`], whose text may be shown.
    pub fn parse(text: &str) -> Result<Self, PasswordError> {
        // Composing can only shorten a text by so much: what is far too long is not even composed.
        if text.len() > 4 * MAX_PASSWORD_BYTES {
            return Err(PasswordError::TooLong);
        }
        let text = composed(text);
        if text.len() < MIN_PASSWORD_BYTES {
            return Err(PasswordError::TooShort);
        }
        if text.len() > MAX_PASSWORD_BYTES {
            return Err(PasswordError::TooLong);
        }
        if text.starts_with(app_token::PREFIX) {
            return Err(PasswordError::LooksLikeToken);
        }
        Ok(Self(text))
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password")
    }
}

/// What a slow hash said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// It is the password.
    Right,
    /// It is not, or there is none.
    Wrong,
}

/// A hash that no password has, made with today's parameters: unknown names cost the same work.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$cG9ydHVzLW5vYm9keQ$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Compares on this thread, which it keeps busy for tens of milliseconds. A stored hash that
/// cannot be read is a wrong password.
#[must_use]
pub(crate) fn verify(phc: Option<&str>, secret: &str) -> Verified {
    let secret = composed(secret);
    let known = phc.and_then(|phc| PasswordHash::new(phc).ok());
    let Ok(nobody) = PasswordHash::new(NOBODY) else { return Verified::Wrong };
    let hash = known.as_ref().unwrap_or(&nobody);
    let matches = Argon2::default().verify_password(secret.as_bytes(), hash).is_ok();
    if matches && known.is_some() { Verified::Right } else { Verified::Wrong }
}

pub(super) async fn hash(password: Password) -> Result<Zeroizing<String>, VaultError> {
    // Each takes 19 MiB: many who set a password at once wait for each other.
    static SLOTS: Semaphore = Semaphore::const_new(HASHES_AT_ONCE);
    let _slot = SLOTS.acquire().await.map_err(|error| VaultError(error.to_string()))?;
    tokio::task::spawn_blocking(move || {
        Argon2::default().hash_password(password.0.as_bytes()).map(|phc| phc.to_string())
    })
    .await
    .map_err(|error| VaultError(error.to_string()))?
    .map(Zeroizing::new)
    .map_err(|error| VaultError(format!("a password cannot be hashed: {error}")))
}

fn composed(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.nfc().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn phc(text: &str) -> Zeroizing<String> {
        hash(Password::parse(text).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_password_is_hashed_with_argon2id_at_the_strength_we_promise() {
        let phc = phc("correct horse battery").await;
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", &*phc);
        assert_eq!(verify(Some(&phc), "correct horse battery"), Verified::Right);
        for wrong in ["correct horse batter", "correct horse battery1", "", "Correct horse battery"]
        {
            assert_eq!(verify(Some(&phc), wrong), Verified::Wrong);
        }
    }

    #[tokio::test]
    async fn the_longest_password_counts_to_its_last_byte() {
        let longest = "x".repeat(MAX_PASSWORD_BYTES);
        let phc = phc(&longest).await;
        assert_eq!(verify(Some(&phc), &longest), Verified::Right);
        assert_eq!(verify(Some(&phc), &longest[1..]), Verified::Wrong);
        assert_eq!(verify(Some(&phc), &format!("{longest}x")), Verified::Wrong);
    }

    #[test]
    fn a_password_has_12_to_1024_bytes_and_is_no_token() {
        assert_eq!(Password::parse("elevenbytes").unwrap_err(), PasswordError::TooShort);
        assert!(Password::parse("twelve bytes").is_ok());
        assert!(Password::parse(&"x".repeat(1_024)).is_ok());
        for long in [1_025, 4_096, 4_097, 1 << 20] {
            assert_eq!(Password::parse(&"x".repeat(long)).unwrap_err(), PasswordError::TooLong);
        }
        assert_eq!(
            Password::parse("portus_whatever it is").unwrap_err(),
            PasswordError::LooksLikeToken
        );
    }

    #[tokio::test]
    async fn spellings_of_one_character_are_one_password() {
        let phc = phc("caf\u{e9} au lait!").await;
        assert_eq!(verify(Some(&phc), "cafe\u{301} au lait!"), Verified::Right);
    }

    #[test]
    fn a_malformed_stored_hash_is_a_wrong_password() {
        for bad in ["", "$", "$argon2id$", "$2a$10$abc", "plain", "$argon2id$v=19$m=1,t=0,p=0$$"] {
            assert_eq!(verify(Some(bad), "correct horse battery"), Verified::Wrong, "{bad}");
        }
    }

    #[test]
    fn nobody_has_a_readable_hash_of_the_usual_cost() {
        let usual = Argon2::default();
        let (params, hash) = (usual.params(), PasswordHash::new(NOBODY).unwrap());
        assert_eq!(hash.params.get_decimal("m"), Some(params.m_cost()));
        assert_eq!(hash.params.get_decimal("t"), Some(params.t_cost()));
        assert_eq!(verify(None, ""), Verified::Wrong);
    }
}
