//! A form whose session was over before it was sent, with what was typed into it.

use maud::{Markup, html};

use super::components::{Field, csrf, textarea};
use crate::auth::Unsent;
use crate::texts::Lang;

/// The form again. With a session's token it can be sent at once; without one, its person signs in
/// beside it and sends it then.
pub(super) fn body(t: Lang, unsent: &Unsent, token: Option<&str>) -> Markup {
    html! {
        h1 { (t.unsent_title()) }
        @match token {
            Some(_) => p.notice.warn role="alert" { (t.unsent_again()) },
            None => p.notice.warn role="alert" {
                (t.unsent_sign_in()) " "
                a href="/sign-in" target="_blank" rel="noopener" { (t.unsent_other_tab()) }
            },
        }
        form method="post" action=(unsent.path) {
            @if let Some(token) = token { (csrf(token)) }
            @for (name, value) in &unsent.typed {
                @if ["description", "text"].contains(name) {
                    (textarea(name, label(t, name), None, value, None))
                } @else {
                    (Field { value, required: false, ..Field::text(name, label(t, name)) }.draw())
                }
            }
            @for (name, value) in &unsent.chosen { input type="hidden" name=(name) value=(value); }
            @for name in &unsent.secrets {
                (Field { required: false, ..Field::secret(name, label(t, name), "off") }.draw())
            }
            button.primary type="submit" { (t.unsent_send()) }
        }
    }
}

fn label(t: Lang, name: &str) -> &'static str {
    match name {
        "description" => t.description(),
        "text" => t.your_comment(),
        "reason" => t.user_reason(),
        "label" => t.what_for(),
        "email" => t.email(),
        "display_name" => t.display_name(),
        "host" => t.registry_host(),
        "service" => t.registry_service(),
        "url" => t.registry_url(),
        "until" => t.grant_last_day(),
        "repository" => t.grant_repository(),
        "user" => t.user_name(),
        "old" => t.old_password(),
        "new" => t.new_password(),
        "password" | "secret" => t.password(),
        _ => t.name(),
    }
}
