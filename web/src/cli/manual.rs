//! The command line for shells and for `man`, made from its own description.

use std::io::Write as _;
use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use jiff::Timestamp;

use super::{Done, EXIT_CODES, Failure, write};

pub(super) use clap_complete::Shell;

pub(super) const COMPLETIONS: &str = "\
Examples:
  portus completions bash > /etc/bash_completion.d/portus
  portus completions zsh > \"${fpath[1]}/_portus\"
  portus completions fish > ~/.config/fish/completions/portus.fish";

pub(super) const PAGES: &str = "\
Example:
  portus man /usr/local/share/man/man1 && man portus-user-create";

pub(super) fn completions(mut command: Command, shell: Shell) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "portus", &mut script);
    write(&String::from_utf8_lossy(&script));
    Ok(())
}

/// Writes a page for each command into `folder`, as of the day of `now`.
pub(super) fn pages(command: Command, folder: &Path, now: Timestamp) -> Done {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let date = now.strftime("%Y-%m-%d").to_string();
    let written =
        std::fs::create_dir_all(folder).and_then(|()| page_and_below(&command, folder, &date));
    written.map_err(|error| Failure::failed(format!("cannot write {}: {error}", folder.display())))
}

fn page_and_below(command: &Command, folder: &Path, date: &str) -> std::io::Result<()> {
    let name = title(command);
    std::fs::write(folder.join(format!("{name}.1")), page(command, date)?)?;
    shown(command).try_for_each(|below| page_and_below(below, folder, date))
}

/// A page: what clap knows of the command, then what people look for at its end.
fn page(command: &Command, date: &str) -> std::io::Result<Vec<u8>> {
    let name = title(command);
    let man = Man::new(command.clone())
        .title(name.to_uppercase())
        .date(date)
        .source(concat!("portus ", env!("CARGO_PKG_VERSION")))
        .manual("Portus");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    if command.get_arguments().any(|argument| !argument.is_hide_set()) {
        man.render_options_section(&mut text)?;
    }
    if shown(command).next().is_some() {
        man.render_subcommands_section(&mut text)?;
    }
    // clap makes line breaks and an empty line of what is a small space.
    let text = String::from_utf8_lossy(&text);
    let text = text.replace("\n.br\n\n.br\n", "\n.sp\n").replace("\n\n.br\n", "\n.sp\n");
    let mut text = text.trim_end().as_bytes().to_vec();
    writeln!(text)?;
    variables(command, &mut text)?;
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let examples = after.strip_prefix("Examples:\n").or_else(|| after.strip_prefix("Example:\n"));
    match examples {
        Some(examples) => as_it_stands("EXAMPLES", examples, &mut text)?,
        // "Example, everything on one machine:" and the like.
        None if after.starts_with("Example") => as_it_stands("EXAMPLES", &after, &mut text)?,
        None => (),
    }
    let codes = EXIT_CODES.split_once('\n').map_or(EXIT_CODES, |(_, codes)| codes);
    as_it_stands("EXIT STATUS", codes, &mut text)?;
    let above = name.rsplit_once('-').map(|(above, _)| above.to_owned());
    let others: Vec<_> = above.into_iter().chain(shown(command).map(title)).collect();
    if !others.is_empty() {
        writeln!(text, ".SH SEE ALSO")?;
        let others: Vec<_> =
            others.iter().map(|name| format!("\\fB{}\\fR(1)", plain(name))).collect();
        writeln!(text, "{}", others.join(",\n"))?;
    }
    Ok(text)
}

/// The variables that stand for arguments.
fn variables(command: &Command, text: &mut Vec<u8>) -> std::io::Result<()> {
    let mut all: Vec<_> = command
        .get_arguments()
        .filter_map(|argument| Some((argument.get_env()?.to_str()?, argument.get_long()?)))
        .collect();
    all.sort_unstable();
    if all.is_empty() {
        return Ok(());
    }
    writeln!(text, ".SH ENVIRONMENT")?;
    for (name, flag) in all {
        writeln!(text, ".TP\n\\fB{name}\\fR\nStands for \\fB\\-\\-{}\\fR.", plain(flag))?;
    }
    if command.get_arguments().any(|argument| argument.get_long() == Some("token-file")) {
        writeln!(text, ".TP\n\\fBPORTUS_TOKEN\\fR\nThe token itself, where no file is named.")?;
    }
    Ok(())
}

/// A section whose lines stay lines.
fn as_it_stands(title: &str, lines: &str, text: &mut Vec<u8>) -> std::io::Result<()> {
    writeln!(text, ".SH {title}\n.nf")?;
    for line in lines.lines() {
        let line = line.strip_prefix("  ").unwrap_or(line);
        // A line is text, whatever it begins with.
        let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
        writeln!(text, "{guard}{}", plain(line))?;
    }
    writeln!(text, ".fi")
}

fn plain(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq")
}

fn title(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|below| !below.is_hide_set())
}
