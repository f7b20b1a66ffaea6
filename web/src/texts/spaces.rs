//! Namespaces and teams.

use super::{phrases, words};

words! {
    namespaces_about: "A namespace is the beginning of repository names. It belongs to a team or a person, and decides who sees what is inside."
        | "Ein Namespace ist der Anfang von Repository-Namen. Er gehört einem Team oder einer Person und bestimmt, wer sieht, was darin ist.";
    no_namespace: "There is no namespace that you may see." | "Es gibt keinen Namespace, den Sie sehen dürfen.";
    namespaces_by_name: "Namespaces that you may see, by name" | "Namespaces, die Sie sehen dürfen, nach Namen";
    belongs_to: "Belongs to" | "Gehört";
    new_namespace: "New namespace" | "Neuer Namespace";
    make_namespace: "Make the namespace" | "Namespace anlegen";
    namespace_name_hint: "Lower-case letters and digits; parts are joined by . _ - and separated by /. It cannot be changed later."
        | "Kleinbuchstaben und Ziffern; Teile verbinden . _ -, Stufen trennt /. Der Name lässt sich später nicht ändern.";
    no_team_for_namespace: "A namespace belongs to a team, and you may make one in none. Make a team first, or ask an owner."
        | "Ein Namespace gehört einem Team, und Sie dürfen in keinem einen anlegen. Legen Sie zuerst ein Team an, oder fragen Sie einen Besitzer.";
    holder_registry: "The registry itself" | "Der Registry selbst";
    holder_hidden: "A team that you do not see" | "Einem Team, das Sie nicht sehen";
    repositories_inside: "Repositories" | "Repositories";
    nothing_pushed: "No image has been pushed here yet." | "Hier wurde noch kein Image gepusht.";
    push_first_image: "Push the first image" | "Das erste Image pushen";
    namespace_parts: "Parts of the namespace" | "Teile des Namespaces";
    visibility_private: "Members only; others do not learn that it exists." | "Nur für Mitglieder; andere erfahren nicht, dass es ihn gibt.";
    visibility_protected: "Everybody who is signed in reads and pulls." | "Alle Angemeldeten lesen und pullen.";
    visibility_public: "Everybody reads and pulls, without signing in too." | "Alle lesen und pullen, auch ohne Anmeldung.";
    change_visibility: "Change who sees it" | "Ändern, wer ihn sieht";
    change_team: "Give it to another team" | "Einem anderen Team geben";
    change_team_hint: "Its members then have the rights here, and those of the present team no longer." | "Dann haben dessen Mitglieder hier die Rechte, und die des jetzigen Teams nicht mehr.";
    new_team_field: "New team" | "Neues Team";
    give_it: "Give" | "Geben";
    delete_namespace: "Delete the namespace" | "Namespace löschen";
    delete_namespace_text: "Its name is kept free for a while, so that nobody takes over what others still pull from there. What has happened stays recorded."
        | "Sein Name bleibt eine Zeit lang gesperrt, damit niemand übernimmt, was andere von dort noch pullen. Was geschehen ist, bleibt aufgezeichnet.";
    delete_namespace_full: "It holds repositories, and can be deleted only when they are deleted in the registry." | "Er enthält Repositories und lässt sich erst löschen, wenn sie in der Registry gelöscht sind.";
    type_name: "Type the name to confirm" | "Zur Bestätigung den Namen eingeben";
    type_name_wrong: "This is not its name." | "Das ist nicht der Name.";
    delete_it: "Delete" | "Löschen";
    confirm_password: "Your password" | "Ihr Passwort";
    confirm_password_hint: "Once more, because this reaches far." | "Noch einmal, denn das reicht weit.";
    password_wrong: "The password is not right." | "Das Passwort stimmt nicht.";

    teams_about: "A team holds people and namespaces. Who is in it, sees and pulls; contributors push; owners look after it."
        | "Ein Team fasst Personen und Namespaces zusammen. Wer darin ist, sieht und pullt; Mitwirkende pushen; Besitzer pflegen es.";
    teams_by_name: "Teams that you may see, by name" | "Teams, die Sie sehen dürfen, nach Namen";
    no_team: "You are in no team yet. An owner can add you." | "Sie sind noch in keinem Team. Ein Besitzer kann Sie aufnehmen.";
    new_team: "New team" | "Neues Team";
    make_team: "Make the team" | "Team anlegen";
    team_name_hint: "It cannot be changed later. You become its owner." | "Der Name lässt sich später nicht ändern. Sie werden Besitzer.";
    members_title: "Members" | "Mitglieder";
    members_caption: "Members by name" | "Mitglieder nach Namen";
    role: "Role" | "Rolle";
    since: "Since" | "Seit";
    team_parts: "Parts of the team" | "Teile des Teams";
    no_team_namespaces: "The team has no namespace yet." | "Das Team hat noch keinen Namespace.";
    add_member: "Add somebody" | "Jemanden aufnehmen";
    add: "Add" | "Aufnehmen";
    change_role: "Change" | "Ändern";
    remove_member: "Remove" | "Entfernen";
    leave: "Leave" | "Verlassen";
    bot: "bot" | "Bot";
    role_viewer_about: "sees and pulls" | "sieht und pullt";
    role_contributor_about: "pushes too, and makes namespaces" | "pusht auch und legt Namespaces an";
    role_owner_about: "looks after the team and its namespaces" | "pflegt das Team und seine Namespaces";
    delete_team: "Delete the team" | "Team löschen";
    delete_team_text: "Its members lose the rights that they have through it. Its name is kept free for a while; what has happened stays recorded."
        | "Seine Mitglieder verlieren die Rechte, die sie durch es haben. Sein Name bleibt eine Zeit lang gesperrt; was geschehen ist, bleibt aufgezeichnet.";
    delete_team_full: "The team has namespaces. Give each to another team first." | "Das Team hat Namespaces. Geben Sie jeden zuerst einem anderen Team.";
    no_such_team: "There is no such team that you may see." | "Ein solches Team, das Sie sehen dürfen, gibt es nicht.";
    no_such_visibility: "Choose one of the three visibilities." | "Wählen Sie eine der drei Sichtbarkeiten.";
    no_such_role: "Choose one of the three roles." | "Wählen Sie eine der drei Rollen.";

    grants_text: "Rights beside those of the holder and of the visibility: for one person or one team, on everything here or on one repository, for ever or to a last day."
        | "Rechte neben denen des Besitzers und der Sichtbarkeit: für eine Person oder ein Team, auf alles hier oder auf ein Repository, für immer oder bis zu einem letzten Tag.";
    grants_caption: "Further rights, the oldest first" | "Weitere Rechte, die ältesten zuerst";
    grants_none: "Nobody has further rights here." | "Niemand hat hier weitere Rechte.";
    grants_manage: "Give or take back rights" | "Rechte geben oder zurücknehmen";
    grant_on: "On" | "Auf";
    grant_until: "Until" | "Bis";
    grant_everything: "everything here" | "alles hier";
    grant_for_ever: "it is taken back" | "auf Widerruf";
    grant_over: "over" | "vorbei";
    grant_revoke: "Take back" | "Zurücknehmen";
    grant_new: "Give a right" | "Ein Recht geben";
    grant_to: "To" | "An";
    grant_user: "a person or a bot" | "eine Person oder einen Bot";
    grant_team: "a team" | "ein Team";
    grant_viewer_about: "sees and pulls" | "sieht und pullt";
    grant_contributor_about: "pushes too" | "pusht auch";
    grant_owner_about: "changes settings, gives rights and deletes too" | "ändert auch Einstellungen, gibt Rechte und löscht";
    grant_repository: "Only on this repository" | "Nur auf dieses Repository";
    grant_repository_hint: "Its full name; empty: on everything here." | "Sein voller Name; leer: auf alles hier.";
    grant_last_day: "Last day" | "Letzter Tag";
    grant_until_hint: "In your time zone; empty: until it is taken back." | "In Ihrer Zeitzone; leer: auf Widerruf.";
    grant_give: "Give the right" | "Recht geben";

    person_teams: "Teams that you share" | "Gemeinsame Teams";
    person_no_teams: "You share no team." | "Sie haben kein gemeinsames Team.";
    person_activity: "What they did that you may see" | "Was sie getan haben und Sie sehen dürfen";
}

phrases! {
    holder_team(team: &str): "Team {team}" | "Team {team}";
    holder_person(user: &str): "{user}, personally" | "{user} persönlich";
    role_of(user: &str): "Role of {user}" | "Rolle von {user}";
    change_role_of(user: &str): "Change the role of {user}" | "Rolle von {user} ändern";
    remove_person(user: &str): "Remove {user}" | "{user} entfernen";
    grant_revoke_of(who: &str): "Take back the right of {who}" | "Das Recht von {who} zurücknehmen";
    delete_question(name: &str): "Delete {name}?" | "{name} löschen?";
}
