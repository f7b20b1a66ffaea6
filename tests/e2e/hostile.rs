//! Wrong, odd and hostile requests with the real program behind: an answer with a sentence, and
//! nothing broken after it.

use tests::oci::Oci;
use tests::watched::have;
use tests::witness::Witness;

use crate::site;

#[tokio::test]
async fn deep_odd_and_long_names_of_a_registry_are_pushed_and_found() {
    if !have(&["docker-registry", "initdb"]) {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let oci = Oci::new(site.registry(), Some((&alice.name, &alice.password)));
    let deep = format!("{}/{}", alice.name, vec!["a"; 60].join("/"));
    let odd = format!("{}/a.b_c__d---e/0", alice.name);
    // A little below the 255 bytes of the grammar, with which Distribution 2.8 fails by itself.
    let mut long = format!("{}/{}/", alice.name, "x".repeat(100));
    long.push_str(&"y".repeat(220 - long.len()));
    for repository in [deep, odd, long] {
        let since = site.head().await;
        oci.push_image(&repository, "v1").await.expect("a push");
        let told = Witness { site, since, person: &alice, repository: &repository };
        told.tells_of_push("v1").await;
    }
}

#[tokio::test]
async fn wrong_scopes_are_answered_and_grant_nothing() {
    if !have(&["docker-registry", "initdb"]) {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let oci = Oci::new(site.registry(), Some((&alice.name, &alice.password)));
    let mallory = site.person("mallory").await;
    let victim = format!("{}/app", mallory.name);
    let many = vec![format!("repository:{victim}:pull,push,delete"); 50].join(" ");
    let long = format!("repository:{}:pull", "a/".repeat(4_000));
    let scopes = [
        "repository",
        "repository:",
        "::",
        ":::",
        "repository:x",
        "repository:../../etc/passwd:pull",
        "repository:A/B:push",
        "repository:a//b:pull",
        "repository:\u{0}:pull",
        "repository:\u{1F600}:pull",
        "registry:catalog:*",
        "registry:catalog:delete",
        "plugin:x:pull",
        "repository(plugin):x/y:pull",
        &many,
        &long,
    ];
    for scope in scopes {
        let grant = oci.grant(&[scope]).await.expect("an answer");
        let shown: String = scope.chars().take(60).collect();
        match grant.status {
            200 => {
                let claims = grant.claims();
                let access = claims["access"].as_array().cloned().unwrap_or_default();
                let none = access
                    .iter()
                    .all(|one| one["actions"].as_array().is_none_or(|actions| actions.is_empty()));
                assert!(none, "{shown}: {access:?}");
            }
            400..500 => {
                let message = grant.body["errors"][0]["message"].as_str().unwrap_or_default();
                assert!(message.contains(' '), "{shown}: no sentence in {}", grant.body);
            }
            other => panic!("{shown}: {other} {}", grant.body),
        }
    }
    oci.push_image(&format!("{}/after", alice.name), "v1").await.expect("a push after all that");
}

#[tokio::test]
async fn a_request_for_hundreds_of_repositories_is_answered_at_once() {
    if !have(&["docker-registry", "initdb"]) {
        return;
    }
    let site = site().await;
    let alice = site.person("alice").await;
    let oci = Oci::new(site.registry(), Some((&alice.name, &alice.password)));
    let scopes: Vec<String> =
        (0..100).map(|number| format!("repository:{}/r{number}:pull", alice.name)).collect();
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let grant = oci.grant(&scopes).await.expect("an answer");
    assert!(grant.status == 200 || (400..500).contains(&grant.status), "{grant:?}");
}

#[tokio::test]
async fn names_and_words_of_others_in_a_repository_name_do_nothing_on_its_page() {
    if !have(&["docker-registry", "initdb"]) {
        return;
    }
    let site = site().await;
    let api = site.api_of_nobody();
    for path in [
        "/r/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/r/..%2f..%2fetc%2fpasswd",
        "/r/a%00b",
        "/r/%ff",
        "/r/",
        "/search?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/search?q=%00",
        "/search?q=%22%20OR%20*",
        "/api/v1/search?q=((((((((((",
    ] {
        let answer = api.get(path).await;
        assert!(answer.status < 500, "{path}: {} {}", answer.status, answer.text);
        assert!(!answer.text.contains("<script>alert"), "{path}: {}", answer.text);
    }
    let long = format!("/search?q={}", "a".repeat(7_000));
    let answer = api.get(&long).await;
    assert!(answer.status < 500, "{}: {}", answer.status, answer.text);
}
