//! An HTTP client for tests: one connection a request, nothing followed, nothing hidden.

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, task::JoinHandle};

use crate::within;

/// Talks to one address.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    /// Sent with every request: a key, a cookie, an Origin.
    pub headers: Vec<(String, String)>,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case, in the order in which they arrived.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub body: Bytes,
}

impl Answer {
    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("status {} and no JSON ({error}): {}", self.status, self.text()))
    }
}

impl Client {
    /// Of `http://HOST:PORT`.
    pub fn new(base: &str) -> Client {
        Client { base: base.trim_end_matches('/').to_owned(), headers: Vec::new() }
    }

    /// `http://HOST:PORT`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The same, with one more header in every request.
    pub fn with(&self, name: &str, value: &str) -> Client {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], Bytes::new()).await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, json: &Value) -> Answer {
        let body = Bytes::from(json.to_string());
        self.request("POST", path, &[("content-type", "application/json")], body).await
    }

    /// Any request.
    pub async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Bytes) -> Answer {
        let says = || format!("no answer to {method} {path}");
        let exchange = async {
            let (response, connection) = self.send(method, path, headers, body).await;
            let answer = whole(response).await.unwrap_or_else(|error| panic!("{}: {error}", says()));
            connection.abort();
            answer
        };
        within(exchange, says).await
    }

    /// A request to a server that may die in the middle: None if no whole answer came.
    pub async fn attempt(&self, method: &str, path: &str, json: Option<&Value>) -> Option<Answer> {
        let body = json.map_or_else(Bytes::new, |json| Bytes::from(json.to_string()));
        let headers = [("content-type", "application/json")];
        let headers = if json.is_some() { &headers[..] } else { &[] };
        let exchange = async {
            let (response, connection) = self.try_send(method, path, headers, body).await.ok()?;
            let answer = whole(response).await.ok();
            connection.abort();
            answer
        };
        within(exchange, || format!("neither an answer to {method} {path} nor an end")).await
    }

    /// The status of an answer that need not end: a stream is hung up on.
    pub async fn status(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Bytes) -> Answer {
        let sent = self.send(method, path, headers, body);
        let (response, connection) = within(sent, || format!("no answer to {method} {path}")).await;
        connection.abort();
        let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), text(value))).collect();
        Answer { status: response.status().as_u16(), headers, body: Bytes::new() }
    }

    /// Opens a stream of server-sent events; fails the test unless the answer is 200.
    pub async fn events(&self, path: &str) -> Events {
        let headers = [("accept", "text/event-stream")];
        let sent = self.send("GET", path, &headers, Bytes::new());
        let (response, connection) = within(sent, || format!("no answer to GET {path}")).await;
        assert_eq!(response.status(), 200, "the stream of {path}");
        Events { body: response.into_body(), rest: BytesMut::new(), connection }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> (Response<Incoming>, JoinHandle<()>) {
        let sent = self.try_send(method, path, headers, body).await;
        sent.unwrap_or_else(|error| panic!("no answer to {method} {path}: {error}"))
    }

    /// A connection of its own; aborting the task that drives it hangs up.
    async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<(Response<Incoming>, JoinHandle<()>), Box<dyn std::error::Error + Send + Sync>> {
        let host = self.base.strip_prefix("http://").expect("an address that begins with http://");
        let (host, prefix) = host.split_once('/').map_or((host, ""), |(host, prefix)| (host, prefix));
        let socket =
            TcpStream::connect(host).await.map_err(|error| format!("nobody answers at {host}: {error}"))?;
        socket.set_nodelay(true).ok();
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        let connection = tokio::spawn(async move { connection.await.unwrap_or_default() });
        let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        let mut request = Request::builder().method(method).uri(format!("{prefix}{path}"));
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header(header::HOST, host);
        }
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.chain(headers.iter().copied()) {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).expect("a request that can be sent");
        Ok((sender.send_request(request).await?, connection))
    }
}

/// Reads an answer to its end.
async fn whole(response: Response<Incoming>) -> Result<Answer, hyper::Error> {
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    Ok(Answer { status: head.status.as_u16(), headers, body })
}

/// One server-sent event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its `event:`, or `message`.
    pub event: String,
    /// Its `id:`, or empty.
    pub id: String,
    /// Its `data:` lines joined by line breaks.
    pub data: String,
}

impl Event {
    /// The data as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.data))
    }
}

/// An open stream of server-sent events; dropping it hangs up.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    rest: BytesMut,
    connection: JoinHandle<()>,
}

impl Events {
    /// The next event; None when the server ended the stream. Comments are passed over.
    pub async fn next(&mut self) -> Option<Event> {
        within(self.read(), || "no further event".to_owned()).await
    }

    /// Returns once the server has ended the stream; what comes before is passed over.
    pub async fn end(&mut self) {
        let read = async { while self.read().await.is_some() {} };
        within(read, || "the stream goes on".to_owned()).await;
    }

    /// The next event that `wanted` takes; those before it are passed over.
    pub async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        let mut passed = Vec::new();
        let found = tokio::time::timeout(crate::DEADLINE, async {
            while let Some(event) = self.read().await {
                if wanted(&event) {
                    return Some(event);
                }
                passed.push(event);
            }
            None
        });
        let found = found.await.unwrap_or_default();
        found.unwrap_or_else(|| panic!("the awaited event did not come; these did: {passed:#?}"))
    }

    async fn read(&mut self) -> Option<Event> {
        loop {
            while let Some(end) = self.rest.windows(2).position(|pair| pair == b"\n\n") {
                let block = self.rest.split_to(end + 2);
                if let Some(event) = event(&String::from_utf8_lossy(&block)) {
                    return Some(event);
                }
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                // Line ends are \n here; a server may write \r\n as well.
                self.rest.extend(data.iter().filter(|byte| **byte != b'\r'));
            }
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// None: a block of comments, or one without data.
fn event(block: &str) -> Option<Event> {
    let mut event = Event { event: "message".to_owned(), id: String::new(), data: String::new() };
    let mut data = None;
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => event.event = value.to_owned(),
            "id" => event.id = value.to_owned(),
            "data" => data = Some(data.map_or_else(|| value.to_owned(), |data: String| data + "\n" + value)),
            _ => {}
        }
    }
    event.data = data?;
    Some(event)
}
