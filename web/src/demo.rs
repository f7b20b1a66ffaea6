//! Something to look at: people, teams, namespaces of every visibility, and images that are made
//! here and pushed over the registry's own interface, as docker would.
//!
//! All of it goes through the front doors (REST, token endpoint, registry), so each act is a fact
//! like any other. Every step may be repeated: what is there already is found, not made twice.

mod client;
mod image;

use std::path::PathBuf;

use self::client::{Client, DemoError, Id};
use self::image::Image;

/// How to reach the service and its registry.
#[derive(Debug, Clone)]
pub struct Site {
    /// Where Portus answers, such as `http://127.0.0.1:3000`.
    pub portus: String,
    /// Where the registry answers, such as `http://127.0.0.1:5000`.
    pub registry: String,
    /// The registry's service.
    pub service: String,
    /// The password of everybody here.
    pub password: String,
    /// The one-time secret, while nobody has used it.
    pub bootstrap: Option<String>,
    /// A file that says that all of it was made, so that a second start adds nothing.
    pub made: PathBuf,
}

/// The administrator.
pub const ADMINISTRATOR: &str = "ada";
/// Everybody else: name, and what they are to the teams.
pub const PEOPLE: [(&str, &str); 5] = [
    ("grace", "owns the teams platform and tools-team"),
    ("linus", "contributes to platform"),
    ("dennis", "views platform, owns research"),
    ("barbara", "reads the audit record"),
    ("mallory", "belongs to nothing, and is refused"),
];

const TEAMS: [(&str, &str, &str); 3] = [
    ("platform", "grace", "What the others build on"),
    ("tools-team", "grace", "Tools for everybody"),
    ("research", "dennis", "Not yet for everybody"),
];

const MEMBERS: [(&str, &str, &str); 3] = [
    ("platform", "linus", "contributor"),
    ("platform", "dennis", "viewer"),
    ("tools-team", "linus", "contributor"),
];

const NAMESPACES: [(&str, &str, &str, &str); 3] = [
    ("platform", "platform", "protected", "Services; everybody with an account may pull"),
    ("tools", "tools-team", "public", "Everybody may pull"),
    ("research", "research", "private", "For the team alone"),
];

/// Who pushes what: person, repository, tag, text.
const IMAGES: [(&str, &str, &str, &str); 8] = [
    ("grace", "tools/hello", "1.0", "hello, world"),
    ("grace", "tools/hello", "1.1", "hello, whole world"),
    ("grace", "tools/hello", "latest", "hello, whole world"),
    ("linus", "tools/git-mirror", "2.4.1", "keeps copies"),
    ("linus", "platform/api", "v1", "the interface"),
    ("linus", "platform/api", "v2", "the interface, improved"),
    ("dennis", "research/model", "nightly", "nobody knows yet"),
    ("grace", "grace/dotfiles", "latest", "export EDITOR=ed"),
];

/// Who pulls what, how often; `""` is anybody without an account.
const PULLS: [(&str, &str, &str, usize); 4] = [
    ("", "tools/hello", "latest", 5),
    ("dennis", "platform/api", "v2", 3),
    ("linus", "tools/git-mirror", "2.4.1", 2),
    ("mallory", "platform/api", "v1", 1),
];

/// Who asks in vain: person, repository, actions.
const REFUSED: [(&str, &str, &str); 4] = [
    ("mallory", "platform/api", "pull,push"),
    ("mallory", "research/model", "pull"),
    ("dennis", "platform/api", "push"),
    ("", "research/model", "pull"),
];

const STARS: [(&str, &str); 4] = [
    ("linus", "tools/hello"),
    ("dennis", "tools/hello"),
    ("dennis", "platform/api"),
    ("grace", "tools/git-mirror"),
];

/// Makes all of it.
///
/// # Errors
///
/// [`DemoError`], with what was asked and what was answered.
pub async fn fill(site: &Site) -> Result<(), DemoError> {
    if site.made.exists() {
        return Ok(());
    }
    let portus = Client::new(site)?;
    if let Some(secret) = &site.bootstrap {
        portus.bootstrap(secret, ADMINISTRATOR).await?;
    }
    let mut people = Vec::new();
    for (name, _) in PEOPLE {
        people.push((name, portus.user(name).await?));
    }
    let id_of = |name: &str| people.iter().find(|(known, _)| *known == name).map(|(_, id)| *id);
    portus.put(ADMINISTRATOR, "/users/barbara/auditor").await?;

    let mut teams: Vec<(&str, Id)> = Vec::new();
    for (name, owner, description) in TEAMS {
        teams.push((name, portus.team(name, id_of(owner), description).await?));
    }
    for (team, user, role) in MEMBERS {
        if let Some((_, team)) = teams.iter().find(|(known, _)| *known == team) {
            portus.member(*team, user, role).await?;
        }
    }
    for (name, team, visibility, description) in NAMESPACES {
        portus.namespace(name, team, visibility, description).await?;
    }

    for (person, repository, tag, text) in IMAGES {
        portus.push(person, repository, tag, &Image::saying(text)).await?;
    }
    for (person, repository, tag, times) in PULLS {
        for _ in 0..times {
            portus.pull(person, repository, tag).await?;
        }
    }
    for (person, repository, actions) in REFUSED {
        portus.ask(person, repository, actions).await?;
    }
    portus.wrong_password("mallory").await?;
    for (person, repository) in STARS {
        portus.star(person, repository).await?;
    }
    std::fs::write(&site.made, "")
        .map_err(|error| DemoError::new("the note that it is made", error))
}
