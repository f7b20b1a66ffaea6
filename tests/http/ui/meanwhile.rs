//! Two people who change the same thing at once: the later one is shown what the other did, and
//! nobody's choice is replaced unseen.

use domain::namespace::Visibility;
use tests::site::{ADMINISTRATOR, Site};

use super::browser::{Browser, Page};
use super::{signed_in, team};

/// Sends the form of a member in the list, not only the first one.
async fn of_member(
    browser: &mut Browser,
    page: &Page,
    path: &str,
    fields: &[(&str, &str)],
) -> Page {
    let token = page.csrf();
    let fields: Vec<_> = fields.iter().copied().chain([("csrf", token.as_str())]).collect();
    let request = browser.request(reqwest::Method::POST, path).form(&fields);
    browser.ask(request, path).await
}

#[tokio::test]
async fn of_two_who_change_a_role_the_later_one_sees_what_it_is_now() {
    let site = Site::start().await;
    for name in ["alice", "bob"] {
        site.register(name).await;
    }
    team(&site, "crew", "alice", Visibility::Private).await;
    let (mut here, mut there) =
        (signed_in(&site, "alice").await, signed_in(&site, ADMINISTRATOR).await);
    let page = here.open("/teams/crew").await;
    let add = [("user", "bob"), ("role", "viewer")];
    let page = here.submit(&page, "/teams/crew/members", &add).await;
    assert_eq!(page.values("form[action$=role] input[name=was]"), ["owner", "viewer"]);
    let role = "/teams/crew/members/role";
    let to =
        |role: &'static str, was: &'static str| [("user", "bob"), ("role", role), ("was", was)];

    let done = of_member(&mut here, &page, role, &to("contributor", "viewer")).await;
    assert_eq!(done.status, 303);
    let seen = there.open("/teams/crew").await;
    let clash = of_member(&mut there, &seen, role, &to("owner", "viewer")).await;
    assert_eq!(clash.status, 409, "{}", clash.words());
    assert!(clash.all("[role=alert]")[0].contains("Now it is: contributor"), "{}", clash.words());
    let bobs = |page: &Page| page.values("tbody form[action$=role] input[name=was]")[1].clone();
    assert_eq!(bobs(&here.open("/teams/crew").await), "contributor", "nothing changed");
    // A removal is a change, too.
    let removal = [("user", "bob"), ("was", "viewer")];
    let gone = of_member(&mut there, &seen, "/teams/crew/members/remove", &removal).await;
    assert_eq!(gone.status, 409, "{}", gone.words());
    // Whoever wants what is there already, and a program that does not tell, are in nobody's way.
    let same = of_member(&mut there, &seen, role, &to("contributor", "viewer")).await;
    assert_eq!(same.status, 303);
    let program = of_member(&mut there, &seen, role, &[("user", "bob"), ("role", "viewer")]).await;
    assert_eq!(program.status, 303);
    let seen = of_member(&mut here, &page, role, &to("owner", "contributor")).await;
    assert_eq!(seen.status, 409);
    // Who has seen it may replace it, and what they chose is still there.
    let done = here.submit(&seen, role, &[]).await;
    assert_eq!((done.status.as_u16(), bobs(&done).as_str()), (200, "owner"));
    site.stop().await;
}

#[tokio::test]
async fn of_two_who_show_or_give_a_namespace_the_later_one_sees_what_it_is_now() {
    let site = Site::start().await;
    site.register("alice").await;
    for name in ["crew", "other", "third"] {
        team(&site, name, "alice", Visibility::Private).await;
    }
    let mut here = signed_in(&site, "alice").await;
    let mut there = signed_in(&site, "alice").await;
    let settings = "/n/crew/-/settings";
    let (one, other) = (here.open(settings).await, there.open(settings).await);

    let shown = "/n/crew/-/visibility";
    let done = here.submit(&one, shown, &[("visibility", "protected")]).await;
    assert_eq!(done.status, 200);
    let clash = there.submit(&other, shown, &[("visibility", "public")]).await;
    assert_eq!(clash.status, 409, "{}", clash.words());
    assert!(clash.all("[role=alert]")[0].contains("Now it is: protected"), "{}", clash.words());
    assert_eq!(clash.values("input[name=visibility][checked]"), ["public"], "their choice is kept");
    assert_eq!(here.open("/n/crew").await.all(".headline .badge"), ["protected"]);
    let done = there.submit(&clash, shown, &[]).await;
    assert_eq!(done.status, 200);
    assert_eq!(here.open("/n/crew").await.all(".headline .badge"), ["public"]);

    let give = "/n/crew/-/team";
    let done = here.submit(&one, give, &[("team", "other")]).await;
    assert_eq!(done.status, 200);
    let clash = there.submit(&other, give, &[("team", "third")]).await;
    assert_eq!(clash.status, 409, "{}", clash.words());
    assert!(clash.all("[role=alert]")[0].contains("Now it is: other"), "{}", clash.words());
    assert!(here.open("/n/crew").await.words().contains("Team other"));
    there.submit(&clash, give, &[]).await;
    assert!(here.open("/n/crew").await.words().contains("Team third"));
    site.stop().await;
}

#[tokio::test]
async fn of_two_who_change_a_profile_or_a_registry_the_later_one_sees_what_is_there_now() {
    let site = Site::start().await;
    let mut here = signed_in(&site, ADMINISTRATOR).await;
    let mut there = signed_in(&site, ADMINISTRATOR).await;
    for (path, field, first, second) in [
        ("/me", "display_name", "Ada L.", "Countess"),
        ("/admin/registries/main", "host", "one.test", "two.test"),
    ] {
        let (one, other) = (here.open(path).await, there.open(path).await);
        let done = here.submit(&one, path, &[(field, first)]).await;
        assert_eq!(done.status, 200, "{path}");
        let clash = there.submit(&other, path, &[(field, second)]).await;
        assert_eq!(clash.status, 409, "{path}: {}", clash.words());
        assert!(clash.all("[role=alert]")[0].contains(first), "{path}: {}", clash.words());
        let kept = format!("#{field}");
        assert_eq!(clash.values(&kept), [second], "{path}: what was typed is kept");
        assert_eq!(here.open(path).await.values(&kept), [first], "{path}: nothing changed");
        let done = there.submit(&clash, path, &[]).await;
        assert_eq!((done.status.as_u16(), done.values(&kept)), (200, vec![second.to_owned()]));
    }
    site.stop().await;
}
