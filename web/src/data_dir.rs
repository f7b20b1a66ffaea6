//! The data folder: who may enter it, which version made it, and that one process uses it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

/// The arrangement of files that this program knows.
pub const LAYOUT: u32 = 1;

/// A data folder that this process may use.
#[derive(Debug)]
pub struct DataDir {
    root: PathBuf,
    /// Held as long as the service runs; `None` for commands that work beside it.
    _lock: Option<Flock<File>>,
}

/// Why a folder cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The system refuses.
    #[error("{}: {source}; choose another folder with --data-dir, or change who owns this one", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Files, but not ours.
    #[error("{} holds files, but no data of Portus; choose another folder with --data-dir", .0.display())]
    Foreign(PathBuf),
    /// Another version's.
    #[error(
        "{} was made by another version of Portus (layout {found}, this program knows {LAYOUT}); \
         start the version that made it, or choose another folder with --data-dir",
        path.display()
    )]
    OtherVersion {
        /// Which folder.
        path: PathBuf,
        /// What its `VERSION` says.
        found: String,
    },
    /// Another process uses it.
    #[error(
        "{} is in use by another portus (process {pid}); stop that one, or choose another folder \
         with --data-dir",
        path.display()
    )]
    InUse {
        /// Which folder.
        path: PathBuf,
        /// The other process, as it wrote itself down.
        pid: String,
    },
    /// There is none, and this command does not make one.
    #[error("{} is no data folder of Portus; name the service's with --data-dir", .0.display())]
    Missing(PathBuf),
}

impl DataDir {
    /// Opens the folder for the service, and makes it if need be.
    ///
    /// # Errors
    ///
    /// [`DataDirError`], whose text says what to do.
    pub fn open_for_service(path: &Path) -> Result<Self, DataDirError> {
        let at = |source| DataDirError::Io { path: path.to_owned(), source };
        // Others may pass through, to the subfolders that are theirs (Postgres, the registry),
        // but not look around.
        fs::DirBuilder::new().recursive(true).mode(0o711).create(path).map_err(at)?;
        let root = path.canonicalize().map_err(at)?;
        let version = root.join("VERSION");
        if version.exists() {
            check_version(&root)?;
        } else if fs::read_dir(&root).map_err(at)?.next().is_some() {
            return Err(DataDirError::Foreign(root));
        } else {
            fs::set_permissions(&root, fs::Permissions::from_mode(0o711)).map_err(at)?;
            fs::write(&version, format!("{LAYOUT}\n")).map_err(at)?;
        }
        let lock = lock(&root)?;
        Ok(Self { root, _lock: Some(lock) })
    }

    /// Opens a folder that the service has made, beside the service.
    ///
    /// # Errors
    ///
    /// [`DataDirError`], whose text says what to do.
    pub fn open_beside(path: &Path) -> Result<Self, DataDirError> {
        let root = path.canonicalize().map_err(|_| DataDirError::Missing(path.to_owned()))?;
        if !root.join("VERSION").exists() {
            return Err(DataDirError::Missing(root));
        }
        check_version(&root)?;
        Ok(Self { root, _lock: None })
    }

    /// Whether a service runs on it at this moment.
    #[must_use]
    pub fn is_served(&self) -> bool {
        matches!(lock(&self.root), Err(DataDirError::InUse { .. }))
    }

    /// Its place.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A subfolder for us alone.
    ///
    /// # Errors
    ///
    /// When the system refuses to make it.
    pub fn private(&self, name: &str) -> Result<PathBuf, DataDirError> {
        let path = self.root.join(name);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(|source| DataDirError::Io { path: path.clone(), source })?;
        Ok(path)
    }

    /// Text that only we may read, made by `new` the first time and kept from then on.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn secret(&self, name: &str, new: impl FnOnce() -> String) -> Result<String, DataDirError> {
        let path = self.root.join(name);
        let at = |source| DataDirError::Io { path: path.clone(), source };
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim_end().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = new();
                write_private(&path, &text).map_err(at)?;
                Ok(text)
            }
            Err(error) => Err(at(error)),
        }
    }
}

/// Writes a file of mode 0600 whole or not at all.
///
/// # Errors
///
/// When the system refuses.
pub fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    let _ = fs::remove_file(&beside);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

fn check_version(root: &Path) -> Result<(), DataDirError> {
    let version = root.join("VERSION");
    let found = fs::read_to_string(&version)
        .map_err(|source| DataDirError::Io { path: version, source })?;
    let found = found.trim();
    if found == LAYOUT.to_string() {
        return Ok(());
    }
    let found = crate::client::cut(found, 40).to_owned();
    Err(DataDirError::OtherVersion { path: root.to_owned(), found })
}

/// The lock goes with the process, however it ends.
fn lock(root: &Path) -> Result<Flock<File>, DataDirError> {
    let path = root.join("lock");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(&path).map_err(|source| DataDirError::Io { path, source })?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            let _ = lock.set_len(0);
            let _ = lock.rewind();
            let _ = write!(*lock, "{}", std::process::id());
            Ok(lock)
        }
        Err((mut file, _)) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            Err(DataDirError::InUse { path: root.to_owned(), pid })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_found_again_and_used_by_one_process() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("data");
        let folder = DataDir::open_for_service(&path).unwrap();
        assert_eq!(folder.secret("s", || "one".into()).unwrap(), "one");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.root().join("s")), 0o600);
        assert_eq!(mode(&folder.private("keys").unwrap()), 0o700);
        assert_eq!(mode(folder.root()), 0o711);
        let said = DataDir::open_for_service(&path).unwrap_err().to_string();
        assert!(said.contains(&format!("process {}", std::process::id())), "{said}");
        assert!(DataDir::open_beside(&path).unwrap().is_served());
        drop(folder);
        assert!(!DataDir::open_beside(&path).unwrap().is_served());
        let folder = DataDir::open_for_service(&path).unwrap();
        assert_eq!(folder.secret("s", || "two".into()).unwrap(), "one");
    }

    #[test]
    fn a_folder_of_another_version_is_left_alone() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("VERSION"), "7\n").unwrap();
        let said = DataDir::open_for_service(base.path()).unwrap_err().to_string();
        assert!(said.contains("layout 7, this program knows 1"), "{said}");
        assert!(said.contains("--data-dir"), "{said}");
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_with_other_peoples_files_is_left_alone() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("thesis.txt"), "").unwrap();
        let said = DataDir::open_for_service(base.path()).unwrap_err().to_string();
        assert!(said.contains("no data of Portus"), "{said}");
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_command_beside_the_service_makes_no_folder() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("nothing");
        assert!(matches!(DataDir::open_beside(&path), Err(DataDirError::Missing(_))));
        assert!(!path.exists());
    }
}
