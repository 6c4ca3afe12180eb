//! What has changed, by who may see it. One task feeds it in the order of commits; any number of clients read.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};

use store::{Change, Item};
use tokio::sync::Notify;

use super::{
    frame::{Audience, Content, Frame, Key, RunShown},
    log::Log,
};
use crate::serve::Peer;

/// How long a toast is kept for its user.
const TOAST_MS: i64 = 60_000;

type Place = (Arc<str>, Audience);

/// A connected client as the board knows it.
#[derive(Debug)]
pub(super) struct Client {
    /// Something it may see has changed.
    pub(super) wake: Notify,
    /// When it last took something, milliseconds since the board began.
    taken_ms: AtomicI64,
    peer: Option<Arc<Peer>>,
}

/// One audience of one system.
#[derive(Debug)]
pub(super) struct Room {
    log: RwLock<Log>,
    clients: Mutex<HashMap<u64, Arc<Client>>>,
}

impl Room {
    pub(super) fn log(&self) -> RwLockReadGuard<'_, Log> {
        self.log.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn log_mut(&self) -> RwLockWriteGuard<'_, Log> {
        self.log.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<u64, Arc<Client>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        for client in self.clients().values() {
            client.wake.notify_one();
        }
    }
}

/// All rooms.
#[derive(Debug)]
pub(super) struct Board {
    rooms: RwLock<HashMap<Place, Arc<Room>>>,
    /// Every change up to this number stands in its room.
    head: AtomicU64,
    /// The last number before the board began; `u64::MAX` until the first change has come.
    born: AtomicU64,
    /// A room that is made anew knows nothing up to here.
    swept: AtomicU64,
    clients: AtomicUsize,
    ids: AtomicU64,
    began: Instant,
}

impl Board {
    pub(super) fn new() -> Board {
        Board {
            rooms: RwLock::default(),
            head: AtomicU64::new(0),
            born: AtomicU64::new(u64::MAX),
            swept: AtomicU64::new(0),
            clients: AtomicUsize::new(0),
            ids: AtomicU64::new(0),
            began: Instant::now(),
        }
    }

    /// Every change up to this number can be read.
    pub(super) fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    /// How many clients are connected.
    pub(super) fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }

    /// Whether a client that comes back and has seen `number` may rely on the rooms; else it reads the store.
    pub(super) fn remembers(&self, number: u64) -> bool {
        number >= self.born.load(Ordering::Acquire)
    }

    /// Enters the changes of one commit.
    pub(super) fn feed(&self, changes: &[(u64, Change)], now_ms: i64) {
        let (Some((first, _)), Some((last, _))) = (changes.first(), changes.last()) else { return };
        self.born.fetch_min(first.saturating_sub(1), Ordering::AcqRel);
        let mut touched = Vec::new();
        for (number, change) in changes {
            self.put(Some(*number), change, now_ms, &mut touched);
        }
        self.head.fetch_max(*last, Ordering::AcqRel);
        touched.sort_unstable_by_key(|room| Arc::as_ptr(room).addr());
        touched.dedup_by(|a, b| Arc::ptr_eq(a, b));
        touched.iter().for_each(|room| room.wake());
    }

    /// Enters items as the store has them now, for those who begin.
    pub(super) fn seed(&self, items: &[Arc<Item>], now_ms: i64) {
        for item in items {
            self.put(None, &Change::Progress(item.clone()), now_ms, &mut Vec::new());
        }
    }

    /// Says that changes before `number` may have been lost: clients that had not reached them read the store.
    pub(super) fn lose(&self, number: u64) {
        self.swept.fetch_max(number, Ordering::AcqRel);
        for room in self.rooms().values() {
            room.log_mut().lose(number);
            room.wake();
        }
    }

    fn put(&self, number: Option<u64>, change: &Change, now_ms: i64, touched: &mut Vec<Arc<Room>>) {
        let mut enter = |system: &Arc<str>, audience: Audience, frame: &Arc<Frame>| {
            let room = self.room(system, audience);
            room.log_mut().put(number, frame.clone(), now_ms);
            touched.push(room);
        };
        match change {
            Change::Cancel(_) => {}
            Change::Run { start, status } => {
                let frame = Frame::new(number, Content::Run(RunShown::new(start, *status)));
                enter(&start.system, Audience::Runs, &frame);
                if let Some(user) = &start.user {
                    enter(&start.system, Audience::RunsOf(user.clone()), &frame);
                }
            }
            Change::Progress(item) => {
                let audience = audience_of(item);
                let key = Key::Progress(item.id);
                if audience != Audience::Everyone
                    && self.room(&item.system, Audience::Everyone).log().has(key)
                {
                    let gone = Content::Gone(item.id, audience.clone());
                    enter(&item.system, Audience::Everyone, &Frame::new(number, gone));
                }
                enter(&item.system, audience, &Frame::new(number, Content::Progress(item.clone())));
            }
            Change::Notification(notification) => {
                let frame = Frame::new(number, Content::Notification(notification.clone()));
                enter(&notification.system, Audience::Person(notification.user.clone()), &frame);
            }
            Change::Toast(toast) => {
                let frame = Frame::new(number, Content::Toast(toast.clone(), now_ms + TOAST_MS));
                enter(&toast.system, Audience::Person(toast.user.clone()), &frame);
            }
        }
    }

    /// The room of an audience, made if it is not there.
    pub(super) fn room(&self, system: &Arc<str>, audience: Audience) -> Arc<Room> {
        let place = (system.clone(), audience);
        if let Some(room) = self.rooms().get(&place) {
            return room.clone();
        }
        let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
        let floor = self.swept.load(Ordering::Acquire);
        let made = || Arc::new(Room { log: RwLock::new(Log::from(floor)), clients: Mutex::default() });
        rooms.entry(place).or_insert_with(made).clone()
    }

    fn rooms(&self) -> RwLockReadGuard<'_, HashMap<Place, Arc<Room>>> {
        self.rooms.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a client listen to rooms until the [`Seat`] is dropped.
    pub(super) fn join(self: &Arc<Board>, rooms: Vec<Arc<Room>>, peer: Option<Arc<Peer>>) -> Seat {
        let client = Arc::new(Client { wake: Notify::new(), taken_ms: AtomicI64::new(self.ms()), peer });
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        for room in &rooms {
            room.clients().insert(id, client.clone());
        }
        self.clients.fetch_add(1, Ordering::Relaxed);
        Seat { board: self.clone(), id, rooms, client }
    }

    fn ms(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Forgets what is old, and ends the connection of clients that have taken nothing for `idle_ms`.
    pub(super) fn sweep(&self, now_ms: i64, idle_ms: i64) {
        let late = self.ms() - idle_ms;
        for room in self.rooms().values() {
            room.log_mut().fade(now_ms);
            for client in room.clients().values() {
                if client.taken_ms.load(Ordering::Relaxed) < late
                    && let Some(peer) = &client.peer
                {
                    peer.drop.notify_one();
                }
            }
        }
        let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
        let before = rooms.len();
        rooms.retain(|_, room| Arc::strong_count(room) > 1 || !room.log().is_empty());
        if rooms.len() < before {
            self.swept.fetch_max(self.head(), Ordering::AcqRel);
        }
    }
}

/// Who may see an item.
pub(crate) fn audience_of(item: &Item) -> Audience {
    match (&item.user, item.private) {
        (_, false) => Audience::Everyone,
        (Some(user), true) => Audience::Person(user.clone()),
        (None, true) => Audience::Operators,
    }
}

/// A client's place in its rooms.
#[derive(Debug)]
pub(super) struct Seat {
    board: Arc<Board>,
    id: u64,
    pub(super) rooms: Vec<Arc<Room>>,
    pub(super) client: Arc<Client>,
}

impl Seat {
    /// The client has just taken something.
    pub(super) fn taken(&self) {
        self.client.taken_ms.store(self.board.ms(), Ordering::Relaxed);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        for room in &self.rooms {
            room.clients().remove(&self.id);
        }
        self.board.clients.fetch_sub(1, Ordering::Relaxed);
    }
}
