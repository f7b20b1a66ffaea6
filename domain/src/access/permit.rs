//! A right as a proof that commands take.

use jiff::Timestamp;

use super::{Action, Because, Form, Graph, Policy, Resource, Rule, Subject, Verdict};
use crate::event::{Actor, Position};

/// A right, proven: only [`Graph::permit`] makes one for a person, so a command that takes one
/// cannot be called without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    actor: Actor,
    action: Option<Action>,
    rule: Option<Rule>,
    position: Option<Position>,
}

impl Permit {
    /// The machine's own authority: the console, the one-time secret, our jobs.
    #[must_use]
    pub fn of_the_house(actor: Actor) -> Self {
        Self { actor, action: None, rule: None, position: None }
    }

    /// Who acts.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// What was permitted; `None`: anything.
    #[must_use]
    pub fn action(&self) -> Option<Action> {
        self.action
    }

    /// The rule that permitted it.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        self.rule
    }

    /// Last position that the graph had seen when it permitted; a command that finds newer
    /// decisions on its stream must ask again (SR-AUZ-18). `None`: does not depend on the graph.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.position
    }
}

impl Graph {
    /// As [`Self::decide`], and the yes is a proof that commands take.
    ///
    /// # Errors
    ///
    /// The denial.
    pub fn permit(
        &self,
        policy: &Policy,
        subject: &Subject,
        action: Action,
        resource: &Resource,
        at: Timestamp,
    ) -> Result<Permit, (Because, Form)> {
        match self.decide(policy, subject, action, resource, at) {
            Verdict::Allowed(because) => Ok(Permit {
                actor: self.actor(subject),
                action: Some(action),
                rule: Some(because.rule),
                position: Some(self.position()),
            }),
            Verdict::Denied(because, form) => Err((because, form)),
        }
    }
}
