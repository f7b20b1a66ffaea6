//! An open page hears that something new has happened, and brings itself up to date, or offers to
//! where that would move what somebody reads. Only that is sent: what it was, the page says, which
//! asks for the rights anew.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use domain::access::Action;
use domain::event::Position;
use domain::name::{RepositoryName, UserName};
use futures_util::stream;
use http::StatusCode;
use maud::{Markup, html};
use projections::activity::{self, Filter};
use tokio_util::sync::CancellationToken;

use super::UiState;
use super::repositories::{One, resource};
use super::visitor::{Member, Visitor};
use crate::auth::Session;
use crate::error::PageError;
use crate::texts::Lang;

/// The most open connections of all people together.
pub(super) const MAX_OPEN: usize = 512;
/// The most open connections of one person; a further one is told not to try again.
pub(super) const MAX_OPEN_EACH: usize = 12;

/// A silent connection is looked after this often: is its person still signed in?
const HEARTBEAT: Duration = Duration::from_secs(20);
/// At most one message in this time, however much happens.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the feed may lag behind the graph before we look at it anyway.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who listens. Cheap to clone.
#[derive(Clone)]
pub struct Listeners {
    open: Arc<Mutex<BTreeMap<UserName, usize>>>,
    stop: CancellationToken,
}

impl Listeners {
    /// Nobody yet; when `stop` is called, all connections end.
    #[must_use]
    pub fn new(stop: CancellationToken) -> Self {
        Self { open: Arc::default(), stop }
    }

    /// A place for one more, or `None`.
    pub(super) fn place(&self, user: &UserName) -> Option<Place> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let own = open.get(user).copied().unwrap_or_default();
        if all >= MAX_OPEN || own >= MAX_OPEN_EACH {
            return None;
        }
        open.insert(user.clone(), own + 1);
        Some(Place { open: self.open.clone(), user: user.clone() })
    }
}

/// A place that is free again when it is dropped.
pub(super) struct Place {
    open: Arc<Mutex<BTreeMap<UserName, usize>>>,
    user: UserName,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get(&self.user).copied() {
            Some(own) if own > 1 => {
                open.insert(self.user.clone(), own - 1);
            }
            Some(_) | None => {
                open.remove(&self.user);
            }
        }
    }
}

/// What a page says when it hears of something; nothing without script.
///
/// `since` is what the page shows, so that nothing is missed before the connection stands.
pub(super) fn listener(t: Lang, path: &str, since: u64) -> Markup {
    html! {
        div.live data-live=(format!("{path}?since={since}")) role="status" {
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
    listen(&ui, visitor, Filter::default())
}

/// `GET /r/{name}/-/live`
pub(super) fn repository(
    ui: &UiState,
    visitor: Visitor,
    one: One,
    name: RepositoryName,
) -> Result<Response, PageError> {
    if visitor.session.is_none() {
        return Err(PageError::SignIn { return_to: None, forget: None });
    }
    visitor.must(Action::ViewActivities, &resource(&one.registry, &name))?;
    let filter = Filter {
        registry: Some(one.registry),
        repository: Some(name),
        kind: Some("content".to_owned()),
        ..Filter::default()
    };
    listen(ui, visitor, filter)
}

fn listen(ui: &UiState, visitor: Visitor, filter: Filter) -> Result<Response, PageError> {
    let user = visitor.user()?.clone();
    let session = visitor.session.clone().ok_or_else(PageError::not_found)?;
    // 204 tells a browser not to come again by itself.
    let Some(place) = ui.listeners.place(&user) else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let now = visitor.viewer.graph().position();
    let shown = visitor.params.get("since").and_then(|since| since.parse().ok());
    let seen = shown.map_or(now, |shown| now.min(Position(shown)));
    let ear = Ear { ui: ui.clone(), visitor, session, filter, seen, over: false, _place: place };
    let messages = stream::unfold(ear, |mut ear| async move {
        let event = ear.next().await?;
        Some((Ok::<_, Infallible>(event), ear))
    });
    Ok(Sse::new(messages).into_response())
}

/// One open connection.
struct Ear {
    ui: UiState,
    visitor: Visitor,
    session: Session,
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
        let live = auth.sessions.is_live(&self.session).await.unwrap_or(false);
        let good = live && auth.still_good(&self.session, &viewer);
        self.visitor.viewer = viewer;
        good
    }

    /// Whether something happened since [`Self::seen`] that may be seen.
    async fn has_news(&self) -> bool {
        let viewer = super::activity::viewer(&self.visitor);
        let seen = self.seen.0.cast_signed();
        let news = activity::has_news(&self.ui.read, &self.filter, &viewer, seen).await;
        news.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserName {
        UserName::parse(name).unwrap()
    }

    #[test]
    fn one_person_has_so_many_places_and_no_more() {
        let listeners = Listeners::new(CancellationToken::new());
        let mut places: Vec<_> =
            (0..MAX_OPEN_EACH).map(|_| listeners.place(&user("alice")).unwrap()).collect();
        assert!(listeners.place(&user("alice")).is_none());
        assert!(listeners.place(&user("bob")).is_some(), "others are not concerned");
        places.pop();
        assert!(listeners.place(&user("alice")).is_some(), "a place that is left is free");
    }

    #[test]
    fn all_people_together_have_so_many_places() {
        let listeners = Listeners::new(CancellationToken::new());
        let places: Vec<_> =
            (0..MAX_OPEN).map(|at| listeners.place(&user(&format!("u{at}"))).unwrap()).collect();
        assert!(listeners.place(&user("late")).is_none());
        drop(places);
        assert!(listeners.open.lock().unwrap().is_empty(), "nobody is remembered for ever");
    }
}
