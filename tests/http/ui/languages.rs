//! In which language somebody is answered.

use tests::site::Site;

use super::browser;

#[tokio::test]
async fn a_browser_is_answered_in_the_language_that_it_asks_for() {
    let site = Site::start().await;
    let mut browser = browser(&site);
    let mut ask = async |path: &str, accept: &str| {
        let request = browser.request(reqwest::Method::GET, path).header("accept-language", accept);
        browser.ask(request, path).await
    };
    let german = ask("/sign-in", "de-AT,de;q=0.9,en;q=0.5").await;
    assert_eq!((german.all("h1"), german.count("html[lang=de]")), (vec!["Anmelden".to_owned()], 1));
    let english = ask("/sign-in", "fr, nl").await;
    assert_eq!(
        (english.all("h1"), english.count("html[lang=en]")),
        (vec!["Sign in".to_owned()], 1)
    );
    // Errors, and refusals by rules, too.
    let gone = ask("/nothing-here", "de").await;
    assert_eq!((gone.status.as_u16(), gone.all("h1")), (404, vec!["Nicht gefunden".to_owned()]));
    assert!(
        gone.words().contains("Hier ist nichts, oder es ist nicht für Sie."),
        "{}",
        gone.words()
    );
    let request = browser
        .request(reqwest::Method::POST, "/sign-in")
        .header("accept-language", "de")
        .form(&[("name", "ada"), ("password", "wrong wrong wrong")]);
    let refused = browser.ask(request, "/sign-in").await;
    assert_eq!(refused.status, 401);
    assert!(refused.words().contains("Name oder Passwort ist falsch"), "{}", refused.words());
    site.stop().await;
}
