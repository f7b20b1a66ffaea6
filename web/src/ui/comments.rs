//! What people say under a repository.

use std::collections::HashMap;

use axum::extract::{FromRequest as _, Request};
use axum::response::Response;
use commands::comments as wishes;
use commands::desk::Caller;
use commands::limit::Limit;
use domain::access::Action;
use domain::comment::{CommentId, MAX_COMMENT_BYTES};
use domain::name::{RegistryName, RepositoryName};
use http::StatusCode;
use jiff::SignedDuration;
use maud::{Markup, html};
use projections::comments::{self, CommentRow};
use projections::{Paging, repositories};
use serde::Deserialize;
use uuid::Uuid;

use super::UiState;
use super::components::{crumbs, csrf, empty, pager, textarea};
use super::layout::Flash;
use super::markdown;
use super::repositories::{Head, One, resource};
use super::sign_up::minutes;
use super::visitor::{Button, Registries, Visitor, query};
use crate::auth::SignedForm;
use crate::error::PageError;

/// Comments on one page.
const ROWS: i64 = 30;
/// Comments of one person within [`WINDOW`].
pub const COMMENTS_PER_PERSON: u32 = 30;
/// See [`COMMENTS_PER_PERSON`].
const WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// How much people comment.
#[derive(Debug)]
pub struct Talk(Limit);

impl Default for Talk {
    fn default() -> Self {
        Self(Limit::new(COMMENTS_PER_PERSON, WINDOW))
    }
}

/// What the form holds.
#[derive(Deserialize)]
struct Say {
    text: String,
}

/// One comment, and what may be done with it.
pub(super) struct Said {
    pub(super) row: CommentRow,
    /// `None`: its author was erased.
    pub(super) text: Option<String>,
    pub(super) may_delete: bool,
}

/// What the page shows.
pub(super) struct Comments {
    pub(super) head: Head,
    pub(super) all: Vec<Said>,
    /// Where the next page begins.
    pub(super) next: Option<i64>,
    pub(super) first: bool,
    pub(super) may_comment: bool,
    /// What was typed and is wrong.
    pub(super) typed: String,
    pub(super) wrong: Option<String>,
    pub(super) csrf: String,
}

/// `GET /r/{name}/-/comments`: for those who are signed in.
pub(super) async fn show(
    ui: &UiState,
    visitor: Visitor,
    one: One,
    name: RepositoryName,
) -> Result<Response, PageError> {
    if visitor.viewer.user().is_none() {
        return Err(visitor.missing());
    }
    let page = comments(ui, &visitor, one, &name, String::new(), None).await?;
    Ok(visitor.show(&visitor.lang().comments_of(name.as_str()), body(&page)))
}

async fn comments(
    ui: &UiState,
    visitor: &Visitor,
    one: One,
    name: &RepositoryName,
    typed: String,
    wrong: Option<String>,
) -> Result<Comments, PageError> {
    let after = visitor.params.get("before").and_then(|id| id.parse().ok());
    let paging = Paging { after, offset: 0, limit: ROWS + 1 };
    let mut rows = comments::of_repository(&ui.read, &one.registry, name, &paging).await?;
    let most = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    let next = rows.last().filter(|_| more).map(|row| row.id);
    let texts = texts(ui, &rows).await?;
    let place = resource(&one.registry, name);
    let others = visitor.may(Action::DeleteCommentOther, &place);
    let own = visitor.may(Action::DeleteCommentOwn, &place);
    let me = visitor.viewer.user().map(ToString::to_string);
    let all = rows.into_iter().map(|row| Said {
        text: texts.get(&row.comment).cloned(),
        may_delete: others || (own && me.as_deref() == Some(&row.author)),
        row,
    });
    Ok(Comments {
        all: all.collect(),
        next,
        first: after.is_none(),
        may_comment: visitor.may(Action::Comment, &place),
        typed,
        wrong,
        csrf: visitor.csrf(),
        head: Head::of(visitor, one, name),
    })
}

async fn texts(ui: &UiState, rows: &[CommentRow]) -> Result<HashMap<Uuid, String>, PageError> {
    let ids: Vec<_> = rows.iter().map(|row| row.comment).collect();
    Ok(ui.auth.desk.vault.comments(&ids).await?)
}

/// `POST /r/{name}/-/comments`
pub(super) async fn submit(
    ui: &UiState,
    registries: Registries,
    registry: RegistryName,
    name: RepositoryName,
    request: Request,
) -> Result<Response, PageError> {
    let SignedForm { by, form, headers } = SignedForm::<Say>::from_request(request, ui).await?;
    let visible = by.viewer.visible();
    let row = repositories::find(&ui.read, &registry, &name, &visible).await?;
    let row = row.ok_or_else(PageError::not_found)?;
    let path = format!("{}/-/comments", registries.repository(registry.as_str(), name.as_str()));
    let visitor = Visitor::of(&path, by, &headers);
    let one = One { registry: registry.clone(), row, registries };
    let text = form.text.trim().replace("\r\n", "\n");
    let user = visitor.user()?;
    let place = resource(&registry, &name);
    visitor.must(Action::Comment, &place)?;
    let now = ui.auth.desk.clock.now();
    if let Err(wait) = ui.talk.0.take(user.as_str(), now) {
        let wrong = Some(visitor.lang().too_many_comments(minutes(wait)));
        let page = comments(ui, &visitor, one, &name, text, wrong).await?;
        let title = visitor.lang().comments_of(name.as_str());
        let mut response = visitor.again(&title, body(&page));
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        return Ok(response);
    }
    let (desk, registry_, name_, text_) = (&ui.auth.desk, &registry, &name, &text);
    let change = |caller: Caller| async move {
        wishes::add(desk, &caller, registry_, name_, text_).await.map(|(_, written)| written)
    };
    match ui.act(&visitor.viewer, Action::Comment, &place, change).await {
        Ok(written) => Ok(ui.done(written, &path, Flash::Commented).await),
        Err(PageError::Refused { status: StatusCode::UNPROCESSABLE_ENTITY, text: why }) => {
            ui.talk.0.give_back(user.as_str());
            let wrong = Some(why.in_words(visitor.lang()));
            let page = comments(ui, &visitor, one, &name, text, wrong).await?;
            Ok(visitor.again(&visitor.lang().comments_of(name.as_str()), body(&page)))
        }
        Err(other) => Err(other),
    }
}

/// `GET /r/{name}/-/comments/{id}/delete`: what will be gone.
pub(super) async fn show_delete(
    ui: &UiState,
    visitor: Visitor,
    one: One,
    name: RepositoryName,
    comment: CommentId,
) -> Result<Response, PageError> {
    if visitor.viewer.user().is_none() {
        return Err(visitor.missing());
    }
    let found = comments::find(&ui.read, &one.registry, &name, comment).await?;
    let row = found.ok_or_else(PageError::not_found)?;
    visitor.must(right_to(&visitor, &row), &resource(&one.registry, &name))?;
    let text = texts(ui, std::slice::from_ref(&row)).await?.remove(&row.comment);
    let csrf = visitor.csrf();
    let head = Head::of(&visitor, one, &name);
    let said = Said { row, text, may_delete: true };
    Ok(visitor.show(visitor.lang().delete_comment(), delete_body(&head, &said, &csrf)))
}

/// `POST /r/{name}/-/comments/{id}/delete`
pub(super) async fn delete(
    ui: &UiState,
    registries: Registries,
    registry: RegistryName,
    name: RepositoryName,
    comment: CommentId,
    request: Request,
) -> Result<Response, PageError> {
    let SignedForm { by, form: Button {}, headers } =
        SignedForm::<Button>::from_request(request, ui).await?;
    let visible = by.viewer.visible();
    if repositories::find(&ui.read, &registry, &name, &visible).await?.is_none() {
        return Err(PageError::not_found());
    }
    let path = format!("{}/-/comments", registries.repository(registry.as_str(), name.as_str()));
    let visitor = Visitor::of(&path, by, &headers);
    let found = comments::find(&ui.read, &registry, &name, comment).await?;
    let row = found.ok_or_else(PageError::not_found)?;
    let (desk, registry_, name_) = (&ui.auth.desk, &registry, &name);
    let change = |caller: Caller| async move {
        wishes::delete(desk, &caller, registry_, name_, comment).await
    };
    let right = right_to(&visitor, &row);
    let written = ui.act(&visitor.viewer, right, &resource(&registry, &name), change).await?;
    Ok(ui.done(written, &path, Flash::CommentDeleted).await)
}

/// Which right it takes; whose it is, the log decides once more.
fn right_to(visitor: &Visitor, row: &CommentRow) -> Action {
    if visitor.viewer.user().is_some_and(|user| user.as_str() == row.author) {
        Action::DeleteCommentOwn
    } else {
        Action::DeleteCommentOther
    }
}

pub(super) fn body(page: &Comments) -> Markup {
    let (head, t) = (&page.head, page.head.reader.lang);
    let here = format!("{}/-/comments", head.path());
    let next = page.next.map(|id| format!("{here}{}", query(&[("before", Some(&id.to_string()))])));
    let hint = t.comment_hint(MAX_COMMENT_BYTES);
    html! {
        (head.draw("comments", &html! {}))
        @if page.may_comment {
            form method="post" action=(here) data-guard {
                (csrf(&page.csrf))
                (textarea("text", t.your_comment(), Some(&hint), &page.typed, page.wrong.as_deref()))
                button.primary type="submit" { (t.comment_it()) }
            }
        }
        @if page.all.is_empty() {
            (empty(html! { p { (t.no_comment()) } }))
        } @else {
            ol.comments { @for said in &page.all { li id=(format!("comment-{}", said.row.comment)) { (comment(head, said, &here)) } } }
        }
        (pager(t, (!page.first).then_some(here.as_str()), next.as_deref()))
    }
}

fn comment(head: &Head, said: &Said, here: &str) -> Markup {
    let t = head.reader.lang;
    html! {
        div.about {
            b { (said.row.author) } " "
            (head.reader.time(said.row.created_at))
            @if said.may_delete && !here.is_empty() {
                " " a href=(format!("{here}/{}/delete", said.row.comment)) aria-label=(t.delete_comment_of(&said.row.author)) { (t.delete_it()) }
            }
        }
        @match &said.text {
            Some(text) => (markdown::render(text)),
            None => p.muted { (t.comment_gone()) },
        }
    }
}

pub(super) fn delete_body(head: &Head, said: &Said, token: &str) -> Markup {
    let t = head.reader.lang;
    let here = format!("{}/-/comments", head.path());
    html! {
        (crumbs(t, &[(head.row.name.clone(), head.path()), (t.comments_title().to_owned(), here.clone())]))
        h1 { (t.delete_comment()) }
        p { (t.delete_comment_text()) }
        ol.comments { li { (comment(head, said, "")) } }
        form method="post" action=(format!("{here}/{}/delete", said.row.comment)) {
            (csrf(token))
            button.danger type="submit" { (t.delete_comment()) } " "
            a.button href=(here) { (t.cancel()) }
        }
    }
}
