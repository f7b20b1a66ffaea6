//! AES-256-GCM with a random nonce and a context: what was sealed for one place opens in no other.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// A key that seals. One key may seal 2³² boxes; a day of anonymous callers at full speed is less.
pub(crate) struct SealKey(LessSafeKey);

/// A box that does not open: other key, other context, or not what was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DoesNotOpen;

impl SealKey {
    pub(crate) fn new(bytes: &[u8; 32]) -> Self {
        // Fails only for a key of another length than the algorithm's 32 bytes.
        #[allow(clippy::expect_used)]
        let key = UnboundKey::new(&AES_256_GCM, bytes).expect("32 bytes are an AES-256 key");
        Self(LessSafeKey::new(key))
    }

    /// Nonce, ciphertext and tag. The parts of `context` are told apart by their lengths.
    pub(crate) fn seal(&self, context: &[&[u8]], plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        fill(&mut nonce);
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&nonce);
        let mut text = plain.to_vec();
        // Fails only for more than 64 GiB of plain text.
        #[allow(clippy::expect_used)]
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(joined(context)),
                &mut text,
            )
            .expect("short texts can be sealed");
        sealed.extend_from_slice(&text);
        sealed
    }

    pub(crate) fn open(
        &self,
        context: &[&[u8]],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(DoesNotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| DoesNotOpen)?;
        let mut text = Zeroizing::new(text.to_vec());
        let plain = self
            .0
            .open_in_place(nonce, Aad::from(joined(context)), &mut text)
            .map_err(|_| DoesNotOpen)?
            .len();
        text.truncate(plain);
        Ok(text)
    }
}

fn joined(context: &[&[u8]]) -> Vec<u8> {
    let mut joined = Vec::new();
    for part in context {
        joined.extend_from_slice(&(part.len() as u64).to_be_bytes());
        joined.extend_from_slice(part);
    }
    joined
}

/// Fills with random bytes.
///
/// # Panics
///
/// When the operating system has no randomness to give: nothing here is safe then.
#[allow(clippy::expect_used)]
pub(crate) fn fill(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("the operating system gives random bytes");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_opens_with_its_key_in_its_context_and_unchanged() {
        let key = SealKey::new(&[7; 32]);
        let sealed = key.seal(&[b"profile", b"alice"], b"secret");
        assert_eq!(key.open(&[b"profile", b"alice"], &sealed).unwrap().as_slice(), b"secret");
        assert!(key.open(&[b"profile", b"bob"], &sealed).is_err());
        assert!(key.open(&[b"profilea", b"lice"], &sealed).is_err());
        assert!(SealKey::new(&[8; 32]).open(&[b"profile", b"alice"], &sealed).is_err());
        for byte in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[byte] ^= 1;
            assert!(key.open(&[b"profile", b"alice"], &changed).is_err());
        }
        for end in 0..sealed.len() {
            assert!(key.open(&[b"profile", b"alice"], &sealed[..end]).is_err());
        }
    }

    #[test]
    fn the_same_text_is_never_sealed_the_same_way() {
        let key = SealKey::new(&[7; 32]);
        assert_ne!(key.seal(&[], b"x"), key.seal(&[], b"x"));
    }
}
