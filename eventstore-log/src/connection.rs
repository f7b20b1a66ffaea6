//! The client of the server, kept alive.
//!
//! `eventstore` 4 has ways of its own to die: after a first connection that failed, or a node that
//! is gone from a cluster, its connection answers nothing but errors for ever. So no client is
//! kept that failed: the next call makes a new one. Each has a small runtime of its own, because
//! a client's tasks never end by themselves; with the runtime they are gone.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use eventstore::{
    AppendToStreamOptions, Client, ClientSettings, CurrentRevision, Error, EventData,
    ExpectedRevision, ReadStreamOptions, ResolvedEvent, StreamPosition,
};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use crate::settings::SettingsError;

/// The first pause before something is tried again; doubled each time, to at most [`LONGEST`].
pub(crate) const PAUSE: Duration = Duration::from_millis(50);
/// See [`PAUSE`].
pub(crate) const LONGEST: Duration = Duration::from_secs(1);

/// Lets the client of the event log install the process' TLS provider, which is `aws_lc_rs`.
///
/// It does so when it first connects, and panics where somebody did before; afterwards everybody
/// may use the provider. So this comes before anything else that speaks TLS. A second call does
/// nothing.
///
/// # Errors
///
/// [`SettingsError::Provider`] when a provider is there that the client did not install.
pub fn prepare() -> Result<(), SettingsError> {
    static PREPARED: OnceLock<bool> = OnceLock::new();
    let prepared = PREPARED.get_or_init(|| {
        if rustls::crypto::CryptoProvider::get_default().is_some() {
            return false;
        }
        // On a thread of its own: this one may belong to a runtime already.
        let _ = std::thread::spawn(install).join();
        rustls::crypto::CryptoProvider::get_default().is_some()
    });
    if *prepared { Ok(()) } else { Err(SettingsError::Provider) }
}

/// Starts a client, which connects nowhere, and waits until its task has begun.
fn install() {
    const NOBODY: &str = "esdb://127.0.0.1:1?tlsCAFile=/dev/null";
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let _client = NOBODY.parse().map(Client::new);
        for _ in 0..100 {
            if rustls::crypto::CryptoProvider::get_default().is_some() {
                return;
            }
            tokio::task::yield_now().await;
        }
    });
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Connection {
    settings: ClientSettings,
    /// How long one request may take.
    request: Duration,
    live: Mutex<Option<Arc<Live>>>,
}

struct Live {
    client: Client,
    runtime: Option<Runtime>,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Live")
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Why a request was not served.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Trouble {
    /// It was certainly not carried out, and may be next time.
    #[error("{0}")]
    Refused(String),
    /// It may have been carried out.
    #[error("{0}")]
    Unknown(String),
    /// It will not be better next time.
    #[error("{0}")]
    Hopeless(String),
}

/// Why an append was not written.
#[derive(Debug)]
pub(crate) enum NotWritten {
    /// The stream stands elsewhere: at this revision, or nowhere.
    Conflict(Option<u64>),
    Trouble(Trouble),
}

/// Which events of a stream.
pub(crate) struct Wanted<'a> {
    pub(crate) stream: &'a str,
    /// The first revision; `None`: the last event alone.
    pub(crate) from: Option<u64>,
    pub(crate) max: usize,
    /// A read ends when its events have so many bytes.
    pub(crate) bytes: usize,
    /// Whether links are followed.
    pub(crate) resolve: bool,
}

impl Connection {
    pub(crate) fn new(settings: ClientSettings, request: Duration) -> Self {
        Self { settings, request, live: Mutex::new(None) }
    }

    fn live(&self) -> MutexGuard<'_, Option<Arc<Live>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client that served last, or a new one.
    fn client(&self) -> Result<Arc<Live>, Trouble> {
        let mut kept = self.live();
        if let Some(live) = kept.as_ref() {
            return Ok(live.clone());
        }
        let refused = |error: &dyn std::fmt::Display| Trouble::Refused(error.to_string());
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("event log client")
            .enable_all()
            .build()
            .map_err(|error| refused(&error))?;
        let client = Client::with_runtime_handle(runtime.handle().clone(), self.settings.clone())
            .map_err(|error| refused(&error))?;
        let live = Arc::new(Live { client, runtime: Some(runtime) });
        *kept = Some(live.clone());
        Ok(live)
    }

    /// Forgets a client that failed; somebody else may have done so already.
    fn discard(&self, failed: &Arc<Live>) {
        let mut kept = self.live();
        if kept.as_ref().is_some_and(|live| Arc::ptr_eq(live, failed)) {
            *kept = None;
            metrics::counter!("portus_eventstore_connections_lost_total").increment(1);
        }
    }

    /// One try to append.
    pub(crate) async fn append_once(
        &self,
        stream: &str,
        expected: ExpectedRevision,
        events: Vec<EventData>,
    ) -> Result<u64, NotWritten> {
        let live = self.client().map_err(NotWritten::Trouble)?;
        let options =
            AppendToStreamOptions::default().expected_revision(expected).deadline(self.request);
        let asked = live.client.append_to_stream(stream, &options, events);
        let answer = timeout(self.request + Duration::from_secs(1), asked).await;
        let error = match answer {
            Ok(Ok(written)) => return Ok(written.next_expected_version),
            Ok(Err(Error::WrongExpectedVersion { current, .. })) => {
                return Err(NotWritten::Conflict(match current {
                    CurrentRevision::Current(revision) => Some(revision),
                    CurrentRevision::NoStream => None,
                }));
            }
            Ok(Err(error)) => error,
            Err(_) => Error::DeadlineExceeded,
        };
        Err(NotWritten::Trouble(self.judge(&live, &error)))
    }

    /// Appends what is the same whoever writes it and however often, until it is there.
    ///
    /// # Errors
    ///
    /// The last one when `patience` is over.
    pub(crate) async fn append(
        &self,
        stream: &str,
        expected: ExpectedRevision,
        events: Vec<EventData>,
        patience: Duration,
    ) -> Result<u64, NotWritten> {
        let mut again = Again::new(patience);
        loop {
            match self.append_once(stream, expected, events.clone()).await {
                Err(NotWritten::Trouble(trouble)) => {
                    again.after(trouble).await.map_err(NotWritten::Trouble)?;
                }
                settled => return settled,
            }
        }
    }

    /// Events of a stream; none when there is no such stream.
    ///
    /// # Errors
    ///
    /// The last one when `patience` is over.
    pub(crate) async fn read(
        &self,
        wanted: &Wanted<'_>,
        patience: Duration,
    ) -> Result<Vec<ResolvedEvent>, Trouble> {
        let mut again = Again::new(patience);
        loop {
            match self.read_once(wanted).await {
                Ok(events) => return Ok(events),
                Err(trouble) => again.after(trouble).await?,
            }
        }
    }

    /// One try to read.
    pub(crate) async fn read_once(
        &self,
        wanted: &Wanted<'_>,
    ) -> Result<Vec<ResolvedEvent>, Trouble> {
        let live = self.client()?;
        let options = ReadStreamOptions::default().max_count(wanted.max).requires_leader(true);
        let options = match wanted.from {
            Some(from) => options.position(StreamPosition::Position(from)).forwards(),
            None => options.position(StreamPosition::End).backwards(),
        };
        let options = if wanted.resolve { options.resolve_link_tos() } else { options };
        let error =
            match timeout(self.request, live.client.read_stream(wanted.stream, &options)).await {
                Ok(Ok(mut stream)) => {
                    let (mut events, mut bytes) = (Vec::new(), 0);
                    loop {
                        match timeout(self.request, stream.next()).await {
                            // Some servers give one more than was asked for.
                            Ok(Ok(Some(event))) if events.len() < wanted.max => {
                                let read = event.event.as_ref();
                                bytes += read.map_or(0, |e| e.data.len() + e.custom_metadata.len());
                                events.push(event);
                                if bytes >= wanted.bytes {
                                    return Ok(events);
                                }
                            }
                            Ok(Ok(_)) => return Ok(events),
                            // Said in the stream: there is none of that name.
                            Ok(Err(Error::ResourceNotFound)) if events.is_empty() => {
                                return Ok(events);
                            }
                            Ok(Err(error)) => break error,
                            Err(_) => break Error::DeadlineExceeded,
                        }
                    }
                }
                Ok(Err(error)) => error,
                Err(_) => Error::DeadlineExceeded,
            };
        Err(self.judge(&live, &error))
    }

    /// The server's version; `None` when it does not tell.
    pub(crate) async fn version(&self) -> Result<Option<String>, Trouble> {
        let live = self.client()?;
        match timeout(self.request, live.client.server_info()).await {
            Ok(Ok(info)) if info.version() == 0 => Ok(None),
            Ok(Ok(info)) => Ok(Some(info.version().to_string())),
            Ok(Err(error)) => Err(self.judge(&live, &error)),
            Err(_) => Err(self.judge(&live, &Error::DeadlineExceeded)),
        }
    }

    /// What an error means for what was asked, and for the client that gave it.
    fn judge(&self, live: &Arc<Live>, error: &Error) -> Trouble {
        match error {
            // The client goes there by itself.
            Error::NotLeaderException(leader) => {
                let text =
                    format!("the node is not the leader, {}:{} is", leader.host, leader.port);
                Trouble::Refused(text)
            }
            Error::AccessDenied => Trouble::Hopeless(
                "access denied: see user, password and the access list of the log's streams"
                    .to_owned(),
            ),
            Error::ResourceDeleted => {
                Trouble::Hopeless("a stream of the log was deleted for good".to_owned())
            }
            Error::UnsupportedFeature => {
                Trouble::Hopeless("the server does not know what was asked".to_owned())
            }
            Error::Grpc { code, message } => {
                use eventstore_code::{is_invalid, is_outcome_unknown};
                if is_invalid(*code as i32) {
                    return Trouble::Hopeless(message.clone());
                }
                if !is_outcome_unknown(*code as i32) {
                    self.discard(live);
                }
                Trouble::Unknown(format!("{code:?}: {message}"))
            }
            Error::GrpcConnectionError(error) => {
                self.discard(live);
                let text = error.to_string();
                // Behind that it lists headers, of which there are none.
                let text = text.split(", details: ").next().unwrap_or_default();
                Trouble::Refused(text.replace("Unmapped gRPC connection error: ", ""))
            }
            Error::ConnectionClosed => {
                self.discard(live);
                Trouble::Refused("no connection".to_owned())
            }
            error => {
                self.discard(live);
                Trouble::Unknown(error.to_string())
            }
        }
    }
}

/// Codes of gRPC, by their numbers in its specification.
mod eventstore_code {
    const INVALID_ARGUMENT: i32 = 3;
    const ABORTED: i32 = 10;
    const OUT_OF_RANGE: i32 = 11;

    /// The request will never be taken.
    pub(super) fn is_invalid(code: i32) -> bool {
        matches!(code, INVALID_ARGUMENT | OUT_OF_RANGE)
    }

    /// The server is well, but gave up waiting for itself.
    pub(super) fn is_outcome_unknown(code: i32) -> bool {
        code == ABORTED
    }
}

/// Tries again, with pauses, while patience lasts.
pub(crate) struct Again {
    until: Instant,
    pause: Duration,
}

impl Again {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { until: Instant::now() + patience, pause: PAUSE }
    }

    /// Pauses after a failure.
    ///
    /// # Errors
    ///
    /// The failure, when there is no more time, or none would help.
    pub(crate) async fn after(&mut self, trouble: Trouble) -> Result<(), Trouble> {
        if matches!(trouble, Trouble::Hopeless(_)) || Instant::now() + self.pause > self.until {
            return Err(trouble);
        }
        tracing::debug!(%trouble, "the event log is asked again");
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST);
        Ok(())
    }
}
