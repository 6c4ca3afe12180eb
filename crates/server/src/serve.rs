//! Connections: taken, watched, and brought to an end when the server stops.

use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Duration};

use axum::{http::Request, response::IntoResponse};
use engine::Stop;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::{Notify, watch},
    task::JoinSet,
};

use crate::{
    Site,
    busy::{Busy, Watched},
    guard::check_one_host,
};

/// The largest head of a request, and how much of an answer is held for a client that does not take it. With
/// `pipeline_flush` each connection would keep a copy of the largest answer that it ever had.
const HELD_BYTES_MAX: usize = 32 * 1024;

/// Where connections come from.
#[derive(Debug)]
pub enum Listener {
    /// An address.
    Tcp(TcpListener),
    /// A file of this machine: only who may open it can connect, so any Host is taken.
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Listener {
        Listener::Tcp(listener)
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Listener {
        Listener::Unix(listener)
    }
}

/// What a request knows of its connection.
#[derive(Debug)]
pub(crate) struct Peer {
    /// It came over a file of this machine.
    pub(crate) over_socket: bool,
    /// From where, unless it came over a file.
    pub(crate) address: Option<IpAddr>,
    /// True once the server stops: streams end then.
    pub(crate) stopping: watch::Receiver<bool>,
    /// Ends the connection at once, whatever it is doing.
    pub(crate) drop: Notify,
}

/// Raises the number of files that the process may have open as far as the machine lets it: every connection is one.
pub fn raise_descriptors() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) =
        setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit })
    {
        tracing::warn!(%error, "the number of open files stays as it was: raise it with `ulimit -n`");
    }
}

/// Serves a site until it is told to stop; then takes no more, ends the live streams and whatever asks nothing at once, and
/// returns when the answers under way are sent: soon within the grace period, or now.
pub async fn serve(listener: impl Into<Listener>, site: Site, mut told: watch::Receiver<Stop>) {
    let listener = listener.into();
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // One who is gone will not say it.
            _ = is_told(&mut told, |stop| stop != Stop::No) => break,
            taken = accept(&listener) => match taken {
                Ok(Stream::Tcp(stream, address)) => {
                    connections.spawn(connection(stream, site.clone(), peer(Some(address), &stopping)));
                }
                Ok(Stream::Unix(stream)) => {
                    connections.spawn(connection(stream, site.clone(), peer(None, &stopping)));
                }
                Err(error) => {
                    // Out of file descriptors, or a client that has gone already.
                    tracing::warn!(%error, "a connection could not be taken; if too many files are open, raise `ulimit -n`");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop((listener, stopping));
    // Nobody listening is as good as told.
    let _ = stop.send(true);
    let drained = async {
        while connections.join_next().await.is_some() {}
        // WebSockets are connections no more; each holds the word to stop until it has ended.
        stop.closed().await;
    };
    let grace_s = site.grace.as_secs();
    tokio::select! {
        biased;
        () = drained => {}
        true = is_told(&mut told, |stop| stop == Stop::Now) => {
            tracing::warn!("told to stop at once: answers under way are cut off");
        }
        () = tokio::time::sleep(site.grace) => {
            tracing::warn!("some answers were still under way after {grace_s} s and are cut off");
        }
    }
}

/// Returns once that is said; false: it never will be.
async fn is_told(told: &mut watch::Receiver<Stop>, wanted: impl Fn(Stop) -> bool) -> bool {
    told.wait_for(|stop| wanted(*stop)).await.is_ok()
}

/// A connection that was taken.
enum Stream {
    Tcp(TcpStream, IpAddr),
    Unix(UnixStream),
}

async fn accept(listener: &Listener) -> std::io::Result<Stream> {
    match listener {
        Listener::Tcp(listener) => {
            let (stream, from) = listener.accept().await?;
            // Without it a small answer may wait for the client's acknowledgement of the one before.
            let _ = stream.set_nodelay(true);
            Ok(Stream::Tcp(stream, from.ip()))
        }
        Listener::Unix(listener) => listener.accept().await.map(|(stream, _)| Stream::Unix(stream)),
    }
}

fn peer(address: Option<IpAddr>, stopping: &watch::Receiver<bool>) -> Arc<Peer> {
    let over_socket = address.is_none();
    Arc::new(Peer { over_socket, address, stopping: stopping.clone(), drop: Notify::new() })
}

async fn connection<S>(stream: S, site: Site, peer: Arc<Peer>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let routes = TowerToHyperService::new(site.router);
    let (known, busy) = (peer.clone(), Arc::new(Busy::default()));
    let begun = busy.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(known.clone());
        let under_way = begun.begin();
        let refused = check_one_host(&request).filter(|_| !known.over_socket);
        let answer = match refused {
            Some(refused) => Err(refused),
            None => Ok(hyper::service::Service::call(&routes, request)),
        };
        async move {
            let answer = match answer {
                Ok(answer) => answer.await?,
                Err(refused) => refused.into_response(),
            };
            Ok::<_, Infallible>(under_way.answered(answer))
        }
    });
    let mut served = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(site.head_timeout)
            .max_buf_size(HELD_BYTES_MAX)
            .serve_connection(TokioIo::new(Watched { stream, busy: busy.clone() }), service)
            .with_upgrades()
    );
    let (mut stopping, mut ending) = (peer.stopping.clone(), false);
    loop {
        tokio::select! {
            biased;
            // A client that goes away in the middle is its own business.
            _ = served.as_mut() => return,
            () = peer.drop.notified() => return,
            Ok(()) = stopping.changed() => {
                ending = true;
                served.as_mut().graceful_shutdown();
            }
            // By itself it would wait for the rest of a head.
            () = busy.over(), if ending => return,
        }
    }
}
