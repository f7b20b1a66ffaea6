//! `portus admin`: rescue and set-up by whoever owns the machine, through the same commands.

use std::path::Path;

use super::secret;
use super::{Done, Failure, say};
use crate::config::Config;
use crate::foundation::Foundation;
use commands::desk::{Caller, Origin};
use commands::execute::CommandError;
use commands::users::{self, NewUser, ProfileChange};
use commands::vault::Password;
use domain::access::Permit;
use domain::event::{Actor, Door};
use domain::name::UserName;
use domain::user::{Account, Origin as AccountOrigin};

/// Makes a person's account, an administrator's if so wished.
///
/// Their own namespaces are made by the service, which keeps them anyway.
pub(super) async fn create(config: &Config, name: String, admin: bool, file: &Path) -> Done {
    let name = UserName::parse(&name).map_err(Failure::usage)?;
    let text = secret::read(file, "password")?;
    let password = Password::parse(&text).map_err(Failure::usage)?;
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
        // An account is made where the service will look for it.
        foundation.recognise().await?;
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
