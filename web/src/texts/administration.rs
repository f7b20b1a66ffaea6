//! What administrators look after.

use domain::event::Position;
use projections::access::Stale;

use super::{phrases, sentences, words};
use crate::health::Trouble;

words! {
    test_it: "Try it out" | "Ausprobieren";
    test_title: "What came of trying it out" | "Was das Ausprobieren ergab";
    test_step: "Step" | "Schritt";
    test_took: "Time" | "Dauer";
    test_good: "good" | "gut";
    test_bad: "not good" | "nicht gut";
    test_reach: "Reach it" | "Erreichen";
    test_realm: "Where it sends clients" | "Wohin es Clients schickt";
    test_token: "A token of ours" | "Ein Token von uns";
    test_clock: "Its clock" | "Seine Uhr";
    test_notifications: "What it tells us" | "Was es uns meldet";
    test_reached: "It answers." | "Sie antwortet.";
    test_not_reached: "Nothing answers at its address. See that it runs, and that the address is right." | "Unter der Adresse antwortet nichts. Sehen Sie nach, ob sie läuft und die Adresse stimmt.";
    test_no_url: "Its address is none." | "Ihre Adresse ist keine.";
    test_no_challenge: "It asks for no token: set its auth.token." | "Sie verlangt kein Token: Setzen Sie ihr auth.token.";
    test_other_realm: "It sends clients elsewhere: set its auth.token.realm, or our http.external_url." | "Sie schickt Clients woandershin: Setzen Sie ihr auth.token.realm oder unser http.external_url.";
    test_other_service: "It calls itself otherwise: set its auth.token.service, or its service here." | "Sie nennt sich anders: Setzen Sie ihr auth.token.service oder hier ihren Dienst.";
    test_sends_here: "It sends them here." | "Sie schickt sie hierher.";
    test_token_taken: "It takes it." | "Sie nimmt es an.";
    test_token_refused: "It refuses it: see its auth.token.issuer and rootcertbundle." | "Sie lehnt es ab: Sehen Sie nach ihrem auth.token.issuer und rootcertbundle.";
    test_clock_good: "It goes by ours." | "Sie geht wie unsere.";
    test_clock_off: "It is a minute or more behind: new tokens would be refused." | "Sie geht eine Minute oder mehr nach: Neue Token würden abgelehnt.";
    test_told: "It has told us what happens in it." | "Sie hat uns gemeldet, was in ihr geschieht.";
    test_never_told: "It has told us nothing yet. Push something, or see its notifications." | "Sie hat uns noch nichts gemeldet. Pushen Sie etwas, oder sehen Sie nach ihren notifications.";
    admin_overview: "Overview" | "Überblick";
    admin_users: "Users" | "Personen";
    admin_registries: "Registries" | "Registries";
    admin_keys: "Signing keys" | "Signaturschlüssel";
    admin_parts: "Parts of the administration" | "Teile der Verwaltung";

    admin_well: "Everything answers." | "Alles antwortet.";
    admin_unwell: "Something is not well; what to do stands beside it." | "Etwas ist gestört; was zu tun ist, steht daneben.";
    admin_part: "Part" | "Teil";
    admin_parts_caption: "What everything stands on" | "Worauf alles steht";
    admin_answers: "answers" | "antwortet";
    admin_no_answer: "It does not answer." | "Antwortet nicht.";
    admin_fails: "not well" | "gestört";
    admin_database: "Database" | "Datenbank";
    admin_database_advice: "See that Postgres runs and can be reached; then it goes on by itself." | "Sehen Sie nach, ob Postgres läuft und erreichbar ist; dann geht es von selbst weiter.";
    admin_events_log: "Log" | "Protokoll";
    admin_events_log_advice: "Nothing can be changed and no push is noted until it answers: see its store first." | "Bis es antwortet, lässt sich nichts ändern und kein Push vermerken: Sehen Sie zuerst nach seinem Speicher.";
    admin_graph: "Rights" | "Rechte";
    admin_graph_advice: "Without them no tokens are given. They follow once the log answers; if they do not, see the service's own log lines." | "Ohne sie gibt es keine Token. Sie folgen, sobald das Protokoll antwortet; wenn nicht, sehen Sie in die Ausgaben des Dienstes.";
    admin_search: "Search" | "Suche";
    admin_search_advice: "What is new is not found yet. If it stands before an event, a newer version reads on." | "Neues wird noch nicht gefunden. Steht sie vor einem Ereignis, liest eine neuere Version weiter.";
    admin_models: "Read models" | "Lesemodelle";
    admin_models_advice: "See below which; pages show what was there before." | "Welches, steht unten; Seiten zeigen, was vorher da war.";
    admin_any_advice: "See the service's own log lines." | "Sehen Sie in die Ausgaben des Dienstes.";
    admin_heard_caption: "What was heard of each registry" | "Was von jeder Registry zu hören war";
    admin_told: "Last notification" | "Letzte Meldung";
    admin_compared: "Last compared" | "Zuletzt abgeglichen";
    admin_not_since_start: "not since the start" | "nicht seit dem Start";
    admin_not_compared: "not compared" | "nicht abgeglichen";
    admin_not_compared_advice: "It is compared a minute after the start, by one process of several. Its page tries it out at once." | "Abgeglichen wird sie eine Minute nach dem Start, von einem unter mehreren Prozessen. Auf ihrer Seite lässt sie sich gleich ausprobieren.";
    admin_partly: "not all of it" | "nicht alles";
    admin_silent: "no good answer" | "keine gute Antwort";
    admin_silent_advice: "See that it runs and that its address is right: its page tries it out, step by step." | "Sehen Sie nach, ob sie läuft und die Adresse stimmt: Ihre Seite probiert sie aus, Schritt für Schritt.";
    admin_failed_advice: "Our own log or read models did not serve; it is compared again by itself." | "Unser eigenes Protokoll oder Lesemodell antwortete nicht; sie wird von selbst wieder abgeglichen.";
    admin_endings_caption: "What signs, and when it ends" | "Was signiert, und wann es endet";
    admin_key: "Signing key" | "Signaturschlüssel";
    admin_key_itself: "Another one should have been made by itself: see the service's own log lines, or rotate it by hand." | "Ein anderer hätte von selbst entstehen sollen: Sehen Sie in die Ausgaben des Dienstes, oder wechseln Sie ihn von Hand.";
    admin_key_by_hand: "Rotate it by hand, and tell the registries of the new one." | "Wechseln Sie ihn von Hand, und geben Sie den neuen den Registries.";
    admin_authority: "Our own authority" | "Unsere eigene Stelle";
    admin_authority_advice: "Registries believe no token after its end: they need another authority in their rootcertbundle before." | "Nach ihrem Ende glauben Registries keinem Token: Sie brauchen vorher eine andere Stelle in ihrem rootcertbundle.";
    admin_authority_unread: "The certificate of our own authority cannot be read." | "Das Zertifikat unserer eigenen Stelle ist nicht lesbar.";
    admin_good: "good" | "gültig";
    admin_ends_soon: "ends soon" | "endet bald";
    admin_ended: "has ended" | "abgelaufen";
    admin_mail: "Mail" | "E-Mail";
    admin_mail_yes: "can be sent" | "kann versandt werden";
    admin_mail_no: "is not set up: nobody can ask for a new password" | "ist nicht eingerichtet: niemand kann ein neues Passwort anfordern";
    admin_version: "Version" | "Version";
    admin_log: "The log reaches up to event" | "Das Protokoll reicht bis Ereignis";
    admin_projections: "What is read from the log" | "Was aus dem Protokoll gelesen wird";
    admin_projections_caption: "Read models, and how far each has come" | "Lesemodelle, und wie weit jedes ist";
    admin_state: "State" | "Zustand";
    admin_position: "Position" | "Stand";
    admin_behind: "Behind by" | "Rückstand";
    admin_state_live: "live" | "läuft";
    admin_state_halted: "halted" | "steht";
    admin_rebuild_hint: "A read model that halted, or that an older version made, is built anew with:" | "Ein Lesemodell, das steht oder von einer älteren Version stammt, baut man neu auf mit:";
    admin_rebuild: "Build a read model anew" | "Ein Lesemodell neu aufbauen";
    admin_outdated: "made by an older version" | "von einer älteren Version";

    users_caption: "Accounts by name" | "Konten nach Namen";
    users_find: "Names that begin with" | "Namen, die beginnen mit";
    users_find_do: "Find" | "Finden";
    users_none: "No account has such a name." | "Kein Konto heißt so.";
    new_user: "New account" | "Neues Konto";
    make_user: "Make the account" | "Konto anlegen";
    user_kind: "Kind of account" | "Art des Kontos";
    user_person: "Person" | "Person";
    user_person_about: "Signs in with a password, here and with docker." | "Meldet sich mit Passwort an, hier und mit docker.";
    user_bot: "Bot" | "Bot";
    user_bot_about: "For builds and scripts: signs in with tokens, manages nothing." | "Für Builds und Skripte: meldet sich mit Token an, verwaltet nichts.";
    user_bot_password: "A bot needs none." | "Ein Bot braucht keines.";
    user_needs_password: "A person needs a password." | "Eine Person braucht ein Passwort.";
    user_roles: "Offices" | "Ämter";
    user_state: "State" | "Zustand";
    user_enabled: "enabled" | "frei";
    user_disabled: "disabled" | "gesperrt";
    user_origin: "Came by" | "Entstanden durch";
    user_made: "Made" | "Angelegt";
    user_last_sign_in: "Last sign-in" | "Letzte Anmeldung";
    user_teams: "Teams" | "Teams";
    user_activity: "What they did" | "Was sie getan haben";
    user_disable: "Disable" | "Sperren";
    user_disable_text: "Closes every door at once: pages, docker, REST. What was given out before stays good until it expires, at most a few minutes."
        | "Verschließt sofort jede Tür: Seiten, docker, REST. Was zuvor ausgegeben wurde, gilt bis zu seinem Ablauf, höchstens einige Minuten.";
    user_reason: "Why" | "Warum";
    user_enable: "Enable" | "Freigeben";
    user_sign_out: "End all sessions" | "Alle Sitzungen beenden";
    user_offices: "Offices" | "Ämter";
    user_grant_admin: "Make an administrator" | "Zum Administrator machen";
    user_revoke_admin: "End the administration" | "Verwaltung entziehen";
    user_grant_auditor: "Make an auditor" | "Zum Revisor machen";
    user_revoke_auditor: "End the audit" | "Revision entziehen";
    user_office_text: "Administrators see and may do everything; auditors see everything that has happened." | "Administratoren sehen und dürfen alles; Revisoren sehen alles, was geschehen ist.";
    user_set_password: "Set a new password" | "Neues Passwort setzen";
    user_set_password_text: "Ends all their sessions. Tell them on another way, and ask them to change it." | "Beendet alle ihre Sitzungen. Sagen Sie es ihnen auf einem anderen Weg, und bitten Sie sie, es zu ändern.";

    registries_caption: "Registries by name" | "Registries nach Namen";
    registry_none: "There is no registry yet. Add the first one below." | "Es gibt noch keine Registry. Fügen Sie unten die erste hinzu.";
    registry_new: "New registry" | "Neue Registry";
    registry_add: "Add the registry" | "Registry hinzufügen";
    registry_name_hint: "Our own short name for it, such as main. It cannot be changed later." | "Unser eigener kurzer Name, etwa main. Er lässt sich später nicht ändern.";
    registry_host: "Host" | "Host";
    registry_host_hint: "What people type before a repository's name, such as registry.example.org" | "Was man vor den Namen eines Repositorys schreibt, etwa registry.example.org";
    registry_service: "Service" | "Service";
    registry_service_hint: "The registry's auth.token.service, byte for byte" | "Das auth.token.service der Registry, Zeichen für Zeichen";
    registry_url: "Address" | "Adresse";
    registry_url_hint: "Where we reach its interface, such as http://127.0.0.1:5000" | "Wo wir ihre Schnittstelle erreichen, etwa http://127.0.0.1:5000";
    registry_service_taken: "Another registry has this service." | "Eine andere Registry hat diesen Service.";
    registry_rotated: "Notification secret since" | "Meldegeheimnis seit";
    registry_secret: "Notification secret" | "Meldegeheimnis";
    registry_secret_made: "This is the new secret. Copy it into the registry's configuration now: it is not shown again. The one before stays good for a while."
        | "Das ist das neue Geheimnis. Tragen Sie es jetzt in die Konfiguration der Registry ein: Es wird nicht wieder gezeigt. Das vorige gilt noch eine Weile.";
    registry_rotate: "Make a new secret" | "Neues Geheimnis ausstellen";
    registry_rotate_text: "The registry shows this secret with its notifications. After a new one is made, its configuration must be changed." | "Dieses Geheimnis zeigt die Registry mit ihren Meldungen. Nach einem neuen muss ihre Konfiguration geändert werden.";
    registry_config: "What stands in the registry's configuration" | "Was in der Konfiguration der Registry steht";
    registry_bundle: "The certificates, for its rootcertbundle" | "Die Zertifikate, für ihr rootcertbundle";

    keys_text: "Tokens are signed with this key. Registries know it by a certificate of our own authority, so that a new key needs no change there."
        | "Mit diesem Schlüssel werden Token signiert. Registries kennen ihn durch ein Zertifikat unserer eigenen Stelle, sodass ein neuer dort nichts ändert.";
    key_id: "Key id" | "Kennung";
    key_thumbprint: "Thumbprint" | "Fingerabdruck";
    key_from: "Good from" | "Gilt ab";
    key_rotate: "Rotate the key" | "Schlüssel wechseln";
    key_rotate_text: "A key is rotated by itself before it ends. By hand, on the machine of the service:" | "Ein Schlüssel wechselt von selbst, bevor er endet. Von Hand, auf der Maschine des Dienstes:";
}

phrases! {
    admin_catching_up(position: u64): "They are still being read from the log (position {position})." | "Sie werden noch aus dem Protokoll gelesen (Position {position}).";
    admin_stale(seconds: u64): "The end of the log was last seen {seconds} s ago." | "Das Ende des Protokolls wurde zuletzt vor {seconds} s gesehen.";
    admin_stopped(position: u64, kind: &str, why: &str): "It stands before the event at position {position} ({kind}): {why}." | "Es geht nicht weiter vor dem Ereignis an Position {position} ({kind}): {why}.";
    admin_model_halted(model: &str, why: &str): "{model} stands still: {why}." | "{model} steht still: {why}.";
    admin_lags(seconds: u64): "It is {seconds} s behind the log." | "{seconds} s hinter dem Protokoll.";
    admin_model_lags(model: &str, seconds: u64): "{model} is {seconds} s behind the log." | "{model} ist {seconds} s hinter dem Protokoll.";
    admin_said(words: &str): "It says: {words}." | "Es meldet: {words}.";
    admin_partly_advice(number: &str): "{number} repositories gave no good answer; they are compared again by themselves." | "{number} Repositories gaben keine gute Antwort; sie werden von selbst wieder abgeglichen.";
    admin_events(number: &str): "{number} events" | "{number} Ereignisse";
    account_of(user: &str): "Account {user}" | "Konto {user}";
}

sentences! {
    admin_heard_since(at): { "What this process has heard since its start, " (at) "." } | { "Was dieser Prozess seit seinem Start gehört hat: " (at) "." };
    registry_title(name): { "Registry " (name) } | { "Registry " (name) };
}

impl super::Lang {
    /// What is wrong with a part.
    pub(crate) fn trouble(self, trouble: &Trouble) -> String {
        let stopped =
            |position: Position, kind: &str, why: &str| self.admin_stopped(position.0, kind, why);
        match trouble {
            Trouble::Silent => self.admin_no_answer().to_owned(),
            Trouble::Rights(Stale::CatchingUp(position)) => self.admin_catching_up(position.0),
            Trouble::Rights(Stale::Behind { age }) => self.admin_stale(age.as_secs()),
            Trouble::Rights(Stale::Halted(at)) => stopped(at.position, &at.kind, &at.error),
            Trouble::Search(at) => stopped(at.position, &at.kind, &at.error),
            Trouble::Halted { model, why } => self.admin_model_halted(model, why),
            Trouble::Behind { model: None, by } => self.admin_lags(by.as_secs()),
            Trouble::Behind { model: Some(model), by } => {
                self.admin_model_lags(model, by.as_secs())
            }
            Trouble::Said(words) => self.admin_said(words),
        }
    }

    /// How an account came to be.
    pub(crate) fn origin_word(self, stored: &str) -> &str {
        match (self, stored) {
            (Self::En, "bootstrap") => "the one-time secret",
            (Self::En, "administrator") => "an administrator",
            (Self::En, "console") => "the command line",
            (Self::En, "sign_up") => "signing up",
            (Self::De, "bootstrap") => "das Einmalgeheimnis",
            (Self::De, "administrator") => "die Verwaltung",
            (Self::De, "console") => "die Befehlszeile",
            (Self::De, "sign_up") => "Registrierung",
            (_, other) => other,
        }
    }
}
