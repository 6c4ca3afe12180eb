//! One connection of the provider: requests in, planned answers out.

use std::{convert::Infallible, io, sync::Arc, time::Instant};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
    header::{HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};

use super::{Answer, Body, Seen, Shared};

type Out = BoxBody<Bytes, io::Error>;

/// Serves until it is dropped, and every connection with it.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        shared.log.send_modify(|log| log.connections += 1);
        // An answer's head and body are two writes: without this the second waits for the client's delayed acknowledgement.
        socket.set_nodelay(true).ok();
        let shared = shared.clone();
        connections.spawn(async move {
            let service = service_fn(|request| exchange(request, shared.clone()));
            // How a connection ends is the client's affair, and sometimes the plan's.
            http1::Builder::new().serve_connection(TokioIo::new(socket), service).await.ok();
        });
    }
}

/// Counts a client that hung up: the exchange is dropped before its answer went out.
struct Pending<'a>(&'a Shared, bool);

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if !self.1 {
            self.0.log.send_modify(|log| log.abandoned += 1);
        }
    }
}

async fn exchange(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Out>, io::Error> {
    let mut pending = Pending(&shared, false);
    let seen = read(request).await.map_err(io::Error::other)?;
    let answer = shared.take(seen);
    tokio::time::sleep(answer.delay).await;
    if let Some(gate) = &answer.held {
        gate.passed().await;
    }
    pending.1 = true;
    respond(answer)
}

async fn read(request: Request<Incoming>) -> Result<Seen, hyper::Error> {
    let (head, body) = request.into_parts();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(Seen {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.collect().await?.to_bytes(),
        at: Instant::now(),
    })
}

fn respond(answer: Answer) -> Result<Response<Out>, io::Error> {
    let body = match answer.body {
        Body::Whole(bytes) => Full::new(bytes).map_err(|never: Infallible| match never {}).boxed(),
        Body::Chunked(pieces) => streamed(stream::iter(pieces.into_iter().map(Ok))),
        Body::Cut(bytes) => {
            // Without the pause hyper would drop what it has not written yet, the head included.
            let cut = async {
                tokio::task::yield_now().await;
                Err(io::Error::other("the plan closes the connection here"))
            };
            streamed(stream::iter([Ok(bytes)]).chain(stream::once(cut)))
        }
        Body::Stuck(bytes) => streamed(stream::iter([Ok(bytes)]).chain(stream::pending())),
        Body::Dripping(bytes, pause) => streamed(stream::unfold(bytes, move |bytes| async move {
            tokio::time::sleep(pause).await;
            Some((Ok(bytes.clone()), bytes))
        })),
        Body::Endless(bytes) => streamed(stream::repeat_with(move || Ok(bytes.clone()))),
        Body::Closed => return Err(io::Error::other("the plan closes the connection")),
    };
    let mut response = Response::new(body);
    *response.status_mut() = answer.status.try_into().expect("a status");
    for (name, value) in &answer.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        response
            .headers_mut()
            .append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a header's value"));
    }
    Ok(response)
}

fn streamed(pieces: impl stream::Stream<Item = io::Result<Bytes>> + Send + Sync + 'static) -> Out {
    BodyExt::boxed(StreamBody::new(pieces.map(|piece| piece.map(Frame::data))))
}
