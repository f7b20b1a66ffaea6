//! One node of a double.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use futures_util::{Stream, stream};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tonic::metadata::MetadataMap;
use tonic::transport::server::Connected;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

use super::Shared;
use super::kept::Written;
use super::wire::event_store::client::gossip::gossip_server::{Gossip, GossipServer};
use super::wire::event_store::client::gossip::member_info::VNodeState;
use super::wire::event_store::client::gossip::{ClusterInfo, EndPoint, MemberInfo};
use super::wire::event_store::client::server_features::SupportedMethods;
use super::wire::event_store::client::server_features::server_features_server::{
    ServerFeatures, ServerFeaturesServer,
};
use super::wire::event_store::client::streams::append_req::ProposedMessage;
use super::wire::event_store::client::streams::append_req::options::ExpectedStreamRevision;
use super::wire::event_store::client::streams::append_resp::success::CurrentRevisionOption;
use super::wire::event_store::client::streams::append_resp::wrong_expected_version;
use super::wire::event_store::client::streams::append_resp::{self, Success, WrongExpectedVersion};
use super::wire::event_store::client::streams::read_req::options::stream_options::RevisionOption;
use super::wire::event_store::client::streams::read_req::options::{
    CountOption, ReadDirection, StreamOption,
};
use super::wire::event_store::client::streams::read_resp::{Content, StreamNotFound};
use super::wire::event_store::client::streams::streams_server::{Streams, StreamsServer};
use super::wire::event_store::client::streams::{
    AppendReq, AppendResp, BatchAppendReq, BatchAppendResp, DeleteReq, DeleteResp, ReadReq,
    ReadResp, TombstoneReq, TombstoneResp, append_req,
};
use super::wire::event_store::client::{Empty, StreamIdentifier};

/// How a node proves who it is.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Certificate and key, in PEM.
    pub certificate: String,
    /// See `certificate`.
    pub key: String,
    /// A file with the certificate that signed it.
    pub authority: PathBuf,
}

impl Tls {
    /// A certificate for this machine's loopback address; who signed it is written to `folder`.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let signs = KeyPair::generate().expect("a key");
        let file = folder.join("ca.pem");
        let signed = authority.self_signed(&signs).expect("an authority");
        std::fs::write(&file, signed.pem()).expect("its file");
        let authority = Issuer::new(authority, signs);
        let key = KeyPair::generate().expect("a key");
        let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
        let leaf = leaf.signed_by(&key, &authority).expect("a certificate");
        Self { certificate: leaf.pem(), key: key.serialize_pem(), authority: file }
    }
}

/// A write that is carried out later.
pub(crate) struct Late {
    stream: String,
    expected: ExpectedStreamRevision,
    events: Vec<ProposedMessage>,
}

pub(super) struct Node {
    pub(super) port: u16,
    runtime: Option<Runtime>,
}

impl Node {
    /// Starts at a port, or at a free one.
    pub(super) async fn start(
        number: usize,
        port: u16,
        shared: Arc<Shared>,
        tls: Option<Tls>,
    ) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("double of an event store")
            .enable_all()
            .build()
            .expect("a runtime");
        let serving = runtime.spawn(async move {
            let listener = loop {
                match tokio::net::TcpListener::bind(("127.0.0.1", port)).await {
                    Ok(listener) => break listener,
                    // The one before may still be closing.
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            };
            let port = listener.local_addr().expect("an address").port();
            let acknowledges = shared.clone();
            let service = Service { number, shared };
            let incoming = stream::unfold(listener, move |listener| {
                let acknowledges = acknowledges.clone();
                async move {
                    let accepted = listener.accept().await;
                    let quick = !acknowledges.faults().lazy;
                    let accepted = accepted.and_then(|(stream, _)| Accepted::new(stream, quick));
                    Some((accepted, listener))
                }
            });
            let mut server = Server::builder();
            if let Some(tls) = tls {
                let identity = Identity::from_pem(tls.certificate, tls.key);
                server = server
                    .tls_config(ServerTlsConfig::new().identity(identity))
                    .expect("a certificate and its key");
            }
            let server = server
                .add_service(StreamsServer::new(service.clone()))
                .add_service(GossipServer::new(service.clone()))
                .add_service(ServerFeaturesServer::new(service))
                .serve_with_incoming(Box::pin(incoming));
            tokio::spawn(server);
            port
        });
        let port = serving.await.expect("a node");
        Self { port, runtime: Some(runtime) }
    }

    pub(super) fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Not here: a runtime is not to end inside another one.
            let ending =
                std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(5)));
            let _ = ending.join();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A connection that acknowledges at once, unless it is to be lazy. The client sends a request in two pieces and waits with
/// the second one until the first is acknowledged (it leaves Nagle's algorithm on), which takes
/// 40 ms where the other side waits for something to say.
struct Accepted {
    stream: TcpStream,
    quick: bool,
}

impl Accepted {
    fn new(stream: TcpStream, quick: bool) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_quickack(quick)?;
        Ok(Self { stream, quick })
    }
}

impl Connected for Accepted {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Accepted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if self.quick {
            // The kernel forgets it again and again.
            let _ = self.stream.set_quickack(true);
        }
        read
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[derive(Clone)]
struct Service {
    number: usize,
    shared: Arc<Shared>,
}

impl Service {
    /// What comes before every answer: waiting, asking who is there, and who leads.
    async fn begin(&self, metadata: &MetadataMap, writes: bool) -> Result<(), Status> {
        let delay = self.shared.faults().delay;
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        let faults = self.shared.faults();
        if let Some((user, password)) = &faults.credentials {
            let wanted =
                base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            let shown = metadata.get("authorization").and_then(|value| value.to_str().ok());
            if shown != Some(&format!("Basic {wanted}")) {
                return Err(Status::unauthenticated("who are you?"));
            }
            if writes && faults.read_only {
                return Err(exception(Status::permission_denied("access denied"), "access-denied"));
            }
        }
        let by_leader =
            writes || metadata.get("requires-leader").is_some_and(|value| value == "true");
        match faults.leader {
            Some(leader) if leader != self.number && by_leader => {
                let mut status =
                    exception(Status::not_found("Leader info available"), "not-leader");
                let port = self.shared.ports()[leader].to_string();
                let metadata = status.metadata_mut();
                metadata.insert("leader-endpoint-host", "127.0.0.1".parse().expect("a host"));
                metadata.insert("leader-endpoint-port", port.parse().expect("a port"));
                Err(status)
            }
            None if by_leader => Err(Status::unknown("No leader info available in response")),
            _ => Ok(()),
        }
    }

    fn write(
        &self,
        stream: &str,
        expected: ExpectedStreamRevision,
        events: Vec<ProposedMessage>,
    ) -> Result<Written, Status> {
        {
            let mut faults = self.shared.faults();
            if faults.refused.as_ref().is_some_and(|part| stream.contains(part.as_str())) {
                if faults.refused_after == 0 {
                    return Err(Status::unavailable("refused"));
                }
                faults.refused_after -= 1;
            }
            if faults.lost > 0 {
                faults.lost -= 1;
                return Err(Status::aborted("Operation timed out"));
            }
            if faults.abort_before > 0 {
                faults.abort_before -= 1;
                faults.late.push(Late { stream: stream.to_owned(), expected, events });
                return Err(Status::aborted("Operation timed out"));
            }
        }
        let written = self.shared.kept().append(stream, expected, events)?;
        let mut faults = self.shared.faults();
        if faults.abort_after > 0 {
            faults.abort_after -= 1;
            return Err(Status::aborted("Operation timed out"));
        }
        Ok(written)
    }

    fn odd(&self, why: &str) -> Status {
        self.shared.faults().odd += 1;
        Status::unimplemented(why)
    }

    /// Carries out what was said to have timed out.
    fn be_late(&self) {
        let late = std::mem::take(&mut self.shared.faults().late);
        for Late { stream, expected, events } in late {
            let _ = self.shared.kept().append(&stream, expected, events);
        }
    }
}

fn exception(mut status: Status, name: &'static str) -> Status {
    status.metadata_mut().insert("exception", name.parse().expect("a word"));
    status
}

fn named(stream: Option<StreamIdentifier>) -> Result<String, Status> {
    let stream = stream.ok_or_else(|| Status::invalid_argument("no stream"))?;
    String::from_utf8(stream.stream_name.to_vec())
        .map_err(|_| Status::invalid_argument("a stream's name is no text"))
}

#[tonic::async_trait]
impl Streams for Service {
    type ReadStream = Pin<Box<dyn Stream<Item = Result<ReadResp, Status>> + Send>>;
    type BatchAppendStream = Pin<Box<dyn Stream<Item = Result<BatchAppendResp, Status>> + Send>>;

    async fn read(&self, request: Request<ReadReq>) -> Result<Response<Self::ReadStream>, Status> {
        self.begin(request.metadata(), false).await?;
        let options = request.into_inner().options;
        let options = options.ok_or_else(|| Status::invalid_argument("no options"))?;
        let Some(StreamOption::Stream(of)) = options.stream_option else {
            return Err(self.odd("the double reads no $all"));
        };
        let Some(CountOption::Count(count)) = options.count_option else {
            return Err(self.odd("the double has no subscriptions"));
        };
        let stream = named(of.stream_identifier)?;
        let backwards = options.read_direction == ReadDirection::Backwards as i32;
        let from = match of.revision_option {
            Some(RevisionOption::Revision(revision)) => Some(revision),
            Some(RevisionOption::Start(_)) => Some(0),
            Some(RevisionOption::End(_)) | None => None,
        };
        let kept = self.shared.kept();
        let contents = match kept.read(&stream, from, backwards, count, options.resolve_links) {
            Some(events) => events.into_iter().map(Content::Event).collect(),
            None => vec![Content::StreamNotFound(StreamNotFound {
                stream_identifier: Some(StreamIdentifier { stream_name: stream.into() }),
            })],
        };
        let answers: Vec<_> =
            contents.into_iter().map(|content| Ok(ReadResp { content: Some(content) })).collect();
        Ok(Response::new(Box::pin(stream::iter(answers))))
    }

    async fn append(
        &self,
        request: Request<Streaming<AppendReq>>,
    ) -> Result<Response<AppendResp>, Status> {
        let metadata = request.metadata().clone();
        let mut messages = request.into_inner();
        let (mut options, mut events) = (None, Vec::new());
        while let Some(message) = messages.message().await? {
            match message.content {
                Some(append_req::Content::Options(said)) => options = Some(said),
                Some(append_req::Content::ProposedMessage(event)) => events.push(event),
                None => return Err(Status::invalid_argument("an empty message")),
            }
        }
        self.begin(&metadata, true).await?;
        let options = options.ok_or_else(|| Status::invalid_argument("no options"))?;
        let stream = named(options.stream_identifier)?;
        let expected = options.expected_stream_revision;
        let expected = expected.ok_or_else(|| Status::invalid_argument("nothing expected"))?;
        self.be_late();
        let written = self.write(&stream, expected, events)?;
        let silent = {
            let mut faults = self.shared.faults();
            let silent = faults.silent_after > 0;
            faults.silent_after = faults.silent_after.saturating_sub(1);
            silent
        };
        if silent {
            std::future::pending::<()>().await;
        }
        let result = match written {
            Written::Success { revision, position } => append_resp::Result::Success(Success {
                current_revision_option: Some(CurrentRevisionOption::CurrentRevision(revision)),
                position_option: Some(append_resp::success::PositionOption::Position(
                    append_resp::Position { commit_position: position, prepare_position: position },
                )),
            }),
            Written::WrongExpectedVersion { current } => {
                use wrong_expected_version::{CurrentRevisionOption, ExpectedRevisionOption};
                let said = WrongExpectedVersion {
                    current_revision_option: Some(match current {
                        Some(revision) => CurrentRevisionOption::CurrentRevision(revision),
                        None => CurrentRevisionOption::CurrentNoStream(Empty {}),
                    }),
                    expected_revision_option: Some(match expected {
                        ExpectedStreamRevision::Revision(revision) => {
                            ExpectedRevisionOption::ExpectedRevision(revision)
                        }
                        ExpectedStreamRevision::NoStream(_) => {
                            ExpectedRevisionOption::ExpectedNoStream(Empty {})
                        }
                        ExpectedStreamRevision::Any(_) => {
                            ExpectedRevisionOption::ExpectedAny(Empty {})
                        }
                        ExpectedStreamRevision::StreamExists(_) => {
                            ExpectedRevisionOption::ExpectedStreamExists(Empty {})
                        }
                    }),
                    ..WrongExpectedVersion::default()
                };
                append_resp::Result::WrongExpectedVersion(said)
            }
        };
        Ok(Response::new(AppendResp { result: Some(result) }))
    }

    async fn delete(&self, _: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        Err(self.odd("nothing is deleted from a log"))
    }

    async fn tombstone(&self, _: Request<TombstoneReq>) -> Result<Response<TombstoneResp>, Status> {
        Err(self.odd("nothing is deleted from a log"))
    }

    async fn batch_append(
        &self,
        _: Request<Streaming<BatchAppendReq>>,
    ) -> Result<Response<Self::BatchAppendStream>, Status> {
        Err(self.odd("a session that dies of one conflict is not used"))
    }
}

#[tonic::async_trait]
impl Gossip for Service {
    async fn read(&self, _: Request<Empty>) -> Result<Response<ClusterInfo>, Status> {
        let faults = self.shared.faults();
        let member = |(number, port): (usize, u16)| MemberInfo {
            instance_id: None,
            time_stamp: 0,
            state: if faults.leader == Some(number) {
                VNodeState::Leader
            } else {
                VNodeState::Follower
            } as i32,
            is_alive: !faults.dead.contains(&number),
            http_end_point: Some(EndPoint { address: "127.0.0.1".to_owned(), port: port.into() }),
        };
        let members = self.shared.ports().into_iter().enumerate().map(member).collect();
        Ok(Response::new(ClusterInfo { members }))
    }
}

#[tonic::async_trait]
impl ServerFeatures for Service {
    async fn get_supported_methods(
        &self,
        _: Request<Empty>,
    ) -> Result<Response<SupportedMethods>, Status> {
        let version = self.shared.faults().version.clone();
        let version = version.ok_or_else(|| Status::unimplemented("no such method"))?;
        Ok(Response::new(SupportedMethods {
            methods: Vec::new(),
            event_store_server_version: version,
        }))
    }
}
