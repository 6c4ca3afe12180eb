//! Requests as bytes: a client's library would put right what an attack has wrong.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Longer than any timeout of the scene's server.
const PATIENCE: Duration = Duration::from_secs(15);

/// A request; what is left out is as it should be.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) verb: &'a str,
    pub(crate) target: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
}

pub(crate) const GET: Ask<'_> = Ask { verb: "GET", target: "/", headers: &[], body: b"" };
pub(crate) const POST: Ask<'_> = Ask { verb: "POST", ..GET };

pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");
pub(crate) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// What came back until the connection's end; nothing where it was closed without a word.
pub(crate) struct Reply(Vec<u8>);

impl Reply {
    /// 0: there is none.
    pub(crate) fn status(&self) -> u16 {
        let text = self.text();
        text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn is_good(&self) -> bool {
        (200..300).contains(&self.status())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    pub(crate) fn head(&self) -> String {
        self.text().split("\r\n\r\n").next().unwrap_or_default().to_owned()
    }

    pub(crate) fn body(&self) -> String {
        self.text().split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
    }

    /// The first header of that name (lower case).
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.head().lines().find_map(|line| {
            let (its, value) = line.split_once(':')?;
            its.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    /// For a row: the status and how the body begins.
    pub(crate) fn says(&self) -> String {
        match self.status() {
            0 if self.0.is_empty() => "closed".to_owned(),
            0 => self.text(),
            status => format!("{status} {}", self.body()),
        }
    }
}

/// The request's bytes, with a Host, an end of the connection and a length unless it says its own.
pub(crate) fn bytes(address: &str, ask: &Ask<'_>) -> Vec<u8> {
    let has = |name: &str| ask.headers.iter().any(|(its, _)| its.eq_ignore_ascii_case(name));
    let mut head = format!("{} {} HTTP/1.1\r\nconnection: close\r\n", ask.verb, ask.target);
    if !has("host") {
        head.push_str(&format!("host: {address}\r\n"));
    }
    if ask.verb != "GET" && !has("content-length") && !has("transfer-encoding") {
        head.push_str(&format!("content-length: {}\r\n", ask.body.len()));
    }
    for (name, value) in ask.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    [head.as_bytes(), b"\r\n", ask.body].concat()
}

/// Sends and reads to the end. A server that answers early reads no further, which is no fault.
pub(crate) async fn exchange(address: &str, bytes: &[u8]) -> Reply {
    let mut socket = TcpStream::connect(address).await.expect("a server that takes connections");
    let (mut from, mut to) = socket.split();
    let mut reply = Vec::new();
    let write = async {
        let _ = to.write_all(bytes).await;
        std::future::pending::<()>().await;
    };
    let read = async {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut piece).await {
            reply.extend_from_slice(&piece[..count]);
        }
    };
    let both = async {
        tokio::select! { () = write => {}, () = read => {} }
    };
    let _ = tokio::time::timeout(PATIENCE, both).await;
    Reply(reply)
}

/// Whether the server ends the connection by itself, as `first` is followed by a byte of `then` every so often.
pub(crate) async fn is_ended(
    address: &str,
    first: &[u8],
    then: u8,
    every: Duration,
    within: Duration,
) -> (bool, Reply) {
    let mut socket = TcpStream::connect(address).await.expect("a server that takes connections");
    let _ = socket.write_all(first).await;
    let (mut from, mut to) = socket.split();
    let mut reply = Vec::new();
    let read = async {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut piece).await {
            reply.extend_from_slice(&piece[..count]);
        }
    };
    let drip = async {
        loop {
            tokio::time::sleep(every).await;
            let _ = to.write_all(&[then]).await;
        }
    };
    let both = async {
        tokio::select! { () = read => {}, () = drip => {} }
    };
    let ended = tokio::time::timeout(within, both).await.is_ok();
    (ended, Reply(reply))
}
