//! What an administrator may set.

use serde::{Deserialize, Serialize};

/// What an administrator may set (security rules 6.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)] // they are switches
pub struct Policy {
    /// Whether anything may be deleted at all.
    pub delete_enabled: bool,
    /// Whether contributors delete images.
    pub delete_contributors: bool,
    /// Who pushes.
    pub push: PushPolicy,
    /// Whether everybody makes teams.
    pub create_team: bool,
    /// Whether owners manage their teams.
    pub manage_team: bool,
    /// Whether contributors and owners make namespaces.
    pub create_namespace: bool,
    /// Whether owners edit and move their namespaces.
    pub manage_namespace: bool,
    /// Whether owners change visibility.
    pub change_visibility: bool,
    /// Whether owners make webhooks.
    pub create_webhook: bool,
    /// Whether owners change webhooks.
    pub manage_webhook: bool,
    /// Whether public things have pages for everybody.
    pub anonymous_browsing: bool,
    /// Whether public images are pulled by everybody.
    pub anonymous_pull: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            delete_enabled: true,
            delete_contributors: false,
            push: PushPolicy::AllowTeams,
            create_team: true,
            manage_team: true,
            create_namespace: true,
            manage_namespace: true,
            change_visibility: true,
            create_webhook: true,
            manage_webhook: true,
            anonymous_browsing: true,
            anonymous_pull: true,
        }
    }
}

/// Who pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PushPolicy {
    /// Contributors and owners of teams, and everybody into their own namespace.
    AllowTeams,
    /// Everybody into their own namespace; administrators anywhere.
    AllowPersonal,
    /// Administrators.
    AdminOnly,
}
