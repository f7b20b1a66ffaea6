//! What mails say. Plain text, lines short enough for every reader.

use super::phrases;

phrases! {
    mail_reset_subject(user: &str): "Portus: a new password for {user}" | "Portus: ein neues Passwort für {user}";
    mail_reset_text(user: &str, link: &str, minutes: i64):
        "Hello {user},

somebody asked Portus for a new password for your account. If it was you,
open this address and choose one:

{link}

The link is good once, and for {minutes} minutes.

If it was not you, you need not do anything: your password stays as it is.
Who does not have this mail cannot change it.
"
        | "Guten Tag {user},

jemand hat bei Portus ein neues Passwort für Ihr Konto angefordert. Waren
Sie es selbst, öffnen Sie diese Adresse und wählen Sie eines:

{link}

Der Link gilt einmal, und {minutes} Minuten lang.

Waren Sie es nicht, brauchen Sie nichts zu tun: Ihr Passwort bleibt, wie
es ist. Ohne diese E-Mail kann es niemand ändern.
";
}
