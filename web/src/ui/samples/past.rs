//! Pages that look back.

use projections::manifests::PastManifestRow;
use projections::tags::PastTagRow;

use super::super::past::{self, Past};
use super::*;

/// Each page of the past, full and empty.
pub(super) fn past(lang: Lang, text: &str) -> Vec<(&'static str, Markup)> {
    let mine = || text.to_owned();
    let then = Past { position: domain::event::Position(18_204), at: before(3) };
    let tag = || PastTagRow {
        name: mine(),
        digest: format!("sha256:{}", "0f".repeat(32)),
        position: 18_100,
        at: before(8),
        actor: mine(),
        kind: Some("image".to_owned()),
        total_size: Some(187_340_000),
        platforms: vec![mine()],
    };
    let repository = |full: bool| past::Repository {
        head: repository_head(lang, text),
        past: then,
        tags: if full { vec![tag(), tag()] } else { vec![] },
        next: full.then(mine),
        first: !full,
    };
    let one_tag = |full: bool| past::Tag {
        head: repository_head(lang, text),
        past: then,
        name: mine(),
        then_at: full.then(tag),
        references: vec![],
        history: if full {
            vec![TagChangeRow {
                position: 4,
                change: "pushed".to_owned(),
                digest: Some(mine()),
                at: before(4),
                actor: mine(),
            }]
        } else {
            vec![]
        },
        next: full.then_some(4),
        first: !full,
    };
    let manifest = |gone: bool| past::Manifest {
        head: repository_head(lang, text),
        past: then,
        row: PastManifestRow {
            id: 4,
            digest: format!("sha256:{}", "0f".repeat(32)),
            media_type: Some(mine()),
            artifact_type: None,
            kind: "image".to_owned(),
            total_size: Some(187_340_000),
            platforms: vec![mine()],
            first_push_at: Some(before(9)),
            deleted_at: gone.then(|| before(4)),
        },
        tags: if gone { vec![] } else { vec![mine()] },
        references: vec![],
    };
    let pushed = |number: i64| ActivityRow {
        position: 18_000 - number,
        tag: Some(format!("1.{number}")),
        ..row("content.manifest_pushed", "done", text)
    };
    let burst: Vec<_> = (0..14).map(pushed).collect();
    vec![
        ("repository, then", past::body(&repository(true))),
        ("repository, nothing then", past::body(&repository(false))),
        ("tag, then", past::tag_body(&one_tag(true))),
        ("tag, nowhere then", past::tag_body(&one_tag(false))),
        ("manifest, then", past::manifest_body(&manifest(false))),
        ("manifest, gone then", past::manifest_body(&manifest(true))),
        (
            "activity of a repository, then",
            past::activity_body(
                &repository_head(lang, text),
                &burst,
                &Clients::all(&burst, &client(text)),
                then,
            ),
        ),
    ]
}
