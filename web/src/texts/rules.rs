//! The rules about rights, in the reader's language.

use domain::access::Rule;

use super::Lang;

impl Lang {
    /// A rule in a sentence.
    pub(crate) fn rule(self, rule: Rule) -> &'static str {
        match self {
            Self::En => rule.sentence(),
            Self::De => german(rule),
        }
    }
}

fn german(rule: Rule) -> &'static str {
    match rule {
        Rule::BadCredential => {
            "Wer einen Ausweis zeigt, der nicht gilt, dem öffnet er nichts, auch nichts Öffentliches."
        }
        Rule::RegistrySecret => {
            "Nur das eigene Geheimnis einer Registry liefert Meldungen ab, und es öffnet sonst nichts."
        }
        Rule::TokenScope => "Ein Anwendungstoken tut, was seine Befugnisse nennen.",
        Rule::TokenNamespaces => "Ein Anwendungstoken, das Namespaces nennt, wirkt nur in diesen.",
        Rule::TokenIsNoPassword => {
            "Ein Anwendungstoken meldet nicht an diesen Seiten an und stellt keine Token aus."
        }
        Rule::Missing => "Wo es Namespace, Team oder Registry nicht gibt, darf niemand etwas.",
        Rule::Anonymous => "Wer nicht angemeldet ist, liest Öffentliches und sonst nichts.",
        Rule::Readable => {
            "Mitglieder lesen; Öffentliches liest jeder, Geschütztes jeder Angemeldete."
        }
        Rule::Push => "Mitwirkende und Besitzer pushen, und jeder in den eigenen Namespace.",
        Rule::Delete => "Besitzer löschen Images, und jeder im eigenen Namespace.",
        Rule::Edit => {
            "Besitzer bearbeiten, ändern die Sichtbarkeit und pflegen Webhooks; im globalen Namespace die Verwaltung."
        }
        Rule::MoveNamespace => {
            "Besitzer des besitzenden Teams geben seinen Namespace an ein anderes ihrer Teams oder löschen ihn; persönliche und globale Namespaces bleiben."
        }
        Rule::NoRename => "Niemand benennt einen Namespace um, der Repositories enthält.",
        Rule::ViewActivities => {
            "Mitglieder sehen, was geschehen ist; in öffentlichen Namespaces jeder Angemeldete."
        }
        Rule::OthersComments => "Nur die Verwaltung löscht die Kommentare anderer.",
        Rule::Team => {
            "Mitglieder sehen ihr Team, Mitwirkende legen darin Namespaces an, Besitzer verwalten es."
        }
        Rule::LastOwner => "Ein Team behält seinen letzten Besitzer.",
        Rule::HiddenTeam => {
            "Ein persönlicher oder globaler Namespace hat kein Team, das man verwalten könnte."
        }
        Rule::ParentNamespace => {
            "Einen Namespace in einem anderen legt ein Besitzer des anderen an."
        }
        Rule::Account => "Jede Person mit einem Konto darf das.",
        Rule::Bot => {
            "Ein Bot liest, pullt und pusht als Mitglied, höchstens als Mitwirkender, und verwaltet nichts."
        }
        Rule::Auditor => "Revisoren lesen die Aufzeichnung von allem, was geschehen ist.",
        Rule::Administration => "Das tut die Verwaltung.",
        Rule::Never => "Das tut niemand.",
        Rule::SettingDelete => "Löschen ist hier abgeschaltet.",
        Rule::SettingPush => "Die Einstellung zum Pushen überlässt das hier anderen.",
        Rule::SettingCreateTeam => "Teams legt hier nur die Verwaltung an.",
        Rule::SettingManageTeam => "Teams verwaltet hier nur die Verwaltung.",
        Rule::SettingCreateNamespace => "Namespaces legt hier nur die Verwaltung an.",
        Rule::SettingManageNamespace => {
            "Namespaces bearbeitet und verschiebt hier nur die Verwaltung."
        }
        Rule::SettingChangeVisibility => "Die Sichtbarkeit ändert hier nur die Verwaltung.",
        Rule::SettingWebhooks => "Webhooks pflegt hier nur die Verwaltung.",
        Rule::SettingAnonymousBrowsing => "Diese Seiten sind für Angemeldete.",
        Rule::SettingAnonymousPull => "Pullen können nur Angemeldete.",
        Rule::Default => "Was keine Regel erlaubt, ist verboten.",
    }
}
