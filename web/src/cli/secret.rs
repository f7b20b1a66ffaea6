//! Passwords and tokens come from files or from standard input, never from the command line, which
//! every user of a machine can read.

use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::Failure;

/// More than any password or token may have.
const MAX_BYTES: u64 = 64 * 1024;

/// The first line of a file; `-` is standard input.
pub(super) fn read(file: &Path, what: &str) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    let source: Box<dyn std::io::Read> = if file.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        let shown = file.display();
        let opened = std::fs::File::open(file);
        Box::new(opened.map_err(|error| Failure::usage(format!("cannot read {shown}: {error}")))?)
    };
    source
        .take(MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("cannot read the {what}: {error}")))?;
    let end = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(end);
    if text.is_empty() {
        return Err(Failure::usage(format!("there is no {what} in {}", file.display())));
    }
    Ok(text)
}
