//! Names to choose from: of those whom one sees anyway, and of nobody else.

use domain::namespace::Visibility;
use tests::site::{ADMINISTRATOR, Site};

use super::{browser, signed_in, team};

#[tokio::test]
async fn names_of_colleagues_are_offered_and_a_plain_user_learns_no_others() {
    let site = Site::start().await;
    for name in ["alice", "albert", "alfred", "bob", "hidden-alma", "eve"] {
        site.register(name).await;
    }
    for name in ["crew", "night"] {
        team(&site, name, "alice", Visibility::Private).await;
    }
    team(&site, "hidden-team", "hidden-alma", Visibility::Private).await;
    let mut alice = signed_in(&site, "alice").await;
    let page = alice.open("/teams/night").await;
    for name in ["albert", "bob"] {
        let done = alice
            .submit(&page, "/teams/night/members", &[("user", name), ("role", "viewer")])
            .await;
        assert_eq!(done.status, 200);
    }

    // Without script: those of one's other teams who are not in this one.
    let offered = |page: &super::browser::Page| page.attributes("datalist option", "value");
    let page = alice.open("/teams/crew").await;
    assert_eq!(page.attributes("input[name=user]:not([type=hidden])", "list"), ["people"]);
    assert_eq!(offered(&page), ["albert", "bob"]);
    let page = alice.open("/n/crew/-/access").await;
    assert_eq!(offered(&page), ["albert", "alice", "bob", "crew", "night"]);

    // While they type.
    let named = |page: &super::browser::Page| page.attributes("option", "value");
    for (path, names) in [
        ("/suggest/names?team=crew&user=AL", vec!["albert"]),
        ("/suggest/names?user=al", vec!["albert", "alice"]),
        ("/suggest/names?name=&kind=team", vec!["crew", "night"]),
        ("/suggest/names?name=n&kind=team", vec!["night"]),
        ("/suggest/names?name=b&kind=user", vec!["bob"]),
        ("/suggest/names?user=alf", vec![]),
        ("/suggest/names?user=hidden", vec![]),
        ("/suggest/names?name=hidden&kind=team", vec![]),
        ("/suggest/names?user=%25", vec![]),
    ] {
        let page = alice.open(path).await;
        assert_eq!(
            (page.status.as_u16(), named(&page)),
            (200, names.iter().map(ToString::to_string).collect()),
            "{path}"
        );
    }

    // Eve shares no team with anybody, and a team that she makes tells her nothing.
    let mut eve = signed_in(&site, "eve").await;
    let new = eve.open("/teams/new").await;
    let page = eve.submit(&new, "/teams/new", &[("name", "mine")]).await;
    assert!(offered(&page).is_empty(), "{}", page.text);
    for begins in ["", "a", "al", "alice", "hidden", "b", "e"] {
        for path in [
            format!("/suggest/names?user={begins}"),
            format!("/suggest/names?user={begins}&team=mine"),
            format!("/suggest/names?name={begins}&kind=team"),
            format!("/suggest/names?name={begins}&kind=any"),
        ] {
            let page = eve.open(&path).await;
            assert_eq!(page.status, 200, "{path}");
            let others = named(&page).into_iter().find(|name| name != "eve" && name != "mine");
            assert_eq!(others, None, "{path}");
        }
    }
    // Who is in a team is not told by who is left out, either: bob may not see that alice is in crew.
    let mut bob = signed_in(&site, "bob").await;
    let one = bob.open("/suggest/names?user=a&team=crew").await;
    let other = bob.open("/suggest/names?user=a").await;
    assert_eq!(named(&one), ["albert", "alice"]);
    assert_eq!(one.text, other.text);
    // And nobody learns nothing.
    let page = browser(&site).open("/suggest/names?user=a").await;
    assert_eq!((page.status.as_u16(), page.text.as_str()), (200, ""));
    site.stop().await;
}

#[tokio::test]
async fn administrators_are_offered_everybody_who_is_enabled_and_never_more_than_a_few() {
    let site = Site::start().await;
    for number in 0..25 {
        site.register(&format!("user{number:02}")).await;
    }
    let mut ada = signed_in(&site, ADMINISTRATOR).await;
    let named = |page: &super::browser::Page| page.attributes("option", "value");
    let page = ada.open("/suggest/names?user=user").await;
    assert_eq!(named(&page).len(), 20, "a list that somebody reads");
    assert_eq!(named(&ada.open("/suggest/names?user=user1").await).len(), 10);
    assert_eq!(named(&ada.open("/suggest/names?user=user07").await), ["user07"]);
    let one = ada.open("/admin/users/user07").await;
    ada.submit(&one, "/admin/users/user07/disable", &[("reason", "left")]).await;
    assert!(named(&ada.open("/suggest/names?user=user07").await).is_empty());
    let long = "u".repeat(129);
    assert!(named(&ada.open(&format!("/suggest/names?user={long}")).await).is_empty());
    site.stop().await;
}
