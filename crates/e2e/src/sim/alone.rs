//! One engine over SQLite in simulated time, on one thread, with a disk that fails by a plan: whatever happens can be made to happen again,
//! so each seed is run twice, and all that can be observed must be equal.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use engine::Engine;
use store::{Store, Version, Versions, sqlite::ByHand};
use testkit::{clock::Clock, faulty::Faulty};
use tokio::{sync::Notify, task::JoinSet};

use super::{
    Ended, disk,
    life::{Life, Place, live_runs},
    load, people, verdict,
    world::{Fate, Range, World},
};

/// When a seed begins, milliseconds since 1970: its ids and its lines depend on nothing else.
const EPOCH_MS: i64 = 1_700_000_000_000;

/// Nothing has happened for so long: it never will.
const STUCK: Duration = Duration::from_secs(1_200);

/// Ended runs go then at the latest, also those of a tree that lived when their time came.
const ALL_GONE: Duration = Duration::from_secs(2 * 3_600);

/// A database with the system in it: each seed begins with a copy.
pub(super) fn template(folder: &Path) -> PathBuf {
    let path = folder.join("template").join("hefe.db");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let clock = || EPOCH_MS as u64 * 1_000;
    let settings = store::sqlite::Settings { clock: Arc::new(clock), ..Default::default() };
    let (sqlite, mut by_hand) = ByHand::open(&path, settings).expect("a database");
    let published = {
        let version = Version { system: "main".into(), files: load::files(), broken: Vec::new() };
        sqlite.publish(version, store::Publish::default())
    };
    by_hand.take();
    by_hand.commit(0).expect("a commit");
    runtime.block_on(published).expect("a version");
    by_hand.close().expect("a database that closes");
    path
}

/// One seed, run twice.
pub(super) fn twice(seed: u64, template: &Path, folder: &Path) -> Ended {
    let mut first = once(seed, template, folder);
    let second = once(seed, template, folder);
    let differs = first.log.iter().zip(&second.log).find(|(one, other)| one != other);
    match differs {
        Some((one, other)) => {
            first.broken.push(format!("the second time is another: `{one}`, then `{other}`"))
        }
        None if first.log.len() != second.log.len() => {
            first.broken.push(format!(
                "{} lines the first time, {} the second",
                first.log.len(),
                second.log.len()
            ));
        }
        None => {}
    }
    first
}

fn once(seed: u64, template: &Path, folder: &Path) -> Ended {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).expect("a folder");
    let path = folder.join("hefe.db");
    std::fs::copy(template, &path).expect("a copy");
    let range = Range {
        began_ms: EPOCH_MS,
        kinds: load::kinds(),
        launches: 6,
        fates: &[Fate::Dies, Fate::Dies, Fate::Dies, Fate::Soon, Fate::Now],
        points: [10, 40, 120, 300, 800],
        rough_ms: (5_000, 20_000),
    };
    let world = Arc::new(Mutex::new(World::new(seed, &range)));
    while !live(&world, &path) {
        let mut world = world.lock().expect("the world");
        let spread = world.dice.pick(&[5, 500, 10_000]);
        world.now_ms += 1 + world.dice.below(spread) as i64;
    }
    let mut world = world.lock().expect("the world");
    Ended::of(&mut world)
}

/// Runs one life, until the process dies or all is done; whether all is done.
fn live(world: &Arc<Mutex<World>>, path: &Path) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let clock = Clock::at(world.lock().expect("the world").now_ms);
        let settings =
            store::sqlite::Settings { clock: Arc::new(move || clock.now_us() as u64), ..Default::default() };
        let (sqlite, by_hand) = ByHand::open(path, settings).expect("a database that opens");
        let life = Arc::new(Life::begin(world, Arc::new(sqlite), Place::Alone(clock)));
        let done = tokio::select! {
            biased;
            () = life.dies_some_time() => false,
            done = whole(&life, by_hand) => done,
        };
        life.lets_go();
        done
    })
}

/// All of one life; false: it could not even begin, or was stopped.
async fn whole(life: &Arc<Life>, by_hand: ByHand) -> bool {
    verdict::at_start(life).await;
    let mut tasks = JoinSet::new();
    let closes = Arc::new(Notify::new());
    tasks.spawn(disk::disk(life.clone(), by_hand, life.store.changes(), closes.clone()));
    let store: Arc<dyn Store> = Arc::new(Faulty { inner: life.store.clone(), faults: life.clone() });
    let engine = match Engine::open(store, life.settings()).await {
        Ok(engine) => engine,
        Err(error) => {
            life.log(format!("the process does not start: {error}"));
            life.world().now_ms = life.now_ms();
            return false;
        }
    };
    let stopped = life.stopping();
    let all = async {
        people::all(life, &engine).await;
        until_still(life).await;
    };
    let (worker, mut works) = (engine.clone(), JoinSet::new());
    works.spawn(async move { worker.work(stopped).await });
    let done = tokio::select! {
        biased;
        _ = works.join_next() => false,
        () = all => true,
    };
    match done {
        true => verdict::at_the_end(life).await,
        false => {
            verdict::at_a_stop(life).await;
            closes.notify_one();
            // The disk is the last to go.
            tasks.join_next().await;
        }
    }
    life.is_over();
    life.world().now_ms = life.now_ms();
    done
}

/// Until no run lives.
async fn until_still(life: &Life) {
    let mut changes = life.store.changes();
    loop {
        let account = life.sure(|store| store.account()).await;
        if live_runs(&account) == 0 {
            // What was announced before the disk was done is on its way, and what is kept for a moment goes.
            return life.sleeps(ALL_GONE.as_millis() as u64).await;
        }
        if tokio::time::timeout(STUCK, changes.recv()).await.is_err() {
            return life.broken(format!("runs do not end: {account:?}"));
        }
    }
}
