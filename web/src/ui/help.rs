//! How to work with the registry.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::UiState;
use super::components::command;
use super::home::quoted;
use super::visitor::Visitor;
use crate::error::PageError;

/// `GET /help`
pub(super) async fn show(
    State(ui): State<UiState>,
    visitor: Visitor,
) -> Result<Response, PageError> {
    let registries = ui.registries().await?;
    let host = registries.0.first().map_or("registry.example.org", |row| row.host.as_str());
    let user = visitor.viewer.user().map_or("NAME", domain::name::UserName::as_str);
    Ok(visitor.show("Help", body(host, user)))
}

pub(super) fn body(host: &str, user: &str) -> Markup {
    html! {
        h1 { "Help" }
        h2 { "Log in" }
        p { "With your password, or better with an application token in its place." }
        (command("Log in", &format!("docker login {host} -u {}", quoted(user))))
        h2 { "Push an image" }
        p { "The name begins with a namespace in which you are contributor or owner." }
        (command("Tag it", &format!("docker tag app:1.0 {host}/NAMESPACE/app:1.0")))
        (command("Push it", &format!("docker push {host}/NAMESPACE/app:1.0")))
        h2 { "Pull an image" }
        (command("Pull it", &format!("docker pull {host}/NAMESPACE/app:1.0")))
        h2 { "In a build or script" }
        p { "Make an application token that may do what the script does and no more, under " a href="/me/tokens" { "application tokens" } ". Hand it over on standard input, so that it stands in no list of processes:" }
        (command("Log in from a script", &format!("printf %s \"$TOKEN\" | docker login {host} -u {} --password-stdin", quoted(user))))
        h2 { "Refused?" }
        p { "“Denied” means that you may not do this there. What is hidden from you answers as what does not exist. The " a href="/activity" { "activity" } " page shows each refusal of yours with the rule that decided." }
    }
}
