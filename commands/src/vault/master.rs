//! The master key: 32 random bytes in a file outside the database. Everything in the vault is
//! sealed under it, and the service's other keys are derived from it.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::hkdf;
use zeroize::{Zeroize as _, Zeroizing};

/// Length of the key, in bytes.
pub const MASTER_KEY_BYTES: usize = 32;

/// The master key. Neither shown nor serialized, and wiped when dropped.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; MASTER_KEY_BYTES]>);

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file cannot be read or written.
    #[error("the master key file {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Others than the owner may read it.
    #[error(
        "the master key file {path} can be read by others (mode {mode:o}); run `chmod 600 {path}`"
    )]
    Readable {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It holds something else.
    #[error(
        "the master key file {path} does not hold {} hexadecimal digits; restore it from your backup",
        MASTER_KEY_BYTES * 2
    )]
    Content {
        /// Which file.
        path: PathBuf,
    },
}

impl MasterKey {
    /// A key from bytes that are random already, such as a credential store's.
    #[must_use]
    pub fn from_bytes(bytes: [u8; MASTER_KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads the key from `path`.
    ///
    /// # Errors
    ///
    /// [`MasterKeyError`] when the file is absent, readable by group or others, or no key.
    pub fn load(path: &Path) -> Result<Self, MasterKeyError> {
        let failed = |source| MasterKeyError::File { path: path.to_owned(), source };
        let mut file = std::fs::File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(MasterKeyError::Readable { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(String::new());
        let wrong = || MasterKeyError::Content { path: path.to_owned() };
        std::io::Read::by_ref(&mut file).take(1_024).read_to_string(&mut text).map_err(failed)?;
        let mut bytes = [0; MASTER_KEY_BYTES];
        hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| wrong())?;
        let key = Self::from_bytes(bytes);
        bytes.zeroize();
        Ok(key)
    }

    /// Reads the key from `path`, or makes one there, readable by its owner alone.
    ///
    /// # Errors
    ///
    /// As [`Self::load`]; also when the file cannot be written.
    pub fn load_or_create(path: &Path) -> Result<Self, MasterKeyError> {
        let failed = |source| MasterKeyError::File { path: path.to_owned(), source };
        if path.exists() {
            return Self::load(path);
        }
        let mut bytes = Zeroizing::new([0; MASTER_KEY_BYTES]);
        super::seal::fill(&mut *bytes);
        let text = Zeroizing::new(hex::encode(*bytes));
        // Written beside and linked into place: nobody ever sees half a key, and of two that start
        // at once the first one wins.
        let beside = path.with_extension(format!("new-{}", uuid::Uuid::new_v4().simple()));
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)
            .map_err(failed)?;
        let written = file
            .write_all(text.as_bytes())
            .and_then(|()| file.write_all(b"\n"))
            .and_then(|()| file.sync_all())
            .and_then(|()| match std::fs::hard_link(&beside, path) {
                Err(taken) if taken.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
                linked => linked,
            });
        let _ = std::fs::remove_file(&beside);
        written.map_err(failed)?;
        Self::load(path)
    }

    /// A key for one purpose. Different purposes give keys that tell nothing of each other.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"portus master key");
        let info = [purpose.as_bytes()];
        let mut key = Zeroizing::new([0; 32]);
        let filled = salt
            .extract(&*self.0)
            .expand(&info, hkdf::HKDF_SHA256)
            .and_then(|expanded| expanded.fill(&mut *key));
        // Fails only when more than 255 hashes are asked for; this asks for one.
        assert!(filled.is_ok(), "one hash of key material can always be derived");
        key
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> PathBuf {
        let folder = std::env::temp_dir().join(format!("portus-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        folder
    }

    #[test]
    fn a_key_file_is_made_once_and_readable_by_its_owner_alone() {
        let folder = folder();
        let path = folder.join("master.key");
        let first = MasterKey::load_or_create(&path).unwrap();
        let again = MasterKey::load_or_create(&path).unwrap();
        assert_eq!(first.derive("x"), again.derive("x"));
        assert_ne!(first.derive("x"), first.derive("y"));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_key_file_that_others_may_read_is_refused() {
        let folder = folder();
        let path = folder.join("master.key");
        MasterKey::load_or_create(&path).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o644] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let refused = MasterKey::load_or_create(&path).unwrap_err().to_string();
            assert!(refused.contains("chmod 600"), "{refused}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_and_left_alone() {
        let folder = folder();
        let path = folder.join("master.key");
        for content in ["", "abc", &"g".repeat(64), &"0".repeat(66)] {
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            assert!(MasterKey::load_or_create(&path).is_err(), "{content:?}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
