//! `portus login`: which server, and who asks, kept in a file that only its owner can read.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::server::{Server, parse};
use super::{ServerArgs, secret, user};
use crate::cli::{Done, Failure, talk};

pub(super) const EXAMPLE: &str = "\
Make an application token on your page \"Tokens\", then:
  portus login https://portus.example.com --token-file -   (paste the token, Enter, Ctrl-D)
  portus whoami";

/// What `portus login` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct Login {
    /// Where it is, such as https://portus.example.com
    #[arg(value_name = "SERVER")]
    address: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// What is remembered.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    pub(super) url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<String>,
    pub(super) token: String,
}

impl Login {
    /// Tries the token, and remembers it only if the server takes it.
    pub(super) async fn run(self) -> Done {
        let url = parse(&self.address)?;
        let token = match &self.server.token_file {
            Some(file) => secret::read(file, "token")?,
            None => match std::env::var("PORTUS_TOKEN") {
                Ok(token) if !token.is_empty() => Zeroizing::new(token),
                _ => {
                    let text = "which token? Say --token-file FILE (`-` for standard input), or \
                                set $PORTUS_TOKEN";
                    return Err(Failure::usage(text));
                }
            },
        };
        let (user, kept_token) = (self.server.user.clone(), (*token).clone());
        let server = Server::new(&self.server, url.clone(), user.clone(), Some(token))?;
        let account = server.send(&user::whoami()).await?;
        keep(&Kept { url: url.to_string(), user, token: kept_token })?;
        let name = account["username"].as_str().unwrap_or_default().to_owned();
        talk(format_args!("signed in to {url} as {}", super::show::plain(&name)));
        Ok(())
    }
}

/// What was remembered, if anything was.
pub(super) fn kept() -> Result<Option<Kept>, Failure> {
    let Some(path) = path() else { return Ok(None) };
    let text = match fs::read_to_string(&path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Failure::usage(format!("cannot read {}: {error}", path.display())));
        }
    };
    // The parser's own words would repeat what is in the file.
    let broken = || Failure::usage(format!("{} is damaged: `portus login` again", path.display()));
    toml::from_str(&text).map(Some).map_err(|_| broken())
}

/// Forgets it.
pub(super) fn forget() -> Done {
    let Some(path) = path() else { return Ok(()) };
    match fs::remove_file(&path) {
        Ok(()) => talk(format_args!(
            "forgotten; the token itself is good until you revoke it: portus token revoke"
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => talk("nothing to forget"),
        Err(error) => {
            return Err(Failure::failed(format!("cannot remove {}: {error}", path.display())));
        }
    }
    Ok(())
}

fn keep(kept: &Kept) -> Done {
    let path = path().ok_or_else(|| Failure::usage("neither $HOME nor $XDG_CONFIG_HOME is set"))?;
    let text = Zeroizing::new(toml::to_string(kept).map_err(Failure::failed)?);
    let write = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        // Whole or not at all, and never readable for others, not even for a moment.
        let new = path.with_extension("new");
        let _ = fs::remove_file(&new);
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        fs::rename(&new, &path)
    };
    write().map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))
}

/// `$XDG_CONFIG_HOME/portus/client.toml` (XDG Base Directory Specification).
fn path() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(folder.join("portus").join("client.toml"))
}
