//! The first administrator, by a secret that only whoever runs the service can read.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::access::Permit;
use domain::admin::{AdminCommand, AdminEvent, AdminRefusal, Administrators};
use domain::decider::Decider as _;
use domain::event::{Actor, Credential, Event, Position, StreamName};
use domain::name::{RegistryName, UserName};
use domain::user::{Account, Origin, User, UserCommand, UserEvent};
use subtle::ConstantTimeEq as _;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::desk::{self, Caller, Desk};
use crate::execute::{CommandError, execute, state};
use crate::users::{self, AccountRefusal, NewUser};
use crate::vault::{Password, VaultError};

/// The file in the data folder, readable by its owner alone.
pub const FILE: &str = "first-administrator-secret";

/// Random bytes of the secret.
const SECRET_BYTES: usize = 32;

/// The one-time secret, while there is one.
pub struct BootstrapSecret {
    path: PathBuf,
    /// `None`: burnt. Held while it is used, so that of many tries at once one is made at a time.
    secret: Mutex<Option<Zeroizing<String>>>,
}

/// Why there is no first administrator by this request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BootstrapRefusal {
    /// Not the secret.
    #[error(
        "this is not the one-time secret; `portus serve` printed it, and the data folder holds it in the file `{FILE}`"
    )]
    WrongSecret,
    /// There is or was an administrator.
    #[error(transparent)]
    Done(#[from] AdminRefusal),
    /// The account cannot be.
    #[error(transparent)]
    Account(#[from] AccountRefusal),
}

/// Why the secret's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file system's.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// Nobody knows yet whether there is an administrator.
    #[error("the first administrator cannot be looked up: {0}")]
    Log(String),
}

impl BootstrapSecret {
    /// Reads the secret, or makes it at the first start. Once there is an administrator who can
    /// sign in, it is burnt, and a file left over is removed.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the file can be neither read nor written, or the log does not serve.
    pub async fn open(desk: &Desk, data_dir: &Path) -> Result<Self, OpenError> {
        let path = data_dir.join(FILE);
        let standing = standing::<BootstrapRefusal>(desk).await;
        let standing = standing.map_err(|err| OpenError::Log(err.to_string()))?;
        let secret = match standing {
            Standing::Done => remove(&path).map(|()| None),
            Standing::Open | Standing::Begun(_) => read_or_make(&path).map(Some),
        };
        match secret {
            Ok(secret) => Ok(Self { path, secret: Mutex::new(secret) }),
            Err(source) => Err(OpenError::File { path, source }),
        }
    }

    /// One that is burnt already, for services that get their first administrator otherwise.
    #[must_use]
    pub fn burnt() -> Self {
        Self { path: PathBuf::new(), secret: Mutex::new(None) }
    }

    /// The secret, to be printed where only whoever runs the service reads it; `None`: burnt.
    pub async fn reveal(&self) -> Option<Zeroizing<String>> {
        self.secret.lock().await.clone()
    }

    /// Where the secret lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes the first administrator, who is a person of this name with this password, and burns the
/// secret.
///
/// The administrators' stream decides who is first, before the account is made: so of many tries
/// exactly one wins. If the process stops in between, the same name with the same secret completes
/// it.
///
/// # Errors
///
/// [`CommandError`]; [`BootstrapRefusal::WrongSecret`] also when the secret is burnt.
pub async fn first_administrator(
    desk: &Desk,
    secret: &BootstrapSecret,
    shown: &str,
    new: FirstAdministrator,
    origin: desk::Origin,
    registries: &[RegistryName],
) -> Result<Position, CommandError<BootstrapRefusal>> {
    let mut held = secret.secret.lock().await;
    let right = held.as_ref().is_some_and(|held| held.as_bytes().ct_eq(shown.as_bytes()).into());
    if !right {
        let admins: Administrators = state(desk, &StreamName::administrators()).await?;
        let done = held.is_none() && admins != Administrators::default();
        return Err(CommandError::Refused(if done {
            AdminRefusal::AlreadyBootstrapped.into()
        } else {
            BootstrapRefusal::WrongSecret
        }));
    }
    let FirstAdministrator { name, password, profile } = new;
    let actor = Actor::User { name: name.clone() };
    let origin = desk::Origin { credential: Some(Credential::Bootstrap), ..origin };
    let caller = Caller { permit: Permit::of_the_house(actor.clone()), origin };

    let account = AccountRefusal::User;
    let refused = |why| CommandError::Refused(BootstrapRefusal::Account(why));
    profile.check().map_err(|err| err.map(BootstrapRefusal::Account))?;
    let begun = match standing(desk).await? {
        Standing::Open => {
            // Whether the name can be had is asked before anybody is administrator.
            let wish = UserCommand::Register {
                user: name.clone(),
                account: Account::Person,
                origin: Origin::Bootstrap,
                now: desk.clock.now(),
            };
            let user: User = state(desk, &StreamName::user(&name)).await?;
            user.decide(&actor, wish).map_err(|why| refused(account(why)))?;
            let wish = AdminCommand::Bootstrap { user: name.clone() };
            execute::<Administrators>(desk, &caller, &StreamName::administrators(), wish)
                .await
                .map_err(|err| err.map(BootstrapRefusal::Done))?;
            false
        }
        Standing::Begun(user) if user == name => true,
        Standing::Begun(_) | Standing::Done => {
            return Err(CommandError::Refused(AdminRefusal::AlreadyBootstrapped.into()));
        }
    };
    let registered = users::account::<BootstrapRefusal>(desk, &name).await?.is_some();
    let done = if begun && registered {
        let done = users::set_password(desk, &caller, &name, password).await;
        done.map_err(|err| err.map(BootstrapRefusal::Account))?
    } else {
        let (account, origin, password) = (Account::Person, Origin::Bootstrap, Some(password));
        let new = NewUser { name, account, origin, password, profile };
        let done = users::register(desk, &caller, new, registries).await;
        done.map_err(|err| err.map(BootstrapRefusal::Account))?
    };
    *held = None;
    if let Err(err) = remove(&secret.path) {
        // Burnt all the same: whoever shows it is told that there is an administrator.
        tracing::warn!(path = %secret.path.display(), error = %err, "remove this file");
    }
    Ok(done)
}

/// Who is to be the first administrator.
pub struct FirstAdministrator {
    /// Their name.
    pub name: UserName,
    /// To sign in with.
    pub password: Password,
    /// Display name and e-mail.
    pub profile: users::ProfileChange,
}

enum Standing {
    /// There has never been an administrator.
    Open,
    /// This person was made administrator by the secret, but cannot sign in yet.
    Begun(UserName),
    /// There is an administrator.
    Done,
}

async fn standing<R: std::error::Error>(desk: &Desk) -> Result<Standing, CommandError<R>> {
    let past = desk.log.read_stream(&StreamName::administrators(), None).await?;
    let first = match past.events.as_slice() {
        [] => return Ok(Standing::Open),
        [only] => only.decode()?,
        _ => return Ok(Standing::Done),
    };
    let Event::Admin(AdminEvent::Granted { user }) = first.event else {
        return Ok(Standing::Done);
    };
    if first.meta.credential != Some(Credential::Bootstrap) {
        return Ok(Standing::Done);
    }
    let past = desk.log.read_stream(&StreamName::user(&user), None).await?;
    for recorded in &past.events {
        if let Event::User(UserEvent::Registered { origin, .. }) = recorded.decode()?.event
            && origin != Origin::Bootstrap
        {
            return Ok(Standing::Done);
        }
    }
    let enters = !past.events.is_empty() && has_password(desk, &user).await?;
    Ok(if enters { Standing::Done } else { Standing::Begun(user) })
}

async fn has_password(desk: &Desk, user: &UserName) -> Result<bool, VaultError> {
    Ok(desk.vault.password(user).await?.is_some())
}

fn read_or_make(path: &Path) -> io::Result<Zeroizing<String>> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim().len() >= SECRET_BYTES => Ok(Zeroizing::new(text.trim().to_owned())),
        // Cut short by a full disk or a stop: worth nothing, so made anew.
        Ok(_) => fs::remove_file(path).and_then(|()| make(path)),
        Err(err) if err.kind() == io::ErrorKind::NotFound => make(path),
        Err(err) => Err(err),
    }
}

fn make(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0_u8; SECRET_BYTES]);
    rand::fill(&mut *bytes);
    let secret = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(*bytes));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(format!("{}\n", *secret).as_bytes())?;
    file.sync_all()?;
    Ok(secret)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => Err(err),
        _ => Ok(()),
    }
}
