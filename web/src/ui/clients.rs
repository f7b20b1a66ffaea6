//! From where, and with which program, things were done: for whoever did them, and for auditors.

use std::collections::BTreeMap;

use domain::access::{Action, Resource};
use maud::{Markup, html};
use projections::activity::{ActivityRow, Cursor};

use super::UiState;
use super::agent::Agent;
use super::reader::Reader;
use super::visitor::Visitor;

/// Where somebody came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) address: Option<String>,
    /// As it called itself.
    pub(super) program: Option<String>,
}

/// Those of some rows of the feed that the viewer may know.
#[derive(Debug, Clone, Default)]
pub(super) struct Clients(BTreeMap<Cursor, Client>);

impl Clients {
    /// Made up, for samples: the same for all.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn all(rows: &[ActivityRow], client: &Client) -> Self {
        Self(rows.iter().map(|row| (row.cursor(), client.clone())).collect())
    }

    pub(super) fn of(&self, row: &ActivityRow) -> Option<&Client> {
        self.0.get(&row.cursor())
    }

    /// The one that all of these rows have in common.
    pub(super) fn common(&self, rows: &[ActivityRow]) -> Option<&Client> {
        let first = self.of(rows.first()?)?;
        rows.iter().all(|row| self.of(row) == Some(first)).then_some(first)
    }
}

impl UiState {
    /// Opens what is sealed of these rows, as far as the viewer may know it.
    pub(super) async fn clients(&self, visitor: &Visitor, rows: &[ActivityRow]) -> Clients {
        let all = visitor.may(Action::ViewAudit, &Resource::System);
        let own = visitor.viewer.user();
        let may = |row: &&ActivityRow| all || own.is_some_and(|own| own.as_str() == row.actor);
        let sealed = rows.iter().filter(may).filter_map(|row| Some((row.cursor(), row.sealed()?)));
        let (places, boxes): (Vec<_>, Vec<_>) = sealed.unzip();
        if boxes.is_empty() {
            return Clients::default();
        }
        let opened = self.auth.desk.vault.open_origins(&boxes).await.unwrap_or_else(|error| {
            // The rows themselves are there all the same.
            tracing::warn!(%error, "where things were done from cannot be opened");
            Vec::new()
        });
        let known = places.into_iter().zip(opened).filter_map(|(place, opened)| {
            let opened = opened?;
            let address = opened.address.map(|address| address.to_string());
            Some((place, Client { address, program: opened.user_agent }))
        });
        Clients(known.collect())
    }
}

/// "docker 27.3 from 10.0.0.4", with what the program said in full.
pub(super) fn quietly(reader: &Reader, client: &Client) -> Markup {
    let t = reader.lang;
    let program = client.program.as_deref().map(|text| match Agent::of(text) {
        Some(agent) => agent.program(),
        None => text.to_owned(),
    });
    let said = match (&program, &client.address) {
        (Some(program), Some(address)) => t.program_from(program, address),
        (None, Some(address)) => t.address_alone(address),
        (Some(program), None) => program.clone(),
        (None, None) => return html! {},
    };
    html! { span.client title=[client.program.as_deref()] { (said) } }
}
