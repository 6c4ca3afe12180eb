//! Live delivery: from the store's stream of changes to every connected client, once each, newest state only.
//!
//! [`Hub::stream`] promises: no state is lost between what a client gets first and what follows; states may repeat and
//! never go back; a slow or dead client costs the others nothing.

mod board;
mod channel;
mod frame;
mod log;
mod rest;
mod stream;

use std::{sync::Arc, time::Duration};

use engine::Engine;
use tokio::{
    sync::{broadcast::error::RecvError, watch},
    task::JoinSet,
};

use self::board::Board;
pub(crate) use self::{
    board::audience_of,
    channel::Channel,
    frame::{Audience, Envelope, Mark},
    stream::{Begin, Of, Shape, Stream},
};
use crate::{door::Door, serve::Peer, settings::Settings};

/// How often old states are forgotten and dead clients looked for.
const SWEEP: Duration = Duration::from_secs(15);

/// The one task that reads the store's changes, and the board it feeds.
pub(crate) struct Hub {
    board: Arc<Board>,
    ready: watch::Receiver<bool>,
    streams_max: usize,
    /// Ends with the hub.
    _feeder: JoinSet<()>,
}

impl Hub {
    /// Starts to listen; needs a runtime.
    pub(crate) fn start(engine: Engine, door: &Door, settings: &Settings) -> Hub {
        let board = Arc::new(Board::new(engine.clock_ms().unsigned_abs()));
        let (begun, ready) = watch::channel(false);
        let idle_ms = i64::try_from(settings.stream_idle_max.as_millis()).unwrap_or(i64::MAX);
        // The first subscription stands before anything is read: nothing falls between.
        let changes = engine.store().changes();
        let feed = Feed { engine, board: board.clone(), changes, rights: door.changed(), idle_ms };
        let mut feeder = JoinSet::new();
        feeder.spawn(feed.run(begun));
        Hub { board, ready, streams_max: settings.streams_max, _feeder: feeder }
    }

    /// Where the stream stands now.
    pub(crate) fn head(&self) -> Mark {
        self.board.head()
    }

    /// How many streams are open.
    pub(crate) fn open(&self) -> usize {
        self.board.clients()
    }

    /// A stream for one client; None if there are too many already.
    pub(crate) async fn stream(&self, of: Of, peer: Option<Arc<Peer>>, begin: Begin) -> Option<Stream> {
        if self.board.clients() >= self.streams_max {
            return None;
        }
        // An error means that the feeder is gone, and then the server is stopping.
        self.ready.clone().wait_for(|ready| *ready).await.ok()?;
        Some(Stream::new(of, self.board.clone(), peer, begin))
    }
}

struct Feed {
    engine: Engine,
    board: Arc<Board>,
    changes: tokio::sync::broadcast::Receiver<store::Changes>,
    /// Someone may have less than before.
    rights: watch::Receiver<()>,
    idle_ms: i64,
}

impl Feed {
    async fn run(mut self, begun: watch::Sender<bool>) {
        self.seed().await;
        let _ = begun.send(true);
        let mut sweep = tokio::time::interval(SWEEP);
        let mut lagged = false;
        loop {
            tokio::select! {
                Ok(()) = self.rights.changed() => self.board.wake(),
                _ = sweep.tick() => self.board.sweep(self.engine.clock_ms(), self.idle_ms),
                changes = self.changes.recv() => match changes {
                    Ok(changes) => {
                        if std::mem::take(&mut lagged) {
                            self.seed().await;
                            self.board.lose();
                        }
                        self.board.feed(&changes, self.engine.clock_ms());
                    }
                    Err(RecvError::Lagged(missed)) => {
                        tracing::warn!(missed, "live delivery fell behind and reads the states anew");
                        lagged = true;
                    }
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }

    /// What moves now, in every system.
    async fn seed(&self) {
        for published in self.engine.systems() {
            match self.engine.store().items(published.system.name.clone(), 0).await {
                Ok(items) => self.board.seed(&items, self.engine.clock_ms()),
                Err(error) => tracing::warn!(%error, "the progress items could not be read"),
            }
        }
    }
}
