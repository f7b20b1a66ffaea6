//! `portus keys`: what signs, and a new key in its place. Works on the files; the service may be
//! running, and takes a new key up within a second.

use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

use crate::registry::keys::{KeyError, KeyStore, PublicLeaf};

/// What `portus keys show` prints: the present key and those before it.
///
/// # Errors
///
/// [`KeyError`], whose text says what to do.
pub fn show(folder: &Path, now: Timestamp, as_json: bool) -> Result<String, KeyError> {
    let store = KeyStore::open(folder, now)?;
    let (present, retired) = (store.leaf()?.public, store.retired()?);
    if as_json {
        let retired: Vec<_> = retired.iter().map(fields).collect();
        let bundle = store.bundle_path().display().to_string();
        let all = json!({ "present": fields(&present), "retired": retired, "bundle": bundle });
        return Ok(format!("{all:#}\n"));
    }
    let mut text = String::new();
    describe(&mut text, "signs now", &present);
    for leaf in &retired {
        describe(&mut text, "before it", leaf);
    }
    let _ = writeln!(text, "registry's rootcertbundle: {}", store.bundle_path().display());
    Ok(text)
}

/// What `portus keys rotate` does and prints.
///
/// # Errors
///
/// [`KeyError`], whose text says what to do; the present key still signs then.
pub fn rotate(folder: &Path, now: Timestamp, as_json: bool) -> Result<String, KeyError> {
    let new = KeyStore::open(folder, now)?.rotate(now)?;
    if as_json {
        return Ok(format!("{:#}\n", json!({ "present": fields(&new) })));
    }
    let mut text = String::new();
    describe(&mut text, "signs now", &new);
    text.push_str(
        "A running service takes it up within a second; registries need nothing. Tokens of the \
         key before stay good until they end.\n",
    );
    Ok(text)
}

fn fields(leaf: &PublicLeaf) -> serde_json::Value {
    json!({
        "kid": leaf.kid,
        "thumbprint": leaf.thumbprint,
        "not_before": leaf.not_before.to_string(),
        "not_after": leaf.not_after.to_string(),
    })
}

fn describe(text: &mut String, what: &str, leaf: &PublicLeaf) {
    let (from, until) = (leaf.not_before, leaf.not_after);
    let _ = writeln!(text, "{what}: {}", leaf.thumbprint);
    let _ = writeln!(text, "    kid {}, good from {from} until {until}", leaf.kid);
}
