//! One life of the process: a runtime of its own, whose end is the process' death. At each point that it passes the plan
//! may let it die; from then on nothing that was under way goes on.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use engine::{Engine, Settings, Stop};
use store::{
    Change, Changes, Error, Filter, Id, Run, Runs, Store,
    sqlite::{ByHand, Sqlite},
};
use testkit::{
    clock::Clock,
    faulty::{Befalls, Faults, Faulty, Side},
};
use tokio::{
    sync::{Notify, broadcast, watch},
    task::JoinSet,
};

use super::{people, provider::Provider, verdict, world::World};

/// Nothing has happened for so long: it never will.
const STUCK: Duration = Duration::from_secs(1_200);

pub(crate) struct Life {
    world: Arc<Mutex<World>>,
    clock: Clock,
    /// Points left until it dies.
    left: Mutex<Option<u64>>,
    dead: AtomicBool,
    died: Notify,
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
        let left = world.lock().expect("the world").deaths.pop();
        let life = Arc::new(Life {
            world: world.clone(),
            clock: Clock::at(now_ms),
            left: Mutex::new(left),
            dead: AtomicBool::new(false),
            died: Notify::new(),
        });
        tokio::select! {
            biased;
            () = life.died.notified() => false,
            done = whole(&life, path) => done,
        }
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
        let line = format!("{:>3}.{:03} {} {}", ms / 1_000, ms % 1_000, world.died, what.as_ref());
        world.log.push(line);
    }

    pub(crate) fn broken(&self, what: impl Into<String>) {
        let what = what.into();
        self.log(format!("BROKEN: {what}"));
        self.world().broken.push(what);
    }

    /// Passes a point; false: the process is dead.
    pub(crate) fn passes(&self, point: &str) -> bool {
        if self.dead.load(Ordering::Relaxed) {
            return false;
        }
        let mut left = self.left.lock().expect("the points");
        let dies = left.as_mut().is_some_and(|left| {
            *left -= 1;
            *left == 0
        });
        drop(left);
        if dies {
            self.log(format!("the process dies: {point}"));
            let mut world = self.world();
            world.now_ms = self.now_ms();
            world.died += 1;
            drop(world);
            self.dead.store(true, Ordering::Relaxed);
            self.died.notify_one();
        }
        !dies
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
        if self.dead.load(Ordering::Relaxed) {
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
}

/// All of one life; false: it could not even begin.
async fn whole(life: &Arc<Life>, path: &Path) -> bool {
    let clock = life.clock;
    let settings =
        store::sqlite::Settings { clock: Arc::new(move || clock.now_us() as u64), ..Default::default() };
    let (sqlite, by_hand) = ByHand::open(path, settings).expect("a database that opens");
    verdict::at_start(life, &sqlite).await;
    let mut tasks = JoinSet::new();
    let changes = sqlite.changes();
    tasks.spawn(disk(life.clone(), by_hand, changes));
    let store: Arc<dyn Store> = Arc::new(Faulty { inner: Arc::new(sqlite.clone()), faults: life.clone() });
    let (seed, died) = {
        let world = life.world();
        (world.seed, world.died)
    };
    let http = Provider { life: life.clone(), sqlite: sqlite.clone(), children: Arc::default() };
    let settings = Settings {
        http: Some(Arc::new(http)),
        clock: engine::Clock::new(move || clock.now_ms()),
        seed: Some(u128::from(seed) << 64 | u128::from(died)),
        runs_max: 4,
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
    let (_stop, stopped) = watch::channel(Stop::No);
    let worker = engine.clone();
    tasks.spawn(async move { worker.work(stopped).await });
    people::all(life, &engine, &sqlite).await;
    until_still(life, &sqlite).await;
    verdict::at_the_end(life, &sqlite).await;
    life.world().now_ms = life.now_ms();
    true
}

/// Until no run lives.
async fn until_still(life: &Life, sqlite: &Sqlite) {
    let mut changes = sqlite.changes();
    loop {
        let account = sqlite.account().await.expect("the account");
        if account.queued + account.running + account.waiting == 0 {
            // What was announced before the disk was done is on its way.
            return life.sleeps(1_000).await;
        }
        if tokio::time::timeout(STUCK, changes.recv()).await.is_err() {
            return life.broken(format!("runs do not end: {account:?}"));
        }
    }
}

/// The disk: takes what waits, takes its time, commits it or refuses.
async fn disk(life: Arc<Life>, mut by_hand: ByHand, mut changes: broadcast::Receiver<Changes>) {
    loop {
        by_hand.waits().await;
        let many = by_hand.take();
        if many == 0 {
            continue;
        }
        life.goes_on("before a commit").await;
        let weather = life.world().weather;
        let ms = life.roll(weather.disk_ms);
        life.sleeps(ms).await;
        life.goes_on("in a commit").await;
        let refusals = match !life.calm() && life.roll(weather.refusal) == 0 {
            true => 1 + life.roll(2) as u32,
            false => 0,
        };
        by_hand.commit(refusals).expect("a write-ahead log that moves");
        life.world().count("commits");
        if refusals > 0 {
            life.world().count("refusals");
            life.log(format!("the disk refuses {refusals} of {many}"));
        }
        life.goes_on("after a commit").await;
        while let Ok(batch) = changes.try_recv() {
            batch.iter().for_each(|(stamp, change)| seen(&life, *stamp, change));
        }
    }
}

/// What people see live.
fn seen(life: &Life, stamp: u64, change: &Change) {
    match change {
        Change::Run { start, stands } => {
            life.log(format!("{stamp} {} {} {}", start.workflow, start.id, stands.status.word()));
            let mut world = life.world();
            let over = world.over.contains(&start.id);
            if stands.status.ended() {
                world.over.insert(start.id);
            } else {
                world.over.remove(&start.id);
            }
            let asked = world.reopened.contains(&start.id);
            drop(world);
            if over && (stands.status.ended() || !asked) {
                life.broken(format!(
                    "{} {} was over and is {}",
                    start.workflow,
                    start.id,
                    stands.status.word()
                ));
            }
        }
        Change::Progress(item) => {
            life.log(format!(
                "{stamp} bar {} {} of {:?} {:?}",
                item.process, item.progress, item.total, item.status
            ));
            bar(life, item);
        }
        Change::Cancel(run) => life.log(format!("{stamp} {run} is asked to end")),
        Change::Notification(kept) => life.log(format!("{stamp} note {}", kept.body.to_json())),
        Change::Toast(_) | Change::Users => {}
    }
}

/// A bar's newest state.
pub(crate) fn bar(life: &Life, item: &store::Item) {
    let now = (item.seq, item.progress);
    let before = life.world().bars.insert(item.id, now).unwrap_or(now);
    if now.0 < before.0 || now.1 < before.1 {
        life.broken(format!("bar {} went back from {before:?} to {now:?}", item.process));
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
