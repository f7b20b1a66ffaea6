//! An in-memory double of a server of the EventStoreDB client protocol, over real gRPC: what the
//! log needs of it, and ways to fail that real ones have. It has nodes that share what they keep,
//! as a cluster does; each has a runtime of its own, so that a killed one drops its connections.
#![allow(
    clippy::expect_used,
    clippy::result_large_err,
    reason = "a bench that cannot be set up fails the test that needs it; the protocol's error is large"
)]

mod kept;
mod node;
#[allow(clippy::all)]
pub mod wire;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use self::kept::{Kept, MAX_APPEND_SIZE, Record};
use self::node::Node;
pub use self::node::Tls;

/// Where the tests of the log find a real server, when somebody has one: a connection string.
pub const URL: &str = "EVENTSTORE_URL";

/// See the module.
pub struct Double {
    shared: Arc<Shared>,
    nodes: Vec<Node>,
    tls: Option<Tls>,
}

/// What the nodes have in common.
#[derive(Default)]
pub(crate) struct Shared {
    kept: Mutex<Kept>,
    faults: Mutex<Faults>,
    /// Ports of the nodes, in their order.
    ports: Mutex<Vec<u16>>,
}

/// What goes wrong.
#[derive(Default)]
pub struct Faults {
    /// So long each answer takes.
    pub delay: Option<Duration>,
    /// So many writes are carried out, and then answered as if the server had given up.
    pub abort_after: usize,
    /// So many writes are answered so, and carried out afterwards: once something else is asked.
    pub abort_before: usize,
    /// So many writes are answered so, and never carried out.
    pub lost: usize,
    /// So many writes are carried out, and never answered.
    pub silent_after: usize,
    /// Writes to streams with this in their name are refused.
    pub refused: Option<String>,
    /// So many writes to such streams are let through first.
    pub refused_after: usize,
    /// The node that leads; `None`: nobody does.
    pub leader: Option<usize>,
    /// Which nodes are alive, as all of them say.
    pub dead: Vec<usize>,
    /// User and password that are asked for.
    pub credentials: Option<(String, String)>,
    /// Whether that user may only read.
    pub read_only: bool,
    /// What the server calls its version; `None`: it does not know the question.
    pub version: Option<String>,
    /// Whether new connections acknowledge what they get as late as the kernel likes.
    pub lazy: bool,
    /// How often something was asked that no log of ours needs: a subscription, `$all`, a batch.
    pub odd: usize,
    /// Writes that are carried out when something else is asked.
    pub(crate) late: Vec<node::Late>,
}

impl Shared {
    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ports(&self) -> Vec<u16> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Double {
    /// One node.
    pub async fn start() -> Self {
        Self::cluster(1).await
    }

    /// So many nodes, of which the first leads.
    pub async fn cluster(nodes: usize) -> Self {
        Self::with(nodes, None).await
    }

    /// One node that speaks TLS.
    pub async fn encrypted(tls: Tls) -> Self {
        Self::with(1, Some(tls)).await
    }

    async fn with(nodes: usize, tls: Option<Tls>) -> Self {
        let shared = Arc::new(Shared::default());
        {
            let mut faults = shared.faults();
            faults.leader = Some(0);
            faults.version = Some("23.10.6".to_owned());
        }
        let mut double = Self { shared, nodes: Vec::new(), tls };
        for number in 0..nodes {
            let node = Node::start(number, 0, double.shared.clone(), double.tls.clone()).await;
            double.shared.ports.lock().unwrap_or_else(PoisonError::into_inner).push(node.port);
            double.nodes.push(node);
        }
        double
    }

    /// The connection string.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<_> =
            self.shared.ports().iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let tls = match &self.tls {
            Some(tls) => format!("tls=true&tlsCAFile={}", tls.authority.display()),
            None => "tls=false".to_owned(),
        };
        format!("esdb://{}?{tls}&nodePreference=leader", hosts.join(","))
    }

    /// The ports of the nodes.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        self.shared.ports()
    }

    /// What it keeps.
    pub fn kept(&self) -> MutexGuard<'_, Kept> {
        self.shared.kept()
    }

    /// What goes wrong from now on.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.shared.faults()
    }

    /// A node dies with its connections; what it kept is on disk, so to say.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].kill();
    }

    /// A node is there again, at its old port.
    pub async fn revive(&mut self, node: usize) {
        let (port, shared, tls) = (self.nodes[node].port, self.shared.clone(), self.tls.clone());
        self.nodes[node] = Node::start(node, port, shared, tls).await;
    }

    /// Another node leads from now on.
    pub fn elect(&self, node: usize) {
        self.faults().leader = Some(node);
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        // No subscription, no `$all`, no batch: what those do wrong cannot happen.
        assert!(std::thread::panicking() || self.faults().odd == 0, "an odd request was made");
    }
}

/// A server for a test, and a name for a log on it that no other test has.
pub struct Server {
    /// The double, unless there is a real one.
    pub double: Option<Double>,
    /// The connection string.
    pub url: String,
    /// The log's name.
    pub name: String,
}

impl Server {
    /// The server of [`URL`], or a double.
    pub async fn start() -> Self {
        let name = format!("test-{}", uuid::Uuid::now_v7().simple());
        match std::env::var(URL) {
            Ok(url) => Self { double: None, url, name },
            Err(_) => {
                let double = Double::start().await;
                Self { url: double.url(), double: Some(double), name }
            }
        }
    }
}
