//! What cannot be shown, and why.

use super::{phrases, sentences, words};

words! {
    error_not_signed_in: "Not signed in" | "Nicht angemeldet";
    error_not_allowed: "Not allowed" | "Nicht erlaubt";
    error_not_found: "Not found" | "Nicht gefunden";
    error_method: "Not this way" | "So nicht";
    error_too_much: "Too much" | "Zu viel";
    error_not_possible: "Not possible like this" | "So nicht möglich";
    error_too_many: "Too many requests" | "Zu viele Anfragen";
    error_unavailable: "Not available right now" | "Gerade nicht verfügbar";
    error_internal: "Something went wrong here" | "Hier ist etwas schiefgegangen";
    error_other: "This did not work" | "Das ging nicht";

    nothing_here: "There is nothing here, or it is not for you." | "Hier ist nichts, oder es ist nicht für Sie.";
    may_not: "You may not do this. Whoever administers this service, or owns the team, can give you the right."
        | "Das dürfen Sie nicht. Wer diesen Dienst verwaltet oder das Team besitzt, kann Ihnen das Recht geben.";
    method_text: "This address does not take this kind of request. Open it with a link or from a form."
        | "Diese Adresse nimmt solche Anfragen nicht an. Öffnen Sie sie über einen Link oder ein Formular.";
    bad_request: "Something about this request is not right. Go back, and try it anew."
        | "Etwas an dieser Anfrage stimmt nicht. Gehen Sie zurück und versuchen Sie es erneut.";
    foreign_form: "This was sent by a page of another site. Open the page here and try again."
        | "Das hat eine Seite einer anderen Website geschickt. Öffnen Sie die Seite hier und versuchen Sie es erneut.";
    form_too_big: "This form holds too much." | "Dieses Formular enthält zu viel.";
    form_incomplete: "The form is incomplete. Open the page again and fill it in."
        | "Das Formular ist unvollständig. Öffnen Sie die Seite erneut und füllen Sie es aus.";
    unsent_title: "Not sent yet" | "Noch nicht abgeschickt";
    unsent_sign_in: "Your session ended before this form came, so nothing was changed. What you typed is still here: sign in in another tab, come back, and send it again."
        | "Ihre Sitzung war zu Ende, bevor dieses Formular kam, darum wurde nichts geändert. Was Sie eingetippt haben, steht noch hier: Melden Sie sich in einem anderen Tab an, kommen Sie zurück und schicken Sie es noch einmal ab.";
    unsent_other_tab: "Sign in in another tab" | "In einem anderen Tab anmelden";
    unsent_again: "This form is from an older session, so nothing was changed. Look at what you typed, and send it."
        | "Dieses Formular stammt aus einer älteren Sitzung, darum wurde nichts geändert. Sehen Sie durch, was Sie eingetippt haben, und schicken Sie es ab.";
    unsent_send: "Send again" | "Noch einmal abschicken";
    form_stale: "This form is from an older session. Open the page again and send it anew."
        | "Dieses Formular stammt aus einer älteren Sitzung. Öffnen Sie die Seite erneut und schicken Sie es neu ab.";
    part_down: "A part of this service does not answer. Try again in a moment."
        | "Ein Teil dieses Dienstes antwortet nicht. Versuchen Sie es gleich noch einmal.";
    wrong_here: "Something is wrong here, not with you." | "Hier stimmt etwas nicht; an Ihnen liegt es nicht.";
    too_many_changes: "Too many changes at once. Try again in a moment."
        | "Zu viele Änderungen auf einmal. Versuchen Sie es gleich noch einmal.";
    not_in_force: "Accepted and recorded, but not yet in force. Look again in a moment."
        | "Angenommen und aufgezeichnet, aber noch nicht in Kraft. Sehen Sie gleich noch einmal nach.";
    too_many_sign_ins: "Too many failed sign-ins. Try again later." | "Zu viele fehlgeschlagene Anmeldungen. Versuchen Sie es später noch einmal.";
    sign_ins_busy: "Too many sign-ins at once. Try again in a moment." | "Zu viele Anmeldungen auf einmal. Versuchen Sie es gleich noch einmal.";
    sign_in_down: "Signing in does not work at the moment. Try again shortly." | "Die Anmeldung geht im Moment nicht. Versuchen Sie es bald noch einmal.";
    sign_out_down: "Signing out does not work at the moment. Try again shortly." | "Das Abmelden geht im Moment nicht. Versuchen Sie es bald noch einmal.";
    search_down: "Search does not work at the moment. Try again shortly." | "Die Suche geht im Moment nicht. Versuchen Sie es bald noch einmal.";
    only_people_star: "Only people star repositories." | "Nur Personen markieren Repositories mit einem Stern.";
    made_but_no_sign_in: "The administrator is made, but signing in does not work yet. Go to the sign-in page."
        | "Der Administrator ist angelegt, aber die Anmeldung geht noch nicht. Öffnen Sie die Anmeldeseite.";

    to_start: "To the start page" | "Zur Startseite";
}

phrases! {
    actor_too_long(max: usize): "A name has at most {max} bytes." | "Ein Name hat höchstens {max} Bytes.";
}

words! {
    bad_cursor: "This link to further entries is not readable." | "Dieser Link auf weitere Einträge ist nicht lesbar.";
}

sentences! {
    request_id(status, id): { "Status " (status) ". If you ask somebody about this, tell them the request id " code { (id) } "." }
        | { "Status " (status) ". Wenn Sie dazu jemanden fragen, nennen Sie die Anfragekennung " code { (id) } "." };
}
