//! People and bots: stream `user-<name>`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decider::Decider;
use crate::event::Actor;
use crate::name::UserName;

/// What has happened to a person or bot. Past tense, complete in itself, never changed once
/// released, and without secrets or personal data: e-mail and display name live in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum UserEvent {
    /// The account was made.
    Registered { user: UserName, account: Account, origin: Origin },
    /// From now on every door is closed to it.
    Disabled { user: UserName, reason: String },
    /// The doors are open again.
    Enabled { user: UserName },
    /// May read the audit record.
    AuditorGranted { user: UserName },
    /// May no longer read the audit record.
    AuditorRevoked { user: UserName },
    /// A password was set; its hash is in the vault. Ends all refresh tokens and other sessions.
    PasswordChanged { user: UserName },
    /// Display name or e-mail changed; the values are in the vault.
    ProfileChanged { user: UserName, fields: Vec<ProfileField> },
    /// All refresh tokens and sessions were ended.
    SignedOutEverywhere { user: UserName },
    /// The key of their sealed personal data was destroyed.
    PersonalDataErased { user: UserName },
    /// The account is gone for ever; the name is not given again before `name_free_at`.
    Removed { user: UserName, name_free_at: Timestamp },
}

/// What kind of account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// Somebody.
    Person,
    /// A robot: no pages, no management, at most contributor.
    Bot,
}

/// How an account came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum Origin {
    /// The first administrator, by the one-time secret.
    Bootstrap,
    /// An administrator made it.
    Administrator,
    /// `portus admin create`.
    Console,
    /// They signed up.
    SignUp,
    /// First sign-in through a directory or identity provider.
    Directory { provider: String },
}

/// What may be changed of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileField {
    /// How the person is called on pages.
    DisplayName,
    /// Where mail goes.
    Email,
}

/// Where an account stands. An enum, so that "disabled, but unknown" cannot be written down.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum User {
    /// Never heard of.
    #[default]
    Unknown,
    /// In use.
    Active(Facts),
    /// All doors closed.
    Disabled(Facts),
    /// Gone.
    Removed {
        /// When the name may be given again.
        name_free_at: Timestamp,
    },
}

/// What is known of an account that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Person or bot.
    pub account: Account,
    /// May read the audit record.
    pub auditor: bool,
}

/// What somebody may want of an account.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum UserCommand {
    /// Make it.
    Register { user: UserName, account: Account, origin: Origin, now: Timestamp },
    /// Close all doors.
    Disable { user: UserName, reason: String },
    /// Open them.
    Enable { user: UserName },
    /// Let read the audit record.
    GrantAuditor { user: UserName },
    /// No longer.
    RevokeAuditor { user: UserName },
    /// Say that the vault holds a new password.
    RecordPassword { user: UserName },
    /// Say that the vault holds new profile data.
    RecordProfile { user: UserName, fields: Vec<ProfileField> },
    /// End refresh tokens and sessions.
    SignOutEverywhere { user: UserName },
    /// Say that the key was destroyed.
    RecordErasure { user: UserName },
    /// For ever.
    Remove { user: UserName, name_free_at: Timestamp },
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the fields are the words of the variant
pub enum UserRefusal {
    /// No such account.
    #[error("there is no such user")]
    Unknown,
    /// Taken.
    #[error("this user name is taken")]
    Taken,
    /// Names that people would trust for the wrong reason, or that are paths of ours (SR-AUT-15).
    #[error("this user name is reserved; choose another one")]
    Reserved,
    /// Freed a moment ago.
    #[error("this user name belonged to a removed account; it is free again at {0}")]
    Quarantined(Timestamp),
    /// One cannot close one's own doors.
    #[error("you cannot disable or remove your own account; ask another administrator")]
    OwnAccount,
    /// It is disabled.
    #[error("this account is disabled; enable it first")]
    Disabled,
    /// Bots cannot.
    #[error("a bot cannot do this")]
    Bot,
}

/// Names that nobody may register (SR-AUT-15). They give no power if they exist all the same.
const RESERVED: [&str; 14] = [
    "portus",
    "admin",
    "administrator",
    "root",
    "library",
    "v2",
    "api",
    "_catalog",
    "system",
    "anonymous",
    "registry",
    "auth",
    "support",
    "security",
];

impl Decider for User {
    type Event = UserEvent;
    type Command = UserCommand;
    type Refusal = UserRefusal;

    /// Never fails: what the log holds has happened, whether we like it or not.
    fn evolve(self, event: &UserEvent) -> Self {
        match (self, event) {
            (_, UserEvent::Registered { account, .. }) => {
                Self::Active(Facts { account: *account, auditor: false })
            }
            (_, UserEvent::Removed { name_free_at, .. }) => {
                Self::Removed { name_free_at: *name_free_at }
            }
            (Self::Active(facts) | Self::Disabled(facts), UserEvent::Disabled { .. }) => {
                Self::Disabled(facts)
            }
            (Self::Active(facts) | Self::Disabled(facts), UserEvent::Enabled { .. }) => {
                Self::Active(facts)
            }
            (Self::Active(facts), UserEvent::AuditorGranted { .. }) => {
                Self::Active(Facts { auditor: true, ..facts })
            }
            (Self::Active(facts), UserEvent::AuditorRevoked { .. }) => {
                Self::Active(Facts { auditor: false, ..facts })
            }
            (Self::Disabled(facts), UserEvent::AuditorRevoked { .. }) => {
                Self::Disabled(Facts { auditor: false, ..facts })
            }
            (
                state,
                UserEvent::AuditorGranted { .. }
                | UserEvent::AuditorRevoked { .. }
                | UserEvent::Disabled { .. }
                | UserEvent::Enabled { .. }
                | UserEvent::PasswordChanged { .. }
                | UserEvent::ProfileChanged { .. }
                | UserEvent::SignedOutEverywhere { .. }
                | UserEvent::PersonalDataErased { .. },
            ) => state,
        }
    }

    /// No events means that the wish is true already, which makes a repeated request harmless.
    fn decide(&self, by: &Actor, wish: UserCommand) -> Result<Vec<UserEvent>, UserRefusal> {
        use {UserCommand as C, UserEvent as E, UserRefusal as R};
        match (self, wish) {
            (Self::Unknown, C::Register { user, account, origin, .. }) => {
                register(user, account, origin)
            }
            (Self::Removed { name_free_at }, C::Register { user, account, origin, now }) => {
                if now < *name_free_at {
                    return Err(R::Quarantined(*name_free_at));
                }
                register(user, account, origin)
            }
            (Self::Active(_) | Self::Disabled(_), C::Register { .. }) => Err(R::Taken),
            (Self::Unknown | Self::Removed { .. }, _) => Err(R::Unknown),

            (Self::Active(_), C::Disable { user, .. }) if by.is(&user) => Err(R::OwnAccount),
            (Self::Active(_), C::Disable { user, reason }) => {
                Ok(vec![E::Disabled { user, reason }])
            }
            (Self::Disabled(_), C::Enable { user }) => Ok(vec![E::Enabled { user }]),
            (Self::Active(_), C::Enable { .. }) | (Self::Disabled(_), C::Disable { .. }) => {
                Ok(vec![])
            }

            (Self::Active(facts), C::GrantAuditor { .. }) if facts.account == Account::Bot => {
                Err(R::Bot)
            }
            (Self::Active(facts), C::GrantAuditor { .. }) if facts.auditor => Ok(vec![]),
            (Self::Active(_), C::GrantAuditor { user }) => Ok(vec![E::AuditorGranted { user }]),
            (Self::Disabled(_), C::GrantAuditor { .. }) => Err(R::Disabled),
            (Self::Active(facts) | Self::Disabled(facts), C::RevokeAuditor { user }) => {
                if facts.auditor { Ok(vec![E::AuditorRevoked { user }]) } else { Ok(vec![]) }
            }

            (Self::Active(_) | Self::Disabled(_), C::RecordPassword { user }) => {
                Ok(vec![E::PasswordChanged { user }])
            }
            (Self::Active(_) | Self::Disabled(_), C::RecordProfile { user, fields }) => {
                if fields.is_empty() {
                    return Ok(vec![]);
                }
                Ok(vec![E::ProfileChanged { user, fields }])
            }
            (Self::Active(_) | Self::Disabled(_), C::SignOutEverywhere { user }) => {
                Ok(vec![E::SignedOutEverywhere { user }])
            }
            (Self::Active(_) | Self::Disabled(_), C::RecordErasure { user }) => {
                Ok(vec![E::PersonalDataErased { user }])
            }
            (Self::Active(_) | Self::Disabled(_), C::Remove { user, .. }) if by.is(&user) => {
                Err(R::OwnAccount)
            }
            (Self::Active(_) | Self::Disabled(_), C::Remove { user, name_free_at }) => {
                Ok(vec![E::Removed { user, name_free_at }])
            }
        }
    }
}

fn register(
    user: UserName,
    account: Account,
    origin: Origin,
) -> Result<Vec<UserEvent>, UserRefusal> {
    // The console and the one-time secret are already the machine's own authority.
    let trusted = matches!(origin, Origin::Console | Origin::Bootstrap);
    let reserved = RESERVED.contains(&user.as_str());
    if reserved && !(trusted && user.as_str() == "admin") {
        return Err(UserRefusal::Reserved);
    }
    Ok(vec![UserEvent::Registered { user, account, origin }])
}

#[cfg(test)]
mod tests;
