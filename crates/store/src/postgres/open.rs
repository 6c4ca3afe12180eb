//! A database as it is opened: its schema, the lease of this process, and the tasks that go on beside.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::AtomicI64, mpsc as std_mpsc},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::sync::{Notify, broadcast, mpsc, oneshot};

use super::{
    Postgres, Shared,
    address::Address,
    feed, hosts, lanes,
    link::{Done, Fault, Link, get},
    lock, prune, workers,
    writer::Writer,
};
use crate::Error;

/// The schema that this version writes.
const SCHEMA: i32 = 1;

/// Batches of changes that a slow listener may lag behind.
pub(super) const CHANGES_MAX: usize = 4_096;

/// The oldest server that is spoken to.
const SERVER_MIN: i32 = 140_000;

/// What can be set.
#[derive(Clone)]
pub struct Settings {
    /// Microseconds since 1970; None: the database's time.
    pub clock: Option<Arc<dyn Fn() -> u64 + Send + Sync>>,
    /// Of this process, for people.
    pub name: String,
    /// The queues that are worked here, and how many runs of each at once; None: all.
    pub queues: Option<BTreeMap<Arc<str>, usize>>,
    /// A pooler stands between that gives each transaction another server process.
    pub pooled: bool,
    /// How long this process is taken to be there when it says nothing. All processes of a database go by the same; proofs by a short one.
    #[doc(hidden)]
    pub lease: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { clock: None, name: String::new(), queues: None, pooled: false, lease: workers::LEASE }
    }
}

/// Microseconds since 1970, by the machine's clock.
#[expect(clippy::disallowed_methods, reason = "what the database's time is reckoned from")]
pub(super) fn machine_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

impl Postgres {
    /// Opens the database, makes its tables where there are none, and signs this process on.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it cannot be reached or is too old, [`Error::TooNew`] if a newer hefe has changed its tables.
    pub fn open(url: &str, settings: Settings) -> Result<Postgres, Error> {
        let address = Address::of(url)?;
        let (tell, told) = std_mpsc::channel();
        let failed = |error: std::io::Error| Error::Unavailable(error.to_string().into());
        let (here, gone) = oneshot::channel();
        let here = Arc::new(here);
        let run = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(tell.send(Err(failed(error)))),
            };
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, async {
                match begin(address, settings).await {
                    Ok((shared, writer, orders)) => {
                        let _ = tell.send(Ok(Postgres { shared: shared.clone(), here }));
                        tokio::select! {
                            () = go_on(shared, writer, orders) => {}
                            // Its sender says nothing: it goes.
                            _ = gone => {}
                        }
                    }
                    Err(fault) => drop(tell.send(Err(fault.told()))),
                }
            });
        };
        std::thread::Builder::new().name("database".to_owned()).spawn(run).map_err(failed)?;
        told.recv().unwrap_or(Err(Error::Closed))
    }
}

async fn begin(
    address: Address,
    settings: Settings,
) -> Done<(Arc<Shared>, Writer, mpsc::UnboundedReceiver<super::Order>)> {
    let link = Link::open(&address, settings.pooled, settings.lease).await?;
    migrate(&link).await?;
    let feed_begins = feed::newest(&link).await?;
    let (to, orders) = mpsc::unbounded_channel();
    let shared = Shared {
        address,
        pooled: settings.pooled,
        name: settings.name,
        queues: settings.queues,
        worker: AtomicI64::new(0),
        orders: Mutex::new(Some(to)),
        clock: settings.clock,
        ahead_us: AtomicI64::new(0),
        last_stamp: Default::default(),
        held: Mutex::default(),
        lanes: Mutex::default(),
        ahead: Mutex::default(),
        wanted: Default::default(),
        asks: Notify::new(),
        claiming: Default::default(),
        arrived: Notify::new(),
        look: if settings.pooled { feed::POLL } else { lanes::LOOK },
        ready: Notify::new(),
        changes: broadcast::channel(CHANGES_MAX).0,
        readers: Default::default(),
        next_reader: Default::default(),
        others: true.into(),
        feed_begins,
        news: Mutex::default(),
        news_came: Notify::new(),
        wake_ms: AtomicI64::new(0),
        wakes: Notify::new(),
        lease: settings.lease,
        may_act_ms: Default::default(),
        confirmed: AtomicI64::new(0),
        days: Mutex::default(),
        pins: Mutex::default(),
        counts: Mutex::default(),
        hosts: Default::default(),
        places: Mutex::default(),
        line_moves: Notify::new(),
        bells: Default::default(),
        stopped: Mutex::default(),
        closed: false.into(),
        closing: Notify::new(),
    };
    let worker = workers::register(&link, &shared).await?;
    shared.worker.store(worker, std::sync::atomic::Ordering::Relaxed);
    let days = prune::days(&link).await?;
    lock(&shared.days).extend(days);
    let sql = "SELECT greatest((SELECT max(changed) FROM items), (SELECT max(changed) FROM notifications))";
    let last: Option<i64> = link.one(sql, &[]).await?.map(|row| get(&row, 0)).transpose()?.flatten();
    shared.last_stamp.store(last.unwrap_or(0) as u64, std::sync::atomic::Ordering::Relaxed);
    lock(&shared.lanes).stale = true;
    let shared = Arc::new(shared);
    workers::beat_once(&shared, &mut Some(link)).await?;
    let writer = Writer { shared: shared.clone(), link: None, n: 0, mark: (worker, 0) };
    Ok((shared, writer, orders))
}

/// All that goes on beside, until the writer has closed.
async fn go_on(shared: Arc<Shared>, writer: Writer, orders: mpsc::UnboundedReceiver<super::Order>) {
    let beside = async {
        tokio::join!(
            workers::beat(shared.clone()),
            feed::tell(shared.clone()),
            feed::hear(shared.clone()),
            wake(shared.clone()),
            lanes::claim(shared.clone()),
            hosts::tend(shared.clone()),
        );
    };
    tokio::select! {
        () = writer.work(orders) => {}
        () = async { beside.await; std::future::pending::<()>().await } => {}
    }
}

/// Wakes parked runs when they are due.
async fn wake(shared: Arc<Shared>) {
    loop {
        let now_ms = (shared.now_us() / 1_000) as i64;
        let at_ms = shared.wake_ms.load(std::sync::atomic::Ordering::Relaxed);
        let due = at_ms <= now_ms;
        if due {
            shared.wake_ms.store(i64::MAX, std::sync::atomic::Ordering::Relaxed);
            let told = shared.clone();
            shared.tell_off(async move |tx| {
                if let Some(next_ms) = tx.wake_due(now_ms).await? {
                    told.wake_at(next_ms);
                }
                Ok(())
            });
        }
        // A clock that stands still while we sleep is looked at again; and others may have parked what nobody wakes any more.
        let pause = Duration::from_millis((at_ms.saturating_sub(now_ms)).clamp(1, 10_000) as u64);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shared.wakes.notified() => {}
            () = shared.closing.notified() => return,
        }
    }
}

impl Shared {
    /// What has to be looked for now and then, as whoever should have seen to it may have died.
    pub(super) async fn look_after(&self, link: &Link) -> Done<()> {
        let row =
            link.one("SELECT (SELECT min(wake_at) FROM parks), EXISTS (SELECT 1 FROM doomed)", &[]).await?;
        if let Some(row) = row {
            if let Some(at_ms) = get::<Option<i64>>(&row, 0)? {
                self.wake_at(at_ms);
            }
            if get(&row, 1)? {
                self.tell_off(async |tx| tx.doom_more().await);
            }
        }
        Ok(())
    }
}

/// A connection whose other end is driven by the runtime that asks.
pub(super) async fn on_its_own(shared: &Shared) -> Done<Link> {
    Link::open(&shared.address, shared.pooled, shared.lease).await
}

/// Brings the tables up to date, one process after another.
async fn migrate(link: &Link) -> Done<()> {
    let version: i32 = link
        .one("SELECT current_setting('server_version_num')::integer", &[])
        .await?
        .map(|row| get(&row, 0))
        .transpose()?
        .unwrap_or_default();
    if version < SERVER_MIN {
        let says = format!("PostgreSQL {} is too old; hefe needs 14 or newer", version / 10_000);
        return Err(Error::Unavailable(says.into()).into());
    }
    link.simple("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('hefe schema', 0))").await?;
    let found = async {
        let there = link.one("SELECT to_regclass('hefe_schema') IS NOT NULL", &[]).await?;
        if !there.map(|row| get(&row, 0)).transpose()?.unwrap_or(false) {
            link.simple(include_str!("schema.sql")).await?;
            link.simple(&format!("CREATE TABLE hefe_schema (version integer NOT NULL); INSERT INTO hefe_schema VALUES ({SCHEMA})")).await?;
            return Ok(SCHEMA);
        }
        let row = link.one("SELECT version FROM hefe_schema", &[]).await?;
        Ok::<i32, Fault>(row.map(|row| get(&row, 0)).transpose()?.unwrap_or_default())
    };
    let found = found.await;
    link.simple(if found.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    match found? {
        found if found > SCHEMA => Err(Error::TooNew { found: found as u32, known: SCHEMA as u32 }.into()),
        _ => Ok(()),
    }
}
