//! Whether a connection owes its client something: an answer that is being made or sent, or bytes that the client has not
//! taken yet. A head that has not come whole is nothing owed, and neither is a connection that is only kept open.

use std::{
    io::{IoSlice, Result},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::{body::Body, http::Response};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Of one connection. Only the connection's own future changes it, so nobody needs to be woken.
#[derive(Debug, Default)]
pub(crate) struct Busy {
    answers: AtomicUsize,
    stuck: AtomicBool,
}

impl Busy {
    /// A request is in service from now on until its answer's body is over.
    pub(crate) fn begin(self: &Arc<Busy>) -> UnderWay {
        self.answers.fetch_add(1, Ordering::Relaxed);
        UnderWay(self.clone())
    }

    /// Ready where nothing is owed; polled after the connection itself.
    pub(crate) async fn over(&self) {
        let owes = || self.answers.load(Ordering::Relaxed) > 0 || self.stuck.load(Ordering::Relaxed);
        std::future::poll_fn(|_| if owes() { Poll::Pending } else { Poll::Ready(()) }).await;
    }
}

/// A request in service.
pub(crate) struct UnderWay(Arc<Busy>);

impl UnderWay {
    /// Stays with the answer until all of it was handed on.
    pub(crate) fn answered(self, answer: Response<Body>) -> Response<Answered> {
        answer.map(|body| Answered { body, _under_way: self })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.answers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An answer's body.
pub(crate) struct Answered {
    body: Body,
    _under_way: UnderWay,
}

impl hyper::body::Body for Answered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection's bytes, watched for a client that takes none.
pub(crate) struct Watched<S> {
    pub(crate) stream: S,
    pub(crate) busy: Arc<Busy>,
}

impl<S> Watched<S> {
    fn noted<T>(&self, written: Poll<T>) -> Poll<T> {
        self.busy.stuck.store(written.is_pending(), Ordering::Relaxed);
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, from);
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, from);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
