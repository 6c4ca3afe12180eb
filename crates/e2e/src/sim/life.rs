//! One life of a process: a runtime of its own, whose end is the process' death. At each point that it passes the plan
//! may let it die; from then on nothing that was under way goes on. Or the plan asks it to stop, and it winds up.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use engine::{Settings, Stop};
use store::{Account, Claimed, Commit, Error, Filter, HostLimits, Id, Reply, Run, Store, Ticket};
use testkit::{
    clock::Clock,
    faulty::{Befalls, Faults, Side},
};
use tokio::sync::{Notify, oneshot, watch};

use super::{
    among::Among,
    kinds::narrow,
    provider::Provider,
    watch::Watch,
    world::{Fate, World},
};

/// How long the process may take to end when it is to end at once, milliseconds.
const NOW_MS: i64 = 1_500;

/// Between two such instants, milliseconds.
const STEP_MS: u64 = 100;

/// Between two tries of a read, milliseconds.
const AGAIN_MS: u64 = 100;

pub(crate) struct Life {
    /// Which one of its seed's.
    pub(crate) n: u64,
    /// What is kept, beneath all faults.
    pub(crate) store: Arc<dyn Store>,
    world: Arc<Mutex<World>>,
    watch: Mutex<Watch>,
    place: Place,
    /// Points left until its fate.
    left: Mutex<Option<(u64, Fate)>>,
    dead: AtomicBool,
    died: Notify,
    stop: watch::Sender<Stop>,
    /// When it was asked to stop, first and last, milliseconds since 1970.
    stopped_ms: Mutex<Option<(i64, i64)>>,
    /// Calls that somebody waits for.
    pub(crate) calling: AtomicU64,
}

/// Where a life takes place.
pub(crate) enum Place {
    /// By itself, in simulated time: everything can be judged to the millisecond.
    Alone(Clock),
    /// With other servers on one database, in real time.
    Among(Among),
}

impl Life {
    /// The next one.
    pub(crate) fn begin(world: &Arc<Mutex<World>>, store: Arc<dyn Store>, place: Place) -> Life {
        let mut next = world.lock().expect("the world");
        next.lives += 1;
        Life {
            n: next.lives - 1,
            store,
            world: world.clone(),
            watch: Mutex::default(),
            place,
            left: Mutex::new(next.fates.pop()),
            dead: AtomicBool::new(false),
            died: Notify::new(),
            stop: watch::Sender::new(Stop::No),
            stopped_ms: Mutex::new(None),
            calling: AtomicU64::new(0),
        }
    }

    /// What its engine is told.
    pub(crate) fn settings(self: &Arc<Life>) -> Settings {
        let clock = match self.place {
            Place::Alone(clock) => engine::Clock::new(move || clock.now_ms()),
            Place::Among(_) => engine::Clock::default(),
        };
        Settings {
            http: Some(Arc::new(Provider {
                life: self.clone(),
                children: Arc::default(),
                narrow: Arc::default(),
            })),
            clock,
            seed: Some(u128::from(self.world().seed) << 64 | u128::from(self.n)),
            runs_max: 4,
            hosts: [(
                narrow::HOST.to_owned(),
                HostLimits { concurrent: Some(narrow::CALLS_MAX), ..HostLimits::default() },
            )]
            .into(),
            ..Settings::default()
        }
    }

    /// Until it is dead.
    pub(crate) async fn dies_some_time(&self) {
        self.died.notified().await;
    }

    /// What is under way goes on no more.
    pub(crate) fn is_over(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    /// Hears when it is to stop.
    pub(crate) fn stopping(&self) -> watch::Receiver<Stop> {
        self.stop.subscribe()
    }

    /// It has nothing more to do.
    pub(crate) fn winds_up(&self) {
        self.stop.send_replace(Stop::Soon);
    }

    pub(crate) fn is_alone(&self) -> bool {
        matches!(self.place, Place::Alone(_))
    }

    /// Whether the person who launches that comes here.
    pub(crate) fn is_for(&self, launch: u64) -> bool {
        match &self.place {
            Place::Alone(_) => true,
            Place::Among(among) => among.is_for(launch),
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        match self.is_alone() {
            // One thread lives in it: who finds it in other hands holds it twice.
            true => self.world.try_lock().expect("the world in nobody's hands"),
            false => self.world.lock().expect("the world"),
        }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        match self.place {
            Place::Alone(clock) => clock.now_ms(),
            Place::Among(_) => machine_ms(),
        }
    }

    /// A line of what happened.
    pub(crate) fn log(&self, what: impl AsRef<str>) {
        let now_ms = self.now_ms();
        let mut world = self.world();
        let ms = now_ms - world.began_ms;
        let line = format!("{:>3}.{:03} {} {}", ms / 1_000, ms % 1_000, self.n, what.as_ref());
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
            Some(fate) => {
                if let Place::Among(among) = &self.place {
                    among.befalls(self, fate, point);
                }
            }
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

    /// Among others much of the provider's work ends at the same instant, wherever it was asked for.
    pub(crate) async fn falls_into_step(&self) {
        if !self.is_alone() && self.world().weather.in_step {
            self.sleeps(STEP_MS - self.now_ms() as u64 % STEP_MS).await;
        }
    }

    /// What a read gives. Whoever was cut off asks again.
    pub(crate) async fn sure<T>(&self, read: impl Fn(&dyn Store) -> Reply<'_, T>) -> T {
        loop {
            match read(&*self.store).await {
                Ok(read) => return read,
                Err(error) if self.is_alone() => panic!("a read fails: {error}"),
                Err(_) => self.sleeps(AGAIN_MS).await,
            }
        }
    }

    /// A run was told of.
    pub(crate) fn sees(&self, run: Id) {
        let now_ms = self.now_ms();
        self.world().seen_ms.entry(run).or_insert(now_ms);
    }

    /// The world, for what may outlive this life.
    pub(crate) fn world_itself(&self) -> Arc<Mutex<World>> {
        self.world.clone()
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
        match &self.place {
            Place::Alone(_) => self.has_claimed(claimed),
            Place::Among(among) => among.has_claimed(self, claimed),
        }
    }

    fn released(&self, run: Id, epoch: u64) {
        if self.is_alone() {
            self.has_released(run, epoch);
        }
    }

    fn commit(&self, inner: &dyn Store, commit: Commit) -> Ticket {
        if !self.passes("commit") {
            // Its other end is gone, as the process is.
            return oneshot::channel().1;
        }
        match &self.place {
            Place::Alone(_) => self.has_submitted(&commit),
            Place::Among(among) => return among.submits(self, inner, commit),
        }
        inner.commit(commit)
    }
}

/// Milliseconds since 1970, by the machine's clock.
pub(crate) fn machine_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// How many runs have not ended.
pub(crate) fn live_runs(account: &Account) -> u64 {
    account.queued + account.running + account.waiting
}

/// Every run that is kept, oldest first.
pub(crate) async fn runs(life: &Life) -> Vec<Run> {
    let filter = Filter { limit: 1_000, ..Filter::default() };
    let mut runs = life.sure(|store| store.runs(filter.clone())).await.items;
    runs.reverse();
    runs
}

/// Whether a run is on disk now.
pub(crate) async fn kept(life: &Life, run: Id) -> bool {
    let filter = Filter { text: Some(run.to_string()), ..Filter::default() };
    !life.sure(|store| store.runs(filter.clone())).await.items.is_empty()
}

/// Whether it is on disk, or was until its time was over.
pub(crate) async fn is_known(life: &Life, run: Id) -> bool {
    kept(life, run).await || life.world().brief.contains_key(&run)
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
        (self.is_alone() && now_ms > at_most_ms)
            .then(|| format!("it takes {} ms to end, {stop:?}", now_ms - last_ms))
    }

    /// Nothing befalls it that keeps a run from going back to the queue.
    pub(crate) fn hands_back(&self) -> bool {
        let weather = self.world().weather;
        *self.stop.borrow() == Stop::Soon || self.calm() || weather.error.min(weather.refusal) == u64::MAX
    }
}
