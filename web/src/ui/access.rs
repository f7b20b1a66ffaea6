//! Who may do what with a repository, and why.

use axum::response::Response;
use domain::access::{Action, Because, Ground, Resource, Subject};
use domain::name::{NamespaceName, RepositoryName, TeamName, UserName};
use maud::{Markup, html};
use projections::namespaces::{self, GrantRow, NamespaceRow};
use projections::teams::{self, MemberRow};
use projections::{MAX_PAGE, Paging};

use super::UiState;
use super::components::{Field, scroll};
use super::reader::Reader;
use super::repositories::{Head, One, resource};
use super::sentence::segment;
use super::visitor::{Visitor, query};
use crate::error::PageError;
use crate::texts::{Lang, Said as _, Word};

/// The questions that are answered for a person.
const QUESTIONS: [(Action, Word); 3] = [
    (Action::Pull, Lang::question_pull),
    (Action::Push, Lang::question_push),
    (Action::Delete, Lang::question_delete),
];

/// The most further grants that are listed; all of them are on the namespace's page.
const GRANTS: i64 = 100;

/// The answers for one person.
pub(super) struct Checked {
    pub(super) user: String,
    /// Question, answer, rule and what it stands on.
    pub(super) answers: Vec<(&'static str, bool, &'static str, String)>,
}

/// What the page shows.
pub(super) struct Access {
    pub(super) head: Head,
    pub(super) namespace: NamespaceRow,
    /// Members of the owning team with what they may; `None`: there is none, or the viewer does not
    /// see it.
    pub(super) members: Option<Vec<(MemberRow, &'static str)>>,
    /// Further rights; for those who manage them.
    pub(super) grants: Vec<GrantRow>,
    /// Where they are given and taken back; for those who may.
    pub(super) manage: Option<String>,
    pub(super) own: Option<Checked>,
    /// Whether the viewer may ask for others.
    pub(super) may_check: bool,
    pub(super) asked: String,
    pub(super) wrong: Option<String>,
    pub(super) checked: Option<Checked>,
}

/// `GET /r/{name}/-/access?user=`
pub(super) async fn show(
    ui: &UiState,
    visitor: Visitor,
    one: One,
    name: RepositoryName,
) -> Result<Response, PageError> {
    if visitor.session.is_none() {
        return Err(PageError::SignIn {
            return_to: Some(visitor.frame.path.clone()),
            forget: None,
        });
    }
    let (t, registry) = (visitor.lang(), one.registry.clone());
    let visible = visitor.viewer.visible();
    let decides = visitor.viewer.graph().namespace_of(&registry, &name);
    let decides = decides.ok_or_else(PageError::not_found)?.name;
    let found = namespaces::find(&ui.read, &registry, &decides, &visible).await?;
    let namespace = found.ok_or_else(PageError::not_found)?;
    let place = Resource::Namespace { registry: registry.clone(), name: decides.clone() };
    let manages = visitor.may(Action::EditNamespace, &place);
    let members = match owning_team(&namespace) {
        Some(team) if may_see(&visitor, &team) => {
            let rows = teams::members(&ui.read, &team, &Paging::first(MAX_PAGE)).await?;
            let place = resource(&registry, &name);
            Some(
                rows.into_iter()
                    .map(|row| (rights(&visitor, &row, &place), row))
                    .map(|(may, row)| (row, may))
                    .collect(),
            )
        }
        _ => None,
    };
    let mut grants = Vec::new();
    if manages {
        let some =
            namespaces::some_grants(&ui.read, &registry, &decides, Some(&name), None, GRANTS);
        grants = some.await?;
    }
    let may_check = manages || visitor.may(Action::ViewAudit, &Resource::System);
    let asked = visitor.params.get("user").unwrap_or_default().to_owned();
    let (mut checked, mut wrong) = (None, None);
    if may_check && !asked.is_empty() {
        match UserName::parse(&asked) {
            Ok(user) => checked = Some(check(&visitor, &user, &resource(&registry, &name))),
            Err(why) => wrong = Some(why.said(t)),
        }
    }
    let manage = manages.then(|| {
        let space = one.registries.namespace(registry.as_str(), decides.as_str());
        format!("{space}/-/access{}", query(&[("repository", Some(name.as_str()))]))
    });
    let own = visitor.viewer.user().map(|own| check(&visitor, own, &resource(&registry, &name)));
    let page = Access {
        head: Head::of(&visitor, one, &name),
        namespace,
        members,
        grants,
        manage,
        own,
        may_check,
        asked,
        wrong,
        checked,
    };
    Ok(visitor.show(&t.access_of(name.as_str()), body(&page)))
}

fn owning_team(namespace: &NamespaceRow) -> Option<TeamName> {
    let team = namespace.holder.as_deref().filter(|_| namespace.holder_kind == "team")?;
    TeamName::parse(team).ok()
}

fn may_see(visitor: &Visitor, team: &TeamName) -> bool {
    visitor.may(Action::SeeTeamMembers, &Resource::Team { name: team.clone() })
}

fn check(visitor: &Visitor, user: &UserName, resource: &Resource) -> Checked {
    use domain::access::Verdict;
    let (t, subject) = (visitor.lang(), Subject::Account { name: user.clone() });
    let answer = |(action, words): (Action, Word)| {
        let (may, because) = match visitor.viewer.explain(&subject, action, resource) {
            Verdict::Allowed(because) => (true, because),
            Verdict::Denied(because, _) => (false, because),
        };
        (words(t), may, t.rule(because.rule), ground(t, &because))
    };
    Checked { user: user.to_string(), answers: QUESTIONS.into_iter().map(answer).collect() }
}

/// The most that a member may, as it is decided now.
fn rights(visitor: &Visitor, row: &MemberRow, resource: &Resource) -> &'static str {
    let t = visitor.lang();
    let Ok(name) = UserName::parse(&row.user_name) else { return t.access_nothing() };
    let subject = Subject::Account { name };
    let may = |action| visitor.viewer.explain(&subject, action, resource).is_allowed();
    match (may(Action::Pull), may(Action::Push), may(Action::Delete)) {
        (_, true, true) => t.access_delete(),
        (_, true, false) => t.access_push(),
        (true, false, _) => t.access_pull(),
        (false, false, _) => t.access_nothing(),
    }
}

/// What a decision stands on, in words.
fn ground(t: Lang, because: &Because) -> String {
    match &because.grant {
        None => String::new(),
        Some(Ground::Administrator) => t.ground_administrator().to_owned(),
        Some(Ground::Auditor) => t.ground_auditor().to_owned(),
        Some(Ground::Personal) => t.ground_personal().to_owned(),
        Some(Ground::Member { team, role }) => {
            t.access_member(t.role_word(role.as_str()), team.as_str())
        }
        Some(Ground::Grant { role, .. }) => t.access_granted(t.role_word(role.as_str())),
        Some(Ground::Visibility(seen)) => t.ground_visibility(t.visibility_word(seen.as_str())),
        Some(Ground::RegistrySecret) => t.ground_registry().to_owned(),
    }
}

pub(super) fn body(page: &Access) -> Markup {
    let (reader, t) = (&page.head.reader, page.head.reader.lang);
    html! {
        (page.head.draw("access", &html! {}))
        @if let Some(own) = &page.own { h2 { (t.access_you()) } (answers(t, t.access_you(), own)) }
        h2 { (t.access_who()) }
        (everybody(reader, page))
        @if let Some(manage) = &page.manage { p { a.button href=(manage) { (t.grants_manage()) } } }
        @if page.may_check {
            h2 { (t.access_check()) }
            form.line method="get" action=(format!("{}/-/access", page.head.path())) {
                (Field { value: &page.asked, wrong: page.wrong.as_deref(), ..Field::text("user", t.user_name()) }.draw())
                button type="submit" { (t.access_check_do()) }
            }
            @if let Some(checked) = &page.checked { (answers(t, t.access_check(), checked)) }
        }
    }
}

fn answers(t: Lang, label: &str, checked: &Checked) -> Markup {
    scroll(
        label,
        html! {
            table.stack {
                caption { (t.access_for(&checked.user)) }
                thead { tr { th scope="col" { (t.access_question()) } th scope="col" { (t.access_result()) } th scope="col" { (t.access_rule()) } } }
                tbody {
                    @for (question, may, rule, ground) in &checked.answers {
                        tr {
                            th scope="row" { (question) }
                            td data-label=(t.access_result()) { @if *may { span.badge.ok { "✓ " (t.access_yes()) } } @else { span.badge.bad { "✗ " (t.access_no()) } } }
                            td data-label=(t.access_rule()) { (rule) @if !ground.is_empty() { " " span.muted { "(" (ground) ")" } } }
                        }
                    }
                }
            }
        },
    )
}

fn may(t: Lang, role: &str) -> &'static str {
    match role {
        "owner" => t.access_delete(),
        "contributor" => t.access_push(),
        _ => t.access_pull(),
    }
}

fn everybody(reader: &Reader, page: &Access) -> Markup {
    let (t, namespace) = (reader.lang, &page.namespace);
    let row = |who: Markup, may: &str, why: &str| {
        html! {
            tr {
                th scope="row" { (who) }
                td data-label=(t.access_may()) { (may) }
                td data-label=(t.access_why()) { (why) }
            }
        }
    };
    scroll(
        t.access_who(),
        html! {
            table.stack {
                caption { (t.access_caption(NamespaceName::parse(&namespace.name).map_or("", |_| &namespace.name), t.visibility_word(&namespace.visibility))) }
                thead { tr { th scope="col" { (t.who()) } th scope="col" { (t.access_may()) } th scope="col" { (t.access_why()) } } }
                tbody {
                    @match namespace.visibility.as_str() {
                        "public" => (row(html! { (t.access_everybody()) }, t.access_pull(), t.access_by_visibility())),
                        "protected" => (row(html! { (t.access_signed_in()) }, t.access_pull(), t.access_by_visibility())),
                        _ => {}
                    }
                    @if let ("personal", Some(own)) = (namespace.holder_kind.as_str(), &namespace.holder) {
                        (row(html! { (own) }, t.access_delete(), t.access_personal()))
                    }
                    @for (member, may) in page.members.iter().flatten() {
                        (row(
                            html! { a href=(format!("/u/{}", segment(&member.user_name))) { (member.user_name) } },
                            may,
                            &t.access_member(t.role_word(&member.role), &member.team),
                        ))
                    }
                    @for grant in &page.grants {
                        (row(
                            html! { (grant.grantee) @if grant.grantee_kind == "team" { " (" (t.team()) ")" } },
                            may(t, &grant.role),
                            &t.access_granted(t.role_word(&grant.role)),
                        ))
                    }
                    (row(html! { (t.access_admins()) }, t.access_delete(), t.access_by_office()))
                }
            }
        },
    )
}
