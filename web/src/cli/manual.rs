//! The command line for shells and for `man`, made from its own description.

use std::io::Write as _;
use std::path::Path;

use super::{Done, Failure};

pub(super) use clap_complete::Shell;

pub(super) const COMPLETIONS: &str = "\
Examples:
  portus completions bash > /etc/bash_completion.d/portus
  portus completions zsh > \"${fpath[1]}/_portus\"
  portus completions fish > ~/.config/fish/completions/portus.fish";

pub(super) const PAGES: &str = "\
Example:
  portus man /usr/local/share/man/man1 && man portus-user-create";

pub(super) fn completions(mut command: clap::Command, shell: Shell) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "portus", &mut script);
    // A closed pipe is no failure of ours.
    let _ = std::io::stdout().write_all(&script);
    Ok(())
}

pub(super) fn pages(command: clap::Command, folder: &Path) -> Done {
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command.disable_help_subcommand(true), folder));
    written.map_err(|error| Failure::failed(format!("cannot write {}: {error}", folder.display())))
}
