//! Scopes as clients ask for them (distribution token spec, "Resource Scope").

use std::collections::BTreeSet;

use crate::name::RepositoryName;

/// An action inside a registry. A closed set: nothing else is ever granted.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ScopeAction {
    /// Read.
    Pull,
    /// Write; useless without `pull`.
    Push,
    /// Delete a manifest, tag or blob, or cancel an upload.
    Delete,
    /// `*`: on a repository, all that the subject holds; on the catalog, the catalog itself.
    All,
}

impl ScopeAction {
    /// The action as the registry writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::All => "*",
        }
    }

    /// Exactly one of the four words; anything else is no action.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "pull" => Self::Pull,
            "push" => Self::Push,
            "delete" => Self::Delete,
            "*" => Self::All,
            _ => return None,
        })
    }
}

/// What a scope is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScopeResource {
    /// A repository whose name follows the grammar.
    Repository(RepositoryName),
    /// `registry:catalog`.
    Catalog,
    /// Anything else: another type, or a name that no registry has. Grants nothing.
    Unknown {
        /// The type, without its class.
        kind: String,
        /// The name.
        name: String,
    },
}

/// One scope: a resource, and the actions asked of it that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// What it is about.
    pub resource: ScopeResource,
    /// Known actions; unknown ones are dropped.
    pub actions: BTreeSet<ScopeAction>,
}

impl Scope {
    /// Reads one scope, `type[(class)]:name:action[,action]*`. `None` when it has too few colons:
    /// such a part grants nothing, and the rest of the request works.
    ///
    /// The type ends at the first colon and the actions start after the last, because a name may
    /// hold `host:port/`. A class is dropped, as the token spec demands.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        let kind = match kind.split_once('(') {
            Some((kind, class)) if class.ends_with(')') => kind,
            _ => kind,
        };
        let resource = match (kind, name) {
            ("repository", name) => match RepositoryName::parse(name) {
                Ok(name) => ScopeResource::Repository(name),
                Err(_) => ScopeResource::Unknown { kind: kind.to_owned(), name: name.to_owned() },
            },
            ("registry", "catalog") => ScopeResource::Catalog,
            _ => ScopeResource::Unknown { kind: kind.to_owned(), name: name.to_owned() },
        };
        let actions = actions.split(',').filter_map(ScopeAction::parse).collect();
        Some(Self { resource, actions })
    }

    /// Reads several scope values, each of which may hold several scopes separated by blanks, and
    /// unites those of the same resource. In order of first appearance.
    pub fn parse_all<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let mut scopes: Vec<Self> = Vec::new();
        for part in values.into_iter().flat_map(str::split_ascii_whitespace) {
            let Some(scope) = Self::parse(part) else { continue };
            match scopes.iter_mut().find(|known| known.resource == scope.resource) {
                Some(known) => known.actions.extend(scope.actions),
                None => scopes.push(scope),
            }
        }
        scopes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Scope {
        Scope::parse(text).unwrap()
    }

    #[test]
    fn actions_are_a_set_whatever_their_order() {
        assert_eq!(one("repository:a/b:push,pull"), one("repository:a/b:pull,push"));
        assert_eq!(one("repository:a/b:pull,pull,"), one("repository:a/b:pull"));
    }

    #[test]
    fn the_class_is_dropped() {
        assert_eq!(one("repository(plugin):x:pull"), one("repository:x:pull"));
    }

    #[test]
    fn the_type_ends_at_the_first_colon_and_the_actions_start_after_the_last() {
        let scope = one("repository:host:5000/x:pull");
        let (kind, name) = ("repository".to_owned(), "host:5000/x".to_owned());
        assert_eq!(scope.resource, ScopeResource::Unknown { kind, name });
        assert_eq!(scope.actions, [ScopeAction::Pull].into());
    }

    #[test]
    fn what_is_not_known_grants_nothing_and_breaks_nothing() {
        assert_eq!(Scope::parse("repository"), None);
        assert_eq!(Scope::parse("repository:x"), None);
        assert_eq!(Scope::parse(""), None);
        assert!(one("repository:x:").actions.is_empty());
        assert!(one("repository:x:owner,pull_all,PULL").actions.is_empty());
        assert_ne!(one("registry:anything:*").resource, ScopeResource::Catalog);
    }

    #[test]
    fn several_scopes_for_one_resource_are_united() {
        let scopes = Scope::parse_all([
            "repository:a/b:pull repository:a/b:pull,push",
            "repository:c:pull",
            "repository:a/b:delete",
        ]);
        assert_eq!(scopes.len(), 2);
        assert_eq!(scopes[0].actions.len(), 3);
    }
}
