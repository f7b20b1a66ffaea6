//! The rules by name, and what they stood on: the words of every explanation.

use serde::{Deserialize, Serialize};

use crate::name::TeamName;
use crate::namespace::{GrantId, Visibility};
use crate::team::Role;

/// Lists each rule once: its variant, its name outside, its sentence.
macro_rules! rules {
    ($($variant:ident = $name:literal, $sentence:literal;)*) => {
        /// The rules by which [`super::Graph::decide`] decides; the first that decides wins.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum Rule { $(#[doc = $sentence] $variant,)* }

        impl Rule {
            /// Every rule.
            pub const EVERY: &[Self] = &[$(Self::$variant,)*];

            /// The rule's name in facts, metrics and explanations.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The rule in a sentence for people.
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }
        }
    };
}

rules! {
    BadCredential = "bad_credential",
        "A credential that is shown and is not good opens nothing, public things neither.";
    RegistrySecret = "registry_secret",
        "Only a registry's own secret delivers notifications, and it opens nothing else.";
    TokenScope = "token_scope",
        "An application token does what its scopes name.";
    TokenNamespaces = "token_namespaces",
        "An application token that names namespaces works inside these alone.";
    TokenIsNoPassword = "token_is_no_password",
        "An application token neither signs in to the pages nor makes tokens.";
    Missing = "missing",
        "Where there is no such namespace, team or registry, nobody may do anything.";
    Anonymous = "anonymous",
        "Whoever has not signed in reads public things, and nothing else.";
    Readable = "readable",
        "Members read; public things everybody reads, protected ones whoever is signed in.";
    Push = "push",
        "Contributors and owners push, and everybody into their own namespace.";
    Delete = "delete",
        "Owners delete images, and everybody in their own namespace.";
    Edit = "edit",
        "Owners edit, change visibility and look after webhooks; in the global namespace administrators.";
    MoveNamespace = "move_namespace",
        "Owners of the owning team give its namespace to another team of theirs, or delete it; personal and global namespaces stay.";
    NoRename = "no_rename",
        "Nobody renames a namespace that holds repositories.";
    ViewActivities = "view_activities",
        "Members see what has happened; in public namespaces everybody who is signed in.";
    OthersComments = "others_comments",
        "Only administrators delete the comments of others.";
    Team = "team",
        "Members see their team, contributors make namespaces in it, owners manage it.";
    LastOwner = "last_owner",
        "A team keeps its last owner.";
    HiddenTeam = "hidden_team",
        "A personal or global namespace has no team that could be managed.";
    ParentNamespace = "parent_namespace",
        "A namespace inside another one is made by an owner of that one.";
    Account = "account",
        "Every person with an account may do this.";
    Bot = "bot",
        "A bot reads, pulls and pushes as a member, at most as contributor, and manages nothing.";
    Auditor = "auditor",
        "Auditors read the record of everything that has happened.";
    Administration = "administration",
        "Administrators do this.";
    Never = "never",
        "Nobody does this.";
    SettingDelete = "setting_delete",
        "Deleting is switched off here.";
    SettingPush = "setting_push",
        "The push policy of this service leaves this to others.";
    SettingCreateTeam = "setting_create_team",
        "Only administrators make teams here.";
    SettingManageTeam = "setting_manage_team",
        "Only administrators manage teams here.";
    SettingCreateNamespace = "setting_create_namespace",
        "Only administrators make namespaces here.";
    SettingManageNamespace = "setting_manage_namespace",
        "Only administrators edit and move namespaces here.";
    SettingChangeVisibility = "setting_change_visibility",
        "Only administrators change visibility here.";
    SettingWebhooks = "setting_webhooks",
        "Only administrators look after webhooks here.";
    SettingAnonymousBrowsing = "setting_anonymous_browsing",
        "Pages are for people who have signed in.";
    SettingAnonymousPull = "setting_anonymous_pull",
        "Pulling is for people who have signed in.";
    Default = "default",
        "What no rule allows is denied.";
}

/// Why: the rule that decided, and the grant that it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Because {
    /// The first rule that decided.
    pub rule: Rule,
    /// What it stood on; in a denial the strongest that was found and does not suffice.
    pub grant: Option<Ground>,
}

impl Because {
    /// Whether it took an administrator's power: what an administrator may as a member, or as
    /// anybody, does not count. On private content this is recorded as privileged access.
    #[must_use]
    pub fn is_privileged(&self) -> bool {
        self.grant == Some(Ground::Administrator)
    }
}

/// `push (contributor of team blue)`
impl std::fmt::Display for Because {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.rule.as_str())?;
        match &self.grant {
            Some(ground) => write!(f, " ({ground})"),
            None => Ok(()),
        }
    }
}

/// What a rule stood on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Ground {
    /// The account is an administrator, and nothing less would have done.
    Administrator,
    /// The account is an auditor.
    Auditor,
    /// The namespace is the subject's own.
    Personal,
    /// Membership in the team that owns the namespace, or that the question is about.
    Member { team: TeamName, role: Role },
    /// A further grant, directly or through a team, and the role that comes of it.
    Grant { id: GrantId, role: Role },
    /// The namespace's visibility.
    Visibility(Visibility),
    /// The registry's own secret.
    RegistrySecret,
}

impl std::fmt::Display for Ground {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Administrator => f.write_str("administrator"),
            Self::Auditor => f.write_str("auditor"),
            Self::Personal => f.write_str("own namespace"),
            Self::Member { team, role } => write!(f, "{} of team {team}", role.as_str()),
            Self::Grant { id, role } => write!(f, "{} by grant {id}", role.as_str()),
            Self::Visibility(visibility) => write!(f, "{} namespace", visibility.as_str()),
            Self::RegistrySecret => f.write_str("registry secret"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_written_alike_everywhere() {
        for rule in Rule::EVERY {
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.as_str());
            assert!(rule.sentence().ends_with('.'), "{rule:?}");
        }
    }

    #[test]
    fn a_reason_names_the_rule_and_the_ground() {
        let team = TeamName::parse("blue").unwrap();
        let grant = Some(Ground::Member { team, role: Role::Contributor });
        let because = Because { rule: Rule::Push, grant };
        assert_eq!(because.to_string(), "push (contributor of team blue)");
        assert_eq!(Because { rule: Rule::Never, grant: None }.to_string(), "never");
    }
}
