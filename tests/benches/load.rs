//! The load generator: the same requests over and over on connections that stay open. It does as
//! little as it can, because it shares the machine's processors with what it measures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What one run gave.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// Answers with the expected status.
    pub(crate) good: u64,
    /// Other answers.
    pub(crate) bad: u64,
    /// How long it took.
    pub(crate) time: Duration,
    /// The time of each good answer in microseconds, in ascending order.
    latencies: Vec<u32>,
}

impl Run {
    /// Good answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.good as f64 / self.time.as_secs_f64()
    }

    /// The time within which this share of all answers came, in milliseconds.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.latencies.get(at).map_or(f64::NAN, |micros| f64::from(*micros) / 1_000.0)
    }
}

/// How a run ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// After a time; the requests start again from the first.
    Time(Duration),
    /// When each request was sent once.
    Once,
}

/// Sends `requests` over `connections` connections to `address` and expects `status` each time.
pub(crate) async fn run(
    address: &str,
    connections: usize,
    requests: Arc<Vec<Vec<u8>>>,
    status: u16,
    until: Until,
) -> Run {
    let next = Arc::new(AtomicUsize::new(0));
    let bad = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let (next, bad, requests) =
                (Arc::clone(&next), Arc::clone(&bad), Arc::clone(&requests));
            let address = address.to_owned();
            tokio::spawn(async move {
                let mut latencies = Vec::with_capacity(100_000);
                let mut connection = Connection::open(&address).await;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let over = match until {
                        Until::Time(limit) => start.elapsed() >= limit,
                        Until::Once => number >= requests.len(),
                    };
                    if over {
                        return latencies;
                    }
                    let asked = Instant::now();
                    let answer = connection.ask(&requests[number % requests.len()]).await;
                    if answer == Some(status) {
                        latencies.push(asked.elapsed().as_micros() as u32);
                    } else {
                        bad.fetch_add(1, Ordering::Relaxed);
                        connection = Connection::open(&address).await;
                    }
                }
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.expect("a connection's task"));
    }
    let time = start.elapsed();
    latencies.sort_unstable();
    Run { good: latencies.len() as u64, bad: bad.load(Ordering::Relaxed), time, latencies }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, buffer: Vec::with_capacity(16 * 1024) }
    }

    /// The answer's status; `None` when the connection broke.
    async fn ask(&mut self, request: &[u8]) -> Option<u16> {
        self.stream.write_all(request).await.ok()?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
            let Some(end) = find(&self.buffer, b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&self.buffer[..end]).ok()?;
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            let length: usize = length.unwrap_or(0);
            let status = head.split(' ').nth(1)?.parse().ok();
            while self.buffer.len() < end + 4 + length {
                if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                    return None;
                }
            }
            return status;
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
