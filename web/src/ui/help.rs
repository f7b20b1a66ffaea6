//! How to work with the registry.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::UiState;
use super::components::{block, command, scroll};
use super::home::quoted;
use super::visitor::Visitor;
use crate::error::PageError;
use crate::texts::Lang;

/// `GET /help`
pub(super) async fn show(
    State(ui): State<UiState>,
    visitor: Visitor,
) -> Result<Response, PageError> {
    let registries = ui.registries().await?;
    let host = registries.0.first().map_or("registry.example.org", |row| row.host.as_str());
    let user = visitor.viewer.user().map_or("NAME", domain::name::UserName::as_str);
    Ok(visitor.show(visitor.lang().help(), body(visitor.lang(), host, user)))
}

pub(super) fn body(t: Lang, host: &str, user: &str) -> Markup {
    let tokens = html! { a href="/me/tokens" { (t.application_tokens()) } };
    let activity = html! { a href="/activity" { (t.activity_title()) } };
    let preferences = html! { a href="/me/preferences" { (t.preferences()) } };
    let keys = [
        ("/", t.help_key_search()),
        ("g d · g r · g n · g t · g a", t.help_key_go()),
        ("j · k · Enter", t.help_key_rows()),
        ("c", t.help_key_copy()),
        ("?", t.help_key_help()),
    ];
    html! {
        h1 { (t.help()) }
        h2 { (t.help_log_in()) }
        p { (t.help_log_in_text()) }
        (command(t, t.help_log_in(), &format!("docker login {host} -u {}", quoted(user))))
        h2 { (t.help_push()) }
        p { (t.help_push_text()) }
        (command(t, t.help_tag_it(), &format!("docker tag app:1.0 {host}/NAMESPACE/app:1.0")))
        (command(t, t.push_it(), &format!("docker push {host}/NAMESPACE/app:1.0")))
        h2 { (t.help_pull()) }
        (command(t, t.help_pull_it(), &format!("docker pull {host}/NAMESPACE/app:1.0")))
        h2 { (t.help_script()) }
        p { (t.help_script_text(&tokens)) }
        (command(t, t.help_script_command(), &format!("printf %s \"$TOKEN\" | docker login {host} -u {} --password-stdin", quoted(user))))
        p { (t.help_ci_text()) }
        (block(t, t.help_ci_gitlab(), &format!("build:\n  before_script:\n    - printf %s \"$TOKEN\" | docker login {host} -u {} --password-stdin\n", quoted(user))))
        (block(t, t.help_ci_github(), &format!("- uses: docker/login-action@v3\n  with:\n    registry: {host}\n    username: {user}\n    password: ${{{{ secrets.TOKEN }}}}\n")))
        h2 { (t.help_helper()) }
        p { (t.help_helper_text()) }
        (block(t, t.help_helper(), &format!("{{\n  \"credHelpers\": {{ \"{host}\": \"secretservice\" }}\n}}\n")))
        p { (t.help_helper_systems()) }
        (command(t, t.help_log_out(), &format!("docker logout {host}")))
        h2 { (t.help_tokens()) }
        p { (t.help_tokens_text(&tokens)) }
        p { a href="/api" { (t.reference()) } }
        h2 { (t.help_refused()) }
        p { (t.help_refused_text(&activity)) }
        h2 { (t.help_keys()) }
        (scroll(t.help_keys(), html! {
            table {
                caption { (t.help_keys_caption()) }
                thead { tr { th scope="col" { (t.help_key()) } th scope="col" { (t.help_does()) } } }
                tbody { @for (key, does) in keys { tr { th scope="row" { kbd { (key) } } td { (does) } } } }
            }
        }))
        p { (t.help_keys_off(&preferences)) }
    }
}
