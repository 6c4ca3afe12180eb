//! What the provider says, as plain data.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::watch;

/// An answer. `Answer { delay: .., ..Answer::json(..) }` says the rest.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// What follows the head.
    pub body: Body,
    /// How long to wait before the head.
    pub delay: Duration,
    /// Waits before the head until the test opens it.
    pub held: Option<Gate>,
}

/// What follows an answer's head.
#[derive(Debug, Clone)]
pub enum Body {
    /// All of it, with its Content-Length.
    Whole(Bytes),
    /// All of it in pieces, without a Content-Length.
    Chunked(Vec<Bytes>),
    /// This much, then the connection is closed although more was announced.
    Cut(Bytes),
    /// This much, then nothing, and the connection stays open.
    Stuck(Bytes),
    /// One such piece after each pause, without an end and without a Content-Length.
    Dripping(Bytes, Duration),
    /// The same again and again, without an end and without a Content-Length.
    Endless(Bytes),
    /// Not even a head: the connection is closed.
    Closed,
}

impl Default for Answer {
    fn default() -> Answer {
        Answer::json(&serde_json::json!({}))
    }
}

impl Answer {
    /// 200 with that JSON.
    pub fn json(value: &serde_json::Value) -> Answer {
        Answer::of(200, &[("content-type", "application/json")], value.to_string())
    }

    /// 200 with that text.
    pub fn text(text: &str) -> Answer {
        Answer::of(200, &[("content-type", "text/plain; charset=utf-8")], text.to_owned())
    }

    /// That status with an empty body.
    pub fn status(status: u16) -> Answer {
        Answer::of(status, &[], Bytes::new())
    }

    /// A redirect to that place.
    pub fn redirect(status: u16, location: &str) -> Answer {
        Answer::of(status, &[("location", location)], Bytes::new())
    }

    /// 200 with that body.
    pub fn body(body: Body) -> Answer {
        Answer { body, ..Answer::status(200) }
    }

    /// That status, those headers, that body.
    pub fn of(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Answer { status, headers, body: Body::Whole(body.into()), delay: Duration::ZERO, held: None }
    }
}

/// Holds answers until it is opened. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// Closed.
    pub fn new() -> Gate {
        Gate(Arc::new(watch::Sender::new(false)))
    }

    /// Lets go of what it holds, and of whatever comes later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub(super) async fn passed(&self) {
        let mut open = self.0.subscribe();
        open.wait_for(|open| *open).await.expect("this gate holds its sender");
    }
}

impl Default for Gate {
    fn default() -> Gate {
        Gate::new()
    }
}
