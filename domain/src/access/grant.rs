//! What the token endpoint answers for each scope.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Action, Because, Graph, Policy, Resource, Rule, Subject, Verdict};
use crate::name::{RegistryName, RepositoryName};
use crate::scope::{Scope, ScopeAction, ScopeResource};

/// One scope's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeGrant {
    /// What was asked.
    pub scope: Scope,
    /// What is granted; never `*` for a repository.
    pub granted: BTreeSet<ScopeAction>,
    /// Why that much; `None` when nothing was granted.
    pub allowed: Option<Because>,
    /// Why not more; `None` when everything asked was granted.
    pub refused: Option<Because>,
}

impl Graph {
    /// The token endpoint's answer for each scope, in order.
    ///
    /// What is granted was asked for and is allowed. `*` on a repository is spelled out as what
    /// the subject holds, and never granted as such; on the catalog it is the only action. `push`
    /// goes to those alone who may pull as well.
    #[must_use]
    pub fn grant(
        &self,
        policy: &Policy,
        subject: &Subject,
        registry: &RegistryName,
        scopes: &[Scope],
        at: Timestamp,
    ) -> Vec<ScopeGrant> {
        let ask = |action, resource: &Resource| match self
            .decide(policy, subject, action, resource, at)
        {
            Verdict::Allowed(because) => Ok(because),
            Verdict::Denied(because, _) => Err(because),
        };
        let answer = |scope: &Scope| match &scope.resource {
            ScopeResource::Repository(name) => on_repository(scope, registry, name, ask),
            ScopeResource::Catalog => on_catalog(scope, || ask(Action::Catalog, &Resource::System)),
            ScopeResource::Unknown { .. } => nothing(
                scope,
                match self.who(subject, at) {
                    Some(_) => Rule::Default,
                    None => Rule::BadCredential,
                },
            ),
        };
        scopes.iter().map(answer).collect()
    }
}

fn on_repository(
    scope: &Scope,
    registry: &RegistryName,
    name: &RepositoryName,
    ask: impl Fn(Action, &Resource) -> Result<Because, Because>,
) -> ScopeGrant {
    let resource = Resource::Repository { registry: registry.clone(), name: name.clone() };
    let everything = scope.actions.contains(&ScopeAction::All);
    let wanted = |action: &ScopeAction| everything || scope.actions.contains(action);
    let pull = ask(Action::Pull, &resource);

    let mut answer = nothing(scope, Rule::Default);
    let mut refused = scope.actions.is_empty().then_some(()).and(answer.refused.take());
    for action in [ScopeAction::Pull, ScopeAction::Push, ScopeAction::Delete] {
        if !wanted(&action) {
            continue;
        }
        let judgement = match action {
            ScopeAction::Push => pull.clone().and_then(|_| ask(Action::Push, &resource)),
            ScopeAction::Delete => ask(Action::Delete, &resource),
            ScopeAction::Pull | ScopeAction::All => pull.clone(),
        };
        match judgement {
            Ok(because) => {
                answer.granted.insert(action);
                answer.allowed = Some(because); // the strongest comes last
            }
            Err(because) => refused = refused.or(Some(because)),
        }
    }
    ScopeGrant { refused, ..answer }
}

fn on_catalog(scope: &Scope, ask: impl FnOnce() -> Result<Because, Because>) -> ScopeGrant {
    let mut answer = nothing(scope, Rule::Default);
    if scope.actions.contains(&ScopeAction::All) {
        match ask() {
            Ok(because) => {
                answer.granted.insert(ScopeAction::All);
                answer.allowed = Some(because);
                if scope.actions.len() == 1 {
                    answer.refused = None;
                }
            }
            Err(because) => answer.refused = Some(because),
        }
    }
    answer
}

fn nothing(scope: &Scope, rule: Rule) -> ScopeGrant {
    ScopeGrant {
        scope: scope.clone(),
        granted: BTreeSet::new(),
        allowed: None,
        refused: Some(Because { rule, grant: None }),
    }
}
