//! One connection: what its client says, and the live stream of each channel that it hears.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Extension,
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    http::StatusCode,
};
use bytes::Bytes;
use futures_util::{SinkExt, Stream, stream};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{self, error::ProtocolError};

use super::{
    CHANNELS_MAX, Entry, lock,
    said::{self, Code, Said},
};
use crate::{
    answer::{Answer, Refused},
    app::App,
    asked::{Path, Query},
    door::Guest,
    live::{Begin, Channel, Of, Shape},
    serve::Peer,
};

/// What a client says is small.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// The buffers of a connection; the usual ones would hold 256 KiB each.
const BUFFER_BYTES: usize = 8 * 1024;
const ACTIVITY: Duration = Duration::from_secs(said::ACTIVITY_S);
/// After the client has been asked whether it lives.
const PONG: Duration = Duration::from_secs(30);

/// What the address says of the client.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Asked {
    protocol: Option<String>,
}

impl Asked {
    fn wrong(&self) -> Option<Code> {
        match self.protocol.as_deref().map(str::parse::<u32>) {
            None => Some(said::NO_VERSION),
            Some(Err(_)) => Some(said::BAD_VERSION),
            Some(Ok(version)) => (version != 7).then_some(said::OTHER_VERSION),
        }
    }
}

/// GET /app/KEY. What is wrong is said in the protocol, where clients look for it.
pub(crate) async fn connect(
    State(app): State<Arc<App>>,
    Path(key): Path<String>,
    Query(asked): Query<Asked>,
    peer: Option<Extension<Arc<Peer>>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer {
    let upgrade = upgrade.map_err(|_| {
        Refused::new(
            StatusCode::UPGRADE_REQUIRED,
            "this address takes WebSockets of the Pusher protocol only",
        )
        .help("connect with pusher-js or Laravel Echo, or read GET /SYSTEM/events")
    })?;
    let mut systems = app.engine.systems().into_iter().map(|published| published.system.name.clone());
    let system = systems.find(|name| app.pusher.key(name) == key);
    let peer = peer.map(|Extension(peer)| peer);
    let upgrade = upgrade.max_message_size(MESSAGE_BYTES_MAX).max_frame_size(MESSAGE_BYTES_MAX);
    let upgrade = upgrade.read_buffer_size(BUFFER_BYTES).write_buffer_size(BUFFER_BYTES);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let patience = app.settings.stream_idle_max;
        let mut wire = Wire { socket, patience };
        let entry = Entry::new(app);
        let end = match (system, asked.wrong(), entry) {
            (None, _, _) => End::Because(said::UNKNOWN_APP),
            (_, Some(code), _) => End::Because(code),
            (_, _, None) => End::Because(said::FULL),
            (Some(system), None, Some(entry)) => {
                let mut connection = Connection {
                    entry,
                    system,
                    peer: peer.clone(),
                    heard: Heard::new(),
                    channels: Channels::default(),
                    idle_since: Instant::now(),
                };
                tokio::select! {
                    end = connection.run(&mut wire) => end,
                    () = dropped(&peer) => End::Gone,
                }
            }
        };
        match end {
            End::Gone => {}
            End::Closed => wire.answer_close().await,
            End::Wrong(code) => wire.send_close(code).await,
            End::Because(code) => wire.close(code).await,
        }
        // What is left of the connection keeps a stopping server waiting.
        drop(peer);
    }))
}

/// Returns once the connection is to end at once.
async fn dropped(peer: &Option<Arc<Peer>>) {
    match peer {
        Some(peer) => peer.drop.notified().await,
        None => std::future::pending().await,
    }
}

/// Returns once the server stops.
async fn stops(peer: Option<Arc<Peer>>) {
    let Some(peer) = peer else { return std::future::pending().await };
    // One that is gone is a server that has stopped.
    let _ = peer.stopping.clone().wait_for(|stopping| *stopping).await;
}

/// Why a connection ends.
enum End {
    /// The client is gone, or takes nothing any more.
    Gone,
    /// It has said that it goes.
    Closed,
    /// It speaks no WebSocket, or too much at once.
    Wrong(Code),
    /// It is told.
    Because(Code),
}

impl End {
    fn of(error: axum::Error) -> End {
        match error.into_inner().downcast_ref::<tungstenite::Error>() {
            Some(tungstenite::Error::Capacity(_)) => End::Wrong(said::TOO_LONG),
            Some(tungstenite::Error::Utf8(_)) => End::Wrong(said::NO_TEXT),
            Some(tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => End::Gone,
            Some(tungstenite::Error::Protocol(_)) => End::Wrong(said::NO_WEBSOCKET),
            _ => End::Gone,
        }
    }
}

/// The way to the client.
struct Wire {
    socket: WebSocket,
    /// How long the client may take nothing.
    patience: Duration,
}

impl Wire {
    async fn send(&mut self, texts: impl IntoIterator<Item = Bytes>) -> Result<(), End> {
        let sending = async {
            for text in texts {
                // They are JSON, which is UTF-8.
                let text = Utf8Bytes::try_from(text).unwrap_or_default();
                self.socket.feed(Message::Text(text)).await?;
            }
            self.socket.flush().await
        };
        match tokio::time::timeout(self.patience, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }

    async fn close(mut self, code: Code) {
        if self.send([said::error(code)]).await.is_ok() {
            self.send_close(code).await;
        }
    }

    async fn send_close(mut self, code: Code) {
        let frame = CloseFrame { code: code.0, reason: Utf8Bytes::from_static(code.1) };
        // A client that has gone meanwhile knows.
        let _ = tokio::time::timeout(self.patience, self.socket.send(Message::Close(Some(frame)))).await;
    }

    /// The library has the answer ready, and sends it as it is read on.
    async fn answer_close(mut self) {
        let answered = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        let _ = tokio::time::timeout(self.patience, answered).await;
    }
}

/// When the client was last heard, and whether it was asked since.
struct Heard {
    at: Instant,
    asked: bool,
}

impl Heard {
    fn new() -> Heard {
        Heard { at: Instant::now(), asked: false }
    }

    fn due(&self) -> Instant {
        self.at + ACTIVITY + if self.asked { PONG } else { Duration::ZERO }
    }
}

struct Connection {
    entry: Entry,
    system: Arc<str>,
    peer: Option<Arc<Peer>>,
    heard: Heard,
    channels: Channels,
    /// Since when it hears no channel, while it hears none.
    idle_since: Instant,
}

impl Connection {
    async fn run(&mut self, wire: &mut Wire) -> End {
        if let Err(end) = wire.send([said::established(&self.entry.id)]).await {
            return end;
        }
        loop {
            if let Err(end) = self.step(wire).await {
                return end;
            }
        }
    }

    async fn step(&mut self, wire: &mut Wire) -> Result<(), End> {
        tokio::select! {
            () = stops(self.peer.clone()) => Err(End::Because(said::AGAIN)),
            said = wire.socket.recv() => {
                self.heard = Heard::new();
                match said {
                    Some(Ok(Message::Text(text))) => self.hear(wire, &text).await,
                    // Pings of the WebSocket's own are answered below us.
                    Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => Ok(()),
                    Some(Ok(Message::Close(_))) => Err(End::Closed),
                    Some(Err(error)) => Err(End::of(error)),
                    None => Err(End::Gone),
                }
            }
            batch = self.channels.next() => match batch {
                Some(batch) => wire.send(batch).await,
                None => Err(End::Because(said::AGAIN)),
            },
            () = tokio::time::sleep_until(self.idle_since + self.entry.app.settings.unheard_max), if self.channels.0.is_empty() => {
                Err(End::Because(said::UNHEARD))
            }
            () = tokio::time::sleep_until(self.heard.due()) => {
                if std::mem::replace(&mut self.heard.asked, true) {
                    return Err(End::Because(said::SILENT));
                }
                wire.send([said::message("pusher:ping", None, &said::Nothing {})]).await
            }
        }
    }

    async fn hear(&mut self, wire: &mut Wire, text: &str) -> Result<(), End> {
        let Ok(said) = serde_json::from_str::<Said>(text) else {
            return wire.send([said::error(said::UNREADABLE)]).await;
        };
        match &*said.event {
            "pusher:ping" => wire.send([said::message("pusher:pong", None, &said::Nothing {})]).await,
            "pusher:subscribe" => match said.wanted() {
                Some(wanted) => self.subscribe(wire, &wanted.channel, &wanted.auth).await,
                None => wire.send([said::error(said::UNREADABLE)]).await,
            },
            "pusher:unsubscribe" => {
                if let Some(wanted) = said.wanted().filter(|_| !self.channels.0.is_empty()) {
                    self.channels.leave(&wanted.channel);
                    self.idle_since = Instant::now();
                }
                Ok(())
            }
            "pusher:signin" => wire.send([said::error(said::NOT_SIGNED)]).await,
            event if event.starts_with("client-") => wire.send([said::error(said::NO_CLIENT_EVENTS)]).await,
            _ => Ok(()),
        }
    }

    async fn subscribe(&mut self, wire: &mut Wire, name: &str, auth: &str) -> Result<(), End> {
        let begun = match self.signed(name, auth) {
            Some(of) => self.begin(of).await.ok_or(said::FULL),
            None => Err(said::NOT_SIGNED),
        };
        match begun {
            Ok(batches) => {
                let succeeded =
                    said::message("pusher_internal:subscription_succeeded", Some(name), &said::Nothing {});
                self.channels.enter(name, batches);
                wire.send([succeeded]).await
            }
            Err(code) => wire.send([said::unheard(name, code), said::error(code)]).await,
        }
    }

    /// What a channel that was signed for this connection carries, for whom it was signed for.
    fn signed(&self, name: &str, auth: &str) -> Option<Of> {
        let app = &self.entry.app;
        if !app.pusher.is_signed(&self.system, &self.entry.id, name, auth) {
            return None;
        }
        let credential = lock(&self.entry.signed).get(name).cloned()?;
        let viewer = Guest::of_shared(credential).viewer(app, &self.system).ok()?;
        let channel = Channel::of(name, &self.system)?;
        channel.audiences(&viewer)?;
        Some(Of {
            engine: app.engine.clone(),
            door: app.door().clone(),
            system: self.system.clone(),
            viewer,
            shape: Shape::Messages(channel),
        })
    }

    async fn begin(&mut self, of: Of) -> Option<Batches> {
        if self.channels.0.len() >= CHANNELS_MAX {
            return None;
        }
        let opened = self.entry.app.live.stream(of, self.peer.clone(), Begin::Fresh).await?;
        Some(Box::pin(stream::unfold(opened, async |mut opened| Some((opened.batch().await?, opened)))))
    }
}

type Batches = Pin<Box<dyn Stream<Item = VecDeque<Bytes>> + Send>>;

/// What is heard, by channel.
#[derive(Default)]
struct Channels(Vec<(String, Batches)>);

impl Channels {
    /// One that is heard already begins anew.
    fn enter(&mut self, name: &str, batches: Batches) {
        self.leave(name);
        self.0.push((name.to_owned(), batches));
    }

    fn leave(&mut self, name: &str) {
        self.0.retain(|(heard, _)| heard != name);
    }

    /// The next messages of any; None: one has ended.
    async fn next(&mut self) -> Option<VecDeque<Bytes>> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<VecDeque<Bytes>>> {
        for at in 0..self.0.len() {
            if let Poll::Ready(batch) = self.0[at].1.as_mut().poll_next(context) {
                // The others come first the next time.
                self.0[at..].rotate_left(1);
                return Poll::Ready(batch);
            }
        }
        Poll::Pending
    }
}
