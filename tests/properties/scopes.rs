//! Scopes as clients ask for them, in every mixture: what is granted was asked for and is allowed.

use std::collections::{BTreeMap, BTreeSet};

use domain::access::{Action, Graph, Policy, PushPolicy, Resource, Subject};
use domain::name::RepositoryName;
use domain::namespace::Visibility;
use domain::scope::{Scope, ScopeAction, ScopeResource};
use domain::team::Role;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;

use crate::agreement::{config, policy, time};
use crate::oracle::Oracle;
use crate::past::{graph_of, moment, name};
use crate::worlds::{past, subjects};

const TYPES: [&str; 7] =
    ["repository", "repository", "repository(plugin)", "registry", "Repository", "", "registry(x)"];
const NAMES: [&str; 16] = [
    "a/x",
    "a/b/x",
    "a/b/c/x",
    "d/x",
    "ann/x",
    "solo",
    "nowhere/x",
    "catalog",
    "anything",
    "A/x",
    "a//x",
    "../a/x",
    "a/x/",
    "host:5000/a/x",
    "",
    "_/x",
];
const ACTIONS: [&str; 12] = [
    "pull", "pull", "push", "push", "delete", "*", "", "owner", "member", "PULL", "pull_all",
    "show",
];

fn scope_text() -> impl Strategy<Value = String> {
    let actions = prop::collection::vec(select(&ACTIONS[..]), 0..6);
    let readable = (select(&TYPES[..]), select(&NAMES[..]), actions)
        .prop_map(|(kind, name, actions)| format!("{kind}:{name}:{}", actions.join(",")));
    prop_oneof![12 => readable, 1 => "[a-z:*,/ ]{0,20}", 1 => "\\PC{0,20}"]
}

/// The request read anew, without the parser of `domain`: by name of the repository, or the
/// catalog, the actions that are any.
fn asked(values: &[String]) -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut asked: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    for part in values.iter().flat_map(|value| value.split_ascii_whitespace()) {
        let mut pieces: Vec<&str> = part.split(':').collect();
        if pieces.len() < 3 {
            continue;
        }
        let (actions, kind) = (pieces.pop().unwrap(), pieces.remove(0));
        let name = pieces.join(":");
        let kind = if kind.ends_with(')') { kind.split('(').next().unwrap() } else { kind };
        let key = match kind {
            "repository" if name.parse::<RepositoryName>().is_ok() => format!("repository:{name}"),
            "registry" if name == "catalog" => "catalog".to_owned(),
            _ => continue,
        };
        let known = ["pull", "push", "delete", "*"];
        let actions: BTreeSet<_> = actions.split(',').collect();
        let known = known.into_iter().filter(|known| actions.contains(known));
        asked.entry(key).or_default().extend(known);
    }
    asked
}

/// What the rules in words allow of it.
fn expected(
    oracle: &Oracle,
    policy: &Policy,
    subject: &Subject,
    key: &str,
    asked: &BTreeSet<&'static str>,
    at: Timestamp,
) -> BTreeSet<&'static str> {
    let may = |action, resource: &Resource| {
        oracle.refusal(policy, subject, action, resource, at).is_none()
    };
    let Some(repository) = key.strip_prefix("repository:") else {
        let catalog = asked.contains("*") && may(Action::Catalog, &Resource::System);
        return if catalog { ["*"].into() } else { BTreeSet::new() };
    };
    let resource = Resource::Repository { registry: name("main"), name: name(repository) };
    [("pull", Action::Pull), ("push", Action::Push), ("delete", Action::Delete)]
        .into_iter()
        .filter(|(word, _)| asked.contains(word) || asked.contains("*"))
        .filter(|(_, action)| may(*action, &resource))
        .map(|(word, _)| word)
        .collect()
}

fn words(granted: &BTreeSet<ScopeAction>) -> BTreeSet<&'static str> {
    granted.iter().map(|action| action.as_str()).collect()
}

proptest! {
    #![proptest_config(config(96))]

    #[test]
    fn what_is_granted_was_asked_for_and_is_allowed(
        past in past(10..60),
        policy in policy(),
        values in prop::collection::vec(prop::collection::vec(scope_text(), 1..4), 1..4),
        at in time(),
    ) {
        let (graph, oracle) = (graph_of(&past), Oracle::after(&past));
        let values: Vec<String> = values.iter().map(|scopes| scopes.join(" ")).collect();
        let scopes = Scope::parse_all(values.iter().map(String::as_str));
        let asked = asked(&values);
        for subject in subjects() {
            let answers = graph.grant(&policy, subject, &name("main"), &scopes, at);
            prop_assert_eq!(answers.len(), scopes.len());
            for (answer, scope) in answers.iter().zip(&scopes) {
                prop_assert_eq!(&answer.scope, scope);
                let key = match &scope.resource {
                    ScopeResource::Repository(name) => format!("repository:{name}"),
                    ScopeResource::Catalog => "catalog".to_owned(),
                    ScopeResource::Unknown { .. } => {
                        prop_assert!(answer.granted.is_empty(), "{:?}", answer);
                        continue;
                    }
                };
                let asked = &asked[&key];
                let expected = expected(&oracle, &policy, subject, &key, asked, at);
                let granted = words(&answer.granted);
                prop_assert_eq!(&granted, &expected, "{:?} {:?}", subject, answer);
                // Said once more without the oracle:
                let star = asked.contains("*");
                prop_assert!(star || granted.is_subset(asked));
                prop_assert!(key == "catalog" || !granted.contains("*"));
                prop_assert_eq!(answer.allowed.is_some(), !granted.is_empty());
                let everything = !asked.is_empty()
                    && if key == "catalog" { &granted == asked } else {
                        ["pull", "push", "delete"].iter().all(|word| {
                            granted.contains(word) || !(star || asked.contains(word))
                        })
                    };
                prop_assert_eq!(answer.refused.is_none(), everything, "{:?}", answer);
            }
        }
    }

    #[test]
    fn no_text_makes_the_scope_parser_stumble(values in prop::collection::vec("\\PC{0,80}", 0..4)) {
        let scopes = Scope::parse_all(values.iter().map(String::as_str));
        let nobody = Graph::default();
        let policy = Policy::default();
        let answers = nobody.grant(&policy, &Subject::Anonymous, &name("main"), &scopes, moment(0));
        prop_assert!(answers.iter().all(|answer| answer.granted.is_empty()));
    }
}

/// What `who` gets when asking for `scope` in a world where ann owns the team of the private
/// `space`, bob is contributor, cem is nobody, and everybody has a person's account.
fn granted(policy: &Policy, visibility: Visibility, who: &str, scope: &str) -> String {
    use domain::event::Event;
    use domain::namespace::NamespaceEvent;
    use domain::team::TeamEvent;
    let person = domain::user::Account::Person;
    let mut past: Vec<Event> = vec![crate::table_rows::registry_added()];
    past.extend(["ann", "bob", "cem"].map(|user| crate::table_rows::registered(user, person)));
    past.extend(crate::laws::story_of_a_shared_namespace().into_iter().take(2));
    past.push(
        TeamEvent::MemberAdded { team: name("blue"), user: name("bob"), role: Role::Contributor }
            .into(),
    );
    let (registry, namespace) = (name("main"), name("space"));
    let (from, to) = (Visibility::Private, visibility);
    past.push(NamespaceEvent::VisibilityChanged { registry, namespace, from, to }.into());
    let subject = match who {
        "anonymous" => Subject::Anonymous,
        "invalid" => Subject::Invalid,
        user => Subject::Account { name: name(user) },
    };
    let scopes = Scope::parse_all([scope]);
    let answers = graph_of(&past).grant(policy, &subject, &name("main"), &scopes, moment(0));
    let each =
        answers.iter().map(|it| words(&it.granted).into_iter().collect::<Vec<_>>().join(","));
    each.collect::<Vec<_>>().join(" ")
}

fn private(who: &str, scope: &str) -> String {
    granted(&Policy::default(), Visibility::Private, who, scope)
}

#[test]
fn a_star_does_not_carry_other_actions_past_the_check() {
    for actions in ["*,pull,push", "*,pull", "pull,*", "*,*", "pull,pull", ",pull", "pull,", "*"] {
        let scope = format!("repository:space/x:{actions}");
        assert_eq!(private("anonymous", &scope), "", "{actions}");
        assert_eq!(private("cem", &scope), "", "{actions}");
        assert_eq!(private("invalid", &scope), "", "{actions}");
    }
    assert_eq!(private("bob", "repository:space/x:*,pull,push"), "pull,push");
    assert_eq!(private("ann", "repository:space/x:pull,*"), "delete,pull,push");
    assert_eq!(private("bob", "repository:space/x:,pull"), "pull");
}

#[test]
fn an_unknown_type_name_or_action_grants_nothing() {
    for scope in [
        "registry:catalog:pull,*",
        "registry:catalog:*",
        "registry:anything:*",
        "registry:space/x:pull",
        "catalog:registry:*",
        "repository:space/x:owner,member,show",
        "repository:Space/x:pull",
    ] {
        assert_eq!(private("ann", scope), "", "{scope}");
    }
}

#[test]
fn a_star_comes_to_what_the_push_policy_leaves() {
    let scope = "repository:space/x:*";
    let with = |push| Policy { push, ..Policy::default() };
    let ann = |push| granted(&with(push), Visibility::Private, "ann", scope);
    assert_eq!(ann(PushPolicy::AllowTeams), "delete,pull,push");
    assert_eq!(ann(PushPolicy::AllowPersonal), "delete,pull");
    assert_eq!(ann(PushPolicy::AdminOnly), "delete,pull");
}

#[test]
fn a_name_of_a_method_is_no_action() {
    for word in ["owner", "member", "show", "Pull", "PUSH", "all", "pull*", "**", "wildcard"] {
        assert_eq!(private("ann", &format!("repository:space/x:{word}")), "", "{word}");
    }
}

#[test]
fn a_denied_push_leaves_the_pull() {
    let public =
        |who| granted(&Policy::default(), Visibility::Public, who, "repository:space/x:pull,push");
    assert_eq!(public("anonymous"), "pull");
    assert_eq!(public("cem"), "pull");
    assert_eq!(public("bob"), "pull,push");
}

#[test]
fn a_denied_source_of_a_mount_leaves_the_destination() {
    let scopes = "repository:nowhere/x:pull repository:space/x:pull,push";
    assert_eq!(private("bob", scopes), " pull,push");
}

#[test]
fn hidden_and_absent_repositories_are_answered_alike() {
    use domain::access::Form;
    let hidden = private("cem", "repository:space/x:pull,push,delete");
    assert_eq!(hidden, private("cem", "repository:nowhere/x:pull,push,delete"));
    let oracle = Oracle::default();
    let absent = Resource::Repository { registry: name("main"), name: name("nowhere/x") };
    let policy = Policy::default();
    let anonymous =
        oracle.refusal(&policy, &Subject::Anonymous, Action::SeeTag, &absent, moment(0));
    assert_eq!(anonymous, Some(Form::SignIn));
}
