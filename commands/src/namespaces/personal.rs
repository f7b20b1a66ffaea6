//! Everybody's own namespace, in every registry.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::access::Permit;
use domain::event::{Actor, Class, Event, Position, StreamName};
use domain::log::LogError;
use domain::name::{NamespaceName, RegistryName, UserName};
use domain::namespace::{Holder, NamespaceEvent, NamespaceRefusal, NamespaceWish, Visibility};
use domain::registry::RegistryEvent;
use domain::user::{Account, UserEvent};

use super::Done;
use crate::desk::{Caller, Desk, Origin};
use crate::execute::CommandError;

/// How many names are tried when others hold the nearest ones.
pub const MAX_SUFFIX: usize = 1_000;

/// Decisions read at once.
const PAGE: usize = 1_000;

/// How long the keeper rests after the log has failed it.
const REST: Duration = Duration::from_secs(1);

/// Makes a person's own namespace in a registry, private; there already, nothing happens.
///
/// It is called like the person, or as near to that as the grammar allows; where somebody else
/// holds the name, `-2`, `-3` … follow. What a removed person of the same name left behind is
/// somebody else's. Position zero when there was nothing to do: bots and removed people have none.
///
/// # Errors
///
/// [`CommandError`]; [`NamespaceRefusal::Taken`] when [`MAX_SUFFIX`] names are all held by others.
pub async fn ensure(
    desk: &Desk,
    caller: &Caller,
    registry: &RegistryName,
    user: &UserName,
) -> Done {
    let Some(since) = person_since(desk, user).await? else { return Ok(Position(0)) };
    let caller = caller.continued();
    let mut suffix = 1;
    while suffix <= MAX_SUFFIX {
        let Some(name) = candidate(user, suffix) else { break };
        if let Some(own) = own_at(desk, registry, &name, user, since).await? {
            return Ok(own);
        }
        let wish = NamespaceWish::Create {
            holder: Holder::Personal { user: user.clone() },
            visibility: Visibility::Private,
            description: String::new(),
            now: desk.clock.now(),
        };
        match super::on(desk, &caller, registry, &name, wish).await {
            Err(CommandError::Refused(_)) => {
                // Somebody's, or just now made by another hand for the same person.
                if let Some(own) = own_at(desk, registry, &name, user, since).await? {
                    return Ok(own);
                }
                suffix += 1;
            }
            done => return done,
        }
    }
    Err(CommandError::Refused(NamespaceRefusal::Taken))
}

fn candidate(user: &UserName, suffix: usize) -> Option<NamespaceName> {
    let name = user.personal_namespace()?;
    if suffix == 1 { Some(name) } else { NamespaceName::parse(&format!("{name}-{suffix}")).ok() }
}

/// Where in the log this namespace became this person's own, if it did after `since`.
async fn own_at(
    desk: &Desk,
    registry: &RegistryName,
    name: &NamespaceName,
    user: &UserName,
    since: Position,
) -> Result<Option<Position>, CommandError<NamespaceRefusal>> {
    let past = desk.log.read_stream(&StreamName::namespace(registry, name), None).await?;
    let mut own = None;
    for recorded in &past.events {
        match recorded.decode()?.event {
            Event::Namespace(NamespaceEvent::Created { holder, .. }) => {
                let theirs = holder == Holder::Personal { user: user.clone() };
                own = (theirs && recorded.position > since).then_some(recorded.position);
            }
            Event::Namespace(NamespaceEvent::Deleted { .. }) => own = None,
            _ => (),
        }
    }
    Ok(own)
}

/// Where the living person of this name was registered; `None` for bots and the removed.
async fn person_since(
    desk: &Desk,
    user: &UserName,
) -> Result<Option<Position>, CommandError<NamespaceRefusal>> {
    let past = desk.log.read_stream(&StreamName::user(user), None).await?;
    let mut since = None;
    for recorded in &past.events {
        match recorded.decode()?.event {
            Event::User(UserEvent::Registered { account: Account::Person, .. }) => {
                since = Some(recorded.position);
            }
            Event::User(UserEvent::Registered { .. } | UserEvent::Removed { .. }) => since = None,
            _ => (),
        }
    }
    Ok(since)
}

/// Sees to it that everybody has their own namespace in every registry, whatever was interrupted:
/// a registry added beside a million people, a person registered while a registry was added, a
/// process killed between two steps.
///
/// Reads decisions only, and makes what is missing. Two of them (two nodes) do no harm.
pub struct Keeper {
    desk: Desk,
    caller: Caller,
    read: Position,
    people: BTreeSet<UserName>,
    registries: BTreeSet<RegistryName>,
    missing: BTreeSet<(RegistryName, UserName)>,
}

impl Keeper {
    /// A keeper that has read nothing yet.
    #[must_use]
    pub fn new(desk: Desk) -> Self {
        let permit = Permit::of_the_house(Actor::System { part: "personal namespaces".to_owned() });
        let caller = Caller { permit, origin: Origin::default() };
        Self {
            desk,
            caller,
            read: Position(0),
            people: BTreeSet::new(),
            registries: BTreeSet::new(),
            missing: BTreeSet::new(),
        }
    }

    /// Works for ever. May be dropped at any moment: what is half done is done again.
    pub async fn run(mut self) {
        loop {
            match self.catch_up().await {
                Ok(()) => self.desk.log.wait_beyond(self.read, Some(Class::Decision)).await,
                Err(err) => {
                    tracing::warn!(error = %err, "personal namespaces wait for the log");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    /// Reads to the end of the log, and makes what is missing by then.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when log or vault do not serve; what is missing is remembered.
    pub async fn catch_up(&mut self) -> Result<(), CommandError<NamespaceRefusal>> {
        self.read_on().await?;
        while let Some((registry, user)) = self.missing.first().cloned() {
            match ensure(&self.desk, &self.caller, &registry, &user).await {
                Ok(_) => (),
                Err(CommandError::Refused(why)) => {
                    tracing::error!(%registry, %user, %why, "no personal namespace can be made");
                }
                Err(err) => return Err(err),
            }
            self.missing.remove(&(registry, user));
        }
        Ok(())
    }

    async fn read_on(&mut self) -> Result<(), LogError> {
        loop {
            let page = self.desk.log.read_all(self.read, PAGE, Some(Class::Decision)).await?;
            for recorded in &page.events {
                match recorded.decode() {
                    Ok(fact) => self.note(fact.event),
                    Err(err) => {
                        tracing::error!(at = %recorded.position, error = %err, "unreadable")
                    }
                }
            }
            self.read = page.next;
            if page.next >= page.head {
                return Ok(());
            }
        }
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::User(UserEvent::Registered { user, account: Account::Person, .. }) => {
                self.missing.extend(
                    self.registries.iter().map(|registry| (registry.clone(), user.clone())),
                );
                self.people.insert(user);
            }
            Event::User(UserEvent::Removed { user, .. }) => {
                self.people.remove(&user);
                self.missing.retain(|(_, missing)| *missing != user);
            }
            Event::Registry(RegistryEvent::Added { registry, .. }) => {
                self.missing
                    .extend(self.people.iter().map(|user| (registry.clone(), user.clone())));
                self.registries.insert(registry);
            }
            Event::Registry(RegistryEvent::Removed { registry }) => {
                self.registries.remove(&registry);
                self.missing.retain(|(missing, _)| *missing != registry);
            }
            Event::Namespace(NamespaceEvent::Created {
                registry,
                holder: Holder::Personal { user },
                ..
            }) => {
                self.missing.remove(&(registry, user));
            }
            _ => (),
        }
    }
}
