//! The reference of the REST interface, and what its refusals mean.

use super::{phrases, sentences, words};

words! {
    reference: "REST reference" | "REST-Referenz";
    reference_shell: "For the examples" | "Für die Beispiele";
    reference_contents: "Contents" | "Inhalt";
    reference_parameters: "Parameters" | "Parameter";
    reference_fields: "Fields" | "Felder";
    reference_needed: "needed" | "nötig";
    reference_body: "Body:" | "Rumpf:";
    reference_example: "Example of" | "Beispiel zu";
    reference_answers: "Answers:" | "Antworten:";
    reference_things: "What is sent and answered" | "Was gesendet und geantwortet wird";
    reference_all_of: "Everything of" | "Alles von";
    reference_or: "or" | "oder";
    reference_list_of: "list of" | "Liste von";

    problems: "Problems over REST" | "Probleme über REST";
    problem_not_json: "Not JSON" | "Kein JSON";
    problem_no_such_form: "No such form" | "Keine solche Form";
    problem_in_the_way: "In the way of another request" | "Einer anderen Anfrage im Weg";
    problem_not_understood: "Not understood" | "Nicht verstanden";
    problem_bad_request: "The request cannot be understood: a parameter or field that there is not, a value that is none, or two credentials at once. The message says which. The same request will be refused again."
        | "Die Anfrage ist nicht zu verstehen: ein Parameter oder Feld, das es nicht gibt, ein Wert, der keiner ist, oder zwei Ausweise zugleich. Die Meldung sagt, welcher. Dieselbe Anfrage wird wieder abgelehnt.";
    problem_unauthorized: "Nothing was shown where something is needed, or what was shown is not good: wrong, ended, revoked, or of a disabled account. Which of these is not said."
        | "Es wurde nichts vorgezeigt, wo etwas nötig ist, oder das Vorgezeigte gilt nicht: falsch, abgelaufen, widerrufen oder von einem deaktivierten Konto. Was davon, wird nicht gesagt.";
    problem_forbidden: "You may see this, but not do that with it. It takes another role, or a token with more scopes."
        | "Sie dürfen das sehen, aber nicht dies damit tun. Dafür braucht es eine andere Rolle oder ein Token mit mehr Rechten.";
    problem_not_found: "There is no such thing, or you may not see it: both look the same."
        | "Das gibt es nicht, oder Sie dürfen es nicht sehen: Beides sieht gleich aus.";
    problem_method: "This address does not take this method. The header Allow says which it takes."
        | "Diese Adresse nimmt diese Methode nicht an. Die Kopfzeile Allow sagt, welche sie annimmt.";
    problem_not_acceptable: "Answers are JSON, and the header Accept allows neither application/json nor application/problem+json. The reference for people is a page."
        | "Antworten sind JSON, und die Kopfzeile Accept erlaubt weder application/json noch application/problem+json. Die Referenz für Menschen ist eine Seite.";
    problem_too_large: "A body has at most 64 KiB." | "Ein Rumpf hat höchstens 64 KiB.";
    problem_media_type: "Bodies are JSON, and are sent with Content-Type: application/json."
        | "Rümpfe sind JSON und werden mit Content-Type: application/json gesendet.";
    problem_cannot_be: "The request was understood, but it cannot be so: a name that is taken, a value that does not fit, a rule that forbids it. The list of errors says where in the body, and why."
        | "Die Anfrage wurde verstanden, aber so kann es nicht sein: ein vergebener Name, ein unpassender Wert, eine Regel, die es verbietet. Die Liste der Fehler sagt, wo im Rumpf und warum.";
    problem_conflict: "Another request with the same key is still being answered, or the key was used for something else. Ask again in a moment, or take a new key."
        | "Eine andere Anfrage mit demselben Schlüssel wird noch beantwortet, oder der Schlüssel wurde schon für etwas anderes benutzt. Fragen Sie gleich noch einmal, oder nehmen Sie einen neuen.";
    problem_too_many: "You have used up your calls. Retry-After says how many seconds to wait, and RateLimit in every answer says what is left."
        | "Ihre Aufrufe sind aufgebraucht. Retry-After sagt, wie viele Sekunden zu warten sind, und RateLimit in jeder Antwort, was noch übrig ist.";
    problem_unavailable: "A part of the service does not answer in time. Retry-After says how many seconds to wait. A change may have been recorded all the same: look before you repeat it."
        | "Ein Teil des Dienstes antwortet nicht rechtzeitig. Retry-After sagt, wie viele Sekunden zu warten sind. Eine Änderung kann trotzdem aufgezeichnet sein: Sehen Sie nach, bevor Sie sie wiederholen.";
    problem_internal: "Something is wrong with the service, not with your request. Tell its operator the request's id, which stands in the answer."
        | "Mit dem Dienst stimmt etwas nicht, nicht mit Ihrer Anfrage. Nennen Sie dem Betreiber die Kennung der Anfrage aus der Antwort.";
}

phrases! {
    problem_status(status: u16): "The REST interface answered with status {status}." | "Die REST-Schnittstelle hat mit dem Status {status} geantwortet.";
}

sentences! {
    reference_lead(document): {
        "Every call for scripts, with what it takes and answers. The same for machines: " (document) "."
    } | {
        "Jeder Aufruf für Skripte, mit dem, was er nimmt und antwortet. Dasselbe für Maschinen: " (document) ". Die Beschreibungen sind englisch."
    };
    reference_credentials(tokens): {
        "Show your name with one of your " (tokens) ", or with your password."
    } | {
        "Zeigen Sie Ihren Namen mit einem Ihrer " (tokens) " oder mit Ihrem Passwort."
    };
    reference_errors(problems): {
        "What a refusal means: " (problems) "."
    } | {
        "Was eine Ablehnung bedeutet: " (problems) "."
    };
    problems_lead(reference): {
        "What stands as " code { "type" } " in a problem document of the REST interface leads here. The calls themselves are in the " (reference) "."
    } | {
        "Was in einem Problemdokument der REST-Schnittstelle als " code { "type" } " steht, führt hierher. Die Aufrufe selbst stehen in der " (reference) "."
    };
}
