//! Why something was not done, in the reader's language. Every variant is named: a new reason does
//! not compile until it can be said in each language.

use commands::bootstrap::BootstrapRefusal;
use commands::users::AccountRefusal;
use commands::users::reset::ResetRefusal;
use commands::vault::password::{MAX_PASSWORD_BYTES, MIN_PASSWORD_BYTES, PasswordError};
use domain::admin::AdminRefusal;
use domain::app_token::AppTokenRefusal;
use domain::comment::CommentRefusal;
use domain::name::NameError;
use domain::namespace::NamespaceRefusal;
use domain::registry::RegistryRefusal;
use domain::repository::RepositoryRefusal;
use domain::star::StarRefusal;
use domain::team::TeamRefusal;
use domain::user::UserRefusal;

use super::Lang;

/// Something that can be said to whoever reads a page.
pub(crate) trait Said {
    /// As a sentence, with a capital and a full stop.
    fn said(&self, t: Lang) -> String;
}

/// English is what the reason itself says.
fn english(why: &dyn std::fmt::Display) -> String {
    let text = why.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

impl Said for NameError {
    fn said(&self, t: Lang) -> String {
        match (t, self) {
            (Lang::En, why) => english(why),
            (Lang::De, Self::Empty { what }) => format!("{} darf nicht leer sein.", noun(what)),
            (Lang::De, Self::TooLong { what, bytes, max }) => {
                format!("{} hat höchstens {max} Bytes; dieser hat {bytes}.", noun(what))
            }
            (Lang::De, Self::Grammar { what, part, rule: _ }) => {
                format!("„{part}“ geht nicht: {} besteht aus {}.", noun(what), grammar(what))
            }
        }
    }
}

/// The domain says what kind of name it means with a word of its own.
fn noun(what: &str) -> &str {
    match what {
        "repository name" => "Der Name eines Repositorys",
        "namespace name" => "Der Name eines Namespaces",
        "user name" => "Der Name einer Person",
        "team name" => "Der Name eines Teams",
        "registry name" => "Der Name einer Registry",
        "tag" => "Der Name eines Tags",
        _ => "Der Name",
    }
}

fn grammar(what: &str) -> &'static str {
    match what {
        "repository name" | "namespace name" => {
            "Kleinbuchstaben und Ziffern, verbunden durch einen `.`, einen oder zwei `_` oder \
             beliebig viele `-`, mit `/` zwischen den Teilen"
        }
        "registry name" => "Kleinbuchstaben und Ziffern, mit einzelnen `-` dazwischen",
        "tag" => "Buchstaben, Ziffern, `_`, `.` und `-` und beginnt mit Buchstabe, Ziffer oder `_`",
        _ => {
            "Buchstaben, Ziffern, Leerzeichen und `. _ - @ $ + ~` und beginnt mit Buchstabe oder \
             Ziffer"
        }
    }
}

impl Said for PasswordError {
    fn said(&self, t: Lang) -> String {
        match (t, self) {
            (Lang::En, why) => english(why),
            (Lang::De, Self::TooShort) => {
                format!("Ein Passwort hat mindestens {MIN_PASSWORD_BYTES} Zeichen.")
            }
            (Lang::De, Self::TooLong) => {
                format!("Ein Passwort hat höchstens {MAX_PASSWORD_BYTES} Bytes.")
            }
            (Lang::De, Self::LooksLikeToken) => {
                "Ein Passwort beginnt nicht wie ein Anwendungstoken.".to_owned()
            }
        }
    }
}

impl Said for UserRefusal {
    fn said(&self, t: Lang) -> String {
        match (t, self) {
            (Lang::En, why) => english(why),
            (Lang::De, Self::Unknown) => "Diese Person gibt es nicht.".to_owned(),
            (Lang::De, Self::Taken) => "Dieser Name ist vergeben.".to_owned(),
            (Lang::De, Self::Reserved) => {
                "Dieser Name ist reserviert; wählen Sie einen anderen.".to_owned()
            }
            (Lang::De, Self::Quarantined(until)) => {
                format!(
                    "Dieser Name gehörte einem entfernten Konto; frei ist er wieder am {until}."
                )
            }
            (Lang::De, Self::OwnAccount) => {
                "Das eigene Konto kann man weder sperren noch entfernen; bitten Sie jemand anderen \
                 aus der Verwaltung."
                    .to_owned()
            }
            (Lang::De, Self::Disabled) => {
                "Dieses Konto ist gesperrt; geben Sie es zuerst frei.".to_owned()
            }
            (Lang::De, Self::Bot) => "Ein Bot kann das nicht.".to_owned(),
        }
    }
}

impl Said for AdminRefusal {
    fn said(&self, t: Lang) -> String {
        match (t, self) {
            (Lang::En, why) => english(why),
            (Lang::De, Self::AlreadyBootstrapped) => {
                "Einen Administrator gibt es schon; melden Sie sich an oder fragen Sie dort nach."
                    .to_owned()
            }
            (Lang::De, Self::Last) => {
                "Das ist der letzte Administrator; ernennen Sie zuerst einen weiteren.".to_owned()
            }
        }
    }
}

impl Said for AccountRefusal {
    fn said(&self, t: Lang) -> String {
        match (t, self) {
            (_, Self::User(why)) => why.said(t),
            (_, Self::Admin(why)) => why.said(t),
            (Lang::En, why) => english(why),
            (Lang::De, Self::LastOwner { user, team }) => format!(
                "{user} ist der letzte Besitzer des Teams {team}; ernennen Sie zuerst einen weiteren."
            ),
            (Lang::De, Self::Email { max }) => format!(
                "Eine E-Mail-Adresse hat ein @ mit etwas auf beiden Seiten und höchstens {max} Bytes."
            ),
            (Lang::De, Self::DisplayName { max }) => {
                format!("Ein Anzeigename hat höchstens {max} Bytes und keine Steuerzeichen.")
            }
        }
    }
}

impl Said for ResetRefusal {
    fn said(&self, t: Lang) -> String {
        match (t, self) {
            (_, Self::Account(why)) => why.said(t),
            (Lang::En, why) => english(why),
            (Lang::De, Self::Used) => {
                "Dieser Link ist verbraucht oder zu alt; fordern Sie einen neuen an.".to_owned()
            }
        }
    }
}

impl Said for CommentRefusal {
    fn said(&self, t: Lang) -> String {
        match (t, self) {
            (Lang::En, why) => english(why),
            (Lang::De, Self::Unknown) => "Diesen Kommentar gibt es nicht.".to_owned(),
            (Lang::De, Self::Empty) => "Ein Kommentar muss etwas sagen.".to_owned(),
            (Lang::De, Self::TooLong { bytes, max }) => {
                format!("Ein Kommentar hat höchstens {max} Bytes; dieser hat {bytes}.")
            }
            (Lang::De, Self::NotYours) => {
                "Einen Kommentar löscht nur, wer ihn geschrieben hat, oder die Verwaltung."
                    .to_owned()
            }
        }
    }
}

impl Said for TeamRefusal {
    fn said(&self, t: Lang) -> String {
        match (t, self) {
            (Lang::En, why) => english(why),
            (Lang::De, Self::Unknown) => "Dieses Team gibt es nicht.".to_owned(),
            (Lang::De, Self::Taken) => "Dieser Teamname ist vergeben.".to_owned(),
            (Lang::De, Self::Quarantined(until)) => {
                format!("Dieser Name gehörte einem gelöschten Team; frei ist er wieder am {until}.")
            }
            (Lang::De, Self::DescriptionTooLong { bytes, max }) => too_long(*bytes, *max),
            (Lang::De, Self::AlreadyMember) => {
                "Diese Person ist schon Mitglied; ändern Sie stattdessen ihre Rolle.".to_owned()
            }
            (Lang::De, Self::NotMember) => "Diese Person ist nicht im Team.".to_owned(),
            (Lang::De, Self::LastOwner) => {
                "Ein Team behält mindestens einen Besitzer; ernennen Sie zuerst einen weiteren."
                    .to_owned()
            }
            (Lang::De, Self::BotOwner) => bot_owner(),
            (Lang::De, Self::UnknownUser) => {
                "Ein freigegebenes Konto dieses Namens gibt es nicht.".to_owned()
            }
        }
    }
}

impl Said for NamespaceRefusal {
    fn said(&self, t: Lang) -> String {
        let de = match (t, self) {
            (Lang::En, why) => return english(why),
            (Lang::De, Self::Unknown) => "Diesen Namespace gibt es nicht.",
            (Lang::De, Self::Taken) => "Dieser Name ist vergeben.",
            (Lang::De, Self::Quarantined(until)) => {
                return format!(
                    "Dieser Name gehörte einem gelöschten Namespace; frei ist er wieder am {until}."
                );
            }
            (Lang::De, Self::DescriptionTooLong { bytes, max }) => return too_long(*bytes, *max),
            (Lang::De, Self::GlobalPrivate) => {
                "Der globale Namespace ist geschützt oder öffentlich, nie privat."
            }
            (Lang::De, Self::GlobalName) => {
                "Nur der Namespace `_` ist der globale, und er ist nichts anderes."
            }
            (Lang::De, Self::Fixed) => {
                "Ein persönlicher oder globaler Namespace bleibt, wem er gehört."
            }
            (Lang::De, Self::GrantOutside) => {
                "Das Repository eines Rechts muss in seinem Namespace liegen."
            }
            (Lang::De, Self::TooManyGrants { max }) => {
                return format!(
                    "Ein Namespace hat höchstens {max} weitere Rechte; fassen Sie Personen in \
                     einem Team zusammen."
                );
            }
            (Lang::De, Self::UnknownGrant) => "Dieses Recht gibt es nicht.",
            (Lang::De, Self::UnknownTeam) => "Dieses Team gibt es nicht.",
            (Lang::De, Self::UnknownGrantee) => {
                "Ein Team oder freigegebenes Konto dieses Namens gibt es nicht."
            }
            (Lang::De, Self::BotOwner) => return bot_owner(),
            (Lang::De, Self::GrantOver) => "Ein Recht muss in der Zukunft enden.",
            (Lang::De, Self::UnknownRegistry) => "Diese Registry gibt es nicht.",
            (Lang::De, Self::Inside(parent)) => {
                return format!(
                    "Der Name liegt im Namespace `{parent}`; dort legen nur dessen Besitzer \
                     Namespaces an."
                );
            }
        };
        de.to_owned()
    }
}

fn too_long(bytes: usize, max: usize) -> String {
    format!("Eine Beschreibung hat höchstens {max} Bytes; diese hat {bytes}.")
}

fn bot_owner() -> String {
    "Ein Bot kann Betrachter oder Mitwirkender sein, aber nicht Besitzer.".to_owned()
}

impl Said for AppTokenRefusal {
    fn said(&self, t: Lang) -> String {
        match (t, self) {
            (Lang::En, why) => english(why),
            (Lang::De, Self::TooMany { max }) => {
                format!("Man hat höchstens {max} Anwendungstoken; widerrufen Sie zuerst eines.")
            }
            (Lang::De, Self::LabelTaken) => {
                "Ein gültiges Anwendungstoken dieses Namens haben Sie schon.".to_owned()
            }
            (Lang::De, Self::Label { max }) => {
                format!("Der Name eines Anwendungstokens hat 1 bis {max} Bytes.")
            }
            (Lang::De, Self::NoScope) => "Wählen Sie mindestens eine Befugnis.".to_owned(),
            (Lang::De, Self::Namespaces { max }) => {
                format!("Ein Anwendungstoken nennt 1 bis {max} Namespaces, oder keinen für alle.")
            }
            (Lang::De, Self::Expiry) => {
                "Ein Anwendungstoken endet zwischen jetzt und in einem Jahr.".to_owned()
            }
            (Lang::De, Self::Unknown) => "Dieses Anwendungstoken gibt es nicht.".to_owned(),
        }
    }
}

impl Said for RegistryRefusal {
    fn said(&self, t: Lang) -> String {
        match (t, self) {
            (Lang::En, why) => english(why),
            (Lang::De, Self::Unknown) => "Diese Registry gibt es nicht.".to_owned(),
            (Lang::De, Self::Taken) => "Eine Registry dieses Namens gibt es schon.".to_owned(),
            (Lang::De, Self::Setting { field, max }) => {
                format!("Die Angabe „{field}“ hat 1 bis {max} Bytes ohne Leerzeichen.")
            }
            (Lang::De, Self::Url) => {
                "Die Adresse der Registry beginnt mit http:// oder https://.".to_owned()
            }
        }
    }
}

impl Said for RepositoryRefusal {
    fn said(&self, t: Lang) -> String {
        match (t, self) {
            (Lang::En, why) => english(why),
            (Lang::De, Self::DescriptionTooLong { bytes, max }) => too_long(*bytes, *max),
        }
    }
}

impl Said for StarRefusal {
    fn said(&self, t: Lang) -> String {
        match (t, self) {
            (Lang::En, why) => english(why),
            (Lang::De, Self::TooMany { max }) => {
                format!("Man markiert höchstens {max} Repositories mit einem Stern.")
            }
        }
    }
}

impl Said for BootstrapRefusal {
    fn said(&self, t: Lang) -> String {
        match (t, self) {
            (_, Self::Done(why)) => why.said(t),
            (_, Self::Account(why)) => why.said(t),
            (Lang::En, why) => english(why),
            (Lang::De, Self::WrongSecret) => {
                "Das ist nicht das Einmalgeheimnis; `portus serve` hat es beim Start ausgegeben, \
                 und es liegt im Datenordner."
                    .to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::name::{NamespaceName, RegistryName, RepositoryName, TagName, TeamName, UserName};

    use super::*;

    #[test]
    fn every_kind_of_name_is_known_by_its_own_noun() {
        let wrong = [
            RepositoryName::parse("A").unwrap_err(),
            NamespaceName::parse("A").unwrap_err(),
            UserName::parse("-").unwrap_err(),
            TeamName::parse("-").unwrap_err(),
            RegistryName::parse("A").unwrap_err(),
            TagName::parse("-").unwrap_err(),
        ];
        for why in wrong {
            let said = why.said(Lang::De);
            assert!(said.contains(": Der Name eine"), "{said}");
            assert!(why.said(Lang::En).ends_with('.'));
        }
    }
}
