//! The command line: what can be said, and what the exit code means.
//!
//! Data goes to standard output, talk to standard error.

mod admin;
mod check;
mod demo;
mod examples;
mod health;
pub mod keys;
mod log;
mod manual;
mod progress;
mod projections;
mod remote;
mod secret;
mod serve;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use commands::desk::Clock;

use crate::app::StartError;
use crate::config::{Config, DEFAULT_FILE, Layers, Resolved};
use crate::data_dir::DataDir;
use crate::foundation::{FoundationError, KEYS};
use crate::registry::keys::KeyStore;

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed
  2    wrong usage or configuration
  3    a check found a difference
  4    something that is needed could not be reached
  5    the server does not accept who asks, or does not allow it
  6    the server has no such thing, or none for whoever asks
  130  ended at once by a second Ctrl-C; 143 by a second SIGTERM";

/// Decides who may pull from and push to your registries, and keeps the record.
#[derive(Debug, Parser)]
#[command(name = "portus", version, after_help = EXIT_CODES)]
struct Cli {
    /// The configuration file [default: /etc/portus/portus.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE", env = "PORTUS_CONFIG")]
    config: Option<PathBuf>,
    /// Where keys and data are [default: /var/lib/portus as root, else ~/.local/share/portus]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the service
    #[command(after_help = "Example, everything on one machine:\n  \
        portus serve --embedded --registry 127.0.0.1:5000")]
    Serve(ServeArgs),
    /// As `serve --embedded`, with people, teams and images to look at
    #[command(
        after_help = "Example:\n  portus demo --listen 127.0.0.1:3100 --registry 127.0.0.1:5100"
    )]
    Demo(ServeArgs),
    /// Check the configuration, and try everything that the service needs
    #[command(
        after_help = "Example:\n  portus check --json | jq '.findings[] | select(.level != \"ok\")'"
    )]
    Check {
        /// For machines
        #[arg(long)]
        json: bool,
    },
    /// Rescue and set-up, on the machine itself
    Admin {
        #[command(subcommand)]
        command: AdminCommand,
    },
    /// Make the read models again from the log, compare, and swap (short for `projections rebuild`)
    #[command(after_help = "Example:\n  portus replay --dry-run")]
    Replay(RebuildArgs),
    /// The read models: views of the log that may be thrown away
    Projections {
        #[command(subcommand)]
        command: ProjectionsCommand,
    },
    /// The event log: moved to another store, or compared with another
    Log {
        #[command(subcommand)]
        command: LogCommand,
    },
    /// What signs tokens
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Ask the running service whether it is ready
    #[command(
        after_help = "Example, in a container file:\n  HEALTHCHECK CMD [\"portus\", \"health\"]"
    )]
    Health,
    #[command(flatten)]
    Remote(Box<remote::Remote>),
    /// Print what completes this command line in a shell
    #[command(after_help = manual::COMPLETIONS)]
    Completions {
        /// Which shell
        shell: manual::Shell,
    },
    /// Write the manual's pages, one a command
    #[command(after_help = manual::PAGES)]
    Man {
        /// The folder that gets them
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// Of `serve` and `demo`; each beats the file and the environment.
#[derive(Debug, Clone, Args)]
struct ServeArgs {
    /// Start a private Postgres, and a registry if one is named
    #[arg(long)]
    embedded: bool,
    /// Where Portus answers [default: 127.0.0.1:3000]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The registry's host:port; with --embedded it is started there
    #[arg(long, value_name = "ADDR")]
    registry: Option<String>,
}

#[derive(Debug, Subcommand)]
enum ProjectionsCommand {
    /// Where each stands
    #[command(after_help = "Example:\n  portus projections status --json")]
    Status {
        /// For machines
        #[arg(long)]
        json: bool,
    },
    /// Make one, or all, again beside the old, compare, and swap; the service may be running
    #[command(after_help = "Example:\n  portus projections rebuild activity")]
    Rebuild(RebuildArgs),
}

#[derive(Debug, Args)]
struct RebuildArgs {
    /// Which one
    #[arg(default_value = "all")]
    name: String,
    /// Build and compare, but leave the old in place; exit code 3 when they differ
    #[arg(long)]
    dry_run: bool,
    /// For machines
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum LogCommand {
    /// Copy a log to another store: the same events, order, times and bytes
    ///
    /// Both are then read from the beginning and compared. A target that holds anything but the
    /// beginning of the source is refused, and not changed.
    #[command(after_help = log::COPY)]
    Copy(TwoLogs),
    /// Compare two logs, event by event
    #[command(after_help = log::VERIFY)]
    Verify(TwoLogs),
}

#[derive(Debug, Args)]
struct TwoLogs {
    /// The log that is there
    #[arg(long, value_name = "LOG")]
    from: String,
    /// The other one
    #[arg(long, value_name = "LOG")]
    to: String,
    /// What the one is called on its event store [default: log.name]
    #[arg(long, value_name = "NAME")]
    from_name: Option<String>,
    /// What the other is called on its event store [default: log.name]
    #[arg(long, value_name = "NAME")]
    to_name: Option<String>,
    /// For machines
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// The present key, and those before it
    #[command(after_help = "Example:\n  portus keys show --json | jq -r .present.not_after")]
    Show {
        /// For machines
        #[arg(long)]
        json: bool,
    },
    /// A new key in place of the present one; the service may be running, registries need nothing
    ///
    /// With `token.key_form = "key-id"` in two steps: the first announces a key, and when the
    /// registries have been told, the second lets it sign.
    #[command(after_help = "Example:\n  portus keys rotate")]
    Rotate {
        /// For machines
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Make an account; the service may be running
    #[command(after_help = "Example:\n  \
        head -c 18 /dev/urandom | base64 | tee secret | portus admin create alice --admin --password-file -")]
    Create {
        /// The account's name
        name: String,
        /// Make it an administrator
        #[arg(long)]
        admin: bool,
        /// Where the password is; `-` for standard input
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
    },
}

/// Why a command failed: what to say, and the exit code.
#[derive(Debug)]
struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    fn failed(error: impl std::fmt::Display) -> Self {
        Self { code: 1, text: error.to_string() }
    }

    fn usage(error: impl std::fmt::Display) -> Self {
        Self { code: 2, text: error.to_string() }
    }

    fn unreachable(error: impl std::fmt::Display) -> Self {
        Self { code: 4, text: error.to_string() }
    }
}

impl From<FoundationError> for Failure {
    fn from(error: FoundationError) -> Self {
        let code = match &error {
            FoundationError::Config(_) => 2,
            error if error.is_unreachable() => 4,
            _ => 1,
        };
        Self { code, text: error.to_string() }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Foundation(error) => error.into(),
            StartError::Unreachable(text) => Self::unreachable(text),
            StartError::Failed(text) => Self::failed(text),
        }
    }
}

type Done = Result<(), Failure>;

/// Runs what the process' arguments say.
#[must_use]
pub fn run() -> ExitCode {
    let matches = command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    // The client of an event store installs the provider that we use too, and dies where somebody
    // did so before; hence it comes first, and whoever needs it says so when it could not.
    #[cfg(feature = "eventstore")]
    let _ = eventstore_log::prepare();
    // Once a process, before anything speaks TLS; a second call finds it done.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let for_machines = matches!(&cli.command, Command::Remote(remote) if remote.for_machines());
    let Err(Failure { code, text }) = dispatch(cli).and_then(|()| written()) else {
        return ExitCode::SUCCESS;
    };
    match (text.is_empty(), for_machines) {
        (true, _) => (),
        (false, true) => {
            let message: Vec<_> = text.lines().map(str::trim).collect();
            let error = serde_json::json!({ "exit_code": code, "message": message.join("; ") });
            talk(serde_json::json!({ "error": error }));
        }
        (false, false) => talk(format_args!("portus: {text}")),
    }
    ExitCode::from(code)
}

/// All that can be said.
fn command() -> clap::Command {
    examples::with_examples(Cli::command())
}

fn dispatch(cli: Cli) -> Done {
    // What needs no service of this machine does not stumble over its configuration.
    let command = match cli.command {
        Command::Completions { shell } => return manual::completions(command(), shell),
        Command::Man { folder } => return manual::pages(command(), &folder, as_of()),
        Command::Remote(remote) => return runtime()?.block_on(Box::pin(remote::run(*remote))),
        command => command,
    };
    let cli = Cli { command, ..cli };
    let (config, resolved) = load(&cli)?;
    runtime()?.block_on(async {
        match cli.command {
            Command::Serve(_) => Box::pin(serve::run(config)).await,
            Command::Demo(_) => Box::pin(demo::run(config)).await,
            Command::Projections { command: ProjectionsCommand::Status { json } } => {
                projections::status(&config, json).await
            }
            Command::Replay(args)
            | Command::Projections { command: ProjectionsCommand::Rebuild(args) } => {
                projections::rebuild(&config, &args.name, args.dry_run, args.json).await
            }
            Command::Check { json } => check::run(&config, &resolved, json).await,
            Command::Admin { command: AdminCommand::Create { name, admin, password_file } } => {
                admin::create(&config, name, admin, &password_file).await
            }
            Command::Log { command } => Box::pin(log::run(&config, &resolved, &command)).await,
            Command::Keys { command } => sign_with(&config, &command),
            Command::Health => health::run(&config).await,
            Command::Remote(_) | Command::Completions { .. } | Command::Man { .. } => Ok(()),
        }
    })
}

/// The day that manual pages are of: that of the sources, where whoever packs them says so
/// (reproducible-builds.org).
fn as_of() -> jiff::Timestamp {
    let said = std::env::var("SOURCE_DATE_EPOCH").ok();
    let said = said.and_then(|text| jiff::Timestamp::from_second(text.parse().ok()?).ok());
    said.unwrap_or_else(|| Clock::system().now())
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().build().map_err(Failure::failed)
}

fn sign_with(config: &Config, command: &KeysCommand) -> Done {
    let data = DataDir::open_beside(&config.data_dir).map_err(Failure::failed)?;
    let (folder, now) = (data.root().join(KEYS), Clock::system().now());
    let store = KeyStore::open_as(&folder, config.token.keys, now).map_err(Failure::failed)?;
    let text = match command {
        KeysCommand::Show { json } => keys::show(&store, *json),
        KeysCommand::Rotate { json } => keys::rotate(&store, now, *json),
    };
    say(text.map_err(Failure::failed)?.trim_end());
    Ok(())
}

/// The configuration as file, environment and flags say.
fn load(cli: &Cli) -> Result<(Config, Resolved), Failure> {
    let text = |path: &PathBuf| {
        std::fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))
    };
    let file = match &cli.config {
        Some(path) => Some((path.clone(), text(path)?)),
        None => {
            let path = PathBuf::from(DEFAULT_FILE);
            if path.exists() { Some((path.clone(), text(&path)?)) } else { None }
        }
    };
    let mut layers = Layers {
        file,
        variables: variables()?,
        credentials: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
        flags: Vec::new(),
    };
    if let Some(path) = &cli.data_dir {
        layers.flags.push(("--data-dir", "data_dir", path.display().to_string()));
    }
    match &cli.command {
        Command::Serve(args) => args.add_to(&mut layers),
        Command::Demo(args) => {
            args.add_to(&mut layers);
            return demo::config(layers);
        }
        _ => (),
    }
    Config::load(&layers).map_err(Failure::usage)
}

impl ServeArgs {
    fn add_to(&self, layers: &mut Layers) {
        if self.embedded {
            layers.flags.push(("--embedded", "embedded", "true".to_owned()));
        }
        if let Some(listen) = &self.listen {
            layers.flags.push(("--listen", "listen", listen.clone()));
        }
        if let Some(registry) = &self.registry {
            layers.flags.push(("--registry", "registry.address", registry.clone()));
        }
    }
}

fn variables() -> Result<std::collections::BTreeMap<String, String>, Failure> {
    let ours = |(name, value): (OsString, OsString)| {
        let name = name.into_string().ok().filter(|name| name.starts_with("PORTUS_"))?;
        let value = value.into_string();
        Some(value.map_err(|_| Failure::usage(format!("${name} is not UTF-8"))).map(|v| (name, v)))
    };
    std::env::vars_os().filter_map(ours).collect()
}

/// Why data could not be written; after that no more is.
static UNWRITTEN: OnceLock<std::io::Error> = OnceLock::new();

/// Writes a line of data.
fn say(line: impl std::fmt::Display) {
    write(&format!("{line}\n"));
}

/// Writes data.
fn write(text: &str) {
    if !is_read() {
        return;
    }
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        let _ = UNWRITTEN.set(error);
    }
}

/// Whether there is somebody yet who reads the data.
fn is_read() -> bool {
    UNWRITTEN.get().is_none()
}

/// Whether the data arrived. Who closes a pipe has read enough; a full disk is a failure.
fn written() -> Done {
    match UNWRITTEN.get() {
        Some(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a line for people, beside the data.
fn talk(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    /// clap takes two arguments of one id for the same: a flag of all commands would get what was
    /// meant for one of them.
    #[test]
    fn no_argument_of_a_command_has_the_id_of_a_global_one() {
        fn walk(command: &clap::Command, globals: &[String]) {
            let name = command.get_name();
            for argument in command.get_arguments().filter(|argument| !argument.is_global_set()) {
                let id = argument.get_id().to_string();
                assert!(!globals.contains(&id), "`{name}` has its own `{id}`");
            }
            let own = command.get_arguments().filter(|argument| argument.is_global_set());
            let own = own.map(|argument| argument.get_id().to_string());
            let globals: Vec<_> = globals.iter().cloned().chain(own).collect();
            command.get_subcommands().for_each(|below| walk(below, &globals));
        }
        walk(&Cli::command(), &[]);
    }

    #[test]
    fn flags_become_the_keys_they_stand_for() {
        let cli = Cli::parse_from([
            "portus",
            "serve",
            "--embedded",
            "--data-dir",
            "/d",
            "--listen",
            "127.0.0.1:1",
            "--registry",
            "127.0.0.1:2",
        ]);
        let (config, resolved) = load(&cli).ok().unwrap();
        assert!(config.embedded);
        assert_eq!(config.data_dir, PathBuf::from("/d"));
        assert_eq!(config.listen, "127.0.0.1:1");
        assert_eq!(config.registry.unwrap().address, "127.0.0.1:2");
        assert_eq!(resolved.source("registry.address").to_string(), "--registry");
    }

    #[test]
    fn the_data_folder_may_be_named_after_the_command() {
        let cli = Cli::parse_from([
            "portus",
            "admin",
            "create",
            "alice",
            "--password-file",
            "-",
            "--data-dir",
            "/d",
        ]);
        assert_eq!(cli.data_dir, Some(PathBuf::from("/d")));
    }
}
