//! Tells the service manager how it goes: `sd_notify(3)`, one datagram a message, when systemd has
//! started us with `Type=notify`. Without `$NOTIFY_SOCKET` nothing is told to anybody.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Whoever started us, if they want to hear.
#[derive(Debug)]
pub struct ServiceManager {
    to: Option<(UnixDatagram, SocketAddr)>,
    /// How long it waits for a sign of life before it ends us.
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// As the environment says: `$NOTIFY_SOCKET`, `$WATCHDOG_USEC`, `$WATCHDOG_PID`.
    #[must_use]
    pub fn of_environment() -> Self {
        Self::named(|name| std::env::var_os(name))
    }

    fn named(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let socket = variable("NOTIFY_SOCKET").filter(|name| !name.is_empty());
        let to = socket.and_then(|name| match connect(&name) {
            Ok(to) => Some(to),
            Err(error) => {
                tracing::warn!(%error, socket = ?name, "$NOTIFY_SOCKET cannot be used");
                None
            }
        });
        let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let micros = number("WATCHDOG_USEC").filter(|micros| *micros > 0 && ours);
        Self { to, watchdog: micros.map(Duration::from_micros) }
    }

    /// It answers, and everything that it starts is there.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// It is on its way out: no longer to be asked for signs of life.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Gives signs of life twice as often as is asked for; ends never. From a task among the others,
    /// so that they stop when the others do not get their turn.
    pub async fn keep_alive(&self) {
        let Some(every) = self.watchdog.map(|limit| limit / 2) else {
            return std::future::pending().await;
        };
        loop {
            self.tell("WATCHDOG=1");
            tokio::time::sleep(every).await;
        }
    }

    fn tell(&self, message: &str) {
        let Some((socket, to)) = &self.to else { return };
        if let Err(error) = socket.send_to_addr(message.as_bytes(), to) {
            tracing::warn!(%error, message, "the service manager does not listen");
        }
    }
}

/// A path, or with `@` a name that is no file.
fn connect(name: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
    let to = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    // Whoever does not read must not hold us up.
    socket.set_nonblocking(true)?;
    Ok((socket, to))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn with(variables: &[(&str, &str)]) -> ServiceManager {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        ServiceManager::named(|name| variables.get(name).map(OsString::from))
    }

    fn hears(socket: &UnixDatagram) -> String {
        let mut text = [0; 256];
        let length = socket.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    }

    #[test]
    fn it_tells_a_socket_by_path_and_by_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        let name = format!("portus-test-{}", std::process::id());
        let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
        let by_name = UnixDatagram::bind_addr(&abstract_name).unwrap();
        let (path, name) = (path.display().to_string(), format!("@{name}"));
        for (socket, at) in [(by_path, path), (by_name, name)] {
            let manager = with(&[("NOTIFY_SOCKET", &at)]);
            manager.ready();
            manager.stopping();
            assert_eq!([hears(&socket), hears(&socket)], ["READY=1", "STOPPING=1"]);
        }
    }

    #[test]
    fn without_a_socket_or_with_a_dead_one_nothing_happens() {
        with(&[]).ready();
        with(&[("NOTIFY_SOCKET", "")]).ready();
        with(&[("NOTIFY_SOCKET", "/nowhere/at/all")]).ready();
        with(&[("NOTIFY_SOCKET", &"x".repeat(200))]).ready();
    }

    #[tokio::test(start_paused = true)]
    async fn signs_of_life_come_twice_as_often_as_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let path = path.display().to_string();
        let manager = with(&[("NOTIFY_SOCKET", &path), ("WATCHDOG_USEC", "10000000")]);
        let _ = tokio::time::timeout(Duration::from_secs(21), manager.keep_alive()).await;
        socket.set_nonblocking(true).unwrap();
        let mut signs = 0;
        while socket.recv(&mut [0; 64]).is_ok() {
            signs += 1;
        }
        assert_eq!(signs, 5, "at 0, 5, 10, 15 and 20 s");
    }

    #[tokio::test(start_paused = true)]
    async fn signs_of_life_that_another_process_owes_are_not_ours() {
        for variables in [
            &[("WATCHDOG_USEC", "1000000"), ("WATCHDOG_PID", "1")][..],
            &[("WATCHDOG_USEC", "0")],
            &[("WATCHDOG_USEC", "soon")],
        ] {
            assert_eq!(with(variables).watchdog, None);
        }
    }
}
