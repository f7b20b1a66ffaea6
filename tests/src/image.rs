//! Small images made by code: nothing here needs a network or a base image.
#![allow(
    clippy::expect_used,
    reason = "a bench that cannot be set up fails the test that needs it"
)]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::clients::{Machine, text};

/// The media type of an OCI image manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an OCI index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Builds an image of `layers` layers that nobody has seen before, each of `bytes` random bytes,
/// in the machine's docker.
///
/// # Panics
///
/// When docker cannot build it.
pub async fn build(machine: &Machine, name: &str, layers: usize, bytes: usize) {
    let folder = context(machine, "FROM scratch", layers, bytes);
    machine.docker(&["build", "-q", "-t", name, &folder]).await.succeeds();
}

/// A folder with a Dockerfile that starts with the line `from`.
///
/// # Panics
///
/// When it cannot be written.
#[must_use]
pub fn context(machine: &Machine, from: &str, layers: usize, bytes: usize) -> String {
    let folder = machine.path(&format!("context-{}", uuid::Uuid::new_v4()));
    fs::create_dir(&folder).expect("a build context");
    let mut dockerfile = format!("{from}\n");
    for layer in 0..layers {
        fs::write(folder.join(format!("file-{layer}")), noise(bytes)).expect("a file");
        dockerfile.push_str(&format!("COPY file-{layer} /file-{layer}\n"));
    }
    fs::write(folder.join("Dockerfile"), dockerfile).expect("a Dockerfile");
    text(&folder)
}

/// Writes an OCI layout whose one tag `v1` is an index of an image a platform (`os/architecture`).
/// Answers the digest of the index.
///
/// # Panics
///
/// When it cannot be written.
#[must_use]
pub fn layout(folder: &Path, platforms: &[&str]) -> String {
    fs::create_dir_all(folder.join("blobs/sha256")).expect("a layout");
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("a layout");
    let manifests: Vec<Value> = platforms
        .iter()
        .map(|platform| {
            let (os, architecture) = platform.split_once('/').expect("os/architecture");
            let layer = tar("file", &noise(2_000));
            let layer = blob(folder, &layer, "application/vnd.oci.image.layer.v1.tar");
            let config = json!({"architecture": architecture, "os": os,
                "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}});
            let config = blob(
                folder,
                config.to_string().as_bytes(),
                "application/vnd.oci.image.config.v1+json",
            );
            let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST,
                "config": config, "layers": [layer]});
            let mut entry = blob(folder, manifest.to_string().as_bytes(), MANIFEST);
            entry["platform"] = json!({"os": os, "architecture": architecture});
            entry
        })
        .collect();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
    let mut entry = blob(folder, index.to_string().as_bytes(), INDEX);
    let digest = entry["digest"].as_str().expect("a digest").to_owned();
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": "v1"});
    let top = json!({"schemaVersion": 2, "manifests": [entry]});
    fs::write(folder.join("index.json"), top.to_string()).expect("a layout");
    digest
}

/// `sha256:…` of bytes.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Bytes that nobody has seen before, so that no client knows a place where they are already.
#[must_use]
pub fn noise(bytes: usize) -> Vec<u8> {
    let mut noise = Vec::with_capacity(bytes + 16);
    while noise.len() < bytes {
        noise.extend(uuid::Uuid::new_v4().into_bytes());
    }
    noise.truncate(bytes);
    noise
}

fn blob(layout: &Path, bytes: &[u8], media_type: &str) -> Value {
    let digest = digest(bytes);
    let name = digest.trim_start_matches("sha256:");
    fs::write(layout.join("blobs/sha256").join(name), bytes).expect("a blob");
    json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
}

/// A tar archive (ustar) of one file.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[108..115].copy_from_slice(b"0000000");
    header[116..123].copy_from_slice(b"0000000");
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[136..147].copy_from_slice(b"00000000000");
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    header[257..263].copy_from_slice(b"ustar\0");
    header[263..265].copy_from_slice(b"00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut archive = header.to_vec();
    archive.extend_from_slice(content);
    let padding = content.len().next_multiple_of(512) - content.len() + 1024;
    archive.resize(archive.len() + padding, 0);
    archive
}
