//! The frame around every page, and what parts of pages have in common.

use super::{phrases, sentences, words};

words! {
    skip: "Skip to content" | "Zum Inhalt springen";
    main_navigation: "Main" | "Hauptbereiche";
    repositories_title: "Repositories" | "Repositories";
    namespaces_title: "Namespaces" | "Namespaces";
    teams_title: "Teams" | "Teams";
    activity_title: "Activity" | "Aktivität";
    administration: "Administration" | "Verwaltung";
    search: "Search" | "Suche";
    search_do: "Search" | "Suchen";
    search_label: "Search repositories, tags, namespaces and teams" | "Repositories, Tags, Namespaces und Teams suchen";
    help: "Help" | "Hilfe";
    sign_in: "Sign in" | "Anmelden";
    sign_out: "Sign out" | "Abmelden";
    your_account: "Your account" | "Ihr Konto";
    pages_of_list: "Pages" | "Seiten";
    first_page: "First page" | "Erste Seite";
    next_page: "Next page" | "Nächste Seite";
    newer: "Newer" | "Neuere";
    older: "Older" | "Ältere";
    breadcrumb: "Breadcrumb" | "Pfad";
    copy: "Copy" | "Kopieren";
    copied: "Copied" | "Kopiert";
    copy_by_hand: "Press Ctrl+C" | "Strg+C drücken";
    never: "never" | "nie";
    unknown: "unknown" | "unbekannt";
    not_told: "not told" | "nicht gemeldet";
    just_now: "just now" | "gerade eben";
    save: "Save" | "Speichern";
    cancel: "Cancel" | "Abbrechen";
    name: "Name" | "Name";
    description: "Description" | "Beschreibung";
    visibility: "Visibility" | "Sichtbarkeit";
    action: "Action" | "Aktion";
    correct_below: "Please correct what is marked below." | "Bitte berichtigen Sie, was unten markiert ist.";
    optional: "optional" | "freiwillig";

    flash_signed_in: "You are signed in." | "Sie sind angemeldet.";
    flash_signed_out: "You are signed out." | "Sie sind abgemeldet.";
    flash_set_up: "You are the first administrator, and signed in. The one-time secret is used up."
        | "Sie sind der erste Administrator und angemeldet. Das Einmalgeheimnis ist verbraucht.";
    flash_starred: "Starred." | "Mit Stern markiert.";
    flash_unstarred: "The star is taken back." | "Der Stern ist entfernt.";
    flash_token_revoked: "The token is revoked: the next request that shows it is refused."
        | "Das Token ist widerrufen: Die nächste Anfrage damit wird abgelehnt.";
    flash_not_yet_visible: "Done and recorded. This page lags a moment behind and may not show it yet."
        | "Erledigt und aufgezeichnet. Diese Seite hinkt einen Moment hinterher und zeigt es vielleicht noch nicht.";
    flash_signed_up: "Your account is made, and you are signed in." | "Ihr Konto ist angelegt, und Sie sind angemeldet.";
    flash_reset_asked: "If there is such an account, and it has an e-mail address, a mail with a link is on its way to it."
        | "Gibt es dieses Konto und hat es eine E-Mail-Adresse, ist eine E-Mail mit einem Link unterwegs dorthin.";
    flash_password_set: "The new password is set, and all sessions from before have ended. Sign in with it."
        | "Das neue Passwort gilt, und alle Sitzungen davor sind beendet. Melden Sie sich damit an.";
    flash_commented: "Your comment is there." | "Ihr Kommentar steht da.";
    flash_comment_deleted: "The comment is deleted, and its text is gone." | "Der Kommentar ist gelöscht, und sein Text ist fort.";
    flash_saved: "Saved." | "Gespeichert.";
    flash_created: "Made." | "Angelegt.";
    flash_deleted: "Deleted." | "Gelöscht.";
    flash_member_added: "The new member is in the team." | "Das neue Mitglied ist im Team.";
    flash_member_removed: "Removed from the team." | "Aus dem Team entfernt.";
    flash_password_changed: "The password is changed. All other sessions of yours have ended."
        | "Das Passwort ist geändert. Alle Ihre anderen Sitzungen sind beendet.";
    flash_others_signed_out: "Everywhere else you are signed out." | "Überall sonst sind Sie abgemeldet.";
    flash_user_disabled: "The account is disabled: every door is closed to it." | "Das Konto ist gesperrt: Ihm stehen alle Türen verschlossen.";
    flash_user_enabled: "The account is enabled." | "Das Konto ist freigegeben.";
    flash_rights_changed: "The rights are changed, and in force." | "Die Rechte sind geändert und in Kraft.";

}

phrases! {
    rights_as_of(position: u64): "Your rights: as of event {position}" | "Ihre Rechte: Stand von Ereignis {position}";
    knows(name: &str, words: &str): "“{name}” in the address knows only: {words}. What it says there was left out." | "„{name}“ in der Adresse kennt nur: {words}. Was dort steht, wurde weggelassen.";
    copy_of(what: &str): "Copy: {what}" | "Kopieren: {what}";
}

sentences! {
    by(who): { " by " (who) } | { " von " (who) };
}

impl super::Lang {
    /// `3 hours ago`, `in 2 days`.
    pub(crate) fn ago(self, ahead: bool, number: u64, unit: Unit) -> String {
        let noun = match (self, unit, number) {
            (Self::En, Unit::Second, 1) => "second",
            (Self::En, Unit::Second, _) => "seconds",
            (Self::En, Unit::Minute, 1) => "minute",
            (Self::En, Unit::Minute, _) => "minutes",
            (Self::En, Unit::Hour, 1) => "hour",
            (Self::En, Unit::Hour, _) => "hours",
            (Self::En, Unit::Day, 1) => "day",
            (Self::En, Unit::Day, _) => "days",
            (Self::En, Unit::Month, 1) => "month",
            (Self::En, Unit::Month, _) => "months",
            (Self::En, Unit::Year, 1) => "year",
            (Self::En, Unit::Year, _) => "years",
            (Self::De, Unit::Second, 1) => "Sekunde",
            (Self::De, Unit::Second, _) => "Sekunden",
            (Self::De, Unit::Minute, 1) => "Minute",
            (Self::De, Unit::Minute, _) => "Minuten",
            (Self::De, Unit::Hour, 1) => "Stunde",
            (Self::De, Unit::Hour, _) => "Stunden",
            (Self::De, Unit::Day, 1) => "Tag",
            (Self::De, Unit::Day, _) => "Tagen",
            (Self::De, Unit::Month, 1) => "Monat",
            (Self::De, Unit::Month, _) => "Monaten",
            (Self::De, Unit::Year, 1) => "Jahr",
            (Self::De, Unit::Year, _) => "Jahren",
        };
        match (self, ahead) {
            (Self::En, true) => format!("in {number} {noun}"),
            (Self::En, false) => format!("{number} {noun} ago"),
            (Self::De, true) => format!("in {number} {noun}"),
            (Self::De, false) => format!("vor {number} {noun}"),
        }
    }

    /// A visibility's word.
    pub(crate) fn visibility_word(self, stored: &str) -> &str {
        match (self, stored) {
            (Self::En, "private") => "private",
            (Self::En, "protected") => "protected",
            (Self::En, "public") => "public",
            (Self::De, "private") => "privat",
            (Self::De, "protected") => "geschützt",
            (Self::De, "public") => "öffentlich",
            (_, other) => other,
        }
    }

    /// A role's word.
    pub(crate) fn role_word(self, stored: &str) -> &str {
        match (self, stored) {
            (Self::En, "viewer") => "viewer",
            (Self::En, "contributor") => "contributor",
            (Self::En, "owner") => "owner",
            (Self::De, "viewer") => "Betrachter",
            (Self::De, "contributor") => "Mitwirkender",
            (Self::De, "owner") => "Besitzer",
            (_, other) => other,
        }
    }

    /// What became of something, in a word.
    pub(crate) fn outcome_word(self, stored: &str) -> &str {
        match (self, stored) {
            (Self::En, "done") => "done",
            (Self::En, "granted") => "granted",
            (Self::En, "reduced") => "reduced",
            (Self::En, "refused") => "refused",
            (Self::De, "done") => "geschehen",
            (Self::De, "granted") => "gewährt",
            (Self::De, "reduced") => "eingeschränkt",
            (Self::De, "refused") => "abgelehnt",
            (_, other) => other,
        }
    }
}

/// A unit of time that people say.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Month,
    Year,
}
