//! What was made for an image is shown with it: signatures, attestations, lists of contents.

use domain::digest::Descriptor;
use domain::namespace::Visibility;
use domain::registry::ContentEvent;
use projections::referrers::MOST_REFERRERS;
use tests::site::Site;

use super::{digest, person, pushed, record, signed_in, team};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn part(name: &str, media_type: &str) -> Descriptor {
    Descriptor {
        media_type: Some(media_type.to_owned()),
        digest: digest(name),
        size: Some(700),
        platform: None,
    }
}

/// A push of `image` that consists of these; without tag, if `tagged` is not.
fn of(image: &str, kind: &str, parts: Vec<Descriptor>, tagged: bool) -> ContentEvent {
    let mut event = pushed(image);
    if let ContentEvent::ManifestPushed { references, media_type, tag, .. } = &mut event {
        *media_type = Some(kind.to_owned());
        *references = parts;
        if !tagged {
            *tag = None;
        }
    }
    event
}

#[tokio::test]
async fn what_was_made_for_an_image_is_shown_with_it() {
    let site = Site::start().await;
    site.register("alice").await;
    team(&site, "crew", "alice", Visibility::Private).await;
    let tell = async |event| record(&site, person("alice"), event).await;
    tell(pushed("crew/app:1")).await;
    tell(pushed("crew/app:2")).await;
    let subject = digest("crew/app:1").to_string().replace(':', "-");
    let mut alice = signed_in(&site, "alice").await;
    let pages = [
        "/r/crew/app/-/tags/1".to_owned(),
        format!("/r/crew/app/-/manifests/{}", digest("crew/app:1")),
    ];
    for path in &pages {
        assert_eq!(alice.open(path).await.count("ul.made"), 0, "nothing was made yet");
    }

    // As cosign does, and as the specification has clients do.
    tell(pushed(&format!("crew/app:{subject}.sig"))).await;
    let bill = part("bill", "application/spdx+json");
    let config = part("empty", "application/vnd.oci.empty.v1+json");
    tell(of("crew/app:bill", MANIFEST, vec![config, bill], false)).await;
    let untold = part("untold", MANIFEST);
    let listed = vec![part("crew/app:bill", MANIFEST), untold];
    tell(of(&format!("crew/app:{subject}"), INDEX, listed, true)).await;
    for path in &pages {
        let page = alice.open(path).await;
        let said = page.all("ul.made li");
        assert_eq!(said.len(), 3, "{path}: {said:?}");
        assert!(said[0].starts_with("Signature – cosign") && said[0].contains("alice"), "{said:?}");
        assert!(said[1].starts_with("List of contents (SBOM) – SPDX"), "{said:?}");
        assert!(said[2].starts_with("Attached artifact"), "{said:?}");
        let links = page.attributes("ul.made a", "href");
        let bill = format!("/r/crew/app/-/manifests/{}", digest("crew/app:bill"));
        assert_eq!(links, [format!("/r/crew/app/-/tags/{subject}.sig"), bill], "what has a page");
        for link in links {
            assert_eq!(alice.open(&link).await.status, 200, "{link}");
        }
    }
    assert_eq!(alice.open("/r/crew/app/-/tags/2").await.count("ul.made"), 0, "of that image alone");

    // However many there are.
    let most = usize::try_from(MOST_REFERRERS).unwrap();
    let many: Vec<_> = (0..most + 5).map(|n| part(&format!("made {n}"), MANIFEST)).collect();
    tell(of(&format!("crew/app:{subject}"), INDEX, many, true)).await;
    let page = alice.open(&pages[0]).await;
    assert_eq!(page.count("ul.made li"), most);
    let more = page.attributes("ul.made + p a", "href");
    assert_eq!(more, [format!("/r/crew/app/-/tags/{subject}")]);
    assert_eq!(alice.open(&more[0]).await.count("tbody tr th code"), most + 5);
    // What is deleted, is not there.
    let deleted = ContentEvent::TagDeleted {
        registry: super::registry(),
        repository: super::repo("crew/app"),
        tag: domain::name::TagName::parse(&format!("{subject}.sig")).unwrap(),
    };
    tell(deleted).await;
    let said = alice.open(&pages[0]).await.all("ul.made li");
    assert!(said.iter().all(|said| !said.contains("cosign")), "{said:?}");
    site.stop().await;
}
