//! The frame around every page.

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};

use super::assets::{CSS_PATH, HTMX_PATH, JS_PATH};
use super::components::csrf;
use super::reader::Reader;
use crate::auth::{Preferences, Theme};
use crate::texts::Lang;

/// What the frame says of whoever looks.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    /// Where they are: decides which entry of the navigation is the current one.
    pub(super) path: String,
    /// Who they are.
    pub(super) user: Option<String>,
    /// Whether they see the administration.
    pub(super) admin: bool,
    /// Their session's form token.
    pub(super) csrf: Option<String>,
    /// Up to where the log decides over their rights; what the page shows may be newer.
    pub(super) position: Option<u64>,
    /// What has just been done.
    pub(super) flash: Option<Flash>,
    /// Whether the page was asked for as it was.
    pub(super) looking: Option<Looking>,
    /// What the address says and the page does not know: the parameters, and what each knows.
    pub(super) unknown: Vec<(&'static str, String)>,
    /// In which words and whose time.
    pub(super) reader: Reader,
    /// How they like it.
    pub(super) look: Preferences,
}

/// What a page that was asked for as it was (`?at=`) shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looking {
    /// What had been recorded up to this event, which was then.
    Back { event: u64, at: Timestamp },
    /// Today all the same: the page cannot look back.
    NotHere,
}

/// Names each message once: its variant, its code, its text.
macro_rules! flashes {
    ($($variant:ident = $code:literal, $text:ident;)*) => {
        /// A message about what has just been done. It travels as a code in a cookie, never as
        /// text.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Flash { $($variant,)* }

        impl Flash {
            pub(super) const EVERY: &[Self] = &[$(Self::$variant,)*];

            pub(super) fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            pub(super) fn text(self, t: Lang) -> &'static str {
                match self { $(Self::$variant => t.$text(),)* }
            }
        }
    };
}

flashes! {
    SignedIn = "signed-in", flash_signed_in;
    SignedOut = "signed-out", flash_signed_out;
    SetUp = "set-up", flash_set_up;
    Starred = "starred", flash_starred;
    Unstarred = "unstarred", flash_unstarred;
    TokenRevoked = "token-revoked", flash_token_revoked;
    NotYetVisible = "not-yet-visible", flash_not_yet_visible;
    Saved = "saved", flash_saved;
    Created = "created", flash_created;
    Deleted = "deleted", flash_deleted;
    MemberAdded = "member-added", flash_member_added;
    MemberRemoved = "member-removed", flash_member_removed;
    PasswordChanged = "password-changed", flash_password_changed;
    OthersSignedOut = "others-signed-out", flash_others_signed_out;
    UserDisabled = "user-disabled", flash_user_disabled;
    UserEnabled = "user-enabled", flash_user_enabled;
    RightsChanged = "rights-changed", flash_rights_changed;
    SignedUp = "signed-up", flash_signed_up;
    ResetAsked = "reset-asked", flash_reset_asked;
    PasswordSet = "password-set", flash_password_set;
    Commented = "commented", flash_commented;
    CommentDeleted = "comment-deleted", flash_comment_deleted;
}

impl Flash {
    pub(super) fn parse(code: &str) -> Option<Self> {
        Self::EVERY.iter().copied().find(|flash| flash.code() == code)
    }
}

/// A whole page.
pub(super) fn page(frame: &Frame, title: &str, body: Markup) -> Markup {
    let t = frame.reader.lang;
    let theme = (frame.look.theme != Theme::Auto).then(|| frame.look.theme.as_str());
    html! {
        (DOCTYPE)
        html lang=(t.tag()) data-theme=[theme] data-density=[frame.look.dense.then_some("dense")] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content=(theme.unwrap_or("light dark"));
                title { (title) " · Portus" }
                link rel="stylesheet" href=(*CSS_PATH);
                link rel="icon" href="data:,";
                script src=(*HTMX_PATH) defer {}
                script src=(*JS_PATH) defer {}
            }
            body data-keys=[(!frame.look.no_shortcuts).then_some("on")]
                data-copied=(t.copied()) data-copy-by-hand=(t.copy_by_hand()) {
                a.skip href="#content" { (t.skip()) }
                (top(frame))
                main id="content" tabindex="-1" {
                    div.wrap {
                        @if let Some(flash) = frame.flash {
                            p.notice role="status" { (flash.text(t)) }
                        }
                        (looking(frame))
                        @for (name, words) in &frame.unknown {
                            p.notice role="status" { (t.knows(name, words)) }
                        }
                        (body)
                    }
                }
                (foot(frame))
            }
        }
    }
}

/// Whoever looks back must not take it for today.
fn looking(frame: &Frame) -> Markup {
    let (t, reader) = (frame.reader.lang, &frame.reader);
    html! {
        @match frame.looking {
            None => {}
            Some(Looking::NotHere) => p.notice.warn role="status" { (t.cannot_look_back()) " " a href=(frame.path) { (t.back_to_now()) } },
            Some(Looking::Back { event, at }) => div.notice.warn role="status" {
                (t.as_of(&reader.exactly(at), &event)) " · " a href=(frame.path) { (t.back_to_now()) }
                details.more { summary { (t.what_then_means()) } (t.rights_of_today()) }
            },
        }
    }
}

fn top(frame: &Frame) -> Markup {
    let t = frame.reader.lang;
    let signed_in = frame.user.is_some();
    let entries = [
        ("/repositories", t.repositories_title(), "r", true),
        ("/namespaces", t.namespaces_title(), "n", true),
        ("/teams", t.teams_title(), "t", signed_in),
        ("/activity", t.activity_title(), "a", signed_in),
        ("/admin", t.administration(), "", frame.admin),
    ];
    let below = |path: &str| {
        let below = frame.path.strip_prefix(path);
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // The page itself, or a page of one of the things that it lists.
    let here = |path: &str| {
        let one = match path {
            "/repositories" => below("/r"),
            "/namespaces" => below("/n"),
            _ => false,
        };
        match (frame.path == path, one || below(path)) {
            (true, _) => Some("page"),
            (false, true) => Some("true"),
            (false, false) => None,
        }
    };
    html! {
        header.top {
            div.wrap {
                a.brand href="/" data-go="d" { (mark()) "Portus" }
                nav aria-label=(t.main_navigation()) {
                    ul {
                        @for (path, name, key, shown) in entries {
                            @if shown { li { a href=(path) aria-current=[here(path)] data-go=(key) { (name) } } }
                        }
                    }
                }
                @if !has_its_own_search(frame) { (search_box(t, "find", "")) }
                div.account { (account(frame)) }
            }
        }
    }
}

/// A gate: two posts, and what goes through between them.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" focusable="false" {
            path d="M4 21V10a8 8 0 0 1 16 0v11" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" {}
            path d="M12 21v-8" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" {}
            circle cx="12" cy="10" r="1.6" fill="currentColor" {}
        }
    }
}

/// The search field. With script it suggests while one types; without, Enter leads to the results.
pub(super) fn search_box(t: Lang, id: &str, question: &str) -> Markup {
    search_box_with(t, id, question, &[])
}

/// The same, with what else is asked for beside the question.
pub(super) fn search_box_with(
    t: Lang,
    id: &str,
    question: &str,
    also: &[(&str, Option<&str>)],
) -> Markup {
    let found = format!("{id}-found");
    html! {
        form.find action="/search" method="get" role="search" {
            label.visually-hidden for=(id) { (t.search_label()) }
            input id=(id) type="search" name="q" value=(question) maxlength="512"
                placeholder=(t.search_placeholder()) autocomplete="off" autocapitalize="none"
                spellcheck="false" data-search
                hx-get="/search/suggest" hx-trigger="input changed delay:150ms"
                hx-target=(format!("#{found}")) hx-swap="innerHTML" hx-sync="this:replace";
            @for (name, value) in also {
                @if let Some(value) = value { input type="hidden" name=(name) value=(value); }
            }
            button type="submit" { (t.search_do()) }
            div.found id=(found) {}
        }
    }
}

fn has_its_own_search(frame: &Frame) -> bool {
    frame.path == "/search" || (frame.path == "/" && frame.user.is_none())
}

fn account(frame: &Frame) -> Markup {
    let t = frame.reader.lang;
    html! {
        @match (&frame.user, &frame.csrf) {
            (Some(user), Some(token)) => {
                a.button.quiet href="/me" title=(t.your_account()) { (user) }
                form.inline method="post" action="/sign-out" {
                    (csrf(token))
                    button.quiet type="submit" { (t.sign_out()) }
                }
            }
            _ => { a.button href="/sign-in" { (t.sign_in()) } }
        }
    }
}

fn foot(frame: &Frame) -> Markup {
    let t = frame.reader.lang;
    html! {
        footer.foot {
            div.wrap {
                span { "Portus " (env!("CARGO_PKG_VERSION")) }
                // How much happens here is not for strangers to count.
                @if let Some(position) = frame.position.filter(|_| frame.user.is_some()) { span { (t.rights_as_of(position)) } }
                a href="/help" data-go="?" { (t.help()) }
                a href="/api" { "REST" }
            }
        }
    }
}
