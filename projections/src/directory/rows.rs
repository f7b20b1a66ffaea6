//! The rows of the projection `directory`, as the fold works on them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::working::table;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct UserRow {
    pub(super) name: String,
    pub(super) id: i64,
    pub(super) bot: bool,
    pub(super) enabled: bool,
    pub(super) admin: bool,
    pub(super) auditor: bool,
    pub(super) origin: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}
table!(
    UserRow,
    UserKey { name: String },
    "users",
    "name",
    "id, bot, enabled, admin, auditor, origin, created_at, updated_at",
    "excluded.id, excluded.bot, excluded.enabled, excluded.admin, excluded.auditor,
     excluded.origin, excluded.created_at, excluded.updated_at"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct AdministratorRow {
    pub(super) name: String,
}
table!(
    AdministratorRow,
    AdministratorKey { name: String },
    "administrators",
    "name",
    "name",
    "excluded.name"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TeamRow {
    pub(super) name: String,
    pub(super) id: i64,
    pub(super) description: String,
    /// With accounts; counted after each run of facts, as is the next.
    pub(super) members: i64,
    pub(super) namespaces: i64,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}
table!(
    TeamRow,
    TeamKey { name: String },
    "teams",
    "name",
    "id, description, members, namespaces, created_at, updated_at",
    "excluded.id, excluded.description, excluded.members, excluded.namespaces,
     excluded.created_at, excluded.updated_at"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct MemberRow {
    pub(super) team: String,
    pub(super) user_name: String,
    pub(super) id: i64,
    pub(super) role: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}
table!(
    MemberRow,
    MemberKey { team: String, user_name: String },
    "team_members",
    "team, user_name",
    "id, role, created_at, updated_at",
    "excluded.id, excluded.role, excluded.created_at, excluded.updated_at"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RegistryRow {
    pub(super) name: String,
    pub(super) id: i64,
    pub(super) service: String,
    pub(super) host: String,
    pub(super) url: String,
    pub(super) secret_rotated_at: Option<Timestamp>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}
table!(
    RegistryRow,
    RegistryKey { name: String },
    "registries",
    "name",
    "id, service, host, url, secret_rotated_at, created_at, updated_at",
    "excluded.id, excluded.service, excluded.host, excluded.url, excluded.secret_rotated_at,
     excluded.created_at, excluded.updated_at"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct NamespaceRow {
    pub(super) registry: String,
    pub(super) name: String,
    pub(super) id: i64,
    pub(super) holder_kind: String,
    pub(super) holder: Option<String>,
    pub(super) visibility: String,
    pub(super) description: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}
table!(
    NamespaceRow,
    NamespaceKey { registry: String, name: String },
    "namespaces",
    "registry, name",
    "id, holder_kind, holder, visibility, description, created_at, updated_at",
    "excluded.id, excluded.holder_kind, excluded.holder, excluded.visibility,
     excluded.description, excluded.created_at, excluded.updated_at"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct GrantRow {
    pub(super) grant_id: Uuid,
    pub(super) registry: String,
    pub(super) namespace: String,
    pub(super) id: i64,
    pub(super) grantee_kind: String,
    pub(super) grantee: String,
    pub(super) role: String,
    pub(super) repository: Option<String>,
    pub(super) until: Option<Timestamp>,
}
table!(
    GrantRow,
    GrantKey { registry: String, namespace: String, grant_id: Uuid },
    "namespace_grants",
    "registry, namespace, grant_id",
    "id, grantee_kind, grantee, role, repository, until",
    "excluded.id, excluded.grantee_kind, excluded.grantee, excluded.role, excluded.repository,
     excluded.until"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct DescriptionRow {
    pub(super) registry: String,
    pub(super) repository: String,
    pub(super) description: String,
    pub(super) updated_at: Timestamp,
}
table!(
    DescriptionRow,
    DescriptionKey { registry: String, repository: String },
    "repository_descriptions",
    "registry, repository",
    "description, updated_at",
    "excluded.description, excluded.updated_at"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TokenRow {
    pub(super) token: Uuid,
    pub(super) id: i64,
    pub(super) user_name: String,
    pub(super) label: String,
    pub(super) scopes: Vec<String>,
    pub(super) namespaces: Option<Vec<String>>,
    pub(super) expires_at: Timestamp,
    pub(super) revoked_at: Option<Timestamp>,
    pub(super) created_at: Timestamp,
}
table!(
    TokenRow,
    TokenKey { token: Uuid },
    "app_tokens",
    "token",
    "id, user_name, label, scopes, namespaces, expires_at, revoked_at, created_at",
    "excluded.id, excluded.user_name, excluded.label, excluded.scopes, excluded.namespaces,
     excluded.expires_at, excluded.revoked_at, excluded.created_at"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct StarRow {
    pub(super) user_name: String,
    pub(super) registry: String,
    pub(super) repository: String,
    pub(super) id: i64,
    pub(super) created_at: Timestamp,
}
table!(
    StarRow,
    StarKey { user_name: String, registry: String, repository: String },
    "stars",
    "user_name, registry, repository",
    "id, created_at",
    "excluded.id, excluded.created_at"
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct CommentRow {
    pub(super) comment: Uuid,
    pub(super) id: i64,
    pub(super) registry: String,
    pub(super) repository: String,
    pub(super) author: String,
    pub(super) created_at: Timestamp,
}
table!(
    CommentRow,
    CommentKey { comment: Uuid },
    "comments",
    "comment",
    "id, registry, repository, author, created_at",
    "excluded.id, excluded.registry, excluded.repository, excluded.author, excluded.created_at"
);
