//! `portus admin`: rescue and set-up by whoever owns the machine, through the same commands.

use std::io::Read as _;
use std::path::Path;

use commands::desk::{Caller, Origin};
use commands::execute::CommandError;
use commands::users::{self, NewUser, ProfileChange};
use commands::vault::Password;
use domain::access::Permit;
use domain::event::{Actor, Door};
use domain::name::UserName;
use domain::user::{Account, Origin as AccountOrigin};
use zeroize::Zeroizing;

use super::{Done, Failure, say};
use crate::config::Config;
use crate::foundation::Foundation;

/// More than any password may have.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Makes a person's account, an administrator's if so wished.
///
/// Their own namespaces are made by the service, which keeps them anyway.
pub(super) async fn create(config: &Config, name: String, admin: bool, file: &Path) -> Done {
    let name = UserName::parse(&name).map_err(Failure::usage)?;
    let text = read(file)?;
    let password = Password::parse(text.trim_end_matches(['\r', '\n'])).map_err(Failure::usage)?;
    let foundation = Foundation::beside(config).await.map_err(Failure::from)?;
    let caller = Caller {
        permit: Permit::of_the_house(Actor::Console { uid: nix::unistd::getuid().as_raw() }),
        origin: Origin { door: Some(Door::Console), ..Origin::default() },
    };
    let new = NewUser {
        name: name.clone(),
        account: Account::Person,
        origin: AccountOrigin::Console,
        password: Some(password),
        profile: ProfileChange::default(),
    };
    let made = async {
        users::register(&foundation.desk, &caller, new, &[]).await.map_err(failure)?;
        if admin {
            users::grant_admin(&foundation.desk, &caller, &name).await.map_err(failure)?;
        }
        Ok(())
    };
    let made: Done = made.await;
    foundation.close().await;
    made?;
    say(format_args!("{name} can sign in{}", if admin { ", and is an administrator" } else { "" }));
    Ok(())
}

fn failure<R: std::error::Error>(error: CommandError<R>) -> Failure {
    match error {
        CommandError::Log(_) | CommandError::Vault(_) => Failure::unreachable(error),
        _ => Failure::failed(error),
    }
}

fn read(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    let source: Box<dyn std::io::Read> = if file.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        let shown = file.display();
        let opened = std::fs::File::open(file);
        Box::new(opened.map_err(|error| Failure::usage(format!("cannot read {shown}: {error}")))?)
    };
    source
        .take(MAX_FILE_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("cannot read the password: {error}")))?;
    Ok(text)
}
