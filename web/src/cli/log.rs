//! `portus log`: the event log moved from one store to another, and two compared.

mod place;

use commands::log::copy::{self, Compared, Copied, CopyError, Phase, Progress};
use commands::log::transfer::TransferError;
use domain::event::Position;
use serde_json::{Value, json};

use self::place::{Opened, Place};
use super::progress::{At, Bar};
use super::{Done, Failure, LogCommand, TwoLogs, say, talk};
use crate::config::{Config, Resolved};

pub(super) const COPY: &str = "\
A log is named by what it is in the configuration, or by where it is:
  postgres           in the database of the configuration, or the embedded one
  eventstore         on the server of log.url
  postgres://…       in another database, as its owner; without a password
  esdb://…           on another server; without a password
  file:FILE          such an address in a file's first line, where a password may be
  env:NAME           the same in an environment variable

Stop the service first; what it appends while this runs is copied by a second run. Killed at any
moment, it goes on where it was when it is run again. No service opens a log that is half copied.

Examples:
  portus log copy --from postgres --to eventstore
  portus log copy --from eventstore --to eventstore --to-name portus2
  portus log copy --from file:/run/secrets/old_log --to postgres --json";

pub(super) const VERIFY: &str = "\
Logs are named as for `portus log copy`. Neither is changed.

Example:
  portus log verify --from postgres --to eventstore --json";

pub(super) async fn run(config: &Config, resolved: &Resolved, command: &LogCommand) -> Done {
    let (LogCommand::Copy(named) | LogCommand::Verify(named)) = command;
    let writes = matches!(command, LogCommand::Copy(_));
    let at = Place::read("--from", &named.from, named.from_name.as_deref(), resolved)?;
    let to = Place::read("--to", &named.to, named.to_name.as_deref(), resolved)?;
    let mut source = at.open(config, false).await?;
    let target = to.open(config, writes).await;
    let mut target = match target {
        Ok(target) => target,
        Err(failure) => {
            source.close().await;
            return Err(failure);
        }
    };
    let bar = Bar::default();
    let work = async {
        if writes {
            copy(&mut source, &mut target, named, &bar).await
        } else {
            verify(&mut source, &mut target, named, &bar).await
        }
    };
    let done = tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => {
            Err(Failure { code: 130, text: "stopped; run it again to go on".to_owned() })
        }
    };
    bar.clear();
    target.close().await;
    source.close().await;
    done
}

async fn copy(source: &mut Opened, target: &mut Opened, named: &TwoLogs, bar: &Bar) -> Done {
    let show = |progress: Progress| show(bar, &progress);
    let copied = copy::copy(&mut *source.log, &mut *target.log, &show).await;
    bar.clear();
    let copied = copied.map_err(|error| failure(&error, named.json))?;
    let Copied { found, written, compared, grown, served } = &copied;
    let (from, to) = (source.log.place(), target.log.place());
    if named.json {
        let mut said = compared_json(compared);
        said["from"] = from.as_str().into();
        said["to"] = to.as_str().into();
        said["found"] = (*found).into();
        said["written"] = (*written).into();
        said["grown"] = (*grown).into();
        say(&said);
    } else {
        if compared.head == Position(0) {
            say(format_args!("nothing to copy: {from} is empty"));
        } else {
            say(format_args!("{written} events written, {found} were there before"));
        }
        say_same(compared);
    }
    if *grown > 0 {
        let text = format!(
            "the source has grown by {grown} events meanwhile: stop the service that appends to \
             it, and run this again; until then no service opens the target"
        );
        return Err(Failure { code: 3, text });
    }
    if *served || source.served {
        talk(
            "portus: a service is running on the source: what it appends from now on is not in the \
             target. Stop it and run this again before a service uses the target.",
        );
    }
    Ok(())
}

async fn verify(source: &mut Opened, target: &mut Opened, named: &TwoLogs, bar: &Bar) -> Done {
    let show = |progress: Progress| show(bar, &progress);
    let compared = copy::verify(&mut *source.log, &mut *target.log, &show).await;
    bar.clear();
    let compared = compared.map_err(|error| failure(&error, named.json))?;
    if named.json {
        let mut said = compared_json(&compared);
        said["from"] = source.log.place().into();
        said["to"] = target.log.place().into();
        say(&said);
    } else {
        say_same(&compared);
    }
    Ok(())
}

fn compared_json(compared: &Compared) -> Value {
    let Compared { head, digest } = compared;
    json!({ "same": true, "events": head, "head": head, "digest": digest })
}

fn say_same(compared: &Compared) {
    let Compared { head, digest } = compared;
    say(format_args!("both were read from the beginning and are the same: {head} events"));
    say(format_args!("head {head}, {digest}"));
}

fn show(bar: &Bar, progress: &Progress) {
    let Progress { phase, from, at, upto } = progress;
    let name = match phase {
        Phase::Checking => "checking",
        Phase::Copying => "copying",
        Phase::Verifying => "verifying",
    };
    bar.show(&At { name, from: from.0, position: at.0, head: upto.0 });
}

fn failure(error: &CopyError, as_json: bool) -> Failure {
    let difference = match error {
        CopyError::Foreign { difference, .. } | CopyError::Different(difference) => {
            Some(difference)
        }
        _ => None,
    };
    if let (Some(difference), true) = (difference, as_json) {
        let (position, field) = (difference.position, difference.field);
        say(json!({ "same": false, "position": position, "field": field }));
    }
    let code = match error {
        CopyError::Foreign { .. } | CopyError::Different(_) => 3,
        CopyError::Same(_) => 2,
        CopyError::Store { error: TransferError::Unreachable(_), .. } => 4,
        CopyError::Store { .. } | CopyError::HalfSource(_) | CopyError::Served(_) => 1,
    };
    Failure { code, text: error.to_string() }
}
