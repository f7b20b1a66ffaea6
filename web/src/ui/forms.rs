//! What forms have in common: a refusal shown where it belongs, and the password asked once more.

use commands::authn::AuthnError;
use domain::access::Subject;
use domain::event::{Credential, Door};
use http::StatusCode;

use super::UiState;
use super::visitor::Visitor;
use crate::error::PageError;
use crate::texts::Lang;

/// What a form may answer to a refusal: the reason, to be shown on the form; anything else stays an
/// error.
pub(super) fn reason<T>(
    t: Lang,
    done: Result<T, PageError>,
) -> Result<Result<T, String>, PageError> {
    match done {
        Ok(done) => Ok(Ok(done)),
        Err(PageError::Refused { status: StatusCode::UNPROCESSABLE_ENTITY, text }) => {
            Ok(Err(text.in_words(t)))
        }
        Err(other) => Err(other),
    }
}

impl UiState {
    /// Whether `password` is the viewer's own: what reaches far is not done by a session alone
    /// (SR-SES-7). Counts as a try to sign in, and is limited like one.
    pub(super) async fn is_own_password(
        &self,
        visitor: &Visitor,
        password: &str,
    ) -> Result<bool, PageError> {
        let own = visitor.user()?;
        let graph = self.auth.graph.fresh(self.auth.staleness)?;
        let origin = &visitor.viewer.origin;
        let authenticator = &self.auth.authenticator;
        let known = authenticator.verify_basic(&graph, own.as_str(), password, origin, Door::Web);
        match known.await {
            Ok(known) => Ok(known.credential == Credential::Password
                && matches!(&known.subject, Subject::Account { name } if name == own)),
            Err(AuthnError::Refused(_)) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }
}
