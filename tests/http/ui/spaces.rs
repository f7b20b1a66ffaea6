//! Teams and namespaces through their forms.

use domain::digest::Descriptor;
use domain::namespace::Visibility;
use domain::registry::ContentEvent;
use tests::site::Site;

use super::browser::Page;
use super::{person, push, pushed, record, signed_in, team};

#[tokio::test]
async fn a_team_is_made_filled_changed_and_deleted() {
    let site = Site::start().await;
    for name in ["alice", "bob"] {
        site.register(name).await;
    }
    let mut alice = signed_in(&site, "alice").await;
    let new = alice.open("/teams/new").await;
    let wrong = alice.submit(&new, "/teams/new", &[("name", "-")]).await;
    assert_eq!((wrong.status.as_u16(), wrong.count("[role=alert]")), (422, 1));
    let page = alice.submit(&new, "/teams/new", &[("name", "Night Shift")]).await;
    assert_eq!(page.path, "/teams/night%20shift");
    assert_eq!(page.all("p.notice[role=status]"), ["Made."]);
    assert_eq!(page.all("tbody th a"), ["alice"], "who makes a team owns it");

    let members = "/teams/night%20shift/members";
    let wrong = alice.submit(&page, members, &[("user", "nobody"), ("role", "viewer")]).await;
    assert_eq!((wrong.status.as_u16(), wrong.count("#user-wrong")), (422, 1), "{}", wrong.text);
    let page = alice.submit(&page, members, &[("user", "bob"), ("role", "viewer")]).await;
    assert_eq!(page.all("tbody th a"), ["alice", "bob"], "read your own writes");

    // A viewer sees the team and changes nothing.
    let mut bob = signed_in(&site, "bob").await;
    let seen = bob.open("/teams/night%20shift").await;
    assert_eq!((seen.status.as_u16(), seen.count("main form")), (200, 0));
    assert_eq!(bob.open("/teams/night%20shift/settings").await.status, 403);
    assert_eq!(bob.open("/teams/night%20shift/delete").await.status, 403);
    let token = bob.csrf("/").await;
    let fields = [("csrf", token.as_str()), ("user", "bob"), ("role", "owner")];
    let request =
        bob.request(reqwest::Method::POST, "/teams/night%20shift/members/role").form(&fields);
    assert_eq!(bob.ask(request, "").await.status, 403);

    // The last owner stays.
    let remove = format!("{members}/remove");
    let fields = [("csrf", page.csrf()), ("user", "alice".to_owned())];
    let request = alice.request(reqwest::Method::POST, &remove).form(&fields);
    let refused = alice.ask(request, &remove).await;
    assert_eq!(refused.status, 422);
    assert!(refused.words().contains("at least one owner"), "{}", refused.words());
    let fields = [("csrf", page.csrf()), ("user", "bob".to_owned())];
    let request = alice.request(reqwest::Method::POST, &remove).form(&fields);
    assert_eq!(alice.ask(request, &remove).await.status, 303);
    assert_eq!(bob.open("/teams/night%20shift").await.status, 404, "who has left sees no team");

    let page = alice.open("/teams/night%20shift/settings").await;
    let to = "/teams/night%20shift/settings";
    let page = alice.submit(&page, to, &[("description", "watches\r\nat night")]).await;
    assert_eq!(page.all("div.said"), ["watches at night"]);

    let delete = "/teams/night%20shift/delete";
    let page = alice.open(delete).await;
    let password = Site::password("alice");
    let wrong = alice.submit(&page, delete, &[("name", "night"), ("password", &password)]).await;
    assert_eq!((wrong.status.as_u16(), wrong.count("#name-wrong")), (422, 1));
    let filled = [("name", "night shift"), ("password", "not the password")];
    let wrong = alice.submit(&page, delete, &filled).await;
    assert_eq!((wrong.status.as_u16(), wrong.count("#password-wrong")), (422, 1));
    let filled = [("name", "night shift"), ("password", &*password)];
    let gone = alice.submit(&page, delete, &filled).await;
    assert_eq!(
        (gone.path.as_str(), gone.all("p.notice[role=status]")),
        ("/teams", vec!["Deleted.".to_owned()])
    );
    assert_eq!(alice.open("/teams/night%20shift").await.status, 404);
    site.stop().await;
}

#[tokio::test]
async fn a_namespace_is_made_shown_given_away_and_deleted() {
    let site = Site::start().await;
    for name in ["alice", "bob", "eve"] {
        site.register(name).await;
    }
    team(&site, "crew", "alice", Visibility::Private).await;
    team(&site, "other", "alice", Visibility::Private).await;
    let mut alice = signed_in(&site, "alice").await;
    let new = alice.open("/namespaces/new?team=crew").await;
    for (filled, status) in [
        (vec![("name", "Not Good"), ("team", "crew")], 422),
        (vec![("name", "tools"), ("team", "nothing")], 404),
        (vec![("name", "crew"), ("team", "crew")], 422),
        (vec![("name", "tools"), ("team", "crew"), ("visibility", "secret")], 422),
    ] {
        let page = alice.submit(&new, "/namespaces/new", &filled).await;
        assert_eq!(page.status.as_u16(), status, "{filled:?}: {}", page.words());
    }
    let page = alice.submit(&new, "/namespaces/new", &[("name", "tools"), ("team", "crew")]).await;
    assert_eq!(page.path, "/n/tools");
    assert_eq!(page.all(".headline .badge"), ["private"]);

    let mut eve = signed_in(&site, "eve").await;
    assert_eq!(eve.open("/n/tools").await.status, 404);
    let settings = alice.open("/n/tools/-/settings").await;
    let page =
        alice.submit(&settings, "/n/tools/-/visibility", &[("visibility", "protected")]).await;
    assert_eq!(page.all(".headline .badge"), ["protected"], "read your own writes");
    assert_eq!(eve.open("/n/tools").await.status, 200);
    assert!(!eve.open("/n/tools").await.words().contains("crew"), "the team is not for strangers");
    assert_eq!(eve.open("/n/tools/-/settings").await.status, 403);
    let token = eve.csrf("/").await;
    for (path, field, value) in [
        ("/n/tools/-/settings", "description", "mine"),
        ("/n/tools/-/visibility", "visibility", "public"),
        ("/n/tools/-/team", "team", "other"),
        ("/n/tools/-/delete", "name", "tools"),
    ] {
        let request =
            eve.request(reqwest::Method::POST, path).form(&[("csrf", &*token), (field, value)]);
        assert_eq!(eve.ask(request, path).await.status, 403, "{path}");
    }

    let page =
        alice.submit(&settings, "/n/tools/-/settings", &[("description", "what we use")]).await;
    assert_eq!(page.all("div.said"), ["what we use"]);
    let page = alice.submit(&settings, "/n/tools/-/team", &[("team", "other")]).await;
    assert_eq!(page.path, "/namespaces");
    assert!(alice.open("/n/tools").await.words().contains("Team other"));

    let page = alice.open("/n/tools/-/delete").await;
    let wrong = alice.submit(&page, "/n/tools/-/delete", &[("name", "crew")]).await;
    assert_eq!((wrong.status.as_u16(), wrong.count("#name-wrong")), (422, 1));
    push(&site, "alice", "tools/hammer:1").await;
    let full = alice.submit(&page, "/n/tools/-/delete", &[("name", "tools")]).await;
    assert_eq!(full.status, 422, "what holds images stays");
    let new = alice.open("/namespaces/new?team=crew").await;
    alice.submit(&new, "/namespaces/new", &[("name", "empty"), ("team", "crew")]).await;
    let page = alice.open("/n/empty/-/delete").await;
    let gone = alice.submit(&page, "/n/empty/-/delete", &[("name", "empty")]).await;
    assert_eq!(gone.path, "/namespaces");
    assert_eq!(alice.open("/n/empty").await.status, 404);
    site.stop().await;
}

#[tokio::test]
async fn a_repository_says_who_may_do_what_and_why() {
    let site = Site::start().await;
    for name in ["alice", "bob"] {
        site.register(name).await;
    }
    team(&site, "crew", "alice", Visibility::Protected).await;
    push(&site, "alice", "crew/app:1").await;
    let mut alice = signed_in(&site, "alice").await;
    let page = alice.open("/r/crew/app/-/access?user=bob").await;
    let words = page.words();
    for said in
        ["alice", "owner of team crew", "What bob may do here", "Contributors and owners push"]
    {
        assert!(words.contains(said), "{said}: {words}");
    }
    // Bob reads, and does not learn who is in the team, nor asks for others.
    let mut bob = signed_in(&site, "bob").await;
    let page = bob.open("/r/crew/app/-/access?user=alice").await;
    assert_eq!(page.status, 200);
    assert!(page.words().contains("What bob may do here"), "{}", page.words());
    assert!(!page.words().contains("owner of team"), "{}", page.words());
    assert_eq!(page.count("form input[name=user]"), 0);

    let page = alice.open("/r/crew/app/-/settings").await;
    let page = alice.submit(&page, "/r/crew/app/-/settings", &[("description", "our shop")]).await;
    assert_eq!(page.all("div.said"), ["our shop"]);
    let long = "x".repeat(5_000);
    let page = alice.open("/r/crew/app/-/settings").await;
    let wrong = alice.submit(&page, "/r/crew/app/-/settings", &[("description", &long)]).await;
    assert_eq!((wrong.status.as_u16(), wrong.count("#description-wrong")), (422, 1));
    assert!(wrong.text.contains(&long), "what was typed stays");
    assert_eq!(bob.open("/r/crew/app/-/settings").await.status, 403);
    site.stop().await;
}

#[tokio::test]
async fn only_manifests_that_a_manifest_holds_are_linked() {
    let site = Site::start().await;
    site.register("alice").await;
    team(&site, "crew", "alice", Visibility::Private).await;
    push(&site, "alice", "crew/app:1").await;
    let part = |kind: &str, what: &str| Descriptor {
        media_type: Some(format!("application/vnd.oci.image.{kind}")),
        digest: super::digest(what),
        size: Some(7),
        platform: Some("linux/amd64".to_owned()),
    };
    let mut index = pushed("crew/app:multi");
    if let ContentEvent::ManifestPushed { references, .. } = &mut index {
        references.push(part("manifest.v1+json", "crew/app:1"));
        references.push(part("config.v1+json", "configuration"));
        references.push(part("layer.v1.tar+gzip", "layer"));
    }
    record(&site, person("alice"), index).await;
    let mut alice = signed_in(&site, "alice").await;
    let digest = super::digest("crew/app:multi");
    let page = alice.open(&format!("/r/crew/app/-/manifests/{digest}")).await;
    assert_eq!(page.count("tbody tr"), 3);
    let links = page.attributes("tbody a", "href");
    assert_eq!(links.len(), 1, "{links:?}");
    assert_eq!(alice.open(&links[0]).await.status, 200);
    site.stop().await;
}

#[tokio::test]
async fn what_images_share_is_counted_once_and_said_of_each_layer() {
    let site = Site::start().await;
    site.register("alice").await;
    team(&site, "crew", "alice", Visibility::Private).await;
    let image = |tag: &str, layers: [&str; 2]| {
        let mut image = pushed(&format!("crew/app:{tag}"));
        if let ContentEvent::ManifestPushed { references, size, .. } = &mut image {
            *size = Some(1_000_000);
            *references = layers
                .map(|layer| Descriptor {
                    media_type: Some("application/vnd.oci.image.layer.v1.tar+gzip".to_owned()),
                    digest: super::digest(layer),
                    size: Some(20_000_000),
                    platform: None,
                })
                .to_vec();
        }
        image
    };
    for (tag, layers) in [("1", ["base", "one"]), ("2", ["base", "two"]), ("3", ["base", "two"])] {
        record(&site, person("alice"), image(tag, layers)).await;
    }
    let mut alice = signed_in(&site, "alice").await;
    let sizes = |page: &Page| -> Vec<String> {
        let facts = page.all("#facts > div").into_iter();
        facts.filter(|fact| fact.starts_with("Size") || fact.starts_with("Without")).collect()
    };
    let page = alice.open("/r/crew/app").await;
    // Three times a manifest and two layers; then three manifests and three layers.
    assert_eq!(sizes(&page), ["Size123.0 MB", "Without repeats63.0 MB"]);
    let one = super::digest("crew/app:1");
    let page = alice.open(&format!("/r/crew/app/-/manifests/{one}")).await;
    let shared: Vec<String> = page.all("td[data-label='Shared with']");
    assert_eq!(shared, ["2 other manifests", "–"]);

    let (registry, repository) = (super::registry(), super::repo("crew/app"));
    let gone = ContentEvent::Deleted { registry, repository, digest: one };
    record(&site, person("alice"), gone).await;
    let page = alice.open("/r/crew/app").await;
    // Both that are left hold the same layers.
    assert_eq!(sizes(&page), ["Size82.0 MB", "Without repeats42.0 MB"]);
    site.stop().await;
}

#[tokio::test]
async fn a_manifest_has_a_page_and_an_event_has_one_too() {
    let site = Site::start().await;
    for name in ["alice", "eve"] {
        site.register(name).await;
    }
    team(&site, "crew", "alice", Visibility::Private).await;
    let position = push(&site, "alice", "crew/app:1").await;
    let mut alice = signed_in(&site, "alice").await;
    let digest = super::digest("crew/app:1");
    let page = alice.open(&format!("/r/crew/app/-/manifests/{digest}")).await;
    assert_eq!(page.all(".chip"), ["1"]);
    let absent = super::digest("nothing");
    let gone = alice.open(&format!("/r/crew/app/-/manifests/{absent}")).await;
    assert_eq!(gone.status, 404);
    let event = format!("/activity/{}", position.0);
    let page = alice.open(&event).await;
    assert!(page.words().contains("alice pushed crew/app:1"), "{}", page.words());
    let mut eve = signed_in(&site, "eve").await;
    let hidden = eve.open(&event).await;
    let absent = eve.open("/activity/999999").await;
    assert_eq!((hidden.status.as_u16(), absent.status.as_u16()), (404, 404));
    site.stop().await;
}

#[tokio::test]
async fn a_namespace_and_a_team_show_what_happened_in_them_and_nowhere_else() {
    let site = Site::start().await;
    for name in ["alice", "bob"] {
        site.register(name).await;
    }
    team(&site, "crew", "alice", Visibility::Protected).await;
    team(&site, "other", "alice", Visibility::Protected).await;
    push(&site, "alice", "crew/app:1").await;
    push(&site, "alice", "other/app:1").await;
    let mut alice = signed_in(&site, "alice").await;
    let page = alice.open("/n/crew/-/activity").await;
    let said = page.all(".feed .sentence").join("\n");
    assert!(said.contains("crew/app:1") && !said.contains("other"), "{said}");
    let page = alice.open("/teams/crew/activity").await;
    let said = page.all(".feed .sentence").join("\n");
    assert!(said.contains("crew") && !said.contains("other"), "{said}");
    // Each leads there; who may not see it, is not.
    for (path, tab) in [("/n/crew", "/n/crew/-/activity"), ("/teams/crew", "/teams/crew/activity")]
    {
        assert!(alice.open(path).await.attributes(".tabs a", "href").contains(&tab.to_owned()));
    }
    let mut bob = signed_in(&site, "bob").await;
    assert_eq!(bob.open("/n/crew").await.status, 200);
    assert_eq!(bob.open("/n/crew/-/activity").await.status, 404);
    assert_eq!(bob.open("/n/crew").await.count(".tabs a[href$=activity]"), 0);
    assert_eq!(bob.open("/teams/crew/activity").await.status, 404);
    site.stop().await;
}

#[tokio::test]
async fn the_images_of_an_indexs_platforms_fold_out() {
    let site = Site::start().await;
    site.register("alice").await;
    team(&site, "crew", "alice", Visibility::Private).await;
    let part = |platform: &str| Descriptor {
        media_type: Some("application/vnd.oci.image.manifest.v1+json".to_owned()),
        digest: super::digest(platform),
        size: Some(1_000),
        platform: Some(platform.to_owned()),
    };
    let platforms = ["linux/amd64", "linux/arm64", "linux/s390x", "linux/ppc64le"];
    let mut index = pushed("crew/app:multi");
    if let ContentEvent::ManifestPushed { references, media_type, .. } = &mut index {
        *media_type = Some("application/vnd.oci.image.index.v1+json".to_owned());
        references.extend(platforms.map(part));
    }
    record(&site, person("alice"), index).await;
    let mut alice = signed_in(&site, "alice").await;
    let page = alice.open("/r/crew/app").await;
    assert_eq!(page.all("tbody summary"), ["linux/amd64, linux/arm64, linux/ppc64le +1"]);
    let said = page.all("tbody details li");
    assert_eq!(said.len(), platforms.len(), "{said:?}");
    assert!(said[1].contains("linux/arm64") && said[1].contains("1.0 kB"), "{said:?}");
    let facts = page.all(".facts div");
    let says = |what: &str| facts.iter().any(|fact| fact.contains(what));
    assert!(says("Team crew") && says("registry.test") && says("Size"), "{facts:?}");
    site.stop().await;
}

/// Nobody's words are replaced by somebody who has not seen them, and nothing that was typed is lost.
#[tokio::test]
async fn of_two_who_describe_the_same_thing_the_later_one_sees_what_the_other_wrote() {
    let site = Site::start().await;
    site.register("alice").await;
    team(&site, "crew", "alice", Visibility::Private).await;
    push(&site, "alice", "crew/app:1").await;
    let mut here = signed_in(&site, "alice").await;
    let mut there = signed_in(&site, "alice").await;
    for path in ["/r/crew/app/-/settings", "/n/crew/-/settings", "/teams/crew/settings"] {
        let (one, other) = (here.open(path).await, there.open(path).await);
        let done = here.submit(&one, path, &[("description", "what one wrote")]).await;
        assert_eq!(done.status, 200, "{path}");
        let clash = there.submit(&other, path, &[("description", "what the other wrote")]).await;
        assert_eq!(clash.status, 409, "{path}");
        assert_eq!(clash.all("[role=alert] blockquote"), ["what one wrote"], "{path}");
        assert_eq!(clash.all("textarea"), ["what the other wrote"], "{path}");
        assert!(here.open(path).await.text.contains("what one wrote"), "{path}: nothing changed");
        // Who has seen it may replace it.
        let done = there.submit(&clash, path, &[]).await;
        assert_eq!(done.status, 200, "{path}");
        let now = here.open(path).await;
        assert_eq!(now.all("textarea"), ["what the other wrote"], "{path}");

        // Refused for what it is, it is there to be mended.
        let long = "x".repeat(5_000);
        let wrong = here.submit(&now, path, &[("description", &long)]).await;
        assert_eq!((wrong.status.as_u16(), wrong.count("#description-wrong")), (422, 1), "{path}");
        assert_eq!(wrong.all("textarea"), [long], "{path}");
    }
    site.stop().await;
}
