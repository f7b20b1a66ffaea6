//! People, teams and namespaces of a site, made over its REST interface.
#![allow(
    clippy::expect_used,
    reason = "a bench that cannot be set up fails the test that needs it"
)]

use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::http;
use super::{ADMIN, ADMIN_PASSWORD, Api, Program};
use crate::watched::fail;

/// Somebody with an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Person {
    /// The account's name.
    pub name: String,
    /// Its password.
    pub password: String,
    /// Its number in the REST interface.
    pub id: u64,
}

impl Program {
    /// The REST interface as the administrator.
    #[must_use]
    pub fn admin(&self) -> Api {
        self.api(ADMIN, ADMIN_PASSWORD)
    }

    /// The REST interface as somebody.
    #[must_use]
    pub fn api_of(&self, person: &Person) -> Api {
        self.api(&person.name, &person.password)
    }

    /// The REST interface, and the pages, as nobody.
    #[must_use]
    pub fn api_of_nobody(&self) -> Api {
        Api { http: http(), url: self.url(), credential: None }
    }

    fn api(&self, name: &str, secret: &str) -> Api {
        let credential = Some((name.to_owned(), secret.to_owned()));
        Api { http: http(), url: self.url(), credential }
    }

    /// Makes an account whose name begins with `name` and that no other test has.
    ///
    /// # Panics
    ///
    /// When the REST interface refuses.
    pub async fn person(&self, name: &str) -> Person {
        let name = unique(name);
        let password = format!("a long password of {name}");
        let email = format!("{name}@example.test");
        let body = json!({"user": {"username": name, "email": email, "password": password}});
        let made = self.admin().post("/api/v1/users", &body).await.expect_status(201);
        Person { id: id_of(&made), name, password }
    }

    /// The first administrator, as somebody who signs in.
    #[must_use]
    pub fn boss(&self) -> Person {
        Person { name: ADMIN.to_owned(), password: ADMIN_PASSWORD.to_owned(), id: 0 }
    }

    /// Makes a team and a namespace of the same name that the team owns. Answers the name and the
    /// two numbers: the team's, the namespace's.
    ///
    /// # Panics
    ///
    /// When the REST interface refuses.
    pub async fn team(&self, name: &str, owner: &Person) -> (String, u64, u64) {
        let name = unique(name);
        let admin = self.admin();
        let body = json!({"name": name, "description": "a team", "owner_id": owner.id});
        let team = id_of(&admin.post("/api/v1/teams", &body).await.expect_status(201));
        let body = json!({"name": name, "team": name, "description": "its images"});
        let namespace = id_of(&admin.post("/api/v1/namespaces", &body).await.expect_status(201));
        (name, team, namespace)
    }

    /// Makes `person` a member of a team.
    ///
    /// # Panics
    ///
    /// When the REST interface refuses.
    pub async fn join(&self, team: u64, person: &Person, role: &str) {
        let body = json!({"user": person.name, "role": role});
        let path = format!("/api/v1/teams/{team}/members");
        self.admin().post(&path, &body).await.expect_status(201);
    }

    /// Opens or closes a namespace: `private`, `protected`, `public`.
    ///
    /// # Panics
    ///
    /// When the REST interface refuses.
    pub async fn visibility(&self, namespace: u64, visibility: &str) {
        let body = json!({"namespace": {"visibility": visibility}});
        let path = format!("/api/v1/namespaces/{namespace}");
        self.admin().put(&path, &body).await.expect_status(200);
    }

    /// Makes an application token of a person and answers its secret.
    ///
    /// # Panics
    ///
    /// When the REST interface refuses.
    pub async fn app_token(&self, person: &Person, application: &str) -> String {
        let path = format!("/api/v1/users/{}/application_tokens", person.id);
        let body = json!({"application": application});
        let made = self.api_of(person).post(&path, &body).await.expect_status(201);
        made["plain_token"].as_str().expect("a secret").to_owned()
    }
}

/// `name`, with a number that no other test of this process has.
fn unique(name: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    format!("{name}{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

#[track_caller]
fn id_of(answer: &Value) -> u64 {
    answer["id"].as_u64().unwrap_or_else(|| fail(&format!("no number in {answer}")))
}
