//! An open page hears that something new has happened, and brings itself up to date, or offers to
//! where that would move what somebody reads. Only that is sent: what it was, the page says, which
//! asks for the rights anew.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use domain::access::{Action, Visible};
use domain::event::Position;
use domain::name::{NamespaceName, RegistryName, RepositoryName, TeamName, UserName};
use futures_util::stream;
use http::StatusCode;
use maud::{Markup, html};
use projections::activity::{self, Filter};
use tokio_util::sync::CancellationToken;

use super::UiState;
use super::reader::Reader;
use super::repositories::{One, resource};
use super::visitor::{Member, Visitor};
use crate::error::PageError;
use crate::texts::Lang;

/// The most open connections of all people together.
pub(super) const MAX_OPEN: usize = 512;
/// The most open connections of one person, or of the strangers at one address; a further one is
/// told not to try again.
pub(super) const MAX_OPEN_EACH: usize = 12;
/// The most open connections of all who have not signed in: they leave room for people.
pub(super) const MAX_OPEN_STRANGERS: usize = 128;

/// A silent connection is looked after this often: is its person still signed in?
const HEARTBEAT: Duration = Duration::from_secs(20);
/// At most one message in this time, however much happens.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the feed may lag behind the graph before we look at it anyway.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who listens. Cheap to clone.
#[derive(Clone)]
pub struct Listeners {
    open: Arc<Mutex<BTreeMap<Who, usize>>>,
    stop: CancellationToken,
}

/// To whom a place is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    Person(UserName),
    /// Somebody who has not signed in, by their address as far as it is known.
    Stranger(Option<IpAddr>),
}

impl Listeners {
    /// Nobody yet; when `stop` is called, all connections end.
    #[must_use]
    pub fn new(stop: CancellationToken) -> Self {
        Self { open: Arc::default(), stop }
    }

    /// A place for one more, or `None`.
    pub(super) fn place(&self, who: Who) -> Option<Place> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let own = open.get(&who).copied().unwrap_or_default();
        let strange = |who: &Who| matches!(who, Who::Stranger(_));
        let strangers: usize =
            open.iter().filter(|(who, _)| strange(who)).map(|(_, number)| number).sum();
        if all >= MAX_OPEN
            || own >= MAX_OPEN_EACH
            || (strange(&who) && strangers >= MAX_OPEN_STRANGERS)
        {
            return None;
        }
        open.insert(who.clone(), own + 1);
        Some(Place { open: self.open.clone(), who })
    }
}

/// A place that is free again when it is dropped.
pub(super) struct Place {
    open: Arc<Mutex<BTreeMap<Who, usize>>>,
    who: Who,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get(&self.who).copied() {
            Some(own) if own > 1 => {
                open.insert(self.who.clone(), own - 1);
            }
            Some(_) | None => {
                open.remove(&self.who);
            }
        }
    }
}

/// What a page says when it hears of something; nothing without script.
///
/// `since` is what the page shows, so that nothing is missed before the connection stands; without
/// it, only what happens from then on is told.
pub(super) fn listener(t: Lang, path: &str, since: Option<u64>) -> Markup {
    let path = since.map_or_else(|| path.to_owned(), |since| format!("{path}?since={since}"));
    html! {
        div.live data-live=(path) role="status" {
            p.notice data-offer hidden { (t.new_events()) " " a href="" { (t.show_it()) } }
            p.small.muted data-done hidden { (t.brought_up_to_date()) }
        }
    }
}

/// The part of a page that brings itself up to date, together with `beside`: another part, by its
/// `id`, that says the same in short.
pub(super) fn fresh(path: &str, beside: Option<&str>, part: &Markup) -> Markup {
    html! {
        div id="fresh" hx-get=(path) hx-trigger="news" hx-select="#fresh" hx-swap="outerHTML"
            hx-select-oob=[beside.map(|id| format!("#{id}"))]
            hx-headers=(r#"{"X-Portus-Unattended":"1"}"#) { (part) }
    }
}

/// `GET /activity/live`
pub(super) async fn feed(
    State(ui): State<UiState>,
    Member(visitor): Member,
) -> Result<Response, PageError> {
    listen(&ui, visitor, Eyes::Own, Filter::default())
}

/// `GET /teams/{team}/activity/live`
pub(super) async fn team(
    State(ui): State<UiState>,
    Member(visitor): Member,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let head = super::teams::Head::of(&ui, &visitor, &name).await?;
    listen(&ui, visitor, Eyes::Team(head.team), Filter::default())
}

/// `GET /n/{name}/-/live`
pub(super) fn namespace(
    ui: &UiState,
    visitor: Visitor,
    head: &super::namespaces::Head,
    name: NamespaceName,
) -> Result<Response, PageError> {
    listen(ui, visitor, Eyes::Namespace(head.registry.clone(), name), Filter::default())
}

/// `GET /r/{name}/-/live`: for those who have not signed in as well, where they see the repository;
/// they hear of pushes, which the page itself shows them.
pub(super) fn repository(
    ui: &UiState,
    visitor: Visitor,
    one: One,
    name: RepositoryName,
) -> Result<Response, PageError> {
    let kind = if visitor.session.is_some() { "content" } else { "content.manifest_pushed" };
    let filter = Filter {
        registry: Some(one.registry.clone()),
        repository: Some(name.clone()),
        kind: Some(kind.to_owned()),
        ..Filter::default()
    };
    if visitor.session.is_none() {
        return listen(ui, visitor, Eyes::Tags(one.registry, name), filter);
    }
    visitor.must(Action::ViewActivities, &resource(&one.registry, &name))?;
    listen(ui, visitor, Eyes::Own, filter)
}

fn listen(
    ui: &UiState,
    visitor: Visitor,
    eyes: Eyes,
    filter: Filter,
) -> Result<Response, PageError> {
    if eyes.of(&visitor).is_none() {
        return Err(visitor.missing());
    }
    let who = match visitor.viewer.user() {
        Some(user) => Who::Person(user.clone()),
        None => Who::Stranger(visitor.viewer.origin.address),
    };
    // 204 tells a browser not to come again by itself.
    let Some(place) = ui.listeners.place(who) else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let now = visitor.viewer.graph().position();
    let shown = visitor.params.get("since").and_then(|since| since.parse().ok());
    // How much happened before is not for strangers to ask.
    let shown = shown.filter(|_| visitor.session.is_some());
    let seen = shown.map_or(now, |shown| now.min(Position(shown)));
    let ear = Ear { ui: ui.clone(), visitor, eyes, filter, seen, over: false, _place: place };
    let messages = stream::unfold(ear, |mut ear| async move {
        let event = ear.next().await?;
        Some((Ok::<_, Infallible>(event), ear))
    });
    Ok(Sse::new(messages).into_response())
}

/// For whose eyes something must be, to be told.
enum Eyes {
    /// The listener's own, as in their feed.
    Own,
    /// Theirs, for what happens in this team.
    Team(TeamName),
    /// Theirs, for what happens in this namespace.
    Namespace(RegistryName, NamespaceName),
    /// Those of anybody who sees this repository.
    Tags(RegistryName, RepositoryName),
}

impl Eyes {
    /// With the rights of this moment; `None`: none are left.
    fn of(&self, visitor: &Visitor) -> Option<activity::Viewer> {
        match self {
            Self::Own => {
                visitor.viewer.user()?;
                Some(super::activity::viewer(visitor))
            }
            Self::Team(name) => super::teams::happens(visitor, name),
            Self::Namespace(registry, name) => super::namespaces::happens(visitor, registry, name),
            Self::Tags(registry, name) => {
                let reader = Reader::default().seeing(&visitor.viewer);
                reader.opens_repository(registry.as_str(), name.as_str()).then(|| {
                    activity::Viewer {
                        visible: Visible {
                            repositories: [(registry.clone(), name.clone())].into(),
                            ..Visible::default()
                        }
                        .into(),
                        user: None,
                        auditor: false,
                    }
                })
            }
        }
    }
}

/// One open connection.
struct Ear {
    ui: UiState,
    visitor: Visitor,
    eyes: Eyes,
    filter: Filter,
    /// Up to where it has looked.
    seen: Position,
    over: bool,
    _place: Place,
}

impl Ear {
    /// The next message; `None`: the connection ends.
    async fn next(&mut self) -> Option<Event> {
        if self.over {
            return None;
        }
        let stop = self.ui.listeners.stop.clone();
        tokio::select! {
            biased;
            () = stop.cancelled() => None,
            message = self.listen() => message,
        }
    }

    async fn listen(&mut self) -> Option<Event> {
        loop {
            let next = Position(self.seen.0 + 1);
            let more = self.ui.runner.reached_in("activity", next, HEARTBEAT).await.is_ok();
            if !self.is_still_there().await {
                // Said, so that the browser does not come again by itself.
                self.over = true;
                return Some(Event::default().event("over").data("."));
            }
            if !more {
                // A read model that stands still says so at once.
                tokio::time::sleep(PAUSE).await;
                return Some(Event::default().comment("."));
            }
            let upto = self.visitor.viewer.graph().position().max(next);
            let _late = self.ui.runner.reached_in("activity", upto, PATIENCE).await;
            let news = self.has_news().await;
            self.seen = upto;
            tokio::time::sleep(PAUSE).await;
            if news {
                return Some(Event::default().event("news").data("."));
            }
        }
    }

    /// Whether the session and its person's right to be here still stand; takes the rights as they
    /// are now.
    async fn is_still_there(&mut self) -> bool {
        let auth = &self.ui.auth;
        let viewer = &self.visitor.viewer;
        let Ok(viewer) = auth.viewer(viewer.subject.clone(), viewer.origin.clone()) else {
            return false;
        };
        let good = match &self.visitor.session {
            Some(session) => {
                auth.sessions.is_live(session).await.unwrap_or(false)
                    && auth.still_good(session, &viewer)
            }
            None => true,
        };
        self.visitor.viewer = viewer;
        good && self.eyes.of(&self.visitor).is_some()
    }

    /// Whether something happened since [`Self::seen`] that may be seen.
    async fn has_news(&self) -> bool {
        let Some(viewer) = self.eyes.of(&self.visitor) else { return false };
        let seen = self.seen.0.cast_signed();
        let news = activity::has_news(&self.ui.read, &self.filter, &viewer, seen).await;
        news.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> Who {
        Who::Person(UserName::parse(name).unwrap())
    }

    fn stranger(number: u8) -> Who {
        Who::Stranger(Some([192, 0, 2, number].into()))
    }

    #[test]
    fn one_person_has_so_many_places_and_no_more() {
        let listeners = Listeners::new(CancellationToken::new());
        let mut places: Vec<_> =
            (0..MAX_OPEN_EACH).map(|_| listeners.place(user("alice")).unwrap()).collect();
        assert!(listeners.place(user("alice")).is_none());
        assert!(listeners.place(user("bob")).is_some(), "others are not concerned");
        places.pop();
        assert!(listeners.place(user("alice")).is_some(), "a place that is left is free");
    }

    #[test]
    fn all_people_together_have_so_many_places() {
        let listeners = Listeners::new(CancellationToken::new());
        let places: Vec<_> =
            (0..MAX_OPEN).map(|at| listeners.place(user(&format!("u{at}"))).unwrap()).collect();
        assert!(listeners.place(user("late")).is_none());
        drop(places);
        assert!(listeners.open.lock().unwrap().is_empty(), "nobody is remembered for ever");
    }

    #[test]
    fn strangers_have_so_many_places_at_one_address_and_together_and_leave_room_for_people() {
        let listeners = Listeners::new(CancellationToken::new());
        let mut places: Vec<_> =
            (0..MAX_OPEN_EACH).map(|_| listeners.place(stranger(0)).unwrap()).collect();
        assert!(listeners.place(stranger(0)).is_none());
        for number in 1.. {
            match listeners.place(stranger(number)) {
                Some(place) => places.push(place),
                None => break,
            }
        }
        assert_eq!(places.len(), MAX_OPEN_STRANGERS);
        assert!(listeners.place(Who::Stranger(None)).is_none());
        assert!(listeners.place(user("alice")).is_some());
        places.pop();
        assert!(listeners.place(stranger(255)).is_some());
    }
}
