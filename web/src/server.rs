//! The listener: bounded in connections and in patience, and drained when the service stops.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// The most connections open at once; more wait in the system's queue.
pub const MAX_CONNECTIONS: usize = 10_000;
/// The most bytes of a request's headers together.
pub const MAX_HEADER_BYTES: usize = 64 * 1024;
/// The most requests at once in one HTTP/2 connection.
pub const MAX_STREAMS: u32 = 100;

/// What a connection is allowed.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until the headers of a request have come.
    pub headers: Duration,
    /// For open requests when the service stops.
    pub drain: Duration,
}

/// Binds an address; the error says what to do.
///
/// # Errors
///
/// A sentence for whoever starts the service.
pub async fn bind(address: &str, flag: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "{address} is taken by another program; stop that one (ss -ltnp shows it), or choose \
             another port with {flag}"
        ),
        io::ErrorKind::PermissionDenied => {
            format!("{address} may not be used by this user; choose a port above 1023 with {flag}")
        }
        _ => format!("cannot listen on {address}: {error}; choose another address with {flag}"),
    })
}

/// Answers until `stop`; then takes no new connections, and returns when the open requests are
/// answered, or have had their time.
///
/// # Errors
///
/// Never by itself; the form is that of other parts of the service.
pub async fn serve(
    listener: Arc<TcpListener>,
    routes: Router,
    patience: Patience,
    stop: CancellationToken,
) -> io::Result<()> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.headers)
        .max_buf_size(MAX_HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEADER_BYTES).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(patience.headers);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, peer, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: wait until some connections have ended.
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let routes = routes.clone();
        let service = service_fn(move |request: http::Request<Incoming>| {
            let routes = routes.clone();
            async move {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(ConnectInfo(peer));
                routes.oneshot(request).await.map_err(|never: Infallible| never)
            }
        });
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let watched = graceful.watch(connection.into_owned());
        tokio::spawn(async move {
            let _place = place;
            let gauge = metrics::gauge!("portus_http_connections");
            gauge.increment(1.0);
            if let Err(error) = watched.await {
                tracing::debug!(%peer, "connection ended: {error}");
            }
            gauge.decrement(1.0);
        });
    }
    if tokio::time::timeout(patience.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were not answered within the time for draining");
    }
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer, place))
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;

    use super::*;

    async fn start(
        routes: Router,
        patience: Patience,
    ) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<io::Result<()>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let served = tokio::spawn(serve(Arc::new(listener), routes, patience, stop.clone()));
        (address, stop, served)
    }

    const SHORT: Patience =
        Patience { headers: Duration::from_millis(200), drain: Duration::from_secs(20) };

    #[tokio::test]
    async fn an_open_request_is_answered_before_the_listener_stops() {
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (begins, waits) = (begun.clone(), go_on.clone());
        let routes = Router::new().route(
            "/",
            get(move || async move {
                begins.notify_one();
                waits.notified().await;
                "done"
            }),
        );
        let (address, stop, served) = start(routes, SHORT).await;
        let asked = tokio::spawn(reqwest::get(format!("http://{address}/")));
        begun.notified().await;
        stop.cancel();
        go_on.notify_one();
        assert_eq!(asked.await.unwrap().unwrap().text().await.unwrap(), "done");
        served.await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn a_client_that_never_ends_its_headers_is_hung_up_on() {
        let (address, _stop, _served) = start(Router::new(), SHORT).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest));
        assert!(ended.await.is_ok(), "the connection stays open");
    }

    #[tokio::test]
    async fn headers_beyond_the_limit_are_refused() {
        let (address, _stop, _served) = start(Router::new(), SHORT).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}", "x".repeat(MAX_HEADER_BYTES));
        let _ = stream.write_all(long.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    }

    #[tokio::test]
    async fn a_taken_port_is_named_with_what_to_do() {
        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = other.local_addr().unwrap().to_string();
        let said = bind(&address, "--listen").await.unwrap_err();
        assert!(said.starts_with(&address) && said.contains("--listen"), "{said}");
    }
}
