//! The service as a whole: what every request gets, whoever answers it.

use tests::site::Site;

#[tokio::test]
async fn a_disabled_user_gets_no_more_tokens() {
    let site = Site::start().await;
    site.register("bob").await;
    let before = site.token("bob", "repository:bob/app:pull").await;
    assert_eq!(before, r#"200 [{"actions":["pull"],"name":"bob/app","type":"repository"}]"#);

    let (status, body) = site.as_admin().disable("bob", "left the company").await;
    assert_eq!(status, 204, "{body}");

    assert_eq!(site.token("bob", "repository:bob/app:pull").await, "401 UNAUTHORIZED");
    site.stop().await;
}

#[tokio::test]
async fn a_service_that_is_well_says_so() {
    let site = Site::start().await;
    assert_eq!(site.get("/livez").await, (200, r#"{"status":"ok"}"#.to_owned()));
    assert_eq!(site.get("/readyz").await, (200, r#"{"status":"ok"}"#.to_owned()));
    site.stop().await;
}

#[tokio::test]
async fn metrics_are_for_this_machine_and_not_for_what_a_proxy_lets_through() {
    let site = Site::start().await;
    let (status, text) = site.get("/metrics").await;
    assert_eq!(status, 200);
    assert!(text.contains("portus_build_info"), "{text}");
    let url = format!("{}/metrics", site.url);
    let forwarded = reqwest::Client::new().get(url).header("x-forwarded-for", "192.0.2.1");
    assert_eq!(forwarded.send().await.unwrap().status(), 404);
    site.stop().await;
}

#[tokio::test]
async fn every_answer_carries_a_request_id_and_a_plain_one_is_kept() {
    let site = Site::start().await;
    let ask = async |id: Option<&str>| {
        let mut request = reqwest::Client::new().get(format!("{}/nothing/here", site.url));
        if let Some(id) = id {
            request = request.header("x-request-id", id);
        }
        let answer = request.send().await.unwrap();
        answer.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(ask(None).await.len(), 32);
    assert_eq!(ask(Some("build-4711")).await, "build-4711");
    let long = "x".repeat(web::client::MAX_REQUEST_ID_BYTES + 1);
    assert_eq!(ask(Some(&long)).await.len(), 32);
    assert_eq!(ask(Some("a b")).await.len(), 32);
    site.stop().await;
}

#[tokio::test]
async fn a_database_that_is_gone_makes_the_service_unready_and_says_why() {
    let site = Site::start().await;
    site.ground.database.service.close().await;
    let (status, body) = site.get("/readyz").await;
    assert_eq!(status, 503);
    assert!(body.contains("database"), "{body}");
    assert_eq!(site.get("/livez").await.0, 200);
    site.stop().await;
}
