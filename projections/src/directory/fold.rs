//! What each kind of event does to the rows that were loaded for it.

use domain::admin::AdminEvent;
use domain::app_token::AppTokenEvent;
use domain::comment::CommentEvent;
use domain::namespace::{Grantee, Holder, NamespaceEvent};
use domain::registry::RegistryEvent;
use domain::team::TeamEvent;
use domain::user::{Account, Origin, UserEvent};
use jiff::Timestamp;

use super::rows::{
    AdministratorKey, AdministratorRow, CommentKey, CommentRow, GrantRow, MemberRow, NamespaceRow,
    RegistryKey, RegistryRow, TeamKey, TeamRow, TokenKey, TokenRow, UserKey, UserRow,
};
use super::{Desk, grant_key, member_key, namespace_key, registry_of, team_of, user_of};
use crate::projection::micros;

impl Desk {
    pub(super) fn user(&mut self, event: &UserEvent, position: i64, at: Timestamp) {
        use UserEvent as E;
        let name = user_of(event).to_owned();
        if let E::Registered { account, origin, .. } = event {
            let key = AdministratorKey { name: name.clone() };
            let admin = self.administrators.get(&key).is_some();
            self.users.set(
                UserKey { name: name.clone() },
                Some(UserRow {
                    name,
                    id: position,
                    bot: *account == Account::Bot,
                    enabled: true,
                    admin,
                    auditor: false,
                    origin: origin_word(origin).to_owned(),
                    created_at: at,
                    updated_at: at,
                }),
            );
            return;
        }
        let Some(row) = self.users.slot(UserKey { name }) else { return };
        match event {
            E::Disabled { .. } => row.enabled = false,
            E::Enabled { .. } => row.enabled = true,
            E::AuditorGranted { .. } => row.auditor = true,
            E::AuditorRevoked { .. } => row.auditor = false,
            E::PasswordChanged { .. }
            | E::ProfileChanged { .. }
            | E::PersonalDataErased { .. }
            | E::SignedOutEverywhere { .. } => {}
            E::Registered { .. } | E::Removed { .. } => return,
        }
        row.updated_at = at;
    }

    pub(super) fn admin(&mut self, event: &AdminEvent, at: Timestamp) {
        let (AdminEvent::Granted { user } | AdminEvent::Revoked { user }) = event;
        let (name, admin) = (user.to_string(), matches!(event, AdminEvent::Granted { .. }));
        if let Some(row) = self.users.slot(UserKey { name: name.clone() }) {
            row.admin = admin;
            row.updated_at = at;
        }
        self.administrators.set(
            AdministratorKey { name: name.clone() },
            admin.then_some(AdministratorRow { name }),
        );
    }

    pub(super) fn team(&mut self, event: &TeamEvent, position: i64, at: Timestamp) {
        use TeamEvent as E;
        let name = team_of(event).to_owned();
        match event {
            E::Created { owner, description, .. } => {
                self.teams.set(
                    TeamKey { name: name.clone() },
                    Some(TeamRow {
                        name: name.clone(),
                        id: position,
                        description: description.clone(),
                        members: 0,
                        namespaces: 0,
                        created_at: at,
                        updated_at: at,
                    }),
                );
                self.member(&name, owner.as_str(), "owner", position, at);
            }
            E::MemberAdded { user, role, .. } | E::MemberRoleChanged { user, to: role, .. } => {
                self.member(&name, user.as_str(), role.as_str(), position, at);
            }
            E::MemberRemoved { user, .. } => {
                self.members.set(member_key(&name, user.as_str()), None);
            }
            E::Described { description, .. } => {
                if let Some(row) = self.teams.slot(TeamKey { name: name.clone() }) {
                    row.description.clone_from(description);
                }
            }
            E::Deleted { .. } => {}
        }
        if let Some(row) = self.teams.slot(TeamKey { name }) {
            row.updated_at = at;
        }
    }

    fn member(&mut self, team: &str, user: &str, role: &str, position: i64, at: Timestamp) {
        let slot = self.members.slot(member_key(team, user));
        let row = slot.get_or_insert_with(|| MemberRow {
            team: team.to_owned(),
            user_name: user.to_owned(),
            id: position,
            role: String::new(),
            created_at: at,
            updated_at: at,
        });
        role.clone_into(&mut row.role);
        row.updated_at = at;
    }

    pub(super) fn registry(&mut self, event: &RegistryEvent, position: i64, at: Timestamp) {
        use RegistryEvent as E;
        let name = registry_of(event).to_owned();
        let slot = self.registries.slot(RegistryKey { name: name.clone() });
        match event {
            E::Added { settings, .. } => {
                *slot = Some(RegistryRow {
                    name,
                    id: position,
                    service: settings.service.clone(),
                    host: settings.host.clone(),
                    url: settings.url.clone(),
                    secret_rotated_at: None,
                    created_at: at,
                    updated_at: at,
                });
            }
            E::SettingsChanged { settings, .. } => {
                if let Some(row) = slot {
                    row.service.clone_from(&settings.service);
                    row.host.clone_from(&settings.host);
                    row.url.clone_from(&settings.url);
                    row.updated_at = at;
                }
            }
            E::SecretRotated { .. } => {
                if let Some(row) = slot {
                    row.secret_rotated_at = Some(at);
                    row.updated_at = at;
                }
            }
            E::Removed { .. } => *slot = None,
        }
    }

    pub(super) fn namespace(&mut self, event: &NamespaceEvent, position: i64, at: Timestamp) {
        use NamespaceEvent as E;
        let key = namespace_key(event);
        match event {
            E::Created { holder, visibility, description, .. } => {
                let (holder_kind, holder) = match holder {
                    Holder::Personal { user } => ("personal", Some(user.to_string())),
                    Holder::Team { team } => ("team", Some(team.to_string())),
                    Holder::Global => ("global", None),
                };
                self.namespaces.set(
                    key.clone(),
                    Some(NamespaceRow {
                        registry: key.registry,
                        name: key.name,
                        id: position,
                        holder_kind: holder_kind.to_owned(),
                        holder,
                        visibility: visibility.as_str().to_owned(),
                        description: description.clone(),
                        created_at: at,
                        updated_at: at,
                    }),
                );
                return;
            }
            E::Granted { grant, .. } => {
                let (grantee_kind, grantee) = match &grant.to {
                    Grantee::Team { team } => ("team", team.to_string()),
                    Grantee::User { user } => ("user", user.to_string()),
                };
                self.grants.set(
                    grant_key(&key, grant.id.0),
                    Some(GrantRow {
                        grant_id: grant.id.0,
                        registry: key.registry.clone(),
                        namespace: key.name.clone(),
                        id: position,
                        grantee_kind: grantee_kind.to_owned(),
                        grantee,
                        role: grant.role.as_str().to_owned(),
                        repository: grant.repository.as_ref().map(ToString::to_string),
                        until: grant.until.map(micros),
                    }),
                );
            }
            E::GrantRevoked { grant, .. } => self.grants.set(grant_key(&key, grant.0), None),
            E::Described { .. } | E::VisibilityChanged { .. } | E::TeamChanged { .. } => {}
            E::Deleted { .. } => return,
        }
        let Some(row) = self.namespaces.slot(key) else { return };
        row.updated_at = at;
        match event {
            E::Described { description, .. } => row.description.clone_from(description),
            E::VisibilityChanged { to, .. } => to.as_str().clone_into(&mut row.visibility),
            E::TeamChanged { to, .. } => {
                "team".clone_into(&mut row.holder_kind);
                row.holder = Some(to.to_string());
            }
            _ => {}
        }
    }

    pub(super) fn token(&mut self, event: &AppTokenEvent, position: i64, at: Timestamp) {
        match event {
            AppTokenEvent::Created { user, token, label, scopes, namespaces, expires_at } => {
                self.tokens.set(
                    TokenKey { token: token.0 },
                    Some(TokenRow {
                        token: token.0,
                        id: position,
                        user_name: user.to_string(),
                        label: label.clone(),
                        scopes: scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
                        namespaces: namespaces
                            .as_ref()
                            .map(|names| names.iter().map(ToString::to_string).collect()),
                        expires_at: micros(*expires_at),
                        revoked_at: None,
                        created_at: at,
                    }),
                );
            }
            AppTokenEvent::Revoked { token, .. } => {
                if let Some(row) = self.tokens.slot(TokenKey { token: token.0 }) {
                    row.revoked_at = Some(at);
                }
            }
        }
    }

    pub(super) fn comment(&mut self, event: &CommentEvent, position: i64, at: Timestamp) {
        match event {
            CommentEvent::Added { registry, repository, comment, author } => {
                let row = CommentRow {
                    comment: comment.0,
                    id: position,
                    registry: registry.to_string(),
                    repository: repository.to_string(),
                    author: author.to_string(),
                    created_at: at,
                };
                self.comments.set(CommentKey { comment: comment.0 }, Some(row));
            }
            CommentEvent::Deleted { comment, .. } => {
                self.comments.set(CommentKey { comment: comment.0 }, None);
            }
        }
    }
}

fn origin_word(origin: &Origin) -> &'static str {
    match origin {
        Origin::Bootstrap => "bootstrap",
        Origin::Administrator => "administrator",
        Origin::Console => "console",
        Origin::SignUp => "sign_up",
        Origin::Directory { .. } => "directory",
    }
}
