//! The engine and the real store under a simulated clock, with a disk, a store and a provider that fail by a plan: every
//! seed is a few launches, the people who made them, and up to four ends of the process anywhere: it dies, or is asked to stop.
//! Each is run twice, and all that can be observed must be equal.
//!
//! ```text
//! seed -> World (plan, people's memory, what the provider saw) -> Life, Life, .. (a runtime each) -> verdict
//! ```

mod bulk;
mod disk;
mod keyed;
mod kinds;
mod life;
mod load;
mod people;
mod provider;
mod verdict;
mod watch;
mod world;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::Map;
use store::{Version, Versions, sqlite::ByHand};

use self::world::World;
use crate::proof::Report;

/// Seeds at work at once.
const THREADS: usize = 2;

/// Seeds that are broken before the rest is left.
const BROKEN_MAX: usize = 3;

/// Simulates engine and store, with a disk, a provider and a process that fail by a plan.
#[derive(Debug, Clone, clap::Args)]
pub struct Asked {
    /// How many seeds, each run twice
    #[arg(long, default_value_t = 20_000)]
    pub seeds: u64,
    /// Only this one, with an account of what happened
    #[arg(long)]
    pub seed: Option<u64>,
}

/// What one seed came to.
struct Ended {
    figures: BTreeMap<&'static str, u64>,
    log: Vec<String>,
    broken: Vec<String>,
}

/// Runs every seed twice.
pub fn check(asked: &Asked) -> Report {
    let folder = folder();
    let template = template(folder.path());
    let (first, seeds) = asked.seed.map_or((1, asked.seeds), |seed| (seed, 1));
    let next = AtomicU64::new(first);
    let found = Mutex::new((BTreeMap::<&'static str, u64>::new(), BTreeMap::new()));
    std::thread::scope(|scope| {
        for n in 0..THREADS.min(seeds as usize) {
            let (next, found, template) = (&next, &found, &template);
            let own = folder.path().join(n.to_string());
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds || found.lock().expect("what was found").1.len() >= BROKEN_MAX {
                        return;
                    }
                    let ended = twice(seed, template, &own);
                    if asked.seed.is_some() {
                        ended.log.iter().for_each(|line| println!("{line}"));
                    }
                    let mut found = found.lock().expect("what was found");
                    for (name, count) in ended.figures {
                        *found.0.entry(name).or_default() += count;
                    }
                    if !ended.broken.is_empty() {
                        found.1.insert(seed, ended.broken);
                    }
                }
            });
        }
    });
    let (counted, found) = found.into_inner().expect("what was found");
    let mut figures = Map::new();
    figures.extend(counted.into_iter().map(|(name, count)| (name.to_owned(), count.into())));
    let broken = found.into_iter().flat_map(|(seed, broken)| {
        broken.into_iter().take(2).map(move |what| format!("seed {seed}: {what}"))
    });
    Report { proof: "sim", figures, broken: broken.collect(), ..Report::default() }
}

/// A file system in memory where there is one.
pub(crate) fn folder() -> tempfile::TempDir {
    let made = match Path::new("/dev/shm").is_dir() {
        true => tempfile::tempdir_in("/dev/shm"),
        false => tempfile::tempdir(),
    };
    made.expect("a folder")
}

/// A database with the system in it: each seed begins with a copy.
fn template(folder: &Path) -> PathBuf {
    let path = folder.join("template").join("hefe.db");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let clock = || world::EPOCH_MS as u64 * 1_000;
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
fn twice(seed: u64, template: &Path, folder: &Path) -> Ended {
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
    let world = Arc::new(Mutex::new(World::new(seed)));
    while !life::live(&world, &path) {
        let mut world = world.lock().expect("the world");
        let spread = world.dice.pick(&[5, 500, 10_000]);
        world.now_ms += 1 + world.dice.below(spread) as i64;
    }
    let mut world = world.lock().expect("the world");
    let mut figures = std::mem::take(&mut world.figures);
    figures.insert("seeds", 1);
    Ended { figures, log: std::mem::take(&mut world.log), broken: std::mem::take(&mut world.broken) }
}
