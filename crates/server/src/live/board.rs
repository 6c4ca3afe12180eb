//! What has changed, by who may see it. One task feeds it in the order of commits; any number of clients read.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};

use store::{Change, Item, To, sabotage::Sabotage};
use tokio::sync::Notify;

use super::{
    frame::{Audience, Content, Frame, Key, Mark, RunShown},
    log::Log,
    rest::Rest,
};
use crate::serve::Peer;

/// How long toasts and messages are kept for those who come back.
const PASSING_MS: i64 = 60_000;

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
    /// The place of its newest state or loss: who has got so far need not look.
    newest: AtomicU64,
    clients: Mutex<HashMap<u64, Arc<Client>>>,
}

impl Room {
    pub(super) fn log(&self) -> RwLockReadGuard<'_, Log> {
        self.log.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }

    fn put(&self, place: Option<u64>, frame: Arc<Frame>, now_ms: i64) {
        self.log_mut().put(place, frame, now_ms);
        self.newest.fetch_max(place.unwrap_or(0), Ordering::AcqRel);
    }

    fn lose(&self, place: u64) {
        self.log_mut().lose(place);
        self.newest.fetch_max(place, Ordering::AcqRel);
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
    /// Tells this board's places from another's.
    id: u64,
    /// How many changes have come: every one of them stands in its room.
    head: AtomicU64,
    /// The highest of the store's numbers so far.
    number: AtomicU64,
    /// A room that is made anew knows nothing up to here.
    swept: AtomicU64,
    clients: AtomicUsize,
    pub(super) rest: Rest,
    ids: AtomicU64,
    began: Instant,
}

impl Board {
    /// `id`: another one for every process.
    pub(super) fn new(id: u64) -> Board {
        Board {
            rooms: RwLock::default(),
            id,
            head: AtomicU64::new(0),
            number: AtomicU64::new(0),
            swept: AtomicU64::new(0),
            clients: AtomicUsize::new(0),
            rest: Rest::new(),
            ids: AtomicU64::new(0),
            began: Instant::now(),
        }
    }

    /// Where the stream stands: everything up to here can be read.
    pub(super) fn head(&self) -> Mark {
        // The place first: the number may be ahead of it, never behind.
        let place = self.head.load(Ordering::Acquire);
        Mark { board: self.id, place, number: self.number.load(Ordering::Acquire) }
    }

    /// How many clients are connected.
    pub(super) fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }

    /// Whether a mark is one of this board's.
    pub(super) fn knows(&self, mark: Mark) -> bool {
        mark.board == self.id && mark.place <= self.head().place
    }

    /// Enters the changes of one commit. Only one task does.
    pub(super) fn feed(&self, changes: &[(u64, Change)], now_ms: i64) {
        let Mark { board, mut place, mut number } = self.head();
        let mut touched = Vec::new();
        for (its_number, change) in changes {
            place += 1;
            number = number.max(*its_number);
            self.put(Some(Mark { board, place, number }), change, now_ms, &mut touched);
        }
        self.number.store(number, Ordering::Release);
        self.head.store(place, Ordering::Release);
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

    /// Says that changes were lost: clients that have not got further than the next place read the store.
    pub(super) fn lose(&self) {
        let place = self.head().place + 1;
        self.swept.fetch_max(place, Ordering::AcqRel);
        let rooms = self.rooms();
        rooms.values().for_each(|room| room.lose(place));
        self.head.store(place, Ordering::Release);
        rooms.values().for_each(|room| room.wake());
    }

    fn put(&self, mark: Option<Mark>, change: &Change, now_ms: i64, touched: &mut Vec<Arc<Room>>) {
        let mut enter = |system: &Arc<str>, audience: Audience, frame: &Arc<Frame>| {
            let audience = if Sabotage::NoAudience.on() { Audience::Everyone } else { audience };
            let room = self.room(system, audience);
            room.put(mark.map(|mark| mark.place), frame.clone(), now_ms);
            touched.push(room);
        };
        match change {
            Change::Cancel(_)
            | Change::Users
            | Change::Paused(_)
            | Change::Resumed { .. }
            | Change::Published { .. } => {}
            Change::Run { start, stands } => {
                let frame = Frame::new(mark, Content::Run(Box::new(RunShown::new(start, *stands))));
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
                    let gone = Content::Gone(item.clone(), audience.clone());
                    enter(&item.system, Audience::Everyone, &Frame::new(mark, gone));
                }
                enter(&item.system, audience, &Frame::new(mark, Content::Progress(item.clone())));
            }
            Change::Notification(notification) => {
                let frame = Frame::new(mark, Content::Notification(notification.clone()));
                enter(&notification.system, Audience::Person(notification.user.clone()), &frame);
            }
            Change::Toast(toast) => {
                let frame = Frame::new(mark, Content::Toast(toast.clone(), now_ms + PASSING_MS));
                enter(&toast.system, Audience::Person(toast.user.clone()), &frame);
            }
            Change::Message(message) => {
                let audience = match &message.to {
                    To::Everyone => Audience::Everyone,
                    To::Person(user) => Audience::Person(user.clone()),
                    To::Channel(channel) => Audience::Channel(channel.clone()),
                };
                let frame = Frame::new(mark, Content::Message(message.clone(), now_ms + PASSING_MS));
                enter(&message.system, audience, &frame);
            }
        }
    }

    /// The room of an audience, made if it is not there.
    pub(super) fn room(&self, system: &Arc<str>, audience: Audience) -> Arc<Room> {
        // A channel has no states, so that nothing is missing from one that is made anew.
        let has_states = !matches!(audience, Audience::Channel(_));
        let place = (system.clone(), audience);
        if let Some(room) = self.rooms().get(&place) {
            return room.clone();
        }
        let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
        let floor = if has_states { self.swept.load(Ordering::Acquire) } else { 0 };
        let made = || {
            Arc::new(Room {
                log: RwLock::new(Log::from(floor)),
                newest: AtomicU64::new(floor),
                clients: Mutex::default(),
            })
        };
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

    /// Wakes every client: what it may see may have become less.
    pub(super) fn wake(&self) {
        self.rooms().values().for_each(|room| room.wake());
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
        let mut states_go = false;
        rooms.retain(|(_, audience), room| {
            let stays = Arc::strong_count(room) > 1 || !room.log().is_empty();
            states_go |= !stays && !matches!(audience, Audience::Channel(_));
            stays
        });
        if states_go {
            self.swept.fetch_max(self.head().place, Ordering::AcqRel);
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

#[cfg(test)]
mod tests {
    //! What no door reaches: several people in one system, before there is sign-in.
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use store::{Change, Id, Item, ItemStatus, Message, To, Window};

    use super::{Audience, Board, Content};

    fn item(id: u128, seq: u64, user: Option<&str>, private: bool) -> Arc<Item> {
        Arc::new(Item {
            id: Id(id),
            system: "s".into(),
            run: Id(1),
            workflow: "w".into(),
            process: "p".into(),
            user: user.map(Into::into),
            private,
            was_public: false,
            title: recipe::Value::Null,
            total: Some(10.0),
            progress: seq as f64,
            status_message: recipe::Value::Null,
            status: ItemStatus::Running,
            by_hand: false,
            ignored: 0,
            started_at_ms: 0,
            since_ms: 0,
            updated_at_ms: 0,
            rate: None,
            eta_seconds: None,
            eta_until_ms: None,
            seq,
            link: recipe::Value::Null,
            base: 0.0,
            base_run: Some(Id(1)),
            added: 0.0,
            by_root: true,
            kin: Vec::new(),
            again: None,
            window: Window::default(),
            usual: None,
        })
    }

    /// What an audience reads after a place: `ID@SEQ`, or `ID gone`.
    fn read(board: &Board, audience: Audience, after: u64) -> Vec<String> {
        let room = board.room(&"s".into(), audience);
        let log = room.log();
        log.read(after, board.head().place, 100, 0)
            .map(|(_, frame)| match &frame.content {
                Content::Progress(item) => format!("{}@{}", item.id.0, item.seq),
                Content::Gone(item, _) => format!("{} gone", item.id.0),
                other => format!("{other:?}"),
            })
            .collect()
    }

    fn feed(board: &Board, items: &[Arc<Item>]) {
        for item in items {
            board.feed(&[(1_000 + item.seq, Change::Progress(item.clone()))], 0);
        }
    }

    #[test]
    fn a_private_item_is_seen_by_its_person_alone() {
        let board = Board::new(1);
        feed(
            &board,
            &[item(7, 1, Some("ann"), true), item(8, 1, None, true), item(9, 1, Some("ann"), false)],
        );
        assert_eq!(read(&board, Audience::Person("ann".into()), 0), ["7@1"]);
        assert_eq!(read(&board, Audience::Person("bob".into()), 0), [""; 0]);
        assert_eq!(read(&board, Audience::Operators, 0), ["8@1"]);
        assert_eq!(read(&board, Audience::Everyone, 0), ["9@1"]);
    }

    #[test]
    fn an_item_that_turns_private_is_gone_for_everyone_else() {
        let board = Board::new(1);
        feed(
            &board,
            &[item(7, 1, Some("ann"), false), item(7, 2, Some("ann"), true), item(7, 3, Some("ann"), true)],
        );
        assert_eq!(read(&board, Audience::Everyone, 0), ["7 gone"]);
        assert_eq!(read(&board, Audience::Person("ann".into()), 0), ["7@3"]);
        let room = board.room(&"s".into(), Audience::Everyone);
        let log = room.log();
        let (_, gone) = log.read(0, 9, 9, 0).next().unwrap();
        assert!(matches!(&gone.content, Content::Gone(_, Audience::Person(user)) if &**user == "ann"));
        assert!(String::from_utf8_lossy(&gone.event()).contains(r#""gone":true"#));
    }

    #[test]
    fn a_slow_reader_gets_the_newest_state_once_and_an_older_one_never_replaces_it() {
        let board = Board::new(1);
        feed(
            &board,
            &[
                item(7, 1, None, false),
                item(8, 1, None, false),
                item(7, 2, None, false),
                item(7, 3, None, false),
            ],
        );
        assert_eq!(read(&board, Audience::Everyone, 0), ["8@1", "7@3"]);
        feed(&board, &[item(7, 2, None, false)]);
        assert_eq!(read(&board, Audience::Everyone, 0), ["8@1", "7@3"]);
        assert_eq!(read(&board, Audience::Everyone, board.head().place), [""; 0]);
    }

    #[test]
    fn a_state_is_encoded_once_for_all() {
        let board = Board::new(1);
        feed(&board, &[item(7, 1, None, false)]);
        let room = board.room(&"s".into(), Audience::Everyone);
        let bytes: Vec<_> = (0..2).map(|_| room.log().read(0, 9, 9, 0).next().unwrap().1.event()).collect();
        assert_eq!(bytes[0].as_ptr(), bytes[1].as_ptr());
        assert!(bytes[0].starts_with(b"event: progress\nid: 1.1.3e9\ndata: {"), "{:?}", bytes[0]);
    }

    #[test]
    fn messages_push_no_state_out_and_are_gone_after_a_minute() {
        let board = Board::new(1);
        feed(&board, &[item(7, 1, None, false)]);
        let says = |to: To| {
            let message = Message { system: "s".into(), to, event: "e".into(), data: recipe::Value::Null };
            board.feed(&[(2_000, Change::Message(Arc::new(message)))], 0);
        };
        (0..1_030).for_each(|_| says(To::Everyone));
        says(To::Channel("c".into()));
        let place = board.head().place;
        let count = |audience, now_ms| {
            let room = board.room(&"s".into(), audience);
            let log = room.log();
            (log.covers(0), log.read(0, place, 9_999, now_ms).count())
        };
        let channel = || Audience::Channel("c".into());
        assert_eq!((count(Audience::Everyone, 60_000), count(channel(), 60_000)), ((true, 1_025), (true, 1)));
        assert_eq!((count(Audience::Everyone, 60_001), count(channel(), 60_001)), ((true, 1), (true, 0)));
        board.sweep(60_001, i64::MAX);
        assert!(!board.rooms().contains_key(&("s".into(), channel())), "it is forgotten");
        assert!(
            board.room(&"s".into(), Audience::Person("new".into())).log().covers(0),
            "and costs no one else"
        );
    }

    #[test]
    fn after_a_loss_nobody_relies_on_what_is_here() {
        let board = Board::new(1);
        feed(&board, &[item(7, 1, None, false)]);
        let before = board.head();
        board.lose();
        feed(&board, &[item(8, 1, None, false)]);
        let covers = |audience| board.room(&"s".into(), audience).log().covers(before.place);
        assert!(!covers(Audience::Everyone));
        assert!(!covers(Audience::Person("new".into())), "nor on a room that is made later");
        assert!(board.room(&"s".into(), Audience::Everyone).log().covers(board.head().place));
        assert!(board.knows(before) && !Board::new(2).knows(before));
    }
}
