//! The start page, repositories, tags, search, help.

use super::{phrases, sentences, words};

words! {
    inside: "As the registry has it" | "Wie die Registry es hat";
    ask_registry: "Ask the registry" | "Die Registry fragen";
    ask_registry_text: "for the manifest itself, and for what the image's configuration says." | "nach dem Manifest selbst und danach, was die Konfiguration des Images sagt.";
    inside_gone: "The registry has no such manifest any more." | "Die Registry hat kein solches Manifest mehr.";
    inside_failed: "The registry does not answer, or with something that cannot be shown." | "Die Registry antwortet nicht, oder mit etwas, das sich nicht zeigen lässt.";
    inside_busy: "Too many ask the registry at this moment. Try again in a few seconds." | "Gerade fragen zu viele die Registry. Versuchen Sie es in ein paar Sekunden wieder.";
    entrypoint: "Entrypoint" | "Entrypoint";
    image_command: "Command" | "Befehl";
    runs_as: "Runs as" | "Läuft als";
    working_folder: "Working directory" | "Arbeitsordner";
    ports: "Ports" | "Ports";
    variables: "Variables" | "Variablen";
    no_moment: "That is no moment. Say a time, such as 2026-11-01T12:00, or an event, such as event:18204."
        | "Das ist kein Zeitpunkt. Nennen Sie eine Zeit wie 2026-11-01T12:00 oder ein Ereignis wie event:18204.";
    moment_ahead: "That has not happened yet: only what is recorded can be looked back at." | "Das ist noch nicht geschehen: Zurückblicken lässt sich nur auf Aufgezeichnetes.";
    moment_before: "Nothing had been recorded by then." | "Bis dahin war noch nichts aufgezeichnet.";
    cannot_look_back: "This page cannot look back: it shows how things are now." | "Diese Seite kann nicht zurückblicken: Sie zeigt, wie es jetzt ist.";
    back_to_now: "Back to now" | "Zurück zu jetzt";
    what_then_means: "What this means" | "Was das heißt";
    rights_of_today: "Shown is what had been recorded by then. Who may see it is decided by the rights of today: what is hidden from you now stays hidden."
        | "Gezeigt wird, was bis dahin aufgezeichnet war. Wer es sehen darf, entscheiden die Rechte von heute: Was jetzt vor Ihnen verborgen ist, bleibt verborgen.";
    another_moment: "How it was at another time" | "Wie es zu einer anderen Zeit war";
    moment: "Date and time" | "Datum und Uhrzeit";
    look_back: "Look back" | "Zurückblicken";
    no_tag_then: "No tag of this repository was known then." | "Damals war kein Tag dieses Repositorys bekannt.";
    tags_then: "Tags as they were then, by name" | "Tags, wie sie damals waren, nach Namen";
    points_there_since: "Points there since" | "Zeigt dorthin seit";
    no_such_tag_then: "This tag pointed nowhere then." | "Dieser Tag zeigte damals nirgendwohin.";
    no_manifest_then: "This digest was not known then." | "Dieser Digest war damals nicht bekannt.";
    manifest_gone_then: "It had been deleted by then:" | "Es war bis dahin gelöscht:";
    pointing_tags_then: "Tags that pointed to it" | "Tags, die dorthin zeigten";
    no_pointing_tag_then: "No tag pointed to it then." | "Damals zeigte kein Tag dorthin.";
    repository_then: "the repository then" | "das Repository damals";
    comments_title: "Comments" | "Kommentare";
    your_comment: "Your comment" | "Ihr Kommentar";
    comment_it: "Comment" | "Kommentieren";
    no_comment: "Nobody has said anything about this repository yet." | "Zu diesem Repository hat noch niemand etwas gesagt.";
    comment_gone: "The text of this comment is gone." | "Der Text dieses Kommentars ist fort.";
    delete_comment: "Delete the comment" | "Kommentar löschen";
    delete_comment_text: "Its text is gone for ever then. That there was a comment, and who deleted it, stays recorded."
        | "Sein Text ist dann für immer fort. Dass es einen Kommentar gab und wer ihn gelöscht hat, bleibt aufgezeichnet.";
    overview: "Overview" | "Übersicht";
    hero_title: "Container images, and who may do what with them" | "Container-Images, und wer was mit ihnen darf";
    hero_text: "Search the images that are open to everybody, or sign in to see your own."
        | "Suchen Sie in den Images, die allen offenstehen, oder melden Sie sich an und sehen Sie Ihre eigenen.";
    search_placeholder: "Search: nginx, team/app:1.2, sha256:…" | "Suchen: nginx, team/app:1.2, sha256:…";
    no_administrator: "This service has no administrator yet." | "Dieser Dienst hat noch keinen Administrator.";
    make_first: "Make the first one" | "Den ersten anlegen";
    log_in_registry: "Log in to the registry" | "An der Registry anmelden";
    my_namespaces: "My namespaces" | "Meine Namespaces";
    no_namespace_yet: "You are in no team and have no namespace of your own yet. An owner of a team can add you."
        | "Sie sind in keinem Team und haben noch keinen eigenen Namespace. Ein Besitzer eines Teams kann Sie aufnehmen.";
    starred: "Starred" | "Mit Stern";
    nothing_starred: "Nothing starred yet. The star is on each repository's page." | "Noch nichts markiert. Der Stern steht auf der Seite jedes Repositorys.";
    what_happened: "What has happened" | "Was geschehen ist";
    all_activity: "All activity" | "Alle Aktivität";
    pushed_last: "Pushed last" | "Zuletzt gepusht";
    pushed_last_here: "Pushed last in your namespaces" | "Zuletzt gepusht in Ihren Namespaces";
    push_first: "No image here yet. Push the first one:" | "Noch kein Image. Pushen Sie das erste:";
    tag_it: "Tag an image" | "Ein Image benennen";
    push_it: "Push it" | "Pushen";
    no_image_seen: "No image that you may see yet." | "Noch kein Image, das Sie sehen dürfen.";
    all_repositories: "All repositories" | "Alle Repositories";

    repositories_caption: "Repositories that you may see; the head of a column orders them" | "Repositories, die Sie sehen dürfen; der Kopf einer Spalte ordnet sie";
    no_repository_fits: "No repository that you may see fits this." | "Kein Repository, das Sie sehen dürfen, passt dazu.";
    part_or_beginning: "part, or beginning*" | "Teil, oder Anfang*";
    only_starred: "Only what I starred" | "Nur was ich markiert habe";
    namespace: "Namespace" | "Namespace";
    order_by: "Order by" | "Ordnen nach";
    pulls_of_days: "Pulls, 30 days" | "Pulls, 30 Tage";
    no_repository: "There is no repository that you may see. One begins with the first push into a namespace."
        | "Es gibt kein Repository, das Sie sehen dürfen. Eines entsteht mit dem ersten Push in einen Namespace.";
    how_to_push: "How to push an image" | "Wie man ein Image pusht";
    tags_title: "Tags" | "Tags";
    tag_title: "Tag" | "Tag";
    pulls_title: "Pulls" | "Pulls";
    stars_title: "Stars" | "Sterne";
    last_push: "Last push" | "Letzter Push";
    last_pull: "Last pull" | "Letzter Pull";
    hidden: "hidden" | "verborgen";
    registry: "Registry" | "Registry";
    digest_title: "Digest" | "Digest";
    platforms: "Platforms" | "Plattformen";
    changed_meanwhile: "Somebody else has changed this since you opened the page. Now it says:" | "Jemand anderes hat das geändert, seit Sie die Seite geöffnet haben. Jetzt steht da:";
    made_for_it: "Made for it" | "Dazu gehört";
    made_for_it_text: "By the tags under which clients keep such things: sha256-….sig, .att and .sbom of cosign, and the list at sha256-… of the OCI specification." | "Nach den Tags, unter denen Clients so etwas ablegen: sha256-….sig, .att und .sbom von cosign, und die Liste bei sha256-… aus der OCI-Spezifikation.";
    made_for_it_more: "There is more: the whole list" | "Es gibt mehr: die ganze Liste";
    made_signature: "Signature" | "Signatur";
    made_attestation: "Attestation" | "Bescheinigung";
    made_contents: "List of contents (SBOM)" | "Stückliste (SBOM)";
    made_other: "Attached artifact" | "Angehängtes Artefakt";
    choosing_replaces: "Nothing was changed. What you chose is kept; sending it now replaces that." | "Nichts wurde geändert. Ihre Wahl ist noch da; wenn Sie sie jetzt absenden, ersetzt sie das.";
    says_nothing_now: "(nothing)" | "(nichts)";
    saving_replaces: "What you typed is kept below. Saving it now replaces those words." | "Was Sie getippt haben, steht noch unten. Wenn Sie es jetzt speichern, ersetzt es diese Worte.";
    size: "Size" | "Größe";
    unique_size: "Without repeats" | "Ohne Doppeltes";
    also_in: "Shared with" | "Geteilt mit";
    pushed: "Pushed" | "Gepusht";
    seen_in_registry: "(seen in the registry)" | "(in der Registry gesehen)";
    pull_this: "Pull this image" | "Dieses Image pullen";
    pull_by_tag: "Pull by tag" | "Nach Tag pullen";
    pull_exactly: "Pull exactly this content" | "Genau diesen Inhalt pullen";
    push_a_tag: "Push a tag" | "Einen Tag pushen";
    star_it: "Star" | "Stern";
    unstar_it: "Take the star back" | "Stern entfernen";
    no_tag: "No tag points to anything here." | "Hier zeigt kein Tag auf etwas.";
    tag_begins: "Tag begins with" | "Tag beginnt mit";
    newest_first: "Newest first" | "Neueste zuerst";
    all_tags: "All tags" | "Alle Tags";
    no_such_tag: "No tag begins so." | "Kein Tag beginnt so.";
    repository_parts: "Parts of the repository" | "Teile des Repositorys";
    access: "Access" | "Zugriff";
    settings: "Settings" | "Einstellungen";
    filter_further: "Filter and go further back" | "Filtern und weiter zurückgehen";
    description_hint: "A sentence or two on what it is for, in Markdown. The registry knows nothing of it." | "Ein, zwei Sätze in Markdown, wozu es da ist. Die Registry weiß davon nichts.";
    space_description_hint: "A sentence or two on what it is for, in Markdown." | "Ein, zwei Sätze in Markdown, wozu es da ist.";

    tag_gone: "This tag points nowhere any more. Its history stays." | "Dieser Tag zeigt nirgends mehr hin. Seine Geschichte bleibt.";
    kind: "Kind" | "Art";
    media_type: "Media type" | "Medientyp";
    artifact_type: "Type of artifact" | "Art des Artefakts";
    holds: "What it holds" | "Was darin ist";
    holds_caption: "Configuration and layers, or the images of the platforms" | "Konfiguration und Layer, oder die Images der Plattformen";
    platform: "Platform" | "Plattform";
    history: "History" | "Geschichte";
    history_caption: "Every change of this tag, the latest first" | "Jede Änderung dieses Tags, die neueste zuerst";
    change: "Change" | "Änderung";
    when: "When" | "Wann";
    event: "Event" | "Ereignis";
    pointing_tags: "Tags that point to it" | "Tags, die darauf zeigen";
    no_pointing_tag: "No tag points to it. It can be pulled by its digest." | "Kein Tag zeigt darauf. Es lässt sich nach seinem Digest pullen.";
    first_pushed: "First push" | "Erster Push";
    manifest: "Manifest" | "Manifest";

    search_hint: "Names are found by any part of them: my-app, team/app:1.2, or the beginning of a digest."
        | "Namen findet jeder Teil von ihnen: my-app, team/app:1.2, oder der Anfang eines Digests.";
    search_fewer: "Fewer or shorter words find more: each word must occur in the name or in the description." | "Weniger oder kürzere Wörter finden mehr: Jedes Wort muss im Namen oder in der Beschreibung vorkommen.";
    search_tag: "A tag is found with its repository: app:1.2." | "Einen Tag findet man mit seinem Repository: app:1.2.";
    search_others: "What belongs to others is not shown. An owner of the team can add you." | "Was anderen gehört, wird nicht gezeigt. Ein Besitzer des Teams kann Sie aufnehmen.";
    only_similar: "Some are only similar to what you typed." | "Manches ähnelt nur dem, was Sie eingegeben haben.";
    manifests_title: "Manifests" | "Manifeste";
    better_matches: "Better matches" | "Bessere Treffer";
    further_matches: "Further matches" | "Weitere Treffer";
    all_matches: "All matches" | "Alle Treffer";

    access_who: "Who may do what" | "Wer was darf";
    access_everybody: "Everybody" | "Alle";
    access_signed_in: "Everybody who is signed in" | "Alle Angemeldeten";
    access_admins: "Administrators" | "Administratoren";
    access_why: "Because" | "Weil";
    access_may: "May" | "Darf";
    access_pull: "pull" | "pullen";
    access_nothing: "nothing" | "nichts";
    access_push: "pull and push" | "pullen und pushen";
    access_delete: "pull, push and delete" | "pullen, pushen und löschen";
    access_by_visibility: "of the namespace's visibility" | "die Sichtbarkeit des Namespaces es sagt";
    access_by_office: "of their office; on private images this is recorded as privileged access" | "ihr Amt es erlaubt; bei privaten Images wird das als Sonderzugriff aufgezeichnet";
    access_personal: "the namespace is their own" | "der Namespace ihnen gehört";
    access_you: "You here" | "Sie hier";
    access_check: "Check a person" | "Eine Person prüfen";
    access_check_do: "Check" | "Prüfen";
    access_result: "Result" | "Ergebnis";
    access_yes: "yes" | "ja";
    access_no: "no" | "nein";
    access_question: "May they" | "Dürfen sie";
    access_rule: "Rule" | "Regel";
    user_name: "User name" | "Name der Person";

    help_log_in: "Log in" | "Anmelden";
    help_log_in_text: "With your password, or better with an application token in its place." | "Mit Ihrem Passwort, oder besser mit einem Anwendungstoken an seiner Stelle.";
    help_push: "Push an image" | "Ein Image pushen";
    help_push_text: "The name begins with a namespace in which you are contributor or owner." | "Der Name beginnt mit einem Namespace, in dem Sie Mitwirkender oder Besitzer sind.";
    help_tag_it: "Tag it" | "Benennen";
    help_pull: "Pull an image" | "Ein Image pullen";
    help_pull_it: "Pull it" | "Pullen";
    help_script: "In a build or script" | "In einem Build oder Skript";
    help_script_command: "Log in from a script" | "Aus einem Skript anmelden";
    help_ci_text: "A job of GitLab CI or of GitHub Actions holds the token in a secret variable and logs in at its beginning:" | "Ein Job von GitLab CI oder GitHub Actions hat das Token in einer geheimen Variable und meldet sich an seinem Anfang an:";
    help_ci_gitlab: "GitLab CI" | "GitLab CI";
    help_ci_github: "GitHub Actions" | "GitHub Actions";
    help_helper: "Where docker keeps it" | "Wo docker es aufbewahrt";
    help_helper_text: "Without a credential helper, docker writes what you log in with into ~/.docker/config.json, for everybody to read who reads your files. A helper keeps it in the keyring of your system; name it there before you log in:"
        | "Ohne Credential Helper schreibt docker, womit Sie sich anmelden, nach ~/.docker/config.json, lesbar für alle, die Ihre Dateien lesen. Ein Helper legt es in den Schlüsselbund Ihres Systems; nennen Sie ihn dort, bevor Sie sich anmelden:";
    help_helper_systems: "secretservice is for Linux desktops; on macOS it is osxkeychain, on Windows wincred." | "secretservice ist für Linux-Desktops; unter macOS ist es osxkeychain, unter Windows wincred.";
    help_log_out: "Forget it again" | "Es wieder vergessen";
    help_tokens: "Tokens" | "Token";
    help_refused: "Refused?" | "Abgelehnt?";
    help_keys: "Keys" | "Tasten";
    help_keys_caption: "What single keys do, where no field has the focus" | "Was einzelne Tasten tun, wo kein Feld den Fokus hat";
    help_key: "Key" | "Taste";
    help_does: "Does" | "Wirkung";
    help_key_search: "go to the search field" | "zum Suchfeld gehen";
    help_key_go: "go to start, repositories, namespaces, teams, activity" | "zu Start, Repositories, Namespaces, Teams, Aktivität gehen";
    help_key_rows: "next and previous row of a table, open it" | "nächste und vorige Zeile einer Tabelle, öffnen";
    help_key_copy: "copy the first command of the page" | "den ersten Befehl der Seite kopieren";
    help_key_help: "this page" | "diese Seite";
}

phrases! {
    chosen_meanwhile(now: &str): "Somebody else has changed this since you opened the page. Now it is: {now}." | "Jemand anderes hat das geändert, seit Sie die Seite geöffnet haben. Jetzt ist es: {now}.";
    overview_of(host: &str): "Overview of {host}" | "Übersicht von {host}";
    images_of(host: &str): "Images of {host}" | "Images von {host}";
    moment_hint(zone: &str): "In the time zone {zone}." | "In der Zeitzone {zone}.";
    looked_at(number: &str): "Looked at {number} repositories and found no more; the next page looks further." | "{number} Repositories angesehen und nicht mehr gefunden; die nächste Seite sucht weiter.";
    reversed(column: &str): "{column}, reversed" | "{column}, umgekehrt";
    comments_of(name: &str): "Comments on {name}" | "Kommentare zu {name}";
    comment_hint(max: usize): "In Markdown, at most {max} bytes. Everybody who sees the repository and is signed in reads it." | "In Markdown, höchstens {max} Bytes. Wer das Repository sieht und angemeldet ist, liest ihn.";
    delete_comment_of(user: &str): "Delete the comment of {user}" | "Kommentar von {user} löschen";
    too_many_comments(minutes: u64): "You have commented a lot. Try again in {minutes} min." | "Sie haben viel kommentiert. Versuchen Sie es in {minutes} min wieder.";
    hello(user: &str): "Hello, {user}" | "Hallo {user}";
    pull_tag(tag: &str): "Pull {tag}" | "{tag} pullen";
    activity_of(name: &str): "Activity of {name}" | "Aktivität von {name}";
    access_of(name: &str): "Access to {name}" | "Zugriff auf {name}";
    settings_of(name: &str): "Settings of {name}" | "Einstellungen von {name}";
    nothing_matches(question: &str): "Nothing that you may see matches “{question}”." | "Nichts, was Sie sehen dürfen, passt zu „{question}“.";
    access_member(role: &str, team: &str): "{role} of team {team}" | "{role} im Team {team}";
    access_granted(role: &str): "a further right: {role}" | "ein weiteres Recht: {role}";
    access_for(name: &str): "What {name} may do here" | "Was {name} hier darf";
}

sentences! {
    as_of(time, event): { "As of " (time) " (event " (event) ")" } | { "Stand " (time) " (Ereignis " (event) ")" };
    sign_in_to_see(link): { "No image is open to everybody. " (link) " to see yours." }
        | { "Kein Image steht allen offen. " (link) ", um Ihre zu sehen." };
    help_script_text(link): { "Make an application token that may do what the script does and no more, under " (link) ". Hand it over on standard input, so that it stands in no list of processes:" }
        | { "Stellen Sie unter " (link) " ein Anwendungstoken aus, das darf, was das Skript tut, und nicht mehr. Übergeben Sie es auf der Standardeingabe, damit es in keiner Prozessliste steht:" };
    help_refused_text(link): { "“Denied” means that you may not do this there. What is hidden from you answers as what does not exist. The " (link) " page shows each refusal of yours with the rule that decided." }
        | { "„Denied“ heißt, dass Sie das dort nicht dürfen. Was vor Ihnen verborgen ist, antwortet wie das, was es nicht gibt. Die Seite " (link) " zeigt jede Ablehnung mit der Regel, die entschieden hat." };
    help_tokens_text(link): { "An application token stands in for your password, does less, and is taken back alone. Name one for each machine and each job under " (link) "; revoking it ends all that uses it." }
        | { "Ein Anwendungstoken steht für Ihr Passwort, darf weniger und lässt sich einzeln zurücknehmen. Stellen Sie unter " (link) " für jede Maschine und jeden Job eines aus; ein Widerruf beendet alles, was es benutzt." };
    help_keys_off(link): { "They can be switched off under " (link) "." } | { "Abschalten lassen sie sich unter " (link) "." };
    token_ends(label, time): { "Your application token " b { (label) } " ends " (time) "." } | { "Ihr Anwendungstoken " b { (label) } " endet " (time) "." };
    pushed_ago(time): { "pushed " (time) } | { "gepusht " (time) };
}

impl super::Lang {
    /// Which else hold a layer.
    pub(crate) fn other_manifests(self, others: i64) -> String {
        match (self, others) {
            (Self::En, 1) => "1 other manifest".to_owned(),
            (Self::En, n) => format!("{n} other manifests"),
            (Self::De, 1) => "1 weiteren Manifest".to_owned(),
            (Self::De, n) => format!("{n} weiteren Manifesten"),
        }
    }

    /// A span of time until now.
    pub(crate) fn last_days(self, days: i64) -> String {
        match (self, days) {
            (Self::En, 1) => "in the last day".to_owned(),
            (Self::En, 365) => "in the last year".to_owned(),
            (Self::En, _) => format!("in the last {days} days"),
            (Self::De, 1) => "am letzten Tag".to_owned(),
            (Self::De, 365) => "im letzten Jahr".to_owned(),
            (Self::De, _) => format!("in den letzten {days} Tagen"),
        }
    }

    /// What became of a tag.
    pub(crate) fn tag_change(self, stored: &str) -> &str {
        match (self, stored) {
            (Self::De, "pushed") => "gepusht",
            (Self::De, "moved") => "verschoben",
            (Self::De, "deleted") => "gelöscht",
            (Self::De, "observed") => "gesehen",
            (Self::De, "missed") => "verschwunden",
            (_, other) => other,
        }
    }
}

words! {
    question_pull: "Pull" | "Pullen";
    question_push: "Push" | "Pushen";
    question_delete: "Delete" | "Löschen";
    ground_administrator: "as an administrator" | "als Administrator";
    ground_auditor: "as an auditor" | "als Revisor";
    ground_personal: "their own namespace" | "eigener Namespace";
    ground_registry: "the registry's secret" | "Geheimnis der Registry";
    team: "team" | "Team";
    of_team: "Team" | "Team";
}

phrases! {
    ground_visibility(visibility: &str): "the namespace is {visibility}" | "der Namespace ist {visibility}";
    access_caption(namespace: &str, visibility: &str): "Decided by the namespace {namespace}, which is {visibility}" | "Entschieden vom Namespace {namespace}; er ist {visibility}";
}
