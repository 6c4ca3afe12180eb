//! The engine and a real store, with a store, a provider and processes that fail by a plan: every seed is a few launches, the people
//! who made them, and up to four ends of a process anywhere: it dies, or is asked to stop. On SQLite it is one process under a simulated
//! clock, with a disk that fails too ([`alone`]); on PostgreSQL several servers at once ([`many`]).
//!
//! ```text
//! seed -> World (plan, people's memory, what the provider saw) -> Life, Life, .. (a runtime each) -> verdict
//! ```

mod alone;
mod among;
mod bulk;
mod databases;
mod disk;
mod keyed;
mod kinds;
mod life;
mod load;
mod many;
mod people;
mod provider;
mod told;
mod verdict;
mod watch;
mod world;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::Map;

use self::{databases::Databases, world::World};
use crate::{proof::Report, torture::many::SERVERS};

/// Seeds if none are named: on SQLite, and of several servers.
const SEEDS: u64 = 20_000;
const SEEDS_MANY: u64 = 100;

/// Of several servers most of the time is waited.
const THREADS_MANY: usize = 4;

/// Seeds at work at once.
const THREADS: usize = 2;

/// Seeds that are broken before the rest is left.
const BROKEN_MAX: usize = 3;

/// Simulates engine and store, with a disk, a provider and a process that fail by a plan.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Asked {
    /// How many seeds [default: 20000, each run twice; with several servers 100]
    #[arg(long)]
    pub seeds: Option<u64>,
    /// Only this one, with an account of what happened
    #[arg(long)]
    pub seed: Option<u64>,
    /// So many servers on one PostgreSQL, instead of one on SQLite under a simulated clock
    #[arg(long)]
    pub servers: Option<usize>,
    /// A PostgreSQL on which a database is made for each seed [default: one of the proof's own]
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
}

/// What one seed came to.
struct Ended {
    figures: BTreeMap<&'static str, u64>,
    log: Vec<String>,
    broken: Vec<String>,
}

impl Ended {
    fn of(world: &mut World) -> Ended {
        let mut figures = std::mem::take(&mut world.figures);
        figures.insert("seeds", 1);
        Ended { figures, log: std::mem::take(&mut world.log), broken: std::mem::take(&mut world.broken) }
    }
}

/// Goes through every seed.
pub fn check(asked: &Asked) -> Report {
    match asked.servers.or(asked.database.as_ref().map(|_| SERVERS)) {
        Some(servers) => {
            let databases = Databases::at(asked.database.as_deref());
            let seeds = asked.seeds.unwrap_or(SEEDS_MANY);
            seeds_of(asked, (seeds, THREADS_MANY), |seed, _| many::once(seed, servers.max(1), &databases))
        }
        None => {
            let folder = folder();
            let template = alone::template(folder.path());
            let own = |thread: usize| folder.path().join(thread.to_string());
            let seeds = asked.seeds.unwrap_or(SEEDS);
            seeds_of(asked, (seeds, THREADS), |seed, thread| alone::twice(seed, &template, &own(thread)))
        }
    }
}

fn seeds_of(
    asked: &Asked,
    (seeds, threads): (u64, usize),
    once: impl Fn(u64, usize) -> Ended + Sync,
) -> Report {
    let (first, seeds) = asked.seed.map_or((1, seeds), |seed| (seed, 1));
    let next = AtomicU64::new(first);
    let found = Mutex::new((BTreeMap::<&'static str, u64>::new(), BTreeMap::new()));
    std::thread::scope(|scope| {
        for n in 0..threads.min(seeds as usize) {
            let (next, found, once) = (&next, &found, &once);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds || found.lock().expect("what was found").1.len() >= BROKEN_MAX {
                        return;
                    }
                    let ended = once(seed, n);
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
