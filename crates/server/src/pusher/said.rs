//! What goes over a connection beside events: what clients say, and what they are told about it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::live::Envelope;

/// How long a client may be silent before one of the two asks whether the other lives, seconds.
pub(super) const ACTIVITY_S: u64 = 60;

/// What a client says; what it says it to matters for no event that is taken.
#[derive(Deserialize)]
pub(super) struct Said {
    pub(super) event: String,
    #[serde(default)]
    data: serde_json::Value,
}

/// The data of `pusher:subscribe` and `pusher:unsubscribe`.
#[derive(Deserialize)]
pub(super) struct Wanted {
    pub(super) channel: String,
    #[serde(default)]
    pub(super) auth: String,
}

impl Said {
    /// The channel that it is about. Some clients write the data as a text with JSON in it.
    pub(super) fn wanted(&self) -> Option<Wanted> {
        match &self.data {
            serde_json::Value::String(text) => serde_json::from_str(text).ok(),
            data => Wanted::deserialize(data).ok(),
        }
    }
}

/// Why a connection ends or something is refused: the protocol's codes.
/// 4000-4099: do not connect again like this; 4100-4199: later; 4200-4299: at once; from 4300 on: the connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code(pub(super) u16, pub(super) &'static str);

pub(super) const UNKNOWN_APP: Code =
    Code(4001, "there is no system with this key; `hefe config` shows the keys");
pub(super) const NO_VERSION: Code = Code(4008, "the address names no protocol: add ?protocol=7");
pub(super) const BAD_VERSION: Code = Code(4006, "the protocol is no number");
pub(super) const OTHER_VERSION: Code = Code(4007, "only protocol 7 is spoken here");
pub(super) const NOT_SIGNED: Code =
    Code(4009, "the channel is not signed for this connection by POST /SYSTEM/broadcasting/auth");
pub(super) const FULL: Code = Code(4100, "too many connections or channels are open");
pub(super) const AGAIN: Code =
    Code(4200, "connect again: the server stops, or what was shown for a channel has ended");
pub(super) const UNREADABLE: Code = Code(4200, "this is no message of the protocol");
pub(super) const SILENT: Code = Code(4201, "no pong came");
pub(super) const UNHEARD: Code = Code(4202, "no channel was subscribed to");
pub(super) const TOO_LONG: Code = Code(1009, "a message has 64 KiB at most");
pub(super) const NO_TEXT: Code = Code(1007, "the text is no UTF-8");
pub(super) const NO_WEBSOCKET: Code = Code(1002, "this is no frame of a WebSocket client");
pub(super) const NO_CLIENT_EVENTS: Code = Code(4301, "clients send no events here");

/// A message about the connection or one channel.
pub(super) fn message(event: &str, channel: Option<&str>, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    // Texts only: it can always be written.
    serde_json::to_vec(&Envelope { event, channel, data: &data }).unwrap_or_default().into()
}

#[derive(Serialize)]
struct Established<'a> {
    socket_id: &'a str,
    activity_timeout: u64,
}

pub(super) fn established(socket: &str) -> Bytes {
    let data = Established { socket_id: socket, activity_timeout: ACTIVITY_S };
    message("pusher:connection_established", None, &data)
}

#[derive(Serialize)]
struct Refusal {
    code: u16,
    message: &'static str,
}

pub(super) fn error(code: Code) -> Bytes {
    message("pusher:error", None, &Refusal { code: code.0, message: code.1 })
}

#[derive(Serialize)]
struct Unheard {
    r#type: &'static str,
    error: &'static str,
    status: u16,
}

/// What a channel's own handlers are told.
pub(super) fn unheard(channel: &str, code: Code) -> Bytes {
    let (r#type, status) = if code == NOT_SIGNED { ("AuthError", 401) } else { ("LimitReached", 429) };
    message("pusher:subscription_error", Some(channel), &Unheard { r#type, error: code.1, status })
}

#[derive(Serialize)]
pub(super) struct Nothing {}
