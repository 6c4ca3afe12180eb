//! Many clients of live delivery, as cheap as they can be made, since they share the machine with the server: all on one
//! thread, with one buffer, and they look for nothing but the mark that the workflow puts into its bars' messages (`@NUMBER`:
//! which bar) and, where it stands behind that, for the status and the element's time.

use std::{
    collections::BTreeSet,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
};

use crate::{
    Failure,
    load::{self, Window},
};

/// A mark with what follows it up to the time: `@017","status":"running","started_at":"..","updated_at":".."`, or with a
/// stroke before each quote.
const MARK_BYTES: usize = 116;

/// An hour, milliseconds: all that is read of the time is where it stands in its hour.
const HOUR_MS: i64 = 3_600_000;

/// What one read may take.
const READ_BYTES: usize = 256 * 1024;

/// Latencies are counted by milliseconds up to this.
const LATENCY_MS_MAX: usize = 60_000;

/// By what protocol they listen.
#[derive(Clone, Copy)]
pub(crate) enum Door {
    Events,
    Pusher,
}

/// Those who listen.
pub(crate) struct Crowd {
    address: String,
    heard: Arc<Mutex<Heard>>,
    listening: JoinSet<()>,
    deaf: Vec<TcpStream>,
}

struct Heard {
    buffer: Vec<u8>,
    /// How many states arrived so many milliseconds after their element.
    after_ms: Vec<u32>,
    /// How many ends, each bar's once a client.
    ends: usize,
    gone: usize,
}

impl Crowd {
    pub(crate) fn new(address: &str) -> Crowd {
        let heard = Heard {
            buffer: vec![0; MARK_BYTES + READ_BYTES],
            after_ms: vec![0; LATENCY_MS_MAX],
            ends: 0,
            gone: 0,
        };
        Crowd {
            address: address.to_owned(),
            heard: Arc::new(Mutex::new(heard)),
            listening: JoinSet::new(),
            deaf: Vec::new(),
        }
    }

    /// One more, with that key of the user of that name.
    pub(crate) async fn join(&mut self, door: Door, name: &str, key: &str) -> Result<(), Failure> {
        let mut stream = TcpStream::connect(&self.address).await?;
        match door {
            Door::Events => stream.write_all(&listen(key)).await?,
            Door::Pusher => subscribe(&mut stream, &self.address, name, key).await?,
        }
        let heard = self.heard.clone();
        self.listening.spawn(async move {
            // However a connection ends, what it has not heard is lost.
            let _ = hear(&mut stream, &heard).await;
            lock(&heard).gone += 1;
        });
        Ok(())
    }

    /// One that asks and never reads.
    pub(crate) async fn join_deaf(&mut self, key: &str) -> Result<(), Failure> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        let mut stream = socket.connect(self.address.parse()?).await?;
        stream.write_all(&listen(key)).await?;
        self.deaf.push(stream);
        Ok(())
    }

    /// What is heard meanwhile.
    pub(crate) async fn window(&self, time: Duration) -> Window {
        lock(&self.heard).after_ms.fill(0);
        tokio::time::sleep(time).await;
        let heard = lock(&self.heard);
        let counted = heard.after_ms.iter().enumerate();
        let latencies_ms: Vec<f64> =
            counted.flat_map(|(ms, count)| std::iter::repeat_n(ms as f64, *count as usize)).collect();
        Window { per_s: latencies_ms.len() as f64 / time.as_secs_f64(), latencies_ms }
    }

    /// How many ends have not come, of so many, once no more come for a while.
    pub(crate) async fn lost(&self, ends: usize) -> usize {
        let mut before = usize::MAX;
        loop {
            let heard = lock(&self.heard).ends;
            if heard >= ends || heard == before {
                return ends.saturating_sub(heard);
            }
            before = heard;
            // The slowest round at 10,000 clients who see everything takes seconds.
            for _ in 0..100 {
                if lock(&self.heard).ends < ends {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// How many connections have ended by themselves.
    pub(crate) fn gone(&self) -> usize {
        lock(&self.heard).gone
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen(key: &str) -> Vec<u8> {
    load::request_of(key, "GET", "/bench/events", "")
}

/// The handshake of a WebSocket and of the Pusher protocol, up to the channel of that person.
async fn subscribe(stream: &mut TcpStream, address: &str, name: &str, key: &str) -> Result<(), Failure> {
    let mut http = TcpStream::connect(address).await?;
    let app = load::ask(&mut http, &load::request_of(key, "GET", "/bench/broadcasting", "")).await?;
    let app = app["key"].as_str().ok_or("no key of the system")?;
    let upgrade = format!(
        "GET /app/{app}?protocol=7 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(upgrade.as_bytes()).await?;
    let mut said = Vec::new();
    let socket = loop {
        if stream.read_buf(&mut said).await? == 0 {
            return Err("the server took no WebSocket".into());
        }
        let text = String::from_utf8_lossy(&said);
        let id = text.split_once(r#"socket_id\":\""#).and_then(|(_, rest)| rest.split_once('\\'));
        if let Some((id, _)) = id {
            break id.to_owned();
        }
    };
    let channel = format!("private-user.{name}");
    let asked = serde_json::json!({ "socket_id": socket, "channel_name": channel }).to_string();
    let signed = load::request_of(key, "POST", "/bench/broadcasting/auth", &asked);
    let auth = load::ask(&mut http, &signed).await?["auth"].clone();
    let asked =
        serde_json::json!({ "event": "pusher:subscribe", "data": { "channel": channel, "auth": auth } });
    let text = asked.to_string();
    // A text's first byte, its masked length in two more, a mask of zeroes.
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend((text.len() as u16).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    Ok(stream.write_all(&frame).await?)
}

/// Polled, since the buffer is everyone's; and unlike `try_read` it does not ask in vain whether there is more.
async fn hear(stream: &mut TcpStream, heard: &Mutex<Heard>) -> std::io::Result<()> {
    let (mut rest, mut ended) = (Vec::with_capacity(MARK_BYTES), BTreeSet::new());
    poll_fn(|context| {
        let mut heard = lock(heard);
        loop {
            let mut into = ReadBuf::new(&mut heard.buffer[rest.len()..]);
            ready!(Pin::new(&mut *stream).poll_read(context, &mut into))?;
            let read = into.filled().len();
            if read == 0 {
                return Poll::Ready(Ok(()));
            }
            heard.count(&mut rest, &mut ended, read);
        }
    })
    .await
}

impl Heard {
    /// Takes what was read behind the rest of the read before, and leaves a rest.
    fn count(&mut self, rest: &mut Vec<u8>, ended: &mut BTreeSet<i64>, read: usize) {
        self.buffer[..rest.len()].copy_from_slice(rest);
        let bytes = &self.buffer[..rest.len() + read];
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let mut from = bytes.len();
        for at in memchr::memchr_iter(b'@', bytes) {
            let Some(mark) = bytes.get(at..at + MARK_BYTES) else {
                from = at;
                break;
            };
            let Some(Mark { number, moved_ms }) = Mark::read(mark) else { continue };
            let Some(moved_ms) = moved_ms else {
                self.ends += usize::from(ended.insert(number));
                continue;
            };
            let after_ms = (now_ms - moved_ms).rem_euclid(HOUR_MS) as usize;
            if let Some(count) = self.after_ms.get_mut(after_ms) {
                *count += 1;
            }
        }
        rest.clear();
        rest.extend_from_slice(&bytes[from..]);
    }
}

struct Mark {
    number: i64,
    /// When it was moved, milliseconds of the hour; None if it has ended.
    moved_ms: Option<i64>,
}

impl Mark {
    fn read(mark: &[u8]) -> Option<Mark> {
        let digits = |from: usize, to: usize| {
            let digit = |digit: &u8| digit.is_ascii_digit().then(|| i64::from(digit - b'0'));
            mark.get(from..to)?.iter().try_fold(0, |sum, byte| Some(sum * 10 + digit(byte)?))
        };
        let number = digits(1, 4)?;
        let (status, time) = if mark[4] == b'\\' { (20, 91) } else { (16, 79) };
        if mark[status] != b'r' {
            return Some(Mark { number, moved_ms: None });
        }
        let (minute, second, ms) =
            (digits(time + 14, time + 16)?, digits(time + 17, time + 19)?, digits(time + 20, time + 23)?);
        Some(Mark { number, moved_ms: Some((minute * 60 + second) * 1_000 + ms) })
    }
}
