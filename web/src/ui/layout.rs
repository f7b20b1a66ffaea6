//! The frame around every page.

use maud::{DOCTYPE, Markup, html};

use super::assets::{CSS_PATH, JS_PATH};
use super::components::csrf;

/// What the frame says of whoever looks.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    /// Where they are: decides which entry of the navigation is the current one.
    pub(super) path: String,
    /// Who they are.
    pub(super) user: Option<String>,
    /// Their session's form token.
    pub(super) csrf: Option<String>,
    /// Up to where the log is shown.
    pub(super) position: Option<u64>,
    /// What has just been done.
    pub(super) flash: Option<Flash>,
}

/// A message about what has just been done. It travels as a code in a cookie, never as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flash {
    SignedIn,
    SignedOut,
    SetUp,
    Starred,
    Unstarred,
    TokenRevoked,
    NotYetVisible,
}

impl Flash {
    const EVERY: [Self; 7] = [
        Self::SignedIn,
        Self::SignedOut,
        Self::SetUp,
        Self::Starred,
        Self::Unstarred,
        Self::TokenRevoked,
        Self::NotYetVisible,
    ];

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::SignedIn => "signed-in",
            Self::SignedOut => "signed-out",
            Self::SetUp => "set-up",
            Self::Starred => "starred",
            Self::Unstarred => "unstarred",
            Self::TokenRevoked => "token-revoked",
            Self::NotYetVisible => "not-yet-visible",
        }
    }

    pub(super) fn parse(code: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|flash| flash.code() == code)
    }

    fn text(self) -> &'static str {
        match self {
            Self::SignedIn => "You are signed in.",
            Self::SignedOut => "You are signed out.",
            Self::SetUp => {
                "You are the first administrator, and signed in. The one-time secret is used up."
            }
            Self::Starred => "Starred.",
            Self::Unstarred => "The star is taken back.",
            Self::TokenRevoked => {
                "The token is revoked: the next request that shows it is refused."
            }
            Self::NotYetVisible => {
                "Done and recorded. This page lags a moment behind and may not show it yet."
            }
        }
    }
}

/// A whole page.
pub(super) fn page(frame: &Frame, title: &str, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Portus" }
                link rel="stylesheet" href=(*CSS_PATH);
                link rel="icon" href="data:,";
                script src=(*JS_PATH) defer {}
            }
            body {
                a.skip href="#content" { "Skip to content" }
                (top(frame))
                main id="content" tabindex="-1" {
                    div.wrap {
                        @if let Some(flash) = frame.flash {
                            p.notice role="status" { (flash.text()) }
                        }
                        (body)
                    }
                }
                (foot(frame))
            }
        }
    }
}

fn top(frame: &Frame) -> Markup {
    let entries = [
        ("/repositories", "Repositories"),
        ("/namespaces", "Namespaces"),
        ("/activity", "Activity"),
    ];
    let here = |path: &str| {
        let below = frame.path.strip_prefix(path);
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')).then_some("page")
    };
    html! {
        header.top {
            div.wrap {
                a.brand href="/" { "Portus" }
                nav aria-label="Main" {
                    ul {
                        @for (path, name) in entries {
                            li { a href=(path) aria-current=[here(path)] { (name) } }
                        }
                    }
                }
                @if !has_its_own_search(frame) {
                    form.find action="/search" method="get" role="search" {
                        label.visually-hidden for="find" { "Search repositories, tags, namespaces and teams" }
                        input id="find" type="search" name="q" maxlength="512"
                            placeholder="Search" autocomplete="off" autocapitalize="none" spellcheck="false";
                        button type="submit" { "Search" }
                    }
                }
                div.account { (account(frame)) }
            }
        }
    }
}

fn has_its_own_search(frame: &Frame) -> bool {
    frame.path == "/search" || (frame.path == "/" && frame.user.is_none())
}

fn account(frame: &Frame) -> Markup {
    html! {
        @match (&frame.user, &frame.csrf) {
            (Some(user), Some(token)) => {
                a.button href="/me/tokens" { (user) }
                form.inline method="post" action="/sign-out" {
                    (csrf(token))
                    button type="submit" { "Sign out" }
                }
            }
            _ => { a.button href="/sign-in" { "Sign in" } }
        }
    }
}

fn foot(frame: &Frame) -> Markup {
    html! {
        footer.foot {
            div.wrap {
                span { "Portus " (env!("CARGO_PKG_VERSION")) }
                @if let Some(position) = frame.position {
                    span { "Shows the log up to event " (position) }
                }
                a href="/help" { "Help" }
            }
        }
    }
}
