//! The signing keys, as files: a certificate authority that the registry trusts for ten years, and
//! under it a leaf that signs and is changed without the registry noticing.
//!
//! | file | holds | mode |
//! | --- | --- | --- |
//! | `ca.pem` | the authority's key and certificate | 0600 |
//! | `leaf.pem` | the signing key and its certificate | 0600 |
//! | `next.pem` | with [`KeyForm::KeyId`] the key that was announced and does not sign yet | 0600 |
//! | `retired.pem` | certificates of the last leaves before | 0644 |
//! | `token-bundle.pem` | what the registry's `rootcertbundle` is | 0644 |
//!
//! Every file is written beside and renamed into place, so that a running service that looks at
//! any moment sees one whole key.

use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use sha2::{Digest as _, Sha256};
use x509_parser::pem::Pem;
use zeroize::Zeroizing;

use super::signing_key::{Algorithm, PublicKey, SigningKey};

/// Days that the authority is good.
pub const CA_DAYS: i64 = 3_650;
/// Days that a leaf is good.
pub const LEAF_DAYS: i64 = 90;
/// Days before its end at which a leaf is changed by itself.
pub const ROTATE_DAYS: i64 = 30;
/// Leaves before the present one that are still published.
pub const RETIRED: usize = 3;

const CA: &str = "ca.pem";
const LEAF: &str = "leaf.pem";
const NEXT: &str = "next.pem";
const RETIRED_FILE: &str = "retired.pem";
const BUNDLE: &str = "token-bundle.pem";

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others than the owner may read a private key.
    #[error(
        "{path} holds a private key and can be read by others (mode {mode:o}); run `chmod 600 {path}`"
    )]
    Readable {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file holds something else.
    #[error("{path} is not what it should be: {why}; restore it from your backup")]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A key or certificate cannot be made.
    #[error("a signing key cannot be made: {0}")]
    Make(String),
}

/// How tokens name their key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeyForm {
    /// With the certificate, under the authority in the registry's `rootcertbundle`; and `kid`. A
    /// new key needs nothing of the registry.
    #[default]
    Chain,
    /// With `kid` alone, as Distribution 2.x knows it, for registries that are given the key
    /// itself: in `rootcertbundle` (2.x) or `jwks` (3.x), which they read at their start. So a key
    /// is announced first, and signs when the registries have been told.
    KeyId,
}

/// What keys are made, and how tokens name them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kind {
    /// By what new keys sign. One that is there already goes on until it is rotated.
    pub algorithm: Algorithm,
    /// See [`KeyForm`].
    pub form: KeyForm,
}

/// What a rotation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotated {
    /// The new key signs.
    Signs(PublicLeaf),
    /// The new key is published, and signs after the next rotation.
    Announced(PublicLeaf),
}

/// The folder with the keys.
#[derive(Debug, Clone)]
pub struct KeyStore {
    folder: PathBuf,
    kind: Kind,
}

/// A key that signs tokens.
pub struct Leaf {
    pub(super) key: SigningKey,
    /// What is public about it.
    pub public: PublicLeaf,
}

impl std::fmt::Debug for Leaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.public.fmt(f)
    }
}

/// The public half of a leaf, and its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicLeaf {
    /// The fingerprint by which Distribution 2.x knows a key: what tokens carry as `kid`.
    pub kid: String,
    /// The RFC 7638 thumbprint: how facts call the key.
    pub thumbprint: String,
    /// The key itself.
    pub key: PublicKey,
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// From when it is good.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
}

/// Says whether a file is another one than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    leaf: (u64, i64, i64),
    /// The announced one is published, so it counts too.
    next: Option<(u64, i64, i64)>,
}

impl KeyStore {
    /// Opens the keys in `folder`, of the usual [`Kind`].
    ///
    /// # Errors
    ///
    /// As [`Self::open_as`].
    pub fn open(folder: &Path, now: Timestamp) -> Result<Self, KeyError> {
        Self::open_as(folder, Kind::default(), now)
    }

    /// Opens the keys in `folder`; what is missing is made: the folder, the authority, a leaf.
    ///
    /// # Errors
    ///
    /// [`KeyError`]; also when a private key can be read by group or others.
    pub fn open_as(folder: &Path, kind: Kind, now: Timestamp) -> Result<Self, KeyError> {
        let store = Self { folder: folder.to_owned(), kind };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|source| KeyError::File { path: folder.to_owned(), source })?;
        if !store.path(CA).exists() {
            store.make_ca(now)?;
        }
        let ca = store.read_private(CA)?;
        if !store.path(LEAF).exists() {
            store.make_leaf(&ca, LEAF, now)?;
        }
        store.leaf()?;
        store.write_bundle(&ca)?;
        Ok(store)
    }

    /// What keys are made, and how tokens name them.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The present leaf.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn leaf(&self) -> Result<Leaf, KeyError> {
        let text = self.read_private(LEAF)?;
        self.parse_leaf(LEAF, &text)
    }

    /// The leaf that was announced, and does not sign yet.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn next(&self) -> Result<Option<Leaf>, KeyError> {
        if !self.path(NEXT).exists() {
            return Ok(None);
        }
        let text = self.read_private(NEXT)?;
        self.parse_leaf(NEXT, &text).map(Some)
    }

    /// Whether `leaf` is to be changed without anybody asking: a month before its end, or when
    /// another algorithm was set. Never where registries must be told of the new key first; an
    /// old certificate is no harm there, because only its key counts.
    #[must_use]
    pub fn is_due(&self, leaf: &Leaf, now: Timestamp) -> bool {
        let other = leaf.public.key.algorithm() != self.kind.algorithm;
        self.kind.form == KeyForm::Chain && (other || leaf.is_due(now))
    }

    /// One step towards another key. With [`KeyForm::Chain`] that is all there is to do; with
    /// [`KeyForm::KeyId`] the first step announces the key, and the second, once the registries have
    /// been told, lets it sign.
    ///
    /// # Errors
    ///
    /// [`KeyError`]; then the present leaf is still there.
    pub fn step(&self, now: Timestamp) -> Result<Rotated, KeyError> {
        if self.kind.form == KeyForm::Chain {
            return self.rotate(now).map(Rotated::Signs);
        }
        let ca = self.read_private(CA)?;
        let Some(next) = self.next()? else {
            let next = self.make_leaf(&ca, NEXT, now)?;
            self.write_bundle(&ca)?;
            return Ok(Rotated::Announced(next));
        };
        self.retire(now)?;
        let (from, path) = (self.path(NEXT), self.path(LEAF));
        std::fs::rename(&from, &path).map_err(|source| KeyError::File { path, source })?;
        self.sync()?;
        self.write_bundle(&ca)?;
        Ok(Rotated::Signs(next.public))
    }

    /// Puts a new leaf in place of the present one, under the same authority. A running service
    /// takes it up by itself; where it sends chains, the registry needs nothing.
    ///
    /// # Errors
    ///
    /// [`KeyError`]; then the present leaf is still there.
    pub fn rotate(&self, now: Timestamp) -> Result<PublicLeaf, KeyError> {
        let ca = self.read_private(CA)?;
        self.retire(now)?;
        self.make_leaf(&ca, LEAF, now)
    }

    /// Adds the present leaf to the published former ones, before it is replaced: no token is ever
    /// out whose key is not published.
    fn retire(&self, now: Timestamp) -> Result<(), KeyError> {
        let old = self.leaf()?.public;
        let mut retired = self.retired()?;
        retired.retain(|leaf| leaf.not_after > now && leaf.kid != old.kid);
        retired.insert(0, old);
        retired.truncate(RETIRED);
        let text: String = retired.iter().map(|leaf| certificate_pem(&leaf.certificate)).collect();
        self.write(RETIRED_FILE, 0o644, &text)
    }

    /// The leaves before the present one, the youngest first.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn retired(&self) -> Result<Vec<PublicLeaf>, KeyError> {
        let path = self.path(RETIRED_FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(KeyError::File { path, source }),
        };
        self.certificates(RETIRED_FILE, &text)?
            .into_iter()
            .map(|der| self.public(RETIRED_FILE, der))
            .collect()
    }

    /// What the registry's `rootcertbundle` must hold, PEM.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn bundle(&self) -> Result<String, KeyError> {
        let path = self.path(BUNDLE);
        std::fs::read_to_string(&path).map_err(|source| KeyError::File { path, source })
    }

    /// What all leaves are signed with, as registries know it: the first certificate of the bundle.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn authority(&self) -> Result<PublicLeaf, KeyError> {
        let first = self.certificates(BUNDLE, &self.bundle()?)?.into_iter().next();
        let first = first.ok_or_else(|| self.broken(BUNDLE, "it holds no certificate".to_owned()));
        self.public(BUNDLE, first?)
    }

    /// Where the file with [`Self::bundle`] is.
    #[must_use]
    pub fn bundle_path(&self) -> PathBuf {
        self.path(BUNDLE)
    }

    /// Changes whenever another leaf is put in place, by whichever process.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn stamp(&self) -> Result<Stamp, KeyError> {
        let look = |name: &str| {
            let path = self.path(name);
            match std::fs::metadata(&path) {
                Ok(file) => Ok(Some((file.ino(), file.mtime(), file.mtime_nsec()))),
                Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(source) => Err(KeyError::File { path, source }),
            }
        };
        let path = self.path(LEAF);
        let gone = || KeyError::File { path, source: io::ErrorKind::NotFound.into() };
        Ok(Stamp { leaf: look(LEAF)?.ok_or_else(gone)?, next: look(NEXT)? })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn make_ca(&self, now: Timestamp) -> Result<(), KeyError> {
        let key = Algorithm::Es256.generate().map_err(make)?;
        let mut params = params("Portus token authority", now, CA_DAYS);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(make)?;
        let text = Zeroizing::new(format!("{}{}", key.serialize_pem(), certificate.pem()));
        // Of two that start at once, the first one's authority is everybody's.
        match self.write_new(CA, &text) {
            Err(KeyError::File { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                Ok(())
            }
            written => written,
        }
    }

    fn make_leaf(&self, ca: &str, file: &str, now: Timestamp) -> Result<PublicLeaf, KeyError> {
        let broken = |why: rcgen::Error| self.broken(CA, why.to_string());
        let ca_key = KeyPair::from_pem(&self.private_part(CA, ca)?).map_err(broken)?;
        let ca_certificate = self.certificate_part(CA, ca)?;
        let issuer = Issuer::from_ca_cert_pem(&ca_certificate, ca_key).map_err(broken)?;
        let key = self.kind.algorithm.generate().map_err(make)?;
        let mut params = params("Portus token signer", now, LEAF_DAYS);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &issuer).map_err(make)?;
        let text = Zeroizing::new(format!("{}{}", key.serialize_pem(), certificate.pem()));
        let leaf = self.parse_leaf(file, &text)?; // nothing is put in place that cannot sign
        self.write(file, 0o600, &text)?;
        Ok(leaf.public)
    }

    /// The authority; where tokens name their key by its id alone, every published leaf as well.
    fn write_bundle(&self, ca: &str) -> Result<(), KeyError> {
        let mut wanted = self.certificate_part(CA, ca)?;
        if self.kind.form == KeyForm::KeyId {
            let next = self.next()?.map(|leaf| leaf.public);
            let all = [self.leaf()?.public].into_iter().chain(next).chain(self.retired()?);
            wanted.extend(all.map(|leaf| leaf.certificate_pem()));
        }
        match std::fs::read_to_string(self.path(BUNDLE)) {
            Ok(there) if there == wanted => Ok(()),
            Ok(_) | Err(_) => self.write(BUNDLE, 0o644, &wanted),
        }
    }

    fn parse_leaf(&self, file: &str, text: &str) -> Result<Leaf, KeyError> {
        let broken = |why: &str| self.broken(file, why.to_owned());
        let pem = Pem::iter_from_buffer(text.as_bytes())
            .filter_map(Result::ok)
            .find(|pem| pem.label.ends_with("PRIVATE KEY"))
            .ok_or_else(|| broken("it holds no private key"))?;
        let der = Zeroizing::new(pem.contents);
        let key = SigningKey::from_pkcs8(&der)
            .ok_or_else(|| broken("its private key is neither P-256 nor RSA of 2048 bits"))?;
        let certificate = self
            .certificates(file, text)?
            .into_iter()
            .next()
            .ok_or_else(|| broken("it holds no certificate"))?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate)
            .map_err(|_| broken("a certificate cannot be read"))?;
        if parsed.public_key().subject_public_key.as_ref() != key.public_bytes() {
            return Err(broken("its certificate belongs to another key"));
        }
        Ok(Leaf { key, public: self.public(file, certificate)? })
    }

    fn public(&self, file: &str, certificate: Vec<u8>) -> Result<PublicLeaf, KeyError> {
        let broken = |why: &str| self.broken(file, why.to_owned());
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate)
            .map_err(|_| broken("a certificate cannot be read"))?;
        let time = |at: x509_parser::time::ASN1Time| {
            Timestamp::from_second(at.timestamp()).map_err(|_| broken("a date cannot be read"))
        };
        let spki = parsed.public_key();
        let key = PublicKey::of(spki)
            .ok_or_else(|| broken("a certificate's key is neither P-256 nor RSA"))?;
        let public = PublicLeaf {
            kid: libtrust_id(spki.raw),
            thumbprint: key.thumbprint(),
            not_before: time(parsed.validity().not_before)?,
            not_after: time(parsed.validity().not_after)?,
            key,
            certificate: Vec::new(),
        };
        Ok(PublicLeaf { certificate, ..public })
    }

    fn certificates(&self, file: &str, text: &str) -> Result<Vec<Vec<u8>>, KeyError> {
        let mut found = Vec::new();
        for pem in Pem::iter_from_buffer(text.as_bytes()) {
            let pem = pem.map_err(|error| self.broken(file, error.to_string()))?;
            if pem.label == "CERTIFICATE" {
                found.push(pem.contents);
            }
        }
        Ok(found)
    }

    fn certificate_part(&self, file: &str, text: &str) -> Result<String, KeyError> {
        match self.certificates(file, text)?.first() {
            Some(der) => Ok(certificate_pem(der)),
            None => Err(self.broken(file, "it holds no certificate".to_owned())),
        }
    }

    fn private_part(&self, file: &str, text: &str) -> Result<Zeroizing<String>, KeyError> {
        let end = text
            .find("-----BEGIN CERTIFICATE")
            .ok_or_else(|| self.broken(file, "it holds no certificate after its key".to_owned()))?;
        Ok(Zeroizing::new(text[..end].to_owned()))
    }

    fn broken(&self, file: &str, why: String) -> KeyError {
        KeyError::Content { path: self.path(file), why }
    }

    fn read_private(&self, name: &str) -> Result<Zeroizing<String>, KeyError> {
        let path = self.path(name);
        let failed = |source| KeyError::File { path: path.clone(), source };
        let mode = std::fs::metadata(&path).map_err(failed)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Readable { path, mode });
        }
        std::fs::read_to_string(&path).map(Zeroizing::new).map_err(failed)
    }

    /// Puts a file in place, of which nobody ever sees half.
    fn write(&self, name: &str, mode: u32, text: &str) -> Result<(), KeyError> {
        let (beside, path) = (self.write_beside(name, mode, text)?, self.path(name));
        std::fs::rename(&beside, &path).map_err(|source| KeyError::File { path, source })?;
        self.sync()
    }

    /// As [`Self::write`], but never in place of another file.
    fn write_new(&self, name: &str, text: &str) -> Result<(), KeyError> {
        let (beside, path) = (self.write_beside(name, 0o600, text)?, self.path(name));
        let linked = std::fs::hard_link(&beside, &path);
        let _ = std::fs::remove_file(&beside);
        linked.map_err(|source| KeyError::File { path, source })?;
        self.sync()
    }

    fn write_beside(&self, name: &str, mode: u32, text: &str) -> Result<PathBuf, KeyError> {
        let path = self.path(&format!(".{name}-{}", uuid::Uuid::new_v4().simple()));
        let failed = |source| KeyError::File { path: path.clone(), source };
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        let mut file = file.map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        Ok(path)
    }

    /// So that a renamed file is still there after a power cut.
    fn sync(&self) -> Result<(), KeyError> {
        std::fs::File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| KeyError::File { path: self.folder.clone(), source })
    }
}

impl PublicLeaf {
    /// The certificate, PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        certificate_pem(&self.certificate)
    }
}

impl Leaf {
    /// Whether it is time for another one.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        let left = self.public.not_after.duration_since(now);
        left < SignedDuration::from_hours(24 * ROTATE_DAYS)
    }
}

fn make(error: rcgen::Error) -> KeyError {
    KeyError::Make(error.to_string())
}

/// From yesterday on, so that a registry whose clock is slow believes it at once.
fn params(name: &str, now: Timestamp, days: i64) -> CertificateParams {
    let day = |offset: i64| {
        let at = now
            .checked_add(SignedDuration::from_hours(24 * offset))
            .unwrap_or(now)
            .to_zoned(TimeZone::UTC);
        let (month, day) = (at.month().unsigned_abs(), at.day().unsigned_abs());
        date_time_ymd(i32::from(at.year()), month, day)
    };
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params.not_before = day(-1);
    params.not_after = day(days);
    params
}

fn certificate_pem(der: &[u8]) -> String {
    let text = base64::prelude::BASE64_STANDARD.encode(der);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = more;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

/// Distribution 2.x's name of a key: base32 of 30 bytes of SHA-256, in groups of four.
fn libtrust_id(spki: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = Sha256::digest(spki);
    let mut id = String::new();
    for five in hash[..30].chunks(5) {
        let bits = five.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        for character in (0..8).rev() {
            let index = usize::try_from((bits >> (5 * character)) & 31).unwrap_or(0);
            if id.len() % 5 == 4 {
                id.push(':');
            }
            id.push(char::from(ALPHABET[index]));
        }
    }
    id
}

#[cfg(test)]
mod tests;
