//! Who may know which log there is.

use std::path::{Path, PathBuf};

/// Where a log is opened, configured, checked and moved.
const KNOW: [&str; 6] = [
    "commands/src/log",
    "web/src/cli",
    "web/src/cli.rs",
    "web/src/config",
    "web/src/config.rs",
    "web/src/foundation.rs",
];

#[test]
fn nothing_above_the_port_names_a_log() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for floor in ["domain", "commands", "projections", "web"] {
        sources(&root.join(floor).join("src"), &mut files);
    }
    assert!(files.len() > 100, "{} sources", files.len());
    for file in files {
        let path = file.strip_prefix(root).unwrap();
        if KNOW.iter().any(|known| path.starts_with(known)) {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for name in ["PostgresLog", "EventStoreLog", "LogStore", "eventstore_log"] {
            assert!(!text.contains(name), "{} names {name}", path.display());
        }
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
