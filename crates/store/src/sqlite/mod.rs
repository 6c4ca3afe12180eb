//! The store in one SQLite file that one process owns: a writer thread, readers beside it, and what is live in memory.
//!
//! `running` is never written: after a start whatever has not ended is queued again.

mod actions;
mod apply;
mod by_hand;
mod cancel;
mod disk;
mod forms;
mod held;
mod hosts;
mod inbox;
mod items;
mod journal;
mod memory;
mod once;
mod open;
mod outage;
mod park;
mod people;
mod prune;
mod queues;
mod read;
mod runs;
mod schedules;
mod unique;
mod version;
mod wal;
mod writer;

use std::{
    fs::File,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::{SystemTime, UNIX_EPOCH},
};

pub use by_hand::ByHand;
use rusqlite::Connection;
use tokio::sync::{Notify, broadcast, oneshot};

pub use self::disk::{Disk, Probe};
use self::{
    apply::Apply,
    disk::Room,
    forms::trouble,
    held::Held,
    memory::Memory,
    open::{connect, look_at, migrate, own, unfinished},
    wal::Wal,
    writer::{Asked, Order, Writer},
};
use crate::{
    Action, Actions, Changes, Checkpoint, Deed, Did, Entries, Error, Handled, Hash, Id, Inbox, Item, Items,
    Journals, Kept, Key, Keys, Noted, Notification, Once, Pause, People, Pinned, Publication, Publish, Queue,
    Queues, Reply, Session, Step, Store, User, UserEdit, Version, Versions,
};

/// Connections kept for reading.
const READERS_MAX: usize = 4;

/// Batches of changes that a slow listener may lag behind.
const CHANGES_MAX: usize = 4_096;

/// SQLite's fix of the race between a WAL's reset and a checkpoint off the writer.
const SQLITE_MIN: i32 = 3_051_003;

/// What can be set.
#[derive(Clone)]
pub struct Settings {
    /// Microseconds since 1970.
    pub clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// How full the disk may be before nothing new is taken from outside, percent; 100: until nothing fits.
    pub disk_percent: u8,
    /// How the disk is asked.
    pub disk: Probe,
}

impl Default for Settings {
    #[expect(clippy::disallowed_methods, reason = "this is where the store's time comes from")]
    fn default() -> Settings {
        Settings {
            clock: Arc::new(|| {
                SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
            }),
            disk_percent: 100,
            disk: Arc::new(Disk::of),
        }
    }
}

/// A database that this process owns. Cheap to clone.
#[derive(Clone)]
pub struct Sqlite {
    shared: Arc<Shared>,
    orders: Arc<Orders>,
}

/// The way to the writer.
struct Orders {
    to: mpsc::Sender<Order>,
    /// Told of every order where no thread waits for them.
    waits: Option<Arc<Notify>>,
}

impl Orders {
    fn send(&self, order: Order) -> Result<(), mpsc::SendError<Order>> {
        self.to.send(order)?;
        if let Some(waits) = &self.waits {
            waits.notify_one();
        }
        Ok(())
    }
}

struct Shared {
    path: std::path::PathBuf,
    memory: Mutex<Memory>,
    ready: Notify,
    changes: broadcast::Sender<Changes>,
    clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    last_stamp: AtomicU64,
    readers: Mutex<Vec<Connection>>,
    wal: Wal,
    /// Held until the store is closed.
    owned: Mutex<Option<File>>,
    held: Mutex<Held>,
    lines: Mutex<hosts::Lines>,
    probe: Probe,
    room: Room,
    /// Why nothing can be written: nothing is claimed meanwhile, and nothing taken from outside.
    stopped: Mutex<Option<Error>>,
    /// What was said last of the database's trouble, and when, microseconds.
    complaint: Mutex<Option<(Box<str>, u64)>>,
}

impl Shared {
    /// Says on disk which runs are held, for whoever comes after a crash.
    fn name_held(&self, memory: &Memory) {
        lock(&self.held).write(memory.held());
    }

    /// Grows with every change, over restarts too.
    fn stamp(&self) -> u64 {
        let now = (self.clock)();
        let next = |last: u64| Some(now.max(last + 1));
        let last =
            self.last_stamp.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or_default();
        now.max(last + 1)
    }

    fn reader(&self) -> Result<Connection, Error> {
        match lock(&self.readers).pop() {
            Some(reader) => Ok(reader),
            None => connect(&self.path, true),
        }
    }

    fn put_back(&self, reader: Connection) {
        let mut readers = lock(&self.readers);
        if readers.len() < READERS_MAX {
            readers.push(reader);
        }
    }
}

impl Sqlite {
    /// Opens or makes the database and becomes its owner.
    ///
    /// # Errors
    /// [`Error::Owned`] if another process has it, [`Error::Corrupt`], [`Error::Missing`], [`Error::NoLog`] and [`Error::TooNew`] if it cannot be read,
    /// [`Error::Full`], [`Error::ReadOnly`] and [`Error::Unavailable`] if the disk refuses.
    pub fn open(path: &Path, settings: Settings) -> Result<Sqlite, Error> {
        let (sqlite, writer, received) = Sqlite::parts(path, &settings, None)?;
        let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let failed = |error: std::io::Error| Error::Unavailable(error.to_string().into());
        let work = move || {
            // Without the writer nothing goes on: a process that has lost it must not look as if it lived.
            let _ends = EndsTheProcess;
            writer.work(&received);
        };
        named("writer").spawn(work).map_err(failed)?;
        let checkpointer = sqlite.shared.clone();
        named("checkpoints").spawn(move || checkpointer.checkpoints()).map_err(failed)?;
        Ok(sqlite)
    }

    /// The database, its writer, and what the writer is to do. `waits`: there are no threads, and this is told of every order.
    fn parts(
        path: &Path,
        settings: &Settings,
        waits: Option<Arc<Notify>>,
    ) -> Result<(Sqlite, Writer, mpsc::Receiver<Order>), Error> {
        let disk = || path.parent().and_then(|folder| (settings.disk)(folder));
        Sqlite::parts_as_is(path, settings, waits).map_err(|error| disk::explained(error, disk()))
    }

    fn parts_as_is(
        path: &Path,
        settings: &Settings,
        waits: Option<Arc<Notify>>,
    ) -> Result<(Sqlite, Writer, mpsc::Receiver<Order>), Error> {
        let lock_file = own(path)?;
        look_at(path)?;
        if rusqlite::version_number() < SQLITE_MIN {
            return Err(Error::Unavailable(format!("SQLite {} is too old", rusqlite::version()).into()));
        }
        let mut db = connect(path, false)?;
        migrate(&db, path)?;
        let last: Option<i64> = db
            .query_row(
                "SELECT max((SELECT max(changed) FROM items), (SELECT max(changed) FROM notifications))",
                [],
                |row| row.get(0),
            )
            .map_err(trouble)?;
        let held = Held::open(path, &db)?;
        let mut memory = unfinished(&db)?;
        let dooms = memory.next_doom_ms.take().is_some();
        let mut lines = hosts::Lines::default();
        let first = lines.found(&db)?;
        // Only now: what was read of 100,000 that are parked is not needed again, and the 10 MiB of their pages never went
        // back to the system when they were freed.
        db.execute_batch("PRAGMA cache_size=-16384").map_err(trouble)?;
        let shared = Arc::new(Shared {
            held: Mutex::new(held),
            path: path.to_owned(),
            memory: Mutex::new(memory),
            ready: Notify::new(),
            changes: broadcast::channel(CHANGES_MAX).0,
            clock: settings.clock.clone(),
            lines: Mutex::new(lines),
            probe: settings.disk.clone(),
            room: Room::new(settings.disk_percent),
            stopped: Mutex::default(),
            complaint: Mutex::default(),
            last_stamp: AtomicU64::new(last.unwrap_or(0) as u64),
            readers: Mutex::default(),
            wal: Wal::default(),
            owned: Mutex::new(Some(lock_file)),
        });
        let pages = shared.clone();
        let hook = move |_: &mut rusqlite::hooks::Wal, count: i32| {
            pages.wal.is_now(count.max(0) as u64);
            Ok(())
        };
        db.wal_hook(Some(hook)).map_err(trouble)?;
        let (to, received) = mpsc::channel();
        let moving = open::moving(&db)?;
        let orders = Arc::new(Orders { to, waits });
        if dooms {
            // Somebody is there to take it: the writer below.
            let _ = orders.send(Order::Doom);
        }
        let own = Arc::downgrade(&orders);
        let writer =
            Writer { db, shared: shared.clone(), own, items: Default::default(), moving, outage: None };
        let now_us = (shared.clock)();
        let sqlite = Sqlite { shared, orders };
        first.into_iter().for_each(|(host, run)| sqlite.call(host, vec![run], now_us));
        Ok((sqlite, writer, received))
    }

    /// Done by the writer inside a transaction; answered once that is durable.
    fn ask<T: Send + 'static>(
        &self,
        ask: impl FnMut(&mut Apply<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Reply<'_, T> {
        let (tell, told) = oneshot::channel();
        self.wait_for(Order::Ask(Box::new(Asked { ask, answer: None, tell })), told)
    }

    fn wait_for<T: Send + 'static>(
        &self,
        order: Order,
        told: oneshot::Receiver<Result<T, Error>>,
    ) -> Reply<'_, T> {
        let sent = self.orders.send(order);
        Box::pin(async move {
            match sent {
                Ok(()) => told.await.unwrap_or(Err(Error::Closed)),
                Err(_) => Err(Error::Closed),
            }
        })
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Reply<'_, T> {
        let shared = self.shared.clone();
        let read = move || {
            let reader = shared.reader()?;
            let result = read(&reader);
            shared.put_back(reader);
            result
        };
        let here = self.orders.waits.is_some();
        Box::pin(async move {
            let result = match here {
                true => read(),
                false => tokio::task::spawn_blocking(read).await.unwrap_or(Err(Error::Closed)),
            };
            if let Err(error) = &result
                && error.is_outage()
            {
                self.shared.complain(&error.to_string());
            }
            result
        })
    }
}

impl Journals for Sqlite {
    fn resume(&self, run: Id) -> Reply<'_, (Option<Checkpoint>, Vec<Entries>)> {
        self.read(move |db| read::journal(db, run, true))
    }

    fn trace(&self, run: Id) -> Reply<'_, (Option<Checkpoint>, Vec<Entries>)> {
        self.read(move |db| read::journal(db, run, false))
    }

    fn stored_bytes(&self, run: Id) -> Reply<'_, u64> {
        self.read(move |db| Ok(read::stored_bytes(db, run)? as u64))
    }
}

impl Items for Sqlite {
    fn items(&self, system: Arc<str>, since: u64) -> Reply<'_, Vec<Arc<Item>>> {
        let now = (self.shared.clock)();
        self.read(move |db| Ok(read::items(db, &system, since, now)?.into_iter().map(Arc::new).collect()))
    }

    fn item(&self, id: Id) -> Reply<'_, Option<Arc<Item>>> {
        self.read(move |db| Ok(read::item(db, id)?.map(Arc::new)))
    }

    fn items_of(&self, root: Id) -> Reply<'_, Vec<Arc<Item>>> {
        self.read(move |db| Ok(read::items_of(db, root)?.into_iter().map(Arc::new).collect()))
    }
}

impl Inbox for Sqlite {
    fn notifications(
        &self,
        system: Arc<str>,
        user: Arc<str>,
        since: u64,
        page: u32,
    ) -> Reply<'_, Vec<Arc<Notification>>> {
        self.read(move |db| {
            Ok(inbox::page(db, &system, &user, since, page)?.into_iter().map(Arc::new).collect())
        })
    }

    fn notification(&self, system: Arc<str>, user: Arc<str>, id: Id) -> Reply<'_, Option<Arc<Notification>>> {
        self.read(move |db| Ok(inbox::one(db, &system, &user, id)?.map(Arc::new)))
    }

    fn handle(&self, handled: Handled) -> Reply<'_, Vec<Arc<Notification>>> {
        self.ask(move |apply| apply.handle(&handled))
    }
}

impl Versions for Sqlite {
    fn publish(&self, version: Version, how: Publish) -> Reply<'_, Hash> {
        self.ask(move |apply| apply.publish(&version, &how))
    }

    fn publish_again(&self, system: Arc<str>, version: Hash, how: Publish) -> Reply<'_, bool> {
        self.ask(move |apply| apply.publish_again(&system, version, &how))
    }

    fn current(&self) -> Reply<'_, Vec<(Arc<str>, Hash)>> {
        self.read(version::current)
    }

    fn settled(&self, system: Arc<str>) -> Reply<'_, Option<Hash>> {
        self.read(move |db| version::settled(db, &system))
    }

    fn version(&self, hash: Hash) -> Reply<'_, Option<Version>> {
        self.read(move |db| version::version(db, hash))
    }

    fn history(&self, system: Arc<str>) -> Reply<'_, Vec<Publication>> {
        self.read(move |db| version::history(db, &system))
    }

    fn pinned(&self, system: Arc<str>) -> Reply<'_, Vec<Pinned>> {
        self.read(move |db| version::pinned(db, &system))
    }
}

impl Actions for Sqlite {
    fn step(&self, step: Step) -> Reply<'_, Action> {
        self.ask(move |apply| apply.step(&step))
    }

    fn stop_action(&self, id: Id, at_ms: i64) -> Reply<'_, Option<Action>> {
        self.ask(move |apply| apply.stop_action(id, at_ms))
    }

    fn action(&self, id: Id) -> Reply<'_, Option<Action>> {
        self.read(move |db| actions::action(db, id))
    }

    fn actions(&self, system: Arc<str>) -> Reply<'_, Vec<Action>> {
        self.read(move |db| actions::of(db, &system))
    }

    fn open_actions(&self) -> Reply<'_, Vec<Action>> {
        self.read(actions::open)
    }
}

impl Keys for Sqlite {
    fn act(&self, deed: Deed) -> Reply<'_, Did> {
        self.ask(move |apply| apply.deed(&deed, None))
    }

    fn once(&self, key: Key, deed: Deed, answer: Option<Kept>) -> Reply<'_, Once> {
        self.ask(move |apply| apply.once(&key, &deed, answer.as_ref()))
    }

    fn answered(&self, key: Key) -> Reply<'_, Option<Once>> {
        self.read(move |db| once::answered(db, &key))
    }
}

impl Queues for Sqlite {
    fn pause_queue(&self, pause: Pause) -> Reply<'_, bool> {
        self.ask(move |apply| apply.pause_queue(&pause))
    }

    fn resume_queue(&self, system: Arc<str>, queue: Arc<str>) -> Reply<'_, bool> {
        self.ask(move |apply| apply.resume_queue(&system, &queue))
    }

    fn queues<'a>(&'a self, system: &'a str) -> Reply<'a, Vec<Queue>> {
        known(lock(&self.shared.memory).queues(system))
    }

    fn paused<'a>(&'a self, system: &'a str, queue: &'a str) -> Reply<'a, Option<Pause>> {
        known(lock(&self.shared.memory).paused(system, queue))
    }
}

impl People for Sqlite {
    fn users(&self) -> Reply<'_, Vec<User>> {
        self.read(people::users)
    }

    fn edit_user(&self, edit: UserEdit) -> Reply<'_, Option<User>> {
        self.ask(move |apply| apply.edit_user(&edit))
    }

    fn open_session(&self, session: Session, now_ms: i64) -> Reply<'_, ()> {
        self.ask(move |apply| apply.open_session(&session, now_ms))
    }

    fn session(&self, name: Hash) -> Reply<'_, Option<Session>> {
        self.read(move |db| people::session(db, name))
    }

    fn close_session(&self, name: Hash) -> Reply<'_, ()> {
        self.ask(move |apply| apply.close_session(name))
    }

    fn note(&self, line: Noted) -> Reply<'_, ()> {
        self.ask(move |apply| apply.note_down(&line))
    }

    fn trail(&self, system: Option<Arc<str>>, before: Option<Id>) -> Reply<'_, Vec<Noted>> {
        self.read(move |db| people::trail(db, system.as_deref(), before))
    }
}

impl Store for Sqlite {
    fn changes(&self) -> broadcast::Receiver<Changes> {
        self.shared.changes.subscribe()
    }

    fn room(&self) -> Result<(), Error> {
        if let Some(error) = &*lock(&self.shared.stopped) {
            return Err(error.clone());
        }
        self.shared.room.check((self.shared.clock)(), || self.shared.disk())
    }

    fn secret(&self, name: &'static str, fresh: [u8; 32]) -> Reply<'_, [u8; 32]> {
        self.ask(move |apply| apply.secret(name, &fresh))
    }

    fn close(&self) -> Reply<'_, ()> {
        self.shared.wal.close();
        lock(&self.shared.readers).clear();
        let (tell, told) = oneshot::channel();
        self.wait_for(Order::Close(tell), told)
    }
}

/// If the thread panics.
struct EndsTheProcess;

impl Drop for EndsTheProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

/// What memory knows takes no time.
fn known<'a, T: Send + 'a>(answer: T) -> Reply<'a, T> {
    Box::pin(std::future::ready(Ok(answer)))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
