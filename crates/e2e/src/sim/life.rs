//! One life of the process: a runtime of its own, whose end is the process' death. At each point that it passes the plan
//! may let it die; from then on nothing that was under way goes on. Or the plan asks it to stop, and it winds up.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use engine::{Engine, Settings, Stop};
use store::{
    Claimed, Commit, Error, Filter, HostLimits, Id, Run, Runs, Store, Ticket,
    sqlite::{ByHand, Sqlite},
};
use testkit::{
    clock::Clock,
    faulty::{Befalls, Faults, Faulty, Side},
};
use tokio::{
    sync::{Notify, oneshot, watch},
    task::JoinSet,
};

use super::{
    disk,
    kinds::narrow,
    people,
    provider::Provider,
    verdict,
    watch::Watch,
    world::{Fate, World},
};

/// Nothing has happened for so long: it never will.
const STUCK: Duration = Duration::from_secs(1_200);

/// Ended runs go then at the latest, also those of a tree that lived when their time came.
const ALL_GONE: Duration = Duration::from_secs(2 * 3_600);

/// How long the process may take to end when it is to end at once, milliseconds.
const NOW_MS: i64 = 1_500;

pub(crate) struct Life {
    world: Arc<Mutex<World>>,
    watch: Mutex<Watch>,
    clock: Clock,
    /// Points left until its fate.
    left: Mutex<Option<(u64, Fate)>>,
    dead: AtomicBool,
    died: Notify,
    stop: watch::Sender<Stop>,
    /// When it was asked to stop, first and last, milliseconds since 1970.
    stopped_ms: Mutex<Option<(i64, i64)>>,
    /// Calls that somebody waits for.
    pub(crate) calling: AtomicU64,
    pub(crate) sqlite: OnceLock<Sqlite>,
}

/// Runs one life, until the process dies or all is done; whether all is done.
pub(crate) fn live(world: &Arc<Mutex<World>>, path: &Path) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let now_ms = world.lock().expect("the world").now_ms;
        let left = world.lock().expect("the world").fates.pop();
        let life = Arc::new(Life {
            world: world.clone(),
            watch: Mutex::default(),
            clock: Clock::at(now_ms),
            left: Mutex::new(left),
            dead: AtomicBool::new(false),
            died: Notify::new(),
            stop: watch::Sender::new(Stop::No),
            stopped_ms: Mutex::new(None),
            calling: AtomicU64::new(0),
            sqlite: OnceLock::new(),
        });
        let done = tokio::select! {
            biased;
            () = life.died.notified() => false,
            done = whole(&life, path) => done,
        };
        life.lets_go();
        life.world().lives += 1;
        done
    })
}

impl Life {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        // One thread lives in it: who finds it in other hands holds it twice.
        self.world.try_lock().expect("the world in nobody's hands")
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// A line of what happened.
    pub(crate) fn log(&self, what: impl AsRef<str>) {
        let ms = self.now_ms() - super::world::EPOCH_MS;
        let mut world = self.world();
        let line = format!("{:>3}.{:03} {} {}", ms / 1_000, ms % 1_000, world.lives, what.as_ref());
        world.log.push(line);
    }

    pub(crate) fn broken(&self, what: impl Into<String>) {
        let what = what.into();
        self.log(format!("BROKEN: {what}"));
        self.world().broken.push(what);
    }

    pub(crate) fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.try_lock().expect("the watch in nobody's hands")
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// When it was first asked to stop, milliseconds since 1970.
    pub(crate) fn stopped_ms(&self) -> Option<i64> {
        self.stopped_ms.lock().expect("the stop").map(|(first_ms, _)| first_ms)
    }

    /// Passes a point; false: the process is dead.
    pub(crate) fn passes(&self, point: &str) -> bool {
        if self.is_dead() {
            return false;
        }
        let mut left = self.left.lock().expect("the points");
        let fate = left.as_mut().and_then(|(left, fate)| {
            *left -= 1;
            (*left == 0).then_some(*fate)
        });
        if fate.is_some() {
            *left = None;
        }
        drop(left);
        match fate {
            None => {}
            Some(Fate::Dies) => self.dies(point),
            Some(Fate::Soon) => self.stops(point, Stop::Soon),
            Some(Fate::Now) => self.stops(point, Stop::Now),
        }
        !self.is_dead()
    }

    fn dies(&self, point: &str) {
        self.log(format!("the process dies: {point}"));
        let mut world = self.world();
        world.now_ms = self.now_ms();
        world.count("crashes");
        drop(world);
        self.dead.store(true, Ordering::Relaxed);
        self.died.notify_one();
    }

    /// It is asked to stop; what comes of that may be cut short too.
    fn stops(&self, point: &str, stop: Stop) {
        self.log(format!("the process is asked to stop, {stop:?}: {point}"));
        let mut world = self.world();
        world.count("stops");
        let more = world.dice.once_in(3).then(|| {
            let fate = world.dice.pick(&[Fate::Dies, Fate::Now]);
            (1 + world.dice.below(30), fate)
        });
        drop(world);
        *self.left.lock().expect("the points") = more;
        let now_ms = self.now_ms();
        let mut asked = self.stopped_ms.lock().expect("the stop");
        *asked = Some((asked.map_or(now_ms, |(first_ms, _)| first_ms), now_ms));
        drop(asked);
        self.stop.send_replace(stop);
    }

    /// Goes on only in a process that lives.
    pub(crate) async fn goes_on(&self, point: &str) {
        if !self.passes(point) {
            std::future::pending::<()>().await;
        }
    }

    /// Sleeps, if the process lives so long.
    pub(crate) async fn sleeps(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }

    pub(crate) fn calm(&self) -> bool {
        self.now_ms() >= self.world().calm_at_ms
    }

    /// 0 to `n` - 1.
    pub(crate) fn roll(&self, n: u64) -> u64 {
        self.world().dice.below(n)
    }
}

impl Faults for Life {
    fn befalls(&self, call: &'static str, side: Side, writes: bool) -> Befalls<'_> {
        Box::pin(async move {
            self.goes_on(&format!("{side:?} {call}")).await;
            if self.calm() {
                return Ok(());
            }
            let weather = self.world().weather;
            if self.roll(weather.late) == 0 {
                let ms = self.roll(40);
                self.sleeps(ms).await;
            }
            if self.roll(weather.error) == 0 && !(writes && side == Side::After) {
                self.log(format!("{call} fails"));
                self.world().count("errors");
                return Err(Error::Unavailable("the plan says so".into()));
            }
            Ok(())
        })
    }

    fn lives(&self, call: &'static str) -> bool {
        self.passes(call)
    }

    fn claimed(&self, claimed: &[Claimed]) {
        self.has_claimed(claimed);
    }

    fn released(&self, run: Id, epoch: u64) {
        self.has_released(run, epoch);
    }

    fn commit(&self, inner: &dyn Store, commit: Commit) -> Ticket {
        if !self.passes("commit") {
            // Its other end is gone, as the process is.
            return oneshot::channel().1;
        }
        self.has_submitted(&commit);
        inner.commit(commit)
    }
}

/// All of one life; false: it could not even begin.
async fn whole(life: &Arc<Life>, path: &Path) -> bool {
    let clock = life.clock;
    let settings =
        store::sqlite::Settings { clock: Arc::new(move || clock.now_us() as u64), ..Default::default() };
    let (sqlite, by_hand) = ByHand::open(path, settings).expect("a database that opens");
    let _ = life.sqlite.set(sqlite.clone());
    verdict::at_start(life, &sqlite).await;
    let mut tasks = JoinSet::new();
    let changes = sqlite.changes();
    let closes = Arc::new(Notify::new());
    tasks.spawn(disk::disk(life.clone(), by_hand, changes, closes.clone()));
    let store: Arc<dyn Store> = Arc::new(Faulty { inner: Arc::new(sqlite.clone()), faults: life.clone() });
    let (seed, lives) = {
        let world = life.world();
        (world.seed, world.lives)
    };
    let http = Provider {
        life: life.clone(),
        sqlite: sqlite.clone(),
        children: Arc::default(),
        narrow: Arc::default(),
    };
    let settings = Settings {
        http: Some(Arc::new(http)),
        clock: engine::Clock::new(move || clock.now_ms()),
        seed: Some(u128::from(seed) << 64 | u128::from(lives)),
        runs_max: 4,
        hosts: [(
            narrow::HOST.to_owned(),
            HostLimits { concurrent: Some(narrow::CALLS_MAX), ..HostLimits::default() },
        )]
        .into(),
        ..Settings::default()
    };
    let engine = match Engine::open(store, settings).await {
        Ok(engine) => engine,
        Err(error) => {
            life.log(format!("the process does not start: {error}"));
            life.world().now_ms = life.now_ms();
            return false;
        }
    };
    let stopped = life.stop.subscribe();
    let all = async {
        people::all(life, &engine, &sqlite).await;
        until_still(life, &sqlite).await;
    };
    let (worker, mut works) = (engine.clone(), JoinSet::new());
    works.spawn(async move { worker.work(stopped).await });
    let done = tokio::select! {
        biased;
        _ = works.join_next() => false,
        () = all => true,
    };
    match done {
        true => verdict::at_the_end(life, &sqlite).await,
        false => {
            verdict::at_a_stop(life, &sqlite).await;
            closes.notify_one();
            // The disk is the last to go.
            tasks.join_next().await;
        }
    }
    life.dead.store(true, Ordering::Relaxed);
    life.world().now_ms = life.now_ms();
    done
}

/// Until no run lives.
async fn until_still(life: &Life, sqlite: &Sqlite) {
    let mut changes = sqlite.changes();
    loop {
        let account = sqlite.account().await.expect("the account");
        if account.queued + account.running + account.waiting == 0 {
            // What was announced before the disk was done is on its way, and what is kept for a moment goes.
            return life.sleeps(ALL_GONE.as_millis() as u64).await;
        }
        if tokio::time::timeout(STUCK, changes.recv()).await.is_err() {
            return life.broken(format!("runs do not end: {account:?}"));
        }
    }
}

/// Every run that is kept, oldest first.
pub(crate) async fn runs(sqlite: &Sqlite) -> Vec<Run> {
    let filter = Filter { limit: 1_000, ..Filter::default() };
    let mut runs = sqlite.runs(filter).await.expect("the runs").items;
    runs.reverse();
    runs
}

/// Whether a run is on disk now.
pub(crate) async fn kept(sqlite: &Sqlite, run: Id) -> bool {
    let filter = Filter { text: Some(run.to_string()), ..Filter::default() };
    !sqlite.runs(filter).await.expect("the runs").items.is_empty()
}

/// Whether it is on disk, or was until its time was over.
pub(crate) async fn is_known(life: &Life, sqlite: &Sqlite, run: Id) -> bool {
    kept(sqlite, run).await || life.world().brief.contains_key(&run)
}

impl Life {
    /// How the process wound up, once it has; what is wrong with that.
    pub(crate) fn wound_up(&self) -> Option<String> {
        let (first_ms, last_ms) = (*self.stopped_ms.lock().expect("the stop"))?;
        let (now_ms, stop) = (self.now_ms(), *self.stop.borrow());
        let at_most_ms = match stop {
            Stop::Now => last_ms + NOW_MS,
            _ => first_ms + Settings::default().grace_ms as i64 + NOW_MS,
        };
        let calling = self.calling.load(Ordering::Relaxed);
        if calling > 0 {
            return Some(format!("{calling} calls are under way when it has ended"));
        }
        (now_ms > at_most_ms).then(|| format!("it takes {} ms to end, {stop:?}", now_ms - last_ms))
    }

    /// Nothing befalls it that keeps a run from going back to the queue.
    pub(crate) fn hands_back(&self) -> bool {
        let weather = self.world().weather;
        *self.stop.borrow() == Stop::Soon || self.calm() || weather.error.min(weather.refusal) == u64::MAX
    }
}
