//! Signing in, and one's own account.

use super::{phrases, sentences, words};

words! {
    session_has_ended: "Your session has ended: it was too old, or was ended elsewhere. Sign in to go on."
        | "Ihre Sitzung ist zu Ende: Sie war zu alt oder wurde anderswo beendet. Melden Sie sich an, um fortzufahren.";
    sign_in_needed: "Strangers do not see the page that you asked for. Sign in, and it opens if you may see it."
        | "Die Seite, die Sie wollten, sehen Fremde nicht. Melden Sie sich an, und sie öffnet sich, wenn Sie sie sehen dürfen.";
    password: "Password" | "Passwort";
    no_administrator_yet: "There is no administrator yet." | "Es gibt noch keinen Administrator.";
    sign_in_wrong: "That did not work: name or password is wrong, or this account may not sign in here."
        | "Das ging nicht: Name oder Passwort ist falsch, oder dieses Konto darf sich hier nicht anmelden.";
    tokens_do_not_open: "Application tokens are for docker and scripts; they do not open these pages."
        | "Anwendungstoken sind für docker und Skripte; diese Seiten öffnen sie nicht.";

    sign_up: "Make an account" | "Konto anlegen";
    sign_up_text: "An account pulls what is public or protected, and has a namespace of its own." | "Ein Konto pullt, was öffentlich oder geschützt ist, und hat einen eigenen Namespace.";
    sign_up_off: "Accounts are made by administrators here. Ask one of them." | "Konten legt hier die Verwaltung an. Bitte wenden Sie sich an sie.";
    sign_up_email_hint: "Only for mail to you, such as a link for a new password. Nobody else sees it." | "Nur für E-Mail an Sie, etwa einen Link für ein neues Passwort. Niemand sonst sieht sie.";
    user_name_hint: "Everybody sees it, and it stays." | "Alle sehen ihn, und er bleibt.";
    have_account: "You have an account already?" | "Sie haben schon ein Konto?";

    forgotten_password: "Forgotten your password?" | "Passwort vergessen?";
    forgotten_text: "We send a mail with a link to the address of your account. The link is good once, and for a short time."
        | "Wir schicken eine E-Mail mit einem Link an die Adresse Ihres Kontos. Der Link gilt einmal und nur kurze Zeit.";
    name_or_email: "User name or e-mail" | "Name oder E-Mail";
    who_forgot: "Enter your user name, or the e-mail address of your account." | "Geben Sie Ihren Namen ein oder die E-Mail-Adresse Ihres Kontos.";
    send_link: "Send the link" | "Link schicken";
    no_address_text: "Your account has no e-mail address? Then an administrator sets a new password for you." | "Ihr Konto hat keine E-Mail-Adresse? Dann setzt die Verwaltung ein neues Passwort für Sie.";
    no_mail_here: "This service sends no mail. Ask an administrator: they can set a new password for you." | "Dieser Dienst verschickt keine E-Mail. Wenden Sie sich an die Verwaltung: Sie kann ein neues Passwort für Sie setzen.";
    resets_busy: "Too many want a new password at this moment. Try again in a minute." | "Gerade wollen zu viele ein neues Passwort. Versuchen Sie es in einer Minute wieder.";
    set_password: "Set the password" | "Passwort setzen";
    link_over: "This link is used up or too old." | "Dieser Link ist verbraucht oder zu alt.";
    ask_again: "Ask for a new one" | "Einen neuen anfordern";

    first_administrator: "First administrator" | "Erster Administrator";
    setup_text: "This service has no administrator yet. Whoever started it knows the one-time secret: it was printed at the start, and lies in the data folder. It works once."
        | "Dieser Dienst hat noch keinen Administrator. Wer ihn gestartet hat, kennt das Einmalgeheimnis: Es wurde beim Start ausgegeben und liegt im Datenordner. Es gilt einmal.";
    one_time_secret: "One-time secret" | "Einmalgeheimnis";
    make_me_administrator: "Make me the administrator" | "Mich zum Administrator machen";

    account_parts: "Parts of your account" | "Teile Ihres Kontos";
    profile: "Profile" | "Profil";
    security: "Security" | "Sicherheit";
    preferences: "Preferences" | "Vorlieben";

    profile_text: "Your user name is part of what is recorded, and stays. What you enter here is kept apart, sealed with a key of your own, and can be erased."
        | "Ihr Name ist Teil der Aufzeichnung und bleibt. Was Sie hier eingeben, liegt getrennt davon, versiegelt mit einem eigenen Schlüssel, und lässt sich löschen.";
    display_name: "Display name" | "Anzeigename";
    email: "E-mail" | "E-Mail";
    roles: "Roles" | "Ämter";
    role_admin: "administrator" | "Administrator";
    role_auditor: "auditor" | "Revisor";
    role_none: "none" | "keine";
    own_teams: "Your teams" | "Ihre Teams";

    application_tokens: "Application tokens" | "Anwendungstoken";
    tokens_text: "A token stands in for your password where a program signs in: docker, a build, a script. It may do less than you, and can be taken back alone."
        | "Ein Token steht für Ihr Passwort, wo sich ein Programm anmeldet: docker, ein Build, ein Skript. Es darf weniger als Sie und lässt sich einzeln zurücknehmen.";
    token_made: "The token is made. Copy it now: it is not shown again." | "Das Token ist ausgestellt. Kopieren Sie es jetzt: Es wird nicht wieder gezeigt.";
    the_token: "The token" | "Das Token";
    log_in_with_it: "Log in with it" | "Damit anmelden";
    token_as_password: "Give the token when docker asks for the password." | "Geben Sie das Token ein, wenn docker nach dem Passwort fragt.";
    no_token: "You have no token yet." | "Sie haben noch kein Token.";
    new_token: "A new token" | "Ein neues Token";
    tokens_caption: "Your tokens, oldest first" | "Ihre Token, die ältesten zuerst";
    what_for: "What for" | "Wofür";
    what_for_hint: "Your own words, such as “laptop” or “CI of app”." | "Ihre eigenen Worte, etwa „Laptop“ oder „CI von app“.";
    token_may: "May" | "Darf";
    it_may: "It may" | "Es darf";
    made: "Made" | "Ausgestellt";
    good_until: "Good until" | "Gilt bis";
    last_used: "Last used" | "Zuletzt benutzt";
    last_used_text: "Whenever docker pulls or pushes with it, or a script changes something. Reading over REST is not recorded."
        | "Wann immer docker damit lädt oder hochlädt oder ein Skript etwas ändert. Lesen über REST wird nicht aufgezeichnet.";
    last_used_unrecorded: "This installation does not record each pull and push (audit.token_decisions), so a token may have been used later than shown."
        | "Diese Installation zeichnet nicht jedes Laden und Hochladen auf (audit.token_decisions); ein Token kann also später benutzt worden sein als gezeigt.";
    expired: "expired" | "abgelaufen";
    revoke: "Revoke" | "Widerrufen";
    good_for: "It is good for" | "Es gilt";
    make_token: "Make the token" | "Token ausstellen";
    token_incomplete: "Choose at least one thing that the token may do, and how long it is good."
        | "Wählen Sie mindestens eine Sache, die das Token darf, und wie lange es gilt.";
    scope_pull: "Pull images" | "Images pullen";
    scope_push: "Pull and push images" | "Images pullen und pushen";
    scope_delete: "Pull and delete images" | "Images pullen und löschen";
    scope_api_read: "Read over the REST interface" | "Über die REST-Schnittstelle lesen";
    scope_api_write: "Read and change over the REST interface" | "Über die REST-Schnittstelle lesen und ändern";
    scope_all: "All of these" | "All dies";

    change_password: "Change the password" | "Passwort ändern";
    old_password: "Present password" | "Jetziges Passwort";
    new_password: "New password" | "Neues Passwort";
    sessions: "Where you are signed in" | "Wo Sie angemeldet sind";
    sessions_caption: "Sessions, the one used last first" | "Sitzungen, die zuletzt benutzte zuerst";
    session_program: "Program" | "Programm";
    session_address: "Address" | "Adresse";
    session_begun: "Signed in" | "Angemeldet";
    session_seen: "Last seen" | "Zuletzt gesehen";
    this_session: "this one" | "diese";
    end_session: "End" | "Beenden";
    end_others: "Sign out everywhere else" | "Überall sonst abmelden";
    end_others_text: "Ends all your other sessions, and all refresh tokens that docker holds. Application tokens stay good."
        | "Beendet alle Ihre anderen Sitzungen und alle Erneuerungstoken, die docker hat. Anwendungstoken gelten weiter.";

    theme: "Theme" | "Farben";
    theme_auto: "As the device says" | "Wie das Gerät es sagt";
    theme_light: "Light" | "Hell";
    theme_dark: "Dark" | "Dunkel";
    language: "Language" | "Sprache";
    language_auto: "As the browser asks" | "Wie der Browser es wünscht";
    time_zone: "Time zone" | "Zeitzone";
    time_zone_hint: "A name such as Europe/Berlin; empty means UTC." | "Ein Name wie Europe/Berlin; leer heißt UTC.";
    time_zone_wrong: "There is no time zone of this name." | "Eine Zeitzone dieses Namens gibt es nicht.";
    times: "Times" | "Zeiten";
    times_ago: "As “3 hours ago”" | "Als „vor 3 Stunden“";
    times_exact: "As date and time of day" | "Als Datum und Uhrzeit";
    shortcuts: "Single keys" | "Einzelne Tasten";
    shortcuts_on: "Do what the help page says" | "Tun, was die Hilfe sagt";
    shortcuts_off: "Do nothing" | "Tun nichts";
    density: "Rows" | "Zeilen";
    density_normal: "With some space" | "Mit etwas Abstand";
    density_dense: "Close together" | "Dicht beieinander";
}

phrases! {
    too_many_accounts(minutes: u64): "Too many accounts are being made. Try again in {minutes} min." | "Es werden zu viele Konten angelegt. Versuchen Sie es in {minutes} min wieder.";
    too_many_resets(minutes: u64): "Too many links were asked for from your address. Try again in {minutes} min." | "Von Ihrer Adresse wurden zu viele Links angefordert. Versuchen Sie es in {minutes} min wieder.";
    password_hint(min: usize): "At least {min} characters; a sentence is easier to remember than a riddle."
        | "Mindestens {min} Zeichen; ein Satz merkt sich leichter als ein Rätsel.";
    revoke_token(label: &str): "Revoke {label}" | "{label} widerrufen";
    days(days: i64): "{days} days" | "{days} Tage";
    token_inside(namespaces: &str): ", only in {namespaces}" | ", nur in {namespaces}";
}

sentences! {
    new_password_for(who): { "For the account " (who) ". All sessions and refresh tokens from before end; application tokens stay good." }
        | { "Für das Konto " (who) ". Alle Sitzungen und Erneuerungstoken von davor enden; Anwendungstoken gelten weiter." };
}

impl super::Lang {
    /// What a token may, in a few words.
    pub(crate) fn scope(self, stored: &str) -> &str {
        match (self, stored) {
            (_, "pull") => "pull",
            (_, "push") => "push",
            (Self::En, "delete") => "delete",
            (Self::De, "delete") => "löschen",
            (Self::En, "api_read") => "REST: read",
            (Self::De, "api_read") => "REST: lesen",
            (Self::En, "api_write") => "REST: change",
            (Self::De, "api_write") => "REST: ändern",
            (Self::En, "all") => "everything",
            (Self::De, "all") => "alles",
            (_, other) => other,
        }
    }
}
