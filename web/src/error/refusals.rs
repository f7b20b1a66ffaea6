//! Which status a rule's refusal has. What is absent is 404; everything else was understood and
//! cannot be: 422, as in the original interface.

use commands::bootstrap::BootstrapRefusal;
use commands::users::AccountRefusal;
use commands::users::reset::ResetRefusal;
use domain::admin::AdminRefusal;
use domain::app_token::AppTokenRefusal;
use domain::comment::CommentRefusal;
use domain::namespace::NamespaceRefusal;
use domain::registry::RegistryRefusal;
use domain::repository::RepositoryRefusal;
use domain::star::StarRefusal;
use domain::team::TeamRefusal;
use domain::user::UserRefusal;
use http::StatusCode;

use crate::texts::Said;

/// A refusal that has a status, and can be said to whoever reads a page.
#[allow(private_bounds)] // sentences are for pages, and pages are ours
pub trait Refusal: std::error::Error + Said + Send + Sync + 'static {
    /// 404 or 422.
    fn status(&self) -> StatusCode {
        if self.is_absence() { StatusCode::NOT_FOUND } else { StatusCode::UNPROCESSABLE_ENTITY }
    }

    /// Whether the thing asked for does not exist.
    fn is_absence(&self) -> bool {
        false
    }

    /// The field of a body that cannot be so, where it is one: it has the same name in every body
    /// that brings it.
    fn field(&self) -> Option<&'static str> {
        None
    }
}

impl Refusal for UserRefusal {
    fn is_absence(&self) -> bool {
        *self == Self::Unknown
    }

    fn field(&self) -> Option<&'static str> {
        let of_the_name = matches!(self, Self::Taken | Self::Reserved | Self::Quarantined(_));
        of_the_name.then_some("username")
    }
}

impl Refusal for AccountRefusal {
    fn is_absence(&self) -> bool {
        matches!(self, Self::User(why) if why.is_absence())
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::User(why) => why.field(),
            Self::Email { .. } => Some("email"),
            Self::DisplayName { .. } => Some("display_name"),
            Self::Admin(_) | Self::LastOwner { .. } => None,
        }
    }
}

impl Refusal for TeamRefusal {
    fn is_absence(&self) -> bool {
        matches!(self, Self::Unknown | Self::NotMember)
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::Taken | Self::Quarantined(_) => Some("name"),
            Self::DescriptionTooLong { .. } => Some("description"),
            Self::AlreadyMember | Self::UnknownUser => Some("user"),
            Self::BotOwner => Some("role"),
            Self::Unknown | Self::NotMember | Self::LastOwner => None,
        }
    }
}

impl Refusal for NamespaceRefusal {
    fn is_absence(&self) -> bool {
        matches!(self, Self::Unknown | Self::UnknownGrant | Self::UnknownTeam)
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::Taken | Self::Quarantined(_) | Self::GlobalName | Self::Inside(_) => Some("name"),
            Self::DescriptionTooLong { .. } => Some("description"),
            Self::GlobalPrivate => Some("visibility"),
            Self::GrantOutside => Some("repository"),
            Self::BotOwner => Some("role"),
            Self::GrantOver => Some("until"),
            Self::UnknownRegistry => Some("registry"),
            Self::Unknown
            | Self::TooManyGrants { .. }
            | Self::Fixed
            | Self::UnknownGrant
            | Self::UnknownTeam
            | Self::UnknownGrantee => None,
        }
    }
}

impl Refusal for AppTokenRefusal {
    fn is_absence(&self) -> bool {
        *self == Self::Unknown
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::LabelTaken | Self::Label { .. } => Some("application"),
            Self::NoScope => Some("scopes"),
            Self::Namespaces { .. } => Some("namespaces"),
            Self::Expiry => Some("expires_at"),
            Self::TooMany { .. } | Self::Unknown => None,
        }
    }
}

impl Refusal for RegistryRefusal {
    fn is_absence(&self) -> bool {
        *self == Self::Unknown
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::Taken => Some("name"),
            Self::Unknown | Self::Setting { .. } | Self::Url => None,
        }
    }
}

impl Refusal for CommentRefusal {
    fn is_absence(&self) -> bool {
        *self == Self::Unknown
    }
}

impl Refusal for ResetRefusal {
    fn is_absence(&self) -> bool {
        match self {
            Self::Used => true,
            Self::Account(why) => why.is_absence(),
        }
    }
}

impl Refusal for AdminRefusal {}
impl Refusal for RepositoryRefusal {
    fn field(&self) -> Option<&'static str> {
        match self {
            Self::DescriptionTooLong { .. } => Some("description"),
        }
    }
}

impl Refusal for StarRefusal {}

impl Refusal for BootstrapRefusal {
    /// As the original: 400 when there is somebody already.
    fn status(&self) -> StatusCode {
        match self {
            Self::WrongSecret => StatusCode::FORBIDDEN,
            Self::Done(_) => StatusCode::BAD_REQUEST,
            Self::Account(why) => why.status(),
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::Account(why) => why.field(),
            Self::WrongSecret | Self::Done(_) => None,
        }
    }
}
