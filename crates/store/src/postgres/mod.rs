//! The store on PostgreSQL: any number of processes on one database. Each has a writer that commits what waits in one transaction, claims
//! runs under a lease, and hears of what the others change.
//!
//! ```text
//! ready --claim--> held (live.worker, epoch n) --end--> ended
//!   ^                 |  |                        ^
//!   +---release-------+  +--park--> parks --------+ (asked to end)
//!   +-----------------wake-----------+
//! ```

mod actions;
mod address;
mod bars;
mod batch;
mod cancel;
mod end;
mod feed;
mod held;
mod hosts;
mod inbox;
mod items;
mod journal;
mod lanes;
mod link;
mod once;
mod open;
mod park;
mod people;
mod prune;
mod queues;
mod read;
mod runs;
mod schedules;
mod tx;
mod unique;
mod version;
mod workers;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    ops::AsyncFnMut,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

pub use open::Settings;
use tokio::sync::{Notify, broadcast, mpsc, oneshot};

use self::{
    feed::News,
    held::Held,
    lanes::{Ahead, Lanes},
    link::{Done, Fault, Link},
    tx::{After, Tx},
    writer::{Asked, Order},
};
use crate::{
    Action, Actions, Change, Changes, Checkpoint, Declared, Deed, Did, Due, Entries, Error, Handled, Hash,
    Id, Inbox, Item, Items, Journals, Kept, Key, Keys, Noted, Notification, Once, Pause, Paused, People,
    Pinned, Publication, Publish, Queue, Queues, Reply, Schedule, Schedules, Session, Settled, Step, Store,
    User, UserEdit, Version, Versions, hosts::Bells,
};

/// A statement on its way; see [`batch`].
type Sent<'a> = Pin<Box<dyn Future<Output = Done<u64>> + 'a>>;

/// Connections kept for reading; each takes any number of questions at once.
const READERS: usize = 2;

/// For how long a count of what is queued is good enough while it is far from its limit.
const COUNT_MS: u64 = 1_000;

/// A database that this process works with others. Cheap to clone. When the last of them is dropped and it was not closed, that is to others
/// as if the process had died.
#[derive(Clone)]
pub struct Postgres {
    shared: Arc<Shared>,
    /// Goes with the last of them.
    #[expect(dead_code, reason = "it is there to be dropped")]
    here: Arc<oneshot::Sender<()>>,
}

struct Shared {
    address: address::Address,
    /// Notifications do not come through, and prepared statements may meet another server process: a pooler stands between.
    pooled: bool,
    /// Of this process, for people.
    name: String,
    /// The queues that are worked here, and how many runs of each at once; None: all.
    queues: Option<BTreeMap<Arc<str>, usize>>,
    /// The number under which it is registered.
    worker: AtomicI64,
    orders: Mutex<Option<mpsc::UnboundedSender<Order>>>,
    clock: Option<Arc<dyn Fn() -> u64 + Send + Sync>>,
    /// How far the database's clock is ahead of the machine's, microseconds.
    ahead_us: AtomicI64,
    last_stamp: AtomicU64,
    held: Mutex<Held>,
    lanes: Mutex<Lanes>,
    ahead: Mutex<Ahead>,
    /// How many runs somebody asks for.
    wanted: AtomicUsize,
    asks: Notify,
    /// Held while the database claims.
    claiming: tokio::sync::Mutex<()>,
    /// Something was claimed.
    arrived: Notify,
    look: Duration,
    ready: Notify,
    changes: broadcast::Sender<Changes>,
    readers: [tokio::sync::Mutex<Option<Arc<Link>>>; READERS],
    next_reader: AtomicU64,
    /// There are other processes.
    others: AtomicBool,
    /// What has changed since is heard of; before, whoever reads the states sees it.
    feed_begins: i64,
    news: Mutex<News>,
    news_came: Notify,
    /// When the next parked run is due, milliseconds since 1970.
    wake_ms: AtomicI64,
    wakes: Notify,
    lease: Duration,
    /// Calls on others may begin until then, milliseconds since the machine was started.
    may_act_ms: AtomicU64,
    /// The newest transaction whose end is known.
    confirmed: AtomicI64,
    /// Days that there are partitions for.
    days: Mutex<BTreeSet<i32>>,
    pins: Mutex<HashSet<(Hash, i32)>>,
    /// How many runs of a system were queued, and when that was counted, milliseconds since the machine was started.
    counts: Mutex<HashMap<Box<str>, (u64, u64)>>,
    hosts: tokio::sync::Mutex<Option<Link>>,
    places: Mutex<hosts::Places>,
    /// A host's line may go on.
    line_moves: Notify,
    bells: Bells,
    stopped: Mutex<Option<Error>>,
    closed: AtomicBool,
    closing: Notify,
}

impl Shared {
    /// A connection to write or to claim on. Its statements are prepared while tables may be empty, and a plan for an empty table reads a full one
    /// from end to end: a claim of 16 among 20,000 took a core.
    async fn connect(&self) -> Done<Link> {
        let link = Link::open(&self.address, self.pooled, self.lease).await?;
        if !self.pooled {
            link.simple("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off").await?;
        }
        Ok(link)
    }

    fn order(&self, order: Order) -> Result<(), Order> {
        match &*lock(&self.orders) {
            Some(orders) => orders.send(order).map_err(|refused| refused.0),
            None => Err(order),
        }
    }

    fn worker(&self) -> i64 {
        self.worker.load(Ordering::Relaxed)
    }

    fn queue_names(&self) -> String {
        self.queues.iter().flatten().map(|(name, _)| &**name).collect::<Vec<_>>().join(",")
    }

    /// The machine's time, or that of a test, microseconds since 1970.
    fn wall_us(&self) -> u64 {
        self.clock.as_ref().map_or_else(open::machine_us, |clock| clock())
    }

    /// The database's time, as far as it is known here.
    fn now_us(&self) -> u64 {
        self.wall_us().saturating_add_signed(self.ahead_us.load(Ordering::Relaxed))
    }

    /// It was at that time between then and now.
    fn database_is_at(&self, now_us: u64, before_us: u64) {
        if self.clock.is_none() {
            let middle = before_us / 2 + self.wall_us() / 2;
            self.ahead_us.store(now_us as i64 - middle as i64, Ordering::Relaxed);
        }
    }

    /// Grows with every change.
    fn stamp(&self) -> u64 {
        let now = self.now_us();
        let next = |last: u64| Some(now.max(last + 1));
        let last =
            self.last_stamp.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or_default();
        now.max(last + 1)
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn outage(&self) -> Option<Error> {
        lock(&self.stopped).clone()
    }

    /// A parked run may be due, or something may go.
    fn look_at_the_clock(&self) {
        let now_ms = (self.now_us() / 1_000) as i64;
        if self.wake_ms.load(Ordering::Relaxed) <= now_ms {
            self.wakes.notify_one();
        }
        let today = end::day(now_ms);
        if lock(&self.days).first().is_some_and(|day| *day < today) {
            self.tell_off(async move |tx| tx.prune(now_ms).await);
        }
    }

    /// Done in a transaction; nobody waits for it.
    fn tell_off(&self, ask: impl AsyncFnMut(&mut Tx<'_>) -> Done<()> + Send + 'static) {
        let (tell, _) = oneshot::channel();
        let _ = self.order(Order::Ask(Box::new(Asked { ask, answer: None, tell })));
    }

    /// A transaction is durable: memory learns of it, then everyone who listens.
    fn publish(&self, after: After) {
        let mut held = lock(&self.held);
        after.wrote.iter().for_each(|run| held.wrote(*run));
        after.barred.iter().for_each(|run| held.barred(*run));
        after.got_on.iter().for_each(|run| held.got_on(*run));
        after.left.iter().for_each(|(run, epoch)| held.let_go(*run, *epoch));
        after.over.iter().for_each(|run| held.leave(*run));
        for (_, change) in &after.changes {
            if let Change::Cancel(run) = change {
                held.cancel(*run);
            }
        }
        drop(held);
        let mut lanes = lock(&self.lanes);
        after.lanes.into_iter().for_each(|(name, lane)| lanes.know(name, lane));
        lanes.stale |= after.changes.iter().any(|(_, change)| matches!(change, Change::Resumed { .. }));
        let resumed = lanes.stale;
        drop(lanes);
        self.note_ready(after.ready.iter().copied());
        lock(&self.pins).extend(after.pins);
        if let Some(wake_ms) = after.wake_ms {
            self.wake_at(wake_ms);
        }
        if after.dooms == Some(true) {
            self.tell_off(async |tx| tx.doom_more().await);
        }
        if after.changes.iter().any(|(_, change)| matches!(change, Change::Paused(_))) {
            self.give_back_ahead();
        }
        if !after.ready.is_empty() || !after.left.is_empty() || !after.over.is_empty() || resumed {
            self.ready.notify_one();
        }
        if self.others.load(Ordering::Relaxed) && (!after.ready.is_empty() || !after.changes.is_empty()) {
            lock(&self.news).note(&after.ready, !after.changes.is_empty());
            self.news_came.notify_one();
        }
        if !after.changes.is_empty() {
            // Nobody listening is no failure.
            let _ = self.changes.send(after.changes.into());
        }
    }

    fn wake_at(&self, at_ms: i64) {
        if self.wake_ms.fetch_min(at_ms, Ordering::Relaxed) > at_ms {
            self.wakes.notify_one();
        }
    }

    fn queued_lately(&self, system: &str, most: u64) -> Option<u64> {
        let (count, at_ms) = *lock(&self.counts).get(system)?;
        (count < most / 2 && workers::boottime_ms() < at_ms + COUNT_MS).then_some(count)
    }

    fn note_queued(&self, system: &str, count: u64) {
        lock(&self.counts).insert(system.into(), (count, workers::boottime_ms()));
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        drop(lock(&self.orders).take());
        self.closing.notify_waiters();
        self.ready.notify_waiters();
        self.arrived.notify_waiters();
    }
}

impl Postgres {
    /// The database's time, milliseconds since 1970, as far as it is known here: of machines that work together each has its own.
    pub fn clock(&self) -> impl Fn() -> i64 + Send + Sync + use<> {
        let shared = self.shared.clone();
        move || (shared.now_us() / 1_000) as i64
    }

    /// Done by the writer inside a transaction; answered once that is durable.
    fn ask<T: Send + 'static>(
        &self,
        ask: impl AsyncFnMut(&mut Tx<'_>) -> Done<T> + Send + 'static,
    ) -> Reply<'_, T> {
        let (tell, told) = oneshot::channel();
        self.wait_for(Order::Ask(Box::new(Asked { ask, answer: None, tell })), told)
    }

    fn wait_for<T: Send + 'static>(
        &self,
        order: Order,
        told: oneshot::Receiver<Result<T, Error>>,
    ) -> Reply<'_, T> {
        let sent = self.shared.order(order).is_ok();
        Box::pin(async move {
            match sent {
                true => told.await.unwrap_or(Err(Error::Closed)),
                false => Err(Error::Closed),
            }
        })
    }

    /// A connection to read on.
    async fn reader(&self) -> Result<Arc<Link>, Error> {
        let n = self.shared.next_reader.fetch_add(1, Ordering::Relaxed) as usize % READERS;
        let mut place = self.shared.readers[n].lock().await;
        if let Some(link) = place.as_ref().filter(|link| !link.is_gone()) {
            return Ok(link.clone());
        }
        let link = Arc::new(open::on_its_own(&self.shared).await.map_err(Fault::told)?);
        *place = Some(link.clone());
        Ok(link)
    }

    fn said<T>(&self, done: Done<T>) -> Result<T, Error> {
        done.map_err(Fault::told)
    }
}

impl Journals for Postgres {
    fn resume(&self, run: Id) -> Reply<'_, (Option<Checkpoint>, Vec<Entries>)> {
        Box::pin(async move { self.said(read::journal(&*self.reader().await?, run, true).await) })
    }

    fn trace(&self, run: Id) -> Reply<'_, (Option<Checkpoint>, Vec<Entries>)> {
        Box::pin(async move { self.said(read::journal(&*self.reader().await?, run, false).await) })
    }

    fn stored_bytes(&self, run: Id) -> Reply<'_, u64> {
        Box::pin(async move { self.said(read::stored_bytes(&*self.reader().await?, run).await) })
    }
}

impl Items for Postgres {
    fn items(&self, system: Arc<str>, since: u64) -> Reply<'_, Vec<Arc<Item>>> {
        Box::pin(async move {
            let alone = !self.shared.others.load(Ordering::Relaxed);
            let now_us = self.shared.now_us();
            let items =
                self.said(items::items(&*self.reader().await?, &system, since, now_us, alone).await)?;
            Ok(items.into_iter().map(Arc::new).collect())
        })
    }

    fn item(&self, id: Id) -> Reply<'_, Option<Arc<Item>>> {
        Box::pin(async move { Ok(self.said(items::item(&*self.reader().await?, id).await)?.map(Arc::new)) })
    }

    fn items_of(&self, root: Id) -> Reply<'_, Vec<Arc<Item>>> {
        Box::pin(async move {
            let items = self.said(items::items_of(&*self.reader().await?, root).await)?;
            Ok(items.into_iter().map(Arc::new).collect())
        })
    }
}

impl Inbox for Postgres {
    fn notifications(
        &self,
        system: Arc<str>,
        user: Arc<str>,
        since: u64,
        page: u32,
    ) -> Reply<'_, Vec<Arc<Notification>>> {
        Box::pin(async move {
            let kept = self.said(inbox::page(&*self.reader().await?, &system, &user, since, page).await)?;
            Ok(kept.into_iter().map(Arc::new).collect())
        })
    }

    fn notification(&self, system: Arc<str>, user: Arc<str>, id: Id) -> Reply<'_, Option<Arc<Notification>>> {
        Box::pin(async move {
            Ok(self.said(inbox::one(&*self.reader().await?, &system, &user, id).await)?.map(Arc::new))
        })
    }

    fn handle(&self, handled: Handled) -> Reply<'_, Vec<Arc<Notification>>> {
        self.ask(async move |tx| tx.handle(&handled).await)
    }
}

impl Versions for Postgres {
    fn publish(&self, version: Version, how: Publish) -> Reply<'_, Hash> {
        self.ask(async move |tx| tx.publish(&version, &how).await)
    }

    fn publish_again(&self, system: Arc<str>, version: Hash, how: Publish) -> Reply<'_, bool> {
        self.ask(async move |tx| tx.publish_again(&system, version, &how).await)
    }

    fn settled(&self, system: Arc<str>) -> Reply<'_, Option<Hash>> {
        Box::pin(async move { self.said(version::settled(&*self.reader().await?, &system).await) })
    }

    fn history(&self, system: Arc<str>) -> Reply<'_, Vec<Publication>> {
        Box::pin(async move { self.said(version::history(&*self.reader().await?, &system).await) })
    }

    fn pinned(&self, system: Arc<str>) -> Reply<'_, Vec<Pinned>> {
        Box::pin(async move { self.said(version::pinned(&*self.reader().await?, &system).await) })
    }

    fn current(&self) -> Reply<'_, Vec<(Arc<str>, Hash)>> {
        Box::pin(async move { self.said(version::current(&*self.reader().await?).await) })
    }

    fn version(&self, hash: Hash) -> Reply<'_, Option<Version>> {
        Box::pin(async move { self.said(version::version(&*self.reader().await?, hash).await) })
    }
}

impl Actions for Postgres {
    fn step(&self, step: Step) -> Reply<'_, Action> {
        self.ask(async move |tx| tx.step(&step).await)
    }

    fn stop_action(&self, id: Id, at_ms: i64) -> Reply<'_, Option<Action>> {
        self.ask(async move |tx| tx.stop_action(id, at_ms).await)
    }

    fn action(&self, id: Id) -> Reply<'_, Option<Action>> {
        Box::pin(async move { self.said(actions::action(&*self.reader().await?, id).await) })
    }

    fn actions(&self, system: Arc<str>) -> Reply<'_, Vec<Action>> {
        Box::pin(async move { self.said(actions::of(&*self.reader().await?, &system).await) })
    }

    fn open_actions(&self) -> Reply<'_, Vec<Action>> {
        Box::pin(async move { self.said(actions::open(&*self.reader().await?).await) })
    }
}

impl Keys for Postgres {
    fn act(&self, deed: Deed) -> Reply<'_, Did> {
        self.ask(async move |tx| tx.deed(&deed, None).await)
    }

    fn once(&self, key: Key, deed: Deed, answer: Option<Kept>) -> Reply<'_, Once> {
        self.ask(async move |tx| tx.once(&key, &deed, answer.as_ref()).await)
    }

    fn answered(&self, key: Key) -> Reply<'_, Option<Once>> {
        Box::pin(async move {
            self.said(once::answered(&*self.reader().await?, self.shared.worker(), &key).await)
        })
    }
}

impl Queues for Postgres {
    fn pause_queue(&self, pause: Pause) -> Reply<'_, bool> {
        self.ask(async move |tx| tx.pause_queue(&pause).await)
    }

    fn resume_queue(&self, system: Arc<str>, queue: Arc<str>) -> Reply<'_, bool> {
        self.ask(async move |tx| tx.resume_queue(&system, &queue).await)
    }

    fn queues<'a>(&'a self, system: &'a str) -> Reply<'a, Vec<Queue>> {
        Box::pin(async move { self.said(queues::queues(&*self.reader().await?, system).await) })
    }

    fn paused<'a>(&'a self, system: &'a str, queue: &'a str) -> Reply<'a, Option<Pause>> {
        Box::pin(async move { self.said(queues::paused(&*self.reader().await?, system, queue).await) })
    }
}

impl Schedules for Postgres {
    fn declare(
        &self,
        system: Arc<str>,
        version: Hash,
        declared: Vec<Declared>,
        at_ms: i64,
    ) -> Reply<'_, Vec<Schedule>> {
        self.ask(async move |tx| match tx.is_behind(&system, version).await? {
            true => schedules::all(tx.db, Some(&system)).await,
            false => tx.declare(&system, &declared, at_ms).await,
        })
    }

    fn schedules(&self, system: Option<Arc<str>>) -> Reply<'_, Vec<Schedule>> {
        Box::pin(async move { self.said(schedules::all(&*self.reader().await?, system.as_deref()).await) })
    }

    fn settle(&self, due: Due) -> Reply<'_, Option<Vec<Settled>>> {
        self.ask(async move |tx| tx.settle(&due).await)
    }

    fn pause(&self, schedule: Id, paused: Option<Paused>) -> Reply<'_, Option<Schedule>> {
        self.ask(async move |tx| tx.pause(schedule, paused.as_ref()).await)
    }

    fn ledger(&self, schedule: Id, before_ms: Option<i64>) -> Reply<'_, Vec<Settled>> {
        Box::pin(
            async move { self.said(schedules::ledger(&*self.reader().await?, schedule, before_ms).await) },
        )
    }
}

impl People for Postgres {
    fn users(&self) -> Reply<'_, Vec<User>> {
        Box::pin(async move { self.said(people::users(&*self.reader().await?).await) })
    }

    fn edit_user(&self, edit: UserEdit) -> Reply<'_, Option<User>> {
        self.ask(async move |tx| tx.edit_user(&edit).await)
    }

    fn open_session(&self, session: Session, now_ms: i64) -> Reply<'_, ()> {
        self.ask(async move |tx| tx.open_session(&session, now_ms).await)
    }

    fn session(&self, name: Hash) -> Reply<'_, Option<Session>> {
        Box::pin(async move { self.said(people::session(&*self.reader().await?, name).await) })
    }

    fn close_session(&self, name: Hash) -> Reply<'_, ()> {
        self.ask(async move |tx| tx.close_session(name).await)
    }

    fn note(&self, line: Noted) -> Reply<'_, ()> {
        self.ask(async move |tx| tx.note_down(&line).await)
    }

    fn trail(&self, system: Option<Arc<str>>, before: Option<Id>) -> Reply<'_, Vec<Noted>> {
        Box::pin(
            async move { self.said(people::trail(&*self.reader().await?, system.as_deref(), before).await) },
        )
    }
}

impl Store for Postgres {
    fn changes(&self) -> broadcast::Receiver<Changes> {
        self.shared.changes.subscribe()
    }

    fn room(&self) -> Result<(), Error> {
        self.shared.outage().map_or(Ok(()), Err)
    }

    fn secret(&self, name: &'static str, fresh: [u8; 32]) -> Reply<'_, [u8; 32]> {
        self.ask(async move |tx| tx.secret(name, &fresh).await)
    }

    fn close(&self) -> Reply<'_, ()> {
        self.shared.give_back_ahead();
        let (tell, told) = oneshot::channel();
        self.wait_for(Order::Close(tell), told)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
