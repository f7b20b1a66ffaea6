//! What has happened, in a sentence each.

use domain::scope::ScopeAction;

use super::{phrases, sentences, words};

sentences! {
    did_push_many(who, what, place): { (who) " pushed " (what) " to " (place) } | { (who) " hat " (what) " nach " (place) " gepusht" };
    did_pull_many(who, times, place): { (who) " pulled from " (place) " " (times) } | { (who) " hat " (times) " von " (place) " gepullt" };
    did_delete_many(who, what, place): { (who) " deleted " (what) " of " (place) } | { (who) " hat " (what) " von " (place) " gelöscht" };
    did_push(who, image): { (who) " pushed " (image) } | { (who) " hat " (image) " gepusht" };
    did_pull(who, image): { (who) " pulled " (image) } | { (who) " hat " (image) " gepullt" };
    did_mount(who, image): { (who) " mounted a layer into " (image) } | { (who) " hat einen Layer in " (image) " eingehängt" };
    did_delete(who, what): { (who) " deleted " (what) } | { (who) " hat " (what) " gelöscht" };
    did_delete_tag(who, image): { (who) " deleted the tag " (image) } | { (who) " hat den Tag " (image) " gelöscht" };
    did_see(image): { "Portus saw " (image) " in the registry" } | { "Portus hat " (image) " in der Registry gesehen" };
    did_look(image): { "Portus looked at " (image) " in the registry" } | { "Portus hat " (image) " in der Registry angesehen" };
    did_miss(image): { "Portus no longer sees " (image) " in the registry" } | { "Portus sieht " (image) " nicht mehr in der Registry" };
    did_restart_registry(name): { "The registry " (name) " was started anew" } | { "Die Registry " (name) " wurde neu gestartet" };
    did_misread(name, why): { "A notification of " (name) " could not be read: " (why) } | { "Eine Meldung von " (name) " war nicht lesbar: " (why) };
    did_describe(who, what): { (who) " described " (what) } | { (who) " hat " (what) " beschrieben" };
    did_make_namespace(who, visibility, name): { (who) " made the " (visibility) " namespace " (name) }
        | { (who) " hat den Namespace " (name) " angelegt (" (visibility) ")" };
    did_describe_namespace(who, name): { (who) " described the namespace " (name) } | { (who) " hat den Namespace " (name) " beschrieben" };
    did_change_visibility(who, name, from, to): { (who) " changed the namespace " (name) " from " (from) " to " (to) }
        | { (who) " hat den Namespace " (name) " von " (from) " auf " (to) " gestellt" };
    did_change_team(who, name, from, to): { (who) " gave the namespace " (name) " from team " (from) " to team " (to) }
        | { (who) " hat den Namespace " (name) " von Team " (from) " an Team " (to) " gegeben" };
    did_grant(who, name): { (who) " gave somebody more a right on the namespace " (name) } | { (who) " hat ein weiteres Recht am Namespace " (name) " vergeben" };
    did_revoke_grant(who, name): { (who) " took a right on the namespace " (name) " back" } | { (who) " hat ein Recht am Namespace " (name) " zurückgenommen" };
    did_delete_namespace(who, name): { (who) " deleted the namespace " (name) } | { (who) " hat den Namespace " (name) " gelöscht" };
    did_make_team(who, name): { (who) " made the team " (name) } | { (who) " hat das Team " (name) " angelegt" };
    did_describe_team(who, name): { (who) " described the team " (name) } | { (who) " hat das Team " (name) " beschrieben" };
    did_add_member(who, user, team, role): { (who) " added " (user) " to the team " (team) " as " (role) }
        | { (who) " hat " (user) " als " (role) " in das Team " (team) " aufgenommen" };
    did_change_role(who, user, team, from, to): { (who) " changed " (user) " in the team " (team) " from " (from) " to " (to) }
        | { (who) " hat " (user) " im Team " (team) " von " (from) " zu " (to) " gemacht" };
    did_remove_member(who, user, team): { (who) " removed " (user) " from the team " (team) } | { (who) " hat " (user) " aus dem Team " (team) " entfernt" };
    did_delete_team(who, name): { (who) " deleted the team " (name) } | { (who) " hat das Team " (name) " gelöscht" };
    did_register(who, user): { (who) " registered " (user) } | { (who) " hat das Konto " (user) " angelegt" };
    did_disable(who, user): { (who) " disabled " (user) } | { (who) " hat " (user) " gesperrt" };
    did_enable(who, user): { (who) " enabled " (user) } | { (who) " hat " (user) " freigegeben" };
    did_make_auditor(who, user): { (who) " made " (user) " an auditor" } | { (who) " hat " (user) " zum Revisor gemacht" };
    did_end_auditor(who, user): { (who) " ended that " (user) " is an auditor" } | { (who) " hat beendet, dass " (user) " Revisor ist" };
    did_change_password(who, user): { (who) " changed the password of " (user) } | { (who) " hat das Passwort von " (user) " geändert" };
    did_change_profile(who, user): { (who) " changed the profile of " (user) } | { (who) " hat das Profil von " (user) " geändert" };
    did_end_sessions(who, user): { (who) " ended all sessions of " (user) } | { (who) " hat alle Sitzungen von " (user) " beendet" };
    did_erase(who, user): { (who) " erased the personal data of " (user) } | { (who) " hat die personenbezogenen Daten von " (user) " gelöscht" };
    did_remove_user(who, user): { (who) " removed " (user) } | { (who) " hat " (user) " entfernt" };
    did_make_admin(who, user): { (who) " made " (user) " an administrator" } | { (who) " hat " (user) " zum Administrator gemacht" };
    did_end_admin(who, user): { (who) " ended that " (user) " is an administrator" } | { (who) " hat beendet, dass " (user) " Administrator ist" };
    did_make_token(who, label, user): { (who) " made the application token “" (label) "” of " (user) } | { (who) " hat das Anwendungstoken „" (label) "“ von " (user) " ausgestellt" };
    did_revoke_token(who, user): { (who) " revoked an application token of " (user) } | { (who) " hat ein Anwendungstoken von " (user) " widerrufen" };
    did_star(who, what): { (who) " starred " (what) } | { (who) " hat " (what) " mit einem Stern markiert" };
    did_unstar(who, what): { (who) " took the star of " (what) " back" } | { (who) " hat den Stern von " (what) " entfernt" };
    did_add_registry(who, name): { (who) " added the registry " (name) } | { (who) " hat die Registry " (name) " hinzugefügt" };
    did_change_registry(who, name): { (who) " changed the settings of the registry " (name) } | { (who) " hat die Einstellungen der Registry " (name) " geändert" };
    did_rotate_secret(who, name): { (who) " gave the registry " (name) " a new notification secret" } | { (who) " hat der Registry " (name) " ein neues Meldegeheimnis gegeben" };
    did_remove_registry(who, name): { (who) " removed the registry " (name) } | { (who) " hat die Registry " (name) " entfernt" };
    did_sign_in(user): { (user) " signed in" } | { (user) " hat sich angemeldet" };
    did_sign_out(user): { (user) " signed out" } | { (user) " hat sich abgemeldet" };
    did_fail_sign_in(user, why): { "A sign-in as " (user) " failed: " (why) } | { "Eine Anmeldung als " (user) " schlug fehl: " (why) };
    did_lock_out(user): { "Too many different secrets were tried for " (user) } | { "Für " (user) " wurden zu viele verschiedene Geheimnisse probiert" };
    did_refresh(user, service): { (user) " was given a refresh token for " (service) } | { (user) " hat ein Erneuerungstoken für " (service) " erhalten" };
    did_ask_reset(user): { "A link for a new password of " (user) " was asked for" } | { "Ein Link für ein neues Passwort von " (user) " wurde angefordert" };
    did_not_reset(user, why): { "A link for a new password of " (user) " was asked for, and not sent: " (why) }
        | { "Ein Link für ein neues Passwort von " (user) " wurde angefordert und nicht geschickt: " (why) };
    did_comment(who, what): { (who) " commented on " (what) } | { (who) " hat " (what) " kommentiert" };
    did_delete_comment(who, user, what): { (who) " deleted a comment of " (user) " on " (what) } | { (who) " hat einen Kommentar von " (user) " zu " (what) " gelöscht" };
    did_start(version): { "Portus " (version) " started" } | { "Portus " (version) " ist gestartet" };
    did_stop(version): { "Portus " (version) " stopped" } | { "Portus " (version) " wurde beendet" };
    did_rebuild(name): { "The projection " (name) " was built anew" } | { "Die Projektion " (name) " wurde neu aufgebaut" };
    did_halt(name, why): { "The projection " (name) " stopped: " (why) } | { "Die Projektion " (name) " steht still: " (why) };
    was_refused(wish): { " asked to " (wish) " and was refused" } | { " wollte " (wish) " und wurde abgelehnt" };
    was_reduced(wish, granted): { " asked to " (wish) " and was granted " (granted) " only" } | { " wollte " (wish) " und bekam nur " (granted) };
    was_granted(wish, granted): { " asked to " (wish) " and was granted " (granted) } | { " wollte " (wish) " und bekam " (granted) };
    wish_pull(place): { "pull from " (place) } | { "von " (place) " pullen" };
    wish_push(place): { "push to " (place) } | { "nach " (place) " pushen" };
    wish_delete(place): { "delete from " (place) } | { "in " (place) " löschen" };
    wish_several(verbs, place): { (verbs) " in " (place) } | { "in " (place) " " (verbs) };
    wish_everything(place): { "do everything with " (place) } | { "alles mit " (place) " tun" };
    wish_nothing(place): { "use " (place) " in a way that no registry knows" } | { (place) " auf eine Weise nutzen, die keine Registry kennt" };
    wish_unknown(name): { "use " (name) ", which no registry has" } | { (name) " nutzen, was keine Registry hat" };
}

words! {
    first_day: "From day" | "Ab Tag";
    last_day: "To day" | "Bis Tag";
    no_day: "A day looks like 2026-11-01." | "Ein Tag sieht aus wie 2026-11-01.";
    export_csv: "Export as CSV" | "Als CSV exportieren";
    did_rotate_key: "The signing key changed" | "Der Signaturschlüssel hat gewechselt";
    wish_catalog: "list all repositories" | "alle Repositories auflisten";
    wish_unreadable: "do something that cannot be read" | "etwas Unlesbares tun";
    every_action: "everything" | "alles";
    was_refused_a_token: " was refused a token" | " bekam kein Token";
    somebody: "somebody" | "jemand";
    something: "something" | "etwas";
    a_team: "a team" | "ein Team";
    a_namespace: "a namespace" | "ein Namespace";
    a_registry: "a registry" | "eine Registry";
    an_unknown_name: "an unknown name" | "ein unbekannter Name";
    global_namespace: "(global)" | "(global)";

    who: "Who" | "Wer";
    what: "What" | "Was";
    outcome: "Outcome" | "Ergebnis";
    repository: "Repository" | "Repository";
    everything: "Everything" | "Alles";
    any: "Any" | "Beliebig";
    filter: "Filter" | "Filtern";
    clear: "Clear" | "Zurücksetzen";
    nothing_fits: "Nothing that you may see fits." | "Nichts, was Sie sehen dürfen, passt.";
    feed_shows: "The feed shows what happens to your namespaces, teams and account, and to public namespaces. "
        | "Hier steht, was mit Ihren Namespaces, Teams und Ihrem Konto geschieht, und mit öffentlichen Namespaces. ";
    show_everything: "Show everything" | "Alles zeigen";
    nothing_happened: "Nothing has happened yet that you may see." | "Noch ist nichts geschehen, was Sie sehen dürfen.";
    kind_content: "Everything in registries" | "Alles in Registries";
    kind_pushes: "Pushes" | "Pushes";
    kind_pulls: "Pulls" | "Pulls";
    kind_deleted: "Deleted images" | "Gelöschte Images";
    kind_deleted_tags: "Deleted tags" | "Gelöschte Tags";
    kind_auth: "Everything at the doors" | "Alles an den Türen";
    kind_decisions: "Token decisions" | "Token-Entscheidungen";
    kind_failures: "Failed sign-ins" | "Fehlgeschlagene Anmeldungen";
    kind_users: "Users" | "Personen";
    kind_admins: "Administrators" | "Administratoren";
    kind_teams: "Teams" | "Teams";
    kind_namespaces: "Namespaces" | "Namespaces";
    kind_comments: "Comments" | "Kommentare";
    kind_tokens: "Application tokens" | "Anwendungstoken";
    kind_system: "The service itself" | "Der Dienst selbst";

    event_actor: "Who" | "Wer";
    event_kind: "Type" | "Art";
    event_recorded: "Recorded" | "Aufgezeichnet";
    event_occurred: "Happened" | "Geschehen";
    event_id: "Event id" | "Kennung";
    event_position: "Position in the log" | "Platz im Protokoll";
    event_details: "As it is written in the log" | "Wie es im Protokoll steht";
    event_asked: "Asked for" | "Verlangt";
    event_client: "From" | "Von";
    event_program: "Program" | "Programm";
    event_same_actor: "More of the same actor" | "Mehr von wem dies stammt";
    event_same_repository: "More of the same repository" | "Mehr vom selben Repository";
    new_events: "Something new has happened." | "Es ist etwas Neues geschehen.";
    show_it: "Show it" | "Zeigen";
    brought_up_to_date: "Something new was pushed or happened: this page shows it." | "Es gibt etwas Neues: Diese Seite zeigt es schon.";
}

phrases! {
    show_each(number: usize): "Show all {number}" | "Alle {number} zeigen";
    program_on(program: &str, system: &str): "{program} on {system}" | "{program} unter {system}";
    program_from(program: &str, address: &str): "{program} from {address}" | "{program} von {address}";
    address_alone(address: &str): "from {address}" | "von {address}";
    times_over(number: i64): "{number} times" | "{number}-mal";
    export_text(most: &str): "what fits these filters and you may see, at most {most} rows, the latest first" | "was zu diesen Filtern passt und Sie sehen dürfen, höchstens {most} Zeilen, die neuesten zuerst";
    event_number(cursor: &str): "event {cursor}" | "Ereignis {cursor}";
    looked_back(event: &str): "Looked back to event {event} and found no more; “Older” looks further." | "Bis zum Ereignis {event} zurückgesehen und nicht mehr gefunden; „Älter“ sucht weiter.";
    remove_filter(what: &str): "Remove the filter: {what}" | "Filter entfernen: {what}";
}

sentences! {
    because(rule, sentence): { "Rule " code { (rule) } ": " (sentence) } | { "Regel " code { (rule) } ": " (sentence) };
}

impl super::Lang {
    /// An action among several.
    pub(crate) fn wish_verb(self, action: ScopeAction) -> &'static str {
        match (self, action) {
            (Self::En, action) => action.as_str(),
            (Self::De, ScopeAction::Pull) => "pullen",
            (Self::De, ScopeAction::Push) => "pushen",
            (Self::De, ScopeAction::Delete) => "löschen",
            (Self::De, ScopeAction::All) => "alles",
        }
    }

    /// `pull, push and delete`
    pub(crate) fn list_of(self, words: &[&str]) -> String {
        let and = match self {
            Self::En => "and",
            Self::De => "und",
        };
        match words {
            [] => String::new(),
            [one] => (*one).to_owned(),
            [most @ .., last] => format!("{} {and} {last}", most.join(", ")),
        }
    }

    /// Why no link for a new password was sent. What a newer version wrote is shown as it is.
    pub(crate) fn no_reset(self, stored: &str) -> String {
        let (en, de) = match stored {
            "unknown_user" => ("there is no such account", "dieses Konto gibt es nicht"),
            "no_address" => {
                ("the account has no e-mail address", "das Konto hat keine E-Mail-Adresse")
            }
            "closed" => ("the account may not sign in", "das Konto darf sich nicht anmelden"),
            "too_many" => ("too many were sent before", "zuvor gingen zu viele hinaus"),
            _ => return stored.replace('_', " "),
        };
        match self {
            Self::En => en.to_owned(),
            Self::De => de.to_owned(),
        }
    }

    /// Why a sign-in failed. Reasons that a newer version wrote are shown as they are.
    pub(crate) fn failure(self, stored: &str) -> String {
        let german = match stored {
            "unknown_user" => "dieses Konto gibt es nicht",
            "wrong_secret" => "das Geheimnis war falsch",
            "disabled" => "das Konto ist gesperrt",
            "expired" => "das Token ist abgelaufen",
            "revoked" => "das Token ist widerrufen",
            "locked_out" => "zu viele Versuche zuvor",
            "malformed" => "der Ausweis war nicht lesbar",
            "wrong_door" => "der Ausweis gilt an dieser Tür nicht",
            _ => "",
        };
        match self {
            Self::De if !german.is_empty() => german.to_owned(),
            Self::En | Self::De => stored.replace('_', " "),
        }
    }
}
