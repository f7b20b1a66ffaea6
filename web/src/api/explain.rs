//! `/explain`: may this user do that, and why? For administrators and auditors.

use axum::Json;
use axum::extract::State;
use domain::access::{Action, Because, Form, Ground, Resource, Subject, Verdict};
use domain::event::Position;
use domain::name::{NamespaceName, RepositoryName, TeamName, UserName};
use domain::team::Role;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::answers::RefusedQuestion;
use super::members::RoleName;
use super::namespaces::VisibilityName;
use super::params::Params;
use super::{ApiState, ids};
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// Who wants to do what with which one thing; without any: actions on no thing.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Question {
    /// Such as `pull`.
    #[param(value_type = String)]
    action: Action,
    /// Whoever has not signed in, unless given.
    #[param(value_type = Option<String>)]
    user: Option<UserName>,
    #[param(value_type = Option<String>)]
    repository: Option<RepositoryName>,
    #[param(value_type = Option<String>)]
    namespace: Option<NamespaceName>,
    #[param(value_type = Option<String>)]
    team: Option<TeamName>,
    /// Where there are several.
    registry: Option<String>,
}

/// Whether somebody may do something, and why.
#[derive(Serialize, ToSchema)]
pub(super) struct Explanation {
    /// null: whoever has not signed in.
    #[schema(value_type = Option<String>)]
    user: Option<UserName>,
    #[schema(value_type = String)]
    action: Action,
    allowed: bool,
    /// The rule that decided.
    rule: &'static str,
    /// What it says.
    sentence: &'static str,
    /// What the right comes from.
    ground: Option<GroundEntity>,
    /// How a refusal looks from outside; null: it is none.
    #[schema(value_type = Option<FormName>)]
    form: Option<&'static str>,
    /// Up to where in the log this takes account.
    #[schema(value_type = i64)]
    position: Position,
}

/// How a refusal looks from outside.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case", as = Form)]
#[allow(dead_code)] // the description of `Form`, which describes nothing
enum FormName {
    Omit,
    Partial,
    Unauthorized,
    Forbidden,
    NotFound,
    SignIn,
}

/// What a right comes from.
#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schema(as = Ground)]
enum GroundEntity {
    Administrator,
    Auditor,
    /// Their own namespace.
    Personal,
    /// The team that holds it.
    Member {
        team: String,
        #[schema(value_type = RoleName)]
        role: Role,
    },
    /// A further grant.
    Grant {
        id: Uuid,
        #[schema(value_type = RoleName)]
        role: Role,
    },
    /// The namespace's visibility.
    Visibility {
        #[schema(value_type = VisibilityName)]
        visibility: &'static str,
    },
    /// What a registry shows with its notifications.
    RegistrySecret,
}

/// Explains a right.
///
/// May this user do that, and why? For administrators and auditors.
#[utoipa::path(
    get, path = "/explain", operation_id = "explain", tag = "Activities",
    params(Question),
    responses((status = 200, description = "The answer.", body = Explanation), RefusedQuestion)
)]
pub(super) async fn explain(
    State(api): State<ApiState>,
    caller: ApiCaller,
    params: Params,
) -> Result<Json<Explanation>, ApiError> {
    caller.must(Action::ViewAudit, &Resource::System)?;
    let Question { action, user, repository, namespace, team, registry } = params.only()?;
    let resource = match (repository, namespace, team) {
        (Some(name), None, None) => {
            let registry = ids::registry_for(&api.read, registry.as_deref()).await?;
            Resource::Repository { registry, name }
        }
        (None, Some(name), None) => {
            let registry = ids::registry_for(&api.read, registry.as_deref()).await?;
            Resource::Namespace { registry, name }
        }
        (None, None, Some(name)) => Resource::Team { name },
        (None, None, None) => Resource::System,
        _ => {
            let text = "Ask for one thing: `repository`, `namespace` or `team`";
            return Err(ApiError::bad_request(text));
        }
    };
    let subject = user.map_or(Subject::Anonymous, |name| Subject::Account { name });
    let verdict = caller.viewer.explain(&subject, action, &resource);
    let (because, form) = match &verdict {
        Verdict::Allowed(because) => (because, None),
        Verdict::Denied(because, form) => (because, Some(form_name(*form))),
    };
    Ok(Json(Explanation {
        user: subject.user().cloned(),
        action,
        allowed: verdict.is_allowed(),
        rule: because.rule.as_str(),
        sentence: because.rule.sentence(),
        ground: ground(because),
        form,
        position: caller.viewer.graph().position(),
    }))
}

fn form_name(form: Form) -> &'static str {
    match form {
        Form::Omit => "omit",
        Form::Partial => "partial",
        Form::Unauthorized => "unauthorized",
        Form::Forbidden => "forbidden",
        Form::NotFound => "not_found",
        Form::SignIn => "sign_in",
    }
}

fn ground(because: &Because) -> Option<GroundEntity> {
    use GroundEntity as E;
    Some(match because.grant.as_ref()? {
        Ground::Administrator => E::Administrator,
        Ground::Auditor => E::Auditor,
        Ground::Personal => E::Personal,
        Ground::Member { team, role } => E::Member { team: team.to_string(), role: *role },
        Ground::Grant { id, role } => E::Grant { id: id.0, role: *role },
        Ground::Visibility(visibility) => E::Visibility { visibility: visibility.as_str() },
        Ground::RegistrySecret => E::RegistrySecret,
    })
}
