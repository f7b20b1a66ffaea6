//! An example for each verb that has no other words below its help.

use clap::Command;

const EXAMPLES: &[(&str, &str)] = &[
    ("logout", "portus logout"),
    ("whoami", "portus whoami --json | jq -r .username"),
    ("user list", "portus user list --enabled false --json | jq -r '.[].username'"),
    ("user show", "portus user show bob"),
    (
        "user create",
        "head -c 18 /dev/urandom | base64 | tee secret | portus user create bob --password-file -\n  \
         portus user create ci-build --bot",
    ),
    ("user update", "portus user update bob --email bob@example.com --display-name 'Bob B.'"),
    ("user delete", "portus user delete bob --yes"),
    ("user disable", "portus user disable bob --reason 'left the company'"),
    ("user enable", "portus user enable bob"),
    ("user sign-out", "portus user sign-out bob"),
    ("user grant", "portus user grant carol auditor"),
    ("user revoke", "portus user revoke carol admin"),
    ("team list", "portus team list --prefix pay"),
    ("team show", "portus team show payments"),
    ("team create", "portus team create payments --description 'Cards and invoices'"),
    ("team update", "portus team update payments --description 'Cards, invoices, refunds'"),
    ("team delete", "portus team delete payments --new-team platform --yes"),
    ("team members", "portus team members payments --json | jq -r '.[].username'"),
    ("team add", "portus team add payments bob --role contributor"),
    ("team role", "portus team role payments bob owner"),
    ("team remove", "portus team remove payments bob"),
    ("team namespaces", "portus team namespaces payments"),
    ("namespace list", "portus namespace list --team payments --visibility private"),
    ("namespace show", "portus namespace show payments"),
    ("namespace create", "portus namespace create payments --team payments --visibility private"),
    ("namespace validate", "portus namespace validate payments"),
    ("namespace update", "portus namespace update payments --visibility protected"),
    ("namespace delete", "portus namespace delete payments --yes"),
    ("namespace repositories", "portus namespace repositories payments"),
    ("namespace grants", "portus namespace grants payments"),
    (
        "namespace grant",
        "portus namespace grant payments --to carol --role viewer --until 2027-01-01T00:00:00Z\n  \
         portus namespace grant payments --team auditors --role viewer --repository payments/api",
    ),
    (
        "namespace revoke",
        "portus namespace grants payments\n  \
         portus namespace revoke payments 0195b3a0-0000-7000-8000-000000000000",
    ),
    ("repository list", "portus repository list --sort pulls --namespace payments --limit 10"),
    ("repository show", "portus repository show payments/checkout"),
    ("repository update", "portus repository update payments/checkout --description 'The till'"),
    ("repository tags", "portus repository tags payments/checkout --newest --limit 5"),
    ("repository tag", "portus repository tag payments/checkout 2.4.1 --json | jq -r .digest"),
    ("repository history", "portus repository history payments/checkout latest"),
    ("repository manifests", "portus repository manifests payments/checkout"),
    (
        "repository manifest",
        "portus repository manifest payments/checkout \
         sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ),
    ("repository star", "portus repository star payments/checkout"),
    ("repository unstar", "portus repository unstar payments/checkout"),
    ("repository explain", "portus repository explain payments/checkout push --who bob"),
    ("token list", "portus token list --for ci-build"),
    (
        "token create",
        "portus token create build --for ci-build --scope push --namespace payments > token",
    ),
    ("token revoke", "portus token revoke 18204 --yes"),
    ("registry list", "portus registry list"),
    ("registry show", "portus registry show main"),
    (
        "registry create",
        "portus registry create main registry.internal:5000 --external-hostname registry.example.com",
    ),
    ("registry update", "portus registry update main --use-ssl true"),
    ("registry secret", "portus registry secret main --yes > notification-secret"),
    ("registry validate", "portus registry validate main registry.internal:5000"),
];

/// The command line with these.
pub(super) fn with_examples(command: Command) -> Command {
    EXAMPLES.iter().fold(command, |command, (path, example)| {
        let path: Vec<&str> = path.split(' ').collect();
        at(command, &path, example)
    })
}

fn at(command: Command, path: &[&str], example: &str) -> Command {
    let Some((verb, rest)) = path.split_first() else {
        let title = if example.contains('\n') { "Examples" } else { "Example" };
        return command.after_help(format!("{title}:\n  {example}"));
    };
    if command.find_subcommand(verb).is_none() {
        return command;
    }
    command.mut_subcommand(verb, |below| at(below, rest, example))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::super::Cli;
    use super::*;

    /// A line as a shell takes it apart, as far as examples go.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quoted = false;
        for letter in line.chars() {
            match letter {
                '\'' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                letter => words.last_mut().unwrap().push(letter),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    /// The calls of our program in a line.
    fn calls(line: &str) -> Vec<Vec<String>> {
        let words = words(line);
        let all = words.split(|word| matches!(&**word, "|" | "&&" | ">" | "<"));
        all.filter(|call| call.first().is_some_and(|word| word == "portus"))
            .map(<[String]>::to_vec)
            .collect()
    }

    fn each(command: &Command, path: &str, look: &mut impl FnMut(&Command, &str)) {
        look(command, path);
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            each(below, &format!("{path} {}", below.get_name()), look);
        }
    }

    #[test]
    fn every_verb_has_an_example_and_every_example_is_understood() {
        let command = with_examples(Cli::command());
        let (mut bare, mut wrong, mut understood) = (Vec::new(), Vec::new(), 0);
        each(&command, "portus", &mut |command, path| {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            // A container file writes a call as a list.
            let shown = after.replace(['"', ','], "");
            if command.get_subcommands().next().is_none() && !shown.contains(path) {
                bare.push(path.to_owned());
            }
            for call in after.lines().filter(|line| line.starts_with("  ")).flat_map(calls) {
                // What stands in brackets behind a call is for people.
                let call = call.into_iter().take_while(|word| !word.starts_with('('));
                match with_examples(Cli::command()).try_get_matches_from(call) {
                    Ok(_) => understood += 1,
                    Err(error) => wrong.push(format!("{path}: {error}")),
                }
            }
        });
        assert!(bare.is_empty(), "no example below the help of {bare:?}");
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(understood > EXAMPLES.len(), "{understood} calls");
    }
}
