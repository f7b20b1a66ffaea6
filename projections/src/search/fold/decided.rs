//! What we decide: namespaces, teams, descriptions and stars.

use domain::namespace::NamespaceEvent;
use domain::repository::RepositoryEvent;
use domain::star::StarEvent;
use domain::team::TeamEvent;

use super::super::about;
use super::super::entry::{Entry, namespace_key, team_key, under_key};
use super::super::rooms::Room;
use super::{SearchError, Writer};

impl Writer {
    pub(super) fn namespace(&mut self, event: &NamespaceEvent) -> Result<(), SearchError> {
        match event {
            NamespaceEvent::Created { registry, namespace, visibility, description, .. } => {
                let room = Room { number: self.now.next_number, visibility: *visibility };
                self.now.next_number += 1;
                self.rooms.insert(registry, namespace, room);
                self.put(Entry::Namespace {
                    registry: registry.clone(),
                    name: namespace.clone(),
                    visibility: room.visibility,
                    description: about::plain(description),
                });
                self.moved.push(under_key(registry, namespace.as_str()));
            }
            NamespaceEvent::Described { registry, namespace, description: new } => {
                let entry = self.load(&namespace_key(registry, namespace))?;
                if let Some(Entry::Namespace { registry, name, visibility, .. }) = entry {
                    let description = about::plain(new);
                    self.put(Entry::Namespace { registry, name, visibility, description });
                }
            }
            NamespaceEvent::VisibilityChanged { registry, namespace, to, .. } => {
                let entry = self.load(&namespace_key(registry, namespace))?;
                if let Some(Entry::Namespace { registry, name, description, .. }) = entry
                    && let Some(room) = self.rooms.get(&registry, &name)
                {
                    let visibility = *to;
                    self.rooms.insert(&registry, &name, Room { visibility, ..room });
                    self.put(Entry::Namespace { registry, name, visibility, description });
                }
            }
            NamespaceEvent::Deleted { registry, namespace, .. } => {
                self.rooms.remove(registry, namespace);
                self.pending.insert(namespace_key(registry, namespace), None);
                self.moved.push(under_key(registry, namespace.as_str()));
            }
            // Who is a member is the access graph's business.
            NamespaceEvent::TeamChanged { .. }
            | NamespaceEvent::Granted { .. }
            | NamespaceEvent::GrantRevoked { .. } => (),
        }
        Ok(())
    }

    pub(super) fn team(&mut self, event: &TeamEvent) -> Result<(), SearchError> {
        match event {
            TeamEvent::Created { team, description, .. } => {
                let description = about::plain(description);
                self.put(Entry::Team { name: team.clone(), description });
            }
            TeamEvent::Described { team, description } => {
                if self.load(&team_key(team))?.is_some() {
                    let description = about::plain(description);
                    self.put(Entry::Team { name: team.clone(), description });
                }
            }
            TeamEvent::Deleted { team, .. } => {
                self.pending.insert(team_key(team), None);
            }
            TeamEvent::MemberAdded { .. }
            | TeamEvent::MemberRoleChanged { .. }
            | TeamEvent::MemberRemoved { .. } => (),
        }
        Ok(())
    }

    pub(super) fn described(&mut self, event: &RepositoryEvent) -> Result<(), SearchError> {
        let RepositoryEvent::Described { registry, repository, description } = event;
        let description = about::plain(description);
        self.repository(registry, repository, |r| r.description = description)
    }

    pub(super) fn star(&mut self, event: &StarEvent) -> Result<(), SearchError> {
        match event {
            StarEvent::Starred { registry, repository, .. } => {
                self.repository(registry, repository, |r| r.stars += 1)
            }
            StarEvent::Unstarred { registry, repository, .. } => {
                self.repository(registry, repository, |r| r.stars = r.stars.saturating_sub(1))
            }
        }
    }
}
