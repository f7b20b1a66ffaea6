//! `/explain`: may this user do that, and why? For administrators and auditors.

use axum::Json;
use axum::extract::State;
use domain::access::{Action, Because, Form, Ground, Resource, Subject, Verdict};
use domain::name::{NamespaceName, RepositoryName, TeamName, UserName};
use serde_json::{Value, json};

use super::params::Params;
use super::{ApiState, ids};
use crate::auth::ApiCaller;
use crate::error::ApiError;

/// `GET /explain?user=…&action=push&repository=team/app`, or `namespace=`, or `team=`, or nothing
/// for actions on no thing; without `user` for whoever has not signed in. `registry=` where there
/// are several.
pub(super) async fn explain(
    State(api): State<ApiState>,
    caller: ApiCaller,
    mut params: Params,
) -> Result<Json<Value>, ApiError> {
    caller.must(Action::ViewAudit, &Resource::System)?;
    let action = params.required("action")?;
    let action: Action = serde_json::from_value(json!(action))
        .map_err(|_| ApiError::bad_request("There is no action of this name; `pull` is one"))?;
    let user: Option<UserName> = params.parse("user")?;
    let repository: Option<RepositoryName> = params.parse("repository")?;
    let namespace: Option<NamespaceName> = params.parse("namespace")?;
    let team: Option<TeamName> = params.parse("team")?;
    let registry = params.text("registry");
    params.end()?;
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
    Ok(Json(json!({
        "user": subject.user(),
        "action": action,
        "allowed": verdict.is_allowed(),
        "rule": because.rule.as_str(),
        "sentence": because.rule.sentence(),
        "ground": ground(because),
        "form": form,
        "position": caller.viewer.graph().position(),
    })))
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

fn ground(because: &Because) -> Value {
    match &because.grant {
        None => Value::Null,
        Some(Ground::Administrator) => json!({ "kind": "administrator" }),
        Some(Ground::Auditor) => json!({ "kind": "auditor" }),
        Some(Ground::Personal) => json!({ "kind": "personal" }),
        Some(Ground::Member { team, role }) => {
            json!({ "kind": "member", "team": team, "role": role })
        }
        Some(Ground::Grant { id, role }) => json!({ "kind": "grant", "id": id, "role": role }),
        Some(Ground::Visibility(visibility)) => {
            json!({ "kind": "visibility", "visibility": visibility })
        }
        Some(Ground::RegistrySecret) => json!({ "kind": "registry_secret" }),
    }
}
