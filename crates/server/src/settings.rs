//! What can be set about the door.

use std::time::Duration;

use ipnet::IpNet;

use crate::door::Doors;

/// Settings of the server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who may come in besides those whom the store knows. With nobody at all whoever connects from this machine is the user
    /// `local` with the role admin (delivery.md, Sign-in).
    pub doors: Doors,
    /// Pages of these origins (`https://app.example.com`) may call with a key, a token or a ticket.
    pub origins: Vec<String>,
    /// Proxies whose forwarded headers count.
    pub proxies: Vec<IpNet>,
    /// Where people reach the server, if that is not the Host that it hears.
    pub public_url: Option<String>,
    /// The path under which everything is served, such as `/hefe`; empty: there is none. Who watches the process (/healthz,
    /// /readyz, /metrics) is answered without it too, as is the socket.
    pub base_path: String,
    /// Names that the Host header may have in open mode, beside localhost, 127.0.0.1 and [::1]; without a port.
    pub hosts: Vec<String>,
    /// The largest request body, bytes; over it is 413.
    pub body_bytes_max: usize,
    /// How long a client may take to send a request's head, and to begin the next one; over it is the connection's end.
    pub head_timeout: Duration,
    /// How long a client may take to send its body; over it is 408.
    pub body_timeout: Duration,
    /// How long a request waits for the one before it with the same `Idempotency-Key`; over it is 409.
    pub once_wait: Duration,
    /// How many live streams are served at once; over it is 503.
    pub streams_max: usize,
    /// How long a connection of the Pusher protocol may hear no channel: its key is no secret, and it takes up a place.
    pub unheard_max: Duration,
    /// A stream that took nothing for so long is dropped.
    pub stream_idle_max: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            doors: Doors::default(),
            origins: Vec::new(),
            proxies: Vec::new(),
            public_url: None,
            base_path: String::new(),
            hosts: Vec::new(),
            body_bytes_max: 10 * 1024 * 1024,
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
            once_wait: Duration::from_secs(10),
            streams_max: 20_000,
            unheard_max: Duration::from_secs(30),
            stream_idle_max: Duration::from_secs(60),
        }
    }
}
