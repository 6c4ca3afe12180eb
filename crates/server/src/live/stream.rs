//! One client's stream: what it may see, newest states only, at its own pace.

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use engine::Engine;
use store::{Error, Filter};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use super::{
    board::{Board, Room, Seat, audience_of},
    channel::Channel,
    frame::{Audience, Content, Frame, Key, Mark, RunShown},
};
use crate::{
    door::{Door, Viewer},
    serve::Peer,
};

/// A comment that keeps proxies and the watchdog at rest.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How many states are taken at once.
const BATCH_MAX: usize = 256;
/// How many bytes go out in one piece, about: it is written when the client has taken the one before.
const PIECE_BYTES: usize = 16 * 1024;
/// How long an item that ended is told to those who subscribe without saying where they were, milliseconds.
const ENDED_MS: i64 = 120_000;
/// How many runs a client is told of whose place in the stream is no longer known.
const RUNS_MAX: usize = 100;

/// Numbers of about the same moment may arrive out of order: so much more is read from the store. States may repeat.
const SLACK: u64 = 10_000_000;

/// See the module.
pub(crate) struct Stream {
    engine: Engine,
    board: Arc<Board>,
    system: Arc<str>,
    door: Arc<Door>,
    /// When the viewer's credential is over.
    until_ms: i64,
    /// Someone may have less than before.
    changed: watch::Receiver<()>,
    viewer: Viewer,
    /// What this stream tells of.
    audiences: Vec<Audience>,
    /// What the viewer may see, here or on another stream.
    sees: Vec<Audience>,
    shape: Shape,
    seat: Seat,
    peer: Option<Arc<Peer>>,
    /// Everything up to here has been sent or overtaken.
    cursor: Mark,
    /// How far items were that were read from the store: older states of them are not sent.
    ahead: HashMap<Key, u64>,
    begin: Begin,
    out: VecDeque<Out>,
    rest_until: Instant,
}

/// What goes out next.
enum Out {
    State(Arc<Frame>),
    Word(Bytes),
}

/// Whose stream it is.
pub(crate) struct Of {
    pub(crate) engine: Engine,
    pub(crate) door: Arc<Door>,
    pub(crate) system: Arc<str>,
    pub(crate) viewer: Viewer,
    pub(crate) shape: Shape,
}

/// What a stream tells, and how it is written.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// All that the viewer may see, and these channels, as server-sent events.
    Events(Vec<Arc<str>>),
    /// What a channel carries for the viewer, as messages of the Pusher protocol.
    Messages(Channel),
}

/// What the first delivery is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Begin {
    /// The newest state of every moving item.
    Fresh,
    /// The same, and what has changed since a page was read that stands here.
    Page(Mark),
    /// The newest state of everything that changed since.
    Since(Mark),
    /// It has been made.
    Done,
}

impl Stream {
    pub(super) fn new(of: Of, board: Arc<Board>, peer: Option<Arc<Peer>>, begin: Begin) -> Stream {
        let Of { engine, door, system, viewer, shape } = of;
        let sees = viewer.audiences();
        let (audiences, out) = match &shape {
            Shape::Events(channels) => (
                sees.iter().cloned().chain(channels.iter().cloned().map(Audience::Channel)).collect(),
                VecDeque::from([Out::Word(Bytes::from_static(b"retry: 2000\n\n"))]),
            ),
            Shape::Messages(channel) => (channel.audiences(&viewer).unwrap_or_default(), VecDeque::new()),
        };
        let rooms = audiences.iter().map(|audience| board.room(&system, audience.clone())).collect();
        let seat = board.join(rooms, peer.clone());
        let mut changed = door.changed();
        // Whoever had it may have lost it since it was looked up.
        changed.mark_changed();
        Stream {
            engine,
            system,
            changed,
            door,
            until_ms: viewer.credential.until_ms(),
            viewer,
            audiences,
            sees,
            shape,
            seat,
            peer,
            // What changes once the client has been answered comes after this, however late it first reads.
            cursor: board.head(),
            ahead: HashMap::new(),
            begin,
            out,
            rest_until: Instant::now(),
            board,
        }
    }

    /// The next piece; None when the server stops or the store cannot be read (the client comes back and goes on).
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        loop {
            if !self.may_stay().await {
                return None;
            }
            self.seat.taken();
            if let Some(piece) = self.piece() {
                return Some(piece);
            }
            if !self.rested().await {
                return None;
            }
            if let Err(error) = self.fill().await {
                tracing::warn!(%error, "a live stream ends: the states could not be read");
                return None;
            }
            if !self.out.is_empty() {
                let rest = self.board.rest.after(self.out.len(), self.board.clients());
                self.rest_until = Instant::now() + rest;
                continue;
            }
            let left_ms = self.until_ms.saturating_sub(self.engine.clock_ms()).max(0);
            let beat = sleep(HEARTBEAT.min(Duration::from_millis(left_ms.unsigned_abs())));
            let client = self.seat.client.clone();
            let news = async {
                tokio::select! {
                    () = client.wake.notified() => false,
                    () = beat => true,
                }
            };
            let mut silent = false;
            if self.stops_before(async { silent = news.await }).await {
                return None;
            }
            if silent && let Shape::Events(_) = self.shape {
                self.out.push_back(Out::Word(Bytes::from_static(b":\n\n")));
            }
        }
    }

    /// Waits until the next delivery may be; false if the server stops before.
    async fn rested(&self) -> bool {
        let due = self.rest_until;
        if due <= Instant::now() {
            return true;
        }
        let stopped = self.stops_before(sleep_until(due)).await;
        self.board.rest.woke(due.elapsed());
        !stopped
    }

    /// Waits; true if the server stops before. The stop wakes nobody here: it polls each connection, and with it this. (To
    /// listen for it at every delivery cost more than the delivery: ten thousand entries come and go in one list.)
    async fn stops_before(&self, then: impl Future<Output = ()>) -> bool {
        let mut then = pin!(then);
        let stops = || self.peer.as_ref().is_some_and(|peer| *peer.stopping.borrow());
        poll_fn(
            |context| if stops() { Poll::Ready(true) } else { then.as_mut().poll(context).map(|()| false) },
        )
        .await
    }

    /// All pieces that are there, at least one.
    pub(crate) async fn batch(&mut self) -> Option<VecDeque<Bytes>> {
        let mut all = VecDeque::from([self.next().await?]);
        all.extend(std::iter::from_fn(|| self.piece()));
        Some(all)
    }

    /// What is written at once: one message, or events up to a number of bytes.
    fn piece(&mut self) -> Option<Bytes> {
        let first = self.out.pop_front()?.written(&self.shape);
        if let (Shape::Messages(_), _) | (_, None) = (&self.shape, self.out.front()) {
            // One alone is not copied: its bytes are everyone's.
            return Some(first);
        }
        let mut piece = BytesMut::with_capacity(
            first.len() * (self.out.len() + 1).min(PIECE_BYTES / first.len().max(1) + 1),
        );
        piece.extend_from_slice(&first);
        while piece.len() < PIECE_BYTES
            && let Some(next) = self.out.pop_front()
        {
            piece.extend_from_slice(&next.written(&self.shape));
        }
        Some(piece.freeze())
    }

    /// Whether what was shown for the stream still opens it, and as wide: else it ends, and its client comes again.
    async fn may_stay(&mut self) -> bool {
        let now_ms = self.engine.clock_ms();
        let over = now_ms >= self.until_ms;
        if over || !self.changed.has_changed().unwrap_or(false) {
            return !over;
        }
        self.changed.mark_unchanged();
        match self.door.still(&self.viewer.credential, now_ms).await {
            Ok(grants) => self.viewer.would_be_same(&self.system, grants.as_deref()),
            Err(error) => {
                tracing::warn!(%error, "a live stream ends: its session could not be read");
                false
            }
        }
    }

    async fn fill(&mut self) -> Result<(), Error> {
        let begin = std::mem::replace(&mut self.begin, Begin::Done);
        match begin {
            Begin::Fresh | Begin::Page(_) => {
                // A page that another process wrote says nothing here.
                if let Begin::Page(mark) = begin
                    && self.board.knows(mark)
                    && self.covered(mark.place)
                {
                    self.cursor = mark;
                }
                let ended_since_ms = match self.shape {
                    Shape::Events(_) => i64::MAX,
                    Shape::Messages(_) => self.engine.clock_ms() - ENDED_MS,
                };
                let moving = self.gather(|room, into| {
                    let log = room.log();
                    let moving = log.moving(self.cursor.place, ended_since_ms);
                    into.extend(moving.map(|(place, frame)| (place, frame.clone())));
                });
                self.send(moving);
                self.mark();
            }
            Begin::Since(mark) if self.board.knows(mark) => self.cursor = mark,
            // Messages that came since the client was answered are in the rooms alone.
            Begin::Since(mark) => self.reread(mark.number, self.cursor).await?,
            Begin::Done => {}
        }
        match self.follow() {
            true => Ok(()),
            false => self.reread(self.cursor.number, self.board.head()).await,
        }
    }

    /// Whether the rooms know everything that came after that place.
    fn covered(&self, place: u64) -> bool {
        self.seat.rooms.iter().all(|room| room.newest() <= place || room.log().covers(place))
    }

    /// Sends what has changed since the cursor; false if the rooms do not know all of it.
    fn follow(&mut self) -> bool {
        let (head, now_ms) = (self.board.head(), self.engine.clock_ms());
        let mut changed = self.gather(|room, into| {
            if room.newest() <= self.cursor.place {
                return;
            }
            let log = room.log();
            let found = log.read(self.cursor.place, head.place, BATCH_MAX, now_ms);
            into.extend(found.map(|(place, frame)| (place, frame.clone())));
        });
        // Asked last: what was forgotten meanwhile is missing from what was read.
        if !self.covered(self.cursor.place) {
            return false;
        }
        changed.truncate(BATCH_MAX);
        // Where the batch is full there may be more: it is taken the next time.
        self.cursor = match changed.last() {
            Some((place, _)) if changed.len() == BATCH_MAX => Mark { place: *place, ..self.cursor },
            _ => head,
        };
        let ahead = &self.ahead;
        changed.retain(|(_, frame)| {
            ahead.get(&frame.key()).is_none_or(|known| frame.seq() == 0 || frame.seq() >= *known)
        });
        self.send(changed);
        true
    }

    fn gather(&self, read: impl Fn(&Room, &mut Vec<(u64, Arc<Frame>)>)) -> Vec<(u64, Arc<Frame>)> {
        let mut found = Vec::new();
        for room in &self.seat.rooms {
            read(room, &mut found);
        }
        found.sort_by_key(|(place, _)| *place);
        found
    }

    /// The newest state of everything that changed since `since`, from the store. What comes after `on` comes once more, or
    /// newer, by the rooms.
    async fn reread(&mut self, since: u64, on: Mark) -> Result<(), Error> {
        // 0 would ask for less: what moves, and what has ended lately.
        let since = if since == 0 { 0 } else { since.saturating_sub(SLACK).max(1) };
        let store = self.engine.store().clone();
        let mut states = Vec::new();
        for item in store.items(self.system.clone(), since).await? {
            let audience = audience_of(&item);
            let content = if self.tells(&audience) {
                self.ahead.insert(Key::Progress(item.id), item.seq);
                Content::Progress(item)
            } else if self.tells(&Audience::Everyone) && item.was_public {
                Content::Gone(item, audience)
            } else {
                continue;
            };
            states.push((0, Frame::new(None, content)));
        }
        let user = self.viewer.person.id.clone();
        if self.tells(&Audience::Person(user.clone())) {
            let kept = store.notifications(self.system.clone(), user.clone(), since, 0).await?;
            let frames = kept.into_iter().rev().map(|kept| Frame::new(None, Content::Notification(kept)));
            states.extend(frames.map(|frame| (0, frame)));
        }
        let all = self.tells(&Audience::Runs);
        if all || self.tells(&Audience::RunsOf(user.clone())) {
            let filter = Filter {
                system: Some(self.system.clone()),
                user: (!all).then(|| user.to_string()),
                limit: RUNS_MAX,
                ..Filter::default()
            };
            for run in store.runs(filter).await?.items.iter().rev() {
                let run = RunShown::new(&run.start, run.stands());
                states.push((0, Frame::new(None, Content::Run(Box::new(run)))));
            }
        }
        self.send(states);
        self.cursor = on;
        self.mark();
        Ok(())
    }

    fn tells(&self, audience: &Audience) -> bool {
        self.audiences.contains(audience)
    }

    /// Tells the client where it stands, so that it goes on from here.
    fn mark(&mut self) {
        if let Shape::Messages(_) = self.shape {
            return;
        }
        self.out.push_back(Out::Word(Bytes::from(format!("id: {}\n\n", self.cursor))));
    }

    fn send(&mut self, states: Vec<(u64, Arc<Frame>)>) {
        let sees = &self.sees;
        let visible = states
            .into_iter()
            .map(|(_, frame)| frame)
            .filter(|frame| !matches!(&frame.content, Content::Gone(_, still) if sees.contains(still)));
        self.out.extend(visible.map(Out::State));
    }
}

impl Out {
    fn written(self, shape: &Shape) -> Bytes {
        match (self, shape) {
            (Out::Word(word), _) => word,
            (Out::State(frame), Shape::Events(_)) => frame.event(),
            (Out::State(frame), Shape::Messages(channel)) => frame.message(channel),
        }
    }
}
