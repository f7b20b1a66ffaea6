//! What a row asks at which door, and what the door must answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use domain::access::{Action, Form};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tests::site::{SERVICE, Site};
use tests::table::{Row, Situation, rows};

use super::world::{Place, World};

/// Somebody else's account.
const OTHER: &str = "olga";

/// Every door, and who can knock.
pub(super) struct Doors<'a> {
    site: &'a Site,
    world: &'a World,
    http: reqwest::Client,
    /// Cookies of those who can sign in.
    sessions: BTreeMap<String, String>,
    foreign_tokens: std::sync::Mutex<Vec<String>>,
}

/// One request and its answer.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// For people who read a failure.
    pub(super) door: &'static str,
    method: Method,
    path: String,
    body: Body,
    shows: Shows,
    expected: Expected,
}

#[derive(Debug, Clone)]
enum Body {
    Nothing,
    Json(Value),
    Form(Vec<(&'static str, String)>),
}

#[derive(Debug, Clone)]
enum Shows {
    Nothing,
    Basic(String, String),
    Bearer(String),
    Cookie(String),
}

#[derive(Debug, Clone)]
enum Expected {
    /// This status; 2xx for `None`.
    Status(Option<u16>),
    /// A token that holds at least these actions and at most those; 401 for `None`.
    Token(Option<(Vec<&'static str>, Vec<&'static str>)>),
    /// An answer of 200 that lists the repository or does not, or else one of these.
    Listed { repository: (&'static str, String), is: bool, or: Vec<u16> },
}

impl<'a> Doors<'a> {
    /// Opens a session for whoever has one in the table.
    pub(super) async fn new(site: &'a Site, world: &'a World) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let path = format!("/api/v1/users/{OTHER}/application_tokens");
        let (_, tokens) = site.as_admin().get(&path).await;
        let numbers = tokens.as_array().unwrap().iter().map(|token| token["id"].to_string());
        let foreign_tokens: Vec<_> = numbers.collect();
        assert_eq!(foreign_tokens.len(), world.foreign_tokens);
        let mut doors = Self {
            site,
            world,
            http,
            sessions: BTreeMap::new(),
            foreign_tokens: std::sync::Mutex::new(foreign_tokens),
        };
        for name in world.secrets.keys() {
            let password = Site::password(name);
            if world.secrets[name] != [password.as_str()] {
                continue;
            }
            let form = [("name", name), ("password", &password)];
            let url = format!("{}/sign-in", site.url);
            let answer = doors.http.post(url).form(&form).send().await.unwrap();
            let cookies = answer.headers().get_all("set-cookie").iter();
            let cookies = cookies.filter_map(|set| set.to_str().ok()?.split(';').next());
            let cookies: Vec<_> = cookies.map(str::to_owned).collect();
            if answer.status() == StatusCode::SEE_OTHER {
                doors.sessions.insert(name.clone(), cookies.join("; "));
            }
        }
        assert_eq!(doors.sessions.len(), 9, "{:?}", doors.sessions.keys());
        doors
    }

    /// The row's question at every door that has one, once for each credential of its `who`.
    pub(super) fn asks(&self, row: &Row) -> Vec<Ask> {
        let name = self.world.asker(row);
        let place = self.world.place(row);
        let mut asks = Vec::new();
        for shows in self.credentials(row, &name) {
            let ask = self.ask(row, &name, &place, shows.clone());
            assert!(ask.is_some(), "no door for {row:?}");
            asks.extend(ask);
        }
        let session = self.sessions.get(&name).cloned();
        if session.is_some() || row.who == "anonymous" {
            asks.extend(page(row, &place, session));
        }
        asks
    }

    fn credentials(&self, row: &Row, name: &str) -> Vec<Shows> {
        match row.who.as_str() {
            "anonymous" => vec![Shows::Nothing],
            "registry" => vec![Shows::Bearer(self.site.registry_secret.clone())],
            "registry_wrong_secret" => vec![Shows::Bearer("not the secret".to_owned())],
            _ => {
                let secrets = self.world.secrets[name].iter();
                secrets.map(|secret| Shows::Basic(name.to_owned(), secret.clone())).collect()
            }
        }
    }

    fn ask(&self, row: &Row, name: &str, place: &Place, shows: Shows) -> Option<Ask> {
        if let Some(ask) = scope(row, place, &shows) {
            return Some(ask);
        }
        if row.action == Action::LoginWeb {
            return Some(sign_in(row, shows));
        }
        let namespace = format!("/namespaces/{}", escaped(place.registry, &place.namespace));
        let repository = format!("/repositories/{}", escaped(place.registry, &place.repository));
        let team = format!("/teams/{}", place.team);
        use Action as A;
        let (get, post, put, delete) = (Method::GET, Method::POST, Method::PUT, Method::DELETE);
        let own = format!("{}-{}", row.action as u32, name);
        let named = |fields: Value| Body::Json(json!({ "namespace": fields }));
        let (method, path, body) = match row.action {
            A::SeeNamespace => (get, namespace, Body::Nothing),
            A::SeeRepository => (get, repository, Body::Nothing),
            A::SeeTag => (get, format!("{repository}/tags/v1"), Body::Nothing),
            A::SearchHit => (
                get,
                format!("/search?q={}&kind=repository&per_page=100", place.repository),
                Body::Nothing,
            ),
            A::ViewActivities => {
                let at = (place.registry, &place.namespace);
                (get, format!("/activities?registry={}&namespace={}", at.0, at.1), Body::Nothing)
            }
            A::EditNamespace => (put, namespace, named(json!({ "description": "" }))),
            A::RenameNamespaceWithRepositories => {
                (put, namespace, named(json!({ "name": "another" })))
            }
            A::ChangeVisibility => {
                (put, namespace, named(json!({ "visibility": seen_as(&row.visibility) })))
            }
            A::ChangeTeam => (put, namespace, named(json!({ "team": World::own_team(name) }))),
            A::ChangeTeamForeign => {
                (put, namespace, named(json!({ "team": World::other_team(name) })))
            }
            A::DeleteNamespace => (delete, namespace, Body::Nothing),
            A::EditRepository => {
                (put, repository, Body::Json(json!({ "repository": { "description": "" } })))
            }
            A::Star => (put, format!("{repository}/star"), Body::Nothing),
            A::SeeTeam => (get, team, Body::Nothing),
            A::SeeTeamMembers => (get, format!("{team}/members"), Body::Nothing),
            A::ManageTeam => (put, team, Body::Json(json!({ "team": { "description": "" } }))),
            A::RenameTeam => (put, team, Body::Json(json!({ "team": { "name": "another" } }))),
            A::ManageTeamLastOwner => {
                (delete, format!("{team}/members/{}", place.last_owner), Body::Nothing)
            }
            A::DeleteTeam => (delete, team, Body::Nothing),
            A::CreateNamespace => {
                let body = json!({ "name": format!("new-{}", place.team), "team": place.team, "registry": "main" });
                (post, "/namespaces".to_owned(), Body::Json(body))
            }
            A::CreateTeam => {
                (post, "/teams".to_owned(), Body::Json(json!({ "name": format!("new-{own}") })))
            }
            A::ViewAudit => (get, "/explain?action=admin_panel".to_owned(), Body::Nothing),
            A::AdminPanel => (get, "/registries".to_owned(), Body::Nothing),
            A::ListUsers => (get, "/users?per_page=1".to_owned(), Body::Nothing),
            A::ManageUsers => {
                let body = json!({ "user": { "display_name": "Olga" } });
                (put, format!("/users/{OTHER}"), Body::Json(body))
            }
            A::GrantAdmin => (put, "/users/ada/admin".to_owned(), Body::Nothing),
            A::CreateBot => {
                let body = json!({ "user": { "username": format!("bot-{own}"), "bot": true } });
                (post, "/users".to_owned(), Body::Json(body))
            }
            A::IssueTokenSelf | A::IssueTokenOther => {
                let body = json!({ "application": format!("made by {own}") });
                let of = match row.action {
                    A::IssueTokenSelf if !name.is_empty() => name,
                    _ => OTHER,
                };
                (post, format!("/users/{of}/application_tokens"), Body::Json(body))
            }
            A::ListTokensOther => {
                (get, format!("/users/{OTHER}/application_tokens"), Body::Nothing)
            }
            A::RevokeTokenOther => {
                let id = self.foreign_tokens.lock().unwrap().pop().unwrap();
                (delete, format!("/users/application_tokens/{id}"), Body::Nothing)
            }
            A::PostNotification => {
                return Some(Ask {
                    door: "notifications",
                    method: post,
                    path: "/v2/webhooks/events".to_owned(),
                    body: Body::Json(json!({ "events": [] })),
                    shows,
                    expected: Expected::Status(row.refusal.map(status)),
                });
            }
            _ => return None,
        };
        let expected = expects(row, place);
        Some(Ask { door: "REST", method, path: format!("/api/v1{path}"), body, shows, expected })
    }

    /// Asks; what is wrong with the answer.
    pub(super) async fn put(&self, ask: &Ask) -> Option<String> {
        let mut request =
            self.http.request(ask.method.clone(), format!("{}{}", self.site.url, ask.path));
        request = match &ask.body {
            Body::Nothing => request,
            Body::Json(body) => request.json(body),
            Body::Form(fields) => request.form(fields),
        };
        let answer = show(request, &ask.shows).send().await.unwrap();
        let (code, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        let right = match &ask.expected {
            Expected::Status(None) => matches!(code, 200..=299),
            Expected::Status(Some(expected)) => code == *expected,
            Expected::Token(None) => code == 401,
            Expected::Token(Some((least, most))) => {
                let held = actions(&text);
                let held: Vec<_> = held.iter().map(String::as_str).collect();
                let reduced = least.len() < most.len();
                code == 200
                    && !(reduced && held.len() == most.len())
                    && least.iter().all(|action| held.contains(action))
                    && held.iter().all(|action| most.contains(action))
            }
            Expected::Listed { repository, is, or } => {
                or.contains(&code) || code == 200 && lists(&text, repository) == *is
            }
        };
        let start: String = text.chars().take(160).collect();
        (!right).then(|| {
            if ask.door == "token endpoint" {
                format!("{code} {:?}", actions(&text))
            } else if code >= 500 {
                format!("{code} {start}")
            } else {
                format!("{code}")
            }
        })
    }
}

/// The table's answer in the words of REST.
fn expects(row: &Row, place: &Place) -> Expected {
    use Action as A;
    let refused = row.refusal.map(status);
    let unprocessable = Expected::Status(Some(422));
    match (row.action, row.refusal) {
        // A list has what may be seen; what is not in it looks like what is not there. A token that
        // reads no lists is told so, whatever would be in them.
        (A::SearchHit | A::ViewActivities, refusal) => Expected::Listed {
            repository: (place.registry, place.repository.clone()),
            is: refusal.is_none(),
            or: match (refused, row.who.contains("app_token[")) {
                (Some(refused), true) => vec![refused, 403],
                (refused, _) => refused.into_iter().collect(),
            },
        },
        // Names are for ever, and a team keeps its last owner. Whoever could change the thing
        // otherwise is told so.
        (A::RenameTeam, None) => unprocessable,
        (A::RenameNamespaceWithRepositories, Some(Form::Forbidden)) if may_edit(row) => {
            unprocessable
        }
        (A::ManageTeamLastOwner, Some(Form::Forbidden)) if may_edit(row) => unprocessable,
        // Other people's accounts and tokens look like none to those who do not list users.
        (A::IssueTokenOther | A::ListTokensOther | A::RevokeTokenOther, Some(Form::Forbidden))
            if !lists_nothing(row) && !row.is_admin() =>
        {
            Expected::Status(Some(404))
        }
        _ => Expected::Status(refused),
    }
}

/// Whether the same asker may edit the same thing: by the table's own rows.
fn may_edit(row: &Row) -> bool {
    static EDITORS: LazyLock<BTreeSet<(bool, Situation)>> = LazyLock::new(|| {
        let edits = |row: &Row| match (row.action, row.refusal) {
            (Action::EditNamespace, None) => Some((false, row.situation())),
            (Action::ManageTeam, None) => Some((true, row.situation())),
            _ => None,
        };
        rows().iter().filter_map(edits).collect()
    });
    let team = row.action == Action::ManageTeamLastOwner;
    EDITORS.contains(&(team, row.situation()))
}

/// Whether this is a token that REST refuses before it looks at anything.
fn lists_nothing(row: &Row) -> bool {
    ["[pull]", "[push]", "[delete]"].iter().any(|scope| row.who.contains(scope))
}

/// Whether a page of hits or activities has one about this repository.
fn lists(text: &str, (registry, repository): &(&str, String)) -> bool {
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    let hits = body["repositories"]["hits"].as_array().or(body.as_array());
    hits.into_iter().flatten().any(|entry| {
        let name = entry.get("repository").unwrap_or(&entry["name"]);
        entry["registry"] == *registry && *name == **repository
    })
}

/// The table's scope actions at the token endpoint.
fn scope(row: &Row, place: &Place, shows: &Shows) -> Option<Ask> {
    let all = vec!["pull", "push", "delete"];
    let wanted = match row.action {
        Action::Pull => "pull",
        Action::Push => "push",
        Action::Delete => "delete",
        Action::Wildcard | Action::Catalog => "*",
        _ => return None,
    };
    let scope = match row.action {
        Action::Catalog => "registry:catalog:*".to_owned(),
        _ => format!("repository:{}:{wanted}", place.repository),
    };
    let expected = Expected::Token(match (row.action, row.refusal) {
        (_, Some(Form::Unauthorized)) => None,
        (Action::Wildcard, None) => Some((all.clone(), all)),
        // Less than all, but something; which, the rows of the single actions say.
        (Action::Wildcard, Some(Form::Partial)) => Some((vec!["pull"], all)),
        (_, None) => Some((vec![wanted], vec![wanted])),
        (_, Some(_)) => Some((vec![], vec![])),
    });
    let service = if row.action == Action::Catalog { SERVICE } else { place.service };
    let path = format!("/v2/token?service={service}&scope={scope}");
    let (shows, body) = match shows {
        // The notification secret, shown as a password.
        Shows::Bearer(secret) => (Shows::Basic("main".to_owned(), secret.clone()), Body::Nothing),
        other => (other.clone(), Body::Nothing),
    };
    Some(Ask { door: "token endpoint", method: Method::GET, path, body, shows, expected })
}

fn sign_in(row: &Row, shows: Shows) -> Ask {
    let (name, secret) = match shows {
        Shows::Basic(name, secret) => (name, secret),
        Shows::Bearer(secret) => ("main".to_owned(), secret),
        Shows::Nothing | Shows::Cookie(_) => (String::new(), String::new()),
    };
    Ask {
        door: "sign-in page",
        method: Method::POST,
        path: "/sign-in".to_owned(),
        body: Body::Form(vec![("name", name), ("password", secret)]),
        shows: Shows::Nothing,
        expected: Expected::Status(Some(row.refusal.map_or(303, |_| 401))),
    }
}

/// The same question by a browser.
fn page(row: &Row, place: &Place, session: Option<String>) -> Option<Ask> {
    let path = match row.action {
        Action::SeeNamespace => format!("/registries/{}/n/{}", place.registry, place.namespace),
        Action::SeeRepository => format!("/registries/{}/r/{}", place.registry, place.repository),
        _ => return None,
    };
    let expected = Expected::Status(match row.refusal {
        Some(Form::SignIn) => Some(303),
        other => other.map(status),
    });
    let shows = session.map_or(Shows::Nothing, Shows::Cookie);
    Some(Ask { door: "page", method: Method::GET, path, body: Body::Nothing, shows, expected })
}

fn status(form: Form) -> u16 {
    match form {
        Form::Omit | Form::Partial => 200,
        Form::Unauthorized | Form::SignIn => 401,
        Form::Forbidden => 403,
        Form::NotFound => 404,
    }
}

fn show(request: RequestBuilder, shows: &Shows) -> RequestBuilder {
    match shows {
        Shows::Nothing => request,
        Shows::Basic(name, secret) => request.basic_auth(name, Some(secret)),
        Shows::Bearer(secret) => request.bearer_auth(secret),
        Shows::Cookie(cookies) => request.header("cookie", cookies),
    }
}

/// What a token's bearer may do.
fn actions(body: &str) -> Vec<String> {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let Some(token) = body["token"].as_str() else { return vec![] };
    let claims = tests::site::claims(token);
    let entries = claims["access"].as_array().cloned().unwrap_or_default();
    let actions = entries.iter().flat_map(|entry| entry["actions"].as_array().unwrap().clone());
    actions.map(|action| action.as_str().unwrap().to_owned()).collect()
}

fn seen_as(visibility: &str) -> &str {
    if visibility == "-" { "public" } else { visibility }
}

fn escaped(registry: &str, name: &str) -> String {
    format!("{registry}:{}", name.replace('/', "%2F"))
}
