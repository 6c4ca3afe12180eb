//! A seed's lives: each is a runtime under a simulated clock, with two engines over one store, as two machines would be. Its end is
//! the process' death, or it is asked to stop.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use engine::{
    Engine, Settings, Stop, Wish,
    effects::http::{Perform, Reply},
};
use interpreter::effect::{Failure, Http};
use store::{
    Fate, Filter, Publish, Runs, Schedules, Store, Timing, Version, Versions,
    sqlite::{ByHand, Sqlite},
};
use testkit::clock::Clock;
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

use super::world::{Course, Doing, Said, Stretch, World};
use crate::dice::Dice;

/// How long the disk takes at most, milliseconds.
const DISK_MS: u64 = 20;

/// Engines at work at once.
const ENGINES: u128 = 2;

/// From the first life to the last, and what is left of it.
pub(super) fn whole(seed: u64, folder: &Path) -> World {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).expect("a folder");
    let path = folder.join("hefe.db");
    let mut world = World::new(seed);
    in_time(async |clock| publish(&world, &path, clock).await, world.now_ms);
    loop {
        let last = world.now_ms >= world.ends_ms;
        let now_ms = world.now_ms;
        in_time(async |clock| live(&mut world, &path, clock).await, now_ms);
        if last {
            break;
        }
        world.rests();
    }
    let now_ms = world.now_ms;
    in_time(
        async |clock| {
            let (sqlite, by_hand) = ByHand::open(&path, settings(Wall::at(clock))).expect("a database");
            look(&mut world, &sqlite).await;
            world.runs = runs(&sqlite).await;
            drop(by_hand);
        },
        now_ms,
    );
    world
}

/// A runtime of its own; with its end all that was under way is gone.
fn in_time<T>(does: impl AsyncFnOnce(Clock) -> T, now_ms: i64) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async { does(Clock::at(now_ms)).await })
}

/// What the machine's clock shows: it can be set.
#[derive(Clone)]
struct Wall {
    clock: Clock,
    set_ms: Arc<AtomicI64>,
}

impl Wall {
    fn at(clock: Clock) -> Wall {
        Wall { clock, set_ms: Arc::default() }
    }

    fn now_ms(&self) -> i64 {
        self.clock.now_ms() + self.set_ms.load(Ordering::Relaxed)
    }
}

fn settings(wall: Wall) -> store::sqlite::Settings {
    store::sqlite::Settings {
        clock: Arc::new(move || wall.now_ms() as u64 * 1_000),
        ..store::sqlite::Settings::default()
    }
}

async fn publish(world: &World, path: &Path, clock: Clock) {
    let (sqlite, mut by_hand) = ByHand::open(path, settings(Wall::at(clock))).expect("a database");
    let mut files: Vec<_> = world.plans.iter().map(super::world::Plan::file).collect();
    files.sort();
    let published =
        sqlite.publish(Version { system: "main".into(), files, broken: Vec::new() }, Publish::default());
    by_hand.take();
    by_hand.commit(0).expect("a commit");
    published.await.expect("a version");
    by_hand.close().expect("a database that closes");
}

/// What is on disk when nobody works: the ledgers, and who is paused.
async fn look(world: &mut World, sqlite: &Sqlite) {
    let before = world.lives.saturating_sub(1);
    for plan in 0..world.plans.len() {
        let id = world.plans[plan].id();
        let mut cursor = None;
        loop {
            let page = sqlite.ledger(id, cursor).await.expect("the ledger");
            cursor = page.last().map(|line| line.due_ms);
            let mut new = false;
            for line in page {
                let known = world.lines[plan].get(&line.due_ms).cloned();
                new |= known.is_none();
                if known.as_ref().is_some_and(|(_, known)| *known != line) {
                    world.broken.push(format!("a line has become another: {known:?}, then {line:?}"));
                }
                world.lines[plan].entry(line.due_ms).or_insert((before, line));
            }
            if !new {
                break;
            }
        }
    }
    let true_ms = world.true_ms;
    for row in sqlite.schedules(None).await.expect("the schedules") {
        let plan = world.plans.iter().position(|plan| plan.id() == row.id).expect("a schedule of ours");
        world.said.push(Said { plan, paused: row.paused.is_some(), true_ms });
    }
}

/// Every run, oldest first.
async fn runs(sqlite: &Sqlite) -> Vec<store::Run> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let filter = Filter { limit: 1_000, cursor, ..Filter::default() };
        let page = sqlite.runs(filter).await.expect("the runs");
        all.extend(page.items);
        cursor = page.cursor;
        if cursor.is_none() {
            all.reverse();
            return all;
        }
    }
}

async fn live(world: &mut World, path: &Path, clock: Clock) {
    let course = world.course();
    let wall = Wall::at(clock);
    let began = (world.now_ms, world.true_ms);
    let (sqlite, by_hand) = ByHand::open(path, settings(wall.clone())).expect("a database that opens");
    look(world, &sqlite).await;
    world.lives += 1;
    let closes = Arc::new(Notify::new());
    let (mut disks, mut works) = (JoinSet::new(), JoinSet::new());
    disks.spawn(disk(by_hand, world.dice.split(), closes.clone()));
    let stop = watch::Sender::new(Stop::No);
    let life = Life { wall: wall.clone(), began, sqlite, stop: stop.clone() };
    tokio::select! {
        biased;
        () = tokio::time::sleep(Duration::from_millis(course.lasts_ms)) => {}
        () = life.goes(world, &course, &mut works) => {}
    }
    life.is_left(world);
    world.count(if course.dies { "kills" } else { "stops" });
    if !course.dies {
        stop.send_replace(Stop::Soon);
        while works.join_next().await.is_some() {}
        closes.notify_one();
        disks.join_next().await;
    }
    world.true_ms = began.1 + clock.now_ms() - began.0;
    world.now_ms = wall.now_ms();
}

/// Takes what waits, takes its time, commits it.
async fn disk(mut by_hand: ByHand, mut dice: Dice, closes: Arc<Notify>) {
    loop {
        tokio::select! {
            biased;
            () = by_hand.waits() => {}
            () = closes.notified() => return by_hand.close().expect("a database that closes"),
        }
        if by_hand.take() == 0 {
            continue;
        }
        let ms = dice.below(DISK_MS);
        tokio::time::sleep(Duration::from_millis(ms)).await;
        by_hand.commit(0).expect("a write-ahead log that moves");
    }
}

struct Life {
    wall: Wall,
    /// What the clock showed, and what one does that nobody sets.
    began: (i64, i64),
    sqlite: Sqlite,
    stop: watch::Sender<Stop>,
}

impl Life {
    fn true_ms(&self) -> i64 {
        self.began.1 + self.wall.clock.now_ms() - self.began.0
    }

    /// Until somebody ends it.
    async fn goes(&self, world: &mut World, course: &Course, works: &mut JoinSet<()>) {
        let mut engines = Vec::new();
        for n in 0..ENGINES {
            engines.push(self.engine(world, n).await);
        }
        self.begins(world, false);
        for engine in &engines {
            let (engine, stop) = (engine.clone(), self.stop.subscribe());
            works.spawn(async move { engine.work(stop).await });
        }
        for (at_ms, doing) in &course.doings {
            let passed_ms = self.true_ms() - self.began.1;
            tokio::time::sleep(Duration::from_millis(at_ms.saturating_sub(passed_ms as u64))).await;
            self.does(world, &engines[0], *doing).await;
        }
        std::future::pending().await
    }

    async fn engine(&self, world: &World, n: u128) -> Engine {
        let store: Arc<dyn Store> = Arc::new(self.sqlite.clone());
        let wall = self.wall.clone();
        let settings = Settings {
            http: Some(Arc::new(Nobody)),
            clock: engine::Clock::new(move || wall.now_ms()),
            seed: Some(u128::from(world.seed) << 64 | (world.lives as u128) << 8 | n),
            ..Settings::default()
        };
        Engine::open(store, settings).await.expect("an engine")
    }

    async fn does(&self, world: &mut World, engine: &Engine, doing: Doing) {
        match doing {
            Doing::Set(by_ms) => {
                self.is_left(world);
                self.wall.set_ms.fetch_add(by_ms, Ordering::Relaxed);
                self.begins(world, true);
                world.count(if by_ms > 0 { "set_forward" } else { "set_back" });
            }
            Doing::Pause(plan) => self.wishes(world, engine, (plan, Wish::Pause)).await,
            Doing::Resume(plan) => self.wishes(world, engine, (plan, Wish::Resume)).await,
            Doing::ByHand(plan) => {
                let ran = engine.run_now(world.plans[plan].id()).await.expect("a start by hand");
                // It may not have been declared yet.
                let Some(line) = ran else { return };
                match (line.run, line.fate) {
                    (Some(run), Fate::Ran(Timing::ByHand)) => world.by_hand.push((plan, run)),
                    other => world.broken.push(format!("a start by hand came to {other:?}")),
                }
            }
        }
    }

    async fn wishes(&self, world: &mut World, engine: &Engine, (plan, wish): (usize, Wish)) {
        let paused = wish == Wish::Pause;
        world.said.push(Said { plan, paused, true_ms: self.true_ms() });
        engine.pause(world.plans[plan].id(), wish, "ada".into()).await.expect("a pause");
    }

    /// From now on somebody is there, and the clock goes on from what it shows.
    fn begins(&self, world: &mut World, set: bool) {
        let now_ms = self.wall.now_ms();
        let life = world.lives - 1;
        let true_ms = self.true_ms();
        world.stretches.push(Stretch { life, from_ms: now_ms, to_ms: i64::MAX, true_ms, set });
    }

    fn is_left(&self, world: &mut World) {
        if let Some(stretch) = world.stretches.last_mut().filter(|stretch| stretch.to_ms == i64::MAX) {
            stretch.to_ms = self.wall.now_ms();
        }
    }
}

/// The workflows call nobody.
#[derive(Debug)]
struct Nobody;

impl Perform for Nobody {
    fn perform<'a>(&'a self, _: &'a Http, _: &'a str, _: &'a str) -> Reply<'a> {
        Box::pin(std::future::ready(Err(Failure::new("connect", "there is nobody"))))
    }
}
