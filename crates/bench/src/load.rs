//! Load over HTTP/1.1 as cheap as it can be made, so that the client does not measure itself: a request's bytes are made
//! once, an answer is read to its Content-Length.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::Failure;

/// What one window saw.
pub(crate) struct Window {
    pub(crate) per_s: f64,
    /// Milliseconds, sorted.
    pub(crate) latencies_ms: Vec<f64>,
}

impl Window {
    pub(crate) fn percentile(&self, p: f64) -> f64 {
        let at = (self.latencies_ms.len() as f64 * p) as usize;
        self.latencies_ms.get(at.min(self.latencies_ms.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
    }
}

/// The bytes of a request.
pub(crate) fn request(method: &str, path: &str, body: &str) -> Vec<u8> {
    request_of("", method, path, body)
}

/// The same of someone who has that key.
pub(crate) fn request_of(key: &str, method: &str, path: &str, body: &str) -> Vec<u8> {
    let key = if key.is_empty() { String::new() } else { format!("X-Api-Key: {key}\r\n") };
    format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{key}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Sends one request on a connection that is kept, and gives the answer's body.
pub(crate) async fn ask(stream: &mut TcpStream, request: &[u8]) -> Result<serde_json::Value, Failure> {
    let mut buffer = Vec::new();
    stream.write_all(request).await?;
    let body = answer(stream, &mut buffer).await?;
    Ok(serde_json::from_slice(&buffer[body..])?)
}

/// Sends `request` on `connections` at once, each the next as soon as it has its answer, for a warm-up and `windows`.
pub(crate) async fn run(
    address: &str,
    request: &[u8],
    connections: usize,
    window: Duration,
    windows: usize,
) -> Result<Vec<Window>, Failure> {
    let begin = Instant::now() + window;
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let (address, request) = (address.to_owned(), request.to_owned());
        tasks.spawn(async move { connection(&address, &request, begin, window, windows).await });
    }
    let mut all: Vec<Vec<f64>> = vec![Vec::new(); windows];
    while let Some(result) = tasks.join_next().await {
        for (into, from) in all.iter_mut().zip(result??) {
            into.extend(from);
        }
    }
    let seconds = window.as_secs_f64();
    let finished = all.into_iter().map(|mut latencies_ms| {
        latencies_ms.sort_by(f64::total_cmp);
        Window { per_s: latencies_ms.len() as f64 / seconds, latencies_ms }
    });
    Ok(finished.collect())
}

async fn connection(
    address: &str,
    request: &[u8],
    begin: Instant,
    window: Duration,
    windows: usize,
) -> Result<Vec<Vec<f64>>, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut latencies = vec![Vec::new(); windows];
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let sent = Instant::now();
        stream.write_all(request).await?;
        answer(&mut stream, &mut buffer).await?;
        let now = Instant::now();
        let Some(since) = now.checked_duration_since(begin) else { continue };
        let at = (since.as_nanos() / window.as_nanos()) as usize;
        if at >= windows {
            return Ok(latencies);
        }
        latencies[at].push((now - sent).as_secs_f64() * 1e3);
    }
}

/// Reads one answer and says where its body begins; any status but 2xx is a failed measurement.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<usize, Failure> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err("the server closed the connection".into());
        }
        let Some(head) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        if buffer.get(9) != Some(&b'2') {
            return Err(format!("the server answered {}", String::from_utf8_lossy(buffer)).into());
        }
        let text = std::str::from_utf8(&buffer[..head])?.to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let body: usize = length.map_or(Ok(0), |length| length.trim().parse())?;
        while buffer.len() < head + 4 + body {
            if stream.read_buf(buffer).await? == 0 {
                return Err("the server closed the connection".into());
            }
        }
        return Ok(head + 4);
    }
}
