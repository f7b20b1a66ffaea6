//! `portus keys`: what signs, and a new key in its place. Works on the files; the service may be
//! running, and takes a new key up within a second.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::json;

use crate::registry::keys::{KeyError, KeyForm, KeyStore, PublicLeaf, Rotated};

/// What `portus keys show` prints: the present key, one that is announced, and those before.
///
/// # Errors
///
/// [`KeyError`], whose text says what to do.
pub fn show(store: &KeyStore, as_json: bool) -> Result<String, KeyError> {
    let (present, retired) = (store.leaf()?.public, store.retired()?);
    let next = store.next()?.map(|leaf| leaf.public);
    if as_json {
        let retired: Vec<_> = retired.iter().map(fields).collect();
        let all = json!({
            "present": fields(&present),
            "next": next.as_ref().map(fields),
            "retired": retired,
            "form": form(store),
            "bundle": store.bundle_path().display().to_string(),
        });
        return Ok(format!("{all:#}\n"));
    }
    let mut text = String::new();
    describe(&mut text, "signs now", &present);
    if let Some(next) = &next {
        describe(&mut text, "signs after the next `portus keys rotate`", next);
    }
    for leaf in &retired {
        describe(&mut text, "before it", leaf);
    }
    let _ = writeln!(text, "tokens name it: {}", form(store));
    let _ = writeln!(text, "registry's rootcertbundle: {}", store.bundle_path().display());
    Ok(text)
}

/// What `portus keys rotate` does and prints.
///
/// # Errors
///
/// [`KeyError`], whose text says what to do; the present key still signs then.
pub fn rotate(store: &KeyStore, now: Timestamp, as_json: bool) -> Result<String, KeyError> {
    let rotated = store.step(now)?;
    if as_json {
        let (present, next) = (store.leaf()?.public, store.next()?.map(|leaf| leaf.public));
        let all = json!({ "present": fields(&present), "next": next.as_ref().map(fields) });
        return Ok(format!("{all:#}\n"));
    }
    let mut text = String::new();
    match &rotated {
        Rotated::Signs(new) => {
            describe(&mut text, "signs now", new);
            text.push_str(
                "A running service takes it up within a second; registries need nothing. Tokens \
                 of the key before stay good until they end.\n",
            );
        }
        Rotated::Announced(new) => {
            describe(&mut text, "announced", new);
            let _ = writeln!(
                text,
                "It does not sign yet. Give registries {} (2.x) or /.well-known/jwks.json (3.x), \
                 restart them, and run `portus keys rotate` again.",
                store.bundle_path().display()
            );
        }
    }
    Ok(text)
}

fn form(store: &KeyStore) -> &'static str {
    match store.kind().form {
        KeyForm::Chain => "chain",
        KeyForm::KeyId => "key-id",
    }
}

fn fields(leaf: &PublicLeaf) -> serde_json::Value {
    json!({
        "kid": leaf.kid,
        "algorithm": leaf.key.algorithm().as_str(),
        "thumbprint": leaf.thumbprint,
        "not_before": leaf.not_before.to_string(),
        "not_after": leaf.not_after.to_string(),
    })
}

fn describe(text: &mut String, what: &str, leaf: &PublicLeaf) {
    let (from, until) = (leaf.not_before, leaf.not_after);
    let _ = writeln!(text, "{what}: {} ({})", leaf.thumbprint, leaf.key.algorithm());
    let _ = writeln!(text, "    kid {}, good from {from} until {until}", leaf.kid);
}
