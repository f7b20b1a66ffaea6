//! Setting up, step by step.

use super::{phrases, sentences, words};

words! {
    wizard_title: "Set up, step by step" | "Einrichten, Schritt für Schritt";
    wizard_text: "Nothing is stored here but what you do in a step: go through them in any order, stop, and come back."
        | "Gespeichert wird hier nur, was Sie in einem Schritt tun: Gehen Sie sie in beliebiger Folge durch, hören Sie auf, und kommen Sie wieder.";
    wizard_again: "Address, registries, keys, and what stands in a registry's configuration: the steps after the first start, at any time again."
        | "Adresse, Registries, Schlüssel, und was in der Konfiguration einer Registry steht: die Schritte nach dem ersten Start, jederzeit wieder.";
    wizard_steps: "Steps of setting up" | "Schritte der Einrichtung";
    wizard_caption: "Each step, and how it stands" | "Jeder Schritt, und wie es um ihn steht";
    wizard_all: "All steps" | "Alle Schritte";
    wizard_start: "To the first page" | "Zur ersten Seite";

    step_administrator: "Administrator" | "Administrator";
    step_administrator_done: "There is one." | "Es gibt ihn.";
    step_address: "Address" | "Adresse";
    step_registry: "Registry" | "Registry";
    step_keys: "Signing keys" | "Signaturschlüssel";
    step_configuration: "Registry's configuration" | "Konfiguration der Registry";
    step_configuration_text: "To copy into it." | "Zum Hineinkopieren.";
    step_good: "good" | "gut";
    step_look: "look" | "ansehen";

    address_text: "Registries send clients to this address for tokens, and links in mail begin with it. So it must be the one by which people and docker reach this service."
        | "Hierher schicken Registries die Clients nach Token, und damit beginnen Links in E-Mail. Also muss es die Adresse sein, unter der Menschen und docker diesen Dienst erreichen.";
    address_ours: "Configured" | "Konfiguriert";
    address_seen: "Your browser uses" | "Ihr Browser benutzt";
    address_realm: "Clients ask for tokens at" | "Clients fragen nach Token unter";
    address_agrees: "Your browser uses the same address." | "Ihr Browser benutzt dieselbe Adresse.";
    address_differs: "Your browser uses another address than the configured one. Set the address that everybody uses, or have the proxy in front pass the Host header on."
        | "Ihr Browser benutzt eine andere Adresse als die konfigurierte. Stellen Sie die ein, die alle benutzen, oder lassen Sie den Proxy davor den Host-Header weitergeben.";
    address_unsaid: "Your browser did not say which address it uses." | "Ihr Browser hat nicht gesagt, welche Adresse er benutzt.";
    address_change: "Where it is changed" | "Wo sie geändert wird";
    address_in_file: "The configuration file" | "Die Konfigurationsdatei";
    address_in_variable: "Or as a variable" | "Oder als Variable";
    address_then: "Then start the service again. A path behind the host does not count." | "Danach den Dienst neu starten. Ein Pfad hinter dem Host zählt nicht.";
    address_derived: "not set: taken from the address that the service listens on" | "nicht eingestellt: aus der Adresse, auf der der Dienst lauscht";

    registry_check_text: "Trying it out shows whether the registry answers, sends clients here, takes our tokens, goes by our clock, and tells us what happens in it."
        | "Das Ausprobieren zeigt, ob die Registry antwortet, Clients hierher schickt, unsere Token annimmt, nach unserer Uhr geht und uns meldet, was in ihr geschieht.";
    registry_check_none: "There is no registry yet." | "Es gibt noch keine Registry.";
    registry_check_add: "Add a registry" | "Eine Registry hinzufügen";
    registry_check_many: "Add or change registries" | "Registries hinzufügen oder ändern";
    registry_silent: "no registry has told of anything yet" | "noch keine Registry hat etwas gemeldet";

    keys_where: "Folder" | "Ordner";
    keys_keep: "Keep a copy of this folder with your backup: whoever has it can sign tokens that every registry takes, and without it each registry needs a new certificate."
        | "Bewahren Sie eine Kopie dieses Ordners mit Ihrer Sicherung auf: Wer ihn hat, kann Token signieren, die jede Registry annimmt, und ohne ihn braucht jede Registry ein neues Zertifikat.";
    keys_more: "More about the key" | "Mehr über den Schlüssel";

    configuration_text: "This belongs in the configuration of the registry, and the certificates in the file that its rootcertbundle names. Then start the registry again."
        | "Das gehört in die Konfiguration der Registry, und die Zertifikate in die Datei, die ihr rootcertbundle nennt. Danach die Registry neu starten.";
    configuration_managed: "This service starts this registry itself, and writes its configuration. There is nothing to do; this is what it says."
        | "Diese Registry startet der Dienst selbst und schreibt ihre Konfiguration. Es ist nichts zu tun; das steht darin.";
    configuration_which: "Registries" | "Registries";
}

phrases! {
    try_registry(name: &str): "Try {name} out" | "{name} ausprobieren";
    step_next(name: &str): "Next: {name}" | "Weiter: {name}";
    step_back(name: &str): "Back: {name}" | "Zurück: {name}";
    address_from_file(path: &str): "set in {path}" | "eingestellt in {path}";
    address_from_variable(name: &str): "set by the variable {name}" | "eingestellt durch die Variable {name}";
    address_from_flag(name: &str): "set by {name}" | "eingestellt durch {name}";
    realm_no_address(url: &str): "“{url}” is no address." | "„{url}“ ist keine Adresse.";
    realm_ip(host: &str): "The host is the IP address {host}. Some clients, such as crane, ask no private address for tokens: use a DNS name."
        | "Der Host ist die IP-Adresse {host}. Manche Clients, etwa crane, fragen keine private Adresse nach Token: Nehmen Sie einen DNS-Namen.";
    realm_not_https(url: &str): "{url} is not https: passwords travel there in clear." | "{url} ist nicht https: Passwörter reisen dorthin im Klartext.";
}

sentences! {
    configuration_secret(link): { "Where “…” stands, the notification secret belongs. It is shown once: " (link) " makes a new one." }
        | { "Wo „…“ steht, gehört das Meldegeheimnis hin. Es wird einmal gezeigt: " (link) " stellt ein neues aus." };
}
