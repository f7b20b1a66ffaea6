//! Images of a few hundred bytes, made here: a file in a tar archive, for two platforms.

use hex::encode;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// All files of an archive are from this moment, so that the same text makes the same image.
const CREATED: &str = "2024-01-01T00:00:00Z";
const PLATFORMS: [&str; 2] = ["amd64", "arm64"];
const BLOCK: usize = 512;

/// Everything that makes an image of several platforms, in the order in which it is pushed.
#[derive(Debug)]
pub(super) struct Image {
    /// Layers and configurations.
    pub(super) blobs: Vec<Vec<u8>>,
    /// One manifest a platform: media type and bytes.
    pub(super) manifests: Vec<(&'static str, Vec<u8>)>,
    /// The index over them: media type and bytes.
    pub(super) index: (&'static str, Vec<u8>),
}

/// `sha256:…` of some bytes.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", encode(Sha256::digest(bytes)))
}

impl Image {
    /// An image whose only file says `text`.
    pub(super) fn saying(text: &str) -> Self {
        let layer = archive("hello.txt", text.as_bytes());
        let mut image =
            Self { blobs: vec![layer.clone()], manifests: Vec::new(), index: (INDEX, Vec::new()) };
        let mut entries = Vec::new();
        for architecture in PLATFORMS {
            let config = json!({
                "architecture": architecture,
                "os": "linux",
                "created": CREATED,
                "config": { "Labels": { "org.opencontainers.image.description": text } },
                "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
            });
            let config = config.to_string().into_bytes();
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": descriptor(CONFIG, &config),
                "layers": [descriptor(LAYER, &layer)],
            });
            let manifest = manifest.to_string().into_bytes();
            let mut entry = descriptor(MANIFEST, &manifest);
            entry["platform"] = json!({ "architecture": architecture, "os": "linux" });
            entries.push(entry);
            image.blobs.push(config);
            image.manifests.push((MANIFEST, manifest));
        }
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
        image.index.1 = index.to_string().into_bytes();
        image
    }
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() })
}

/// A tar archive (ustar) with one file.
fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; BLOCK];
    let mut put = |at: usize, text: &str| {
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    put(0, name);
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{:011o}", content.len()));
    put(136, "14544201400"); // 2024-01-01, in octal seconds
    put(148, "        "); // the checksum counts itself as blanks
    put(156, "0");
    put(257, "ustar");
    put(263, "00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = header.to_vec();
    archive.extend_from_slice(content);
    // Whole blocks, and two empty ones at the end.
    archive.resize(archive.len().next_multiple_of(BLOCK) + 2 * BLOCK, 0);
    archive
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn tar_reads_what_we_pack() {
        let mut tar = Command::new("tar")
            .args(["-xO", "hello.txt"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        tar.stdin.take().unwrap().write_all(&archive("hello.txt", b"good day")).unwrap();
        let output = tar.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout, b"good day");
    }

    #[test]
    fn the_same_text_makes_the_same_image() {
        let one = Image::saying("a");
        assert_eq!(digest(&one.index.1), digest(&Image::saying("a").index.1));
        assert_ne!(digest(&one.index.1), digest(&Image::saying("b").index.1));
        assert_eq!(one.manifests.len(), 2);
    }
}
