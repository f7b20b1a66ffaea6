//! How a no looks from outside.

use super::case::{Asker, Case, Scene, Who, of_team};
use crate::access::graph::Namespace;
use crate::access::{Action, Form};
use crate::namespace::{Holder, Visibility};

impl Case<'_> {
    /// How a no looks from outside: what somebody may not know of, is not there.
    pub(super) fn form(&self, who: &Who<'_>, action: Action, partly: bool) -> Form {
        use Action as A;
        let asker = match who {
            Who::Registry => return Form::Unauthorized,
            Who::Anonymous => None,
            Who::User(asker) => Some(asker),
        };
        match (action, asker) {
            (A::PostNotification, _) => Form::Unauthorized,
            (A::Wildcard, _) if partly => Form::Partial,
            (A::Pull | A::Push | A::Delete | A::Wildcard | A::Catalog, _) => Form::Omit,
            (_, None) => Form::SignIn,
            (A::LoginWeb, Some(_)) => Form::Unauthorized,
            (_, Some(asker)) if self.is_known_to(asker, action) => Form::Forbidden,
            (_, Some(_)) => Form::NotFound,
        }
    }

    /// Whether the asker may know that it exists: the person, that is, whatever their token does.
    fn is_known_to(&self, asker: &Asker<'_>, action: Action) -> bool {
        let admin = asker.user.admin && !asker.is_bot();
        let readable = |namespace: &Namespace, repository| {
            admin
                || namespace.visibility != Visibility::Private
                || self
                    .graph
                    .reach(asker.name, asker.user, namespace, repository, self.at)
                    .is_some()
        };
        match self.scene {
            Scene::System | Scene::Inside { parent: None } => true,
            Scene::Team { name, team } => {
                team.is_some() && (admin || asker.user.teams.get(name).is_some())
            }
            Scene::Place { namespace: None, .. } => false,
            Scene::Place { namespace: Some(namespace), .. } if of_team(action) => {
                match &namespace.holder {
                    Holder::Team { team } if namespace.held => {
                        admin || asker.user.teams.get(team).is_some()
                    }
                    _ => false,
                }
            }
            Scene::Place { namespace: Some(namespace), repository } => {
                readable(namespace, repository)
            }
            Scene::Inside { parent: Some(parent) } => readable(parent, None),
        }
    }
}
